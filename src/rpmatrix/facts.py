"""Facts of VMs and disks, read out of their records.

A fact is read by :class:`FactReader`, along the paths that the table ``facts`` declares; what no
path alone can tell is derived here. Absence means something only in a full record; otherwise the
fact is unknown. Each :class:`Reading` knows where it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Any, Final

from rpmatrix.inventory import ENCRYPTION_SET_PATHS, Disk, Inventory, Vm, restore_points
from rpmatrix.matrix import Fact, Matrix
from rpmatrix.readings import CUT as _CUT
from rpmatrix.readings import NOTHING as _NOTHING
from rpmatrix.readings import UNKNOWN, Reading
from rpmatrix.readings import Place as _Place
from rpmatrix.readings import Shown as _Shown
from rpmatrix.readings import agreed as _both
from rpmatrix.readings import os_disk_of as _os_disk
from rpmatrix.readings import value_in as _told
from rpmatrix.readings import value_shown as _shown
from rpmatrix.records import (
    EMPTY,
    METADATA,
    MISSING,
    UNREADABLE,
    Record,
    id_parts,
    is_expression,
    last_part,
    look,
    region,
    text_at,
)
from rpmatrix.systems import OperatingSystems as _OperatingSystems
from rpmatrix.systems import extended_security_updates, operating_system, os_family
from rpmatrix.texts import Json

# --------------------------------------------------------------------------- VMs to facts


@dataclass(frozen=True, slots=True, eq=False)
class DiskFacts:
    """What is known of one disk."""

    disk: Disk
    readings: Mapping[str, Reading]


@dataclass(frozen=True, slots=True, eq=False)
class VmFacts:
    """What is known of one VM and of each of its disks."""

    vm: Vm
    readings: Mapping[str, Reading]
    disks: tuple[DiskFacts, ...]


class FactReader:
    """Reads the facts that a matrix declares out of VMs.

    Parameters
    ----------
    matrix : Matrix
        Its table ``facts`` says where each fact shows; ``operating_systems`` names what runs.
    facts : iterable of str, optional
        The facts to read; all of the table if it is left out.
    """

    def __init__(self, matrix: Matrix, facts: Iterable[str] | None = None) -> None:
        self._systems = matrix.prepared("operating systems", _OperatingSystems)
        wanted = matrix.facts if facts is None else facts
        plans = [_FactPlan(matrix.facts[fact_id]) for fact_id in wanted]
        self._plans = {plan.fact.id: plan for plan in plans}
        self._of_vm, self._of_disk = (
            [(plan.fact.id, plan) for plan in plans if plan.fact.grain == grain]
            for grain in ("vm", "disk")
        )
        self._columns = frozenset(plan.column for plan in plans)

    def read(self, vm: Vm) -> VmFacts:
        """Read every fact of one VM and of its disks."""
        places: dict[str, Sequence[_Place]] = {"vm": _whole_records(vm.records)}
        for disk in vm.disks:
            if disk.role == "os" and disk.records:
                places["os_disk"] = _whole_records(disk.records)
        for kind, records in vm.related.items():
            places[kind] = _whole_records(records)
        answered = self._answered(vm.records)
        systems = self._systems
        readings = {
            fact_id: plan.derive(vm, systems) if plan.derive else plan.read(places, answered)
            for fact_id, plan in self._of_vm
        }
        return VmFacts(vm, readings, tuple([self._read_disk(disk) for disk in vm.disks]))

    def read_one(self, fact_id: str, owner: Any, places: Mapping[str, Sequence[_Place]]) -> Reading:
        """Read one fact of a VM or of a disk.

        Parameters
        ----------
        fact_id : str
            A fact that this reader reads.
        owner : Vm or Disk
            Whose fact it is, or what gives the same answers.
        places : mapping of str to sequence of tuple
            Where a fact that is not derived may show: by kind of record, the record, the path down
            to a body inside it, and that body. No person's answers are among them.
        """
        plan = self._plans[fact_id]
        if plan.derive is not None:
            return plan.derive(owner, self._systems)
        if plan.derive_disk is not None:
            return plan.derive_disk(owner)
        return plan.read(places, answered=False)

    def _read_disk(self, disk: Disk) -> DiskFacts:
        places: dict[str, Sequence[_Place]] = {"attachment": disk.attachments}
        if disk.records:
            places["disk"] = _whole_records(disk.records)
        answered = self._answered(disk.records)
        readings = {
            fact_id: plan.derive_disk(disk) if plan.derive_disk else plan.read(places, answered)
            for fact_id, plan in self._of_disk
        }
        return DiskFacts(disk, readings)

    def _answered(self, records: Sequence[Record]) -> bool:
        """Tell whether a person wrote an answer into a column of any of these records."""
        return bool(records) and not all(
            self._columns.isdisjoint(record.body) for record in records
        )


def _whole_records(records: Sequence[Record]) -> list[_Place]:
    return [(record, "", record.body) for record in records]


class _FactPlan:
    """How one fact is read, prepared once."""

    __slots__ = (
        *("fact", "paths", "canonical", "derive", "derive_disk", "column", "absence"),
        "absent_from",
    )

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.paths = [
            (kind, tuple(spelled.split(".")), spelled)
            for kind, path in fact.paths
            for spelled in [path.lower().replace("[]", ".[]")]
        ]
        self.canonical = {value.lower(): value for value in fact.allowed_values}
        derived = fact.reading == "derived"
        self.derive = _VM_DERIVATIONS.get(fact.id) if derived else None
        self.derive_disk = _DISK_DERIVATIONS.get(fact.id) if derived else None
        self.column = fact.id if "_" in fact.id else f"fact_{fact.id}"
        self.absence: str | int = (
            int(fact.absence) if fact.type == "integer" and fact.absence else fact.absence
        )
        # The kind of record of which absence tells something.
        self.absent_from = self.paths[0][0] if fact.absence and self.paths else ""

    def read(self, places: Mapping[str, Sequence[_Place]], answered: bool) -> Reading:
        """Read the fact where it shows first; an answer in a column comes next."""
        if not (self.paths or answered):
            return UNKNOWN
        blocked: Reading | None = None
        for kind, path, spelled in self.paths:
            found: Reading | None = None
            for record, prefix, body in places.get(kind, ()):
                value = look(body, path)
                if value is MISSING:
                    continue
                at = f"{prefix}.{spelled}" if prefix else spelled
                reading = self._reading(value, record, at)
                found = reading if found is None else _both(found, reading)
            if found is not None:
                if found.value is not None or found.options:
                    return found
                blocked = blocked or found
        if answered and (answer := self._column(places)):
            return answer
        if blocked is not None:
            return blocked
        return self._absent(places)

    def _reading(self, value: Json, record: Record, at: str) -> Reading:
        if value is UNREADABLE:
            return Reading(None, "unknown", record, at, None, _CUT)
        known = self._value(value)
        if known is not None:
            return Reading(known, "read", record, at, value)
        why = f"{value!r} is not among the values known for this"
        return Reading(None, "unknown", record, at, value, why)

    def _value(self, value: Json) -> str | int | None:
        reading, kind = self.fact.reading, self.fact.type
        if reading == "present":
            return "yes"
        if reading == "true":
            values = value if isinstance(value, list) else [value]
            words = {str(one).lower() for one in values}
            return "yes" if "true" in words else ("no" if words == {"false"} else None)
        if isinstance(value, (list, dict)):
            return None
        if kind == "integer":
            text = str(value).strip()
            return int(text) if text.lstrip("-").isdigit() else None
        text = str(value)
        if kind == "flag" and isinstance(value, bool):
            text = "yes" if value else "no"
        return self.canonical.get(text.lower()) if self.canonical else text

    def _column(self, places: Mapping[str, Sequence[_Place]]) -> Reading | None:
        """Take an answer that a person wrote into a column of the inventory."""
        for kind in ("disk", "vm"):
            for record, _, body in places.get(kind, ()):
                value = body.get(self.column)
                if value not in EMPTY:
                    return self._reading(value, record, self.column)
        return None

    def _absent(self, places: Mapping[str, Sequence[_Place]]) -> Reading:
        """Take the documented default, if a full record of the first kind leaves it out."""
        for record, _, _ in places.get(self.absent_from, ()):
            if record.full:
                return Reading(self.absence, "absent", record)
        return UNKNOWN


# --------------------------------------------------------------------------- derived facts


def _full(vm: Vm) -> Record | None:
    return next((record for record in vm.records if record.full), None)


_UNIFORM_PATH: Final = re.compile(r"/virtualmachinescalesets/[^/]+/virtualmachines/")


def _scale_set_orchestration(vm: Vm, _: _OperatingSystems) -> Reading:
    for record in vm.records:
        if _UNIFORM_PATH.search(record.key):
            return Reading("uniform", "read", record, "id", record.body.get("id"))
        kind = str(record.body.get("type") or "").lower()
        if kind.endswith("virtualmachinescalesets/virtualmachines"):
            return Reading("uniform", "read", record, "type", record.body["type"])
    if not vm.key.startswith("/"):
        value, found, at = _told(vm.records, "instanceid")
        if found is not None and "vmid" in found.body:
            return Reading("uniform", "read", found, at, value)
    value, found, at = _told(vm.records, "virtualmachinescaleset", "id")
    if found is not None and value is not UNREADABLE:
        return Reading("flexible", "read", found, at, value)
    if found is not None:
        # Whatever the expression becomes: a uniform set has instances, which have ids of their own.
        return Reading(None, "unknown", found, at, None, _CUT, ("none", "flexible"))
    full = _full(vm)
    return Reading("none", "absent", full) if full else UNKNOWN


_SECURITY_TYPES: Final = ("ConfidentialVM", "TrustedLaunch", "Standard")


def _security_type(vm: Vm, _: _OperatingSystems) -> Reading:
    if told := _named_security(vm.records):
        return reduce(_both, told)
    path = ("storageprofile", "osdisk", "manageddisk", "securityprofile")
    value, found, at = _told(vm.records, *path, "securityencryptiontype")
    if isinstance(value, str):
        return Reading("ConfidentialVM", "read", found, at, value)
    os_disk = _os_disk(vm)
    if os_disk is not None and (told := _named_security(os_disk.records)):
        return reduce(_both, told)
    if value is UNREADABLE:
        return Reading(None, "unknown", found, at, None, _CUT)
    full = _full(vm)
    return Reading("Standard", "absent", full) if full else UNKNOWN


def _named_security(records: Iterable[Record]) -> list[Reading]:
    """Give the security type that each of these records names."""
    found = []
    at = "securityprofile.securitytype"
    for record in records:
        value = look(record.body, ("securityprofile", "securitytype"))
        if value is UNREADABLE:
            found.append(Reading(None, "unknown", record, at, None, _CUT))
        elif value is not MISSING:
            text = str(value).lower()
            known = next((one for one in _SECURITY_TYPES if text.startswith(one.lower())), None)
            why = "" if known else f"{value!r} is no known security type"
            found.append(Reading(known, "read" if known else "unknown", record, at, value, why))
    return found


_SIZE_NAME: Final = re.compile(
    r"(?:(?:STANDARD|BASIC)_)?(?P<family>[A-Z]+)\d+(?:-\d+)?(?P<features>[A-Z]*)"
    r"(?:_[A-Z][A-Z0-9]*)*?(?:_V(?P<version>\d+))?(?:_PROMO)?"
)


def _size(vm: Vm) -> tuple[Mapping[str, str] | None, Record | None, str, Json]:
    """Take the name of the size apart: family in upper case, features in lower case, version."""
    for path in (("hardwareprofile", "vmsize"), ("sku", "name")):
        value, found, at = _told(vm.records, *path)
        if isinstance(value, str):
            return _parts_of_size(value), found, at, value
    return None, None, "", None


@lru_cache(maxsize=2048)
def _parts_of_size(name: str) -> Mapping[str, str] | None:
    match = _SIZE_NAME.fullmatch(name.upper())
    if match is None:
        return None
    parts = {part: text or "" for part, text in match.groupdict().items()}
    return MappingProxyType({**parts, "features": parts["features"].lower()})


def _vm_size_series(vm: Vm, _: _OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is None:
        return UNKNOWN
    version = f"v{name['version']}" if name["version"] else ""
    return Reading(f"{name['family']}{name['features']}{version}", "read", record, at, shown)


def _vm_size_version(vm: Vm, _: _OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is None:
        return UNKNOWN
    # The first version of a series carries no number.
    return Reading(int(name["version"] or 1), "read", record, at, shown)


def _vm_size_processor(vm: Vm, _: _OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is None:
        return UNKNOWN
    makers = {"a": "amd", "p": "arm"}
    maker = next((makers[letter] for letter in name["features"] if letter in makers), "intel")
    return Reading(maker, "read", record, at, shown)


# The old series that tell in their family what later ones tell by the letter s.
_PREMIUM_FAMILIES: Final = ("DS", "GS")


def _premium_storage_size(vm: Vm, _: _OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is not None and ("s" in name["features"] or name["family"] in _PREMIUM_FAMILIES):
        return Reading("yes", "read", record, at, shown)
    # Some sizes without the letter can do it too: only the list of sizes tells.
    return UNKNOWN


def _data_disk_count(vm: Vm, _: _OperatingSystems) -> Reading:
    disks = [disk for disk in vm.disks if disk.role == "data"]
    if any(not disk.listed for disk in disks) or not vm.records:
        return UNKNOWN
    _, record, at = _told(vm.records, "storageprofile", "datadisks")
    if disks:
        return Reading(len(disks), "read", record, at, f"{len(disks)} listed")
    full = _full(vm)
    return Reading(0, "absent", full) if full else UNKNOWN


def _temporary_disk(vm: Vm, _: _OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is not None and "d" in name["features"]:
        return Reading("yes", "read", record, at, shown)
    return UNKNOWN


def _image_source(vm: Vm, _: _OperatingSystems) -> Reading:
    image = ("storageprofile", "imagereference")
    for name in ("id", "sharedgalleryimageid", "communitygalleryimageid"):
        value, found, at = _told(vm.records, *image, name)
        if isinstance(value, str):
            return Reading("custom", "read", found, at, value)
    for path in ((*image, "publisher"), ("plan", "publisher"), ("plan", "name")):
        value, found, at = _told(vm.records, *path)
        if isinstance(value, str):
            return Reading("marketplace", "read", found, at, value)
    return UNKNOWN


def _lists_extensions(record: Record) -> bool:
    """Tell a record that would carry the extensions: Resource Graph keeps them apart."""
    apart = {"tenantid", "extended", METADATA} & record.body.keys()
    return record.full and not apart and not is_expression(record.body.get("resources"))


def _extensions(vm: Vm, _: _OperatingSystems) -> Reading:
    for record in vm.related.get("extension", ()):
        return Reading("yes", "read", record, "id", record.body.get("id"))
    for path in (("resources",), ("instanceview", "extensions")):
        value, found, at = _told(vm.records, *path)
        if isinstance(value, list):
            return Reading("yes", "read", found, at, f"{len(value)} listed")
    full = next((record for record in vm.records if _lists_extensions(record)), None)
    return Reading("no", "absent", full) if full else UNKNOWN


ADE_TYPES: Final = ("azurediskencryption", "azurediskencryptionforlinux")


def _azure_disk_encryption(vm: Vm, _: _OperatingSystems) -> Reading:
    off: Reading | None = None
    for path in (
        ("storageprofile", "osdisk", "encryptionsettings", "enabled"),
        ("instanceview", "disks", "[]", "encryptionsettings", "[]", "enabled"),
    ):
        value, found, at = _told(vm.records, *path)
        if "true" in str(value).lower():
            return Reading("yes", "read", found, at, value)
        if found is not None and value is not UNREADABLE:
            off = Reading("no", "read", found, at, value)
    for disk in vm.disks:
        value, found, at = _told(disk.records, "encryptionsettingscollection", "enabled")
        if str(value).lower() == "true":
            return Reading("yes", "read", found, at, value)
    listed = _listed_ade(vm)
    if listed is not None and off is not None:
        why = "the extension is listed while its settings say disabled"
        return listed._replace(value=None, how="unknown", why=why)
    if listed is not None:
        return listed
    if off is not None:
        return off
    full = next((record for record in vm.records if _lists_extensions(record)), None)
    return Reading("no", "absent", full) if full else UNKNOWN


def _listed_ade(vm: Vm) -> Reading | None:
    for record in vm.related.get("extension", ()):
        body = record.body
        at = "typepropertiestype" if body.get("typepropertiestype") else "type"
        named = body.get(at)
        if str(named).lower().rpartition(".")[2] in ADE_TYPES:
            return Reading("yes", "read", record, at, named)
        if str(body.get("publisher") or "") == "" and last_part(record.key) in ADE_TYPES:
            why = "an extension has that name, its type is not shown"
            return Reading(None, "unknown", record, "id", body.get("id"), why)
    return None


def _accelerated_networking(vm: Vm, _systems: _OperatingSystems) -> Reading:
    off: Reading | None = None
    for record in vm.related.get("network_interface", ()):
        value = look(record.body, ("enableacceleratednetworking",))
        if value is True:
            return Reading("yes", "read", record, "enableacceleratednetworking", value)
        if value is False:
            off = Reading("no", "read", record, "enableacceleratednetworking", value)
    named, _, _ = _told(vm.records, "networkprofile", "networkinterfaces", "[]", "id")
    count = len(named) if isinstance(named, list) else 0
    whole = len({record.key for record in vm.related.get("network_interface", ())}) >= count > 0
    return off if off and whole else UNKNOWN


# How PowerShell names an object that lies deeper than it was asked to show.
_TYPE_NAMES: Final = ("Microsoft.Azure.", "System.", "@{")


def _is_given(value: Json) -> bool:
    """Tell an object that is there, be it shown or only named."""
    return isinstance(value, dict) or (isinstance(value, str) and value.startswith(_TYPE_NAMES))


def _storage(disk: Disk) -> Reading:
    places = disk.attachments
    managed: tuple[Record, str] | None = None
    for record, at, body in places:
        if _is_given(body.get("manageddisk")):
            managed = (record, at)
            break
    blob, found, place = _shown(places, "vhd", "uri")
    if blob is not MISSING and managed:
        why = "both a managed disk and a page blob are shown"
        return Reading(None, "unknown", found, place, None, why)
    if isinstance(blob, str):
        return Reading("unmanaged", "read", found, place, blob)
    if managed:
        shown = disk.id or "given"
        return Reading("managed", "read", managed[0], f"{managed[1]}.manageddisk", shown)
    cut, found, place = _shown(places, "manageddisk")
    if found is not None or blob is UNREADABLE:
        return Reading(None, "unknown", found, place, None if cut is UNREADABLE else cut, _CUT)
    return UNKNOWN


def _ephemeral(disk: Disk) -> Reading:
    value, found, at = _shown(disk.attachments, "diffdisksettings", "option")
    if value is UNREADABLE:
        return Reading(None, "unknown", found, at, None, _CUT)
    if found is not None:
        return Reading("yes" if str(value).lower() == "local" else "no", "read", found, at, value)
    full = next((record for record, _, _ in disk.attachments if record.full), None)
    return Reading("no", "absent", full) if full else UNKNOWN


def _full_disk(disk: Disk) -> Record | None:
    return next((record for record in disk.records if record.full), None)


def _from_trusted_launch_os_disk(disk: Disk) -> Reading:
    if not disk.records:
        return UNKNOWN
    value, found, at = _told(disk.records, "securityprofile", "securitytype")
    if value is UNREADABLE:
        return Reading(None, "unknown", found, at, None, _CUT)
    if str(value).lower() == "trustedlaunch":
        return Reading("yes", "read", found, at, value)
    system, found, at = _told(disk.records, "ostype")
    if disk.role == "data" and isinstance(system, str):
        copied, _, _ = _told(disk.records, "creationdata", "createoption")
        generation, _, _ = _told(disk.records, "hypervgeneration")
        if str(copied).lower() in ("copy", "restore") and str(generation).upper() == "V2":
            of = "the disk is a copy of a generation 2 OS disk"
            why = f"{of}; whether of a trusted launch VM is open"
            return Reading(None, "unknown", found, at, system, why)
    full = _full_disk(disk)
    return Reading("no", "absent", full) if full else UNKNOWN


_ENCRYPTION_TYPES: Final = {
    name.lower(): name
    for name in (
        "EncryptionAtRestWithPlatformKey",
        "EncryptionAtRestWithCustomerKey",
        "EncryptionAtRestWithPlatformAndCustomerKeys",
    )
}


def _named_set(disk: Disk) -> _Shown:
    """Give the disk encryption set that the disk, or else the VM, names."""
    own, *attached = ENCRYPTION_SET_PATHS
    named = _told(disk.records, *own)
    for path in attached:
        if named is _NOTHING:
            named = _shown(disk.attachments, *path)
    return named


def _encryption_type(disk: Disk) -> Reading:
    for records, path in (
        (disk.records, ("encryption", "type")),
        (disk.encryption_sets, ("encryptiontype",)),
    ):
        value, found, at = _told(records, *path)
        if found is None:
            continue
        known = _ENCRYPTION_TYPES.get(str(value).lower())
        why = "" if known else f"{value!r} is no known kind of encryption at rest"
        return Reading(known, "read" if known else "unknown", found, at, value, why)
    value, found, at = _named_set(disk)
    if found is not None:
        why = "a disk encryption set is named, its kind is not shown"
        shown = value if isinstance(value, str) else None
        return Reading(None, "unknown", found, at, shown, why)
    full = _full_disk(disk)
    return Reading("EncryptionAtRestWithPlatformKey", "absent", full) if full else UNKNOWN


def _customer_key(disk: Disk) -> Reading:
    value, found, at = _named_set(disk)
    if isinstance(value, str):
        return Reading("yes", "read", found, at, value)
    if found is None and not disk.records:
        return UNKNOWN
    kind = _encryption_type(disk)
    if kind.value is not None:
        return kind._replace(value="yes" if "Customer" in str(kind.value) else "no")
    return kind


def _private_link(disk: Disk) -> Reading:
    if not disk.records:
        return UNKNOWN
    value, found, at = _told(disk.records, "networkaccesspolicy")
    if value is UNREADABLE:
        return Reading(None, "unknown", found, at, None, _CUT)
    if found is not None:
        private = str(value).lower() == "allowprivate"
        return Reading("yes" if private else "no", "read", found, at, value)
    full = _full_disk(disk)
    return Reading("no", "absent", full) if full else UNKNOWN


_VM_DERIVATIONS: Final[dict[str, Callable[[Vm, _OperatingSystems], Reading]]] = {
    "accelerated_networking": _accelerated_networking,
    "azure_disk_encryption": _azure_disk_encryption,
    "data_disk_count": _data_disk_count,
    "extended_security_updates": extended_security_updates,
    "extensions": _extensions,
    "image_source": _image_source,
    "operating_system": operating_system,
    "os_family": os_family,
    "premium_storage_size": _premium_storage_size,
    "scale_set_orchestration": _scale_set_orchestration,
    "security_type": _security_type,
    "temporary_disk": _temporary_disk,
    "vm_size_processor": _vm_size_processor,
    "vm_size_series": _vm_size_series,
    "vm_size_version": _vm_size_version,
}

_DISK_DERIVATIONS: Final[dict[str, Callable[[Disk], Reading]]] = {
    "customer_key": _customer_key,
    "encryption_type": _encryption_type,
    "ephemeral": _ephemeral,
    "from_trusted_launch_os_disk": _from_trusted_launch_os_disk,
    "private_link": _private_link,
    "storage": _storage,
}


# --------------------------------------------------------------------------- requests


def request_readings(vm: Vm, inventory: Inventory, as_of: datetime) -> dict[str, Reading]:
    """Read what limits the next request for a VM: points and collections that are there already.

    Parameters
    ----------
    vm : Vm
        The VM.
    inventory : Inventory
        What was read; its restore point collections are counted.
    as_of : datetime
        The moment of the request, with a time zone.

    Returns
    -------
    dict of str to Reading
        Facts of the grain ``request``. Counts include the point, or the collection, to come.
        What no collection in the inventory tells is left out.
    """
    found: dict[str, Reading] = {}
    collections = inventory.of_kind("restore_point_collection")
    if collections:
        mine = [one for one in collections if _in_region(one, vm)]
        new = not vm.related.get("restore_point_collection")
        count = len({one.key for one in mine}) + new
        record = mine[0] if mine else collections[0]
        found["restore_point_collections_in_region"] = Reading(
            count, "read", record, "location", f"{len(mine)} collections given"
        )
    points = restore_points(vm)
    if points is None:
        return found
    record = vm.related["restore_point_collection"][0]
    at = "restorepoints"
    creating = sum(point.state.lower() == "creating" for point in points)
    found["restore_points_of_vm"] = Reading(
        len(points) + 1, "read", record, at, f"{len(points)} points given"
    )
    found["restore_points_being_created"] = Reading(
        creating + 1, "read", record, at, f"{creating} being created"
    )
    for mode in ("application", "crash"):
        times = [one.created for one in points if one.mode == mode and one.created]
        if all(one.created for one in points):
            recent = [one for one in times if timedelta(0) <= as_of - one < timedelta(hours=1)]
            found[f"{mode}_points_in_an_hour"] = Reading(
                len(recent) + 1, "read", record, at, f"{len(recent)} in the last hour"
            )
        if times:
            hours = int((as_of - max(times)).total_seconds() // 3600)
            shown = max(times).isoformat()
            fact_id = f"hours_since_last_{mode}_point"
            found[fact_id] = Reading(hours, "read", record, at, shown)
    return found


def _in_region(collection: Record, vm: Vm) -> bool:
    subscription = id_parts(collection.key).get("subscription_id", "")
    same = subscription.lower() == vm.subscription_id.lower()
    return same and region(text_at(collection.body, "location")) == region(vm.location)
