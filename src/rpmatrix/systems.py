"""Which operating system runs in a VM, by the patterns of the table ``operating_systems``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import reduce
from typing import Final

from rpmatrix.inventory import Disk, Vm
from rpmatrix.matrix import Matrix
from rpmatrix.readings import (
    CUT,
    NOTHING,
    UNKNOWN,
    Reading,
    agreed,
    os_disk_of,
    value_in,
    value_shown,
)
from rpmatrix.records import MISSING, UNREADABLE, Record, look

# PowerShell gives an enumeration as its number.
_FAMILY_NUMBERS: Final = {0: "Windows", 1: "Linux"}


def os_family(vm: Vm, systems: OperatingSystems) -> Reading:
    """Read whether Windows or Linux runs, from the OS disk, the profile, or else the system."""
    os_disk = os_disk_of(vm)
    value, found, at = NOTHING
    if os_disk is not None:
        value, found, at = value_shown(os_disk.attachments, "ostype")
        if found is None:
            value, found, at = value_in(os_disk.records, "ostype")
    if type(value) is int and value in _FAMILY_NUMBERS:
        return Reading(_FAMILY_NUMBERS[value], "read", found, at, value)
    for family in ("Windows", "Linux"):
        if str(value).lower() == family.lower():
            return Reading(family, "read", found, at, value)
    for family, profile in (("Windows", "windowsconfiguration"), ("Linux", "linuxconfiguration")):
        value, found, at = value_in(vm.records, "osprofile", profile)
        if isinstance(value, dict):
            return Reading(family, "read", found, at, "given")
    system = systems.find(vm)
    if system.value is not None:
        return system._replace(value=systems.family[str(system.value)])
    return systems.family_of_image(vm)


def operating_system(vm: Vm, systems: OperatingSystems) -> Reading:
    """Read which operating system runs, as an id of the table ``operating_systems``."""
    return systems.find(vm)


def extended_security_updates(vm: Vm, systems: OperatingSystems) -> Reading:
    """Tell by the calendar where the dates settle it, however the article is read."""
    system = systems.find(vm)
    support, updates = systems.ends.get(str(system.value), ("", ""))
    if support and systems.today <= support:
        return system._replace(value="not_reached")
    if updates and systems.today > updates:
        return system._replace(value="reached")
    answer, record, at = value_in(vm.records, "extendedsecurityupdates")
    for value in ("reached", "not_reached"):
        if str(answer).lower() == value:
            return Reading(value, "read", record, at, answer)
    return UNKNOWN


def image_named_by(resource_id: str) -> tuple[str, str, str]:
    """Read publisher, offer and SKU out of the id of a platform image; empty what it leaves out."""
    steps = resource_id.lower().split("/")
    named = dict(zip(steps[1::2], steps[2::2], strict=False))
    return named.get("publishers", ""), named.get("offers", ""), named.get("skus", "")


class OperatingSystems:
    """Names the operating system by the patterns of the table ``operating_systems``."""

    def __init__(self, matrix: Matrix) -> None:
        self.today = matrix.as_of.isoformat()
        self.ends = {
            row.id: (row["support_ends"], row["security_updates_end"])
            for row in matrix.table("operating_systems")
        }
        self.family: dict[str, str] = {}
        self._images: list[tuple[int, str, tuple[str, ...]]] = []
        self._names: list[tuple[int, str, tuple[str, ...]]] = []
        for row in matrix.table("operating_systems"):
            self.family[row.id] = row["family"]
            rank = int(row["precedence"])
            for column, target in (
                ("image_patterns", self._images),
                ("os_name_patterns", self._names),
            ):
                for pattern in row.members(column):
                    target.append((rank, row.id, tuple(pattern.lower().split(":"))))
        self._seen: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._last: tuple[Vm | None, Reading] = (None, UNKNOWN)

    def _matches(
        self, patterns: list[tuple[int, str, tuple[str, ...]]], shown: tuple[str, ...]
    ) -> tuple[str, ...]:
        mark = (str(patterns is self._images), *shown)
        if mark not in self._seen:
            found = [
                (rank, name)
                for rank, name, parts in patterns
                if all(
                    part == "*" or (text and fnmatchcase(text, part))
                    for text, part in zip(shown, parts, strict=False)
                )
            ]
            best = max((rank for rank, _ in found), default=0)
            names = dict.fromkeys(name for rank, name in found if rank == best)
            self._seen[mark] = tuple(names)
        return self._seen[mark]

    def find(self, vm: Vm) -> Reading:
        """Find the one row that what is shown points to; the guest's own word comes first."""
        last, found = self._last
        if last is not vm:  # several facts ask for it, one after the other
            found = self._find(vm)
            self._last = (vm, found)
        return found

    def _find(self, vm: Vm) -> Reading:
        for view in (("instanceview",), ("extended", "instanceview")):
            told = [one for record in vm.records if (one := self._of_view(record, view))]
            if told:
                return reduce(agreed, told)
        told = [one for record in vm.records if (one := self._of_image(record))]
        if told:
            return reduce(agreed, told)
        os_disk = os_disk_of(vm)
        return self._of_os_disk(os_disk) if os_disk else UNKNOWN

    def _of_view(self, record: Record, view: tuple[str, ...]) -> Reading | None:
        name = look(record.body, (*view, "osname"))
        if not isinstance(name, str):
            return None
        version = look(record.body, (*view, "osversion"))
        shown = (name.lower(), version.lower() if isinstance(version, str) else "")
        return self._reading(self._names, shown, record, ".".join((*view, "osname")), name)

    def _of_image(self, record: Record) -> Reading | None:
        image = look(record.body, ("storageprofile", "imagereference"))
        at = "storageprofile.imagereference"
        if image is UNREADABLE:
            return Reading(None, "unknown", record, at, None, CUT)
        parts = [look(image, (part,)) for part in ("publisher", "offer", "sku")]
        if parts[0] is MISSING:
            return None
        texts = tuple(part.lower() if isinstance(part, str) else "" for part in parts)
        if not texts[0]:
            return Reading(None, "unknown", record, at, None, CUT)
        return self._reading(self._images, texts, record, at, ":".join(texts))

    def family_of_image(self, vm: Vm) -> Reading:
        """Find the family that every release agrees on which the image may be of.

        A template names the publisher and leaves the release to a parameter.
        """
        image = ("storageprofile", "imagereference")
        urn = [value_in(vm.records, *image, part) for part in ("publisher", "offer", "sku")]
        texts = [value.lower() if isinstance(value, str) else "" for value, _, _ in urn]
        shown = {str(look(record.body, (*image, "publisher"))).lower() for record in vm.records}
        if not texts[0] or shown - {texts[0], str(MISSING).lower()}:
            return UNKNOWN
        families = {
            self.family[name]
            for _, name, parts in self._images
            if all(
                not text or part == "*" or fnmatchcase(text, part)
                for text, part in zip(texts, parts, strict=False)
            )
        }
        if len(families) != 1:
            return UNKNOWN
        return Reading(families.pop(), "read", urn[0][1], ".".join(image), ":".join(texts))

    def _of_os_disk(self, disk: Disk) -> Reading:
        parts = ("publisher", "product", "name")
        plan = [value_in(disk.records, "purchaseplan", part) for part in parts]
        if isinstance(plan[0][0], str):
            texts = tuple(value.lower() if isinstance(value, str) else "" for value, _, _ in plan)
            reading = self._reading(
                self._images, texts, plan[0][1], "purchaseplan", ":".join(texts)
            )
            if reading.value is not None:
                return reading
        value, record, at = value_in(disk.records, "creationdata", "imagereference", "id")
        if isinstance(value, str):
            texts = image_named_by(value)
            if texts[0]:
                return self._reading(self._images, texts, record, at, ":".join(texts))
        return UNKNOWN

    def _reading(
        self,
        patterns: list[tuple[int, str, tuple[str, ...]]],
        shown: tuple[str, ...],
        record: Record | None,
        at: str,
        text: str,
    ) -> Reading:
        found = self._matches(patterns, shown)
        if len(found) == 1:
            return Reading(found[0], "read", record, at, text)
        if found:
            why = f"{text!r} fits several rows of operating_systems: {', '.join(found)}"
        else:
            why = f"no row of operating_systems knows {text!r}"
        return Reading(None, "unknown", record, at, text, why, options=found)
