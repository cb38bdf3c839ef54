"""Fleets on more than one machine: partitions judged by Dask or Spark, put together to one result.

A *partition* is some files that hold VMs together with all of their disks. Each is judged by the
same run as in a single process, wherever that happens; the workers write verdicts and findings into
one folder and send back what they counted, which adds up. So a result is the same however many
machines took part.

The matrix with its overlays travels as data. What a worker needs is this package, and the files
under the paths that the driver sees: a mounted share, a volume, the local disk.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

import pyarrow as pa

from rpmatrix.eligibility.assessment import Answers
from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.parts import Part
from rpmatrix.fleet.rollups import FleetResult, notes_on
from rpmatrix.fleet.run import (
    Run,
    Share,
    Target,
    concluded,
    files_named,
    fingerprint,
    refuse_out_among_inputs,
)
from rpmatrix.fleet.summary import FleetError, Summary
from rpmatrix.fleet.tables.columns import usual_names
from rpmatrix.fleet.tables.files import holds_facts, paired_name, together
from rpmatrix.fleet.tables.judging import PART, Judging
from rpmatrix.inventory.records import Problem
from rpmatrix.matrix.matrix import Matrix, load_matrix

Named = str | Path | Iterable[str | Path | Sequence[str | Path]]
# Classes of Spark, which is not installed where nobody uses it.
SparkSession: TypeAlias = Any
DataFrame: TypeAlias = Any


# --------------------------------------------------------------------------- partitions


def partitions(paths: Named) -> list[tuple[Path, ...]]:
    """Part files into partitions that can be judged apart from each other.

    Parameters
    ----------
    paths : path, or iterable of paths and of sequences of paths
        Files, folders and patterns. The files of an inner sequence are one partition.

    Returns
    -------
    list of tuple of Path
        Files that are named alike but for the words for VMs and disks belong together:
        ``vms/part-3.parquet`` and ``disks/part-3.parquet``, ``vms-3.json`` and ``disks-3.json``.
        A file of records without such a fellow is a partition of its own. Tables of facts that do
        not come in pairs are one partition, all of them.

    Raises
    ------
    FleetError
        If there is nothing to read, or disks without VMs.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    told = [one for one in given if not isinstance(one, (str, Path))]
    found = [tuple(files_named(one)) for one in told]
    others = [one for one in given if isinstance(one, (str, Path))]
    files = files_named(others) if others or not found else []
    facts = [path for path in files if holds_facts(path)]
    pairs = together(facts)
    if facts and not pairs:
        raise FleetError(f"{facts[0]} tells of disks, and no file tells of VMs; name it too")
    found += [(*pair.vms, *pair.disks) for pair in pairs]
    records: dict[str, list[Path]] = {}
    for path in files:
        if path not in facts:
            records.setdefault(paired_name(path), []).append(path)
    return [*found, *map(tuple, records.values())]


# --------------------------------------------------------------------------- what a worker does


@dataclass(frozen=True)
class _Setting:
    """What all partitions are judged by, and where verdicts go."""

    mark: str  # tells one setting from another
    marks: tuple[str, ...]  # of each partition: tell whether what was written of it still fits
    matrix: bytes
    strict: bool
    answers: Answers | None
    out: str | None
    form: str
    process: int

    def evaluator(self) -> ColumnEvaluator:
        """Give the evaluator of this thread: what it worked out serves the next partition too."""
        if getattr(_THREAD, "mark", None) != self.mark:
            _THREAD.evaluator = ColumnEvaluator(
                pickle.loads(self.matrix), strict=self.strict, answers=self.answers
            )
            _THREAD.mark = self.mark
        evaluator: ColumnEvaluator = _THREAD.evaluator
        return evaluator

    def share(self, number: int) -> Share | None:
        """Give the place of a partition in the folder."""
        if self.out is None:
            return None
        share = Share(Path(self.out), self.form, f"{number:05}-")
        share.open(self.marks[number], resume=True)
        return share


_THREAD: Final = threading.local()


@dataclass(frozen=True)
class _Answer:
    """What a worker tells of a partition: what it came to, or why it could not be judged."""

    number: int
    summary: Summary | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    records: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    parts: tuple[Part, ...] = ()
    error: str = ""


def _answer(setting: _Setting, number: int, judge: Callable[[], FleetResult]) -> _Answer:
    try:
        if setting.out is None and os.getpid() != setting.process:
            raise FleetError("name a folder with out: workers in other processes write there")
        found = judge()
    except (FleetError, OSError, pa.ArrowException) as error:
        return _Answer(number, error=str(error))
    counted = set(notes_on(found.matrix, found.summary))
    return _Answer(
        number,
        found.summary,
        found.problems,
        tuple(note for note in found.notes if note not in counted),
        found.records,
        tuple(found.counts.items()),
        found.held,
    )


def _judge_files(setting: _Setting, number: int, paths: Sequence[str]) -> _Answer:
    """Judge the partition that is in these files."""

    def judge() -> FleetResult:
        files = [Path(path) for path in paths]
        for path in files:
            if not path.exists():
                raise FleetError(f"{path} is not there for this worker; use a path that all share")
        return Run(setting.evaluator(), files, setting.share(number), None).run()

    return _answer(setting, number, judge)


def _judge_tables(setting: _Setting, number: int, vms: pa.Table, disks: pa.Table) -> _Answer:
    """Judge the partition that is in these tables, and write it."""

    def judge() -> FleetResult:
        run = Judging(setting.evaluator())
        share, summary = setting.share(number), Summary()
        for at, part in enumerate(run.tables(vms, disks)):
            mine = part.summary()
            if share:
                share.write(f"{at:05}", part, mine)
            summary.add(mine)
        summary.add(run.beside())
        return FleetResult(
            run.evaluator.matrix,
            summary,
            run.sorted_problems(),
            records=run.reader.rows,
        )

    return _answer(setting, number, judge)


# --------------------------------------------------------------------------- what the driver does


class _Driver:
    """Prepares a run on many machines, and puts together what they answer."""

    def __init__(
        self,
        matrix: Matrix | None,
        out: str | Path | None,
        form: str,
        strict: bool,
        answers: Answers | None,
    ) -> None:
        # Made here too, so that a wrong answer is refused before anything is sent.
        self.evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
        self._target = None if out is None else Target(Path(out).absolute(), form)
        if self._target is not None and self._target.file is not None:
            raise FleetError(f"{out} is one file; name a folder, into which all workers can write")
        self._options = strict, answers, form

    def setting(self, marks: Sequence[str], *, resume: bool) -> _Setting:
        """Make the folder ready and give what the workers are told."""
        strict, answers, form = self._options
        mark = fingerprint([], self.evaluator, answers, form)
        if self._target is not None:
            self._target.open(mark, resume=resume, shares=marks)
        return _Setting(
            mark,
            tuple(marks),
            pickle.dumps(self.evaluator.matrix),
            strict,
            answers,
            None if self._target is None else str(self._target.folder),
            form,
            os.getpid(),
        )

    def marks(self, files: Sequence[Sequence[Path]]) -> list[str]:
        """Tell each partition from others: other files, place, matrix or options."""
        if self._target is not None:
            refuse_out_among_inputs(self._target.folder, (), chain.from_iterable(files))
        _, answers, form = self._options
        return [
            fingerprint(one, self.evaluator, answers, f"{form}, partition {number}")
            for number, one in enumerate(files)
        ]

    def result(self, answers: Iterable[_Answer], names: Sequence[str]) -> FleetResult:
        """Put together what the workers tell.

        Raises
        ------
        FleetError
            If a partition could not be judged.
        """
        found = sorted(answers, key=lambda one: one.number)
        failed = [(names[one.number], one.error) for one in found if one.error]
        _raise_failed(failed, len(found), kept=self._target is not None)
        summary, counts = Summary(), Counter[str]()
        notes = [note for one in found for note in one.notes]
        for one in found:
            summary.add(one.summary or Summary())
            counts.update(dict(one.counts))
        if len(found) > 1 and summary.disks_without_vm:
            notes.append(
                "each partition was judged by itself: if disks that belong to no VM belong to one "
                "of another partition, its verdict lacks them; cut the partitions by VM"
            )
        result = FleetResult(
            self.evaluator.matrix,
            summary,
            tuple(dict.fromkeys(problem for one in found for problem in one.problems)),
            tuple(dict.fromkeys((*notes, *notes_on(self.evaluator.matrix, summary)))),
            sum(one.records for one in found),
            None,
            dict(counts),
            tuple(part for one in found for part in one.parts),
        )
        return concluded(result, self._target)


def _raise_failed(failed: Sequence[tuple[str, str]], of: int, *, kept: bool) -> None:
    """Say which partitions failed, each reason once."""
    if not failed:
        return
    reasons: dict[str, list[str]] = {}
    for name, why in failed:
        reasons.setdefault(why, []).append(name)
    if of > 1 and len(reasons) == 1 and len(failed) == of:
        raise FleetError(f"none of {of} partitions could be judged: {failed[0][1]}")
    shown = _some([f"{_some(names)}: {why}" for why, names in reasons.items()], "; ")
    those = "it" if len(failed) == 1 else "these"
    advice = f"mend {those} and run again"
    raise FleetError(
        f"{len(failed)} of {of} {'partition' if of == 1 else 'partitions'} could not be judged: "
        f"{shown}. "
        + (
            f"The others are written; {advice}"
            if kept and len(failed) < of
            else advice.capitalize()
        )
    )


def _some(texts: Sequence[str], between: str = ", ") -> str:
    more = len(texts) - _SHOWN
    return between.join([*texts[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])


_SHOWN: Final = 5


def _package(name: str) -> Any:
    """Import what a cluster is driven with; it is no requirement of this package."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        package = name.partition(".")[0]
        advice = "install it with: pip install 'rpmatrix[cluster]'"
        raise FleetError(f"{package} is not installed here; {advice}") from None


def _told_names(files: Sequence[Sequence[Path]]) -> list[str]:
    return [" with ".join(str(path) for path in one) for one in files]


# --------------------------------------------------------------------------- Dask


def assess_dask(
    paths: Named,
    matrix: Matrix | None = None,
    *,
    out: str | Path | None = None,
    form: str = "parquet",
    strict: bool = False,
    answers: Answers | None = None,
    resume: bool = True,
    scheduler: Any = None,
) -> FleetResult:
    """Give the verdicts of an inventory in partitions, judged by Dask.

    Parameters
    ----------
    paths : path, or iterable of paths and of sequences of paths
        As :func:`partitions` takes them; every worker must see them under the same names.
    matrix, form, strict, answers, resume
        As for :func:`rpmatrix.fleet.result.assess_files`.
    out : path, optional
        The folder into which the workers write. Without it the result is held in memory, which
        only threads of this process can do.
    scheduler : optional
        As Dask takes it: ``threads``, ``processes``, ``synchronous`` or a client of
        ``dask.distributed``; Dask's own choice if it is left out, which is the client that is
        active, or threads.

    Returns
    -------
    FleetResult
        As :func:`rpmatrix.fleet.result.assess_files` gives it for the same files.

    Raises
    ------
    FleetError
        If there is no such scheduler or nothing to read, or a partition could not be judged; it
        names them, and what was written of the others is kept for the next run.
    """
    dask = _package("dask")
    _check_scheduler(scheduler)
    driver = _Driver(matrix, out, form, strict, answers)
    files = partitions(paths)
    setting = dask.delayed(driver.setting(driver.marks(files), resume=resume), traverse=False)
    tasks = [
        dask.delayed(_judge_files, pure=False)(setting, number, [str(path) for path in one])
        for number, one in enumerate(files)
    ]
    chosen = {} if scheduler is None else {"scheduler": scheduler}
    return driver.result(dask.compute(*tasks, **chosen), _told_names(files))


def _check_scheduler(scheduler: Any) -> None:
    """Refuse what Dask cannot work with before anything is read or written."""
    try:
        _package("dask.base").get_scheduler(scheduler=scheduler)
    except (RuntimeError, TypeError, ValueError) as error:
        raise FleetError(
            f"Dask has no scheduler {scheduler!r} ({error}); give 'threads', 'processes', "
            "'synchronous' or a client of dask.distributed, or leave it out"
        ) from None


# --------------------------------------------------------------------------- Spark


def assess_spark(
    paths: Named,
    matrix: Matrix | None = None,
    *,
    out: str | Path,
    spark: SparkSession | None = None,
    form: str = "parquet",
    strict: bool = False,
    answers: Answers | None = None,
    resume: bool = True,
) -> FleetResult:
    """Give the verdicts of an inventory in partitions, judged by the workers of Spark.

    Only names of files and what was counted pass through Spark: workers read and write the files
    themselves, which is several times as fast as to send rows.

    Parameters
    ----------
    paths : path, or iterable of paths and of sequences of paths
        As :func:`partitions` takes them; driver and workers must see them under the same names.
    matrix, form, strict, answers, resume
        As for :func:`rpmatrix.fleet.result.assess_files`.
    out : path
        The folder into which the workers write.
    spark : SparkSession, optional
        The session that is active if it is left out.

    Returns
    -------
    FleetResult
        As :func:`rpmatrix.fleet.result.assess_files` gives it for the same files.

    Raises
    ------
    FleetError
        If there is no session, nothing to read, a worker without this package, or a partition that
        could not be judged; what was written of the others is kept for the next run.
    """
    session = _session(spark)
    driver = _Driver(matrix, out, form, strict, answers)
    files = partitions(paths)
    setting = driver.setting(driver.marks(files), resume=resume)
    named = [[str(path) for path in one] for one in files]

    def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield _packed(_judge_files(setting, number, named[number]))

    orders = session.range(0, len(files), 1, len(files))
    return driver.result(_collected(orders.mapInArrow(judge, _PACKED)), _told_names(files))


def assess_spark_frames(
    vms: DataFrame,
    disks: DataFrame | None = None,
    matrix: Matrix | None = None,
    *,
    out: str | Path,
    form: str = "parquet",
    strict: bool = False,
    answers: Answers | None = None,
) -> FleetResult:
    """Give the verdicts of VMs that are in frames of Spark.

    Rows of VMs and of disks are brought together by a shuffle; where they are in files already,
    :func:`assess_spark` is faster.

    Parameters
    ----------
    vms, disks : pyspark.sql.DataFrame
        Tables of facts, as for :func:`rpmatrix.fleet.result.assess_frames`.
    matrix, strict, answers
        As for :func:`rpmatrix.fleet.result.assess_frames`.
    out : path
        The folder into which the workers write; what it held is replaced.
    form : str
        ``parquet`` or ``csv``.

    Returns
    -------
    FleetResult
        The verdicts are in the order of ids, bucket by bucket.

    Raises
    ------
    FleetError
        If a frame lacks a column that it must have, or the workers lack this package.
    """
    functions = _package("pyspark.sql.functions")
    session = vms.sparkSession
    if disks is None:
        disks = session.createDataFrame([], "vm_id string, role string")
    vms, disks = (one.toDF(*usual_names(one.columns)) for one in (vms, disks))
    for frame, needed in ((vms, ("vm_id",)), (disks, ("vm_id", "role"))):
        if missing := [name for name in needed if name not in frame.columns]:
            told = ", ".join(frame.columns[:8])
            raise FleetError(f"a frame has no column {missing[0]!r}, only {told}")
    driver = _Driver(matrix, out, form, strict, answers)
    count = max(1, -(-vms.count() // PART))
    setting = driver.setting([uuid4().hex] * count, resume=False)
    bucket = functions.pmod(functions.xxhash64(functions.lower("vm_id")), functions.lit(count))
    of_vms, of_disks = (one.groupBy(bucket.alias("bucket")) for one in (vms, disks))

    def judge(key: tuple[Any, ...], left: pa.Table, right: pa.Table) -> pa.Table:
        # A shuffle leaves no order: the ids give one, and in a VM the OS disk comes first.
        keys = [("vm_id", "ascending"), ("role", "descending"), ("lun", "ascending")]
        ordered = right.sort_by([key for key in keys if key[0] in right.column_names])
        mine = _judge_tables(setting, key[0].as_py(), left.sort_by("vm_id"), ordered)
        return pa.Table.from_batches([_packed(mine)])

    packed = of_vms.cogroup(of_disks).applyInArrow(judge, _PACKED)
    return driver.result(_collected(packed), [f"bucket {number}" for number in range(count)])


_PACKED: Final = "number long, answer binary"


def _packed(answer: _Answer) -> pa.RecordBatch:
    cells = [pa.array([answer.number], pa.int64()), pa.array([pickle.dumps(answer)], pa.binary())]
    return pa.RecordBatch.from_arrays(cells, names=["number", "answer"])


def _session(given: SparkSession | None) -> SparkSession:
    found = given or _package("pyspark.sql").SparkSession.getActiveSession()
    if found is None:
        raise FleetError("no Spark session is active; make one, or give it as spark")
    session: SparkSession = found
    return session


def _collected(packed: DataFrame) -> list[_Answer]:
    """Let Spark do its work, and tell in plain words why it could not."""
    stopped: type[Exception] = _package("pyspark.errors").PySparkException
    try:
        rows = packed.collect()
    except stopped as error:
        text = str(error)
        if missing := re.search(r"No module named '(\w+)", text):
            raise FleetError(
                f"the Python of Spark's workers has no {missing[1]}; install rpmatrix with its "
                "extra fleet on every machine, in the Python that PYSPARK_PYTHON names"
            ) from None
        told = [line.strip() for line in text.splitlines() if _ERROR.match(line.strip())]
        raise FleetError(f"Spark could not finish: {(told or [text])[-1]}") from error
    return [pickle.loads(row["answer"]) for row in rows]


_ERROR: Final = re.compile(r"[\w.]*(?:Error|Exception)\b")
