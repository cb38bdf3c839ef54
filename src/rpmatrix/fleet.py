"""Large inventories: facts in, verdicts and findings out, in memory that does not grow with them.

A fleet is two tables of facts, one row per VM and one row per disk. They are read in batches and
cut into *parts* of some hundred thousand VMs; each part is judged by the column evaluator, written
if a place is named, and counted. What stays in memory is a :class:`Summary`, however many VMs.

The columns of the tables are named by fact ids, and besides:

``vm_id``, ``name``, ``location``, ``subscription_id``, ``availability_set_id``, ``scale_set_id``
    of a VM; only ``vm_id`` must be there.
``vm_id``, ``role`` (``os`` or ``data``), ``disk_id``, ``name``, ``lun``, ``listed``
    of a disk; ``vm_id`` and ``role`` must be there. ``listed`` is ``no`` in a row that stands for
    disks which the source does not list.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.columns import SEPARATOR, Coded, ColumnEvaluator, Judged
from rpmatrix.eligibility import VERDICTS, Answers
from rpmatrix.inventory import Problem, region
from rpmatrix.matrix import MODES, Matrix, load_matrix

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

VM_COLUMNS: Final = (
    *("vm_id", "name", "subscription_id", "location", "availability_set_id", "scale_set_id"),
)
DISK_COLUMNS: Final = ("vm_id", "disk_id", "name", "role", "lun", "listed")
# VMs judged at a time: enough that what is done once per part does not count.
PART: Final = 262_144
_LISTS: Final = ("reasons", "caveats", "assumptions", "missing", "rulings")


_T = TypeVar("_T")


class FleetError(ValueError):
    """An inventory cannot be read as a fleet; the message says which part and what to do."""


# --------------------------------------------------------------------------- counting


@dataclass
class Summary:
    """What is counted of a fleet; summaries of parts add up.

    Attributes
    ----------
    vms, disks : int
        How many were judged.
    outcomes : Counter
        VMs by mode, verdict, floor, ceiling, reasons, missing facts and rows that exclude disks.
    places : Counter
        VMs by subscription, region, mode and verdict.
    caveats, assumptions : Counter
        VMs by mode and row, by mode and fact.
    exclusions : Counter
        Disks to exclude by mode and row.
    groups : Counter
        VMs by kind and id of the set they are in, mode and verdict.
    """

    vms: int = 0
    disks: int = 0
    outcomes: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    places: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    caveats: Counter[tuple[str, str]] = field(default_factory=Counter)
    assumptions: Counter[tuple[str, str]] = field(default_factory=Counter)
    exclusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, other: Summary) -> None:
        """Add what was counted of another part."""
        self.vms += other.vms
        self.disks += other.disks
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))

    def to_json(self) -> dict[str, Any]:
        """Give the summary as values that JSON can hold."""
        counted = {
            name: [[*key, n] for key, n in getattr(self, name).items()] for name in _COUNTERS
        }
        return {"vms": self.vms, "disks": self.disks, **counted}

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Summary:
        """Give the summary that :meth:`to_json` gave."""
        made = Summary(given["vms"], given["disks"])
        for name in _COUNTERS:
            counter = getattr(made, name)
            for *key, count in given[name]:
                counter[tuple(tuple(one) if isinstance(one, list) else one for one in key)] = count
        return made


_COUNTERS: Final = ("outcomes", "places", "caveats", "assumptions", "exclusions", "groups")


# --------------------------------------------------------------------------- parts


@dataclass(frozen=True, eq=False)
class Part:
    """Some VMs of a fleet with their disks, judged.

    Attributes
    ----------
    vms, disks : pyarrow.Table
        Who they are: the columns beside the facts.
    judged : Judged
        Their verdicts.
    """

    vms: pa.Table
    disks: pa.Table
    judged: Judged

    def verdicts(self, modes: Sequence[str] = MODES) -> pa.Table:
        """Give one row per VM and mode, with the columns that verdicts have everywhere."""
        cases, count = self.judged.cases, len(modes)
        rows = np.repeat(np.arange(len(cases), dtype=np.int32), count)
        known = self.judged.evaluator.cases
        present = np.flatnonzero(np.bincount(cases, minlength=len(known)))
        local = np.zeros(len(known), np.int32)
        local[present] = np.arange(len(present))
        local = local.take(cases)
        columns: dict[str, pa.Array] = {
            "vm_id": _dictionary(rows, self.vms["vm_id"]),
            "vm_name": _dictionary(rows, _names(self.vms)),
            "mode": _looked_up(np.tile(np.arange(count, dtype=np.int8), len(cases)), modes),
        }
        for name in ("verdict", "floor", "ceiling"):
            told = [getattr(known, name)(mode)[present].take(local) for mode in modes]
            columns[name] = _looked_up(np.stack(told, axis=1).reshape(-1), VERDICTS)
        columns["exclude_disks"] = self._exclude_disks(modes)
        for name in _LISTS:
            texts: dict[str, int] = {}
            found = []
            for mode in modes:
                codes, lists = known.coded(name, mode, present)
                places = [texts.setdefault(SEPARATOR.join(one), len(texts)) for one in lists]
                found.append(np.array(places or [0], np.int32).take(codes).take(local))
            columns[name] = pa.DictionaryArray.from_arrays(
                np.stack(found, axis=1).reshape(-1), pa.array(list(texts) or [""], pa.string())
            )
        return pa.table(columns)

    def _exclude_disks(self, modes: Sequence[str]) -> pa.Array:
        """Give the disks to exclude of each VM and mode, as one text."""
        places = np.zeros((len(self.judged.cases), len(modes)), np.int32)
        texts = {"": 0}
        for at, mode in enumerate(modes):
            gone = np.flatnonzero(self.judged.excluded(mode))
            owners = self.judged.owners.take(gone)
            labels = _labels(self.disks, gone)
            starts = np.flatnonzero(np.diff(owners, prepend=-1))
            for start, stop in pairwise([*starts, len(gone)]):
                text = SEPARATOR.join(labels[start:stop])
                places[owners[start], at] = texts.setdefault(text, len(texts))
        return pa.DictionaryArray.from_arrays(
            places.reshape(-1), pa.array(list(texts), pa.string())
        )

    def findings(self) -> pa.Table:
        """Give one row for each row of the matrix that bears on a VM or on one of its disks.

        Rows that say that all is well are left out: most VMs have a dozen of them.
        """
        found = self.judged.findings()
        evaluator = self.judged.evaluator
        rows = [evaluator.scalar.rules.rows[row] for row in evaluator.rows]
        told = {mode: [row.outcomes[mode] for row in rows] for mode in MODES}
        layers = [evaluator.matrix.layer_of(row) for row in evaluator.rows]
        of_disk = found.disks >= 0
        places = pa.array(np.where(of_disk, found.disks, 0).astype(np.int32), mask=~of_disk)
        columns = {"vm_id": _dictionary(found.vms, self.vms["vm_id"])}
        if "disk_id" in self.disks.column_names:
            columns["disk_id"] = _dictionary(places, self.disks["disk_id"])
        for name in ("role", "lun"):
            if name in self.disks.column_names:
                columns[name] = self.disks[name].combine_chunks().take(places)
        columns |= {
            "row_id": _looked_up(found.rows, evaluator.rows),
            **{mode: _looked_up(found.rows, outcomes) for mode, outcomes in told.items()},
            "applies": _looked_up(found.applies.astype(np.int8), ["unknown", "yes"]),
            "layer": _looked_up(found.rows, layers),
        }
        return pa.table(columns)

    def summary(self) -> Summary:
        """Count the part."""
        judged, known = self.judged, self.judged.evaluator.cases
        counted = np.bincount(judged.cases, minlength=len(known))
        present = np.flatnonzero(counted)
        counts = counted[present].tolist()
        made = Summary(len(judged.cases), len(judged.owners))
        for mode in MODES:
            verdicts = (
                [VERDICTS[code] for code in getattr(known, name)(mode)[present]]
                for name in ("verdict", "floor", "ceiling")
            )
            lists = (
                known.lists(name, mode, present) for name in ("reasons", "missing", "exclusions")
            )
            for *told, count in zip(*verdicts, *lists, counts, strict=True):
                made.outcomes[mode, *told] += count
            for name in ("caveats", "assumptions"):
                counter = getattr(made, name)
                for members, count in zip(known.lists(name, mode, present), counts, strict=True):
                    for member in members:
                        counter[mode, member] += count
            self._count_disks(made, mode)
        self._count_places(made)
        return made

    def _count_disks(self, made: Summary, mode: str) -> None:
        judged = self.judged
        gone = judged.disks[judged.excluded(mode)]
        configurations, counts = np.unique(gone, return_counts=True)
        for rows, count in zip(
            judged.evaluator.exclusions(configurations, mode), counts.tolist(), strict=True
        ):
            for row in rows:
                made.exclusions[mode, row] += count

    def _count_places(self, made: Summary) -> None:
        where = [_subscriptions(self.vms), _encoded(self.vms, "location")]
        verdicts = {mode: self.judged.verdicts(mode) for mode in MODES}
        for mode, codes in verdicts.items():
            for (subscription, place, verdict), count in _counted(*where, (codes, VERDICTS)):
                made.places[subscription.lower(), region(place), mode, verdict] += count
            for kind in ("availability_set", "scale_set"):
                if f"{kind}_id" in self.vms.column_names:
                    members = _encoded(self.vms, f"{kind}_id")
                    for (group, verdict), count in _counted(members, (codes, VERDICTS)):
                        if group:
                            made.groups[kind, group.lower(), mode, verdict] += count


_Encoded = tuple[Any, Sequence[str]]


def _counted(*columns: _Encoded) -> Iterator[tuple[tuple[str, ...], int]]:
    """Count the combinations of some columns that are given as codes and their meaning."""
    key = np.zeros(len(columns[0][0]), np.int64)
    for codes, values in columns:
        key *= max(len(values), 1)
        key += codes
    encoded = pa.array(key).value_counts()
    for number, count in zip(
        encoded.field("values").to_pylist(), encoded.field("counts").to_pylist(), strict=True
    ):
        told: list[str] = []
        for _, values in reversed(columns):
            number, place = divmod(number, max(len(values), 1))
            told.append(values[place])
        yield tuple(reversed(told)), count


def _encoded(table: pa.Table, name: str) -> _Encoded:
    """Give a column of texts as codes and texts; nothing is an empty text."""
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int64), [""]
    column = table[name].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    values = ["" if one is None else str(one) for one in column.dictionary.to_pylist()]
    places = column.indices.cast(pa.int64()).fill_null(len(values))
    return places.to_numpy(zero_copy_only=False), [*values, ""]


def _subscriptions(vms: pa.Table) -> _Encoded:
    """Give the subscription of each VM, read from the ids where no column tells."""
    if "subscription_id" in vms.column_names:
        return _encoded(vms, "subscription_id")
    begin = len("/subscriptions/")
    ids = vms["vm_id"].cast(pa.string()).cast(pa.binary())
    starts = pc.binary_slice(ids, 0, begin + _GUID).cast(pa.string())
    codes, values = _encoded(pa.table({"start": starts}), "start")
    named = [value[:begin].lower() == "/subscriptions/" for value in values]
    return codes, [
        value[begin:].partition("/")[0] if known else ""
        for value, known in zip(values, named, strict=True)
    ]


_GUID: Final = 36


def _looked_up(places: NDArray[np.integer[Any]], texts: Sequence[str]) -> pa.DictionaryArray:
    """Give a text for each place; equal texts have one code."""
    distinct = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    codes = np.array([distinct[text] for text in texts] or [0], np.int16)
    return pa.DictionaryArray.from_arrays(codes.take(places), pa.array(list(distinct), pa.string()))


def _dictionary(places: Any, values: pa.ChunkedArray) -> pa.Array:
    """Give values at places without copying them."""
    held = values.combine_chunks()
    if isinstance(held, pa.ChunkedArray):
        held = held.chunk(0) if held.num_chunks else pa.array([], held.type)
    indices = pa.array(places)
    if pa.types.is_dictionary(held.type):
        return held.take(indices)
    if held.null_count:
        indices = pc.if_else(held.is_valid().take(indices), indices, None)
        held = held.fill_null("")
    return pa.DictionaryArray.from_arrays(indices, held)


def _names(vms: pa.Table) -> pa.ChunkedArray:
    """Give the name of each VM: the last part of its id where no column tells."""
    from_id = pc.replace_substring_regex(vms["vm_id"].cast(pa.string()), "^.*/", "")
    if "name" not in vms.column_names:
        return from_id
    names = vms["name"].cast(pa.string())
    return names if not names.null_count else pc.coalesce(names, from_id)


def _labels(disks: pa.Table, rows: NDArray[np.integer[Any]]) -> list[str]:
    """Give the ids of some disks, or what else tells people which disk is meant."""
    chosen = disks.select([name for name in DISK_COLUMNS if name in disks.column_names]).take(rows)
    found = []
    for disk in chosen.to_pylist():
        of_os = str(disk["role"]).strip().lower() == "os"
        place = "OS disk" if of_os else f"data disk at lun {disk.get('lun')}"
        found.append(disk.get("disk_id") or disk.get("name") or place)
    return found


# --------------------------------------------------------------------------- tables in batches


@dataclass(frozen=True, eq=False)
class _Batch:
    """Some rows of a table of facts: who they are, and what is known of them as codes."""

    about: pa.Table
    coded: Coded
    weight: float = 0  # bytes of input that it was read from

    def rows(self, places: NDArray[np.integer[Any]]) -> _Batch:
        """Give some rows, in rising order; those that stand together are not copied."""
        first, count = int(places[0]), len(places)
        if int(places[-1]) - first == count - 1:
            return _Batch(self.about.slice(first, count), self.coded.slice(first, first + count))
        return _Batch(self.about.take(places), self.coded.take(places))


class _Reader:
    """Turns tables of facts into batches, and keeps what does not fit."""

    def __init__(self, evaluator: ColumnEvaluator) -> None:
        self._evaluator = evaluator
        self.problems: dict[Problem, None] = {}
        self.rows = 0

    def vms(self, table: pa.Table, file: str = "", first: int = 0) -> _Batch:
        """Read rows of VMs; a row without an id is a problem."""
        table = self._identified(table, file, first)
        about = table.select([name for name in VM_COLUMNS if name in table.column_names])
        return _Batch(about, self._evaluator.encode_vms(table))

    def disks(self, table: pa.Table, file: str = "", first: int = 0) -> _Batch:
        """Read rows of disks; one that does not tell its role stands for a disk not listed."""
        table = self._identified(table, file, first)
        if "role" not in table.column_names:
            message = "there is no column 'role', which says os or data; add it"
            raise FleetError(f"{file or 'the table of disks'}: {message}")
        about = table.select([name for name in DISK_COLUMNS if name in table.column_names])
        roles = pc.utf8_lower(pc.utf8_trim_whitespace(table["role"].cast(pa.string())))
        known = pc.fill_null(pc.is_in(roles, pa.array(["os", "data"])), False)
        if pc.all(known).as_py() is not False:
            return _Batch(about, self._evaluator.encode_disks(table))
        good = np.flatnonzero(known.to_numpy())
        bad = np.flatnonzero(~known.to_numpy())
        for row in bad.tolist():
            told = f"the role of a disk is os or data, not {table['role'][row].as_py()!r}"
            self._fail(file, first + row, "role", f"{told}; the disk counts as not known")
        coded = Coded.joined(
            [
                self._evaluator.encode_disks(table.take(good)),
                self._evaluator.unlisted(np.ones(len(bad), np.uint8)),
            ]
        )
        order = np.argsort(np.concatenate([good, bad]), kind="stable")
        return _Batch(about, coded.take(order))

    def _identified(self, table: pa.Table, file: str, first: int) -> pa.Table:
        self.rows += table.num_rows
        if "vm_id" not in table.column_names:
            named = ", ".join(table.column_names[:8])
            raise FleetError(
                f"{file or 'the table'}: there is no column 'vm_id', only {named}; a table of "
                "facts has one row per VM or disk, named by the id of the VM"
            )
        ids = table["vm_id"]
        text = ids.type.value_type if pa.types.is_dictionary(ids.type) else ids.type
        if not (pa.types.is_string(text) or pa.types.is_large_string(text)):
            ids = ids.cast(pa.string())
            table = table.set_column(table.column_names.index("vm_id"), "vm_id", ids)
        if not ids.null_count:
            return table
        for row in np.flatnonzero(ids.is_null().to_numpy()).tolist():
            self._fail(file, first + row, "vm_id", "the row names no VM; give it an id")
        return table.filter(ids.is_valid())

    def _fail(self, file: str, row: int, path: str, message: str) -> None:
        # The header is the first row of a file.
        self.problems[Problem(file, f"row {row + 2}", path, message)] = None


def _ahead(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], _T]], depth: int) -> Iterator[_T]:
    """Run jobs in threads, some ahead of what is asked for, and give what they give in order."""
    waiting = iter(jobs)
    running: list[Future[_T]] = [pool.submit(job) for job in islice(waiting, depth)]
    while running:
        found = running.pop(0).result()
        running += [pool.submit(job) for job in islice(waiting, 1)]
        yield found


# --------------------------------------------------------------------------- disks to their VMs


class OutOfOrderError(Exception):
    """Disks come in another order than their VMs: they cannot be joined in one pass."""


class _Disks:
    """Gives the disks of each part, from batches in the order of the VMs.

    Disks of VMs that come later are held. If that would be too many, the order is another one and
    :class:`OutOfOrderError` is raised; without a limit, all batches are gone through for every part
    and nothing is held.
    """

    def __init__(self, batches: Iterator[_Batch], most_held: int | None) -> None:
        self._batches = batches
        self._most = most_held
        self.held: list[_Batch] = []

    def of(self, ids: pa.Array) -> tuple[list[_Batch], list[NDArray[np.int64]]]:
        """Give batches of the disks of these VMs, and for each row the place of its VM."""
        join = _Join(ids, in_order=self._most is not None)
        found: list[_Batch] = []
        owners: list[NDArray[np.int64]] = []
        held, self.held = self.held, []
        for batch in held:
            self._sort_out(join, batch, found, owners)
        for batch in self._batches:
            passed = self._sort_out(join, batch, found, owners)
            if self._most is None:
                self.held.clear()
                continue
            if sum(one.coded.length for one in self.held) > self._most:
                raise OutOfOrderError
            if passed:
                break
        return found, owners

    def _sort_out(
        self,
        join: _Join,
        batch: _Batch,
        found: list[_Batch],
        owners: list[NDArray[np.int64]],
    ) -> bool:
        """Part what belongs to these VMs from what does not; tell whether the last row does not."""
        if not batch.coded.length:
            return False
        places = join.places(batch.about["vm_id"])
        mine = places >= 0
        if mine.all():
            found.append(batch)
            owners.append(places)
            return False
        for chosen, target in ((mine, found), (~mine, self.held)):
            rows = np.flatnonzero(chosen)
            if len(rows):
                target.append(batch.rows(rows))
        if mine.any():
            owners.append(places[mine])
        return not mine[-1]


class _Join:
    """Finds the place of a VM by its id, fast where disks come in the order of the VMs.

    If they are to come in order, what follows the disks of the last VM is of none of them.
    """

    def __init__(self, ids: pa.Array, *, in_order: bool) -> None:
        self._ids = ids
        self._in_order = in_order
        self._lowered: pa.Array | None = None
        self._next = 0

    def places(self, column: pa.ChunkedArray) -> NDArray[np.int64]:
        """Give for each row the place of its VM, -1 if it is none of these."""
        found = [self._places(chunk) for chunk in column.chunks]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _places(self, column: pa.Array) -> NDArray[np.int64]:
        if not len(column):
            return np.zeros(0, np.int64)
        # Disks of one VM stand together: look only at the first of them.
        if pa.types.is_dictionary(column.type):
            codes = column.indices.to_numpy(zero_copy_only=False)
            starts = np.flatnonzero(np.diff(codes, prepend=-1))
            heads = column.dictionary.take(pa.array(codes[starts]))
        else:
            changes = pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
            starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
            heads = column.take(pa.array(starts))
        counts = np.diff(starts, append=len(column))
        return np.repeat(self._heads(heads.cast(pa.string())), counts)

    def _heads(self, heads: pa.Array) -> NDArray[np.int64]:
        """Follow the ids of disks along those of VMs, some of which have none."""
        found = np.full(len(heads), -1, np.int64)
        ids, at, skips = self._ids, 0, 0
        if not self._in_order:
            self._look_up(heads, 0, found)
            return found
        while at < len(heads) and self._next < len(ids):
            mine = heads[at : at + _STRIDE]
            theirs = ids[self._next : self._next + len(mine)]
            same = pc.equal(mine[: len(theirs)], theirs).to_numpy(zero_copy_only=False)
            length = len(same) if same.all() else int(same.argmin())
            found[at : at + length] = np.arange(self._next, self._next + length)
            at += length
            self._next += length
            if length == len(same):
                continue
            near = ids[self._next : self._next + _STRIDE]
            ahead = pc.index(near, heads[at]).as_py()
            if ahead < 0 or (skips := skips + 1) > _STRIDE:
                self._look_up(heads, at, found)
                break
            self._next += ahead
        # The last VM may go on in the next batch.
        self._next = max(self._next - 1, 0)
        return found

    def _look_up(self, heads: pa.Array, at: int, found: NDArray[np.int64]) -> None:
        """Find what comes in another order, or is written otherwise."""
        if self._lowered is None:
            self._lowered = pc.utf8_lower(self._ids)
        places = pc.index_in(pc.utf8_lower(heads[at:]), value_set=self._lowered)
        found[at:] = places.fill_null(-1).to_numpy(zero_copy_only=False)
        if found[-1] >= 0:
            self._next = int(found[-1]) + 1


# How many ids are compared at a time, and how far one is looked for.
_STRIDE: Final = 4096


def _with_unlisted(
    evaluator: ColumnEvaluator, disks: _Batch, owners: NDArray[np.int64], vms: int
) -> tuple[_Batch, NDArray[np.int64]]:
    """Add a stand-in for the disks that no row tells of: nothing is known of them.

    Every VM has an OS disk; a VM of which no disk is told may have any.
    """
    counts = np.bincount(owners, minlength=vms)
    roles = disks.coded["role"]
    of_os = owners if isinstance(roles, int) and roles == 0 else owners[np.asarray(roles) == 0]
    if isinstance(roles, int) and roles:
        of_os = owners[:0]
    without_os = np.flatnonzero(np.bincount(of_os, minlength=vms) == 0)
    without_any = np.flatnonzero(counts == 0)
    if not len(without_os):
        return disks, owners
    added = np.concatenate([without_os, without_any])
    kinds = np.repeat(np.array([0, 1], np.uint8), [len(without_os), len(without_any)])
    order = np.argsort(np.concatenate([owners, added]), kind="stable")
    coded = Coded.joined([disks.coded, evaluator.unlisted(kinds)]).take(order)
    roles_of = pa.array(["os", "data"]).take(pa.array(kinds))
    blank = pa.table(
        [
            roles_of.cast(column.type)
            if column.name == "role"
            else pa.nulls(len(kinds), column.type)
            for column in disks.about.schema
        ],
        schema=disks.about.schema,
    )
    about = pa.concat_tables([disks.about, blank]).take(order)
    return _Batch(about, coded), np.concatenate([owners, added])[order]


# --------------------------------------------------------------------------- files of facts


class Files(NamedTuple):
    """Files that belong together: the disks of these VMs are in these files."""

    name: str
    vms: tuple[Path, ...]
    disks: tuple[Path, ...]


_SUFFIX_OF_PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def _form(path: Path) -> str:
    """Give the suffix of a file, that of its compression left out."""
    suffixes = [one.lower() for one in path.suffixes]
    if suffixes and suffixes[-1] in _SUFFIX_OF_PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _columns_of(path: Path) -> list[str]:
    """Give the names of the columns of a Parquet or CSV file."""
    if _form(path) == ".parquet":
        import pyarrow.parquet as pq

        names: list[str] = pq.read_schema(path).names
        return names
    with pa.input_stream(str(path)) as stream:
        first = bytes(stream.read(65_536)).partition(b"\n")[0]
    text = first.decode("utf-8-sig", errors="replace").strip()
    return [name.strip().strip('"') for name in text.split(",")]


def _holds_facts(path: Path) -> bool:
    return _form(path) in (".parquet", ".csv") and "vm_id" in _columns_of(path)


def _together(paths: Sequence[Path]) -> list[Files]:
    """Part files of VMs from files of disks, and pair those that are named alike.

    A fleet in partitions has a file of disks for every file of VMs, named alike but for the words
    for VMs and disks: ``vms/part-3.parquet`` and ``disks/part-3.parquet``.
    """
    vms = [path for path in paths if "role" not in _columns_of(path)]
    disks = [path for path in paths if path not in vms]

    def stem(path: Path) -> str:
        return re.sub(r"(?<![a-z])(vms?|disks?)(?![a-z])", "", str(path).lower())

    named = {stem(path): path for path in vms}
    pairs = {stem(path): path for path in disks}
    if len(named) == len(vms) > 1 and len(pairs) == len(disks) and named.keys() == pairs.keys():
        return [Files(name, (named[name],), (pairs[name],)) for name in sorted(named)]
    return [Files("", tuple(vms), tuple(disks))] if vms else []


def _jobs(
    path: Path,
    columns: Sequence[str],
    coded: Sequence[str],
    make: Callable[[pa.Table, str, int], _Batch],
) -> Iterator[Callable[[], _Batch]]:
    """Give what reads each piece of a file."""
    size = path.stat().st_size
    if _form(path) == ".parquet":
        import pyarrow.parquet as pq

        whole = pq.ParquetFile(path)
        wanted = [name for name in columns if name in whole.schema_arrow.names]
        texts = [name for name in coded if name in wanted]
        first = 0
        for number in range(whole.num_row_groups):
            rows = whole.metadata.row_group(number).num_rows
            weight = size * rows / max(whole.metadata.num_rows, 1)

            def read(number: int = number, first: int = first, weight: float = weight) -> _Batch:
                mine = pq.ParquetFile(path, metadata=whole.metadata, read_dictionary=texts)
                group = mine.read_row_group(number, columns=wanted, use_threads=False)
                return replace(make(group, str(path), first), weight=weight)

            yield read
            first += rows
        return
    from pyarrow import csv

    packed = _SUFFIX_OF_PACKED.get(path.suffix.lower())
    named = [name for name in _columns_of(path) if name in columns]
    kinds = {
        name: pa.dictionary(pa.int32(), pa.string()) if name in coded else pa.string()
        for name in named
    }
    with path.open("rb") as raw, pa.input_stream(raw, compression=packed) as stream:
        tables = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=1 << 24),
            parse_options=csv.ParseOptions(newlines_in_values=False),
            convert_options=csv.ConvertOptions(
                column_types=kinds,
                include_columns=named,
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )
        first = at = 0
        for batch in tables:
            weight = raw.tell() - at
            at += weight
            yield partial(_made, make, pa.Table.from_batches([batch]), str(path), first, weight)
            first += batch.num_rows


def _made(
    make: Callable[[pa.Table, str, int], _Batch],
    table: pa.Table,
    file: str,
    first: int,
    weight: int,
) -> _Batch:
    return replace(make(table, file, first), weight=weight)


# --------------------------------------------------------------------------- the run


class _Run:
    """Judges a fleet part by part."""

    def __init__(self, evaluator: ColumnEvaluator, threads: int = 2) -> None:
        self.evaluator = evaluator
        self.reader = _Reader(evaluator)
        self.orphans = 0
        self.read = 0.0
        self._threads = threads
        self._left: list[_Batch] = []

    def met(self) -> dict[str, Any]:
        """Give what was met so far besides VMs and disks."""
        problems = [[getattr(one, name) for name in _PROBLEM] for one in self.reader.problems]
        return {"rows": self.reader.rows, "orphans": self.orphans, "problems": problems}

    def met_since(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Give what was met since then."""
        now = self.met()
        return {
            "rows": now["rows"] - before["rows"],
            "orphans": now["orphans"] - before["orphans"],
            "problems": now["problems"][len(before["problems"]) :],
        }

    def forget(self, told: Mapping[str, Any]) -> None:
        """Go back to what had been met."""
        self.reader.rows = self.orphans = 0
        self.reader.problems.clear()
        self.remember(told)

    def remember(self, told: Mapping[str, Any]) -> None:
        """Take over what another run met."""
        self.reader.rows += told["rows"]
        self.orphans += told["orphans"]
        self.reader.problems.update({Problem(*one): None for one in told["problems"]})

    def sorted_problems(self) -> tuple[Problem, ...]:
        """Give the problems in the order of files and rows."""

        def place(problem: Problem) -> tuple[str, int, str]:
            number = re.search(r"\d+", problem.record)
            return problem.file, int(number[0]) if number else 0, problem.record

        return tuple(sorted(self.reader.problems, key=place))

    def notes(self) -> Iterator[str]:
        """Give what a reader should know of the disks."""
        if self.orphans:
            yield f"{self.orphans} rows of disks name a VM that is not among those given"

    def tables(self, vms: pa.Table, disks: pa.Table | None) -> Iterator[Part]:
        """Judge tables that are in memory, in one part."""
        of_vms = self.reader.vms(vms)
        of_disks = self.reader.disks(_NO_DISKS if disks is None else disks)
        yield from self._parts(iter([of_vms]), iter([of_disks]), of_disks.coded.length + 1)

    def files(self, files: Files, *, in_order: bool = True) -> Iterator[Part]:
        """Judge files that belong together.

        Parameters
        ----------
        files : Files
            Files of facts.
        in_order : bool
            Whether disks come in the order of their VMs. If not, they are read again for every
            part, which takes longer and no more memory.

        Raises
        ------
        OutOfOrderError
            If they were to come in order and do not; parts given so far are not to be used.
        """
        with ThreadPoolExecutor(self._threads) as pool:
            of_vms, of_disks = (
                self._weighed(_ahead(pool, jobs, self._threads + 1)) for jobs in self._jobs(files)
            )
            if in_order:
                yield from self._parts(of_vms, of_disks, 4 * PART)
                self._check_order(files)
                return
            for batch in _gathered(of_vms, PART):
                disks = _gathered(self._all_disks(files), 4 * PART)
                yield self._part(batch, _Disks(disks, None))

    def _weighed(self, batches: Iterator[_Batch]) -> Iterator[_Batch]:
        for batch in batches:
            self.read += batch.weight
            yield batch

    def _all_disks(self, files: Files) -> Iterator[_Batch]:
        return (job() for job in self._jobs(files)[1])

    def _jobs(self, files: Files) -> list[Iterator[Callable[[], _Batch]]]:
        evaluator, reader = self.evaluator, self.reader
        of_vms = [*VM_COLUMNS, *evaluator.vm_facts], ["location", *evaluator.vm_facts]
        of_disks = [*DISK_COLUMNS, *evaluator.disk_facts]
        coded = ["vm_id", "role", "listed", *evaluator.disk_facts]
        return [
            chain.from_iterable(_jobs(path, *of_vms, reader.vms) for path in files.vms),
            chain.from_iterable(_jobs(path, of_disks, coded, reader.disks) for path in files.disks),
        ]

    def _parts(
        self, vms: Iterator[_Batch], disks: Iterator[_Batch], most_held: int
    ) -> Iterator[Part]:
        held = _Disks(disks, most_held)
        for batch in _gathered(vms, PART):
            yield self._part(batch, held)
        self._left = [*held.held, *disks]
        self.orphans += sum(batch.coded.length for batch in self._left)

    def _check_order(self, files: Files) -> None:
        """See whether a disk that found no VM belongs to one that had been judged before."""
        if not self._left:
            return
        names = pa.concat_arrays(
            [
                pc.utf8_lower(chunk.cast(pa.string())).unique()
                for batch in self._left
                for chunk in batch.about["vm_id"].chunks
            ]
        )
        for path in files.vms:
            for job in _jobs(path, ["vm_id"], [], self.reader.vms):
                ids = pc.utf8_lower(job().about["vm_id"].cast(pa.string()))
                if pc.any(pc.is_in(ids, value_set=names)).as_py():
                    raise OutOfOrderError

    def _part(self, vms: _Batch, held: _Disks) -> Part:
        ids = vms.about["vm_id"].combine_chunks()
        found, owners = held.of(ids)
        disks = _joined(found) if found else self.reader.disks(_NO_DISKS)
        places = np.concatenate(owners) if owners else np.zeros(0, np.int64)
        if len(places) and (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            places, disks = places[order], _Batch(disks.about.take(order), disks.coded.take(order))
        disks, places = _with_unlisted(self.evaluator, disks, places, vms.coded.length)

        def names() -> Iterator[tuple[str, str]]:
            return zip(_names(vms.about).to_pylist(), ids.to_pylist(), strict=True)

        judged = self.evaluator.judge(vms.coded, disks.coded, places.astype(np.int32), names)
        return Part(vms.about, disks.about, judged)


_NO_DISKS: Final = pa.table({"vm_id": pa.array([], pa.string()), "role": pa.array([], pa.string())})


def _gathered(batches: Iterator[_Batch], rows: int) -> Iterator[_Batch]:
    """Put small batches together until they have some number of rows."""
    waiting: list[_Batch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.coded.length for one in waiting) >= rows:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(batches: Sequence[_Batch]) -> _Batch:
    if len(batches) == 1:
        return batches[0]
    tables = [batch.about for batch in batches]
    return _Batch(
        pa.concat_tables(tables, promote_options="permissive"),
        Coded.joined([batch.coded for batch in batches]),
    )


# --------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes
    ----------
    vms, problems : int
        VMs judged and problems met so far.
    share : float
        The share of the input that was gone through, from 0 to 1.
    seconds : float
        How long it took so far.
    """

    vms: int
    problems: int
    share: float
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take if it goes on like this; None if that cannot be told."""
        return self.seconds / self.share - self.seconds if self.share else None

    def __str__(self) -> str:
        left = self.seconds_left
        wait = "" if left is None or self.share >= 1 else f", {left:.0f} s left"
        return f"{self.vms:,} VMs, {self.share:.0%}{wait}"


@dataclass(frozen=True, eq=False)
class FleetResult:
    """The verdicts of a fleet, and what they add up to.

    Attributes
    ----------
    matrix : Matrix
        What decided.
    summary : Summary
        What was counted.
    problems : tuple of Problem
        The records that were not understood.
    notes : tuple of str
        What a reader should know though no record was lost.
    records : int
        Records in: VMs, disks, others and problems.
    out : Path or None
        Where verdicts and findings were written; None if they are held in memory.
    """

    matrix: Matrix
    summary: Summary
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    records: int = 0
    out: Path | None = None
    _parts: tuple[Part, ...] = ()

    def __repr__(self) -> str:
        told = f"{self.summary.vms} VMs, {self.summary.disks} disks, {len(self.problems)} problems"
        return f"FleetResult({told})"

    # ----- one row per VM and mode, one row per finding

    def verdict_batches(self) -> Iterator[pa.Table]:
        """Give the verdicts part by part, as Arrow tables: one row per VM and mode."""
        yield from self._batches("verdicts", Part.verdicts)

    def finding_batches(self) -> Iterator[pa.Table]:
        """Give the findings part by part, as Arrow tables: one row per VM or disk and row."""
        yield from self._batches("findings", Part.findings)

    def _batches(self, kind: str, make: Callable[[Part], pa.Table]) -> Iterator[pa.Table]:
        if self.out is None:
            yield from map(make, self._parts)
            return
        paths = [self.out] if self.out.is_file() else sorted((self.out / kind).glob("*.*"))
        if self.out.is_file() and kind != "verdicts":
            raise FleetError(f"{self.out} holds verdicts only; name a folder to get the findings")
        for path in paths:
            yield _read_back(path)

    def verdicts(self) -> pd.DataFrame:
        """Give one row per VM and mode, with the columns of a verdict.

        Texts that many VMs share are categories: a million VMs fit.
        """
        return _pandas(self.verdict_batches())

    def findings(self) -> pd.DataFrame:
        """Give one row for each row of the matrix that bears on a VM or on one of its disks.

        Rows that say that all is well are left out.
        """
        return _pandas(self.finding_batches())

    # ----- what they add up to

    def by(self, what: str = "mode") -> pd.DataFrame:
        """Count VMs by verdict, for each mode and what else is asked for.

        Parameters
        ----------
        what : str
            ``mode``, ``region`` or ``subscription``.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        import pandas as pd

        places = {"mode": (), "region": ("region",), "subscription": ("subscription",)}
        if what not in places:
            raise ValueError(f"counts are by {', '.join(places)}, not {what!r}")
        rows = pd.DataFrame(
            [(*key, count) for key, count in self.summary.places.items()],
            columns=["subscription", "region", "mode", "verdict", "vms"],
        )
        rows["verdict"] = pd.Categorical(rows["verdict"], categories=VERDICTS)
        rows["mode"] = pd.Categorical(rows["mode"], categories=MODES)
        return rows.pivot_table(
            index=[*places[what], "mode"],
            columns="verdict",
            values="vms",
            aggfunc="sum",
            fill_value=0,
            observed=False,
        )

    def reasons(self) -> pd.DataFrame:
        """Count VMs by mode, verdict and the row that is a reason for it."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for (mode, verdict, _, _, reasons, _, _), count in self.summary.outcomes.items():
            for row in reasons:
                counts[mode, verdict, row] += count
        return self._rows(counts, ("mode", "verdict", "row_id"))

    def caveats(self) -> pd.DataFrame:
        """Count VMs by mode and the row that adds a caveat."""
        return self._rows(self.summary.caveats, ("mode", "row_id"))

    def assumptions(self) -> pd.DataFrame:
        """Count VMs by mode and the fact that was assumed and matters."""
        return self._rows(self.summary.assumptions, ("mode", "fact_id"))

    def _rows(self, counts: Mapping[Any, int], names: Sequence[str]) -> pd.DataFrame:
        import pandas as pd

        rows = [(*key, count) for key, count in counts.items()]
        frame = pd.DataFrame(rows, columns=[*names, "vms"])
        titles = {row.id: row["title"] for row in self.matrix.table("scenarios")}
        titles |= {fact.id: fact.title for fact in self.matrix.facts.values()}
        frame["title"] = [titles.get(one, "") for one in frame[names[-1]]]
        frame = frame.sort_values(["vms", *names], ascending=[False, *[True] * len(names)])
        return frame.reset_index(drop=True)

    def what_first(self) -> pd.DataFrame:
        """Tell what to do first: which fact settles, and which exclusion frees, most VMs.

        Returns
        -------
        pandas.DataFrame
            One row for each mode and fact that is missing or row that excludes disks. ``alone`` is
            the number of VMs for which nothing else is in the way, ``touched`` those for which it
            is one thing among others, ``disks`` the disks to exclude, ``how`` what to do.
        """
        import pandas as pd

        alone: Counter[tuple[str, str, str]] = Counter()
        touched: Counter[tuple[str, str, str]] = Counter()
        for (mode, _, _, _, _, missing, exclusions), count in self.summary.outcomes.items():
            for kind, members in (("fact", missing), ("exclusion", exclusions)):
                for one in members:
                    touched[kind, one, mode] += count
                    alone[kind, one, mode] += count * (len(members) == 1)
        rows = []
        for (kind, one, mode), count in touched.items():
            if kind == "fact":
                fact = self.matrix.facts[one]
                title, how, disks = fact.title, fact.fetch or fact.question, 0
            else:
                row = self.matrix.row(one)
                title, how, disks = row["title"], row["remedy"], self.summary.exclusions[mode, one]
            rows.append((kind, one, title, mode, alone[kind, one, mode], count, disks, how))
        names = ["kind", "id", "title", "mode", "alone", "touched", "disks", "how"]
        frame = pd.DataFrame(rows, columns=names)
        order = ["alone", "touched", "kind", "id", "mode"]
        frame = frame.sort_values(order, ascending=[False, False, True, True, True])
        return frame.reset_index(drop=True)

    def groups(self) -> pd.DataFrame:
        """Tell of each availability set and scale set whether all of its VMs can be protected.

        Returns
        -------
        pandas.DataFrame
            One row per set and mode: how many of the VMs given have each verdict, and ``protected``
            (``all``, ``some``, ``none`` or ``unknown``). Members that were not given do not count.
        """
        import pandas as pd

        found: dict[tuple[str, str, str], Counter[str]] = {}
        for (kind, group, mode, verdict), count in self.summary.groups.items():
            found.setdefault((kind, group, mode), Counter())[verdict] += count
        rows = []
        for key, counts in sorted(found.items()):
            good = counts["supported"] + counts["exclude_disks"]
            total = counts.total()
            protected = "all" if good == total else "some" if good else "none"
            if counts["unknown"] and not counts["not_supported"]:
                protected = "unknown"
            rows.append((*key, total, *(counts[one] for one in VERDICTS), protected))
        names = ["kind", "group_id", "mode", "vms", *VERDICTS, "protected"]
        return pd.DataFrame(rows, columns=names)

    def limits(self) -> pd.DataFrame:
        """Hold what the fleet needs per subscription and region against the limits.

        Every VM that can have a restore point needs a collection of its own in its region. Those
        that exist already are not told by VMs: the count is what one collection per VM comes to.
        """
        import pandas as pd

        from rpmatrix.rules import holds

        needed: dict[tuple[str, str], Counter[str]] = {}
        for (subscription, place, mode, verdict), count in self.summary.places.items():
            if verdict in ("supported", "exclude_disks"):
                needed.setdefault((subscription, place), Counter())[mode] += count
        rows = []
        for row in self.matrix.table("limits"):
            if row["scope"] != "subscription_region":
                continue
            for (subscription, place), counts in sorted(needed.items()):
                vms = max(counts.values())
                kept = holds(row["comparator"], vms, row["value"])
                state = "within" if kept else "exceeded"
                rows.append((subscription, place, row.id, vms, row["value"], row["unit"], state))
        names = ["subscription", "region", "row_id", "needed", "bound", "unit", "state"]
        return pd.DataFrame(rows, columns=names)


def _pandas(batches: Iterable[pa.Table]) -> pd.DataFrame:
    import pandas as pd

    tables = [table for table in batches if table.num_rows] or list(batches)
    if not tables:
        return pd.DataFrame()
    table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    ids = [name for name in ("vm_id", "vm_name", "disk_id") if name in table.column_names]
    for name in ids:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(pa.large_string()))
    frame = table.to_pandas()
    for name, values in (
        ("mode", MODES),
        *((one, VERDICTS) for one in ("verdict", "floor", "ceiling")),
    ):
        if name in frame:
            frame[name] = pd.Categorical(frame[name], categories=values)
    for name in ids:
        frame[name] = frame[name].astype("string")
    return frame


def _read_back(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path)
    from pyarrow import csv

    return csv.read_csv(path)


# --------------------------------------------------------------------------- doors


def assess_frames(
    vms: Any,
    disks: Any = None,
    matrix: Matrix | None = None,
    *,
    strict: bool = False,
    answers: Answers | None = None,
) -> FleetResult:
    """Give the verdicts of VMs that are in frames: pandas, Polars, DuckDB, Arrow.

    Parameters
    ----------
    vms : frame
        One row per VM: ``vm_id`` and a column for each fact that is known, named by its id. A
        column that is missing, and a cell that is empty, are unknown.
    disks : frame, optional
        One row per disk: ``vm_id``, ``role`` (``os`` or ``data``) and columns of facts;
        ``disk_id``, ``name`` and ``lun`` tell which disk it is. A VM of which no disk is told may
        have any.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.
    strict, answers
        As for :func:`rpmatrix.assess`.

    Returns
    -------
    FleetResult

    Raises
    ------
    FleetError
        If a frame is no frame, or lacks the columns that it must have.
    rpmatrix.eligibility.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
    run = _Run(evaluator)
    of_disks = None if disks is None else arrow_table(disks)
    parts = list(run.tables(arrow_table(vms), of_disks))
    return _result(evaluator.matrix, run, parts)


def _result(matrix: Matrix, run: _Run, parts: Sequence[Part]) -> FleetResult:
    summary = Summary()
    for part in parts:
        summary.add(part.summary())
    return FleetResult(
        matrix,
        summary,
        run.sorted_problems(),
        tuple(run.notes()),
        run.reader.rows,
        _parts=tuple(parts),
    )


def assess_files(
    paths: str | Path | Iterable[str | Path],
    matrix: Matrix | None = None,
    *,
    out: str | Path | None = None,
    form: str = "parquet",
    strict: bool = False,
    answers: Answers | None = None,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
) -> FleetResult:
    """Give the verdicts of an inventory in files, however large.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders and patterns: tables of facts as Parquet or CSV, and records of any client
        as JSON, NDJSON, CSV or Parquet, compressed or not.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.
    out : path, optional
        Where to write: a folder for verdicts, findings and problems, or a file (``.parquet`` or
        ``.csv``) for verdicts alone. Without it the result is held in memory.
    form : str
        ``parquet`` or ``csv``: what to write into a folder.
    strict, answers
        As for :func:`rpmatrix.assess`.
    progress : callable, optional
        Called with a :class:`Progress` after each part.
    resume : bool
        Leave out what an interrupted run of the same inputs, matrix and options has written.

    Returns
    -------
    FleetResult

    Raises
    ------
    FleetError
        If there is nothing to read, or a table of facts lacks a column that it must have.
    rpmatrix.eligibility.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
    found = _found(paths)
    target = None if out is None else _Target(Path(out), form)
    if target is not None:
        target.open(_fingerprint(found, evaluator, answers, target.form), resume=resume)
    session = _Session(evaluator, found, target, progress)
    return session.run()


def _found(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Find the files that paths, folders and patterns name, each once."""
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: list[Path] = []
    for one in given:
        path = Path(one).expanduser()
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if _form(file) in _READABLE)
        elif path.exists():
            found.append(path)
        elif any(mark in str(path) for mark in "*?["):
            anchor = Path(path.anchor) if path.is_absolute() else Path()
            pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
            found += sorted(file for file in anchor.glob(pattern) if file.is_file())
        else:
            raise FleetError(f"there is no file or folder {one}; see whether the path is right")
    if not found:
        named = ", ".join(str(one) for one in given) or "nothing"
        raise FleetError(f"no file to read in {named}; name files of {', '.join(_READABLE)}")
    return list(dict.fromkeys(found))


_READABLE: Final = (".json", ".ndjson", ".jsonl", ".csv", ".parquet", ".txt")


def _fingerprint(
    paths: Sequence[Path], evaluator: ColumnEvaluator, answers: Answers | None, form: str
) -> str:
    """Tell a run from another of other inputs, another matrix or other options."""
    stats = [(str(path), path.stat()) for path in paths]
    told = {
        "inputs": [(name, one.st_size, one.st_mtime_ns) for name, one in stats],
        "matrix": evaluator.matrix.digest,
        "as_of": str(evaluator.matrix.as_of),
        "strict": evaluator.scalar.strict,
        "answers": sorted((answers or {}).items()),
        "form": form,
        "part": PART,
        "version": _LAYOUT,
    }
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


# Of what is written; another number makes an interrupted run begin again.
_LAYOUT: Final = 1


class _Target:
    """Where verdicts are written: part by part, each as a whole or not at all."""

    def __init__(self, out: Path, form: str) -> None:
        self.file = out if out.suffix.lower() in (".parquet", ".csv") else None
        self.form = out.suffix.lower()[1:] if self.file else form
        if self.form not in ("parquet", "csv"):
            raise FleetError(f"results are written as parquet or csv, not as {form!r}")
        self.folder = out.with_name(f"{out.name}.parts") if self.file else out
        self._fingerprint = ""
        self._known: dict[str, dict[str, Any]] = {}

    @property
    def _records(self) -> Path:
        return self.folder / "parts"

    def open(self, fingerprint: str, *, resume: bool) -> None:
        """Make the folders, keep what fits from an interrupted run and delete the rest of it."""
        self._fingerprint = fingerprint
        kinds = ("verdicts",) if self.file else ("verdicts", "findings")
        for folder in (self._records, *(self.folder / kind for kind in kinds)):
            folder.mkdir(parents=True, exist_ok=True)
        for path in self._records.glob("*.json"):
            told = json.loads(path.read_text())
            if resume and told["fingerprint"] == fingerprint:
                self._known[path.stem] = told
                continue
            for kind in kinds:
                (self.folder / kind / told["file"]).unlink(missing_ok=True)
            path.unlink()

    def done(self, name: str) -> Summary | None:
        """Give what was counted of a part that was written before, or None."""
        told = self._known.get(name)
        return Summary.from_json(told["summary"]) if told else None

    def last_of(self, job: str) -> int | None:
        """Give how many parts a job has whose parts were all written before, or None."""
        told = self._known.get(f"{job}-00000")
        count = told and told.get("of")
        if count and all(f"{job}-{number:05}" in self._known for number in range(count)):
            return int(count)
        return None

    def write(self, name: str, part: Part, summary: Summary) -> None:
        """Write a part, and last a record that it was written."""
        file = f"{name}.{self.form}"
        _write(part.verdicts(), self.folder / "verdicts" / file)
        if self.file is None:
            _write(part.findings(), self.folder / "findings" / file)
        self._record(name, {"file": file, "summary": summary.to_json()})

    def _record(self, name: str, told: dict[str, Any]) -> None:
        self._known[name] = {"fingerprint": self._fingerprint, **told}
        _replace(self._records / f"{name}.json", json.dumps(self._known[name]).encode())

    def finish_job(self, job: str, parts: int, told: Mapping[str, Any]) -> None:
        """Note that a job is done and what else was met, so that it need not be read again."""
        if parts:
            name = f"{job}-00000"
            known = {key: one for key, one in self._known[name].items() if key != "fingerprint"}
            self._record(name, {**known, "of": parts, "job": dict(told)})

    def told_of(self, job: str) -> dict[str, Any]:
        """Give what else was met in a job that is done."""
        told: dict[str, Any] = self._known[f"{job}-00000"]["job"]
        return told

    def close(self, told: Mapping[str, Any], problems: Sequence[Problem]) -> Path:
        """Write what was counted and what was not understood; put a single file together."""
        if self.file is None:
            rows = [[getattr(one, name) for one in problems] for name in _PROBLEM]
            table = pa.table([pa.array(row, pa.string()) for row in rows], names=list(_PROBLEM))
            _write(table, self.folder / "problems.csv")
            _replace(self.folder / "summary.json", json.dumps(told, indent=2).encode())
            return self.folder
        tables = [_read_back(path) for path in sorted((self.folder / "verdicts").glob("*"))]
        if tables:
            _write(pa.concat_tables(tables, promote_options="permissive"), self.file)
        shutil.rmtree(self.folder)
        return self.file


_PROBLEM: Final = ("file", "record", "path", "message")


def _write(table: pa.Table, path: Path) -> None:
    """Write a table as a whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(
            table,
            unfinished,
            compression="lz4",
            write_statistics=False,
            # Ids repeat, and are many: they are kept once, however many they are.
            dictionary_pagesize_limit=1 << 30,
            row_group_size=max(table.num_rows, 1),
        )
    else:
        from pyarrow import csv

        csv.write_csv(_guarded(table), unfinished)
    unfinished.replace(path)


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _guarded(table: pa.Table) -> pa.Table:
    """Give texts that no spreadsheet takes for a formula."""
    columns = []
    for column in table.columns:
        kind = column.type
        cells = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            risky = pc.match_substring_regex(cells, r"^ *[=+\-@\t\r]")
            if pc.any(risky).as_py():
                marked = pc.binary_join_element_wise("'", cells, "")
                cells = pc.if_else(risky, marked, cells)
        columns.append(cells)
    return pa.table(columns, names=table.column_names)


class _Session:
    """One run over files: judges, writes and counts, and goes on where another one stopped."""

    def __init__(
        self,
        evaluator: ColumnEvaluator,
        paths: Sequence[Path],
        target: _Target | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._run = _Run(evaluator)
        self._target = target
        self._progress = progress
        self._started = time.monotonic()
        self._bytes = max(sum(path.stat().st_size for path in paths), 1)
        self._summary = Summary()
        self._kept: list[Part] = []
        facts = [path for path in paths if _holds_facts(path)]
        self._jobs = _together(facts)
        if facts and not self._jobs:
            raise FleetError(f"{facts[0]} tells of disks, and no file tells of VMs; name it too")

    def run(self) -> FleetResult:
        """Go through all jobs and give the result."""
        for number, files in enumerate(self._jobs):
            name = f"{number:05}"
            done = self._target.last_of(name) if self._target else None
            if done and self._target:
                for part in range(done):
                    self._summary.add(self._target.done(f"{name}-{part:05}") or Summary())
                self._run.read += sum(path.stat().st_size for path in (*files.vms, *files.disks))
                self._run.remember(self._target.told_of(name))
                self._tell()
                continue
            before = self._run.met()
            try:
                summary, kept = self._judge(name, self._run.files(files), before)
            except OutOfOrderError:
                self._run.forget(before)
                parts = self._run.files(files, in_order=False)
                summary, kept = self._judge(name, parts, before)
            self._summary.add(summary)
            self._kept += kept
        matrix = self._run.evaluator.matrix
        problems, notes = self._run.sorted_problems(), tuple(self._run.notes())
        told = self._told(problems, notes)
        out = self._target.close(told, problems) if self._target else None
        return FleetResult(
            matrix,
            self._summary,
            problems,
            notes,
            self._run.reader.rows,
            out,
            _parts=tuple(self._kept),
        )

    def _judge(
        self, job: str, parts: Iterator[Part], before: Mapping[str, Any]
    ) -> tuple[Summary, list[Part]]:
        summary, kept = Summary(), []
        with ThreadPoolExecutor(1) as writer:
            writing: list[Future[None]] = []
            number = -1
            for number, part in enumerate(parts):
                name = f"{job}-{number:05}"
                mine = self._target.done(name) if self._target else None
                if mine is None:
                    mine = part.summary()
                    if self._target:
                        # One part is written while the next is judged, and no more are kept.
                        for one in writing:
                            one.result()
                        writing = [writer.submit(self._target.write, name, part, mine)]
                    else:
                        kept.append(part)
                summary.add(mine)
                self._tell(summary)
            for one in writing:
                one.result()
            if self._target:
                self._target.finish_job(job, number + 1, self._run.met_since(before))
        return summary, kept

    def _tell(self, of_job: Summary | None = None) -> None:
        if self._progress is None:
            return
        done = self._summary.vms + (of_job.vms if of_job else 0)
        share = min(self._run.read / self._bytes, 1)
        seconds = time.monotonic() - self._started
        self._progress(Progress(done, len(self._run.reader.problems), share, seconds))

    def _told(self, problems: Sequence[Problem], notes: Sequence[str]) -> dict[str, Any]:
        from importlib.metadata import PackageNotFoundError, version

        try:
            package = version("rpmatrix")
        except PackageNotFoundError:
            package = "not installed"
        matrix = self._run.evaluator.matrix
        counts: dict[str, dict[str, int]] = {}
        for (mode, verdict, *_), count in self._summary.outcomes.items():
            of_mode = counts.setdefault(mode, {})
            of_mode[verdict] = of_mode.get(verdict, 0) + count
        return {
            "package": package,
            "matrix_digest": matrix.digest,
            "layers": list(matrix.layers),
            "vms": self._summary.vms,
            "disks": self._summary.disks,
            "verdicts": counts,
            "problems": len(problems),
            "notes": list(notes),
        }


def arrow_table(frame: Any) -> pa.Table:
    """Give any frame as an Arrow table, each cell as it is.

    Parameters
    ----------
    frame
        A pandas frame, an Arrow table, anything with an Arrow stream (Polars, DuckDB, Ibis and
        others), a lazy frame of these, a dict of columns or a list of dicts.

    Raises
    ------
    FleetError
        If it is none of these, or two of its columns have one name.
    """
    if isinstance(frame, pa.Table):
        table = frame
    elif isinstance(frame, (pa.RecordBatch, pa.RecordBatchReader)):
        table = pa.table(frame) if isinstance(frame, pa.RecordBatch) else frame.read_all()
    elif type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "items"):
        named = [(str(name), _cells(column)) for name, column in frame.items()]
        table = pa.Table.from_arrays([cells for _, cells in named], [name for name, _ in named])
    elif hasattr(frame, "__arrow_c_stream__"):
        table = pa.table(frame)
    elif hasattr(frame, "collect"):
        return arrow_table(frame.collect())
    elif isinstance(frame, Mapping):
        table = pa.table({str(name): _cells(column) for name, column in frame.items()})
    elif isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame):
        names = list(dict.fromkeys(name for row in frame for name in row))
        table = pa.table({str(name): _cells([row.get(name) for row in frame]) for name in names})
    else:
        raise FleetError(f"{type(frame).__name__} is no frame; give a pandas, Polars or Arrow one")
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise FleetError(f"two columns are named {twice[0]!r}; keep one of them")
    return pa.table([_usual(column) for column in table.columns], names=table.column_names)


def _usual(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column of texts in a type that Arrow can pick from."""
    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        chunks = [
            pa.DictionaryArray.from_arrays(one.indices, one.dictionary.cast(pa.large_string()))
            for one in column.chunks
        ]
        return pa.chunked_array(chunks, pa.dictionary(kind.index_type, pa.large_string()))
    return column


def _cells(column: Any) -> pa.Array:
    """Give a column as Arrow cells, also where its cells are of several types."""
    try:
        cells = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        texts = [None if cell is None or cell != cell else str(cell) for cell in column]
        return pa.array(texts, pa.string())
    return cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
