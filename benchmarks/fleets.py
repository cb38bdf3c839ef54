"""The fleets that the benchmarks measure with: made once, kept in a folder for temporary files.

Every fleet is a synthetic one of `rpmatrix.fleet.samples`: a realistic mixture, with ids as long
and as random as real ones. Tables of facts are read from its records as any other fleet's are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from rpmatrix.fleet.records.bulk import BulkReader
from rpmatrix.fleet.samples import sample_fleet, write_fleet
from rpmatrix.fleet.sources import open_file
from rpmatrix.matrix.matrix import load_matrix

HOME = Path(tempfile.gettempdir()) / "rpmatrix-benchmarks"
STEP = 100_000


def records(vms: int, layout: str = "json") -> tuple[Path, Path]:
    """Give the files of `az vm list` and `az disk list` of a fleet, indented as Azure CLI does."""
    home = HOME / f"records-{vms}"
    paths = home / f"vms.{layout}", home / f"disks.{layout}"
    if not all(path.exists() for path in paths):
        write_fleet(home, vms, layout=layout, dumps=_indented if layout == "json" else orjson.dumps)
    return paths


def _indented(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_INDENT_2)


def facts(vms: int, form: str = "parquet") -> tuple[Path, Path]:
    """Give the tables of facts of a fleet: one of VMs and one of disks."""
    home = HOME / f"facts-{vms}"
    paths = home / f"vms.{form}", home / f"disks.{form}"
    if all(path.exists() for path in paths):
        return paths
    home.mkdir(parents=True, exist_ok=True)
    parts = list(_facts(vms))
    for path, tables in zip(paths, zip(*parts, strict=True), strict=True):
        table = pa.concat_tables([_plain(one) for one in tables])
        if form == "parquet":
            pq.write_table(table, path, row_group_size=131_072)
        else:
            pa.csv.write_csv(table, path)
    return paths


def _facts(vms: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    matrix = load_matrix()
    for first in range(0, vms, STEP):
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
            count = min(STEP, vms - first)
            written = write_fleet(folder, count, first=first, layout="ndjson", dumps=orjson.dumps)
            reader = BulkReader(matrix)
            for path in written:
                source = open_file(path).source
                assert source is not None
                for _ in reader.add(source, pool):
                    pass
            for part in reader.tables(STEP):
                owners = part.vms["vm_id"].take(pa.array(part.owners))
                yield part.vms, part.disks.add_column(0, "vm_id", owners)


def _plain(table: pa.Table) -> pa.Table:
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


__all__ = ["HOME", "facts", "records", "sample_fleet"]
