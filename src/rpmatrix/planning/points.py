"""How many restore points there are over time, under intervals and a retention.

Closed formulas over whole minutes and exact fractions: they hold for any number of years, and the
last point that fits is the last one that fits. What the limits are is none of their business; see
:mod:`rpmatrix.planning.schedule`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import gcd

from rpmatrix.matrix.matrix import MODES
from rpmatrix.planning.durations import MINUTE, Retention, in_days


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """How many points there are at one moment, after the requests of that minute.

    Attributes
    ----------
    moment : datetime
        When.
    existing : int
        Points that were there before the schedule began.
    application, crash : int
        Points that the schedule made, by mode.
    """

    moment: datetime
    existing: int
    application: int
    crash: int

    @property
    def count(self) -> int:
        """All points together."""
        return self.existing + self.application + self.crash


@dataclass(frozen=True, slots=True)
class LargestRetention:
    """The largest retention that keeps every limit on the number of points.

    Attributes
    ----------
    duration : timedelta
        Points of this age are deleted; every longer time, by the minute, is too long.
    application, crash : int
        How many points of each mode that keeps.
    each : int or None
        The largest number of points to keep of each mode, if a number is kept of each instead;
        None if not even one of each fits.
    rows : tuple of str
        The limits that bound it.
    """

    duration: timedelta
    application: int
    crash: int
    each: int | None
    rows: tuple[str, ...]

    @property
    def days(self) -> Fraction:
        """The duration in days, exactly."""
        return in_days(self.duration)


@dataclass(frozen=True, slots=True)
class PointCounts:
    """The number of points over time, in whole minutes from the start; closed formulas.

    Attributes
    ----------
    every : mapping of str to int
        The interval of each mode that is asked for, in minutes.
    offset : mapping of str to int
        The minute of the first request of each.
    stay : int
        Points that are there already and whose age is not known: they count for ever.
    old : tuple of (str, int)
        Mode and minute of creation of those whose age is known; no minute is after the start.
    age : int or None
        For how many minutes a point is kept; None if that is not what decides.
    keep : int or None
        How many points are kept of each mode; None if that is not what decides. If both are
        None, points are kept for ever.
    """

    every: Mapping[str, int]
    offset: Mapping[str, int]
    stay: int
    old: tuple[tuple[str, int], ...]
    age: int | None = None
    keep: int | None = None

    def only(self, mode: str) -> PointCounts:
        """Give the points of one mode; what is of unknown mode may be of this one."""
        if mode == "both":
            return self
        every = {name: minutes for name, minutes in self.every.items() if name == mode}
        old = tuple(one for one in self.old if one[0] in (mode, ""))
        return replace(self, every=every, old=old)

    def under(self, retention: Retention) -> PointCounts:
        """Give the same under another retention."""
        if isinstance(retention, timedelta):
            return replace(self, age=retention // MINUTE, keep=None)
        return replace(self, age=None, keep=retention)

    def made(self, mode: str, minute: int) -> int:
        """Points of a mode asked for until a minute, that minute included."""
        since = minute - self.offset[mode]
        return since // self.every[mode] + 1 if since >= 0 else 0

    def new(self, mode: str, minute: int) -> int:
        """Points that the schedule made and that are kept."""
        if mode not in self.every:
            return 0
        made = self.made(mode, minute)
        if self.age is not None:
            return made - self.made(mode, minute - self.age)
        return made if self.keep is None else min(made, self.keep)

    def left(self, minute: int) -> int:
        """Points that were there before and that are kept."""
        if self.age is not None:
            return self.stay + sum(born + self.age > minute for _, born in self.old)
        if self.keep is None:
            return self.stay + len(self.old)
        count = self.stay
        for mode in (*MODES, ""):
            mine = sum(name == mode for name, _ in self.old)
            made = self.made(mode, minute) if mode in self.every else 0
            count += max(0, min(mine, self.keep - made)) if made else mine
        return count

    def count(self, minute: int) -> int:
        """All points that are kept, after the requests of a minute."""
        return self.left(minute) + sum(self.new(mode, minute) for mode in self.every)

    def at(self, start: datetime, minute: int) -> SeriesPoint:
        """Give the count as an entry of a series."""
        new = {mode: self.new(mode, minute) for mode in MODES}
        return SeriesPoint(start + minute * MINUTE, self.left(minute), **new)

    @property
    def first(self) -> int:
        """The minute of the first request."""
        return min(self.offset[mode] for mode in self.every)

    def requests(self) -> Iterator[int]:
        """Give the minutes with a request, in order."""

        def of(mode: str) -> Iterator[int]:
            minute = self.offset[mode]
            while True:
                yield minute
                minute += self.every[mode]

        last = -1
        for minute in heapq.merge(*(of(mode) for mode in self.every)):
            if minute != last:
                yield minute
            last = minute

    def settled(self) -> int:
        """Give the minute from which on the number of points only repeats itself."""
        if self.age is not None:
            return max(self.offset[mode] for mode in self.every) + self.age
        keep = self.keep or 1
        return max(self.offset[mode] + (keep - 1) * self.every[mode] for mode in self.every)

    def most(self) -> int | None:
        """Give the most points there ever are, from the first request on; None if without end."""
        if self.keep is not None:
            before = [self.offset[mode] - 1 for mode in self.every if self.offset[mode]]
            times = [minute for minute in before if minute >= self.first] + [self.settled()]
            return max(self.count(minute) for minute in times)
        if self.age is None:
            return None
        # Before anything new is deleted the count only falls when an old point goes.
        ends = {born + self.age - 1 for _, born in self.old}
        before = [self.count(minute) for minute in ends if minute >= self.first]
        return max([self.stay + self._steady(self.age), *before])

    def _steady(self, age: int) -> int:
        """Give the most points made within one span of `age`, wherever the span lies.

        A mode has its larger number of points in the span for the first ``rest`` minutes after
        each request. Both modes have it at once unless their phases, which repeat with the
        greatest common divisor of the intervals, never meet.
        """
        counts = {mode: -(-age // every) for mode, every in self.every.items()}
        total = sum(counts.values())
        if len(counts) < 2:
            return total
        one, other = MODES
        rest = {mode: age - (counts[mode] - 1) * self.every[mode] for mode in MODES}
        step = gcd(*self.every.values())
        phase = (self.offset[one] - self.offset[other]) % step
        meet = phase < rest[other] or step - phase < rest[one]
        return total if meet else total - 1

    def broken_at(self, bound: int) -> int | None:
        """Give the minute of the first request that makes more points than the bound."""
        most = self.most()
        if most is not None:
            if most <= bound:
                return None
            return next(minute for minute in self.requests() if self.count(minute) > bound)
        low, high = self.first, self.first
        while self.count(high) <= bound:
            high = 2 * high + min(self.every.values())
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.count(middle) <= bound else (low, middle)
        return low

    def horizon(self, full: int | None) -> int:
        """Give a last minute for a chart."""
        slowest = max(self.every.values()) + max(self.offset.values())
        if full is None:
            full = 0 if self.age is None and self.keep is None else self.settled() * 3 // 2
        return full + max(full // 10, slowest)


def largest_retention(
    every: Mapping[str, int], bounds: Sequence[tuple[str, PointCounts, int]]
) -> LargestRetention | None:
    """Find the largest retention that keeps every bound, by halving.

    Parameters
    ----------
    every : mapping of str to int
        The interval of each mode that is asked for, in minutes.
    bounds : sequence of (str, PointCounts, int)
        For each limit its row, the points that it is about, and the most that it allows.

    Returns
    -------
    LargestRetention or None
        None if nothing bounds the number, or not even a minute fits.
    """
    if not bounds:
        return None

    def fits(retention: Retention) -> bool:
        found = ((growth.under(retention).most(), bound) for _, growth, bound in bounds)
        return all(most is not None and most <= bound for most, bound in found)

    bound = max(bound for _, _, bound in bounds)
    too_long = min((bound + 1) * max(every.values()), timedelta.max // MINUTE)
    minutes = _halve(too_long, lambda number: fits(number * MINUTE))
    if not minutes:
        return None
    return LargestRetention(
        duration=minutes * MINUTE,
        application=-(-minutes // every["application"]) if "application" in every else 0,
        crash=-(-minutes // every["crash"]) if "crash" in every else 0,
        each=_halve(bound + 1, fits) or None,
        rows=tuple(row for row, _, _ in bounds),
    )


def _halve(too_many: int, fits: Callable[[int], bool]) -> int:
    """Find the largest number that fits; 0 if not even 1 does."""
    low, high = 0, max(too_many, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
