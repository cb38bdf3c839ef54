"""What is kept of a statement of the article, so that it is known again in other words.

No sentence is kept. Of each statement there is a fingerprint, which tells whether it is the same,
and *traits*, which tell what became of it if it is not: the set of its words, hashed; the answer it
gives for each consistency mode; the figures it names. So a statement that was reworded is
recognised, and a change of its answer is told from a change of its wording.

Traits are read from words by rule: they are signs, not what the statement means.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from rpmatrix.article import Statement, normalise
from rpmatrix.matrix import MODES
from rpmatrix.tables import SEPARATOR, Row

# --- words ----------------------------------------------------------------------------------------


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
def hashed(word: str) -> str:
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
            frozenset(map(hashed, (*label_words, *named))),
            frozenset(map(hashed, text_words)),
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


class SpelledWord(NamedTuple):
    """A word of a text.

    Attributes
    ----------
    text : str
        The word as it is spelled.
    hashed : str
        The same as the traits keep it.
    tells : bool
        Whether it may name something: it is no figure, and none of the words that only join others.
    """

    text: str
    hashed: str
    tells: bool


def spelled_words(text: str) -> Iterator[SpelledWord]:
    """Give the words of a normalised text in their order, so that a trait can be told in words."""
    for match in _TOKEN.finditer(_plain(text)):
        word = match[0]
        tells = not match["figure"] and word not in _STOP
        yield SpelledWord(word, hashed(_stem(word)), tells)


# --- tables of another layout ---------------------------------------------------------------------


def laid_out(
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
        The labels that are known, as in `Traits`.

    Returns
    -------
    list of Statement
        The same statements, in their order.
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
    return frozenset(map(hashed, (*words, *figures)))


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
