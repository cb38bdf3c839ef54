"""The static site: what goes into it, what it refuses, and that it asks nobody else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rpmatrix.serve import site


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(site.SiteError, match=r"is not empty; name a folder that is, or a new one"):
        site.build_site(tmp_path)
    with pytest.raises(site.SiteError, match="is not empty"):
        site.build_site(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_jupyterlite_the_command_that_brings_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(site.SiteError, match=r"pip install 'rpmatrix\[site\]'"):
        site.build_site(tmp_path / "new")


def test_without_npm_it_says_what_npm_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.shutil, "which", lambda name: None)
    with pytest.raises(site.SiteError, match="npm is not installed, which brings Pyodide"):
        site.build_site(tmp_path / "new", downloads=tmp_path / "none", tell=lambda line: None)


def test_the_first_page_names_each_notebook_by_its_title_in_one_list() -> None:
    shown = site._index({"a b.ipynb": "A & <b>", "c.ipynb": "C"}, "0.27.0")
    links = re.findall(r"<ul>(<li><a .*?)</ul>", shown)
    assert links == [
        '<li><a href="lab/index.html?path=a%20b.ipynb">A &amp; &lt;b&gt;</a></li>'
        '<li><a href="lab/index.html?path=c.ipynb">C</a></li>'
    ]
    assert "{{" not in shown


KEPT = {"ipython": "9.0", "micropip": "0.9"}


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was downloaded, with a wheel of each package and an older one beside each."""
    monkeypatch.setattr(site, "_run", lambda command, what, cwd=None: pytest.fail(f"ran {what}"))
    _, pyodide = site._needed()
    core, wheels = tmp_path / "kept" / pyodide / "core", tmp_path / "kept" / pyodide / "wheels"
    core.mkdir(parents=True)
    wheels.mkdir()
    for name in site._PYODIDE_FILES:
        (core / name).write_bytes(b"")
    packages = {name: {"version": one, "depends": []} for name, one in KEPT.items()}
    lock = {"info": {"python": "3.13.2"}, "packages": packages}
    (core / "pyodide-lock.json").write_text(json.dumps(lock))
    for name, number in {**KEPT, **site._installed(site._OF_HERE)}.items():
        for one in (number, "0.0.1", "999"):
            (wheels / f"{name.replace('-', '_')}-{one}-py3-none-any.whl").write_bytes(b"")
    return tmp_path / "kept"


def test_what_was_carried_is_not_fetched_again(carried: Path) -> None:
    before = sorted(carried.rglob("*"))
    lines: list[str] = []
    assert site.fetch_downloads(carried, tell=lines.append) == carried
    assert f'rpmatrix site BUILD_DIR --downloads "{carried}"' in lines[-1]
    assert sorted(carried.rglob("*")) == before
    _, pyodide = site._needed()
    _, wheels = site._fetch(carried / pyodide, pyodide)
    assert {path.name.split("-")[1] for path in wheels}.isdisjoint({"0.0.1", "999"})
    assert len(wheels) == len(KEPT) + len(site._OF_HERE)


def test_only_what_is_missing_is_fetched_and_without_a_network_the_way_is_told(
    carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def fails(command: list[str], what: str, cwd: Path | None = None) -> None:
        ran.extend(command)
        raise site.SiteError(f"{what} failed with exit code 1:\nno network")

    monkeypatch.setattr(site, "_run", fails)
    number = site._installed(["comm"])["comm"]
    (gone,) = carried.glob(f"*/wheels/comm-{number}-*.whl")
    gone.unlink()
    with pytest.raises(site.SiteError, match="rpmatrix site --downloads FOLDER") as raised:
        site.fetch_downloads(carried, tell=lambda line: None)
    assert [one for one in ran if "==" in one] == [f"comm=={number}"]
    assert "no network" in str(raised.value)


def test_an_extension_that_is_not_there_is_told_with_the_places() -> None:
    with pytest.raises(site.SiteError, match=r"@nobody/nothing .* not installed; looked for in /"):
        site._extension("@nobody/nothing")


def test_the_wheel_holds_code_and_tables_and_needs_no_pandas(tmp_path: Path) -> None:
    wheel = site._own_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith("METADATA")]
        assert "pandas" not in archive.read(metadata).decode()
        archive.extractall(tmp_path / "installed")
    assert {"rpmatrix/panels/panels.py", "rpmatrix/_static/report.css"} <= names
    assert "rpmatrix/_data/matrix_data/scenarios.csv" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".j2")]

    # No package beside the standard library, as in a browser before anything else is loaded.
    start = "import rpmatrix as rp; print(len(rp.load_matrix().table('scenarios')))"
    command = [sys.executable, "-I", "-S", "-c"]
    path = str(tmp_path / "installed")
    answer = subprocess.run(
        [*command, f"import sys; sys.path.insert(0, {path!r}); {start}"],
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    assert int(answer.stdout) > 50


def test_the_wheel_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert (
        site._own_wheel(tmp_path).read_bytes() == site._own_wheel(tmp_path / "again").read_bytes()
    )


def wheel_of(folder: Path, name: str, requires: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name}.py", "")
        about = f"Metadata-Version: 2.1\nName: {name}\n{requires}\n\nRequires-Dist: in-the-text"
        archive.writestr(f"{name}-1.0.dist-info/METADATA", about)
    return path


def test_a_wheel_needs_only_what_came_along(tmp_path: Path) -> None:
    requires = (
        "Requires-Dist: Second_Thing>=2\nRequires-Dist: pandas\n"
        'Requires-Dist: third; extra == "more"'
    )
    first = wheel_of(tmp_path, "first", requires)
    brought = {"first": first, "second-thing": first, "third": first, "in-the-text": first}
    entry = site._lock_entry(first, brought)
    assert entry["depends"] == ["second-thing"]
    assert entry["imports"] == ["first"]
    assert (entry["name"], entry["version"], len(entry["sha256"])) == ("first", "1.0", 64)


@pytest.mark.parametrize(
    ("source", "noted"),
    [
        ("import pandas as pd", True),
        ("rp.load_matrix().frame('scenarios')", True),
        ("rp.assess_fleet('estate')", True),
        ("import rpmatrix as rp", False),
        ("rp.EligibilityPanel('premium-ssd-v2')", False),
        ("framed = 1", False),
    ],
)
def test_a_cell_that_cannot_run_there_says_so_before_it(source: str, noted: bool) -> None:
    cell = {"cell_type": "code", "source": [source], "metadata": {}, "outputs": []}
    found = site._noted({"cells": [cell], "metadata": {"kernelspec": {"name": "mine"}}})
    assert len(found["cells"]) == 1 + noted
    assert found["cells"][-1] == cell
    assert ("Not in this browser" in str(found["cells"][0])) is noted
    assert found["metadata"]["kernelspec"]["name"] == "python"


def built(folder: Path, address: str) -> None:
    """Make the files of a site that its own check looks at."""
    kernel = {f"{site._KERNEL_EXTENSION}:kernel": {"pyodideUrl": address}}
    settings: dict[str, Any] = {"jupyter-config-data": {"litePluginSettings": kernel}}
    (folder / "jupyter-lite.json").write_text(json.dumps(settings))
    lock = {"packages": {"comm": {"file_name": "comm.whl"}}}
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))


@pytest.mark.parametrize(
    ("address", "files", "told"),
    [
        (
            "https://elsewhere/pyodide.mjs",
            ["comm.whl"],
            "would fetch Python from https://elsewhere",
        ),
        ("", ["comm.whl"], "would fetch Python from its own default"),
        ("./pyodide.mjs", ["comm.whl"], "would fetch Python from ./pyodide.mjs"),
        ("./pyodide.mjs", ["pyodide.mjs"], "holds no comm.whl"),
        ("./pyodide.mjs", ["pyodide.mjs", "comm.whl"], ""),
    ],
)
def test_a_site_that_would_ask_somebody_else_is_no_site(
    address: str, files: list[str], told: str, tmp_path: Path
) -> None:
    built(tmp_path, address)
    for name in files:
        (tmp_path / name).write_text("")
    if told:
        with pytest.raises(site.SiteError, match=told):
            site._check(tmp_path)
    else:
        site._check(tmp_path)


def test_what_a_command_said_is_told_when_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(returncode=3, stderr="no such release", stdout="")
    monkeypatch.setattr(site.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(site.SiteError, match="npm pack failed with exit code 3:\nno such release"):
        site._run(["npm"], "npm pack")


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_second_build_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    first = site.build_site(tmp_path / "first", tell=lines.append)
    assert lines[-1].endswith(f'python -m http.server --directory "{first}"')
    ran: list[str] = []
    run = site._run

    def noted(command: Any, what: str, cwd: Path | None = None) -> None:
        ran.append(what)
        run(command, what, cwd)

    monkeypatch.setattr(site, "_run", noted)
    second = site.build_site(tmp_path / "second", tell=lines.append)
    assert ran == ["jupyter lite build"]
    same = [one / "static" / "pyodide" / "pyodide-lock.json" for one in (first, second)]
    assert same[0].read_bytes() == same[1].read_bytes()
    page = (second / "index.html").read_text()
    assert "{{" not in page
    assert "http://" not in page
    assert "https://" not in page
