"""The rules over columns: verdicts of a fleet at the speed of reading it.

The scalar evaluator ANDs the words of one VM's facts. Here a fact is a column, and few of its
values differ for the rules: each value gets the code of a *class*, all values of which have the
same words. Rows of equal codes are one *configuration*, and only configurations are evaluated, on
the words of the same compiled rules. What a VM's configuration means and what the configurations
of its disks mean, taken together, is its *case*; a verdict with all that belongs to it is worked
out once per case, and a fleet of a million VMs has some thousand of them.

A cell tells one value, nothing, that a value is shown which cannot be used (:data:`UNUSABLE`), or
several values of which one is true (``a|b``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.eligibility import (
    DISKS_LEFT,
    FAMILY,
    SYSTEM,
    VERDICTS,
    AnswerError,
    Answers,
    Evaluator,
)
from rpmatrix.matrix import DECISIVE, MODES, Fact, Matrix
from rpmatrix.rules import Clause, RuleSet, Words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    # Gives pairs of name and id, one for each VM.
    Names = Callable[[], Iterable[tuple[str, str]]]

    Bools = NDArray[np.bool_]
    Bits = NDArray[np.uint8]
    Numbers = NDArray[Any]

UNUSABLE: Final = "(unusable)"
ROLES: Final = ("os", "data")
# A row of codes of a disk begins with its role, and whether it is listed.
_ROLE, _LISTED, _BEFORE_FACTS = 0, 1, 2
SUPPORTED, EXCLUDE_DISKS, NOT_SUPPORTED, UNKNOWN = range(len(VERDICTS))
SEPARATOR: Final = " | "
# The values of the fact disks_left, and which of "something is gone, the OS disk is left, a data
# disk is left" each stands for.
_LEFT: Final = ("all", "none", "os_only", "data_only", "os_and_data")
# The most that one number may hold; before it would grow larger, it is made small again.
_LARGEST: Final = 2**62
_WORD: Final = 64
# How many rows are encoded together.
_BLOCK: Final = 65_536
# How many cases are judged together: what is known of so many stays near the processor.
_FEW: Final = 2048


# --------------------------------------------------------------------------- values


class Told(NamedTuple):
    """What a cell tells of a fact: the values of which one is true, or that it is of no use."""

    values: tuple[str | int, ...] = ()
    usable: bool = True


_WHOLE: Final = re.compile(r"[+-]?\d+(?:\.0*)?")
# What programs write into a table where there is nothing.
_NOTHING: Final = ("", "nan", "nat", "<na>", "null")
_FLAGS: Final = {"true": "yes", "1": "yes", "1.0": "yes", "false": "no", "0": "no", "0.0": "no"}


def told(fact: Fact, cell: Any) -> Told:
    """Read a cell of a column of facts, whatever the type of the column.

    Parameters
    ----------
    fact : Fact
        The fact that the column is about.
    cell
        A text, number, boolean or nothing. Whole numbers stand for integers whatever their type,
        true and false, 1 and 0 for the flags yes and no; letter case does not matter.

    Returns
    -------
    Told
        Empty if the cell is. Not usable if the fact does not allow what it holds: something is
        known then, and must not be taken for nothing.
    """
    if cell is None or cell != cell:
        return Told()
    if isinstance(cell, bytes):
        cell = cell.decode(errors="replace")
    text = str(cell).strip()
    if text.lower() in _NOTHING:
        return Told()
    values = [_value(fact, part.strip()) for part in text.split("|")]
    usable = tuple(dict.fromkeys(value for value in values if value is not None))
    if text == UNUSABLE or None in values:
        return Told(usable=False)
    return Told(usable)


def _value(fact: Fact, text: str) -> str | int | None:
    if fact.type == "integer":
        return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None
    if not fact.allowed_values:
        return text
    spelled = {value.lower(): value for value in fact.allowed_values}
    lowered = text.lower()
    if fact.type == "flag":
        lowered = _FLAGS.get(lowered, lowered)
    return spelled.get(lowered)


# --------------------------------------------------------------------------- classes of values


class _Class(NamedTuple):
    """What the rules make of a value: words as the scalar evaluator's, and how it is known."""

    strict: int
    lenient: int
    unassumed: int
    answerable: bool  # not known for sure: an answer takes its place
    assumed: bool
    family: str | int | None = None  # of the operating system, which an answer must not contradict


class LookedUp(NamedTuple):
    """A column of codes, each told by where it stands in a short table."""

    places: Numbers
    table: Numbers

    @staticmethod
    def joined(parts: Sequence[LookedUp]) -> LookedUp:
        """Put the columns of several pieces into one."""
        if len(parts) == 1:
            return parts[0]
        codes = [part.table.take(part.places) for part in parts]
        found = np.concatenate(codes) if codes else np.zeros(0, np.uint8)
        return LookedUp(found, np.arange(int(found.max(initial=0)) + 1, dtype=np.uint16))


# The codes of a column: one a row, a table of them, or one that all rows have.
Codes = Union["Numbers", LookedUp, int]


# How many cells of a fact are kept to be told of.
_REFUSED: Final = 20


class _Column:
    """The classes of one fact, and the code of every value met so far."""

    def __init__(self, rules: RuleSet, fact: Fact, assumption: str | int | None) -> None:
        self.fact = fact
        self.classes: list[_Class] = []
        self._rules = rules
        self._assumption = assumption
        self._code_of_class: dict[_Class, int] = {}
        self._code_of_cell: dict[tuple[type, Any], int] = {}
        self._lock = RLock()
        self.refused: dict[str, None] = {}  # cells that hold what the fact does not allow
        self.nothing = self.code(None)

    def code(self, cell: Any) -> int:
        """Give the code of the class of a cell."""
        mark = (type(cell), cell)
        code = self._code_of_cell.get(mark)
        if code is None:
            known = told(self.fact, cell)
            if not known.usable and cell != UNUSABLE and len(self.refused) < _REFUSED:
                self.refused[str(cell)] = None
            code = self._code_of(self._class(known))
            self._code_of_cell[mark] = code
        return code

    def _code_of(self, found: _Class) -> int:
        with self._lock:
            code = self._code_of_class.setdefault(found, len(self.classes))
            if code == len(self.classes):
                self.classes.append(found)
        return code

    @cached_property
    def taken_back(self) -> int:
        """The code of what was answered and cannot be: unknown, whatever else was answered."""
        return self._code_of(self.classes[self.code(UNUSABLE)]._replace(answerable=False))

    def _class(self, known: Told) -> _Class:
        everything = self._rules.everything
        if known.values:
            strict, lenient = self._any_of(known.values)
            is_sure = len(known.values) == 1
            family = known.values[0] if is_sure and self.fact.id == FAMILY else None
            return _Class(strict, lenient, lenient, not is_sure, False, family)
        if known.usable and self._assumption is not None:
            strict, lenient = self._rules.words(self.fact.id, self._assumption)
            return _Class(strict, lenient, everything, True, True)
        strict, lenient = self._rules.words(self.fact.id, None)
        return _Class(strict, lenient, lenient, True, False)

    def _any_of(self, values: Iterable[str | int]) -> Words:
        strict, lenient = self._rules.everything, 0
        for value in values:
            sure, possible = self._rules.words(self.fact.id, value)
            strict &= sure
            lenient |= possible
        return strict, lenient

    def answered(self, codes: Numbers, answer: str | int) -> Numbers:
        """Give codes with an answer filled in where nothing was known for sure."""
        filled = self.code(answer)
        table = [filled if one.answerable else at for at, one in enumerate(self.classes)]
        return np.array(table, np.uint16)[codes]

    def codes(self, cells: pa.ChunkedArray) -> LookedUp:
        """Give the code of every cell."""
        return LookedUp.joined([self._codes(chunk) for chunk in cells.chunks])

    def _codes(self, cells: pa.Array) -> LookedUp:
        cells = _told_apart(cells)
        codes = [self.code(cell) for cell in cells.dictionary.to_pylist()]
        codes.append(self.nothing)
        places = cells.indices
        if places.null_count:
            places = places.fill_null(pa.scalar(len(codes) - 1, places.type))
        return LookedUp(places.to_numpy(zero_copy_only=False), np.array(codes, np.uint16))


def _told_apart(cells: pa.Array) -> pa.DictionaryArray:
    """Give cells as codes of the distinct ones."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        # One more than the largest index must fit, to stand for nothing.
        if kind.index_type.bit_width < 32:
            cells = cells.cast(pa.dictionary(pa.int32(), kind.value_type))
        return cells
    if isinstance(cells, pa.ExtensionArray):
        return _told_apart(cells.storage)
    if pa.types.is_nested(kind):
        places = pa.array(np.zeros(len(cells), np.int32), mask=~np.asarray(cells.is_valid()))
        return pa.DictionaryArray.from_arrays(places, pa.array([UNUSABLE]))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        cells = cells.cast(
            pa.large_binary() if pa.types.is_binary_view(kind) else pa.large_string()
        )
    return cells.dictionary_encode()


# --------------------------------------------------------------------------- distinct rows


def distinct_rows(columns: Sequence[Codes], length: int) -> tuple[Numbers, Numbers]:
    """Give the distinct rows of columns of codes a number each.

    Parameters
    ----------
    columns : sequence
        For each column an array of codes, a table of codes with the place of each row's in it, or
        one code where it is the same in every row.
    length : int
        The number of rows.

    Returns
    -------
    tuple
        The number of each row, and the distinct rows in the order of their numbers.
    """
    key: Any = None
    # Which columns stand in the key: place, weight and size of each; below them all, the number of
    # a row of `before`.
    digits: list[tuple[int, int, int]] = []
    spans = [_span(one) for one in columns]
    kind_of_row = np.uint16 if max((most for _, most in spans), default=0) < 2**16 else np.int64
    before: Numbers = np.zeros((1, len(columns)), kind_of_row)
    radix = 1

    def numbered() -> tuple[Numbers, Numbers]:
        encoded = pa.array(key).dictionary_encode()
        keys = encoded.dictionary.to_numpy(zero_copy_only=False)
        rows = before[keys % len(before)]
        for place, weight, size in digits:
            rows[:, place] = (keys // weight) % size
        return encoded.indices.to_numpy(zero_copy_only=False), rows

    fixed = []
    for place, (column, (least, most)) in enumerate(zip(columns, spans, strict=True)):
        if isinstance(column, int) or least == most:
            fixed.append((place, most))
            continue
        size = most + 1
        if radix * size > _LARGEST:
            key, before = numbered()
            digits, radix = [], len(before)
        largest = radix * size
        kind: Any = np.uint16 if largest <= 2**16 else np.int32 if largest < 2**31 else np.int64
        if isinstance(column, LookedUp):
            weighted = (column.table.astype(kind) * kind(radix)).take(column.places)
        else:
            weighted = column.astype(kind) * kind(radix)
        if key is None:
            key = weighted
        else:
            key = np.add(key.astype(kind, copy=False), weighted, out=weighted)
        digits.append((place, radix, size))
        radix *= size
    numbers: Numbers = np.zeros(length, np.int32)
    rows = before[: min(length, 1)]
    if key is not None:
        numbers, rows = numbered()
    for place, code in fixed:
        rows[:, place] = code
    return numbers, rows


def _span(column: Codes) -> tuple[int, int]:
    """Give the least and the largest code that may stand in a column."""
    if isinstance(column, int):
        return column, column
    codes = column.table if isinstance(column, LookedUp) else column
    return (int(codes.min()), int(codes.max())) if len(codes) else (0, 0)


class _Growing:
    """An array that rows are added to."""

    def __init__(self, shape: tuple[int, ...], kind: Any = np.uint8) -> None:
        self._held = np.zeros((0, *shape), kind)
        self._count = 0

    def append(self, rows: Any) -> None:
        needed = self._count + len(rows)
        if needed > len(self._held):
            larger = np.zeros(
                (max(needed, 2 * len(self._held)), *self._held.shape[1:]), self._held.dtype
            )
            larger[: self._count] = self._held[: self._count]
            self._held = larger
        self._held[self._count : needed] = rows
        self._count = needed

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Any:
        return self._held[: self._count]


class _Numbering:
    """Numbers for values, given in the order in which they are met."""

    def __init__(self, kind: pa.DataType) -> None:
        self._known = pa.array([], kind)

    def __len__(self) -> int:
        return len(self._known)

    def number(self, values: pa.Array) -> tuple[Numbers, Numbers]:
        """Give the number of each value, and the places of those that are met for the first time.

        The places are in the order of the numbers.
        """
        encoded = values.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        known = pc.index_in(encoded.dictionary, value_set=self._known)
        is_new = known.is_null()
        numbers = known.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        new = np.flatnonzero(is_new.to_numpy(zero_copy_only=False))
        numbers[new] = len(self._known) + np.arange(len(new))
        if len(new):
            self._known = pa.concat_arrays([self._known, encoded.dictionary.filter(is_new)])
        first = np.zeros(len(numbers), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        return numbers.take(codes), first.take(new)


def _row_type(width: int, kind: Any) -> pa.DataType:
    return pa.binary(width * np.dtype(kind).itemsize)


def _marks(rows: Numbers) -> pa.Array:
    """Give each row as bytes, which can be told from others."""
    buffer = pa.py_buffer(np.ascontiguousarray(rows))
    kind = _row_type(rows.shape[1], rows.dtype)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, buffer])


class _Rows:
    """The distinct rows of codes at one kind of place, numbered as they are met."""

    def __init__(self, width: int) -> None:
        self._numbers = _Numbering(_row_type(width, np.uint16))
        self._rows = _Growing((width,), np.uint16)
        self._lock = RLock()

    def __getitem__(self, numbers: Any) -> Numbers:
        """Give the rows of some numbers, as a copy."""
        rows: Numbers = self._rows.rows[numbers].copy()
        return rows

    def number(self, columns: Sequence[Codes], length: int) -> Numbers:
        """Give the number of each row, from its columns."""
        numbers, rows = distinct_rows(columns, length)
        return self.number_rows(rows).take(numbers)

    def number_rows(self, rows: Numbers) -> Numbers:
        """Give the number of each row."""
        with self._lock:
            found, new = self._numbers.number(_marks(rows))
            self._rows.append(rows[new])
        return found.astype(np.int32)


# --------------------------------------------------------------------------- meaning


class _Layout:
    """What the rules make of a configuration, as a row of bits, and where each bit stands.

    All bits are such that the meaning of several places together is the OR of theirs: rules about
    a VM and rules about disks are different ones, and a verdict asks only whether there is a disk
    of which something holds.
    """

    def __init__(self, matrix: Matrix, rules: RuleSet) -> None:
        self.matrix = matrix
        self.rules = rules
        self.rows = tuple(rules.rows)
        self.facts = rules.facts
        self.clauses: list[Clause] = [one for row in rules.rows.values() for one in row.clauses]
        self.words = max(1, -(-rules.everything.bit_length() // _WORD))
        outcomes = [
            (mode, row.outcomes[mode], row.grain) for mode in MODES for row in rules.rows.values()
        ]
        self._outcomes = {
            mode: np.array([(outcome, grain) for one, outcome, grain in outcomes if one == mode])
            for mode in MODES
        }
        self.tests = [
            (clause, fact)
            for clause in self.clauses
            for fact in dict.fromkeys(test[0] for test in clause.tests)
            if fact in self.facts
        ]
        places = {row: at for at, row in enumerate(self.rows)}
        self.row_of_test = np.array([places[clause.row_id] for clause, _ in self.tests], np.intp)
        self.fact_of_test = np.array([self.facts.index(fact) for _, fact in self.tests], np.intp)
        self.clause_of_test = np.array([clause.index for clause, _ in self.tests], np.intp)
        self.parts: dict[str, slice] = {}
        start = 0
        for name, width in (
            ("sure", len(self.rows)),
            ("maybe", len(self.rows)),
            *((f"{what} {mode}", width) for mode in MODES for what, width in self._of_mode()),
            ("taken", len(self.tests)),
        ):
            self.parts[name] = slice(start, start + width)
            start += width
        self.width = start

    def _of_mode(self) -> tuple[tuple[str, int], ...]:
        # The rows that may exclude a disk which is not excluded; the tests that keep a row open;
        # gone, OS disk left, data disk left: for sure, and at worst.
        return (("may_exclude", len(self.rows)), ("ask", len(self.tests)), ("left", 6))

    def outcome(self, mode: str, *outcomes: str) -> Bools:
        """Tell of each row whether it has one of some outcomes in a mode."""
        return np.isin(self._outcomes[mode][:, 0], outcomes)

    def excludes(self, mode: str) -> Bools:
        """Tell of each row whether it excludes a disk in a mode."""
        of_disk = np.isin(self._outcomes[mode][:, 1], ("os_disk", "data_disk", "disk"))
        return of_disk & self.outcome(mode, "exclude_disk")

    def bits(self, words: NDArray[np.uint64]) -> Bools:
        """Open rows of words to one column for each clause."""
        opened = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
        return opened[:, : len(self.clauses)].astype(bool)

    def split(self, word: int) -> list[int]:
        """Cut a word of any length to 64 bits."""
        return [(word >> (_WORD * at)) & (2**_WORD - 1) for at in range(self.words)]

    def by_row(self, clauses: Bools) -> Bools:
        """Tell of each row whether any of its clauses is marked."""
        starts = [row.clauses[0].index for row in self.rules.rows.values()]
        return np.logical_or.reduceat(clauses, starts, axis=1) if starts else clauses[:, :0]

    def unpack(self, packed: Bits) -> Bools:
        """Give rows of bits as they were before they were packed."""
        return np.unpackbits(packed, axis=1)[:, : self.width].astype(bool)


# What decides a verdict in one mode, from bits of a meaning: a row forbids restore points, one is
# open or may forbid them, a disk may have to go, one has to; and what of the disks stays at best
# and at worst: whether one is gone, the OS disk stays, a data disk stays.
_SIGNS: Final = ("stop", "open", "may_exclude", "exclude", *("best",) * 3, *("worst",) * 3)


def _signs(layout: _Layout, meaning: Bools) -> NDArray[np.uint32]:
    """Give what decides, as bits: those of several places together are the OR of theirs."""
    sure, maybe = meaning[:, layout.parts["sure"]], meaning[:, layout.parts["maybe"]]
    found = []
    for mode in MODES:
        forbids = layout.outcome(mode, "not_supported")
        is_open = layout.outcome(mode, "not_supported", "not_stated")
        found += [
            _any(sure & forbids),
            _any(sure & layout.outcome(mode, "not_stated") | maybe & is_open),
            _any(meaning[:, layout.parts[f"may_exclude {mode}"]]),
            _any(sure & layout.excludes(mode)),
            *meaning[:, layout.parts[f"left {mode}"]].T,
        ]
    weights = np.uint32(1) << np.arange(len(found), dtype=np.uint32)
    signs: NDArray[np.uint32] = np.stack(found, axis=1) @ weights
    return signs


class _Configurations:
    """The distinct combinations of codes at one kind of place, numbered as they are met."""

    def __init__(self, layout: _Layout, columns: Sequence[_Column], *, of_disks: bool) -> None:
        self._layout = layout
        self._columns = columns
        self._of_disks = of_disks
        width = len(columns) + _BEFORE_FACTS * of_disks
        self._numbers = _Numbering(_row_type(width, np.uint16))
        self.packed = _Growing((-(-layout.width // 8),))
        self.signs = _Growing((), np.uint32)

    def number(self, rows: Numbers) -> Numbers:
        """Give the number of each distinct row of codes; new ones are evaluated."""
        found, new = self._numbers.number(_marks(rows))
        if len(new):
            meaning = self._evaluate(rows[new])
            self.packed.append(np.packbits(meaning, axis=1))
            self.signs.append(_signs(self._layout, meaning))
        return found

    def _evaluate(self, rows: Numbers) -> Bools:
        layout = self._layout
        codes = rows[:, _BEFORE_FACTS:] if self._of_disks else rows
        shape = (len(rows), layout.words)
        strict, lenient, unassumed = (np.full(shape, ~np.uint64(0)) for _ in range(3))
        # Of each test: whether its fact leaves the clause open, and whether it was assumed.
        leaves_open, assumed = (np.zeros((len(rows), len(layout.tests)), bool) for _ in range(2))
        for at, column in enumerate(self._columns):
            classes, mine = column.classes, codes[:, at]
            sure = np.array([layout.split(one.strict) for one in classes], np.uint64)
            strict &= sure[mine]
            lenient &= np.array([layout.split(one.lenient) for one in classes], np.uint64)[mine]
            unassumed &= np.array([layout.split(one.unassumed) for one in classes], np.uint64)[mine]
            tests = np.flatnonzero(layout.fact_of_test == layout.facts.index(column.fact.id))
            leaves_open[:, tests] = ~layout.bits(sure)[:, layout.clause_of_test[tests]][mine]
            assumed[:, tests] = np.array([one.assumed for one in classes])[mine, None]
        grains = ROLES if self._of_disks else ("vm",)
        masks = np.array([layout.split(layout.rules.masks[one]) for one in grains], np.uint64)
        mask = layout.bits(
            masks[rows[:, _ROLE] if self._of_disks else np.zeros(len(rows), np.intp)]
        )
        is_os = rows[:, _ROLE] == 0 if self._of_disks else None
        return self._meaning(
            layout.bits(strict) & mask,
            layout.bits(lenient) & mask,
            layout.bits(unassumed) & mask,
            leaves_open,
            assumed,
            is_os,
        )

    def _meaning(
        self,
        strict: Bools,
        lenient: Bools,
        unassumed: Bools,
        leaves_open: Bools,
        assumed: Bools,
        is_os: Bools | None,
    ) -> Bools:
        layout = self._layout
        meaning = np.zeros((len(strict), layout.width), bool)
        sure = layout.by_row(strict)
        maybe = layout.by_row(lenient) & ~sure
        meaning[:, layout.parts["sure"]] = sure
        meaning[:, layout.parts["maybe"]] = maybe
        taken = (unassumed & ~lenient)[:, layout.clause_of_test] & assumed
        meaning[:, layout.parts["taken"]] = taken
        asked = (lenient & ~strict)[:, layout.clause_of_test] & leaves_open
        asked &= ~sure[:, layout.row_of_test]
        for mode in MODES:
            excludes = layout.excludes(mode)
            if is_os is None:
                meaning[:, layout.parts[f"ask {mode}"]] = asked
                continue
            gone = _any(sure & excludes)
            may_exclude = maybe & excludes & ~gone[:, None]
            settled = gone[:, None] & excludes[layout.row_of_test]
            meaning[:, layout.parts[f"ask {mode}"]] = asked & ~settled
            meaning[:, layout.parts[f"may_exclude {mode}"]] = may_exclude
            worst = gone | _any(may_exclude)
            left = [
                part for lost in (gone, worst) for part in (lost, ~lost & is_os, ~lost & ~is_os)
            ]
            meaning[:, layout.parts[f"left {mode}"]] = np.stack(left, axis=1)
        return meaning


# --------------------------------------------------------------------------- cases


class _Decided(NamedTuple):
    """What decides some cases in a mode, each an array with one entry a case."""

    stop: Bools  # a row forbids restore points
    nothing_left: Bools  # without the disks to exclude there is nothing to save
    unknown: Bools
    exclude: Bools  # disks must be left out
    hopeless: Bools  # what is unknown may forbid restore points
    left: NDArray[np.intp]  # a place in `_LEFT`

    @property
    def names_disks(self) -> Bools:
        """Whether the verdict names disks to exclude."""
        return self.exclude & ~self.stop & ~self.unknown

    def codes(self) -> Bits:
        """Give verdict, floor, ceiling, and whether disks to exclude are named."""
        verdict = np.where(self.exclude, EXCLUDE_DISKS, SUPPORTED)
        ceiling = np.where(self.stop | self.nothing_left, NOT_SUPPORTED, verdict)
        verdict = np.where(self.unknown, UNKNOWN, ceiling)
        worst = np.where(self.hopeless, NOT_SUPPORTED, EXCLUDE_DISKS)
        floor = np.where(self.unknown, worst, verdict)
        return np.stack([verdict, floor, ceiling, self.names_disks], axis=1).astype(np.uint8)


class Cases:
    """What the numbers of cases mean, all that is the same for every VM of a case.

    Numbers are given in the order in which cases are met. What is told of a case does not depend
    on that order: rows come in the order of their ids, facts in the order of their table.
    """

    def __init__(self, layout: _Layout) -> None:
        self._layout = layout
        self._numbers = _Numbering(_row_type(-(-layout.width // 8), np.uint8))
        rows, facts = (-(-len(one) // 8) for one in (layout.rows, layout.facts))
        self._meanings = _Growing((-(-layout.width // 8),))
        self._codes = {mode: _Growing((4,)) for mode in MODES}
        self._lists = {
            (mode, name): _Growing((width,))
            for mode in MODES
            for name, width in (
                ("reasons", rows),
                ("caveats", rows),
                ("possible_caveats", rows),
                ("exclusions", rows),
                ("assumptions", facts),
                ("missing", facts),
            )
        }
        self._after = {mode: self._consequences(mode) for mode in MODES}
        self._named: dict[tuple[bool, bytes], tuple[str, ...]] = {}
        self._lock = RLock()
        # What follows from the exclusions comes after them.
        grains = [layout.rules.rows[row].grain for row in layout.rows]
        self._order = sorted(
            range(len(grains)), key=lambda at: (grains[at] == "verdict", layout.rows[at])
        )
        self._rows_in_order = [layout.rows[at] for at in self._order]

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, packed: Bits) -> Numbers:
        """Give the number of each meaning; new ones are judged."""
        found, new = self._numbers.number(_marks(packed))
        fresh = packed[new]
        self._meanings.append(fresh)
        for first in range(0, len(fresh), _FEW):
            signs = _signs(self._layout, self._layout.unpack(fresh[first : first + _FEW]))
            for mode in MODES:
                self._codes[mode].append(self.codes(mode, signs))
        return found

    def _consequences(self, mode: str) -> tuple[Bools, Bools]:
        """Give the rows that forbid, and those that warn, for each value of what is left."""
        rules, rows = self._layout.rules, self._layout.rows
        decided = []
        for left in _LEFT:
            strict, lenient = rules.words(DISKS_LEFT, left)
            decided.append(rules.decide("verdict", strict, lenient)[mode])
        blocked = np.array([[row in one.blocked for row in rows] for one in decided], bool)
        caveats = np.array([[row in one.caveats for row in rows] for one in decided], bool)
        return blocked, caveats

    def _decide(self, mode: str, signs: Numbers) -> _Decided:
        """Combine what is known as the scalar evaluator does, for many cases at once."""
        first = MODES.index(mode) * len(_SIGNS)
        bits = [(signs >> np.uint32(first + at) & 1).astype(bool) for at in range(len(_SIGNS))]
        stop, is_open, may_exclude, exclude = bits[:4]
        left, worst = _left(bits[4:7]), _left(bits[7:])
        forbids, _ = self._after[mode]
        nothing_left = ~stop & _any(forbids)[left]
        unknown = ~stop & ~nothing_left & (is_open | may_exclude)
        hopeless = is_open | _any(forbids)[worst]
        return _Decided(stop, nothing_left, unknown, exclude, hopeless, left)

    def codes(self, mode: str, signs: Numbers) -> Bits:
        """Give verdict, floor, ceiling and whether disks are named, by what decides them."""
        return self._decide(mode, signs).codes()

    def _tell(self) -> None:
        """Work out the lists of the cases that nobody had asked for yet."""
        with self._lock:
            known = len(self._lists[MODES[0], "reasons"])
            for first in range(known, len(self._meanings), _FEW):
                meaning = self._layout.unpack(self._meanings.rows[first : first + _FEW])
                for mode in MODES:
                    for name, marked in self._told(mode, meaning).items():
                        self._lists[mode, name].append(np.packbits(marked, axis=1))

    def _told(self, mode: str, meaning: Bools) -> dict[str, Bools]:
        """Mark the rows and facts that are told of cases."""
        layout = self._layout
        case = self._decide(mode, _signs(layout, meaning))
        parts = {name: meaning[:, part] for name, part in layout.parts.items()}
        sure, maybe = parts["sure"], parts["maybe"]
        open_outcomes = layout.outcome(mode, "not_supported", "not_stated")
        exclusions = sure & layout.excludes(mode)
        forbids, warns = self._after[mode]
        decided = ~(case.stop | case.nothing_left | case.unknown)

        def where(condition: Bools, chosen: Bools) -> Bools:
            return condition[:, None] & chosen

        reasons = where(case.stop, sure & layout.outcome(mode, "not_supported"))
        reasons |= where(case.nothing_left, exclusions | forbids[case.left])
        open_rows = sure & layout.outcome(mode, "not_stated") | maybe & open_outcomes
        reasons |= where(case.unknown, open_rows | parts[f"may_exclude {mode}"])
        reasons |= where(decided & case.exclude, exclusions)
        reasons |= where(decided & ~case.exclude, sure & layout.outcome(mode, "supported"))
        asked = parts[f"ask {mode}"] & reasons[:, layout.row_of_test]
        taken = parts["taken"] & layout.outcome(mode, *DECISIVE)[layout.row_of_test]
        told_of = case.unknown | decided
        caveats = layout.outcome(mode, "supported_with_caveat")
        return {
            "reasons": reasons,
            "caveats": sure & caveats | where(~case.stop, warns[case.left]),
            "possible_caveats": where(told_of, maybe & caveats),
            "exclusions": where(case.names_disks, exclusions),
            "missing": where(case.unknown, self._facts(asked)),
            "assumptions": where(told_of, self._facts(taken)),
        }

    def _facts(self, tests: Bools) -> Bools:
        found = np.zeros((len(tests), len(self._layout.facts)), bool)
        for at, fact in enumerate(self._layout.fact_of_test):
            found[:, fact] |= tests[:, at]
        return found

    # ----- what is told of them

    def verdict(self, mode: str) -> Bits:
        """Give the verdict of every case, as a place in :data:`rpmatrix.eligibility.VERDICTS`."""
        return np.ascontiguousarray(self._codes[mode].rows[:, 0])

    def floor(self, mode: str) -> Bits:
        """Give the worst verdict that is still possible for every case."""
        return np.ascontiguousarray(self._codes[mode].rows[:, 1])

    def ceiling(self, mode: str) -> Bits:
        """Give the best verdict that is still possible for every case."""
        return np.ascontiguousarray(self._codes[mode].rows[:, 2])

    def coded(
        self, name: str, mode: str, cases: Numbers | None = None
    ) -> tuple[Numbers, list[tuple[str, ...]]]:
        """Give row ids or fact ids of cases, each distinct list once.

        Parameters
        ----------
        name : str
            ``reasons``, ``caveats``, ``possible_caveats``, ``exclusions`` (rows that exclude
            disks), ``missing``, ``assumptions`` (facts) or ``rulings``.
        mode : str
            The consistency mode.
        cases : array of int, optional
            The cases to tell of; all if it is left out.

        Returns
        -------
        tuple
            The place of each case's list, and the lists.
        """
        if name == "rulings":
            parts = [
                self._listed(one, self._packed(one, mode, cases) & self._with_rulings[mode])
                for one in ("reasons", "caveats")
            ]
            codes, pairs = distinct_rows([part[0] for part in parts], len(parts[0][0]))
            lists = [parts[0][1][first] + parts[1][1][second] for first, second in pairs.tolist()]
            return codes, [self._rulings(rows, mode) for rows in lists]
        return self._listed(name, self._packed(name, mode, cases))

    def _packed(self, name: str, mode: str, cases: Numbers | None) -> Bits:
        self._tell()
        rows: Bits = self._lists[mode, name].rows
        return rows if cases is None else rows[cases]

    def _listed(self, name: str, packed: Bits) -> tuple[Numbers, list[tuple[str, ...]]]:
        encoded = _marks(packed).dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        return codes, [self._names(name, mark) for mark in encoded.dictionary.to_pylist()]

    def lists(self, name: str, mode: str, cases: Numbers | None = None) -> list[tuple[str, ...]]:
        """Give row ids or fact ids for every case, or for some, as :meth:`coded` does."""
        codes, lists = self.coded(name, mode, cases)
        return [lists[code] for code in codes.tolist()]

    @cached_property
    def _rulings_of(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        matrix, rows = self._layout.matrix, self._layout.rows
        return {(row, mode): matrix.rulings(row, mode) for row in rows for mode in MODES}

    @cached_property
    def _with_rulings(self) -> Mapping[str, Bits]:
        """Which rows some ruling touches, as packed bits, for each mode."""
        return {
            mode: np.packbits([bool(self._rulings_of[row, mode]) for row in self._layout.rows])
            for mode in MODES
        }

    def _rulings(self, rows: Sequence[str], mode: str) -> tuple[str, ...]:
        touched = (ruling for row in rows for ruling in self._rulings_of[row, mode])
        return tuple(dict.fromkeys(touched))

    def _names(self, name: str, mark: bytes) -> tuple[str, ...]:
        of_facts = name in ("missing", "assumptions")
        named = self._named.get((of_facts, mark))
        if named is None:
            given = self._layout.facts if of_facts else self._rows_in_order
            marked = np.unpackbits(np.frombuffer(mark, np.uint8))
            places = range(len(given)) if of_facts else self._order
            named = tuple(one for one, at in zip(given, places, strict=True) if marked[at])
            self._named[of_facts, mark] = named
        return named


def _any(marked: Bools) -> Bools:
    """Tell of each row whether anything is marked in it."""
    found: Bools = np.logical_or.reduce(marked, axis=1)
    return found


def _left(flags: Sequence[Bools]) -> NDArray[np.intp]:
    """Give what is left, as a place in `_LEFT`."""
    gone, system, data = flags
    left = np.where(system, np.where(data, 4, 2), np.where(data, 3, 1))
    return np.where(gone, left, 0)


# --------------------------------------------------------------------------- the evaluator


class Found(NamedTuple):
    """Rows that bear on VMs or disks, one for each place: long form.

    Attributes
    ----------
    vms, disks : array of int
        The place of the VM, and of the disk row or -1 for a row about the VM.
    rows : array of int
        The row, as a place in :attr:`ColumnEvaluator.rows`.
    applies : array of bool
        True if it applies for sure, false if it might.
    """

    vms: Numbers
    disks: Numbers
    rows: Numbers
    applies: Bools


@dataclass(frozen=True, eq=False)
class Judged:
    """The verdicts of the VMs of a table.

    Attributes
    ----------
    evaluator : ColumnEvaluator
        What knows the numbers.
    vms, disks : array of int
        The configuration of each VM and of each disk row.
    owners : array of int
        The place of the VM of each disk row.
    """

    evaluator: ColumnEvaluator
    vms: Numbers
    disks: Numbers
    owners: Numbers

    @cached_property
    def cases(self) -> Numbers:
        """The case of each VM: a number that :class:`Cases` explains."""
        return self.evaluator.cases_of(self)

    @cached_property
    def _deciding(self) -> tuple[Numbers, Numbers]:
        """What decides verdicts: the place of each VM's, and each once."""
        encoded = pa.array(self.evaluator.signs_of(self)).dictionary_encode()
        return tuple(
            one.to_numpy(zero_copy_only=False) for one in (encoded.indices, encoded.dictionary)
        )

    def _coded(self, mode: str, column: int) -> Bits:
        places, signs = self._deciding
        return np.ascontiguousarray(self.evaluator.cases.codes(mode, signs)[:, column]).take(places)

    def verdicts(self, mode: str) -> Bits:
        """Give the verdict of each VM, as a place in :data:`rpmatrix.eligibility.VERDICTS`."""
        return self._coded(mode, 0)

    def excluded(self, mode: str) -> Bools:
        """Tell of each disk row whether the verdict of its VM names it as one to exclude."""
        named: Bools = self._coded(mode, 3).astype(bool).take(self.owners)
        return named & self.evaluator.must_go(mode).take(self.disks)

    def findings(self) -> Found:
        """Give the rows that bear on a verdict: they apply, or may apply and could decide it.

        Rows that apply and say that all is well are left out.
        """
        every_vm = np.arange(len(self.vms), dtype=np.int32)
        of_vms = self.evaluator.found(self.vms, disks=False)
        of_disks = self.evaluator.found(self.disks, disks=True)
        return Found(
            np.concatenate([every_vm.take(of_vms[0]), self.owners.take(of_disks[0])]),
            np.concatenate([np.full(len(of_vms[0]), -1, np.int32), of_disks[0]]),
            np.concatenate([of_vms[1], of_disks[1]]),
            np.concatenate([of_vms[2], of_disks[2]]),
        )


class ColumnEvaluator:
    """Gives verdicts for whole columns, from the compiled rules of one matrix.

    Parameters
    ----------
    matrix : Matrix
        The matrix that decides.
    strict : bool
        Make no assumption: what no payload can tell stays unknown.
    answers : mapping of str to str
        As for :class:`rpmatrix.eligibility.Evaluator`.

    Attributes
    ----------
    vm_facts, disk_facts : tuple of str
        The facts that rules test: the columns to bring. Any other column has no bearing.
    rows : tuple of str
        Row ids, for the places in :class:`Found`.
    cases : Cases
        What the numbers of cases mean.
    """

    def __init__(
        self, matrix: Matrix, *, strict: bool = False, answers: Answers | None = None
    ) -> None:
        self.matrix = matrix
        self.scalar = Evaluator(matrix, strict=strict, answers=answers)
        if named := self.scalar.answered_disks:
            raise AnswerError(
                f"{named[0]} names one disk; for a fleet answer for a VM or for all of them, or "
                "judge this VM by itself"
            )
        rules = self.scalar.rules
        self._layout = _Layout(matrix, rules)
        self.rows = self._layout.rows
        tested = [matrix.facts[name] for name in rules.facts]
        self.vm_facts = tuple(fact.id for fact in tested if fact.grain == "vm")
        self.disk_facts = tuple(fact.id for fact in tested if fact.grain == "disk")
        self._columns = {
            name: _Column(rules, matrix.facts[name], self.scalar.assumption(name))
            for name in (*self.vm_facts, *self.disk_facts)
        }
        on_disks = rules.masks["os"] | rules.masks["data"]
        # Facts of the VM that rules about disks test besides are told of its disks too.
        self._shared = tuple(
            name
            for name in self.vm_facts
            if any(one.bit & on_disks and name == fact for one, fact in self._layout.tests)
        )
        self._vms = _Configurations(
            self._layout, [self._columns[name] for name in self.vm_facts], of_disks=False
        )
        self._disks = _Configurations(
            self._layout,
            [self._columns[name] for name in (*self.disk_facts, *self._shared)],
            of_disks=True,
        )
        self._vm_rows = _Rows(len(self.vm_facts))
        self._disk_rows = _Rows(_BEFORE_FACTS + len(self.disk_facts))
        self._configuration_of_vm_row = _Growing((), np.int32)
        self._configuration_of_disk_row = _Growing((), np.int32)
        self._sets: dict[tuple[int, ...], int] = {(): 0}
        self._set_meanings = _Growing((-(-self._layout.width // 8),))
        self._set_meanings.append(np.zeros((1, -(-self._layout.width // 8)), np.uint8))
        self._pairs = _Numbering(pa.int64())
        self._case_of_pair = _Growing((), np.int32)
        self.cases = Cases(self._layout)
        self._lock = RLock()

    def encode_vms(self, table: pa.Table, pool: Executor | None = None) -> Numbers:
        """Give each row of a table of VMs a number, the same for rows of the same facts.

        Parameters
        ----------
        table : pyarrow.Table
            One row per VM, and a column for each fact, named by its id; one that is missing is
            unknown.
        pool : Executor, optional
            Threads that share the work.
        """

        def encode(block: pa.Table) -> Numbers:
            columns = [self._codes(name, block) for name in self.vm_facts]
            return self._vm_rows.number(columns, block.num_rows)

        return _by_blocks(encode, table, pool)

    def encode_disks(self, table: pa.Table, pool: Executor | None = None) -> Numbers:
        """Give each row of a table of disks a number, the same for rows of the same facts.

        Parameters
        ----------
        table : pyarrow.Table
            One row per disk: ``role`` (``os`` or ``data``), and a column for each fact; one that is
            missing is unknown. A row that stands for disks that are not listed says ``no`` in a
            column ``listed``.
        pool : Executor, optional
            Threads that share the work.

        Raises
        ------
        ValueError
            If the role of a disk is neither; the message says what stands there.
        """

        def encode(block: pa.Table) -> Numbers:
            columns = [self._codes(name, block) for name in self.disk_facts]
            columns = [_roles(block), _listed(block), *columns]
            return self._disk_rows.number(columns, block.num_rows)

        return _by_blocks(encode, table, pool)

    def refused(self) -> list[tuple[str, str]]:
        """Give facts with cells that hold what the fact does not allow, some of each at most."""
        columns = self._columns.items()
        return [(name, cell) for name, column in columns for cell in list(column.refused)]

    def unlisted(self, roles: Numbers) -> Numbers:
        """Give numbers for rows that stand for disks which are not listed: nothing is known."""
        nothing = [self._columns[name].nothing for name in self.disk_facts]
        return self._disk_rows.number([roles, 0, *nothing], len(roles))

    def roles(self, disks: Numbers) -> Numbers:
        """Give the role of each disk, as a place in :data:`ROLES`, by its number."""
        return self._disk_rows[:][:, _ROLE].take(disks)

    def count_listed(self, disks: Numbers) -> int:
        """Count the disks that do not stand for others which are not listed, by their numbers."""
        return int(np.count_nonzero(self._disk_rows[:][:, _LISTED].take(disks)))

    def judge(
        self, vms: Numbers, disks: Numbers, owners: Numbers, names: Names | None = None
    ) -> Judged:
        """Give the verdict of every VM.

        Parameters
        ----------
        vms, disks : array of int
            As :meth:`encode_vms` and :meth:`encode_disks` give them.
        owners : array of int
            For each disk the place of its VM, ascending.
        names : callable, optional
            Gives names and ids of all VMs; called only if single VMs were answered for.
        """
        if names is not None and self.scalar.answered_vms:
            vms, disks = self._answer_singly(vms, disks, owners, names())
        with self._lock:
            of_vms = self._configured_vms().take(vms)
            if self._shared:
                of_disks = self._configured_together(vms, disks, owners)
            else:
                of_disks = self._configured_disks().take(disks)
        return Judged(self, of_vms, of_disks, owners)

    def signs_of(self, judged: Judged) -> NDArray[np.uint32]:
        """Give what decides the verdict of each VM, as bits that :class:`Cases` can read."""
        signs: NDArray[np.uint32] = self._vms.signs.rows.take(judged.vms)
        if len(judged.disks):
            starts = np.flatnonzero(np.diff(judged.owners, prepend=judged.owners[0] - 1))
            of_disks = self._disks.signs.rows.take(judged.disks)
            signs[judged.owners[starts]] |= np.bitwise_or.reduceat(of_disks, starts)
        return signs

    def cases_of(self, judged: Judged) -> Numbers:
        """Give the number of the case of each VM, which :class:`Cases` explains."""
        with self._lock:
            sets = self._numbered_sets(judged.disks, judged.owners, len(judged.vms))
            return self._numbered_cases(judged.vms, sets)

    # ----- cells to codes

    def _codes(self, name: str, table: pa.Table) -> Codes:
        column = self._columns[name]
        return column.codes(table[name]) if name in table.column_names else column.nothing

    # ----- rows of codes to configurations

    def _configured_vms(self) -> Numbers:
        """Give the configuration of each row of codes of a VM."""
        known = self._configuration_of_vm_row
        if len(rows := self._vm_rows[len(known) :]):
            known.append(self._vms.number(self._answered_vms(rows, self.scalar.answers())))
        found: Numbers = known.rows
        return found

    def _configured_disks(self) -> Numbers:
        """Give the configuration of each row of codes of a disk."""
        known = self._configuration_of_disk_row
        if len(rows := self._disk_rows[len(known) :]):
            known.append(self._disks.number(self._answered_disks(rows, self.scalar.answers())))
        found: Numbers = known.rows
        return found

    def _configured_together(self, vms: Numbers, disks: Numbers, owners: Numbers) -> Numbers:
        """Give the configuration of each disk, of which some facts are those of its VM."""
        pairs = pa.array(vms.take(owners).astype(np.int64) << 32 | disks).dictionary_encode()
        keys = pairs.dictionary.to_numpy(zero_copy_only=False)
        answers = self.scalar.answers()
        shared = [self.vm_facts.index(name) for name in self._shared]
        of_vms = self._answered_vms(self._vm_rows[keys >> 32], answers)[:, shared]
        of_disks = self._answered_disks(self._disk_rows[keys & (2**32 - 1)], answers)
        numbers = self._disks.number(np.hstack([of_disks, of_vms]))
        return np.asarray(numbers.take(pairs.indices.to_numpy(zero_copy_only=False)))

    def _answer_singly(
        self,
        vms: Numbers,
        disks: Numbers,
        owners: Numbers,
        names: Iterable[tuple[str, str]],
    ) -> tuple[Numbers, Numbers]:
        """Fill in what a person answered for single VMs, where a fact is not known for sure.

        An answer for one VM counts more than one for all, and one by its id more than by its name.
        """
        vms, disks = vms.copy(), disks.copy()
        single = set(self.scalar.answered_vms)
        chosen: dict[tuple[str, ...], list[int]] = {}
        for place, held in enumerate(names):
            scopes = tuple(name for name in map(str.lower, held) if name in single)
            if scopes:
                chosen.setdefault(scopes, []).append(place)
        for scopes, places in chosen.items():
            answers = self.scalar.answers()
            for scope in scopes:
                answers |= self.scalar.answers(scope)
            rows = self._answered_vms(self._vm_rows[vms[places]], answers)
            vms[places] = self._vm_rows.number_rows(rows)
            mine = np.flatnonzero(np.isin(owners, places))
            rows = self._answered_disks(self._disk_rows[disks[mine]], answers)
            disks[mine] = self._disk_rows.number_rows(rows)
        return vms, disks

    def _answered_vms(self, rows: Numbers, answers: Mapping[str, str | int]) -> Numbers:
        """Give rows of codes of VMs with answers filled in where they leave something open."""
        contradicted = self._contradicted(rows, answers)
        for place, name in enumerate(self.vm_facts):
            if name in answers:
                rows[:, place] = self._columns[name].answered(rows[:, place], answers[name])
        if contradicted.any():
            place = self.vm_facts.index(SYSTEM)
            rows[contradicted, place] = self._columns[SYSTEM].taken_back
        return rows

    def _contradicted(self, rows: Numbers, answers: Mapping[str, str | int]) -> Bools:
        """Tell of which VMs the family that was read contradicts the operating system answered."""
        if SYSTEM not in answers or not {SYSTEM, FAMILY} <= {*self.vm_facts}:
            return np.zeros(len(rows), bool)
        systems, families = self._columns[SYSTEM], self._columns[FAMILY]
        answered = self.scalar.family_of(answers[SYSTEM])
        is_answerable = np.array([one.answerable for one in systems.classes])
        is_other = np.array([one.family not in (None, answered) for one in families.classes])
        of_system, of_family = (rows[:, self.vm_facts.index(name)] for name in (SYSTEM, FAMILY))
        found: Bools = is_answerable[of_system] & is_other[of_family]
        return found

    def _answered_disks(self, rows: Numbers, answers: Mapping[str, str | int]) -> Numbers:
        """Give rows of codes of disks with answers filled in; those of no listed disk stay."""
        listed = rows[:, _LISTED] == 1
        for place, name in enumerate(self.disk_facts, start=_BEFORE_FACTS):
            if name in answers:
                filled = self._columns[name].answered(rows[:, place], answers[name])
                rows[:, place] = np.where(listed, filled, rows[:, place])
        return rows

    # ----- disks to sets, sets and VMs to cases

    def _numbered_sets(self, of_disks: Numbers, owners: Numbers, length: int) -> Numbers:
        """Give each VM the number of the set of configurations that its disks have."""
        sets = np.zeros(length, np.int64)
        if not len(of_disks):
            return sets
        starts = np.flatnonzero(np.diff(owners, prepend=owners[0] - 1))
        with_disks = owners[starts]
        # A set is words of bits, one for each configuration. Those met first are the frequent
        # ones: the first word is all that most VMs need.
        encoded = pa.array(_bits_or(of_disks, 0, starts)).dictionary_encode()
        numbers = encoded.indices.to_numpy(zero_copy_only=False)
        known = self._set_numbers(encoded.dictionary.to_numpy(zero_copy_only=False)[:, None])
        sets[with_disks] = known.take(numbers)
        rare = np.flatnonzero(of_disks >= _WORD)
        if len(rare):
            self._add_rare(sets, of_disks, owners, rare)
        return sets

    def _add_rare(self, sets: Numbers, of_disks: Numbers, owners: Numbers, rare: Numbers) -> None:
        """Give a number to the sets of the VMs that have a disk of a rare configuration."""
        vms = np.unique(owners[rare])
        mine = np.flatnonzero(np.isin(owners, vms))
        of_mine, whose = of_disks[mine], owners[mine]
        starts = np.flatnonzero(np.diff(whose, prepend=-1))
        words = np.stack(
            [_bits_or(of_mine, first, starts) for first in range(0, int(of_mine.max()) + 1, _WORD)],
            axis=1,
        )
        rows, places = np.unique(words, axis=0, return_inverse=True)
        sets[vms] = self._set_numbers(rows)[places.reshape(-1)]

    def _set_numbers(self, words: Numbers) -> Numbers:
        """Give the numbers of sets of configurations, each told by a row of words of bits."""
        keys = [_trimmed(tuple(row)) for row in words.tolist()]
        new = [at for at, key in enumerate(keys) if key not in self._sets]
        if new:
            fresh = np.ascontiguousarray(words[new].astype("<u8")).view(np.uint8)
            sets, members = np.nonzero(np.unpackbits(fresh, axis=1, bitorder="little"))
            starts = np.flatnonzero(np.diff(sets, prepend=-1))
            # What holds for a set is what holds for one of its members.
            meanings = self._disks.packed.rows[members]
            self._set_meanings.append(np.bitwise_or.reduceat(meanings, starts, axis=0))
            self._sets |= {keys[at]: len(self._sets) + place for place, at in enumerate(new)}
        return np.array([self._sets[key] for key in keys], np.int64)

    def _numbered_cases(self, of_vms: Numbers, sets: Numbers) -> Numbers:
        pairs, new = self._pairs.number(pa.array(of_vms.astype(np.int64) << 32 | sets))
        if len(new):
            meanings = self._vms.packed.rows[of_vms[new]] | self._set_meanings.rows[sets[new]]
            self._case_of_pair.append(self.cases.number(meanings))
        return np.asarray(self._case_of_pair.rows.take(pairs))

    # ----- what configurations mean

    def must_go(self, mode: str) -> Bools:
        """Tell of every configuration of a disk whether the disk must be excluded in a mode."""
        sure = self._layout.unpack(self._disks.packed.rows)[:, self._layout.parts["sure"]]
        return _any(sure & self._layout.excludes(mode))

    def exclusions(self, numbers: Numbers, mode: str) -> list[tuple[str, ...]]:
        """Give the rows that exclude a disk in a mode, for some configurations of disks."""
        sure = self._layout.unpack(self._disks.packed.rows[numbers])[:, self._layout.parts["sure"]]
        return [
            tuple(row for row, marked in zip(self.rows, one, strict=True) if marked)
            for one in sure & self._layout.excludes(mode)
        ]

    def found(self, numbers: Numbers, *, disks: bool) -> tuple[Numbers, Numbers, Bools]:
        """Give places, rows and whether they apply, for configurations of VMs or of disks."""
        held = self._disks if disks else self._vms
        meaning = self._layout.unpack(held.packed.rows)
        decides, tells = (
            np.logical_or.reduce([self._layout.outcome(mode, *outcomes) for mode in MODES])
            for outcomes in (DECISIVE, (*DECISIVE, "supported_with_caveat"))
        )
        sure = meaning[:, self._layout.parts["sure"]] & tells
        maybe = meaning[:, self._layout.parts["maybe"]] & decides
        configurations, rows = np.nonzero(sure | maybe)
        applies = sure[configurations, rows]
        counts = np.bincount(configurations, minlength=len(meaning))
        firsts = np.cumsum(counts) - counts
        mine = counts.take(numbers)
        places = np.repeat(np.arange(len(numbers), dtype=np.int32), mine)
        within = np.arange(len(places)) - np.repeat(np.cumsum(mine) - mine, mine)
        picked = firsts.take(numbers).take(places) + within
        return places, rows.astype(np.int16).take(picked), applies.take(picked)


def _by_blocks(
    encode: Callable[[pa.Table], Numbers], table: pa.Table, pool: Executor | None
) -> Numbers:
    """Encode a table block by block: what is worked out of a block stays near the processor."""
    blocks = [table.slice(first, _BLOCK) for first in range(0, max(table.num_rows, 1), _BLOCK)]
    return np.concatenate(list(pool.map(encode, blocks) if pool else map(encode, blocks)))


def _trimmed(words: tuple[int, ...]) -> tuple[int, ...]:
    """Give words without the empty ones at the end."""
    while words and not words[-1]:
        words = words[:-1]
    return words


def _bits_or(of_disks: Numbers, first: int, starts: Numbers) -> Numbers:
    """Give a word for each run of disks: the bits of 64 configurations from the first on."""
    bits = np.uint64(1) << np.arange(_WORD, dtype=np.uint64)
    table = np.zeros(max(int(of_disks.max()) + 1, first + _WORD), np.uint64)
    table[first : first + _WORD] = bits
    words: Numbers = np.bitwise_or.reduceat(table.take(of_disks), starts)
    return words


def _roles(disks: pa.Table) -> Codes:
    """Give the role of each disk row as a place in :data:`ROLES`."""
    if "role" not in disks.column_names:
        if disks.num_rows:
            raise ValueError("the table of disks has no column 'role' that says os or data")
        return 0
    found = []
    for chunk in disks["role"].chunks:
        cells = _told_apart(chunk)
        places = []
        for cell in cells.dictionary.to_pylist():
            role = str(cell).strip().lower()
            if role not in ROLES:
                raise ValueError(f"the role of a disk is os or data, not {cell!r}")
            places.append(ROLES.index(role))
        if cells.indices.null_count:
            raise ValueError("the role of a disk is os or data, not empty")
        table = np.array(places or [0], np.uint16)
        found.append(LookedUp(cells.indices.to_numpy(zero_copy_only=False), table))
    return LookedUp.joined(found)


def _listed(disks: pa.Table) -> Codes:
    """Tell rows of listed disks (1) from those that stand for disks that are not listed (0)."""
    if "listed" not in disks.column_names:
        return 1
    found = []
    for chunk in disks["listed"].chunks:
        cells = _told_apart(chunk)
        words = [str(cell).strip().lower() for cell in cells.dictionary.to_pylist()]
        table = np.array([*(word not in ("no", "false", "0") for word in words), True], np.uint16)
        places = cells.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        found.append(LookedUp(places, table))
    return LookedUp.joined(found)
