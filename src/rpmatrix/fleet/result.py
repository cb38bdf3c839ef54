"""Large inventories: facts in, verdicts and findings out, in memory that does not grow with them.

A fleet is two tables of facts, one row per VM and one row per disk. They are read in batches and
cut into *parts* of some hundred thousand VMs; each part is judged by the column evaluator, written
if a place is named, and counted. What stays in memory is a
:class:`~rpmatrix.fleet.summary.Summary`, however many VMs.

The columns of the tables are named by fact ids, and besides:

``vm_id``, ``name``, ``location``, ``subscription_id``, ``availability_set_id``, ``scale_set_id``
    of a VM; only ``vm_id`` must be there.
``vm_id``, ``role`` (``os`` or ``data``), ``disk_id``, ``name``, ``lun``, ``listed``
    of a disk; ``vm_id`` and ``role`` must be there. ``listed`` is ``no`` in a row that stands for
    disks which the source does not list.

``docs/facts.md`` shows such tables, what their cells may hold, and how files of them are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.common.garbage import uncollected_garbage
from rpmatrix.eligibility.assessment import Answers
from rpmatrix.fleet.clusters import assess_dask, assess_spark, assess_spark_frames
from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.frames import arrow_table, fact_table, holds_records, open_frame, readable_again
from rpmatrix.fleet.parts import FleetError, Part
from rpmatrix.fleet.records.judging import RecordJudging
from rpmatrix.fleet.rollups import FleetResult, notes_on
from rpmatrix.fleet.run import (
    Progress,
    Run,
    Target,
    files_named,
    fingerprint,
    refuse_out_among_inputs,
    summed,
)
from rpmatrix.fleet.sources import Opened
from rpmatrix.fleet.tables.judging import Judging
from rpmatrix.fleet.target import FleetInputs
from rpmatrix.matrix.matrix import Matrix, load_matrix

__all__ = [
    "FleetError",
    "FleetResult",
    "Progress",
    "arrow_table",
    "assess_dask",
    "assess_files",
    "assess_frames",
    "assess_spark",
    "assess_spark_frames",
]


@uncollected_garbage()
def assess_frames(
    vms: Any,
    disks: Any = None,
    matrix: Matrix | None = None,
    *,
    strict: bool = False,
    answers: Answers | None = None,
) -> FleetResult:
    """Give the verdicts of VMs that are in frames: pandas, Polars, DuckDB, Arrow.

    Parameters
    ----------
    vms : frame
        One row per VM: ``vm_id`` and a column for each fact that is known, named by its id. A
        column that is missing, and a cell that is empty, are unknown. Or Azure's own records, of
        any kind: one row per record, as Resource Graph gives them, with ``id`` and ``properties``
        (an object, or JSON text). Of a frame of records without ``properties`` columns may have
        been left out, so what it does not show is unknown.
    disks : frame, optional
        More records, if `vms` holds records. Otherwise one row per disk: ``vm_id``, ``role``
        (``os`` or ``data``) and columns of facts; ``disk_id``, ``name`` and ``lun`` tell which disk
        it is. A VM of which no disk is told may have any.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.
    strict, answers
        As for :func:`rpmatrix.assess`.

    Returns
    -------
    FleetResult

    Raises
    ------
    FleetError
        If a frame is no frame, or lacks the columns that it must have.
    rpmatrix.eligibility.assessment.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
    run = Judging(evaluator)
    if vms is None:
        raise FleetError("there is no frame of VMs, only None; give a pandas, Polars or Arrow one")
    frames = [readable_again(frame) for frame in (vms, disks) if frame is not None]
    kinds = {holds_records(frame) for frame in frames}
    if len(kinds) > 1:
        raise FleetError("one frame is a table of facts, the other one holds Azure's own records")
    if True in kinds:
        openers = [partial(open_frame, f"frame {n}", one) for n, one in enumerate(frames, 1)]
        return _with_unmet_answers(_of_records(run, openers), answers)
    parts = list(run.tables(*map(fact_table, frames), *[None] * (2 - len(frames))))
    return _with_unmet_answers(_result(evaluator.matrix, run, parts), answers)


def _of_records(run: Judging, inputs: Sequence[Callable[[], Opened]]) -> FleetResult:
    judging = RecordJudging(run)
    for opener in inputs:
        for _ in judging.read(opener()):
            pass
    parts = [part for part, _ in judging.parts()]
    found = _result(run.evaluator.matrix, run, parts)
    return replace(
        found,
        notes=(*judging.notes, *found.notes),
        counts=judging.counts,
        _inputs=FleetInputs(inputs),
    )


def _result(matrix: Matrix, run: Judging, parts: Sequence[Part]) -> FleetResult:
    beside = run.beside()
    return FleetResult(
        matrix,
        partial(summed, beside, parts),
        run.sorted_problems(),
        tuple(notes_on(matrix, beside)),
        run.reader.rows,
        _parts=tuple(parts),
    )


def assess_files(
    paths: str | Path | Iterable[str | Path],
    matrix: Matrix | None = None,
    *,
    out: str | Path | None = None,
    form: str = "parquet",
    strict: bool = False,
    answers: Answers | None = None,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
) -> FleetResult:
    """Give the verdicts of an inventory in files, however large.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders and patterns: tables of facts as Parquet or CSV, and records of any client
        as JSON, NDJSON, CSV or Parquet, compressed or not.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.
    out : path, optional
        Where to write: a folder for verdicts, findings and problems, or a file (``.parquet`` or
        ``.csv``) for verdicts alone; not among the inputs. What an earlier run of other inputs,
        another matrix or other options has written there is replaced. Without it the result is
        held in memory.
    form : str
        ``parquet`` or ``csv``: what to write into a folder.
    strict, answers
        As for :func:`rpmatrix.assess`.
    progress : callable, optional
        Called with a :class:`Progress` after each part.
    resume : bool
        Leave out what an interrupted run of the same inputs, matrix and options has written.

    Returns
    -------
    FleetResult

    Raises
    ------
    FleetError
        If there is nothing to read, a table of facts lacks a column that it must have, or `out`
        lies among the inputs.
    rpmatrix.eligibility.assessment.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found = files_named(given)
    if out is not None:
        refuse_out_among_inputs(Path(out), given, found)
    evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
    target = None if out is None else Target(Path(out), form)
    if target is not None:
        target.open(fingerprint(found, evaluator, answers, target.form), resume=resume)
    session = Run(evaluator, found, target, progress)
    return _with_unmet_answers(session.run(), answers)


def _with_unmet_answers(result: FleetResult, answers: Answers | None) -> FleetResult:
    """Tell first of answers for a VM that is not among those given: they counted for nothing.

    That can be told only when all are read, and of a run that went on elsewhere only from what was
    written.
    """
    scoped = {key: key.rpartition(":")[0].strip() for key in answers or {}}
    unmet = {scope.lower() for scope in scoped.values() if scope}
    for ids_or_names in _ids_and_names(result) if unmet else ():
        met = pc.is_in(ids_or_names, value_set=pa.array(sorted(unmet), pa.string()))
        unmet.difference_update(ids_or_names.filter(met).unique().to_pylist())
        if not unmet:
            break
    notes = [
        f"the answer {key}={(answers or {})[key]} counted for nothing: no VM {scope!r} is among "
        "those given; name it by its id, or as the verdicts name it"
        for key, scope in scoped.items()
        if scope.lower() in unmet
    ]
    return replace(result, notes=(*notes, *result.notes)) if notes else result


def _ids_and_names(result: FleetResult) -> Iterator[pa.ChunkedArray]:
    """Give the ids, and the names, of the VMs that were judged, in small letters."""
    for batch in result.verdict_batches():
        for column in ("vm_id", "vm_name"):
            yield pc.utf8_lower(batch[column].cast(pa.string()))
