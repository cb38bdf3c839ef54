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

from rpmatrix.inventory.inventory import (
    ENCRYPTION_SET_PATHS,
    SCALE_SET,
    Disk,
    Inventory,
    Vm,
    restore_points,
)
from rpmatrix.inventory.names import plain_name
from rpmatrix.inventory.readings import (
    CUT,
    NOTHING,
    UNKNOWN,
    Place,
    Reading,
    Shown,
    agreed,
    os_disk_of,
    value_in,
    value_shown,
)
from rpmatrix.inventory.records import (
    CONFLICT,
    EMPTY,
    METADATA,
    MISSING,
    UNREADABLE,
    Record,
    follow,
    id_parts,
    is_expression,
    last_part,
    look,
    region,
    text_at,
    type_of_id,
)
from rpmatrix.inventory.systems import (
    OperatingSystems,
    endorsed_release,
    extended_security_updates,
    operating_system,
    os_family,
)
from rpmatrix.inventory.texts import Body, Json
from rpmatrix.matrix.matrix import Fact, Matrix

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
        self._systems = matrix.prepared("operating systems", OperatingSystems)
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
        places: dict[str, Sequence[Place]] = {"vm": _whole_records(vm.records)}
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
        unread = {mark for record in vm.records for mark in record.unread}
        if unread:
            readings = _doubted(readings, unread)
        disks = tuple([self._read_disk(disk, unread) for disk in vm.disks])
        return VmFacts(vm, readings, disks)

    def read_one(self, fact_id: str, owner: Any, places: Mapping[str, Sequence[Place]]) -> Reading:
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

    def _read_disk(self, disk: Disk, unread: set[tuple[str, str]]) -> DiskFacts:
        places: dict[str, Sequence[Place]] = {"attachment": disk.attachments}
        if disk.records:
            places["disk"] = _whole_records(disk.records)
        answered = self._answered(disk.records)
        readings = {
            fact_id: plan.derive_disk(disk) if plan.derive_disk else plan.read(places, answered)
            for fact_id, plan in self._of_disk
        }
        unread = unread.union(mark for record in disk.records for mark in record.unread)
        return DiskFacts(disk, _doubted(readings, unread) if unread else readings)

    def _answered(self, records: Sequence[Record]) -> bool:
        """Tell whether a person wrote an answer into a column of any of these records."""
        return bool(records) and not all(
            self._columns.isdisjoint(record.body) for record in records
        )


def _doubted(
    readings: Mapping[str, Reading], unread: Iterable[tuple[str, str]]
) -> dict[str, Reading]:
    """Keep what would be assumed, or taken from silence, from contradicting what was not read."""
    doubted = dict(readings)
    for fact_id, key in unread:
        reading = doubted.get(fact_id)
        if reading is not None and reading.how in ("absent", "unknown") and not reading.why:
            why = f"the input has {key!r}, which is not a name that is read"
            doubted[fact_id] = Reading(None, why=why)
    return doubted


def _whole_records(records: Sequence[Record]) -> list[Place]:
    return [(record, "", record.body) for record in records]


# PowerShell writes this enumeration as a number, most others as words.
_NUMBERED: Final[Mapping[str, Mapping[int, str]]] = {
    "caching": {0: "None", 1: "ReadOnly", 2: "ReadWrite"},
}
_FLAGS: Final = {"true": "yes", "false": "no", "yes": "yes", "no": "no", "1": "yes", "0": "no"}
_NOTHING_GIVEN: Final = ("none", "null", "n/a", "na", "-", "false", "undefined", "nan")
_WHOLE_NUMBER: Final = re.compile(r"[+-]?\d{1,9}(?:\.0{0,9})?", re.ASCII)


def whole_number(value: Json) -> int | None:
    """Read a whole number, which some clients write as a text or with decimal places.

    Returns
    -------
    int or None
        None for what is no whole number of at most nine digits.

    Examples
    --------
    >>> whole_number(2.0), whole_number(" 2 "), whole_number("--5"), whole_number(True)
    (2, 2, None, None)
    """
    if type(value) is int:
        return value if abs(value) < 10**9 else None
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < 10**9 else None
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return None


def flag_of(value: Json) -> str | None:
    """Read a flag as ``yes`` or ``no``; None for anything else."""
    return _FLAGS.get(str(value).strip().lower()) if type(value) in (bool, int, str) else None


def is_given(value: Json) -> bool:
    """Return whether an id, an object or a list is given; numbers and words for nothing are not."""
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING_GIVEN
    return isinstance(value, (dict, list))


def left_empty(record: Record, body: Body, path: Sequence[str]) -> bool:
    """Return whether the instance metadata service shows a place as empty: nothing is there.

    It writes an empty text for what a VM does not have, and leaves out what its version does not
    know.
    """
    if METADATA not in record.body:
        return False
    inner: Json = body
    for step in path:
        inner = inner.get(step) if isinstance(inner, dict) else None
    return isinstance(inner, str) and not inner


class _FactPlan:
    """How one fact is read, prepared once."""

    __slots__ = (
        *("fact", "paths", "canonical", "derive", "derive_disk", "column", "absence"),
        *("absent_from", "numbers"),
    )

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.paths = [
            (kind, tuple(spelled.split(".")), spelled)
            for kind, path in fact.paths
            for spelled in [path.lower().replace("[]", ".[]")]
        ]
        self.canonical = {value.lower(): value for value in fact.allowed_values}
        self.numbers = _NUMBERED.get(fact.id, {})
        derived = fact.reading == "derived"
        self.derive = _VM_DERIVATIONS.get(fact.id) if derived else None
        self.derive_disk = _DISK_DERIVATIONS.get(fact.id) if derived else None
        self.column = plain_name(fact.id if "_" in fact.id else f"fact_{fact.id}")
        self.absence: str | int = (
            int(fact.absence) if fact.type == "integer" and fact.absence else fact.absence
        )
        # The kind of record of which absence tells something.
        self.absent_from = self.paths[0][0] if fact.absence and self.paths else ""

    def read(self, places: Mapping[str, Sequence[Place]], answered: bool) -> Reading:
        """Read the fact where it shows first; an answer in a column comes next."""
        if not (self.paths or answered):
            return UNKNOWN
        found: Reading | None = None
        blocked: Reading | None = None
        for kind, path, spelled in self.paths:
            for record, prefix, body in places.get(kind, ()):
                value = look(body, path)
                if value is MISSING:
                    continue
                at = f"{prefix}.{spelled}" if prefix else spelled
                reading = self._reading(value, record, at)
                if reading.value is None:
                    blocked = blocked or reading
                else:
                    found = reading if found is None else agreed(found, reading)
        if found is not None:
            return found if blocked is None else self._beside(found, blocked)
        if answered and (answer := self._column(places)):
            return answer
        if blocked is not None:
            return blocked
        return self._absent(places)

    def _reading(self, value: Json, record: Record, at: str) -> Reading:
        if value is UNREADABLE:
            return Reading(None, "unknown", record, at, None, CUT)
        known = self._value(value)
        if known is not None:
            return Reading(known, "read", record, at, value)
        why = f"{value!r} is not among the values known for this"
        return Reading(None, "unknown", record, at, value, why)

    def _value(self, value: Json) -> str | int | None:
        reading, kind = self.fact.reading, self.fact.type
        if reading == "present":
            return "yes" if is_given(value) else None
        if reading == "true":
            flags = {flag_of(one) for one in (value if isinstance(value, list) else [value])}
            return "yes" if "yes" in flags else ("no" if flags == {"no"} else None)
        if isinstance(value, (list, dict)):
            return None
        if kind == "integer":
            return whole_number(value)
        if kind == "flag":
            return flag_of(value)
        if self.numbers and type(value) in (int, float) and value in self.numbers:
            return self.numbers[int(value)]
        text = str(value).strip()
        if self.canonical:
            return self.canonical.get(text.lower())
        return text if isinstance(value, str) else None

    def _answer(self, value: Json) -> str | int | None:
        """Read what a person wrote into a column that has the name of the fact."""
        if self.fact.type == "integer":
            return whole_number(value)
        if self.fact.type == "flag":
            return flag_of(value)
        if self.canonical:
            return self.canonical.get(str(value).strip().lower())
        return value.strip() if isinstance(value, str) else None

    def _beside(self, found: Reading, blocked: Reading) -> Reading:
        """Put together a reading and something beside it that could not be read."""
        if blocked.shown is None or found.options:
            return found
        why = f"{blocked.why}, and {found.shown!r} is shown elsewhere"
        return blocked._replace(why=why)

    def _column(self, places: Mapping[str, Sequence[Place]]) -> Reading | None:
        """Take an answer that a person wrote into a column of the inventory."""
        for kind in ("disk", "vm"):
            for record, _, body in places.get(kind, ()):
                value = body.get(self.column)
                if value in EMPTY or isinstance(value, (dict, list)) or is_expression(value):
                    continue
                known = self._answer(value)
                how = "unknown" if known is None else "read"
                why = "" if known is not None else f"{value!r} is not among the values known"
                return Reading(known, how, record, self.column, value, why)
        return None

    def _absent(self, places: Mapping[str, Sequence[Place]]) -> Reading:
        """Take the documented default, if a full record of the first kind leaves it out."""
        for record, _, body in places.get(self.absent_from, ()):
            if record.full or left_empty(record, body, self.paths[0][1]):
                return Reading(self.absence, "absent", record)
        return UNKNOWN


# --------------------------------------------------------------------------- derived facts


def _full(vm: Vm) -> Record | None:
    return next((record for record in vm.records if record.full), None)


_UNIFORM_PATH: Final = re.compile(r"/virtualmachinescalesets/[^/]+/virtualmachines/")


def _scale_set_orchestration(vm: Vm, _: OperatingSystems) -> Reading:
    for record in vm.records:
        if _UNIFORM_PATH.search(record.key):
            return Reading("uniform", "read", record, "id", record.body.get("id"))
        kind = str(record.body.get("type") or "").lower()
        if kind.endswith("virtualmachinescalesets/virtualmachines"):
            return Reading("uniform", "read", record, "type", record.body["type"])
        mode = text_at(record.body, "orchestrationmode") if kind == SCALE_SET.lower() else ""
        if mode.lower() in ("uniform", "flexible"):
            return Reading(mode.lower(), "read", record, "orchestrationMode", mode)
    if not vm.key.startswith("/"):
        value, found, at = value_in(vm.records, "instanceid")
        if found is not None and "vmid" in found.body:
            return Reading("uniform", "read", found, at, value)
    value, found, at = value_in(vm.records, "virtualmachinescaleset", "id")
    if found is not None and value is not UNREADABLE:
        return Reading("flexible", "read", found, at, value)
    if found is not None:
        if METADATA in found.body:
            return Reading(None, "unknown", found, at, None, _NAMED_SET)
        # Whatever the expression becomes: a uniform set has instances, which have ids of their own.
        return Reading(None, "unknown", found, at, None, CUT, ("none", "flexible"))
    full = _full(vm)
    if full:
        return Reading("none", "absent", full)
    for record in vm.records:
        if left_empty(record, record.body, ("vmscalesetname",)):
            return Reading("none", "absent", record)
    for record in vm.records:
        named = record.body.get("type")
        if _PLAIN_VM in (type_of_id(vm.key), str(named).strip().lower()):
            # The id or the type is that of a VM, so it is no instance of a uniform set.
            return Reading(None, "unknown", record, "id", vm.id, "", ("none", "flexible"))
    return UNKNOWN


_NAMED_SET: Final = (
    "instances of both kinds of scale set show the name of their set, and only those of a flexible "
    "one show its id, which is not there"
)
_PLAIN_VM: Final = "microsoft.compute/virtualmachines"
_SECURITY_TYPES: Final = ("ConfidentialVM", "TrustedLaunch", "Standard")


def _security_type(vm: Vm, _: OperatingSystems) -> Reading:
    """Put together what the VM, its OS disk in it and the record of that disk say."""
    told = [*_named_security(vm.records), *_confidential_disks(vm)]
    os_disk = os_disk_of(vm)
    of_disk = _named_security(os_disk.records) if os_disk is not None else []
    if told and of_disk:
        # A disk shows a security type only where it has one; the VM may be of another beside.
        told += of_disk
    elif of_disk:
        told = of_disk
    if told:
        return reduce(agreed, told)
    full = _full(vm)
    return Reading("Standard", "absent", full) if full else UNKNOWN


def _confidential_disks(vm: Vm) -> list[Reading]:
    """Give the security type that an encryption of the guest state tells."""
    found = []
    path = ("storageprofile", "osdisk", "manageddisk", "securityprofile", "securityencryptiontype")
    for record in vm.records:
        value = look(record.body, path)
        at = ".".join(path)
        if value is UNREADABLE:
            found.append(Reading(None, "unknown", record, at, None, CUT))
        elif isinstance(value, str) and value.strip().lower() not in _NOTHING_GIVEN:
            found.append(Reading("ConfidentialVM", "read", record, at, value))
        elif value is not MISSING and not isinstance(value, str):
            why = f"{value!r} is no kind of encryption"
            found.append(Reading(None, "unknown", record, at, value, why))
    return found


def _named_security(records: Iterable[Record]) -> list[Reading]:
    """Give the security type that each of these records names."""
    found = []
    at = "securityprofile.securitytype"
    for record in records:
        value = look(record.body, ("securityprofile", "securitytype"))
        if value is UNREADABLE:
            found.append(Reading(None, "unknown", record, at, None, CUT))
        elif value is not MISSING:
            text = str(value).strip().lower()
            known = next((one for one in _SECURITY_TYPES if text.startswith(one.lower())), None)
            if text in ("none", "null"):
                continue
            why = "" if known else f"{value!r} is no known security type"
            found.append(Reading(known, "read" if known else "unknown", record, at, value, why))
    return found


_SIZE_NAME: Final = re.compile(
    r"(?:(?:STANDARD|BASIC)_)?(?P<family>[A-Z]+)\d+(?:-\d+)?(?P<features>[A-Z]*)"
    r"(?:_[A-Z0-9]+)*?(?:_V(?P<version>\d+))?(?:_PROMO)?"
)


def _size(vm: Vm) -> tuple[Mapping[str, str] | None, Record | None, str, Json]:
    """Take the name of the size apart: family in upper case, features in lower case, version."""
    for path in (("hardwareprofile", "vmsize"), ("sku", "name")):
        value, found, at = value_in(vm.records, *path)
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


def _vm_region(vm: Vm, _: OperatingSystems) -> Reading:
    value, record, at = value_in(vm.records, "location")
    if not isinstance(value, str) or not value.strip():
        return UNKNOWN
    return Reading(region(value.strip()), "read", record, at, value)


def _vm_size_series(vm: Vm, _: OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is None:
        return UNKNOWN
    version = f"v{name['version']}" if name["version"] else ""
    return Reading(f"{name['family']}{name['features']}{version}", "read", record, at, shown)


def _vm_size_version(vm: Vm, _: OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is None:
        return UNKNOWN
    # The first version of a series carries no number.
    return Reading(int(name["version"] or 1), "read", record, at, shown)


def _vm_size_processor(vm: Vm, _: OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is None:
        return UNKNOWN
    makers = {"a": "amd", "p": "arm"}
    maker = next((makers[letter] for letter in name["features"] if letter in makers), "intel")
    return Reading(maker, "read", record, at, shown)


# The old series that tell in their family what later ones tell by the letter s.
_PREMIUM_FAMILIES: Final = ("DS", "GS")


def _premium_storage_size(vm: Vm, _: OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is not None and ("s" in name["features"] or name["family"] in _PREMIUM_FAMILIES):
        return Reading("yes", "read", record, at, shown)
    # Some sizes without the letter can do it too: only the list of sizes tells.
    return UNKNOWN


def _data_disk_count(vm: Vm, _: OperatingSystems) -> Reading:
    disks = [disk for disk in vm.disks if disk.role == "data"]
    if any(not disk.listed for disk in disks) or not vm.records:
        return UNKNOWN
    _, record, at = value_in(vm.records, "storageprofile", "datadisks")
    if disks:
        return Reading(len(disks), "read", record, at, f"{len(disks)} listed")
    full = _full(vm)
    return Reading(0, "absent", full) if full else UNKNOWN


def _temporary_disk(vm: Vm, _: OperatingSystems) -> Reading:
    name, record, at, shown = _size(vm)
    if name is not None and "d" in name["features"]:
        return Reading("yes", "read", record, at, shown)
    return UNKNOWN


def _image_source(vm: Vm, _: OperatingSystems) -> Reading:
    image = ("storageprofile", "imagereference")
    for name in ("id", "sharedgalleryimageid", "communitygalleryimageid"):
        value, found, at = value_in(vm.records, *image, name)
        if isinstance(value, str):
            return Reading("custom", "read", found, at, value)
    for path in ((*image, "publisher"), ("plan", "publisher"), ("plan", "name")):
        value, found, at = value_in(vm.records, *path)
        if isinstance(value, str):
            return Reading("marketplace", "read", found, at, value)
    return UNKNOWN


def _lists_extensions(record: Record) -> bool:
    """Tell a record that would carry the extensions: Resource Graph keeps them apart."""
    apart = {"tenantid", "extended", METADATA} & record.body.keys()
    return record.full and not apart and not is_expression(record.body.get("resources"))


def _extensions(vm: Vm, _: OperatingSystems) -> Reading:
    for record in vm.related.get("extension", ()):
        return Reading("yes", "read", record, "id", record.body.get("id"))
    for path in (("resources",), ("instanceview", "extensions")):
        value, found, at = value_in(vm.records, *path)
        if isinstance(value, list):
            return Reading("yes", "read", found, at, f"{len(value)} listed")
    full = next((record for record in vm.records if _lists_extensions(record)), None)
    return Reading("no", "absent", full) if full else UNKNOWN


ADE_TYPES: Final = ("azurediskencryption", "azurediskencryptionforlinux")


def _azure_disk_encryption(vm: Vm, _: OperatingSystems) -> Reading:
    off: Reading | None = None
    for path in (
        ("storageprofile", "osdisk", "encryptionsettings", "enabled"),
        ("instanceview", "disks", "[]", "encryptionsettings", "[]", "enabled"),
    ):
        value, found, at = value_in(vm.records, *path)
        if "true" in str(value).lower():
            return Reading("yes", "read", found, at, value)
        if found is not None and value is not UNREADABLE:
            off = Reading("no", "read", found, at, value)
    for disk in vm.disks:
        value, found, at = value_in(disk.records, "encryptionsettingscollection", "enabled")
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


def _accelerated_networking(vm: Vm, _systems: OperatingSystems) -> Reading:
    off: Reading | None = None
    for record in vm.related.get("network_interface", ()):
        value = look(record.body, ("enableacceleratednetworking",))
        if value is True:
            return Reading("yes", "read", record, "enableacceleratednetworking", value)
        if value is False:
            off = Reading("no", "read", record, "enableacceleratednetworking", value)
    named, _, _ = value_in(vm.records, "networkprofile", "networkinterfaces", "[]", "id")
    count = len(named) if isinstance(named, list) else 0
    whole = len({record.key for record in vm.related.get("network_interface", ())}) >= count > 0
    return off if off and whole else UNKNOWN


# How PowerShell names an object that lies deeper than it was asked to show.
_TYPE_NAMES: Final = ("Microsoft.Azure.", "System.", "@{")


def _names_managed_disk(value: Json) -> bool:
    """Return whether a managed disk is given, be it shown or only named."""
    return isinstance(value, dict) or (isinstance(value, str) and value.startswith(_TYPE_NAMES))


def _is_hollow(body: Body) -> bool:
    """Return whether the managed disk of an attachment has nothing but empty values."""
    inner = body.get("manageddisk")
    return isinstance(inner, dict) and all(value in EMPTY for value in inner.values())


def _storage(disk: Disk) -> Reading:
    places = disk.attachments
    managed: tuple[Record, str] | None = None
    for record, at, body in places:
        if _names_managed_disk(body.get("manageddisk")):
            managed = (record, at)
            break
    blob, found, place = value_shown(places, "vhd", "uri")
    if blob is UNREADABLE or blob is MISSING:
        vhd, holder, where = value_shown(places, "vhd")
        if isinstance(vhd, str):
            blob, found, place = vhd, holder, where
    if blob is not MISSING and all(_is_hollow(body) for _, _, body in places):
        managed = None
    if blob is not MISSING and managed:
        why = "both a managed disk and a page blob are shown"
        return Reading(None, "unknown", found, place, None, why)
    if isinstance(blob, str) or (blob is UNREADABLE and _is_address(found, place)):
        # Whatever an expression becomes, the address is that of a blob.
        shown = blob if isinstance(blob, str) else "a template expression"
        return Reading("unmanaged", "read", found, place, shown)
    if managed:
        shown = disk.id or "given"
        return Reading("managed", "read", managed[0], f"{managed[1]}.manageddisk", shown)
    cut, found, place = value_shown(places, "manageddisk")
    if found is not None or blob is UNREADABLE:
        return Reading(None, "unknown", found, place, None if cut is UNREADABLE else cut, CUT)
    return UNKNOWN


def _is_address(record: Record | None, path: str) -> bool:
    """Return whether a template expression stands where the address of a blob should."""
    if record is None:
        return False
    _, shown = follow(record.raw, path.replace("[", ".[").split("."))
    return is_expression(shown) and shown != CONFLICT


def _is_said(settings: Json) -> bool:
    """Return whether anything is given in an object, under whatever key."""
    if isinstance(settings, dict):
        return any(value not in EMPTY for value in settings.values())
    return settings not in EMPTY


def _ephemeral(disk: Disk) -> Reading:
    told: list[Reading] = []
    for record, prefix, body in disk.attachments:
        at = f"{prefix}.diffdisksettings.option" if prefix else "diffdisksettings.option"
        value = look(body, ("diffdisksettings", "option"))
        if value is MISSING and left_empty(record, body, ("diffdisksettings", "option")):
            told.append(Reading("no", "absent", record))
            continue
        if value is MISSING and not _is_said(body.get("diffdisksettings")):
            continue
        if isinstance(value, str) and value.strip().lower() == "local":
            told.append(Reading("yes", "read", record, at, value))
        elif value is UNREADABLE or value is MISSING:
            told.append(Reading(None, "unknown", record, at, None, CUT))
        else:
            why = f"{value!r} is not among the values known for this"
            told.append(Reading(None, "unknown", record, at, value, why))
    if told:
        return reduce(agreed, told)
    full = next((record for record, _, _ in disk.attachments if record.full), None)
    return Reading("no", "absent", full) if full else UNKNOWN


def _full_disk(disk: Disk) -> Record | None:
    return next((record for record in disk.records if record.full), None)


def _from_trusted_launch_os_disk(disk: Disk) -> Reading:
    if not disk.records:
        return UNKNOWN
    value, found, at = value_in(disk.records, "securityprofile", "securitytype")
    if value is UNREADABLE:
        return Reading(None, "unknown", found, at, None, CUT)
    if str(value).lower() == "trustedlaunch":
        return Reading("yes", "read", found, at, value)
    system, found, at = value_in(disk.records, "ostype")
    if disk.role == "data" and isinstance(system, str):
        copied, _, _ = value_in(disk.records, "creationdata", "createoption")
        generation, _, _ = value_in(disk.records, "hypervgeneration")
        if str(copied).lower() in ("copy", "restore") and str(generation).upper() == "V2":
            of = "the disk is a copy of a generation 2 OS disk"
            why = f"{of}; whether of a trusted launch VM is open"
            return Reading(None, "unknown", found, at, system, why)
    full = _full_disk(disk)
    return Reading("no", "absent", full) if full else UNKNOWN


_PLATFORM_KEY: Final = "EncryptionAtRestWithPlatformKey"
_ENCRYPTION_TYPES: Final = {
    name.lower(): name
    for name in (
        "EncryptionAtRestWithPlatformKey",
        "EncryptionAtRestWithCustomerKey",
        "EncryptionAtRestWithPlatformAndCustomerKeys",
    )
}


def _named_set(disk: Disk) -> Shown:
    """Give the disk encryption set that the disk, or else the VM, names."""
    own, *attached = ENCRYPTION_SET_PATHS
    named = value_in(disk.records, *own)
    for path in attached:
        if named is NOTHING:
            named = value_shown(disk.attachments, *path)
    return named


def _encryption_type(disk: Disk) -> Reading:
    told = [
        *_worded(disk.records, ("encryption", "type"), _ENCRYPTION_TYPES),
        *_worded(disk.encryption_sets, ("encryptiontype",), _ENCRYPTION_TYPES),
    ]
    value, found, at = _named_set(disk)
    if told and isinstance(value, str):
        kind = reduce(agreed, told)
        if kind.value == _PLATFORM_KEY:
            why = f"{kind.shown!r} is shown, and the disk encryption set {value!r}"
            return kind._replace(value=None, how="unknown", why=why)
    if told:
        return reduce(agreed, told)
    if found is not None:
        why = "a disk encryption set is named, its kind is not shown"
        shown = value if isinstance(value, str) else None
        return Reading(None, "unknown", found, at, shown, why)
    full = _full_disk(disk)
    return Reading(_PLATFORM_KEY, "absent", full) if full else UNKNOWN


def _worded(
    records: Iterable[Record], path: tuple[str, ...], words: Mapping[str, str]
) -> list[Reading]:
    """Give what each of these records says at a path, in known words."""
    found = []
    at = ".".join(path)
    for record in records:
        value = look(record.body, path)
        if value is UNREADABLE:
            found.append(Reading(None, "unknown", record, at, None, CUT))
        elif value is not MISSING:
            known = words.get(str(value).strip().lower())
            why = "" if known else f"{value!r} is not among the values known for this"
            how = "read" if known else "unknown"
            found.append(Reading(known, how, record, at, value, why))
    return found


def _customer_key(disk: Disk) -> Reading:
    value, found, at = _named_set(disk)
    if isinstance(value, str):
        kind = _encryption_type(disk)
        if kind.value is None and kind.record is not found and kind.shown is not None:
            return kind
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
    if told := _worded(disk.records, ("networkaccesspolicy",), _NETWORK_POLICIES):
        return reduce(agreed, told)
    full = _full_disk(disk)
    return Reading("no", "absent", full) if full else UNKNOWN


_NETWORK_POLICIES: Final = {"allowprivate": "yes", "allowall": "no", "denyall": "no"}


def _max_shares(disk: Disk) -> Reading:
    """Read how many VMs may attach a disk; those that do are a witness of their own."""
    told: list[Reading] = []
    for record in disk.records:
        value = look(record.body, ("maxshares",))
        if value is UNREADABLE:
            told.append(Reading(None, "unknown", record, "maxshares", None, CUT))
        elif value is not MISSING:
            number = whole_number(value)
            why = "" if number is not None else f"{value!r} is no number of VMs"
            how = "unknown" if number is None else "read"
            told.append(Reading(number, how, record, "maxshares", value, why))
    for record, prefix, body in disk.attachments:
        given = body.get("isshareddisk")
        if given in EMPTY:
            continue
        shared = flag_of(given)
        at = f"{prefix}.isshareddisk" if prefix else "isshareddisk"
        if shared is None:
            told.append(Reading(None, "unknown", record, at, None, CUT))
        else:
            told.append(Reading(_SHARED if shared == "yes" else 1, "read", record, at, given))
    owners = disk.owners
    most = max((one.value for one in told if isinstance(one.value, int)), default=None)
    if len(owners) > 1 and (most is None or most < _SHARED):
        shown = "; ".join(owners)
        why = f"{len(owners)} VMs attach the disk: {shown}"
        if most is None:
            return Reading(_SHARED, "read", *_witness(disk), why)
        why = f"{why}; while {told[0].shown!r} is shown"
        return told[0]._replace(value=None, how="unknown", why=why, options=(most, _SHARED))
    if disk.also_attached_by and (most is None or most < _SHARED):
        # One of the lists may be old, or the disk is shared, whatever its record leaves out.
        others = ", ".join(disk.also_attached_by)
        why = f"another VM lists the same disk: {others}"
        return Reading(None, "unknown", *_witness(disk), None, why, (1, _SHARED))
    if told:
        return reduce(agreed, told)
    full = _full_disk(disk)
    return Reading(1, "absent", full) if full else UNKNOWN


# More than one is shared; how many more, no rule asks.
_SHARED: Final = 2


def _witness(disk: Disk) -> tuple[Record | None, str]:
    """Give the record that says who has attached a disk, and where."""
    for record in disk.records:
        for at in ("managedbyextended", "shareinfo", "managedby"):
            if record.body.get(at) not in EMPTY:
                return record, at
    for record, prefix, _ in disk.attachments:
        return record, prefix
    return None, ""


_VM_DERIVATIONS: Final[dict[str, Callable[[Vm, OperatingSystems], Reading]]] = {
    "accelerated_networking": _accelerated_networking,
    "azure_disk_encryption": _azure_disk_encryption,
    "data_disk_count": _data_disk_count,
    "endorsed_release": endorsed_release,
    "extended_security_updates": extended_security_updates,
    "extensions": _extensions,
    "image_source": _image_source,
    "operating_system": operating_system,
    "os_family": os_family,
    "premium_storage_size": _premium_storage_size,
    "scale_set_orchestration": _scale_set_orchestration,
    "security_type": _security_type,
    "temporary_disk": _temporary_disk,
    "vm_region": _vm_region,
    "vm_size_processor": _vm_size_processor,
    "vm_size_series": _vm_size_series,
    "vm_size_version": _vm_size_version,
}

_DISK_DERIVATIONS: Final[dict[str, Callable[[Disk], Reading]]] = {
    "customer_key": _customer_key,
    "encryption_type": _encryption_type,
    "ephemeral": _ephemeral,
    "from_trusted_launch_os_disk": _from_trusted_launch_os_disk,
    "max_shares": _max_shares,
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
