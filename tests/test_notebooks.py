"""The notebooks are fit to be compared and read; the tool that stores their outputs is right."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("**/*.ipynb"))

NAME = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*\.ipynb")
KNOWN_TAGS = {"hide-input", "nbval-check-output", "parameters", "remove-cell"}
OFF_SWITCH = re.compile(r"#\s*(NBVAL_(SKIP|IGNORE_OUTPUT|RAISES)|PYTEST_VALIDATE_IGNORE)", re.I)
MACHINE_PATH = re.compile(
    r"(?<![\w.:])/(home|root|tmp|Users|private|var/folders|opt|mnt)/|site-packages"
    r"|\b[A-Za-z]:(\\{1,2})(Users|Windows|Temp)\b"
)
MAX_LINES = 3


def complaints(notebook: Any, name: str) -> list[str]:
    """Return what would let an answer slip through nbval, or a beginner stumble."""
    found = []
    if not NAME.fullmatch(name):
        found.append("a name is two digits and words in lower case: 02-check-a-vm.ipynb")
    if "widgets" in notebook.metadata:
        found.append("the state of widgets is stored")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            found += [f"cell {number}: {complaint}" for complaint in _cell_complaints(cell)]
    return found


def _cell_complaints(cell: Any) -> list[str]:
    found = []
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if not lines:
        found.append("empty")
    if len(lines) > MAX_LINES:
        found.append(f"{len(lines)} lines; at most {MAX_LINES}, the rest belongs in the package")
    # nbval runs a cell without a count, and compares nothing.
    if cell.execution_count is None:
        found.append("never run")
    found += [f"unknown tag {tag!r}" for tag in set(cell.metadata.get("tags", [])) - KNOWN_TAGS]
    if OFF_SWITCH.search(cell.source):
        found.append("a comment that turns the comparison off")
    for output in cell.outputs:
        if output.output_type == "error":
            found.append(f"ends in {output.ename}")
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
            found.append("the id of a widget is stored")
        texts = [output.get("text", ""), *output.get("data", {}).values()]
        if any(MACHINE_PATH.search(text) for text in texts if isinstance(text, str)):
            found.append("the output shows a path of one machine")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_fit(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert complaints(notebook, path.name) == []


def good_notebook() -> Any:
    cell = new_code_cell("1 + 1", execution_count=1)
    cell.outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return new_notebook(cells=[new_markdown_cell("# Title"), cell], metadata=metadata)


def test_a_good_notebook_has_no_complaint() -> None:
    assert complaints(good_notebook(), "02-check-a-vm.ipynb") == []


@pytest.mark.parametrize(
    "name", ["check-a-vm.ipynb", "2-check.ipynb", "02_check.ipynb", "02-Check.ipynb", "02-.ipynb"]
)
def test_a_bad_name_is_refused(name: str) -> None:
    assert len(complaints(good_notebook(), name)) == 1


def with_output(kind: str, **fields: Any) -> dict[str, Any]:
    return {"outputs": [new_output(kind, **fields)]}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"execution_count": None}, "never run"),
        ({"source": "a = 1\nb = 2\n\nc = 3\nd = 4"}, "4 lines"),
        ({"source": " \n"}, "empty"),
        ({"source": "# NBVAL_IGNORE_OUTPUT\n1 + 1"}, "comparison off"),
        ({"metadata": {"tags": ["nbval-skip"]}}, "unknown tag 'nbval-skip'"),
        ({"metadata": {"tags": ["nbval-ignore-output"]}}, "unknown tag 'nbval-ignore-output'"),
        ({"metadata": {"tags": ["nbval-chek-output"]}}, "unknown tag 'nbval-chek-output'"),
        (with_output("error", ename="KeyError", evalue="'x'"), "ends in KeyError"),
        (with_output("stream", text="/home/someone/vm.json\n"), "path of one machine"),
        (with_output("stream", text="C:\\Users\\someone\\vm.json\n"), "path of one machine"),
        (
            with_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
            "id of a widget",
        ),
    ],
)
def test_a_bad_cell_is_refused(change: dict[str, Any], complaint: str) -> None:
    notebook = good_notebook()
    notebook.cells[1].update(nbformat.from_dict(change))
    (found,) = complaints(notebook, "02-check-a-vm.ipynb")
    assert complaint in found


def test_stored_widget_state_is_refused() -> None:
    notebook = good_notebook()
    notebook.metadata["widgets"] = {}
    assert complaints(notebook, "02-check-a-vm.ipynb") == ["the state of widgets is stored"]


def test_ids_of_azure_resources_are_no_machine_paths() -> None:
    notebook = good_notebook()
    text = "/subscriptions/0000/resourceGroups/home/providers/Microsoft.Compute/disks/tmp/opt"
    notebook.cells[1].outputs = [new_output("stream", text=text)]
    assert complaints(notebook, "02-check-a-vm.ipynb") == []


# --- the tool that refreshes the outputs -----------------------------------------------------


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "refresh_notebooks.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write_notebook(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


PANEL = """\
import ipywidgets
class Panel(ipywidgets.VBox):
    def _repr_mimebundle_(self, **kw):
        own = {"text/html": "<b>supported</b>", "text/plain": "Panel()"}
        return super()._repr_mimebundle_(**kw) | own
Panel([ipywidgets.Label("x")])"""


def test_two_refreshes_give_the_same_bytes_and_keep_what_a_reader_sees(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captured = "out = ipywidgets.Output()\nwith out: print('inside')"
    path = write_notebook(tmp_path / "01-x.ipynb", PANEL, captured, "{'one', 'two'}, object()")

    assert tool.main([str(path)]) == 0
    first = path.read_bytes()
    assert tool.main(["--check", str(path)]) == 0
    assert tool.main([str(path)]) == 0
    assert path.read_bytes() == first
    assert capsys.readouterr().out.split() == [
        *("refreshed", "01-x.ipynb", "unchanged", "01-x.ipynb", "unchanged", "01-x.ipynb")
    ]

    panel, inside, plain = nbformat.read(path, as_version=4).cells
    assert panel.outputs[0].data == {"text/html": "<b>supported</b>", "text/plain": "Panel()"}
    assert inside.outputs[0].text == "inside\n"
    assert "at ADDRESS" in plain.outputs[0].data["text/plain"]
    assert complaints(nbformat.read(path, as_version=4), path.name)[0].startswith("cell 1: 6 lines")


def test_check_tells_a_stale_notebook_and_leaves_it(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_notebook(tmp_path / "01-x.ipynb", "1 + 1")
    before = path.read_bytes()
    assert tool.main(["--check", str(path)]) == 1
    assert path.read_bytes() == before
    assert capsys.readouterr().out == "stale      01-x.ipynb\n"


def test_a_notebook_with_an_error_is_refused_and_left(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_notebook(tmp_path / "01-x.ipynb", "1 + 1", "{}['vm']")
    before = path.read_bytes()
    assert tool.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert capsys.readouterr().out == "refused    01-x.ipynb, cell 2: KeyError: 'vm'\n"


def test_no_replacement_matches_a_rule(tool: ModuleType) -> None:
    """Else a text would change again at each refresh."""
    rules = tool.read_rules()
    assert rules
    samples = ["<f at 0x7f00ff>", "T_0a1b2_row0", "/tmp/ipykernel_12/34.py:1: Warning"]
    for text in samples:
        once = tool._rewrite(text, rules)
        assert once != text
        assert tool._rewrite(once, rules) == once
