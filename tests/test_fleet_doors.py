"""The doors of a fleet: where results go, whom answers are for, tables of facts as documented."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rpmatrix as rp
from rpmatrix.fleet.columns.codes import Told, told
from rpmatrix.fleet.parts import DISK_COLUMNS, VM_COLUMNS
from rpmatrix.fleet.result import FleetError, FleetResult, assess_files
from rpmatrix.matrix.matrix import MODES

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs/facts.md").read_text(encoding="utf-8")
MATRIX = rp.load_matrix()
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


# --- tables of facts, as docs/facts.md has them ---------------------------------------------------

VM = {
    "vm_id": "vm-1",
    "operating_system": "ubuntu",
    "security_type": "Standard",
    "scale_set_orchestration": "none",
}
OS_DISK = {"vm_id": "vm-1", "role": "os", "storage": "managed", "ephemeral": "no"}
DATA_DISK = {"vm_id": "vm-1", "role": "data", "storage": "managed", "disk_sku": "Premium_LRS"}
ASSUMED_OF_VMS = {"os_architecture": "64-bit", "proxy_without_python": "no"}
ASSUMED_OF_DISKS = {"max_shares": 1, "from_trusted_launch_os_disk": "no"}


def rows_of(section: str) -> list[list[str]]:
    """Give the cells of the table in a section of the document, without its header."""
    text = re.split(r"^## ", DOCUMENT.partition(f"## {section}\n")[2], maxsplit=1, flags=re.M)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def verdicts(result: FleetResult) -> dict[str, str]:
    frame = result.verdicts()
    return dict(zip(frame["mode"], frame["verdict"].astype(str), strict=True))


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def test_the_document_names_the_columns_that_are_read() -> None:
    named: dict[str, set[str]] = {"VMs": set(), "disks": set()}
    for table, columns, _ in rows_of("Columns"):
        named[table].update(re.findall(r"`(\w+)`", columns))
    assert named == {"VMs": set(VM_COLUMNS), "disks": set(DISK_COLUMNS)}


@pytest.mark.parametrize("strict", [False, True])
def test_the_columns_of_the_document_suffice(strict: bool) -> None:
    vm = VM | (ASSUMED_OF_VMS if strict else {})
    disks = [one | (ASSUMED_OF_DISKS if strict else {}) for one in (OS_DISK, DATA_DISK)]
    assert set(verdicts(rp.assess([vm], disks, strict=strict)).values()) == {"supported"}


def test_each_of_them_is_needed_as_the_document_says() -> None:
    needed = {}
    for _, columns, lack in rows_of("Which columns a verdict needs"):
        modes = MODES if lack.startswith("both modes are unknown") else (lack.split()[0],)
        needed |= {name: set(modes) for name in re.findall(r"`(\w+)`", columns)}
    found = {}
    for name in needed:
        vm, disks = without(VM, name), [without(one, name) for one in (OS_DISK, DATA_DISK)]
        if name == "extended_security_updates":
            vm = VM | {"operating_system": "windows-server-2012-r2"}
        result = rp.assess([vm], disks)
        found[name] = {mode for mode, one in verdicts(result).items() if one == "unknown"}
        assert name in set(result.what_first()["id"])
    assert found == needed
    assert len(needed) == 7


def test_what_is_assumed_is_what_the_document_says() -> None:
    result = rp.assess([VM], [OS_DISK, DATA_DISK])
    assert set(result.assumptions()["fact_id"]) == {*ASSUMED_OF_VMS, *ASSUMED_OF_DISKS}
    assert all(f"`{name}`" in DOCUMENT for name in result.assumptions()["fact_id"])


CELLS = {
    "a value": ("security_type", "trustedlaunch", Told(("TrustedLaunch",))),
    "one of several": (
        "security_type",
        "Standard|TrustedLaunch",
        Told(("Standard", "TrustedLaunch")),
    ),
    **{
        f"yes as {cell}": ("ephemeral", cell, Told(("yes",)))
        for cell in ("yes", "true", "1", "1.0")
    },
    **{f"no as {cell}": ("ephemeral", cell, Told(("no",))) for cell in ("no", "false", "0", "0.0")},
    **{f"a number as {cell}": ("max_shares", cell, Told((8,))) for cell in ("8", "8.0")},
    **{f"nothing as {cell!r}": ("storage", cell, Told()) for cell in ("", "nan", "null")},
    "anything else": ("storage", "floppy", Told(usable=False)),
}


@pytest.mark.parametrize("name", list(CELLS))
def test_a_cell_means_what_the_document_says(name: str) -> None:
    fact, cell, expected = CELLS[name]
    assert told(MATRIX.facts[fact], cell) == expected


def test_the_document_tells_of_every_way_to_write_a_flag() -> None:
    (flags,) = (cells for cells, means in rows_of("Cells") if means == "the flags yes and no")
    shown = re.findall(r"`([^`]+)`", flags)
    assert shown == [cell for fact, cell, _ in CELLS.values() if fact == "ephemeral"]


ULTRA = DATA_DISK | {"disk_sku": "UltraSSD_LRS"}
NO_MORE_LISTED = {"vm_id": "vm-1", "role": "data", "listed": "no"}
OF_ONE_VM: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "all of them": ([OS_DISK, ULTRA], "exclude_disks", ""),
    "of a VM in other letters": ([OS_DISK | {"vm_id": " VM-1/"}], "supported", ""),
    "of no VM": ([OS_DISK, ULTRA | {"vm_id": "vm-9"}], "supported", "1 disk belongs to no VM"),
    "none but that of the OS": ([OS_DISK], "supported", ""),
    "some that are not listed": ([OS_DISK, NO_MORE_LISTED], "unknown", ""),
    "no OS disk": ([DATA_DISK], "unknown", ""),
    "of another role": ([OS_DISK, DATA_DISK | {"role": "temp"}], "unknown", "is os or data"),
    "of another VM alone": ([OS_DISK | {"vm_id": "vm-9"}], "unknown", "1 disk belongs to no VM"),
}


@pytest.mark.parametrize("name", list(OF_ONE_VM))
def test_disks_count_as_the_document_says(name: str) -> None:
    disks, verdict, note = OF_ONE_VM[name]
    result = rp.assess([VM], disks)
    assert verdicts(result)["crash"] == verdict
    notes = [*result.notes, *map(str, result.problems)]
    assert [one for one in notes if note in one] if note else not notes


def test_disks_without_a_role_are_counted_as_vms_and_told_of() -> None:
    Path("in/disks.csv").write_text("vm_id,disk_sku\n/s/vm-1,Premium_LRS\n/s/vm-2,\n")
    result = assess_files("in")
    assert (result.summary.vms, result.summary.disks) == (4, 0)
    assert any("this is a fact of disks" in str(problem) for problem in result.problems)


def test_files_of_disks_may_have_any_names() -> None:
    expected = verdicts(assess_files("in"))
    Path("in/disks.csv").rename("in/storage.csv")
    Path("in/vms.csv").rename("in/disks.csv")
    found = assess_files("in")
    assert (found.summary.vms, found.summary.disks, verdicts(found)) == (2, 2, expected)


# --- a folder of results --------------------------------------------------------------------------


def test_results_of_other_inputs_are_replaced() -> None:
    assess_files("in", out="out")
    Path("in/vms.csv").write_text("vm_id\n/s/vm-3\n")
    assess_files("in", out="out")
    Path("in/disks.csv").unlink()
    again = assess_files("in", out="out")
    assert set(again.verdicts()["vm_id"]) == {"/s/vm-3"}
    assert len(list(Path("out/verdicts").iterdir())) == 1


@pytest.mark.parametrize(
    ("what", "expected"),
    [("mode", set(MODES)), ("region", {"westeurope", ""}), ("subscription", {"s-1", ""})],
)
def test_counts_are_by_what_is_documented(what: str, expected: set[str]) -> None:
    of_azure = {"vm_id": "/subscriptions/s-1/vm", "location": "westeurope"}
    found = rp.assess([VM | of_azure, VM]).by(what)
    assert {*found.index.get_level_values(0)} == expected
    with pytest.raises(ValueError, match="mode, region, subscription"):
        rp.assess([VM]).by("disk")
