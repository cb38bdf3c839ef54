"""Verdicts: may this VM have a restore point, without which disks, and who says so.

Per VM and consistency mode the verdict is one of ``supported``, ``exclude_disks``,
``not_supported`` and ``unknown``. Caveats stand beside it and never change it. The rules are the
tables; this module only combines what the compiled rules say of the VM and of each disk.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.common.displayed import Displayed
from rpmatrix.eligibility.rules import Decision, RuleSet, Words, compile_rules, holds
from rpmatrix.inventory.facts import DiskFacts, FactReader, VmFacts, request_readings, whole_number
from rpmatrix.inventory.inventory import Disk, Inventory, Vm
from rpmatrix.inventory.readings import Evidence, Reading
from rpmatrix.inventory.records import Problem, is_expression, last_part
from rpmatrix.inventory.systems import RELEASE, SYSTEM, UPDATES, OperatingSystems
from rpmatrix.matrix.matrix import DECISIVE, MODES, Citation, Fact, Matrix, T, load_matrix

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: Final = ("supported", "exclude_disks", "not_supported", "unknown")
DISKS_LEFT: Final = "disks_left"
FAMILY: Final = "os_family"

Answers = Mapping[str, str]


class AnswerError(ValueError):
    """An answer names a fact, or a value, that the matrix does not know."""


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class ExcludedDisk:
    """A disk to leave out of the restore point.

    Attributes
    ----------
    id : str or None
        Resource id to pass as excluded; None if no record shows it.
    name : str or None
        Name in the VM; not safe to exclude by.
    lun : int or None
        Logical unit number of a data disk.
    role : str
        ``os`` or ``data``.
    rows : tuple of str
        The rows that demand it.
    """

    id: str | None
    name: str | None
    lun: int | None
    role: str
    rows: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name, else the last part of the id, else the place."""
        place = "OS disk" if self.role == "os" else f"data disk at lun {self.lun}"
        return self.name or (self.id or "").rpartition("/")[2] or place


@dataclass(frozen=True, slots=True)
class Question:
    """A fact that is missing, and what settles it.

    Attributes
    ----------
    fact_id : str
        The missing fact.
    title : str
        What it is, for people.
    command : str
        The Azure CLI command that fetches it; empty if none can.
    ask : str
        What to ask a person if no command tells.
    rows : tuple of str
        The rows that wait for it.
    disk : str
        The disk it concerns, empty for the VM.
    why : str
        Why a record that shows something did not settle it.
    """

    fact_id: str
    title: str
    command: str
    ask: str
    rows: tuple[str, ...]
    disk: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one VM in one consistency mode.

    Attributes
    ----------
    vm_id, vm_name, mode, verdict
        Whose verdict it is, in which mode, and what it is.
    floor, ceiling : str
        The worst and the best verdict that is still possible; equal unless unknown.
    exclude_disks : tuple of ExcludedDisk
        The disks to exclude; also given where their exclusion leaves no disk at all.
    reasons, caveats : tuple of str
        Row ids: what decided, or what keeps it open; what to know besides.
    assumptions : tuple of str
        Fact ids that were assumed and that matter here.
    missing : tuple of Question
        What would settle an unknown verdict.
    rulings : tuple of str
        Contradictions of the article that touch the reasons or caveats.
    possible_caveats : tuple of str
        Rows that would add a caveat if they applied, which is not known.
    """

    vm_id: str
    vm_name: str
    mode: str
    verdict: str
    floor: str
    ceiling: str
    exclude_disks: tuple[ExcludedDisk, ...] = ()
    reasons: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    missing: tuple[Question, ...] = ()
    rulings: tuple[str, ...] = ()
    possible_caveats: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the verdict as the documented JSON object."""
        return {
            "vm_id": self.vm_id,
            "vm_name": self.vm_name,
            "mode": self.mode,
            "verdict": self.verdict,
            "floor": self.floor,
            "ceiling": self.ceiling,
            "exclude_disks": [
                {
                    "id": disk.id,
                    "name": disk.name,
                    "lun": disk.lun,
                    "role": disk.role,
                    "rows": list(disk.rows),
                }
                for disk in self.exclude_disks
            ],
            "reasons": list(self.reasons),
            "caveats": list(self.caveats),
            "assumptions": list(self.assumptions),
            "missing": [
                {"fact_id": one.fact_id, "command": one.command or one.ask} for one in self.missing
            ],
            "rulings": list(self.rulings),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that bears on one VM, or on one of its disks, in one mode.

    Attributes
    ----------
    vm_id, vm_name, mode, row_id, disk
        Where and which; `disk` is empty for a row about the VM.
    outcome : str
        The outcome the row states in this mode.
    applies : str
        ``yes``, ``unknown`` or ``assumed no``.
    layer : str
        The layer that holds the row.
    evidence : tuple of Evidence
        What is known of each fact that the row tests.
    """

    vm_id: str
    vm_name: str
    mode: str
    row_id: str
    disk: str
    outcome: str
    applies: str
    layer: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class LimitState:
    """How the next request for one VM stands against one limit.

    Attributes
    ----------
    vm_id, vm_name, mode, row_id
        Whose request, in which mode, against which row of ``limits``.
    state : str
        ``within``, ``exceeded`` or ``unknown``.
    known : int or str or None
        The quantity, the point or collection to come included.
    bound, unit : str
        What the limit says.
    evidence : Evidence
        Where the quantity comes from.
    """

    vm_id: str
    vm_name: str
    mode: str
    row_id: str
    state: str
    known: int | str | None
    bound: str
    unit: str
    evidence: Evidence


class VerdictTable(Displayed, tuple[Verdict, ...]):
    """Verdicts, one for every VM and mode; as a pandas frame when asked."""

    __slots__ = ()

    def frame(self) -> pd.DataFrame:
        """Give one row per VM and mode, with declared columns."""
        import pandas as pd

        columns = {
            "vm_id": [one.vm_id for one in self],
            "vm_name": [one.vm_name for one in self],
            "mode": [one.mode for one in self],
            "verdict": [one.verdict for one in self],
            "floor": [one.floor for one in self],
            "ceiling": [one.ceiling for one in self],
            "exclude_disks": [
                " | ".join(d.id or d.label for d in one.exclude_disks) for one in self
            ],
            "reasons": [" | ".join(one.reasons) for one in self],
            "caveats": [" | ".join(one.caveats) for one in self],
            "assumptions": [" | ".join(one.assumptions) for one in self],
            "missing": [" | ".join(dict.fromkeys(q.fact_id for q in one.missing)) for one in self],
            "rulings": [" | ".join(one.rulings) for one in self],
        }
        frame = pd.DataFrame(columns).astype("string")
        frame["mode"] = pd.Categorical(frame["mode"], categories=MODES)
        for name in ("verdict", "floor", "ceiling"):
            frame[name] = pd.Categorical(frame[name], categories=VERDICTS)
        return frame

    def __repr__(self) -> str:
        counts = Counter(one.verdict for one in self)
        told = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name])
        return f"VerdictTable({told or 'no verdict'})"


# --------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known at one place, the VM or a disk: words with assumptions made, and without."""

    strict: int
    lenient: int
    unassumed: int
    assumed: frozenset[str]

    def __and__(self, other: _Known) -> _Known:
        return _Known(
            self.strict & other.strict,
            self.lenient & other.lenient,
            self.unassumed & other.unassumed,
            self.assumed | other.assumed,
        )


# A value, None, or the values of which one is true.
_Told = str | int | None | tuple[str | int | None, ...]


class _Knowing:
    """Turns what was read at one kind of place into words, once for all that read the same."""

    _SHOWN: Final = "\0"  # stands for a value that is shown and cannot be used

    def __init__(self, rules: RuleSet, facts: Iterable[Fact], *, strict: bool) -> None:
        self._rules = rules
        self._names: list[str] = []
        self._assumptions: list[str | int | None] = []
        for fact in facts:
            assumption: str | int | None = None
            if fact.assumption and not strict:
                assumption = int(fact.assumption) if fact.type == "integer" else fact.assumption
            self._names.append(fact.id)
            self._assumptions.append(assumption)
        self._seen: dict[tuple[_Told, ...], _Known] = {}

    def assumption(self, fact_id: str) -> str | int | None:
        """Give what is taken for granted of a fact that nothing tells."""
        if fact_id not in self._names:
            return None
        return self._assumptions[self._names.index(fact_id)]

    def knows(self, fact_id: str) -> bool:
        """Tell whether the fact is one of this kind of place, and a rule tests it."""
        return fact_id in self._names

    def leaves_open(self, fact_id: str, reading: Reading, bits: int) -> bool:
        """Tell whether this reading keeps any of these clauses from being sure."""
        told = self._told(reading)
        if told is None:
            told = self.assumption(fact_id)
        return bool(bits & ~self._words(fact_id, told)[0])

    def of(self, readings: Mapping[str, Reading]) -> _Known:
        """Give the words of these readings."""
        mark = tuple(
            [
                told.value if (told := readings[name]).value is not None else self._told(told)
                for name in self._names
            ]
        )
        known = self._seen.get(mark)
        if known is None:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            known = self._seen[mark] = self._work_out(mark)
        return known

    def _told(self, reading: Reading) -> _Told:
        if reading.value is not None:
            return reading.value
        return reading.options or (self._SHOWN if reading.why else None)

    def _work_out(self, mark: tuple[_Told, ...]) -> _Known:
        strict = lenient = unassumed = self._rules.everything
        assumed: set[str] = set()
        for name, told, assumption in zip(self._names, mark, self._assumptions, strict=True):
            if told is None and assumption is not None:
                sure, possible = self._rules.words(name, assumption)
                assumed.add(name)
            else:
                sure, possible = self._words(name, told)
                unassumed &= possible
            strict &= sure
            lenient &= possible
        return _Known(strict, lenient, unassumed, frozenset(assumed))

    def _words(self, name: str, told: _Told) -> Words:
        if not isinstance(told, tuple):
            return self._rules.words(name, None if told == self._SHOWN else told)
        sure, possible = self._rules.everything, 0
        for one in told:  # any of these may be true: sure is what all say, possible what one says
            always, perhaps = self._rules.words(name, one)
            sure &= always
            possible |= perhaps
        return sure, possible


# A fleet of a million VMs has some ten thousand different ones.
_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class _Outline:
    """A verdict but for the names in it: the same for all VMs of which the same is known."""

    verdict: str
    floor: str
    ceiling: str
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    rulings: tuple[str, ...]
    excluded: tuple[tuple[int, tuple[str, ...]], ...] = ()
    assumptions: tuple[str, ...] = ()
    possible_caveats: tuple[str, ...] = ()


# What the outline hangs on: the VM, and the role of each disk with what is known of it.
_Configuration = tuple[_Known, tuple[tuple[str, _Known], ...]]


class Evaluator:
    """Gives verdicts for one VM at a time, from the compiled rules of one matrix.

    Parameters
    ----------
    matrix : Matrix
        The matrix that decides.
    strict : bool
        Make no assumption: what no payload can tell stays unknown.
    answers : mapping of str to str
        Values for facts that the payload leaves unknown, by fact id; ``vm:fact`` gives one VM's.
        For a fact of disks, ``vm:disk:fact`` gives one disk's, by its name, ``lun:0`` or ``os``;
        the latter two also without a VM. The narrower answer counts more.

    Raises
    ------
    AnswerError
        If an answer names an unknown fact or a value that the fact does not allow.
    """

    def __init__(
        self, matrix: Matrix, *, strict: bool = False, answers: Answers | None = None
    ) -> None:
        self.matrix = matrix
        self.rules: RuleSet = compile_rules(matrix)
        self.reader: FactReader = matrix.prepared("reader", FactReader)
        self._ruled: FactReader = matrix.prepared(
            "reader of ruled facts", lambda one: FactReader(one, compile_rules(one).facts)
        )
        self.systems = matrix.prepared("operating systems", OperatingSystems)
        self.strict = strict
        self._answers = _sorted_answers(matrix, answers or {})
        facts = [matrix.facts[name] for name in self.rules.facts]
        self._of_vm, self._of_disk = (
            _Knowing(self.rules, [one for one in facts if one.grain == grain], strict=strict)
            for grain in ("vm", "disk")
        )
        self._outlines: dict[_Configuration, tuple[_Outline, ...]] = {}
        self._last: tuple[Vm | None, VmFacts | None] = (None, None)

    def settle(self, facts: VmFacts) -> VmFacts:
        """Fill in what a person answered, or the calendar, where the payload leaves a fact open."""
        if not self._answers:
            dated = self._dated(facts.readings)
            return facts if dated is facts.readings else replace(facts, readings=dated)
        vms = ("", facts.vm.name.lower(), facts.vm.key)
        on_vm = self._answers_about("vm", vms)
        disks = []
        for one in facts.disks:
            if one.disk.listed:
                place, *names = marks_of(one.disk)
                own = [f"{vm}:{mark}" for vm in vms[1:] for mark in (place, *names)]
                on_disk = self._answers_about("disk", (*vms, place, *own))
                disks.append(DiskFacts(one.disk, _answered(one.readings, on_disk)))
            else:
                disks.append(one)
        settled = self._agreed(facts.readings, _answered(facts.readings, on_vm))
        return VmFacts(facts.vm, self._dated(settled), tuple(disks))

    def _answers_about(self, grain: str, scopes: Iterable[str]) -> dict[str, str]:
        """Give the answers for any of these scopes; a later one counts more."""
        found: dict[str, str] = {}
        for scope in scopes:
            found |= self._answers.get((grain, scope), {})
        return found

    def _dated(self, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Let the calendar tell of a system that was answered what nobody else tells."""
        system, updates = readings.get(SYSTEM), readings.get(UPDATES)
        if system is None or updates is None or updates.value is not None:
            return readings
        dated = self.systems.by_calendar(system.value)
        return {**readings, UPDATES: system._replace(value=dated)} if dated else readings

    def with_fact(
        self, readings: Mapping[str, Reading], fact_id: str, value: str | int
    ) -> Mapping[str, Reading]:
        """Return readings in which a fact has another value, and so have those that follow from it.

        Of another operating system, only the calendar and its row tell; what was read of the old
        one does not hold.
        """
        changed = {**readings, fact_id: Reading(value, "answered")}
        if fact_id == SYSTEM:
            changed |= {name: Reading(None) for name in (UPDATES, RELEASE) if name in readings}
        return self._dated(changed)

    def _agreed(
        self, read: Mapping[str, Reading], answered: Mapping[str, Reading]
    ) -> Mapping[str, Reading]:
        """Take back an answer about the operating system that the family of it contradicts."""
        system, family = answered.get(SYSTEM), read.get(FAMILY)
        if system is None or system.how != "answered" or family is None or family.value is None:
            return answered
        if self.family_of(system.value) == family.value:
            return answered
        title = self.matrix.row(str(system.value), "operating_systems")["title"]
        why = f"{title} was answered, and the record says {family.value}"
        return {**answered, SYSTEM: Reading(None, why=why)}

    def family_of(self, system: str | int | None) -> str:
        """Give the family of an operating system, as the table of them names it."""
        return self.matrix.row(str(system), "operating_systems")["family"]

    def request_answers(self, vm: Vm) -> dict[str, Reading]:
        """Give what a person answered about the request for one VM."""
        mine = self._answers_about("request", ("", vm.name.lower(), vm.key))
        return {name: Reading(_plain(value), "answered") for name, value in mine.items()}

    def answers(self, vm: str = "") -> dict[str, str | int]:
        """Give what was answered for all VMs, or for one given by its name or key alone."""
        return {
            name: _plain(value)
            for (_, scope), given in self._answers.items()
            if scope == vm
            for name, value in given.items()
        }

    @property
    def answered_vms(self) -> tuple[str, ...]:
        """The names or keys of the VMs that answers were given for alone."""
        scopes = (scope for grain, scope in self._answers if not names_disk(grain, scope))
        return tuple(dict.fromkeys(filter(None, scopes)))

    @property
    def answered_disks(self) -> tuple[str, ...]:
        """The disks that answers were given for alone, as they were named."""
        return tuple(scope for grain, scope in self._answers if names_disk(grain, scope))

    def assumption(self, fact_id: str) -> str | int | None:
        """Give what is taken for granted of a fact that nothing tells."""
        of_disk = self.matrix.facts[fact_id].grain == "disk"
        return (self._of_disk if of_disk else self._of_vm).assumption(fact_id)

    def read(self, vm: Vm) -> VmFacts:
        """Read the facts of a VM and fill in the answers."""
        last, facts = self._last
        if facts is None or last is not vm:  # a plan asks several times, VM by VM
            facts = self.settle(self.reader.read(vm))
            self._last = (vm, facts)
        return facts

    def judge(self, vm: Vm) -> tuple[Verdict, ...]:
        """Give the verdict of one VM in each mode, reading only what the rules test."""
        return self.verdicts(self.settle(self._ruled.read(vm)))

    def places(self, facts: VmFacts) -> list[tuple[str, DiskFacts | None, _Known]]:
        """Give what is known of the VM and of each of its disks."""
        on_vm = self._of_vm.of(facts.readings)
        return [
            ("vm", None, on_vm),
            *((one.disk.role, one, self._of_disk.of(one.readings) & on_vm) for one in facts.disks),
        ]

    def verdicts(self, facts: VmFacts) -> tuple[Verdict, ...]:
        """Give the verdict of one VM in each mode.

        Parameters
        ----------
        facts : VmFacts
            As :meth:`read` gives them.
        """
        configuration = (
            self._of_vm.of(facts.readings),
            tuple([(one.disk.role, self._of_disk.of(one.readings)) for one in facts.disks]),
        )
        outlines = self._outlines.get(configuration)
        if outlines is None:
            if len(self._outlines) >= _REMEMBERED:
                self._outlines.clear()
            outlines = tuple(self._outline(mode, configuration) for mode in MODES)
            self._outlines[configuration] = outlines
        return tuple(
            self._verdict(mode, outline, facts)
            for mode, outline in zip(MODES, outlines, strict=True)
        )

    def _verdict(self, mode: str, outline: _Outline, facts: VmFacts) -> Verdict:
        disks = tuple(
            ExcludedDisk(disk.id, disk.name, disk.lun, disk.role, rows)
            for disk, rows in ((facts.disks[at].disk, rows) for at, rows in outline.excluded)
        )
        missing: tuple[Question, ...] = ()
        if outline.verdict == "unknown":
            missing = self._questions(mode, facts, outline.reasons)
        return Verdict(
            facts.vm.id,
            facts.vm.name,
            mode,
            outline.verdict,
            outline.floor,
            outline.ceiling,
            disks,
            outline.reasons,
            outline.caveats,
            outline.assumptions,
            missing,
            outline.rulings,
            outline.possible_caveats,
        )

    def _outline(self, mode: str, configuration: _Configuration) -> _Outline:
        """Combine what the rules say of the VM and of each disk."""
        on_vm, alone = configuration
        roles = [role for role, _ in alone]
        on_disks = [known & on_vm for _, known in alone]
        of_vm = self.rules.decide("vm", on_vm.strict, on_vm.lenient)[mode]
        of_disks = [
            self.rules.decide(role, known.strict, known.lenient)[mode]
            for role, known in zip(roles, on_disks, strict=True)
        ]
        everything = (of_vm, *of_disks)
        blocked = _united(found.blocked for found in everything)
        caveats = _united(found.caveats for found in everything)

        def outline(verdict: str, reasons: tuple[str, ...], **more: Any) -> _Outline:
            touched = [self.matrix.rulings(row, mode) for row in (*reasons, *caveats)]
            given = {"floor": verdict, "ceiling": verdict, **more}
            return _Outline(
                verdict, reasons=reasons, caveats=caveats, rulings=_rows(touched), **given
            )

        if blocked:
            return outline("not_supported", blocked)

        excluded = tuple((at, one.excluded) for at, one in enumerate(of_disks) if one.excluded)
        after = self._consequence(mode, _disks_left(roles, of_disks, sure=True))
        caveats = (*caveats, *after.caveats)
        exclusions = _united(found.excluded for found in of_disks)
        if after.blocked:
            return outline("not_supported", (*exclusions, *after.blocked), excluded=excluded)

        unstated = _united(found.unstated for found in everything)
        may_block = _united(found.may_block for found in everything)
        may_exclude = _united(found.may_exclude for found in of_disks if not found.excluded)
        ceiling = "exclude_disks" if excluded else "supported"
        besides = {
            "assumptions": self._assumptions(
                mode, [("vm", on_vm), *zip(roles, on_disks, strict=True)]
            ),
            "possible_caveats": _united(found.may_tell for found in everything),
        }
        if unstated or may_block or may_exclude:
            floor = "not_supported"
            if not unstated and not may_block:
                worst = _disks_left(roles, of_disks, sure=False)
                if not self._consequence(mode, worst).blocked:
                    floor = "exclude_disks"
            rows = _united((unstated, may_block, may_exclude))
            return outline("unknown", rows, floor=floor, ceiling=ceiling, **besides)
        applied = _united(found.applied for found in everything)
        return outline(ceiling, exclusions if excluded else applied, excluded=excluded, **besides)

    def _consequence(self, mode: str, left: str) -> Decision:
        strict, lenient = self.rules.words(DISKS_LEFT, left)
        return self.rules.decide("verdict", strict, lenient)[mode]

    def reading(self, name: str, readings: Mapping[str, Reading]) -> Reading:
        """Give a reading, or the assumption that takes its place."""
        reading = readings[name]
        if reading.value is None and not reading.why:
            assumption = self.assumption(name)
            if assumption is not None:
                return Reading(assumption, "assumed")
        return reading

    def _assumptions(self, mode: str, places: Iterable[tuple[str, _Known]]) -> tuple[str, ...]:
        """Give the assumed facts without which a row could still have decided."""
        found: set[str] = set()
        for grain, known in places:
            open_bits = known.unassumed & ~known.lenient & self.rules.masks[grain]
            for row in self.rules.rows.values():
                if row.mask & open_bits and row.outcomes[mode] in DECISIVE:
                    found |= {*self.rules.open_facts(row.id, open_bits, known.assumed.__contains__)}
        return tuple(name for name in self.rules.facts if name in found)

    def _questions(self, mode: str, facts: VmFacts, rows: Sequence[str]) -> tuple[Question, ...]:
        """Give what would settle each row that is open at some place."""
        waiting: dict[tuple[str, str], tuple[Question, list[str]]] = {}
        places = self.places(facts)
        for row_id in rows:
            row = self.rules.rows[row_id]
            for grain, about, known in places:
                bits = row.mask & known.lenient & ~known.strict & self.rules.masks[grain]
                gone = (
                    about and self.rules.decide(grain, known.strict, known.lenient)[mode].excluded
                )
                if not bits or row.mask & known.strict:
                    continue
                if gone and row.outcomes[mode] == "exclude_disk":
                    continue
                readings = {**facts.readings, **about.readings} if about else facts.readings

                def unknown(
                    name: str, readings: Mapping[str, Reading] = readings, bits: int = bits
                ) -> bool:
                    knowing = self._of_disk if self._of_disk.knows(name) else self._of_vm
                    return knowing.leaves_open(name, readings[name], bits)

                for name in self.rules.open_facts(row_id, bits, unknown):
                    of_disk = about is not None and name in about.readings
                    disk = about.disk if about and of_disk else None
                    mark = (name, disk.label if disk else "")
                    if mark not in waiting:
                        waiting[mark] = (self._question(facts.vm, name, disk, readings[name]), [])
                    waiting[mark][1].append(row_id)
        return tuple(
            replace(question, rows=tuple(dict.fromkeys(found)))
            for question, found in waiting.values()
        )

    def _question(self, vm: Vm, name: str, disk: Disk | None, reading: Reading) -> Question:
        fact = self.matrix.facts[name]
        label = disk.label if disk else ""
        command = fill_command(fact.fetch, vm, disk)
        return Question(name, fact.title, command, fact.question, (), label, reading.why)


def fill_command(template: str, vm: Vm, disk: Disk | None = None) -> str:
    """Put the names of a VM and a disk into a command of ``facts.fetch``, quoted for a shell.

    A name that is not known, or is a template expression, is left to the reader: ``VM_NAME``.
    """
    import shlex

    if not template:
        return ""
    values = {
        "vm_name": ("" if vm.is_scale_set else vm.name, "VM_NAME"),
        "vm_id": (vm.id if vm.id.startswith("/") and not vm.is_scale_set else "", "VM_ID"),
        "resource_group": (vm.resource_group, "RESOURCE_GROUP"),
        "subscription_id": (vm.subscription_id, "SUBSCRIPTION_ID"),
        "location": (vm.location, "LOCATION"),
        "disk_id": (disk.id if disk else None, "DISK_ID"),
        "vm_size": ("", "VM_SIZE"),
    }

    def fill(placeholder: re.Match[str]) -> str:
        value, stand_in = values[placeholder[1]]
        known = value and not is_expression(value) and "{" not in value
        return shlex.quote(value if value and known else stand_in)

    # In one pass: a name that looks like a placeholder stays a name.
    return re.sub(r"\{(\w+)\}", fill, template)


def _rows(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row for group in groups for row in group))


def _united(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Put rows of several places together, in the order of their ids whatever the places'."""
    return tuple(sorted({row for group in groups for row in group}))


def _disks_left(roles: Sequence[str], found: Sequence[Decision], *, sure: bool) -> str:
    """Name what is left when disks are excluded: the value of the fact ``disks_left``.

    With `sure`, only disks that surely must be excluded are; else also those that might be.
    """
    gone = [bool(one.excluded or (not sure and one.may_exclude)) for one in found]
    if not any(gone):
        return "all"
    left = {role for role, is_gone in zip(roles, gone, strict=True) if not is_gone}
    if not left:
        return "none"
    return {"os": "os_only", "data": "data_only"}.get("".join(sorted(left)), "os_and_data")


def _answered(readings: Mapping[str, Reading], answers: Answers) -> Mapping[str, Reading]:
    if not answers:
        return readings
    filled = dict(readings)
    for name, value in answers.items():
        reading = filled.get(name)
        if reading is not None and reading.value is None:
            filled[name] = Reading(_plain(value), "answered")
    return filled


def _plain(value: str) -> str | int:
    number = whole_number(value) if value.isdigit() else None
    return value if number is None else number


def _sorted_answers(matrix: Matrix, answers: Answers) -> dict[tuple[str, str], dict[str, str]]:
    """Sort answers by the grain of their facts and by what they are about; check each."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for named, value in answers.items():
        scope, _, fact_id = named.rpartition(":")
        allowed = check_answer(matrix, fact_id, value)
        found.setdefault((matrix.facts[fact_id].grain, scope.lower()), {})[fact_id] = allowed
    return found


_OF_DISK: Final = re.compile(r"(?:(?P<vm>.*):)?(?P<disk>os|lun:\d+)|(.*):([^:]+)", re.IGNORECASE)


def vm_and_disk(scope: str) -> tuple[str, str]:
    """Part what an answer about a disk is about: the VM and the disk, each empty if not named."""
    found = _OF_DISK.fullmatch(scope)
    if found is None:
        return scope, ""
    return (found["vm"] or "", found["disk"]) if found["disk"] else (found[3], found[4])


def names_disk(grain: str, scope: str) -> bool:
    """Tell whether the answer for a fact of this grain is about one disk, not a VM or all."""
    return grain == "disk" and bool(vm_and_disk(scope)[1])


def marks_of(disk: Disk) -> tuple[str, ...]:
    """Give the ways to name a disk in an answer, in lower case: its place and its names.

    A name alone, without a VM, is that of a VM: only a place stands for a disk by itself.
    """
    place = "os" if disk.role == "os" else f"lun:{disk.lun}"
    names = (disk.name or "", last_part(disk.id or ""))
    return tuple(dict.fromkeys((place, *(name.lower() for name in names if name))))


def check_answer(matrix: Matrix, fact_id: str, value: str) -> str:
    """Give an answer as the matrix spells it.

    Raises
    ------
    AnswerError
        If there is no such fact, or the fact does not allow the value.
    """
    from difflib import get_close_matches

    fact = matrix.facts.get(fact_id)
    if fact is None:
        close = get_close_matches(fact_id, list(matrix.facts), n=1)
        meant = f"did you mean {close[0]}?" if close else "see the table facts"
        raise AnswerError(f"there is no fact {fact_id!r}; {meant}")
    if fact.type == "integer":
        number = whole_number(value)
        if number is None or number < 0:
            shown = f"{str(value)[:40]!r}"
            raise AnswerError(f"{fact_id} is a whole number, not {shown}")
        return str(number)
    spelled = {one.lower(): one for one in fact.allowed_values}
    if spelled and str(value).lower() not in spelled:
        raise AnswerError(f"{fact_id} may be {', '.join(fact.allowed_values)}, not {value!r}")
    return spelled.get(str(value).lower(), str(value))


# --------------------------------------------------------------------------- assessment


@dataclass(frozen=True)
class Assessment(Displayed):
    """The verdicts of an inventory, and all that can be asked about them.

    Attributes
    ----------
    inventory : Inventory
        What was read.
    matrix : Matrix
        What decided.
    evaluator : Evaluator
        With which strictness and answers.
    verdicts : VerdictTable
        One for every VM and mode asked for, in the order of the inventory.
    """

    inventory: Inventory
    matrix: Matrix
    evaluator: Evaluator
    verdicts: VerdictTable

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The records that were not understood."""
        return self.inventory.problems

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Every row that applies, or might, with its evidence."""
        return tuple(
            finding
            for vm in self.inventory.vms
            for finding in self.findings_of(vm, {one.mode for one in self.verdicts})
        )

    @property
    def questions(self) -> tuple[Question, ...]:
        """All that is missing, over all verdicts, each once."""
        found = [question for verdict in self.verdicts for question in verdict.missing]
        return tuple(dict.fromkeys(found))

    def of(self, vm: str) -> tuple[Verdict, ...]:
        """Give the verdicts of one VM, by its name or id."""
        return self._verdicts_of.get(self.inventory.vm(vm).id, ())

    @cached_property
    def _verdicts_of(self) -> Mapping[str, tuple[Verdict, ...]]:
        found: dict[str, tuple[Verdict, ...]] = {}
        for one in self.verdicts:
            found[one.vm_id] = (*found.get(one.vm_id, ()), one)
        return found

    @cached_property
    def _prepared(self) -> dict[str, Any]:
        return {}

    def prepared(self, name: str, prepare: Callable[[Assessment], T]) -> T:
        """Give what another module prepares from this assessment, made once."""
        if name not in self._prepared:
            self._prepared[name] = prepare(self)
        made: T = self._prepared[name]
        return made

    def findings_of(self, vm: Vm, modes: Iterable[str] = MODES) -> Iterator[Finding]:
        """Give every row that bears on one VM: it applies, might apply, or was assumed away."""
        rules, matrix = self.evaluator.rules, self.matrix
        facts = self.evaluator.read(vm)
        places = self.evaluator.places(facts)
        for mode in (mode for mode in MODES if mode in set(modes)):
            for grain, about, known in places:
                readings = {**facts.readings, **(about.readings if about else {})}
                for row in rules.rows.values():
                    bits = row.mask & rules.masks[grain]
                    if row.outcomes[mode] == "not_applicable" or not bits:
                        continue
                    applies = _applies(bits, known)
                    if applies:
                        yield Finding(
                            vm.id,
                            vm.name,
                            mode,
                            row.id,
                            about.disk.label if about else "",
                            row.outcomes[mode],
                            applies,
                            matrix.layer_of(row.id),
                            tuple(
                                self.evaluator.reading(name, readings).evidence(name)
                                for name in rules.facts_of_row[row.id]
                            ),
                        )

    def limits_of(self, vm: Vm, *, as_of: datetime | None = None) -> Iterator[LimitState]:
        """Hold the next request for one VM against every limit of the modes asked for.

        Parameters
        ----------
        vm : Vm
            One of the inventory's.
        as_of : datetime, optional
            The moment of the request; now if it is left out.
        """
        moment = as_of or datetime.now(UTC)
        readings = {
            **request_readings(vm, self.inventory, moment),
            **self.evaluator.request_answers(vm),
        }
        asked = {verdict.mode for verdict in self.verdicts}
        for row in self.matrix.table("limits"):
            modes = MODES if row["mode"] == "both" else (row["mode"],)
            if not row["fact_id"]:
                continue
            reading = readings.get(row["fact_id"], Reading(None))
            state = "unknown"
            if reading.value is not None:
                kept = holds(row["comparator"], reading.value, row["value"])
                state = "within" if kept else "exceeded"
            for mode in modes:
                if mode in asked:
                    yield LimitState(
                        vm.id,
                        vm.name,
                        mode,
                        row.id,
                        state,
                        reading.value,
                        row["value"],
                        row["unit"],
                        reading.evidence(row["fact_id"]),
                    )

    def explain(self, vm: str) -> Explanation:
        """Say why, for one VM given by its name or id."""
        found = self.inventory.vm(vm)
        return Explanation(self, found, self.of(found.id), tuple(self.findings_of(found)))

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return {
            "matrix": self.matrix.to_dict(),
            "verdicts": [one.to_dict() for one in self.verdicts],
            "problems": [
                {
                    "file": one.file,
                    "record": one.record,
                    "path": one.path,
                    "message": one.message,
                }
                for one in self.problems
            ],
            "counts": self.inventory.counts,
        }

    @property
    def provenance(self) -> dict[str, Any]:
        """Which package, matrix, layers and inputs this came from."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            package = version("rpmatrix")
        except PackageNotFoundError:
            package = "not installed"
        return {
            "package": package,
            "matrix_digest": self.matrix.digest,
            "layers": list(self.matrix.layers),
            "inputs": dict(self.inventory.digests),
        }

    def __repr__(self) -> str:
        told = f"VMs: {len(self.inventory.vms)}, problems: {len(self.problems)}"
        return f"Assessment({told}, {self.verdicts!r}, matrix: {' + '.join(self.matrix.layers)})"


def _applies(bits: int, known: _Known) -> str:
    if bits & known.strict:
        return "yes"
    if bits & known.lenient:
        return "unknown"
    return "assumed no" if bits & known.unassumed else ""


@dataclass(frozen=True)
class Explanation(Displayed):
    """Why one VM got its verdicts.

    Attributes
    ----------
    assessment : Assessment
        Where the verdicts come from.
    vm : Vm
        The VM.
    verdicts : tuple of Verdict
        Its verdicts.
    findings : tuple of Finding
        Every row that bears on it.
    """

    assessment: Assessment
    vm: Vm
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]

    def citations(self, verdict: Verdict) -> tuple[Citation, ...]:
        """Give who says so, for every row that the verdict cites."""
        rows = _rows(
            (verdict.reasons, verdict.caveats, *(disk.rows for disk in verdict.exclude_disks))
        )
        return tuple(citation for row in rows for citation in self.assessment.matrix.citations(row))

    def __repr__(self) -> str:
        told = ", ".join(f"{one.mode}: {one.verdict}" for one in self.verdicts)
        return f"Explanation({(self.vm.name or self.vm.id)!r}; {told})"


def _evaluator(matrix: Matrix, strict: bool, answers: Answers | None) -> Evaluator:
    """Make an evaluator, or give the one of this matrix again if nothing was answered."""
    if answers:
        return Evaluator(matrix, strict=strict, answers=answers)
    name = "strict evaluator" if strict else "evaluator"
    return matrix.prepared(name, lambda one: Evaluator(one, strict=strict))


def assess(
    inventory: Inventory,
    matrix: Matrix | None = None,
    *,
    modes: Iterable[str] = MODES,
    strict: bool = False,
    answers: Answers | None = None,
    progress: Callable[[int], None] | None = None,
) -> Assessment:
    """Give the verdict of every VM of an inventory in each mode.

    Parameters
    ----------
    inventory : Inventory
        As :func:`rpmatrix.read_inventory` gives it.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.
    modes : iterable of str
        ``application``, ``crash`` or both.
    strict : bool
        Make no assumption: what no payload can tell stays unknown.
    answers : mapping of str to str, optional
        Values for facts that the payload leaves unknown; ``vm:fact`` answers for one VM,
        ``vm:disk:fact`` for one disk.
    progress : callable, optional
        Called with the number of VMs done so far.

    Raises
    ------
    AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = _evaluator(matrix or load_matrix(), strict, answers)
    wanted = set(modes)
    found: list[Verdict] = []
    for done, vm in enumerate(inventory.vms, start=1):
        made = evaluator.judge(vm)
        found += [one for one in made if one.mode in wanted]
        if progress:
            progress(done)
    return Assessment(inventory, evaluator.matrix, evaluator, VerdictTable(found))
