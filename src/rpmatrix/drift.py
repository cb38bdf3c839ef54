"""What another copy of the article says otherwise than the edition in the tables.

The tables keep no sentence of the article. Of each statement they keep a fingerprint, which tells
whether it is the same, and *traits*, which tell what became of it if it is not: the set of its
words, hashed; the answer it gives for each consistency mode; the figures it names. So a statement
that was reworded is recognised, and a change of its answer is told from a change of its wording.

What is found here are signs, read from words by rule. A person reads the article and decides.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.article import Statement, normalise, read_article
from rpmatrix.atomic_writing import write_file
from rpmatrix.matrix import ABOUT, DECISIVE, MODES, Matrix
from rpmatrix.table_files import write_table
from rpmatrix.table_problems import Problem, TablesError
from rpmatrix.tables import SEPARATOR, Row, read_schema

if TYPE_CHECKING:
    import pandas as pd


class NoStatementError(ValueError):
    """A text holds no statement of an article."""


KINDS: Final = ("outcome", "split", "merged", "added", "removed", "wording", "unchanged")
"""What may have become of a statement, the gravest first."""

# --- traits ---------------------------------------------------------------------------------------

# A nicety of language, no knowledge of the service: what is the same word to a reader.
_CONTRACTED: Final = (
    ("won't", "will not"),
    ("can't", "can not"),
    ("cannot", "can not"),
    ("n't", " not"),
    ("'re", " are"),
    ("'s", ""),
)
_SAME: Final = (
    (r"\bvirtual machine scale sets?\b|\bscale sets?\b", "vmss"),
    (r"\bvirtual machines?\b|\bvms\b", "vm"),
    (r"\boperating systems?\b|\boses\b", "os"),
    (r"\bapps?\b", "application"),
    (r"\bon[- ]prem(?:ises?)?\b", "onprem"),
    (r"\bback(?:s|ed|ing)? up\b", "backup"),
    (r"\b(?:none|never|without|no)\b", "not"),
)
_STOP: Final = frozenset(
    re.findall(
        r"\w+",
        """
        a an the of for to in on at by with from into and or as is are was were be been being it
        its this that these those they them their you your we our he she who whose which what there
        here when where while than then so if also just any each every some such same other another
        via using use used uses per about above can could may might shall should will would must do
        does did have has had get gets however therefore but yes please currently now one following
        follows whether because since until within across between through during well need needs
        further
        """,
    )
)
_NUMBERS: Final = dict(
    zip(
        (
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ),
        map(str, range(2, 13)),
        strict=True,
    )
)
_ENDINGS: Final = (
    *("ations", "ation", "ency", "ence", "ent", "ions", "ion", "ings", "ing"),
    *("ed", "es", "ly", "al", "s", "e"),
)
_TOKEN: Final = re.compile(
    r"(?P<figure>\d{4}-\d{2}-\d{2}|\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)*)(?![a-z0-9])|[a-z0-9]+"
)
_LETTERS: Final = "bcdfghjklmnpqrst"


def _plain(text: str) -> str:
    """Write out what is contracted, and spell alike what means the same."""
    for short, long in _CONTRACTED:
        text = text.replace(short, long)
    for pattern, word in _SAME:
        text = re.sub(pattern, word, text)
    return text


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    """Cut the endings off a word: concurrently, concurrent and concurrency are the same."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return _stem(word.removesuffix(ending))
    return f"{word[:-1]}i" if word.endswith("y") and len(word) > 3 else word


def _tokens(text: str) -> tuple[list[str], list[str]]:
    """Part a normalised text into the stems of its words, and its figures."""
    words, figures = [], []
    for match in _TOKEN.finditer(_plain(text)):
        token = _NUMBERS.get(match[0], match[0])
        if match["figure"] or token.isdigit():
            figures.append(token.replace(",", ""))
        elif token not in _STOP:
            words.append(_stem(token))
    return words, figures


@lru_cache(maxsize=4096)
def _hashed(word: str) -> str:
    """Make four consonants of a word: short, and nothing that a spreadsheet rewrites."""
    digest = hashlib.sha256(word.encode()).digest()
    return "".join(_LETTERS[half] for byte in digest[:2] for half in divmod(byte, 16))


# Words that make a text a sentence rather than a name.
_VERBS: Final = re.compile(
    r"\b(?:is|are|was|were|be|been|can|could|may|might|must|shall|should|will|would|do|does|have"
    r"|has|had|requires?|needs?|supports?|supported|fails?|contains?|takes?|means?|includes?)\b"
)
# A row of the table in the form of a line: what it is about, and behind a sign the answer.
_ANSWERED: Final = re.compile(
    r"(?P<label>.{3,160}?)(?::| -) (?P<answer>(?:(?:yes|no|supported|not supported)\b|\d).*)"
)
_MODE_WORDS: Final = {
    "application": re.compile(r"\bapplication\b"),
    "crash": re.compile(r"\bcrash\b"),
}
_SENTENCE_END: Final = re.compile(r"(?<!\betc)(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)[.!?;]\s+")
_TURN: Final = re.compile(r",?\s+\b(?:but|while|whereas|however|although|yet)\b,?\s+")
_EXCLUDE: Final = re.compile(r"\bexclud")
_REFUSED: Final = re.compile(
    r"^not\b(?! only)|\bunsupported\b|\bnot\b(?:\s+\w+){0,3}\s+"
    r"(?:support\w*|allow\w*|possible|available|work|permitted|back\w*)\b|\bfails?\b"
)
_GRANTED: Final = re.compile(r"^yes\b|\bsupport\w*\b|\ballowed\b|\bpossible\b|\bavailable\b")
_LIMITED: Final = re.compile(
    r"\b(?:might|may|only|unless|except|not|need to|should|must|depend\w*|as long as|provided)\b"
)


def _answer(text: str) -> frozenset[str]:
    """Read what a normalised text answers for each consistency mode; empty if it does not."""
    plain = _plain(text)
    found: dict[str, str] = {}
    for sentence in _SENTENCE_END.split(plain):
        clauses = [sentence]
        if all(word.search(sentence) for word in _MODE_WORDS.values()):
            clauses = _TURN.split(sentence)
        for clause in clauses:
            _read_clause(clause.strip(" ,.()"), found)
    answer = {f"{mode}-{word}" for mode, word in found.items()}
    if re.search(r"\bpreview\b", plain):
        answer.add("preview")
    return frozenset(answer)


def _read_clause(clause: str, found: dict[str, str]) -> None:
    named = [mode for mode, word in _MODE_WORDS.items() if word.search(clause)]
    modes = named or list(MODES)
    if _EXCLUDE.search(clause):
        refused = [mode for mode in modes if found.get(mode) == "no"]
        found.update(dict.fromkeys(refused or modes, "exclude"))
    elif _REFUSED.search(clause):
        # What was granted before, and is refused without a mode, is refused in some cases only.
        some = [] if named else [mode for mode in modes if found.get(mode) in ("yes", "caveat")]
        found.update(dict.fromkeys(modes, "no") | dict.fromkeys(some, "caveat"))
    elif _GRANTED.search(clause) and not _LIMITED.search(clause):
        found.update({mode: "yes" for mode in modes if found.get(mode) != "caveat"})
    elif _GRANTED.search(clause) or _LIMITED.search(clause) or found:
        found.update(
            {mode: "caveat" for mode in modes if found.get(mode, "yes") in ("yes", "caveat")}
        )


@dataclass(frozen=True, slots=True)
class Traits:
    """What is kept of a statement, so that it is recognised when its words have changed.

    Attributes
    ----------
    fingerprint : str
        As `rpmatrix.article.Statement` gives it.
    label, text : frozenset of str
        The hashed words of what it speaks of, and of what it says.
    answer, figures : frozenset of str
        What it answers for each mode, and the numbers, versions and dates it names.
    """

    fingerprint: str
    label: frozenset[str]
    text: frozenset[str]
    answer: frozenset[str]
    figures: frozenset[str]

    @classmethod
    def of(cls, statement: Statement) -> Traits:
        """Take the traits of a statement of an article."""
        label, text = statement.label, statement.outcome
        if statement.kind != "table_row":
            text = statement.text
            if answered := _ANSWERED.match(text):
                label, text = answered["label"], answered["answer"]
            elif not _VERBS.search(_plain(text)):
                label, text = text, ""
        label_words, named = _tokens(label)
        text_words, figures = _tokens(text)
        said = f"{text} {label}" if "preview" in label else text
        return cls(
            statement.fingerprint,
            frozenset(map(_hashed, (*label_words, *named))),
            frozenset(map(_hashed, text_words)),
            _answer(said) if text else frozenset(),
            frozenset(f"n{figure}" for figure in (figures if text else named)),
        )

    @classmethod
    def of_row(cls, row: Row) -> Traits:
        """Take the traits that a row of ``statements`` has kept."""
        columns = ("label_sketch", "text_sketch", "answer", "figures")
        return cls(row["fingerprint"], *(frozenset(row.members(column)) for column in columns))

    def cells(self) -> dict[str, str]:
        """Give the traits as cells of ``statements``."""
        return {
            "fingerprint": self.fingerprint,
            "label_sketch": SEPARATOR.join(sorted(self.label)),
            "text_sketch": SEPARATOR.join(sorted(self.text)),
            "answer": SEPARATOR.join(sorted(self.answer)),
            "figures": SEPARATOR.join(sorted(self.figures)),
        }


# --- tables of another layout ---------------------------------------------------------------------


def _laid_out(
    statements: Iterable[Statement], labels: Collection[frozenset[str]]
) -> list[Statement]:
    """Bring rows of tables to the form that the tables know: what it is about, then the answer.

    Columns may stand in another order, be numbered, be empty, or be one for each mode; what any
    other column says stays behind the answer.

    Parameters
    ----------
    statements : iterable of Statement
        The statements of an article.
    labels : collection of frozenset of str
        The hashed words of the labels that are known.
    """
    of_table: dict[tuple[str, ...], list[Statement]] = {}
    for one in statements:
        if one.kind == "table_row":
            of_table.setdefault(one.columns, []).append(one)
    laid: dict[int, Statement] = {}
    for columns, rows in of_table.items():
        places = _useful_columns(rows, labels)
        modes = _mode_columns(columns, places[1:])
        for row in rows:
            cells = [row.cells[place] for place in places if place not in modes.values()]
            if modes:
                cells.insert(1, _of_modes({mode: row.cells[at] for mode, at in modes.items()}))
            laid[row.position] = replace(row, cells=tuple(cells))
    return [laid.get(one.position, one) for one in statements]


def _useful_columns(rows: Sequence[Statement], labels: Collection[frozenset[str]]) -> list[int]:
    """Give the places of the columns that say something, that of the label first."""
    columns = [*zip(*(row.cells for row in rows), strict=False)]
    useful = [place for place, cells in enumerate(columns) if any(map(normalise, cells))]

    def known(place: int) -> int:
        return sum(_label(normalise(cell)) in labels for cell in columns[place])

    label = max(useful, key=known)
    numbered = [
        place
        for place in useful
        if place != label
        and len(rows) > 1
        and all(normalise(cell) == str(number) for number, cell in enumerate(columns[place], 1))
    ]
    return [label, *(place for place in useful if place != label and place not in numbered)]


def _label(text: str) -> frozenset[str]:
    words, figures = _tokens(text)
    return frozenset(map(_hashed, (*words, *figures)))


def _mode_columns(columns: Sequence[str], places: Iterable[int]) -> dict[str, int]:
    """Find the column of each mode, if every mode has one of its own."""
    found: dict[str, list[int]] = {mode: [] for mode in MODES}
    for place in places:
        head = _plain(normalise(columns[place])) if place < len(columns) else ""
        named = [mode for mode, word in _MODE_WORDS.items() if word.search(head)]
        if len(named) == 1:
            found[named[0]].append(place)
    if any(len(places) != 1 for places in found.values()):
        return {}
    return {mode: place for mode, (place,) in found.items()}


def _of_modes(answers: Mapping[str, str]) -> str:
    """Say in one text what is said of each mode."""
    if len({normalise(answer) for answer in answers.values()}) == 1:
        return next(iter(answers.values()))
    said = []
    for mode, answer in answers.items():
        first, sign, rest = answer.partition(".")
        said.append(f"{first} for {mode} consistency.{rest if sign else ''}")
    return " ".join(said)


# --- pairing two editions -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A statement of either edition, reduced to what pairing needs."""

    place: int
    section: str
    form: str
    traits: Traits
    row: Row | None = None
    statement: Statement | None = None


def _entry(place: int, section: str, kind: str, traits: Traits, **origin: Any) -> _Entry:
    form = "row" if kind == "table_row" else "sentence" if traits.text else "name"
    return _Entry(place, section, form, traits, **origin)


class _Pairing:
    """Finds for each statement of one edition what stands for it in the other.

    Attributes
    ----------
    pairs : dict of int to int
        From places in the old edition to places in the new one.
    same : set of int
        Places in the old edition whose statement has not changed.
    groups : list of (list of int, list of int)
        Old and new places that belong together, several on one of the sides.
    begin, end : int
        The places in the old edition between which the copy was seen: the whole, unless its
        beginning or its end is missing.
    torn : int
        The place in the new edition of a statement within which the copy is cut off, or -1.
    """

    # What share of the words must be the same: anywhere, beside a neighbour that is known, and
    # between two of them.
    FAR, NEAR, BETWEEN = 0.5, 0.25, 0.12
    # How much the place and an equal answer count, where several statements are alike.
    BONUS = 0.1
    # What share of one statement must be found in another of which it is a part.
    PART = 0.6
    # A copy is cut off if this share of the edition is missing at one of its ends, and next to
    # nothing new stands there.
    CUT, REST = 0.25, 2

    def __init__(self, old: Sequence[_Entry], new: Sequence[_Entry]) -> None:
        self.old, self.new = old, new
        self.pairs: dict[int, int] = {}
        self.same: set[int] = set()
        self.groups: list[tuple[list[int], list[int]]] = []
        seen = Counter(word for one in (*old, *new) for word in one.traits.label | one.traits.text)
        self._weight = {
            word: math.log(1 + (len(old) + len(new)) / count) for word, count in seen.items()
        }
        self._pair_same(with_section=True)
        self._pair_same(with_section=False)
        self._pair_same_labels()
        self._old_sides = _sides(self.pairs, len(old))
        self._new_sides = _sides(self.pairs.values(), len(new))
        self._anchors = {-1: -1, len(old): len(new), **self.pairs}
        self._pair_similar()
        self._gather()
        self.begin, self.end, self.torn = 0, len(old), -1
        self._find_ends()

    # ----- one to one

    def _free(self) -> tuple[list[_Entry], list[_Entry]]:
        taken = set(self.pairs.values())
        return (
            [one for one in self.old if one.place not in self.pairs],
            [one for one in self.new if one.place not in taken],
        )

    def _pair_same(self, *, with_section: bool) -> None:
        old, new = self._free()
        waiting: dict[tuple[str, str], list[_Entry]] = {}
        for one in new:
            section = one.section if with_section else ""
            waiting.setdefault((one.traits.fingerprint, section), []).append(one)
        for one in old:
            section = one.section if with_section else ""
            found = waiting.get((one.traits.fingerprint, section))
            if found:
                self.pairs[one.place] = found.pop(0).place
                self.same.add(one.place)

    def _pair_same_labels(self) -> None:
        old, new = self._free()
        waiting: dict[tuple[str, frozenset[str]], list[_Entry]] = {}
        for one in new:
            if one.traits.label:
                waiting.setdefault((one.form, one.traits.label), []).append(one)
        for one in old:
            found = waiting.get((one.form, one.traits.label))
            if found:
                self.pairs[one.place] = found.pop(0).place

    def _pair_similar(self) -> None:
        old, new = self._free()
        scored = []
        for one in old:
            for other in new:
                share = self._alike(one, other)
                known = self._known_neighbours(one.place, other.place)
                if share < (self.FAR, self.NEAR, self.BETWEEN)[known]:
                    continue
                same_answer = bool(one.traits.answer) and one.traits.answer == other.traits.answer
                score = share + self.BONUS * (known + same_answer)
                scored.append((-score, abs(one.place - other.place), one.place, other.place))
        taken: set[int] = set()
        for _, _, place, other_place in sorted(scored):
            if place not in self.pairs and other_place not in taken:
                self.pairs[place] = other_place
                taken.add(other_place)

    def _alike(self, one: _Entry, other: _Entry) -> float:
        """Give the share of the words that two statements have in common."""
        mine, theirs = self._words(one, other), self._words(other, one)
        if one.form == other.form == "name":
            figures = (one.traits.figures, other.traits.figures)
            if not (figures[0] <= figures[1] or figures[1] <= figures[0]):
                return 0.0  # a release of another number is another release
        both = self._mass(mine | theirs)
        share = self._mass(mine & theirs) / both if both else 0.0
        return share if one.form == other.form else share - self.NEAR

    @staticmethod
    def _words(one: _Entry, other: _Entry) -> frozenset[str]:
        if one.form == "row" and other.form == "row":
            return one.traits.label
        return one.traits.label | one.traits.text

    def _mass(self, words: Iterable[str]) -> float:
        return sum(self._weight[word] for word in words)

    def _known_neighbours(self, place: int, other_place: int) -> int:
        """Count on how many sides the nearest known neighbours of two statements are a pair."""
        mine, theirs = self._old_sides[place], self._new_sides[other_place]
        return sum(self._anchors[one] == other for one, other in zip(mine, theirs, strict=True))

    # ----- what was seen

    def _known(self, but: int = -1) -> list[tuple[int, int]]:
        """Give the old and new places that belong together, without those of one new statement."""
        grouped = ((one, new) for old, new in self.groups for one in old if but not in new)
        known = [*self.pairs.items(), *((one, place) for one, new in grouped for place in new)]
        return [(one, other) for one, other in known if other != but]

    def _find_ends(self) -> None:
        """Find where a copy begins and ends that is not whole."""
        last = len(self.new) - 1
        whole = any(other == last and one in self.same for one, other in self.pairs.items())
        known = self._known(-1 if whole else last)
        if not known:
            return
        first_seen, last_seen = min(known)[0], max(known)[0]
        first_known, last_known = (pick(other for _, other in known) for pick in (min, max))
        much = self.CUT * len(self.old)
        if first_known <= self.REST and first_seen > much:
            self.begin = first_seen
        behind = [one for one in self.old if one.place > last_seen]
        piece = not whole and any(self._is_piece(self.new[last], one) for one in behind)
        paired = not whole and len(self._known()) > len(known)
        rest = last - last_known - (piece or paired)
        if (len(behind) > much and rest <= self.REST) or (piece and len(behind) > 1 and not rest):
            self.end = last_seen + 1
            if piece or paired:
                self._tear(last)

    @staticmethod
    def _is_piece(one: _Entry, whole: _Entry) -> bool:
        """Tell whether one may be the beginning of the other, its last word cut in two."""
        mine, all_of_it = (each.traits.label | each.traits.text for each in (one, whole))
        return len(mine) < len(all_of_it) and len(mine - all_of_it) <= 1

    def _tear(self, place: int) -> None:
        self.torn = place
        self.pairs = {one: other for one, other in self.pairs.items() if other != place}
        self.groups = [(old, new) for old, new in self.groups if place not in new]

    # ----- one to many

    def _gather(self) -> None:
        """Find what was merged and what was split, among what has no partner yet."""
        old, new = self._free()
        merged: dict[int, list[int]] = {}
        split: dict[int, list[int]] = {}
        back = {other: place for place, other in self.pairs.items()}
        for one in old:
            whole = self._whole_of(one, self.new, back, self.old)
            if whole is not None:
                merged.setdefault(whole, []).append(one.place)
        for other in new:
            whole = self._whole_of(other, self.old, self.pairs, self.new)
            if whole is not None and other.place not in merged:
                split.setdefault(whole, []).append(other.place)
        for place, parts in merged.items():
            parts = sorted({*parts, *([back[place]] if place in back else [])})
            if len(parts) > 1:
                self._group(parts, [place])
        for place, parts in split.items():
            parts = sorted({*parts, *([self.pairs[place]] if place in self.pairs else [])})
            if len(parts) > 1 and place not in {p for old, _ in self.groups for p in old}:
                self._group([place], parts)

    def _group(self, old: list[int], new: list[int]) -> None:
        for place in old:
            self.pairs.pop(place, None)
        self.groups.append((old, new))

    def _whole_of(
        self,
        part: _Entry,
        others: Sequence[_Entry],
        partner: Mapping[int, int],
        own: Sequence[_Entry],
    ) -> int | None:
        """Find the statement of the other edition that a lonely one is part of, or was one of."""
        best: tuple[float, int] | None = None
        for other in others:
            if other.form != part.form:
                continue
            kin = partner.get(other.place)
            if kin is not None and self._unchanged_subject(own[kin], other):
                continue
            if kin is not None and abs(kin - part.place) > 1:
                continue
            if kin is None and not self._lonely_neighbours(part, other, own):
                continue
            mine, theirs = self._words(part, other), self._words(other, part)
            common = self._mass(mine & theirs)
            share = common / (min(self._mass(mine), self._mass(theirs)) or 1)
            if share >= self.PART and (best is None or share > best[0]):
                best = (share, other.place)
        return best[1] if best else None

    def _lonely_neighbours(self, part: _Entry, other: _Entry, own: Sequence[_Entry]) -> bool:
        places = (part.place, other.place) if own is self.old else (other.place, part.place)
        return self._known_neighbours(*places) > 0

    def _unchanged_subject(self, one: _Entry, other: _Entry) -> bool:
        if one.traits.fingerprint == other.traits.fingerprint:
            return True
        mine, theirs = self._words(one, other), self._words(other, one)
        return mine == theirs


def _sides(known: Iterable[int], count: int) -> list[tuple[int, int]]:
    """Give for each place the nearest known places before and behind it."""
    marks = set(known)
    before, behind, nearest = [], [], -1
    for place in range(count):
        before.append(nearest)
        nearest = place if place in marks else nearest
    nearest = count
    for place in reversed(range(count)):
        behind.append(nearest)
        nearest = place if place in marks else nearest
    return [*zip(before, reversed(behind), strict=True)]


# --- the report -----------------------------------------------------------------------------------


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
    old = [
        _entry(place, row["section"], row["kind"], Traits.of_row(row), row=row)
        for place, row in enumerate(rows)
    ]
    labels = {one.traits.label for one in old if one.form == "row"}
    new = [
        _entry(place, one.section, one.kind, Traits.of(one), statement=one)
        for place, one in enumerate(_laid_out(statements, labels))
    ]
    pairing = _Pairing(old, new)
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


def _doubts(report: DriftReport, pairing: _Pairing) -> Iterator[str]:
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

    def __init__(self, pairing: _Pairing, matrix: Matrix) -> None:
        self.pairing = pairing
        self.old, self.new = pairing.old, pairing.new
        self.matrix = matrix
        # What every other statement speaks of makes none of them mean something else.
        count = Counter(word for one in self.old for word in one.traits.label | one.traits.text)
        self.terms = {
            hashed: word
            for hashed, word in matrix.prepared("terms of the article", _terms).items()
            if count[hashed] * 3 <= len(self.old)
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
        self, kind: str, old: Sequence[_Entry], new: Sequence[_Entry], note: str
    ) -> StatementChange:
        ids = tuple(one.row.id for one in old if one.row)
        statements = tuple(one.statement for one in new if one.statement)
        rows = dict.fromkeys(row for name in ids for row in self._users.get(name, ()))
        return StatementChange(kind, ids, statements, tuple(rows), note)

    def _told(self, one: _Entry) -> str:
        found = [*sorted(one.traits.answer), *sorted(figure[1:] for figure in one.traits.figures)]
        return f"it says {', '.join(found)}" if found else ""

    def _of_group(self, old: list[int], new: list[int]) -> StatementChange:
        kind = "merged" if len(old) > 1 else "split"
        entries = [self.new[place] for place in new]
        note = "; ".join(filter(None, map(self._told, entries)))
        return self._change(kind, [self.old[place] for place in old], entries, note)

    def _of_pair(self, old: _Entry, new: _Entry) -> StatementChange:
        if old.place in self.pairing.same:
            return self._change("unchanged", [old], [new], "")
        differences = list(self._differences(old, new))
        kind = "outcome" if differences else "wording"
        return self._change(kind, [old], [new], "; ".join(differences))

    def _differences(self, old: _Entry, new: _Entry) -> Iterator[str]:
        """Say what makes the meaning another one; the words only where nothing else tells."""
        told = False
        for what in ("answer", "figures"):
            before, now = getattr(old.traits, what), getattr(new.traits, what)
            if before != now:
                shown = (", ".join(sorted(one)) or "nothing" for one in (before, now))
                yield "{}: {} -> {}".format(what, *shown)
                told = True
        if told or (old.row is not None and old.row["data"] == "no"):
            return
        named = old.form == "name" or new.form == "name"
        before, now = (
            one.traits.label | one.traits.text if named else one.traits.text for one in (old, new)
        )
        lost = sorted({self.terms[word] for word in before - now if word in self.terms})
        gained = sorted(
            {
                word
                for word, hashed in self._spelled(new, now - before)
                if hashed in self.terms or _is_name(word, new)
            }
        )
        if not named:
            # What a row speaks of may be reworded, but not by leaving out what it is about.
            lost = sorted({*lost, *self._left_out(old, new)})
        if gained:
            yield f"now speaks of {', '.join(gained)}"
        if lost:
            yield f"no longer speaks of {', '.join(lost)}"
        union = before | now
        if before and now and len(before & now) * 5 < len(union) * 2:
            yield "says it in almost entirely other words"

    def _left_out(self, old: _Entry, new: _Entry) -> Iterator[str]:
        known = new.traits.label | new.traits.text
        gone = old.traits.label - known
        if old.form == "row" and new.traits.label - old.traits.label:
            yield from (self.terms[word] for word in gone if word in self.terms)

    def _spelled(self, one: _Entry, words: Iterable[str]) -> Iterator[tuple[str, str]]:
        wanted = set(words)
        text = _plain(one.statement.text if one.statement else "")
        for match in _TOKEN.finditer(text):
            hashed = _hashed(_stem(match[0]))
            if hashed in wanted:
                yield match[0], hashed


def _is_name(word: str, entry: _Entry) -> bool:
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
    found = {_hashed("not"): "not"}
    for table, columns in _TERM_COLUMNS.items():
        for row in matrix.table(table):
            for column in columns:
                for match in _TOKEN.finditer(_plain(normalise(row[column].replace("_", " ")))):
                    if not match["figure"] and match[0] not in _STOP | _GENERAL:
                        found.setdefault(_hashed(_stem(match[0])), match[0])
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


# --- an overlay to begin with ---------------------------------------------------------------------


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
        As `drift` gives it.
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
        As `drift` gives it.
    load : callable
        Loads the tables of the report with one overlay more on top, whose folder it gets.

    Returns
    -------
    Foreseen

    Raises
    ------
    ValueError
        If the copy is another article.
    rpmatrix.table_problems.TablesError
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
            row.update(_outcomes(traits))
        elif table == "limits" and len(traits.figures) == 1:
            (figure,) = traits.figures
            dated = row["value"].startswith("api-")
            if dated == ("-" in figure):
                row["value"] = f"api-{figure[1:]}" if dated else figure[1:]
        self.tables[table][row_id] = row

    def _begin(self, statement: Statement) -> None:
        """Begin a scenario for a new row of the table; what else is new awaits a person."""
        traits = Traits.of(statement)
        outcomes = _outcomes(traits)
        if statement.kind != "table_row" or not outcomes:
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
            **dict.fromkeys(MODES, "not_stated"),
            **outcomes,
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


def _outcomes(traits: Traits) -> dict[str, str]:
    """Give the outcome of each mode, as far as the answer of a statement tells it."""
    said = (word.partition("-") for word in traits.answer if "-" in word)
    return {mode: _OUTCOME_OF[answer] for mode, _, answer in said}


def _ascii(text: str) -> str:
    return " ".join(re.sub(r"[^ -~]", " ", text).split()).lstrip("=+-@ ") or "?"


def _slug(text: str) -> str:
    words = re.findall("[a-z0-9]+", normalise(text).casefold())
    slug = "-".join(words[:6])
    return slug if slug[:1].isalpha() else f"new-{slug}".rstrip("-")
