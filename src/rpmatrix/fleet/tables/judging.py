"""Tables of facts, in memory or in files, judged in parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.parts import DISK_COLUMNS, VM_COLUMNS, Part, names_of
from rpmatrix.fleet.summary import FleetError, Summary
from rpmatrix.fleet.tables.batches import (
    NO_DISKS,
    Batch,
    DisksOfParts,
    OutOfOrderError,
    TableReader,
    gathered,
    joined,
    keys_of,
    with_unlisted,
)
from rpmatrix.fleet.tables.files import Files, LateColumns, Piece, columns_of, pieces
from rpmatrix.inventory.records import Problem

# VMs judged at a time: enough that what is done once per part does not count.
PART: Final = 131_072
PROBLEM_COLUMNS: Final = ("file", "record", "path", "message")
_T = TypeVar("_T")
_COUNTED: Final = ("rows", "disks_without_vm", "repeated_records")


class Judging:
    """Judges a fleet part by part."""

    def __init__(self, evaluator: ColumnEvaluator, threads: int = 2) -> None:
        self.evaluator = evaluator
        self.reader = TableReader(evaluator)
        self.disks_without_vm = 0
        self.repeated_records = 0
        self.listed: dict[str, tuple[str, ...]] = {}
        self.read = 0.0
        self._threads = threads
        self._left: list[Batch] = []
        self._late = LateColumns()

    def met(self) -> dict[str, Any]:
        """Give what was met so far besides VMs and disks."""
        problems = [
            [getattr(one, name) for name in PROBLEM_COLUMNS] for one in self.reader.problems
        ]
        return {
            "read": self.read,
            "rows": self.reader.rows,
            "disks_without_vm": self.disks_without_vm,
            "repeated_records": self.repeated_records,
            "problems": problems,
            "files": dict(self.reader.rows_of),
            "listed": self.listed,
        }

    def met_since(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Give what was met since then."""
        now = self.met()
        return {
            **{name: now[name] - before[name] for name in _COUNTED},
            "problems": now["problems"][len(before["problems"]) :],
            "files": {file: n for file, n in now["files"].items() if file not in before["files"]},
            "listed": now["listed"],
        }

    def forget(self, told: Mapping[str, Any]) -> None:
        """Go back to what had been met."""
        self.disks_without_vm = self.repeated_records = 0
        self.read = told["read"]
        self.reader.forget()
        self.remember(told)

    def remember(self, told: Mapping[str, Any]) -> None:
        """Take over what another run met."""
        self.reader.rows += told["rows"]
        self.disks_without_vm += told["disks_without_vm"]
        self.repeated_records += told["repeated_records"]
        self.reader.problems.update({Problem(*one): None for one in told["problems"]})
        self.reader.rows_of.update(told["files"])
        self.listed |= {group: tuple(ids) for group, ids in told["listed"].items()}

    def sorted_problems(self) -> tuple[Problem, ...]:
        """Give the problems in the order of files and rows."""

        def place(problem: Problem) -> tuple[str, int, str]:
            number = re.search(r"\d+", problem.record)
            return problem.file, int(number[0]) if number else 0, problem.record

        return tuple(sorted(self.reader.problems, key=place))

    def beside(self) -> Summary:
        """Count what was met besides VMs and their disks."""
        files = Counter({(file,): rows for file, rows in self.reader.rows_of.items()})
        return Summary(
            files=files,
            listed=dict(self.listed),
            disks_without_vm=self.disks_without_vm,
            repeated_records=self.repeated_records,
        )

    def tables(self, vms: pa.Table, disks: pa.Table | None) -> Iterator[Part]:
        """Judge tables that are in memory, in one part."""
        self.reader.look_at(vms.column_names, "", of_disks=False)
        if disks is not None:
            self.reader.look_at(disks.column_names, "", of_disks=True)
        held = NO_DISKS if disks is None else disks
        with ThreadPoolExecutor(self._threads) as pool:
            of_vms = self.reader.vms(_piece(vms), pool=pool)
            of_disks = self.reader.disks(_piece(held), pool=pool)
        disks = DisksOfParts(iter([of_disks]), len(of_disks.known))
        part = self._part(of_vms, disks)
        if disks.owned < disks.rows:
            # Some belong to no VM, or come in another order than their VMs.
            disks = DisksOfParts(iter([of_disks]), None)
            part = self._part(of_vms, disks)
        self.disks_without_vm += disks.rows - disks.owned
        yield part

    def files(self, files: Files, *, in_order: bool = True) -> Iterator[Part]:
        """Judge files that belong together.

        Parameters
        ----------
        files : Files
            Files of facts.
        in_order : bool
            Whether disks come in the order of their VMs. If not, they are read again for every
            part, which takes longer and no more memory.

        Raises
        ------
        OutOfOrderError
            If they were to come in order and do not; parts given so far are not to be used.
        """
        with ThreadPoolExecutor(self._threads) as pool:
            of_vms, of_disks = (
                self._weighed(_ahead(pool, jobs, self._threads + 1), weight)
                for jobs, weight in zip(self._jobs(files), _weights(files, in_order), strict=True)
            )
            if in_order:
                yield from self._parts(of_vms, of_disks, 4 * PART)
                self._check_order(files)
                return
            all_of_them = owned = 0
            for batch in gathered(of_vms, PART):
                disks = DisksOfParts(gathered(self._all_disks(files), 4 * PART), None)
                yield self._part(batch, disks)
                all_of_them, owned = disks.rows, owned + disks.owned
            self.disks_without_vm += max(all_of_them - owned, 0)

    def _weighed(self, batches: Iterator[Batch], weight: float) -> Iterator[Batch]:
        for batch in batches:
            self.read += batch.weight * weight
            yield batch

    def _all_disks(self, files: Files) -> Iterator[Batch]:
        return (job() for job in self._jobs(files)[1])

    def _jobs(self, files: Files) -> list[Iterator[Callable[[], Batch]]]:
        evaluator, reader = self.evaluator, self.reader
        of_vms = [*VM_COLUMNS, *evaluator.vm_facts], ["location", *evaluator.vm_facts]
        of_disks = [*DISK_COLUMNS, *evaluator.disk_facts]
        coded = ["vm_id", "role", "lun", "listed", *evaluator.disk_facts]
        for path in (*files.vms, *files.disks):
            reader.look_at(columns_of(path), str(path), of_disks=path in files.disks)
        vms = (pieces(path, *of_vms, reader.fail) for path in files.vms)
        disks = (pieces(path, of_disks, coded, reader.fail, self._late) for path in files.disks)
        return [
            (partial(_batch, reader.vms, read) for read in chain.from_iterable(vms)),
            (partial(_batch, reader.disks, read) for read in chain.from_iterable(disks)),
        ]

    def _parts(
        self, vms: Iterator[Batch], disks: Iterator[Batch], most_held: int
    ) -> Iterator[Part]:
        held = DisksOfParts(disks, most_held)
        for batch in gathered(vms, PART):
            yield self._part(batch, held)
        self._left = [*held.held, *disks]
        self.disks_without_vm += sum(len(batch.known) for batch in self._left)

    def _check_order(self, files: Files) -> None:
        """See whether a disk that found no VM belongs to one that had been judged before."""
        if not self._left:
            return
        keys = [
            keys_of(chunk).unique() for batch in self._left for chunk in batch.about["vm_id"].chunks
        ]
        if any(
            pc.any(pc.is_in(ids, value_set=pa.concat_arrays(keys))).as_py()
            for ids in self._keys_in(files.vms)
        ):
            raise OutOfOrderError

    def lie_elsewhere(self, suspects: Iterable[Files], everywhere: Sequence[Files]) -> bool:
        """Tell whether disks lie in files that belong to other VMs than theirs.

        Parameters
        ----------
        suspects : iterable of Files
            Files with disks that belong to no VM among those of the same files.
        everywhere : sequence of Files
            All files.
        """
        strays = []
        for files in suspects:
            disks = pa.concat_arrays([ids.unique() for ids in self._keys_in(files.disks)]).unique()
            for ids in self._keys_in(files.vms):
                disks = disks.filter(pc.invert(pc.is_in(disks, value_set=ids)))
            strays.append(disks)
        if not strays:
            return False
        wanted = pa.concat_arrays(strays).unique()
        vms = (path for files in everywhere for path in files.vms)
        return any(pc.any(pc.is_in(ids, value_set=wanted)).as_py() for ids in self._keys_in(vms))

    def _keys_in(self, paths: Iterable[Path]) -> Iterator[pa.Array]:
        """Read the ids of VMs in files, as they are joined by."""
        for path in paths:
            for read in pieces(path, ["vm_id"], [], lambda *_: None):
                yield from (keys_of(chunk.drop_null()) for chunk in read().table["vm_id"].chunks)

    def _part(self, vms: Batch, held: DisksOfParts) -> Part:
        ids = vms.about["vm_id"].combine_chunks()
        found, owners = held.of(ids)
        disks = joined(found) if found else self.reader.disks(_piece(NO_DISKS))
        places = np.concatenate(owners) if owners else np.zeros(0, np.int64)
        if len(places) and (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            places, disks = places[order], Batch(disks.about.take(order), disks.known.take(order))
        disks, places = with_unlisted(self.evaluator, disks, places, len(vms.known))

        def names() -> Iterator[tuple[str, str]]:
            return zip(names_of(vms.about).to_pylist(), ids.to_pylist(), strict=True)

        judged = self.evaluator.judge(vms.known, disks.known, places.astype(np.int32), names)
        told = self.evaluator.count_listed(disks.known)
        return Part(vms.about, self._late.whole(disks.about), judged, told)


def _weights(files: Files, in_order: bool) -> tuple[float, float]:
    """Give how much a byte of VMs and a byte of disks counts for how far a run has come.

    If disks are read again for every part, that is told by how many VMs are done.
    """
    vms, disks = (sum(path.stat().st_size for path in paths) for paths in (files.vms, files.disks))
    return (1, 1) if in_order else ((vms + disks) / max(vms, 1), 0)


def _batch(make: Callable[[Piece], Batch], read: Callable[[], Piece]) -> Batch:
    """Read a piece of a file, and make a batch of it."""
    piece = read()
    try:
        return make(piece)
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, FleetError):
            raise
        raise FleetError(f"{piece.file} cannot be judged ({error}); mend the column") from None


def _piece(table: pa.Table) -> Piece:
    """Give a table that is in memory as a piece of no file."""
    return Piece(table, "", 0, table.num_rows, 0)


def _ahead(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], _T]], depth: int) -> Iterator[_T]:
    """Run jobs in threads, some ahead of what is asked for, and give what they give in order."""
    waiting = iter(jobs)
    running: list[Future[_T]] = [pool.submit(job) for job in islice(waiting, depth)]
    while running:
        found = running.pop(0).result()
        running += [pool.submit(job) for job in islice(waiting, 1)]
        yield found
