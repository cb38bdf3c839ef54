"""Records of Azure's JSON in all its shapes, brought to one form.

Whatever the client, a record is brought to one form at the door: keys in lower case, what a
``properties`` object holds moved up beside ``id``, ``name`` and ``type``. Records are recognised
by what they are. Every candidate becomes a :class:`Record` or a :class:`Problem`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeVar

from rpmatrix.inventory import templates as arm_templates
from rpmatrix.inventory import terraform
from rpmatrix.inventory.names import (
    COMMON_NAMES,
    FLAT_NAMES,
    Path,
    fact_like,
    has_bearing,
    plain_name,
)
from rpmatrix.inventory.texts import Body, Json, holds_json, parse_json, read_text
from rpmatrix.inventory.vm_kinds import uncovered_vm


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
    unread : tuple of (str, str)
        Keys that no reader knows, each after the id of the fact that it seems to be about.
    """

    kind: str
    key: str
    body: Body
    raw: Json
    file: str
    pointer: str
    full: bool = False
    unread: tuple[tuple[str, str], ...] = ()


# --------------------------------------------------------------------------- small helpers

T = TypeVar("T")

EMPTY: Final[tuple[Json, ...]] = (None, "", [], {})


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


def is_placeholder(resource_id: str) -> bool:
    """Tell an id of which a part is not known yet: braces stand for it."""
    return resource_id.startswith("/") and "{" in resource_id


@lru_cache(maxsize=4096)
def id_parts(resource_id: str) -> Mapping[str, str]:
    """Read subscription, resource group, resource type and names out of a resource id."""
    parts = resource_id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    found: dict[str, str] = {}
    for name, mark in (("subscription_id", "subscriptions"), ("resource_group", "resourcegroups")):
        if mark in lowered[:-1]:
            found[name] = parts[lowered.index(mark) + 1]
    rest = _after_providers(lowered)
    if kind := _resource_type(rest):
        found["type"] = kind
        found["parent"] = "/" + "/".join(lowered[:-2]) if len(rest) > 3 else ""
    return MappingProxyType(found)


def type_of_id(resource_id: str) -> str:
    """Read the resource type out of a resource id, in lower case; empty if it shows none."""
    return _resource_type(_after_providers(resource_id.strip("/").lower().split("/")))


def _after_providers(parts: list[str]) -> list[str]:
    """Give the parts of an id that follow the last ``providers``: a namespace, types and names."""
    if "providers" not in parts:
        return []
    return parts[len(parts) - parts[::-1].index("providers") :]


def _resource_type(parts: list[str]) -> str:
    if len(parts) == 3:
        return f"{parts[0]}/{parts[1]}"
    return "/".join([parts[0], *parts[1::2]]) if len(parts) > 3 and len(parts) % 2 else ""


def key_of(resource_id: Json) -> str:
    """Give a resource id as it is joined by; empty if it is no text."""
    return whole_id(resource_id).lower() if isinstance(resource_id, str) else ""


def whole_id(resource_id: str) -> str:
    """Return a resource id without what people and tools leave around it."""
    return resource_id.strip(AROUND_IDS).rstrip(f"/{AROUND_IDS}")


AROUND_IDS: Final = " \t\r\n\f\v\u00a0\u200b\ufeff'\""


class _Remembered(dict[str, T]):
    """What is made of a text, made once: the keys of a million records are the same few."""

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make

    def __missing__(self, key: str) -> T:
        made = self._make(str(key))
        if type(key) is str and len(self) < _KEYS_REMEMBERED:
            self[key] = made
        return made


# Tags make up keys of their own, without end.
_KEYS_REMEMBERED: Final = 10_000
_NAMES: Final = _Remembered(plain_name)
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


CONFLICT: Final = "[values that contradict each other]"
"""Takes the place of values that contradict each other; like an expression, it is not known."""

# What both levels of a record name, each for itself.
_OF_EACH_LEVEL: Final = frozenset({"type", "name", "id", "location"})


def fold(value: Json) -> Json:
    """Bring a JSON value to the one form: plain names as keys, properties moved up.

    Where both levels use a name, the outer keeps it, unless they contradict each other; the inner
    ``type`` of an extension is kept as ``typepropertiestype``, as Azure CLI spells it.
    """
    if isinstance(value, dict):
        folded = {
            _NAMES[key]: child if child is None or type(child) in _PLAIN else fold(child)
            for key, child in value.items()
        }
        if len(folded) < len(value):
            _merge_spellings(value, folded)
        inner = folded.get("properties")
        if isinstance(inner, dict):
            del folded["properties"]
            if "type" in inner and "type" in folded:
                inner = dict(inner)
                folded.setdefault("typepropertiestype", inner.pop("type"))
            for key, child in inner.items():
                outer = folded.get(key)
                if outer in EMPTY:
                    folded[key] = child
                elif contradict(outer, child) and key not in _OF_EACH_LEVEL:
                    folded[key] = CONFLICT
        return folded
    if isinstance(value, list):
        return [child if type(child) in _PLAIN else fold(child) for child in value]
    return value


def _merge_spellings(value: Body, folded: Body) -> None:
    """Give each name that is spelled in several ways the one value that is given, if they agree."""
    for key, child in value.items():
        name = _NAMES[key]
        if child in EMPTY:
            continue
        if folded[name] in EMPTY:
            folded[name] = fold(child)
        elif folded[name] != fold(child):
            folded[name] = CONFLICT


def contradict(first: Json, second: Json) -> bool:
    """Return whether two values are given and differ by more than letter case."""
    if first in EMPTY or second in EMPTY or isinstance(first, (dict, list)):
        return False
    if isinstance(second, (dict, list)):
        return False
    return str(first).strip().lower() != str(second).strip().lower()


def look(body: Json, path: Sequence[str]) -> Json:
    """Follow a path of lower-case keys; ``[]`` gathers the members of a list.

    Returns
    -------
    The value; ``MISSING`` if a full record would leave it out; ``UNREADABLE`` if something
    stands there that is not known yet or was cut off.
    """
    steps = iter(path)
    for key in steps:
        if isinstance(body, dict):
            outer = body
            body = body.get(key)
            if body is None:
                return UNREADABLE if key == "[]" and outer else MISSING
        elif isinstance(body, list) and key == "[]":
            rest = tuple(steps)
            found = [look(member, rest) for member in body]
            return [member for member in found if member is not MISSING] or MISSING
        else:
            return MISSING if body is None or body is MISSING or body in EMPTY else UNREADABLE
    if isinstance(body, str):
        if not body or body.isspace():
            return MISSING
        return UNREADABLE if body[0] == "[" and is_expression(body) else body
    return MISSING if body is None or body in EMPTY else body


def region(name: str) -> str:
    """Give a region in the one spelling: ``West Europe`` and ``westeurope`` are the same."""
    return name.replace(" ", "").lower()


def follow(raw: Json, steps: Sequence[str]) -> tuple[str, Json]:
    """Follow a path of the one form through a record as it was given.

    Returns
    -------
    The path as the record spells it, and what stands there; None if nothing does.
    """
    given = raw
    spelled = ""
    for step in steps:
        if step.startswith("["):
            spelled += step
            index = step[1:-1]
            if isinstance(raw, list) and raw:
                raw = raw[int(index)] if index.isdigit() and int(index) < len(raw) else raw[0]
            continue
        while isinstance(raw, dict):
            names = _shape(raw).usual
            outer = step if step != "typepropertiestype" or step in names else ""
            if outer in names and (raw[names[outer]] not in EMPTY or "properties" not in names):
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
    spelled = spelled.lstrip(".")
    if isinstance(given, terraform.Translated):
        spelled = given.origin(steps, spelled)
    elif isinstance(given, arm_templates.Expanded):
        written = follow(given.given, steps)[1]
        spelled += f" = {written}" if is_expression(written) else ""
    return spelled, raw


def text_at(body: Body, *path: str) -> str:
    """Give the text at a path of lower-case keys; empty if none stands there."""
    value = look(body, path)
    return value if isinstance(value, str) else ""


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


def kind_of(body: Body) -> str | None:
    """Recognise a record by what it is; the id is a better witness than the type."""
    resource_id = body.get("id")
    by_id = type_of_id(resource_id) if isinstance(resource_id, str) else ""
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
        sized = _names(body, "hardwareprofile", "vmsize") or _names(body, "sku", "name")
        return sized and isinstance(look(body, ("storageprofile", "osdisk")), dict)
    if kind == "disk":
        return _names(body, "sku", "name") and isinstance(look(body, ("creationdata",)), dict)
    return True


def _names(body: Body, outer: str, inner: str) -> bool:
    """Return whether an object holds a text, which may be a template expression."""
    holder = body.get(outer)
    if not isinstance(holder, dict):
        return False
    name = holder.get(inner)
    return isinstance(name, str) and bool(name.strip()) and name != CONFLICT


# Where recorders of HTTP traffic put the answer and the request.
_EXCHANGES: Final = (("responsebody", "requestbody"), ("response", "request"))
# What clients and recorders wrap around records.
_ENVELOPES: Final = (
    *("value", "data", "content", "body", "entries", "interactions", "httpinteractions"),
    "compute",
)


class Collector:
    """Gathers the records of all inputs; every candidate becomes a record or a problem."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        # Keys that were not read and may bear on a verdict, by file and kind of record.
        self.unread: dict[tuple[str, str], set[str]] = {}
        self.file = ""
        self._templates: list[tuple[str, Body, str, int]] = []
        self._parameters: list[tuple[str, Mapping[str, Json]]] = []

    def note(self, text: str) -> None:
        """Remember, once, what a reader of this file should know."""
        note = f"{self.file}: {text}"
        if note not in self.notes:
            self.notes.append(note)

    def fail(self, pointer: str, message: str, path: str = "") -> None:
        """List what was not understood."""
        self.problems.append(Problem(self.file, pointer, path, message))

    def take_text(self, text: str) -> None:
        """Take all records out of a text, and list what it holds besides."""
        found = read_text(text)
        first = len(self.records)
        values = found.values
        if len(values) > 1:
            # Resources one after the other are those of one plan or state.
            parts = [value for _, value, _ in values if terraform.is_resource(value)]
            values = [one for one in values if not terraform.is_resource(one[1])]
            values += [("", parts, False)] if parts else []
        for place, value, projected in values:
            self.take(value, place, projected)
        self._drop_fragments(first)
        for place, message in found.faults:
            self.fail(place, message)
        for note in found.notes:
            self.note(note)

    def _drop_fragments(self, first: int) -> None:
        """List pieces of a VM that name none as problems, if there is a VM with a name."""
        given = [record for record in self.records[first:] if record.kind == "vm"]
        pieces = {record for record in given if record.body.keys() <= _PARTS_OF_VMS}
        if len(pieces) == len(given):
            return
        self.records[first:] = [record for record in self.records[first:] if record not in pieces]
        for record in pieces:
            self.fail(record.pointer, "a piece of a VM that names no VM; give the whole record")

    def take(self, value: Json, at: str, projected: bool = False) -> None:
        """Take all records out of a value, however deep the value is."""
        try:
            self.unwrap(value, at, projected)
        except RecursionError:
            self.fail(at[:80], "nested too deeply to be a record; save the output again")

    def unwrap(self, value: Json, at: str, projected: bool = False) -> None:
        """Open lists and envelopes until a record is reached."""
        if terraform.is_document(value):
            self._terraform(value, at)
        elif isinstance(value, list):
            for position, child in enumerate(value):
                self.take(child, f"{at}/{position}", projected)
        elif holds_json(value):
            try:
                inner = parse_json(value)
            except ValueError:
                self.fail(at, "a text stands where a record should; export the data again")
            else:
                self.unwrap(inner, at, projected)
        elif isinstance(value, dict):
            if not self._open(value, _shape(value).spelled, at, projected):
                self._record(value, at, projected)
        else:
            self.fail(at, f"not a record but {brief(value)}; leave it out")

    def _terraform(self, document: Json, at: str) -> None:
        """Take the resources of a plan or a state of Terraform."""
        translation = terraform.translate(document)
        for address, body, kind, projected in translation.entries:
            place = f"{at}/{address}" if at else address
            if kind and not self._is_uncovered(body, place):
                key = key_of(body["id"])
                self.records.append(Record(kind, key, fold(body), body, self.file, place))
            elif not kind:
                self.unwrap(body, place, projected)
        for address, message in translation.faults:
            self.fail(f"{at}/{address}" if at and address else at or address, message)
        for note in translation.notes:
            self.note(note)

    def _open(self, value: Body, names: Mapping[str, str], at: str, projected: bool) -> bool:
        def child(name: str) -> Json:
            return value[names[name]] if name in names else None

        def step(name: str) -> str:
            return f"{at}/{names[name]}"

        if _is_template(value, names):
            self._note_beside("resources", value, names)
            self._templates.append((self.file, value, at, len(self.records)))
            return True
        if (given := arm_templates.parameter_values(value)) is not None:
            self._parameters.append((self.file, given))
            return True
        if (found := arm_templates.what_if_changes(value)) is not None:
            self._what_if(*found, at)
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
            if plain and (isinstance(inner, (list, dict)) or holds_json(inner)):
                self.unwrap(inner, step(name), projected)
                self._pages(value, names, inner)
                self._note_beside(name, value, names)
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
        names = _shape(template).spelled
        if not _is_template(template, names):
            return False
        given = arm_templates.parameter_values(
            {"parameters": inner.get("parameters"), "$schema": "deploymentParameters"}
        )
        if given and template is not inner:
            self._expand(self.file, template, at, given)
        else:
            self._templates.append((self.file, template, at, len(self.records)))
        return True

    def _bundle(self, value: Body, at: str, projected: bool) -> bool:
        """Open an object that only names lists or records, such as ``{"vms": […]}``."""
        if kind_of(_one_form(value)):
            return False
        named = {key: child for key, child in value.items() if isinstance(child, (list, dict))}
        members = [
            one
            for child in named.values()
            for one in (child if isinstance(child, list) else [child])
        ]
        if not all(isinstance(one, dict) and kind_of(_one_form(one)) for one in members):
            return False
        for key, child in named.items():
            self.unwrap(child, f"{at}/{key}", projected)
        return bool(named)

    def _note_beside(self, read: str, value: Body, names: Mapping[str, str]) -> None:
        """List keys beside those that were read that seem to be about a fact."""
        found = [
            key
            for name, key in names.items()
            if name != read and value[key] not in EMPTY and fact_like(plain_name(key))
        ]
        if found:
            self.note(f"not read beside {names[read]}: {', '.join(sorted(found))}")

    def _pages(self, value: Body, names: Mapping[str, str], inner: Json) -> None:
        for note in pages_left(value, names, len(inner) if isinstance(inner, list) else None):
            self.note(note)

    def finish(self) -> None:
        """Expand the templates that were met, each with the parameters file that belongs to it."""
        templates, self._templates = self._templates, []
        others, self.records, done = self.records, [], 0
        for file, template, at, place in templates:
            # What a template holds stands where the template was met, among the other records.
            self.records += others[done:place]
            done = place
            self._expand(file, template, at, self._parameters_of(file, len(templates)))
        self.records += others[done:]

    def _parameters_of(self, file: str, templates: int) -> Mapping[str, Json]:
        """Find the parameters file of a template: the only one there is, or that of its name."""
        if len(self._parameters) == templates == 1:
            return self._parameters[0][1]
        stem = _stem(file)
        named = [given for name, given in self._parameters if _stem(name) == stem]
        return named[0] if len(named) == 1 else {}

    def _expand(self, file: str, template: Body, at: str, given: Mapping[str, Json]) -> None:
        self.file = file
        expansion = arm_templates.expand(template, at, given)
        for place, resource in expansion.resources:
            self._record(resource, place)
        for place, message in expansion.faults:
            self.fail(place, message)
        for note in expansion.notes:
            self.note(note)

    def _what_if(self, changes: Sequence[Body], inside: str, at: str) -> None:
        """Take the state that a deployment would leave."""
        for position, change in enumerate(changes):
            here = f"{at}/{inside}/{position}"
            resource, why = arm_templates.state_after(change)
            if resource is not None:
                self._record(resource, here)
            elif why:
                self.fail(here, why)
            else:
                self.note(f"{here} is deleted by the deployment, and was left out")

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
            if holds_json(content):
                try:
                    content = parse_json(content)
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
        shape = _shape(raw)
        key = shape.spelled.get("properties")
        text = raw[key] if key else None
        if key and isinstance(text, str) and text[:1] == "{":
            try:
                source = {**raw, key: parse_json(text)}
            except ValueError:
                self.fail(at, "the column is not whole JSON; export the table again", key)
                return
        body = _one_form(source)
        kind = kind_of(body)
        if kind is None:
            shown = ", ".join(map(str, list(raw)[:6])) or "nothing"
            self.fail(at, f"not a resource that is known here; it holds {shown[:200]}")
            return
        if kind == "other" and self._is_uncovered(body, at):
            return
        flat = _place_flat_names(kind, body)
        projected = projected or shape.names_paths or flat or not _tells_security(body)
        joined_by = key_of(body.get("id"))
        if not joined_by.startswith("/"):
            joined_by = f"{self.file}#{at or '/'}"
        full = _is_full(kind, body, projected)
        unread = self._note_unread(kind, source, body, flat or "properties" not in shape.spelled)
        self.records.append(
            Record(kind, joined_by, body, source, self.file, at or "/", full, unread)
        )
        if kind == "scale_set":
            self._instances(body.get("resources"), at)

    def _instances(self, inside: Json, at: str) -> None:
        """Take the instances that the record of a scale set carries inside."""
        for position, instance in enumerate(inside if isinstance(inside, list) else ()):
            if isinstance(instance, dict) and kind_of(instance) == "vm":
                self._record(instance, f"{at}/resources/{position}")

    def _note_unread(
        self, kind: str, source: Body, body: Body, is_row: bool
    ) -> tuple[tuple[str, str], ...]:
        """List keys that were not read and may say something of a fact."""
        if kind not in NAMES_READ:
            return ()
        found = dict(_unread(kind, source, body, is_row))
        if not found:
            return ()
        self.unread.setdefault((self.file, kind), set()).update(found)
        return tuple((fact_id, key) for key, fact_id in found.items() if fact_id)

    def _is_uncovered(self, body: Body, at: str) -> bool:
        """Tell a VM of a kind that is not covered, which becomes a problem."""
        by_id, by_type = body.get("id"), body.get("type")
        kinds = [type_of_id(by_id) if isinstance(by_id, str) else "", by_type]
        found = (uncovered_vm(kind) for kind in kinds if isinstance(kind, str) and kind)
        uncovered = next(filter(None, found), None)
        if uncovered is None:
            return False
        name = body.get("name") or last_part(by_id if isinstance(by_id, str) else "")
        named = f" ({name})" if isinstance(name, str) and name else ""
        title, remedy = uncovered
        self.fail(at, f"this kind of VM is not covered: {title}{named}. {remedy}")
        return True


def notes_on_unread(unread: Mapping[tuple[str, str], Iterable[str]]) -> Iterator[str]:
    """Yield a note for each file and kind of record in which keys were not read."""
    for (file, kind), keys in unread.items():
        listed = ", ".join(sorted(keys))
        yield f"{file}: not read in records of a {kind.replace('_', ' ')}: {listed}"


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
    spelled = next((names[name] for name in ("totalrecords", "total_records") if name in names), "")
    total = value[spelled] if spelled else None
    if isinstance(total, int) and shown is not None and total > shown:
        yield f"the query found {total} records and this answer holds {shown}"


def _one_form(source: Body) -> Body:
    """Bring a whole record to the one form, whichever client named its parts."""
    body: Body = fold(_nest(source) if _shape(source).names_paths else source)
    give_usual_names(body)
    if isinstance(resource_id := body.get("id"), str):
        body["id"] = whole_id(resource_id)
    if METADATA in body:
        _from_metadata(body)
    return body


def _is_path(key: str) -> bool:
    """Tell a column that names a path: ``properties_storageProfile`` or with dots."""
    lowered = key.lower()
    return lowered.startswith("properties_") or (
        "." in key and not lowered.startswith(("@", "odata", "tags.", "tag."))
    )


def _nest(source: Body) -> Body:
    """Build objects out of columns that name a path."""
    nested: Body = {}
    for key, value in source.items():
        name = str(key)
        if not _is_path(name):
            parts = [name]
        elif "." in name:
            parts = name.strip(" .").split(".")
        else:
            parts = name.strip(" _").split("_")
        if parts[0].lower() == "properties" and len(parts) > 1:
            parts = parts[1:]
        target = nested
        for part in parts[:-1]:
            inner = target.setdefault(_as_written_before(part, target), {})
            target = inner if isinstance(inner, dict) else {}
        last = _as_written_before(parts[-1], target)
        if contradict(target.get(last), value):
            target[last] = CONFLICT
        elif value not in EMPTY or last not in target:
            target[last] = value
    return nested


def _as_written_before(name: str, target: Body) -> str:
    """Return the key of an object that has a name in other letters, or the name itself."""
    if name in target:
        return name
    plain = plain_name(name)
    return next((key for key in target if plain_name(key) == plain), name)


# --------------------------------------------------------------------------- flat names

# Objects that some tools put at the top of a record instead of into its storage profile.
_OBJECTS: Final = frozenset({"image", "imagereference", "osdisk", "datadisks"})


def _place_flat_names(kind: str, body: Body) -> bool:
    """Put what a tool has flattened where Azure keeps it; return whether there was any of that."""
    found = _placed(_flat_keys(kind, body), body) if kind in ("vm", "disk") else False
    storage = body.get("storageprofile")
    if kind != "vm" or not isinstance(storage, dict):
        return found
    image = storage.get("imagereference")
    if isinstance(image, str) and not is_expression(image):
        storage["imagereference"] = _image_of(image)
    data_disks = storage.get("datadisks")
    if isinstance(data_disks, dict) and {"lun", "manageddisk", "createoption"} & data_disks.keys():
        # PowerShell writes a list of one member as the member.
        data_disks = storage["datadisks"] = [data_disks]
    attached = [*(data_disks if isinstance(data_disks, list) else ()), storage.get("osdisk")]
    for disk in attached:
        if isinstance(disk, dict):
            found = _placed(_flat_keys("attachment", disk), disk) or found
    return found


def _flat_keys(kind: str, body: Body) -> tuple[tuple[str, Path], ...]:
    """Return the keys of an object that lead elsewhere, and where; worked out once for a shape."""
    keys = (kind, *body)
    found = _FLAT.get(keys)
    if found is None:
        known = FLAT_NAMES[kind]
        found = tuple((key, known[key]) for key in body if key in known)
        found = tuple((key, path) for key, path in found if path != (key,))
        if len(_FLAT) >= _SHAPES_REMEMBERED:
            _FLAT.clear()
        _FLAT[keys] = found
    return found


_FLAT: Final[dict[tuple[str, ...], tuple[tuple[str, Path], ...]]] = {}


def flat_key(record: Record, steps: Sequence[str]) -> str:
    """Return the key under which a tool has put, flattened, what stands at a path; else nothing."""
    path = tuple(step for step in steps if not step.startswith("["))
    for kind in (record.kind, "attachment"):
        for name, leads_to in FLAT_NAMES.get(kind, {}).items():
            if path[-len(leads_to) :] == leads_to:
                for key in _every_key(record.raw):
                    if plain_name(key) == name:
                        return key
    return ""


def _every_key(value: Json, depth: int = 6) -> Iterator[str]:
    if isinstance(value, dict):
        yield from map(str, value)
    if isinstance(value, (dict, list)) and depth:
        for child in value.values() if isinstance(value, dict) else value:
            yield from _every_key(child, depth - 1)


def _placed(keys: Iterable[tuple[str, Path]], body: Body) -> bool:
    placed = False
    for key, path in keys:
        value = body[key]
        if value in EMPTY or (isinstance(value, (dict, list)) and key not in _OBJECTS):
            continue
        target = body
        for step in path[:-1]:
            inner = target.get(step)
            if inner in EMPTY:
                inner = target[step] = {}
            if not isinstance(inner, dict):
                break
            target = inner
        else:
            known = target.get(path[-1])
            if known in EMPTY:
                target[path[-1]] = value
                placed = True
            elif contradict(known, value):
                target[path[-1]] = CONFLICT
                placed = True
    return placed


def _image_of(text: str) -> Body:
    """Read an image that is named in one text: an id, or publisher, offer, SKU and version."""
    parts = text.strip().split(":")
    if text.strip().startswith("/"):
        return {"id": text.strip()}
    if len(parts) in (3, 4):
        return dict(zip(("publisher", "offer", "sku", "version"), parts, strict=False))
    return {"offer": text}


# --------------------------------------------------------------------------- what was not read

# A piece of a record that names no VM, as documentation shows it.
_PARTS_OF_VMS: Final = frozenset(
    ("storageprofile", "hardwareprofile", "osprofile", "networkprofile", "securityprofile")
)


# What readers look at in each object of a record, besides the last steps of flat names. Names at
# which Azure keeps something else than they seem to say are here, too, so that nobody is alarmed.
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMES_READ: Final[Mapping[str, frozenset[str]]] = {
    "vm": _words(
        """
        id name type location sku plan identity tags zones kind tenantid resources extended
        instanceview availabilityset hardwareprofile host hostgroup licensetype networkprofile
        osprofile priority proximityplacementgroup resiliencyprofile securityprofile storageprofile
        virtualmachinescaleset vmsize instanceid vmid azenvironment vmscalesetname publisher
        apiversion billingprofile extensionstimebudget applicationprofile capacityreservation
        scheduledeventsprofile scheduledeventspolicy systemdata dependson condition copy scale
        """
    ),
    "disk": _words(
        """
        id name type location sku managedby managedbyextended maxshares shareinfo creationdata
        encryption encryptionsettingscollection networkaccesspolicy diskaccessid ostype
        hypervgeneration securityprofile purchaseplan publicnetworkaccess supportedcapabilities
        tags zones apiversion supportshibernation lastownershipupdatetime readonly dependson
        condition copy scale systemdata dataaccessauthmode optimizedforfrequentattach
        """
    ),
    "attachment": _words(
        """
        lun name caching createoption manageddisk vhd image diffdisksettings encryptionsettings
        ostype writeacceleratorenabled disksizegb deleteoption tobedetached detachoption
        sourceresource diskiopsreadwrite diskmbpsreadwrite isshareddisk isultradisk
        """
    ),
    "storageprofile": _words("osdisk datadisks imagereference diskcontrollertype"),
    "manageddisk": _words("id storageaccounttype diskencryptionset securityprofile resourcegroup"),
    "securityprofile": _words(
        """
        securitytype encryptionathost uefisettings encryptionidentity proxyagentsettings
        securityencryptiontype diskencryptionset securevmdiskencryptionsetid
        """
    ),
}


READ_NAMES: Final = frozenset(name for names in NAMES_READ.values() for name in names)
"""Every key that a reader looks at in some object of a record."""


def _unread(kind: str, source: Body, body: Body, is_row: bool) -> Iterator[tuple[str, str]]:
    """Give keys that no reader looked at, each with the fact that it seems to be about."""
    answers = source.keys()
    yield from _unread_keys(kind, body, is_row, answers)
    yield from _unread_keys("securityprofile", body.get("securityprofile"), False, answers)
    storage = body.get("storageprofile") if kind == "vm" else None
    if not isinstance(storage, dict):
        return
    yield from _unread_keys("storageprofile", storage, False, answers)
    data_disks = storage.get("datadisks")
    for disk in (storage.get("osdisk"), *(data_disks if isinstance(data_disks, list) else ())):
        yield from _unread_keys("attachment", disk, False, answers)
        if isinstance(disk, dict):
            yield from _unread_keys("manageddisk", disk.get("manageddisk"), False, answers)


def _unread_keys(
    kind: str, body: Json, is_row: bool, answers: Iterable[str]
) -> Iterator[tuple[str, str]]:
    if not isinstance(body, dict):
        return
    keys = (kind, str(is_row), *body)
    names = _UNREAD.get(keys)
    if names is None:
        names = tuple(_strange_names(kind, body, is_row))
        if len(_UNREAD) >= _SHAPES_REMEMBERED:
            _UNREAD.clear()
        _UNREAD[keys] = names
    for name in names:
        if body[name] not in EMPTY:
            spelled = next((key for key in answers if plain_name(str(key)) == name), name)
            yield str(spelled), fact_like(name)


def _strange_names(kind: str, body: Body, is_row: bool) -> Iterator[str]:
    known = NAMES_READ[kind]
    flat = FLAT_NAMES.get(kind, {})
    for key in body:
        if key in known or key in flat or key in COMMON_NAMES:
            continue
        if fact_like(key) or (is_row and _is_value(body[key]) and has_bearing(key)):
            yield key


_UNREAD: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}


def _is_value(value: Json) -> bool:
    return value is None or type(value) in _PLAIN


def give_usual_names(body: Body) -> None:
    """Give what every record has its usual name."""
    if not _shape(body).named_otherwise:
        return
    for other, usual in COMMON_NAMES.items():
        if other in body and body.get(usual) in EMPTY:
            body[usual] = body[other]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the keys of an object tell, whatever stands under them.

    Attributes
    ----------
    spelled : mapping of str to str
        The keys by their plain names.
    usual : mapping of str to str
        The same, and those that clients name otherwise also by their usual name.
    names_paths, named_otherwise : bool
        Whether a key names a path, or is one that :func:`give_usual_names` replaces.
    """

    spelled: Mapping[str, str]
    usual: Mapping[str, str]
    names_paths: bool
    named_otherwise: bool


_SHAPES: Final[dict[tuple[str, ...], _Shape]] = {}
_SHAPES_REMEMBERED: Final = 2_000


def _shape(value: Mapping[str, Json]) -> _Shape:
    """Tell what the keys of an object tell; worked out once, since records have few shapes."""
    keys = tuple(value)
    known = _SHAPES.get(keys)
    if known is None:
        spelled = {_NAMES[key]: key for key in keys}
        usual = dict(spelled)
        for other, name in COMMON_NAMES.items():
            if other in spelled:
                usual.setdefault(name, spelled[other])
        known = _Shape(
            spelled,
            usual,
            any(_is_path(str(key)) for key in keys),
            not COMMON_NAMES.keys().isdisjoint(spelled),
        )
        if len(_SHAPES) >= _SHAPES_REMEMBERED:
            _SHAPES.clear()
        if all(type(key) is str for key in keys):
            _SHAPES[keys] = known
    return known


# The instance metadata service, which answers inside the guest, names the cloud so.
METADATA: Final = "azenvironment"


def _from_metadata(body: Body) -> None:
    """Give what the instance metadata service tells the names of a VM record."""
    if body.get("vmsize"):
        body.setdefault("hardwareprofile", {"vmsize": body["vmsize"]})
    if body.get("vmscalesetname") and text_at(body, "virtualmachinescaleset", "id") == "":
        # Instances of both kinds of scale set have the name; only a flexible set shows its id.
        body["virtualmachinescaleset"] = {"id": f"[of scale set {body['vmscalesetname']}]"}
    storage = body.setdefault("storageprofile", {})
    if isinstance(storage, dict) and isinstance(body.get("publisher"), str) and body["publisher"]:
        image = storage.get("imagereference")
        if image in EMPTY or (isinstance(image, dict) and not any(image.values())):
            parts = ("publisher", "offer", "sku", "version")
            storage["imagereference"] = {part: body.get(part) for part in parts}


def _tells_security(body: Body) -> bool:
    """Tell whether the absence of a security type means anything: older metadata leave it out."""
    if METADATA not in body:
        return True
    security = body.get("securityprofile")
    return isinstance(security, dict) and "securitytype" in security


def brief(value: Json, length: int = 40) -> str:
    """Write a value as JSON, cut after so many characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= length else f"{text[:length]}..."


def _stem(file: str) -> str:
    """Return what the names of a template and of its parameters file have in common."""
    name = re.split(r"[\\/]", file)[-1].lower()
    return re.sub(r"\.(?:json|jsonc|parameters?|params|template|bicepparam)\b.*$", "", name)


def _is_template(value: Body, names: Mapping[str, str]) -> bool:
    if "resources" not in names or not isinstance(value[names["resources"]], (list, dict)):
        return False
    schema = value[names["$schema"]] if "$schema" in names else ""
    return "contentversion" in names or "deploymenttemplate" in str(schema).lower()


def collect(given: Iterable[tuple[str, str, Json, bool]]) -> Collector:
    """Read values that were found before, with what tells them apart.

    Parameters
    ----------
    given : iterable of tuple
        File, place in the file, the value, and whether it is a row of which columns were chosen.

    Returns
    -------
    Collector
        The records, problems and notes; a value may hold several of each.
    """
    collector = Collector()
    for file, place, value, projected in given:
        collector.file = file
        collector.take(value, place, projected)
    collector.finish()
    return collector
