"""Plans and states of Terraform are judged like the records that Azure itself gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hashicorp import (
    Body,
    Resources,
    attachment,
    azure_id,
    disk,
    legacy,
    legacy_data_disk,
    linux,
    old_state,
    plan,
    raw_state,
    shown_state,
    vm_id,
    windows,
)

import rpmatrix as rp
from rpmatrix.facts import FactReader
from rpmatrix.inventory import Inventory
from rpmatrix.matrix import MODES

MATRIX = rp.load_matrix()
READER = MATRIX.prepared("reader", FactReader)

LINUX = "azurerm_linux_virtual_machine.main"
WINDOWS = "azurerm_windows_virtual_machine.main"
LEGACY = "azurerm_virtual_machine.main"
DISK = "azurerm_managed_disk.data"
ATTACHMENT = "azurerm_virtual_machine_data_disk_attachment.data"

DOCUMENTS: dict[str, Callable[[Resources], Body]] = {
    "plan": plan,
    "shown state": shown_state,
    "raw state": raw_state,
    "old state": old_state,
}


def read(*sources: Any) -> Inventory:
    return rp.read_inventory(*sources)


def verdicts(*sources: Any) -> dict[str, tuple[str, list[int | None]]]:
    """Give verdict and luns to exclude (None is the OS disk) of the only VM in each mode."""
    result = rp.assess(read(*sources), MATRIX).verdicts
    assert len(result) == len(MODES)
    return {
        verdict.mode: (verdict.verdict, [gone.lun for gone in verdict.exclude_disks])
        for verdict in result
    }


def outcome(*sources: Any) -> tuple[str, str]:
    """Give the verdicts of the only VM: application, crash."""
    by_mode = verdicts(*sources)
    return by_mode["application"][0], by_mode["crash"][0]


def fact(source: Any, name: str) -> Any:
    """Give one fact of the only VM."""
    (vm,) = read(source).vms
    return READER.read(vm).readings[name].value


def disk_fact(source: Any, name: str, at: int = 1) -> Any:
    """Give one fact of a disk of the only VM: 0 is its OS disk."""
    (vm,) = read(source).vms
    return READER.read(vm).disks[at].readings[name].value


SUPPORTED = ("supported", "supported")
NOT = ("not_supported", "not_supported")
UNKNOWN = ("unknown", "unknown")
EXCLUDE = ("exclude_disks", "exclude_disks")
CRASH_ONLY = ("supported", "exclude_disks")
ULTRA = {"storage_account_type": "UltraSSD_LRS"}


def with_disk(**changes: Any) -> Body:
    return {LINUX: linux(), DISK: disk(**changes), ATTACHMENT: attachment()}


# --------------------------------------------------------------------------- every document

MEANINGS: dict[str, tuple[Resources, tuple[str, str]]] = {
    "a plain Linux VM": ({LINUX: linux()}, SUPPORTED),
    "a plain Windows VM": ({WINDOWS: windows()}, SUPPORTED),
    "a VM of the first generation of the provider": ({LEGACY: legacy()}, SUPPORTED),
    "a data disk": (with_disk(), SUPPORTED),
    "a shared disk": (with_disk(max_shares=2), EXCLUDE),
    "an Ultra Disk": (with_disk(**ULTRA), CRASH_ONLY),
    "a Premium SSD v2": (with_disk(storage_account_type="PremiumV2_LRS"), CRASH_ONLY),
    "a disk of a trusted launch OS": (with_disk(trusted_launch_enabled=True), NOT),
    "a confidential VM": (
        {LINUX: linux(os_disk={"security_encryption_type": "VMGuestStateOnly"}, vtpm_enabled=True)},
        NOT,
    ),
    "an ephemeral OS disk": (
        {LINUX: linux(os_disk={"diff_disk_settings": [{"option": "Local", "placement": ""}]})},
        NOT,
    ),
    "an ephemeral OS disk beside a data disk": (
        {
            LINUX: linux(os_disk={"diff_disk_settings": [{"option": "Local", "placement": ""}]}),
            DISK: disk(),
            ATTACHMENT: attachment(),
        },
        EXCLUDE,
    ),
    "a page blob as OS disk": (
        {
            LEGACY: legacy(
                storage_os_disk={
                    "vhd_uri": "https://quay.blob.core.windows.net/vhds/os.vhd",
                    "managed_disk_id": "",
                    "managed_disk_type": "",
                }
            )
        },
        NOT,
    ),
    "a page blob as data disk": (
        {
            LEGACY: legacy(
                storage_data_disk=[
                    legacy_data_disk(
                        vhd_uri="https://quay.blob.core.windows.net/vhds/data.vhd",
                        managed_disk_id="",
                        managed_disk_type="",
                    )
                ]
            )
        },
        NOT,
    ),
    "an Ultra Disk in a block": (
        {LEGACY: legacy(storage_data_disk=[legacy_data_disk(managed_disk_type="UltraSSD_LRS")])},
        CRASH_ONLY,
    ),
    "a shared disk in a block": (
        {LEGACY: legacy(storage_data_disk=[legacy_data_disk()]), DISK: disk(max_shares=3)},
        EXCLUDE,
    ),
    "an image that is not listed": (
        {LINUX: linux(source_image_reference={"publisher": "acme", "offer": "os", "sku": "1"})},
        ("unknown", "supported"),
    ),
    "a custom image": (
        {
            LINUX: linux(
                source_image_reference=[],
                source_image_id=azure_id("Microsoft.Compute/images", "golden"),
            )
        },
        ("unknown", "supported"),
    ),
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize(("resources", "expected"), MEANINGS.values(), ids=MEANINGS)
def test_a_resource_means_the_same_in_every_document(
    document: Callable[[Resources], Body], resources: Resources, expected: tuple[str, str]
) -> None:
    inventory = read(document(resources))
    assert not inventory.problems
    assert len(inventory.records) == len(resources)
    assert outcome(document(resources)) == expected


FACTS: list[tuple[Resources, str, Any]] = [
    ({LINUX: linux()}, "security_type", "Standard"),
    ({LINUX: linux(vtpm_enabled=True)}, "security_type", "TrustedLaunch"),
    ({LINUX: linux(secure_boot_enabled=True)}, "security_type", "TrustedLaunch"),
    ({WINDOWS: windows(secure_boot_enabled=True)}, "security_type", "TrustedLaunch"),
    ({LINUX: linux(encryption_at_host_enabled=True)}, "encryption_at_host", "yes"),
    ({LINUX: linux(priority="Spot")}, "priority", "Spot"),
    ({LINUX: linux(license_type="SLES_BYOS")}, "license_type", "SLES_BYOS"),
    ({LINUX: linux()}, "os_family", "Linux"),
    ({WINDOWS: windows()}, "os_family", "Windows"),
    ({LEGACY: legacy()}, "os_family", "Linux"),
    ({WINDOWS: windows()}, "operating_system", "windows-server-2022"),
    ({LINUX: linux()}, "image_source", "marketplace"),
    ({LINUX: linux()}, "vm_size_series", "Dsv5"),
    ({LEGACY: legacy()}, "vm_size_series", "Dsv5"),
    ({LINUX: linux()}, "availability_set", "no"),
    ({LINUX: linux()}, "scale_set_orchestration", "none"),
    ({LINUX: linux()}, "azure_disk_encryption", None),
    (
        {LINUX: linux(availability_set_id=azure_id("Microsoft.Compute/availabilitySets", "as"))},
        *("availability_set", "yes"),
    ),
    (
        {
            LINUX: linux(
                virtual_machine_scale_set_id=azure_id(
                    "Microsoft.Compute/virtualMachineScaleSets", "flex"
                )
            )
        },
        *("scale_set_orchestration", "flexible"),
    ),
    (
        {LINUX: linux(dedicated_host_id=azure_id("Microsoft.Compute/hostGroups", "g/hosts/h"))},
        *("dedicated_host", "yes"),
    ),
    (
        {
            LINUX: linux(
                proximity_placement_group_id=azure_id(
                    "Microsoft.Compute/proximityPlacementGroups", "p"
                )
            )
        },
        *("proximity_placement_group", "yes"),
    ),
    (
        {
            LINUX: linux(),
            "azurerm_virtual_machine_extension.ade": {
                "id": f"{vm_id()}/extensions/ade",
                "name": "ade",
                "publisher": "Microsoft.Azure.Security",
                "type": "AzureDiskEncryptionForLinux",
                "type_handler_version": "1.1",
                "virtual_machine_id": vm_id(),
            },
        },
        *("azure_disk_encryption", "yes"),
    ),
    (
        {
            LINUX: linux(),
            "azurerm_network_interface.nic": {
                "id": azure_id("Microsoft.Network/networkInterfaces", "vm-quay-nic"),
                "name": "vm-quay-nic",
                "resource_group_name": "rg-quay",
                "accelerated_networking_enabled": True,
                "virtual_machine_id": "",
            },
        },
        *("accelerated_networking", "yes"),
    ),
]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize(("resources", "name", "expected"), FACTS)
def test_facts_of_a_vm(
    document: Callable[[Resources], Body], resources: Resources, name: str, expected: Any
) -> None:
    assert fact(document(resources), name) == expected


DES = azure_id("Microsoft.Compute/diskEncryptionSets", "des")
ENCRYPTION_SET = {
    "azurerm_disk_encryption_set.des": {
        "id": DES,
        "name": "des",
        "resource_group_name": "rg-quay",
        "encryption_type": "EncryptionAtRestWithPlatformAndCustomerKeys",
    }
}
DISK_FACTS: list[tuple[Body, str, Any]] = [
    ({}, "encryption_type", "EncryptionAtRestWithPlatformKey"),
    (
        {"disk_encryption_set_id": DES},
        "encryption_type",
        "EncryptionAtRestWithPlatformAndCustomerKeys",
    ),
    ({"disk_encryption_set_id": DES}, "customer_key", "yes"),
    ({"network_access_policy": "AllowPrivate"}, "private_link", "yes"),
    ({}, "private_link", "no"),
    ({"max_shares": 5}, "max_shares", 5),
    ({}, "max_shares", 1),
    ({}, "caching", "ReadOnly"),
    ({}, "storage", "managed"),
    ({"trusted_launch_enabled": True}, "from_trusted_launch_os_disk", "yes"),
]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize(("changes", "name", "expected"), DISK_FACTS)
def test_facts_of_a_disk(
    document: Callable[[Resources], Body], changes: Body, name: str, expected: Any
) -> None:
    assert disk_fact(document({**with_disk(**changes), **ENCRYPTION_SET}), name) == expected


def test_where_a_value_stands_is_told_in_the_words_of_terraform() -> None:
    inventory = read(raw_state({**with_disk(max_shares=2), LINUX: linux(vtpm_enabled=True)}))
    (vm,) = inventory.vms
    facts = READER.read(vm)
    places = {
        "max_shares": (DISK, "max_shares"),
        "disk_sku": (DISK, "storage_account_type"),
        "caching": (LINUX, f"{ATTACHMENT}.caching"),
        "storage": (LINUX, ATTACHMENT),
    }
    for name, (record, path) in places.items():
        evidence = facts.disks[1].readings[name].evidence(name)
        assert (evidence.record, evidence.path) == (record, path)
    places = {
        "security_type": (LINUX, "vtpm_enabled"),
        "operating_system": (LINUX, "source_image_reference[0]"),
        "vm_size_series": (LINUX, "size"),
        "os_family": (LINUX, "type"),
    }
    for name, (record, path) in places.items():
        evidence = facts.readings[name].evidence(name)
        assert (evidence.record, evidence.path) == (record, path)
    assert facts.disks[0].readings["disk_sku"].evidence("disk_sku").path == (
        "os_disk[0].storage_account_type"
    )
