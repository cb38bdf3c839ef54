"""The panels about plans, copies, encryption, schedules and errors, driven without a browser."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from test_panels import assert_reproduced, evaluated, widgets_in, without_style

import rpmatrix as rp
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.panels import panels
from rpmatrix.panels.panels import Panel
from rpmatrix.panels.plan import (
    CrossRegionPanel,
    EncryptionPanel,
    ErrorPanel,
    PlanPanel,
    SchedulePanel,
)
from rpmatrix.planning import names as plan_names
from rpmatrix.planning.commands.write import CLIENTS
from rpmatrix.planning.copies import copy_of
from rpmatrix.planning.encryption import encryption_of
from rpmatrix.planning.errors import look_up
from rpmatrix.planning.plan import PHASES, SAFE_PHASES

TARGET = "northeurope"
START = "2027-01-01"


def texts(panel: Panel) -> str:
    """What the view says, as far as escaping goes."""
    return html.unescape(panel.html)


def asked(panel: Panel) -> set[str]:
    """The facts that the panel asks about."""
    own = set(getattr(panel, "_own_defaults", ()))
    return (set(panel.controls) & set(panel.matrix.facts)) - own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A VM that can be copied, and one that cannot."""
    for name in ("plain-linux", "private-link-disk"):
        (tmp_path / f"{name}.json").write_text(json.dumps(sample_vm(name)), encoding="utf-8")
    return tmp_path


# --- every panel -----------------------------------------------------------------------------

PANELS: dict[str, Callable[[], Panel]] = {
    "plan": PlanPanel,
    "copy": CrossRegionPanel,
    "encryption": EncryptionPanel,
    "schedule": lambda: SchedulePanel(start=START),
    "schedule of a VM": lambda: SchedulePanel("plain-linux", start=START),
    "error": ErrorPanel,
}
# How each panel is changed, and back.
CHANGES: dict[str, tuple[str, Any]] = {
    "plan": ("mode", "crash"),
    "copy": ("client", "portal"),
    "encryption": ("strict", True),
    "schedule": ("crash_every", "1h"),
    "schedule of a VM": ("retention", "7d"),
    "error": ("text", "AllocationFailed"),
}


@pytest.fixture(params=PANELS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def panel(kind: str) -> Panel:
    return PANELS[kind]()


def test_a_panel_shows_itself_to_readers_without_a_kernel(panel: Panel) -> None:
    bundle = panel._repr_mimebundle_()
    assert bundle["text/html"] == panel.html
    assert bundle["text/plain"] == repr(panel)
    assert len(repr(panel)) < 80


def test_a_panel_opens_the_same_twice(kind: str, panel: Panel) -> None:
    assert PANELS[kind]().html == panel.html
    assert_reproduced(panel)


def test_every_control_has_a_label_and_can_be_reached(panel: Panel) -> None:
    for name, control in panel.controls.items():
        assert control.description, name
        assert control in widgets_in(panel), name
    assert widgets.Output not in [type(widget) for widget in widgets_in(panel)]


def test_every_change_is_shown_and_taken_back(kind: str, panel: Panel) -> None:
    name, value = CHANGES[kind]
    before, held = panel.html, panel.controls[name].value
    panel.controls[name].value = value
    assert panel.html != before
    assert_reproduced(panel)
    panel.controls[name].value = held
    assert panel.html == before


def test_whatever_a_callback_raises_is_shown(
    kind: str, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = ZeroDivisionError("division by zero")

    def fail(*_: object) -> str:
        raise fault

    monkeypatch.setattr(type(panel), "render", fail)
    name, value = CHANGES[kind]
    panel.controls[name].value = value
    assert panel.fault is fault
    assert "This is a fault of rpmatrix" in panel.html


def test_a_matrix_that_was_given_stands_in_the_line() -> None:
    for panel in (
        PlanPanel(matrix=rp.load_matrix()),
        CrossRegionPanel(matrix=rp.load_matrix()),
        EncryptionPanel(matrix=rp.load_matrix()),
        SchedulePanel(start=START, matrix=rp.load_matrix()),
        ErrorPanel("AllocationFailed", matrix=rp.load_matrix()),
    ):
        assert "rp.load_matrix()" in panel.call
        result = evaluated(panel.call)
        shown = result.html if isinstance(result, Panel) else result._repr_html_()
        assert without_style(shown) in without_style(panel.html)


VM_PANELS: list[Callable[..., Panel]] = [PlanPanel, CrossRegionPanel, EncryptionPanel]


@pytest.mark.parametrize("make", VM_PANELS)
@pytest.mark.parametrize("name", sample_names())
@pytest.mark.parametrize("strict", [False, True])
def test_every_sample_can_be_chosen(make: Callable[..., Panel], name: str, strict: bool) -> None:
    panel = make()
    panel.controls["sample"].value = name
    panel.controls["strict"].value = strict
    assert_reproduced(panel)


@pytest.mark.parametrize("make", VM_PANELS)
def test_input_is_taken_as_in_other_panels(make: Callable[..., Panel], folder: Path) -> None:
    panel = make(path=folder, vm="web-01")
    assert "web-01" in panel.html
    choice = panel.controls["vm"]
    choice.value = dict(choice.options)["bank-01"]
    assert_reproduced(panel)
    panel.controls["source"].value = "text"
    assert "Paste what az vm show printed" in panel.html
    panel.controls["text"].value = "no JSON"
    assert "A verdict needs the record of a VM" in panel.html
    panel.controls["text"].value = json.dumps(sample_vm("confidential"))
    assert "vault-01" in panel.html
    assert panel.fault is None


@pytest.mark.parametrize("make", [*VM_PANELS, SchedulePanel])
def test_a_long_text_is_named_and_not_repeated(make: Callable[..., Panel]) -> None:
    panel = make(text=json.dumps(sample_vm("plain-linux"), indent=1))
    assert "panel.text" in panel.call
    result = eval(panel.call, {"rp": rp, "panel": panel})
    shown = result.html if isinstance(result, Panel) else result._repr_html_()
    shown = without_style(shown).partition('<div class="rpm-foot">')[0]
    assert shown.removesuffix("</div>") in without_style(panel.html)


# --- plan ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sample_names())
def test_the_plan_shows_the_commands_of_its_client(name: str) -> None:
    panel = PlanPanel(name, target_region=TARGET)
    for client in CLIENTS:
        panel.controls["client"].value = client
        assert panel.fault is None
        assert panel.plan is not None
        shown = texts(panel)
        written = panel.plan.commands()
        for command in written:
            assert command.client == client
            assert f">{command.text}</pre>" in shown or not command.text
            assert all(note in shown for note in command.notes)
        others = set(PHASES) - {*SAFE_PHASES}
        unasked = {one.text for one in panel.plan.commands(phases=others)}
        for text in unasked - {one.text for one in written} - {""}:
            assert f">{text}</pre>" not in shown


@pytest.mark.parametrize("phases", [["restore"], ["clean_up"], ["create", "restore"], PHASES])
def test_other_phases_are_shown_when_they_are_asked_for(phases: list[str]) -> None:
    panel = PlanPanel("plain-linux", phases=phases)
    assert panel.plan is not None
    shown = texts(panel)
    for phase in (*SAFE_PHASES, "restore", "clean_up"):
        for command in panel.plan.commands(phases=[phase]):
            assert (f">{command.text}</pre>" in shown) == (phase in phases), phase
    assert_reproduced(panel)


def test_what_deletes_is_never_shown_unasked() -> None:
    for name in sample_names():
        for client, word in (
            ("azure_cli", " delete"),
            ("powershell", "Remove-"),
            ("rest", "DELET"),
        ):
            panel = PlanPanel(name, client=client, target_region=TARGET)
            blocks = [one.partition("</pre>")[0] for one in panel.html.split("<pre")[1:]]
            assert not any(word in block for block in blocks)


def test_the_mode_can_be_chosen() -> None:
    panel = PlanPanel("sql-with-ultra-data-disk")
    assert panel.plan is not None
    assert panel.plan.vms[0].mode == "application"
    panel.controls["mode"].value = "crash"
    assert panel.plan.vms[0].mode == "crash"
    assert "planned here" in panel.html
    assert "mode='crash'" in panel.call


def test_an_unknown_verdict_leads_to_what_settles_it_and_no_further() -> None:
    panel = PlanPanel("deallocated-no-sku", mode="crash")
    assert panel.plan is not None
    assert {step.phase for step in panel.plan.vms[0].steps} == {"settle"}
    assert "restore-point create" not in panel.html
    assert "disk_sku" in asked(panel)
    panel.controls["disk_sku"].value = "Premium_LRS"
    assert "restore-point create" in panel.html
    assert_reproduced(panel)


def test_a_step_that_may_be_needed_can_be_answered() -> None:
    panel = PlanPanel("plain-linux")
    assert "Needed if it applies" in panel.html
    panel.controls["move_planned"].value = "no"
    assert "Needed if it applies" not in panel.html
    assert_reproduced(panel)


def test_a_copy_into_the_region_of_the_vm_is_told_as_a_fault_of_the_input() -> None:
    panel = PlanPanel("plain-linux")
    panel.controls["target_region"].value = "West Europe"
    assert isinstance(panel.fault, plan_names.PlanError)
    assert "name another region to copy to" in panel.html
    panel.controls["target_region"].value = f" {TARGET} "
    assert panel.fault is None
    assert TARGET in panel.html


@pytest.mark.parametrize(
    "wrong", [{"mode": "both"}, {"client": "portal"}, {"phases": ["create", "destroy"]}]
)
def test_what_a_control_does_not_offer_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match=r"may be|there is no phase 'destroy'"):
        PlanPanel(**wrong)


# --- copy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sample_names())
@pytest.mark.parametrize("client", ["azure_cli", "portal"])
def test_the_copy_is_told_with_every_line(name: str, client: str) -> None:
    panel = CrossRegionPanel(name, target_region=TARGET, client=client)
    found = copy_of(panel.assessment, panel.inventory.vms[0], target_region=TARGET, client=client)
    assert panel.answer == found
    shown = texts(panel)
    for line in found.lines:
        assert {line.text, line.remedy, *line.rows, *line.disks} - {""} <= {
            one for one in (line.text, line.remedy, *line.rows, *line.disks) if one in shown
        }
        assert line.source == "article" or line.source in shown
    for ruling in found.disagreements:
        assert ruling.reading_a in shown
        assert ruling.reading_b in shown
    for question in found.questions:
        assert question.command in shown


def test_the_steps_of_a_copy_stand_with_the_answer() -> None:
    panel = CrossRegionPanel("plain-linux", client="powershell")
    planned = rp.plan(panel.assessment, target_region=TARGET, client="powershell")
    commands = planned.commands(phases=["copy"])
    assert len(commands) > 2
    assert all(command.text in texts(panel) for command in commands)
    panel.controls["client"].value = "portal"
    assert "In which order" not in panel.html


def test_a_copy_within_one_region_is_answered() -> None:
    panel = CrossRegionPanel("plain-linux", target_region="West Europe")
    assert panel.answer is not None
    assert panel.answer.reasons == ("xr-same-region",)
    panel.controls["target_region"].value = ""
    assert "Name a region to copy to" in panel.html
    assert panel.fault is None


def test_losses_are_told_first() -> None:
    panel = CrossRegionPanel("customer-key")
    assert panel.html.index("What the copy loses") < panel.html.index("Every rule that applies")
    loss, _ = panel.html.split("What the copy loses")[1].split("Every rule that applies")
    assert "xr-cmk-to-pmk" in loss


def test_a_disk_that_is_left_out_is_in_no_copy() -> None:
    panel = CrossRegionPanel("sql-with-ultra-data-disk", mode="crash")
    assert "In no restore point, and so in no copy: <code>sql-01-log</code>" in panel.html


def test_of_several_vms_all_answers_are_counted(folder: Path) -> None:
    panel = CrossRegionPanel(path=folder)
    assert "Copies of 2 VMs to northeurope: 1 supported, with a caveat, 1 not supported." in (
        panel.html
    )
    assert "<code>xr-private-link</code>" in panel.html
    assert_reproduced(panel)


def test_a_region_that_cannot_be_is_answered() -> None:
    panel = CrossRegionPanel(target_region="no/region")
    assert "a target region is a name such as westeurope" in texts(panel)


# --- encryption ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sample_names())
def test_every_stage_of_every_disk_is_told(name: str) -> None:
    panel = EncryptionPanel(name)
    assert panel.answers == encryption_of(panel.assessment, panel.inventory.vms[0])
    shown = texts(panel)
    for answer in panel.answers:
        assert f"{answer.disk} (" in shown
        for line in answer.lines:
            assert line.text in shown
            assert line.remedy in shown
            assert all(f"<code>{row}</code>" in shown for row in (*line.rows, *line.rulings))
            assert line.source == "article" or line.source in shown
        for ruling in answer.disagreements:
            assert ruling.reading_a in shown
            assert ruling.reading_b in shown
            assert ruling.reason in shown
    assert "unencrypted" not in shown.lower()


def test_how_to_find_out_is_a_command() -> None:
    panel = EncryptionPanel("customer-key")
    part = texts(panel).split("How to find out what was reached")[1]
    assert "diskRestorePoints" in part.partition("</pre>")[0]


def test_disks_of_which_the_same_is_said_share_a_table() -> None:
    assert EncryptionPanel("customer-key").html.count("<table") == 1
    panel = EncryptionPanel("sql-with-ultra-data-disk")
    assert "sql-01-log (data disk, lun 0)" in panel.html
    assert "In no restore point of crash consistency" in panel.html
    assert panel.html.count("<table") == 2


def test_a_key_that_is_not_known_can_be_answered() -> None:
    panel = EncryptionPanel("vm-record-only")
    assert asked(panel) == {"customer_key", "encryption_type"}
    assert "which is not known" in panel.html
    panel.controls["encryption_type"].value = "EncryptionAtRestWithPlatformKey"
    panel.controls["customer_key"].value = "no"
    assert "which is not known" not in panel.html.partition("How to find out")[0]
    assert_reproduced(panel)


# --- schedule --------------------------------------------------------------------------------

LARGEST = [
    ({"application_every": "3h"}, Fraction(125, 2)),
    ({"application_every": "", "crash_every": "1h"}, Fraction(125, 6)),
    ({"application_every": "3h", "crash_every": "PT1H"}, Fraction(125, 8)),
]


@pytest.mark.parametrize(("fields", "days"), LARGEST)
def test_the_largest_retention_is_told(fields: dict[str, str], days: Fraction) -> None:
    panel = SchedulePanel(start=START, retention="forever")
    for name, value in fields.items():
        panel.controls[name].value = value
    largest = panel.schedule.largest_retention
    assert largest is not None
    assert largest.days == days
    assert f"{int(days * 10) / 10:g} days</strong>" in panel.html
    assert panel.schedule.full_at is not None
    assert f"full {panel.schedule.full_at:%Y-%m-%d}</text>" in panel.html
    assert_reproduced(panel)


def test_every_limit_is_told_the_broken_ones_first() -> None:
    panel = SchedulePanel(start=START, application_every="1h", retention="forever")
    shown = texts(panel)
    for line in panel.schedule.limits:
        assert line.title in shown
        assert f"<code>{line.row}</code>" in shown
        assert line.state == "within" or line.remedy in shown
    table = shown.split('aria-label="Limits"')[1]
    states = ["breaks a limit</span>", "unknown</span>", "within the limit</span>"]
    places = [table.index(state) for state in states]
    assert places == sorted(places)


def test_both_modes_in_one_minute_are_told_with_a_way_out() -> None:
    panel = SchedulePanel(start=START, application_every="3h", crash_every="1h")
    assert "8 times a day both modes ask for a point" in panel.html
    assert "Start the crash schedule 30 minutes after the other" in panel.html
    panel.controls["crash_after"].value = "30m"
    assert "both modes ask for a point" not in panel.html
    assert "crash consistency starting 30 minutes later" in panel.html
    assert_reproduced(panel)


def test_points_vms_and_collections_count() -> None:
    panel = SchedulePanel(start=START)
    assert panel.schedule.state == "unknown"
    panel.controls["collections"].value = "9,998"
    assert panel.schedule.state == "within"
    panel.controls["vms"].value = "3"
    assert panel.schedule.state == "exceeded"
    panel.controls["vms"].value = "2"
    panel.controls["existing"].value = "400"
    assert panel.schedule.state == "exceeded"
    assert_reproduced(panel)
    panel.controls["existing"].value = ""
    assert "The number of existing restore points is unknown" in panel.html


WRONG = [
    ("application_every", "every full moon", "no duration that is known here"),
    ("application_every", "", "no interval is given"),
    ("retention", "30", "has no unit"),
    ("start", "tomorrow", "First day: 'tomorrow' is no day"),
    ("existing", "some", "Points at the start: 'some' is no whole number"),
    ("vms", "-1", "VMs: '-1' is no whole number"),
]


@pytest.mark.parametrize(("name", "value", "told"), WRONG)
def test_a_field_that_cannot_be_read_says_why(name: str, value: str, told: str) -> None:
    panel = SchedulePanel(start=START)
    panel.controls[name].value = value
    assert told in texts(panel)
    assert "fault of rpmatrix" not in panel.html
    assert 'role="alert"' in panel.html


def test_a_schedule_starts_today_if_nobody_says_when() -> None:
    before = datetime.now(UTC).date()
    panel = SchedulePanel()
    assert before <= panel.schedule.start.date() <= datetime.now(UTC).date()
    assert f"start='{panel.schedule.start:%Y-%m-%d}'" in repr(panel)


def test_numbers_are_put_away_when_a_vm_tells() -> None:
    panel = SchedulePanel(start=START, existing=20)
    assert panel.controls["existing"].layout.display != "none"
    panel.controls["source"].value = "sample"
    assert panel.controls["existing"].layout.display == "none"
    assert asked(panel) == {"restore_points_of_vm", "restore_point_collections_in_region"}
    panel.controls["restore_points_of_vm"].value = "21"
    assert panel.schedule.existing == 20
    assert_reproduced(panel)


def test_the_chart_can_be_read_without_being_seen() -> None:
    panel = SchedulePanel(start=START, application_every="3h", retention="forever")
    _, drawing = panel.html.split("<svg")
    words = drawing.partition('aria-label="')[2].partition('"')[0]
    assert words.startswith("Restore points of a VM over time: 1 on 2027-01-01")
    assert "The limit is 500; it is reached on 2027-03-04." in words
    assert 'aria-label="Points over time"' in panel.html  # the same in a table


# --- errors ----------------------------------------------------------------------------------


def test_every_example_is_known() -> None:
    panel = ErrorPanel()
    examples = [value for _, value in panel.controls["example"].options if value]
    assert len(examples) == len(panel.matrix.table("errors"))
    for example in examples:
        panel.controls["example"].value = example
        assert panel.controls["text"].value == example
        assert panel.answer.state == "known", example
        assert_reproduced(panel)


@pytest.mark.parametrize("row", [row.id for row in rp.load_matrix().table("errors")])
def test_an_error_is_told_with_all_that_its_row_says(row: str) -> None:
    matrix = rp.load_matrix()
    known = matrix.row(row)
    panel = ErrorPanel(
        " ".join(
            [
                *known.members("code")[:1],
                *known.members("message_fragment"),
                *known.members("message_alone"),
            ]
        )
    )
    shown = texts(panel)
    assert known["meaning"] in shown
    assert known["action"] in shown
    assert known["source"] in shown
    assert all(f"<code>{one}</code>" in shown for one in known.members("row_ids"))


def test_a_code_alone_is_not_taken_for_an_answer() -> None:
    panel = ErrorPanel("OperationNotAllowed")
    assert panel.answer.state == "possible"
    assert "It may be one of these." in panel.html
    assert panel.html.count("Recognised by its code") == len(panel.answer.matches) > 2


@pytest.mark.parametrize("text", ["no such words", "<script>alert(1)</script>", "a\ud800b", "{"])
def test_an_unknown_error_is_said_to_be(text: str) -> None:
    panel = ErrorPanel(text)
    assert panel.answer == look_up(panel.text, panel.matrix)
    assert "No row of the matrix knows this error." in panel.html
    assert "<script" not in panel.html
    assert panel.fault is None


def test_the_nearest_rows_are_named_and_not_taken() -> None:
    panel = ErrorPanel("the restore points across collections and the resource groups are many")
    assert panel.answer.state == "unknown"
    assert panel.answer.nearest
    assert "Nearest rows, which do not fit" in panel.html
    assert all(f"<code>{one.row}</code>" in panel.html for one in panel.answer.nearest)


# --- the button to copy ----------------------------------------------------------------------


def test_a_panel_does_without_the_button_where_it_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_button = PlanPanel()
    assert "rpm-copier" in with_button.children[0]._dom_classes
    monkeypatch.setattr(panels, "find_spec", lambda name: None)
    without = PlanPanel()
    assert without.html == with_button.html
    assert len(without.children) == len(with_button.children) - 1


@pytest.mark.browser
def test_a_command_is_copied_with_one_press(page: Any, open_in_lab: Callable[[str], Any]) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_in_lab("07-plan-and-commands.ipynb")
    panel = page.locator(".rpm-panel").nth(1)
    button = panel.locator(".rpm-copy").first
    command = panel.locator("pre").first.text_content()
    button.focus()
    page.keyboard.press("Enter")
    panel.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command
    # The view is made anew, and so are its buttons.
    panel.get_by_label("Client", exact=True).select_option(label="Azure CLI")
    panel.get_by_text("commands for Azure CLI").wait_for()
    panel.locator(".rpm-copy").first.wait_for()
    assert panel.locator(".rpm-copy").count() == panel.locator("pre").count()


@pytest.mark.browser
@pytest.mark.parametrize(
    "name",
    ["04-cross-region-copy", "05-encryption", "06-schedule-and-limits", "07-plan-and-commands"],
)
def test_a_panel_fits_a_narrow_page(
    page: Any, open_in_lab: Callable[[str], Any], name: str
) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    open_in_lab(f"{name}.ipynb")
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    page.wait_for_selector(".rpm-panel .rpm-card")
    for element in page.locator(".rpm-panel").all():
        assert element.evaluate("e => e.scrollWidth <= e.clientWidth")
