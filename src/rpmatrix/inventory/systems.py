"""Which operating system runs in a VM, by the patterns of the table ``operating_systems``.

What the guest reports decides before what the image is called, since a system may be upgraded in
place. What neither tells stays unknown, and so does what contradicts the family of the OS disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Final, NamedTuple

from rpmatrix.inventory.inventory import Disk, Vm
from rpmatrix.inventory.readings import (
    CUT,
    UNKNOWN,
    Reading,
    Shown,
    agreed,
    os_disk_of,
    value_in,
    value_shown,
)
from rpmatrix.inventory.records import MISSING, UNREADABLE, Record, look
from rpmatrix.inventory.texts import Json
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.system_patterns import Parts, SystemPatterns

# The facts that rows of ``operating_systems`` tell.
SYSTEM: Final = "operating_system"
RELEASE: Final = "endorsed_release"
UPDATES: Final = "extended_security_updates"

# PowerShell gives an enumeration as its number.
_FAMILY_NUMBERS: Final = {"0": "Windows", "1": "Linux"}
_FAMILIES: Final = {"windows": "Windows", "linux": "Linux", **_FAMILY_NUMBERS}
_PROFILES: Final = (("Windows", "windowsconfiguration"), ("Linux", "linuxconfiguration"))
_VIEWS: Final = (("instanceview",), ("extended", "instanceview"))
_IMAGE: Final = ("storageprofile", "imagereference")
# What the Linux agent reports where it finds no name.
_NO_NAMES: Final = ("", "unknown")


def os_family(vm: Vm, systems: OperatingSystems) -> Reading:
    """Read whether Windows or Linux runs, from the OS disk, the profile, or else the system."""
    shown = systems.family_shown(vm)
    if shown.why:
        return shown
    of_system = systems.family_of_system(vm)
    if shown.value is None or of_system.value in (None, shown.value):
        return of_system if shown.value is None else shown
    return shown._replace(
        value=None,
        how="unknown",
        why=_contradiction(of_system, shown),
        options=(shown.value, of_system.value),
    )


def operating_system(vm: Vm, systems: OperatingSystems) -> Reading:
    """Read which operating system runs, as an id of the table ``operating_systems``."""
    return systems.find(vm)


def endorsed_release(vm: Vm, systems: OperatingSystems) -> Reading:
    """Read whether the source of the system's row names its release and publisher."""
    system = systems.find(vm).value
    told: list[Reading] = []
    for names in systems.names(vm) if system is not None else ():
        releases = [
            name.reading._replace(value=release)
            for name in names
            if name.reading.value == system
            and (release := systems.patterns.release(str(system), name.parts))
        ]
        if releases:
            told.append(reduce(agreed, releases))
    return _with_other(told) if told else UNKNOWN


def extended_security_updates(vm: Vm, systems: OperatingSystems) -> Reading:
    """Tell by the calendar, where its dates settle it; an answer may only be worse."""
    system = systems.find(vm)
    dated = systems.by_calendar(system.value)
    answer, record, at = value_in(vm.records, "extendedsecurityupdates")
    answered = str(answer).lower()
    if answered == "reached" or (answered == "not_reached" and not dated):
        return Reading(answered, "read", record, at, answer)
    return system._replace(value=dated) if dated else UNKNOWN


def image_named_by(resource_id: str) -> tuple[str, str, str]:
    """Read publisher, offer and SKU out of the id of a platform image; empty what it leaves out."""
    steps = resource_id.lower().split("/")
    named = dict(zip(steps[1::2], steps[2::2], strict=False))
    return named.get("publishers", ""), named.get("offers", ""), named.get("skus", "")


class _Name(NamedTuple):
    """A name of the system, in parts, and what it says of the system."""

    parts: Parts
    reading: Reading


class OperatingSystems:
    """Names the operating system by the patterns of the table ``operating_systems``.

    Parameters
    ----------
    matrix : Matrix
        The matrix with the table, and the day on which it is used.
    """

    def __init__(self, matrix: Matrix) -> None:
        rows = matrix.table("operating_systems")
        self.patterns = SystemPatterns(rows)
        self._today = matrix.as_of.isoformat()
        self._ends = {row.id: (row["support_ends"], row["security_updates_end"]) for row in rows}
        self._last: tuple[Vm | None, list[list[_Name]]] = (None, [])

    def by_calendar(self, system: str | int | None) -> str:
        """Tell whether a system has reached extended security updates; empty if dates do not."""
        support, updates = self._ends.get(str(system), ("", ""))
        if support and self._today <= support:
            return "not_reached"
        return "reached" if updates and self._today > updates else ""

    def find(self, vm: Vm) -> Reading:
        """Find the one row that what is shown points to; the guest's own word comes first."""
        system, family = self._system(vm), self.family_shown(vm)
        of_system = self._family_of(system)
        if of_system is None or family.value in (None, of_system):
            return system
        why = _contradiction(system, family)
        return system._replace(value=None, how="unknown", why=why, options=())

    def family_shown(self, vm: Vm) -> Reading:
        """Read the family out of the OS disk and the profile of the VM."""
        shown: list[Shown] = []
        os_disk = os_disk_of(vm)
        if os_disk is not None:
            shown += [value_shown([place], "ostype") for place in os_disk.attachments]
            shown += [value_in([record], "ostype") for record in os_disk.records]
        readings = [
            Reading(family, "read", record, at, value)
            for value, record, at in shown
            if (family := _FAMILIES.get(str(value).lower()))
        ]
        for family, profile in _PROFILES:
            value, record, at = value_in(vm.records, "osprofile", profile)
            if isinstance(value, dict):
                readings.append(Reading(family, "read", record, at, "given"))
        if not readings:
            return UNKNOWN
        first = readings[0]
        other = next((one for one in readings if one.value != first.value), None)
        if other is None:
            return first
        why = f"{first.path} says {first.value}, and {other.path} says {other.value}"
        options = (first.value, other.value)
        return first._replace(value=None, how="unknown", why=why, options=options)

    def family_of_system(self, vm: Vm) -> Reading:
        """Read the family of the system, or else the one that all it may be have in common."""
        system = self._system(vm)
        family = self._family_of(system)
        if family is None:
            return self._family_of_image(vm)
        return system._replace(value=family, how="read", why="", options=())

    def _family_of(self, system: Reading) -> str | None:
        rows = system.options if system.value is None else (system.value,)
        families = {self.patterns.family[str(row)] for row in rows}
        return families.pop() if len(families) == 1 else None

    def _family_of_image(self, vm: Vm) -> Reading:
        """Find the family that every release agrees on which the image may be of.

        A template names the publisher and leaves the release to a parameter.
        """
        urn = [value_in(vm.records, *_IMAGE, part) for part in ("publisher", "offer", "sku")]
        parts = tuple(_lower(value) for value, _, _ in urn)
        shown = {str(look(record.body, (*_IMAGE, "publisher"))).lower() for record in vm.records}
        if not parts[0] or shown - {parts[0], str(MISSING).lower()}:
            return UNKNOWN
        families = self.patterns.families_of(parts)
        if len(families) != 1:
            return UNKNOWN
        return Reading(families.pop(), "read", urn[0][1], ".".join(_IMAGE), ":".join(parts))

    def names(self, vm: Vm) -> list[list[_Name]]:
        """Give what names the system: each a list of equal trust, the most trusted one first."""
        last, names = self._last
        if last is not vm:  # several facts ask for it, one after the other
            names = [found for found in self._names(vm) if found]
            self._last = (vm, names)
        return names

    def _names(self, vm: Vm) -> Iterator[list[_Name]]:
        for view in _VIEWS:
            yield [name for record in vm.records if (name := self._guest(vm, record, view))]
        yield [name for record in vm.records if (name := self._image(record))]
        os_disk = os_disk_of(vm)
        if os_disk is not None and (name := self._image_of_disk(os_disk)):
            yield [name]

    def _system(self, vm: Vm) -> Reading:
        names = self.names(vm)
        if not names:
            return UNKNOWN
        return _with_other([reduce(agreed, [name.reading for name in found]) for found in names])

    def _guest(self, vm: Vm, record: Record, view: tuple[str, ...]) -> _Name | None:
        name = look(record.body, (*view, "osname"))
        if not isinstance(name, str) or name.strip().lower() in _NO_NAMES:
            return None
        parts = (_lower(name), _lower(look(record.body, (*view, "osversion"))))
        rows = self.patterns.of_guest(parts)
        others = rows or tuple(self.patterns.otherwise.values())
        family = self.family_shown(vm).value if len(others) > 1 else None
        if family is not None:
            others = tuple(row for row in others if self.patterns.family[row] == family) or others
        reading = self._reading(rows, record, ".".join((*view, "osname")), name)
        if len(others) == 1:
            return _Name(parts, reading._replace(value=others[0], how="read", why="", options=()))
        return _Name(parts, reading._replace(options=others))

    def _image(self, record: Record) -> _Name | None:
        image = look(record.body, _IMAGE)
        at = ".".join(_IMAGE)
        if image is UNREADABLE:
            return _Name((), Reading(None, "unknown", record, at, None, CUT))
        urn = [look(image, (part,)) for part in ("publisher", "offer", "sku")]
        if urn[0] is MISSING:
            return None
        parts = tuple(_lower(part) for part in urn)
        if not parts[0]:
            return _Name((), Reading(None, "unknown", record, at, None, CUT))
        return self._named_image(parts, record, at)

    def _image_of_disk(self, disk: Disk) -> _Name | None:
        plan = [value_in(disk.records, "purchaseplan", part) for part in _PLAN]
        bought = None
        if isinstance(plan[0][0], str):
            parts = tuple(_lower(value) for value, _, _ in plan)
            bought = self._named_image(parts, plan[0][1], "purchaseplan")
            if bought.reading.value is not None:
                return bought
        value, record, at = value_in(disk.records, "creationdata", "imagereference", "id")
        parts = image_named_by(value) if isinstance(value, str) else ("",)
        if parts[0]:
            return self._named_image(parts, record, at)
        return bought if bought and bought.reading.options else None

    def _named_image(self, parts: Parts, record: Record | None, at: str) -> _Name:
        rows, text = self.patterns.of_image(parts), ":".join(parts)
        built_on = () if rows else self.patterns.under_image(parts)
        if not built_on:
            return _Name(parts, self._reading(rows, record, at, text))
        families = {self.patterns.family[row] for row in built_on}
        others = [row for family, row in self.patterns.otherwise.items() if family in families]
        why = f"{text!r} is built on {', '.join(built_on)} by another publisher"
        options = tuple(dict.fromkeys((*built_on, *others)))
        return _Name(parts, Reading(None, "unknown", record, at, text, why, options))

    @staticmethod
    def _reading(rows: tuple[str, ...], record: Record | None, at: str, text: str) -> Reading:
        if len(rows) == 1:
            return Reading(rows[0], "read", record, at, text)
        if rows:
            why = f"{text!r} fits several rows of operating_systems: {', '.join(rows)}"
        else:
            why = f"no row of operating_systems knows {text!r}"
        return Reading(None, "unknown", record, at, text, why, options=rows)


_PLAN: Final = ("publisher", "product", "name")


def _lower(value: Json) -> str:
    """Give a text in lower case, and nothing for what is none."""
    return value.strip().lower() if isinstance(value, str) else ""


def _with_other(readings: list[Reading]) -> Reading:
    """Give the most trusted reading; where another one says otherwise, its evidence shows both."""
    first = readings[0]
    for other in readings[1:]:
        if first.value is not None and other.value not in (None, first.value):
            shown = f"{first.shown} ({other.path} is {other.shown}, and counts less)"
            return first._replace(shown=shown)
    return first


def _contradiction(system: Reading, family: Reading) -> str:
    return f"{system.path} is {system.shown!r}, and {family.path} says {family.value}"
