"""The doors of a fleet: where results go, whom answers are for, tables of facts as documented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rpmatrix as rp
from rpmatrix.fleet import FleetError, assess_files

VMS = "vm_id,name,security_type\n/s/vm-1,web-01,Standard\n/s/vm-2,Web-02,Standard\n"
DISKS = "vm_id,role,disk_sku\n/s/vm-1,os,Premium_LRS\n/s/vm-2,os,\n"
OUTS = ("", "verdicts", "verdicts.csv")


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write tables of facts into the folder ``in``."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/vms.csv").write_text(VMS)
    Path("in/disks.csv").write_text(DISKS)


# --- where results must not go ------------------------------------------------------------------


@pytest.mark.parametrize("given", [str, Path, lambda one: iter([one])])
@pytest.mark.parametrize("name", OUTS)
def test_no_result_goes_into_a_folder_that_is_read(given: Callable[[str], Any], name: str) -> None:
    before = sorted(Path("in").rglob("*"))
    with pytest.raises(FleetError, match=r"lies in the input in, and would be read as input"):
        assess_files(given("in"), out=f"in/{name}")
    assert sorted(Path("in").rglob("*")) == before


@pytest.mark.parametrize("name", OUTS[1:])
def test_no_result_is_read_as_input_and_it_stays(name: str) -> None:
    patterns = ["in/*.csv", "in/verdicts/**/*.*"]
    assess_files("in/*s.csv", out=f"in/{name}", form="csv")
    before = {path: path.read_bytes() for path in Path("in").rglob("*.*")}
    with pytest.raises(FleetError, match=r"a run that writes to in/verdicts.* has written"):
        assess_files(patterns, out=f"in/{name}", form="csv")
    assert {path: path.read_bytes() for path in Path("in").rglob("*.*")} == before


# --- answers for a VM that is not there -----------------------------------------------------------


@pytest.mark.parametrize("out", [None, "out", "out.parquet", "out.csv"])
def test_an_answer_for_no_vm_is_told_of(out: str | None) -> None:
    answers = {
        "web-9:disk_sku": "Premium_LRS",
        "WEB-02:disk_sku": "Premium_LRS",
        "/S/VM-1:storage": "managed",
        "ephemeral": "no",
    }
    for _ in range(1 if out is None else 2):  # the second one finds all parts written
        result = assess_files("in", out=out, answers=answers)
        (note,) = (one for one in result.notes if "answer" in one)
        assert "web-9:disk_sku=Premium_LRS counted for nothing: no VM 'web-9'" in note


@pytest.mark.parametrize(
    "frames",
    [
        ([{"vm_id": "/s/vm-1"}], [{"vm_id": "/s/vm-1", "role": "os"}]),
        ([{"id": "/s/vm-1", "type": "Microsoft.Compute/virtualMachines", "properties": {}}],),
    ],
    ids=["facts", "records"],
)
def test_frames_tell_of_answers_for_no_vm(frames: tuple[Any, ...]) -> None:
    told = rp.assess(*frames, answers={"vm-9:storage": "managed"}).notes
    assert [note for note in told if "no VM 'vm-9'" in note]
    told = rp.assess(*frames, answers={"vm-1:storage": "managed", "ephemeral": "no"}).notes
    assert not [note for note in told if "answer" in note]
