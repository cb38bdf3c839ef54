"""Records put together to VMs, disks and what belongs to them.

Records are joined by lower-cased resource id. What is not understood is kept in
``Inventory.problems``: records in = VMs + disks + others + problems.
"""

from __future__ import annotations

import json
import marshal
import re
import shlex
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rpmatrix.inventory.records import (
    MISSING,
    UNREADABLE,
    Collector,
    Problem,
    Record,
    follow,
    give_usual_names,
    id_parts,
    is_expression,
    is_placeholder,
    key_of,
    kind_of,
    last_part,
    look,
    notes_on_unread,
    text_at,
    type_of_id,
)
from rpmatrix.inventory.texts import Body, Json, text_of


@dataclass(frozen=True, slots=True, eq=False)
class Disk:
    """One disk of a VM: how it is attached, and its own records where they were given.

    Attributes
    ----------
    role : str
        ``os`` or ``data``.
    id : str or None
        Resource id of the managed disk, as it is written.
    name : str or None
        The name given to it in the VM, which may differ from the last part of the id.
    lun : int or None
        Logical unit number of a data disk.
    listed : bool
        False for the stand-in of disks that a VM record does not list.
    attachments : tuple of (Record, str, dict)
        The VM record, the path inside it and the entry.
    records : tuple of Record
        Records of the disk itself.
    encryption_sets : tuple of Record
        Records of the disk encryption sets that the disk or the VM names for it.
    also_attached_by : tuple of str
        The ids of other VMs in the inventory that list the same disk.
    """

    role: str
    id: str | None
    name: str | None
    lun: int | None
    listed: bool
    attachments: tuple[tuple[Record, str, Body], ...]
    records: tuple[Record, ...]
    encryption_sets: tuple[Record, ...] = ()
    also_attached_by: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """The ids of the VMs that the records of the disk say have attached it."""
        owners: dict[str, str] = {}
        for record in self.records:
            named = [record.body.get("managedby")]
            extended = record.body.get("managedbyextended")
            named += extended if isinstance(extended, list) else [extended]
            shares = record.body.get("shareinfo")
            for share in shares if isinstance(shares, list) else [shares]:
                named.append(share.get("vmuri") if isinstance(share, dict) else share)
            owners |= {key: str(owner) for owner in named if (key := key_of(owner))[:1] == "/"}
        return tuple(owners.values())

    @property
    def label(self) -> str:
        """A short name for people: the name, or the lun, or what stands for it."""
        if not self.listed:
            return f"{'OS disk' if self.role == 'os' else 'data disks'} not listed"
        if self.role == "os":
            return self.name or last_part(self.id or "") or "OS disk"
        return self.name or last_part(self.id or "") or f"data disk at lun {self.lun}"


@dataclass(frozen=True, slots=True, eq=False)
class Vm:
    """One VM: its records, its disks and what belongs to it.

    Attributes
    ----------
    id : str
        Resource id as it is written, or file and place where a record has none.
    key : str
        The id in lower case, which joins.
    name, resource_group, subscription_id, location : str
        Empty where no record says them.
    records : tuple of Record
        Every record of this VM.
    disks : tuple of Disk
        The OS disk first, then data disks by lun.
    related : mapping of str to tuple of Record
        Records of other kinds that belong to the VM, by kind.
    """

    id: str
    key: str
    name: str
    resource_group: str
    subscription_id: str
    location: str
    records: tuple[Record, ...]
    disks: tuple[Disk, ...]
    related: Mapping[str, tuple[Record, ...]]

    @property
    def declared(self) -> bool:
        """Whether only a template or a plan tells of it, so that it need not exist yet."""
        return is_placeholder(self.id) or all(
            "apiversion" in one.body and not text_at(one.body, "id") for one in self.records
        )

    @property
    def is_scale_set(self) -> bool:
        """Whether only the record of a scale set was given, in place of each of its VMs."""
        return all(record.body.get("type") == SCALE_SET for record in self.records)

    def __repr__(self) -> str:
        return f"Vm({self.name or self.id}, {len(self.disks)} disks)"


@dataclass(frozen=True)
class Inventory:
    """What was read.

    Attributes
    ----------
    vms : tuple of Vm
        One for every distinct VM, in the order in which they were met.
    records : tuple of Record
        All records that were understood.
    problems : tuple of Problem
        One for every record that was not.
    notes : tuple of str
        What a reader should know though no record was lost: further pages, text around JSON.
    digests : mapping of str to str
        SHA-256 of every input, by its name.
    """

    vms: tuple[Vm, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def disks(self) -> tuple[Record, ...]:
        """The records of disks."""
        return self.of_kind("disk")

    def of_kind(self, kind: str) -> tuple[Record, ...]:
        """Give the records of one kind."""
        return tuple(record for record in self.records if record.kind == kind)

    def with_key(self, key: str) -> Sequence[Record]:
        """Give the records that one resource id in lower case joins."""
        return self._by_key.get(key, ())

    @cached_property
    def _by_key(self) -> Mapping[str, list[Record]]:
        return _by_key(self.records)

    @property
    def counts(self) -> dict[str, int]:
        """Records in, and what became of them: the last four add up to the first."""
        vms = sum(record.kind == "vm" for record in self.records)
        disks = sum(record.kind == "disk" for record in self.records)
        return {
            "records": len(self.records) + len(self.problems),
            "vms": vms,
            "disks": disks,
            "other": len(self.records) - vms - disks,
            "problems": len(self.problems),
        }

    @cached_property
    def _named(self) -> Mapping[str, list[Vm]]:
        named: dict[str, list[Vm]] = {}
        for vm in self.vms:
            for name in {vm.key, vm.name.lower()}:
                named.setdefault(name, []).append(vm)
        return named

    def vm(self, name: str) -> Vm:
        """Give one VM by its name or id, in any letter case.

        Raises
        ------
        LookupError
            If no VM, or more than one, answers to the name; the message lists them.
        """
        found = self._named.get(name.lower(), [])
        if len(found) == 1:
            return found[0]
        if found:
            ids = "; ".join(vm.id for vm in found)
            raise LookupError(f"{len(found)} VMs are named {name!r}; give one of the ids: {ids}")
        shown = ", ".join(vm.name or vm.id for vm in self.vms[:10])
        more = f" and {len(self.vms) - 10} more" if len(self.vms) > 10 else ""
        raise LookupError(f"no VM {name!r}; there are {shown or 'none'}{more}")

    def __repr__(self) -> str:
        counts = self.counts
        return "Inventory(" + ", ".join(f"{counts[key]} {key}" for key in counts) + ")"


# --------------------------------------------------------------------------- records to VMs


def read_inventory(*sources: Any) -> Inventory:
    """Read VMs, disks and what belongs to them, from any mixture of Azure's outputs.

    Parameters
    ----------
    *sources
        Paths of files or folders, ``"-"`` for standard input, pasted JSON text, or values that
        were parsed already (a dict or a list of dicts).

    Returns
    -------
    Inventory
        Never raises on bad content: what is not understood is listed in ``problems``.
    """
    collector = Collector()
    digests = Digests()
    for name, content in contents_of(sources):
        collector.file = name
        if isinstance(content, Exception):
            reason = getattr(content, "strerror", None) or content
            collector.fail("", f"cannot be read ({reason})")
        elif isinstance(content, bytes):
            digests.add_bytes(name, content)
            text, reason = text_of(content)
            if reason:
                collector.fail("", reason)
            else:
                collector.take_text(text)
        else:
            digests.add_value(name, content)
            collector.take(content, "")
    collector.finish()
    vms = join(collector.records)
    notes = (*collector.notes, *notes_on_unread(collector.unread), *notes_on_scale_sets(vms))
    return Inventory(vms, tuple(collector.records), tuple(collector.problems), notes, digests)


class Digests(Mapping[str, str]):
    """SHA-256 of every input by its name; that of a small value is worked out when it is asked for.

    A value may be changed by its owner after it was read, so a copy of it is kept until then.
    """

    _SMALL: Final = 1 << 16

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._waiting: dict[str, bytes] = {}

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add the content of a file."""
        self._found[name] = _digest(content)

    def add_value(self, name: str, value: Json) -> None:
        """Add a value that was parsed elsewhere."""
        self._found[name] = ""
        try:
            copy = marshal.dumps(value)
        except ValueError:  # what JSON does not know, or too deep
            copy = b""
        if 0 < len(copy) <= self._SMALL:
            self._waiting[name] = copy
        else:
            self._found[name] = _digest(_canonical(value))

    def __getitem__(self, name: str) -> str:
        copy = self._waiting.pop(name, None)
        if copy is not None:
            self._found[name] = _digest(_canonical(marshal.loads(copy)))
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(dict(self))


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def _canonical(value: Json) -> bytes:
    """Give the bytes that stand for a value that was parsed elsewhere."""
    try:
        return json.dumps(value, sort_keys=True, default=str).encode()
    except (TypeError, ValueError, RecursionError):
        # Keys of mixed types, a cycle, or a depth that no file has.
        return type(value).__name__.encode()


_READABLE: Final = (".json", ".ndjson", ".jsonl", ".csv", ".txt", ".tfstate")


def contents_of(sources: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Give the name and the content of each input, or the error that stands in for it.

    Parameters
    ----------
    sources : iterable
        As :func:`read_inventory` takes them.
    """
    pasted = 0
    for source in sources:
        if isinstance(source, (dict, list)):
            pasted += 1
            yield (f"value {pasted}", source)
        elif isinstance(source, bytes):
            pasted += 1
            yield (f"pasted text {pasted}", source)
        elif source == "-":
            yield ("standard input", _standard_input())
        elif isinstance(source, str) and (source.lstrip()[:1] in ("{", "[") or "\n" in source):
            pasted += 1
            yield (f"pasted text {pasted}", source.encode(errors="replace"))
        else:
            yield from _files(Path(source))


def _standard_input() -> bytes | Exception:
    try:
        # A notebook's standard input knows texts only.
        buffer = getattr(sys.stdin, "buffer", None)
        return buffer.read() if buffer else sys.stdin.read().encode(errors="replace")
    except (OSError, AttributeError, NotImplementedError) as error:
        return OSError(f"there is no standard input here: {error}")


def _files(path: Path) -> Iterator[tuple[str, bytes | Exception]]:
    try:
        paths = _paths(path.expanduser())
    except (OSError, ValueError, RuntimeError) as error:
        # A name that is too long or holds a zero byte, or a home that is not known.
        yield (str(path), error)
        return
    if not paths:
        yield (str(path), FileNotFoundError(f"no file there that ends in {', '.join(_READABLE)}"))
    for one in paths:
        try:
            yield (str(one), one.read_bytes())
        except (OSError, ValueError) as error:
            yield (str(one), error)


def _paths(path: Path) -> list[Path]:
    """Give the files that a path means: itself, those of a folder, those that fit a pattern."""
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.suffix.lower() in _READABLE)
    if not path.exists() and any(mark in path.name for mark in "*?"):
        # Shells of Windows hand a pattern over as it is.
        return sorted(path.parent.glob(path.name))
    return [path]


def join(records: Iterable[Record]) -> tuple[Vm, ...]:
    """Put records together to VMs, in the order in which they are met."""
    by_kind: dict[str, list[Record]] = {}
    for record in records:
        by_kind.setdefault(record.kind, []).append(record)
    disks = _by_key(by_kind.get("disk", ()))
    encryption_sets = _by_key(by_kind.get("disk_encryption_set", ()))
    given = by_kind.get("vm", [])
    grouped = _by_key([*given, *scale_sets_alone(by_kind.get("scale_set", ()), sets_of(given))])
    related = _relations(by_kind, grouped)
    vms = []
    for key, records in grouped.items():
        mine = {kind: tuple(found) for kind, found in related.get(key, {}).items()}
        vms.append(_vm(key, tuple(records), _disks(records, disks, encryption_sets), mine))
    return _with_owners(vms, by_kind.get("disk", ()))


SCALE_SET: Final = "Microsoft.Compute/virtualMachineScaleSets"


def sets_of(vms: Iterable[Record]) -> set[str]:
    """Return the keys of the scale sets that records of VMs name, in their ids or elsewhere."""
    named = {key_of(look(record.body, ("virtualmachinescaleset", "id"))) for record in vms}
    return named | {id_parts(record.key).get("parent", "") for record in vms}


def scale_sets_alone(sets: Iterable[Record], with_vms: Container[str]) -> Iterator[Record]:
    """Yield a record that stands for each VM of a scale set of which no VM was given.

    It has what all VMs of the set have in common. Which disks each of them has is left open: an
    instance may differ from the model that it was made from.

    Parameters
    ----------
    sets : iterable of Record
        The records of the scale sets.
    with_vms : container of str
        The keys of those of which a VM was given.
    """
    for record in sets:
        if record.key in with_vms:
            continue
        body: Body = {name: record.body[name] for name in _OF_THE_SET if name in record.body}
        if text_at(body, "orchestrationmode").lower() == "flexible":
            body["virtualmachinescaleset"] = {"id": record.body.get("id") or record.key}
        body["type"] = SCALE_SET
        yield Record("vm", record.key, body, record.raw, record.file, record.pointer)


_OF_THE_SET: Final = (
    *("id", "name", "location", "resourcegroup", "subscriptionid", "orchestrationmode"),
)


def notes_on_scale_sets(vms: Iterable[Vm]) -> Iterator[str]:
    """Yield what to add to the input for each scale set whose VMs must be assessed one by one."""
    for vm in vms:
        mode = text_at(vm.records[0].body, "orchestrationmode").lower()
        if vm.is_scale_set and mode != "uniform":
            group = shlex.quote(vm.resource_group) if vm.resource_group else "RESOURCE_GROUP"
            yield (
                f"scale set {vm.name}: only its own record was given. Each VM of a flexible scale "
                f"set is assessed by itself; add the output of: az vm list --resource-group {group}"
            )


def with_sources_of_collections(inventory: Inventory) -> Inventory:
    """Return an inventory in which VMs that only restore point collections name are VMs, too.

    Nothing is known of them but their id and their restore points.

    Parameters
    ----------
    inventory : Inventory
        Where the collections are.
    """
    known = {vm.key for vm in inventory.vms}
    named = []
    for record in inventory.of_kind("restore_point_collection"):
        vm_id = look(record.body, ("source", "id"))
        key = key_of(vm_id)
        if type_of_id(key) == "microsoft.compute/virtualmachines" and key not in known:
            body: Body = {"id": str(vm_id), "location": record.body.get("location")}
            named.append(Record("vm", key, body, record.raw, record.file, record.pointer))
            known.add(key)
    return replace(inventory, vms=join([*inventory.records, *named]))


def _with_owners(vms: Sequence[Vm], disks: Iterable[Record]) -> tuple[Vm, ...]:
    """Tell VMs what the disks of others, and the records of disks, say about them.

    A disk that two VMs list names the other one; a VM that a disk names as its owner, and that does
    not list it, is one of which not all disks are listed.
    """
    attached: dict[str, list[str]] = {}
    for vm in vms:
        for key in {key_of(disk.id) for disk in vm.disks if disk.id}:
            attached.setdefault(key, []).append(vm.key)
    owned: dict[str, list[Record]] = {}
    for record in disks:
        owner = key_of(record.body.get("managedby"))
        if owner and owner not in attached.get(record.key, ()):
            owned.setdefault(owner, []).append(record)
    ids = {vm.key: vm.id for vm in vms}
    found = []
    for vm in vms:
        changed = [_beside_others(vm, disk, attached, ids) for disk in vm.disks]
        for record in owned.get(vm.key, ()):
            changed = _with_owned(changed, record)
        same = all(one is other for one, other in zip(changed, vm.disks, strict=False))
        if same and len(changed) == len(vm.disks):
            found.append(vm)
        else:
            found.append(replace(vm, disks=_in_order(changed)))
    return tuple(found)


def _beside_others(
    vm: Vm, disk: Disk, attached: Mapping[str, list[str]], ids: Mapping[str, str]
) -> Disk:
    others = [key for key in attached.get(key_of(disk.id), ()) if key != vm.key]
    return replace(disk, also_attached_by=tuple(ids[key] for key in others)) if others else disk


def _with_owned(disks: list[Disk], record: Record) -> list[Disk]:
    """Add what a disk says that names its VM as its owner, though the VM lists no such id."""
    name = text_at(record.body, "name").lower() or last_part(record.key)
    for place, disk in enumerate(disks):
        if disk.listed and disk.id is None and (disk.name or "").lower() == name:
            named = replace(disk, id=text_at(record.body, "id"), records=(*disk.records, record))
            return [*disks[:place], named, *disks[place + 1 :]]
    if any(not disk.listed and disk.role == "data" for disk in disks):
        return disks
    return [*disks, Disk("data", None, None, None, False, (), ())]


def _in_order(disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """Put the OS disk first, then data disks by their logical unit number."""
    return tuple(
        sorted(disks, key=lambda disk: (disk.role != "os", disk.lun is None, disk.lun or 0))
    )


def _by_key(records: Iterable[Record]) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record.key, []).append(record)
    return grouped


def _vm(
    key: str,
    records: tuple[Record, ...],
    disks: tuple[Disk, ...],
    related: Mapping[str, tuple[Record, ...]],
) -> Vm:
    def first(*path: str) -> str:
        return next((found for record in records if (found := text_at(record.body, *path))), "")

    resource_id = first("id") if key.startswith("/") else ""
    parts = id_parts(resource_id)
    named = next((record.body["name"] for record in records if record.body.get("name")), "")
    name = str(named) or last_part(resource_id) or first("osprofile", "computername")
    return Vm(
        id=resource_id or key,
        key=key,
        name=name,
        resource_group=parts.get("resource_group") or first("resourcegroup"),
        subscription_id=parts.get("subscription_id") or first("subscriptionid"),
        location=first("location"),
        records=records,
        disks=disks,
        related=related,
    )


def _disks(
    records: Iterable[Record],
    known: Mapping[str, list[Record]],
    encryption_sets: Mapping[str, list[Record]],
) -> tuple[Disk, ...]:
    attached: dict[tuple[str, Any], list[tuple[Record, str, Body]]] = {}
    listed = {"os": False, "data": False}
    for record in records:
        storage = look(record.body, ("storageprofile",))
        if not isinstance(storage, dict):
            continue
        os_disk = storage.get("osdisk")
        if isinstance(os_disk, dict) and os_disk:
            listed["os"] = True
            entry = (record, "storageprofile.osdisk", os_disk)
            attached.setdefault(("os", None), []).append(entry)
        data_disks = storage.get("datadisks")
        if isinstance(data_disks, list):
            whole = not (_loops(storage) or any(map(is_expression, data_disks)))
            listed["data"] = listed["data"] or whole
            for position, disk in enumerate(data_disks):
                if is_expression(disk):
                    continue
                body = disk if isinstance(disk, dict) else {"manageddisk": UNREADABLE.name}
                lun = _lun(body)
                mark = ("data", f"entry {position}" if lun is None else lun)
                entry = (record, f"storageprofile.datadisks[{position}]", body)
                attached.setdefault(mark, []).append(entry)
        elif data_disks is None and record.full and not _loops(storage):
            listed["data"] = True
    found = [
        _disk(role, lun, tuple(entries), known, encryption_sets)
        for (role, lun), entries in attached.items()
    ]
    found += [
        Disk(role, None, None, None, False, (), ()) for role, whole in listed.items() if not whole
    ]
    return _in_order(found)


_LUN: Final = re.compile(r"\d{1,3}(?:\.0)?", re.ASCII)


def _lun(body: Body) -> int | None:
    """Read the logical unit number, which some clients give as a text or with decimal places."""
    lun = body.get("lun")
    if type(lun) is int:
        return lun if 0 <= lun < 1000 else None
    if isinstance(lun, (str, float)) and _LUN.fullmatch(str(lun).strip()):
        return int(float(lun))
    return None


def _loops(storage: Body) -> bool:
    """Tell a template's loop over data disks, which lists none of them."""
    loops = storage.get("copy")
    return isinstance(loops, list) and bool(loops)


def _disk(
    role: str,
    lun: Any,
    entries: tuple[tuple[Record, str, Body], ...],
    known: Mapping[str, list[Record]],
    encryption_sets: Mapping[str, list[Record]],
) -> Disk:
    ids = [found for _, _, body in entries if (found := text_at(body, "manageddisk", "id"))]
    names = [found for _, _, body in entries if (found := text_at(body, "name"))]
    records = [record for one in dict.fromkeys(map(key_of, ids)) for record in known.get(one, ())]
    named: list[Record] = []
    if encryption_sets:
        bodies = (*(record.body for record in records), *(body for _, _, body in entries))
        sets = [key_of(look(body, path)) for body in bodies for path in ENCRYPTION_SET_PATHS]
        named = [record for one in dict.fromkeys(sets) for record in encryption_sets.get(one, ())]
    return Disk(
        role=role,
        id=ids[0] if ids else None,
        name=names[0] if names else None,
        lun=lun if isinstance(lun, int) else None,
        listed=True,
        attachments=entries,
        records=tuple(records),
        encryption_sets=tuple(named),
    )


ENCRYPTION_SET_PATHS: Final = (
    ("encryption", "diskencryptionsetid"),
    ("manageddisk", "diskencryptionset", "id"),
    ("manageddisk", "securityprofile", "diskencryptionset", "id"),
)


def _relations(
    by_kind: Mapping[str, list[Record]], vms: Mapping[str, list[Record]]
) -> dict[str, dict[str, list[Record]]]:
    """Find what belongs to each VM: its interfaces, extensions, sets, scale set and points."""
    related: dict[str, dict[str, list[Record]]] = {}

    def relate(key: str, record: Record) -> None:
        if key in vms:
            found = related.setdefault(key, {}).setdefault(record.kind, [])
            if record not in found:
                found.append(record)

    for record in by_kind.get("extension", ()):
        relate(id_parts(record.key).get("parent", ""), record)
    for record in by_kind.get("network_interface", ()):
        relate(key_of(look(record.body, ("virtualmachine", "id"))), record)
    for record in by_kind.get("restore_point_collection", ()):
        relate(key_of(look(record.body, ("source", "id"))), record)
    collections = {
        record.key: key_of(look(record.body, ("source", "id")))
        for record in by_kind.get("restore_point_collection", ())
    }
    for record in by_kind.get("restore_point", ()):
        relate(collections.get(id_parts(record.key).get("parent", ""), ""), record)

    interfaces = _by_key(by_kind.get("network_interface", ()))
    scale_sets = _by_key(by_kind.get("scale_set", ()))
    for key, records in vms.items():
        for record in records:
            if interfaces:
                named = look(record.body, ("networkprofile", "networkinterfaces", "[]", "id"))
                for one in named if isinstance(named, list) else ():
                    for interface in interfaces.get(key_of(one), ()):
                        relate(key, interface)
            for embedded in _embedded(record):
                relate(key, embedded)
            if scale_sets:
                named = key_of(look(record.body, ("virtualmachinescaleset", "id")))
                for found in scale_sets.get(named or id_parts(key).get("parent", ""), ()):
                    relate(key, found)
    if "instance_view" in by_kind:
        _join_instance_views(by_kind["instance_view"], vms)
    return related


def _embedded(record: Record) -> Iterator[Record]:
    """Give the extensions and interfaces that a VM record carries inside."""
    inside = record.body.get("resources")
    if not isinstance(inside, list) or not inside:
        return
    path, given = follow(record.raw, ["resources"])
    # A name that is written twice, with something else each time, leads to the other.
    raw = given if isinstance(given, list) and len(given) == len(inside) else inside
    for position, body in enumerate(inside):
        if isinstance(body, dict):
            give_usual_names(body)
            kind = kind_of(body)
            if kind is None and body.get("type") == "extensions":
                kind = "extension"
            if kind in ("extension", "network_interface"):
                at = f"{record.pointer.rstrip('/')}/{path.replace('.', '/')}/{position}"
                key = key_of(body.get("id")) or at
                yield Record(kind, key, body, raw[position], record.file, at)


def _join_instance_views(views: Iterable[Record], vms: Mapping[str, list[Record]]) -> None:
    """Give a bare instance view to the VM that it names, by its own or its computer's name."""
    named: dict[str, list[list[Record]]] = {}
    for records in vms.values():
        body = records[0].body
        computer = text_at(body, "osprofile", "computername").lower()
        for name in {computer, text_at(body, "name").lower()} - {""}:
            named.setdefault(name, []).append(records)
    for view in views:
        shown = text_at(view.body, "name").lower() or text_at(view.body, "computername").lower()
        owners = named.get(shown, []) if shown else list(vms.values())
        if len(owners) == 1:
            body = {"instanceview": view.body}
            raw = {"instanceView": view.raw}
            owners[0].append(Record("vm", owners[0][0].key, body, raw, view.file, view.pointer))


# --------------------------------------------------------------------------- groups

_GROUP_PATHS: Final = {
    "availability_set": ("availabilityset", "id"),
    "flexible_scale_set": ("virtualmachinescaleset", "id"),
}


def vm_groups(inventory: Inventory) -> dict[tuple[str, str], tuple[Vm, ...]]:
    """Gather the VMs that are protected together, by kind and lower-cased id of their group."""
    groups: dict[tuple[str, str], list[Vm]] = {}
    for vm in inventory.vms:
        for kind, path in _GROUP_PATHS.items():
            shown = (text_at(record.body, *path) for record in vm.records)
            key = key_of(next(filter(None, shown), ""))
            if key.startswith("/"):
                groups.setdefault((kind, key), []).append(vm)
    return {named: tuple(members) for named, members in groups.items()}


def listed_members(inventory: Inventory, group_key: str) -> tuple[str, ...] | None:
    """Give the ids of the VMs that the record of a group lists, or None if no record does."""
    for record in inventory.with_key(group_key):
        members = look(record.body, ("virtualmachines", "[]", "id"))
        if isinstance(members, list):
            return tuple(str(one) for one in members)
    return None


# --------------------------------------------------------------------------- restore points


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """One restore point of a VM, as a collection or a record of its own shows it.

    Attributes
    ----------
    id, name : str
        Its resource id and name; empty if they are not shown.
    mode : str
        The consistency mode that was asked for, ``application`` or ``crash``; empty if no mode
        is shown, or one that is not known.
    created : datetime or None
        When it was made, in UTC if no zone is shown; None if that is not shown or cannot be read.
    state : str
        Its provisioning state as Azure writes it, such as ``Succeeded``; empty if not shown.
    is_copy : bool
        Whether it names the restore point that it is a copy of.
    """

    id: str
    name: str
    mode: str
    created: datetime | None
    state: str
    is_copy: bool


def restore_points(vm: Vm) -> tuple[RestorePoint, ...] | None:
    """Give the restore points of a VM over all its collections in the inventory.

    Returns
    -------
    tuple of RestorePoint, or None
        None if no collection of the VM was given, or one that does not list its points.
    """
    collections = vm.related.get("restore_point_collection", ())
    if not collections:
        return None
    found: dict[str, RestorePoint] = {}
    own = [(record.key, record.body) for record in vm.related.get("restore_point", ())]
    for record in collections:
        listed = record.body.get("restorepoints")
        inside = [(key_of(body.get("id")), body) for body in listed or () if isinstance(body, dict)]
        if not isinstance(listed, list) and not any(
            id_parts(key).get("parent") == record.key for key, _ in own
        ):
            return None
        for key, body in (*inside, *own):
            found[key] = _restore_point(body)
    return tuple(found.values())


# How Windows PowerShell writes a time: milliseconds since 1970.
_TICKS: Final = re.compile(r"/Date\((\d{1,14})\)/")
_MODE_OF: Final = {"applicationconsistent": "application", "crashconsistent": "crash"}


def _restore_point(body: Body) -> RestorePoint:
    mode = str(body.get("consistencymode") or "").lower()
    created = body.get("timecreated")
    return RestorePoint(
        id=str(body.get("id") or ""),
        name=str(body.get("name") or ""),
        # Linux answers with FileSystemConsistent when application consistency was asked for.
        mode=_MODE_OF.get(mode, "application" if mode == "filesystemconsistent" else ""),
        created=_moment(created) if isinstance(created, str) else None,
        state=str(body.get("provisioningstate") or ""),
        is_copy=look(body, ("sourcerestorepoint", "id")) is not MISSING,
    )


def _moment(text: str) -> datetime | None:
    if ticks := _TICKS.fullmatch(text.strip()):
        return datetime.fromtimestamp(int(ticks[1]) / 1000, UTC)
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
    try:
        moment = datetime.fromisoformat(trimmed)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
