"""HTML for people: every page that a notebook, a panel or a document shows, by one name.

Here are the pages about verdicts, why a VM got them, and errors; those about rows of the matrix,
plans and schedules come from modules of their own and can be asked for here all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rpmatrix.common.words import badge_of, duration, plural
from rpmatrix.eligibility.assessment import (
    Assessment,
    ExcludedDisk,
    Explanation,
    Finding,
    Question,
    Verdict,
    fill_command,
)
from rpmatrix.inventory.inventory import Disk, Vm
from rpmatrix.inventory.readings import Evidence
from rpmatrix.inventory.records import Problem
from rpmatrix.matrix.matrix import DECISIVE, MODES, Matrix
from rpmatrix.matrix.titles import MODE_TITLES, conditions, limit, row_title, value_title
from rpmatrix.planning.commands.write import client_title
from rpmatrix.planning.errors import ORIGINS, Candidate, ErrorAnswer, ErrorMatch
from rpmatrix.view.markup import (
    SHOWN_VMS,
    Html,
    badge,
    bullets,
    code,
    codes,
    copyable,
    details,
    escape,
    fragment,
    page,
    paragraph,
    section,
    soft,
    spaced,
    table,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import (
    advice,
    layer_names,
    matrix_table,
    question_cards,
    row_card,
    row_name,
    ruling_card,
    source_line,
)
from rpmatrix.view.report_plan import copies, copy, encryption, phase_title, plan
from rpmatrix.view.report_schedule import schedule

__all__ = [
    "assessment",
    "checks",
    "client_title",
    "conditions",
    "copies",
    "copy",
    "duration",
    "encryption",
    "error",
    "error_answer",
    "explanation",
    "foot",
    "limit",
    "matrix_table",
    "note",
    "phase_title",
    "plan",
    "problems",
    "row_card",
    "row_title",
    "schedule",
    "value_title",
    "verdict_cell",
    "verdict_table",
]

# --------------------------------------------------------------------------- verdicts


def verdict_table(verdicts: Iterable[Verdict]) -> str:
    """Show verdicts as a table, one row per VM and one column per mode.

    Parameters
    ----------
    verdicts : iterable of Verdict
        In the order to show them; beyond the first hundred VMs only their number is told.
    """
    return page(_verdict_table(tuple(verdicts)))


def _verdict_table(verdicts: Sequence[Verdict]) -> Html:
    by_vm: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        by_vm.setdefault(verdict.vm_id, {})[verdict.mode] = verdict
    if not by_vm:
        return paragraph("No VM, and so no verdict.")
    modes = _mode_order(verdict.mode for verdict in verdicts)
    rows = []
    for vm_id, found in list(by_vm.items())[:SHOWN_VMS]:
        name = next(iter(found.values())).vm_name
        rows.append([name or vm_id, *(wide(verdict_cell(found.get(mode))) for mode in modes)])
    shown = table("Verdicts", ["VM", *(MODE_TITLES[mode] for mode in modes)], rows)
    more = len(by_vm) - SHOWN_VMS
    return fragment([shown, soft(f"… and {plural(more, 'more VM')}.") if more > 0 else None])


def verdict_cell(verdict: Verdict | None) -> Html:
    """Show a verdict in a cell: with the disks to leave out, and the rows that decided."""
    if verdict is None:
        return Html("")
    lines: list[str] = [badge(verdict.verdict)]
    if verdict.verdict == "unknown":
        lines.append(escape(_range(verdict)))
    if verdict.exclude_disks:
        lines.append(fragment(["Exclude ", codes(disk.label for disk in verdict.exclude_disks)]))
    if verdict.verdict != "supported":
        lines.append(
            fragment(["Decided by " if _sure(verdict) else "Open: ", codes(verdict.reasons)])
        )
    others = [*(() if verdict.verdict != "supported" else verdict.reasons), *verdict.caveats]
    content = [tag("div", line) for line in lines]
    if others:
        content.append(details(plural(len(others), "more row"), paragraph(codes(others))))
    return fragment(content)


def _sure(verdict: Verdict) -> bool:
    return verdict.verdict != "unknown"


def _range(verdict: Verdict) -> str:
    best, worst = (badge_of(name).word for name in (verdict.ceiling, verdict.floor))
    return f"At best {best}, at worst {worst}."


def assessment(found: Assessment) -> str:
    """Show an assessment: its verdicts, and what the reader has to say of the input."""
    counts = found.inventory.counts
    vms = len(found.inventory.vms)
    return page(
        title(f"{plural(vms, 'VM')} in {plural(counts['records'], 'record')}"),
        _verdict_table(found.verdicts),
        _problems(found.problems, found.inventory.notes),
        soft("Decided by ", layer_names(found.matrix), "."),
    )


def problems(found: Sequence[Problem], notes: Sequence[str] = ()) -> str:
    """Show the records that were not understood, and what else the reader noticed.

    Returns
    -------
    str
        Empty if there is neither.
    """
    content = _problems(found, notes, level=2)
    return page(content) if content else ""


def _problems(found: Sequence[Problem], notes: Sequence[str], *, level: int = 3) -> Html:
    rows = [
        [
            wide(code(one.file)),
            fragment([code(one.record or "/"), " ", one.path]),
            wide(one.message),
        ]
        for one in found[:SHOWN_VMS]
    ]
    more = len(found) - SHOWN_VMS
    return fragment(
        [
            section(
                f"Not understood: {plural(len(found), 'record')}",
                table("Problems", ["Input", "Record", "What is wrong"], rows),
                soft(f"… and {more:,} more.") if more > 0 else "",
                level=level,
            )
            if found
            else None,
            section("Remarks on the input", bullets(notes), level=level) if notes else None,
        ]
    )


def _mode_order(modes: Iterable[str]) -> list[str]:
    known = set(modes)
    return [mode for mode in MODES if mode in known]


_HOW: Final = {
    "absent": "left out of a full record, which means its default",
    "assumed": "assumed",
    "answered": "answered by you",
}


# --------------------------------------------------------------------------- explanation


def explanation(found: Explanation) -> str:
    """Show why one VM got its verdicts: everything that decided, and who says so."""
    matrix = found.assessment.matrix
    return page(
        title(found.vm.name or found.vm.id),
        soft(spaced([*_about(found)], " · ")),
        tag("div", [_mode_card(one, found.vm) for one in found.verdicts], class_="rpm-cards"),
        _questions(found),
        _disks(found),
        _why(found),
        _rulings_of(found),
        _assumptions(found),
        _could_apply(found),
        _evidence(found),
        soft("Decided by ", layer_names(matrix), "."),
    )


def _about(found: Explanation) -> Iterable[Html]:
    yield code(found.vm.id)
    if found.vm.location:
        yield escape(found.vm.location)
    if found.assessment.evaluator.strict:
        yield escape("strict: nothing is assumed")
    facts = found.assessment.evaluator.read(found.vm)
    answered = {
        fact_id: str(reading.value)
        for readings in (facts.readings, *(disk.readings for disk in facts.disks))
        for fact_id, reading in readings.items()
        if reading.how == "answered"
    }
    for fact_id, value in answered.items():
        fact = found.assessment.matrix.facts[fact_id]
        shown = value_title(found.assessment.matrix, fact_id, value)
        yield escape(f"answered: {fact.title} = {shown}")


def _mode_card(verdict: Verdict, vm: Vm) -> Html:
    return tag(
        "div",
        paragraph(tag("strong", MODE_TITLES[verdict.mode]), " ", badge(verdict.verdict)),
        paragraph(" ".join(_summary(verdict, vm))),
        class_="rpm-card",
    )


def _summary(verdict: Verdict, vm: Vm) -> Iterable[str]:
    count = len(verdict.exclude_disks)
    if verdict.verdict == "supported":
        yield "A restore point can be created, with all disks."
    elif verdict.verdict == "exclude_disks":
        yield f"A restore point can be created without {count} of {plural(len(vm.disks), 'disk')}."
    elif verdict.verdict == "not_supported":
        yield "No restore point can be created."
    else:
        yield _range(verdict)
        waiting = len(verdict.missing)
        if waiting:
            yield f'{plural(waiting, "fact is", "facts are")} missing, see "{_SETTLES}".'
        else:
            yield "No fact of the VM is missing: the matrix itself leaves this open."
    if verdict.assumptions and verdict.verdict != "not_supported":
        count = len(verdict.assumptions)
        yield f'Rests on {plural(count, "assumption")}, see "{_ASSUMED}".'
    if verdict.caveats:
        yield f"Mind {plural(len(verdict.caveats), 'caveat')}."


def _questions(found: Explanation) -> Html:
    waiting: dict[tuple[str, str], tuple[Question, list[str]]] = {}
    for verdict in found.verdicts:
        for question in verdict.missing:
            mark = (question.fact_id, question.disk)
            waiting.setdefault(mark, (question, []))[1].append(verdict.mode)
    return section(_SETTLES, *question_cards(waiting.values()))


def _disks(found: Explanation) -> Html:
    if not found.vm.disks:
        return Html("")
    facts = found.assessment.evaluator.read(found.vm)
    modes = [verdict.mode for verdict in found.verdicts]
    rows = []
    for one in facts.disks:
        disk = one.disk
        sku = one.readings["disk_sku"].value if "disk_sku" in one.readings else None
        place = "OS disk" if disk.role == "os" else "data disk"
        place += f", lun {disk.lun}" if disk.lun is not None else ""
        concerning = [finding for finding in found.findings if finding.disk == disk.label]
        fates = [
            badge(_fate(disk.id, disk.label, verdict, concerning)) for verdict in found.verdicts
        ]
        rows.append(
            [
                disk.label,
                place + (f", {sku}" if sku else ", SKU not known"),
                *fates,
                wide(_disk_reasons(found.assessment.matrix, concerning)),
            ]
        )
    columns = ["Disk", "What it is", *(MODE_TITLES[mode] for mode in modes), "Why"]
    shown = table("Disks", columns, rows, whole=True)
    return section("Disks", shown, *_ids_to_exclude(found.verdicts))


def _fate(disk_id: str | None, label: str, verdict: Verdict, concerning: Sequence[Finding]) -> str:
    """Say what becomes of a disk in one mode: one of the badges that begin with ``disk_``."""
    here = [one for one in concerning if one.mode == verdict.mode]
    surely = {one.outcome for one in here if one.applies == "yes"}
    if "not_supported" in surely:
        return "disk_blocks"
    if any((one.id, one.label) == (disk_id, label) for one in verdict.exclude_disks):
        return "disk_excluded"
    if verdict.verdict == "not_supported":
        return "disk_unsaved"
    if "exclude_disk" in surely:
        return "disk_excluded"
    if any(one.applies == "unknown" and one.outcome in DECISIVE for one in here):
        return "disk_open"
    return "disk_included"


def _disk_reasons(matrix: Matrix, concerning: Sequence[Finding]) -> Html:
    rows = dict.fromkeys(
        one.row_id
        for one in concerning
        if one.outcome in DECISIVE and one.applies in ("yes", "unknown")
    )
    if not rows:
        return escape("No row excludes it.")
    return fragment([tag("div", row_name(matrix, row)) for row in rows])


def _ids_to_exclude(verdicts: Sequence[Verdict]) -> Iterable[Html]:
    lists: dict[tuple[ExcludedDisk, ...], list[str]] = {}
    for verdict in verdicts:
        if verdict.verdict == "exclude_disks":
            lists.setdefault(verdict.exclude_disks, []).append(MODE_TITLES[verdict.mode])
    for disks, modes in lists.items():
        label = f"Ids to exclude for {' and '.join(mode.lower() for mode in modes)}"
        ids = [disk.id for disk in disks if disk.id]
        if ids:
            yield paragraph(tag("strong", label), " (one click selects them all)")
            yield copyable("\n".join(ids), label)
        nameless = [disk.label for disk in disks if not disk.id]
        if nameless:
            text = "No record shows the id of these disks, and a name alone is not safe: "
            yield paragraph(text, codes(nameless), ".")


def _why(found: Explanation) -> Html:
    matrix = found.assessment.matrix
    deciding: dict[str, None] = {}
    approving: dict[str, None] = {}
    caveats: dict[str, None] = {}
    for verdict in found.verdicts:
        (approving if verdict.verdict == "supported" else deciding).update(
            dict.fromkeys(verdict.reasons)
        )
        for disk in verdict.exclude_disks:
            deciding.update(dict.fromkeys(disk.rows))
        caveats.update(dict.fromkeys(verdict.caveats))
    besides = [row for row in caveats if row not in deciding]
    rest = [row for row in approving if row not in deciding and row not in caveats]
    about = {
        row: [one.disk for one in found.findings if one.row_id == row and one.disk]
        for row in (*deciding, *besides)
    }

    def cards(rows: Iterable[str]) -> list[Html]:
        return [_reason_card(found, row, tuple(dict.fromkeys(about[row]))) for row in rows]

    lines = [fragment([row_name(matrix, row), source_line(matrix, row)]) for row in rest]
    agreeing = details(f"{plural(len(rest), 'row')} that apply and say yes", bullets(lines))
    return fragment(
        [
            section("Why", *cards(deciding)),
            section("Good to know besides", *cards(besides)),
            agreeing if rest else None,
        ]
    )


def _reason_card(found: Explanation, row_id: str, disks: Sequence[str]) -> Html:
    matrix = found.assessment.matrix
    row = matrix.row(row_id)
    modes = [verdict.mode for verdict in found.verdicts]
    outcomes = [fragment([f"{mode} ", badge(row[mode])]) for mode in modes if row.get(mode)]
    return tag(
        "div",
        paragraph(tag("strong", row["title"]), " ", code(row_id)),
        paragraph(spaced(outcomes, " · "), [" · about ", codes(disks)] if disks else None),
        advice(row),
        source_line(matrix, row_id),
        class_="rpm-card",
    )


def _rulings_of(found: Explanation) -> Html:
    ids = dict.fromkeys(ruling for verdict in found.verdicts for ruling in verdict.rulings)
    matrix = found.assessment.matrix
    return section(
        "Where sources contradict each other", *(ruling_card(matrix, ruling) for ruling in ids)
    )


def _assumptions(found: Explanation) -> Html:
    matrix, vm = found.assessment.matrix, found.vm
    cards = []
    for fact_id in dict.fromkeys(one for verdict in found.verdicts for one in verdict.assumptions):
        fact = matrix.facts[fact_id]
        disks: Sequence[Disk | None] = (
            _assumed_of(found, fact_id) if fact.grain == "disk" else [None]
        )
        commands = [fill_command(fact.fetch, vm, disk) for disk in disks if fact.fetch]
        modes = [verdict.mode for verdict in found.verdicts if fact_id in verdict.assumptions]
        cards.append(
            tag(
                "div",
                paragraph(
                    tag("strong", fact.title),
                    f": {value_title(matrix, fact_id, fact.assumption)} (",
                    code(fact_id),
                    f", matters for {' and '.join(modes)})",
                ),
                paragraph(fact.question) if fact.question else None,
                copyable("\n".join(commands), f"Commands for {fact.title}") if commands else None,
                class_="rpm-card",
            )
        )
    return section(_ASSUMED, *cards)


_ASSUMED: Final = "Assumptions (please confirm)"
_SETTLES: Final = "What settles it"


def _assumed_of(found: Explanation, fact_id: str) -> list[Disk]:
    """Give the disks of which a fact is assumed."""
    labels = {
        finding.disk
        for finding in found.findings
        if finding.applies == "assumed no"
        and any((one.fact_id, one.how) == (fact_id, "assumed") for one in finding.evidence)
    }
    return [disk for disk in found.vm.disks if disk.label in labels]


def _could_apply(found: Explanation) -> Html:
    """Tell the caveats that would come on top if something were true that was not seen."""
    matrix = found.assessment.matrix
    rows = dict.fromkeys(row for one in found.verdicts for row in one.possible_caveats)
    lines = [
        fragment([row_name(matrix, row), ": ", matrix.row(row).get("caveat", "")]) for row in rows
    ]
    summary = f"{plural(len(rows), 'caveat')} that may apply too: the input does not tell"
    return details(summary, bullets(lines)) if rows else Html("")


_APPLIES: Final = {"yes": "yes", "unknown": "not known", "assumed no": "no, by an assumption"}


def _evidence(found: Explanation) -> Html:
    """Tell what was seen for each row; rows that are open but never matter only by name."""
    cited = {row for one in found.verdicts for row in (*one.reasons, *one.caveats)}
    merged = dict.fromkeys(
        (one.row_id, one.disk, one.applies, one.evidence) for one in found.findings
    )
    matrix = found.assessment.matrix
    rows = [
        [
            code(row_id),
            disk,
            _APPLIES[applies],
            wide(bullets(_seen(matrix, one) for one in evidence)),
        ]
        for row_id, disk, applies, evidence in merged
        if applies != "unknown" or row_id in cited
    ]
    unseen = dict.fromkeys(
        row_id for row_id, _, applies, _ in merged if applies == "unknown" and row_id not in cited
    )
    shown = table("Evidence", ["Row", "Disk", "Applies", "What was seen"], rows)
    names = paragraph("Not seen, and without effect on the verdict: ", codes(unseen), ".")
    return details(f"Evidence for {plural(len(rows), 'row')}", shown, names if unseen else None)


def _seen(matrix: Matrix, evidence: Evidence) -> Html:
    fact = matrix.facts[evidence.fact_id]
    if evidence.value is None:
        why = f": {evidence.why}" if evidence.why else ""
        return escape(f"{fact.title}: not known{why}")
    known = f"{fact.title}: {value_title(matrix, evidence.fact_id, evidence.value)}"
    where = spaced([one for one in (evidence.file, evidence.record) if one], " ")
    if evidence.how == "read":
        return fragment([known, ", for ", code(evidence.path), f" is {evidence.shown} in ", where])
    how = _HOW.get(evidence.how, evidence.how)
    return fragment([known, ", ", how, [" (", where, ")"] if where else None])


# --------------------------------------------------------------------------- errors

_ERROR_KINDS: Final = {
    "matrix_refusal": "a refusal that the support matrix explains",
    "guest_readiness": "the guest is not ready; the support matrix does not forbid it",
    "service": "a fault or a limit of the service",
    "operation": "the request itself cannot be carried out like this",
    "access": "a missing permission, a policy or a lock",
    "request": "the request names what is not there, not registered or not valid",
}


def error_answer(found: ErrorAnswer, matrix: Matrix) -> str:
    """Show what an error means and what to do about it.

    Parameters
    ----------
    found : ErrorAnswer
        As :func:`rpmatrix.planning.errors.look_up` gives it.
    matrix : Matrix
        What was asked; it has the titles of the rows.
    """
    told = {
        "known": "This error is known.",
        "possible": "The code is known; the message decides. It may be one of these.",
        "unknown": "No row of the matrix knows this error.",
    }[found.state]
    kind = _ERROR_KINDS.get(found.kind, found.kind.replace("_", " "))
    seen = [*found.codes, *([str(found.status)] if found.status else ())]
    return page(
        paragraph(
            badge(f"error_{found.state}"),
            " ",
            told,
            [" It is ", tag("strong", kind), "."] if kind else None,
        ),
        soft("Codes that were found: ", codes(seen), ".") if seen else None,
        [_error_match(matrix, one) for one in found.matches],
        section(
            "Nearest rows, which do not fit",
            *(_nearest(matrix, one) for one in found.nearest),
            level=2,
        ),
        details("Codes that are known", paragraph(codes(found.known_codes)))
        if found.state == "unknown"
        else None,
        section(
            "Where to look next",
            bullets(
                fragment([tag("strong", place.title), ": ", place.advice, *_command(place.command)])
                for place in found.where_next
            ),
            level=2,
        )
        if found.where_next
        else None,
        paragraph(
            "Look for the code at the end of a message, or paste the whole JSON answer: what is "
            "nested in it is searched too."
        )
        if found.state == "unknown"
        else None,
    )


def _error_match(matrix: Matrix, found: ErrorMatch) -> Html:
    modes = MODE_TITLES[found.mode].lower() if found.mode in MODE_TITLES else "both modes"
    return tag(
        "div",
        paragraph(tag("strong", found.meaning), " ", code(found.row)),
        paragraph(tag("strong", "What to do: "), found.action),
        paragraph(
            f"Recognised by its {found.level}",
            [": ", codes(filter(None, (found.code, found.fragment)))],
            f" · {_ERROR_KINDS.get(found.kind, found.kind)} · {modes}",
            f" · {ORIGINS[found.origin]}" if found.origin in ORIGINS else None,
        ),
        source_line(matrix, found.row),
        section(
            "Rows behind it",
            bullets(
                fragment([row_name(matrix, row), source_line(matrix, row)])
                for row in found.rows[1:]
            ),
            level=2,
        )
        if found.rows[1:]
        else None,
        class_="rpm-card",
    )


def _command(command: str) -> list[Html | str]:
    return [" ", code(command)] if command else []


def _nearest(matrix: Matrix, found: Candidate) -> Html:
    near = found.fragment or found.code
    return paragraph(
        found.meaning,
        " ",
        code(found.row),
        " (the same code; its message: " if found.why == "code" else f" ({found.nearness:.0%} of ",
        code(near),
        ")",
    )


# --------------------------------------------------------------------------- panels


def error(message: str) -> str:
    """Show an error where the user looks: what is wrong and what to do."""
    return page(tag("div", tag("strong", "✕ "), message, class_="rpm-error", role="alert"))


def note(message: str) -> str:
    """Show a sentence for the user."""
    return page(paragraph(message))


def checks(results: Iterable[tuple[str, bool, str]]) -> str:
    """Show checks: what was looked at, whether it is fine, and what to do if not."""
    rows = [[what, badge("passed" if fine else "failed"), advice] for what, fine, advice in results]
    return page(table("Checks", ["Check", "Result", "What to do"], rows))


def foot(call: str) -> str:
    """Show the line of Python that gives what stands above it."""
    return page(
        tag(
            "div",
            soft("The same in Python (one click selects it; ", code("import rpmatrix as rp"), "):"),
            copyable(call, "The same in Python"),
            class_="rpm-foot",
        )
    )
