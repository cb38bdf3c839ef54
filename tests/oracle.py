"""The rules once more, read straight off the tables: slow, plain, and without bit masks.

The package compiles the tables to words of bits and looks its decisions up. This interpreter goes
through the rows one by one and knows three answers, true, false and None (not known). The two
were written apart from each other, so where they agree on everything that Hypothesis thinks of,
the compiled rules say what the tables say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rpmatrix.matrix.matrix import Matrix

ENDS = ("support_ends", "security_updates_end")

Value = str | int | None
Truth = bool | None


@dataclass(frozen=True)
class Known:
    """What is known of a fact.

    `shown` is true if a record shows something that cannot be used: then the value is None and
    no assumption takes its place. `options` are values of which one is true, not known which.
    """

    value: Value = None
    shown: bool = False
    options: tuple[Value, ...] = ()


@dataclass(frozen=True)
class KnownDisk:
    role: str
    facts: Mapping[str, Known]


@dataclass(frozen=True)
class Case:
    """A VM as far as the rules see it."""

    facts: Mapping[str, Known]
    disks: tuple[KnownDisk, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A verdict, in a form that can be compared."""

    verdict: str
    floor: str
    ceiling: str
    excluded: frozenset[int] = frozenset()
    reasons: frozenset[str] = frozenset()
    caveats: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()


def answered(case: Case, answers: Mapping[str, Value], matrix: Matrix) -> Case:
    """Put what a person answered, and the calendar, where no record tells; the family stands."""

    def filled(facts: Mapping[str, Known]) -> dict[str, Known]:
        return {
            name: Known(answers[name]) if known.value is None and name in answers else known
            for name, known in facts.items()
        }

    facts = filled(case.facts)
    system, family = facts["operating_system"], case.facts["os_family"].value
    if case.facts["operating_system"].value is None and system.value is not None:
        listed = {row.id: row["family"] for row in matrix.table("operating_systems")}
        if family not in (None, listed[str(system.value)]):
            facts["operating_system"] = Known(shown=True)
    for row in matrix.table("operating_systems"):
        mine = facts["operating_system"].value == row.id
        if mine and facts["extended_security_updates"].value is None:
            today, until, sold = matrix.as_of.isoformat(), *(row[name] for name in ENDS)
            if until and today <= until:
                facts["extended_security_updates"] = Known("not_reached")
            elif sold and today > sold:
                facts["extended_security_updates"] = Known("reached")
    disks = tuple(KnownDisk(disk.role, filled(disk.facts)) for disk in case.disks)
    return Case(facts, disks)


def all_of(truths: Iterable[Truth]) -> Truth:
    listed = list(truths)
    return False if False in listed else None if None in listed else True


def any_of(truths: Iterable[Truth]) -> Truth:
    listed = list(truths)
    return True if True in listed else None if None in listed else False


GRAINS = {"os_disk": ("os",), "data_disk": ("data",), "disk": ("os", "data")}
OPEN_OUTCOMES = ("not_supported", "not_stated")


@dataclass(repr=False)
class Oracle:
    """Judges cases by the rows of one matrix."""

    matrix: Matrix
    strict: bool = False
    _clauses: dict[str, dict[str, list[Mapping[str, str]]]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "the strict oracle" if self.strict else "the oracle"

    def __post_init__(self) -> None:
        for row in self.matrix.table("conditions"):
            clauses = self._clauses.setdefault(row["scenario_id"], {})
            clauses.setdefault(row["clause"], []).append(row)

    # ----- one condition, one row

    def condition(self, row: Mapping[str, str], known: Known, *, assume: bool) -> Truth:
        if known.options:
            found = {self._test(row, one) for one in known.options}
            return found.pop() if len(found) == 1 else None
        value = known.value
        if value is None and assume and not known.shown and not self.strict:
            value = self.matrix.facts[row["fact_id"]].assumption or None
        return None if value is None else self._test(row, value)

    def _test(self, row: Mapping[str, str], value: Value) -> bool:
        operator, wanted, told = row["operator"], row["value"], str(value).lower()
        if operator == "listed_in":
            table = self.matrix.table(wanted)
            return told in {one.id for one in table if one["scenario_id"] == row["scenario_id"]}
        if operator == "present":
            return True
        if operator == "absent":
            return False
        if operator in ("is", "in"):
            return told in wanted.lower().split("|")
        if operator in ("is_not", "not_in"):
            return told not in wanted.lower().split("|")
        if operator == "starts_with":
            return told.startswith(tuple(wanted.lower().split("|")))
        have, bound = int(told), int(wanted)
        return {
            "at_least": have >= bound,
            "at_most": have <= bound,
            "more_than": have > bound,
            "less_than": have < bound,
        }[operator]

    def clause(
        self, rows: list[Mapping[str, str]], facts: Mapping[str, Known], *, assume: bool = True
    ) -> Truth:
        return all_of(self.condition(row, facts[row["fact_id"]], assume=assume) for row in rows)

    def applies(self, row_id: str, facts: Mapping[str, Known]) -> Truth:
        return any_of(self.clause(rows, facts) for rows in self._clauses[row_id].values())

    # ----- rows at their places

    def _places(self, case: Case) -> Iterable[tuple[int | None, str, Mapping[str, Known]]]:
        yield None, "vm", case.facts
        for number, disk in enumerate(case.disks):
            yield number, disk.role, {**case.facts, **disk.facts}

    def _rows_at(self, place: str) -> Iterable[Mapping[str, str]]:
        for row in self.matrix.table("scenarios"):
            if row.id in self._clauses and place in GRAINS.get(row["grain"], (row["grain"],)):
                yield row

    def _consequences(self, mode: str, left: str) -> dict[str, str]:
        facts = {"disks_left": Known(left)}
        rows = self._rows_at("verdict")
        return {row.id: row[mode] for row in rows if self.applies(row.id, facts)}

    def judge(self, case: Case, mode: str) -> Answer:
        sure: list[tuple[int | None, str, str]] = []
        maybe: list[tuple[int | None, str, str]] = []
        for number, place, facts in self._places(case):
            for row in self._rows_at(place):
                truth = self.applies(row.id, facts)
                if truth is not False:
                    (sure if truth else maybe).append((number, row.id, row[mode]))

        def of(found: list[tuple[int | None, str, str]], *outcomes: str) -> frozenset[str]:
            return frozenset(row for _, row, outcome in found if outcome in outcomes)

        caveats = of(sure, "supported_with_caveat")
        blocked = of(sure, "not_supported")
        if blocked:
            return Answer(
                "not_supported", "not_supported", "not_supported", frozenset(), blocked, caveats
            )

        gone = frozenset(n for n, _, outcome in sure if outcome == "exclude_disk" and n is not None)
        after = self._consequences(mode, left_of(case, gone))
        caveats |= {row for row, outcome in after.items() if outcome == "supported_with_caveat"}
        stops = frozenset(row for row, outcome in after.items() if outcome == "not_supported")
        exclusions = of(sure, "exclude_disk")
        if stops:
            reasons = exclusions | stops
            return Answer("not_supported", "not_supported", "not_supported", gone, reasons, caveats)

        best = "exclude_disks" if gone else "supported"
        assumed = self._assumed(case, mode)
        unstated = of(sure, "not_stated")
        may_block = of(maybe, *OPEN_OUTCOMES)
        open_disks = [one for one in maybe if one[2] == "exclude_disk" and one[0] not in gone]
        may_exclude = of(open_disks, "exclude_disk")
        reasons = unstated | may_block | may_exclude
        if reasons:
            floor = "not_supported"
            if not unstated and not may_block:
                worst = gone | {n for n, _, _ in open_disks if n is not None}
                if "not_supported" not in self._consequences(mode, left_of(case, worst)).values():
                    floor = "exclude_disks"
            undecided = [one for one in maybe if one[2] in OPEN_OUTCOMES] + open_disks
            missing = self._missing(case, undecided)
            return Answer("unknown", floor, best, frozenset(), reasons, caveats, missing, assumed)
        reasons = exclusions if gone else of(sure, "supported")
        return Answer(best, best, best, gone, reasons, caveats, frozenset(), assumed)

    # ----- what would settle it, and what was taken for granted

    def _missing(self, case: Case, undecided: list[tuple[int | None, str, str]]) -> frozenset[str]:
        """Give the facts without which these rows are not decided."""
        places = {number: facts for number, _, facts in self._places(case)}
        found: set[str] = set()
        for number, row_id, _ in undecided:
            facts = places[number]
            for rows in self._clauses[row_id].values():
                if self.clause(rows, facts) is None:
                    for row in rows:
                        if self.condition(row, facts[row["fact_id"]], assume=True) is None:
                            found.add(row["fact_id"])
        return frozenset(found)

    def _assumed(self, case: Case, mode: str) -> frozenset[str]:
        """Give the assumed facts without which a deciding row might apply after all."""
        found: set[str] = set()
        for _, place, facts in self._places(case):
            for scenario in self._rows_at(place):
                if scenario[mode] not in (*OPEN_OUTCOMES, "exclude_disk"):
                    continue
                for rows in self._clauses[scenario.id].values():
                    without = self.clause(rows, facts, assume=False)
                    if self.clause(rows, facts) is False and without is not False:
                        for row in rows:
                            known = facts[row["fact_id"]]
                            with_it = self.condition(row, known, assume=True)
                            if with_it is not None and known.value is None and not known.options:
                                found.add(row["fact_id"])
        return frozenset(found)


def left_of(case: Case, gone: Iterable[int]) -> str:
    """Name what is left of a VM when disks are left out."""
    gone = set(gone)
    if not gone:
        return "all"
    roles = {disk.role for number, disk in enumerate(case.disks) if number not in gone}
    if roles == {"os", "data"}:
        return "os_and_data"
    return "os_only" if roles == {"os"} else "data_only" if roles else "none"
