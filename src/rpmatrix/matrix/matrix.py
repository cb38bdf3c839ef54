"""The tables as one whole: layers, citations and rulings.

The matrix is the only knowledge the package has of restore points. It is read from
``matrix_data`` and never changed: a layer on top of it replaces, adds or withdraws rows.

A layer is judged as strictly as the base, together with what lies below it. One rule is its own:
where it makes an answer better than below, it has to name its evidence.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rpmatrix.matrix.checks import check_together
from rpmatrix.matrix.folder import FixReport, changed_since_freeze, check, fix, read_tables
from rpmatrix.matrix.problems import Problem, TablesError
from rpmatrix.matrix.schema import SEPARATOR, Row, Table, Tables, data_folder

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

BASE_LAYER = "seed"
BASE = "base"
"""What to call the base, as a name of an overlay, to have no overlay at all."""
ABOUT = "about.json"
OVERLAYS = "RPMATRIX_OVERLAYS"
"""The environment variable that lists overlays for when a program asks for none."""
MODES = ("application", "crash")
SUPPORTED: Final = ("supported", "supported_with_caveat")
"""Outcomes of rows that say it works."""

DECISIVE: Final = ("not_supported", "not_stated", "exclude_disk")
"""Outcomes of rows that decide a verdict or keep it open if they apply."""

CITABLE_TABLES = (
    *("scenarios", "limits", "encryption", "cross_region", "errors"),
    *("steps", "changes"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that can be known of a VM, a disk or a request: a row of ``facts``.

    Attributes
    ----------
    id, grain, title, type, reading, absence, assumption, fetch, question, meaning
        The cells of the row; an empty text where the cell is empty.
    allowed_values : tuple of str
        The values that may be known; empty where any value may be.
    paths : tuple of (str, str)
        Record kind and path inside that record, the most trusted first.
    """

    id: str
    grain: str
    title: str
    type: str
    reading: str
    absence: str
    assumption: str
    fetch: str
    question: str
    meaning: str
    allowed_values: tuple[str, ...]
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """Source: a row, its layer, and the statement of the article behind it.

    Attributes
    ----------
    row_id, table, layer, title
        The row, the table and the layer it stands in, and its title.
    edition, section, position
        Where the article says it; empty, and position 0, when another source does.
    source
        The named source when it is not the article.
    reviewed_on
        ISO date on which the row was last compared with its source.
    subject
        What the statement of the article is about, in our words; empty when another source says it.
    publication, dated, address
        Title and date of what is cited, and where to read it: of the article with the section.
        Empty where the table of publications does not know the source.
    """

    row_id: str
    table: str
    layer: str
    title: str
    edition: str
    section: str
    position: int
    source: str
    reviewed_on: str
    subject: str = ""
    publication: str = ""
    dated: str = ""
    address: str = ""

    @property
    def place(self) -> str:
        """Where it is said, in words: the section and the subject, or the other source."""
        if not self.edition:
            return self.source or "no source is named"
        said = f": {self.subject}" if self.subject else ""
        return f"{self.publication or 'the article'}, section {self.section}{said}"

    def __str__(self) -> str:
        address = f" ({self.address})" if self.address else ""
        return f"{self.row_id} [{self.layer}]: {self.place}{address}"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A layer above the base, and what its ``about.json`` says of it.

    Attributes
    ----------
    name : str
        The name of its folder; findings and citations quote it.
    folder : Path
        Where it stands.
    owner, purpose, source
        Who answers for it (a role, not a person), what it is for, and what it goes by.
    written_on, valid_until
        The day it was written, and the last day on which it may be used without another look.
    """

    name: str
    folder: Path
    owner: str
    purpose: str
    source: str
    written_on: date
    valid_until: date


@dataclass(frozen=True)
class Matrix:
    """The matrix, with all layers applied.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers, the base first.
    digest : str
        SHA-256 over the content of all layers, in their order.
    overlays : tuple of Overlay
        The layers above the base.
    as_of : datetime.date
        The day for which it answers: where a fact depends on the date, on this one.
    warnings : tuple of str
        What a reader must know of the layers: an overlay past its day, a base that was edited.
    """

    layers: tuple[str, ...]
    digest: str
    overlays: tuple[Overlay, ...]
    as_of: date
    warnings: tuple[str, ...]
    _rows: Mapping[str, Mapping[str, Row]]
    _layer_of: Mapping[tuple[str, str], str]
    _withdrawn: Mapping[tuple[str, str], str]
    _prepared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def table(self, name: str) -> tuple[Row, ...]:
        """Give the rows of one table, sorted by id.

        Raises
        ------
        KeyError
            If there is no such table; the message names the tables there are.
        """
        try:
            return tuple(self._rows[name].values())
        except KeyError:
            names = ", ".join(sorted(self._rows))
            raise KeyError(f"no table {name!r}; the tables are {names}") from None

    def row(self, row_id: str, table: str | None = None) -> Row:
        """Give one row by its id.

        Parameters
        ----------
        row_id : str
            An id of a row that can be cited, or of any row if `table` is given.
        table : str, optional
            The table to look in.

        Raises
        ------
        KeyError
            If there is no such row; the message says so if a layer has withdrawn it.
        """
        names = (table,) if table else CITABLE_TABLES
        for name in names:
            if row_id in self._rows[name]:
                return self._rows[name][row_id]
        for name in names:
            if (name, row_id) in self._withdrawn:
                raise KeyError(f"row {row_id!r} is withdrawn by {self._withdrawn[name, row_id]}")
        raise KeyError(f"no row {row_id!r} in {table or 'the matrix'}")

    def has_row(self, row_id: str) -> bool:
        """Tell whether a row that can be cited has this id."""
        return any(row_id in self._rows[name] for name in CITABLE_TABLES)

    def table_of(self, row_id: str) -> str:
        """Give the name of the table that holds a row that can be cited."""
        for name in CITABLE_TABLES:
            if row_id in self._rows[name]:
                return name
        raise KeyError(f"no row {row_id!r} in the matrix")

    def layer_of(self, row_id: str, table: str | None = None) -> str:
        """Give the layer that the row comes from."""
        return self._layer_of[table or self.table_of(row_id), row_id]

    def citation(self, row_id: str) -> Citation:
        """Say who states a row."""
        table = self.table_of(row_id)
        row = self._rows[table][row_id]
        statement = self._rows["statements"].get(row.get("statement_id", ""))
        edition = statement["edition"] if statement else ""
        published = self._published(edition, row.get("source", ""))
        section = statement["section"] if statement else ""
        address = published["address"] if published else ""
        return Citation(
            row_id=row_id,
            table=table,
            layer=self._layer_of[table, row_id],
            title=row.get("title") or row.get("meaning", ""),
            edition=edition,
            section=section,
            position=int(statement["position"]) if statement else 0,
            source=row.get("source", ""),
            reviewed_on=row["reviewed_on"],
            subject=statement["subject"] if statement else "",
            publication=published["title"] if published else "",
            dated=published["dated"] if published else "",
            address=f"{address}#{section}" if address and section else address,
        )

    def _published(self, edition: str, source: str) -> Row | None:
        """Find the publication that a statement or a source comes from."""
        if edition:
            return self._editions.get(edition)
        known = [row for row in self.table("publications") if source.startswith(row["title"])]
        return max(known, key=lambda row: len(row["title"]), default=None)

    @cached_property
    def _editions(self) -> Mapping[str, Row]:
        return {row["edition"]: row for row in self.table("publications") if row["edition"]}

    def to_dict(self) -> dict[str, Any]:
        """Return what the JSON contract says of the tables: digest, layers, and the article."""
        columns = ("title", "edition", "dated", "licence", "address")
        return {
            "digest": self.digest,
            "layers": list(self.layers),
            "article": [{name: row[name] for name in columns} for row in self.article],
        }

    @property
    def article(self) -> tuple[Row, ...]:
        """The editions of the article that the layers state, that of the base first."""
        stated = dict.fromkeys(row["edition"] for row in self.table("statements"))
        return tuple(self._editions[edition] for edition in stated if edition in self._editions)

    def citations(self, row_id: str) -> tuple[Citation, ...]:
        """Say who states a row, and who says the same again elsewhere."""
        return (
            self.citation(row_id),
            *(self.citation(other) for other in self._repeated_by.get(row_id, ())),
        )

    @cached_property
    def _repeated_by(self) -> Mapping[str, tuple[str, ...]]:
        repeats: dict[str, tuple[str, ...]] = {}
        for table in ("scenarios", "limits"):
            for row in self.table(table):
                for original in row.members("repeats"):
                    repeats[original] = (*repeats.get(original, ()), row.id)
        return repeats

    @cached_property
    def _rulings_of(self) -> Mapping[str, tuple[Row, ...]]:
        found: dict[str, tuple[Row, ...]] = {}
        for row in self.table("rulings"):
            for named in (*row.members("row_a"), *row.members("row_b")):
                found[named] = (*found.get(named, ()), row)
        return found

    def rulings(self, row_id: str, mode: str = "both") -> tuple[str, ...]:
        """Give the ids of the rulings that touch a row, directly or where it is repeated.

        Parameters
        ----------
        row_id : str
            The row.
        mode : str
            A consistency mode, to leave out the rulings that are about the other one only.
        """
        again = self._repeated_by.get(row_id, ())
        named = [row for one in (row_id, *again) for row in self._rulings_of.get(one, ())]
        kept = (row.id for row in named if mode == "both" or row["mode"] in ("both", mode))
        return tuple(dict.fromkeys(kept))

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        """All facts by id."""
        return MappingProxyType({row.id: self._fact(row) for row in self.table("facts")})

    def _fact(self, row: Row) -> Fact:
        allowed = row.members("allowed_values")
        if len(allowed) == 1 and allowed[0].endswith(".id"):
            allowed = tuple(self._rows[allowed[0].removesuffix(".id")])
        elif row["type"] == "flag" and not allowed:
            allowed = ("yes", "no")
        paths = tuple(
            (record, path)
            for record, _, path in (part.partition(":") for part in row.members("paths"))
        )
        texts = ("id", "grain", "title", "type", "reading", "absence", "assumption")
        more = ("fetch", "question", "meaning")
        return Fact(
            **{name: row[name] for name in (*texts, *more)}, allowed_values=allowed, paths=paths
        )

    def prepared(self, name: str, prepare: Callable[[Matrix], T]) -> T:
        """Give what another module prepares from this matrix, made once."""
        if name not in self._prepared:
            self._prepared[name] = prepare(self)
        made: T = self._prepared[name]
        return made

    def frame(self, table: str) -> pd.DataFrame:
        """Give one table as a pandas frame of texts, with the layer of each row."""
        import pandas as pd

        rows = self.table(table)
        columns = list(rows[0]) if rows else []
        frame = pd.DataFrame([dict(row) for row in rows], columns=columns, dtype="string")
        frame["layer"] = pd.array([self._layer_of[table, row.id] for row in rows], dtype="string")
        return frame

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __getstate__(self) -> dict[str, Any]:
        """Give what goes to another process: the rows, and nothing worked out from them."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**held, "_prepared": {}}

    def __repr__(self) -> str:
        count = sum(len(rows) for rows in self._rows.values())
        return f"Matrix({' + '.join(self.layers)}: {count} rows, digest {self.digest[:12]})"


# --- layers ---------------------------------------------------------------------------------------


def load_matrix(
    *overlays: str | Path, folder: Path | None = None, as_of: date | None = None
) -> Matrix:
    """Load the matrix: the seed edition, and overlays on top of it in their order.

    Parameters
    ----------
    *overlays : str or Path
        Names of overlays that come with the package (see `overlay_names`), or folders of other
        ones. A row with a known id replaces that row, a new id adds one, and ``withdrawn.csv``
        switches rows off. Without any, those that the environment variable ``RPMATRIX_OVERLAYS``
        lists are taken; ``base`` asks for none of them.
    folder : Path, optional
        The folder of the base tables instead of the package's own.
    as_of : datetime.date, optional
        The day for which the matrix answers; today if it is left out.

    Returns
    -------
    Matrix

    Raises
    ------
    FileNotFoundError
        If there is no such overlay; the message names those there are.
    rpmatrix.matrix.problems.TablesError
        If a table is missing or a check finds a fault; the message names file and cell.
    """
    base = folder or data_folder()
    listed: Iterable[str | Path] = overlays or os.environ.get(OVERLAYS, "").split(os.pathsep)
    paths = [base, *(_overlay_folder(one, base) for one in _named(listed))]
    stamped = tuple((path, _stamp(path)) for path in paths)
    return _load(stamped, as_of or date.today())


def overlay_names(folder: Path | None = None) -> tuple[str, ...]:
    """Give the names of the overlays that come with the package.

    Parameters
    ----------
    folder : Path, optional
        The folder of the base tables instead of the package's own.
    """
    found = ((folder or data_folder()) / "overlays").glob(f"*/{ABOUT}")
    return tuple(sorted(path.parent.name for path in found))


def check_overlay(
    overlay: str | Path, *below: str | Path, folder: Path | None = None
) -> tuple[Problem, ...]:
    """Check an overlay, by itself and on top of what lies below it; nothing in it raises.

    Parameters
    ----------
    overlay : str or Path
        The overlay, as for `load_matrix`.
    *below : str or Path
        The overlays below it, in their order; none if it stands on the base alone.
    folder : Path, optional
        The folder of the base tables instead of the package's own.

    Returns
    -------
    tuple of Problem
        Empty if all is well.
    """
    base = folder or data_folder()
    path = _overlay_folder(overlay, base)
    found = [_qualified(problem, path.name) for problem in check(path, partial=True)]
    try:
        _about(path)
    except TablesError as error:
        found += error.problems
    if all(problem.check == "about" for problem in found):
        try:
            _lay_unnamed(path, below, base)
        except TablesError as error:
            found += error.problems
    return tuple(found)


def fix_overlay(overlay: str | Path, *below: str | Path, folder: Path | None = None) -> FixReport:
    """Repair in an overlay what a machine may, and tell all that remains.

    Parameters
    ----------
    overlay, *below, folder
        As for `check_overlay`, which tells what remains.

    Raises
    ------
    FileNotFoundError
        If there is no such overlay; the message names those there are.
    """
    path = _overlay_folder(overlay, folder or data_folder())
    report = fix(path, partial=True)
    unwritten = [_qualified(one, path.name) for one in report.refused if one.check == "unwritable"]
    return replace(report, refused=(*unwritten, *check_overlay(path, *below, folder=folder)))


def _lay_unnamed(path: Path, below: Iterable[str | Path], base: Path) -> None:
    """Lay an overlay on what lies below it, whatever it says of itself."""
    stack = _Stack(_read_base(base, _stamp(base)))
    for one in _named(below):
        folder = _overlay_folder(one, base)
        stack.lay(_about(folder), read_overlay_tables(folder))
    stack.lay(Overlay(path.name, path, "", "", "", date.min, date.max), read_overlay_tables(path))


def _named(layers: Iterable[str | Path]) -> list[str | Path]:
    """Leave out the words that name no overlay but the base."""
    return [one for one in layers if str(one) not in ("", BASE, BASE_LAYER)]


def _overlay_folder(overlay: str | Path, base: Path) -> Path:
    # Base tables of another version may have no overlays beside them.
    found = {name: home for home in (data_folder(), base) for name in overlay_names(home)}
    known = sorted(found)
    if str(overlay) in known:
        return found[str(overlay)] / "overlays" / str(overlay)
    path = Path(overlay).expanduser()
    if path.is_dir():
        return path.resolve()
    close = get_close_matches(str(overlay), known, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    offered = f"the package has {', '.join(known)}" if known else "the package has none"
    raise FileNotFoundError(
        f"{overlay} is not a folder, and no overlay has that name; "
        f"{meant}{offered}; give any other by the path of its folder"
    )


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Tell one state of a folder from another, so that an edited table is read again."""
    files = sorted((*folder.glob("*.csv"), *folder.glob("*.json")))
    return tuple((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files)


@lru_cache(maxsize=32)
def _load(
    stamped: tuple[tuple[Path, tuple[tuple[str, int, int], ...]], ...], as_of: date
) -> Matrix:
    base, *above = stamped
    tables = _read_base(*base)
    warnings = [f"the base was edited: {problem}" for problem in changed_since_freeze(tables)]
    stack = _Stack(tables)
    for path, _ in above:
        overlay = _about(path)
        stack.lay(overlay, read_overlay_tables(path))
        if overlay.valid_until < as_of:
            warnings.append(
                f"overlay {overlay.name} expired on {overlay.valid_until}; "
                f"ask its owner ({overlay.owner}) to review it"
            )
    return stack.matrix(as_of, tuple(warnings))


@lru_cache(maxsize=4)
def _read_base(folder: Path, _stamped: tuple[tuple[str, int, int], ...]) -> Tables:
    return read_tables(folder)


def read_overlay_tables(folder: Path) -> Tables:
    """Read the tables of an overlay, with its name before that of the file in every message.

    Raises
    ------
    rpmatrix.matrix.problems.TablesError
        If the tables cannot be read or fail a check.
    """
    try:
        tables = read_tables(folder, partial=True)
    except TablesError as error:
        problems = [_qualified(problem, folder.name) for problem in error.problems]
        raise TablesError(folder, problems) from None
    qualified = {
        name: replace(
            table,
            rows=tuple(replace(row, file=f"{folder.name}/{row.file}") for row in table.rows),
        )
        for name, table in tables.items()
    }
    return replace(tables, tables=qualified)


def _qualified(problem: Problem, layer: str) -> Problem:
    whole = problem.file == layer
    return problem if whole else replace(problem, file=f"{layer}/{problem.file}")


ABOUT_KEYS: Final = {
    "owner": "the role or team that answers for it",
    "purpose": "what it is for",
    "source": "what it goes by",
    "date": "the day it was written, as YYYY-MM-DD",
    "valid_until": "the last day it may be used without another look, as YYYY-MM-DD",
}
"""What an overlay says of itself, and what each of it means."""


def _about(folder: Path) -> Overlay:
    """Read what an overlay says of itself."""
    file = f"{folder.name}/{ABOUT}"
    wanted = f"write an object with {', '.join(ABOUT_KEYS)}"

    def refuse(*found: tuple[str, str]) -> TablesError:
        return TablesError(folder, [Problem("about", file, "", *one) for one in found])

    try:
        said = json.loads((folder / ABOUT).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise refuse(("the overlay says nothing of itself", wanted)) from None
    except (OSError, ValueError) as error:
        raise refuse((f"cannot be read: {error}", wanted)) from None
    if not isinstance(said, dict):
        raise refuse(("holds no JSON object", wanted))
    faults = list(_about_faults(said))
    if faults:
        raise refuse(*faults)
    if folder.name in (BASE, BASE_LAYER):
        raise refuse((f"no overlay may be called {folder.name}", "rename its folder"))
    texts = (said[name] for name in ("owner", "purpose", "source"))
    days = (date.fromisoformat(said[name]) for name in ("date", "valid_until"))
    return Overlay(folder.name, folder, *texts, *days)


def _about_faults(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in said.keys() - ABOUT_KEYS.keys():
        yield f'nobody reads "{name}"', f"delete it; there are {', '.join(ABOUT_KEYS)}"
    days: dict[str, date] = {}
    for name, meaning in ABOUT_KEYS.items():
        value = said.get(name)
        if not isinstance(value, str) or not value.strip():
            yield f'"{name}" is missing or empty', f"write {meaning}"
        elif "YYYY" in meaning:
            try:
                days[name] = date.fromisoformat(value)
            except ValueError:
                yield f'"{name}" is {value!r}, which is no date', f"write {meaning}"
            else:
                if days[name].isoformat() != value:
                    yield f'"{name}" is {value!r}', f"write {days[name].isoformat()}"
    if len(days) > 1 and days["valid_until"] < days["date"]:
        yield '"valid_until" lies before "date"', f"write {ABOUT_KEYS['valid_until']}"
    if "@" in str(said.get("owner", "")):
        yield '"owner" is an address of a person', f"write {ABOUT_KEYS['owner']}"


_PARTS_OF_SCENARIO: Final = ("conditions", "encryption")
"""The tables whose rows say something of one scenario, and nothing without it."""


def _is_moot(row: Row) -> bool:
    """Tell a ruling in which nothing is left of the second reading."""
    return "row_b" in row and not row["row_b"] and not row["source_b"]


_NEVER_USED: Final = (
    ("statement-is-used", "statements"),
    ("fact-is-used", "facts"),
    ("list-names-scenario", "conditions"),
)
"""Checks, each with a table, that an overlay may leave broken below: what it uses no more stays."""


class _Stack:
    """Layers on top of one another, while they are laid."""

    def __init__(self, base: Tables) -> None:
        self.tables = base
        self.overlays: list[Overlay] = []
        self.layer_of = {(name, row.id): BASE_LAYER for name in base for row in base.rows(name)}
        self.withdrawn: dict[tuple[str, str], str] = {}
        self._digest = hashlib.sha256(base.digest.encode())

    def lay(self, overlay: Overlay, own: Tables) -> None:
        """Put a layer on top.

        Raises
        ------
        TablesError
            If it does not fit what lies below.
        """
        if overlay.name in (one.name for one in self.overlays):
            message = f"two layers are called {overlay.name}"
            advice = "give one of the folders another name, or lay it once"
            raise TablesError(
                overlay.folder, [Problem("about", f"{overlay.name}/{ABOUT}", "", message, advice)]
            )
        step = _Step(overlay.name, self.tables, own, self.layer_of)
        problems = list(step.problems())
        if problems:
            raise TablesError(overlay.folder, problems)
        self.tables = step.after
        self.overlays.append(overlay)
        self._digest.update(own.digest.encode())
        for (table, row_id), row in step.gone.items():
            del self.layer_of[table, row_id]
            self.withdrawn[table, row_id] = f"layer {overlay.name}: {row['reason']}"
        self.layer_of.update(dict.fromkeys(step.shortened, overlay.name))
        for name in own:
            for row in own.rows(name):
                self.layer_of[name, row.id] = overlay.name
                self.withdrawn.pop((name, row.id), None)

    def matrix(self, as_of: date, warnings: tuple[str, ...]) -> Matrix:
        """Give the matrix that the layers make."""
        return Matrix(
            (BASE_LAYER, *(one.name for one in self.overlays)),
            self._digest.hexdigest(),
            tuple(self.overlays),
            as_of,
            warnings,
            {name: dict(table.by_id) for name, table in self.tables.items()},
            self.layer_of,
            self.withdrawn,
        )


class _Step:
    """One overlay laid on what is below it, and all that is wrong with that.

    Attributes
    ----------
    gone
        The rows that it withdraws, each with the row of ``withdrawn`` that says so.
    shortened
        The rows below in which a list named a withdrawn row, without that name.
    after
        The tables with the overlay on top.
    """

    def __init__(
        self, name: str, below: Tables, own: Tables, layer_of: Mapping[tuple[str, str], str]
    ) -> None:
        self.name = name
        self.below = below
        self.own = own
        self.layer_of = layer_of
        self.gone: dict[tuple[str, str], Row] = {}
        self.shortened: dict[tuple[str, str], Row] = {}
        self._faults = [*self._withdraw(), *self._judge_statements()]
        while self._follow():
            pass
        self.after = self._merged()

    def _problem(self, check: str, row: Row, column: str, message: str, advice: str) -> Problem:
        file, _, cell = row.cell(column).rpartition(":")
        return Problem(check, file, cell, message, advice, row.id)

    def _withdraw(self) -> Iterator[Problem]:
        """Find the rows that are withdrawn."""
        for row in self.own.rows("withdrawn"):
            table, row_id = row["table"], row["row_id"]
            below = self.below[table].by_id
            at = ("withdrawal", row, "row_id")
            if row_id not in below:
                close = get_close_matches(row_id, below, n=1)
                meant = f"write an id of {table}, or lay the overlay below that has it"
                meant = f"did you mean {close[0]}?" if close else meant
                yield self._problem(*at, f'there is no row "{row_id}" of {table} below', meant)
            elif (table, row_id) in self.gone:
                yield self._problem(*at, f'"{row_id}" is withdrawn twice', "delete one of the rows")
            elif any(one.id == row_id for one in self.own.rows(table)):
                message = f'"{row_id}" is withdrawn here, and written in {table} too'
                yield self._problem(*at, message, "do one of the two")
            else:
                self.gone[table, row_id] = row

    def _follow(self) -> bool:
        """Let go what follows from what is gone; tell whether there was anything."""
        before = len(self.gone)
        for name, table in self.below.items():
            own = {row.id for row in self.own.rows(name)}
            for row in table.rows:
                if row.id not in own and (name, row.id) not in self.gone:
                    self._follow_row(name, self.shortened.get((name, row.id), row))
        return len(self.gone) > before

    def _follow_row(self, table: str, row: Row) -> None:
        reason = self.gone.get(("scenarios", row.get("scenario_id", "")))
        if reason is not None and table in _PARTS_OF_SCENARIO:
            self.gone[table, row.id] = reason
            return
        for column in self.below.schema[table].columns:
            lost = [name for name in row.members(column.name) if column.references]
            lost = [name for name in lost if self._is_gone(name, column.references)]
            if not lost:
                continue
            kept = SEPARATOR.join(name for name in row.members(column.name) if name not in lost)
            row = row.with_cell(column.name, kept)
            if not kept and (column.required or column.name == "repeats" or _is_moot(row)):
                named = ((one, lost[0]) for one in column.references)
                self.gone[table, row.id] = next(self.gone[one] for one in named if one in self.gone)
                self.shortened.pop((table, row.id), None)
                return
            self.shortened[table, row.id] = row

    def _is_gone(self, row_id: str, tables: Iterable[str]) -> bool:
        """Tell whether a row is withdrawn, and stands in none of the tables any more."""
        return any((table, row_id) in self.gone for table in tables) and not any(
            (row_id in self.below[table].by_id and (table, row_id) not in self.gone)
            or any(row.id == row_id for row in self.own.rows(table))
            for table in tables
        )

    def _judge_statements(self) -> Iterator[Problem]:
        below = self.below["statements"].by_id
        editions = {row["edition"] for row in below.values()}
        for row in self.own.rows("statements"):
            if row.id in below:
                layer = self.layer_of["statements", row.id]
                message = f'the statement "{row.id}" belongs to the layer {layer}'
                advice = "what an edition said stays on record: give yours an id of its own"
                yield self._problem("statement-stays", row, "id", message, advice)
            elif row["edition"] in editions:
                message = f'the edition "{row["edition"]}" stands below already'
                advice = "give the edition that this layer adds a name of its own"
                yield self._problem("statement-stays", row, "edition", message, advice)

    def _merged(self) -> Tables:
        merged: dict[str, Table] = {}
        for name, table in self.below.items():
            rows = {
                key: self.shortened.get((name, key), row)
                for key, row in table.by_id.items()
                if (name, key) not in self.gone
            }
            rows |= {row.id: row for row in self.own.rows(name)}
            merged[name] = replace(table, rows=tuple(rows[key] for key in sorted(rows)))
        return Tables(self.below.folder, self.below.schema, merged)

    def problems(self) -> Iterator[Problem]:
        """Give all that is wrong."""
        yield from self._faults
        if self._faults:
            return
        judged = {name: table for name, table in self.after.items() if name != "withdrawn"}
        unknown: set[tuple[str, str]] = set()
        for problem in check_together(replace(self.after, tables=judged)):
            place = (problem.file, problem.cell)
            if place in unknown:
                continue  # of what a cell names in vain nothing else is said
            if problem.check in ("foreign-key", "reference"):
                unknown.add(place)
            if problem.file.startswith(f"{self.name}/"):
                yield problem
            elif (problem.check, self._table_of(problem)) not in _NEVER_USED:
                yield self._blame(problem)
        yield from _Evidence(self).problems()

    def _table_of(self, problem: Problem) -> str:
        file = problem.file.rpartition("/")[2]
        return next(name for name, table in self.after.schema.items() if table.file == file)

    def _blame(self, problem: Problem) -> Problem:
        """Tell a fault that shows below at the row of this layer that causes it."""
        table = self._table_of(problem)
        row = self.after[table].by_id[problem.row_id]
        layer = self.layer_of[table, row.id]
        file = problem.file.rpartition("/")[2]
        message = f"leaves {layer}/{file}:{problem.cell} wrong: {problem.message}"
        advice = f'replace or withdraw "{row.id}" of {table} too'
        cause = self._cause(self.below[table].by_id[row.id], problem)
        if problem.check == "duplicate-citation":
            message = f'the id "{row.id}" stands in {layer}/{file}:{problem.cell} already'
            advice = "give this row another id, since either can be cited"
        if cause is None:
            return Problem("fits-below", self.name, "", message, advice)
        return self._problem("fits-below", *cause, message, advice)

    def _cause(self, row: Row, problem: Problem) -> tuple[Row, str] | None:
        named = {member for column in row for member in row.members(column)}
        for (_, row_id), withdrawal in self.gone.items():
            if row_id in named:
                return withdrawal, "row_id"
        mine = [one for name in self.own if name != "withdrawn" for one in self.own.rows(name)]
        for one in mine:
            place = rf"{re.escape(one.file)}:[A-Z]+{one.line}(?!\d)"
            if one.id in named or re.search(place, problem.message):
                return one, "id"
        for (table, row_id), withdrawal in self.gone.items():
            if self._kin(row, self.below[table].by_id[row_id]):
                return withdrawal, "row_id"
        return next(((one, "id") for one in mine if self._kin(row, one)), None)

    @staticmethod
    def _kin(one: Row, other: Row) -> bool:
        """Tell rows that speak of one scenario, or a scenario and a row that speaks of it."""
        return other.get("scenario_id") == (one.get("scenario_id") or one.id)


# From the best answer to the worst. What is not stated may turn out to be either.
_RANK: Final = {
    "supported": 0,
    "not_applicable": 0,
    "supported_with_caveat": 1,
    "exclude_disk": 2,
    "not_stated": 3,
    "not_supported": 4,
}
_UNKNOWN: Final = _RANK["not_stated"]
_TEST: Final = ("fact_id", "operator", "value")
_OF_FACT: Final = ("type", "allowed_values", "reading", "paths", "absence", "assumption")
_OF_SYSTEM: Final = (
    *("family", "scenario_id", "image_patterns", "os_name_patterns", "precedence"),
    *("derived_image_patterns", "listed_releases", "unlisted_releases"),
    *("support_ends", "security_updates_end"),
)
_OF_LIMIT: Final = ("fact_id", "comparator", "mode", "scope")


class _Evidence:
    """Finds where an overlay makes an answer better than below without naming its evidence.

    Evidence is a source other than the one of the row below, or a statement of an edition that the
    overlay itself brings. What may only become worse needs none.
    """

    def __init__(self, step: _Step) -> None:
        self.step = step
        self.statements = {row.id for row in step.own.rows("statements")}

    def problems(self) -> Iterator[Problem]:
        """Give a problem for every answer that is better without evidence."""
        yield from self._outcomes("scenarios", MODES, ("grain",))
        yield from self._outcomes("cross_region", ("outcome",), _TEST)
        yield from self._conditions()
        yield from self._changed("facts", _OF_FACT)
        yield from self._systems()
        yield from self._limits()

    def _pairs(self, table: str) -> Iterator[tuple[Row, Row]]:
        """Give each replaced row with the row below it."""
        below = self.step.below[table].by_id
        for row in self.step.own.rows(table):
            if row.id in below:
                yield below[row.id], row

    def _withdrawn(self, table: str) -> Iterator[tuple[Row, Row]]:
        """Give each withdrawn row with the row that says so."""
        for (name, row_id), withdrawal in self.step.gone.items():
            if name == table:
                yield self.step.below[table].by_id[row_id], withdrawal

    def _proved(self, row: Row, below: Row | None = None) -> bool:
        if row.get("statement_id") and row["statement_id"] in self.statements:
            return True
        return bool(row["source"]) and (below is None or row["source"] != below["source"])

    def _refuse(self, row: Row, column: str, what: str) -> Problem:
        advice = "name who says so in source"
        if row["source"]:
            advice += ", other than the row below"
        return self.step._problem("evidence", row, column, f"{what} without evidence", advice)

    def _outcomes(
        self, table: str, columns: Sequence[str], scope: Sequence[str]
    ) -> Iterator[Problem]:
        for below, row in self._pairs(table):
            if self._proved(row, below):
                continue
            worst = max(_RANK[below[column]] for column in columns)
            for column in columns:
                if _RANK[row[column]] < _RANK[below[column]]:
                    what = f"{column} is better than below ({below[column]} -> {row[column]})"
                    yield self._refuse(row, column, what)
            narrowed = [column for column in scope if row[column] != below[column]]
            if worst and narrowed:
                yield self._refuse(row, narrowed[0], "the row applies to something else than below")
        for below, row in self._withdrawn(table):
            if max(_RANK[below[column]] for column in columns) and not row["source"]:
                what = f'"{below.id}" no longer makes an answer worse'
                yield self._refuse(row, "source", what)

    def _conditions(self) -> Iterator[Problem]:
        """Refuse a scenario that applies less often than below, if it makes an answer worse."""
        before, after = (_clauses(one) for one in (self.step.below, self.step.after))
        own = {row.id: row for row in self.step.own.rows("scenarios")}
        for scenario, clauses in before.items():
            row = self.step.after["scenarios"].by_id.get(scenario)
            below = self.step.below["scenarios"].by_id[scenario]
            if row is None or not max(_RANK[row[mode]] for mode in MODES):
                continue
            if scenario in own and self._proved(own[scenario], below):
                continue
            if all(any(new <= old for new in after.get(scenario, ())) for old in clauses):
                continue
            yield from self._narrowed(scenario)

    def _narrowed(self, scenario: str) -> Iterator[Problem]:
        what = f'the scenario "{scenario}" applies less often than below'
        for row in self.step.own.rows("conditions"):
            if row["scenario_id"] == scenario:
                file = self.step.own.schema["scenarios"].file
                advice = f'write the row "{scenario}" into {file} too, with its source'
                message = f"{what} without evidence"
                yield self.step._problem("evidence", row, "scenario_id", message, advice)
                return
        for below, row in self._withdrawn("conditions"):
            if below["scenario_id"] == scenario and not row["source"]:
                yield self._refuse(row, "source", what)
                return

    def _changed(self, table: str, columns: Sequence[str]) -> Iterator[Problem]:
        for below, row in self._pairs(table):
            found = [column for column in columns if row[column] != below[column]]
            if found and not self._proved(row, below):
                yield self._refuse(row, found[0], "the row decides otherwise than below")

    def _systems(self) -> Iterator[Problem]:
        table = "operating_systems"
        yield from self._changed(table, _OF_SYSTEM)
        known = self.step.below[table].by_id
        for row in self.step.own.rows(table):
            answered = row.id not in known and self._best(row, self.step.after) < _UNKNOWN
            if answered and not self._proved(row):
                yield self._refuse(row, "source", "a system that was not known gets an answer")
        for below, row in self._withdrawn(table):
            if self._best(below, self.step.below) > _UNKNOWN and not row["source"]:
                what = f'"{below.id}" is no longer ruled out'
                yield self._refuse(row, "source", what)

    @staticmethod
    def _best(row: Row, tables: Tables) -> int:
        scenario = tables["scenarios"].by_id.get(row["scenario_id"])
        return min((_RANK[scenario[mode]] for mode in MODES), default=0) if scenario else _UNKNOWN

    def _limits(self) -> Iterator[Problem]:
        for below, row in self._pairs("limits"):
            if below["fact_id"] and not _stricter(row, below) and not self._proved(row, below):
                yield self._refuse(row, "value", "the limit is wider than below")
        for below, row in self._withdrawn("limits"):
            if below["fact_id"] and not row["source"]:
                yield self._refuse(row, "source", f'the limit "{below.id}" no longer holds')


def _clauses(tables: Tables) -> Mapping[str, list[frozenset[tuple[str, ...]]]]:
    """Give the clauses of each scenario, each as the set of its tests."""
    found: dict[str, dict[str, set[tuple[str, ...]]]] = {}
    for row in tables.rows("conditions"):
        clause = found.setdefault(row["scenario_id"], {}).setdefault(row["clause"], set())
        clause.add(tuple(row[column] for column in _TEST))
    return {
        scenario: [frozenset(tests) for tests in clauses.values()]
        for scenario, clauses in found.items()
    }


def _stricter(row: Row, below: Row) -> bool:
    """Tell a limit that lets through nothing that the limit below does not."""
    if any(row[column] != below[column] for column in _OF_LIMIT):
        return False
    # Whole numbers and API versions alike are ordered by the numbers they hold.
    new, old = (tuple(map(int, re.findall(r"\d+", one["value"]))) for one in (row, below))
    return new >= old if row["comparator"] in ("at_least", "more_than") else new <= old
