"""What spreadsheets, editors and hands do to the true tables: repaired, or refused by name.

Each case takes the tables as they are and spoils one thing. Either a repair gives back every byte,
or nothing is written and the message names file and cell. Nothing in between: no cell is changed
without a word. Cases of CSV files come first, then those of workbooks.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from rpmatrix.authoring.workbook import read_workbook, write_workbook
from rpmatrix.matrix.folder import FROZEN, check, fix, freeze, read_tables
from rpmatrix.matrix.matrix import load_matrix
from rpmatrix.matrix.problems import TablesError
from rpmatrix.matrix.schema import DESCRIPTOR, data_folder, read_schema

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


def german(records: Records) -> Records:
    """Write dates as a German spreadsheet does, but for those that could then be two days."""
    day = re.compile(r"(\d{4})-(\d\d)-(1[3-9]|[23]\d)")
    return [[day.sub(r"\3.\2.\1", text) for text in record] for record in records]


def into(codec: str) -> Bytes:
    """Save a file in another encoding."""
    return lambda data: data.decode().encode(codec)


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
    mended(
        "as a German spreadsheet saves it",
        S,
        lambda data: (
            written(german(records_of(data)), delimiter=";", lineterminator="\r\n")
            .decode()
            .encode("cp1252")
        ),
        'the date "22.11.2026" is not as it was written',
    ),
    mended(
        "with a mark, semicolons and a line that says so",
        S,
        lambda data: (
            b"\xef\xbb\xbfsep=;\r\n"
            + written(records_of(data), delimiter=";", lineterminator="\r\n")
        ),
        f"{S} begins with a line for spreadsheets",
    ),
    *(
        mended(f"{codec} without a mark", S, into(codec), f"{S} the file is UTF-16; save it as CSV")
        for codec in ("utf-16-le", "utf-16-be")
    ),
    mended("UTF-32", S, into("utf-32"), f"{S} the file is UTF-32"),
    mended("two marks", S, lambda data: b"\xef\xbb\xbf" * 2 + data, f"{S} the file begins with a"),
    mended(
        "line ends of two kinds", S, lambda data: data.replace(b"\n", b"\r\n", 5), f"{S} lines end"
    ),
    mended(
        "an empty row between all rows",
        S,
        lambda data: data.replace(b"\n", b"\n\n"),
        f"{S}:A2 60 rows are empty",
    ),
    mended(
        "blanks after every comma",
        L,
        rows(lambda all_: [row.__setitem__(n, f" {row[n]}") for row in all_ for n in range(13)]),
        f'{L}:B1 the name of the column "statement_id" has blanks',
    ),
    mended(
        "tabs and quotes", S, rows(nothing, delimiter="\t", quoting=csv.QUOTE_ALL), f"{S} cells"
    ),
    refused("an odd byte of UTF-16", S, lambda data: into("utf-16")(data)[:-1], f"{S}"),
    refused("bytes of nothing", S, lambda data: bytes(len(data)), f"{S}"),
    refused(
        "bytes of nothing behind a crash",
        S,
        lambda data: data[:-300] + bytes(300),
        "add the missing cells where they belong",
    ),
    refused(
        "the marks of a merge",
        S,
        lambda data: data.replace(b"\nultra-disk", b"\n<<<<<<< HEAD\nultra-disk", 1),
        "the row has 1 cell, the header has 13",
    ),
    refused("a note on top", S, lambda data: b"# mine\n" + data, f"{S}:A1 the first row names no"),
    refused(
        "without its header", S, lambda data: data.split(b"\n", 1)[1], f"{S}:A1 the first row names"
    ),
    refused(
        "bars between cells", S, rows(nothing, delimiter="|"), f"{S}:A1 the first row names no"
    ),
    refused("quotes of the other kind", S, lambda data: data.replace(b'"', b"'"), f"{S}:"),
    refused(
        "typographic quotes around a cell with a comma",
        S,
        lambda data: data.replace(
            b'"Any operating system, crash consistency"',
            "\u201cAny operating system, crash consistency\u201d".encode(),
        ),
        "the row has 14 cells, the header has 13",
    ),
    refused(
        "semicolons in every other row",
        L,
        lambda data: b"".join(
            line.replace(b",", b";") if n % 2 else line
            for n, line in enumerate(data.splitlines(keepends=True))
        ),
        "the row has 1 cell, the header has 13",
    ),
    refused(
        "a page", L, lambda _: b"<html><body>limits</body></html>", f"{L}:A1 the first row names"
    ),
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
    mended(
        "an apostrophe that marks a text",
        S,
        cell("ultra-disk", "reviewed_on", "'2026-11-22"),
        "begins with an apostrophe",
    ),
    mended(
        "an id marked so", S, cell("ultra-disk", "id", "'ultra-disk"), "begins with an apostrophe"
    ),
    mended("a narrow blank in a number", L, cell(MANY, "value", "10\u202f000"), "narrow no-break"),
    mended(
        "a hyphen that does not break", S, cell(FIRST, "id", FIRST.replace("-", "\u2011")), "U+2011"
    ),
    mended(
        "a minus in a date", S, cell(FIRST, "reviewed_on", "2026\u221211\u221222"), "minus sign"
    ),
    mended(
        "a mark within the file",
        S,
        lambda data: data.replace(b"\nultra-disk", b"\n\xef\xbb\xbfultra-disk"),
        "zero width no-break space",
    ),
    mended("nothing but blanks", S, cell("ultra-disk", "caveat", "   "), "has blanks at its edges"),
    *(
        mended(f"the date {text}", S, cell(FIRST, "reviewed_on", text), f'the date "{text}" is not')
        for text in (
            *("2026/11/22", "22. November 2026", "22. Nov. 2026", "11/22/2026 12:00:00 AM"),
            *("2026-11-22T00:00:00Z", "22-Nov-2026"),
        )
    ),
    mended(
        "a German month",
        O,
        cell("ubuntu", "source_date", lambda text: text.replace("2024-11-14", "14. November 2024")),
        'the date "14. November 2024"',
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
    *(
        refused(
            f"{text}, which failed", S, cell(*ULTRA, text), f'{TITLE} holds "{text}", the result'
        )
        for text in ("#NV", "#WERT!", "#BEZUG!", "#NOM?", "#DIV/0!", "########", "Err:502", "#N/D")
    ),
    refused("a formula marked as a text", S, cell(*ULTRA, "'=A1"), f'{TITLE} begins with "="'),
    refused(
        "a boolean in German", "statements.csv", cell("s-ppg", "data", "WAHR"), '"WAHR"; write'
    ),
    *(
        refused(f"{text} for a number", L, cell(MANY, "value", text), f'"{text}"')
        for text in ("10.000", "10000.0", "10000,0", "10k", "010000", "100%", "1,00,000")
    ),
    refused(
        "digits of another script", L, cell(MANY, "value", "\u0661\u0660"), "arabic-indic digit"
    ),
    refused("a clause 01", C, cell("ade-1", "clause", "01"), '"01" is not a whole number'),
    *(
        refused(f"{text} for a date", S, cell("ultra-disk", "reviewed_on", text), text)
        for text in (
            *("22.11.26", "46348.5", "20261122", "2026-11-31", "Nov-26", "22. Dez", "2026-22-11"),
            *("0026-11-22", "Sunday, November 22, 2026"),
        )
    ),
    *(
        refused(f"{text} for a text", S, cell(*ULTRA, text), f'{TITLE} "{text}" looks like a date')
        for text in ("Mar-24", "1/2", "2-Jan", "01.02.", "01. Feb", "01. Mrz", "1. Okt")
    ),
    refused("a text in powers", S, cell(*ULTRA, "1.23457E+13"), "shortens a long number"),
    refused("an API version as a month", L, cell("api-crash", "value", "Jul-21"), "Jul-21"),
    *(
        refused(f"U+{ord(sign):04X}", S, cell(*ULTRA, f"Ultra{sign}Disk"), f"U+{ord(sign):04X}")
        for sign in "\x00\x1b\x7f\x85\u2028\u202e\u0301\u00d7"
    ),
    *(
        refused(
            f"{sign!r} between the members of a list",
            S,
            cell("lim-ephemeral-shared", "repeats", f"ephemeral-os-disk{sign}shared-disk"),
            at(S, "lim-ephemeral-shared", "repeats"),
        )
        for sign in (";", "\uff5c", "\u00a6", ", ")
    ),
    refused(
        "a cell shifted to the right",
        S,
        rows(lambda all_: (all_[3].insert(4, ""), all_[3].pop())),
        f"{S}:E4 the grain is missing",
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


def test_the_digests_that_are_gone_are_missed(folder: Path) -> None:
    (folder / FROZEN).unlink()
    (problem,) = check(folder)
    assert (problem.check, problem.file) == ("frozen", FROZEN)
    assert problem.advice.endswith("write it anew with: rpmatrix freeze")
    assert load_matrix("base", folder=folder).warnings == (f"the base was edited: {problem}",)
    assert (fix(folder).written, fix(folder).refused) == ((), (problem,))


def test_a_word_that_the_descriptor_was_made_to_allow_is_told_of(folder: Path) -> None:
    path = folder / DESCRIPTOR
    text = path.read_text(encoding="utf-8")
    assert '"not_applicable"' in text
    path.write_text(text.replace('"not_applicable"', '"not_applicable", "perhaps"'))
    before = tree(folder)
    (problem,) = check(folder)
    assert (problem.check, problem.file) == ("frozen", DESCRIPTOR)
    assert fix(folder).refused == (problem,)
    assert tree(folder) == before


def test_a_table_that_is_a_link_to_nowhere_is_missed(folder: Path) -> None:
    (folder / L).unlink()
    (folder / L).symlink_to(folder / "nowhere.csv")
    assert "unreadable" in {problem.check for problem in check(folder)}
    assert fix(folder).written == ()


def test_a_folder_is_no_table(folder: Path) -> None:
    (folder / L).unlink()
    (folder / L).mkdir()
    assert any(str(problem).startswith(f"{L} cannot be opened") for problem in check(folder))


def test_two_files_in_one_are_refused_and_keep_every_row(folder: Path) -> None:
    data = (folder / S).read_bytes() * 2
    (folder / S).write_bytes(data)
    said = [str(problem) for problem in fix(folder).refused]
    assert f'{S}:A3 the id "{FIRST}" stands in row 2 already' in {one.split(";")[0] for one in said}
    assert any('unknown outcome "application"' in one for one in said)
    assert sorted((folder / S).read_bytes().splitlines()) == sorted(data.splitlines())


@pytest.mark.parametrize("name", ["limits (1).csv", "Limits 2.csv", "~$limits.csv", ".limits.csv"])
def test_a_copy_that_a_program_left_is_told_of(name: str, folder: Path) -> None:
    shutil.copy(folder / L, folder / name)
    assert f"{name} is no table of the matrix" in [
        str(problem).partition(";")[0] for problem in check(folder)
    ]


# --- workbooks ------------------------------------------------------------------------------------

openpyxl = pytest.importorskip("openpyxl")
from openpyxl.utils.datetime import CALENDAR_MAC_1904  # noqa: E402
from openpyxl.worksheet.formula import ArrayFormula  # noqa: E402

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
    return datetime.fromisoformat(text)


def merge(sheet: Any) -> None:
    sheet.merge_cells("C3:C4")


def swap(sheet: Any) -> None:
    for row in sheet.iter_rows():
        row[3].value, row[4].value = row[4].value, row[3].value


def percent(sheet: Any) -> None:
    cell = sheet.cell(2, SCHEMA["limits"].names.index("value") + 1)
    cell.value, cell.number_format = 1.0, "0%"


def from_1904(book: Any) -> None:
    book.epoch = CALENDAR_MAC_1904
    put("scenarios", "ultra-disk", "reviewed_on", from_datetime("2026-11-22"))(book)


def hide_notes(book: Any) -> None:
    sheet = book.create_sheet("old")
    sheet.append(["mine"])
    sheet.sheet_state = "veryHidden"


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
    BookCase(
        "a sheet hidden", on("limits", lambda sheet: setattr(sheet, "sheet_state", "hidden")), None
    ),
    BookCase(
        "a filter", on("limits", lambda sheet: setattr(sheet.auto_filter, "ref", "A1:M9")), None
    ),
    BookCase("columns in another order", on("limits", swap), None),
    BookCase("days counted from 1904", from_1904, None),
    BookCase("a line break", put("scenarios", *ULTRA, "Ultra Disk\nattached as data disk"), None),
    BookCase(
        "a line break of another program",
        put("scenarios", *ULTRA, "Ultra Disk_x000D_\nattached as data disk"),
        None,
    ),
    BookCase(
        "a tab before a text", put("scenarios", *ULTRA, "\tUltra Disk attached as data disk"), None
    ),
    # --- refused
    BookCase(
        "a percentage", on("limits", percent), "a spreadsheet made a percentage of what was typed"
    ),
    BookCase(
        "more digits than are kept", put("limits", MANY, "value", 1e22), "made a number of what"
    ),
    BookCase("a number nearly whole", put("limits", MANY, "value", 9999.9999999), "cannot be"),
    BookCase(
        "a length of time", put("limits", MANY, "value", timedelta(hours=5)), "made a time of what"
    ),
    BookCase("a time", put("scenarios", *ULTRA, time(10, 30)), "a spreadsheet made a time of what"),
    BookCase(
        "a day as its number", put("scenarios", "ultra-disk", "reviewed_on", 46348), "a number of"
    ),
    BookCase(
        "a boolean for a value", put("conditions", "ade-1", "value", True), '"TRUE" is a boolean'
    ),
    BookCase(
        "a day for a value",
        put("conditions", "ultra-disk-1", "value", from_datetime("2026-03-01")),
        '"2026-03-01" looks like a date',
    ),
    BookCase(
        "a column twice", on("limits", lambda sheet: sheet.cell(1, 14, "title")), "is there twice"
    ),
    BookCase(
        "a sheet copied", lambda book: book.copy_worksheet(book["limits"]), "[limits Copy] is no"
    ),
    BookCase(
        "a title on top", on("limits", lambda sheet: sheet.insert_rows(1)), "the first row names no"
    ),
    BookCase(
        "a sheet with a blank in its name",
        on("limits", lambda sheet: setattr(sheet, "title", "limits ")),
        "[limits ] is no table",
    ),
    BookCase(
        "notes on a sheet that is well hidden",
        hide_notes,
        "[old] is no table",
    ),
    BookCase("a note far out", on("limits", lambda sheet: sheet.cell(99, 30, "x")), "no name"),
    BookCase(
        "a note far below", on("limits", lambda sheet: sheet.cell(500, 2, "x")), "the id is missing"
    ),
    BookCase(
        "a formula over several cells",
        on("scenarios", lambda sheet: sheet.__setitem__("D5", ArrayFormula("D5", "=A1"))),
        'begins with "="',
    ),
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


def test_a_workbook_of_base_tables_does_not_become_an_overlay(
    workbook: Path, tmp_path: Path
) -> None:
    with pytest.raises(TablesError, match="a workbook of base tables is no overlay"):
        read_workbook(workbook, tmp_path / "own")
    assert not (tmp_path / "own").exists()


def test_there_are_fifty_cases_and_more() -> None:
    cases = [*CSV_CASES, *BOOK_CASES]
    assert len(cases) >= 50
    assert len({*names(CSV_CASES)}) == len(CSV_CASES)
