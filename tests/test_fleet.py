"""A fleet gives what its VMs give one by one, whatever it comes in, and nothing gets lost."""

from __future__ import annotations

import gzip
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import azure
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure import disk_id, vm_id
from cases import CLEAN, MATRIX, facts_of_grain, values_of, vm_facts
from estates import estate, rows_of_fleet, rows_of_vms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Case, Known, KnownDisk

import rpmatrix as rp
from rpmatrix.eligibility.assessment import VERDICTS, AnswerError, Evaluator, Verdict
from rpmatrix.fleet.columns.codes import UNUSABLE
from rpmatrix.fleet.parts import FleetError
from rpmatrix.fleet.result import assess_files, assess_frames
from rpmatrix.fleet.rollups import FleetResult
from rpmatrix.fleet.run import Progress
from rpmatrix.fleet.tables import files as fact_files
from rpmatrix.fleet.tables import judging as fact_judging
from rpmatrix.fleet.tables.columns import usual_names
from rpmatrix.inventory.facts import VmFacts
from rpmatrix.inventory.inventory import Vm
from rpmatrix.matrix.matrix import MODES

EVALUATOR = Evaluator(MATRIX)
INTEGERS = [fact.id for fact in MATRIX.facts.values() if fact.type == "integer"]
FLAGS = [fact.id for fact in MATRIX.facts.values() if fact.type == "flag"]


# --------------------------------------------------------------------------- a fleet of cases


def some_case(chance: random.Random) -> Case:
    """Make a VM that is usually clean but for a few facts."""

    def facts(grain: str) -> dict[str, Known]:
        found = {name: Known(CLEAN.get(name)) for name in facts_of_grain(grain)}
        for name in chance.sample(sorted(found), chance.choice((0, 0, 1, 2, 4))):
            found[name] = Known(chance.choice([None, *values_of(name)]))
        return found

    roles = ["os", *["data"] * chance.choice((0, 1, 1, 2, 3, 7))]
    return Case(facts("vm"), tuple(KnownDisk(role, facts("disk")) for role in roles))


def fleet_of(count: int, seed: int = 3) -> list[Case]:
    chance = random.Random(seed)
    return [some_case(chance) for _ in range(count)]


def name_of(number: int) -> str:
    return f"vm-case-{number:04}"


def told_of(case: Case, number: int) -> VmFacts:
    """Give the facts of a case under a name of its own."""
    found = vm_facts(case)
    name = name_of(number)
    vm = Vm(vm_id(name), vm_id(name).lower(), name, "rg", "sub", "westeurope", (), (), {})
    return VmFacts(vm, found.readings, found.disks)


def one_by_one(cases: Iterable[Case], evaluator: Evaluator = EVALUATOR) -> list[Verdict]:
    return [
        verdict
        for number, case in enumerate(cases)
        for verdict in evaluator.verdicts(evaluator.settle(told_of(case, number)))
    ]


def frames(cases: list[Case]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give cases as frames of plain Python objects."""
    vms = [
        {"vm_id": vm_id(name_of(number)), "name": name_of(number), "location": "West Europe"}
        | {name: known.value for name, known in case.facts.items()}
        for number, case in enumerate(cases)
    ]
    disks = [
        {"vm_id": vm_id(name_of(number)), "role": disk.role, "lun": at}
        | {"disk_id": disk_id(f"disk-{number}-{at}"), "name": f"disk-{number}-{at}"}
        | {name: known.value for name, known in disk.facts.items()}
        for number, case in enumerate(cases)
        for at, disk in enumerate(case.disks)
    ]
    return pd.DataFrame(vms, dtype=object), pd.DataFrame(disks, dtype=object)


def plain(verdict: Verdict, number: int) -> dict[str, Any]:
    """Give a verdict as a row of the table of verdicts."""
    asked = {one.fact_id for one in verdict.missing}
    gone = [disk_id(f"disk-{number}-{one.lun}") for one in verdict.exclude_disks]
    lists = {
        "exclude_disks": gone,
        "reasons": verdict.reasons,
        "caveats": verdict.caveats,
        "assumptions": verdict.assumptions,
        "missing": [fact for fact in MATRIX.facts if fact in asked],
        "rulings": verdict.rulings,
    }
    return {
        "vm_id": vm_id(verdict.vm_name),
        "vm_name": verdict.vm_name,
        "mode": verdict.mode,
        "verdict": verdict.verdict,
        "floor": verdict.floor,
        "ceiling": verdict.ceiling,
        **{name: " | ".join(found) for name, found in lists.items()},
    }


def expected(cases: list[Case], evaluator: Evaluator = EVALUATOR) -> list[dict[str, Any]]:
    found = one_by_one(cases, evaluator)
    return [plain(verdict, at // len(MODES)) for at, verdict in enumerate(found)]


def rows_of(result: FleetResult) -> list[dict[str, Any]]:
    return [
        {name: "" if cell is None else cell for name, cell in row.items()}
        for table in result.verdict_batches()
        for row in table.to_pylist()
    ]


CASES = fleet_of(120)
VMS, DISKS = frames(CASES)
EXPECTED = expected(CASES)


# --------------------------------------------------------------------------- frames of any type


def each(change: Callable[[pd.Series], Any]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.apply(lambda column: change(column))


def booleans(frame: pd.DataFrame, dtype: Any) -> pd.DataFrame:
    """Give flags as true and false."""
    flags = {name: frame[name].map({"yes": True, "no": False}) for name in FLAGS if name in frame}
    return frame.assign(**{name: one.astype(dtype) for name, one in flags.items()})


def integers(frame: pd.DataFrame, dtype: Any) -> pd.DataFrame:
    made = {name: pd.to_numeric(frame[name]).astype(dtype) for name in INTEGERS if name in frame}
    return frame.assign(**made)


def texts(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.apply(lambda column: column.map(lambda cell: None if cell is None else str(cell)))


def through_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.table({name: pa.array(texts(frame)[name]) for name in frame})


def polars(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("polars").from_arrow(through_arrow(frame))


def duckdb(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("duckdb").from_arrow(through_arrow(frame))


def one_zero(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.apply(
        lambda column: column.map({"yes": 1.0, "no": 0.0}) if column.name in FLAGS else column
    )


DOORS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "objects": lambda frame: frame,
    "object booleans": lambda frame: booleans(frame, object),
    "nullable booleans": lambda frame: booleans(frame, "boolean"),
    "arrow booleans": lambda frame: booleans(frame, pd.ArrowDtype(pa.bool_())),
    "ones and zeros": one_zero,
    "floats": lambda frame: integers(frame, float),
    "nullable integers": lambda frame: integers(frame, "Int16"),
    "arrow integers": lambda frame: integers(frame, pd.ArrowDtype(pa.int8())),
    "categories": lambda frame: frame.astype("category"),
    "strings": lambda frame: texts(frame).astype("string"),
    "pandas strings": lambda frame: texts(frame).astype("str"),
    "arrow strings": lambda frame: texts(frame).astype(pd.ArrowDtype(pa.large_string())),
    "inferred": lambda frame: frame.infer_objects().convert_dtypes(),
    "other capitals": each(
        lambda column: (
            column
            if column.name == "vm_id"
            else column.map(
                lambda cell: cell.upper() if isinstance(cell, str) and len(cell) < 40 else cell
            )
        )
    ),
    "empty texts": lambda frame: texts(frame).fillna(""),
    "what programs write for nothing": lambda frame: texts(frame).fillna("<NA>"),
    "arrow": through_arrow,
    "arrow views": lambda frame: pa.table(
        {
            name: cells.cast(pa.string_view())
            for name, cells in zip(frame, through_arrow(frame), strict=True)
        }
    ),
    "arrow dictionaries": lambda frame: pa.table(
        {
            name: cells.dictionary_encode()
            for name, cells in zip(frame, through_arrow(frame), strict=True)
        }
    ),
    "record batches": lambda frame: through_arrow(frame).to_reader(max_chunksize=7),
    "polars": polars,
    "polars, lazy": lambda frame: polars(frame).lazy(),
    "polars categories": lambda frame: polars(frame).with_columns(
        pytest.importorskip("polars").all().cast(pytest.importorskip("polars").Categorical)
    ),
    "duckdb": duckdb,
    "named by the index": lambda frame: frame.set_index("vm_id"),
    "named by one of two indexes": lambda frame: frame.assign(at=0).set_index(["at", "vm_id"]),
    "capitals in the names of columns": lambda frame: frame.rename(columns=str.upper),
    "words in the names of columns": lambda frame: frame.rename(columns=str.title),
    "a dict of lists": lambda frame: frame.to_dict("list"),
    "a list of dicts": lambda frame: frame.to_dict("records"),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_frame_gives_what_its_vms_give_one_by_one(door: str) -> None:
    change = DOORS[door]
    found = rows_of(assess_frames(change(VMS), change(DISKS), MATRIX))
    if door == "other capitals":
        for row in found:
            row["vm_name"] = row["vm_name"].lower()
    assert found == EXPECTED


def test_texts_that_many_vms_share_are_categories() -> None:
    found = assess_frames(VMS, DISKS, MATRIX).verdicts()
    assert found.astype("string").fillna("").to_dict("records") == EXPECTED
    assert found["mode"].cat.categories.tolist() == list(MODES)
    assert found["verdict"].cat.categories.tolist() == list(VERDICTS)


@pytest.mark.parametrize(
    ("strict", "answers"),
    [
        (True, {}),
        (False, {"operating_system": "sles", "max_shares": "2"}),
        (False, {f"{name_of(3)}:os_architecture": "32-bit", "os_architecture": "64-bit"}),
        (True, {f"{vm_id(name_of(5)).upper()}:security_type": "ConfidentialVM"}),
        (
            False,
            {
                f"{name_of(7)}:security_type": "ConfidentialVM",
                f"{vm_id(name_of(7))}:security_type": "Standard",
                "storage": "unmanaged",
            },
        ),
    ],
)
def test_strictness_and_answers_count_as_one_by_one(strict: bool, answers: dict[str, str]) -> None:
    open_cases = [Case({name: Known() for name in case.facts}, case.disks) for case in CASES[:10]]
    fleet_of_them = [*CASES[:40], *open_cases]
    evaluator = Evaluator(MATRIX, strict=strict, answers=answers)
    found = assess_frames(*frames(fleet_of_them), MATRIX, strict=strict, answers=answers)
    assert rows_of(found) == expected(fleet_of_them, evaluator)


def test_an_answer_that_is_no_answer_is_refused() -> None:
    with pytest.raises(AnswerError, match="did you mean"):
        assess_frames(VMS, DISKS, MATRIX, answers={"operating_sytem": "sles"})


def test_the_order_of_disks_and_the_case_of_ids_do_not_matter() -> None:
    shuffled = DISKS.sample(frac=1, random_state=5)
    shuffled["vm_id"] = shuffled["vm_id"].str.upper()
    found = rows_of(assess_frames(VMS, shuffled, MATRIX))
    for row in found:
        row["exclude_disks"] = " | ".join(sorted(row["exclude_disks"].split(" | ")))
    assert found == EXPECTED


def test_what_a_frame_does_not_tell_is_unknown() -> None:
    """A column that is missing is as one that is empty, and so is a disk that no row tells of."""
    blank = [Case({name: Known() for name in facts_of_grain("vm")}, ()) for _ in range(2)]
    ids = [vm_id(name_of(number)) for number in range(2)]
    bare = rows_of(assess_frames(pd.DataFrame({"vm_id": ids}), None, MATRIX))
    nothing = {name: Known() for name in facts_of_grain("disk")}
    unlisted = [
        Case(one.facts, (KnownDisk("os", nothing), KnownDisk("data", nothing))) for one in blank
    ]
    assert bare == expected(unlisted)
    assert {row["verdict"] for row in bare} == {"unknown"}


def test_a_vm_has_an_os_disk_whether_a_row_tells_of_it_or_not() -> None:
    clean = {name: Known(CLEAN.get(name)) for name in facts_of_grain("vm")}
    nothing = {name: Known() for name in facts_of_grain("disk")}
    data = KnownDisk("data", {name: Known(CLEAN.get(name)) for name in facts_of_grain("disk")})
    vms, disks = frames([Case(clean, (data,))])
    found = rows_of(assess_frames(vms, disks, MATRIX))
    assert found == expected([Case(clean, (KnownDisk("os", nothing), data))])


@pytest.mark.parametrize("value", ["Premium_XXL", 7.5, "Premium_LRS|Bogus_LRS", UNUSABLE, "[x]"])
def test_what_a_fact_does_not_allow_is_no_value_and_not_nothing(value: object) -> None:
    case = CASES[0]
    shown = tuple(
        KnownDisk(one.role, {**one.facts, "disk_sku": Known(shown=True)}) for one in case.disks
    )
    vms, disks = frames([case])
    found = rows_of(assess_frames(vms, disks.assign(disk_sku=value), MATRIX))
    assert found == expected([Case(case.facts, shown)])


def test_two_values_of_which_one_is_true_are_known_together() -> None:
    case = CASES[0]
    one_of = tuple(
        KnownDisk(one.role, {**one.facts, "max_shares": Known(shown=True, options=(1, 2))})
        for one in case.disks
    )
    vms, disks = frames([case])
    found = rows_of(assess_frames(vms, disks.assign(max_shares="1|2"), MATRIX))
    assert found == expected([Case(case.facts, one_of)])


FAULTS: list[tuple[Any, Any, str]] = [
    (pd.DataFrame({"name": ["a"]}), None, "no column 'vm_id', .* only name"),
    (VMS, DISKS.drop(columns="role"), "no column 'role'"),
    (VMS, DISKS.drop(columns="vm_id"), "no column 'vm_id'"),
    (pd.concat([VMS, VMS["vm_id"]], axis=1), None, "two columns are named 'vm_id'"),
    (None, None, "no frame of VMs"),
    ("vms.csv", None, "str is no frame"),
    (7, None, "int is no frame"),
]


@pytest.mark.parametrize(("vms", "disks", "told"), FAULTS)
def test_a_frame_that_is_none_is_refused_with_what_to_do(vms: Any, disks: Any, told: str) -> None:
    with pytest.raises(FleetError, match=told):
        assess_frames(vms, disks, MATRIX)


def test_rows_that_do_not_fit_are_problems_and_make_no_verdict_better() -> None:
    vms = pd.concat([VMS, VMS.head(1).assign(vm_id=None)])
    disks = DISKS.assign(role=["boot" if at == 1 else one for at, one in enumerate(DISKS["role"])])
    found = assess_frames(vms, disks, MATRIX)
    told = [(one.record, one.path) for one in found.problems]
    assert told == [("row 2", "role"), (f"row {len(vms)}", "vm_id")]
    assert found.records == len(vms) + len(disks)
    verdicts = rows_of(found)
    owner = [row["vm_id"] for row in verdicts].index(disks["vm_id"].iloc[1])
    changed = verdicts[owner : owner + 2]
    assert all(row["verdict"] in ("unknown", "not_supported") for row in changed)
    assert verdicts[:owner] == EXPECTED[:owner]
    assert verdicts[owner + 2 :] == EXPECTED[owner + 2 :]


def test_disks_of_nobody_are_noted() -> None:
    stray = DISKS.head(2).assign(vm_id="/subscriptions/none")
    found = assess_frames(VMS, pd.concat([DISKS, stray]), MATRIX)
    assert found.notes == ("2 disks belong to no VM among those given",)
    assert rows_of(found) == EXPECTED


# --------------------------------------------------------------------------- what they add up to


def counted(*names: str) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[name] for name in names) for row in EXPECTED)


def test_counts_are_those_of_the_verdicts() -> None:
    found = assess_frames(VMS, DISKS, MATRIX)
    by_mode = found.by("mode").stack()
    assert {key: n for key, n in by_mode.items() if n} == dict(counted("mode", "verdict"))
    by_region = found.by("region").stack()
    assert {key[1:]: n for key, n in by_region.items() if n} == dict(counted("mode", "verdict"))
    assert {key[0] for key in by_region.index} == {"westeurope"}
    assert {key[0] for key in found.by("subscription").index} == {vm_id().split("/")[2]}
    reasons = Counter(
        (row["mode"], row["verdict"], one)
        for row in EXPECTED
        for one in filter(None, row["reasons"].split(" | "))
    )
    told = found.reasons()
    assert {tuple(row[:3]): row[3] for row in told.itertuples(index=False)} == dict(reasons)
    assert told["vms"].is_monotonic_decreasing
    with pytest.raises(ValueError, match="not 'country'"):
        found.by("country")


def test_what_first_names_the_fact_and_the_exclusion_that_help_most() -> None:
    told = assess_frames(VMS, DISKS, MATRIX).what_first()
    for kind, column, verdict in (
        ("fact", "missing", "unknown"),
        ("exclusion", "reasons", "exclude_disks"),
    ):
        rows = [row for row in EXPECTED if row["verdict"] == verdict]
        alone = Counter((row[column], row["mode"]) for row in rows if " | " not in row[column])
        mine = told[(told["kind"] == kind) & (told["alone"] > 0)]
        found = {(row.id, row.mode): row.alone for row in mine.itertuples()}
        if kind == "fact":
            assert found == {key: n for key, n in alone.items() if key[0]}
        else:
            assert {key: found[key] for key in alone} == alone
    assert told["how"].str.len().min() > 0
    assert told["alone"].is_monotonic_decreasing
    assert (told["touched"] >= told["alone"]).all()


def test_sets_are_protected_together_or_not() -> None:
    clean = {name: Known(CLEAN.get(name)) for name in facts_of_grain("vm")}
    good_disk = KnownDisk("os", {name: Known(CLEAN.get(name)) for name in facts_of_grain("disk")})
    good = Case(clean, (good_disk,))
    bad = Case({**clean, "security_type": Known("ConfidentialVM")}, (good_disk,))
    open_one = Case({**clean, "security_type": Known()}, (good_disk,))
    cases = [good, good, good, bad, good, open_one, bad, bad]
    sets = ["/as/one", "/AS/ONE", "/as/two", "/as/two", "/as/three", "/as/three", "/as/four", None]
    vms, disks = frames(cases)
    told = assess_frames(vms.assign(availability_set_id=sets), disks, MATRIX).groups()
    crash = told[told["mode"] == "crash"].set_index("group_id")["protected"].to_dict()
    assert crash == {
        "/as/one": "all",
        "/as/two": "some",
        "/as/three": "unknown",
        "/as/four": "none",
    }


def test_a_subscription_that_needs_too_many_collections_is_told() -> None:
    (row,) = [one for one in MATRIX.table("limits") if one["scope"] == "subscription_region"]
    many = int(row["value"]) + 1
    clean = {name: CLEAN.get(name) for name in facts_of_grain("vm")}
    ids = [vm_id(f"vm-{number}") for number in range(many)]
    vms = pd.DataFrame({"vm_id": ids, "location": "westeurope", **clean})
    disks = pd.DataFrame(
        {"vm_id": ids, "role": "os"} | {n: CLEAN.get(n) for n in facts_of_grain("disk")}
    )
    for count, state in ((many - 1, "within"), (many, "exceeded")):
        found = assess_frames(vms.head(count), disks.head(count), MATRIX)
        assert found.limits()[["needed", "state"]].values.tolist() == [[count, state]]


# --------------------------------------------------------------------------- files


def write(frame: pd.DataFrame, path: Path, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = through_arrow(frame)
    if path.name.endswith(".parquet"):
        pq.write_table(table, path, **more)
    elif path.name.endswith(".zst"):
        with pa.output_stream(str(path), compression="zstd") as stream:
            stream.write(frame.to_csv(index=False).encode())
    else:
        frame.to_csv(path, index=False)
    return path


FORMS = ["parquet", "csv", "csv.gz", "csv.zst", "csv.bz2"]


@pytest.mark.parametrize("form", FORMS)
def test_files_give_what_frames_give(form: str, tmp_path: Path) -> None:
    paths = [write(VMS, tmp_path / f"vms.{form}"), write(DISKS, tmp_path / f"disks.{form}")]
    assert rows_of(assess_files(paths, MATRIX)) == EXPECTED
    assert rows_of(assess_files(tmp_path, MATRIX)) == EXPECTED
    assert rows_of(assess_files(str(tmp_path / f"*.{form}"), MATRIX)) == EXPECTED


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("change", [str.upper, str.title])
def test_files_may_name_their_columns_in_other_letters(
    change: Callable[[str], str], form: str, tmp_path: Path
) -> None:
    for frame, name in ((VMS, "vms"), (DISKS, "disks")):
        write(frame.rename(columns=change), tmp_path / f"{name}.{form}")
    assert rows_of(assess_files(tmp_path, MATRIX)) == EXPECTED


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_judging, "PART", 16)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("groups", [5, 16, 64])
@pytest.mark.parametrize("order", ["in order", "out of order", "far out of order", "missing"])
def test_parts_give_what_the_whole_gives(order: str, groups: int, tmp_path: Path) -> None:
    disks = DISKS
    if order == "out of order":
        disks = disks.sample(frac=1, random_state=2)
    if order == "far out of order":
        disks = pd.concat([disks.tail(10), disks.head(-10)])
    if order == "missing":
        disks = disks[disks["vm_id"].str[-2:] != "17"]
    paths = [
        write(VMS, tmp_path / "vms.parquet", row_group_size=groups),
        write(disks, tmp_path / "disks.parquet", row_group_size=groups),
    ]
    whole = rows_of(assess_frames(VMS, disks.sort_values(["vm_id", "lun"]), MATRIX))
    found = rows_of(assess_files(paths, MATRIX))
    for row in (*whole, *found):
        row["exclude_disks"] = " | ".join(sorted(row["exclude_disks"].split(" | ")))
    assert found == whole


def test_partitions_are_read_pair_by_pair(tmp_path: Path) -> None:
    ids = VMS["vm_id"].tolist()
    for number in range(4):
        mine = ids[number * 30 : number * 30 + 30]
        write(VMS[VMS["vm_id"].isin(mine)], tmp_path / "vms" / f"part-{number}.parquet")
        write(DISKS[DISKS["vm_id"].isin(mine)], tmp_path / "disks" / f"part-{number}.parquet")
    out = tmp_path / "out"
    inputs = [tmp_path / "vms", tmp_path / "disks"]
    assert rows_of(assess_files(inputs, MATRIX, out=out)) == EXPECTED
    names = sorted(path.name for path in (out / "verdicts").iterdir())
    assert names == [f"{number:05}-00000.parquet" for number in range(4)]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_folder_holds_verdicts_findings_and_problems(form: str, tmp_path: Path) -> None:
    paths = [write(VMS, tmp_path / "vms.csv"), write(DISKS, tmp_path / "disks.csv")]
    held = assess_files(paths, MATRIX)
    written = assess_files(paths, MATRIX, out=tmp_path / "out", form=form)
    assert rows_of(written) == EXPECTED
    assert written.summary == held.summary
    assert len(written.findings()) == len(held.findings())
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"verdicts", "findings", "parts", "problems.csv", "summary.json"}


@pytest.mark.parametrize("name", ["fleet.parquet", "fleet.csv"])
def test_a_file_holds_the_verdicts_and_nothing_else_is_left(name: str, tmp_path: Path) -> None:
    paths = [write(VMS, tmp_path / "in" / "vms.csv"), write(DISKS, tmp_path / "in" / "disks.csv")]
    written = assess_files(paths, MATRIX, out=tmp_path / name)
    assert rows_of(written) == EXPECTED
    assert {path.name for path in tmp_path.iterdir()} == {"in", name}
    with pytest.raises(FleetError, match="name a folder"):
        written.findings()


class _StopError(Exception):
    pass


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("after", [1, 3, 7])
def test_an_interrupted_run_goes_on_where_it_stopped(after: int, tmp_path: Path) -> None:
    paths = [
        write(VMS, tmp_path / "vms.parquet", row_group_size=16),
        write(DISKS, tmp_path / "disks.parquet", row_group_size=32),
    ]
    told: list[Progress] = []

    def stop(progress: Progress) -> None:
        told.append(progress)
        if len(told) == after:
            raise _StopError

    out = tmp_path / "out"
    with pytest.raises(_StopError):
        assess_files(paths, MATRIX, out=out, progress=stop)
    whole = {path: path.stat().st_mtime_ns for path in (out / "verdicts").glob("*.parquet")}
    assert not list(out.rglob("*.unfinished"))
    again = assess_files(paths, MATRIX, out=out)
    assert rows_of(again) == EXPECTED
    assert again.summary == assess_files(paths, MATRIX).summary
    kept = [path for path, written in whole.items() if path.stat().st_mtime_ns == written]
    assert len(kept) >= after - 1


def test_a_finished_run_is_not_repeated_and_another_one_is_not_mixed_in(tmp_path: Path) -> None:
    stray = DISKS.head(1).assign(vm_id="/subscriptions/none")
    paths = [write(VMS, tmp_path / "vms.csv"), write(pd.concat([DISKS, stray]), tmp_path / "d.csv")]
    out = tmp_path / "out"
    first = assess_files(paths, MATRIX, out=out)
    (written,) = (out / "verdicts").iterdir()
    stamp = written.stat().st_mtime_ns
    second = assess_files(paths, MATRIX, out=out)
    assert written.stat().st_mtime_ns == stamp
    assert (second.summary, second.notes, second.problems, second.records) == (
        (first.summary, first.notes, first.problems, first.records)
    )
    strict = assess_files(paths, MATRIX, out=out, strict=True)
    evaluator = Evaluator(MATRIX, strict=True)
    assert rows_of(strict) == expected(CASES, evaluator)


def test_progress_rises_to_the_whole(tmp_path: Path) -> None:
    paths = [write(VMS, tmp_path / "vms.csv"), write(DISKS, tmp_path / "disks.csv")]
    told: list[Progress] = []
    assess_files(paths, MATRIX, progress=told.append)
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert (told[-1].vms, told[-1].share) == (len(VMS), 1)
    assert str(told[-1]) == f"{len(VMS)} VMs, 100%"
    assert str(Progress(5_000, 0, 0.25, 3)) == "5,000 VMs, 25%, 9 s left"


@pytest.mark.parametrize(
    ("name", "told"), [("nowhere", "no file or folder"), ("*.csv", "no file to read")]
)
def test_inputs_that_are_not_there_are_told(name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=told):
        assess_files(tmp_path / name, MATRIX)


def test_a_table_of_disks_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no file tells of VMs"):
        assess_files(write(DISKS, tmp_path / "disks.csv"), MATRIX)


def test_a_table_gives_no_cell_that_a_spreadsheet_would_run(tmp_path: Path) -> None:
    path = write(VMS.head(1).assign(name="=1+1"), tmp_path / "vms.csv")
    written = assess_files(path, MATRIX, out=tmp_path / "fleet.csv")
    assert {row["vm_name"] for row in rows_of(written)} == {"'=1+1"}


# --------------------------------------------------------------------------- frames of records


RECORDS = [azure.to_resource_graph(one) for one in estate(random.Random(21), 15)]


def in_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Give objects and lists as JSON texts."""
    return frame.map(lambda one: json.dumps(one) if isinstance(one, (dict, list)) else one)


def in_structs(rows: list[Any]) -> pa.Table:
    return pa.Table.from_pylist(rows)


def in_views(rows: list[Any]) -> pa.Table:
    table = in_structs(rows)
    columns = [
        one.cast(pa.string_view()) if pa.types.is_string(one.type) else one for one in table.columns
    ]
    return pa.table(columns, names=table.column_names)


RECORD_FRAMES: dict[str, Callable[[list[Any]], Any]] = {
    "a list": list,
    "a dict of columns": lambda rows: pd.DataFrame(rows).to_dict("list"),
    "pandas": pd.DataFrame,
    "pandas, texts": lambda rows: in_texts(pd.DataFrame(rows)),
    "pandas, categories": lambda rows: in_texts(pd.DataFrame(rows)).astype("category"),
    "pandas, strings": lambda rows: in_texts(pd.DataFrame(rows)).astype("string"),
    "pandas, other letters": lambda rows: pd.DataFrame(rows).rename(columns=str.upper),
    "pandas, shuffled columns": lambda rows: pd.DataFrame(rows).sort_index(axis=1),
    "pandas, Arrow types": lambda rows: in_structs(rows).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas, arrays": lambda rows: in_structs(rows).to_pandas(),
    "Arrow": in_structs,
    "Arrow, views": in_views,
    "Polars": lambda rows: polars(in_texts(pd.DataFrame(rows)).astype("string")),
    "DuckDB": lambda rows: duckdb(in_texts(pd.DataFrame(rows)).astype("string")),
}


@pytest.mark.parametrize("door", RECORD_FRAMES)
def test_a_frame_of_records_gives_what_they_give_one_by_one(door: str) -> None:
    expected_rows = rows_of_vms(rp.assess(rp.read_inventory(RECORDS)))
    result = rp.assess(RECORD_FRAMES[door](RECORDS))
    assert rows_of_fleet(result) == expected_rows
    assert not result.problems
    assert result.counts["vms"] == len(expected_rows) / len(MODES)


def test_vms_and_disks_may_come_in_two_frames_of_records() -> None:
    kinds = [one["type"].endswith("virtualmachines") for one in RECORDS]
    vms = [one for one, vm in zip(RECORDS, kinds, strict=True) if vm]
    others = [one for one, vm in zip(RECORDS, kinds, strict=True) if not vm]
    expected_rows = rows_of_vms(rp.assess(rp.read_inventory(vms, others)))
    assert rows_of_fleet(rp.assess(pd.DataFrame(vms), pd.DataFrame(others))) == expected_rows


def test_a_choice_of_columns_makes_no_verdict_better() -> None:
    """A column that was left out is not known to be at its default."""
    flat = [azure.to_cli(azure.vm(f"vm-{number}")) for number in range(3)]
    chosen = pd.DataFrame(flat)[["id", "name", "hardwareProfile", "storageProfile"]]
    assert {row[3] for row in rows_of_fleet(rp.assess(flat))} == {"supported"}
    assert {row[3] for row in rows_of_fleet(rp.assess(chosen))} == {"unknown"}


def test_numbers_in_a_column_with_gaps_stay_numbers() -> None:
    disk = azure.to_resource_graph(azure.disk(maxShares=2))
    frame = pd.DataFrame([{**disk, "maxShares": 2.0}, {**disk, "id": disk["id"] + "-b"}])
    vm = azure.to_resource_graph(azure.vm("vm-a", data=[azure.data_disk(0)]))
    whole = rows_of_vms(rp.assess(rp.read_inventory([vm, disk])))
    assert rows_of_fleet(rp.assess([vm], frame.to_dict("records")[:1])) == whole


def test_a_row_that_is_no_record_is_a_problem_of_its_frame() -> None:
    result = rp.assess(pd.DataFrame([*RECORDS[:1], {"id": "x", "properties": "{cut"}]))
    assert [(one.file, one.record, one.path) for one in result.problems] == [
        ("frame 1", "row 2", "properties")
    ]


def test_facts_and_records_are_not_mixed_in_frames() -> None:
    with pytest.raises(FleetError, match="one frame is a table of facts"):
        rp.assess(VMS, RECORDS)


def test_the_records_of_one_vm_are_found_in_a_frame() -> None:
    result = rp.assess(pd.DataFrame(RECORDS))
    rows = rows_of_fleet(result)
    inventory = result.inventory_of(rows[0][0])
    assert rows_of_vms(rp.assess(inventory)) == rows[: len(MODES)]


def test_the_same_door_takes_facts_and_an_inventory() -> None:
    assert rows_of(rp.assess(VMS, DISKS, MATRIX)) == EXPECTED
    inventory = rp.read_inventory(RECORDS)
    assert rp.assess(inventory, MATRIX).verdicts == rp.assess(inventory, matrix=MATRIX).verdicts


def test_a_line_with_too_many_cells_is_a_problem_and_the_others_count(tmp_path: Path) -> None:
    path = write(VMS, tmp_path / "vms.csv")
    lines = path.read_text().splitlines()
    lines[2] += ",one,two"
    path.write_text("\n".join(lines))
    result = assess_files(path, MATRIX)
    assert result.summary.vms == len(VMS) - 1
    (problem,) = result.problems
    assert (problem.file, problem.record) == (str(path), "row 3")
    assert "cells" in problem.message


@pytest.mark.parametrize("block", [50, 700, 4 << 20])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_table_is_read_in_blocks_of_any_size(
    block: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(VMS, tmp_path / "vms.csv")
    expected = assess_files(path, MATRIX).verdicts()
    path.write_text(path.read_text().rstrip("\n") + end)
    monkeypatch.setattr(fact_files, "_BLOCK_OF_LINES", block)
    pd.testing.assert_frame_equal(assess_files(path, MATRIX).verdicts(), expected)


# --- tables as people make them ---------------------------------------------------------------

TABLE = (
    "vm_id,name,location,security_type\na,Grün,westeurope,Standard\nb,x,westeurope,ConfidentialVM\n"
)
ODD_TABLES = {
    "semicolons": TABLE.replace(",", ";").encode(),
    "tabs": TABLE.replace(",", "\t").encode(),
    "bars": TABLE.replace(",", "|").encode(),
    "a mark at the start": TABLE.encode("utf-8-sig"),
    "an encoding of Windows": TABLE.encode("cp1252"),
    "ends of lines of Windows": TABLE.replace("\n", "\r\n").encode(),
    "old ends of lines": TABLE.replace("\n", "\r").encode(),
    "capitals in the header": TABLE.replace("vm_id", "VM_ID").replace("type", "TYPE").encode(),
    "words in the header": TABLE.replace("vm_id", " Vm_Id ").replace("secu", "Secu").encode(),
    "text of a spreadsheet": TABLE.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, the other way round": b"\xfe\xff" + TABLE.encode("utf-16-be"),
    "a comma in a name of a column": TABLE.replace("name", '"name, as told"', 1).encode(),
}


@pytest.mark.parametrize("name", list(ODD_TABLES))
def test_a_table_of_facts_is_read_as_spreadsheets_write_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "usual.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "odd.csv").write_bytes(ODD_TABLES[name])
    usual, odd = (assess_files(tmp_path / f"{one}.csv", MATRIX) for one in ("usual", "odd"))
    assert odd.problems == ()
    assert odd.verdicts()["verdict"].tolist() == usual.verdicts()["verdict"].tolist()
    if "comma" not in name:
        assert odd.verdicts()["vm_name"].tolist() == ["Grün", "Grün", "x", "x"]


@pytest.mark.parametrize("name", ["text of a spreadsheet", "tabs"])
def test_a_table_of_facts_may_be_called_a_text(name: str, tmp_path: Path) -> None:
    (tmp_path / "vms.txt").write_bytes(ODD_TABLES[name])
    (tmp_path / "vms.txt.gz").write_bytes(gzip.compress(ODD_TABLES[name]))
    for path in tmp_path.iterdir():
        found = assess_files(path, MATRIX)
        assert found.problems == ()
        assert found.by("mode").loc["crash", "not_supported"] == 1


def test_a_table_that_ends_within_a_letter_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "vms.csv").write_bytes(ODD_TABLES["text of a spreadsheet"][:-1])
    with pytest.raises(FleetError, match=r"vms\.csv cannot be read .*; write it again"):
        assess_files(tmp_path / "vms.csv", MATRIX)


MISTYPED = {
    "securty_type": "did you mean 'security_type'?",
    "Operating System": "did you mean 'operating_system'?",
    "names": "did you mean 'name'?",
    "disk_sku": "this is a fact of disks, and not read from a table of VMs",
    "cost_centre": "",
    "os_version": "",
}


@pytest.mark.parametrize("form", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("column", MISTYPED)
def test_a_column_that_is_almost_a_fact_is_told_of(column: str, form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"vm_id": ["a", "b"], column: ["x", "y"]})
    path = tmp_path / f"vms.{form}"
    found = rp.assess(frame) if form == "frame" else assess_files(write(frame, path))
    where = "" if form == "frame" else str(path)
    told = [(one.file, one.record, one.path.lower()) for one in found.problems]
    assert told == ([(where, "", column.lower())] if MISTYPED[column] else [])
    assert MISTYPED[column] in "".join(one.message for one in found.problems)
    assert found.summary.vms == 2


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"disk_skus": "x"}, "did you mean 'disk_sku'?"),
        ({"disk_skus": "x", "disk_sku": "Premium_LRS"}, ""),
        (
            {"security_type": "Standard"},
            "this is a fact of VMs, and not read from a table of disks",
        ),
        ({"location": "westeurope"}, ""),
    ],
)
def test_a_column_of_disks_that_is_not_read_is_told_of(columns: dict[str, str], told: str) -> None:
    disks = pd.DataFrame({"vm_id": ["a"], "role": ["os"], **{k: [v] for k, v in columns.items()}})
    found = rp.assess(pd.DataFrame({"vm_id": ["a"]}), disks)
    assert len(found.problems) == bool(told)
    assert told in "".join(one.message for one in found.problems)


def test_two_columns_that_differ_in_case_alone_are_left_as_they_are() -> None:
    assert usual_names(["VM_ID", " Name", "name", "Lun"]) == ["vm_id", " Name", "name", "lun"]


@pytest.mark.parametrize("form", ["csv", "parquet", "frame"])
def test_a_cell_that_its_fact_does_not_allow_is_told_of_once(form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "vm_id": ["a", "b", "c", "d"],
            "security_type": ["none", "none", "", "confidentialvm"],
        }
    )
    path = tmp_path / f"vms.{form}"
    found = rp.assess(frame) if form == "frame" else assess_files(write(frame, path))
    where = "" if form == "frame" else str(path)
    (problem,) = found.problems
    assert (problem.file, problem.record, problem.path) == (where, "", "security_type")
    assert "'none' is no value of this fact" in problem.message
    assert found.by("mode").loc["crash", "not_supported"] == 1


def test_ids_may_be_categories() -> None:
    frames = [frame.astype("category") for frame in (VMS, DISKS.iloc[2:])]
    plain = assess_frames(VMS, DISKS.iloc[2:], MATRIX)
    assert rows_of(assess_frames(*frames, MATRIX)) == rows_of(plain)


def test_a_frame_of_no_vm_gives_tables_with_columns() -> None:
    found = assess_frames(VMS.head(0), DISKS.head(0), MATRIX)
    assert found.summary.vms == 0
    assert list(found.verdicts().columns) == list(assess_frames(VMS, DISKS).verdicts().columns)


def test_disks_that_no_row_tells_of_are_not_counted() -> None:
    vms = pd.DataFrame({"vm_id": ["a", "b", "c"]})
    disks = pd.DataFrame(
        {
            "vm_id": ["a", "a", "b", "b"],
            "role": ["os", "data", "os", "data"],
            "listed": ["yes", "yes", "yes", "no"],
        }
    )
    assert assess_frames(vms).summary.disks == 0
    assert assess_frames(vms, disks).summary.disks == 3


def test_a_folder_that_cannot_be_looked_into_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(VMS, tmp_path / "vms.csv")
    (tmp_path / "locked").mkdir()
    looked = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FleetError, match=r"cannot look into the folder .*locked"):
        assess_files(tmp_path, MATRIX)


# --- what is written is what is held ------------------------------------------------------------


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_is_written_of_disks_out_of_order_is_right(form: str, tmp_path: Path) -> None:
    """Their order shows late: what was written until then lacks disks."""
    late = pd.concat([DISKS.iloc[40:], DISKS.iloc[:40]])
    paths = [
        write(VMS, tmp_path / "vms.parquet", row_group_size=16),
        write(late, tmp_path / "disks.parquet", row_group_size=64),
    ]
    told: list[Progress] = []
    out = tmp_path / "out"
    for _ in range(2):  # the second time nothing is left to do
        result = assess_files(paths, MATRIX, out=out, form=form, progress=told.append)
        assert rows_of(result) == EXPECTED
        assert result.summary.disks == assess_frames(VMS, DISKS, MATRIX).summary.disks
        assert told[-1].share == pytest.approx(1)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("lost", ["verdicts", "findings", "parts"])
def test_a_part_of_which_something_is_lost_is_written_again(lost: str, tmp_path: Path) -> None:
    paths = [
        write(VMS, tmp_path / "vms.parquet", row_group_size=16),
        write(DISKS, tmp_path / "disks.parquet"),
    ]
    out = tmp_path / "out"
    assess_files(paths, MATRIX, out=out)
    one = sorted((out / lost).iterdir())[1]
    one.write_bytes(b"") if lost == "parts" else one.unlink()
    assert rows_of(assess_files(paths, MATRIX, out=out)) == EXPECTED
    assert len(assess_files(paths, MATRIX, out=out).findings()) == len(
        assess_files(paths, MATRIX).findings()
    )


@pytest.mark.usefixtures("small_parts")
def test_names_stay_texts_in_csv(tmp_path: Path) -> None:
    names = ["0012", "NULL", "nan", "1e5", *(f"vm-{number}" for number in range(20))]
    vms = pd.DataFrame({"vm_id": [vm_id(name) for name in names], "name": names})
    for out in (tmp_path / "verdicts.csv", tmp_path / "folder"):
        result = assess_files(write(vms, tmp_path / "vms.csv"), MATRIX, out=out, form="csv")
        assert result.verdicts()["vm_name"].tolist() == [name for name in names for _ in MODES]


def test_a_file_that_is_gone_is_named_when_more_of_it_is_asked_for(tmp_path: Path) -> None:
    paths = [write(VMS, tmp_path / "vms.parquet"), write(DISKS, tmp_path / "disks.parquet")]
    result = assess_files(paths, MATRIX)
    paths[1].unlink()
    with pytest.raises(FleetError, match=r"disks\.parquet cannot be read"):
        result.verdicts()


def test_disks_in_files_of_several_forms_are_read_together(tmp_path: Path) -> None:
    half = DISKS["vm_id"].isin(VMS["vm_id"].iloc[: len(VMS) // 2])
    paths = [
        write(VMS, tmp_path / "vms.parquet"),
        write(DISKS[half], tmp_path / "disks-a.parquet"),
        write(DISKS[~half], tmp_path / "disks-b.csv"),
    ]
    assert rows_of(assess_files(paths, MATRIX)) == EXPECTED


# --- lines that are no rows ---------------------------------------------------------------------


def lines_of_vms(count: int) -> list[str]:
    return ["vm_id,name,security_type", *(f"id-{n},vm-{n},Standard" for n in range(count))]


@pytest.mark.parametrize("block", [100, 4 << 20])
@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ('id-7,vm-7,"Standard', True),
        ('id-7,"vm-7,Standard', True),
        ('"id-7,vm-7,Standard', True),
        ('id-7,"vm"-7,Standard', False),
        ('id-7,vm-7 5",Standard', False),
        ('id-7,"vm-7, ""old""",Standard', False),
        ('id-7,"vm-7\nin two lines",Standard', False),
    ],
)
def test_a_quote_that_is_not_closed_takes_no_other_row_along(
    line: str, lost: bool, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lines_of_vms(40)
    lines[8] = line
    path = tmp_path / "vms.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    if "\n" not in line:  # a cell that a block ends in is lost, and told of
        monkeypatch.setattr(fact_files, "_BLOCK_OF_LINES", block)
    result = assess_files(path, MATRIX)
    assert result.summary.vms == 40 - len(result.problems)
    assert {one.record for one in result.problems} <= {"row 9"}
    if block > 100:  # or else the quote may be closed by the end of the block
        assert len(result.problems) == lost


def test_rows_are_told_by_their_lines(tmp_path: Path) -> None:
    lines = lines_of_vms(4)
    lines[2:2] = ["", "too short"]
    lines[5] = ",vm-2,Standard"
    lines.append("short,too")
    path = tmp_path / "vms.csv"
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    result = assess_files(path, MATRIX)
    assert [one.record for one in result.problems] == ["row 4", "row 6", "row 8"]
    assert (result.summary.vms, result.records) == (3, 6)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_role_that_is_none_is_a_problem_in_files_too(form: str, tmp_path: Path) -> None:
    disks = DISKS.copy()
    disks.loc[3, "role"] = "temporary"
    for frame, name in ((VMS, "vms"), (disks, "disks")):
        write(frame, tmp_path / f"{name}.{form}")
    (problem,) = assess_files(tmp_path, MATRIX).problems
    assert (problem.path, "temporary" in problem.message) == ("role", True)


def test_frames_may_have_unused_categories_and_empty_chunks() -> None:
    roles = pd.Categorical(DISKS["role"], categories=["os", "data", "temporary"])
    assert rows_of(assess_frames(VMS, DISKS.assign(role=roles), MATRIX)) == EXPECTED
    disks = pa.Table.from_pandas(DISKS.astype("string"), preserve_index=False)
    chunked = pa.concat_tables([disks.slice(0, 0), disks.slice(0, 7), disks.slice(7)])
    assert rows_of(assess_frames(VMS, chunked, MATRIX)) == EXPECTED


# --- disks that lie elsewhere, names that are not unique ------------------------------------------


@pytest.mark.parametrize("held", [True, False], ids=["held", "written"])
def test_disks_in_a_file_named_like_other_vms_are_found(held: bool, tmp_path: Path) -> None:
    half = len(VMS) // 2
    ids = VMS["vm_id"]
    write(VMS[:half], tmp_path / "in" / "vms" / "1.parquet")
    write(VMS[half:], tmp_path / "in" / "vms" / "2.parquet")
    first = DISKS["vm_id"].isin(ids[:half])
    of_data = DISKS["role"] == "data"
    owners = [DISKS["vm_id"][of_data & mine].iloc[0] for mine in (first, ~first)]
    astray = DISKS["vm_id"].isin(owners) & of_data
    write(DISKS[first ^ astray], tmp_path / "in" / "disks" / "1.parquet")
    write(DISKS[~first ^ astray], tmp_path / "in" / "disks" / "2.parquet")
    assert astray.sum() > 1
    out = None if held else tmp_path / "out"
    for _ in range(2):  # the second time all of it is there
        result = assess_files(tmp_path / "in", MATRIX, out=out)
        assert rows_of(result) == EXPECTED
        assert result.summary.disks_without_vm == 0
    assert held or len(list((tmp_path / "out" / "verdicts").iterdir())) == 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_rows_of_a_run_that_was_stopped_are_no_part_of_the_next_one(
    form: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    paths = [write(VMS, tmp_path / "vms.parquet"), write(DISKS, tmp_path / "disks.parquet")]
    assess_files(paths, MATRIX, out=out, form=form)
    for record in (out / "parts").iterdir():  # it was stopped before it noted what it wrote
        record.unlink()
    few = write(VMS.head(2), tmp_path / "few.parquet")
    assert len(assess_files(few, MATRIX, out=out).verdicts()) == 4


@pytest.mark.parametrize("label", ["/d/quorum", None])
def test_vms_may_lose_disks_of_one_name(label: str | None) -> None:
    of_vm, of_disk = (
        {name: Known(CLEAN.get(name)) for name in facts_of_grain(grain)} for grain in ("vm", "disk")
    )
    shared = KnownDisk("data", {**of_disk, "max_shares": Known(2)})
    vms, disks = frames([Case(of_vm, (KnownDisk("os", of_disk), shared))] * 2)
    disks.loc[disks["role"] == "data", "disk_id"] = label
    told = assess_frames(vms, disks, MATRIX).verdicts()["exclude_disks"].tolist()
    assert told == ["/d/quorum"] * 4 if label else len(set(told)) == 2


@pytest.mark.parametrize("end", ["/", " ", "\t", "\u00a0"])
def test_what_stands_around_an_id_does_not_part_disks_from_their_vm(end: str) -> None:
    disks = DISKS.assign(vm_id=DISKS["vm_id"].str.upper() + end)
    assert rows_of(assess_frames(VMS, disks, MATRIX)) == EXPECTED


# --- columns of odd types, headers of odd forms ---------------------------------------------------


def as_type(kind: pa.DataType) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    return lambda column: column.cast(kind)


def in_a_struct(column: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = column.combine_chunks()
    return pa.chunked_array([pa.StructArray.from_arrays([whole], ["value"])])


ODD_TYPES: dict[str, tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]]] = {
    "role as bytes": ("role", as_type(pa.binary())),
    "role in a view": ("role", as_type(pa.string_view())),
    "id in a view": ("vm_id", as_type(pa.string_view())),
    "id of a disk in a view": ("disk_id", as_type(pa.string_view())),
    "lun with a point": ("lun", as_type(pa.float64())),
    "lun as a decimal": ("lun", as_type(pa.decimal128(20, 0))),
    "lun as a text": ("lun", as_type(pa.string())),
    "name in a struct": ("name", in_a_struct),
}


@pytest.mark.parametrize("odd", ODD_TYPES)
@pytest.mark.parametrize("carrier", ["frame", "file"])
def test_columns_of_odd_types_tell_the_same(odd: str, carrier: str, tmp_path: Path) -> None:
    name, change = ODD_TYPES[odd]
    disks = pa.Table.from_pandas(DISKS.astype("string"), preserve_index=False)
    disks = disks.set_column(
        disks.column_names.index("lun"), "lun", pa.array(DISKS["lun"].tolist(), pa.int64())
    )
    table = disks.set_column(disks.column_names.index(name), name, change(disks[name]))
    if carrier == "frame":
        result = assess_frames(VMS, table, MATRIX)
    else:
        pq.write_table(table, tmp_path / "disks.parquet")
        result = assess_files([write(VMS, tmp_path / "vms.parquet"), tmp_path], MATRIX)
    assert rows_of(result) == EXPECTED
    luns = result.findings()["lun"].dropna()
    assert set(luns) <= set(range(64))
    assert len(luns) == len(assess_frames(VMS, DISKS, MATRIX).findings()["lun"].dropna())


@pytest.mark.parametrize("name", ["disk_sku", "caching"])
def test_a_fact_that_is_no_text_is_not_known(name: str, tmp_path: Path) -> None:
    disks = pa.Table.from_pandas(DISKS.astype("string"), preserve_index=False)
    table = disks.set_column(disks.column_names.index(name), name, in_a_struct(disks[name]))
    pq.write_table(table, tmp_path / "disks.parquet")
    result = assess_files([write(VMS, tmp_path / "vms.parquet"), tmp_path], MATRIX)
    unknown = assess_frames(VMS, DISKS.assign(**{name: UNUSABLE}), MATRIX)
    assert rows_of(result) == rows_of(unknown)


@pytest.mark.parametrize(
    ("above", "header"),
    [
        ("sep=;\n", "vm_id;name;security_type"),
        ('"sep=;"\n', "vm_id;name;security_type"),
        ("\n\n", "vm_id,name,security_type"),
        ("", "\tvm_id\tname\tsecurity_type"),
        ("", "vm_id\tname\tsecurity_type\t"),
    ],
)
def test_headers_are_found_where_they_stand(above: str, header: str, tmp_path: Path) -> None:
    sign = header.strip("\tvm_id")[0] if "\t" not in header else "\t"
    told = {"vm_id": "/s/a", "name": "a", "security_type": "ConfidentialVM", "": "0"}
    row = sign.join(told[name] for name in header.split(sign))
    path = tmp_path / "vms.csv"
    path.write_text(f"{above}{header}\n{row}\nshort\n", encoding="utf-8")
    result = assess_files(path, MATRIX)
    assert {verdict["verdict"] for verdict in rows_of(result)} == {"not_supported"}
    lines = above.count("\n") + 3
    assert [problem.record for problem in result.problems] == [f"row {lines}"]


@pytest.mark.parametrize("form", ["parquet", "csv", "frame"])
def test_two_columns_of_one_name_are_refused(form: str, tmp_path: Path) -> None:
    disks = DISKS.assign(DISK_SKU="Premium_LRS")
    judge: Callable[[], FleetResult] = partial(assess_frames, VMS, disks, MATRIX)
    if form != "frame":
        files = [write(VMS, tmp_path / "vms.csv"), write(disks, tmp_path / f"disks.{form}")]
        judge = partial(assess_files, files, MATRIX)
    with pytest.raises(FleetError, match="two columns are called 'disk_sku'"):
        judge()


def test_a_line_of_an_old_spreadsheet_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    ids = ["/s/größe", "/s/b", "/s/c"]
    lines = ["vm_id,name", *(f"{one},x" for one in ids)]
    content = "\n".join(lines).encode() + "\n/s/d,größe".encode("cp1252")
    (tmp_path / "vms.csv").write_bytes(content)
    told = assess_files(tmp_path / "vms.csv", MATRIX).verdicts()
    assert told["vm_id"].unique().tolist() == [*ids, "/s/d"]
    assert told["vm_name"].tolist()[-1] == "größe"


@pytest.mark.parametrize("block", [200, 1000, 5000])
def test_cells_of_several_lines_are_whole_where_blocks_end(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fact_files, "_BLOCK_OF_LINES", block)
    lines = lines_of_vms(200)
    for at in range(1, 201, 3):
        number, name, kind = lines[at].split(",")
        lines[at] = f'{number},"{name}\nof ""two""\nor three lines",{kind}'
    path = tmp_path / "vms.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    result = assess_files(path, MATRIX)
    assert (result.summary.vms, result.problems) == (200, ())


@pytest.mark.parametrize("nothing", ["", None])
@pytest.mark.parametrize("coded", [True, False])
def test_a_row_without_an_id_is_a_problem(nothing: str | None, coded: bool) -> None:
    ids = pa.array(["/s/a", nothing, "/s/b"])
    if coded:  # nothing may stand among the distinct texts, too
        ids = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), ids)
    result = assess_frames(pa.table({"vm_id": ids}), None, MATRIX)
    assert (result.summary.vms, [one.record for one in result.problems]) == (2, ["row 2"])


@settings(max_examples=200, deadline=None)
@given(
    owners=st.lists(st.integers(0, 6), max_size=12),
    given_vms=st.permutations(range(5)),
    letters=st.lists(st.sampled_from([str, str.upper]), min_size=12, max_size=12),
)
def test_frames_lose_no_disk_in_whatever_order_it_comes(
    owners: list[int], given_vms: list[int], letters: list[Callable[[str], str]]
) -> None:
    vms = [{"vm_id": f"/s/vm-{number}"} for number in given_vms]
    disks = [
        {"vm_id": change(f"/s/vm-{owner}"), "role": "data", "lun": at}
        for at, (owner, change) in enumerate(zip(owners, letters, strict=False))
    ]
    found = assess_frames(vms, disks or None, MATRIX).summary
    mine = [owner for owner in owners if owner < 5]
    assert (found.disks, found.disks_without_vm) == (len(mine), len(owners) - len(mine))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    owners=st.lists(st.integers(0, 9), max_size=20),
    vms=st.permutations(range(8)),
    cuts=st.lists(st.integers(0, 8), max_size=2),
    of_disks=st.lists(st.integers(0, 2), min_size=20, max_size=20),
    part=st.integers(1, 9),
    rows=st.integers(1, 9),
    written=st.booleans(),
)
def test_files_lose_no_disk_in_whatever_order_or_file_it_comes(
    owners: list[int],
    vms: list[int],
    cuts: list[int],
    of_disks: list[int],
    part: int,
    rows: int,
    written: bool,
) -> None:
    """Files of disks may be named like those of other VMs, and hold them in any order."""
    told = [
        {"vm_id": f"/s/{owner}", "disk_id": f"/d/{at}", "role": "data", "max_shares": 2}
        for at, owner in enumerate(owners)
    ]
    bounds = [0, *sorted(cuts), 8]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_judging, "PART", part)
        home = Path(folder) / "in"
        for number in range(len(bounds) - 1):
            mine = vms[bounds[number] : bounds[number + 1]]
            few = pd.DataFrame({"vm_id": [f"/s/{one}" for one in mine]}, dtype="string")
            write(few, home / "vms" / f"{number}.parquet", row_group_size=rows)
            here = [
                one for at, one in enumerate(told) if of_disks[at] % (len(bounds) - 1) == number
            ]
            disks = pd.DataFrame(here, columns=["vm_id", "disk_id", "role", "max_shares"])
            disks = disks.astype({"vm_id": "string", "disk_id": "string", "role": "string"})
            write(disks, home / "disks" / f"{number}.parquet", row_group_size=rows)
        result = assess_files(home, MATRIX, out=Path(folder) / "out" if written else None)
        found = result.summary
        mine = [owner for owner in owners if owner < 8]
        assert (found.vms, found.disks) == (8, len(mine))
        assert found.disks_without_vm == len(owners) - len(mine)
        shared = result.findings().query("row_id == 'shared-disk'")
        got = Counter(zip(shared["vm_id"], shared["disk_id"], strict=True))
    assert got == Counter((one["vm_id"], one["disk_id"]) for one in told if one["vm_id"] < "/s/8")


@pytest.mark.parametrize("form", ["csv.gz", "csv.bz2", "csv.zst", "utf-16"])
@pytest.mark.parametrize("block", [50, 700])
def test_packed_tables_are_read_in_blocks_of_any_size(
    form: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = VMS[["vm_id", "name"]]
    path = tmp_path / f"vms.{'csv' if form == 'utf-16' else form}"
    expected = assess_frames(frame, None, MATRIX).verdicts()
    if form == "utf-16":
        path.write_bytes(frame.to_csv(index=False).encode(form))
    else:
        write(frame, path)
    monkeypatch.setattr(fact_files, "_BLOCK_OF_LINES", block)
    found = assess_files(path, MATRIX)
    assert found.verdicts()["vm_id"].tolist() == expected["vm_id"].tolist()
    assert (found.problems, found.records) == ((), len(VMS))
