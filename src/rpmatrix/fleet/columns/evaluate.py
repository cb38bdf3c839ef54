"""The rules over columns: verdicts of a fleet at the speed of reading it.

The scalar evaluator ANDs the words of one VM's facts. Here a fact is a column: cells become codes
(:mod:`rpmatrix.fleet.columns.codes`), rows of equal codes are evaluated once, and a verdict needs
no more than a few bits of each (:mod:`rpmatrix.fleet.columns.cases`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from rpmatrix.eligibility.assessment import FAMILY, AnswerError, Answers, Evaluator
from rpmatrix.fleet.columns.cases import (
    BEFORE_FACTS,
    LISTED,
    ROLE,
    ROLES,
    WORD,
    Cases,
    Configurations,
    Layout,
    any_of,
)
from rpmatrix.fleet.columns.codes import Cells, Codes, Column, Growing, Numbering, Rows, told_apart
from rpmatrix.inventory.systems import SYSTEM, UPDATES
from rpmatrix.matrix.matrix import DECISIVE, MODES, Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    # Gives pairs of name and id, one for each VM.
    Names = Callable[[], Iterable[tuple[str, str]]]

    Bools = NDArray[np.bool_]
    Bits = NDArray[np.uint8]
    Numbers = NDArray[Any]

# --------------------------------------------------------------------------- the evaluator


class Found(NamedTuple):
    """Rows that bear on VMs or disks, one for each place: long form.

    Attributes
    ----------
    vms, disks : array of int
        The place of the VM, and of the disk row or -1 for a row about the VM.
    rows : array of int
        The row, as a place in :attr:`ColumnEvaluator.rows`.
    applies : array of bool
        True if it applies for sure, false if it might.
    """

    vms: Numbers
    disks: Numbers
    rows: Numbers
    applies: Bools


class Numbered(NamedTuple):
    """Configurations of VMs or of disks, told by the numbers of their rows of codes.

    Attributes
    ----------
    rows : array of int
        The number of each one's row of codes.
    configurations : array of int
        The configuration of each row of codes.
    """

    rows: Numbers
    configurations: Numbers

    def take(self, values: Numbers) -> Numbers:
        """Give each one the value of its configuration."""
        return values.take(self.configurations).take(self.rows)


@dataclass(frozen=True, eq=False)
class Judged:
    """The verdicts of the VMs of a table.

    Attributes
    ----------
    evaluator : ColumnEvaluator
        What knows the numbers.
    of_vms, of_disks : Numbered
        What is known of each VM and of each disk row.
    owners : array of int
        The place of the VM of each disk row, ascending.
    signs : array of int
        What decides the verdict of each VM, as bits that :class:`Cases` can read.
    """

    evaluator: ColumnEvaluator
    of_vms: Numbered
    of_disks: Numbered
    owners: Numbers
    signs: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.of_vms.rows)

    @cached_property
    def vms(self) -> Numbers:
        """The configuration of each VM."""
        return self.of_vms.configurations.take(self.of_vms.rows)

    @cached_property
    def disks(self) -> Numbers:
        """The configuration of each disk row."""
        return self.of_disks.configurations.take(self.of_disks.rows)

    @cached_property
    def cases(self) -> Numbers:
        """The case of each VM: a number that :class:`Cases` explains."""
        return self.evaluator.cases_of(self)

    def verdicts(self, mode: str) -> Bits:
        """Return the verdict of each VM, as a place in the verdicts of an assessment."""
        return self.evaluator.cases.decided("verdict", mode, self.signs)

    def excluded(self, mode: str) -> Bools:
        """Tell of each disk row whether the verdict of its VM names it as one to exclude."""
        names_disks = self.evaluator.cases.decided("names_disks", mode, self.signs).astype(bool)
        must_go = self.of_disks.take(self.evaluator.must_go(mode))
        found: Bools = must_go & names_disks.take(self.owners)
        return found

    def findings(self) -> Found:
        """Give the rows that bear on a verdict: they apply, or may apply and could decide it.

        Rows that apply and say that all is well are left out.
        """
        every_vm = np.arange(len(self), dtype=np.int32)
        of_vms = self.evaluator.found(self.vms, disks=False)
        of_disks = self.evaluator.found(self.disks, disks=True)
        return Found(
            np.concatenate([every_vm.take(of_vms[0]), self.owners.take(of_disks[0])]),
            np.concatenate([np.full(len(of_vms[0]), -1, np.int32), of_disks[0]]),
            np.concatenate([of_vms[1], of_disks[1]]),
            np.concatenate([of_vms[2], of_disks[2]]),
        )


class ColumnEvaluator:
    """Gives verdicts for whole columns, from the compiled rules of one matrix.

    Parameters
    ----------
    matrix : Matrix
        The matrix that decides.
    strict : bool
        Make no assumption: what no payload can tell stays unknown.
    answers : mapping of str to str
        As for :class:`rpmatrix.eligibility.assessment.Evaluator`.

    Attributes
    ----------
    vm_facts, disk_facts : tuple of str
        The facts that rules test: the columns to bring. Any other column has no bearing.
    rows : tuple of str
        Row ids, for the places in :class:`Found`.
    cases : Cases
        What the numbers of cases mean.
    """

    def __init__(
        self, matrix: Matrix, *, strict: bool = False, answers: Answers | None = None
    ) -> None:
        self.matrix = matrix
        self.scalar = Evaluator(matrix, strict=strict, answers=answers)
        if named := self.scalar.answered_disks:
            raise AnswerError(
                f"{named[0]} names one disk; for a fleet answer for a VM or for all of them, or "
                "judge this VM by itself"
            )
        rules = self.scalar.rules
        self._layout = Layout(matrix, rules)
        self.rows = self._layout.rows
        tested = [matrix.facts[name] for name in rules.facts]
        self.vm_facts = tuple(fact.id for fact in tested if fact.grain == "vm")
        self.disk_facts = tuple(fact.id for fact in tested if fact.grain == "disk")
        self._columns = {
            name: Column(
                rules,
                matrix.facts[name],
                self.scalar.assumption(name),
                self.scalar.systems.by_calendar if name == SYSTEM else None,
            )
            for name in (*self.vm_facts, *self.disk_facts)
        }
        on_disks = rules.masks["os"] | rules.masks["data"]
        # Facts of the VM that rules about disks test besides are told of its disks too.
        self._shared = tuple(
            name
            for name in self.vm_facts
            if any(one.bit & on_disks and name == fact for one, fact in self._layout.tests)
        )
        self._vms = Configurations(
            self._layout, [self._columns[name] for name in self.vm_facts], of_disks=False
        )
        self._disks = Configurations(
            self._layout,
            [self._columns[name] for name in (*self.disk_facts, *self._shared)],
            of_disks=True,
        )
        self._vm_rows = Rows(len(self.vm_facts))
        self._disk_rows = Rows(BEFORE_FACTS + len(self.disk_facts))
        self._configuration_of_vm_row = Growing((), np.int32)
        self._configuration_of_disk_row = Growing((), np.int32)
        self._sets: dict[tuple[int, ...], int] = {(): 0}
        self._set_meanings = Growing((-(-self._layout.width // 8),))
        self._set_meanings.append(np.zeros((1, -(-self._layout.width // 8)), np.uint8))
        self._pairs = Numbering()
        self._case_of_pair = Growing((), np.int32)
        self.cases = Cases(self._layout)
        self._lock = RLock()

    def encode_vms(self, table: pa.Table, pool: Executor | None = None) -> Numbers:
        """Give each row of a table of VMs a number, the same for rows of the same facts.

        Parameters
        ----------
        table : pyarrow.Table
            One row per VM, and a column for each fact, named by its id; one that is missing is
            unknown.
        pool : Executor, optional
            Threads that share the work.
        """
        return _numbered(self._vm_rows, partial(self._codes, self.vm_facts), table, pool)

    def encode_disks(self, table: pa.Table, pool: Executor | None = None) -> Numbers:
        """Give each row of a table of disks a number, the same for rows of the same facts.

        Parameters
        ----------
        table : pyarrow.Table
            One row per disk: ``role`` (``os`` or ``data``), and a column for each fact; one that is
            missing is unknown. A row that stands for disks that are not listed says ``no`` in a
            column ``listed``.
        pool : Executor, optional
            Threads that share the work.

        Raises
        ------
        ValueError
            If the role of a disk is neither; the message says what stands there.
        """

        def codes(batch: pa.RecordBatch, pool: Executor | None) -> list[Codes]:
            return [_roles(batch), _listed(batch), *self._codes(self.disk_facts, batch, pool)]

        return _numbered(self._disk_rows, codes, table, pool)

    def refused(self) -> list[tuple[str, str]]:
        """Give facts with cells that hold what the fact does not allow, some of each at most."""
        columns = self._columns.items()
        return [(name, cell) for name, column in columns for cell in list(column.refused)]

    def unlisted(self, roles: Numbers) -> Numbers:
        """Give numbers for rows that stand for disks which are not listed: nothing is known."""
        nothing = [self._columns[name].nothing for name in self.disk_facts]
        return self._disk_rows.number([Cells.of_codes(roles), 0, *nothing], len(roles))

    def roles(self, disks: Numbers) -> Numbers:
        """Give the role of each disk, as a place in :data:`ROLES`, by its number."""
        return self._disk_rows[:][:, ROLE].take(disks)

    def count_listed(self, disks: Numbers) -> int:
        """Count the disks that do not stand for others which are not listed, by their numbers."""
        return int(np.count_nonzero(self._disk_rows[:][:, LISTED].take(disks)))

    def judge(
        self,
        vms: Numbers,
        disks: Numbers,
        owners: Numbers,
        names: Names | None = None,
        pool: Executor | None = None,
    ) -> Judged:
        """Give the verdict of every VM.

        Parameters
        ----------
        vms, disks : array of int
            As :meth:`encode_vms` and :meth:`encode_disks` give them.
        owners : array of int
            For each disk the place of its VM, ascending.
        names : callable, optional
            Gives names and ids of all VMs; called only if single VMs were answered for.
        pool : Executor, optional
            Threads that share the work.
        """
        if names is not None and self.scalar.answered_vms:
            vms, disks = self._answer_singly(vms, disks, owners, names())
        with self._lock:
            of_vms = Numbered(vms, self._configured_vms())
            if self._shared:
                of_disks = self._configured_together(vms, disks, owners)
            else:
                of_disks = Numbered(disks, self._configured_disks())
        return Judged(self, of_vms, of_disks, owners, self._signs(of_vms, of_disks, owners, pool))

    def _signs(
        self, of_vms: Numbered, of_disks: Numbered, owners: Numbers, pool: Executor | None
    ) -> NDArray[np.uint32]:
        """Give what decides the verdict of each VM, as bits that :class:`Cases` can read."""
        signs: NDArray[np.uint32] = of_vms.take(self._vms.signs.rows)
        of_row = self._disks.signs.rows.take(of_disks.configurations)

        def add(block: slice) -> None:
            mine = owners[block]
            starts = _starts(mine)
            found = np.bitwise_or.reduceat(of_row.take(of_disks.rows[block]), starts)
            first, last = int(mine[0]), int(mine[-1])
            if len(starts) == last - first + 1:
                signs[first : last + 1] |= found
            else:
                signs[mine[starts]] |= found

        blocks = _whole_runs(owners)
        for _ in pool.map(add, blocks) if pool else map(add, blocks):
            pass
        return signs

    def cases_of(self, judged: Judged) -> Numbers:
        """Give the number of the case of each VM, which :class:`Cases` explains."""
        with self._lock:
            sets = self._numbered_sets(judged.disks, judged.owners, len(judged))
            return self._numbered_cases(judged.vms, sets)

    # ----- cells to codes

    def _codes(
        self, names: Iterable[str], batch: pa.RecordBatch, pool: Executor | None
    ) -> list[Codes]:
        def codes(name: str) -> Codes:
            column = self._columns[name]
            there = name in batch.schema.names
            return column.cells(batch[name]) if there else column.nothing

        return list(pool.map(codes, names) if pool else map(codes, names))

    # ----- rows of codes to configurations

    def _configured_vms(self) -> Numbers:
        """Give the configuration of each row of codes of a VM."""
        known = self._configuration_of_vm_row
        if len(rows := self._vm_rows[len(known) :]):
            known.append(self._vms.number(self._answered_vms(rows, self.scalar.answers())))
        found: Numbers = known.rows
        return found

    def _configured_disks(self) -> Numbers:
        """Give the configuration of each row of codes of a disk."""
        known = self._configuration_of_disk_row
        if len(rows := self._disk_rows[len(known) :]):
            known.append(self._disks.number(self._answered_disks(rows, self.scalar.answers())))
        found: Numbers = known.rows
        return found

    def _configured_together(self, vms: Numbers, disks: Numbers, owners: Numbers) -> Numbered:
        """Give the configuration of each disk, of which some facts are those of its VM."""
        pairs = pa.array(vms.take(owners).astype(np.int64) << 32 | disks).dictionary_encode()
        keys = pairs.dictionary.to_numpy(zero_copy_only=False)
        answers = self.scalar.answers()
        shared = [self.vm_facts.index(name) for name in self._shared]
        of_vms = self._answered_vms(self._vm_rows[keys >> 32], answers)[:, shared]
        of_disks = self._answered_disks(self._disk_rows[keys & (2**32 - 1)], answers)
        numbers = self._disks.number(np.hstack([of_disks, of_vms]))
        return Numbered(pairs.indices.to_numpy(zero_copy_only=False), numbers)

    def _answer_singly(
        self,
        vms: Numbers,
        disks: Numbers,
        owners: Numbers,
        names: Iterable[tuple[str, str]],
    ) -> tuple[Numbers, Numbers]:
        """Fill in what a person answered for single VMs, where a fact is not known for sure.

        An answer for one VM counts more than one for all, and one by its id more than by its name.
        """
        vms, disks = vms.copy(), disks.copy()
        single = set(self.scalar.answered_vms)
        chosen: dict[tuple[str, ...], list[int]] = {}
        for place, held in enumerate(names):
            scopes = tuple(name for name in map(str.lower, held) if name in single)
            if scopes:
                chosen.setdefault(scopes, []).append(place)
        for scopes, places in chosen.items():
            answers = self.scalar.answers()
            for scope in scopes:
                answers |= self.scalar.answers(scope)
            rows = self._answered_vms(self._vm_rows[vms[places]], answers)
            vms[places] = self._vm_rows.number_rows(rows)
            mine = np.flatnonzero(np.isin(owners, places))
            rows = self._answered_disks(self._disk_rows[disks[mine]], answers)
            disks[mine] = self._disk_rows.number_rows(rows)
        return vms, disks

    def _answered_vms(self, rows: Numbers, answers: Mapping[str, str | int]) -> Numbers:
        """Give rows of codes of VMs with answers filled in where they leave something open."""
        contradicted = self._contradicted(rows, answers)
        for place, name in enumerate(self.vm_facts):
            if name in answers:
                rows[:, place] = self._columns[name].answered(rows[:, place], answers[name])
        if contradicted.any():
            place = self.vm_facts.index(SYSTEM)
            rows[contradicted, place] = self._columns[SYSTEM].taken_back
        return self._dated(rows)

    def _dated(self, rows: Numbers) -> Numbers:
        """Let the calendar of a system tell what nothing else tells."""
        if {SYSTEM, UPDATES} <= {*self.vm_facts}:
            systems, updates = self._columns[SYSTEM], self._columns[UPDATES]
            place = self.vm_facts.index(UPDATES)
            for dated in {one.dated for one in systems.classes} - {""}:
                known = np.array([one.dated == dated for one in systems.classes])
                mine = known[rows[:, self.vm_facts.index(SYSTEM)]]
                rows[mine, place] = updates.answered(rows[mine, place], dated)
        return rows

    def _contradicted(self, rows: Numbers, answers: Mapping[str, str | int]) -> Bools:
        """Tell of which VMs the family that was read contradicts the operating system answered."""
        if SYSTEM not in answers or not {SYSTEM, FAMILY} <= {*self.vm_facts}:
            return np.zeros(len(rows), bool)
        systems, families = self._columns[SYSTEM], self._columns[FAMILY]
        answered = self.scalar.family_of(answers[SYSTEM])
        is_answerable = np.array([one.answerable for one in systems.classes])
        is_other = np.array([one.family not in (None, answered) for one in families.classes])
        of_system, of_family = (rows[:, self.vm_facts.index(name)] for name in (SYSTEM, FAMILY))
        found: Bools = is_answerable[of_system] & is_other[of_family]
        return found

    def _answered_disks(self, rows: Numbers, answers: Mapping[str, str | int]) -> Numbers:
        """Give rows of codes of disks with answers filled in; those of no listed disk stay."""
        listed = rows[:, LISTED] == 1
        for place, name in enumerate(self.disk_facts, start=BEFORE_FACTS):
            if name in answers:
                filled = self._columns[name].answered(rows[:, place], answers[name])
                rows[:, place] = np.where(listed, filled, rows[:, place])
        return rows

    # ----- disks to sets, sets and VMs to cases

    def _numbered_sets(self, of_disks: Numbers, owners: Numbers, length: int) -> Numbers:
        """Give each VM the number of the set of configurations that its disks have."""
        sets = np.zeros(length, np.int64)
        if not len(of_disks):
            return sets
        starts = _starts(owners)
        with_disks = owners[starts]
        # A set is words of bits, one for each configuration. Those met first are the frequent
        # ones: the first word is all that most VMs need.
        encoded = pa.array(_bits_or(of_disks, 0, starts)).dictionary_encode()
        numbers = encoded.indices.to_numpy(zero_copy_only=False)
        known = self._set_numbers(encoded.dictionary.to_numpy(zero_copy_only=False)[:, None])
        sets[with_disks] = known.take(numbers)
        rare = np.flatnonzero(of_disks >= WORD)
        if len(rare):
            self._add_rare(sets, of_disks, owners, rare)
        return sets

    def _add_rare(self, sets: Numbers, of_disks: Numbers, owners: Numbers, rare: Numbers) -> None:
        """Give a number to the sets of the VMs that have a disk of a rare configuration."""
        vms = np.unique(owners[rare])
        mine = np.flatnonzero(np.isin(owners, vms))
        of_mine, whose = of_disks[mine], owners[mine]
        starts = _starts(whose)
        words = np.stack(
            [_bits_or(of_mine, first, starts) for first in range(0, int(of_mine.max()) + 1, WORD)],
            axis=1,
        )
        rows, places = np.unique(words, axis=0, return_inverse=True)
        sets[vms] = self._set_numbers(rows)[places.reshape(-1)]

    def _set_numbers(self, words: Numbers) -> Numbers:
        """Give the numbers of sets of configurations, each told by a row of words of bits."""
        keys = [_trimmed(tuple(row)) for row in words.tolist()]
        new = [at for at, key in enumerate(keys) if key not in self._sets]
        if new:
            fresh = np.ascontiguousarray(words[new].astype("<u8")).view(np.uint8)
            sets, members = np.nonzero(np.unpackbits(fresh, axis=1, bitorder="little"))
            starts = _starts(sets)
            # What holds for a set is what holds for one of its members.
            meanings = self._disks.packed.rows[members]
            self._set_meanings.append(np.bitwise_or.reduceat(meanings, starts, axis=0))
            self._sets |= {keys[at]: len(self._sets) + place for place, at in enumerate(new)}
        return np.array([self._sets[key] for key in keys], np.int64)

    def _numbered_cases(self, of_vms: Numbers, sets: Numbers) -> Numbers:
        pairs, new = self._pairs.number(pa.array(of_vms.astype(np.int64) << 32 | sets))
        if len(new):
            meanings = self._vms.packed.rows[of_vms[new]] | self._set_meanings.rows[sets[new]]
            self._case_of_pair.append(self.cases.number(meanings))
        return np.asarray(self._case_of_pair.rows.take(pairs))

    # ----- what configurations mean

    def must_go(self, mode: str) -> Bools:
        """Tell of every configuration of a disk whether the disk must be excluded in a mode."""
        sure = self._layout.unpack(self._disks.packed.rows)[:, self._layout.parts["sure"]]
        return any_of(sure & self._layout.excludes(mode))

    def exclusions(self, numbers: Numbers, mode: str) -> list[tuple[str, ...]]:
        """Give the rows that exclude a disk in a mode, for some configurations of disks."""
        sure = self._layout.unpack(self._disks.packed.rows[numbers])[:, self._layout.parts["sure"]]
        return [
            tuple(row for row, marked in zip(self.rows, one, strict=True) if marked)
            for one in sure & self._layout.excludes(mode)
        ]

    def found(self, numbers: Numbers, *, disks: bool) -> tuple[Numbers, Numbers, Bools]:
        """Give places, rows and whether they apply, for configurations of VMs or of disks."""
        held = self._disks if disks else self._vms
        meaning = self._layout.unpack(held.packed.rows)
        decides, tells = (
            np.logical_or.reduce([self._layout.outcome(mode, *outcomes) for mode in MODES])
            for outcomes in (DECISIVE, (*DECISIVE, "supported_with_caveat"))
        )
        sure = meaning[:, self._layout.parts["sure"]] & tells
        maybe = meaning[:, self._layout.parts["maybe"]] & decides
        configurations, rows = np.nonzero(sure | maybe)
        applies = sure[configurations, rows]
        counts = np.bincount(configurations, minlength=len(meaning))
        firsts = np.cumsum(counts) - counts
        mine = counts.take(numbers)
        places = np.repeat(np.arange(len(numbers), dtype=np.int32), mine)
        within = np.arange(len(places)) - np.repeat(np.cumsum(mine) - mine, mine)
        picked = firsts.take(numbers).take(places) + within
        return places, rows.astype(np.int16).take(picked), applies.take(picked)


def _numbered(
    rows: Rows,
    codes: Callable[[pa.RecordBatch, Executor | None], list[Codes]],
    table: pa.Table,
    pool: Executor | None,
) -> Numbers:
    """Give the rows of a table their numbers."""
    batches = [one for one in table.to_batches() if one.num_rows]
    found = [rows.number(codes(one, pool), one.num_rows, pool) for one in batches]
    return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, np.int32), *found])


def _starts(ascending: Numbers) -> Numbers:
    """Give where runs of equal numbers begin."""
    changes = np.empty(len(ascending), bool)
    changes[:1] = True
    np.not_equal(ascending[1:], ascending[:-1], out=changes[1:])
    return np.flatnonzero(changes)


def _whole_runs(ascending: Numbers) -> Iterator[slice]:
    """Cut numbers to blocks that part no run of equal ones."""
    first = 0
    while first < len(ascending):
        last = min(first + _BLOCK, len(ascending)) - 1
        stop = int(np.searchsorted(ascending, ascending[last], side="right"))
        yield slice(first, stop)
        first = stop


# How many disks are looked at together: what is worked out of them stays near the processor.
_BLOCK: Final = 65_536


def _trimmed(words: tuple[int, ...]) -> tuple[int, ...]:
    """Give words without the empty ones at the end."""
    while words and not words[-1]:
        words = words[:-1]
    return words


def _bits_or(of_disks: Numbers, first: int, starts: Numbers) -> Numbers:
    """Give a word for each run of disks: the bits of 64 configurations from the first on."""
    bits = np.uint64(1) << np.arange(WORD, dtype=np.uint64)
    table = np.zeros(max(int(of_disks.max()) + 1, first + WORD), np.uint64)
    table[first : first + WORD] = bits
    words: Numbers = np.bitwise_or.reduceat(table.take(of_disks), starts)
    return words


def _roles(disks: pa.RecordBatch) -> Codes:
    """Give the role of each disk row as a place in :data:`ROLES`."""
    if "role" not in disks.schema.names:
        raise ValueError("the table of disks has no column 'role' that says os or data")
    cells = told_apart(disks["role"])
    if cells.indices.null_count:
        raise ValueError("the role of a disk is os or data, not empty")
    texts = cells.dictionary.to_pylist()
    places = np.zeros(len(texts), np.uint16)
    # Of texts that no row has, some may be no roles.
    for at in np.unique(cells.indices).tolist():
        role = _text(texts[at]).strip().lower()
        if role not in ROLES:
            raise ValueError(f"the role of a disk is os or data, not {texts[at]!r}")
        places[at] = ROLES.index(role)
    return Cells(cells.indices, places)


def _text(cell: Any) -> str:
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)


def _listed(disks: pa.RecordBatch) -> Codes:
    """Tell rows of listed disks (1) from those that stand for disks that are not listed (0)."""
    if "listed" not in disks.schema.names:
        return 1
    cells = told_apart(disks["listed"])
    words = [_text(cell).strip().lower() for cell in cells.dictionary.to_pylist()]
    listed = [*(word not in ("no", "false", "0") for word in words), True]
    return Cells(cells.indices, np.array(listed, np.uint16))
