"""Answers to the cards of the workshop: how they are read, which are right, and why.

The right answer is not stored anywhere. It is computed by the same functions that answer for a real
VM, from the records of the card. What a wrong answer shows is a row of the table
``misconceptions``, which holds the hint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rpmatrix.common.displayed import Displayed
from rpmatrix.common.words import plural, word
from rpmatrix.eligibility.assessment import Verdict, assess
from rpmatrix.inventory.inventory import read_inventory
from rpmatrix.matrix.matrix import Citation, Matrix
from rpmatrix.matrix.schema import SEPARATOR, Row
from rpmatrix.matrix.titles import limit, row_title
from rpmatrix.planning.copies import CopyAnswer, CopyLine, copy_of
from rpmatrix.planning.durations import decimal, parse_duration, parse_retention
from rpmatrix.planning.encryption import EncryptionLine, encryption_of
from rpmatrix.planning.errors import look_up
from rpmatrix.planning.schedule import POINTS_FACT, LimitLine, Schedule, schedule_of
from rpmatrix.workshop.cards import Exercise, ExerciseError, disk_key, lettered

# Schedules of cards begin then, so that an answer does not hang on the day of the workshop.
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Marked(Displayed):
    """An answer, marked.

    Attributes
    ----------
    exercise : Exercise
        The card.
    given, right : tuple of str
        The answer that was given and the right one, as ids of choices or as a number.
    explanation : tuple of str
        Why the right answer is right, sentence by sentence.
    rows : tuple of str
        The rows that say so.
    misconception : str
        The row of ``misconceptions`` that fits a wrong answer; empty if the answer is right.
    title, hint : str
        Its words: what to remember, and where to look again.
    """

    exercise: Exercise
    given: tuple[str, ...]
    right: tuple[str, ...]
    explanation: tuple[str, ...]
    rows: tuple[str, ...]
    misconception: str = ""
    title: str = ""
    hint: str = ""

    @property
    def correct(self) -> bool:
        """Whether the answer is the right one."""
        return self.given == self.right

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Who says so."""
        matrix = self.exercise.matrix
        return tuple(one for row in self.rows for one in matrix.citations(row))

    def __repr__(self) -> str:
        told = "right" if self.correct else f"wrong ({self.misconception or 'no hint'})"
        return f"Marked({self.exercise.number}: {told}; {', '.join(self.given) or 'nothing'})"


@dataclass(frozen=True, slots=True)
class Score:
    """How somebody did on a set of cards.

    Attributes
    ----------
    cards, answered, right, at_once : int
        Cards in the set; of these answered; answered rightly at last; rightly at the first attempt.
    misconceptions : tuple of str
        Rows of ``misconceptions`` that wrong answers showed, each once.
    """

    cards: int
    answered: int
    right: int
    at_once: int
    misconceptions: tuple[str, ...]


# --------------------------------------------------------------------------- marking


def mark_answer(card: Exercise, answer: str | int | Iterable[str]) -> Marked:
    """Mark an answer to a card: compare it with the one that the matrix gives.

    Parameters
    ----------
    card : Exercise
        The card.
    answer : str, int or iterable of str
        The id of a choice, its letter or its text, or a number; capitals, signs and blanks do not
        count. Where several may be chosen, an iterable of them, or a text that parts them by
        ``|``, a comma, a blank or ``and``; an empty one, and ``none``, means none of them.

    Raises
    ------
    ExerciseError
        If the card has no such choice, or the number is none.
    """
    given = _given(card, answer)
    solved = solve(card)
    if given == solved.right:
        return Marked(card, given, solved.right, solved.explanation, solved.rows)
    found = _misconception(card.matrix, card.kind, solved, given)
    return Marked(
        card,
        given,
        solved.right,
        solved.explanation,
        solved.rows,
        found.id if found else "",
        found["title"] if found else "",
        found["hint"] if found else "",
    )


def score_of(
    cards: Sequence[Exercise], attempts: Mapping[int, Sequence[str | int | Iterable[str]]]
) -> Score:
    """Count how somebody did.

    Parameters
    ----------
    cards : sequence of Exercise
        The set.
    attempts : mapping of int to sequence
        All answers to each card, by its number, in their order.

    Raises
    ------
    ExerciseError
        If an answer is none that its card has.
    """
    by_card = [
        [mark_answer(card, answer) for answer in attempts.get(card.number, ())] for card in cards
    ]
    answered = [found for found in by_card if found]
    shown = [one.misconception for found in answered for one in found if one.misconception]
    return Score(
        len(cards),
        len(answered),
        sum(found[-1].correct for found in answered),
        sum(found[0].correct for found in answered),
        tuple(dict.fromkeys(shown)),
    )


# --------------------------------------------------------------------------- reading an answer


def _given(card: Exercise, answer: str | int | Iterable[str]) -> tuple[str, ...]:
    if card.form == "number":
        told = answer if isinstance(answer, (str, int)) else "".join(answer)
        unit = f"{re.escape(card.unit.removesuffix('s'))}s?|{card.unit[0]}"
        number = re.fullmatch(rf"\s*(\d{{1,9}})\s*(?:{unit})?\.?\s*", str(told), re.IGNORECASE)
        if not number:
            raise ExerciseError(f"write a whole number of {card.unit}, not {str(told)[:40]!r}")
        return (str(int(number[1])),)
    if isinstance(answer, str):
        parts = _parts(card, answer)
    elif isinstance(answer, int):
        parts = [str(answer)]
    else:
        parts = list(answer)
    chosen = {_choice(card, part) for part in parts}
    if card.form == "one" and len(chosen) != 1:
        raise ExerciseError("choose one answer first")
    return tuple(choice.id for choice in card.choices if choice.id in chosen)


_BETWEEN: Final = (re.escape(SEPARATOR), r"(?i)[|,;&+]|\s+and\s+", r"(?i)[|,;&+\s]+(?:and\s+)?")
"""What may part the choices of an answer; a name or a text may hold a comma or a blank itself."""


def _parts(card: Exercise, answer: str) -> list[str]:
    """Part an answer, in the first way in which the card has all of its parts."""
    if card.form != "several":
        return [answer] if answer.strip() else []
    ways = [
        [part for part in re.split(between, answer.strip()) if part.strip()] for between in _BETWEEN
    ]
    known = (way for way in ways if all(_known(card, part) for part in way))
    if (way := next(known, None)) is not None:
        return way
    return [] if _bare(answer) in _NONE_OF_THEM else ways[0]


_NONE_OF_THEM: Final = ("none", "none of them")


def _choice(card: Exercise, part: str) -> str:
    found = _known(card, str(part))
    if not found:
        offered = ", ".join(f"{letter} ({choice.id})" for letter, choice in lettered(card))
        raise ExerciseError(f"this card has no answer {str(part)[:60]!r}; it has {offered}")
    return found


def _known(card: Exercise, part: str) -> str:
    """Give the id of the choice that a text means, or an empty text."""
    named = [(choice.id, (choice.id, choice.text, letter)) for letter, choice in lettered(card)]
    for written in (_folded, _bare):
        wanted = written(part)
        for choice, names in named:
            if wanted and wanted in map(written, names):
                return choice
    return ""


def _folded(text: str) -> str:
    return text.strip().lower()


def _bare(text: str) -> str:
    """Leave out what does not tell two answers apart: signs, brackets, case, blanks."""
    return re.sub(r"[\W_]+", " ", text).strip().lower()


# --------------------------------------------------------------------------- right answers


@dataclass(frozen=True, slots=True)
class Solved:
    """The solution of a card.

    Attributes
    ----------
    right : tuple of str
        The right answer, as ids of choices or as a number; one empty text if it is not known.
    explanation : tuple of str
        Why it is right, sentence by sentence.
    rows : tuple of str
        The rows that say so.
    names : callable
        Tells what an answer, given or right, is called in ``misconceptions``.
    """

    right: tuple[str, ...]
    explanation: tuple[str, ...]
    rows: tuple[str, ...]
    names: Callable[[tuple[str, ...]], frozenset[str]]


def solve(card: Exercise) -> Solved:
    """Solve a card with the functions that answer for a real VM."""
    return _SOLVERS[card.kind](card)


def _itself(answer: tuple[str, ...]) -> frozenset[str]:
    return frozenset(answer)


def _misconception(matrix: Matrix, kind: str, solved: Solved, given: tuple[str, ...]) -> Row | None:
    """Find what a wrong answer shows: first what is said for certain rows, then what for all."""
    shown, meant = solved.names(given), solved.names(solved.right)
    fitting = [
        row
        for row in matrix.table("misconceptions")
        if row["kind"] == kind
        and (not row["given"] or shown & set(row.members("given")))
        and (not row["right"] or meant & set(row.members("right")))
        and (not row["row_ids"] or set(solved.rows) & set(row.members("row_ids")))
    ]

    def vague(row: Row) -> tuple[bool, bool, bool, str]:
        return not row["row_ids"], not row["given"], not row["right"], row.id

    return min(fitting, key=vague, default=None)


def the_verdict(card: Exercise) -> Verdict:
    """Give the verdict on the VM of a card in the mode of the card."""
    return next(one for one in card.assessment.verdicts if one.mode == card.mode)


def _rows_of(verdict: Verdict) -> tuple[str, ...]:
    rows = (*verdict.reasons, *(row for disk in verdict.exclude_disks for row in disk.rows))
    return tuple(dict.fromkeys(rows))


def _solve_verdict(card: Exercise) -> Solved:
    verdict = the_verdict(card)
    return Solved((verdict.verdict,), _because(card, verdict), _rows_of(verdict), _itself)


def _because(card: Exercise, verdict: Verdict) -> tuple[str, ...]:
    said = [f"In {verdict.mode} consistency the verdict is: {word(verdict.verdict)}."]
    if verdict.verdict == "unknown":
        best, worst = word(verdict.ceiling), word(verdict.floor)
        said.append(f"At best it is {best}, at worst {worst}.")
        said += [f"It is not known: {_lower(one.title)}." for one in verdict.missing]
    if verdict.verdict == "not_supported":
        said += [f"Against it stands: {_titled(card, (row,))}." for row in verdict.reasons]
    said += [
        f"Must be left out: {disk.label}, because of: {_titled(card, disk.rows)}."
        for disk in verdict.exclude_disks
    ]
    if verdict.verdict == "supported":
        said.append("No row stands against it.")
    if verdict.caveats:
        said.append(
            f"To mind besides: {_titled(card, verdict.caveats)}. This does not change the verdict."
        )
    return tuple(dict.fromkeys(said))


def _titled(card: Exercise, rows: Iterable[str]) -> str:
    return "; ".join(row_title(card.matrix, row) for row in rows)


def _lower(title: str) -> str:
    """Begin a title in lower case, unless it is an abbreviation."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _solve_exclude(card: Exercise) -> Solved:
    verdict = the_verdict(card)
    gone = {disk_key(disk.id, disk.label) for disk in verdict.exclude_disks}
    right = tuple(choice.id for choice in card.choices if choice.id in gone)
    return Solved(right, _because(card, verdict), _rows_of(verdict), _against(right))


def _against(right: tuple[str, ...]) -> Callable[[tuple[str, ...]], frozenset[str]]:
    """Name a choice of several by how it differs from the right one."""

    def names(given: tuple[str, ...]) -> frozenset[str]:
        found = set()
        if set(right) - set(given):
            found.add("missing")
        if set(given) - set(right):
            found.add("extra")
        # What is missing weighs more: the request would fail.
        return frozenset({"missing"} if "missing" in found else found)

    return names


def _the_copy(card: Exercise) -> CopyAnswer:
    return copy_of(
        card.assessment,
        card.assessment.inventory.vms[0],
        target_region=card.given["target_region"],
        client=card.given["client"],
        mode=card.mode or None,
    )


def _solve_copy(card: Exercise) -> Solved:
    found = _the_copy(card)
    said = [f"The copy is: {word(found.answer)}."]
    deciding = [line for line in found.lines if line.rows[0] in found.reasons]
    if found.answer == "supported_with_caveat":
        said.append(f"{plural(len(deciding), 'row')} say what to mind; none refuses it.")
    if found.answer != "supported_with_caveat":
        unsure = "It is not known whether this applies: " if found.answer == "unknown" else ""
        said += [f"{unsure}{line.text.rstrip('.')}." for line in deciding]
    said += [
        f"It is not known: {_lower(one.title)}."
        for one in found.questions
        if found.answer == "unknown" and set(one.rows) & set(found.reasons)
    ]
    return Solved((found.answer,), tuple(dict.fromkeys(said)), found.reasons, _itself)


def _solve_key(card: Exercise) -> Solved:
    key, rows, said = _key(card)
    return Solved((key,), said, rows, _itself)


def _key(card: Exercise) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Say what encrypts the copy of a disk; the key is empty if that is not known.

    What the copy loses comes from :func:`rpmatrix.planning.copies.copy_of`; storage is encrypted
    with a platform key at least, so what is lost leaves that.
    """
    copied = _the_copy(card)
    vm = card.assessment.inventory.vms[0]
    of_disk = next(
        one
        for one in encryption_of(card.assessment, vm)
        if disk_key(one.disk_id, one.disk) == card.given["disk"]
    )
    gone = next(
        (one for one in copied.left_out if disk_key(one.id, one.label) == card.given["disk"]), None
    )
    if of_disk.impossible:
        lines = of_disk.impossible
        return "none", _cited(lines), ("There is no restore point: " + lines[0].text + ".",)
    if gone:
        said = f"{gone.label} is left out of the restore point, so no copy holds it."
        return "none", gone.rows, (said,)
    if copied.answer == "not_supported":
        reasons = [one.text for one in copied.lines if one.rows[0] in copied.reasons]
        return "none", copied.reasons, ("There is no copy.", *reasons)
    if copied.answer == "unknown" or of_disk.customer_key is None:
        return "", copied.reasons, ()
    if card.given["named"] == "yes":
        lines = of_disk.copied_chosen
        return "named", _cited(lines), tuple(one.text for one in lines)
    lost = [one for one in copied.losses if of_disk.disk in one.disks and one.topic == "encryption"]
    lines = of_disk.copied
    key = "platform" if lost or of_disk.customer_key == "no" else "source"
    return key, _cited(lines), tuple(one.text for one in lines)


def _cited(lines: Iterable[EncryptionLine | CopyLine]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row for line in lines for row in line.rows))


def the_schedule(card: Exercise) -> Schedule:
    """Give the schedule that a card asks about."""
    asked = card.given
    return schedule_of(
        assess(
            read_inventory(list(card.records)),
            card.matrix,
            answers={POINTS_FACT: str(int(asked["existing"]) + 1)},
        ),
        card.assessment.inventory.vms[0],
        application_every=_length(asked["application_every"]),
        crash_every=_length(asked["crash_every"]),
        crash_after=_length(asked["crash_after"]) or timedelta(0),
        retention=parse_retention(asked["retention"]),
        start=_START,
    )


def _length(text: str) -> timedelta | None:
    return parse_duration(text) if text else None


def _solve_schedule(card: Exercise) -> Solved:
    found = the_schedule(card)
    if card.form == "number":
        largest = found.largest_retention
        days = int(largest.days) if largest else 0
        rows = largest.rows if largest else ()
        said = (
            f"Each day brings {decimal(found.per_day)} restore points of both modes"
            f" together, and {card.given['existing']} are there already and stay.",
            f"Kept for {days} days, they stay within the limit of {found.points_bound}; kept for a"
            " day longer, they do not.",
        )
        return Solved((str(days),), said, rows, _longer(days))
    broken = [line for line in found.limits if line.state == "exceeded"]
    right = tuple(one.id for one in card.choices if one.id in {line.row for line in broken})
    kept = [line for line in found.limits if line.row in {one.id for one in card.choices}]
    sentences = tuple(_compared(card.matrix, line) for line in kept)
    rows = tuple(row for line in broken for row in line.rows) or tuple(line.row for line in kept)
    return Solved(right, sentences, rows, _against(right))


def _compared(matrix: Matrix, line: LimitLine) -> str:
    planned = "more and more" if line.planned is None else decimal(line.planned)
    state = "broken" if line.state == "exceeded" else "kept"
    allowed = limit(matrix.row(line.row))
    return f"{line.title}: {state}. Planned: {planned}; allowed: {allowed}."


def _longer(days: int) -> Callable[[tuple[str, ...]], frozenset[str]]:
    def names(given: tuple[str, ...]) -> frozenset[str]:
        number = int(given[0])
        return frozenset({"too_long"} if number > days else {"too_short"} if number < days else ())

    return names


def _solve_error(card: Exercise) -> Solved:
    found = look_up(card.given["pasted"], card.matrix)
    match = found.certain[0]
    right = card.matrix.row(match.row)
    said = (match.meaning, match.action)

    def names(given: tuple[str, ...]) -> frozenset[str]:
        row = card.matrix.row(given[0])
        if row.id == right.id:
            return frozenset({right["kind"]})
        same = set(row.members("code")) & set(right.members("code"))
        return frozenset({row["kind"], *(("same_code",) if same else ())})

    return Solved((right.id,), said, match.rows, names)


_SOLVERS: Final[Mapping[str, Callable[[Exercise], Solved]]] = {
    "verdict": _solve_verdict,
    "exclude": _solve_exclude,
    "copy": _solve_copy,
    "key": _solve_key,
    "schedule": _solve_schedule,
    "error": _solve_error,
}
