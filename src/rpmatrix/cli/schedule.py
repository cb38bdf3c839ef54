"""The command that holds a schedule of restore points against the limits."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from rpmatrix.cli.shell import (
    FINE,
    Page,
    Subcommand,
    UsageError,
    add_json,
    add_judging,
    add_output,
    add_paths,
    add_vms,
    bound_in_words,
    chosen_vms,
    cited,
    judged,
    output,
    plain,
    print_foot,
    print_json,
    print_problems,
    print_rulings,
    read_by,
    read_matrix,
)
from rpmatrix.eligibility.assessment import Assessment
from rpmatrix.inventory.inventory import Inventory, Vm
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.durations import decimal, in_days, parse_duration, parse_retention
from rpmatrix.planning.schedule import (
    LimitLine,
    Schedule,
    ScheduleError,
    plan_schedule,
    schedule_of,
)

# How a limit looks: as a verdict does.
_LOOK_OF_STATE: Final = {
    "within": ("supported", "kept"),
    "exceeded": ("not_supported", "broken"),
    "unknown": ("unknown", "not known"),
}


def run_schedule(arguments: argparse.Namespace) -> int:
    """Check a schedule against the limits, with an inventory or without."""
    if arguments.application_every is None and arguments.crash_every is None:
        raise UsageError("say how often: --application-every DURATION, --crash-every DURATION")
    asked = {
        "application_every": arguments.application_every,
        "crash_every": arguments.crash_every,
        "retention": arguments.retention,
        "start": arguments.start,
        "crash_after": arguments.crash_after,
    }
    try:
        if arguments.paths:
            result, made = _schedules_of(arguments, asked)
            matrix, inventory = result.matrix, result.inventory
        else:
            matrix, inventory = read_matrix(arguments.overlay), None
            made = [(None, _schedule_alone(matrix, arguments, asked))]
    except ScheduleError as error:
        raise UsageError(str(error)) from error
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(_schedules_dict(matrix, inventory, made), stream)
        else:
            _print_schedules(Page(stream), matrix, inventory, made)
    return FINE


def _schedule_alone(
    matrix: Matrix, arguments: argparse.Namespace, asked: Mapping[str, Any]
) -> Schedule:
    for flag in ("vm", "assume"):
        if getattr(arguments, flag):
            raise UsageError(f"--{flag}: there is no VM without a PATH")
    return plan_schedule(
        matrix,
        existing=arguments.existing or 0,
        vms=arguments.vms or 1,
        collections=arguments.collections,
        **asked,
    )


def _schedules_of(
    arguments: argparse.Namespace, asked: Mapping[str, Any]
) -> tuple[Assessment, list[tuple[Vm | None, Schedule]]]:
    for flag in ("vms", "collections"):
        if getattr(arguments, flag) is not None:
            raise UsageError(f"--{flag}: the input tells; leave it out, or leave out the PATH")
    if arguments.existing is not None:
        # The fact counts the point that is asked for.
        arguments.assume.append(f"restore_points_of_vm={arguments.existing + 1}")
    result = judged(arguments, collections=True)
    chosen = chosen_vms(result.inventory, arguments.vm)
    return result, [(vm, schedule_of(result, vm, **asked)) for vm in chosen]


def _schedules_dict(
    matrix: Matrix, inventory: Inventory | None, made: Sequence[tuple[Vm | None, Schedule]]
) -> dict[str, Any]:
    return {
        "matrix": matrix.to_dict(),
        "vms": [
            {
                "vm_id": vm and vm.id,
                "vm_name": vm and vm.name,
                "schedule": schedule.to_dict(),
            }
            for vm, schedule in made
        ],
        "problems": plain(inventory.problems) if inventory else [],
        "counts": plain(inventory.counts) if inventory else {},
    }


def _print_schedules(
    page: Page,
    matrix: Matrix,
    inventory: Inventory | None,
    made: Sequence[tuple[Vm | None, Schedule]],
) -> None:
    if len(made) == 1:
        ((vm, schedule),) = made
        if vm:
            page.line(vm.name or vm.id, style="bold")
        print_schedule(page, matrix, schedule, alone=vm is None)
    else:
        rows = []
        for vm, schedule in made:
            look, told = _LOOK_OF_STATE[schedule.state]
            rows.append(
                (
                    page.text((vm.name or vm.id) if vm else "", style="bold"),
                    page.verdict(look, told),
                    page.text(_there_now(schedule)),
                    page.text(_when(schedule.full_at) if schedule.full_at else "never"),
                    page.text(
                        *(
                            cited(line.title, line.rows)
                            for line in schedule.limits
                            if line.state == schedule.state and line.state != "within"
                        )
                    ),
                )
            )
        page.table(("VM", "Limits", "Points now", "Full", "Which"), rows, keep=4)
        page.blank()
        page.prose("--vm NAME shows one with its limits and its largest retention.")
    if inventory:
        print_problems(page, inventory)
    page.blank()
    print_foot(page, matrix)


def print_schedule(page: Page, matrix: Matrix, schedule: Schedule, *, alone: bool = False) -> None:
    """Print a schedule and how it stands against each limit; `alone` if there is no input."""
    if not alone:
        page.blank()
    page.line(f"Schedule from {_when(schedule.start)} UTC", style="bold")
    modes = (
        ("application", schedule.application_every, schedule.application_per_day),
        ("crash", schedule.crash_every, schedule.crash_per_day),
    )
    entries = [
        (mode, f"every {_long(every)}: {decimal(often)} a day")
        for mode, every, often in modes
        if every is not None
    ]
    keep = schedule.retention
    kept = "for ever" if keep is None else f"{keep} of each mode"
    entries.append(("kept", f"for {_long(keep)}" if isinstance(keep, timedelta) else kept))
    entries.append(("there now", _there_now(schedule)))
    if schedule.vms > 1:
        entries.append(("VMs", str(schedule.vms)))
    page.entries(entries)
    page.blank()
    for line in schedule.limits:
        _print_limit(page, line, alone=alone, at_least=schedule.existing_at_least)
    _print_retention(page, schedule)
    meeting = schedule.collision
    if meeting:
        apart = f"; --crash-after {_long(meeting.crash_after, '')} keeps them apart"
        first_at = f", first at {_when(meeting.first_at)}" if meeting.first_at else ""
        page.prose(
            cited(
                f"Both modes ask in the same minute {decimal(meeting.per_day)} times a day"
                f"{first_at}{apart if meeting.crash_after else ''}",
                meeting.rows,
            ),
            indent=2,
        )
    print_rulings(page, matrix, (ruling for line in schedule.limits for ruling in line.rulings))


def _there_now(schedule: Schedule) -> str:
    if schedule.existing is None:
        return "not known"
    return f"at least {schedule.existing}" if schedule.existing_at_least else str(schedule.existing)


def _print_retention(page: Page, schedule: Schedule) -> None:
    rows = tuple(dict.fromkeys(row for line in schedule.points for row in line.rows))
    if schedule.full_at and schedule.lasts is not None:
        page.prose(
            cited(
                f"The first point that no longer fits: {_when(schedule.full_at)} UTC, after "
                f"{decimal(in_days(schedule.lasts))} days",
                rows,
            ),
            indent=2,
        )
    largest = schedule.largest_retention
    if largest is None:
        if schedule.points_bound is not None:
            page.prose(cited("No retention keeps the limit", rows), indent=2)
        return
    each = f", or {largest.each} points of each mode" if largest.each else ""
    page.prose(
        cited(f"Largest retention that fits: {decimal(largest.days)} days{each}", largest.rows),
        indent=2,
    )


def _print_limit(page: Page, line: LimitLine, *, alone: bool, at_least: bool) -> None:
    look, told = _LOOK_OF_STATE[line.state]
    if at_least and line.state == "within":
        told = f"{told}, by what is known"
    page.finding(look, told, cited(line.title, line.rows), indent=2)
    planned = "not known" if line.planned is None else decimal(line.planned)
    if line.planned is None and line.reached_at:
        planned = "without end"
    broken = f", broken at {_when(line.reached_at)} UTC" if line.reached_at else ""
    allowed = bound_in_words(line.comparator, line.bound, line.unit)
    page.prose(f"planned: {planned}; allowed: {allowed}{broken}", indent=4)
    if line.state == "exceeded":
        page.prose(cited(line.remedy, line.rows[:1]), indent=4)
    settles = line.question and (line.question.command or line.question.ask)
    if settles and not alone:
        page.line(f"add to the input: {settles}", indent=4)


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _long(duration: timedelta | None, between: str = " ") -> str:
    """Write a duration as it can be read again."""
    minutes = (duration or timedelta(0)) // timedelta(minutes=1)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{number}{between}{unit}"
        for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"))
        if number
    ]
    return between.join(parts)


# --- what it takes --------------------------------------------------------------------------------


def _moment(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no date; write it like 2026-03-01 or 2026-03-01T04:00"
        ) from None


def _number(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise ValueError(f"{text!r} is no whole number of {least} or more")
        return int(text)

    return read


def add_retention(parser: argparse.ArgumentParser) -> None:
    """Add how long restore points are kept."""
    parser.add_argument(
        "--retention",
        type=read_by(parse_retention),
        metavar="RETENTION",
        help="how long or how many restore points of each mode are kept, such as 30d, "
        "'100 points' or forever (default: forever)",
    )


def _schedule_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, needed=False)
    add_vms(parser)
    for mode in ("application", "crash"):
        parser.add_argument(
            f"--{mode}-every",
            type=read_by(parse_duration),
            metavar="DURATION",
            help=f"create a restore point with {mode} consistency this often, such as 4h",
        )
    add_retention(parser)
    parser.add_argument(
        "--crash-after",
        type=read_by(parse_duration),
        metavar="DURATION",
        default=timedelta(0),
        help="begin the crash schedule this long after the other",
    )
    parser.add_argument(
        "--start",
        type=read_by(_moment),
        metavar="DATE",
        help="when the first one is created, in UTC (default: now)",
    )
    parser.add_argument(
        "--existing",
        type=read_by(_number(0)),
        metavar="N",
        help="restore points that each VM has already (default: what the input shows, 0 without)",
    )
    parser.add_argument(
        "--vms",
        type=read_by(_number(1)),
        metavar="N",
        help="VMs of one subscription and region that follow the schedule, without an input",
    )
    parser.add_argument(
        "--collections",
        type=read_by(_number(0)),
        metavar="N",
        help="restore point collections that are in that region already, without an input",
    )
    add_judging(parser, mode=argparse.SUPPRESS)
    add_json(parser)
    add_output(parser)


SUBCOMMANDS: Final = {
    "schedule": Subcommand(
        _schedule_arguments,
        run_schedule,
        """\
  rpmatrix schedule --application-every 4h --crash-every 1h --retention 30d
  rpmatrix schedule --crash-every 1h --existing 120 --start 2026-03-01
  rpmatrix schedule exports/ --vm vm-1 --application-every 8h""",
        """
Works without any input; with one, it counts the restore points and the
collections that the input shows.""",
    ),
}
