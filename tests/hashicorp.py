"""Sample resources of Terraform, and the documents in which it shows them.

The builders give the attributes of one resource as the provider azurerm writes them; the documents
put resources together as a plan, an output of ``terraform show -json``, or a raw state. Names and
ids are invented.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

Body = dict[str, Any]
Resources = Mapping[str, Body]

SUBSCRIPTION = "7c0de000-0000-4000-8000-0000000000b2"
GROUP = "rg-quay"
REGION = "westeurope"


def azure_id(kind: str, name: str, group: str = GROUP) -> str:
    """Give a resource id, such as ``azure_id("Microsoft.Compute/disks", "data")``."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{kind}/{name}"


def vm_id(name: str = "vm-quay") -> str:
    return azure_id("Microsoft.Compute/virtualMachines", name)


def disk_id(name: str = "disk-quay") -> str:
    return azure_id("Microsoft.Compute/disks", name)


def merge(base: Body, **changes: Any) -> Body:
    """Lay changes over attributes; a block is changed attribute by attribute."""
    merged = copy.deepcopy(base)
    for name, value in changes.items():
        blocks = merged.get(name)
        if isinstance(value, dict) and isinstance(blocks, list) and blocks:
            blocks[0].update(value)
        else:
            merged[name] = [value] if isinstance(value, dict) and blocks == [] else value
    return merged


def linux(name: str = "vm-quay", **changes: Any) -> Body:
    """Give the attributes of an ``azurerm_linux_virtual_machine``, all of them."""
    base = {
        "additional_capabilities": [],
        "admin_password": None,
        "admin_ssh_key": [{"public_key": "ssh-rsa AAAA", "username": "keeper"}],
        "admin_username": "keeper",
        "allow_extension_operations": True,
        "availability_set_id": None,
        "boot_diagnostics": [],
        "capacity_reservation_group_id": None,
        "computer_name": name,
        "custom_data": None,
        "dedicated_host_group_id": None,
        "dedicated_host_id": None,
        "disable_password_authentication": True,
        "disk_controller_type": None,
        "edge_zone": None,
        "encryption_at_host_enabled": None,
        "eviction_policy": None,
        "id": vm_id(name),
        "identity": [],
        "license_type": None,
        "location": REGION,
        "max_bid_price": -1,
        "name": name,
        "network_interface_ids": [azure_id("Microsoft.Network/networkInterfaces", f"{name}-nic")],
        "os_disk": [
            {
                "caching": "ReadWrite",
                "diff_disk_settings": [],
                "disk_encryption_set_id": None,
                "disk_size_gb": 30,
                "id": disk_id(f"{name}-os"),
                "name": f"{name}-os",
                "secure_vm_disk_encryption_set_id": None,
                "security_encryption_type": None,
                "storage_account_type": "Premium_LRS",
                "write_accelerator_enabled": False,
            }
        ],
        "patch_mode": "ImageDefault",
        "plan": [],
        "platform_fault_domain": -1,
        "priority": "Regular",
        "provision_vm_agent": True,
        "proximity_placement_group_id": None,
        "resource_group_name": GROUP,
        "secure_boot_enabled": None,
        "size": "Standard_D2s_v5",
        "source_image_id": None,
        "source_image_reference": [
            {
                "offer": "ubuntu-24_04-lts",
                "publisher": "Canonical",
                "sku": "server",
                "version": "latest",
            }
        ],
        "tags": None,
        "timeouts": None,
        "virtual_machine_id": "00000000-0000-4000-8000-0000000000c3",
        "virtual_machine_scale_set_id": None,
        "vtpm_enabled": None,
        "zone": "1",
    }
    return merge(base, **changes)


def windows(name: str = "vm-quay", **changes: Any) -> Body:
    """Give the attributes of an ``azurerm_windows_virtual_machine``."""
    image = {
        "offer": "WindowsServer",
        "publisher": "MicrosoftWindowsServer",
        "sku": "2022-datacenter",
        "version": "latest",
    }
    base = linux(name, source_image_reference=image, hotpatching_enabled=False, timezone=None)
    del base["admin_ssh_key"], base["disable_password_authentication"]
    return merge(base, **{"enable_automatic_updates": True, "winrm_listener": [], **changes})


def legacy(name: str = "vm-quay", **changes: Any) -> Body:
    """Give the attributes of an ``azurerm_virtual_machine``."""
    disk = {
        "caching": "ReadWrite",
        "create_option": "FromImage",
        "disk_size_gb": 30,
        "image_uri": "",
        "managed_disk_id": disk_id(f"{name}-os"),
        "managed_disk_type": "Premium_LRS",
        "name": f"{name}-os",
        "os_type": "Linux",
        "vhd_uri": "",
        "write_accelerator_enabled": False,
    }
    base = {
        "additional_capabilities": [],
        "availability_set_id": None,
        "boot_diagnostics": [],
        "delete_data_disks_on_termination": False,
        "delete_os_disk_on_termination": False,
        "id": vm_id(name),
        "identity": [],
        "license_type": None,
        "location": REGION,
        "name": name,
        "network_interface_ids": [azure_id("Microsoft.Network/networkInterfaces", f"{name}-nic")],
        "os_profile": [{"admin_username": "keeper", "computer_name": name, "custom_data": ""}],
        "os_profile_linux_config": [{"disable_password_authentication": True, "ssh_keys": []}],
        "os_profile_secrets": [],
        "os_profile_windows_config": [],
        "plan": [],
        "primary_network_interface_id": None,
        "proximity_placement_group_id": None,
        "resource_group_name": GROUP,
        "storage_data_disk": [],
        "storage_image_reference": [
            {
                "id": "",
                "offer": "ubuntu-24_04-lts",
                "publisher": "Canonical",
                "sku": "server",
                "version": "latest",
            }
        ],
        "storage_os_disk": [disk],
        "tags": {},
        "vm_size": "Standard_D2s_v5",
        "zones": [],
    }
    return merge(base, **changes)


def legacy_data_disk(lun: int = 0, **changes: Any) -> Body:
    """Give a block ``storage_data_disk``."""
    return {
        "caching": "None",
        "create_option": "Attach",
        "disk_size_gb": 64,
        "lun": lun,
        "managed_disk_id": disk_id(),
        "managed_disk_type": "Premium_LRS",
        "name": "disk-quay",
        "vhd_uri": "",
        "write_accelerator_enabled": False,
        **changes,
    }


def disk(name: str = "disk-quay", **changes: Any) -> Body:
    """Give the attributes of an ``azurerm_managed_disk``, all of them."""
    base = {
        "create_option": "Empty",
        "disk_access_id": None,
        "disk_encryption_set_id": None,
        "disk_iops_read_only": 0,
        "disk_iops_read_write": 500,
        "disk_mbps_read_only": 0,
        "disk_mbps_read_write": 60,
        "disk_size_gb": 64,
        "edge_zone": None,
        "encryption_settings": [],
        "gallery_image_reference_id": None,
        "hyper_v_generation": None,
        "id": disk_id(name),
        "image_reference_id": None,
        "location": REGION,
        "logical_sector_size": None,
        "max_shares": 0,
        "name": name,
        "network_access_policy": "AllowAll",
        "on_demand_bursting_enabled": False,
        "optimized_frequent_attach_enabled": False,
        "os_type": None,
        "performance_plus_enabled": False,
        "public_network_access_enabled": True,
        "resource_group_name": GROUP,
        "secure_vm_disk_encryption_set_id": None,
        "security_type": None,
        "source_resource_id": None,
        "source_uri": None,
        "storage_account_id": None,
        "storage_account_type": "Premium_LRS",
        "tags": None,
        "tier": "P6",
        "timeouts": None,
        "trusted_launch_enabled": False,
        "upload_size_bytes": None,
        "zone": "1",
    }
    return merge(base, **changes)


def attachment(vm: str = "vm-quay", of: str = "disk-quay", lun: int = 0, **changes: Any) -> Body:
    """Give the attributes of an ``azurerm_virtual_machine_data_disk_attachment``."""
    base = {
        "caching": "ReadOnly",
        "create_option": "Attach",
        "id": f"{vm_id(vm)}/dataDisks/{of}",
        "lun": lun,
        "managed_disk_id": disk_id(of),
        "timeouts": None,
        "virtual_machine_id": vm_id(vm),
        "write_accelerator_enabled": False,
    }
    return merge(base, **changes)


# --------------------------------------------------------------------------- documents


def _split(address: str) -> tuple[str, str, str, str, Any]:
    """Take an address apart: module, mode, type, name and key."""
    match = re.fullmatch(r"((?:module\.[^.]+\.)*)(data\.)?(\w+)\.([\w-]+)(?:\[(.*)\])?", address)
    assert match, address
    module, data, kind, name, key = match.groups()
    index = int(key) if key and key.isdigit() else key.strip('"') if key else None
    return module.rstrip("."), "data" if data else "managed", kind, name, index


def _entry(address: str) -> Body:
    module, mode, kind, name, index = _split(address)
    entry: Body = {"address": address, "mode": mode, "type": kind, "name": name}
    entry |= {"provider_name": "registry.terraform.io/hashicorp/azurerm"}
    if module:
        entry["module_address"] = module
    if index is not None:
        entry["index"] = index
    return entry


def _tree(resources: Resources) -> Body:
    """Give the resources of a document by module."""
    root: Body = {"resources": []}
    for address, values in resources.items():
        shown = {**_entry(address), "schema_version": 0, "values": values, "sensitive_values": {}}
        module = shown.pop("module_address", "")
        home = root
        path = ""
        for step in filter(None, re.split(r"\.(?=module\.)", module)):
            path = f"{path}.{step}".lstrip(".")
            children = home.setdefault("child_modules", [])
            inside = [one for one in children if one["address"] == path]
            if not inside:
                inside = [{"address": path, "resources": []}]
                children += inside
            (home,) = inside
        home["resources"].append(shown)
    return root


def shown_state(resources: Resources) -> Body:
    """Give what ``terraform show -json`` prints of a state."""
    values = {"root_module": _tree(resources)}
    return {"format_version": "1.0", "terraform_version": "1.9.8", "values": values}


def raw_state(resources: Resources) -> Body:
    """Give the content of ``terraform.tfstate``, version 4."""
    entries: dict[tuple[str, str, str, str], Body] = {}
    for address, values in resources.items():
        module, mode, kind, name, index = _split(address)
        entry = {"module": module} if module else {}
        entry |= {"mode": mode, "type": kind, "name": name, "instances": []}
        entry["provider"] = 'provider["registry.opentofu.org/hashicorp/azurerm"]'
        instance = {"schema_version": 0, "attributes": values, "sensitive_attributes": []}
        if index is not None:
            instance = {"index_key": index, **instance}
        entries.setdefault((module, mode, kind, name), entry)["instances"].append(instance)
    return {
        "version": 4,
        "terraform_version": "1.8.2",
        "serial": 7,
        "lineage": "1d2c3b4a-0000-4000-8000-000000000001",
        "outputs": {},
        "resources": list(entries.values()),
        "check_results": None,
    }


def _flat(value: Any, name: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        inner = ((key if not name else f"{name}.{key}", child) for key, child in value.items())
        return {path: cell for key, child in inner for path, cell in _flat(child, key).items()}
    if isinstance(value, list):
        found = {f"{name}.#": str(len(value))}
        for place, child in enumerate(value):
            # Members of a set have hashes for names.
            found |= _flat(child, f"{name}.{place + (3_000_000 if len(value) == 1 else 0)}")
        return found
    if value is None:
        return {}
    return {name: str(value).lower() if isinstance(value, bool) else str(value)}


def old_state(resources: Resources) -> Body:
    """Give a state of version 3, as Terraform wrote it before 0.12."""
    modules: dict[str, Body] = {}
    for address, values in resources.items():
        module, mode, kind, name, index = _split(address)
        path = ["root", *(step.removeprefix("module.") for step in filter(None, [module]))]
        home = modules.setdefault(module, {"path": path, "outputs": {}, "resources": {}})
        key = f"{'data.' if mode == 'data' else ''}{kind}.{name}"
        key += f".{index}" if index is not None else ""
        primary = {"id": values["id"], "attributes": _flat(values), "meta": {}, "tainted": False}
        home["resources"][key] = {"type": kind, "depends_on": [], "primary": primary}
    return {
        "version": 3,
        "terraform_version": "0.11.14",
        "serial": 2,
        "lineage": "x",
        "modules": list(modules.values()),
    }


def change(address: str, after: Any, unknown: Any = None, *actions: str, **more: Any) -> Body:
    """Give one entry of ``resource_changes``."""
    told = {"actions": list(actions or ["create"]), "before": None, "after": after}
    return {**_entry(address), "change": {**told, "after_unknown": unknown or {}, **more}}


def plan(
    resources: Resources,
    unknown: Mapping[str, Body] | None = None,
    configuration: Body | None = None,
    prior: Resources | None = None,
) -> Body:
    """Give what ``terraform show -json`` prints of a plan that creates the resources.

    Attributes that `unknown` names are taken out of the values; ids always are.
    """
    after: dict[str, Body] = {}
    gaps: dict[str, Body] = {}
    for address, values in resources.items():
        gaps[address] = {"id": True, **(unknown or {}).get(address, {})}
        after[address] = _without(values, gaps[address])
    changes = [change(address, after[address], gaps[address]) for address in resources]
    made: Body = {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": _tree(after)},
        "resource_changes": changes,
        "applyable": True,
        "complete": True,
        "errored": False,
    }
    if prior:
        made["prior_state"] = shown_state(prior)
    if configuration is not None:
        made["configuration"] = {"provider_config": {}, "root_module": configuration}
    return made


def _without(values: Any, gaps: Any) -> Any:
    if isinstance(values, dict) and isinstance(gaps, dict):
        return {
            name: _without(value, gaps.get(name))
            for name, value in values.items()
            if gaps.get(name) is not True
        }
    if isinstance(values, list) and isinstance(gaps, list):
        padded = [*gaps, *([None] * (len(values) - len(gaps)))]
        return [
            None if gap is True else _without(one, gap)
            for one, gap in zip(values, padded, strict=True)
        ]
    return copy.deepcopy(values)


def configured(address: str, expressions: Body, **more: Any) -> Body:
    """Give the configuration of one resource; an expression that is a list names references."""
    _, mode, kind, name, _ = _split(address)
    told = {
        key: {"references": value} if isinstance(value, list) else value
        for key, value in expressions.items()
    }
    plain = f"{'data.' if mode == 'data' else ''}{kind}.{name}"
    entry = {"address": plain, "mode": mode, "type": kind, "name": name}
    return {**entry, "provider_config_key": "azurerm", "expressions": told, **more}
