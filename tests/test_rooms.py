"""The rooms of the package: imports run one way, and each heavy package has one home.

Read the rooms from the top: a room may import itself and those above it. So a reader who knows a
room knows all it can depend on; the core starts at once in a shell, and runs in the kernel of a
browser, which has no pandas.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "rpmatrix"

ROOMS = (
    "common",
    "matrix",
    "article",
    "inventory",
    "eligibility",
    "authoring",
    "planning",
    "fleet",
    "cases",
    "workshop",
    "view",
    "panels",
    "serve",
    "cli",
)
# Packages that a room may import when it is imported itself; anywhere else that is done late.
GUESTS = {
    "fleet": {"numpy", "pyarrow", "msgspec"},
    "panels": {"ipywidgets"},
    "serve.login": {"jupyter_server"},
}
# Packages with one home, so that a change in them is felt in one place.
HOMES = {
    "anywidget": ("panels",),
    "ipywidgets": ("panels",),
    "numpy": ("fleet", "view.fleet_views"),
    "openpyxl": ("authoring.workbook", "view"),
    "pyarrow": ("fleet", "view.fleet_views", "cli.fleet"),
    "rich": ("cli", "view"),
}
# Modules of the fleet that a verdict on a few VMs passes through, too.
CORE_ROOMS = ("common", "matrix", "article", "inventory", "eligibility", "authoring", "planning")

MOST_ENTRIES = 18
LONGEST_MODULE = 700
LONGEST_FUNCTION = 80


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    name_of(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))
}
MODULES = [name for name in SOURCES if name not in ("", "__main__")]


@dataclass(frozen=True)
class Import:
    """One name that a module imports, and when."""

    package: str
    module: str  # of rpmatrix, dotted; empty for the package itself
    name: str
    line: int
    at_start: bool
    typing_only: bool


def imports_of(source: str, modules: Iterator[str] | list[str] = MODULES) -> list[Import]:
    known = set(modules)
    return list(_walk(ast.parse(source), known, at_start=True, typing_only=False))


def _walk(node: ast.AST, known: set[str], *, at_start: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from _targets(child, known, at_start, typing_only)
            continue
        inside = at_start and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for body, only in ((child.body, True), (child.orelse, typing_only)):
                part = ast.Module(body, [])
                yield from _walk(part, known, at_start=inside, typing_only=only)
        else:
            yield from _walk(child, known, at_start=inside, typing_only=typing_only)


def _targets(
    node: ast.Import | ast.ImportFrom, known: set[str], at_start: bool, typing_only: bool
) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            package, _, rest = alias.name.partition(".")
            module = rest if package == "rpmatrix" else ""
            yield Import(package, module, "", node.lineno, at_start, typing_only)
        return
    assert not node.level, f"line {node.lineno}: imports are absolute"
    package, _, rest = (node.module or "").partition(".")
    for alias in node.names:
        inner = f"{rest}.{alias.name}".lstrip(".")
        if package == "rpmatrix" and inner in known:
            yield Import(package, inner, "", node.lineno, at_start, typing_only)
        else:
            module = rest if package == "rpmatrix" else ""
            yield Import(package, module, alias.name, node.lineno, at_start, typing_only)


def room_of(module: str) -> str:
    return module.partition(".")[0]


def within(module: str, places: set[str] | tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def wrong_way(module: str, source: str) -> list[str]:
    """Return the imports that lead to a room below, or to the public face."""
    allowed = ROOMS[: ROOMS.index(room_of(module)) + 1]
    return [
        f"{module}:{found.line} imports {found.module or 'rpmatrix itself'}"
        for found in imports_of(source)
        if found.package == "rpmatrix" and room_of(found.module) not in allowed
    ]


def test_every_module_is_in_a_room() -> None:
    assert {room_of(module) for module in MODULES} == set(ROOMS)
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES + sum(path.name.startswith("_") for path in entries)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_down_the_list(module: str) -> None:
    assert wrong_way(module, SOURCES[module]) == []


def test_no_circle_of_imports_even_late() -> None:
    needs = {
        module: {
            found.module
            for found in imports_of(SOURCES[module])
            if found.package == "rpmatrix" and found.module in SOURCES and not found.typing_only
        }
        - {module}
        for module in MODULES
    }
    free: set[str] = set()
    while ready := {name for name, wanted in needs.items() if wanted <= free} - free:
        free |= ready
    assert set(MODULES) - free == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_private_name_crosses_a_module(module: str) -> None:
    strays = [
        f"{module}:{found.line} imports {found.name} of {found.module}"
        for found in imports_of(SOURCES[module])
        if found.package == "rpmatrix" and found.name.startswith("_")
    ]
    assert strays == []


def foreign_at_start(module: str, source: str) -> list[str]:
    """Return the imports of other packages that happen with the module's own."""
    guests = {name for place, names in GUESTS.items() if within(module, (place,)) for name in names}
    known = {"rpmatrix", *sys.stdlib_module_names, *guests}
    return [
        f"{module}:{found.line} imports {found.package}; do it in the function that needs it"
        for found in imports_of(source)
        if found.at_start and not found.typing_only and found.package not in known
    ]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_starts_with_the_standard_library_alone(module: str) -> None:
    assert foreign_at_start(module, SOURCES[module]) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_package_with_one_home_is_used_there_only(module: str) -> None:
    strays = [
        f"{module}:{found.line} imports {found.package}"
        for found in imports_of(SOURCES[module])
        if not within(module, HOMES.get(found.package, (module,)))
    ]
    assert strays == []


def test_whatever_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    offered = list(project["dependencies"])
    offered += [line for name, lines in extras.items() if name != "test" for line in lines]
    declared = {canonicalize_name(Requirement(line).name) for line in offered}
    homes = packages_distributions()
    missing = {
        f"{module} imports {found.package}"
        for module in MODULES
        for found in imports_of(SOURCES[module])
        if found.package not in {"rpmatrix", *sys.stdlib_module_names}
        and not declared & {canonicalize_name(name) for name in homes.get(found.package, ())}
    }
    assert missing == set()


def test_importing_the_core_loads_the_standard_library_alone() -> None:
    core = [name for name in MODULES if room_of(name) in CORE_ROOMS]
    lines = [
        "import sys; before = set(sys.modules)",
        "import rpmatrix",
        *(f"import rpmatrix.{name}" for name in core),
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}",
        "print(*sorted(loaded - set(sys.stdlib_module_names)))",
    ]
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True
    )
    assert answer.stdout.split() == ["rpmatrix"]


# --- the reader of imports sees what it should -----------------------------------------------


STATEMENTS = [
    "import rpmatrix.{}.x",
    "from rpmatrix.{}.x import name",
    "def late():\n    from rpmatrix.{}.x import name",
    "if TYPE_CHECKING:\n    from rpmatrix.{}.x import name",
]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize(("room", "count"), [("matrix", 0), ("eligibility", 0), ("cli", 1)])
def test_an_import_from_a_room_below_is_found(statement: str, room: str, count: int) -> None:
    assert len(wrong_way("eligibility.rules", statement.format(room))) == count


def test_an_import_of_the_whole_package_is_found() -> None:
    found = wrong_way("matrix.schema", "import rpmatrix")
    assert found == ["matrix.schema:1 imports rpmatrix itself"]


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import pandas as pd", 1),
        ("try:\n    from pandas import DataFrame\nexcept ImportError:\n    pass", 1),
        ("class Frame:\n    import pandas", 1),
        ("def frame():\n    import pandas", 0),
        ("if TYPE_CHECKING:\n    import pandas", 0),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import pandas", 1),
        ("import json, csv", 0),
    ],
)
def test_a_foreign_import_at_the_start_is_found(source: str, count: int) -> None:
    assert len(foreign_at_start("eligibility.rules", source)) == count
