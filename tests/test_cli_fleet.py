"""The command for large inventories: what it prints and writes, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import azure
import pyarrow.parquet as pq
import pytest
from azure import os_disk, vm
from terminal import ESCAPE, HOSTILE, Answer, Run, barred_vm, open_vm, save, sure_vm, ultra_vm
from terminal import on_terminal as on_terminal
from terminal import run as run

import rpmatrix as rp
from rpmatrix.cli import fleet as cli_fleet
from rpmatrix.cli import samples as cli_samples
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.fleet import result as fleet
from rpmatrix.fleet.result import assess_files
from rpmatrix.fleet.run import Progress
from rpmatrix.fleet.samples import CLIENTS, LAYOUTS
from rpmatrix.matrix.matrix import MODES

ROOT = Path(__file__).resolve().parents[1]
FOUR = (sure_vm, ultra_vm, barred_vm, open_vm)


def four(folder: str = "in") -> str:
    """Write four VMs of four verdicts into a folder."""
    Path(folder).mkdir()
    save([make() for make in FOUR], f"{folder}/vms.json")
    return folder


def facts(parts: int, folder: str = "in") -> str:
    """Write tables of facts in as many pairs of files, each of three VMs."""
    Path(folder).mkdir()
    for part in range(parts):
        vms = [f"/subscriptions/s/vm-{part}-{number}" for number in range(3)]
        rows = ["vm_id,security_type", *(f"{vm},Standard" for vm in vms)]
        Path(folder, f"vms-{part}.csv").write_text("\n".join(rows))
        rows = ["vm_id,role,disk_sku", *(f"{vm},os,Premium_LRS" for vm in vms)]
        Path(folder, f"disks-{part}.csv").write_text("\n".join(rows))
    return folder


def counted(verdicts: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((row["mode"], row["verdict"]) for row in verdicts)


EXPECTED = Counter(
    {
        ("application", "supported"): 3,
        ("application", "not_supported"): 1,
        ("crash", "supported"): 1,
        ("crash", "exclude_disks"): 1,
        ("crash", "not_supported"): 1,
        ("crash", "unknown"): 1,
    }
)


# --- the page ---------------------------------------------------------------------------------


def test_the_page_tells_verdicts_and_what_to_do(run: Run) -> None:
    answer = run("fleet", four())
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "4 VMs, 6 disks"
    assert [line.split() for line in lines[4:12]] == [
        ["application", "✓", "supported", "3", "75.0", "%"],
        ["◐", "exclude", "disks", "0", "0.0", "%"],
        ["✕", "not", "supported", "1", "25.0", "%"],
        ["?", "unknown", "0", "0.0", "%"],
        ["crash", "✓", "supported", "1", "25.0", "%"],
        ["◐", "exclude", "disks", "1", "25.0", "%"],
        ["✕", "not", "supported", "1", "25.0", "%"],
        ["?", "unknown", "1", "25.0", "%"],
    ]
    for told in (
        "find out: Disk SKU [disk_sku]",
        "leave out (1 disk): Ultra Disk attached as data disk [ultra-disk]",
        "✕ 1               ✕ 1         Confidential VM [confidential-vm]",
        "✓ within: ",
        "most: 3 of 10,000 in westeurope, ",
        "Assumptions (please confirm)",
        "4 records read: 4 VM records, 0 problems; matrix seed, digest ",
    ):
        assert told in answer.out, told
    assert answer.err == ""


@pytest.mark.parametrize(
    ("number", "whole", "told"),
    [
        (0, 7, "0.0 %"),
        (1, 1_000_000, "< 0.1 %"),
        (1, 3, "33.3 %"),
        (999_999, 1_000_000, "> 99.9 %"),
        (7, 7, "100.0 %"),
        (0, 0, "0.0 %"),
    ],
)
def test_a_share_never_makes_few_none_or_most_all(number: int, whole: int, told: str) -> None:
    assert cli_fleet._share(number, whole) == told


def test_one_mode_tells_nothing_of_the_other(run: Run) -> None:
    answer = run("fleet", four(), "--mode", "crash")
    assert "application" not in answer.out.replace("use application consistency", "")
    told = json.loads(run("fleet", "in", "--mode", "crash", "--json").out)
    assert set(told["verdicts"]) == {"crash"}
    assert all(row.get("mode", "crash") == "crash" for row in told["reasons"] + told["regions"])


def test_a_long_list_is_cut_and_says_so(run: Run) -> None:
    regions = [
        sure_vm(f"vm-{number}", top={"location": f"region{number:02}"}) for number in range(14)
    ]
    Path("in").mkdir()
    save(regions, "in/vms.json")
    answer = run("fleet", "in")
    assert "... and 4 more regions; --json gives all" in answer.out
    assert len(json.loads(run("fleet", "in", "--json").out)["regions"]) == 14 * len(MODES)


def test_assumptions_and_strictness_count(run: Run) -> None:
    four()
    strict = json.loads(run("fleet", "in", "--strict", "--json").out)
    assert strict["verdicts"]["application"]["unknown"] == 3
    assert strict["assumptions"] == []
    told = json.loads(run("fleet", "in", "--assume", "disk_sku=Premium_LRS", "--json").out)
    assert told["verdicts"]["crash"]["unknown"] == 0


def test_an_answer_for_no_vm_is_told_of(run: Run) -> None:
    answered = ("fleet", four(), "--assume", "vm-404:disk_sku=Premium_LRS")
    answer = run(*answered)
    assert answer.code == 0
    assert "counted for nothing: no VM 'vm-404'" in answer.out
    assert "no VM 'vm-404'" in json.loads(run(*answered, "--json").out)["notes"][0]


def test_the_help_offers_no_answer_that_is_refused(run: Run) -> None:
    assert "DISK:" not in run("fleet", "--help").out
    answer = run("fleet", four(), "--assume", "vm-1:os:disk_sku=Premium_LRS")
    assert answer.code == 2
    assert "names one disk" in answer.err


def test_an_overlay_counts(run: Run) -> None:
    told = json.loads(run("fleet", four(), "--overlay", "newer-edition", "--json").out)
    assert told["matrix"]["layers"] == ["seed", "newer-edition"]


def test_what_was_not_understood_is_listed(run: Run) -> None:
    folder = four()
    save([{"nothing": "known"}], f"{folder}/odd.json")
    answer = run("fleet", folder)
    assert answer.code == 0
    assert "Not understood: 1 record" in answer.out
    assert "odd.json" in answer.out


def test_a_set_that_cannot_be_protected_as_a_whole_names_who_is_in_the_way(run: Run) -> None:
    of_set = {
        "availabilitySet": {"id": azure.resource_id("Microsoft.Compute/availabilitySets", "as-1")}
    }
    barred = {"securityProfile": {"securityType": "ConfidentialVM"}}
    save([sure_vm("vm-good", **of_set), sure_vm("vm-bad", **of_set, **barred)])
    answer = run("fleet", "vm.json")
    title = rp.load_matrix().row("confidential-vm")["title"]
    assert "1 of 2, crash: " in answer.out
    assert f"in the way: vm-bad ({title})" in answer.out


def test_a_vm_that_is_told_of_twice_is_named(run: Run) -> None:
    lines = ["vm_id,security_type", "/vm-a,Standard", "/vm-b,Standard", "/vm-a,ConfidentialVM"]
    Path("vms.csv").write_text("\n".join(lines))
    answer = run("fleet", "vms.csv", "--mode", "crash")
    assert "VMs that appear more than once" in answer.out
    lines = answer.out.splitlines()
    place = lines.index("  /vm-a")
    assert lines[place + 1] == "    crash: unknown | not supported; go by ✕ not supported"


def test_nothing_steers_the_terminal(on_terminal: Callable[..., str], tmp_path: Path) -> None:
    hostile = HOSTILE.replace("\ud800", "")
    made = sure_vm(hostile, top={"location": hostile})
    (tmp_path / "vms.json").write_text(json.dumps([made, {hostile: hostile}]))
    shown = on_terminal("fleet", "vms.json")
    for sign in (f"{ESCAPE}[2J", f"{ESCAPE}]0;", "\x07", "\u202e", "\x9b"):
        assert sign not in shown
    assert "1 VM, " in shown


# --- JSON -------------------------------------------------------------------------------------

KEYS = (
    *("matrix", "vms", "disks", "verdicts", "what_first", "reasons", "caveats", "assumptions"),
    *("regions", "subscriptions", "sets", "members_in_the_way", "missing_members", "duplicates"),
    *("limits", "notes", "problems", "counts", "out"),
)


def test_json_has_the_documented_keys_and_no_others(run: Run) -> None:
    told = json.loads(run("fleet", four(), "--json").out)
    assert tuple(told) == KEYS
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    part = text.partition("rpmatrix fleet PATH… --json")[2].partition("\n## ")[0]
    assert all(f"`{key}`" in part for key in KEYS)


def test_json_tells_what_assess_tells(run: Run) -> None:
    folder = four()
    assessed = json.loads(run("assess", folder, "--json").out)
    told = json.loads(run("fleet", folder, "--json").out)
    assert counted(assessed["verdicts"]) == EXPECTED
    assert told["verdicts"] == {
        mode: {name: EXPECTED[mode, name] for name in VERDICTS} for mode in MODES
    }
    assert told["matrix"] == assessed["matrix"]
    assert told["counts"] == assessed["counts"]
    assert told["vms"] == 4
    reasons = Counter(
        (one["mode"], one["verdict"], row) for one in assessed["verdicts"] for row in one["reasons"]
    )
    assert reasons == {
        (row["mode"], row["verdict"], row["row_id"]): row["vms"] for row in told["reasons"]
    }


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_verdicts_and_findings_are_written_into_a_folder(run: Run, form: str) -> None:
    answer = run("fleet", four(), "--out", "out", "--form", form)
    assert answer.code == 0
    assert "written: out (findings, problems.csv, summary.json, verdicts)" in answer.out
    (path,) = Path("out/verdicts").iterdir()
    assert path.suffix == f".{form}"
    rows = pq.read_table(path).to_pylist() if form == "parquet" else read_csv(path)
    assert counted(rows) == EXPECTED
    assert list(Path("out/findings").iterdir())


def read_csv(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("name", ["verdicts.parquet", "verdicts.csv"])
def test_verdicts_are_written_into_one_file(run: Run, name: str) -> None:
    answer = run("fleet", four(), "--out", name)
    assert f"written: {name} (verdicts)" in answer.out
    path = Path(name)
    rows = read_csv(path) if path.suffix == ".csv" else pq.read_table(path).to_pylist()
    assert counted(rows) == EXPECTED


def test_the_report_is_a_page_with_the_digest_of_what_was_read(run: Run) -> None:
    answer = run("fleet", four(), "--report", "fleet.html", "--assume", "nfs_mounts=no", "--strict")
    assert "written: fleet.html" in answer.out
    page = Path("fleet.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "a fleet of 4 VMs" in page
    assert rp.load_matrix().digest in page
    assert "<code>vms.json</code>" in page
    assert "SHA-256" in page
    assert "nfs_mounts=no" in page
    assert "none are made" in page
    assert str(Path.cwd()) not in page


# --- what cannot be ---------------------------------------------------------------------------

WRONG = {
    "no such file": (["nowhere.json"], "there is no file or folder nowhere.json"),
    "no such pattern": (["*.nothing"], "no file to read in *.nothing"),
    "standard input": (["-"], "rpmatrix assess -"),
    "a form of nothing": (["in", "--form", "csv"], "name --out too"),
    "two forms": (["in", "--out", "x.csv", "--form", "parquet"], "leave --form away"),
    "into the input": (["in", "--out", "in/verdicts"], "lies in the input in"),
    "onto the input": (["in/vms.json", "--out", "in/vms.json"], "--out in/vms.json is a file"),
    "a workbook": (["in", "--out", "out.xlsx"], "--out out.xlsx is a file; name a folder"),
    "results as input": (["old/**/*", "--out", "old"], "names old/summary.json"),
    "a file as folder": (["in", "--out", "plain"], "--out plain is a file"),
    "below a file": (["in", "--out", "plain/out"], "cannot read or write 'plain/out"),
    "a report nowhere": (["in", "--report", "nowhere/x.html"], "a folder that is there"),
    "a report over a folder": (["in", "--report", "in"], "name a file"),
    "no such fact": (["in", "--assume", "nothing=1"], "there is no fact 'nothing'"),
    "no such overlay": (["in", "--overlay", "nowhere"], "nowhere is not a folder"),
    "no VM": (["odd.json"], "no VM to judge in the input (1 record read: 1 problem)"),
    "broken JSON": (["broken.json"], "the JSON breaks off"),
    "broken Parquet": (["broken.parquet"], "broken.parquet: cannot be read"),
    "disks alone": (["disks.csv"], "no file tells of VMs"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_what_is_wrong_is_told_in_a_sentence(run: Run, name: str) -> None:
    four()
    Path("plain").touch()
    save([{"nothing": "known"}], "odd.json")
    Path("broken.json").write_text('[{"id": ')
    Path("broken.parquet").write_bytes(b"PAR1 and no more")
    Path("disks.csv").write_text("vm_id,role\nvm,os\n")
    Path("old").mkdir()
    Path("old/summary.json").write_text("{}")
    arguments, told = WRONG[name]
    answer = run("fleet", *arguments)
    assert answer.code == 2
    assert told in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"vms.json": [sure_vm()]}, "1 record read: 1 VM record, 0 problems"),
        ({"vms.json": [sure_vm(), {"a": 1}]}, "2 records read: 1 VM record, 1 problem"),
        ({"vms.csv": "vm_id\na\nb\n"}, "2 records read: 2 rows of facts; 0 problems"),
        ({"vms.csv": "vm_id,name\na,x\n,b\n"}, "2 records read: 2 rows of facts; 1 problem"),
        (
            {"vms.csv": "vm_id\na\n", "vms.json": [sure_vm(), {"a": 1}]},
            "3 records read: 1 row of facts, 1 VM record, 1 not understood; 1 problem",
        ),
    ],
)
def test_what_was_read_adds_up(run: Run, inputs: Mapping[str, Any], told: str) -> None:
    for name, content in inputs.items():
        Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    assert f"{told}; matrix" in run("fleet", *inputs).out


def test_the_report_says_which_input_could_not_be_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save([], "locked.json")
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "locked.json":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    answer = run("fleet", four(), "locked.json", "--report", "fleet.html")
    assert answer.code == 0
    assert "locked.json: cannot be read (Permission denied)" in answer.out
    assert "cannot be read (Permission denied)" in Path("fleet.html").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="other rights here")
def test_a_file_that_may_not_be_read_is_named(run: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    Path(four(), "vms.json").chmod(0)
    answer = run("fleet", "in")
    assert answer.code == 2
    assert "vms.json" in answer.err


@pytest.mark.parametrize("package", ["pyarrow", "numpy", "msgspec"])
def test_a_missing_package_is_named_with_what_to_install(tmp_path: Path, package: str) -> None:
    (tmp_path / "vms.json").write_text(json.dumps([sure_vm()]))
    lines = (
        f"import sys; sys.modules[{package!r}] = None",
        "from rpmatrix.cli.main import main",
        "sys.exit(main(['fleet', 'vms.json']))",
    )
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2
    assert f"need the package {package}; install rpmatrix[fleet]" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_help_needs_no_package_of_fleets(tmp_path: Path) -> None:
    lines = (
        "import sys; sys.modules['pyarrow'] = sys.modules['numpy'] = None",
        "from rpmatrix.cli.main import main",
        "sys.exit(main(['fleet', '--help']))",
    )
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0
    assert "--no-resume" in answer.stdout


# --- progress and Ctrl-C ----------------------------------------------------------------------


def stopping(after: int) -> Callable[..., Any]:
    """Give what judges files as the command does, with Ctrl-C after some parts."""

    def judge(*arguments: Any, progress: Callable[[Progress], None], **options: Any) -> Any:
        parts = 0

        def told(one: Progress) -> None:
            nonlocal parts
            progress(one)
            parts += 1
            if parts == after:
                raise KeyboardInterrupt

        return assess_files(*arguments, progress=told, **options)

    return judge


def parts_judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the name of each part that is written."""
    from rpmatrix.fleet.run import Target

    written: list[str] = []
    write = Target.write

    def noted(self: Target, name: str, *more: Any) -> None:
        written.append(name)
        write(self, name, *more)

    monkeypatch.setattr(Target, "write", noted)
    return written


def test_a_stopped_run_goes_on_with_the_same_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run("fleet", facts(8), "--out", "whole", "--json")
    assert whole.code == 0
    command = ("fleet", "in", "--out", "out", "--json")
    with monkeypatch.context() as patched:
        patched.setattr(fleet, "assess_files", stopping(after=4))
        stopped = run(*command)
    assert stopped == Answer(130, "", "rpmatrix: stopped; the same command goes on from here\n")
    written = parts_judged(monkeypatch)
    again = run(*command)
    assert again.code == 0
    assert 4 <= len(written) < 8
    assert json.loads(again.out) | {"out": "whole"} == json.loads(whole.out)
    assert len(list(Path("out/verdicts").iterdir())) == 8


STOPPED = {
    (): "with --out FOLDER a run goes on where it was stopped",
    ("--out", "out", "--no-resume"): "the same command without --no-resume goes on from here",
}


@pytest.mark.parametrize("options", list(STOPPED))
def test_ctrl_c_tells_how_to_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(fleet, "assess_files", stopping(after=1))
    answer = run("fleet", facts(8), *options)
    assert answer == Answer(130, "", f"rpmatrix: stopped; {STOPPED[options]}\n")


def test_a_terminal_gets_a_bar_and_then_the_page(
    on_terminal: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "vms.json").write_text(json.dumps([make() for make in FOUR]))
    shown = on_terminal("fleet", "vms.json")
    assert "reading" in shown
    assert shown.index("━") < shown.index("4 VMs, ")


def test_away_from_a_terminal_lines_tell_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    lines = cli_fleet._Lines()
    for seconds in range(60):
        lines(Progress(1_000 * seconds, 0, seconds / 100, seconds))
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"rpmatrix: {1_000 * seconds:,} VMs, {seconds}%, {100 - seconds} s left"
        for seconds in range(10, 60, 10)
    ]


# --- samples ----------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sample_fleet_can_be_judged(run: Run, client: str, layout: str) -> None:
    made = run("sample", "--fleet", 40, "--output", "in", "--client", client, "--layout", layout)
    assert made.code == 0
    paths = [Path("in") / f"{kind}.{layout}" for kind in ("vms", "disks")]
    assert made.out == f"written: {paths[0]} and {paths[1]}\n"
    told = json.loads(run("fleet", "in", "--json").out)
    assert told["vms"] == 40
    assert told["problems"] == []


def test_a_sample_fleet_may_be_lines_of_json(run: Run) -> None:
    made = run("sample", "--fleet", 5)
    records = [json.loads(line) for line in made.out.splitlines()]
    assert sum(record["type"].endswith("virtualMachines") for record in records) == 5


def test_a_terminal_sees_how_many_vms_of_a_sample_fleet_are_made(
    on_terminal: Callable[..., str], tmp_path: Path
) -> None:
    shown = on_terminal("sample", "--fleet", "900", "--output", "in")
    assert re.search(r"━.*[1-8]00 of 900 VMs made", shown)
    assert shown.index("VMs made") < shown.index("written: ")
    printed = on_terminal("sample", "--fleet", "200")
    assert "VMs made" not in printed


def test_away_from_a_terminal_lines_tell_how_many_vms_are_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(cli_samples.time, "monotonic", lambda: 5 * next(clock))
    with cli_samples._making(700) as made:
        for number in range(1, 701):
            made(number)
    assert capsys.readouterr().err.splitlines() == [
        "rpmatrix: 200 of 700 VMs made, 25 s left",
        "rpmatrix: 400 of 700 VMs made, 15 s left",
        "rpmatrix: 600 of 700 VMs made, 5 s left",
    ]


@pytest.mark.parametrize(
    "arguments", [("--fleet", "0"), ("--fleet", "x"), ("a-name", "--fleet", "3")]
)
def test_a_sample_fleet_that_cannot_be_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    answer = run("sample", *arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_a_sample_fleet_does_not_overwrite_a_file(run: Run) -> None:
    Path("plain").touch()
    answer = run("sample", "--fleet", 2, "--output", "plain")
    assert answer.code == 2
    assert "cannot write into 'plain'" in answer.err


def test_exclusions_that_free_no_vm_are_not_said_to(run: Run) -> None:
    """A VM that has no other disk is refused, whichever disks are left out."""
    ephemeral = os_disk("disk-gone", diffDiskSettings={"option": "Local"})
    save([vm("vm-gone", system=ephemeral)])
    told = json.loads(run("fleet", "vm.json", "--json").out)
    assert {row["id"]: row["alone"] for row in told["what_first"]} == {"ephemeral-os-disk": 0}
