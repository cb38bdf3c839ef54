"""Format, lint, types and tables: what a reviewer would otherwise have to look for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RPMATRIX = ["-c", "import sys; from rpmatrix.cli import main; sys.exit(main())"]

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
