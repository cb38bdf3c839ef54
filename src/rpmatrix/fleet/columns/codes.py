"""Facts in columns as codes: cells that the rules cannot tell apart have the same one.

Few values of a fact differ for the rules: each value gets the code of a *class*, all values of
which have the same words. A row of codes is what the rules know of a VM or a disk, and rows are
numbered as they are met, so that each is evaluated once.

A cell tells one value, nothing, that a value is shown which cannot be used (:data:`UNUSABLE`), or
several values of which one is true (``a|b``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from rpmatrix.eligibility.assessment import FAMILY
from rpmatrix.eligibility.rules import RuleSet, Words
from rpmatrix.inventory.facts import whole_number
from rpmatrix.matrix.matrix import Fact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

UNUSABLE: Final = "(unusable)"


# --------------------------------------------------------------------------- values


class Told(NamedTuple):
    """What a cell tells of a fact: the values of which one is true, or that it is of no use."""

    values: tuple[str | int, ...] = ()
    usable: bool = True


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
        return whole_number(text)
    if not fact.allowed_values:
        return text
    spelled = {value.lower(): value for value in fact.allowed_values}
    lowered = text.lower()
    if fact.type == "flag":
        lowered = _FLAGS.get(lowered, lowered)
    return spelled.get(lowered)


# --------------------------------------------------------------------------- classes of values


class Class(NamedTuple):
    """What the rules make of a value: words as the scalar evaluator's, and how it is known."""

    strict: int
    lenient: int
    unassumed: int
    answerable: bool  # not known for sure: an answer takes its place
    assumed: bool
    family: str | int | None = None  # of the operating system, which an answer must not contradict
    dated: str = ""  # whether the system has reached extended security updates, by the calendar


class Cells(NamedTuple):
    """A column of codes, each told by where it stands in a short table.

    Attributes
    ----------
    places : pyarrow.Array of int32
        For each row where its code stands. Nothing is where the last one stands.
    table : array of int
        The codes.
    """

    places: pa.Array
    table: Numbers

    def within(self, block: slice) -> Numbers:
        """Give the places of some rows that stand together."""
        mine = self.places[block]
        if mine.null_count:
            mine = mine.fill_null(pa.scalar(len(self.table) - 1, pa.int32()))
        found: Numbers = mine.to_numpy(zero_copy_only=False)
        return found

    @staticmethod
    def of_codes(codes: Numbers) -> Cells:
        """Give a column of codes as they are."""
        return Cells(pa.array(codes, pa.int32()), np.arange(int(codes.max(initial=0)) + 1))


# The codes of a column: one a row, or one that all rows have.
Codes = Cells | int


# How many cells of a fact are kept to be told of.
_REFUSED: Final = 20


class Column:
    """The classes of one fact, and the code of every value met so far."""

    def __init__(
        self,
        rules: RuleSet,
        fact: Fact,
        assumption: str | int | None,
        calendar: Callable[[str | int], str] | None = None,
    ) -> None:
        self.fact = fact
        self._calendar = calendar
        self.classes: list[Class] = []
        self._rules = rules
        self._assumption = assumption
        self._code_of_class: dict[Class, int] = {}
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

    def _code_of(self, found: Class) -> int:
        with self._lock:
            code = self._code_of_class.setdefault(found, len(self.classes))
            if code == len(self.classes):
                self.classes.append(found)
        return code

    @cached_property
    def taken_back(self) -> int:
        """The code of what was answered and cannot be: unknown, whatever else was answered."""
        return self._code_of(self.classes[self.code(UNUSABLE)]._replace(answerable=False))

    def _class(self, known: Told) -> Class:
        everything = self._rules.everything
        if known.values:
            strict, lenient = self._any_of(known.values)
            is_sure = len(known.values) == 1
            family = known.values[0] if is_sure and self.fact.id == FAMILY else None
            dated = self._calendar(known.values[0]) if self._calendar and is_sure else ""
            return Class(strict, lenient, lenient, not is_sure, False, family, dated)
        if known.usable and self._assumption is not None:
            strict, lenient = self._rules.words(self.fact.id, self._assumption)
            return Class(strict, lenient, everything, True, True)
        strict, lenient = self._rules.words(self.fact.id, None)
        return Class(strict, lenient, lenient, True, False)

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

    def cells(self, column: pa.Array) -> Codes:
        """Give the code of every cell of a column."""
        if column.null_count == len(column):
            return self.nothing
        column = told_apart(column)
        codes = [self.code(cell) for cell in column.dictionary.to_pylist()]
        if column.indices.null_count:
            codes.append(self.nothing)
        return Cells(column.indices, np.array(codes, np.uint16))


def told_apart(cells: pa.Array) -> pa.DictionaryArray:
    """Give cells as codes of the distinct ones."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        # One more than the largest index must fit, to stand for nothing.
        return cells.cast(pa.dictionary(pa.int32(), kind.value_type))
    if isinstance(cells, pa.ExtensionArray):
        return told_apart(cells.storage)
    if pa.types.is_nested(kind):
        places = pa.array(np.zeros(len(cells), np.int32), mask=~np.asarray(cells.is_valid()))
        return pa.DictionaryArray.from_arrays(places, pa.array([UNUSABLE]))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        cells = cells.cast(
            pa.large_binary() if pa.types.is_binary_view(kind) else pa.large_string()
        )
    return cells.dictionary_encode()


# The most that one number may hold; before it would grow larger, it is made small again.
_LARGEST: Final = 2**62


# --------------------------------------------------------------------------- distinct rows


def distinct_rows(columns: Sequence[Numbers | int], length: int) -> tuple[Numbers, Numbers]:
    """Give the distinct rows of columns of codes a number each.

    Parameters
    ----------
    columns : sequence
        For each column an array of codes, or one code where it is the same in every row.
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


def _span(column: Numbers | int) -> tuple[int, int]:
    """Give the least and the largest code that may stand in a column."""
    if isinstance(column, int):
        return column, column
    return (int(column.min()), int(column.max())) if len(column) else (0, 0)


class Growing:
    """An array that rows are added to."""

    def __init__(self, shape: tuple[int, ...], kind: Any = np.uint8) -> None:
        self._held = np.zeros((0, *shape), kind)
        self._count = 0

    def append(self, rows: Any) -> None:
        """Add rows at the end."""
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
        """The rows that were added."""
        # Rows are held before they are counted.
        count = self._count
        return self._held[:count]


class Numbering:
    """Numbers for values, given in the order in which they are met."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, values: pa.Array) -> tuple[Numbers, Numbers]:
        """Give the number of each value, and the places of those that are met for the first time.

        The places are in the order of the numbers.
        """
        encoded = values.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        known, distinct = self._numbers, encoded.dictionary.to_pylist()
        before = len(known)
        numbers = np.array([known.setdefault(one, len(known)) for one in distinct], np.int64)
        first = np.zeros(len(numbers), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        return numbers.take(codes), first[numbers >= before]


def marks(rows: Numbers) -> pa.Array:
    """Give each row as bytes, which can be told from others."""
    buffer = pa.py_buffer(np.ascontiguousarray(rows))
    kind = pa.binary(rows.shape[1] * rows.dtype.itemsize)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, buffer])


class Rows:
    """The distinct rows of codes at one kind of place, numbered as they are met."""

    def __init__(self, width: int) -> None:
        self._numbers = Numbering()
        self._rows = Growing((width,), np.uint16)
        self._lock = RLock()

    def __getitem__(self, numbers: Any) -> Numbers:
        """Give the rows of some numbers, as a copy."""
        rows: Numbers = self._rows.rows[numbers].copy()
        return rows

    def number(
        self, columns: Sequence[Codes], length: int, pool: Executor | None = None
    ) -> Numbers:
        """Give the number of each row, from its columns.

        Rows are gone through block by block, so that what is worked out of a block stays near the
        processor; the threads of `pool` share the blocks.
        """
        found = np.empty(length, np.int32)
        keys = _RowKeys(columns)
        if keys.radix <= _LARGEST_TABLE:
            fill = partial(self._look_up, keys, np.zeros(keys.radix, np.int32), found)
        else:
            fill = partial(self._compare, columns, found)
        blocks = [slice(at, min(at + _BLOCK, length)) for at in range(0, length, _BLOCK)]
        for _ in pool.map(fill, blocks) if pool else map(fill, blocks):
            pass
        return found

    def _look_up(self, keys: _RowKeys, known: Numbers, found: Numbers, block: slice) -> None:
        """Fill in numbers by a table, in which a key that was not met yet has 0."""
        mine = keys.of(block)
        numbers = known.take(mine)
        if not numbers.min():
            new = np.unique(mine[numbers == 0])
            known[new] = self.number_rows(keys.rows(new)) + 1
            numbers = known.take(mine)
        np.subtract(numbers, 1, out=found[block])

    def _compare(self, columns: Sequence[Codes], found: Numbers, block: slice) -> None:
        """Fill in numbers by rows, of which there may be too many for a table."""
        codes = [
            one if isinstance(one, int) else one.table.take(one.within(block)) for one in columns
        ]
        numbers, rows = distinct_rows(codes, block.stop - block.start)
        found[block] = self.number_rows(rows).take(numbers)

    def number_rows(self, rows: Numbers) -> Numbers:
        """Give the number of each row."""
        with self._lock:
            found, new = self._numbers.number(marks(rows))
            self._rows.append(rows[new])
        return found.astype(np.int32)


class _Digit(NamedTuple):
    """What a column adds to a key: the places of its cells or their codes, times a weight."""

    column: int
    cells: Cells
    weight: int
    size: int
    is_code: bool  # or else the place of a cell, which may be looked up later

    def of(self, block: slice) -> Numbers:
        """Give the digits of some rows."""
        places = self.cells.within(block)
        return self.cells.table.take(places).astype(np.int32) if self.is_code else places

    def codes(self, keys: Numbers) -> Numbers:
        """Give the codes of the column that keys stand for."""
        digits = keys // self.weight % self.size
        return digits if self.is_code else self.cells.table.take(digits)


class _RowKeys:
    """Tells rows of codes from each other by one number."""

    def __init__(self, columns: Sequence[Codes]) -> None:
        self.radix = 1
        self._digits: list[_Digit] = []
        self._fixed = np.zeros(len(columns), np.uint16)
        for at, column in enumerate(columns):
            codes = np.array([column]) if isinstance(column, int) else column.table
            self._fixed[at] = codes[0]
            if isinstance(column, int) or (codes == codes[0]).all():
                continue
            classes = int(codes.max()) + 1
            # To look codes up costs more than to take places as they are, where these are few.
            is_code = len(codes) > max(_FEW_PLACES, 2 * classes)
            size = classes if is_code else len(codes)
            self._digits.append(_Digit(at, column, self.radix, size, is_code))
            self.radix *= size

    def of(self, block: slice) -> Numbers:
        """Give the keys of the rows of a block; only if a table of all keys is small enough."""
        keys = np.zeros(block.stop - block.start, np.int32)
        weighted = np.empty_like(keys)
        for digit in self._digits:
            np.multiply(digit.of(block), np.int32(digit.weight), out=weighted)
            np.add(keys, weighted, out=keys)
        return keys

    def rows(self, keys: Numbers) -> Numbers:
        """Give the rows of codes that keys stand for."""
        rows = np.repeat(self._fixed[None, :], len(keys), axis=0)
        for digit in self._digits:
            rows[:, digit.column] = digit.codes(keys)
        return rows


# How many rows are numbered together.
_BLOCK: Final = 65_536
# The most keys of rows that are numbered by a table.
_LARGEST_TABLE: Final = 2**22
_FEW_PLACES: Final = 8
