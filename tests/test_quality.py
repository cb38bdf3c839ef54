"""Format, lint, types and tables: what a reviewer would otherwise have to look for."""

from __future__ import annotations

import ast
import csv
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RPMATRIX = ["-c", "import sys; from rpmatrix.cli.main import main; sys.exit(main())"]

CHECKS = {
    "format": (["-m", "ruff", "format", "--check", "."], "ruff format ."),
    "lint": (["-m", "ruff", "check", "--output-format=concise", "."], "ruff check --fix ."),
    "types": (["-m", "mypy", "--strict", "src"], "mypy --strict src"),
    "tables": ([*RPMATRIX, "check"], "rpmatrix check"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_quality(name: str) -> None:
    arguments, command = CHECKS[name]
    answer = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if answer.returncode:
        pytest.fail(f"{command}\n{answer.stdout}", pytrace=False)


# --- what the tables say stands in no module ---------------------------------------------------

DATA = ROOT / "matrix_data"
PACKAGE = ROOT / "src" / "rpmatrix"
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
# The reader of such a fact is a function, or the one who asks; the others stand in the table whole.
READ_BY_CODE = {"derived", "asked"}
# What happens to be written like the id of a row, and what else it is.
SAME_WORD = {
    "ade": "what people call a column",
    "almalinux": "the publisher of an image",
    "availability-set": "a sample",
    "availability_set": "a kind of group",
    "caching": "a property of an attached disk",
    "disk_sku": "what a restored disk is asked for with, and a heading",
    "double-encryption": "a sample",
    "encryption_at_host": "what a column seems to be about, by its name",
    "flatcar": "a sample",
    "hyper_v_generation": "an attribute of Terraform",
    "license_type": "an attribute of Terraform",
    "priority": "a property of a VM",
    "windows-11": "a sample, and the offer of an image",
    "windows-server-2012-r2": "a sample",
}


def rows_of_the_data() -> Iterator[tuple[str, dict[str, str]]]:
    for path in sorted(DATA.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield path.stem, row


@cache
def ids_of_rows() -> set[str]:
    return {
        row["id"]
        for table, row in rows_of_the_data()
        if table != "facts" or row["reading"] not in READ_BY_CODE
    }


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Give the texts of a module that are no documentation, each with its line."""
    tree = ast.parse(source)
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def rows_named(source: str) -> dict[str, int]:
    known = ids_of_rows()
    return {text: line for line, text in texts_of(source) if text in known}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_names_a_row(module: str) -> None:
    """Where a row has a part to play, a column of its table says so."""
    found = rows_named(MODULES[module].read_text(encoding="utf-8"))
    assert [
        f"{module}:{line} {text}" for text, line in found.items() if text not in SAME_WORD
    ] == []


def test_every_word_that_may_look_like_a_row_is_needed() -> None:
    used = {
        text for path in MODULES.values() for text in rows_named(path.read_text(encoding="utf-8"))
    }
    assert set(SAME_WORD) - used == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("SETTLING = ('step-settle', 'step')", {"step-settle": 1}),
        ("def f():\n    'ultra-disk'\n    return 'ultra-disks'", {}),
        ("if fact == 'encryption_at_host':\n    pass", {"encryption_at_host": 1}),
        ("readers = {'image_source': read}", {}),
    ],
)
def test_a_row_that_a_module_names_is_found(source: str, found: dict[str, int]) -> None:
    assert rows_named(source) == found
