"""Which rows about encryption and copies apply to a VM, to one of its disks, or to a request.

A row applies, does not, or that is not known; what is not known comes with the command or the
question that settles it. Every line names its rows and says whether the article stands behind it
or another source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from rpmatrix.eligibility.assessment import Assessment, Question, Verdict, fill_command
from rpmatrix.eligibility.rules import holds
from rpmatrix.inventory.facts import DiskFacts, VmFacts
from rpmatrix.inventory.inventory import Disk, Vm
from rpmatrix.inventory.readings import Reading
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.schema import Row

ARTICLE: Final = "article"
YES, UNKNOWN, NO = "yes", "unknown", "no"

ENCRYPTION_TYPE: Final = "encryption_type"
CUSTOMER_KEY: Final = "customer_key"

NAMES_ENCRYPTION: Final = "names_encryption"
"""The value of ``request`` in rows about a request that names the encryption itself."""


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


class Applicability:
    """Tells of one VM which rows apply.

    Parameters
    ----------
    assessment : Assessment
        What was read, the rules, and the answers that were given.
    vm : Vm
        One of its VMs.
    """

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


def vm_of(assessment: Assessment, vm: Vm | str) -> Vm:
    """Give the VM that is meant by itself, by its name or by its id.

    Raises
    ------
    LookupError
        If no VM, or more than one, answers to the name.
    """
    return assessment.inventory.vm(vm) if isinstance(vm, str) else vm


def each_once(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Give the rows of several groups, in order, each once."""
    return tuple(dict.fromkeys(row for group in groups for row in group))


def hopeful(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Give the verdicts of the modes in which a restore point can be made, or perhaps can."""
    return tuple(one for one in verdicts if one.verdict != "not_supported")


def as_json(result: Any) -> dict[str, Any]:
    """Turn a result into objects and lists, as JSON has them."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return as_json(value) if hasattr(value, "__dataclass_fields__") else value

    return {one.name: plain(getattr(result, one.name)) for one in fields(result)}
