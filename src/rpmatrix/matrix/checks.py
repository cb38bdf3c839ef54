"""What the tables must say together: keys, references and meaning.

A rule reads some tables and yields what is wrong with their rows; `check_together` runs them all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from rpmatrix.matrix.cells import FLAG_VALUES, wanted_form
from rpmatrix.matrix.problems import FORM_CHECKS, Check, Problem, closest, shortened, suggest
from rpmatrix.matrix.schema import SEPARATOR, Column, Row, Schema, Tables
from rpmatrix.matrix.system_patterns import SystemPatterns

_Found = tuple[Row, str, str, str]
"""What a rule yields: the row, the column, what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Check
    alone: bool
    run: Callable[[_Known], Iterator[_Found]]


_RULES: list[_Rule] = []
CHECKS: dict[str, Check] = {**FORM_CHECKS}
"""All checks by id: those of form, and those of meaning, which register themselves below."""


def _rule(
    name: str, *reads: str, alone: bool = False
) -> Callable[[Callable[[_Known], Iterator[_Found]]], Callable[[_Known], Iterator[_Found]]]:
    """Register a check of meaning; its docstring is what it asks for.

    It `reads` tables, named or given as ``with:`` and a column they have. It runs when all of them
    are sound, and on an overlay only if it can judge the rows of one folder `alone`.
    """

    def register(
        run: Callable[[_Known], Iterator[_Found]],
    ) -> Callable[[_Known], Iterator[_Found]]:
        meaning = " ".join((run.__doc__ or "").split())
        CHECKS[name] = Check(name, reads, meaning)
        _RULES.append(_Rule(CHECKS[name], alone, run))
        return run

    return register


@dataclass(frozen=True, slots=True)
class _Fact:
    """What the rules need of a fact; `allowed` is None where any value of the type is."""

    row: Row
    type: str
    allowed: tuple[str, ...] | None

    def objection(self, value: str, *, prefix: bool = False) -> str:
        """Say what to write instead of a value that the fact cannot have; nothing if it can."""
        form = wanted_form(self.type, value)
        if form:
            return f"write {form}"
        if self.allowed is None or value in self.allowed:
            return ""
        if prefix and any(one.startswith(value) for one in self.allowed):
            return ""
        few = len(self.allowed) <= 12
        choice = (
            f"write one of: {', '.join(self.allowed)}"
            if few
            else f"the fact {self.row.id} has the list of its values"
        )
        return suggest(closest(value, self.allowed), choice)


class _Known:
    """The sound tables, and what several rules ask of them."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.schema = tables.schema
        self.meant: dict[tuple[str, str], str] = {}

    def rows(self, *names: str) -> Iterator[Row]:
        """Give the rows of some tables."""
        for name in _expand(names, self.schema):
            yield from self.tables.rows(name)

    def tests(self) -> Iterator[tuple[Row, Column]]:
        """Give the rows that compare a fact with a value, and the column of the word for it."""
        for name in _expand(("with:fact_id",), self.schema):
            for column in self.schema[name].columns:
                if column.fits:
                    yield from ((row, column) for row in self.tables.rows(name))

    def key(self, row: Row, column: str, table: str) -> str:
        """Give the id a cell means, which may be spelled alike only."""
        return self.meant.get((table, row[column]), row[column])

    @cached_property
    def citable(self) -> tuple[str, ...]:
        """The tables whose rows can be cited."""
        return tuple(name for name in self.schema if self.schema[name].citation)

    @cached_property
    def systems(self) -> SystemPatterns:
        """The patterns of the operating systems."""
        return SystemPatterns(self.rows("operating_systems"))

    @cached_property
    def facts(self) -> Mapping[str, _Fact]:
        """The facts by their ids."""
        return {row.id: self._fact(row) for row in self.tables.rows("facts")}

    def _fact(self, row: Row) -> _Fact:
        allowed: tuple[str, ...] | None = row.members("allowed_values")
        if allowed and allowed[0].endswith(".id"):
            name = self.lists.get(allowed[0], "")
            allowed = tuple(one.id for one in self.rows(name)) if name in self.tables else None
        elif row["type"] == "flag":
            allowed = FLAG_VALUES
        return _Fact(row, row["type"], allowed or None)

    @cached_property
    def lists(self) -> Mapping[str, str]:
        """The tables whose ids may be the values of a fact, by the way that is written."""
        return {f"{name}.id": name for name in self.schema}

    def fact(self, row: Row) -> _Fact | None:
        """Give the fact that a row tests, if there is one."""
        return self.facts.get(self.key(row, "fact_id", "facts"))

    @cached_property
    def conditions(self) -> Mapping[str, list[Row]]:
        """The conditions of each scenario."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("conditions"):
            found[self.key(row, "scenario_id", "scenarios")].append(row)
        return found

    @cached_property
    def users(self) -> Mapping[tuple[str, str], Row]:
        """A row that uses each row that another table's foreign key may name."""
        found: dict[tuple[str, str], Row] = {}
        for name, table in self.schema.items():
            for column in table.columns:
                if column.key_of:
                    for row in self.rows(name):
                        key = self.key(row, column.name, column.key_of)
                        found.setdefault((column.key_of, key), row)
        return found

    @cached_property
    def ruled(self) -> set[tuple[str, str]]:
        """The pairs of rows between which a ruling decides, each in both orders."""
        pairs = set()
        for row in self.rows("rulings"):
            for one in row.members("row_a"):
                for other in row.members("row_b"):
                    pairs |= {(one, other), (other, one)}
        return pairs


def _expand(names: Iterable[str], schema: Schema) -> Iterator[str]:
    """Name the tables that a rule reads."""
    for name in names:
        column = name.removeprefix("with:")
        if column == name:
            yield name
        else:
            yield from (one for one in schema if column in schema[one].names)


def check_together(
    tables: Tables, *, sound: frozenset[str] | None = None, partial: bool = False
) -> tuple[Problem, ...]:
    """Check what the tables say together: keys, references and meaning.

    `rpmatrix.matrix.folder.read_tables` has done so for one folder. Call it for tables that are
    put together from several, such as a base and its overlays.

    Parameters
    ----------
    tables : Tables
        The tables.
    sound : frozenset of str, optional
        The names of those that could be read; all if left out. A rule runs if it reads no other.
    partial : bool
        Whether other tables lie below these, so that only what these tell alone is judged.
    """
    sound = frozenset(tables) if sound is None else sound
    kept = {name: table for name, table in tables.items() if name in sound}
    known = _Known(Tables(tables.folder, tables.schema, kept))
    problems = [] if partial else [*_judge_keys(known), *_judge_references(known)]
    problems += _judge_citations(known)
    for rule in _RULES:
        if rule.alone if partial else sound.issuperset(_expand(rule.check.scope, known.schema)):
            for row, column, message, advice in rule.run(known):
                problems.append(_problem_at(rule.check.id, row, column, message, advice))
    return tuple(problems)


def _problem_at(check: str, row: Row, column: str, message: str, advice: str) -> Problem:
    file, _, cell = row.cell(column).rpartition(":")
    return Problem(check, file, cell, message, advice, row.id)


def _judge_keys(known: _Known) -> Iterator[Problem]:
    for name, table in known.schema.items():
        for column in table.columns:
            if column.key_of not in known.tables:
                continue
            ids = known.tables[column.key_of].by_id
            for row in known.rows(name):
                key = row[column.name]
                if not key or key in ids:
                    continue
                alike = closest(key, ids)
                if alike:
                    known.meant[column.key_of, key] = alike
                advice = f"write an id of {known.schema[column.key_of].file}"
                advice = suggest(alike, advice) if alike else f"{advice}, or add the row there"
                message = f'unknown {column.term} "{shortened(key)}"'
                yield _problem_at("foreign-key", row, column.name, message, advice)


def _judge_references(known: _Known) -> Iterator[Problem]:
    for name, table in known.schema.items():
        for column in table.columns:
            if not column.references or not known.tables.keys() >= {*column.references}:
                continue
            ids = {row.id for row in known.rows(*column.references)}
            files = ", ".join(known.schema[one].file for one in column.references)
            for row in known.rows(name):
                for member in row.members(column.name):
                    if member in ids:
                        continue
                    message = f'unknown row "{shortened(member)}"'
                    parts = re.split("[,; ]+", member)
                    advice = (
                        f"part ids by a vertical bar: {SEPARATOR.join(parts)}"
                        if len(parts) > 1 and ids.issuperset(parts)
                        else suggest(closest(member, ids), f"write ids of {files}")
                    )
                    yield _problem_at("reference", row, column.name, message, advice)


def _judge_citations(known: _Known) -> Iterator[Problem]:
    first: dict[str, Row] = {}
    for row in known.rows(*known.citable):
        other = first.setdefault(row.id, row)
        if other.file != row.file:
            message = f'the id "{row.id}" stands in {other.cell("id")} too'
            advice = "give one of the two rows another id, since either can be cited"
            yield _problem_at("duplicate-citation", row, "id", message, advice)


# --- what the tables must mean --------------------------------------------------------------------

_OUTCOMES = ("application", "crash")


@_rule("caveat-is-given", "scenarios", alone=True)
def _caveat_is_given(known: _Known) -> Iterator[_Found]:
    """Say the caveat of every scenario that is supported with one."""
    for row in known.rows("scenarios"):
        if not row["caveat"] and "supported_with_caveat" in [row[mode] for mode in _OUTCOMES]:
            message = "the outcome supported_with_caveat needs a caveat"
            yield row, "caveat", message, "say what a reader must know, or write supported"


@_rule("remedy-is-given", "scenarios", "cross_region", alone=True)
def _remedy_is_given(known: _Known) -> Iterator[_Found]:
    """Say how to leave disks out wherever that is the outcome."""
    for name, columns in (("scenarios", _OUTCOMES), ("cross_region", ("outcome",))):
        for row in known.rows(name):
            if not row["remedy"] and "exclude_disk" in [row[column] for column in columns]:
                message = "the outcome exclude_disk needs a remedy"
                yield row, "remedy", message, "say how to leave the disk out"


@_rule("scenario-has-condition", "scenarios", "conditions")
def _scenario_has_condition(known: _Known) -> Iterator[_Found]:
    """Give every scenario with an outcome a condition, unless it repeats another row."""
    for row in known.rows("scenarios"):
        decides = any(row[mode] != "not_applicable" for mode in _OUTCOMES)
        if decides and not row["repeats"] and row.id not in known.conditions:
            message = "nothing says when this scenario applies"
            advice = f"add a row to {known.schema['conditions'].file}, or say what it repeats"
            yield row, "id", message, advice


@_rule("repeat-has-no-condition", "scenarios", "conditions")
def _repeat_has_no_condition(known: _Known) -> Iterator[_Found]:
    """Give no condition to a scenario that repeats another row: the other row decides."""
    for row in known.rows("scenarios"):
        for condition in known.conditions.get(row.id, ()) if row["repeats"] else ():
            message = f'the scenario "{row.id}" repeats {row["repeats"]}, which decides'
            yield condition, "scenario_id", message, "delete this condition, or empty repeats"


@_rule("repeat-names-original", "scenarios", "limits")
def _repeat_names_original(known: _Known) -> Iterator[_Found]:
    """Let a row repeat an original: neither itself nor a row that repeats another."""
    repeats = {row.id: row.members("repeats") for row in known.rows("scenarios", "limits")}
    for row in known.rows("scenarios", "limits"):
        for original in row.members("repeats"):
            if original == row.id:
                yield row, "repeats", "the row repeats itself", "name the row it repeats"
            elif repeats.get(original):
                message = f'"{original}" itself repeats {SEPARATOR.join(repeats[original])}'
                yield row, "repeats", message, "name the row that says it first"


@_rule("clauses-count-from-1", "conditions")
def _clauses_count_from_1(known: _Known) -> Iterator[_Found]:
    """Count the clauses of a scenario 1, 2, 3 and so on."""
    for scenario, rows in known.conditions.items():
        counted = [row for row in rows if not wanted_form("integer", row["clause"])]
        numbers = {int(row["clause"]) for row in counted}
        missing = min(set(range(1, len(numbers) + 2)) - numbers)
        for row in counted:
            if int(row["clause"]) > missing:
                message = f'the scenario "{scenario}" has no clause {missing}'
                yield row, "clause", message, "number its clauses from 1 without gaps"
                break


@_rule("condition-stands-once", "conditions")
def _condition_stands_once(known: _Known) -> Iterator[_Found]:
    """Write a test once in its clause."""
    seen: dict[tuple[str, ...], Row] = {}
    for row in known.rows("conditions"):
        test = tuple(
            row[name] for name in ("scenario_id", "clause", "fact_id", "operator", "value")
        )
        other = seen.setdefault(test, row)
        if other is not row and other.id != row.id:
            message = f"says the same as {other.cell('id')}"
            yield row, "id", message, "delete one of the two rows, or mend its value"


@_rule("test-is-complete", "with:operator", alone=True)
def _test_is_complete(known: _Known) -> Iterator[_Found]:
    """Give a test a fact and an operator, or neither where a row may always apply."""
    for row in known.rows("with:operator"):
        if row["fact_id"] and not row["operator"]:
            message = f'nothing says how the fact "{row["fact_id"]}" is compared'
            yield row, "operator", message, "write an operator, or leave the fact empty"
        elif row["operator"] and not row["fact_id"]:
            message = f"nothing says which fact {row['operator']} compares"
            yield row, "fact_id", message, "write a fact, or leave the operator empty"
        elif row["value"] and not row["fact_id"]:
            yield row, "value", "there is a value but no fact", "write a fact, or empty the value"


@_rule("limit-is-complete", "limits", alone=True)
def _limit_is_complete(known: _Known) -> Iterator[_Found]:
    """Give a limit a fact, a comparator and a value; one that repeats another may have none."""
    for row in known.rows("limits"):
        needed = ("fact_id", "comparator", "value")
        empty = [name for name in needed if not row[name]]
        if empty and not (row["repeats"] and len(empty) == len(needed)):
            message = f"the limit has no {known.schema['limits'].column(empty[0]).term}"
            yield row, empty[0], message, "write it, or say which row this one repeats"


@_rule("operator-fits-type", "facts", "with:fact_id")
def _operator_fits_type(known: _Known) -> Iterator[_Found]:
    """Choose an operator that suits the type of the fact: by size, only what has an order."""
    for row, column in known.tests():
        fact, word = known.fact(row), row[column.name]
        fitting = [one for one, kinds in column.fits.items() if fact and fact.type in kinds]
        if fact and word in column.fits and fitting and word not in fitting:
            message = f'{word} does not suit the fact "{fact.row.id}" ({fact.type})'
            yield row, column.name, message, f"write one of: {', '.join(fitting)}"


@_rule("value-is-given", "with:operator", alone=True)
def _value_is_given(known: _Known) -> Iterator[_Found]:
    """Give every test a value; only present and absent take none."""
    for row in known.rows("with:operator"):
        if row["operator"] in ("present", "absent") and row["value"]:
            yield row, "value", f"{row['operator']} takes no value", "leave it empty"
        elif row["operator"] not in ("", "present", "absent") and not row["value"]:
            yield row, "value", f"{row['operator']} needs a value", "write what is compared with"


@_rule("value-is-allowed", "facts", "with:fact_id", "operating_systems")
def _value_is_allowed(known: _Known) -> Iterator[_Found]:
    """Compare a fact with values it can have: one, or a list for in and not_in."""
    for row, column in known.tests():
        word, value = row[column.name], row["value"]
        if word in ("present", "absent", "listed_in"):
            continue
        if word not in ("in", "not_in") and SEPARATOR in value:
            yield row, "value", f"{word} takes one value, not a list", "write in or not_in"
        else:
            yield from _objections(known, row, "value", prefix=word == "starts_with")


@_rule("change-is-possible", "facts", "changes", "operating_systems")
def _change_is_possible(known: _Known) -> Iterator[_Found]:
    """Let a change lead from values that the fact can have to another one."""
    for row in known.rows("changes"):
        yield from _objections(known, row, "from_value")
        yield from _objections(known, row, "to_value")
        if row["to_value"] in row.members("from_value"):
            message = f'the change leads from "{row["to_value"]}" to itself'
            yield row, "to_value", message, "write the value after the change"


def _objections(known: _Known, row: Row, column: str, *, prefix: bool = False) -> Iterator[_Found]:
    fact = known.fact(row)
    for value in row.members(column) if fact else ():
        advice = fact.objection(value, prefix=prefix) if fact else ""
        if advice:
            message = f'the fact "{row["fact_id"]}" cannot be "{shortened(value)}"'
            yield row, column, message, advice


@_rule("list-fits-fact", "facts", "with:operator")
def _list_fits_fact(known: _Known) -> Iterator[_Found]:
    """Name after listed_in a table, the ids of which are the values of the fact."""
    for row in known.rows("with:operator"):
        fact = known.fact(row)
        if row["operator"] != "listed_in" or not row["value"] or not fact:
            continue
        if row["value"] not in known.schema:
            advice = suggest(
                closest(row["value"], known.schema), f"write one of: {', '.join(known.schema)}"
            )
            yield row, "value", f'unknown table "{shortened(row["value"])}"', advice
        elif f"{row['value']}.id" not in fact.row.members("allowed_values"):
            message = f'the values of the fact "{fact.row.id}" are not ids of {row["value"]}'
            advice = f"test another fact, or let its allowed values be {row['value']}.id"
            yield row, "value", message, advice


@_rule("list-names-scenario", "conditions", "scenarios", "operating_systems")
def _list_names_scenario(known: _Known) -> Iterator[_Found]:
    """Let an operating system and the scenario that decides about it name each other."""
    tests = {
        known.key(row, "scenario_id", "scenarios"): row
        for row in known.rows("conditions")
        if (row["operator"], row["value"]) == ("listed_in", "operating_systems")
    }
    named = set()
    for row in known.rows("operating_systems"):
        scenario = known.key(row, "scenario_id", "scenarios")
        named.add(scenario)
        if scenario and scenario not in tests:
            message = f'the scenario "{scenario}" does not ask for this list'
            advice = f"give it a condition with listed_in, in {known.schema['conditions'].file}"
            yield row, "scenario_id", message, advice
    for scenario, row in tests.items():
        if scenario not in named:
            message = f'no row of operating_systems names the scenario "{scenario}"'
            advice = "name it there in scenario_id, or test otherwise"
            yield row, "value", message, advice


@_rule("systems-differ", "operating_systems")
def _systems_differ(known: _Known) -> Iterator[_Found]:
    """Let no two systems of one family and precedence have patterns that fit the same name."""
    for clash in known.systems.clashes():
        message = (
            f'"{shortened(clash.other_pattern)}" and "{shortened(clash.pattern)}" of the row '
            f'"{clash.row.id}" fit the same name'
        )
        advice = "give the narrower one a row of higher precedence, or write it more narrowly"
        yield clash.other, clash.column, message, advice


@_rule("examples-tell-system", "operating_systems")
def _examples_tell_system(known: _Known) -> Iterator[_Found]:
    """Let the examples of a system lead to its row, and its counterexamples elsewhere."""
    for row in known.rows("operating_systems"):
        for column, wanted in (("examples", True), ("counterexamples", False)):
            for name in row.members(column):
                rows = known.systems.recognised(name, row["family"])
                if (rows == (row.id,)) if wanted else (row.id not in rows):
                    continue
                leads = f"leads to {', '.join(rows)}" if rows else "leads to no row"
                message = f'"{shortened(name)}" {leads}'
                advice = "change the patterns or the precedence, or the example"
                yield row, column, message, advice


@_rule("allowed-values-are-given", "facts", alone=True)
def _allowed_values_are_given(known: _Known) -> Iterator[_Found]:
    """List the values of an enumerated fact, and of others only what suits their type."""
    for row in known.rows("facts"):
        values = row.members("allowed_values")
        if row["type"] == "enum" and not values:
            message = "the fact is an enum without allowed values"
            yield row, "allowed_values", message, "list them, parted by vertical bars"
        elif row["type"] == "flag" and {*values} - {*FLAG_VALUES}:
            message = "a flag has no values but yes and no"
            yield row, "allowed_values", message, "write yes|no, or let the fact be an enum"
        elif any(value.endswith(".id") and value not in known.lists for value in values):
            message = f'"{shortened(row["allowed_values"])}" names no table'
            advice = f"write one of: {', '.join(known.lists)}"
            yield row, "allowed_values", message, advice
        else:
            plain = _Fact(row, row["type"], None)
            for value in values:
                if plain.objection(value):
                    message = f'"{shortened(value)}" is no {row["type"]}'
                    yield row, "allowed_values", message, plain.objection(value)


@_rule("default-is-allowed", "facts", "operating_systems")
def _default_is_allowed(known: _Known) -> Iterator[_Found]:
    """Let absence mean, and let be assumed, only what the fact can be."""
    for fact in known.facts.values():
        for column in ("absence", "assumption"):
            value = fact.row[column]
            advice = fact.objection(value) if value else ""
            if advice:
                message = f'the fact "{fact.row.id}" cannot be "{shortened(value)}"'
                yield fact.row, column, message, advice


@_rule("fact-can-be-known", "facts", alone=True)
def _fact_can_be_known(known: _Known) -> Iterator[_Found]:
    """Give a fact that is read a path, and one that is asked a question."""
    for row in known.rows("facts"):
        if row["reading"] in ("value", "present", "true") and not row["paths"]:
            message = f"the reading {row['reading']} needs a path"
            yield row, "paths", message, "write record:path, or let the fact be derived or asked"
        elif row["reading"] == "asked" and not row["question"]:
            yield row, "question", "the fact is asked, but how?", "write the question"


@_rule("placeholder-is-known", "facts", alone=True)
def _placeholder_is_known(known: _Known) -> Iterator[_Found]:
    """Write only such placeholders into a command as are filled."""
    for row in known.rows("facts"):
        names = known.schema["facts"].column("fetch").placeholders
        for name in re.findall(r"\{([a-z_]+)\}", row["fetch"]):
            if name not in names:
                choice = f"write one of: {', '.join(f'{{{one}}}' for one in names)}"
                message = f"nobody fills the placeholder {{{name}}}"
                yield row, "fetch", message, suggest(closest(name, names), choice)


@_rule("fact-is-used", "facts", "with:fact_id")
def _fact_is_used(known: _Known) -> Iterator[_Found]:
    """Use every fact in a condition, a limit, a rule of copying or a plan."""
    for row in known.rows("facts"):
        if ("facts", row.id) not in known.users:
            yield row, "id", f'nothing uses the fact "{row.id}"', "test it somewhere, or delete it"


@_rule("grain-fits-facts", "scenarios", "conditions", "facts")
def _grain_fits_facts(known: _Known) -> Iterator[_Found]:
    """Let a scenario test facts of its own grain, and one of a disk those of its VM too."""
    fits = known.schema["scenarios"].column("grain").fits
    scenarios = known.tables["scenarios"].by_id
    grains = known.schema["facts"].column("grain").enum
    for scenario, rows in known.conditions.items():
        grain = scenarios[scenario]["grain"] if scenario in scenarios else ""
        for row in rows:
            fact = known.fact(row)
            if fact and fact.row["grain"] in {*grains} - {*fits.get(grain, grains)}:
                message = f"a scenario of a {grain} cannot test a fact of a {fact.row['grain']}"
                advice = f"test a fact of: {', '.join(fits[grain])}; or change the grain"
                yield row, "fact_id", message, advice


@_rule("quantity-has-ruling", "limits", "rulings")
def _quantity_has_ruling(known: _Known) -> Iterator[_Found]:
    """Rule between two limits that give one quantity different values."""
    seen: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in known.rows("limits"):
        if not row["fact_id"] or not row["value"]:
            continue
        same = seen[row["fact_id"], row["comparator"]]
        for other in same:
            modes = {row["mode"], other["mode"]}
            overlap = len(modes) == 1 or "both" in modes
            if overlap and other["value"] != row["value"] and other.id != row.id:
                if (row.id, other.id) in known.ruled:
                    continue
                message = f"{row['value']} contradicts {other['value']} in {other.cell('value')}"
                advice = f'add a ruling between "{other.id}" and "{row.id}"'
                yield row, "value", message, advice
        same.append(row)


@_rule("ruling-is-complete", "rulings", alone=True)
def _ruling_is_complete(known: _Known) -> Iterator[_Found]:
    """Name for the second reading of a ruling other rows than for the first, or a source."""
    for row in known.rows("rulings"):
        both = {*row.members("row_a")} & {*row.members("row_b")}
        if both:
            message = f'"{min(both)}" stands on both sides'
            yield row, "row_b", message, "name it on the side of its reading alone"
        elif not row["row_b"] and not row["source_b"]:
            message = "nothing says where the second reading stands"
            yield row, "source_b", message, "name the source, or the rows in row_b"


@_rule("source-is-named", "with:statement_id", alone=True)
def _source_is_named(known: _Known) -> Iterator[_Found]:
    """Name a statement of the article, or another source, for all that is stated."""
    for row in known.rows("with:statement_id"):
        if not row["statement_id"] and not row["source"]:
            message = "nothing says where this comes from"
            yield row, "statement_id", message, "name a statement, or another source in source"


@_rule("statement-is-used", "statements", "with:statement_id")
def _statement_is_used(known: _Known) -> Iterator[_Found]:
    """Use every statement that is data in a row, itself or by one it supersedes; and no other."""
    for row in known.rows("statements"):
        user = known.users.get(("statements", row.id))
        if row["data"] == "yes" and not user and not _is_used_below(known, row):
            message = f'no row uses the statement "{row.id}"'
            yield row, "id", message, "put it into data, or write data no and the reason"
        elif row["data"] == "no" and user:
            message = f"the statement is no data, but {user.cell('id')} uses it"
            yield row, "data", message, "write yes, or let that row name another statement"


def _is_used_below(known: _Known, row: Row) -> bool:
    """Tell whether a row uses a statement of an earlier edition that this one stands for."""
    waiting, seen = [row], {row.id}
    while waiting:
        for name in waiting.pop().members("supersedes"):
            if ("statements", name) in known.users:
                return True
            if name not in seen and name in known.tables["statements"].by_id:
                seen.add(name)
                waiting.append(known.tables["statements"].by_id[name])
    return False


@_rule("supersedes-another-edition", "statements")
def _supersedes_another_edition(known: _Known) -> Iterator[_Found]:
    """Let a statement supersede statements of another edition, never of its own."""
    statements = known.tables["statements"].by_id
    for row in known.rows("statements"):
        for name in row.members("supersedes"):
            if name in statements and statements[name]["edition"] == row["edition"]:
                message = f'"{name}" is of the same edition'
                yield row, "supersedes", message, "name a statement of an earlier edition"


@_rule("withdrawn-in-overlay", "withdrawn")
def _withdrawn_in_overlay(known: _Known) -> Iterator[_Found]:
    """Withdraw rows in an overlay only: of the base, delete them."""
    for row in known.rows("withdrawn"):
        message = "the base tables withdraw nothing"
        yield row, "id", message, "write this row into an overlay"


@_rule("no-data-has-reason", "statements", alone=True)
def _no_data_has_reason(known: _Known) -> Iterator[_Found]:
    """Give a reason why a statement is no data exactly where it is none."""
    for row in known.rows("statements"):
        if row["data"] == "no" and not row["no_data_reason"]:
            yield row, "no_data_reason", "the statement is no data, but why?", "write the reason"
        elif row["data"] == "yes" and row["no_data_reason"]:
            message = "the statement is data, so there is no reason why it is not"
            yield row, "no_data_reason", message, "leave it empty, or write data no"


@_rule("place-is-taken-once", "statements", alone=True)
def _place_is_taken_once(known: _Known) -> Iterator[_Found]:
    """Give each statement its own place in its section of an edition."""
    seen: dict[tuple[str, ...], Row] = {}
    for row in known.rows("statements"):
        place = tuple(row[name] for name in ("edition", "section", "position"))
        other = seen.setdefault(place, row)
        if other is not row and other.id != row.id:
            message = f"{other.cell('position')} has the same place"
            yield row, "position", message, "count the statements in the order of the article"


@_rule("encryption-has-result", "encryption", alone=True)
def _encryption_has_result(known: _Known) -> Iterator[_Found]:
    """Say in a row on encryption what becomes of the state, or what to do about it."""
    tells = ("local_result", "cross_region_result", "at_restore", "prerequisites")
    for row in known.rows("encryption"):
        if not any(row[name] for name in tells):
            message = "the row says nothing about the state"
            yield row, "local_result", message, f"fill one of: {', '.join(tells)}"


@_rule("error-is-recognisable", "errors", alone=True)
def _error_is_recognisable(known: _Known) -> Iterator[_Found]:
    """Give an error a code or a fragment of its message."""
    for row in known.rows("errors"):
        if not row["code"] and not row["message_alone"]:
            message = "nothing tells this error from others"
            yield row, "code", message, "write its code, or words of its message in message_alone"


@_rule("refusal-names-row", "errors", alone=True)
def _refusal_names_row(known: _Known) -> Iterator[_Found]:
    """Name the rows of an error by which the service refuses what the matrix refuses."""
    for row in known.rows("errors"):
        if row["kind"] == "matrix_refusal" and not row["row_ids"]:
            message = "a matrix_refusal needs row_ids"
            yield row, "row_ids", message, "name the rows, or choose another kind"
