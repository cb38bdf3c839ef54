"""What another copy of the article says otherwise than the edition in the tables.

The tables keep no sentence of the article, but traits of each statement. So what was reworded is
told from what answers something else now, and each change names the rows that rest on it.

What is found here are signs, read from words by rule. A person reads the article and decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.article.pairing import Entry, Pairing
from rpmatrix.article.statements import Statement, normalise, read_article
from rpmatrix.article.traits import hashed, laid_out, spelled_words
from rpmatrix.matrix.matrix import MODES, Matrix

if TYPE_CHECKING:
    import pandas as pd


class NoStatementError(ValueError):
    """A text holds no statement of an article."""


KINDS: Final = ("outcome", "split", "merged", "added", "removed", "wording", "unchanged")
"""What may have become of a statement, the gravest first."""


@dataclass(frozen=True, slots=True)
class StatementChange:
    """What became of one statement, or of several that belong together.

    Attributes
    ----------
    kind : str
        One of `KINDS`. outcome: it answers something else now, or names other figures. split,
        merged: one has become several, several one. added, removed: it has no counterpart.
        wording: other words for the same. unchanged: the same but for what is no drift, such as
        letter case, the kind of blank, quotation marks, emphasis and the targets of links.
    old : tuple of str
        Ids of statements in the tables.
    new : tuple of Statement
        Statements of the article that was read.
    rows : tuple of (str, str)
        Table and id of each row that rests on the old statements; to be reviewed.
    note : str
        What is different, as far as it can be told without the old text.
    """

    kind: str
    old: tuple[str, ...]
    new: tuple[Statement, ...]
    rows: tuple[tuple[str, str], ...]
    note: str

    @property
    def subject(self) -> str:
        """What it is about: the label or the beginning of the new statement, else the old id."""
        if not self.new:
            return ", ".join(self.old)
        text = self.new[0].cells[0]
        return text if len(text) <= 80 else f"{text[:77]}..."

    @property
    def told(self) -> str:
        """The note, with what it has in the short form of the tables written out."""
        told = re.sub(
            rf"\b({'|'.join(MODES)})-({'|'.join(_ANSWERS_TOLD)})\b",
            lambda found: f"{found[1]} {_ANSWERS_TOLD[found[2]]}",
            self.note,
        )
        return re.sub(r"\bn(?=\d)", "", told).replace(" -> ", " \u2192 ")


_ANSWERS_TOLD: Final = {
    "yes": "yes",
    "no": "no",
    "caveat": "with a caveat",
    "condition": "under a condition",
    "exclude": "only without the disk",
}


@dataclass(frozen=True)
class DriftReport:
    """What a copy of the article says otherwise than an edition in the tables.

    Attributes
    ----------
    edition : str
        The edition it was compared with.
    changes : tuple of StatementChange
        What became of every statement, in the order of the copy; what is gone stands where it was.
    matrix : Matrix
        The tables.
    unseen : tuple of str
        Ids of statements of which the copy tells nothing, because its beginning or its end is
        missing.
    warnings : tuple of str
        Why the comparison may mean little, such as a text that is another article.
    """

    edition: str
    changes: tuple[StatementChange, ...]
    matrix: Matrix
    unseen: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        """Whether anything is not as it was, be it the wording alone, or was not seen."""
        return bool(self.unseen) or any(one.kind != "unchanged" for one in self.changes)

    @property
    def recognised(self) -> int:
        """How many statements of the edition were found again, be it in other words."""
        return sum(len(one.old) for one in self.changes if one.kind != "removed")

    @property
    def is_another_article(self) -> bool:
        """Whether so little was found again that the copy is hardly one of this article."""
        return self.recognised * 4 < sum(len(one.old) for one in self.changes)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind that occurs."""
        found = Counter(one.kind for one in self.changes)
        return {kind: found[kind] for kind in KINDS if found[kind]}

    def of_kind(self, *kinds: str) -> tuple[StatementChange, ...]:
        """Give the changes of some kinds."""
        return tuple(one for one in self.changes if one.kind in kinds)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as a JSON object; unchanged statements are only counted."""
        return {
            "edition": self.edition,
            "drifted": self.drifted,
            "counts": self.counts,
            "unseen": list(self.unseen),
            "changes": [
                {
                    "kind": one.kind,
                    "statements": list(one.old),
                    "lines": [statement.line for statement in one.new],
                    "subject": one.subject,
                    "rows": [f"{table}:{row_id}" for table, row_id in one.rows],
                    "note": one.note,
                }
                for one in self.changes
                if one.kind != "unchanged"
            ],
            "warnings": list(self.warnings),
        }

    def frame(self) -> pd.DataFrame:
        """Give one row for each change, the unchanged among them, as a pandas frame."""
        import pandas as pd

        columns = {
            "kind": [one.kind for one in self.changes],
            "subject": [one.subject for one in self.changes],
            "statements": [" | ".join(one.old) for one in self.changes],
            "lines": [" | ".join(str(new.line) for new in one.new) for one in self.changes],
            "rows": [" | ".join(row_id for _, row_id in one.rows) for one in self.changes],
            "note": [one.note for one in self.changes],
        }
        frame = pd.DataFrame(columns).astype("string")
        frame["kind"] = pd.Categorical(frame["kind"], categories=KINDS)
        return frame

    def __str__(self) -> str:
        lines = list(self.warnings)
        for one in self.changes:
            if one.kind != "unchanged":
                where = f"line {one.new[0].line}" if one.new else "gone"
                lines.append(f"{one.kind}: {one.subject} ({where})")
                if one.note:
                    lines.append(f"  {one.note}")
                if one.rows:
                    lines.append(f"  review {', '.join(row_id for _, row_id in one.rows)}")
        if self.unseen:
            lines.append(f"not seen: {', '.join(self.unseen)}")
        counted = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        return "\n".join([*lines, f"Compared with the edition {self.edition}: {counted}."])


def drift(text: str, matrix: Matrix, *, edition: str | None = None) -> DriftReport:
    """Compare a copy of the article with an edition in the tables, statement by statement.

    Parameters
    ----------
    text : str
        The article, as Markdown or as the HTML of its page saved from a browser.
    matrix : Matrix
        The tables.
    edition : str, optional
        The edition to compare with; that of the topmost layer which brings one if left out.

    Returns
    -------
    DriftReport

    Raises
    ------
    LookupError
        If the tables have no such edition; the message names those they have.
    NoStatementError
        If there is no statement in the text.
    """
    known = editions(matrix)
    edition = edition or known[-1]
    if edition not in known:
        raise LookupError(f"no edition {edition!r}; the tables have {', '.join(known)}")
    rows = [row for row in matrix.table("statements") if row["edition"] == edition]
    rows.sort(key=lambda row: int(row["position"]))
    statements = read_article(text, {row["section"] for row in rows})
    if not statements:
        raise NoStatementError(
            "there is no statement in this text; give the article as Markdown, as a saved page, or "
            "copied from the screen"
        )
    old = [Entry.of_row(place, row) for place, row in enumerate(rows)]
    labels = {one.traits.label for one in old if one.form == "row"}
    new = [Entry.of(place, one) for place, one in enumerate(laid_out(statements, labels))]
    pairing = Pairing(old, new)
    changes = tuple(_Reporter(pairing, matrix).changes())
    unseen = [*old[: pairing.begin], *old[pairing.end :]]
    ids = tuple(one.row.id for one in unseen if one.row)
    report = DriftReport(edition, changes, matrix, ids)
    return replace(report, warnings=tuple(_doubts(report, pairing)))


def editions(matrix: Matrix) -> tuple[str, ...]:
    """Give the editions of the article that the tables hold, that of the base first."""
    found: dict[str, int] = {}
    for row in matrix.table("statements"):
        layer = matrix.layers.index(matrix.layer_of(row.id, "statements"))
        found.setdefault(row["edition"], layer)
    return tuple(sorted(found, key=lambda name: found[name]))


def _doubts(report: DriftReport, pairing: Pairing) -> Iterator[str]:
    old, new = pairing.old[pairing.begin : pairing.end], pairing.new
    if report.is_another_article:
        yield (
            f"Only {report.recognised} of {len(old)} statements were found again: "
            "this may be another article, or a part of it only."
        )
    missing = len(pairing.old) - pairing.end
    if pairing.begin:
        yield (
            f"The beginning is missing: the first {pairing.begin} statements were not seen. "
            "Take a whole copy."
        )
    if missing:
        yield (
            f"The copy is cut off: the last {missing} statements were not seen. Take a whole copy."
        )
    gone = {name for one in report.of_kind("removed") for name in one.old}
    tail = 0
    for one in reversed(old):
        if one.row is None or one.row.id not in gone:
            break
        tail += 1
    if tail and not missing and not report.is_another_article:
        which = (
            f"{tail} statements of the edition are" if tail > 1 else "statement of the edition is"
        )
        yield f"The last {which} not in this copy: gone, or the copy is cut off."
    times = Counter(one.traits.fingerprint for one in new)
    known = Counter(one.traits.fingerprint for one in pairing.old)
    again = sum(count - max(1, known[one]) for one, count in times.items() if count > 1)
    if again * 4 > len(new):
        yield f"{again} statements stand here again: the copy may hold the article twice."
    sections = {one.section for one in old} - {one.section for one in new}
    lost = [
        section
        for section in dict.fromkeys(one.section for one in old)
        if section in sections and sum(one.section == section for one in old) > 1
    ]
    if lost:
        yield f"No heading of this text is called: {', '.join(lost)}."


class _Reporter:
    """Says what became of each statement, from what was paired."""

    def __init__(self, pairing: Pairing, matrix: Matrix) -> None:
        self.pairing = pairing
        self.old, self.new = pairing.old, pairing.new
        self.matrix = matrix
        # What every other statement speaks of makes none of them mean something else.
        count = Counter(word for one in self.old for word in one.traits.label | one.traits.text)
        self.terms = {
            trait: word
            for trait, word in matrix.prepared("terms of the article", _terms).items()
            if count[trait] * 3 <= len(self.old)
        }
        self._users = matrix.prepared("rows by statement", _users)

    def changes(self) -> Iterator[StatementChange]:
        """Give the changes in the order of the copy."""
        placed: list[tuple[float, StatementChange]] = []
        pairs = self.pairing.pairs
        for place, other in pairs.items():
            placed.append((other, self._of_pair(self.old[place], self.new[other])))
        for old, new in self.pairing.groups:
            placed.append((min(new), self._of_group(old, new)))
        gathered = [place for _, new in self.pairing.groups for place in new]
        for one in self.new:
            if one.place not in (*pairs.values(), *gathered, self.pairing.torn):
                placed.append((one.place, self._change("added", (), (one,), self._told(one))))
        gone = [place for old, _ in self.pairing.groups for place in old]
        for one in self.old[self.pairing.begin : self.pairing.end]:
            if one.place not in pairs and one.place not in gone:
                before = max((new for old, new in pairs.items() if old < one.place), default=-1)
                placed.append((before + 0.5, self._change("removed", (one,), (), "")))
        placed.sort(key=lambda found: found[0])
        yield from (change for _, change in placed)

    def _change(
        self, kind: str, old: Sequence[Entry], new: Sequence[Entry], note: str
    ) -> StatementChange:
        ids = tuple(one.row.id for one in old if one.row)
        statements = tuple(one.statement for one in new if one.statement)
        rows = dict.fromkeys(row for name in ids for row in self._users.get(name, ()))
        return StatementChange(kind, ids, statements, tuple(rows), note)

    def _told(self, one: Entry) -> str:
        answer = _without_lead(one.traits.answer)
        found = [*sorted(answer), *sorted(figure[1:] for figure in one.traits.figures)]
        return f"it says {', '.join(found)}" if found else ""

    def _of_group(self, old: list[int], new: list[int]) -> StatementChange:
        kind = "merged" if len(old) > 1 else "split"
        entries = [self.new[place] for place in new]
        note = "; ".join(filter(None, map(self._told, entries)))
        return self._change(kind, [self.old[place] for place in old], entries, note)

    def _of_pair(self, old: Entry, new: Entry) -> StatementChange:
        if old.place in self.pairing.same:
            return self._change("unchanged", [old], [new], "")
        differences = list(self._differences(old, new))
        if differences:
            return self._change("outcome", [old], [new], "; ".join(differences))
        renamed = old.form == "row" and old.traits.label != new.traits.label
        return self._change("wording", [old], [new], "another label" if renamed else "")

    def _differences(self, old: Entry, new: Entry) -> Iterator[str]:
        """Say what makes the meaning another one; the words only where nothing else tells."""
        differs = False
        for what, before, now in (
            ("answer", *(_without_lead(entry.traits.answer) for entry in (old, new))),
            ("figures", old.traits.figures, new.traits.figures),
        ):
            if before != now:
                shown = (", ".join(sorted(words)) or "nothing" for words in (before, now))
                yield "{}: {} -> {}".format(what, *shown)
                differs = True
        begins = [_lead(entry.traits.answer) for entry in (old, new)]
        if not differs and all(begins) and begins[0] != begins[1]:
            yield "begins with: {} -> {}".format(*begins)
            differs = True
        if differs or (old.row is not None and old.row["data"] == "no"):
            return
        named = old.form == "name" or new.form == "name"
        before, now = (
            one.traits.label | one.traits.text if named else one.traits.text for one in (old, new)
        )
        lost = sorted({self.terms[word] for word in before - now if word in self.terms})
        gained = sorted(
            {
                word.text
                for word in spelled_words(new.statement.text if new.statement else "")
                if word.hashed in now - before
                and (word.hashed in self.terms or _is_name(word.text, new))
            }
        )
        if not named and not self._is_renamed(old, new):
            # What a row speaks of may be reworded, but not by leaving out what it is about.
            lost = sorted({*lost, *self._left_out(old, new)})
        if gained:
            yield f"now speaks of {', '.join(gained)}"
        if lost:
            yield f"no longer speaks of {', '.join(lost)}"
        union = before | now
        if before and now and len(before & now) * 5 < len(union) * 2:
            yield "says it in almost entirely other words"

    def _is_renamed(self, old: Entry, new: Entry) -> bool:
        """Whether a row says the very same under a label that still speaks of the same."""
        if old.form != "row" or old.traits.text != new.traits.text:
            return False
        kept = old.traits.label & new.traits.label
        return any(word in self.terms for word in kept) or len(kept) * 2 >= len(old.traits.label)

    def _left_out(self, old: Entry, new: Entry) -> Iterator[str]:
        known = new.traits.label | new.traits.text
        gone = old.traits.label - known
        if old.form == "row" and new.traits.label - old.traits.label:
            yield from (self.terms[word] for word in gone if word in self.terms)


def _without_lead(answer: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in answer if not word.startswith(_LEAD))


def _lead(answer: frozenset[str]) -> str:
    """Return the word, yes or no, with which a statement begins; empty if with neither."""
    return next((word.removeprefix(_LEAD) for word in answer if word.startswith(_LEAD)), "")


_LEAD: Final = "lead-"


def _is_name(word: str, entry: Entry) -> bool:
    """Tell a name: a word that is written with a capital within a sentence, or with a digit."""
    if any(sign.isdigit() for sign in word):
        return True
    cells = entry.statement.cells if entry.statement else ()
    return any(re.search(rf"[a-z,] +{word.capitalize()}\b", cell) for cell in cells)


_TERM_COLUMNS: Final = {
    "scenarios": ("title",),
    "operating_systems": ("title",),
    "cross_region": ("title",),
    "facts": ("allowed_values",),
}
# Words of titles that name nothing, and those that the answer tells already.
_GENERAL: Final = frozenset(
    re.findall(
        r"\w+",
        """
        after again answer article asked attached becomes behind bring brought came comes fail
        failed first formerly give given keep kept kind lacks last left list little made name new
        once order out over own put reached shows soon stated supported take tells time too tells
        unknown under verdict wait weeks word
        """,
    )
)


def _terms(matrix: Matrix) -> Mapping[str, str]:
    """Collect the words that mean something in the matrix, by their hash."""
    found = {hashed("not"): "not"}
    for table, columns in _TERM_COLUMNS.items():
        for row in matrix.table(table):
            for column in columns:
                for word in spelled_words(normalise(row[column].replace("_", " "))):
                    if word.tells and word.text not in _GENERAL:
                        found.setdefault(word.hashed, word.text)
    return found


def _users(matrix: Matrix) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Collect the rows that rest on each statement, or on one that it supersedes."""
    direct: dict[str, list[tuple[str, str]]] = {}
    for table in matrix:
        for row in matrix.table(table):
            if row.get("statement_id"):
                direct.setdefault(row["statement_id"], []).append((table, row.id))
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    statements = {row.id: row for row in matrix.table("statements")}

    def collect(name: str) -> tuple[tuple[str, str], ...]:
        if name not in found:
            found[name] = ()
            below = [row for one in statements[name].members("supersedes") for row in collect(one)]
            found[name] = tuple(dict.fromkeys([*direct.get(name, ()), *below]))
        return found[name]

    for name in statements:
        collect(name)
    return found
