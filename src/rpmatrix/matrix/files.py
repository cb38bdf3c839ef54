"""One CSV file of a table: read in whatever form it was saved, and written in its canonical one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rpmatrix.common.atomic import write_file
from rpmatrix.matrix.cells import inspect_cell, tidy
from rpmatrix.matrix.problems import Problem, closest
from rpmatrix.matrix.schema import Column, Header, Row, TableSchema, column_letter

# --- reading --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sheet:
    """One file while it is read: what it holds, after all safe repairs, and what is wrong.

    Attributes
    ----------
    schema : TableSchema
        What the table may hold.
    path : Path
        The file.
    places : dict of str to int
        The place of each column of the table in the file, counted from 0.
    rows : list of Row
        Its rows, in the order of the file.
    problems : list of Problem
        What is wrong with it.
    ragged : set of int
        The lines of the rows that have another number of cells than the header.
    sound : bool
        Whether its rows can be judged together with other tables.
    whole : bool
        Whether nothing of it would be lost if it were written again.
    """

    schema: TableSchema
    path: Path
    places: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ragged: set[int] = field(default_factory=set)
    sound: bool = True
    whole: bool = True

    def report(
        self,
        check: str,
        message: str,
        advice: str,
        line: int = 0,
        column: str | int = 0,
        *,
        row_id: str = "",
        fixable: bool = False,
        harmless: bool = False,
    ) -> None:
        """Note a problem; `column` is a name, or the place of a column that has none."""
        place = self.places.get(column, 0) if isinstance(column, str) else column
        cell = f"{column_letter(place)}{line}" if line else ""
        self.problems.append(
            Problem(check, self.path.name, cell, message, advice, row_id, fixable, harmless)
        )

    def report_form(
        self, check: str, message: str, advice: str, line: int = 0, column: str | int = 0
    ) -> None:
        """Note a problem of written form alone."""
        self.report(check, message, advice, line, column, fixable=True, harmless=True)

    def give_up(self, check: str, message: str, advice: str, line: int = 0) -> None:
        """Note a problem that leaves nothing to read."""
        self.report(check, message, advice, line)
        self.sound = self.whole = False


def read_sheet(path: Path, schema: TableSchema, types: Mapping[str, str]) -> Sheet:
    """Read one file; nothing in it raises.

    Parameters
    ----------
    path : Path
        The file.
    schema : TableSchema
        What the table may hold.
    types : mapping of str to str
        The type of each fact, by which the cells that speak of one are read.
    """
    sheet = Sheet(schema, path)
    try:
        data = path.read_bytes()
    except OSError as error:
        advice = "close it in other programs, and see that you may read it"
        sheet.give_up("unreadable", f"cannot be opened: {error.strerror}", advice)
        return sheet
    text = _decode(sheet, data)
    if text is None:
        return sheet
    if not text.strip():
        header = ",".join(schema.names)
        sheet.give_up("empty-file", "the file is empty", f"write its header: {header}")
        return sheet
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        sheet.report_form("line-ends", "lines end with a carriage return", "end them with LF alone")
    if not text.endswith("\n"):
        sheet.report_form("final-newline", "the last line has no end", "end it with LF")
    records = _records(sheet, text)
    if records is not None:
        _read_records(sheet, records, types)
        if '"' in text and not sheet.problems and _csv_text(records) != text:
            message = "some cells are quoted without need"
            sheet.report_form("quoting", message, "leave those quotes out")
    return sheet


_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "begins with a byte order mark"),
    (b"\xff\xfe\x00\x00", "utf-32", "is UTF-32"),
    (b"\xff\xfe", "utf-16", "is UTF-16"),
    (b"\xfe\xff", "utf-16", "is UTF-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def _decode(sheet: Sheet, data: bytes) -> str | None:
    advice = "save it as CSV in UTF-8 without a byte order mark"
    if data.startswith(_WORKBOOKS):
        sheet.give_up("unreadable", "the file is a workbook, not CSV", advice)
        return None
    for codec, what in _codecs(data):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        sheet.report_form("encoding", f"the file {what}", advice)
        return text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        sheet.give_up("encoding", "the text is neither UTF-8 nor Windows-1252", advice, line)
        return None
    # A guess, if nearly always the right one: the tables are not used on the strength of it.
    message = "the text is not UTF-8 from here on, but Windows-1252 by its looks"
    sheet.report("encoding", message, advice, line, fixable=True)
    return text


def _codecs(data: bytes) -> Iterator[tuple[str, str]]:
    """Give what the first bytes say about the encoding, if it is not plain UTF-8."""
    for mark, codec, what in _MARKS:
        if data.startswith(mark):
            yield codec, what
    if b"\0" in data:
        for codec, high in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
            if high.count(0) * 2 > len(high):
                yield codec, "is UTF-16"


def _records(sheet: Sheet, text: str) -> list[list[str]] | None:
    """Part the text into rows of cells."""
    names = sheet.schema.names
    if re.match(r"sep=.\n", text):
        # A spreadsheet takes this line for itself and counts the rows without it.
        sheet.report_form("delimiter", "begins with a line for spreadsheets", "delete that line")
        text = text.partition("\n")[2]
    first = text.partition("\n")[0]
    known = {sign: len({*names} & {*map(tidy, _parted(first, sign))}) for sign in ",;\t"}
    delimiter = max(known, key=lambda sign: known[sign])
    if not known[delimiter]:
        message = "the first row names no column of this table"
        sheet.give_up("header", message, f"begin the file with {','.join(names)}", 1)
        return None
    if delimiter != ",":
        signs = "semicolons" if delimiter == ";" else "tabs"
        sheet.report_form("delimiter", f"cells are parted by {signs}", "part them by commas")
    records: list[list[str]] = []
    try:
        records.extend(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        # What was read before the fault has stayed, so it tells the row.
        cause = "a quote is not closed" if "end of data" in str(error) else str(error)
        message = f"the row cannot be parted into cells: {cause}"
        advice = 'put quotes around the whole cell, and write a quote inside it twice: ""'
        sheet.give_up("quoting", message, advice, len(records) + 1)
        return None
    return records


def _parted(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _read_records(sheet: Sheet, records: list[list[str]], types: Mapping[str, str]) -> None:
    names = sheet.schema.names
    width = len(records[0])
    _read_header(sheet, records)
    absent = [name for name in names if name not in sheet.places]
    header = Header(
        {name: place for place, name in enumerate(names)},
        {name: column_letter(sheet.places.get(name, 0)) for name in names},
    )
    reader = _CellReader(sheet, types)
    in_place = [sheet.places.get(name) for name in names] == [*range(width)]
    empty: list[int] = []
    for line, record in enumerate(records[1:], start=2):
        if len(record) != width or not record[0]:
            if not any(cell.strip() for cell in record):
                empty.append(line)
                continue
            record = _to_width(sheet, record, width, line)
        if in_place:
            cells = tuple(record)
        else:
            record.append("")
            cells = tuple([record[sheet.places.get(name, -1)] for name in names])
        if line not in sheet.ragged:
            cells = reader.read(cells, line)
        sheet.rows.append(Row(header, cells, sheet.path.name, line))
    if empty:
        what = "the row is" if len(empty) == 1 else f"{len(empty)} rows are"
        sheet.report_form("stray-blanks", f"{what} empty", "delete empty rows", empty[0])
    if "id" not in absent:
        _check_ids(sheet)


def _read_header(sheet: Sheet, records: Sequence[Sequence[str]]) -> None:
    """Find the place of each column."""
    names = sheet.schema.names
    strangers: dict[int, str] = {}
    for place, cell in enumerate(records[0]):
        name = tidy(cell)
        if name in sheet.places:
            message = f'the column "{name}" is there twice'
            sheet.report("header", message, "keep one of them, and delete the other", 1, place)
            sheet.sound = sheet.whole = False
        elif name in names:
            sheet.places[name] = place
            if name != cell:
                message = f'the name of the column "{name}" has blanks at its edges'
                sheet.report("edge-spaces", message, f"write {name}", 1, place, fixable=True)
        else:
            strangers[place] = name
    for place, name in strangers.items():
        if name:
            _read_stranger(sheet, place, name)
        elif any(record[place].strip() for record in records[1:] if len(record) > place):
            message = "the column has cells but no name"
            advice = f"name it, or delete it; the columns are {', '.join(names)}"
            sheet.report("header", message, advice, 1, place)
            sheet.whole = False
        else:
            sheet.report_form("stray-blanks", "the column is empty", "delete it", 1, place)
    for name in names:
        if name not in sheet.places:
            message = f'the column "{name}" is missing'
            sheet.give_up("missing-column", message, f"add it; the header is {','.join(names)}", 1)
    places = [sheet.places[name] for name in names if name in sheet.places]
    if places != sorted(places):
        message = "the columns stand in another order"
        sheet.report_form("column-order", message, f"the order is {','.join(names)}", 1)


def _read_stranger(sheet: Sheet, place: int, name: str) -> None:
    """Note a column that is not known; take it for a missing one that is spelled alike."""
    alike = closest(name, [known for known in sheet.schema.names if known not in sheet.places])
    fixable = alike == name.casefold()
    if alike:
        sheet.places[alike] = place
        advice = f"write {alike}" if fixable else f"did you mean {alike}?"
    else:
        advice = f"delete it; the columns are {', '.join(sheet.schema.names)}"
    message = f'unknown column "{name}"'
    sheet.report("unknown-column", message, advice, 1, place, fixable=fixable)
    sheet.whole = sheet.whole and fixable


def _to_width(sheet: Sheet, record: list[str], width: int, line: int) -> list[str]:
    """Bring a row to the width of the header, and note where that is more than empty cells."""
    surplus = record[width:]
    if any(cell.strip() for cell in surplus) or len(record) < width:
        cells = f"{len(record)} cell{'' if len(record) == 1 else 's'}"
        message = f"the row has {cells}, the header has {width}"
        advice = (
            "put quotes around a cell that holds a comma, or delete what is too much"
            if surplus
            else "add the missing cells where they belong; an empty cell needs its comma too"
        )
        place = min(len(record) - 1, width)
        sheet.report("ragged-row", message, advice, line, place, row_id=record[0])
        sheet.ragged.add(line)
        sheet.whole = False
    elif surplus:
        message = "there are empty cells behind the last column"
        sheet.report_form("stray-blanks", message, "delete them", line, width)
    return (record + [""] * width)[:width]


def _check_ids(sheet: Sheet) -> None:
    first: dict[str, int] = {}
    highest = ""
    in_order = True
    for row in sheet.rows:
        found = row.id
        if found and found in first:
            message = f'the id "{found}" stands in row {first[found]} already'
            advice = "give one of the two rows another id, or delete it"
            sheet.report("duplicate-id", message, advice, row.line, "id", row_id=found)
        first.setdefault(found, row.line)
        if in_order and found < highest:
            in_order = False
            message = f'the rows are not sorted: "{found}" stands below "{highest}"'
            advice = "sort whole rows by id, never one column alone"
            sheet.report_form("row-order", message, advice, row.line, "id")
        highest = max(highest, found)


class _CellReader:
    """Reads the cells of a file row by row, and remembers which texts are in order."""

    def __init__(self, sheet: Sheet, types: Mapping[str, str]) -> None:
        self.sheet = sheet
        self.types = types
        columns = sheet.schema.columns
        self.id_place = sheet.schema.names.index("id")
        # What settles the type of a cell is read before that cell.
        self.order = sorted(range(len(columns)), key=lambda place: bool(columns[place].typed_by))
        self.accepted: list[set[str]] = [
            set() if column.name in sheet.places else {""} for column in columns
        ]
        self.kinds = [self._kind_of(column) for column in columns]

    def _kind_of(self, column: Column) -> Callable[[Sequence[str]], str]:
        if not column.typed_by:
            return lambda _: column.type
        names = self.sheet.schema.names
        place = names.index(column.typed_by)
        if self.sheet.schema.columns[place].key_of:
            return lambda cells: self.types.get(cells[place], "unknown")
        return lambda cells: cells[place]

    def read(self, cells: tuple[str, ...], line: int) -> tuple[str, ...]:
        """Give the cells of a row after all safe repairs, and report what is wrong."""
        now: list[str] | tuple[str, ...] = cells
        for place in self.order:
            cell = cells[place]
            if cell in self.accepted[place]:
                continue
            column = self.sheet.schema.columns[place]
            text, findings = inspect_cell(column, self.kinds[place](now), cell)
            if not findings:
                if not column.typed_by:
                    self.accepted[place].add(cell)
                continue
            now = [*now[:place], text, *now[place + 1 :]]
            for one in findings:
                self.sheet.report(
                    one.check,
                    one.message,
                    one.advice,
                    line,
                    column.name,
                    row_id=now[self.id_place],
                    fixable=one.fixable,
                )
        return tuple(now)


# --- writing --------------------------------------------------------------------------------------


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table in its canonical form; see `table_text`.

    The file is replaced in one step, so that a crash leaves the old one or the new one.

    Raises
    ------
    OSError
        If the file cannot be written; what was there has stayed.
    """
    write_file(path, table_text(columns, rows))


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Give a table in its canonical form: UTF-8, LF, commas, rows sorted by id."""
    ordered = sorted(rows, key=lambda row: row["id"])
    # A bare carriage return would be taken for the end of a row.
    cells = [[row[name].replace("\r", "\n") for name in columns] for row in ordered]
    return _csv_text([columns, *cells])


def _csv_text(records: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(records)
    return text.getvalue()
