"""Whose verdict is another one under another matrix, and by which row.

Two matrices are held against each other on the same VMs: the base and an overlay, two overlays,
two versions of the tables, or one matrix as of two days. What changes in the tables is one thing,
what that means for somebody's VMs another; both are told here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.eligibility.assessment import (
    VERDICTS,
    AnswerError,
    Answers,
    Evaluator,
    Verdict,
    check_answer,
)
from rpmatrix.inventory.inventory import Inventory, read_inventory
from rpmatrix.inventory.records import id_parts
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.inventory.systems import RELEASE, SYSTEM, UPDATES
from rpmatrix.matrix.matrix import BASE, DECISIVE, MODES, Matrix, load_matrix
from rpmatrix.matrix.schema import DESCRIPTOR, Row

if TYPE_CHECKING:
    import pandas as pd

KINDS: Final = ("verdict", "disks", "caveats")
"""What may change for a VM, the gravest first."""

# From the best to the worst; what is not known may be either.
_RANK: Final = {"supported": 0, "exclude_disks": 1, "unknown": 2, "not_supported": 3}


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that is not the same in two matrices.

    Attributes
    ----------
    table, row_id
        The row.
    kind : str
        ``added``, ``removed`` or ``changed``.
    columns : tuple of (str, str, str)
        Of a changed row: column, text before, text after.
    layer : str
        The layer that the row comes from; of a removed row the one it came from.
    """

    table: str
    row_id: str
    kind: str
    columns: tuple[tuple[str, str, str], ...]
    layer: str


@dataclass(frozen=True, slots=True)
class VmChange:
    """What is another answer for one VM in one consistency mode.

    Attributes
    ----------
    vm_id, vm_name, mode
        Whose, in which mode.
    kind : str
        The gravest of `KINDS` that has changed: the verdict, else the disks to exclude, else the
        caveats.
    direction : str
        ``better`` or ``worse`` for whoever wants a restore point; ``other`` where neither.
    before, after : Verdict
        The two verdicts.
    rows : tuple of str
        The rows by which it has changed.
    """

    vm_id: str
    vm_name: str
    mode: str
    kind: str
    direction: str
    before: Verdict
    after: Verdict
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Impact:
    """What it means for some VMs that one matrix takes the place of another.

    Attributes
    ----------
    before, after : Matrix
        The two matrices.
    inventory : Inventory
        The VMs.
    changes : tuple of VmChange
        One for every VM and mode for which something changes, in the order of the inventory.
    verdicts : tuple of (Verdict, Verdict)
        All verdicts, before and after.
    """

    before: Matrix
    after: Matrix
    inventory: Inventory
    changes: tuple[VmChange, ...]
    verdicts: tuple[tuple[Verdict, Verdict], ...]

    @cached_property
    def row_changes(self) -> tuple[RowChange, ...]:
        """The rows that are not the same."""
        return row_changes(self.before, self.after)

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many VMs go from which verdict to which, by mode; also those that stay."""
        found = Counter((one.mode, one.verdict, other.verdict) for one, other in self.verdicts)
        order = [(mode, old, new) for mode in MODES for old in VERDICTS for new in VERDICTS]
        return {step: found[step] for step in order if found[step]}

    def of_kind(self, *kinds: str) -> tuple[VmChange, ...]:
        """Give the changes of some kinds."""
        return tuple(one for one in self.changes if one.kind in kinds)

    def frame(self) -> pd.DataFrame:
        """Give one row for each change as a pandas frame."""
        import pandas as pd

        columns = {name: [line[name] for line in self._lines()] for name in _COLUMNS}
        frame = pd.DataFrame(columns).astype("string")
        frame["mode"] = pd.Categorical(frame["mode"], categories=MODES)
        frame["kind"] = pd.Categorical(frame["kind"], categories=KINDS)
        for name in ("before", "after"):
            frame[name] = pd.Categorical(frame[name], categories=VERDICTS)
        return frame

    def chart(self) -> pd.DataFrame:
        """Give what a chart shows: for each mode and verdict the VMs before and after."""
        import pandas as pd

        lines = [
            {
                "mode": mode,
                "verdict": verdict,
                "before": sum(n for (m, old, _), n in self.counts.items() if (m, old) == key),
                "after": sum(n for (m, _, new), n in self.counts.items() if (m, new) == key),
            }
            for mode in MODES
            for verdict in VERDICTS
            for key in [(mode, verdict)]
        ]
        return pd.DataFrame(lines).set_index(["mode", "verdict"])

    def to_dict(self) -> dict[str, Any]:
        """Give the impact as a JSON object."""
        return {
            "before": _described(self.before),
            "after": _described(self.after),
            "vms": len(self.inventory.vms),
            "counts": [
                {"mode": mode, "before": old, "after": new, "vms": count}
                for (mode, old, new), count in self.counts.items()
            ],
            "changes": [
                {**line, "rows": list(change.rows)}
                for line, change in zip(self._lines(), self.changes, strict=True)
            ],
            "row_changes": [
                {
                    "table": one.table,
                    "row_id": one.row_id,
                    "kind": one.kind,
                    "layer": one.layer,
                    "columns": [column for column, _, _ in one.columns],
                }
                for one in self.row_changes
            ],
        }

    def _lines(self) -> Iterator[dict[str, str]]:
        for one in self.changes:
            yield {
                "vm_id": one.vm_id,
                "vm_name": one.vm_name,
                "mode": one.mode,
                "kind": one.kind,
                "direction": one.direction,
                "before": one.before.verdict,
                "after": one.after.verdict,
                "rows": " | ".join(one.rows),
                "disks_before": excluded_disks(one.before),
                "disks_after": excluded_disks(one.after),
                "caveats_gained": " | ".join(only_in(one.after.caveats, one.before.caveats)),
                "caveats_lost": " | ".join(only_in(one.before.caveats, one.after.caveats)),
            }

    def __str__(self) -> str:
        lines = [f"{_name(self.before)} -> {_name(self.after)}"]
        for one in self.changes:
            if one.kind == "verdict":
                what = f"{one.before.verdict} -> {one.after.verdict}"
            elif one.kind == "disks":
                what = f"other disks to exclude: {excluded_disks(one.after) or 'none'}"
            else:
                gained = [f"+{row}" for row in only_in(one.after.caveats, one.before.caveats)]
                lost = [f"-{row}" for row in only_in(one.before.caveats, one.after.caveats)]
                what = f"caveats {' '.join([*gained, *lost])}"
            by = f" by {', '.join(one.rows)}" if one.kind != "caveats" else ""
            lines.append(f"{label_of(one)}, {one.mode}: {what}{by}")
        count = len({one.vm_id for one in self.changes})
        rows = sum(one.table != "statements" for one in self.row_changes)
        lines.append(
            f"{count} of {len(self.inventory.vms)} VMs are concerned; {rows} rows are not the same."
        )
        return "\n".join(lines)


_COLUMNS: Final = (
    *("vm_id", "vm_name", "mode", "kind", "direction", "before", "after", "rows"),
    *("disks_before", "disks_after", "caveats_gained", "caveats_lost"),
)


def impact(
    before: Matrix,
    after: Matrix,
    inventory: Inventory | None = None,
    *,
    modes: Iterable[str] = MODES,
    strict: bool = False,
    answers: Answers | None = None,
    tell: Callable[[int], object] | None = None,
) -> Impact:
    """Say whose verdict changes when one matrix takes the place of another, and by which row.

    Parameters
    ----------
    before, after : Matrix
        The two matrices, as `rpmatrix.load_matrix` gives them: with other overlays, of other
        folders, or as of other days.
    inventory : Inventory, optional
        The VMs; the samples of the package if it is left out.
    modes : iterable of str
        ``application``, ``crash`` or both.
    strict : bool
        Make no assumption: what no payload can tell stays unknown.
    answers : mapping of str to str, optional
        Values for facts that the payload leaves unknown, as for `rpmatrix.assess`. An answer
        counts in each matrix that knows the fact.
    tell : callable, optional
        Gets, after each VM, how many were judged.

    Returns
    -------
    Impact

    Raises
    ------
    rpmatrix.eligibility.assessment.AnswerError
        If an answer names a fact that neither matrix knows, or a value that it does not allow.
    """
    vms = sample_inventory() if inventory is None else inventory
    wanted = set(modes)
    old, new = (
        Evaluator(matrix, strict=strict, answers=_answers_for(matrix, answers or {}, other))
        for matrix, other in ((before, after), (after, before))
    )
    touched = _touched(row_changes(before, after), before, after)
    pairs: list[tuple[Verdict, Verdict]] = []
    changes: list[VmChange] = []
    for number, vm in enumerate(vms.vms, start=1):
        both = zip(old.verdicts(old.read(vm)), new.verdicts(new.read(vm)), strict=True)
        for one, other in both:
            if one.mode in wanted:
                pairs.append((one, other))
                change = _compared(one, other, old, new, touched)
                changes += [change] if change else []
        if tell:
            tell(number)
    return Impact(before, after, vms, tuple(changes), tuple(pairs))


def matrix_of(names: Iterable[str]) -> Matrix:
    """Load the matrix that some words name.

    Parameters
    ----------
    names : iterable of str
        Names or folders of overlays, in their order; ``base`` for none of them; a folder that
        holds a descriptor, for base tables of another version; a day such as ``2026-10-14``, for
        the matrix as of that day.

    Returns
    -------
    Matrix
        As `rpmatrix.load_matrix` gives it; overlays of the environment do not count.

    Raises
    ------
    FileNotFoundError, rpmatrix.matrix.problems.TablesError
        As `rpmatrix.load_matrix`.
    ValueError
        If two folders of base tables are named, or two days, or a day that does not exist.
    """
    overlays: list[str] = [BASE]
    folders: list[Path] = []
    days: list[date] = []
    for name in names:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", name):
            days.append(_day(name))
        elif (folder := Path(name).expanduser()) and (folder / DESCRIPTOR).is_file():
            folders.append(folder)
        else:
            overlays.append(name)
    for found, what in ((folders, "folders of base tables"), (days, "days")):
        if len(found) > 1:
            raise ValueError(f"two {what} are named: {found[0]} and {found[1]}; name one")
    return load_matrix(
        *overlays, folder=folders[0] if folders else None, as_of=days[0] if days else None
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; write one such as 2026-10-14") from None


def sample_inventory() -> Inventory:
    """Read all samples of the package as one inventory."""
    return read_inventory(*(sample_vm(name) for name in sample_names()))


def row_changes(before: Matrix, after: Matrix) -> tuple[RowChange, ...]:
    """Say which rows are not the same in two matrices, table by table.

    The day on which a row was reviewed does not count.
    """
    return tuple(_row_changes(before, after))


def _row_changes(before: Matrix, after: Matrix) -> Iterator[RowChange]:
    for table in after:
        if table == "withdrawn":
            continue
        old, new = ({row.id: row for row in matrix.table(table)} for matrix in (before, after))
        for row_id in sorted({*old, *new}):
            if row_id not in new:
                layer = before.layer_of(row_id, table)
                yield RowChange(table, row_id, "removed", (), layer)
                continue
            layer = after.layer_of(row_id, table)
            if row_id not in old:
                yield RowChange(table, row_id, "added", (), layer)
            elif columns := tuple(_differing(old[row_id], new[row_id])):
                yield RowChange(table, row_id, "changed", columns, layer)


def _differing(old: Row, new: Row) -> Iterator[tuple[str, str, str]]:
    for column in new:
        if column != "reviewed_on" and old.get(column, "") != new[column]:
            yield column, old.get(column, ""), new[column]


def _touched(changed: Iterable[RowChange], *matrices: Matrix) -> frozenset[str]:
    """Give the scenarios that decide otherwise, or in other cases, since a row has changed."""
    found: set[str] = set()
    facts: set[str] = set()
    for one in changed:
        if one.table == "scenarios":
            found.add(one.row_id)
        elif one.table == "facts":
            facts.add(one.row_id)
        elif one.table in ("conditions", "operating_systems"):
            if one.table == "operating_systems":
                facts |= {SYSTEM, RELEASE, UPDATES}
            for matrix in matrices:
                rows = {row.id: row for row in matrix.table(one.table)}
                if one.row_id in rows:
                    found.add(rows[one.row_id]["scenario_id"])
    for matrix in matrices:
        for row in matrix.table("conditions"):
            if row["fact_id"] in facts:
                found.add(row["scenario_id"])
    return frozenset(found)


def _answers_for(matrix: Matrix, answers: Answers, other: Matrix) -> dict[str, str]:
    """Give the answers that a matrix understands; one that none does is refused."""
    kept = {}
    for named, value in answers.items():
        fact_id = named.rpartition(":")[2]
        if fact_id in matrix.facts:
            kept[named] = value
        elif fact_id not in other.facts:
            check_answer(matrix, fact_id, value)
            raise AnswerError(f"there is no fact {fact_id!r}")
    return kept


def _compared(
    one: Verdict, other: Verdict, old: Evaluator, new: Evaluator, touched: frozenset[str]
) -> VmChange | None:
    kind = _kind(one, other)
    if not kind:
        return None
    if kind == "caveats":
        gained = only_in(other.caveats, one.caveats)
        rows = (*gained, *only_in(one.caveats, other.caveats))
        direction = "worse" if len(gained) == len(rows) else "other" if gained else "better"
    else:
        rows = _rows_behind(one, other, old, new, touched)
        step = _RANK[other.verdict] - _RANK[one.verdict] or (
            len(other.exclude_disks) - len(one.exclude_disks)
        )
        direction = "worse" if step > 0 else "better" if step < 0 else "other"
    return VmChange(one.vm_id, one.vm_name, one.mode, kind, direction, one, other, rows)


def _kind(one: Verdict, other: Verdict) -> str:
    if (one.verdict, one.floor, one.ceiling) != (other.verdict, other.floor, other.ceiling):
        return "verdict"
    if excluded_disks(one) != excluded_disks(other):
        return "disks"
    # Nobody needs to know more of what does not work at all.
    blocked = one.verdict == "not_supported"
    return "caveats" if {*one.caveats} != {*other.caveats} and not blocked else ""


def _rows_behind(
    one: Verdict, other: Verdict, old: Evaluator, new: Evaluator, touched: frozenset[str]
) -> tuple[str, ...]:
    """Find the rows by which a verdict has changed.

    They decide in one of the matrices and not so in the other. Rows that were changed come first:
    if any is among them, the others only follow from it.
    """
    outcomes = [_outcomes(verdict, side) for verdict, side in ((one, old), (other, new))]
    cited = dict.fromkeys((*outcomes[1], *outcomes[0]))
    moved = [row for row in cited if outcomes[0].get(row) != outcomes[1].get(row)]
    deciding = [
        row for row in moved if any(side.get(row, "").endswith(DECISIVE) for side in outcomes)
    ]
    for rows in ([row for row in deciding if row in touched], deciding, moved):
        if rows:
            return tuple(rows)
    return tuple(row for row in cited if row in touched)


def _outcomes(verdict: Verdict, evaluator: Evaluator) -> Mapping[str, str]:
    """Give the outcome of each row that a verdict goes by, marked where it is still open."""
    excluded = {row for disk in verdict.exclude_disks for row in disk.rows}
    rows = dict.fromkeys((*verdict.reasons, *excluded))
    known = {row: evaluator.rules.rows[row].outcomes[verdict.mode] for row in rows}
    if verdict.verdict != "unknown":
        return known
    return {row: known[row] if row in excluded else f"perhaps {known[row]}" for row in rows}


def label_of(change: VmChange) -> str:
    """Name a VM by its name and its resource group, since several may have that name."""
    group = id_parts(change.vm_id).get("resource_group", "")
    return f"{change.vm_name} in {group}" if group else change.vm_name


def excluded_disks(verdict: Verdict) -> str:
    """Give the ids of the disks that a verdict excludes, or their places where there is no id."""
    return " | ".join(disk.id or disk.label for disk in verdict.exclude_disks)


def only_in(these: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Give what is in one collection and not in the other, in its order."""
    left_out = set(others)
    return tuple(one for one in these if one not in left_out)


def _described(matrix: Matrix) -> dict[str, Any]:
    return {
        "layers": list(matrix.layers),
        "digest": matrix.digest,
        "as_of": matrix.as_of.isoformat(),
    }


def _name(matrix: Matrix) -> str:
    return f"{' + '.join(matrix.layers)} as of {matrix.as_of}"
