"""Conditions and outcomes of the matrix, compiled to bit masks.

Every clause of every scenario owns one bit. For each fact, each value has a pair of words: in the
*strict* word the bit of a clause is set unless the fact keeps the clause from being surely true,
in the *lenient* word unless the fact makes it surely false. The AND over all facts tells of all
clauses at once which are true (strict) and which are true or unknown (lenient). An unknown fact
clears its clauses in the strict word only: this is Kleene's logic.

What a pair of words means, row by row and mode by mode, is worked out once per distinct pair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.schema import Row

Value = str | int | None
Words = tuple[int, int]


def _number(text: str | int) -> tuple[int, ...]:
    """Order integers, ISO dates and API versions alike, by the numbers they hold."""
    return tuple(int(part) for part in re.findall(r"\d+", str(text)))


_COMPARISONS: Final[dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]]] = {
    "at_least": lambda known, bound: known >= bound,
    "at_most": lambda known, bound: known <= bound,
    "more_than": lambda known, bound: known > bound,
    "less_than": lambda known, bound: known < bound,
}


def holds(operator: str, known: str | int, value: str) -> bool:
    """Tell whether a condition holds for a known value.

    Parameters
    ----------
    operator : str
        One of the words of the column ``operator``; ``listed_in`` is resolved beforehand.
    known : str or int
        The value of the fact; never None, since nothing is said of an unknown fact here.
    value : str
        The cell ``value`` of the condition.

    Raises
    ------
    ValueError
        If the operator is none of the words.
    """
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](_number(known), _number(value))
    text = str(known).lower()
    listed = value.lower().split("|")
    if operator in ("is", "in"):
        return text in listed
    if operator in ("is_not", "not_in"):
        return text not in listed
    if operator == "starts_with":
        return any(text.startswith(member) for member in listed)
    if operator in ("present", "absent"):
        return operator == "present"
    raise ValueError(f"unknown operator {operator!r}")


@dataclass(frozen=True, slots=True)
class Clause:
    """One alternative of a scenario: tests that must all hold."""

    index: int
    row_id: str
    tests: tuple[tuple[str, str, str], ...]

    @property
    def bit(self) -> int:
        """The bit of this clause in every word."""
        return 1 << self.index


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One scenario that decides or tells something, with the bits of its clauses."""

    id: str
    grain: str
    outcomes: Mapping[str, str]
    clauses: tuple[Clause, ...]
    mask: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a pair of words means in one mode: row ids, in the order of their ids.

    Attributes
    ----------
    blocked
        Surely true and ``not_supported``.
    excluded
        Surely true and ``exclude_disk``.
    unstated
        Surely true, and the article leaves the answer open.
    applied
        Surely true and supported.
    caveats
        Surely true and supported with a caveat.
    may_block, may_exclude, may_tell
        Not known whether true; outcome not supported or open, exclusion, or caveat.
    """

    blocked: tuple[str, ...]
    excluded: tuple[str, ...]
    unstated: tuple[str, ...]
    applied: tuple[str, ...]
    caveats: tuple[str, ...]
    may_block: tuple[str, ...]
    may_exclude: tuple[str, ...]
    may_tell: tuple[str, ...]


_DISK_GRAINS: Final = {"os_disk": ("os",), "data_disk": ("data",), "disk": ("os", "data")}


class RuleSet:
    """The compiled scenarios of one matrix.

    Attributes
    ----------
    rows : mapping of str to RuleRow
        Every scenario that has conditions.
    facts : tuple of str
        The facts that any condition tests, in the order of the table.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self.rows: dict[str, RuleRow] = {}
        self._clauses: list[Clause] = []
        conditions: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
        for row in matrix.table("conditions"):
            clauses = conditions.setdefault(row["scenario_id"], {})
            clauses.setdefault(row["clause"], []).append(self._test(row))
        for scenario in matrix.table("scenarios"):
            if scenario.id in conditions:
                self._add(scenario, conditions[scenario.id])
        self.everything = (1 << len(self._clauses)) - 1
        self._tests: dict[str, list[tuple[Clause, str, str]]] = {}
        for clause in self._clauses:
            for fact_id, operator, value in clause.tests:
                self._tests.setdefault(fact_id, []).append((clause, operator, value))
        self.facts = tuple(fact for fact in matrix.facts if fact in self._tests)
        self.masks = {
            grain: self._mask(row for row in self.rows.values() if row.grain in grains)
            for grain, grains in (
                ("vm", ("vm",)),
                ("os", ("os_disk", "disk")),
                ("data", ("data_disk", "disk")),
                ("verdict", ("verdict",)),
            )
        }
        self._words: dict[tuple[str, Value], Words] = {}
        self._decisions: dict[tuple[int, int, int], dict[str, Decision]] = {}

    def _test(self, row: Row) -> tuple[str, str, str]:
        operator, value = row["operator"], row["value"]
        if operator == "listed_in":
            pointing = (
                other.id
                for other in self._matrix.table(value)
                if other["scenario_id"] == row["scenario_id"]
            )
            operator, value = "in", "|".join(pointing)
        return row["fact_id"], operator, value

    def _add(self, scenario: Row, clauses: Mapping[str, list[tuple[str, str, str]]]) -> None:
        made = []
        for _, tests in sorted(clauses.items()):
            made.append(Clause(len(self._clauses), scenario.id, tuple(tests)))
            self._clauses.append(made[-1])
        outcomes = {mode: scenario[mode] for mode in MODES}
        mask = sum(clause.bit for clause in made)
        self.rows[scenario.id] = RuleRow(
            scenario.id, scenario["grain"], outcomes, tuple(made), mask
        )

    @staticmethod
    def _mask(rows: Iterable[RuleRow]) -> int:
        mask = 0
        for row in rows:
            mask |= row.mask
        return mask

    def words(self, fact_id: str, value: Value) -> Words:
        """Give the strict and the lenient word of one value of a fact; None is unknown."""
        mark = (fact_id, value)
        known = self._words.get(mark)
        if known is None:
            known = self._words[mark] = self._work_out(fact_id, value)
        return known

    def _work_out(self, fact_id: str, value: Value) -> Words:
        strict = lenient = self.everything
        for clause, operator, expected in self._tests.get(fact_id, ()):
            if value is None:
                strict &= ~clause.bit
            elif not holds(operator, value, expected):
                strict &= ~clause.bit
                lenient &= ~clause.bit
        return strict, lenient

    def decide(self, grain: str, strict: int, lenient: int) -> dict[str, Decision]:
        """Tell what a pair of words means in each mode.

        Parameters
        ----------
        grain : str
            ``vm``, ``os`` or ``data`` (a disk of that role) or ``verdict``.
        strict, lenient : int
            The words, not yet narrowed to the grain.
        """
        mask = self.masks[grain]
        mark = (mask, strict & mask, lenient & mask)
        known = self._decisions.get(mark)
        if known is None:
            known = self._decisions[mark] = {
                mode: self._decide(mode, mask, strict & mask, lenient & mask) for mode in MODES
            }
        return known

    def _decide(self, mode: str, mask: int, strict: int, lenient: int) -> Decision:
        sure: dict[str, list[str]] = {}
        maybe: dict[str, list[str]] = {}
        for row in self.rows.values():
            if row.mask & mask:
                if row.mask & strict:
                    sure.setdefault(row.outcomes[mode], []).append(row.id)
                elif row.mask & lenient:
                    maybe.setdefault(row.outcomes[mode], []).append(row.id)
        return Decision(
            blocked=tuple(sure.get("not_supported", ())),
            excluded=tuple(sure.get("exclude_disk", ())),
            unstated=tuple(sure.get("not_stated", ())),
            applied=tuple(sure.get("supported", ())),
            caveats=tuple(sure.get("supported_with_caveat", ())),
            may_block=(*maybe.get("not_supported", ()), *maybe.get("not_stated", ())),
            may_exclude=tuple(maybe.get("exclude_disk", ())),
            may_tell=tuple(maybe.get("supported_with_caveat", ())),
        )

    @cached_property
    def facts_of_row(self) -> Mapping[str, tuple[str, ...]]:
        """The facts that each row tests."""
        return {
            row.id: tuple(dict.fromkeys(test[0] for clause in row.clauses for test in clause.tests))
            for row in self.rows.values()
        }

    def open_facts(self, row_id: str, lenient: int, unknown: Callable[[str], bool]) -> list[str]:
        """Give the unknown facts that keep a row from being decided."""
        found = [
            fact_id
            for clause in self.rows[row_id].clauses
            if clause.bit & lenient
            for fact_id, _, _ in clause.tests
            if unknown(fact_id)
        ]
        return list(dict.fromkeys(found))


def compile_rules(matrix: Matrix) -> RuleSet:
    """Compile the scenarios and conditions of a matrix, once per matrix."""
    return matrix.prepared("rules", RuleSet)
