"""Copies to another region: whether they can be made, what they lose, and who says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from keys import CUSTOMER, GROUP, PRIVATE, SHARED, Body, assessed, copied, disk, disk_id, under, vm
from overlays import write_overlay

from rpmatrix.eligibility.assessment import AnswerError
from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.planning.copies import TOPICS, copy_of, copy_of_fleet


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


@pytest.mark.parametrize(
    ("records", "asked", "answer", "reason"),
    [
        ([vm(), disk("saw-1-os")], {}, "supported_with_caveat", "xr-preview"),
        (
            [vm(), disk("saw-1-os")],
            {"target_region": "West Europe"},
            "not_supported",
            "xr-same-region",
        ),
        ([vm(), disk("saw-1-os")], {"client": "portal"}, "not_supported", "xr-no-portal"),
        ([vm(), disk("saw-1-os", **PRIVATE)], {}, "not_supported", "xr-private-link"),
        ([vm()], {}, "unknown", "xr-private-link"),
        (
            [vm("a"), disk("saw-1-os"), disk("a", **SHARED, **PRIVATE)],
            {},
            "supported_with_caveat",
            "xr-preview",
        ),
        (
            [vm("a"), disk("saw-1-os"), disk("a", "UltraSSD_LRS", **PRIVATE)],
            {},
            "not_supported",
            "xr-private-link",
        ),
        (
            [vm("a"), disk("saw-1-os"), disk("a", "UltraSSD_LRS", **PRIVATE)],
            {"mode": "crash"},
            "supported_with_caveat",
            "xr-preview",
        ),
        (
            [vm(securityProfile={"securityType": "ConfidentialVM"}), disk("saw-1-os")],
            {},
            "not_supported",
            "xr-confidential-vm",
        ),
        ([{**vm(), "location": ""}, disk("saw-1-os")], {}, "unknown", "xr-same-region"),
        (
            [{**vm(), "location": ""}, disk("saw-1-os")],
            {"source_region": "westeurope"},
            "supported_with_caveat",
            "xr-preview",
        ),
        (
            [vm(), disk("saw-1-os")],
            {"api_version": "2021-07-01"},
            "supported_with_caveat",
            "xr-api",
        ),
        ([vm(), disk("saw-1-os", **under(CUSTOMER))], {}, "supported_with_caveat", "xr-cmk-to-pmk"),
    ],
)
def test_whether_a_copy_can_be_made(
    matrix: Matrix, records: list[Body], asked: Body, answer: str, reason: str
) -> None:
    found = copied(matrix, *records, **asked)
    assert found.answer == answer
    assert reason in found.reasons
    assert {line.rows[0] for line in found.lines} >= set(found.reasons)


def test_a_mode_without_restore_points_has_nothing_to_copy(matrix: Matrix) -> None:
    record = vm("a")
    record["properties"]["storageProfile"]["osDisk"]["osType"] = "Windows"
    image = record["properties"]["storageProfile"]["imageReference"]
    image |= {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2008-R2-SP1"}
    records = (record, disk("saw-1-os"), disk("a"))
    crash, application = (copied(matrix, *records, mode=mode) for mode in ("crash", "application"))
    assert crash.answer == "supported_with_caveat"
    assert application.answer == "not_supported"
    assert [line.rows[0] for line in application.about("restore-point")] == list(
        application.reasons
    )
    # Either mode will do if none is asked for.
    assert copied(matrix, *records).answer == "supported_with_caveat"


def test_an_open_verdict_leaves_the_copy_open(matrix: Matrix) -> None:
    record = vm()
    record["properties"]["storageProfile"]["imageReference"] = {"id": f"{GROUP}/images/own"}
    found = copied(matrix, record, disk("saw-1-os"), mode="application")
    assert found.answer == "unknown"
    assert {line.applies for line in found.about("restore-point")} == {"unknown"}
    assert "operating_system" in {one.fact_id for one in found.questions}
    assert copied(matrix, record, disk("saw-1-os"), mode="crash").answer == "supported_with_caveat"


def test_a_disk_that_may_be_left_out_only_may_block(matrix: Matrix) -> None:
    record = vm("a")
    attached = record["properties"]["storageProfile"]["dataDisks"][0]
    lacking = disk("a", **PRIVATE)
    del lacking["sku"]
    found = copied(matrix, record, disk("saw-1-os"), lacking, mode="crash")
    # Without its SKU the disk may be an Ultra Disk, which would not be in the point.
    assert found.answer == "unknown"
    assert [(one.applies, one.disks) for one in found.about("network")] == [("unknown", ("a",))]
    assert "disk_sku" in {one.fact_id for one in found.questions}
    attached["managedDisk"]["storageAccountType"] = "Premium_LRS"
    sure = copied(matrix, record, disk("saw-1-os"), lacking, mode="crash", strict=False)
    assert (sure.answer, sure.questions) == ("not_supported", ())


def test_a_disk_left_out_is_named_with_its_rows(matrix: Matrix) -> None:
    records = (vm("a"), disk("saw-1-os"), disk("a", **SHARED, **PRIVATE, **under(CUSTOMER)))
    found = copied(matrix, *records)
    assert [(one.id, one.rows) for one in found.left_out] == [(disk_id("a"), ("shared-disk",))]
    assert {line.rows[0] for line in found.lines}.isdisjoint({"xr-private-link", "xr-cmk-to-pmk"})


def test_a_shared_disk_is_left_out_even_where_a_verdict_is_open(matrix: Matrix) -> None:
    record = vm("a")
    record["properties"]["storageProfile"]["imageReference"] = {"id": f"{GROUP}/images/own"}
    found = copied(matrix, record, disk("saw-1-os"), disk("a", **SHARED, **PRIVATE))
    assert found.answer == "supported_with_caveat"
    assert [one.id for one in found.left_out] == [disk_id("a")]


def test_what_is_missing_comes_with_its_command(matrix: Matrix) -> None:
    found = copied(matrix, vm("a"), disk("saw-1-os"))
    asked = {(one.fact_id, one.disk): one for one in found.questions}
    question = asked["private_link", "a"]
    assert disk_id("a") in question.command
    assert question.rows == ("xr-private-link",)
    assert ("private_link", "saw-1-os") not in asked


def test_lines_stand_in_the_order_of_topics(matrix: Matrix) -> None:
    found = copied(matrix, vm(), disk("saw-1-os", **under(CUSTOMER)))
    places = [TOPICS.index(line.topic) for line in found.lines]
    assert places == sorted(places)
    assert [line.rows[0] for line in found.losses] == [
        "xr-cmk-to-pmk",
        "xr-no-vm-reference",
        "xr-time-stamp",
    ]
    assert [line.rows[0] for line in found.about("encryption")] == ["xr-cmk-to-pmk", "xr-own-key"]
    assert found.about("encryption")[0].disks == ("saw-1-os",)
    assert {one.id for one in found.disagreements} == {"c4", "c5"}


def test_the_table_says_what_a_copy_loses(tmp_path: Path) -> None:
    rows = [
        {"like": "xr-throttle", "id": "own-loss", "loss": "yes", "source": "A keeper's log"},
        {"like": "xr-time-stamp", "loss": ""},
    ]
    layered = load_matrix(write_overlay(tmp_path / "own", {"cross_region": rows}))
    found = copied(layered, vm(), disk("saw-1-os", **under(CUSTOMER)))
    assert {line.rows[0] for line in found.losses} == {
        "xr-cmk-to-pmk",
        "xr-no-vm-reference",
        "own-loss",
    }
    losing = [one["rows"][0] for one in found.to_dict()["lines"] if one["loss"] is True]
    assert set(losing) == {line.rows[0] for line in found.losses}


def test_every_topic_of_the_table_has_its_place(matrix: Matrix) -> None:
    assert {row["topic"] for row in matrix.table("cross_region")} < set(TOPICS)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"target_region": ""}, "a target region is a name"),
        ({"target_region": "$(reboot)"}, "a target region is a name"),
        ({"target_region": "northeurope", "source_region": "?"}, "a source region is a name"),
        ({"target_region": "northeurope", "client": "fax"}, "client may be azure_cli"),
        ({"target_region": "northeurope", "mode": "fast"}, "the mode may be application, crash"),
        ({"target_region": "northeurope", "api_version": "latest"}, "a date such as"),
    ],
)
def test_what_cannot_be_asked(matrix: Matrix, asked: Body, message: str) -> None:
    result = assessed(matrix, vm(), disk("saw-1-os"))
    with pytest.raises(AnswerError, match=message):
        copy_of(result, "saw-1", **asked)
    with pytest.raises(AnswerError, match=message):
        copy_of_fleet(result, **asked)


def test_a_fleet_is_counted(matrix: Matrix) -> None:
    def named(number: int, **properties: Any) -> list[Body]:
        def renamed(body: Body) -> Body:
            text = json.dumps(body).replace("saw-1", f"saw-{number}")
            made: Body = json.loads(text)
            return made

        return [renamed(vm()), renamed(disk("saw-1-os", **properties))]

    records = [*named(1), *named(2, **PRIVATE), *named(3, **PRIVATE), named(4)[0]]
    found = copy_of_fleet(assessed(matrix, *records), target_region="northeurope")
    assert found.counts == {
        "supported": 0,
        "supported_with_caveat": 1,
        "not_supported": 2,
        "unknown": 1,
    }
    assert found.blocking == {"xr-private-link": 2}
    assert found.open == {"xr-private-link": 1}
    single = copy_of(assessed(matrix, *records), "saw-2", target_region="northeurope")
    assert found.answers[1] == single
