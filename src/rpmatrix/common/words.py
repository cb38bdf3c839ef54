"""Words that every result is told in: verdicts, counts, lengths of time, text that can be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

# Control characters, half surrogate pairs and marks that turn the direction of text around: a
# browser must not get them, and a name must not look like another one.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Put a mark in place of each character that must not reach a page or another document."""
    return _UNFIT.sub("\ufffd", text)


class Badge(NamedTuple):
    """How a verdict or an outcome is shown.

    Attributes
    ----------
    symbol : str
        One character, which tells it apart where there is no colour.
    word : str
        What it is called.
    colour : str
        What the style sheet colours it by: yes, part, no, open or none.
    """

    symbol: str
    word: str
    colour: str


_BADGES: Final[Mapping[str, Badge]] = {
    "supported": Badge("✓", "supported", "yes"),
    "supported_with_caveat": Badge("✓", "supported, with a caveat", "yes"),
    "exclude_disks": Badge("◐", "exclude disks", "part"),
    "exclude_disk": Badge("◐", "exclude the disk", "part"),
    "not_supported": Badge("✕", "not supported", "no"),
    "unknown": Badge("?", "unknown", "open"),
    "not_stated": Badge("?", "not stated", "open"),
    "not_applicable": Badge("–", "does not apply", "none"),
    "disk_included": Badge("✓", "include", "yes"),
    "disk_excluded": Badge("◐", "exclude", "part"),
    "disk_blocks": Badge("✕", "blocks", "no"),
    "disk_open": Badge("?", "not known", "open"),
    "disk_unsaved": Badge("–", "no restore point", "none"),
    "within": Badge("✓", "within the limit", "yes"),
    "exceeded": Badge("✕", "breaks a limit", "no"),
    "error_known": Badge("✓", "known", "yes"),
    "error_possible": Badge("?", "possible", "open"),
    "error_unknown": Badge("?", "not known", "open"),
    "passed": Badge("✓", "passed", "yes"),
    "failed": Badge("✕", "failed", "no"),
}


def badge_of(name: str) -> Badge:
    """Give symbol, word and colour of a verdict, an outcome or the fate of a disk."""
    return _BADGES.get(name) or Badge("·", name.replace("_", " "), "none")


def word(name: str) -> str:
    """Give the symbol and the word for a verdict or an outcome, where no markup is possible."""
    return f"{badge_of(name).symbol} {badge_of(name).word}"


def plural(count: int, one: str, many: str = "") -> str:
    """Count something in words: 1 disk, 2 disks, 1,234 disks."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def amount(number: str, unit: str) -> str:
    """Put a number before a unit in the plural: 3 hours since the last one, 1 hour since ..."""
    told = re.sub(r"(?<=\w)s\b", "", unit, count=1) if number == "1" else unit
    return f"{number} {told}".strip()


def duration(length: timedelta) -> str:
    """Say a length of time in days, hours and minutes."""
    minutes, seconds = divmod(length // timedelta(seconds=1), 60)
    parts = [
        (minutes // 1440, "day"),
        (minutes // 60 % 24, "hour"),
        (minutes % 60, "minute"),
        (seconds, "second"),
    ]
    return " ".join(plural(number, unit) for number, unit in parts if number) or "0 minutes"
