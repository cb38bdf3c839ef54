"""Tables of facts in batches: rows with the numbers of what is known, and disks joined to VMs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.columns.cases import ROLES
from rpmatrix.fleet.columns.evaluate import ColumnEvaluator
from rpmatrix.fleet.parts import DISK_COLUMNS, VM_COLUMNS
from rpmatrix.fleet.summary import FleetError
from rpmatrix.fleet.tables.columns import columns_not_read
from rpmatrix.fleet.tables.files import LateColumns, Piece, is_text, whole_numbers
from rpmatrix.inventory.records import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a table of facts.

    Attributes
    ----------
    about : pyarrow.Table
        Who they are: the columns beside the facts.
    known : array of int
        The number of what is known of each, as the evaluator gives it.
    weight : float
        The bytes of input that they were read from.
    """

    about: pa.Table
    known: NDArray[np.int32]
    weight: float = 0

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
        self._met: set[tuple[str, int]] = set()
        self._refused: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def vms(self, piece: Piece, *, pool: Executor | None = None) -> Batch:
        """Read rows of VMs; a row without an id is a problem."""
        piece = self._identified(piece)
        table, file = piece.table, piece.file
        about = self._about(table, VM_COLUMNS, file)
        known = self._evaluator.encode_vms(table, pool)
        self._tell_refused(file)
        return Batch(about, known, piece.weight)

    def disks(self, piece: Piece, *, pool: Executor | None = None) -> Batch:
        """Read rows of disks; one that does not tell its role stands for a disk not listed."""
        piece = self._identified(piece)
        table, file = piece.table, piece.file
        if "role" not in table.column_names:
            message = "there is no column 'role', which says os or data; add it"
            raise FleetError(f"{file or 'the table of disks'}: {message}")
        about = self._about(table, (*DISK_COLUMNS, LateColumns.origin), file)
        if "lun" in about.column_names:
            place = about.column_names.index("lun")
            about = about.set_column(place, "lun", whole_numbers(about["lun"]))
        known = _with_role(table["role"])
        if pc.all(known).as_py() is not False:
            numbers = self._evaluator.encode_disks(table, pool)
            self._tell_refused(file)
            return Batch(about, numbers, piece.weight)
        good = np.flatnonzero(known.to_numpy())
        bad = np.flatnonzero(~known.to_numpy())
        for row in bad.tolist():
            told = f"the role of a disk is os or data, not {table['role'][row].as_py()!r}"
            self.fail(file, piece.number(row), "role", f"{told}; the disk counts as not known")
        known = np.zeros(table.num_rows, np.int32)
        known[good] = self._evaluator.encode_disks(table.take(good))
        self._tell_refused(file)
        known[bad] = self._evaluator.unlisted(np.ones(len(bad), np.uint8))
        return Batch(about, known, piece.weight)

    def forget(self) -> None:
        """Forget what was read, and what did not fit."""
        self.rows = 0
        self.rows_of.clear()
        self.problems.clear()
        self._met.clear()

    def _identified(self, piece: Piece) -> Piece:
        """Count the rows, and leave out those without an id."""
        table, file = piece.table, piece.file
        # Rows may be read more than once, and by several threads.
        with self._lock:
            if not file or (file, piece.first) not in self._met:
                self._met.add((file, piece.first))
                self.rows += piece.told
                if file:
                    self.rows_of[file] = self.rows_of.get(file, 0) + piece.told
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
        unnamed = _without_text(ids).to_numpy()
        if not unnamed.any():
            return piece._replace(table=table)
        for row in np.flatnonzero(unnamed).tolist():
            self.fail(file, piece.number(row), "vm_id", "the row names no VM; give it an id")
        kept = np.flatnonzero(~unnamed)
        lines = kept if piece.lines is None else piece.lines[kept]
        return piece._replace(table=table.take(kept), lines=lines)

    def _about(self, table: pa.Table, names: Sequence[str], file: str) -> pa.Table:
        """Give the columns that tell which VM or disk a row is; those that cannot are left out."""
        about = table.select([name for name in names if name in table.column_names])
        for name in about.column_names:
            column = about[name]
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            try:
                if pa.types.is_nested(kind):
                    raise pa.ArrowInvalid(f"{kind} is no text")
                if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                    text = column.cast(pa.string())
                    about = about.set_column(about.column_names.index(name), name, text)
            except pa.ArrowInvalid as error:
                self.problems[Problem(file, "", name, f"the column is not read: {error}")] = None
                about = about.drop_columns(name)
        return about

    def fail(self, file: str, row: int, path: str, message: str) -> None:
        """Note what does not fit, by its row; in a file of text the header is the first one."""
        first = 2 if is_text(Path(file)) else 1
        self.problems[Problem(file, f"row {row + first}", path, message)] = None

    def look_at(self, names: Sequence[str], file: str, *, of_disks: bool) -> None:
        """Note columns that are not read and look as if they should be.

        Raises
        ------
        FleetError
            If two columns have the same name but for letter case.
        """
        counts = Counter(name.strip().lower() for name in names)
        for name in names:
            known = name.strip().lower() in (
                *VM_COLUMNS,
                *DISK_COLUMNS,
                *self._evaluator.matrix.facts,
            )
            if known and counts[name.strip().lower()] > 1:
                several = f"two columns are called {name.strip().lower()!r}"
                raise FleetError(f"{file or 'the table'}: {several}; leave out one of them")
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


def _without_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which cells hold nothing, or an empty text."""
    found = []
    for chunk in cells.chunks:
        is_coded = pa.types.is_dictionary(chunk.type)
        empty = pc.fill_null(pc.equal(chunk.dictionary if is_coded else chunk, ""), True)
        found.append(pc.fill_null(empty.take(chunk.indices), True) if is_coded else empty)
    return pa.chunked_array(found, pa.bool_())


def _with_role(roles: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which rows say that a disk is the OS disk or a data disk."""
    if not pa.types.is_dictionary(roles.type):
        roles = roles.dictionary_encode()
    found = []
    for chunk in roles.chunks:
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(chunk.dictionary.cast(pa.string())))
        is_role = pc.fill_null(pc.is_in(texts, pa.array(ROLES)), False)
        found.append(pc.fill_null(is_role.take(chunk.indices), False))
    return pa.chunked_array(found, pa.bool_())


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
        self._keys: pa.Array | None = None
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
        if self._keys is None:
            self._keys = keys_of(self._ids)
        places = pc.index_in(keys_of(heads[at:]), value_set=self._keys)
        found[at:] = places.fill_null(-1).to_numpy(zero_copy_only=False)
        if found[-1] >= 0:
            self._next = int(found[-1]) + 1


def keys_of(ids: Any) -> Any:
    """Give ids as they are joined by: in small letters, without what stands around them."""
    plain = pc.utf8_rtrim(pc.utf8_trim_whitespace(ids.cast(pa.string())), characters="/")
    return pc.utf8_lower(plain)


# How many ids are compared at a time, and how far one is looked for.
_STRIDE: Final = 4096


def with_unlisted(
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


NO_DISKS: Final = pa.table({"vm_id": pa.array([], pa.string()), "role": pa.array([], pa.string())})


def gathered(batches: Iterator[Batch], rows: int) -> Iterator[Batch]:
    """Put small batches together until they have some number of rows."""
    waiting: list[Batch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(one.known) for one in waiting) >= rows:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def joined(batches: Sequence[Batch]) -> Batch:
    """Put batches together; there is at least one."""
    if len(batches) == 1:
        return batches[0]
    tables = [batch.about for batch in batches]
    return Batch(
        pa.concat_tables(tables, promote_options="permissive"),
        np.concatenate([batch.known for batch in batches]),
    )
