"""A static site that runs the notebooks in the reader's browser: nothing to install there.

JupyterLite brings the pages, Pyodide the Python; both, the package with its tables, and the
notebooks stand in one folder that any web server can serve, and a page asks nobody else. Building
it needs npm, for Pyodide, and the extra ``site``; what was downloaded is kept for the next time, in
a folder that a machine without a network can be given.

Pyodide has no pandas that could come along, and the core does not need it. What needs it says so.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import site as _python_site
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rpmatrix.matrix.schema import data_folder
from rpmatrix.view.markup import bullets, tag

__all__ = ["NOT_THERE", "SiteError", "build_site", "fetch_downloads"]

_HERE: Final = Path(__file__).resolve().parents[1]
_KERNEL_EXTENSION: Final = "@jupyterlite/pyodide-kernel-extension"
_EXTENSIONS: Final = ("@jupyter-widgets/jupyterlab-manager", "anywidget", _KERNEL_EXTENSION)
_PYODIDE_FILES: Final = (
    *("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"),
    *("python_stdlib.zip", "pyodide-lock.json"),
)
_OF_PYODIDE: Final = ("ipython", "micropip")
"""What the kernel needs, in the versions that Pyodide names; with what they need."""
_OF_HERE: Final = (
    *("ipywidgets", "comm", "jedi", "parso", "anywidget", "psygnal", "typing-extensions"),
    *("markdown-it-py", "mdurl"),
)
"""What the package needs, in the versions that are installed here."""
_NEEDED: Final = ("ipywidgets", "anywidget", "markdown-it-py")
"""What of these the package names as its needs; they bring the others."""
NOT_THERE: Final = re.compile(r"\b(pandas|numpy|pyarrow|openpyxl)\b|\.frame\(|_fleet\b|\bfleet\b")
"""What a cell says that cannot run there."""
_NOTE: Final = (
    "**Not in this browser:** the next cell needs pandas or a package like it, which the Python "
    "that runs in a browser does not have here. Install rpmatrix to run it."
)
_OFFLINE: Final = (
    "Without a network, run `rpmatrix site --downloads FOLDER` where there is one, bring that "
    "folder, and name it with --downloads here."
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class SiteError(Exception):
    """The site cannot be built; the message says why, and what to do."""


def build_site(
    folder: str | Path,
    *,
    downloads: str | Path | None = None,
    tell: Callable[[str], object] | None = None,
) -> Path:
    """Build the site into a folder.

    Parameters
    ----------
    folder
        An empty folder, or one that is not there yet. What an older build left would mix with the
        new one.
    downloads
        Where Pyodide and the wheels are kept between builds; a folder in the user's cache if it
        is left out. A build that finds everything there downloads nothing.
    tell
        Gets each line on the progress; written to the standard output if it is left out.

    Returns
    -------
    Path
        The absolute path of the folder, ready to be served.

    Raises
    ------
    SiteError
        If the folder is not empty, something that is needed is missing, or a download failed.
    """
    say = tell or _say
    target = Path(folder).expanduser().resolve()
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise SiteError(f"{target} is not empty; name a folder that is, or a new one")
    extensions, pyodide = _needed()
    kept = _kept(downloads, pyodide)
    with tempfile.TemporaryDirectory(prefix="rpmatrix-", ignore_cleanup_errors=True) as scratch:
        lite = Path(scratch).resolve()
        say(f"Bringing Pyodide {pyodide} and wheels (kept in {kept}) ...")
        _distribution(kept, pyodide, lite / "static" / "pyodide")
        say("Building the pages ...")
        notebooks = _notebooks(lite / "contents")
        _build(lite, target, extensions)
    # A browser asks for this one whatever a page says.
    shutil.copyfile(target / "lab" / "favicon.ico", target / "favicon.ico")
    (target / "index.html").write_text(_index(notebooks, pyodide), encoding="utf-8")
    _check(target)
    megabytes = sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) / 1e6
    say(f"The site is in {target} ({megabytes:.0f} MB). Serve that folder, for example with:")
    say(f'  python -m http.server --directory "{target}"')
    return target


def fetch_downloads(downloads: str | Path, *, tell: Callable[[str], object] | None = None) -> Path:
    """Fetch what :func:`build_site` would, so that it can build on a machine without a network.

    There the same releases of the packages must be installed, and the folder be given to it.

    Parameters
    ----------
    downloads
        The folder to keep it in; what is there already is not fetched again.
    tell
        Gets each line on the progress; written to the standard output if it is left out.

    Returns
    -------
    Path
        The absolute path of the folder, ready to be carried.

    Raises
    ------
    SiteError
        If something that is needed is missing, or a download failed.
    """
    say = tell or _say
    _, pyodide = _needed()
    folder = Path(downloads).expanduser().resolve()
    say(f"Fetching Pyodide {pyodide} and wheels into {folder} ...")
    _fetch(_kept(folder, pyodide), pyodide)
    say("All is there. On a machine without a network, with the same folder:")
    say(f'  rpmatrix site BUILD_DIR --downloads "{folder}"')
    return folder


def _needed() -> tuple[list[Path], str]:
    """Give the extensions a site is built from, and the release of Pyodide that fits them."""
    for module, name in (
        ("jupyterlite_core", "jupyterlite-core"),
        ("jupyterlite_pyodide_kernel", "jupyterlite-pyodide-kernel"),
        ("pip", "pip"),
    ):
        if importlib.util.find_spec(module) is None:
            raise SiteError(f"{name} is not installed; run: pip install 'rpmatrix[site]'")
    extensions = [_extension(name) for name in _EXTENSIONS]
    return extensions, _pyodide_version(extensions[_EXTENSIONS.index(_KERNEL_EXTENSION)])


def _kept(downloads: str | Path | None, pyodide: str) -> Path:
    return (Path(downloads).expanduser().resolve() if downloads else _cache()) / pyodide


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _run(command: Iterable[str], what: str, cwd: Path | None = None) -> None:
    answer = subprocess.run([*command], cwd=cwd, capture_output=True, text=True, check=False)
    if answer.returncode:
        said = (answer.stderr + answer.stdout).strip()
        raise SiteError(f"{what} failed with exit code {answer.returncode}:\n{said[-2000:]}")


def _cache() -> Path:
    if sys.platform == "win32":
        above = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return above / "rpmatrix" / "site"


def _extension(name: str) -> Path:
    """Give the folder of an extension of JupyterLab that is installed here."""
    prefixes = (sys.prefix, _python_site.getuserbase(), sys.base_prefix)
    places = [Path(prefix) / "share" / "jupyter" / "labextensions" for prefix in prefixes]
    for place in places:
        if (place / name / "package.json").is_file():
            return place / name
    raise SiteError(
        f"the extension {name} of JupyterLab is not installed; looked for in "
        + ", ".join(str(place) for place in dict.fromkeys(places))
    )


def _pyodide_version(extension: Path) -> str:
    """Give the release of Pyodide that the kernel is made for."""
    for script in sorted((extension / "static").glob("*.js")):
        found = re.search(r"/pyodide/v(\d+\.\d+\.\d+)/", script.read_text(encoding="utf-8"))
        if found:
            return found[1]
    raise SiteError(f"{extension} does not tell which Pyodide it needs; install another release")


# --------------------------------------------------------------------------- Python


def _distribution(kept: Path, pyodide: str, target: Path) -> None:
    """Put together a Python for the browser that names only files beside it."""
    lock, wheels = _fetch(kept, pyodide)
    target.mkdir(parents=True)
    for path in (*(kept / "core" / name for name in _PYODIDE_FILES), *wheels):
        shutil.copyfile(path, target / path.name)
    _own_wheel(target)
    brought = {name: path for (name, _), path in _wheels(target).items()}
    lock["packages"] = {name: _lock_entry(path, brought) for name, path in brought.items()}
    (target / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")


def _fetch(kept: Path, pyodide: str) -> tuple[dict[str, Any], list[Path]]:
    """Fetch what is not kept yet; give the index of Pyodide, and the wheels to bring along."""
    core, wheels = kept / "core", kept / "wheels"
    if not all((core / name).is_file() for name in _PYODIDE_FILES):
        _fetch_pyodide(pyodide, core)
    lock = json.loads((core / "pyodide-lock.json").read_text(encoding="utf-8"))
    wanted = {**_closure(lock["packages"], _OF_PYODIDE), **_installed(_OF_HERE)}
    missing = [name for name, number in wanted.items() if (name, number) not in _wheels(wheels)]
    if missing:
        wheels.mkdir(parents=True, exist_ok=True)
        python = ".".join(lock["info"]["python"].split(".")[:2])
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--implementation=cp", "--abi=none", "--platform=any"]
        command += [f"--python-version={python}", f"--dest={wheels}"]
        named = [f"{name}=={wanted[name]}" for name in missing]
        try:
            _run([*command, *named], "pip download")
        except SiteError as error:
            raise SiteError(f"{kept} lacks {', '.join(named)}. {_OFFLINE}\n{error}") from None
    have = _wheels(wheels)
    return lock, [have[name, number] for name, number in wanted.items()]


def _fetch_pyodide(pyodide: str, core: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(f"npm is not installed, which brings Pyodide; install Node.js. {_OFFLINE}")
    core.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rpmatrix-") as scratch:
        try:
            _run([npm, "pack", f"pyodide@{pyodide}"], "npm pack", cwd=Path(scratch))
        except SiteError as error:
            raise SiteError(f"Pyodide is not in {core}. {_OFFLINE}\n{error}") from None
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as bundle:
            for name in _PYODIDE_FILES:
                file = bundle.extractfile(f"package/{name}")
                if file is None:
                    raise SiteError(f"pyodide {pyodide} holds no {name}")
                (core / name).write_bytes(file.read())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(packages: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Give the versions of packages of Pyodide, with what they need."""
    known = {_normal(name): one for name, one in packages.items()}
    found: dict[str, str] = {}
    open_ = [_normal(name) for name in names]
    while open_:
        name = open_.pop()
        if name not in found:
            found[name] = known[name]["version"]
            open_ += [_normal(one) for one in known[name]["depends"]]
    return found


def _installed(names: Iterable[str]) -> dict[str, str]:
    try:
        return {name: version(name) for name in names}
    except PackageNotFoundError as error:
        raise SiteError(
            f"{error.name} is not installed; run: pip install 'rpmatrix[site]'"
        ) from error


def _wheels(folder: Path) -> dict[tuple[str, str], Path]:
    """Give each wheel in a folder, by the name and the version of its package."""
    parts = ((path.name.split("-"), path) for path in sorted(folder.glob("*.whl")))
    return {(_normal(part[0]), part[1]): path for part, path in parts}


def _lock_entry(wheel: Path, brought: Mapping[str, Path]) -> dict[str, Any]:
    """Describe a wheel as Pyodide wants it: what it needs of what is there, what it provides."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        lines = archive.read(metadata).decode().split("\n\n", 1)[0].splitlines()
    needs = [line.partition(":")[2].strip() for line in lines if line.startswith("Requires-Dist:")]
    plain = [_normal(re.split(r"[^\w.-]", need)[0]) for need in needs if "extra ==" not in need]
    tops = {name.split("/")[0] for name in names}
    imports = {
        top.removesuffix(".py") for top in tops if not re.search(r"\.(dist-info|data)$", top)
    }
    name, number = wheel.name.split("-")[:2]
    return {
        "depends": sorted({one for one in plain if one in brought}),
        "file_name": wheel.name,
        "imports": sorted(imports),
        "install_dir": "site",
        "name": _normal(name),
        "package_type": "package",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "unvendored_tests": False,
        "version": number,
    }


def _own_wheel(target: Path) -> Path:
    """Make a wheel of this package for the browser: it names only what is there as its needs."""
    number = version("rpmatrix")
    about = f"rpmatrix-{number}.dist-info"
    content: dict[str, bytes] = {}
    for path in sorted(_HERE.rglob("*")):
        inside = path.relative_to(_HERE)
        foreign = {"__pycache__", "_data", "_voila", "_jupyter", "_site"} & set(inside.parts)
        if path.is_file() and not foreign:
            content[f"rpmatrix/{inside.as_posix()}"] = path.read_bytes()
    tables = data_folder()
    for path in sorted(tables.rglob("*")):
        if path.is_file():
            inside = path.relative_to(tables)
            content[f"rpmatrix/_data/matrix_data/{inside.as_posix()}"] = path.read_bytes()
    needs = "".join(f"Requires-Dist: {name}\n" for name in _NEEDED)
    metadata = f"Metadata-Version: 2.1\nName: rpmatrix\nVersion: {number}\n{needs}"
    content[f"{about}/METADATA"] = metadata.encode()
    content[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: rpmatrix\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows([name, "", ""] for name in content)
    content[f"{about}/RECORD"] = record.getvalue().encode()
    wheel = target / f"rpmatrix-{number}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return wheel


# --------------------------------------------------------------------------- pages


def _notebooks(target: Path) -> dict[str, str]:
    """Copy the notebooks, with a note before what cannot run there; give their titles."""
    folders = (_HERE / "_data" / "notebooks", _HERE.parents[1] / "notebooks")
    source = next((folder for folder in folders if folder.is_dir()), None)
    if source is None:
        raise SiteError(f"no notebooks in {folders[0]}; install rpmatrix again")
    target.mkdir(parents=True)
    titles: dict[str, str] = {}
    for path in sorted(source.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        text = "".join("".join(cell["source"]) + "\n" for cell in notebook["cells"])
        heading = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
        titles[path.name] = heading[1] if heading else path.stem
        noted = _noted(notebook)
        (target / path.name).write_text(json.dumps(noted, indent=1), encoding="utf-8")
    return titles


def _noted(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Put a note before each cell that needs what is not there."""
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and NOT_THERE.search("".join(cell["source"])):
            note = {"cell_type": "markdown", "id": f"note-{len(cells)}", "metadata": {}}
            cells.append({**note, "source": [_NOTE]})
        cells.append(cell)
    # The kernel of a browser has another name; without one, the only kernel there is taken.
    metadata = {name: one for name, one in notebook["metadata"].items() if name != "kernelspec"}
    metadata["kernelspec"] = {"display_name": "Python", "language": "python", "name": "python"}
    return {**notebook, "cells": cells, "metadata": metadata}


def _build(lite: Path, target: Path, extensions: Iterable[Path]) -> None:
    """Let JupyterLite build the site, from what is named here and nothing else installed."""
    build = {
        "apps": ["lab"],
        "contents": ["contents"],
        "federated_extensions": [str(path) for path in extensions],
        "ignore_sys_prefix": ["federated_extensions"],
        "no_sourcemaps": True,
        "no_unused_shared_packages": True,
        "output_dir": str(target),
        "settings_overrides": ["overrides.json"],
    }
    kernel = {"disablePyPIFallback": True}  # what is not beside the page is not asked for
    _write(lite / "jupyter_lite_config.json", {"LiteBuildConfig": build})
    data = {"appName": "rpmatrix", "litePluginSettings": {f"{_KERNEL_EXTENSION}:kernel": kernel}}
    lite_json = {"jupyter-lite-schema-version": 0, "jupyter-config-data": data}
    _write(lite / "jupyter-lite.json", lite_json)
    # Light or dark as the system is.
    themes = {"@jupyterlab/apputils-extension:themes": {"adaptive-theme": True}}
    _write(lite / "overrides.json", themes)
    _run([sys.executable, "-m", "jupyterlite_core", "build"], "jupyter lite build", cwd=lite)


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _index(notebooks: Mapping[str, str], pyodide: str) -> str:
    """Make the first page."""
    links = bullets(
        tag("a", title, href=f"lab/index.html?path={quote(name)}")
        for name, title in notebooks.items()
    )
    page = (files("rpmatrix") / "_site" / "index.html").read_text(encoding="utf-8")
    sheet = (files("rpmatrix") / "_static" / "report.css").read_text(encoding="utf-8")
    values = {
        "sheet": sheet,
        "notebooks": links,
        "version": version("rpmatrix"),
        "pyodide": pyodide,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], page)


def _check(target: Path) -> None:
    """Make sure that a page will ask for nothing outside the folder."""
    settings = json.loads((target / "jupyter-lite.json").read_text(encoding="utf-8"))
    kernel = settings["jupyter-config-data"]["litePluginSettings"][f"{_KERNEL_EXTENSION}:kernel"]
    address = kernel.get("pyodideUrl", "")
    if not (address.startswith("./") and (target / address).is_file()):
        raise SiteError(f"the site would fetch Python from {address or 'its own default'}")
    lock = json.loads((target / address).with_name("pyodide-lock.json").read_text(encoding="utf-8"))
    for name, one in lock["packages"].items():
        if not (target / address).with_name(one["file_name"]).is_file():
            raise SiteError(f"the site holds no {one['file_name']}, which {name} is read from")
