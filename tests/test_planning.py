"""Plans: what to run for a verdict, in which order, and what would change the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from azure import (
    WINDOWS,
    Body,
)
from cases import EXAMPLES, MATRIX
from hypothesis import HealthCheck, settings

import rpmatrix as rp
from rpmatrix.commands import CLIENTS
from rpmatrix.eligibility import Verdict
from rpmatrix.matrix import MODES, Matrix
from rpmatrix.operations import (
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
from rpmatrix.planning import (
    ELIGIBLE,
    PHASES,
    SAFE_PHASES,
    Plan,
    Step,
    VmPlan,
    plan,
)
from rpmatrix.samples import sample_names, sample_vm

PROPERTY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
TARGET = "northeurope"
CUSTOMER = "EncryptionAtRestWithCustomerKey"
LAYERS = [MATRIX, rp.load_matrix("public-sources"), rp.load_matrix("newer-edition")]

ULTRA = {"sku": "UltraSSD_LRS"}
COREOS = {"publisher": "CoreOS", "offer": "CoreOS", "sku": "Stable"}
FLATCAR = {"publisher": "kinvolk", "offer": "flatcar-container-linux-free", "sku": "stable"}
OLD_WINDOWS = {**WINDOWS, "sku": "2012-R2-Datacenter"}
NANO = {**WINDOWS, "sku": "2016-nano-server"}
BLOB = {"vhd": {"uri": "https://harbour.blob.core.windows.net/one.vhd"}, "managedDisk": None}
LOCAL = {"diffDiskSettings": {"option": "Local"}}
CONFIDENTIAL = {"securityProfile": {"securityType": "ConfidentialVM"}}


def make(
    *records: Body,
    answers: dict[str, str] | None = None,
    strict: bool = False,
    matrix: Matrix = MATRIX,
    modes: Sequence[str] = MODES,
    **asked: Any,
) -> Plan:
    inventory = rp.read_inventory(list(records))
    found = rp.assess(inventory, matrix, modes=modes, strict=strict, answers=answers)
    return plan(found, **asked)


def only(found: Plan) -> VmPlan:
    (one,) = found.vms
    return one


def operations(found: VmPlan, phases: Sequence[str] = PHASES) -> list[Operation]:
    return [one for step in found.steps if step.phase in phases for one in step.operations]


def of_kind(found: VmPlan, kind: type[Any]) -> list[Any]:
    return [one for one in operations(found) if isinstance(one, kind)]


def step(found: VmPlan, row_id: str) -> Step:
    (one,) = (one for one in found.steps if one.id == row_id)
    return one


def ids(found: VmPlan) -> list[str]:
    return [one.id for one in found.steps]


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
        if found.vm.id.startswith("/") and "[" not in found.vm.id and asked:
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
        assert not [one for one in operations(found) if not _looks(one)]
    order = [type(each) for each in operations(found) if not _looks(each)]
    wanted = [CreateCollection, CreateRestorePoint, FollowProgress]
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
        assert set(comparison.rows) <= {row for each in comparison.lines for row in each.rows}


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
