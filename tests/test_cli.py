"""The commands: what they print for machines and for people, and how they end."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import data_disk, disk, disk_id, sku, vm, vm_id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from overlays import write_overlay
from terminal import (
    ESCAPE,
    HOSTILE,
    Answer,
    Run,
    barred_vm,
    open_vm,
    run_process,
    save,
    sure_vm,
    ultra_vm,
)
from terminal import on_terminal as on_terminal
from terminal import run as run

import rpmatrix as rp
from rpmatrix.cli import main as cli
from rpmatrix.cli import shell
from rpmatrix.cli.completion import SHELLS
from rpmatrix.cli.shell import TABLED
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES
from rpmatrix.serve import lab as launcher

ROOT = Path(__file__).resolve().parents[1]
MATRIX = rp.load_matrix()
ROW_IDS = {row.id for table in cli.CITABLE_TABLES for row in MATRIX.table(table)}


FOUR = {
    "vm-sure": ("supported", "supported"),
    "vm-ultra": ("supported", "exclude_disks"),
    "vm-barred": ("not_supported", "not_supported"),
    "vm-open": ("supported", "unknown"),
}


def four() -> list[dict[str, Any]]:
    return [sure_vm(), ultra_vm(), barred_vm(), open_vm()]


# --- the JSON contract ------------------------------------------------------------------------


@pytest.fixture
def contract(run: Run) -> dict[str, Any]:
    save(four(), "vms.json")
    save([disk("vm-sure-os"), azure.network_interface(), {"nothing": "known"}], "more.json")
    answer = run("assess", "vms.json", "more.json", "--json")
    assert answer.code == 0
    return dict(json.loads(answer.out))


def test_json_has_the_documented_keys_and_no_others(contract: dict[str, Any]) -> None:
    assert list(contract) == ["matrix", "verdicts", "problems", "counts"]
    assert list(contract["matrix"]) == ["digest", "layers", "article"]
    assert re.fullmatch("[0-9a-f]{64}", contract["matrix"]["digest"])
    assert contract["matrix"]["layers"] == ["seed"]


VERDICT_KEYS = {
    "vm_id": str,
    "vm_name": str,
    "mode": str,
    "verdict": str,
    "floor": str,
    "ceiling": str,
    "exclude_disks": list,
    "reasons": list,
    "caveats": list,
    "assumptions": list,
    "missing": list,
    "rulings": list,
}


def test_json_verdicts_have_the_documented_types(contract: dict[str, Any]) -> None:
    assert len(contract["verdicts"]) == 8
    for verdict in contract["verdicts"]:
        assert {name: type(value) for name, value in verdict.items()} == VERDICT_KEYS
        assert list(verdict) == list(VERDICT_KEYS)


def test_json_verdicts_use_the_words_of_the_contract(contract: dict[str, Any]) -> None:
    rulings = {row.id for row in MATRIX.table("rulings")}
    for verdict in contract["verdicts"]:
        assert verdict["mode"] in MODES
        assert {verdict["verdict"], verdict["floor"], verdict["ceiling"]} <= set(VERDICTS)
        assert {*verdict["reasons"], *verdict["caveats"]} <= ROW_IDS
        assert set(verdict["assumptions"]) <= set(MATRIX.facts)
        assert set(verdict["rulings"]) <= rulings


def test_json_gives_the_verdicts_of_each_vm_and_mode(contract: dict[str, Any]) -> None:
    found: dict[str, dict[str, str]] = {}
    for verdict in contract["verdicts"]:
        found.setdefault(verdict["vm_name"], {})[verdict["mode"]] = verdict["verdict"]
    assert {name: tuple(modes[mode] for mode in MODES) for name, modes in found.items()} == FOUR


def test_json_names_a_disk_to_exclude_by_id_lun_and_rows(contract: dict[str, Any]) -> None:
    (verdict,) = [one for one in contract["verdicts"] if one["verdict"] == "exclude_disks"]
    assert verdict["exclude_disks"] == [
        {
            "id": disk_id("disk-ultra"),
            "name": "disk-ultra",
            "lun": 3,
            "role": "data",
            "rows": ["ultra-disk"],
        }
    ]
    assert verdict["reasons"] == ["ultra-disk"]


def test_json_says_what_is_missing_and_what_tells_it(contract: dict[str, Any]) -> None:
    (verdict,) = [one for one in contract["verdicts"] if one["verdict"] == "unknown"]
    assert (verdict["floor"], verdict["ceiling"]) == ("exclude_disks", "supported")
    assert verdict["missing"] == [
        {"fact_id": "disk_sku", "command": f"az disk show --ids {disk_id('disk-dark')}"}
    ]


def test_json_tells_problems_with_their_place(contract: dict[str, Any]) -> None:
    (problem,) = contract["problems"]
    assert list(problem) == ["file", "record", "path", "message"]
    assert all(type(value) is str for value in problem.values())
    assert (problem["file"], problem["record"]) == ("more.json", "/2")


def test_json_counts_add_up(contract: dict[str, Any]) -> None:
    counts = contract["counts"]
    assert counts == {"records": 7, "vms": 4, "disks": 1, "other": 1, "problems": 1}
    assert counts["records"] == sum(counts[name] for name in list(counts)[1:])


def test_the_contract_is_documented_key_by_key(contract: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")

    def keys(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield name
                yield from keys(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from keys(inner)

    assert [name for name in dict.fromkeys(keys(contract)) if f"`{name}`" not in text] == []
    assert [word for word in (*VERDICTS, *MODES) if f"`{word}`" not in text] == []


def test_json_is_plain_ascii(run: Run) -> None:
    save(sure_vm("vm-märz"))
    answer = run("assess", "vm.json", "--json")
    assert answer.out.isascii()
    assert json.loads(answer.out)["verdicts"][0]["vm_name"] == "vm-märz"


SKUS = ("Premium_LRS", "UltraSSD_LRS", "PremiumV2_LRS", "StandardSSD_ZRS", None)
SECURITY: tuple[dict[str, Any], ...] = (
    {},
    {"securityType": "TrustedLaunch"},
    {"securityType": "ConfidentialVM"},
    {"encryptionAtHost": True},
)


@st.composite
def any_vm(draw: st.DrawFn, number: int) -> dict[str, Any]:
    skus = draw(st.lists(st.sampled_from(SKUS), max_size=3))
    data = [
        data_disk(lun, **sku(name))
        if name
        else data_disk(lun, managedDisk={"storageAccountType": None})
        for lun, name in enumerate(skus)
    ]
    system = draw(st.sampled_from(["Linux", "Windows"]))
    image = draw(st.sampled_from([azure.UBUNTU, azure.WINDOWS, None]))
    security = draw(st.sampled_from(SECURITY))
    return vm(f"vm-{number}", data=data, os=system, image=image, securityProfile=security)


@given(
    vms=st.integers(1, 3).flatmap(lambda count: st.tuples(*(any_vm(one) for one in range(count)))),
    mode=st.sampled_from([None, *MODES]),
    strict=st.booleans(),
    architecture=st.sampled_from([None, "64-bit", "32-bit"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_json_says_what_the_functions_say(
    capsys: pytest.CaptureFixture[str],
    vms: tuple[dict[str, Any], ...],
    mode: str | None,
    strict: bool,
    architecture: str | None,
) -> None:
    options = ["--strict"] if strict else []
    options += ["--mode", mode] if mode else []
    options += ["--assume", f"os_architecture={architecture}"] if architecture else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vms.json"
        path.write_text(json.dumps(vms), encoding="utf-8")
        assert cli.main(["assess", str(path), "--json", *options]) == 0
    answers = {"os_architecture": architecture} if architecture else None
    expected = rp.assess(
        rp.read_inventory(list(vms)),
        MATRIX,
        modes=[mode] if mode else MODES,
        strict=strict,
        answers=answers,
    )
    assert json.loads(capsys.readouterr().out) == expected.to_dict()


# --- CSV --------------------------------------------------------------------------------------


def test_csv_has_a_row_for_every_vm_and_mode(run: Run) -> None:
    answer = run("assess", save(four()), "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [(row["vm_name"], row["mode"]) for row in rows] == [
        (name, mode) for name in FOUR for mode in MODES
    ]
    (ultra,) = [row for row in rows if row["verdict"] == "exclude_disks"]
    assert (ultra["exclude_disks"], ultra["reasons"]) == (disk_id("disk-ultra"), "ultra-disk")
    (dark,) = [row for row in rows if row["verdict"] == "unknown"]
    assert dark["missing"] == "disk_sku"
    assert dark["commands"] == f"az disk show --ids {disk_id('disk-dark')}"
    assert answer.err == ""


def test_csv_has_the_columns_of_the_frame_and_the_commands(run: Run) -> None:
    answer = run("assess", save(sure_vm()), "--csv")
    header = answer.out.splitlines()[0].split(",")
    frame = rp.assess(rp.read_inventory(sure_vm()), MATRIX).verdicts.frame()
    assert [name for name in header if name != "commands"] == list(frame.columns)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " ="])
def test_csv_gives_a_spreadsheet_no_formula_and_says_so(run: Run, start: str) -> None:
    record = sure_vm()
    record["name"] = f'{start}HYPERLINK("x")'
    answer = run("assess", save(record), "--csv", "--mode", "crash")
    (row,) = csv.DictReader(io.StringIO(answer.out, newline=""))
    assert row["vm_name"] == f"'{record['name']}"
    assert "1 cell began like a formula" in answer.err


# --- the table for people ---------------------------------------------------------------------


def test_the_table_tells_verdict_by_word_and_sign(run: Run) -> None:
    lines = run("assess", save(four())).out.splitlines()
    assert [line.split() for line in lines if line.startswith(("vm-", "   "))][:3] == [
        ["vm-sure", "both", "✓", "supported", "no", "restriction", "applies"],
        ["vm-ultra", "application", "✓", "supported", "no", "restriction", "applies"],
        [
            *("crash", "◐", "exclude", "disks", "exclude", "lun", "3:"),
            *("Ultra", "Disk", "attached", "as", "data", "disk", "[ultra-disk]"),
        ],
    ]
    text = "\n".join(lines)
    assert re.search(r"vm-barred +both +✕ not supported +Confidential VM \[confidential-vm\]", text)
    assert re.search(r"crash +\? unknown +at best supported, at worst exclude disks", text)


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_ids_and_commands_are_never_broken(run: Run, width: int) -> None:
    lines = run("assess", save(four()), width=width).out.splitlines()
    assert f"    lun 3    {disk_id('disk-ultra')}" in lines
    assert f"  az disk show --ids {disk_id('disk-dark')}" in lines


@pytest.mark.parametrize("width", [20, 60])
def test_explain_breaks_lines_between_words_only(run: Run, width: int) -> None:
    words = run("explain", save(ultra_vm()), width=width).out.split()
    assert "properties.storageProfile.dataDisks[0].managedDisk.storageAccountType" in words
    assert disk_id("disk-ultra") in words


def test_a_terminal_gets_colours_and_whole_ids(run: Run, on_terminal: Callable[..., str]) -> None:
    save(four())
    shown = on_terminal("assess", "vm.json")
    assert f"{ESCAPE}[32m✓ supported" in shown
    assert f"{ESCAPE}[31m✕ not supported" in shown
    assert disk_id("disk-ultra") in shown
    assert f"az disk show --ids {disk_id('disk-dark')}" in shown


def test_a_terminal_gets_no_colours_where_they_are_not_wanted(
    run: Run, on_terminal: Callable[..., str]
) -> None:
    save(four())
    assert f"{ESCAPE}[32m" not in on_terminal("assess", "vm.json", NO_COLOR="1")


@pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
def test_a_name_cannot_steer_a_real_terminal(
    run: Run, on_terminal: Callable[..., str], form: list[str]
) -> None:
    record = sure_vm()
    record["name"] = HOSTILE
    shown = on_terminal("assess", save(record), *form)
    for sign in (f"{ESCAPE}[2J", f"{ESCAPE}]0;x", "\x07", "\u202e", "\x9b"):
        assert sign not in shown


def test_the_names_of_vms_are_not_broken_in_a_pipe(run: Run) -> None:
    names = [f"vm-{'long-' * 11}{number}" for number in range(2)]
    lines = run("assess", save([sure_vm(name) for name in names]), width=40).out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("vm-")] == names


def test_vms_of_one_name_are_told_apart(run: Run) -> None:
    first, other = sure_vm("vm-twin"), barred_vm("vm-twin")
    other["id"] = vm_id("vm-twin", group="rg-other")
    text = run("assess", save([first, other])).out
    assert "vm-twin (rg-harbour)" in text
    assert "vm-twin (rg-other)" in text


def test_the_table_lists_what_is_assumed_and_where_sources_differ(run: Run) -> None:
    text = run("assess", save(ultra_vm())).out
    assert "os_architecture=64-bit  " in text
    assert MATRIX.facts["os_architecture"].question in text
    assert re.search(r"^  c7 +Ultra Disk and Premium SSD v2 in crash mode$", text, re.MULTILINE)


def test_strict_assumes_nothing(run: Run) -> None:
    text = run("assess", save(sure_vm()), "--strict", "--mode", "application").out
    assert "Assumed" not in text
    assert "? unknown" in text
    assert MATRIX.facts["os_architecture"].question in text


def test_one_mode_is_judged_alone(run: Run) -> None:
    answer = run("assess", save(ultra_vm()), "--mode", "crash", "--json")
    assert [one["mode"] for one in json.loads(answer.out)["verdicts"]] == ["crash"]


def test_problems_notes_and_counts_stand_below_the_table(run: Run) -> None:
    Path("mixed.json").write_text(f"WARNING: old client\n{json.dumps([sure_vm(), {'a': 1}])}")
    text = run("assess", "mixed.json").out
    below = text[text.index("Not understood: 1 record") :]
    assert "  mixed.json line 2/1: " in below
    assert "  mixed.json: text around the JSON was passed over" in below
    assert "application: 1 supported" in below
    assert "2 records read: 1 VM, 0 disks, 0 other, 1 problem; matrix seed, digest" in below


def test_a_long_block_says_how_much_it_leaves_out(run: Run) -> None:
    save([sure_vm(), *({"unknown": number} for number in range(shell.LISTED + 5))])
    assert "  ... and 5 more; --json gives all" in run("assess", "vm.json").out


def test_away_from_a_terminal_there_are_neither_colours_nor_trailing_blanks(run: Run) -> None:
    text = run("assess", save(four())).out
    assert ESCAPE not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("command", [("assess",), ("explain",)])
def test_a_name_cannot_steer_the_terminal(run: Run, command: tuple[str, ...]) -> None:
    record = ultra_vm()
    record["name"] = HOSTILE
    record["properties"]["storageProfile"]["dataDisks"][0]["name"] = HOSTILE
    answer = run(*command, save(record))
    assert answer.code == 0
    assert [sign for sign in answer.out if not sign.isprintable() and sign != "\n"] == []
    assert "\\x1b[2J" in answer.out
    assert "[bold]b[/bold] :bug:" in answer.out


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "utf-16", "utf-8"])
@pytest.mark.parametrize("form", [(), ("--csv",), ("--json",)])
def test_any_console_encoding_will_do(tmp_path: Path, encoding: str, form: tuple[str, ...]) -> None:
    record = sure_vm()
    record["name"] = HOSTILE
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(record))
    answer = run_process("assess", path, *form, encoding=encoding)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert "supported" in answer.stdout.decode(encoding)


# --- input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", azure.ENCODINGS)
def test_standard_input_is_read_in_any_encoding(run: Run, monkeypatch: Any, name: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(azure.ENCODINGS[name](json.dumps(ultra_vm()))))
    monkeypatch.setattr(sys, "stdin", stream)
    answer = run("assess", "-", "--json")
    assert answer.code == 0
    verdicts = json.loads(answer.out)["verdicts"]
    assert [one["verdict"] for one in verdicts] == list(FOUR["vm-ultra"])


def test_standard_input_mixes_with_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "sure.json").write_text(json.dumps(sure_vm()))
    (tmp_path / "disk.json").write_text(json.dumps(disk("disk-dark")))
    answer = run_process(
        *("assess", "-", "-", tmp_path / "folder", tmp_path / "disk.json", "--json"),
        stdin=json.dumps(open_vm()).encode("utf-16"),
    )
    found = json.loads(answer.stdout)
    assert found["counts"] == {"records": 3, "vms": 2, "disks": 1, "other": 0, "problems": 0}
    assert {one["verdict"] for one in found["verdicts"]} == {"supported"}


def test_a_file_may_have_any_name(run: Run) -> None:
    name = save(sure_vm(), "{odd} [name] ' \".json")
    assert run("assess", name).code == 0


# --- answers, overlays ------------------------------------------------------------------------


def verdict_of(answer: Answer, name: str, mode: str) -> str:
    for one in json.loads(answer.out)["verdicts"]:
        if (one["vm_name"], one["mode"]) == (name, mode):
            return str(one["verdict"])
    raise AssertionError(name)


def test_an_answer_settles_all_vms_or_one(run: Run) -> None:
    save([sure_vm("vm-a"), sure_vm("vm-b")])
    both = run("assess", "vm.json", "--json", "--assume", "os_architecture=32-BIT")
    assert {verdict_of(both, name, "application") for name in ("vm-a", "vm-b")} == {"not_supported"}
    for wanted in ("VM-A", vm_id("vm-a").upper()):
        one = run("assess", "vm.json", "--json", "--assume", f"{wanted}:os_architecture=32-bit")
        assert verdict_of(one, "vm-a", "application") == "not_supported"
        assert verdict_of(one, "vm-b", "application") == "supported"


def vm_of_unknown_disks(name: str, *disks: str) -> dict[str, Any]:
    made = sure_vm(name, data=[data_disk(lun, disk) for lun, disk in enumerate(disks)])
    for one in made["properties"]["storageProfile"]["dataDisks"]:
        del one["managedDisk"]["storageAccountType"]
    return made


@pytest.mark.parametrize("scope", ["disk-b", "lun:1", "vm-a:disk-b", "VM-A:LUN:1"])
def test_an_answer_settles_one_disk(run: Run, scope: str) -> None:
    save([vm_of_unknown_disks("vm-a", "disk-a", "disk-b"), sure_vm("vm-b")])
    options = ["--assume", "lun:0:disk_sku=Premium_LRS"]
    options += ["--assume", f"{scope}:disk_sku=UltraSSD_LRS"]
    answer = run("assess", "vm.json", "--json", "--mode", "crash", *options)
    assert (answer.code, answer.err) == (0, "")
    verdict = json.loads(answer.out)["verdicts"][0]
    assert [disk["lun"] for disk in verdict["exclude_disks"]] == [1]


def test_an_answer_for_a_disk_of_several_vms_is_refused(run: Run) -> None:
    save([vm_of_unknown_disks("vm-a", "disk-a"), vm_of_unknown_disks("vm-b", "disk-a")])
    answer = run("assess", "vm.json", "--assume", "disk-a:disk_sku=UltraSSD_LRS")
    assert answer.code == 2
    assert "2 disks may be meant, of vm-a, vm-b; write VM:DISK:FACT=VALUE" in answer.err
    answer = run("assess", "vm.json", "--assume", "disk-z:disk_sku=UltraSSD_LRS")
    assert answer.code == 2
    assert "no VM 'disk-z'" in answer.err
    assert "nor a disk of that name" in answer.err


def test_an_answer_that_the_input_makes_needless_is_told(run: Run) -> None:
    answer = run("assess", save(sure_vm()), "--assume", "os_family=Windows")
    assert answer.code == 0
    assert "--assume os_family=Windows had no effect: the input already has os_family" in answer.err
    assert "not needed" not in run("assess", "vm.json", "--assume", "nfs_mounts=no").err


@pytest.fixture
def overlay(run: Run) -> Path:
    """An overlay of one row: the Ultra Disk is to be excluded in both modes."""
    (row,) = [row for row in MATRIX.table("scenarios") if row.id == "ultra-disk"]
    folder = Path("contoso")
    folder.mkdir()
    about = {"owner": "Backup team", "purpose": "House rules", "source": "Runbook 7"}
    days = {"date": "2026-11-22", "valid_until": "2099-12-31"}
    (folder / "about.json").write_text(json.dumps(about | days))
    with (folder / "scenarios.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerow({**row, "application": "exclude_disk"})
    return folder


def test_checking_an_overlay_past_its_day_says_whose_turn_it_is(run: Run, overlay: Path) -> None:
    assert run("check", overlay).err == ""
    about = json.loads((overlay / "about.json").read_text())
    (overlay / "about.json").write_text(
        json.dumps({**about, "date": "2020-01-01", "valid_until": "2020-12-31"})
    )
    answer = run("check", overlay)
    assert answer.code == 0
    assert "expired on 2020-12-31" in answer.err
    assert "Backup team" in answer.err


def test_an_overlay_decides_and_is_named(run: Run, overlay: Path) -> None:
    answer = run("assess", save(ultra_vm()), "--json", "--overlay", overlay)
    assert verdict_of(answer, "vm-ultra", "application") == "exclude_disks"
    assert json.loads(answer.out)["matrix"]["layers"] == ["seed", "contoso"]
    assert "layer contoso" in run("show", "ultra-disk", "--overlay", overlay).out
    assert "ultra-disk [contoso]" in run("explain", "vm.json", "--overlay", overlay).out


def test_an_overlay_is_checked_as_one(run: Run, overlay: Path) -> None:
    assert run("check", overlay).out == "1 row in 1 table of an overlay, no problems\n"


# --- exit codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--fail-on", "not_supported"], 3),
        (["--fail-on", "unknown"], 3),
        (["--fail-on", "exclude_disks", "--mode", "application"], 0),
        (["--fail-on", "exclude-disks,unknown", "--mode", "crash"], 3),
        (["--fail-on", "exclude_disks", "--fail-on", "unknown", "--mode", "crash"], 3),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_fail_on_decides_the_exit_code(
    run: Run, options: list[str], code: int, form: list[str]
) -> None:
    answer = run("assess", save(four()), *options, *form)
    assert answer.code == code
    assert ("--fail-on: " in answer.err) == (code == 3)
    assert answer.out


def test_fail_on_counts_what_it_found(run: Run) -> None:
    answer = run("assess", save(four()), "--fail-on", "not_supported,unknown")
    assert answer.err == "rpmatrix: --fail-on: 2 not_supported, 1 unknown, of 8 verdicts\n"


def test_every_command_that_prints_json_is_in_the_contract(run: Run) -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    printing = [name for name in cli.COMMANDS if "--json" in run(name, "--help").out]
    assert "facts" in printing
    assert [one for one in printing if not re.search(rf"`rpmatrix {one}\b[^`]*--json`", text)] == []


@pytest.mark.parametrize("arguments", [["show", "ultra-disk"], ["facts"]])
def test_what_the_tables_are_told_as_is_documented_key_by_key(
    run: Run, arguments: list[str]
) -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    one = json.loads(run(*arguments, "--json").out)[0]
    inner = [key for value in one.values() if isinstance(value, list) for key in keys_in(value)]
    assert [key for key in (*one, *inner) if f"`{key}`" not in text] == []


def keys_in(values: list[Any]) -> list[str]:
    return [key for value in values if isinstance(value, dict) for key in value]


# A command line with wrong usage or nothing to judge, and what its message must say.
WRONG: list[tuple[list[str], str]] = [
    (["assess", "nowhere.json"], "there is no file or folder 'nowhere.json'"),
    (["assess", "empty"], "no file there that ends in .json"),
    (["assess", "empty.json"], "the input is empty"),
    (["assess", "binary.json"], "neither UTF-8 nor UTF-16"),
    (["assess", "cut.json"], "breaks off"),
    (["assess", "deep.json"], "nested too deeply"),
    (["assess", "disk.json"], "no VM to judge in the input (1 disk read, 0 problems)"),
    (["assess", "list.json"], "no VM to judge in the input (no record read, 0 problems)"),
    (["explain", "disk.json"], "no VM to judge"),
    (["assess", "vm.json", "--assume", "os_architecture"], "write FACT=VALUE"),
    (["assess", "vm.json", "--assume", "os_architecture="], "write FACT=VALUE"),
    (["assess", "vm.json", "--assume", "os_arch=64-bit"], "did you mean os_architecture?"),
    (["assess", "vm.json", "--assume", "os_architecture=12"], "may be 64-bit, 32-bit, not '12'"),
    (["assess", "vm.json", "--assume", "max_shares=two"], "max_shares is a whole number"),
    (["assess", "vm.json", "--assume", "vm-x:nfs_mounts=no"], "no VM 'vm-x'; there are vm-sure"),
    (["assess", "vm.json", "--overlay", "nowhere"], "is not a folder"),
    (["assess", "vm.json", "--fail-on", "supported"], "'supported' is none of exclude_disks"),
    (["assess", "vm.json", "--mode", "both"], "invalid choice: 'both'"),
    (["assess", "vm.json", "--json", "--csv"], "not allowed with argument --json"),
    (["assess", "vm.json", "--output", "empty/none/file"], "cannot write 'empty/none/file'"),
    (["assess", "vm.json", "--jsn"], "unrecognized arguments: --jsn"),
    (["assess"], "required: PATH"),
    (["explain", "vm-x", "vm.json"], "no VM 'vm-x'; there are vm-sure"),
    (["explain", "vms.json"], "4 VMs are in the input; name one: vm-sure, vm-ultra"),
    (["show", "ultra-dsk"], "did you mean ultra-disk"),
    (["show", "zzz"], "there is no row 'zzz'"),
    (["check", "nowhere"], "there is no folder 'nowhere'"),
    (["fix", "vm.json"], "there is no folder 'vm.json'"),
    (["sample", "plain-linx"], "plain-linux"),
    (["lab", "--notebook", "99-none.ipynb"], "99-none.ipynb"),
    (["completion", "tcsh"], "invalid choice: 'tcsh'"),
    (["vm.json"], "did you mean: rpmatrix assess vm.json"),
    (["asess"], "invalid choice: 'asess'"),
    ([], "give the verdict of every VM"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(one) for one, _ in WRONG])
def test_wrong_usage_ends_with_2_and_says_what_to_do(
    run: Run, monkeypatch: Any, tmp_path: Path, arguments: list[str], message: str
) -> None:
    Path("empty").mkdir()
    Path("empty.json").write_bytes(b"")
    Path("binary.json").write_bytes(bytes(range(256)) * 4)
    Path("cut.json").write_text('{"id": ')
    Path("deep.json").write_text("[" * 200_000)
    save([], "list.json")
    save(disk(), "disk.json")
    save(sure_vm())
    save(four(), "vms.json")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(launcher, "place_notebooks", lambda folder: tmp_path / "notebooks")
    answer = run(*arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_folder_with_the_name_of_a_command_is_not_in_its_way(run: Run, command: str) -> None:
    Path(command).mkdir()
    assert run(command, "--help").code == 0


def test_json_is_whole_though_nothing_can_be_judged(run: Run) -> None:
    answer = run("assess", save([]), "--json")
    assert answer.code == 2
    assert json.loads(answer.out)["verdicts"] == []


def test_tables_that_cannot_be_used_are_a_message(run: Run, monkeypatch: Any) -> None:
    save(sure_vm())
    shutil.copytree(ROOT / "matrix_data", "tables")
    path = Path("tables", "scenarios.csv")
    path.write_text(path.read_text().replace(",crash,", ",crush,", 1))
    monkeypatch.setenv("RPMATRIX_DATA", "tables")
    answer = run("assess", "vm.json")
    assert answer.code == 2
    assert "scenarios.csv" in answer.err
    monkeypatch.setenv("RPMATRIX_DATA", "nowhere")
    for command in (("assess", "vm.json"), ("check",), ("--version",)):
        answer = run(*command)
        assert (answer.code, "RPMATRIX_DATA names nowhere" in answer.err) == (2, True)


def test_an_unexpected_fault_is_not_hidden(run: Run, monkeypatch: Any) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(shell, "assess", fail)
    with pytest.raises(ZeroDivisionError):
        run("assess", save(sure_vm()))


def test_ctrl_c_ends_quietly(run: Run, monkeypatch: Any) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shell, "assess", stop)
    assert run("assess", save(sure_vm())) == (130, "", "rpmatrix: stopped\n")


@pytest.mark.skipif(os.name == "nt", reason="a pipe breaks otherwise on Windows")
@pytest.mark.parametrize("form", ["", "--json", "--csv"])
def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path, form: str) -> None:
    path = tmp_path / "vms.json"
    path.write_text(json.dumps([ultra_vm(f"vm-{number}") for number in range(150)]))
    writer = subprocess.Popen(
        [sys.executable, "-m", "rpmatrix", "assess", str(path), *([form] if form else [])],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.read(1)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    assert writer.wait(timeout=60) == 141


def test_a_full_disk_is_a_message() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device that is full here")
    with full.open("wb") as stream:
        answer = subprocess.run(
            [sys.executable, "-m", "rpmatrix", "facts"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=stream,
            stderr=subprocess.PIPE,
        )
    assert answer.returncode == 2
    assert answer.stderr.startswith(b"rpmatrix: cannot write: ")


# --- output to a file -------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_output_goes_to_a_file(run: Run, form: list[str]) -> None:
    save(four())
    shown = run("assess", "vm.json", *form).out
    answer = run("assess", "vm.json", *form, "--output", "case.txt")
    assert (answer.code, answer.out) == (0, "")
    assert Path("case.txt").read_bytes().decode() == shown


# --- explain ----------------------------------------------------------------------------------


def test_explain_gives_reason_evidence_citation_and_what_to_do(run: Run) -> None:
    text = run("explain", "VM-ULTRA", save(four())).out
    row = MATRIX.row("ultra-disk")
    lines = text[text.index("crash consistency: ◐ exclude disks") :].splitlines()
    assert f"    lun 3    {disk_id('disk-ultra')}" in lines
    crash = " ".join(" ".join(lines).split())
    assert "Ultra Disk attached as data disk [ultra-disk]" in crash
    assert row["remedy"] in crash
    shown = 'properties.storageProfile.dataDisks[0].managedDisk.storageAccountType is "UltraSSD_LRS'
    assert f"disk-ultra: disk_sku = UltraSSD_LRS: {shown}" in crash
    assert f"{MATRIX.citation('ultra-disk')}, reviewed {row['reviewed_on']}" in crash


def test_explain_shows_both_readings(run: Run) -> None:
    text = " ".join(run("explain", save(ultra_vm())).out.split())
    (ruling,) = [row for row in MATRIX.table("rulings") if row.id == "c7"]
    assert f"a (taken): {ruling['reading_a']}" in text
    assert f"b: {ruling['reading_b']}" in text
    assert f"({ruling['policy']}): {ruling['reason']}" in text


def test_explain_gives_the_command_for_what_is_missing(run: Run) -> None:
    lines = run("explain", save(open_vm()), "--mode", "crash").out.splitlines()
    assert f"      az disk show --ids {disk_id('disk-dark')}" in lines
    assert "  at best supported, at worst exclude disks" in lines


def test_explain_tells_alike_modes_once(run: Run) -> None:
    text = run("explain", save(barred_vm())).out
    assert "application and crash consistency: ✕ not supported" in text
    assert text.count("[confidential-vm]") == 1


def test_explain_needs_no_name_where_there_is_one_vm(run: Run) -> None:
    save(open_vm())
    save(disk("disk-dark", sku="UltraSSD_LRS"), "disk.json")
    answer = run("explain", "vm.json", "disk.json", "--mode", "crash")
    assert "crash consistency: ◐ exclude disks" in answer.out


def test_explain_names_the_file_of_evidence_where_there_are_several(run: Run) -> None:
    save(open_vm())
    save(disk("disk-dark", sku="UltraSSD_LRS"), "disk.json")
    assert 'sku.name is "UltraSSD_LRS" (disk.json' in run("explain", "vm.json", "disk.json").out
    assert "(vm.json" not in run("explain", "vm.json").out


def test_explain_shows_what_is_known_of_limits(run: Run) -> None:
    point = azure.restore_point("vm-sure", state="Creating", created="2026-03-01T04:00:00+00:00")
    save([sure_vm(), azure.collection("vm-sure", [point])])
    text = run("explain", "vm.json").out
    assert "exceeded, application: " in text
    assert MATRIX.row("lim-concurrent")["title"] in text
    assert "Limits" not in run("explain", save(sure_vm())).out


def test_explain_as_json_holds_what_decided(run: Run) -> None:
    save(ultra_vm())
    found = json.loads(run("explain", "vm.json", "--json").out)
    assert list(found) == [
        *("matrix", "vm", "verdicts", "findings", "limits", "citations", "rulings"),
        *("problems", "counts"),
    ]
    whole = json.loads(run("assess", "vm.json", "--json").out)
    assert found["verdicts"] == whole["verdicts"]
    assert found["vm"]["disks"][1] == {
        "id": disk_id("disk-ultra"),
        "name": "disk-ultra",
        "lun": 3,
        "role": "data",
    }
    (finding,) = [
        one for one in found["findings"] if (one["mode"], one["row_id"]) == ("crash", "ultra-disk")
    ]
    assert (finding["applies"], finding["outcome"]) == ("yes", "exclude_disk")
    assert finding["evidence"][0]["value"] == "UltraSSD_LRS"
    reasons = {row for one in found["verdicts"] for row in (*one["reasons"], *one["caveats"])}
    assert reasons <= set(found["citations"])
    assert {ruling for one in found["verdicts"] for ruling in one["rulings"]} == set(
        found["rulings"]
    )


# --- check and fix ----------------------------------------------------------------------------


@pytest.fixture
def tables(run: Run) -> Path:
    return Path(shutil.copytree(ROOT / "matrix_data", "tables"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_check_counts_rows_where_all_is_well(run: Run, tables: Path) -> None:
    answer = run("check", tables)
    rows = sum(len(MATRIX.table(name)) for name in MATRIX)
    assert answer == (0, f"{rows} rows in {len(list(MATRIX))} tables, no problems\n", "")


def test_check_names_the_cell_and_ends_with_1(run: Run, tables: Path) -> None:
    header, first, *rest = (tables / "scenarios.csv").read_text().splitlines(keepends=True)
    column = header.rstrip().split(",").index("area")
    letter = "ABCDEFGH"[column]
    cells = first.split(",")
    cells[column] = "dsk"
    (tables / "scenarios.csv").write_text("".join([header, ",".join(cells), *rest]))
    answer = run("check", tables)
    assert answer.code == 1
    assert any(line.startswith(f"scenarios.csv:{letter}2 ") for line in answer.out.splitlines())
    assert re.fullmatch(rf"rpmatrix: \d+ problems? in {tables}.*\n", answer.err)


def test_fix_repairs_what_a_spreadsheet_did(run: Run, tables: Path) -> None:
    path = tables / "limits.csv"
    before = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + before.replace(b"\n", b"\r\n"))
    answer = run("check", tables)
    assert answer.code == 1
    assert f"can be repaired by: rpmatrix fix {tables}" in answer.err
    assert run("fix", tables).code == 0
    assert path.read_bytes() == before
    assert run("check", tables).code == 0


def test_fix_leaves_to_a_person_what_it_must(run: Run, tables: Path) -> None:
    change(tables / "scenarios.csv", ",crash,", ",crush,")
    answer = run("fix", tables)
    assert answer.code == 1
    assert "scenarios.csv:" in answer.out
    assert answer.err == f"rpmatrix: 1 problem remains in {tables}\n"


def condition(fact_id: str) -> dict[str, str]:
    return {
        "id": "mine-1",
        "scenario_id": "ppg",
        "clause": "1",
        "fact_id": fact_id,
        "operator": "is",
        "value": "yes",
    }


def test_fix_tells_what_does_not_fit_what_lies_below_an_overlay(run: Run) -> None:
    own = write_overlay(Path("own"), {"conditions": [condition("nobody")]})
    path = own / "conditions.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    told = 'own/conditions.csv:D2 unknown fact "nobody"; write an id of facts.csv'
    answer = run("fix", own)
    assert answer.code == 1
    assert "conditions.csv: written anew" in answer.out
    assert told in answer.out
    assert answer.err == "rpmatrix: 1 problem remains in own\n"
    assert b"\r" not in path.read_bytes()
    checked = run("check", own)
    assert (checked.code, told in checked.out) == (1, True), "both commands say the same"


def test_fix_tells_what_is_wrong_with_what_an_overlay_says_of_itself(run: Run) -> None:
    own = write_overlay(
        Path("own"), {"conditions": [condition("proximity_placement_group")]}, about={"owner": ""}
    )
    answer = run("fix", own)
    assert answer.code == 1
    assert "own/about.json" in answer.out


def test_fix_judges_an_overlay_on_what_it_is_said_to_lie_on(run: Run) -> None:
    row = {"conditions": [condition("lamp")]}
    fact = {"like": "proximity_placement_group", "id": "lamp"}
    write_overlay(Path("below"), {"facts": [fact], **row})
    own = write_overlay(Path("own"), row)
    assert run("fix", own).code == 1
    assert run("fix", own, "--on", "below") == (0, "Nothing to repair.\n", "")
    path = own / "conditions.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "by: rpmatrix fix own --on below\n" in run("check", own, "--on", "below").err
    lost = run("fix", own, "--on", "nowhere")
    assert (lost.code, "--on: nowhere is not a folder" in lost.err) == (2, True)
    base = run("fix", "--on", "below")
    assert (base.code, "--on says what lies below an overlay" in base.err) == (2, True)


# --- show, facts, version, help ---------------------------------------------------------------


def test_show_gives_conditions_citation_and_rulings(run: Run) -> None:
    text = run("show", "Ultra-Disk").out
    assert "\n  disk_sku is UltraSSD_LRS\n" in text
    assert " ".join(str(MATRIX.citation("ultra-disk")).split()) in " ".join(text.split())
    assert "c7: Ultra Disk and Premium SSD v2 in crash mode" in text


def test_show_joins_alternatives_by_or(run: Run) -> None:
    clauses: dict[str, set[str]] = {}
    for row in MATRIX.table("conditions"):
        clauses.setdefault(row["scenario_id"], set()).add(row["clause"])
    several = next(name for name, found in clauses.items() if len(found) > 1)
    block = run("show", several).out.split("Applies when\n")[1].split("\n\n")[0]
    assert [line.startswith("  or ") for line in block.splitlines()] == [
        place > 0 for place in range(len(clauses[several]))
    ]


TABLES_WITH_ROWS = [name for name in MATRIX if name != "conditions" and MATRIX.table(name)]


@pytest.mark.parametrize("table", TABLES_WITH_ROWS)
def test_a_row_of_every_table_can_be_shown(run: Run, table: str) -> None:
    row = MATRIX.table(table)[-1]
    assert f"a row of {table}, layer seed" in run("show", row.id, width=200).out
    shown = json.loads(run("show", row.id, "--json").out)
    assert dict(row) in [one["row"] for one in shown if one["table"] == table]


def test_facts_lists_exactly_what_can_be_answered(run: Run) -> None:
    listed = json.loads(run("facts", "--json").out)
    save(sure_vm())
    for fact in listed:
        value = (fact["values"] or ["1"])[-1]
        answer = run("assess", "vm.json", "--json", "--assume", f"{fact['id']}={value}")
        assert answer.code == 0, answer.err
    tested = {row["fact_id"] for name in ("conditions", "limits") for row in MATRIX.table(name)}
    derived = {fact.id for fact in MATRIX.facts.values() if fact.grain == "verdict"}
    later = {row["fact_id"] for name in ("cross_region", "steps") for row in MATRIX.table(name)}
    of_vms = {fact.id for fact in MATRIX.facts.values() if fact.grain in ("vm", "disk")}
    assert {fact["id"] for fact in listed} == (tested - derived - {""}) | (later & of_vms)


def test_facts_tells_values_and_assumption(run: Run) -> None:
    lines = run("facts", width=200).out.splitlines()
    (line,) = [line for line in lines if line.startswith("os_architecture")]
    question = MATRIX.facts["os_architecture"].question
    assert line.split() == [
        "os_architecture",
        "64-bit",
        "or",
        "32-bit",
        "64-bit",
        *question.split(),
    ]


def test_version_names_program_and_matrix(run: Run) -> None:
    answer = run("--version")
    assert answer.code == 0
    assert re.fullmatch(rf"rpmatrix \S.*, matrix seed, digest {MATRIX.digest[:12]}\n", answer.out)


COMMANDS = tuple(cli.COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_gives_examples_and_exit_codes(run: Run, command: str) -> None:
    answer = run(command, "--help")
    assert answer.code == 0
    assert "examples:\n" in answer.out
    for code in (0, 1, 2, 3, 130, 141):
        assert re.search(rf"^  {code} ", answer.out, re.MULTILINE)
    assert max(map(len, answer.out.splitlines())) <= 100


def test_every_example_of_the_help_can_be_parsed() -> None:
    parser = cli.make_parser()
    (commands,) = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]
    assert tuple(commands.choices) == COMMANDS
    for name, made in commands.choices.items():
        assert made.epilog is not None
        lines = re.findall(rf"(?:^|\| ?|\(|  )rpmatrix ({name} .*)$", made.epilog, re.MULTILINE)
        for line in lines:
            words = re.split(r"  +|[)|]", line)[0].split()
            parser.parse_known_args(words)


# --- sample -----------------------------------------------------------------------------------


def test_every_sample_can_be_judged(run: Run) -> None:
    names = [line.split()[0] for line in run("sample", width=200).out.splitlines()]
    assert names == list(sample_names())
    for name in names:
        assert run("sample", name, "--output", "sample.json").code == 0
        assert json.loads(Path("sample.json").read_text()) == sample_vm(name)
        assert run("assess", "sample.json").code == 0


# --- lab --------------------------------------------------------------------------------------


def test_lab_hands_on_what_it_does_not_know(run: Run, monkeypatch: Any) -> None:
    calls = []

    def open_lab(notebook: str, **options: Any) -> int:
        calls.append((notebook, options))
        return 7

    monkeypatch.setattr(launcher, "open_lab", open_lab)
    assert run("lab", "--no-browser", "--port", "8890").code == 7
    assert run("lab", "--notebook", "01-x.ipynb", "--folder", "mine", "--port=1").code == 7
    assert calls == [
        (launcher.FIRST_NOTEBOOK, {"options": ["--no-browser", "--port", "8890"]}),
        ("01-x.ipynb", {"options": ["--port=1"], "folder": "mine"}),
    ]


# --- what is imported -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("assess", "vm.json"),
        ("assess", "vm.json", "--json"),
        ("assess", "vm.json", "--csv"),
        ("explain", "vm.json"),
        ("check",),
        ("show", "ultra-disk"),
    ],
)
def test_a_command_imports_nothing_heavy(run: Run, command: tuple[str, ...]) -> None:
    save(ultra_vm())
    answer = run_process(*command, options=["-X", "importtime"])
    assert answer.returncode == 0
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in answer.stderr.decode().splitlines()
    }
    assert "rpmatrix" in imported
    assert imported & {"pandas", "numpy", "pyarrow", "ipywidgets", "IPython", "openpyxl"} == set()
    people = "--json" not in command and "--csv" not in command and command[0] != "check"
    assert ("rich" in imported) == people


# --- completion -------------------------------------------------------------------------------


def bash_completes(script: str, *words: str) -> list[str]:
    """Ask bash what it offers for the last word of a command line."""
    typed = " ".join(f"'{word}'" for word in words)
    ask = (
        f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _rpmatrix\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(
        ["bash", "--norc", "-c", ask], check=True, capture_output=True, text=True
    )
    assert answer.stderr == ""
    return answer.stdout.split()


def fish_completes(script: str, *words: str) -> list[str]:
    """Ask fish what it offers for the last word of a command line."""
    ask = f"complete -C '{' '.join(words)}'"
    answer = subprocess.run(
        ["fish", "--no-config", "-c", f"source; {ask}"],
        input=script,
        check=True,
        capture_output=True,
        text=True,
    )
    return [line.split("\t")[0] for line in answer.stdout.splitlines()]


COMPLETES = {"bash": bash_completes, "fish": fish_completes}


@pytest.mark.parametrize("shell", COMPLETES)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ass",), ["assess"]),
        (("assess", "--str"), ["--strict"]),
        (("explain", "--fail"), []),
        (("assess", "--mode", ""), ["application", "crash"]),
        (("assess", "--fail-on", "n"), ["not_supported"]),
        (("explain", "--assume", "os_a"), ["os_architecture="]),
        (("completion", "p"), ["powershell"]),
        (("show", "ultra-d"), ["ultra-disk"]),
        (("show", "c2"), ["c2", "c22"]),
        (("sample", "plain-l"), ["plain-linux"]),
        (("plan", "--phase", "c"), ["collection", "create", "copy", "clean_up"]),
        (("commands", "--client", "po"), ["powershell"]),
        (("copy", "--client", "po"), ["powershell", "portal"]),
        (("schedule", "--crash-"), ["--crash-every", "--crash-after"]),
    ],
)
def test_shells_complete(run: Run, shell: str, words: tuple[str, ...], offered: list[str]) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    script = run("completion", shell).out
    assert sorted(COMPLETES[shell](script, "rpmatrix", *words)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_in_the_language_of_the_shell(run: Run, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    Path("script").write_text(run("completion", shell).out)
    subprocess.run([shell, "-n", "script"], check=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_every_command_is_completed(run: Run, shell: str) -> None:
    script = run("completion", shell).out
    for command in COMMANDS:
        for option in re.findall(
            r"(?m)^  (?:-., |-. \w+, )?--([a-z-]+)", run(command, "--help").out
        ):
            assert re.search(rf"(--|-l ){option}\b", script), option


def test_completion_works_while_the_tables_are_broken(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv("RPMATRIX_DATA", "nowhere")
    answer = run("completion", "bash")
    assert (answer.code, "--strict" in answer.out) == (0, True)


# --- what the documents show ------------------------------------------------------------------


def told_lines(command: str, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a command of a document, which may be a pipe of commands; give the lines it prints."""
    out = ""
    for part in command.split(" | "):
        program, *arguments = part.split()
        assert program == "rpmatrix"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(out.encode())))
        assert cli.main(arguments) == 0
        out = capsys.readouterr().out
    return out.splitlines()


def is_excerpt(shown: list[str], told: list[str]) -> bool:
    """Tell whether lines are those that were printed; a line with an ellipsis stands for any."""
    if not shown:
        return not told
    if shown[0] == "…":
        return any(is_excerpt(shown[1:], told[start:]) for start in range(len(told) + 1))
    return bool(told) and shown[0] == told[0] and is_excerpt(shown[1:], told[1:])


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_a_document_shows_what_is_printed(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    text = (ROOT / name).read_text(encoding="utf-8")
    files = r"`(\w+/\w+\.\w+)`:\n\n```(?:csv|json)\n(.*?)```"
    for path, content in re.findall(files, text, re.DOTALL):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(content, encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = example.splitlines()
            told = told_lines(command, monkeypatch, capsys)
            assert is_excerpt(shown, told), "\n".join([command, *told])


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/json.md"])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^):]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


# --- large inventories, progress ---------------------------------------------------------------


def test_a_long_table_says_how_much_it_leaves_out(run: Run) -> None:
    save([sure_vm(f"vm-{number:03}") for number in range(TABLED + 3)])
    page = run("assess", "vm.json").out
    assert f"vm-{TABLED - 1}" in page
    assert f"vm-{TABLED}" not in page
    assert "... and 3 more VMs; --json and --csv give all" in page
    assert f"application: {TABLED + 3} supported" in page
    assert len(json.loads(run("assess", "vm.json", "--json").out)["verdicts"]) == 2 * (TABLED + 3)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("patience", "told"), [(0.0, "judging: 3 of 10"), (60.0, "")])
def test_what_takes_long_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, patience: float, told: str
) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(shell, "SECONDS_OF_SILENCE", patience)
    with shell.working("judging", 10) as step:
        step(3)
        for _ in range(200 if told else 0):
            if told in screen.getvalue():
                break
            time.sleep(0.05)
    shown = screen.getvalue()
    assert (told in shown) if told else not shown
    assert shown.rpartition("\r")[2] == ""  # the line is empty again


def test_away_from_a_terminal_no_progress_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shell, "SECONDS_OF_SILENCE", 0.0)
    with shell.working("judging", 10) as step:
        step(3)
        time.sleep(0.05)
    assert capsys.readouterr() == ("", "")


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "unit", "told"),
    [
        ("1", "hours since the last one", "at least 1 hour since the last one"),
        ("3", "hours since the last one", "at least 3 hours since the last one"),
        ("1", "restore points, the new one included", "at least 1 restore point, the new one "),
        ("11", "creations at a time", "at least 11 creations at a time"),
        ("api-2021-03-01", "", "at least api-2021-03-01"),
    ],
)
def test_one_of_a_unit_is_singular(bound: str, unit: str, told: str) -> None:
    assert shell.bound_in_words("at_least", bound, unit).startswith(told)


def test_a_vm_with_several_records_is_counted_once(run: Run) -> None:
    Path("again.json").write_text(json.dumps(sure_vm()), encoding="utf-8")
    page = run("assess", save(sure_vm()), "again.json").out
    assert "2 records read: 2 VM records of 1 VM, " in page
    assert "1 record read: 1 VM, " in run("assess", "vm.json").out


def test_the_command_for_a_vm_of_a_template_works_after_deployment(run: Run) -> None:
    machine = vm_of_unknown_disks("vm-a", "disk-a")
    save(machine)
    assert "after deployment" not in run("assess", "vm.json").out
    del machine["id"]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    declared = {**machine, "apiVersion": "2024-07-01"}
    save({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [declared]})
    for command in (("assess",), ("plan", "--mode", "crash")):
        page = " ".join(run(*command, "vm.json").out.split())
        assert "does not exist yet: the command for it works after deployment" in page


def test_show_lists_the_tables_and_the_rows_of_one(run: Run) -> None:
    tables = run("show").out
    matrix = MATRIX
    assert all(re.search(rf"^  {name} +\d+ rows?$", tables, re.MULTILINE) for name in matrix)
    listed = run("show", "--table", "scenarios").out
    for row in matrix.table("scenarios"):
        assert re.search(rf"^  {row.id} ", listed, re.MULTILINE)
    as_json = json.loads(run("show", "--table", "limits", "--json").out)
    assert [one["row"]["id"] for one in as_json] == [row.id for row in matrix.table("limits")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--table", "rules"), "there is no table 'rules'; there are scenarios, limits"),
        (("--json",), "name a row, or a table with --table"),
        (("ultra-disk", "--table", "limits"), "leave it out, or the ids"),
    ],
)
def test_a_table_that_cannot_be_shown_is_told(
    run: Run, options: tuple[str, ...], message: str
) -> None:
    answer = run("show", *options)
    assert answer.code == 2
    assert message in answer.err
