"""Sample records of Azure resources, and the shapes in which clients give them.

The builders give the shape of the REST interface, the richest there is; the shapers turn it into
what another client would have written. Names, ids and values are invented.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Body = dict[str, Any]

SUBSCRIPTION = "5a3c1f00-0000-4000-8000-0000000000a1"
TENANT = "5a3c1f00-0000-4000-8000-0000000000ff"
GROUP = "rg-harbour"
REGION = "westeurope"

UBUNTU = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
WINDOWS = {
    "publisher": "MicrosoftWindowsServer",
    "offer": "WindowsServer",
    "sku": "2022-datacenter",
}


# --------------------------------------------------------------------------- builders


def resource_id(kind: str, *names: str, group: str = GROUP) -> str:
    """Give an id, such as ``resource_id("Microsoft.Compute/disks", "disk-one")``."""
    provider, *types = kind.split("/")
    path = "/".join(f"{kind_of}/{name}" for kind_of, name in zip(types, names, strict=True))
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{provider}/{path}"


def vm_id(name: str = "vm-harbour", group: str = GROUP) -> str:
    return resource_id("Microsoft.Compute/virtualMachines", name, group=group)


def disk_id(name: str, group: str = GROUP) -> str:
    return resource_id("Microsoft.Compute/disks", name, group=group)


def _resource(kind: str, names: Iterable[str], properties: Body, top: Mapping[str, Any]) -> Body:
    names = list(names)
    record: Body = {"id": resource_id(kind, *names), "name": names[-1], "type": kind}
    record |= {"location": REGION, **top}
    record["properties"] = properties
    return record


def merge(base: Body, *changes: Mapping[str, Any]) -> Body:
    """Lay changes over a record, object by object; None takes a key away."""
    merged = copy.deepcopy(base)
    for change in changes:
        for key, value in change.items():
            if value is None:
                merged.pop(key, None)
            elif isinstance(value, Mapping) and isinstance(merged.get(key), dict):
                merged[key] = merge(merged[key], value)
            else:
                merged[key] = copy.deepcopy(value)
    return merged


def os_disk(name: str = "disk-os", *, os: str = "Linux", **changes: Any) -> Body:
    base = {
        "osType": os,
        "name": name,
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "managedDisk": {"id": disk_id(name), "storageAccountType": "Premium_LRS"},
        "deleteOption": "Detach",
        "diskSizeGB": 64,
    }
    return merge(base, changes)


def data_disk(lun: int, name: str | None = None, **changes: Any) -> Body:
    name = name or f"disk-data-{lun}"
    base = {
        "lun": lun,
        "name": name,
        "createOption": "Attach",
        "caching": "None",
        "managedDisk": {"id": disk_id(name), "storageAccountType": "Premium_LRS"},
        "toBeDetached": False,
        "diskSizeGB": 128,
    }
    return merge(base, changes)


def sku(name: str) -> Body:
    """Give the change that sets the SKU a VM shows of a disk."""
    return {"managedDisk": {"storageAccountType": name}}


def vm(
    name: str = "vm-harbour",
    *,
    size: str = "Standard_D4s_v5",
    image: Mapping[str, Any] | None = UBUNTU,
    os: str = "Linux",
    system: Body | None = None,
    data: Iterable[Body] = (),
    top: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Body:
    """Give a VM; further keywords are laid over its properties."""
    storage: Body = {
        "osDisk": system or os_disk(f"{name}-os", os=os),
        "dataDisks": list(data),
    }
    if image is not None:
        storage["imageReference"] = {**image, "version": "latest"}
    properties = {
        "vmId": "7f000000-0000-4000-8000-000000000001",
        "hardwareProfile": {"vmSize": size},
        "provisioningState": "Succeeded",
        "storageProfile": storage,
        "osProfile": {"computerName": name, "adminUsername": "harbourmaster", "secrets": []},
        "networkProfile": {
            "networkInterfaces": [
                {
                    "id": resource_id("Microsoft.Network/networkInterfaces", f"{name}-nic"),
                    "properties": {"primary": True},
                }
            ]
        },
    }
    kind = "Microsoft.Compute/virtualMachines"
    return _resource(kind, [name], merge(properties, changes), top or {})


def template_vm(**changes: Any) -> Body:
    """Give a VM as a template's resource: no id, a version of the interface."""
    record = vm(**changes)
    del record["id"]
    return {"apiVersion": "2024-07-01", **record}


def disk(name: str = "disk-data-0", *, sku: str = "Premium_LRS", **changes: Any) -> Body:
    """Give the record of a disk; further keywords are laid over its properties."""
    properties = {
        "creationData": {"createOption": "Empty"},
        "diskSizeGB": 128,
        "diskState": "Attached",
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "networkAccessPolicy": "AllowAll",
        "provisioningState": "Succeeded",
    }
    top = {"sku": {"name": sku, "tier": sku.partition("_")[0]}, "managedBy": vm_id()}
    return _resource("Microsoft.Compute/disks", [name], merge(properties, changes), top)


def network_interface(vm_name: str = "vm-harbour", *, accelerated: bool = True) -> Body:
    properties = {
        "enableAcceleratedNetworking": accelerated,
        "ipConfigurations": [{"name": "first", "properties": {"primary": True}}],
        "virtualMachine": {"id": vm_id(vm_name)},
    }
    return _resource(
        "Microsoft.Network/networkInterfaces", [f"{vm_name}-nic"], properties, {"tags": {}}
    )


def extension(vm_name: str = "vm-harbour", kind: str = "CustomScript", **changes: Any) -> Body:
    properties = {
        "publisher": "Microsoft.Azure.Extensions",
        "type": kind,
        "typeHandlerVersion": "2.1",
        "provisioningState": "Succeeded",
    }
    return _resource(
        "Microsoft.Compute/virtualMachines/extensions",
        [vm_name, kind.lower()],
        merge(properties, changes),
        {},
    )


def encryption_set(name: str = "des-one", kind: str = "EncryptionAtRestWithCustomerKey") -> Body:
    properties = {
        "activeKey": {"keyUrl": "https://vault-harbour.vault.azure.net/keys/one/1"},
        "encryptionType": kind,
    }
    return _resource("Microsoft.Compute/diskEncryptionSets", [name], properties, {})


def scale_set(name: str = "fleet", orchestration: str | None = "Flexible") -> Body:
    properties: Body = {"provisioningState": "Succeeded", "platformFaultDomainCount": 1}
    if orchestration:
        properties["orchestrationMode"] = orchestration
    if orchestration != "Flexible":
        properties |= {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": {}}
    top = {"sku": {"name": "Standard_D4s_v5", "capacity": 2}}
    return _resource("Microsoft.Compute/virtualMachineScaleSets", [name], properties, top)


def scale_set_id(name: str = "fleet") -> str:
    return resource_id("Microsoft.Compute/virtualMachineScaleSets", name)


def uniform_instance(name: str = "fleet", number: str = "0", **changes: Any) -> Body:
    """Give an instance of a scale set with uniform orchestration."""
    kind = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
    record = vm(f"{name}_{number}", **changes)
    record |= {"id": resource_id(kind, name, number), "type": kind, "instanceId": number}
    return record


def restore_point(
    vm_name: str = "vm-harbour",
    number: int = 1,
    *,
    mode: str | None = "ApplicationConsistent",
    created: str = "2026-03-01T04:00:00.1234567+00:00",
    state: str = "Succeeded",
    **changes: Any,
) -> Body:
    kind = "Microsoft.Compute/restorePointCollections/restorePoints"
    names = (f"rpc-{vm_name}", f"rp-{number}")
    properties: Body = {"provisioningState": state, "timeCreated": created}
    if mode:
        properties["consistencyMode"] = mode
    record = {"id": resource_id(kind, *names), "name": names[-1], "type": kind}
    return {**record, "properties": merge(properties, changes)}


def collection(
    vm_name: str = "vm-harbour", points: Iterable[Body] | None = (), **changes: Any
) -> Body:
    """Give a restore point collection; `points` None is a collection that does not list them."""
    properties: Body = {
        "source": {"id": vm_id(vm_name), "location": REGION},
        "provisioningState": "Succeeded",
        "restorePointCollectionId": "7f000000-0000-4000-8000-0000000000c1",
    }
    if points is not None:
        properties["restorePoints"] = list(points)
    kind = "Microsoft.Compute/restorePointCollections"
    return _resource(kind, [f"rpc-{vm_name}"], merge(properties, changes), {})


def instance_view(
    vm_name: str = "vm-harbour", os_name: str = "ubuntu", os_version: str = "24.04", **changes: Any
) -> Body:
    """Give what the guest agent tells, as a VM keeps it under ``instanceView``."""
    base = {
        "computerName": vm_name,
        "osName": os_name,
        "osVersion": os_version,
        "hyperVGeneration": "V2",
        "vmAgent": {"vmAgentVersion": "2.9", "statuses": []},
        "statuses": [{"code": "PowerState/running", "displayStatus": "VM running"}],
    }
    return merge(base, changes)


def metadata(**changes: Any) -> Body:
    """Give what the instance metadata service answers inside a guest: texts, all of them."""
    compute = {
        "azEnvironment": "AzurePublicCloud",
        "location": REGION,
        "name": "vm-harbour",
        "offer": "ubuntu-24_04-lts",
        "osType": "Linux",
        "publisher": "Canonical",
        "resourceGroupName": GROUP,
        "resourceId": vm_id(),
        "securityProfile": {
            "secureBootEnabled": "true",
            "virtualTpmEnabled": "true",
            "encryptionAtHost": "false",
            "securityType": "TrustedLaunch",
        },
        "sku": "server",
        "storageProfile": {
            "dataDisks": [
                {
                    "lun": "0",
                    "name": "disk-data-0",
                    "caching": "None",
                    "managedDisk": {
                        "id": disk_id("disk-data-0"),
                        "storageAccountType": "UltraSSD_LRS",
                    },
                    "vhd": {"uri": ""},
                }
            ],
            "imageReference": {**UBUNTU, "id": "", "version": "latest"},
            "osDisk": {
                "caching": "ReadWrite",
                "createOption": "FromImage",
                "diffDiskSettings": {"option": ""},
                "image": {"uri": ""},
                "managedDisk": {"id": disk_id("disk-os"), "storageAccountType": "Premium_LRS"},
                "name": "disk-os",
                "osType": "Linux",
                "vhd": {"uri": ""},
            },
        },
        "subscriptionId": SUBSCRIPTION,
        "vmId": "7f000000-0000-4000-8000-000000000001",
        "vmScaleSetName": "",
        "vmSize": "Standard_D4s_v5",
        "zone": "",
    }
    return {"compute": merge(compute, changes), "network": {"interface": []}}


# --------------------------------------------------------------------------- shapes


def to_rest_list(records: Iterable[Body]) -> Body:
    return {"value": list(records)}


def _flat(record: Body) -> Body:
    """Move what ``properties`` holds one level up, as Azure CLI and PowerShell do."""
    flat = {key: value for key, value in record.items() if key != "properties"}
    inner = record.get("properties")
    if isinstance(inner, dict):
        for key, value in inner.items():
            if key == "type" and "type" in flat:
                del flat["type"]
                flat["typePropertiesType"] = value
            else:
                flat[key] = value
    return {key: _each(value, _flat) for key, value in flat.items()}


def _each(value: Any, change: Callable[[Body], Body]) -> Any:
    if isinstance(value, dict):
        return change(value)
    if isinstance(value, list):
        return [_each(one, change) for one in value]
    return value


def to_cli(record: Body) -> Body:
    """Give the record as Azure CLI prints it today."""
    flat = _flat(record)
    return {**flat, "resourceGroup": GROUP} if "id" in flat else flat


_OLD_SPELLING = {
    "diskSizeGB": "diskSizeGb",
    "diskSizeBytes": "diskSizeBytes",
    "ultraSSDEnabled": "ultraSsdEnabled",
    "hyperVGeneration": "hyperVgeneration",
    "provisionVMAgent": "provisionVmAgent",
}
_OLD_NULLS = {
    "osDisk": ("diffDiskSettings", "encryptionSettings", "image", "vhd", "writeAcceleratorEnabled"),
    "dataDisks": ("image", "vhd", "detachOption", "writeAcceleratorEnabled"),
    "managedDisk": ("diskEncryptionSet", "securityProfile", "storageAccountType"),
    "storageProfile": ("imageReference",),
}


def to_old_cli(record: Body) -> Body:
    """Give the record as Azure CLI of the years up to 2024 printed it: nulls, other capitals."""

    def aged(body: Body, name: str = "") -> Body:
        old: Body = {}
        for key, value in body.items():
            inner = [aged(one, key) for one in value] if _objects(value) else value
            inner = aged(value, key) if isinstance(value, dict) and key != "tags" else inner
            old[_OLD_SPELLING.get(key, key)] = inner
        return {**dict.fromkeys(_OLD_NULLS.get(name, ())), **old}

    absent = ("availabilitySet", "host", "instanceView", "plan", "priority", "securityProfile")
    if record["type"] == "Microsoft.Compute/virtualMachines":
        return {**dict.fromkeys(absent), **aged(to_cli(record))}
    return {**dict.fromkeys(("maxShares", "purchasePlan", "zones")), **aged(to_cli(record))}


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def to_resource_graph(record: Body) -> Body:
    """Give the row that Resource Graph holds of the record."""
    row = copy.deepcopy(record)
    row["type"] = row["type"].lower()
    row |= {"resourceGroup": GROUP.lower(), "subscriptionId": SUBSCRIPTION, "tenantId": TENANT}
    row |= {"kind": "", "plan": row.get("plan"), "managedBy": row.get("managedBy", "")}
    row.setdefault("sku", None)
    row.pop("resources", None)
    view = row["properties"].pop("instanceView", None)
    if view:
        told = ("computerName", "hyperVGeneration", "osName", "osVersion")
        brief = {name: view[name] for name in told if name in view}
        row["properties"]["extended"] = {
            "instanceView": {**brief, "powerState": {"code": "PowerState/running"}}
        }
    return row


def to_resource_graph_table(rows: list[Body]) -> Body:
    """Give rows as Resource Graph's table format does."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = {
        "columns": [{"name": name, "type": "object"} for name in names],
        "rows": [[row.get(name) for name in names] for row in rows],
    }
    return {"totalRecords": len(rows), "count": len(rows), "data": table, "facets": []}


def to_powershell(record: Body) -> Body:
    """Give the record as PowerShell turns it into JSON, deep enough to cut nothing off."""
    flat = _flat(record)
    flat["resourceGroupName"] = GROUP
    for rest, other in (
        ("availabilitySet", "availabilitySetReference"),
        ("resources", "extensions"),
    ):
        if rest in flat:
            flat[other] = flat.pop(rest)
    named = _pascal(flat)
    return {**named, "StatusCode": 0, "RequestId": None, "Tags": record.get("tags")}


def _pascal(body: Body) -> Body:
    return {key[:1].upper() + key[1:]: _each(value, _pascal) for key, value in body.items()}


def to_python(record: Body) -> Body:
    """Give the record as the objects of the SDK for Python turn into JSON."""

    def snake(body: Body) -> Body:
        return {_snake(key): _each(value, snake) for key, value in body.items()}

    return snake(_flat(record))


def _snake(name: str) -> str:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parted.lower()


def cut_off(value: Any, depth: int = 2) -> Any:
    """Cut an object as ``ConvertTo-Json -Depth`` does: what lies deeper becomes a text."""
    if isinstance(value, dict):
        if depth < 0:
            return "Microsoft.Azure.Management.Compute.Models.Something"
        return {key: cut_off(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        if depth < 0:
            return "" if not value else "System.Object[]"
        return [cut_off(one, depth - 1) for one in value]
    return value


def to_template(records: Iterable[Body]) -> Body:
    """Give a template that deploys the records: no ids, and what only the service tells is gone."""
    resources = []
    for record in records:
        resource = {key: value for key, value in record.items() if key != "id"}
        told = ("instanceView", "provisioningState", "vmId")
        if isinstance(record["properties"], dict):
            inner = {key: one for key, one in record["properties"].items() if key not in told}
            resource["properties"] = inner
        resources.append({"apiVersion": "2024-07-01", **resource})
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}


def to_csv(rows: list[Body], delimiter: str = ",") -> str:
    """Give rows of Resource Graph as a table with JSON in its cells."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    table = csv.writer(written, delimiter=delimiter, lineterminator="\r\n")
    table.writerow([name.upper() for name in names])
    for row in rows:
        cells = [row.get(name) for name in names]
        table.writerow([one if isinstance(one, str) else json.dumps(one) for one in cells])
    return written.getvalue()


def to_ndjson(records: Iterable[Body]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16 with a mark": lambda text: text.encode("utf-16"),
    "utf-16, high byte first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-32": lambda text: text.encode("utf-32"),
    "lines of windows": lambda text: re.sub(r"\r?\n", "\r\n", text).encode("utf-16"),
}
