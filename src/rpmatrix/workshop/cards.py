"""The cards of the workshop: what one asks, what there is to choose, and what its records show.

A card knows its question and never its answer: :mod:`rpmatrix.workshop.answers` computes that when
it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from rpmatrix.common.displayed import Displayed
from rpmatrix.eligibility.assessment import Assessment, assess
from rpmatrix.inventory.inventory import Disk, read_inventory
from rpmatrix.inventory.readings import Reading
from rpmatrix.inventory.samples import Record
from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.matrix.titles import value_title

KINDS: Final = ("verdict", "exclude", "copy", "key", "schedule", "error")
"""The kinds of cards: the verdict in a mode, which disks to leave out, whether the restore points
can be copied, which key the copy has, whether a schedule fits, and which error this is."""

KEYS: Final = ("platform", "source", "named", "none")
"""What may encrypt the copy of a disk."""

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_TITLES: Final = {
    "verdict": "The verdict",
    "exclude": "Disks to leave out",
    "copy": "A copy in another region",
    "key": "The key after the copy",
    "schedule": "A schedule",
    "error": "An error",
}


class ExerciseError(ValueError):
    """A card or an answer was asked for that there is not; the message says what there is."""


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
class Exercise(Displayed):
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


def lettered(card: Exercise) -> tuple[tuple[str, Choice], ...]:
    """Give the choices of a card, each with the letter that people call it by."""
    return tuple(zip(LETTERS, card.choices, strict=False))


def kind_title(kind: str) -> str:
    """Say what a kind of card is about."""
    return _TITLES[kind]


def disk_key(disk_id: str | None, label: str) -> str:
    """Give what an answer calls a disk: its name, in lower case."""
    return (disk_id or label).rpartition("/")[2].lower()


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
            yield fact.title, value_title(matrix, fact_id, shown)
        elif (
            reading.value is None
            and fact.grain == "disk"
            and fact_id in tested
            and not fact.assumption
        ):
            yield fact.title, "not shown"
