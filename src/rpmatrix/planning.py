"""What to do with a verdict: steps, operations, what is not saved, and what would change it.

A plan is made of the rows of the table ``steps``; each of its sentences carries the id of the row
that says it. For an unknown verdict the plan is to settle it, and for a VM that is not supported
there are no steps, only the changes of the table ``changes`` that would make it eligible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final, TypedDict

from rpmatrix.eligibility import Assessment, ExcludedDisk, Question, Verdict
from rpmatrix.encryption import CopyAnswer, EncryptionAnswer, copy_of, encryption_of
from rpmatrix.inventory import (
    Disk,
    DiskFacts,
    Reading,
    Record,
    Vm,
    VmFacts,
    id_parts,
    last_part,
    listed_members,
    region,
    vm_groups,
)
from rpmatrix.matrix import MODES
from rpmatrix.operations import (
    CopyRestorePoint,
    CreateCollection,
    CreateDisk,
    CreateRestorePoint,
    DeleteCollection,
    DeleteRestorePoint,
    FollowProgress,
    ListDiskRestorePoints,
    ListRestorePoints,
    Operation,
    ShowDisk,
    ShowVm,
)
from rpmatrix.rules import holds
from rpmatrix.schedule import Retention, Schedule, schedule_of
from rpmatrix.tables import Row

if TYPE_CHECKING:
    from rpmatrix.commands import Command

ELIGIBLE: Final = ("supported", "exclude_disks")
MOST_CHANGES: Final = 3
SAFE_PHASES: Final = ("settle", "prerequisite", "collection", "create", "follow", "copy")
# A copy that is refused is no step; one that is not settled is a step that may not be taken.
COPY_STEPS: Final = {
    "supported": "yes",
    "supported_with_caveat": "yes",
    "unknown": "unknown",
    "not_supported": "",
}
PHASES: Final = ("mode", *SAFE_PHASES, "restore", "clean_up")
DISK_RESTORE_POINT_NAME: Final = "DISK_RESTORE_POINT_NAME"


class PlanError(ValueError):
    """A plan was asked for that cannot be made; the message says why and what to do."""


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes
    ----------
    number : int
        Its place in the plan.
    id : str
        The row of ``steps`` that says it.
    phase, title, advice : str
        Which part of the plan it belongs to, what is done, and what to watch.
    applies : str
        ``yes``, or ``unknown`` if the fact that calls for it is not known.
    rows : tuple of str
        The rows that are the reason for it, its own first.
    operations : tuple of Operation
        What is run; empty where nothing is, or where an id that is needed is not known.
    blocked : str
        Why there is nothing to run although the step calls for it, else empty.
    """

    number: int
    id: str
    phase: str
    title: str
    advice: str
    applies: str
    rows: tuple[str, ...]
    operations: tuple[Operation, ...]
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class NotSaved:
    """Something that will not be in the restore point.

    Attributes
    ----------
    what : str
        The disk, or the kind of data.
    why : str
        The words of the row that says so.
    certain : bool
        False if it depends on a fact that is not known.
    rows : tuple of str
        The rows that say so.
    """

    what: str
    why: str
    certain: bool
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModeLine:
    """One consistency mode in the comparison of both.

    Attributes
    ----------
    mode, verdict : str
        The mode and what it comes to for this VM.
    meaning : str
        What the mode is, in the words of a row of ``steps``.
    excluded : int
        How many disks must be left out.
    rows : tuple of str
        The row that gives the meaning, then the reasons of the verdict.
    """

    mode: str
    verdict: str
    meaning: str
    excluded: int
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Application or crash consistency, side by side.

    Attributes
    ----------
    lines : tuple of ModeLine
        One for each mode.
    recommended : str
        The mode to take; empty if neither is sure to be possible.
    reason : str
        Why, in the words of a row, or the difference between the two verdicts.
    rows : tuple of str
        The rows behind the reason.
    """

    lines: tuple[ModeLine, ...]
    recommended: str
    reason: str
    rows: tuple[str, ...]


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
        The mode, and the verdict after the changes.
    changes : tuple of Change
        All of them are needed.
    """

    mode: str
    verdict: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class VmPlan:
    """What to do for one VM.

    Attributes
    ----------
    vm : Vm
        The VM.
    mode : str
        The consistency mode that is planned; empty if none is sure to be possible.
    verdict : Verdict
        The verdict in that mode, or in application mode if there is none.
    comparison : Comparison
        Both modes side by side.
    steps : tuple of Step
        In order. For an unknown verdict only what settles it; empty for a VM that is not
        supported.
    not_saved : tuple of NotSaved
        What will not be in the restore point.
    what_if : tuple of WhatIf
        Smallest sets of changes for each mode in which the VM is not eligible.
    questions : tuple of Question
        What is missing, for an unknown verdict; also what keeps the answer about a copy open.
    encryption : tuple of EncryptionAnswer
        What becomes of the encryption of each disk.
    copy : CopyAnswer or None
        Whether and how the restore point can be copied, if a target region is asked for.
    schedule : Schedule or None
        How the schedule that is asked for stands against the limits.
    """

    vm: Vm
    mode: str
    verdict: Verdict
    comparison: Comparison
    steps: tuple[Step, ...]
    not_saved: tuple[NotSaved, ...]
    what_if: tuple[WhatIf, ...]
    questions: tuple[Question, ...]
    encryption: tuple[EncryptionAnswer, ...] = ()
    copy: CopyAnswer | None = None
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """VMs that are protected together: the members of an availability set or scale set.

    Attributes
    ----------
    kind, id : str
        ``availability_set`` or ``flexible_scale_set``, and its resource id.
    members : tuple of str
        Ids of the members in the plan.
    missing : tuple of str
        Ids of members that the input names but does not describe, or the plan leaves out.
    complete : bool
        Whether the input lists the members; if not, there may be more.
    ready : bool
        Whether the member list is complete, no member is missing and all are eligible.
    rows : tuple of str
        The rows that ask for all members.
    """

    kind: str
    id: str
    members: tuple[str, ...]
    missing: tuple[str, ...]
    complete: bool
    ready: bool
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What to do for one VM or many.

    Attributes
    ----------
    assessment : Assessment
        The verdicts it rests on.
    vms : tuple of VmPlan
        One for each VM.
    groups : tuple of Group
        VMs that have to be planned together.
    target_region : str
        Where copies go; empty if none is asked for.
    """

    assessment: Assessment
    vms: tuple[VmPlan, ...]
    groups: tuple[Group, ...]
    target_region: str = ""

    def commands(
        self, client: str = "azure_cli", *, phases: Iterable[str] = SAFE_PHASES
    ) -> tuple[Command, ...]:
        """Write the operations of the plan down for a client, in order.

        Parameters
        ----------
        client : str
            One of ``rpmatrix.commands.CLIENTS``.
        phases : iterable of str
            The parts of the plan to write. Restoring and cleaning up belong to another day, and
            deleting next to creating is an accident waiting for a paste: ask for them by name.
        """
        from rpmatrix.commands import write

        wanted = set(phases)
        return tuple(
            write(operation, client)
            for vm in self.vms
            for step in vm.steps
            if step.phase in wanted
            for operation in step.operations
        )

    def _repr_html_(self) -> str:
        from rpmatrix import report

        return report.plan(self)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of what a plan creates; the defaults are made of the VM's name.

    Attributes
    ----------
    collection, restore_point, target_collection : str
        Names to take instead of the defaults.
    resource_group, target_resource_group : str
        Resource groups to create in; that of the VM if they are empty.
    """

    collection: str = ""
    restore_point: str = ""
    target_collection: str = ""
    resource_group: str = ""
    target_resource_group: str = ""


# --------------------------------------------------------------------------- making a plan


def plan(
    assessment: Assessment,
    vms: str | Iterable[str] | None = None,
    *,
    mode: str | None = None,
    target_region: str = "",
    client: str = "azure_cli",
    every: timedelta | None = None,
    retention: Retention = None,
    names: Names | None = None,
) -> Plan:
    """Plan restore points for one VM or many.

    Parameters
    ----------
    assessment : Assessment
        The verdicts, in both modes; see :func:`rpmatrix.assess`.
    vms : str or iterable of str, optional
        Names or ids of the VMs; all of them if it is left out.
    mode : str, optional
        ``application`` or ``crash``; the recommended one if it is left out.
    target_region : str
        A region to copy the restore points to.
    client : str
        What the copy is asked for with: a value of the fact ``client``.
    every : timedelta, optional
        How often a restore point of the planned mode is to be created.
    retention : int, timedelta or None
        How many points, or for how long, they are kept; None keeps all.
    names : Names, optional
        Names of what is created.

    Raises
    ------
    PlanError
        If the mode is none, or the target region is that of the VM.
    rpmatrix.schedule.ScheduleError
        If the schedule makes no sense.
    LookupError
        If a VM is not in the inventory.
    """
    if mode is not None and mode not in MODES:
        raise PlanError(f"there is no mode {mode!r}; choose {' or '.join(MODES)}")
    inventory = assessment.inventory
    if vms is None:
        chosen: tuple[Vm, ...] = inventory.vms
    else:
        wanted = [vms] if isinstance(vms, str) else list(vms)
        chosen = tuple(inventory.vm(name) for name in wanted)
    planner = _Planner(assessment, target_region, client, every, retention, names or Names())
    plans = tuple(planner.plan(vm, mode) for vm in chosen)
    return Plan(assessment, plans, planner.groups(plans), target_region)


class _Planner:
    """Makes the plans of one assessment."""

    def __init__(
        self,
        assessment: Assessment,
        target_region: str,
        client: str,
        every: timedelta | None,
        retention: Retention,
        names: Names,
    ) -> None:
        self.client = client
        self.every = every
        self.retention = retention
        self.assessment = assessment
        self.matrix = assessment.matrix
        self.evaluator = assessment.evaluator
        self.target_region = target_region
        self.names = names
        self.rows = sorted(
            self.matrix.table("steps"),
            key=lambda row: (PHASES.index(row["phase"]), int(row["position"])),
        )

    def plan(self, vm: Vm, mode: str | None) -> VmPlan:
        facts = self.evaluator.read(vm)
        verdicts = {one.mode: one for one in self.evaluator.verdicts(facts)}
        comparison = self._compare(verdicts)
        planned = mode or comparison.recommended or _most_hopeful(verdicts)
        verdict = verdicts[planned]
        if self.target_region and region(self.target_region) == region(vm.location):
            raise PlanError(
                f"{vm.name} is in {vm.location} already; name another region to copy to"
            )
        copy = self._copy(vm, verdict) if self.target_region else None
        situation = self._situation(facts, verdict, copy)
        steps: tuple[Step, ...] = ()
        if verdict.verdict != "not_supported":
            steps = self._steps(facts, verdict, situation, copy)
        questions = (*verdict.missing, *(copy.questions if copy else ()))
        return VmPlan(
            vm,
            planned if verdict.verdict in ELIGIBLE else "",
            verdict,
            comparison,
            steps,
            self._not_saved(verdict) if verdict.verdict in ELIGIBLE else (),
            tuple(self._what_if(facts, verdicts)),
            tuple(dict.fromkeys(questions)),
            encryption_of(self.assessment, vm),
            copy,
            self._schedule(vm, verdict),
        )

    def _copy(self, vm: Vm, verdict: Verdict) -> CopyAnswer:
        return copy_of(
            self.assessment,
            vm,
            target_region=self.target_region,
            client=self.client,
            mode=verdict.mode,
        )

    def _schedule(self, vm: Vm, verdict: Verdict) -> Schedule | None:
        if self.every is None or verdict.verdict not in ELIGIBLE:
            return None
        application = self.every if verdict.mode == "application" else None
        crash = self.every if verdict.mode == "crash" else None
        return schedule_of(
            self.assessment,
            vm,
            application_every=application,
            crash_every=crash,
            retention=self.retention,
        )

    # ----- app or crash

    def _compare(self, verdicts: Mapping[str, Verdict]) -> Comparison:
        words = {
            row["value"]: row
            for row in self.rows
            if row["phase"] == "mode" and row["fact_id"] == "consistency_mode"
        }
        described = {
            row["value"]: row
            for row in reversed(self.rows)
            if row["phase"] == "mode" and row["fact_id"] == "consistency_mode"
        }
        lines = tuple(
            ModeLine(
                mode,
                verdicts[mode].verdict,
                described[mode]["advice"],
                len(verdicts[mode].exclude_disks),
                (described[mode].id, *verdicts[mode].reasons),
            )
            for mode in MODES
        )
        possible = [line for line in lines if line.verdict in ELIGIBLE]
        if not possible:
            return Comparison(lines, "", "", ())
        best = min(possible, key=lambda line: (line.excluded, MODES.index(line.mode)))
        others = [line for line in possible if line is not best]
        if others and others[0].excluded == best.excluded:
            preferred = words[best.mode]
            return Comparison(lines, best.mode, preferred["advice"], (preferred.id,))
        if others:
            gone = verdicts[others[0].mode].reasons
            reason = "; ".join(self._told(row_id) for row_id in gone)
            return Comparison(lines, best.mode, reason, gone)
        (against,) = (line for line in lines if line is not best)
        refused = verdicts[against.mode].reasons
        reason = "; ".join(self._told(row_id) for row_id in refused)
        return Comparison(lines, best.mode, reason, refused)

    def _told(self, row_id: str) -> str:
        row = self.matrix.row(row_id)
        return row.get("remedy") or row.get("caveat") or row["title"]

    # ----- steps

    def _situation(
        self, facts: VmFacts, verdict: Verdict, copy: CopyAnswer | None
    ) -> dict[str, str | int | None]:
        """Give the facts that steps depend on; None where one is not known."""
        excluded = {_place(disk) for disk in verdict.exclude_disks}
        kept = [one for one in facts.disks if _place(one.disk) not in excluded]
        situation: dict[str, str | int | None] = {
            name: reading.value for name, reading in facts.readings.items()
        }
        for name in {name for one in facts.disks for name in one.readings}:
            values = {one.readings[name].value for one in kept}
            situation[name] = "yes" if "yes" in values else (None if None in values else "no")
        answers = self.evaluator.request_answers(facts.vm)
        situation.update({name: reading.value for name, reading in answers.items()})
        situation.update(
            consistency_mode=verdict.mode,
            verdict=verdict.verdict,
            disks_excluded="yes" if verdict.exclude_disks else "no",
            target_region_differs="yes" if self.target_region else "no",
            copy_answer=copy.answer if copy else None,
        )
        return situation

    def _steps(
        self,
        facts: VmFacts,
        verdict: Verdict,
        situation: Mapping[str, str | int | None],
        copy: CopyAnswer | None,
    ) -> tuple[Step, ...]:
        unknown = verdict.verdict == "unknown"
        maker = _Operations(facts, verdict, copy, self.names, self.target_region)
        steps: list[Step] = []
        for row in self.rows:
            if row["phase"] == "mode" or unknown != (row["phase"] == "settle"):
                continue
            applies = _applies(row, situation)
            if row["phase"] == "copy":
                applies = _for_copy(row, applies, copy)
            if not applies:
                continue
            operations, blocked = maker.make(row["operation"]) if row["operation"] else ((), "")
            steps.append(
                Step(
                    number=len(steps) + 1,
                    id=row.id,
                    phase=row["phase"],
                    title=row["title"],
                    advice=row["advice"],
                    applies=applies,
                    rows=tuple(
                        dict.fromkeys((row.id, *row.members("row_ids"), *_why(row, verdict)))
                    ),
                    operations=operations,
                    blocked=blocked,
                )
            )
        return tuple(steps)

    def _not_saved(self, verdict: Verdict) -> tuple[NotSaved, ...]:
        found = [
            NotSaved(
                disk.label,
                "; ".join(self._told(row_id) for row_id in disk.rows),
                True,
                disk.rows,
            )
            for disk in verdict.exclude_disks
        ]
        for rows, certain in ((verdict.caveats, True), (verdict.possible_caveats, False)):
            for row_id in rows:
                row = self.matrix.row(row_id)
                if row["effect"] == "data_not_saved":
                    found.append(NotSaved(row["title"], row["caveat"], certain, (row_id,)))
        return tuple(found)

    # ----- what if

    def _what_if(self, facts: VmFacts, verdicts: Mapping[str, Verdict]) -> Iterator[WhatIf]:
        rows = [row for row in self.matrix.table("changes") if _changed(facts, row)]
        for mode, verdict in verdicts.items():
            if verdict.verdict in ELIGIBLE:
                continue
            smallest = 0
            for size in range(1, min(MOST_CHANGES, len(rows)) + 1):
                if smallest:
                    break
                for chosen in combinations(rows, size):
                    after = self._after(facts, chosen)
                    found = next(one for one in self.evaluator.verdicts(after) if one.mode == mode)
                    if found.verdict in ELIGIBLE:
                        smallest = size
                        yield WhatIf(
                            mode, found.verdict, tuple(_change(facts, row) for row in chosen)
                        )

    @staticmethod
    def _after(facts: VmFacts, rows: Sequence[Row]) -> VmFacts:
        for row in rows:
            facts = _changed(facts, row) or facts
        return facts

    # ----- groups

    def groups(self, plans: Sequence[VmPlan]) -> tuple[Group, ...]:
        """Find the sets whose members have to be planned together."""
        planned = {one.vm.key: one for one in plans}
        found = []
        for (kind, key), members in vm_groups(self.assessment.inventory).items():
            mine = [vm for vm in members if vm.key in planned]
            if not mine:
                continue
            listed = listed_members(self.assessment.inventory, key)
            left_out = [vm.id for vm in members if vm.key not in planned]
            described = {vm.key for vm in members}
            undescribed = [one for one in listed or () if one.lower() not in described]
            missing = (*left_out, *undescribed)
            eligible = all(planned[vm.key].verdict.verdict in ELIGIBLE for vm in mine)
            found.append(
                Group(
                    kind,
                    key,
                    tuple(vm.id for vm in mine),
                    missing,
                    listed is not None,
                    listed is not None and not missing and eligible,
                    self._together(planned[vm.key].verdict for vm in mine),
                )
            )
        return tuple(found)

    def _together(self, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
        caveats = dict.fromkeys(row for verdict in verdicts for row in verdict.caveats)
        wanted = (row for row in caveats if self.matrix.row(row)["effect"] == "members_together")
        return tuple(wanted)


def _most_hopeful(verdicts: Mapping[str, Verdict]) -> str:
    return min(MODES, key=lambda mode: (verdicts[mode].verdict != "unknown", MODES.index(mode)))


def _place(disk: Disk | ExcludedDisk) -> tuple[str, int | None, str | None]:
    return disk.role, disk.lun, disk.id


def _applies(row: Row, situation: Mapping[str, str | int | None]) -> str:
    if not row["fact_id"]:
        return "yes"
    known = situation.get(row["fact_id"])
    if known is None:
        return "unknown"
    return "yes" if holds(row["operator"], known, row["value"]) else ""


def _for_copy(row: Row, applies: str, copy: CopyAnswer | None) -> str:
    """Let the answer about the copy decide over the steps of copying."""
    if copy is None:
        return ""
    if row["fact_id"] == "copy_answer" or not applies:
        return applies
    return COPY_STEPS[copy.answer]


def _why(row: Row, verdict: Verdict) -> tuple[str, ...]:
    """Give the rows of the verdict that call for a step about exclusion or about settling."""
    if row["fact_id"] == "disks_excluded":
        return tuple(one for disk in verdict.exclude_disks for one in disk.rows)
    return verdict.reasons if row["fact_id"] == "verdict" else ()


def _changed(facts: VmFacts, row: Row) -> VmFacts | None:
    """Give the facts after a change, or None if there is nothing that it would change."""
    name, leaves = row["fact_id"], row.members("from_value")

    def turned(readings: Mapping[str, Reading]) -> Mapping[str, Reading] | None:
        reading = readings.get(name)
        if reading is None or str(reading.value) not in leaves:
            return None
        value: str | int = row["to_value"]
        if isinstance(reading.value, int):
            value = int(value)
        return {**readings, name: Reading(value, "answered")}

    on_vm = turned(facts.readings)
    if on_vm is not None:
        return VmFacts(facts.vm, on_vm, facts.disks)
    disks = tuple(
        DiskFacts(one.disk, new) if (new := turned(one.readings)) is not None else one
        for one in facts.disks
    )
    return VmFacts(facts.vm, facts.readings, disks) if disks != facts.disks else None


def _change(facts: VmFacts, row: Row) -> Change:
    after = _changed(facts, row) or facts
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


# --------------------------------------------------------------------------- operations


class _InCollection(TypedDict):
    subscription_id: str
    resource_group: str
    collection: str


class _InPoint(_InCollection):
    restore_point: str


@dataclass
class _Operations:
    """Makes the operations of a plan, out of the ids that the records show."""

    facts: VmFacts
    verdict: Verdict
    copy: CopyAnswer | None
    names: Names
    target_region: str
    _existing: Record | None = field(init=False)

    def __post_init__(self) -> None:
        collections = self.facts.vm.related.get("restore_point_collection", ())
        self._existing = collections[0] if collections else None

    @property
    def _vm(self) -> Vm:
        return self.facts.vm

    def make(self, operation: str) -> tuple[tuple[Operation, ...], str]:
        """Make the operations of one step, or say why there are none."""
        if "virtualmachines/" not in self._vm.key or "[" in self._vm.id or "{" in self._vm.id:
            return (), "the input does not show the resource id of the VM"
        try:
            return tuple(getattr(self, f"_{operation}")()), ""
        except _NotKnownError as missing:
            return (), str(missing)
        except ValueError as error:
            return (), str(error)

    @property
    def _group(self) -> str:
        if self._existing is not None:
            return id_parts(str(self._existing.body["id"])).get("resource_group", "")
        return self.names.resource_group or self._vm.resource_group

    @property
    def _collection(self) -> _InCollection:
        name = self.names.collection or f"{self._vm.name}-restore-points"
        if self._existing is not None:
            name = last_part(str(self._existing.body["id"]))
        return {
            "subscription_id": self._vm.subscription_id,
            "resource_group": self._group,
            "collection": name,
        }

    @property
    def _point(self) -> _InPoint:
        name = self.names.restore_point or f"{self._vm.name}-{self.verdict.mode}-1"
        return {**self._collection, "restore_point": name}

    @property
    def _target(self) -> _InCollection:
        source = self._collection["collection"]
        return {
            "subscription_id": self._vm.subscription_id,
            "resource_group": self.names.target_resource_group or self._group,
            "collection": self.names.target_collection or f"{source}-{region(self.target_region)}",
        }

    @property
    def _copied_point(self) -> _InPoint:
        return {**self._target, "restore_point": self._point["restore_point"]}

    def _show(self) -> Iterator[Operation]:
        return self._showing(self.verdict.missing)

    def _show_for_copy(self) -> Iterator[Operation]:
        return self._showing(self.copy.questions if self.copy else ())

    def _showing(self, questions: Sequence[Question]) -> Iterator[Operation]:
        """Show the records that a person would need to answer the questions."""
        disks = {question.disk for question in questions if question.disk}
        on_vm = any(question.fact_id in self.facts.readings for question in questions)
        if on_vm or any(not one.disk.listed for one in self.facts.disks):
            yield ShowVm(vm_id=self._vm.id, instance_view=on_vm)
        for one in self.facts.disks:
            if one.disk.label in disks and one.disk.id:
                yield ShowDisk(disk_id=one.disk.id)

    def _show_instance_view(self) -> Iterator[Operation]:
        yield ShowVm(vm_id=self._vm.id, instance_view=True)

    def _list_restore_points(self) -> Iterator[Operation]:
        if self._existing is not None:
            yield ListRestorePoints(**self._collection)

    def _create_collection(self) -> Iterator[Operation]:
        if self._existing is None:
            if not self._vm.location:
                raise _NotKnownError("the input does not show the region of the VM")
            yield CreateCollection(
                **self._collection, location=self._vm.location, source_id=self._vm.id
            )

    def _create_restore_point(self) -> Iterator[Operation]:
        ids = []
        for disk in self.verdict.exclude_disks:
            if not disk.id:
                raise _NotKnownError(
                    f"the input does not show the resource id of {disk.label}, which must be "
                    "excluded; show the VM again once the disk has one"
                )
            ids.append(disk.id)
        mode: Final = "crash" if self.verdict.mode == "crash" else "application"
        yield CreateRestorePoint(**self._point, consistency_mode=mode, exclude_disk_ids=tuple(ids))

    def _follow_progress(self) -> Iterator[Operation]:
        yield FollowProgress(**self._point)

    def _list_disk_restore_points(self) -> Iterator[Operation]:
        yield ListDiskRestorePoints(**self._point)

    def _create_target_collection(self) -> Iterator[Operation]:
        source = CreateCollection(
            **self._collection, location=self._vm.location or "x", source_id=self._vm.id
        )
        yield CreateCollection(
            **self._target, location=region(self.target_region), source_id=source.collection_id
        )

    def _copy_restore_point(self) -> Iterator[Operation]:
        source = FollowProgress(**self._point)
        yield CopyRestorePoint(
            **self._copied_point, source_restore_point_id=source.restore_point_id
        )

    def _follow_copy(self) -> Iterator[Operation]:
        yield FollowProgress(**self._copied_point)

    def _create_disk(self) -> Iterator[Operation]:
        excluded = {_place(disk) for disk in self.verdict.exclude_disks}
        point = FollowProgress(**self._point)
        for one in self.facts.disks:
            sku = one.readings.get("disk_sku")
            if _place(one.disk) in excluded or sku is None or sku.value is None:
                continue
            disk = one.disk.name or last_part(one.disk.id or "")
            if not disk:
                continue
            # The service ends the name with a unique part that is not known beforehand.
            listed = f"{point.restore_point_id}/diskRestorePoints/{DISK_RESTORE_POINT_NAME}"
            yield CreateDisk(
                subscription_id=self._vm.subscription_id,
                resource_group=self._vm.resource_group,
                disk=f"{disk}-restored",
                location=self._vm.location,
                disk_restore_point_id=listed,
                sku=str(sku.value),
            )

    def _delete_restore_point(self) -> Iterator[Operation]:
        yield DeleteRestorePoint(**self._point)

    def _delete_collection(self) -> Iterator[Operation]:
        yield DeleteCollection(**self._collection)


class _NotKnownError(Exception):
    """Something that an operation needs is not in the input."""
