"""The tables as a workbook, for those who edit in a spreadsheet, and back to CSV.

The workbook is a door, not a home: it is written from the tables, edited, and read back. All its
cells are text, so that a spreadsheet leaves them as they are typed; words of an enumeration and
ids of other tables are offered in drop-downs; every column explains itself. What comes back is
repaired and checked as any table is, and nothing is written unless all of it is in order.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from rpmatrix.common.atomic import write_file
from rpmatrix.matrix.files import write_table
from rpmatrix.matrix.folder import FixReport, fix, read_folder, read_tables
from rpmatrix.matrix.matrix import ABOUT, ABOUT_KEYS, check_overlay
from rpmatrix.matrix.problems import Problem, TablesError
from rpmatrix.matrix.schema import (
    DESCRIPTOR,
    Column,
    Row,
    Schema,
    Tables,
    TableSchema,
    data_folder,
    read_schema,
)

_ABOUT_SHEET: Final = "about"
"""The sheet on which an overlay says what it is."""
_HELP: Final = "help"
_CHOICES: Final = "choices"
_OWN_SHEETS: Final = (_HELP, _CHOICES)
_ABOUT_COLUMNS: Final = ("key", "value")
_SPARE_ROWS: Final = 1000
"""How many rows below the last one have drop-downs too."""
_LONGEST_LIST: Final = 255
"""The longest list that a drop-down may hold itself."""
_WIDEST: Final = 60

_HELP_LINES: Final = (
    "Edit the rows, save the file as .xlsx, and read it back with: rpmatrix workbook --import",
    "One row is one fact. Its id stands in the first column and never changes.",
    "Point at the name of a column to read what belongs there.",
    "Choose words from the drop-downs. An empty cell is a missing value.",
    "Part the members of a list by a vertical bar, such as ultra-disk|shared-disk.",
    "Write dates as 2026-11-22 and API versions as api-2021-07-01.",
    "Sort whole rows only, never one column alone.",
    "Leave the sheets, their names and the first rows as they are.",
)


# --- out ------------------------------------------------------------------------------------------


def write_workbook(folder: Path, path: Path) -> None:
    """Write the tables of a folder as a workbook.

    Parameters
    ----------
    folder : Path
        The folder of the base tables, or of an overlay, which need not exist yet. An overlay gets
        a sheet for every table, also for those it does not have, and one for what it says of
        itself.
    path : Path
        The workbook to write; its name ends in ``.xlsx``.

    Raises
    ------
    rpmatrix.matrix.problems.TablesError
        If the tables are not in order.
    OSError
        If the workbook cannot be written; what was there has stayed.
    """
    import openpyxl

    if path.suffix.lower() != ".xlsx":
        raise ValueError(f"{path.name} is not the name of a workbook: let it end in .xlsx")
    partial = _is_overlay(folder)
    tables = _read(folder, partial=partial)
    book = openpyxl.Workbook()
    book.remove(book.active)
    _write_help(book.create_sheet(_HELP), tables.schema.title)
    if partial:
        _write_about(book.create_sheet(_ABOUT_SHEET), folder)
    offered = _Offered(tables.schema, _known_ids(tables, partial=partial))
    for name, schema in _sheets(tables.schema, partial=partial):
        _write_table_sheet(book.create_sheet(name), schema, tables.rows(name), offered)
    offered.write(book.create_sheet(_CHOICES))
    beside = path.with_name(f".{path.name}.tmp")
    try:
        book.save(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _is_overlay(folder: Path) -> bool:
    return not (folder / DESCRIPTOR).is_file()


def _sheets(schema: Schema, *, partial: bool) -> Iterator[tuple[str, TableSchema]]:
    """Give the tables that have a sheet: the base has no rows to withdraw."""
    for name, table in schema.items():
        if partial or name != "withdrawn":
            yield name, table


def _read(folder: Path, *, partial: bool) -> Tables:
    """Read the tables; those of an overlay that nobody has begun are none."""
    if partial and not any(folder.glob("*.csv")):
        return Tables(folder, read_schema(), {})
    return read_tables(folder, partial=partial)


def _known_ids(tables: Tables, *, partial: bool) -> Mapping[str, list[str]]:
    """Give the ids that a foreign key may name: of the base, and of the folder itself."""
    found: dict[str, set[str]] = {name: set() for name in tables.schema}
    for one in (read_tables(data_folder()), tables) if partial else (tables,):
        for name in one:
            found[name].update(row.id for row in one.rows(name))
    return {name: sorted(ids) for name, ids in found.items()}


def _write_help(sheet: Any, title: str) -> None:
    from openpyxl.styles import Font

    sheet.append([title])
    sheet["A1"].font = Font(bold=True, size=14)
    for line in _HELP_LINES:
        sheet.append([line])
    sheet.column_dimensions["A"].width = 100


def _write_about(sheet: Any, folder: Path) -> None:
    """Write what an overlay says of itself, one key a row, and what each key means."""
    from openpyxl.comments import Comment

    _write_header(sheet, [(name, "") for name in _ABOUT_COLUMNS])
    path = folder / ABOUT
    said = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    missing = {key: "" for key in ABOUT_KEYS if key not in said}
    for line, (key, value) in enumerate({**said, **missing}.items(), start=2):
        for place, text in enumerate((key, value), start=1):
            _write_cell(sheet.cell(line, place), str(text))
        if key in ABOUT_KEYS:
            sheet.cell(line, 1).comment = Comment(ABOUT_KEYS[key], "rpmatrix", width=360, height=60)
    sheet.column_dimensions["A"].width = 20
    sheet.column_dimensions["B"].width = _WIDEST


def _write_header(sheet: Any, columns: Sequence[tuple[str, str]]) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill

    for place, (name, help_text) in enumerate(columns, start=1):
        cell = sheet.cell(1, place)
        _write_cell(cell, name)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", start_color="DDE6F0")
        cell.alignment = Alignment(vertical="top")
        if help_text:
            cell.comment = Comment(help_text, "rpmatrix", width=360, height=180)
    sheet.freeze_panes = "B2"


def _write_cell(cell: Any, text: str) -> None:
    """Write text as text: a spreadsheet takes an equals sign for a formula otherwise."""
    if text:
        cell.value = _ESCAPE.sub("_x005F_", text)
        cell.data_type = "s"
    cell.number_format = "@"


# In the format of the file, _x0041_ stands for A; so an underscore before such a group is escaped.
_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _write_table_sheet(
    sheet: Any, schema: TableSchema, rows: Sequence[Row], offered: _Offered
) -> None:
    from openpyxl.utils import get_column_letter

    _write_header(sheet, [(column.name, _help_text(column)) for column in schema.columns])
    for line, row in enumerate(rows, start=2):
        for place, name in enumerate(schema.names, start=1):
            _write_cell(sheet.cell(line, place), row[name])
    last = len(rows) + 1 + _SPARE_ROWS
    for place, column in enumerate(schema.columns, start=1):
        letter = get_column_letter(place)
        longest = max((len(row[column.name]) for row in rows), default=0)
        dimension = sheet.column_dimensions[letter]
        dimension.width = min(max(longest, len(column.name) + 2) + 1, _WIDEST)
        # What is typed below the last row is text too.
        dimension.number_format = "@"
        offered.add_to(sheet, column, f"{letter}2:{letter}{last}")


def _help_text(column: Column) -> str:
    notes = [column.description]
    if column.required:
        notes.append("Required.")
    if column.is_list:
        notes.append("A list: part its members by a vertical bar.")
    if column.key_of:
        notes.append(f"An id of the sheet {column.key_of}.")
    if column.form:
        notes.append(f"Form: {column.form}.")
    return "\n".join(notes)


class _Offered:
    """What the drop-downs offer: short lists in themselves, long ones on a sheet of their own."""

    def __init__(self, schema: Schema, ids: Mapping[str, list[str]]) -> None:
        self.schema = schema
        self.ids = ids
        self._lists: dict[str, Sequence[str]] = {}

    def add_to(self, sheet: Any, column: Column, cells: str) -> None:
        """Add a drop-down to the cells of a column, if it has words to choose from."""
        from openpyxl.worksheet.datavalidation import DataValidation

        words = column.enum or self.ids.get(column.key_of, ())
        if not words:
            return
        plain = ",".join(words)
        formula = f'"{plain}"'
        if column.key_of or len(formula) > _LONGEST_LIST:
            formula = self._on_sheet(column.key_of or f"{sheet.title} {column.name}", words)
        # A row that is being added elsewhere may be named before it is there.
        style = "warning" if column.key_of else "stop"
        validation = DataValidation(
            type="list",
            formula1=formula,
            allow_blank=True,
            errorStyle=style,
            showErrorMessage=True,
            errorTitle=column.name,
            error="Choose one of the words in the list.",
        )
        validation.add(cells)
        sheet.add_data_validation(validation)

    def _on_sheet(self, name: str, words: Sequence[str]) -> str:
        from openpyxl.utils import get_column_letter

        self._lists.setdefault(name, words)
        letter = get_column_letter([*self._lists].index(name) + 1)
        return f"{_CHOICES}!${letter}$2:${letter}${len(words) + 1}"

    def write(self, sheet: Any) -> None:
        """Write the long lists, on a sheet that is hidden."""
        for place, (name, words) in enumerate(self._lists.items(), start=1):
            for line, word in enumerate((name, *words), start=1):
                _write_cell(sheet.cell(line, place), word)
        sheet.sheet_state = "hidden"


# --- in -------------------------------------------------------------------------------------------


def read_workbook(path: Path, folder: Path, *below: str | Path) -> FixReport:
    """Read a workbook back into the tables of a folder.

    What a machine may repair is repaired, as `rpmatrix.matrix.folder.fix` does. If anything is left
    that only a person can tell, no file is written. An overlay is judged on top of what lies below
    it, as `rpmatrix.matrix.matrix.check_overlay` does.

    Parameters
    ----------
    path : Path
        The workbook, as `write_workbook` has written it and a spreadsheet has saved it.
    folder : Path
        The folder of the base tables, or of an overlay, which need not exist yet.
    *below : str or Path
        The overlays below an overlay, in their order; none if it stands on the base alone.

    Returns
    -------
    FixReport
        What was repaired in the cells, and which files were written: those that have changed.

    Raises
    ------
    rpmatrix.matrix.problems.TablesError
        If the workbook cannot be read or is not in order; the message names sheet and cell.
    OSError
        If a file cannot be written; what was there has stayed.
    FileNotFoundError
        If there is no such overlay below.
    """
    partial = _is_overlay(folder)
    schema = read_schema(None if partial else folder)
    reader = _Reader(path, folder, schema, partial=partial)
    with tempfile.TemporaryDirectory() as name:
        # What is said of an overlay names it by its folder.
        beside = Path(name).resolve() / folder.resolve().name
        beside.mkdir()
        for table, records in reader.records.items():
            with (beside / schema[table].file).open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerows(records)
        if partial:
            (beside / ABOUT).write_text(reader.about_text, encoding="utf-8")
        else:
            shutil.copy(folder / DESCRIPTOR, beside)
            _copy_rest(folder, beside, reader, schema)
        report = fix(beside, partial=partial)
        left = check_overlay(beside, *below) if partial else read_folder(beside).problems
        refused = [*reader.problems, *(reader.placed(one) for one in left if not one.harmless)]
        if refused:
            raise TablesError(path, refused)
        tables = read_tables(beside, partial=partial)
        repaired = tuple(
            reader.placed(one) for one in report.repaired if not one.harmless and one.cell
        )
        written = []
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            target = folder / schema[table].file
            differs = table in reader.records and _differs(target, beside / target.name)
            if differs and (tables.rows(table) or target.exists()):
                write_table(target, schema[table].names, tables.rows(table))
                written.append(target.name)
    written += reader.write_about()
    return FixReport(repaired, (), tuple(sorted(written)))


def _copy_rest(folder: Path, beside: Path, reader: _Reader, schema: Schema) -> None:
    """Copy the tables that have no sheet, so that the others are judged with them."""
    for name in schema:
        path = folder / schema[name].file
        if name not in reader.records and path.exists() and name == "withdrawn":
            shutil.copy(path, beside)


def _differs(target: Path, made: Path) -> bool:
    return not target.exists() or target.read_bytes() != made.read_bytes()


class _Reader:
    """What stands in a workbook, sheet by sheet, as texts.

    Attributes
    ----------
    records : dict of str to list of list of str
        The cells of each table, in the places they have in its sheet.
    problems : list of Problem
        What is wrong with the workbook itself.
    """

    def __init__(self, path: Path, folder: Path, schema: Schema, *, partial: bool) -> None:
        self.path = path
        self.folder = folder
        self.schema = schema
        self.records: dict[str, list[list[str]]] = {}
        self.problems: list[Problem] = []
        self._about: dict[str, str] | None = None
        book = self._open()
        if not partial and _ABOUT_SHEET in book.sheetnames:
            message = f"this is a workbook of an overlay, and {folder} holds base tables"
            advice = "name the folder of the overlay: --folder"
            raise TablesError(path, [Problem("workbook", path.name, "", message, advice)])
        expected = dict(_sheets(schema, partial=partial))
        for sheet in book.worksheets:
            if sheet.title in expected:
                self.records[sheet.title] = self._read(sheet, expected[sheet.title])
            elif sheet.title == _ABOUT_SHEET and partial:
                self._about = self._read_about(sheet)
            elif sheet.title not in _OWN_SHEETS and not _is_empty(sheet):
                tables = ", ".join(expected)
                self._refuse(sheet.title, "", "is no table", f"delete or rename it: {tables}")
        for name in expected:
            if name not in self.records and (folder / schema[name].file).exists():
                self._refuse(name, "", "the sheet is missing", "put it back, with its first row")
        if partial and self._about is None:
            advice = "put it back, with its first row; a workbook of base tables is no overlay"
            self._refuse(_ABOUT_SHEET, "", "the sheet is missing", advice)
        # A table that nobody has begun is not there.
        for name, records in [*self.records.items()]:
            begun = any(cell for record in records[1:] for cell in record)
            if partial and not begun and not (folder / schema[name].file).exists():
                del self.records[name]

    def _open(self) -> Any:
        import openpyxl

        advice = "save it as .xlsx, without a password, and close it in other programs"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about what only a spreadsheet shows
                return openpyxl.load_workbook(self.path)
        except FileNotFoundError:
            message, advice = "is not there", "write it first with: rpmatrix workbook"
        except OSError as error:
            message = f"cannot be opened: {error.strerror or error}"
        except Exception as error:  # whatever a broken file makes the reader raise
            message = f"cannot be opened as a workbook: {type(error).__name__}"
        raise TablesError(self.path, [Problem("workbook", self.path.name, "", message, advice)])

    def _refuse(self, sheet: str, cell: str, message: str, advice: str) -> None:
        self.problems.append(Problem("workbook", self._named(sheet), cell, message, advice))

    def _named(self, sheet: str) -> str:
        return f"{self.path.name}[{sheet}]"

    def placed(self, problem: Problem) -> Problem:
        """Name the sheet instead of the file that was made of it."""
        sheets = {self.schema[name].file: name for name in self.schema} | {ABOUT: _ABOUT_SHEET}
        sheet = sheets.get(problem.file.rpartition("/")[2])
        return replace(problem, file=self._named(sheet) if sheet else self.path.name)

    def _read(self, sheet: Any, schema: TableSchema) -> list[list[str]]:
        for merged in sheet.merged_cells.ranges:
            self._refuse(sheet.title, str(merged), "cells are merged", "part them again")
        kinds = {column.name: _kind_of(column) for column in schema.columns}
        columns: list[str] = []
        records: list[list[str]] = []
        for cells in sheet.iter_rows():
            if not records:
                names = [self._text(sheet, cell, _ANY) for cell in cells]
                columns = [kinds.get(name.strip(), _ANY) for name in names]
                records.append(names)
                continue
            pairs = zip(cells, columns, strict=True)
            records.append([self._text(sheet, cell, kind) for cell, kind in pairs])
        while records and not any(records[-1]):
            records.pop()
        width = max((len(_trimmed(record)) for record in records), default=0)
        return [record[:width] for record in records] or [list(schema.names)]

    def _text(self, sheet: Any, cell: Any, kind: str) -> str:
        """Give the text of a cell; refuse what a spreadsheet may have made of another one."""
        value = cell.value
        if value is None:
            return ""
        if isinstance(value, str):
            return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
        if isinstance(value, bool):
            return str(value).upper()
        if isinstance(value, int | float):
            if "%" in cell.number_format:
                what = "percentage"
            elif kind in ("integer", _ANY) and abs(value) < _EXACT:
                whole = isinstance(value, float) and value.is_integer()
                return str(int(value) if whole else value)
            else:
                what = "number"
        elif isinstance(value, date):
            day = value.date() if isinstance(value, datetime) else value
            midnight = not isinstance(value, datetime) or value.time() == datetime.min.time()
            if midnight and kind in ("date", _ANY):
                return day.isoformat()
            what = "date"
        elif hasattr(value, "text"):
            return str(value.text)  # a formula over several cells
        else:
            what = "time" if isinstance(value, time | timedelta) else "formula"
        message = f"a spreadsheet made a {what} of what was typed"
        advice = "format the cell as text, and type it again"
        self._refuse(sheet.title, cell.coordinate, message, advice)
        return str(value)

    # ----- what an overlay says of itself

    def _read_about(self, sheet: Any) -> dict[str, str]:
        said: dict[str, str] = {}
        for line, cells in enumerate(sheet.iter_rows(max_col=2), start=1):
            key, value = (self._text(sheet, cell, _ANY).strip() for cell in cells)
            if line == 1:
                continue
            if key in said:
                self._refuse(_ABOUT_SHEET, f"A{line}", f'"{key}" stands there twice', "delete one")
            elif key and value:
                said[key] = value
            elif value:
                self._refuse(
                    _ABOUT_SHEET, f"A{line}", "a value has no key", "write its key before it"
                )
        return said

    @property
    def about_text(self) -> str:
        """What the overlay says of itself, as the text of its file."""
        return json.dumps(self._about or {}, indent=2) + "\n"

    def write_about(self) -> list[str]:
        """Write what the overlay says of itself, if that has changed."""
        path = self.folder / ABOUT
        if self._about is None:
            return []
        if path.exists() and json.loads(path.read_text(encoding="utf-8-sig")) == self._about:
            return []
        write_file(path, self.about_text)
        return [path.name]


_EXACT: Final = 10**15
"""A spreadsheet keeps no more digits of a number than those below this one."""
_ANY: Final = "any"
"""The kind of a cell in which a number or a date may be meant."""


def _kind_of(column: Column) -> str:
    return _ANY if column.typed_by else column.type


def _trimmed(record: Sequence[str]) -> Sequence[str]:
    end = len(record)
    while end and not record[end - 1]:
        end -= 1
    return record[:end]


def _is_empty(sheet: Any) -> bool:
    return all(cell is None for cells in sheet.iter_rows(values_only=True) for cell in cells)
