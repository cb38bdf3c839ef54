"""What a fleet adds up to: verdicts by place, what to do first, sets of VMs, limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.common.displayed import Displayed
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.fleet.summary import FleetError, Summary
from rpmatrix.inventory.records import Problem
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.schema import Row

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from rpmatrix.eligibility.assessment import Assessment
    from rpmatrix.fleet.parts import Part
    from rpmatrix.fleet.target import FleetInputs
    from rpmatrix.inventory.inventory import Inventory


# The names of columns, and rows of as many cells.
_Table = tuple[Sequence[str], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, eq=False)
class FleetResult(Displayed):
    """The verdicts of a fleet, and what they add up to.

    Attributes
    ----------
    matrix : Matrix
        What decided.
    summary : Summary
        What was counted.
    problems : tuple of Problem
        The records that were not understood.
    notes : tuple of str
        What a reader should know though no record was lost.
    records : int
        Records in: VMs, disks, others and problems.
    out : Path or None
        Where verdicts and findings were written; None if they are held in memory.
    counts : mapping of str to int
        What became of Azure's own records: ``vms``, ``disks``, ``other`` and ``problems``. Rows of
        tables of facts are not among them.
    """

    matrix: Matrix
    _summary: Summary | Callable[[], Summary]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    records: int = 0
    out: Path | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    _parts: tuple[Part, ...] = ()
    _inputs: FleetInputs | None = None
    _assessment: Assessment | None = None

    @cached_property
    def summary(self) -> Summary:
        """What was counted, or is counted now if nobody has asked before."""
        return self._summary() if callable(self._summary) else self._summary

    def __repr__(self) -> str:
        told = f"{self.summary.vms} VMs, {self.summary.disks} disks, {len(self.problems)} problems"
        return f"FleetResult({told})"

    @property
    def held(self) -> tuple[Part, ...]:
        """The parts that are in memory; none if they were written."""
        return self._parts

    def inventory_of(self, vm_id: str) -> Inventory:
        """Read the records of one VM again, to assess, explain or plan for it alone.

        The inputs are read as they are now. If they changed since, so may the verdict; if they are
        gone, or were streams, there is nothing to read. It takes as long as looking through them.

        Parameters
        ----------
        vm_id : str
            As the verdicts name it, in any letter case.

        Raises
        ------
        FleetError
            If the fleet did not come from records here: tables of facts hold none.
        LookupError
            If no record of that VM is there, or not any more.
        """
        if self._assessment is not None:
            inventory = self._assessment.inventory
            return replace(inventory, vms=(inventory.vm(vm_id),))
        if self._inputs is None:
            raise FleetError("the fleet came from tables of facts; there are no records to show")
        return self._inputs.inventory_of(vm_id)

    # ----- one row per VM and mode, one row per finding

    def verdict_batches(self) -> Iterator[pa.Table]:
        """Give the verdicts part by part, as Arrow tables: one row per VM and mode."""
        if self._assessment is not None:
            import pyarrow as pa

            yield pa.Table.from_pandas(self._assessment.verdicts.frame(), preserve_index=False)
            return
        yield from self._batches("verdicts", lambda part: part.verdicts())

    def finding_batches(self) -> Iterator[pa.Table]:
        """Give the findings part by part, as Arrow tables: one row per VM or disk and row."""
        if self._assessment is not None:
            raise FleetError("these VMs were judged one by one: their assessment has the findings")
        yield from self._batches("findings", lambda part: part.findings())

    def _batches(self, kind: str, make: Callable[[Part], pa.Table]) -> Iterator[pa.Table]:
        if self.out is None:
            yield from map(make, self._parts)
            return
        paths = [self.out] if self.out.is_file() else sorted((self.out / kind).glob("*.*"))
        if self.out.is_file() and kind != "verdicts":
            raise FleetError(f"{self.out} holds verdicts only; name a folder to get the findings")
        for path in paths:
            yield read_back(path)

    def verdicts(self) -> pd.DataFrame:
        """Give one row per VM and mode, with the columns of a verdict.

        Texts that many VMs share are categories: a million VMs fit.
        """
        return _pandas(self.verdict_batches())

    def findings(self) -> pd.DataFrame:
        """Give one row for each row of the matrix that bears on a VM or on one of its disks.

        Rows that say that all is well are left out.
        """
        return _pandas(self.finding_batches())

    # ----- what they add up to

    def by(self, what: str = "mode") -> pd.DataFrame:
        """Count VMs by verdict, for each mode and what else is asked for.

        Parameters
        ----------
        what : str
            ``mode``, ``region`` or ``subscription``.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        import pandas as pd

        places = {"mode": (), "region": ("region",), "subscription": ("subscription",)}
        if what not in places:
            raise ValueError(f"counts are by {', '.join(places)}, not {what!r}")
        rows = pd.DataFrame(
            [(*key, count) for key, count in self.summary.places.items()],
            columns=["subscription", "region", "mode", "verdict", "vms"],
        )
        rows["verdict"] = pd.Categorical(rows["verdict"], categories=VERDICTS)
        rows["mode"] = pd.Categorical(rows["mode"], categories=MODES)
        return rows.pivot_table(
            index=[*places[what], "mode"],
            columns="verdict",
            values="vms",
            aggfunc="sum",
            fill_value=0,
            observed=False,
        )

    def rows(self, what: str) -> list[dict[str, Any]]:
        """Give the rows of a table of this result as they are, where there is no pandas.

        Parameters
        ----------
        what : str
            ``reasons``, ``caveats``, ``assumptions``, ``what_first``, ``groups``,
            ``members_in_the_way``, ``missing_members``, ``limits``, ``duplicates`` or
            ``full_pages``: the method that gives the same as a frame.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        names, rows = self._table(what)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _table(self, what: str) -> _Table:
        if what not in _TABLES:
            raise ValueError(f"tables are {', '.join(_TABLES)}, not {what!r}")
        return _TABLES[what](self)

    def _frame(self, what: str) -> pd.DataFrame:
        import pandas as pd

        names, rows = self._table(what)
        return pd.DataFrame(rows, columns=names)

    def reasons(self) -> pd.DataFrame:
        """Count VMs by mode, verdict and the row that is a reason for it."""
        return self._frame("reasons")

    def _reasons(self) -> _Table:
        counts: Counter[tuple[str, ...]] = Counter()
        for (mode, verdict, _, _, reasons, _, _), count in self.summary.outcomes.items():
            for row in reasons:
                counts[mode, verdict, row] += count
        return self._counted(counts, ("mode", "verdict", "row_id"))

    def caveats(self) -> pd.DataFrame:
        """Count VMs by mode and the row that adds a caveat."""
        return self._frame("caveats")

    def _caveats(self) -> _Table:
        return self._counted(self.summary.caveats, ("mode", "row_id"))

    def assumptions(self) -> pd.DataFrame:
        """Count VMs by mode and the fact that was assumed and matters."""
        return self._frame("assumptions")

    def _assumptions(self) -> _Table:
        return self._counted(self.summary.assumptions, ("mode", "fact_id"))

    def _counted(self, counts: Mapping[Any, int], names: Sequence[str]) -> _Table:
        titles = self._titles()
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        rows = [(*key, count, titles.get(key[-1], "")) for key, count in ordered]
        return (*names, "vms", "title"), rows

    def _titles(self) -> dict[str, str]:
        titles = {row.id: row["title"] for row in self.matrix.table("scenarios")}
        return titles | {fact.id: fact.title for fact in self.matrix.facts.values()}

    def what_first(self) -> pd.DataFrame:
        """Tell what to do first: which fact settles, and which exclusion frees, most VMs.

        Returns
        -------
        pandas.DataFrame
            One row for each mode and fact that is missing or row that excludes disks. ``alone`` is
            the number of VMs for which nothing else is in the way, ``touched`` those for which it
            is one thing among others, ``disks`` the disks to exclude, ``how`` what to do.
        """
        return self._frame("what_first")

    def _what_first(self) -> _Table:
        alone: Counter[tuple[str, str, str]] = Counter()
        touched: Counter[tuple[str, str, str]] = Counter()
        for (mode, verdict, _, _, _, missing, exclusions), count in self.summary.outcomes.items():
            # Leaving disks out makes no VM eligible that something else stands against.
            helped = {"fact": "unknown", "exclusion": "exclude_disks"}
            for kind, members in (("fact", missing), ("exclusion", exclusions)):
                for one in members:
                    touched[kind, one, mode] += count
                    settled = len(members) == 1 and verdict == helped[kind]
                    alone[kind, one, mode] += count * settled
        rows: list[tuple[Any, ...]] = []
        for (kind, one, mode), count in touched.items():
            if kind == "fact":
                fact = self.matrix.facts[one]
                title, how, disks = fact.title, fact.fetch or fact.question, 0
            else:
                row = self.matrix.row(one)
                title, how, disks = row["title"], row["remedy"], self.summary.exclusions[mode, one]
            rows.append((kind, one, title, mode, alone[kind, one, mode], count, disks, how))
        rows.sort(key=lambda row: (-row[4], -row[5], row[0], row[1], row[3]))
        return ("kind", "id", "title", "mode", "alone", "touched", "disks", "how"), rows

    def groups(self) -> pd.DataFrame:
        """Tell of each availability set and scale set whether all of its VMs can be protected.

        Returns
        -------
        pandas.DataFrame
            One row per set and mode. ``kind`` is ``availability_set`` or ``scale_set``; ``vms`` and
            the columns named by verdicts count the members that were given; ``in_the_way`` are
            those that cannot be protected or of which that is not known. ``listed`` is how many
            members the set's own record lists, nothing if no such record was given, and ``missing``
            how many of these were not given. ``protected`` says for which of the members a restore
            point can be created: ``all``, ``some`` or ``none`` of them, or ``unknown``, also if a
            member was not given. A set is protected as a whole only by ``all``.
        """
        return self._frame("groups")

    def _groups(self) -> _Table:
        missing = self._missing_of_sets
        rows = []
        for (kind, group, mode), counts in sorted(self._counts_of_sets.items()):
            listed = self.summary.listed.get(group)
            told = None if listed is None else len(listed)
            total, absent = sum(counts), missing[group]
            protected = _protected(counts, absent)
            rows.append(
                (kind, group, mode, total, *counts, total - _good(counts), told, absent, protected)
            )
        counted = ("vms", *VERDICTS, "in_the_way", "listed", "missing")
        return ("kind", "group_id", "mode", *counted, "protected"), rows

    @cached_property
    def _counts_of_sets(self) -> dict[tuple[str, str, str], list[int]]:
        """How many members of each set have each verdict, by kind, id and mode."""
        found: dict[tuple[str, str, str], list[int]] = {}
        for (kind, group), counts in self.summary.groups.items():
            for at, mode in enumerate(MODES):
                of_mode = counts[at * len(VERDICTS) : (at + 1) * len(VERDICTS)]
                if any(of_mode):
                    found[kind, group, mode] = of_mode
        for group in self.summary.listed:
            for mode in MODES:
                found.setdefault((_kind_of_set(group), group, mode), [0] * len(VERDICTS))
        return found

    @cached_property
    def _missing_of_sets(self) -> Counter[str]:
        return Counter(group for _, group, _ in self._missing_members()[1])

    def protection(self) -> Counter[tuple[str, str, str]]:
        """Count sets of VMs by kind, mode and for which of their members it can be done."""
        missing = self._missing_of_sets
        return Counter(
            (kind, mode, _protected(counts, missing[group]))
            for (kind, group, mode), counts in self._counts_of_sets.items()
        )

    def members_in_the_way(self) -> pd.DataFrame:
        """Name the VMs for which their set cannot be protected as a whole.

        Returns
        -------
        pandas.DataFrame
            One row per set, mode and member: ``kind``, ``group_id``, ``mode``, ``vm_id``,
            ``verdict``, ``why`` (the rows of the matrix that refuse it, or the facts that are not
            known, or the rows that leave it open) and ``titles`` of these. Of a set with many such
            members, the first :data:`rpmatrix.fleet.summary.NAMED` by id; ``groups`` counts them
            all.
        """
        return self._frame("members_in_the_way")

    def _members_in_the_way(self) -> _Table:
        titles = self._titles()
        rows = []
        for key, members in sorted(self.summary.in_the_way.items()):
            for vm_id, verdict, why in members:
                named = " | ".join(titles.get(one, one) for one in why)
                rows.append((*key, vm_id, verdict, " | ".join(why), named))
        return ("kind", "group_id", "mode", "vm_id", "verdict", "why", "titles"), rows

    def missing_members(self) -> pd.DataFrame:
        """Name the members that the record of a set lists and that were not given.

        Returns
        -------
        pandas.DataFrame
            One row per set and member: ``kind``, ``group_id``, ``vm_id``.
        """
        return self._frame("missing_members")

    def _missing_members(self) -> _Table:
        listed = self.summary.listed
        given = self._given({one.lower() for members in listed.values() for one in members})
        rows = [
            (_kind_of_set(group), group, member)
            for group, members in sorted(listed.items())
            for member in members
            if member.lower() not in given
        ]
        return ("kind", "group_id", "vm_id"), rows

    def _given(self, keys: set[str]) -> set[str]:
        """Find out which of some lower-cased ids are those of VMs that were given."""
        if not keys:
            return keys
        if self._assessment is not None:
            return keys & {vm.id.lower() for vm in self._assessment.inventory.vms}
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(keys), pa.string())
        found: set[str] = set()
        for ids in self._ids():
            met = pc.index_in(pc.utf8_lower(ids), value_set=wanted).drop_null().unique()
            found.update(wanted.take(met).to_pylist())
        return found

    def _ids(self) -> Iterator[pa.Array]:
        """Give the ids of VMs, part by part, as often as each was told of."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for batch in self.verdict_batches():
            chosen = batch.select(["vm_id", "mode"])
            of_mode = pc.equal(chosen["mode"].cast(pa.string()), MODES[0])
            yield chosen["vm_id"].filter(of_mode).cast(pa.string()).combine_chunks()

    def duplicates(self) -> pd.DataFrame:
        """Name the VMs that tables of facts tell of more than once.

        Each such row is judged by itself, and disks count for the first of them. Which row is the
        newer one cannot be told from facts, so none is preferred: go by ``safest`` until the export
        is mended. Records of one VM need none of this: they are read together, and a fact on which
        they differ is not known.

        Returns
        -------
        pandas.DataFrame
            One row per VM and mode: ``vm_id``, ``mode``, ``rows`` (how often it is told of),
            ``verdicts`` (of each row, in their order) and ``safest`` (the least favourable of
            them). All ids are read anew for this, with eight bytes of memory for each.
        """
        return self._frame("duplicates")

    def _duplicates(self) -> _Table:
        import numpy as np
        import pyarrow as pa

        from rpmatrix.fleet.parts import hashes_of

        marks = [hashes_of(ids) for ids in self._ids()]
        together = np.sort(np.concatenate([*marks, np.zeros(0, np.uint64)]))
        twice = np.unique(together[1:][together[1:] == together[:-1]])
        found: dict[tuple[str, str], list[str]] = {}
        names: dict[str, str] = {}
        if len(twice):
            for batch in self.verdict_batches():
                chosen = batch.select(["vm_id", "mode", "verdict"])
                ids = chosen["vm_id"].cast(pa.string()).combine_chunks()
                mine = chosen.filter(pa.array(np.isin(hashes_of(ids), twice)))
                columns = (mine[name].cast(pa.string()).to_pylist() for name in mine.column_names)
                for vm_id, mode, verdict in zip(*columns, strict=True):
                    names.setdefault(vm_id.lower(), vm_id)
                    found.setdefault((vm_id.lower(), mode), []).append(verdict)
        rows = [
            (names[key], mode, len(told), " | ".join(told), max(told, key=_FROM_BEST.index))
            for (key, mode), told in found.items()
            if len(told) > 1
        ]
        return ("vm_id", "mode", "rows", "verdicts", "safest"), rows

    def full_pages(self) -> pd.DataFrame:
        """Name the inputs that may have been cut off: they hold as much as one export can give.

        Returns
        -------
        pandas.DataFrame
            One row per file and row of the table ``exports``: ``file``, ``rows``, ``export_id``,
            ``title`` and ``remedy``.
        """
        return self._frame("full_pages")

    def _full_pages(self) -> _Table:
        rows = [
            (file, count, row.id, row["title"], row["remedy"])
            for row in self.matrix.table("exports")
            for file, count in _full_pages_of(row, self.summary)
        ]
        return ("file", "rows", "export_id", "title", "remedy"), rows

    def limits(self) -> pd.DataFrame:
        """Hold what the fleet needs per subscription and region against the limits.

        Every VM that can have a restore point needs a collection of its own in its region. Those
        that exist already are not told by VMs: the count is what one collection per VM comes to.
        """
        return self._frame("limits")

    def _limits(self) -> _Table:
        from rpmatrix.eligibility.rules import holds

        needed: dict[tuple[str, str], Counter[str]] = {}
        for (subscription, place, mode, verdict), count in self.summary.places.items():
            if verdict in ("supported", "exclude_disks"):
                needed.setdefault((subscription, place), Counter())[mode] += count
        rows = []
        for row in self.matrix.table("limits"):
            if row["scope"] != "subscription_region":
                continue
            for (subscription, place), counts in sorted(needed.items()):
                vms = max(counts.values())
                kept = holds(row["comparator"], vms, row["value"])
                state = "within" if kept else "exceeded"
                rows.append((subscription, place, row.id, vms, row["value"], row["unit"], state))
        return ("subscription", "region", "row_id", "needed", "bound", "unit", "state"), rows


_TABLES: Final[Mapping[str, Callable[[FleetResult], _Table]]] = {
    "reasons": FleetResult._reasons,
    "caveats": FleetResult._caveats,
    "assumptions": FleetResult._assumptions,
    "what_first": FleetResult._what_first,
    "groups": FleetResult._groups,
    "members_in_the_way": FleetResult._members_in_the_way,
    "missing_members": FleetResult._missing_members,
    "limits": FleetResult._limits,
    "duplicates": FleetResult._duplicates,
    "full_pages": FleetResult._full_pages,
}
_FROM_BEST: Final = ("supported", "exclude_disks", "unknown", "not_supported")


def _kind_of_set(group: str) -> str:
    return "availability_set" if "/availabilitysets/" in group else "scale_set"


_PLACE_OF: Final = {verdict: place for place, verdict in enumerate(VERDICTS)}


def _good(counts: Sequence[int]) -> int:
    """Give how many members of a set can be protected."""
    return counts[_PLACE_OF["supported"]] + counts[_PLACE_OF["exclude_disks"]]


def _protected(counts: Sequence[int], missing: int) -> str:
    """Tell for which members of a set a restore point can be created."""
    good, total = _good(counts), sum(counts)
    open_ones = counts[_PLACE_OF["unknown"]] or (missing and good == total)
    if open_ones and not counts[_PLACE_OF["not_supported"]]:
        return "unknown"
    return "all" if good == total else "some" if good else "none"


def _full_pages_of(row: Row, summary: Summary) -> list[tuple[str, int]]:
    """Give the files that hold exactly as many rows as an export gives at most."""
    most = int(row["rows"])
    return sorted((file, count) for (file,), count in summary.files.items() if count == most)


def notes_on(matrix: Matrix, summary: Summary) -> Iterator[str]:
    """Tell what the input seems to lack, from what was counted."""
    if summary.disks_without_vm:
        several = "disk belongs" if summary.disks_without_vm == 1 else "disks belong"
        yield f"{summary.disks_without_vm:,} {several} to no VM among those given"
    if summary.repeated_records:
        several = "record was" if summary.repeated_records == 1 else "records were"
        yield (
            f"{summary.repeated_records:,} duplicate VM {several} merged; "
            "facts on which they differ are unknown"
        )
    for row in matrix.table("exports"):
        found = [file for file, _ in _full_pages_of(row, summary)]
        if found:
            more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            yield (
                f"{', '.join(found[:_NAMED])}{more}: exactly {int(row['rows']):,} rows, where "
                f"an export may have ended ({row['title']}). {row['remedy']}"
            )


# How many files are named in a note.
_NAMED: Final = 5


# The columns of verdicts and findings that are no texts.
_NUMBERS: Final = {"lun": "int64"}
# What few rows have in common.
_IDS: Final = ("vm_id", "vm_name", "disk_id")


def _pandas(batches: Iterable[pa.Table]) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    every = list(batches)
    tables = [table for table in every if table.num_rows] or every
    if not tables:
        return pd.DataFrame()
    table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    ids = [name for name in _IDS if name in table.column_names]
    for name in ids:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(pa.large_string()))
    frame = table.to_pandas()
    for name, values in (
        ("mode", MODES),
        *((one, VERDICTS) for one in ("verdict", "floor", "ceiling")),
    ):
        if name in frame:
            frame[name] = pd.Categorical(frame[name], categories=values)
    for name in ids:
        frame[name] = frame[name].astype("string")
    return frame


def read_back(path: Path) -> pa.Table:
    """Read a table that was written as Parquet or CSV."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        texts = [
            field.name
            for field in pq.read_schema(path)
            if pa.types.is_string(field.type) and field.name not in _IDS
        ]
        return pq.read_table(path, read_dictionary=texts)
    from pyarrow import csv

    # Texts stay what they are: a VM may be called 0012, or NULL.
    with csv.open_csv(path) as file:
        kinds = {name: _NUMBERS.get(name, "string") for name in file.schema.names}
    texts = csv.ConvertOptions(column_types=kinds, strings_can_be_null=False)
    return csv.read_csv(path, convert_options=texts)
