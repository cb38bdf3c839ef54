"""The workbook: out and in again, with a spreadsheet between, and nothing lost on the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from overlays import ABOUT, SCHEMA, write_overlay

from rpmatrix.authoring.workbook import read_workbook, write_workbook
from rpmatrix.matrix.folder import FROZEN, check, fix
from rpmatrix.matrix.matrix import check_overlay, overlay_names
from rpmatrix.matrix.problems import TablesError
from rpmatrix.matrix.schema import DESCRIPTOR, data_folder

openpyxl = pytest.importorskip("openpyxl")

FOLDERS = ["base", *overlay_names()]


def source(name: str) -> Path:
    return data_folder() if name == "base" else data_folder() / "overlays" / name


def copied(name: str, target: Path) -> Path:
    """Copy a folder of tables, without what is beside them."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source(name).iterdir():
        if path.suffix in (".csv", ".json"):
            shutil.copy(path, target)
    return target


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --- round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOLDERS)
def test_a_round_trip_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    before = tree(copied(name, tmp_path / "before"))
    write_workbook(tmp_path / "before", tmp_path / "book.xlsx")
    empty = tmp_path / "after"
    empty.mkdir()
    if name == "base":
        for file in (DESCRIPTOR, FROZEN, "withdrawn.csv"):
            shutil.copy(data_folder() / file, empty)
    report = read_workbook(tmp_path / "book.xlsx", empty)
    assert tree(empty) == before
    assert (report.repaired, report.refused) == ((), ())
    again = read_workbook(tmp_path / "book.xlsx", tmp_path / "before")
    assert again.written == (), "what has not changed is not written"


def soffice(*arguments: str, home: Path) -> None:
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if not program:
        pytest.skip("LibreOffice is not there; on Debian: apt-get install libreoffice-calc")
    command = [program, f"-env:UserInstallation={home.as_uri()}", "--headless", *arguments]
    answer = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "HOME": str(home)}
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", FOLDERS)
def test_a_spreadsheet_opens_and_saves_it_without_a_change(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path / "tables")
    before = tree(folder)
    write_workbook(folder, tmp_path / "book.xlsx")
    saved = tmp_path / "saved"
    soffice(
        *("--convert-to", "xlsx", "--outdir", str(saved), str(tmp_path / "book.xlsx")),
        home=tmp_path / "home",
    )
    assert (saved / "book.xlsx").read_bytes() != (tmp_path / "book.xlsx").read_bytes()
    assert read_workbook(saved / "book.xlsx", folder).written == ()
    for path in folder.glob("*.csv"):
        path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    read_workbook(saved / "book.xlsx", folder)
    assert tree(folder) == before


def test_a_spreadsheet_opens_and_saves_the_csv_files(tmp_path: Path) -> None:
    folder = copied("base", tmp_path / "tables")
    before = tree(folder)
    files = [str(path) for path in sorted(folder.glob("*.csv"))]
    saved = tmp_path / "saved"
    soffice("--convert-to", "csv", "--outdir", str(saved), *files, home=tmp_path / "home")
    for path in saved.iterdir():
        shutil.copy(path, folder)
    assert fix(folder).refused == ()
    assert tree(folder) == before


# Printable ASCII that is no formula, no date and no boolean: what a cell of text may hold.
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40).map(
    lambda text: f"x {text} x".replace("  ", " ")
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(TEXTS, min_size=3, max_size=3))
@example(texts=["x _x0041_ x", "x <a> & \"b\" 'c' x", "x ,;\t| x"])
@example(texts=["x _x005F_x0041_ x", "x 1e5 x", "x 007 x"])
def test_any_text_survives(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("texts")
    texts = [" ".join(text.split()) for text in texts]
    row = {"like": "ppg", "title": texts[0], "caveat": texts[1], "source": texts[2]}
    own = write_overlay(folder / "own", {"scenarios": [row]})
    assert check(own, partial=True) == ()
    before = (own / "scenarios.csv").read_bytes()
    write_workbook(own, folder / "own.xlsx")
    (own / "scenarios.csv").unlink()
    read_workbook(folder / "own.xlsx", own)
    assert (own / "scenarios.csv").read_bytes() == before


# --- what it looks like ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("book") / "base.xlsx"
    write_workbook(data_folder(), path)
    return openpyxl.load_workbook(path)


def test_there_is_a_sheet_for_every_table(book: Any) -> None:
    assert book.sheetnames == ["help", *(name for name in SCHEMA if name != "withdrawn"), "choices"]
    assert book["choices"].sheet_state == "hidden"
    assert "rpmatrix workbook --import" in " ".join(str(row[0].value) for row in book["help"])


def sheets(book: Any) -> Iterator[tuple[Any, Any]]:
    for name in SCHEMA:
        if name in book.sheetnames:
            yield book[name], SCHEMA[name]


def test_every_cell_is_text(book: Any) -> None:
    for sheet, _ in sheets(book):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.value is None or cell.data_type == "s", cell
                assert cell.number_format == "@", cell


def test_the_header_is_frozen_and_explains_itself(book: Any) -> None:
    for sheet, schema in sheets(book):
        assert sheet.freeze_panes == "B2"
        for cell, column in zip(sheet[1], schema.columns, strict=True):
            assert cell.value == column.name
            assert column.description in cell.comment.text
            assert ("Required." in cell.comment.text) == column.required


def test_words_and_ids_are_offered(book: Any) -> None:
    for sheet, schema in sheets(book):
        rules = {
            str(rule.sqref).partition("2")[0]: rule
            for rule in sheet.data_validations.dataValidation
        }
        for cell, column in zip(sheet[1], schema.columns, strict=True):
            rule = rules.get(cell.column_letter)
            offered = list(column.enum) or column.key_of
            assert bool(rule) == bool(offered), column.name
            if rule is None:
                continue
            assert (rule.type, rule.errorStyle) == ("list", "warning" if column.key_of else "stop")
            words = list(column.enum)
            if column.key_of:
                words = sorted(row[0].value for row in book[column.key_of].iter_rows(min_row=2))
            assert choices_of(book, rule.formula1) == words
            last = int(str(rule.sqref).rpartition(cell.column_letter)[2])
            assert last > sheet.max_row, "rows that are added have it too"


def choices_of(book: Any, formula: str) -> list[str]:
    if formula.startswith('"'):
        return formula.strip('"').split(",")
    area = formula.partition("!")[2].replace("$", "")
    return [cell[0].value for cell in book["choices"][area]]


def test_a_key_is_offered_with_the_ids_of_the_base_and_of_the_overlay(tmp_path: Path) -> None:
    write_workbook(source("newer-edition"), tmp_path / "own.xlsx")
    book = openpyxl.load_workbook(tmp_path / "own.xlsx")
    assert book.sheetnames[:2] == ["help", "about"]
    assert book.sheetnames[-2:] == ["withdrawn", "choices"]
    offered = [
        choices_of(book, rule.formula1)
        for rule in book["conditions"].data_validations.dataValidation
        if rule.errorStyle == "warning"
    ]
    (scenarios,) = [words for words in offered if "ultra-disk" in words]
    assert "vm-size-premium-storage" in scenarios


# --- edited in a spreadsheet ----------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An overlay with its workbook beside it."""
    folder = write_overlay(
        tmp_path / "own",
        {
            "scenarios": [{"like": "ultra-disk", "application": "exclude_disk"}],
            "limits": [{"like": "lim-rp-per-vm", "value": "300"}],
        },
    )
    write_workbook(folder, tmp_path / "own.xlsx")
    return folder


def edit(own: Path, change: Callable[[Any], object]) -> Path:
    path = own.with_suffix(".xlsx")
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    return path


def cell_of(book: Any, table: str, column: str, line: int = 2) -> Any:
    return book[table].cell(line, SCHEMA[table].names.index(column) + 1)


def put(table: str, column: str, value: Any, line: int = 2) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        cell_of(book, table, column, line).value = value

    return change


def test_a_row_that_is_added_goes_where_it_belongs(own: Path) -> None:
    def add(book: Any) -> None:
        row = [cell.value for cell in book["scenarios"][2]]
        row[0] = "a-disk-of-ours"
        row[SCHEMA["scenarios"].names.index("source")] = "Runbook 7"
        book["scenarios"].append(row)
        book["conditions"].append(
            ["ours-1-1", "a-disk-of-ours", "1", "disk_sku", "is", "UltraSSD_LRS", "2026-11-22"]
        )
        book["withdrawn"].append(
            ["without-rbac", "scenarios", "rbac", "Not used.", None, "2026-11-22"]
        )

    report = read_workbook(edit(own, add), own)
    assert report.written == ("conditions.csv", "scenarios.csv", "withdrawn.csv")
    assert report.repaired == ()
    lines = (own / "scenarios.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["id", "a-disk-of-ours", "ultra-disk"]


@pytest.mark.parametrize(
    ("table", "column", "value", "text"),
    [
        ("limits", "value", 400, "400"),
        ("limits", "value", 400.0, "400"),
        ("limits", "reviewed_on", date(2026, 12, 24), "2026-12-24"),
        ("scenarios", "reviewed_on", date(2026, 12, 24), "2026-12-24"),
        ("scenarios", "title", "Ultra, of ours", "Ultra, of ours"),
        ("scenarios", "caveat", None, ""),
    ],
)
def test_what_a_spreadsheet_made_of_a_text_is_read_where_it_is_certain(
    table: str, column: str, value: Any, text: str, own: Path
) -> None:
    import csv

    assert read_workbook(edit(own, put(table, column, value)), own).repaired == ()
    with (own / f"{table}.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row[column] == text


def test_what_is_repaired_is_told_with_its_cell(own: Path) -> None:
    report = read_workbook(edit(own, put("scenarios", "crash", " Exclude_Disk")), own)
    assert [str(problem).partition(";")[0] for problem in report.repaired] == [
        "own.xlsx[scenarios]:G2 has blanks at its edges or a line break inside",
        'own.xlsx[scenarios]:G2 outcome "Exclude_Disk" is in another letter case',
    ]
    assert all(str(problem) in str(report) for problem in report.repaired)
    assert ",exclude_disk,exclude_disk," in (own / "scenarios.csv").read_text()


def test_what_an_overlay_says_of_itself_is_edited_too(own: Path) -> None:
    def change(book: Any) -> None:
        sheet = book["about"]
        keys = [row[0].value for row in sheet]
        sheet.cell(keys.index("owner") + 1, 2).value = "Storage team"
        sheet.cell(keys.index("valid_until") + 1, 2).value = date(2027, 6, 30)

    assert read_workbook(edit(own, change), own).written == ("about.json",)
    said = json.loads((own / "about.json").read_text())
    assert said == {**ABOUT, "owner": "Storage team", "valid_until": "2027-06-30"}
    assert check_overlay(own) == ()


def set_about(key: str, value: str | None) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        keys = [row[0].value for row in book["about"]]
        book["about"].cell(keys.index(key) + 1, 2).value = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (set_about("owner", None), 'own.xlsx[about] "owner" is missing or empty; write the role'),
        (set_about("valid_until", "next year"), "own.xlsx[about] \"valid_until\" is 'next year'"),
        (put("scenarios", "id", "other"), "own.xlsx[scenarios]:A2 nothing says when this"),
        (put("scenarios", "repeats", "no-such"), 'own.xlsx[scenarios]:K2 unknown row "no-such"'),
        (put("limits", "value", "501"), "own.xlsx[limits]:H2 the limit is wider than below"),
    ],
)
def test_what_would_leave_the_overlay_broken_is_not_written(
    change: Callable[[Any], None], says: str, own: Path
) -> None:
    before = tree(own)
    with pytest.raises(TablesError) as caught:
        read_workbook(edit(own, change), own)
    assert says in str(caught.value)
    assert tree(own) == before


def test_an_overlay_is_read_on_top_of_another(own: Path, tmp_path: Path) -> None:
    row = {"like": "ultra-disk", "id": "first", "statement_id": "", "source": "Runbook 7"}
    test = {"id": "f-1", "scenario_id": "first", "clause": "1", "fact_id": "disk_sku"}
    tests = [{**test, "operator": "is", "value": "UltraSSD_LRS"}]
    below = write_overlay(tmp_path / "below", {"scenarios": [row], "conditions": tests})
    path = edit(own, put("scenarios", "id", "first"))
    with pytest.raises(TablesError, match="nothing says when this scenario applies"):
        read_workbook(path, own)
    assert read_workbook(path, own, below).written == ("scenarios.csv",)
    assert check_overlay(own, below) == ()


def test_a_workbook_of_an_overlay_does_not_go_into_the_base(own: Path, tmp_path: Path) -> None:
    base = copied("base", tmp_path / "base")
    before = tree(base)
    with pytest.raises(TablesError, match=r"a workbook of an overlay.*name the folder") as caught:
        read_workbook(own.with_suffix(".xlsx"), base)
    assert len(caught.value.problems) == 1
    assert tree(base) == before


def test_a_new_overlay_is_begun_from_a_workbook(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    report = read_workbook(own.with_suffix(".xlsx"), other)
    assert report.written == ("about.json", "limits.csv", "scenarios.csv")
    assert tree(other).keys() == tree(own).keys()
    assert (other / "scenarios.csv").read_bytes() == (own / "scenarios.csv").read_bytes()


def test_an_overlay_is_begun_with_an_empty_workbook(tmp_path: Path) -> None:
    """Nobody has to write a file by hand before a spreadsheet can be used."""
    own = tmp_path / "new"
    write_workbook(own, own.with_suffix(".xlsx"))
    assert not own.exists()

    def fill(book: Any) -> None:
        keys = {row[0].value: row for row in book["about"].iter_rows(min_row=2)}
        assert {*keys} == {*ABOUT}
        for key, text in ABOUT.items():
            assert keys[key][0].comment.text, "what the key means"
            keys[key][1].value = text
        cells = {"id": "without-rbac", "table": "scenarios", "row_id": "rbac", "reason": "Unused."}
        names = SCHEMA["withdrawn"].names
        book["withdrawn"].append([{**cells, "reviewed_on": "2026-11-22"}.get(one) for one in names])

    report = read_workbook(edit(own, fill), own)
    assert report.written == ("about.json", "withdrawn.csv")
    assert check_overlay(own) == ()


def test_a_table_that_was_emptied_is_empty(own: Path) -> None:
    read_workbook(edit(own, lambda book: book["limits"].delete_rows(2)), own)
    assert (own / "limits.csv").read_text() == ",".join(SCHEMA["limits"].names) + "\n"


# --- when something goes wrong --------------------------------------------------------------------


def test_nothing_is_written_unless_all_is_in_order(own: Path) -> None:
    before = tree(own)

    def change(book: Any) -> None:
        put("limits", "value", "400")(book)
        put("scenarios", "crash", "perhaps")(book)

    with pytest.raises(TablesError) as caught:
        read_workbook(edit(own, change), own)
    assert "own.xlsx[scenarios]:G2 unknown outcome" in str(caught.value)
    assert tree(own) == before


def test_a_crash_leaves_every_old_file_whole(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(own)

    def change(book: Any) -> None:
        put("limits", "value", "400")(book)
        put("scenarios", "title", "Other")(book)

    path = edit(own, change)
    replace = Path.replace
    done: list[str] = []

    def fail_late(self: Path, target: Path) -> Path:
        done.append(Path(target).name)
        if len(done) > 1:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_late)
    with pytest.raises(OSError, match="No space left"):
        read_workbook(path, own)
    monkeypatch.undo()
    after = tree(own)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {done[0]}
    assert check_overlay(own) == ()
    assert read_workbook(path, own).written == (done[1],)


def test_a_crash_leaves_the_old_workbook_whole(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own.with_suffix(".xlsx")
    before = path.read_bytes()

    def fail(self: Any, target: Path) -> None:
        Path(target).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(openpyxl.Workbook, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        write_workbook(own, path)
    assert path.read_bytes() == before
    assert sorted(one.name for one in own.parent.iterdir()) == ["own", "own.xlsx"]


def test_a_workbook_ends_in_xlsx(own: Path) -> None:
    with pytest.raises(ValueError, match=r"own\.csv is not the name of a workbook"):
        write_workbook(own, own.with_suffix(".csv"))


def test_tables_with_faults_are_not_written_out(own: Path) -> None:
    path = own / "scenarios.csv"
    path.write_text(path.read_text().replace("exclude_disk", "perhaps"))
    with pytest.raises(TablesError):
        write_workbook(own, own.with_name("other.xlsx"))
    assert not own.with_name("other.xlsx").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is not there; write it first with: rpmatrix workbook"),
        (b"id,statement_id\n", "cannot be opened as a workbook: BadZipFile"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "cannot be opened as a workbook"),
        (b"", "cannot be opened as a workbook"),
    ],
)
def test_what_is_no_workbook(content: bytes | None, says: str, own: Path) -> None:
    path = own.with_suffix(".xlsx")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TablesError) as caught:
        read_workbook(path, own)
    assert f"own.xlsx {says}" in str(caught.value)


def test_a_workbook_without_its_parts(own: Path) -> None:
    path = own.with_suffix(".xlsx")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(own.with_name("cut.xlsx"), "w") as cut:
        for name in whole.namelist():
            if "workbook.xml" not in name:
                cut.writestr(name, whole.read(name))
    with pytest.raises(TablesError, match="cannot be opened as a workbook"):
        read_workbook(own.with_name("cut.xlsx"), own)
