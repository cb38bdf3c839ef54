"""VMs out of Azure's own records, judged: all inputs together, for any may tell of any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.parts import DISK_COLUMNS, VM_COLUMNS, Part, names_of
from rpmatrix.fleet.records.bulk import BulkReader, FactTables
from rpmatrix.fleet.sources import Opened
from rpmatrix.fleet.tables.judging import Judging

# VMs judged at a time; beside them there are the records of all.
PART: Final = 65_536
_THREADS: Final = 2


class RecordJudging:
    """Reads inputs of records one after the other, and judges their VMs when all were read.

    Parameters
    ----------
    run : Judging
        Who judges; what is met beside VMs and disks is noted there.
    """

    def __init__(self, run: Judging) -> None:
        evaluator = run.evaluator
        self._run = run
        self._reader = BulkReader(evaluator.matrix, [*evaluator.vm_facts, *evaluator.disk_facts])

    def read(self, opened: Opened) -> Iterator[float]:
        """Read an input; gives how far it was read, from 0 to 1."""
        with ThreadPoolExecutor(_THREADS) as pool:
            yield from self._reader.add_opened(opened, pool)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the inputs though no record was lost."""
        return self._reader.told()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records are VMs, disks, others and problems."""
        return self._reader.counted()

    def parts(self) -> Iterator[tuple[Part, float]]:
        """Judge all VMs, part by part; gives each part, and the share of VMs that are done."""
        run, reader = self._run, self._reader
        run.reader.rows += reader.records
        run.reader.problems.update(dict.fromkeys(reader.problems))
        run.reader.rows_of.update(reader.rows_of)
        run.listed |= reader.listed_members()
        loose: pa.Array | None = None
        done = 0
        for tables in reader.tables(PART):
            loose = reader.loose_disks() if loose is None else loose
            loose = _not_among(loose, tables.disks)
            done += tables.vms.num_rows
            yield _judged(run.evaluator, tables), done / reader.vms
        run.disks_without_vm += reader.counts["disk"] if loose is None else len(loose)
        run.repeated_records += reader.counted()["vms"] - (reader.vms - reader.scale_sets_alone)


def _not_among(loose: pa.Array, disks: pa.Table) -> pa.Array:
    """Leave out the disks that are attached to VMs of a part."""
    if not len(loose) or "disk_id" not in disks.column_names:
        return loose
    ids = pc.utf8_lower(disks["disk_id"].cast(pa.string()))
    attached = pc.index_in(ids, value_set=loose).drop_null().unique()
    return loose.filter(pc.invert(pc.is_in(pa.array(range(len(loose)), pa.int32()), attached)))


def _judged(evaluator: ColumnEvaluator, tables: FactTables) -> Part:
    """Judge VMs whose disks were joined to them as they were read."""

    def names() -> Iterator[tuple[str, str]]:
        ids = tables.vms["vm_id"].to_pylist()
        return zip(names_of(tables.vms).to_pylist(), ids, strict=True)

    vms, disks = evaluator.encode_vms(tables.vms), evaluator.encode_disks(tables.disks)
    judged = evaluator.judge(vms, disks, tables.owners.astype(np.int32), names)
    return Part(
        tables.vms.select([name for name in VM_COLUMNS if name in tables.vms.column_names]),
        tables.disks.select([name for name in DISK_COLUMNS if name in tables.disks.column_names]),
        judged,
        evaluator.count_listed(disks),
    )
