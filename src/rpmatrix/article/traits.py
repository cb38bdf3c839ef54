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

from rpmatrix.article.statements import Statement, normalise
from rpmatrix.matrix.matrix import MODES
from rpmatrix.matrix.schema import SEPARATOR, Row

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
_TURN: Final = re.compile(
    r",?\s+\b(?:but|while|whereas|however|although|yet)\b,?\s+"
    r"|,?\s+(?:and\s+)?(?=not (?:for|in|with)\b)"
)
_ENUMERATED: Final = re.compile(r"\s*[,/|]\s*|\s+and\s+")
_EXCLUDE: Final = re.compile(r"\bexclud")
_REFUSED: Final = re.compile(
    r"^not\b(?! only)|[:=-] ?not\b(?! only)|^(?:application|crash)(?:[- ]consisten\w*)? not$"
    r"|\bunsupported\b|\bfails?\b|\bnot\b(?:\s+\w+){0,3}\s+"
    r"(?:support\w*|allow\w*|possible|available|work|permitted|back\w*)\b"
)
_CONSISTENCY: Final = r"(?:application|crash)(?:[- ]consisten\w*)?"
# A refusal of everything, or of all that one mode does: nothing says for which VMs it holds.
_NOT_SUPPORTED: Final = r"(?:not|unsupported|not (?:yet )?(?:supported|available|possible|allowed))"
_PLAIN_REFUSAL: Final = re.compile(
    rf"{_NOT_SUPPORTED}(?:,? (?:for|in|with) (?:either |both |any )?"
    rf"(?:{_CONSISTENCY}(?: (?:and|or|nor) )?)*(?: ?modes?)?)?"
    rf"|{_CONSISTENCY}(?: restore points?)?(?: (?:is|are))?[: =-]* ?{_NOT_SUPPORTED}"
)
_GRANTED: Final = re.compile(
    r"^yes\b|[:=-] ?yes\b|\byes$|\bsupport\w*\b|\ballowed\b|\bpossible\b|\bavailable\b"
)
# What grants or refuses in some cases only, by size, by region or by any other trait.
_ONLY: Final = re.compile(r"\bonly\b|\bunless\b|\bexcept\b|\bas long as\b|\bprovided\b")
_CASES: Final = re.compile(
    r"\bif\b|\bwhere\b|\bwhose\b|\bdepend\w*|\blimited to\b|\b(?:some|certain|selected) \w+"
    r"|\bin (?:the )?following\b|\bin \w+(?: \w+){0,5} regions?\b"
    r"|\bfor (?:[\w+-]+ ){1,5}?(?:that|which|with)\b|\b(?:with|on) (?:vm )?sizes?\b"
)
_LIMITED: Final = re.compile(r"\b(?:might|may|need to|should|must|not)\b")
_ONE_MODE_ONLY: Final = re.compile(
    r"\b(?:for|in|with) (?P<mode>application|crash)(?:[- ]consisten\w*)?(?: mode)? only"
    r"(?! (?:with|on|in|for|if|when|where))\b"
    r"|\bonly (?:for|in|with) (?P<other>application|crash)\b(?:[- ]consisten\w*)?"
)
_LEADING: Final = re.compile(r"(?P<word>yes|no)\b")


class _Answer(NamedTuple):
    """What a statement answers for one mode, and whether its words leave no doubt of it."""

    word: str
    sure: bool


def _answers(text: str) -> dict[str, _Answer]:
    """Return what a normalised text answers for each consistency mode; empty if it does not."""
    answers: dict[str, _Answer] = {}
    for sentence in _SENTENCE_END.split(_plain(text)):
        for clause in _clauses(sentence):
            _read_clause(clause.strip(" ,.()"), answers)
    return answers


def _clauses(sentence: str) -> list[str]:
    """Return the parts of a sentence that answer for one mode each."""
    if not all(word.search(sentence) for word in _MODE_WORDS.values()):
        return [sentence]
    turned = _TURN.split(sentence)
    if len(turned) > 1:
        return turned
    listed = _ENUMERATED.split(sentence)
    named = [part for part in listed if any(word.search(part) for word in _MODE_WORDS.values())]
    answered = [part for part in named if _GRANTED.search(part) or _REFUSED.search(part)]
    return listed if len(answered) == len(named) > 1 else turned


def _read_clause(clause: str, answers: dict[str, _Answer]) -> None:
    named = [mode for mode, word in _MODE_WORDS.items() if word.search(clause)]
    modes = named or list(MODES)

    def put(word: str, *, sure: bool = True, only_over: Collection[str] = ()) -> None:
        for mode in modes:
            if not only_over or mode not in answers or answers[mode].word in only_over:
                answers[mode] = _Answer(word, sure)

    if _EXCLUDE.search(clause):
        refused = [mode for mode in modes if mode in answers and answers[mode].word == "no"]
        modes = refused or modes
        put("exclude", sure=bool(refused or named))
    elif _REFUSED.search(clause):
        plain = bool(_PLAIN_REFUSAL.fullmatch(clause))
        granted = [
            mode
            for mode in modes
            if mode in answers and answers[mode].word in ("yes", "caveat", "condition")
        ]
        # What was granted before, and is refused in some cases or without a mode, is conditional.
        kept = [] if plain and named else granted
        modes = [mode for mode in modes if mode not in kept]
        put("no", sure=plain)
        modes = kept
        put("condition", sure=False)
    elif only := _ONE_MODE_ONLY.search(clause):
        modes = [only["mode"] or only["other"]]
        put("yes", only_over=("yes",))
        modes = [mode for mode in MODES if mode not in modes and mode not in answers]
        put("no")
    elif _ONLY.search(clause) or (_GRANTED.search(clause) and _CASES.search(clause)):
        put("condition", sure=False, only_over=("yes", "caveat", "condition"))
    elif _GRANTED.search(clause) and not _LIMITED.search(clause):
        put("yes", only_over=("yes",))
    elif _GRANTED.search(clause) or _LIMITED.search(clause) or answers:
        put("caveat", sure=bool(answers), only_over=("yes", "caveat"))


def _answer(text: str) -> frozenset[str]:
    """Return the answers of a normalised text as the tables keep them."""
    words = {f"{mode}-{answer.word}" for mode, answer in _answers(text).items()}
    if words and (leading := _LEADING.match(text)):
        words.add(f"lead-{leading['word']}")
    if re.search(r"\bpreview\b", text):
        words.add("preview")
    return frozenset(words)


def sure_answers(statement: Statement) -> dict[str, str]:
    """Return the answer of a statement for each mode of which its words leave no doubt.

    Parameters
    ----------
    statement : Statement
        A statement of an article.

    Returns
    -------
    dict of str to str
        From a consistency mode to ``yes``, ``caveat``, ``exclude`` or ``no``. A mode that the
        statement does not mention, or answers for some cases only, is left out.
    """
    _, text = _label_and_text(statement)
    return {mode: answer.word for mode, answer in _answers(text).items() if answer.sure}


def _label_and_text(statement: Statement) -> tuple[str, str]:
    """Return what a statement is about, and what it says of that."""
    if statement.kind == "table_row":
        return statement.label, statement.outcome
    text = statement.text
    if answered := _ANSWERED.match(text):
        return answered["label"], answered["answer"]
    return ("", text) if _VERBS.search(_plain(text)) else (text, "")


@dataclass(frozen=True, slots=True)
class Traits:
    """What is kept of a statement, so that it is recognised when its words have changed.

    Attributes
    ----------
    fingerprint : str
        As `rpmatrix.article.statements.Statement` gives it.
    label, text : frozenset of str
        The hashed words of what it speaks of, and of what it says.
    answer, figures : frozenset of str
        What it answers for each mode, whether it begins with yes or no, and the numbers, versions
        and dates it names.
    """

    fingerprint: str
    label: frozenset[str]
    text: frozenset[str]
    answer: frozenset[str]
    figures: frozenset[str]

    @classmethod
    def of(cls, statement: Statement) -> Traits:
        """Take the traits of a statement of an article."""
        label, text = _label_and_text(statement)
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
