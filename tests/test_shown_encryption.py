"""What restore points in an inventory show of the encryption of a disk."""

from __future__ import annotations

import pytest
from keys import (
    BOTH,
    CUSTOMER,
    GROUP,
    PLATFORM,
    SET_ID,
    VM_ID,
    Body,
    answers,
    disk,
    disk_id,
    under,
    vm,
)

from rpmatrix.matrix.matrix import Matrix, load_matrix


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


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
