"""What the report writes is safe, complete, the same each time, and readable by everybody."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlays import write_overlay

from rpmatrix import Assessment, Matrix, assess, load_matrix, read_inventory
from rpmatrix.common.words import amount, word
from rpmatrix.inventory.records import Problem
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import CITABLE_TABLES
from rpmatrix.matrix.titles import conditions, limit, row_title
from rpmatrix.planning.copies import copy_of, copy_of_fleet
from rpmatrix.planning.encryption import encryption_of
from rpmatrix.planning.errors import look_up
from rpmatrix.planning.plan import PHASES, SAFE_PHASES, Plan, plan
from rpmatrix.planning.schedule import Schedule, plan_schedule
from rpmatrix.view import report
from rpmatrix.view.markup import SHOWN_VMS, joined
from rpmatrix.view.report_plan import SHOWN_PLANS

STYLE_SHEET = Path(report.__file__).parents[1] / "_static" / "report.css"
SCRIPT = STYLE_SHEET.parent / "copy.js"
TAGS = {
    *("a", "code", "details", "div", "li", "p", "pre", "span", "strong", "style", "summary"),
    *("table", "tbody", "td", "th", "thead", "tr", "ul"),
    *("path", "svg", "text"),
}
ATTRIBUTES = {
    *("aria-current", "aria-hidden", "aria-label", "aria-level", "class", "role"),
    *("href", "rel", "target"),
    *("scope", "style", "tabindex"),
    *("d", "fill", "stroke", "text-anchor", "viewbox", "x", "y"),
}


class Page(HTMLParser):
    """The tags, attributes and texts of a page; refuses a page that is not well formed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.opened:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        """What a reader sees where styles are dropped."""
        return "".join(self.texts)

    @property
    def classes(self) -> set[str]:
        return {name for _, given in self.tags for name in (given.get("class") or "").split()}


def assert_safe(page: Page) -> None:
    assert {tag for tag, _ in page.tags} <= TAGS
    assert {name for _, given in page.tags for name in given} <= ATTRIBUTES
    for tag, attributes in page.tags:
        if tag == "a":
            # An address of a publication, which a reader opens and nothing else.
            assert (attributes["href"] or "").startswith("https://")
            assert attributes["rel"] == "noreferrer"


def judged(name: str, **options: Any) -> Assessment:
    return assess(read_inventory(sample_vm(name)), **options)


def explained(found: Assessment) -> str:
    return report.explanation(found.explain(found.inventory.vms[0].id))


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


def some_pages() -> Iterator[str]:
    """One page of every kind, over all samples and all rows."""
    matrix = load_matrix()
    for name in sample_names():
        for options in ({}, {"strict": True}, {"answers": {"os_architecture": "32-bit"}}):
            found = judged(name, **options)
            yield report.verdict_table(found.verdicts)
            yield report.assessment(found)
            yield explained(found)
            yield report.plan(plan(found, target_region="northeurope"), phases=PHASES)
            yield from answers_on(found)
    for table in CITABLE_TABLES:
        yield report.matrix_table(matrix, table)
        for row in matrix.table(table):
            yield report.row_card(matrix, row.id)
    yield report.matrix_table(matrix, selected="ultra-disk")
    yield report.matrix_table(matrix, row_ids=[])
    yield report.problems([Problem("a.json", "/0", "id", "what")], ["a remark"])
    yield report.error("wrong")
    yield report.note("so")
    yield report.checks([("this", True, ""), ("that", False, "do it")])
    yield report.foot("rp.load_matrix()")
    for name in SCHEDULES:
        yield report.schedule(scheduled(name), matrix)
    for pasted in ("", "DiskEncryptionSetNotFound", "400", "no words of any row"):
        yield report.error_answer(look_up(pasted, matrix), matrix)


def answers_on(found: Assessment) -> Iterator[str]:
    """The pages about encryption and copies of all VMs of one assessment."""
    for vm in found.inventory.vms:
        yield report.encryption(encryption_of(found, vm))
        for region in ("northeurope", vm.location or "westeurope"):
            yield report.copy(copy_of(found, vm, target_region=region))
    yield report.copies(copy_of_fleet(found, target_region="northeurope"))


FIRST_DAY = date(2027, 1, 1)
SCHEDULES: dict[str, dict[str, Any]] = {
    "app": {"application_every": timedelta(hours=3)},
    "crash": {"crash_every": timedelta(hours=1)},
    "both": {"application_every": timedelta(hours=3), "crash_every": timedelta(hours=1)},
    "kept": {"application_every": timedelta(hours=4), "retention": timedelta(days=30)},
    "counted": {"crash_every": timedelta(days=1), "retention": 40, "existing": 17},
    "too often": {"application_every": timedelta(minutes=20), "existing": None},
    "too many": {"application_every": timedelta(days=7), "existing": 500},
    "short": {"crash_every": timedelta(hours=1), "retention": timedelta(hours=5)},
    "apart": {
        "application_every": timedelta(hours=4),
        "crash_every": timedelta(hours=1),
        "crash_after": timedelta(minutes=30),
        "retention": timedelta(days=10),
        "vms": 12,
        "collections": 9995,
    },
}


def scheduled(name: str) -> Schedule:
    return plan_schedule(load_matrix(), start=FIRST_DAY, **SCHEDULES[name])


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    return [Page(html) for html in some_pages()]


# --- nothing unsafe gets in ------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></div><h1>broken out",
    "&lt;b&gt;",
    "a\u202egnp.exe\x00\x1b[31m",
)


def hostile_records(name: str) -> list[dict[str, Any]]:
    records = sample_vm("sql-with-ultra-data-disk")
    vm, os_disk = records[0], records[1]
    vm["name"] = name
    vm["location"] = name
    vm["id"] = vm["id"].rpartition("/")[0] + "/" + name
    storage = vm["properties"]["storageProfile"]
    storage["imageReference"]["offer"] = name
    storage["dataDisks"][0]["name"] = name
    storage["dataDisks"][0]["managedDisk"]["id"] += name
    storage["dataDisks"][1]["managedDisk"]["storageAccountType"] = name
    os_disk["properties"]["encryption"]["type"] = name
    return records


def shown(name: str) -> str:
    """Give a name as a page shows it: without what a browser must not get."""
    return name.translate(dict.fromkeys([0, 27, 0x202E], "\ufffd"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_and_does_nothing(name: str) -> None:
    found = assess(read_inventory([*hostile_records(name), {"vm name": name, name: name}]))
    for html in (
        report.verdict_table(found.verdicts),
        report.assessment(found),
        explained(found),
        report.plan(plan(found)),
    ):
        page = Page(html)
        assert_safe(page)
        assert shown(name) in page.text


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "make",
    [
        report.error,
        report.note,
        report.foot,
        lambda name: report.problems([Problem(name, name, name, name)], [name]),
        lambda name: report.checks([(name, False, name)]),
    ],
)
def test_hostile_text_is_shown_and_does_nothing(make: Callable[[str], str], name: str) -> None:
    page = Page(make(name))
    assert_safe(page)
    assert shown(name) in page.text


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_any_text_is_safe_and_can_be_sent(first: str, second: str) -> None:
    html = report.problems([Problem(first, second, first, second)], [first])
    assert_safe(Page(html))
    html.encode("utf-8")


def test_pages_hold_no_script_no_address_and_no_style_of_their_own(pages: list[Page]) -> None:
    for page in pages:
        assert_safe(page)
    sheet = STYLE_SHEET.read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|//\w|expression", sheet)
    script = SCRIPT.read_text(encoding="utf-8")
    assert not re.search(r"fetch|import|https?:|eval|innerHTML", script)


def test_headings_go_one_level_deeper_at_a_time(pages: list[Page]) -> None:
    found = [
        [
            int(attributes["aria-level"] or 0)
            for _, attributes in page.tags
            if "aria-level" in attributes
        ]
        for page in pages
    ]
    assert {level for levels in found for level in levels} == {2, 3, 4}
    for levels in found:
        # What shows the page has the first level.
        assert all(after <= before + 1 for before, after in pairwise([1, *levels]))


def test_one_style_sheet_is_enough() -> None:
    whole = joined(report.note("one"), "", report.note("two"), report.note("three"))
    page = Page(whole)
    assert [tag for tag, _ in page.tags].count("style") == 1
    assert page.text == "onetwothree"


PACKAGE = STYLE_SHEET.parents[1]


def test_no_colour_stands_in_code() -> None:
    names = ("view/**/*.py", "panels/*.py", "_static/*.js")
    paths = [path for name in names for path in PACKAGE.glob(name)]
    assert len(paths) > len(names)
    for path in paths:
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"#[0-9a-fA-F]{3,6}\b|rgb\(", code), path.name


def test_every_class_has_a_rule_and_every_rule_a_use(pages: list[Page]) -> None:
    used = set().union(*(page.classes for page in pages)) - {"rpm"}
    styled = set(re.findall(r"\.(rpm-[a-z-]+)\b", STYLE_SHEET.read_text(encoding="utf-8")))
    assert used <= styled
    paths = [*PACKAGE.rglob("*.py"), *PACKAGE.glob("_static/*.js")]
    code = "".join(path.read_text(encoding="utf-8") for path in paths)
    # Some end in a word that is known when the page is made: rpm-{colour}.
    made = set(re.findall(r"rpm-[a-z-]+(?![a-z{-])", code))
    begun = set(re.findall(r"(rpm-(?:[a-z]+-)*)\{", code))
    unused = {name for name in styled - made if name.rpartition("-")[0] + "-" not in begun}
    assert unused == set()


# --- the same each time ----------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes_in_any_process() -> None:
    line = (
        "import sys; from rpmatrix import *; from rpmatrix.inventory import samples\n"
        "from rpmatrix.view import report\n"
        "found = assess(read_inventory(samples.sample_vm('customer-key')))\n"
        "html = report.assessment(found) + report.explanation(found.explain('hr-01'))\n"
        "html += report.matrix_table(load_matrix()) + report.row_card(load_matrix(), 'sse-cmk')\n"
        "sys.stdout.buffer.write(html.encode())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", line],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


# --- nothing is left out ---------------------------------------------------------------------


@pytest.mark.parametrize("name", sample_names())
@pytest.mark.parametrize("strict", [False, True])
def test_the_table_names_every_row_of_a_verdict(name: str, strict: bool) -> None:
    found = judged(name, strict=strict)
    page = Page(report.verdict_table(found.verdicts))
    for verdict in found.verdicts:
        assert {*verdict.reasons, *verdict.caveats} <= set(page.texts)
        assert {disk.label for disk in verdict.exclude_disks} <= set(page.texts)


@pytest.mark.parametrize("name", sample_names())
@pytest.mark.parametrize("strict", [False, True])
def test_the_explanation_tells_all_of_a_verdict(matrix: Matrix, name: str, strict: bool) -> None:
    found = judged(name, strict=strict)
    page = Page(explained(found))
    texts, text = set(page.texts), page.text
    addresses = {given.get("href") for tag, given in page.tags if tag == "a"}
    for verdict in found.verdicts:
        rows = {*verdict.reasons, *verdict.caveats, *verdict.possible_caveats}
        assert rows <= texts
        for row in (*verdict.reasons, *verdict.caveats):
            scenario = matrix.row(row)
            assert scenario["caveat"] in text
            assert scenario["remedy"] in text or verdict.verdict == "supported"
            for citation in matrix.citations(row):
                assert citation.source in text
                assert citation.place in text
                assert citation.subject in text
                assert (citation.address in addresses) is bool(citation.address)
        for disk in verdict.exclude_disks:
            assert disk.label in texts
            assert verdict.verdict != "exclude_disks" or (disk.id or "") in text
        for question in verdict.missing:
            assert {question.fact_id, question.title} <= texts
            assert question.command in text
            assert question.ask in text
        for fact_id in verdict.assumptions:
            assert fact_id in texts
            assert matrix.facts[fact_id].question in text
        for ruling in verdict.rulings:
            row = matrix.row(ruling, "rulings")
            assert ruling in texts
            assert row["reading_a"] in text
            assert row["reading_b"] in text
            assert row["reason"] in text


def test_evidence_names_the_value_and_where_it_stands() -> None:
    text = Page(explained(judged("sql-with-ultra-data-disk"))).text
    assert 'Disk SKU: UltraSSD_LRS, for sku.name is "UltraSSD_LRS" in value 1 /2' in text
    assert "Word size of the OS: 64-bit, assumed" in text


def test_an_answer_is_told_as_such() -> None:
    text = Page(explained(judged("plain-linux", answers={"os_architecture": "32-bit"}))).text
    assert "answered: Word size of the OS = 32-bit" in text
    assert "Word size of the OS: 32-bit, answered by you" in text


def test_unknown_is_told_with_its_bounds() -> None:
    text = Page(explained(judged("deallocated-no-sku"))).text
    assert "Crash consistency ? unknown" in text
    assert "At best supported, at worst exclude disks." in text
    assert "2 facts are missing" in text


def test_an_article_that_is_silent_is_not_blamed_on_the_vm() -> None:
    text = Page(explained(judged("windows-11"))).text
    assert "No fact of the VM is missing: the matrix itself leaves this open." in text


FATES = [
    ("sql-with-ultra-data-disk", "sql-01-log", "✓ include", "◐ exclude"),
    ("sql-with-ultra-data-disk", "sql-01-backup", "✓ include", "✓ include"),
    ("shared-disk-cluster-node", "node-01-quorum", "◐ exclude", "◐ exclude"),
    ("deallocated-no-sku", "report-01-data", "✓ include", "? not known"),
    ("deallocated-no-sku", "report-01-os", "✓ include", "✓ include"),
    ("ephemeral-only", "agent-01-os", "◐ exclude", "◐ exclude"),
    ("unmanaged", "legacy-01-data", "✕ blocks", "✕ blocks"),
    ("confidential", "vault-01-data", "– no restore point", "– no restore point"),
]


@pytest.mark.parametrize(("name", "disk", "application", "crash"), FATES)
def test_each_disk_is_told_what_becomes_of_it(
    name: str, disk: str, application: str, crash: str
) -> None:
    rows = cells(explained(judged(name)), "Disks")
    (row,) = [one for one in rows if one[0] == disk]
    assert row[2:4] == [application, crash]


def test_a_disk_that_surely_goes_is_told_so_though_the_verdict_is_open() -> None:
    rows = cells(explained(judged("sql-with-ultra-data-disk", strict=True)), "Disks")
    assert [row[3] for row in rows if row[0] == "sql-01-log"] == ["◐ exclude"]


def cells(html: str, label: str) -> list[list[str]]:
    """Give the texts of the body of one table."""
    start = html.index(f'aria-label="{label}"')
    body = html[html.index("<tbody>", start) : html.index("</tbody>", start)]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[Page(cell).text for cell in row] for row in found]


def test_ids_to_exclude_are_one_block_to_copy() -> None:
    found = judged("premium-ssd-v2")
    ids = [disk.id or "" for disk in found.verdicts[1].exclude_disks]
    assert len(ids) == 2
    assert f'aria-label="Ids to exclude for crash consistency">{chr(10).join(ids)}</pre>' in (
        explained(found)
    )


def test_a_disk_without_an_id_is_not_excluded_by_its_name() -> None:
    records = sample_vm("sql-with-ultra-data-disk")[:1]
    del records[0]["properties"]["storageProfile"]["dataDisks"][0]["managedDisk"]["id"]
    text = Page(explained(assess(read_inventory(records)))).text
    assert "No record shows the id of these disks, and a name alone is not safe: sql-01-log" in text


def test_problems_and_remarks_are_told_with_their_place() -> None:
    found = judged("with-an-error-answer")
    rows = cells(report.assessment(found), "Problems")
    assert rows[0][:2] == ["value 1", "/1 "]
    assert "AuthorizationFailed" in rows[0][2]
    assert report.problems([], []) == ""


def test_a_long_list_says_how_many_more_there_are() -> None:
    verdicts = [
        verdict
        for number in range(SHOWN_VMS + 3)
        for verdict in assess(read_inventory(renamed(f"vm-{number}"))).verdicts
    ]
    page = Page(report.verdict_table(verdicts))
    assert "… and 3 more VMs." in page.text
    assert "vm-99" in page.texts
    assert "vm-100" not in page.texts


def renamed(name: str) -> list[dict[str, Any]]:
    record = sample_vm("vm-record-only")[0]
    return [{**record, "name": name, "id": record["id"] + name}]


def test_one_mode_alone_has_one_column() -> None:
    found = judged("plain-linux", modes=["crash"])
    text = Page(report.verdict_table(found.verdicts)).text
    assert "Crash consistency" in text
    assert "Application consistency" not in text
    assert "Application consistency" not in Page(explained(found)).text


def test_no_vm_is_said() -> None:
    assert "No VM" in Page(report.assessment(assess(read_inventory()))).text


def test_a_cell_of_nothing_is_empty_so_that_it_needs_no_header_where_it_is_narrow() -> None:
    found = judged("plain-linux")
    html = report.encryption(encryption_of(found, found.inventory.vms[0]))
    assert "<td></td>" in html
    assert "<ul></ul>" not in html


@pytest.mark.parametrize("name", sample_names())
def test_what_a_verdict_refers_to_is_named_and_stands_on_its_page(name: str) -> None:
    for options in ({}, {"strict": True}):
        html = explained(judged(name, **options))
        (cards, _, rest) = html.partition('role="heading" aria-level="3"')
        for named in re.findall(r"see &quot;(.+?)&quot;", cards):
            assert f"<strong>{named}</strong>" in rest
        assert " below" not in cards


# --- plans -----------------------------------------------------------------------------------


def planned(name: str) -> tuple[Plan, Page]:
    found = plan(judged(name), target_region="northeurope")
    return found, Page(report.plan(found))


@pytest.mark.parametrize("name", sample_names())
def test_a_plan_tells_each_step_with_its_rows(name: str) -> None:
    found, page = planned(name)
    (vm,) = found.vms
    for line in vm.comparison.lines:
        assert line.meaning in page.texts
        assert set(line.rows) <= set(page.texts)
    for step in vm.steps:
        assert {step.id, *step.rows} <= set(page.texts)
        assert step.advice in page.text
        assert step.blocked in page.text
    for lost in vm.not_saved:
        assert {lost.what, lost.why, *lost.rows} <= set(page.texts)
    for way in vm.what_if:
        for change in way.changes:
            assert {change.id, change.title, *change.rows} <= set(page.texts)
            assert change.side_effect in page.text


def test_a_plan_shows_what_to_paste_and_nothing_that_deletes() -> None:
    found, page = planned("sql-with-ultra-data-disk")
    for command in found.commands("azure_cli", phases=SAFE_PHASES):
        assert command.text in page.text
    assert "▶ recommended" in page.text
    assert " delete" not in " ".join(text for text in page.texts if text.startswith("az "))


def test_commands_ask_for_the_api_version_that_the_tables_of_the_plan_know(tmp_path: Path) -> None:
    newer = [
        {"like": like, "id": f"{like[:-10]}2098-01-01", "version": "api-2098-01-01"}
        for like in ("compute-2025-04-01", "disk-2025-01-02")
    ]
    matrix = load_matrix(write_overlay(tmp_path / "own", {"api_versions": newer}))
    found = assess(read_inventory(sample_vm("plain-linux")), matrix)
    (vm,) = found.inventory.vms
    made = plan(found, target_region="northeurope", client="rest")
    asked = copy_of(found, vm, target_region="northeurope", client="rest")
    steps = made.vms[0].steps
    for shown in (
        report.plan(made),
        report.copy(asked, steps, matrix=matrix),
        report.encryption(encryption_of(found, vm), steps, matrix=matrix),
    ):
        assert "api-version=2098-01-01" in Page(shown).text


def test_plans_for_several_vms_are_folded_below_one_table() -> None:
    names = ("plain-linux", "sql-with-ultra-data-disk", "confidential")
    records = [record for name in names for record in sample_vm(name)]
    found = plan(assess(read_inventory(records)), target_region="northeurope")
    html = report.plan(found)
    rows = cells(html, "Plans")
    assert [row[0] for row in rows] == ["web-01", "sql-01", "vault-01"]
    assert rows[2][1:3] == ["none yet", "✕ not supported"]
    assert rows[0][4] == "✓ supported, with a caveat"
    assert html.count("<p><strong>Application consistency</strong>") == 3
    many = plan(assess(read_inventory([one for n in range(23) for one in renamed(f"vm-{n}")])))
    page = Page(report.plan(many))
    assert "Plans for 23 VMs" in page.text
    assert "… and 3 more plans" in page.text
    assert report.plan(many).count("<p><strong>Crash consistency</strong>") == SHOWN_PLANS
    assert "No VM, and so no plan." in Page(report.plan(plan(assess(read_inventory())))).text


def test_results_say_in_one_line_what_they_are() -> None:
    found = judged("sql-with-ultra-data-disk")
    for result, line in (
        (
            found,
            "Assessment(VMs: 1, problems: 0, VerdictTable(1 supported, 1 exclude_disks), "
            "matrix: seed)",
        ),
        (found.verdicts, "VerdictTable(1 supported, 1 exclude_disks)"),
        (
            found.explain("sql-01"),
            "Explanation('sql-01'; application: supported, crash: exclude_disks)",
        ),
        (
            plan(found, target_region="northeurope"),
            "Plan(1 application; copies to northeurope; azure_cli)",
        ),
    ):
        assert repr(result) == line


def test_a_plan_for_nobody_says_that_no_mode_is_sure() -> None:
    _, page = planned("confidential")
    assert "Neither mode is possible." in page.text


def test_a_plan_tells_who_else_has_to_be_saved() -> None:
    found, page = planned("flexible-scale-set-member")
    (group,) = found.groups
    assert group.id in page.texts
    assert "The input does not list all members." in page.text


# --- rows of the matrix ----------------------------------------------------------------------


@pytest.mark.parametrize("table", CITABLE_TABLES)
def test_the_table_of_rows_shows_each_with_its_rulings(matrix: Matrix, table: str) -> None:
    page = Page(report.matrix_table(matrix, table))
    for row in matrix.table(table):
        assert {row.id, row_title(matrix, row.id)} <= set(page.texts)
        assert set(matrix.rulings(row.id)) <= set(page.texts)


TOLD_IN_WORDS = {"application", "crash", "fact_id", "operator", "comparator"}


@pytest.mark.parametrize("table", CITABLE_TABLES)
def test_the_card_of_a_row_tells_all_of_it(matrix: Matrix, table: str) -> None:
    for row in matrix.table(table):
        text = Page(report.row_card(matrix, row.id)).text
        for name, value in row.items():
            if name in ("statement_id", "repeats", *TOLD_IN_WORDS):
                continue
            told = value.replace("|", ", ").replace("_", " ")
            if name == "unit":
                told = amount(row["value"], value)
            assert told in text.replace("_", " "), (row.id, name)
        for ruling in matrix.rulings(row.id):
            assert matrix.row(ruling, "rulings")["reading_b"] in text
        if row.get("statement_id"):
            assert matrix.citation(row.id).subject in text


def test_conditions_are_told_in_words(matrix: Matrix) -> None:
    assert conditions(matrix, "ultra-disk") == (("Disk SKU is UltraSSD_LRS",),)
    assert conditions(matrix, "shared-disk") == (
        ("VMs that may attach the disk at once: more than 1",),
    )
    assert conditions(matrix, "os-linux-proxy-python") == (
        ("OS family is Linux", "Linux behind a proxy without Python 2.7 or later: yes"),
    )
    first, second = conditions(matrix, "os-esu")
    assert "Operating system is one of Windows 7, Windows Server 2008" in first[1]
    assert second[2] == "Extended security updates of the OS is reached"
    assert conditions(matrix, "lim-managed-only") == ()


def test_every_row_that_decides_says_when_it_applies(matrix: Matrix) -> None:
    with_conditions = {row["scenario_id"] for row in matrix.table("conditions")}
    operators = {row["operator"] for row in matrix.table("conditions")} - {"is", "in", "present"}
    for row_id in with_conditions:
        words = " ".join(test for tests in conditions(matrix, row_id) for test in tests)
        assert words
        assert not any(operator in words for operator in operators if "_" in operator)


def test_a_limit_is_told_with_its_unit(matrix: Matrix) -> None:
    application, crash = (matrix.row(f"min-interval-{mode}") for mode in ("app", "crash"))
    assert limit(application) == "at least 3 hours since the last one"
    assert limit(crash) == "at least 1 hour since the last one"
    assert limit(matrix.row("interval-note")) == ""


def test_a_row_leads_to_the_rows_that_name_it(matrix: Matrix) -> None:
    shared = Page(report.row_card(matrix, "shared-disk"))
    assert {"err-shared-disk", *matrix.row("err-shared-disk").members("code")} <= set(shared.texts)
    assert "enc-ade" in Page(report.row_card(matrix, "ade")).texts


def test_the_chosen_row_is_marked_for_eye_and_ear(matrix: Matrix) -> None:
    html = report.matrix_table(matrix, selected="ultra-disk")
    marked = [given for tag, given in Page(html).tags if given.get("aria-current")]
    assert len(marked) == 1
    assert html.count("▶") == 1


def test_an_empty_choice_says_what_to_do(matrix: Matrix) -> None:
    assert "Widen the filter" in Page(report.matrix_table(matrix, row_ids=[])).text


@pytest.mark.parametrize("call", [report.row_card, report.matrix_table])
def test_an_unknown_row_or_table_is_refused(
    matrix: Matrix, call: Callable[[Matrix, str], str]
) -> None:
    with pytest.raises(KeyError, match="nothing-like-it"):
        call(matrix, "nothing-like-it")


# --- readable by everybody -------------------------------------------------------------------


def test_every_outcome_has_a_symbol_and_a_word(matrix: Matrix) -> None:
    outcomes = {row[mode] for row in matrix.table("scenarios") for mode in ("application", "crash")}
    verdicts = {"supported", "exclude_disks", "not_supported", "unknown"}
    words = {name: word(name) for name in outcomes | verdicts}
    assert all(len(word) > 3 and not word.startswith("·") for word in words.values())
    assert len(set(words.values())) == len(words)


def test_tables_tell_their_headers_and_scroll_by_themselves(pages: list[Page]) -> None:
    for page in pages:
        headers = [given for tag, given in page.tags if tag == "th"]
        assert all(given.get("scope") in ("row", "col") for given in headers)
        tables = sum(tag == "table" for tag, _ in page.tags)
        regions = [given for _, given in page.tags if given.get("role") == "region"]
        assert len(regions) == tables
        assert all(given["aria-label"] and given["tabindex"] == "0" for given in regions)


def test_an_error_speaks_up() -> None:
    assert ("div", {"class": "rpm-error", "role": "alert"}) in Page(report.error("no")).tags


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *(("ink", "page"), ("ink", "pane"), ("soft", "page"), ("soft", "pane"), ("ink", "open-pane")),
    *((name, f"{name}-pane") for name in ("yes", "part", "no", "open")),
]


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(text: str, ground: str, theme: int) -> None:
    sheet = STYLE_SHEET.read_text(encoding="utf-8")
    found = re.findall(r"--rpm-([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", sheet)
    tokens = {name: themes for name, *themes in found}
    assert contrast(tokens[text][theme], tokens[ground][theme]) >= 4.5
