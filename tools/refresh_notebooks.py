"""Run the notebooks and store their outputs so that `pytest --nbval` compares like with like.

python tools/refresh_notebooks.py                       all notebooks
python tools/refresh_notebooks.py notebooks/02-*.ipynb  some of them
python tools/refresh_notebooks.py --check               tell which are stale, change nothing

What a reader sees is stored: text, tables, the HTML snapshot of a panel. What differs from run to
run is not: ids of widgets and their state, timings, and whatever nbval.cfg rewrites. So a second
refresh gives the same bytes, and a change in a diff is a change in an answer.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT_METADATA = {"kernelspec", "language_info", "title"}
Rules = Sequence[tuple[re.Pattern[str], str]]


class RefreshError(Exception):
    """A notebook that must not be stored as it is; the message says which cell and why."""


class _Client(NotebookClient):  # type: ignore[misc]
    """A client that leaves what an Output widget captures where nbval sees it: with the cell."""

    def reset_execution_trackers(self) -> None:
        super().reset_execution_trackers()
        self.comm_open_handlers = {}


def read_rules(path: Path = ROOT / "nbval.cfg") -> Rules:
    """Return the rewriting rules that nbval applies, as pairs of pattern and replacement."""
    pairs = re.findall(r"^regex: (.*)\n^replace: (.*)$", path.read_text(encoding="utf-8"), re.M)
    return [(re.compile(pattern), replacement) for pattern, replacement in pairs]


def run(path: Path) -> Any:
    """Run a notebook in its own folder with the Python that runs this tool."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    _Client(
        notebook,
        timeout=60,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        allow_errors=True,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.resolve().parent)}},
    ).execute()
    return notebook


def clean(notebook: Any, name: str, rules: Rules) -> None:
    """Refuse errors, and drop or rewrite whatever differs from run to run, in place."""
    notebook.metadata = nbformat.from_dict(
        {key: value for key, value in notebook.metadata.items() if key in KEPT_METADATA}
    )
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells, start=1):
        cell.metadata = nbformat.from_dict(
            {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        )
        if cell.cell_type != "code":
            continue
        if not cell.source.strip():
            raise RefreshError(f"{name}, cell {number}: an empty code cell; delete it")
        for output in cell.outputs:
            _clean_output(output, f"{name}, cell {number}", rules)


def _clean_output(output: Any, where: str, rules: Rules) -> None:
    if output.output_type == "error":
        raise RefreshError(f"{where}: {output.ename}: {output.evalue}")
    if "text" in output:
        output.text = _rewrite(output.text, rules)
    for kind, value in output.get("data", {}).items():
        output.data[kind] = _rewrite(value, rules) if isinstance(value, str) else value
    if WIDGET_VIEW in output.get("data", {}):
        del output.data[WIDGET_VIEW]
        if not output.data:
            raise RefreshError(f"{where}: a widget without text or HTML of its own")


def _rewrite(text: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def refreshed(path: Path, rules: Rules) -> str:
    """Return the text that the notebook file should have."""
    notebook = run(path)
    clean(notebook, path.name, rules)
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 means that a notebook is stale or was refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="tell what is stale, change nothing")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all notebooks if none is named")
    options = parser.parse_args(arguments)
    rules = read_rules()
    failed = 0
    for path in options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        try:
            text = refreshed(path, rules)
        except RefreshError as error:
            print(f"refused    {error}")
            failed += 1
            continue
        if text.encode() == path.read_bytes():
            print(f"unchanged  {path.name}")
        elif options.check:
            print(f"stale      {path.name}")
            failed += 1
        else:
            path.write_bytes(text.encode())
            print(f"refreshed  {path.name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
