"""The tables of the matrix: what they consist of, and the descriptor that says what they may hold.

What a table may hold stands in ``matrix_data/datapackage.json``, and nowhere in these modules.
`rpmatrix.matrix.folder` reads, checks, repairs and freezes them; nothing there or here knows what
they mean for a verdict.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from rpmatrix.matrix.problems import Problem, TablesError

DESCRIPTOR = "datapackage.json"
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
    package = Path(__file__).resolve().parents[1]
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
    """One table as the descriptor has it.

    Attributes
    ----------
    name, file : str
        Its name, and that of its file.
    title, description : str
        What it is called, and what one row of it is.
    columns : tuple of Column
        Its columns, in their order.
    citation : bool
        Whether its rows can be cited as the reason of a verdict.
    """

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
    """All tables as the descriptor has them, by name and in its order.

    Attributes
    ----------
    title, version : str
        Those of the tables as a whole.
    tables : mapping of str to TableSchema
        Each table by its name.
    frozen : bool
        Whether the tables come with digests that tell whether somebody has edited them.
    """

    title: str
    version: str
    tables: Mapping[str, TableSchema]
    frozen: bool = False

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
            bool(package.get("rpmatrix:frozen", False)),
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
    """The columns of a file.

    Attributes
    ----------
    columns : mapping of str to int
        The place of each column in the cells of a row, counted from 0.
    letters : mapping of str to str
        The letter of each column in the file, as a spreadsheet names it.
    """

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
    header : Header
        Its columns.
    cells : tuple of str
        Its texts, in the order of the header.
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
        return tuple(part for part in self[column].split(SEPARATOR) if part)

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
    """One table.

    Attributes
    ----------
    name : str
        Its name.
    path : Path
        Its file.
    columns : tuple of str
        The names of its columns, in the order of the descriptor.
    rows : tuple of Row
        Its rows, sorted by id.
    """

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
    """Tables by name.

    Attributes
    ----------
    folder : Path
        The folder they come from.
    schema : Schema
        What they may hold.
    tables : mapping of str to Table
        Each table by its name; an overlay has some of those of the schema.
    """

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


@lru_cache(maxsize=256)
def column_letter(place: int) -> str:
    """Name a column as a spreadsheet does: 0 is A, 26 is AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
