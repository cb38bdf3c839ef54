"""Facts of many VMs at once, out of Azure's own records.

The ordinary reader of :mod:`rpmatrix.inventory` knows every shape, and reads VMs one by one. Most
records of a large inventory are of a few shapes, though, and differ in little that matters. So:

*   Records are parsed in blocks, by Arrow, and only where facts can show. A record that is written
    in any other way (keys in other letters, values of other types, expressions, a second record of
    the same VM) is *odd*: the ordinary reader reads it, and the VM that it belongs to.
*   What stands at each place becomes a column of codes. A fact is read by the ordinary reader,
    from one VM that looks into the columns; what it looked at is noted, and all VMs that are the
    same there have the same reading. If it looks anywhere else, the VM is odd.

So no shape and no fact is described twice, and a VM is read here or there with the same outcome.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.columns import UNUSABLE, distinct_rows, told
from rpmatrix.facts import FactReader, Reading, VmFacts
from rpmatrix.inventory import ENCRYPTION_SET_PATHS, Vm, join
from rpmatrix.matrix import Fact, Matrix
from rpmatrix.records import (
    MISSING,
    Problem,
    Record,
    id_parts,
    is_expression,
    key_of,
    look,
    records_of,
)
from rpmatrix.sources import BrokenError, Chunk, Source, open_file, read_ordinarily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Numbers = NDArray[Any]

Json = Any


# --------------------------------------------------------------------------- where facts can show


@dataclass
class _Name:
    """A key of a record, in the letters that are usual, and what may stand under it."""

    spellings: tuple[str, ...]
    kind: str = "text"  # text, flag, integer, object, or list of objects
    children: dict[str, _Name] = field(default_factory=dict)

    def field(self) -> list[pa.Field]:
        """Give the Arrow fields to parse it with."""
        return [pa.field(spelling, self.type) for spelling in self.spellings]

    @property
    def type(self) -> pa.DataType:
        """The Arrow type to parse it with."""
        if self.kind in _TYPES:
            return _TYPES[self.kind]
        if self.kind == "list":
            # Members that are resources of their own may keep their properties apart.
            return pa.list_(pa.struct(self.fields(nested="id" in self.children)))
        return pa.struct(self.fields(nested=False))

    def fields(self, *, nested: bool) -> list[pa.Field]:
        """Give the Arrow fields of the object, and of what ``properties`` holds if `nested`.

        Otherwise only the presence of ``properties`` is seen, for there should be none.
        """
        found = [one for child in self.children.values() for one in child.field()]
        trap = pa.field("properties", pa.struct([]))
        inner = pa.field("properties", pa.struct([*found, trap]))
        return [*found, inner if nested else trap]


_TYPES: Final = {"text": pa.string(), "flag": pa.bool_(), "integer": pa.int64()}
_OF_OBJECTS: Final = ("object", "list")


# What the reader joins, names and recognises records by, and parts of objects of which it only
# looks whether they are there. All that facts show at stands in the table of facts.
_STRUCTURE: Final = {
    "vm": (
        *("id", "name", "type", "location", "tenantId", "sku.name", "osProfile.computerName"),
        *("plan.publisher", "plan.product", "plan.name", "hardwareProfile.vmSize"),
        "osProfile.windowsConfiguration.provisionVMAgent",
        "osProfile.windowsConfiguration.enableAutomaticUpdates",
        "osProfile.linuxConfiguration.provisionVMAgent",
        "osProfile.linuxConfiguration.disablePasswordAuthentication",
        *("storageProfile.osDisk.name", "storageProfile.osDisk.managedDisk.id"),
        *("storageProfile.dataDisks[].name", "storageProfile.dataDisks[].managedDisk.id"),
        "storageProfile.dataDisks[].lun",
        "networkProfile.networkInterfaces[].id",
        *("resources[].id", "resources[].name", "resources[].type", "resources[].publisher"),
        "resources[].typePropertiesType",
        *("availabilitySet.id", "virtualMachineScaleSet.id"),
    ),
    "disk": (
        *("id", "type", "sku.name", "creationData.createOption", "creationData.imageReference.id"),
        *("purchasePlan.publisher", "purchasePlan.product", "purchasePlan.name"),
        "encryption.diskEncryptionSetId",
    ),
    "network_interface": ("id", "type", "virtualMachine.id"),
    "extension": ("id", "type", "publisher", "typePropertiesType"),
}
# The kinds of record under which the table of facts names places, and where these are.
_PLACES: Final = {
    "vm": (("vm", ""),),
    "attachment": (("vm", "storageProfile.osDisk."), ("vm", "storageProfile.dataDisks[].")),
    "disk": (("disk", ""),),
    "os_disk": (("disk", ""),),
    "network_interface": (("network_interface", ""),),
    "extension": (("extension", ""),),
}
_KIND_OF: Final = {
    "lun": "integer",
    "enabled": "flag",
    "provisionvmagent": "flag",
    "enableautomaticupdates": "flag",
    "disablepasswordauthentication": "flag",
    "enableacceleratednetworking": "flag",
}
# Azure CLI wrote some names otherwise in its older versions.
_OTHER_SPELLINGS: Final = {
    "hypervgeneration": ("hyperVGeneration", "hyperVgeneration"),
    "provisionvmagent": ("provisionVMAgent", "provisionVmAgent"),
}


def _shapes(facts: Iterable[Fact]) -> dict[str, _Name]:
    """Give what to look for in the records of each kind, to read these facts."""
    shapes = {kind: _Name((kind,), "object") for kind in _STRUCTURE}
    for kind, paths in _STRUCTURE.items():
        for path in paths:
            _add(shapes[kind], path, "text")
    for fact in facts:
        kind = {"integer": "integer"}.get(fact.type, "text")
        if fact.reading == "true":
            kind = "flag"
        for record, path in fact.paths:
            for home, prefix in _PLACES.get(record, ()):
                _add(shapes[home], prefix + path, kind)
    return shapes


def _add(shape: _Name, path: str, kind: str) -> None:
    node = shape
    for step in path.split("."):
        plain = step.removesuffix("[]")
        lowered = plain.lower()
        if node.kind not in _OF_OBJECTS:
            node.kind = "object"
        spellings = _OTHER_SPELLINGS.get(lowered, (plain,))
        node = node.children.setdefault(lowered, _Name(spellings, _KIND_OF.get(lowered, kind)))
        if step.endswith("[]"):
            node.kind = "list"


# Keys that make the ordinary reader see something else in a record, in any letters: other clients'
# names of what records are told apart by, wrappings of records, and what else it looks for.
_UNUSUAL: Final = (
    *("azEnvironment", "resourceId", "resourceType", "resourceName", "resourceGroupName"),
    *("resource_group", "virtualMachineExtensionType", "extensionType"),
    *("availabilitySetReference", "contentVersion", "$schema", "copy", "log", "responses"),
    *("response", "response_body", "responseBody", "columns", "rows", "extensions"),
    *("hardware_profile", "storage_profile", "creation_data", "virtual_machine_profile"),
    *("ip_configurations", "active_key", "source_metadata", "restore_points", "vm_agent"),
    *("type_handler_version", "incremental"),
)
# Keys that mean something by their mere presence.
_TELLING: Final = ("tenantId", "extended", "typePropertiesType")
# What is only seen to be there, whatever it is: most ids differ from VM to VM.
_SEEN_ONLY: Final = re.compile(r"(?:^|\.)(?:id|uri|assignedhost|diskencryptionsetid|diskaccessid)$")
_READ_ALL_THE_SAME: Final = ("creationdata.imagereference.id",)
_GIVEN: Final = "/given"


def _oddity(shape: _Name, answers: Iterable[str]) -> str:
    """Give a pattern that finds keys which the usual way to read a record would miss.

    It finds the names of the shape in other letters, unusual keys, columns in which a person wrote
    answers, and names of paths such as ``properties_storageProfile`` or ``hardwareProfile.vmSize``.
    """
    names: dict[str, set[str]] = {"properties": {"properties"}}

    def gather(node: _Name) -> None:
        for lowered, child in node.children.items():
            names.setdefault(lowered, set()).update(child.spellings)
            gather(child)

    gather(shape)
    variants = [one for spellings in names.values() for one in _variants(sorted(spellings))]
    unusual = "|".join(re.escape(name) for name in (*_UNUSUAL, *answers))
    starts = "|".join(re.escape(name) for name in names)
    keys = f'(?:{"|".join(variants)}|(?i:{unusual})|(?i:properties_|(?:{starts})\\.)[^"]*)'
    return f'"{keys}"\\s*:|"(?:{"|".join(_TELLING)})"\\s*:\\s*null'


def _variants(spellings: Sequence[str], at: int = 0, begun: str = "") -> Iterator[str]:
    """Give patterns for a name in any letters but those of its spellings."""
    if at == len(spellings[0]):
        return
    letters = {spelling[at] for spelling in spellings}
    for letter in sorted({spellings[0][at].lower(), spellings[0][at].upper()}):
        if letter in letters:
            same = [one for one in spellings if one[at] == letter]
            yield from _variants(same, at + 1, begun + letter)
        else:
            rest = "".join(_any_case(one) for one in spellings[0][at + 1 :])
            yield re.escape(begun + letter) + rest


def _any_case(letter: str) -> str:
    if letter.isalpha():
        return f"[{letter.lower()}{letter.upper()}]"
    return re.escape(letter)


def _fits(value: Json, node: _Name, answers: frozenset[str], outermost: bool = True) -> bool:
    """Tell whether reading a record in the usual way misses nothing; slow and exact."""
    if isinstance(value, list):
        return all(_fits(one, node, answers, outermost) for one in value)
    if not isinstance(value, dict):
        return True
    lowered = [str(key).lower() for key in value]
    if outermost and not all(_usual(key, answers) for key in lowered):
        return False
    if len(set(lowered)) < len(lowered) or ("copy" in lowered and not outermost):
        return False
    for key, name in zip(value, lowered, strict=True):
        child = node.children.get(name)
        if name == "properties":
            if key != name or not _fits(value[key], node, answers, outermost):
                return False
        elif child is not None:
            telling = name in {one.lower() for one in _TELLING}
            if key not in child.spellings or (telling and value[key] is None):
                return False
            if not _fits(value[key], child, answers, False):
                return False
    return True


def _usual(key: str, answers: frozenset[str]) -> bool:
    if key in _UNUSUAL_LOWERED or key in answers:
        return False
    names_path = "." in key and not key.startswith(("@", "odata"))
    return not names_path and not key.startswith("properties_")


_UNUSUAL_LOWERED: Final = frozenset(name.lower() for name in _UNUSUAL)


# --------------------------------------------------------------------------- text to columns


class _Seen:
    """What stands in the records of a block, place by place.

    Attributes
    ----------
    leaves : dict of str to pyarrow.Array
        Texts, flags and integers, by path in lower-case letters.
    objects : dict of str to array of bool
        Which records have an object at a path.
    lists : dict of str to pyarrow.ListArray
        Lists of objects.
    odd : array of bool
        Which records must be read in the ordinary way.
    """

    def __init__(self, records: pa.StructArray, shape: _Name) -> None:
        self.leaves: dict[str, pa.Array] = {}
        self.objects: dict[str, Bools] = {}
        self.lists: dict[str, pa.ListArray] = {}
        self.odd: Bools = np.zeros(len(records), bool)
        outer = _opened(records)
        inner = outer.pop("properties")
        if len(inner.type) and inner.null_count < len(inner):
            self._look([outer], [_opened(inner)], shape, "")
        else:
            self.odd |= _valid(inner)
            self._look([outer], [], shape, "")

    def _look(
        self,
        outer: Sequence[dict[str, pa.Array]],
        inner: Sequence[dict[str, pa.Array]],
        node: _Name,
        prefix: str,
    ) -> None:
        """Look at an object: `outer` as it stands, `inner` inside its ``properties``."""
        for columns in (*outer, *inner):
            if "properties" in columns:
                self.odd |= _valid(columns["properties"])
        for name, child in node.children.items():
            # The inner type of an extension has a name of its own.
            inside = {"type": (), "typepropertiestype": ("type",)}.get(name, child.spellings)
            found = [
                columns[spelling]
                for levels, spellings in ((outer, child.spellings), (inner, inside))
                for columns in levels
                for spelling in spellings
                if spelling in columns and columns[spelling].null_count < len(self.odd)
            ]
            if found:
                self._keep(prefix + name, child, found)
        if inner and "type" in node.children:
            self.odd |= _valid(inner[0]["type"]) & ~_valid(outer[0]["type"])

    def _keep(self, path: str, child: _Name, found: Sequence[pa.Array]) -> None:
        if len(found) > 1:
            # Said twice, at two levels or in two spellings: which counts is not ours to say.
            said = np.sum([_valid(one) for one in found], axis=0)
            self.odd |= said > 1
        if child.kind == "object":
            self.objects[path] = np.logical_or.reduce([_valid(one) for one in found])
            self._look([_opened(one) for one in found], [], child, f"{path}.")
            return
        whole = pc.coalesce(*found) if len(found) > 1 else found[0]
        (self.lists if child.kind == "list" else self.leaves)[path] = whole


def _opened(level: pa.StructArray) -> dict[str, pa.Array]:
    return dict(zip((one.name for one in level.type), level.flatten(), strict=True))


def _valid(cells: pa.Array) -> Bools:
    valid: Bools = cells.is_valid().to_numpy(zero_copy_only=False)
    return valid


_Codes = tuple[Any, list[Any]]  # 0 for nothing, n for the n-th value; and the values
_AN_EXPRESSION: Final = r"^\[(?:[^\[]|$)"


def _coded(path: str, cells: pa.Array) -> tuple[_Codes, Bools | None]:
    """Give a column as codes, and which cells hold an expression instead of a value."""
    if pa.types.is_boolean(cells.type):
        known = cells.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint8)
        return (np.where(_valid(cells), known + 1, 0).astype(np.uint8), [False, True]), None
    if pa.types.is_string(cells.type) and _is_seen_only(path):
        there = pc.fill_null(pc.greater(pc.binary_length(cells), 0), False)
        odd = _expressions(cells)
        return (there.to_numpy(zero_copy_only=False).astype(np.uint8), [_GIVEN]), odd
    encoded = cells.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    codes = np.arange(1, len(values) + 2, dtype=np.int32)
    codes[-1] = 0
    expressions = [is_expression(value) for value in values]
    for at, value in enumerate(values):
        if value == "":
            codes[at] = 0
    places = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    odd = None
    if any(expressions):
        odd = np.array([*expressions, False]).take(places)
    return (codes.take(places), values), odd


def _is_seen_only(path: str) -> bool:
    return _SEEN_ONLY.search(path) is not None and path not in _READ_ALL_THE_SAME


def _expressions(cells: pa.Array) -> Bools | None:
    """Tell which texts are template expressions, or None if there is none."""
    begun = pc.fill_null(pc.starts_with(cells, "["), False)
    if not pc.any(begun).as_py():
        return None
    found = pc.fill_null(pc.match_substring_regex(cells, _AN_EXPRESSION), False)
    odd: Bools = found.to_numpy(zero_copy_only=False)
    return odd


# What a resource id looks like; ids of other forms are left to the ordinary reader.
_GROUP_PATH: Final = r"^/subscriptions/[!-.0-~]+/resourcegroups/[!-.0-~]+/providers/"
_ID_OF: Final = {
    "vm": rf"{_GROUP_PATH}microsoft\.compute/virtualmachines/[!-.0-~]+$",
    "disk": rf"{_GROUP_PATH}microsoft\.compute/disks/[!-.0-~]+$",
    "network_interface": rf"{_GROUP_PATH}microsoft\.network/networkinterfaces/[!-.0-~]+$",
    "extension": (
        rf"{_GROUP_PATH}microsoft\.compute/virtualmachines/[!-.0-~]+/extensions/[!-.0-~]+$"
    ),
}


def _keys(ids: pa.Array, kind: str) -> tuple[pa.Array, Bools]:
    """Give ids as they are joined by, and which of them are such ids."""
    keys = pc.ascii_lower(ids)
    good = pc.fill_null(pc.match_substring_regex(keys, _ID_OF[kind]), False)
    return keys, good.to_numpy(zero_copy_only=False)


@dataclass
class _Rows:
    """Rows of one kind out of one block: coded places, texts kept as they are, and owners.

    Attributes
    ----------
    count : int
        How many rows.
    leaves : dict of str to codes
        By path, and ``object`` paths with a code 1 where an object stands.
    texts : dict of str to pyarrow.Array
        What is kept as it is written.
    numbers : dict of str to array
        Ordinals of records, places of owners, logical unit numbers.
    """

    count: int
    leaves: dict[str, _Codes] = field(default_factory=dict)
    texts: dict[str, pa.Array] = field(default_factory=dict)
    numbers: dict[str, Numbers] = field(default_factory=dict)

    def take(self, places: Numbers) -> _Rows:
        """Give some rows."""
        picked = pa.array(places)
        return _Rows(
            len(places),
            {path: (codes.take(places), values) for path, (codes, values) in self.leaves.items()},
            {name: cells.take(picked) for name, cells in self.texts.items()},
            {name: numbers.take(places) for name, numbers in self.numbers.items()},
        )


@dataclass
class _Block:
    """What was read of one block: rows by kind, and which records are odd."""

    rows: dict[str, _Rows]
    odd: Numbers


class _Parser:
    """Reads blocks of records of one kind; it works in threads."""

    def __init__(self, matrix: Matrix, facts: Iterable[str]) -> None:
        self._shapes = _shapes(matrix.facts[name] for name in facts)
        plans = [fact.id if "_" in fact.id else f"fact_{fact.id}" for fact in matrix.facts.values()]
        self._answers = frozenset(plans)
        self.never = self._answers | _UNUSUAL_LOWERED
        self._oddities = {
            kind: _oddity(shape, sorted(self._answers)) for kind, shape in self._shapes.items()
        }

    def shape(self, kind: str) -> _Name:
        """Give what is looked for in the records of a kind."""
        return self._shapes[kind]

    def read(self, chunk: Chunk) -> tuple[int, list[_Block]]:
        """Read a chunk, each record as what it seems to be.

        Returns
        -------
        tuple
            How many values it holds, and what was read: one block for each kind and client.

        Raises
        ------
        rpmatrix.sources.BrokenError
            If it holds no values, or needs what only the ordinary reader does.
        """
        if chunk.in_lines and (b"\x1b" in chunk.text or _HTML.search(chunk.text)):
            raise BrokenError("the text is marked up")
        seems = _seems(chunk.first())
        records = self._at_once(chunk, *seems)
        if records is not None and not self._suspicious(seems[0], chunk.text):
            first = self._block(*seems, records, np.zeros(len(records), bool))
            if not len(first.odd):
                return len(records), [first]
            lines = chunk.values()
        else:
            lines = chunk.values()
            first = self._lines(*seems, lines, np.arange(len(lines)))
        if chunk.in_lines and len(lines) != chunk.text.count(b"\n") + (chunk.text[-1:] != b"\n"):
            # A blank line: places are counted in lines.
            raise BrokenError("there are blank lines")
        # Records of other kinds, or of another client, in one input.
        groups: dict[tuple[str, bool], list[int]] = {}
        for at in first.odd.tolist():
            groups.setdefault(_seems(_parsed(lines[at])), []).append(at)
        left = [np.array(groups.pop(seems, []), np.int64)]
        found = [first]
        for other, places in groups.items():
            block = self._lines(*other, [lines[at] for at in places], np.array(places))
            left.append(block.odd)
            block.odd = block.odd[:0]
            found.append(block)
        first.odd = np.sort(np.concatenate(left))
        return len(lines), found

    def _at_once(self, chunk: Chunk, kind: str, nested: bool) -> pa.StructArray | None:
        """Parse all values of a chunk together, or give None if one of them does not fit."""
        made = pa.struct(self._shapes[kind].fields(nested=nested))
        try:
            if chunk.in_lines:
                table = _arrow_json(chunk.text, pa.schema(list(made)), in_lines=True)
                if table.num_rows != chunk.text.count(b"\n") + (chunk.text[-1:] != b"\n"):
                    return None
                columns = [_whole(column) for column in table.columns]
                return pa.StructArray.from_arrays(columns, fields=list(made))
            text = b"".join((b'{"":[', chunk.text, b"]}"))
            table = _arrow_json(text, pa.schema([("", pa.list_(made))]), in_lines=False)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        records = _whole(table.column(0)).flatten()
        return None if records.null_count else records

    def _lines(self, kind: str, nested: bool, lines: list[bytes], ordinals: Numbers) -> _Block:
        """Read values that are taken for one kind, one or the other of which may not fit."""
        schema = pa.schema(self._shapes[kind].fields(nested=nested))
        records, odd = self._parsed(schema, list(lines))
        if records is None:
            return _Block({}, ordinals)
        odd |= self._suspects(kind, lines)
        block = self._block(kind, nested, records, odd)
        for rows in block.rows.values():
            if "ordinal" in rows.numbers:
                rows.numbers["ordinal"] = ordinals.take(rows.numbers["ordinal"])
        block.odd = ordinals.take(block.odd)
        return block

    def _block(self, kind: str, nested: bool, records: pa.StructArray, odd: Bools) -> _Block:
        """Read parsed records of one kind."""
        seen = _Seen(records, self._shapes[kind])
        odd |= seen.odd
        made = {"vm": self._vms, "disk": self._disks}.get(kind, self._others)(kind, seen, odd)
        good = np.flatnonzero(~odd)
        made[kind].numbers["ordinal"] = np.arange(len(odd))
        if len(good) < len(odd):
            renumbered = np.full(len(odd), -1, np.int64)
            renumbered[good] = np.arange(len(good))
            for name, rows in made.items():
                if name == kind:
                    made[name] = rows.take(good)
                    continue
                rows.numbers["owner"] = renumbered.take(rows.numbers["owner"])
                made[name] = rows.take(np.flatnonzero(rows.numbers["owner"] >= 0))
        return _Block(made, np.flatnonzero(odd))

    def _parsed(self, schema: pa.Schema, lines: list[bytes]) -> tuple[pa.StructArray | None, Bools]:
        """Parse lines; those that do not fit the schema are odd, and stand for nothing."""
        odd = np.zeros(len(lines), bool)
        for _ in range(_MOST_MISFITS):
            try:
                table = _arrow_json(b"\n".join(lines), schema, in_lines=False)
            except (pa.ArrowInvalid, UnicodeDecodeError) as error:
                named = re.search(r"in row (\d+)\s*$", str(error))
                if named is None or int(named[1]) >= len(lines) or odd[int(named[1])]:
                    break
                odd[int(named[1])] = True
                lines[int(named[1])] = b"{}"
                continue
            if table.num_rows != len(lines):
                break
            columns = [_whole(column) for column in table.columns]
            return pa.StructArray.from_arrays(columns, fields=list(schema)), odd
        if len(lines) == 1:
            return None, np.ones(1, bool)
        half = len(lines) // 2
        parts = [self._parsed(schema, part) for part in (lines[:half], lines[half:])]
        empty = pa.nulls(1, pa.struct(list(schema)))
        arrays = [
            part if part is not None else pa.concat_arrays([empty] * len(marks))
            for part, marks in parts
        ]
        return pa.concat_arrays(arrays), odd | np.concatenate([marks for _, marks in parts])

    def _suspicious(self, kind: str, text: bytes) -> bool:
        """Tell whether any record of a text may have keys that the usual way would miss."""
        held = pa.Array.from_buffers(
            pa.large_binary(),
            1,
            [None, pa.py_buffer(np.array([0, len(text)], np.int64)), pa.py_buffer(text)],
        )
        if pc.match_substring_regex(held, self._oddities[kind])[0].as_py():
            return True
        return bool(len(_escapes(text))) or (not text.isascii() and _KELVIN in text)

    def _suspects(self, kind: str, lines: Sequence[bytes]) -> Bools:
        """Tell which records have keys that the usual way to read them would miss."""
        found = pc.match_substring_regex(pa.array(lines, pa.large_binary()), self._oddities[kind])
        odd: Bools = found.to_numpy(zero_copy_only=False).copy()
        for at, line in enumerate(lines):
            odd[at] = odd[at] or len(_escapes(line)) or _KELVIN in line
        for at in np.flatnonzero(odd).tolist():
            odd[at] = not _fits(_parsed(lines[at]), self._shapes[kind], self._answers)
        return odd

    # ----- the kinds of record

    def _vms(self, kind: str, seen: _Seen, odd: Bools) -> dict[str, _Rows]:
        count = len(odd)
        rows = self._rows(seen, odd, _KEPT_OF_VM)
        ids = seen.leaves.get("id", pa.nulls(count, pa.string()))
        rows.texts["key"], good = _keys(ids, kind)
        odd |= ~good
        # Only a record that holds all can be read without looking at what else may be known.
        sized = np.zeros(count, bool)
        for path in ("hardwareprofile.vmsize", "sku.name"):
            if path in rows.leaves:
                sized |= rows.leaves[path][0] > 0
        odd |= ~sized
        shown = np.zeros(count, bool)
        for path, cells in seen.leaves.items():
            if path.startswith("storageprofile.osdisk."):
                shown |= _valid(cells)
        odd |= ~shown
        made = {kind: rows, "attachment": self._attachments(seen, rows, odd)}
        made["extension"] = self._embedded(seen, odd)
        made["interface_id"] = self._interfaces(seen, odd)
        for path, cells in seen.lists.items():
            rows.leaves[path] = self._list(path, cells, odd)
        return made

    def _attachments(self, seen: _Seen, rows: _Rows, odd: Bools) -> _Rows:
        """Give the disks of each VM as it shows them: the OS disk, then data disks by number."""
        system = _Rows(len(odd))
        prefix = "storageprofile.osdisk."
        system.leaves = {
            path.replace(prefix, "", 1): codes
            for path, codes in rows.leaves.items()
            if path.startswith((prefix, f"@{prefix}"))
        }
        nothing = pa.nulls(len(odd), pa.string())
        for name in ("name", "manageddisk.id"):
            system.texts[name] = seen.leaves.get(prefix + name, nothing)
        system.numbers["owner"] = np.arange(len(odd))
        system.numbers["lun"] = np.full(len(odd), -1)
        found = [system]
        listed = seen.lists.get("storageprofile.datadisks")
        if listed is not None:
            found.append(self._data_disks(listed, odd))
        joined = _stacked(found)
        owners, luns = joined.numbers["owner"], joined.numbers["lun"]
        order = np.lexsort((luns, owners))
        joined = joined.take(order)
        owners, luns = joined.numbers["owner"], joined.numbers["lun"]
        # Two entries of one number are taken for one disk.
        twice = (np.diff(owners, prepend=-1) == 0) & (np.diff(luns, prepend=-2) == 0)
        odd[owners[twice]] = True
        for name, cells in joined.texts.items():
            unusual = _unusual_texts(cells, of_ids=name != "name")
            odd[owners[unusual]] = True
        return joined

    def _data_disks(self, listed: pa.ListArray, odd: Bools) -> _Rows:
        owners, elements = _flat(listed)
        shape = self._shapes["vm"].children["storageprofile"].children["datadisks"]
        seen = _Seen(elements, shape)
        bad = seen.odd | ~_valid(elements)
        rows = self._rows(seen, bad, ())
        nothing = pa.nulls(len(elements), pa.string())
        for name in ("name", "manageddisk.id"):
            rows.texts[name] = seen.leaves.get(name, nothing)
        luns = seen.leaves.get("lun", pa.nulls(len(elements), pa.int64()))
        known = luns.fill_null(-1).to_numpy(zero_copy_only=False)
        bad |= (known < 0) | (known > 999)
        rows.numbers |= {"owner": owners, "lun": known}
        odd[owners[bad]] = True
        return rows

    def _embedded(self, seen: _Seen, odd: Bools) -> _Rows:
        """Give the extensions that VMs list."""
        listed = seen.lists.get("resources")
        if listed is None:
            return _Rows(0, numbers={"owner": np.zeros(0, np.int64)})
        owners, elements = _flat(listed)
        seen = _Seen(elements, self._shapes["vm"].children["resources"])
        bad = seen.odd | ~_valid(elements)
        rows = self._extension_rows(seen, bad)
        rows.numbers["owner"] = owners
        odd[owners[bad]] = True
        return rows

    def _extension_rows(self, seen: _Seen, odd: Bools) -> _Rows:
        rows = self._rows(seen, odd, ())
        ids = seen.leaves.get("id", pa.nulls(len(odd), pa.string()))
        keys, good = _keys(ids, "extension")
        odd |= ~good
        rows.texts["key"] = keys
        rows.leaves["#name"], _ = _coded("#name", pc.replace_substring_regex(keys, "^.*/", ""))
        return rows

    def _interfaces(self, seen: _Seen, odd: Bools) -> _Rows:
        """Give the ids of the interfaces that VMs name."""
        listed = seen.lists.get("networkprofile.networkinterfaces")
        if listed is None:
            return _Rows(0, texts={"key": pa.nulls(0, pa.string())}, numbers=_NO_OWNERS.copy())
        owners, elements = _flat(listed)
        shape = self._shapes["vm"].children["networkprofile"].children["networkinterfaces"]
        seen = _Seen(elements, shape)
        ids = seen.leaves.get("id", pa.nulls(len(elements), pa.string()))
        there = pc.fill_null(pc.greater(pc.binary_length(ids), 0), False)
        bad = seen.odd | ~there.to_numpy(zero_copy_only=False) | _unusual_texts(ids, of_ids=True)
        odd[owners[bad]] = True
        keys = pc.ascii_lower(ids)
        return _Rows(len(owners), texts={"key": keys}, numbers={"owner": owners})

    def _list(self, path: str, cells: pa.ListArray, odd: Bools) -> _Codes:
        """Give a list as codes: by how many members it has, or by what they are."""
        if path in _COUNTED:
            counts = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
            # Every interface has been seen to have an id; of other members nothing is told.
            told = {"id": _GIVEN} if path.endswith("networkinterfaces") else {}
            most = int(counts.max(initial=0))
            return counts.astype(np.int32), [[_Part(told)] * n for n in range(1, most + 1)]
        node = self._shapes["vm"]
        for step in path.split("."):
            node = node.children[step]
        codes = np.zeros(len(cells), np.int32)
        values: list[Any] = []
        known: dict[str, int] = {}
        for at in np.flatnonzero(_valid(cells)).tolist():
            value = _lowered(cells[at].as_py(), node)
            if value is None:
                odd[at] = True
            elif value:
                mark = repr(value)
                if mark not in known:
                    values.append(value)
                codes[at] = known.setdefault(mark, len(known) + 1)
        return codes, values

    def _disks(self, kind: str, seen: _Seen, odd: Bools) -> dict[str, _Rows]:
        rows = self._rows(seen, odd, _KEPT_OF_DISK)
        ids = seen.leaves.get("id", pa.nulls(len(odd), pa.string()))
        rows.texts["key"], good = _keys(ids, kind)
        odd |= ~good
        # A record is full if it names a SKU and shows where the disk comes from.
        said = seen.objects.get("creationdata", np.zeros(len(odd), bool))
        shown = np.zeros(len(odd), bool)
        for path, cells in seen.leaves.items():
            if path.startswith("creationdata."):
                shown |= _valid(cells)
        odd |= said & ~shown
        named = rows.leaves["sku.name"][0] > 0 if "sku.name" in rows.leaves else np.zeros(len(odd))
        rows.leaves["#full"] = ((said & (named > 0)).astype(np.uint8), [True])
        return {kind: rows}

    def _others(self, kind: str, seen: _Seen, odd: Bools) -> dict[str, _Rows]:
        if kind == "extension":
            return {kind: self._extension_rows(seen, odd)}
        rows = self._rows(seen, odd, ())
        nothing = pa.nulls(len(odd), pa.string())
        rows.texts["key"], good = _keys(seen.leaves.get("id", nothing), kind)
        odd |= ~good
        owner = seen.leaves.get("virtualmachine.id", nothing)
        rows.texts["owner_key"] = pc.ascii_lower(owner)
        odd |= _unusual_texts(owner, of_ids=True)
        return {kind: rows}

    def _rows(self, seen: _Seen, odd: Bools, kept: Iterable[str]) -> _Rows:
        rows = _Rows(len(odd))
        for path, cells in seen.leaves.items():
            if path in _SET_PATHS:
                rows.leaves[f"@{path}"] = _set_keys(cells)
            if path in _TEXTS_ALONE:
                continue
            rows.leaves[path], expressions = _coded(path, cells)
            if expressions is not None:
                odd |= expressions
        for path, there in seen.objects.items():
            rows.leaves[path] = there.astype(np.uint8), [True]
            inside = [
                codes[0] > 0 for name, codes in rows.leaves.items() if name.startswith(f"{path}.")
            ]
            filled = np.logical_or.reduce(inside) if inside else np.zeros(len(odd), bool)
            rows.leaves[f"{path}#filled"] = filled.astype(np.uint8), [True]
        for path in kept:
            rows.texts[path] = seen.leaves.get(path, pa.nulls(len(odd), pa.string()))
        return rows


# How many records of a block may not fit before the block is cut in two.
_MOST_MISFITS: Final = 8
_BACKSLASH, _U = b"\\u"


def _escapes(text: bytes) -> Numbers:
    """Find letters that are written as escapes: a key may be written so."""
    letters = np.frombuffer(text, np.uint8)
    found = np.flatnonzero(letters[:-1] == _BACKSLASH)
    escapes: Numbers = found[letters[found + 1] == _U]
    return escapes


def _arrow_json(text: bytes, schema: pa.Schema, *, in_lines: bool) -> pa.Table:
    """Parse objects one after the other; what the schema does not name is passed over."""
    from pyarrow import json

    return json.read_json(
        pa.BufferReader(text),
        read_options=json.ReadOptions(block_size=len(text) + 1, use_threads=False),
        parse_options=json.ParseOptions(
            explicit_schema=schema,
            newlines_in_values=not in_lines,
            unexpected_field_behavior="ignore",
        ),
    )


def _parsed(line: bytes) -> Json:
    import msgspec

    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None


_HTML: Final = re.compile(rb"&quot;")
# Letters that are not ASCII, but whose small letter is.
_KELVIN: Final = "\u212a".encode()
_KEPT_OF_VM: Final = (
    *("id", "name", "location", "osprofile.computername"),
    *("availabilityset.id", "virtualmachinescaleset.id"),
)
_KEPT_OF_DISK: Final = ()
# Lists of which only the number of members matters, and what stands for a member.
_COUNTED: Final = (
    "storageprofile.datadisks",
    "resources",
    "instanceview.extensions",
    "networkprofile.networkinterfaces",
)
_TEXTS_ALONE: Final = ("id", "name", "osprofile.computername", "lun", "storageprofile.osdisk.name")
_SET_PATHS: Final = tuple(
    f"{prefix}{'.'.join(path)}"
    for path in ENCRYPTION_SET_PATHS
    for prefix in ("", "storageprofile.osdisk.")
)
_NO_OWNERS: Final[dict[str, Any]] = {"owner": np.zeros(0, np.int64)}


def _flat(listed: pa.ListArray) -> tuple[Numbers, pa.StructArray]:
    """Give the members of lists, and which list each is of."""
    owners = pc.list_parent_indices(listed).to_numpy(zero_copy_only=False).astype(np.int64)
    return owners, listed.flatten()


def _unusual_texts(cells: pa.Array, *, of_ids: bool) -> Bools:
    """Tell texts that are not what they seem: expressions, or ids that are joined otherwise."""
    held = cells.buffers()[2]
    letters = np.frombuffer(held, np.uint8) if held is not None else np.zeros(0, np.uint8)
    usual = not (letters == _BRACKET).any()
    if of_ids and usual:
        usual = bool(((letters > _SPACE) & (letters < _DELETE)).all())
        usual = usual and not pc.any(pc.ends_with(cells, "/")).as_py()
    if usual:
        return np.zeros(len(cells), bool)
    pattern = _AN_EXPRESSION if not of_ids else rf"{_AN_EXPRESSION}|[^!-~]|/$"
    found = pc.fill_null(pc.match_substring_regex(cells, pattern), False)
    odd: Bools = found.to_numpy(zero_copy_only=False)
    return odd


_BRACKET, _SPACE, _DELETE = b"[ \x7f"


def _stacked(parts: Sequence[_Rows]) -> _Rows:
    """Put rows one after the other; what a part does not have is nothing there."""
    if len(parts) == 1:
        return parts[0]
    made = _Rows(sum(part.count for part in parts))
    for path in dict.fromkeys(path for part in parts for path in part.leaves):
        values: dict[tuple[type, Any], int] = {}
        found = []
        for part in parts:
            codes, mine = part.leaves.get(path, (np.zeros(part.count, np.uint8), []))
            table = [0, *(values.setdefault((type(one), one), len(values) + 1) for one in mine)]
            found.append(np.array(table, np.int32).take(codes))
        made.leaves[path] = np.concatenate(found), [one for _, one in values]
    for name in parts[0].texts:
        made.texts[name] = pa.concat_arrays([part.texts[name] for part in parts])
    for name in parts[0].numbers:
        made.numbers[name] = np.concatenate([part.numbers[name] for part in parts])
    return made


def _set_keys(cells: pa.Array) -> _Codes:
    """Give the ids of disk encryption sets as they are joined by."""
    (codes, values), _ = _coded("#set", cells)
    return codes, [key_of(value) for value in values]


class _Elsewhere(Exception):  # noqa: N818 - it is a turning, not an error
    """The reader looks at a place that is not among the columns."""


class _Part(dict[str, Json]):
    """An object of which only some keys are known; any other may be there or not."""

    def get(self, key: str, default: Json = None) -> Json:
        """Give what stands under a key that is known."""
        if key not in self:
            raise _Elsewhere(key)
        return super().get(key)


def _lowered(value: Json, node: _Name) -> Json:
    """Give a parsed list as the one form has it, or None if it must be read otherwise."""
    if isinstance(value, list):
        members = [_lowered(one, node) for one in value]
        return None if None in members else members
    if not isinstance(value, dict):
        return None if value is None or is_expression(value) else value
    if value.get("properties") is not None:
        return None
    made = _Part()
    for name, child in node.children.items():
        said = [value[one] for one in child.spellings if value.get(one) is not None]
        if len(said) > 1:
            return None
        if said:
            made[name] = _lowered(said[0], child)
            if made[name] is None:
                return None
        else:
            made[name] = MISSING
    return made


# --------------------------------------------------------------------------- columns of a fleet


class _Leaf:
    """One place over all records of a kind, as codes: 0 for nothing, n for the n-th value."""

    def __init__(self) -> None:
        self.values: list[Any] = [None]
        self._numbers: dict[tuple[type, Any], int] = {}
        self._chunks: list[Numbers] = []
        self._count = 0

    def add(self, at: int, codes: Numbers, values: Sequence[Any]) -> None:
        """Add the codes of the rows from a place on; rows in between have nothing."""
        table = [0]
        for value in values:
            mark = (type(value), repr(value) if isinstance(value, (list, dict)) else value)
            number = self._numbers.setdefault(mark, len(self.values))
            if number == len(self.values):
                self.values.append(value)
            table.append(number)
        self._fill(at)
        kind = (
            np.uint8
            if len(self.values) < 256
            else np.uint16
            if len(self.values) < 2**16
            else np.int32
        )
        self._chunks.append(np.array(table, kind).take(codes))
        self._count += len(codes)

    def _fill(self, at: int) -> None:
        if at > self._count:
            self._chunks.append(np.zeros(at - self._count, np.uint8))
            self._count = at

    def codes(self, count: int) -> Numbers:
        """Give the codes of all rows."""
        self._fill(count)
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)]
        return self._chunks[0] if self._chunks else np.zeros(0, np.uint8)


class _Held:
    """All rows of one kind."""

    def __init__(self) -> None:
        self.count = 0
        self._leaves: dict[str, _Leaf] = {}
        self._texts: dict[str, list[pa.Array]] = {}
        self._numbers: dict[str, list[Numbers]] = {}

    def add(self, rows: _Rows) -> None:
        """Add the rows of a block."""
        for path, (codes, values) in rows.leaves.items():
            self._leaves.setdefault(path, _Leaf()).add(self.count, codes, values)
        for name, cells in rows.texts.items():
            self._texts.setdefault(name, []).append(cells)
        for name, found in rows.numbers.items():
            self._numbers.setdefault(name, []).append(found)
        self.count += rows.count

    def codes(self, path: str) -> Numbers:
        """Give the codes of a place; a place that no record has is nothing in all."""
        leaf = self._leaves.get(path)
        return np.zeros(self.count, np.uint8) if leaf is None else leaf.codes(self.count)

    def values(self, path: str) -> list[Any]:
        """Give what the codes of a place stand for."""
        leaf = self._leaves.get(path)
        return [None] if leaf is None else leaf.values

    def text(self, name: str) -> pa.ChunkedArray:
        """Give texts that are kept as they are."""
        return pa.chunked_array(self._texts.get(name, []), pa.string())

    def numbers(self, name: str) -> Numbers:
        """Give a column of numbers."""
        found = self._numbers.get(name, [])
        if len(found) > 1:
            found[:] = [np.concatenate(found)]
        return found[0] if found else np.zeros(0, np.int64)


# --------------------------------------------------------------------------- one VM for many

# A place that a reader can look at: what, the how-manieth of the VM, and the path inside it.
_Place = tuple[str, int, str]


class _Subject:
    """The VMs, or the disks, of which a fact is read: gives the codes of any place of theirs."""

    def __init__(self, find: Callable[[_Place], tuple[Numbers, Sequence[Any]]], count: int) -> None:
        self.count = count
        self._find = find
        self._found: dict[_Place, tuple[Numbers, Sequence[Any]]] = {}

    def at(self, place: _Place) -> tuple[Numbers, Sequence[Any]]:
        """Give codes, one for each VM or disk, and what they stand for."""
        found = self._found.get(place)
        if found is None:
            found = self._found[place] = self._find(place)
        return found


class _Glance:
    """One reading of one fact, and what was looked at for it, in order."""

    def __init__(self, subject: _Subject, row: int, never: frozenset[str]) -> None:
        self._subject = subject
        self._row = row
        # Keys that no record has at its outermost level, or it would have been odd.
        self.never = never
        self.trace: dict[_Place, int] = {}

    def ask(self, what: str, which: int, path: str = "") -> Any:
        """Look at a place."""
        place = (what, which, path)
        codes, values = self._subject.at(place)
        code = int(codes[self._row])
        self.trace.setdefault(place, code)
        return values[code]


class _Shy:
    """Stands for something; whatever is not foreseen to be looked at is elsewhere."""

    def __getattr__(self, name: str) -> Any:
        raise _Elsewhere(name)


class _Body(dict[str, Json]):
    """Stands for an object of a record in the one form."""

    def __init__(self, glance: _Glance, what: str, which: int, node: _Name, path: str = "") -> None:
        super().__init__()
        self._glance = glance
        self._place = (what, which)
        self._node = node
        self._path = path

    def _ask(self, key: str) -> Json:
        path = f"{self._path}.{key}" if self._path else key
        if path == "id":
            return _GIVEN
        child = self._node.children.get(key)
        if child is None or path in _TEXTS_ALONE:
            raise _Elsewhere(path)
        found = self._glance.ask(*self._place, path)
        if child.kind == "object" and found is not None:
            return _Body(self._glance, *self._place, child, path)
        return found

    def get(self, key: str, default: Json = None) -> Json:
        """Give what stands under a key."""
        if not self._path and key in self._glance.never:
            return default
        found = self._ask(key)
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        if not self._path and key in self._glance.never:
            return False
        if key not in _PRESENT:
            raise _Elsewhere(str(key))
        return self._ask(str(key)) is not None

    def keys(self) -> Any:
        """Give something that tells whether a key is among the keys."""
        return _Keys(self)

    def __eq__(self, other: object) -> bool:
        if other == {} and self._glance.ask(*self._place, f"{self._path}#filled") is None:
            raise _Elsewhere(self._path)
        return False

    __hash__ = None

    def _unforeseen(self, *_: Any) -> Any:
        raise _Elsewhere(self._path)

    __iter__ = __len__ = __getitem__ = items = values = _unforeseen


class _Keys:
    """The keys of an object, of which only some can be asked for."""

    def __init__(self, body: _Body) -> None:
        self._body = body

    def __rand__(self, wanted: Iterable[str]) -> set[str]:
        return {key for key in wanted if key in self._body}


# What means something by its mere presence.
_PRESENT: Final = frozenset({"tenantid", "extended"})


class _LazyRecord(_Shy):
    """Stands for a record."""

    def __init__(
        self, glance: _Glance, what: str, which: int, node: _Name, key: str = _GIVEN
    ) -> None:
        self._glance = glance
        self._place = (what, which)
        self.body = _Body(glance, what, which, node)
        self.kind, self.file, self.pointer = what, "", ""
        self._key = key

    @property
    def full(self) -> bool:
        """Whether the record holds all that its kind has."""
        if self._place[0] == "vm":
            return True
        return bool(self._glance.ask(*self._place, "#full"))

    @property
    def key(self) -> str:
        """An id that no other record has, with the last part of the real one if it matters."""
        what, which = self._place
        if what == "extension":
            return f"{_GIVEN}/{self._glance.ask(what, which, '#name')}"
        return f"{self._key}/{which}"


class _LazyDisk(_Shy):
    """Stands for a disk: the how-manieth of a VM, or one by itself."""

    def __init__(self, glance: _Glance, shapes: Mapping[str, _Name], which: int) -> None:
        self._glance, self._shapes, self._which = glance, shapes, which
        self.id, self.listed = _GIVEN, True

    @property
    def role(self) -> str:
        """Its role: the first disk of a VM is its OS disk."""
        if self._which < 0:
            return str(self._glance.ask("role", self._which))
        return "os" if self._which == 0 else "data"

    @property
    def attachments(self) -> list[tuple[Any, str, _Body]]:
        """How the VM shows it."""
        storage = self._shapes["vm"].children["storageprofile"].children
        system = {**storage["osdisk"].children, **storage["datadisks"].children}
        node = _Name(("",), "object", system)
        record = _LazyRecord(self._glance, "vm", 0, self._shapes["vm"])
        return [(record, "", _Body(self._glance, "attachment", self._which, node))]

    @property
    def records(self) -> list[_LazyRecord]:
        """Its own record, if it was given."""
        if self._glance.ask("has record", self._which) is None:
            return []
        return [_LazyRecord(self._glance, "record", self._which, self._shapes["disk"])]

    @property
    def encryption_sets(self) -> tuple[Record, ...]:
        """The records of the disk encryption sets that are named for it."""
        found = self._glance.ask("sets", self._which)
        return () if found is None else tuple(found)


class _Several:
    """Stands for several things of a VM, one after the other; how many is asked step by step."""

    def __init__(self, glance: _Glance, what: str, make: Callable[[int], Any]) -> None:
        self._glance, self._what, self._make = glance, what, make

    def __iter__(self) -> Iterator[Any]:
        which = 0
        while self._glance.ask(f"has {self._what}", which) is not None:
            yield self._make(which)
            which += 1


class _LazyVm(_Shy):
    """Stands for a VM with all that belongs to it."""

    def __init__(self, glance: _Glance, shapes: Mapping[str, _Name]) -> None:
        self._glance, self._shapes = glance, shapes
        self.key = self.id = _GIVEN
        self.records = [_LazyRecord(glance, "vm", 0, shapes["vm"])]
        self.disks = _Several(glance, "attachment", lambda k: _LazyDisk(glance, shapes, k))
        self.related = self

    def get(self, kind: str, default: Any = ()) -> Any:
        """Give the related records of a kind."""
        if kind in ("extension", "network_interface"):
            node = self._shapes[kind]
            return _Several(self._glance, kind, lambda k: _LazyRecord(self._glance, kind, k, node))
        if self._glance.ask("has related", 0, kind) is not None:
            raise _Elsewhere(kind)
        return default


class _Places:
    """Gives a fact that is not derived the places where it may show."""

    def __init__(self, owner: _LazyVm | _LazyDisk) -> None:
        self._owner = owner

    def get(self, kind: str, default: Any = ()) -> Any:
        """Give records of a kind, with the paths down to bodies inside them."""
        owner = self._owner
        if isinstance(owner, _LazyVm):
            if kind == "vm":
                return [(record, "", record.body) for record in owner.records]
            if kind == "os_disk":
                disk = next(iter(owner.disks))
                return [(record, "", record.body) for record in disk.records]
            return [(record, "", record.body) for record in owner.get(kind)]
        if kind == "attachment":
            return owner.attachments
        if kind == "disk":
            return [(record, "", record.body) for record in owner.records]
        return default


class _Node:
    """A step in what is looked at for a fact: a place, and what follows for each code there."""

    __slots__ = ("cell", "following", "place")

    def __init__(self) -> None:
        self.place: _Place | None = None
        self.following: dict[int, _Node] = {}
        self.cell: int | None = None


class _Memory:
    """Readings of one fact: what was looked at, and what was read there."""

    def __init__(self, read: Callable[[_Subject, int], tuple[_Glance, Reading | None]]) -> None:
        self.cells: list[str | None] = []
        self._read = read
        self._root = _Node()
        self._numbers: dict[str | None, int] = {}

    def codes(self, subject: _Subject, cell: Callable[[Reading], str | None]) -> Numbers:
        """Give for each VM or disk the number of its cell, -1 if it must be read otherwise."""
        found = np.full(subject.count, -1, np.int32)
        waiting = [(self._root, np.arange(subject.count))]
        while waiting:
            node, rows = waiting.pop()
            if not len(rows):
                continue
            if node.place is None and node.cell is None:
                self._learn(subject, int(rows[0]), cell)
            if node.cell is not None:
                found[rows] = node.cell
                continue
            assert node.place is not None
            codes = subject.at(node.place)[0][rows]
            for code, mine in _parted(codes, rows):
                waiting.append((node.following.setdefault(code, _Node()), mine))
        return found

    def _learn(self, subject: _Subject, row: int, cell: Callable[[Reading], str | None]) -> None:
        glance, reading = self._read(subject, row)
        node = self._root
        for place, code in glance.trace.items():
            node.place = place
            node = node.following.setdefault(code, _Node())
        if reading is None:
            node.cell = -1
            return
        text = cell(reading)
        node.cell = self._numbers.setdefault(text, len(self._numbers))
        if node.cell == len(self.cells):
            self.cells.append(text)


def _parted(codes: Numbers, rows: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Part rows by their codes."""
    counts = np.bincount(codes)
    present = np.flatnonzero(counts)
    if len(present) <= 4:
        for code in present.tolist():
            yield code, rows[codes == code]
        return
    ordered = rows[np.argsort(codes, kind="stable")]
    start = 0
    for code in present.tolist():
        yield code, ordered[start : start + counts[code]]
        start += counts[code]


def _cell(fact: Fact, reading: Reading) -> str | None:
    """Give a reading as a cell of a column of facts."""
    if reading.value is None:
        options = "|".join(str(one) for one in reading.options)
        return options or (UNUSABLE if reading.why else None)
    text = str(reading.value)
    if told(fact, text).values == (reading.value,):
        return text
    # A text that a column takes for nothing, or for several: no rule compares with such a one.
    return text.replace("|", "\u00a6") + "\u00a6"


# --------------------------------------------------------------------------- the whole


# Where a record stands: the number of the input, and of the value in it.
_Stand = tuple[int, int]


class FactTables(NamedTuple):
    """VMs and their disks, with what is known of them.

    Attributes
    ----------
    vms, disks : pyarrow.Table
        A column for each fact, and those that say who a row is.
    owners : array of int
        For each row of `disks` the place of its VM in `vms`, ascending.
    """

    vms: pa.Table
    disks: pa.Table
    owners: NDArray[np.int64]


class BulkReader:
    """Reads the facts of many VMs out of sources of records.

    Parameters
    ----------
    matrix : Matrix
        Its table ``facts`` says where each fact shows.
    facts : iterable of str, optional
        The facts of VMs and disks to read; all if it is left out.

    Attributes
    ----------
    problems : list of Problem
        The values that are no records.
    notes : list of str
        What a reader should know though no record was lost.
    counts : Counter of str
        The records that were read, by kind.
    vms : int
        How many VMs there are, once tables were asked for.
    read_one_by_one : int
        How many VMs were read by the ordinary reader.
    """

    def __init__(self, matrix: Matrix, facts: Iterable[str] | None = None) -> None:
        wanted = tuple(matrix.facts if facts is None else facts)
        self._matrix = matrix
        self._facts = {
            grain: [name for name in wanted if matrix.facts[name].grain == grain]
            for grain in ("vm", "disk")
        }
        self._reader = FactReader(matrix, [*self._facts["vm"], *self._facts["disk"]])
        self._parser = _Parser(matrix, [*self._facts["vm"], *self._facts["disk"]])
        self._held = {kind: _Held() for kind in (*_STRUCTURE, "attachment", "interface_id")}
        # None for an input whose records are in memory.
        self._sources: list[Source | None] = []
        # Where the odd records of VMs and disks stand, by key; the records of other kinds that are
        # odd, and all records of inputs that were read in the ordinary way, by where they stand.
        self._odd: dict[str, dict[str, list[_Stand]]] = {"vm": {}, "disk": {}}
        self._kept: dict[_Stand, list[Record]] = {}
        self._names_of_odd: dict[str, set[str]] = {}
        self._place_of_odd: dict[tuple[int, int, str], int] = {}
        self._memories: dict[str, _Memory] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.vms = 0
        self.read_one_by_one = 0
        self._read_so_far = 0

    # ----- sources to columns

    @property
    def records(self) -> int:
        """How many records went in: those that were read, and problems."""
        return self.counts.total() + len(self.problems)

    def counted(self) -> dict[str, int]:
        """Tell what became of the records that went in."""
        others = self.counts.total() - self.counts["vm"] - self.counts["disk"]
        named = {"vms": self.counts["vm"], "disks": self.counts["disk"], "other": others}
        return {**named, "problems": len(self.problems)}

    def add_file(self, path: Path, pool: ThreadPoolExecutor) -> Iterator[int]:
        """Read a file of records in any form; gives how many bytes were read, step by step."""
        opened = open_file(path)
        if opened.source is not None:
            try:
                yield from self.add(opened.source, pool)
            except BrokenError:
                opened = read_ordinarily(path)
        self.add_records(opened.records, opened.problems)
        self.notes += opened.notes

    def add(self, source: Source, pool: ThreadPoolExecutor) -> Iterator[int]:
        """Read a source; gives how many bytes were read, chunk by chunk.

        Raises
        ------
        rpmatrix.sources.BrokenError
            If the source needs the ordinary reader; nothing of it was kept.
        """
        try:
            yield from self._add(source, source.chunks(), pool)
        except BrokenError:
            yield from self._add(source, source.chunks(exactly=True), pool)

    def _add(
        self, source: Source, chunks: Iterator[Chunk], pool: ThreadPoolExecutor
    ) -> Iterator[int]:
        read = _left_alone if source.projected else self._parser.read
        running: list[tuple[int, Future[tuple[int, list[_Block]]]]] = []
        found: list[tuple[int, list[_Block]]] = []
        while True:
            for chunk in islice(chunks, _AHEAD - len(running)):
                running.append((len(chunk.text), pool.submit(read, chunk)))
            if not running:
                break
            size, future = running.pop(0)
            found.append(future.result())
            yield size
        number = len(self._sources)
        self._sources.append(source)
        for count, blocks in found:
            first, self._read_so_far = self._read_so_far, self._read_so_far + count
            for block in blocks:
                self._keep(number, block, first)
        self._read_so_far = 0

    def add_records(self, records: Sequence[Record], problems: Sequence[Problem]) -> None:
        """Take over records that were read in the ordinary way."""
        source = len(self._sources)
        self._sources.append(None)
        for ordinal, record in enumerate(records):
            self._kept[source, ordinal] = [record]
            self._note_odd(record, (source, ordinal), 0)
            self.counts[record.kind] += 1
        self.problems += problems

    def _keep(self, source: int, block: _Block, first: int) -> None:
        before = self._held["vm"].count
        of_vms = "vm" in block.rows
        for kind, rows in block.rows.items():
            numbers = rows.numbers
            if kind in ("attachment", "interface_id") or (kind == "extension" and of_vms):
                numbers["owner"] = numbers["owner"] + before
            elif kind == "extension":
                numbers["owner"] = np.full(rows.count, -1, np.int64)
            if kind in _STRUCTURE:
                apart = "ordinal" in numbers
                if apart:
                    numbers["ordinal"] = numbers["ordinal"] + first
                else:
                    numbers["ordinal"] = np.full(rows.count, -1, np.int64)
                numbers["source"] = np.full(rows.count, source if apart else -1, np.int32)
                self.counts[kind] += rows.count if apart else 0
            self._held[kind].add(rows)
        for ordinal in block.odd.tolist():
            self._keep_odd(source, first + ordinal)

    def _keep_odd(self, source: int, ordinal: int) -> None:
        records, problems = self._read_again(source, ordinal)
        self.problems += problems
        for place, record in enumerate(records):
            self.counts[record.kind] += 1
            if not self._note_odd(record, (source, ordinal), place):
                self._kept.setdefault((source, ordinal), []).append(record)

    def _note_odd(self, record: Record, stand: _Stand, place: int) -> bool:
        """Note where a record of a VM or a disk stands; tell whether it is one.

        A value may hold several records: `place` is that of this one among them.
        """
        known = self._odd.get(record.kind)
        if known is None:
            return False
        stands = known.setdefault(record.key, [])
        if stands[-1:] != [stand]:
            stands.append(stand)
        if record.kind == "vm":
            self._place_of_odd.setdefault((*stand, record.key), place)
            named = (("name",), ("osprofile", "computername"))
            names = {str(look(record.body, path)).lower() for path in named}
            self._names_of_odd.setdefault(record.key, set()).update(names)
        return True

    def _read_again(self, source: int, ordinal: int) -> tuple[list[Record], list[Problem]]:
        """Read one value in the ordinary way."""
        home = self._sources[source]
        assert home is not None
        value, place = home.value(ordinal), home.place(ordinal)
        return records_of([(home.name, place, value, home.projected)])

    # ----- who belongs to whom

    def _join(self) -> None:
        """Find the records of each VM, and the VMs that must be read one by one."""
        held, vms = self._held, self._held["vm"]
        self._vm_keys = _whole(vms.text("key"))
        self._slow = _twice(self._vm_keys) | _among(self._vm_keys, self._odd["vm"])
        self._join_disks()
        self._belongings = {
            "extension": self._gathered(*self._extension_edges()),
            "network_interface": self._gathered(*self._interface_edges()),
        }
        self._sets, self._set_values = self._encryption_sets()
        self._relate()
        self._slow |= _among(self._vm_keys, self._related)
        owners = held["attachment"].numbers("owner")
        self._first_disk = np.searchsorted(owners, np.arange(vms.count + 1))

    def _join_disks(self) -> None:
        attached, disks = self._held["attachment"], self._held["disk"]
        self._wanted_disks = _lower(_whole(attached.text("manageddisk.id")))
        keys = _whole(disks.text("key"))
        self._record_of_disk = _places_in(self._wanted_disks, keys)
        # A disk that two records tell of, or one that is odd, makes its VMs odd.
        odd = _among(self._wanted_disks, self._odd["disk"])
        twice = _twice(keys)
        if twice.any():
            odd |= (self._record_of_disk >= 0) & twice[self._record_of_disk]
        self._slow[attached.numbers("owner")[odd]] = True

    def _extension_edges(self) -> tuple[Numbers, Numbers]:
        """Give pairs of VM and extension, those with a record of their own first."""
        rows = self._held["extension"]
        owners = rows.numbers("owner").copy()
        apart = np.flatnonzero(owners < 0)
        listed = np.flatnonzero(owners >= 0)
        owners[apart] = _places_in(self._parents().take(pa.array(apart)), self._vm_keys)
        order = np.concatenate([apart, listed])
        return owners[order], order

    def _parents(self) -> pa.Array:
        keys = _whole(self._held["extension"].text("key"))
        return pc.replace_substring_regex(keys, "/extensions/[^/]*$", "")

    def _interface_edges(self) -> tuple[Numbers, Numbers]:
        """Give pairs of VM and interface: the interface names the VM, or the VM names it."""
        rows, named = self._held["network_interface"], self._held["interface_id"]
        own = _whole(rows.text("key"))
        places = _places_in(_whole(rows.text("owner_key")), self._vm_keys)
        found = _places_in(_whole(named.text("key")), own)
        there = np.flatnonzero(found >= 0)
        owners = np.concatenate([places, named.numbers("owner")[there]])
        which = np.concatenate([np.arange(rows.count), found[there]])
        _, first = np.unique(owners * (rows.count + 1) + which, return_index=True)
        first = np.sort(first)
        owners, which = owners[first], which[first]
        self._slow[owners[_twice(own)[which] & (owners >= 0)]] = True
        return owners, which

    def _gathered(self, owners: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
        """Give where the records of a kind begin for each VM, and which they are."""
        known = np.flatnonzero(owners >= 0)
        order = known[np.argsort(owners[known], kind="stable")]
        starts = np.searchsorted(owners[order], np.arange(self._held["vm"].count + 1))
        return starts, rows[order]

    def _encryption_sets(self) -> tuple[Numbers, list[Any]]:
        """Give for each disk of a VM the records of the encryption sets that are named for it."""
        attached, disks = self._held["attachment"], self._held["disk"]
        known: dict[str, list[Record]] = {}
        for stand in sorted(self._kept):
            for record in self._kept[stand]:
                if record.kind == "disk_encryption_set":
                    known.setdefault(record.key, []).append(record)
        if not known:
            return np.zeros(attached.count, np.uint8), [None]
        named: list[tuple[Numbers, list[Any]]] = []
        # The record of the disk is asked before the VM.
        for held in (disks, attached):
            for path in (f"@{'.'.join(path)}" for path in ENCRYPTION_SET_PATHS):
                values = held.values(path)
                table = np.array([at if value in known else 0 for at, value in enumerate(values)])
                codes = table.take(held.codes(path))
                if held is disks:
                    codes = np.append(codes, 0).take(self._record_of_disk)
                named.append((codes, values))
        numbers, combinations = distinct_rows([codes for codes, _ in named], attached.count)
        found: list[Any] = [None]
        for combination in combinations.tolist():
            ids = [
                values[code] for (_, values), code in zip(named, combination, strict=True) if code
            ]
            records = [record for one in dict.fromkeys(ids) for record in known[one]]
            found.append(records or None)
        return numbers + 1, found

    def _relate(self) -> None:
        """Find the VMs that records of other kinds, which are odd, may tell of."""
        self._related: dict[str, set[_Stand]] = {}
        self._odd_interfaces: dict[str, list[_Stand]] = {}
        interfaces = self._odd_interfaces
        views: list[tuple[_Stand, Record]] = []

        def relate(key: str, stand: _Stand) -> None:
            self._related.setdefault(key, set()).add(stand)

        for stand, records in self._kept.items():
            for record in records:
                if record.kind == "extension":
                    relate(id_parts(record.key).get("parent", ""), stand)
                elif record.kind == "network_interface":
                    relate(key_of(look(record.body, ("virtualmachine", "id"))), stand)
                    interfaces.setdefault(record.key, []).append(stand)
                elif record.kind == "instance_view":
                    views.append((stand, record))
        if interfaces:
            named = self._held["interface_id"]
            keys = _whole(named.text("key"))
            rows = pa.array(np.flatnonzero(_among(keys, interfaces)))
            owners = self._vm_keys.take(pa.array(named.numbers("owner")).take(rows))
            for key, owner in zip(keys.take(rows).to_pylist(), owners.to_pylist(), strict=True):
                for stand in interfaces[key]:
                    relate(owner, stand)
        if views:
            self._relate_views(views, relate)

    def _relate_views(
        self,
        views: Iterable[tuple[_Stand, Record]],
        relate: Callable[[str, _Stand], None],
    ) -> None:
        """Give a bare instance view to the one VM of its name, or to the only VM."""
        wanted: dict[str, list[_Stand]] = {}
        for stand, record in views:
            shown = [look(record.body, (name,)) for name in ("name", "computername")]
            names = [one.lower() for one in shown if isinstance(one, str)]
            wanted.setdefault(names[0] if names else "", []).append(stand)
        owners: dict[str, set[str]] = {}
        for name in ("name", "osprofile.computername"):
            written = _lower(_whole(self._held["vm"].text(name)))
            rows = pa.array(np.flatnonzero(_among(written, wanted)))
            keys = self._vm_keys.take(rows).to_pylist()
            for called, key in zip(written.take(rows).to_pylist(), keys, strict=True):
                owners.setdefault(called, set()).add(key)
        for key, called_so in self._names_of_odd.items():
            for called in called_so & wanted.keys():
                owners.setdefault(called, set()).add(key)
        everything = set(self._names_of_odd)
        if len(self._vm_keys) < 2:
            everything |= set(self._vm_keys.to_pylist())
            owners[""] = everything
        for name, stands in wanted.items():
            if len(owners.get(name, ())) == 1:
                (key,) = owners[name]
                for stand in stands:
                    relate(key, stand)

    # ----- columns to facts

    def tables(self, size: int) -> Iterator[FactTables]:
        """Give all VMs with their facts, in the order in which they were met.

        Parameters
        ----------
        size : int
            The most VMs in a table.
        """
        self._join()
        vms = self._held["vm"]
        stands = vms.numbers("source").astype(np.int64) << _SHIFT | vms.numbers("ordinal")
        slow = self._slow_keys(stands)
        fast = np.flatnonzero(~self._slow)
        met = np.array([*slow.values()], np.int64).reshape(-1, 2)
        order = np.lexsort(
            (
                np.concatenate([np.zeros(len(fast), np.int64), met[:, 1]]),
                np.concatenate([stands[fast], met[:, 0]]),
            )
        )
        rows = np.concatenate([fast, -1 - np.arange(len(slow))])[order]
        names = list(slow)
        self.vms = len(rows)
        for start in range(0, len(rows), size):
            mine = rows[start : start + size]
            yield self._window(mine, [names[-1 - row] if row < 0 else "" for row in mine.tolist()])

    def _slow_keys(self, stands: Numbers) -> dict[str, tuple[int, int]]:
        """Give the keys of VMs to read one by one, and where each was met first."""
        rows = np.flatnonzero(self._slow)
        keys = self._vm_keys.take(pa.array(rows)).to_pylist()
        met = [(key, (stand, 0)) for key, stand in zip(keys, stands[rows].tolist(), strict=True)]
        for key, odd in self._odd["vm"].items():
            for source, ordinal in odd:
                place = self._place_of_odd[source, ordinal, key]
                met.append((key, (source << _SHIFT | ordinal, place)))
        first: dict[str, tuple[int, int]] = {}
        for key, stand in met:
            first[key] = min(stand, first.get(key, stand))
        return first

    def _window(self, rows: Numbers, names: list[str]) -> FactTables:
        """Give some VMs: rows of columns, or those of a name where a row is negative."""
        fast = rows[rows >= 0]
        places = np.flatnonzero(rows >= 0)
        found, elsewhere = self._fast(fast)
        if elsewhere.any():
            # Their facts show where no column is.
            keys = self._vm_keys.take(pa.array(fast[elsewhere])).to_pylist()
            for place, key in zip(places[elsewhere].tolist(), keys, strict=True):
                names[place] = key
            found = _kept_of(found, ~elsewhere)
            places = places[~elsewhere]
        slow = [at for at, name in enumerate(names) if name]
        if not slow:
            return found
        others = self._one_by_one([names[at] for at in slow])
        return _merged(found, others, np.concatenate([places, np.array(slow)]))

    def _fast(self, rows: Numbers) -> tuple[FactTables, Bools]:
        """Read facts from columns; also tell of which VMs one shows where no column is."""
        first, stop = self._first_disk[rows], self._first_disk[rows + 1]
        counts = stop - first
        owners = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        disks = np.repeat(first, counts) + within
        elsewhere = np.zeros(len(rows), bool)
        columns: dict[str, dict[str, pa.Array]] = {}
        for grain, subject in (
            ("vm", _Subject(partial(self._of_vms, rows, counts), len(rows))),
            ("disk", _Subject(partial(self._of_disks, disks, within), len(disks))),
        ):
            columns[grain] = {}
            for name in self._facts[grain]:
                memory = self._memory(name)
                codes = memory.codes(subject, partial(_cell, self._matrix.facts[name]))
                missed = codes < 0
                if missed.any():
                    elsewhere[missed if grain == "vm" else owners[missed]] = True
                    codes = np.where(missed, 0, codes)
                columns[grain][name] = _dictionary(codes, memory.cells or [None])
        return FactTables(
            self._vm_table(rows, columns["vm"]), self._disk_table(disks, columns["disk"]), owners
        ), elsewhere

    def _memory(self, fact_id: str) -> _Memory:
        if fact_id not in self._memories:
            shapes = {kind: self._parser.shape(kind) for kind in _STRUCTURE}
            of_vm = self._matrix.facts[fact_id].grain == "vm"

            def read(subject: _Subject, row: int) -> tuple[_Glance, Reading | None]:
                glance = _Glance(subject, row, self._parser.never)
                owner = _LazyVm(glance, shapes) if of_vm else _LazyDisk(glance, shapes, -1)
                places: Any = _Places(owner)
                try:
                    return glance, self._reader.read_one(fact_id, owner, places)
                except _Elsewhere:
                    return glance, None

            self._memories[fact_id] = _Memory(read)
        return self._memories[fact_id]

    def _of_vms(self, rows: Numbers, disks: Numbers, place: _Place) -> tuple[Numbers, Any]:
        """Give the codes of a place for some VMs, of which the numbers of disks are given."""
        what, which, path = place
        if what == "vm":
            return self._held["vm"].codes(path).take(rows), self._held["vm"].values(path)
        if what == "has attachment":
            return (disks > which).astype(np.uint8), [None, True]
        if what in ("attachment", "record", "has record", "sets"):
            there = disks > which
            mine = np.where(there, self._first_disk[rows] + which, 0)
            codes, values = self._at_disks(mine, what, path)
            return np.where(there, codes, 0), values
        if what == "has related":
            known = any(one.kind == path for records in self._kept.values() for one in records)
            return np.full(len(rows), int(known), np.uint8), [None, True]
        kind = what.removeprefix("has ")
        starts, whose = self._belongings[kind]
        there = starts[rows + 1] - starts[rows] > which
        if what.startswith("has "):
            return there.astype(np.uint8), [None, True]
        mine = np.append(whose, 0).take(np.where(there, starts[rows] + which, len(whose)))
        held = self._held[kind]
        return np.where(there, np.append(held.codes(path), 0).take(mine), 0), held.values(path)

    def _of_disks(self, disks: Numbers, within: Numbers, place: _Place) -> tuple[Numbers, Any]:
        """Give the codes of a place for some disks, of which the places in their VMs are given."""
        what, _, path = place
        if what == "role":
            return np.where(within == 0, 1, 2), [None, "os", "data"]
        if what == "vm":
            raise _Elsewhere(path)
        return self._at_disks(disks, what, path)

    def _at_disks(self, disks: Numbers, what: str, path: str) -> tuple[Numbers, Any]:
        if what == "attachment":
            held = self._held["attachment"]
            return held.codes(path).take(disks), held.values(path)
        if what == "sets":
            return self._sets.take(disks), self._set_values
        records = self._record_of_disk.take(disks)
        if what == "has record":
            return (records >= 0).astype(np.uint8), [None, True]
        held = self._held["disk"]
        return np.append(held.codes(path), 0).take(records), held.values(path)

    def _vm_table(self, rows: Numbers, facts: Mapping[str, pa.Array]) -> pa.Table:
        held, picked = self._held["vm"], pa.array(rows)
        ids = held.text("id").take(picked)
        names = held.text("name").take(picked)
        empty = pc.fill_null(pc.equal(names, ""), True)
        names = pc.if_else(empty, pc.replace_substring_regex(ids, "^.*/", ""), names)
        codes = held.codes("location").take(rows)
        return pa.table(
            {
                "vm_id": ids,
                "name": names,
                "location": _dictionary(codes, held.values("location")),
                "availability_set_id": held.text("availabilityset.id").take(picked),
                "scale_set_id": held.text("virtualmachinescaleset.id").take(picked),
                **facts,
            }
        )

    def _disk_table(self, disks: Numbers, facts: Mapping[str, pa.Array]) -> pa.Table:
        held, picked = self._held["attachment"], pa.array(disks)
        luns = held.numbers("lun").take(disks)
        return pa.table(
            {
                "disk_id": _nothing_if_empty(held.text("manageddisk.id").take(picked)),
                "name": _nothing_if_empty(held.text("name").take(picked)),
                "role": _dictionary(np.where(luns < 0, 0, 1), ["os", "data"]),
                "lun": pa.array(luns, mask=luns < 0),
                "listed": pa.array(np.full(len(disks), "yes"), pa.string()),
                **facts,
            }
        )

    # ----- VMs one by one

    def _one_by_one(self, keys: Sequence[str]) -> FactTables:
        """Read some VMs with the ordinary reader, some at a time."""
        self.read_one_by_one += len(keys)
        parts = [
            self._told_tables(self._read_vms(keys[start : start + _AT_A_TIME]))
            for start in range(0, len(keys), _AT_A_TIME)
        ]
        starts = np.cumsum([0, *(part.vms.num_rows for part in parts)])
        return FactTables(
            pa.concat_tables([part.vms for part in parts]),
            pa.concat_tables([part.disks for part in parts]),
            np.concatenate(
                [part.owners + start for part, start in zip(parts, starts, strict=False)]
            ),
        )

    def _read_vms(self, keys: Sequence[str]) -> list[VmFacts]:
        wanted = set(keys)
        stands = {stand for key in keys for stand in self._odd["vm"].get(key, ())}
        stands |= self._stands_of("vm", _among(self._vm_keys, wanted))
        stands |= {stand for key in keys for stand in self._related.get(key, ())}
        records = self._records(stands)
        of_vms = [one for found in records.values() for one in found if one.kind == "vm"]
        disks, interfaces = set(), set()
        for record in of_vms:
            storage = ("storageprofile",)
            for path in (("osdisk", "manageddisk", "id"), ("datadisks", "[]", "manageddisk", "id")):
                disks |= _texts(look(record.body, (*storage, *path)))
            named = look(record.body, ("networkprofile", "networkinterfaces", "[]", "id"))
            interfaces |= _texts(named)
        more = {stand for key in disks for stand in self._odd["disk"].get(key, ())}
        more |= {stand for key in interfaces for stand in self._odd_interfaces.get(key, ())}
        more |= self._stands_of("disk", _among(_whole(self._held["disk"].text("key")), disks))
        held = self._held["network_interface"]
        mine = _among(_whole(held.text("key")), interfaces)
        mine |= _among(_whole(held.text("owner_key")), wanted)
        more |= self._stands_of("network_interface", mine)
        apart = self._held["extension"].numbers("ordinal") >= 0
        more |= self._stands_of("extension", apart & _among(self._parents(), wanted))
        records |= self._records(more - stands)
        told = self._told_kinds
        for stand, found in self._kept.items():
            if stand not in records and any(one.kind in told for one in found):
                records[stand] = [one for one in found if one.kind in told]
        ordered = [record for stand in sorted(records) for record in records[stand]]
        by_key = {vm.key: vm for vm in join(ordered)}
        return [self._reader.read(by_key[key]) for key in keys]

    @cached_property
    def _told_kinds(self) -> set[str]:
        """The kinds of record, other than those that are looked for by key, that facts show in."""
        facts = (self._matrix.facts[name] for names in self._facts.values() for name in names)
        named = {record for fact in facts for record, _ in fact.paths}
        return named - {*_PLACES, *_STRUCTURE}

    def _stands_of(self, kind: str, rows: Bools) -> set[_Stand]:
        held = self._held[kind]
        picked = np.flatnonzero(rows)
        sources, ordinals = (held.numbers(name)[picked].tolist() for name in ("source", "ordinal"))
        return set(zip(sources, ordinals, strict=True))

    def _records(self, stands: Iterable[_Stand]) -> dict[_Stand, list[Record]]:
        """Give the records that stand somewhere, read again if they were not kept."""
        found: dict[_Stand, list[Record]] = {}
        for source, ordinal in stands:
            if self._sources[source] is None:
                found[source, ordinal] = self._kept[source, ordinal]
            else:
                found[source, ordinal], _ = self._read_again(source, ordinal)
        return found

    def _told_tables(self, told: Sequence[VmFacts]) -> FactTables:
        """Give VMs that were read one by one as tables."""
        owners = [at for at, facts in enumerate(told) for _ in facts.disks]
        disks = [one for facts in told for one in facts.disks]
        vms = [facts.vm for facts in told]
        groups = [[_group(vm, path) for vm in vms] for path in _GROUPS]
        about = {
            "vm_id": [vm.id for vm in vms],
            "name": [vm.name for vm in vms],
            "location": [vm.location or None for vm in vms],
            "availability_set_id": groups[0],
            "scale_set_id": groups[1],
        }
        of_vms = {
            name: [_cell(self._matrix.facts[name], facts.readings[name]) for facts in told]
            for name in self._facts["vm"]
        }
        who = {
            "disk_id": [one.disk.id for one in disks],
            "name": [one.disk.name for one in disks],
            "role": [one.disk.role for one in disks],
            "lun": [one.disk.lun for one in disks],
            "listed": ["yes" if one.disk.listed else "no" for one in disks],
        }
        of_disks = {
            name: [_cell(self._matrix.facts[name], one.readings[name]) for one in disks]
            for name in self._facts["disk"]
        }
        made = [
            pa.table(
                {
                    name: pa.array(cells, _CELLS.get(name, pa.string()))
                    for name, cells in one.items()
                }
            )
            for one in ({**about, **of_vms}, {**who, **of_disks})
        ]
        return FactTables(made[0], made[1], np.array(owners, np.int64))


_SHIFT: Final = 40
# Blocks that are read ahead of what was kept.
_AHEAD: Final = 4
# VMs that are read one by one at a time: their records are in memory together.
_AT_A_TIME: Final = 2000
_CELLS: Final = {"lun": pa.int64()}
_GROUPS: Final = (("availabilityset", "id"), ("virtualmachinescaleset", "id"))


def _group(vm: Vm, path: tuple[str, ...]) -> str | None:
    found = (look(record.body, path) for record in vm.records)
    return next((one for one in found if isinstance(one, str)), None)


def _texts(value: Json) -> set[str]:
    """Give the keys that a value, or the members of a list, name."""
    members = value if isinstance(value, list) else [value]
    return {key_of(one) for one in members} - {""}


def _whole(cells: pa.ChunkedArray) -> pa.Array:
    found = cells.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


def _lower(cells: pa.Array) -> pa.Array:
    return pc.utf8_lower(cells)


def _twice(keys: pa.Array) -> Bools:
    """Tell which keys are there more than once."""
    encoded = keys.dictionary_encode()
    if len(encoded.dictionary) == len(keys):
        return np.zeros(len(keys), bool)
    places = encoded.indices.to_numpy(zero_copy_only=False)
    found: Bools = np.bincount(places)[places] > 1
    return found


def _among(keys: pa.Array, wanted: Iterable[str]) -> Bools:
    """Tell which keys are among some others."""
    names = list(wanted)
    if not names or not len(keys):
        return np.zeros(len(keys), bool)
    found: Bools = pc.is_in(keys, value_set=pa.array(names, pa.string())).to_numpy(
        zero_copy_only=False
    )
    return found


def _places_in(wanted: pa.Array, keys: pa.Array) -> Numbers:
    """Give for each key its place among others, -1 if it is not there."""
    if not len(keys) or not len(wanted):
        return np.full(len(wanted), -1, np.int64)
    found = pc.index_in(wanted, value_set=keys).fill_null(-1)
    known = pc.if_else(wanted.is_valid(), found, -1).to_numpy(zero_copy_only=False)
    return np.asarray(known, np.int64)


def _nothing_if_empty(cells: Any) -> Any:
    return pc.if_else(pc.fill_null(pc.equal(cells, ""), True), pa.scalar(None, pa.string()), cells)


def _dictionary(codes: Numbers, values: Sequence[Any]) -> pa.DictionaryArray:
    """Give texts by their codes; a value None is no text."""
    nothing = np.array([value is None for value in values])
    places = pa.array(codes.astype(np.int32), mask=nothing.take(codes))
    return pa.DictionaryArray.from_arrays(
        places, pa.array(["" if value is None else value for value in values], pa.string())
    )


def _kept_of(tables: FactTables, good: Bools) -> FactTables:
    """Give some of the VMs with their disks."""
    renumbered = np.cumsum(good) - 1
    mine = np.flatnonzero(good[tables.owners])
    return FactTables(
        tables.vms.take(pa.array(np.flatnonzero(good))),
        tables.disks.take(pa.array(mine)),
        renumbered[tables.owners[mine]],
    )


def _merged(first: FactTables, second: FactTables, places: Numbers) -> FactTables:
    """Put the VMs of two tables in one order, told by the place of each."""
    joined = [
        pa.concat_tables([_plain(one), _plain(two)])
        for one, two in ((first.vms, second.vms), (first.disks, second.disks))
    ]
    owners = np.concatenate([first.owners, second.owners + first.vms.num_rows])
    of_disks = places[owners]
    order = np.argsort(of_disks, kind="stable")
    return FactTables(
        joined[0].take(pa.array(np.argsort(places, kind="stable"))),
        joined[1].take(pa.array(order)),
        of_disks[order],
    )


def _plain(table: pa.Table) -> pa.Table:
    """Give a table without dictionaries."""
    columns = [
        one.cast(pa.string()) if pa.types.is_dictionary(one.type) else one for one in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _left_alone(chunk: Chunk) -> tuple[int, list[_Block]]:
    """Leave all values of a chunk to the ordinary reader."""
    count = len(chunk.values())
    return count, [_Block({}, np.arange(count))]


def _seems(value: Json) -> tuple[str, bool]:
    """Tell what kind a record seems to be of, and whether it keeps its properties apart."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return "vm", False
    kind = _KINDS.get(id_parts(value["id"]).get("type", ""), "vm")
    return kind, isinstance(value.get("properties"), dict)


_KINDS: Final = {
    "microsoft.compute/virtualmachines": "vm",
    "microsoft.compute/disks": "disk",
    "microsoft.compute/virtualmachines/extensions": "extension",
    "microsoft.network/networkinterfaces": "network_interface",
}
