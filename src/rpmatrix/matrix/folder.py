"""A folder of tables: read, checked, repaired and frozen.

The folder of the base tables has a descriptor and a file for each table; an overlay holds any of
the tables, and follows the descriptor of the base.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rpmatrix.common.atomic import write_file
from rpmatrix.matrix.checks import check_together
from rpmatrix.matrix.files import Sheet, read_sheet, write_table
from rpmatrix.matrix.problems import Problem, TablesError, closest, suggest
from rpmatrix.matrix.schema import DESCRIPTOR, Schema, Table, Tables, data_folder, read_schema

# --- reading and checking -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """What is in a folder, be it in order or not.

    Attributes
    ----------
    tables : Tables or None
        What was read, after all safe repairs; None if there is no descriptor to read by.
    problems : tuple of Problem
        All that is wrong, in the order of the files, rows and columns.
    """

    tables: Tables | None
    problems: tuple[Problem, ...]
    _sheets: tuple[Sheet, ...] = field(default=(), repr=False)

    @property
    def whole(self) -> bool:
        """Whether nothing that the files hold would be lost if the tables were written again."""
        return self.tables is not None and all(sheet.whole for sheet in self._sheets)


def read_tables(folder: Path, *, partial: bool = False) -> Tables:
    """Read the tables of a folder, and check them.

    What is a matter of written form alone (line ends, a byte order mark, the delimiter, the
    order of rows) does not keep them from being used; `check` reports it.

    Parameters
    ----------
    folder : Path
        The folder of the CSV files.
    partial : bool
        Whether the folder may hold any subset of the tables, as an overlay does. Its descriptor
        is that of the base tables, and what other tables must tell is not checked; see
        `rpmatrix.matrix.checks.check_together`.

    Raises
    ------
    TablesError
        If the tables cannot be read or fail a check.
    """
    reading = read_folder(folder, partial=partial)
    if reading.tables is None or any(not problem.harmless for problem in reading.problems):
        raise TablesError(folder, reading.problems)
    return reading.tables


def check(folder: Path, *, partial: bool = False) -> tuple[Problem, ...]:
    """Check the tables of a folder, and give all problems at once; nothing in them raises.

    Parameters
    ----------
    folder, partial
        As for `read_tables`.

    Returns
    -------
    tuple of Problem
        In the order of the files, rows and columns; empty if all is well.
    """
    reading = read_folder(folder, partial=partial)
    thawed = () if partial or reading.tables is None else changed_since_freeze(reading.tables)
    return (*thawed, *reading.problems)


def read_folder(folder: Path, *, partial: bool = False) -> Reading:
    """Read the tables of a folder as they are, for those who are about to mend them.

    Parameters
    ----------
    folder, partial
        As for `read_tables`.
    """
    try:
        schema = read_schema(None if partial else folder)
    except TablesError as error:
        return Reading(None, error.problems)
    problems = _judge_files(folder, schema, partial=partial)
    sheets: dict[str, Sheet] = {}
    # Facts come first: their types tell how the cells of other tables are read. An overlay
    # speaks of those of the base too.
    types: dict[str, str] = {}
    if partial:
        base = read_sheet(data_folder() / schema["facts"].file, schema["facts"], types)
        types.update((row.id, row["type"]) for row in base.rows)
    for name in sorted(schema, key=lambda name: name != "facts"):
        path = folder / schema[name].file
        # A link that leads nowhere is a table that cannot be read, not one that is not there.
        if path.exists() or path.is_symlink():
            sheets[name] = read_sheet(path, schema[name], types)
            if name == "facts":
                types.update((row.id, row["type"]) for row in sheets[name].rows)
    tables = Tables(
        folder,
        schema,
        {
            name: Table(
                name,
                sheets[name].path,
                schema[name].names,
                tuple(sorted(sheets[name].rows, key=lambda row: row.id)),
            )
            for name in schema
            if name in sheets
        },
    )
    found = [problem for sheet in sheets.values() for problem in sheet.problems]
    sound = frozenset(name for name, sheet in sheets.items() if sheet.sound)
    spoiled = {(one.file, one.cell) for one in found if one.cell and not one.harmless}
    ragged = {(sheet.path.name, line) for sheet in sheets.values() for line in sheet.ragged}
    for problem in check_together(tables, sound=sound, partial=partial):
        # A cell that is wrong in itself, or has lost its column, is not judged for its meaning.
        line = int(problem.cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        if (problem.file, problem.cell) not in spoiled and (problem.file, line) not in ragged:
            found.append(problem)
    files = [schema[name].file for name in schema]
    found.sort(key=lambda problem: (files.index(problem.file), *_place_of(problem.cell)))
    return Reading(tables, (*problems, *found), tuple(sheets.values()))


def _judge_files(folder: Path, schema: Schema, *, partial: bool) -> list[Problem]:
    """Check which files there are."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    files = {schema[name].file for name in schema}
    # Where letter case does not count, a file is the table in whatever case it is listed.
    present = {file for file in files if os.path.lexists(folder / file)}
    problems = []
    for file in sorted(there - files):
        table, suffix = Path(file).stem.lower(), Path(file).suffix.lower()
        if suffix == ".csv" and not _is_listed_as(folder / file, present):
            advice = suggest(closest(file.lower(), files - present), "move it elsewhere")
            problems.append(Problem("unknown-file", file, "", "is no table of the matrix", advice))
        elif suffix in _LIKE_TABLES and table in schema:
            advice = f"save it as {schema[table].file}, or move it elsewhere"
            problems.append(
                Problem("unknown-file", file, "", "is not CSV, and nobody reads it", advice)
            )
    for name in schema:
        if schema[name].file not in present and not partial:
            message = f"the table {name} is missing"
            advice = f"add the file, with the header {','.join(schema[name].names)}"
            problems.append(Problem("missing-file", schema[name].file, "", message, advice))
    if partial and not present & files:
        message = "holds none of the tables" if folder.is_dir() else "is not a folder"
        usual = next(one.file for one in schema.values() if one.citation)
        advice = f"begin one there, such as {usual}"
        problems.append(Problem("missing-file", folder.name, "", message, advice))
    return problems


_LIKE_TABLES = (".txt", ".tsv", ".tab", ".xls", ".xlsx", ".ods", ".numbers")
"""What a spreadsheet calls a file that is not saved as CSV."""


def _is_listed_as(path: Path, files: Iterable[str]) -> bool:
    """Tell whether a file is one of the files of its folder, listed in another letter case."""
    return any(
        name.lower() == path.name.lower() and path.samefile(path.with_name(name)) for name in files
    )


def _place_of(cell: str) -> tuple[int, int]:
    """Give the row and the column of a cell, to sort by."""
    letters = cell.rstrip("0123456789")
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return int(cell[len(letters) :] or 0), place


# --- the frozen base ------------------------------------------------------------------------------

FROZEN: Final = "digest.json"
"""Holds the digests of what is not to be edited unnoticed: each table, and the descriptor."""


def freeze(folder: Path | None = None) -> Path:
    """Write down the digests of the tables and of their descriptor, so that `check` notices edits.

    Call it after a change that is meant. The base is not edited to hold what somebody adds: that
    goes into an overlay.

    Parameters
    ----------
    folder : Path, optional
        The folder of the tables; that of the base tables if not given.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    TablesError
        If the tables are not in order.
    OSError
        If the file cannot be written; what was there has stayed.
    """
    folder = folder or data_folder()
    digests = dict(sorted(_digests(read_tables(folder)).items()))
    write_file(folder / FROZEN, json.dumps(digests, indent=2) + "\n")
    return folder / FROZEN


def changed_since_freeze(tables: Tables) -> tuple[Problem, ...]:
    """Tell what of a frozen folder is not as it was: its tables, its descriptor, its digests.

    None if the folder is not frozen: it has no digests, and its descriptor does not say that it
    comes with them.
    """
    path = tables.folder / FROZEN
    renew = "if the change is meant, renew the digest with: rpmatrix freeze"
    if not path.exists():
        message = f"is missing, though {DESCRIPTOR} says that these tables are frozen"
        advice = "put it back, or if you mean to edit them, write it anew with: rpmatrix freeze"
        missing = Problem("frozen", FROZEN, "", message, advice)
        return (missing,) if tables.schema.frozen else ()
    try:
        frozen = json.loads(path.read_text(encoding="utf-8"))
        known = _digests(tables)
        changed = sorted(file for file in known if frozen.get(file) != known[file])
    except (OSError, ValueError, AttributeError):
        return (Problem("frozen", FROZEN, "", "cannot be read", renew),)
    message = "is not as it was when the tables were frozen"
    return tuple(Problem("frozen", file, "", message, renew) for file in changed)


def _digests(tables: Tables) -> dict[str, str]:
    """Give the digest of each table and of the descriptor by file, whatever their written form."""
    descriptor = json.loads((tables.folder / DESCRIPTOR).read_text(encoding="utf-8"))
    content = json.dumps(descriptor, sort_keys=True)
    return {
        **{tables.schema[name].file: table.digest for name, table in tables.items()},
        DESCRIPTOR: hashlib.sha256(content.encode()).hexdigest(),
    }


# --- repairing ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FixReport:
    """What `fix` did.

    Attributes
    ----------
    repaired : tuple of Problem
        The problems that are no more.
    refused : tuple of Problem
        The problems that are left, because only a person can tell what was meant.
    written : tuple of str
        The names of the files that were written.
    """

    repaired: tuple[Problem, ...]
    refused: tuple[Problem, ...]
    written: tuple[str, ...]

    def __str__(self) -> str:
        lines = []
        for file in self.written:
            lines.append(f"{file}: written anew")
            lines += [f"  {problem}" for problem in self.repaired if problem.file == file]
        elsewhere = [problem for problem in self.repaired if problem.file not in self.written]
        if elsewhere:
            lines.append("Repaired on the way:")
            lines += [f"  {problem}" for problem in elsewhere]
        if self.refused:
            lines.append("For you to decide:")
            lines += [f"  {problem}" for problem in self.refused]
        return "\n".join(lines) or "Nothing to repair."


def fix(folder: Path, *, partial: bool = False) -> FixReport:
    """Repair in the files what a machine may, and leave the rest to a person.

    Of an overlay, only what it says by itself is judged; `rpmatrix.matrix.matrix.fix_overlay` tells
    too what remains on top of what lies below it.

    It restores the written form (encoding, line ends, delimiter, quoting, order of rows and
    columns, empty rows and columns) and in a cell what can have one meaning only: blanks at the
    edges, typographic signs, letter case of a word, separators in a number, a date of which the
    day is certain. A file in which cells may have moved is left alone as a whole. A file is
    replaced in one step, so that a crash leaves the old one or the new one.

    Parameters
    ----------
    folder, partial
        As for `read_tables`.
    """
    reading = read_folder(folder, partial=partial)
    repaired: list[Problem] = []
    failed: list[Problem] = []
    written: list[str] = []
    for sheet in reading._sheets:
        if not sheet.whole or not any(problem.fixable for problem in sheet.problems):
            continue
        try:
            write_table(sheet.path, sheet.schema.names, sheet.rows)
        except OSError as error:
            message = f"cannot be written: {error.strerror}"
            advice = "close it in other programs, and see that you may write it"
            failed.append(Problem("unwritable", sheet.path.name, "", message, advice))
            continue
        written.append(sheet.path.name)
        repaired += [problem for problem in sheet.problems if problem.fixable]
    return FixReport(
        tuple(repaired), (*failed, *check(folder, partial=partial)), tuple(sorted(written))
    )
