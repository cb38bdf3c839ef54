"""The commands that hand something on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rpmatrix.cli.main import main
from rpmatrix.inventory.samples import sample_vm


@pytest.fixture
def vm_file(tmp_path: Path) -> Path:
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(sample_vm("sql-with-ultra-data-disk")), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["html", "md", "csv", "xlsx"])
def test_a_report_is_written_and_a_masked_one_names_nobody(
    form: str, vm_file: Path, tmp_path: Path
) -> None:
    open_one, masked = tmp_path / f"open.{form}", tmp_path / f"masked.{form}"
    assert main(["report", str(vm_file), "-o", str(open_one)]) == 0
    assert main(["report", str(vm_file), "--mask", "-o", str(masked)]) == 0
    assert open_one.stat().st_size > 0
    if form != "xlsx":
        assert "sql-01" in open_one.read_text(encoding="utf-8-sig")
        assert "sql-01" not in masked.read_text(encoding="utf-8-sig")


def test_a_case_is_saved_masked_and_judged_the_same(
    vm_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = tmp_path / "case.json"
    assert main(["case", "save", str(case), str(vm_file), "--mask"]) == 0
    assert "sql-01" not in case.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["case", "open", str(case)]) == 0
    out = capsys.readouterr().out
    assert "exclude disks" in out
    assert "judged as it was" in out


def test_a_case_without_a_vm_says_so_instead_of_an_empty_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, disks = tmp_path / "case.json", tmp_path / "disks.json"
    disks.write_text(json.dumps(sample_vm("plain-linux")[1:]), encoding="utf-8")
    for argv in (["case", "save", str(case), str(disks)], ["case", "open", str(case)]):
        assert main(argv) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert out.startswith("no VM to judge in the input (2 disks read, 0 problems); give it")
        assert "Verdict" not in out
        assert "judged as it was" not in out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["report", "{vm}", "-o", "x.nope"], "nope"),
        (["case", "save", "{out}"], "name the files"),
        (["case", "open", "{vm}"], "vm.json"),
        (["case", "open", "{out}"], "out.json"),
    ],
)
def test_what_cannot_be_done_is_answered(
    argv: list[str],
    told: str,
    vm_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"vm": str(vm_file), "out": str(tmp_path / "out.json")}
    assert main([one.format(**places) for one in argv]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "Traceback" not in err
