"""What to do with a verdict: steps, operations, what is not saved, and what would change it.

A plan is made of the rows of the table ``steps``; each of its sentences carries the id of the row
that says it. For an unknown verdict the plan is to settle it, and for a VM that is not supported
there are no steps, only the changes of the table ``changes`` that would make it eligible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rpmatrix.common.displayed import Displayed
from rpmatrix.eligibility.assessment import (
    Assessment,
    Question,
    Verdict,
    VerdictTable,
    check_answer,
)
from rpmatrix.eligibility.rules import holds
from rpmatrix.inventory.facts import DiskFacts, VmFacts
from rpmatrix.inventory.inventory import Vm, listed_members, vm_groups
from rpmatrix.inventory.records import region
from rpmatrix.matrix.matrix import MODES
from rpmatrix.matrix.schema import Row
from rpmatrix.planning.commands.operations import ListRestorePoints, Operation, api_versions
from rpmatrix.planning.copies import API_VERSION, CLIENT, CopyAnswer, copy_of
from rpmatrix.planning.durations import Retention
from rpmatrix.planning.encryption import EncryptionAnswer, encryption_of
from rpmatrix.planning.names import Names, Places, PlanError
from rpmatrix.planning.permissions import Permissions, permissions_of_steps
from rpmatrix.planning.schedule import Schedule, schedule_of
from rpmatrix.planning.steps import Made, OperationMaker, kept_disks
from rpmatrix.planning.what_if import ELIGIBLE, WhatIf, what_if

if TYPE_CHECKING:
    from rpmatrix.planning.commands.write import Command

SAFE_PHASES: Final = ("settle", "prerequisite", "collection", "create", "follow", "copy")
# What looks at things that are there can be run at any time.
_LOOKING: Final = ("show", "show_for_copy", "show_instance_view", "list_restore_points")
# Here a step that may not apply shows nothing to run: it would send data out, or delete it.
_SETTLED_FIRST: Final = ("copy", "clean_up")
# A copy that is refused is no step; one that is not settled is a step that may not be taken.
_COPY_STEPS: Final = {
    "supported": "yes",
    "supported_with_caveat": "yes",
    "unknown": "unknown",
    "not_supported": "",
}
PHASES: Final = ("mode", *SAFE_PHASES, "restore", "clean_up")

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
class Plan(Displayed):
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
            One of ``rpmatrix.planning.commands.write.CLIENTS``; that of the plan if it is left out.
        phases : iterable of str
            The parts of the plan to write. Restoring and cleaning up belong to another day, and
            deleting next to creating is an accident waiting for a paste: ask for them by name.
        """
        from rpmatrix.planning.commands.write import write

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

    @property
    def permissions(self) -> Permissions:
        """What its caller has to be allowed, for all steps of all VMs, and what locks stop."""
        matrix = self.assessment.matrix
        ran = {matrix.row(step.id, "steps")["operation"] for vm in self.vms for step in vm.steps}
        return permissions_of_steps(ran - {""}, matrix)

    def __repr__(self) -> str:
        planned = Counter(vm.mode or _why_not(vm) for vm in self.vms)
        counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in planned.items())
        target = f"; copies to {self.target_region}" if self.target_region else ""
        return f"Plan({counts or 'no VM'}{target}; {self.client})"


def _why_not(vm: VmPlan) -> str:
    alike = len({line.verdict for line in vm.comparison.lines}) == 1
    return f"{vm.verdict.verdict} in {'any' if alike else vm.verdict.mode} mode"


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
    rpmatrix.eligibility.assessment.AnswerError
        If the target region or the client is none.
    rpmatrix.planning.schedule.ScheduleError
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
        self.places = Places(assessment.inventory, names)
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
            tuple(what_if(self.matrix, self.evaluator, facts, verdicts)),
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
        kept = kept_disks(facts, verdict)
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
            "disks_left": (_disks_left(kept) if verdict.exclude_disks else "all",),
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
        maker = OperationMaker(
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
            made = Made()
            if row["operation"] and applies == "unknown" and row["phase"] in _SETTLED_FIRST:
                made = Made(blocked="it is not known whether this is to be done; settle it first")
            elif row["operation"]:
                made = maker.make(row["operation"])
            if made.waits and not waits_for and row["phase"] in ("collection", "create"):
                waits_for = number
            elif made.operations and waits_for and row["operation"] not in _LOOKING:
                made = Made(blocked=f"it comes after step {waits_for}, which cannot be run yet")
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
    possible = _COPY_STEPS[copy.answer]
    return applies if possible == "yes" else possible


def _why(row: Row, verdict: Verdict, copy: CopyAnswer | None) -> tuple[str, ...]:
    """Give the rows that call for a step about exclusion or about settling."""
    if row["fact_id"] == "disks_excluded":
        return tuple(one for disk in verdict.exclude_disks for one in disk.rows)
    if row["fact_id"] == "copy_answer" and copy and copy.answer == "unknown":
        return copy.reasons
    return verdict.reasons if row["fact_id"] == "verdict" else ()
