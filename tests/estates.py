"""Estates of many VMs as clients would write them, spoiled here and there, and what they come to.

An estate is made by chance: VMs that differ in what rules ask for, with disks, interfaces,
extensions and encryption sets. Each record is written by one client or another, some are spoiled,
and all go to files of any form. What the ordinary reader and evaluator say of such files, VM by VM,
is what every other way to read them must say.
"""

from __future__ import annotations

import bz2
import gzip
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import azure
from azure import Body, to_csv, to_ndjson

import rpmatrix as rp
from rpmatrix.eligibility.assessment import Assessment
from rpmatrix.fleet.rollups import FleetResult
from rpmatrix.matrix.matrix import MODES, Matrix

COLUMNS = (
    *("vm_id", "vm_name", "mode", "verdict", "floor", "ceiling"),
    *("exclude_disks", "reasons", "caveats", "assumptions", "missing", "rulings"),
)
Row = tuple[str, ...]
SKUS = ("Premium_LRS", "StandardSSD_LRS", "Standard_LRS", "UltraSSD_LRS", "PremiumV2_LRS")


# --------------------------------------------------------------------------- what VMs come to


def rows_of_vms(assessment: Assessment) -> list[Row]:
    """Give the verdicts of an assessment as rows of the table of verdicts."""
    vms = [vm for vm in assessment.inventory.vms for _ in MODES]
    return [
        _row(one, vm, assessment.matrix) for one, vm in zip(assessment.verdicts, vms, strict=True)
    ]


def _row(verdict: Any, vm: Any, matrix: Matrix) -> Row:
    def label(disk: Any) -> str:
        place = "OS disk" if disk.role == "os" else f"data disk at lun {disk.lun}"
        return disk.id or disk.name or place

    asked = {one.fact_id for one in verdict.missing}
    lists = (
        [label(one) for one in verdict.exclude_disks],
        *(verdict.reasons, verdict.caveats, verdict.assumptions),
        [fact for fact in matrix.facts if fact in asked],
        verdict.rulings,
    )
    told = (vm.id, vm.name, verdict.mode, verdict.verdict, verdict.floor, verdict.ceiling)
    return (*told, *(" | ".join(found) for found in lists))


def rows_of_fleet(result: FleetResult) -> list[Row]:
    """Give the verdicts of a fleet as rows of plain texts."""
    return [
        tuple("" if cell is None else str(cell) for cell in row)
        for table in result.verdict_batches()
        for row in zip(*(table[name].to_pylist() for name in COLUMNS), strict=True)
    ]


def differences(result: FleetResult, *paths: Path, **options: Any) -> list[str]:
    """Tell in what a fleet read from files differs from its VMs read one by one."""
    inventory = rp.read_inventory(*paths)
    mine, theirs = rows_of_fleet(result), rows_of_vms(rp.assess(inventory, **options))
    found = [
        f"{name}: {one!r}, one by one {other!r} ({row[0]}, {row[2]})"
        for row, ordinary in zip(mine, theirs, strict=False)
        for name, one, other in zip(COLUMNS, row, ordinary, strict=True)
        if one != other
    ]
    said = [
        ("VMs", [row[0] for row in mine], [row[0] for row in theirs]),
        ("problems", sorted(map(str, result.problems)), sorted(map(str, inventory.problems))),
        ("notes", [one for one in inventory.notes if one not in result.notes], []),
        ("counts", {"records": result.records, **result.counts}, inventory.counts),
    ]
    return found + [
        f"{name}: {one}, one by one {other}" for name, one, other in said if one != other
    ]


# --------------------------------------------------------------------------- estates by chance


def estate(chance: random.Random, count: int) -> list[Body]:
    """Give the records of an estate as REST does, in any order, none of them spoiled."""
    records: list[Body] = []
    for number in range(count):
        records += _machine(chance, f"vm-{number}")
    records += [azure.encryption_set(f"des-{number}", kind) for number, kind in enumerate(_KEYS)]
    if chance.random() < 0.3:
        records.append(azure.scale_set())
    if chance.random() < 0.5:
        chance.shuffle(records)
    return records


_KEYS = (
    "EncryptionAtRestWithCustomerKey",
    "EncryptionAtRestWithPlatformAndCustomerKeys",
    "ConfidentialVmEncryptedWithCustomerKey",
)


def _machine(chance: random.Random, name: str) -> list[Body]:
    def maybe(share: float) -> bool:
        return chance.random() < share

    def encryption_set() -> Body:
        names = [f"des-{number}" for number in range(len(_KEYS) + 1)]
        kind = "Microsoft.Compute/diskEncryptionSets"
        return {"id": azure.resource_id(kind, chance.choice(names))}

    windows = maybe(0.5)
    family = "Windows" if windows else "Linux"
    system = azure.os_disk(f"{name}-os", os=family)
    if maybe(0.1):
        system["diffDiskSettings"] = {"option": "Local"}
    if maybe(0.1):
        system["managedDisk"]["diskEncryptionSet"] = encryption_set()
    if maybe(0.1):
        system["encryptionSettings"] = {"enabled": maybe(0.5)}
    if maybe(0.1):
        kind = chance.choice(("VMGuestStateOnly", "DiskWithVMGuestState"))
        system["managedDisk"]["securityProfile"] = {"securityEncryptionType": kind}
    if maybe(0.1):
        del system["managedDisk"]
        system["vhd"] = {"uri": f"https://harbour.blob.core.windows.net/vhds/{name}.vhd"}
    data, records = [], []
    for lun in chance.sample(range(12), chance.choice((0, 0, 1, 2, 3))):
        one = azure.data_disk(lun, f"{name}-data-{lun}")
        if maybe(0.2):
            one["writeAcceleratorEnabled"] = maybe(0.5)
        if maybe(0.6):
            one["managedDisk"]["storageAccountType"] = chance.choice(SKUS)
        if maybe(0.1):
            one["managedDisk"]["diskEncryptionSet"] = encryption_set()
        data.append(one)
        if maybe(0.8):
            records.append(_disk(chance, f"{name}-data-{lun}", encryption_set, {}))
    if maybe(0.8):
        records.append(_disk(chance, f"{name}-os", encryption_set, {"osType": family}))
    changes: Body = {}
    if maybe(0.3):
        kind = chance.choice(("TrustedLaunch", "ConfidentialVM", "Standard"))
        changes["securityProfile"] = {"securityType": kind, "encryptionAtHost": maybe(0.3)}
    if maybe(0.2):
        shown = ("Windows Server 2012 R2", "10.0") if windows else ("rhel", "8.9")
        changes["instanceView"] = azure.instance_view(name, *shown)
        if maybe(0.3):
            settings = [{"enabled": maybe(0.5)}]
            changes["instanceView"]["disks"] = [
                {"name": f"{name}-os", "encryptionSettings": settings}
            ]
        if maybe(0.3):
            changes["instanceView"]["extensions"] = [{"name": "watcher", "type": "a.b"}]
    if maybe(0.1):
        changes["virtualMachineScaleSet"] = {"id": azure.scale_set_id()}
    if maybe(0.1):
        kind = "Microsoft.Compute/availabilitySets"
        changes["availabilitySet"] = {"id": azure.resource_id(kind, f"set-{chance.randrange(3)}")}
    if maybe(0.1):
        changes |= {"priority": "Spot", "evictionPolicy": "Deallocate"}
    if maybe(0.1):
        changes["additionalCapabilities"] = {"ultraSSDEnabled": maybe(0.5)}
    top: Body = {"tags": {"team": chance.choice(("a", "b")), "properties": "none"}}
    if maybe(0.2):
        top["zones"] = [chance.choice("123")]
    if maybe(0.1):
        top["plan"] = {"name": "byol", "publisher": "acme", "product": "wall"}
    if maybe(0.2):
        kind = chance.choice(("AzureDiskEncryption", "AzureDiskEncryptionForLinux", "Watcher"))
        told = azure.extension(name, kind, publisher="Microsoft.Azure.Security")
        if maybe(0.5):
            top["resources"] = [told]
        else:
            records.append(told)
    if maybe(0.4):
        records.append(azure.network_interface(name, accelerated=maybe(0.5)))
    image = chance.choice(
        (
            *(azure.UBUNTU, azure.WINDOWS, None),
            {"id": azure.resource_id("Microsoft.Compute/images", "golden")},
            {"publisher": "RedHat", "offer": "RHEL", "sku": "8-lvm-gen2"},
        )
    )
    size = chance.choice(("Standard_D4s_v5", "Standard_M64s_v2", "Standard_D8ds_v6", "Basic_A1"))
    given = azure.vm(
        name, size=size, image=image, os=family, system=system, data=data, top=top, **changes
    )
    return [given, *records]


def _disk(
    chance: random.Random, name: str, encryption_set: Callable[[], Body], changes: Body
) -> Body:
    def maybe(share: float) -> bool:
        return chance.random() < share

    if maybe(0.2):
        kind = chance.choice(("EncryptionAtRestWithPlatformKey", *_KEYS))
        changes["encryption"] = {"type": kind, "diskEncryptionSetId": encryption_set()["id"]}
    if maybe(0.1):
        changes["maxShares"] = chance.choice((1, 2, 5))
    if maybe(0.1):
        changes["burstingEnabled"] = maybe(0.5)
    if maybe(0.1):
        changes["networkAccessPolicy"] = chance.choice(("DenyAll", "AllowPrivate"))
    if maybe(0.1):
        changes["diskSizeGB"] = chance.choice((4095, 4096, 32767, 65536))
    if maybe(0.1):
        changes["encryptionSettingsCollection"] = {"enabled": maybe(0.5)}
    if maybe(0.1):
        changes["purchasePlan"] = {"name": "byol", "publisher": "acme", "product": "wall"}
    if maybe(0.2):
        changes["creationData"] = {
            "createOption": "FromImage",
            "imageReference": {"id": "/Subscriptions/x/Providers/Microsoft.Compute/Publishers/y"},
        }
    return azure.disk(name, sku=chance.choice(SKUS), **changes)


# --------------------------------------------------------------------------- spoiling


Spoil = Callable[[random.Random, Body], Any]


def _places(value: Any, found: list[tuple[Any, Any]] | None = None) -> list[tuple[Any, Any]]:
    """Give every place inside a record: an object or list, and the key or number there."""
    found = [] if found is None else found
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        found.append((value, key))
        if isinstance(child, (dict, list)):
            _places(child, found)
    return found


def _somewhere(change: Callable[[random.Random, Any], Any]) -> Spoil:
    def spoil(chance: random.Random, record: Body) -> None:
        holder, key = chance.choice(_places(record))
        holder[key] = change(chance, holder[key])

    return spoil


def _gone(chance: random.Random, record: Body) -> None:
    holder, key = chance.choice(_places(record))
    del holder[key]


def _renamed(chance: random.Random, record: Body) -> None:
    holder, key = chance.choice([one for one in _places(record) if isinstance(one[0], dict)])
    letters = chance.choice((str.lower, str.upper, str.swapcase, str.title))
    items = [(letters(name) if name == key else name, value) for name, value in holder.items()]
    holder.clear()
    holder.update(items)


def _said_twice(chance: random.Random, record: Body) -> None:
    holder, key = chance.choice([one for one in _places(record) if isinstance(one[0], dict)])
    value = chance.choice((None, "", holder[key], "other", {}))
    holder[chance.choice((str.upper, str.lower, str.title))(key)] = value


def _nested(chance: random.Random, record: Body) -> None:
    holder, key = chance.choice([one for one in _places(record) if isinstance(one[0], dict)])
    holder["properties"] = (
        {key: holder[key], **holder.get("properties", {})}
        if isinstance(holder.get("properties", {}), dict)
        else None
    )


def _added(chance: random.Random, record: Body) -> None:
    holders = [holder[key] for holder, key in _places(record) if isinstance(holder[key], dict)]
    holder = chance.choice([record, *holders])
    name = chance.choice(
        (
            *("azEnvironment", "resourceId", "extensions", "copy", "vm_agent", "incremental"),
            *("hardwareProfile.vmSize", "properties_storageProfile", "tenantId", "extended"),
            *("instanceView", "type", "resources", "encryption_at_host", "os_family", "id"),
            *("virtualMachine", "typePropertiesType", "disk_sku", "proxy", "kind", "statuses"),
        )
    )
    values = (None, "x", "yes", {}, [], {"id": "/a/b"}, True, 3, [{"name": "x"}])
    holder[name] = chance.choice(values)


def _edged(chance: random.Random, record: Body) -> None:
    texts = [(holder, key) for holder, key in _places(record) if isinstance(holder[key], str)]
    holder, key = chance.choice(texts)
    around = chance.choice((" {}", "{} ", "{}/", "[{}]", "[[{}]", "\u00e9{}", "{}\u0130", "\t{}"))
    holder[key] = around.format(holder[key])


SPOILS: dict[str, Spoil] = {
    "null": _somewhere(lambda *_: None),
    "gone": _gone,
    "empty text": _somewhere(lambda *_: ""),
    "empty object": _somewhere(lambda *_: {}),
    "empty list": _somewhere(lambda *_: []),
    "an expression": _somewhere(lambda *_: "[parameters('x')]"),
    "cut off": _somewhere(lambda *_: "System.Object[]"),
    "a number": _somewhere(lambda chance, _: chance.choice((0, 1, 2, -1, 3.0, 2.5, 10**20))),
    "a boolean": _somewhere(lambda chance, _: chance.random() < 0.5),
    "its text": _somewhere(lambda _, one: str(one)),
    "in a list": _somewhere(lambda _, one: [one]),
    "twice in a list": _somewhere(lambda _, one: [one, one]),
    "in an object": _somewhere(lambda _, one: {"x": one}),
    "its JSON": _somewhere(lambda _, one: json.dumps(one)),
    "upper case": _somewhere(lambda _, one: one.upper() if isinstance(one, str) else one),
    "other letters": _renamed,
    "said twice": _said_twice,
    "nested": _nested,
    "added": _added,
    "edged": _edged,
}


# --------------------------------------------------------------------------- files


CLIENTS: dict[str, Callable[[Body], Body]] = {
    "az": azure.to_cli,
    "az of old": azure.to_old_cli,
    "rest": lambda record: record,
    "graph": azure.to_resource_graph,
    "PowerShell": azure.to_powershell,
    "Python": azure.to_python,
}


def written(chance: random.Random, records: list[Body], folder: Path) -> list[Path]:
    """Write records to some files of any form, and give the files."""
    count = chance.choice((1, 1, 2, 3))
    mostly = chance.choice(list(CLIENTS))
    shares: list[list[Body]] = [[] for _ in range(count)]
    spoiled = chance.choice((0.0, 0.05, 0.3))
    for record in records:
        client = mostly if chance.random() < 0.9 else chance.choice(list(CLIENTS))
        made = json.loads(json.dumps(CLIENTS[client](record)))
        while chance.random() < spoiled:
            try:
                SPOILS[chance.choice(list(SPOILS))](chance, made)
            except (IndexError, TypeError, AttributeError):
                continue
        chance.choice(shares).append(made)
        if chance.random() < 0.02:
            chance.choice(shares).append(made)
    return [_file(chance, share, folder, number) for number, share in enumerate(shares) if share]


FORMS: dict[str, Callable[[list[Body]], str]] = {
    "list.json": lambda records: json.dumps(records),
    "indented.json": lambda records: json.dumps(records, indent=2),
    "wide.json": lambda records: json.dumps(records, indent="\t", ensure_ascii=False),
    "answer.json": lambda records: json.dumps({"value": records, "nextLink": ""}),
    "page.json": lambda records: json.dumps({"value": records, "nextLink": "https://next"}),
    "graph.json": lambda records: json.dumps(
        {"count": len(records), "data": records, "total_records": len(records) + 1}, indent=1
    ),
    "table.json": lambda records: json.dumps(azure.to_resource_graph_table(records)),
    "lines.ndjson": to_ndjson,
    "apart.json": lambda records: "\n".join(json.dumps(one, indent=2) for one in records),
    "table.csv": to_csv,
    "bundle.json": lambda records: json.dumps({"vms": records}),
    "blank.ndjson": lambda records: to_ndjson(records).replace("\n", "\n\n", 1),
    "windows.ndjson": lambda records: to_ndjson(records).replace("\n", "\r\n"),
    "cut.json": lambda records: json.dumps(records, indent=2)[:-20],
}
_FREQUENT = ("list.json", "indented.json", "lines.ndjson", "answer.json", "table.csv")


def _file(chance: random.Random, records: list[Body], folder: Path, number: int) -> Path:
    form = chance.choice(_FREQUENT if chance.random() < 0.7 else list(FORMS))
    data = FORMS[form](records).encode(errors="surrogatepass")
    path = folder / f"{number}-{form}"
    path.write_bytes(data)
    return path


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress}


def packed(path: Path, suffix: str) -> Path:
    """Pack a file, and give the packed one instead of it."""
    made = path.with_name(path.name + suffix)
    made.write_bytes(PACKERS[suffix](path.read_bytes()))
    path.unlink()
    return made


def all_of(paths: Iterable[Path]) -> list[Body]:
    """Give what JSON files hold."""
    return [json.loads(path.read_text()) for path in paths]
