"""What a fleet adds up to: sets as a whole, limits, what stands twice, and what may be missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import azure
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from azure import Body, disk_id, resource_id, vm_id
from cases import CLEAN, MATRIX, facts_of_grain
from hypothesis import given
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix.fleet.parts import hashes_of
from rpmatrix.fleet.result import assess_dask, assess_files, assess_frames
from rpmatrix.fleet.rollups import FleetResult
from rpmatrix.fleet.summary import NAMED, Summary
from rpmatrix.fleet.tables import judging as fact_judging
from rpmatrix.inventory.inventory import listed_members, vm_groups
from rpmatrix.matrix.matrix import MODES

SET = resource_id("Microsoft.Compute/availabilitySets", "as-quay")
FLEX = resource_id("Microsoft.Compute/virtualMachineScaleSets", "flex-quay")
ELIGIBLE = ("supported", "exclude_disks")


# --------------------------------------------------------------------------- fleets


def clean_vm(name: str, **changes: Any) -> Body:
    """A VM in both of whose modes nothing stands against a restore point, or what is changed."""
    return azure.vm(name, **changes)


def availability_set(*members: str) -> Body:
    listed = [{"id": vm_id(name)} for name in members]
    return {
        "id": SET,
        "name": "as-quay",
        "type": "Microsoft.Compute/availabilitySets",
        "location": azure.REGION,
        "properties": {"virtualMachines": listed},
    }


def in_set(group: str) -> dict[str, Any]:
    of_scale = "ScaleSets" in group
    return {"virtualMachineScaleSet" if of_scale else "availabilitySet": {"id": group}}


CONFIDENTIAL = {"securityProfile": {"securityType": "ConfidentialVM"}}
QUAY: list[Body] = [
    clean_vm("vm-1", **in_set(SET)),
    clean_vm("vm-2", **in_set(SET.upper()), **CONFIDENTIAL),
    clean_vm("vm-3", **in_set(FLEX)),
    clean_vm("vm-4", **in_set(FLEX)),
    clean_vm("vm-5"),
]
RECORDS = [*QUAY, availability_set("vm-1", "VM-2", "vm-gone"), azure.disk("disk-alone")]


def written(records: Sequence[Body], folder: Path, name: str = "all.json") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(records))
    return path


def facts_of(rows: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give tables of facts of clean VMs, each with an OS disk, and what is said otherwise."""
    clean = {name: CLEAN.get(name) for name in facts_of_grain("vm")}
    vms = pd.DataFrame([{**clean, "location": "westeurope", **row} for row in rows])
    of_disk = {name: CLEAN.get(name) for name in facts_of_grain("disk")}
    disks = [{"vm_id": one, "role": "os", **of_disk} for one in dict.fromkeys(vms["vm_id"])]
    return vms, pd.DataFrame(disks)


def fleet_of(rows: Sequence[Mapping[str, Any]]) -> FleetResult:
    return assess_frames(*facts_of(rows), MATRIX)


# --------------------------------------------------------------------------- sets


def test_sets_add_up_to_what_the_ordinary_reader_finds(tmp_path: Path) -> None:
    path = written(RECORDS, tmp_path)
    result, inventory = assess_files(path), rp.read_inventory(path)
    verdicts = {(one.vm_id, one.mode): one for one in rp.assess(inventory).verdicts}
    expected = {}
    for (_, group), members in vm_groups(inventory).items():
        listed = listed_members(inventory, group)
        known = {vm.key for vm in members}
        missing = [one for one in listed or () if one.lower() not in known]
        for mode in MODES:
            told = [verdicts[vm.id, mode].verdict for vm in members]
            stopped = sum(one not in ELIGIBLE for one in told)
            count = None if listed is None else len(listed)
            expected[group, mode] = (len(members), stopped, count, len(missing))
    names = ["vms", "in_the_way", "listed", "missing"]
    found = {
        (row["group_id"], row["mode"]): tuple(row[name] for name in names)
        for row in result.rows("groups")
    }
    assert found == expected
    assert [row["vm_id"] for row in result.rows("missing_members")] == [vm_id("vm-gone")]
    protected = {row["group_id"]: row["protected"] for row in result.rows("groups")}
    assert protected == {SET.lower(): "some", FLEX.lower(): "all"}


def test_who_is_in_the_way_is_named_with_the_reason(tmp_path: Path) -> None:
    result = assess_files(written(RECORDS, tmp_path))
    rows = result.rows("members_in_the_way")
    assert [(row["mode"], row["vm_id"]) for row in rows] == [(m, vm_id("vm-2")) for m in MODES]
    for row in rows:
        ordinary = rp.assess(rp.read_inventory(QUAY[1])).verdicts
        reasons = next(one.reasons for one in ordinary if one.mode == row["mode"])
        assert (row["verdict"], row["why"]) == ("not_supported", " | ".join(reasons))
        assert row["titles"] == " | ".join(MATRIX.row(one)["title"] for one in reasons)


@pytest.mark.parametrize(
    ("members", "missing", "protected"),
    [
        (["vm-1"], 0, "all"),
        (["vm-1", "vm-gone"], 1, "unknown"),
    ],
)
def test_a_member_that_was_not_given_leaves_the_set_open(
    members: list[str], missing: int, protected: str, tmp_path: Path
) -> None:
    result = assess_files(written([QUAY[0], availability_set(*members)], tmp_path))
    told = result.groups()[["listed", "missing", "protected"]].drop_duplicates()
    assert told.values.tolist() == [[len(members), missing, protected]]


def test_a_set_none_of_whose_members_was_given_is_told(tmp_path: Path) -> None:
    result = assess_files(written([QUAY[4], availability_set("vm-1", "vm-2")], tmp_path))
    told = result.groups()[["kind", "vms", "listed", "missing", "protected"]].drop_duplicates()
    assert told.values.tolist() == [["availability_set", 0, 2, 2, "unknown"]]


def test_other_groups_that_list_vms_are_no_sets(tmp_path: Path) -> None:
    near = availability_set("vm-1")
    near["id"] = resource_id("Microsoft.Compute/proximityPlacementGroups", "near")
    near["type"] = "Microsoft.Compute/proximityPlacementGroups"
    assert assess_files(written([QUAY[4], near], tmp_path)).groups().empty


def test_the_first_of_many_members_are_named_whatever_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = NAMED + 15
    ids = [vm_id(f"vm-{number:03}") for number in range(count)]
    rows = [
        {"vm_id": one, "availability_set_id": SET, "security_type": "ConfidentialVM"}
        for one in ids[::-1]
    ]
    vms, disks = facts_of(rows)
    vms.to_csv(tmp_path / "vms.csv", index=False)
    disks.to_csv(tmp_path / "disks.csv", index=False)
    whole = assess_files(tmp_path)
    monkeypatch.setattr(fact_judging, "PART", 7)
    parted = assess_files(tmp_path)
    assert parted.summary == whole.summary
    named = parted.members_in_the_way()
    assert named[named["mode"] == "crash"]["vm_id"].tolist() == ids[:NAMED]
    assert set(parted.groups()["in_the_way"]) == {count}


# --------------------------------------------------------------------------- limits


@pytest.mark.parametrize("state", ["within", "exceeded"])
def test_each_subscription_and_region_is_held_against_the_limits(state: str) -> None:
    limit = next(one for one in MATRIX.table("limits") if one["scope"] == "subscription_region")
    count = int(limit["value"]) + (state == "exceeded")
    summary = Summary()
    summary.places["sub-1", "westeurope", "crash", "supported"] = count - 1
    summary.places["sub-1", "westeurope", "crash", "exclude_disks"] = 1
    summary.places["sub-1", "westeurope", "crash", "not_supported"] = 9
    summary.places["sub-1", "westeurope", "application", "supported"] = count - 5
    summary.places["sub-1", "northeurope", "crash", "supported"] = 2
    rows = FleetResult(MATRIX, summary).rows("limits")
    told = [(row["region"], row["needed"], row["state"]) for row in rows]
    assert told == [("northeurope", 2, "within"), ("westeurope", count, state)]
    assert {row["row_id"] for row in rows} == {limit.id}


# --------------------------------------------------------------------------- twice, and not at all


def test_a_vm_that_facts_tell_of_twice_is_named() -> None:
    twice = vm_id("vm-twice")
    rows = [
        {"vm_id": twice},
        {"vm_id": vm_id("vm-once")},
        {"vm_id": twice.upper(), "security_type": "ConfidentialVM"},
    ]
    found = fleet_of(rows).duplicates()
    assert set(found["vm_id"]) == {twice}
    assert found["mode"].tolist() == list(MODES)
    assert set(found["rows"]) == {2}
    crash = found[found["mode"] == "crash"].iloc[0]
    assert crash["verdicts"] == "supported | not_supported"
    assert crash["safest"] == "not_supported"


def test_nothing_is_named_where_nothing_stands_twice() -> None:
    assert fleet_of([{"vm_id": vm_id(f"vm-{number}")} for number in range(40)]).duplicates().empty


def test_records_of_one_vm_are_read_together_and_counted(tmp_path: Path) -> None:
    """Two that differ leave the fact open, as for the ordinary reader: none is preferred."""
    first, second = clean_vm("vm-1"), clean_vm("vm-1", **CONFIDENTIAL)
    path = written([first, second, QUAY[4]], tmp_path)
    result = assess_files(path)
    assert result.summary.repeated_records == 1
    assert any("1 duplicate VM record was merged" in note for note in result.notes)
    assert result.duplicates().empty
    ordinary = rp.assess(rp.read_inventory(path)).verdicts
    found = result.verdicts()
    assert found["verdict"].tolist() == [one.verdict for one in ordinary]


@pytest.mark.parametrize(
    ("records", "count"),
    [
        ([QUAY[4]], 0),
        ([azure.disk("disk-alone")], 1),
        ([QUAY[4], azure.disk("disk-alone"), azure.disk("vm-5-os")], 1),
        ([clean_vm("vm-1", data=[azure.data_disk(0, "disk-a")]), azure.disk("DISK-A")], 0),
        # Records that are read one by one have disks, too.
        ([clean_vm("vm-1", data=[azure.data_disk(0, "disk-a")])] * 2 + [azure.disk("disk-a")], 0),
        ([QUAY[4], azure.disk("disk-a"), azure.disk("disk-a")], 1),
    ],
    ids=["none", "no VM at all", "one of two", "other capitals", "odd", "twice"],
)
def test_disks_of_no_vm_are_counted(records: list[Body], count: int, tmp_path: Path) -> None:
    result = assess_files(written(records, tmp_path))
    assert result.summary.disks_without_vm == count
    several = "disk belongs" if count == 1 else "disks belong"
    note = f"{count} {several} to no VM among those given"
    assert (note in result.notes) == bool(count)


@pytest.mark.parametrize("order", ["ascending", "shuffled"])
def test_rows_of_disks_without_a_vm_are_counted(
    order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fact_judging, "PART", 5)
    vms, disks = facts_of([{"vm_id": vm_id(f"vm-{number:02}")} for number in range(60)])
    if order == "shuffled":
        disks = disks.sample(frac=1, random_state=4)
    kept = vms[~vms["vm_id"].isin([vm_id("vm-07"), vm_id("vm-33"), vm_id("vm-59")])]
    home = tmp_path / "in"
    home.mkdir()
    kept.to_csv(home / "vms.csv", index=False)
    disks.to_csv(home / "disks.csv", index=False)
    result = assess_files(home, out=tmp_path / "out")
    assert result.summary.disks_without_vm == 3
    assert result.records == len(kept) + len(disks)
    assert assess_files([home / "vms.csv", home / "disks.csv"]).summary == result.summary


# --------------------------------------------------------------------------- exports that ended

EXPORTS = [(row.id, int(row["rows"])) for row in MATRIX.table("exports") if int(row["rows"]) < 5000]


@pytest.mark.parametrize(("export", "most"), EXPORTS)
@pytest.mark.parametrize("difference", [-1, 0, 1])
@pytest.mark.parametrize("form", ["facts", "records"])
def test_an_input_as_long_as_an_export_can_be_is_doubted(
    export: str, most: int, difference: int, form: str, tmp_path: Path
) -> None:
    count = most + difference
    ids = [vm_id(f"vm-{number}") for number in range(count)]
    if form == "facts":
        path = tmp_path / "vms.csv"
        pd.DataFrame({"vm_id": ids}).to_csv(path, index=False)
    else:
        path = written([{"id": one, "location": "westeurope"} for one in ids], tmp_path)
    result = assess_files(path)
    told = result.rows("full_pages")
    assert [(row["file"], row["rows"], row["export_id"]) for row in told] == (
        [(str(path), count, export)] if not difference else []
    )
    row = MATRIX.row(export, "exports")
    assert any(row["remedy"] in note for note in result.notes) == (not difference)


def test_the_largest_export_is_doubted_too() -> None:
    (row,) = [one for one in MATRIX.table("exports") if int(one["rows"]) >= 5000]
    summary = Summary()
    for number in range(9):
        summary.files[f"{number}.csv",] = int(row["rows"])
    summary.files["rest.csv",] = 17
    result = FleetResult(MATRIX, summary)
    assert result.full_pages()["file"].tolist() == [f"{number}.csv" for number in range(9)]


# --------------------------------------------------------------------------- in parts, and again


def run_in_memory(paths: Path, out: Path) -> FleetResult:
    return assess_files(paths)


def run_again(paths: Path, out: Path) -> FleetResult:
    assess_files(paths, out=out)
    return assess_files(paths, out=out)


def run_with_dask(paths: Path, out: Path) -> FleetResult:
    return assess_dask(paths, out=out, scheduler="threads")


@pytest.mark.parametrize("run", [run_in_memory, run_again, run_with_dask])
def test_the_numbers_are_the_same_however_the_fleet_is_read(
    run: Callable[[Path, Path], FleetResult], tmp_path: Path
) -> None:
    home = tmp_path / "in"
    written([*RECORDS, QUAY[0]], home)
    single = assess_files(home, out=tmp_path / "single")
    result = run(home, tmp_path / "out")
    assert result.summary == single.summary
    assert result.notes == single.notes
    tables = ["groups", "members_in_the_way", "missing_members", "limits", "full_pages"]
    for name in tables:
        assert result.rows(name) == single.rows(name), name
        assert list(getattr(result, name)().columns) == list(getattr(single, name)().columns)
    told = json.loads((tmp_path / "single" / "summary.json").read_text())
    assert told["disks_without_vm"] == told["repeated_records"] == 1
    assert told["sets"] == {
        "availability_set": {mode: {"some": 1} for mode in MODES},
        "scale_set": {mode: {"all": 1} for mode in MODES},
    }
    if result.out:
        assert json.loads((result.out / "summary.json").read_text()) == told


def test_members_in_another_partition_are_not_missing(tmp_path: Path) -> None:
    written(QUAY[:1], tmp_path, "part-1.json")
    written([QUAY[1], availability_set("vm-1", "vm-2", "vm-gone")], tmp_path, "part-2.json")
    result = assess_dask(tmp_path, scheduler="threads")
    assert [row["vm_id"] for row in result.rows("missing_members")] == [vm_id("vm-gone")]


def test_a_summary_comes_back_as_it_was_written(tmp_path: Path) -> None:
    summary = assess_files(written(RECORDS, tmp_path)).summary
    assert Summary.from_json(json.loads(json.dumps(summary.to_json()))) == summary


# --------------------------------------------------------------------------- numbers for texts

TEXTS = st.lists(st.text(st.characters(codec="ascii"), max_size=40), max_size=30)


@given(TEXTS, TEXTS)
def test_equal_texts_have_equal_numbers_wherever_they_stand(
    texts: list[str], others: list[str]
) -> None:
    alone = hashes_of(pa.array(texts, pa.string()))
    among = pa.array([*others, *(text.swapcase() for text in texts)], pa.string())
    assert np.array_equal(hashes_of(among)[len(others) :], alone)
    assert np.array_equal(hashes_of(among.slice(len(others))), alone)


def test_ids_that_differ_have_different_numbers() -> None:
    ids = [disk_id(f"disk-{number}", group=f"rg-{number % 7}") for number in range(20_000)]
    assert len(np.unique(hashes_of(pa.array(ids)))) == len(ids)
