"""Errors: what the service said, in the words of the matrix.

Whatever is pasted, a code, a message, a client's output or a whole JSON answer, is taken apart
into codes and messages and compared with the table ``errors``. Several errors share a code, so a
row that knows words of the message needs both. A code alone leaves every row with that code
possible. A message that fits no row is unknown, whatever its code: rows that come near are named
as such, with the codes that are known and the places that say more.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any, Final

from rpmatrix.inventory.texts import decode
from rpmatrix.matrix.matrix import Citation, Matrix
from rpmatrix.matrix.schema import Row

LEVELS: Final = ("code and message", "message", "code")
"""How an error was recognised, the surest first."""

ORIGINS: Final = {
    "azure_backup": "neighbour: Azure Backup",
    "snapshot_extension": "neighbour: snapshot extension",
    "any_service": "any Azure service",
}
"""Titles of ``origin`` for errors that are not those of restore points themselves."""

NEAR: Final = 0.5
"""How much of a row's words has to be met for it to be named as near."""


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class ErrorMatch:
    """One row of ``errors`` that fits what was pasted.

    Attributes
    ----------
    row : str
        The row.
    level : str
        One of ``LEVELS``.
    certain : bool
        False if the row knows words of the message and none of them was met.
    code, fragment : str
        The code and the words that were met; empty if none was.
    origin, kind, mode, meaning, action : str
        The cells of the row.
    rows : tuple of str
        The row itself, then the rows of other tables that explain the error.
    citations : tuple of Citation
        Who states each of them.
    source : str
        Where the error is documented.
    """

    row: str
    level: str
    certain: bool
    code: str
    fragment: str
    origin: str
    kind: str
    mode: str
    meaning: str
    action: str
    rows: tuple[str, ...]
    citations: tuple[Citation, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that does not fit, and is the nearest there is.

    Attributes
    ----------
    row, code, fragment, meaning : str
        The row, the code or the words that are near, and what the row means.
    nearness : float
        From 0 to 1: how much of them was met.
    why : str
        What brings it near: ``code`` (the same code, other words), ``words`` (words of its message,
        not its code) or ``spelling`` (a code that is spelled alike).
    """

    row: str
    code: str
    fragment: str
    meaning: str
    nearness: float
    why: str


@dataclass(frozen=True, slots=True)
class Help:
    """A place that says more about an error that is not known: a row of ``error_help``."""

    row: str
    title: str
    advice: str
    command: str
    source: str


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """What an error means.

    Attributes
    ----------
    codes, messages : tuple of str
        The codes and messages that were found in what was pasted, known or not.
    status : int or None
        The HTTP status, if one was found.
    matches : tuple of ErrorMatch
        The rows that fit, the surest first. Empty if the error is not known.
    nearest : tuple of Candidate
        If nothing fits for certain: rows that come near. They are no answer.
    known_codes : tuple of str
        If nothing fits for certain: the codes that the tables know, those spelled most like what
        was pasted first, then those of restore points.
    where_next : tuple of Help
        If nothing fits for certain: where to look next.
    """

    codes: tuple[str, ...]
    messages: tuple[str, ...]
    status: int | None
    matches: tuple[ErrorMatch, ...]
    nearest: tuple[Candidate, ...]
    known_codes: tuple[str, ...] = ()
    where_next: tuple[Help, ...] = ()

    @property
    def certain(self) -> tuple[ErrorMatch, ...]:
        """The matches that are answers."""
        return tuple(one for one in self.matches if one.certain)

    @property
    def state(self) -> str:
        """``known``, ``possible`` (the code fits, the message does not) or ``unknown``."""
        if self.certain:
            return "known"
        return "possible" if self.matches else "unknown"

    @property
    def kind(self) -> str:
        """The kind that the surest matches agree on: a refusal of the matrix or something else."""
        kinds = {one.kind for one in self.certain if one.level == self.certain[0].level}
        return kinds.pop() if len(kinds) == 1 else ""

    @property
    def rows(self) -> tuple[str, ...]:
        """All rows of all matches."""
        return tuple(dict.fromkeys(row for one in self.matches for row in one.rows))

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return {
            "state": self.state,
            "kind": self.kind,
            "codes": list(self.codes),
            "messages": list(self.messages),
            "status": self.status,
            "matches": [
                {
                    "row": one.row,
                    "level": one.level,
                    "certain": one.certain,
                    "code": one.code,
                    "fragment": one.fragment,
                    "origin": one.origin,
                    "kind": one.kind,
                    "mode": one.mode,
                    "meaning": one.meaning,
                    "action": one.action,
                    "rows": list(one.rows),
                    "source": one.source,
                }
                for one in self.matches
            ],
            "nearest": [
                {
                    "row": one.row,
                    "code": one.code,
                    "fragment": one.fragment,
                    "meaning": one.meaning,
                    "nearness": round(one.nearness, 2),
                    "why": one.why,
                }
                for one in self.nearest
            ],
            "known_codes": list(self.known_codes),
            "where_next": [
                {
                    "row": place.row,
                    "title": place.title,
                    "advice": place.advice,
                    "command": place.command,
                    "source": place.source,
                }
                for place in self.where_next
            ],
        }


# --------------------------------------------------------------------------- reading

_QUOTES: Final = dict.fromkeys(map(ord, "\"'`´‘’‚‛“”„‟«»‹›′″"), None)
# What JSON and terminals make of quotes, breaks and colours in a text that was not parsed.
_ESCAPED: Final = re.compile(r"\\u00(?:22|27|60)|\\{1,8}[\"']")
_ESCAPED_BREAK: Final = re.compile(r"\\{1,8}[nrt]")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_INVISIBLE: Final = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]")


def fold(text: str) -> str:
    """Bring a text to the form in which texts are compared: case, blanks and quotes folded."""
    plain = _COLOUR.sub("", _ESCAPED_BREAK.sub(" ", _ESCAPED.sub("", text)))
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", plain)).translate(_QUOTES)
    return " ".join(plain.casefold().split())


_STRAIGHT: Final = str.maketrans(dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″«»", '"'))
_CODE_KEYS: Final = {"code", "errorcode", "substatuscode", "exceptioncode"}
_MESSAGE_KEYS: Final = {
    *("message", "errormessage", "localizedmessage", "errordescription", "statusmessage"),
    *("description", "errordetails", "errorstring"),
}
_STATUS_KEYS: Final = {"status", "statuscode", "httpstatus", "httpstatuscode"}
_WORD: Final = r"[A-Za-z][A-Za-z0-9_]*"
# Repetitions have an end, so that no pasted text takes long. Where a client says that a word is a
# code it is one; elsewhere only if the table knows it.
_NAMED_CODE: Final = re.compile(
    rf"\b(?:Error[\s_]?)?Code\\{{0,8}}[\"']?"
    rf"(?:\s{{0,9}}[:=]\s{{0,9}}|[ \t]{{0,9}}\r?\n\s{{0,9}})\\{{0,8}}[\"']?({_WORD}|\d{{3}})\b",
    re.IGNORECASE,
)
_CODE_IN_TEXT: Final = (
    re.compile(rf"(?:^|[\s:])\(({_WORD})\)(?:\s|$)"),
    re.compile(rf"^[ \t]{{0,99}}[\"']?({_WORD})[\"']?[ \t]{{0,9}}(?:$|:|[-–—]\s)", re.MULTILINE),
)
# A console may wrap a line inside a word, and PowerShell draws a bar at the margin.
_WRAPPED: Final = re.compile(r"(?<=\w)\r?\n[ \t]{0,40}(?=\w)")
_MARGIN: Final = re.compile(r"^[ \t]{0,40}\|[ \t]", re.MULTILINE)
_COMPOUND: Final = re.compile(r"\b[A-Za-z0-9]*[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*\b")
_MESSAGE_IN_TEXT: Final = re.compile(
    r"^[ \t]{0,99}(?:Error\s?)?Message[ \t]{0,9}[:=]\s{0,9}(\S.*)$", re.IGNORECASE | re.MULTILINE
)
_STATUS_IN_TEXT: Final = re.compile(
    r"\b(?:HTTP(?:/[\d.]+)?|Status(?:\s?Code)?|Response status code)\b[^\d\n]{0,20}\b([1-5]\d\d)\b",
    re.IGNORECASE,
)
_LONE_STATUS: Final = re.compile(r"([1-5]\d\d)(?:\s[A-Za-z ]+)?")
_JSON_START: Final = re.compile(r"[{\[]")
_LETTERS: Final = re.compile(r"[^\W\d_]\w+")
# Words around a code that say no more than that it is one.
_LABELS: Final = frozenset(
    {
        *("az", "code", "details", "error", "errorcode", "errormessage", "exception", "failed"),
        *("http", "inner", "message", "none", "null", "reasonphrase", "status", "statuscode"),
    }
)
_LONG_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_LONG: Final = 11
_SHORT: Final = 8
_DEEPEST: Final = 40
_MOST_WORDS: Final = 300


class _Said:
    """The codes and messages of one error, in the order in which they were met."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self.codes: dict[str, None] = {}
        self.messages: dict[str, None] = {}
        self.asides: dict[str, None] = {}
        self.statuses: dict[int, None] = {}

    @property
    def all_codes(self) -> tuple[str, ...]:
        """All codes, the HTTP status being one too."""
        return (*self.codes, *map(str, self.statuses))

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts in which words of a row may be met."""
        return tuple(dict.fromkeys((*self.messages, *self.asides)))

    @property
    def has_message(self) -> bool:
        """Whether there is a message beside the codes."""
        codes = {code.casefold() for code in self.codes}
        words = (word.casefold() for text in self.messages for word in _LETTERS.findall(text))
        return any(word not in _LABELS and word not in codes for word in words)

    def take(self, value: Any, depth: int = 0) -> None:
        """Take apart whatever was pasted."""
        if depth > _DEEPEST:
            return
        if isinstance(value, Mapping):
            self._object(value, depth)
        elif isinstance(value, str):
            self._text(value, depth)
        elif isinstance(value, Sequence) and not isinstance(value, bytes):
            for one in value:
                if not isinstance(one, str):
                    self.take(one, depth + 1)

    def _object(self, value: Mapping[Any, Any], depth: int) -> None:
        for key, child in value.items():
            name = str(key).casefold().replace("-", "").replace("_", "")
            if name in _STATUS_KEYS and str(child).isdigit():
                self._http(int(child))
            elif name in _CODE_KEYS and isinstance(child, (str, int)):
                self._code(str(child))
            elif name in _MESSAGE_KEYS and isinstance(child, str):
                self._message(child, depth)
            elif isinstance(child, (Mapping, list, tuple)) or _is_json(child):
                self.take(child, depth + 1)
            elif isinstance(child, str) and " " in child:
                # A field of another tool may hold the message too.
                self.asides[child] = None
                self._known_codes_in(child)

    def _message(self, text: str, depth: int) -> None:
        if _is_json(text):
            self.take(text, depth + 1)
            return
        self.messages[text] = None
        self._codes_in(text)

    def _text(self, text: str, depth: int) -> None:
        inner = _string_in_json(text)
        if inner is not None:
            self.take(inner, depth + 1)
            return
        rest: list[str] = []
        parts = list(_parted(text))
        straight = text.translate(_STRAIGHT)
        if straight != text and all(isinstance(part, str) for part in parts):
            parts = list(_parted(straight))
        for part in parts:
            if isinstance(part, str):
                rest.append(part)
            else:
                self.take(part, depth + 1)
        plain = _MARGIN.sub(" ", "".join(rest)).strip()
        if not plain:
            return
        self._codes_in(plain)
        for found in _STATUS_IN_TEXT.finditer(plain):
            self._http(int(found[1]))
        alone = _LONE_STATUS.fullmatch(plain)
        if alone:
            self._http(int(alone[1]))
        named = [found[1].strip() for found in _MESSAGE_IN_TEXT.finditer(plain)]
        self._known_codes_in(_WRAPPED.sub("", plain))
        # The whole text stays a message too: a client may break a line inside one.
        for message in (*named, plain):
            self.messages[message] = None

    def _codes_in(self, text: str) -> None:
        text = text.translate(_STRAIGHT)
        for found in _NAMED_CODE.finditer(text):
            if found[1].casefold() not in _LABELS:
                self._code(found[1])
        for pattern in _CODE_IN_TEXT:
            for found in pattern.finditer(text):
                word = found[1]
                alone = word == text.strip().strip("\"'") and _COMPOUND.fullmatch(word)
                bracketed = f"({word})" in found[0] and _COMPOUND.fullmatch(word)
                if word.casefold() in self._known or alone or bracketed:
                    self._code(word)
        self._known_codes_in(text)

    def _known_codes_in(self, text: str) -> None:
        """Take the words that are codes of the table, if they can be no plain words."""
        for found in _LONG_WORD.finditer(text):
            special = len(found[0]) >= _LONG or _COMPOUND.fullmatch(found[0])
            if special and found[0].casefold() in self._known:
                self._code(found[0])

    def _code(self, text: str) -> None:
        code = text.strip()
        if code.isdigit():
            self._http(int(code))
        elif code and code.casefold() not in {known.casefold() for known in self.codes}:
            self.codes[code] = None

    def _http(self, status: int) -> None:
        if 400 <= status <= 599:
            self.statuses[status] = None


def _string_in_json(text: str) -> str | None:
    """Give the text in a string of JSON that is all there is; None if it is none."""
    stripped = text.strip()
    if len(stripped) < 3 or stripped[0] != '"' or stripped[-1] != '"' or "\\" not in stripped:
        return None
    try:
        inner = json.loads(stripped, strict=False)
    except (ValueError, RecursionError):
        return None
    return inner if isinstance(inner, str) else None


def _is_json(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[")


def _parted(text: str) -> Iterator[Any]:
    """Part a text into the JSON values in it and the texts between them."""
    decoder = json.JSONDecoder(strict=False)
    position = 0
    for _ in range(1000):
        start = _JSON_START.search(text, position)
        if start is None:
            break
        try:
            value, end = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            yield text[position : start.end()]
            position = start.end()
            continue
        yield text[position : start.start()]
        yield value if isinstance(value, dict) or _has_objects(value) else text[start.start() : end]
        position = end
    yield text[position:]


def _has_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value)


# --------------------------------------------------------------------------- looking up


class _Row:
    """One row of ``errors``, ready to be compared."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.codes = {code.casefold(): code for code in row.members("code")}
        self.with_code = _patterns(row.members("message_fragment"))
        self.alone = _patterns(row.members("message_alone"))

    @property
    def words(self) -> Iterator[str]:
        """The pieces of its message, the short ones first."""
        yield from (*self.with_code, *self.alone)

    def code_in(self, codes: Iterable[str]) -> str:
        """Give the last of these codes that is one of the row's, as it was pasted."""
        return next((code for code in reversed([*codes]) if code.casefold() in self.codes), "")

    def fragment_in(self, texts: Iterable[str], broken: Sequence[str], *, with_code: bool) -> str:
        """Give the longest words of the row that one of the texts holds.

        Of texts with several lines, `broken` holds what is left without blanks: a console breaks
        lines inside words.
        """
        patterns = {**self.alone, **(self.with_code if with_code else {})}
        met = {
            words for text in texts for words, pattern in patterns.items() if pattern.search(text)
        }
        if not met and broken:
            met = {
                words
                for words in patterns
                if len(short := _compact(words)) >= _SHORT and any(short in text for text in broken)
            }
        return max(met, key=lambda words: (len(words), words), default="")


def _compact(text: str) -> str:
    return fold(text).replace(" ", "")


def _patterns(pieces: Iterable[str]) -> dict[str, re.Pattern[str]]:
    return {piece: re.compile(rf"(?<!\w){re.escape(fold(piece))}(?!\w)") for piece in pieces}


def _prepared(matrix: Matrix) -> tuple[_Row, ...]:
    return tuple(_Row(row) for row in matrix.table("errors"))


def look_up(pasted: str | bytes | Mapping[str, Any] | Sequence[Any], matrix: Matrix) -> ErrorAnswer:
    """Say what an error means, and what to do about it.

    Parameters
    ----------
    pasted : str, bytes, dict or list
        A code, a message, the output of a client, or an answer of the service with all that is
        nested in it; as text or as a value that was parsed already.
    matrix : Matrix
        Its table ``errors`` decides.

    Returns
    -------
    ErrorAnswer
        Never raises on unknown text: then `state` is ``unknown``.

    Raises
    ------
    ValueError
        If what was pasted is no text, object or list.
    """
    if isinstance(pasted, bytes):
        pasted = decode(pasted)
    if not isinstance(pasted, (str, Mapping, list, tuple)):
        raise ValueError(
            f"an error is a text or a JSON object, not {type(pasted).__name__}; paste the message"
        )
    rows = matrix.prepared("errors", _prepared)
    said = _Said(frozenset(code for row in rows for code in row.codes))
    said.take(pasted)
    folded = [fold(text) for text in said.texts]
    matches = _matches(matrix, rows, said, folded)
    status = next(iter(said.statuses), None)
    said_what = (tuple(said.codes), tuple(said.messages), status, matches)
    if any(match.certain for match in matches):
        return ErrorAnswer(*said_what, nearest=())
    nearest = _nearest(rows, said, folded, matches)
    return ErrorAnswer(*said_what, nearest, _known_codes(rows, said), _where_next(matrix))


def _matches(
    matrix: Matrix, rows: Iterable[_Row], said: _Said, texts: Sequence[str]
) -> tuple[ErrorMatch, ...]:
    matches = []
    has_message = said.has_message
    broken = [_compact(text) for text in said.texts if "\n" in text]
    for row in rows:
        code = row.code_in(said.all_codes)
        fragment = row.fragment_in(texts, broken, with_code=bool(code))
        if fragment:
            level, certain = LEVELS[0] if code else LEVELS[1], True
        elif code and (not has_message or not row.with_code):
            # With a message that fits no row, a code that several errors share says nothing.
            level, certain = LEVELS[2], not row.with_code
        else:
            continue
        matches.append(_match(matrix, row.row, level, certain, code, fragment))
    if any(match.certain for match in matches):
        # The message tells which of the errors with this code it is; the others are ruled out.
        matches = [match for match in matches if match.certain]
    place = {code: at for at, code in enumerate(said.all_codes)}
    matches.sort(
        key=lambda match: (
            LEVELS.index(match.level),
            -len(match.fragment),
            -place.get(match.code, -1),
            match.row,
        )
    )
    return tuple(matches)


def _match(
    matrix: Matrix, row: Row, level: str, certain: bool, code: str, fragment: str
) -> ErrorMatch:
    named = (row.id, *(other for other in row.members("row_ids") if matrix.has_row(other)))
    return ErrorMatch(
        row=row.id,
        level=level,
        certain=certain,
        code=code,
        fragment=fragment,
        origin=row["origin"],
        kind=row["kind"],
        mode=row["mode"],
        meaning=row["meaning"],
        action=row["action"],
        rows=named,
        citations=tuple(matrix.citation(row_id) for row_id in named),
        source=row["source"],
    )


def _nearest(
    rows: Sequence[_Row], said: _Said, texts: Sequence[str], matches: Iterable[ErrorMatch]
) -> tuple[Candidate, ...]:
    """Give the nearest rows: by their code, their words in order, or a code's spelling."""
    possible = {match.row for match in matches}
    words = [text.split()[:_MOST_WORDS] for text in texts]
    known = {code for row in rows for code in row.codes}
    strange = [code for code in map(str.casefold, said.codes) if code not in known]
    same: list[Candidate] = []
    alike: list[Candidate] = []
    for row in rows:
        if row.row.id in possible:
            continue
        nearness, fragment = _near_words(row, words)
        code = row.code_in(said.all_codes)
        if code:
            shown = fragment or next(row.words, "")
            same.append(_candidate(row, code, shown, nearness, "code"))
            continue
        spelled, near_code = _near_code(row, strange)
        if max(nearness, spelled) >= NEAR:
            by_words = nearness >= spelled
            alike.append(
                _candidate(row, "", fragment, nearness, "words")
                if by_words
                else _candidate(row, near_code, "", spelled, "spelling")
            )
    for candidates in (same, alike):
        candidates.sort(key=lambda candidate: (-candidate.nearness, candidate.row))
    # Rows that are equally near are equally little of an answer: all of them or none.
    least = alike[2].nearness if len(alike) > 2 else 0.0
    return (*same, *(candidate for candidate in alike if candidate.nearness >= least))


def _candidate(row: _Row, code: str, fragment: str, nearness: float, why: str) -> Candidate:
    return Candidate(row.row.id, code, fragment, row.row["meaning"], nearness, why)


def _near_words(row: _Row, texts: Iterable[Sequence[str]]) -> tuple[float, str]:
    nearest = (0.0, "")
    for piece in row.words:
        wanted = fold(piece).split()
        nearness = max((_share(wanted, words) for words in texts), default=0.0)
        if nearness > nearest[0]:
            nearest = nearness, piece
    return nearest


def _near_code(row: _Row, strange: Sequence[str]) -> tuple[float, str]:
    nearest = (0.0, "")
    for folded, code in row.codes.items():
        near = get_close_matches(folded, strange, 1, 0.8)
        nearness = SequenceMatcher(None, folded, near[0]).ratio() if near else 0.0
        if nearness > nearest[0]:
            nearest = nearness, code
    return nearest


def _known_codes(rows: Iterable[_Row], said: _Said) -> tuple[str, ...]:
    """List the codes of the table, those that are spelled most like what was pasted first."""
    pasted = [code.casefold()[:99] for code in said.codes] or [
        word.casefold()
        for text in said.messages
        if len(text) < 200
        for word in _LONG_WORD.findall(text)
        if len(word) >= _LONG
    ]
    codes: dict[str, tuple[float, bool, str]] = {}
    for row in rows:
        own = row.row["origin"] not in ORIGINS
        for folded, code in row.codes.items():
            near = max((SequenceMatcher(None, folded, word).ratio() for word in pasted), default=0)
            codes.setdefault(code, (-near if near >= NEAR else 0.0, not own, folded))
    return tuple(sorted(codes, key=codes.__getitem__))


def _where_next(matrix: Matrix) -> tuple[Help, ...]:
    rows = sorted(matrix.table("error_help"), key=lambda row: (int(row["position"]), row.id))
    return tuple(
        Help(row.id, row["title"], row["advice"], row["command"], row["source"]) for row in rows
    )


def _share(wanted: Sequence[str], words: Sequence[str]) -> float:
    """Give how much of the wanted words a text holds in their order, endings aside."""
    if not wanted or not words:
        return 0.0
    spelled = [(get_close_matches(word, wanted, 1, 0.8) or [word])[0] for word in words]
    blocks = SequenceMatcher(None, wanted, spelled, autojunk=False).get_matching_blocks()
    met = sum(len(word) for block in blocks for word in wanted[block.a : block.a + block.size])
    return met / sum(map(len, wanted))
