"""Tables of facts, in memory or in files: read in batches, joined, judged in parts."""

from __future__ import annotations

import csv
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.column_cases import ROLES
from rpmatrix.columns import ColumnEvaluator
from rpmatrix.fact_columns import are_of_facts, columns_not_read, usual_names
from rpmatrix.parts import DISK_COLUMNS, VM_COLUMNS, FleetError, Part, names_of
from rpmatrix.records import Problem
from rpmatrix.summaries import Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray


# VMs judged at a time: enough that what is done once per part does not count.
PART: Final = 131_072
PROBLEM_COLUMNS: Final = ("file", "record", "path", "message")
_T = TypeVar("_T")


# --------------------------------------------------------------------------- tables in batches


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a table of facts: who they are, and the numbers of what is known of them."""

    about: pa.Table
    known: NDArray[np.int32]
    weight: float = 0  # bytes of input that it was read from

    def rows(self, places: NDArray[np.integer[Any]]) -> Batch:
        """Give some rows, in rising order; those that stand together are not copied."""
        first, count = int(places[0]), len(places)
        if int(places[-1]) - first == count - 1:
            return Batch(self.about.slice(first, count), self.known[first : first + count])
        return Batch(self.about.take(places), self.known.take(places))


class TableReader:
    """Turns tables of facts into batches, and keeps what does not fit."""

    def __init__(self, evaluator: ColumnEvaluator) -> None:
        self._evaluator = evaluator
        self.problems: dict[Problem, None] = {}
        self.rows = 0
        self.rows_of: dict[str, int] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def vms(
        self, table: pa.Table, file: str = "", first: int = 0, *, pool: Executor | None = None
    ) -> Batch:
        """Read rows of VMs; a row without an id is a problem."""
        table = self._identified(table, file, first)
        about = table.select([name for name in VM_COLUMNS if name in table.column_names])
        known = self._evaluator.encode_vms(table, pool)
        self._tell_refused(file)
        return Batch(about, known)

    def disks(
        self, table: pa.Table, file: str = "", first: int = 0, *, pool: Executor | None = None
    ) -> Batch:
        """Read rows of disks; one that does not tell its role stands for a disk not listed."""
        table = self._identified(table, file, first)
        if "role" not in table.column_names:
            message = "there is no column 'role', which says os or data; add it"
            raise FleetError(f"{file or 'the table of disks'}: {message}")
        named = (*DISK_COLUMNS, LateColumns.origin)
        about = table.select([name for name in named if name in table.column_names])
        known = _with_role(table["role"])
        if pc.all(known).as_py() is not False:
            numbers = self._evaluator.encode_disks(table, pool)
            self._tell_refused(file)
            return Batch(about, numbers)
        good = np.flatnonzero(known.to_numpy())
        bad = np.flatnonzero(~known.to_numpy())
        for row in bad.tolist():
            told = f"the role of a disk is os or data, not {table['role'][row].as_py()!r}"
            self.fail(file, first + row, "role", f"{told}; the disk counts as not known")
        known = np.zeros(table.num_rows, np.int32)
        known[good] = self._evaluator.encode_disks(table.take(good))
        self._tell_refused(file)
        known[bad] = self._evaluator.unlisted(np.ones(len(bad), np.uint8))
        return Batch(about, known)

    def _identified(self, table: pa.Table, file: str, first: int) -> pa.Table:
        # Rows may be read more than once, and by several threads.
        with self._lock:
            more = first + table.num_rows - self.rows_of.get(file, 0)
            if more > 0 and file:
                self.rows_of[file] = first + table.num_rows
            self.rows += max(more, 0)
        if "vm_id" not in table.column_names:
            named = ", ".join(table.column_names[:8])
            raise FleetError(
                f"{file or 'the table'}: there is no column 'vm_id', only {named}; a table of "
                "facts has one row per VM or disk, named by the id of the VM"
            )
        ids = table["vm_id"]
        text = ids.type.value_type if pa.types.is_dictionary(ids.type) else ids.type
        if not (pa.types.is_string(text) or pa.types.is_large_string(text)):
            ids = ids.cast(pa.string())
            table = table.set_column(table.column_names.index("vm_id"), "vm_id", ids)
        if not ids.null_count:
            return table
        for row in np.flatnonzero(ids.is_null().to_numpy()).tolist():
            self.fail(file, first + row, "vm_id", "the row names no VM; give it an id")
        return table.filter(ids.is_valid())

    def fail(self, file: str, row: int, path: str, message: str) -> None:
        """Note what does not fit, by its row; in a file of text the header is the first one."""
        first = 2 if form_of(Path(file)) in _TEXTS else 1
        self.problems[Problem(file, f"row {row + first}", path, message)] = None

    def look_at(self, names: Sequence[str], file: str, *, of_disks: bool) -> None:
        """Note columns that are not read and look as if they should be."""
        beside, grain = (DISK_COLUMNS, "disk") if of_disks else (VM_COLUMNS, "vm")
        grains = {fact.id: fact.grain for fact in self._evaluator.matrix.facts.values()}
        for name, message in columns_not_read(names, beside, grains, grain):
            self.problems[Problem(file, "", name, message)] = None

    def _tell_refused(self, file: str) -> None:
        """Note which cells hold what their fact does not allow, with the file that had one first.

        They are noted again with every table: problems may have been forgotten since.
        """
        for fact, cell in self._evaluator.refused():
            where = self._refused.setdefault((fact, cell), file)
            message = (
                f"{cell!r} is no value of this fact and counts as not known; "
                "for its values see: rpmatrix facts"
            )
            self.problems[Problem(where, "", fact, message)] = None


def _with_role(roles: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which rows say that a disk is the OS disk or a data disk."""
    if not pa.types.is_dictionary(roles.type):
        roles = roles.cast(pa.string()).dictionary_encode()
    found = []
    for chunk in roles.chunks:
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(chunk.dictionary.cast(pa.string())))
        is_role = pc.fill_null(pc.is_in(texts, pa.array(ROLES)), False)
        found.append(pc.fill_null(is_role.take(chunk.indices), False))
    return pa.chunked_array(found, pa.bool_())


def _ahead(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], _T]], depth: int) -> Iterator[_T]:
    """Run jobs in threads, some ahead of what is asked for, and give what they give in order."""
    waiting = iter(jobs)
    running: list[Future[_T]] = [pool.submit(job) for job in islice(waiting, depth)]
    while running:
        found = running.pop(0).result()
        running += [pool.submit(job) for job in islice(waiting, 1)]
        yield found


# --------------------------------------------------------------------------- disks to their VMs


class OutOfOrderError(Exception):
    """Disks come in another order than their VMs: they cannot be joined in one pass."""


class DisksOfParts:
    """Gives the disks of each part, from batches in the order of the VMs.

    Disks of VMs that come later are held. If that would be too many, the order is another one and
    :class:`OutOfOrderError` is raised; without a limit, all batches are gone through for every part
    and nothing is held.
    """

    def __init__(self, batches: Iterator[Batch], most_held: int | None) -> None:
        self._batches = batches
        self._most = most_held
        self.held: list[Batch] = []
        self.rows = self.owned = 0  # gone through, and found to be of some VM

    def of(self, ids: pa.Array) -> tuple[list[Batch], list[NDArray[np.int64]]]:
        """Give batches of the disks of these VMs, and for each row the place of its VM."""
        join = Join(ids, in_order=self._most is not None)
        found: list[Batch] = []
        owners: list[NDArray[np.int64]] = []
        held, self.held = self.held, []
        for batch in held:
            self._sort_out(join, batch, found, owners)
        for batch in self._batches:
            self.rows += len(batch.known)
            passed = self._sort_out(join, batch, found, owners)
            if self._most is None:
                self.held.clear()
                continue
            if sum(len(one.known) for one in self.held) > self._most:
                raise OutOfOrderError
            if passed:
                break
        self.owned += sum(map(len, owners))
        return found, owners

    def _sort_out(
        self,
        join: Join,
        batch: Batch,
        found: list[Batch],
        owners: list[NDArray[np.int64]],
    ) -> bool:
        """Part what belongs to these VMs from what does not; tell whether the last row does not."""
        if not len(batch.known):
            return False
        places = join.places(batch.about["vm_id"])
        mine = places >= 0
        if mine.all():
            found.append(batch)
            owners.append(places)
            return False
        for chosen, target in ((mine, found), (~mine, self.held)):
            rows = np.flatnonzero(chosen)
            if len(rows):
                target.append(batch.rows(rows))
        if mine.any():
            owners.append(places[mine])
        return not mine[-1]


class Join:
    """Finds the place of a VM by its id, fast where disks come in the order of the VMs.

    If they are to come in order, what follows the disks of the last VM is of none of them.
    """

    def __init__(self, ids: pa.Array, *, in_order: bool) -> None:
        self._ids = ids.cast(pa.string()) if pa.types.is_dictionary(ids.type) else ids
        self._in_order = in_order
        self._lowered: pa.Array | None = None
        self._next = 0

    def places(self, column: pa.ChunkedArray) -> NDArray[np.int64]:
        """Give for each row the place of its VM, -1 if it is none of these."""
        found = [self._places(chunk) for chunk in column.chunks]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _places(self, column: pa.Array) -> NDArray[np.int64]:
        if not len(column):
            return np.zeros(0, np.int64)
        # Disks of one VM stand together: look only at the first of them.
        if pa.types.is_dictionary(column.type):
            codes = column.indices.to_numpy(zero_copy_only=False)
            starts = np.flatnonzero(np.diff(codes, prepend=-1))
            heads = column.dictionary.take(pa.array(codes[starts]))
        else:
            changes = pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
            starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
            heads = column.take(pa.array(starts))
        counts = np.diff(starts, append=len(column))
        return np.repeat(self._heads(heads.cast(pa.string())), counts)

    def _heads(self, heads: pa.Array) -> NDArray[np.int64]:
        """Follow the ids of disks along those of VMs, some of which have none."""
        found = np.full(len(heads), -1, np.int64)
        ids, at, skips = self._ids, 0, 0
        if not self._in_order:
            self._look_up(heads, 0, found)
            return found
        while at < len(heads) and self._next < len(ids):
            mine = heads[at : at + _STRIDE]
            theirs = ids[self._next : self._next + len(mine)]
            same = pc.equal(mine[: len(theirs)], theirs).to_numpy(zero_copy_only=False)
            length = len(same) if same.all() else int(same.argmin())
            found[at : at + length] = np.arange(self._next, self._next + length)
            at += length
            self._next += length
            if length == len(same):
                continue
            near = ids[self._next : self._next + _STRIDE]
            ahead = pc.index(near, heads[at]).as_py()
            if ahead < 0 or (skips := skips + 1) > _STRIDE:
                self._look_up(heads, at, found)
                break
            self._next += ahead
        # The last VM may go on in the next batch.
        self._next = max(self._next - 1, 0)
        return found

    def _look_up(self, heads: pa.Array, at: int, found: NDArray[np.int64]) -> None:
        """Find what comes in another order, or is written otherwise."""
        if self._lowered is None:
            self._lowered = pc.utf8_lower(self._ids)
        places = pc.index_in(pc.utf8_lower(heads[at:]), value_set=self._lowered)
        found[at:] = places.fill_null(-1).to_numpy(zero_copy_only=False)
        if found[-1] >= 0:
            self._next = int(found[-1]) + 1


# How many ids are compared at a time, and how far one is looked for.
_STRIDE: Final = 4096


def _with_unlisted(
    evaluator: ColumnEvaluator, disks: Batch, owners: NDArray[np.int64], vms: int
) -> tuple[Batch, NDArray[np.int64]]:
    """Add a stand-in for the disks that no row tells of: nothing is known of them.

    Every VM has an OS disk; a VM of which no disk is told may have any.
    """
    of_os = owners[evaluator.roles(disks.known) == ROLES.index("os")]
    without_os = np.flatnonzero(np.bincount(of_os, minlength=vms) == 0)
    without_any = np.flatnonzero(np.bincount(owners, minlength=vms) == 0)
    if not len(without_os):
        return disks, owners
    added = np.concatenate([without_os, without_any])
    kinds = np.repeat(np.array([0, 1], np.uint8), [len(without_os), len(without_any)])
    order = np.argsort(np.concatenate([owners, added]), kind="stable")
    known = np.concatenate([disks.known, evaluator.unlisted(kinds)])[order]
    roles_of = pa.array(["os", "data"]).take(pa.array(kinds))
    blank = pa.table(
        [
            roles_of.cast(column.type)
            if column.name == "role"
            else pa.nulls(len(kinds), column.type)
            for column in disks.about.schema
        ],
        schema=disks.about.schema,
    )
    about = pa.concat_tables([disks.about, blank]).take(order)
    return Batch(about, known), np.concatenate([owners, added])[order]


# --------------------------------------------------------------------------- files of facts


class Files(NamedTuple):
    """Files that belong together: the disks of these VMs are in these files."""

    name: str
    vms: tuple[Path, ...]
    disks: tuple[Path, ...]


_SUFFIX_OF_PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


# A spreadsheet calls a table with tabs between its cells a text.
_TEXTS: Final = (".csv", ".txt")


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


def _columns_of(path: Path) -> list[str]:
    """Give the names of the columns of a Parquet or CSV file."""
    if form_of(path) == ".parquet":
        import pyarrow.parquet as pq

        with _named(path):
            names: list[str] = pq.read_schema(path).names
        return names
    return _header_of(path).names


class _Header(NamedTuple):
    """What the first line of a CSV file tells: its columns, and how the file is written."""

    names: list[str]
    sign: str
    encoding: str


def _header_of(path: Path) -> _Header:
    """Read the names of the columns of a CSV file, and how its cells are parted and written."""
    with _named(path), pa.input_stream(str(path)) as stream:
        start = bytes(stream.read(65_536))
    encoding = "utf-16" if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    first = re.split(r"[\r\n]", start.decode(encoding, errors="replace"), maxsplit=1)[0].strip()
    found = [_Header(usual_names(_cells(first, sign)), sign, encoding) for sign in _SIGNS]
    return next((one for one in found if "vm_id" in one.names), found[0])


# What spreadsheets put between cells, by country.
_SIGNS: Final = (",", ";", "\t", "|")


def _cells(line: str, sign: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=sign), [])]


def holds_facts(path: Path) -> bool:
    """Tell whether a file is a table of facts; it may also be one of records, or no table."""
    if form_of(path) not in (".parquet", *_TEXTS):
        return False
    try:
        return are_of_facts(_columns_of(path))
    except FleetError:
        # What reads records tells what is wrong with it, and goes on with the others.
        return False


def together(paths: Sequence[Path]) -> list[Files]:
    """Part files of VMs from files of disks, and pair those that are named alike.

    A fleet in partitions has a file of disks for every file of VMs, named alike but for the words
    for VMs and disks: ``vms/part-3.parquet`` and ``disks/part-3.parquet``.
    """
    vms = [path for path in paths if "role" not in _columns_of(path)]
    disks = [path for path in paths if path not in vms]
    named = {paired_name(path): path for path in vms}
    pairs = {paired_name(path): path for path in disks}
    if len(named) == len(vms) > 1 and len(pairs) == len(disks) and named.keys() == pairs.keys():
        return [Files(name, (named[name],), (pairs[name],)) for name in sorted(named)]
    return [Files("", tuple(vms), tuple(disks))] if vms else []


def paired_name(path: Path) -> str:
    """Give the name of a file without the words for VMs and disks."""
    return re.sub(r"(?<![a-z])(vms?|disks?)(?![a-z])", "", str(path).lower())


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
            found = found.append_column(name, left[name])
        return found

    def _read(self, piece: int, names: Sequence[str]) -> pa.Table:
        known, columns, table = self._last
        if table is None or (known, columns) != (piece, names):
            table = self._pieces[piece](names)
            self._last = piece, names, table
        return table


_BITS_OF_ROW: Final = 32


def _jobs(
    path: Path,
    columns: Sequence[str],
    coded: Sequence[str],
    make: Callable[[pa.Table, str, int], Batch],
    fail: Callable[[str, int, str, str], None],
    late: LateColumns | None = None,
) -> Iterator[Callable[[], Batch]]:
    """Give what reads each piece of a file; `fail` is told of lines that are no rows."""
    size = path.stat().st_size
    if form_of(path) == ".parquet":
        import pyarrow.parquet as pq

        whole = pq.ParquetFile(path)
        wanted = [name for name in columns if name in whole.schema_arrow.names]
        left = [name for name in wanted if late is not None and name in late.names]
        wanted = [name for name in wanted if name not in left]
        texts = [name for name in coded if name in wanted]
        first = 0
        for number in range(whole.num_row_groups):
            rows = whole.metadata.row_group(number).num_rows
            weight = size * rows / max(whole.metadata.num_rows, 1)

            def read(number: int = number, first: int = first, weight: float = weight) -> Batch:
                with _named(path):
                    mine = pq.ParquetFile(path, metadata=whole.metadata, read_dictionary=texts)
                    group = mine.read_row_group(number, columns=wanted, use_threads=False)
                if late is not None and left:
                    again = partial(_read_again, path, path.stat(), whole.metadata, number)
                    group = late.leave(group, again)
                return replace(make(group, str(path), first), weight=weight)

            yield read
            first += rows
        return
    names, sign, encoding = _header_of(path)
    read_lines = partial(_read_lines, names, sign, columns, coded, str(path), fail)
    packed = _SUFFIX_OF_PACKED.get(path.suffix.lower())
    with _named(path), path.open("rb") as raw, pa.input_stream(raw, compression=packed) as stream:
        first = at = 0
        if packed or encoding != "utf-8-sig":
            plain = encoding == "utf-8-sig"
            text = stream if plain else pa.transcoding_input_stream(stream, encoding, "utf-8")
            blocks = _blocks_of_stream(text)
        else:
            blocks = _blocks_of_file(raw)
        for lines, share in blocks:
            weight = raw.tell() - at if share is None else share
            at += weight
            yield partial(_made, make, partial(read_lines, lines, first), str(path), first, weight)
            first += int(np.count_nonzero(np.frombuffer(lines, np.uint8) == _LINE_END))


_LINE_END: Final = ord("\n")


def _blocks_of_file(file: BinaryIO) -> Iterator[tuple[memoryview, int | None]]:
    """Give the lines of a file below its header, some megabytes at a time, without copying them.

    With each block comes its weight, the bytes of the file that it was read from.
    """
    size = os.fstat(file.fileno()).st_size
    if not size:
        return
    content = mmap(file.fileno(), 0, access=ACCESS_READ)
    start = content.find(b"\n") + 1
    if not start:
        yield from _blocks_of_stream(file)
        return
    view, read = memoryview(content), 0
    while start < size:
        stop = content.rfind(b"\n", start, start + _BLOCK_OF_LINES) + 1
        stop = stop or content.find(b"\n", start) + 1 or size
        yield view[start:stop], stop - read
        start = read = stop


def _blocks_of_stream(stream: Any) -> Iterator[tuple[memoryview, int | None]]:
    """Give the same of what cannot be mapped into memory; the weight is not known."""
    begun, header = b"", True
    while block := stream.read(_BLOCK_OF_LINES):
        text = begun + block
        start, stop = 0, text.rfind(b"\n") + 1
        if header and stop:
            header, start = False, text.find(b"\n") + 1
        if start < stop:
            yield memoryview(text)[start:stop], None
        begun = text[stop:]
    if header and b"\r" in begun:
        # An old way to end lines, in which no line seems to end.
        begun = begun.replace(b"\r", b"\n").partition(b"\n")[2].rstrip(b"\n")
        header = False
    if begun and not header:
        yield memoryview(begun), None


_BLOCK_OF_LINES: Final = 4 << 20


def _read_lines(
    names: Sequence[str],
    sign: str,
    columns: Sequence[str],
    coded: Sequence[str],
    file: str,
    fail: Callable[[str, int, str, str], None],
    lines: memoryview,
    first: int,
) -> pa.Table:
    """Read lines of a table; one that has not as many cells as the header is a problem."""
    from pyarrow import csv as tables

    def skip(row: Any) -> str:
        told = f"the row has {row.actual_columns} cells, not {row.expected_columns}"
        fail(file, first + row.number - 1, "", f"{told}; see whether a {sign!r} wants quotes")
        return "skip"

    kinds = {
        name: pa.dictionary(pa.int32(), pa.string()) if name in coded else pa.string()
        for name in names
        if name in columns
    }

    def read(text: memoryview | bytes) -> pa.Table:
        return tables.read_csv(
            pa.py_buffer(text),
            read_options=tables.ReadOptions(
                column_names=list(names), use_threads=False, block_size=len(text) + 1
            ),
            parse_options=tables.ParseOptions(
                delimiter=sign, newlines_in_values=False, invalid_row_handler=skip
            ),
            convert_options=tables.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )

    try:
        return read(lines)
    except pa.ArrowInvalid:
        # Names may be written in another encoding; ids and values of facts are plain letters.
        return read(bytes(lines).decode("cp1252", errors="replace").encode())


def _read_again(
    path: Path, known: os.stat_result, metadata: Any, number: int, columns: Sequence[str]
) -> pa.Table:
    """Read more columns of a piece of a Parquet file, if it is the same file still."""
    import pyarrow.parquet as pq

    now = path.stat()
    if (now.st_size, now.st_mtime_ns) != (known.st_size, known.st_mtime_ns):
        raise FleetError(f"{path} was changed after it had been judged; judge it again")
    whole = pq.ParquetFile(path, metadata=metadata)
    wanted = [name for name in columns if name in whole.schema_arrow.names]
    return whole.read_row_group(number, columns=wanted, use_threads=False)


def _made(
    make: Callable[[pa.Table, str, int], Batch],
    read: Callable[[], pa.Table],
    file: str,
    first: int,
    weight: int,
) -> Batch:
    return replace(make(read(), file, first), weight=weight)


# --------------------------------------------------------------------------- the run


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
        self.reader.rows = self.disks_without_vm = self.repeated_records = 0
        self.reader.problems.clear()
        self.reader.rows_of.clear()
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
        with ThreadPoolExecutor(self._threads) as pool:
            of_vms = self.reader.vms(vms, pool=pool)
            of_disks = self.reader.disks(_NO_DISKS if disks is None else disks, pool=pool)
        yield from self._parts(iter([of_vms]), iter([of_disks]), len(of_disks.known) + 1)

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
                self._weighed(_ahead(pool, jobs, self._threads + 1)) for jobs in self._jobs(files)
            )
            if in_order:
                yield from self._parts(of_vms, of_disks, 4 * PART)
                self._check_order(files)
                return
            all_of_them = owned = 0
            for batch in _gathered(of_vms, PART):
                disks = DisksOfParts(_gathered(self._all_disks(files), 4 * PART), None)
                yield self._part(batch, disks)
                all_of_them, owned = disks.rows, owned + disks.owned
            self.disks_without_vm += max(all_of_them - owned, 0)

    def _weighed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self.read += batch.weight
            yield batch

    def _all_disks(self, files: Files) -> Iterator[Batch]:
        return (job() for job in self._jobs(files)[1])

    def _jobs(self, files: Files) -> list[Iterator[Callable[[], Batch]]]:
        evaluator, reader = self.evaluator, self.reader
        of_vms = [*VM_COLUMNS, *evaluator.vm_facts], ["location", *evaluator.vm_facts]
        of_disks = [*DISK_COLUMNS, *evaluator.disk_facts]
        coded = ["vm_id", "role", "listed", *evaluator.disk_facts]
        for path in (*files.vms, *files.disks):
            reader.look_at(_columns_of(path), str(path), of_disks=path in files.disks)
        return [
            chain.from_iterable(
                _jobs(path, *of_vms, reader.vms, reader.fail) for path in files.vms
            ),
            chain.from_iterable(
                _jobs(path, of_disks, coded, reader.disks, reader.fail, self._late)
                for path in files.disks
            ),
        ]

    def _parts(
        self, vms: Iterator[Batch], disks: Iterator[Batch], most_held: int
    ) -> Iterator[Part]:
        held = DisksOfParts(disks, most_held)
        for batch in _gathered(vms, PART):
            yield self._part(batch, held)
        self._left = [*held.held, *disks]
        self.disks_without_vm += sum(len(batch.known) for batch in self._left)

    def _check_order(self, files: Files) -> None:
        """See whether a disk that found no VM belongs to one that had been judged before."""
        if not self._left:
            return
        names = pa.concat_arrays(
            [
                pc.utf8_lower(chunk.cast(pa.string())).unique()
                for batch in self._left
                for chunk in batch.about["vm_id"].chunks
            ]
        )
        for path in files.vms:
            for job in _jobs(path, ["vm_id"], [], self.reader.vms, self.reader.fail):
                ids = pc.utf8_lower(job().about["vm_id"].cast(pa.string()))
                if pc.any(pc.is_in(ids, value_set=names)).as_py():
                    raise OutOfOrderError

    def _part(self, vms: Batch, held: DisksOfParts) -> Part:
        ids = vms.about["vm_id"].combine_chunks()
        found, owners = held.of(ids)
        disks = _joined(found) if found else self.reader.disks(_NO_DISKS)
        places = np.concatenate(owners) if owners else np.zeros(0, np.int64)
        if len(places) and (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            places, disks = places[order], Batch(disks.about.take(order), disks.known.take(order))
        disks, places = _with_unlisted(self.evaluator, disks, places, len(vms.known))

        def names() -> Iterator[tuple[str, str]]:
            return zip(names_of(vms.about).to_pylist(), ids.to_pylist(), strict=True)

        judged = self.evaluator.judge(vms.known, disks.known, places.astype(np.int32), names)
        told = self.evaluator.count_listed(disks.known)
        return Part(vms.about, self._late.whole(disks.about), judged, told)


_NO_DISKS: Final = pa.table({"vm_id": pa.array([], pa.string()), "role": pa.array([], pa.string())})


def _gathered(batches: Iterator[Batch], rows: int) -> Iterator[Batch]:
    """Put small batches together until they have some number of rows."""
    waiting: list[Batch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(one.known) for one in waiting) >= rows:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    tables = [batch.about for batch in batches]
    return Batch(
        pa.concat_tables(tables, promote_options="permissive"),
        np.concatenate([batch.known for batch in batches]),
    )
