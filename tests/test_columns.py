"""The column evaluator gives what the scalar evaluator gives, whatever the type of a column."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from azure import vm_id
from cases import CLEAN, EXAMPLES, MATRIX, cases, facts_of_grain, values_of, vm_facts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Case, Known, KnownDisk, Oracle, answered
from overlays import write_overlay

from rpmatrix.eligibility.assessment import VERDICTS, Evaluator, Verdict
from rpmatrix.fleet.columns import codes as column_codes
from rpmatrix.fleet.columns.codes import UNUSABLE, Cells, Rows
from rpmatrix.fleet.columns.evaluate import ColumnEvaluator, Judged
from rpmatrix.matrix.matrix import MODES, Matrix, load_matrix

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
    names = [(name_of(at), vm_id(name_of(at))) for at in range(len(fleet))]
    encoded = columns.encode_vms(vms), columns.encode_disks(disks)
    return columns.judge(*encoded, owners, lambda: names)


def name_of(place: int) -> str:
    return f"vm-{place}"


def verdicts_one_by_one(scalar: Evaluator, fleet: list[Case]) -> list[tuple[Verdict, ...]]:
    facts = [vm_facts(case, name_of(at)) for at, case in enumerate(fleet)]
    return [scalar.verdicts(scalar.settle(one)) for one in facts]


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


def assert_as_scalar(scalar: Evaluator, judged: Judged, fleet: list[Case]) -> None:
    one_by_one = verdicts_one_by_one(scalar, fleet)
    for place, mode in enumerate(MODES):
        expected = [told_by_scalars(verdicts[place]) for verdicts in one_by_one]
        assert told_by_columns(judged, mode) == expected


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
    assert_as_scalar(scalar, judged, fleet)


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
        row = {"id": name, "area": "vm", "title": name, "grain": grain, "caveat": "Mind this."}
        row |= {mode: chance.choice(usable) for mode in MODES}
        row |= {"remedy": "Do something.", "source": "made up"}
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
                condition = {"id": f"{name}-{clause}-{place}", "scenario_id": name}
                condition |= {"clause": str(clause + 1), "fact_id": fact.id, "operator": operator}
                condition |= {"value": "" if operator == "present" else value}
                conditions.append(condition)
    made = {"scenarios": scenarios, "conditions": conditions}
    return load_matrix(write_overlay(folder, made))


@pytest.mark.parametrize("seed", range(3))
def test_they_agree_on_any_rules_however_many(tmp_path: Path, seed: int) -> None:
    matrix = a_matrix_of_many_rows(tmp_path, seed)
    scalar, columns = Evaluator(matrix), ColumnEvaluator(matrix)
    assert columns.scalar.rules.everything.bit_length() > 128, "several words are needed"

    @settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(fleet=st.lists(cases(), max_size=6))
    def compare(fleet: list[Case]) -> None:
        judged = judge(columns, fleet)
        assert_as_scalar(scalar, judged, fleet)

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
    assert_as_scalar(scalar, judged, fleet)


# --------------------------------------------------------------------------- answers


SPOT, REGULAR, ULTRA = {"priority": "Spot"}, {"priority": "Regular"}, {"disk_sku": "UltraSSD_LRS"}


def no_ultra_disks_on_spot(folder: Path) -> Matrix:
    """Lay a row about data disks over the matrix that tests a fact of their VM, too."""
    row = {
        "id": "ultra-on-spot",
        "area": "disk",
        "title": "Ultra Disk of a Spot VM",
        "grain": "data_disk",
        "application": "exclude_disk",
        "crash": "not_supported",
        "remedy": "Take another disk.",
        "source": "Runbook 7",
    }
    conditions = [
        {
            "id": f"ultra-on-spot-{number}",
            "scenario_id": "ultra-on-spot",
            "clause": "1",
            "fact_id": fact,
            "operator": "is",
            "value": value,
        }
        for number, (fact, value) in enumerate((*ULTRA.items(), *SPOT.items()), start=1)
    ]
    return load_matrix(write_overlay(folder, {"scenarios": [row], "conditions": conditions}))


def with_data_disk(of_vm: Mapping[str, str], of_disk: Mapping[str, str]) -> Case:
    """Give a VM of which nothing else stands in the way; what is left out is not known."""

    def facts(grain: str, told: Mapping[str, str]) -> dict[str, Known]:
        usual = {name: CLEAN.get(name) for name in facts_of_grain(grain)}
        usual |= dict.fromkeys(("priority", "disk_sku") & usual.keys())
        return {name: Known(value) for name, value in {**usual, **told}.items()}

    disks = KnownDisk("os", facts("disk", {"disk_sku": "Premium_LRS"})), facts("disk", of_disk)
    return Case(facts("vm", of_vm), (disks[0], KnownDisk("data", disks[1])))


@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [
        ({}, ["exclude_disks", "supported", "unknown", "unknown", "unknown"]),
        (SPOT, ["exclude_disks", "supported", "exclude_disks", "unknown", "unknown"]),
        (REGULAR, ["exclude_disks", "supported", "supported", "unknown", "supported"]),
        (SPOT | ULTRA, ["exclude_disks", "supported", *["exclude_disks"] * 3]),
        (
            {"vm-2:priority": "Spot"},
            ["exclude_disks", "supported", "exclude_disks", "unknown", "unknown"],
        ),
        (
            {"priority": "Spot", f"{vm_id('vm-2')}:priority": "Regular"},
            ["exclude_disks", "supported", "supported", "unknown", "unknown"],
        ),
        (
            {"vm-4:disk_sku": "UltraSSD_LRS", "VM-4:priority": "Spot"},
            ["exclude_disks", "supported", "unknown", "unknown", "exclude_disks"],
        ),
    ],
)
def test_a_row_about_disks_may_test_what_was_answered_of_their_vm(
    tmp_path: Path, answers: dict[str, str], verdicts: list[str]
) -> None:
    matrix = no_ultra_disks_on_spot(tmp_path)
    fleet = [
        with_data_disk(SPOT, ULTRA),
        with_data_disk(REGULAR, ULTRA),
        with_data_disk({}, ULTRA),
        with_data_disk(SPOT, {}),
        with_data_disk({}, {}),
    ]
    columns = ColumnEvaluator(matrix, answers=answers)
    judged = judge(columns, fleet)
    assert [one["verdict"] for one in told_by_columns(judged, "application")] == verdicts
    assert_as_scalar(Evaluator(matrix, answers=answers), judged, fleet)


@pytest.mark.parametrize(
    ("family", "answers", "verdict"),
    [
        ("Linux", {}, "unknown"),
        ("Linux", {"operating_system": "ubuntu"}, "supported"),
        ("Linux", {"operating_system": "windows-server-2022"}, "unknown"),
        ("Windows", {"operating_system": "windows-server-2022"}, "supported"),
        (None, {"operating_system": "windows-server-2022"}, "supported"),
        (
            "Linux",
            {"operating_system": "ubuntu", "vm-0:operating_system": "windows-server-2022"},
            "unknown",
        ),
        (
            "Linux",
            {"operating_system": "windows-server-2022", "vm-0:operating_system": "ubuntu"},
            "supported",
        ),
        (
            "Linux",
            {
                "vm-0:operating_system": "ubuntu",
                f"{vm_id('vm-0')}:operating_system": "windows-server-2022",
            },
            "unknown",
        ),
    ],
)
def test_an_answer_about_the_system_does_not_stand_against_the_family_that_was_read(
    family: str | None, answers: dict[str, str], verdict: str
) -> None:
    told = {name: CLEAN.get(name) for name in facts_of_grain("vm")}
    told |= {"operating_system": None, "os_family": family}
    fleet = [Case({name: Known(value) for name, value in told.items()})]
    judged = judge(ColumnEvaluator(MATRIX, answers=answers), fleet)
    assert [one["verdict"] for one in told_by_columns(judged, "application")] == [verdict]
    assert_as_scalar(Evaluator(MATRIX, answers=answers), judged, fleet)


def answers_on(matrix: Matrix) -> st.SearchStrategy[dict[str, str]]:
    """Answer for all VMs, or for one by its name or its id."""
    scopes = ["", *(f"{one}:" for name in ("vm-0", "vm-1") for one in (name, vm_id(name)))]
    usual = ["operating_system", "os_family", "priority", "disk_sku"]
    names = [*facts_of_grain("vm"), *facts_of_grain("disk")]

    @st.composite
    def one(draw: Callable[[Any], Any]) -> tuple[str, str]:
        fact = draw(st.sampled_from(usual) | st.sampled_from(names))
        values = [str(value) for value in values_of(fact)]
        if matrix.facts[fact].type == "integer":
            values = [value for value in values if value.isdigit()]
        return draw(st.sampled_from(scopes)) + fact, draw(st.sampled_from(values))

    return st.lists(one(), max_size=6).map(dict)


def answers_for(answers: Mapping[str, str], place: int) -> dict[str, str | int]:
    """Give the answers that count for a VM: those by its id before those by its name."""
    found: dict[str, str | int] = {}
    for scope in ("", name_of(place), vm_id(name_of(place))):
        for named, value in answers.items():
            about, _, fact = named.rpartition(":")
            if about == scope:
                found[fact] = int(value) if MATRIX.facts[fact].type == "integer" else value
    return found


@pytest.mark.parametrize("strict", [False, True], ids=["with assumptions", "strict"])
@pytest.mark.parametrize("lay", [None, no_ultra_disks_on_spot, a_matrix_of_many_rows])
def test_answers_count_as_they_do_for_one_vm(
    tmp_path: Path, lay: Callable[..., Matrix] | None, strict: bool
) -> None:
    more = (7,) if lay is a_matrix_of_many_rows else ()
    matrix = lay(tmp_path, *more) if lay else MATRIX
    oracle = Oracle(matrix, strict=strict)

    @settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(fleet=st.lists(cases(), max_size=3), answers=answers_on(matrix))
    def compare(fleet: list[Case], answers: dict[str, str]) -> None:
        columns = ColumnEvaluator(matrix, strict=strict, answers=answers)
        judged = judge(columns, fleet)
        assert_as_scalar(Evaluator(matrix, strict=strict, answers=answers), judged, fleet)
        settled = [
            answered(case, answers_for(answers, place), matrix) for place, case in enumerate(fleet)
        ]
        for mode in MODES:
            told = [one["verdict"] for one in told_by_columns(judged, mode)]
            assert told == [oracle.judge(case, mode).verdict for case in settled]

    compare()


# --------------------------------------------------------------------------- rows of codes


@settings(max_examples=EXAMPLES)
@given(
    columns=st.lists(
        st.integers(0, 3) | st.lists(st.integers(0, 40), min_size=1, max_size=12),
        min_size=1,
        max_size=8,
    ),
    length=st.integers(0, 200),
    seed=st.integers(0, 2**32 - 1),
)
def test_rows_are_numbered_alike_by_a_table_and_by_comparing_them(
    columns: list[int | list[int]], length: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    codes: list[Cells | int] = []
    expected = np.zeros((length, len(columns)), np.uint16)
    for at, column in enumerate(columns):
        if isinstance(column, int):
            codes.append(column)
            expected[:, at] = column
            continue
        places = chance.integers(0, len(column), length)
        absent = chance.random(length) < 0.2
        codes.append(Cells(pa.array(places, pa.int32(), mask=absent), np.array(column, np.uint16)))
        expected[:, at] = np.array(column)[np.where(absent, len(column) - 1, places)]
    for most in (0, column_codes._LARGEST_TABLE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(column_codes, "_LARGEST_TABLE", most)
            patch.setattr(column_codes, "_BLOCK", 64)
            rows = Rows(len(columns))
            numbers = rows.number(codes, length)
        assert (rows[numbers] == expected).all()
        assert len(np.unique(numbers)) == len({tuple(row) for row in expected.tolist()})


INDEX_TYPES = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64()]


@pytest.mark.parametrize("kind", [*INDEX_TYPES, pa.uint64()], ids=str)
def test_codes_of_any_width_are_read(kind: pa.DataType) -> None:
    texts = pa.array(["ConfidentialVM", "Standard"])
    types = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1], kind), texts)
    roles = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, 0], kind), pa.array(["os", "data"]))
    columns = ColumnEvaluator(MATRIX)
    assert columns.encode_vms(pa.table({"security_type": types})).tolist() == [0, 1, 2, 1]
    disks = columns.encode_disks(pa.table({"role": roles}))
    assert columns.roles(disks).tolist() == [0, 1, 1, 0]
