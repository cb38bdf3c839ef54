"""Large inventories: facts in, verdicts and findings out, in memory that does not grow with them.

A fleet is two tables of facts, one row per VM and one row per disk. They are read in batches and
cut into *parts* of some hundred thousand VMs; each part is judged by the column evaluator, written
if a place is named, and counted. What stays in memory is a :class:`Summary`, however many VMs.

The columns of the tables are named by fact ids, and besides:

``vm_id``, ``name``, ``location``, ``subscription_id``, ``availability_set_id``, ``scale_set_id``
    of a VM; only ``vm_id`` must be there.
``vm_id``, ``role`` (``os`` or ``data``), ``disk_id``, ``name``, ``lun``, ``listed``
    of a disk; ``vm_id`` and ``role`` must be there. ``listed`` is ``no`` in a row that stands for
    disks which the source does not list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rpmatrix.clusters import assess_dask, assess_spark, assess_spark_frames
from rpmatrix.columns import ColumnEvaluator
from rpmatrix.eligibility import Answers
from rpmatrix.fact_tables import Judging
from rpmatrix.matrix import Matrix, load_matrix
from rpmatrix.parts import FleetError, Part, Summary
from rpmatrix.rollups import FleetResult, notes_on
from rpmatrix.runs import Progress, Run, Target, files_named, fingerprint

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
        column that is missing, and a cell that is empty, are unknown.
    disks : frame, optional
        One row per disk: ``vm_id``, ``role`` (``os`` or ``data``) and columns of facts;
        ``disk_id``, ``name`` and ``lun`` tell which disk it is. A VM of which no disk is told may
        have any.
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
    rpmatrix.eligibility.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
    run = Judging(evaluator)
    of_disks = None if disks is None else arrow_table(disks)
    parts = list(run.tables(arrow_table(vms), of_disks))
    return _result(evaluator.matrix, run, parts)


def _result(matrix: Matrix, run: Judging, parts: Sequence[Part]) -> FleetResult:
    summary = Summary()
    for part in parts:
        summary.add(part.summary())
    summary.add(run.beside())
    return FleetResult(
        matrix,
        summary,
        run.sorted_problems(),
        tuple(notes_on(matrix, summary)),
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
        ``.csv``) for verdicts alone. Without it the result is held in memory.
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
        If there is nothing to read, or a table of facts lacks a column that it must have.
    rpmatrix.eligibility.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = ColumnEvaluator(matrix or load_matrix(), strict=strict, answers=answers)
    found = files_named(paths)
    target = None if out is None else Target(Path(out), form)
    if target is not None:
        target.open(fingerprint(found, evaluator, answers, target.form), resume=resume)
    session = Run(evaluator, found, target, progress)
    return session.run()


def arrow_table(frame: Any) -> pa.Table:
    """Give any frame as an Arrow table, each cell as it is.

    Parameters
    ----------
    frame
        A pandas frame, an Arrow table, anything with an Arrow stream (Polars, DuckDB, Ibis and
        others), a lazy frame of these, a dict of columns or a list of dicts.

    Raises
    ------
    FleetError
        If it is none of these, or two of its columns have one name.
    """
    if isinstance(frame, pa.Table):
        table = frame
    elif isinstance(frame, (pa.RecordBatch, pa.RecordBatchReader)):
        table = pa.table(frame) if isinstance(frame, pa.RecordBatch) else frame.read_all()
    elif type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "items"):
        named = [(str(name), _cells(column)) for name, column in frame.items()]
        table = pa.Table.from_arrays([cells for _, cells in named], [name for name, _ in named])
    elif hasattr(frame, "__arrow_c_stream__"):
        table = pa.table(frame)
    elif hasattr(frame, "collect"):
        return arrow_table(frame.collect())
    elif isinstance(frame, Mapping):
        table = pa.table({str(name): _cells(column) for name, column in frame.items()})
    elif isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame):
        names = list(dict.fromkeys(name for row in frame for name in row))
        table = pa.table({str(name): _cells([row.get(name) for row in frame]) for name in names})
    else:
        raise FleetError(f"{type(frame).__name__} is no frame; give a pandas, Polars or Arrow one")
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise FleetError(f"two columns are named {twice[0]!r}; keep one of them")
    return pa.table([_usual(column) for column in table.columns], names=table.column_names)


def _usual(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column of texts in a type that Arrow can pick from."""
    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        chunks = [
            pa.DictionaryArray.from_arrays(one.indices, one.dictionary.cast(pa.large_string()))
            for one in column.chunks
        ]
        return pa.chunked_array(chunks, pa.dictionary(kind.index_type, pa.large_string()))
    return column


def _cells(column: Any) -> pa.Array:
    """Give a column as Arrow cells, also where its cells are of several types."""
    try:
        cells = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        texts = [None if cell is None or cell != cell else str(cell) for cell in column]
        return pa.array(texts, pa.string())
    return cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
