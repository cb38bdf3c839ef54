"""What a plan runs: the operations of a step, made of the ids that the records show.

A step of the table ``steps`` names its operation by a word; here each of these words becomes
operations on the resources of one VM. Where an id or another value is not known, there is no
operation, and a sentence says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, get_args

from rpmatrix.eligibility.assessment import ExcludedDisk, Question, Verdict
from rpmatrix.inventory.facts import DiskFacts, VmFacts
from rpmatrix.inventory.inventory import Disk, Vm
from rpmatrix.inventory.records import is_expression, last_part, look, region
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.commands.operations import (
    CopyRestorePoint,
    CreateCollection,
    CreateDisk,
    CreateRestorePoint,
    DeleteCollection,
    DeleteRestorePoint,
    EncryptionType,
    FollowProgress,
    ListCollections,
    ListDiskRestorePoints,
    ListRestorePoints,
    Operation,
    ShowDisk,
    ShowVm,
)
from rpmatrix.planning.copies import CopyAnswer
from rpmatrix.planning.encryption import EncryptionAnswer
from rpmatrix.planning.names import InPoint, NotKnownError, Place, Places, PlanError

DISK_RESTORE_POINT_NAME: Final = "DISK_RESTORE_POINT_NAME"
"""Stands for the name of a disk restore point, which the service ends with a part of its own."""


def kept_disks(facts: VmFacts, verdict: Verdict) -> tuple[DiskFacts, ...]:
    """Give the disks that a restore point holds: those that are not to be excluded."""
    excluded = {_place(disk) for disk in verdict.exclude_disks}
    return tuple(one for one in facts.disks if _place(one.disk) not in excluded)


def _place(disk: Disk | ExcludedDisk) -> tuple[str, int | None, str | None]:
    return disk.role, disk.lun, disk.id


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a step.

    Attributes
    ----------
    operations : tuple of Operation
        What is to be run.
    blocked : str
        Why there is nothing, as half a sentence; else empty.
    waits : bool
        Whether later steps have to wait until that is known.
    """

    operations: tuple[Operation, ...] = ()
    blocked: str = ""
    waits: bool = False


@dataclass
class OperationMaker:
    """Makes the operations of the plan for one VM, out of the ids that the records show.

    Attributes
    ----------
    matrix : Matrix
        What tells where a fact is read from, for the commands that settle one.
    facts, verdict : VmFacts, Verdict
        The VM, and the verdict in the mode that is planned.
    copy : CopyAnswer or None
        The answer about the copy, if one is asked for.
    encryption : sequence of EncryptionAnswer
        One for each disk of the VM, in their order.
    places : Places
        Where the plan creates, and under which names; shared by all VMs of the plan.
    target_region : str
        Where the copy goes; empty if none is asked for.
    """

    matrix: Matrix
    facts: VmFacts
    verdict: Verdict
    copy: CopyAnswer | None
    encryption: Sequence[EncryptionAnswer]
    places: Places
    target_region: str

    def make(self, operation: str) -> Made:
        """Make the operations of one step.

        Parameters
        ----------
        operation : str
            A value of the column ``operation`` of ``steps``.

        Raises
        ------
        PlanError
            If a name that was asked for cannot be.
        """
        if "virtualmachines/" not in self._vm.key or "[" in self._vm.id or "{" in self._vm.id:
            return Made(blocked="the input does not show the resource id of the VM", waits=True)
        try:
            return Made(tuple(getattr(self, f"_{operation}")()))
        except PlanError:
            raise
        except _DoneError as done:
            return Made(blocked=str(done))
        except (NotKnownError, ValueError) as missing:
            return Made(blocked=str(missing), waits=True)

    # ----- where

    @property
    def _vm(self) -> Vm:
        return self.facts.vm

    @cached_property
    def _collection(self) -> Place:
        return self.places.of_vm(self._vm)

    @cached_property
    def _target(self) -> Place:
        return self.places.in_region(self._vm, self._collection, region(self.target_region))

    @cached_property
    def _name_of_point(self) -> str:
        within = [self._collection]
        if self.copy and self.copy.answer != "not_supported":
            within.append(self._target)
        return self.places.point(self._vm, self.verdict.mode, within)

    @property
    def _point(self) -> InPoint:
        return {**self._collection.within, "restore_point": self._name_of_point}

    @property
    def _copied_point(self) -> InPoint:
        return {**self._target.within, "restore_point": self._name_of_point}

    # ----- what

    def _show(self) -> Iterator[Operation]:
        return self._showing(self.verdict.missing)

    def _show_for_copy(self) -> Iterator[Operation]:
        return self._showing(self.copy.questions if self.copy else ())

    def _showing(self, questions: Sequence[Question]) -> Iterator[Operation]:
        """Show the records that hold what the questions ask for; some only a person answers."""
        disks = {one.disk.label: one.disk.id for one in self.facts.disks if one.disk.id}
        wanted: dict[Operation, None] = {}
        for question in questions:
            fact = self.matrix.facts[question.fact_id]
            if fact.grain == "request" or not question.command:
                continue
            of_disk = fact.grain == "disk" and any(kind == "disk" for kind, _ in fact.paths)
            if of_disk and question.disk in disks:
                wanted[ShowDisk(disk_id=disks[question.disk])] = None
            else:
                wanted[ShowVm(vm_id=self._vm.id, instance_view=True)] = None
        yield from sorted(wanted, key=lambda one: isinstance(one, ShowDisk))

    def _show_instance_view(self) -> Iterator[Operation]:
        yield ShowVm(vm_id=self._vm.id, instance_view=True)

    def _list_restore_points(self) -> Iterator[Operation]:
        if self._collection.records:
            yield ListRestorePoints(**self._collection.within)
        else:
            yield ListCollections(subscription_id=self._vm.subscription_id)

    def _create_collection(self) -> Iterator[Operation]:
        if self._collection.records:
            raise _DoneError(f"the VM has the restore point collection {self._collection.title}")
        if not self._vm.location:
            raise NotKnownError("the input does not show the region of the VM")
        yield CreateCollection(
            **self._collection.within, location=self._vm.location, source_id=self._vm.id
        )

    def _create_restore_point(self) -> Iterator[Operation]:
        ids = []
        for disk in self.verdict.exclude_disks:
            if not disk.id:
                raise NotKnownError(
                    f"the input does not show the resource id of {disk.label}, by which it has "
                    "to be excluded; show the VM again, and plan with what it prints"
                )
            ids.append(disk.id)
        mode: Final = "crash" if self.verdict.mode == "crash" else "application"
        yield CreateRestorePoint(**self._point, consistency_mode=mode, exclude_disk_ids=tuple(ids))

    def _follow_progress(self) -> Iterator[Operation]:
        yield FollowProgress(**self._point)

    def _list_disk_restore_points(self) -> Iterator[Operation]:
        yield ListDiskRestorePoints(**self._point)

    def _create_target_collection(self) -> Iterator[Operation]:
        if self._target.records:
            raise _DoneError(f"there is the restore point collection {self._target.title}")
        yield CreateCollection(
            **self._target.within,
            location=region(self.target_region),
            source_id=self._collection.id,
        )

    def _copy_restore_point(self) -> Iterator[Operation]:
        source = FollowProgress(**self._point)
        yield CopyRestorePoint(
            **self._copied_point, source_restore_point_id=source.restore_point_id
        )

    def _follow_copy(self) -> Iterator[Operation]:
        yield FollowProgress(**self._copied_point)

    def _create_disk(self) -> Iterator[Operation]:
        in_point = kept_disks(self.facts, self.verdict)
        kept = [
            (one, answer)
            for one, answer in zip(self.facts.disks, self.encryption, strict=True)
            if one in in_point
        ]
        without = [one.disk.label for one, _ in kept if one.readings["disk_sku"].value is None]
        if without:
            # Some of the commands would look like all of them.
            raise NotKnownError(
                f"the input does not show the SKU of {', '.join(without)}; show the disks and "
                "plan again"
            )
        point = FollowProgress(**self._point)
        for one, answer in kept:
            sku = str(one.readings["disk_sku"].value)
            encryption = _ENCRYPTION_TYPES.get(answer.type or "")
            yield CreateDisk(
                subscription_id=self._vm.subscription_id,
                resource_group=self._vm.resource_group,
                disk=self.places.disk(self._vm, last_part(one.disk.id or "") or one.disk.label),
                location=self._vm.location,
                # The service ends the name with a unique part that is not known beforehand.
                disk_restore_point_id=(
                    f"{point.restore_point_id}/diskRestorePoints/{DISK_RESTORE_POINT_NAME}"
                ),
                sku=sku,
                zone=None if sku.endswith("_ZRS") else self._zone,
                encryption_type=encryption,
                disk_encryption_set_id=answer.encryption_set_id,
            )

    @property
    def _zone(self) -> str | None:
        """The zone of the VM: it takes disks of its own zone, or zone-redundant ones."""
        shown = [look(record.body, ("zones",)) for record in self._vm.records]
        zones = next((one for one in shown if isinstance(one, list)), [])
        return str(zones[0]) if len(zones) == 1 and not is_expression(zones[0]) else None

    def _delete_restore_point(self) -> Iterator[Operation]:
        yield DeleteRestorePoint(**self._point)

    def _delete_collection(self) -> Iterator[Operation]:
        yield DeleteCollection(**self.places.left_behind(self._vm).within)


_ENCRYPTION_TYPES: Final[Mapping[str, EncryptionType]] = {
    one: one
    for one in get_args(EncryptionType)
    if one != "EncryptionAtRestWithPlatformKey"  # what a disk has if nothing is said
}


class _DoneError(Exception):
    """What an operation would do is done already."""
