"""What would have to be changed for a VM to become eligible: the rows of the table ``changes``.

A change turns one fact of a VM, or of its disks, into another value. The rules judge the VM anew
with every set of changes, the smallest sets first, so that what is offered is known to suffice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from rpmatrix.eligibility.assessment import Evaluator, Verdict
from rpmatrix.inventory.facts import DiskFacts, VmFacts
from rpmatrix.inventory.readings import Reading
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.schema import Row

ELIGIBLE: Final = ("supported", "exclude_disks")
"""The verdicts with which a restore point can be created."""

MOST_CHANGES: Final = 3
"""How many changes together are still looked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change to a VM or its disks: a row of ``changes``.

    Attributes
    ----------
    id, title, how, side_effect : str
        The row, what is changed, how, and what it costs.
    rows : tuple of str
        The row itself and those whose verdict it concerns.
    disks : tuple of str
        The disks that it is done to; empty for the VM.
    """

    id: str
    title: str
    how: str
    side_effect: str
    rows: tuple[str, ...]
    disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A smallest set of changes that makes a VM eligible in one mode.

    Attributes
    ----------
    mode, verdict : str
        The mode, and the verdict after the changes; the worst that it can be where the input
        leaves something open, such as the SKU of a disk that is not managed yet.
    changes : tuple of Change
        All of them are needed.
    """

    mode: str
    verdict: str
    changes: tuple[Change, ...]


def what_if(
    matrix: Matrix, evaluator: Evaluator, facts: VmFacts, verdicts: Mapping[str, Verdict]
) -> Iterator[WhatIf]:
    """Give the smallest sets of changes for each mode in which a VM is not sure to be eligible.

    Parameters
    ----------
    matrix : Matrix
        Its table ``changes`` says what can be changed.
    evaluator : Evaluator
        What judges the VM after the changes.
    facts : VmFacts
        The VM as it is.
    verdicts : mapping of str to Verdict
        Its verdict in each mode.

    Yields
    ------
    WhatIf
        All sets of the smallest size that suffices; none if more than ``MOST_CHANGES`` are needed.
    """
    rows = [row for row in matrix.table("changes") if _changed(evaluator, facts, row)]
    for mode, verdict in verdicts.items():
        if verdict.floor in ELIGIBLE:
            continue
        for size in range(1, min(MOST_CHANGES, len(rows)) + 1):
            found = list(_sufficient(evaluator, facts, mode, combinations(rows, size)))
            yield from found
            if found:
                break


def _sufficient(
    evaluator: Evaluator, facts: VmFacts, mode: str, sets: Iterator[tuple[Row, ...]]
) -> Iterator[WhatIf]:
    for rows in sets:
        after = _after(evaluator, facts, rows)
        found = next(one for one in evaluator.verdicts(after) if one.mode == mode)
        if found.floor in ELIGIBLE:
            yield WhatIf(mode, found.floor, tuple(_change(evaluator, facts, row) for row in rows))


def _after(evaluator: Evaluator, facts: VmFacts, rows: Sequence[Row]) -> VmFacts:
    for row in rows:
        facts = _changed(evaluator, facts, row) or facts
    return facts


def _changed(evaluator: Evaluator, facts: VmFacts, row: Row) -> VmFacts | None:
    """Give the facts after a change, or None if there is nothing that it would change."""
    name, leaves = row["fact_id"], row.members("from_value")

    def turned(readings: Mapping[str, Reading]) -> Mapping[str, Reading] | None:
        reading = readings.get(name)
        if reading is None or str(reading.value) not in leaves:
            return None
        value: str | int = row["to_value"]
        if isinstance(reading.value, int):
            value = int(value)
        return evaluator.with_fact(readings, name, value)

    on_vm = turned(facts.readings)
    if on_vm is not None:
        return VmFacts(facts.vm, on_vm, facts.disks)
    disks = tuple(
        DiskFacts(one.disk, new) if (new := turned(one.readings)) is not None else one
        for one in facts.disks
    )
    return VmFacts(facts.vm, facts.readings, disks) if disks != facts.disks else None


def _change(evaluator: Evaluator, facts: VmFacts, row: Row) -> Change:
    after = _changed(evaluator, facts, row) or facts
    disks = tuple(
        old.disk.label for old, new in zip(facts.disks, after.disks, strict=True) if old is not new
    )
    return Change(
        row.id,
        row["title"],
        row["how"],
        row["side_effect"],
        (row.id, *row.members("row_ids")),
        disks,
    )
