"""Exercises: cards that a room shares, answers that the matrix gives, hints for what went wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix.common.words import word
from rpmatrix.panels.workshop import ExercisePanel
from rpmatrix.planning.copies import copy_of
from rpmatrix.planning.encryption import encryption_of
from rpmatrix.planning.errors import look_up
from rpmatrix.view import report_exercises
from rpmatrix.workshop.answers import Marked, Score, mark_answer, score_of, the_schedule
from rpmatrix.workshop.cards import KINDS, Exercise, ExerciseError, lettered, shown_by_records
from rpmatrix.workshop.deal import exercise, exercises

ROOT = Path(__file__).resolve().parents[1]
WORKSHOP = ROOT / "notebooks" / "95-workshop.ipynb"

MATRIX = rp.load_matrix()
SEEDS = range(1, 9)


@lru_cache(maxsize=1)
def cards() -> tuple[Exercise, ...]:
    return tuple(card for seed in SEEDS for card in exercises(seed, 24))


def of_kind(kind: str) -> list[Exercise]:
    return [card for card in cards() if card.kind == kind]


def answered(card: Exercise) -> Marked:
    """Any answer, marked: it brings the right one and its rows along."""
    return mark_answer(card, some_answer(card))


def right(card: Exercise) -> tuple[str, ...]:
    """The right answer, as the marking of any answer tells it."""
    return answered(card).right


def some_answer(card: Exercise) -> str:
    return {"number": "0", "several": "", "one": card.choices[0].id if card.choices else ""}[
        card.form
    ]


def every_answer(card: Exercise) -> Iterator[Marked]:
    """Every single choice; for a number some around the right one."""
    if card.form == "number":
        days = int(right(card)[0])
        yield from (mark_answer(card, one) for one in (0, days - 1, days, days + 1, 9999))
    else:
        yield from (mark_answer(card, [choice.id]) for choice in card.choices)
    if card.form == "several":
        yield mark_answer(card, [])
        yield mark_answer(card, [choice.id for choice in card.choices])


# --- cards -----------------------------------------------------------------------------------


def test_a_seed_gives_the_same_cards_in_another_process() -> None:
    code = (
        "from rpmatrix.workshop.deal import exercises\n"
        "for card in exercises(3, 12): print(card.question, card.choices, card.records)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    ours = [f"{one.question} {one.choices} {one.records}" for one in exercises(3, 12)]
    assert told.stdout.splitlines() == ours


def test_a_card_does_not_hang_on_how_many_there_are() -> None:
    assert exercises(5, 9)[6] == exercises(5, 7)[6] == exercise(5, 7)


def test_another_seed_gives_other_cards() -> None:
    assert len({exercises(seed, 6) for seed in SEEDS}) == len(SEEDS)


def test_kinds_take_turns() -> None:
    assert [card.kind for card in exercises(1, 8)] == [*KINDS, *KINDS[:2]]
    two = exercises(1, 4, kinds=("error", "verdict"))
    assert [card.kind for card in two] == ["error", "verdict", "error", "verdict"]


def test_no_card_of_a_set_comes_twice() -> None:
    for seed in SEEDS:
        texts = [
            (card.question, *card.choices, *card.given.values()) for card in exercises(seed, 24)
        ]
        assert len(set(texts)) == len(texts), seed


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("verdict", {"supported", "exclude_disks", "not_supported", "unknown"}),
        ("copy", {"supported_with_caveat", "not_supported", "unknown"}),
        ("key", {"platform", "named", "none"}),
    ],
)
def test_each_answer_is_right_on_some_card(kind: str, answers: set[str]) -> None:
    assert {one for card in of_kind(kind) for one in right(card)} == answers


def test_some_schedules_fit_and_some_disks_may_all_stay() -> None:
    for kind in ("exclude", "schedule"):
        assert {bool(right(card)) for card in of_kind(kind) if card.form == "several"} == {
            True,
            False,
        }


def test_cards_about_keys_ask_about_customer_keys() -> None:
    sources = Counter(
        one.customer_key
        for card in of_kind("key")
        for one in encryption_of(card.assessment, card.assessment.inventory.vms[0])
    )
    assert sources["yes"]
    assert sources["no"]


def test_a_card_does_not_show_its_answer() -> None:
    """What is only in the marking is nowhere on the card."""
    for card in cards():
        page = report_exercises.card(card)
        assert "Who says so" not in page
        if card.kind != "error":  # there the right meaning is one of those to choose
            assert mark_answer(card, right(card)).explanation[0] not in page


@pytest.mark.parametrize("arguments", [{"kinds": ("quiz",)}, {"kinds": ()}, {"number": 0}])
def test_a_card_that_there_is_not(arguments: dict[str, object]) -> None:
    with pytest.raises(ExerciseError, match=r"kind|counted"):
        exercise(1, **{"number": 1, **arguments})  # type: ignore[arg-type]
    with pytest.raises(ExerciseError):
        exercises(1, 0)


# --- answers ---------------------------------------------------------------------------------


def test_the_right_answer_is_that_of_the_functions_for_real_vms() -> None:
    for card in of_kind("verdict"):
        told = rp.assess(rp.read_inventory(list(card.records)), modes=[card.mode]).verdicts
        assert right(card) == (told[0].verdict,)
    for card in of_kind("copy"):
        told = copy_of(
            card.assessment,
            card.assessment.inventory.vms[0],
            target_region=card.given["target_region"],
            client=card.given["client"],
            mode="crash",
        )
        assert right(card) == (told.answer,)
    for card in of_kind("error"):
        assert right(card) == (look_up(card.given["pasted"], MATRIX).certain[0].row,)
    for card in of_kind("exclude"):
        (verdict,) = (one for one in card.assessment.verdicts if one.mode == card.mode)
        assert {one.label.lower() for one in verdict.exclude_disks} == set(right(card))


def test_the_matrix_decides_and_no_stored_answer(tmp_path: Path) -> None:
    """Another layer, another answer to the same card."""
    layer = tmp_path / "strange"
    layer.mkdir()
    about = {
        "owner": "A keeper",
        "purpose": "To forbid what is allowed.",
        "source": "A keeper's log",
        "date": "2026-11-22",
        "valid_until": "2099-01-01",
    }
    (layer / "about.json").write_text(json.dumps(about), encoding="utf-8")
    day = "2026-11-22"
    title = "Managed disk in a strange place,disk,not_supported,not_supported"
    (layer / "scenarios.csv").write_text(
        "id,statement_id,area,title,grain,application,crash,effect,caveat,remedy,repeats,source,"
        f"reviewed_on\nstrange,,disk,{title},,,,,A keeper's log,{day}\n",
        encoding="utf-8",
    )
    (layer / "conditions.csv").write_text(
        "id,scenario_id,clause,fact_id,operator,value,reviewed_on\n"
        f"strange-1,strange,1,storage,is,managed,{day}\n",
        encoding="utf-8",
    )
    strange = rp.load_matrix(layer)
    card = next(one for one in of_kind("verdict") if right(one) == ("supported",))
    assert right(Exercise(**{**plain(card), "matrix": strange})) == ("not_supported",)


def test_every_card_is_solved_by_one_answer_and_explained() -> None:
    for card in cards():
        told = mark_answer(card, right(card))
        assert told.correct
        assert told.hint == told.misconception == ""
        assert told.explanation
        assert all(sentence.endswith(".") for sentence in told.explanation), told.explanation
        assert told.rows
        assert {one.row_id for one in told.citations} >= set(told.rows)


def test_every_wrong_answer_gets_a_hint() -> None:
    for card in cards():
        for told in every_answer(card):
            assert told.correct == (told.given == told.right)
            assert bool(told.hint) != told.correct, (card, told)
            if not told.correct:
                assert MATRIX.row(told.misconception, "misconceptions")["kind"] == card.kind


def test_every_misconception_can_be_shown() -> None:
    shown = {told.misconception for card in cards() for told in every_answer(card)}
    # Both are there for layers: in the base no sample leaves them to be chosen.
    for seed in range(20, 60):
        if {row.id for row in MATRIX.table("misconceptions")} <= shown:
            break
        shown |= {told.misconception for card in exercises(seed, 24) for told in every_answer(card)}
    assert {row.id for row in MATRIX.table("misconceptions")} - shown == set()


@pytest.mark.parametrize(
    ("kind", "answer", "misconception", "title"),
    [
        ("exclude", "extra", "misc-left-out", "Excluded is not protected"),
        ("verdict", "supported", "misc-yes-in-one-mode", "A row with a yes is not a yes"),
        ("copy", "supported", "misc-succeeded-not-copied", "Succeeded is not copied"),
        ("verdict", "not_supported", "misc-unknown-not-no", "Unknown is not no"),
        ("key", "source", "misc-key-travels", "A customer key does not travel"),
        ("schedule", "extra", "misc-limit-is-kept-at-limit", "At the limit is within"),
    ],
)
def test_hints_for_what_people_get_wrong(
    kind: str, answer: str, misconception: str, title: str
) -> None:
    found = [
        told
        for card in of_kind(kind)
        for told in every_answer(card)
        if told.misconception == misconception
    ]
    assert found
    assert all(told.title.startswith(title) for told in found)
    if answer != "extra":
        assert {told.given for told in found} == {(answer,)}


def test_an_answer_is_an_id_a_letter_or_a_text() -> None:
    card = of_kind("verdict")[0]
    for letter, choice in lettered(card):
        given = {mark_answer(card, one).given for one in (letter, letter.lower(), choice.id)}
        assert given | {mark_answer(card, choice.text).given} == {(choice.id,)}
    days = next(card for card in cards() if card.form == "number")
    assert mark_answer(days, " 07 days").given == mark_answer(days, 7).given == ("7",)
    disks = of_kind("exclude")[0]
    both = [choice.id for choice in disks.choices]
    assert mark_answer(disks, "|".join(both)).given == mark_answer(disks, both[::-1]).given
    assert mark_answer(disks, "").given == ()


@pytest.mark.parametrize("written", ["{}", " {}. ", "({})", "{})", "'{}'", "**{}**"])
def test_signs_and_blanks_around_an_answer_do_not_count(written: str) -> None:
    card = of_kind("verdict")[0]
    for letter, choice in lettered(card):
        wordings = (letter, letter.lower(), choice.id.upper(), word(choice.id).split(" ", 1)[1])
        assert {mark_answer(card, written.format(one)).given for one in wordings} == {(choice.id,)}


@pytest.mark.parametrize("between", ["|", ",", ", ", " ", ";", " and ", ", and ", " & ", " AND "])
def test_several_answers_are_parted_as_people_do(between: str) -> None:
    disks = next(one for one in of_kind("exclude") if len(one.choices) > 2)
    for wordings in zip(*((letter, choice.id) for letter, choice in lettered(disks)), strict=True):
        assert len(mark_answer(disks, between.join(wordings[:2])).given) == 2
        assert len(mark_answer(disks, between.join(wordings)).given) == len(disks.choices)


def test_a_choice_that_holds_a_comma_is_one_answer() -> None:
    fits = next(one for one in of_kind("schedule") if one.form == "several")
    for _, choice in lettered(fits):
        assert mark_answer(fits, choice.text).given == (choice.id,)


@pytest.mark.parametrize("none", ["none", "NONE", "none of them.", "", " "])
def test_none_is_an_answer_where_several_may_be_chosen(none: str) -> None:
    assert mark_answer(of_kind("exclude")[0], none).given == ()


@pytest.mark.parametrize("written", ["12", " 12 ", "012", "12 days", "12 Day", "12d", "12."])
def test_a_number_may_have_its_unit(written: str) -> None:
    days = next(card for card in cards() if card.form == "number")
    assert mark_answer(days, written).given == ("12",)


def test_a_no_and_a_disk_that_is_left_out_have_their_reason_in_words() -> None:
    for card in (*of_kind("verdict"), *of_kind("exclude")):
        (verdict,) = (one for one in card.assessment.verdicts if one.mode == card.mode)
        said = " ".join(mark_answer(card, right(card)).explanation)
        rows = [row for disk in verdict.exclude_disks for row in disk.rows]
        if verdict.verdict == "not_supported":
            rows += verdict.reasons
        assert all(MATRIX.citation(row).title in said for row in rows)


def test_a_card_shows_what_is_kept_back_of_a_disk_where_a_rule_asks_for_it() -> None:
    """Whoever has only the card must see why a copy is open."""
    open_copies = [card for card in of_kind("copy") if right(card) == ("unknown",)]
    assert open_copies
    for card in open_copies:
        vm = card.assessment.inventory.vms[0]
        copied = copy_of(card.assessment, vm, mode="crash", **dict(card.given))
        asked = {one.title for one in copied.questions if set(one.rows) & set(copied.reasons)}
        shown = {name for one in shown_by_records(card) for name, value in one.facts}
        assert asked & shown


def test_a_hint_never_calls_vain_what_the_solution_advises() -> None:
    dealt = (exercise(seed, 1, kinds=["error"]) for seed in range(200))
    waits = next(card for card in dealt if right(card) == ("err-concurrent",))
    wrong = {told.misconception for told in every_answer(waits) if not told.correct}
    assert wrong == {"misc-one-at-a-time"}


@pytest.mark.parametrize(
    ("form", "answer", "told"),
    [
        ("one", "maybe", "no answer 'maybe'"),
        ("one", "", "choose one answer first"),
        ("one", ["A", "B"], "choose one"),
        ("several", "Z", "no answer 'Z'"),
        ("number", "soon", "whole number of days"),
        ("number", "-3", "whole number of days"),
        ("number", "", "whole number of days"),
    ],
)
def test_an_answer_that_there_is_not(form: str, answer: object, told: str) -> None:
    card = next(one for one in cards() if one.form == form)
    with pytest.raises(ExerciseError, match=told):
        mark_answer(card, answer)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=30), seed=st.integers(-(10**9), 10**9), number=st.integers(1, 30))
def test_any_text_is_an_answer_or_refused_in_words(text: str, seed: int, number: int) -> None:
    card = exercise(seed, number)
    try:
        told = mark_answer(card, text)
    except ExerciseError:
        assert text.strip().lower() not in {one.id for one in card.choices}
    else:
        assert told.correct or told.hint


def test_the_largest_number_of_days_fits_and_one_more_does_not() -> None:
    found = [card for card in of_kind("schedule") if card.form == "number"]
    assert found
    for card in found:
        days = int(right(card)[0])
        for kept, state in ((days, "within"), (days + 1, "exceeded")):
            asked = {**card.given, "retention": f"{kept}d"}
            planned = the_schedule(Exercise(**{**plain(card), "given": asked}))
            assert {line.state for line in planned.points} == {state}


def plain(card: Exercise) -> dict[str, Any]:
    return {name: getattr(card, name) for name in card.__dataclass_fields__}


# --- score -----------------------------------------------------------------------------------


def test_the_score_counts_first_and_last_answers() -> None:
    three = exercises(4, 3, kinds=("verdict",))
    wrong = next(one for one in ("supported", "unknown") if (one,) != right(three[1]))
    attempts = {1: [right(three[0])], 2: [wrong, right(three[1])]}
    score = score_of(three, attempts)
    assert (score.cards, score.answered, score.right, score.at_once) == (3, 2, 2, 1)
    assert score.misconceptions == (mark_answer(three[1], wrong).misconception,)
    assert score_of(three, {}) == Score(3, 0, 0, 0, ())


# --- panel -----------------------------------------------------------------------------------


def click(panel: ExercisePanel, name: str) -> None:
    panel.controls[name].click()
    assert panel.fault is None


def choose(panel: ExercisePanel, answer: tuple[str, ...]) -> None:
    for name, control in panel.controls.items():
        if name == "answer":
            control.value = answer[0]
        elif panel.card.form == "several" and name not in ("card", "check", "next", "reset"):
            control.value = name in answer
    click(panel, "check")


def test_every_card_can_be_solved_in_the_panel() -> None:
    panel = ExercisePanel(seed=3, count=12)
    for number in range(1, 13):
        assert panel.card.number == number
        assert panel.marked is None
        choose(panel, right(panel.card))
        assert panel.marked is not None
        assert panel.marked.correct
        assert "✓" in panel.html
        click(panel, "next")
    assert panel.card.number == 1
    assert panel.score == Score(12, 12, 12, 12, ())
    assert "12 of 12 right" in panel.html


def test_a_wrong_answer_shows_a_hint_and_hides_the_solution() -> None:
    panel = ExercisePanel(seed=3, kinds=("verdict",), count=2)
    wrong = next(one.id for one in panel.card.choices if (one.id,) != right(panel.card))
    choose(panel, (wrong,))
    assert panel.marked is not None
    assert panel.marked.hint in panel.html.replace("&#x27;", "'")
    before, _, after = panel.html.partition("<summary>The solution</summary>")
    assert panel.marked.explanation[0] not in before
    assert panel.marked.explanation[0] in after
    choose(panel, right(panel.card))
    assert panel.score.right == 1
    assert panel.score.at_once == 0


def test_start_again_forgets_everything() -> None:
    panel = ExercisePanel(seed=3, number=2, answers={1: "supported", 2: ""})
    assert panel.score.answered == 2
    click(panel, "reset")
    assert panel.card.number == 1
    assert panel.score.answered == 0
    assert panel.call == "rp.ExercisePanel(seed=3)"


def test_nothing_chosen_is_told_and_does_not_count() -> None:
    panel = ExercisePanel(seed=3)
    click(panel, "check")
    assert "choose one answer first" in panel.html
    assert panel.score.answered == 0


def test_the_call_opens_the_same_panel() -> None:
    panel = ExercisePanel(seed=8, count=5, kinds=("exclude", "verdict"))
    choose(panel, right(panel.card))
    click(panel, "next")
    choose(panel, (panel.card.choices[3].id,))
    choose(panel, (panel.card.choices[2].id,))
    again = eval(panel.call, {"rp": rp})
    assert again.html == panel.html
    assert again.call == panel.call
    assert again.score == panel.score


def test_a_panel_shows_the_card_without_a_kernel() -> None:
    panel = ExercisePanel(seed=8)
    bundle = panel._repr_mimebundle_()
    assert panel.card.question in bundle["text/html"]
    assert bundle["text/plain"] == "ExercisePanel(seed=8)"


def test_a_callback_that_raises_shows_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = ExercisePanel(seed=8)
    monkeypatch.setattr(report_exercises, "scored", lambda *_: 1 / 0)
    panel.controls["answer"].value = panel.card.choices[0].id
    panel.controls["check"].click()
    assert isinstance(panel.fault, ZeroDivisionError)
    assert "ZeroDivisionError" in panel.html
    assert "fault of rpmatrix" in panel.html


@pytest.mark.parametrize("state", [{"number": 99}, {"answers": {99: "supported"}}])
def test_a_panel_of_no_such_card(state: dict[str, object]) -> None:
    with pytest.raises(ExerciseError, match="no card 99; the set has 12"):
        ExercisePanel(seed=8, **state)  # type: ignore[arg-type]


def test_every_control_has_a_name() -> None:
    panel = ExercisePanel(seed=8)
    for _ in range(6):
        assert all(control.description for control in panel.controls.values())
        click(panel, "next")


# --- slides ----------------------------------------------------------------------------------


def test_the_workshop_becomes_slides_without_a_network(tmp_path: Path) -> None:
    path = tmp_path / "slides.html"
    tool = ROOT / "tools" / "export_slides.py"
    subprocess.run([sys.executable, str(tool), str(WORKSHOP), str(path)], check=True)
    page = path.read_text(encoding="utf-8")
    headings = [
        line
        for cell in json.loads(WORKSHOP.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
        for line in "".join(cell["source"]).splitlines()
        if line.startswith(("# ", "## "))
    ]
    assert page.count("<section") > len(headings) > 5
    assert all(f"{line.lstrip('# ')}</h" in page for line in headings)
    assert not re.findall(r"<script|<link|\bsrc=|@import|url\(", page)


# --- what the notes for a workshop promise ---------------------------------------------------


def sources(path: Path) -> list[str]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def minutes_of_sections() -> list[int]:
    heading = r"^## \d\. .* \((\d+) minutes\)$"
    found = re.findall(heading, "\n".join(sources(WORKSHOP)), re.MULTILINE)
    return [int(one) for one in found]


def test_the_agenda_takes_two_hours_and_agrees_with_the_notebook() -> None:
    notes = (ROOT / "docs" / "workshop.md").read_text(encoding="utf-8")
    agenda = re.findall(r"^\| (\d+) \| (\d):(\d\d) \| (.*?) \|", notes, re.MULTILINE)
    at = 0
    for minutes, hour, minute, _ in agenda:
        assert int(hour) * 60 + int(minute) == at
        at += int(minutes)
    assert at == 120
    planned = [int(minutes) for minutes, _, _, what in agenda if what.startswith("Section")]
    listed = re.findall(r"^\| \d \w+ \| (\d+) \|", notes, re.MULTILINE)
    assert planned == [int(one) for one in listed] == minutes_of_sections()


def test_the_minutes_of_the_workshop_add_up() -> None:
    told = re.search(r"\*\*Minutes:\*\* (\d+): five for how a card works", sources(WORKSHOP)[0])
    assert told
    assert int(told[1]) == 5 + sum(minutes_of_sections())


def test_the_first_notebook_lists_the_others_with_their_minutes() -> None:
    start, *others = sorted((ROOT / "notebooks").glob("*.ipynb"))
    row = r"^\| \[([\w-]+)\]\(\1\.ipynb\) \| .+ \| (\d+) \|$"
    listed = re.findall(row, "\n".join(sources(start)), re.MULTILINE)
    told = [
        (path.stem, minutes)
        for path in others
        for minutes in re.findall(r"\*\*Minutes:\*\* (\d+)", sources(path)[0])
    ]
    assert listed == told
    assert len(told) == len(others)
