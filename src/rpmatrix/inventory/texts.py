"""Texts as people save them: decoded, and read as JSON or as a table.

A file that was cut off, a page of a console, a table out of a spreadsheet, JSON with comments or
between other lines: what can be read of it is read, and each fault is named with its line.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from rpmatrix.inventory.names import COMMON_NAMES, plain_name
from rpmatrix.inventory.not_json import name_of_file, name_of_text, without_stand_ins

Json = Any
Body = dict[str, Any]


class Documents(NamedTuple):
    """What a text held: JSON values with their place, faults with their place, remarks."""

    values: list[tuple[str, Json, bool]]
    faults: list[tuple[str, str]]
    notes: list[str]


def storable(text: str) -> str:
    """Give a text that can be written and sent on.

    Half a surrogate pair, which broken escapes hold and browsers may send, becomes a question mark:
    tables take no sign that is not ASCII.
    """
    return text.encode("utf-8", "replace").decode()


def decode(data: bytes) -> str:
    """Decode bytes as clients write them: UTF-8 or UTF-16, with or without a mark.

    Raises
    ------
    UnicodeDecodeError
        If the bytes are no text in any of these.
    """
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _whole(data, encoding)
    if data[:200].count(0) > len(data[:200]) // 4:
        return _whole(data, "utf-16-be" if data[0] == 0 else "utf-16-le")
    try:
        return _whole(data, "utf-8")
    except UnicodeDecodeError:
        # Windows consoles still write their legacy code page; ids and enumerations are ASCII.
        return data.decode("cp1252")


def _whole(data: bytes, encoding: str) -> str:
    """Decode all but a last character that was cut in two."""
    return codecs.getincrementaldecoder(encoding)().decode(data)


def text_of(content: bytes) -> tuple[str, str]:
    """Give the text of a file, and why it holds none that could be read: one of both is empty."""
    if reason := name_of_file(content):
        return "", reason
    try:
        return decode(content), ""
    except UnicodeDecodeError:
        return "", "neither UTF-8 nor UTF-16 text; is it a JSON or CSV file?"


def _whole_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python turns into a number
        return digits


def _finite_or_text(number: str) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else number


_ODD_NUMBERS: Final[Mapping[str, Any]] = {"parse_constant": str, "parse_float": _finite_or_text}
_DECODER: Final = json.JSONDecoder(strict=False, **_ODD_NUMBERS)
_PATIENT_DECODER: Final = json.JSONDecoder(strict=False, parse_int=_whole_or_text, **_ODD_NUMBERS)


def parse_json(text: str) -> Json:
    """Return what a JSON text holds; what is no finite number, or has thousands of digits, is text.

    Raises
    ------
    ValueError
        If it is no JSON.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _PATIENT_DECODER.decode(text)


def parse_json_at(text: str, start: int) -> tuple[Json, int]:
    """Return the JSON value that begins at a place of a text, and where it ends."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _PATIENT_DECODER.raw_decode(text, start)


_TOKENS: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA: Final = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)
_CANDIDATE: Final = re.compile(r'\{(?=\s*(?:["}]|\Z))|\[(?=\s*(?:[\[{"\]]|\Z))')
_LIST_INSIDE: Final = re.compile(r'"(?:value|data|resources)"\s*:\s*\[', re.IGNORECASE)
_NEXT_START: Final = re.compile(r"^[{\[]", re.MULTILINE)
# What published output writes for lines, and for objects, that it leaves out.
_ELLIPSIS: Final = re.compile(r"^[ \t]*[\"']?(?:\.\.\.|…)[\"']?,?[ \t]*$", re.MULTILINE)
_LEFT_OUT: Final = re.compile(r"(:\s*)(?:\{\s*(?:\.\.\.|…)\s*\}|\[\s*(?:\.\.\.|…)\s*\]|\.\.\.|…)")


_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def _typed(text: str) -> str:
    """Undo what word processors and web pages do to a text: wide blanks and curly quotes."""
    text = text.replace("\u00a0", " ")
    return text if '"' in text else re.sub("[\u201c\u201d\u201e]", '"', text)


def _without_comments(text: str) -> str:
    plain = _TOKENS.sub(lambda m: m[0] if m[0][0] == '"' else " ", text)
    return _TRAILING_COMMA.sub(lambda m: m[1] or "", plain)


class _Lines:
    """Tells the line of a position; asked in rising order, it reads the text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1

    def at(self, position: int) -> str:
        if position < self._position:
            self._position, self._line = 0, 1
        self._line += self._text.count("\n", self._position, position)
        self._position = position
        return f"line {self._line}"


def read_text(text: str) -> Documents:
    """Read all JSON values of a text, or the rows of a table, and tell what is wrong with the rest.

    Never raises: a text that holds nothing readable has a fault that says what to do.
    """
    text, unread = without_stand_ins(text)
    if not unread:
        return _read_text(text)
    found = _read_text(text) if text.strip() else Documents([], [], [])
    return found._replace(faults=[*found.faults, *(("", reason) for reason in unread)])


def _read_text(text: str) -> Documents:
    text = text.lstrip("\ufeff").strip().strip("\x00")
    if not text:
        return Documents([], [("", "the input is empty; save the command's output again")], [])
    try:
        return Documents([("", parse_json(text), False)], [], [])
    except (ValueError, RecursionError):
        pass
    if text[0] not in "{[" and (rows := _csv_rows(text)):
        return rows
    if "&quot;" in text:
        import html

        text = html.unescape(text)
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    found, rest = _scan(text)
    if found.faults or not found.values:
        shortened, gaps = _ELLIPSIS.subn("", _without_comments(_typed(text)))
        # An object that is left out stands where something is not known: like an expression.
        shortened, more = _LEFT_OUT.subn(r'\1"[left out]"', shortened)
        cleaned, less = _scan(shortened, projected=gaps + more > 0)
        if len(cleaned.faults) < len(found.faults) or len(cleaned.values) > len(found.values):
            found, rest = cleaned, less
    if named := name_of_text(rest):
        if not any(_may_be_record(value) for _, value, _ in found.values):
            return Documents([], [("", named)], [])
        return found._replace(notes=[f"what stands beside the JSON was not read: {named}"])
    if not found.values and not found.faults:
        advice = "no JSON and no table found; save the output with --output json"
        return Documents([], [("", advice)], [])
    return found


# Keys of which every record, and every answer that holds records, has at least one.
_RECORD_KEYS: Final = frozenset(
    {
        *("id", "name", "type", "properties", "value", "values", "data", "resources", "changes"),
        *("compute", "sku", "resource_changes", "planned_values", "deployment", "statuses"),
    }
)


def _may_be_record(value: Json) -> bool:
    """Tell JSON that may hold records from a piece of JSON that is part of another text."""
    if isinstance(value, list):
        return any(map(_may_be_record, value))
    if not isinstance(value, dict):
        return False
    keys = {str(key).lower() for key in value}
    return not _RECORD_KEYS.isdisjoint(keys) or any("profile" in key for key in keys)


def _scan(text: str, projected: bool = False) -> tuple[Documents, str]:
    """Read the JSON values of a text; give the text around them, too."""
    lines = _Lines(text)
    pieces: list[str] = []
    values: list[tuple[str, Json, bool]] = []
    faults: list[tuple[str, str]] = []
    skipped = False
    position = 0
    while match := _CANDIDATE.search(text, position):
        start = match.start()
        skipped = skipped or bool(text[position:start].strip(" \t\r\n,;\ufeff"))
        pieces.append(text[position:start])
        place = lines.at(start)
        try:
            value, position = parse_json_at(text, start)
        except (ValueError, RecursionError) as error:
            saved, reached = _salvage(text, start, lines)
            values += [(at, one, projected) for at, one in saved]
            at = getattr(error, "pos", start)
            reason = getattr(error, "msg", "nested too deeply")
            fault = (
                lines.at(max(at, reached)),
                f"the JSON breaks off or is malformed here ({reason.lower()}); "
                "save the output again, whole",
            )
            # What follows a break may break at the same place once more.
            if fault not in faults:
                faults.append(fault)
            following = _NEXT_START.search(text, max(start + 1, reached))
            if following is None:
                position, skipped = len(text), True
                break
            position = following.start()
            continue
        if isinstance(value, dict) or (isinstance(value, list) and any(value)):
            values.append((place if values or skipped else "", value, projected))
        else:
            skipped = True
    pieces.append(text[position:])
    skipped = skipped or bool(text[position:].strip(" \t\r\n,;"))
    notes = ["text around the JSON was passed over"] if skipped and values else []
    return Documents(values, faults, notes), "\n".join(pieces)


def _salvage(text: str, start: int, lines: _Lines) -> tuple[list[tuple[str, Json]], int]:
    """Read the whole members of a list that breaks off later."""
    if text[start] == "{":
        inside = _LIST_INSIDE.search(text, start, start + 2000)
        if inside is None:
            return [], start
        position = inside.end()
    else:
        position = start + 1
    saved: list[tuple[str, Json]] = []
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        place = lines.at(position)
        try:
            value, position = parse_json_at(text, position)
        except (ValueError, RecursionError):
            return saved, position
        saved.append((place, value))


_CSV_COLUMNS: Final = {
    "id",
    "name",
    "type",
    "properties",
    "resourceid",
    "resourcetype",
} | COMMON_NAMES.keys()


# What Excel and Export-Csv of Windows PowerShell write before the header.
_PREAMBLE: Final = re.compile(r"(?:sep=(.)|#TYPE\b[^\r\n]*)\r?\n", re.IGNORECASE)


def _csv_rows(text: str) -> Documents | None:
    table = table_rows(io.StringIO(text, newline=""))
    if table is None:
        return None
    projected, rows = table
    values: list[tuple[str, Json, bool]] = []
    faults: list[tuple[str, str]] = []
    for place, row in rows:
        if isinstance(row, str):
            faults.append((place, row))
        else:
            values.append((place, row, projected))
    return Documents(values, faults, [])


def table_rows(lines: Iterable[str]) -> tuple[bool, Iterator[tuple[str, Body | str]]] | None:
    """Read a table of records row by row.

    Parameters
    ----------
    lines : iterable of str
        The lines of a CSV text, with their ends.

    Returns
    -------
    tuple or None
        Whether columns were chosen, so that a record may not be whole; and for each row its place
        and the record, or what is wrong with it. None if it is no table of records.
    """
    waiting = iter(lines)
    skipped = 0
    while _PREAMBLE.match(header := next(waiting, "")):
        skipped += 1
    delimiter = max(",;\t", key=header.count)
    names = [plain_name(name.strip().strip('"')) for name in header.split(delimiter)]
    if delimiter not in header or not _CSV_COLUMNS & set(names):
        return None
    csv.field_size_limit(2**31 - 1)  # the most that every platform takes
    reader = csv.reader(chain([header], waiting), delimiter=delimiter)
    columns = _apart(next(reader))

    def rows() -> Iterator[tuple[str, Body | str]]:
        try:
            for number, cells in enumerate(reader, start=2 + skipped):
                if not any(cells):
                    continue
                place = f"row {number}"
                if len(cells) == len(columns):
                    yield place, dict(zip(columns, map(read_cell, cells), strict=True))
                    continue
                said = f"{len(cells)} cells where the header names {len(columns)}"
                yield place, f"{said}; export the table again"
        except csv.Error as error:
            yield f"row {reader.line_num}", f"not a row of a table ({error})"

    return "properties" not in names, rows()


def _apart(columns: Iterable[str]) -> list[str]:
    """Keep columns of one name apart; a blank more is the same name to whoever reads it."""
    found: list[str] = []
    for column in columns:
        while column in found:
            column += " "
        found.append(column)
    return found


def read_cell(text: str) -> Json:
    """Give what a cell of a table of records holds: JSON if it begins so and is whole."""
    if text[:1] in ("{", "[") or text == "null":
        try:
            return parse_json(text)
        except ValueError:
            return text
    return text


def holds_json(value: Json) -> bool:
    """Tell a text that begins as a JSON object or list does."""
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[")
