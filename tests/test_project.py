"""The files around the code agree: requirements, pins, environments, what a wheel carries."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
LAB = "python run.py lab"
TEST = "python run.py test"


def requirements(*extras: str) -> dict[str, SpecifierSet]:
    """Return what an install with these extras asks for, by name, with its bounds."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found: dict[str, SpecifierSet] = {}
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            found |= requirements(*requirement.extras)
        else:
            found[canonicalize_name(requirement.name)] = requirement.specifier
    return found


# --- environment.yml -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8")))


def conda_lines(environment: dict[str, Any]) -> dict[str, str]:
    plain = [line for line in environment["dependencies"] if isinstance(line, str)]
    matches = [re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", line) for line in plain]
    return {match[1]: match[2] for match in matches if match}


def test_conda_gets_what_the_notebooks_need_with_the_same_bounds(
    environment: dict[str, Any],
) -> None:
    conda = conda_lines(environment)
    bounds = {name: SpecifierSet(text) for name, text in conda.items() if name not in OWN_OF_CONDA}
    assert bounds == requirements("app", "excel", "lab")


OWN_OF_CONDA = {"python", "pip"}


def test_binder_can_read_the_python_version(environment: dict[str, Any]) -> None:
    # Binder reads this one form; with any other it takes a Python of its own choice.
    match = re.fullmatch(r"=(\d+\.\d+)", conda_lines(environment)["python"])
    assert match
    assert Version(match[1]) in SpecifierSet(PROJECT["requires-python"])


def test_conda_installs_the_checkout_itself_live(environment: dict[str, Any]) -> None:
    assert [line for line in environment["dependencies"] if isinstance(line, dict)] == [
        {"pip": ["--editable ."]}
    ]
    assert environment["channels"] == ["conda-forge"]


# --- pins ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pins_tool() -> ModuleType:
    path = ROOT / "tools" / "refresh_pins.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pip_and_uv_get_the_same_pins(pins_tool: ModuleType) -> None:
    assert pins_tool.pins_for_pip() == pins_tool.pins_for_uv()
    assert len(pins_tool.pins_for_pip()) == len(set(pins_tool.pins_for_pip()))


def test_every_requirement_is_pinned_within_its_bounds(pins_tool: ModuleType) -> None:
    pinned: dict[str, list[Version]] = {}
    for line in map(Requirement, pins_tool.pins_for_pip()):
        (pin,) = line.specifier
        assert pin.operator == "=="
        pinned.setdefault(canonicalize_name(line.name), []).append(Version(pin.version))
    for name, bounds in requirements(*PROJECT["optional-dependencies"]).items():
        assert name in pinned, f"{name} has no pin; run: python tools/refresh_pins.py"
        assert all(version in bounds for version in pinned[name]), name


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "constraints.txt", "environment.yml", "run.py", ".ci/run"]
)
def test_what_is_installed_comes_from_no_named_address(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_lock_files_with_addresses_stay_out() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"uv.lock", "pylock.toml"} <= set(ignored)


# --- the two commands ------------------------------------------------------------------------


@pytest.mark.parametrize("command", [LAB, TEST])
def test_the_readme_tells_the_command(command: str) -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert command in [line.strip() for line in lines]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert TEST in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_run_py_shows_its_help() -> None:
    command = [sys.executable, str(ROOT / "run.py"), "--help"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert LAB in answer.stdout
    assert TEST in answer.stdout


# --- what a wheel and a source archive carry -------------------------------------------------

# Where a file of the checkout goes in a wheel, and which files may go.
SHIPPED = {
    "src/rpmatrix": ("rpmatrix", {".py", ".typed", ".json", ".css", ".js", ".j2", ".html"}),
    "matrix_data": ("rpmatrix/_data/matrix_data", {".csv", ".json", ".md"}),
    "notebooks": ("rpmatrix/_data/notebooks", {".ipynb"}),
}


def expected_in_wheel() -> set[str]:
    found = set()
    for folder, (target, suffixes) in SHIPPED.items():
        for path in (ROOT / folder).rglob("*"):
            made_by_a_tool = {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
            if path.is_file() and path.suffix in suffixes and not made_by_a_tool:
                found.add(f"{target}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A source archive of the checkout, and a wheel of it."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    (source,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return source, wheel


def build(checkout: Path, target: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target)]
    answer = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    if answer.returncode:
        pytest.fail(answer.stdout + answer.stderr, pytrace=False)


def content(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return {name for name in names if ".dist-info" not in PurePosixPath(name).parts[0]}


def test_wheel_carries_code_tables_and_notebooks_and_nothing_else(
    archives: tuple[Path, Path],
) -> None:
    assert content(archives[1]) == expected_in_wheel()


def test_wheel_carries_both_licences(archives: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(archives[1]) as archive:
        names = {PurePosixPath(name).name for name in archive.namelist()}
    assert {"LICENSE", "LICENSE-DATA"} <= names


def test_source_archive_makes_the_same_wheel(archives: tuple[Path, Path], tmp_path: Path) -> None:
    source, wheel = archives
    with tarfile.open(source) as archive:
        # The first releases of Python 3.11 have no filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    (checkout,) = tmp_path.iterdir()
    build(checkout, tmp_path / "dist")
    (again,) = (tmp_path / "dist").glob("*.whl")
    assert content(again) == content(wheel)


def test_the_package_of_a_wheel_reads_the_tables_it_carries(
    archives: tuple[Path, Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(archives[1]) as archive:
        archive.extractall(tmp_path)
    lines = [
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})",
        "import rpmatrix, rpmatrix.matrix.schema as tables",
        "print(tables.data_folder()); print(rpmatrix.load_matrix().digest)",
    ]
    packaged = run_python(lines, cwd=tmp_path).splitlines()
    assert Path(packaged[0]) == (tmp_path / "rpmatrix" / "_data" / "matrix_data").resolve()
    assert packaged[1] == run_python(lines[1:], cwd=ROOT).splitlines()[1]


def run_python(lines: list[str], cwd: Path) -> str:
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout
