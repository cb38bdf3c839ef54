"""Schedules: how many restore points they make, and which limits they keep.

A schedule asks for a restore point at fixed intervals, in one consistency mode or in both, and
deletes what its retention no longer holds; :mod:`rpmatrix.planning.points` counts what that makes.
The limits are the rows of the table ``limits``, found by the fact that each of them bounds.

Two things are taken as the remedies of the limits have them. What has come of age is deleted
before the next point is asked for. Points that are there already count until the retention
deletes them, and for ever where nothing tells when they were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final

from rpmatrix.eligibility.assessment import Assessment, Question, fill_command
from rpmatrix.eligibility.rules import holds
from rpmatrix.inventory.facts import request_readings
from rpmatrix.inventory.inventory import RestorePoint, Vm, restore_points
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.schema import Row
from rpmatrix.planning.durations import MINUTE, Retention, in_days, in_hours
from rpmatrix.planning.points import LargestRetention, PointCounts, SeriesPoint, largest_retention

Existing = int | Iterable[RestorePoint] | None

_INTERVAL_FACTS: Final = {mode: f"hours_since_last_{mode}_point" for mode in MODES}
POINTS_FACT: Final = "restore_points_of_vm"
_CREATING_FACT: Final = "restore_points_being_created"
_COLLECTIONS_FACT: Final = "restore_point_collections_in_region"
STATES: Final = ("within", "unknown", "exceeded")

_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * _HOUR_MINUTES


class ScheduleError(ValueError):
    """A schedule makes no sense; the message says what would."""


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
    fact_id : str
        The fact that the limit bounds.
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
    fact_id: str = ""


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
    _growth: PointCounts = field(repr=False, compare=False)
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
        return tuple(line for line in self.limits if line.fact_id == POINTS_FACT)

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
        minute = (_aware(moment) - self.start) // MINUTE
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
        full = (self.full_at - self.start) // MINUTE if self.full_at else None
        if until is None:
            last = self._growth.horizon(full)
        else:
            last = (_aware(until) - self.start) // MINUTE
            if last < 1:
                raise ScheduleError(f"the series ends at {until}, before the schedule starts")
        longest = (datetime.max.replace(tzinfo=UTC) - self.start) // MINUTE
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


# --------------------------------------------------------------------------- what to offer

_HOURS_OF_A_DAY: Final = 24
_DAYS_KEPT: Final = (1, 7, 14, 30, 60, 90)


def usual_intervals(matrix: Matrix, mode: str) -> tuple[str, ...]:
    """Give intervals to offer for a mode: those that keep its limits, and come round by the day.

    Parameters
    ----------
    matrix : Matrix
        Its table ``limits`` says how short an interval may be.
    mode : str
        ``application`` or ``crash``.

    Returns
    -------
    tuple of str
        From the shortest on, as :func:`rpmatrix.planning.durations.parse_duration` reads them.
    """
    limits = [row for row in _deciding_limits(matrix) if row["fact_id"] == _INTERVAL_FACTS[mode]]
    return tuple(
        f"{hours}h" if hours < _HOURS_OF_A_DAY else f"{hours // _HOURS_OF_A_DAY}d"
        for hours in (*range(1, _HOURS_OF_A_DAY + 1), 7 * _HOURS_OF_A_DAY)
        if (_HOURS_OF_A_DAY % hours == 0 or hours % _HOURS_OF_A_DAY == 0)
        and all(_keeps(row, Fraction(hours)) for row in limits)
    )


def usual_retentions(matrix: Matrix) -> tuple[str, ...]:
    """Give retentions to offer: some days, the most points that both modes may keep, for ever.

    Parameters
    ----------
    matrix : Matrix
        Its table ``limits`` says how many points a VM may keep.

    Returns
    -------
    tuple of str
        As :func:`rpmatrix.planning.durations.parse_retention` reads them.
    """
    limits = [row for row in _deciding_limits(matrix) if row["fact_id"] == POINTS_FACT]
    most = min((_bound(row) for row in limits), default=0) // len(MODES)
    counted = [f"{most} points"] if most else []
    return (*(f"{days}d" for days in _DAYS_KEPT), *counted, "forever")


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
    collections = known.get(_COLLECTIONS_FACT)
    if collections is not None:
        collections = max(0, collections - (not has_collection))
    since = {
        mode: Fraction(known[fact])
        for mode, fact in _INTERVAL_FACTS.items()
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
    offset = {"application": 0, "crash": crash_after // MINUTE}
    rows = _deciding_limits(matrix)
    growth = PointCounts(
        minutes,
        offset,
        stay,
        old,
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
        collision=plan.collision([row for row in rows if row["fact_id"] == _CREATING_FACT]),
        largest_retention=largest_retention(minutes, bounds),
        points_bound=min((bound for _, _, bound in bounds), default=None),
        _growth=growth,
    )


@dataclass(frozen=True, slots=True)
class _Planned:
    """One schedule, ready to be held against one limit after the other."""

    matrix: Matrix
    start: datetime
    growth: PointCounts
    existing: int | None
    points: tuple[RestorePoint, ...]
    since: Mapping[str, Fraction]
    collections: int | None
    new_collections: int
    vm: Vm | None

    def line(self, row: Row) -> LimitLine | None:
        """Hold the schedule against one limit; None if the limit is about something else."""
        fact_id = row["fact_id"]
        for mode, named in _INTERVAL_FACTS.items():
            if fact_id == named:
                return self._interval(row, mode) if mode in self.growth.every else None
        if fact_id == POINTS_FACT:
            growth = self.growth.only(row["mode"])
            return self._points(row, growth) if growth.every else None
        if fact_id == _CREATING_FACT:
            return self._creating(row)
        if fact_id == _COLLECTIONS_FACT:
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

    def _points(self, row: Row, growth: PointCounts) -> LimitLine:
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
            crash_after=apart * MINUTE if apart else None,
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
            fact_id=row["fact_id"],
        )

    def _question(self, row: Row) -> Question:
        fact = self.matrix.facts[row["fact_id"]]
        vm = self.vm or Vm("", "", "", "", "", "", (), (), {})
        return Question(fact.id, fact.title, fill_command(fact.fetch, vm), fact.question, (row.id,))


def _deciding_limits(matrix: Matrix) -> list[Row]:
    return [row for row in matrix.table("limits") if not row["repeats"]]


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
        (point.mode, min(0, -((start - point.created) // MINUTE)))
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
    if duration % MINUTE:
        raise ScheduleError(f"{what} is {duration}; give whole minutes")
    return duration // MINUTE


def _at_least(number: int, least: int, what: str, unit: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ScheduleError(f"{what} is {number!r}; give a whole number of {unit}, {least} or more")
    return number
