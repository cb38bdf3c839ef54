"""Copies of restore points in another region: whether they can be made, and what they lose.

The answers are rows of the table ``cross_region`` that apply to a VM, to one of its disks, or to
the copy that is asked for; see :mod:`rpmatrix.eligibility.applicability`. A disk that must be left
out of the restore point is in no copy either, so what is said of copies does not concern it: not
even a private link, whose row itself says that leaving the disk out helps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rpmatrix.eligibility.applicability import (
    ARTICLE,
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
from rpmatrix.eligibility.assessment import (
    AnswerError,
    Assessment,
    ExcludedDisk,
    Question,
    Verdict,
    check_answer,
)
from rpmatrix.inventory.facts import DiskFacts
from rpmatrix.inventory.inventory import Vm
from rpmatrix.inventory.readings import Reading
from rpmatrix.inventory.records import region
from rpmatrix.matrix.matrix import SUPPORTED
from rpmatrix.matrix.schema import Row

CLIENT: Final = "client"
API_VERSION: Final = "api_version"
_OTHER_REGION: Final = "target_region_differs"

TOPICS: Final = (
    *("restore-point", "region", "availability", "client", "api-version", "security", "network"),
    *("exclusion", "collection", "order", "throttle", "encryption", "identity", "progress"),
    *("restore", "retention"),
)
"""The order in which a copy is thought through; topics that a layer adds come last."""

ANSWERS: Final = ("supported", "supported_with_caveat", "not_supported", "unknown")


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
    loss : bool
        Whether it says what the copy loses.
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
    loss: bool = False


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
        return tuple(line for line in self.lines if line.loss)

    def about(self, topic: str) -> tuple[CopyLine, ...]:
        """Give the lines of one topic."""
        return tuple(line for line in self.lines if line.topic == topic)

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return as_json(self)


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
    found = vm_of(assessment, vm)
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
            _OTHER_REGION: None,
        }
        if source:
            told[_OTHER_REGION] = YES if region(source) != region(self.target) else NO
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
    judge = Applicability(assessment, vm)
    source = asked.source if asked.source is not None else vm.location
    considered = [one for one in verdicts if asked.mode in (None, one.mode)]
    modes = [one.mode for one in hopeful(considered) or considered]
    left_out = tuple(_left_out(judge, modes))
    held = [one for one in judge.facts.disks if not _left_out_rows(judge, one, modes)]
    unsure = [one for one in held if _may_be_left_out(judge, one, modes)]
    request = {**assessment.evaluator.request_answers(vm), **asked.readings(source)}
    rules = _Rules(judge, request, held, unsure)
    found = [rules.line(row) for row in judge.matrix.table("cross_region")]
    lines = [line for line in found if line]
    no_point = tuple(_without_point(judge, considered))
    answer, reasons = _answer((*no_point, *lines))
    lines += no_point
    questions = list(rules.questions())
    if no_point or unsure:
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
        left_out=left_out,
        disagreements=judge.disagreements(ruling for line in lines for ruling in line.rulings),
        # Where the answer is a sure no, nothing that is missing could change it.
        questions=() if answer == "not_supported" else tuple(dict.fromkeys(questions)),
    )


def _left_out(judge: Applicability, modes: Sequence[str]) -> Iterator[ExcludedDisk]:
    for one in judge.facts.disks:
        rows = _left_out_rows(judge, one, modes)
        if rows:
            disk = one.disk
            yield ExcludedDisk(disk.id, disk.name, disk.lun, disk.role, rows)


def _left_out_rows(judge: Applicability, one: DiskFacts, modes: Sequence[str]) -> tuple[str, ...]:
    """Give the rows for which a disk is in no restore point; none if some mode holds it."""
    rows = [judge.left_out(one, mode) for mode in modes]
    return each_once(rows) if all(rows) else ()


def _may_be_left_out(judge: Applicability, one: DiskFacts, modes: Sequence[str]) -> bool:
    """Tell whether it is not known that any restore point holds a disk."""
    return bool(modes) and all(
        judge.left_out(one, mode) or judge.left_out(one, mode, UNKNOWN) for mode in modes
    )


class _Rules:
    """Holds one VM, its disks and the request against the rules of copying, one by one."""

    def __init__(
        self,
        judge: Applicability,
        request: Mapping[str, Reading],
        held: Sequence[DiskFacts],
        unsure: Sequence[DiskFacts],
    ) -> None:
        self._judge = judge
        self._request = request
        self._held = held
        self._unsure = {id(one) for one in unsure}
        self._waiting: dict[tuple[str, str], tuple[Question, list[str]]] = {}

    def line(self, row: Row) -> CopyLine | None:
        """Give the line of a rule that applies, or might; None for one that does not."""
        if row["outcome"] == "not_applicable":
            return None
        facts = self._judge.matrix.facts
        grain = facts[row["fact_id"]].grain if row["fact_id"] else "request"
        if grain == "disk":
            applies, disks = self._of_disks(row)
        else:
            disks = ()
            readings = self._request if grain == "request" else self._judge.facts.readings
            applies = self._judge.condition(row, readings)
            if applies == UNKNOWN:
                self._ask(row, None, readings)
        return None if applies == NO else _copy_line(self._judge, row, applies, disks)

    def questions(self) -> Iterator[Question]:
        """Give what settles the rules that might apply, each with all of these."""
        for question, rows in self._waiting.values():
            yield replace(question, rows=tuple(dict.fromkeys(rows)))

    def _of_disks(self, row: Row) -> tuple[str, tuple[str, ...]]:
        """Tell whether a rule applies to any disk, and to which."""
        found: dict[str, list[DiskFacts]] = {YES: [], UNKNOWN: [], NO: []}
        for one in self._held:
            applies = self._judge.condition(row, one.readings)
            unsure = applies == YES and id(one) in self._unsure
            found[UNKNOWN if unsure else applies].append(one)
        for one in found[UNKNOWN]:
            if self._judge.value(row["fact_id"], one.readings) is None:
                self._ask(row, one, one.readings)
        applies = next((one for one in (YES, UNKNOWN) if found[one]), NO)
        return applies, tuple(one.disk.label for one in found[applies])

    def _ask(self, row: Row, one: DiskFacts | None, readings: Mapping[str, Reading]) -> None:
        fact_id = row["fact_id"]
        disk = one.disk if one else None
        mark = (fact_id, disk.label if disk else "")
        if mark not in self._waiting:
            why = readings[fact_id].why if fact_id in readings else ""
            self._waiting[mark] = (self._judge.question(fact_id, (), disk, why), [])
        self._waiting[mark][1].append(row.id)


def _copy_line(judge: Applicability, row: Row, applies: str, disks: tuple[str, ...]) -> CopyLine:
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
        loss=row["loss"] == YES,
    )


def _without_point(judge: Applicability, verdicts: Sequence[Verdict]) -> Iterator[CopyLine]:
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
