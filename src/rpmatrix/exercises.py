"""Exercises for a workshop: cards with a VM and a question, made from the matrix.

A card is made from a seed and its number, so everybody in a room who takes the same seed gets the
same cards. No answer is stored anywhere: it is computed by the same functions that answer for a
real VM, when it is asked for. What a wrong answer shows is a row of the table ``misconceptions``,
which holds the hint.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from rpmatrix import report
from rpmatrix.durations import decimal, parse_duration, parse_retention
from rpmatrix.eligibility import VERDICTS, Assessment, Verdict, assess
from rpmatrix.encryption import (
    ANSWERS,
    CLIENT,
    CopyAnswer,
    CopyLine,
    EncryptionLine,
    copy_of,
    encryption_of,
)
from rpmatrix.errors import look_up
from rpmatrix.facts import Reading
from rpmatrix.inventory import Disk, read_inventory
from rpmatrix.markup import (
    Html,
    bullets,
    code,
    details,
    fragment,
    heading,
    page,
    paragraph,
    plural,
    table,
    tag,
    title,
    wide,
    word,
)
from rpmatrix.matrix import MODES, Citation, Matrix, load_matrix
from rpmatrix.records import is_expression
from rpmatrix.report_matrix import source_line
from rpmatrix.samples import Record, sample_names, sample_vm
from rpmatrix.schedule import (
    LimitLine,
    Schedule,
    schedule_of,
)
from rpmatrix.tables import SEPARATOR, Row

KINDS: Final = ("verdict", "exclude", "copy", "key", "schedule", "error")
"""The kinds of cards: the verdict in a mode, which disks to leave out, whether the restore points
can be copied, which key the copy has, whether a schedule fits, and which error this is."""

KEYS: Final = ("platform", "source", "named", "none")
"""What may encrypt the copy of a disk."""

CARDS: Final = 12
"""How many cards a set has if nobody says otherwise: each kind twice."""

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# Schedules of cards begin then, so that an answer does not hang on the day of the workshop.
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ExerciseError(ValueError):
    """A card or an answer was asked for that there is not; the message says what there is."""


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose on a card.

    Attributes
    ----------
    id : str
        What an answer is made of.
    text : str
        What a person reads.
    """

    id: str
    text: str


@dataclass(frozen=True)
class Exercise:
    """One card.

    Attributes
    ----------
    seed, number : int
        What it was made from; the first card of a set has number 1.
    kind : str
        One of ``KINDS``.
    question : str
        What is asked.
    form : str
        How it is answered: ``one`` of the choices, ``several`` of them or none, or a ``number``.
    choices : tuple of Choice
        What there is to choose; empty for a number.
    unit : str
        The unit of a number.
    records : tuple of dict
        The records of the VM, as Azure gives them; empty if the card is not about a VM.
    mode : str
        The consistency mode that is asked for, empty if none is.
    given : mapping of str to str
        What else the question is about: a target region, a schedule, the text of an error.
    matrix : Matrix
        What decides.
    """

    seed: int
    number: int
    kind: str
    question: str
    form: str
    choices: tuple[Choice, ...]
    unit: str = ""
    records: tuple[Record, ...] = field(default=(), hash=False)
    mode: str = ""
    given: Mapping[str, str] = field(default_factory=dict, hash=False)
    matrix: Matrix = field(default_factory=load_matrix, repr=False, compare=False)

    @cached_property
    def assessment(self) -> Assessment:
        """The verdicts on the VM of the card."""
        return assess(read_inventory(list(self.records)), self.matrix)

    @property
    def vm(self) -> str:
        """The name of the VM, empty if the card is not about one."""
        return self.assessment.inventory.vms[0].name if self.records else ""

    def __repr__(self) -> str:
        return f"Exercise({self.number}: {self.kind}, {self.vm or 'no VM'}, seed {self.seed})"

    def _repr_html_(self) -> str:
        return card(self)


@dataclass(frozen=True, slots=True)
class Marked:
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

    def _repr_html_(self) -> str:
        return marked(self)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the records of a card show of its VM, or of one of the disks.

    Attributes
    ----------
    label, place : str
        The name, and what it is: ``VM``, ``OS disk`` or ``data disk, lun 0``.
    facts : tuple of (str, str)
        What is known, and what is kept back although a record could show it.
    """

    label: str
    place: str
    facts: tuple[tuple[str, str], ...]


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


# --------------------------------------------------------------------------- public functions


def exercise(
    seed: int, number: int, *, kinds: Sequence[str] = KINDS, matrix: Matrix | None = None
) -> Exercise:
    """Make one card.

    Parameters
    ----------
    seed : int
        The same seed gives the same cards, on every machine, with the same matrix.
    number : int
        Which card of the set, from 1 on. The kinds take turns.
    kinds : sequence of str
        Which kinds there are in the set, in their order.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.

    Raises
    ------
    ExerciseError
        If there is no such kind or number.
    """
    wanted = [kinds] if isinstance(kinds, str) else list(kinds)
    strange = [kind for kind in wanted if kind not in KINDS]
    if strange or not wanted:
        raise ExerciseError(f"there is no kind {strange[:1]}; the kinds are {', '.join(KINDS)}")
    if number < 1:
        raise ExerciseError(f"cards are counted from 1; there is no card {number}")
    kind = wanted[(number - 1) % len(wanted)]
    turn = (number - 1) // len(wanted)
    return _MAKERS[kind](_Deal(seed, number, kind, turn, matrix or load_matrix()))


def exercises(
    seed: int, count: int, *, kinds: Sequence[str] = KINDS, matrix: Matrix | None = None
) -> tuple[Exercise, ...]:
    """Make the first cards of a set; see :func:`exercise`.

    Raises
    ------
    ExerciseError
        If there is no such kind, or the count is below 1.
    """
    if count < 1:
        raise ExerciseError(f"a set has at least one card, not {count}")
    decides = matrix or load_matrix()
    return tuple(exercise(seed, one + 1, kinds=kinds, matrix=decides) for one in range(count))


def check_answer(card: Exercise, answer: str | int | Iterable[str]) -> Marked:
    """Compare an answer with that of the matrix.

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
    solved = _SOLVERS[card.kind](card)
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
        [check_answer(card, answer) for answer in attempts.get(card.number, ())] for card in cards
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
class _Solved:
    """The right answer, why, and what an answer is called in ``misconceptions``."""

    right: tuple[str, ...]
    explanation: tuple[str, ...]
    rows: tuple[str, ...]
    names: Callable[[tuple[str, ...]], frozenset[str]]
    """What an answer, given or right, is called there."""


def _itself(answer: tuple[str, ...]) -> frozenset[str]:
    return frozenset(answer)


def _misconception(
    matrix: Matrix, kind: str, solved: _Solved, given: tuple[str, ...]
) -> Row | None:
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


def _the_verdict(card: Exercise) -> Verdict:
    return next(one for one in card.assessment.verdicts if one.mode == card.mode)


def _rows_of(verdict: Verdict) -> tuple[str, ...]:
    rows = (*verdict.reasons, *(row for disk in verdict.exclude_disks for row in disk.rows))
    return tuple(dict.fromkeys(rows))


def _solve_verdict(card: Exercise) -> _Solved:
    verdict = _the_verdict(card)
    return _Solved((verdict.verdict,), _because(card, verdict), _rows_of(verdict), _itself)


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
    return "; ".join(report.row_title(card.matrix, row) for row in rows)


def _lower(title: str) -> str:
    """Begin a title in lower case, unless it is an abbreviation."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _solve_exclude(card: Exercise) -> _Solved:
    verdict = _the_verdict(card)
    gone = {_disk_key(disk.id, disk.label) for disk in verdict.exclude_disks}
    right = tuple(choice.id for choice in card.choices if choice.id in gone)
    return _Solved(right, _because(card, verdict), _rows_of(verdict), _against(right))


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


def _disk_key(disk_id: str | None, label: str) -> str:
    return (disk_id or label).rpartition("/")[2].lower()


def _the_copy(card: Exercise) -> CopyAnswer:
    return copy_of(
        card.assessment,
        card.assessment.inventory.vms[0],
        target_region=card.given["target_region"],
        client=card.given["client"],
        mode=card.mode or None,
    )


def _solve_copy(card: Exercise) -> _Solved:
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
    return _Solved((found.answer,), tuple(dict.fromkeys(said)), found.reasons, _itself)


def _solve_key(card: Exercise) -> _Solved:
    key, rows, said = _key(card)
    return _Solved((key,), said, rows, _itself)


def _key(card: Exercise) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Say what encrypts the copy of a disk; the key is empty if that is not known.

    What the copy loses comes from :func:`rpmatrix.encryption.copy_of`; storage is encrypted with
    a platform key at least, so what is lost leaves that.
    """
    copied = _the_copy(card)
    vm = card.assessment.inventory.vms[0]
    of_disk = next(
        one
        for one in encryption_of(card.assessment, vm)
        if _disk_key(one.disk_id, one.disk) == card.given["disk"]
    )
    gone = next(
        (one for one in copied.left_out if _disk_key(one.id, one.label) == card.given["disk"]), None
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


def _the_schedule(card: Exercise) -> Schedule:
    asked = card.given
    return schedule_of(
        assess(
            read_inventory(list(card.records)),
            card.matrix,
            answers={"restore_points_of_vm": str(int(asked["existing"]) + 1)},
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


def _solve_schedule(card: Exercise) -> _Solved:
    found = _the_schedule(card)
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
        return _Solved((str(days),), said, rows, _longer(days))
    broken = [line for line in found.limits if line.state == "exceeded"]
    right = tuple(one.id for one in card.choices if one.id in {line.row for line in broken})
    kept = [line for line in found.limits if line.row in {one.id for one in card.choices}]
    sentences = tuple(_compared(card.matrix, line) for line in kept)
    rows = tuple(row for line in broken for row in line.rows) or tuple(line.row for line in kept)
    return _Solved(right, sentences, rows, _against(right))


def _compared(matrix: Matrix, line: LimitLine) -> str:
    planned = "more and more" if line.planned is None else decimal(line.planned)
    state = "broken" if line.state == "exceeded" else "kept"
    allowed = report.limit(matrix.row(line.row))
    return f"{line.title}: {state}. Planned: {planned}; allowed: {allowed}."


def _longer(days: int) -> Callable[[tuple[str, ...]], frozenset[str]]:
    def names(given: tuple[str, ...]) -> frozenset[str]:
        number = int(given[0])
        return frozenset({"too_long"} if number > days else {"too_short"} if number < days else ())

    return names


def _solve_error(card: Exercise) -> _Solved:
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

    return _Solved((right.id,), said, match.rows, names)


_SOLVERS: Final[Mapping[str, Callable[[Exercise], _Solved]]] = {
    "verdict": _solve_verdict,
    "exclude": _solve_exclude,
    "copy": _solve_copy,
    "key": _solve_key,
    "schedule": _solve_schedule,
    "error": _solve_error,
}


# --------------------------------------------------------------------------- making cards

# Only the guest can tell, so a card about it would have no answer in its records.
_NO_CARD: Final = ("behind-a-proxy",)

_LOCATIONS: Final = ("westeurope", "northeurope", "uksouth", "eastus2", "southeastasia")

_TITLES: Final = {
    "verdict": "The verdict",
    "exclude": "Disks to leave out",
    "copy": "A copy in another region",
    "key": "The key after the copy",
    "schedule": "A schedule",
    "error": "An error",
}
_KEY_TEXTS: Final = {
    "platform": "a platform-managed key",
    "source": "the customer-managed key of the source disk",
    "named": "the key of the disk encryption set that the request names",
    "none": "none: the copy does not hold this disk, or there is no copy",
}


class _Deal:
    """What a card is made from: chance, which the seed decides, and the samples."""

    def __init__(self, seed: int, number: int, kind: str, turn: int, matrix: Matrix) -> None:
        self.seed, self.number, self.kind = seed, number, kind
        self.turn = turn
        self.matrix = matrix
        self.chance = random.Random(f"card {number} of {seed}")
        # What all cards of one kind have in common, so that they differ from each other.
        self._set = random.Random(f"{kind} of {seed}")
        self._before = 0  # cards of the set that had the wanted answer before this one

    def wanted(self, answers: Sequence[str]) -> str:
        """Give the answer that the card should have: over a set, all of them come."""
        order = list(answers)
        self._set.shuffle(order)
        answer = order[self.turn % len(order)]
        self._before = sum(order[turn % len(order)] == answer for turn in range(self.turn))
        return answer

    def first(
        self,
        cards: Iterable[Exercise],
        fits: Callable[[Exercise], bool],
        skip: int | None = None,
    ) -> Exercise:
        """Give a card that fits, and not of the samples that earlier cards of the set took.

        `skip` is how many these are; those with the same answer if it is left out. If none
        fits, which a layer can bring about, it is the last one made that has an answer.
        """
        others = []
        best = None
        samples = set()
        for made in cards:
            if not fits(made):
                others.append(made)
                continue
            best = made
            samples.add(re.sub(r"\d+", "", made.vm))
            if len(samples) > (self._before if skip is None else skip):
                break
        found = best or next((one for one in reversed(others) if _has_an_answer(one)), None)
        if found is None:
            raise ExerciseError("no sample makes such a card; choose other kinds")
        return found

    def vms(self) -> Iterator[list[Record]]:
        """Give varied samples, in the order of the set."""
        names = [name for name in sample_names() if name not in _NO_CARD]
        self._set.shuffle(names)
        for name in names * 2:
            records = sample_vm(name)
            inventory = read_inventory(records)
            if not inventory.problems and not is_expression(inventory.vms[0].name):
                skus = self.matrix.facts["disk_sku"].allowed_values
                yield _varied(records, self.chance, skus)

    def card(
        self,
        question: str,
        choices: Iterable[Choice] = (),
        *,
        form: str = "one",
        records: Sequence[Record] = (),
        **more: Any,
    ) -> Exercise:
        return Exercise(
            self.seed,
            self.number,
            self.kind,
            question,
            form,
            tuple(choices),
            records=tuple(records),
            matrix=self.matrix,
            **more,
        )


def _varied(records: list[Record], chance: random.Random, skus: Sequence[str]) -> list[Record]:
    """Give a sample another name, another region, and by chance other data disks."""
    name = str(records[0]["name"])
    numbered = re.fullmatch(r"(.*-)\d\d", name)
    text = json.dumps(records)
    if numbered:
        text = text.replace(name, f"{numbered[1]}{chance.randrange(11, 99)}")
    text = text.replace('"westeurope"', json.dumps(chance.choice(_LOCATIONS)))
    made: list[Record] = json.loads(text)
    own = {one["name"]: one for one in made if one["type"] == "Microsoft.Compute/disks"}
    for attached in made[0]["properties"]["storageProfile"]["dataDisks"]:
        managed = attached.get("managedDisk", {})
        if managed.get("storageAccountType") and chance.random() < 0.35:
            sku = managed["storageAccountType"] = chance.choice(skus)
            attached["caching"] = "None"  # which a disk of any SKU takes
            if attached["name"] in own:
                own[attached["name"]]["sku"] = {"name": sku}
        if attached["name"] in own and chance.random() < 0.1:
            own[attached["name"]]["properties"]["maxShares"] = 2
    return made


def _answered(card: Exercise, *wanted: str) -> bool:
    return _SOLVERS[card.kind](card).right in [(one,) for one in wanted]


def _has_an_answer(card: Exercise) -> bool:
    """Tell whether one of the choices is right: what is not known is none of them everywhere."""
    return "" not in _SOLVERS[card.kind](card).right


def _make_verdict(deal: _Deal) -> Exercise:
    wanted = deal.wanted(VERDICTS)
    choices = [Choice(one, word(one)) for one in VERDICTS]

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            for mode in deal.chance.sample(MODES, len(MODES)):
                question = f"What is the verdict for {_name(records)} in {mode} consistency?"
                yield deal.card(question, choices, records=records, mode=mode)

    return deal.first(made(), lambda card: _answered(card, wanted))


def _name(records: Sequence[Record]) -> str:
    return str(records[0]["name"])


def _make_exclude(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("exclude_disks", "exclude_disks", "supported"))

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            disks = read_inventory(records).vms[0].disks
            for mode in deal.chance.sample(MODES, len(MODES)):
                yield deal.card(
                    f"Which disks of {_name(records)} must be left out of a restore point in"
                    f" {mode} consistency? Choose none of them if all can stay.",
                    [Choice(_disk_key(one.id, one.label), one.label) for one in disks],
                    form="several",
                    records=records,
                    mode=mode,
                )

    def fits(card: Exercise) -> bool:
        return len(card.choices) > 1 and _the_verdict(card).verdict == wanted

    return deal.first(made(), fits)


def _make_copy(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("supported_with_caveat", "not_supported", "unknown"))
    choices = [Choice(one, word(one)) for one in ANSWERS]

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            target = deal.chance.choice(_LOCATIONS)
            client = deal.chance.choice(deal.matrix.facts[CLIENT].allowed_values)
            tool = _client(client)
            yield deal.card(
                f"{_name(records)} runs in {records[0]['location']}. May its crash-consistent"
                f" restore points be copied to {target}, with {tool}?",
                choices,
                records=records,
                mode="crash",
                given={"target_region": target, "client": client},
            )

    return deal.first(made(), lambda card: _answered(card, wanted))


def _client(client: str) -> str:
    return "the Azure portal" if client == "portal" else report.client_title(client)


def _make_key(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("platform", "none", "named", "platform of a customer"))
    choices = [Choice(one, _KEY_TEXTS[one]) for one in KEYS]

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            own = str(records[0]["location"])
            target = deal.chance.choice([one for one in _LOCATIONS if one != own])
            disks = read_inventory(records).vms[0].disks
            mode = deal.chance.choice(MODES)
            asked = [(disk, named) for disk in disks for named in ("yes", "no")]
            for disk, named in deal.chance.sample(asked, len(asked)):
                says = (
                    "names a disk encryption set of the target region for each disk"
                    if named == "yes"
                    else "says nothing of encryption"
                )
                yield deal.card(
                    f"A restore point of {_name(records)} in {mode} consistency is to be copied"
                    f" to {target} with Azure CLI. The request {says}. Which key encrypts the"
                    f" copy of the disk {disk.label}?",
                    choices,
                    records=records,
                    mode=mode,
                    given={
                        "target_region": target,
                        "client": "azure_cli",
                        "disk": _disk_key(disk.id, disk.label),
                        "named": named,
                    },
                )

    def fits(card: Exercise) -> bool:
        answer, _, of_customer = wanted.partition(" of a ")
        vm = card.assessment.inventory.vms[0]
        keys = {one.customer_key for one in encryption_of(card.assessment, vm)}
        return _answered(card, answer) and (not of_customer or keys == {"yes"})

    return deal.first(made(), fits)


def _make_schedule(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("broken", "days", "broken", "kept"))

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            for _ in range(4):
                yield _schedule_card(deal, records, number=wanted == "days")

    def fits(card: Exercise) -> bool:
        right = _SOLVERS["schedule"](card).right
        if wanted == "days":
            return int(right[0]) > 0 and _the_verdict_is_sure(card)
        return bool(right) == (wanted == "broken") and _the_verdict_is_sure(card)

    return deal.first(made(), fits, deal.turn)


def _the_verdict_is_sure(card: Exercise) -> bool:
    """Tell whether both modes are possible for the VM, so that it can have a schedule at all."""
    return all(one.verdict in ("supported", "exclude_disks") for one in card.assessment.verdicts)


def _schedule_card(deal: _Deal, records: Sequence[Record], *, number: bool) -> Exercise:
    chance = deal.chance
    asked = {
        "application_every": chance.choice(("2h", "3h", "4h", "6h", "12h", "24h")),
        "crash_every": chance.choice(("30m", "1h", "2h", "4h", "8h")),
        "crash_after": chance.choice(("", "15m", "30m")),
        "retention": chance.choice(("7d", "10d", "14d", "30d", "60d")),
        "existing": str(chance.randrange(0, 12) * 10),
    }
    if number:
        asked["retention"] = "forever"
    first = (
        f"the first of these {_spoken(asked['crash_after'])} after the other"
        if asked["crash_after"]
        else "the first of both at the same time"
    )
    start = (
        f"{_name(records)} is to have a restore point in application consistency every"
        f" {_spoken(asked['application_every'])} and one in crash consistency every"
        f" {_spoken(asked['crash_every'])}, {first}. It has {asked['existing']} restore points"
        " already, which stay."
    )
    if number:
        return deal.card(
            f"{start} For how many whole days, at most, can the new ones be kept so that their"
            " number never breaks the limit?",
            form="number",
            unit="days",
            records=records,
            mode="application",
            given=asked,
        )
    blank = deal.card("", form="several", records=records, given=asked)
    choices = [
        Choice(line.row, line.title) for line in _the_schedule(blank).limits if not line.question
    ]
    return deal.card(
        f"{start} Each new one is kept for {_spoken(asked['retention'])}. Which limits does"
        " this break? Choose none of them if it fits.",
        choices,
        form="several",
        records=records,
        mode="application",
        given=asked,
    )


def _spoken(length: str) -> str:
    return report.duration(parse_duration(length))


def _make_error(deal: _Deal) -> Exercise:
    matrix = deal.matrix
    rows = list(matrix.table("errors"))
    order = [row for row in rows if _is_told_by_its_text(matrix, row)]
    if not order:
        raise ExerciseError("no row of errors is known by its text alone; choose other kinds")
    right = matrix.row(deal.wanted([row.id for row in order]))
    # A row about the same rows means the same thing, and would be right too.
    others = []
    taken = {right["row_ids"]} - {""}
    deal.chance.shuffle(rows)
    for row in rows:
        if row.id != right.id and row["row_ids"] not in taken:
            others.append(row)
            taken |= {row["row_ids"]} - {""}
    codes = set(right.members("code"))
    others.sort(key=lambda row: not codes & set(row.members("code")))
    chosen = [right, *others[:2], *others[2:][-1:]]
    deal.chance.shuffle(chosen)
    return deal.card(
        "A client prints this. What does it mean?",
        [Choice(row.id, row["meaning"]) for row in chosen],
        given={"pasted": _printed(right)},
    )


def _printed(row: Row) -> str:
    """Write an error down as a client does."""
    code = next(iter(row.members("code")), "")
    words = next(iter(row.members("message_fragment")), "")
    return f"ERROR: ({code}) … {words} …" if code and words else f"ERROR: {code or words}"


def _is_told_by_its_text(matrix: Matrix, row: Row) -> bool:
    found = look_up(_printed(row), matrix).certain
    return [one.row for one in found] == [row.id]


_MAKERS: Final[Mapping[str, Callable[[_Deal], Exercise]]] = {
    "verdict": _make_verdict,
    "exclude": _make_exclude,
    "copy": _make_copy,
    "key": _make_key,
    "schedule": _make_schedule,
    "error": _make_error,
}


# --------------------------------------------------------------------------- for people


def lettered(card: Exercise) -> tuple[tuple[str, Choice], ...]:
    """Give the choices of a card, each with the letter that people call it by."""
    return tuple(zip(LETTERS, card.choices, strict=False))


def kind_title(kind: str) -> str:
    """Say what a kind of card is about."""
    return _TITLES[kind]


def shown_by_records(card: Exercise) -> tuple[Shown, ...]:
    """Tell what the records of a card show: of the VM first, then of each disk.

    Returns
    -------
    tuple of Shown
        Empty if the card is not about a VM.
    """
    if not card.records:
        return ()
    vm = card.assessment.inventory.vms[0]
    facts = card.assessment.evaluator.read(vm)
    region = [("Region", vm.location)] if vm.location else []
    return (
        Shown(vm.name, "VM", (*region, *_seen(card, facts.readings))),
        *(
            Shown(one.disk.label, _place(one.disk), tuple(_seen(card, one.readings)))
            for one in facts.disks
        ),
    )


def card(found: Exercise) -> str:
    """Show a card: the question, what there is to choose, and what the records show.

    Parameters
    ----------
    found : Exercise
        The card. Its answer is not shown, and stands nowhere in the page.
    """
    return page(
        title(f"Card {found.number}: {_lower(kind_title(found.kind))}"),
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


def _place(disk: Disk) -> str:
    return "OS disk" if disk.role == "os" else f"data disk, lun {disk.lun}"


_TABLES_OF: Final = {"copy": ("conditions", "cross_region"), "key": ("conditions", "cross_region")}


def _seen(card: Exercise, readings: Mapping[str, Reading]) -> Iterator[tuple[str, str]]:
    """Tell what records show, and what about disks they keep back although a rule asks for it."""
    matrix = card.matrix
    tables = _TABLES_OF.get(card.kind, ("conditions",))
    tested = {row["fact_id"] for name in tables for row in matrix.table(name)}
    for fact_id, reading in readings.items():
        fact = matrix.facts[fact_id]
        shown = str(reading.value)
        if reading.how == "read" and shown != "no":
            yield fact.title, report.value_title(matrix, fact_id, shown)
        elif (
            reading.value is None
            and fact.grain == "disk"
            and fact_id in tested
            and not fact.assumption
        ):
            yield fact.title, "not shown"


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
            paragraph(tag("strong", report.row_title(matrix, row)), " ", code(row)),
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
