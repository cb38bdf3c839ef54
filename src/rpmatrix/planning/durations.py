"""Durations as people write them, and as they are shown: how often, how long, how many.

They are read into exact lengths: what has no fixed length, such as a month, is refused, and a
number is cut off where it is shown, since a retention must never look longer than it is.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Final

Retention = int | timedelta | None
"""How many restore points are kept of each mode, or how long each is kept; None for ever."""

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)


class DurationError(ValueError):
    """A duration cannot be read; the message says what can."""


_UNITS: Final = {
    "week": timedelta(weeks=1),
    "day": DAY,
    "hour": timedelta(hours=1),
    "minute": MINUTE,
    "second": timedelta(seconds=1),
}
_SPELLINGS: Final = {
    "week": ("w", "wk", "wks", "week", "weeks"),
    "day": ("d", "day", "days"),
    "hour": ("h", "hr", "hrs", "hour", "hours"),
    "minute": ("m", "min", "mins", "minute", "minutes"),
    "second": ("s", "sec", "secs", "second", "seconds"),
}
_UNIT_NAMES: Final = {spelled: unit for unit, all_ in _SPELLINGS.items() for spelled in all_}
_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"
_PART: Final = re.compile(rf"({_NUMBER})\s*([a-z]+)")
_PARTS: Final = re.compile(rf"{_NUMBER}\s*[a-z]+(?:(?:\s*,\s*|\s+and\s+|\s*){_NUMBER}\s*[a-z]+)*")
_ISO: Final = re.compile(
    rf"p(?:(?P<week>{_NUMBER})w)?(?:(?P<day>{_NUMBER})d)?"
    rf"(?:t(?:(?P<hour>{_NUMBER})h)?(?:(?P<minute>{_NUMBER})m)?(?:(?P<second>{_NUMBER})s)?)?"
)
_CALENDAR: Final = re.compile(r"\d\s*(?:y|yr|yrs|years?|mo|mos|months?)\b|^p[\d.y]*\d[ym]")
_EXAMPLES: Final = "write it like 3h, 90m, 1d, 4 hours, 1 day 12 hours or PT3H"


def parse_duration(text: str) -> timedelta:
    """Read a length of time that a person wrote.

    Parameters
    ----------
    text : str
        Numbers with units, such as ``3h``, ``90m``, ``1d``, ``4 hours`` or ``1 day 12 hours``, or
        an ISO 8601 duration such as ``PT3H``; letter case and blanks do not matter.

    Raises
    ------
    DurationError
        If it cannot be read, is nothing at all, or has no fixed length (months, years).

    Examples
    --------
    >>> parse_duration("PT3H") == parse_duration("3 hours")
    True
    """
    if not isinstance(text, str):
        raise DurationError(f"a duration is a text, not {text!r}; {_EXAMPLES}")
    plain = " ".join(text.split()).lower()
    if not plain:
        raise DurationError(f"the duration is empty; {_EXAMPLES}")
    if plain.startswith("-"):
        raise DurationError(f"{text!r} is negative; a duration is longer than nothing")
    if re.fullmatch(_NUMBER, plain):
        raise DurationError(f"{text!r} has no unit; write {plain}h for hours or {plain}d for days")
    if _CALENDAR.search(plain):
        raise DurationError(
            f"{text!r} has no fixed length, since months and years differ; write it in days"
        )
    iso = _ISO.fullmatch(plain)
    if iso and any(iso.groups()) and not plain.endswith("t"):
        parts = [(number, unit) for unit, number in iso.groupdict().items() if number]
    elif _PARTS.fullmatch(plain):
        parts = [(number, name) for number, name in _PART.findall(plain)]
    else:
        raise DurationError(f"{text!r} is no duration that is known here; {_EXAMPLES}")
    total = Fraction(0)
    for number, name in parts:
        if name not in _UNIT_NAMES:
            raise DurationError(f"{text!r} has the unit {name!r}, which is not known; {_EXAMPLES}")
        total += Fraction(number) * (_UNITS[_UNIT_NAMES[name]] // timedelta(microseconds=1))
    if total == 0:
        raise DurationError(f"{text!r} is nothing; a duration is longer than that")
    try:
        return timedelta(microseconds=round(total))
    except OverflowError:
        raise DurationError(f"{text!r} is longer than a calendar can hold") from None


def parse_retention(text: str) -> Retention:
    """Read how long, or how many, restore points are kept.

    Parameters
    ----------
    text : str
        A duration as :func:`parse_duration` reads it, a number of points of each mode such as
        ``200 points``, or ``forever``.

    Raises
    ------
    DurationError
        If it is neither.
    """
    plain = " ".join(str(text).split()).lower()
    if plain in ("forever", "for ever", "none", "unlimited"):
        return None
    counted = re.fullmatch(r"(\d{1,9})\s*(?:restore )?points?", plain)
    if counted:
        if not int(counted[1]):
            raise DurationError(f"{text!r} keeps none; give a whole number of points, 1 or more")
        return int(counted[1])
    if plain.isdigit():
        raise DurationError(f"{text!r} has no unit; write {plain}d for days or {plain} points")
    return parse_duration(text)


def in_days(duration: timedelta) -> Fraction:
    """Give a duration in days, exactly."""
    return Fraction(duration // timedelta(microseconds=1), DAY // timedelta(microseconds=1))


def in_hours(duration: timedelta) -> Fraction:
    """Give a duration in hours, exactly."""
    return in_days(duration) * 24


def decimal(number: Fraction | int, digits: int = 1) -> str:
    """Write a number with at most so many decimals, cut off and not rounded up.

    A retention that is shown must never be longer than the one that fits.

    Examples
    --------
    >>> decimal(Fraction(375, 18)), decimal(Fraction(8))
    ('20.8', '8')
    """
    scale = 10**digits
    whole, part = divmod(abs(number) * scale // 1, scale)
    sign = "-" if number < 0 and (whole or part) else ""
    return f"{sign}{whole}" + (f".{part:0{digits}d}".rstrip("0") if part else "")
