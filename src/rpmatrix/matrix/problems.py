"""What can be wrong in the tables, and how it is said.

A problem names its cell as a spreadsheet does (``scenarios.csv:D4``) and says what to do, because
those who edit the tables do so in a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the tables.

    Attributes
    ----------
    check : str
        The id of the check that found it; see `rpmatrix.matrix.checks.CHECKS`.
    file, cell : str
        Where it is: the name of the file, and a cell such as ``D4``, or nothing for a whole file.
    message, advice : str
        What is wrong, and what to do about it.
    row_id : str
        The id of the row, if it is in one.
    fixable : bool
        Whether `rpmatrix.matrix.folder.fix` repairs it.
    harmless : bool
        Whether it is a matter of written form alone: the tables read the same without it.
    """

    check: str
    file: str
    cell: str
    message: str
    advice: str
    row_id: str = ""
    fixable: bool = False
    harmless: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.cell}" if self.cell else self.file
        return f"{where} {self.message}; {self.advice}"


_SHOWN = 30


class TablesError(Exception):
    """The tables cannot be used.

    Attributes
    ----------
    folder : Path
        The folder of the tables.
    problems : tuple of Problem
        All that is wrong with them.
    """

    def __init__(self, folder: Path, problems: Iterable[Problem]) -> None:
        self.folder = folder
        self.problems = tuple(problems)
        super().__init__(folder, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'' if count == 1 else 's'} in the tables of {self.folder}:"]
        lines += [f"  {problem}" for problem in self.problems[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"  and {count - _SHOWN} more; see all with: rpmatrix check")
        if any(problem.fixable for problem in self.problems):
            lines.append("Some of this can be repaired by: rpmatrix fix")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the tables.

    Attributes
    ----------
    id : str
        Its name, which a problem gives.
    scope : tuple of str
        What it looks at. Of a check of form: ``folder``, ``file``, ``row`` or ``cell``. Of a check
        of meaning: the tables it reads, each by name, or as ``with:`` and a column they all have.
    meaning : str
        What it asks for, in plain words.
    """

    id: str
    scope: tuple[str, ...]
    meaning: str


FORM_CHECKS: Mapping[str, Check] = {
    name: Check(name, (scope,), meaning)
    for name, scope, meaning in (
        ("descriptor", "folder", "Keep the descriptor beside the tables, as JSON."),
        ("missing-file", "folder", "Keep a file for every table of the descriptor."),
        ("unknown-file", "folder", "Keep no CSV file in the folder that is not a table."),
        (
            "frozen",
            "folder",
            "Change frozen tables and their descriptor knowingly: renew the digests afterwards.",
        ),
        ("unwritable", "file", "Let a file that is to be repaired be open to be written."),
        ("unreadable", "file", "Let a file be open to be read, and let it hold text."),
        ("empty-file", "file", "Write at least the header into a file."),
        ("encoding", "file", "Save a file as UTF-8 without a byte order mark."),
        ("line-ends", "file", "End lines with a line feed alone."),
        ("final-newline", "file", "End the last line like every other."),
        ("delimiter", "file", "Part cells by commas."),
        ("quoting", "file", "Set quotes where they are needed, in pairs, and nowhere else."),
        ("header", "file", "Name every column in the first row, once."),
        ("missing-column", "file", "Keep every column of the descriptor."),
        ("unknown-column", "file", "Keep no column that the descriptor does not have."),
        ("column-order", "file", "Keep the columns in the order of the descriptor."),
        ("stray-blanks", "file", "Leave no empty rows and no empty columns."),
        ("row-order", "file", "Sort the rows by id."),
        ("ragged-row", "row", "Give a row as many cells as the header has."),
        ("duplicate-id", "row", "Use an id once in its table."),
        ("duplicate-citation", "row", "Use an id that can be cited in one table only."),
        ("required", "cell", "Leave no cell empty that is needed."),
        (
            "edge-spaces",
            "cell",
            "Leave no blanks at the edges of a cell, and no line break inside.",
        ),
        ("ascii", "cell", "Write plain ASCII, which no code page can spoil."),
        ("formula", "cell", "Begin no cell like a formula, and keep no result of a failed one."),
        ("boolean", "cell", "Write yes or no, never TRUE or FALSE."),
        ("enumeration", "cell", "Spell a word of an enumeration as the descriptor does."),
        ("integer", "cell", "Write a whole number as digits alone, and not below its minimum."),
        ("date", "cell", "Write a date as YYYY-MM-DD, and only where a date belongs."),
        ("api-version", "cell", "Write an API version like api-2021-07-01."),
        ("pattern", "cell", "Write ids, fingerprints and members of lists in their form."),
        ("list", "cell", "Leave no empty and no repeated member in a list."),
        ("foreign-key", "cell", "Name only such rows of other tables as exist."),
        ("reference", "cell", "Name in a list only such rows as exist."),
    )
}
"""The checks of form by id; those of meaning are in `rpmatrix.matrix.checks`."""


def closest(word: str, known: Iterable[str]) -> str:
    """Give the known word that is most like this one, or nothing if none is."""
    folded = {one.casefold(): one for one in known}
    if word.casefold() in folded:
        return folded[word.casefold()]
    import difflib

    alike = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.7)
    return folded[alike[0]] if alike else ""


def suggest(alike: str, advice: str) -> str:
    """Put before an advice the known word that may be meant, if there is one."""
    return f"did you mean {alike}? {advice[0].upper()}{advice[1:]}" if alike else advice


def shortened(text: str) -> str:
    """Give a text as it is quoted in a message: its beginning, if it is long."""
    return text if len(text) <= 60 else f"{text[:57]}..."
