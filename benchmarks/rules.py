"""How fast the rules are when everything is in memory, against frames and rule engines.

python benchmarks/rules.py [VMS]

Every contestant gets the facts in the form that it likes best, the number of the VM of each disk
included, gives the verdict of every VM in both modes, and all verdicts are compared. The engines
get dicts and fewer VMs, so they are compared by the time for one VM.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import numpy as np
import peers
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fleets import facts
from side_by_side import compare, machine

from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.matrix.matrix import MODES, load_matrix

FEW = 3000


def main(count: int) -> None:
    """Measure and print."""
    matrix = load_matrix()
    evaluator = ColumnEvaluator(matrix)
    print(machine("pandas", "polars", "duckdb", "pyarrow", *peers.ENGINES))
    paths = facts(count)
    vms = _cleaned(pq.read_table(paths[0], columns=["vm_id", *evaluator.vm_facts]))
    disks = _cleaned(pq.read_table(paths[1], columns=["vm_id", "role", *evaluator.disk_facts]))
    ids = vms["vm_id"].combine_chunks()
    owners = pc.index_in(disks["vm_id"], value_set=ids).to_numpy().astype(np.int32)
    vms = _encoded(vms.drop_columns("vm_id"))
    disks = _encoded(disks.drop_columns("vm_id"))
    rules = peers.rules_of(matrix, vms, disks)
    numbered = vms.append_column("vm", pa.array(np.arange(count, dtype=np.int32)))
    owned = disks.append_column("vm", pa.array(owners))
    of_pandas = vms.to_pandas(), owned.to_pandas()
    # What reading a file without a word about types gives.
    texts = _texts(vms).to_pandas(), _texts(owned).to_pandas()
    of_polars = pl.from_arrow(vms), pl.from_arrow(owned)
    connection = duckdb.connect()
    connection.register("arrow_vms", numbered)
    connection.register("arrow_disks", owned)
    connection.execute("CREATE TABLE vms AS SELECT * FROM arrow_vms")
    connection.execute("CREATE TABLE disks AS SELECT * FROM arrow_disks")

    pool = ThreadPoolExecutor(2)

    def ours() -> dict[str, Any]:
        # A new one each time: nothing is remembered from the round before.
        columns = ColumnEvaluator(matrix)
        numbers = columns.encode_vms(vms, pool), columns.encode_disks(disks, pool)
        judged = columns.judge(*numbers, owners, pool=pool)
        return {mode: judged.verdicts(mode) for mode in MODES}

    frames = {
        "rpmatrix, Arrow columns": ours,
        "Polars, one lazy query": lambda: peers.with_polars(rules, *of_polars),
        "DuckDB, SQL on its own tables": lambda: peers.with_duckdb(rules, connection),
        "pandas, masks on categories": lambda: peers.with_pandas(rules, *of_pandas),
        "pandas, masks on its default types": lambda: peers.with_pandas(rules, *texts),
    }
    expected = ours()
    for name, run in frames.items():
        _same(name, run(), expected, count)
    medians = compare(f"rules in memory, {count:,} VMs and {disks.num_rows:,} disks", frames)

    few = min(FEW, count)
    dicts = _dicts(rules, vms.slice(0, few), disks, owners)
    engines = {name: make(rules) for name, make in peers.ENGINES.items()}
    for name, judge in engines.items():
        _same(name, judge(dicts), {mode: one[:few] for mode, one in expected.items()}, few)
    runs = {name: (lambda judge=judge: judge(dicts)) for name, judge in engines.items()}
    slow = compare(
        f"rule engines, {few:,} VMs as dicts", runs, rounds=3, units=dict.fromkeys(runs, few)
    )
    ours_each = medians["rpmatrix, Arrow columns"] / count
    print(f"rpmatrix: {ours_each * 1e6:.3f} us/VM; times slower for one VM:")
    for name, each in slow.items():
        print(f"  {name:<48} {each / ours_each:10,.0f}")


def _cleaned(table: pa.Table) -> pa.Table:
    """Leave out what only rpmatrix understands: one of several values, and unusable ones."""
    columns = []
    for column in table.columns:
        plain = column.cast(pa.string())
        odd = pc.match_substring_regex(plain, r"\||^\(unusable\)$")
        columns.append(pc.if_else(pc.fill_null(odd, False), pa.scalar(None, pa.string()), plain))
    return pa.table(columns, names=table.column_names)


def _encoded(table: pa.Table) -> pa.Table:
    columns = [column.combine_chunks().dictionary_encode() for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _texts(table: pa.Table) -> pa.Table:
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _dicts(rules: peers.Rules, vms: pa.Table, disks: pa.Table, owners: Any) -> list[dict[str, Any]]:
    """Give VMs as the engines take them: with their disks, and with what may be assumed."""

    def filled(row: dict[str, Any]) -> dict[str, Any]:
        return {
            name: rules.assumptions.get(name) if value is None else value
            for name, value in row.items()
        }

    found = [{**filled(vm), "disks": []} for vm in vms.to_pylist()]
    mine = np.flatnonzero(owners < len(found))
    for disk, owner in zip(disks.take(mine).to_pylist(), owners[mine].tolist(), strict=True):
        found[owner]["disks"].append(filled(disk))
    return found


def _same(name: str, found: dict[str, Any], expected: dict[str, Any], count: int) -> None:
    for mode in MODES:
        different = int((np.asarray(found[mode]) != expected[mode]).sum())
        if different:
            raise SystemExit(f"{name}: {different} of {count} verdicts differ in mode {mode}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
