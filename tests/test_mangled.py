"""What spreadsheets, editors and hands do to the true tables: repaired, or refused by name.

Each case takes the tables as they are and spoils one thing. Either a repair gives back every byte,
or nothing is written and the message names file and cell. Nothing in between: no cell is changed
without a word. Cases of CSV files come first, then those of workbooks.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rpmatrix.tables import (
    DESCRIPTOR,
    TablesError,
    check,
    data_folder,
    fix,
    freeze,
    read_schema,
    read_tables,
)
from rpmatrix.workbook import read_workbook, write_workbook

SCHEMA = read_schema()
Bytes = Callable[[bytes], bytes]
Records = list[list[str]]


@dataclass(frozen=True)
class Case:
    """A file, what is done to it, and what is said about it; `mended` if a machine may undo it."""

    name: str
    file: str
    damage: Bytes
    says: str
    mended: bool


def records_of(data: bytes) -> Records:
    return list(csv.reader(io.StringIO(data.decode())))


def written(records: Records, **form: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\n", **form}).writerows(records)
    return text.getvalue().encode()


def rows(change: Callable[[Records], object], **form: Any) -> Bytes:
    """Change the rows of a file, or the form in which they are written."""

    def damage(data: bytes) -> bytes:
        records = records_of(data)
        change(records)
        return written(records, **form)

    return damage


def cell(row_id: str, column: str, change: Callable[[str], str] | str) -> Bytes:
    """Change one cell of the row with an id."""

    def damage(data: bytes) -> bytes:
        records = records_of(data)
        row = next(record for record in records if record[0] == row_id)
        place = records[0].index(column)
        row[place] = change if isinstance(change, str) else change(row[place])
        return written(records)

    return damage


def at(file: str, row_id: str, column: str) -> str:
    """Name a cell of the true tables as a spreadsheet does."""
    records = records_of((data_folder() / file).read_bytes())
    line = next(number for number, record in enumerate(records, 1) if record[0] == row_id)
    return f"{file}:{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[records[0].index(column)]}{line}"


def mended(name: str, file: str, damage: Bytes, says: str) -> Case:
    return Case(name, file, damage, says, mended=True)


def refused(name: str, file: str, damage: Bytes, says: str) -> Case:
    return Case(name, file, damage, says, mended=False)


def nothing(_: Records) -> None:
    pass


S, L, C, F, O = (  # noqa: E741
    *("scenarios.csv", "limits.csv", "conditions.csv", "facts.csv"),
    "operating_systems.csv",
)
ULTRA = ("ultra-disk", "title")
TITLE = at(S, *ULTRA)
MANY = "lim-rpc-per-region"
FIRST = "accelerated-networking"

CSV_CASES = [
    # --- the file as a whole
    mended(
        "byte order mark", S, lambda data: b"\xef\xbb\xbf" + data, f"{S} the file begins with a"
    ),
    mended(
        "UTF-16 with tabs",
        S,
        lambda data: written(records_of(data), delimiter="\t").decode().encode("utf-16"),
        f"{S} the file is UTF-16",
    ),
    mended(
        "Windows-1252",
        "errors.csv",
        lambda data: data.replace(b"'", b"\x92"),
        "the text is not UTF-8 from here on, but Windows-1252 by its looks",
    ),
    mended("carriage returns", S, lambda data: data.replace(b"\n", b"\r\n"), f"{S} lines end with"),
    mended(
        "old carriage returns", S, lambda data: data.replace(b"\n", b"\r"), f"{S} lines end with"
    ),
    mended("semicolons", S, rows(nothing, delimiter=";"), f"{S} cells are parted by semicolons"),
    mended("tabs", L, rows(nothing, delimiter="\t"), f"{L} cells are parted by tabs"),
    mended(
        "every cell quoted", C, rows(nothing, quoting=csv.QUOTE_ALL), f"{C} some cells are quoted"
    ),
    mended("no last line end", S, lambda data: data.rstrip(b"\n"), f"{S} the last line has no end"),
    mended(
        "sorted by another column",
        S,
        rows(lambda all_: all_.__setitem__(slice(1, None), sorted(all_[1:], key=lambda r: r[3]))),
        "the rows are not sorted",
    ),
    mended(
        "columns in another order",
        L,
        rows(lambda all_: [row.insert(1, row.pop()) for row in all_]),
        f"{L}:A1 the columns stand",
    ),
    mended(
        "empty rows at the end", S, lambda data: data + b"," * 12 + b"\n" + b"\n", "rows are empty"
    ),
    mended(
        "an empty row within",
        S,
        rows(lambda all_: all_.insert(5, [""] * len(all_[0]))),
        f"{S}:A6 the row is empty",
    ),
    mended("empty columns", L, lambda data: data.replace(b"\n", b",,\n"), "the column is empty"),
    refused("cut off", S, lambda data: data[: len(data) * 2 // 3], S),
    refused("empty", L, lambda _: b"", f"{L} the file is empty"),
    refused(
        "a workbook by its nature",
        L,
        lambda _: b"PK\x03\x04" + bytes(40),
        f"{L} the file is a workbook",
    ),
    refused("another table", L, lambda _: (data_folder() / "rulings.csv").read_bytes(), f"{L}:B1"),
    refused("a quote that is not closed", S, lambda data: data.replace(b'"', b"", 1), f"{S}:"),
    # --- columns
    mended(
        "blanks in the header",
        L,
        lambda data: data.replace(b"title", b" title ", 1),
        f"{L}:C1 the name",
    ),
    mended(
        "a column in capitals",
        L,
        lambda data: data.replace(b"title", b"Title", 1),
        f'{L}:C1 unknown column "Title"',
    ),
    refused(
        "a column misspelt",
        L,
        lambda data: data.replace(b"comparator", b"comparater", 1),
        'unknown column "comparater"; did you mean comparator?',
    ),
    refused(
        "a column deleted",
        L,
        rows(lambda all_: [row.pop(7) for row in all_]),
        f'{L}:A1 the column "value" is missing',
    ),
    refused(
        "a column too many",
        L,
        rows(lambda all_: [row.append("x" if n else "note") for n, row in enumerate(all_)]),
        'unknown column "note"',
    ),
    refused(
        "a column twice",
        L,
        rows(lambda all_: [row.append(row[2]) for row in all_]),
        'the column "title" is there twice',
    ),
    # --- rows
    refused(
        "a comma without quotes",
        S,
        lambda data: data.replace(
            b'"Any operating system, crash consistency"', b"Any operating system, crash consistency"
        ),
        "the row has 14 cells, the header has 13",
    ),
    refused(
        "a row twice", S, rows(lambda all_: all_.insert(3, all_[3])), "stands in row 4 already"
    ),
    refused("a row without id", S, cell(FIRST, "id", ""), f"{S}:A2 the id is missing"),
    refused("an id in capitals", S, cell(FIRST, "id", FIRST.title()), "has not the right form"),
    # --- cells: what can mean one thing only
    mended(
        "blanks at the edges", S, cell(*ULTRA, lambda text: f"  {text} "), f"{TITLE} has blanks"
    ),
    mended(
        "a no-break space",
        S,
        cell(*ULTRA, lambda text: text.replace(" ", "\u00a0", 1)),
        f"{TITLE} holds no-break space",
    ),
    mended(
        "typographic quotes",
        "errors.csv",
        cell("err-concurrent", "message_fragment", lambda text: text.replace("'", "\u2019")),
        "right single quotation mark",
    ),
    mended(
        "a zero-width space",
        S,
        cell(*ULTRA, lambda text: text + "\u200b"),
        f"{TITLE} holds zero width space",
    ),
    mended(
        "a line break",
        S,
        cell(*ULTRA, lambda text: text.replace(" ", "\n", 1)),
        f"{TITLE} has blanks at its edges or a line break",
    ),
    mended(
        "a word in capitals",
        S,
        cell("ultra-disk", "crash", "Exclude_Disk"),
        'outcome "Exclude_Disk" is in another letter case',
    ),
    mended(
        "separators in a number",
        L,
        cell(MANY, "value", "10,000"),
        f'{at(L, MANY, "value")} "10,000" has separators',
    ),
    mended("blanks in a number", L, cell(MANY, "value", "10 000"), '"10 000" has separators'),
    mended(
        "a date by the slash",
        S,
        cell("ultra-disk", "reviewed_on", "11/22/2026"),
        'the date "11/22/2026" is not as it was',
    ),
    mended(
        "a date by the dot",
        S,
        cell("ultra-disk", "reviewed_on", "22.11.2026"),
        'the date "22.11.2026" is not as it was',
    ),
    mended(
        "a date with its month",
        O,
        cell("ubuntu", "source_date", "14-Nov-2024"),
        'the date "14-Nov-2024"',
    ),
    mended(
        "a date with a time",
        S,
        cell("ultra-disk", "reviewed_on", "2026-11-22 00:00:00"),
        "is not as it was written",
    ),
    mended(
        "an API version as a date",
        L,
        cell("api-crash", "value", "2021-07-01"),
        'the API version "2021-07-01" looks like a date',
    ),
    mended(
        "a list with blanks",
        S,
        cell("lim-ephemeral-shared", "repeats", "ephemeral-os-disk | shared-disk"),
        "stray blanks",
    ),
    mended(
        "a list that ends with its bar",
        S,
        cell("lim-ephemeral-shared", "repeats", "ephemeral-os-disk|shared-disk|"),
        "empty or repeated member",
    ),
    # --- cells: what only a person can tell
    refused(
        "a date that may be two",
        S,
        cell("ultra-disk", "reviewed_on", "05/06/2026"),
        "it may mean 2026-06-05 or 2026-05-06",
    ),
    refused(
        "a date as a number",
        S,
        cell("ultra-disk", "reviewed_on", "46348"),
        "it may mean 2026-11-22 or 2030-11-23",
    ),
    refused(
        "an API version that may be two",
        L,
        cell("api-crash", "value", "7/1/2021"),
        "it may mean api-2021-01-07 or api-2021-07-01",
    ),
    refused("a boolean", "statements.csv", cell("s-ppg", "data", "TRUE"), '"TRUE" is a boolean'),
    refused("a formula", S, cell(*ULTRA, "=A1"), f'{TITLE} begins with "="'),
    refused("a sign of a formula", S, cell(*ULTRA, "+1 disk"), f'{TITLE} begins with "+"'),
    refused("a formula that failed", S, cell(*ULTRA, "#REF!"), f'{TITLE} holds "#REF!"'),
    refused(
        "a word misspelt",
        S,
        cell("ultra-disk", "crash", "exclude_disc"),
        "did you mean exclude_disk?",
    ),
    refused("a word for nothing", S, cell("ultra-disk", "crash", "N/A"), 'unknown outcome "N/A"'),
    refused(
        "nothing where something is needed",
        S,
        cell("ultra-disk", "grain", ""),
        "the grain is missing",
    ),
    refused(
        "a letter of another alphabet",
        S,
        cell(*ULTRA, "Ultra-Dis\u043a"),
        "cyrillic small letter ka",
    ),
    refused(
        "a number with a point", C, cell("ade-1", "clause", "1.0"), '"1.0" is not a whole number'
    ),
    refused("a number in powers", L, cell(MANY, "value", "1E+04"), 'cannot be "1E+04"'),
    refused(
        "a key that is not there",
        C,
        cell("ultra-disk-1", "fact_id", "disksku"),
        "did you mean disk_sku?",
    ),
    refused(
        "a comma in a list",
        S,
        cell("lim-ephemeral-shared", "repeats", "ephemeral-os-disk,shared-disk"),
        "part ids by a vertical bar: ephemeral-os-disk|shared-disk",
    ),
    refused(
        "a value the fact cannot have",
        C,
        cell("ultra-disk-1", "value", "UltraSSD_LSR"),
        "did you mean UltraSSD_LRS?",
    ),
    # --- what only the past can tell
    refused(
        "one column sorted alone",
        S,
        rows(
            lambda all_: [
                row.__setitem__(3, title)
                for row, title in zip(all_[1:], sorted(r[3] for r in all_[1:]), strict=True)
            ]
        ),
        f"{S} is not as it was when the tables were frozen",
    ),
    refused(
        "a cell dragged down",
        L,
        cell("lim-rp-per-vm", "remedy", "Delete collections that are no longer needed."),
        f"{L} is not as it was when the tables were frozen",
    ),
    refused(
        "a row deleted",
        O,
        rows(lambda all_: all_.remove(next(row for row in all_ if row[0] == "kali"))),
        f"{O} is not as it was when the tables were frozen",
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The true tables, frozen."""
    target = tmp_path / "tables"
    target.mkdir()
    for path in (*data_folder().glob("*.csv"), data_folder() / DESCRIPTOR):
        shutil.copy(path, target)
    freeze(target)
    return target


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names(cases: list[Any]) -> list[str]:
    return [case.name for case in cases]


@pytest.mark.parametrize("case", CSV_CASES, ids=names(CSV_CASES))
def test_a_mangled_file_is_repaired_or_refused(case: Case, folder: Path) -> None:
    good = tree(folder)
    digest = read_tables(folder).digest
    path = folder / case.file
    path.write_bytes(case.damage(path.read_bytes()))
    bad = tree(folder)
    assert bad != good
    said = [str(problem) for problem in check(folder)]
    assert any(case.says in line for line in said), said
    report = fix(folder)
    if case.mended:
        assert tree(folder) == good
        assert (report.written, report.refused) == ((case.file,), ())
        assert any(case.says in str(problem) for problem in report.repaired)
        assert read_tables(folder).digest == digest
    else:
        assert tree(folder) == bad, "what is refused is left as it is"
        assert any(case.says in str(problem) for problem in report.refused)


def test_a_table_that_is_gone_is_missed(folder: Path) -> None:
    (folder / L).unlink()
    assert "missing-file" in {problem.check for problem in check(folder)}
    assert fix(folder).written == ()


# --- workbooks ------------------------------------------------------------------------------------

openpyxl = pytest.importorskip("openpyxl")
Edit = Callable[[Any], object]


@dataclass(frozen=True)
class BookCase:
    """What is done to a workbook, and what is said about it; None if it is taken as meant."""

    name: str
    edit: Edit
    says: str | None


def put(table: str, row_id: str, column: str, value: Any) -> Edit:
    def edit(book: Any) -> None:
        sheet = book[table]
        line = next(cell.row for cell in sheet["A"] if cell.value == row_id)
        sheet.cell(line, SCHEMA[table].names.index(column) + 1).value = value

    return edit


def on(table: str, change: Callable[[Any], object]) -> Edit:
    return lambda book: change(book[table])


def shuffle(sheet: Any) -> None:
    lines = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    for row, line in zip(sheet.iter_rows(min_row=2), reversed(lines), strict=True):
        for cell, value in zip(row, line, strict=True):
            cell.value = value


def from_datetime(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def merge(sheet: Any) -> None:
    sheet.merge_cells("C3:C4")


BOOK_CASES = [
    # --- taken as it was meant: the tables come out with every byte as before
    BookCase("rows in another order", on("scenarios", shuffle), None),
    BookCase("a number typed as a number", put("limits", MANY, "value", 10000), None),
    BookCase("a number with a point", put("conditions", "ade-1", "clause", 1.0), None),
    BookCase(
        "a date typed as a date",
        put("scenarios", "ultra-disk", "reviewed_on", from_datetime("2026-11-22")),
        None,
    ),
    BookCase(
        "a date for an API version",
        put("limits", "api-crash", "value", from_datetime("2021-07-01")),
        None,
    ),
    BookCase("an empty row", on("scenarios", lambda sheet: sheet.insert_rows(5)), None),
    BookCase(
        "rows hidden",
        on("scenarios", lambda sheet: sheet.row_dimensions.group(2, 9, hidden=True)),
        None,
    ),
    BookCase(
        "a column made wide",
        on("scenarios", lambda sheet: sheet.column_dimensions["A"].__setattr__("width", 90)),
        None,
    ),
    BookCase("an empty sheet more", lambda book: book.create_sheet("Sheet1"), None),
    BookCase("no help", lambda book: book.remove(book["help"]), None),
    BookCase(
        "blanks at the edges", put("scenarios", "ultra-disk", "crash", " exclude_disk "), None
    ),
    BookCase("a word in capitals", put("scenarios", "ultra-disk", "crash", "EXCLUDE_DISK"), None),
    # --- refused
    BookCase("a formula", put("scenarios", "ultra-disk", "title", "=A1"), 'begins with "="'),
    BookCase(
        "a formula that failed", put("scenarios", "ultra-disk", "title", "#NAME?"), 'holds "#NAME?"'
    ),
    BookCase(
        "a number for a text",
        put("scenarios", "ultra-disk", "title", 12),
        "a spreadsheet made a number of what was typed; format the cell as text",
    ),
    BookCase(
        "a date for a text",
        put("scenarios", "ultra-disk", "title", from_datetime("2026-02-01")),
        "a spreadsheet made a date of what was typed",
    ),
    BookCase(
        "a moment for a date",
        put("scenarios", "ultra-disk", "reviewed_on", from_datetime("2026-02-01 10:30:00")),
        "a spreadsheet made a date of what was typed",
    ),
    BookCase("a boolean", put("statements", "s-ppg", "data", True), '"TRUE" is a boolean'),
    BookCase(
        "half a number", put("conditions", "ade-1", "clause", 1.5), '"1.5" is not a whole number'
    ),
    BookCase(
        "an unknown word",
        put("scenarios", "ultra-disk", "crash", "perhaps"),
        'unknown outcome "perhaps"',
    ),
    BookCase(
        "a row twice",
        on("limits", lambda sheet: sheet.append([cell.value for cell in sheet[2]])),
        'the id "api-app" stands in row 2 already',
    ),
    BookCase(
        "a sheet deleted",
        lambda book: book.remove(book["limits"]),
        "[limits] the sheet is missing; put it back",
    ),
    BookCase(
        "a sheet renamed",
        on("limits", lambda sheet: sheet.__setattr__("title", "Limits 2")),
        "[Limits 2] is no table",
    ),
    BookCase(
        "a sheet of notes",
        lambda book: book.create_sheet("notes").append(["mine"]),
        "[notes] is no table; delete or rename it",
    ),
    BookCase(
        "the header deleted",
        on("limits", lambda sheet: sheet.delete_rows(1)),
        "the first row names no column of this table",
    ),
    BookCase(
        "a column deleted",
        on("limits", lambda sheet: sheet.delete_cols(8)),
        'the column "value" is missing',
    ),
    BookCase(
        "a column inserted",
        on("limits", lambda sheet: (sheet.insert_cols(3), sheet.cell(2, 3, "x"))),
        "the column has cells but no name",
    ),
    BookCase("cells merged", on("scenarios", merge), "cells are merged; part them again"),
    BookCase(
        "the sheet emptied", on("limits", lambda sheet: sheet.delete_rows(2, 99)), "[statements]"
    ),
]


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book") / "matrix.xlsx"
    write_workbook(data_folder(), path)
    return path


@pytest.mark.parametrize("case", BOOK_CASES, ids=names(BOOK_CASES))
def test_a_mangled_workbook_is_read_as_meant_or_refused(
    case: BookCase, folder: Path, workbook: Path, tmp_path: Path
) -> None:
    good = tree(folder)
    book = openpyxl.load_workbook(workbook)
    case.edit(book)
    path = tmp_path / "matrix.xlsx"
    book.save(path)
    if case.says is None:
        assert read_workbook(path, folder).written == ()
    else:
        with pytest.raises(TablesError) as caught:
            read_workbook(path, folder)
        assert any(case.says in str(one) for one in caught.value.problems), str(caught.value)
        assert all(str(one).startswith("matrix.xlsx[") for one in caught.value.problems)
    assert tree(folder) == good


def test_there_are_fifty_cases_and_more() -> None:
    cases = [*CSV_CASES, *BOOK_CASES]
    assert len(cases) >= 50
    assert len({*names(CSV_CASES)}) == len(CSV_CASES)
