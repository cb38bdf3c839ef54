"""Durations: what is read, what is refused and why, and how numbers are shown."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rpmatrix.planning.durations import DurationError, decimal, parse_duration, parse_retention

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3h", 3 * HOUR),
        ("90m", 90 * MINUTE),
        ("90 min", 90 * MINUTE),
        ("1d", DAY),
        ("PT3H", 3 * HOUR),
        ("pt90m", 90 * MINUTE),
        ("P1DT12H", 36 * HOUR),
        ("P2W", 14 * DAY),
        ("4 hours", 4 * HOUR),
        ("1 day 12 hours", 36 * HOUR),
        ("1 day, 12 hours and 5 minutes", 36 * HOUR + 5 * MINUTE),
        ("1d12h", 36 * HOUR),
        ("  2\u00a0Weeks ", 14 * DAY),
        ("1.5h", 90 * MINUTE),
        ("62.5 days", 62 * DAY + 12 * HOUR),
        ("45s", timedelta(seconds=45)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("3", "write 3h for hours or 3d for days"),
        ("-3h", "negative"),
        ("0h", "nothing"),
        ("three hours", "no duration"),
        ("3x", "unit 'x'"),
        ("3h of rest", "no duration"),
        ("h", "no duration"),
        ("3 months", "no fixed length"),
        ("1 year", "no fixed length"),
        ("P1M", "no fixed length"),
        ("P", "no duration"),
        ("PT", "no duration"),
        ("P1DT", "no duration"),
        ("1,5h", "no duration"),
        ("999999999 weeks", "longer than a calendar"),
    ],
)
def test_durations_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(DurationError, match=message):
        parse_duration(text)


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59))
def test_durations_read_back(days: int, hours: int, minutes: int) -> None:
    assume(days + hours + minutes)
    expected = timedelta(days=days, hours=hours, minutes=minutes)
    for text in (
        f"{days}d{hours}h{minutes}m",
        f"{days} days {hours} hours {minutes} minutes",
        f"P{days}DT{hours}H{minutes}M",
    ):
        assert parse_duration(text) == expected


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader_of_durations(text: str) -> None:
    try:
        duration = parse_duration(text)
    except DurationError:
        return
    assert duration >= timedelta(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200 points", 200),
        ("1 restore point", 1),
        ("forever", None),
        ("none", None),
        ("30d", 30 * DAY),
    ],
)
def test_retentions_are_read(text: str, expected: Any) -> None:
    assert parse_retention(text) == expected


@pytest.mark.parametrize(
    ("text", "message"), [("200", "200 points"), ("0 points", "1 or more"), ("soon", "no duration")]
)
def test_retentions_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(DurationError, match=message):
        parse_retention(text)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (Fraction(125, 6), "20.8"),
        (Fraction(125, 8), "15.6"),
        (Fraction(1, 3), "0.3"),
        (Fraction(599, 10), "59.9"),
        (Fraction(-3, 2), "-1.5"),
        (Fraction(-1, 60), "0"),
        (24, "24"),
    ],
)
def test_decimals_are_cut_off(number: Fraction, shown: str) -> None:
    assert decimal(number) == shown
