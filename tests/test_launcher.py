"""JupyterLab starts on the notebooks with the settings that they need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpmatrix.serve import lab as launcher

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that was installed from a wheel, with two notebooks in it."""
    package = tmp_path / "site" / "rpmatrix"
    notebooks = package / "_data" / "notebooks"
    notebooks.mkdir(parents=True)
    for name in (launcher.FIRST_NOTEBOOK, "01-next.ipynb"):
        (notebooks / name).write_text("shipped")
    monkeypatch.setattr(launcher, "_HERE", package)
    monkeypatch.chdir(tmp_path)
    return package


def test_a_checkout_opens_its_own_notebooks() -> None:
    assert launcher.place_notebooks("elsewhere") == ROOT / "notebooks"
    assert not Path("elsewhere").exists()


def test_an_installed_package_gives_copies_and_keeps_what_the_reader_changed(
    installed: Path, tmp_path: Path
) -> None:
    folder = launcher.place_notebooks("mine")
    assert folder == tmp_path / "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "00-start-here.ipynb",
        "01-next.ipynb",
    ]

    (folder / "01-next.ipynb").write_text("changed by the reader")
    (folder / launcher.FIRST_NOTEBOOK).unlink()
    launcher.place_notebooks("mine")
    assert (folder / "01-next.ipynb").read_text() == "changed by the reader"
    assert (folder / launcher.FIRST_NOTEBOOK).read_text() == "shipped"


def test_a_folder_that_cannot_be_written_is_told(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(launcher.LauncherError, match="name another folder"):
        launcher.place_notebooks(tmp_path / "file" / "below")


def test_an_unknown_notebook_is_told_with_those_that_are_there(installed: Path) -> None:
    with pytest.raises(launcher.LauncherError, match=r"99-none.*00-start-here\.ipynb, 01-next"):
        launcher.open_lab("99-none.ipynb")


def test_the_exit_code_of_jupyterlab_comes_back(installed: Path) -> None:
    assert launcher.open_lab(options=["--version"]) == 0
    assert launcher.open_lab(options=["--ServerApp.port=no-number"]) != 0


def test_settings_come_before_those_of_the_reader_and_keep_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "theirs")
    first, second = launcher.lab_environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert Path(first).is_dir()
    assert second == "theirs"


def test_jupyterlab_takes_the_settings() -> None:
    command = [sys.executable, "-m", "jupyterlab", "--show-config-json"]
    answer = subprocess.run(
        command, env=launcher.lab_environment(), check=True, capture_output=True, text=True
    )
    server = json.loads(answer.stdout)["ServerApp"]
    assert server["tornado_settings"]["websocket_max_message_size"] >= 100 * 2**20
    assert server["answer_yes"] is True
