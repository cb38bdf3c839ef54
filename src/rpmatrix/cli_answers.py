"""The commands that answer one question: ``schedule``, ``copy``, ``encryption``, ``error``.

How often restore points may be made, in which region and under which key they can stand, and what
an error means. All that they advise is in the tables, and stands on a page with its rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.applicability import Disagreement
from rpmatrix.commands import CLIENTS
from rpmatrix.copies import CopyAnswer, CopyLine, FleetCopy, copy_of
from rpmatrix.durations import decimal, in_days, parse_duration, parse_retention
from rpmatrix.eligibility import Assessment, Question
from rpmatrix.encryption import EncryptionAnswer, EncryptionLine, encryption_of
from rpmatrix.errors import ErrorAnswer, ErrorMatch, look_up
from rpmatrix.inventory import Inventory, Vm
from rpmatrix.matrix import Matrix
from rpmatrix.schedule import LimitLine, Schedule, ScheduleError, plan_schedule, schedule_of
from rpmatrix.shell import (
    FINE,
    Page,
    Subcommand,
    UsageError,
    add_json,
    add_judging,
    add_output,
    add_overlay,
    add_paths,
    add_vms,
    bound_in_words,
    chosen_vms,
    cited,
    complain,
    count,
    few,
    judged,
    labels_of,
    listed,
    matrix_name,
    no_id,
    output,
    place_of,
    plain,
    print_json,
    print_problems,
    print_questions,
    print_rulings,
    read_by,
    read_matrix,
    titled,
    word,
)

if TYPE_CHECKING:
    pass

# How a copy and a limit look: as a verdict does.
_LOOK_OF_ANSWER: Final = {"supported_with_caveat": "supported"}
_LOOK_OF_STATE: Final = {
    "within": ("supported", "kept"),
    "exceeded": ("not_supported", "broken"),
    "unknown": ("unknown", "not known"),
}


# --- arguments --------------------------------------------------------------------------------


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


def add_client(
    parser: argparse.ArgumentParser, clients: Sequence[str] | None, *, default: str | None
) -> None:
    """Add the client: one of some, or whatever the matrix knows; needed without a default."""
    parser.add_argument(
        "--client",
        choices=clients,
        default=default,
        required=default is None,
        metavar="CLIENT",
        help=f"write for {', '.join(clients)}" + (f" (default: {default})" if default else "")
        if clients
        else f"what the copy is asked for with (default: {default})",
    )


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


def _copy_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    parser.add_argument(
        "--target-region", metavar="REGION", required=True, help="where the copy is to stand"
    )
    add_client(parser, None, default=CLIENTS[0])
    parser.add_argument(
        "--api-version", metavar="DATE", help="API version of the request, such as 2023-03-01"
    )
    add_vms(parser)
    add_judging(parser, mode="copies of this consistency mode (default: of whichever is possible)")
    add_json(parser)
    add_output(parser)


def _encryption_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    add_vms(parser)
    add_judging(parser, mode="restore points of this consistency mode (default: of both)")
    add_json(parser)
    add_output(parser)


def _error_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help="the error: its code or words, a file with it, or - for standard input (default)",
    )
    add_overlay(parser)
    add_json(parser)
    add_output(parser)


def words_of(matrix: Matrix, row_id: str) -> str:
    """Give what a row says to somebody who has to choose."""
    row = matrix.row(row_id)
    told = (f"{row['title']}.", row.get("caveat"), row.get("remedy"))
    return row.get("advice") or " ".join(text for text in told if text)


def deciding(copy: CopyAnswer) -> list[Question]:
    """Give the questions that the answer about a copy waits for."""
    reasons = set(copy.reasons)
    return [one for one in copy.questions if reasons & set(one.rows)] or list(copy.questions)


def _vms_of(result: Assessment, ids: Iterable[str]) -> list[Vm]:
    wanted = set(ids)
    return [vm for vm in result.inventory.vms if vm.id in wanted]


def copy_in_words(copy: CopyAnswer) -> str:
    """Tell the answer about a copy in one line."""
    rows = f" [{', '.join(copy.reasons)}]" if copy.answer in ("not_supported", "unknown") else ""
    return f"copy to {copy.target_region}: {word(copy.answer)}{rows}"


# --- schedule ---------------------------------------------------------------------------------


def run_schedule(arguments: argparse.Namespace) -> int:
    """Hold a schedule against the limits, with an inventory or without."""
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
    result = judged(arguments)
    chosen = chosen_vms(result.inventory, arguments.vm)
    return result, [(vm, schedule_of(result, vm, **asked)) for vm in chosen]


def _schedules_dict(
    matrix: Matrix, inventory: Inventory | None, made: Sequence[tuple[Vm | None, Schedule]]
) -> dict[str, Any]:
    return {
        "matrix": _matrix_dict(matrix),
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


def _matrix_dict(matrix: Matrix) -> dict[str, Any]:
    return {"digest": matrix.digest, "layers": list(matrix.layers)}


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
    page.prose(f"matrix {matrix_name(matrix)}")


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


# --- copy -------------------------------------------------------------------------------------


def run_copy(arguments: argparse.Namespace) -> int:
    """Say whether restore points can be copied."""
    result = judged(arguments, mode=arguments.mode)
    found = FleetCopy(
        arguments.target_region,
        arguments.client,
        tuple(
            copy_of(
                result,
                vm,
                target_region=arguments.target_region,
                client=arguments.client,
                mode=arguments.mode,
                api_version=arguments.api_version,
            )
            for vm in chosen_vms(result.inventory, arguments.vm)
        ),
    )
    with output(arguments.output) as stream:
        if arguments.json:
            whole = result.to_dict()
            print_json(
                {
                    "matrix": whole["matrix"],
                    "copies": found.to_dict(),
                    "problems": whole["problems"],
                    "counts": whole["counts"],
                },
                stream,
            )
        else:
            _print_copies(Page(stream), result, found)
    return FINE


def _print_copies(page: Page, result: Assessment, found: FleetCopy) -> None:
    matrix, labels = result.matrix, labels_of(result)
    answers = found.answers
    if len(answers) == 1:
        (answer,) = answers
        _print_copy_heading(page, answer, f"{labels[answer.vm_id]}: copy")
        if answer.answer in ("not_supported", "unknown"):
            for row_id in answer.reasons:
                page.line(titled(matrix, row_id), indent=2)
    else:
        _print_fleet_copy(page, matrix, found, labels)
    gathered: dict[tuple[str, ...], list[tuple[CopyAnswer, CopyLine]]] = {}
    for answer in answers:
        for line in answer.lines:
            gathered.setdefault((line.topic, line.applies, *line.rows), []).append((answer, line))
    topic = ""
    for (name, *_), members in gathered.items() if len(answers) == 1 else _by_topic(gathered):
        if name != topic:
            topic = name
            page.heading(word(topic).replace("-", " ").capitalize())
        _print_copy_line(page, members, labels, of=len(answers))
    _print_left_out(page, answers, labels)
    print_questions(
        page,
        matrix,
        [
            (labels[one.vm_id] if len(answers) > 1 else "", question)
            for one in answers
            for question in (deciding(one) if one.answer == "unknown" else one.questions)
        ],
        of=_vms_of(result, (one.vm_id for one in answers)),
    )
    _print_disagreements(page, (one for answer in answers for one in answer.disagreements))
    print_problems(page, result.inventory)
    page.blank()
    page.prose(f"matrix {matrix_name(matrix)}")


def _by_topic(
    gathered: Mapping[tuple[str, ...], list[tuple[CopyAnswer, CopyLine]]],
) -> list[tuple[tuple[str, ...], list[tuple[CopyAnswer, CopyLine]]]]:
    """Bring the lines of several VMs into the order of topics in which they came first."""
    order = list(dict.fromkeys(key[0] for key in gathered))
    return sorted(gathered.items(), key=lambda item: order.index(item[0][0]))


def _print_copy_heading(page: Page, copy: CopyAnswer, text: str) -> None:
    source = copy.source_region or "a region that the input does not show"
    page.verdict_line(
        f"{text} from {source} to {copy.target_region}: ",
        _LOOK_OF_ANSWER.get(copy.answer, copy.answer),
        word(copy.answer),
    )


def _print_fleet_copy(
    page: Page, matrix: Matrix, found: FleetCopy, labels: Mapping[str, str]
) -> None:
    rows = []
    for one in found.answers:
        decisive = one.reasons if one.answer in ("not_supported", "unknown") else ()
        rows.append(
            (
                page.text(labels[one.vm_id], style="bold"),
                page.text(one.source_region or "not known"),
                page.verdict(_LOOK_OF_ANSWER.get(one.answer, one.answer), word(one.answer)),
                page.text(*(titled(matrix, row) for row in decisive)),
            )
        )
    page.table(("VM", "From", f"Copy to {found.target_region}", "Because of"), rows, keep=3)
    page.blank()
    told = [f"{number} {word(name)}" for name, number in found.counts.items() if number]
    page.prose(f"{count(len(found.answers), 'VM')}: {', '.join(told)}")
    for label, rows_ in (("blocked by", found.blocking), ("left open by", found.open)):
        for row_id, number in rows_.items():
            page.prose(f"{label} {titled(matrix, row_id)}: {count(number, 'VM')}", indent=2)


def _print_copy_line(
    page: Page,
    members: Sequence[tuple[CopyAnswer, CopyLine]],
    labels: Mapping[str, str] | None = None,
    *,
    of: int = 1,
) -> None:
    """Print a rule once for the VMs that it is about, of so many; of one VM, name the disks."""
    _, line = members[0]
    perhaps = "" if line.applies == "yes" else "Perhaps: "
    page.prose(cited(f"{perhaps}{line.text}", line.rows), indent=2)
    if line.remedy:
        page.prose(cited(line.remedy, line.rows[:1]), indent=4)
    about = list(line.disks) if of == 1 else []
    if labels and len(members) < of:
        about = [labels[answer.vm_id] for answer, _ in members]
    concerned = f"{few(about)}; " if about else ""
    page.prose(f"{concerned}from: {line.source}", indent=4, style="dim")


def _print_left_out(page: Page, answers: Sequence[CopyAnswer], labels: Mapping[str, str]) -> None:
    if not any(one.left_out for one in answers):
        return
    page.heading("Disks that are in no restore point, and so in no copy")
    for one in listed(page, (one for one in answers if one.left_out)):
        for disk in one.left_out:
            where = f"{labels[one.vm_id]}, {place_of(disk)}"
            page.line(cited(f"{where}  {disk.id or no_id(disk)}", disk.rows), indent=2)


def print_copy_in_short(page: Page, matrix: Matrix, copy: CopyAnswer) -> None:
    """Print of a copy what the steps of the plan do not say."""
    page.blank()
    _print_copy_heading(page, copy, "Copy")
    if copy.answer in ("not_supported", "unknown"):
        for line in copy.lines:
            if line.rows[0] in copy.reasons:
                _print_copy_line(page, [(copy, line)])
    for line in copy.losses if copy.answer != "not_supported" else ():
        page.prose(cited(line.text, line.rows), indent=2)
    region = copy.target_region
    page.prose(f"Every rule of it: rpmatrix copy --target-region {region}", indent=2, style="dim")


def _print_disagreements(page: Page, found: Iterable[Disagreement]) -> None:
    every = list(dict.fromkeys(found))
    if not every:
        return
    page.heading("Where the sources differ")
    for one in every:
        page.line(f"{one.id}: {one.topic}", indent=2, style="bold")
        for name, text, rows in (
            ("a", one.reading_a, one.rows_a),
            ("b", one.reading_b, one.rows_b),
        ):
            taken = " (taken)" if one.adopted == name else ""
            sources = rows or ((one.source_b,) if name == "b" else ())
            page.prose(cited(f"{name}{taken}: {text}", sources), indent=4)
        page.prose(cited(f"{one.policy}: {one.reason}", [one.id]), indent=4)


# --- encryption -------------------------------------------------------------------------------

# What the stages are called, in the order in which they happen.
_STAGES: Final = {
    "impossible": "no restore point can be created",
    "left_out": "left out of the restore point",
    "source": "now",
    "prerequisites": "must be in place",
    "local": "restore point",
    "local_chosen": "restore point, if its request names the encryption",
    "copied": "copy in another region",
    "copied_chosen": "copy, if its request names the encryption",
    "restored": "restored disk",
    "restored_chosen": "restored disk, if its request names the encryption",
}
_IN_SHORT: Final = ("impossible", "source", "prerequisites", "local", "copied", "restored")


def run_encryption(arguments: argparse.Namespace) -> int:
    """Say what becomes of the encryption of every disk."""
    result = judged(arguments, mode=arguments.mode)
    chosen = chosen_vms(result.inventory, arguments.vm)
    answers = [one for vm in chosen for one in encryption_of(result, vm)]
    with output(arguments.output) as stream:
        if arguments.json:
            whole = result.to_dict()
            print_json(
                {
                    "matrix": whole["matrix"],
                    "disks": [one.to_dict() for one in answers],
                    "problems": whole["problems"],
                    "counts": whole["counts"],
                },
                stream,
            )
        else:
            _print_encryption(Page(stream), result, answers, several=len(chosen) > 1)
    return FINE


def _print_encryption(
    page: Page, result: Assessment, answers: Sequence[EncryptionAnswer], *, several: bool
) -> None:
    labels = labels_of(result)
    if not answers:
        page.line("no disk is listed in the input")
    for place, (disks, shown) in enumerate(_alike(answers, tuple(_STAGES))):
        if place:
            page.blank()
        names = [f"{labels[one.vm_id]}: {one.disk}" if several else one.disk for one in disks]
        page.line(few(names), style="bold")
        page.prose(_source_told(disks[0]), indent=2)
        if disks[0].encryption_set_id:
            page.line(disks[0].encryption_set_id, indent=2)
        for stage, lines in shown.items():
            page.label(_stage(stage, disks[0]))
            for line in lines:
                _print_encryption_line(page, result.matrix, line)
        for one in disks:
            for found in one.found:
                copied = "copy " if found.is_copy else ""
                there = found.type or "not shown"
                page.label(f"found in {copied}{found.restore_point or found.disk_restore_point}")
                page.prose(f"{one.disk}: {there}", indent=4)
                if found.encryption_set_id:
                    page.line(found.encryption_set_id, indent=6)
    print_questions(
        page,
        result.matrix,
        [(labels[one.vm_id] if several else "", q) for one in answers for q in one.questions],
        of=_vms_of(result, (one.vm_id for one in answers)),
    )
    _print_disagreements(page, (one for answer in answers for one in answer.disagreements))
    print_problems(page, result.inventory)
    page.blank()
    page.prose(f"matrix {matrix_name(result.matrix)}")


def _alike(
    answers: Iterable[EncryptionAnswer], stages: Sequence[str]
) -> list[tuple[list[EncryptionAnswer], dict[str, tuple[EncryptionLine, ...]]]]:
    """Put the disks together of which the same is to be said."""
    found: dict[Any, tuple[list[EncryptionAnswer], dict[str, tuple[EncryptionLine, ...]]]] = {}
    for one in answers:
        shown = {name: one.stages[name] for name in stages if one.stages[name]}
        mark = (one.type, one.customer_key, one.encryption_set_id, one.region, *shown.items())
        found.setdefault(mark, ([], shown))[0].append(one)
    return list(found.values())


def _source_told(answer: EncryptionAnswer) -> str:
    kind = answer.type or "kind of encryption not known"
    key = {"yes": "customer-managed key", "no": "no customer-managed key"}
    return f"{kind}, {key.get(answer.customer_key or '', 'key not known')}"


def _stage(name: str, answer: EncryptionAnswer) -> str:
    if name == "left_out" and answer.left_out_in:
        return f"{_STAGES[name]}, {' and '.join(answer.left_out_in)} consistency"
    return _STAGES[name]


def _print_encryption_line(page: Page, matrix: Matrix, line: EncryptionLine) -> None:
    perhaps = ""
    if line.applies != "yes":
        told = {row for row in line.rows if matrix.table_of(row) == "scenarios"} or line.rows
        perhaps = f"If {' or '.join(row for row in line.rows if row in told)} applies: "
    page.prose(cited(f"{perhaps}{line.text}", line.rows), indent=4)
    if line.remedy:
        page.prose(cited(line.remedy, line.rows[:1]), indent=6)
    page.prose(f"from: {line.source}", indent=6, style="dim")


def print_keys(page: Page, answers: Iterable[EncryptionAnswer], *, mode: str, copied: bool) -> None:
    """Print in short what becomes of the encryption of disks in restore points of a mode."""
    kept = [one for one in answers if mode not in one.left_out_in]
    if not kept:
        return
    page.heading("Encryption")
    stages = [name for name in _IN_SHORT if copied or name != "copied"]
    for disks, shown in _alike(kept, stages):
        page.line(few([one.disk for one in disks]), indent=2)
        entries = []
        for stage, lines in shown.items():
            # What holds for every disk whatever its key is left to the command of its own.
            sure = [line for line in lines if line.applies == "yes" and len(line.rows) > 1]
            for place, line in enumerate(sure):
                entries.append((_STAGES[stage] if place == 0 else "", cited(line.text, line.rows)))
        page.entries(entries, indent=4)
        if any(line.applies != "yes" for lines in shown.values() for line in lines):
            page.prose("Its key is not known, and much depends on that.", indent=4)
    rulings = dict.fromkeys(one.id for answer in kept for one in answer.disagreements)
    told = f"; the sources differ: rpmatrix show {' '.join(rulings)}" if rulings else ""
    page.prose(f"In full: rpmatrix encryption{told}", indent=2, style="dim")


# --- error ------------------------------------------------------------------------------------


_ERROR_FILES: Final = (".json", ".txt", ".log")
"""What ends like this is meant for a file, whether there is one or not."""


def run_error(arguments: argparse.Namespace) -> int:
    """Look an error up."""
    matrix = read_matrix(arguments.overlay)
    pasted = _pasted(arguments.text)
    try:
        answer = look_up(pasted, matrix)
    except UnicodeDecodeError:
        raise UsageError("neither UTF-8 nor UTF-16 text; is it an error message?") from None
    if not (answer.codes or answer.messages or answer.status):
        raise UsageError("nothing to look up: give the code, the message or the whole answer")
    with output(arguments.output) as stream:
        if arguments.json:
            print_json({"matrix": _matrix_dict(matrix), **answer.to_dict()}, stream)
        else:
            _print_error(Page(stream), matrix, answer)
    return FINE


def _pasted(words: Sequence[str]) -> str | bytes:
    """Give the error: words, what a file holds, or what comes on standard input."""
    if words and list(words) != ["-"]:
        text = " ".join(words)
        return _file_content(text) if len(words) == 1 else text
    if sys.stdin is None:
        raise UsageError("there is no standard input here; give the error as words")
    if sys.stdin.isatty():
        complain("paste the error, then end with Ctrl-D (Windows: Ctrl-Z and Enter) ...")
    return sys.stdin.buffer.read()


def _file_content(text: str) -> str | bytes:
    """Give what a file of this name holds, or the text itself if it can be no such name."""
    path = Path(text)
    try:
        if path.is_file():
            return path.read_bytes()
    except (OSError, ValueError):
        # Too long for a name, or with signs that none has; or a file that may not be read.
        if path.suffix.lower() in _ERROR_FILES:
            raise UsageError(f"cannot read {text!r}") from None
    if path.suffix.lower() in _ERROR_FILES:
        raise UsageError(f"there is no file {text!r}")
    return text


def _print_error(page: Page, matrix: Matrix, answer: ErrorAnswer) -> None:
    found = [
        *(("code", code) for code in answer.codes),
        *([("status", str(answer.status))] if answer.status else []),
    ]
    if answer.state == "known":
        told = "known" + (f": {word(answer.kind)}" if answer.kind else "")
        page.verdict_line("This error is ", "supported", told)
    elif answer.state == "possible":
        several = len(answer.matches) > 1
        told = "one of several: its message decides" if several else "perhaps known"
        page.verdict_line("This error is ", "exclude_disks", told)
    else:
        page.verdict_line("This error is ", "unknown", "not in the tables")
    page.entries(found)
    if answer.state != "known":
        page.prose("If this is a part of it, paste the whole: code and message.", indent=2)
    for match in answer.matches:
        page.blank()
        _print_match(page, matrix, match)
    if answer.nearest:
        page.heading("Nearest, which is no answer")
        for one in answer.nearest:
            page.prose(cited(one.meaning, [one.row]), indent=2)
            about = " and ".join(part for part in (one.code, one.fragment) if part)
            page.prose(f"known for: {about}", indent=4, style="dim")
    page.blank()
    page.prose(f"matrix {matrix_name(matrix)}")


def _print_match(page: Page, matrix: Matrix, match: ErrorMatch) -> None:
    perhaps = "" if match.certain else "Perhaps: "
    modes = "both modes" if match.mode == "both" else f"{match.mode} consistency"
    page.line(cited(f"{perhaps}{word(match.kind)}, {modes}", match.rows), style="bold")
    page.prose(cited(match.meaning, match.rows[:1]), indent=2)
    if match.action:
        page.prose(cited(f"To do: {match.action}", match.rows[:1]), indent=2)
    if not match.certain:
        fragments = " or ".join(map(repr, matrix.row(match.row).members("message_fragment")))
        page.prose(f"It is this one if the message says {fragments}.", indent=2)
    met = [f"the code {match.code}"] if match.code else []
    met += [f"the words {match.fragment!r}"] if match.fragment else []
    page.prose(f"recognised by {' and '.join(met)}", indent=2, style="dim")
    for citation in match.citations:
        page.prose(f"{citation}, reviewed {citation.reviewed_on}", indent=2, style="dim")


# --- the commands -----------------------------------------------------------------------------

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
    "copy": Subcommand(
        _copy_arguments,
        run_copy,
        """\
  rpmatrix copy vm.json disks.json --target-region northeurope
  rpmatrix copy exports/ --target-region northeurope --client portal
  rpmatrix copy exports/ --target-region northeurope --json""",
        """
Prints every rule of copying that applies or might, who says it, what a copy
loses, and for several VMs how many can be copied.""",
    ),
    "encryption": Subcommand(
        _encryption_arguments,
        run_encryption,
        """\
  rpmatrix encryption vm.json disks.json
  rpmatrix encryption exports/ --vm vm-1 --json""",
        """
For each disk: now, in the restore point, in its copy and after a restore;
what must be in place; both readings where the sources differ.""",
    ),
    "error": Subcommand(
        _error_arguments,
        run_error,
        """\
  rpmatrix error OperationNotAllowed
  rpmatrix error "VMRestorePointClientError: VSS Writers in bad state"
  rpmatrix error answer.json
  az restore-point create ... 2>&1 | rpmatrix error -""",
        """
Takes a code, a message, the output of a client or a whole JSON answer.""",
    ),
}
