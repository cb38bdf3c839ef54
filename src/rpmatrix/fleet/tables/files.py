"""Files of facts, Parquet or CSV: found, paired, and read piece by piece."""

from __future__ import annotations

import csv
import io
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.summary import FleetError
from rpmatrix.fleet.tables.columns import are_of_facts, usual_names

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Files(NamedTuple):
    """Files that belong together: the disks of these VMs are in these files."""

    name: str
    vms: tuple[Path, ...]
    disks: tuple[Path, ...]


_SUFFIX_OF_PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


# A spreadsheet calls a table with tabs between its cells a text.
_TEXTS: Final = (".csv", ".txt")


def is_text(path: Path) -> bool:
    """Tell whether a file would hold a table as text, with a header as its first line."""
    return form_of(path) in _TEXTS


def form_of(path: Path) -> str:
    """Give the suffix of a file, that of its compression left out."""
    suffixes = [one.lower() for one in path.suffixes]
    if suffixes and suffixes[-1] in _SUFFIX_OF_PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file cannot be read."""
    try:
        yield
    except (OSError, UnicodeError, pa.ArrowException) as error:
        why = str(error).strip()
        raise FleetError(f"{path} cannot be read ({why}); write it again") from None


def columns_of(path: Path) -> list[str]:
    """Give the names of the columns of a Parquet or CSV file."""
    if form_of(path) == ".parquet":
        import pyarrow.parquet as pq

        with _named(path):
            return usual_names(pq.read_schema(path).names)
    return _header_of(path).names


class _Header(NamedTuple):
    """What the first line of a CSV file tells: its columns, and how the file is written."""

    names: list[str]
    sign: str
    encoding: str
    lines: int = 1  # with those before it that are empty, or name the sign


def _header_of(path: Path) -> _Header:
    """Read the names of the columns of a CSV file, and how its cells are parted and written."""
    with _named(path), pa.input_stream(str(path)) as stream:
        start = bytes(stream.read(65_536))
    encoding = "utf-16" if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else _PLAIN
    lines = re.split(r"\r\n|\r|\n", start.decode(encoding, errors="replace"))
    before = list(takewhile(_NO_HEADER.fullmatch, lines[:-1]))
    first = lines[len(before)].strip(" ")
    told = len(before) + 1
    found = [_Header(usual_names(_cells(first, sign)), sign, encoding, told) for sign in _SIGNS]
    return next((one for one in found if "vm_id" in one.names), found[0])


_PLAIN: Final = "utf-8-sig"
# What may stand above a header: nothing, or what tells a spreadsheet how cells are parted.
_NO_HEADER: Final = re.compile(r"\s*|\ufeff?\"?sep=.\"?", re.IGNORECASE)
# What spreadsheets put between cells, by country.
_SIGNS: Final = (",", ";", "\t", "|")


def _cells(line: str, sign: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=sign), [])]


def holds_facts(path: Path) -> bool:
    """Tell whether a file is a table of facts; it may also be one of records, or no table."""
    if form_of(path) != ".parquet" and not is_text(path):
        return False
    try:
        return are_of_facts(columns_of(path))
    except FleetError:
        # What reads records tells what is wrong with it, and goes on with the others.
        return False


def together(paths: Sequence[Path]) -> list[Files]:
    """Part files of VMs from files of disks, and pair those that are named alike.

    A fleet in partitions has a file of disks for every file of VMs, named alike but for the words
    for VMs and disks: ``vms/part-3.parquet`` and ``disks/part-3.parquet``.
    """
    vms = [path for path in paths if "role" not in columns_of(path)]
    disks = [path for path in paths if path not in vms]
    named = {paired_name(path): path for path in vms}
    pairs = {paired_name(path): path for path in disks}
    if len(named) == len(vms) > 1 and len(pairs) == len(disks) and named.keys() == pairs.keys():
        return [Files(name, (named[name],), (pairs[name],)) for name in sorted(named)]
    return [Files("", tuple(vms), tuple(disks))] if vms else []


def joined_files(several: Iterable[Files]) -> Files:
    """Give files that were paired as ones that belong together."""
    pairs = list(several)
    vms = tuple(path for one in pairs for path in one.vms)
    return Files("", vms, tuple(path for one in pairs for path in one.disks))


def paired_name(path: Path) -> str:
    """Give the name of a file without the words for VMs and disks."""
    return re.sub(r"(?<![a-z])(vms?|disks?)(?![a-z])", "", str(path).lower())


def whole_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give whole numbers that may be written as texts or with a point; what is none is nothing."""
    if pa.types.is_int64(column.type):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        parts = [
            whole_numbers(pa.chunked_array([one.dictionary])).combine_chunks().take(one.indices)
            for one in column.chunks
        ]
        return pa.chunked_array(parts, pa.int64())
    if pa.types.is_nested(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.int64())])
    texts = pc.replace_substring_regex(column.cast(pa.string()), r"^\s*(\d+)(\.0*)?\s*$", r"\1")
    known = pc.fill_null(pc.match_substring_regex(texts, r"^\d{1,18}$"), False)
    return pc.if_else(known, texts, pa.scalar(None, pa.string())).cast(pa.int64())


class LateColumns:
    """Columns that no verdict depends on, left in their files until somebody asks for them.

    Ids of disks are the larger part of what a fleet's files hold. A table that leaves them there
    says in a column where each row comes from.
    """

    names: Final = ("disk_id", "name", "lun")
    origin: Final = "origin"

    def __init__(self) -> None:
        self._pieces: list[Callable[[Sequence[str]], pa.Table]] = []
        # The piece that was read last: the next part begins where it was left.
        self._last: tuple[int, Sequence[str], pa.Table | None] = -1, (), None
        self._lock = Lock()

    def leave(self, table: pa.Table, read: Callable[[Sequence[str]], pa.Table]) -> pa.Table:
        """Say of each row of a table that the rest of it is what `read` gives."""
        with self._lock:
            piece = len(self._pieces)
            self._pieces.append(read)
        origins = (piece << _BITS_OF_ROW) + np.arange(table.num_rows, dtype=np.int64)
        return table.append_column(self.origin, pa.array(origins))

    def whole(self, table: pa.Table) -> pa.Table | Callable[[Sequence[str]], pa.Table]:
        """Give a table as it is, or what gives it with some columns that were left in files."""
        return partial(self._whole, table) if self.origin in table.column_names else table

    def _whole(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        origins = table[self.origin].combine_chunks()
        known = origins.is_valid().to_numpy(zero_copy_only=False)
        places = origins.fill_null(0).to_numpy(zero_copy_only=False)
        pieces = places >> _BITS_OF_ROW
        needed = np.unique(pieces[known])
        read = [self._read(piece, names) for piece in needed.tolist()]
        if not read:
            return table.drop_columns(self.origin)
        starts = np.cumsum([0, *(one.num_rows for one in read)])
        mine = np.searchsorted(needed, pieces).clip(max=len(needed) - 1)
        rows = starts[mine] + (places & (2**_BITS_OF_ROW - 1))
        left = pa.concat_tables(read, promote_options="permissive")
        if known.all() and (np.diff(rows) == 1).all():
            left = left.slice(rows[0], len(rows))
        else:
            left = left.take(pa.array(np.where(known, rows, 0), mask=~known))
        found = table.drop_columns(self.origin)
        for name in left.column_names:
            column = whole_numbers(left[name]) if name == "lun" else left[name]
            if name in found.column_names:
                # Some of the files were read as a whole.
                place = found.column_names.index(name)
                column = pc.coalesce(found[name].cast(column.type), column)
                found = found.remove_column(place)
            found = found.append_column(name, column)
        return found

    def _read(self, piece: int, names: Sequence[str]) -> pa.Table:
        known, columns, table = self._last
        if table is None or (known, columns) != (piece, names):
            table = self._pieces[piece](names)
            self._last = piece, names, table
        return table


_BITS_OF_ROW: Final = 32


class Piece(NamedTuple):
    """Some rows of a file.

    Attributes
    ----------
    table : pyarrow.Table
        The rows.
    file : str
        The path of the file.
    first : int
        How many rows of it, or lines below its header, come before.
    told : int
        How many rows there were, those included that are none.
    weight : float
        How many bytes of it the rows were read from.
    lines : array of int, optional
        How many lines come before each row, after the first ones; left out where each line is a
        row.
    """

    table: pa.Table
    file: str
    first: int
    told: int
    weight: float
    lines: NDArray[np.int64] | None = None

    def number(self, row: int) -> int:
        """Give how many rows or lines of the file come before a row."""
        return self.first + (row if self.lines is None else int(self.lines[row]))


# Told of a line that is no row: the file, the number of the row, the column and what is wrong.
Fail = Callable[[str, int, str, str], None]


def pieces(
    path: Path,
    columns: Sequence[str],
    coded: Sequence[str],
    fail: Fail,
    late: LateColumns | None = None,
) -> Iterator[Callable[[], Piece]]:
    """Give what reads each piece of a file, which may be done by several threads.

    Parameters
    ----------
    path : Path
        A file of facts, Parquet or CSV.
    columns : sequence of str
        The columns to read, of those that the file has.
    coded : sequence of str
        Those of them that are read as codes of distinct texts.
    fail : callable
        Told of lines that are no rows.
    late : LateColumns, optional
        What takes columns that may be left in a file until somebody asks for them.

    Raises
    ------
    FleetError
        Also when a piece is read, if the file cannot be read.
    """
    if form_of(path) == ".parquet":
        return _pieces_of_parquet(path, columns, coded, late)
    return _pieces_of_text(path, columns, coded, fail)


def _pieces_of_parquet(
    path: Path, columns: Sequence[str], coded: Sequence[str], late: LateColumns | None
) -> Iterator[Callable[[], Piece]]:
    import pyarrow.parquet as pq

    size, whole = path.stat().st_size, pq.ParquetFile(path)
    wanted = _named_there(whole, columns)
    left = [name for name in wanted if late is not None and name in late.names]
    for name in left:
        del wanted[name]
    kinds = {field.name: field.type for field in whole.schema_arrow}
    texts = [
        wanted[name] for name in coded if name in wanted and _is_text_type(kinds[wanted[name]])
    ]

    def read(number: int, first: int, weight: float) -> Piece:
        with _named(path):
            mine = pq.ParquetFile(path, metadata=whole.metadata, read_dictionary=texts)
            group = _rows(mine, number, wanted)
        if late is not None and left:
            again = partial(_read_again, path, path.stat(), whole.metadata, number)
            group = late.leave(group, again)
        return Piece(group, str(path), first, group.num_rows, weight)

    first = 0
    for number in range(whole.num_row_groups):
        rows = whole.metadata.row_group(number).num_rows
        yield partial(read, number, first, size * rows / max(whole.metadata.num_rows, 1))
        first += rows


def _named_there(file: Any, columns: Sequence[str]) -> dict[str, str]:
    """Give those of the columns that a Parquet file has, each with what it is called there."""
    names = file.schema_arrow.names
    own = dict(zip(usual_names(names), names, strict=True))
    return {name: own[name] for name in columns if name in own}


def _rows(file: Any, number: int, columns: Mapping[str, str]) -> pa.Table:
    """Read columns of a piece of a Parquet file, under the names that are usual."""
    found = file.read_row_group(number, columns=list(columns.values()), use_threads=False)
    usual = {own: name for name, own in columns.items()}
    plain = [column.cast(_without_views(column.type)) for column in found.columns]
    return pa.table(plain, names=[usual[name] for name in found.column_names])


def _is_text_type(kind: pa.DataType) -> bool:
    """Tell whether a column may be read as codes of distinct texts."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_one(kind) for is_one in texts)


def _without_views(kind: pa.DataType) -> pa.DataType:
    """Give the type to look rows up in; there is no way to do so in views."""
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def _pieces_of_text(
    path: Path, columns: Sequence[str], coded: Sequence[str], fail: Fail
) -> Iterator[Callable[[], Piece]]:
    reader = _TextReader(path, _header_of(path), columns, coded, fail)
    packed = _SUFFIX_OF_PACKED.get(path.suffix.lower())
    encoding = reader.header.encoding
    with _named(path), path.open("rb") as raw, pa.input_stream(raw, compression=packed) as stream:
        if packed or encoding != _PLAIN:
            is_plain = encoding == _PLAIN
            text = stream if is_plain else pa.transcoding_input_stream(stream, encoding, "utf-8")
        else:
            text = raw
        first, at = reader.header.lines - 1, 0
        for lines in _blocks_of_lines(text, reader.header.lines):
            weight = raw.tell() - at
            at += weight
            count = _count(lines, _LINE_END) + (lines[-1] != _LINE_END)
            yield partial(reader.read, lines, count, first, weight)
            first += count


_LINE_END, _QUOTE = ord("\n"), ord('"')


def _count(text: memoryview, sign: int) -> int:
    letters = np.frombuffer(text, np.uint8)
    # Some at a time: what is compared stays near the processor.
    shares = (letters[at : at + _NEAR] for at in range(0, len(letters), _NEAR))
    return sum(int(np.count_nonzero(share == sign)) for share in shares)


_NEAR: Final = 1 << 17


def _blocks_of_lines(stream: Any, header: int) -> Iterator[memoryview]:
    """Give the lines of a table below its header, some megabytes at a time."""
    begun = b""
    while block := stream.read(_BLOCK_OF_LINES):
        text = begun + block if begun else block
        start, stop = 0, text.rfind(b"\n") + 1
        while header and start < stop:
            header, start = header - 1, text.find(b"\n", start) + 1
        if start < stop:
            stop = _end_of_rows(text, start, stop)
            yield memoryview(text)[start:stop]
        begun = text[stop:]
        if stop and begun and stream.seekable():
            # To read a line again takes less time than to put it in front of a block.
            stream.seek(-len(begun), os.SEEK_CUR)
            begun = b""
    if header and b"\r" in begun:
        # An old way to end lines, in which no line seems to end.
        begun = b"\n".join(begun.replace(b"\r", b"\n").split(b"\n")[header:]).rstrip(b"\n")
        header = 0
    if begun and not header:
        yield memoryview(begun)


def _end_of_rows(text: bytes, start: int, stop: int) -> int:
    """Give where whole rows end: a cell in quotes may go on in the next line."""
    if _count(memoryview(text)[start:stop], _QUOTE) % 2 == 0:
        return stop
    end = stop
    for _ in range(_LINES_OF_A_ROW):
        end = text.rfind(b"\n", start, end - 1) + 1
        if not end:
            break
        if text.count(b'"', end, stop) % 2:
            return end
    # A quote that is not closed: it is told of where lines are looked at one by one.
    return stop


_BLOCK_OF_LINES: Final = 4 << 20


class _TextReader:
    """Reads lines of a table; one that has not as many cells as the header is a problem."""

    def __init__(
        self,
        path: Path,
        header: _Header,
        columns: Sequence[str],
        coded: Sequence[str],
        fail: Fail,
    ) -> None:
        self.header = header
        self._path = path
        self._fail = fail
        self._kinds = {
            name: pa.dictionary(pa.int32(), pa.string()) if name in coded else pa.string()
            for name in header.names
            if name in columns
        }

    def read(self, lines: memoryview, count: int, first: int, weight: float) -> Piece:
        """Read some lines, `count` of them; `first` others come before."""
        table = self._table(lines)
        if table.num_rows == count:
            return Piece(table, str(self._path), first, count, weight)
        # Some lines are empty or no rows, or a cell goes on in the next line: they are looked at
        # one by one. A quote that is not closed would take all that follows for one cell.
        text = _decoded(lines)
        rows = list(_whole_rows(text.split("\n"), self.header))
        good = [row for row in rows if not row.fault]
        for row in rows:
            if row.fault:
                self._fail(str(self._path), first + row.line, "", row.fault)
        content = io.StringIO()
        writer = csv.writer(content, delimiter=self.header.sign, lineterminator="\n")
        writer.writerows(row.cells for row in good)
        mended = memoryview(content.getvalue().encode())
        table = self._parsed(mended) if good else table.slice(0, 0)
        numbers = np.array([row.line for row in good], np.int64)
        return Piece(table, str(self._path), first, len(rows), weight, numbers)

    def _table(self, lines: memoryview) -> pa.Table:
        try:
            return self._parsed(lines)
        except pa.ArrowInvalid:
            # Names may be written in another encoding; ids and values of facts are plain letters.
            with _named(self._path):
                return self._parsed(memoryview(_decoded(lines).encode()))

    def _parsed(self, text: memoryview) -> pa.Table:
        from pyarrow import csv as tables

        return tables.read_csv(
            pa.py_buffer(text),
            read_options=tables.ReadOptions(
                column_names=self.header.names, use_threads=False, block_size=len(text) + 1
            ),
            parse_options=tables.ParseOptions(
                delimiter=self.header.sign,
                newlines_in_values=False,
                invalid_row_handler=lambda row: "skip",
            ),
            convert_options=tables.ConvertOptions(
                column_types=self._kinds,
                include_columns=list(self._kinds),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )


def _decoded(lines: memoryview) -> str:
    """Give lines as text; those that are no UTF-8 may be of an older spreadsheet."""
    return "\n".join(map(_decoded_line, bytes(lines).split(b"\n")))


def _decoded_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


class _Row(NamedTuple):
    """A row of a table: how many lines come before, its cells, and what is wrong with it."""

    line: int
    cells: Sequence[str] = ()
    fault: str = ""


def _whole_rows(lines: Sequence[str], header: _Header) -> Iterator[_Row]:
    """Part lines into rows, of which some have cells that go on in the next line."""
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        cells, stop = _row_from(lines, at, header)
        if cells is None:
            yield _Row(at, fault="a quote is opened and not closed; close it, or write it twice")
        elif len(cells) != len(header.names):
            told = f"the row has {len(cells)} cells, not {len(header.names)}"
            yield _Row(at, fault=f"{told}; see whether a {header.sign!r} wants quotes")
        else:
            yield _Row(at, cells)
        at = stop


def _row_from(lines: Sequence[str], at: int, header: _Header) -> tuple[list[str] | None, int]:
    """Give the cells of the row that begins with a line, and the line after it.

    A line that is a row by itself belongs to no other one.
    """
    width = len(header.names)
    for stop in range(at + 1, min(at + _LINES_OF_A_ROW, len(lines)) + 1):
        cells = _cells_of_row("\n".join(lines[at:stop]), header.sign)
        if cells is not None:
            return cells, stop
        if stop < len(lines) and len(_cells_of_row(lines[stop], header.sign) or ()) == width:
            break
    return None, at + 1


# How many lines a row may have at the most, with cells that go on in the next one.
_LINES_OF_A_ROW: Final = 50


def _cells_of_row(text: str, sign: str) -> list[str] | None:
    """Give the cells of a row; None if a quote is not closed."""
    try:
        rows = list(csv.reader([text], delimiter=sign, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _read_again(
    path: Path, known: os.stat_result, metadata: Any, number: int, columns: Sequence[str]
) -> pa.Table:
    """Read more columns of a piece of a Parquet file, if it is the same file still."""
    import pyarrow.parquet as pq

    with _named(path):
        now = path.stat()
        if (now.st_size, now.st_mtime_ns) != (known.st_size, known.st_mtime_ns):
            raise FleetError(f"{path} was changed after it had been judged; judge it again")
        whole = pq.ParquetFile(path, metadata=metadata)
        return _rows(whole, number, _named_there(whole, columns))
