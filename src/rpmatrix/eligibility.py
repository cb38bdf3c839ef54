"""Verdicts: may this VM have a restore point, without which disks, and who says so.

Per VM and consistency mode the verdict is one of ``supported``, ``exclude_disks``,
``not_supported`` and ``unknown``. Caveats stand beside it and never change it. The rules are the
tables; this module only combines what the compiled rules say of the VM and of each disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rpmatrix.inventory import (
    Disk,
    DiskFacts,
    Evidence,
    FactReader,
    Inventory,
    Problem,
    Reading,
    Vm,
    VmFacts,
    request_readings,
)
from rpmatrix.matrix import MODES, Citation, Matrix, load_matrix
from rpmatrix.rules import Decision, RuleSet, compile_rules, holds

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: Final = ("supported", "exclude_disks", "not_supported", "unknown")
DISKS_LEFT: Final = "disks_left"

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


class VerdictTable(tuple[Verdict, ...]):
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
            "missing": [" | ".join(q.fact_id for q in one.missing) for one in self],
            "rulings": [" | ".join(one.rulings) for one in self],
        }
        frame = pd.DataFrame(columns).astype("string")
        frame["mode"] = pd.Categorical(frame["mode"], categories=MODES)
        for name in ("verdict", "floor", "ceiling"):
            frame[name] = pd.Categorical(frame[name], categories=VERDICTS)
        return frame

    def _repr_html_(self) -> str:
        from rpmatrix import report

        return report.verdict_table(self)


# --------------------------------------------------------------------------- evaluation


class _Known(NamedTuple):
    """What is known of the VM or of one disk: words with assumptions made, and without."""

    strict: int
    lenient: int
    unassumed: int


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
        self.strict = strict
        self._answers, self._answers_of = _sorted_answers(matrix, answers or {})
        facts = {name: matrix.facts[name] for name in self.rules.facts}
        self._vm_facts = [name for name, fact in facts.items() if fact.grain == "vm"]
        self._disk_facts = [name for name, fact in facts.items() if fact.grain == "disk"]
        self._assumed: dict[str, str | int] = {}
        for name, fact in facts.items():
            if fact.assumption and not strict:
                integer = fact.type == "integer"
                self._assumed[name] = int(fact.assumption) if integer else fact.assumption

    def settle(self, facts: VmFacts) -> VmFacts:
        """Fill in what a person answered, where the payload leaves a fact unknown."""
        mine = dict(self._answers)
        for named in (facts.vm.name.lower(), facts.vm.key):
            mine.update(self._answers_of.get(named, {}))
        if not mine:
            return facts
        grains = {name: self.matrix.facts[name].grain for name in mine}
        on_vm = {name: value for name, value in mine.items() if grains[name] == "vm"}
        on_disk = {name: value for name, value in mine.items() if grains[name] == "disk"}
        return VmFacts(
            facts.vm,
            _answered(facts.readings, on_vm),
            tuple(
                DiskFacts(one.disk, _answered(one.readings, on_disk)) if one.disk.listed else one
                for one in facts.disks
            ),
        )

    def request_answers(self, vm: Vm) -> dict[str, Reading]:
        """Give what a person answered about the request for one VM."""
        mine = dict(self._answers)
        for named in (vm.name.lower(), vm.key):
            mine.update(self._answers_of.get(named, {}))
        return {
            name: Reading(_plain(value), "answered")
            for name, value in mine.items()
            if self.matrix.facts[name].grain == "request"
        }

    def read(self, vm: Vm) -> VmFacts:
        """Read the facts of a VM and fill in the answers."""
        return self.settle(self.reader.read(vm))

    def _known(self, names: Iterable[str], readings: Mapping[str, Reading]) -> _Known:
        strict = lenient = unassumed = self.rules.everything
        words = self.rules.words
        for name in names:
            reading = readings[name]
            value = reading.value
            if self._is_assumed(name, reading):
                sure, possible = words(name, self._assumed[name])
                strict &= sure
                lenient &= possible
                continue
            sure, possible = words(name, value)
            strict &= sure
            lenient &= possible
            unassumed &= possible
        return _Known(strict, lenient, unassumed)

    def verdicts(self, facts: VmFacts) -> tuple[Verdict, ...]:
        """Give the verdict of one VM in each mode.

        Parameters
        ----------
        facts : VmFacts
            As :meth:`read` gives them.
        """
        on_vm = self._known(self._vm_facts, facts.readings)
        of_vm = self.rules.decide("vm", on_vm.strict, on_vm.lenient)
        on_disks = []
        of_disks = []
        for one in facts.disks:
            alone = self._known(self._disk_facts, one.readings)
            known = _Known(
                alone.strict & on_vm.strict,
                alone.lenient & on_vm.lenient,
                alone.unassumed & on_vm.unassumed,
            )
            on_disks.append(known)
            of_disks.append(self.rules.decide(one.disk.role, known.strict, known.lenient))
        return tuple(
            self._verdict(
                mode, facts, on_vm, of_vm[mode], on_disks, [found[mode] for found in of_disks]
            )
            for mode in MODES
        )

    def _verdict(
        self,
        mode: str,
        facts: VmFacts,
        on_vm: _Known,
        of_vm: Decision,
        on_disks: Sequence[_Known],
        of_disks: Sequence[Decision],
    ) -> Verdict:
        everything = (of_vm, *of_disks)
        blocked = _rows(found.blocked for found in everything)
        caveats = _rows(found.caveats for found in everything)
        if blocked:
            return self._made(mode, facts.vm, "not_supported", blocked, caveats)

        excluded = tuple(
            ExcludedDisk(one.disk.id, one.disk.name, one.disk.lun, one.disk.role, found.excluded)
            for one, found in zip(facts.disks, of_disks, strict=True)
            if found.excluded
        )
        after = self._consequence(mode, _disks_left(facts.disks, of_disks, sure=True))
        caveats = _rows((caveats, after.caveats))
        exclusions = _rows(found.excluded for found in of_disks)
        if after.blocked:
            reasons = (*exclusions, *after.blocked)
            return self._made(
                mode, facts.vm, "not_supported", reasons, caveats, exclude_disks=excluded
            )

        unstated = _rows(found.unstated for found in everything)
        may_block = _rows(found.may_block for found in everything)
        may_exclude = _rows(found.may_exclude for found in of_disks if not found.excluded)
        may_tell = _rows(found.may_tell for found in everything)
        ceiling = "exclude_disks" if excluded else "supported"
        assumptions = self._assumptions(mode, facts, on_vm, on_disks)
        if unstated or may_block or may_exclude:
            rows = _rows((unstated, may_block, may_exclude))
            floor = "not_supported"
            if not unstated and not may_block:
                worst = _disks_left(facts.disks, of_disks, sure=False)
                if not self._consequence(mode, worst).blocked:
                    floor = "exclude_disks"
            return self._made(
                mode,
                facts.vm,
                "unknown",
                rows,
                caveats,
                floor=floor,
                ceiling=ceiling,
                assumptions=assumptions,
                missing=self._questions(facts, rows, on_vm, on_disks),
                possible_caveats=may_tell,
            )
        applied = _rows(found.applied for found in everything)
        return self._made(
            mode,
            facts.vm,
            ceiling,
            exclusions if excluded else applied,
            caveats,
            exclude_disks=excluded,
            assumptions=assumptions,
            possible_caveats=may_tell,
        )

    def _made(
        self,
        mode: str,
        vm: Vm,
        verdict: str,
        reasons: tuple[str, ...],
        caveats: tuple[str, ...],
        *,
        floor: str = "",
        ceiling: str = "",
        exclude_disks: tuple[ExcludedDisk, ...] = (),
        assumptions: tuple[str, ...] = (),
        missing: tuple[Question, ...] = (),
        possible_caveats: tuple[str, ...] = (),
    ) -> Verdict:
        rulings = tuple(
            dict.fromkeys(
                ruling for row in (*reasons, *caveats) for ruling in self.matrix.rulings(row, mode)
            )
        )
        return Verdict(
            vm.id,
            vm.name,
            mode,
            verdict,
            floor or verdict,
            ceiling or verdict,
            exclude_disks,
            reasons,
            caveats,
            assumptions,
            missing,
            rulings,
            possible_caveats,
        )

    def _consequence(self, mode: str, left: str) -> Decision:
        strict, lenient = self.rules.words(DISKS_LEFT, left)
        return self.rules.decide("verdict", strict, lenient)[mode]

    def _is_assumed(self, name: str, reading: Reading) -> bool:
        return reading.value is None and not reading.why and name in self._assumed

    def _decisive(self, row_id: str, mode: str) -> bool:
        outcome = self.rules.rows[row_id].outcomes[mode]
        return outcome in ("not_supported", "not_stated", "exclude_disk")

    def _assumptions(
        self, mode: str, facts: VmFacts, on_vm: _Known, on_disks: Sequence[_Known]
    ) -> tuple[str, ...]:
        """Give the assumed facts without which a row could still have decided."""
        found: list[str] = []
        grains: list[tuple[str, _Known, Mapping[str, Reading]]] = [("vm", on_vm, facts.readings)]
        grains += [
            (one.disk.role, known, {**facts.readings, **one.readings})
            for one, known in zip(facts.disks, on_disks, strict=True)
        ]
        for grain, known, readings in grains:
            open_bits = known.unassumed & ~known.lenient & self.rules.masks[grain]
            if not open_bits:
                continue
            for row in self.rules.rows.values():
                if row.mask & open_bits and self._decisive(row.id, mode):
                    assumed = {name for name in readings if self._is_assumed(name, readings[name])}
                    found += self.rules.open_facts(row.id, open_bits, assumed.__contains__)
        return tuple(dict.fromkeys(found))

    def _questions(
        self, facts: VmFacts, rows: Sequence[str], on_vm: _Known, on_disks: Sequence[_Known]
    ) -> tuple[Question, ...]:
        waiting: dict[tuple[str, str], tuple[Question, list[str]]] = {}

        def ask(
            row_id: str, lenient: int, readings: Mapping[str, Reading], disk: Disk | None
        ) -> None:
            def unknown(name: str) -> bool:
                reading = readings.get(name)
                if reading is None or reading.value is not None:
                    return False
                return bool(reading.why) or name not in self._assumed

            for name in self.rules.open_facts(row_id, lenient, unknown):
                about = disk if self.matrix.facts[name].grain == "disk" else None
                mark = (name, about.label if about else "")
                if mark not in waiting:
                    waiting[mark] = (self._question(facts.vm, name, about, readings[name]), [])
                waiting[mark][1].append(row_id)

        for row_id in rows:
            row = self.rules.rows[row_id]
            if row.grain == "vm":
                ask(row_id, on_vm.lenient & ~on_vm.strict, facts.readings, None)
                continue
            for one, known in zip(facts.disks, on_disks, strict=True):
                bits = known.lenient & ~known.strict & self.rules.masks[one.disk.role]
                ask(row_id, bits, {**facts.readings, **one.readings}, one.disk)
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
    """Put the names of a VM and a disk into a command of ``facts.fetch``, quoted for a shell."""
    import shlex

    if not template:
        return ""
    disk_id = disk.id if disk and disk.id and not disk.id.startswith("[") else ""
    values = {
        "vm_name": vm.name or "VM_NAME",
        "vm_id": vm.id if vm.id.startswith("/") else "VM_ID",
        "resource_group": vm.resource_group or "RESOURCE_GROUP",
        "subscription_id": vm.subscription_id or "SUBSCRIPTION_ID",
        "location": vm.location or "LOCATION",
        "disk_id": disk_id or "DISK_ID",
        "vm_size": "VM_SIZE",
    }
    filled = template
    for name, value in values.items():
        filled = filled.replace(f"{{{name}}}", shlex.quote(value))
    return filled


def _rows(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row for group in groups for row in group))


def _disks_left(disks: Sequence[DiskFacts], found: Sequence[Decision], *, sure: bool) -> str:
    """Name what is left when disks are excluded: the value of the fact ``disks_left``.

    With `sure`, only disks that surely must be excluded are; else also those that might be.
    """
    left = {
        one.disk.role
        for one, decision in zip(disks, found, strict=True)
        if not (decision.excluded or (not sure and decision.may_exclude))
    }
    gone = {
        one.disk.role
        for one, decision in zip(disks, found, strict=True)
        if decision.excluded or (not sure and decision.may_exclude)
    }
    if not gone:
        return "all"
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
    return int(value) if value.isdigit() else value


def _sorted_answers(
    matrix: Matrix, answers: Answers
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Part the answers for all VMs from those for one, and check each against its fact."""
    for_all: dict[str, str] = {}
    for_one: dict[str, dict[str, str]] = {}
    for named, value in answers.items():
        vm, _, fact_id = named.rpartition(":")
        allowed = check_answer(matrix, fact_id, value)
        if vm:
            for_one.setdefault(vm.lower(), {})[fact_id] = allowed
        else:
            for_all[fact_id] = allowed
    return for_all, for_one


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
    if fact.type == "integer" and not str(value).isdigit():
        raise AnswerError(f"{fact_id} is a whole number, not {value!r}")
    spelled = {one.lower(): one for one in fact.allowed_values}
    if spelled and str(value).lower() not in spelled:
        raise AnswerError(f"{fact_id} may be {', '.join(fact.allowed_values)}, not {value!r}")
    return spelled.get(str(value).lower(), str(value))


# --------------------------------------------------------------------------- assessment


@dataclass(frozen=True)
class Assessment:
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
        wanted = self.inventory.vm(vm)
        return tuple(one for one in self.verdicts if one.vm_id == wanted.id)

    def findings_of(self, vm: Vm, modes: Iterable[str] = MODES) -> Iterator[Finding]:
        """Give every row that bears on one VM: it applies, might apply, or was assumed away."""
        rules, matrix = self.evaluator.rules, self.matrix
        facts = self.evaluator.read(vm)
        on_vm = self.evaluator._known(self.evaluator._vm_facts, facts.readings)
        places: list[tuple[str, str, _Known, Mapping[str, Reading]]] = [
            ("vm", "", on_vm, facts.readings)
        ]
        for one in facts.disks:
            alone = self.evaluator._known(self.evaluator._disk_facts, one.readings)
            both = _Known(*(a & b for a, b in zip(alone, on_vm, strict=True)))
            readings = {**facts.readings, **one.readings}
            places.append((one.disk.role, one.disk.label, both, readings))
        for mode in (mode for mode in MODES if mode in set(modes)):
            for grain, label, known, readings in places:
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
                            label,
                            row.outcomes[mode],
                            applies,
                            matrix.layer_of(row.id),
                            tuple(
                                self._reading(readings[name], name).evidence(name)
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

    def _reading(self, reading: Reading, name: str) -> Reading:
        if self.evaluator._is_assumed(name, reading):
            return Reading(self.evaluator._assumed[name], "assumed")
        return reading

    def explain(self, vm: str) -> Explanation:
        """Say why, for one VM given by its name or id."""
        found = self.inventory.vm(vm)
        return Explanation(self, found, self.of(found.id), tuple(self.findings_of(found)))

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return {
            "matrix": {"digest": self.matrix.digest, "layers": list(self.matrix.layers)},
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

    def _repr_html_(self) -> str:
        from rpmatrix import report

        return report.assessment(self)


def _applies(bits: int, known: _Known) -> str:
    if bits & known.strict:
        return "yes"
    if bits & known.lenient:
        return "unknown"
    return "assumed no" if bits & known.unassumed else ""


@dataclass(frozen=True)
class Explanation:
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

    def _repr_html_(self) -> str:
        from rpmatrix import report

        return report.explanation(self)


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
        Values for facts that the payload leaves unknown; ``vm:fact`` answers for one VM.
    progress : callable, optional
        Called with the number of VMs done so far.

    Raises
    ------
    AnswerError
        If an answer names an unknown fact, or a value that the fact does not allow.
    """
    evaluator = Evaluator(matrix or load_matrix(), strict=strict, answers=answers)
    wanted = set(modes)
    found: list[Verdict] = []
    for done, vm in enumerate(inventory.vms, start=1):
        made = evaluator.verdicts(evaluator.read(vm))
        found += [one for one in made if one.mode in wanted]
        if progress:
            progress(done)
    return Assessment(inventory, evaluator.matrix, evaluator, VerdictTable(found))
