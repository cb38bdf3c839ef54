"""Impact: whose verdict changes, in which mode, and by which row."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from overlays import BASE, write_overlay

import rpmatrix as rp
from rpmatrix.authoring.impact import (
    KINDS,
    Impact,
    VmChange,
    impact,
    matrix_of,
    row_changes,
    sample_inventory,
)
from rpmatrix.eligibility.assessment import AnswerError
from rpmatrix.inventory.inventory import Inventory, read_inventory
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES, Matrix, load_matrix
from rpmatrix.matrix.schema import data_folder

SAMPLES = sample_inventory()
# Those that the cases below speak of; new samples do not change what is expected here.
CHOSEN = read_inventory(
    *(
        sample_vm(name)
        for name in (
            *("plain-linux", "plain-windows", "sql-with-ultra-data-disk", "premium-ssd-v2"),
            *("uniform-scale-set-instance", "flexible-scale-set-member", "deallocated-no-sku"),
            *("customer-key", "many-harmless-features", "behind-a-proxy"),
            "template-with-expressions",
        )
    )
)


def told(one: VmChange) -> tuple[str, str, str, str, tuple[str, ...]]:
    return one.vm_name, one.mode, one.before.verdict, one.after.verdict, one.rows


def overlay(folder: Path, **tables: list[dict[str, str]]) -> Matrix:
    return load_matrix(write_overlay(folder / "own", tables))


ACCELERATOR: dict[str, list[dict[str, str]]] = {
    "facts": [
        {
            "id": "write_accelerator",
            "grain": "disk",
            "title": "Write Accelerator",
            "type": "flag",
            "allowed_values": "yes|no",
            "reading": "true",
            "paths": "attachment:writeAcceleratorEnabled",
            "absence": "no",
        }
    ],
    "scenarios": [
        {
            "id": "write-accelerator",
            "area": "disk",
            "title": "Disk with Write Accelerator",
            "grain": "disk",
            "application": "supported",
            "crash": "not_supported",
            "source": "A page",
        }
    ],
    "conditions": [
        {
            "id": "write-accelerator-1",
            "scenario_id": "write-accelerator",
            "clause": "1",
            "fact_id": "write_accelerator",
            "operator": "is",
            "value": "yes",
        }
    ],
}


def accelerated(name: str) -> list[dict[str, Any]]:
    records = sample_vm(name)
    records[0]["properties"]["storageProfile"]["dataDisks"][0]["writeAcceleratorEnabled"] = True
    return records


def test_one_row_more_concerns_exactly_those_it_applies_to(tmp_path: Path) -> None:
    after = overlay(tmp_path, **ACCELERATOR)
    inventory = read_inventory(
        accelerated("plain-linux"), accelerated("plain-windows"), sample_vm("customer-key")
    )
    found = impact(BASE, after, inventory)
    assert [told(one) for one in found.changes] == [
        ("web-01", "crash", "supported", "not_supported", ("write-accelerator",)),
        ("app-01", "crash", "supported", "not_supported", ("write-accelerator",)),
    ]
    assert {one.direction for one in found.changes} == {"worse"}
    assert [(one.table, one.row_id, one.kind) for one in found.row_changes] == [
        ("scenarios", "write-accelerator", "added"),
        ("conditions", "write-accelerator-1", "added"),
        ("facts", "write_accelerator", "added"),
    ]
    assert {one.layer for one in found.row_changes} == {"own"}
    back = impact(after, BASE, inventory)
    assert [(one.direction, one.rows) for one in back.changes] == [
        ("better", ("write-accelerator",)),
        ("better", ("write-accelerator",)),
    ]
    assert {one.kind for one in back.row_changes} == {"removed"}


def test_without_an_inventory_the_samples_are_taken() -> None:
    assert len(SAMPLES.vms) >= len(sample_names())
    found = impact(BASE, load_matrix("newer-edition"))
    assert found.inventory.vms == SAMPLES.vms or len(found.inventory.vms) == len(SAMPLES.vms)
    assert found.verdicts
    assert impact(BASE, BASE).changes == ()
    assert impact(BASE, BASE).row_changes == ()


CASES = {
    "exclude becomes refuse": (
        {"scenarios": [{"like": "ultra-disk", "crash": "not_supported"}]},
        [("sql-01", "crash", "exclude_disks", "not_supported", ("ultra-disk",))],
    ),
    "one disk more to exclude": (
        {"scenarios": [{"like": "ultra-disk", "application": "exclude_disk"}]},
        [
            ("sql-01", "application", "supported", "exclude_disks", ("ultra-disk",)),
            # Of these two it is not known which disks they have.
            ("report-01", "application", "supported", "unknown", ("ultra-disk",)),
            ("[parameters('vmName')]", "application", "supported", "unknown", ("ultra-disk",)),
        ],
    ),
    "a condition that applies to others": (
        {
            "conditions": [{"like": "vmss-flex-1", "value": "uniform"}],
            "scenarios": [{"like": "vmss-flex", "crash": "not_supported", "source": "Runbook 7"}],
        },
        [],
    ),
    "a system that is ruled out": (
        {
            "operating_systems": [
                {"like": "rhel", "scenario_id": "os-linux-coreos", "source": "Runbook 7"}
            ]
        },
        [
            (name, "application", "supported", "not_supported", ("os-linux-coreos",))
            for name in ("db-01", "hr-01", "inner-01")
        ],
    ),
    "an assumption": (
        {"facts": [{"like": "proxy_without_python", "assumption": "yes", "source": "Runbook 7"}]},
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_whose_verdict_changes_by_which_row(name: str, tmp_path: Path) -> None:
    rows, expected = CASES[name]
    after = overlay(tmp_path, **rows)
    found = impact(BASE, after, CHOSEN)
    changed = {one.vm_id for one in found.of_kind("verdict")}
    if expected is None:
        assert changed
        assert {one.rows for one in found.of_kind("verdict")} == {("os-linux-proxy-python",)}
    else:
        shown = [told(one) for one in found.of_kind("verdict", "disks")]
        assert [one for one in shown if one[2] != "unknown"] == expected
    # The same, by assessing twice.
    before, now = (rp.assess(CHOSEN, matrix).verdicts for matrix in (BASE, after))
    other = {
        one.vm_id
        for one, two in zip(before, now, strict=True)
        if (one.verdict, one.floor, one.ceiling) != (two.verdict, two.floor, two.ceiling)
    }
    assert changed == other


def test_other_disks_to_exclude_are_a_change_of_their_own(tmp_path: Path) -> None:
    after = overlay(
        tmp_path,
        conditions=[{"like": "ultra-disk-1", "value": "Premium_LRS"}],
        scenarios=[{"like": "ultra-disk", "source": "Runbook 7"}],
    )
    found = impact(BASE, after, read_inventory(sample_vm("sql-with-ultra-data-disk")))
    (change,) = [one for one in found.changes if one.kind == "disks"]
    assert (change.mode, change.rows) == ("crash", ("ultra-disk",))
    line = found.frame().iloc[0]
    assert "log" in line["disks_before"]
    assert "backup" in line["disks_after"]


def test_caveats_gained_and_lost(tmp_path: Path) -> None:
    public = load_matrix("public-sources")
    found = impact(BASE, public, read_inventory(sample_vm("plain-linux")))
    (change,) = found.changes
    assert (change.kind, change.mode, change.direction) == ("caveats", "crash", "worse")
    assert change.rows == ("host-caching-read-write",)
    assert impact(public, BASE, found.inventory).changes[0].direction == "better"
    assert "caveats +host-caching-read-write" in str(found)
    blocked = read_inventory(sample_vm("confidential"))
    assert impact(BASE, public, blocked).changes == (), "what is refused needs no caveat"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("2023-10-10", "2023-10-11"), ("supported", "unknown")),
        (("2026-10-13", "2026-10-14"), ("unknown", "not_supported")),
        (("2023-10-10", "2026-10-14"), ("supported", "not_supported")),
    ],
)
def test_two_days(days: tuple[str, str], expected: tuple[str, str]) -> None:
    before, after = (load_matrix("public-sources", as_of=date.fromisoformat(day)) for day in days)
    found = impact(before, after, read_inventory(sample_vm("windows-server-2012-r2")))
    assert found.row_changes == ()
    (change,) = found.changes
    assert told(change) == ("file-01", "application", *expected, ("os-esu",))
    assert days[0] in str(found)


def test_two_versions_of_the_tables(tmp_path: Path) -> None:
    for path in (*data_folder().glob("*.csv"), *data_folder().glob("datapackage.json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    table = tmp_path / "scenarios.csv"
    text = table.read_text()
    old = next(line for line in text.splitlines() if line.startswith("ppg,"))
    table.write_text(
        text.replace(old, old.replace("vm,supported,supported", "vm,supported,not_supported"))
    )
    after = load_matrix("base", folder=tmp_path)
    found = impact(BASE, after, CHOSEN)
    assert [told(one) for one in found.changes] == [
        ("render-01", "crash", "supported", "not_supported", ("ppg",))
    ]
    (row,) = found.row_changes
    assert row.columns == (("crash", "supported", "not_supported"),)
    assert row_changes(after, BASE)[0].columns == (("crash", "not_supported", "supported"),)


def test_words_name_a_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write_overlay(
        tmp_path / "own", {"scenarios": [{"like": "ppg", "crash": "not_supported"}]}
    )
    monkeypatch.setenv("RPMATRIX_OVERLAYS", "newer-edition")
    assert matrix_of(["base"]).layers == matrix_of([]).layers == ("seed",)
    assert matrix_of(["public-sources", str(own)]).layers == ("seed", "public-sources", "own")
    assert matrix_of(["2026-10-14", "public-sources"]).as_of == date(2026, 10, 14)
    other = tmp_path / "tables"
    other.mkdir()
    for path in (*data_folder().glob("*.csv"), *data_folder().glob("datapackage.json")):
        (other / path.name).write_bytes(path.read_bytes())
    layers = ["newer-edition", str(own)]
    assert matrix_of([str(other), *layers]).digest == matrix_of(layers).digest
    for names, what in (
        ([str(other), str(data_folder())], "two folders of base tables"),
        (["2026-10-13", "2026-10-14"], "two days are named: 2026-10-13 and 2026-10-14"),
    ):
        with pytest.raises(ValueError, match=what):
            matrix_of(names)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        matrix_of(["nowhere"])


def test_an_answer_counts_where_the_fact_is_known() -> None:
    newer = load_matrix("newer-edition")
    inventory = read_inventory(sample_vm("plain-linux"))
    size = inventory.vms[0].records[0].body["hardwareprofile"]
    assert size["vmsize"].endswith("s_v5")
    found = impact(BASE, newer, inventory, answers={"premium_storage_size": "yes"})
    assert found.changes == ()
    with pytest.raises(AnswerError, match="there is no fact 'premium_size'"):
        impact(BASE, newer, inventory, answers={"premium_size": "yes"})
    with pytest.raises(AnswerError, match="may be yes, no"):
        impact(BASE, newer, inventory, answers={"premium_storage_size": "perhaps"})


def test_strictness_and_modes_are_passed_on(tmp_path: Path) -> None:
    after = overlay(tmp_path, scenarios=[{"like": "ppg", "crash": "not_supported"}])
    render = read_inventory(sample_vm("many-harmless-features"))
    assert impact(BASE, after, render, modes=["application"]).changes == ()
    (change,) = impact(BASE, after, render, modes=["crash"], strict=True).changes
    assert change.before.verdict == rp.assess(render, BASE, strict=True).verdicts[1].verdict


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Impact:
    folder = tmp_path_factory.mktemp("many")
    after = overlay(
        folder,
        scenarios=[
            {"like": "premium-ssd", "crash": "exclude_disk", "remedy": "Leave it out."},
            {"like": "shared-disk", "application": "not_supported"},
        ],
    )
    return impact(BASE, after, SAMPLES)


def test_counts_add_up(many: Impact) -> None:
    vms = len(SAMPLES.vms)
    for mode in MODES:
        assert sum(n for (one, _, _), n in many.counts.items() if one == mode) == vms
    moved = sum(n for (_, old, new), n in many.counts.items() if old != new)
    shown = [one for one in many.changes if one.before.verdict != one.after.verdict]
    assert moved == len(shown)
    chart = many.chart()
    assert {chart.loc[mode, column].sum() for mode in MODES for column in chart} == {vms}


def test_it_is_a_frame_and_a_json_object(many: Impact) -> None:
    frame = many.frame()
    assert len(frame) == len(many.changes) > 10
    assert list(frame["kind"].cat.categories) == list(KINDS)
    assert set(frame["rows"]) >= {"premium-ssd", "shared-disk"}
    told = json.loads(json.dumps(many.to_dict()))
    assert len(told["changes"]) == len(frame)
    assert told["after"]["layers"] == ["seed", "own"]
    assert sum(one["vms"] for one in told["counts"]) == 2 * told["vms"]
    assert impact(BASE, BASE, Inventory((), (), ())).frame().empty


def test_the_text_ends_with_a_count(many: Impact) -> None:
    lines = str(many).splitlines()
    assert lines[0].startswith("seed as of ")
    assert lines[-1].endswith(f"of {len(SAMPLES.vms)} VMs are concerned; 2 rows are not the same.")
    assert any("web-01 in rg-plain-linux, crash: supported -> " in line for line in lines)
