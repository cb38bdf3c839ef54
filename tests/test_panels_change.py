"""The panel on change, driven without a browser."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from overlays import write_overlay
from test_drift import CHANGES, article, statements_of
from test_panels import assert_reproduced, widgets_in

from rpmatrix.article.drift import KINDS, drift
from rpmatrix.authoring.impact import impact, matrix_of
from rpmatrix.inventory.inventory import read_inventory
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES, OVERLAYS, Matrix
from rpmatrix.panels import change as panels_change
from rpmatrix.panels.change import WhatChangedPanel
from rpmatrix.view import report_change

DAY = "2026-11-22"


def texts(panel: WhatChangedPanel) -> str:
    """What the view says, without markup."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", panel.html))


def set_to(panel: WhatChangedPanel, **values: Any) -> None:
    for name, value in values.items():
        panel.controls[name].value = value


# --- two states of the tables ---------------------------------------------------------------------


def test_the_newer_edition_is_what_opens_and_the_call_opens_it_again() -> None:
    panel = WhatChangedPanel()
    assert (panel.before.layers, panel.after.layers) == (("seed",), ("seed", "newer-edition"))
    assert panel.call == "rp.WhatChangedPanel()"
    assert "No verdict changes; other caveats for 1 of 29 VMs" in texts(panel)
    assert_reproduced(panel)


def test_the_samples_are_judged_by_both_and_the_numbers_add_up() -> None:
    panel = WhatChangedPanel("public-sources", before_day=DAY, after_day=DAY)
    found = panel.impact
    assert {
        (one.vm_name, one.before.verdict, one.after.verdict) for one in found.of_kind("verdict")
    } == {
        ("sap-01", "supported", "exclude_disks"),
        ("file-01", "unknown", "not_supported"),
    }
    told = texts(panel)
    assert f"Another verdict for 2 of {len(found.inventory.vms)} VMs" in told
    assert "sap-01 in rg-write-accelerated-log" in told
    assert "Disk with Write Accelerator" in told
    drawings = re.findall(r'<svg[^>]*aria-label="([^"]*)"', panel.html)
    assert len(drawings) == len(MODES)
    for mode, drawing in zip(MODES, drawings, strict=True):
        counted = sum(count for (one, _, _), count in found.counts.items() if one == mode)
        assert sum(map(int, re.findall(r"(\d+) VMs?", drawing))) == counted
    assert_reproduced(panel)


@pytest.mark.parametrize(
    ("arguments", "layers"),
    [
        ({"after": "newer-edition + public-sources"}, ("seed", "newer-edition", "public-sources")),
        ({"after": "base"}, ("seed",)),
        ({"after": '  "public-sources" '}, ("seed", "public-sources")),
    ],
)
def test_tables_are_named_by_their_layers(
    arguments: Mapping[str, str], layers: tuple[str, ...]
) -> None:
    panel = WhatChangedPanel(**arguments)
    assert panel.fault is None
    assert panel.after.layers == layers


def test_a_folder_is_named_as_an_overlay(tmp_path: Path) -> None:
    folder = write_overlay(
        tmp_path / "house rules", {"scenarios": [{"like": "ppg", "crash": "not_supported"}]}
    )
    panel = WhatChangedPanel(str(folder))
    assert panel.after.layers == ("seed", "house rules")
    assert "ppg" in {row for one in panel.impact.of_kind("verdict") for row in one.rows}
    assert_reproduced(panel)


def test_overlays_of_the_environment_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    together = "newer-edition + public-sources"
    monkeypatch.setenv(OVERLAYS, os.pathsep.join(together.split(" + ")))
    panel = WhatChangedPanel()
    assert together in {value for _, value in panel.controls["before"].options}
    assert panel.before.layers == ("seed",)  # they count where they are named


def test_the_calendar_alone_may_change_a_verdict() -> None:
    panel = WhatChangedPanel("public-sources", before="public-sources", after_day=DAY)
    assert not panel.impact.of_kind("verdict")
    set_to(panel, before_day=panels_change._day("2023-10-01"))
    (change,) = panel.impact.of_kind("verdict")
    assert (change.before.verdict, change.after.verdict) == ("supported", "not_supported")
    assert panel.state["before_day"] == "2023-10-01"
    assert "as of 2023-10-01" in texts(panel)
    assert_reproduced(panel)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("after", "no-such-overlay", "no overlay has that name"),
        ("before", "no/such/folder", "is not a folder"),
        ("after", "newer-edition + newer-edition", "two layers are called newer-edition"),
        ("after", "2026-01-01 + 2026-02-02", "two days are named"),
        ("after", "2026-13-45", "Tables after"),
        ("after", " ", "name a folder"),
    ],
)
def test_tables_that_are_not_there_are_told_in_the_panel(name: str, value: str, told: str) -> None:
    panel = WhatChangedPanel()
    before = panel.html
    set_to(panel, **{f"{name}_other": value, name: "other"})
    assert told in texts(panel)
    assert "fault of rpmatrix" not in panel.html
    panel.controls[name].value = "newer-edition" if name == "after" else "base"
    assert panel.html == before


def test_whatever_a_callback_raises_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = WhatChangedPanel()

    def fail(*_: object, **__: object) -> str:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(panels_change, "impact", fail)
    set_to(panel, after="public-sources")
    assert isinstance(panel.fault, ZeroDivisionError)
    assert "This is a fault of rpmatrix" in panel.html


# --- whose VMs ------------------------------------------------------------------------------------


def test_an_inventory_takes_the_place_of_the_samples(tmp_path: Path) -> None:
    for name in ("write-accelerated-log", "plain-linux"):
        (tmp_path / f"{name}.json").write_text(json.dumps(sample_vm(name)), encoding="utf-8")
    (tmp_path / "broken.json").write_text("no JSON", encoding="utf-8")
    panel = WhatChangedPanel("public-sources", path=tmp_path)
    assert len(panel.inventory.vms) == 2
    assert "Another verdict for 1 of 2 VMs" in texts(panel)
    assert "broken.json" in texts(panel)
    assert_reproduced(panel)
    set_to(panel, source="none")
    assert len(panel.inventory.vms) == len(sample_names())


def test_pasted_vms_are_judged_and_no_vm_is_said() -> None:
    text = json.dumps(sample_vm("write-accelerated-log"))
    panel = WhatChangedPanel("public-sources", text=text)
    assert "Another verdict for 1 of 1 VM" in texts(panel)
    set_to(panel, text="")
    assert "Name the VMs to judge" in texts(panel)
    assert panel.call == ""


def test_a_large_inventory_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(panels_change, "TOLD_EVERY", 10)
    monkeypatch.setattr(WhatChangedPanel, "_say", lambda self, message: told.append(message))
    WhatChangedPanel()
    assert told == ["Judged 10 of 29 VMs by both \u2026", "Judged 20 of 29 VMs by both \u2026"]


def test_strict_and_answers_bear_on_both() -> None:
    answered = WhatChangedPanel(
        "public-sources", answers={"extended_security_updates": "not_reached"}, after_day=DAY
    )
    strict = WhatChangedPanel("public-sources", strict=True, after_day=DAY)
    for panel in (answered, strict):
        assert_reproduced(panel)
    open_ones = {one.before.verdict for one in strict.impact.changes if one.vm_name == "file-01"}
    settled = {one.before.verdict for one in answered.impact.changes if one.vm_name == "file-01"}
    assert "unknown" in open_ones
    assert "unknown" not in settled


# --- a copy of the article ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lamps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay that holds an edition on lamps, as `test_drift` does."""
    rows = {
        "statements": statements_of(article(), "lamps"),
        "scenarios": [{"like": "ppg", "id": "lamps-on-mast", "statement_id": "lamps-10"}],
        "conditions": [{"like": "ppg-1", "id": "lamps-on-mast-1", "scenario_id": "lamps-on-mast"}],
        "steps": [
            {
                "like": "step-running",
                "id": f"step-lamps-{number}",
                "statement_id": f"lamps-{number}",
            }
            for number in range(1, 28)
            if number != 10
        ],
    }
    return write_overlay(tmp_path_factory.mktemp("lamps") / "lamps-edition", rows)


@pytest.fixture
def matrix(lamps: Path) -> Matrix:
    return matrix_of([str(lamps)])


def test_the_same_article_has_not_changed(lamps: Path) -> None:
    panel = WhatChangedPanel(before=str(lamps), article=article())
    assert panel.fault is None
    assert "The article has not changed" in texts(panel)
    assert "unchanged 27" in " ".join(texts(panel).split())
    assert_reproduced_with(panel)


def assert_reproduced_with(panel: WhatChangedPanel) -> None:
    """A long copy is named where it stands; a panel opened with it shows the same."""
    again = WhatChangedPanel(**panel.state)
    assert again.html == panel.html
    assert "panel.article" in panel.call or repr(panel.article) in panel.call


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_told_with_its_rows(name: str, lamps: Path) -> None:
    panel = WhatChangedPanel(before=str(lamps), article=CHANGES[name][0])
    assert panel.fault is None, name
    found = panel.drift
    assert found is not None
    told = texts(panel)
    for kind, count in found.counts.items():
        assert f"{report_change._KINDS_TOLD[kind][1]}  {count}" in told, kind
    for change in found.changes:
        for _, row_id in change.rows if change.kind != "unchanged" else ():
            assert row_id in told


def test_a_copy_is_taken_at_its_word_for_a_look_ahead(lamps: Path) -> None:
    text = article().replace("**Lamps on a mast** | Yes", "**Lamps on a mast** | No")
    panel = WhatChangedPanel(before=str(lamps), article=text)
    told = texts(panel)
    assert "What it means for VMs" in told
    assert "If the copy is taken at its word" in told
    assert "render-01" in told  # the sample in a proximity placement group
    assert "lamps-on-mast" in told
    more = text.replace(
        "**Lamps on a mast** | No", "**Sails of silk** | No\n**Lamps on a mast** | No"
    )
    panel.controls["article"].value = more
    assert "Not in this: rows that a person has to write" in texts(panel)
    assert "sails-of-silk" in texts(panel)


def test_a_copy_in_a_file_is_read_and_one_that_is_no_text_is_told(
    lamps: Path, tmp_path: Path
) -> None:
    (tmp_path / "article.md").write_text(article(), encoding="utf-8")
    (tmp_path / "article.docx").write_bytes(b"PK\x03\x04\xff\xfe\x00\x81")
    panel = WhatChangedPanel(before=str(lamps), article_path=tmp_path / "article.md")
    assert "The article has not changed" in texts(panel)
    assert_reproduced(panel)
    set_to(panel, article_path=str(tmp_path / "article.docx"))
    assert "article.docx is no text" in texts(panel) or "no statement" in texts(panel)
    set_to(panel, article_path=str(tmp_path / "gone.md"))
    assert "gone.md" in texts(panel)
    assert "fault of rpmatrix" not in panel.html
    set_to(panel, article_path="")
    assert "Name the file" in texts(panel)


def test_an_upload_becomes_the_copy(lamps: Path) -> None:
    panel = WhatChangedPanel(before=str(lamps), article="")
    assert "Paste a copy of the article" in texts(panel)
    uploaded = {
        "name": "article.md",
        "type": "text/markdown",
        "size": 1,
        "last_modified": datetime.now(UTC),
        "content": memoryview(article().encode()),
    }
    no_text = {**uploaded, "name": "article.docx", "content": memoryview(b"PK\xff\xfe\x81\x00")}
    panel.controls["article_upload"].set_trait("value", (no_text,))
    assert panel.fault is not None
    assert "fault of rpmatrix" not in panel.html
    panel.controls["article_upload"].set_trait("value", (uploaded,))
    assert panel.controls["article_upload"].value == ()
    assert panel.article == article()
    assert "The article has not changed" in texts(panel)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# A heading alone", "no statement in this text"),
        ("# Cooking\n\nBoil water.\n\n- Salt\n", "This is hardly a copy of the article"),
    ],
)
def test_a_text_that_is_no_copy_changes_nothing(text: str, told: str) -> None:
    panel = WhatChangedPanel(article=text)
    assert told in texts(panel)
    assert "fault of rpmatrix" not in panel.html
    assert "What it means for VMs" not in texts(panel)


def test_a_copy_that_is_cut_off_says_what_was_not_seen(lamps: Path) -> None:
    whole = article()
    panel = WhatChangedPanel(before=str(lamps), article=whole[: whole.index("## Makes")])
    told = texts(panel)
    assert "The copy is cut off" in told
    assert panel.drift is not None
    assert f"not seen  {len(panel.drift.unseen)}" in told
    assert "Statement 27" in told


# --- the overlay to begin with --------------------------------------------------------------------


def test_nothing_is_written_unless_it_was_allowed() -> None:
    assert not {"write", "overlay_folder"} & {*WhatChangedPanel(article="").controls}


def test_an_overlay_is_begun_in_a_new_folder_alone(lamps: Path, tmp_path: Path) -> None:
    text = CHANGES["yes to no"][0]
    panel = WhatChangedPanel(before=str(lamps), article=text, may_write=True)
    button = panel.controls["write"]
    button.click()
    assert "Name a new folder" in texts(panel)
    folder = tmp_path / "later"
    set_to(panel, overlay_folder=str(folder))
    button.click()
    assert panel.fault is None
    written = sorted(path.name for path in folder.iterdir())
    assert "about.json" in written
    assert all(name in texts(panel) for name in written)
    assert f'rpmatrix check "{folder}"' in texts(panel)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    button.click()
    assert "choose a new folder" in texts(panel)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    set_to(panel, overlay_folder=str(folder / "about.json"))
    button.click()
    assert "fault of rpmatrix" not in panel.html
    assert panel.fault is not None


@pytest.mark.parametrize("text", ["", "# Cooking\n\nBoil water.\n\n- Salt\n"])
def test_no_overlay_is_begun_for_what_is_no_copy(text: str, tmp_path: Path) -> None:
    panel = WhatChangedPanel(article=text, may_write=True)
    panel.controls["overlay_folder"].value = str(tmp_path / "later")
    panel.controls["write"].click()
    assert panel.fault is not None
    assert "fault of rpmatrix" not in panel.html
    assert not (tmp_path / "later").exists()


# --- controls -------------------------------------------------------------------------------------


def test_every_control_has_a_label_and_can_be_reached() -> None:
    panel = WhatChangedPanel(may_write=True)
    for name, control in panel.controls.items():
        assert control.description, name
        assert control in widgets_in(panel), name
    kinds = [type(widget) for widget in widgets_in(panel)]
    assert kinds.count(widgets.HTML) == 1
    assert isinstance(panel.children[-1], widgets.HTML)


@pytest.mark.parametrize("compared", ["tables", "article", "article_path"])
def test_only_what_is_compared_has_controls(compared: str) -> None:
    panel = WhatChangedPanel(may_write=True)
    panel.controls["compared"].value = compared
    shown = {name for name, one in panel.controls.items() if one.layout.display != "none"}
    assert {"compared", "before", "before_day", "source", "strict"} <= shown
    assert ("after" in shown) == (compared == "tables")
    assert ("article" in shown) == (compared == "article")
    assert ("article_path" in shown) == (compared == "article_path")
    assert ("write" in shown) == (compared != "tables")
    assert "vm" not in shown


def test_two_copies_or_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="one copy of the article"):
        WhatChangedPanel(article="a", article_path="b")
    with pytest.raises(ValueError, match="one input"):
        WhatChangedPanel(sample="plain-linux", path="b")


# --- the pages ------------------------------------------------------------------------------------


def test_every_kind_of_change_has_a_sign_and_a_word_of_its_own() -> None:
    told = report_change._KINDS_TOLD
    assert {*KINDS} < {*told}
    assert len({sign for sign, _, _ in told.values()}) == len(told)
    assert len({words for _, words, _ in told.values()}) == len(told)


def test_nothing_of_a_copy_enters_a_page_as_markup(matrix: Matrix) -> None:
    text = article(rows=(("**<script>alert(1)</script> & co**", "No <b>x</b>"),))
    assert "<script>" not in report_change.article(drift(text, matrix))


def test_a_verdict_keeps_its_share_in_the_drawing() -> None:
    steps = {("supported", "supported"): 9_990, ("supported", "not_supported"): 10}
    drawing = report_change._flow_chart("crash", steps)
    heights = [float(one) for one in re.findall(r'height="([\d.]+)"', drawing)]
    assert heights[0] == pytest.approx(report_change._HIGH)
    assert heights[1] == pytest.approx(report_change._HIGH * 0.999, abs=0.1)
    assert heights[2] >= 1.5  # seen, however few
    assert "10 ✕ not supported (+10)" in drawing


def test_what_changes_many_verdicts_is_told_once() -> None:
    few = impact(matrix_of(["base"]), matrix_of(["public-sources"]))
    assert "What changes most verdicts" not in report_change.impact(few)
    vms = [sample_vm("write-accelerated-log") for _ in range(20)]
    for number, record in enumerate(vms):
        renamed = json.dumps(record).replace("sap-01", f"sap-{number}")
        vms[number] = json.loads(renamed)
    many = impact(few.before, few.after, read_inventory(*vms))
    told = html.unescape(re.sub(r"<[^>]*>", " ", report_change.impact(many)))
    assert "What changes most verdicts" in told
    assert told.count("20 VMs") >= 2
