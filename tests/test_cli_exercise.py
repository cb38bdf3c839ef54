"""The cards of the workshop in the shell: listed, shown, answered, asked one after the other."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from terminal import ROOT, Run, run_on_terminal, run_process
from terminal import run as run

from rpmatrix.workshop.answers import mark_answer
from rpmatrix.workshop.cards import KINDS, Exercise, lettered
from rpmatrix.workshop.deal import exercise, exercises

SEED = 7
CARDS = exercises(SEED, 12)


def right(card: Exercise) -> tuple[str, ...]:
    """The right answer, as the shell may be told it."""
    if card.form == "one":
        return mark_answer(card, card.choices[0].id).right
    return mark_answer(card, "0" if card.form == "number" else ()).right


def reason(card: Exercise) -> list[str]:
    """The sentences that only a solution tells."""
    offered = [choice.text for choice in card.choices]
    told = [one for one in mark_answer(card, right(card)).explanation if one not in offered]
    assert told
    return told


def typed(card: Exercise, answer: tuple[str, ...]) -> str:
    """An answer as a person types it: letters, none, a number."""
    if card.form == "number":
        return answer[0]
    letters = [letter for letter, choice in lettered(card) if choice.id in answer]
    return ",".join(letters) or "none"


def wrong(card: Exercise) -> str:
    if card.form == "number":
        return str(int(right(card)[0]) + 1)
    if card.form == "several":
        return typed(card, () if right(card) else (card.choices[0].id,))
    return typed(card, (next(one.id for one in card.choices if one.id not in right(card)),))


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a text into the standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


# --- one card, and the list -------------------------------------------------------------------


def test_the_list_holds_the_cards_of_the_set(run: Run) -> None:
    answer = run("exercise", "--list", "--seed", SEED, width=400)
    assert answer.code == 0
    for card in CARDS:
        assert re.search(rf"^{card.number} .*{re.escape(card.question)}$", answer.out, re.MULTILINE)
    told = json.loads(run("exercise", "--list", "--seed", SEED, "--json").out)
    assert [one["question"] for one in told["cards"]] == [card.question for card in CARDS]
    assert told["seed"] == SEED


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.number}-{card.kind}")
def test_a_card_shows_what_is_known_and_not_its_answer(run: Run, card: Exercise) -> None:
    answer = run("exercise", card.number, "--seed", SEED, width=2000)
    assert answer.code == 0
    assert card.question in answer.out
    for letter, choice in lettered(card):
        assert re.search(rf"^  {letter}  {re.escape(choice.text)}$", answer.out, re.MULTILINE)
    if card.records:
        assert f"What the records show of {card.vm}" in answer.out
    assert not any(sentence in answer.out for sentence in reason(card))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.number}-{card.kind}")
def test_a_right_answer_brings_the_reason_and_a_wrong_one_a_hint(run: Run, card: Exercise) -> None:
    call = ("exercise", card.number, "--seed", SEED)
    marked = mark_answer(card, right(card))
    fine = run(*call, "--answer", typed(card, right(card)), width=2000)
    assert "✓ right" in fine.out
    assert all(sentence in fine.out for sentence in marked.explanation)
    assert marked.rows[0] in fine.out

    missed = run(*call, "--answer", wrong(card), width=2000)
    hint = mark_answer(card, wrong(card) if card.form != "several" else _chosen(card)).hint
    assert "✕ not yet right" in missed.out
    assert hint in missed.out
    assert not any(sentence in missed.out for sentence in reason(card))
    assert f"rpmatrix exercise {card.number} --seed {SEED} --solution" in missed.out

    solved = run(*call, "--solution", width=2000)
    assert all(sentence in solved.out for sentence in marked.explanation)
    assert (missed.code, solved.code) == (0, 0)


def _chosen(card: Exercise) -> tuple[str, ...]:
    return () if wrong(card) == "none" else (card.choices[0].id,)


def test_the_told_command_deals_the_same_card(run: Run) -> None:
    card = exercise(SEED, 3, kinds=("copy", "error"))
    call = ("exercise", 3, "--seed", SEED, "--kind", "copy", "--kind", "error")
    out = run(*call, "--answer", wrong(card)).out
    told = out.strip().splitlines()[-1].split()
    assert card.choices
    solved = run(*told[1:], width=2000).out
    assert card.question in solved
    assert all(sentence in solved for sentence in mark_answer(card, right(card)).explanation)


def test_the_records_are_what_assess_reads() -> None:
    records = run_process("exercise", 1, "--seed", SEED, "--records")
    judged = json.loads(run_process("assess", "-", "--json", stdin=records.stdout).stdout)
    found = {one["mode"]: one["verdict"] for one in judged["verdicts"]}
    card = CARDS[0]
    assert card.kind == "verdict"
    assert (found[card.mode],) == right(card)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_can_be_chosen(run: Run, kind: str) -> None:
    told = json.loads(run("exercise", "--list", "--kind", kind, "--count", 3, "--json").out)
    assert [one["kind"] for one in told["cards"]] == [kind] * 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["0"], "counted from 1"),
        (["--list", "--count", "0"], "at least one card"),
        (["1", "--list"], "leave out the number"),
        (["--answer", "A"], "rpmatrix exercise 1 --answer"),
        (["--solution"], "rpmatrix exercise 1 --solution"),
        (["1", "--records", "--json"], "leave out the other options"),
        (["1", "--answer", "Z"], "this card has no answer 'Z'"),
        (["5", "--answer", "soon"], "write a whole number of days"),
        (["6", "--records"], "not about a VM"),
        (["--kind", "spelling"], "invalid choice: 'spelling'"),
        (["1", "--overlay", "not-there"], "not-there"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: list[str], told: str) -> None:
    answer = run("exercise", *arguments)
    assert answer.code == 2
    assert told in answer.err
    assert answer.out == ""


# --- from a pipe ------------------------------------------------------------------------------


def test_a_line_answers_a_card(run: Run, feed: Callable[[str], None]) -> None:
    lines = [typed(card, right(card)) for card in CARDS]
    lines[1] = ""
    lines[3] = wrong(CARDS[3])
    feed("\n".join(lines) + "\n\n")
    answer = run("exercise", "--seed", SEED)
    assert answer.code == 0
    assert answer.out.count("✓ right") == 10
    assert "2. Disks to leave out: skipped" in answer.out
    assert mark_answer(CARDS[3], wrong(CARDS[3])).title in answer.out
    assert "10 of 12 cards right" in answer.out
    assert "10 of them at the first attempt; 11 answered" in answer.out


def test_the_json_of_a_run_counts_up(run: Run, feed: Callable[[str], None]) -> None:
    feed("\n".join(wrong(card) if card.number % 2 else "" for card in CARDS))
    told = json.loads(run("exercise", "--seed", SEED, "--json").out)
    assert [one["card"] for one in told["answers"]] == [1, 3, 5, 7, 9, 11]
    assert {one["correct"] for one in told["answers"]} == {False}
    score = told["score"]
    assert (score["cards"], score["answered"], score["right"], score["at_once"]) == (12, 6, 0, 0)
    shown = {one["misconception"] for one in told["answers"]} - {""}
    assert {one["id"] for one in score["misconceptions"]} == shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no answer in the standard input"),
        ("\n\n", "no answer in the standard input"),
        ("Z\n", "line 1: this card has no answer 'Z'"),
        ("A\n" * 3, "3 answers in the standard input for 2 cards"),
    ],
)
def test_answers_that_do_not_fit_are_refused(
    run: Run, feed: Callable[[str], None], text: str, told: str
) -> None:
    feed(text)
    answer = run("exercise", "--count", 2)
    assert answer.code == 2
    assert told in answer.err
    assert answer.out == ""


def test_bytes_that_are_no_text_are_refused() -> None:
    answer = run_process("exercise", stdin=b"\xff\xfe\n")
    assert answer.returncode == 2
    assert b"rpmatrix: " in answer.stderr
    assert b"Traceback" not in answer.stderr


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(max_size=40), number=st.integers(1, 12))
def test_no_answer_ends_in_a_fault(run: Run, text: str, number: int) -> None:
    answer = run("exercise", number, "--seed", SEED, f"--answer={text}")
    assert answer.code in (0, 2)
    assert bool(answer.out) is (answer.code == 0)


# --- on a terminal ----------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run a set on a terminal where somebody types; give the exit code and all that is shown."""
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "200", "LINES": "50"}

    def call(*typed: str, count: int = len(CARDS)) -> tuple[int, str]:
        arguments = ("exercise", f"--seed={SEED}", f"--count={count}")
        return run_on_terminal(arguments, tmp_path, environment, "".join(typed))

    return call


def test_cards_are_asked_until_they_are_right(asked: Callable[..., Any]) -> None:
    first, second, third = CARDS[:3]
    code, shown = asked(
        *(f"{wrong(first)}\n", "ZZ\n", f"{typed(first, right(first))}\n"),
        *("\n", "?\n"),
        count=3,
    )
    assert code == 0
    assert shown.index("✕ not yet right") < shown.index("no answer 'ZZ'") < shown.index("✓ right")
    assert mark_answer(first, wrong(first)).title in shown
    assert "Your answer, such as A,B, or none:" in shown
    assert mark_answer(third, right(third)).explanation[0] in shown
    assert mark_answer(second, right(second)).explanation[0] not in shown
    assert "1 of 3 cards right" in shown
    assert "0 of them at the first attempt; 1 answered" in shown


@pytest.mark.parametrize("end", ["q\n", "Q\n", "\x04"])
def test_the_score_is_told_when_somebody_ends(asked: Callable[..., Any], end: str) -> None:
    code, shown = asked(f"{typed(CARDS[0], right(CARDS[0]))}\n", end)
    assert code == 0
    assert "1 of 12 cards right" in shown
    assert CARDS[2].question not in shown


# --- the JSON contract ------------------------------------------------------------------------


def test_every_key_of_the_json_is_documented(run: Run, feed: Callable[[str], None]) -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    part = text.partition("## Exercises")[2].partition("\n## ")[0]
    feed("A\n")
    told = [
        json.loads(run("exercise", *call, "--json").out)
        for call in (["--list"], ["1", "--answer", "A"], ["1", "--solution"], [])
    ]
    assert told[1]["answer"] is not None
    assert told[2]["solution"] is not None
    found: set[str] = set()
    for one in told:
        found |= _keys(one)
    assert {name for name in found if f"`{name}`" not in part} == set()
    assert {"right", "citations", "misconceptions", "letter", "hint"} <= found


def _keys(value: Any) -> set[str]:
    """The names of a JSON value but for data, and what all commands share."""
    if isinstance(value, list):
        return {name for one in value for name in _keys(one)}
    if isinstance(value, dict):
        inner = [one for name, one in value.items() if name not in ("citations", "given", "matrix")]
        return set(value) | _keys(inner)
    return set()


def test_json_tells_a_right_answer_only_when_it_was_given(run: Run) -> None:
    card = CARDS[0]
    call = ("exercise", 1, "--seed", SEED, "--json")
    assert json.loads(run(*call).out)["solution"] is None
    assert json.loads(run(*call, "--answer", wrong(card)).out)["solution"] is None
    for option in (["--solution"], ["--answer", typed(card, right(card))]):
        solution = json.loads(run(*call, *option).out)["solution"]
        assert tuple(solution["right"]) == right(card)
        assert set(solution["citations"]) >= set(solution["rows"])
