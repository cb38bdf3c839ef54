"""What is counted of a fleet: VMs by verdict, place, reason and set; counts of parts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


class FleetError(ValueError):
    """An inventory cannot be read as a fleet; the message says which part and what to do."""


@dataclass
class Summary:
    """What is counted of a fleet; summaries of parts add up.

    Attributes
    ----------
    vms, disks : int
        How many were judged.
    outcomes : Counter
        VMs by mode, verdict, floor, ceiling, reasons, missing facts and rows that exclude disks.
    places : Counter
        VMs by subscription, region, mode and verdict.
    caveats, assumptions : Counter
        VMs by mode and row, by mode and fact.
    exclusions : Counter
        Disks to exclude by mode and row.
    groups : Counter
        VMs by kind and id of the set they are in, mode and verdict.
    """

    vms: int = 0
    disks: int = 0
    outcomes: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    places: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    caveats: Counter[tuple[str, str]] = field(default_factory=Counter)
    assumptions: Counter[tuple[str, str]] = field(default_factory=Counter)
    exclusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, other: Summary) -> None:
        """Add what was counted of another part."""
        self.vms += other.vms
        self.disks += other.disks
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))

    def to_json(self) -> dict[str, Any]:
        """Give the summary as values that JSON can hold."""
        counted = {
            name: [[*key, n] for key, n in getattr(self, name).items()] for name in _COUNTERS
        }
        return {"vms": self.vms, "disks": self.disks, **counted}

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Summary:
        """Give the summary that :meth:`to_json` gave."""
        made = Summary(given["vms"], given["disks"])
        for name in _COUNTERS:
            counter = getattr(made, name)
            for *key, count in given[name]:
                counter[tuple(tuple(one) if isinstance(one, list) else one for one in key)] = count
        return made


_COUNTERS: Final = ("outcomes", "places", "caveats", "assumptions", "exclusions", "groups")
