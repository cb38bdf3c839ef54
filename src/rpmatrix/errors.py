"""Errors: what the service said, in the words of the matrix.

Whatever is pasted, a code, a message, a client's output or a whole JSON answer, is taken apart
into codes and messages and compared with the table ``errors``. Several errors share a code, so a
code alone proves nothing where the row also knows words of the message: then every row with that
code is a possibility, and none is the answer. What no row knows stays unknown.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any, Final

from rpmatrix.matrix import Citation, Matrix
from rpmatrix.tables import Row
from rpmatrix.texts import decode

LEVELS: Final = ("code and message", "message", "code")
"""How an error was recognised, the surest first."""

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
    kind, mode, meaning, action : str
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
    """

    row: str
    code: str
    fragment: str
    meaning: str
    nearness: float


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
    """

    codes: tuple[str, ...]
    messages: tuple[str, ...]
    status: int | None
    matches: tuple[ErrorMatch, ...]
    nearest: tuple[Candidate, ...]

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
        """The kind that all certain matches agree on: a refusal of the matrix or something else."""
        kinds = {one.kind for one in self.certain}
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
                }
                for one in self.nearest
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


_CODE_KEYS: Final = {"code", "errorcode"}
_MESSAGE_KEYS: Final = {"message", "errormessage", "localizedmessage", "error_description"}
_STATUS_KEYS: Final = {"status", "statuscode", "httpstatus", "httpstatuscode", "status_code"}
_WORD: Final = r"[A-Za-z][A-Za-z0-9_]*"
# Repetitions have an end, so that no pasted text takes long. Where a client says that a word is a
# code it is one; elsewhere only if the table knows it.
_NAMED_CODE: Final = re.compile(
    rf"\b(?:Error\s?)?Code\\{{0,8}}[\"']?\s{{0,9}}[:=]\s{{0,9}}\\{{0,8}}[\"']?({_WORD}|\d{{3}})\b",
    re.IGNORECASE,
)
_CODE_IN_TEXT: Final = (
    re.compile(rf"(?:^|[\s:])\(({_WORD})\)\s"),
    re.compile(rf"^[ \t]{{0,99}}[\"']?({_WORD})[\"']?[ \t]{{0,9}}(?:$|:|[-–—]\s)", re.MULTILINE),
)
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
_DEEPEST: Final = 40
_MOST_WORDS: Final = 300


class _Said:
    """The codes and messages of one error, in the order in which they were met."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self.codes: dict[str, None] = {}
        self.messages: dict[str, None] = {}
        self.statuses: dict[int, None] = {}

    @property
    def all_codes(self) -> tuple[str, ...]:
        """All codes, the HTTP status being one too."""
        return (*self.codes, *map(str, self.statuses))

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
            name = str(key).casefold().replace("-", "")
            if name in _STATUS_KEYS and str(child).isdigit():
                self._http(int(child))
            elif name in _CODE_KEYS and isinstance(child, (str, int)):
                self._code(str(child))
            elif name in _MESSAGE_KEYS and isinstance(child, str):
                self._message(child, depth)
            elif isinstance(child, (Mapping, list, tuple)) or _is_json(child):
                self.take(child, depth + 1)

    def _message(self, text: str, depth: int) -> None:
        if _is_json(text):
            self.take(text, depth + 1)
            return
        self.messages[text] = None
        self._codes_in(text)

    def _text(self, text: str, depth: int) -> None:
        rest: list[str] = []
        for part in _parted(text):
            if isinstance(part, str):
                rest.append(part)
            else:
                self.take(part, depth + 1)
        plain = "".join(rest).strip()
        if not plain:
            return
        self._codes_in(plain)
        for found in _STATUS_IN_TEXT.finditer(plain):
            self._http(int(found[1]))
        alone = _LONE_STATUS.fullmatch(plain)
        if alone:
            self._http(int(alone[1]))
        named = [found[1].strip() for found in _MESSAGE_IN_TEXT.finditer(plain)]
        # The whole text stays a message too: a client may break a line inside one.
        for message in (*named, plain):
            self.messages[message] = None

    def _codes_in(self, text: str) -> None:
        for found in _NAMED_CODE.finditer(text):
            self._code(found[1])
        for pattern in _CODE_IN_TEXT:
            for found in pattern.finditer(text):
                word = found[1]
                alone = word == text.strip().strip("\"'") and _COMPOUND.fullmatch(word)
                bracketed = f"({word})" in found[0] and _COMPOUND.fullmatch(word)
                if word.casefold() in self._known or alone or bracketed:
                    self._code(word)
        for found in _COMPOUND.finditer(text):
            if found[0].casefold() in self._known:
                self._code(found[0])

    def _code(self, text: str) -> None:
        code = text.strip()
        if code.isdigit():
            self._http(int(code))
        elif code:
            self.codes[code] = None

    def _http(self, status: int) -> None:
        if 400 <= status <= 599:
            self.statuses[status] = None


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
        self.fragments = {fold(one): one for one in row.members("message_fragment")}
        self._patterns = {
            one: re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
            for folded, one in self.fragments.items()
        }

    def code_in(self, codes: Iterable[str]) -> str:
        """Give the code that is among these, as it was pasted."""
        return next((code for code in codes if code.casefold() in self.codes), "")

    def fragment_in(self, messages: Iterable[str]) -> str:
        """Give the longest words of the row that one of the messages holds."""
        found = {
            one
            for message in messages
            for one, pattern in self._patterns.items()
            if pattern.search(message)
        }
        return max(found, key=lambda one: (len(one), one), default="")


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
    said = _Said(frozenset(code for one in rows for code in one.codes))
    said.take(pasted)
    folded = [fold(message) for message in said.messages]
    matches = _matches(matrix, rows, said, folded)
    nearest = () if any(one.certain for one in matches) else _nearest(rows, said, folded, matches)
    status = next(iter(said.statuses), None)
    return ErrorAnswer(tuple(said.codes), tuple(said.messages), status, matches, nearest)


def _matches(
    matrix: Matrix, rows: Iterable[_Row], said: _Said, messages: Sequence[str]
) -> tuple[ErrorMatch, ...]:
    found = []
    for one in rows:
        code, fragment = one.code_in(said.all_codes), one.fragment_in(messages)
        if code or fragment:
            level = LEVELS[0] if code and fragment else LEVELS[1] if fragment else LEVELS[2]
            certain = bool(fragment) or not one.fragments
            found.append(_match(matrix, one.row, level, certain, code, fragment))
    if any(match.certain for match in found):
        # The message tells which of the errors with this code it is; the others are ruled out.
        found = [match for match in found if match.certain]
    found.sort(key=lambda match: (LEVELS.index(match.level), -len(match.fragment), match.row))
    return tuple(found)


def _match(
    matrix: Matrix, row: Row, level: str, certain: bool, code: str, fragment: str
) -> ErrorMatch:
    named = (row.id, *(one for one in row.members("row_ids") if matrix.has_row(one)))
    return ErrorMatch(
        row=row.id,
        level=level,
        certain=certain,
        code=code,
        fragment=fragment,
        kind=row["kind"],
        mode=row["mode"],
        meaning=row["meaning"],
        action=row["action"],
        rows=named,
        citations=tuple(matrix.citation(one) for one in named),
        source=row["source"],
    )


def _nearest(
    rows: Sequence[_Row], said: _Said, messages: Sequence[str], matches: Iterable[ErrorMatch]
) -> tuple[Candidate, ...]:
    """Give the rows that come nearest, by their words in order or by the spelling of a code."""
    possible = {match.row for match in matches}
    texts = [message.split()[:_MOST_WORDS] for message in messages]
    known = {code for one in rows for code in one.codes}
    strange = [code for code in map(str.casefold, said.codes) if code not in known]
    found = []
    for one in rows:
        if one.row.id in possible:
            continue
        best, code, fragment = 0.0, "", ""
        for folded, shown in one.fragments.items():
            nearness = max((_share(folded.split(), words) for words in texts), default=0.0)
            if nearness > best:
                best, fragment = nearness, shown
        for folded, shown in one.codes.items():
            near = get_close_matches(folded, strange, 1, 0.8)
            nearness = SequenceMatcher(None, folded, near[0]).ratio() if near else 0.0
            if nearness > best:
                best, code, fragment = nearness, shown, ""
        if best >= NEAR:
            found.append(Candidate(one.row.id, code, fragment, one.row["meaning"], best))
    found.sort(key=lambda candidate: (-candidate.nearness, candidate.row))
    # Rows that are equally near are equally little of an answer: all of them or none.
    least = found[2].nearness if len(found) > 2 else 0.0
    return tuple(candidate for candidate in found if candidate.nearness >= least)


def _share(wanted: Sequence[str], words: Sequence[str]) -> float:
    """Give how much of the wanted words a text holds in their order, endings aside."""
    if not wanted or not words:
        return 0.0
    spelled = [(get_close_matches(word, wanted, 1, 0.8) or [word])[0] for word in words]
    blocks = SequenceMatcher(None, wanted, spelled, autojunk=False).get_matching_blocks()
    met = sum(len(word) for block in blocks for word in wanted[block.a : block.a + block.size])
    return met / sum(map(len, wanted))
