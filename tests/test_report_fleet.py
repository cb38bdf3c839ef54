"""A fleet as a page: every number is that of the fleet, and the page stays short and harmless."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest
from cases import MATRIX
from hypothesis import given
from hypothesis import strategies as st

from rpmatrix.common.words import badge_of
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.fleet.result import assess_frames
from rpmatrix.fleet.rollups import FleetResult
from rpmatrix.fleet.summary import Summary
from rpmatrix.inventory.records import Problem
from rpmatrix.matrix.matrix import MODES
from rpmatrix.view import report_fleet
from rpmatrix.view.report_fleet import SHOWN_PLACES, SHOWN_ROWS, fleet, fleet_document

HOSTILE = "<script>alert(1)</script>\u202e\"'&"
SECTIONS = {
    "what_first": "What to do first",
    "reasons": "What rules restore points out",
    "by_region": "By region",
    "by_subscription": "By subscription",
    "sets": "Sets of VMs: all members or none",
    "limits": "Limits of a subscription and region",
    "assumptions": "Assumptions (please confirm)",
    "caveats": "Caveats",
    "duplicates": "VMs that appear more than once",
    "notes": "Remarks on the input",
    "problems": "Not understood",
}


# --------------------------------------------------------------------------- fleets


def outcome(
    mode: str,
    verdict: str,
    reasons: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    exclusions: tuple[str, ...] = (),
    *,
    floor: str = "",
) -> tuple[Any, ...]:
    return mode, verdict, floor or verdict, verdict, reasons, missing, exclusions


def some_fleet() -> FleetResult:
    """Give a fleet of a hundred VMs in which something of everything happens."""
    summary = Summary(100, 240)
    summary.outcomes = Counter(
        {
            outcome("application", "supported"): 70,
            outcome("application", "not_supported", ("confidential-vm",)): 10,
            outcome("application", "unknown", ("os-esu",), ("extended_security_updates",)): 20,
            outcome("crash", "supported"): 60,
            outcome("crash", "exclude_disks", ("ultra-disk",), (), ("ultra-disk",)): 25,
            outcome("crash", "not_supported", ("confidential-vm",)): 10,
            outcome("crash", "unknown", ("ultra-disk",), ("disk_sku",), floor="exclude_disks"): 5,
        }
    )
    summary.places = Counter(
        {
            ("sub-1", "westeurope", "application", "supported"): 70,
            ("sub-1", "westeurope", "application", "unknown"): 10,
            ("sub-2", "", "application", "not_supported"): 10,
            ("sub-2", "", "application", "unknown"): 10,
            ("sub-1", "westeurope", "crash", "supported"): 60,
            ("sub-1", "westeurope", "crash", "exclude_disks"): 20,
            ("sub-2", "", "crash", "exclude_disks"): 5,
            ("sub-2", "", "crash", "not_supported"): 10,
            ("sub-2", "", "crash", "unknown"): 5,
        }
    )
    summary.exclusions = Counter({("crash", "ultra-disk"): 31})
    summary.caveats = Counter({(mode, "temp-disk"): 12 for mode in MODES})
    summary.assumptions = Counter({("application", "os_architecture"): 44})
    torn, whole = f"{SET}/torn", f"{SET}/whole"
    summary.groups = {
        ("availability_set", torn): members(
            application={"supported": 2, "not_supported": 1}, crash={"not_supported": 3}
        ),
        ("scale_set", whole): members(application={"supported": 4}, crash={"exclude_disks": 4}),
    }
    barred = (f"{SET}/../virtualmachines/vm-barred", "not_supported", ("confidential-vm",))
    summary.in_the_way["availability_set", torn, "application"] = (barred,)
    summary.listed[torn] = tuple(f"/subscriptions/sub-1/vm-{number}" for number in range(5))
    problems = (Problem("a.json", "/0", "/id", "an id is missing"),) * 3
    return FleetResult(MATRIX, summary, problems, ("some disks name no VM",), 343)


def members(**by_mode: dict[str, int]) -> list[int]:
    """Count the members of a set by mode and verdict, as a summary does."""
    return [by_mode.get(mode, {}).get(verdict, 0) for mode in MODES for verdict in VERDICTS]


SET = "/subscriptions/sub-1/resourcegroups/rg-1/providers/microsoft.compute/availabilitysets"


def doubled_fleet(vms: int = 2) -> FleetResult:
    """Give a fleet of VMs that are told of twice, the second time with another verdict."""
    names = [f"/subscriptions/sub-1/vm-{number}" for number in range(vms)]
    rows = [
        {"vm_id": name, "security_type": kind}
        for kind in ("Standard", "ConfidentialVM")
        for name in names
    ]
    return assess_frames(rows, matrix=MATRIX)


def large_fleet() -> FleetResult:
    """Give a fleet of a million VMs in very many places, sets and troubles."""
    summary = Summary(1_000_000, 2_700_000)
    scenarios = [row.id for row in MATRIX.table("scenarios")]
    facts = list(MATRIX.facts)
    for mode in MODES:
        summary.outcomes[outcome(mode, "supported")] = 400_000
        for number in range(500):
            rows = (scenarios[number % len(scenarios)], scenarios[number * 7 % len(scenarios)])
            missing = (facts[number % len(facts)],)
            summary.outcomes[outcome(mode, "unknown", rows, missing, rows)] += 1_000
        summary.outcomes[outcome(mode, "not_supported", ("confidential-vm",))] = 100_000
        for number in range(2_000):
            place = f"sub-{number % 400:04}", f"region{number % 50:02}"
            summary.places[*place, mode, VERDICTS[number % 4]] += 500
        for number in range(5_000):
            counts = members(**{mode: {"supported": 1 + number % 3, "not_supported": 1}})
            summary.count_members("availability_set", f"{SET}/{number}", counts)
        for row in scenarios:
            summary.caveats[mode, row] = 900
    problems = tuple(
        Problem(f"file-{number}.json", f"/{number}", "", f"cannot read {number % 90}")
        for number in range(50_000)
    )
    notes = tuple(f"remark {number}" for number in range(5_000))
    return FleetResult(MATRIX, summary, problems, notes, 3_750_000)


@pytest.fixture(scope="module")
def some() -> FleetResult:
    return some_fleet()


@pytest.fixture(scope="module")
def large() -> FleetResult:
    return large_fleet()


# --------------------------------------------------------------------------- reading a page


class _Reader(HTMLParser):
    """Reads a page as a browser does: its text, its table rows, and what does not belong there."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def counts_of(cell: str) -> dict[str, int]:
    """Read the numbers of the verdicts in a cell of a chart."""
    return {
        name: int(found[1].replace(",", ""))
        for name in VERDICTS
        if (
            found := re.search(
                rf"{re.escape(badge_of(name).symbol)} ([\d,]+) {badge_of(name).word}", cell
            )
        )
    }


def chart_of(page: str) -> dict[str, list[dict[str, int]]]:
    """Read a chart of verdicts: the numbers of each row, mode by mode."""
    return {
        row[0]: [counts_of(cell) for cell in row[1:]]
        for row in read(page).rows
        if len(row) == 1 + len(MODES) and any(counts_of(cell) for cell in row[1:])
    }


# --------------------------------------------------------------------------- the numbers


def test_the_summary_tells_each_verdict_and_its_share(some: FleetResult) -> None:
    rows = [row for row in read(report_fleet.summary(some)).rows if len(row) == 3]
    told = [(row[0], row[1], row[2]) for row in rows]
    expected = []
    for mode in MODES:
        counts = some.by("mode").loc[mode]
        for name in VERDICTS:
            word = f"{badge_of(name).symbol} {badge_of(name).word}"
            expected.append((word, f"{counts[name]:,}", f"{counts[name]} %"))
    assert told == expected


def test_the_summary_tells_which_unknown_are_safe(some: FleetResult) -> None:
    assert "Of the unknown, 5 can have a restore point" in read(report_fleet.summary(some)).text


@pytest.mark.parametrize("what", ["region", "subscription"])
def test_a_chart_of_places_has_the_numbers_of_the_fleet(some: FleetResult, what: str) -> None:
    page = report_fleet.by_region(some) if what == "region" else report_fleet.by_subscription(some)
    frame = some.by(what)
    found = chart_of(page)
    for place in {place for place, _ in frame.index}:
        vms = int(frame.loc[place, MODES[0]].sum())
        expected = [
            {name: int(frame.loc[(place, mode), name]) for name in VERDICTS} for mode in MODES
        ]
        assert found[f"{place or 'not known'}{vms} VMs"] == expected


def test_the_largest_place_stands_first(some: FleetResult) -> None:
    assert [name[:9] for name in chart_of(report_fleet.by_region(some))] == [
        "westeurop",
        "not known",
    ]


@pytest.mark.parametrize("section", ["by_region", "by_subscription"])
def test_no_vm_is_lost_where_a_chart_is_cut(large: FleetResult, section: str) -> None:
    page = getattr(report_fleet, section)(large)
    rows = chart_of(page)
    assert len(rows) == SHOWN_PLACES + 1
    for place in range(len(MODES)):
        assert sum(sum(cells[place].values()) for cells in rows.values()) == 1_000_000
    assert "result.by(" in read(page).text


def test_the_parts_of_a_bar_are_as_wide_as_its_numbers_say(some: FleetResult) -> None:
    page = report_fleet.by_region(some)
    bars = re.findall(r'<div class="rpm-stack" aria-hidden="true">(.*?)</div>', page)
    widths = [[int(one) for one in re.findall(r"flex-grow: (\d+)", bar)] for bar in bars]
    numbers = [
        [count for count in counts.values() if count]
        for cells in chart_of(page).values()
        for counts in cells
    ]
    assert widths == numbers


def test_what_first_tells_what_helps_alone_and_with_others(some: FleetResult) -> None:
    told = {row[0]: row for row in read(report_fleet.what_first(some)).rows}
    ((about, row),) = [(name, row) for name, row in told.items() if "ultra-disk" in name]
    assert about.startswith("Leave out: ")
    assert MATRIX.row("ultra-disk")["remedy"] in about
    assert "● 25 by this alone○ 0 with other things" in row[2]
    assert "31 disks to leave out" in row[2]
    assert any(name.startswith("Find out: ") and "disk_sku" in name for name in told)


def test_reasons_are_those_that_stand_in_the_way(some: FleetResult) -> None:
    found = chart_of(report_fleet.reasons(some))
    of_row = {name.split()[-1]: cells for name, cells in found.items()}
    assert of_row["confidential-vm"] == [
        {"exclude_disks": 0, "not_supported": 10, "unknown": 0} for _ in MODES
    ]
    assert of_row["ultra-disk"][1] == {"exclude_disks": 25, "not_supported": 0, "unknown": 5}


def test_sets_that_are_protected_in_part_are_named_with_what_is_in_the_way(
    some: FleetResult,
) -> None:
    text = read(report_fleet.sets(some)).text
    assert "Availability sets" in text
    assert "✓ 1 all members" in text
    assert "◐ 1 some members" in text
    assert "torn" in text
    assert "5 of 5 members not in the input" in text
    assert f"In the way: vm-barred ({MATRIX.row('confidential-vm')['title']})" in text
    assert "whole" not in text.partition("Sets that are protected in part")[2]


def test_a_vm_that_is_told_of_twice_is_named_with_its_verdicts() -> None:
    reader = read(report_fleet.duplicates(doubled_fleet()))
    (row,) = [row for row in reader.rows[1:] if row[0].endswith("vm-1")]
    assert row[1:] == ["? unknown ✕ not supportedgo by ✕ not supported"] * len(MODES)
    many = read(report_fleet.duplicates(doubled_fleet(50))).text
    assert f"… and {50 - SHOWN_ROWS} more VMs; all of them: result.duplicates()" in many


def test_limits_tell_what_is_needed_where(some: FleetResult, large: FleetResult) -> None:
    assert "all of 2 subscriptions and regions" in read(report_fleet.limits(some)).text
    bound = int(MATRIX.row("lim-rpc-per-region", "limits")["value"])
    crowded = Summary(bound + 1, 0)
    crowded.places["sub-1", "uksouth", "crash", "supported"] = bound + 1
    crowded.places["sub-1", "eastus", "crash", "supported"] = bound
    page = report_fleet.limits(FleetResult(MATRIX, crowded))
    assert "1 of 2 subscriptions and regions" in read(page).text
    row = next(row for row in read(page).rows if f"{bound + 1:,}" in row)
    assert row[1] == "uksouth"
    assert "breaks a limit" in row[3]


def test_an_assumption_tells_its_question_its_answer_and_its_vms(some: FleetResult) -> None:
    fact = MATRIX.facts["os_architecture"]
    row = read(report_fleet.assumptions(some)).rows[1]
    assert fact.question in row[0]
    assert f"os_architecture={fact.assumption}" in row[0]
    assert row[1:] == ["44", "0"]


def test_problems_are_counted_by_what_is_wrong(some: FleetResult) -> None:
    row = read(report_fleet.problems(some)).rows[1]
    assert row[:2] == ["an id is missing", "3"]
    assert "a.json" in row[2]
    assert "3 records not understood" in read(report_fleet.summary(some)).text


# --------------------------------------------------------------------------- shares


@given(st.integers(1, 10**7), st.data())
def test_a_share_never_makes_few_none_or_most_all(whole: int, data: Any) -> None:
    count = data.draw(st.integers(0, whole))
    told = report_fleet._share(count, whole)
    assert (told == "0 %") == (count == 0)
    assert (told == "100 %") == (count == whole)
    if told not in ("< 1 %", "99 %"):
        assert abs(int(told.removesuffix(" %")) - 100 * count / whole) <= 0.5


# --------------------------------------------------------------------------- sections and modes


@pytest.mark.parametrize("name", list(SECTIONS))
def test_a_section_stands_alone(some: FleetResult, name: str) -> None:
    page = getattr(report_fleet, name)(doubled_fleet() if name == "duplicates" else some)
    reader = read(page)
    assert reader.text.startswith(SECTIONS[name])
    assert reader.tags["style"] == 1


@pytest.mark.parametrize("name", list(SECTIONS))
def test_a_section_with_nothing_to_say_is_empty(name: str) -> None:
    assert getattr(report_fleet, name)(FleetResult(MATRIX, Summary())) == ""


def test_a_fleet_shows_all_sections_in_order_with_one_style_sheet(some: FleetResult) -> None:
    reader = read(fleet(some))
    assert reader.tags["style"] == 1
    titles = [title for name, title in SECTIONS.items() if name != "duplicates"]
    places = [reader.text.index(title) for title in titles]
    assert places == sorted(places)
    assert some._repr_html_() == fleet(some)


@pytest.mark.parametrize("mode", MODES)
def test_one_mode_tells_nothing_of_the_other(some: FleetResult, mode: str) -> None:
    (other,) = set(MODES) - {mode}
    text = read(fleet_document(some, (mode,))).text
    assert f"{mode.capitalize()} consistency" in text
    assert f"{other.capitalize()} consistency" not in text


def test_a_fleet_without_vms_says_so() -> None:
    empty = FleetResult(MATRIX, Summary())
    assert "No VM, and so no verdict." in read(fleet(empty)).text
    assert "No VM, and so no verdict." in read(fleet_document(empty)).text


# --------------------------------------------------------------------------- the document


def goes_somewhere(page: str, address: str | None) -> bool:
    """Whether a link leads to a publication, or to a place in the document."""
    if (address or "").startswith("#"):
        return f'id="{(address or "")[1:]}"' in page
    return (address or "").startswith("https://learn.microsoft.com/") or "github.com" in str(
        address
    )


def test_a_document_stands_alone(some: FleetResult) -> None:
    page = fleet_document(some)
    reader = read(page)
    assert page.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(reader.tags)
    assert not [
        name
        for name, value in reader.attributes
        if name == "src" or name[:2] == "on" or (name == "href" and not goes_somewhere(page, value))
    ]
    assert "url(" not in page
    assert "@import" not in page


def test_a_document_tells_what_it_rests_on(some: FleetResult) -> None:
    page = fleet_document(
        some, inputs={"vms.json": "12 bytes"}, options={"Answers": "nfs_mounts=no"}
    )
    told = {tuple(row) for row in read(page).rows if len(row) == 2}
    assert ("Matrix", MATRIX.digest) in told
    assert ("Layers", "seed") in told
    assert ("Input", "vms.json 12 bytes") in told
    assert ("Answers", "nfs_mounts=no") in told
    assert ("Records", "343") in told
    assert ("Answers for the day", MATRIX.as_of.isoformat()) in told
    assert any(name == "Package" and value.startswith("rpmatrix ") for name, value in told)


def test_the_same_fleet_gives_the_same_page() -> None:
    assert fleet_document(some_fleet()) == fleet_document(some_fleet())


def test_whatever_an_input_holds_stays_text() -> None:
    summary = Summary(2, 0)
    summary.outcomes[outcome("crash", "not_supported", ("confidential-vm",))] = 2
    summary.places[HOSTILE, HOSTILE, "crash", "not_supported"] = 1
    counts = members(crash={"supported": 1, "not_supported": 1})
    summary.count_members("scale_set", f"{HOSTILE}/{HOSTILE}", counts)
    problems = (Problem(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)
    result = FleetResult(MATRIX, summary, problems, (HOSTILE,), 2)
    page = fleet_document(result, inputs={HOSTILE: HOSTILE}, options={HOSTILE: HOSTILE})
    reader = read(page)
    assert reader.tags["script"] == 0
    assert "\u202e" not in page
    assert reader.text.count("<script>alert(1)</script>") >= 10


# --------------------------------------------------------------------------- a million VMs


def test_a_page_of_a_million_vms_is_short_and_says_what_it_leaves_out(large: FleetResult) -> None:
    page = fleet_document(large)
    assert len(page) < 300_000
    text = read(page).text
    sets = large.groups()
    torn = sets[sets["protected"] == "some"]["group_id"].nunique()
    assert f"… and {torn - SHOWN_ROWS:,} more such sets; all of them: result.groups()" in text
    assert f"… and {5_000 - SHOWN_ROWS:,} more remarks" in text
    assert f"… and {90 - SHOWN_ROWS} more kinds of problems; all of them: result.problems" in text
    assert "380 other subscriptions" in text


def test_many_inputs_are_counted(some: FleetResult) -> None:
    page = fleet_document(some, inputs={f"{number}.json": "1 byte" for number in range(1_000)})
    assert f"… and {1_000 - SHOWN_PLACES} more files" in read(page).text
