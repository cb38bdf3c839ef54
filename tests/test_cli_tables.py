"""The commands of those who keep the tables."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from overlays import write_overlay
from test_drift import article, statements_of

from rpmatrix.cli.main import main
from rpmatrix.matrix.folder import read_tables
from rpmatrix.matrix.schema import data_folder

openpyxl = pytest.importorskip("openpyxl")

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
    assert "no longer there" not in out, "of another article, what it lacks is no news"


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


def test_a_workbook_with_edits_is_not_written_over(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    book = tmp_path / "mine.xlsx"
    book.write_text("edited")
    code, _, err = run(capsys, "workbook", str(book), "--folder", str(tmp_path / "mine"))
    assert (code, book.read_text()) == (2, "edited")
    assert "read it back with --import" in err


def test_a_workbook_that_changes_the_base_tells_that_it_is_frozen(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    base, book = tmp_path / "base", tmp_path / "base.xlsx"
    shutil.copytree(data_folder(), base)
    assert run(capsys, "workbook", str(book), "--folder", str(base))[0] == 0
    path = base / "scenarios.csv"
    path.write_text(path.read_text().replace("VM with extensions", "VM with an extension"))
    code, out, err = run(capsys, "workbook", str(book), "--folder", str(base), "--import")
    assert (code, out, err) == (0, "scenarios.csv: written anew\n", ""), "as it was frozen"
    edited = openpyxl.load_workbook(book)
    edited["scenarios"]["D2"].value = "Another title"
    edited.save(book)
    code, _, err = run(capsys, "workbook", str(book), "--folder", str(base), "--import")
    assert code == 0
    assert "renew the digest with: rpmatrix freeze" in err


def test_what_is_wrong_in_a_workbook_is_listed_by_its_cells(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own, book = tmp_path / "own", tmp_path / "own.xlsx"
    write_overlay(own, {"limits": [{"like": "lim-rp-per-vm", "value": "300"}]})
    assert run(capsys, "workbook", str(book), "--folder", str(own))[0] == 0
    edited = openpyxl.load_workbook(book)
    edited["limits"]["H2"].value = "501"
    edited.save(book)
    code, out, err = run(capsys, "workbook", str(book), "--folder", str(own), "--import")
    assert code == 1
    assert out.startswith("own.xlsx[limits]:H2 the limit is wider than below")
    assert f"1 problem in {book}; nothing was written" in err
    (own / "limits.csv").write_text("id\n")
    code, out, err = run(capsys, "workbook", str(tmp_path / "other.xlsx"), "--folder", str(own))
    assert code == 1
    assert out.startswith("limits.csv:A1 the column")
    assert f"problems in {own}; nothing was written" in err
    assert not (tmp_path / "other.xlsx").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("workbook", "no-such-folder/mine.xlsx"), "there is no folder 'no-such-folder'"),
        (("workbook", "mine.xlsx", "--on", "newer-edition"), "--on: it says what lies below"),
        (("freeze", "."), "only base tables are frozen"),
        (("impact", "--to", "2026-13-44"), "'2026-13-44' is no day"),
    ],
)
def test_what_cannot_be_done_is_told(
    argv: tuple[str, ...],
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    assert says in err


def test_the_app_knows_its_pages(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "app", "no-such-page")
    assert code == 2
    assert "check-a-vm" in err


# --- what bears on an impact beside the tables ----------------------------------------------------


def impacts(capsys: pytest.CaptureFixture[str], *argv: str) -> list[tuple[str, str, str, str]]:
    code, out, err = run(capsys, "impact", *argv, "--json")
    assert (code, err) == (0, "")
    names = ("vm_name", "mode", "before", "after")
    changes = json.loads(out)["changes"]
    return [tuple(one[name] for name in names) for one in changes if one["kind"] == "verdict"]


def test_an_impact_is_asked_for_one_mode(capsys: pytest.CaptureFixture[str]) -> None:
    both = impacts(capsys, "--to", "public-sources")
    assert {mode for _, mode, _, _ in both} == {"application", "crash"}
    crash = impacts(capsys, "--to", "public-sources", "--mode", "crash")
    assert crash == [one for one in both if one[1] == "crash"] != []


def test_an_impact_takes_answers_of_either_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    answered = ("--assume", "extended_security_updates=not_reached", "--mode", "application")
    before = impacts(capsys, "--to", "public-sources", "--mode", "application")
    assert impacts(capsys, "--to", "public-sources", *answered) != before != []
    # A fact that one of the two knows alone.
    for layers in (("--to", "newer-edition"), ("--from", "newer-edition", "--to", "base")):
        moved = impacts(capsys, *layers, "--assume", "web-01:premium_storage_size=no")
        assert moved == []  # the name of the size tells
        assert impacts(capsys, *layers, "--strict") == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("no-such-fact=yes", "no-such-fact"),
        ("extended_security_updates=perhaps", "perhaps"),
        ("extended_security_updates", "write FACT=VALUE"),
        ("no-such-vm:extended_security_updates=reached", "no-such-vm"),
    ],
)
def test_an_answer_that_settles_nothing_is_refused(
    answer: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "impact", "--to", "public-sources", "--assume", answer)
    assert (code, out) == (2, "")
    assert told in err


def test_an_impact_on_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "none.json").write_text("[]", encoding="utf-8")
    code, _, err = run(capsys, "impact", "--to", "newer-edition", str(tmp_path / "none.json"))
    assert code == 2
    assert "no VM to judge" in err


# --- an overlay on top of another one -------------------------------------------------------------


def test_an_overlay_is_checked_on_top_of_another(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    condition = {"like": "ppg-1", "id": "mine-1", "scenario_id": "vm-size-premium-storage"}
    folder = write_overlay(tmp_path / "mine", {"conditions": [{**condition, "clause": "2"}]})
    code, out, err = run(capsys, "check", str(folder))
    assert code == 1
    assert "vm-size-premium-storage" in out + err
    code, out, _ = run(capsys, "check", str(folder), "--on", "newer-edition")
    assert (code, out) == (0, "1 row in 1 table of an overlay, no problems\n")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--on", "newer-edition"), "is none"),
        (("OVERLAY", "--on", "no-such-overlay"), "no-such-overlay"),
    ],
)
def test_what_cannot_lie_below_is_answered(
    argv: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = str(data_folder() / "overlays" / "public-sources")
    code, _, err = run(capsys, "check", *(shipped if one == "OVERLAY" else one for one in argv))
    assert code == 2
    assert told in err


# --- the JSON -------------------------------------------------------------------------------------


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_the_json_of_drift_and_impact_is_documented(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = (Path(__file__).parents[1] / "docs" / "json.md").read_text(encoding="utf-8")
    copy = tmp_path / "article.md"
    copy.write_text(ARTICLE, encoding="utf-8")
    for argv in (("drift", str(copy)), ("impact", "--to", "public-sources")):
        _, out, _ = run(capsys, *argv, "--json")
        told = dict.fromkeys(keys(json.loads(out)))
        assert len(told) > 10
        assert [name for name in told if f"`{name}`" not in text] == []


@pytest.fixture
def lamps(tmp_path: Path) -> Path:
    """An overlay that brings an edition of which the whole article is at hand."""
    return write_overlay(
        tmp_path / "lamps-edition",
        {
            "statements": statements_of(article(), "lamps"),
            "steps": [
                {"like": "step-running", "id": f"lamp-{one}", "statement_id": f"lamps-{one}"}
                for one in range(1, 28)
            ],
        },
    )


def test_drift_is_told_in_plain_words(
    lamps: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = tmp_path / "article.md"
    text = article().replace("3 hours", "4 hours").replace("- Brass 2019 (Tall/Short)\n", "")
    text = text.replace("**Lamps on a mast** | Yes", "**Lamps on a mast** | No")
    copy.write_text(text, encoding="utf-8")
    _, out, _ = run(capsys, "drift", str(copy), "--overlay", str(lamps))
    assert "figures: 3 \u2192 4" in out
    assert "answer: application yes, crash yes \u2192 application no, crash no" in out
    assert re.search(r"no longer there: Statement \d+ \[lamps-\d+\]", out)


def test_what_drift_begins_says_how_to_go_on(
    lamps: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy, begun = tmp_path / "article.md", tmp_path / "begun"
    copy.write_text(article(), encoding="utf-8")
    drift = ("drift", str(copy), "--overlay", str(lamps), "--write", str(begun))
    code, out, _ = run(capsys, *drift)
    assert (code, begun.exists()) == (0, False)
    assert "nothing was written" in out

    copy.write_text(article().replace("10,000", "20,000"), encoding="utf-8")
    _, out, _ = run(capsys, *drift)
    (checked,) = re.findall(r"rpmatrix (check .*)", out)
    code, out, _ = run(capsys, *checked.split())
    assert code == 1
    assert [line for line in out.splitlines() if "owner" not in line] == []


def test_drift_says_what_was_not_seen(
    lamps: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = tmp_path / "article.md"
    copy.write_text(article()[: article().index("## Makes")], encoding="utf-8")
    code, out, _ = run(capsys, "drift", str(copy), "--overlay", str(lamps))
    assert code == 1
    unseen = out[out.index("Not seen: 14 statements") :]
    assert "lamps-27: Statement 27" in unseen
    assert "13 unchanged, 14 not seen" in out
    copy.write_text(article(), encoding="utf-8")
    code, out, _ = run(capsys, "drift", str(copy), "--overlay", str(lamps))
    assert code == 0
    assert "Not seen" not in out
