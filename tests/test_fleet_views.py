"""The table of a fleet: filters, orders, pages and files, the same from lists and from arrays."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix.eligibility.assessment import VERDICTS, Assessment
from rpmatrix.fleet.result import assess_files, assess_frames
from rpmatrix.fleet.rollups import FleetResult
from rpmatrix.fleet.samples import sample_fleet
from rpmatrix.fleet.summary import FleetError
from rpmatrix.matrix.matrix import MODES
from rpmatrix.view.fleet_views import (
    COLUMNS,
    FORMS,
    PAGE_SIZE,
    SORTS,
    UNTOLD,
    WORST_FIRST,
    Selection,
    VmFilter,
    VmRow,
    VmTable,
    result_of,
    summary_of,
    table_of_assessment,
    table_of_result,
    verdict_file,
    vm_card,
    vm_page,
)

VMS = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    fleet = list(sample_fleet(VMS, seed=3))
    (folder / "vms.json").write_text(json.dumps([vm for vm, _ in fleet]))
    disks = [one for _, disks in fleet for one in disks]
    loose = {"managedBy": None, "id": f"{disks[0]['id']}-loose", "name": "loose"}
    twice = {**fleet[0][0], "tags": {"told": "twice"}}
    members = [vm["id"] for vm, _ in fleet if vm.get("availabilitySet")][:2]
    held = fleet_set(next(vm for vm, _ in fleet if vm.get("availabilitySet")), members)
    (folder / "disks.json").write_text(json.dumps([*disks, {**disks[0], **loose}, twice, held]))
    return folder


def fleet_set(vm: dict[str, Any], members: list[str]) -> dict[str, Any]:
    """Make the record of the set of a VM: it lists members of which some were not given."""
    return {
        "id": vm["availabilitySet"]["id"],
        "name": "set",
        "type": "Microsoft.Compute/availabilitySets",
        "virtualMachines": [{"id": one} for one in (*members, f"{members[0]}-lost")],
    }


@pytest.fixture(scope="module")
def assessment(folder: Path) -> Assessment:
    return rp.assess(rp.read_inventory(str(folder)))


@pytest.fixture(scope="module")
def result(folder: Path) -> FleetResult:
    return assess_files(folder)


@pytest.fixture(scope="module")
def of_lists(assessment: Assessment) -> VmTable:
    return table_of_assessment(assessment)


@pytest.fixture(scope="module")
def of_arrays(result: FleetResult) -> VmTable:
    return table_of_result(result)


@pytest.fixture(params=["of_lists", "of_arrays"])
def table(request: pytest.FixtureRequest) -> VmTable:
    made: VmTable = request.getfixturevalue(request.param)
    return made


# --- filters ---------------------------------------------------------------------------------


def fits(row: VmRow, wanted: VmFilter) -> bool:
    """Say the same as the table, one VM at a time."""
    if wanted.region and row.region != wanted.region:
        return False
    if wanted.subscription and row.subscription != wanted.subscription:
        return False
    if any(word.lower() not in row.id.lower() for word in wanted.words.split()):
        return False
    return any(
        wanted.verdict in ("", one.verdict)
        and (
            not wanted.because
            or wanted.because in one.reasons
            or wanted.because in [question.fact_id for question in one.missing]
        )
        for one in row.verdicts
        if wanted.mode in ("", one.mode)
    )


FILTERS = st.builds(
    VmFilter,
    mode=st.sampled_from(("", *MODES)),
    verdict=st.sampled_from(("", *VERDICTS)),
    because=st.sampled_from(
        ("", "ultra-disk", "os-esu", "operating_system", "no-disk-left", "sse-pmk", "nothing")
    ),
    region=st.sampled_from(("", "westeurope", "uksouth", "nowhere")),
    words=st.sampled_from(("", "SQL", "-prd- westeurope", "rg-billing", "no such")),
)


@settings(max_examples=60, deadline=None)
@given(wanted=FILTERS, sort=st.sampled_from(tuple(SORTS)))
def test_lists_and_arrays_and_a_look_at_each_vm_agree(
    of_lists: VmTable, of_arrays: VmTable, wanted: VmFilter, sort: str
) -> None:
    found = of_lists.select(wanted, sort)
    ids = [row.id for row in found.rows()]
    assert ids == [row.id for row in of_arrays.select(wanted, sort).rows()]
    everything = of_lists.select(VmFilter(), "input").rows()
    assert set(ids) == {row.id for row in everything if fits(row, wanted)}
    assert len(ids) == len(found)


@pytest.mark.parametrize(
    "wanted",
    [
        VmFilter(),
        VmFilter(verdict="unknown"),
        VmFilter(mode="crash", verdict="exclude_disks"),
        VmFilter(words="no such"),
    ],
)
def test_lists_and_arrays_show_the_same_page(
    of_lists: VmTable, of_arrays: VmTable, wanted: VmFilter
) -> None:
    shown = [vm_page(one.select(wanted, "verdict"), 1) for one in (of_lists, of_arrays)]
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("wanted", "sort", "told"),
    [
        (VmFilter(mode="both"), "input", "mode may be '', 'application', 'crash', not 'both'"),
        (VmFilter(verdict="fine"), "input", "verdict may be .*, not 'fine'"),
        (VmFilter(), "size", "sort may be 'verdict', .*, not 'size'"),
    ],
)
def test_what_is_not_there_is_told(table: VmTable, wanted: VmFilter, sort: str, told: str) -> None:
    with pytest.raises(LookupError, match=told):
        table.select(wanted, sort)


def test_a_mode_of_a_filter_holds_for_verdict_and_reason_together(table: VmTable) -> None:
    # Open in one mode because of a fact that the other one, in which it is supported, does not ask.
    fact = "extended_security_updates"
    assert len(table.select(VmFilter(verdict="unknown", because=fact))) > 0
    assert len(table.select(VmFilter(verdict="supported", because=fact))) == 0


def test_reasons_to_choose_are_those_that_stand_in_the_way(
    table: VmTable, assessment: Assessment
) -> None:
    expected: Counter[str] = Counter()
    for one in assessment.verdicts:
        if one.verdict != "supported":
            expected.update(dict.fromkeys([*one.reasons, *(q.fact_id for q in one.missing)], 1))
    assert dict(table.causes) == dict(expected)
    assert list(table.causes.values()) == sorted(expected.values(), reverse=True)


# --- orders and pages ------------------------------------------------------------------------


def worst(row: VmRow, mode: str = "") -> int:
    return min(WORST_FIRST.index(one.verdict) for one in row.verdicts if mode in ("", one.mode))


ORDERS: list[tuple[str, Callable[[VmRow], Any]]] = [
    ("verdict", worst),
    ("name", lambda row: row.name),
    ("region", lambda row: row.region),
    ("subscription", lambda row: row.subscription),
    ("input", lambda row: 0),
]


@pytest.mark.parametrize(("sort", "key"), ORDERS)
def test_an_order_keeps_what_is_alike_as_in_the_input(
    table: VmTable, sort: str, key: Callable[[VmRow], Any]
) -> None:
    rows = list(table.select(VmFilter(), "input").rows())
    assert [row.id for row in table.select(VmFilter(), sort).rows()] == [
        row.id for row in sorted(rows, key=key)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_the_worst_of_one_mode_come_first(table: VmTable, mode: str) -> None:
    rows = list(table.select(VmFilter(mode=mode), "verdict").rows())
    assert [worst(row, mode) for row in rows] == sorted(worst(row, mode) for row in rows)


def test_pages_hold_each_vm_once(table: VmTable) -> None:
    found = table.select(VmFilter(), "name")
    pages = [found.page(number) for number in range(1, found.pages + 1)]
    assert [len(page) for page in pages] == [PAGE_SIZE] * 4 + [VMS - 4 * PAGE_SIZE]
    assert len({row.id for page in pages for row in page}) == VMS
    assert found.page(found.pages + 1) == ()
    assert table.select(VmFilter(words="no such")).pages == 1


def test_counts_add_up(table: VmTable, assessment: Assessment) -> None:
    found = table.select(VmFilter())
    for mode in MODES:
        counted = Counter(one.verdict for one in assessment.verdicts if one.mode == mode)
        assert {name: n for name, n in found.counts(mode).items() if n} == dict(counted)
    assert sum(table.regions.values()) == sum(table.subscriptions.values()) == table.vms == VMS
    for region, count in table.regions.items():
        assert len(table.select(VmFilter(region=region))) == count
    for because in table.causes:
        assert len(table.select(VmFilter(because=because))) > 0


def test_a_vm_is_found_by_its_id_and_by_its_name(table: VmTable) -> None:
    row = table.select(VmFilter(), "name").page(2)[3]
    assert table.row_of(row.id.upper()) == row
    assert table.row_of(row.name) == row
    assert table.row_of(row.name[:-1]) is None
    assert table.row_of("%") is None


# --- fleets of tables ------------------------------------------------------------------------


FACTS = {
    "vm_id": ["a", "b_1", "bx1", "B%"],
    "name": ["web", "web", "sql", "job"],
    "location": ["West Europe", "westeurope", None, "uksouth"],
    "os_family": ["linux", "windows", "linux", "linux"],
}


@pytest.fixture(scope="module")
def of_facts() -> VmTable:
    return table_of_result(assess_frames(FACTS))


def test_places_are_one_however_they_are_written(of_facts: VmTable) -> None:
    assert of_facts.regions == {"westeurope": 2, "": 1, "uksouth": 1}
    assert [row.id for row in of_facts.select(VmFilter(region=UNTOLD)).rows()] == ["bx1"]
    assert len(of_facts.select(VmFilter(subscription=UNTOLD))) == 4


@pytest.mark.parametrize(
    ("vm", "found"), [("B_1", "b_1"), ("b%", "B%"), ("web", None), ("sql", "bx1"), ("", None)]
)
def test_marks_in_an_id_mean_themselves(of_facts: VmTable, vm: str, found: str | None) -> None:
    row = of_facts.row_of(vm)
    assert (row.id if row else None) == found


def test_words_are_looked_for_in_names_too(of_facts: VmTable) -> None:
    assert [row.id for row in of_facts.select(VmFilter(words="WEB")).rows()] == ["a", "b_1"]
    assert [row.id for row in of_facts.select(VmFilter(words="%")).rows()] == ["B%"]


def test_a_vm_without_records_is_shown_with_the_rows_that_decide(of_facts: VmTable) -> None:
    row = of_facts.row_of("a")
    assert row is not None
    shown = vm_card(row, rp.load_matrix())
    assert "There is no record of this VM" in shown
    for one in row.verdicts:
        assert all(f"<code>{reason}</code>" in shown for reason in one.reasons)


def test_no_vm_is_a_table_too() -> None:
    for table in (
        table_of_assessment(rp.assess(rp.read_inventory())),
        table_of_result(assess_frames({"vm_id": []})),
    ):
        assert table.vms == 0
        assert len(table.select(VmFilter(verdict="unknown"), "verdict")) == 0
        assert table.regions == table.causes == {}
        assert "0 VMs" in vm_page(table.select(VmFilter()))


# --- counting --------------------------------------------------------------------------------


COUNTED = (
    *("vms", "disks", "outcomes", "places", "caveats", "assumptions", "exclusions", "groups"),
    *("in_the_way", "listed", "disks_without_vm", "repeated_records", "files"),
)


@pytest.mark.parametrize("name", COUNTED)
def test_vms_judged_one_by_one_add_up_like_a_fleet(
    name: str, assessment: Assessment, result: FleetResult
) -> None:
    counted, expected = getattr(summary_of(assessment), name), getattr(result.summary, name)
    assert counted == expected
    assert counted


TABLES = (
    *("what_first", "reasons", "caveats", "assumptions", "groups", "limits"),
    *("members_in_the_way", "missing_members"),
)


def test_what_they_add_up_to_is_told_alike(assessment: Assessment, result: FleetResult) -> None:
    made = result_of(assessment)
    assert sorted(made.notes) == sorted(result.notes)
    for what in TABLES:
        assert made.rows(what) == result.rows(what)
    assert (made.records, made.counts) == (result.records, result.counts)
    assert made.verdicts().astype(str).equals(result.verdicts().astype(str))
    vm = assessment.inventory.vms[3]
    assert made.inventory_of(vm.id.upper()).vms == (vm,)
    with pytest.raises(FleetError, match="their assessment has the findings"):
        made.findings()


# --- files -----------------------------------------------------------------------------------


def read(content: bytes, form: str) -> list[list[str]]:
    if form == "csv":
        return list(csv.reader(io.StringIO(content.decode())))
    if form == "parquet":
        table = pq.read_table(io.BytesIO(content))
        return [table.column_names, *map(list, zip(*table.to_pydict().values(), strict=True))]
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [[cell or "" for cell in row] for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["", "crash"])
def test_a_file_holds_the_verdicts_of_the_selection(
    table: VmTable, assessment: Assessment, form: str, mode: str
) -> None:
    found = table.select(VmFilter(mode=mode, verdict="exclude_disks"), "name")
    head, *rows = read(verdict_file(found, form), form)
    assert tuple(head) == COLUMNS
    assert [row[:4] for row in rows] == [
        [vm.id, vm.name, one.mode, one.verdict]
        for vm in found.rows()
        for one in vm.verdicts
        if mode in ("", one.mode)
    ]
    frame = assessment.verdicts.frame().set_index(["vm_id", "mode"])
    for row in rows:
        told = dict(zip(head, row, strict=True))
        expected = frame.loc[(told["vm_id"], told["mode"])]
        assert {name: told[name] for name in expected.index} == {**expected.astype(str)}


def test_a_file_holds_no_formula() -> None:
    frame = {"vm_id": ["=1+1"], "name": ["@evil"]}
    found = table_of_result(assess_frames(frame)).select(VmFilter())
    _, row, _ = read(verdict_file(found, "csv"), "csv")
    assert row[:2] == ["'=1+1", "'@evil"]
    book = openpyxl.load_workbook(io.BytesIO(verdict_file(found, "xlsx")))
    assert book.worksheets[0]["A2"].data_type == "s"


def test_an_unknown_form_is_told(table: VmTable) -> None:
    with pytest.raises(LookupError, match="form may be 'csv', 'xlsx', 'parquet', not 'pdf'"):
        verdict_file(table.select(VmFilter()), "pdf")


def test_a_page_escapes_what_it_shows() -> None:
    frame = {"vm_id": ["<b>1"], "name": ["<script>"], "location": ["<i>"]}
    found: Selection = table_of_result(assess_frames(frame)).select(VmFilter())
    shown = vm_page(found)
    assert "<script>" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;" in shown
