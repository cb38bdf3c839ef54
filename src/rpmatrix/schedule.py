"""Schedules: how many restore points they make, and which limits they keep.

A schedule asks for a restore point at fixed intervals, in one consistency mode or in both, and
deletes what its retention no longer holds. Everything here is counted in whole minutes and exact
fractions, so that the last point that fits is the last one that fits. The limits are the rows of
the table ``limits``, found by the fact that each of them bounds.

Two things are taken as the remedies of the limits have them. What has come of age is deleted
before the next point is asked for. Points that are there already count until the retention
deletes them, and for ever where nothing tells when they were made.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final

from rpmatrix.eligibility import Assessment, Question, fill_command
from rpmatrix.facts import request_readings
from rpmatrix.inventory import RestorePoint, Vm, restore_points
from rpmatrix.matrix import MODES, Matrix
from rpmatrix.rules import holds
from rpmatrix.tables import Row

Retention = int | timedelta | None
Existing = int | Iterable[RestorePoint] | None

INTERVAL_FACTS: Final = {mode: f"hours_since_last_{mode}_point" for mode in MODES}
POINTS_FACT: Final = "restore_points_of_vm"
CREATING_FACT: Final = "restore_points_being_created"
COLLECTIONS_FACT: Final = "restore_point_collections_in_region"
STATES: Final = ("within", "unknown", "exceeded")

_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * _HOUR_MINUTES


class ScheduleError(ValueError):
    """A schedule, or a duration in it, makes no sense; the message says what would."""


# --------------------------------------------------------------------------- durations

_UNITS: Final = {
    "week": timedelta(weeks=1),
    "day": _DAY,
    "hour": timedelta(hours=1),
    "minute": _MINUTE,
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
    ScheduleError
        If it cannot be read, is nothing at all, or has no fixed length (months, years).

    Examples
    --------
    >>> parse_duration("PT3H") == parse_duration("3 hours")
    True
    """
    if not isinstance(text, str):
        raise ScheduleError(f"a duration is a text, not {text!r}; {_EXAMPLES}")
    plain = " ".join(text.split()).lower()
    if not plain:
        raise ScheduleError(f"the duration is empty; {_EXAMPLES}")
    if plain.startswith("-"):
        raise ScheduleError(f"{text!r} is negative; a duration is longer than nothing")
    if re.fullmatch(_NUMBER, plain):
        raise ScheduleError(f"{text!r} has no unit; write {plain}h for hours or {plain}d for days")
    if _CALENDAR.search(plain):
        raise ScheduleError(
            f"{text!r} has no fixed length, since months and years differ; write it in days"
        )
    iso = _ISO.fullmatch(plain)
    if iso and any(iso.groups()) and not plain.endswith("t"):
        parts = [(number, unit) for unit, number in iso.groupdict().items() if number]
    elif _PARTS.fullmatch(plain):
        parts = [(number, name) for number, name in _PART.findall(plain)]
    else:
        raise ScheduleError(f"{text!r} is no duration that is known here; {_EXAMPLES}")
    total = Fraction(0)
    for number, name in parts:
        if name not in _UNIT_NAMES:
            raise ScheduleError(f"{text!r} has the unit {name!r}, which is not known; {_EXAMPLES}")
        total += Fraction(number) * (_UNITS[_UNIT_NAMES[name]] // timedelta(microseconds=1))
    if total == 0:
        raise ScheduleError(f"{text!r} is nothing; a duration is longer than that")
    try:
        return timedelta(microseconds=round(total))
    except OverflowError:
        raise ScheduleError(f"{text!r} is longer than a calendar can hold") from None


def parse_retention(text: str) -> Retention:
    """Read how long, or how many, restore points are kept.

    Parameters
    ----------
    text : str
        A duration as :func:`parse_duration` reads it, a number of points of each mode such as
        ``200 points``, or ``forever``.

    Raises
    ------
    ScheduleError
        If it is neither.
    """
    plain = " ".join(str(text).split()).lower()
    if plain in ("forever", "for ever", "none", "unlimited"):
        return None
    counted = re.fullmatch(r"(\d{1,9})\s*(?:restore )?points?", plain)
    if counted:
        return _at_least(int(counted[1]), 1, "retention", "points")
    if plain.isdigit():
        raise ScheduleError(f"{text!r} has no unit; write {plain}d for days or {plain} points")
    return parse_duration(text)


def in_days(duration: timedelta) -> Fraction:
    """Give a duration in days, exactly."""
    return Fraction(duration // timedelta(microseconds=1), _DAY // timedelta(microseconds=1))


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


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class LimitLine:
    """How a schedule stands against one limit.

    Attributes
    ----------
    row, rows : str, tuple of str
        The row of ``limits``; it and the rows that say the same again.
    title, mode, scope, comparator, bound, unit, remedy
        The cells of the row; `bound` is its value.
    state : str
        ``within``, ``exceeded`` or ``unknown``.
    planned : int or Fraction or None
        What the schedule comes to, in the unit of the row: the shortest interval, or the largest
        count. None if that is not known, or grows without end.
    headroom : int or Fraction or None
        How far `planned` is from the bound; negative where it is beyond.
    reached_at : datetime or None
        The moment of the first request that breaks the limit; None if there is none, or none
        before the end of the calendar.
    source : str
        ``article``, or the source that is named instead.
    rulings : tuple of str
        The contradictions that touch the limit.
    question : Question or None
        What is missing, and the command that fetches it.
    """

    row: str
    rows: tuple[str, ...]
    title: str
    mode: str
    scope: str
    comparator: str
    bound: str
    unit: str
    remedy: str
    state: str
    planned: int | Fraction | None
    headroom: int | Fraction | None
    reached_at: datetime | None
    source: str
    rulings: tuple[str, ...]
    question: Question | None = None


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
class Collision:
    """Both modes ask for a point in the same minute.

    Attributes
    ----------
    first_at : datetime or None
        When that happens first; None if only after the end of the calendar.
    per_day : Fraction
        How often.
    crash_after : timedelta or None
        How long after the application schedule to start the crash schedule so that the two stay
        as far apart as they can; None if no whole minute keeps them apart.
    rows : tuple of str
        The limits it breaks.
    """

    first_at: datetime | None
    per_day: Fraction
    crash_after: timedelta | None
    rows: tuple[str, ...]


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


@dataclass(frozen=True)
class Schedule:
    """A schedule and what comes of it.

    Attributes
    ----------
    start : datetime
        When the first point is asked for.
    application_every, crash_every : timedelta or None
        The interval of each mode; None where the mode is not asked for.
    crash_after : timedelta
        How long after `start` the crash schedule begins.
    retention : int, timedelta or None
        How many points are kept of each mode, or how long; None for ever.
    existing : int or None
        Points of the VM that are there at the start; None if that is not known, and then all
        counts are of the points to come alone.
    vms : int
        How many VMs of one subscription and region follow the schedule.
    application_per_day, crash_per_day : Fraction
        Points of one VM a day.
    limits : tuple of LimitLine
        Every limit that a schedule can break.
    collision : Collision or None
        When both modes ask in the same minute.
    largest_retention : LargestRetention or None
        None if no retention keeps the number of points within the limit, or nothing bounds it.
    points_bound : int or None
        The most points a VM may keep: the line to draw in a chart.
    existing_at_least : bool
        Whether `existing` counts what an inventory shows, beside which there may be more.
    """

    start: datetime
    application_every: timedelta | None
    crash_every: timedelta | None
    crash_after: timedelta
    retention: Retention
    existing: int | None
    vms: int
    application_per_day: Fraction
    crash_per_day: Fraction
    limits: tuple[LimitLine, ...]
    collision: Collision | None
    largest_retention: LargestRetention | None
    points_bound: int | None
    _growth: _Growth = field(repr=False, compare=False)
    existing_at_least: bool = False

    @property
    def per_day(self) -> Fraction:
        """Points of one VM a day, both modes together."""
        return self.application_per_day + self.crash_per_day

    @property
    def state(self) -> str:
        """The worst state of any limit."""
        return max((line.state for line in self.limits), key=STATES.index, default="within")

    @property
    def points(self) -> tuple[LimitLine, ...]:
        """The limits on the number of points that a VM keeps."""
        rows = self._growth.point_rows
        return tuple(line for line in self.limits if line.row in rows)

    @property
    def full_at(self) -> datetime | None:
        """The moment of the first point that no longer fits; None if every point does."""
        return min((one.reached_at for one in self.points if one.reached_at), default=None)

    @property
    def lasts(self) -> timedelta | None:
        """How long it takes until a point no longer fits; None if every point does."""
        return self.full_at - self.start if self.full_at else None

    def count_at(self, moment: datetime) -> SeriesPoint:
        """Give the number of points at a moment, if every request until then succeeded."""
        minute = (_aware(moment) - self.start) // _MINUTE
        return self._growth.at(self.start, minute)

    def series(
        self, *, until: datetime | None = None, length: int = 200
    ) -> tuple[SeriesPoint, ...]:
        """Give the number of points over time, for a chart.

        Parameters
        ----------
        until : datetime, optional
            The last moment; if it is left out, a little after the limit is reached or, where it
            never is, after the number of points has settled.
        length : int
            The most entries to give; the moment at which the limit is reached is among them.

        Raises
        ------
        ScheduleError
            If `length` is below 3 or `until` is not after the start.
        """
        _at_least(length, 3, "the length of a series", "entries")
        full = (self.full_at - self.start) // _MINUTE if self.full_at else None
        if until is None:
            last = self._growth.horizon(full)
        else:
            last = (_aware(until) - self.start) // _MINUTE
            if last < 1:
                raise ScheduleError(f"the series ends at {until}, before the schedule starts")
        longest = (datetime.max.replace(tzinfo=UTC) - self.start) // _MINUTE
        last = min(last, longest)
        steps = min(length - 2, last)
        minutes = {last * step // steps for step in range(steps + 1)}
        if full is not None and full <= last:
            minutes.add(full)
        return tuple(self._growth.at(self.start, minute) for minute in sorted(minutes))

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object; durations in hours, fractions as decimals."""

        def plain(value: object) -> object:
            if isinstance(value, timedelta):
                return float(in_hours(value))
            if isinstance(value, Fraction):
                return float(value)
            return value.isoformat() if isinstance(value, datetime) else value

        largest, collision = self.largest_retention, self.collision
        keep = self.retention
        return {
            "start": self.start.isoformat(),
            "application_every_hours": plain(self.application_every),
            "crash_every_hours": plain(self.crash_every),
            "crash_after_hours": plain(self.crash_after),
            "retention_hours": plain(keep) if isinstance(keep, timedelta) else None,
            "retention_points": keep if isinstance(keep, int) else None,
            "existing": self.existing,
            "vms": self.vms,
            "application_per_day": plain(self.application_per_day),
            "crash_per_day": plain(self.crash_per_day),
            "per_day": plain(self.per_day),
            "state": self.state,
            "full_at": plain(self.full_at),
            "lasts_days": float(in_days(self.lasts)) if self.lasts is not None else None,
            "limits": [
                {
                    "row": line.row,
                    "rows": list(line.rows),
                    "title": line.title,
                    "mode": line.mode,
                    "state": line.state,
                    "planned": plain(line.planned),
                    "comparator": line.comparator,
                    "bound": line.bound,
                    "unit": line.unit,
                    "headroom": plain(line.headroom),
                    "reached_at": plain(line.reached_at),
                    "remedy": line.remedy,
                    "source": line.source,
                    "rulings": list(line.rulings),
                    "missing": line.question.command or line.question.ask if line.question else "",
                }
                for line in self.limits
            ],
            "collision": collision
            and {
                "first_at": plain(collision.first_at),
                "per_day": plain(collision.per_day),
                "crash_after_hours": plain(collision.crash_after),
                "rows": list(collision.rows),
            },
            "largest_retention": largest
            and {
                "days": plain(largest.days),
                "application": largest.application,
                "crash": largest.crash,
                "each": largest.each,
                "rows": list(largest.rows),
            },
        }


# --------------------------------------------------------------------------- counting


@dataclass(frozen=True, slots=True)
class _Growth:
    """The number of points over time, in whole minutes from the start; closed formulas.

    ``every`` and ``offset`` hold the modes asked for; ``old`` the points whose age is known, as
    mode and minute of creation, which is not after the start; ``stay`` counts those whose age
    is not.
    """

    every: Mapping[str, int]
    offset: Mapping[str, int]
    stay: int
    old: tuple[tuple[str, int], ...]
    age: int | None = None
    keep: int | None = None
    point_rows: frozenset[str] = frozenset()

    def only(self, mode: str) -> _Growth:
        """Give the points of one mode; what is of unknown mode may be of this one."""
        if mode == "both":
            return self
        every = {name: minutes for name, minutes in self.every.items() if name == mode}
        old = tuple(one for one in self.old if one[0] in (mode, ""))
        return replace(self, every=every, old=old)

    def under(self, retention: Retention) -> _Growth:
        """Give the same under another retention."""
        if isinstance(retention, timedelta):
            return replace(self, age=retention // _MINUTE, keep=None)
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
        return SeriesPoint(start + minute * _MINUTE, self.left(minute), **new)

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


def _largest(
    every: Mapping[str, int], bounds: Sequence[tuple[str, _Growth, int]]
) -> LargestRetention | None:
    """Find the largest retention that keeps every bound, by halving."""
    if not bounds:
        return None

    def fits(retention: Retention) -> bool:
        found = ((growth.under(retention).most(), bound) for _, growth, bound in bounds)
        return all(most is not None and most <= bound for most, bound in found)

    bound = max(bound for _, _, bound in bounds)
    too_long = min((bound + 1) * max(every.values()), timedelta.max // _MINUTE)
    minutes = _halve(too_long, lambda number: fits(number * _MINUTE))
    if not minutes:
        return None
    return LargestRetention(
        duration=minutes * _MINUTE,
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


# --------------------------------------------------------------------------- planning


def plan_schedule(
    matrix: Matrix,
    *,
    application_every: timedelta | None = None,
    crash_every: timedelta | None = None,
    retention: Retention = None,
    existing: Existing = 0,
    start: date | datetime | None = None,
    crash_after: timedelta = timedelta(0),
    vms: int = 1,
    collections: int | None = None,
    new_collections: int | None = None,
) -> Schedule:
    """Count what a schedule makes, and hold it against the limits of the matrix.

    Parameters
    ----------
    matrix : Matrix
        Its table ``limits`` decides.
    application_every, crash_every : timedelta, optional
        The interval of each mode, in whole minutes; at least one is needed.
    retention : int or timedelta, optional
        How many points are kept of each mode, or how long each is kept; for ever if left out.
    existing : int, restore points, or None
        The points that a VM has at the start. A number counts for ever; of the points that an
        inventory shows, the retention deletes those whose time is known. None if not known.
    start : date or datetime, optional
        When the first point is asked for; now if it is left out. UTC if no zone is given, and all
        moments of the result are UTC.
    crash_after : timedelta
        How long after `start` the crash schedule begins.
    vms : int
        How many VMs of one subscription and region follow the schedule.
    collections : int, optional
        Restore point collections that the subscription has in the region already.
    new_collections : int, optional
        Collections to be made; one for each VM if it is left out.

    Raises
    ------
    ScheduleError
        If no mode is asked for, or a number makes no sense; the message says which.
    """
    points: int | tuple[RestorePoint, ...] | None
    points = existing if existing is None or isinstance(existing, int) else tuple(existing)
    return _plan(
        matrix,
        every={"application": application_every, "crash": crash_every},
        retention=retention,
        existing=points,
        start=_start(start),
        crash_after=crash_after,
        vms=vms,
        collections=collections,
        new_collections=new_collections,
        since={},
        vm=None,
    )


def schedule_of(
    assessment: Assessment,
    vm: Vm | str,
    *,
    application_every: timedelta | None = None,
    crash_every: timedelta | None = None,
    retention: Retention = None,
    start: date | datetime | None = None,
    crash_after: timedelta = timedelta(0),
) -> Schedule:
    """Plan the schedule of one VM, with what the inventory shows of its points and collections.

    Parameters
    ----------
    assessment : Assessment
        Its inventory, and the answers given to it, tell what is there already.
    vm : Vm or str
        One of its VMs, or the name or id of one.
    application_every, crash_every, retention, start, crash_after
        As for :func:`plan_schedule`.

    Raises
    ------
    ScheduleError
        As :func:`plan_schedule`.
    LookupError
        If no VM, or more than one, answers to the name.
    """
    found = assessment.inventory.vm(vm) if isinstance(vm, str) else vm
    begin = _start(start)
    answers = assessment.evaluator.request_answers(found)
    readings = {**request_readings(found, assessment.inventory, begin), **answers}
    known = {name: one.value for name, one in readings.items() if isinstance(one.value, int)}
    points: int | tuple[RestorePoint, ...] | None = restore_points(found)
    if POINTS_FACT in answers and POINTS_FACT in known:
        # The facts of a request count the point, or the collection, that is asked for.
        points = max(0, known[POINTS_FACT] - 1)
    has_collection = bool(found.related.get("restore_point_collection"))
    collections = known.get(COLLECTIONS_FACT)
    if collections is not None:
        collections = max(0, collections - (not has_collection))
    since = {
        mode: Fraction(known[fact])
        for mode, fact in INTERVAL_FACTS.items()
        if fact in answers and fact in known
    }
    made = _plan(
        assessment.matrix,
        every={"application": application_every, "crash": crash_every},
        retention=retention,
        existing=points,
        start=begin,
        crash_after=crash_after,
        vms=1,
        collections=collections,
        new_collections=0 if has_collection else 1,
        since=since,
        vm=found,
    )
    return replace(made, existing_at_least=isinstance(points, tuple))


def _plan(
    matrix: Matrix,
    *,
    every: Mapping[str, timedelta | None],
    retention: Retention,
    existing: int | tuple[RestorePoint, ...] | None,
    start: datetime,
    crash_after: timedelta,
    vms: int,
    collections: int | None,
    new_collections: int | None,
    since: Mapping[str, Fraction],
    vm: Vm | None,
) -> Schedule:
    asked = {mode: given for mode, given in every.items() if given is not None}
    if not asked:
        raise ScheduleError("no interval is given; say how often for at least one mode")
    minutes = {mode: _minutes(given, f"the {mode} interval") for mode, given in asked.items()}
    if isinstance(retention, timedelta):
        _minutes(retention, "the retention")
    elif retention is not None:
        _at_least(retention, 1, "the retention", "points of each mode")
    _at_least(vms, 1, "vms", "VMs")
    for named, number in (("collections", collections), ("new_collections", new_collections)):
        if number is not None:
            _at_least(number, 0, named, "collections")
    if crash_after:
        _minutes(crash_after, "crash_after")

    stay, old = _before(existing, start)
    offset = {"application": 0, "crash": crash_after // _MINUTE}
    rows = [row for row in matrix.table("limits") if not row["repeats"]]
    growth = _Growth(
        minutes,
        offset,
        stay,
        old,
        point_rows=frozenset(row.id for row in rows if row["fact_id"] == POINTS_FACT),
    ).under(retention)
    plan = _Planned(
        matrix,
        start,
        growth,
        None if existing is None else stay + len(old),
        existing if isinstance(existing, tuple) else (),
        since,
        collections,
        vms if new_collections is None else new_collections,
        vm,
    )
    bounds = [
        (row.id, part, _bound(row))
        for row in rows
        if row["fact_id"] == POINTS_FACT and (part := growth.only(row["mode"])).every
    ]
    per_day = {mode: Fraction(_DAY_MINUTES, number) for mode, number in minutes.items()}
    return Schedule(
        start=start,
        application_every=every["application"],
        crash_every=every["crash"],
        crash_after=crash_after,
        retention=retention,
        existing=plan.existing,
        vms=vms,
        application_per_day=per_day.get("application", Fraction(0)),
        crash_per_day=per_day.get("crash", Fraction(0)),
        limits=tuple(line for row in rows if (line := plan.line(row))),
        collision=plan.collision([row for row in rows if row["fact_id"] == CREATING_FACT]),
        largest_retention=_largest(minutes, bounds),
        points_bound=min((bound for _, _, bound in bounds), default=None),
        _growth=growth,
    )


@dataclass(frozen=True, slots=True)
class _Planned:
    """One schedule, ready to be held against one limit after the other."""

    matrix: Matrix
    start: datetime
    growth: _Growth
    existing: int | None
    points: tuple[RestorePoint, ...]
    since: Mapping[str, Fraction]
    collections: int | None
    new_collections: int
    vm: Vm | None

    def line(self, row: Row) -> LimitLine | None:
        """Hold the schedule against one limit; None if the limit is about something else."""
        fact_id = row["fact_id"]
        for mode, named in INTERVAL_FACTS.items():
            if fact_id == named:
                return self._interval(row, mode) if mode in self.growth.every else None
        if fact_id == POINTS_FACT:
            growth = self.growth.only(row["mode"])
            return self._points(row, growth) if growth.every else None
        if fact_id == CREATING_FACT:
            return self._creating(row)
        if fact_id == COLLECTIONS_FACT:
            return self._collections(row)
        return None

    def _interval(self, row: Row, mode: str) -> LimitLine:
        every = Fraction(self.growth.every[mode], _HOUR_MINUTES)
        offset = self.growth.offset[mode]
        gaps = [
            Fraction((self.start - point.created) // timedelta(microseconds=1), 3_600_000_000)
            for point in self.points
            if point.mode == mode and point.created and point.created <= self.start
        ]
        last = self.since.get(mode, min(gaps, default=None))
        if last is not None:
            last += Fraction(offset, _HOUR_MINUTES)
        shortest = every if last is None else min(every, last)
        broken = None
        if not _keeps(row, shortest):
            early = last is not None and not _keeps(row, last)
            broken = offset if early else offset + self.growth.every[mode]
        return self._made(
            row,
            "within" if broken is None else "exceeded",
            shortest,
            shortest - Fraction(row["value"]),
            broken,
        )

    def _points(self, row: Row, growth: _Growth) -> LimitLine:
        bound = _bound(row)
        broken, most = growth.broken_at(bound), growth.most()
        state = "exceeded" if broken is not None else "within"
        if self.existing is None and broken is None:
            state, most = "unknown", None
        headroom = None if most is None else bound - most
        return self._made(row, state, most, headroom, broken, asks=self.existing is None)

    def _creating(self, row: Row) -> LimitLine:
        bound, every = _bound(row), self.growth.every
        now = sum(point.state.lower() == "creating" for point in self.points)
        at_first = sum(self.growth.offset[mode] == self.growth.first for mode in every)
        meets = self._meets()
        most = max(now + at_first, len(every) if meets is not None else 1)
        broken = None
        if most > bound:
            broken = self.growth.first if now + at_first > bound else meets
        state = "exceeded" if most > bound else "within"
        return self._made(row, state, most, bound - most, broken)

    def _collections(self, row: Row) -> LimitLine:
        bound = _bound(row)
        planned = (self.collections or 0) + self.new_collections
        if planned > bound:
            first = self.growth.first
            return self._made(row, "exceeded", planned, bound - planned, first)
        if self.collections is None:
            return self._made(row, "unknown", None, None, None, asks=True)
        return self._made(row, "within", planned, bound - planned, None)

    def _meets(self) -> int | None:
        """Give the first minute in which both modes ask; None if they never do."""
        every, offset = self.growth.every, self.growth.offset
        if len(every) < 2:
            return None
        one, other = MODES
        step = gcd(every[one], every[other])
        apart = offset[other] - offset[one]
        if apart % step:
            return None
        turn = every[other] // step
        rounds = apart // step * pow(every[one] // step, -1, turn) % turn if turn > 1 else 0
        minute = offset[one] + rounds * every[one]
        again = lcm(every[one], every[other])
        late = max(offset[one], offset[other]) - minute
        return minute + max(0, -(-late // again)) * again

    def collision(self, rows: Iterable[Row]) -> Collision | None:
        """Say when both modes ask in the same minute, and how to keep them apart."""
        meets = self._meets()
        if meets is None:
            return None
        every = self.growth.every
        apart = gcd(*every.values()) // 2
        return Collision(
            first_at=self._moment(meets),
            per_day=Fraction(_DAY_MINUTES, lcm(*every.values())),
            crash_after=apart * _MINUTE if apart else None,
            rows=tuple(row.id for row in rows if _bound(row) < len(every)),
        )

    def _moment(self, minute: int | None) -> datetime | None:
        if minute is None:
            return None
        try:
            return self.start + timedelta(minutes=minute)
        except OverflowError:
            return None

    def _made(
        self,
        row: Row,
        state: str,
        planned: int | Fraction | None,
        headroom: int | Fraction | None,
        broken: int | None,
        *,
        asks: bool = False,
    ) -> LimitLine:
        return LimitLine(
            row=row.id,
            rows=tuple(citation.row_id for citation in self.matrix.citations(row.id)),
            title=row["title"],
            mode=row["mode"],
            scope=row["scope"],
            comparator=row["comparator"],
            bound=row["value"],
            unit=row["unit"],
            remedy=row["remedy"],
            state=state,
            planned=planned,
            headroom=headroom,
            reached_at=self._moment(broken),
            source=self.matrix.citation(row.id).source or "article",
            rulings=self.matrix.rulings(row.id, row["mode"]),
            question=self._question(row) if asks else None,
        )

    def _question(self, row: Row) -> Question:
        fact = self.matrix.facts[row["fact_id"]]
        vm = self.vm or Vm("", "", "", "", "", "", (), (), {})
        return Question(fact.id, fact.title, fill_command(fact.fetch, vm), fact.question, (row.id,))


def _keeps(row: Row, hours: Fraction) -> bool:
    """Hold an interval against its limit; both are brought to a whole number of one unit."""
    bound = Fraction(row["value"])
    scale = lcm(hours.denominator, bound.denominator)
    return holds(row["comparator"], max(0, int(hours * scale)), str(int(bound * scale)))


def _bound(row: Row) -> int:
    """Give the largest count that a limit allows."""
    if row["comparator"] == "at_most":
        return int(row["value"])
    if row["comparator"] == "less_than":
        return int(row["value"]) - 1
    raise ScheduleError(
        f"{row.cell('comparator')}: {row.id} limits a count and says {row['comparator']!r}; "
        "it should say at_most or less_than"
    )


def _before(
    existing: int | tuple[RestorePoint, ...] | None, start: datetime
) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Part the points that are there: those of unknown age, and mode and minute of the others.

    A point from after the start counts as made at the start: it is there, and no older.
    """
    if existing is None:
        return 0, ()
    if isinstance(existing, int):
        return _at_least(existing, 0, "existing", "restore points"), ()
    dated = [
        (point.mode, min(0, -((start - point.created) // _MINUTE)))
        for point in existing
        if point.created
    ]
    return len(existing) - len(dated), tuple(dated)


def _start(given: date | datetime | None) -> datetime:
    if given is None:
        return datetime.now(UTC).replace(second=0, microsecond=0)
    if isinstance(given, datetime):
        return _aware(given)
    if isinstance(given, date):
        return datetime.combine(given, time(), UTC)
    raise ScheduleError(f"the start is a date or a moment, not {given!r}")


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _minutes(duration: timedelta, what: str) -> int:
    if not isinstance(duration, timedelta):
        raise ScheduleError(
            f"{what} is {duration!r}; give a timedelta, or read a text with parse_duration"
        )
    if duration <= timedelta(0):
        raise ScheduleError(f"{what} is {duration}; it has to be longer than nothing")
    if duration % _MINUTE:
        raise ScheduleError(f"{what} is {duration}; give whole minutes")
    return duration // _MINUTE


def _at_least(number: int, least: int, what: str, unit: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ScheduleError(f"{what} is {number!r}; give a whole number of {unit}, {least} or more")
    return number
