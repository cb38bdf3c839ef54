"""A schedule for people: how it stands against each limit, and a chart of points over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from rpmatrix.common.words import amount, duration, plural
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.titles import MODE_TITLES, OPERATORS
from rpmatrix.planning.durations import Retention, decimal, in_days
from rpmatrix.planning.points import SeriesPoint
from rpmatrix.planning.schedule import STATES, Schedule
from rpmatrix.view.markup import (
    Child,
    Html,
    badge,
    bullets,
    codes,
    details,
    fragment,
    page,
    paragraph,
    section,
    soft,
    table,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import named_rows, questions_once, rows_behind, ruling_card


def schedule(found: Schedule, matrix: Matrix) -> str:
    """Show how a schedule stands against the limits, with a chart of points over time.

    Parameters
    ----------
    found : Schedule
        As :func:`rpmatrix.planning.schedule.plan_schedule` gives it.
    matrix : Matrix
        What decided; it has both readings of each contradiction.
    """
    return page(schedule_part(matrix, found))


def schedule_part(matrix: Matrix, found: Schedule) -> Html:
    """Show what :func:`schedule` does as a part of another page."""
    asked = [
        f"{MODE_TITLES[mode].lower()} every {duration(every)}"
        for mode, every in zip(MODES, (found.application_every, found.crash_every), strict=True)
        if every
    ]
    rulings = dict.fromkeys(ruling for line in found.limits for ruling in line.rulings)
    return fragment(
        [
            title("Schedule: " + " and ".join(asked)),
            soft(
                f"From {_moment(found.start)} on, kept {_kept(found.retention)}",
                f", crash consistency starting {duration(found.crash_after)} later"
                if found.crash_after and found.crash_every
                else None,
                f", for {plural(found.vms, 'VM')}" if found.vms > 1 else None,
            ),
            _schedule_card(found),
            _chart(found),
            section("Each limit", _limits(found)),
            _collision(found),
            questions_once(
                [one.question for one in found.limits if one.question],
                "What would make the count sure",
            ),
            section(
                "Where sources contradict each other",
                *(ruling_card(matrix, one) for one in rulings),
            ),
        ]
    )


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _kept(retention: Retention) -> str:
    if retention is None:
        return "for ever"
    if isinstance(retention, int):
        return f"until there are {retention:,} of a mode"
    return duration(retention)


def _schedule_card(found: Schedule) -> Html:
    facts: list[Child] = []
    for state, words in (("exceeded", "Broken: "), ("unknown", "Not known: ")):
        titles = [line.title for line in found.limits if line.state == state]
        if titles:
            facts.append(fragment([tag("strong", words), "; ".join(titles), "."]))
    per_day = f"{decimal(found.per_day)} restore points a day for each VM"
    if found.application_per_day and found.crash_per_day:
        per_day += (
            f": {decimal(found.application_per_day)} application-consistent and "
            f"{decimal(found.crash_per_day)} crash-consistent"
        )
    facts.append(f"{per_day}.")
    if found.existing is None:
        facts.append(
            "The number of existing restore points is unknown; counts include new ones only."
        )
    elif found.existing:
        facts.append(f"The VM has {plural(found.existing, 'restore point')} at the start.")
    if found.full_at and found.lasts is not None:
        facts.append(
            fragment(
                [
                    tag("strong", f"{decimal(in_days(found.lasts))} days"),
                    " until a restore point no longer fits: the first that does not is that of ",
                    tag("strong", _moment(found.full_at)),
                    ". ",
                    codes(one.row for one in found.points if one.reached_at),
                ]
            )
        )
    largest = found.largest_retention
    if largest:
        each = f", or {plural(largest.each, 'point')} of each mode" if largest.each else ""
        facts.append(
            fragment(
                [
                    "The largest retention that fits is ",
                    tag("strong", f"{decimal(largest.days)} days"),
                    f" ({duration(largest.duration)}){each}, beside no other points. ",
                    codes(largest.rows),
                ]
            )
        )
    elif found.points_bound is not None:
        facts.append("No retention keeps the number of points within the limit.")
    return tag(
        "div",
        paragraph(tag("strong", "Limits"), " ", badge(found.state)),
        bullets(facts),
        class_="rpm-card",
    )


def _limits(found: Schedule) -> Html:
    rows = []
    for line in sorted(found.limits, key=lambda line: -STATES.index(line.state)):
        unit = line.unit
        planned = "not known" if line.planned is None else amount(decimal(line.planned), unit)
        if line.planned is None and line.state == "exceeded":
            planned = "grows without end"
        bound = f"{OPERATORS[line.comparator]}{amount(decimal(Fraction(line.bound)), unit)}"
        reached = _moment(line.reached_at) if line.reached_at else "never"
        rows.append(
            [
                line.title,
                badge(line.state),
                planned,
                bound,
                reached if line.state != "unknown" else "not known",
                wide(
                    [
                        line.remedy if line.state != "within" else None,
                        rows_behind(line.rows, line.source, line.rulings),
                    ]
                ),
            ]
        )
    columns = ["Limit", "State", "This schedule", "Limit is", "Broken first", "What to do"]
    return table("Limits", columns, rows, whole=True)


def _collision(found: Schedule) -> Html:
    meets = found.collision
    if meets is None:
        return Html("")
    first = f", for the first time at {_moment(meets.first_at)}" if meets.first_at else ""
    apart = (
        f"Start the crash schedule {duration(meets.crash_after)} after the other, and they stay "
        "as far apart as they can."
        if meets.crash_after
        else "No whole minute keeps them apart with these intervals."
    )
    return section(
        "Both modes in the same minute",
        paragraph(
            f"{decimal(meets.per_day)} times a day both modes ask for a point{first}. {apart}"
        ),
        named_rows(meets.rows) or "",
    )


# The chart is drawn in units that a narrow page shrinks and a wide one stretches a little.
_WIDTH, _HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 24, 52
_SERIES: Final = (
    ("all", "all", "rpm-line-all"),
    ("application", "application", "rpm-line-application"),
    ("crash", "crash", "rpm-line-crash"),
    ("existing", "before", "rpm-line-existing"),
)


def _chart(found: Schedule) -> Html:
    """Draw the points over time against the limit; the same points stand in a table below."""
    points = found.series(length=(_WIDTH - _LEFT - _RIGHT) // 3)
    bound = found.points_bound
    highest = max([*(one.count for one in points), bound or 0, 1])
    step = _round_step(highest / 5)
    ceiling = -(-highest * 21 // 20 // step) * step
    first, last = points[0].moment, points[-1].moment

    def x(moment: datetime) -> str:
        share = (moment - first) / (last - first)
        return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f}"

    def y(count: float) -> str:
        return f"{_HEIGHT - _BOTTOM - count / ceiling * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    def line(class_: str, value: Callable[[SeriesPoint], int]) -> Html:
        path = f"M{x(first)} {y(value(points[0]))}" + "".join(
            f"H{x(one.moment)}V{y(value(one))}" for one in points[1:]
        )
        return tag("path", d=path, class_=f"rpm-line {class_}", fill="none", stroke="currentColor")

    def text(words: str, across: str, down: str, anchor: str, class_: str | None = None) -> Html:
        return tag(
            "text", words, x=across, y=down, text_anchor=anchor, fill="currentColor", class_=class_
        )

    def rule(down: str, class_: str, end: str = f"{_WIDTH - _RIGHT}") -> Html:
        return tag("path", d=f"M{_LEFT} {down}H{end}", class_=class_, stroke="currentColor")

    counts: Mapping[str, Callable[[SeriesPoint], int]] = {
        "all": lambda one: one.count,
        "application": lambda one: one.application,
        "crash": lambda one: one.crash,
        "existing": lambda one: one.existing,
    }
    kinds = [name for name in counts if name != "all" and any(map(counts[name], points))]
    drawn = [one for one in _SERIES if one[0] == "all" or (len(kinds) > 1 and one[0] in kinds)]
    marks: list[Html] = []
    for count in range(0, ceiling + 1, step):
        marks += [rule(y(count), "rpm-grid"), text(f"{count:,}", f"{_LEFT - 6}", y(count), "end")]
    days = in_days(last - first)
    every = max(1, _round_step(float(days) / 3)) if days >= 3 else 0
    ticks = [first + timedelta(days=day) for day in range(0, int(days) + 1, every)] if every else []
    for moment in ticks or (first, last):
        shown = f"{moment:%Y-%m-%d}" if every else f"{moment:%m-%d %H:%M}"
        share = (moment - first) / (last - first)
        anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
        marks.append(text(shown, x(moment), f"{_HEIGHT - _BOTTOM + 16}", anchor))
    marks += [line(class_, counts[name]) for name, _, class_ in reversed(drawn)]
    if bound is not None:
        words = f"limit {bound:,}"
        above = f"{float(y(bound)) - 9:.1f}"
        marks += [rule(y(bound), "rpm-limit"), text(words, f"{_LEFT + 4}", above, "start")]
    if found.full_at and first <= found.full_at <= last:
        at = x(found.full_at)
        marks.append(
            tag(
                "path",
                d=f"M{at} {_TOP}V{_HEIGHT - _BOTTOM}",
                class_="rpm-limit",
                stroke="currentColor",
            )
        )
        anchor = "end" if float(at) > _WIDTH / 2 else "start"
        marks.append(text(f"full {found.full_at:%Y-%m-%d}", at, f"{_TOP - 8}", anchor))
    place = _LEFT
    for _, words, class_ in drawn:
        down = f"{_HEIGHT - 12}"
        marks.append(
            tag(
                "path",
                d=f"M{place} {_HEIGHT - 16}h22",
                class_=f"rpm-line {class_}",
                fill="none",
                stroke="currentColor",
            )
        )
        marks.append(text(words, f"{place + 27}", down, "start"))
        place += 27 + 7 * len(words) + 16
    drawing = tag(
        "svg",
        marks,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="rpm-chart",
        role="img",
        aria_label=_chart_in_words(found, points),
    )
    return section("Points over time", drawing, _chart_in_numbers(points))


def _round_step(wanted: float) -> int:
    """Give the next larger of 1, 2, 5, 10, 20, 50 and so on."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale >= wanted:
                return step * scale
        scale *= 10


def _chart_in_words(found: Schedule, points: Sequence[SeriesPoint]) -> str:
    first, last = points[0], points[-1]
    words = (
        f"Restore points of a VM over time: {first.count:,} on {first.moment:%Y-%m-%d}, "
        f"{last.count:,} on {last.moment:%Y-%m-%d}."
    )
    if found.points_bound is not None:
        words += f" The limit is {found.points_bound:,}"
        words += f"; it is reached on {found.full_at:%Y-%m-%d}." if found.full_at else "."
    return words


def _chart_in_numbers(points: Sequence[SeriesPoint]) -> Html:
    some = points[:: max(1, len(points) // 8)]
    some = some if some[-1] is points[-1] else (*some, points[-1])
    rows = [
        [
            _moment(one.moment),
            *(f"{count:,}" for count in (one.count, one.application, one.crash, one.existing)),
        ]
        for one in some
    ]
    columns = ["Moment", "All", "Application", "Crash", "There before the start"]
    return details("The same in numbers", table("Points over time", columns, rows))
