"""The column evaluator gives what the scalar evaluator gives, whatever the type of a column."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cases import CLEAN, EXAMPLES, MATRIX, cases, facts_of_grain, values_of, vm_facts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Case, Known, KnownDisk

from rpmatrix.columns import UNUSABLE, ColumnEvaluator, Judged
from rpmatrix.eligibility import VERDICTS, Evaluator, Verdict
from rpmatrix.matrix import MODES, Matrix, load_matrix

# --------------------------------------------------------------------------- cases as columns


def cell(known: Known) -> str | None:
    if known.options:
        return "|".join(str(one) for one in known.options)
    if known.value is None:
        return UNUSABLE if known.shown else None
    return str(known.value)


def column(cells: Iterable[str | None]) -> pa.Array:
    return pa.array(list(cells), pa.string()).dictionary_encode()


def tables(fleet: list[Case]) -> tuple[pa.Table, pa.Table, Any]:
    """Give a fleet as a table of VMs, a table of disks, and the VM of each disk."""
    disks = [(at, disk) for at, case in enumerate(fleet) for disk in case.disks]
    vms = {name: column(cell(case.facts[name]) for case in fleet) for name in facts_of_grain("vm")}
    of_disks = {
        name: column(cell(disk.facts[name]) for _, disk in disks) for name in facts_of_grain("disk")
    }
    roles = pa.array([disk.role for _, disk in disks], pa.string())
    owners = np.array([at for at, _ in disks], np.int64)
    return pa.table(vms), pa.table({"role": roles, **of_disks}), owners


def judge(columns: ColumnEvaluator, fleet: list[Case]) -> Judged:
    vms, disks, owners = tables(fleet)
    return columns.judge(columns.encode_vms(vms), columns.encode_disks(disks), owners)


EVALUATORS = {strict: ColumnEvaluator(MATRIX, strict=strict) for strict in (False, True)}


def told_by_columns(judged: Judged, mode: str) -> list[dict[str, Any]]:
    """Give the verdicts of a mode as plain values, VM by VM."""
    known = judged.evaluator.cases
    names = ("reasons", "caveats", "possible_caveats", "assumptions", "missing", "rulings")
    lists = {name: known.lists(name, mode, judged.cases) for name in names}
    codes = {"floor": known.floor(mode), "ceiling": known.ceiling(mode)}
    gone = judged.excluded(mode)
    firsts = np.searchsorted(judged.owners, np.arange(len(judged.cases)))
    return [
        {
            "verdict": VERDICTS[judged.verdicts(mode)[at]],
            **{name: VERDICTS[code[case]] for name, code in codes.items()},
            **{name: found[at] for name, found in lists.items()},
            "excluded": [
                int(row - firsts[at]) for row in np.flatnonzero(gone & (judged.owners == at))
            ],
        }
        for at, case in enumerate(judged.cases)
    ]


def told_by_scalars(verdict: Verdict) -> dict[str, Any]:
    asked = {one.fact_id for one in verdict.missing}
    return {
        "verdict": verdict.verdict,
        "floor": verdict.floor,
        "ceiling": verdict.ceiling,
        "reasons": verdict.reasons,
        "caveats": verdict.caveats,
        "possible_caveats": verdict.possible_caveats,
        "assumptions": verdict.assumptions,
        "missing": tuple(fact for fact in MATRIX.facts if fact in asked),
        "rulings": verdict.rulings,
        "excluded": [one.lun for one in verdict.exclude_disks],
    }


# --------------------------------------------------------------------------- the two evaluators


@pytest.fixture(params=[False, True], ids=["with assumptions", "strict"], scope="module")
def pair(request: pytest.FixtureRequest) -> tuple[Evaluator, ColumnEvaluator]:
    return Evaluator(MATRIX, strict=request.param), EVALUATORS[request.param]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(fleet=st.lists(cases(), max_size=12))
def test_columns_give_what_the_scalar_evaluator_gives(
    pair: tuple[Evaluator, ColumnEvaluator], fleet: list[Case]
) -> None:
    scalar, columns = pair
    judged = judge(columns, fleet)
    for place, mode in enumerate(MODES):
        one_by_one = [scalar.verdicts(vm_facts(case))[place] for case in fleet]
        assert told_by_columns(judged, mode) == [told_by_scalars(one) for one in one_by_one]


def a_matrix_of_many_rows(folder: Path, seed: int) -> Matrix:
    """Lay rows over the matrix that test anything: also facts of the VM in rows about disks."""
    chance = random.Random(seed)
    facts = {
        grain: [one for one in MATRIX.facts.values() if one.grain == grain]
        for grain in ("vm", "disk")
    }
    scenarios, conditions = [], []
    outcomes = ["supported", "supported_with_caveat", "exclude_disk", "not_supported", "not_stated"]
    for number in range(60):
        grain = chance.choice(["vm", "os_disk", "data_disk", "disk"])
        usable = [one for one in outcomes if grain != "vm" or one != "exclude_disk"]
        name = f"made-{number:03}"
        row = dict.fromkeys(MATRIX.table("scenarios")[0], "")
        row |= {"id": name, "area": "vm", "title": name, "grain": grain, "caveat": "Mind this."}
        row |= {mode: chance.choice(usable) for mode in MODES}
        row |= {"remedy": "Do something.", "source": "made up", "reviewed_on": "2026-11-22"}
        scenarios.append(row)
        tested = facts["vm"] if grain == "vm" else facts["vm"] + facts["disk"]
        for clause in range(chance.randint(1, 2)):
            for place, fact in enumerate(chance.sample(tested, chance.randint(1, 3))):
                value = "|".join(str(one) for one in chance.sample(values_of(fact.id), 1))
                operators = ["is", "is_not", "present"]
                if fact.type == "integer":
                    operators = ["at_least", "at_most", "more_than", "less_than", "is"]
                elif fact.type in ("enum", "text"):
                    operators.append("starts_with")
                operator = chance.choice(operators)
                mark = f"{name}-{clause}-{place}"
                value = "" if operator == "present" else value
                conditions.append([mark, name, clause + 1, fact.id, operator, value, "2026-11-22"])
    with (folder / "scenarios.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(scenarios[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(scenarios)
    with (folder / "conditions.csv").open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(list(MATRIX.table("conditions")[0]))
        lines.writerows(sorted(conditions))
    about = {"owner": "Testers", "purpose": "Many rows", "source": "made up"}
    days = {"date": "2026-11-22", "valid_until": "2099-12-31"}
    (folder / "about.json").write_text(json.dumps(about | days))
    return load_matrix(folder)


@pytest.mark.parametrize("seed", range(3))
def test_they_agree_on_any_rules_however_many(tmp_path: Path, seed: int) -> None:
    matrix = a_matrix_of_many_rows(tmp_path, seed)
    scalar, columns = Evaluator(matrix), ColumnEvaluator(matrix)
    assert columns.scalar.rules.everything.bit_length() > 128, "several words are needed"

    @settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(fleet=st.lists(cases(), max_size=6))
    def compare(fleet: list[Case]) -> None:
        judged = judge(columns, fleet)
        for place, mode in enumerate(MODES):
            one_by_one = [scalar.verdicts(vm_facts(case))[place] for case in fleet]
            assert told_by_columns(judged, mode) == [told_by_scalars(one) for one in one_by_one]

    compare()


def a_random_case(chance: random.Random) -> Case:
    def facts(grain: str) -> dict[str, Known]:
        return {
            name: Known(chance.choice([None, *values_of(name)])) for name in facts_of_grain(grain)
        }

    roles = ["os", *["data"] * chance.randint(0, 6)]
    clean = {name: Known(CLEAN.get(name)) for name in facts_of_grain("vm")}
    return Case(clean, tuple(KnownDisk(role, facts("disk")) for role in roles))


def test_they_agree_however_many_different_disks_there_are() -> None:
    chance = random.Random(11)
    fleet = [a_random_case(chance) for _ in range(150)]
    scalar, columns = Evaluator(MATRIX), ColumnEvaluator(MATRIX)
    judged = judge(columns, fleet)
    assert len(set(judged.disks.tolist())) > 256
    for place, mode in enumerate(MODES):
        one_by_one = [scalar.verdicts(vm_facts(case))[place] for case in fleet]
        assert told_by_columns(judged, mode) == [told_by_scalars(one) for one in one_by_one]
