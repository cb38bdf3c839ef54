"""The panel that edits an overlay, without a browser: what it asks, tells, writes and keeps."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from overlays import ABOUT, BASE, SCHEMA
from overlays import own as own
from test_extending import SPOT, ULTRA, tree

import rpmatrix as rp
from rpmatrix.authoring.draft import BACKUP
from rpmatrix.inventory.samples import sample_vm
from rpmatrix.matrix.folder import fix
from rpmatrix.matrix.matrix import check_overlay, load_matrix
from rpmatrix.matrix.schema import data_folder
from rpmatrix.panels import extend as panels_extend


def click(panel: rp.OverlayPanel, *names: str) -> None:
    for name in names:
        panel.controls[name].click()


def write(panel: rp.OverlayPanel, **cells: str) -> None:
    """Write cells of the row in the form, as a user does field by field."""
    table = panel.controls["table"].value
    for column, text in cells.items():
        panel.controls[f"{table}.{column}"].value = text


def say(panel: rp.OverlayPanel) -> None:
    """Write what the overlay says of itself."""
    for key, text in ABOUT.items():
        panel.controls[f"about.{key}"].value = text


def hint(panel: rp.OverlayPanel, name: str) -> str:
    """Give what stands below a field."""
    control = panel.controls[name]
    (box,) = [one for one in widgets_in(panel) if control in getattr(one, "children", ())]
    shown: str = box.children[1].value
    return html.unescape(shown)


def widgets_in(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)


def assert_opens_again(panel: rp.OverlayPanel) -> None:
    assert panel.fault is None
    assert f">{html.escape(panel.call)}</pre>" in panel.html
    again = eval(panel.call, {"rp": rp})
    assert again.html == panel.html
    assert repr(again) == repr(panel)


# --- what it shows ------------------------------------------------------------------------------


def test_without_a_folder_it_asks_for_one() -> None:
    panel = rp.OverlayPanel()
    assert (panel.fault, panel.editor, repr(panel)) == (None, None, "OverlayPanel()")
    assert "Name a folder for the overlay" in panel.html
    shown = [name for name, one in panel.controls.items() if one.layout.display != "none"]
    assert shown == ["folder", "below", "inventory"]
    assert_opens_again(panel)


def test_it_shows_itself_to_readers_without_a_kernel(own: Path) -> None:
    panel = rp.OverlayPanel(own)
    bundle = panel._repr_mimebundle_()
    assert (bundle["text/html"], bundle["text/plain"]) == (panel.html, repr(panel))
    assert isinstance(panel.children[-1], widgets.HTML)
    assert widgets.Output not in {type(one) for one in widgets_in(panel)}


@pytest.mark.parametrize("table", [*SCHEMA])
def test_a_row_of_any_table_has_a_labelled_field_for_every_column(table: str, own: Path) -> None:
    panel = rp.OverlayPanel(own, table=table)
    click(panel, "add")
    assert panel.fault is None
    reached = [*widgets_in(panel)]
    fields = {name.partition(".")[2]: one for name, one in panel.controls.items() if "." in name}
    assert {*SCHEMA[table].names} <= {*fields}
    for name, control in panel.controls.items():
        assert control.description, name
        assert control in reached, name
        assert control.tabbable is not False
    for column in SCHEMA[table].columns:
        control = panel.controls[f"{table}.{column.name}"]
        assert control.tooltip == column.description
        assert column.description.partition(". ")[0].rstrip(".") in hint(
            panel, f"{table}.{column.name}"
        )
        assert isinstance(control, widgets.Dropdown) is bool(column.enum)


def test_rows_stand_in_a_sheet_with_lines_and_letters(own: Path) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")
    for told in (">F application<", "line 2, replaces the row below", "below: supported"):
        assert told in panel.html
    assert "limits.csv: 1 row" in panel.html
    assert "✓ Nothing is wrong" in panel.html
    assert_opens_again(panel)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"row": "ultra-disk"},
        {"table": "limits", "row": "lim-rp-per-vm"},
        {"below": ("newer-edition",)},
        {"about": {"owner": "Others"}},
        {"edits": SPOT},
        {"edits": {"scenarios": {"ultra-disk": None}}},
        {"edits": {"scenarios": {"ppg": {"crash": "perhaps"}}}, "row": "ppg"},
    ],
)
def test_it_opens_in_any_state(arguments: dict[str, Any], own: Path) -> None:
    panel = rp.OverlayPanel(str(own), **arguments)
    assert panel.state == {"folder": str(own), **arguments}
    assert_opens_again(panel)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"folder": data_folder()}, "holds base tables, which are not edited here"),
        ({"folder": data_folder() / "overlays" / "newer-edition"}, "comes with the package"),
        ({"folder": "new", "below": ["nothing"]}, "no overlay has that name"),
        ({"folder": "new", "edits": {"none": {}}}, "no table 'none'"),
        ({"folder": "new", "table": "none"}, "no table 'none'"),
    ],
)
def test_what_cannot_be_opened_is_told(arguments: dict[str, Any], says: str) -> None:
    panel = rp.OverlayPanel(**arguments)
    assert says in html.unescape(panel.html)
    assert panel.editor is None
    assert "fault of rpmatrix" not in panel.html
    click(panel, *panels_extend._BUTTONS)
    assert says in html.unescape(panel.html) or panel.fault is None


def test_overlays_that_are_here_are_offered(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    assert rp.OverlayPanel().controls["folder"].options == ("own",)


# --- editing without Python ---------------------------------------------------------------------


def test_an_overlay_is_made_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    panel = rp.OverlayPanel()
    panel.controls["folder"].value = "contoso"
    say(panel)
    click(panel, "add")
    assert "Scenarios: a new row" in panel._form_title.value
    write(panel, id="no-spot", **SPOT["scenarios"]["no-spot"])
    assert "Scenarios: no-spot" in panel._form_title.value
    assert "nothing says when this scenario applies" in panel.html
    panel.controls["table"].value = "conditions"
    click(panel, "add")
    write(panel, id="no-spot-1-1", **SPOT["conditions"]["no-spot-1-1"])
    assert "Whose verdict changes: 1 of 29 samples" in panel.html
    assert not (tmp_path / "contoso").exists()
    click(panel, "save")
    assert "✓ Saved in <code>contoso</code>" in panel.html
    assert check_overlay("contoso") == fix(Path("contoso"), partial=True).written == ()
    assert panel.state == {"folder": "contoso", "table": "conditions", "row": "no-spot-1-1"}


def test_it_is_checked_while_it_is_typed(own: Path) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")
    for typed in ("s", "s-", "s-ppg"):
        write(panel, statement_id=typed)
        found = [str(problem) for problem in panel.editor.problems]
        assert found == [f"own/scenarios.csv:B2 {line}" for line in UNKNOWN[typed]]
        told = hint(panel, "scenarios.statement_id")
        assert all(line in told for line in UNKNOWN[typed])
        assert ("✕" in told) is bool(found)
    assert "✕" not in panel.html


UNKNOWN = {
    "s": ['unknown statement "s"; write an id of statements.csv, or add the row there'],
    "s-": ['unknown statement "s-"; write an id of statements.csv, or add the row there'],
    "s-ppg": [],
}


def test_what_is_wrong_in_about_is_told_below_its_field(own: Path) -> None:
    panel = rp.OverlayPanel(own)
    panel.controls["about.valid_until"].value = "soon"
    assert "which is no date; write the last day" in hint(panel, "about.valid_until")
    assert "✕" not in hint(panel, "about.owner")
    assert "That is told once nothing is wrong" in panel.html


def test_a_row_below_is_replaced_and_withdrawn(own: Path) -> None:
    panel = rp.OverlayPanel(own)
    panel.controls["base_row"].value = "ppg"
    click(panel, "replace")
    for column, text in BASE.row("ppg").items():
        assert panel.controls[f"scenarios.{column}"].value == text
    panel.controls["base_row"].value = "rbac"
    click(panel, "withdraw")
    assert panel.controls["table"].value == "withdrawn"
    assert panel.controls["withdrawn.row_id"].value == "rbac"
    assert "own/withdrawn.csv:D2" in hint(panel, "withdrawn.reason")
    write(panel, reason="Not used.")
    assert panel.editor.problems == ()
    click(panel, "remove", "undo", "save")
    matrix = load_matrix(own)
    assert matrix.layer_of("ppg") == "own"
    assert not matrix.has_row("rbac")


def test_without_a_row_below_the_user_is_asked_for_one(own: Path) -> None:
    panel = rp.OverlayPanel(own)
    click(panel, "replace")
    assert "of scenarios below; choose one" in panel.html
    assert "line 2, replaces" in panel.html, "the rows stay in view"


def test_undo_and_redo_follow_the_fields(own: Path) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")
    click(panel, "undo")
    assert "There is nothing to undo." in panel.html
    write(panel, title="Other", crash="supported")
    click(panel, "undo", "undo")
    assert panel.controls["scenarios.title"].value == BASE.row("ultra-disk")["title"]
    assert not panel.editor.unsaved
    click(panel, "redo")
    assert panel.controls["scenarios.title"].value == "Other"
    click(panel, "redo", "redo")
    assert "There is nothing to make again." in panel.html
    click(panel, "remove")
    assert panel.controls["row"].value == -1
    click(panel, "undo")
    assert len(panel.editor.rows("scenarios")) == 1


def test_words_ids_and_values_are_offered(tmp_path: Path) -> None:
    edits = {"conditions": {"a": {"fact_id": "priority", "value": "Low|"}}}
    panel = rp.OverlayPanel(tmp_path / "new", table="conditions", row="a", edits=edits)
    assert "Low|Spot" in panel.controls["conditions.value"].options
    assert "ultra-disk" in panel.controls["conditions.scenario_id"].options
    assert ("not_in", "not_in") in panel.controls["conditions.operator"].options
    write(panel, fact_id="disk_sku")
    assert "Low|UltraSSD_LRS" in panel.controls["conditions.value"].options


def test_a_word_that_is_none_stays_until_another_is_chosen(own: Path) -> None:
    path = own / "scenarios.csv"
    path.write_text(path.read_text().replace(",exclude_disk,exclude_disk,", ",perhaps,perhaps,"))
    panel = rp.OverlayPanel(own, row="ultra-disk")
    assert panel.controls["scenarios.crash"].value == "perhaps"
    assert '</code> unknown outcome "perhaps"' in hint(panel, "scenarios.crash")
    click(panel, "save")
    assert "Nothing was saved: mend what is listed below first." in panel.html
    write(panel, crash="exclude_disk", application="exclude_disk")
    click(panel, "save")
    assert check_overlay(own) == ()


def test_no_text_of_a_file_becomes_markup(own: Path) -> None:
    evil = "<script>alert(1)</script>"
    panel = rp.OverlayPanel(own, row="ultra-disk", about={"owner": evil})
    write(panel, title=evil, statement_id=evil)
    assert "<script>" not in "".join(
        [panel.html, *(one.value for one in widgets_in(panel) if isinstance(one, widgets.HTML))]
    )


# --- the impact -----------------------------------------------------------------------------------


def test_the_impact_is_told_on_the_samples_and_on_an_inventory(tmp_path: Path) -> None:
    vm = tmp_path / "vm.json"
    vm.write_text(json.dumps(sample_vm("sql-with-ultra-data-disk")))
    edits = {"scenarios": {"ultra-disk": ULTRA}}
    panel = rp.OverlayPanel(tmp_path / "own", about=ABOUT, edits=edits)
    assert "Whose verdict changes: 3 of 29 samples" in panel.html
    panel.controls["inventory"].value = str(vm)
    assert "Whose verdict changes: 1 of 1 VM" in panel.html
    assert "<code>ultra-disk</code></td>" in panel.html
    assert_opens_again(panel)
    panel.controls["inventory"].value = str(tmp_path / "none.json")
    assert panel.fault is None
    assert "Not understood" in panel.html or "none.json" in panel.html


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"remedy": "Other."}, "Nobody&#x27;s: 0 of 29 samples."),
        ({"title": "Other"}, "Nobody&#x27;s: 0 of 29 samples."),
        ({"crash": "not_supported", "application": "not_supported"}, "✕</span> not supported"),
        ({"grain": "disk", "source": "x"}, "29 samples"),
    ],
)
def test_the_impact_says_what_changes(cells: dict[str, str], told: str, tmp_path: Path) -> None:
    edits = {"scenarios": {"ultra-disk": cells}}
    panel = rp.OverlayPanel(tmp_path / "own", about=ABOUT, edits=edits)
    assert panel.editor.problems == ()
    assert told in panel.html


def test_on_many_vms_it_is_worked_out_when_it_is_asked_for(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels_extend, "MANY_VMS", 28)
    panel = rp.OverlayPanel(own, row="ultra-disk")
    assert "29 VMs: press Preview the impact." in panel.html
    assert panel.controls["preview"].layout.display == ""
    click(panel, "preview")
    assert "Whose verdict changes: 3 of 29 samples" in panel.html
    write(panel, title="Other")
    assert "press Preview the impact" in panel.html


# --- nothing is lost ------------------------------------------------------------------------------


def test_a_change_on_disk_is_told_and_not_overwritten(own: Path) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")
    write(panel, title="Mine")
    path = own / "scenarios.csv"
    theirs = path.read_bytes().replace(b"Ultra Disk attached", b"Theirs")
    path.write_bytes(theirs)
    click(panel, "save")
    assert "somebody else has changed scenarios.csv" in panel.html
    assert path.read_bytes() == theirs
    click(panel, "reload")
    assert panel.controls["scenarios.title"].value.startswith("Theirs")
    click(panel, "undo")
    assert panel.controls["scenarios.title"].value == "Mine"
    click(panel, "save")
    assert (own / BACKUP / "scenarios.csv").read_bytes() == theirs


def test_what_was_there_before_a_save_comes_back(own: Path) -> None:
    before = tree(own)
    panel = rp.OverlayPanel(own, row="ultra-disk")
    click(panel, "restore")
    assert "nothing to restore" in panel.html
    write(panel, title="Other")
    click(panel, "save", "restore")
    assert "Restored: scenarios.csv." in panel.html
    assert panel.controls["scenarios.title"].value == BASE.row("ultra-disk")["title"]
    assert tree(own) == before


def test_a_save_that_was_cut_off_is_told_of(own: Path) -> None:
    (own / BACKUP).mkdir()
    (own / BACKUP).rename(own / ".backup.unfinished")
    assert "A save was cut off" in rp.OverlayPanel(own).html


def test_a_disk_that_fails_is_told_and_the_rows_stay(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")
    write(panel, title="Other")
    before = tree(own)

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    click(panel, "save")
    assert "No space left on device" in panel.html
    assert isinstance(panel.fault, OSError)
    assert (tree(own), panel.editor.unsaved) == (before, True)
    monkeypatch.undo()
    click(panel, "save")
    assert panel.fault is None


def test_a_fault_of_ours_is_told_as_such(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")

    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(type(panel.editor), "set_cell", fail)
    write(panel, title="Other")
    assert "This is a fault of rpmatrix" in panel.html
    monkeypatch.undo()
    write(panel, title="Another")
    assert panel.fault is None


def test_it_writes_nowhere_but_into_its_folder(own: Path, tmp_path: Path) -> None:
    panel = rp.OverlayPanel(own, row="ultra-disk")
    write(panel, title="Other")
    click(panel, "save", "restore", "save", "reload")
    assert {path.name for path in tmp_path.iterdir()} == {"own"}
    assert {path.name for path in own.iterdir() if path.name.startswith(".")} == {BACKUP}
