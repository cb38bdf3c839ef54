"""The tables as one whole: layers, citations and rulings.

The matrix is the only knowledge the package has of restore points. It is read from
``matrix_data`` and never changed: a layer on top of it replaces, adds or withdraws rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from rpmatrix.tables import Row, Tables, data_folder, read_tables

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

BASE_LAYER = "seed"
MODES = ("application", "crash")
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
    """Who says so: a row, its layer, and the statement of the article behind it.

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

    def __str__(self) -> str:
        where = (
            f"article ({self.edition}), {self.section}, statement {self.position}"
            if self.edition
            else self.source
        )
        return f"{self.row_id} [{self.layer}]: {where}"


@dataclass(frozen=True)
class Matrix:
    """The matrix, with all layers applied.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers, the base first.
    digest : str
        SHA-256 over the content of all layers, in their order.
    """

    layers: tuple[str, ...]
    digest: str
    _rows: Mapping[str, Mapping[str, Row]]
    _layer_of: Mapping[tuple[str, str], str]
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
            If there is no such row.
        """
        for name in (table,) if table else CITABLE_TABLES:
            if row_id in self._rows[name]:
                return self._rows[name][row_id]
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
        return Citation(
            row_id=row_id,
            table=table,
            layer=self._layer_of[table, row_id],
            title=row.get("title") or row.get("meaning", ""),
            edition=statement["edition"] if statement else "",
            section=statement["section"] if statement else "",
            position=int(statement["position"]) if statement else 0,
            source=row.get("source", ""),
            reviewed_on=row["reviewed_on"],
        )

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

    def __repr__(self) -> str:
        count = sum(len(rows) for rows in self._rows.values())
        return f"Matrix({' + '.join(self.layers)}: {count} rows, digest {self.digest[:12]})"


def load_matrix(*overlays: str | Path, folder: Path | None = None) -> Matrix:
    """Load the matrix: the seed edition, and overlays on top of it in their order.

    Parameters
    ----------
    *overlays : str or Path
        Folders with tables, or names of folders under ``matrix_data/overlays``. A row with a
        known id replaces that row, a new id adds one.
    folder : Path, optional
        The folder of the base tables instead of the package's own.

    Returns
    -------
    Matrix

    Raises
    ------
    rpmatrix.tables.TablesError
        If a table is missing or a check finds a fault; the message names file and cell.
    """
    base = folder or data_folder()
    paths = [base]
    for overlay in overlays:
        path = Path(overlay)
        paths.append(path if path.is_dir() else base / "overlays" / overlay)
    return _load(tuple((path, _stamp(path)) for path in paths))


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Tell one state of a folder from another, so that an edited table is read again."""
    files = sorted(folder.glob("*.csv"))
    return tuple((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files)


@lru_cache(maxsize=16)
def _load(stamped: tuple[tuple[Path, tuple[tuple[str, int, int], ...]], ...]) -> Matrix:
    (base, _), *overlays = stamped
    named = [(BASE_LAYER, read_tables(base))]
    named += [(path.name, read_tables(path, partial=True)) for path, _ in overlays]
    return _stack(named)


def _stack(named: Iterable[tuple[str, Tables]]) -> Matrix:
    rows: dict[str, dict[str, Row]] = {}
    layer_of: dict[tuple[str, str], str] = {}
    layers: list[str] = []
    digest = hashlib.sha256()
    for layer, tables in named:
        layers.append(layer)
        digest.update(tables.digest.encode())
        for name, table in tables.items():
            known = rows.setdefault(name, {})
            for row in table.rows:
                known[row.id] = row
                layer_of[name, row.id] = layer
    ordered = {name: dict(sorted(found.items())) for name, found in rows.items()}
    return Matrix(tuple(layers), digest.hexdigest(), ordered, layer_of)
