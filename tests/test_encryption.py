"""Encryption of restore points: what becomes of a key, and who says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keys import (
    BOTH,
    CUSTOMER,
    GROUP,
    PLATFORM,
    PRIVATE,
    SET_ID,
    SHARED,
    VM_ID,
    Body,
    answers,
    copied,
    disk,
    disk_id,
    rows,
    under,
    vm,
)
from overlays import write_overlay

from rpmatrix.eligibility.assessment import Assessment, assess
from rpmatrix.inventory.inventory import read_inventory
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.planning.copies import copy_of_fleet
from rpmatrix.planning.encryption import STAGES, encryption_of


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


# --- what becomes of the key of one disk -------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "own", "prerequisites", "copied", "restored", "rulings"),
    [
        (PLATFORM, "enc-platform-key", set(), set(), {"enc-platform-key"}, {"c4"}),
        (
            CUSTOMER,
            "enc-customer-key",
            {"enc-customer-key", "enc-same-set", "enc-set-place", "enc-set-rights"},
            {"xr-cmk-to-pmk"},
            {"enc-customer-key"},
            {"c4", "c5"},
        ),
        (
            BOTH,
            "enc-double-encryption",
            {"enc-double-encryption", "enc-set-place-double", "enc-set-rights-double"},
            {"xr-cmk-to-pmk"},
            {"enc-double-encryption", "enc-double-disk-types"},
            {"c4", "c5"},
        ),
    ],
)
def test_each_kind_of_key(
    matrix: Matrix,
    kind: str,
    own: str,
    prerequisites: set[str],
    copied: set[str],
    restored: set[str],
    rulings: set[str],
) -> None:
    found = answers(matrix, vm(), disk("saw-1-os", **under(kind)))["saw-1-os"]
    assert found.type == kind
    assert found.encryption_set_id == (None if kind == PLATFORM else SET_ID)
    assert found.customer_key == ("no" if kind == PLATFORM else "yes")
    assert found.region == "westeurope"
    assert list(rows(found.source)) == [own]
    assert rows(found.prerequisites).keys() == prerequisites
    assert rows(found.local).keys() >= {own, "enc-at-rest-always"}
    assert rows(found.local_chosen) == {"enc-chosen": "yes"}
    assert rows(found.copied).keys() == {own, "enc-at-rest-always"} | copied
    assert rows(found.restored).keys() == restored
    assert {one.id for one in found.disagreements} == rulings
    assert not found.questions


def test_the_words_are_those_of_the_tables(matrix: Matrix) -> None:
    found = answers(matrix, vm(), disk("saw-1-os", **under(CUSTOMER)))["saw-1-os"]
    row = matrix.row("enc-customer-key")
    mine = {
        stage: next(line for line in lines if line.rows[0] == row.id)
        for stage, lines in found.stages.items()
        if row.id in rows(lines)
    }
    assert mine["source"].text == row["source_state"]
    assert mine["local"].text == row["local_result"]
    assert mine["copied"].text == row["cross_region_result"]
    assert mine["restored"].text == row["at_restore"]
    assert mine["prerequisites"].text == row["prerequisites"]
    assert {line.rows[:2] for line in mine.values()} == {("enc-customer-key", "sse-cmk")}
    assert {line.source for line in mine.values()} == {"article"}


def test_a_request_that_names_the_set_is_told_apart(matrix: Matrix) -> None:
    found = answers(matrix, vm(), disk("saw-1-os", **under(CUSTOMER)))["saw-1-os"]
    assert rows(found.copied_chosen).keys() == {"enc-chosen", "xr-own-key"}
    assert rows(found.restored_chosen).keys() == {"enc-chosen"}
    assert found.local_chosen[0].remedy == matrix.row("enc-chosen")["prerequisites"]
    assert found.local_chosen[0].source == matrix.row("enc-chosen")["source"]
    for stage in ("local", "copied", "restored", "prerequisites"):
        assert "enc-chosen" not in rows(found.stages[stage])


def test_the_table_says_which_rows_are_about_a_request_that_names_the_encryption(
    matrix: Matrix, tmp_path: Path
) -> None:
    own = {"like": "enc-chosen", "id": "own", "local_result": "As asked for.", "source": "test"}
    layer = {"encryption": [own, {**own, "id": "other", "request": ""}]}
    layered = load_matrix(write_overlay(tmp_path / "own", layer))
    found = answers(layered, vm(), disk("saw-1-os", **under(CUSTOMER)))["saw-1-os"]
    assert [one.rows for one in found.local_chosen if one.text == "As asked for."] == [("own",)]
    assert [one.rows for one in found.local if one.text == "As asked for."] == [("other",)]


def test_settings_of_the_vm_stand_beside_the_key_of_the_disk(matrix: Matrix) -> None:
    extension = {
        "id": f"{VM_ID}/extensions/ade",
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "properties": {
            "publisher": "Microsoft.Azure.Security",
            "type": "AzureDiskEncryptionForLinux",
            "typeHandlerVersion": "1.1",
        },
    }
    record = vm("saw-1-data", securityProfile={"encryptionAtHost": True})
    found = answers(
        matrix, record, disk("saw-1-os"), disk("saw-1-data", **under(CUSTOMER)), extension
    )
    own = {"enc-host", "enc-ade", "enc-after-ade"}
    assert rows(found["saw-1-os"].source).keys() == own | {"enc-platform-key"}
    assert rows(found["saw-1-data"].source).keys() == own | {"enc-customer-key"}
    for one in found.values():
        assert rows(one.local).keys() >= {"enc-host", "enc-ade"}


def test_without_a_disk_record_the_kind_is_asked_for(matrix: Matrix) -> None:
    found = answers(matrix, vm())["saw-1-os"]
    assert (found.type, found.customer_key) == (None, None)
    assert rows(found.source) == {
        "enc-customer-key": "unknown",
        "enc-double-encryption": "unknown",
        "enc-platform-key": "unknown",
    }
    assert rows(found.local)["enc-at-rest-always"] == "yes"
    asked = {one.fact_id: one for one in found.questions}
    assert disk_id("saw-1-os") in asked["encryption_type"].command
    assert asked["encryption_type"].disk == "saw-1-os"
    assert {"enc-customer-key", "sse-cmk"} <= set(asked["encryption_type"].rows)


def test_a_set_named_by_the_vm_rules_out_the_platform_key_alone(matrix: Matrix) -> None:
    record = vm()
    managed = record["properties"]["storageProfile"]["osDisk"]["managedDisk"]
    managed["diskEncryptionSet"] = {"id": SET_ID}
    found = answers(matrix, record)["saw-1-os"]
    assert (found.type, found.customer_key, found.encryption_set_id) == (None, "yes", SET_ID)
    assert rows(found.source) == {
        "enc-customer-key": "unknown",
        "enc-double-encryption": "unknown",
    }
    # Whichever of the two it is, the rule of copying applies.
    assert rows(found.copied)["xr-cmk-to-pmk"] == "yes"
    assert [one.fact_id for one in found.questions] == ["encryption_type"]
    assert "kind is not shown" in found.questions[0].why


def test_an_answer_settles_the_kind(matrix: Matrix) -> None:
    told = {"encryption_type": BOTH}
    found = answers(matrix, vm(), answers=told)["saw-1-os"]
    assert found.type == BOTH
    assert rows(found.source) == {"enc-double-encryption": "yes"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (vm(securityProfile={"securityType": "ConfidentialVM"}), "confidential-vm"),
        ({**vm(), "id": f"{GROUP}/virtualMachineScaleSets/s/virtualMachines/0"}, "vmss-uniform"),
    ],
)
def test_where_no_restore_point_can_be_made_nothing_is_said_of_one(
    matrix: Matrix, record: Body, reason: str
) -> None:
    found = answers(matrix, record, disk("saw-1-os", **under(CUSTOMER)))["saw-1-os"]
    assert list(rows(found.impossible)) == [reason]
    assert found.impossible[0].remedy == matrix.row(reason)["remedy"]
    assert "enc-customer-key" in rows(found.source)
    said = {row for stage in ("local", "copied", "restored") for row in rows(found.stages[stage])}
    assert said == ({"enc-confidential"} if reason == "confidential-vm" else set())
    assert not found.local_chosen
    assert not found.prerequisites


@pytest.mark.parametrize(
    ("record", "modes", "row", "silent"),
    [
        (
            disk("saw-1-data", **SHARED, **under(CUSTOMER)),
            ("application", "crash"),
            "shared-disk",
            True,
        ),
        (disk("saw-1-data", "UltraSSD_LRS", **under(CUSTOMER)), ("crash",), "ultra-disk", False),
    ],
)
def test_a_disk_that_is_left_out_of_every_point_has_no_key_there(
    matrix: Matrix, record: Body, modes: tuple[str, ...], row: str, silent: bool
) -> None:
    found = answers(matrix, vm("saw-1-data"), disk("saw-1-os"), record)["saw-1-data"]
    assert found.left_out_in == modes
    assert list(rows(found.left_out)) == [row]
    assert (not found.local) == silent
    assert (not found.copied) == silent
    assert rows(found.source) == {"enc-customer-key": "yes"}


# --- learning never flips a sure answer --------------------------------------------------------


@st.composite
def machines(draw: st.DrawFn) -> tuple[list[Body], list[int]]:
    """Records of a VM and its disks, and which of them somebody forgot to export."""
    names = [f"d{number}" for number in range(draw(st.integers(0, 3)))]
    records = [vm(*names)]
    for name in ("saw-1-os", *names):
        more: Body = {}
        if draw(st.booleans()):
            more |= PRIVATE
        if draw(st.booleans()):
            more |= SHARED
        more |= under(draw(st.sampled_from([PLATFORM, CUSTOMER, BOTH])))
        sku = (
            draw(st.sampled_from(["Premium_LRS", "UltraSSD_LRS"]))
            if name in names
            else "Premium_LRS"
        )
        records.append(disk(name, sku, **more))
    lost = draw(st.lists(st.integers(1, len(records) - 1), unique=True))
    return records, lost


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(machines(), st.sampled_from([None, "application", "crash"]))
def test_a_missing_record_never_gives_an_answer_that_the_record_would_overturn(
    matrix: Matrix, machine: tuple[list[Body], list[int]], mode: str | None
) -> None:
    records, lost = machine
    less = [one for number, one in enumerate(records) if number not in lost]
    known = copied(matrix, *records, mode=mode, strict=True)
    partly = copied(matrix, *less, mode=mode, strict=True)
    assert partly.answer in (known.answer, "unknown")
    before, after = (
        {one.disk: one for one in answers(matrix, *some).values()} for some in (less, records)
    )
    for name, one in before.items():
        sure = {row for row, applies in rows(one.source).items() if applies == "yes"}
        assert sure <= set(rows(after[name].source))
        assert one.type in (None, after[name].type)


# --- every line is cited, and never says what nobody says ---------------------------------------


def told(answer: Any) -> Iterator[Any]:
    yield from answer.lines


@pytest.fixture(scope="module", params=sample_names())
def sample(request: pytest.FixtureRequest, matrix: Matrix) -> Assessment:
    return assess(read_inventory(*sample_vm(request.param)), matrix)


def test_every_line_about_every_sample_is_cited(sample: Assessment, matrix: Matrix) -> None:
    results: list[Any] = [
        answer for one in sample.inventory.vms for answer in encryption_of(sample, one)
    ]
    for client in ("azure_cli", "portal"):
        results += copy_of_fleet(sample, target_region="brazilsouth", client=client).answers
    assert results
    for result in results:
        for line in told(result):
            assert line.text
            assert line.rows
            assert all(matrix.has_row(row) for row in line.rows)
            row = matrix.row(line.rows[0])
            assert {line.text, line.remedy} <= {*row.values(), ""}
            assert line.source == (matrix.citation(row.id).source or "article")
            assert line.applies in ("yes", "unknown")
        for question in result.questions:
            assert question.command or question.ask
            assert question.rows
        for one in result.disagreements:
            assert one.reading_a
            assert one.reading_b


def test_nothing_is_called_unencrypted(sample: Assessment) -> None:
    for one in sample.inventory.vms:
        for answer in encryption_of(sample, one):
            said = [text for line in answer.lines for text in (line.text, line.remedy)]
            said += [text for d in answer.disagreements for text in (d.reading_a, d.reading_b)]
            assert not [text for text in said if "unencrypted" in text.lower()]


def test_json_objects_are_plain(sample: Assessment) -> None:
    for one in sample.inventory.vms:
        for answer in encryption_of(sample, one):
            told_again = json.loads(json.dumps(answer.to_dict()))
            assert told_again["disk"] == answer.disk
            assert [len(told_again[stage]) for stage in STAGES] == [
                len(answer.stages[stage]) for stage in STAGES
            ]
    fleet = copy_of_fleet(sample, target_region="brazilsouth")
    told_again = json.loads(json.dumps(fleet.to_dict()))
    assert sum(told_again["counts"].values()) == len(told_again["answers"])
