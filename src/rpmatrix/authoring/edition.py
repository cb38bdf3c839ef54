"""An overlay that brings the tables to another edition of the article, begun from its drift.

It holds what the copy tells, row by row; what only a person can say is left empty. The same rows,
with a word put there, show beforehand whose verdict would change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rpmatrix.article.drift import DriftReport, StatementChange, editions
from rpmatrix.article.statements import Statement, normalise
from rpmatrix.article.traits import Traits, sure_answers
from rpmatrix.common.atomic import write_file
from rpmatrix.matrix.files import write_table
from rpmatrix.matrix.matrix import ABOUT, DECISIVE, MODES, Matrix
from rpmatrix.matrix.problems import Problem, TablesError
from rpmatrix.matrix.schema import SEPARATOR, read_schema


def write_skeleton(
    report: DriftReport, folder: Path, *, edition: str = "", today: date | None = None
) -> tuple[Path, ...]:
    """Begin an overlay that brings the tables to the edition that was read.

    It lists every statement of the copy with the one it supersedes, repeats the rows whose
    statement answers something else with what the text tells of the outcome, and begins a row for
    each new row of the table. Of what the copy no longer says, it withdraws what changes no
    verdict; what does is not stated from now on, since silence is no permission. What only a person
    can say is left empty, so that the check of the overlay asks for it.

    Parameters
    ----------
    report : DriftReport
        As `rpmatrix.article.drift.drift` gives it.
    folder : Path
        Where to write it; must not exist, or be empty.
    edition : str
        The name of the edition; that of the folder if left out.
    today : datetime.date, optional
        The day of writing; today if left out.

    Returns
    -------
    tuple of Path
        The files that were written.

    Raises
    ------
    FileExistsError
        If there is something in the folder.
    ValueError
        If the name of the edition is taken, or is none; or if the copy is cut off, another
        article, or the edition that the tables have.
    """
    if report.unseen:
        raise ValueError("the copy of the article is cut off; take a whole one")
    _refuse_another_article(report)
    if not report.drifted:
        raise ValueError(f"the copy is the edition {report.edition}: there is nothing to begin")
    edition = edition or folder.name
    if not re.fullmatch("[a-z][a-z0-9-]*", edition) or edition in editions(report.matrix):
        raise ValueError(
            f"{edition!r} cannot name this edition: write lower-case letters, digits and hyphens, "
            f"other than {', '.join(editions(report.matrix))}"
        )
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"there is something in {folder}; choose a new folder")
    return _Skeleton(report, edition, (today or date.today()).isoformat()).write(folder)


@dataclass(frozen=True)
class Foreseen:
    """The tables as they would be if a copy of the article were taken at its word.

    Attributes
    ----------
    matrix : Matrix
        The tables.
    unwritten : tuple of (str, str)
        Table and id of each row that the copy calls for and that only a person can write, such as
        one of which nobody has said yet when it applies. The tables do without it.
    """

    matrix: Matrix
    unwritten: tuple[tuple[str, str], ...]


def foresee(report: DriftReport, load: Callable[[Path], Matrix]) -> Foreseen:
    """Take a copy of the article at its word, for a look ahead and no more.

    It does what `write_skeleton` does, in a folder that is gone afterwards, and puts a word in the
    place of what only a person can say.

    Parameters
    ----------
    report : DriftReport
        As `rpmatrix.article.drift.drift` gives it.
    load : callable
        Loads the tables of the report with one overlay more on top, whose folder it gets.

    Returns
    -------
    Foreseen

    Raises
    ------
    ValueError
        If the copy is another article.
    rpmatrix.matrix.problems.TablesError
        If what the copy says does not fit the tables at all.
    """
    _refuse_another_article(report)
    taken = (*editions(report.matrix), *report.matrix.layers)
    names = (f"pasted-copy-{number}" for number in range(1, len(taken) + 2))
    name = next(one for one in names if one not in taken)
    skeleton = _Skeleton(report, name, date.today().isoformat())
    skeleton.fill_in()
    unwritten: dict[tuple[str, str], None] = {}
    with TemporaryDirectory(prefix="rpmatrix-") as scratch:
        folder = Path(scratch) / name
        while True:
            skeleton.write(folder)
            try:
                return Foreseen(load(folder), tuple(unwritten))
            except TablesError as error:
                dropped = skeleton.drop(error.problems)
                if not dropped:
                    raise
            unwritten.update(dict.fromkeys(one for one in dropped if one[0] != "statements"))


def _refuse_another_article(report: DriftReport) -> None:
    if report.is_another_article:
        raise ValueError("this is hardly a copy of the article: too little of it was found again")


_OUTCOME_OF: Final = {
    "yes": "supported",
    "caveat": "supported_with_caveat",
    "exclude": "exclude_disk",
    "no": "not_supported",
}


class _Skeleton:
    """The rows of an overlay, as far as a report tells them."""

    def __init__(self, report: DriftReport, edition: str, today: str) -> None:
        self.report = report
        self.matrix = report.matrix
        self.edition = edition
        self.today = today
        self.tables: dict[str, dict[str, dict[str, str]]] = {name: {} for name in read_schema()}
        self.about = {
            "owner": "",
            "purpose": f"The edition {edition} of the article",
            "source": "Microsoft Learn: Support matrix for VM restore points",
            "date": today,
            "valid_until": f"{int(today[:4]) + 1}{today[4:]}".replace("-02-29", "-02-28"),
        }
        self._names = self._name_statements()
        self._deciding = {row["scenario_id"] for row in self.matrix.table("operating_systems")}
        for change in report.changes:
            self._take(change)
        self._forget_withdrawn()

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write the rows, and what the overlay says of itself."""
        folder.mkdir(parents=True, exist_ok=True)
        schema = read_schema()
        written = []
        for name, rows in self.tables.items():
            path = folder / schema[name].file
            if rows:
                write_table(path, schema[name].names, rows.values())
                written.append(path)
            else:
                path.unlink(missing_ok=True)
        write_file(folder / ABOUT, json.dumps(self.about, indent=2) + "\n")
        return (*written, folder / ABOUT)

    def fill_in(self) -> None:
        """Put a word in the place of what only a person can say."""
        self.about["owner"] = "Nobody yet"
        for row in self.tables["scenarios"].values():
            row.update({mode: row[mode] or "not_stated" for mode in MODES})
            outcomes = {row[mode] for mode in MODES}
            told = f"See what the copy says: {row['title']}."
            if "supported_with_caveat" in outcomes:
                row["caveat"] = row["caveat"] or told
            if "exclude_disk" in outcomes:
                row["remedy"] = row["remedy"] or told

    def drop(self, problems: Iterable[Problem]) -> list[tuple[str, str]]:
        """Do without the rows that do not fit; a statement stays, as one that feeds no row yet."""
        tables = {schema.file: name for name, schema in read_schema().items()}
        dropped = []
        for problem in problems:
            table = tables.get(problem.file.rpartition("/")[2], "")
            row = self.tables.get(table, {}).get(problem.row_id)
            if row is None:
                continue
            if table == "statements" and row["data"] == "yes":
                row.update(data="no", no_data_reason="Nobody has written its row yet.")
            elif table != "statements":
                del self.tables[table][problem.row_id]
            else:
                continue
            dropped.append((table, problem.row_id))
        return dropped

    def _name_statements(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for change in self.report.changes:
            for number, statement in enumerate(change.new):
                stem = _slug(statement.cells[0])
                if change.old and (number == 0 or len(change.old) > 1):
                    stem = re.sub(rf"^(?:s|{re.escape(self.report.edition)})-", "", change.old[0])
                name = wanted = f"{self.edition}-{stem}"
                again = 1
                while name in names.values():
                    again += 1
                    name = f"{wanted}-{again}"
                names[statement.position] = name
        return names

    def _take(self, change: StatementChange) -> None:
        for statement in change.new:
            self._add_statement(statement, change)
        if change.kind in ("outcome", "split", "merged"):
            for table, row_id in change.rows:
                self._repeat(table, row_id, change)
        elif change.kind == "removed":
            for table, row_id in change.rows:
                self._let_go(table, row_id)
        if change.kind in ("added", "split"):
            for statement in change.new if change.kind == "added" else change.new[1:]:
                self._begin(statement)

    def _add_statement(self, statement: Statement, change: StatementChange) -> None:
        name = self._names[statement.position]
        old = [self.matrix.row(one, "statements") for one in change.old]
        subject, data, reason = statement.cells[0], "yes", ""
        if old:
            subject, data, reason = (
                old[0][column] for column in ("subject", "data", "no_data_reason")
            )
        self.tables["statements"][name] = {
            **dict.fromkeys(read_schema()["statements"].names, ""),
            "id": name,
            "edition": self.edition,
            "section": statement.section or "top",
            "position": str(statement.position),
            "kind": statement.kind,
            **Traits.of(statement).cells(),
            "supersedes": SEPARATOR.join(sorted(change.old)),
            "subject": _ascii(subject),
            "data": data,
            "no_data_reason": reason,
            "reviewed_on": self.today,
        }

    def _repeat(self, table: str, row_id: str, change: StatementChange) -> None:
        """Repeat a row with its new statement, and with what the text tells of its cells."""
        row = dict(self.matrix.row(row_id, table))
        row["statement_id"] = self._names[change.new[0].position]
        row["reviewed_on"] = self.today
        traits = Traits.of(change.new[0])
        if table == "scenarios":
            row.update(self._outcomes(change, row))
        elif table == "limits" and len(traits.figures) == 1:
            (figure,) = traits.figures
            dated = row["value"].startswith("api-")
            if dated == ("-" in figure):
                row["value"] = f"api-{figure[1:]}" if dated else figure[1:]
        self.tables[table][row_id] = row

    def _outcomes(self, change: StatementChange, row: Mapping[str, str]) -> dict[str, str]:
        """Return the outcomes of a repeated row: those the new text is sure of, and those it keeps.

        A mode of which the answer has changed to something unclear is left to a person.
        """
        before = {
            word
            for statement_id in change.old
            for word in self.matrix.row(statement_id, "statements").members("answer")
        }
        now = Traits.of(change.new[0]).answer
        stated = _sure_outcomes(change.new[0])
        same = {
            mode
            for mode in MODES
            if {word for word in before if word.startswith(mode)}
            == {word for word in now if word.startswith(mode)}
        }
        if change.kind in ("split", "merged"):
            same = set()
        return {mode: row[mode] if mode in same else stated[mode] for mode in MODES}

    def _begin(self, statement: Statement) -> None:
        """Begin a scenario for a new row of the table; what else is new awaits a person."""
        if statement.kind != "table_row" or not Traits.of(statement).answer:
            return
        name = _slug(statement.cells[0])
        while self.matrix.has_row(name) or name in self.tables["scenarios"]:
            name += "-new"
        self.tables["scenarios"][name] = {
            **dict.fromkeys(read_schema()["scenarios"].names, ""),
            "id": name,
            "statement_id": self._names[statement.position],
            "area": "vm",
            "title": _ascii(statement.cells[0]),
            "grain": "vm",
            **_sure_outcomes(statement),
            "reviewed_on": self.today,
        }

    def _let_go(self, table: str, row_id: str) -> None:
        """Withdraw a row that the copy no longer states, or let it be open where it decides."""
        row = dict(self.matrix.row(row_id, table))
        silent = f"{self.about['source']}; the edition {self.edition} says nothing of it"
        of_system = row_id in self._deciding
        open_modes = [
            mode
            for mode in MODES
            if row.get(mode) in DECISIVE or (of_system and mode == "application")
        ]
        if table == "operating_systems":
            self.tables[table][row_id] = {**row, "statement_id": "", "source": silent}
        elif table == "scenarios" and open_modes and not row["repeats"]:
            self.tables[table][row_id] = {
                **row,
                **dict.fromkeys(open_modes, "not_stated"),
                "statement_id": "",
                "source": silent,
                "reviewed_on": self.today,
            }
        else:
            self.tables["withdrawn"][f"without-{row_id}"] = {
                "id": f"without-{row_id}",
                "table": table,
                "row_id": row_id,
                "reason": f"The edition {self.edition} no longer says so.",
                "source": self.about["source"],
                "reviewed_on": self.today,
            }

    def _forget_withdrawn(self) -> None:
        """Take what is withdrawn out of the lists of the rows that are written."""
        gone = {row["row_id"] for row in self.tables["withdrawn"].values()}
        for name, schema in read_schema().items():
            for column in schema.columns:
                for row in self.tables[name].values() if column.references else ():
                    members = row[column.name].split(SEPARATOR)
                    row[column.name] = SEPARATOR.join(one for one in members if one not in gone)


def _sure_outcomes(statement: Statement) -> dict[str, str]:
    """Return the outcome of each mode, as far as the words of a statement leave no doubt.

    Empty is what a person has to decide; a mode that goes unmentioned is not stated.
    """
    answered = {
        mode for word in Traits.of(statement).answer for mode in MODES if word.startswith(mode)
    }
    outcomes = {mode: "" if mode in answered else "not_stated" for mode in MODES}
    sure = sure_answers(statement)
    return outcomes | {mode: _OUTCOME_OF[answer] for mode, answer in sure.items()}


def _ascii(text: str) -> str:
    return " ".join(re.sub(r"[^ -~]", " ", text).split()).lstrip("=+-@ ") or "?"


def _slug(text: str) -> str:
    words = re.findall("[a-z0-9]+", normalise(text).casefold())
    slug = "-".join(words[:6])
    return slug if slug[:1].isalpha() else f"new-{slug}".rstrip("-")
