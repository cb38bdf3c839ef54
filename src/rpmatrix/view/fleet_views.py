"""The VMs of a fleet as a table to look through: filtered, sorted and given page by page.

One row is one VM with its verdicts in both modes. What is filtered and sorted by are columns of
codes, so a million VMs answer at once; a :class:`Verdict` is made for the VMs of one page only. The
columns are arrays where the verdicts are, and lists where there are no arrays, as in a browser
without NumPy: the same questions, the same answers.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.common.words import plural
from rpmatrix.eligibility.assessment import VERDICTS, Assessment, ExcludedDisk, Question, Verdict
from rpmatrix.fleet.summary import NAMED, Member, Summary
from rpmatrix.inventory.inventory import vm_groups
from rpmatrix.inventory.records import id_parts, look, region
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.titles import MODE_TITLES
from rpmatrix.view import report
from rpmatrix.view.documents import Sheet, guarded, workbook_of
from rpmatrix.view.markup import (
    Html,
    badge,
    fragment,
    joined,
    page,
    paragraph,
    scrolling,
    soft,
    spaced,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import row_card

if TYPE_CHECKING:
    from rpmatrix.fleet.rollups import FleetResult

PAGE_SIZE: Final = 25
"""VMs on one page."""

UNTOLD: Final = "-"
"""Stands in a filter for a region or subscription that is not known."""

SEPARATOR: Final = " | "
"""Parts what stands in one cell, as in every table of verdicts."""

WORST_FIRST: Final = ("not_supported", "unknown", "exclude_disks", "supported")
"""Verdicts in the order in which somebody wants to look at them."""

SORTS: Final = {
    "verdict": "worst verdict first",
    "name": "name",
    "region": "region",
    "subscription": "subscription",
    "input": "as in the input",
}
"""What VMs can be sorted by, and how that is told; VMs that are alike stay as in the input."""


@dataclass(frozen=True, slots=True)
class VmFilter:
    """Which VMs to show; what is empty leaves none out.

    Attributes
    ----------
    mode : str
        The mode that `verdict` and `because` are about; if it is empty, they must hold together in
        either of them.
    verdict : str
        A verdict.
    because : str
        Id of a row that is a reason, or of a fact that is missing.
    region, subscription : str
        Where the VM is.
    words : str
        Words, each of which the name or the id of the VM holds.
    """

    mode: str = ""
    verdict: str = ""
    because: str = ""
    region: str = ""
    subscription: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class VmRow:
    """One VM of a table.

    Attributes
    ----------
    id, name : str
        Resource id, and the name in it or beside it.
    region, subscription : str
        Where it is; empty if that is not known.
    verdicts : tuple of Verdict
        One for each mode.
    """

    id: str
    name: str
    region: str
    subscription: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Coded:
    """A column whose cells are few values: for each VM the place of its value."""

    codes: Any
    values: Sequence[Any]

    def places(self, fits: Callable[[Any], bool]) -> list[bool]:
        """Tell of each value whether it fits."""
        return [fits(value) for value in self.values]


@dataclass(frozen=True, slots=True)
class ModeColumns:
    """What is known of all VMs in one mode: their verdicts, and the lists of what decided."""

    verdict: Coded
    reasons: Coded
    missing: Coded


class VmTable:
    """The VMs of a fleet; made by :func:`table_of_assessment` or :func:`table_of_result`.

    Attributes
    ----------
    vms : int
        How many there are.
    modes : mapping of str to ModeColumns
        Their verdicts in each mode.
    region, subscription : Coded
        Where they are.
    """

    def __init__(
        self, vms: int, modes: Mapping[str, ModeColumns], region: Coded, subscription: Coded
    ) -> None:
        self.vms = vms
        self.modes = modes
        self.region = region
        self.subscription = subscription
        self._ranks: dict[tuple[str, str], Any] = {}

    # --- what columns of either kind can do

    def _rows_at(self, places: Any) -> list[VmRow]:
        raise NotImplementedError

    def _place_of(self, vm: str) -> int | None:
        raise NotImplementedError

    def _all(self) -> Any:
        raise NotImplementedError

    def _having(self, column: Coded, fitting: Sequence[bool]) -> Any:
        raise NotImplementedError

    def _holding(self, word: str) -> Any:
        raise NotImplementedError

    def _both(self, one: Any, other: Any) -> Any:
        raise NotImplementedError

    def _either(self, one: Any, other: Any) -> Any:
        raise NotImplementedError

    def _places(self, kept: Any) -> Any:
        raise NotImplementedError

    def _sorted(self, places: Any, ranks: Any) -> Any:
        raise NotImplementedError

    def _ranked(self, column: Coded, order: Sequence[Any]) -> Any:
        """Give the rank of each VM by the rank of its value."""
        raise NotImplementedError

    def _least(self, one: Any, other: Any) -> Any:
        raise NotImplementedError

    def _names_ranked(self) -> Any:
        raise NotImplementedError

    def _counted(self, column: Coded, places: Any) -> Sequence[int]:
        """Count the values of some VMs."""
        raise NotImplementedError

    # --- looking through it

    def select(self, wanted: VmFilter, sort: str = "input") -> Selection:
        """Give the VMs that fit, in the order that is asked for.

        Raises
        ------
        LookupError
            If there is no such mode, verdict or order.
        """
        _known("mode", wanted.mode, ("", *MODES))
        _known("verdict", wanted.verdict, ("", *VERDICTS))
        _known("sort", sort, tuple(SORTS))
        places = self._places(self._kept(wanted))
        if sort != "input":
            places = self._sorted(places, self._rank(sort, wanted.mode))
        return Selection(self, wanted, sort, places)

    def row_of(self, vm: str) -> VmRow | None:
        """Give a VM by its id, or by its name if only one has it; None if there is none."""
        place = self._place_of(vm)
        return None if place is None else self._rows_at([place])[0]

    def _kept(self, wanted: VmFilter) -> Any:
        kept = self._all()
        for column, value in (
            (self.region, wanted.region),
            (self.subscription, wanted.subscription.lower()),
        ):
            if value:
                told = "" if value == UNTOLD else value
                kept = self._both(kept, self._having(column, column.places(told.__eq__)))
        if wanted.verdict or wanted.because:
            modes = [wanted.mode] if wanted.mode else [mode for mode in MODES if mode in self.modes]
            found = [self._judged(self.modes[mode], wanted) for mode in modes]
            together = found[0]
            for one in found[1:]:
                together = self._either(together, one)
            kept = self._both(kept, together)
        for word in wanted.words.split():
            kept = self._both(kept, self._holding(word))
        return kept

    def _judged(self, mode: ModeColumns, wanted: VmFilter) -> Any:
        kept = self._all()
        if wanted.verdict:
            fitting = mode.verdict.places(wanted.verdict.__eq__)
            kept = self._both(kept, self._having(mode.verdict, fitting))
        if wanted.because:
            lists = (mode.reasons, mode.missing)
            named = [
                self._having(column, column.places(lambda members: wanted.because in members))
                for column in lists
            ]
            kept = self._both(kept, self._either(*named))
        return kept

    def _rank(self, sort: str, mode: str) -> Any:
        key = (sort, mode if sort == "verdict" else "")
        if key not in self._ranks:
            self._ranks[key] = self._new_rank(sort, mode)
        return self._ranks[key]

    def _new_rank(self, sort: str, mode: str) -> Any:
        if sort == "name":
            return self._names_ranked()
        if sort == "verdict":
            modes = [mode] if mode else list(self.modes)
            ranks = [self._ranked(self.modes[one].verdict, WORST_FIRST) for one in modes]
            worst = ranks[0]
            for one in ranks[1:]:
                worst = self._least(worst, one)
            return worst
        column = self.region if sort == "region" else self.subscription
        return self._ranked(column, sorted(column.values))

    # --- what can be asked for

    @cached_property
    def regions(self) -> Mapping[str, int]:
        """How many VMs are in each region, the largest first."""
        return self._tally(self.region)

    @cached_property
    def subscriptions(self) -> Mapping[str, int]:
        """How many VMs are in each subscription, the largest first."""
        return self._tally(self.subscription)

    @cached_property
    def causes(self) -> Mapping[str, int]:
        """Of how many verdicts each row or missing fact is why they are not ``supported``.

        The most first. A filter takes the others too: rows that say that all is well.
        """
        found: Counter[str] = Counter()
        for mode in self.modes.values():
            hindered = self._having(mode.verdict, mode.verdict.places("supported".__ne__))
            places = self._places(hindered)
            for column in (mode.reasons, mode.missing):
                counts = self._counted(column, places)
                for members, count in zip(column.values, counts, strict=True):
                    if count:
                        found.update(dict.fromkeys(members, count))
        return _largest_first(found)

    def _tally(self, column: Coded) -> Mapping[str, int]:
        counts = self._counted(column, self._places(self._all()))
        found: Counter[str] = Counter()
        for value, count in zip(column.values, counts, strict=True):
            if count:
                found[value] += count
        return _largest_first(found)


def _known(name: str, value: str, offered: Sequence[str]) -> None:
    if value not in offered:
        raise LookupError(f"{name} may be {', '.join(map(repr, offered))}, not {value!r}")


def _largest_first(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, eq=False)
class Selection:
    """The VMs that fit a filter, in order.

    Attributes
    ----------
    table : VmTable
        Where they are from.
    wanted : VmFilter
        What they fit.
    sort : str
        Their order: one of :data:`SORTS`.
    """

    table: VmTable
    wanted: VmFilter
    sort: str
    _places: Any = field(repr=False)
    _page: dict[int, tuple[VmRow, ...]] = field(default_factory=dict, repr=False)
    _counts: dict[str, Mapping[str, int]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def pages(self) -> int:
        """How many pages they fill; at least one."""
        return max(-(-len(self) // PAGE_SIZE), 1)

    def page(self, number: int) -> tuple[VmRow, ...]:
        """Give the VMs of a page, the first of which is 1."""
        if number not in self._page:
            first = (number - 1) * PAGE_SIZE
            rows = self.table._rows_at(self._places[first : first + PAGE_SIZE])
            self._page.clear()  # the last one alone is asked for again
            self._page[number] = tuple(rows)
        return self._page[number]

    def rows(self) -> Iterable[VmRow]:
        """Give all of them, one after the other."""
        for number in range(1, self.pages + 1):
            yield from self.page(number)

    def counts(self, mode: str) -> Mapping[str, int]:
        """Count them by their verdict in a mode."""
        if mode not in self._counts:
            column = self.table.modes[mode].verdict
            counts = self.table._counted(column, self._places)
            found = dict.fromkeys(VERDICTS, 0)
            for verdict, count in zip(column.values, counts, strict=True):
                found[verdict] += int(count)
            self._counts[mode] = found
        return self._counts[mode]


# --------------------------------------------------------------------------- few VMs: lists


class _Lists(VmTable):
    """VMs whose verdicts are objects already."""

    def __init__(self, rows: Sequence[VmRow]) -> None:
        self._rows = rows
        by_mode = {
            mode: [one for row in rows for one in row.verdicts if one.mode == mode]
            for mode in MODES
        }
        modes = {
            mode: ModeColumns(
                _coded(one.verdict for one in verdicts),
                _coded(one.reasons for one in verdicts),
                _coded(_missing(one) for one in verdicts),
            )
            for mode, verdicts in by_mode.items()
            if len(verdicts) == len(rows)
        }
        super().__init__(
            len(rows),
            modes,
            _coded(row.region for row in rows),
            _coded(row.subscription for row in rows),
        )

    def _rows_at(self, places: Sequence[int]) -> list[VmRow]:
        return [self._rows[place] for place in places]

    def _place_of(self, vm: str) -> int | None:
        wanted = vm.lower()
        ids = [place for place, row in enumerate(self._rows) if row.id.lower() == wanted]
        names = [place for place, row in enumerate(self._rows) if row.name.lower() == wanted]
        return ids[0] if ids else names[0] if len(names) == 1 else None

    def _all(self) -> list[bool]:
        return [True] * self.vms

    def _having(self, column: Coded, fitting: Sequence[bool]) -> list[bool]:
        return [fitting[value] for value in column.codes]

    def _holding(self, word: str) -> list[bool]:
        lowered = word.lower()
        return [lowered in row.id.lower() or lowered in row.name.lower() for row in self._rows]

    def _both(self, one: list[bool], other: list[bool]) -> list[bool]:
        return [first and second for first, second in zip(one, other, strict=True)]

    def _either(self, one: list[bool], other: list[bool]) -> list[bool]:
        return [first or second for first, second in zip(one, other, strict=True)]

    def _places(self, kept: list[bool]) -> list[int]:
        return [place for place, fits in enumerate(kept) if fits]

    def _sorted(self, places: list[int], ranks: list[Any]) -> list[int]:
        return sorted(places, key=ranks.__getitem__)

    def _ranked(self, column: Coded, order: Sequence[Any]) -> list[int]:
        ranks = [order.index(value) for value in column.values]
        return [ranks[value] for value in column.codes]

    def _least(self, one: list[int], other: list[int]) -> list[int]:
        return [min(pair) for pair in zip(one, other, strict=True)]

    def _names_ranked(self) -> list[str]:
        return [row.name for row in self._rows]

    def _counted(self, column: Coded, places: list[int]) -> list[int]:
        found = Counter(column.codes[place] for place in places)
        return [found[value] for value in range(len(column.values))]


def _coded(cells: Iterable[Any]) -> Coded:
    values: dict[Any, int] = {}
    codes = [values.setdefault(cell, len(values)) for cell in cells]
    return Coded(codes, list(values))


def _missing(verdict: Verdict) -> tuple[str, ...]:
    return tuple(dict.fromkeys(question.fact_id for question in verdict.missing))


def table_of_assessment(found: Assessment) -> VmTable:
    """Make the table of VMs that were judged one by one.

    Parameters
    ----------
    found : Assessment
        Their verdicts, in both modes.
    """
    of_vms: dict[str, list[Verdict]] = {}
    for one in found.verdicts:
        of_vms.setdefault(one.vm_id, []).append(one)
    return _Lists(
        [
            VmRow(
                vm.id,
                vm.name,
                region(vm.location),
                vm.subscription_id.lower(),
                tuple(of_vms.get(vm.id, ())),
            )
            for vm in found.inventory.vms
        ]
    )


# --------------------------------------------------------------------------- many VMs: arrays


class _Arrays(VmTable):
    """VMs whose verdicts are columns of Arrow."""

    def __init__(
        self,
        ids: Any,
        names: Any,
        verdicts: Mapping[str, Any],
        matrix: Matrix,
        region: Coded,
        subscription: Coded,
    ) -> None:
        import numpy as np

        self._np = np
        self._ids = ids
        self._names = names
        self._verdicts = verdicts
        self._matrix = matrix
        modes = {
            mode: ModeColumns(
                _decoded(found["verdict"]),
                _decoded(found["reasons"], _members),
                _decoded(found["missing"], _members),
            )
            for mode, found in verdicts.items()
        }
        super().__init__(len(ids), modes, region, subscription)

    def _rows_at(self, places: Any) -> list[VmRow]:
        told = [found.take(places).to_pylist() for found in self._verdicts.values()]
        rows = []
        for place, *cells in zip(map(int, places), *told, strict=True):
            vm, name = self._ids[place].as_py(), self._names[place].as_py()
            verdicts = [
                _verdict(vm, name, mode, found, self._matrix)
                for mode, found in zip(self._verdicts, cells, strict=True)
            ]
            where, within = (
                str(column.values[int(column.codes[place])])
                for column in (self.region, self.subscription)
            )
            rows.append(VmRow(vm, name, where, within, tuple(verdicts)))
        return rows

    def _place_of(self, vm: str) -> int | None:
        import pyarrow.compute as pc

        exactly = pc.index(self._ids, vm).as_py()
        if exactly >= 0:
            return int(exactly)
        for texts, most in ((self._ids, self.vms), (self._names, 1)):
            same = pc.match_like(texts, _like(vm), ignore_case=True)
            places = self._np.flatnonzero(same.to_numpy(zero_copy_only=False))
            if 0 < len(places) <= most:
                return int(places[0])
        return None

    def _all(self) -> Any:
        return self._np.ones(self.vms, bool)

    def _having(self, column: Coded, fitting: Sequence[bool]) -> Any:
        return self._np.array(fitting or [False]).take(column.codes)

    def _holding(self, word: str) -> Any:
        import pyarrow.compute as pc

        found = self._np.zeros(self.vms, bool)
        for texts in (self._ids, self._names):
            found |= pc.match_substring(texts, word, ignore_case=True).to_numpy()
        return found

    def _both(self, one: Any, other: Any) -> Any:
        return one & other

    def _either(self, one: Any, other: Any) -> Any:
        return one | other

    def _places(self, kept: Any) -> Any:
        return self._np.flatnonzero(kept)

    def _sorted(self, places: Any, ranks: Any) -> Any:
        return places.take(self._np.argsort(ranks.take(places), kind="stable"))

    def _ranked(self, column: Coded, order: Sequence[Any]) -> Any:
        ranks = {value: rank for rank, value in enumerate(order)}
        # Few ranks sort fastest as small numbers.
        kind = self._np.int16 if len(order) < 1 << 15 else self._np.int64
        found = self._np.array([ranks[value] for value in column.values] or [0], kind)
        return found.take(column.codes)

    def _least(self, one: Any, other: Any) -> Any:
        return self._np.minimum(one, other)

    def _names_ranked(self) -> Any:
        import pyarrow.compute as pc

        return pc.rank(self._names, tiebreaker="dense").to_numpy()

    def _counted(self, column: Coded, places: Any) -> Any:
        codes = column.codes.take(places)
        return self._np.bincount(codes, minlength=len(column.values)).tolist()


def _like(text: str) -> str:
    return "".join(f"\\{one}" if one in "\\%_" else one for one in text)


def _members(text: str) -> tuple[str, ...]:
    return tuple(text.split(SEPARATOR)) if text else ()


def _decoded(column: Any, read: Callable[[str], Any] = str) -> Coded:
    """Read an Arrow column of texts with a dictionary."""
    whole = column.unify_dictionaries().combine_chunks()
    if hasattr(whole, "chunks"):
        whole = whole.chunk(0) if whole.num_chunks else whole
    codes = whole.indices.to_numpy(zero_copy_only=False)
    return Coded(codes, [read(value) for value in whole.dictionary.to_pylist()])


def _verdict(vm: str, name: str, mode: str, cells: Mapping[str, str], matrix: Matrix) -> Verdict:
    """Read a verdict out of its row: whatever stands in it, and no more."""
    disks = [
        ExcludedDisk(one if "/" in one else None, None if "/" in one else one, None, "data", ())
        for one in _members(cells["exclude_disks"])
    ]
    facts = [matrix.facts[one] for one in _members(cells["missing"])]
    return Verdict(
        vm,
        name,
        mode,
        cells["verdict"],
        cells["floor"],
        cells["ceiling"],
        tuple(disks),
        _members(cells["reasons"]),
        _members(cells["caveats"]),
        _members(cells["assumptions"]),
        tuple(Question(fact.id, fact.title, fact.fetch, fact.question, ()) for fact in facts),
        _members(cells["rulings"]),
    )


def table_of_result(result: FleetResult) -> VmTable:
    """Make the table of VMs that were judged in bulk and are held in memory.

    Parameters
    ----------
    result : FleetResult
        Their verdicts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from rpmatrix.fleet.parts import encoded_column, names_of, subscriptions_of

    vms = [part.vms for part in result.held]
    if not vms:
        return _Lists([])
    found: dict[str, list[Any]] = {mode: [] for mode in MODES}
    for batch in result.verdict_batches():
        # The ids of VMs are in their own table already, once each.
        told = batch.drop_columns(["vm_id", "vm_name"])
        for mode, tables in found.items():
            tables.append(told.filter(pc.equal(told["mode"], mode)))
    verdicts = {
        mode: pa.concat_tables(tables, promote_options="permissive")
        .unify_dictionaries()
        .combine_chunks()
        for mode, tables in found.items()
    }
    return _Arrays(
        _texts([one["vm_id"] for one in vms]),
        _texts([names_of(one) for one in vms]),
        verdicts,
        result.matrix,
        _alike([encoded_column(one, "location") for one in vms], region),
        _alike([subscriptions_of(one) for one in vms], str.lower),
    )


def _texts(columns: Iterable[Any]) -> Any:
    """Put columns of texts after each other, in a type that any number of them fits."""
    import pyarrow as pa

    kind = pa.large_string()
    return pa.chunked_array([chunk for one in columns for chunk in one.cast(kind).chunks], kind)


def _alike(parts: Sequence[tuple[Any, Sequence[str]]], usual: Callable[[str], str]) -> Coded:
    """Put columns of codes after each other; values that mean the same become one."""
    import numpy as np

    values: dict[str, int] = {}
    codes = []
    for of_part, texts in parts:
        places = [values.setdefault(usual(text), len(values)) for text in texts]
        codes.append(np.array(places or [0], np.int32).take(of_part))
    return Coded(np.concatenate(codes), list(values))


# --------------------------------------------------------------------------- what they add up to


def summary_of(found: Assessment) -> Summary:
    """Count VMs that were judged one by one, as those are that were judged in bulk.

    Parameters
    ----------
    found : Assessment
        Their verdicts, in both modes.
    """
    facts = {fact: place for place, fact in enumerate(found.matrix.facts)}
    vms = {vm.id: vm for vm in found.inventory.vms}
    made = Summary(len(vms), sum(len(vm.disks) for vm in found.inventory.vms))
    for one in found.verdicts:
        missing = tuple(sorted(_missing(one), key=facts.__getitem__))
        rows = Counter(row for disk in one.exclude_disks for row in disk.rows)
        exclusions = tuple(sorted(rows))
        limits = (one.verdict, one.floor, one.ceiling)
        made.outcomes[one.mode, *limits, one.reasons, missing, exclusions] += 1
        vm = vms[one.vm_id]
        where = (vm.subscription_id.lower(), region(vm.location))
        made.places[(*where, one.mode, one.verdict)] += 1
        made.caveats.update((one.mode, row) for row in one.caveats)
        made.assumptions.update((one.mode, fact) for fact in one.assumptions)
        made.exclusions.update({(one.mode, row): count for row, count in rows.items()})
    _count_sets(made, found)
    inventory = found.inventory
    made.files.update((record.file,) for record in inventory.records)
    sets = sum(vm.is_scale_set for vm in inventory.vms)
    made.repeated_records = inventory.counts["vms"] - (made.vms - sets)
    attached = {record.key for vm in inventory.vms for disk in vm.disks for record in disk.records}
    disks = {record.key for record in inventory.records if record.kind == "disk"}
    made.disks_without_vm = len(disks - attached)
    return made


# What a fleet calls a set of VMs by which a single VM is protected.
_SETS: Final = {"flexible_scale_set": "scale_set"}
_LISTS: Final = (
    *("microsoft.compute/availabilitysets", "microsoft.compute/virtualmachinescalesets"),
)


def _count_sets(made: Summary, found: Assessment) -> None:
    """Count the members of sets, and name those that cannot be protected, or not surely."""
    in_the_way: dict[tuple[str, str, str], list[Member]] = {}
    for (kind, group), members in vm_groups(found.inventory).items():
        named = _SETS.get(kind, kind)
        for vm in members:
            for one in found.of(vm.id):
                counts = [(one.mode, one.verdict) == both for both in product(MODES, VERDICTS)]
                made.count_members(named, group, counts)
                if one.verdict in ("not_supported", "unknown"):
                    missing = _missing(one) if one.verdict == "unknown" else ()
                    why = missing or one.reasons
                    key = (named, group, one.mode)
                    in_the_way.setdefault(key, []).append((vm.id, one.verdict, why))
    for key, told in in_the_way.items():
        made.in_the_way[key] = tuple(sorted(told)[:NAMED])
    for record in found.inventory.records:
        listed = look(record.body, ("virtualmachines", "[]", "id"))
        if isinstance(listed, list) and id_parts(record.key).get("type") in _LISTS:
            made.listed[record.key] = tuple(map(str, listed))


def result_of(found: Assessment) -> FleetResult:
    """Give what VMs that were judged one by one add up to.

    Parameters
    ----------
    found : Assessment
        Their verdicts, in both modes.
    """
    from rpmatrix.fleet.rollups import FleetResult, notes_on

    inventory, summary = found.inventory, summary_of(found)
    return FleetResult(
        found.matrix,
        summary,
        inventory.problems,
        tuple(dict.fromkeys((*inventory.notes, *notes_on(found.matrix, summary)))),
        inventory.counts["records"],
        counts={name: n for name, n in inventory.counts.items() if name != "records"},
        _assessment=found,
    )


# --------------------------------------------------------------------------- files to take along


FORMS: Final = {
    "csv": "Verdicts as CSV",
    "xlsx": "Verdicts as Excel workbook",
    "parquet": "Verdicts as Parquet",
}
"""The forms in which the verdicts of a selection can be had."""

COLUMNS: Final = (
    *("vm_id", "vm_name", "mode", "verdict", "floor", "ceiling", "exclude_disks"),
    *("reasons", "caveats", "assumptions", "missing", "rulings"),
)
"""The columns of such a file: those that verdicts have everywhere."""


def verdict_file(found: Selection, form: str) -> bytes:
    """Write the verdicts of the VMs that fit: one row per VM and mode.

    Parameters
    ----------
    found : Selection
        The VMs that fit; of their verdicts those in the mode of the filter, if it names one.
    form : str
        One of :data:`FORMS`.

    Raises
    ------
    LookupError
        If there is no such form.
    rpmatrix.view.documents.DocumentError
        If a workbook is asked for and openpyxl is not installed.
    """
    _known("form", form, tuple(FORMS))
    rows = [
        _cells(one)
        for row in found.rows()
        for one in row.verdicts
        if found.wanted.mode in ("", one.mode)
    ]
    if form == "xlsx":
        return workbook_of([Sheet("Verdicts", "The verdict on each VM", COLUMNS, tuple(rows))])
    if form == "parquet":
        return _parquet(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _cells(one: Verdict) -> tuple[str, ...]:
    lists: tuple[Iterable[str], ...] = (
        (disk.id or disk.label for disk in one.exclude_disks),
        one.reasons,
        one.caveats,
        one.assumptions,
        _missing(one),
        one.rulings,
    )
    texts = (one.vm_id, one.vm_name, one.mode, one.verdict, one.floor, one.ceiling)
    return (*texts, *(SEPARATOR.join(members) for members in lists))


def _parquet(rows: Sequence[Sequence[str]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    made = io.BytesIO()
    arrays = [pa.array(cells, pa.string()) for cells in columns]
    pq.write_table(pa.table(arrays, names=list(COLUMNS)), made)
    return made.getvalue()


# --------------------------------------------------------------------------- HTML


def vm_page(found: Selection, number: int = 1, opened: str = "") -> str:
    """Show one page of VMs, and how many fit.

    Parameters
    ----------
    found : Selection
        The VMs that fit.
    number : int
        Which page, the first of which is 1.
    opened : str
        Id of the VM that is shown in full elsewhere.
    """
    modes = [found.wanted.mode] if found.wanted.mode else list(found.table.modes)
    told = _how_many(found, number)
    if not len(found):
        return page(told, soft("Leave out a filter to see more."))
    columns = ("VM", "Where", *map(_title, modes))
    several = len(found.table.subscriptions) > 1
    body = [_table_row(row, modes, opened, several) for row in found.page(number)]
    return page(told, _counts(found, modes), scrolling("VMs", columns, body, whole=True))


def _title(mode: str) -> str:
    return MODE_TITLES[mode]


def _how_many(found: Selection, number: int) -> Html:
    count, all_vms = len(found), found.table.vms
    told = plural(count, "VM") if count == all_vms else f"{count:,} of {plural(all_vms, 'VM')}"
    pages = f", page {number:,} of {found.pages:,}" if found.pages > 1 else ""
    return paragraph(tag("strong", told), pages, f", {SORTS[found.sort]}")


def _counts(found: Selection, modes: Sequence[str]) -> Html:
    """Say how many of the VMs that fit have which verdict."""
    lines = []
    for mode in modes:
        told = [
            tag("span", badge(verdict), f" {count:,}", class_="rpm-step")
            for verdict, count in found.counts(mode).items()
            if count
        ]
        about = tag("span", f"{MODE_TITLES[mode]}: ")
        lines.append(paragraph(spaced([about, *told], " "), class_="rpm-soft rpm-legend"))
    return fragment(lines)


def _table_row(row: VmRow, modes: Sequence[str], opened: str, several: bool) -> Html:
    by_mode = {one.mode: one for one in row.verdicts}
    return tag(
        "tr",
        tag("th", row.name or row.id, scope="row"),
        tag("td", _where(row, several=several)),
        [tag("td", wide(report.verdict_cell(by_mode.get(mode)))) for mode in modes],
        aria_current="true" if opened == row.id else None,
    )


def _where(row: VmRow, *, several: bool) -> Html:
    """Say where a VM is; its subscription, if there are several."""
    group = id_parts(row.id).get("resource_group", "")
    lines = [row.region or "region not known", group, row.subscription if several else ""]
    shown = [
        tag("div", line, class_="rpm-soft" if place else None)
        for place, line in enumerate(lines)
        if line
    ]
    return wide(fragment(shown))


def vm_card(row: VmRow, matrix: Matrix) -> str:
    """Show the verdicts on one VM, and the rows that they name, where no record explains more.

    Parameters
    ----------
    row : VmRow
        The VM.
    matrix : Matrix
        What decided.
    """
    cards = [
        tag(
            "div",
            paragraph(tag("strong", MODE_TITLES[one.mode])),
            report.verdict_cell(one),
            class_="rpm-card",
        )
        for one in row.verdicts
    ]
    rows = dict.fromkeys(
        one for verdict in row.verdicts for one in (*verdict.reasons, *verdict.caveats)
    )
    about = page(
        title(row.name or row.id),
        soft(row.id),
        tag("div", cards, class_="rpm-cards"),
        soft("There is no record of this VM to show evidence from, only facts."),
    )
    return joined(about, *(row_card(matrix, one) for one in rows))
