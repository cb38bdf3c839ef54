"""Schedules: figures, limits, and the arithmetic against a plain simulation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from overlays import write_overlay

from rpmatrix.eligibility.assessment import assess, fill_command
from rpmatrix.inventory.inventory import RestorePoint, read_inventory, with_sources_of_collections
from rpmatrix.matrix.matrix import MODES, Matrix, load_matrix
from rpmatrix.planning.durations import decimal, in_days, in_hours, parse_duration, parse_retention
from rpmatrix.planning.schedule import (
    Schedule,
    ScheduleError,
    plan_schedule,
    schedule_of,
    usual_intervals,
    usual_retentions,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


def line(schedule: Schedule, row: str) -> Any:
    return next(one for one in schedule.limits if one.row == row)


def point(mode: str, age: timedelta | None, state: str = "Succeeded") -> RestorePoint:
    created = None if age is None else START - age
    return RestorePoint("", "", mode, created, state, False)


# --- figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("application", "crash", "per_day", "days", "shown", "kept"),
    [
        (3 * HOUR, None, 8, Fraction(125, 2), "62.5", (500, 0)),
        (None, HOUR, 24, Fraction(125, 6), "20.8", (0, 500)),
        (3 * HOUR, HOUR, 32, Fraction(125, 8), "15.6", (125, 375)),
        (DAY, None, 1, Fraction(500), "500", (500, 0)),
        (None, 90 * MINUTE, 16, Fraction(125, 4), "31.2", (0, 500)),
    ],
)
def test_how_long_the_points_of_a_vm_last(
    matrix: Matrix,
    application: timedelta | None,
    crash: timedelta | None,
    per_day: int,
    days: Fraction,
    shown: str,
    kept: tuple[int, int],
) -> None:
    schedule = plan_schedule(
        matrix, application_every=application, crash_every=crash, start=date(2026, 3, 1)
    )
    assert schedule.per_day == per_day
    assert schedule.full_at == START + timedelta(days=1) * float(days)
    assert schedule.lasts is not None
    assert in_days(schedule.lasts) == days
    assert decimal(days) == shown
    largest = schedule.largest_retention
    assert largest is not None
    assert largest.days == days
    assert (largest.application, largest.crash) == kept
    assert line(schedule, "lim-rp-per-vm").state == "exceeded"


def test_points_a_day_are_exact(matrix: Matrix) -> None:
    schedule = plan_schedule(matrix, application_every=7 * HOUR, crash_every=11 * HOUR, start=START)
    assert schedule.application_per_day == Fraction(24, 7)
    assert schedule.per_day == Fraction(24, 7) + Fraction(24, 11)


@pytest.mark.parametrize(
    ("retention", "state", "most", "headroom"),
    [
        (62 * DAY + 12 * HOUR, "within", 500, 0),
        (62 * DAY + 12 * HOUR + MINUTE, "exceeded", 501, -1),
        (30 * DAY, "within", 240, 260),
        (500, "within", 500, 0),
        (501, "exceeded", 501, -1),
        (None, "exceeded", None, None),
    ],
)
def test_retention_against_the_number_of_points(
    matrix: Matrix, retention: Any, state: str, most: int | None, headroom: int | None
) -> None:
    schedule = plan_schedule(matrix, application_every=3 * HOUR, retention=retention, start=START)
    found = line(schedule, "lim-rp-per-vm")
    assert (found.state, found.planned, found.headroom) == (state, most, headroom)
    assert (found.reached_at is None) == (state == "within")


@pytest.mark.parametrize(
    ("mode", "row", "every", "state", "headroom"),
    [
        ("application", "min-interval-app", 3 * HOUR, "within", 0),
        ("application", "min-interval-app", 3 * HOUR - MINUTE, "exceeded", Fraction(-1, 60)),
        ("crash", "min-interval-crash", HOUR, "within", 0),
        ("crash", "min-interval-crash", 59 * MINUTE, "exceeded", Fraction(-1, 60)),
        ("crash", "min-interval-crash", 90 * MINUTE, "within", Fraction(1, 2)),
    ],
)
def test_the_shortest_interval(
    matrix: Matrix, mode: str, row: str, every: timedelta, state: str, headroom: Fraction
) -> None:
    asked: dict[str, Any] = {f"{mode}_every": every}
    found = line(plan_schedule(matrix, start=START, **asked), row)
    assert (found.state, found.headroom) == (state, headroom)
    assert found.planned == in_hours(every)
    # The second request is the first that comes too soon.
    assert found.reached_at == (START + every if state == "exceeded" else None)
    assert "interval-note" in found.rows


def test_a_mode_that_is_not_asked_for_has_no_interval(matrix: Matrix) -> None:
    schedule = plan_schedule(matrix, crash_every=HOUR, start=START)
    assert {one.row for one in schedule.limits} == {
        "lim-concurrent",
        "lim-rp-per-vm",
        "lim-rpc-per-region",
        "min-interval-crash",
    }


@pytest.mark.parametrize(("since", "state"), [(2 * HOUR, "exceeded"), (3 * HOUR, "within")])
def test_the_first_request_comes_after_the_points_that_are_there(
    matrix: Matrix, since: timedelta, state: str
) -> None:
    schedule = plan_schedule(
        matrix,
        application_every=6 * HOUR,
        existing=[point("application", since), point("crash", MINUTE)],
        start=START,
    )
    found = line(schedule, "min-interval-app")
    assert found.state == state
    assert found.reached_at == (START if state == "exceeded" else None)
    assert found.planned == in_hours(since)


# --- one creation at a time --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("application", "crash", "after", "first", "per_day", "advice"),
    [
        (180, 60, 0, 0, 8, 30),
        (180, 60, 30, None, 0, None),
        (180, 60, 120, 180, 8, 30),
        (240, 90, 20, None, 0, None),
        (240, 90, 60, 240, 2, 15),
        (181, 60, 7, 7 + 60 * 21, Fraction(1440, 181 * 60), None),
    ],
)
def test_both_modes_in_the_same_minute(
    matrix: Matrix,
    application: int,
    crash: int,
    after: int,
    first: int | None,
    per_day: Fraction,
    advice: int | None,
) -> None:
    schedule = plan_schedule(
        matrix,
        application_every=application * MINUTE,
        crash_every=crash * MINUTE,
        crash_after=after * MINUTE,
        start=START,
    )
    found = line(schedule, "lim-concurrent")
    if first is None:
        assert schedule.collision is None
        assert (found.state, found.planned, found.reached_at) == ("within", 1, None)
        return
    assert schedule.collision is not None
    assert schedule.collision.first_at == START + first * MINUTE == found.reached_at
    assert schedule.collision.per_day == per_day
    assert schedule.collision.rows == ("lim-concurrent",)
    assert (found.state, found.planned, found.headroom) == ("exceeded", 2, -1)
    expected = None if advice is None else advice * MINUTE
    assert schedule.collision.crash_after == expected
    if expected is not None:
        apart = plan_schedule(
            matrix,
            application_every=application * MINUTE,
            crash_every=crash * MINUTE,
            crash_after=expected,
            start=START,
        )
        assert apart.collision is None


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 900))
def test_collisions_are_the_common_minutes(application: int, crash: int, after: int) -> None:
    schedule = plan_schedule(
        load_matrix(),
        application_every=application * MINUTE,
        crash_every=crash * MINUTE,
        crash_after=after * MINUTE,
        start=START,
    )
    last = after + application * crash
    asked = set(range(0, last + 1, application)) & set(range(after, last + 1, crash))
    found = schedule.collision.first_at if schedule.collision else None
    assert found == (START + min(asked) * MINUTE if asked else None)


def test_a_point_that_is_being_created_counts(matrix: Matrix) -> None:
    busy = [point("application", 9 * HOUR, "Creating")]
    schedule = plan_schedule(matrix, crash_every=HOUR, existing=busy, start=START)
    found = line(schedule, "lim-concurrent")
    assert (found.state, found.planned, found.reached_at) == ("exceeded", 2, START)


# --- collections -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vms", "collections", "state", "planned"),
    [
        (1, 9_999, "within", 10_000),
        (1, 10_000, "exceeded", 10_001),
        (400, 9_600, "within", 10_000),
        (401, 9_600, "exceeded", 10_001),
        (1, None, "unknown", None),
        (10_001, None, "exceeded", 10_001),
    ],
)
def test_collections_of_a_subscription_and_region(
    matrix: Matrix, vms: int, collections: int | None, state: str, planned: int | None
) -> None:
    schedule = plan_schedule(
        matrix, crash_every=HOUR, vms=vms, collections=collections, start=START
    )
    found = line(schedule, "lim-rpc-per-region")
    assert (found.state, found.planned) == (state, planned)
    assert (found.reached_at == START) == (state == "exceeded")
    assert (found.question is not None) == (state == "unknown")
    if found.question:
        assert found.question.fact_id == "restore_point_collections_in_region"
        assert found.question.command.startswith("az ")


# --- points that are there ---------------------------------------------------------------------


def test_a_number_of_points_stays_for_ever(matrix: Matrix) -> None:
    schedule = plan_schedule(
        matrix, application_every=3 * HOUR, retention=30 * DAY, existing=300, start=START
    )
    assert line(schedule, "lim-rp-per-vm").planned == 540
    assert schedule.largest_retention is not None
    assert schedule.largest_retention.days == 25
    assert schedule.largest_retention.application == 200


def test_points_of_a_known_age_go_when_their_time_has_come(matrix: Matrix) -> None:
    old = [point("application", age * 3 * HOUR) for age in range(1, 240)]
    schedule = plan_schedule(
        matrix, application_every=3 * HOUR, retention=30 * DAY, existing=old, start=START
    )
    # The schedule goes on as it was: one comes, one goes.
    assert schedule.existing == 239
    assert line(schedule, "lim-rp-per-vm").planned == 240
    assert {one.count for one in schedule.series()} == {240}


def test_points_without_a_date_stay(matrix: Matrix) -> None:
    old = [point("", None)] * 400
    schedule = plan_schedule(
        matrix, application_every=3 * HOUR, retention=30 * DAY, existing=old, start=START
    )
    assert line(schedule, "lim-rp-per-vm").state == "exceeded"
    assert schedule.full_at == START + 100 * 3 * HOUR


def test_a_full_vm_takes_no_further_point(matrix: Matrix) -> None:
    schedule = plan_schedule(matrix, crash_every=HOUR, retention=DAY, existing=500, start=START)
    assert schedule.full_at == START
    assert schedule.lasts == timedelta(0)
    assert schedule.largest_retention is None


def test_unknown_points_leave_the_answer_open_unless_it_is_no_anyway(matrix: Matrix) -> None:
    asked: dict[str, Any] = {"crash_every": HOUR, "existing": None, "start": START}
    known = line(plan_schedule(matrix, retention=10 * DAY, **asked), "lim-rp-per-vm")
    assert (known.state, known.planned) == ("unknown", None)
    assert known.question is not None
    assert known.question.fact_id == "restore_points_of_vm"
    sure = line(plan_schedule(matrix, retention=21 * DAY, **asked), "lim-rp-per-vm")
    assert sure.state == "exceeded"


# --- against a plain simulation ----------------------------------------------------------------


def simulate(
    every: dict[str, int],
    offset: dict[str, int],
    old: list[tuple[str, int | None]],
    retention: int | timedelta | None,
    last: int,
) -> dict[int, int]:
    """Step through the minutes with a request: delete what is due, create, count."""
    kept: list[tuple[str, int | None]] = list(old)
    counts = {}
    for minute in range(last + 1):
        due = [m for m in every if minute >= offset[m] and (minute - offset[m]) % every[m] == 0]
        if not due:
            continue
        if isinstance(retention, timedelta):
            age = retention // MINUTE
            kept = [one for one in kept if one[1] is None or minute - one[1] < age]
        for mode in due:
            kept.append((mode, minute))
            if isinstance(retention, int):
                mine = sorted(one[1] for one in kept if one[0] == mode and one[1] is not None)
                gone = set(mine[:-retention])
                kept = [one for one in kept if one[0] != mode or one[1] not in gone]
        counts[minute] = len(kept)
    return counts


intervals = st.integers(1, 60)
modes = st.sampled_from([("application",), ("crash",), ("application", "crash")])


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    asked = draw(modes)
    every = {mode: draw(intervals) for mode in asked}
    offset = {"application": 0, "crash": draw(st.integers(0, 70))}
    born = st.one_of(st.none(), st.integers(-300, -1))
    names = st.sampled_from(["application", "crash", ""])
    old = draw(st.lists(st.tuples(names, born), max_size=12, unique_by=lambda one: one[1] or one))
    ages = st.integers(1, 400).map(lambda minutes: minutes * MINUTE)
    return {
        "every": every,
        "offset": offset,
        "old": old,
        "retention": draw(st.one_of(ages, st.integers(1, 20))),
        "bound": draw(st.integers(1, 40)),
    }


def bounded(bound: int, **changes: str) -> Matrix:
    """The matrix with another limit on the points of a VM."""
    matrix = load_matrix()
    row = matrix.row("lim-rp-per-vm")
    changes["value"] = str(bound)
    cells = [changes.get(name, row[name]) for name in row]
    rows = dict(matrix._rows)
    rows["limits"] = {**rows["limits"], row.id: replace(row, cells=tuple(cells))}
    return replace(matrix, _rows=rows, _prepared={})


def planned(plan: dict[str, Any], retention: Any) -> Schedule:
    old = [
        RestorePoint("", "", mode, None if at is None else START + at * MINUTE, "", False)
        for mode, at in plan["old"]
    ]
    return plan_schedule(
        bounded(plan["bound"]),
        application_every=plan["every"].get("application", 0) * MINUTE or None,
        crash_every=plan["every"].get("crash", 0) * MINUTE or None,
        crash_after=plan["offset"]["crash"] * MINUTE,
        retention=retention,
        existing=old,
        start=START,
    )


def played(plan: dict[str, Any], retention: Any) -> dict[int, int]:
    """Simulate until everything has been seen: ages run out, and the phases come round."""
    every = plan["every"]
    span = (
        retention // MINUTE if isinstance(retention, timedelta) else retention * max(every.values())
    )
    round_ = 1
    for minutes in every.values():
        round_ *= minutes
    last = plan["offset"]["crash"] + span + 2 * round_ + 120
    return simulate(every, plan["offset"], plan["old"], retention, last)


@given(plans())
def test_a_schedule_that_fits_never_has_more_points_than_the_limit(plan: dict[str, Any]) -> None:
    schedule = planned(plan, plan["retention"])
    found = line(schedule, "lim-rp-per-vm")
    counts = played(plan, plan["retention"])
    beyond = [minute for minute, count in counts.items() if count > plan["bound"]]
    assert found.planned == max(counts.values())
    assert found.state == ("exceeded" if beyond else "within")
    assert found.reached_at == (START + min(beyond) * MINUTE if beyond else None)


@given(plans())
def test_the_count_at_any_moment_is_that_of_the_simulation(plan: dict[str, Any]) -> None:
    schedule = planned(plan, plan["retention"])
    for minute, count in list(played(plan, plan["retention"]).items())[:80]:
        assert schedule.count_at(START + minute * MINUTE).count == count


@given(plans())
def test_the_largest_retention_fits_and_the_next_does_not(plan: dict[str, Any]) -> None:
    largest = planned(plan, None).largest_retention
    if largest is None:
        assert line(planned(plan, MINUTE), "lim-rp-per-vm").state == "exceeded"
        return
    fits = line(planned(plan, largest.duration), "lim-rp-per-vm")
    too_long = line(planned(plan, largest.duration + MINUTE), "lim-rp-per-vm")
    assert (fits.state, too_long.state) == ("within", "exceeded")
    assert max(played(plan, largest.duration).values()) <= plan["bound"]
    if largest.each is not None:
        assert line(planned(plan, largest.each), "lim-rp-per-vm").state == "within"
    above = line(planned(plan, (largest.each or 0) + 1), "lim-rp-per-vm")
    assert above.state == "exceeded"


@given(plans(), st.integers(1, 200))
def test_a_longer_retention_never_has_fewer_points(plan: dict[str, Any], more: int) -> None:
    retention = plan["retention"]
    longer = retention + (more * MINUTE if isinstance(retention, timedelta) else more)
    short, long = planned(plan, retention), planned(plan, longer)
    assert short.points[0].planned <= long.points[0].planned
    if short.full_at:
        assert long.full_at is not None
        assert long.full_at <= short.full_at


@given(intervals, intervals, st.integers(1, 30))
def test_a_longer_interval_lasts_longer(every: int, other: int, more: int) -> None:
    assume(every + more <= 90)

    def of(minutes: int) -> Schedule:
        return plan_schedule(
            bounded(40), application_every=minutes * MINUTE, crash_every=other * MINUTE, start=START
        )

    often, seldom = of(every), of(every + more)
    assert often.per_day > seldom.per_day
    assert often.full_at is not None
    assert seldom.full_at is not None
    assert often.full_at <= seldom.full_at
    assert often.largest_retention is not None
    assert seldom.largest_retention is not None
    assert often.largest_retention.duration <= seldom.largest_retention.duration


# --- series ------------------------------------------------------------------------------------


@given(plans(), st.integers(3, 60))
def test_a_series_is_short_ordered_and_shows_the_limit(plan: dict[str, Any], length: int) -> None:
    schedule = planned(plan, plan["retention"])
    series = schedule.series(length=length)
    moments = [one.moment for one in series]
    assert 2 <= len(series) <= length
    assert moments == sorted(set(moments))
    assert moments[0] == START
    if schedule.full_at:
        assert schedule.full_at in moments
        assert any(one.count > plan["bound"] for one in series)
    assert all(one == schedule.count_at(one.moment) for one in series)


def test_a_series_may_end_where_it_is_told(matrix: Matrix) -> None:
    schedule = plan_schedule(matrix, crash_every=HOUR, start=START)
    series = schedule.series(until=START + 10 * HOUR, length=12)
    assert [one.count for one in series] == list(range(1, 12))
    assert series[-1].moment == START + 10 * HOUR
    with pytest.raises(ScheduleError, match="before the schedule starts"):
        schedule.series(until=START)
    with pytest.raises(ScheduleError, match="3 or more"):
        schedule.series(length=2)


# --- one VM of an inventory --------------------------------------------------------------------

VM_ID = "/subscriptions/0a0a/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/till-7"
COLLECTION_ID = VM_ID.replace("virtualMachines/till-7", "restorePointCollections/till-7-points")


def till() -> dict[str, Any]:
    return {
        "id": VM_ID,
        "name": "till-7",
        "type": "Microsoft.Compute/virtualMachines",
        "location": "northeurope",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "storageProfile": {
                "osDisk": {"osType": "Linux", "name": "till-7-os"},
                "dataDisks": [],
            },
        },
    }


def collection(*points: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "id": COLLECTION_ID,
        "name": "till-7-points",
        "location": "North Europe",
        "properties": {
            "source": {"id": VM_ID.upper()},
            "restorePoints": [
                {
                    "id": f"{COLLECTION_ID}/restorePoints/{name}",
                    "name": name,
                    "properties": {
                        "consistencyMode": mode,
                        "timeCreated": created,
                        "provisioningState": "Succeeded",
                    },
                }
                for name, mode, created in points
            ],
        },
    }


def test_a_vm_without_collections_is_unknown_with_the_command_that_tells(matrix: Matrix) -> None:
    result = assess(read_inventory(till()), matrix)
    schedule = schedule_of(result, "till-7", crash_every=HOUR, retention=DAY, start=START)
    assert schedule.existing is None
    assert schedule.state == "unknown"
    found = line(schedule, "lim-rp-per-vm")
    assert found.question is not None
    fetch = matrix.facts["restore_points_of_vm"].fetch
    assert found.question.command == fill_command(fetch, result.inventory.vm("till-7"))
    assert "shop" in found.question.command


def test_a_vm_with_collections_counts_what_is_there(matrix: Matrix) -> None:
    listed = collection(
        ("one", "CrashConsistent", "2026-02-28T22:30:00Z"),
        ("two", "CrashConsistent", "2026-02-28T23:30:00Z"),
    )
    result = assess(read_inventory(till(), listed), matrix)
    vm = result.inventory.vm("till-7")
    schedule = schedule_of(result, vm, crash_every=HOUR, retention=DAY, start=START)
    assert schedule.existing == 2
    # The two are half an hour older than their neighbours: both are there for one hour more.
    assert line(schedule, "lim-rp-per-vm").planned == 25
    # Its collection is there, so none is added.
    assert line(schedule, "lim-rpc-per-region").planned == 1
    soon = line(schedule, "min-interval-crash")
    assert (soon.state, soon.planned, soon.reached_at) == ("exceeded", Fraction(1, 2), START)


def test_collections_alone_count_for_the_vms_that_they_name(matrix: Matrix) -> None:
    listed = collection(("one", "CrashConsistent", "2026-02-28T22:30:00Z"))
    alone = read_inventory(listed)
    assert alone.vms == ()
    result = assess(with_sources_of_collections(alone), matrix)
    (vm,) = result.inventory.vms
    assert vm.id == listed["properties"]["source"]["id"]
    assert schedule_of(result, vm, crash_every=HOUR, start=START).existing == 1
    both = with_sources_of_collections(read_inventory(till(), listed))
    assert len(both.vms) == 1


def test_what_a_person_answers_counts(matrix: Matrix) -> None:
    # As in the tables, the numbers include the point and the collection that are asked for.
    answers = {
        "restore_points_of_vm": "481",
        "till-7:restore_point_collections_in_region": "12",
        "hours_since_last_crash_point": "0",
    }
    result = assess(read_inventory(till()), matrix, answers=answers)
    schedule = schedule_of(result, "till-7", crash_every=HOUR, retention=DAY, start=START)
    assert schedule.existing == 480
    assert line(schedule, "lim-rp-per-vm").planned == 504
    assert schedule.full_at == START + 20 * HOUR
    assert line(schedule, "lim-rpc-per-region").planned == 12
    assert line(schedule, "min-interval-crash").planned == 0


# --- citations, and the JSON object ------------------------------------------------------------


def test_every_limit_is_cited(matrix: Matrix) -> None:
    schedule = plan_schedule(
        matrix, application_every=3 * HOUR, crash_every=HOUR, existing=None, start=START
    )
    for one in schedule.limits:
        row = matrix.row(one.row)
        assert one.rows[0] == one.row
        assert all(matrix.has_row(named) for named in one.rows)
        assert (one.title, one.bound, one.unit) == (row["title"], row["value"], row["unit"])
        assert one.remedy == row["remedy"]
        assert one.source == "article"
    assert line(schedule, "min-interval-app").rulings == ("c2", "c3")
    assert schedule.collision is not None
    assert schedule.collision.rows == ("lim-concurrent",)
    assert schedule.largest_retention is not None
    assert schedule.largest_retention.rows == ("lim-rp-per-vm",)


def test_the_bound_comes_from_the_table() -> None:
    schedule = plan_schedule(bounded(10), crash_every=HOUR, start=START)
    assert schedule.points_bound == 10
    assert schedule.full_at == START + 10 * HOUR


@pytest.mark.parametrize(
    ("mode", "comparator", "lasts", "largest"),
    [
        ("both", "at_most", 8, (2, 8)),
        ("both", "less_than", 7, (2, 7)),
        ("crash", "at_most", 10, (3, 10)),
        ("application", "at_most", 40, (10, 40)),
        ("application", "less_than", 36, (9, 36)),
    ],
)
def test_a_limit_of_another_layer_may_be_worded_otherwise(
    mode: str, comparator: str, lasts: int, largest: tuple[int, int]
) -> None:
    matrix = bounded(10, mode=mode, comparator=comparator)
    schedule = plan_schedule(
        matrix, application_every=4 * HOUR, crash_every=HOUR, crash_after=30 * MINUTE, start=START
    )
    assert schedule.largest_retention is not None
    kept = schedule.largest_retention
    assert (kept.application, kept.crash) == largest
    assert schedule.lasts is not None
    assert schedule.lasts // HOUR == lasts
    alone = plan_schedule(matrix, application_every=4 * HOUR, start=START)
    assert bool(alone.points) == (mode != "crash")


def test_a_limit_that_says_nonsense_is_an_error_that_names_the_cell() -> None:
    matrix = bounded(10, comparator="at_least")
    with pytest.raises(ScheduleError, match=r"limits\.csv:[A-Z]+\d+: lim-rp-per-vm limits a count"):
        plan_schedule(matrix, crash_every=HOUR, start=START)


def test_the_json_object_is_plain(matrix: Matrix) -> None:
    import json

    schedule = plan_schedule(
        matrix, application_every=3 * HOUR, crash_every=HOUR, retention=15 * DAY, start=START
    )
    told = json.loads(json.dumps(schedule.to_dict()))
    assert told["per_day"] == 32
    assert told["retention_hours"] == 360
    assert told["largest_retention"] == {
        "days": 15.625,
        "application": 125,
        "crash": 375,
        "each": 250,
        "rows": ["lim-rp-per-vm"],
    }
    assert {one["row"]: one["state"] for one in told["limits"]}["lim-concurrent"] == "exceeded"


# --- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no interval is given"),
        ({"crash_every": timedelta(0)}, "the crash interval is 0:00:00"),
        ({"crash_every": timedelta(seconds=90)}, "give whole minutes"),
        ({"crash_every": "1h"}, "parse_duration"),
        ({"crash_every": HOUR, "retention": 0}, "the retention is 0"),
        ({"crash_every": HOUR, "retention": -DAY}, "the retention is -1 day"),
        ({"crash_every": HOUR, "retention": True}, "the retention is True"),
        ({"crash_every": HOUR, "existing": -1}, "existing is -1"),
        ({"crash_every": HOUR, "vms": 0}, "vms is 0"),
        ({"crash_every": HOUR, "collections": -1}, "collections is -1"),
        ({"crash_every": HOUR, "crash_after": -HOUR}, "crash_after is -1 day"),
        ({"crash_every": HOUR, "start": "today"}, "a date or a moment"),
    ],
)
def test_a_schedule_that_makes_no_sense(
    matrix: Matrix, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScheduleError, match=message):
        plan_schedule(matrix, **given)


def test_a_moment_without_zone_is_utc_and_one_with_a_zone_is_brought_to_it(matrix: Matrix) -> None:
    naive = plan_schedule(matrix, crash_every=HOUR, start=datetime(2026, 3, 1))
    east = datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert naive.start == START == plan_schedule(matrix, crash_every=HOUR, start=east).start


@pytest.mark.parametrize("days", [20_000, 999_999_999])
def test_a_limit_after_the_end_of_the_calendar_is_never_reached(matrix: Matrix, days: int) -> None:
    schedule = plan_schedule(
        matrix, application_every=days * DAY, crash_every=days * DAY, start=START
    )
    assert schedule.full_at is None
    assert line(schedule, "lim-rp-per-vm").state == "exceeded"
    assert len(schedule.series()) > 2


# --- what to offer ------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, 3, 5, 24, 25])
def test_intervals_that_are_offered_keep_the_limits(tmp_path: Path, hours: int) -> None:
    rows = [
        {"like": row, "value": str(hours), "source": "A keeper's log"}
        for row in ("min-interval-app", "min-interval-crash")
    ]
    layered = load_matrix(write_overlay(tmp_path / "own", {"limits": rows}))
    for mode in MODES:
        offered = usual_intervals(layered, mode)
        lengths = [parse_duration(one) for one in offered]
        assert lengths == sorted(lengths)
        assert ("1d" in offered, offered[-1]) == (hours <= 24, "7d")
        for length in lengths:
            asked: dict[str, Any] = {f"{mode}_every": length, "retention": 1, "collections": 0}
            assert plan_schedule(layered, **asked).state == "within"


@pytest.mark.parametrize(("most", "offered"), [("500", "250 points"), ("7", "3 points"), ("1", "")])
def test_retentions_that_are_offered_keep_the_limit_in_both_modes(
    tmp_path: Path, most: str, offered: str
) -> None:
    rows = [{"like": "lim-rp-per-vm", "value": most, "source": "A keeper's log"}]
    layered = load_matrix(write_overlay(tmp_path / "own", {"limits": rows}))
    found = usual_retentions(layered)
    assert [one for one in found if "points" in one] == [offered][: bool(offered)]
    assert [parse_retention(one) for one in found][-1] is None
    if offered:
        both = plan_schedule(
            layered, application_every=DAY, crash_every=DAY, retention=parse_retention(offered)
        )
        assert {one.state for one in both.points} == {"within"}
