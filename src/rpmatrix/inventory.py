"""Azure's JSON in all its shapes: records of VMs, disks and what belongs to them.

Whatever the client, a record is brought to one form at the door: keys in lower case, what a
``properties`` object holds moved up beside ``id``, ``name`` and ``type``. Records are recognised
by what they are and joined by lower-cased resource id. What is not understood is kept in
``Inventory.problems``: records in = VMs + disks + others + problems.

A fact is read by :class:`FactReader`, along the paths that the table ``facts`` declares. Absence
means something only in a full record; otherwise the fact is unknown.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property, reduce
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from rpmatrix.matrix import Fact, Matrix

Json = Any
Body = dict[str, Any]


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was not understood.

    Attributes
    ----------
    file : str
        The file, or ``standard input`` or ``pasted text``.
    record : str
        Which record of the file, as a JSON pointer, a line or a row.
    path : str
        The place inside the record, if one is at fault.
    message : str
        What is wrong and what to do.
    """

    file: str
    record: str
    path: str
    message: str

    def __str__(self) -> str:
        where = " ".join(part for part in (self.file, self.record, self.path) if part)
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which value, at which path of which input, made a fact known.

    Attributes
    ----------
    fact_id, value
        The fact and the value it was given.
    file, record, path
        Where the value stands; empty if no payload told it.
    shown
        The value as it stands there.
    how : str
        ``read``, ``absent`` (the record is full and leaves it out), ``assumed``, ``answered``
        or ``unknown``.
    why : str
        Why a fact stayed unknown although a record shows something, else empty.
    """

    fact_id: str
    value: str | None
    file: str = ""
    record: str = ""
    path: str = ""
    shown: str = ""
    how: str = "unknown"
    why: str = ""

    def __str__(self) -> str:
        where = " ".join(part for part in (self.file, self.record) if part)
        if self.how == "read":
            return f"{self.fact_id} = {self.value}: {self.path} is {self.shown} ({where})"
        if self.how == "absent":
            return f"{self.fact_id} = {self.value}: left out of a full record ({where})"
        if self.how in ("assumed", "answered"):
            return f"{self.fact_id} = {self.value}: {self.how}"
        return f"{self.fact_id} is unknown{': ' + self.why if self.why else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One record as it was read.

    Attributes
    ----------
    kind : str
        ``vm``, ``disk``, ``scale_set``, ``network_interface``, ``disk_encryption_set``,
        ``extension``, ``restore_point_collection``, ``restore_point``, ``disk_restore_point``,
        ``instance_view`` or ``other``.
    key : str
        The resource id in lower case, or file and place where the record has none.
    body : dict
        The record in the one form: lower-case keys, properties moved up.
    raw : dict
        The record as it was given.
    file, pointer : str
        Where it came from.
    full : bool
        The record holds all that its kind has, so what it leaves out is at its default.
    """

    kind: str
    key: str
    body: Body
    raw: Json
    file: str
    pointer: str
    full: bool = False


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
    """

    role: str
    id: str | None
    name: str | None
    lun: int | None
    listed: bool
    attachments: tuple[tuple[Record, str, Body], ...]
    records: tuple[Record, ...]
    encryption_sets: tuple[Record, ...] = ()

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


# --------------------------------------------------------------------------- small helpers

_EMPTY: Final[tuple[Json, ...]] = (None, "", [], {})


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


MISSING: Final = _Marker("missing")
UNREADABLE: Final = _Marker("unreadable")


def last_part(resource_id: str) -> str:
    """Give the last part of a resource id: the name of the resource."""
    return resource_id.rstrip("/").rpartition("/")[2]


def is_expression(value: Json) -> bool:
    """Tell a template expression, which stands for a value not known yet."""
    return isinstance(value, str) and value.startswith("[") and not value.startswith("[[")


def id_parts(resource_id: str) -> dict[str, str]:
    """Read subscription, resource group, resource type and names out of a resource id."""
    parts = resource_id.strip("/").split("/")
    found: dict[str, str] = {}
    for position, part in enumerate(parts[:-1]):
        if part.lower() == "subscriptions":
            found.setdefault("subscription_id", parts[position + 1])
        elif part.lower() == "resourcegroups":
            found.setdefault("resource_group", parts[position + 1])
    lowered = [part.lower() for part in parts]
    if "providers" in lowered:
        start = len(lowered) - 1 - lowered[::-1].index("providers")
        rest = parts[start + 1 :]
        if len(rest) >= 3 and len(rest) % 2:
            found["type"] = "/".join([rest[0], *rest[1::2]]).lower()
            found["parent"] = "/" + "/".join(parts[:-2]).lower() if len(rest) > 3 else ""
    return found


def key_of(resource_id: Json) -> str:
    """Give a resource id as it is joined by; empty if it is no text."""
    return resource_id.strip().rstrip("/").lower() if isinstance(resource_id, str) else ""


def _lower(key: str) -> str:
    return key.lower()


def _without_underscores(key: str) -> str:
    return key.lower().replace("_", "")


def fold(value: Json, name: Callable[[str], str] = _lower) -> Json:
    """Bring a JSON value to the one form: keys in lower case, properties moved up.

    Where both levels use a name, the outer keeps it; the inner ``type`` of an extension is kept
    as ``typepropertiestype``, as Azure CLI spells it.
    """
    if isinstance(value, dict):
        folded = {name(str(key)): fold(child, name) for key, child in value.items()}
        if len(folded) < len(value):  # one name in two cases
            for key, child in value.items():
                if child not in _EMPTY and folded[name(str(key))] in _EMPTY:
                    folded[name(str(key))] = fold(child, name)
        inner = folded.get("properties")
        if isinstance(inner, dict):
            del folded["properties"]
            if "type" in inner and "type" in folded:
                inner = dict(inner)
                folded.setdefault("typepropertiestype", inner.pop("type"))
            for key, child in inner.items():
                if folded.get(key) in _EMPTY:
                    folded[key] = child
        return folded
    if isinstance(value, list):
        return [fold(child, name) for child in value]
    return value


def look(body: Json, path: Sequence[str]) -> Json:
    """Follow a path of lower-case keys; ``[]`` gathers the members of a list.

    Returns
    -------
    The value; ``MISSING`` if a full record would leave it out; ``UNREADABLE`` if something
    stands there that is not known yet or was cut off.
    """
    for position, key in enumerate(path):
        if isinstance(body, dict):
            body = body.get(key, MISSING)
            if body is MISSING:
                return MISSING
        elif isinstance(body, list) and key == "[]":
            found = [look(member, path[position + 1 :]) for member in body]
            return [member for member in found if member is not MISSING] or MISSING
        elif isinstance(body, (str, int, float)) and body != "":
            return UNREADABLE
        else:
            return MISSING
    if isinstance(body, str):
        return MISSING if not body else UNREADABLE if is_expression(body) else body
    return MISSING if body in _EMPTY else body


# --------------------------------------------------------------------------- text to documents


class _Documents(NamedTuple):
    """What a text held: JSON values with their place, faults with their place, remarks."""

    values: list[tuple[str, Json, bool]]
    faults: list[tuple[str, str]]
    notes: list[str]


def decode(data: bytes) -> str:
    """Decode bytes as clients write them: UTF-8 or UTF-16, with or without a mark.

    Raises
    ------
    UnicodeDecodeError
        If the bytes are no text in any of these.
    """
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _whole(data, encoding)
    if data[:200].count(0) > len(data[:200]) // 4:
        return _whole(data, "utf-16-be" if data[0] == 0 else "utf-16-le")
    try:
        return _whole(data, "utf-8")
    except UnicodeDecodeError:
        # Windows consoles still write their legacy code page; ids and enumerations are ASCII.
        return data.decode("cp1252")


def _whole(data: bytes, encoding: str) -> str:
    """Decode all but a last character that was cut in two."""
    return codecs.getincrementaldecoder(encoding)().decode(data)


_DECODER: Final = json.JSONDecoder(strict=False)
_TOKENS: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA: Final = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)
_CANDIDATE: Final = re.compile(r'\{(?=\s*(?:["}]|\Z))|\[(?=\s*(?:[\[{"\]]|\Z))')
_LIST_INSIDE: Final = re.compile(r'"(?:value|data|resources)"\s*:\s*\[', re.IGNORECASE)
_NEXT_START: Final = re.compile(r"^[{\[]", re.MULTILINE)
# What published output writes for lines, and for objects, that it leaves out.
_ELLIPSIS: Final = re.compile(r"^[ \t]*[\"']?(?:\.\.\.|…)[\"']?,?[ \t]*$", re.MULTILINE)
_LEFT_OUT: Final = re.compile(r"(:\s*)(?:\{\s*(?:\.\.\.|…)\s*\}|\[\s*(?:\.\.\.|…)\s*\]|\.\.\.|…)")


_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def _typed(text: str) -> str:
    """Undo what word processors and web pages do to a text: wide blanks and curly quotes."""
    text = text.replace("\u00a0", " ")
    return text if '"' in text else re.sub("[\u201c\u201d\u201e]", '"', text)


def _without_comments(text: str) -> str:
    plain = _TOKENS.sub(lambda m: m[0] if m[0][0] == '"' else " ", text)
    return _TRAILING_COMMA.sub(lambda m: m[1] or "", plain)


class _Lines:
    """Tells the line of a position; asked in rising order, it reads the text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1

    def at(self, position: int) -> str:
        if position < self._position:
            self._position, self._line = 0, 1
        self._line += self._text.count("\n", self._position, position)
        self._position = position
        return f"line {self._line}"


def _documents(text: str) -> _Documents:
    text = text.lstrip("\ufeff").strip().strip("\x00")
    if not text:
        return _Documents([], [("", "the input is empty; save the command's output again")], [])
    try:
        return _Documents([("", json.loads(text, strict=False), False)], [], [])
    except (ValueError, RecursionError):
        pass
    if text[0] not in "{[" and (rows := _csv_rows(text)):
        return rows
    if "&quot;" in text:
        import html

        text = html.unescape(text)
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    found = _scan(text)
    if found.faults or not found.values:
        shortened, gaps = _ELLIPSIS.subn("", _without_comments(_typed(text)))
        # An object that is left out stands where something is not known: like an expression.
        shortened, more = _LEFT_OUT.subn(r'\1"[left out]"', shortened)
        cleaned = _scan(shortened, projected=gaps + more > 0)
        if len(cleaned.faults) < len(found.faults) or len(cleaned.values) > len(found.values):
            found = cleaned
    if not found.values and not found.faults:
        advice = "no JSON and no table found; save the output with --output json"
        return _Documents([], [("", advice)], [])
    return found


def _scan(text: str, projected: bool = False) -> _Documents:
    lines = _Lines(text)
    values: list[tuple[str, Json, bool]] = []
    faults: list[tuple[str, str]] = []
    skipped = False
    position = 0
    while match := _CANDIDATE.search(text, position):
        start = match.start()
        skipped = skipped or bool(text[position:start].strip(" \t\r\n,;\ufeff"))
        place = lines.at(start)
        try:
            value, position = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            saved, reached = _salvage(text, start, lines)
            values += [(at, one, projected) for at, one in saved]
            at = getattr(error, "pos", start)
            reason = getattr(error, "msg", "nested too deeply")
            faults.append(
                (
                    lines.at(max(at, reached)),
                    f"the JSON breaks off or is malformed here ({reason.lower()}); "
                    "save the output again, whole",
                )
            )
            following = _NEXT_START.search(text, max(start + 1, reached))
            if following is None:
                break
            position = following.start()
            continue
        if isinstance(value, dict) or (isinstance(value, list) and any(value)):
            values.append((place if values or skipped else "", value, projected))
        else:
            skipped = True
    skipped = skipped or bool(text[position:].strip(" \t\r\n,;"))
    notes = ["text around the JSON was passed over"] if skipped and values else []
    return _Documents(values, faults, notes)


def _salvage(text: str, start: int, lines: _Lines) -> tuple[list[tuple[str, Json]], int]:
    """Read the whole members of a list that breaks off later."""
    if text[start] == "{":
        inside = _LIST_INSIDE.search(text, start, start + 2000)
        if inside is None:
            return [], start
        position = inside.end()
    else:
        position = start + 1
    saved: list[tuple[str, Json]] = []
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        place = lines.at(position)
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return saved, position
        saved.append((place, value))


_CSV_COLUMNS: Final = {"id", "name", "type", "properties", "resourceid", "resourcetype"}


# What Excel and Export-Csv of Windows PowerShell write before the header.
_PREAMBLE: Final = re.compile(r"(?:sep=(.)|#TYPE\b[^\r\n]*)\r?\n", re.IGNORECASE)


def _csv_rows(text: str) -> _Documents | None:
    table = table_rows(io.StringIO(text, newline=""))
    if table is None:
        return None
    projected, rows = table
    values: list[tuple[str, Json, bool]] = []
    faults: list[tuple[str, str]] = []
    for place, row in rows:
        if isinstance(row, str):
            faults.append((place, row))
        else:
            values.append((place, row, projected))
    return _Documents(values, faults, [])


def table_rows(lines: Iterable[str]) -> tuple[bool, Iterator[tuple[str, Body | str]]] | None:
    """Read a table of records row by row.

    Parameters
    ----------
    lines : iterable of str
        The lines of a CSV text, with their ends.

    Returns
    -------
    tuple or None
        Whether columns were chosen, so that a record may not be whole; and for each row its place
        and the record, or what is wrong with it. None if it is no table of records.
    """
    waiting = iter(lines)
    skipped = 0
    while _PREAMBLE.match(header := next(waiting, "")):
        skipped += 1
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
    if delimiter not in header or not _CSV_COLUMNS & set(names):
        return None
    csv.field_size_limit(2**31 - 1)  # the most that every platform takes
    reader = csv.reader(chain([header], waiting), delimiter=delimiter)
    columns = next(reader)

    def rows() -> Iterator[tuple[str, Body | str]]:
        try:
            for number, cells in enumerate(reader, start=2 + skipped):
                if not any(cells):
                    continue
                place = f"row {number}"
                if len(cells) == len(columns):
                    yield place, dict(zip(columns, map(read_cell, cells), strict=True))
                    continue
                said = f"{len(cells)} cells where the header names {len(columns)}"
                yield place, f"{said}; export the table again"
        except csv.Error as error:
            yield f"row {reader.line_num}", f"not a row of a table ({error})"

    return "properties" not in names, rows()


def read_cell(text: str) -> Json:
    """Give what a cell of a table of records holds: JSON if it begins so and is whole."""
    if text[:1] in ("{", "[") or text == "null":
        try:
            return json.loads(text, strict=False)
        except ValueError:
            return text
    return text


# --------------------------------------------------------------------------- documents to records

_PROVIDER_KINDS: Final = {
    "microsoft.compute/virtualmachines": "vm",
    "microsoft.compute/virtualmachinescalesets/virtualmachines": "vm",
    "microsoft.compute/virtualmachinescalesets": "scale_set",
    "microsoft.compute/virtualmachines/extensions": "extension",
    "microsoft.compute/disks": "disk",
    "microsoft.compute/diskencryptionsets": "disk_encryption_set",
    "microsoft.compute/restorepointcollections": "restore_point_collection",
    "microsoft.compute/restorepointcollections/restorepoints": "restore_point",
    "microsoft.compute/restorepointcollections/restorepoints/diskrestorepoints": (
        "disk_restore_point"
    ),
    "microsoft.network/networkinterfaces": "network_interface",
}

_TYPE: Final = re.compile(r"[a-z0-9]+(\.[a-z0-9]+)+(/[a-z0-9._-]+)+")


def _kind_by_shape(body: Body) -> str | None:
    keys = body.keys()
    if "virtualmachineprofile" in keys or "orchestrationmode" in keys or "upgradepolicy" in keys:
        return "scale_set"
    if "publishingprofile" in keys or "sourcevirtualmachine" in keys:
        return "other"
    if "storageprofile" in keys or ("hardwareprofile" in keys and "osprofile" in keys):
        return "vm"
    if "sourcemetadata" in keys or "excludedisks" in keys or "sourcerestorepoint" in keys:
        return "restore_point"
    if "restorepoints" in keys or "restorepointcollectionid" in keys:
        return "restore_point_collection"
    if "ipconfigurations" in keys:
        return "network_interface"
    if "activekey" in keys:
        return "disk_encryption_set"
    if "typehandlerversion" in keys:
        return "extension"
    if "creationdata" in keys or ("disksizegb" in keys and {"diskstate", "ostype"} & keys):
        return "other" if "incremental" in keys else "disk"
    if "statuses" in keys and {"vmagent", "osname", "hypervgeneration", "disks"} & keys:
        return "instance_view"
    return None


def _kind(body: Body) -> str | None:
    """Recognise a record by what it is; the id is a better witness than the type."""
    by_id = id_parts(body["id"]).get("type") if isinstance(body.get("id"), str) else None
    by_type = body.get("type")
    if not isinstance(by_type, str) or is_expression(by_type):
        by_type = None
    for witness in (by_id, by_type and by_type.strip().lower()):
        if witness in _PROVIDER_KINDS:
            return _PROVIDER_KINDS[witness]
    if by_id or (by_type and _TYPE.fullmatch(by_type.strip().lower())):
        # An image has a storage profile and a bastion has addresses, yet neither is a VM or NIC.
        return "other"
    return _kind_by_shape(body)


def _is_full(kind: str, body: Body, projected: bool) -> bool:
    """Tell a full record, in which absence means the documented default."""
    if projected:
        return False
    if kind == "vm":
        size = look(body, ("hardwareprofile", "vmsize"))
        if size is MISSING:
            size = look(body, ("sku", "name"))
        return size is not MISSING and isinstance(look(body, ("storageprofile", "osdisk")), dict)
    if kind == "disk":
        named = look(body, ("sku", "name")) is not MISSING
        return named and look(body, ("creationdata",)) is not MISSING
    return True


# Where recorders of HTTP traffic put the answer and the request.
_EXCHANGES: Final = (
    ("response_body", "request_body"),
    ("responsebody", "requestbody"),
    ("response", "request"),
)
# What clients and recorders wrap around records.
_ENVELOPES: Final = (
    *("value", "data", "content", "body", "entries", "interactions", "http_interactions"),
    "compute",
)


class _Collector:
    """Gathers the records of all inputs; every candidate becomes a record or a problem."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.file = ""

    def note(self, text: str) -> None:
        note = f"{self.file}: {text}"
        if note not in self.notes:
            self.notes.append(note)

    def fail(self, pointer: str, message: str, path: str = "") -> None:
        self.problems.append(Problem(self.file, pointer, path, message))

    def take_text(self, text: str) -> None:
        found = _documents(text)
        for place, value, projected in found.values:
            self.take(value, place, projected)
        for place, message in found.faults:
            self.fail(place, message)
        for note in found.notes:
            self.note(note)

    def take(self, value: Json, at: str, projected: bool = False) -> None:
        """Take all records out of a value, however deep the value is."""
        try:
            self.unwrap(value, at, projected)
        except RecursionError:
            self.fail(at[:80], "nested too deeply to be a record; save the output again")

    def unwrap(self, value: Json, at: str, projected: bool = False) -> None:
        """Open lists and envelopes until a record is reached."""
        if isinstance(value, list):
            for position, child in enumerate(value):
                self.take(child, f"{at}/{position}", projected)
        elif _holds_json(value):
            try:
                inner = json.loads(value, strict=False)
            except ValueError:
                self.fail(at, "a text stands where a record should; export the data again")
            else:
                self.unwrap(inner, at, projected)
        elif isinstance(value, dict):
            if not self._open(value, {str(key).lower(): key for key in value}, at, projected):
                self._record(value, at, projected)
        else:
            self.fail(at, f"not a record but {_brief(value)}; leave it out")

    def _open(self, value: Body, names: Mapping[str, str], at: str, projected: bool) -> bool:
        def child(name: str) -> Json:
            return value[names[name]] if name in names else None

        def step(name: str) -> str:
            return f"{at}/{names[name]}"

        if _is_template(value, names):
            self._template(child("resources"), step("resources"))
            return True
        for body, request in _EXCHANGES:
            if body in names and request in names:
                self._exchange(value, names, body, request, at)
                return True
        if isinstance(child("log"), dict) and isinstance(child("log").get("entries"), list):
            self.unwrap(child("log")["entries"], f"{step('log')}/entries")
            return True
        if isinstance(child("responses"), dict) and "parameters" in names:
            self._example(child("responses"), step("responses"))
            return True
        if isinstance(child("columns"), list) and isinstance(child("rows"), list):
            self._table(child("columns"), child("rows"), step("rows"))
            return True
        if {"id", "type"} & names.keys():
            return False
        for name in ("template", "properties"):
            inner = child(name)
            if isinstance(inner, dict) and self._deployment(inner, step(name)):
                return True
        done = child("properties")
        if "status" in names and isinstance(done, dict) and isinstance(done.get("output"), dict):
            # The end of a long operation, which carries what was made.
            self.unwrap(done["output"], f"{step('properties')}/output", projected)
            return True
        plain = "properties" not in names
        for name in _ENVELOPES:
            inner = child(name)
            if plain and (isinstance(inner, (list, dict)) or _holds_json(inner)):
                self.unwrap(inner, step(name), projected)
                self._pages(value, names, inner)
                return True
        if plain and "error" in names and isinstance(child("error"), dict):
            code = str(child("error").get("code", ""))
            self.fail(at, f"an error answer ({code}), not a resource; look the error up instead")
            return True
        return plain and self._bundle(value, at, projected)

    def _deployment(self, inner: Body, at: str) -> bool:
        """Open the template inside the request or the export of a deployment."""
        template = inner
        if "template" in inner and isinstance(inner["template"], dict):
            template, at = inner["template"], f"{at}/template"
        names = {str(key).lower(): key for key in template}
        if not _is_template(template, names):
            return False
        self._template(template[names["resources"]], f"{at}/{names['resources']}")
        return True

    def _bundle(self, value: Body, at: str, projected: bool) -> bool:
        """Open an object that only names lists or records, such as ``{"vms": […]}``."""
        if _kind(_one_form(value)):
            return False
        named = {key: child for key, child in value.items() if isinstance(child, (list, dict))}
        members = [
            one
            for child in named.values()
            for one in (child if isinstance(child, list) else [child])
        ]
        if not all(isinstance(one, dict) and _kind(_one_form(one)) for one in members):
            return False
        for key, child in named.items():
            self.unwrap(child, f"{at}/{key}", projected)
        return bool(named)

    def _pages(self, value: Body, names: Mapping[str, str], inner: Json) -> None:
        for note in pages_left(value, names, len(inner) if isinstance(inner, list) else None):
            self.note(note)

    def _template(self, resources: Json, at: str) -> None:
        listed = resources.items() if isinstance(resources, dict) else enumerate(resources or [])
        for position, resource in listed:
            here = f"{at}/{position}"
            if not isinstance(resource, dict):
                advice = "an expression stands where a resource should; expand the template"
                self.fail(here, advice)
                continue
            self._record(resource, here)
            if "copy" in resource:
                self.note(f"{here} is a loop: one record stands for several resources")
            inner = resource.get("properties")
            nested = inner.get("template") if isinstance(inner, dict) else None
            if isinstance(nested, dict):
                self._template(nested.get("resources"), f"{here}/properties/template/resources")

    def _exchange(
        self, value: Body, names: Mapping[str, str], body: str, request: str, at: str
    ) -> None:
        """Open a recorded HTTP exchange: the answer if it holds something, else the request."""
        for name in (body, request):
            content = value[names[name]]
            if isinstance(content, dict):
                for key in ("body", "content", "postData", "text", "string"):
                    while isinstance(content, dict) and key in content and "id" not in content:
                        content = content[key]
            if _holds_json(content):
                try:
                    content = json.loads(content, strict=False)
                except ValueError:
                    continue
            if isinstance(content, (dict, list)) and content:
                self.unwrap(content, f"{at}/{names[name]}")
                return
        self.fail(at, "an exchange that carries no resource, neither in its answer nor its request")

    def _example(self, responses: Mapping[str, Json], at: str) -> None:
        for status in sorted(responses):
            answer = responses[status]
            if isinstance(answer, dict) and isinstance(answer.get("body"), (dict, list)):
                self.unwrap(answer["body"], f"{at}/{status}/body")
                return
        self.fail(at, "an example without an answer that holds a resource")

    def _table(self, columns: list[Json], rows: list[Json], at: str) -> None:
        names = [str(one.get("name") if isinstance(one, dict) else one) for one in columns]
        for position, row in enumerate(rows):
            here = f"{at}/{position}"
            if not isinstance(row, list) or len(row) != len(names):
                self.fail(here, f"a row that does not have the {len(names)} cells of its columns")
                continue
            record = dict(zip(names, row, strict=True))
            self._record(record, here, projected="properties" not in names)

    def _record(self, raw: Body, at: str, projected: bool = False) -> None:
        source = raw
        for key, value in raw.items():
            if key.lower() == "properties" and isinstance(value, str) and value[:1] == "{":
                try:
                    source = {**raw, key: json.loads(value, strict=False)}
                except ValueError:
                    self.fail(at, "the column is not whole JSON; export the table again", key)
                    return
        body = _one_form(source)
        projected = projected or _names_paths(source) or not _tells_security(body)
        kind = _kind(body)
        if kind is None:
            shown = ", ".join(list(raw)[:6]) or "nothing"
            self.fail(at, f"not a resource that is known here; it holds {shown[:200]}")
            return
        resource_id = body.get("id")
        key = key_of(resource_id)
        if not key.startswith("/"):
            key = f"{self.file}#{at or '/'}"
        full = _is_full(kind, body, projected)
        self.records.append(Record(kind, key, body, source, self.file, at or "/", full))


def pages_left(value: Body, names: Mapping[str, str], shown: int | None) -> Iterator[str]:
    """Tell what is missing of a list answer that holds one page, or a part of what was found.

    Parameters
    ----------
    value : dict
        The answer.
    names : mapping of str to str
        Its keys, by their lower-case spelling.
    shown : int or None
        How many records it holds, None if it holds no list.
    """
    for name in ("nextlink", "odata.nextlink", "$skiptoken", "skiptoken", "skip_token"):
        if name in names and value[names[name]]:
            yield "there are further pages of this list that were not given"
    total = value[names["total_records"]] if "total_records" in names else None
    total = value[names["totalrecords"]] if "totalrecords" in names else total
    if isinstance(total, int) and shown is not None and total > shown:
        yield f"the query found {total} records and this answer holds {shown}"


def _one_form(source: Body) -> Body:
    """Bring a whole record to the one form, whichever client named its parts."""
    body: Body = fold(source)
    if not _OF_PYTHON.isdisjoint(body):
        body = fold(source, _without_underscores)
    if _names_paths(body):
        body = _nest(body)
    _rename(body)
    if _METADATA in body:
        _from_metadata(body)
    return body


# What the objects of the SDK for Python call their parts when they are turned into JSON.
_OF_PYTHON: Final = {
    *("hardware_profile", "storage_profile", "creation_data", "virtual_machine_profile"),
    *("ip_configurations", "active_key", "source_metadata", "restore_points", "vm_agent"),
    "type_handler_version",
}


def _names_paths(body: Body) -> bool:
    """Tell columns that name a path: ``properties_storageProfile`` or with dots."""
    together = " ".join(map(str, body)).lower()
    may_be = "." in together or "properties_" in together
    return may_be and any(_is_path(str(key).lower()) for key in body)


def _is_path(key: str) -> bool:
    return key.startswith("properties_") or ("." in key and not key.startswith(("@", "odata")))


def _nest(body: Body) -> Body:
    """Build objects out of columns that name a path."""
    nested: Body = {}
    for key, value in body.items():
        name = key.removeprefix("properties_").removeprefix("properties.")
        parts = name.split(".") if _is_path(key) and "." in name else [name]
        target = nested
        for part in parts[:-1]:
            inner = target.setdefault(part, {})
            target = inner if isinstance(inner, dict) else {}
        if value not in _EMPTY or parts[-1] not in target:
            target[parts[-1]] = value
    return nested


_OTHER_NAMES: Final = {
    "resourceid": "id",
    "resourcetype": "type",
    "resourcename": "name",
    "resourcegroupname": "resourcegroup",
    "resource_group": "resourcegroup",
    "virtualmachineextensiontype": "typepropertiestype",
    "extensiontype": "typepropertiestype",
    "availabilitysetreference": "availabilityset",
    "extensions": "resources",
}


def _rename(body: Body) -> None:
    """Give PowerShell's names their usual form."""
    for other, usual in _OTHER_NAMES.items():
        if other in body and body.get(usual) in _EMPTY:
            body[usual] = body[other]


# The instance metadata service, which answers inside the guest, names the cloud so.
_METADATA: Final = "azenvironment"


def _from_metadata(body: Body) -> None:
    """Give what the instance metadata service tells the names of a VM record."""
    if body.get("vmsize"):
        body.setdefault("hardwareprofile", {"vmsize": body["vmsize"]})
    if body.get("vmscalesetname"):
        body.setdefault("virtualmachinescaleset", {"id": body["vmscalesetname"]})


def _tells_security(body: Body) -> bool:
    """Tell whether the absence of a security type means anything: older metadata leave it out."""
    security = body.get("securityprofile")
    named = isinstance(security, dict) and "securitytype" in security
    return _METADATA not in body or named


def _holds_json(value: Json) -> bool:
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[")


def _brief(value: Json, length: int = 40) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= length else f"{text[:length]}..."


def _is_template(value: Body, names: Mapping[str, str]) -> bool:
    if "resources" not in names or not isinstance(value[names["resources"]], (list, dict)):
        return False
    schema = value[names["$schema"]] if "$schema" in names else ""
    return "contentversion" in names or "deploymenttemplate" in str(schema).lower()


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
    collector = _Collector()
    digests: dict[str, str] = {}
    for name, content in _inputs(sources):
        collector.file = name
        if isinstance(content, Exception):
            reason = getattr(content, "strerror", None) or content
            collector.fail("", f"cannot be read ({reason})")
        elif isinstance(content, bytes):
            digests[name] = _digest(content)
            kind = next((told for mark, told in _NO_TEXTS if content.startswith(mark)), "")
            if kind:
                collector.fail("", f"{kind}, not a text; give the JSON or CSV itself")
                continue
            try:
                collector.take_text(decode(content))
            except UnicodeDecodeError:
                collector.fail("", "neither UTF-8 nor UTF-16 text; is it a JSON or CSV file?")
        else:
            digests[name] = _digest(_canonical(content))
            collector.take(content, "")
    vms = join(collector.records)
    return Inventory(
        vms, tuple(collector.records), tuple(collector.problems), tuple(collector.notes), digests
    )


# How files begin that are handed over by mistake.
_NO_TEXTS: Final = (
    (b"PK\x03\x04", "a workbook or an archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"PAR1", "a Parquet file"),
)


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


_READABLE: Final = (".json", ".ndjson", ".jsonl", ".csv", ".txt")


def _inputs(sources: Iterable[Any]) -> Iterator[tuple[str, Any]]:
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


def _text(body: Body, *path: str) -> str:
    value = look(body, path)
    return value if isinstance(value, str) else ""


def records_of(
    given: Iterable[tuple[str, str, Json, bool]],
) -> tuple[list[Record], list[Problem]]:
    """Read values that were found before, with what tells them apart.

    Parameters
    ----------
    given : iterable of tuple
        File, place in the file, the value, and whether it is a row of which columns were chosen.

    Returns
    -------
    tuple
        The records, and the problems; a value may hold several of either.
    """
    collector = _Collector()
    for file, place, value, projected in given:
        collector.file = file
        collector.take(value, place, projected)
    return collector.records, collector.problems


def join(records: Iterable[Record]) -> tuple[Vm, ...]:
    """Put records together to VMs, in the order in which they are met."""
    by_kind: dict[str, list[Record]] = {}
    for record in records:
        by_kind.setdefault(record.kind, []).append(record)
    disks = _by_key((*by_kind.get("disk", ()), *by_kind.get("disk_encryption_set", ())))
    grouped = _by_key(by_kind.get("vm", ()))
    related = _relations(by_kind, grouped)
    vms = []
    for key, records in grouped.items():
        mine = {kind: tuple(found) for kind, found in related.get(key, {}).items()}
        vms.append(_vm(key, tuple(records), disks, mine))
    return tuple(vms)


def _by_key(records: Iterable[Record]) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record.key, []).append(record)
    return grouped


def _vm(
    key: str,
    records: tuple[Record, ...],
    disks: Mapping[str, list[Record]],
    related: Mapping[str, tuple[Record, ...]],
) -> Vm:
    def first(*path: str) -> str:
        return next((found for record in records if (found := _text(record.body, *path))), "")

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
        disks=_disks(records, disks),
        related=related,
    )


def _disks(records: tuple[Record, ...], known: Mapping[str, list[Record]]) -> tuple[Disk, ...]:
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
            listed["data"] = listed["data"] or not _loops(storage)
            for position, disk in enumerate(data_disks):
                body = disk if isinstance(disk, dict) else {"manageddisk": UNREADABLE.name}
                lun = _lun(body)
                mark = ("data", f"entry {position}" if lun is None else lun)
                entry = (record, f"storageprofile.datadisks[{position}]", body)
                attached.setdefault(mark, []).append(entry)
        elif data_disks is None and record.full and not _loops(storage):
            listed["data"] = True
    found = [_disk(role, lun, tuple(entries), known) for (role, lun), entries in attached.items()]
    found += [
        Disk(role, None, None, None, False, (), ()) for role, whole in listed.items() if not whole
    ]
    return tuple(
        sorted(found, key=lambda disk: (disk.role != "os", disk.lun is None, disk.lun or 0))
    )


def _lun(body: Body) -> int | None:
    """Read the logical unit number, which some clients give as a text."""
    lun = body.get("lun")
    if isinstance(lun, int):
        return lun
    return int(lun) if isinstance(lun, str) and lun.isdecimal() and len(lun) < 4 else None


def _loops(storage: Body) -> bool:
    """Tell a template's loop over data disks, which lists none of them."""
    loops = storage.get("copy")
    return isinstance(loops, list) and bool(loops)


def _disk(
    role: str,
    lun: Any,
    entries: tuple[tuple[Record, str, Body], ...],
    known: Mapping[str, list[Record]],
) -> Disk:
    ids = [_text(body, "manageddisk", "id") for _, _, body in entries]
    resource_id = next((one for one in ids if one), None)
    names = [_text(body, "name") for _, _, body in entries]
    records = [record for one in dict.fromkeys(map(key_of, ids)) for record in known.get(one, ())]
    bodies = (*(record.body for record in records), *(body for _, _, body in entries))
    sets = [key_of(look(body, path)) for body in bodies for path in ENCRYPTION_SET_PATHS]
    encryption_sets = [record for one in dict.fromkeys(sets) for record in known.get(one, ())]
    return Disk(
        role=role,
        id=resource_id,
        name=next((one for one in names if one), None),
        lun=lun if isinstance(lun, int) else None,
        listed=True,
        attachments=entries,
        records=tuple(records),
        encryption_sets=tuple(encryption_sets),
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
            named = look(record.body, ("networkprofile", "networkinterfaces", "[]", "id"))
            for one in named if isinstance(named, list) else ():
                for interface in interfaces.get(key_of(one), ()):
                    relate(key, interface)
            for embedded in _embedded(record):
                relate(key, embedded)
            scale_set = look(record.body, ("virtualmachinescaleset", "id"))
            for found in scale_sets.get(key_of(scale_set) or id_parts(key).get("parent", ""), ()):
                relate(key, found)
    _join_instance_views(by_kind.get("instance_view", ()), vms)
    return related


def _embedded(record: Record) -> Iterator[Record]:
    """Give the extensions and interfaces that a VM record carries inside."""
    inside = record.body.get("resources")
    if not isinstance(inside, list) or not inside:
        return
    path, given = _follow(record.raw, ["resources"])
    for position, body in enumerate(inside):
        if isinstance(body, dict):
            _rename(body)
            kind = _kind(body)
            if kind is None and body.get("type") == "extensions":
                kind = "extension"
            if kind in ("extension", "network_interface"):
                at = f"{record.pointer.rstrip('/')}/{path.replace('.', '/')}/{position}"
                yield Record(
                    kind, key_of(body.get("id")) or at, body, given[position], record.file, at
                )


def _join_instance_views(views: Iterable[Record], vms: Mapping[str, list[Record]]) -> None:
    """Give a bare instance view to the VM that it names, by its own or its computer's name."""
    named: dict[str, list[list[Record]]] = {}
    for records in vms.values():
        body = records[0].body
        computer = _text(body, "osprofile", "computername").lower()
        for name in {computer, _text(body, "name").lower()} - {""}:
            named.setdefault(name, []).append(records)
    for view in views:
        shown = _text(view.body, "name").lower() or _text(view.body, "computername").lower()
        owners = named.get(shown, []) if shown else list(vms.values())
        if len(owners) == 1:
            body = {"instanceview": view.body}
            raw = {"instanceView": view.raw}
            owners[0].append(Record("vm", owners[0][0].key, body, raw, view.file, view.pointer))


# --------------------------------------------------------------------------- VMs to facts


class Reading(NamedTuple):
    """The value of one fact and where it came from.

    Attributes
    ----------
    value : str, int or None
        None where the fact is unknown.
    how : str
        As in :class:`Evidence`.
    record, path, shown
        The record, the path of lower-case keys inside it, and what stands there.
    why : str
        Why the fact is unknown although something is shown: then no assumption is made either.
    options : tuple
        Values of which one is true where records disagree.
    """

    value: str | int | None
    how: str = "unknown"
    record: Record | None = None
    path: str = ""
    shown: Json = None
    why: str = ""
    options: tuple[str | int | None, ...] = ()

    def evidence(self, fact_id: str) -> Evidence:
        """Tell it to a person, with the path as the record itself spells it."""
        value = None if self.value is None else str(self.value)
        if self.record is None:
            return Evidence(fact_id, value, how=self.how, why=self.why)
        steps = self.path.replace("[", ".[").split(".") if self.path else []
        place = "" if self.how == "absent" else _spell(self.record.raw, steps)
        shown = "" if self.shown is None else _brief(self.shown, 240)
        return Evidence(
            fact_id, value, self.record.file, self.record.pointer, place, shown, self.how, self.why
        )


def _spell(raw: Json, steps: Sequence[str]) -> str:
    """Spell a path, which may point into lists, as the record itself does."""
    return _follow(raw, steps)[0]


def _follow(raw: Json, steps: Sequence[str]) -> tuple[str, Json]:
    """Follow a path of the one form through a record as it was given.

    Returns
    -------
    The path as the record spells it, and what stands there; None if nothing does.
    """
    spelled = ""
    for step in steps:
        if step.startswith("["):
            spelled += step
            index = step[1:-1]
            if isinstance(raw, list) and raw:
                raw = raw[int(index)] if index.isdigit() and int(index) < len(raw) else raw[0]
            continue
        while isinstance(raw, dict):
            names = {str(name).lower(): str(name) for name in raw}
            for other, usual in _OTHER_NAMES.items():
                if other in names:
                    names.setdefault(usual, names[other])
            outer = step if step != "typepropertiestype" or step in names else ""
            if outer in names and (raw[names[outer]] not in _EMPTY or "properties" not in names):
                spelled += f".{names[outer]}"
                raw = raw[names[outer]]
                break
            if "properties" not in names:
                spelled += f".{step}"
                raw = None
                break
            spelled += f".{names['properties']}"
            raw = raw[names["properties"]]
            step = "type" if step == "typepropertiestype" else step
        else:
            spelled += f".{step}"
            raw = None
    return spelled.lstrip("."), raw


UNKNOWN: Final = Reading(None)
_CUT: Final = "a template expression or a value that was cut off stands there"


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


# A place to look into: a record, the path down to a body inside it, and that body.
_Place = tuple[Record, str, Body]


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
        self._of_vm = [plan for plan in plans if plan.fact.grain == "vm"]
        self._of_disk = [plan for plan in plans if plan.fact.grain == "disk"]
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
        readings = {}
        for plan in self._of_vm:
            if plan.derive is None:
                readings[plan.fact.id] = plan.read(places, answered)
            else:
                readings[plan.fact.id] = plan.derive(vm, self._systems)
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
        readings = {}
        for plan in self._of_disk:
            if plan.derive_disk is None:
                readings[plan.fact.id] = plan.read(places, answered)
            else:
                readings[plan.fact.id] = plan.derive_disk(disk)
        return DiskFacts(disk, readings)

    def _answered(self, records: Iterable[Record]) -> bool:
        """Tell whether a person wrote an answer into a column of any of these records."""
        return any(not self._columns.isdisjoint(record.body) for record in records)


def _whole_records(records: Iterable[Record]) -> list[_Place]:
    return [(record, "", record.body) for record in records]


class _FactPlan:
    """How one fact is read, prepared once."""

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.paths = [
            (kind, tuple(path.lower().replace("[]", ".[]").split("."))) for kind, path in fact.paths
        ]
        self.canonical = {value.lower(): value for value in fact.allowed_values}
        derived = fact.reading == "derived"
        self.derive = _VM_DERIVATIONS.get(fact.id) if derived else None
        self.derive_disk = _DISK_DERIVATIONS.get(fact.id) if derived else None
        self.column = fact.id if "_" in fact.id else f"fact_{fact.id}"
        self.absence: str | int = (
            int(fact.absence) if fact.type == "integer" and fact.absence else fact.absence
        )

    def read(self, places: Mapping[str, Sequence[_Place]], answered: bool) -> Reading:
        """Read the fact where it shows first; an answer in a column comes next."""
        blocked: Reading | None = None
        for kind, path in self.paths:
            found: Reading | None = None
            for record, prefix, body in places.get(kind, ()):
                value = look(body, path)
                if value is MISSING:
                    continue
                reading = self._reading(value, record, _join_path(prefix, path))
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
                if value not in _EMPTY:
                    return self._reading(value, record, self.column)
        return None

    def _absent(self, places: Mapping[str, Sequence[_Place]]) -> Reading:
        """Take the documented default, if a full record of the first kind leaves it out."""
        if self.absence != "" and self.paths:
            for record, _, _ in places.get(self.paths[0][0], ()):
                if record.full:
                    return Reading(self.absence, "absent", record)
        return UNKNOWN


def _join_path(prefix: str, path: Sequence[str]) -> str:
    return f"{prefix}.{'.'.join(path)}" if prefix else ".".join(path)


def _both(first: Reading, second: Reading) -> Reading:
    """Put together what two records of the same thing tell."""
    if second.value == first.value and not first.options:
        return first
    why = f"records disagree: {first.shown!r} and {second.shown!r}"
    told = (*(first.options or (first.value,)), second.value)
    # One of these is true; if a record shows what cannot be read, anything may be.
    options = () if None in told else tuple(dict.fromkeys(told))
    return second._replace(value=None, how="unknown", why=why, options=options)


# --------------------------------------------------------------------------- derived facts


def _full(vm: Vm) -> Record | None:
    return next((record for record in vm.records if record.full), None)


_Shown = tuple[Json, Record | None, str]
_NOTHING: Final[_Shown] = (MISSING, None, "")


def _shown(places: Iterable[_Place], *path: str) -> _Shown:
    """Give the first value at a path, with its record and place."""
    cut = _NOTHING
    for record, prefix, body in places:
        value = look(body, path)
        if value is UNREADABLE:
            cut = (UNREADABLE, record, _join_path(prefix, path))
        elif value is not MISSING:
            return value, record, _join_path(prefix, path)
    return cut


def _told(records: Iterable[Record], *path: str) -> _Shown:
    """Give the first value at a path of these records, with its record and place."""
    cut = _NOTHING
    for record in records:
        value = look(record.body, path)
        if value is UNREADABLE:
            cut = (UNREADABLE, record, ".".join(path))
        elif value is not MISSING:
            return value, record, ".".join(path)
    return cut


def _os_disk(vm: Vm) -> Disk | None:
    return next((disk for disk in vm.disks if disk.role == "os" and disk.listed), None)


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
        return Reading(None, "unknown", found, at, None, _CUT)
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
            name = _SIZE_NAME.fullmatch(value.upper())
            if name is None:
                return None, found, at, value
            parts = {part: text or "" for part, text in name.groupdict().items()}
            return {**parts, "features": parts["features"].lower()}, found, at, value
    return None, None, "", None


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
    return record.full and not {"tenantid", "extended", _METADATA} & record.body.keys()


def _extensions(vm: Vm, _: _OperatingSystems) -> Reading:
    for record in vm.related.get("extension", ()):
        return Reading("yes", "read", record, "id", record.body.get("id"))
    for path in (("resources",), ("instanceview", "extensions")):
        value, found, at = _told(vm.records, *path)
        if isinstance(value, list):
            return Reading("yes", "read", found, at, f"{len(value)} listed")
    full = next((record for record in vm.records if _lists_extensions(record)), None)
    return Reading("no", "absent", full) if full else UNKNOWN


_ADE_TYPES: Final = ("azurediskencryption", "azurediskencryptionforlinux")


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
        if str(named).lower().rpartition(".")[2] in _ADE_TYPES:
            return Reading("yes", "read", record, at, named)
        if str(body.get("publisher") or "") == "" and last_part(record.key) in _ADE_TYPES:
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


# PowerShell gives an enumeration as its number.
_FAMILY_NUMBERS: Final = {0: "Windows", 1: "Linux"}


def _os_family(vm: Vm, systems: _OperatingSystems) -> Reading:
    os_disk = _os_disk(vm)
    value, found, at = _NOTHING
    if os_disk is not None:
        value, found, at = _shown(os_disk.attachments, "ostype")
        if found is None:
            value, found, at = _told(os_disk.records, "ostype")
    if type(value) is int and value in _FAMILY_NUMBERS:
        return Reading(_FAMILY_NUMBERS[value], "read", found, at, value)
    for family in ("Windows", "Linux"):
        if str(value).lower() == family.lower():
            return Reading(family, "read", found, at, value)
    for family, profile in (("Windows", "windowsconfiguration"), ("Linux", "linuxconfiguration")):
        value, found, at = _told(vm.records, "osprofile", profile)
        if isinstance(value, dict):
            return Reading(family, "read", found, at, "given")
    system = systems.find(vm)
    if system.value is not None:
        return system._replace(value=systems.family[str(system.value)])
    return systems.family_of_image(vm)


def _operating_system(vm: Vm, systems: _OperatingSystems) -> Reading:
    return systems.find(vm)


def _extended_security_updates(vm: Vm, systems: _OperatingSystems) -> Reading:
    """Tell by the calendar where the dates settle it, however the article is read."""
    system = systems.find(vm)
    support, updates = systems.ends.get(str(system.value), ("", ""))
    if support and systems.today <= support:
        return system._replace(value="not_reached")
    if updates and systems.today > updates:
        return system._replace(value="reached")
    answer, record, at = _told(vm.records, "extended_security_updates")
    for value in ("reached", "not_reached"):
        if str(answer).lower() == value:
            return Reading(value, "read", record, at, answer)
    return UNKNOWN


class _OperatingSystems:
    """Names the operating system by the patterns of the table ``operating_systems``."""

    def __init__(self, matrix: Matrix) -> None:
        self.today = matrix.as_of.isoformat()
        self.ends = {
            row.id: (row["support_ends"], row["security_updates_end"])
            for row in matrix.table("operating_systems")
        }
        self.family: dict[str, str] = {}
        self._images: list[tuple[int, str, tuple[str, ...]]] = []
        self._names: list[tuple[int, str, tuple[str, ...]]] = []
        for row in matrix.table("operating_systems"):
            self.family[row.id] = row["family"]
            rank = int(row["precedence"])
            for column, target in (
                ("image_patterns", self._images),
                ("os_name_patterns", self._names),
            ):
                for pattern in row.members(column):
                    target.append((rank, row.id, tuple(pattern.lower().split(":"))))
        self._seen: dict[tuple[str, ...], tuple[str, ...]] = {}

    def _matches(
        self, patterns: list[tuple[int, str, tuple[str, ...]]], shown: tuple[str, ...]
    ) -> tuple[str, ...]:
        mark = (str(patterns is self._images), *shown)
        if mark not in self._seen:
            found = [
                (rank, name)
                for rank, name, parts in patterns
                if all(
                    part == "*" or (text and fnmatchcase(text, part))
                    for text, part in zip(shown, parts, strict=False)
                )
            ]
            best = max((rank for rank, _ in found), default=0)
            names = dict.fromkeys(name for rank, name in found if rank == best)
            self._seen[mark] = tuple(names)
        return self._seen[mark]

    def find(self, vm: Vm) -> Reading:
        """Find the one row that what is shown points to; the guest's own word comes first."""
        for view in (("instanceview",), ("extended", "instanceview")):
            told = [one for record in vm.records if (one := self._of_view(record, view))]
            if told:
                return reduce(_both, told)
        told = [one for record in vm.records if (one := self._of_image(record))]
        if told:
            return reduce(_both, told)
        os_disk = _os_disk(vm)
        return self._of_os_disk(os_disk) if os_disk else UNKNOWN

    def _of_view(self, record: Record, view: tuple[str, ...]) -> Reading | None:
        name = look(record.body, (*view, "osname"))
        if not isinstance(name, str):
            return None
        version = look(record.body, (*view, "osversion"))
        shown = (name.lower(), version.lower() if isinstance(version, str) else "")
        return self._reading(self._names, shown, record, ".".join((*view, "osname")), name)

    def _of_image(self, record: Record) -> Reading | None:
        image = look(record.body, ("storageprofile", "imagereference"))
        at = "storageprofile.imagereference"
        if image is UNREADABLE:
            return Reading(None, "unknown", record, at, None, _CUT)
        parts = [look(image, (part,)) for part in ("publisher", "offer", "sku")]
        if parts[0] is MISSING:
            return None
        texts = tuple(part.lower() if isinstance(part, str) else "" for part in parts)
        if not texts[0]:
            return Reading(None, "unknown", record, at, None, _CUT)
        return self._reading(self._images, texts, record, at, ":".join(texts))

    def family_of_image(self, vm: Vm) -> Reading:
        """Find the family that every release agrees on which the image may be of.

        A template names the publisher and leaves the release to a parameter.
        """
        image = ("storageprofile", "imagereference")
        urn = [_told(vm.records, *image, part) for part in ("publisher", "offer", "sku")]
        texts = [value.lower() if isinstance(value, str) else "" for value, _, _ in urn]
        shown = {str(look(record.body, (*image, "publisher"))).lower() for record in vm.records}
        if not texts[0] or shown - {texts[0], str(MISSING).lower()}:
            return UNKNOWN
        families = {
            self.family[name]
            for _, name, parts in self._images
            if all(
                not text or part == "*" or fnmatchcase(text, part)
                for text, part in zip(texts, parts, strict=False)
            )
        }
        if len(families) != 1:
            return UNKNOWN
        return Reading(families.pop(), "read", urn[0][1], ".".join(image), ":".join(texts))

    def _of_os_disk(self, disk: Disk) -> Reading:
        parts = ("publisher", "product", "name")
        plan = [_told(disk.records, "purchaseplan", part) for part in parts]
        if isinstance(plan[0][0], str):
            texts = tuple(value.lower() if isinstance(value, str) else "" for value, _, _ in plan)
            reading = self._reading(
                self._images, texts, plan[0][1], "purchaseplan", ":".join(texts)
            )
            if reading.value is not None:
                return reading
        value, record, at = _told(disk.records, "creationdata", "imagereference", "id")
        if isinstance(value, str):
            steps = value.lower().split("/")
            named = dict(zip(steps[1::2], steps[2::2], strict=False))
            texts = tuple(named.get(part, "") for part in ("publishers", "offers", "skus"))
            if texts[0]:
                return self._reading(self._images, texts, record, at, ":".join(texts))
        return UNKNOWN

    def _reading(
        self,
        patterns: list[tuple[int, str, tuple[str, ...]]],
        shown: tuple[str, ...],
        record: Record | None,
        at: str,
        text: str,
    ) -> Reading:
        found = self._matches(patterns, shown)
        if len(found) == 1:
            return Reading(found[0], "read", record, at, text)
        if found:
            why = f"{text!r} fits several rows of operating_systems: {', '.join(found)}"
        else:
            why = f"no row of operating_systems knows {text!r}"
        return Reading(None, "unknown", record, at, text, why, options=found)


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
    copied, _, _ = _told(disk.records, "creationdata", "createoption")
    system, found, at = _told(disk.records, "ostype")
    generation, _, _ = _told(disk.records, "hypervgeneration")
    suspicious = str(copied).lower() in ("copy", "restore") and str(generation).upper() == "V2"
    if disk.role == "data" and isinstance(system, str) and suspicious:
        why = "the disk is a copy of a generation 2 OS disk; whether of a trusted launch VM is open"
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
    "extended_security_updates": _extended_security_updates,
    "extensions": _extensions,
    "image_source": _image_source,
    "operating_system": _operating_system,
    "os_family": _os_family,
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


# --------------------------------------------------------------------------- groups

_GROUP_PATHS: Final = {
    "availability_set": ("availabilityset", "id"),
    "flexible_scale_set": ("virtualmachinescaleset", "id"),
}


def vm_groups(inventory: Inventory) -> dict[tuple[str, str], tuple[Vm, ...]]:
    """Gather the VMs that are protected together, by kind and lower-cased id of their group."""
    groups: dict[tuple[str, str], tuple[Vm, ...]] = {}
    for vm in inventory.vms:
        for kind, path in _GROUP_PATHS.items():
            key = key_of(_told(vm.records, *path)[0])
            if key.startswith("/"):
                groups[kind, key] = (*groups.get((kind, key), ()), vm)
    return groups


def listed_members(inventory: Inventory, group_key: str) -> tuple[str, ...] | None:
    """Give the ids of the VMs that the record of a group lists, or None if no record does."""
    for record in inventory.records:
        if record.key == group_key:
            members = look(record.body, ("virtualmachines", "[]", "id"))
            if isinstance(members, list):
                return tuple(str(one) for one in members)
    return None


# --------------------------------------------------------------------------- restore points


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """One restore point of a VM, as a collection or a record of its own shows it."""

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
    return same and region(_text(collection.body, "location")) == region(vm.location)


def region(name: str) -> str:
    """Give a region in the one spelling: ``West Europe`` and ``westeurope`` are the same."""
    return name.replace(" ", "").lower()


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
