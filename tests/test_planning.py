"""Plans: what to run for a verdict, in which order, and what would change the verdict."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure import (
    REGION,
    UBUNTU,
    WINDOWS,
    Body,
    collection,
    data_disk,
    disk,
    disk_id,
    encryption_set,
    instance_view,
    merge,
    os_disk,
    resource_id,
    restore_point,
    scale_set,
    scale_set_id,
    sku,
    uniform_instance,
    vm,
    vm_id,
)
from cases import MATRIX
from hypothesis import given
from hypothesis import strategies as st
from overlays import write_overlay
from plans import (
    BLOB,
    CONFIDENTIAL,
    COREOS,
    CUSTOMER,
    FLATCAR,
    LAYERS,
    LOCAL,
    NO_SKU,
    OLD_WINDOWS,
    PROPERTY,
    TARGET,
    ULTRA,
    ids,
    make,
    of_kind,
    only,
    operations,
    step,
)

import rpmatrix as rp
from rpmatrix.eligibility.assessment import AnswerError, Verdict
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES
from rpmatrix.matrix.schema import read_schema
from rpmatrix.planning.commands.operations import (
    CopyRestorePoint,
    CreateCollection,
    CreateDisk,
    CreateRestorePoint,
    DeleteCollection,
    DeleteRestorePoint,
    FollowProgress,
    ListCollections,
    ListRestorePoints,
    Operation,
    ShowDisk,
    ShowVm,
)
from rpmatrix.planning.commands.write import CLIENTS
from rpmatrix.planning.names import NAME_LENGTH, PlanError
from rpmatrix.planning.plan import PHASES, SAFE_PHASES, Plan, VmPlan, plan
from rpmatrix.planning.schedule import ScheduleError
from rpmatrix.planning.steps import DISK_RESTORE_POINT_NAME
from rpmatrix.planning.what_if import ELIGIBLE

# --------------------------------------------------------------------------- what always holds


def holds(found: Plan) -> None:
    """Fail if a plan does what no plan may do."""
    for one in found.vms:
        steps_hold(one)
        recommendation_holds(one)
        for change in one.what_if:
            assert one.comparison.lines[MODES.index(change.mode)].verdict not in ELIGIBLE
            assert change.verdict in ELIGIBLE
            assert change.changes
            assert all(each.side_effect and each.how for each in change.changes)
        if found.target_region:
            copy_holds(one)
        else:
            assert one.copy is None
            assert not [each for each in one.steps if each.phase == "copy"]
            assert "step-restore-copy" not in ids(one)
    deletions = (DeleteCollection, DeleteRestorePoint)
    for command in found.commands("rest", phases=SAFE_PHASES):
        assert not isinstance(command.operation, deletions)
        assert command.method != "DELETE"


def steps_hold(found: VmPlan) -> None:
    verdict, steps = found.verdict, found.steps
    assert [each.number for each in steps] == list(range(1, len(steps) + 1))
    places = [PHASES.index(each.phase) for each in steps]
    assert places == sorted(places)
    for each in steps:
        assert each.applies in ("yes", "unknown")
        assert not (each.operations and each.blocked)
    assert found.mode == (verdict.mode if verdict.verdict in ELIGIBLE else "")
    if verdict.verdict == "not_supported":
        assert steps == ()
    elif verdict.verdict == "unknown":
        assert ids(found) == ["step-settle"]
        assert {type(each) for each in operations(found)} <= {ShowVm, ShowDisk}
        assert found.not_saved == ()
        assert set(verdict.missing) <= set(found.questions)
        asked = [each for each in verdict.missing if each.command]
        if found.vm.id.startswith("/") and not found.vm.declared and asked:
            assert operations(found)
    else:
        creation_holds(found, verdict)


def creation_holds(found: VmPlan, verdict: Verdict) -> None:
    assert not [each for each in found.steps if each.phase == "settle"]
    excluded = [each.id for each in verdict.exclude_disks]
    created = of_kind(found, CreateRestorePoint)
    (creating,) = (each for each in found.steps if each.id == f"step-create-{verdict.mode}")
    assert len(created) == (0 if creating.blocked else 1)
    for each in created:
        assert list(each.exclude_disk_ids) == excluded
        assert each.consistency_mode == verdict.mode
        # No other operation, and no request about keys, so much as names an excluded disk.
        assert not each.disk_encryption
        others = repr([one for one in operations(found) if one is not each])
        assert not [one for one in excluded if one and f"{one}'" in others]
    if not created:
        made = [one for one in operations(found) if not _looks(one)]
        assert {type(one) for one in made} <= {CreateCollection}
    order = [
        "target" if isinstance(each, CreateCollection) and each.cross_region else type(each)
        for each in operations(found)
    ]
    wanted = [CreateCollection, CreateRestorePoint, FollowProgress, "target", CopyRestorePoint]
    wanted += [CreateDisk, DeleteRestorePoint]
    places = [order.index(kind) for kind in wanted if kind in order]
    assert places == sorted(places)
    left_out = [each.label for each in verdict.exclude_disks]
    told = [each.what for each in found.not_saved if each.certain]
    assert told[: len(left_out)] == left_out
    restored = of_kind(found, CreateDisk)
    if restored:
        assert len(restored) == len(found.vm.disks) - len(excluded)
        assert len({each.disk_id.lower() for each in restored}) == len(restored)
    asks = {each.id for each in found.steps} & {"step-exclude", "step-excluded-elsewhere"}
    assert len(asks) == (2 if excluded else 0)


def _looks(operation: Operation) -> bool:
    return isinstance(operation, ShowVm | ShowDisk | ListCollections | ListRestorePoints)


def copy_holds(found: VmPlan) -> None:
    assert found.copy is not None
    copying = [each for each in found.steps if each.phase == "copy"]
    if found.verdict.verdict not in ELIGIBLE or found.copy.answer == "not_supported":
        assert not copying
        assert not of_kind(found, CopyRestorePoint)
    elif found.copy.answer == "unknown":
        assert copying[0].id == "step-settle-copy"
        assert set(found.copy.reasons) <= set(copying[0].rows)
        assert not [one for each in copying[1:] for one in each.operations]
        assert set(found.copy.questions) <= set(found.questions)
    else:
        assert "step-settle-copy" not in ids(found)
        assert "step-copy" in ids(found)
        created = of_kind(found, CreateRestorePoint)
        copied = of_kind(found, CopyRestorePoint)
        assert len(copied) == len(created)
        for source, target in zip(created, copied, strict=True):
            assert target.source_restore_point_id == source.restore_point_id
            assert target.collection_id.lower() != source.collection_id.lower()


def recommendation_holds(found: VmPlan) -> None:
    comparison = found.comparison
    lines = {each.mode: each for each in comparison.lines}
    assert tuple(lines) == MODES
    possible = [each for each in comparison.lines if each.verdict in ELIGIBLE]
    if not possible:
        assert (comparison.recommended, comparison.reason, comparison.rows) == ("", "", ())
        return
    best = lines[comparison.recommended]
    assert best in possible
    assert best.excluded == min(each.excluded for each in possible)
    if len(possible) == 2 and possible[0].excluded == possible[1].excluded:
        assert comparison.recommended == "application"
        assert comparison.rows == ("step-mode-prefer-application",)
    else:
        assert comparison.reason
        decided = {row for each in comparison.lines for row in each.rows}
        assert {*comparison.rows} - decided <= {"step-mode-prefer-sure"}


# ----- who says so


def sentences(found: Plan) -> Iterator[tuple[str, Sequence[str]]]:
    """Give every sentence of advice with the rows that say it."""
    for one in found.vms:
        for each in one.steps:
            yield f"{each.title}: {each.advice}", each.rows
        for lost in one.not_saved:
            yield f"{lost.what}: {lost.why}", lost.rows
        for line in one.comparison.lines:
            yield line.meaning, line.rows
        if one.comparison.recommended:
            yield one.comparison.reason, one.comparison.rows
        for offer in one.what_if:
            for change in offer.changes:
                yield f"{change.title}: {change.how} {change.side_effect}", change.rows
        for question in one.questions:
            yield question.title, question.rows
        for answer in one.encryption:
            for said in answer.lines:
                yield said.text, said.rows
        if one.copy:
            yield one.copy.answer, one.copy.reasons
            for rule in one.copy.lines:
                yield rule.text, rule.rows
        if one.schedule:
            for limit in one.schedule.limits:
                yield limit.title, limit.rows
            for more in (one.schedule.largest_retention, one.schedule.collision):
                if more:
                    yield repr(more), more.rows
    for group in found.groups:
        yield group.id, group.rows


def cited(found: Plan) -> int:
    """Fail if a sentence has no row, or one that the matrix does not know; count the sentences."""
    matrix, number = found.assessment.matrix, 0
    for text, rows in sentences(found):
        number += 1
        assert text.strip(": ")
        assert rows, f"nobody says: {text}"
        unknown = [row for row in rows if not matrix.has_row(row)]
        assert not unknown, f"{unknown} is to have said: {text}"
    for one in found.vms:
        for each in one.steps:
            row = matrix.row(each.id, "steps")
            assert (each.title, each.advice, each.phase) == (
                row["title"],
                row["advice"],
                row["phase"],
            )
            assert each.rows[0] == each.id
    return number


# ----- every sample


@pytest.mark.parametrize("target", ["", TARGET])
@pytest.mark.parametrize("mode", [*MODES, None])
@pytest.mark.parametrize("name", sample_names())
def test_every_plan_of_every_sample_holds_and_is_cited(
    name: str, mode: str | None, target: str
) -> None:
    for matrix in LAYERS:
        found = make(
            *sample_vm(name),
            matrix=matrix,
            mode=mode,
            target_region=target,
            every=timedelta(hours=4),
            retention=timedelta(days=30),
        )
        holds(found)
        assert cited(found) > 3


def test_the_samples_give_hundreds_of_sets_of_commands_for_every_client() -> None:
    written = 0
    for name in sample_names():
        inventory = rp.read_inventory(sample_vm(name))
        found = rp.assess(inventory, MATRIX)
        for mode in MODES:
            for target in ("", TARGET):
                made = plan(found, mode=mode, target_region=target)
                for client in CLIENTS:
                    commands = made.commands(client, phases=PHASES)
                    assert [each.client for each in commands] == [client] * len(commands)
                    assert all(each.text or each.notes for each in commands)
                    distinct = {each for one in made.vms for each in operations(one)}
                    assert {each.operation for each in commands} == distinct
                    written += bool(commands)
    assert written >= 200


# ----- VMs that were thought up

often = st.integers(0, 3).map(bool)
SKUS = ["Premium_LRS", "Standard_LRS", "StandardSSD_ZRS", "UltraSSD_LRS", "PremiumV2_LRS"]
IMAGES = [UBUNTU, WINDOWS, COREOS, FLATCAR, OLD_WINDOWS, {**UBUNTU, "publisher": "nobody"}, None]
NAMES = ["vm-harbour", "v" * 64, "it's $(odd)", "ein-schöner-name", "a b;rm -rf c", "50%`y`"]


@st.composite
def estates(draw: Callable[[Any], Any]) -> list[Body]:
    """Draw one to three VMs with disks and collections, some described well and some badly."""
    records: list[Body] = []
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    for number, name in enumerate(names):
        data = []
        for lun in range(draw(st.integers(0, 3))):
            shown = draw(st.sampled_from([*map(sku, SKUS), sku("Premium_LRS"), NO_SKU, NO_ID]))
            data.append(data_disk(lun, f"disk-{number}-{lun}", **shown))
        system = {} if draw(often) else draw(st.sampled_from([LOCAL, BLOB, {**LOCAL, **NO_ID}]))
        changes: Body = {} if draw(often) else draw(st.sampled_from([CONFIDENTIAL, IN_SET, FLEX]))
        image = draw(st.sampled_from(IMAGES))
        windows = bool(image and image["publisher"].startswith("MicrosoftW"))
        record = (vm if draw(often) else uniform_instance)(
            name,
            image=image,
            os="Windows" if windows else "Linux",
            system=os_disk(f"disk-{number}-os", **system),
            data=data,
            top={"zones": ["2"]} if draw(st.booleans()) else {},
            **changes,
        )
        records.append(record)
        for attached in (*data, {"name": f"disk-{number}-os"}):
            if draw(st.booleans()):
                told = draw(st.sampled_from(DISK_RECORDS))
                kind = draw(st.sampled_from(SKUS))
                records.append(disk(attached["name"], sku=kind, **told))
        points = draw(st.sampled_from([None, (), ("vm",)]))
        if draw(st.booleans()):
            listed = points and [restore_point(name, 1), restore_point(name, 7, mode=None)]
            records.append(collection(name, listed if points else points))
    return records


NO_ID = {"managedDisk": {"id": None}}
IN_SET = {"availabilitySet": {"id": resource_id("Microsoft.Compute/availabilitySets", "as-one")}}
FLEX = {"virtualMachineScaleSet": {"id": scale_set_id()}}
SET_ID = resource_id("Microsoft.Compute/diskEncryptionSets", "des-one")
UNDER_KEY = {"encryption": {"type": CUSTOMER, "diskEncryptionSetId": SET_ID}}
DISK_RECORDS: list[Body] = [
    {},
    {"maxShares": 2},
    {"securityProfile": {"securityType": "TrustedLaunch"}},
    UNDER_KEY,
    {"networkAccessPolicy": "AllowPrivate", "diskAccessId": disk_id("access")},
]


@PROPERTY
@given(
    estates(),
    st.sampled_from([*MODES, None]),
    st.sampled_from(["", TARGET]),
    st.sampled_from([None, timedelta(minutes=30), timedelta(hours=4)]),
    st.booleans(),
    st.sampled_from(CLIENTS),
)
def test_every_plan_of_a_generated_estate_holds_and_is_cited(
    records: list[Body],
    mode: str | None,
    target: str,
    every: timedelta | None,
    strict: bool,
    client: str,
) -> None:
    found = make(
        *records,
        strict=strict,
        mode=mode,
        target_region=target,
        every=every,
        retention=40,
        client=client,
    )
    holds(found)
    cited(found)
    commands = found.commands(phases=PHASES)
    assert {each.client for each in commands} <= {client}
    assert {each.operation for each in commands} == {
        each for one in found.vms for each in operations(one)
    }
    # What is created has one creator, a length that Azure takes, and no name that is in use.
    created = [each for one in found.vms for each in of_kind(one, CreateCollection)]
    keys = [each.collection_id.lower() for each in created]
    assert len(set(keys)) == len(keys)
    known = {record.key for record in found.assessment.inventory.records}
    points = {
        each.restore_point_id.lower()
        for one in found.vms
        for each in (*of_kind(one, CreateRestorePoint), *of_kind(one, CopyRestorePoint))
    }
    listed = {
        str(point["id"]).lower()
        for record in records
        for point in record["properties"].get("restorePoints", ())
    }
    assert not known & {*keys, *points}
    assert not points & listed
    disks = [each.disk for one in found.vms for each in of_kind(one, CreateDisk)]
    assert all(len(each) <= NAME_LENGTH for each in disks)
    assert all(len(each.collection) <= NAME_LENGTH for each in created)


# --------------------------------------------------------------------------- application or crash

Case = tuple[Body, list[Body], str, str, str]
RECOMMENDED: dict[str, Case] = {
    # the VM, what is known besides; the mode to take, the row behind it, a word of the reason
    "both modes alike": (vm(), [], "application", "step-mode-prefer-application", "faster"),
    "crash leaves a disk out": (
        vm(data=[data_disk(0, **sku("UltraSSD_LRS"))]),
        [],
        "application",
        "ultra-disk",
        "Ultra Disk",
    ),
    "both leave out, crash more": (
        vm(data=[data_disk(0, **sku("UltraSSD_LRS")), data_disk(1), data_disk(2)]),
        [disk("disk-data-1", maxShares=2)],
        "application",
        "ultra-disk",
        "shared",
    ),
    "both leave the same out": (
        vm(data=[data_disk(0), data_disk(1)]),
        [disk("disk-data-0", maxShares=2)],
        "application",
        "step-mode-prefer-application",
        "same disks",
    ),
    "application is refused": (vm(image=COREOS), [], "crash", "os-linux-coreos", "crash"),
    "application is open": (
        vm(image=OLD_WINDOWS, os="Windows"),
        [],
        "crash",
        "step-mode-prefer-sure",
        "open",
    ),
    "crash is open": (
        vm(data=[data_disk(0, **NO_SKU)]),
        [],
        "application",
        "step-mode-prefer-sure",
        "open",
    ),
    "both are refused": (vm(**CONFIDENTIAL), [], "", "", ""),
    "both are open": (merge(vm(), {"properties": {"storageProfile": None}}), [], "", "", ""),
}


@pytest.mark.parametrize("case", RECOMMENDED)
def test_the_recommended_mode_is_possible_and_leaves_the_fewest_disks_out(case: str) -> None:
    record, others, mode, row, word = RECOMMENDED[case]
    found = only(make(record, *others))
    assert found.comparison.recommended == mode
    assert row in found.comparison.rows or not row
    assert word in found.comparison.reason
    assert found.mode == mode


def test_the_mode_that_leaves_fewer_disks_out_is_recommended_whichever_it_is(
    tmp_path: Path,
) -> None:
    """In the matrix crash consistency never leaves out fewer; a layer may say otherwise."""
    row = {**MATRIX.row("premium-ssd", "scenarios"), "grain": "data_disk"}
    row |= {"id": "premium-ssd-v2-disk", "remedy": "Leave the disk out.", "source": "test"}
    row |= {"application": "exclude_disk", "crash": "supported"}
    with (tmp_path / "scenarios.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, row, lineterminator="\n")
        table.writeheader()
        table.writerow(row)
    about = dict.fromkeys(("owner", "purpose", "source"), "test") | {"date": "2026-11-22"}
    about |= {"valid_until": "2027-11-22"}
    (tmp_path / "about.json").write_text(json.dumps(about), encoding="utf-8")
    record = vm(data=[data_disk(0, **sku("PremiumV2_LRS"))])
    found = only(make(record, matrix=rp.load_matrix(tmp_path)))
    assert [line.excluded for line in found.comparison.lines] == [1, 0]
    assert (found.mode, found.comparison.recommended) == ("crash", "crash")
    assert found.comparison.rows == ("premium-ssd-v2-disk",)


def test_the_reason_names_what_keeps_the_other_mode_open() -> None:
    found = only(make(vm(data=[data_disk(0, **NO_SKU)])))
    assert {*found.comparison.rows} == {
        "step-mode-prefer-sure",
        "premium-ssd-v2-disk",
        "ultra-disk",
    }


def test_what_a_plan_looks_for_is_in_the_table() -> None:
    told = {row["purpose"] for row in MATRIX.table("steps")} - {""}
    assert told == set(read_schema()["steps"].column("purpose").enum)
    meant = [row["value"] for row in MATRIX.table("steps") if row["purpose"] == "mode_meaning"]
    assert sorted(meant) == sorted(MODES)


@pytest.mark.parametrize("purpose", ["mode_meaning", "mode_preference", "sure_mode"])
def test_what_a_mode_is_and_why_it_is_taken_is_said_by_the_rows_with_that_purpose(
    tmp_path: Path, purpose: str
) -> None:
    """A layer may say it in other words, or withdraw it: then the comparison goes without."""
    rows = [row for row in MATRIX.table("steps") if row["purpose"] == purpose]
    assert rows
    told = [
        {
            "like": row.id,
            "id": f"own-{row.id}",
            "advice": f"Own words of {row.id}.",
            "position": "1",
        }
        for row in rows
    ]
    gone = [
        {"id": f"no-{row.id}", "table": "steps", "row_id": row.id, "reason": "test", "source": "t"}
        for row in rows
    ]
    records = [vm(), vm(data=[data_disk(0, **NO_SKU)])]
    reworded = rp.load_matrix(write_overlay(tmp_path / "own", {"steps": told}))
    comparisons = [only(make(one, matrix=reworded)).comparison for one in records]
    texts = [text for one in comparisons for text in (one.reason, *(x.meaning for x in one.lines))]
    assert {text for text in texts if text.startswith("Own words")} == {
        f"Own words of {row.id}." for row in rows
    }
    silent = rp.load_matrix(write_overlay(tmp_path / "silent", {"withdrawn": gone}))
    for record, before in zip(records, comparisons, strict=True):
        found = only(make(record, matrix=silent)).comparison
        assert found.recommended == before.recommended
        assert not {row.id for row in rows} & {row for one in found.lines for row in one.rows}
        assert not {row.id for row in rows} & {*found.rows}


def test_a_reason_is_said_once_however_many_disks_give_it() -> None:
    data = [data_disk(0, **sku("UltraSSD_LRS")), data_disk(1, **sku("UltraSSD_LRS"))]
    reason = only(make(vm(data=data))).comparison.reason
    assert reason.count("Ultra Disk attached as data disk. ") == 1


def test_the_mode_that_is_asked_for_is_planned_though_another_is_recommended() -> None:
    record = vm(data=[data_disk(0, **sku("UltraSSD_LRS"))])
    found = only(make(record, mode="crash"))
    assert (found.mode, found.comparison.recommended) == ("crash", "application")
    (created,) = of_kind(found, CreateRestorePoint)
    assert created.exclude_disk_ids == (disk_id("disk-data-0"),)


def test_modes_that_were_not_assessed_are_compared_all_the_same() -> None:
    both = make(vm(image=COREOS), target_region=TARGET)
    for mode in MODES:
        one = make(vm(image=COREOS), modes=[mode], target_region=TARGET)
        assert only(one).comparison == only(both).comparison
        assert only(one).steps == only(both).steps
        assert only(one).copy == only(both).copy


# --------------------------------------------------------------------------- unknown verdicts


def test_an_unknown_verdict_is_settled_with_commands_for_the_records_that_tell() -> None:
    quiet = [data_disk(0, **NO_SKU), data_disk(1), data_disk(2, **NO_SKU)]
    found = only(make(vm(data=quiet), mode="crash"))
    assert found.verdict.verdict == "unknown"
    assert ids(found) == ["step-settle"]
    shown = [disk_id("disk-data-0"), disk_id("disk-data-2")]
    assert [each.disk_id for each in of_kind(found, ShowDisk)] == shown
    assert of_kind(found, ShowVm) == []
    assert set(found.steps[0].rows) == {"step-settle", "ultra-disk", "premium-ssd-v2-disk"}


def test_a_question_about_the_vm_is_settled_with_its_instance_view() -> None:
    found = only(make(vm(image=None), mode="application"))
    assert found.verdict.verdict == "unknown"
    assert operations(found) == [ShowVm(vm_id=vm_id(), instance_view=True)]


def test_what_the_vm_tells_of_a_disk_is_settled_with_the_vm() -> None:
    record = merge(vm(), {"properties": {"hardwareProfile": None}})
    found = only(make(record, disk("vm-harbour-os")))
    assert ("ephemeral", "vm-harbour-os") in {(one.fact_id, one.disk) for one in found.questions}
    assert of_kind(found, ShowDisk) == []
    assert of_kind(found, ShowVm)


def test_disks_that_the_record_does_not_list_are_settled_with_the_vm() -> None:
    found = only(make(merge(vm(), {"properties": {"storageProfile": None}})))
    assert operations(found) == [ShowVm(vm_id=vm_id(), instance_view=True)]


@pytest.mark.parametrize(
    ("record", "row", "asked"),
    [
        (vm(image=OLD_WINDOWS, os="Windows"), "os-esu", {"extended_security_updates"}),
        (vm(image=FLATCAR), "os-linux-flatcar", set()),
    ],
)
def test_what_no_command_can_tell_gets_none(record: Body, row: str, asked: set[str]) -> None:
    found = only(make(record, mode="application"))
    assert found.verdict.verdict == "unknown"
    assert row in found.steps[0].rows
    assert operations(found) == []
    assert {each.fact_id for each in found.questions} == asked


# --------------------------------------------------------------------------- excluded disks


def test_a_key_of_an_excluded_disk_calls_for_nothing() -> None:
    data = [data_disk(0, **sku("UltraSSD_LRS")), data_disk(1)]
    keyed = disk("disk-data-0", **ULTRA, **UNDER_KEY)
    others = [disk("disk-data-1"), disk("vm-harbour-os")]
    about_keys = {"step-customer-key", "step-read-encryption"}
    assert about_keys <= {*ids(only(make(vm(data=data), keyed, *others, mode="application")))}
    assert not about_keys & {*ids(only(make(vm(data=data), keyed, *others, mode="crash")))}


def test_an_excluded_disk_without_an_id_stops_the_creation_and_all_that_follows() -> None:
    record = vm(system=os_disk(**LOCAL, **NO_ID), data=[data_disk(0)])
    found = only(make(record, disk("disk-data-0"), target_region=TARGET))
    assert found.verdict.verdict == "exclude_disks"
    creating = step(found, "step-create-application")
    assert "resource id of disk-os" in creating.blocked
    later = found.steps[creating.number :]
    waiting = [each for each in later if "follow" in each.id or each.phase == "copy"]
    assert waiting
    assert all(
        each.blocked == f"it comes after step {creating.number}, which cannot be run yet"
        for each in waiting
        if each.id not in ("step-follow-mode", "step-copy-key")
    )
    assert all(_looks(each) for each in operations(found) if not isinstance(each, CreateCollection))


def test_without_its_os_disk_a_vm_is_built_around_its_data() -> None:
    whole = only(make(vm(data=[data_disk(0)])))
    data_only = only(make(vm(system=os_disk(**LOCAL), data=[data_disk(0)])))
    assert "step-restore-vm" in ids(whole)
    assert "step-restore-data" not in ids(whole)
    assert "step-restore-data" in ids(data_only)
    assert "step-restore-vm" not in ids(data_only)


# --------------------------------------------------------------------------- restoring


def test_disks_are_restored_with_what_they_were() -> None:
    system = os_disk(name="disk-os")
    data = [data_disk(0, **sku("Premium_ZRS")), data_disk(1, **sku("Standard_LRS"))]
    records = [
        disk("disk-os"),
        disk("disk-data-0", sku="Premium_ZRS"),
        disk("disk-data-1", sku="Standard_LRS", **UNDER_KEY),
    ]
    record = vm(system=system, data=data, top={"zones": ["3"]})
    found = only(make(record, *records, encryption_set()))
    shown = [
        (each.disk, each.sku, each.zone, each.encryption_type, each.disk_encryption_set_id)
        for each in of_kind(found, CreateDisk)
    ]
    assert shown == [
        ("disk-os-restored", "Premium_LRS", "3", None, None),
        ("disk-data-0-restored", "Premium_ZRS", None, None, None),
        ("disk-data-1-restored", "Standard_LRS", "3", CUSTOMER, SET_ID),
    ]
    for each in of_kind(found, CreateDisk):
        assert each.disk_restore_point_id.endswith(f"/diskRestorePoints/{DISK_RESTORE_POINT_NAME}")
    assert DISK_RESTORE_POINT_NAME in step(found, "step-restore-disk").advice


def test_a_disk_of_unknown_sku_is_not_forgotten() -> None:
    found = only(make(vm(data=[data_disk(0), data_disk(1, **NO_SKU)]), mode="application"))
    restoring = step(found, "step-restore-disk")
    assert restoring.operations == ()
    assert "SKU of disk-data-1;" in restoring.blocked


def test_a_disk_that_was_restored_before_is_not_written_over() -> None:
    before = disk("vm-harbour-os-restored") | {"managedBy": None}
    (restored,) = of_kind(only(make(vm(), before)), CreateDisk)
    assert restored.disk == "vm-harbour-os-restored-2"


# --------------------------------------------------------------------------- groups

AVAILABILITY_SET = resource_id("Microsoft.Compute/availabilitySets", "as-harbour")
IN_AVAILABILITY_SET = {"availabilitySet": {"id": AVAILABILITY_SET.upper()}}
IN_SCALE_SET = {"virtualMachineScaleSet": {"id": scale_set_id()}}


def availability_set(*members: str) -> Body:
    kind = "Microsoft.Compute/availabilitySets"
    listed = {"virtualMachines": [{"id": vm_id(name).upper()} for name in members]}
    return {"id": AVAILABILITY_SET, "name": "as-harbour", "type": kind, "properties": listed}


def flexible(*members: str) -> Body:
    listed = {"virtualMachines": [{"id": vm_id(name)} for name in members]}
    return merge(scale_set(), {"properties": listed})


@pytest.mark.parametrize(
    ("inside", "listing", "kind", "row", "step_id"),
    [
        (
            IN_AVAILABILITY_SET,
            availability_set,
            "availability_set",
            "availability-set",
            "step-availability-set",
        ),
        (IN_SCALE_SET, flexible, "flexible_scale_set", "vmss-flex", "step-flexible-scale-set"),
    ],
)
def test_members_of_a_set_are_planned_together(
    inside: Body, listing: Callable[..., Body], kind: str, row: str, step_id: str
) -> None:
    one, two = vm("vm-one", **inside), vm("vm-two", **inside)
    (group,) = make(one, two, listing("vm-one", "vm-two")).groups
    assert group.kind == kind
    assert group.members == (vm_id("vm-one"), vm_id("vm-two"))
    assert (group.missing, group.complete, group.ready) == ((), True, True)
    assert group.rows == (row,)
    assert step_id in ids(make(one, two).vms[0])

    # One that the set lists and no record describes.
    (group,) = make(one, two, listing("vm-one", "vm-two", "vm-three")).groups
    assert [each.lower() for each in group.missing] == [vm_id("vm-three").lower()]
    assert (group.complete, group.ready) == (True, False)

    # One that the plan leaves out.
    (group,) = make(one, two, listing("vm-one", "vm-two"), vms="vm-two").groups
    assert (group.members, group.missing) == ((vm_id("vm-two"),), (vm_id("vm-one"),))
    assert not group.ready

    # Nobody lists the members: there may be more.
    (group,) = make(one, two).groups
    assert (group.complete, group.ready, group.missing) == (False, False, ())

    # One that cannot have a restore point.
    refused = vm("vm-two", **inside, **CONFIDENTIAL)
    (group,) = make(one, refused, listing("vm-one", "vm-two")).groups
    assert (group.complete, group.ready, group.missing) == (True, False, ())


def test_a_set_of_others_is_no_group_of_the_plan() -> None:
    records = [vm("vm-one", **IN_AVAILABILITY_SET), vm("vm-two")]
    assert make(*records, vms="vm-two").groups == ()
    assert make(uniform_instance(**IN_SCALE_SET)).groups == ()


# --------------------------------------------------------------------------- copies


@pytest.mark.parametrize("there", [REGION, "West Europe"])
@pytest.mark.parametrize("region", [REGION, "West Europe", "WESTEUROPE"])
def test_a_copy_goes_to_another_region(region: str, there: str) -> None:
    with pytest.raises(PlanError, match=f"vm-harbour is in {there} already"):
        make(vm(top={"location": there}), target_region=region)


def test_of_several_vms_one_that_is_there_already_is_not_copied() -> None:
    here, there = vm("vm-here"), vm("vm-there", top={"location": "northeurope"})
    found = rp.plan(rp.assess(rp.read_inventory([here, there])), target_region="northeurope")
    copied = {
        one.vm.name: [step for step in one.steps if step.phase == "copy"] for one in found.vms
    }
    assert copied["vm-here"]
    assert not copied["vm-there"]
    (answer,) = (one.copy for one in found.vms if one.vm.name == "vm-there")
    assert answer is not None
    assert answer.answer == "not_supported"
    assert "xr-same-region" in answer.reasons


def test_a_region_is_sent_in_the_spelling_of_the_service() -> None:
    found = only(make(vm(), disk("vm-harbour-os"), target_region="North Europe"))
    local, target = of_kind(found, CreateCollection)
    assert (local.location, target.location) == (REGION, TARGET)
    assert target.collection == "vm-harbour-restore-points-northeurope"


def test_a_copy_is_refused_settled_or_made() -> None:
    system, private = disk("vm-harbour-os"), DISK_RECORDS[-1]
    answers = {
        "refused": only(make(vm(), disk("vm-harbour-os", **private), target_region=TARGET)),
        "open": only(make(vm(), target_region=TARGET)),
        "made": only(make(vm(), system, target_region=TARGET)),
    }
    copies = {
        name: [each.id for each in found.steps if each.phase == "copy"]
        for name, found in answers.items()
    }
    assert copies["refused"] == []
    assert copies["made"] == ["step-copy-collection", "step-copy", "step-copy-follow"]
    assert copies["open"] == [
        "step-settle-copy",
        *copies["made"][:1],
        "step-copy-key",
        *copies["made"][1:],
    ]
    assert [each.disk_id for each in of_kind(answers["open"], ShowDisk)] == [
        disk_id("vm-harbour-os")
    ]
    restored = {name: "step-restore-copy" in ids(found) for name, found in answers.items()}
    assert restored["made"]
    assert not restored["refused"]
    # A disk that is left out keeps nothing open.
    left_out = vm(data=[data_disk(0, **sku("UltraSSD_LRS"))])
    shut = disk("disk-data-0", **ULTRA, **private)
    assert "step-copy" in ids(
        only(make(left_out, system, shut, mode="crash", target_region=TARGET))
    )
    assert "step-copy" not in ids(only(make(left_out, system, shut, target_region=TARGET)))


def test_a_key_is_chosen_before_the_copy() -> None:
    found = only(make(vm(), disk("vm-harbour-os", **UNDER_KEY), target_region=TARGET))
    assert ids(found).index("step-copy-key") < ids(found).index("step-copy")
    assert {"xr-cmk-to-pmk", "xr-own-key"} <= {*step(found, "step-copy-key").rows}


def test_nobody_is_asked_for_the_version_that_the_commands_send_themselves() -> None:
    system = disk("vm-harbour-os")
    assert only(make(vm(), system, target_region=TARGET)).questions == ()
    said = {"api_version": "api-2021-03-01"}
    found = only(make(vm(), system, target_region=TARGET, answers=said))
    assert found.copy is not None
    assert "xr-api" in found.copy.reasons


def test_the_portal_copies_nothing() -> None:
    found = only(make(vm(), disk("vm-harbour-os"), target_region=TARGET, client="portal"))
    assert found.copy is not None
    assert found.copy.reasons == ("xr-no-portal",)
    assert of_kind(found, CopyRestorePoint) == []


# --------------------------------------------------------------------------- deleting and moving


def test_what_is_shared_out_is_ended_before_anything_is_deleted() -> None:
    cleaning = [each.id for each in only(make(vm())).steps if each.phase == "clean_up"]
    assert cleaning.index("step-end-access") < cleaning.index("step-retention")


def test_only_the_collection_that_a_move_left_behind_is_deleted() -> None:
    moved = {"move_planned": "yes"}
    behind = merge(collection("behind"), {"properties": {"source": {"id": vm_id(group="rg-old")}}})
    there = collection(points=[])

    def deleted(*records: Body, **more: Any) -> list[str]:
        found = only(make(vm(), *records, **more))
        return [each.collection for each in of_kind(found, DeleteCollection)]

    assert deleted(there, behind, answers=moved) == ["rpc-behind"]
    # Never on the mere chance of a move, never the new one, and never one of two.
    assert deleted(there, behind) == []
    assert deleted(there, answers=moved) == []
    assert deleted(answers=moved) == []
    stranger = {"properties": {"source": {"id": vm_id("vm-other", "rg-old")}}}
    assert deleted(there, merge(behind, stranger), answers=moved) == []
    second = merge(collection("second"), {"properties": {"source": {"id": vm_id(group="rg-x")}}})
    assert deleted(there, behind, second, answers=moved) == []
    # Nor that of another VM of the same name, which is described.
    other = {**vm(system=os_disk("other")), "id": vm_id(group="rg-old")}
    both = make(vm(), other, behind, vms=vm_id(), answers=moved)
    assert of_kind(only(both), DeleteCollection) == []
    assert "step-after-move" not in ids(only(make(vm(), answers={"move_planned": "no"})))


# --------------------------------------------------------------------------- commands of a plan


def test_restoring_and_deleting_are_asked_for_by_name() -> None:
    found = make(vm(), disk("vm-harbour-os"), answers={"move_planned": "yes"})
    usual = {type(each.operation) for each in found.commands()}
    assert usual == {ListCollections, ShowVm, CreateCollection, CreateRestorePoint, FollowProgress}
    everything = {type(each.operation) for each in found.commands(phases=PHASES)}
    assert {CreateDisk, DeleteRestorePoint} <= everything - usual
    assert (
        found.commands(phases=["create"])[0].operation
        == of_kind(only(found), CreateRestorePoint)[0]
    )


def test_what_several_vms_need_is_asked_for_once() -> None:
    found = make(vm("vm-one"), vm("vm-two"))
    kinds = [type(each.operation) for each in found.commands()]
    assert kinds.count(ListCollections) == 1
    assert kinds.count(CreateRestorePoint) == kinds.count(ShowVm) == 2


def test_commands_are_for_the_client_of_the_plan_or_another() -> None:
    found = make(vm(), client="PowerShell")
    assert {each.client for each in found.commands()} == {"powershell"}
    assert {each.client for each in found.commands("bicep")} == {"bicep"}


# --------------------------------------------------------------------------- schedules


def test_a_schedule_is_held_against_the_limits_of_the_planned_mode() -> None:
    often_asked = only(make(vm(), every=timedelta(hours=1)))
    assert often_asked.schedule is not None
    states = {each.row: each.state for each in often_asked.schedule.limits}
    assert states["min-interval-app"] == "exceeded"
    crash = only(make(vm(), mode="crash", every=timedelta(hours=1))).schedule
    assert crash is not None
    assert {each.row: each.state for each in crash.limits}["min-interval-crash"] == "within"
    assert crash.crash_every == timedelta(hours=1)
    assert crash.application_every is None


def test_a_retention_that_breaks_a_limit_shows() -> None:
    there = collection(points=[])

    def points(retention: int | None) -> str:
        made = only(make(vm(), there, every=timedelta(hours=4), retention=retention))
        assert made.schedule is not None
        assert made.schedule.retention == retention
        (line,) = made.schedule.points
        assert (line.reached_at is not None) == (line.state == "exceeded")
        assert line.rows[0] == "lim-rp-per-vm"
        return line.state

    assert points(500) == "within"
    assert points(501) == "exceeded"
    assert points(None) == "exceeded"


def test_there_is_no_schedule_where_none_is_asked_for_or_none_can_be() -> None:
    every = timedelta(hours=4)
    assert only(make(vm())).schedule is None
    assert only(make(vm(**CONFIDENTIAL), every=every)).schedule is None
    assert only(make(vm(image=None), mode="application", every=every)).schedule is None
    with pytest.raises(ScheduleError):
        make(vm(), every=timedelta(0))


# --------------------------------------------------------------------------- what is asked for


def test_a_vm_is_planned_once_in_the_order_asked_for() -> None:
    records = [vm("vm-one"), vm("vm-two"), vm("vm-three")]
    assert [each.vm.name for each in make(*records).vms] == ["vm-one", "vm-two", "vm-three"]
    asked = make(*records, vms=["vm-two", vm_id("VM-ONE").upper(), "vm-two"])
    assert [each.vm.name for each in asked.vms] == ["vm-two", "vm-one"]
    assert make().vms == ()


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"mode": "snapshot"}, PlanError, "application or crash"),
        ({"vms": "nobody"}, LookupError, "no VM 'nobody'"),
        ({"client": "browser"}, AnswerError, "client may be azure_cli"),
        ({"target_region": "no/region"}, AnswerError, "such as westeurope"),
        ({"target_region": " "}, AnswerError, "such as westeurope"),
    ],
)
def test_what_cannot_be_asked_for_is_told(
    asked: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make(vm(), **asked)


def test_what_is_not_in_a_restore_point_is_named_and_is_sure_or_not() -> None:
    record = vm(
        size="Standard_D4ds_v5",
        data=[data_disk(0)],
        instanceView=instance_view(),
    )
    found = only(make(record, disk("disk-data-0", maxShares=2)))
    told = {each.what: each.certain for each in found.not_saved}
    assert told == {
        "disk-data-0": True,
        "Temporary disk": True,
        "NFS shares mounted in the guest": False,
    }
    (shared,) = (each for each in found.not_saved if each.what == "disk-data-0")
    assert shared.why.startswith("Disk shared by several VMs. ")
    assert shared.rows == ("shared-disk",)
    answered = only(make(record, answers={"nfs_mounts": "yes"}))
    assert {each.what: each.certain for each in answered.not_saved}[
        "NFS shares mounted in the guest"
    ]


def test_a_plan_says_in_one_line_what_it_is() -> None:
    assert repr(make()) == "Plan(no VM; azure_cli)"
    records = [vm("one"), vm("two"), vm("three", **CONFIDENTIAL), vm("four", image=FLATCAR)]
    assert repr(make(*records, mode="application", client="rest", target_region=TARGET)) == (
        "Plan(2 application, 1 not supported in any mode, 1 unknown in application mode; "
        "copies to northeurope; rest)"
    )


def test_of_the_vms_that_are_not_planned_whole_the_verdict_is_given() -> None:
    found = rp.assess(rp.read_inventory([vm(f"vm-{number}") for number in range(3)]), MATRIX)
    whole, part, done = rp.plan(found), rp.plan(found, whole=1), []
    rp.plan(found, progress=done.append)
    assert [one.whole for one in part.vms] == [True, False, False]
    assert part.vms[0] == whole.vms[0]
    told = [(one.vm, one.mode, one.verdict, one.comparison) for one in whole.vms]
    assert [(one.vm, one.mode, one.verdict, one.comparison) for one in part.vms] == told
    assert part.vms[1].steps == ()
    assert part.groups == whole.groups
    assert done == [1, 2, 3]
