"""Plans and states of Terraform are judged like the records that Azure itself gives."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from estates import differences
from hashicorp import (
    Body,
    Resources,
    attachment,
    azure_id,
    change,
    configured,
    disk,
    disk_id,
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
from rpmatrix.cases import save_case
from rpmatrix.fleet.result import assess_files
from rpmatrix.inventory.facts import FactReader
from rpmatrix.inventory.inventory import Inventory, restore_points
from rpmatrix.matrix.matrix import MODES

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


# --------------------------------------------------------------------------- plans

SCALE_SET = azure_id("Microsoft.Compute/virtualMachineScaleSets", "flex")
GAPS: dict[str, tuple[Resources, Body, tuple[str, str]]] = {
    "how many may share the disk": (with_disk(), {DISK: {"max_shares": True}}, UNKNOWN),
    "the SKU": (with_disk(), {DISK: {"storage_account_type": True}}, ("supported", "unknown")),
    "the security type of the disk": (
        with_disk(),
        {DISK: {"trusted_launch_enabled": True}},
        UNKNOWN,
    ),
    "all of the OS disk": ({LINUX: linux()}, {LINUX: {"os_disk": True}}, UNKNOWN),
    "whether the VM is confidential": (
        {LINUX: linux()},
        {LINUX: {"os_disk": [{"security_encryption_type": True}]}},
        UNKNOWN,
    ),
    "the image": (
        {LINUX: linux()},
        {LINUX: {"source_image_reference": True}},
        ("unknown", "supported"),
    ),
    "part of the image": (
        {LINUX: linux()},
        {LINUX: {"source_image_reference": [{"sku": True}]}},
        SUPPORTED,
    ),
    "the flexible scale set": (
        {LINUX: linux()},
        {LINUX: {"virtual_machine_scale_set_id": True}},
        SUPPORTED,
    ),
    "the ids that Azure gives": (
        {LINUX: linux(), LEGACY: legacy("vm-quay")},
        {
            LINUX: {"os_disk": [{"id": True}], "virtual_machine_id": True},
            LEGACY: {"storage_os_disk": [{"managed_disk_id": True}]},
        },
        SUPPORTED,
    ),
    "which disk is attached": (with_disk(), {ATTACHMENT: {"managed_disk_id": True}}, UNKNOWN),
    "to which VM it is attached": (
        with_disk(),
        {ATTACHMENT: {"virtual_machine_id": True}},
        UNKNOWN,
    ),
    "the disk that a block attaches": (
        {LEGACY: legacy(storage_data_disk=[legacy_data_disk()])},
        {LEGACY: {"storage_data_disk": [{"managed_disk_id": True}]}},
        UNKNOWN,
    ),
    "the OS disk that a block attaches": (
        {LEGACY: legacy(storage_os_disk={"create_option": "Attach"})},
        {LEGACY: {"storage_os_disk": [{"managed_disk_id": True}]}},
        UNKNOWN,
    ),
    "all data disks": (
        {LEGACY: legacy(storage_data_disk=[legacy_data_disk()])},
        {LEGACY: {"storage_data_disk": True}},
        UNKNOWN,
    ),
}


@pytest.mark.parametrize(("resources", "unknown", "expected"), GAPS.values(), ids=GAPS)
def test_what_a_plan_does_not_know_yet_stays_unknown(
    resources: Resources, unknown: Body, expected: tuple[str, str]
) -> None:
    if LINUX in resources and LEGACY in resources:
        for address in (LINUX, LEGACY):
            assert outcome(plan({address: resources[address]}, unknown)) == expected
        return
    assert outcome(plan(resources, unknown)) == expected


@pytest.mark.parametrize("name", ["os_disk", "max_shares", "virtual_machine_id", "managed_disk_id"])
def test_values_of_a_plan_that_tells_no_gaps_may_be_missing(name: str) -> None:
    whole = plan(
        with_disk(), {LINUX: {"os_disk": True}} if name == "os_disk" else {DISK: {name: True}}
    )
    assert outcome({"planned_values": whole["planned_values"]}) == UNKNOWN


def refer(*names: str) -> list[str]:
    """Give references as a plan lists them: each with what it leads through."""
    return [name for one in names for name in (f"{one}.id", one)]


# What the provider works out itself, as it stands in a plan for new resources.
COMPUTED = ("computer_name", "disk_controller_type", "network_interface_ids", "os_managed_disk_id")
COMPUTED += ("patch_mode", "private_ip_address", "provision_vm_agent", "virtual_machine_id")
ID_GAPS: dict[str, Any] = {
    LINUX: {
        **dict.fromkeys(COMPUTED, True),
        "os_disk": [{"disk_size_gb": True, "id": True, "name": True, "diff_disk_settings": []}],
        "source_image_reference": [{}],
    },
    DISK: dict.fromkeys(("max_shares", "tier", "source_uri", "disk_iops_read_write"), True),
    ATTACHMENT: {"managed_disk_id": True, "virtual_machine_id": True},
}


def root(*entries: Body, **calls: Body) -> Body:
    return {"resources": list(entries), "module_calls": calls}


def attaches(vm: list[str], disk: list[str], address: str = ATTACHMENT, **more: Any) -> Body:
    expressions = {"virtual_machine_id": vm, "managed_disk_id": disk}
    return configured(address, {"lun": {"constant_value": 0}, **expressions}, **more)


VM_ENTRY = configured(LINUX, {"name": {"constant_value": "vm-quay"}})
DISK_ENTRY = configured(DISK, {"storage_account_type": {"constant_value": "Premium_LRS"}})
SIMPLE = root(VM_ENTRY, DISK_ENTRY, attaches(refer(LINUX), refer(DISK)))


def test_references_tell_which_disk_belongs_to_which_vm() -> None:
    assert outcome(plan(with_disk(), ID_GAPS, SIMPLE)) == SUPPORTED
    shared = plan(with_disk(max_shares=2), {**ID_GAPS, DISK: {}}, SIMPLE)
    assert outcome(shared) == EXCLUDE
    (vm,) = read(shared).vms
    assert vm.declared
    assert vm.name == "vm-quay"
    assert vm.disks[1].records[0].pointer == DISK


def test_what_the_configuration_sets_and_the_plan_does_not_know_stays_unknown() -> None:
    entry = configured(
        DISK, {"max_shares": ["random_integer.shares.result", "random_integer.shares"]}
    )
    given = root(VM_ENTRY, entry, attaches(refer(LINUX), refer(DISK)))
    assert outcome(plan(with_disk(), ID_GAPS, given)) == UNKNOWN


def by_vm(document: Body) -> dict[str, tuple[str, str, list[str]]]:
    """Give verdicts and the names of disks, by name of VM."""
    inventory = read(document)
    result = rp.assess(inventory, MATRIX).verdicts
    found: dict[str, tuple[str, str, list[str]]] = {}
    for vm in inventory.vms:
        application, crash = (
            next(one.verdict for one in result if (one.vm_id, one.mode) == (vm.id, mode))
            for mode in ("application", "crash")
        )
        records = [record for one in vm.disks for record in one.records]
        found[vm.name] = (application, crash, [record.body["name"] for record in records])
    return found


def several(index: Callable[[int], str], count: int = 2, disks: int = 2) -> dict[str, Body]:
    made: dict[str, Body] = {}
    for number in range(count):
        made[f"azurerm_linux_virtual_machine.node{index(number)}"] = linux(f"vm-{number}")
    for number in range(disks):
        shares = 2 if number == 0 else 0
        made[f"azurerm_managed_disk.data{index(number)}"] = disk(
            f"disk-{number}", max_shares=shares
        )
        made[f"azurerm_virtual_machine_data_disk_attachment.data{index(number)}"] = attachment(
            f"vm-{number % count}", f"disk-{number}", number
        )
    return made


NODE, DATA = "azurerm_linux_virtual_machine.node", "azurerm_managed_disk.data"


def gaps_of(resources: Resources) -> Body:
    both = {"managed_disk_id": True, "virtual_machine_id": True}
    return {address: both if "attachment" in address else {} for address in resources}


@pytest.mark.parametrize(
    ("index", "vm", "disk"),
    [
        (lambda n: f"[{n}]", [NODE, "count.index"], [DATA, "count.index"]),
        (lambda n: f'["{"ab"[n]}"]', [NODE, "each.key"], [DATA, "each.key"]),
        (lambda n: f'["{"ab"[n]}"]', [NODE, "each.key"], ["each.value.id", "each.value"]),
    ],
    ids=["count", "for_each", "chained"],
)
def test_instances_are_joined_by_their_key(
    index: Callable[[int], str], vm: list[str], disk: list[str]
) -> None:
    resources = several(index)
    entry = attaches(vm, disk, for_each_expression={"references": [DATA]})
    document = plan(resources, gaps_of(resources), root(entry))
    assert by_vm(document) == {
        "vm-0": ("exclude_disks", "exclude_disks", ["disk-0"]),
        "vm-1": ("supported", "supported", ["disk-1"]),
    }


def test_an_index_may_be_written_out() -> None:
    resources = several(lambda number: f"[{number}]")
    del resources["azurerm_virtual_machine_data_disk_attachment.data[0]"]
    entry = attaches([f"{NODE}[1].id", f"{NODE}[1]", NODE], [f"{DATA}[0].id", f"{DATA}[0]", DATA])
    assert by_vm(plan(resources, gaps_of(resources), root(entry))) == {
        "vm-0": ("supported", "supported", []),
        "vm-1": ("exclude_disks", "exclude_disks", ["disk-0"]),
    }


AMBIGUOUS: dict[str, tuple[int, list[str], list[str]]] = {
    "more disks than VMs": (4, [NODE, "count.index"], [DATA, "count.index"]),
    "a key that is looked up": (2, [NODE, "each.value.vm", "each.value"], [DATA, "each.key"]),
    "a local value": (2, ["local.vm_ids"], ["local.disk_ids"]),
    "any of them": (2, [NODE], [DATA, "count.index"]),
    "all of a module": (2, ["module.vms"], [DATA, "each.key"]),
}


@pytest.mark.parametrize(("disks", "vm", "disk"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_reference_that_may_mean_several_leaves_the_disks_open(
    disks: int, vm: list[str], disk: list[str]
) -> None:
    resources = several(lambda number: f"[{number}]", disks=disks)
    document = plan(resources, gaps_of(resources), root(attaches(vm, disk)))
    inventory = read(document)
    assert {one.verdict for one in rp.assess(inventory, MATRIX).verdicts} == {"unknown"}
    assert any("which disk it attaches to which VM" in note for note in inventory.notes)


@pytest.mark.parametrize("index", ["", "[0]", '["a"]'])
def test_references_lead_through_modules(index: str) -> None:
    vm = f"module.compute{index}.azurerm_linux_virtual_machine.main"
    data = f"module.storage{index}.azurerm_managed_disk.data"
    attached = f"module.storage{index}.azurerm_virtual_machine_data_disk_attachment.data"
    resources = {vm: linux(), data: disk(max_shares=2), attached: attachment()}
    output = {"vm_id": {"expression": {"references": refer("azurerm_linux_virtual_machine.main")}}}
    passed = {"vm_id": {"references": [f"module.compute{index}.vm_id", "module.compute"]}}
    given = root(
        compute={"module": {**root(), "outputs": output}},
        storage={
            "expressions": passed,
            "module": root(attaches(["var.vm_id"], refer("azurerm_managed_disk.data"))),
        },
    )
    document = plan(resources, gaps_of(resources), given)
    assert outcome(document) == EXCLUDE
    assert [one.pointer for one in read(document).vms[0].records] == [vm]


def test_a_disk_that_two_vms_attach_is_never_surely_supported() -> None:
    second = "azurerm_virtual_machine_data_disk_attachment.second"
    other = {
        "azurerm_linux_virtual_machine.other": linux("vm-other"),
        second: attachment("vm-other"),
    }
    for document in (shown_state, raw_state, plan):
        for shares, expected in ((0, "unknown"), (2, "exclude_disks")):
            found = by_vm(document({**with_disk(max_shares=shares), **other}))
            assert {one[:2] for one in found.values()} == {(expected, expected)}


def test_an_id_that_is_written_out_joins_a_disk_that_has_none_yet() -> None:
    assert outcome(plan(with_disk(max_shares=2))) == EXCLUDE


def test_a_disk_that_may_be_the_one_that_is_meant_keeps_the_verdict_open() -> None:
    record = {"sku": {"name": "Premium_LRS"}, "properties": {"maxShares": 2}}
    values = {"type": "Microsoft.Compute/disks@2024-03-02", "name": "disk-quay", "body": record}
    resources = {
        LINUX: linux(),
        "azapi_resource.data": {**values, "id": ""},
        ATTACHMENT: attachment(),
    }
    assert outcome(plan(resources)) == UNKNOWN


def test_a_vm_that_several_documents_tell_of_gets_the_disks_of_all() -> None:
    attached = raw_state({ATTACHMENT: attachment(), DISK: disk(max_shares=2)})
    assert outcome(raw_state({LINUX: linux()}), attached) == EXCLUDE
    assert outcome(attached) == UNKNOWN


ACTIONS: dict[str, tuple[list[str], bool]] = {
    "create": (["create"], True),
    "update": (["update"], True),
    "replace": (["delete", "create"], True),
    "replace, the new one first": (["create", "delete"], True),
    "leave as it is": (["no-op"], True),
    "delete": (["delete"], False),
    "forget": (["forget"], True),
}


@pytest.mark.parametrize(("actions", "judged"), ACTIONS.values(), ids=ACTIONS)
def test_what_a_plan_deletes_is_not_judged(actions: list[str], judged: bool) -> None:
    after = linux(encryption_at_host_enabled=True)
    if actions in (["delete"], ["forget"]):
        entry = change(LINUX, None, None, *actions, before=after)
    else:
        entry = change(LINUX, after, None, *actions, before=linux())
    kept = change(ATTACHMENT, attachment(), None, "no-op")
    inventory = read({"format_version": "1.2", "resource_changes": [entry, kept]})
    assert bool(inventory.vms) is judged
    if judged:
        assert fact({"resource_changes": [entry]}, "encryption_at_host") == "yes"
    else:
        assert any("deletes azurerm_linux_virtual_machine.main" in note for note in inventory.notes)


def test_what_a_plan_for_some_resources_leaves_alone_is_judged_as_it_is() -> None:
    document = plan({}, prior=with_disk(max_shares=2))
    document["planned_values"] = {"root_module": shown_state(with_disk())["values"]["root_module"]}
    assert outcome(document) == EXCLUDE


def test_a_vm_that_is_replaced_keeps_its_id() -> None:
    after = {**linux(), "id": None}
    entry = change(LINUX, after, {"id": True}, "delete", "create", before=linux())
    (vm,) = read({"resource_changes": [entry]}).vms
    assert vm.id == vm_id()
    assert not vm.declared


@pytest.mark.parametrize("mask", ["(sensitive value)", "REDACTED", "***", "<sensitive>"])
def test_a_value_that_is_masked_is_unknown(mask: str) -> None:
    document = shown_state({LINUX: linux(os_disk={"security_encryption_type": mask})})
    assert outcome(document) == UNKNOWN
    masked = shown_state(with_disk(max_shares=None))
    for entry in masked["values"]["root_module"]["resources"]:
        if entry["address"] == DISK:
            entry["sensitive_values"] = {"max_shares": True}
    assert outcome(masked) == UNKNOWN


def test_resources_of_one_address_are_all_judged() -> None:
    entries = [
        {"type": "azurerm_linux_virtual_machine", "values": linux(name)}
        for name in ("vm-1", "vm-2")
    ]
    assert [vm.name for vm in read(entries).vms] == ["vm-1", "vm-2"]
    assert [vm.name for vm in read({"resources": entries}).vms] == ["vm-1", "vm-2"]


LOST: list[Body] = [
    {"values": {"root_module": {"resources": [{"type": None, "values": {}}, 3]}}},
    {"resource_changes": [{"type": "azurerm_managed_disk", "change": 3}, change(DISK, {})]},
    {"terraform_version": "1", "resources": [{"type": "azurerm_managed_disk", "instances": [3]}]},
    {"terraform_version": "0.11", "modules": [{"resources": {"azurerm_managed_disk.data": 3}}]},
    {"terraform_version": "1", "resources": [3, None]},
]


@pytest.mark.parametrize("document", LOST, ids=range(len(LOST)))
def test_an_entry_that_is_no_resource_is_a_problem(document: Body) -> None:
    problems = read(document).problems
    assert problems
    assert "no resource of Terraform stands here" in problems[0].message


def test_no_secret_of_a_state_reaches_a_record() -> None:
    secret = "Quay-Secret-1"
    document = raw_state({LINUX: linux(admin_password=secret, custom_data=secret)})
    inventory = read(document)
    assert secret not in repr([(record.body, record.raw) for record in inventory.records])
    assert secret not in repr((inventory.notes, inventory.problems))


# --------------------------------------------------------------------------- azapi and data sources

AZAPI_VM, AZAPI_DISK = "azapi_resource.vm", "azapi_resource.disk"
VM_BODY: Body = {
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "storageProfile": {
            "imageReference": {
                "publisher": "Canonical",
                "offer": "ubuntu-24_04-lts",
                "sku": "server",
            },
            "osDisk": {
                "osType": "Linux",
                "createOption": "FromImage",
                "managedDisk": {"storageAccountType": "Premium_LRS"},
            },
            "dataDisks": [{"lun": 0, "createOption": "Attach", "managedDisk": {"id": disk_id()}}],
        },
    }
}


def azapi(kind: str, record_id: str, body: Any, **more: Any) -> Body:
    group, _, name = record_id.rpartition("/providers/")
    values = {"id": record_id, "type": f"{kind}@2024-07-01", "name": name.rpartition("/")[2]}
    return {**values, "parent_id": group, "location": "westeurope", "body": body, **more}


def azapi_vm(body: Any = VM_BODY, **more: Any) -> Body:
    return azapi("Microsoft.Compute/virtualMachines", vm_id(), body, **more)


def azapi_disk(**properties: Any) -> Body:
    record = {
        "sku": {"name": "Premium_LRS"},
        "properties": {"creationData": {"createOption": "Empty"}, **properties},
    }
    return azapi("Microsoft.Compute/disks", disk_id(), record)


FORMS: dict[str, Callable[[Any], Any]] = {
    "object": lambda body: body,
    "text": json.dumps,
    "raw state": lambda body: {"value": body, "type": ["object", {}]},
}


@pytest.mark.parametrize("document", [plan, shown_state, raw_state])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_body_of_azapi_is_the_record(
    document: Callable[[Resources], Body], form: Callable[[Any], Any]
) -> None:
    for changes, expected in (({}, SUPPORTED), ({"maxShares": 2}, EXCLUDE)):
        held = azapi_disk(**changes)
        held["body"] = form(held["body"])
        resources = {AZAPI_VM: azapi_vm(form(VM_BODY)), AZAPI_DISK: held}
        assert outcome(document(resources)) == expected
        assert len(read(document(resources)).records) == 2


AZAPI_GAPS: dict[str, Any] = {
    "all of the body": True,
    "which disk": {
        "properties": {"storageProfile": {"dataDisks": [{"managedDisk": {"id": True}}]}}
    },
    "the storage profile": {"properties": {"storageProfile": True}},
    "the data disks": {"properties": {"storageProfile": {"dataDisks": True}}},
}


@pytest.mark.parametrize("gap", AZAPI_GAPS.values(), ids=AZAPI_GAPS)
def test_what_is_not_known_of_a_body_stays_unknown(gap: Any) -> None:
    resources = {AZAPI_VM: azapi_vm(), AZAPI_DISK: azapi_disk(maxShares=2)}
    assert outcome(plan(resources, {AZAPI_VM: {"body": gap}})) == UNKNOWN


def test_a_value_of_a_body_is_found_in_the_body() -> None:
    (vm,) = read(shown_state({AZAPI_VM: azapi_vm(), AZAPI_DISK: azapi_disk(maxShares=2)})).vms
    evidence = READER.read(vm).disks[1].readings["max_shares"].evidence("max_shares")
    assert (evidence.record, evidence.path) == (AZAPI_DISK, "body.properties.maxShares")


def test_an_answer_of_azure_adds_to_a_body() -> None:
    answer = {"properties": {"instanceView": {"hyperVGeneration": "V2"}, "vmId": "x"}}
    document = shown_state({AZAPI_VM: azapi_vm(output=answer)})
    assert fact(document, "hyper_v_generation") == "V2"
    (vm,) = read(document).vms
    evidence = READER.read(vm).readings["hyper_v_generation"].evidence("hyper_v_generation")
    assert evidence.path == "output.properties.instanceView.hyperVGeneration"


def test_a_change_of_azapi_may_contradict_the_resource() -> None:
    patch = {"properties": {"securityProfile": {"securityType": "ConfidentialVM"}}}
    values = {"type": "Microsoft.Compute/virtualMachines@2024-07-01", "resource_id": vm_id()}
    update = {
        "azapi_update_resource.vm": {**values, "body": patch, "id": vm_id(), "name": "vm-quay"}
    }
    resources = {LINUX: linux(vtpm_enabled=True), **update}
    assert outcome(shown_state(resources))[1] in ("unknown", "not_supported")
    assert outcome(plan(resources))[1] in ("unknown", "not_supported")


def test_an_attachment_may_be_to_a_vm_of_azapi() -> None:
    body = json.loads(json.dumps(VM_BODY))
    del body["properties"]["storageProfile"]["dataDisks"]
    resources = {AZAPI_VM: azapi_vm(body), DISK: disk(max_shares=2), ATTACHMENT: attachment()}
    assert outcome(shown_state(resources)) == EXCLUDE
    assert outcome(plan(resources)) == EXCLUDE


def test_data_sources_tell_what_they_show() -> None:
    data = "data.azurerm_managed_disk.data"
    shown = {
        "id": disk_id(),
        "name": "disk-quay",
        "resource_group_name": "rg-quay",
        "storage_account_type": "UltraSSD_LRS",
        "create_option": "Empty",
        "disk_encryption_set_id": "",
    }
    state = shown_state({LINUX: linux(), data: shown, ATTACHMENT: attachment()})
    assert verdicts(state)["crash"] == ("exclude_disks", [0])
    assert disk_fact(state, "max_shares") is None
    planned = plan({LINUX: linux(), ATTACHMENT: attachment()}, prior={data: shown})
    assert verdicts(planned)["crash"] == ("exclude_disks", [0])
    vm = {
        "id": vm_id(),
        "name": "vm-quay",
        "resource_group_name": "rg-quay",
        "location": "westeurope",
    }
    assert outcome(shown_state({"data.azurerm_virtual_machine.main": vm})) == UNKNOWN


# --------------------------------------------------------------------------- other resources


def test_scale_sets_tell_their_orchestration() -> None:
    common = {
        "name": "flex",
        "resource_group_name": "rg-quay",
        "location": "westeurope",
        "id": SCALE_SET,
    }
    expected = {
        "azurerm_linux_virtual_machine_scale_set": "Uniform",
        "azurerm_windows_virtual_machine_scale_set": "Uniform",
        "azurerm_virtual_machine_scale_set": "Uniform",
        "azurerm_orchestrated_virtual_machine_scale_set": "Flexible",
    }
    for kind, orchestration in expected.items():
        (record,) = read(shown_state({f"{kind}.set": common})).of_kind("scale_set")
        assert record.body["orchestrationmode"] == orchestration
    flexible = {"azurerm_orchestrated_virtual_machine_scale_set.set": common}
    resources = {**flexible, LINUX: linux(virtual_machine_scale_set_id=SCALE_SET)}
    (vm,) = read(shown_state(resources)).vms
    assert vm.related["scale_set"]


def test_restore_points_of_a_state_belong_to_their_vm() -> None:
    collection = azure_id("Microsoft.Compute/restorePointCollections", "points")
    resources = {
        LINUX: linux(),
        "azurerm_virtual_machine_restore_point_collection.main": {
            "id": collection,
            "name": "points",
            "resource_group_name": "rg-quay",
            "location": "westeurope",
            "source_virtual_machine_id": vm_id(),
        },
        "azurerm_virtual_machine_restore_point.first": {
            "id": f"{collection}/restorePoints/first",
            "name": "first",
            "crash_consistency_mode_enabled": True,
            "excluded_disks": [disk_id()],
            "virtual_machine_restore_point_collection_id": collection,
        },
    }
    for document in (shown_state, raw_state, plan):
        (vm,) = read(document(resources)).vms
        if document is plan:
            continue
        points = restore_points(vm)
        assert points is not None
        assert [(one.name, one.mode) for one in points] == [("first", "crash")]


def test_a_disk_that_is_made_of_a_snapshot_belongs_to_its_vm() -> None:
    implicit = "azurerm_virtual_machine_implicit_data_disk_from_source.copy"
    values = {
        "id": f"{vm_id()}/dataDisks/copy",
        "name": "copy",
        "virtual_machine_id": vm_id(),
        "lun": 3,
        "caching": "None",
        "create_option": "Copy",
        "disk_size_gb": 20,
        "source_resource_id": azure_id("Microsoft.Compute/snapshots", "s"),
        "write_accelerator_enabled": False,
    }
    document = shown_state({LINUX: linux(), implicit: values})
    (vm,) = read(document).vms
    assert [(one.role, one.lun, one.label) for one in vm.disks] == [
        ("os", None, "vm-quay-os"),
        ("data", 3, "copy"),
    ]
    assert verdicts(document)["crash"][0] == "unknown"


def test_a_template_inside_of_terraform_is_read() -> None:
    machine = {
        "type": "Microsoft.Compute/virtualMachines",
        "apiVersion": "2024-07-01",
        "name": "vm",
    }
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [{**machine, **VM_BODY}],
    }
    values = {"id": "", "name": "d", "template_content": json.dumps(template)}
    inventory = read(shown_state({"azurerm_resource_group_template_deployment.vm": values}))
    assert [vm.name for vm in inventory.vms] == ["vm"]


def test_other_resources_are_counted_and_tell_nothing() -> None:
    resources = {
        "azurerm_resource_group.main": {"id": "/subscriptions/s/resourceGroups/rg", "name": "rg"},
        "random_pet.name": {"id": "x", "length": 2},
        "aws_instance.web": {"id": "i-1", "ami": "ami-1"},
        "azurerm_availability_set.set": {"id": azure_id("Microsoft.Compute/availabilitySets", "a")},
    }
    inventory = read(shown_state(resources))
    assert not inventory.problems
    assert inventory.counts["other"] == 4


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("azurerm_arc_machine", "Azure Arc"),
        ("azurerm_dev_test_linux_virtual_machine", "DevTest"),
        ("azapi_resource", "Azure Local"),
    ],
)
def test_a_vm_of_a_kind_that_is_not_covered_is_named(kind: str, title: str) -> None:
    body = {"properties": {"hardwareProfile": {"vmSize": "Custom"}, "storageProfile": {}}}
    values: Body = {"id": "", "name": "vm-quay", "location": "westeurope", "body": body}
    if kind == "azapi_resource":
        values["type"] = "Microsoft.AzureStackHCI/virtualMachineInstances@2024-01-01"
    for document in (shown_state, raw_state, plan):
        inventory = read(document({f"{kind}.main": values}))
        assert not inventory.records
        (problem,) = inventory.problems
        assert "this kind of VM is not covered" in problem.message
        assert title in problem.message
        assert problem.record == f"{kind}.main"


def test_attributes_that_this_version_does_not_know_are_named() -> None:
    values = linux(disk_replication_mode="Sync")
    notes = read(shown_state({LINUX: values})).notes
    assert any("not read: disk_replication_mode of azurerm_linux" in note for note in notes)
    assert not any("not read" in note for note in read(shown_state({LINUX: linux()})).notes)
    for whole in (with_disk(), {LEGACY: legacy()}, {WINDOWS: windows()}):
        assert not any("not read" in note for note in read(shown_state(whole)).notes)


# --------------------------------------------------------------------------- what else people give

FRAGMENTS: dict[str, Callable[[Body], Any]] = {
    "the root module": lambda state: state["values"]["root_module"],
    "the values": lambda state: {"values": state["values"]},
    "a list of resources": lambda state: state["values"]["root_module"]["resources"],
    "the resources": lambda state: {"resources": state["values"]["root_module"]["resources"]},
    "in a list": lambda state: [state],
    "in a text": json.dumps,
}


@pytest.mark.parametrize("cut", FRAGMENTS.values(), ids=FRAGMENTS)
def test_parts_of_a_document_are_read(cut: Callable[[Body], Any]) -> None:
    part = cut(shown_state(with_disk(max_shares=2)))
    assert outcome(part.encode() if isinstance(part, str) else part) == EXCLUDE


FAULTS: dict[str, tuple[Any, str]] = {
    "an empty state": ({"format_version": "1.0"}, "shows no resource"),
    "an encrypted state": (
        {"serial": 1, "lineage": "x", "encrypted_data": "AAAA", "encryption_version": "v0"},
        "encrypted state of OpenTofu",
    ),
    "a configuration in JSON": (
        {"resource": {"azurerm_linux_virtual_machine": {"main": {"size": "Standard_B1s"}}}},
        "a configuration of Terraform",
    ),
    "a log": (
        {"@level": "info", "@message": "Terraform 1.9", "type": "version", "terraform": "1.9"},
        "the log of a run",
    ),
}


@pytest.mark.parametrize(("document", "message"), FAULTS.values(), ids=FAULTS)
def test_what_is_no_plan_and_no_state_is_named(document: Any, message: str) -> None:
    inventory = read(document)
    assert not inventory.records
    (problem,) = inventory.problems
    assert message in problem.message
    assert "terraform show -json" in problem.message


BROKEN: list[Any] = [
    {"format_version": "1.2", "resource_changes": None, "planned_values": []},
    {"format_version": "1.2", "resource_changes": [None, 3, {}, {"change": None}, {"change": {}}]},
    {
        "format_version": "1.2",
        "resource_changes": [{"type": 3, "change": {"after": [], "actions": 1}}],
    },
    {"terraform_version": "1", "resources": [{"instances": [None, {}, {"attributes": []}]}]},
    {"terraform_version": "1", "resources": [{"type": "azurerm_managed_disk", "instances": [{}]}]},
    {"terraform_version": "0.11", "modules": [{"resources": {"a": None, "b": {"primary": {}}}}, 2]},
    {"values": {"root_module": {"resources": [{"type": "azurerm_managed_disk", "values": {}}]}}},
    {"values": {"root_module": {"child_modules": [{}, None, {"resources": "x"}]}}},
    {"root_module": None, "terraform_version": None},
    [{"type": "azurerm_managed_disk", "values": {"id": 3, "name": ["x"], "max_shares": {}}}],
    [{"type": "azurerm_linux_virtual_machine", "values": {"os_disk": "x", "zone": {"a": 1}}}],
    [{"type": "azurerm_linux_virtual_machine", "values": {"os_disk": [[1]], "size": ["x"]}}],
    [{"type": "azurerm_virtual_machine", "values": {"storage_data_disk": [None, 1, {"lun": "x"}]}}],
    [
        {
            "type": "azapi_resource",
            "values": {"type": "Microsoft.Compute/virtualMachines", "body": 3},
        }
    ],
    [
        {
            "type": "azapi_resource",
            "values": {
                "type": "Microsoft.Compute/virtualMachines",
                "body": {"properties": {"storageProfile": {"osDisk": 1, "dataDisks": {"a": 1}}}},
            },
        },
        {"type": "azurerm_virtual_machine_data_disk_attachment", "values": {}},
    ],
    {
        "format_version": "1",
        "resource_changes": [
            change(LINUX, {"os_disk": [{}]}, {"os_disk": [True, {"a": 1}], "size": 4})
        ],
        "configuration": {
            "root_module": {"resources": [3, {"address": LINUX}], "module_calls": []}
        },
    },
    {
        "format_version": "1",
        "resource_changes": [change(ATTACHMENT, {}, {"virtual_machine_id": True})],
        "configuration": {
            "root_module": root(
                attaches(["module.a.b", "var.x", "each.value", "..", ""], ["a.b.c"])
            )
        },
    },
]


JUNK: list[Any] = [
    *(None, True, -1, 2.5, 10**400, "", "[x", "{", [], {}, [[]], [{}], {"a": 1}, ["x"]),
    *("(known after apply)", "/subscriptions/x", "a" * 300, "\ud800"),
]


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Give every place of a document: what holds a value, and its key there."""
    if not isinstance(value, (dict, list)):
        return []
    keys: Any = value if isinstance(value, dict) else range(len(value))
    return [place for key in keys for place in ((value, key), *places_in(value[key]))]


@pytest.mark.parametrize("seed", range(4))
def test_a_spoiled_document_is_no_reason_to_stop(seed: int) -> None:
    chance = random.Random(seed)
    documents = [
        *(write(resources) for write in DOCUMENTS.values() for resources, _ in MEANINGS.values()),
        *(plan(resources, unknown) for resources, unknown, _ in GAPS.values()),
        *CASES.values(),
    ]
    for _ in range(100):
        spoiled = copy.deepcopy(chance.choice(documents))
        for _ in range(chance.randint(1, 3)):
            home, key = chance.choice(places_in(spoiled) or [({}, "")])
            home[key] = copy.deepcopy(chance.choice(JUNK))
        rp.assess(read(spoiled), MATRIX)


@pytest.mark.parametrize(("resources", "expected"), MEANINGS.values(), ids=MEANINGS)
def test_no_verdict_is_better_because_less_is_known(
    resources: Resources, expected: tuple[str, str]
) -> None:
    for address, values in resources.items():
        for name in values.keys() - {"name", "resource_group_name"}:
            for before, after in zip(
                expected, outcome(plan(resources, {address: {name: True}})), strict=True
            ):
                assert after in (before, "unknown"), (address, name)


@pytest.mark.parametrize("document", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_document_is_no_reason_to_stop(document: Any) -> None:
    inventory = read(document)
    for verdict in rp.assess(inventory, MATRIX).verdicts:
        assert verdict.verdict in ("unknown", "not_supported")


# --------------------------------------------------------------------------- Pulumi


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


PLURAL = ("storage_data_disk", "data_disk")


def bridged(values: Any) -> Any:
    """Write attributes as the provider azure of Pulumi does."""
    if isinstance(values, dict):
        made = {}
        for name, value in values.items():
            block = isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)
            if name in PLURAL:
                made[camel(name) + "s"] = bridged(value)
            elif value not in (None, []):
                made[camel(name)] = bridged(value[0] if block else value)
        return made
    return [bridged(one) for one in values] if isinstance(values, list) else values


TOKENS = {
    "azurerm_linux_virtual_machine": "azure:compute/linuxVirtualMachine:LinuxVirtualMachine",
    "azurerm_windows_virtual_machine": "azure:compute/windowsVirtualMachine:WindowsVirtualMachine",
    "azurerm_virtual_machine": "azure:compute/virtualMachine:VirtualMachine",
    "azurerm_managed_disk": "azure:compute/managedDisk:ManagedDisk",
    "azurerm_virtual_machine_data_disk_attachment": (
        "azure:compute/dataDiskAttachment:DataDiskAttachment"
    ),
}


def stack(resources: Resources) -> Body:
    """Give what ``pulumi stack export`` prints."""
    states: list[Body] = [{"urn": "urn:pulumi:dev::quay::pulumi:pulumi:Stack::quay", "type": "x"}]
    for address, values in resources.items():
        token = TOKENS[address.partition(".")[0]]
        urn = f"urn:pulumi:dev::quay::{token}::{address}"
        told = bridged({name: value for name, value in values.items() if name != "id"})
        state = {"urn": urn, "custom": True, "id": values["id"], "type": token}
        states.append({**state, "inputs": {}, "outputs": told})
    return {"version": 3, "deployment": {"manifest": {}, "resources": states}}


@pytest.mark.parametrize(("resources", "expected"), MEANINGS.values(), ids=MEANINGS)
def test_a_stack_of_pulumi_means_the_same(resources: Resources, expected: tuple[str, str]) -> None:
    document = stack(resources)
    assert not read(document).problems
    assert outcome(document) == expected
    assert outcome({"resources": document["deployment"]["resources"]}) == expected


def native(kind: str, name: str, record_id: str, outputs: Body) -> Body:
    token = f"azure-native:compute:{name}"
    urn = f"urn:pulumi:dev::quay::{token}::it"
    told = {**outputs, "type": kind, "name": record_id.rpartition("/")[2]}
    return {"urn": urn, "id": record_id, "type": token, "inputs": {}, "outputs": told}


def test_native_resources_of_pulumi_are_records() -> None:
    machine = native(
        *("Microsoft.Compute/virtualMachines", "VirtualMachine", vm_id()), VM_BODY["properties"]
    )
    for shares, expected in ((None, SUPPORTED), (2, EXCLUDE)):
        outputs = {"sku": {"name": "Premium_LRS"}, "creationData": {"createOption": "Empty"}}
        if shares:
            outputs["maxShares"] = shares
        held = native("Microsoft.Compute/disks", "Disk", disk_id(), outputs)
        states = [machine, {**held, "urn": f"{held['urn']}-disk"}]
        assert outcome({"version": 3, "deployment": {"resources": states}}) == expected
    unknown = {"maxShares": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
    held = native("Microsoft.Compute/disks", "Disk", disk_id(), {**outputs, **unknown})
    steps = [{"op": "create", "urn": one["urn"], "newState": one} for one in (machine, held)]
    assert outcome({"config": {}, "steps": steps}) == UNKNOWN


CASES: dict[str, Body] = {
    "a state": raw_state({**with_disk(max_shares=2), LINUX: linux(admin_password="Quay-Secret-1")}),
    "an old state": old_state(with_disk()),
    "a plan": plan(with_disk(max_shares=2), {**ID_GAPS, DISK: {}}, SIMPLE),
    "a plan with gaps": plan(with_disk(), {ATTACHMENT: {"managed_disk_id": True}}),
    "azapi": shown_state({AZAPI_VM: azapi_vm(), AZAPI_DISK: azapi_disk(maxShares=2)}),
    "a plan of azapi": plan({AZAPI_VM: azapi_vm(), AZAPI_DISK: azapi_disk(maxShares=2)}),
    "a VM of a scale set": shown_state({LINUX: linux(virtual_machine_scale_set_id=SCALE_SET)}),
}


@pytest.mark.parametrize("document", CASES.values(), ids=CASES)
def test_a_case_of_terraform_can_be_masked(document: Body, tmp_path: Path) -> None:
    given, saved = tmp_path / "in.json", tmp_path / "case.json"
    given.write_text(json.dumps(document))
    case = save_case(saved, given, mask=True)
    assert not case.differences
    text = saved.read_text()
    assert not [name for name in ("Quay-Secret", "vm-quay", "rg-quay", "keeper") if name in text]
    assert outcome(document) == tuple(one["verdict"] for one in case.verdicts)


# --------------------------------------------------------------------------- fleets

WRITTEN: dict[str, Callable[[list[Any]], str]] = {
    "pretty": lambda documents: json.dumps(documents[0], indent=2),
    "compact": lambda documents: json.dumps(documents[0]) + "\n",
    "lines": lambda documents: "".join(json.dumps(one) + "\n" for one in documents),
    "list": lambda documents: json.dumps(documents, indent=2),
    "lines of resources": lambda documents: "".join(
        json.dumps(one) + "\n" for one in documents[0]["values"]["root_module"]["resources"]
    ),
    "resources": lambda documents: json.dumps(
        documents[0]["values"]["root_module"]["resources"], indent=2
    ),
}


@pytest.mark.parametrize("form", WRITTEN.values(), ids=WRITTEN)
def test_a_fleet_reads_a_document_as_a_whole(
    form: Callable[[list[Any]], str], tmp_path: Path
) -> None:
    first = {**with_disk(max_shares=2), "azurerm_resource_group.main": {"id": "/subscriptions/s/x"}}
    second = {"azurerm_linux_virtual_machine.other": linux("vm-other", vtpm_enabled=True)}
    path = tmp_path / "states.json"
    path.write_text(form([shown_state(first), shown_state(second)]))
    assert differences(assess_files(path), path) == []
    assert verdicts(shown_state(first))["crash"] == ("exclude_disks", [0])
    assert "exclude_disks" in {one.verdict for one in rp.assess(read(path), MATRIX).verdicts}


def test_a_fleet_of_documents_is_what_its_vms_are_one_by_one(tmp_path: Path) -> None:
    documents = [
        *(plan(resources, unknown) for resources, unknown, _ in GAPS.values()),
        *(shown_state(resources) for resources, _ in MEANINGS.values()),
        plan(with_disk(max_shares=2), {**ID_GAPS, DISK: {}}, SIMPLE),
        plan({AZAPI_VM: azapi_vm(), AZAPI_DISK: azapi_disk(maxShares=2)}),
        *BROKEN,
    ]
    for number, document in enumerate(documents):
        path = tmp_path / f"{number:03}.json"
        path.write_text(json.dumps(document, indent=number % 2 or None))
        assert differences(assess_files(path), path) == []
    assert differences(assess_files(tmp_path), *sorted(tmp_path.iterdir())) == []
