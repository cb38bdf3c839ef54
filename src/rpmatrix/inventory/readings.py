"""What one fact reads as, where it came from, and how values are looked up in records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rpmatrix.inventory.inventory import Disk, Vm
from rpmatrix.inventory.records import MISSING, UNREADABLE, Record, brief, flat_key, follow, look
from rpmatrix.inventory.texts import Body, Json


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which value, at which path of which input, made a fact known.

    Attributes
    ----------
    fact_id, value
        The fact and the value it was given.
    file, record, path
        Where the value stands; empty if no payload told it.
    shown
        The value as it stands there.
    how : str
        ``read``, ``absent`` (the record is full and leaves it out), ``assumed``, ``answered``
        or ``unknown``.
    why : str
        Why a fact stayed unknown although a record shows something, else empty.
    """

    fact_id: str
    value: str | None
    file: str = ""
    record: str = ""
    path: str = ""
    shown: str = ""
    how: str = "unknown"
    why: str = ""

    def __str__(self) -> str:
        where = " ".join(part for part in (self.file, self.record) if part)
        if self.how == "read":
            return f"{self.fact_id} = {self.value}: {self.path} is {self.shown} ({where})"
        if self.how == "absent":
            return f"{self.fact_id} = {self.value}: left out of a full record ({where})"
        if self.how in ("assumed", "answered"):
            return f"{self.fact_id} = {self.value}: {self.how}"
        return f"{self.fact_id} is unknown{': ' + self.why if self.why else ''}"


class Reading(NamedTuple):
    """The value of one fact and where it came from.

    Attributes
    ----------
    value : str, int or None
        None where the fact is unknown.
    how : str
        As in :class:`Evidence`.
    record, path, shown
        The record, the path of lower-case keys inside it, and what stands there.
    why : str
        Why the fact is unknown although something is shown: then no assumption is made either.
    options : tuple
        Values of which one is true where records disagree.
    """

    value: str | int | None
    how: str = "unknown"
    record: Record | None = None
    path: str = ""
    shown: Json = None
    why: str = ""
    options: tuple[str | int | None, ...] = ()

    def evidence(self, fact_id: str) -> Evidence:
        """Tell it to a person, with the path as the record itself spells it."""
        value = None if self.value is None else str(self.value)
        if self.record is None:
            return Evidence(fact_id, value, how=self.how, why=self.why)
        steps = self.path.replace("[", ".[").split(".") if self.path else []
        place = "" if self.how == "absent" else _spell(self.record, steps)
        shown = "" if self.shown is None else brief(self.shown, 240)
        return Evidence(
            fact_id, value, self.record.file, self.record.pointer, place, shown, self.how, self.why
        )


def _spell(record: Record, steps: Sequence[str]) -> str:
    """Spell a path, which may point into lists, as the record itself does."""
    spelled, shown = follow(record.raw, steps)
    return spelled if shown is not None else flat_key(record, steps) or spelled


UNKNOWN: Final = Reading(None)
CUT: Final = (
    "the value is an expression, was cut off, is of another type than Azure writes, contradicts "
    "another one, or is not known yet"
)


# A place to look into: a record, the path down to a body inside it, and that body.
Place = tuple[Record, str, Body]


def agreed(first: Reading, second: Reading) -> Reading:
    """Put together what two records of the same thing tell."""
    if second.value in (first.options or (first.value,)) and second.value is not None:
        return first
    why = f"records disagree: {first.shown!r} and {second.shown!r}"
    told = (*(first.options or (first.value,)), second.value)
    # One of these is true; if a record shows what cannot be read, anything may be.
    options = () if None in told else tuple(dict.fromkeys(told))
    return second._replace(value=None, how="unknown", why=why, options=options)


Shown = tuple[Json, Record | None, str]
NOTHING: Final[Shown] = (MISSING, None, "")


def value_shown(places: Iterable[Place], *path: str) -> Shown:
    """Give the first value at a path, with its record and place."""
    cut = NOTHING
    for record, prefix, body in places:
        value = look(body, path)
        if value is MISSING:
            continue
        at = ".".join((prefix, *path) if prefix else path)
        if value is not UNREADABLE:
            return value, record, at
        cut = (UNREADABLE, record, at)
    return cut


def value_in(records: Iterable[Record], *path: str) -> Shown:
    """Give the first value at a path of these records, with its record and place."""
    cut = NOTHING
    for record in records:
        value = look(record.body, path)
        if value is MISSING:
            continue
        if value is not UNREADABLE:
            return value, record, ".".join(path)
        cut = (UNREADABLE, record, ".".join(path))
    return cut


def os_disk_of(vm: Vm) -> Disk | None:
    """Give the OS disk that the VM lists."""
    return next((disk for disk in vm.disks if disk.role == "os" and disk.listed), None)
