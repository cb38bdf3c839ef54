"""Frames of any kind as Arrow tables of facts, or as Azure's own records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from rpmatrix.fleet.parts import FleetError
from rpmatrix.fleet.sources import Opened, arrow_rows, arrow_texts, open_rows, value_rows
from rpmatrix.fleet.tables.columns import are_of_facts, usual_names

_IDS_OF_RECORDS: Final = {"id", "resourceid"}


def readable_again(frame: Any) -> Any:
    """Give a frame that can be read more than once; a stream can be read only once."""
    if _is_pandas(frame):
        return _with_index(frame)
    return frame if isinstance(frame, (Mapping, Sequence)) else arrow_table(frame)


def _with_index(frame: Any) -> Any:
    """Make columns of what rows of a pandas frame are named by, as ids often are."""
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(level=levels) if levels else frame


def holds_records(frame: Any) -> bool:
    """Tell a frame of Azure's own records from a table of facts.

    Parameters
    ----------
    frame
        As :func:`arrow_table` takes it.

    Raises
    ------
    FleetError
        If it is no frame, or neither of the two.
    """
    names = column_names(frame)
    if are_of_facts(names):
        return False
    if _IDS_OF_RECORDS & {name.lower() for name in names}:
        return True
    told = ", ".join(names[:8]) or "nothing"
    raise FleetError(
        f"there is no column 'vm_id', as tables of facts have it, and no column 'id', as Azure's "
        f"own records have it, only {told}; add the one or the other"
    )


def column_names(frame: Any) -> list[str]:
    """Give the names of the columns of a frame."""
    if _is_pandas(frame):
        return [str(name) for name in frame.columns]
    if isinstance(frame, Mapping):
        return [str(name) for name in frame]
    if _is_rows(frame):
        return [str(name) for name in dict.fromkeys(name for row in frame for name in row)]
    names: list[str] = arrow_table(frame).column_names
    return names


def open_frame(name: str, frame: Any) -> Opened:
    """Open a frame of Azure's own records.

    Parameters
    ----------
    name : str
        What to call it in problems.
    frame
        As :func:`arrow_table` takes it: one row per record, with an ``id`` and, as a rule, with
        ``properties`` as an object or as JSON text. Of a frame without ``properties`` columns may
        have been left out: what it does not show is not known, and not at its default. A list of
        dicts is a list of records, which are whole.
    """
    if _is_rows(frame):
        return open_rows(name, value_rows(frame))
    _refuse_names_used_twice(column_names(frame))
    if _is_pandas(frame):
        columns = {str(label): column.tolist() for label, column in frame.items()}
        rows = value_rows(_rows_of(columns))
    elif isinstance(frame, Mapping):
        rows = value_rows(_rows_of({str(label): list(cells) for label, cells in frame.items()}))
    else:
        rows = arrow_rows(arrow_table(frame).to_batches())
    whole = "properties" in {label.lower() for label in column_names(frame)}
    return open_rows(name, rows, projected=not whole)


def _rows_of(columns: Mapping[str, list[Any]]) -> Iterable[dict[str, Any]]:
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def _is_pandas(frame: Any) -> bool:
    return type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "items")


def _is_rows(frame: Any) -> bool:
    return isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame)


def _refuse_names_used_twice(names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise FleetError(f"two columns are named {twice[0]!r}; keep one of them")


def fact_table(frame: Any) -> pa.Table:
    """Give a frame of facts as an Arrow table, its columns named as facts are.

    Parameters
    ----------
    frame
        As :func:`arrow_table` takes it.

    Raises
    ------
    FleetError
        As :func:`arrow_table` does.
    """
    table = arrow_table(frame)
    return table.rename_columns(usual_names(table.column_names))


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
    elif _is_pandas(frame):
        named = [(str(name), _cells(column)) for name, column in frame.items()]
        table = pa.Table.from_arrays([cells for _, cells in named], [name for name, _ in named])
    elif hasattr(frame, "__arrow_c_stream__"):
        table = pa.table(frame)
    elif hasattr(frame, "collect"):
        return arrow_table(frame.collect())
    elif isinstance(frame, Mapping):
        table = pa.table({str(name): _cells(column) for name, column in frame.items()})
    elif _is_rows(frame):
        names = list(dict.fromkeys(name for row in frame for name in row))
        table = pa.table({str(name): _cells([row.get(name) for row in frame]) for name in names})
    else:
        raise FleetError(f"{type(frame).__name__} is no frame; give a pandas, Polars or Arrow one")
    _refuse_names_used_twice(table.column_names)
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
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeEncodeError):
        texts = [None if cell is None or cell != cell else str(cell) for cell in column]
        return arrow_texts(texts)
    return cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
