"""Edit an overlay as rows, and save it without ever losing what was there.

An editor holds a draft of one overlay. Every edit makes a new draft, so each can be undone. What is
wrong with a draft is what ``rpmatrix check`` would say of its files: they are written into a folder
of the same name and checked there, so the two cannot differ. Saved is only what passes, in the form
that ``rpmatrix fix`` leaves alone.

Of a save nothing can be lost. The files as they were are kept beside the new ones until the next
save, each file is replaced in one step, and what somebody else has written since the overlay was
opened is not overwritten. The base, and the overlays that come with it, are never edited.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rpmatrix.authoring.impact import Impact, impact, matrix_of
from rpmatrix.common.atomic import write_files
from rpmatrix.inventory.inventory import Inventory
from rpmatrix.inventory.texts import storable
from rpmatrix.matrix.files import table_text
from rpmatrix.matrix.folder import FixReport, fix, read_folder
from rpmatrix.matrix.matrix import ABOUT, ABOUT_KEYS, Matrix, check_overlay
from rpmatrix.matrix.problems import Problem, TablesError
from rpmatrix.matrix.schema import (
    DESCRIPTOR,
    SEPARATOR,
    Schema,
    column_letter,
    data_folder,
    read_schema,
)

BACKUP: Final = ".backup"
"""The folder inside an overlay that holds its files as they were before the last save."""
_UNFINISHED: Final = ".backup.unfinished"
"""The same folder while a save is under way; found later, it tells of a save that was cut off."""
_BEING_MADE: Final = ".backup.tmp"
WITHDRAWN: Final = "withdrawn"
"""The table of the rows below that no longer hold."""
_REVIEWED: Final = "reviewed_on"

Cells = Mapping[str, str]
Edits = Mapping[str, Mapping[str, Cells | None]]
"""Unsaved rows by table and id: the cells that are given, or None for a row that is taken out."""


class OverlayError(ValueError):
    """An overlay cannot be edited or saved as asked; the message says why, and what to do."""


@dataclass(frozen=True)
class OverlayDraft:
    """An overlay as it is being edited.

    Attributes
    ----------
    name : str
        The name of its folder.
    about : mapping of str to str
        What it says of itself.
    rows : mapping of str to tuple of mapping of str to str
        The rows of each table it has, every column of them, in the order in which they came.
    strangers : tuple of str
        The CSV files in its folder that are no table.
    """

    name: str
    about: Mapping[str, str]
    rows: Mapping[str, tuple[Cells, ...]]
    strangers: tuple[str, ...] = ()

    def line(self, table: str, place: int) -> int:
        """Give the line that a row will have in its file, as a spreadsheet counts."""
        ids = [row["id"] for row in self.rows[table]]
        # Sorted by id as in the file; the sort leaves rows with one id in their order.
        return sorted(range(len(ids)), key=ids.__getitem__).index(place) + 2

    def place(self, table: str, row_id: str) -> int | None:
        """Give the place of the row with an id; None if there is none."""
        ids = [row["id"] for row in self.rows.get(table, ())]
        return ids.index(row_id) if row_id in ids else None

    def with_rows(self, table: str, rows: Iterable[Cells]) -> OverlayDraft:
        """Give the draft with other rows in one table, which it then has, even if it is empty."""
        return replace(self, rows={**self.rows, table: tuple(rows)})

    def without_table(self, table: str) -> OverlayDraft:
        """Give the draft without a table."""
        return replace(self, rows={name: self.rows[name] for name in self.rows if name != table})

    def files(self, schema: Schema) -> dict[str, bytes]:
        """Give the content of each file that the draft makes, by its name."""
        made = {
            schema[table].file: table_text(schema[table].names, rows).encode()
            for table, rows in self.rows.items()
        }
        said = _said(self.about)
        return {**made, ABOUT: (json.dumps(said, indent=2) + "\n").encode()} if said else made


def _said(about: Mapping[str, str]) -> dict[str, str]:
    """Give what an overlay says of itself, without what is left empty."""
    return {key: text for key, text in about.items() if text.strip()}


class OverlayEditor:
    """Edits one overlay: a draft of it, all drafts before, and its files.

    Nothing is written before :meth:`save`.

    Parameters
    ----------
    folder : str or Path
        The folder of the overlay; one that is not there yet is made by the first save.
    below : iterable of str
        What it lies on, as for `rpmatrix.authoring.impact.matrix_of`; the base alone if it is left
        out.
    about : mapping of str to str, optional
        What the overlay is to say of itself, instead of or besides what its file says.
    edits : mapping, optional
        Rows by table and id that are to be as given. Cells that are left out are those of the row
        that the overlay has, or else of the row below with this id; a row that is None is taken
        out of the overlay.

    Raises
    ------
    OverlayError
        If the folder is none that may be edited: base tables, or an overlay that comes with them.
    rpmatrix.matrix.problems.TablesError
        If cells of a file may have moved or cannot be read, so that writing it would lose
        something; or if what lies below is not in order.
    FileNotFoundError
        If there is no such overlay to lie on.
    """

    def __init__(
        self,
        folder: str | Path,
        below: Iterable[str] = (),
        *,
        about: Mapping[str, str] | None = None,
        edits: Edits | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.below = tuple(below)
        self.schema = read_schema()
        self.matrix = matrix_of(self.below)
        self._open()
        self._history = [self._stored]
        self._at = 0
        self._run: Hashable = None
        self._judged: tuple[OverlayDraft, tuple[Problem, ...], Matrix | None] | None = None
        draft = self._edited(edits or {})
        self._change(replace(draft, about={**draft.about, **(about or {})}))

    # --- the draft and its history

    @property
    def draft(self) -> OverlayDraft:
        """The overlay as it is now."""
        return self._history[self._at]

    @property
    def unsaved(self) -> bool:
        """Whether the draft is another one than its files hold."""
        return self.draft != self._stored

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether an edit was undone that can be made again."""
        return self._at + 1 < len(self._history)

    def undo(self) -> None:
        """Take back the last edit."""
        self._run = None
        self._at = max(self._at - 1, 0)

    def redo(self) -> None:
        """Make the edit again that was undone last."""
        self._run = None
        self._at = min(self._at + 1, len(self._history) - 1)

    def _change(self, draft: OverlayDraft, run: Hashable = None) -> None:
        """Go on to another draft; edits of one run, such as letters typed, are one step."""
        if draft == self.draft:
            return
        del self._history[self._at + 1 :]
        if run is None or run != self._run or not self._at:
            self._at += 1
        self._history[self._at :] = [draft]
        self._run = run

    # --- edits

    def rows(self, table: str) -> tuple[Cells, ...]:
        """Give the overlay's own rows of a table."""
        return self.draft.rows.get(table, ())

    def set_cell(self, table: str, place: int, column: str, text: str) -> None:
        """Write a cell of the row at a place."""
        rows = [*self.rows(table)]
        rows[place] = {**rows[place], column: _plain(text)}
        self._change(self.draft.with_rows(table, rows), (table, place, column))

    def set_about(self, key: str, text: str) -> None:
        """Write one thing that the overlay says of itself."""
        about = {**self.draft.about, key: _plain(text)}
        self._change(replace(self.draft, about=about), (ABOUT, key))

    def add_row(self, table: str, cells: Cells | None = None) -> int:
        """Add a row; cells that are not given are empty, and it was reviewed today.

        Returns
        -------
        int
            Its place among the overlay's own rows of the table.
        """
        row = {**self._blank(table), _REVIEWED: date.today().isoformat(), **(cells or {})}
        self._change(self.draft.with_rows(table, (*self.rows(table), row)))
        return len(self.rows(table)) - 1

    def replace_row(self, table: str, row_id: str) -> int:
        """Begin a row that replaces one below, with the cells of that one.

        Returns
        -------
        int
            Its place; that of the row which replaces it already, if there is one.

        Raises
        ------
        OverlayError
            If there is no such row below.
        """
        place = self.draft.place(table, row_id)
        return self.add_row(table, self._below(table, row_id)) if place is None else place

    def withdraw_row(self, table: str, row_id: str) -> int:
        """Begin the withdrawal of a row below.

        Returns
        -------
        int
            Its place among the rows of ``withdrawn``; that of the withdrawal that is there already,
            if there is one.

        Raises
        ------
        OverlayError
            If there is no such row below, or rows of this table cannot be withdrawn.
        """
        allowed = self.schema[WITHDRAWN].column("table").enum
        if table not in allowed:
            raise OverlayError(
                f"rows of {table} cannot be withdrawn; those of {', '.join(allowed)} can"
            )
        self._below(table, row_id)
        named = {"table": table, "row_id": row_id}
        for place, row in enumerate(self.rows(WITHDRAWN)):
            if named.items() <= row.items():
                return place
        return self.add_row(WITHDRAWN, {"id": f"without-{row_id}", **named})

    def remove_row(self, table: str, place: int) -> None:
        """Take a row out of the overlay; what it replaced or withdrew holds again."""
        rows = [*self.rows(table)]
        del rows[place]
        begun = rows or table in self._stored.rows
        draft = self.draft.with_rows(table, rows) if begun else self.draft.without_table(table)
        self._change(draft)

    def _blank(self, table: str) -> dict[str, str]:
        return dict.fromkeys(self.schema[table].names, "")

    def _below(self, table: str, row_id: str) -> dict[str, str]:
        found = {row.id: row for row in self.matrix.table(table)}
        if row_id not in found:
            raise OverlayError(f"there is no row {row_id!r} of {table} below; choose one")
        return {**self._blank(table), **found[row_id]}

    def _reference(self, table: str, row_id: str) -> dict[str, str]:
        """Give the cells that a row begins with: as stored, as below, or empty."""
        place = self._stored.place(table, row_id)
        if place is not None:
            return dict(self._stored.rows[table][place])
        if any(row.id == row_id for row in self.matrix.table(table)):
            return self._below(table, row_id)
        return {**self._blank(table), "id": row_id}

    def _edited(self, edits: Edits) -> OverlayDraft:
        draft = self.draft
        for table, by_id in edits.items():
            if table not in self.schema:
                raise OverlayError(f"no table {table!r}; there are {', '.join(self.schema)}")
            for row_id, cells in by_id.items():
                unknown = {*(cells or ())} - {*self.schema[table].names}
                if unknown:
                    columns = ", ".join(self.schema[table].names)
                    raise OverlayError(f"no column {min(unknown)!r} in {table}: {columns}")
                rows = [*draft.rows.get(table, ())]
                place = draft.place(table, row_id)
                row = [] if cells is None else [{**self._reference(table, row_id), **cells}]
                rows[
                    len(rows) if place is None else place : None if place is None else place + 1
                ] = row
                draft = draft.with_rows(table, rows)
        return draft

    @property
    def edits(self) -> dict[str, dict[str, dict[str, str] | None]]:
        """The rows that are not as in the files, as an editor is given them."""
        found: dict[str, dict[str, dict[str, str] | None]] = {}
        for table, rows in self.draft.rows.items():
            mine = found.setdefault(table, {})
            for row in rows:
                reference = self._reference(table, row["id"])
                cells = {name: text for name, text in row.items() if text != reference[name]}
                if cells or self._stored.place(table, row["id"]) is None:
                    mine[row["id"]] = cells
            kept = {row["id"] for row in rows}
            gone = (row["id"] for row in self._stored.rows.get(table, ()))
            mine.update((row_id, None) for row_id in gone if row_id not in kept)
        return {table: mine for table, mine in found.items() if mine}

    @property
    def about_edits(self) -> dict[str, str]:
        """What the overlay says of itself otherwise than in its file."""
        stored = self._stored.about
        return {key: text for key, text in self.draft.about.items() if text != stored.get(key, "")}

    def choices(self, table: str, column: str, place: int) -> tuple[str, ...]:
        """Give the texts that a cell may be chosen from; none if any text may stand there.

        Where the cell is a list, each goes on from the members that stand there already.
        """
        schema = self.schema[table].column(column)
        row = self.rows(table)[place]
        if schema.enum:
            return schema.enum
        begun, bar, _ = row[column].rpartition(SEPARATOR)
        if schema.key_of:
            return self._ids(schema.key_of)
        if (table, column) == (WITHDRAWN, "row_id"):
            return self._ids(row["table"]) if row["table"] in self.schema else ()
        if schema.references:
            ids = [one for name in schema.references for one in self._ids(name)]
            return tuple(f"{begun}{bar}{one}" for one in ids)
        if schema.typed_by and self.schema[table].column(schema.typed_by).key_of == "facts":
            values = self._values(row[schema.typed_by])
            return tuple(f"{begun}{bar}{one}" for one in values)
        return ()

    def _ids(self, table: str) -> tuple[str, ...]:
        """Give the ids of a table, of the overlay and below."""
        ids = {row.id for row in self.matrix.table(table)} | {row["id"] for row in self.rows(table)}
        return tuple(sorted(ids - {""}))

    def _values(self, fact_id: str) -> tuple[str, ...]:
        for row in self.rows("facts"):
            if row["id"] == fact_id:
                return tuple(filter(None, row["allowed_values"].split(SEPARATOR)))
        fact = self.matrix.facts.get(fact_id)
        return fact.allowed_values if fact else ()

    # --- what is wrong, and what it means

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All that ``rpmatrix check`` would say of the draft, were it saved as it is."""
        return self._judgement[1]

    @property
    def _judgement(self) -> tuple[OverlayDraft, tuple[Problem, ...], Matrix | None]:
        """Give the draft with its problems, or else with the matrix that it makes."""
        if self._judged is None or self._judged[0] is not self.draft:
            with self._laid_out() as folder:
                problems = check_overlay(folder, *self.below)
                made = None if problems else matrix_of([*self.below, str(folder)])
            self._judged = self.draft, problems, made
        return self._judged

    def problems_at(self, table: str, place: int) -> dict[str, list[Problem]]:
        """Give what is wrong in one row, by column."""
        file = f"{self.draft.name}/{self.schema[table].file}"
        line = self.draft.line(table, place)
        found: dict[str, list[Problem]] = {}
        for number, column in enumerate(self.schema[table].names):
            cell = f"{column_letter(number)}{line}"
            here = [one for one in self.problems if (one.file, one.cell) == (file, cell)]
            if here:
                found[column] = here
        return found

    def impact(self, inventory: Inventory | None = None) -> Impact:
        """Say whose verdict changes when the draft is laid on what lies below, and by which row.

        Parameters
        ----------
        inventory : Inventory, optional
            The VMs; the samples of the package if it is left out.

        Raises
        ------
        rpmatrix.matrix.problems.TablesError
            If the draft is not in order.
        """
        _, problems, made = self._judgement
        if made is None:
            raise TablesError(self.folder, problems)
        return impact(self.matrix, made, inventory)

    @contextmanager
    def _laid_out(self) -> Iterator[Path]:
        """Write the draft into a folder of its own that has the name of the overlay."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve() / self.draft.name
            folder.mkdir()
            for file in self.draft.strangers:
                (folder / file).touch()
            for file, content in self.draft.files(self.schema).items():
                (folder / file).write_bytes(content)
            yield folder

    # --- the files

    @cached_property
    def _files(self) -> tuple[str, ...]:
        """The names of the files that an overlay may have."""
        return (*(self.schema[table].file for table in self.schema), ABOUT)

    def _on_disk(self, folder: Path) -> dict[str, bytes]:
        found = ((name, folder / name) for name in self._files)
        return {name: path.read_bytes() for name, path in found if path.is_file()}

    def _open(self) -> None:
        """Read the overlay from its folder."""
        self._refuse_what_is_not_ours()
        self._disk = self._on_disk(self.folder)
        name = self.folder.resolve().name
        if not self._disk:
            self._stored = OverlayDraft(name, dict.fromkeys(ABOUT_KEYS, ""), {}, self._strangers())
            return
        reading = read_folder(self.folder, partial=True)
        if reading.tables is None or not reading.whole:
            raise TablesError(self.folder, [one for one in reading.problems if not one.harmless])
        rows = {
            table: tuple(dict(row) for row in reading.tables.rows(table))
            for table in reading.tables
        }
        self._stored = OverlayDraft(name, self._read_about(), rows, self._strangers())

    def _strangers(self) -> tuple[str, ...]:
        return tuple(sorted({path.name for path in self.folder.glob("*.csv")} - {*self._files}))

    def _read_about(self) -> dict[str, str]:
        try:
            said: Any = json.loads(self._disk.get(ABOUT, b"{}").decode("utf-8-sig"))
        except ValueError:
            said = None
        if not isinstance(said, dict):
            found = check_overlay(self.folder, *self.below)
            raise TablesError(self.folder, [one for one in found if one.check == "about"])
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in said.items()
        }
        return {**dict.fromkeys(ABOUT_KEYS, ""), **texts}

    def _refuse_what_is_not_ours(self) -> None:
        home = data_folder().resolve()
        folder = self.folder.resolve()
        if self.folder.exists() and not self.folder.is_dir():
            raise OverlayError(f"{self.folder} is a file; name a folder")
        if not folder.name:
            raise OverlayError(f"{self.folder} cannot be an overlay; name a folder in it")
        if (folder / DESCRIPTOR).is_file():
            raise OverlayError(
                f"{self.folder} holds base tables, which are not edited here; "
                "name a folder of your own: its rows replace those of the base"
            )
        # A file of an overlay may be a link, behind which it is written.
        for path in (folder, *((folder / name).resolve() for name in self._files)):
            if path.is_relative_to(home):
                raise OverlayError(
                    f"{self.folder} comes with the package, and is not edited here; "
                    "name a folder of your own, and let it lie on top"
                )

    @property
    def changed_on_disk(self) -> tuple[str, ...]:
        """The files that somebody else has written or deleted since the overlay was opened."""
        now = self._on_disk(self.folder)
        names = sorted({*now, *self._disk})
        return tuple(name for name in names if now.get(name) != self._disk.get(name))

    @property
    def unfinished(self) -> bool:
        """Whether a save was cut off, so that the files may be some old and some new."""
        return (self.folder / _UNFINISHED).is_dir()

    @property
    def backup(self) -> tuple[str, ...]:
        """The files that were kept at the last save; none if nothing was there before."""
        return tuple(self._on_disk(self._kept))

    @property
    def _kept(self) -> Path:
        return self.folder / (_UNFINISHED if self.unfinished else BACKUP)

    def reload(self) -> None:
        """Read the files again. That is an edit: undo it, and what was not saved is there again.

        Raises
        ------
        OverlayError, rpmatrix.matrix.problems.TablesError
            As when an editor is made; the draft has stayed.
        """
        self._open()
        self._run = None
        self._change(self._stored)

    def save(self) -> FixReport:
        """Write the draft into its files, and keep the files as they were.

        What a machine may repair in a cell is repaired, as `rpmatrix.matrix.folder.fix` does.

        Returns
        -------
        FixReport
            What was repaired, and which files were written: those that have changed.

        Raises
        ------
        rpmatrix.matrix.problems.TablesError
            If something is left that only a person can tell; nothing was written.
        OverlayError
            If somebody else has changed a file since it was opened; nothing was written.
        OSError
            If a file cannot be written; what was there has stayed.
        """
        with self._laid_out() as folder:
            repaired = fix(folder, partial=True).repaired
            problems = check_overlay(folder, *self.below)
            if problems:
                raise TablesError(self.folder, problems)
            made = self._on_disk(folder)
        if _said(self.draft.about) == _said(self._stored.about) and ABOUT in self._disk:
            made[ABOUT] = self._disk[ABOUT]
        written = [name for name in made if made[name] != self._disk.get(name)]
        if written:
            self._replace_files({**self._disk, **made})
            self._open()
            self._history[self._at] = self._stored
        self._run = None
        return FixReport(repaired, (), tuple(sorted(written)))

    def restore(self) -> tuple[str, ...]:
        """Put back the files as they were before the last save; those of now are kept instead.

        Returns
        -------
        tuple of str
            The files that are other ones now.

        Raises
        ------
        OverlayError
            If nothing was kept, or somebody else has changed a file since it was opened.
        OSError
            If a file cannot be written; what was there has stayed.
        """
        if not self.backup:
            raise OverlayError("nothing to restore: no save has replaced a file of this overlay")
        before = self._on_disk(self._kept)
        names = sorted({*before, *self._disk})
        changed = tuple(name for name in names if before.get(name) != self._disk.get(name))
        self._replace_files(before)
        self.reload()
        return changed

    def _replace_files(self, files: Mapping[str, bytes]) -> None:
        """Let the overlay have these files, and keep those it has."""
        self._refuse_what_is_not_ours()
        if self.changed_on_disk:
            raise OverlayError(
                f"somebody else has changed {', '.join(self.changed_on_disk)} since it was opened, "
                "and nothing was written; read the files again, and undo that for rows of your own"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep(self._disk)
        try:
            self._put(files)
        except OSError:
            self._put(self._disk)
            shutil.rmtree(self.folder / _UNFINISHED, ignore_errors=True)
            raise
        self._finish()

    def _keep(self, files: Mapping[str, bytes]) -> None:
        """Keep files beside; what was kept before a save that was cut off is worth more."""
        if self.unfinished:
            return
        making = self.folder / _BEING_MADE
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        write_files({making / name: data for name, data in files.items()})
        making.rename(self.folder / _UNFINISHED)

    def _put(self, files: Mapping[str, bytes]) -> None:
        now = self._on_disk(self.folder)
        write_files(
            {self.folder / name: files[name] for name in files if files[name] != now.get(name)}
        )
        for name in now.keys() - files.keys():
            (self.folder / name).unlink()

    def _finish(self) -> None:
        shutil.rmtree(self.folder / BACKUP, ignore_errors=True)
        (self.folder / _UNFINISHED).rename(self.folder / BACKUP)


def _plain(text: str) -> str:
    """Give a text that can be written into a cell.

    A carriage return would be taken for the end of a row by some who read the file.
    """
    return storable(text.replace("\r\n", "\n").replace("\r", "\n"))
