"""The command that asks: the cards of the workshop in the shell."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from rpmatrix.cli.shell import (
    FINE,
    Page,
    Subcommand,
    UsageError,
    add_json,
    add_output,
    add_overlay,
    complain,
    count,
    fields_of,
    output,
    print_json,
    read_matrix,
    titled,
)
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.workshop.answers import Marked, Score, mark_answer, score_of
from rpmatrix.workshop.cards import (
    KINDS,
    Exercise,
    ExerciseError,
    kind_title,
    lettered,
    shown_by_records,
)
from rpmatrix.workshop.deal import CARDS, exercise, exercises

SHOWN_ROWS: Final = 3
"""How many of the rows behind an answer a page cites; it names the others."""

_NONE: Final = "none"
_SKIP: Final = ""
_SOLUTION: Final = "?"
_END: Final = "q"

_Read = TypeVar("_Read")
Attempts = dict[int, list[tuple[str, ...]]]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "card", nargs="?", type=int, metavar="CARD", help="which card of the set, from 1 on"
    )
    parser.add_argument(
        "--answer",
        metavar="ANSWER",
        help="mark this answer: a letter or several (A,C), none, an id, a number",
    )
    parser.add_argument(
        "--solution", action="store_true", help="show the right answer and its source"
    )
    parser.add_argument(
        "--records", action="store_true", help="print the records of its VM, for other commands"
    )
    parser.add_argument("--list", action="store_true", help="list the cards of the set")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed gives the same cards (default: 1)"
    )
    parser.add_argument(
        "--count", type=int, default=CARDS, help=f"cards in the set (default: {CARDS})"
    )
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        choices=KINDS,
        help="only cards of this kind; may be repeated",
    )
    add_json(parser)
    add_overlay(parser)
    add_output(parser)


def run_exercise(arguments: argparse.Namespace) -> int:
    """List cards, show or mark one, or ask them all."""
    about_one = {
        "--answer": arguments.answer is not None,
        "--solution": arguments.solution,
        "--records": arguments.records,
    }
    asked = [name for name, given in about_one.items() if given]
    if arguments.card is None and asked:
        raise UsageError(f"{asked[0]} is about one card; name it: rpmatrix exercise 1 {asked[0]}")
    if arguments.card is not None and arguments.list:
        raise UsageError("--list is about all cards; leave out the number of one")
    if arguments.records and len(asked) + arguments.json > 1:
        raise UsageError("--records prints JSON and nothing else; leave out the other options")
    matrix = read_matrix(arguments.overlay)
    kinds = arguments.kind or KINDS
    try:
        if arguments.card is not None:
            return _one(
                arguments, exercise(arguments.seed, arguments.card, kinds=kinds, matrix=matrix)
            )
        cards = exercises(arguments.seed, arguments.count, kinds=kinds, matrix=matrix)
    except ExerciseError as error:
        raise UsageError(str(error)) from None
    if arguments.list:
        return _listed(arguments, cards)
    if sys.stdin is None:
        raise UsageError("there is no standard input here; name a card, or --list")
    if sys.stdin.isatty() and not arguments.json and not arguments.output:
        return _asked(Page(sys.stdout), cards)
    return _read(arguments, cards)


# --- one card, and the list -----------------------------------------------------------------------


def _listed(arguments: argparse.Namespace, cards: Sequence[Exercise]) -> int:
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(_set_dict(cards) | {"cards": [_card_dict(one) for one in cards]}, stream)
            return FINE
        page = Page(stream)
        page.table(
            ("Card", "About", "Question"),
            [
                (
                    page.text(str(one.number), style="bold"),
                    page.text(kind_title(one.kind)),
                    page.text(one.question),
                )
                for one in cards
            ],
            keep=2,
        )
    return FINE


def _one(arguments: argparse.Namespace, card: Exercise) -> int:
    """Show a card; mark an answer to it; tell its solution."""
    given = arguments.answer
    marked = None if given is None else mark_answer(card, given)
    told = _solution(card) if arguments.solution or (marked and marked.correct) else None
    with output(arguments.output) as stream:
        if arguments.records:
            if not card.records:
                raise UsageError(f"card {card.number} is not about a VM, and has no records")
            print_json(list(card.records), stream)
        elif arguments.json:
            print_json(
                _set_dict([card])
                | {
                    "card": _card_dict(card),
                    "answer": _marked_dict(marked) if marked else None,
                    "solution": _solution_dict(told) if told else None,
                },
                stream,
            )
        else:
            page = Page(stream)
            if marked is None:
                _print_card(page, card)
            else:
                _print_marked(page, marked)
            if told:
                _print_solution(page, told)
            elif marked:
                page.prose("Answer again, or see the solution:")
                page.line(_call(arguments), indent=2)
    return FINE


def _call(arguments: argparse.Namespace) -> str:
    """Write the command that tells the solution of the same card."""
    call = ["rpmatrix", "exercise", f"{arguments.card}", "--seed", f"{arguments.seed}"]
    for name in ("kind", "overlay"):
        call += [part for value in getattr(arguments, name) for part in (f"--{name}", value)]
    return shlex.join([*call, "--solution"])


def _solution(card: Exercise) -> Marked:
    """Give the right answer to a card, marked: any answer brings it along."""
    if card.form == "number":
        marked = mark_answer(card, 0)
    else:
        marked = mark_answer(card, () if card.form == "several" else card.choices[0].id)
    return mark_answer(card, marked.right)


# --- a whole set ----------------------------------------------------------------------------------


def _asked(page: Page, cards: Sequence[Exercise]) -> int:
    """Ask one card after the other on a terminal, each until it is right, skipped or told."""
    attempts: Attempts = {}
    page.prose(
        f"{count(len(cards), 'card')}, seed {cards[0].seed}. Enter skips a card, {_SOLUTION} tells "
        f"its solution, {_END} ends."
    )
    for card in cards:
        page.rule()
        _print_card(page, card)
        if not _until_answered(page, card, attempts.setdefault(card.number, [])):
            break
    _print_score(page, cards, score_of(cards, attempts))
    return FINE


def _until_answered(page: Page, card: Exercise, attempts: list[tuple[str, ...]]) -> bool:
    """Ask until a card is done with; False if no more cards are wanted."""
    while True:
        sys.stdout.write(f"\n{_prompt(card)} ")
        sys.stdout.flush()
        line = _typed(sys.stdin.readline)
        text = line.strip()
        if not line or text.lower() == _END:
            if not line:
                page.blank()
            return False
        if text == _SKIP:
            return True
        if text == _SOLUTION:
            _print_solution(page, _solution(card))
            return True
        try:
            marked = mark_answer(card, text)
        except ExerciseError as error:
            page.prose(f"{error}")
            continue
        attempts.append(marked.given)
        _print_marked(page, marked)
        if marked.correct:
            _print_solution(page, marked)
            return True


def _prompt(card: Exercise) -> str:
    if card.form == "number":
        return f"Your answer in {card.unit}:"
    letters = [letter for letter, _ in lettered(card)]
    if card.form == "several":
        return f"Your answer, such as {','.join(letters[:2])}, or {_NONE}:"
    return f"Your answer, {letters[0]} to {letters[-1]}:"


def _read(arguments: argparse.Namespace, cards: Sequence[Exercise]) -> int:
    """Mark the answers that stand in the standard input, a line for each card."""
    if sys.stdin.isatty():
        complain("reading an answer a line from the keyboard; an empty line skips a card ...")
    attempts: Attempts = {}
    found: list[tuple[Exercise, Marked | None]] = []
    lines = _lines(len(cards))
    for card, text in zip(cards, lines, strict=False):
        try:
            marked = mark_answer(card, text) if text else None
        except ExerciseError as error:
            raise UsageError(f"line {card.number}: {error}") from None
        attempts[card.number] = [marked.given] if marked else []
        found.append((card, marked))
    if not found:
        raise UsageError(
            "no answer in the standard input; write a line for each card, name a card, or --list"
        )
    score = score_of(cards, attempts)
    with output(arguments.output) as stream:
        if arguments.json:
            answers = [_marked_dict(marked) for _, marked in found if marked]
            told = {"answers": answers, "score": _score_dict(cards, score)}
            print_json(_set_dict(cards) | told, stream)
            return FINE
        page = Page(stream)
        for card, marked in found:
            if marked:
                _print_marked(page, marked, label=f"{card.number}. {kind_title(card.kind)}: ")
            else:
                page.line(f"{card.number}. {kind_title(card.kind)}: skipped")
        _print_score(page, cards, score)
    return FINE


def _typed(read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except UnicodeDecodeError as error:
        raise UsageError(f"the standard input is no {error.encoding} text") from None


def _lines(most: int) -> Iterator[str]:
    lines = [line.strip() for line in _typed(sys.stdin.readlines)]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > most:
        raise UsageError(
            f"{count(len(lines), 'answer')} in the standard input for {count(most, 'card')}; "
            "see --count"
        )
    return iter(lines)


# --- pages ----------------------------------------------------------------------------------------


def _print_card(page: Page, card: Exercise) -> None:
    page.line(
        f"Card {card.number}, seed {card.seed}: {kind_title(card.kind).lower()}", style="bold"
    )
    page.prose(card.question)
    if "pasted" in card.given:
        page.block(card.given["pasted"], indent=4)
    page.entries((letter, choice.text) for letter, choice in lettered(card))
    shown = shown_by_records(card)
    if not shown:
        return
    page.heading(f"What the records show of {shown[0].label}")
    page.entries(shown[0].facts)
    for disk in shown[1:]:
        page.line(f"{disk.label}, {disk.place}", indent=2, style="bold")
        page.entries(disk.facts, indent=4)


def _print_marked(page: Page, marked: Marked, *, label: str = "") -> None:
    """Say whether an answer is right; if not, where to look again."""
    verdict, told = ("supported", "right") if marked.correct else ("not_supported", "not yet right")
    page.verdict_line(f"{label}{_answer_text(marked.exercise, marked.given)}  ", verdict, told)
    if marked.misconception:
        page.prose(f"{marked.title}. {marked.hint}", indent=2)


def _print_solution(page: Page, marked: Marked) -> None:
    """Say what is right, why, and who says so."""
    matrix = marked.exercise.matrix
    page.heading(f"Right is: {_answer_text(marked.exercise, marked.right)}")
    for sentence in marked.explanation:
        page.prose(sentence, indent=2)
    for row in marked.rows[:SHOWN_ROWS]:
        page.line(titled(matrix, row), indent=2, style="bold")
        for citation in matrix.citations(row):
            page.prose(f"{citation}, reviewed {citation.reviewed_on}", indent=4, style="dim")
    rest = marked.rows[SHOWN_ROWS:]
    if rest:
        page.prose(f"and {count(len(rest), 'more row')}: {', '.join(rest)}", indent=2)


def _answer_text(card: Exercise, answer: Sequence[str]) -> str:
    if card.form == "number":
        return f"{answer[0]} {card.unit}"
    texts = [f"{letter} {choice.text}" for letter, choice in lettered(card) if choice.id in answer]
    return ", ".join(texts) or "none of them"


def _print_score(page: Page, cards: Sequence[Exercise], score: Score) -> None:
    page.heading(f"{score.right} of {count(score.cards, 'card')} right")
    told = f"{score.at_once} of them at the first attempt; {score.answered} answered"
    page.prose(told if score.answered else "no card was answered", indent=2)
    if score.misconceptions:
        page.heading("To remember")
        for told in _misconceptions(cards, score, lambda row: row["title"]):
            page.prose(told, indent=2)


def _misconceptions(
    cards: Sequence[Exercise], score: Score, tell: Callable[[Any], Any]
) -> list[Any]:
    matrix: Matrix = cards[0].matrix
    return [tell(matrix.row(one, "misconceptions")) for one in score.misconceptions]


# --- the JSON contract ----------------------------------------------------------------------------


def _set_dict(cards: Sequence[Exercise]) -> dict[str, Any]:
    matrix = cards[0].matrix
    return {
        "matrix": matrix.to_dict(),
        "seed": cards[0].seed,
    }


def _card_dict(card: Exercise) -> dict[str, Any]:
    return {
        "number": card.number,
        "kind": card.kind,
        "question": card.question,
        "form": card.form,
        "unit": card.unit,
        "choices": [
            {"letter": letter, "id": choice.id, "text": choice.text}
            for letter, choice in lettered(card)
        ],
        "vm": card.vm,
        "mode": card.mode,
        "given": dict(card.given),
    }


def _marked_dict(marked: Marked) -> dict[str, Any]:
    return {
        "card": marked.exercise.number,
        "given": list(marked.given),
        "correct": marked.correct,
        "misconception": marked.misconception,
        "title": marked.title,
        "hint": marked.hint,
    }


def _solution_dict(marked: Marked) -> dict[str, Any]:
    return {
        "right": list(marked.right),
        "explanation": list(marked.explanation),
        "rows": list(marked.rows),
        "citations": {one.row_id: fields_of(one) for one in marked.citations},
    }


def _score_dict(cards: Sequence[Exercise], score: Score) -> dict[str, Any]:
    told = _misconceptions(cards, score, lambda row: {"id": row.id, "title": row["title"]})
    return fields_of(score) | {"misconceptions": told}


SUBCOMMANDS: Final = {
    "exercise": Subcommand(
        _arguments,
        run_exercise,
        """\
  rpmatrix exercise                            (asks the cards of a set)
  rpmatrix exercise --list --seed 7
  rpmatrix exercise 3 --seed 7
  rpmatrix exercise 3 --seed 7 --answer B
  rpmatrix exercise 3 --seed 7 --records | rpmatrix assess -
  cat answers.txt | rpmatrix exercise --seed 7 --json""",
        """
A card shows the records of a VM and a question. On a terminal the cards of a
set are asked one after the other; a wrong answer shows where to look again.
From a pipe one answer a line is read, an empty line skips a card. A right
answer is told only once it was given, or with --solution.""",
    ),
}
