"""Pages about the cards of the workshop: a card, a marked answer, a score.

The page of a card does not show its answer, and the answer stands nowhere in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from rpmatrix.common.words import plural
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.titles import row_title
from rpmatrix.view.markup import (
    Html,
    bullets,
    code,
    details,
    fragment,
    heading,
    page,
    paragraph,
    table,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import source_line
from rpmatrix.workshop.answers import Marked, Score
from rpmatrix.workshop.cards import Exercise, Shown, kind_title, lettered, shown_by_records


def card(found: Exercise) -> str:
    """Show a card: the question, what there is to choose, and what the records show.

    Parameters
    ----------
    found : Exercise
        The card. Its answer is not shown, and stands nowhere in the page.
    """
    return page(
        title(f"Card {found.number}: {kind_title(found.kind).lower()}"),
        paragraph(tag("strong", found.question)),
        tag("pre", found.given["pasted"], tabindex="0", aria_label="What the client prints")
        if "pasted" in found.given
        else None,
        tag(
            "ul",
            [
                tag("li", tag("strong", f"{letter} "), choice.text)
                for letter, choice in lettered(found)
            ],
            class_="rpm-choices",
        )
        if found.choices
        else None,
        _vm(found) if found.records else None,
    )


def _vm(found: Exercise) -> Html:
    vm, *disks = shown_by_records(found)
    rows = [[one.label, one.place, wide(_facts(one))] for one in disks]
    return fragment(
        [
            heading(f"What the records show of {vm.label}"),
            _facts(vm),
            table("Disks", ["Disk", "Place", "What is known"], rows),
            details(
                f"The records, {len(found.records)} in number, as Azure gives them",
                tag(
                    "pre",
                    json.dumps(list(found.records), indent=1),
                    tabindex="0",
                    aria_label="Records",
                ),
            ),
        ]
    )


def _facts(shown: Shown) -> Html:
    return bullets(fragment([tag("strong", f"{name}: "), value]) for name, value in shown.facts)


def marked(found: Marked) -> str:
    """Show a marked answer: whether it is right; then why, or else where to look again."""
    matrix = found.exercise.matrix
    if found.correct:
        return page(
            tag(
                "div",
                paragraph(_mark(right=True), " ", _answer_text(found.exercise, found.right)),
                role="status",
            ),
            _solution(found),
        )
    hint = matrix.row(found.misconception, "misconceptions") if found.misconception else None
    return page(
        tag(
            "div",
            paragraph(_mark(right=False), " ", _answer_text(found.exercise, found.given)),
            paragraph(tag("strong", f"{found.title}. "), found.hint) if hint else None,
            paragraph("Choose again, or open the solution."),
            role="status",
        ),
        details(
            "The solution",
            paragraph("Right is: ", _answer_text(found.exercise, found.right)),
            _solution(found),
        ),
    )


def _mark(*, right: bool) -> Html:
    symbol, word, colour = ("✓", "right", "yes") if right else ("✕", "not yet right", "no")
    return tag(
        "span",
        tag("span", symbol, aria_hidden="true"),
        " ",
        word,
        class_=f"rpm-badge rpm-{colour}",
    )


def _answer_text(card: Exercise, answer: Sequence[str]) -> Html:
    if card.form == "number":
        return tag("strong", f"{answer[0]} {card.unit}")
    texts = [f"{letter} {choice.text}" for letter, choice in lettered(card) if choice.id in answer]
    return tag("strong", ", ".join(texts) or "none of them")


def _solution(found: Marked) -> Html:
    matrix = found.exercise.matrix
    cards = [
        tag(
            "div",
            paragraph(tag("strong", row_title(matrix, row)), " ", code(row)),
            source_line(matrix, row),
            class_="rpm-card",
        )
        for row in found.rows
    ]
    shown, more = cards[:_SHOWN_ROWS], cards[_SHOWN_ROWS:]
    return fragment(
        [
            bullets(found.explanation),
            shown,
            details(plural(len(more), "more row"), more) if more else None,
        ]
    )


_SHOWN_ROWS: Final = 3
"""How many rows stand open below an explanation."""


def scored(found: Score, matrix: Matrix) -> str:
    """Show a score, and what to remember of what went wrong."""
    return page(
        paragraph(
            tag("strong", f"{found.right} of {found.cards} right"),
            f", {found.at_once} of them at the first attempt; {found.answered} answered.",
        )
        if found.answered
        else paragraph(f"{plural(found.cards, 'card')}, none answered yet."),
        details(
            f"To remember ({len(found.misconceptions)})",
            bullets(matrix.row(one, "misconceptions")["title"] for one in found.misconceptions),
        )
        if found.misconceptions
        else None,
    )
