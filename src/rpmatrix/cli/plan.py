"""The commands that follow from a verdict: ``plan`` says what to do, ``commands`` what to paste.

All advice is in the tables, and stands on a page with the ids of its rows. What restores or
deletes is another day's work, and is shown only when its phase is asked for; a change that may not
be called for is never written.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rpmatrix.cli.copies import add_client, copy_in_words, deciding, print_copy_in_short
from rpmatrix.cli.encryption import print_keys
from rpmatrix.cli.schedule import add_retention, print_schedule
from rpmatrix.cli.shell import (
    FINE,
    LISTED,
    TABLED,
    UNDEPLOYED,
    Page,
    Subcommand,
    UsageError,
    add_json,
    add_judging,
    add_output,
    add_paths,
    add_vms,
    chosen_vms,
    cited,
    complain,
    count,
    few,
    judged,
    labels_of,
    listed,
    output,
    plain,
    print_foot,
    print_json,
    print_problems,
    print_questions,
    printable,
    read_by,
    summary_of,
    tell_untabled,
    titled,
    values_of,
    word,
    working,
)
from rpmatrix.eligibility.assessment import Assessment, Question, Verdict
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.commands.write import CLIENTS, Command, write
from rpmatrix.planning.durations import Retention, parse_duration
from rpmatrix.planning.names import Names, PlanError
from rpmatrix.planning.permissions import Permissions
from rpmatrix.planning.plan import PHASES, SAFE_PHASES, Group, NotSaved, Plan, Step, VmPlan, plan
from rpmatrix.planning.schedule import ScheduleError
from rpmatrix.planning.steps import DISK_RESTORE_POINT_NAME
from rpmatrix.planning.what_if import Change, WhatIf

ALL: Final = "all"
PHASES_OFFERED: Final = tuple(name for name in PHASES if name != "mode")
WRITTEN_PHASES: Final = tuple(name for name in SAFE_PHASES if name != "settle")
"""The phases of ``commands``: what settles a verdict is a message, since nothing is created."""

SHOWN_PLANS: Final = 5
"""Plans that a page shows whole, unless the VMs are named."""

# --- arguments --------------------------------------------------------------------------------


def _phases(text: str) -> tuple[str, ...]:
    names = [part.strip().replace("-", "_") for part in text.split(",") if part.strip()]
    for name in names or [text]:
        if name not in (*PHASES_OFFERED, ALL):
            raise ValueError(f"{name!r} is none of {', '.join((*PHASES_OFFERED, ALL))}")
    return PHASES_OFFERED if ALL in names else tuple(names)


def _chosen_phases(arguments: argparse.Namespace, usual: Sequence[str]) -> tuple[str, ...]:
    wanted = {name for names in arguments.phase for name in names} or set(usual)
    return tuple(name for name in PHASES_OFFERED if name in wanted)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    """Add what a plan depends on beside the verdict."""
    parser.add_argument(
        "--target-region", metavar="REGION", default="", help="copy the restore points there"
    )
    parser.add_argument(
        "--phase",
        action="append",
        default=[],
        type=read_by(_phases),
        metavar="PHASE",
        help=f"only this part: {', '.join(PHASES_OFFERED)} or {ALL}; repeat it or part several "
        "by commas (default: what neither restores nor deletes)",
    )
    for flag, what in (
        ("--collection", "name of the collection (default: after the VM)"),
        ("--restore-point", "name of the restore point (default: after the VM)"),
        ("--resource-group", "where the collection is created (default: that of the VM)"),
        ("--target-collection", "name of the collection of the copies (default: after its source)"),
        ("--target-resource-group", "where that is created (default: that of its source)"),
    ):
        parser.add_argument(flag, metavar="NAME", default="", help=what)


def _plan_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    add_vms(parser)
    add_judging(parser, mode="plan this consistency mode (default: the recommended one)")
    _add_plan(parser)
    add_client(parser, CLIENTS, default=CLIENTS[0])
    parser.add_argument(
        "--every",
        type=read_by(parse_duration),
        metavar="DURATION",
        help="create a restore point this often, such as 4h",
    )
    add_retention(parser)
    add_json(parser)
    add_output(parser)


def _commands_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    add_client(parser, CLIENTS, default=None)
    add_vms(parser)
    add_judging(parser, mode="write for this consistency mode (default: the recommended one)")
    _add_plan(parser)
    add_json(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write to this file instead; in a folder (files/), each Bicep or Terraform text "
        "gets a file of its own",
    )


# --- plan -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _StepText:
    """A step of a plan, written for a client."""

    step: Step
    commands: tuple[Command, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(command.text for command in self.commands if command.possible)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for one in self.commands for note in one.notes))


def _written(matrix: Matrix, found: VmPlan, client: str, phases: Iterable[str]) -> list[_StepText]:
    """Write the steps of some phases."""
    return [
        _StepText(step, tuple(write(one, client, matrix=matrix) for one in step.operations))
        for step in found.steps
        if step.phase in phases
    ]


def run_plan(arguments: argparse.Namespace) -> int:
    """Plan the VMs."""
    result = judged(arguments)
    phases = _chosen_phases(arguments, SAFE_PHASES)
    found = _plan(
        result,
        arguments,
        every=arguments.every,
        retention=arguments.retention,
        whole=None if arguments.json or arguments.vm else TABLED,
    )
    with output(arguments.output) as stream:
        if arguments.json:
            with working("writing"):
                whole = _plan_dict(found, arguments.client, phases)
            print_json(whole, stream)
        else:
            _print_plan(Page(stream), found, arguments, phases)
    return FINE


def _plan(
    result: Assessment,
    arguments: argparse.Namespace,
    *,
    every: timedelta | None = None,
    retention: Retention = None,
    whole: int | None = None,
) -> Plan:
    chosen = chosen_vms(result.inventory, arguments.vm)
    if len(chosen) > 1:
        for flag in ("collection", "target_collection"):
            if getattr(arguments, flag):
                raise UsageError(
                    f"--{word(flag).replace(' ', '-')}: {len(chosen)} VMs cannot share a "
                    "collection; name one of them with --vm"
                )
    if retention is not None and every is None:
        raise UsageError("--retention: say with --every how often a restore point is created")
    names = Names(
        collection=arguments.collection,
        restore_point=arguments.restore_point,
        target_collection=arguments.target_collection,
        resource_group=arguments.resource_group,
        target_resource_group=arguments.target_resource_group,
    )
    try:
        with working("planning", len(chosen)) as told:
            found = plan(
                result,
                [vm.id for vm in chosen] if arguments.vm else None,
                mode=arguments.mode,
                target_region=arguments.target_region,
                client=arguments.client,
                every=every,
                retention=retention,
                names=names,
                whole=whole,
                progress=told,
            )
    except (PlanError, ScheduleError, LookupError) as error:
        others = "; --vm plans the others without it" if len(chosen) > 1 else ""
        raise UsageError(f"{error}{others}") from error
    return found


def _plan_dict(found: Plan, client: str, phases: Sequence[str]) -> dict[str, Any]:
    whole = found.assessment.to_dict()
    matrix = found.assessment.matrix
    return {
        "matrix": whole["matrix"],
        "target_region": found.target_region,
        "client": client,
        "phases": list(phases),
        "vms": [
            {
                "vm_id": one.vm.id,
                "vm_name": one.vm.name,
                "mode": one.mode,
                "verdict": one.verdict.to_dict(),
                "comparison": plain(one.comparison),
                "steps": [_step_dict(text) for text in _written(matrix, one, client, phases)],
                "not_saved": plain(one.not_saved),
                "what_if": plain(one.what_if),
                "questions": plain(one.questions),
                "encryption": [answer.to_dict() for answer in one.encryption],
                "copy": one.copy and one.copy.to_dict(),
                "schedule": one.schedule and one.schedule.to_dict(),
            }
            for one in found.vms
        ],
        "groups": plain(found.groups),
        "permissions": found.permissions.to_dict(),
        "problems": whole["problems"],
        "counts": whole["counts"],
    }


def _step_dict(text: _StepText) -> dict[str, Any]:
    step = text.step
    return {
        "number": step.number,
        "id": step.id,
        "phase": step.phase,
        "title": step.title,
        "advice": step.advice,
        "applies": step.applies,
        "rows": list(step.rows),
        "blocked": step.blocked,
        "commands": [_command_dict(one) for one in text.commands],
    }


def _command_dict(command: Command) -> dict[str, Any]:
    return {
        "operation": type(command.operation).__name__,
        "possible": command.possible,
        "text": command.text,
        "language": command.language,
        "notes": list(command.notes),
        "method": command.method,
        "path": command.path,
        "query": plain(command.query),
        "body": plain(command.body),
        "api_version": command.api_version,
    }


# --- the page of plan -------------------------------------------------------------------------


def _print_plan(
    page: Page, found: Plan, arguments: argparse.Namespace, phases: Sequence[str]
) -> None:
    matrix = found.assessment.matrix
    labels = labels_of(found.assessment)
    shown = found.vms if arguments.vm else found.vms[:SHOWN_PLANS]
    if len(found.vms) > 1:
        _print_overview(page, found, labels)
    for place, one in enumerate(shown):
        if place or len(found.vms) > 1:
            page.rule()
        page.line(labels[one.vm.id], style="bold")
        if one.vm.name:
            page.line(one.vm.id)
        _print_choice(page, found.assessment, one)
        _print_assumed(page, matrix, one)
        _print_steps(page, matrix, one, arguments.client, phases)
        _print_not_saved(page, one.not_saved)
        _print_what_if(page, one.what_if)
        if one.mode:
            copied = bool(one.copy and one.copy.answer != "not_supported")
            print_keys(page, one.encryption, mode=one.mode, copied=copied)
        if one.copy:
            print_copy_in_short(page, matrix, one.copy)
        if one.schedule:
            print_schedule(page, matrix, one.schedule)
    left = len(found.vms) - len(shown)
    if left:
        page.blank()
        page.line(f"... and {count(left, 'plan')} more; --vm NAME shows one, --json gives all")
    _print_groups(page, found.groups, matrix)
    _print_permissions(page, found.permissions)
    print_problems(page, found.assessment.inventory)
    page.blank()
    print_foot(page, matrix)


def _print_permissions(page: Page, needed: Permissions) -> None:
    """Print what the caller of the plan has to be allowed, and which locks stop it."""
    if not needed.operations:
        return
    page.heading("Permissions that the steps need (rpmatrix permissions has the sources)")
    for operation in needed.operations:
        of_it = [one for one in needed.permissions if one.operation == operation]
        actions = ", ".join(dict.fromkeys(one.action for one in of_it if one.always))
        page.prose(f"{word(operation)}: {actions}", indent=2)
        for one in of_it:
            if not one.always:
                page.prose(f"{one.condition}: {one.action}", indent=4)
    for lock in needed.locks:
        stops = ", ".join(word(name) for name in lock.stops if name in needed.operations)
        verb = "may stop" if lock.certainty == "inferred" else "stops"
        told = f"A {lock.level} lock on the {word(lock.locked)} {verb}: {stops}"
        page.prose(cited(told, [lock.row]), indent=2)


def _print_overview(page: Page, found: Plan, labels: Mapping[str, str]) -> None:
    rows = []
    for one in found.vms[:TABLED]:
        told = list(summary_of(one.verdict, found.assessment.matrix))
        if one.copy:
            told.append(copy_in_words(one.copy))
        rows.append(
            (
                page.text(labels[one.vm.id], style="bold"),
                page.text(one.mode or "none"),
                page.verdict(one.verdict.verdict),
                page.text(*told),
            )
        )
    page.table(("VM", "Mode planned", "Verdict", "Why"), rows, keep=3)
    tell_untabled(page, len(found.vms), instead="--vm NAME shows one, --json gives all")


def _words_of(matrix: Matrix, row_id: str) -> str:
    """Give what a row says to somebody who has to choose."""
    row = matrix.row(row_id)
    told = (f"{row['title']}.", row.get("caveat"), row.get("remedy"))
    return row.get("advice") or " ".join(text for text in told if text)


def _print_choice(page: Page, result: Assessment, found: VmPlan) -> None:
    """Print both modes side by side, and which of them to take."""
    comparison, matrix = found.comparison, result.matrix
    verdicts = {one.mode: one for one in result.of(found.vm.id)}
    rows = []
    for line in comparison.lines:
        marks = [line.mode]
        marks += ["recommended"] if line.mode == comparison.recommended else []
        marks += ["planned"] if line.mode == found.mode != comparison.recommended else []
        rows.append(
            (
                page.text(", ".join(marks), style="bold" if line.mode == found.mode else ""),
                page.verdict(line.verdict),
                page.text(*summary_of(verdicts[line.mode], matrix)),
            )
        )
    page.blank()
    page.table(("Mode", "Verdict", "Why"), rows, keep=2)
    page.blank()
    for line in comparison.lines:
        if line.meaning:
            page.prose(cited(f"{line.mode}: {line.meaning}", line.rows[:1]), indent=2)
    if comparison.recommended:
        why = ", because" if comparison.rows else ""
        page.prose(f"recommended: {comparison.recommended}{why}", indent=2, style="bold")
        for row_id in comparison.rows:
            page.prose(cited(_words_of(matrix, row_id), [row_id]), indent=4)
    else:
        told = "possible" if comparison.refused else "sure to be possible"
        page.prose(f"Neither mode is {told}.", indent=2, style="bold")


def _print_assumed(page: Page, matrix: Matrix, found: VmPlan) -> None:
    """Say what the verdict rests on that no record told: a plan is read by itself."""
    facts = [matrix.facts[name] for name in found.verdict.assumptions]
    if facts:
        page.heading("Assumptions (please confirm); change one with --assume FACT=VALUE")
        page.entries((f"{one.id}={one.assumption}", one.question or one.title) for one in facts)


def _print_steps(
    page: Page, matrix: Matrix, found: VmPlan, client: str, phases: Sequence[str]
) -> None:
    texts = _written(matrix, found, client, phases)
    if texts:
        page.heading("Steps")
    for text in texts:
        step = text.step
        title = f"{step.number:>2}. {cited(step.title, step.rows)}"
        page.prose(title, indent=1, hang=5, style="bold")
        if step.applies == "unknown":
            page.prose(_doubt(matrix, step), indent=5)
        page.prose(step.advice, indent=5)
        for command in text.texts:
            page.block(command, indent=7)
        undeployed = [UNDEPLOYED] if found.vm.declared and step.phase == "settle" else []
        for note in (*text.notes, *_placeholders(text, found), *undeployed):
            page.prose(f"note: {note}", indent=5, style="dim")
        if step.blocked:
            page.prose(f"Nothing to run: {step.blocked}", indent=5)
    others = Counter(step.phase for step in found.steps if step.phase not in phases)
    if others:
        told = [f"{count(others[name], 'step')} of {name}" for name in PHASES if others[name]]
        flags = [f"--phase {name}" for name in PHASES if others[name]]
        page.prose(f"Not shown: {', '.join(told)}; see them with {', '.join(flags)}", indent=1)
    _print_missing(page, matrix, found)


def _doubt(matrix: Matrix, step: Step) -> str:
    """Say that a step may not be called for, and what tells."""
    fact = matrix.facts.get(matrix.row(step.id, "steps")["fact_id"])
    if step.phase == "copy" or fact is None or not fact.question:
        return "Only if it applies, which is not known."
    return (
        f"Only if it applies. {fact.question} Answer with --assume {fact.id}=... "
        f"({values_of(fact)})"
    )


def _placeholders(text: _StepText, found: VmPlan) -> Iterator[str]:
    """Tell where the name comes from that stands for one which only the service knows."""
    if any(DISK_RESTORE_POINT_NAME in one for one in text.texts):
        listing = next((s for s in found.steps if s.purpose == "disk_names"), None)
        where = f"step {listing.number}" if listing else "the list of disk restore points"
        yield f"put the name that {where} shows in place of {DISK_RESTORE_POINT_NAME}"


def _print_missing(page: Page, matrix: Matrix, found: VmPlan) -> None:
    """Print what settles the verdict or the copy, where one of them is open."""
    questions: list[Question] = []
    if found.verdict.verdict == "unknown":
        questions += found.verdict.missing
    if found.copy and found.copy.answer == "unknown":
        questions += deciding(found.copy)
    if any(step.operations for step in found.steps if step.purpose == "settle"):
        questions = [one for one in questions if not one.command]
    print_questions(page, matrix, [("", one) for one in dict.fromkeys(questions)], of=[found.vm])


def _print_not_saved(page: Page, lost: Sequence[NotSaved]) -> None:
    if not lost:
        return
    page.heading("Not in the restore point")
    for one in lost:
        page.line(one.what + ("" if one.certain else " (if the VM has it)"), indent=2, style="bold")
        page.prose(cited(one.why, one.rows), indent=4)


def _print_what_if(page: Page, found: Sequence[WhatIf]) -> None:
    if not found:
        return
    page.heading("What would change the verdict")
    modes: dict[tuple[str, tuple[Change, ...]], list[str]] = {}
    for one in found:
        modes.setdefault((one.verdict, one.changes), []).append(one.mode)
    for (verdict, changes), names in modes.items():
        together = ", by all of these together" if len(changes) > 1 else ""
        told = f"{' and '.join(names)} consistency would be {word(verdict)}{together}:"
        page.prose(told, indent=2)
        for change in changes:
            _print_change(page, change)


def _print_change(page: Page, change: Change) -> None:
    on = f" ({few(change.disks)})" if change.disks else ""
    page.prose(cited(f"{change.title}{on}", change.rows), indent=4, style="bold")
    page.prose(change.how, indent=6)
    if change.side_effect:
        page.prose(f"The price: {change.side_effect}", indent=6)


def _print_groups(page: Page, groups: Sequence[Group], matrix: Matrix) -> None:
    if not groups:
        return
    page.heading("VMs that belong together")
    for group in listed(page, groups):
        state = "supported" if group.ready else "not_supported" if group.missing else "unknown"
        told = {
            "supported": "all are planned",
            "not_supported": "not all are planned",
            "unknown": "perhaps not all are planned",
        }[state]
        page.finding(state, told, f"{word(group.kind)} {group.id}", indent=2)
        page.prose(cited(f"{count(len(group.members), 'member')} planned", group.rows), indent=4)
        for missing in listed(page, group.missing):
            page.line(f"missing: {missing}", indent=4)
        if not group.complete:
            page.prose(
                "The input does not list the members: add the record of the "
                f"{word(group.kind)} to it.",
                indent=4,
            )


# --- commands ---------------------------------------------------------------------------------

_COMMENT: Final = {"bash": "#", "powershell": "#", "http": "#", "bicep": "//", "hcl": "#"}
_SUFFIX: Final = {"bicep": ".bicep", "hcl": ".tf"}
# A shell that takes # for a command, as zsh does at its prompt, must find nothing to act on.
_NOT_IN_COMMENT: Final = re.compile(r"[^\w .,:/()@%+=-]")
_COMMENT_WIDTH: Final = 98


def run_commands(arguments: argparse.Namespace) -> int:
    """Write the commands of the plans, to be pasted."""
    result = judged(arguments)
    phases = _chosen_phases(arguments, WRITTEN_PHASES)
    found = _plan(result, arguments)
    labels = {vm: printable(label) for vm, label in labels_of(result).items()}
    with working("writing", len(found.vms)) as tell:
        written = []
        for one in found.vms:
            written.append((one, _written(result.matrix, one, arguments.client, phases)))
            tell(len(written))
    told = [
        line
        for one, texts in written
        for line in _not_written(result.matrix, one, texts, labels[one.vm.id], phases)
    ]
    some = any(text.texts for _, texts in written for text in texts)
    if arguments.json:
        with output(arguments.output) as stream:
            print_json(_commands_dict(found, written, arguments.client, phases), stream)
    elif some:
        _write_commands(result, written, labels, arguments)
    for line in told[:LISTED]:
        complain(line)
    if len(told) > LISTED:
        complain(f"... and {len(told) - LISTED} more; --json gives all")
    if not some:
        client = word(arguments.client)
        raise UsageError(f"no command for {client} can be written for {count(len(written), 'VM')}")
    return FINE


def _not_written(
    matrix: Matrix, found: VmPlan, texts: Sequence[_StepText], label: str, phases: Sequence[str]
) -> Iterator[str]:
    """Say for one VM why commands that were asked for are missing, and what to do."""
    verdict = found.verdict
    if verdict.verdict == "not_supported":
        reasons = "; ".join(titled(matrix, row) for row in verdict.reasons)
        yield (
            f"{label}: no restore point can be created: {reasons}. "
            "What would change that: rpmatrix plan"
        )
    elif verdict.verdict == "unknown" and "settle" not in phases:
        yield f"{label}: {_settling(matrix, verdict)}"
    else:
        if found.copy and found.copy.answer == "not_supported" and "copy" in phases:
            reasons = "; ".join(cited(_words_of(matrix, row), [row]) for row in found.copy.reasons)
            yield f"{label}: no copy to {found.copy.target_region}: {reasons}"
        missing: dict[str, list[Step]] = {}
        for text in texts:
            refused = " ".join(text.notes) if text.commands and not text.texts else ""
            if text.step.blocked or refused:
                missing.setdefault(text.step.blocked or refused, []).append(text.step)
        for why, steps in missing.items():
            told = ", ".join(cited(f"{one.number}. {one.title}", one.rows[:1]) for one in steps)
            yield f"{label}: nothing to run for {told}: {why}"


def _settling(matrix: Matrix, verdict: Verdict) -> str:
    """Say what settles an unknown verdict."""
    rows = ", ".join(verdict.reasons)
    lines = [f"the verdict for {verdict.mode} consistency is unknown [{rows}]"]
    commands = dict.fromkeys(one.command for one in verdict.missing if one.command)
    if commands:
        lines += ["  add the output of these to the input:", *(f"    {one}" for one in commands)]
    for fact_id in dict.fromkeys(one.fact_id for one in verdict.missing if not one.command):
        fact = matrix.facts[fact_id]
        lines.append(
            f"  {fact.question or fact.title} Answer with --assume {fact_id}=... "
            f"({values_of(fact)})"
        )
    return "\n".join(lines[:1] + [printable(line) for line in lines[1:]])


def _commands_dict(
    found: Plan,
    written: Sequence[tuple[VmPlan, list[_StepText]]],
    client: str,
    phases: Sequence[str],
) -> dict[str, Any]:
    whole = found.assessment.to_dict()
    return {
        "matrix": whole["matrix"],
        "target_region": found.target_region,
        "client": client,
        "phases": list(phases),
        "vms": [
            {
                "vm_id": one.vm.id,
                "vm_name": one.vm.name,
                "mode": one.mode,
                "verdict": one.verdict.to_dict(),
                "steps": [_step_dict(text) for text in texts if text.step.operations],
            }
            for one, texts in written
        ],
        "problems": whole["problems"],
        "counts": whole["counts"],
    }


def _write_commands(
    result: Assessment,
    written: Sequence[tuple[VmPlan, list[_StepText]]],
    labels: Mapping[str, str],
    arguments: argparse.Namespace,
) -> None:
    folder = Path(arguments.output or "")
    if arguments.output and (folder.is_dir() or arguments.output[-1] in "/\\"):
        if arguments.client not in ("bicep", "terraform"):
            raise UsageError(f"{arguments.output!r} is a folder; name a file to write to")
        _write_files(folder, written, labels)
        return
    blocks = []
    seen: set[str] = set()
    for one, texts in written:
        some = next((command for text in texts for command in text.commands), None)
        if some is None:
            continue
        about = f"{labels[one.vm.id]}: {one.verdict.mode} consistency, {word(one.verdict.verdict)}"
        blocks.append(_comment(about, some.language))
        blocks += [_block(text, some.language) for text in _once(texts, seen)]
    text = "\n\n".join(blocks)
    with output(arguments.output) as stream:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError as error:
            letter = text[error.start]
            raise UsageError(f"this console cannot print {letter!r}; use --output FILE") from error
        stream.write(f"{text}\n")


def _once(texts: Iterable[_StepText], seen: set[str]) -> Iterator[_StepText]:
    """Leave out what was written for another VM, such as a list of all collections."""
    for text in texts:
        new = tuple(one for one in text.commands if one.text not in seen)
        seen |= {one.text for one in new if one.possible}
        if new or text.step.blocked:
            yield replace(text, commands=new)


def _block(text: _StepText, language: str) -> str:
    """Write one step: its title and rows as comments, and what to paste."""
    step = text.step
    title = f"{step.number}. {step.title}: {', '.join(step.rows)}"
    parts = [_comment(title, language, first=bool(text.texts))]
    if step.blocked:
        parts.append(_comment(f"nothing to run: {step.blocked}", language))
    if any(DISK_RESTORE_POINT_NAME in one for one in text.texts):
        parts.append(_comment(f"put in the name for {DISK_RESTORE_POINT_NAME}", language))
    for place, command in enumerate(text.commands):
        if place and language == "http":
            parts.append(_comment(title, language, first=True))
        if command.possible and language in _SUFFIX:
            parts.append(_comment("--- a file of its own ---", language))
        parts += [_comment(note, language) for note in command.notes]
        if command.possible:
            parts.append(command.text)
    return "\n".join(parts)


def _comment(text: str, language: str, *, first: bool = False) -> str:
    """Write a comment, broken between words, that no shell can take for a command."""
    from textwrap import wrap

    sign = _COMMENT[language]
    shown = printable(text)
    if language == "bash":
        shown = _NOT_IN_COMMENT.sub("_", shown.replace(";", ","))
    if first and language == "http":
        shown = f"## {shown}"  # with the sign, what parts one request from the next
    lines = wrap(shown, _COMMENT_WIDTH - len(sign), break_long_words=False, break_on_hyphens=False)
    told = "\n".join(f"{sign} {line}" for line in lines or [""])
    return told.replace("# ##", "###", 1) if first else told


def _write_files(
    folder: Path,
    written: Sequence[tuple[VmPlan, list[_StepText]]],
    labels: Mapping[str, str],
) -> None:
    """Write each text into a file of its own; for Terraform, into a folder of its own."""
    made = 0
    for place, (one, texts) in enumerate(written, 1):
        label = labels[one.vm.id]
        name = (
            label if re.fullmatch(r"[A-Za-z0-9_][\w.-]{0,79}", label, re.ASCII) else f"vm-{place}"
        )
        for text in texts:
            possible = [command for command in text.commands if command.possible]
            for number, command in enumerate(possible, 1):
                again = f"-{number}" if len(possible) > 1 else ""
                stem = f"{text.step.number:02}-{text.step.id}{again}"
                suffix = _SUFFIX[command.language]
                path = folder / name / f"{stem}{suffix}"
                if suffix == ".tf":
                    path = folder / name / stem / "main.tf"
                single = replace(text, commands=(command,))
                content = f"{_block(single, command.language)}\n"
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(content, encoding="utf-8", newline="\n")
                except OSError as error:
                    why = error.strerror or error
                    raise UsageError(f"cannot write {str(path)!r}: {why}") from error
                made += 1
    complain(f"{count(made, 'file')} written to {folder}")


# --- the commands -----------------------------------------------------------------------------

SUBCOMMANDS: Final = {
    "plan": Subcommand(
        _plan_arguments,
        run_plan,
        """\
  rpmatrix plan vm.json disks.json
  rpmatrix plan exports/ --vm vm-1 --mode crash --client powershell
  rpmatrix plan vm.json --target-region northeurope --every 4h --retention 30d
  rpmatrix plan vm.json --phase restore
  rpmatrix plan vm.json --json --phase all --output plan.json""",
        """
Prints both modes side by side, the steps in order with their commands, what
will not be in the restore point, what would change the verdict, what becomes
of keys, and whether a copy can be made. What restores or deletes is shown
only when its phase is asked for.""",
    ),
    "commands": Subcommand(
        _commands_arguments,
        run_commands,
        """\
  rpmatrix commands vm.json disks.json --client azure_cli
  rpmatrix commands exports/ --vm vm-1 --client powershell --output create.ps1
  rpmatrix commands vm.json --client rest --target-region northeurope
  rpmatrix commands vm.json --client bicep --output files/
  rpmatrix commands vm.json --client azure_cli --phase restore""",
        """
Only what is to be pasted, with the step and its rows as comments. Nothing is
run. Why a command is missing is told on standard error.""",
    ),
}
