"""Every notebook in a real browser: JupyterLab runs it, its panels appear, nobody else is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_in_jupyterlab(path: Path, open_in_lab: Callable[[str], Any]) -> None:
    page = open_in_lab(path.name)
    if shows_panel(path):
        page.wait_for_selector(".jp-OutputArea .widget-box", timeout=20_000)
    assert page.get_by_text("Error displaying widget").count() == 0


def shows_panel(path: Path) -> bool:
    """Whether a cell of the notebook ends by showing a panel."""
    cells = nbformat.read(path, as_version=4).cells
    last_lines = [cell.source.splitlines()[-1:] for cell in cells if cell.cell_type == "code"]
    return any("Panel(" in line for lines in last_lines for line in lines)
