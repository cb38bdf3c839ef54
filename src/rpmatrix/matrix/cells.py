"""One cell of a table: whether it is in its form, and what a spreadsheet may have made of it.

A spreadsheet rewrites what it takes for a date, a number, a boolean or a formula. What can have
been meant in one way only is repaired, and said; what cannot is told to a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from rpmatrix.matrix.problems import closest, shortened, suggest
from rpmatrix.matrix.schema import SEPARATOR, Column


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found in a cell, before it is known which cell that is.

    Attributes
    ----------
    check : str
        The id of the check.
    message, advice : str
        What is wrong, and what to do about it.
    fixable : bool
        Whether the cell can have one meaning only, and is given in it.
    """

    check: str
    message: str
    advice: str
    fixable: bool = False


# Plain ASCII that neither begins nor ends with a blank and cannot be taken for a formula.
_CLEAN = re.compile(r"(?![=+\-@#']|err:)[!-~](?:[ -~]*[!-~])?", re.IGNORECASE)
# Each spreadsheet writes them in its own language: #VALUE!, #WERT!, #N/A, #NV, Err:502.
_FAILED = re.compile(r"#(?:[A-Z]+(?:/0)?[!?]|N/?[ADV]|[A-Z]+_[A-Z]+|#+)|Err:\d{3}", re.IGNORECASE)
_TYPOGRAPHY = {
    ord(sign): plain
    for plain, signs in {
        '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
        "'": "\u2018\u2019\u201a\u201b\u2032",
        "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
        "...": "\u2026",
        " ": "\u00a0\u1680\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
        "": "\u00ad\u200b\u200c\u200d\u2060\ufeff",
    }.items()
    for sign in signs
}


def tidy(text: str) -> str:
    """Make typographic signs plain, and what lies around a line break one blank."""
    plain = text.translate(_TYPOGRAPHY).strip()
    return re.sub(r"\s*[\t\n\r\f\v]\s*", " ", plain)


def inspect_cell(column: Column, kind: str, cell: str) -> tuple[str, list[Finding]]:
    """Judge one cell.

    Parameters
    ----------
    column : Column
        What the cell may hold.
    kind : str
        The type of its value: that of the column, or of the fact that the row speaks of;
        ``unknown`` if that fact is not known.
    cell : str
        The text that stands there.

    Returns
    -------
    str, list of Finding
        Its text after all safe repairs, and what was found.
    """
    findings: list[Finding] = []
    text = cell
    if cell and not _CLEAN.fullmatch(cell):
        text = _clean(cell, findings)
        if any(not one.fixable for one in findings):
            return text, findings
    if not text:
        if column.required:
            advice = f"write the {column.term}"
            findings.append(Finding("required", f"the {column.term} is missing", advice))
    elif column.enum:
        text = _read_word(column, text, findings)
    elif column.is_list or (column.typed_by and SEPARATOR in text):
        members = [part.strip() for part in text.split(SEPARATOR)]
        kept = dict.fromkeys(filter(None, members))
        if SEPARATOR.join(kept) != text:
            message = (
                f'the list "{shortened(text)}" has an empty or repeated member, or stray blanks'
            )
            advice = f"write {shortened(SEPARATOR.join(kept)) or 'nothing'}"
            findings.append(Finding("list", message, advice, fixable=True))
        # Repairs may make two members one.
        read = dict.fromkeys(_read_value(column, kind, member, findings) for member in kept)
        text = SEPARATOR.join(read)
    else:
        text = _read_value(column, kind, text, findings)
    return text, findings


def _clean(cell: str, findings: list[Finding]) -> str:
    plain = cell.translate(_TYPOGRAPHY)
    if not plain.isascii():
        signs = dict.fromkeys(sign for sign in plain if not sign.isascii())
        message = f"holds {', '.join(map(_sign_name, list(signs)[:3]))}, which is not ASCII"
        advice = "write it with plain letters, so that no code page can spoil it"
        findings.append(Finding("ascii", message, advice))
    elif plain != cell:
        sign = next(sign for sign in cell if ord(sign) in _TYPOGRAPHY)
        message = f"holds {_sign_name(sign)}, which is not ASCII"
        findings.append(Finding("ascii", message, "write it with plain signs", fixable=True))
    text = tidy(cell)
    hidden = [sign for sign in text if sign < " " or sign == "\x7f"]
    if hidden:
        message = f"holds the control character {_sign_name(hidden[0])}"
        findings.append(Finding("ascii", message, "write the cell anew"))
    bare = text.removeprefix("'").strip() if text.count("'") == 1 else text
    if bare[:1] in {"=", "+", "-", "@"}:
        message = f'begins with "{bare[0]}", which a spreadsheet takes for a formula'
        findings.append(Finding("formula", message, "write it in words"))
    elif _FAILED.fullmatch(bare):
        message = f'holds "{bare}", the result of a formula that failed'
        findings.append(Finding("formula", message, "write the value itself"))
    elif text and plain.startswith("\t"):
        message = "begins with a tab, behind which a spreadsheet may see a formula"
        findings.append(Finding("formula", message, "delete the tab", fixable=True))
        text = bare
    elif bare != text:
        message = "begins with an apostrophe, by which a spreadsheet marks a text"
        findings.append(Finding("formula", message, "delete it", fixable=True))
        text = bare
    elif text != plain:
        message = "has blanks at its edges or a line break inside"
        findings.append(Finding("edge-spaces", message, "delete them", fixable=True))
    return text


def _sign_name(sign: str) -> str:
    import unicodedata

    return f"{unicodedata.name(sign, 'an unnamed sign').lower()} (U+{ord(sign):04X})"


def _read_word(column: Column, text: str, findings: list[Finding]) -> str:
    if text in column.enum:
        return text
    choice = f"write one of: {', '.join(column.enum)}"
    alike = closest(text, column.enum)
    if alike.casefold() == text.casefold():
        message = f'{column.term} "{text}" is in another letter case'
        findings.append(Finding("enumeration", message, f"write {alike}", fixable=True))
        return alike
    if text.casefold() in _BOOLEANS:
        findings.append(Finding("boolean", _boolean(text), choice))
    else:
        advice = suggest(alike, choice)
        findings.append(Finding("enumeration", f'unknown {column.term} "{text}"', advice))
    return text


_INTEGER = re.compile(r"0|[1-9][0-9]*")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:([ ,'])[0-9]{3})(?:\1[0-9]{3})*")
_POWERS = re.compile(r"[0-9](?:[.,][0-9]+)?E[+-][0-9]+", re.IGNORECASE)
_API_VERSION = re.compile(r"api-[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-preview)?")
_BOOLEANS = {"true": "yes", "false": "no"}
FLAG_VALUES = tuple(_BOOLEANS.values())
"""What a flag can be."""


def _read_value(column: Column, kind: str, text: str, findings: list[Finding]) -> str:
    """Judge one value, which may be a member of a list.

    A column that is typed by another is only searched for what a spreadsheet may have done to
    it: whether the value suits its fact is judged when all tables are known.
    """
    strict = not column.typed_by
    if kind == "integer":
        return _read_integer(column, text, findings, strict=strict)
    if kind == "date":
        return _read_date(text, findings, strict=strict)
    if kind == "api_version":
        return _read_api_version(text, findings)
    if kind == "unknown":
        return text
    if text.casefold() in _BOOLEANS:
        advice = f"write {_BOOLEANS[text.casefold()]}, or more words"
        findings.append(Finding("boolean", _boolean(text), advice))
    elif len(text) < _LONGEST_DATE and _dates(text) is not None:
        message = f'"{text}" looks like a date, which a spreadsheet rewrites'
        advice = "write it in words, and an API version as api-2021-07-01"
        findings.append(Finding("date", message, advice))
    elif _POWERS.fullmatch(text):
        message = f'"{text}" is how a spreadsheet shortens a long number'
        findings.append(Finding("integer", message, "write all of its digits"))
    elif column.pattern and not column.pattern.fullmatch(text):
        message = f'{column.term} "{shortened(text)}" has not the right form'
        findings.append(Finding("pattern", message, f"write {column.form}"))
    return text


def _boolean(text: str) -> str:
    return f'"{text}" is a boolean, which each spreadsheet writes in its own language'


def _read_integer(column: Column, text: str, findings: list[Finding], *, strict: bool) -> str:
    if _INTEGER.fullmatch(text):
        if column.minimum is not None and int(text) < column.minimum:
            message = f"{text} is too small for the {column.term}"
            findings.append(Finding("integer", message, f"write {column.minimum} or more"))
        return text
    if _THOUSANDS.fullmatch(text):
        plain = re.sub("[ ,']", "", text)
        message = f'"{text}" has separators between its digits'
        findings.append(Finding("integer", message, f"write {plain}", fixable=True))
        return plain
    if strict:
        message = f'"{text}" is not a whole number'
        findings.append(Finding("integer", message, "write digits alone, such as 12"))
    return text


def _read_date(text: str, findings: list[Finding], *, strict: bool) -> str:
    readings = _dates(text) if len(text) < _LONGEST_DATE else None
    if readings is None and re.fullmatch("[2-6][0-9]{4}", text):
        # Spreadsheets count days, from one of two days on.
        days = timedelta(days=int(text))
        readings = (date(1899, 12, 30) + days, date(1904, 1, 1) + days)
    if readings is None:
        if strict:
            message = f'"{shortened(text)}" is not a date'
            findings.append(Finding("date", message, "write it as YYYY-MM-DD"))
        return text
    days_meant = [day.isoformat() for day in readings]
    if days_meant == [text]:
        return text
    message = f'the date "{text}" is not as it was written; a spreadsheet does that'
    if len(days_meant) == 1:
        findings.append(Finding("date", message, f"write {days_meant[0]}", fixable=True))
        return days_meant[0]
    meant = f"; it may mean {' or '.join(days_meant)}" if days_meant else ""
    findings.append(Finding("date", message, f"write it as YYYY-MM-DD{meant}"))
    return text


def _read_api_version(text: str, findings: list[Finding]) -> str:
    readings = _dates(text) if len(text) < _LONGEST_DATE else None
    if readings is None:
        return text
    message = f'the API version "{text}" looks like a date, which a spreadsheet rewrites'
    versions = [f"api-{day.isoformat()}" for day in readings]
    if len(versions) == 1:
        findings.append(Finding("api-version", message, f"write {versions[0]}", fixable=True))
        return versions[0]
    meant = f"; it may mean {' or '.join(versions)}" if versions else ""
    findings.append(Finding("api-version", message, f"write it like api-2021-07-01{meant}"))
    return text


_LONGEST_DATE = 36
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_GERMAN_MONTHS = (
    *("januar", "februar", "mrz", "april", "mai", "juni"),
    *("juli", "august", "september", "oktober", "november", "dezember"),
)
_MONTH_NUMBERS = {
    name[:3]: number for names in (_GERMAN_MONTHS, _MONTHS) for number, name in enumerate(names, 1)
}
_MONTH = f"(?:{'|'.join([*_MONTHS, *_GERMAN_MONTHS, *_MONTH_NUMBERS, 'sept'])})"
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AP]M|Z|[+-]\d{2}:?\d{2})?)?"
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE | re.ASCII)
    for shape in (
        rf"(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_TIME}",
        rf"(?P<a>\d{{1,2}})([-/.])(?P<b>\d{{1,2}})\2(?P<y>(?:19|20)\d\d){_TIME}",
        rf"(?P<d>\d{{1,2}})[-/. ]+(?P<name>{_MONTH})[-/., ]+(?P<y>(?:19|20)\d\d){_TIME}",
        rf"(?P<name>{_MONTH})[-/. ]+(?P<d>\d{{1,2}})[-/., ]+(?P<y>(?:19|20)\d\d){_TIME}",
        # Too little to know the day.
        rf"\d{{1,2}}([-/.])(?:\d{{1,2}}|{_MONTH})\1\d{{2}}{_TIME}",
        rf"{_MONTH}[-/. ]{{0,2}}\d{{1,4}}",
        rf"\d{{1,4}}[-/. ]{{0,2}}{_MONTH}\.?",
        r"\d{1,2}[-/]\d{1,2}",
        r"\d{1,2}\.\d{1,2}\.",
    )
)


@lru_cache(maxsize=4096)
def _dates(text: str) -> tuple[date, ...] | None:
    """Give the days that a text may mean, or None if it does not look like a date."""
    if not any(sign.isdigit() for sign in text):
        return None
    for shape in _SHAPES:
        match = shape.fullmatch(text)
        if match:
            return _days(match.groupdict())
    return None


def _days(parts: Mapping[str, str]) -> tuple[date, ...]:
    if "y" not in parts:
        return ()
    year = int(parts["y"])
    if "a" in parts:
        first, second = int(parts["a"]), int(parts["b"])
        tries = [(second, first), (first, second)]
    elif "name" in parts:
        tries = [(_MONTH_NUMBERS[parts["name"][:3].lower()], int(parts["d"]))]
    else:
        tries = [(int(parts["m"]), int(parts["d"]))]
    found: dict[date, None] = {}
    for month, day in tries:
        try:
            found[date(year, month, day)] = None
        except ValueError:
            continue
    return tuple(found)


def wanted_form(kind: str, value: str) -> str:
    """Say in what form a value of a type is written; nothing if this one is.

    Parameters
    ----------
    kind : str
        The type of a fact; those that are not read as a number or a date have no form.
    value : str
        The text to judge.
    """
    has_form, form = _FORMS.get(kind, (bool, ""))
    return "" if not form or has_form(value) else form


def _is_day(text: str) -> bool:
    return [day.isoformat() for day in _dates(text) or ()] == [text]


_FORMS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "integer": (_INTEGER.fullmatch, "a whole number, digits alone"),
    "date": (_is_day, "a date as YYYY-MM-DD"),
    "api_version": (_API_VERSION.fullmatch, "an API version like api-2021-07-01"),
}
