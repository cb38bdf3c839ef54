"""Imports run one way, and the core stands on the standard library.

Read the order from the left: a module may import only from those before it. So a reader who knows
a module knows all it can depend on, and the same core answers at once in a shell and runs in a
browser kernel, where pandas is not to be had. One step to the right is allowed: a result that a
notebook displays asks the report for its HTML, inside `_repr_html_`, when it is displayed.
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

ORDER = (
    *(
        "table_problems",
        "tables",
        "table_cells",
        "atomic_writing",
        "table_files",
        "system_patterns",
        "table_rules",
        "table_folders",
        "matrix",
        "words",
        "titles",
        "workbook",
        "article_source",
        "article",
        "statement_traits",
        "statement_pairing",
        "drift",
        "edition_overlay",
        "not_json",
        "vm_kinds",
        "client_names",
        "template_expressions",
        "arm_templates",
        "texts",
        "terraform_attributes",
        "pulumi",
        "terraform_documents",
        "terraform",
        "garbage",
        "records",
        "inventory",
        "readings",
        "systems",
        "facts",
        "rules",
        "eligibility",
    ),
    *(
        "samples",
        "impact",
        "extending",
        "column_codes",
        "column_cases",
        "columns",
        "durations",
        "point_counts",
        "schedule",
        "applicability",
        "shown_encryption",
        "encryption",
        "copies",
        "errors",
        "access_control",
        "operations",
        "quoting",
        "role_files",
        "command_requests",
        "commands_azure_cli",
        "commands_powershell",
        "commands_templates",
        "commands",
        "what_if",
        "plan_names",
        "plan_operations",
        "planning",
        "sources",
        "record_shapes",
        "stray_keys",
        "record_blocks",
        "record_columns",
        "bulk",
        "summaries",
        "fleet_inputs",
        "parts",
        "fact_columns",
        "fact_files",
        "fact_batches",
        "fact_judging",
        "rollups",
        "record_judging",
        "runs",
        "clusters",
        "frames",
        "fleet",
        "assessing",
        "markup",
        "report_matrix",
        "report_schedule",
        "report_plan",
        "report_change",
        "report",
        "report_fleet",
    ),
    *(
        "sample_fleets",
        "cases",
        "documents",
        "fleet_views",
        "exercise_cards",
        "exercise_answers",
        "report_exercises",
        "exercises",
        "controls",
        "panels",
        "panels_plan",
        "panels_change",
        "panels_fleet",
        "panels_extend",
        "workshop_panel",
        "launcher",
        "app_login",
        "app",
        "site",
        "shell",
        "cli_assess",
        "cli_matrix",
        "cli_schedule",
        "cli_copies",
        "cli_encryption",
        "cli_errors",
        "cli_permissions",
        "cli_tables",
        "cli_documents",
        "cli_exercise",
        "cli_open",
        "cli_plan",
        "cli_fleet",
        "cli_samples",
        "completion",
        "cli",
    ),
)
# Outside the order: the public face shows all modules, and __main__ starts the last one.
FACES = ("__init__", "__main__")
# Modules that are made of somebody else's classes; they are imported late themselves.
TOP_LEVEL_GUESTS = {
    "column_codes": {"numpy", "pyarrow"},
    "column_cases": {"numpy"},
    "columns": {"numpy", "pyarrow"},
    "sources": {"msgspec", "pyarrow"},
    "record_shapes": {"pyarrow"},
    "record_blocks": {"numpy", "pyarrow"},
    "stray_keys": {"msgspec"},
    "record_columns": {"numpy", "pyarrow"},
    "bulk": {"numpy", "pyarrow"},
    "parts": {"numpy", "pyarrow"},
    "fact_files": {"numpy", "pyarrow"},
    "fact_batches": {"numpy", "pyarrow"},
    "fact_judging": {"numpy", "pyarrow"},
    "record_judging": {"numpy", "pyarrow"},
    "runs": {"msgspec", "pyarrow"},
    "fleet_inputs": {"pyarrow"},
    "frames": {"pyarrow"},
    "clusters": {"pyarrow"},
    "fleet": {"pyarrow"},
    "app_login": {"jupyter_server"},
    "controls": {"ipywidgets"},
    "panels": {"ipywidgets"},
    "panels_extend": {"ipywidgets"},
    "panels_fleet": {"ipywidgets"},
    "panels_plan": {"ipywidgets"},
    "panels_change": {"ipywidgets"},
    "workshop_panel": {"ipywidgets"},
}
# The one step to the right: function and modules.
DISPLAY = ("_repr_html_", {"report", "report_exercises", "report_fleet"})
# A package that has one home, so that a change in it is felt in one place.
ONLY_IN = {
    "anywidget": {"panels"},
    "ipywidgets": {
        "controls",
        "panels",
        "panels_change",
        "panels_extend",
        "panels_fleet",
        "panels_plan",
        "workshop_panel",
    },
    "openpyxl": {"workbook", "documents"},
    "rich": {"shell", "cli_fleet"},
}

MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


@dataclass(frozen=True)
class Import:
    """One import statement: the names it takes, and when it takes them."""

    package: str
    module: str | None  # of rpmatrix
    line: int
    function: str | None  # the innermost one around it; None: it happens with the module's own
    typing_only: bool  # never happens when the program runs


def imports_of(source: str) -> list[Import]:
    return list(_walk(ast.parse(source), function=None, typing_only=False))


def _walk(node: ast.AST, *, function: str | None, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for package, module in _targets(child):
                yield Import(package, module, child.lineno, function, typing_only)
            continue
        inside = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = child.name
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            checked = ast.Module(child.body, [])
            other = ast.Module(child.orelse, [])
            yield from _walk(checked, function=inside, typing_only=True)
            yield from _walk(other, function=inside, typing_only=typing_only)
        else:
            yield from _walk(child, function=inside, typing_only=typing_only)


def _targets(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str | None]]:
    """Give (package, module of rpmatrix) for each name that a statement imports."""
    if isinstance(node, ast.Import):
        dotted = [alias.name for alias in node.names]
    elif node.level:
        base = ".".join(["rpmatrix", *([node.module] if node.module else [])])
        dotted = [base] if node.module else [f"{base}.{alias.name}" for alias in node.names]
    elif node.module == "rpmatrix":
        dotted = [f"rpmatrix.{alias.name}" for alias in node.names]
    else:
        dotted = [node.module or ""]
    for name in dotted:
        package, _, rest = name.partition(".")
        yield package, (rest.partition(".")[0] if package == "rpmatrix" else None)


def source_of(module: str) -> str:
    return (PACKAGE / f"{module}.py").read_text(encoding="utf-8")


def wrong_way(module: str, source: str) -> list[str]:
    """Return the imports of rpmatrix's own modules that do not point to the left."""
    allowed = ORDER[: ORDER.index(module)]
    return [
        f"{module}.py:{found.line} imports {found.module or 'rpmatrix itself'}"
        for found in imports_of(source)
        if found.package == "rpmatrix"
        and found.module not in allowed
        and not (found.function == DISPLAY[0] and found.module in DISPLAY[1])
    ]


def foreign_at_start(module: str, source: str) -> list[str]:
    """Return the imports that happen with the module's own and are not of the standard library."""
    known = {"rpmatrix", *sys.stdlib_module_names, *TOP_LEVEL_GUESTS.get(module, ())}
    return [
        f"{module}.py:{found.line} imports {found.package}; do it in the function that needs it"
        for found in imports_of(source)
        if found.function is None and not found.typing_only and found.package not in known
    ]


def test_every_module_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(set(MODULES) - set(FACES))


@pytest.mark.parametrize("module", [name for name in ORDER if name in MODULES])
def test_imports_run_one_way(module: str) -> None:
    assert wrong_way(module, source_of(module)) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_starts_with_the_standard_library_alone(module: str) -> None:
    assert foreign_at_start(module, source_of(module)) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_package_with_one_home_is_used_there_only(module: str) -> None:
    strays = [
        f"{module}.py:{found.line} imports {found.package}"
        for found in imports_of(source_of(module))
        if module not in ONLY_IN.get(found.package, {module})
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
        f"{module}.py imports {found.package}"
        for module in MODULES
        for found in imports_of(source_of(module))
        if found.package not in {"rpmatrix", *sys.stdlib_module_names}
        and not declared & {canonicalize_name(name) for name in homes.get(found.package, ())}
    }
    assert missing == set()


def test_importing_the_core_loads_the_standard_library_alone() -> None:
    core = [name for name in ORDER if name in MODULES and name not in TOP_LEVEL_GUESTS]
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
    "import rpmatrix.{}",
    "from rpmatrix.{} import name",
    "from rpmatrix import {}",
    "from . import {}",
    "from .{} import name",
    "def late():\n    from rpmatrix.{} import name",
    "if TYPE_CHECKING:\n    from rpmatrix.{} import name",
]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize(("module", "count"), [("matrix", 0), ("rules", 1), ("cli", 1)])
def test_an_import_that_does_not_point_to_the_left_is_found(
    statement: str, module: str, count: int
) -> None:
    assert len(wrong_way("rules", statement.format(module))) == count


@pytest.mark.parametrize(
    ("function", "module", "count"),
    [
        ("_repr_html_", "report", 0),
        ("_repr_html_", "report_fleet", 0),
        ("_repr_html_", "panels", 1),
        ("explain", "report", 1),
    ],
)
def test_only_a_display_may_ask_the_report(function: str, module: str, count: int) -> None:
    source = f"class Result:\n    def {function}(self):\n        from rpmatrix import {module}"
    assert len(wrong_way("rules", source)) == count


def test_an_import_of_the_whole_package_is_found() -> None:
    assert wrong_way("rules", "import rpmatrix") == ["rules.py:1 imports rpmatrix itself"]


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
    assert len(foreign_at_start("rules", source)) == count
