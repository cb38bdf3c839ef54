"""Running the commands of the shell in tests, and VMs to run them on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure import data_disk, sku, vm

from rpmatrix.cli import main as cli

ROOT = Path(__file__).resolve().parents[1]
ESCAPE = "\x1b"
HOSTILE = f"vm{ESCAPE}[2J{ESCAPE}]0;x\x07[bold]b[/bold] :bug: \u202eevil\r\n\t\ud800\x9b31m ✓"


class Answer(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Run:
    """Run a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments: object, width: int | None = None) -> Answer:
        if width:
            monkeypatch.setenv("COLUMNS", str(width))
        try:
            code = cli.main([str(one) for one in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Answer(code, *capsys.readouterr())

    return call


def run_process(
    *arguments: object, encoding: str = "utf-8", stdin: bytes = b"", options: Sequence[str] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, *options, "-m", "rpmatrix", *map(str, arguments)],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT / "src")},
        input=stdin,
        capture_output=True,
        timeout=60,
    )


def save(records: Any, name: str = "vm.json") -> str:
    """Write records into a file of the current folder."""
    Path(name).write_text(json.dumps(records), encoding="utf-8")
    return name


ULTRA = data_disk(3, "disk-ultra", **sku("UltraSSD_LRS"))


def sure_vm(name: str = "vm-sure", **changes: Any) -> dict[str, Any]:
    """Give a VM that is supported in both modes."""
    return vm(name, **changes)


def ultra_vm(name: str = "vm-ultra", **changes: Any) -> dict[str, Any]:
    """Give a VM with an Ultra Disk: supported, and exclude disks in crash mode."""
    return vm(name, data=[ULTRA], **changes)


def barred_vm(name: str = "vm-barred") -> dict[str, Any]:
    """Give a VM that is not supported in either mode."""
    return vm(name, securityProfile={"securityType": "ConfidentialVM"})


def open_vm(name: str = "vm-open") -> dict[str, Any]:
    """Give a VM whose data disk shows no SKU, as in a deallocated VM: crash mode is unknown."""
    return vm(name, data=[data_disk(0, "disk-dark", managedDisk={"storageAccountType": None})])


def run_on_terminal(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], typed: str = ""
) -> tuple[int, str]:
    """Run a command on a terminal where somebody types; give the exit code and all that is shown.

    Where there are no such terminals the test is skipped.
    """
    pty = pytest.importorskip("pty", reason="no terminals of this kind here")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rpmatrix", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    # Linux says EIO where the other end of a terminal is closed.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


@pytest.fixture
def on_terminal(tmp_path: Path) -> Callable[..., str]:
    """Run a command on a terminal of 60 columns; give what the terminal gets."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    size = {"TERM": "xterm-256color", "COLUMNS": "60", "LINES": "40"}

    def call(*arguments: str, **environment: str) -> str:
        code, shown = run_on_terminal(arguments, tmp_path, inherited | size | environment)
        assert code == 0
        return shown

    return call
