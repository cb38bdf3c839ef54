"""How fast a fleet is judged from files, against what any way to do it must do at least.

python benchmarks/fleet.py [parquet|csv|json|growth|memory ...] [--vms N] [--records N]

The fleets are synthetic and are made at the first run (see ``fleets.py``). Each claim is measured
turn by turn with what it is compared with. Memory is the peak of a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from fleets import facts, records
from side_by_side import compare, machine

from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.result import assess_files
from rpmatrix.matrix.matrix import MODES, load_matrix

MATRIX = load_matrix()
EVALUATOR = ColumnEvaluator(MATRIX)
WHO = {"vms": ["vm_id"], "disks": ["vm_id", "role"]}


def judged(paths: tuple[Path, Path]) -> None:
    """Judge files; the verdict of each VM is then in memory."""
    result = assess_files(paths, MATRIX)
    for part in result.held:
        for mode in MODES:
            part.judged.verdicts(mode)


def written(paths: tuple[Path, Path]) -> None:
    """Judge files and write verdicts and findings, one row each, as Parquet."""
    folder = tempfile.mkdtemp()
    try:
        assess_files(paths, MATRIX, out=folder)
    finally:
        shutil.rmtree(folder)


def _columns(path: Path, names: list[str], tested: tuple[str, ...]) -> dict[str, list[str]]:
    there = pq.read_schema(path).names
    facts_there = [name for name in tested if name in there]
    return {"columns": [*names, *facts_there], "read_dictionary": facts_there}


def reading(paths: tuple[Path, Path], *, ids_of_disks: bool) -> None:
    """Read the columns that verdicts are made of, and the ids of disks that they name."""
    of_disks = ["disk_id", *WHO["disks"]] if ids_of_disks else WHO["disks"]
    pq.read_table(paths[0], **_columns(paths[0], WHO["vms"], EVALUATOR.vm_facts))
    pq.read_table(paths[1], **_columns(paths[1], of_disks, EVALUATOR.disk_facts))


def measure_parquet(vms: int, _: int) -> None:
    """Parquet to verdicts, and to verdicts and findings written."""
    paths = facts(vms)
    compare(
        f"Parquet, {vms:,} VMs",
        {
            "reading the needed columns": lambda: reading(paths, ids_of_disks=True),
            "the same without ids of disks": lambda: reading(paths, ids_of_disks=False),
            "reading all columns": lambda: [pq.read_table(path) for path in paths],
            "rpmatrix: verdicts": lambda: judged(paths),
            "rpmatrix: verdicts and findings written": lambda: written(paths),
        },
    )


def reading_csv(paths: tuple[Path, Path]) -> None:
    """Read the needed columns of tables as CSV, facts as codes."""
    texts = (["vm_id"], EVALUATOR.vm_facts), (["vm_id", "disk_id", "role"], EVALUATOR.disk_facts)
    for path, (named, tested) in zip(paths, texts, strict=True):
        kinds = {name: pa.string() for name in named}
        kinds |= {name: pa.dictionary(pa.int32(), pa.string()) for name in tested}
        options = pa_csv.ConvertOptions(column_types=kinds, include_columns=list(kinds))
        pa_csv.read_csv(path, convert_options=options)


def measure_csv(_: int, records_vms: int) -> None:
    """CSV of facts to verdicts."""
    paths = facts(records_vms, "csv")
    compare(
        f"CSV, {records_vms:,} VMs",
        {
            "pyarrow reading it, all as texts": lambda: [pa_csv.read_csv(path) for path in paths],
            "the needed columns, facts as codes": lambda: reading_csv(paths),
            "rpmatrix: verdicts": lambda: judged(paths),
        },
    )


def _loads(paths: tuple[Path, Path], *, collecting: bool) -> None:
    if not collecting:
        gc.disable()
    try:
        for path in paths:
            orjson.loads(path.read_bytes())
    finally:
        gc.enable()


def measure_json(_: int, records_vms: int) -> None:
    """Judge the output of `az vm list` and `az disk list`."""
    paths = records(records_vms)
    compare(
        f"JSON, {records_vms:,} VMs, {sum(path.stat().st_size for path in paths) / 1e6:,.0f} MB",
        {
            "orjson.loads, garbage collector off": lambda: _loads(paths, collecting=False),
            "orjson.loads as usually called": lambda: _loads(paths, collecting=True),
            "rpmatrix: verdicts": lambda: judged(paths),
        },
    )


def measure_growth(vms: int, records_vms: int) -> None:
    """Ten times the VMs."""
    small, large = facts(vms // 10), facts(vms)
    compare(
        "growth, Parquet",
        {f"{vms // 10:,} VMs": lambda: judged(small), f"{vms:,} VMs": lambda: judged(large)},
    )
    few, many = records(records_vms // 10), records(records_vms)
    compare(
        "growth, JSON",
        {
            f"{records_vms // 10:,} VMs": lambda: judged(few),
            f"{records_vms:,} VMs": lambda: judged(many),
        },
    )


# Files are mapped into memory, and what is mapped can be dropped at any time: it does not count.
_PEAK = """
import re, shutil, sys, tempfile, threading, time
from pathlib import Path
from rpmatrix.fleet.result import assess_files

peak = 0
def watch():
    global peak
    while True:
        status = Path("/proc/self/status").read_text()
        peak = max(peak, int(re.search(r"RssAnon:\\s*(\\d+)", status)[1]))
        time.sleep(0.01)

threading.Thread(target=watch, daemon=True).start()
folder = tempfile.mkdtemp()
began = time.perf_counter()
result = assess_files(sys.argv[1:], out=folder)
shutil.rmtree(folder)
print(result.summary.vms, peak, round(time.perf_counter() - began))
"""


def measure_memory(vms: int, _: int) -> None:
    """Peaks of processes that write verdicts and findings."""
    print("peak of a process that writes verdicts and findings:")
    for name, paths in (
        (f"Parquet, {vms // 10:,} VMs", facts(vms // 10)),
        (f"Parquet, {vms:,} VMs", facts(vms)),
        (f"JSON, {vms:,} VMs", records(vms)),
    ):
        told = subprocess.run(
            [sys.executable, "-c", _PEAK, *map(str, paths)], stdout=subprocess.PIPE, check=True
        )
        count, peak, seconds = map(int, told.stdout.split())
        print(f"  {name:<48} {peak / 2**20:10,.2f} GB  {count:,} VMs in {seconds} s", flush=True)
    print()


CLAIMS: dict[str, Callable[[int, int], Any]] = {
    "parquet": measure_parquet,
    "csv": measure_csv,
    "json": measure_json,
    "growth": measure_growth,
    "memory": measure_memory,
}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(CLAIMS))
    parser.add_argument("--vms", type=int, default=1_000_000, help="VMs in tables of facts")
    parser.add_argument("--records", type=int, default=100_000, help="VMs in JSON and CSV")
    given = parser.parse_args()
    if unknown := set(given.claims) - set(CLAIMS):
        parser.error(f"no claim {', '.join(sorted(unknown))}; there are {', '.join(CLAIMS)}")
    print(machine("pyarrow", "numpy", "msgspec", "orjson"))
    for name in given.claims or CLAIMS:
        CLAIMS[name](given.vms, given.records)


if __name__ == "__main__":
    main()
