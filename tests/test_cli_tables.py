"""The commands of those who keep the tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rpmatrix.cli import main
from rpmatrix.tables import data_folder, read_tables

ARTICLE = """\
# Support matrix

## Matrix of lamps

**Scenarios** | **Supported**
--- | ---
**VMs made of glass** | No
"""


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_drift_tells_what_is_new_and_what_is_gone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = tmp_path / "article.md"
    copy.write_text(ARTICLE, encoding="utf-8")
    code, out, _ = run(capsys, "drift", str(copy), "--json")
    assert code == 1
    assert json.loads(out)
    code, out, _ = run(capsys, "drift", str(copy))
    assert code == 1
    assert "VMs made of glass" in out


@pytest.mark.parametrize("name", ["missing.md", "folder"])
def test_drift_without_an_article_is_answered(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    code, out, err = run(capsys, "drift", str(tmp_path / name))
    assert (code, out) == (2, "")
    assert name in err
    assert "Traceback" not in err


def test_impact_names_who_changes_and_by_which_row(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "impact", "--to", "public-sources", "--json")
    found = json.loads(out)
    verdicts = [one for one in found["changes"] if one["kind"] == "verdict"]
    assert code == 0
    assert {row for one in verdicts for row in one["rows"]}
    assert all(one["before"] != one["after"] for one in verdicts)
    assert found["vms"] > len({one["vm_id"] for one in verdicts}) > 0


def test_no_change_of_the_tables_has_no_impact(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "impact", "--from", "base", "--to", "base")
    assert code == 0
    assert out.count("concerned") == 1
    assert "\n0 of" in out


def test_an_overlay_that_is_not_there_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "impact", "--to", "no-such-overlay")
    assert code == 2
    assert "no-such-overlay" in err


def test_a_workbook_goes_out_and_comes_back(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    book, before = tmp_path / "matrix.xlsx", read_tables(data_folder()).digest
    assert run(capsys, "workbook", str(book))[0] == 0
    assert run(capsys, "workbook", str(book), "--import")[0] == 0
    assert read_tables(data_folder()).digest == before
    code, _, err = run(capsys, "workbook", str(tmp_path / "none.xlsx"), "--import")
    assert code == 2
    assert "none.xlsx" in err


def test_the_app_knows_its_pages(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "app", "no-such-page")
    assert code == 2
    assert "check-a-vm" in err
