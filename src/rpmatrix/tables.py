"""The tables of the matrix: the only module that touches their files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

DESCRIPTOR = "datapackage.json"


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
        if not (folder / DESCRIPTOR).is_file():
            raise FileNotFoundError(
                f"RPMATRIX_DATA names {folder}, which holds no {DESCRIPTOR}; "
                "let it name the folder of the tables, or unset it"
            )
        return folder
    package = Path(__file__).resolve().parent
    candidates = (package / "_data" / "matrix_data", package.parents[1] / "matrix_data")
    for folder in candidates:
        if (folder / DESCRIPTOR).is_file():
            return folder
    places = " or ".join(str(folder) for folder in candidates)
    raise FileNotFoundError(
        f"the tables are not in {places}; install the package again, "
        "or let RPMATRIX_DATA name the folder of the tables"
    )


@dataclass(frozen=True, slots=True)
class Row(Mapping[str, str]):
    """One row of a table, from column to text; an empty text is a missing value."""

    columns: tuple[str, ...] = field(repr=False)
    cells: tuple[str, ...]
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def __getitem__(self, column: str) -> str:
        try:
            return self.cells[self.columns.index(column)]
        except ValueError:
            raise KeyError(column) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def id(self) -> str:
        """The id of the row."""
        return self["id"]

    def members(self, column: str) -> tuple[str, ...]:
        """Give the members of a list cell, which are parted by ``|``."""
        return tuple(part for part in self[column].split("|") if part)

    def cell(self, column: str) -> str:
        """Say where a cell stands, such as ``scenarios.csv:D4``."""
        return f"{self.file}:{column_letters(self.columns.index(column))}{self.line}"


def column_letters(index: int) -> str:
    """Name a column as a spreadsheet does: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


@dataclass(frozen=True)
class Table:
    """One table: its name, file, columns and rows."""

    name: str
    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Tables(Mapping[str, Table]):
    """The tables of one folder, by name."""

    folder: Path
    tables: Mapping[str, Table]

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of all tables; the written form does not count."""
        found = hashlib.sha256()
        for name in sorted(self.tables):
            table = self.tables[name]
            found.update(f"{name}\n{render_table(table.columns, table.rows)}\0".encode())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the tables: where it is, what is wrong, and what to do."""

    check: str
    file: str
    cell: str
    message: str
    advice: str
    row_id: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.cell}" if self.cell else self.file
        return f"{where} {self.message}; {self.advice}"


class TablesError(Exception):
    """The tables cannot be used; `problems` says all that is wrong with them."""

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        self.folder = folder
        self.problems = tuple(problems)
        super().__init__(folder, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the tables of {self.folder}:"
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])


def render_table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Write a table as canonical CSV text, its rows sorted by id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    cells = [[row[column] for column in columns] for row in rows]
    key = list(columns).index("id")
    writer.writerows(sorted(cells, key=lambda row: row[key]))
    return text.getvalue()


def read_tables(folder: Path, *, partial: bool = False) -> Tables:
    """Read and check the tables of a folder.

    Parameters
    ----------
    folder : Path
        The folder of the CSV files.
    partial : bool
        Whether the folder may hold any subset of the tables, as an overlay does.

    Raises
    ------
    TablesError
        If the tables cannot be read or fail a check.
    """
    schema_folder = data_folder() if partial else folder
    descriptor = json.loads((schema_folder / DESCRIPTOR).read_text(encoding="utf-8"))
    problems: list[Problem] = []
    tables: dict[str, Table] = {}
    for resource in descriptor["resources"]:
        path = folder / resource["path"]
        if not path.is_file():
            if not partial:
                problems.append(
                    Problem("missing-file", path.name, "", "the table is missing", "add it")
                )
            continue
        columns = tuple(field["name"] for field in resource["schema"]["fields"])
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream))
        if not lines or tuple(lines[0]) != columns or any(len(x) != len(columns) for x in lines):
            problems.append(
                Problem("columns", path.name, "A1", "the columns are not as described", "see them")
            )
            continue
        rows = tuple(
            Row(columns, tuple(cells), path.name, line)
            for line, cells in enumerate(lines[1:], start=2)
        )
        tables[resource["name"]] = Table(resource["name"], path, columns, rows)
    if problems:
        raise TablesError(folder, problems)
    return Tables(folder, tables)
