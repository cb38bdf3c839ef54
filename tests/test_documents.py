"""Documents stand alone, hold the whole answer, and let nothing in that a reader would run."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import rpmatrix as rp
from rpmatrix.cases import masked_inventory
from rpmatrix.view import documents
from rpmatrix.view.documents import (
    CHROMIUM,
    FORMATS,
    DocumentError,
    document,
    find_browser,
    guarded,
    sheets,
    to_csv,
    to_html,
    to_markdown,
    to_pdf,
    to_xlsx,
    write_document,
)

NAMES = ("sql-with-ultra-data-disk", "windows-11", "confidential", "customer-key", "plain-linux")
HOSTILE = "=cmd|'/c calc'!A1 <script>alert(1)</script> `x` | \u202e[x](http://evil)"


def records(*names: str) -> list[Any]:
    return [record for name in names for record in rp.sample_vm(name)]


def assessment(*names: str) -> rp.Assessment:
    return rp.assess(rp.read_inventory(records(*(names or NAMES))))


def plan() -> rp.Plan:
    return rp.plan(assessment(), target_region="northeurope")


def hostile() -> rp.Plan:
    """Whatever a person may have called things stands in names, ids and tags."""
    made = records("sql-with-ultra-data-disk")
    made[0]["name"] = HOSTILE
    for disk in made[0]["properties"]["storageProfile"]["dataDisks"]:
        disk["name"] = f"{HOSTILE} {disk['lun']}"
    return rp.plan(rp.assess(rp.read_inventory(made)))


RESULTS = {"assessment": assessment, "plan": plan, "hostile": hostile}


@pytest.fixture(scope="module", params=list(RESULTS))
def result(request: pytest.FixtureRequest) -> Any:
    return RESULTS[request.param]()


# --- HTML ------------------------------------------------------------------------------------


class _Reader(HTMLParser):
    """Reads a page as a browser does, and notes what would run or be fetched."""

    VOID = frozenset({"meta"})
    COLUMNS = re.compile(r'(--rpm-column-\d+:"[^"]*"(;|$))+')

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.suspicious: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            leads = name == "href" and re.match(r"#row-|https://[a-z.]+/", value or "")
            if name.startswith("on") or (name in ("src", "href", "srcset", "action") and not leads):
                self.suspicious.append(f"{tag} {name}={value}")
            if name == "style" and not self.COLUMNS.fullmatch(value or ""):
                self.suspicious.append(f"{tag} {name}={value}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_page_runs_nothing_and_fetches_nothing(result: Any) -> None:
    page = to_html(result)
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.suspicious == []
    assert not reader.tags & {"script", "link", "iframe", "object", "img", "form", "base"}
    style = "".join(re.findall(r"<style>(.*?)</style>", page, re.S))
    assert style
    assert not re.search(r"@import|url\(|expression\(", style)
    assert "\u202e" not in page


def test_headings_go_one_level_deeper_at_a_time(result: Any) -> None:
    levels = [
        int(level or deeper)
        for level, deeper in re.findall(
            r'<h(\d)>|role="heading" aria-level="(\d)"', to_html(result)
        )
    ]
    assert levels[0] == 1
    assert {2, 3, 4} <= set(levels)
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_page_holds_the_whole_answer() -> None:
    found = plan()
    page = to_html(found)
    for verdict in found.assessment.verdicts:
        assert verdict.vm_name in page
        for row in (*verdict.reasons, *verdict.caveats):
            assert f">{row}<" in page
        for disk in verdict.exclude_disks:
            assert str(disk.id) in page
        for question in verdict.missing:
            assert question.title in page
    for vm in found.vms:
        for step in vm.steps:
            assert step.id in page
    for command in found.commands():
        assert command.text.splitlines()[0].split("'")[0][:30] in page
    told = found.assessment.provenance
    assert told["matrix_digest"] in page
    assert all(digest in page for digest in told["inputs"].values())
    assert "<svg" in page
    assert 'role="img"' in page


def test_the_chart_says_in_words_what_it_draws() -> None:
    page = to_html(assessment())
    label = next(one for one in re.findall(r'aria-label="([^"]*)"', page) if "consistency:" in one)
    assert label == (
        "application consistency: ✓ 3 supported, ✕ 1 not supported, ? 1 unknown; "
        "crash consistency: ✓ 3 supported, ◐ 1 exclude disks, ✕ 1 not supported"
    )
    for words in label.split("; "):
        for part in words.partition(": ")[2].split(", "):
            assert part in re.sub(r"<[^>]+>", "", page)


def test_the_same_input_gives_the_same_documents() -> None:
    code = (
        "import rpmatrix as rp, hashlib\nfrom rpmatrix.view.documents import document\n"
        "found = rp.assess(rp.read_inventory(rp.sample_vm('customer-key')))\n"
        "for form in ('html', 'md', 'csv'):\n"
        "    print(hashlib.sha256(document(found, form)).hexdigest())"
    )
    seeds = ({**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2"))
    told = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=seed
        ).stdout
        for seed in seeds
    }
    assert len(told) == 1


def test_many_vms_are_all_in_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DETAILED_VMS", 2)
    found = assessment()
    page = to_html(found)
    assert "… and 3 more VMs" in page
    assert all(vm.name in page for vm in found.inventory.vms)
    assert len(next(one for one in sheets(found) if one.name == "Verdicts").rows) == 10


def test_no_vm_is_a_document_too() -> None:
    found = rp.assess(rp.read_inventory([{"what": "is this"}]))
    assert "No VM, and so no verdict." in to_html(found)
    assert "not a resource that is known here" in to_markdown(found)
    assert to_csv(found).count("\n") == 1
    assert to_xlsx(found)


# --- tables ----------------------------------------------------------------------------------


def test_every_table_is_rectangular_and_of_texts(result: Any) -> None:
    made = sheets(result)
    assert len({one.name for one in made}) == len(made)
    for sheet in made:
        for row in sheet.rows:
            assert len(row) == len(sheet.columns), sheet.name
            assert all(isinstance(cell, str) for cell in row)


def test_the_summary_adds_up() -> None:
    found = assessment()
    summary = next(one for one in sheets(found) if one.name == "Summary")
    for mode in ("application", "crash"):
        assert sum(int(row[2]) for row in summary.rows if row[0] == mode) == len(NAMES)


def test_markdown_tables_keep_their_columns(result: Any) -> None:
    page = to_markdown(result)
    for block in re.findall(r"(?:^\|.*\n)+", page, re.M):
        lines = block.splitlines()
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(widths) == 1, (lines[0], [one for one in lines if len(one) > 0][-1])
    assert "<script" not in page
    shown = MarkdownIt("commonmark", {"html": False}).enable("table").render(page)
    assert not re.findall(r"<(?:script|a|img|code|em|strong)\b", shown)
    cells = [
        html.unescape(re.sub("<[^>]+>", " ", one)) for one in re.findall("<td>.*?</td>", shown)
    ]
    names = {vm.vm.name for vm in result.vms} if isinstance(result, rp.Plan) else set()
    plain = {" ".join(cell.split()) for cell in cells}
    assert {" ".join(name.replace("\u202e", "\ufffd").split()) for name in names} <= plain


def test_csv_has_no_formula_and_reads_back(result: Any) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(result))))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@\t\r|%")]
    assert rows[0][-4:] == ["Package", "Matrix", "Layers", "Article"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "|x", "%0A", "\r\n=1"]
)
def test_a_formula_is_guarded(text: str) -> None:
    assert guarded(text).startswith("'")


@pytest.mark.parametrize("text", ["sql-01", "", "3 hours", "a=b", "/subscriptions/x"])
def test_a_plain_text_stays(text: str) -> None:
    assert guarded(text) == text


def test_a_workbook_holds_texts_only(result: Any) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(result)))
    made = sheets(result)
    assert book.sheetnames == [sheet.name for sheet in made]
    for sheet in made:
        page = book[sheet.name]
        kinds = {cell.data_type for row in page.iter_rows() for cell in row if cell.value}
        assert kinds == {"s"}, sheet.name
        assert page.max_row == max(1, len(sheet.rows) + 1)


# --- PDF -------------------------------------------------------------------------------------


@pytest.mark.skipif(find_browser() is None, reason="no Chromium here")
def test_a_pdf_is_made_by_a_browser() -> None:
    made = to_pdf(assessment("sql-with-ultra-data-disk"))
    assert made.startswith(b"%PDF-")
    assert made.count(b"/Type /Page\n") + made.count(b"/Type /Page ") >= 1
    assert b"/JavaScript" not in made


def test_without_a_browser_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHROMIUM, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DocumentError, match="install one, name it in RPMATRIX_CHROMIUM"):
        to_pdf(assessment("plain-linux"))


def test_a_browser_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho no display >&2\nexit 3\n", encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv(CHROMIUM, str(browser))
    with pytest.raises(DocumentError, match="no display"):
        to_pdf(assessment("plain-linux"))


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [one for one in FORMATS if one != "pdf"])
def test_a_document_is_written_by_its_ending_or_by_name(form: str, tmp_path: Path) -> None:
    found = assessment("plain-linux")
    by_ending = write_document(found, tmp_path / f"one.{form}")
    by_name = write_document(found, tmp_path / "two.txt", to=form)
    assert by_ending.stat().st_size > 100
    if form != "xlsx":
        assert by_ending.read_bytes() == by_name.read_bytes() == document(found, form)


@pytest.mark.parametrize(("name", "form"), [("one.docx", ""), ("one", ""), ("one.html", "odt")])
def test_no_such_form(name: str, form: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="html, pdf, md, xlsx, csv, not"):
        write_document(assessment("plain-linux"), tmp_path / name, to=form)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["html", "md", "csv"])
def test_a_masked_document_holds_no_name(form: str, tmp_path: Path) -> None:
    path = tmp_path / "secret-customer.json"
    path.write_text(json.dumps(records("customer-key")), encoding="utf-8")
    masked = rp.plan(rp.assess(masked_inventory(path)), target_region="northeurope")
    plain = rp.plan(rp.assess(rp.read_inventory(path)), target_region="northeurope")
    told = document(masked, form).decode()
    for name in ("hr-01", "rg-customer-key", "kv-hr-01", "secret-customer"):
        assert name not in told
    assert "hr-01" in document(plain, form).decode()
    assert [one.verdict for one in masked.assessment.verdicts] == [
        one.verdict for one in plain.assessment.verdicts
    ]
