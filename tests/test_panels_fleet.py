"""The panel for a fleet, driven without a browser: every input, control, fault and file."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rpmatrix as rp
from rpmatrix.eligibility.assessment import VERDICTS, AnswerError
from rpmatrix.fleet.samples import sample_fleet
from rpmatrix.fleet.summary import FleetError
from rpmatrix.inventory.samples import sample_vm
from rpmatrix.matrix.matrix import MODES
from rpmatrix.panels import fleet as panels_fleet
from rpmatrix.panels.fleet import FleetPanel
from rpmatrix.panels.panels import LONGEST_TEXT_IN_REPR
from rpmatrix.view.fleet_views import SORTS

SMALL = 60
PRODUCTION = next(vm["location"] for vm, _ in sample_fleet(SMALL) if "-prd-" in vm["name"])


def make(**state: Any) -> FleetPanel:
    """Open a panel, on a small fleet if no input is named."""
    named = {"sample", "path", "uploads", "text"} & set(state)
    return FleetPanel(**(state if named else {"sample": SMALL, **state}))


@pytest.fixture
def panel() -> FleetPanel:
    return make()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fleet = list(sample_fleet(SMALL))
    (tmp_path / "vms.json").write_text(json.dumps([vm for vm, _ in fleet]))
    disks = [one for _, disks in fleet for one in disks]
    (tmp_path / "disks.json").write_text(json.dumps(disks))
    return tmp_path


def names(panel: FleetPanel) -> list[str]:
    assert panel.fault is None, panel.fault
    return [row.name for row in panel.selection.rows()]


def assert_reproduced(panel: FleetPanel) -> None:
    """The line at the foot, and the repr, open the same panel."""
    assert panel.fault is None
    assert f">{html.escape(panel.call)}</pre>" in panel.html
    lines = [panel.call, f"rp.{panel!r}"]
    for line in lines[:1] if len(panel.text) > LONGEST_TEXT_IN_REPR else lines:
        again = eval(line, {"rp": rp, "panel": panel})
        assert again.html == panel.html
        assert again.state == panel.state


def widgets_in(widget: widgets.Widget) -> list[widgets.Widget]:
    children = getattr(widget, "children", ())
    return [widget, *(found for child in children for found in widgets_in(child))]


def is_shown(panel: FleetPanel, name: str) -> bool:
    """Whether a control and everything around it is shown."""

    def around(widget: widgets.Widget) -> list[widgets.Widget] | None:
        if widget is panel.controls[name]:
            return [widget]
        for child in getattr(widget, "children", ()):
            found = around(child)
            if found:
                return [widget, *found]
        return None

    return all(one.layout.display != "none" for one in around(panel) or ())


# --- what every panel keeps ------------------------------------------------------------------


def test_a_panel_shows_itself_to_readers_without_a_kernel(panel: FleetPanel) -> None:
    bundle = panel._repr_mimebundle_()
    assert bundle["text/html"] == panel.html
    assert bundle["text/plain"] == repr(panel) == f"FleetPanel(sample={SMALL})"
    assert panel.html.count("<style>") == 1


def test_every_control_has_a_label_and_can_be_reached(panel: FleetPanel) -> None:
    assert widgets.Output not in [type(one) for one in widgets_in(panel)]
    for name, control in panel.controls.items():
        assert control.description, name
        assert control in widgets_in(panel), name
        assert control.tabbable is not False


def test_a_newcomer_sees_a_fleet_at_once() -> None:
    panel = FleetPanel()
    assert panel.result.summary.vms == 200
    shown = panel.html
    order = ["200 VMs", "Application consistency", "What to do first", "page 1 of 8"]
    places = [shown.index(one) for one in order]
    assert places == sorted(places)
    assert_reproduced(panel)


STATES: list[dict[str, Any]] = [
    {"section": "reasons", "verdict": "unknown"},
    {"section": "", "mode": "crash", "sort": "name", "page": 2},
    {"words": "-prd- vm", "region": PRODUCTION, "strict": True},
    {"because": "os-windows-not-listed", "answers": {"os_architecture": "64-bit"}},
    {"path": ""},
    {"text": ""},
    {"uploads": ()},
    {"text": json.dumps(sample_vm("plain-linux"))},
    {"uploads": [("vm.json", json.dumps(sample_vm("plain-linux")).encode())]},
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: "-".join(state))
def test_a_panel_opens_in_any_state(state: dict[str, Any]) -> None:
    panel = make(**state)
    assert state.items() <= {**panel.state, "uploads": state.get("uploads")}.items() or (
        panel.state["uploads"] == tuple(state["uploads"])
    )
    assert_reproduced(panel)


@pytest.mark.parametrize(
    "fault", [ZeroDivisionError("oh"), FleetError("no such file"), LookupError("no such region")]
)
def test_whatever_a_callback_raises_is_shown_where_the_user_looks(
    panel: FleetPanel, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(_: object) -> str:
        raise fault

    before = panel.html
    monkeypatch.setattr(FleetPanel, "render", fail)
    panel.controls["verdict"].value = "unknown"
    assert panel.fault is fault
    assert str(fault) in panel.html
    assert ("fault of rpmatrix" in panel.html) == isinstance(fault, ZeroDivisionError)
    assert 'role="alert"' in panel.html
    monkeypatch.undo()
    panel.controls["verdict"].value = ""
    assert panel.fault is None
    assert panel.html == before


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"verdict": "fine"}, "verdict: there is no 'fine' in this fleet"),
        ({"region": "mars"}, "region: there is no 'mars' in this fleet"),
        ({"vm": "nobody"}, "no VM 'nobody' in this fleet"),
        ({"section": "costs"}, "section may be what_first, .*, not 'costs'"),
        ({"path": "no/such/folder"}, "there is no file or folder no/such/folder"),
        ({"answers": {"os_arch": "32-bit"}}, "os_arch"),
    ],
)
def test_a_wrong_argument_is_told_in_the_panel(state: dict[str, Any], told: str) -> None:
    panel = make(**state)
    assert re.search(told, str(panel.fault))
    assert 'role="alert"' in panel.html
    assert "fault of rpmatrix" not in panel.html


def test_one_input_is_enough() -> None:
    with pytest.raises(ValueError, match="give one input, not sample and text"):
        FleetPanel(50, text="")


# --- the list --------------------------------------------------------------------------------


def test_filters_hold_together_and_the_page_starts_anew(panel: FleetPanel) -> None:
    of = panel.controls
    of["page"].value = 2
    of["mode"].value = "application"
    of["verdict"].value = "unknown"
    counted = panel.selection.counts("application")
    assert counted["unknown"] == len(panel.selection) > 0
    assert of["page"].value == of["page"].max == 1
    of["words"].value = "no such vm"
    assert names(panel) == []
    assert "Leave out a filter" in panel.html
    of["words"].value = ""
    assert_reproduced(panel)


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_can_be_chosen(panel: FleetPanel, sort: str) -> None:
    panel.controls["sort"].value = sort
    assert len(names(panel)) == SMALL
    assert SORTS[sort] in panel.html
    assert_reproduced(panel)


def test_pages_are_turned(panel: FleetPanel) -> None:
    back, page, on = (panel.controls[name] for name in ("back", "page", "on"))
    assert (back.disabled, on.disabled, page.max) == (True, False, 3)
    on.click()
    assert (back.disabled, on.disabled, page.value) == (False, False, 2)
    page.value = 3
    assert (back.disabled, on.disabled) == (False, True)
    assert "page 3 of 3" in panel.html
    back.click()
    assert page.value == 2
    assert_reproduced(panel)


def test_turning_a_page_judges_and_filters_nothing(
    panel: FleetPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    selected, fleet, above = panel.selection, panel.fleet, panel._summary.value
    monkeypatch.setattr(type(fleet.table), "select", None)
    monkeypatch.setattr(FleetPanel, "_judged", None)
    panel.controls["on"].click()
    assert panel.fault is None
    assert panel.selection is selected
    assert panel._summary.value is above


def test_every_vm_of_a_page_can_be_opened(panel: FleetPanel) -> None:
    for row in panel.selection.page(1):
        panel.controls["vm"].value = row.id
        found = panel.explain(row.id)
        assert found is not None
        assert found.verdicts == row.verdicts
        assert found.vm.id in panel.html
    assert_reproduced(panel)


def test_an_open_vm_stays_open_on_another_page_and_closes_with_another_filter(
    panel: FleetPanel,
) -> None:
    row = panel.selection.page(1)[4]
    panel.controls["vm"].value = row.id
    panel.controls["on"].click()
    assert panel.controls["vm"].value == row.id
    assert 'aria-current="true"' not in panel.html
    panel.controls["back"].click()
    assert 'aria-current="true"' in panel.html
    panel.controls["verdict"].value = "unknown"
    assert panel.controls["vm"].value == ""


def test_a_vm_is_opened_by_its_name_too(panel: FleetPanel) -> None:
    row = panel.selection.page(2)[0]
    assert make(vm=row.name).controls["vm"].value == row.id


# --- what it adds up to ----------------------------------------------------------------------


@pytest.mark.parametrize("section", [*panels_fleet._SECTIONS, ""])
def test_every_section_can_be_shown(panel: FleetPanel, section: str) -> None:
    panel.controls["section"].value = section
    assert_reproduced(panel)


def test_an_answer_holds_for_the_whole_fleet() -> None:
    panel = FleetPanel()

    def unknown() -> int:
        return panel.selection.counts("application")["unknown"]

    before = unknown()
    fact, answer = panel.controls["fact"], panel.controls["answer"]
    assert not is_shown(panel, "fact")
    panel.controls["answers"].value = True
    assert is_shown(panel, "fact")
    fact.value = "extended_security_updates"
    assert is_shown(panel, "answer")
    assert not is_shown(panel, "answer_text")
    answer.value = "not_reached"
    assert panel.state["answers"] == {"extended_security_updates": "not_reached"}
    assert "answered by you" in dict(map(reversed, fact.options))["extended_security_updates"]
    assert unknown() < before
    assert_reproduced(panel)
    answer.value = ""
    assert "answers" not in panel.state
    assert unknown() == before


def test_a_wrong_answer_can_be_mended() -> None:
    panel = FleetPanel()
    panel.controls["answers"].value = True
    panel.controls["fact"].value = "max_shares"
    panel.controls["answer_text"].value = "two"
    assert isinstance(panel.fault, AnswerError)
    assert is_shown(panel, "answer_text")
    assert not is_shown(panel, "verdict")
    panel.controls["answer_text"].value = "1"
    assert_reproduced(panel)


def test_strict_assumes_nothing(panel: FleetPanel) -> None:
    panel.controls["strict"].value = True
    assert panel.result.summary.assumptions == {}
    assert_reproduced(panel)


def test_answers_are_forgotten_with_the_fleet_they_were_about() -> None:
    panel = make(answers={"os_architecture": "32-bit"}, verdict="not_supported")
    panel.controls["sample"].value = 50
    assert panel.state == {"sample": 50}


# --- inputs ----------------------------------------------------------------------------------


def counts(panel: FleetPanel) -> dict[str, Any]:
    assert panel.fault is None, panel.fault
    return {mode: panel.selection.counts(mode) for mode in MODES}


def test_files_say_what_their_records_say(folder: Path) -> None:
    panel = make(path=folder)
    assert counts(panel) == counts(make())
    assert names(make(path=str(folder / "*.json"))) == names(panel)
    assert_reproduced(panel)


def test_many_files_are_judged_in_bulk_with_the_same_list(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = make(path=folder, section="reasons")
    monkeypatch.setattr(panels_fleet, "FEW_BYTES", 0)
    many = make(path=folder, section="reasons")
    assert few.fleet.assessment is not None
    assert many.fleet.assessment is None
    assert many.html == few.html
    assert_reproduced(many)


def test_a_vm_judged_in_bulk_is_explained_from_its_records(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels_fleet, "FEW_BYTES", 0)
    panel = make(path=folder)
    for row in panel.selection.page(1)[:5]:
        found = panel.explain(row.id)
        assert found is not None
        assert found.verdicts == make().explain(row.id).verdicts  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_of_facts_are_read_and_their_vms_opened(tmp_path: Path, form: str) -> None:
    facts = {"vm_id": ["a", "b"], "os_family": ["linux", "windows"], "location": ["x", "y"]}
    if form == "csv":
        lines = [",".join(facts), *map(",".join, zip(*facts.values(), strict=True))]
        (tmp_path / "vms.csv").write_text("\n".join(lines))
    else:
        pq.write_table(pa.table(facts), tmp_path / "vms.parquet")
    panel = make(path=tmp_path, vm="b")
    assert names(panel) == ["a", "b"]
    assert "There is no record of this VM" in panel.html
    assert_reproduced(panel)


def test_files_are_read_again_when_asked(folder: Path) -> None:
    panel = make(path=folder)
    panel.controls["verdict"].value = "unknown"
    (folder / "vms.json").write_text(json.dumps([sample_vm("plain-linux")]))
    panel.controls["again"].click()
    assert panel.result.summary.vms == 1
    assert panel.controls["verdict"].value == "unknown"


def upload(*files: tuple[str, bytes]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "name": name,
            "type": "",
            "size": len(one),
            "content": memoryview(one),
            "last_modified": datetime(2026, 11, 22, tzinfo=UTC),
        }
        for name, one in files
    )


def test_uploaded_files_belong_together_and_stay_in_memory(panel: FleetPanel, folder: Path) -> None:
    files = [(name, (folder / name).read_bytes()) for name in ("vms.json", "disks.json")]
    panel.controls["upload"].value = upload(*files)
    assert panel.controls["source"].value == "uploads"
    assert counts(panel) == counts(make())
    assert panel.uploads == tuple(files)
    assert panel.call == "rp.FleetPanel(uploads=panel.uploads)"
    assert panel.controls["text"].value == ""
    assert_reproduced(panel)


def test_a_file_that_is_not_understood_is_named_as_it_was_uploaded() -> None:
    good, bad = ("vm.json", json.dumps(sample_vm("plain-linux")).encode()), ("notes.txt", b"hi")
    panel = make(uploads=[good, bad], section="problems")
    assert [problem.file for problem in panel.result.problems] == ["notes.txt"]
    assert "<code>notes.txt</code>" in panel.html


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"value": 3}'])
def test_an_input_without_vms_says_what_is_needed(text: str) -> None:
    panel = make(text=text)
    assert "what az vm list prints is needed" in panel.html
    assert not is_shown(panel, "verdict")
    assert_reproduced(panel)


def test_a_record_that_is_not_understood_is_told() -> None:
    panel = make(text=json.dumps([sample_vm("plain-linux"), 5]), section="problems")
    assert panel.result.problems
    assert "Not understood" in panel.html


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("sample", {"sample"}),
        ("path", {"path", "again"}),
        ("uploads", {"upload"}),
        ("text", {"text"}),
    ],
)
def test_only_the_controls_of_the_input_are_there(
    panel: FleetPanel, kind: str, shown: set[str]
) -> None:
    panel.controls["source"].value = kind
    everything = ("sample", "path", "again", "upload", "text")
    assert {name for name in everything if is_shown(panel, name)} == shown
    assert is_shown(panel, "verdict") is (kind == "sample")


def test_what_takes_long_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    told: list[tuple[float, str]] = []
    monkeypatch.setattr(panels_fleet._Waiting, "_MOMENT", -1.0)
    monkeypatch.setattr(panels_fleet._Waiting, "_BETWEEN", 0.0)
    panel = make()
    bar, said = panel._bar, panel._said
    said.observe(lambda change: told.append((bar.value, change["new"])), names="value")
    for few in (panels_fleet.FEW_BYTES, 0):
        monkeypatch.setattr(panels_fleet, "FEW_BYTES", few)
        told.clear()
        panel.controls["path"].value = str(folder)
        panel.controls["source"].value = "path"
        assert panel.fault is None
        assert told[0][1] == "Reading …"
        assert any("60" in text for _, text in told)
        assert all(0 <= share <= 1 for share, _ in told)
        assert panel._waiting.layout.display == "none"
        panel.controls["source"].value = "sample"


# --- files to take along ---------------------------------------------------------------------


def link(panel: FleetPanel) -> tuple[str, bytes]:
    """Give the name and the content of the file that a link saves."""
    assert panel.fault is None
    found = re.search(r'href="data:[^;]+;base64,([^"]+)" download="([^"]+)"', panel._file.value)
    assert found is not None, panel._file.value
    return found[2], base64.b64decode(found[1])


FILES: list[tuple[str, str, Callable[[bytes], bool]]] = [
    ("csv", "verdicts.csv", lambda one: one.startswith(b"vm_id,vm_name,mode,verdict,")),
    ("xlsx", "verdicts.xlsx", lambda one: one.startswith(b"PK")),
    ("parquet", "verdicts.parquet", lambda one: one.startswith(b"PAR1")),
    ("html", "fleet.html", lambda one: one.startswith(b"<!doctype html>")),
]


@pytest.mark.parametrize(("form", "name", "fits"), FILES)
def test_a_file_is_handed_over_in_a_link(
    panel: FleetPanel, form: str, name: str, fits: Callable[[bytes], bool]
) -> None:
    panel.controls["form"].value = form
    panel.controls["write"].click()
    told, content = link(panel)
    assert told == name
    assert fits(content)
    assert "base64" not in panel.html  # a stored notebook must not hold it


def test_a_file_holds_what_the_filters_leave(panel: FleetPanel) -> None:
    panel.controls["mode"].value = "crash"
    panel.controls["verdict"].value = VERDICTS[1]
    panel.controls["write"].click()
    _, content = link(panel)
    assert content.decode().count("\n") == 1 + len(panel.selection)
    assert f"{len(panel.selection)} VMs" in panel._file.value


def test_a_file_that_no_browser_would_save_is_told_with_the_other_way(
    panel: FleetPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels_fleet, "MOST_TO_DOWNLOAD", 10)
    panel.controls["write"].click()
    assert "too many for a browser" in panel._file.value
    assert "assess_files" in panel._file.value


# --- where there is no NumPy -----------------------------------------------------------------

BARE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "pyarrow", "pandas", "msgspec", "openpyxl"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import importlib.util
real = importlib.util.find_spec
absent = {"numpy", "pyarrow", "pandas", "msgspec", "openpyxl"}
importlib.util.find_spec = lambda name, *more: None if name in absent else real(name, *more)
"""
SAME = """
import rpmatrix as rp
panel = rp.FleetPanel(60, section="reasons", verdict="unknown", sort="name")
for control, value in (("section", "what_first"), ("section", "regions"), ("page", 1)):
    panel.controls[control].value = value
print(panel.fault)
print([one for _, one in panel.controls["form"].options], file=sys.stderr)
for path in sys.argv[1:]:
    panel.controls["path"].value = path
    panel.controls["source"].value = "path"
    print(panel.fault, panel.html)
"""


def test_a_kernel_without_numpy_and_pandas_gives_the_same(folder: Path) -> None:
    def run(code: str) -> tuple[str, str]:
        answer = subprocess.run(
            [sys.executable, "-c", code, str(folder), str(folder / "v*.json")],
            check=True,
            capture_output=True,
            text=True,
        )
        return answer.stdout, answer.stderr.strip().splitlines()[-1]

    (there, all_forms), (bare, few_forms) = run("import sys" + SAME), run(BARE + SAME)
    assert bare == there
    assert bare.startswith("None\nNone ")
    assert eval(all_forms) == ["csv", "xlsx", "parquet", "html"]
    assert eval(few_forms) == ["csv", "html"]
