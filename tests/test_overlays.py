"""Layers: what an overlay may do, what it may not, and the overlays that come with the package."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from estates import differences
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from overlays import ABOUT, BASE, SCHEMA, Rows, write_overlay

import rpmatrix as rp
from rpmatrix.authoring.impact import impact
from rpmatrix.fleet.result import assess_files
from rpmatrix.inventory.samples import sample_vm
from rpmatrix.matrix.folder import FROZEN, changed_since_freeze, freeze, read_tables
from rpmatrix.matrix.matrix import MODES, check_overlay, fix_overlay, load_matrix, overlay_names
from rpmatrix.matrix.problems import TablesError
from rpmatrix.matrix.schema import data_folder

BAD = sorted((Path(__file__).parent / "bad_overlays").glob("*.json"))
ULTRA = {"scenarios": [{"like": "ultra-disk", "application": "exclude_disk"}]}


def problems(folder: Path, *below: Path) -> list[str]:
    return [str(problem) for problem in check_overlay(folder, *below)]


# --- what an overlay may not do -------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_overlay_is_refused_in_so_many_words(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    tables = {name: rows for name, rows in case.items() if name in SCHEMA}
    folder = write_overlay(tmp_path / path.stem, tables, case.get("about"))
    assert case["says"]
    assert problems(folder) == case["says"]
    with pytest.raises(TablesError) as caught:
        load_matrix(folder)
    assert all(line in str(caught.value) for line in case["says"])


def test_what_an_overlay_says_of_itself_hides_no_other_fault(tmp_path: Path) -> None:
    row = {"like": "ppg-1", "id": "mine-1", "scenario_id": "ppg", "fact_id": "nobody"}
    folder = write_overlay(tmp_path / "own", {"conditions": [row]}, {"owner": ""})
    about, cell = problems(folder)
    assert about.startswith('own/about.json "owner" is missing')
    assert cell.startswith('own/conditions.csv:D2 unknown fact "nobody"')


@pytest.mark.skipif(Path(__file__.upper()).exists(), reason="letter case does not count here")
def test_a_table_in_another_letter_case_is_not_passed_over(tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / "own", {**ULTRA, "limits": [{"like": "lim-rp-per-vm"}]})
    (folder / "scenarios.csv").rename(folder / "Scenarios.CSV")
    assert problems(folder) == [
        "own/Scenarios.CSV is no table of the matrix; did you mean scenarios.csv? Move it elsewhere"
    ]


@pytest.mark.parametrize(
    ("about", "says"),
    [
        (None, "the overlay says nothing of itself; write an object with owner, purpose, source"),
        ("{", "cannot be read: "),
        ("[]", "holds no JSON object; write an object with owner"),
        ("{}", '"owner" is missing or empty; write the role or team that answers for it'),
        ('{"owner": 7}', '"owner" is missing or empty'),
    ],
)
def test_an_overlay_says_what_it_is(about: str | None, says: str, tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / "own", ULTRA)
    (folder / "about.json").unlink()
    if about is not None:
        (folder / "about.json").write_text(about)
    assert any(line.startswith(f"own/about.json {says}") for line in problems(folder))
    with pytest.raises(TablesError):
        load_matrix(folder)


def test_the_form_of_a_file_is_reported_and_does_no_harm(tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / "own", ULTRA)
    path = folder / "scenarios.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert problems(folder) == [
        "own/scenarios.csv lines end with a carriage return; end them with LF alone"
    ]
    assert load_matrix(folder).row("ultra-disk")["application"] == "exclude_disk"


def test_a_repair_that_could_not_be_written_is_among_what_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_overlay(tmp_path / "own", {"limits": [{"like": "lim-rp-per-vm", "value": "300"}]})
    path = own / "limits.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    report = fix_overlay(own)
    assert (report.repaired, report.written) == ((), ())
    assert [(one.check, one.file) for one in report.refused] == [
        ("unwritable", "own/limits.csv"),
        ("line-ends", "own/limits.csv"),
    ]
    monkeypatch.undo()
    assert fix_overlay(own).written == ("limits.csv",)
    assert fix_overlay(own).refused == check_overlay(own) == ()


@pytest.mark.parametrize("name", ["seed", "base"])
def test_no_overlay_takes_the_name_of_the_base(name: str, tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / name, ULTRA)
    assert problems(folder) == [
        f"{name}/about.json no overlay may be called {name}; rename its folder"
    ]


def test_a_layer_is_laid_once(tmp_path: Path) -> None:
    one = write_overlay(tmp_path / "a" / "own", ULTRA)
    other = write_overlay(tmp_path / "b" / "own", ULTRA)
    with pytest.raises(TablesError, match="two layers are called own"):
        load_matrix(one, other)
    with pytest.raises(TablesError, match="two layers are called own"):
        load_matrix(one, one)


# --- what it may do -------------------------------------------------------------------------------

OWN_ROW: Rows = {
    "scenarios": [
        {
            "id": "vm-of-size-x",
            "area": "vm",
            "title": "VM of the size that we avoid",
            "grain": "vm",
            "application": "not_supported",
            "crash": "supported",
            "remedy": "Ask the storage team.",
            "source": "Runbook 7",
        }
    ],
    "conditions": [
        {
            "id": "vm-of-size-x-1",
            "scenario_id": "vm-of-size-x",
            "clause": "1",
            "fact_id": "vm_size_series",
            "operator": "is",
            "value": "Dsv5",
        }
    ],
}


def verdicts(matrix: rp.Matrix, *records: Mapping[str, Any]) -> dict[str, str]:
    result = rp.assess(rp.read_inventory(list(records)), matrix)
    return {one.mode: one.verdict for one in result.verdicts}


def test_a_row_is_added_and_decides(tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / "own", OWN_ROW)
    assert problems(folder) == []
    matrix = load_matrix(folder)
    assert verdicts(BASE, *sample_vm("plain-linux")) == dict.fromkeys(MODES, "supported")
    assert verdicts(matrix, *sample_vm("plain-linux"))["application"] == "not_supported"
    assert matrix.layers == ("seed", "own")
    assert matrix.layer_of("vm-of-size-x") == "own"
    assert str(matrix.citation("vm-of-size-x")) == "vm-of-size-x [own]: Runbook 7"
    (overlay,) = matrix.overlays
    assert (overlay.owner, overlay.written_on) == ("Backup team", date(2026, 11, 22))


def test_a_row_is_replaced_and_the_base_stays(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in data_folder().glob("*.csv")}
    matrix = load_matrix(write_overlay(tmp_path / "own", ULTRA))
    assert (matrix.row("ultra-disk")["application"], matrix.layer_of("ultra-disk")) == (
        "exclude_disk",
        "own",
    )
    assert load_matrix().row("ultra-disk")["application"] == "supported"
    assert matrix.digest != BASE.digest
    assert before == {path.name: path.read_bytes() for path in data_folder().glob("*.csv")}


def test_a_scenario_is_withdrawn_with_all_that_hangs_on_it(tmp_path: Path) -> None:
    withdrawal = {
        "id": "without-ultra-disk",
        "table": "scenarios",
        "row_id": "ultra-disk",
        "reason": "We have none.",
        "source": "Inventory of 2026",
    }
    folder = write_overlay(tmp_path / "own", {"withdrawn": [withdrawal]})
    assert problems(folder) == []
    matrix = load_matrix(folder)
    assert not matrix.has_row("ultra-disk")
    with pytest.raises(KeyError, match=r"withdrawn by layer own: We have none\."):
        matrix.row("ultra-disk")
    assert "ultra-disk" not in {row["scenario_id"] for row in matrix.table("conditions")}
    for table in matrix:
        for row in matrix.table(table):
            lists = [row.members(c.name) for c in SCHEMA[table].columns if c.references]
            assert not any("ultra-disk" in members for members in lists), row
    # The ruling on two kinds of disk is about the other one still.
    assert matrix.row("c7", "rulings")["row_a"] == "premium-ssd-v2-disk"
    assert matrix.layer_of("c7", "rulings") == "own"
    assert (
        verdicts(BASE, *sample_vm("sql-with-ultra-data-disk"))["crash"],
        verdicts(matrix, *sample_vm("sql-with-ultra-data-disk"))["crash"],
    ) == ("exclude_disks", "supported")


def test_what_has_nothing_left_to_speak_of_goes_too(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"without-{row_id}",
            "table": table,
            "row_id": row_id,
            "reason": "Ours differ.",
            "source": "Contract 12",
        }
        for table, row_id in (("limits", "min-interval-app"), ("limits", "min-interval-crash"))
    ]
    matrix = load_matrix(write_overlay(tmp_path / "own", {"withdrawn": rows}))
    assert not matrix.has_row("interval-note"), "it repeats the two, and nothing else"
    assert {"c2", "c3"}.isdisjoint(row.id for row in matrix.table("rulings"))


def test_a_withdrawn_row_may_come_back_above(tmp_path: Path) -> None:
    withdrawal = {
        "id": "without-rbac",
        "table": "scenarios",
        "row_id": "rbac",
        "reason": "Not used.",
    }
    lower = write_overlay(tmp_path / "lower", {"withdrawn": [withdrawal]})
    upper = {"scenarios": [{"like": "rbac"}], "conditions": [{"like": "rbac-1"}]}
    matrix = load_matrix(lower, write_overlay(tmp_path / "upper", upper))
    assert matrix.row("rbac") == BASE.row("rbac")
    assert matrix.layer_of("rbac") == "upper"


def test_layers_are_laid_in_order(tmp_path: Path) -> None:
    worse = {"scenarios": [{"like": "ppg", "application": "not_supported"}]}
    worst = {"scenarios": [{"like": "ppg", "crash": "not_supported"}]}
    one, other = (
        write_overlay(tmp_path / name, rows) for name, rows in (("one", worse), ("other", worst))
    )
    assert load_matrix(one).row("ppg")["application"] == "not_supported"
    assert load_matrix(other).row("ppg")["application"] == "supported"
    # The upper row makes the other mode better again, and says nothing of why.
    says = "application is better than below (not_supported -> supported) without evidence"
    with pytest.raises(TablesError) as caught:
        load_matrix(one, other)
    assert says in str(caught.value)


def test_a_layer_may_rest_on_the_one_below(tmp_path: Path) -> None:
    lower = write_overlay(tmp_path / "lower", OWN_ROW)
    second = {**OWN_ROW["conditions"][0], "id": "vm-of-size-x-2", "clause": "2", "value": "Esv5"}
    upper = write_overlay(tmp_path / "upper", {"conditions": [second]})
    assert problems(upper, lower) == []
    assert problems(upper)[0] == (
        'upper/conditions.csv:B2 unknown scenario "vm-of-size-x"; '
        "write an id of scenarios.csv, or add the row there"
    )
    fact = {
        "id": "colour",
        "grain": "vm",
        "title": "Colour",
        "type": "integer",
        "reading": "asked",
        "question": "Which?",
    }
    test = {**second, "fact_id": "colour", "operator": "more_than", "value": "many"}
    lower = write_overlay(
        tmp_path / "lower",
        {
            "facts": [fact],
            "conditions": [
                {**test, "id": "vm-of-size-x-3", "value": "7", "clause": "2"},
                *OWN_ROW["conditions"],
            ],
            "scenarios": OWN_ROW["scenarios"],
        },
    )
    upper = write_overlay(tmp_path / "upper", {"conditions": [test]})
    assert problems(upper, lower)[0] == (
        'upper/conditions.csv:F2 the fact "colour" cannot be "many"; '
        "write a whole number, digits alone"
    )


OUTCOMES = list(SCHEMA["scenarios"].column("crash").enum)
RANK = {name: rank for rank, name in enumerate(OUTCOMES)} | {"not_applicable": 0}
# not_stated may turn out to be either, so it is better than a sure no and worse than the rest.
RANK["not_stated"], RANK["not_supported"] = 3, 4


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    below=st.sampled_from(OUTCOMES),
    above=st.sampled_from(OUTCOMES),
    source=st.sampled_from(["", "Contract 12"]),
)
def test_only_what_is_better_needs_evidence(
    below: str, above: str, source: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    texts = {"caveat": "Mind this.", "remedy": "Leave it out."}
    first = {**OWN_ROW["scenarios"][0], **texts, "application": below, "crash": "supported"}
    second = {**first, "application": above, "source": source or first["source"]}
    if {first["application"], second["application"]} == {"not_applicable"}:
        return
    folder = tmp_path_factory.mktemp("ranks")
    lower = write_overlay(
        folder / "lower", {"scenarios": [first], "conditions": OWN_ROW["conditions"]}
    )
    upper = write_overlay(folder / "upper", {"scenarios": [second]})
    found = [problem.check for problem in check_overlay(upper, lower)]
    assert found == (["evidence"] if RANK[above] < RANK[below] and not source else [])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({"limits": [{"like": "lim-rp-per-vm", "value": "300"}]}, id="fewer points"),
        pytest.param(
            {"limits": [{"like": "min-interval-app", "value": "12"}]}, id="longer interval"
        ),
        pytest.param(
            {
                "limits": [
                    {"like": name, "value": "api-2024-07-01"} for name in ("api-app", "lim-api-app")
                ]
            },
            id="newer API",
        ),
        pytest.param(
            {"limits": [{"like": "lim-rp-per-vm", "value": "900", "source": "Contract 12"}]},
            id="more points, with evidence",
        ),
        pytest.param({"facts": [{"like": "nfs_mounts", "question": "Any NFS?"}]}, id="a question"),
        pytest.param(
            {
                "operating_systems": [
                    {
                        "like": "windows-server-2022",
                        "scenario_id": "os-esu",
                        "source": "House rule 3",
                    }
                ]
            },
            id="a system ruled out",
        ),
        pytest.param(
            {
                "scenarios": [{"like": "confidential-vm", "source": "Contract 12"}],
                "conditions": [
                    {
                        "like": "confidential-vm-1",
                        "id": "confidential-vm-2",
                        "fact_id": "vm_size_series",
                        "value": "DCasv5",
                    }
                ],
            },
            id="a narrower condition, with evidence",
        ),
        pytest.param(
            {
                "conditions": [
                    {
                        "like": "confidential-vm-1",
                        "id": "confidential-vm-2",
                        "clause": "2",
                        "fact_id": "vm_size_series",
                        "value": "DCasv5",
                    }
                ]
            },
            id="a wider condition",
        ),
    ],
)
def test_what_is_no_better_or_proved_is_taken(rows: Rows, tmp_path: Path) -> None:
    assert problems(write_overlay(tmp_path / "own", rows)) == []


def test_a_statement_of_an_own_edition_is_evidence(tmp_path: Path) -> None:
    statement = {
        **{name: BASE.row("s-confidential-vm", "statements")[name] for name in ("section", "kind")},
        "id": "later-confidential-vm",
        "edition": "later",
        "position": "1",
        "fingerprint": "0a" * 32,
        "supersedes": "s-confidential-vm",
        "subject": "Confidential VM",
        "data": "yes",
    }
    row = {
        "like": "confidential-vm",
        "application": "supported_with_caveat",
        "caveat": "In preview.",
    }
    unproved = write_overlay(tmp_path / "own", {"statements": [statement], "scenarios": [row]})
    assert [problem.check for problem in check_overlay(unproved)] == ["evidence"]
    row["statement_id"] = "later-confidential-vm"
    proved = write_overlay(tmp_path / "own", {"statements": [statement], "scenarios": [row]})
    assert problems(proved) == []


# --- which overlays are laid ----------------------------------------------------------------------


def test_an_unknown_overlay_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        load_matrix("newer-editon")
    assert "newer-editon is not a folder, and no overlay has that name" in str(caught.value)
    assert "did you mean newer-edition?" in str(caught.value)
    with pytest.raises(
        FileNotFoundError, match="the package has newer-edition, newest, public-sources"
    ):
        load_matrix(tmp_path / "nowhere")


def test_the_environment_lays_overlays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write_overlay(tmp_path / "own", ULTRA)
    monkeypatch.setenv("RPMATRIX_OVERLAYS", os.pathsep.join(["newer-edition", "", str(own)]))
    assert load_matrix().layers == ("seed", "newer-edition", "own")
    assert load_matrix(own).layers == ("seed", "own"), "what is asked for counts alone"
    assert load_matrix("base").layers == load_matrix("seed").layers == ("seed",)
    monkeypatch.setenv("RPMATRIX_OVERLAYS", "")
    assert load_matrix().layers == ("seed",)


def test_a_folder_is_found_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_overlay(tmp_path / "own", ULTRA)
    monkeypatch.chdir(tmp_path / "own")
    assert load_matrix(".").layers == ("seed", "own")


def test_an_edited_overlay_is_read_again(tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / "own", ULTRA)
    first = load_matrix(folder)
    assert load_matrix(folder) is first
    write_overlay(folder, {"scenarios": [{"like": "ultra-disk", "application": "not_supported"}]})
    assert load_matrix(folder).row("ultra-disk")["application"] == "not_supported"


def test_an_overlay_past_its_day_is_a_warning(tmp_path: Path) -> None:
    folder = write_overlay(tmp_path / "own", ULTRA, {"valid_until": "2027-01-31"})
    assert load_matrix(folder, as_of=date(2027, 1, 31)).warnings == ()
    assert load_matrix(folder, as_of=date(2027, 2, 1)).warnings == (
        "overlay own expired on 2027-01-31; ask its owner (Backup team) to review it",
    )


# --- the base -------------------------------------------------------------------------------------


def test_the_base_is_frozen() -> None:
    assert (data_folder() / FROZEN).is_file()
    assert changed_since_freeze(read_tables(data_folder())) == ()
    assert BASE.warnings == ()


def test_an_edited_base_is_a_warning(tmp_path: Path) -> None:
    for path in (*data_folder().glob("*.csv"), *data_folder().glob("*.json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    freeze(tmp_path)
    assert load_matrix("base", folder=tmp_path).warnings == ()
    limits = tmp_path / "limits.csv"
    limits.write_text(limits.read_text().replace(",500,", ",400,"))
    (warning,) = load_matrix("base", folder=tmp_path).warnings
    assert warning.startswith("the base was edited: limits.csv is not as it was when the tables")


def test_an_overlay_may_withdraw_rows_of_every_table_but_what_was_said() -> None:
    named = SCHEMA["withdrawn"].column("table").enum
    assert {*named} == {*SCHEMA} - {"statements", "withdrawn", "uncovered_vms"}


# --- the overlays of the package ------------------------------------------------------------------

NEWER = load_matrix("newer-edition")
PUBLIC = load_matrix("public-sources")


@pytest.mark.parametrize("name", overlay_names())
def test_an_overlay_of_the_package_is_in_order(name: str) -> None:
    others = [other for other in overlay_names() if other != name]
    assert check_overlay(name) == ()
    assert check_overlay(name, *others) == ()
    folder = data_folder() / "overlays" / name
    for path in folder.glob("*.csv"):
        assert path.read_bytes().isascii()
    assert json.loads((folder / "about.json").read_text()).keys() == ABOUT.keys()


def test_the_seed_edition_is_what_is_read_by_default() -> None:
    assert overlay_names() == ("newer-edition", "newest", "public-sources")
    assert load_matrix("base").layers == ("seed",)
    assert {row["edition"] for row in BASE.table("statements")} == {"seed"}


def a_vm(size: str, data_disks: int) -> dict[str, Any]:
    """A full record of a VM of which the size and the number of data disks matter."""
    disk = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/"
    return {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
        "name": "vm",
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "imageReference": {
                    "publisher": "Canonical",
                    "offer": "ubuntu-24_04-lts",
                    "sku": "server",
                },
                "osDisk": {
                    "osType": "Linux",
                    "managedDisk": {"id": f"{disk}os", "storageAccountType": "Premium_LRS"},
                },
                "dataDisks": [
                    {
                        "lun": lun,
                        "caching": "None",
                        "managedDisk": {
                            "id": f"{disk}d{lun}",
                            "storageAccountType": "Premium_LRS",
                        },
                    }
                    for lun in range(data_disks)
                ],
            },
        },
    }


SEVERAL = "vm-size-several-data-disks"


@pytest.mark.parametrize(
    ("size", "data_disks", "verdict", "warned"),
    [
        ("Standard_D4s_v5", 4, "supported", False),
        ("Standard_D4s_v6", 1, "supported", False),
        ("Standard_D4s_v6", 2, "supported", True),
        ("Standard_E8ds_v7", 9, "supported", True),
        ("Standard_D4as_v6", 9, "supported", False),
        ("Standard_D4as_v7", 2, "supported", True),
        ("Standard_F8als_v7", 2, "supported", True),
        ("Standard_D4ps_v6", 9, "supported", False),
        ("Standard_L8s_v2", 9, "supported", False),
        ("Standard_DS3_v2", 9, "supported", False),
        ("Standard_GS5", 2, "supported", False),
        ("Standard_B2ms", 2, "supported", False),
        ("Standard_E8-2ds_v6", 2, "supported", True),
        ("Standard_NC24ads_A100_v4", 2, "supported", False),
        ("Standard_D4_v3", 2, "unknown", False),
        ("Standard_M64", 2, "unknown", False),
        ("Basic_A1", 0, "unknown", False),
        ("[parameters('size')]", 2, "unknown", False),
    ],
)
def test_the_newer_edition_reads_the_size(
    size: str, data_disks: int, verdict: str, warned: bool
) -> None:
    vm = a_vm(size, data_disks)
    for matrix in (BASE, NEWER):
        application, crash = rp.assess(rp.read_inventory([vm]), matrix).verdicts
        assert application.verdict == "supported"
        newer = matrix is NEWER
        assert crash.verdict == (verdict if newer else "supported")
        assert (SEVERAL in crash.caveats) == (warned and newer)
        if newer and verdict == "unknown":
            assert {question.fact_id for question in crash.missing} == {"premium_storage_size"}


def test_disks_that_no_record_lists_are_not_counted() -> None:
    vm = a_vm("Standard_D4s_v6", 2)
    del vm["properties"]["storageProfile"]
    _, crash = rp.assess(rp.read_inventory([vm]), NEWER).verdicts
    assert SEVERAL in crash.possible_caveats
    (finding,) = [
        one
        for one in rp.assess(rp.read_inventory([vm]), NEWER).findings
        if (one.row_id, one.mode) == (SEVERAL, "crash")
    ]
    known = {one.fact_id: one.value for one in finding.evidence}
    assert known == {"vm_size_processor": "intel", "vm_size_version": "6", "data_disk_count": None}


def test_a_size_without_premium_storage_is_refused_when_a_person_says_so() -> None:
    inventory = rp.read_inventory([a_vm("Standard_D4_v3", 2)])
    _, crash = rp.assess(inventory, NEWER, answers={"premium_storage_size": "no"}).verdicts
    assert (crash.verdict, crash.reasons) == ("not_supported", ("vm-size-premium-storage",))


def test_the_newer_edition_says_the_same_in_three_rows() -> None:
    said = [citation.row_id for citation in NEWER.citations(SEVERAL)]
    assert said == [SEVERAL, "azure-boost-several-data-disks", "nvme-several-data-disks"]
    assert {citation.edition for citation in NEWER.citations(SEVERAL)} == {"newer"}
    assert NEWER.row("c14", "rulings")["adopted"] == "b"


def test_every_statement_of_the_newer_edition_is_new_or_supersedes_one() -> None:
    statements = [row for row in NEWER.table("statements") if row["edition"] == "newer"]
    old = [row for row in NEWER.table("statements") if row["edition"] == "seed"]
    superseded = [name for row in statements for name in row.members("supersedes")]
    assert sorted(superseded) == sorted(row.id for row in old)
    assert [row.id for row in statements if not row["supersedes"]] == ["newer-vm-sizes"]


def disk_of(vm: dict[str, Any], lun: int, **cells: Any) -> dict[str, Any]:
    vm["properties"]["storageProfile"]["dataDisks"][lun].update(cells)
    return vm


@pytest.mark.parametrize(
    ("accelerated", "verdict"), [(True, "exclude_disks"), (False, "supported")]
)
def test_a_disk_with_write_accelerator_is_left_out(accelerated: bool, verdict: str) -> None:
    vm = disk_of(a_vm("Standard_M64s", 2), 1, writeAcceleratorEnabled=accelerated)
    application, crash = rp.assess(rp.read_inventory([vm]), PUBLIC).verdicts
    assert (application.verdict, crash.verdict) == ("supported", verdict)
    assert [disk.lun for disk in crash.exclude_disks] == [1] * accelerated
    assert ("c31" in crash.rulings) == accelerated
    assert rp.assess(rp.read_inventory([vm]), BASE).verdicts[1].verdict == "supported"


@pytest.mark.parametrize(
    ("caching", "warned"), [("ReadWrite", True), ("ReadOnly", False), ("None", False)]
)
def test_read_write_caching_is_a_caveat_in_crash_mode(caching: str, warned: bool) -> None:
    vm = disk_of(a_vm("Standard_D4s_v5", 1), 0, caching=caching)
    application, crash = rp.assess(rp.read_inventory([vm]), PUBLIC).verdicts
    assert "host-caching-read-write" not in application.caveats
    assert ("host-caching-read-write" in crash.caveats) == warned


@pytest.mark.parametrize(
    ("day", "base", "public"),
    [
        ("2023-10-10", "supported", "supported"),
        ("2023-10-11", "unknown", "unknown"),
        ("2026-10-13", "unknown", "unknown"),
        ("2026-10-14", "unknown", "not_supported"),
    ],
)
def test_the_day_counts_for_windows_server_2012_r2(day: str, base: str, public: str) -> None:
    records = sample_vm("windows-server-2012-r2")
    as_of = date.fromisoformat(day)
    for overlays, expected in (((), base), (("public-sources",), public)):
        matrix = load_matrix(*overlays or ("base",), as_of=as_of)
        assert verdicts(matrix, *records) == {"application": expected, "crash": "supported"}


def test_an_answer_in_the_inventory_counts_between_the_two_days() -> None:
    records = sample_vm("windows-server-2012-r2")
    for answer, expected in (("reached", "not_supported"), ("not_reached", "supported")):
        told = [{**records[0], "extended_security_updates": answer}, *records[1:]]
        assert verdicts(BASE, *told)["application"] == expected


def collection_of(vm_id: str, created: Iterable[str], mode: str) -> dict[str, Any]:
    group = vm_id.partition("/providers/")[0]
    collection = f"{group}/providers/Microsoft.Compute/restorePointCollections/c"
    points = [
        {
            "id": f"{collection}/restorePoints/p{number}",
            "name": f"p{number}",
            "properties": {
                "consistencyMode": mode,
                "timeCreated": time,
                "provisioningState": "Succeeded",
            },
        }
        for number, time in enumerate(created)
    ]
    return {
        "id": collection,
        "type": "Microsoft.Compute/restorePointCollections",
        "location": "westeurope",
        "properties": {"source": {"id": vm_id}, "restorePoints": points},
    }


@pytest.mark.parametrize(("minutes", "state"), [((5, 20, 59), "exceeded"), ((5, 20, 61), "within")])
def test_three_creations_within_an_hour_are_the_most(minutes: tuple[int, ...], state: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    vm = a_vm("Standard_D4s_v5", 1)
    times = [(now - timedelta(minutes=one)).isoformat() for one in minutes]
    points = collection_of(vm["id"], times, "CrashConsistent")
    result = rp.assess(rp.read_inventory([vm, points]), PUBLIC)
    states = {one.row_id: one.state for one in result.limits_of(result.inventory.vms[0], as_of=now)}
    assert states["throttle-crash"] == state
    assert states["throttle-app"] == "within"


NEWEST = load_matrix("newer-edition", "newest")
CONFIDENTIAL = {"securityType": "ConfidentialVM"}


@pytest.mark.parametrize(
    ("size", "region", "application", "crash", "row"),
    [
        ("Standard_DC4as_v6", "uaenorth", "supported", "not_supported", "confidential-vm-v6"),
        ("Standard_EC4es_v6", "Korea Central", "supported", "not_supported", "confidential-vm-v6"),
        (
            "Standard_DC4as_v6",
            "West Europe",
            "unknown",
            "not_supported",
            "confidential-vm-v6-more-regions",
        ),
        ("Standard_DC4as_v6", "brazilsouth", "not_supported", "not_supported", "confidential-vm"),
        ("Standard_DC4as_v5", "uaenorth", "not_supported", "not_supported", "confidential-vm"),
        ("Standard_DC4as_v6", None, "unknown", "not_supported", "confidential-vm"),
        ("[parameters('size')]", "uaenorth", "unknown", "not_supported", "confidential-vm"),
    ],
)
def test_confidential_vms_in_what_is_newest(
    size: str, region: str | None, application: str, crash: str, row: str
) -> None:
    record = a_vm(size, 1) | {"location": region}
    record["properties"]["securityProfile"] = CONFIDENTIAL
    verdicts = rp.assess(rp.read_inventory([record]), NEWEST).verdicts
    assert [one.verdict for one in verdicts] == [application, crash]
    assert row in (*verdicts[0].reasons, *verdicts[0].caveats)
    assert "confidential-vm-crash" in verdicts[1].reasons
    for matrix in (BASE, NEWER):
        verdicts = rp.assess(rp.read_inventory([record]), matrix).verdicts
        assert {one.verdict for one in verdicts} == {"not_supported"}


@pytest.mark.parametrize("size", ["Standard_D4s_v5", "Standard_D4s_v6"])
def test_other_vms_are_not_concerned_by_confidential_rows(size: str) -> None:
    record = a_vm(size, 0) | {"location": "uaenorth"}
    for one in rp.assess(rp.read_inventory([record]), NEWEST).verdicts:
        assert (one.verdict, [row for row in one.caveats if "confidential" in row]) == (
            "supported",
            [],
        )


@pytest.mark.parametrize("enabled", [True, False])
def test_points_that_the_platform_makes_are_a_caveat(enabled: bool) -> None:
    record = a_vm("Standard_D4s_v5", 0)
    record["properties"]["resiliencyProfile"] = {"periodicRestorePoints": {"isEnabled": enabled}}
    for one in rp.assess(rp.read_inventory([record]), NEWEST).verdicts:
        assert one.verdict == "supported"
        assert ("basic-vm-protection" in one.caveats) == enabled


@pytest.mark.parametrize(
    "size", ["Standard_M416s_8_v2", "Standard_M416s_10_v2", "Standard_M176bds_4_v3"]
)
def test_sizes_of_the_m_series_are_read(size: str) -> None:
    verdicts = rp.assess(rp.read_inventory([a_vm(size, 2)]), NEWER).verdicts
    assert [one.verdict for one in verdicts] == ["supported", "supported"]


def newest_vms() -> list[dict[str, Any]]:
    """Give VMs that each row of the overlay applies to, does not, or may."""
    records: list[dict[str, Any]] = []
    for size in ("Standard_DC4as_v6", "Standard_DC4as_v5", "Standard_D4s_v5", None):
        for region in ("UAE North", "westus", "brazilsouth", " ", None):
            for security in (CONFIDENTIAL, {"securityType": "TrustedLaunch"}, {}):
                record = a_vm(size or "", 1) | {"location": region}
                record["properties"]["securityProfile"] = security
                if size is None:
                    del record["properties"]["hardwareProfile"]
                records.append(record)
    for enabled in (True, False, None, "perhaps"):
        record = a_vm("Standard_D4s_v5", 0)
        protection = {"periodicRestorePoints": {"isEnabled": enabled}}
        record["properties"]["resiliencyProfile"] = protection
        records.append(record)
    # A group for each VM, so that no two VMs list the same disk.
    return [
        json.loads(json.dumps(record).replace("/resourceGroups/g/", f"/resourceGroups/g{number}/"))
        for number, record in enumerate(records)
    ]


@pytest.mark.parametrize("answers", [None, {"vm_region": "uaenorth", "vm_size_version": "6"}])
def test_a_fleet_says_the_same_of_what_is_newest(
    answers: dict[str, str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "vms.json"
    path.write_text(json.dumps(newest_vms()), encoding="utf-8")
    result = assess_files(path, NEWEST, answers=answers)
    assert not differences(result, path, matrix=NEWEST, answers=answers)


def test_a_region_that_is_told_settles_the_verdict() -> None:
    record = a_vm("Standard_DC4as_v6", 1) | {"location": None}
    record["properties"]["securityProfile"] = CONFIDENTIAL
    inventory = rp.read_inventory([record])
    application, _ = rp.assess(inventory, NEWEST).verdicts
    (question,) = application.missing
    assert question.fact_id == "vm_region"
    assert question.command.startswith("az vm show ")
    for region, verdict in (("uaenorth", "supported"), ("brazilsouth", "not_supported")):
        application, _ = rp.assess(inventory, NEWEST, answers={"vm_region": region}).verdicts
        assert application.verdict == verdict


@pytest.mark.parametrize(
    ("minutes", "states"),
    [
        (59, ("exceeded", "within")),
        (60, ("within", "within")),
        (300, ("within", "within")),
        (301, ("within", "exceeded")),
    ],
)
def test_instant_access_lasts_between_two_limits(minutes: int, states: tuple[str, str]) -> None:
    result = rp.assess(
        rp.read_inventory([a_vm("Standard_D4s_v5", 1)]),
        NEWEST,
        answers={"instant_access_minutes": str(minutes)},
    )
    limits = {one.row_id: one.state for one in result.limits_of(result.inventory.vms[0])}
    names = ("instant-access-minutes", "instant-access-minutes-most")
    assert tuple(limits[name] for name in names) == states


def test_impact_tells_what_is_newest() -> None:
    records = newest_vms()
    found = impact(NEWER, NEWEST, rp.read_inventory(records))
    verdicts = found.of_kind("verdict")
    better = {one.vm_id for one in verdicts if one.after.verdict == "supported"}
    assert better == {records[0]["id"]}
    assert {(one.mode, one.before.verdict) for one in verdicts} == {
        ("application", "not_supported")
    }
    caveats = [(one.vm_id, one.mode) for one in found.of_kind("caveats")]
    assert caveats == [(records[60]["id"], mode) for mode in MODES]


def test_every_source_of_what_is_newest_has_an_address() -> None:
    for table in ("scenarios", "limits", "encryption", "steps"):
        for row in NEWEST.table(table):
            if NEWEST.layer_of(row.id, table) == "newest":
                assert NEWEST.citation(row.id).address.startswith("https://"), row.id
