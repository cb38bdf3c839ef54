"""Many workers give what one process gives, and what goes wrong on one is told by its name."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from distributed import Client

from rpmatrix.fleet import clusters
from rpmatrix.fleet import result as fleet
from rpmatrix.fleet.clusters import partitions
from rpmatrix.fleet.parts import FleetError
from rpmatrix.fleet.result import (
    FleetResult,
    assess_dask,
    assess_files,
    assess_spark,
    assess_spark_frames,
)
from rpmatrix.fleet.samples import write_fact_tables, write_fleet
from rpmatrix.matrix.matrix import load_matrix

VMS, PARTITIONS = 300, 3


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet as tables of facts, in partitions."""
    home = tmp_path_factory.mktemp("facts")
    write_fact_tables(home, VMS, partitions=PARTITIONS, distinct=120)
    return home


@pytest.fixture(scope="module")
def single(facts: Path) -> FleetResult:
    """What one process makes of it."""
    return assess_files(facts)


@pytest.fixture(scope="module")
def spark(outside: Any) -> Iterator[Any]:
    """A session of Spark on this machine."""
    if not shutil.which("java"):
        pytest.skip("Spark needs Java; install a runtime, such as default-jre-headless of Debian")
    with pytest.MonkeyPatch.context() as changed:
        if find_spec("pyspark") is None:
            if not outside.is_ready("spark"):
                pytest.skip("Spark is not here; run: python tools/setup_outside.py")
            changed.syspath_prepend(str(outside.folder() / "spark"))
        changed.setenv("PYSPARK_PYTHON", sys.executable)
        builder = importlib.import_module("pyspark.sql").SparkSession.builder
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "2",
            "spark.ui.showConsoleProgress": "false",
        }
        session = builder.master("local[2]").config(map=settings).getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


def rows_of(result: FleetResult) -> list[dict[str, Any]]:
    return [row for table in result.verdict_batches() for row in table.to_pylist()]


def assert_same(found: FleetResult, single: FleetResult) -> None:
    assert rows_of(found) == rows_of(single)
    findings = (pa.concat_tables(one.finding_batches()).num_rows for one in (found, single))
    assert len(set(findings)) == 1
    assert found.summary == single.summary
    assert (found.notes, found.problems, found.records, found.counts) == (
        (single.notes, single.problems, single.records, single.counts)
    )


# --------------------------------------------------------------------------- partitions


FILES: dict[str, tuple[list[str], list[list[str]]]] = {
    "pairs of records": (
        ["a/vms-1.json", "a/disks-1.json", "a/vms-2.json", "a/disks-2.json"],
        [["a/disks-1.json", "a/vms-1.json"], ["a/disks-2.json", "a/vms-2.json"]],
    ),
    "folders of records": (
        ["vms/east.json", "vms/west.json", "disks/east.json", "disks/west.json"],
        [["disks/east.json", "vms/east.json"], ["disks/west.json", "vms/west.json"]],
    ),
    "records with everything": (["east.json", "west.ndjson"], [["east.json"], ["west.ndjson"]]),
    "pairs of facts": (
        ["vms/1.csv", "disks/1.csv", "vms/2.csv", "disks/2.csv"],
        [["vms/1.csv", "disks/1.csv"], ["vms/2.csv", "disks/2.csv"]],
    ),
    "facts that do not pair": (
        ["vms/1.csv", "vms/2.csv", "disks/all.csv"],
        [["vms/1.csv", "vms/2.csv", "disks/all.csv"]],
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_belong_together_are_one_partition(case: str, tmp_path: Path) -> None:
    names, expected = FILES[case]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        of_disks = "disks" in name
        path.write_text(("vm_id,role\n" if of_disks else "vm_id\n") if "csv" in name else "[]")
    assert partitions(tmp_path) == [tuple(tmp_path / name for name in one) for one in expected]


def test_a_partition_can_be_named_file_by_file(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("machines.json", "storage.json", "other.json")]
    for path in paths:
        path.write_text("[]")
    found = partitions([paths[:2], str(paths[2])])
    assert found == [(paths[0], paths[1]), (paths[2],)]


def test_disks_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "disks.csv").write_text("vm_id,role\n")
    with pytest.raises(FleetError, match="no file tells of VMs"):
        partitions(tmp_path)


# --------------------------------------------------------------------------- the page about it


def test_the_page_calls_what_there_is(root: Path) -> None:
    page = (root / "docs" / "clusters.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    lines = ["\n".join(one for one in block.splitlines() if one[:1] != "%") for block in blocks]
    calls = [
        node
        for block in lines
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and hasattr(fleet, getattr(node.func, "id", ""))
    ]
    for call in calls:
        function = getattr(fleet, ast.unparse(call.func))
        given = {one.arg: None for one in call.keywords if one.arg}
        inspect.signature(function).bind(*call.args, **given)
    assert {ast.unparse(call.func) for call in calls} == {
        *("assess_dask", "assess_spark", "assess_spark_frames")
    }


# --------------------------------------------------------------------------- Dask


def test_threads_give_what_one_process_gives(
    facts: Path, single: FleetResult, tmp_path: Path
) -> None:
    assert_same(assess_dask(facts, scheduler="threads"), single)
    out = tmp_path / "out"
    assert_same(assess_dask(facts, out=out, scheduler="threads"), single)
    assess_files(facts, out=tmp_path / "single")
    told = (json.loads((one / "summary.json").read_text()) for one in (out, tmp_path / "single"))
    assert next(told) == next(told)
    names = {path.name for path in out.iterdir()}
    assert names == {"verdicts", "findings", "parts", "problems.csv", "summary.json"}


def test_other_processes_give_what_one_process_gives(
    facts: Path, single: FleetResult, tmp_path: Path
) -> None:
    """Nothing that a worker needs is left in the driver: the matrix travels as data."""
    found = assess_dask(facts, out=tmp_path / "out", scheduler="processes")
    assert_same(found, single)
    with pytest.raises(FleetError, match="name a folder with out"):
        assess_dask(facts, scheduler="processes")


@pytest.mark.parametrize("given", [True, False], ids=["named", "active"])
def test_a_client_of_a_cluster_gives_what_one_process_gives(
    given: bool, facts: Path, single: FleetResult, tmp_path: Path
) -> None:
    settings = {"processes": False, "n_workers": 2, "dashboard_address": None}
    with Client(**settings) as client:
        found = assess_dask(facts, out=tmp_path / "out", scheduler=client if given else None)
        assert_same(found, single)


@pytest.mark.parametrize(
    "options",
    [
        {"strict": True},
        {"answers": {"os_architecture": "32-bit"}},
        {"matrix": load_matrix("newer-edition")},
    ],
    ids=["strict", "answers", "overlay"],
)
def test_options_and_overlays_count_on_every_worker(options: dict[str, Any], facts: Path) -> None:
    found = assess_dask(facts, scheduler="threads", **options)
    assert_same(found, assess_files(facts, **options))
    assert found.summary != assess_files(facts).summary


def test_partitions_of_records_give_what_all_of_them_give(tmp_path: Path) -> None:
    for number in range(2):
        write_fleet(tmp_path / f"part-{number}", 20, first=20 * number)
    found = assess_dask(tmp_path, scheduler="threads")
    single = assess_files(tmp_path)
    assert sorted(rows_of(found), key=str) == sorted(rows_of(single), key=str)
    assert found.summary == single.summary
    assert found.counts == single.counts


def test_a_partition_that_fails_is_named_and_the_others_are_kept(
    facts: Path, single: FleetResult, tmp_path: Path
) -> None:
    home, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(facts, home)
    broken = home / "vms" / "part-001.parquet"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:4] + bytes(500) + whole[504:])
    with pytest.raises(FleetError, match=r"1 of 3 partitions .*vms/part-001\.parquet with .*disks"):
        assess_dask(home, out=out, scheduler="threads")
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "verdicts").iterdir()}
    assert kept.keys() == {"00000-00000-00000.parquet", "00002-00000-00000.parquet"}
    broken.write_bytes(whole)
    found = assess_dask(home, out=out, scheduler="threads")
    assert rows_of(found) == rows_of(single)
    now = {path.name: path.stat().st_mtime_ns for path in (out / "verdicts").iterdir()}
    assert len(now) == 3
    assert {name: now[name] for name in kept} == kept


def test_a_reason_that_partitions_share_is_told_once(facts: Path) -> None:
    with pytest.raises(FleetError) as told:
        assess_dask(facts, scheduler="processes")
    assert str(told.value) == (
        "none of 3 partitions could be judged: name a folder with out: workers in other processes "
        "write there"
    )


FAILED = [(f"part-{number}", "it is torn") for number in range(7)]


@pytest.mark.parametrize(
    ("failed", "of", "kept", "told"),
    [
        (
            [("a", "torn"), ("b", "torn"), ("c", "gone")],
            *(5, True),
            "3 of 5 partitions could not be judged: a, b: torn; c: gone. The others are written; "
            "mend these and run again",
        ),
        (
            [("a", "torn"), ("b", "gone")],
            *(3, False),
            "2 of 3 partitions could not be judged: a: torn; b: gone. Mend these and run again",
        ),
        (
            FAILED,
            *(8, False),
            "7 of 8 partitions could not be judged: part-0, part-1, part-2, part-3, part-4, and 2 "
            "more: it is torn. Mend these and run again",
        ),
        (FAILED, 7, True, "none of 7 partitions could be judged: it is torn"),
        ([("a", "torn")], 1, True, "1 of 1 partition could not be judged: a: torn. Mend it and"),
    ],
)
def test_partitions_that_fail_are_told_by_their_reasons(
    failed: list[tuple[str, str]], of: int, kept: bool, told: str
) -> None:
    with pytest.raises(FleetError, match=f"^{re.escape(told)}"):
        clusters._raise_failed(failed, of, kept=kept)


@pytest.mark.parametrize("scheduler", ["proceses", "distributed", 3])
def test_a_scheduler_that_dask_does_not_have_is_told(
    scheduler: Any, facts: Path, tmp_path: Path
) -> None:
    may_be = "give 'threads', 'processes', 'synchronous' or a client of dask.distributed"
    with pytest.raises(FleetError, match=f"Dask has no scheduler {scheduler!r}.*{may_be}"):
        assess_dask(facts, out=tmp_path / "out", scheduler=scheduler)
    assert not (tmp_path / "out").exists()


def test_a_finished_run_is_not_repeated(facts: Path, single: FleetResult, tmp_path: Path) -> None:
    def stamps() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "verdicts").iterdir()}

    assess_dask(facts, out=tmp_path, scheduler="threads")
    first = stamps()
    assert_same(assess_dask(facts, out=tmp_path, scheduler="threads"), single)
    assert stamps() == first
    assess_dask(facts, out=tmp_path, scheduler="threads", resume=False)
    assert all(stamp > first[name] for name, stamp in stamps().items())


def test_one_file_is_no_place_for_many_workers(facts: Path, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="name a folder"):
        assess_dask(facts, out=tmp_path / "fleet.parquet")


@pytest.mark.parametrize(
    "run",
    [
        lambda path: assess_dask(path, out=path / "out"),
        lambda path: assess_spark(path, out=path / "out"),
        lambda path: assess_spark_frames(None, out=path / "out"),
    ],
)
def test_what_is_not_installed_is_told(
    run: Callable[[Path], FleetResult], facts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(clusters.importlib, "import_module", missing)
    with pytest.raises(FleetError, match=r"(dask|pyspark) is not installed.*rpmatrix\[cluster\]"):
        run(facts)


# --------------------------------------------------------------------------- Spark


def test_spark_gives_what_one_process_gives(
    spark: Any, facts: Path, single: FleetResult, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert_same(assess_spark(facts, out=out), single)
    told = spark.read.parquet(str(out / "verdicts"))
    assert told.count() == 2 * VMS
    assert told.columns == pa.concat_tables(single.verdict_batches()).column_names


def test_an_overlay_reaches_the_workers_of_spark(spark: Any, facts: Path, tmp_path: Path) -> None:
    newer = load_matrix("newer-edition")
    found = assess_spark(facts, newer, out=tmp_path / "out", spark=spark, form="csv")
    assert found.summary == assess_files(facts, newer).summary


def test_frames_of_spark_give_what_files_give(
    spark: Any, facts: Path, single: FleetResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "PART", 64)
    vms, disks = (spark.read.parquet(str(facts / name)) for name in ("vms", "disks"))
    found = assess_spark_frames(vms, disks, out=tmp_path / "out")
    assert sorted(rows_of(found), key=str) == sorted(rows_of(single), key=str)
    assert len(list((tmp_path / "out" / "verdicts").iterdir())) > 1
    assert found.by("subscription").equals(single.by("subscription"))
    mistyped = vms.withColumnRenamed("vm_id", "VM_ID").withColumnRenamed("priority", "prioritty")
    bare = assess_spark_frames(mistyped, out=tmp_path / "bare")
    assert [problem.path for problem in bare.problems] == ["prioritty"]
    assert bare.by("mode").loc["crash", "supported"] == 0
    with pytest.raises(FleetError, match="no column 'role'"):
        assess_spark_frames(vms, disks.drop("role"), out=tmp_path / "none")


def test_what_fails_in_spark_is_told_without_a_trace_of_java(
    spark: Any, facts: Path, tmp_path: Path
) -> None:
    home = tmp_path / "in"
    shutil.copytree(facts, home)
    broken = home / "vms" / "part-002.parquet"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:4] + bytes(500) + whole[504:])
    with pytest.raises(FleetError, match=r"part-002\.parquet") as caught:
        assess_spark(home, out=tmp_path / "out")
    assert "org.apache" not in str(caught.value)


def test_a_worker_without_the_package_is_told(spark: Any) -> None:
    def lost(_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'rpmatrix'")

    orders = spark.range(0, 1, 1, 1).mapInArrow(lost, "number long, answer binary")
    with pytest.raises(FleetError, match=r"workers has no rpmatrix; install .*PYSPARK_PYTHON"):
        clusters._collected(orders)

    def broken(_: Any) -> Any:
        raise ZeroDivisionError("by nought")

    orders = spark.range(0, 1, 1, 1).mapInArrow(broken, "number long, answer binary")
    with pytest.raises(FleetError, match="Spark could not finish: ZeroDivisionError: by nought"):
        clusters._collected(orders)


def test_without_a_session_spark_is_not_used(
    spark: Any, facts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(spark), "getActiveSession", classmethod(lambda _: None))
    with pytest.raises(FleetError, match="no Spark session is active"):
        assess_spark(facts, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_does_not_read_what_it_has_written(facts: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(facts, home)
    assess_dask(home, out=home / "out", scheduler="synchronous")
    with pytest.raises(FleetError, match="has written"):
        assess_dask(home, out=home / "out", scheduler="synchronous")
