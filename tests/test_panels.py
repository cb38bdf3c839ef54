"""The panels, driven without a browser: every control, every fault, every line of Python."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest

import rpmatrix as rp
from rpmatrix.eligibility.assessment import AnswerError
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import CITABLE_TABLES
from rpmatrix.panels import panels
from rpmatrix.panels.panels import EligibilityPanel, MatrixPanel, Panel, check_environment
from rpmatrix.view import report


def without_style(page: str) -> str:
    start, _, _ = report.note("").partition("<p>")
    return page.replace(start.removeprefix('<div class="rpm">'), "")


def evaluated(call: str) -> Any:
    return eval(call, {"rp": rp})


def assert_reproduced(panel: Panel) -> None:
    """The line at the foot gives what the view shows, and the repr opens the same panel."""
    assert panel.fault is None
    assert f">{html.escape(panel.call)}</pre>" in panel.html
    result = evaluated(panel.call)
    shown = result.html if isinstance(result, Panel) else result._repr_html_()
    assert without_style(shown) in without_style(panel.html)
    again = evaluated(f"rp.{panel!r}")
    assert again.html == panel.html
    assert repr(again) == repr(panel)


def verdicts(panel: EligibilityPanel) -> list[str]:
    assert panel.fault is None
    assert panel.explanation is not None
    return [one.verdict for one in panel.explanation.verdicts]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two VMs with disks of unknown type, in files of their own, and one file that is no JSON."""
    for name in ("deallocated-no-sku", "plain-linux"):
        text = json.dumps(sample_vm(name))
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    (tmp_path / "broken.json").write_text("no JSON", encoding="utf-8")
    return tmp_path


# --- every panel -----------------------------------------------------------------------------

PANELS: list[Callable[[], Panel]] = [EligibilityPanel, MatrixPanel]


@pytest.fixture(params=PANELS, ids=lambda panel: panel.__name__)
def panel(request: pytest.FixtureRequest) -> Panel:
    made: Panel = request.param()
    return made


def widgets_in(widget: widgets.Widget) -> list[widgets.Widget]:
    children = getattr(widget, "children", ())
    return [widget, *(found for child in children for found in widgets_in(child))]


def test_a_panel_shows_itself_to_readers_without_a_kernel(panel: Panel) -> None:
    bundle = panel._repr_mimebundle_()
    assert bundle["text/html"] == panel.html
    assert bundle["text/plain"] == repr(panel)
    assert len(repr(panel)) < 80
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_panel_has_no_output_widget_and_one_view(panel: Panel) -> None:
    kinds = [type(widget) for widget in widgets_in(panel)]
    assert widgets.Output not in kinds
    assert kinds.count(widgets.HTML) == 1
    assert isinstance(panel.children[-1], widgets.HTML)


def test_every_control_has_a_label_and_can_be_reached(panel: Panel) -> None:
    for name, control in panel.controls.items():
        assert control.description, name
        assert control in widgets_in(panel), name
        assert control.tabbable is not False


def test_a_panel_opens_the_same_twice(panel: Panel) -> None:
    again = type(panel)()
    assert again.html == panel.html
    assert_reproduced(panel)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ZeroDivisionError("division by zero"), "This is a fault of rpmatrix"),
        (KeyError("lost"), "This is a fault of rpmatrix"),
        (AnswerError("it may be yes or no"), "it may be yes or no"),
        (LookupError("no VM of that name"), "no VM of that name"),
        (PermissionError(13, "Permission denied", "vm.json"), "Permission denied"),
    ],
)
def test_whatever_a_callback_raises_is_shown_where_the_user_looks(
    panel: Panel, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str
) -> None:
    def fail(*_: object) -> str:
        raise fault

    before = panel.html
    monkeypatch.setattr(type(panel), "render", fail)
    control = panel.controls["strict" if "strict" in panel.controls else "text"]
    control.value = not control.value if isinstance(control.value, bool) else "ultra"
    assert panel.fault is fault
    assert told in panel.html
    assert ("fault of rpmatrix" in panel.html) == told.startswith("This is")
    assert 'role="alert"' in panel.html

    monkeypatch.undo()
    control.value = not control.value if isinstance(control.value, bool) else ""
    assert panel.fault is None
    assert panel.html == before


def test_a_change_that_comes_from_the_browser_counts(panel: Panel) -> None:
    name = "sample" if "sample" in panel.controls else "crash"
    before = panel.html
    panel.controls[name].set_state({"index": 3})  # what the front end sends for a choice
    assert panel.html != before
    assert_reproduced(panel)


# --- the matrix ------------------------------------------------------------------------------


def test_all_scenarios_are_there_at_first() -> None:
    panel = MatrixPanel()
    assert panel.rows == tuple(row.id for row in panel.matrix.table("scenarios"))
    assert panel.call == "rp.MatrixPanel()"


FILTERS = [
    ({"area": "scale_set"}, {"vmss-flex", "vmss-uniform"}),
    ({"crash": "exclude_disk", "application": "supported"}, {"ultra-disk", "premium-ssd-v2-disk"}),
    ({"text": "ULTRA disk"}, {"ultra-disk"}),
    ({"text": "nfs, shares"}, {"os-nfs"}),
    ({"text": "no such words"}, set()),
    ({"text": "PremiumV2_LRS"}, {"premium-ssd-v2-disk"}),
    ({"text": "private link"}, set()),
    ({"table": "limits", "text": "interval"}, {"min-interval-app", "min-interval-crash"}),
]


@pytest.mark.parametrize(("choice", "rows"), FILTERS)
def test_rows_are_filtered_by_each_control(choice: dict[str, str], rows: set[str]) -> None:
    panel = MatrixPanel()
    for name, value in choice.items():
        panel.controls[name].value = value
    exact = "interval" not in choice.get("text", "")
    assert set(panel.rows) == rows if exact else rows <= set(panel.rows)
    offered = {value for _, value in panel.controls["row"].options}
    assert offered == {"", *panel.rows}
    assert all(f"<code>{row}</code>" in panel.html for row in panel.rows)
    assert_reproduced(panel)


def test_words_that_another_table_holds_are_told() -> None:
    panel = MatrixPanel(text="private link")
    assert panel.rows == ()
    assert "These words are in: cross region (1)." in panel.html
    panel.controls["table"].value = "cross_region"
    assert panel.rows == ("xr-private-link",)
    assert "These words are in" not in panel.html
    assert "These words are in" not in MatrixPanel(text="no such words").html


@pytest.mark.parametrize("table", CITABLE_TABLES)
def test_any_row_of_any_table_can_be_opened(table: str) -> None:
    panel = MatrixPanel()
    panel.controls["table"].value = table
    for row in panel.rows:
        panel.controls["row"].value = row
        assert panel.fault is None
        card = report.row_card(panel.matrix, row)
        assert without_style(card) in without_style(panel.html)
    assert_reproduced(panel)


def test_a_row_opens_its_table() -> None:
    assert MatrixPanel(row="err-shared-disk").controls["table"].value == "errors"


def test_filters_of_scenarios_are_put_away_for_other_tables() -> None:
    panel = MatrixPanel(area="disk")
    panel.controls["table"].value = "limits"
    assert panel.controls["area"].layout.display == "none"
    assert "area" not in panel.state
    panel.controls["table"].value = "scenarios"
    assert panel.controls["area"].layout.display != "none"
    assert panel.state == {"area": "disk"}


def test_an_open_row_is_closed_when_it_no_longer_fits() -> None:
    panel = MatrixPanel(row="ultra-disk")
    panel.controls["area"].value = "image"
    assert panel.controls["row"].value == ""
    assert panel.state == {"area": "image"}


def test_an_unknown_row_is_refused() -> None:
    with pytest.raises(LookupError, match="no row 'ultra'"):
        MatrixPanel(row="ultra")


def test_a_matrix_that_was_given_stands_in_the_call() -> None:
    panel = MatrixPanel(area="disk", matrix=rp.load_matrix())
    assert panel.call == "rp.MatrixPanel(area='disk', matrix=rp.load_matrix())"
    assert evaluated(panel.call).html == panel.html


# --- one VM ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sample_names())
@pytest.mark.parametrize("strict", [False, True])
def test_every_sample_can_be_chosen(name: str, strict: bool) -> None:
    panel = EligibilityPanel()
    panel.controls["sample"].value = name
    panel.controls["strict"].value = strict
    assert panel.state["sample"] == name
    assert_reproduced(panel)


def test_both_modes_stand_side_by_side() -> None:
    panel = EligibilityPanel("sql-with-ultra-data-disk")
    assert verdicts(panel) == ["supported", "exclude_disks"]
    assert panel.html.index("Application consistency") < panel.html.index("Crash consistency")


def test_controls_ask_for_what_matters_here_and_nothing_else() -> None:
    def asked(panel: EligibilityPanel) -> set[str]:
        return set(panel.controls) & set(panel.matrix.facts)

    panel = EligibilityPanel("plain-windows")
    assert asked(panel) == {"os_architecture"}
    panel.controls["sample"].value = "windows-server-2012-r2"
    assert asked(panel) == {"os_architecture", "extended_security_updates"}
    panel.controls["sample"].value = "confidential"
    assert asked(panel) == set()


def test_an_assumption_can_be_corrected_and_taken_back() -> None:
    panel = EligibilityPanel("plain-linux")
    architecture = panel.controls["os_architecture"]
    assert architecture.options[0] == ("assumed: 64-bit", "")
    before = panel.html
    architecture.value = "32-bit"
    assert verdicts(panel) == ["not_supported", "supported"]
    assert panel.controls["os_architecture"] is architecture
    assert panel.state["answers"] == {"os_architecture": "32-bit"}
    assert_reproduced(panel)
    architecture.value = ""
    assert panel.html == before


def test_a_question_can_be_answered() -> None:
    panel = EligibilityPanel("deallocated-no-sku")
    assert verdicts(panel) == ["supported", "unknown"]
    panel.controls["disk_sku"].value = "UltraSSD_LRS"
    assert verdicts(panel) == ["supported", "exclude_disks"]
    assert_reproduced(panel)


def test_values_that_are_rows_are_offered_by_their_titles() -> None:
    panel = EligibilityPanel("unknown-image")
    options = dict(panel.controls["operating_system"].options)
    assert options["Ubuntu"] == "ubuntu"
    panel.controls["operating_system"].value = "ubuntu"
    assert verdicts(panel)[0] == "supported"
    assert "answered: Operating system = Ubuntu" in panel.html


def test_a_number_is_typed_and_a_wrong_one_is_answered() -> None:
    panel = EligibilityPanel("vm-record-only")
    shares = panel.controls["max_shares"]
    assert shares.placeholder == "assumed: 1"
    shares.value = "two"
    assert isinstance(panel.fault, AnswerError)
    assert "max_shares is a whole number" in panel.html
    shares.value = " 2 "
    assert "not_supported" in verdicts(panel) or "exclude_disks" in verdicts(panel)
    assert_reproduced(panel)


def test_strict_turns_assumptions_into_questions() -> None:
    panel = EligibilityPanel("behind-a-proxy")
    assert verdicts(panel) == ["supported", "supported"]
    panel.controls["strict"].value = True
    assert verdicts(panel) == ["unknown", "supported"]
    assert panel.controls["proxy_without_python"].options[0] == ("not known", "")
    assert "Assumptions (please confirm)" not in panel.html
    assert_reproduced(panel)


def test_a_control_stays_in_its_place_when_it_is_used() -> None:
    panel = EligibilityPanel("deallocated-no-sku", strict=True)
    before = panel.children[-2].children
    before[0].value = before[0].options[1][1]
    assert panel.children[-2].children == before


def test_an_answer_that_rules_a_row_out_is_told_too() -> None:
    panel = EligibilityPanel("plain-linux", answers={"os_architecture": "64-bit"})
    assert "answered: Word size of the OS = 64-bit" in panel.html


def test_answers_are_forgotten_with_the_vm_they_were_about() -> None:
    panel = EligibilityPanel("plain-linux", answers={"os_architecture": "32-bit"})
    assert verdicts(panel)[0] == "not_supported"
    panel.controls["sample"].value = "vm-record-only"
    assert panel.state == {"sample": "vm-record-only"}
    assert verdicts(panel)[0] == "supported"


@pytest.mark.parametrize("answers", [{"os_arch": "32-bit"}, {"os_architecture": "16-bit"}])
def test_a_wrong_answer_given_in_python_is_told_in_the_panel(answers: dict[str, str]) -> None:
    panel = EligibilityPanel(answers=answers)
    assert isinstance(panel.fault, AnswerError)
    assert 'role="alert"' in panel.html


# --- files, folders, pasted text, uploads ----------------------------------------------------


def test_a_file_is_read_when_its_path_is_typed(folder: Path) -> None:
    panel = EligibilityPanel()
    panel.controls["source"].value = "path"
    assert "Name a file" in panel.html
    assert panel.call == ""
    panel.controls["path"].value = f'  "{folder / "plain-linux.json"}" '  # as Windows copies it
    assert verdicts(panel) == ["supported", "supported"]
    assert_reproduced(panel)


def test_a_file_can_be_read_again(folder: Path) -> None:
    file = folder / "plain-linux.json"
    panel = EligibilityPanel(path=file)
    file.write_text(json.dumps(sample_vm("confidential")), encoding="utf-8")
    assert verdicts(panel) == ["supported", "supported"]
    panel.controls["again"].click()
    assert verdicts(panel) == ["not_supported", "not_supported"]


def test_a_home_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert verdicts(EligibilityPanel(path="~/plain-linux.json")) == ["supported", "supported"]


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    panel = EligibilityPanel(path=tmp_path / "nowhere.json")
    assert "cannot be read (No such file or directory)" in panel.html
    assert "A verdict needs the record of a VM" in panel.html
    assert panel.explanation is None
    assert_reproduced(panel)


def test_of_several_vms_one_is_explained_and_all_are_listed(folder: Path) -> None:
    panel = EligibilityPanel(path=folder)
    choice = panel.controls["vm"]
    assert choice.layout.display != "none"
    assert [label for label, _ in choice.options] == ["report-01", "web-01"]
    assert "Not understood: 1 record" in panel.html
    assert without_style(report.verdict_table(panel.assessment.verdicts)) in without_style(
        panel.html
    )
    choice.value = choice.options[1][1]
    assert panel.state["vm"] == "web-01"
    assert_reproduced(panel)
    assert EligibilityPanel().controls["vm"].layout.display == "none"


def test_an_answer_is_about_the_chosen_vm(folder: Path) -> None:
    panel = EligibilityPanel(path=folder)
    panel.controls["os_architecture"].value = "32-bit"
    assert panel.state["answers"] == {"report-01:os_architecture": "32-bit"}
    assert verdicts(panel)[0] == "not_supported"
    choice = panel.controls["vm"]
    choice.value = choice.options[1][1]
    assert panel.controls["os_architecture"].value == ""
    assert verdicts(panel) == ["supported", "supported"]
    assert_reproduced(panel)


def test_vms_of_one_name_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    first = sample_vm("vm-record-only")[0]
    second = json.loads(json.dumps(first).replace("/rg-", "/rg-other-"))
    file = tmp_path / "vms.json"
    file.write_text(json.dumps([first, second]), encoding="utf-8")
    panel = EligibilityPanel(path=file, vm=second["id"])
    assert panel.state["vm"] == second["id"]
    panel.controls["os_architecture"].value = "32-bit"
    found = {one.vm_id: one.verdict for one in panel.assessment.verdicts if one.mode != "crash"}
    assert found == {first["id"]: "supported", second["id"]: "not_supported"}
    assert_reproduced(panel)


def test_an_unknown_vm_is_told(folder: Path) -> None:
    panel = EligibilityPanel(path=folder, vm="web-99")
    assert "no VM &#x27;web-99&#x27;; there are report-01, web-01" in panel.html


def test_text_can_be_pasted() -> None:
    panel = EligibilityPanel()
    panel.controls["source"].value = "text"
    assert "Paste what az vm show printed" in panel.html
    panel.controls["text"].value = json.dumps(sample_vm("confidential"))
    assert verdicts(panel) == ["not_supported", "not_supported"]
    assert panel.controls["text"].layout.display != "none"
    assert panel.controls["path"].layout.display == "none"


@pytest.mark.parametrize("text", ["short and no JSON", '{"name": "é <b>\'"}', "a\ud800b", "[]"])
def test_any_pasted_text_gets_an_answer(text: str) -> None:
    panel = EligibilityPanel(text=text)
    assert panel.explanation is None
    assert "A verdict needs the record of a VM" in panel.html
    assert_reproduced(panel)


def test_a_long_text_is_named_and_not_repeated() -> None:
    text = json.dumps(sample_vm("plain-linux"), indent=1)
    panel = EligibilityPanel(text=text)
    assert "panel.text.encode()" in panel.call
    result = eval(panel.call, {"rp": rp, "panel": panel})
    assert without_style(result._repr_html_()) in without_style(panel.html)
    assert len(repr(panel)) < 300


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_can_be_uploaded_together(encoding: str) -> None:
    panel = EligibilityPanel()
    vm, *disks = sample_vm("shared-disk-cluster-node")
    panel.controls["upload"].value = tuple(
        {
            "name": f"{number}.json",
            "type": "application/json",
            "size": 1,
            "content": memoryview(json.dumps(records).encode(encoding)),
            "last_modified": datetime.now(UTC),
        }
        for number, records in enumerate((vm, disks))
    )
    assert panel.controls["source"].value == "text"
    assert verdicts(panel) == ["exclude_disks", "exclude_disks"]
    assert panel.controls["upload"].value == ()


def test_only_one_input_is_taken() -> None:
    with pytest.raises(ValueError, match="give one input, not sample and path"):
        EligibilityPanel("plain-linux", path="vm.json")


def test_an_unknown_sample_is_refused() -> None:
    with pytest.raises(LookupError, match="did you mean 'plain-linux'"):
        EligibilityPanel("plain-linus")


def test_a_matrix_that_was_given_stands_in_the_line() -> None:
    panel = EligibilityPanel("plain-linux", matrix=rp.load_matrix())
    assert "rp.load_matrix()" in panel.call
    assert evaluated(panel.call)._repr_html_()


# --- the environment -------------------------------------------------------------------------


def test_a_good_environment_passes() -> None:
    environment = check_environment()
    assert environment.ok
    assert repr(environment) == "Environment(4 checks passed)"
    assert environment._repr_html_().count("passed") == 4


def test_what_is_missing_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> None:
        raise FileNotFoundError("no tables here")

    monkeypatch.setattr(panels, "load_matrix", unreadable)
    monkeypatch.setattr(panels, "find_spec", lambda name: None)
    environment = check_environment()
    assert not environment.ok
    assert "Run: pip install pandas, and restart the kernel." in repr(environment)
    assert "no tables here" in environment._repr_html_()


# --- in a real browser -----------------------------------------------------------------------


@pytest.mark.browser
def test_a_panel_is_used_with_the_keyboard_alone(open_in_lab: Callable[[str], Any]) -> None:
    page = open_in_lab("02-check-a-vm.ipynb")
    panel = page.locator(".rpm-panel").first
    title = panel.locator(".rpm-title")
    panel.get_by_label("Sample", exact=True).focus()
    for key in ("Space", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    title.get_by_text("sap-01").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    panel.get_by_text("strict: nothing is assumed").wait_for()
    page.keyboard.press("Tab")
    for key in ("Space", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    panel.get_by_text("answered: Word size of the OS = 64-bit").wait_for()
    assert page.evaluate("document.activeElement.value") == "64-bit"


@pytest.mark.browser
@pytest.mark.parametrize("name", ["01-read-the-matrix", "02-check-a-vm"])
def test_a_panel_fits_a_narrow_page(
    page: Any, open_in_lab: Callable[[str], Any], name: str
) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    open_in_lab(f"{name}.ipynb")
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    page.wait_for_selector(".rpm-panel .rpm-scroll")
    for element in page.locator(".rpm-panel").all():
        assert element.evaluate("e => e.scrollWidth <= e.clientWidth")


@pytest.mark.browser
def test_every_control_has_a_label_in_the_page(open_in_lab: Callable[[str], Any]) -> None:
    page = open_in_lab("02-check-a-vm.ipynb")
    page.wait_for_selector(".rpm-panel select")
    fields = page.locator(".rpm-panel").locator("select, input:not([type=file]), textarea")
    assert fields.count() > 10
    assert (
        fields.evaluate_all("all => all.filter(e => !e.labels.length).map(e => e.outerHTML)") == []
    )
