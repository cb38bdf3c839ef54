"""What more than one machine costs: Dask and Spark beside a single process, on one machine.

python benchmarks/scale_out.py [VMS]     1,000,000 if it is left out, in four partitions

Verdicts and findings are written each time. The runs take turns, the first round of each is not
counted, and what is printed is the ratio to the single process. With more machines the ratio
shrinks; here it is what the framework adds. Also told: whether the verdicts are the same, row by
row. Spark is left out if there is no Java.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rpmatrix.fleet.result import FleetResult, assess_dask, assess_files, assess_spark
from rpmatrix.fleet.samples import write_fact_tables

HOME = Path(tempfile.gettempdir()) / "rpmatrix-benchmarks"
PARTITIONS = 4
DASK_ROUNDS, SPARK_ROUNDS = 5, 3

Runner = Callable[[Path], FleetResult]


def inputs(vms: int) -> list[Path]:
    """Give the folders of a fleet, made once."""
    home = HOME / f"partitions-{vms}"
    if not (home / "done").exists():
        write_fact_tables(home, vms, partitions=PARTITIONS)
        (home / "done").touch()
    return [home / "vms", home / "disks"]


def spark_session() -> Any:
    """Start Spark with two threads and the Python that runs this, or give None without Java."""
    if not shutil.which("java"):
        return None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def timed(runner: Runner) -> float:
    """Give how long a run takes, in a folder of its own."""
    with tempfile.TemporaryDirectory() as out:
        begin = time.perf_counter()
        runner(Path(out) / "out")
        return time.perf_counter() - begin


def compare(name: str, one: Runner, other: Runner, rounds: int) -> None:
    """Run two by turns and print the ratio of the medians."""
    first = timed(other)
    timed(one)
    times = [(timed(one), timed(other)) for _ in range(rounds)]
    mine, theirs = (statistics.median(each) for each in zip(*times, strict=True))
    ratio, ratios = theirs / mine, [b / a for a, b in times]
    print(
        f"{name:<22} {theirs:6.2f} s  single process {mine:6.2f} s  ratio {ratio:.2f} "
        f"(of {rounds} rounds, {min(ratios):.2f} to {max(ratios):.2f}); first run {first:.1f} s",
        flush=True,
    )


def same(one: Runner, other: Runner) -> bool:
    """Tell whether two give the same verdicts, row by row, and count the same."""
    with tempfile.TemporaryDirectory() as folder:
        results = one(Path(folder) / "one"), other(Path(folder) / "other")
        pairs = zip(*(each.verdict_batches() for each in results), strict=True)
        equal = all(a.equals(b) for a, b in pairs)
        return equal and results[0].summary == results[1].summary


def main() -> None:
    """Measure and print."""
    vms = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    paths = inputs(vms)
    found = assess_files(paths).summary
    print(f"{found.vms:,} VMs, {found.disks:,} disks, {PARTITIONS} partitions", flush=True)

    def single(out: Path) -> FleetResult:
        return assess_files(paths, out=out)

    def with_threads(out: Path) -> FleetResult:
        return assess_dask(paths, out=out, scheduler="threads")

    compare("Dask, threads", single, with_threads, DASK_ROUNDS)
    print(f"  the same row by row: {same(single, with_threads)}", flush=True)
    spark = spark_session()
    if spark is None:
        print("Spark: left out, there is no Java here")
        return

    def with_spark(out: Path) -> FleetResult:
        return assess_spark(paths, out=out, spark=spark)

    compare("Spark, local[2]", single, with_spark, SPARK_ROUNDS)
    print(f"  the same row by row: {same(single, with_spark)}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
