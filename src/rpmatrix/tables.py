"""The tables of the matrix: the only module that touches their files.

What a table may hold stands in ``matrix_data/datapackage.json``, and nowhere in this module. Here
stands how the files are read, how what they hold is checked, how they are repaired, and how they
are written. Nothing here knows what the tables mean for a verdict.

A problem names its cell as a spreadsheet does (``scenarios.csv:D4``) and says what to do, because
those who edit the tables do so in a spreadsheet.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

DESCRIPTOR = "datapackage.json"
FROZEN = "digest.json"
"""Holds the digest of every table of a base that is not to be edited unnoticed; see `freeze`."""
SEPARATOR = "|"
"""Parts the members of a list in a cell."""


def data_folder() -> Path:
    """Find the folder of the base tables.

    The environment variable ``RPMATRIX_DATA`` decides if it is set; otherwise the folder that
    an installed package carries, or the one at the top of a checkout.

    Raises
    ------
    FileNotFoundError
        If there is no such folder; the message says where it was looked for.
    """
    override = os.environ.get("RPMATRIX_DATA")
    if override:
        folder = Path(override).expanduser()
        if (folder / DESCRIPTOR).is_file():
            return folder
        raise FileNotFoundError(
            f"RPMATRIX_DATA names {folder}, which holds no {DESCRIPTOR}; "
            "let it name the folder of the tables, or unset it"
        )
    package = Path(__file__).resolve().parent
    candidates = (package / "_data" / "matrix_data", package.parents[1] / "matrix_data")
    for folder in candidates:
        if (folder / DESCRIPTOR).is_file():
            return folder
    places = " nor in ".join(str(folder) for folder in candidates)
    raise FileNotFoundError(
        f"the tables are neither in {places}; install the package again, "
        "or let RPMATRIX_DATA name the folder of the tables"
    )


# --- schema ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One column, as the descriptor has it.

    Attributes
    ----------
    name, description
        Its name, and what to write in it and why.
    type : str
        ``string``, ``integer`` or ``date``.
    required : bool
        Whether every row needs a value.
    enum : tuple of str
        The words that may stand here; empty where the column is no enumeration.
    minimum : int or None
        The smallest number of an integer column.
    is_list : bool
        Whether a cell is a list parted by ``|``.
    key_of : str
        The table whose ids the cells are; empty where the column is no foreign key.
    references : tuple of str
        The tables whose ids the members of a list are.
    typed_by : str
        The column that settles the type of a cell: a fact, or a type itself.
    fits : mapping of str to tuple of str
        For each word of the enumeration the types or grains of facts that it fits.
    term : str
        What a value of the column is called in a message.
    placeholders : tuple of str
        The names that may stand in braces.
    form : str
        The form of a value, or of each member of a list, in words.
    pattern : re.Pattern or None
        The same form as a regular expression.
    """

    name: str
    description: str
    type: str
    required: bool
    enum: tuple[str, ...]
    minimum: int | None
    is_list: bool
    key_of: str
    references: tuple[str, ...]
    typed_by: str
    fits: Mapping[str, tuple[str, ...]]
    term: str
    placeholders: tuple[str, ...]
    form: str
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table as the descriptor has it; `citation` tells whether its rows can be cited."""

    name: str
    file: str
    title: str
    description: str
    columns: tuple[Column, ...]
    citation: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Give one column by its name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Schema(Mapping[str, TableSchema]):
    """All tables as the descriptor has them, by name and in its order."""

    title: str
    version: str
    tables: Mapping[str, TableSchema]

    def __getitem__(self, name: str) -> TableSchema:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


def read_schema(folder: Path | None = None) -> Schema:
    """Read the descriptor of the tables.

    Parameters
    ----------
    folder : Path, optional
        The folder that holds ``datapackage.json``; that of the base tables if not given.

    Raises
    ------
    TablesError
        If there is no descriptor, or it is not one.
    """
    folder = folder or data_folder()
    path = folder / DESCRIPTOR
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
        return Schema(
            package["title"],
            package["version"],
            {entry["name"]: _table_schema(entry) for entry in package["resources"]},
        )
    except OSError as error:
        message, advice = f"cannot be opened: {error.strerror}", "put it beside the tables"
    except ValueError as error:
        message, advice = f"is not JSON: {error}", "mend it, or take it from the repository"
    except (LookupError, TypeError, AttributeError, re.error) as error:
        message = f"does not describe tables: {type(error).__name__} {error}"
        advice = "take it from the repository"
    raise TablesError(folder, [Problem("descriptor", DESCRIPTOR, "", message, advice)])


def _table_schema(entry: Mapping[str, Any]) -> TableSchema:
    schema = entry["schema"]
    key_of = {
        key["fields"][0]: key["reference"]["resource"] for key in schema.get("foreignKeys", ())
    }
    columns = tuple(_column(one, key_of.get(one["name"], "")) for one in schema["fields"])
    citation = bool(entry.get("rpmatrix:citation", False))
    return TableSchema(
        entry["name"], entry["path"], entry["title"], entry["description"], columns, citation
    )


def _column(entry: Mapping[str, Any], key_of: str) -> Column:
    constraints = entry.get("constraints", {})
    pattern = constraints.get("pattern") or entry.get("rpmatrix:memberPattern")
    return Column(
        name=entry["name"],
        description=entry["description"],
        type=entry["type"],
        required=constraints.get("required", False),
        enum=tuple(constraints.get("enum", ())),
        minimum=constraints.get("minimum"),
        is_list=entry.get("rpmatrix:list", False),
        key_of=key_of,
        references=tuple(entry.get("rpmatrix:references", ())),
        typed_by=entry.get("rpmatrix:typedBy", ""),
        fits={word: tuple(kinds) for word, kinds in entry.get("rpmatrix:fits", {}).items()},
        term=entry.get("rpmatrix:term", entry["name"].replace("_", " ")),
        placeholders=tuple(entry.get("rpmatrix:placeholders", ())),
        form=entry.get("rpmatrix:form", ""),
        pattern=re.compile(pattern) if pattern else None,
    )


# --- rows and tables ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file: where each stands in a row, and its letter in the file."""

    columns: Mapping[str, int]
    letters: Mapping[str, str] = field(compare=False, hash=False)

    def __hash__(self) -> int:
        return hash(tuple(self.columns))


@dataclass(frozen=True, slots=True, repr=False)
class Row(Mapping[str, str]):
    """One row of a table, from column to text; an empty text is a missing value.

    Two rows with the same columns and texts are equal, wherever they stand.

    Attributes
    ----------
    file : str
        The name of the file it stands in.
    line : int
        The number of the row in a spreadsheet; the header is row 1.
    """

    header: Header
    cells: tuple[str, ...]
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def __getitem__(self, column: str) -> str:
        return self.cells[self.header.columns[column]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.header.columns)

    def __len__(self) -> int:
        return len(self.header.columns)

    def __repr__(self) -> str:
        return f"Row({self.id!r}, {self.file}:{self.line})"

    @property
    def id(self) -> str:
        """The id of the row."""
        return self["id"]

    def members(self, column: str) -> tuple[str, ...]:
        """Give the members of a list cell."""
        return _members(self[column])

    def with_cell(self, column: str, text: str) -> Row:
        """Give the row with another text in one cell."""
        place = self.header.columns[column]
        cells = (*self.cells[:place], text, *self.cells[place + 1 :])
        return Row(self.header, cells, self.file, self.line)

    def cell(self, column: str) -> str:
        """Say where a cell stands, such as ``scenarios.csv:D4``."""
        return f"{self.file}:{self.header.letters[column]}{self.line}"


@dataclass(frozen=True)
class Table:
    """One table: its name, its file, its columns, and its rows sorted by id."""

    name: str
    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Row]:
        """The rows by their ids."""
        return {row.id: row for row in self.rows}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of the table, in hexadecimal.

        The written form does not count: neither line ends, byte order mark and delimiter nor the
        order of rows and columns.
        """
        lines = sorted("\x1f".join([row[column] for column in self.columns]) for row in self.rows)
        content = "\x1e".join([self.name, "\x1f".join(self.columns), *lines])
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True)
class Tables(Mapping[str, Table]):
    """Tables by name, with the folder they come from and the schema they follow."""

    folder: Path
    schema: Schema = field(repr=False)
    tables: Mapping[str, Table] = field(repr=False)

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def rows(self, name: str) -> tuple[Row, ...]:
        """Give the rows of a table; none if there is no such table here."""
        return self.tables[name].rows if name in self.tables else ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of all tables, in hexadecimal; see `Table.digest`."""
        digests = [self.tables[name].digest for name in sorted(self.tables)]
        return hashlib.sha256("".join(digests).encode()).hexdigest()


def _members(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split(SEPARATOR) if part)


@lru_cache(maxsize=256)
def column_letter(place: int) -> str:
    """Name a column as a spreadsheet does: 0 is A, 26 is AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


# --- problems and checks --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the tables.

    Attributes
    ----------
    check : str
        The id of the check that found it; see `CHECKS`.
    file, cell : str
        Where it is: the name of the file, and a cell such as ``D4``, or nothing for a whole file.
    message, advice : str
        What is wrong, and what to do about it.
    row_id : str
        The id of the row, if it is in one.
    fixable : bool
        Whether `fix` repairs it.
    harmless : bool
        Whether it is a matter of written form alone: the tables read the same without it.
    """

    check: str
    file: str
    cell: str
    message: str
    advice: str
    row_id: str = ""
    fixable: bool = False
    harmless: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.cell}" if self.cell else self.file
        return f"{where} {self.message}; {self.advice}"


_SHOWN = 30


class TablesError(Exception):
    """The tables cannot be used.

    Attributes
    ----------
    folder : Path
        The folder of the tables.
    problems : tuple of Problem
        All that is wrong with them.
    """

    def __init__(self, folder: Path, problems: Iterable[Problem]) -> None:
        self.folder = folder
        self.problems = tuple(problems)
        super().__init__(folder, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'' if count == 1 else 's'} in the tables of {self.folder}:"]
        lines += [f"  {problem}" for problem in self.problems[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"  and {count - _SHOWN} more; see all with: rpmatrix check")
        if any(problem.fixable for problem in self.problems):
            lines.append("Some of this can be repaired by: rpmatrix fix")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its id, what it looks at, and what it asks for in plain words.

    The scope of a check of form is ``folder``, ``file``, ``row`` or ``cell``. That of a check of
    meaning is the tables it reads, each by name, or as ``with:`` and a column they all have.
    """

    id: str
    scope: tuple[str, ...]
    meaning: str


CHECKS: dict[str, Check] = {
    name: Check(name, (scope,), meaning)
    for name, scope, meaning in (
        ("descriptor", "folder", "Keep the descriptor beside the tables, as JSON."),
        ("missing-file", "folder", "Keep a file for every table of the descriptor."),
        ("unknown-file", "folder", "Keep no CSV file in the folder that is not a table."),
        ("frozen", "folder", "Change a frozen table knowingly: renew its digest afterwards."),
        ("unwritable", "file", "Let a file that is to be repaired be open to be written."),
        ("unreadable", "file", "Let a file be open to be read, and let it hold text."),
        ("empty-file", "file", "Write at least the header into a file."),
        ("encoding", "file", "Save a file as UTF-8 without a byte order mark."),
        ("line-ends", "file", "End lines with a line feed alone."),
        ("final-newline", "file", "End the last line like every other."),
        ("delimiter", "file", "Part cells by commas."),
        ("quoting", "file", "Set quotes where they are needed, in pairs, and nowhere else."),
        ("header", "file", "Name every column in the first row, once."),
        ("missing-column", "file", "Keep every column of the descriptor."),
        ("unknown-column", "file", "Keep no column that the descriptor does not have."),
        ("column-order", "file", "Keep the columns in the order of the descriptor."),
        ("stray-blanks", "file", "Leave no empty rows and no empty columns."),
        ("row-order", "file", "Sort the rows by id."),
        ("ragged-row", "row", "Give a row as many cells as the header has."),
        ("duplicate-id", "row", "Use an id once in its table."),
        ("duplicate-citation", "row", "Use an id that can be cited in one table only."),
        ("required", "cell", "Leave no cell empty that is needed."),
        (
            "edge-spaces",
            "cell",
            "Leave no blanks at the edges of a cell, and no line break inside.",
        ),
        ("ascii", "cell", "Write plain ASCII, which no code page can spoil."),
        ("formula", "cell", "Begin no cell like a formula, and keep no result of a failed one."),
        ("boolean", "cell", "Write yes or no, never TRUE or FALSE."),
        ("enumeration", "cell", "Spell a word of an enumeration as the descriptor does."),
        ("integer", "cell", "Write a whole number as digits alone, and not below its minimum."),
        ("date", "cell", "Write a date as YYYY-MM-DD, and only where a date belongs."),
        ("api-version", "cell", "Write an API version like api-2021-07-01."),
        ("pattern", "cell", "Write ids, fingerprints and members of lists in their form."),
        ("list", "cell", "Leave no empty and no repeated member in a list."),
        ("foreign-key", "cell", "Name only such rows of other tables as exist."),
        ("reference", "cell", "Name in a list only such rows as exist."),
    )
}
"""All checks by id: those of form above, and those of meaning that register themselves below."""


# --- reading one file -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Sheet:
    """One file while it is read: what it holds, after all safe repairs, and what is wrong.

    `sound` says that its rows can be judged together with other tables, `whole` that nothing of
    it would be lost if it were written again.
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


def _read_sheet(path: Path, schema: TableSchema, types: Mapping[str, str]) -> _Sheet:
    """Read one file; `types` tells the types of the facts that typed cells speak of."""
    sheet = _Sheet(schema, path)
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


def _decode(sheet: _Sheet, data: bytes) -> str | None:
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


def _records(sheet: _Sheet, text: str) -> list[list[str]] | None:
    """Part the text into rows of cells."""
    names = sheet.schema.names
    if re.match(r"sep=.\n", text):
        # A spreadsheet takes this line for itself and counts the rows without it.
        sheet.report_form("delimiter", "begins with a line for spreadsheets", "delete that line")
        text = text.partition("\n")[2]
    first = text.partition("\n")[0]
    known = {sign: len({*names} & {*map(_tidy, _parted(first, sign))}) for sign in ",;\t"}
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


def _read_records(sheet: _Sheet, records: list[list[str]], types: Mapping[str, str]) -> None:
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


def _read_header(sheet: _Sheet, records: Sequence[Sequence[str]]) -> None:
    """Find the place of each column."""
    names = sheet.schema.names
    strangers: dict[int, str] = {}
    for place, cell in enumerate(records[0]):
        name = _tidy(cell)
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


def _read_stranger(sheet: _Sheet, place: int, name: str) -> None:
    """Note a column that is not known; take it for a missing one that is spelled alike."""
    alike = _closest(name, [known for known in sheet.schema.names if known not in sheet.places])
    fixable = alike == name.casefold()
    if alike:
        sheet.places[alike] = place
        advice = f"write {alike}" if fixable else f"did you mean {alike}?"
    else:
        advice = f"delete it; the columns are {', '.join(sheet.schema.names)}"
    message = f'unknown column "{name}"'
    sheet.report("unknown-column", message, advice, 1, place, fixable=fixable)
    sheet.whole = sheet.whole and fixable


def _to_width(sheet: _Sheet, record: list[str], width: int, line: int) -> list[str]:
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


def _check_ids(sheet: _Sheet) -> None:
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


# --- reading one cell -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one check found in a cell, before it is known which cell that is."""

    check: str
    message: str
    advice: str
    fixable: bool = False


class _CellReader:
    """Reads the cells of a file row by row, and remembers which texts are in order."""

    def __init__(self, sheet: _Sheet, types: Mapping[str, str]) -> None:
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
            text, findings = _inspect(column, self.kinds[place](now), cell)
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


# Plain ASCII that neither begins nor ends with a blank and cannot be taken for a formula.
_CLEAN = re.compile(r"(?![=+\-@#']|err:)[!-~](?:[ -~]*[!-~])?", re.IGNORECASE)
# Each spreadsheet writes them in its own language: #VALUE!, #WERT!, #N/A, #NV, Err:502.
_FAILED = re.compile(r"#(?:[A-Z]+(?:/0)?[!?]|N/?[ADV]|[A-Z]+_[A-Z]+|#+)|Err:\d{3}", re.IGNORECASE)
_TYPOGRAPHY = {
    ord(sign): plain
    for plain, signs in {
        '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
        "'": "\u2018\u2019\u201a\u201b\u2032",
        "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
        "...": "\u2026",
        " ": "\u00a0\u1680\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
        "": "\u00ad\u200b\u200c\u200d\u2060\ufeff",
    }.items()
    for sign in signs
}


def _tidy(text: str) -> str:
    """Make typographic signs plain, and blanks single where there was a line break."""
    plain = text.translate(_TYPOGRAPHY).strip()
    return re.sub(r"\s*[\t\n\r\f\v]\s*", " ", plain)


def _inspect(column: Column, kind: str, cell: str) -> tuple[str, list[_Finding]]:
    """Judge one cell; give its text after all safe repairs, and what was found."""
    findings: list[_Finding] = []
    text = cell
    if cell and not _CLEAN.fullmatch(cell):
        text = _clean(cell, findings)
        if any(not one.fixable for one in findings):
            return text, findings
    if not text:
        if column.required:
            advice = f"write the {column.term}"
            findings.append(_Finding("required", f"the {column.term} is missing", advice))
    elif column.enum:
        text = _read_word(column, text, findings)
    elif column.is_list or (column.typed_by and SEPARATOR in text):
        members = [part.strip() for part in text.split(SEPARATOR)]
        kept = dict.fromkeys(filter(None, members))
        if SEPARATOR.join(kept) != text:
            message = f'the list "{_short(text)}" has an empty or repeated member, or stray blanks'
            advice = f"write {_short(SEPARATOR.join(kept)) or 'nothing'}"
            findings.append(_Finding("list", message, advice, fixable=True))
        # Repairs may make two members one.
        read = dict.fromkeys(_read_value(column, kind, member, findings) for member in kept)
        text = SEPARATOR.join(read)
    else:
        text = _read_value(column, kind, text, findings)
    return text, findings


def _clean(cell: str, findings: list[_Finding]) -> str:
    plain = cell.translate(_TYPOGRAPHY)
    if not plain.isascii():
        signs = dict.fromkeys(sign for sign in plain if not sign.isascii())
        message = f"holds {', '.join(map(_sign_name, list(signs)[:3]))}, which is not ASCII"
        advice = "write it with plain letters, so that no code page can spoil it"
        findings.append(_Finding("ascii", message, advice))
    elif plain != cell:
        sign = next(sign for sign in cell if ord(sign) in _TYPOGRAPHY)
        message = f"holds {_sign_name(sign)}, which is not ASCII"
        findings.append(_Finding("ascii", message, "write it with plain signs", fixable=True))
    text = _tidy(cell)
    hidden = [sign for sign in text if sign < " " or sign == "\x7f"]
    if hidden:
        message = f"holds the control character {_sign_name(hidden[0])}"
        findings.append(_Finding("ascii", message, "write the cell anew"))
    bare = text.removeprefix("'").strip() if text.count("'") == 1 else text
    if bare[:1] in {"=", "+", "-", "@"}:
        message = f'begins with "{bare[0]}", which a spreadsheet takes for a formula'
        findings.append(_Finding("formula", message, "write it in words"))
    elif _FAILED.fullmatch(bare):
        message = f'holds "{bare}", the result of a formula that failed'
        findings.append(_Finding("formula", message, "write the value itself"))
    elif text and plain.startswith("\t"):
        message = "begins with a tab, behind which a spreadsheet may see a formula"
        findings.append(_Finding("formula", message, "delete the tab", fixable=True))
        text = bare
    elif bare != text:
        message = "begins with an apostrophe, by which a spreadsheet marks a text"
        findings.append(_Finding("formula", message, "delete it", fixable=True))
        text = bare
    elif text != plain:
        message = "has blanks at its edges or a line break inside"
        findings.append(_Finding("edge-spaces", message, "delete them", fixable=True))
    return text


def _sign_name(sign: str) -> str:
    import unicodedata

    return f"{unicodedata.name(sign, 'an unnamed sign').lower()} (U+{ord(sign):04X})"


def _read_word(column: Column, text: str, findings: list[_Finding]) -> str:
    if text in column.enum:
        return text
    choice = f"write one of: {', '.join(column.enum)}"
    alike = _closest(text, column.enum)
    if alike.casefold() == text.casefold():
        message = f'{column.term} "{text}" is in another letter case'
        findings.append(_Finding("enumeration", message, f"write {alike}", fixable=True))
        return alike
    if text.casefold() in _BOOLEANS:
        findings.append(_Finding("boolean", _boolean(text), choice))
    else:
        advice = _suggest(alike, choice)
        findings.append(_Finding("enumeration", f'unknown {column.term} "{text}"', advice))
    return text


_INTEGER = re.compile(r"0|[1-9][0-9]*")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:([ ,'])[0-9]{3})(?:\1[0-9]{3})*")
_POWERS = re.compile(r"[0-9](?:[.,][0-9]+)?E[+-][0-9]+", re.IGNORECASE)
_API_VERSION = re.compile(r"api-[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-preview)?")
_BOOLEANS = {"true": "yes", "false": "no"}


def _read_value(column: Column, kind: str, text: str, findings: list[_Finding]) -> str:
    """Judge one value, which may be a member of a list.

    A column that is typed by another is only searched for what a spreadsheet may have done to
    it: whether the value suits its fact is judged when all tables are known.
    """
    strict = not column.typed_by
    if kind == "integer":
        return _read_integer(column, text, findings, strict=strict)
    if kind == "date":
        return _read_date(text, findings, strict=strict)
    if kind == "api_version":
        return _read_api_version(text, findings)
    if kind == "unknown":
        return text
    if text.casefold() in _BOOLEANS:
        advice = f"write {_BOOLEANS[text.casefold()]}, or more words"
        findings.append(_Finding("boolean", _boolean(text), advice))
    elif len(text) < _LONGEST_DATE and _dates(text) is not None:
        message = f'"{text}" looks like a date, which a spreadsheet rewrites'
        advice = "write it in words, and an API version as api-2021-07-01"
        findings.append(_Finding("date", message, advice))
    elif _POWERS.fullmatch(text):
        message = f'"{text}" is how a spreadsheet shortens a long number'
        findings.append(_Finding("integer", message, "write all of its digits"))
    elif column.pattern and not column.pattern.fullmatch(text):
        message = f'{column.term} "{_short(text)}" has not the right form'
        findings.append(_Finding("pattern", message, f"write {column.form}"))
    return text


def _boolean(text: str) -> str:
    return f'"{text}" is a boolean, which each spreadsheet writes in its own language'


def _read_integer(column: Column, text: str, findings: list[_Finding], *, strict: bool) -> str:
    if _INTEGER.fullmatch(text):
        if column.minimum is not None and int(text) < column.minimum:
            message = f"{text} is too small for the {column.term}"
            findings.append(_Finding("integer", message, f"write {column.minimum} or more"))
        return text
    if _THOUSANDS.fullmatch(text):
        plain = re.sub("[ ,']", "", text)
        message = f'"{text}" has separators between its digits'
        findings.append(_Finding("integer", message, f"write {plain}", fixable=True))
        return plain
    if strict:
        message = f'"{text}" is not a whole number'
        findings.append(_Finding("integer", message, "write digits alone, such as 12"))
    return text


def _read_date(text: str, findings: list[_Finding], *, strict: bool) -> str:
    readings = _dates(text) if len(text) < _LONGEST_DATE else None
    if readings is None and re.fullmatch("[2-6][0-9]{4}", text):
        # Spreadsheets count days, from one of two days on.
        days = timedelta(days=int(text))
        readings = (date(1899, 12, 30) + days, date(1904, 1, 1) + days)
    if readings is None:
        if strict:
            message = f'"{_short(text)}" is not a date'
            findings.append(_Finding("date", message, "write it as YYYY-MM-DD"))
        return text
    days_meant = [day.isoformat() for day in readings]
    if days_meant == [text]:
        return text
    message = f'the date "{text}" is not as it was written; a spreadsheet does that'
    if len(days_meant) == 1:
        findings.append(_Finding("date", message, f"write {days_meant[0]}", fixable=True))
        return days_meant[0]
    meant = f"; it may mean {' or '.join(days_meant)}" if days_meant else ""
    findings.append(_Finding("date", message, f"write it as YYYY-MM-DD{meant}"))
    return text


def _read_api_version(text: str, findings: list[_Finding]) -> str:
    readings = _dates(text) if len(text) < _LONGEST_DATE else None
    if readings is None:
        return text
    message = f'the API version "{text}" looks like a date, which a spreadsheet rewrites'
    versions = [f"api-{day.isoformat()}" for day in readings]
    if len(versions) == 1:
        findings.append(_Finding("api-version", message, f"write {versions[0]}", fixable=True))
        return versions[0]
    meant = f"; it may mean {' or '.join(versions)}" if versions else ""
    findings.append(_Finding("api-version", message, f"write it like api-2021-07-01{meant}"))
    return text


_LONGEST_DATE = 36
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_GERMAN_MONTHS = (
    *("januar", "februar", "mrz", "april", "mai", "juni"),
    *("juli", "august", "september", "oktober", "november", "dezember"),
)
_MONTH_NUMBERS = {
    name[:3]: number for names in (_GERMAN_MONTHS, _MONTHS) for number, name in enumerate(names, 1)
}
_MONTH = f"(?:{'|'.join([*_MONTHS, *_GERMAN_MONTHS, *_MONTH_NUMBERS, 'sept'])})"
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AP]M|Z|[+-]\d{2}:?\d{2})?)?"
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE | re.ASCII)
    for shape in (
        rf"(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_TIME}",
        rf"(?P<a>\d{{1,2}})([-/.])(?P<b>\d{{1,2}})\2(?P<y>(?:19|20)\d\d){_TIME}",
        rf"(?P<d>\d{{1,2}})[-/. ]+(?P<name>{_MONTH})[-/., ]+(?P<y>(?:19|20)\d\d){_TIME}",
        rf"(?P<name>{_MONTH})[-/. ]+(?P<d>\d{{1,2}})[-/., ]+(?P<y>(?:19|20)\d\d){_TIME}",
        # Too little to know the day.
        rf"\d{{1,2}}([-/.])(?:\d{{1,2}}|{_MONTH})\1\d{{2}}{_TIME}",
        rf"{_MONTH}[-/. ]{{0,2}}\d{{1,4}}",
        rf"\d{{1,4}}[-/. ]{{0,2}}{_MONTH}\.?",
        r"\d{1,2}[-/]\d{1,2}",
        r"\d{1,2}\.\d{1,2}\.",
    )
)


@lru_cache(maxsize=4096)
def _dates(text: str) -> tuple[date, ...] | None:
    """Give the days that a text may mean, or None if it does not look like a date."""
    if not any(sign.isdigit() for sign in text):
        return None
    for shape in _SHAPES:
        match = shape.fullmatch(text)
        if match:
            return _days(match.groupdict())
    return None


def _days(parts: Mapping[str, str]) -> tuple[date, ...]:
    if "y" not in parts:
        return ()
    year = int(parts["y"])
    if "a" in parts:
        first, second = int(parts["a"]), int(parts["b"])
        tries = [(second, first), (first, second)]
    elif "name" in parts:
        tries = [(_MONTH_NUMBERS[parts["name"][:3].lower()], int(parts["d"]))]
    else:
        tries = [(int(parts["m"]), int(parts["d"]))]
    found: dict[date, None] = {}
    for month, day in tries:
        try:
            found[date(year, month, day)] = None
        except ValueError:
            continue
    return tuple(found)


def _closest(word: str, known: Iterable[str]) -> str:
    """Give the known word that is most like this one, or nothing if none is."""
    folded = {one.casefold(): one for one in known}
    if word.casefold() in folded:
        return folded[word.casefold()]
    import difflib

    alike = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.7)
    return folded[alike[0]] if alike else ""


def _suggest(alike: str, advice: str) -> str:
    return f"did you mean {alike}? {advice[0].upper()}{advice[1:]}" if alike else advice


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


# --- judging the tables together ------------------------------------------------------------------

_Found = tuple[Row, str, str, str]
"""What a rule yields: the row, the column, what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Check
    alone: bool
    run: Callable[[_Known], Iterator[_Found]]


_RULES: list[_Rule] = []


def _rule(
    name: str, *reads: str, alone: bool = False
) -> Callable[[Callable[[_Known], Iterator[_Found]]], Callable[[_Known], Iterator[_Found]]]:
    """Register a check of meaning; its docstring is what it asks for.

    It `reads` tables, named or given as ``with:`` and a column they have. It runs when all of them
    are sound, and on an overlay only if it can judge the rows of one folder `alone`.
    """

    def register(
        run: Callable[[_Known], Iterator[_Found]],
    ) -> Callable[[_Known], Iterator[_Found]]:
        meaning = " ".join((run.__doc__ or "").split())
        CHECKS[name] = Check(name, reads, meaning)
        _RULES.append(_Rule(CHECKS[name], alone, run))
        return run

    return register


@dataclass(frozen=True, slots=True)
class _Fact:
    """What the rules need of a fact; `allowed` is None where any value of the type is."""

    row: Row
    type: str
    allowed: tuple[str, ...] | None

    def objection(self, value: str, *, prefix: bool = False) -> str:
        """Say what to write instead of a value that the fact cannot have; nothing if it can."""
        form = _FORMS.get(self.type)
        if form and not form[0](value):
            return f"write {form[1]}"
        if self.allowed is None or value in self.allowed:
            return ""
        if prefix and any(one.startswith(value) for one in self.allowed):
            return ""
        few = len(self.allowed) <= 12
        choice = (
            f"write one of: {', '.join(self.allowed)}"
            if few
            else f"the fact {self.row.id} has the list of its values"
        )
        return _suggest(_closest(value, self.allowed), choice)


_FORMS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "integer": (_INTEGER.fullmatch, "a whole number, digits alone"),
    "date": (lambda text: _days_of(text) == text, "a date as YYYY-MM-DD"),
    "api_version": (_API_VERSION.fullmatch, "an API version like api-2021-07-01"),
}


def _days_of(text: str) -> str:
    readings = _dates(text) or ()
    return readings[0].isoformat() if len(readings) == 1 else ""


class _Known:
    """The sound tables, and what several rules ask of them."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.schema = tables.schema
        self.meant: dict[tuple[str, str], str] = {}

    def rows(self, *names: str) -> Iterator[Row]:
        """Give the rows of some tables."""
        for name in _expand(names, self.schema):
            yield from self.tables.rows(name)

    def tests(self) -> Iterator[tuple[Row, Column]]:
        """Give the rows that compare a fact with a value, and the column of the word for it."""
        for name in _expand(("with:fact_id",), self.schema):
            for column in self.schema[name].columns:
                if column.fits:
                    yield from ((row, column) for row in self.tables.rows(name))

    def key(self, row: Row, column: str, table: str) -> str:
        """Give the id a cell means, which may be spelled alike only."""
        return self.meant.get((table, row[column]), row[column])

    @cached_property
    def citable(self) -> tuple[str, ...]:
        """The tables whose rows can be cited."""
        return tuple(name for name in self.schema if self.schema[name].citation)

    @cached_property
    def facts(self) -> Mapping[str, _Fact]:
        """The facts by their ids."""
        return {row.id: self._fact(row) for row in self.tables.rows("facts")}

    def _fact(self, row: Row) -> _Fact:
        allowed: tuple[str, ...] | None = row.members("allowed_values")
        if allowed and allowed[0].endswith(".id"):
            name = self.lists.get(allowed[0], "")
            allowed = tuple(one.id for one in self.rows(name)) if name in self.tables else None
        elif row["type"] == "flag":
            allowed = tuple(_BOOLEANS.values())
        return _Fact(row, row["type"], allowed or None)

    @cached_property
    def lists(self) -> Mapping[str, str]:
        """The tables whose ids may be the values of a fact, by the way that is written."""
        return {f"{name}.id": name for name in self.schema}

    def fact(self, row: Row) -> _Fact | None:
        """Give the fact that a row tests, if there is one."""
        return self.facts.get(self.key(row, "fact_id", "facts"))

    @cached_property
    def conditions(self) -> Mapping[str, list[Row]]:
        """The conditions of each scenario."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("conditions"):
            found[self.key(row, "scenario_id", "scenarios")].append(row)
        return found

    @cached_property
    def users(self) -> Mapping[tuple[str, str], Row]:
        """A row that uses each row that another table's foreign key may name."""
        found: dict[tuple[str, str], Row] = {}
        for name, table in self.schema.items():
            for column in table.columns:
                if column.key_of:
                    for row in self.rows(name):
                        key = self.key(row, column.name, column.key_of)
                        found.setdefault((column.key_of, key), row)
        return found

    @cached_property
    def ruled(self) -> set[tuple[str, str]]:
        """The pairs of rows between which a ruling decides, each in both orders."""
        pairs = set()
        for row in self.rows("rulings"):
            for one in row.members("row_a"):
                for other in row.members("row_b"):
                    pairs |= {(one, other), (other, one)}
        return pairs


def _expand(names: Iterable[str], schema: Schema) -> Iterator[str]:
    """Name the tables that a rule reads."""
    for name in names:
        column = name.removeprefix("with:")
        if column == name:
            yield name
        else:
            yield from (one for one in schema if column in schema[one].names)


def check_together(tables: Tables) -> tuple[Problem, ...]:
    """Check what the tables say together: keys, references and meaning.

    `read_tables` has done so for one folder. Call it for tables that are put together from
    several, such as a base and its overlays.
    """
    return tuple(_judge(tables, frozenset(tables), partial=False))


def _judge(tables: Tables, sound: frozenset[str], *, partial: bool) -> list[Problem]:
    kept = {name: table for name, table in tables.items() if name in sound}
    known = _Known(Tables(tables.folder, tables.schema, kept))
    problems = [] if partial else [*_judge_keys(known), *_judge_references(known)]
    problems += _judge_citations(known)
    for rule in _RULES:
        if rule.alone if partial else sound.issuperset(_expand(rule.check.scope, known.schema)):
            for row, column, message, advice in rule.run(known):
                problems.append(_problem_at(rule.check.id, row, column, message, advice))
    return problems


def _problem_at(check: str, row: Row, column: str, message: str, advice: str) -> Problem:
    file, _, cell = row.cell(column).rpartition(":")
    return Problem(check, file, cell, message, advice, row.id)


def _judge_keys(known: _Known) -> Iterator[Problem]:
    for name, table in known.schema.items():
        for column in table.columns:
            if column.key_of not in known.tables:
                continue
            ids = known.tables[column.key_of].by_id
            for row in known.rows(name):
                key = row[column.name]
                if not key or key in ids:
                    continue
                alike = _closest(key, ids)
                if alike:
                    known.meant[column.key_of, key] = alike
                advice = f"write an id of {known.schema[column.key_of].file}"
                advice = _suggest(alike, advice) if alike else f"{advice}, or add the row there"
                message = f'unknown {column.term} "{_short(key)}"'
                yield _problem_at("foreign-key", row, column.name, message, advice)


def _judge_references(known: _Known) -> Iterator[Problem]:
    for name, table in known.schema.items():
        for column in table.columns:
            if not column.references or not known.tables.keys() >= {*column.references}:
                continue
            ids = {row.id for row in known.rows(*column.references)}
            files = ", ".join(known.schema[one].file for one in column.references)
            for row in known.rows(name):
                for member in row.members(column.name):
                    if member in ids:
                        continue
                    message = f'unknown row "{_short(member)}"'
                    parts = re.split("[,; ]+", member)
                    advice = (
                        f"part ids by a vertical bar: {SEPARATOR.join(parts)}"
                        if len(parts) > 1 and ids.issuperset(parts)
                        else _suggest(_closest(member, ids), f"write ids of {files}")
                    )
                    yield _problem_at("reference", row, column.name, message, advice)


def _judge_citations(known: _Known) -> Iterator[Problem]:
    first: dict[str, Row] = {}
    for row in known.rows(*known.citable):
        other = first.setdefault(row.id, row)
        if other.file != row.file:
            message = f'the id "{row.id}" stands in {other.cell("id")} too'
            advice = "give one of the two rows another id, since either can be cited"
            yield _problem_at("duplicate-citation", row, "id", message, advice)


# --- what the tables must mean --------------------------------------------------------------------

_OUTCOMES = ("application", "crash")


@_rule("caveat-is-given", "scenarios", alone=True)
def _caveat_is_given(known: _Known) -> Iterator[_Found]:
    """Say the caveat of every scenario that is supported with one."""
    for row in known.rows("scenarios"):
        if not row["caveat"] and "supported_with_caveat" in [row[mode] for mode in _OUTCOMES]:
            message = "the outcome supported_with_caveat needs a caveat"
            yield row, "caveat", message, "say what a reader must know, or write supported"


@_rule("remedy-is-given", "scenarios", "cross_region", alone=True)
def _remedy_is_given(known: _Known) -> Iterator[_Found]:
    """Say how to leave disks out wherever that is the outcome."""
    for name, columns in (("scenarios", _OUTCOMES), ("cross_region", ("outcome",))):
        for row in known.rows(name):
            if not row["remedy"] and "exclude_disk" in [row[column] for column in columns]:
                message = "the outcome exclude_disk needs a remedy"
                yield row, "remedy", message, "say how to leave the disk out"


@_rule("scenario-has-condition", "scenarios", "conditions")
def _scenario_has_condition(known: _Known) -> Iterator[_Found]:
    """Give every scenario with an outcome a condition, unless it repeats another row."""
    for row in known.rows("scenarios"):
        decides = any(row[mode] != "not_applicable" for mode in _OUTCOMES)
        if decides and not row["repeats"] and row.id not in known.conditions:
            message = "nothing says when this scenario applies"
            advice = f"add a row to {known.schema['conditions'].file}, or say what it repeats"
            yield row, "id", message, advice


@_rule("repeat-has-no-condition", "scenarios", "conditions")
def _repeat_has_no_condition(known: _Known) -> Iterator[_Found]:
    """Give no condition to a scenario that repeats another row: the other row decides."""
    for row in known.rows("scenarios"):
        for condition in known.conditions.get(row.id, ()) if row["repeats"] else ():
            message = f'the scenario "{row.id}" repeats {row["repeats"]}, which decides'
            yield condition, "scenario_id", message, "delete this condition, or empty repeats"


@_rule("repeat-names-original", "scenarios", "limits")
def _repeat_names_original(known: _Known) -> Iterator[_Found]:
    """Let a row repeat an original: neither itself nor a row that repeats another."""
    repeats = {row.id: row.members("repeats") for row in known.rows("scenarios", "limits")}
    for row in known.rows("scenarios", "limits"):
        for original in row.members("repeats"):
            if original == row.id:
                yield row, "repeats", "the row repeats itself", "name the row it repeats"
            elif repeats.get(original):
                message = f'"{original}" itself repeats {SEPARATOR.join(repeats[original])}'
                yield row, "repeats", message, "name the row that says it first"


@_rule("clauses-count-from-1", "conditions")
def _clauses_count_from_1(known: _Known) -> Iterator[_Found]:
    """Count the clauses of a scenario 1, 2, 3 and so on."""
    for scenario, rows in known.conditions.items():
        numbers = {int(row["clause"]) for row in rows if _INTEGER.fullmatch(row["clause"])}
        missing = min(set(range(1, len(numbers) + 2)) - numbers)
        for row in rows:
            if _INTEGER.fullmatch(row["clause"]) and int(row["clause"]) > missing:
                message = f'the scenario "{scenario}" has no clause {missing}'
                yield row, "clause", message, "number its clauses from 1 without gaps"
                break


@_rule("condition-stands-once", "conditions")
def _condition_stands_once(known: _Known) -> Iterator[_Found]:
    """Write a test once in its clause."""
    seen: dict[tuple[str, ...], Row] = {}
    for row in known.rows("conditions"):
        test = tuple(
            row[name] for name in ("scenario_id", "clause", "fact_id", "operator", "value")
        )
        other = seen.setdefault(test, row)
        if other is not row and other.id != row.id:
            message = f"says the same as {other.cell('id')}"
            yield row, "id", message, "delete one of the two rows, or mend its value"


@_rule("test-is-complete", "with:operator", alone=True)
def _test_is_complete(known: _Known) -> Iterator[_Found]:
    """Give a test a fact and an operator, or neither where a row may always apply."""
    for row in known.rows("with:operator"):
        if row["fact_id"] and not row["operator"]:
            message = f'nothing says how the fact "{row["fact_id"]}" is compared'
            yield row, "operator", message, "write an operator, or leave the fact empty"
        elif row["operator"] and not row["fact_id"]:
            message = f"nothing says which fact {row['operator']} compares"
            yield row, "fact_id", message, "write a fact, or leave the operator empty"
        elif row["value"] and not row["fact_id"]:
            yield row, "value", "there is a value but no fact", "write a fact, or empty the value"


@_rule("limit-is-complete", "limits", alone=True)
def _limit_is_complete(known: _Known) -> Iterator[_Found]:
    """Give a limit a fact, a comparator and a value; one that repeats another may have none."""
    for row in known.rows("limits"):
        needed = ("fact_id", "comparator", "value")
        empty = [name for name in needed if not row[name]]
        if empty and not (row["repeats"] and len(empty) == len(needed)):
            message = f"the limit has no {known.schema['limits'].column(empty[0]).term}"
            yield row, empty[0], message, "write it, or say which row this one repeats"


@_rule("operator-fits-type", "facts", "with:fact_id")
def _operator_fits_type(known: _Known) -> Iterator[_Found]:
    """Choose an operator that suits the type of the fact: by size, only what has an order."""
    for row, column in known.tests():
        fact, word = known.fact(row), row[column.name]
        fitting = [one for one, kinds in column.fits.items() if fact and fact.type in kinds]
        if fact and word in column.fits and fitting and word not in fitting:
            message = f'{word} does not suit the fact "{fact.row.id}" ({fact.type})'
            yield row, column.name, message, f"write one of: {', '.join(fitting)}"


@_rule("value-is-given", "with:operator", alone=True)
def _value_is_given(known: _Known) -> Iterator[_Found]:
    """Give every test a value; only present and absent take none."""
    for row in known.rows("with:operator"):
        if row["operator"] in ("present", "absent") and row["value"]:
            yield row, "value", f"{row['operator']} takes no value", "leave it empty"
        elif row["operator"] not in ("", "present", "absent") and not row["value"]:
            yield row, "value", f"{row['operator']} needs a value", "write what is compared with"


@_rule("value-is-allowed", "facts", "with:fact_id", "operating_systems")
def _value_is_allowed(known: _Known) -> Iterator[_Found]:
    """Compare a fact with values it can have: one, or a list for in and not_in."""
    for row, column in known.tests():
        word, value = row[column.name], row["value"]
        if word in ("present", "absent", "listed_in"):
            continue
        if word not in ("in", "not_in") and SEPARATOR in value:
            yield row, "value", f"{word} takes one value, not a list", "write in or not_in"
        else:
            yield from _objections(known, row, "value", prefix=word == "starts_with")


@_rule("change-is-possible", "facts", "changes", "operating_systems")
def _change_is_possible(known: _Known) -> Iterator[_Found]:
    """Let a change lead from values that the fact can have to another one."""
    for row in known.rows("changes"):
        yield from _objections(known, row, "from_value")
        yield from _objections(known, row, "to_value")
        if row["to_value"] in row.members("from_value"):
            message = f'the change leads from "{row["to_value"]}" to itself'
            yield row, "to_value", message, "write the value after the change"


def _objections(known: _Known, row: Row, column: str, *, prefix: bool = False) -> Iterator[_Found]:
    fact = known.fact(row)
    for value in row.members(column) if fact else ():
        advice = fact.objection(value, prefix=prefix) if fact else ""
        if advice:
            message = f'the fact "{row["fact_id"]}" cannot be "{_short(value)}"'
            yield row, column, message, advice


@_rule("list-fits-fact", "facts", "with:operator")
def _list_fits_fact(known: _Known) -> Iterator[_Found]:
    """Name after listed_in a table, the ids of which are the values of the fact."""
    for row in known.rows("with:operator"):
        fact = known.fact(row)
        if row["operator"] != "listed_in" or not row["value"] or not fact:
            continue
        if row["value"] not in known.schema:
            advice = _suggest(
                _closest(row["value"], known.schema), f"write one of: {', '.join(known.schema)}"
            )
            yield row, "value", f'unknown table "{_short(row["value"])}"', advice
        elif f"{row['value']}.id" not in fact.row.members("allowed_values"):
            message = f'the values of the fact "{fact.row.id}" are not ids of {row["value"]}'
            advice = f"test another fact, or let its allowed values be {row['value']}.id"
            yield row, "value", message, advice


@_rule("list-names-scenario", "conditions", "scenarios", "operating_systems")
def _list_names_scenario(known: _Known) -> Iterator[_Found]:
    """Let an operating system and the scenario that decides about it name each other."""
    tests = {
        known.key(row, "scenario_id", "scenarios"): row
        for row in known.rows("conditions")
        if (row["operator"], row["value"]) == ("listed_in", "operating_systems")
    }
    named = set()
    for row in known.rows("operating_systems"):
        scenario = known.key(row, "scenario_id", "scenarios")
        named.add(scenario)
        if scenario and scenario not in tests:
            message = f'the scenario "{scenario}" does not ask for this list'
            advice = f"give it a condition with listed_in, in {known.schema['conditions'].file}"
            yield row, "scenario_id", message, advice
    for scenario, row in tests.items():
        if scenario not in named:
            message = f'no row of operating_systems names the scenario "{scenario}"'
            advice = "name it there in scenario_id, or test otherwise"
            yield row, "value", message, advice


@_rule("allowed-values-are-given", "facts", alone=True)
def _allowed_values_are_given(known: _Known) -> Iterator[_Found]:
    """List the values of an enumerated fact, and of others only what suits their type."""
    for row in known.rows("facts"):
        values = row.members("allowed_values")
        if row["type"] == "enum" and not values:
            message = "the fact is an enum without allowed values"
            yield row, "allowed_values", message, "list them, parted by vertical bars"
        elif row["type"] == "flag" and {*values} - {*_BOOLEANS.values()}:
            message = "a flag has no values but yes and no"
            yield row, "allowed_values", message, "write yes|no, or let the fact be an enum"
        elif any(value.endswith(".id") and value not in known.lists for value in values):
            message = f'"{_short(row["allowed_values"])}" names no table'
            advice = f"write one of: {', '.join(known.lists)}"
            yield row, "allowed_values", message, advice
        else:
            plain = _Fact(row, row["type"], None)
            for value in values:
                if plain.objection(value):
                    message = f'"{_short(value)}" is no {row["type"]}'
                    yield row, "allowed_values", message, plain.objection(value)


@_rule("default-is-allowed", "facts", "operating_systems")
def _default_is_allowed(known: _Known) -> Iterator[_Found]:
    """Let absence mean, and let be assumed, only what the fact can be."""
    for fact in known.facts.values():
        for column in ("absence", "assumption"):
            value = fact.row[column]
            advice = fact.objection(value) if value else ""
            if advice:
                message = f'the fact "{fact.row.id}" cannot be "{_short(value)}"'
                yield fact.row, column, message, advice


@_rule("fact-can-be-known", "facts", alone=True)
def _fact_can_be_known(known: _Known) -> Iterator[_Found]:
    """Give a fact that is read a path, and one that is asked a question."""
    for row in known.rows("facts"):
        if row["reading"] in ("value", "present", "true") and not row["paths"]:
            message = f"the reading {row['reading']} needs a path"
            yield row, "paths", message, "write record:path, or let the fact be derived or asked"
        elif row["reading"] == "asked" and not row["question"]:
            yield row, "question", "the fact is asked, but how?", "write the question"


@_rule("placeholder-is-known", "facts", alone=True)
def _placeholder_is_known(known: _Known) -> Iterator[_Found]:
    """Write only such placeholders into a command as are filled."""
    for row in known.rows("facts"):
        names = known.schema["facts"].column("fetch").placeholders
        for name in re.findall(r"\{([a-z_]+)\}", row["fetch"]):
            if name not in names:
                choice = f"write one of: {', '.join(f'{{{one}}}' for one in names)}"
                message = f"nobody fills the placeholder {{{name}}}"
                yield row, "fetch", message, _suggest(_closest(name, names), choice)


@_rule("fact-is-used", "facts", "with:fact_id")
def _fact_is_used(known: _Known) -> Iterator[_Found]:
    """Use every fact in a condition, a limit, a rule of copying or a plan."""
    for row in known.rows("facts"):
        if ("facts", row.id) not in known.users:
            yield row, "id", f'nothing uses the fact "{row.id}"', "test it somewhere, or delete it"


@_rule("grain-fits-facts", "scenarios", "conditions", "facts")
def _grain_fits_facts(known: _Known) -> Iterator[_Found]:
    """Let a scenario test facts of its own grain, and one of a disk those of its VM too."""
    fits = known.schema["scenarios"].column("grain").fits
    scenarios = known.tables["scenarios"].by_id
    grains = known.schema["facts"].column("grain").enum
    for scenario, rows in known.conditions.items():
        grain = scenarios[scenario]["grain"] if scenario in scenarios else ""
        for row in rows:
            fact = known.fact(row)
            if fact and fact.row["grain"] in {*grains} - {*fits.get(grain, grains)}:
                message = f"a scenario of a {grain} cannot test a fact of a {fact.row['grain']}"
                advice = f"test a fact of: {', '.join(fits[grain])}; or change the grain"
                yield row, "fact_id", message, advice


@_rule("quantity-has-ruling", "limits", "rulings")
def _quantity_has_ruling(known: _Known) -> Iterator[_Found]:
    """Rule between two limits that give one quantity different values."""
    seen: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in known.rows("limits"):
        if not row["fact_id"] or not row["value"]:
            continue
        same = seen[row["fact_id"], row["comparator"]]
        for other in same:
            modes = {row["mode"], other["mode"]}
            overlap = len(modes) == 1 or "both" in modes
            if overlap and other["value"] != row["value"] and other.id != row.id:
                if (row.id, other.id) in known.ruled:
                    continue
                message = f"{row['value']} contradicts {other['value']} in {other.cell('value')}"
                advice = f'add a ruling between "{other.id}" and "{row.id}"'
                yield row, "value", message, advice
        same.append(row)


@_rule("ruling-is-complete", "rulings", alone=True)
def _ruling_is_complete(known: _Known) -> Iterator[_Found]:
    """Name for the second reading of a ruling other rows than for the first, or a source."""
    for row in known.rows("rulings"):
        both = {*row.members("row_a")} & {*row.members("row_b")}
        if both:
            message = f'"{min(both)}" stands on both sides'
            yield row, "row_b", message, "name it on the side of its reading alone"
        elif not row["row_b"] and not row["source_b"]:
            message = "nothing says where the second reading stands"
            yield row, "source_b", message, "name the source, or the rows in row_b"


@_rule("source-is-named", "with:statement_id", alone=True)
def _source_is_named(known: _Known) -> Iterator[_Found]:
    """Name a statement of the article, or another source, for all that is stated."""
    for row in known.rows("with:statement_id"):
        if not row["statement_id"] and not row["source"]:
            message = "nothing says where this comes from"
            yield row, "statement_id", message, "name a statement, or another source in source"


@_rule("statement-is-used", "statements", "with:statement_id")
def _statement_is_used(known: _Known) -> Iterator[_Found]:
    """Use every statement that is data in a row, itself or by one it supersedes; and no other."""
    for row in known.rows("statements"):
        user = known.users.get(("statements", row.id))
        if row["data"] == "yes" and not user and not _is_used_below(known, row):
            message = f'no row uses the statement "{row.id}"'
            yield row, "id", message, "put it into data, or write data no and the reason"
        elif row["data"] == "no" and user:
            message = f"the statement is no data, but {user.cell('id')} uses it"
            yield row, "data", message, "write yes, or let that row name another statement"


def _is_used_below(known: _Known, row: Row) -> bool:
    """Tell whether a row uses a statement of an earlier edition that this one stands for."""
    waiting, seen = [row], {row.id}
    while waiting:
        for name in waiting.pop().members("supersedes"):
            if ("statements", name) in known.users:
                return True
            if name not in seen and name in known.tables["statements"].by_id:
                seen.add(name)
                waiting.append(known.tables["statements"].by_id[name])
    return False


@_rule("supersedes-another-edition", "statements")
def _supersedes_another_edition(known: _Known) -> Iterator[_Found]:
    """Let a statement supersede statements of another edition, never of its own."""
    statements = known.tables["statements"].by_id
    for row in known.rows("statements"):
        for name in row.members("supersedes"):
            if name in statements and statements[name]["edition"] == row["edition"]:
                message = f'"{name}" is of the same edition'
                yield row, "supersedes", message, "name a statement of an earlier edition"


@_rule("withdrawn-in-overlay", "withdrawn")
def _withdrawn_in_overlay(known: _Known) -> Iterator[_Found]:
    """Withdraw rows in an overlay only: of the base, delete them."""
    for row in known.rows("withdrawn"):
        message = "the base tables withdraw nothing"
        yield row, "id", message, "write this row into an overlay"


@_rule("no-data-has-reason", "statements", alone=True)
def _no_data_has_reason(known: _Known) -> Iterator[_Found]:
    """Give a reason why a statement is no data exactly where it is none."""
    for row in known.rows("statements"):
        if row["data"] == "no" and not row["no_data_reason"]:
            yield row, "no_data_reason", "the statement is no data, but why?", "write the reason"
        elif row["data"] == "yes" and row["no_data_reason"]:
            message = "the statement is data, so there is no reason why it is not"
            yield row, "no_data_reason", message, "leave it empty, or write data no"


@_rule("place-is-taken-once", "statements", alone=True)
def _place_is_taken_once(known: _Known) -> Iterator[_Found]:
    """Give each statement its own place in its section of an edition."""
    seen: dict[tuple[str, ...], Row] = {}
    for row in known.rows("statements"):
        place = tuple(row[name] for name in ("edition", "section", "position"))
        other = seen.setdefault(place, row)
        if other is not row and other.id != row.id:
            message = f"{other.cell('position')} has the same place"
            yield row, "position", message, "count the statements in the order of the article"


@_rule("encryption-has-result", "encryption", alone=True)
def _encryption_has_result(known: _Known) -> Iterator[_Found]:
    """Say in a row on encryption what becomes of the state, or what to do about it."""
    tells = ("local_result", "cross_region_result", "at_restore", "prerequisites")
    for row in known.rows("encryption"):
        if not any(row[name] for name in tells):
            message = "the row says nothing about the state"
            yield row, "local_result", message, f"fill one of: {', '.join(tells)}"


@_rule("error-is-recognisable", "errors", alone=True)
def _error_is_recognisable(known: _Known) -> Iterator[_Found]:
    """Give an error a code or a fragment of its message."""
    for row in known.rows("errors"):
        if not row["code"] and not row["message_fragment"]:
            message = "nothing tells this error from others"
            yield row, "code", message, "write its code, or a fragment of its message"


@_rule("refusal-names-row", "errors", alone=True)
def _refusal_names_row(known: _Known) -> Iterator[_Found]:
    """Name the rows of an error by which the service refuses what the matrix refuses."""
    for row in known.rows("errors"):
        if row["kind"] == "matrix_refusal" and not row["row_ids"]:
            message = "the error is a refusal by the matrix, but by which row?"
            yield row, "row_ids", message, "name the rows, or choose another kind"


# --- reading and checking a folder ----------------------------------------------------------------


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
    _sheets: tuple[_Sheet, ...] = field(default=(), repr=False)

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
        `check_together`.

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
    sheets: dict[str, _Sheet] = {}
    # Facts come first: their types tell how the cells of other tables are read. An overlay
    # speaks of those of the base too.
    types: dict[str, str] = {}
    if partial:
        base = _read_sheet(data_folder() / schema["facts"].file, schema["facts"], types)
        types.update((row.id, row["type"]) for row in base.rows)
    for name in sorted(schema, key=lambda name: name != "facts"):
        path = folder / schema[name].file
        # A link that leads nowhere is a table that cannot be read, not one that is not there.
        if path.exists() or path.is_symlink():
            sheets[name] = _read_sheet(path, schema[name], types)
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
    for problem in _judge(tables, sound, partial=partial):
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
            advice = _suggest(_closest(file.lower(), files - present), "move it elsewhere")
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


def freeze(folder: Path | None = None) -> Path:
    """Write down the digests of the tables, so that `check` notices a change of any of them.

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
    tables = read_tables(folder)
    digests = {tables.schema[name].file: table.digest for name, table in sorted(tables.items())}
    write_file(folder / FROZEN, json.dumps(digests, indent=2) + "\n")
    return folder / FROZEN


def changed_since_freeze(tables: Tables) -> tuple[Problem, ...]:
    """Tell which tables of a frozen folder are not as they were; none if it is not frozen."""
    path = tables.folder / FROZEN
    if not path.exists():
        return ()
    renew = "if the change is meant, renew the digest with: rpmatrix freeze"
    try:
        frozen = json.loads(path.read_text(encoding="utf-8"))
        known = {tables.schema[name].file: table.digest for name, table in tables.items()}
        changed = sorted(file for file in known if frozen.get(file) != known[file])
    except (OSError, ValueError, AttributeError):
        return (Problem("frozen", FROZEN, "", "cannot be read", renew),)
    message = "is not as it was when the tables were frozen"
    return tuple(Problem("frozen", file, "", message, renew) for file in changed)


# --- repairing and writing ------------------------------------------------------------------------


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


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table in its canonical form; see `table_text`.

    The file is replaced in one step, so that a crash leaves the old one or the new one.

    Raises
    ------
    OSError
        If the file cannot be written; what was there has stayed.
    """
    write_file(path, table_text(columns, rows))


def write_file(path: Path, text: str) -> None:
    """Write a text file in one step, so that a crash leaves the old one or the new one.

    Raises
    ------
    OSError
        If the file cannot be written; what was there has stayed.
    """
    write_files({path: text.encode()})


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each in one step, and none of them before all are ready beside the old ones.

    Parameters
    ----------
    contents : mapping of Path to bytes
        What each file is to hold.

    Raises
    ------
    OSError
        If a file cannot be written. If one cannot be made ready, as on a full disk, all of what
        was there has stayed.
    """
    # Where the name is a link, the file behind it is what is written.
    targets = {path.resolve(): data for path, data in contents.items()}
    beside = {target: target.with_name(f".{target.name}.{os.getpid()}.tmp") for target in targets}
    try:
        for target, data in targets.items():
            with beside[target].open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                beside[target].chmod(target.stat().st_mode & 0o7777)
        for target in targets:
            beside[target].replace(target)
    finally:
        for made in beside.values():
            made.unlink(missing_ok=True)


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
