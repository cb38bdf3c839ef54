"""What is counted of a fleet: VMs by verdict, place, reason and set; counts of parts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import add
from typing import Any, Final


class FleetError(ValueError):
    """An inventory cannot be read as a fleet; the message says which part and what to do."""


# The id of a member of a set, its verdict, and the rows or facts that are why.
Member = tuple[str, str, tuple[str, ...]]
# How many members that are in the way are named for each set and mode.
NAMED: Final = 20


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
    groups : dict
        By kind and id of a set of VMs, how many of its members have each verdict, in the order of
        :data:`rpmatrix.matrix.matrix.MODES` and, in each mode, of
        :data:`rpmatrix.eligibility.assessment.VERDICTS`.
    in_the_way : dict
        By kind and id of a set and mode, members that cannot be protected, or of which that is not
        known: id, verdict, and the rows or facts that are why. Of each set, so many at most as
        :data:`NAMED` says, first by id.
    files : Counter
        Rows or records that were read of each file.
    listed : dict
        By the id of a set, the ids of its members as its own record lists them.
    disks_without_vm : int
        Disks that belong to no VM among those given; they are in no other count.
    repeated_records : int
        Records of VMs of which another record tells, too.
    """

    vms: int = 0
    disks: int = 0
    outcomes: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    places: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    caveats: Counter[tuple[str, str]] = field(default_factory=Counter)
    assumptions: Counter[tuple[str, str]] = field(default_factory=Counter)
    exclusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    in_the_way: dict[tuple[str, str, str], tuple[Member, ...]] = field(default_factory=dict)
    files: Counter[tuple[str]] = field(default_factory=Counter)
    listed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    disks_without_vm: int = 0
    repeated_records: int = 0

    def count_members(self, kind: str, group: str, counts: Sequence[int]) -> None:
        """Add members of a set of VMs, counted as :attr:`groups` says."""
        known = self.groups.get((kind, group), [0] * len(counts))
        self.groups[kind, group] = list(map(add, known, counts))

    def add(self, other: Summary) -> None:
        """Add what was counted of another part."""
        self.vms += other.vms
        self.disks += other.disks
        self.disks_without_vm += other.disks_without_vm
        self.repeated_records += other.repeated_records
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for (kind, group), counts in other.groups.items():
            self.count_members(kind, group, counts)
        for key, members in other.in_the_way.items():
            together = {*self.in_the_way.get(key, ()), *members}
            self.in_the_way[key] = tuple(sorted(together)[:NAMED])
        for group, ids in other.listed.items():
            self.listed[group] = tuple(dict.fromkeys((*self.listed.get(group, ()), *ids)))

    def to_json(self) -> dict[str, Any]:
        """Give the summary as values that JSON can hold."""
        counted = {
            name: [[*key, n] for key, n in getattr(self, name).items()] for name in _COUNTERS
        }
        return {
            "vms": self.vms,
            "disks": self.disks,
            "disks_without_vm": self.disks_without_vm,
            "repeated_records": self.repeated_records,
            **counted,
            "groups": [[*key, counts] for key, counts in self.groups.items()],
            "in_the_way": [[*key, members] for key, members in self.in_the_way.items()],
            "listed": self.listed,
        }

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Summary:
        """Give the summary that :meth:`to_json` gave."""
        made = Summary(given["vms"], given["disks"])
        for name in _COUNTERS:
            counter = getattr(made, name)
            for *key, count in given[name]:
                counter[tuple(tuple(one) if isinstance(one, list) else one for one in key)] = count
        made.disks_without_vm = given["disks_without_vm"]
        made.repeated_records = given["repeated_records"]
        made.groups = {(kind, group): counts for kind, group, counts in given["groups"]}
        for *key, members in given["in_the_way"]:
            told = tuple((vm_id, verdict, tuple(why)) for vm_id, verdict, why in members)
            made.in_the_way[tuple(key)] = told
        made.listed = {group: tuple(ids) for group, ids in given["listed"].items()}
        return made


_COUNTERS: Final = (*("outcomes", "places", "caveats", "assumptions", "exclusions", "files"),)
