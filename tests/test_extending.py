"""Editing an overlay: what an edit does, what is said of it, and that a save loses nothing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from overlays import ABOUT, BASE, DAY, SCHEMA, write_overlay
from overlays import own as own

from rpmatrix.authoring.draft import BACKUP, OverlayEditor, OverlayError
from rpmatrix.authoring.impact import impact, matrix_of, sample_inventory
from rpmatrix.matrix.folder import fix
from rpmatrix.matrix.matrix import check_overlay, load_matrix
from rpmatrix.matrix.problems import TablesError
from rpmatrix.matrix.schema import data_folder

ULTRA = {"statement_id": "", "application": "exclude_disk", "source": "Runbook 7"}
SPOT = {
    "scenarios": {
        "no-spot": {
            "area": "vm",
            "title": "Spot VM",
            "grain": "vm",
            "source": "Runbook 7",
            "application": "not_supported",
            "crash": "not_supported",
            "reviewed_on": DAY,
        }
    },
    "conditions": {
        "no-spot-1-1": {
            "scenario_id": "no-spot",
            "clause": "1",
            "fact_id": "priority",
            "operator": "in",
            "value": "Low|Spot",
            "reviewed_on": DAY,
        }
    },
}


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def written_by_hand(folder: Path, editor: OverlayEditor) -> Path:
    """Write the rows of a draft as any program would that knows nothing of the editor."""
    folder.mkdir(parents=True)
    for table, rows in editor.draft.rows.items():
        with (folder / SCHEMA[table].file).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, SCHEMA[table].names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(rows, key=lambda row: row["id"]))
    said = {key: text for key, text in editor.draft.about.items() if text}
    if said:
        (folder / "about.json").write_text(json.dumps(said))
    return folder


# --- edits ------------------------------------------------------------------------------------


def test_a_row_that_replaces_begins_with_the_cells_below(own: Path) -> None:
    editor = OverlayEditor(own)
    place = editor.replace_row("scenarios", "ppg")
    assert editor.rows("scenarios")[place] == dict(BASE.row("ppg"))
    assert editor.replace_row("scenarios", "ppg") == place, "it is begun once"
    assert len(editor.rows("scenarios")) == 2


def test_a_new_row_is_empty_but_for_the_day(own: Path) -> None:
    editor = OverlayEditor(own)
    place = editor.add_row("rulings")
    row = editor.rows("rulings")[place]
    assert list(row) == list(SCHEMA["rulings"].names)
    assert [name for name, text in row.items() if text] == ["reviewed_on"]


def test_a_withdrawal_names_the_row_below(own: Path) -> None:
    editor = OverlayEditor(own)
    place = editor.withdraw_row("scenarios", "rbac")
    row = editor.rows("withdrawn")[place]
    assert (row["id"], row["table"], row["row_id"]) == ("without-rbac", "scenarios", "rbac")
    assert editor.withdraw_row("scenarios", "rbac") == place
    editor.set_cell("withdrawn", place, "reason", "Not used.")
    assert editor.problems == ()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda one: one.replace_row("scenarios", "nothing"), "no row 'nothing' of scenarios"),
        (lambda one: one.withdraw_row("scenarios", ""), "no row '' of scenarios below"),
        (lambda one: one.withdraw_row("statements", "s-ppg"), "statements cannot be withdrawn"),
        (lambda one: one.restore(), "nothing to restore"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(
    edit: Callable[[OverlayEditor], object], says: str, own: Path
) -> None:
    editor = OverlayEditor(own)
    before = editor.draft
    with pytest.raises(OverlayError, match=says):
        edit(editor)
    assert editor.draft == before


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ({"scenario": {}}, "no table 'scenario'; there are"),
        ({"scenarios": {"x": {"titel": ""}}}, "no column 'titel' in scenarios"),
    ],
)
def test_edits_of_what_is_not_there_are_refused(edits: Any, says: str, own: Path) -> None:
    with pytest.raises(OverlayError, match=says):
        OverlayEditor(own, edits=edits)


def test_letters_typed_into_a_cell_are_one_step(own: Path) -> None:
    editor = OverlayEditor(own)
    for text in ("U", "Ul", "Ult"):
        editor.set_cell("scenarios", 0, "title", text)
    editor.set_cell("scenarios", 0, "caveat", "C")
    editor.undo()
    assert editor.rows("scenarios")[0]["title"] == "Ult"
    editor.undo()
    assert not editor.unsaved
    assert not editor.can_undo
    editor.undo()
    editor.redo()
    assert editor.rows("scenarios")[0]["title"] == "Ult"
    editor.set_cell("scenarios", 0, "title", "Ultra")
    assert not editor.can_redo, "what was undone is gone once something else is written"


TEXTS = st.text(max_size=8)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add_row"), st.sampled_from([*SCHEMA])),
        st.tuples(st.just("replace_row"), st.just("scenarios"), st.sampled_from(["ppg", "rbac"])),
        st.tuples(st.just("withdraw_row"), st.just("scenarios"), st.sampled_from(["ppg", "ade"])),
        st.tuples(st.just("set_about"), st.sampled_from(["owner", "date"]), TEXTS),
        st.tuples(
            st.just("set_cell"),
            *(st.just("scenarios"), st.just(0), st.sampled_from(["id", "title", "crash"]), TEXTS),
        ),
        st.tuples(st.just("remove_row"), st.just("limits"), st.just(0)),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=OPERATIONS)
def test_whatever_is_edited_can_be_undone_and_opened_again(
    operations: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = write_overlay(
        tmp_path_factory.mktemp("any") / "own",
        {"scenarios": [{"like": "ultra-disk"}], "limits": [{"like": "lim-rp-per-vm"}]},
    )
    files = tree(own)
    editor = OverlayEditor(own)
    first = editor.draft
    for name, *arguments in operations:
        if name != "remove_row" or editor.rows(arguments[0]):
            getattr(editor, name)(*arguments)
    last = editor.draft
    assert tuple(check_overlay(written_by_hand(own.parent / "hand" / "own", editor))) == (
        editor.problems
    )
    ids = [row["id"] for rows in last.rows.values() for row in rows]
    if len({*ids}) == len(ids):
        again = OverlayEditor(own, about=editor.about_edits, edits=editor.edits)
        assert again.edits == editor.edits
        assert again.draft.about == last.about
        assert again.problems == editor.problems
    while editor.can_undo:
        editor.undo()
    assert editor.draft == first
    while editor.can_redo:
        editor.redo()
    assert editor.draft == last
    assert tree(own) == files, "nothing is written before it is saved"


# --- what is wrong, and what it means -----------------------------------------------------------


def shell_says(folder: Path) -> list[str]:
    answer = subprocess.run(
        [sys.executable, "-m", "rpmatrix", "check", str(folder)], capture_output=True, text=True
    )
    return answer.stdout.splitlines()


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("crash", "perhaps", 'own/scenarios.csv:G2 unknown outcome "perhaps"; write one of: '),
        ("crash", "", "own/scenarios.csv:G2 the outcome is missing; write the outcome"),
        ("title", "=A1", 'own/scenarios.csv:D2 begins with "=", which a spreadsheet takes for'),
        ("title", "a\u2013b", "own/scenarios.csv:D2 holds en dash (U+2013), which is not ASCII"),
        ("reviewed_on", "1/2/2026", 'own/scenarios.csv:M2 the date "1/2/2026" is not as it was'),
        ("statement_id", "s-ultra", 'own/scenarios.csv:B2 unknown statement "s-ultra"; did you'),
        ("repeats", "ppg|", 'own/scenarios.csv:K2 the list "ppg|" has an empty'),
        ("crash", "supported", "own/scenarios.csv:G2 crash is better than below"),
        ("id", "no-such", "own/scenarios.csv:A2 nothing says when this scenario applies"),
    ],
)
def test_what_is_wrong_is_told_as_the_shell_tells_it(
    column: str, text: str, says: str, own: Path, tmp_path: Path
) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("scenarios", 0, column, text)
    told = [str(problem) for problem in editor.problems]
    assert any(line.startswith(says) for line in told), told
    assert [*editor.problems_at("scenarios", 0)] == [column]
    by_hand = written_by_hand(tmp_path / "hand" / "own", editor)
    assert shell_says(by_hand)[: len(told)] == told


def test_a_row_is_found_in_the_line_that_it_will_have(own: Path) -> None:
    editor = OverlayEditor(own)
    place = editor.add_row("scenarios", {**dict(BASE.row("ppg")), "id": "a-first", "crash": "no"})
    assert [one.cell for one in editor.problems_at("scenarios", place)["crash"]] == ["G2"]
    assert editor.problems_at("scenarios", 0) == {}
    twin = editor.add_row("scenarios", dict(BASE.row("ultra-disk")))
    assert "stands in row 3 already" in editor.problems_at("scenarios", twin)["id"][0].message


def test_a_file_that_is_no_table_is_told_of(own: Path) -> None:
    (own / "scenario.csv").write_text("id\n")
    editor = OverlayEditor(own)
    assert editor.problems == check_overlay(own)
    assert "scenario.csv is no table" in str(editor.problems[0])


@pytest.mark.parametrize(
    ("table", "edit", "column", "offered"),
    [
        ("scenarios", {}, "crash", "exclude_disk"),
        ("scenarios", {}, "statement_id", "s-ppg"),
        ("scenarios", {"repeats": "ppg|sh"}, "repeats", "ppg|shared-disk"),
        ("conditions", {}, "scenario_id", "no-spot"),
        ("conditions", {"value": "Low|"}, "value", "Low|Spot"),
        ("conditions", {"value": ""}, "value", "Regular"),
        ("withdrawn", {"table": "limits"}, "row_id", "lim-rp-per-vm"),
        ("changes", {"fact_id": "priority"}, "to_value", "Regular"),
    ],
)
def test_a_cell_offers_what_may_stand_there(
    table: str, edit: dict[str, str], column: str, offered: str, tmp_path: Path
) -> None:
    editor = OverlayEditor(tmp_path / "new", edits=SPOT)
    place = editor.add_row(table, {**SPOT.get(table, {}).get("no-spot-1-1", {}), **edit})
    assert offered in editor.choices(table, column, place)


@pytest.mark.parametrize(
    ("table", "column"), [("scenarios", "title"), ("limits", "value"), ("withdrawn", "row_id")]
)
def test_a_cell_for_any_text_offers_nothing(table: str, column: str, tmp_path: Path) -> None:
    editor = OverlayEditor(tmp_path / "new")
    assert editor.choices(table, column, editor.add_row(table)) == ()


def test_a_value_of_a_fact_of_the_overlay_itself_is_offered(tmp_path: Path) -> None:
    editor = OverlayEditor(tmp_path / "new")
    editor.add_row("facts", {"id": "tier", "allowed_values": "gold|tin"})
    place = editor.add_row("conditions", {"fact_id": "tier"})
    assert editor.choices("conditions", "value", place) == ("gold", "tin")


def test_the_impact_is_that_of_the_saved_overlay(tmp_path: Path) -> None:
    editor = OverlayEditor(tmp_path / "own", about=ABOUT, edits=SPOT)
    before = editor.impact()
    editor.save()
    after = impact(matrix_of([]), matrix_of([str(tmp_path / "own")]), sample_inventory())
    assert before.to_dict() == after.to_dict()
    assert [change.vm_name for change in before.changes] == ["render-01", "render-01"]
    assert {change.rows for change in before.changes} == {("no-spot",)}


def test_a_draft_that_is_not_in_order_has_no_impact(own: Path) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("scenarios", 0, "crash", "perhaps")
    with pytest.raises(TablesError, match="unknown outcome"):
        editor.impact()


def test_an_overlay_may_lie_on_another_one(own: Path, tmp_path: Path) -> None:
    editor = OverlayEditor(tmp_path / "top", [str(own)], about=ABOUT)
    place = editor.replace_row("limits", "lim-rp-per-vm")
    assert editor.rows("limits")[place]["value"] == "300"
    editor.set_cell("limits", place, "value", "200")
    assert editor.problems == ()
    editor.save()
    assert load_matrix(own, tmp_path / "top").row("lim-rp-per-vm")["value"] == "200"


# --- saving -------------------------------------------------------------------------------------


def test_a_new_overlay_is_written_in_the_form_that_nobody_repairs(tmp_path: Path) -> None:
    own = tmp_path / "deep" / "own"
    editor = OverlayEditor(own, about=ABOUT, edits=SPOT)
    assert not own.exists()
    assert editor.save().written == ("about.json", "conditions.csv", "scenarios.csv")
    assert (fix(own, partial=True).written, check_overlay(own)) == ((), ())
    assert not editor.unsaved
    assert editor.save().written == (), "what is saved is not written again"
    assert [path.name for path in own.iterdir() if path.name != BACKUP] == [*tree(own)]


def test_what_a_machine_may_repair_is_repaired_and_told(own: Path) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("scenarios", 0, "crash", " Exclude_Disk ")
    editor.set_cell("scenarios", 0, "title", "\u201cUltra\u201d\u00a0Disk")
    done = editor.save()
    assert done.written == ("scenarios.csv",)
    assert {problem.cell for problem in done.repaired} == {"D2", "G2"}
    row = editor.rows("scenarios")[0]
    assert (row["title"], row["crash"]) == ('"Ultra" Disk', "exclude_disk")
    assert (fix(own, partial=True).written, check_overlay(own), editor.unsaved) == ((), (), False)


def test_what_only_a_person_can_mend_is_not_saved(own: Path) -> None:
    before = tree(own)
    editor = OverlayEditor(own)
    editor.set_cell("limits", 0, "value", "200")
    editor.set_cell("scenarios", 0, "crash", "perhaps")
    with pytest.raises(TablesError, match=r"own/scenarios\.csv:G2 unknown outcome"):
        editor.save()
    assert tree(own) == before
    assert not (own / BACKUP).exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        lambda data: data.decode().replace(",", ";").encode("utf-16"),
        lambda data: data.replace(b"exclude_disk", b"Exclude_Disk") + b",,,,,,,,,,,,\n",
    ],
    ids=["mark and carriage returns", "semicolons in UTF-16", "letter case and an empty row"],
)
def test_what_a_spreadsheet_did_to_a_file_is_gone_after_a_save(
    damage: Callable[[bytes], bytes], own: Path
) -> None:
    good = tree(own)
    path = own / "scenarios.csv"
    path.write_bytes(damage(good["scenarios.csv"]).replace(b"\x00;\x00 ", b"\x00,\x00 "))
    editor = OverlayEditor(own)
    assert editor.save().written == ("scenarios.csv",)
    assert tree(own) == good


def test_about_keeps_its_form_unless_it_is_edited(own: Path) -> None:
    before = (own / "about.json").read_bytes()
    editor = OverlayEditor(own)
    editor.set_cell("limits", 0, "value", "200")
    editor.save()
    assert (own / "about.json").read_bytes() == before
    editor.set_about("owner", "Storage team")
    assert editor.save().written == ("about.json",)
    assert json.loads((own / "about.json").read_text()) == {**ABOUT, "owner": "Storage team"}


def test_what_about_should_not_say_can_be_emptied(own: Path) -> None:
    said = {**ABOUT, "phone": 7}
    (own / "about.json").write_text(json.dumps(said))
    editor = OverlayEditor(own)
    assert 'nobody reads "phone"' in str(editor.problems)
    assert editor.draft.about["phone"] == "7"
    editor.set_about("phone", "")
    assert editor.save().written == ("about.json",)
    assert json.loads((own / "about.json").read_text()) == ABOUT


def test_half_a_character_of_a_browser_is_no_fault_of_ours(own: Path) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("scenarios", 0, "title", "x\ud83d")
    editor.set_about("owner", "\udc00")
    assert editor.rows("scenarios")[0]["title"] == "x?"
    editor.save()


# --- nothing is lost ----------------------------------------------------------------------------


def test_the_files_of_before_are_kept_and_come_back(own: Path) -> None:
    first = tree(own)
    editor = OverlayEditor(own)
    editor.set_cell("limits", 0, "value", "200")
    editor.add_row("withdrawn", {"id": "w", "table": "scenarios", "row_id": "rbac", "reason": "x"})
    editor.save()
    second = tree(own)
    assert tree(own / BACKUP) == first
    assert editor.restore() == ("limits.csv", "withdrawn.csv")
    assert (tree(own), tree(own / BACKUP)) == (first, second)
    assert editor.rows("limits")[0]["value"] == "300"
    editor.restore()
    assert (tree(own), tree(own / BACKUP)) == (second, first)
    assert check_overlay(own) == (), "what is kept is no part of the overlay"


def test_what_somebody_else_wrote_is_not_overwritten(own: Path) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("limits", 0, "value", "200")
    path = own / "limits.csv"
    theirs = path.read_bytes().replace(b",300,", b",250,")
    path.write_bytes(theirs)
    assert editor.changed_on_disk == ("limits.csv",)
    with pytest.raises(OverlayError, match=r"somebody else has changed limits\.csv"):
        editor.save()
    with pytest.raises(OverlayError, match="nothing to restore"):
        editor.restore()
    assert path.read_bytes() == theirs
    editor.reload()
    assert editor.rows("limits")[0]["value"] == "250"
    assert not editor.unsaved
    editor.undo()
    assert editor.rows("limits")[0]["value"] == "200"
    editor.save()
    assert tree(own / BACKUP)["limits.csv"] == theirs


@pytest.mark.parametrize("how", ["deleted", "added"])
def test_a_file_that_came_or_went_is_noticed(how: str, own: Path) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("scenarios", 0, "title", "Other")
    if how == "deleted":
        (own / "limits.csv").unlink()
    else:
        (own / "withdrawn.csv").write_text("id,table,row_id,reason,source,reviewed_on\n")
    before = tree(own)
    with pytest.raises(OverlayError, match="somebody else has changed"):
        editor.save()
    assert tree(own) == before


@pytest.mark.parametrize("late", range(1, 8))
def test_a_disk_that_fails_at_any_step_leaves_all_as_it_was(
    late: int, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(own)
    editor = OverlayEditor(own)
    editor.set_cell("limits", 0, "value", "200")
    editor.set_cell("scenarios", 0, "title", "Other")
    replace, calls = Path.replace, []

    def fail_once(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == late:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    try:
        editor.save()
    except OSError:
        assert tree(own) == before
        assert editor.unsaved
        assert not editor.unfinished
        editor.save()
    else:
        assert late > 5, "three files are kept and two are written"
    assert load_matrix(own).row("lim-rp-per-vm")["value"] == "200"
    assert tree(own / BACKUP) == before


CRASH = """
import os, sys
from pathlib import Path
from rpmatrix.authoring.draft import OverlayEditor
editor = OverlayEditor(sys.argv[1])
editor.set_cell("limits", 0, "value", "200")
editor.set_cell("scenarios", 0, "title", "Other")
replace, left = Path.replace, int(sys.argv[2])
def crash(self, target):
    global left
    left -= 1
    if not left:
        os._exit(7)
    return replace(self, target)
Path.replace = crash
editor.save()
"""


@pytest.mark.parametrize("late", range(1, 7))
def test_a_machine_that_stops_leaves_every_file_whole_and_what_was_there(
    late: int, own: Path
) -> None:
    before = tree(own)
    answer = subprocess.run([sys.executable, "-c", CRASH, str(own), str(late)])
    assert answer.returncode == (7 if late < 6 else 0)
    saved = OverlayEditor(own)
    changed = {name for name, data in tree(own).items() if before.get(name) not in (data, None)}
    stopped_between = late == 5
    assert saved.unfinished is (late in (4, 5))
    assert len(changed) == (1 if stopped_between else 0 if late < 6 else 2)
    assert check_overlay(own) == ()
    if saved.unfinished:
        saved.restore()
        assert {name: tree(own)[name] for name in before} == before
        assert not saved.unfinished
    elif late == 6:
        assert tree(own / BACKUP) == before


# --- what is never edited -----------------------------------------------------------------------


def test_the_base_and_what_comes_with_it_are_not_edited(tmp_path: Path) -> None:
    home = data_folder()
    before = tree(home)
    link = tmp_path / "link"
    link.symlink_to(home / "overlays" / "newer-edition")
    for folder in (home, home / "overlays" / "newer-edition", home / "new", link):
        with pytest.raises(OverlayError, match="not edited here; name a folder of your own"):
            OverlayEditor(folder)
    assert tree(home) == before


def test_a_link_to_a_table_of_the_base_is_not_written_through(own: Path) -> None:
    (own / "facts.csv").symlink_to(data_folder() / "facts.csv")
    with pytest.raises(OverlayError, match="not edited here"):
        OverlayEditor(own)


def test_base_tables_elsewhere_are_not_edited_either(tmp_path: Path) -> None:
    (tmp_path / "datapackage.json").write_text("{}")
    with pytest.raises(OverlayError, match="holds base tables"):
        OverlayEditor(tmp_path)


def test_a_link_that_comes_after_the_overlay_was_opened_is_noticed(own: Path) -> None:
    editor = OverlayEditor(own)
    editor.set_cell("limits", 0, "value", "200")
    (own / "limits.csv").unlink()
    (own / "limits.csv").symlink_to(data_folder() / "limits.csv")
    before = (data_folder() / "limits.csv").read_bytes()
    with pytest.raises(OverlayError):
        editor.save()
    assert (data_folder() / "limits.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda own: (own / "limits.csv").write_text("id,title\nx\n"), "limits.csv:A1"),
        (lambda own: (own / "about.json").write_text("no JSON"), "about.json cannot be read"),
        (lambda own: (own / "about.json").write_text("[]"), "holds no JSON object"),
        (lambda own: (own / "limits.csv").write_bytes(b"PK\x03\x04"), "is a workbook, not CSV"),
    ],
)
def test_a_file_of_which_a_save_would_lose_something_is_not_opened(
    damage: Callable[[Path], object], says: str, own: Path
) -> None:
    damage(own)
    before = tree(own)
    with pytest.raises(TablesError, match=says):
        OverlayEditor(own)
    assert tree(own) == before


def test_a_file_is_no_folder(own: Path) -> None:
    with pytest.raises(OverlayError, match="is a file; name a folder"):
        OverlayEditor(own / "limits.csv")
    with pytest.raises(OverlayError, match="cannot be an overlay"):
        OverlayEditor(Path(os.sep))
    with pytest.raises(FileNotFoundError, match="no overlay has that name"):
        OverlayEditor(own, ["newer-editon"])
