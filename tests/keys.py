"""A VM and its disks under keys, for tests of encryption and copies."""

from __future__ import annotations

from typing import Any

from rpmatrix.eligibility.assessment import Assessment, assess
from rpmatrix.inventory.inventory import read_inventory
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.copies import CopyAnswer, copy_of
from rpmatrix.planning.encryption import EncryptionAnswer, encryption_of

GROUP = "/subscriptions/77aa/resourceGroups/mill/providers/Microsoft.Compute"
VM_ID = f"{GROUP}/virtualMachines/saw-1"
SET_ID = f"{GROUP}/diskEncryptionSets/mill-keys"
PLATFORM = "EncryptionAtRestWithPlatformKey"
CUSTOMER = "EncryptionAtRestWithCustomerKey"
BOTH = "EncryptionAtRestWithPlatformAndCustomerKeys"

Body = dict[str, Any]


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


def copied(matrix: Matrix, *records: Body, **asked: Any) -> CopyAnswer:
    options = {name: asked.pop(name) for name in ("strict", "answers") if name in asked}
    asked = {"target_region": "northeurope", "api_version": "2024-11-01", **asked}
    return copy_of(assessed(matrix, *records, **options), "saw-1", **asked)
