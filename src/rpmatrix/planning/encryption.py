"""Encryption of restore points: what becomes of the key of each disk.

The answers are rows of the tables ``encryption`` and ``cross_region`` that apply to a VM or one of
its disks; see :mod:`rpmatrix.eligibility.applicability`. A disk that must be left out of the
restore point is in no copy either, so what is said of copies does not concern it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rpmatrix.eligibility.applicability import (
    CUSTOMER_KEY,
    ENCRYPTION_TYPE,
    NAMES_ENCRYPTION,
    NO,
    UNKNOWN,
    YES,
    Applicability,
    Disagreement,
    as_json,
    each_once,
    hopeful,
    vm_of,
)
from rpmatrix.eligibility.assessment import Assessment, Question, Verdict
from rpmatrix.inventory.facts import DiskFacts
from rpmatrix.inventory.inventory import ENCRYPTION_SET_PATHS, Disk, Vm
from rpmatrix.inventory.readings import Reading
from rpmatrix.inventory.records import look
from rpmatrix.matrix.schema import Row
from rpmatrix.planning.shown_encryption import FoundEncryption, ShownEncryption


@dataclass(frozen=True, slots=True)
class EncryptionLine:
    """One thing that the tables say of the encryption of one disk.

    Attributes
    ----------
    text : str
        What they say, in the words of the row.
    remedy : str
        What to do about it, if the row says so.
    rows : tuple of str
        The rows: the one whose words these are first, then those that make it apply.
    source : str
        ``article``, or the source that is named instead.
    applies : str
        ``yes``, or ``unknown`` if a fact is missing.
    rulings : tuple of str
        The contradictions that touch the rows.
    """

    text: str
    remedy: str
    rows: tuple[str, ...]
    source: str
    applies: str
    rulings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EncryptionAnswer:
    """What becomes of the encryption of one disk.

    Attributes
    ----------
    vm_id, vm_name, disk, disk_id, role, lun
        Which disk of which VM; `disk` is its label.
    type : str or None
        The kind of encryption at rest of the source disk; None if that is not known.
    customer_key : str or None
        ``yes``, ``no``, or None if it is not known.
    encryption_set_id : str or None
        The disk encryption set of the source disk.
    region : str
        The region of the VM: that of its disk encryption set and of local restore points.
    impossible : tuple of EncryptionLine
        Why no restore point can be made of the VM in any mode that was assessed, if so.
    left_out : tuple of EncryptionLine
        Why the disk must be left out of the restore point, if so.
    left_out_in : tuple of str
        The consistency modes in which the disk must be left out.
    source, prerequisites, local, copied, restored : tuple of EncryptionLine
        The source disk; what must be in place; its restore point in the region of the VM; the
        copy in another region; a disk made from either. All but `source` are empty, or say only
        why there is nothing, where the disk is in no restore point.
    local_chosen, copied_chosen, restored_chosen : tuple of EncryptionLine
        The same if the request names the encryption; the remedies say what that needs.
    found : tuple of FoundEncryption
        What restore points in the inventory really show for the disk.
    disagreements : tuple of Disagreement
        Where sources contradict each other about any of this.
    questions : tuple of Question
        What is missing, and what settles it.
    """

    vm_id: str
    vm_name: str
    disk: str
    disk_id: str | None
    role: str
    lun: int | None
    type: str | None
    customer_key: str | None
    encryption_set_id: str | None
    region: str
    impossible: tuple[EncryptionLine, ...]
    left_out: tuple[EncryptionLine, ...]
    left_out_in: tuple[str, ...]
    source: tuple[EncryptionLine, ...]
    local: tuple[EncryptionLine, ...]
    local_chosen: tuple[EncryptionLine, ...]
    copied: tuple[EncryptionLine, ...]
    copied_chosen: tuple[EncryptionLine, ...]
    restored: tuple[EncryptionLine, ...]
    restored_chosen: tuple[EncryptionLine, ...]
    prerequisites: tuple[EncryptionLine, ...]
    found: tuple[FoundEncryption, ...]
    disagreements: tuple[Disagreement, ...]
    questions: tuple[Question, ...]

    @property
    def stages(self) -> Mapping[str, tuple[EncryptionLine, ...]]:
        """All lines by stage, in the order in which they happen."""
        return {name: getattr(self, name) for name in STAGES}

    @property
    def lines(self) -> tuple[EncryptionLine, ...]:
        """All lines of all stages."""
        return tuple(line for lines in self.stages.values() for line in lines)

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return as_json(self)


STAGES: Final = (
    *("impossible", "left_out", "source", "prerequisites", "local", "local_chosen"),
    *("copied", "copied_chosen", "restored", "restored_chosen"),
)


# --------------------------------------------------------------------------- encryption


def encryption_of(assessment: Assessment, vm: Vm | str) -> tuple[EncryptionAnswer, ...]:
    """Say what becomes of the encryption of each disk of a VM.

    Parameters
    ----------
    assessment : Assessment
        Its inventory is also searched for restore points that show their encryption.
    vm : Vm or str
        One of its VMs, or the name or id of one.

    Returns
    -------
    tuple of EncryptionAnswer
        One for each disk, the OS disk first.

    Raises
    ------
    LookupError
        If no VM, or more than one, answers to the name.
    """
    found = vm_of(assessment, vm)
    judge = Applicability(assessment, found)
    verdicts = assessment.of(found.id)
    shown = assessment.prepared("encryption found", _found_in)
    return tuple(_of_disk(judge, one, verdicts, shown) for one in judge.facts.disks)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What becomes of the encryption of a disk: the same for all of which the same is known."""

    lines: Mapping[str, tuple[EncryptionLine, ...]]
    left_out_in: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]
    missing: Mapping[str, tuple[str, ...]]


def _of_disk(
    judge: Applicability, one: DiskFacts, verdicts: Sequence[Verdict], shown: ShownEncryption
) -> EncryptionAnswer:
    disk, matrix = one.disk, judge.matrix
    readings = {**judge.facts.readings, **one.readings}
    deciding = judge.assessment.prepared("facts that decide on encryption", _deciding_facts)
    decided = {name: told for name, told in readings.items() if name in deciding}
    outcomes: dict[Any, _Outcome] = judge.assessment.prepared("encryption outcomes", lambda _: {})
    mark = (
        disk.role,
        bool(disk.id),
        tuple([(verdict.mode, verdict.verdict, verdict.reasons) for verdict in verdicts]),
        tuple([(name, told.value, bool(told.why)) for name, told in decided.items()]),
    )
    outcome = outcomes.get(mark)
    if outcome is None:
        outcome = outcomes[mark] = _outcome(judge, one, verdicts, decided)
    named = judge.value(CUSTOMER_KEY, readings)
    kind = judge.value(ENCRYPTION_TYPE, readings)
    return EncryptionAnswer(
        vm_id=judge.vm.id,
        vm_name=judge.vm.name,
        disk=disk.label,
        disk_id=disk.id,
        role=disk.role,
        lun=disk.lun,
        type=None if kind is None else str(kind),
        customer_key=None if named is None else str(named),
        encryption_set_id=_named_set(disk),
        region=judge.vm.location,
        left_out_in=outcome.left_out_in,
        found=shown.of(disk),
        disagreements=outcome.disagreements,
        questions=tuple(
            judge.question(
                fact_id,
                rows,
                disk if matrix.facts[fact_id].grain == "disk" else None,
                readings[fact_id].why if fact_id in readings else "",
            )
            for fact_id, rows in outcome.missing.items()
        ),
        **outcome.lines,
    )


def _deciding_facts(assessment: Assessment) -> frozenset[str]:
    """Give the facts that any row about encryption, or about leaving disks out, tests."""
    matrix, rules = assessment.matrix, assessment.evaluator.rules
    scenarios = {row["scenario_id"] for row in matrix.table("encryption")}
    scenarios |= {row.id for row in rules.rows.values() if "exclude_disk" in row.outcomes.values()}
    facts = {name for row in scenarios for name in rules.facts_of_row.get(row, ())}
    copied = {row["fact_id"] for row in matrix.table("cross_region")}
    return frozenset(facts | copied | {CUSTOMER_KEY, ENCRYPTION_TYPE})


def _outcome(
    judge: Applicability,
    one: DiskFacts,
    verdicts: Sequence[Verdict],
    readings: Mapping[str, Reading],
) -> _Outcome:
    possible = hopeful(verdicts)
    impossible = () if possible else each_once(verdict.reasons for verdict in verdicts)
    left_out = {verdict.mode: judge.left_out(one, verdict.mode) for verdict in verdicts}
    left_out = {mode: rows for mode, rows in left_out.items() if rows}
    against = each_once((impossible, *left_out.values()))
    in_no_point = bool(impossible) or {one.mode for one in possible} <= left_out.keys()
    said = _Said(judge, readings)
    said.against("impossible", impossible)
    said.against("left_out", each_once(left_out.values()))
    # The article speaks first, so that a line which others repeat is the article's.
    for row in sorted(judge.matrix.table("encryption"), key=lambda row: (row["source"], row.id)):
        asks = bool(one.disk.id) or not in_no_point
        said.of_encryption(
            row, asks=asks, of_points=not in_no_point or row["scenario_id"] in against
        )
    for row in judge.matrix.table("cross_region"):
        if row["topic"] == "encryption" and not in_no_point:
            said.of_copying(row)
    return said.outcome(tuple(left_out))


class _Said:
    """Gathers what the tables say of one disk, stage by stage, and what they leave open."""

    def __init__(self, judge: Applicability, readings: Mapping[str, Reading]) -> None:
        self._judge = judge
        self._readings = readings
        self._stages: dict[str, dict[str, EncryptionLine]] = {name: {} for name in STAGES}
        self._missing: dict[str, list[str]] = {}

    def against(self, stage: str, rows: Iterable[str]) -> None:
        """Say why there is no restore point of the VM, or none that holds the disk."""
        for row_id in rows:
            row = self._judge.matrix.row(row_id)
            self._say(stage, row["title"], (row_id,), YES, row["remedy"])

    def of_encryption(self, row: Row, *, asks: bool, of_points: bool) -> None:
        """Say what a row of ``encryption`` does, of restore points only where there are some."""
        scenario = row["scenario_id"]
        applies = self._judge.scenario(scenario, self._readings) if scenario else YES
        if applies == NO:
            return
        rows = (row.id, scenario) if scenario else (row.id,)
        if scenario:
            self._say("source", row["source_state"], rows, applies)
        if applies == UNKNOWN and asks:
            for fact_id in self._open_facts(scenario):
                self._missing.setdefault(fact_id, []).extend(rows)
        if not of_points:
            return
        chosen = _chosen(row)
        needs = row["prerequisites"] if chosen else ""
        self._say(f"local{chosen}", row["local_result"], rows, applies, needs)
        self._say(f"copied{chosen}", row["cross_region_result"], rows, applies, needs)
        self._say(f"restored{chosen}", row["at_restore"], rows, applies, needs)
        if not chosen:
            self._say("prerequisites", row["prerequisites"], rows, applies)

    def of_copying(self, row: Row) -> None:
        """Say what a row of ``cross_region`` does."""
        applies = self._judge.condition(row, self._readings)
        if applies == NO:
            return
        self._say(f"copied{_chosen(row)}", row["effect"], (row.id,), applies, row["remedy"])
        if applies == UNKNOWN:
            self._missing.setdefault(row["fact_id"], []).append(row.id)

    def outcome(self, left_out_in: tuple[str, ...]) -> _Outcome:
        """Give all of it."""
        lines = {name: tuple(found.values()) for name, found in self._stages.items()}
        rulings = (ruling for found in lines.values() for line in found for ruling in line.rulings)
        return _Outcome(
            lines,
            left_out_in,
            self._judge.disagreements(rulings),
            {fact_id: tuple(rows) for fact_id, rows in self._missing.items()},
        )

    def _say(
        self, stage: str, text: str, rows: Sequence[str], applies: str, remedy: str = ""
    ) -> None:
        """Add a line; what several rows say in the same words is one line."""
        if not text:
            return
        same = self._stages[stage].get(text)
        rulings = [ruling for row in rows for ruling in self._judge.matrix.rulings(row)]
        if same is not None:
            rows, applies = (*same.rows, *rows), YES if same.applies == YES else applies
            rulings, remedy = [*same.rulings, *rulings], same.remedy or remedy
        self._stages[stage][text] = EncryptionLine(
            text,
            remedy,
            tuple(dict.fromkeys(rows)),
            self._judge.source(rows[0]),
            applies,
            tuple(dict.fromkeys(rulings)),
        )

    def _open_facts(self, scenario: str) -> list[str]:
        facts = self._judge.rules.facts_of_row.get(scenario, ())
        return [one for one in facts if self._judge.value(one, self._readings) is None]


def _chosen(row: Row) -> str:
    """Give how the stages of a row end: apart are those of a request that chooses."""
    return "_chosen" if row["request"] == NAMES_ENCRYPTION else ""


def _named_set(disk: Disk) -> str | None:
    """Give the disk encryption set that the disk, or else the VM, names for it."""
    bodies = (*(one.body for one in disk.records), *(body for _, _, body in disk.attachments))
    shown = (look(body, path) for body in bodies for path in ENCRYPTION_SET_PATHS)
    return next((one for one in shown if isinstance(one, str)), None)


def _found_in(assessment: Assessment) -> ShownEncryption:
    return ShownEncryption(assessment.inventory, assessment.matrix)
