"""The panel of the workshop: one card at a time, an answer, a hint or the reason, and the score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import ipywidgets as widgets

from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.schema import SEPARATOR
from rpmatrix.panels.controls import check_box, choice, field, layout
from rpmatrix.panels.panels import Panel
from rpmatrix.view import report, report_exercises
from rpmatrix.view.markup import joined
from rpmatrix.workshop.answers import Marked, Score, mark_answer, score_of
from rpmatrix.workshop.cards import KINDS, Exercise, ExerciseError, kind_title, lettered
from rpmatrix.workshop.deal import CARDS, exercises

LONGEST_OPTION: Final = 90
"""A choice of more characters is cut in the list; the card shows it in full."""

Attempts = Mapping[int, str | Sequence[str]]


class ExercisePanel(Panel):
    """Solve the cards of a set, one at a time.

    The list of answers is one that opens, and several answers are boxes to tick, because those
    two can be worked with the keys that JupyterLab leaves to a panel: `Tab`, `Space` and `Enter`.

    Parameters
    ----------
    seed : int
        The same seed gives the same cards; a room agrees on one.
    count : int
        How many cards the set has.
    kinds : sequence of str
        Which kinds of cards, see :data:`rpmatrix.workshop.cards.KINDS`.
    number : int
        The card to show.
    answers : mapping of int to str or sequence of str, optional
        What was answered to each card so far, by its number: one answer, or all attempts in their
        order. Where a card asks for several choices, an answer parts them by ``|``.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.

    Raises
    ------
    rpmatrix.workshop.cards.ExerciseError
        If there is no such kind, card or answer.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        count: int = CARDS,
        kinds: Sequence[str] = KINDS,
        number: int = 1,
        answers: Attempts | None = None,
        matrix: Matrix | None = None,
    ) -> None:
        self._seed, self._count = seed, count
        self._kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        self._cards = exercises(seed, count, kinds=self._kinds, matrix=matrix)
        if not 1 <= number <= count:
            raise ExerciseError(f"there is no card {number}; the set has {count}")
        self._attempts: dict[int, list[str]] = {}
        self._answers: dict[str, widgets.Widget] = {}
        for one, given in (answers or {}).items():
            if not 1 <= one <= count:
                raise ExerciseError(f"there is no card {one}; the set has {count}")
            for answer in [given] if isinstance(given, str) else given:
                self._attempt(self._cards[one - 1], answer)
        controls: dict[str, widgets.Widget] = {
            "card": choice(
                "Card", [(self._line(one), one.number) for one in self._cards], value=number
            )
        }
        for name, label, tip in (
            ("check", "Check the answer", "Compare your answer with that of the matrix"),
            ("next", "Next card", "Show the next card; after the last one, the first"),
            ("reset", "Start again", "Forget all answers and show the first card"),
        ):
            controls[name] = widgets.Button(description=label, tooltip=tip, layout=layout())
        controls["check"].button_style = "primary"
        super().__init__(controls, matrix)
        self._question = widgets.HTML(layout=layout())
        self._answer_box = widgets.VBox([], layout=layout())
        buttons = [controls[name] for name in ("check", "next", "reset")]
        row = widgets.HBox(buttons, layout=widgets.Layout(flex_flow="row wrap"))
        self.children = [controls["card"], self._question, self._answer_box, row, self._view]
        self._watch(controls["card"], self._turn)
        controls["check"].on_click(lambda _: self._guarded(self._check)())
        controls["next"].on_click(lambda _: self._guarded(self._next)())
        controls["reset"].on_click(lambda _: self._guarded(self._reset)())
        self._guarded(self._turn)()

    # --- state

    @property
    def card(self) -> Exercise:
        """The card that is shown."""
        number: int = self._controls["card"].value
        return self._cards[number - 1]

    @property
    def marked(self) -> Marked | None:
        """The last answer to the card that is shown, marked; None if there is none yet."""
        attempts = self._attempts.get(self.card.number)
        return mark_answer(self.card, attempts[-1]) if attempts else None

    @property
    def score(self) -> Score:
        """How it went so far."""
        return score_of(self._cards, self._attempts)

    @property
    def html(self) -> str:
        """What the panel shows: the card, and below it what became of the answer."""
        shown: str = self._view.value
        return shown if self.fault else joined(self._question.value, shown)

    @property
    def controls(self) -> Mapping[str, widgets.Widget]:
        """The controls by name; those for the answer are ``answer``, or the id of each choice."""
        return {**super().controls, **self._answers}

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        state: dict[str, Any] = {"seed": self._seed}
        if self._count != CARDS:
            state["count"] = self._count
        if self._kinds != KINDS:
            state["kinds"] = self._kinds
        if self.card.number != 1:
            state["number"] = self.card.number
        if self._attempts:
            state["answers"] = {
                number: given[0] if len(given) == 1 else tuple(given)
                for number, given in sorted(self._attempts.items())
            }
        return state

    def _attempt(self, card: Exercise, answer: str | Iterable[str]) -> Marked:
        """Mark an answer and remember it; one that the card does not have is not remembered."""
        marked = mark_answer(card, answer)
        self._attempts.setdefault(card.number, []).append(SEPARATOR.join(marked.given))
        return marked

    # --- what happens when a control changes

    def _turn(self) -> None:
        """Show another card."""
        card = self.card
        self._question.value = report_exercises.card(card)
        self._answers = self._answer_controls(card)
        self._answer_box.children = list(self._answers.values())
        self._refresh()

    def _answer_controls(self, card: Exercise) -> dict[str, widgets.Widget]:
        offered = lettered(card)
        if card.form == "number":
            named = f"Your answer in {card.unit}"
            return {"answer": field(named, "a whole number", continuous_update=True)}
        if card.form == "several":
            return {one.id: check_box(f"{letter} {one.text}") for letter, one in offered}
        options = [
            ("choose one", ""),
            *((_cut(f"{at} {one.text}"), one.id) for at, one in offered),
        ]
        return {"answer": choice("Your answer", options)}

    def _check(self) -> None:
        if self.card.form == "several":
            ticked = [name for name, box in self._answers.items() if box.value]
            given: str | list[str] = ticked
        else:
            given = self._answers["answer"].value
        try:
            self._attempt(self.card, given)
        except ExerciseError as fault:
            self._view.value = joined(report.error(str(fault)), report.foot(self.call))
            return
        self._label_cards()
        self._refresh()

    def _next(self) -> None:
        self._controls["card"].value = self.card.number % self._count + 1
        # So that a reader who works with keys is at the new card and not below it.
        self._controls["card"].focus()

    def _reset(self) -> None:
        self._attempts.clear()
        self._label_cards()
        if self.card.number == 1:
            self._turn()
        else:
            self._controls["card"].value = 1

    def _label_cards(self) -> None:
        """Tell in the list of cards which are solved, without turning to another one."""
        shown = self.card.number
        self._quiet = True
        listed = self._controls["card"]
        listed.options = [(self._line(one), one.number) for one in self._cards]
        listed.value = shown
        self._quiet = False

    def _line(self, card: Exercise) -> str:
        state = ""
        attempts = self._attempts.get(card.number)
        if attempts:
            right = mark_answer(card, attempts[-1]).correct
            state = " ✓ right" if right else " ✕ not yet right"
        return f"{card.number}. {kind_title(card.kind)}{state}"

    def render(self) -> str:
        """Give the HTML below the buttons: the marked answer and the score."""
        marked = self.marked
        return joined(
            report_exercises.marked(marked) if marked else "",
            report_exercises.scored(self.score, self.matrix),
        )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_OPTION else f"{text[: LONGEST_OPTION - 1]}…"
