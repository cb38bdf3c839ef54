"""Encryption of restore points, and copies of them in another region.

Both answers are rows of the tables ``encryption`` and ``cross_region`` that apply to a VM, to one
of its disks, or to the copy that is asked for. A row applies, does not, or that is not known; what
is not known comes with the command or the question that settles it. Every line names its rows and
says whether the article stands behind it or another source.

A disk that must be left out of the restore point is in no copy either, so what is said of copies
does not concern it: not even a private link, whose row itself says that leaving the disk out
helps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from rpmatrix.eligibility import (
    AnswerError,
    Assessment,
    ExcludedDisk,
    Question,
    Verdict,
    check_answer,
    fill_command,
)
from rpmatrix.facts import DiskFacts, Evidence, Reading, VmFacts
from rpmatrix.inventory import ENCRYPTION_SET_PATHS, Disk, Inventory, Vm
from rpmatrix.matrix import SUPPORTED, Matrix
from rpmatrix.records import MISSING, UNREADABLE, Record, look, region
from rpmatrix.rules import holds
from rpmatrix.tables import Row
from rpmatrix.texts import Json

ARTICLE: Final = "article"
YES, UNKNOWN, NO = "yes", "unknown", "no"

ENCRYPTION_TYPE: Final = "encryption_type"
CUSTOMER_KEY: Final = "customer_key"
CLIENT: Final = "client"
API_VERSION: Final = "api_version"
OTHER_REGION: Final = "target_region_differs"

NAMES_ENCRYPTION: Final = "names_encryption"
"""The value of ``request`` in rows about a request that names the encryption itself."""

TOPICS: Final = (
    *("restore-point", "region", "availability", "client", "api-version", "security", "network"),
    *("exclusion", "collection", "order", "throttle", "encryption", "identity", "progress"),
    *("restore", "retention"),
)
"""The order in which a copy is thought through; topics that a layer adds come last."""

LOSS_TOPICS: Final = ("encryption", "identity")
"""The topics whose caveats say what a copy loses."""

ANSWERS: Final = ("supported", "supported_with_caveat", "not_supported", "unknown")


# --------------------------------------------------------------------------- results


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
class Disagreement:
    """A contradiction between sources, with both readings: a row of ``rulings``.

    Attributes
    ----------
    id, topic, reading_a, reading_b, adopted, policy, reason
        The cells of the row. The reason also says how to find out what really holds.
    rows_a, rows_b : tuple of str
        The rows that hold each reading.
    source_b : str
        The named source of the second reading, if no row holds it.
    """

    id: str
    topic: str
    reading_a: str
    reading_b: str
    rows_a: tuple[str, ...]
    rows_b: tuple[str, ...]
    source_b: str
    adopted: str
    policy: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundEncryption:
    """The encryption that the record of a disk restore point really shows.

    Attributes
    ----------
    restore_point, disk_restore_point : str
        The name of the restore point, and the id of the disk in it; empty if not shown.
    is_copy : bool
        Whether it is a copy of a disk restore point.
    type : str or None
        The kind of encryption; None if the record shows none, or none that is known.
    encryption_set_id : str or None
        The disk encryption set it names.
    evidence : Evidence
        Where it stands.
    """

    restore_point: str
    disk_restore_point: str
    is_copy: bool
    type: str | None
    encryption_set_id: str | None
    evidence: Evidence


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
        return _plain(self)


STAGES: Final = (
    *("impossible", "left_out", "source", "prerequisites", "local", "local_chosen"),
    *("copied", "copied_chosen", "restored", "restored_chosen"),
)


@dataclass(frozen=True, slots=True)
class CopyLine:
    """One rule of copying that applies, or might.

    Attributes
    ----------
    text, remedy : str
        What happens, and what to do about it, in the words of the row.
    rows : tuple of str
        The row, first.
    topic : str
        What it is about: one of ``TOPICS``, or a topic that a layer adds.
    outcome : str
        What it means for the copy, as in the table.
    source : str
        ``article``, or the source that is named instead.
    applies : str
        ``yes``, or ``unknown`` if a fact is missing.
    disks : tuple of str
        The disks for which it applies, or might; empty if it is not about single disks.
    rulings : tuple of str
        The contradictions that touch the row.
    """

    text: str
    remedy: str
    rows: tuple[str, ...]
    topic: str
    outcome: str
    source: str
    applies: str
    disks: tuple[str, ...]
    rulings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """Whether and how restore points of a VM can be copied to another region.

    Attributes
    ----------
    vm_id, vm_name : str
        Whose restore points.
    mode : str
        The consistency mode of the restore points; empty if the answer is for all assessed.
    source_region, target_region, client : str
        From where, to where and with what; `source_region` is empty if it is not known.
    answer : str
        ``supported``, ``supported_with_caveat``, ``not_supported`` or ``unknown``.
    reasons : tuple of str
        The rows that decided: they block, or might, or carry the caveats.
    lines : tuple of CopyLine
        Every rule that applies or might, by topic in the order of ``TOPICS``.
    left_out : tuple of ExcludedDisk
        Disks that are in no restore point, so that no rule concerns them.
    disagreements : tuple of Disagreement
        Where sources contradict each other about any of this.
    questions : tuple of Question
        What is missing, and what settles it.
    """

    vm_id: str
    vm_name: str
    mode: str
    source_region: str
    target_region: str
    client: str
    answer: str
    reasons: tuple[str, ...]
    lines: tuple[CopyLine, ...]
    left_out: tuple[ExcludedDisk, ...]
    disagreements: tuple[Disagreement, ...]
    questions: tuple[Question, ...]

    @property
    def losses(self) -> tuple[CopyLine, ...]:
        """The lines that say what the copy loses."""
        return tuple(
            line
            for line in self.lines
            if line.topic in LOSS_TOPICS and line.outcome == "supported_with_caveat"
        )

    def about(self, topic: str) -> tuple[CopyLine, ...]:
        """Give the lines of one topic."""
        return tuple(line for line in self.lines if line.topic == topic)

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class FleetCopy:
    """The copies of a whole inventory, counted.

    Attributes
    ----------
    target_region, client : str
        To where and with what.
    answers : tuple of CopyAnswer
        One for every VM, in the order of the inventory.
    """

    target_region: str
    client: str
    answers: tuple[CopyAnswer, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many VMs got which answer; they add up to the number of VMs."""
        found = Counter(one.answer for one in self.answers)
        return {name: found[name] for name in ANSWERS}

    @property
    def blocking(self) -> dict[str, int]:
        """How many VMs each row blocks, the most first."""
        return self._reasons("not_supported")

    @property
    def open(self) -> dict[str, int]:
        """How many VMs each row leaves open, the most first."""
        return self._reasons("unknown")

    def _reasons(self, answer: str) -> dict[str, int]:
        found = Counter(row for one in self.answers if one.answer == answer for row in one.reasons)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return {
            "target_region": self.target_region,
            "client": self.client,
            "counts": self.counts,
            "blocking": self.blocking,
            "open": self.open,
            "answers": [one.to_dict() for one in self.answers],
        }


def _plain(result: Any) -> dict[str, Any]:
    """Turn a result into objects and lists, as JSON has them."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return _plain(value) if hasattr(value, "__dataclass_fields__") else value

    return {one.name: plain(getattr(result, one.name)) for one in fields(result)}


# --------------------------------------------------------------------------- what applies


class _Judge:
    """Tells of one VM which rows apply."""

    def __init__(self, assessment: Assessment, vm: Vm) -> None:
        self.assessment = assessment
        self.matrix: Matrix = assessment.matrix
        self.rules = assessment.evaluator.rules
        self.strict = assessment.evaluator.strict
        self.vm = vm
        self.facts: VmFacts = assessment.evaluator.read(vm)

    def value(self, fact_id: str, readings: Mapping[str, Reading]) -> str | int | None:
        """Give what is known of a fact, or assumed where nothing can tell."""
        reading = readings.get(fact_id)
        if reading is None:
            return None
        fact = self.matrix.facts[fact_id]
        if reading.value is None and not reading.why and fact.assumption and not self.strict:
            return int(fact.assumption) if fact.type == "integer" else fact.assumption
        return reading.value

    def possible(self, readings: Mapping[str, Reading]) -> tuple[str | int | None, ...]:
        """Give the kinds of encryption at rest that a disk may have.

        A disk encryption set may show without its kind: then it is not the platform's key alone.
        """
        known = self.value(ENCRYPTION_TYPE, readings)
        if known is not None:
            return (known,)
        customer = self.value(CUSTOMER_KEY, readings)
        if customer is None or ENCRYPTION_TYPE not in self.matrix.facts:
            return (None,)
        kinds = self.matrix.facts[ENCRYPTION_TYPE].allowed_values
        return tuple(one for one in kinds if ("Customer" in one) == (customer == YES))

    def scenario(self, row_id: str, readings: Mapping[str, Reading]) -> str:
        """Tell whether a scenario applies to the VM, or to the disk whose readings these are."""
        if row_id not in self.rules.rows:
            return UNKNOWN
        row = self.rules.rows[row_id]
        facts = self.rules.facts_of_row[row_id]
        kinds = self.possible(readings) if ENCRYPTION_TYPE in facts else (None,)
        answers = set()
        for kind in kinds:
            strict = lenient = row.mask
            for fact_id in facts:
                known = kind if fact_id == ENCRYPTION_TYPE else self.value(fact_id, readings)
                sure, possible = self.rules.words(fact_id, known)
                strict &= sure
                lenient &= possible
            answers.add(YES if strict else UNKNOWN if lenient else NO)
        return answers.pop() if len(answers) == 1 else UNKNOWN

    def left_out(self, one: DiskFacts, mode: str, applies: str = YES) -> tuple[str, ...]:
        """Give the rows that demand, or might, that a disk is left out in a mode.

        A verdict that is unknown lists no disks, so the rows are asked and not the verdict.
        """
        readings = {**self.facts.readings, **one.readings}
        return tuple(
            row.id
            for row in self.rules.rows.values()
            if row.outcomes[mode] == "exclude_disk"
            and row.mask & self.rules.masks[one.disk.role]
            and self.scenario(row.id, readings) == applies
        )

    def condition(self, row: Row, readings: Mapping[str, Reading]) -> str:
        """Tell whether a rule of copying applies; one without a condition always does."""
        fact_id = row["fact_id"]
        if not fact_id:
            return YES
        known = self.value(fact_id, readings)
        if known is None:
            return UNKNOWN
        return YES if holds(row["operator"], known, row["value"]) else NO

    def question(
        self, fact_id: str, rows: Iterable[str], disk: Disk | None, why: str = ""
    ) -> Question:
        """Say what settles a fact."""
        fact = self.matrix.facts[fact_id]
        return Question(
            fact_id,
            fact.title,
            fill_command(fact.fetch, self.vm, disk),
            fact.question,
            tuple(dict.fromkeys(rows)),
            disk.label if disk else "",
            why,
        )

    def source(self, row_id: str) -> str:
        """Name who says a row."""
        return self.matrix.citation(row_id).source or ARTICLE

    def disagreements(self, ids: Iterable[str]) -> tuple[Disagreement, ...]:
        """Give the rulings of these ids, each once."""
        found = []
        for ruling_id in dict.fromkeys(ids):
            row = self.matrix.row(ruling_id, "rulings")
            texts = ("topic", "reading_a", "reading_b", "source_b", "adopted", "policy", "reason")
            found.append(
                Disagreement(
                    id=ruling_id,
                    rows_a=row.members("row_a"),
                    rows_b=row.members("row_b"),
                    **{name: row[name] for name in texts},
                )
            )
        return tuple(found)


def _the_vm(assessment: Assessment, vm: Vm | str) -> Vm:
    return assessment.inventory.vm(vm) if isinstance(vm, str) else vm


def _rows(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row for group in groups for row in group))


def _hopeful(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Give the verdicts of the modes in which a restore point can be made, or perhaps can."""
    return tuple(one for one in verdicts if one.verdict != "not_supported")


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
    found = _the_vm(assessment, vm)
    judge = _Judge(assessment, found)
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
    judge: _Judge, one: DiskFacts, verdicts: Sequence[Verdict], shown: _FoundIn
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
    judge: _Judge,
    one: DiskFacts,
    verdicts: Sequence[Verdict],
    readings: Mapping[str, Reading],
) -> _Outcome:
    disk, matrix = one.disk, judge.matrix
    stages: dict[str, dict[str, EncryptionLine]] = {name: {} for name in STAGES}
    missing: dict[str, list[str]] = {}

    def say(stage: str, text: str, rows: Sequence[str], applies: str, remedy: str = "") -> None:
        """Add a line; what several rows say in the same words is one line."""
        if not text:
            return
        same = stages[stage].get(text)
        rulings = [ruling for row in rows for ruling in matrix.rulings(row)]
        if same is not None:
            rows, applies = (*same.rows, *rows), YES if same.applies == YES else applies
            rulings, remedy = [*same.rulings, *rulings], same.remedy or remedy
        stages[stage][text] = EncryptionLine(
            text,
            remedy,
            tuple(dict.fromkeys(rows)),
            judge.source(rows[0]),
            applies,
            tuple(dict.fromkeys(rulings)),
        )

    hopeful = _hopeful(verdicts)
    impossible = () if hopeful else _rows(verdict.reasons for verdict in verdicts)
    left_out = {verdict.mode: judge.left_out(one, verdict.mode) for verdict in verdicts}
    left_out = {mode: rows for mode, rows in left_out.items() if rows}
    reasons = _rows(left_out.values())
    in_no_point = bool(impossible) or {one.mode for one in hopeful} <= left_out.keys()
    for stage, rows in (("impossible", impossible), ("left_out", reasons)):
        for row_id in rows:
            row = matrix.row(row_id)
            say(stage, row["title"], (row_id,), YES, row["remedy"])

    # The article speaks first, so that a line which others repeat is the article's.
    for row in sorted(matrix.table("encryption"), key=lambda row: (row["source"], row.id)):
        scenario = row["scenario_id"]
        applies = judge.scenario(scenario, readings) if scenario else YES
        if applies == NO:
            continue
        rows = (row.id, scenario) if scenario else (row.id,)
        if scenario:
            say("source", row["source_state"], rows, applies)
        if applies == UNKNOWN and (disk.id or not in_no_point):
            for fact_id in _open_facts(judge, scenario, readings):
                missing.setdefault(fact_id, []).extend(rows)
        if in_no_point and scenario not in (*impossible, *reasons):
            continue
        chosen = _chosen(row)
        needs = row["prerequisites"] if chosen else ""
        say(f"local{chosen}", row["local_result"], rows, applies, needs)
        say(f"copied{chosen}", row["cross_region_result"], rows, applies, needs)
        say(f"restored{chosen}", row["at_restore"], rows, applies, needs)
        if not chosen:
            say("prerequisites", row["prerequisites"], rows, applies)
    for row in matrix.table("cross_region"):
        applies = judge.condition(row, readings) if row["topic"] == "encryption" else NO
        if applies == NO or in_no_point:
            continue
        say(f"copied{_chosen(row)}", row["effect"], (row.id,), applies, row["remedy"])
        if applies == UNKNOWN:
            missing.setdefault(row["fact_id"], []).append(row.id)

    lines = {name: tuple(found.values()) for name, found in stages.items()}
    return _Outcome(
        lines,
        tuple(left_out),
        judge.disagreements(
            ruling for found in lines.values() for line in found for ruling in line.rulings
        ),
        {fact_id: tuple(rows) for fact_id, rows in missing.items()},
    )


def _chosen(row: Row) -> str:
    """Give how the stages of a row end: apart are those of a request that chooses."""
    return "_chosen" if row["request"] == NAMES_ENCRYPTION else ""


def _named_set(disk: Disk) -> str | None:
    """Give the disk encryption set that the disk, or else the VM, names for it."""
    bodies = (*(one.body for one in disk.records), *(body for _, _, body in disk.attachments))
    shown = (look(body, path) for body in bodies for path in ENCRYPTION_SET_PATHS)
    return next((one for one in shown if isinstance(one, str)), None)


def _open_facts(judge: _Judge, scenario: str, readings: Mapping[str, Reading]) -> list[str]:
    facts = judge.rules.facts_of_row.get(scenario, ())
    return [fact_id for fact_id in facts if judge.value(fact_id, readings) is None]


def _found_in(assessment: Assessment) -> _FoundIn:
    return _FoundIn(assessment.inventory, assessment.matrix)


class _FoundIn:
    """Finds what restore points in an inventory show of the encryption of a disk."""

    def __init__(self, inventory: Inventory, matrix: Matrix) -> None:
        self._known = {}
        if ENCRYPTION_TYPE in matrix.facts:
            allowed = matrix.facts[ENCRYPTION_TYPE].allowed_values
            self._known = {one.lower(): one for one in allowed}
        self._of_disk: dict[str, dict[str, FoundEncryption]] = {}
        for record in inventory.of_kind("restore_point"):
            self._take(record, record.body, "")
        for record in inventory.of_kind("restore_point_collection"):
            listed = record.body.get("restorepoints")
            for position, body in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(body, dict):
                    self._take(record, body, f"restorepoints[{position}].")
        for record in inventory.of_kind("disk_restore_point"):
            self._take_alone(record)

    def of(self, disk: Disk) -> tuple[FoundEncryption, ...]:
        """Give what is shown for one disk, joined by its resource id."""
        found = self._of_disk.get(_key(disk.id), {})
        return tuple(found.values())

    def _take(self, record: Record, point: dict[str, Json], prefix: str) -> None:
        storage = look(point, ("sourcemetadata", "storageprofile"))
        if not isinstance(storage, dict):
            return
        entries = [("osdisk", storage.get("osdisk"))]
        data_disks = storage.get("datadisks")
        for position, entry in enumerate(data_disks if isinstance(data_disks, list) else ()):
            entries.append((f"datadisks[{position}]", entry))
        copied = look(point, ("sourcerestorepoint", "id")) is not MISSING
        for place, entry in entries:
            made = look(entry, ("diskrestorepoint",))
            if not isinstance(made, dict):
                continue
            at = f"{prefix}sourcemetadata.storageprofile.{place}.diskrestorepoint"
            self._add(
                look(entry, ("manageddisk", "id")),
                record,
                made,
                at,
                str(point.get("name") or ""),
                copied or look(made, ("sourcediskrestorepoint", "id")) is not MISSING,
            )

    def _take_alone(self, record: Record) -> None:
        body = record.body
        name = re.search(r"/restorepoints/([^/]+)", record.key)
        source = look(body, ("sourceresourceid",))
        copied = look(body, ("sourceresourcelocation",)) is not MISSING
        known = {
            mark: disk_id for disk_id, found in self._of_disk.items() for mark in found if mark
        }
        disk_id = known.get(record.key) or known.get(_key(source)) or source
        self._add(disk_id, record, body, "", name[1] if name else "", copied)

    def _add(
        self, disk_id: Json, record: Record, body: dict[str, Json], at: str, name: str, copy: bool
    ) -> None:
        shown = look(body, ("encryption", "type"))
        kind = self._known.get(shown.lower()) if isinstance(shown, str) else None
        why = ""
        if shown is UNREADABLE or (isinstance(shown, str) and kind is None):
            why = "what stands there is not among the kinds that are known"
        sets = [
            look(body, ("encryption", "diskencryptionset", "id")),
            look(body, ("encryption", "diskencryptionsetid")),
        ]
        own = _key(body.get("id"))
        path = ".".join(part for part in (at, "encryption.type") if part)
        reading = Reading(
            kind,
            "read" if kind else "unknown",
            record,
            path if shown is not MISSING else at,
            shown if isinstance(shown, str) else None,
            why,
        )
        found = FoundEncryption(
            restore_point=name,
            disk_restore_point=str(body.get("id") or ""),
            is_copy=copy,
            type=kind,
            encryption_set_id=next((one for one in sets if isinstance(one, str)), None),
            evidence=reading.evidence(ENCRYPTION_TYPE),
        )
        places = self._of_disk.setdefault(_key(disk_id), {})
        mark = own or f"{record.key}#{at}"
        before = places.get(mark)
        # One disk restore point may be shown twice: by its restore point and by its own record.
        if before is None or (before.type is None and found.type is not None):
            places[mark] = found


def _key(resource_id: Json) -> str:
    return resource_id.strip().rstrip("/").lower() if isinstance(resource_id, str) else ""


# --------------------------------------------------------------------------- copies


def copy_of(
    assessment: Assessment,
    vm: Vm | str,
    *,
    target_region: str,
    client: str = "azure_cli",
    source_region: str | None = None,
    mode: str | None = None,
    api_version: str | None = None,
) -> CopyAnswer:
    """Say whether and how restore points of a VM can be copied to another region.

    Parameters
    ----------
    assessment : Assessment
        Its verdicts tell which disks are in a restore point at all.
    vm : Vm or str
        One of its VMs, or the name or id of one.
    target_region : str
        Where the copy is to stand, such as ``westeurope``.
    client : str
        One of the values of the fact ``client``.
    source_region : str, optional
        Where the restore points stand; that of the VM if it is left out.
    mode : str, optional
        The consistency mode of the restore points. If it is left out, the answer holds for every
        mode in which one can be made: a disk counts unless all of them leave it out.
    api_version : str, optional
        The API version of the request, such as ``2023-03-01``; not known if it is left out.

    Raises
    ------
    AnswerError
        If region, client, mode or API version cannot be; the message says which.
    LookupError
        If no VM, or more than one, answers to the name.
    """
    found = _the_vm(assessment, vm)
    asked = _Asked(assessment, target_region, client, source_region, mode, api_version)
    return _copy(assessment, found, assessment.of(found.id), asked)


def copy_of_fleet(
    assessment: Assessment,
    *,
    target_region: str,
    client: str = "azure_cli",
    source_region: str | None = None,
    mode: str | None = None,
    api_version: str | None = None,
) -> FleetCopy:
    """Say for every VM of an inventory whether its restore points can be copied.

    Parameters
    ----------
    assessment, target_region, client, source_region, mode, api_version
        As for :func:`copy_of`.

    Raises
    ------
    AnswerError
        As :func:`copy_of`.
    """
    asked = _Asked(assessment, target_region, client, source_region, mode, api_version)
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in assessment.verdicts:
        verdicts.setdefault(verdict.vm_id, []).append(verdict)
    answers = tuple(
        _copy(assessment, vm, verdicts.get(vm.id, ()), asked) for vm in assessment.inventory.vms
    )
    return FleetCopy(asked.target, asked.client, answers)


class _Asked:
    """What is asked for, checked."""

    def __init__(
        self,
        assessment: Assessment,
        target_region: str,
        client: str,
        source_region: str | None,
        mode: str | None,
        api_version: str | None,
    ) -> None:
        self.target = _region(target_region, "target region")
        self.source = None if source_region is None else _region(source_region, "source region")
        self.client = check_answer(assessment.matrix, CLIENT, client)
        modes = {verdict.mode for verdict in assessment.verdicts}
        if mode is not None and modes and mode not in modes:
            raise AnswerError(f"the mode may be {', '.join(sorted(modes))}, not {mode!r}")
        self.mode = mode
        if api_version is not None and not re.fullmatch(
            r"(?:api-)?\d{4}-\d{2}-\d{2}(?:-preview)?", str(api_version)
        ):
            raise AnswerError(f"an API version is a date such as 2023-03-01, not {api_version!r}")
        self.api_version = api_version

    def readings(self, source: str) -> dict[str, Reading]:
        """Give what the request itself tells, as readings of facts."""
        told: dict[str, str | None] = {
            CLIENT: self.client,
            API_VERSION: self.api_version,
            OTHER_REGION: None,
        }
        if source:
            told[OTHER_REGION] = YES if region(source) != region(self.target) else NO
        return {
            name: Reading(value, "answered") for name, value in told.items() if value is not None
        }


def _region(name: str, what: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(
        r"[A-Za-z0-9][A-Za-z0-9 ]{1,60}", name.strip()
    ):
        raise AnswerError(f"a {what} is a name such as westeurope, not {name!r}")
    return name.strip()


def _copy(assessment: Assessment, vm: Vm, verdicts: Sequence[Verdict], asked: _Asked) -> CopyAnswer:
    judge = _Judge(assessment, vm)
    matrix = judge.matrix
    source = asked.source if asked.source is not None else vm.location
    answered = assessment.evaluator.request_answers(vm)
    request = {**answered, **asked.readings(source)}
    considered = [one for one in verdicts if asked.mode in (None, one.mode)]
    modes = [one.mode for one in _hopeful(considered) or considered]
    left_out: list[ExcludedDisk] = []
    disks: list[DiskFacts] = []
    perhaps_out: set[int] = set()
    for one in judge.facts.disks:
        sure = {mode: judge.left_out(one, mode) for mode in modes}
        if modes and all(sure.values()):
            disk = one.disk
            rows = _rows(sure.values())
            left_out.append(ExcludedDisk(disk.id, disk.name, disk.lun, disk.role, rows))
            continue
        disks.append(one)
        if modes and all(sure[mode] or judge.left_out(one, mode, UNKNOWN) for mode in modes):
            perhaps_out.add(id(one))
    lines: list[CopyLine] = []
    waiting: dict[tuple[str, str], tuple[Question, list[str]]] = {}

    def ask(row: Row, one: DiskFacts | None, readings: Mapping[str, Reading]) -> None:
        fact_id = row["fact_id"]
        disk = one.disk if one else None
        mark = (fact_id, disk.label if disk else "")
        if mark not in waiting:
            why = readings[fact_id].why if fact_id in readings else ""
            waiting[mark] = (judge.question(fact_id, (), disk, why), [])
        waiting[mark][1].append(row.id)

    for row in matrix.table("cross_region"):
        if row["outcome"] == "not_applicable":
            continue
        grain = matrix.facts[row["fact_id"]].grain if row["fact_id"] else "request"
        concerned: list[str] = []
        if grain == "disk":
            found: dict[str, list[DiskFacts]] = {YES: [], UNKNOWN: [], NO: []}
            for one in disks:
                holds_for = judge.condition(row, one.readings)
                if holds_for == YES and id(one) in perhaps_out:
                    holds_for = UNKNOWN
                found[holds_for].append(one)
            applies = YES if found[YES] else UNKNOWN if found[UNKNOWN] else NO
            concerned = [one.disk.label for one in found[applies]] if applies != NO else []
            for one in found[UNKNOWN]:
                if judge.value(row["fact_id"], one.readings) is None:
                    ask(row, one, one.readings)
        else:
            readings = request if grain == "request" else judge.facts.readings
            applies = judge.condition(row, readings)
            if applies == UNKNOWN:
                ask(row, None, readings)
        if applies != NO:
            lines.append(_copy_line(judge, row, applies, tuple(concerned)))
    no_point = tuple(_without_point(judge, considered))
    answer, reasons = _answer((*no_point, *lines))
    lines += no_point
    questions = [
        replace(question, rows=tuple(dict.fromkeys(rows))) for question, rows in waiting.values()
    ]
    if no_point or perhaps_out:
        questions += [one for verdict in considered for one in verdict.missing]
    return CopyAnswer(
        vm_id=vm.id,
        vm_name=vm.name,
        mode=asked.mode or "",
        source_region=source,
        target_region=asked.target,
        client=asked.client,
        answer=answer,
        reasons=reasons,
        lines=tuple(sorted(lines, key=_place)),
        left_out=tuple(left_out),
        disagreements=judge.disagreements(ruling for line in lines for ruling in line.rulings),
        # Where the answer is a sure no, nothing that is missing could change it.
        questions=() if answer == "not_supported" else tuple(dict.fromkeys(questions)),
    )


def _copy_line(judge: _Judge, row: Row, applies: str, disks: tuple[str, ...]) -> CopyLine:
    return CopyLine(
        text=row["effect"],
        remedy=row["remedy"],
        rows=(row.id,),
        topic=row["topic"],
        outcome=row["outcome"],
        source=judge.source(row.id),
        applies=applies,
        disks=disks,
        rulings=judge.matrix.rulings(row.id),
    )


def _without_point(judge: _Judge, verdicts: Sequence[Verdict]) -> Iterator[CopyLine]:
    """Say why there is no restore point to copy, or perhaps none."""
    kinds = {verdict.verdict for verdict in verdicts}
    if not kinds or kinds & {"supported", "exclude_disks"}:
        return
    sure = kinds == {"not_supported"}
    reasons = [
        row
        for verdict in verdicts
        if sure or verdict.verdict == "unknown"
        for row in verdict.reasons
    ]
    for row_id in dict.fromkeys(reasons):
        row = judge.matrix.row(row_id)
        yield CopyLine(
            text=row["title"],
            remedy=row["remedy"] or row["caveat"],
            rows=tuple(citation.row_id for citation in judge.matrix.citations(row_id)),
            topic="restore-point",
            outcome="not_supported",
            source=judge.source(row_id),
            applies=YES if sure else UNKNOWN,
            disks=(),
            rulings=judge.matrix.rulings(row_id),
        )


def _answer(lines: Sequence[CopyLine]) -> tuple[str, tuple[str, ...]]:
    """Give the answer, and the rows that decided; caveats never hide what might block.

    A rule that asks to leave a disk out blocks the copy of a point that holds it.
    """

    def rows(applies: str, *outcomes: str) -> tuple[str, ...]:
        found = (one for one in lines if one.applies == applies and one.outcome in outcomes)
        return tuple(dict.fromkeys(line.rows[0] for line in found))

    blocked = rows(YES, "not_supported", "exclude_disk")
    if blocked:
        return "not_supported", blocked
    maybe = (
        *rows(YES, "not_stated"),
        *rows(UNKNOWN, "not_supported", "exclude_disk", "not_stated"),
    )
    if maybe:
        return "unknown", maybe
    caveats = rows(YES, "supported_with_caveat")
    return ("supported_with_caveat", caveats) if caveats else ("supported", rows(YES, *SUPPORTED))


def _place(line: CopyLine) -> tuple[int, str, bool, str]:
    known = line.topic in TOPICS
    number = TOPICS.index(line.topic) if known else len(TOPICS)
    return number, line.topic, line.source != ARTICLE, line.rows[0]
