"""A plan for people: its steps and commands, and what becomes of encryption and copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rpmatrix.common.words import badge_of, plural
from rpmatrix.eligibility.applicability import Disagreement
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.titles import MODE_TITLES
from rpmatrix.planning.commands.write import CLIENTS, Command, client_title, write
from rpmatrix.planning.copies import CopyAnswer, CopyLine, FleetCopy
from rpmatrix.planning.encryption import EncryptionAnswer, EncryptionLine
from rpmatrix.planning.permissions import Permissions
from rpmatrix.planning.plan import SAFE_PHASES, Group, ModeLine, NotSaved, Plan, Step, VmPlan
from rpmatrix.planning.steps import DISK_RESTORE_POINT_NAME
from rpmatrix.planning.what_if import Change
from rpmatrix.view.markup import (
    SHOWN_VMS,
    Child,
    Html,
    badge,
    bullets,
    code,
    codes,
    copyable,
    details,
    fragment,
    heading,
    page,
    paragraph,
    section,
    soft,
    table,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import (
    contradiction,
    layer_names,
    named_rows,
    questions_once,
    rows_behind,
    spoken,
)
from rpmatrix.view.report_schedule import schedule_part

SHOWN_PLANS: Final = 20
"""How many plans are shown in full where several VMs are planned together."""

# --------------------------------------------------------------------------- plans

_PHASES: Final = {
    "settle": "First settle what is not known",
    "prerequisite": "Before",
    "collection": "The collection",
    "create": "Create the restore point",
    "follow": "Follow it",
    "copy": "Copy it to the other region",
    "restore": "Restore from it, another day",
    "clean_up": "Clean up, another day",
}


def phase_title(phase: str) -> str:
    """Give the heading of a part of a plan."""
    return _PHASES.get(phase, spoken(phase))


def plan(found: Plan, client: str = "", *, phases: Iterable[str] = SAFE_PHASES) -> str:
    """Show a plan: both modes, steps with their commands, what is not saved, what if.

    Parameters
    ----------
    found : Plan
        What to show. Of several VMs each plan is folded, and only the first twenty are given.
    client : str
        Whose commands to show; that of the plan if it is left out.
    phases : iterable of str
        The parts whose commands are shown, all others with their advice alone. What restores,
        deletes or moves is for another day, and a page must not invite to paste it.
    """
    matrix = found.assessment.matrix
    writer = _Writer(client or found.client, frozenset(phases), matrix)
    shown = found.vms[:SHOWN_PLANS]
    plans: list[Html] = [_vm_plan(matrix, one, writer) for one in shown]
    if len(found.vms) > 1:
        named = (f"{plural(len(one.steps), 'step')} for {_vm_title(one)}" for one in shown)
        plans = [details(name, one) for name, one in zip(named, plans, strict=True)]
    more = len(found.vms) - len(shown)
    return page(
        _plan_overview(found) if len(found.vms) > 1 else None,
        plans,
        soft(f"… and {plural(more, 'more plan')}: ask for them by the names of the VMs.")
        if more
        else None,
        None if found.vms else paragraph("No VM, and so no plan."),
        _groups(found.groups),
        _permissions(found.permissions),
        soft("Decided by ", layer_names(matrix), "."),
    )


def _permissions(needed: Permissions) -> Html | None:
    """Show what the caller of the plan has to be allowed, and which locks stop it."""
    if not needed.operations:
        return None
    rows = [
        [
            one.operation.replace("_", " "),
            wide(code(one.action)),
            one.scope.replace("_", " "),
            one.condition or "always",
            f"inferred from {one.source}" if one.certainty == "inferred" else one.source,
            code(one.row),
        ]
        for one in needed.permissions
    ]
    locks = [
        [
            f"{lock.level} on the {lock.locked.replace('_', ' ')}",
            ", ".join(name.replace("_", " ") for name in lock.stops),
            f"{lock.effect} {lock.remedy}",
            f"inferred from {lock.source}" if lock.certainty == "inferred" else lock.source,
            code(lock.row),
        ]
        for lock in needed.locks
    ]
    columns = ["To", "Action", "On the", "Needed", "Source", "Row"]
    return details(
        f"Permissions: {plural(len(needed.actions), 'action')} that the steps need",
        table("Permissions", columns, rows),
        table("Locks", ["Lock", "Stops", "What it does", "Source", "Row"], locks)
        if locks
        else None,
    )


def _vm_title(found: VmPlan) -> str:
    return found.vm.name or found.vm.id


def _plan_overview(found: Plan) -> Html:
    """Tell of each of several VMs what is planned."""
    rows = [
        [
            _vm_title(one),
            MODE_TITLES[one.mode].lower() if one.mode else "none yet",
            badge(one.verdict.verdict),
            codes(disk.label for disk in one.verdict.exclude_disks),
            *([badge(one.copy.answer) if one.copy else None] if found.target_region else []),
        ]
        for one in found.vms[:SHOWN_VMS]
    ]
    columns = ["VM", "Planned mode", "Verdict in it", "Disks to leave out"]
    columns += [f"Copy to {found.target_region}"] if found.target_region else []
    more = len(found.vms) - SHOWN_VMS
    return fragment(
        [
            title(f"Plans for {plural(len(found.vms), 'VM')}"),
            table("Plans", columns, rows),
            soft(f"… and {plural(more, 'more VM')}.") if more > 0 else None,
        ]
    )


@dataclass(frozen=True)
class _Writer:
    """Which commands a page shows: those of one client, for some parts of a plan."""

    client: str
    phases: frozenset[str]
    matrix: Matrix | None  # what knows the API versions; without it the seed edition does

    def commands(self, step: Step) -> list[Command]:
        if step.phase not in self.phases or self.client not in CLIENTS:
            return []
        return [write(one, self.client, matrix=self.matrix) for one in step.operations]


def _vm_plan(matrix: Matrix, found: VmPlan, writer: _Writer) -> Html:
    copied = [" · to be copied to ", found.copy.target_region] if found.copy else None
    return fragment(
        [
            title(_vm_title(found)),
            soft(
                code(found.vm.id),
                [" · ", found.vm.location] if found.vm.location else None,
                copied,
                f" · commands for {client_title(writer.client)}",
            ),
            tag(
                "div",
                [_mode_line(line, found) for line in found.comparison.lines],
                class_="rpm-cards",
            ),
            _reason(found),
            questions_once(found.questions),
            _steps(found, writer),
            _not_saved(found.not_saved),
            _what_if(matrix, found),
            _more(matrix, found),
        ]
    )


def _mode_line(line: ModeLine, found: VmPlan) -> Html:
    marks = [
        mark
        for mark, holds in (
            ("recommended", line.mode == found.comparison.recommended),
            ("planned here", line.mode == found.mode),
        )
        if holds
    ]
    return tag(
        "div",
        paragraph(
            tag("strong", MODE_TITLES[line.mode]),
            " ",
            badge(line.verdict),
            [" ", tag("strong", f"▶ {', '.join(marks)}", class_="rpm-step")] if marks else None,
        ),
        paragraph(line.meaning),
        paragraph(f"{plural(line.excluded, 'disk')} to leave out.") if line.excluded else None,
        named_rows(line.rows),
        class_="rpm-card",
    )


def _reason(found: VmPlan) -> Html:
    comparison = found.comparison
    if not comparison.recommended:
        told = "possible" if comparison.refused else "sure to be possible"
        return paragraph(f"Neither mode is {told}.")
    mode = MODE_TITLES[comparison.recommended].lower()
    return fragment(
        [paragraph(tag("strong", f"Why {mode}: "), comparison.reason), named_rows(comparison.rows)]
    )


def _steps(found: VmPlan, writer: _Writer) -> Html:
    if not found.steps:
        return section("Steps", paragraph("None: no restore point can be created in this mode."))
    parts: dict[str, list[Step]] = {}
    for step in found.steps:
        parts.setdefault(step.phase, []).append(step)
    shown = []
    for phase, steps in parts.items():
        cards = [_step(step, writer) for step in steps]
        if phase in writer.phases:
            shown += [section(phase_title(phase), *cards)]
        else:
            count = plural(len(steps), "step")
            shown += [details(f"{phase_title(phase)}: {count}, without commands", *cards)]
    return fragment(shown)


def _step(step: Step, writer: _Writer) -> Html:
    commands = writer.commands(step)
    notes = dict.fromkeys(note for command in commands for note in command.notes)
    doubtful = "Needed if it applies, which is not known. " if step.applies == "unknown" else ""
    texts = [command.text for command in commands if command.text]
    if any(DISK_RESTORE_POINT_NAME in text for text in texts):
        listed = "the list of disk restore points shows"
        notes[f"Put the name that {listed} in place of {DISK_RESTORE_POINT_NAME}."] = None
    number = [f" {place}" for place in range(1, len(texts) + 1)] if len(texts) > 1 else [""]
    return tag(
        "div",
        paragraph(tag("strong", f"{step.number}. {step.title}"), " ", code(step.id)),
        paragraph(doubtful, step.advice),
        [
            copyable(text, f"Command{place} of step {step.number}")
            for text, place in zip(texts, number, strict=False)
        ],
        bullets(notes) if notes else None,
        paragraph(tag("strong", "Nothing to run: "), step.blocked) if step.blocked else None,
        named_rows([row for row in step.rows if row != step.id]),
        class_="rpm-card",
    )


def _few_steps(steps: Sequence[Step], writer: _Writer) -> list[Html]:
    """Give some steps of a plan, numbered by themselves."""
    numbered = (replace(step, number=place) for place, step in enumerate(steps, start=1))
    return [_step(step, writer) for step in numbered]


def _not_saved(lost: Sequence[NotSaved]) -> Html:
    rows = [
        [
            one.what,
            "yes" if one.certain else "perhaps: not known",
            wide(one.why),
            codes(one.rows),
        ]
        for one in lost
    ]
    columns = ["Not in the restore point", "Sure", "Why", "Rows"]
    return section("What is not saved", table("Not saved", columns, rows)) if rows else Html("")


def _what_if(matrix: Matrix, found: VmPlan) -> Html:
    cards = [
        tag(
            "div",
            paragraph(MODE_TITLES[one.mode], " would be ", badge(one.verdict), " after:"),
            bullets(_change(matrix, change) for change in one.changes),
            class_="rpm-card",
        )
        for one in found.what_if
    ]
    return section("What would change it", *cards)


def _change(matrix: Matrix, change: Change) -> Html:
    return fragment(
        [
            tag("strong", change.title),
            [" (", codes(change.disks), ")"] if change.disks else None,
            f": {change.how} ",
            ["Mind: ", change.side_effect, " "] if change.side_effect else None,
            codes([change.id, *(row for row in change.rows if row != change.id)]),
            f" [{matrix.layer_of(change.id)}]",
        ]
    )


def _more(matrix: Matrix, found: VmPlan) -> Html:
    """Give the answers that have pages of their own, folded; contradictions once, below all."""
    parts = []
    if found.encryption:
        parts.append(details("What becomes of the encryption", _encryption(found.encryption)))
    if found.copy:
        parts.append(
            details(
                f"What to know of the copy to {found.copy.target_region}",
                _copy_badge(found.copy),
                _losses(found.copy),
                _copy_lines(found.copy),
            )
        )
    told = [
        one
        for answer in (*found.encryption, *([found.copy] if found.copy else ()))
        for one in answer.disagreements
    ]
    if told:
        parts.append(details("Where sources contradict each other", *_disagreements(told)))
    schedule_ = schedule_part(matrix, found.schedule) if found.schedule else None
    return fragment([section("More on it", *parts), schedule_])


def _groups(groups: Sequence[Group]) -> Html:
    rows = [
        [
            wide(code(group.id)),
            group.kind.replace("_", " "),
            badge("passed" if group.ready else "failed"),
            wide(
                [
                    paragraph(f"{plural(len(group.members), 'member')} in the plan."),
                    paragraph("Missing: ", codes(group.missing)) if group.missing else None,
                    None if group.complete else paragraph("The input does not list all members."),
                ]
            ),
            codes(group.rows),
        ]
        for group in groups
    ]
    columns = ["Group", "Kind", "All protected", "Members", "Rows"]
    return section("VMs that belong together", table("Groups", columns, rows)) if rows else Html("")


# --------------------------------------------------------------------------- encryption

_STAGES: Final = {
    "source": "The disk now",
    "local": "Its restore point, same region",
    "copied": "The copy, another region",
    "restored": "A disk made from either",
}


def encryption(
    answers: Sequence[EncryptionAnswer],
    find_out: Sequence[Step] = (),
    *,
    matrix: Matrix | None = None,
) -> str:
    """Show what becomes of the encryption of the disks of a VM.

    Parameters
    ----------
    answers : sequence of EncryptionAnswer
        One for each disk, as :func:`rpmatrix.planning.encryption.encryption_of` gives them.
    find_out : sequence of Step
        The steps of a plan that read the encryption that was reached.
    matrix : Matrix, optional
        What knows the API versions of their commands; the seed edition if it is left out.
    """
    if not answers:
        return page(paragraph("No disk, and so nothing to say of its encryption."))
    writer = _Writer(CLIENTS[0], frozenset(step.phase for step in find_out), matrix)
    told = [one for answer in answers for one in answer.disagreements]
    where = answers[0].region or "its region, which is not known"
    return page(
        title(answers[0].vm_name or answers[0].vm_id),
        soft(f"Encryption of {plural(len(answers), 'disk')} of a VM in {where}"),
        _encryption(answers),
        _found_encryption(answers),
        section("How to find out what was reached", *_few_steps(find_out, writer)),
        questions_once([one for answer in answers for one in answer.questions]),
        section("Where sources contradict each other", *_disagreements(told)),
    )


def _encryption(answers: Sequence[EncryptionAnswer]) -> Html:
    """Make one block for all disks of which the same is said."""
    alike: dict[tuple[object, ...], list[EncryptionAnswer]] = {}
    for one in answers:
        mark = (*one.stages.values(), one.type, one.encryption_set_id, one.left_out_in)
        alike.setdefault(mark, []).append(one)
    return fragment([_alike(group) for group in alike.values()])


def _alike(group: Sequence[EncryptionAnswer]) -> Html:
    first = group[0]
    named = bool(first.local_chosen or first.copied_chosen or first.restored_chosen)
    rows: list[list[Child]] = []
    for stage, label in _STAGES.items():
        plain = first.stages[stage]
        chosen = first.stages.get(f"{stage}_chosen", ())
        if plain or chosen:
            rows.append([label, _said(plain), *([_said(chosen)] if named else [])])
    columns = ["Stage", "If the request names no encryption"]
    columns += ["If it names one for each disk"] if named else []
    disks = [f"{one.disk} ({_disk_place(one.role, one.lun)})" for one in group]
    out = [MODE_TITLES[mode].lower() for mode in first.left_out_in]
    return fragment(
        [
            heading(", ".join(disks)),
            paragraph(
                first.type or "Kind of encryption at rest: not known",
                [" · disk encryption set ", code(first.encryption_set_id)]
                if first.encryption_set_id
                else None,
            ),
            paragraph(f"In no restore point of {' and '.join(out)}: ", _said(first.left_out))
            if first.left_out
            else None,
            paragraph("No restore point can be created: ", _said(first.impossible))
            if first.impossible
            else None,
            table(f"Encryption of {disks[0]}", columns, rows, whole=True) if rows else None,
            section("What must be in place", _said(first.prerequisites), level=4)
            if first.prerequisites
            else None,
        ]
    )


def _disk_place(role: str, lun: int | None) -> str:
    place = "OS disk" if role == "os" else "data disk"
    return place + (f", lun {lun}" if lun is not None else "")


def _said(lines: Sequence[EncryptionLine]) -> Html:
    """Make a list of what rows say, each with its rows and its source."""
    if not lines:
        return Html("")
    return wide(
        bullets(
            fragment(
                [
                    tag("strong", "? if it applies, which is not known: ")
                    if line.applies == "unknown"
                    else None,
                    line.text,
                    [" ", tag("strong", "What to do: "), line.remedy] if line.remedy else None,
                    rows_behind(line.rows, line.source, line.rulings),
                ]
            )
            for line in lines
        )
        if lines
        else None
    )


def _found_encryption(answers: Sequence[EncryptionAnswer]) -> Html:
    rows = [
        [
            answer.disk,
            wide([code(one.restore_point), " (a copy)" if one.is_copy else None]),
            one.type or f"not shown{': ' + one.evidence.why if one.evidence.why else ''}",
            wide(code(one.encryption_set_id) if one.encryption_set_id else "none is named"),
            wide([code(one.evidence.path), f" in {one.evidence.file} {one.evidence.record}"]),
        ]
        for answer in answers
        for one in answer.found
    ]
    columns = ["Disk", "Restore point", "Encryption", "Disk encryption set", "Seen at"]
    title = "What the restore points in the input really show"
    return section(title, table("Found", columns, rows)) if rows else Html("")


def _disagreements(told: Iterable[Disagreement]) -> list[Html]:
    return [
        contradiction(
            one.id,
            one.topic,
            {"a": one.reading_a, "b": one.reading_b},
            {"a": (one.rows_a, ""), "b": (one.rows_b, one.source_b)},
            one.adopted,
            one.policy,
            one.reason,
        )
        for one in dict.fromkeys(told)
    ]


# --------------------------------------------------------------------------- copies


def copy(found: CopyAnswer, steps: Sequence[Step] = (), *, matrix: Matrix | None = None) -> str:
    """Show whether and how the restore points of a VM can be copied to another region.

    Parameters
    ----------
    found : CopyAnswer
        As :func:`rpmatrix.planning.copies.copy_of` gives it.
    steps : sequence of Step
        The steps of a plan that carry it out, with their commands for the client of the answer.
    matrix : Matrix, optional
        What knows the API versions of their commands; the seed edition if it is left out.
    """
    writer = _Writer(found.client, frozenset(step.phase for step in steps), matrix)
    return page(
        title(found.vm_name or found.vm_id),
        soft(
            f"Copy from {found.source_region or 'a region that is not known'} to "
            f"{found.target_region}, asked for with {client_title(found.client)}",
            f", {MODE_TITLES[found.mode].lower()}" if found.mode else None,
        ),
        _copy_badge(found),
        _losses(found),
        questions_once(found.questions),
        section("In which order", *_few_steps(steps, writer)),
        section("Every rule that applies, or might", _copy_lines(found)),
        section("Where sources contradict each other", *_disagreements(found.disagreements)),
    )


def _copy_badge(found: CopyAnswer) -> Html:
    meaning = {
        "supported": "The restore points can be copied.",
        "supported_with_caveat": "The restore points can be copied. Mind what follows from it.",
        "not_supported": "The restore points cannot be copied.",
        "unknown": "Whether the restore points can be copied is open.",
    }[found.answer]
    decisive = found.answer in ("not_supported", "unknown")
    blocking = [line for line in found.lines if decisive and line.rows[0] in found.reasons]
    return tag(
        "div",
        paragraph(tag("strong", "Copy"), " ", badge(found.answer), " ", meaning),
        bullets(
            fragment(
                [
                    line.text,
                    [" ", tag("strong", "What to do: "), line.remedy] if line.remedy else None,
                    [" (", codes(line.disks), ")"] if line.disks else None,
                    rows_behind(line.rows, line.source, line.rulings),
                ]
            )
            for line in blocking
        )
        if blocking
        else None,
        paragraph(
            "In no restore point, and so in no copy: ", codes(one.label for one in found.left_out)
        )
        if found.left_out
        else None,
        details("Rows that decide", paragraph(codes(found.reasons))),
        class_="rpm-card",
    )


def _losses(found: CopyAnswer) -> Html:
    if not found.losses or found.answer == "not_supported":
        return Html("")
    return section("What the copy loses", bullets(_copy_line(line) for line in found.losses))


def _copy_line(line: CopyLine) -> Html:
    return fragment(
        [
            tag("strong", "? if it applies, which is not known: ")
            if line.applies == "unknown"
            else None,
            line.text,
            [" (", codes(line.disks), ")"] if line.disks else None,
            [" ", tag("strong", "What to do: "), line.remedy] if line.remedy else None,
            rows_behind(line.rows, line.source, line.rulings),
        ]
    )


def _copy_lines(found: CopyAnswer) -> Html:
    topics: dict[str, list[CopyLine]] = {}
    for line in found.lines:
        topics.setdefault(line.topic, []).append(line)
    rows = [
        [spoken(topic.replace("-", " ")), badge(line.outcome), wide(_copy_line(line))]
        for topic, lines in topics.items()
        for line in lines
    ]
    return table("Rules of copying", ["Topic", "Outcome", "What it means"], rows)


def copies(found: FleetCopy) -> str:
    """Show for each of several VMs whether its restore points can be copied."""
    rows = [
        [
            one.vm_name or one.vm_id,
            one.source_region or "not known",
            badge(one.answer),
            codes(one.reasons) if one.answer in ("not_supported", "unknown") else "",
        ]
        for one in found.answers[:SHOWN_VMS]
    ]
    counts = [f"{count:,} {badge_of(name).word}" for name, count in found.counts.items() if count]
    more = len(found.answers) - SHOWN_VMS
    return page(
        soft(
            f"Copies of {plural(len(found.answers), 'VM')} to {found.target_region}: ",
            ", ".join(counts),
            ".",
        ),
        table("Copies", ["VM", "Region", f"Copy to {found.target_region}", "Because of"], rows),
        soft(f"… and {plural(more, 'more VM')}.") if more > 0 else None,
    )
