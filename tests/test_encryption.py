"""Encryption of restore points and copies to another region: what applies, and who says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from overlays import write_overlay

from rpmatrix.copies import TOPICS, CopyAnswer, copy_of, copy_of_fleet
from rpmatrix.eligibility import AnswerError, Assessment, assess
from rpmatrix.encryption import STAGES, EncryptionAnswer, encryption_of
from rpmatrix.inventory import read_inventory
from rpmatrix.matrix import Matrix, load_matrix
from rpmatrix.samples import sample_names, sample_vm

GROUP = "/subscriptions/77aa/resourceGroups/mill/providers/Microsoft.Compute"
VM_ID = f"{GROUP}/virtualMachines/saw-1"
SET_ID = f"{GROUP}/diskEncryptionSets/mill-keys"
PLATFORM = "EncryptionAtRestWithPlatformKey"
CUSTOMER = "EncryptionAtRestWithCustomerKey"
BOTH = "EncryptionAtRestWithPlatformAndCustomerKeys"

Body = dict[str, Any]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


# --- records -----------------------------------------------------------------------------------


def disk_id(name: str) -> str:
    return f"{GROUP}/disks/{name}"


def vm(*data: str, **properties: Any) -> Body:
    """A full record of a VM with an endorsed Linux, an OS disk and data disks by name."""
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    return {
        "id": VM_ID,
        "name": "saw-1",
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "storageProfile": {
                "imageReference": image,
                "osDisk": {
                    "osType": "Linux",
                    "name": "saw-1-os",
                    "managedDisk": {"id": disk_id("saw-1-os")},
                },
                "dataDisks": [
                    {"lun": lun, "name": name, "managedDisk": {"id": disk_id(name)}}
                    for lun, name in enumerate(data)
                ],
            },
            **properties,
        },
    }


def disk(name: str, sku: str = "Premium_LRS", **properties: Any) -> Body:
    return {
        "id": disk_id(name).replace("/disks/", "/DISKS/"),
        "name": name,
        "type": "Microsoft.Compute/disks",
        "location": "westeurope",
        "sku": {"name": sku},
        "properties": {"creationData": {"createOption": "Empty"}, **properties},
    }


def under(kind: str) -> Body:
    encryption: Body = {"type": kind}
    if kind != PLATFORM:
        encryption["diskEncryptionSetId"] = SET_ID
    return {"encryption": encryption}


PRIVATE: Body = {
    "networkAccessPolicy": "AllowPrivate",
    "diskAccessId": f"{GROUP}/diskAccesses/mill-link",
}
SHARED: Body = {"maxShares": 2}


def assessed(matrix: Matrix, *records: Body, **options: Any) -> Assessment:
    return assess(read_inventory(*records), matrix, **options)


def answers(matrix: Matrix, *records: Body, **options: Any) -> dict[str, EncryptionAnswer]:
    found = encryption_of(assessed(matrix, *records, **options), "saw-1")
    return {one.disk: one for one in found}


def rows(lines: Any) -> dict[str, str]:
    """The first row of each line, and whether it applies."""
    return {line.rows[0]: line.applies for line in lines}


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


# --- what restore points really show -----------------------------------------------------------


def point(
    name: str, encryption: Body | None, *, copy_of_point: str = "", rpc: str = "rpc-1"
) -> Body:
    made: Body = {
        "id": f"{GROUP}/restorePointCollections/{rpc}/restorePoints/{name}/diskRestorePoints/os_1"
    }
    if encryption is not None:
        made["encryption"] = encryption
    properties: Body = {
        "sourceMetadata": {
            "storageProfile": {
                "osDisk": {
                    "name": "saw-1-os",
                    "managedDisk": {"id": disk_id("saw-1-os").upper()},
                    "diskRestorePoint": made,
                },
                "dataDisks": [],
            }
        }
    }
    if copy_of_point:
        properties["sourceRestorePoint"] = {"id": copy_of_point}
    return {
        "id": f"{GROUP}/restorePointCollections/{rpc}/restorePoints/{name}",
        "name": name,
        "properties": properties,
    }


def test_what_a_restore_point_shows_is_given_as_evidence(matrix: Matrix) -> None:
    shown = point("night", {"type": CUSTOMER, "diskEncryptionSet": {"id": SET_ID}})
    copied = point("night-copy", {"type": PLATFORM}, copy_of_point=shown["id"], rpc="rpc-2")
    found = answers(matrix, vm(), disk("saw-1-os", **under(CUSTOMER)), shown, copied)["saw-1-os"]
    local, there = found.found
    assert (local.restore_point, local.is_copy, local.type) == ("night", False, CUSTOMER)
    assert local.encryption_set_id == SET_ID
    assert local.evidence.path == (
        "properties.sourceMetadata.storageProfile.osDisk.diskRestorePoint.encryption.type"
    )
    assert local.evidence.value == CUSTOMER
    assert (there.restore_point, there.is_copy, there.type) == ("night-copy", True, PLATFORM)


def test_a_point_inside_its_collection_is_read_too(matrix: Matrix) -> None:
    collection = {
        "id": f"{GROUP}/restorePointCollections/rpc-1",
        "name": "rpc-1",
        "location": "westeurope",
        "properties": {"source": {"id": VM_ID}, "restorePoints": [point("night", {"type": BOTH})]},
    }
    (found,) = answers(matrix, vm(), collection)["saw-1-os"].found
    assert found.type == BOTH
    assert found.evidence.path.startswith("properties.restorePoints[0].properties.sourceMetadata")


@pytest.mark.parametrize(
    ("encryption", "why"),
    [(None, ""), ({"type": "EncryptionWithMoonlight"}, "not among the kinds"), ({}, "")],
)
def test_a_record_that_shows_no_kind_proves_nothing(
    matrix: Matrix, encryption: Body | None, why: str
) -> None:
    (found,) = answers(matrix, vm(), point("night", encryption))["saw-1-os"].found
    assert (found.type, found.encryption_set_id, found.evidence.value) == (None, None, None)
    assert why in found.evidence.why


@pytest.mark.parametrize("source", ["disk", "disk restore point"])
def test_the_record_of_a_disk_restore_point_fills_in(matrix: Matrix, source: str) -> None:
    shown = point("night", None)
    own = shown["properties"]["sourceMetadata"]["storageProfile"]["osDisk"]["diskRestorePoint"]
    record = {
        "id": own["id"].replace("diskRestorePoints", "diskrestorepoints"),
        "name": "os_1",
        "properties": {
            "sourceResourceId": disk_id("saw-1-os"),
            "encryption": {"type": CUSTOMER, "diskEncryptionSetId": SET_ID},
        },
    }
    records = [record] if source == "disk" else [shown, record]
    (found,) = answers(matrix, vm(), *records)["saw-1-os"].found
    assert (found.type, found.encryption_set_id) == (CUSTOMER, SET_ID)
    assert found.restore_point == "night"


# --- copies ------------------------------------------------------------------------------------


def copied(matrix: Matrix, *records: Body, **asked: Any) -> CopyAnswer:
    options = {name: asked.pop(name) for name in ("strict", "answers") if name in asked}
    asked = {"target_region": "northeurope", "api_version": "2024-11-01", **asked}
    return copy_of(assessed(matrix, *records, **options), "saw-1", **asked)


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
