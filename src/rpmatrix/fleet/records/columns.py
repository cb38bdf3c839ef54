"""Columns of codes over all records, and VMs that look into them.

A fact is read by the ordinary reader, from one VM that stands for many: it looks into the columns.
What it looked at is noted, and all VMs that are the same there have the same reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from rpmatrix.fleet.columns.codes import UNUSABLE, told
from rpmatrix.fleet.records.blocks import TEXTS_ALONE, Rows, one_array
from rpmatrix.fleet.records.shapes import GIVEN, Elsewhere, Shape
from rpmatrix.inventory.readings import Reading
from rpmatrix.inventory.records import (
    Record,
)
from rpmatrix.matrix.matrix import Fact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Numbers = NDArray[Any]

Json = Any


# --------------------------------------------------------------------------- columns of a fleet


# A block that has more values than this at one place is looked at when somebody asks for them: ids
# are many, and few of them are ever asked for.
_MANY: Final = 256


class _Leaf:
    """One place over all records of a kind, as codes: 0 for nothing, n for the n-th value."""

    def __init__(self) -> None:
        self._values: list[Any] = [None]
        self._numbers: dict[tuple[type, Any], int] = {}
        self._chunks: list[Numbers] = []
        self._count = 0
        self._waiting: list[tuple[int, Numbers, Sequence[Any]]] = []

    def add(self, at: int, codes: Numbers, values: Sequence[Any]) -> None:
        """Add the codes of the rows from a place on; rows in between have nothing."""
        self._waiting.append((at, codes, values))
        if len(self._waiting) == 1 and len(values) <= _MANY:
            self._settle()

    def _settle(self) -> None:
        """Give equal values of all blocks one code."""
        for at, codes, values in self._waiting:
            table = [0]
            for value in values:
                mark = (type(value), repr(value) if isinstance(value, (list, dict)) else value)
                number = self._numbers.setdefault(mark, len(self._values))
                if number == len(self._values):
                    self._values.append(value)
                table.append(number)
            self._fill(at)
            self._chunks.append(np.array(table, self._kind()).take(codes))
            self._count += len(codes)
        self._waiting.clear()

    def _kind(self) -> Any:
        most = len(self._values)
        return np.uint8 if most < 256 else np.uint16 if most < 2**16 else np.int32

    def _fill(self, at: int) -> None:
        if at > self._count:
            self._chunks.append(np.zeros(at - self._count, np.uint8))
            self._count = at

    def codes(self, count: int) -> Numbers:
        """Give the codes of all rows."""
        self._settle()
        self._fill(count)
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)]
        return self._chunks[0] if self._chunks else np.zeros(0, np.uint8)

    def values(self) -> list[Any]:
        """Give what the codes stand for."""
        self._settle()
        return self._values


class RecordColumns:
    """All rows of one kind."""

    def __init__(self) -> None:
        self.count = 0
        self._leaves: dict[str, _Leaf] = {}
        self._texts: dict[str, list[pa.Array]] = {}
        self._numbers: dict[str, list[Numbers]] = {}

    def add(self, rows: Rows) -> None:
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
        return [None] if leaf is None else leaf.values()

    def text(self, name: str) -> pa.ChunkedArray:
        """Give texts that are kept as they are."""
        return pa.chunked_array(self._texts.get(name, []), pa.string())

    def whole(self, name: str) -> pa.Array:
        """Give texts that are kept as they are, as one array."""
        pieces = len(self._texts.get(name, ()))
        found = one_array(self.text(name))
        # The pieces are not kept beside it: ids are most of what is in memory.
        self._texts[name] = [found]
        if pieces > 1:
            pa.default_memory_pool().release_unused()
        return found

    def numbers(self, name: str) -> Numbers:
        """Give a column of numbers."""
        found = self._numbers.get(name, [])
        if len(found) > 1:
            found[:] = [np.concatenate(found)]
        return found[0] if found else np.zeros(0, np.int64)


# --------------------------------------------------------------------------- one VM for many

# A place that a reader can look at: what, the how-manieth of the VM, and the path inside it.
Place = tuple[str, int, str]


class Subject:
    """The VMs, or the disks, of which a fact is read: gives the codes of any place of theirs."""

    def __init__(self, find: Callable[[Place], tuple[Numbers, Sequence[Any]]], count: int) -> None:
        self.count = count
        self._find = find
        self._found: dict[Place, tuple[Numbers, Sequence[Any]]] = {}

    def at(self, place: Place) -> tuple[Numbers, Sequence[Any]]:
        """Give codes, one for each VM or disk, and what they stand for."""
        found = self._found.get(place)
        if found is None:
            found = self._found[place] = self._find(place)
        return found

    def release(self) -> None:
        """Let go of all columns; a reader may remember the last VM that it was asked about."""
        self._found.clear()
        self._find = _nothing_more


def _nothing_more(place: Place) -> tuple[Numbers, Sequence[Any]]:
    raise Elsewhere(place)


class Glance:
    """One reading of one fact, and what was looked at for it, in order."""

    def __init__(self, subject: Subject, row: int, never: frozenset[str]) -> None:
        self._subject = subject
        self._row = row
        # Keys that no record has at its outermost level, or it would have been odd.
        self.never = never
        self.trace: dict[Place, int] = {}

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
        raise Elsewhere(name)


class _Body(dict[str, Json]):
    """Stands for an object of a record in the one form."""

    def __init__(self, glance: Glance, what: str, which: int, node: Shape, path: str = "") -> None:
        super().__init__()
        self._glance = glance
        self._place = (what, which)
        self._node = node
        self._path = path

    def _ask(self, key: str) -> Json:
        path = f"{self._path}.{key}" if self._path else key
        if path == "id":
            return GIVEN
        child = self._node.children.get(key)
        if child is None or path in TEXTS_ALONE:
            raise Elsewhere(path)
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
            raise Elsewhere(str(key))
        return self._ask(str(key)) is not None

    def keys(self) -> Any:
        """Give something that tells whether a key is among the keys."""
        return _Keys(self)

    def __eq__(self, other: object) -> bool:
        if other == {} and self._glance.ask(*self._place, f"{self._path}#filled") is None:
            raise Elsewhere(self._path)
        return False

    __hash__ = None

    def _unforeseen(self, *_: Any) -> Any:
        raise Elsewhere(self._path)

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
        self, glance: Glance, what: str, which: int, node: Shape, key: str = GIVEN
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
            return f"{GIVEN}/{self._glance.ask(what, which, '#name')}"
        return f"{self._key}/{which}"


class LazyDisk(_Shy):
    """Stands for a disk: the how-manieth of a VM, or one by itself."""

    def __init__(self, glance: Glance, shapes: Mapping[str, Shape], which: int) -> None:
        self._glance, self._shapes, self._which = glance, shapes, which
        self.id, self.listed = GIVEN, True
        # Disks of several VMs are read in the ordinary way.
        self.owners, self.also_attached_by = (), ()

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
        node = Shape(("",), "object", system)
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

    def __init__(self, glance: Glance, what: str, make: Callable[[int], Any]) -> None:
        self._glance, self._what, self._make = glance, what, make

    def __iter__(self) -> Iterator[Any]:
        which = 0
        while self._glance.ask(f"has {self._what}", which) is not None:
            yield self._make(which)
            which += 1


class LazyVm(_Shy):
    """Stands for a VM with all that belongs to it."""

    def __init__(self, glance: Glance, shapes: Mapping[str, Shape]) -> None:
        self._glance, self._shapes = glance, shapes
        self.key = self.id = GIVEN
        self.records = [_LazyRecord(glance, "vm", 0, shapes["vm"])]
        self.disks = _Several(glance, "attachment", lambda k: LazyDisk(glance, shapes, k))
        self.related = self

    def get(self, kind: str, default: Any = ()) -> Any:
        """Give the related records of a kind."""
        if kind in ("extension", "network_interface"):
            node = self._shapes[kind]
            return _Several(self._glance, kind, lambda k: _LazyRecord(self._glance, kind, k, node))
        if self._glance.ask("has related", 0, kind) is not None:
            raise Elsewhere(kind)
        return default


class LazyPlaces:
    """Gives a fact that is not derived the places where it may show."""

    def __init__(self, owner: LazyVm | LazyDisk) -> None:
        self._owner = owner

    def get(self, kind: str, default: Any = ()) -> Any:
        """Give records of a kind, with the paths down to bodies inside them."""
        owner = self._owner
        if isinstance(owner, LazyVm):
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
        self.place: Place | None = None
        self.following: dict[int, _Node] = {}
        self.cell: int | None = None


class Memory:
    """Readings of one fact: what was looked at, and what was read there."""

    def __init__(self, read: Callable[[Subject, int], tuple[Glance, Reading | None]]) -> None:
        self.cells: list[str | None] = []
        self._read = read
        self._root = _Node()
        self._numbers: dict[str | None, int] = {}

    def codes(self, subject: Subject, cell: Callable[[Reading], str | None]) -> Numbers:
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

    def _learn(self, subject: Subject, row: int, cell: Callable[[Reading], str | None]) -> None:
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


def cell_of(fact: Fact, reading: Reading) -> str | None:
    """Give a reading as a cell of a column of facts."""
    if reading.value is None:
        options = "|".join(str(one) for one in reading.options)
        return options or (UNUSABLE if reading.why else None)
    text = str(reading.value)
    if told(fact, text).values == (reading.value,):
        return text
    # A text that a column takes for nothing, or for several: no rule compares with such a one.
    return text.replace("|", "\u00a6") + "\u00a6"
