"""Some VMs of a fleet, judged: their verdicts and findings as tables, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.fleet.columns.cases import NOT_SUPPORTED, UNKNOWN
from rpmatrix.fleet.columns.codes import distinct_rows
from rpmatrix.fleet.columns.evaluate import Judged
from rpmatrix.fleet.summary import NAMED, Member
from rpmatrix.fleet.summary import FleetError as FleetError
from rpmatrix.fleet.summary import Summary as Summary
from rpmatrix.inventory.records import region
from rpmatrix.matrix.matrix import MODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Numbers = NDArray[Any]


VM_COLUMNS: Final = (
    *("vm_id", "name", "subscription_id", "location", "availability_set_id", "scale_set_id"),
)
DISK_COLUMNS: Final = ("vm_id", "disk_id", "name", "role", "lun", "listed")
# What findings tell of a disk, in the same form whatever tables it comes from.
_ABOUT_DISKS: Final = {
    "disk_id": pa.large_string(),
    "role": pa.dictionary(pa.int32(), pa.string()),
    "lun": pa.int64(),
}
# Between ids in a cell of a table for people.
SEPARATOR: Final = " | "
_LISTS: Final = ("reasons", "caveats", "assumptions", "missing", "rulings")


# --------------------------------------------------------------------------- parts


@dataclass(frozen=True, eq=False)
class Part:
    """Some VMs of a fleet with their disks, judged.

    Attributes
    ----------
    vms, disks : pyarrow.Table
        Who they are: the columns beside the facts. Those of the disks may be read when they are
        asked for.
    judged : Judged
        Their verdicts.
    disks_told : int, optional
        How many disks the input tells of; all that were judged if it is left out. Others stand for
        disks that are not listed.
    """

    vms: pa.Table
    _disks: pa.Table | Callable[[Sequence[str]], pa.Table]
    judged: Judged
    disks_told: int | None = None

    @cached_property
    def disks(self) -> pa.Table:
        """Who the disks are; what they are called is told by :attr:`named_disks`."""
        return self._disks if isinstance(self._disks, pa.Table) else self._disks(("disk_id", "lun"))

    @cached_property
    def named_disks(self) -> pa.Table:
        """Who the disks are, with their names, which only disks without an id are told by."""
        if isinstance(self._disks, pa.Table):
            return self._disks
        return self._disks(("disk_id", "name", "lun"))

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
            "vm_name": _dictionary(rows, names_of(self.vms)),
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
        places = np.zeros((len(self.judged), len(modes)), np.int32)
        texts = [pa.array([""], pa.large_string())]
        told: Bools | None = None
        for at, mode in enumerate(modes):
            gone = self.judged.excluded(mode)
            # Most VMs that lose disks lose the same ones in all modes.
            others = gone if told is None else gone != told
            if told is not None:
                places[:, at] = places[:, at - 1]
                places[self.judged.owners[others], at] = 0
                touched = np.zeros(len(places), bool)
                touched[self.judged.owners[others]] = True
                others = gone & touched.take(self.judged.owners)
            rows = np.flatnonzero(others)
            owners = self.judged.owners.take(rows)
            starts = np.flatnonzero(np.diff(owners, prepend=-1))
            ends = pa.array([*starts, len(rows)], pa.int64())
            of_vms = pa.LargeListArray.from_arrays(ends, self._labels(rows))
            count = sum(map(len, texts))
            texts.append(pc.binary_join(of_vms, pa.scalar(SEPARATOR, pa.large_string())))
            places[owners[starts], at] = np.arange(count, count + len(starts))
            told = gone
        # Two VMs may lose disks of one name, such as a disk that they share.
        distinct = pa.concat_arrays(texts).dictionary_encode()
        codes = distinct.indices.to_numpy(zero_copy_only=False)
        names = distinct.dictionary.cast(pa.string())
        return pa.DictionaryArray.from_arrays(codes.take(places.reshape(-1)), names)

    def _labels(self, rows: NDArray[np.integer[Any]]) -> pa.Array:
        """Give the ids of some disks, or what else tells people which disk is meant."""
        labels = _texts(self.disks, "disk_id", rows)
        unnamed = np.flatnonzero(pc.fill_null(pc.equal(labels, ""), True).to_numpy(False))
        if not len(unnamed):
            return labels
        text = partial(pa.scalar, type=pa.large_string())
        disks, few = self.named_disks, rows[unnamed]
        of_os = pc.equal(pc.utf8_lower(pc.utf8_trim_whitespace(_texts(disks, "role", few))), "os")
        luns = pc.fill_null(_texts(disks, "lun", few), "None")
        places = pc.binary_join_element_wise(text("data disk at lun"), luns, text(" "))
        places = pc.if_else(pc.fill_null(of_os, False), text("OS disk"), places)
        names = _texts(disks, "name", few)
        named = pc.fill_null(pc.not_equal(names, ""), False)
        mask = np.zeros(len(rows), bool)
        mask[unnamed] = True
        return pc.replace_with_mask(labels, pa.array(mask), pc.if_else(named, names, places))

    def findings(self) -> pa.Table:
        """Give one row for each row of the matrix that bears on a VM or on one of its disks.

        Rows that say that all is well are left out: most VMs have a dozen of them.
        """
        found = self.judged.findings()
        evaluator = self.judged.evaluator
        rows = [evaluator.scalar.rules.rows[row] for row in evaluator.rows]
        outcomes = {mode: [row.outcomes[mode] for row in rows] for mode in MODES}
        layers = [evaluator.matrix.layer_of(row) for row in evaluator.rows]
        columns = {"vm_id": _dictionary(found.vms, self.vms["vm_id"])}
        # Rows about VMs come before those about disks.
        of_vms = int(np.searchsorted(found.disks, 0))
        disks = found.disks[of_vms:]
        for name, kind in _ABOUT_DISKS.items():
            mine = pa.chunked_array([pa.nulls(len(disks), kind)])
            if name in self.disks.column_names:
                mine = _picked(self.disks[name], disks).cast(kind)
            columns[name] = pa.chunked_array([pa.nulls(of_vms, kind), *mine.chunks], kind)
        columns |= {
            "row_id": _looked_up(found.rows, evaluator.rows),
            **{mode: _looked_up(found.rows, told) for mode, told in outcomes.items()},
            "applies": _looked_up(found.applies.astype(np.int8), ["unknown", "yes"]),
            "layer": _looked_up(found.rows, layers),
        }
        return pa.table(columns)

    def summary(self) -> Summary:
        """Count the part."""
        counted = np.bincount(self.judged.cases, minlength=len(self.judged.evaluator.cases))
        present = np.flatnonzero(counted)
        judged = len(self.judged.owners)
        made = Summary(
            len(self.judged.cases), judged if self.disks_told is None else self.disks_told
        )
        for mode in MODES:
            self._count_cases(made, mode, present, counted[present])
            self._count_disks(made, mode)
        self._count_places(made)
        return made

    def _count_cases(self, made: Summary, mode: str, cases: Numbers, counts: Numbers) -> None:
        known = self.judged.evaluator.cases
        told: list[tuple[Any, Sequence[Any]]] = [
            (getattr(known, name)(mode)[cases], VERDICTS)
            for name in ("verdict", "floor", "ceiling")
        ]
        told += [known.coded(name, mode, cases) for name in ("reasons", "missing", "exclusions")]
        for outcome, count in _counted(told, counts):
            made.outcomes[mode, *outcome] += count
        for name in ("caveats", "assumptions"):
            counter = getattr(made, name)
            for (members,), count in _counted([known.coded(name, mode, cases)], counts):
                for member in members:
                    counter[mode, member] += count

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
        where = [_lowered(subscriptions_of(self.vms)), encoded_column(self.vms, "location")]
        verdicts = {mode: self.judged.verdicts(mode) for mode in MODES}
        for mode, codes in verdicts.items():
            for (subscription, place, verdict), count in _counted([*where, (codes, VERDICTS)]):
                made.places[subscription, region(place), mode, verdict] += count
        for kind in ("availability_set", "scale_set"):
            if f"{kind}_id" not in self.vms.column_names:
                continue
            groups, names = _lowered(encoded_column(self.vms, f"{kind}_id"))
            members = np.flatnonzero(np.array([name != "" for name in names])[groups])
            mine = groups[members]
            width = len(VERDICTS)
            counted = [
                np.bincount(mine * width + codes[members], minlength=len(names) * width)
                for codes in verdicts.values()
            ]
            counts = np.hstack([one.reshape(-1, width) for one in counted]).tolist()
            for group in np.unique(mine).tolist():
                made.count_members(kind, names[group], counts[group])
            for mode, codes in verdicts.items():
                stopped = members[(codes[members] == NOT_SUPPORTED) | (codes[members] == UNKNOWN)]
                sets = [names[code] for code in groups[stopped].tolist()]
                for group, member in zip(sets, self._told_of(stopped, mode), strict=True):
                    key = (kind, group, mode)
                    made.in_the_way[key] = (*made.in_the_way.get(key, ()), member)
        for key, found in made.in_the_way.items():
            made.in_the_way[key] = tuple(sorted(found)[:NAMED])

    def _told_of(self, vms: Numbers, mode: str) -> Iterator[Member]:
        """Tell of some VMs that cannot be protected, or not surely, which they are and why."""
        known, cases = self.judged.evaluator.cases, self.judged.cases[vms]
        ids = self.vms["vm_id"].take(pa.array(vms)).to_pylist()
        verdicts = self.judged.verdicts(mode)[vms].tolist()
        reasons, missing = (known.lists(name, mode, cases) for name in ("reasons", "missing"))
        for vm_id, verdict, rows, facts in zip(ids, verdicts, reasons, missing, strict=True):
            # What is unknown though every fact is known, sources leave open.
            yield vm_id, VERDICTS[verdict], facts if verdict == UNKNOWN and facts else rows


Encoded = tuple[Any, Sequence[str]]


def _counted(
    columns: Sequence[tuple[Any, Sequence[Any]]], counts: Numbers | None = None
) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Count the combinations of some columns that are given as codes and what these mean.

    A row counts once, or as often as `counts` says.
    """
    numbers, rows = distinct_rows([codes for codes, _ in columns], len(columns[0][0]))
    found = np.bincount(numbers, counts, len(rows)).astype(np.int64)
    told = [
        [meaning[code] for code in rows[:, at].tolist()] for at, (_, meaning) in enumerate(columns)
    ]
    yield from zip(zip(*told, strict=True), found.tolist(), strict=True)


def _lowered(encoded: Encoded) -> Encoded:
    """Give texts in small letters, each once."""
    codes, values = encoded
    lowered = [value.lower() for value in values]
    known = {value: code for code, value in enumerate(dict.fromkeys(lowered))}
    if len(known) == len(values):
        return codes, lowered
    return np.array([known[value] for value in lowered]).take(codes), list(known)


def encoded_column(table: pa.Table, name: str) -> Encoded:
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


def subscriptions_of(vms: pa.Table) -> Encoded:
    """Give the subscription of each VM as codes and texts; ids tell where no column does."""
    if "subscription_id" in vms.column_names:
        return encoded_column(vms, "subscription_id")
    begin = len("/subscriptions/")
    ids = vms["vm_id"].cast(pa.string()).cast(pa.binary())
    starts = pc.binary_slice(ids, 0, begin + _GUID).cast(pa.string())
    codes, values = encoded_column(pa.table({"start": starts}), "start")
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


def _picked(values: pa.ChunkedArray, rows: NDArray[np.integer[Any]]) -> pa.ChunkedArray:
    """Give some rows, in rising order; chunks are not put together, they may be large."""
    if pa.types.is_string(values.type):
        values = values.cast(pa.large_string())
    found, first = [], 0
    for chunk in values.chunks:
        begin, end = np.searchsorted(rows, (first, first + len(chunk)))
        found.append(chunk.take(pa.array(rows[begin:end] - first)))
        first += len(chunk)
    return pa.chunked_array(found, values.type)


def names_of(vms: pa.Table) -> pa.ChunkedArray:
    """Give the name of each VM: the last part of its id where no column tells."""
    if "name" in vms.column_names and not vms["name"].null_count:
        return vms["name"].cast(pa.string())
    from_id = pc.replace_substring_regex(vms["vm_id"].cast(pa.string()), "^.*/", "")
    if "name" not in vms.column_names:
        return from_id
    return pc.coalesce(vms["name"].cast(pa.string()), from_id)


def _texts(disks: pa.Table, name: str, rows: NDArray[np.integer[Any]]) -> pa.Array:
    """Give some cells of a column as texts; all are empty if there is none."""
    if name not in disks.column_names:
        return pa.nulls(len(rows), pa.large_string())
    cells = _picked(disks[name], rows).cast(pa.large_string())
    return pa.concat_arrays(cells.chunks) if cells.num_chunks else pa.array([], cells.type)


def hashes_of(ids: pa.Array) -> Numbers:
    """Give a number for each text, whatever its letter case: equal texts have equal numbers.

    Two that differ have the same number once in a long while.
    """
    if not len(ids):
        return np.zeros(0, np.uint64)
    _, raw_offsets, data = ids.buffers()
    offsets = np.frombuffer(raw_offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    starts, stops = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    lengths = stops - starts
    # Eight bytes at a time, of which the last overlap those before; what a text shorter than that
    # has in front of it is shifted out.
    held = np.concatenate([np.zeros(8, np.uint8), np.frombuffer(data or b"", np.uint8)])
    words = np.ndarray((len(held) - 7,), np.uint64, held, strides=(1,))
    surplus = (8 * np.clip(8 - lengths, 0, 7)).astype(np.uint64)
    marks = lengths.astype(np.uint64)
    for at in range(0, int(lengths.max()), 8):
        word = (words[np.minimum(starts + 8 + at, stops)] >> surplus) | _LOWER
        mixed = (marks ^ word) * _MIX
        marks = np.where(at < lengths, mixed ^ (mixed >> np.uint64(29)), marks)
    return marks


_LOWER: Final = np.uint64(0x2020202020202020)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
