"""One door for whatever holds VMs: an inventory that was read, or frames of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, overload

from rpmatrix.eligibility import assessment as eligibility
from rpmatrix.eligibility.assessment import Answers, Assessment
from rpmatrix.inventory.inventory import Inventory
from rpmatrix.matrix.matrix import MODES, Matrix

if TYPE_CHECKING:
    from rpmatrix.fleet.rollups import FleetResult


@overload
def assess(
    given: Inventory,
    disks: Matrix | None = None,
    matrix: Matrix | None = None,
    *,
    modes: Iterable[str] = ...,
    strict: bool = ...,
    answers: Answers | None = ...,
    progress: Callable[[int], None] | None = ...,
) -> Assessment: ...


@overload
def assess(
    given: Any,
    disks: Any = None,
    matrix: Matrix | None = None,
    *,
    strict: bool = ...,
    answers: Answers | None = ...,
) -> FleetResult: ...


def assess(
    given: Any,
    disks: Any = None,
    matrix: Matrix | None = None,
    *,
    modes: Iterable[str] = MODES,
    strict: bool = False,
    answers: Answers | None = None,
    progress: Callable[[int], None] | None = None,
) -> Assessment | FleetResult:
    """Give the verdict of every VM in each mode.

    Parameters
    ----------
    given : Inventory or frame
        What :func:`rpmatrix.read_inventory` gives; or a frame (pandas, Polars, DuckDB, Arrow) that
        is a table of facts (``vm_id`` and a column for each fact) or holds Azure's own records
        (``id`` and ``properties``, as Resource Graph gives them).
    disks : frame, optional
        The table of facts of disks, or more records. Not with an inventory, which has them.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out. It may follow an inventory at once.
    modes : iterable of str
        ``application``, ``crash`` or both. Frames are always judged in both.
    strict : bool
        Make no assumption: what no payload can tell stays unknown.
    answers : mapping of str to str, optional
        Values for facts that are left unknown; ``vm:fact`` answers for one VM.
    progress : callable, optional
        Called with the number of VMs done so far. Frames are judged at once.

    Returns
    -------
    Assessment or FleetResult
        An assessment of an inventory, which explains every verdict; of frames a result that stays
        small however many VMs there are.

    Raises
    ------
    rpmatrix.eligibility.assessment.AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    rpmatrix.fleet.result.FleetError
        If it is no inventory and no frame, or lacks the columns that it must have.
    """
    if isinstance(disks, Matrix):
        disks, matrix = None, disks
    if isinstance(given, Inventory):
        return eligibility.assess(
            given, matrix, modes=modes, strict=strict, answers=answers, progress=progress
        )
    from rpmatrix.fleet.result import assess_frames

    return assess_frames(given, disks, matrix, strict=strict, answers=answers)
