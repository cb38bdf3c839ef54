"""The same rules as other engines take them, written from the tables of the matrix.

Every engine gets each row twice, once for "surely true" and once for "not surely false", since none
of them knows a third truth value on its own but SQL and Polars. What a pair of answers comes to is
combined in the same way for all, and every engine's verdicts are compared with rpmatrix's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from rpmatrix.eligibility.assessment import DISKS_LEFT, VERDICTS
from rpmatrix.eligibility.rules import compile_rules, holds
from rpmatrix.matrix.matrix import MODES, Matrix

NOT_SUPPORTED, UNKNOWN, EXCLUDE, SUPPORTED = (
    VERDICTS.index(name) for name in ("not_supported", "unknown", "exclude_disks", "supported")
)
ROLES_OF = {"vm": (), "os_disk": ("os",), "data_disk": ("data",), "disk": ("os", "data")}


@dataclass(frozen=True)
class Rule:
    """A row of the matrix: clauses, each of which says which values some facts must have."""

    id: str
    roles: tuple[str, ...]
    outcomes: Mapping[str, str]
    clauses: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]

    def says(self, *outcomes: str) -> bool:
        """Tell whether the rule has one of these outcomes in a mode."""
        return any(outcome in outcomes for outcome in self.outcomes.values())


@dataclass(frozen=True)
class Rules:
    """All rows that decide a verdict, about VMs and about disks."""

    vms: tuple[Rule, ...]
    disks: tuple[Rule, ...]
    vm_facts: tuple[str, ...]
    disk_facts: tuple[str, ...]
    assumptions: Mapping[str, str]
    # For each mode, what is left of the disks such that no restore point is possible.
    nothing_left: Mapping[str, frozenset[str]]


def rules_of(matrix: Matrix, vms: pa.Table, disks: pa.Table) -> Rules:
    """Write the rules down, over the values that stand in these tables."""
    compiled = compile_rules(matrix)
    values = {
        name: [str(one) for one in table[name].unique().to_pylist() if one is not None]
        for table in (vms, disks)
        for name in table.column_names
        if name in compiled.facts
    }
    assumed = {name: matrix.facts[name].assumption for name in compiled.facts}
    for name, value in assumed.items():
        if value not in (None, ""):
            values[name] = list(dict.fromkeys([*values.get(name, ()), str(value)]))
    deciding = ("not_supported", "not_stated", "exclude_disk")
    made = []
    for row in compiled.rows.values():
        if row.grain == "verdict" or not set(deciding) & set(row.outcomes.values()):
            continue
        clauses = tuple(
            tuple(
                (fact, tuple(one for one in values.get(fact, ()) if holds(operator, one, expected)))
                for fact, operator, expected in clause.tests
            )
            for clause in row.clauses
        )
        made.append(Rule(row.id, ROLES_OF[row.grain], dict(row.outcomes), clauses))
    nothing_left = {mode: set() for mode in MODES}
    for left in ("all", "none", "os_only", "data_only", "os_and_data"):
        decided = compiled.decide("verdict", *compiled.words(DISKS_LEFT, left))
        for mode in MODES:
            if decided[mode].blocked:
                nothing_left[mode].add(left)
    of_vms = tuple(rule for rule in made if not rule.roles)
    of_disks = tuple(rule for rule in made if rule.roles)

    def facts(rules: Sequence[Rule]) -> tuple[str, ...]:
        told = (fact for rule in rules for clause in rule.clauses for fact, _ in clause)
        return tuple(dict.fromkeys(told))

    tested = (*facts(of_vms), *facts(of_disks))
    assumptions = {fact: matrix.facts[fact].assumption for fact in tested}
    return Rules(
        of_vms,
        of_disks,
        facts(of_vms),
        facts(of_disks),
        {fact: str(value) for fact, value in assumptions.items() if value not in (None, "")},
        {mode: frozenset(found) for mode, found in nothing_left.items()},
    )


# --------------------------------------------------------------------------- frames

Truth = Any  # whatever an engine computes with


@dataclass(frozen=True)
class Masks:
    """What a frame engine has worked out of some rules: surely true, and not surely false."""

    sure: Mapping[str, Truth]
    maybe: Mapping[str, Truth]


def _any(truths: Sequence[Truth], nothing: Truth) -> Truth:
    found = nothing
    for truth in truths:
        found = found | truth
    return found


def _signs(rules: Sequence[Rule], masks: Masks, mode: str, nothing: Truth) -> dict[str, Truth]:
    """Give what rules come to in a mode: blocked, open, gone, may go."""

    def of(*outcomes: str) -> list[str]:
        return [rule.id for rule in rules if rule.outcomes[mode] in outcomes]

    unsure = {name: masks.maybe[name] & ~masks.sure[name] for name in masks.maybe}
    return {
        "blocked": _any([masks.sure[name] for name in of("not_supported")], nothing),
        "open": _any(
            [unsure[name] for name in of("not_supported")]
            + [masks.maybe[name] for name in of("not_stated")],
            nothing,
        ),
        "gone": _any([masks.sure[name] for name in of("exclude_disk")], nothing),
        "may_go": _any([unsure[name] for name in of("exclude_disk")], nothing),
    }


def _verdict(rules: Rules, mode: str, signs: Mapping[str, Any]) -> Any:
    """Combine what is known of VMs: NumPy arrays of bool by name."""
    some_gone = signs["gone"]
    left = {
        "all": ~some_gone,
        "none": some_gone & ~signs["os_left"] & ~signs["data_left"],
        "os_only": some_gone & signs["os_left"] & ~signs["data_left"],
        "data_only": some_gone & ~signs["os_left"] & signs["data_left"],
        "os_and_data": some_gone & signs["os_left"] & signs["data_left"],
    }
    nothing = np.logical_or.reduce([left[name] for name in rules.nothing_left[mode]])
    verdict = np.where(some_gone, EXCLUDE, SUPPORTED)
    verdict = np.where(signs["open"] | signs["may_go"], UNKNOWN, verdict)
    return np.where(signs["blocked"] | nothing, NOT_SUPPORTED, verdict).astype(np.uint8)


REDUCED = ("blocked", "open", "gone", "may_go", "os_left", "data_left")


def _disk_signs(rules: Rules, masks: Masks, mode: str, is_os: Truth, nothing: Truth) -> Any:
    signs = _signs(rules.disks, masks, mode, nothing)
    signs["may_go"] = signs["may_go"] & ~signs["gone"]
    signs["os_left"] = is_os & ~signs["gone"]
    signs["data_left"] = ~is_os & ~signs["gone"]
    return signs


def with_pandas(rules: Rules, vms: pd.DataFrame, disks: pd.DataFrame) -> dict[str, Any]:
    """Give verdicts by hand-written masks; ``vm`` numbers the VM of each disk."""
    roles = disks["role"] == "os"

    def masks(of: Sequence[Rule], frame: pd.DataFrame) -> Masks:
        sure, maybe = {}, {}
        missing = {
            name: frame[name].isna().to_numpy()
            for name in {fact for rule in of for clause in rule.clauses for fact, _ in clause}
        }
        for rule in of:
            surely = np.zeros(len(frame), bool)
            possibly = np.zeros(len(frame), bool)
            for clause in rule.clauses:
                all_sure, all_possible = np.ones(len(frame), bool), np.ones(len(frame), bool)
                for fact, wanted in clause:
                    hit = frame[fact].isin(wanted).to_numpy()
                    if fact not in rules.assumptions:
                        all_possible &= hit | missing[fact]
                        all_sure &= hit
                        continue
                    if rules.assumptions[fact] in wanted:
                        hit = hit | missing[fact]
                    all_sure &= hit
                    all_possible &= hit
                surely |= all_sure
                possibly |= all_possible
            if rule.roles:
                place = np.logical_or.reduce([(roles == (role == "os")) for role in rule.roles])
                surely, possibly = surely & place, possibly & place
            sure[rule.id], maybe[rule.id] = surely, possibly
        return Masks(sure, maybe)

    of_vms, of_disks = masks(rules.vms, vms), masks(rules.disks, disks)
    found = {}
    for mode in MODES:
        signs = _signs(rules.vms, of_vms, mode, np.zeros(len(vms), bool))
        mine = pd.DataFrame(
            _disk_signs(rules, of_disks, mode, roles.to_numpy(), np.zeros(len(disks), bool))
        )
        reduced = mine.groupby(disks["vm"].to_numpy(), sort=False).any().reindex(range(len(vms)))
        told = {name: reduced[name].to_numpy(bool, copy=True) for name in REDUCED}
        told["blocked"] |= signs["blocked"]
        told["open"] |= signs["open"]
        found[mode] = _verdict(rules, mode, told)
    return found


def _polars_masks(rules: Rules, of: Sequence[Rule]) -> Masks:
    sure, maybe = {}, {}
    for rule in of:
        clauses = []
        for clause in rule.clauses:
            tests = []
            for fact, wanted in clause:
                column = pl.col(fact)
                if fact in rules.assumptions:
                    column = column.fill_null(rules.assumptions[fact])
                tests.append(column.is_in(list(wanted)))
            clauses.append(pl.all_horizontal(tests))
        whole = pl.any_horizontal(clauses)
        if rule.roles and len(rule.roles) == 1:
            whole = whole & (pl.col("role") == rule.roles[0])
        sure[rule.id], maybe[rule.id] = whole.fill_null(False), whole.fill_null(True)
    return Masks(sure, maybe)


def with_polars(rules: Rules, vms: pl.DataFrame, disks: pl.DataFrame) -> dict[str, Any]:
    """Give verdicts by one lazy query; ``vm`` numbers the VM of each disk."""
    nothing, is_os = pl.lit(False), pl.col("role") == "os"
    of_vms, of_disks = _polars_masks(rules, rules.vms), _polars_masks(rules, rules.disks)
    on_vms, on_disks = [], []
    for mode in MODES:
        signs = _signs(rules.vms, of_vms, mode, nothing)
        on_vms += [signs[name].alias(f"{mode} vm {name}") for name in ("blocked", "open")]
        mine = _disk_signs(rules, of_disks, mode, is_os, nothing)
        on_disks += [mine[name].alias(f"{mode} {name}") for name in REDUCED]
    names = [f"{mode} {name}" for mode in MODES for name in REDUCED]
    reduced = (
        disks.lazy()
        .select("vm", *on_disks)
        .group_by("vm")
        .agg([pl.col(name).any() for name in names])
        .sort("vm")
    )
    told_vms, told = pl.collect_all([vms.lazy().select(on_vms), reduced])
    assert len(told) == len(vms)
    found = {}
    for mode in MODES:
        signs = {name: told[f"{mode} {name}"].to_numpy() for name in REDUCED}
        for name in ("blocked", "open"):
            signs[name] = signs[name] | told_vms[f"{mode} vm {name}"].to_numpy()
        found[mode] = _verdict(rules, mode, signs)
    return found


def _sql_masks(rules: Rules, of: Sequence[Rule]) -> list[str]:
    found = []
    for rule in of:
        clauses = []
        for clause in rule.clauses:
            tests = []
            for fact, wanted in clause:
                column = f'"{fact}"'
                if fact in rules.assumptions:
                    column = f"coalesce({column}, '{rules.assumptions[fact]}')"
                listed = ", ".join(f"'{one}'" for one in wanted)
                never = f"CASE WHEN {column} IS NULL THEN NULL ELSE false END"
                tests.append(f"({column} IN ({listed}))" if listed else f"({never})")
            clauses.append("(" + " AND ".join(tests) + ")")
        whole = "(" + " OR ".join(clauses) + ")"
        if rule.roles and len(rule.roles) == 1:
            whole = f"({whole} AND role = '{rule.roles[0]}')"
        found.append(f'coalesce({whole}, false) AS "s {rule.id}"')
        found.append(f'coalesce({whole}, true) AS "m {rule.id}"')
    return found


class _Sql(str):
    """A condition in SQL that can be combined as masks are."""

    def __and__(self, other: str) -> _Sql:
        return _Sql(f"({self} AND {other})")

    def __or__(self, other: str) -> _Sql:
        return _Sql(f"({self} OR {other})")

    def __invert__(self) -> _Sql:
        return _Sql(f"(NOT {self})")


def with_duckdb(rules: Rules, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Give verdicts by SQL over the tables ``vms`` and ``disks`` of a connection."""

    def named(of: Sequence[Rule]) -> Masks:
        return Masks(
            {rule.id: _Sql(f'"s {rule.id}"') for rule in of},
            {rule.id: _Sql(f'"m {rule.id}"') for rule in of},
        )

    nothing, is_os = _Sql("false"), _Sql("(role = 'os')")
    on_vms, on_disks = [], []
    for mode in MODES:
        signs = _signs(rules.vms, named(rules.vms), mode, nothing)
        on_vms += [f'{signs[name]} AS "{mode} vm {name}"' for name in ("blocked", "open")]
        mine = _disk_signs(rules, named(rules.disks), mode, is_os, nothing)
        on_disks += [f'bool_or({mine[name]}) AS "{mode} {name}"' for name in REDUCED]
    query = f"""
        WITH v AS (SELECT vm, {", ".join(_sql_masks(rules, rules.vms))} FROM vms),
             d AS (SELECT vm, role, {", ".join(_sql_masks(rules, rules.disks))} FROM disks),
             r AS (SELECT vm, {", ".join(on_disks)} FROM d GROUP BY vm),
             w AS (SELECT vm, {", ".join(on_vms)} FROM v)
        SELECT * FROM w JOIN r USING (vm)
    """
    told = connection.execute(query).fetchnumpy()
    order = np.empty(len(told["vm"]), np.int64)
    order[told["vm"]] = np.arange(len(order))
    found = {}
    for mode in MODES:
        signs = {name: np.asarray(told[f"{mode} {name}"], bool) for name in REDUCED}
        for name in ("blocked", "open"):
            signs[name] = signs[name] | np.asarray(told[f"{mode} vm {name}"], bool)
        found[mode] = _verdict(rules, mode, signs)[order]
    return found


# --------------------------------------------------------------------------- one VM after the other

Judge = Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]


def _combined(rules: Rules, told: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Combine the answers of an engine: for each VM those of its rules, and those of its disks.

    Answers are pairs of truths, one pair a rule. This is all that is not the engine's own work.
    """
    found = {mode: np.empty(len(told), np.uint8) for mode in MODES}
    for at, (of_vm, of_disks) in enumerate(told):
        for mode in MODES:
            found[mode][at] = _one(rules, mode, of_vm, of_disks)
    return found


def _one(rules: Rules, mode: str, of_vm: Any, of_disks: Any) -> int:
    is_open = may_go = False
    gone = {"os": [], "data": []}
    for role, answers in of_disks:
        mine = maybe_mine = False
        for rule, (sure, maybe) in zip(rules.disks, answers, strict=True):
            outcome = rule.outcomes[mode]
            if not maybe or role not in rule.roles:
                continue
            if outcome == "not_supported" and sure:
                return NOT_SUPPORTED
            is_open |= outcome in ("not_supported", "not_stated")
            if outcome == "exclude_disk":
                mine, maybe_mine = mine or sure, True
        gone[role].append(mine)
        may_go |= maybe_mine and not mine
    for rule, (sure, maybe) in zip(rules.vms, of_vm, strict=True):
        if maybe and rule.outcomes[mode] in ("not_supported", "not_stated"):
            if sure and rule.outcomes[mode] == "not_supported":
                return NOT_SUPPORTED
            is_open = True
    some_gone = any(gone["os"]) or any(gone["data"])
    left = "all"
    if some_gone:
        os_left, data_left = not all(gone["os"]), not all(gone["data"])
        left = {(0, 0): "none", (1, 0): "os_only", (0, 1): "data_only", (1, 1): "os_and_data"}[
            os_left, data_left
        ]
    if left in rules.nothing_left[mode]:
        return NOT_SUPPORTED
    if is_open or may_go:
        return UNKNOWN
    return EXCLUDE if some_gone else SUPPORTED


def _expressions(rules: Rules, of: Sequence[Rule], record: str, dialect: str) -> list[str]:
    """Give two expressions for each rule: surely true, and not surely false."""
    both = "&&" if dialect == "cel" else "and"
    either = "||" if dialect == "cel" else "or"
    found = []
    for rule in of:
        for lenient in (False, True):
            clauses = []
            for clause in rule.clauses:
                tests = []
                for fact, wanted in clause:
                    known = f"{record}.{fact}"
                    listed = f"{known} in [{', '.join(map(json.dumps, wanted))}]"
                    if not wanted:
                        listed = "false"
                    null = f"{known} == null"
                    tests.append(
                        f"({null} {either} {listed})"
                        if lenient
                        else f"({known} != null {both} {listed})"
                    )
                clauses.append(f"({f' {both} '.join(tests)})")
            found.append(f"({f' {either} '.join(clauses)})")
    return found


def _pairs(flat: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def cel_in_cpp(rules: Rules) -> Judge:
    """Judge with cel-expr-python: one expression per VM, one for its disks."""
    from cel_expr_python import cel

    environment = cel.NewEnv(variables={"r": cel.Type.DYN})
    of_vm = environment.compile(f"[{', '.join(_expressions(rules, rules.vms, 'r', 'cel'))}]")
    of_disks = environment.compile(
        f"r.disks.map(d, [{', '.join(_expressions(rules, rules.disks, 'd', 'cel'))}])"
    )

    def plain(value: Any) -> Any:
        found = value.plain_value
        return found() if callable(found) else found

    def judge(vms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        told = []
        for vm in vms:
            roles = [disk["role"] for disk in vm["disks"]]
            answers = [_pairs(one) for one in plain(of_disks.eval(data={"r": vm}))]
            own = _pairs(plain(of_vm.eval(data={"r": vm})))
            told.append((own, list(zip(roles, answers, strict=True))))
        return _combined(rules, told)

    return judge


def cel_in_rust(rules: Rules) -> Judge:
    """Judge with common-expression-language: one expression per VM, one for its disks."""
    import cel

    of_vm = cel.compile(f"[{', '.join(_expressions(rules, rules.vms, 'r', 'cel'))}]")
    of_disks = cel.compile(
        f"r.disks.map(d, [{', '.join(_expressions(rules, rules.disks, 'd', 'cel'))}])"
    )

    def judge(vms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        told = []
        for vm in vms:
            context = cel.Context({"r": vm})
            roles = [disk["role"] for disk in vm["disks"]]
            answers = [_pairs(one) for one in of_disks.execute(context)]
            told.append((_pairs(of_vm.execute(context)), list(zip(roles, answers, strict=True))))
        return _combined(rules, told)

    return judge


def zen(rules: Rules) -> Judge:
    """Judge with zen-engine: an expression per VM and one per disk."""
    import zen as engine

    of_vm = engine.compile_expression(f"[{', '.join(_expressions(rules, rules.vms, 'r', 'zen'))}]")
    of_disk = engine.compile_expression(
        f"[{', '.join(_expressions(rules, rules.disks, 'd', 'zen'))}]"
    )

    def judge(vms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        told = []
        for vm in vms:
            own = {name: vm[name] for name in rules.vm_facts}
            answers = [
                (disk["role"], _pairs(of_disk.evaluate({"d": disk}))) for disk in vm["disks"]
            ]
            told.append((_pairs(of_vm.evaluate({"r": own})), answers))
        return _combined(rules, told)

    return judge


ENGINES: Mapping[str, Callable[[Rules], Judge]] = {
    "cel-expr-python": cel_in_cpp,
    "common-expression-language": cel_in_rust,
    "zen-engine": zen,
}
