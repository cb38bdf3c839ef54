"""A run over files: parts are judged, written and counted, and an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.common.garbage import uncollected_garbage
from rpmatrix.eligibility.assessment import Answers
from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.parts import FleetError, Part, Summary
from rpmatrix.fleet.records.judging import RecordJudging
from rpmatrix.fleet.rollups import FleetResult, notes_on, read_back
from rpmatrix.fleet.sources import open_file
from rpmatrix.fleet.tables.batches import OutOfOrderError
from rpmatrix.fleet.tables.files import Files, form_of, holds_facts, joined_files, together
from rpmatrix.fleet.tables.judging import PART, PROBLEM_COLUMNS, Judging
from rpmatrix.fleet.target import FleetInputs
from rpmatrix.inventory.records import Problem


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes
    ----------
    vms, problems : int
        VMs judged and problems met so far.
    share : float
        The share of the input that was gone through, from 0 to 1.
    seconds : float
        How long it took so far.
    """

    vms: int
    problems: int
    share: float
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take if it goes on like this; None if that cannot be told."""
        return self.seconds / self.share - self.seconds if self.share else None

    def __str__(self) -> str:
        left = self.seconds_left
        wait = "" if left is None or self.share >= 1 else f", {left:.0f} s left"
        return f"{self.vms:,} VMs, {self.share:.0%}{wait}"


def files_named(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Find the files that paths, folders and patterns name, each once."""
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: list[Path] = []
    for one in given:
        path = Path(one).expanduser()
        if path.is_dir():
            found += _files_below(path)
        elif path.exists():
            found.append(path)
        elif any(mark in str(path) for mark in "*?["):
            anchor = Path(path.anchor) if path.is_absolute() else Path()
            pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
            found += sorted(file for file in anchor.glob(pattern) if file.is_file())
        else:
            raise FleetError(f"there is no file or folder {one}; see whether the path is right")
    if not found:
        named = ", ".join(str(one) for one in given) or "nothing"
        raise FleetError(f"no file to read in {named}; name files of {', '.join(_READABLE)}")
    return list(dict.fromkeys(found))


def _files_below(folder: Path) -> list[Path]:
    """Find the files that can be read in a folder and those below it."""

    def refuse(error: OSError) -> None:
        raise FleetError(
            f"cannot look into the folder {error.filename} ({error.strerror}), and so perhaps VMs "
            "would be missing; make it readable, or name files instead of folders"
        )

    walked = os.walk(folder, onerror=refuse)
    paths = (Path(place, name) for place, _, names in walked for name in names)
    return sorted(path for path in paths if form_of(path) in _READABLE)


_READABLE: Final = (".json", ".ndjson", ".jsonl", ".csv", ".parquet", ".txt", ".tfstate")
# How much of the time of a run over records goes by while they are read.
_READING: Final = 0.7


def fingerprint(
    paths: Sequence[Path], evaluator: ColumnEvaluator, answers: Answers | None, form: str
) -> str:
    """Tell a run from another of other inputs, another matrix or other options."""
    stats = [(str(path), path.stat()) for path in paths]
    told = {
        "inputs": [(name, one.st_size, one.st_mtime_ns) for name, one in stats],
        "matrix": evaluator.matrix.digest,
        "as_of": str(evaluator.matrix.as_of),
        "strict": evaluator.scalar.strict,
        "answers": sorted((answers or {}).items()),
        "form": form,
        "part": PART,
        "version": _LAYOUT,
    }
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


RESULTS: Final = ("verdicts", "findings", "problems.csv", "summary.json")
"""What a run leaves in the folder that it writes to, for its reader."""


def refuse_out_among_inputs(out: Path, given: Iterable[str | Path], files: Iterable[Path]) -> None:
    """Refuse to write where the next run would read it as input, and to read what one has written.

    Raises
    ------
    FleetError
        If `out` lies in a path that was given, or a file was written by a run with this `out`.
    """
    place = out.expanduser().resolve()
    for path in (Path(one).expanduser() for one in given):
        if path.exists() and place.is_relative_to(path.resolve()):
            raise FleetError(
                f"{out} lies in the input {path}, and would be read as input the next time; "
                "choose another place to write to"
            )
    written = {place, *(place / name for name in (*RESULTS, "parts"))}
    for path in files:
        found = path.resolve()
        if not written.isdisjoint((found, *found.parents)):
            raise FleetError(
                f"the input names {path}, which a run that writes to {out} has written; choose "
                "another place to write to, or a pattern that leaves it out"
            )


# Of what is written; another number makes an interrupted run begin again.
_LAYOUT: Final = 3


class Target:
    """Where verdicts are written: part by part, each as a whole or not at all."""

    def __init__(self, out: Path, form: str, prefix: str = "") -> None:
        self.prefix = prefix
        self.file = out if out.suffix.lower() in (".parquet", ".csv") else None
        self.form = out.suffix.lower()[1:] if self.file else form
        if self.form not in ("parquet", "csv"):
            raise FleetError(f"results are written as parquet or csv, not as {form!r}")
        self.folder = out.with_name(f"{out.name}.parts") if self.file else out
        self._fingerprint = ""
        # The parts that were written: what is told of them stays in their files.
        self._known: set[str] = set()

    @property
    def _records(self) -> Path:
        return self.folder / "parts"

    def open(self, fingerprint: str, *, resume: bool, shares: Collection[str] = ()) -> None:
        """Make the folders, keep what fits from an interrupted run and delete the rest of it.

        Parameters
        ----------
        fingerprint : str
            What tells this run from others.
        resume : bool
            Whether to keep anything.
        shares : collection of str
            The fingerprints of runs that write into the same folder.
        """
        self._fingerprint = fingerprint
        for folder in (self._records, *(self.folder / kind for kind in self._kinds)):
            folder.mkdir(parents=True, exist_ok=True)
        fitting = {fingerprint, *shares}
        for path in self._records.glob(f"{self.prefix}*.json"):
            name = path.stem.removeprefix(self.prefix)
            told = self._told_of(name)
            files = [self.folder / kind / told.get("file", "") for kind in self._kinds]
            written = told.get("fingerprint") in fitting and all(one.is_file() for one in files)
            if resume and written:
                self._known.add(name)
            else:
                self._remove(name)
        for kind in self._kinds:
            for path in (self.folder / kind).glob(f"{self.prefix}*"):
                # A run that was stopped may have written a part and no record of it.
                if _PART.fullmatch(path.name) and not self._is_known(path):
                    path.unlink()

    def _is_known(self, path: Path) -> bool:
        name = path.name.removeprefix(self.prefix)
        return name.removesuffix(f".{self.form}") in self._known

    @property
    def _kinds(self) -> tuple[str, ...]:
        return ("verdicts",) if self.file else ("verdicts", "findings")

    def _remove(self, name: str) -> None:
        """Delete a part, and last the record of it."""
        file = self._told_of(name).get("file", f"{self.prefix}{name}.{self.form}")
        for kind in self._kinds:
            (self.folder / kind / file).unlink(missing_ok=True)
        self._record_of(name).unlink(missing_ok=True)
        self._known.discard(name)

    def forget(self, job: str) -> None:
        """Delete what was written of a job."""
        for name in [one for one in self._known if one.startswith(f"{job}-")]:
            self._remove(name)

    def done(self, name: str) -> Summary | None:
        """Give what was counted of a part that was written before, or None."""
        return Summary.from_json(self._told_of(name)["summary"]) if name in self._known else None

    def last_of(self, job: str) -> int | None:
        """Give how many parts a job has whose parts were all written before, or None."""
        first = f"{job}-00000"
        count = self._told_of(first).get("of") if first in self._known else None
        if count and all(f"{job}-{number:05}" in self._known for number in range(count)):
            return int(count)
        return None

    def write(self, name: str, part: Part, summary: Summary) -> None:
        """Write a part, and last a record that it was written."""
        file = f"{self.prefix}{name}.{self.form}"
        tables: dict[str, Callable[[], pa.Table]] = {"verdicts": part.verdicts}
        if self.file is None:
            tables["findings"] = part.findings

        def save(kind: str) -> None:
            _write(tables[kind](), self.folder / kind / file)

        # Both name disks, which are read when they are first asked for: once, before they part.
        _ = part.disks
        with ThreadPoolExecutor(len(tables)) as pool:
            for one in [pool.submit(save, kind) for kind in tables]:
                one.result()
        self._record(name, {"file": file, "summary": summary.to_json()})

    def _record(self, name: str, told: dict[str, Any]) -> None:
        content = msgspec.json.encode({**told, "fingerprint": self._fingerprint})
        replace_file(self._record_of(name), content)
        self._known.add(name)

    def _record_of(self, name: str) -> Path:
        return self._records / f"{self.prefix}{name}.json"

    def _told_of(self, name: str) -> dict[str, Any]:
        """Give the record of a part, empty if it cannot be read: a disk was full, perhaps."""
        try:
            told: dict[str, Any] = msgspec.json.decode(self._record_of(name).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return told

    def finish_job(self, job: str, parts: int, told: Mapping[str, Any]) -> None:
        """Note that a job is done and what else was met, so that it need not be read again."""
        if parts:
            name = f"{job}-00000"
            self._record(name, {**self._told_of(name), "of": parts, "job": dict(told)})

    def told_of(self, job: str) -> dict[str, Any]:
        """Give what else was met in a job that is done."""
        told: dict[str, Any] = self._told_of(f"{job}-00000")["job"]
        return told

    def close(self, told: Mapping[str, Any], problems: Sequence[Problem]) -> Path:
        """Write what was counted and what was not understood; put a single file together."""
        if self.file is None:
            rows = [[getattr(one, name) for one in problems] for name in PROBLEM_COLUMNS]
            table = pa.table(
                [pa.array(row, pa.string()) for row in rows], names=list(PROBLEM_COLUMNS)
            )
            _write(table, self.folder / "problems.csv")
            replace_file(self.folder / "summary.json", json.dumps(told, indent=2).encode())
            return self.folder
        tables = [read_back(path) for path in sorted((self.folder / "verdicts").glob("*"))]
        if tables:
            _write(pa.concat_tables(tables, promote_options="permissive"), self.file)
        shutil.rmtree(self.folder)
        return self.file


# What a part is called, and what is left of one that was not written to its end.
_PART: Final = re.compile(r"\.?(?:.*-)?\d{5}-\d{5}\.(?:parquet|csv)(?:\.unfinished)?")


class Share(Target):
    """The place of one run among several that write into one folder, each under its own prefix.

    What they come to together is written by whoever knows all of them.
    """

    def close(self, told: Mapping[str, Any], problems: Sequence[Problem]) -> Path:
        """Leave the folder as it is."""
        return self.folder


def _write(table: pa.Table, path: Path) -> None:
    """Write a table as a whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = _coded_if_shorter(table)
        coded = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
        pq.write_table(
            table,
            unfinished,
            compression="lz4",
            write_statistics=False,
            # What is coded already is written as it is, however long the texts are together. To
            # whoever reads it, it is text: codes are of no meaning beyond one file.
            use_dictionary=coded,
            dictionary_pagesize_limit=2**30,
            store_schema=False,
            row_group_size=max(table.num_rows, 1),
        )
    else:
        from pyarrow import csv

        csv.write_csv(_guarded(table), unfinished)
    unfinished.replace(path)


def _coded_if_shorter(table: pa.Table) -> pa.Table:
    """Give a table in which texts that few rows have in common are not coded."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            distinct = sum(len(chunk.dictionary) for chunk in table[place].chunks)
            if table.num_rows < _ROWS_OF_A_CODE * distinct:
                plain = table[place].cast(pa.large_string())
                table = table.set_column(place, field.name, plain)
    return table


# How many rows must share a text for codes to be worth their while.
_ROWS_OF_A_CODE: Final = 3


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _guarded(table: pa.Table) -> pa.Table:
    """Give texts that no spreadsheet takes for a formula."""
    columns = []
    for column in table.columns:
        kind = column.type
        cells = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            risky = pc.match_substring_regex(cells, r"^ *[=+\-@\t\r]")
            if pc.any(risky).as_py():
                marked = pc.binary_join_element_wise("'", cells, "")
                cells = pc.if_else(risky, marked, cells)
        columns.append(cells)
    return pa.table(columns, names=table.column_names)


class Run:
    """One run over files: judges, writes and counts, and goes on where another one stopped."""

    def __init__(
        self,
        evaluator: ColumnEvaluator,
        paths: Sequence[Path],
        target: Target | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._run = Judging(evaluator)
        self._target = target
        self._progress = progress
        self._started = time.monotonic()
        self._bytes = max(sum(path.stat().st_size for path in paths), 1)
        self._summary = Summary()
        self._kept: list[Part] = []
        facts = [path for path in paths if holds_facts(path)]
        self._records = [path for path in paths if path not in facts]
        self._notes: list[str] = []
        self._counts: dict[str, int] = {}
        self._jobs = together(facts)
        if facts and not self._jobs:
            raise FleetError(f"{facts[0]} tells of disks, and no file tells of VMs; name it too")

    @uncollected_garbage()
    def run(self) -> FleetResult:
        """Go through all jobs and give the result."""
        jobs = {f"{number:05}": files for number, files in enumerate(self._jobs)}
        as_one = {f"{len(jobs) + 1:05}": joined_files(self._jobs)}
        if len(jobs) > 1 and self._target and self._target.last_of(*as_one):
            jobs = as_one
        begun, suspects = self._run.met(), []
        for name, files in jobs.items():
            before = self._run.disks_without_vm
            self._run_job(name, files)
            if self._run.disks_without_vm > before:
                suspects.append(files)
        if len(jobs) > 1 and self._run.lie_elsewhere(suspects, self._jobs):
            self._run.forget(begun)
            self._summary, self._kept = Summary(), []
            self._notes.append(
                "some disks are in files paired with other VMs, so all files were read together"
            )
            for name in jobs:
                if self._target:
                    self._target.forget(name)
            for name, files in as_one.items():
                self._run_job(name, files)
        if self._records:
            self._run_records(f"{len(self._jobs):05}")
        matrix = self._run.evaluator.matrix
        self._summary.add(self._run.beside())
        result = FleetResult(
            matrix,
            partial(summed, self._summary, self._kept) if self._kept else self._summary,
            self._run.sorted_problems(),
            (*self._notes, *notes_on(matrix, self._summary)),
            self._run.reader.rows,
            None,
            self._counts,
            _parts=tuple(self._kept),
            _inputs=FleetInputs(partial(open_file, path) for path in self._records),
        )
        return concluded(result, self._target)

    def _run_job(self, name: str, files: Files) -> None:
        """Judge the VMs of files that belong together."""
        done = self._target.last_of(name) if self._target else None
        if done and self._target:
            for part in range(done):
                self._summary.add(self._target.done(f"{name}-{part:05}") or Summary())
            self._run.read += sum(path.stat().st_size for path in (*files.vms, *files.disks))
            self._run.remember(self._target.told_of(name))
            self._tell()
            return
        before = self._run.met()
        try:
            summary, kept = self._judge(name, self._run.files(files), before)
        except OutOfOrderError:
            # What was written so far lacks the disks that come later.
            self._run.forget(before)
            if self._target:
                self._target.forget(name)
            parts = self._run.files(files, in_order=False)
            summary, kept = self._judge(name, parts, before)
        self._summary.add(summary)
        self._kept += kept

    def _run_records(self, name: str) -> None:
        done = self._target.last_of(name) if self._target else None
        if done and self._target:
            for part in range(done):
                self._summary.add(self._target.done(f"{name}-{part:05}") or Summary())
            told = self._target.told_of(name)
            self._run.read += sum(path.stat().st_size for path in self._records)
            self._run.remember(told)
            self._notes += told["notes"]
            self._counts = told["counts"]
            self._tell()
            return
        summary, kept = self._judge(name, self._of_records(), self._run.met())
        self._summary.add(summary)
        self._kept += kept

    def _of_records(self) -> Iterator[Part]:
        """Read all files of records, and judge their VMs: any may tell of any other."""
        judging, before, whole = RecordJudging(self._run), self._run.read, 0
        for path in self._records:
            size = path.stat().st_size
            for share in judging.read(open_file(path)):
                self._run.read = before + (whole + size * share) * _READING
                self._tell()
            whole += size
        self._counts = dict(judging.counts)
        for part, share in judging.parts():
            self._run.read = before + whole * (_READING + (1 - _READING) * share)
            yield part
        self._notes += judging.notes

    def _judge(
        self, job: str, parts: Iterator[Part], before: Mapping[str, Any]
    ) -> tuple[Summary, list[Part]]:
        summary, kept, vms = Summary(), [], 0
        with ThreadPoolExecutor(1) as writer:
            writing: list[Future[None]] = []
            number = -1
            for number, part in enumerate(parts):
                name = f"{job}-{number:05}"
                vms += part.vms.num_rows
                if self._target is None:
                    kept.append(part)
                    self._tell(vms)
                    continue
                mine = self._target.done(name)
                if mine is None:
                    mine = part.summary()
                    # One part is written while the next is judged, and no more are kept.
                    for one in writing:
                        one.result()
                    writing = [writer.submit(self._target.write, name, part, mine)]
                summary.add(mine)
                self._tell(vms)
            for one in writing:
                one.result()
            if self._target:
                told = {**self._run.met_since(before), "notes": self._notes, "counts": self._counts}
                self._target.finish_job(job, number + 1, told)
        return summary, kept

    def _tell(self, of_job: int = 0) -> None:
        """Tell how far the run has come; `of_job` counts VMs of the job that is not done yet."""
        if self._progress is None:
            return
        done = self._summary.vms + sum(part.vms.num_rows for part in self._kept) + of_job
        share = min(self._run.read / self._bytes, 1)
        seconds = time.monotonic() - self._started
        self._progress(Progress(done, len(self._run.reader.problems), share, seconds))


@uncollected_garbage()
def summed(summary: Summary, parts: Iterable[Part]) -> Summary:
    """Add what is counted of parts."""
    found = Summary()
    found.add(summary)
    for part in parts:
        found.add(part.summary())
    return found


def concluded(result: FleetResult, target: Target | None) -> FleetResult:
    """Write what a run comes to beside its verdicts, if it is written at all."""
    if target is None:
        return result
    told = {} if target.file else _told(replace(result, out=target.folder))
    return replace(result, out=target.close(told, result.problems))


def _sets(result: FleetResult) -> dict[str, dict[str, dict[str, int]]]:
    """Count sets of VMs by kind, mode and how many of their members can be protected."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (kind, mode, protected), count in sorted(result.protection().items()):
        found.setdefault(kind, {}).setdefault(mode, {})[protected] = count
    return found


def _told(result: FleetResult) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        package = version("rpmatrix")
    except PackageNotFoundError:
        package = "not installed"
    counts: dict[str, dict[str, int]] = {}
    for (mode, verdict, *_), count in result.summary.outcomes.items():
        of_mode = counts.setdefault(mode, {})
        of_mode[verdict] = of_mode.get(verdict, 0) + count
    return {
        "package": package,
        "matrix_digest": result.matrix.digest,
        "layers": list(result.matrix.layers),
        "vms": result.summary.vms,
        "disks": result.summary.disks,
        "verdicts": counts,
        "sets": _sets(result),
        "limits_exceeded": [row for row in result.rows("limits") if row["state"] == "exceeded"],
        "disks_without_vm": result.summary.disks_without_vm,
        "repeated_records": result.summary.repeated_records,
        "full_pages": result.rows("full_pages"),
        "problems": len(result.problems),
        "notes": list(result.notes),
    }
