"""Facts of many VMs at once, out of Azure's own records.

The ordinary reader of :mod:`rpmatrix.inventory.inventory` knows every shape, and reads VMs one by
one. Most records of a large inventory are of a few shapes, though, and differ in little that
matters. So:

*   Records are parsed in blocks, by Arrow, and only where facts can show. A record that is written
    in any other way (keys in other letters, values of other types, expressions, a second record of
    the same VM) is *odd*: the ordinary reader reads it, and the VM that it belongs to.
*   What stands at each place becomes a column of codes. A fact is read by the ordinary reader,
    from one VM that looks into the columns; what it looked at is noted, and all VMs that are the
    same there have the same reading. If it looks anywhere else, the VM is odd.

So no shape and no fact is described twice, and a VM is read here or there with the same outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.columns.codes import distinct_rows
from rpmatrix.fleet.records.blocks import Block, BlockParser, marks_of_ids
from rpmatrix.fleet.records.columns import (
    Glance,
    LazyDisk,
    LazyPlaces,
    LazyVm,
    Memory,
    Place,
    RecordColumns,
    Subject,
    cell_of,
)
from rpmatrix.fleet.records.shapes import PLACES, STRUCTURE, Elsewhere
from rpmatrix.fleet.sources import BrokenError, Chunk, Opened, Source, arrow_texts, open_file
from rpmatrix.inventory.facts import FactReader, VmFacts
from rpmatrix.inventory.inventory import (
    ENCRYPTION_SET_PATHS,
    Vm,
    join,
    notes_on_scale_sets,
    scale_sets_alone,
    sets_of,
)
from rpmatrix.inventory.readings import Reading
from rpmatrix.inventory.records import (
    AROUND_IDS,
    Collector,
    Problem,
    Record,
    collect,
    id_parts,
    key_of,
    look,
    notes_on_unread,
)
from rpmatrix.matrix.matrix import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Numbers = NDArray[Any]

Json = Any


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
    problems : dict of Problem to None
        The values that are no records.
    notes : dict of str to None
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
        self._parser = BlockParser(matrix, [*self._facts["vm"], *self._facts["disk"]])
        self._held = {kind: RecordColumns() for kind in (*STRUCTURE, "attachment", "interface_id")}
        # None for an input whose records are in memory.
        self._sources: list[Source | None] = []
        # Where the odd records of VMs and disks stand, by key; the records of other kinds that are
        # odd, and all records of inputs that were read in the ordinary way, by where they stand.
        self._odd: dict[str, dict[str, list[_Stand]]] = {"vm": {}, "disk": {}}
        self._kept: dict[_Stand, list[Record]] = {}
        self._names_of_odd: dict[str, set[str]] = {}
        # Which odd VMs list a disk, and which odd disks name a VM as their owner, all by key.
        self._listed_by_odd: dict[str, set[str]] = {}
        self._owned_odd: dict[str, list[_Stand]] = {}
        self._place_of_odd: dict[tuple[int, int, str], int] = {}
        self._memories: dict[str, Memory] = {}
        self._sets_named_by_odd: set[str] = set()
        self.problems: dict[Problem, None] = {}
        self.notes: dict[str, None] = {}
        # Keys of records that nobody reads and that may bear on a verdict, by input and kind.
        self._unread: dict[tuple[str, str], set[str]] = {}
        self.counts: Counter[str] = Counter()
        self.rows_of: Counter[str] = Counter()  # of each input
        self.vms = 0
        self.scale_sets_alone = 0
        self.read_one_by_one = 0
        self._read_so_far = 0

    # ----- sources to columns

    @property
    def records(self) -> int:
        """How many records went in: those that were read, and problems."""
        return self.counts.total() + len(self.problems)

    def told(self) -> tuple[str, ...]:
        """Return what a reader of the verdicts should know of the inputs."""
        return (*self.notes, *notes_on_unread(self._unread))

    def counted(self) -> dict[str, int]:
        """Tell what became of the records that went in."""
        others = self.counts.total() - self.counts["vm"] - self.counts["disk"]
        named = {"vms": self.counts["vm"], "disks": self.counts["disk"], "other": others}
        return {**named, "problems": len(self.problems)}

    def add_file(self, path: Path, pool: ThreadPoolExecutor) -> Iterator[float]:
        """Read a file of records in any form; gives how far it was read, from 0 to 1."""
        yield from self.add_opened(open_file(path), pool)

    def add_opened(self, opened: Opened, pool: ThreadPoolExecutor) -> Iterator[float]:
        """Read an input that was opened; gives how far it was read, from 0 to 1."""
        source, read = opened.source, 0
        if source is not None:
            try:
                for size in self.add(source, pool):
                    read += size
                    yield min(read / source.size, 1)
            except BrokenError:
                assert opened.ordinarily is not None
                opened = opened.ordinarily()
        self.add_records(opened.records, opened.problems)
        self.rows_of[opened.name] += len(opened.records) + len(opened.problems)
        self.notes.update(dict.fromkeys(opened.notes))

    def add(self, source: Source, pool: ThreadPoolExecutor) -> Iterator[int]:
        """Read a source; gives how many bytes were read, chunk by chunk.

        Raises
        ------
        rpmatrix.fleet.sources.BrokenError
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
        running: list[tuple[int, Future[tuple[int, list[Block]]]]] = []
        found: list[tuple[int, list[Block]]] = []
        while True:
            for chunk in islice(chunks, _AHEAD - len(running)):
                running.append((chunk.size, pool.submit(read, chunk)))
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
                for kind, keys in block.unread.items():
                    self._unread.setdefault((source.name, kind), set()).update(keys)
        self.rows_of[source.name] += self._read_so_far
        self._read_so_far = 0

    def add_records(self, records: Sequence[Record], problems: Sequence[Problem]) -> None:
        """Take over records that were read in the ordinary way."""
        source = len(self._sources)
        self._sources.append(None)
        for ordinal, record in enumerate(records):
            self._kept[source, ordinal] = [record]
            self._note_odd(record, (source, ordinal), 0)
            self.counts[record.kind] += 1
        self.problems.update(dict.fromkeys(problems))

    def _keep(self, source: int, block: Block, first: int) -> None:
        before = self._held["vm"].count
        of_vms = "vm" in block.rows
        for kind, rows in block.rows.items():
            numbers = rows.numbers
            if kind in ("attachment", "interface_id") or (kind == "extension" and of_vms):
                numbers["owner"] = numbers["owner"] + before
            elif kind == "extension":
                numbers["owner"] = np.full(rows.count, -1, np.int64)
            if kind in STRUCTURE:
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
        found = self._read_again(source, ordinal)
        self.problems.update(dict.fromkeys(found.problems))
        self.notes.update(dict.fromkeys(found.notes))
        for where, keys in found.unread.items():
            self._unread.setdefault(where, set()).update(keys)
        for place, record in enumerate(found.records):
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
        if record.kind == "disk" and (owner := key_of(record.body.get("managedby"))):
            self._owned_odd.setdefault(owner, []).append(stand)
        if record.kind == "vm":
            self._sets_named_by_odd |= sets_of([record])
            for disk in _disks_named_in(record):
                self._listed_by_odd.setdefault(disk, set()).add(record.key)
            self._place_of_odd.setdefault((*stand, record.key), place)
            named = (("name",), ("osprofile", "computername"))
            names = {str(look(record.body, path)).lower() for path in named}
            self._names_of_odd.setdefault(record.key, set()).update(names)
        return True

    def _read_again(self, source: int, ordinal: int) -> Collector:
        """Read one value in the ordinary way."""
        home = self._sources[source]
        assert home is not None
        value, place = home.value(ordinal), home.place(ordinal)
        return collect([(home.name, place, value, home.projected)])

    # ----- who belongs to whom

    def _join(self) -> None:
        """Find the records of each VM, and the VMs that must be read one by one."""
        pa.default_memory_pool().release_unused()
        held, vms = self._held, self._held["vm"]
        self._vm_ids = vms.whole("id")
        self._add_scale_sets_alone()
        odd_disks = self._join_disks()
        self._slow = _twice(self._vm_ids) | _among(self._vm_ids, self._odd["vm"])
        self._slow[held["attachment"].numbers("owner")[odd_disks | self._shared_disks()]] = True
        self._slow |= self._owns_unlisted_disks()
        self._belongings = {
            "extension": self._gathered(*self._extension_edges()),
            "network_interface": self._gathered(*self._interface_edges()),
        }
        self._sets, self._set_values = self._encryption_sets()
        self._relate()
        self._slow |= _among(self._vm_ids, self._related)
        owners = held["attachment"].numbers("owner")
        self._first_disk = np.searchsorted(owners, np.arange(vms.count + 1))

    def _add_scale_sets_alone(self) -> None:
        """Let the records of scale sets stand for their VMs where none of these was given."""
        sets = [
            record for kept in self._kept.values() for record in kept if record.kind == "scale_set"
        ]
        if not sets:
            return
        keys = pa.array({record.key for record in sets}, pa.string())
        named = _keys_of(self._held["vm"].whole("virtualmachinescaleset.id"))
        parents = pc.replace_substring_regex(_keys_of(self._vm_ids), _INSTANCE, "")
        with_vms = _are_in(keys, named) | _are_in(keys, parents)
        known = {*keys.filter(pa.array(with_vms)).to_pylist(), *self._sets_named_by_odd}
        alone = list(scale_sets_alone(sets, known))
        self.scale_sets_alone = len(alone)
        source = len(self._sources)
        self._sources.append(None)
        for ordinal, record in enumerate(alone):
            self._kept[source, ordinal] = [record]
            self._note_odd(record, (source, ordinal), 0)
        self.notes.update(dict.fromkeys(notes_on_scale_sets(join(alone))))

    def _keys_of_vms(self, rows: pa.Array) -> list[str]:
        found: list[str] = pc.ascii_lower(self._vm_ids.take(rows)).to_pylist()
        return found

    def listed_members(self) -> dict[str, tuple[str, ...]]:
        """Give the members of each set of VMs that its own record lists, by its lower-cased id."""
        listed = {}
        for records in self._kept.values():
            for record in records:
                members = look(record.body, ("virtualmachines", "[]", "id"))
                of_set = id_parts(record.key).get("type") in _SETS
                if of_set and isinstance(members, list):
                    listed[record.key] = tuple(map(str, members))
        return listed

    def loose_disks(self) -> pa.Array:
        """Give the keys of disk records that no VM has attached among those read at once.

        VMs that are read one by one may still have them. To be asked after the first table.
        """
        held = self._held["disk"].whole("key")
        loose = np.ones(len(held), bool)
        loose[self._record_of_disk[self._record_of_disk >= 0]] = False
        odd = pa.array(self._odd["disk"], pa.string())
        keys = pa.concat_arrays([held.filter(pa.array(loose)).cast(pa.string()), odd]).unique()
        if not len(keys):
            return keys
        found = _places_in(self._held["attachment"].whole("manageddisk.id"), keys)
        attached = np.zeros(len(keys), bool)
        attached[found[found >= 0]] = True
        return keys.filter(pa.array(~attached))

    def _join_disks(self) -> Bools:
        """Find the record of each disk of a VM; tell which disks are odd, or have two records."""
        wanted = self._held["attachment"].whole("manageddisk.id")
        keys = self._held["disk"].whole("key")
        self._record_of_disk = _places_in(wanted, keys)
        odd = _among(wanted, self._odd["disk"])
        # Of two records with one id the second is that of no disk.
        others = np.ones(len(keys), bool)
        others[self._record_of_disk[self._record_of_disk >= 0]] = False
        if others.any():
            odd |= _are_in(wanted, keys.filter(pa.array(others)))
        return odd

    def _shared_disks(self) -> Bools:
        """Tell which attachments are of a disk that another VM attaches, too."""
        ids = self._held["attachment"].whole("manageddisk.id")
        shared = _among(ids, self._listed_by_odd)
        given = np.flatnonzero(pc.greater(pc.binary_length(ids).fill_null(0), 0).to_numpy(False))
        if len(given):
            shared[given] |= _twice(ids.take(pa.array(given)))
        return shared

    def _owns_unlisted_disks(self) -> Bools:
        """Tell which VMs the record of a disk names as its owner, though they do not list it."""
        self._marks_of_vms = marks_of_ids(self._vm_ids)
        named = self._held["disk"].numbers("managed_by")
        unlisted = named != 0
        owners = self._held["attachment"].numbers("owner")
        records = self._record_of_disk
        known = np.flatnonzero(records >= 0)
        agree = named[records[known]] == self._marks_of_vms[owners[known]]
        unlisted[records[known[agree]]] = False
        found: Bools = np.isin(self._marks_of_vms, named[unlisted])
        return found | _among(self._vm_ids, self._owned_odd)

    def _stands_around(self, keys: Iterable[str], disks: Iterable[str]) -> set[_Stand]:
        """Give where VMs stand that list the same disks, and disks that name one of the VMs."""
        rows = np.zeros(self._held["vm"].count, bool)
        attached = _among(self._held["attachment"].whole("manageddisk.id"), disks)
        rows[self._held["attachment"].numbers("owner")[attached]] = True
        found = self._stands_of("vm", rows)
        others = {key for disk in disks for key in self._listed_by_odd.get(disk, ())}
        found |= {stand for key in others for stand in self._odd["vm"][key]}
        found |= {stand for key in keys for stand in self._owned_odd.get(key, ())}
        marks = marks_of_ids(pa.array(sorted(keys), pa.string()))
        owned = np.isin(self._held["disk"].numbers("managed_by"), marks)
        return found | self._stands_of("disk", owned)

    def _extension_edges(self) -> tuple[Numbers, Numbers]:
        """Give pairs of VM and extension, those with a record of their own first."""
        rows = self._held["extension"]
        owners = rows.numbers("owner").copy()
        apart = np.flatnonzero(owners < 0)
        listed = np.flatnonzero(owners >= 0)
        owners[apart] = _places_in(self._parents().take(pa.array(apart)), self._vm_ids)
        order = np.concatenate([apart, listed])
        return owners[order], order

    def _parents(self) -> pa.Array:
        keys = self._held["extension"].whole("key")
        return pc.replace_substring_regex(keys, "/extensions/[^/]*$", "")

    def _interface_edges(self) -> tuple[Numbers, Numbers]:
        """Give pairs of VM and interface: the interface names the VM, or the VM names it."""
        rows, named = self._held["network_interface"], self._held["interface_id"]
        own = rows.whole("key")
        places = _places_in(rows.whole("owner_key"), self._vm_ids)
        found = _places_in(named.whole("key"), own)
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
            keys = named.whole("key")
            rows = pa.array(np.flatnonzero(_among(keys, interfaces)))
            owners = self._keys_of_vms(pa.array(named.numbers("owner")).take(rows))
            for key, owner in zip(keys.take(rows).to_pylist(), owners, strict=True):
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
            written = _lower(self._held["vm"].whole(name))
            rows = pa.array(np.flatnonzero(_among(written, wanted)))
            keys = self._keys_of_vms(rows)
            for called, key in zip(written.take(rows).to_pylist(), keys, strict=True):
                owners.setdefault(called, set()).add(key)
        for key, called_so in self._names_of_odd.items():
            for called in called_so & wanted.keys():
                owners.setdefault(called, set()).add(key)
        everything = set(self._names_of_odd)
        if len(self._vm_ids) < 2:
            everything |= set(pc.ascii_lower(self._vm_ids).to_pylist())
            owners[""] = everything
        for name, stands in wanted.items():
            if len(owners.get(name, ())) == 1:
                (key,) = owners[name]
                for stand in stands:
                    relate(key, stand)

    # ----- columns to facts

    def tables(self, size: int) -> Iterator[FactTables]:
        """Give all VMs with their facts, in the order in which they were met; to be asked once.

        Parameters
        ----------
        size : int
            The most VMs in a table.
        """
        self._join()
        # What was freed goes back to the system: the tables are made in other sizes.
        pa.default_memory_pool().release_unused()
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
        # They know one another in a circle, and would stay until it is looked for.
        self._memories.clear()
        self._held.clear()
        self._kept.clear()

    def _slow_keys(self, stands: Numbers) -> dict[str, tuple[int, int]]:
        """Give the keys of VMs to read one by one, and where each was met first."""
        rows = np.flatnonzero(self._slow)
        keys = self._keys_of_vms(pa.array(rows))
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
            keys = self._keys_of_vms(pa.array(fast[elsewhere]))
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
        of_disks = Subject(partial(self._of_disks, disks, within), len(disks))
        with ThreadPoolExecutor(1) as other:
            at_disks = other.submit(self._read_columns, "disk", of_disks)
            of_vms = Subject(partial(self._of_vms, rows, counts), len(rows))
            on_vms, elsewhere = self._read_columns("vm", of_vms)
        on_disks, missed = at_disks.result()
        elsewhere[owners[missed]] = True
        of_vms.release()
        of_disks.release()
        tables = self._vm_table(rows, on_vms), self._disk_table(disks, on_disks)
        return FactTables(*tables, owners), elsewhere

    def _read_columns(self, grain: str, subject: Subject) -> tuple[dict[str, pa.Array], Bools]:
        """Read all facts of VMs or of disks; also tell of which one shows where no column is."""
        columns, elsewhere = {}, np.zeros(subject.count, bool)
        for name in self._facts[grain]:
            memory = self._memory(name)
            codes = memory.codes(subject, partial(cell_of, self._matrix.facts[name]))
            missed = codes < 0
            if missed.any():
                elsewhere |= missed
                codes = np.where(missed, 0, codes)
            columns[name] = _dictionary(codes, memory.cells or [None])
        return columns, elsewhere

    def _memory(self, fact_id: str) -> Memory:
        if fact_id not in self._memories:
            shapes = {kind: self._parser.shape(kind) for kind in STRUCTURE}
            of_vm = self._matrix.facts[fact_id].grain == "vm"

            def read(subject: Subject, row: int) -> tuple[Glance, Reading | None]:
                glance = Glance(subject, row, self._parser.never)
                owner = LazyVm(glance, shapes) if of_vm else LazyDisk(glance, shapes, -1)
                places: Any = LazyPlaces(owner)
                try:
                    return glance, self._reader.read_one(fact_id, owner, places)
                except Elsewhere:
                    return glance, None

            self._memories[fact_id] = Memory(read)
        return self._memories[fact_id]

    def _of_vms(self, rows: Numbers, disks: Numbers, place: Place) -> tuple[Numbers, Any]:
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

    def _of_disks(self, disks: Numbers, within: Numbers, place: Place) -> tuple[Numbers, Any]:
        """Give the codes of a place for some disks, of which the places in their VMs are given."""
        what, _, path = place
        if what == "role":
            return np.where(within == 0, 1, 2), [None, "os", "data"]
        if what == "vm":
            raise Elsewhere(path)
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
        stands |= self._stands_of("vm", _among(self._vm_ids, wanted))
        stands |= {stand for key in keys for stand in self._related.get(key, ())}
        records = self._records(stands)
        of_vms = [one for found in records.values() for one in found if one.kind == "vm"]
        disks, interfaces = set(), set()
        for record in of_vms:
            disks |= _disks_named_in(record)
            named = look(record.body, ("networkprofile", "networkinterfaces", "[]", "id"))
            interfaces |= _texts(named)
        more = {stand for key in disks for stand in self._odd["disk"].get(key, ())}
        more |= self._stands_around(wanted, disks)
        more |= {stand for key in interfaces for stand in self._odd_interfaces.get(key, ())}
        more |= self._stands_of("disk", _among(self._held["disk"].whole("key"), disks))
        held = self._held["network_interface"]
        mine = _among(held.whole("key"), interfaces)
        mine |= _among(held.whole("owner_key"), wanted)
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
        return named - {*PLACES, *STRUCTURE}

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
                found[source, ordinal] = self._read_again(source, ordinal).records
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
            name: [cell_of(self._matrix.facts[name], facts.readings[name]) for facts in told]
            for name in self._facts["vm"]
        }
        who = {
            "disk_id": [one.disk.id for one in disks],
            "name": [one.disk.name for one in disks],
            "role": [one.disk.role for one in disks],
            "lun": [None if one.disk.lun is None else _whole_number(one.disk.lun) for one in disks],
            "listed": ["yes" if one.disk.listed else "no" for one in disks],
        }
        of_disks = {
            name: [cell_of(self._matrix.facts[name], one.readings[name]) for one in disks]
            for name in self._facts["disk"]
        }
        columns: tuple[dict[str, Any], ...] = ({**about, **of_vms}, {**who, **of_disks})
        made = [
            pa.table(
                {
                    name: pa.array(cells, _CELLS[name]) if name in _CELLS else arrow_texts(cells)
                    for name, cells in one.items()
                }
            )
            for one in columns
        ]
        return FactTables(made[0], made[1], np.array(owners, np.int64))


# What the VMs of a set are protected with; other groups list their VMs, too.
_SETS: Final = (
    *("microsoft.compute/availabilitysets", "microsoft.compute/virtualmachinescalesets"),
)
_INSTANCE: Final = "/virtualmachines/[^/]+$"
_SHIFT: Final = 40
# Blocks that are read ahead of what was kept.
_AHEAD: Final = 4
# VMs that are read one by one at a time: their records are in memory together.
_AT_A_TIME: Final = 2000
_CELLS: Final = {"lun": pa.int64()}
_GROUPS: Final = (("availabilityset", "id"), ("virtualmachinescaleset", "id"))


def _whole_number(lun: int) -> int | None:
    """Give a logical unit number as a table can hold it."""
    return int(lun) if -(2**63) <= lun < 2**63 else None


def _group(vm: Vm, path: tuple[str, ...]) -> str | None:
    found = (look(record.body, path) for record in vm.records)
    return next((one for one in found if isinstance(one, str)), None)


def _disks_named_in(record: Record) -> set[str]:
    """Give the keys of the managed disks that the record of a VM lists."""
    found: set[str] = set()
    for path in (("osdisk", "manageddisk", "id"), ("datadisks", "[]", "manageddisk", "id")):
        found |= _texts(look(record.body, ("storageprofile", *path)))
    return found


def _texts(value: Json) -> set[str]:
    """Give the keys that a value, or the members of a list, name."""
    members = value if isinstance(value, list) else [value]
    return {key_of(one) for one in members} - {""}


def _keys_of(ids: pa.Array) -> pa.Array:
    """Return ids as they are joined by."""
    return pc.utf8_rtrim(pc.utf8_trim(_lower(ids), AROUND_IDS), f"/{AROUND_IDS}")


def _lower(cells: pa.Array) -> pa.Array:
    return pc.utf8_lower(cells)


def _twice(ids: pa.Array) -> Bools:
    """Tell which ids, in any letters, are there more than once."""
    found = np.zeros(len(ids), bool)
    for mine in _in_shares(ids):
        encoded = pc.ascii_lower(ids.take(pa.array(mine))).dictionary_encode()
        if len(encoded.dictionary) < len(mine):
            places = encoded.indices.to_numpy(zero_copy_only=False)
            found[mine] = np.bincount(places)[places] > 1
    return found


def _in_shares(keys: pa.Array) -> Iterator[Numbers]:
    """Give the places of keys share by share: equal keys are in one."""
    count = min(-(-len(keys) // _TOGETHER), _MOST_SHARES)
    shares = _shares(keys, count)
    for share in range(count):
        yield np.flatnonzero(shares == share)


def _among(keys: pa.Array, wanted: Iterable[str]) -> Bools:
    """Tell which keys are among some others."""
    names = list(wanted)
    if not names or not len(keys):
        return np.zeros(len(keys), bool)
    return _are_in(keys, pa.array(names, pa.string()))


# How many ids are lower-cased and looked up together: copies of all would be the most of what a
# large fleet takes.
_TOGETHER: Final = 1 << 18


def _are_in(ids: pa.Array, wanted: pa.Array) -> Bools:
    """Tell which ids, in any letters, are among some keys."""
    if not len(ids):
        return np.zeros(0, bool)
    found = [
        pc.is_in(pc.ascii_lower(ids.slice(first, _TOGETHER)), value_set=wanted)
        for first in range(0, len(ids), _TOGETHER)
    ]
    return np.concatenate([one.to_numpy(zero_copy_only=False) for one in found])


def _places_in(ids: pa.Array, keys: pa.Array) -> Numbers:
    """Give for each id its place among keys, both in any letters, -1 if it is not there."""
    places = np.full(len(ids), -1, np.int64)
    if not len(keys) or not len(ids):
        return places
    count = min(-(-len(keys) // _TOGETHER), _MOST_SHARES)
    shares, of_keys = _shares(ids, count), _shares(keys, count)
    for share in range(count):
        mine = np.flatnonzero(shares == share)
        held = np.flatnonzero(of_keys == share)
        if len(mine) and len(held):
            wanted = pc.ascii_lower(ids.take(pa.array(mine)))
            known = pc.ascii_lower(keys.take(pa.array(held)))
            found = pc.index_in(wanted, value_set=known).fill_null(-1)
            found = pc.if_else(wanted.is_valid(), found, -1).to_numpy(zero_copy_only=False)
            places[mine] = np.where(found < 0, -1, held[found])
    return places


_MOST_SHARES: Final = 64
_LETTERS_OF_SHARE: Final = 12


def _shares(ids: pa.Array, count: int) -> NDArray[np.uint8]:
    """Part ids into shares, by their last letters, capital or small."""
    told = np.zeros(len(ids), np.uint8)
    if count == 1:
        return told
    _, raw_offsets, raw = ids.buffers()
    letters = np.frombuffer(raw or b"\0", np.uint8)
    offsets = np.frombuffer(raw_offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    for back in range(1, _LETTERS_OF_SHARE + 1):
        places = offsets[1:] - back
        there = places >= offsets[:-1]
        told += np.where(there, letters[np.where(there, places, 0)] | 0x20, 0).astype(np.uint8)
    return told % np.uint8(count)


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


def _left_alone(chunk: Chunk) -> tuple[int, list[Block]]:
    """Leave all values of a chunk to the ordinary reader."""
    count = len(chunk.values())
    return count, [Block({}, np.arange(count))]
