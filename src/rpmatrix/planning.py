"""What to do with a verdict: steps, operations, what is not saved, and what would change it.

A plan is made of the rows of the table ``steps``; each of its sentences carries the id of the row
that says it. For an unknown verdict the plan is to settle it, and for a VM that is not supported
there are no steps, only the changes of the table ``changes`` that would make it eligible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cached_property
from itertools import combinations, count
from typing import TYPE_CHECKING, Final, TypedDict, get_args

from rpmatrix.eligibility import (
    Assessment,
    ExcludedDisk,
    Question,
    Verdict,
    VerdictTable,
    check_answer,
)
from rpmatrix.encryption import (
    API_VERSION,
    CLIENT,
    CopyAnswer,
    EncryptionAnswer,
    copy_of,
    encryption_of,
)
from rpmatrix.facts import DiskFacts, Reading, VmFacts
from rpmatrix.inventory import Disk, Inventory, Vm, listed_members, vm_groups
from rpmatrix.matrix import MODES, Matrix
from rpmatrix.operations import (
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
    api_versions,
)
from rpmatrix.records import Record, id_parts, is_expression, last_part, look, region
from rpmatrix.rules import holds
from rpmatrix.schedule import Retention, Schedule, schedule_of
from rpmatrix.tables import Row

if TYPE_CHECKING:
    from rpmatrix.commands import Command

ELIGIBLE: Final = ("supported", "exclude_disks")
MOST_CHANGES: Final = 3
SAFE_PHASES: Final = ("settle", "prerequisite", "collection", "create", "follow", "copy")
# What looks at things that are there can be run at any time.
LOOKING: Final = ("show", "show_for_copy", "show_instance_view", "list_restore_points")
# Here a step that may not apply shows nothing to run: it would send data out, or delete it.
SETTLED_FIRST: Final = ("copy", "clean_up")
# A copy that is refused is no step; one that is not settled is a step that may not be taken.
COPY_STEPS: Final = {
    "supported": "yes",
    "supported_with_caveat": "yes",
    "unknown": "unknown",
    "not_supported": "",
}
PHASES: Final = ("mode", *SAFE_PHASES, "restore", "clean_up")
DISK_RESTORE_POINT_NAME: Final = "DISK_RESTORE_POINT_NAME"
"""Stands for the name of a disk restore point, which the service ends with a part of its own."""

# Azure takes names of disks up to this length, and no source names another one for collections.
NAME_LENGTH: Final = 80
# Azure Backup makes collections of its own, which are not for others to write into.
BACKUP_COLLECTIONS: Final = "azurebackup_"


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
        Why there is nothing to run although the step calls for it, else empty: something is not
        known, comes later, or is there already.
    purpose : str
        What others look for it for, as ``steps`` says, such as ``disk_names``; mostly empty.
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
    purpose: str = ""


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
        What the mode is, in the words of a row of ``steps``; empty if a layer withdraws it.
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

    @property
    def refused(self) -> bool:
        """Whether both modes are surely impossible."""
        return all(line.verdict == "not_supported" for line in self.lines)


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
    whole : bool
        False if only mode, verdict and comparison were asked for, and nothing else is filled in.
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
    whole: bool = True


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
    client : str
        What the copy is asked for with, and what its commands are written for.
    """

    assessment: Assessment
    vms: tuple[VmPlan, ...]
    groups: tuple[Group, ...]
    target_region: str = ""
    client: str = "azure_cli"

    def commands(
        self, client: str = "", *, phases: Iterable[str] = SAFE_PHASES
    ) -> tuple[Command, ...]:
        """Write the operations of the plan down for a client, in order.

        Parameters
        ----------
        client : str
            One of ``rpmatrix.commands.CLIENTS``; that of the plan if it is left out.
        phases : iterable of str
            The parts of the plan to write. Restoring and cleaning up belong to another day, and
            deleting next to creating is an accident waiting for a paste: ask for them by name.
        """
        from rpmatrix.commands import write

        wanted = set(phases)
        written: dict[tuple[str, Operation], Command] = {}
        for vm in self.vms:
            for step in vm.steps:
                if step.phase in wanted:
                    # What several VMs need, such as a list of all collections, is asked for once.
                    for operation in step.operations:
                        if (step.phase, operation) not in written:
                            written[step.phase, operation] = write(
                                operation, client or self.client, matrix=self.assessment.matrix
                            )
        return tuple(written.values())

    def __repr__(self) -> str:
        planned = Counter(vm.mode or _why_not(vm) for vm in self.vms)
        counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in planned.items())
        target = f"; copies to {self.target_region}" if self.target_region else ""
        return f"Plan({counts or 'no VM'}{target}; {self.client})"

    def _repr_html_(self) -> str:
        from rpmatrix import report

        return report.plan(self)


def _why_not(vm: VmPlan) -> str:
    alike = len({line.verdict for line in vm.comparison.lines}) == 1
    return f"{vm.verdict.verdict} in {'any' if alike else vm.verdict.mode} mode"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of what a plan creates; the defaults are made of the VM's name.

    A collection that the input shows for the VM is used and none created, unless `collection`
    names another one. A default name is not one that the input shows as taken.

    Attributes
    ----------
    collection, restore_point, target_collection : str
        Names to take instead of the defaults.
    resource_group, target_resource_group : str
        Resource groups to create in; that of the VM, and that of the source collection, if they
        are empty.
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
    whole: int | None = None,
    progress: Callable[[int], None] | None = None,
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
        What is used: a value of the fact ``client``. The copy may hang on it.
    every : timedelta, optional
        How often a restore point of the planned mode is to be created.
    retention : int, timedelta or None
        How many points, or for how long, they are kept; None keeps all.
    names : Names, optional
        Names of what is created.
    whole : int, optional
        For how many of the VMs, from the first on, a whole plan is made; of the others only mode,
        verdict and comparison are given. All of them if it is left out.
    progress : callable, optional
        Called with the number of VMs done so far.

    Raises
    ------
    PlanError
        If the mode is none, the target region is that of every VM, or a name cannot be: it is no
        name, belongs to a collection of another VM, or to a restore point that is there.
    rpmatrix.eligibility.AnswerError
        If the target region or the client is none.
    rpmatrix.schedule.ScheduleError
        If the schedule makes no sense.
    LookupError
        If a VM is not in the inventory.
    """
    if mode is not None and mode not in MODES:
        raise PlanError(f"there is no mode {mode!r}; choose {' or '.join(MODES)}")
    client = check_answer(assessment.matrix, CLIENT, client)
    names = names or Names()
    for field, name in asdict(names).items():
        try:
            ListRestorePoints(subscription_id=field, resource_group=field, collection=name or field)
        except ValueError as error:
            said = str(error).partition(" ")[2]
            raise PlanError(f"the name of the {field.replace('_', ' ')} {said}") from None
    inventory = assessment.inventory
    if vms is None:
        chosen: tuple[Vm, ...] = inventory.vms
    else:
        wanted = [vms] if isinstance(vms, str) else list(vms)
        chosen = tuple(dict.fromkeys(inventory.vm(name) for name in wanted))
    if target_region and all(region(vm.location) == region(target_region) for vm in chosen):
        # Of several VMs, those that are there already are told so by the rules of copying.
        for vm in chosen:
            raise PlanError(
                f"{vm.name} is in {vm.location} already; name another region to copy to"
            )
    planner = _Planner(assessment, target_region, client, every, retention, names)
    plans = []
    for place, vm in enumerate(chosen):
        plans.append(planner.plan(vm, mode, whole=whole is None or place < whole))
        if progress:
            progress(place + 1)
    return Plan(assessment, tuple(plans), planner.groups(plans), target_region, client)


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
        self.assessment = _in_both_modes(assessment)
        self.matrix = assessment.matrix
        self.evaluator = assessment.evaluator
        self.target_region = target_region
        self.places = _Places(assessment.inventory, names)
        self.rows = sorted(
            self.matrix.table("steps"),
            key=lambda row: (PHASES.index(row["phase"]), int(row["position"])),
        )

    def plan(self, vm: Vm, mode: str | None, *, whole: bool) -> VmPlan:
        if whole:
            facts = self.evaluator.read(vm)
            verdicts = {one.mode: one for one in self.evaluator.verdicts(facts)}
        else:
            verdicts = {one.mode: one for one in self.evaluator.judge(vm)}
        comparison = self._compare(verdicts)
        planned = mode or comparison.recommended or _most_hopeful(verdicts)
        verdict = verdicts[planned]
        if not whole:
            shown = planned if verdict.verdict in ELIGIBLE else ""
            return VmPlan(vm, shown, verdict, comparison, (), (), (), (), whole=False)
        copy = self._copy(vm, verdict) if self.target_region else None
        encryption = encryption_of(self.assessment, vm)
        steps: tuple[Step, ...] = ()
        if verdict.verdict != "not_supported":
            steps = self._steps(facts, verdict, copy, encryption)
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
            encryption,
            copy,
            self._schedule(vm, verdict),
        )

    def _copy(self, vm: Vm, verdict: Verdict) -> CopyAnswer:
        answered = API_VERSION in self.evaluator.request_answers(vm)
        return copy_of(
            self.assessment,
            vm,
            target_region=self.target_region,
            client=self.client,
            mode=verdict.mode,
            # The commands of the plan send a version that they choose themselves.
            api_version=None if answered else api_versions(self.matrix).generally_known["compute"],
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
        lines = tuple(self._mode_line(mode, verdicts[mode]) for mode in MODES)
        possible = [line for line in lines if line.verdict in ELIGIBLE]
        if not possible:
            return Comparison(lines, "", "", ())
        best = min(possible, key=lambda line: (line.excluded, MODES.index(line.mode)))
        (other,) = (line for line in lines if line is not best)
        if (other.verdict, other.excluded) == (best.verdict, best.excluded):
            return Comparison(lines, best.mode, *self._said("mode_preference", best.mode))
        # What speaks against the other mode: it decides there, or keeps the verdict open.
        against = verdicts[other.mode].reasons
        advice, rows = self._said("sure_mode", other.verdict)
        if rows:
            return Comparison(lines, best.mode, advice, (*rows, *against))
        reason = " ".join(dict.fromkeys(self._told(row_id) for row_id in against))
        return Comparison(lines, best.mode, reason, against)

    def _mode_line(self, mode: str, verdict: Verdict) -> ModeLine:
        meaning, rows = self._said("mode_meaning", mode)
        excluded = len(verdict.exclude_disks)
        return ModeLine(mode, verdict.verdict, meaning, excluded, (*rows, *verdict.reasons))

    def _said(self, purpose: str, value: str) -> tuple[str, tuple[str, ...]]:
        """Give what ``steps`` says of a mode or a verdict, and its row; nothing if none does."""
        for row in self.rows:
            if row["purpose"] == purpose and row["value"] == value:
                return row["advice"], (row.id,)
        return "", ()

    def _told(self, row_id: str) -> str:
        row = self.matrix.row(row_id)
        told = (f"{row['title']}.", row.get("caveat"), row.get("remedy"))
        return " ".join(one for one in told if one)

    # ----- steps

    def _situation(
        self, facts: VmFacts, verdict: Verdict, copy: CopyAnswer | None
    ) -> dict[str, tuple[str | int | None, ...]]:
        """Give the facts that steps depend on, each with its values; None is one not known.

        A fact about disks has a value for each disk that is kept.
        """
        excluded = {_place(disk) for disk in verdict.exclude_disks}
        kept = [one for one in facts.disks if _place(one.disk) not in excluded]
        read = self.evaluator.reading
        situation: dict[str, tuple[str | int | None, ...]] = {
            name: (read(name, facts.readings).value,) for name in facts.readings
        }
        for name in {name for one in facts.disks for name in one.readings}:
            situation[name] = tuple(read(name, one.readings).value for one in kept)
        answers = self.evaluator.request_answers(facts.vm)
        situation |= {name: (reading.value,) for name, reading in answers.items()}
        return situation | {
            "consistency_mode": (verdict.mode,),
            "verdict": (verdict.verdict,),
            "disks_excluded": ("yes" if verdict.exclude_disks else "no",),
            "disks_left": (_disks_left(kept) if excluded else "all",),
            "target_region_differs": ("yes" if copy else "no",),
            "copy_answer": (copy.answer,) if copy else (),
        }

    def _steps(
        self,
        facts: VmFacts,
        verdict: Verdict,
        copy: CopyAnswer | None,
        encryption: Sequence[EncryptionAnswer],
    ) -> tuple[Step, ...]:
        unknown = verdict.verdict == "unknown"
        situation = self._situation(facts, verdict, copy)
        maker = _Operations(
            self.matrix, facts, verdict, copy, encryption, self.places, self.target_region
        )
        steps: list[Step] = []
        waits_for = 0
        for row in self.rows:
            if row["phase"] == "mode" or unknown != (row["phase"] == "settle"):
                continue
            applies = _applies(row, situation)
            if row["phase"] == "copy":
                applies = _for_copy(row, applies, copy)
            if not applies:
                continue
            number = len(steps) + 1
            made = _Made()
            if row["operation"] and applies == "unknown" and row["phase"] in SETTLED_FIRST:
                made = _Made(blocked="it is not known whether this is to be done; settle it first")
            elif row["operation"]:
                made = maker.make(row["operation"])
            if made.waits and not waits_for and row["phase"] in ("collection", "create"):
                waits_for = number
            elif made.operations and waits_for and row["operation"] not in LOOKING:
                made = _Made(blocked=f"it comes after step {waits_for}, which cannot be run yet")
            steps.append(
                Step(
                    number=number,
                    id=row.id,
                    phase=row["phase"],
                    title=row["title"],
                    advice=row["advice"],
                    applies=applies,
                    rows=tuple(
                        dict.fromkeys((row.id, *row.members("row_ids"), *_why(row, verdict, copy)))
                    ),
                    operations=made.operations,
                    blocked=made.blocked,
                    purpose=row["purpose"],
                )
            )
        return tuple(steps)

    def _not_saved(self, verdict: Verdict) -> tuple[NotSaved, ...]:
        found = [
            NotSaved(
                disk.label,
                " ".join(self._told(row_id) for row_id in disk.rows),
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
            if verdict.floor in ELIGIBLE:
                continue
            smallest = 0
            for size in range(1, min(MOST_CHANGES, len(rows)) + 1):
                if smallest:
                    break
                for chosen in combinations(rows, size):
                    after = self._after(facts, chosen)
                    found = next(one for one in self.evaluator.verdicts(after) if one.mode == mode)
                    if found.floor in ELIGIBLE:
                        smallest = size
                        changes = tuple(_change(facts, row) for row in chosen)
                        yield WhatIf(mode, found.floor, changes)

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
            rows = self._together(planned[vm.key].verdict for vm in mine)
            if not rows:  # no member of the plan is in the set, or none has to be with the others
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
                    rows,
                )
            )
        return tuple(found)

    def _together(self, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
        told = (row for one in verdicts for row in (*one.caveats, *one.possible_caveats))
        wanted = (row for row in told if self.matrix.row(row)["effect"] == "members_together")
        return tuple(dict.fromkeys(wanted))


def _in_both_modes(assessment: Assessment) -> Assessment:
    """Fill in the mode that was not asked for: a plan compares them."""
    if {one.mode for one in assessment.verdicts} == set(MODES):
        return assessment
    evaluator = assessment.evaluator
    found = [
        verdict
        for vm in assessment.inventory.vms
        for verdict in evaluator.verdicts(evaluator.read(vm))
    ]
    return replace(assessment, verdicts=VerdictTable(found))


def _most_hopeful(verdicts: Mapping[str, Verdict]) -> str:
    return min(MODES, key=lambda mode: (verdicts[mode].verdict != "unknown", MODES.index(mode)))


def _place(disk: Disk | ExcludedDisk) -> tuple[str, int | None, str | None]:
    return disk.role, disk.lun, disk.id


def _disks_left(kept: Sequence[DiskFacts]) -> str:
    """Give the value of the fact ``disks_left`` where disks are excluded."""
    roles = sorted({one.disk.role for one in kept})
    return {"data": "data_only", "os": "os_only", "": "none"}.get("".join(roles), "os_and_data")


def _applies(row: Row, situation: Mapping[str, tuple[str | int | None, ...]]) -> str:
    if not row["fact_id"]:
        return "yes"
    known = situation.get(row["fact_id"], (None,))
    if any(one is not None and holds(row["operator"], one, row["value"]) for one in known):
        return "yes"
    return "unknown" if None in known else ""


def _for_copy(row: Row, applies: str, copy: CopyAnswer | None) -> str:
    """Let the answer about the copy decide over the steps of copying."""
    if copy is None:
        return ""
    if row["fact_id"] == "copy_answer" or not applies:
        return applies
    possible = COPY_STEPS[copy.answer]
    return applies if possible == "yes" else possible


def _why(row: Row, verdict: Verdict, copy: CopyAnswer | None) -> tuple[str, ...]:
    """Give the rows that call for a step about exclusion or about settling."""
    if row["fact_id"] == "disks_excluded":
        return tuple(one for disk in verdict.exclude_disks for one in disk.rows)
    if row["fact_id"] == "copy_answer" and copy and copy.answer == "unknown":
        return copy.reasons
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


# --------------------------------------------------------------------------- places and names


class _InCollection(TypedDict):
    subscription_id: str
    resource_group: str
    collection: str


class _InPoint(_InCollection):
    restore_point: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A restore point collection: where it is, and the records that show it, if it is there."""

    within: _InCollection
    records: tuple[Record, ...] = ()

    @property
    def id(self) -> str:
        return ListRestorePoints(**self.within).collection_id

    @property
    def title(self) -> str:
        return f"{self.within['collection']} in {self.within['resource_group']}"


class _Places:
    """Finds the collections that are there, and names for what is not there yet.

    One for a whole plan: a name that it has given to one VM is no longer free for another.
    """

    def __init__(self, inventory: Inventory, names: Names) -> None:
        self.names = names
        self._inventory = inventory
        self._there: dict[str, list[Record]] = {}
        self._of_source: dict[str, list[str]] = {}
        for record in inventory.of_kind("restore_point_collection"):
            if id_parts(record.key).get("type", "").endswith("/restorepointcollections"):
                self._there.setdefault(record.key, []).append(record)
                mine = self._of_source.setdefault(_source(record), [])
                mine += [record.key] if record.key not in mine else []
        self._points: dict[str, list[Record]] = {}
        for record in inventory.of_kind("restore_point"):
            parent = id_parts(record.key).get("parent", "")
            self._points.setdefault(parent, []).append(record)
        self._disks = {record.key for record in inventory.disks}
        self._taken: dict[str, str] = {}

    def of_vm(self, vm: Vm) -> _Place:
        """Give the collection of a VM: the one that is there, or one to be created.

        Raises
        ------
        PlanError
            If the collection that is asked for by name belongs to another VM.
        """
        there = [key for key in self._of_source.get(vm.key, ()) if _own(key)]
        asked, group = self.names.collection, self.names.resource_group
        if found := self._named(there, asked, group):
            return found
        stem = last_part(vm.id)
        return self._new(vm, group or vm.resource_group, asked, stem, "-restore-points")

    def in_region(self, vm: Vm, source: _Place, target: str) -> _Place:
        """Give the collection that takes the copies out of another one.

        Raises
        ------
        PlanError
            If the collection that is asked for by name has another source.
        """
        there = [
            key
            for key in self._of_source.get(source.id.lower(), ())
            if any(region(_text(one, "location")) == target for one in self._there[key])
        ]
        asked, group = self.names.target_collection, self.names.target_resource_group
        if found := self._named(there, asked, group):
            return found
        stem = source.within["collection"]
        group = group or source.within["resource_group"]
        return self._new(vm, group, asked, stem, f"-{target}", source.id)

    def _named(self, keys: Iterable[str], asked: str, group: str) -> _Place | None:
        """Give the first collection, or the one that is asked for by name; None if it is none.

        A resource group alone says where to create, not what to leave unused.
        """
        for place in map(self._place, keys):
            name, there = place.within["collection"], place.within["resource_group"]
            meant = name.lower() == asked.lower() and group.lower() in ("", there.lower())
            if meant or not asked:
                return place
        return None

    def _place(self, key: str) -> _Place:
        records = self._there[key]
        shown = _text(records[0], "id")
        parts = id_parts(shown)
        within: _InCollection = {
            "subscription_id": parts["subscription_id"],
            "resource_group": parts["resource_group"],
            "collection": last_part(shown),
        }
        return _Place(within, tuple(records))

    def _new(
        self, vm: Vm, group: str, asked: str, stem: str, suffix: str, source: str = ""
    ) -> _Place:
        user = (source or vm.id).lower()
        for name in (asked,) if asked else _candidates(stem, suffix):
            within: _InCollection = {
                "subscription_id": vm.subscription_id,
                "resource_group": group,
                "collection": name,
            }
            found = _Place(within)
            key = found.id.lower()
            holder = self._taken.get(key) or next(map(_source, self._there.get(key, ())), "")
            if holder in ("", user):
                self._taken[key] = user
                return found
        raise PlanError(
            f"the restore point collection {found.title} cannot serve {vm.name}: a collection "
            f"has one source, and that of this one is {holder}; name another one, or none"
        )

    def point(self, vm: Vm, mode: str, places: Iterable[_Place]) -> str:
        """Give a name for a restore point: a restore point that is there cannot be changed.

        Raises
        ------
        PlanError
            If the name that is asked for is taken.
        _NotKnownError
            If it is not known which names are taken.
        """
        asked = self.names.restore_point
        taken: set[str] = set()
        for place in places:
            shown = self._names_of_points(place)
            if shown is None and not asked:
                raise _NotKnownError(
                    f"the input does not list the restore points of {place.title}, so it is not "
                    "known which names are free; list them and plan again, or give a name"
                )
            taken |= shown or set()
        if asked and asked.lower() in taken:
            raise PlanError(
                f"{vm.name} has a restore point {asked} already, and a restore point cannot be "
                "changed; choose another name"
            )
        stem = f"{last_part(vm.id)}-{mode}-"
        numbers = [
            int(name[len(stem) :])
            for name in taken
            if name.startswith(stem.lower()) and name[len(stem) :].isdecimal()
        ]
        return asked or f"{stem}{max(numbers, default=0) + 1}"

    def _names_of_points(self, place: _Place) -> set[str] | None:
        """Give the names of the points of a collection; None if nothing lists them."""
        alone = self._points.get(place.id.lower(), [])
        lists = [record.body.get("restorepoints") for record in place.records]
        listed = [one for one in lists if isinstance(one, list)]
        if place.records and not listed and not alone:
            return None
        bodies = [body for one in listed for body in one if isinstance(body, dict)]
        names = {str(body.get("name") or last_part(str(body.get("id") or ""))) for body in bodies}
        return {name.lower() for name in (*names, *(last_part(one.key) for one in alone))}

    def disk(self, vm: Vm, name: str) -> str:
        """Give a name for a disk that is restored."""
        group = f"/subscriptions/{vm.subscription_id}/resourcegroups/{vm.resource_group}"
        keys = (
            (found, f"{group}/providers/microsoft.compute/disks/{found}".lower())
            for found in _candidates(name, "-restored")
        )
        found, key = next((found, key) for found, key in keys if key not in self._disks)
        self._disks.add(key)
        return found

    def left_behind(self, vm: Vm) -> _Place:
        """Give the collection that a VM has left behind where it was before a move.

        Raises
        ------
        _NotKnownError
            If none is shown, or several, so that one of them may be another VM's.
        """
        described = {one.key for one in self._inventory.vms}
        found = [
            key
            for source, keys in self._of_source.items()
            if source not in described and last_part(source) == last_part(vm.key)
            if id_parts(source).get("type", "").endswith("/virtualmachines")
            for key in keys
            if _own(key)
        ]
        if len(found) != 1:
            raise _NotKnownError(
                f"the input shows {len(found) or 'no'} restore point collections of a VM of this "
                "name with another resource id, so the one to delete is not known"
            )
        return self._place(found[0])


def _source(record: Record) -> str:
    return _text(record, "source", "id").rstrip("/").lower()


def _text(record: Record, *path: str) -> str:
    value = look(record.body, path)
    return value if isinstance(value, str) else ""


def _own(collection_key: str) -> bool:
    return not last_part(collection_key).startswith(BACKUP_COLLECTIONS)


def _candidates(stem: str, suffix: str) -> Iterator[str]:
    """Give names that fit, first without a number."""
    for number in count(1):
        ending = suffix if number == 1 else f"{suffix}-{number}"
        yield f"{stem[: NAME_LENGTH - len(ending)]}{ending}"


# --------------------------------------------------------------------------- operations


@dataclass(frozen=True, slots=True)
class _Made:
    """The operations of one step, or why there are none; `waits` if later ones depend on it."""

    operations: tuple[Operation, ...] = ()
    blocked: str = ""
    waits: bool = False


@dataclass
class _Operations:
    """Makes the operations of the plan for one VM, out of the ids that the records show."""

    matrix: Matrix
    facts: VmFacts
    verdict: Verdict
    copy: CopyAnswer | None
    encryption: Sequence[EncryptionAnswer]
    places: _Places
    target_region: str

    def make(self, operation: str) -> _Made:
        """Make the operations of one step."""
        if "virtualmachines/" not in self._vm.key or "[" in self._vm.id or "{" in self._vm.id:
            return _Made(blocked="the input does not show the resource id of the VM", waits=True)
        try:
            return _Made(tuple(getattr(self, f"_{operation}")()))
        except PlanError:
            raise
        except _DoneError as done:
            return _Made(blocked=str(done))
        except (_NotKnownError, ValueError) as missing:
            return _Made(blocked=str(missing), waits=True)

    # ----- where

    @property
    def _vm(self) -> Vm:
        return self.facts.vm

    @cached_property
    def _collection(self) -> _Place:
        return self.places.of_vm(self._vm)

    @cached_property
    def _target(self) -> _Place:
        return self.places.in_region(self._vm, self._collection, region(self.target_region))

    @cached_property
    def _name_of_point(self) -> str:
        within = [self._collection]
        if self.copy and self.copy.answer != "not_supported":
            within.append(self._target)
        return self.places.point(self._vm, self.verdict.mode, within)

    @property
    def _point(self) -> _InPoint:
        return {**self._collection.within, "restore_point": self._name_of_point}

    @property
    def _copied_point(self) -> _InPoint:
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
            raise _NotKnownError("the input does not show the region of the VM")
        yield CreateCollection(
            **self._collection.within, location=self._vm.location, source_id=self._vm.id
        )

    def _create_restore_point(self) -> Iterator[Operation]:
        ids = []
        for disk in self.verdict.exclude_disks:
            if not disk.id:
                raise _NotKnownError(
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
        excluded = {_place(disk) for disk in self.verdict.exclude_disks}
        kept = [
            (one, answer)
            for one, answer in zip(self.facts.disks, self.encryption, strict=True)
            if _place(one.disk) not in excluded
        ]
        without = [one.disk.label for one, _ in kept if one.readings["disk_sku"].value is None]
        if without:
            # Some of the commands would look like all of them.
            raise _NotKnownError(
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


class _NotKnownError(Exception):
    """Something that an operation needs is not in the input."""


class _DoneError(Exception):
    """What an operation would do is done already."""
