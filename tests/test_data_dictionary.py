"""The data dictionary is made from the descriptor, and neither runs ahead of the other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from rpmatrix.matrix.schema import data_folder, read_schema

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "data_dictionary.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_in_step(tool: ModuleType) -> None:
    page = (data_folder() / "README.md").read_text(encoding="utf-8")
    assert page == tool.dictionary(read_schema()), f"run: {tool.COMMAND}"


def test_the_page_explains_every_column(tool: ModuleType) -> None:
    page = tool.dictionary(read_schema())
    for table in read_schema().values():
        section = page.partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| `")]
        assert [line.split("`")[1] for line in lines] == list(table.names)
        # A bar that is not escaped would break the table.
        assert {line.replace("\\|", "").count("|") for line in lines} == {4}


def test_check_changes_nothing(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(tool, "read_schema", lambda _: read_schema())
    assert tool.main(["--check"]) == 1
    assert [*tmp_path.iterdir()] == []
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    assert tool.COMMAND in capsys.readouterr().out
