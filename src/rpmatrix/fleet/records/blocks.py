"""Blocks of records, parsed by Arrow and brought to columns of codes.

A block is some thousand records of one client and kind. Only what the shape of the kind names is
parsed. What stands at each place becomes codes, and each record that is odd is named, to be read
in the ordinary way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.records.shapes import (
    GIVEN,
    IMAGE_ID,
    UNUSUAL,
    PartOfObject,
    Shape,
    fits,
    is_seen_only,
    oddity_pattern,
    shapes_of,
)
from rpmatrix.fleet.records.stray_keys import StrayKeys
from rpmatrix.fleet.sources import Chunk
from rpmatrix.inventory.inventory import ENCRYPTION_SET_PATHS
from rpmatrix.inventory.names import plain_name
from rpmatrix.inventory.records import (
    MISSING,
    id_parts,
    is_expression,
    key_of,
)
from rpmatrix.inventory.systems import image_named_by
from rpmatrix.matrix.matrix import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Numbers = NDArray[Any]

Json = Any


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

    def __init__(self, records: pa.StructArray, shape: Shape) -> None:
        self.leaves: dict[str, pa.Array] = {}
        self.objects: dict[str, Bools] = {}
        self.lists: dict[str, pa.ListArray] = {}
        self.odd: Bools = np.zeros(len(records), bool)
        outer = _opened(records)
        inner = outer.pop("properties", None)
        if inner is not None and len(inner.type) and inner.null_count < len(inner):
            self._look([outer], [_opened(inner)], shape, "")
        else:
            if inner is not None:
                self.odd |= _valid(inner)
            self._look([outer], [], shape, "")

    def _look(
        self,
        outer: Sequence[dict[str, pa.Array]],
        inner: Sequence[dict[str, pa.Array]],
        node: Shape,
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
        if inner and "type" in node.children and "type" in inner[0]:
            apart = _valid(inner[0]["type"])
            self.odd |= apart & ~_valid(outer[0]["type"]) if "type" in outer[0] else apart

    def _keep(self, path: str, child: Shape, found: Sequence[pa.Array]) -> None:
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


_Codes = tuple[Any, Sequence[Any]]  # 0 for nothing, n for the n-th value; and the values
_AN_EXPRESSION: Final = r"^\[(?:[^\[]|$)"


def _coded(path: str, cells: pa.Array) -> tuple[_Codes, Bools | None]:
    """Give a column as codes, and which cells hold an expression instead of a value."""
    if pa.types.is_boolean(cells.type):
        known = cells.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint8)
        return (np.where(_valid(cells), known + 1, 0).astype(np.uint8), [False, True]), None
    if pa.types.is_string(cells.type) and is_seen_only(path):
        there = pc.fill_null(pc.greater(pc.binary_length(cells), 0), False)
        odd = _expressions(cells)
        return (there.to_numpy(zero_copy_only=False).astype(np.uint8), [GIVEN]), odd
    encoded = cells.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    if path == IMAGE_ID:
        values = [value and _only_image(value) for value in values]
    codes = np.arange(1, len(values) + 2, dtype=_smallest(len(values) + 1))
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


def _smallest(most: int) -> Any:
    """Give the smallest type of codes up to a number: there are many of them."""
    return np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.int32


def _only_image(resource_id: str) -> str:
    """Give an id with the same image, and nothing else: few of them differ."""
    if is_expression(resource_id):
        return resource_id
    publisher, offer, sku = image_named_by(resource_id)
    return f"/publishers/{publisher}/offers/{offer}/skus/{sku}"


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
class Rows:
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

    def take(self, places: Numbers) -> Rows:
        """Give some rows."""
        picked = pa.array(places)
        return Rows(
            len(places),
            {path: (codes.take(places), values) for path, (codes, values) in self.leaves.items()},
            {name: cells.take(picked) for name, cells in self.texts.items()},
            {name: numbers.take(places) for name, numbers in self.numbers.items()},
        )


@dataclass
class Block:
    """What was read of one block: rows by kind, which records are odd, and keys nobody reads."""

    rows: dict[str, Rows]
    odd: Numbers
    unread: dict[str, set[str]] = field(default_factory=dict)


class BlockParser:
    """Reads blocks of records of one kind; it works in threads."""

    def __init__(self, matrix: Matrix, facts: Iterable[str]) -> None:
        self._shapes = shapes_of(matrix.facts[name] for name in facts)
        plans = [fact.id if "_" in fact.id else f"fact_{fact.id}" for fact in matrix.facts.values()]
        self._answers = frozenset(plans)
        shown = {name for shape in self._shapes.values() for name in shape.children}
        self.never = self._answers | UNUSUAL | ({*map(plain_name, self._answers)} - shown)
        # By kind, and whether properties are kept apart: written once in a while, by any thread.
        self._usual: dict[tuple[str, bool], _Usual] = {}
        self._strays = {
            (kind, nested): StrayKeys(kind, shape)
            for kind, shape in self._shapes.items()
            for nested in (False, True)
            if StrayKeys.watches(kind)
        }
        self._oddities = {
            kind: oddity_pattern(shape, sorted(self._answers))
            for kind, shape in self._shapes.items()
        }

    def shape(self, kind: str) -> Shape:
        """Give what is looked for in the records of a kind."""
        return self._shapes[kind]

    def read(self, chunk: Chunk) -> tuple[int, list[Block]]:
        """Read a chunk, each record as what it seems to be.

        Returns
        -------
        tuple
            How many values it holds, and what was read: one block for each kind and client.

        Raises
        ------
        rpmatrix.fleet.sources.BrokenError
            If it holds no values, or needs what only the ordinary reader does.
        """
        chunk.look_over()
        seems = _seems(chunk.first())
        records = self._at_once(chunk, *seems)
        if records is not None:
            first = self._block(*seems, records, np.zeros(len(records), bool), chunk)
            if not len(first.odd):
                return len(records), [first]
            lines = chunk.values()
        else:
            lines = chunk.values()
            first = self._lines(*seems, lines, np.arange(len(lines)))
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
        text, whole = chunk.text, pa.struct(self._shapes[kind].fields(nested=nested))
        if _may_hide_keys(text):
            return None
        usual = self._usual.get((kind, nested))
        if usual and not holds(text, self._oddities[kind] + usual.others):
            return _all_parsed(chunk, usual.type)
        if holds(text, self._oddities[kind]):
            return None
        records = _all_parsed(chunk, whole)
        if records is not None and len(records):
            known = usual.names if usual else frozenset()
            self._usual[kind, nested] = _Usual.of(whole, known | _filled(records), text)
        return records

    def _lines(self, kind: str, nested: bool, lines: list[bytes], ordinals: Numbers) -> Block:
        """Read values that are taken for one kind, one or the other of which may not fit."""
        schema = pa.schema(self._shapes[kind].fields(nested=nested))
        records, odd = self._parsed(schema, list(lines))
        if records is None:
            return Block({}, ordinals)
        odd |= self._suspects(kind, lines)
        block = self._block(kind, nested, records, odd, lines)
        for rows in block.rows.values():
            if "ordinal" in rows.numbers:
                rows.numbers["ordinal"] = ordinals.take(rows.numbers["ordinal"])
        block.odd = ordinals.take(block.odd)
        return block

    def _block(
        self,
        kind: str,
        nested: bool,
        records: pa.StructArray,
        odd: Bools,
        given: Chunk | Sequence[bytes],
    ) -> Block:
        """Read parsed records of one kind; `given` is what they were parsed from."""
        seen = _Seen(records, self._shapes[kind])
        odd |= seen.odd
        made = {"vm": self._vms, "disk": self._disks}.get(kind, self._others)(kind, seen, odd)
        unread = self._look_for_strays(kind, nested, odd, given)
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
        return Block(made, np.flatnonzero(odd), {kind: unread} if unread else {})

    def _look_for_strays(
        self, kind: str, nested: bool, odd: Bools, given: Chunk | Sequence[bytes]
    ) -> set[str]:
        """Tell records that say something beside the columns; return keys that nobody reads."""
        if (strays := self._strays.get((kind, nested))) is None or odd.all():
            return set()
        if isinstance(given, Chunk):
            if not odd.any() and (listed := given.listed()) is not None:
                found, unread = strays.look(listed)
                odd[found] = True
                return unread
            given = given.values()
        good = np.flatnonzero(~odd)
        found, unread = strays.look([given[at] for at in good.tolist()])
        odd[good[found]] = True
        return unread

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
            columns = [one_array(column) for column in table.columns]
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

    def _suspects(self, kind: str, lines: Sequence[bytes]) -> Bools:
        """Tell which records have keys that the usual way to read them would miss."""
        found = pc.match_substring_regex(pa.array(lines, pa.large_binary()), self._oddities[kind])
        odd: Bools = found.to_numpy(zero_copy_only=False).copy()
        for at, line in enumerate(lines):
            odd[at] = odd[at] or b"\\u" in line or _KELVIN in line
        for at in np.flatnonzero(odd).tolist():
            odd[at] = not fits(_parsed(lines[at]), self._shapes[kind], self._answers)
        return odd

    # ----- the kinds of record

    def _vms(self, kind: str, seen: _Seen, odd: Bools) -> dict[str, Rows]:
        count = len(odd)
        rows = self._rows(seen, odd, _KEPT_OF_VM)
        # Their keys are made again where they are asked for: ids are most of what is in memory.
        _, good = _keys(seen.leaves.get("id", pa.nulls(count, pa.string())), kind)
        odd |= ~good
        # Only a record that holds all can be read without looking at what else may be known.
        sized = np.zeros(count, bool)
        for path in ("hardwareprofile.vmsize", "sku.name"):
            if path in rows.leaves:
                sized |= _named(*rows.leaves[path])
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

    def _attachments(self, seen: _Seen, rows: Rows, odd: Bools) -> Rows:
        """Give the disks of each VM as it shows them: the OS disk, then data disks by number."""
        system = Rows(len(odd))
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
        # Only a disk without an id is told by its name.
        is_named = pc.fill_null(pc.equal(joined.texts["manageddisk.id"], ""), True)
        joined.texts["name"] = pc.if_else(is_named, joined.texts["name"], _NO_TEXT)
        return joined

    def _data_disks(self, listed: pa.ListArray, odd: Bools) -> Rows:
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

    def _embedded(self, seen: _Seen, odd: Bools) -> Rows:
        """Give the extensions that VMs list."""
        listed = seen.lists.get("resources")
        if listed is None:
            return Rows(0, numbers={"owner": np.zeros(0, np.int64)})
        owners, elements = _flat(listed)
        seen = _Seen(elements, self._shapes["vm"].children["resources"])
        bad = seen.odd | ~_valid(elements)
        rows = self._extension_rows(seen, bad)
        # Whose they are is known: their ids, the longest of all, need not be kept.
        rows.texts["key"] = pa.nulls(len(owners), pa.string())
        rows.numbers["owner"] = owners
        odd[owners[bad]] = True
        return rows

    def _extension_rows(self, seen: _Seen, odd: Bools) -> Rows:
        rows = self._rows(seen, odd, ())
        ids = seen.leaves.get("id", pa.nulls(len(odd), pa.string()))
        keys, good = _keys(ids, "extension")
        odd |= ~good
        rows.texts["key"] = keys
        rows.leaves["#name"], _ = _coded("#name", pc.replace_substring_regex(keys, "^.*/", ""))
        return rows

    def _interfaces(self, seen: _Seen, odd: Bools) -> Rows:
        """Give the ids of the interfaces that VMs name."""
        listed = seen.lists.get("networkprofile.networkinterfaces")
        if listed is None:
            return Rows(0, texts={"key": pa.nulls(0, pa.string())}, numbers=_NO_OWNERS.copy())
        owners, elements = _flat(listed)
        shape = self._shapes["vm"].children["networkprofile"].children["networkinterfaces"]
        seen = _Seen(elements, shape)
        ids = seen.leaves.get("id", pa.nulls(len(elements), pa.string()))
        there = pc.fill_null(pc.greater(pc.binary_length(ids), 0), False)
        bad = seen.odd | ~there.to_numpy(zero_copy_only=False) | _unusual_texts(ids, of_ids=True)
        odd[owners[bad]] = True
        keys = pc.ascii_lower(ids)
        return Rows(len(owners), texts={"key": keys}, numbers={"owner": owners})

    def _list(self, path: str, cells: pa.ListArray, odd: Bools) -> _Codes:
        """Give a list as codes: by how many members it has, or by what they are."""
        if path in _COUNTED:
            counts = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
            # Every interface has been seen to have an id; of other members nothing is told.
            told = {"id": GIVEN} if path.endswith("networkinterfaces") else {}
            most = int(counts.max(initial=0))
            return counts.astype(np.int32), [[PartOfObject(told)] * n for n in range(1, most + 1)]
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

    def _disks(self, kind: str, seen: _Seen, odd: Bools) -> dict[str, Rows]:
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
        owners = seen.leaves.get("managedby", pa.nulls(len(odd), pa.string()))
        odd |= _unusual_texts(owners, of_ids=True)
        rows.numbers["managed_by"] = marks_of_ids(owners)
        named = (
            _named(*rows.leaves["sku.name"]) if "sku.name" in rows.leaves else np.zeros(len(odd))
        )
        rows.leaves["#full"] = ((said & (named > 0)).astype(np.uint8), [True])
        return {kind: rows}

    def _others(self, kind: str, seen: _Seen, odd: Bools) -> dict[str, Rows]:
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

    def _rows(self, seen: _Seen, odd: Bools, kept: Iterable[str]) -> Rows:
        rows = Rows(len(odd))
        for path, cells in seen.leaves.items():
            if path in _SET_PATHS:
                rows.leaves[f"@{path}"] = _set_keys(cells)
            if path in TEXTS_ALONE:
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


def _as_one(text: bytes) -> pa.Array:
    offsets = pa.py_buffer(np.array([0, len(text)], np.int64))
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(text)])


# The one letter beyond ASCII whose small letter is one of ASCII, and may be in a key.
_KELVIN: Final = "\u212a".encode()


def _may_hide_keys(text: bytes) -> bool:
    """Tell whether a key may be written with escapes, or with a letter that looks like another."""
    return holds(text, r"\\u") or (not text.isascii() and _KELVIN in text)


def holds(text: bytes, pattern: str) -> bool:
    """Tell whether a pattern fits anywhere in a text."""
    found: bool = pc.match_substring_regex(_as_one(text), pattern)[0].as_py()
    return found


def _all_parsed(chunk: Chunk, kind: pa.StructType) -> pa.StructArray | None:
    """Parse all values of a chunk, or give None if one does not fit."""
    try:
        if chunk.in_lines:
            table = _arrow_json(chunk.text, pa.schema(list(kind)), in_lines=True)
            if table.num_rows != chunk.count_of_lines():
                return None
            columns = [one_array(column) for column in table.columns]
            return pa.StructArray.from_arrays(columns, fields=list(kind))
        table = _arrow_json(chunk.text, pa.schema([("", pa.list_(kind))]), in_lines=False)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    records = one_array(table.column(0)).flatten()
    return None if records.null_count else records


@dataclass(frozen=True)
class _Usual:
    """What the records of a kind have, going by those seen so far: most places are always empty.

    Attributes
    ----------
    names : set of str
        The keys under which something stands.
    type : pyarrow.StructType
        What to parse: the places that have one of these names.
    others : str
        A pattern, to be put behind another one, that finds any other name with something there.
    """

    names: frozenset[str]
    type: pa.StructType
    others: str

    @staticmethod
    def of(whole: pa.StructType, names: frozenset[str], text: bytes) -> _Usual:
        """Narrow a type to some names, and to those that a text has besides, wherever."""
        others = frozenset(_names(whole)) - names
        while others and (found := _found(text, f'"(?P<name>{_any_of(others)}){_WITH_VALUE}')):
            names, others = names | {found}, others - {found}
        pattern = f'|"(?:{_any_of(others)}){_WITH_VALUE}' if others else ""
        return _Usual(names, _narrowed(whole, names), pattern)


_WITH_VALUE: Final = r'"\s*:\s*[^n\s]'


def _any_of(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names)))


def _found(text: bytes, pattern: str) -> str:
    """Give what a pattern finds first under the name ``name``; empty if nothing."""
    found = pc.extract_regex(_as_one(text), pattern)[0].as_py()
    return found["name"].decode() if found else ""


def _names(kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_list(kind):
        yield from _names(kind.value_type)
    elif pa.types.is_struct(kind):
        for one in kind:
            yield one.name
            yield from _names(one.type)


def _narrowed(kind: pa.DataType, names: frozenset[str]) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_narrowed(kind.value_type, names))
    if not pa.types.is_struct(kind):
        return kind
    return pa.struct(
        [pa.field(one.name, _narrowed(one.type, names)) for one in kind if one.name in names]
    )


def _filled(cells: pa.Array, name: str = "") -> frozenset[str]:
    """Give the names of the places at which anything stands."""
    if cells.null_count == len(cells):
        return frozenset()
    found = {name} if name else set()
    if pa.types.is_list(cells.type):
        found |= _filled(cells.flatten())
    elif pa.types.is_struct(cells.type):
        for inner, column in _opened(cells).items():
            found |= _filled(column, inner)
    return frozenset(found)


def _named(codes: Numbers, names: Sequence[Any]) -> Bools:
    """Tell which coded cells hold a name, which is more than blanks."""
    found: Bools = np.array([False, *(bool(str(name).strip()) for name in names)]).take(codes)
    return found


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
TEXTS_ALONE: Final = (
    *("id", "name", "osprofile.computername", "lun", "storageprofile.osdisk.name", "managedby"),
)
_SET_PATHS: Final = tuple(
    f"{prefix}{'.'.join(path)}"
    for path in ENCRYPTION_SET_PATHS
    for prefix in ("", "storageprofile.osdisk.")
)
_NO_TEXT: Final = pa.scalar(None, pa.string())
_NO_OWNERS: Final[dict[str, Any]] = {"owner": np.zeros(0, np.int64)}


def _flat(listed: pa.ListArray) -> tuple[Numbers, pa.StructArray]:
    """Give the members of lists, and which list each is of."""
    owners = pc.list_parent_indices(listed).to_numpy(zero_copy_only=False).astype(np.int64)
    return owners, listed.flatten()


_LONGEST_ID: Final = 1024
_ID_WEIGHTS: Final = np.random.default_rng(20261201).integers(
    1, 2**63, _LONGEST_ID, dtype=np.uint64, endpoint=True
)
_MARKED_TOGETHER: Final = 1 << 16


def marks_of_ids(ids: pa.Array) -> NDArray[np.uint64]:
    """Return a number for each id that is the same in any letter case; 0 for no id.

    Two ids may have one number, though hardly ever do: whoever compares by it must only take more
    care of what seems to be the same, never less.
    """
    found = np.zeros(len(ids), np.uint64)
    for first in range(0, len(ids), _MARKED_TOGETHER):
        texts = pc.utf8_slice_codeunits(ids.slice(first, _MARKED_TOGETHER), 0, _LONGEST_ID)
        texts = pa.concat_arrays([texts.fill_null("")])
        _, raw_offsets, raw = texts.buffers()
        offsets = np.frombuffer(raw_offsets, np.int32)[: len(texts) + 1].astype(np.int64)
        lengths = np.diff(offsets)
        given = np.flatnonzero(lengths)
        if not len(given) or raw is None:
            continue
        letters = np.frombuffer(raw, np.uint8)[: offsets[-1]] | 0x20
        places = np.arange(len(letters)) - np.repeat(offsets[:-1], lengths)
        weighed = letters.astype(np.uint64) * _ID_WEIGHTS[places % _LONGEST_ID]
        found[first + given] = np.add.reduceat(weighed, offsets[given]) | np.uint64(1)
    return found


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


def _stacked(parts: Sequence[Rows]) -> Rows:
    """Put rows one after the other; what a part does not have is nothing there."""
    if len(parts) == 1:
        return parts[0]
    made = Rows(sum(part.count for part in parts))
    for path in dict.fromkeys(path for part in parts for path in part.leaves):
        values: dict[tuple[type, Any], int] = {}
        found = []
        for part in parts:
            codes, mine = part.leaves.get(path, (np.zeros(part.count, np.uint8), []))
            table = [0, *(values.setdefault((type(one), one), len(values) + 1) for one in mine)]
            found.append(np.array(table, _smallest(max(table))).take(codes))
        made.leaves[path] = np.concatenate(found), [one for _, one in values]
    for name in parts[0].texts:
        made.texts[name] = pa.concat_arrays([part.texts[name] for part in parts])
    for name in parts[0].numbers:
        made.numbers[name] = np.concatenate([part.numbers[name] for part in parts])
    return made


class _Keys(Sequence[str]):
    """Ids of resources as they are joined by, made of texts when they are asked for."""

    def __init__(self, texts: pa.Array) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [key_of(one) for one in self._texts[at].to_pylist()]
        return key_of(self._texts[at].as_py())

    def __iter__(self) -> Iterator[str]:
        return map(key_of, self._texts.to_pylist())


def _set_keys(cells: pa.Array) -> _Codes:
    """Give the ids of disk encryption sets as they are joined by."""
    encoded = cells.dictionary_encode()
    kind = _smallest(len(encoded.dictionary))
    places = pc.add(encoded.indices.cast(pa.int64()), 1).fill_null(0)
    return places.to_numpy(zero_copy_only=False).astype(kind), _Keys(encoded.dictionary)


def _lowered(value: Json, node: Shape) -> Json:
    """Give a parsed list as the one form has it, or None if it must be read otherwise."""
    if isinstance(value, list):
        members = [_lowered(one, node) for one in value]
        return None if None in members else members
    if not isinstance(value, dict):
        return None if value is None or is_expression(value) else value
    if value.get("properties") is not None:
        return None
    made = PartOfObject()
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


def one_array(cells: pa.ChunkedArray) -> pa.Array:
    """Give the chunks of a column as one array."""
    if cells.num_chunks == 1:
        return cells.chunk(0)  # combining would copy it
    found = cells.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


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
