"""What rows of codes mean for the rules, and the cases that they come to.

A row of codes of a VM or of a disk is a *configuration* once all that was answered is filled in;
configurations are evaluated on the words of the same compiled rules as a single VM is. What a VM's
configuration means and what the configurations of its disks mean, taken together, is its *case*; a
verdict with all that belongs to it is worked out once per case, and a fleet of a million VMs has
some thousand of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from rpmatrix.eligibility.assessment import DISKS_LEFT, VERDICTS
from rpmatrix.eligibility.rules import Clause, RuleSet
from rpmatrix.fleet.columns.codes import Column, Growing, Numbering, marks
from rpmatrix.matrix.matrix import DECISIVE, MODES, Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Bits = NDArray[np.uint8]
    Numbers = NDArray[Any]

ROLES: Final = ("os", "data")
# A row of codes of a disk begins with its role, and whether it is listed.
ROLE, LISTED, BEFORE_FACTS = 0, 1, 2
SUPPORTED, EXCLUDE_DISKS, NOT_SUPPORTED, UNKNOWN = range(len(VERDICTS))
# The values of the fact disks_left, and which of "something is gone, the OS disk is left, a data
# disk is left" each stands for.
_LEFT: Final = ("all", "none", "os_only", "data_only", "os_and_data")
WORD: Final = 64
# How many cases are judged together: what is known of so many stays near the processor.
_FEW: Final = 2048


# --------------------------------------------------------------------------- meaning


class Layout:
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
        self.words = max(1, -(-rules.everything.bit_length() // WORD))
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
        return [(word >> (WORD * at)) & (2**WORD - 1) for at in range(self.words)]

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


def _signs(layout: Layout, meaning: Bools) -> NDArray[np.uint32]:
    """Give what decides, as bits: those of several places together are the OR of theirs."""
    sure, maybe = meaning[:, layout.parts["sure"]], meaning[:, layout.parts["maybe"]]
    found = []
    for mode in MODES:
        forbids = layout.outcome(mode, "not_supported")
        is_open = layout.outcome(mode, "not_supported", "not_stated")
        found += [
            any_of(sure & forbids),
            any_of(sure & layout.outcome(mode, "not_stated") | maybe & is_open),
            any_of(meaning[:, layout.parts[f"may_exclude {mode}"]]),
            any_of(sure & layout.excludes(mode)),
            *meaning[:, layout.parts[f"left {mode}"]].T,
        ]
    weights = np.uint32(1) << np.arange(len(found), dtype=np.uint32)
    signs: NDArray[np.uint32] = np.stack(found, axis=1) @ weights
    return signs


class Configurations:
    """The distinct combinations of codes at one kind of place, numbered as they are met."""

    def __init__(self, layout: Layout, columns: Sequence[Column], *, of_disks: bool) -> None:
        self._layout = layout
        self._columns = columns
        self._of_disks = of_disks
        self._numbers = Numbering()
        self.packed = Growing((-(-layout.width // 8),))
        self.signs = Growing((), np.uint32)

    def number(self, rows: Numbers) -> Numbers:
        """Give the number of each distinct row of codes; new ones are evaluated."""
        found, new = self._numbers.number(marks(rows))
        if len(new):
            meaning = self._evaluate(rows[new])
            self.packed.append(np.packbits(meaning, axis=1))
            self.signs.append(_signs(self._layout, meaning))
        return found

    def _evaluate(self, rows: Numbers) -> Bools:
        layout = self._layout
        codes = rows[:, BEFORE_FACTS:] if self._of_disks else rows
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
        mask = layout.bits(masks[rows[:, ROLE] if self._of_disks else np.zeros(len(rows), np.intp)])
        is_os = rows[:, ROLE] == 0 if self._of_disks else None
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
            gone = any_of(sure & excludes)
            may_exclude = maybe & excludes & ~gone[:, None]
            settled = gone[:, None] & excludes[layout.row_of_test]
            meaning[:, layout.parts[f"ask {mode}"]] = asked & ~settled
            meaning[:, layout.parts[f"may_exclude {mode}"]] = may_exclude
            worst = gone | any_of(may_exclude)
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

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._numbers = Numbering()
        self._meanings = Growing((-(-layout.width // 8),))
        self._codes = {mode: Growing((4,)) for mode in MODES}
        self._lists = {(mode, name): _Lists() for mode in MODES for name in _LISTED}
        self._after = {mode: self._consequences(mode) for mode in MODES}
        self._decided = {mode: self._decide(mode, _every(mode)).codes() for mode in MODES}
        self._lock = RLock()
        # What follows from the exclusions comes after them.
        grains = [layout.rules.rows[row].grain for row in layout.rows]
        self._order = sorted(
            range(len(grains)), key=lambda at: (grains[at] == "verdict", layout.rows[at])
        )

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, packed: Bits) -> Numbers:
        """Give the number of each meaning; new ones are judged."""
        found, new = self._numbers.number(marks(packed))
        fresh = packed[new]
        self._meanings.append(fresh)
        for first in range(0, len(fresh), _FEW):
            signs = _signs(self._layout, self._layout.unpack(fresh[first : first + _FEW]))
            for mode in MODES:
                decided = self._decided[mode].take(_of_mode(mode, signs), axis=0)
                self._codes[mode].append(decided)
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
        mine = _of_mode(mode, signs)
        bits = [(mine >> at & 1).astype(bool) for at in range(len(_SIGNS))]
        stop, is_open, may_exclude, exclude = bits[:4]
        left, worst = _left(bits[4:7]), _left(bits[7:])
        forbids, _ = self._after[mode]
        nothing_left = ~stop & any_of(forbids)[left]
        unknown = ~stop & ~nothing_left & (is_open | may_exclude)
        hopeless = is_open | any_of(forbids)[worst]
        return _Decided(stop, nothing_left, unknown, exclude, hopeless, left)

    def decided(self, what: str, mode: str, signs: Numbers) -> Bits:
        """Tell what is decided, by the bits that decide it.

        Parameters
        ----------
        what : str
            ``verdict``, ``floor`` or ``ceiling``, as places in
            :data:`rpmatrix.eligibility.assessment.VERDICTS`; ``names_disks``, 1 if the verdict
            names disks to exclude.
        mode : str
            The consistency mode.
        signs : array of int
            What decides each, as :attr:`rpmatrix.fleet.columns.evaluate.Judged.signs` gives it.
        """
        table = np.ascontiguousarray(self._decided[mode][:, _DECIDED.index(what)])
        return table.take(_of_mode(mode, signs))

    def _tell(self) -> None:
        """Work out the lists of the cases that nobody had asked for yet."""
        with self._lock:
            known = len(self._lists[MODES[0], _LISTED[0]])
            for first in range(known, len(self._meanings), _FEW):
                meaning = self._layout.unpack(self._meanings.rows[first : first + _FEW])
                for mode in MODES:
                    told = self._told(mode, meaning)
                    for name in _LISTED[1:]:
                        self._lists[mode, name].append(told[name], partial(self._names, name))
                    both = np.hstack([told["reasons"], told["caveats"]])
                    both &= np.tile(self._with_rulings[mode], 2)
                    self._lists[mode, "rulings"].append(both, partial(self._rulings, mode))

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
        """Return the verdict of every case, as a place in the verdicts of an assessment."""
        return np.ascontiguousarray(self._codes[mode].rows[:, _DECIDED.index("verdict")])

    def floor(self, mode: str) -> Bits:
        """Give the worst verdict that is still possible for every case."""
        return np.ascontiguousarray(self._codes[mode].rows[:, _DECIDED.index("floor")])

    def ceiling(self, mode: str) -> Bits:
        """Give the best verdict that is still possible for every case."""
        return np.ascontiguousarray(self._codes[mode].rows[:, _DECIDED.index("ceiling")])

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
        self._tell()
        return self._lists[mode, name].of(cases)

    def lists(self, name: str, mode: str, cases: Numbers | None = None) -> list[tuple[str, ...]]:
        """Give row ids or fact ids for every case, or for some, as :meth:`coded` does."""
        codes, lists = self.coded(name, mode, cases)
        return [lists[code] for code in codes.tolist()]

    @cached_property
    def _rulings_of(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        matrix, rows = self._layout.matrix, self._layout.rows
        return {(row, mode): matrix.rulings(row, mode) for row in rows for mode in MODES}

    @cached_property
    def _with_rulings(self) -> Mapping[str, Bools]:
        """Which rows some ruling touches, for each mode."""
        return {
            mode: np.array([bool(self._rulings_of[row, mode]) for row in self._layout.rows], bool)
            for mode in MODES
        }

    def _rulings(self, mode: str, marked: Bools) -> tuple[str, ...]:
        rows = [row for half in np.split(marked, 2) for row in self._names("", half)]
        touched = (ruling for row in rows for ruling in self._rulings_of[row, mode])
        return tuple(dict.fromkeys(touched))

    def _names(self, name: str, marked: Bools) -> tuple[str, ...]:
        if name in ("missing", "assumptions"):
            return tuple(
                fact for fact, here in zip(self._layout.facts, marked, strict=True) if here
            )
        return tuple(self._layout.rows[at] for at in self._order if marked[at])


class _Lists:
    """A list of ids for each case, each distinct list once."""

    def __init__(self) -> None:
        self._code_of: dict[bytes, int] = {}
        self._named: list[tuple[str, ...]] = []
        self._codes = Growing((), np.int32)

    def __len__(self) -> int:
        return len(self._codes)

    def append(self, marked: Bools, name: Callable[[Bools], tuple[str, ...]]) -> None:
        """Add the lists of some cases; `name` tells what is marked in one of them."""
        encoded = marks(np.packbits(marked, axis=1)).dictionary_encode()
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        codes = []
        for mark in encoded.dictionary.to_pylist():
            code = self._code_of.setdefault(mark, len(self._named))
            if code == len(self._named):
                bits = np.unpackbits(np.frombuffer(mark, np.uint8))
                self._named.append(name(bits[: marked.shape[1]].astype(bool)))
            codes.append(code)
        self._codes.append(np.array(codes, np.int32).take(indices))

    def of(self, cases: Numbers | None) -> tuple[Numbers, list[tuple[str, ...]]]:
        """Give the place of each case's list, and the lists of these cases."""
        codes = self._codes.rows if cases is None else self._codes.rows.take(cases)
        present = np.flatnonzero(np.bincount(codes, minlength=len(self._named)))
        places = np.zeros(len(self._named), np.int32)
        places[present] = np.arange(len(present), dtype=np.int32)
        return places.take(codes), [self._named[code] for code in present.tolist()]


_LISTED: Final = (
    *("rulings", "reasons", "caveats", "possible_caveats", "exclusions", "assumptions", "missing"),
)


_DECIDED: Final = ("verdict", "floor", "ceiling", "names_disks")


def _every(mode: str) -> NDArray[np.uint32]:
    """Give all that may decide a mode, as bits."""
    return np.arange(2 ** len(_SIGNS), dtype=np.uint32) << _before(mode)


def _of_mode(mode: str, signs: Numbers) -> Numbers:
    """Give the bits that decide one mode."""
    return signs >> _before(mode) & np.uint32(2 ** len(_SIGNS) - 1)


def _before(mode: str) -> np.uint32:
    """Give how many bits stand before those of a mode."""
    return np.uint32(MODES.index(mode) * len(_SIGNS))


def any_of(marked: Bools) -> Bools:
    """Tell of each row whether anything is marked in it."""
    found: Bools = np.logical_or.reduce(marked, axis=1)
    return found


def _left(flags: Sequence[Bools]) -> NDArray[np.intp]:
    """Give what is left, as a place in `_LEFT`."""
    gone, system, data = flags
    left = np.where(system, np.where(data, 4, 2), np.where(data, 3, 1))
    return np.where(gone, left, 0)
