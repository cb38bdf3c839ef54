"""The commands that judge VMs one by one: assess gives their verdicts, explain says why."""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from rpmatrix.cli.shell import (
    FAILED_ON,
    FINE,
    TABLED,
    Page,
    Subcommand,
    UsageError,
    add_judging,
    add_output,
    add_paths,
    advice_of,
    bound_in_words,
    complain,
    complain_of_problems,
    count,
    few,
    fields_of,
    judge,
    labels_of,
    listed,
    no_id,
    no_vm,
    output,
    place_of,
    print_foot,
    print_json,
    print_problems,
    print_questions,
    print_ruling,
    print_rulings,
    printable,
    read_answers,
    read_input,
    read_matrix,
    summary_of,
    tell_untabled,
    titled,
    unused_answers,
    values_of,
    vms_named,
    word,
)
from rpmatrix.eligibility.assessment import (
    VERDICTS,
    Assessment,
    ExcludedDisk,
    Explanation,
    Finding,
    LimitState,
    Verdict,
)
from rpmatrix.inventory.readings import Evidence
from rpmatrix.matrix.matrix import MODES

if TYPE_CHECKING:
    from rpmatrix.cli.shell import Text


# --- assess ---------------------------------------------------------------------------------------


def run_assess(arguments: argparse.Namespace) -> int:
    """Judge all VMs of the input."""
    matrix = read_matrix(arguments.overlay)
    answers = read_answers(matrix, arguments.assume)
    inventory = read_input(arguments.paths)
    result = judge(inventory, matrix, answers, mode=arguments.mode, strict=arguments.strict)
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(result.to_dict(), stream)
        elif arguments.csv:
            guarded = _write_verdicts_csv(result, stream)
            if guarded:
                complain(
                    f"{count(guarded, 'cell')} began like a formula and got a ' in front, "
                    "so that a spreadsheet takes it for text"
                )
        elif inventory.vms:
            _print_assessment(Page(stream), result)
    if not arguments.json and (arguments.csv or not inventory.vms):
        complain_of_problems(inventory)
    for note in unused_answers(result, answers):
        complain(note)
    if not inventory.vms:
        raise UsageError(no_vm(inventory))
    wanted = {name for names in arguments.fail_on for name in names}
    failed = Counter(one.verdict for one in result.verdicts if one.verdict in wanted)
    if failed:
        shown = ", ".join(f"{failed[name]} {name}" for name in VERDICTS if failed[name])
        complain(f"--fail-on: {shown}, of {count(len(result.verdicts), 'verdict')}")
        return FAILED_ON
    return FINE


CSV_COLUMNS: Final = (
    *("vm_id", "vm_name", "mode", "verdict", "floor", "ceiling", "exclude_disks", "reasons"),
    *("caveats", "assumptions", "missing", "commands", "rulings"),
)


def _write_verdicts_csv(result: Assessment, stream: IO[str]) -> int:
    """Write one row per VM and mode; give the number of cells that had to be guarded."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    guarded = 0
    for one in result.verdicts:
        lists: tuple[Iterable[str], ...] = (
            (disk.id or disk.label for disk in one.exclude_disks),
            one.reasons,
            one.caveats,
            one.assumptions,
            dict.fromkeys(question.fact_id for question in one.missing),
            dict.fromkeys(question.command or question.ask for question in one.missing),
            one.rulings,
        )
        texts = (one.vm_id, one.vm_name, one.mode, one.verdict, one.floor, one.ceiling)
        cells = [*texts, *(" | ".join(members) for members in lists)]
        safe = [_guard(cell) for cell in cells]
        guarded += sum(before != after for before, after in zip(cells, safe, strict=True))
        writer.writerow([printable(cell) for cell in safe] if stream.isatty() else safe)
    return guarded


def _guard(cell: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")) else cell


# --- the page of assess ---------------------------------------------------------------------------


def _print_assessment(page: Page, result: Assessment) -> None:
    labels = labels_of(result)
    vms = result.inventory.vms
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in result.verdicts:
        verdicts.setdefault(verdict.vm_id, []).append(verdict)
    rows: list[tuple[Text, ...]] = []
    for vm in vms[:TABLED]:
        told: dict[tuple[str, ...], list[str]] = {}
        looks: dict[tuple[str, ...], str] = {}
        for one in verdicts.get(vm.id, ()):
            lines = (one.verdict, *summary_of(one, result.matrix))
            told.setdefault(lines, []).append(one.mode)
            looks[lines] = one.verdict
        for place, (lines, modes) in enumerate(told.items()):
            rows.append(
                (
                    page.text(labels[vm.id] if place == 0 else "", style="bold"),
                    page.text("both" if len(modes) > 1 else modes[0]),
                    page.verdict(looks[lines]),
                    page.text(*lines[1:]),
                )
            )
    page.table(("VM", "Mode", "Verdict", "Why"), rows, keep=3)
    tell_untabled(page, len(vms), instead="--json and --csv give all, rpmatrix fleet sums them up")
    _print_exclusions(page, result, labels)
    asked = [(labels[one.vm_id], each) for one in result.verdicts for each in one.missing]
    print_questions(page, result.matrix, asked, of=vms)
    _print_caveats(page, result)
    _print_assumptions(page, result, labels)
    print_rulings(page, result.matrix, (name for one in result.verdicts for name in one.rulings))
    print_problems(page, result.inventory)
    _print_counts(page, result)


def _print_exclusions(page: Page, result: Assessment, labels: Mapping[str, str]) -> None:
    """List the disks to exclude by id: a name alone is not safe."""
    found: dict[tuple[str, tuple[ExcludedDisk, ...]], list[str]] = {}
    for one in result.verdicts:
        if one.verdict == "exclude_disks":
            found.setdefault((labels[one.vm_id], one.exclude_disks), []).append(one.mode)
    if not found:
        return
    page.heading("Disks to exclude, by id")
    for (vm, disks), modes in listed(page, found.items()):
        page.line(f"{vm}, {' and '.join(modes)}:", indent=2)
        for disk in disks:
            page.line(f"{place_of(disk):<7}  {disk.id or no_id(disk)}", indent=4)


def _print_caveats(page: Page, result: Assessment) -> None:
    found = dict.fromkeys(row_id for one in result.verdicts for row_id in one.caveats)
    if not found:
        return
    page.heading("Caveats")
    page.entries((row_id, advice_of(result.matrix.row(row_id))) for row_id in found)


def _print_assumptions(page: Page, result: Assessment, labels: Mapping[str, str]) -> None:
    found: dict[str, dict[str, None]] = {}
    for one in result.verdicts:
        for fact_id in one.assumptions:
            found.setdefault(fact_id, {})[labels[one.vm_id]] = None
    if not found:
        return
    page.heading("Assumptions (please confirm); change one with --assume FACT=VALUE")
    entries = []
    for fact_id, vms in sorted(found.items()):
        fact = result.matrix.facts[fact_id]
        of = f" ({few(list(vms))})" if len(result.inventory.vms) > 1 else ""
        entries.append((f"{fact_id}={fact.assumption}", f"{fact.question or fact.title}{of}"))
    page.entries(entries)


def _print_counts(page: Page, result: Assessment) -> None:
    counts = result.inventory.counts
    page.blank()
    for mode in MODES:
        verdicts = Counter(one.verdict for one in result.verdicts if one.mode == mode)
        if verdicts:
            told = ", ".join(
                f"{verdicts[name]} {word(name)}" for name in VERDICTS if verdicts[name]
            )
            page.prose(f"{mode + ':':<13}{told}")
    of_vms, vms = counts["vms"], len(result.inventory.vms)
    told = count(vms, "VM")
    if of_vms != vms:
        told = f"{count(of_vms, 'VM record')} of {told}"
    read = (
        f"{count(counts['records'], 'record')} read: {told}, "
        f"{count(counts['disks'], 'disk')}, {counts['other']} other, "
        f"{count(counts['problems'], 'problem')}; "
    )
    print_foot(page, result.matrix, read)


# --- explain --------------------------------------------------------------------------------------


def run_explain(arguments: argparse.Namespace) -> int:
    """Explain the verdicts of one VM."""
    matrix = read_matrix(arguments.overlay)
    answers = read_answers(matrix, arguments.assume)
    paths: list[str] = arguments.paths
    wanted: str | None = arguments.vm
    inventory = read_input(paths)
    if wanted and not vms_named(inventory, wanted) and Path(wanted).exists():
        # Two paths and no VM: the first one was meant as a path too.
        inventory, wanted = read_input([wanted, *paths]), None
    if not inventory.vms:
        complain_of_problems(inventory)
        raise UsageError(no_vm(inventory))
    if wanted is None and len(inventory.vms) > 1:
        names = [vm.name or vm.id for vm in inventory.vms]
        raise UsageError(f"{len(names)} VMs are in the input; name one: {few(names)}")
    result = judge(inventory, matrix, answers, mode=arguments.mode, strict=arguments.strict)
    try:
        explanation = result.explain(wanted or inventory.vms[0].id)
    except LookupError as error:
        raise UsageError(str(error)) from error
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(_explanation_dict(explanation), stream)
        else:
            _print_explanation(Page(stream), explanation)
    for note in unused_answers(result, answers):
        complain(note)
    return FINE


def _explanation_dict(explanation: Explanation) -> dict[str, Any]:
    result, vm = explanation.assessment, explanation.vm
    cited = [c for verdict in explanation.verdicts for c in explanation.citations(verdict)]
    rulings = {ruling for verdict in explanation.verdicts for ruling in verdict.rulings}
    whole = result.to_dict()
    return {
        "matrix": whole["matrix"],
        "vm": {
            "id": vm.id,
            "name": vm.name,
            "resource_group": vm.resource_group,
            "subscription_id": vm.subscription_id,
            "location": vm.location,
            "disks": [
                {"id": disk.id, "name": disk.name, "lun": disk.lun, "role": disk.role}
                for disk in vm.disks
                if disk.listed
            ],
        },
        "verdicts": [one.to_dict() for one in explanation.verdicts],
        "findings": [
            {
                "mode": one.mode,
                "row_id": one.row_id,
                "disk": one.disk or None,
                "outcome": one.outcome,
                "applies": one.applies,
                "layer": one.layer,
                "evidence": [fields_of(evidence) for evidence in one.evidence],
            }
            for one in explanation.findings
            if one.mode in {verdict.mode for verdict in explanation.verdicts}
        ],
        "limits": [
            {
                "mode": one.mode,
                "row_id": one.row_id,
                "state": one.state,
                "known": one.known,
                "bound": one.bound,
                "unit": one.unit,
                "evidence": fields_of(one.evidence),
            }
            for one in result.limits_of(vm)
        ],
        "citations": {one.row_id: fields_of(one) for one in cited},
        "rulings": {
            ruling: {
                name: text
                for name, text in result.matrix.row(ruling, "rulings").items()
                if name != "id"
            }
            for ruling in sorted(rulings)
        },
        "problems": whole["problems"],
        "counts": whole["counts"],
    }


def _print_explanation(page: Page, explanation: Explanation) -> None:
    result, vm = explanation.assessment, explanation.vm
    page.line(vm.name or vm.id, style="bold")
    if vm.name:
        page.line(vm.id)
    disks = sum(disk.listed for disk in vm.disks)
    files = dict.fromkeys(record.file for record in vm.records)
    places = (("resource group", vm.resource_group), ("location", vm.location))
    known = [f"{name} {place}" for name, place in places if place]
    page.prose(f"{', '.join([*known, count(disks, 'disk')])}; from {few(list(files))}")
    alike: dict[Verdict, list[str]] = {}
    for verdict in explanation.verdicts:
        alike.setdefault(replace(verdict, mode="", rulings=()), []).append(verdict.mode)
    for verdict, modes in alike.items():
        _print_verdict(page, explanation, verdict, modes)
    _print_limits(page, result, list(result.limits_of(vm)))
    rulings = {ruling for verdict in explanation.verdicts for ruling in verdict.rulings}
    if rulings:
        page.heading("Where the sources differ")
        for ruling in sorted(rulings):
            print_ruling(page, result.matrix.row(ruling, "rulings"))
    print_problems(page, result.inventory)
    page.blank()
    print_foot(page, result.matrix)


def _print_verdict(
    page: Page, explanation: Explanation, verdict: Verdict, modes: Sequence[str]
) -> None:
    """Print a verdict with all that speaks for it, once for the modes that share it."""
    result = explanation.assessment
    matrix = result.matrix
    vm = explanation.vm
    files = {record.file for record in (*vm.records, *(r for d in vm.disks for r in d.records))}
    page.verdict_heading(f"{' and '.join(modes)} consistency", verdict.verdict)
    if verdict.verdict == "unknown":
        page.prose(f"at best {word(verdict.ceiling)}, at worst {word(verdict.floor)}", indent=2)
    if verdict.exclude_disks:
        page.label("exclude, by id")
        for disk in verdict.exclude_disks:
            page.line(f"{place_of(disk):<7}  {disk.id or no_id(disk)}", indent=4)
    of_row: dict[str, list[Finding]] = {}
    for finding in explanation.findings:
        if finding.applies != "assumed no":
            of_row.setdefault(finding.row_id, []).append(finding)
    why = "depends on" if verdict.verdict == "unknown" else "because"
    for label, rows in ((why, verdict.reasons), ("caveats", verdict.caveats)):
        if rows:
            page.label(label)
        for row_id in rows:
            page.line(titled(matrix, row_id), indent=4, style="bold")
            row = matrix.row(row_id)
            if any(row.get(mode) != "supported" for mode in modes):
                page.prose(advice_of(row), indent=6)
            for told in dict.fromkeys(
                (f"{finding.disk}: " if finding.disk else "")
                + _evidence(evidence, several=len(files) > 1)
                for finding in of_row.get(row_id, ())
                for evidence in finding.evidence
            ):
                page.prose(told, indent=6, style="dim")
            for citation in matrix.citations(row_id):
                page.prose(f"{citation}, reviewed {citation.reviewed_on}", indent=6, style="dim")
    if verdict.missing:
        page.label("missing")
        for question in verdict.missing:
            of = f" of {question.disk}" if question.disk else ""
            page.line(
                f"{question.title}{of} ({question.fact_id}) [{', '.join(question.rows)}]",
                indent=4,
                style="bold",
            )
            if question.why:
                page.prose(question.why, indent=6)
            if question.command:
                page.line(question.command, indent=6)
            if question.ask:
                values = values_of(matrix.facts[question.fact_id])
                page.prose(
                    f"{question.ask} Answer with --assume {question.fact_id}=... ({values})",
                    indent=6,
                )
    if verdict.assumptions:
        page.label("assumed, please confirm")
        assumed = [matrix.facts[fact_id] for fact_id in verdict.assumptions]
        page.entries(
            ((f"{fact.id}={fact.assumption}", fact.question or fact.title) for fact in assumed),
            indent=4,
        )
    if verdict.possible_caveats:
        page.label("possible caveats (not enough information)")
        page.prose(", ".join(verdict.possible_caveats), indent=4)


def _evidence(evidence: Evidence, *, several: bool) -> str:
    """Tell evidence, with the file only where there are several."""
    where = f" ({' '.join(part for part in (evidence.file, evidence.record) if part)})"
    if evidence.how == "read":
        told = f"{evidence.fact_id} = {evidence.value}: {evidence.path} is {evidence.shown}"
    elif evidence.how == "absent":
        told = f"{evidence.fact_id} = {evidence.value}: left out of a full record"
    else:
        return str(evidence)
    return told + (where if several else "")


def _print_limits(page: Page, result: Assessment, states: Sequence[LimitState]) -> None:
    """Tell the limits that something is known of; the others are the same for every VM."""
    known = [one for one in states if one.state != "unknown"]
    if not known:
        return
    page.heading("Limits of the next restore point")
    for one in known:
        row = result.matrix.row(one.row_id)
        mark, told = one.state, f"known: {one.known}"
        if one.state == "within":
            mark = "kept"
        if one.evidence.how == "read":
            # There may be points and collections that the input does not show.
            least = row["comparator"] in ("at_most", "less_than")
            told = f"at {'least' if least else 'most'} {one.known} known"
            mark = "kept, by what is known" if one.state == "within" else mark
        bound = bound_in_words(row["comparator"], one.bound, one.unit)
        page.line(f"{mark}, {one.mode}: {row['title']} [{one.row_id}]", indent=2)
        page.line(f"{bound}; {told}", indent=4)
        if one.state == "exceeded":
            page.prose(row["remedy"], indent=4)


# --- what they take -------------------------------------------------------------------------------


def _verdict_names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip().replace("-", "_") for part in text.split(",") if part.strip())
    wrong = [name for name in names if name not in VERDICTS[1:]]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"{(wrong or [text])[0]!r} is none of {', '.join(VERDICTS[1:])}"
        )
    return names


def _assess_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the documented JSON object")
    form.add_argument(
        "--csv",
        action="store_true",
        help="print CSV; a cell that a spreadsheet would take for a formula gets a ' before it",
    )
    add_judging(parser)
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        type=_verdict_names,
        metavar="VERDICT",
        help=f"exit with {FAILED_ON} if a VM gets this verdict: "
        f"{', '.join(VERDICTS[1:])}; repeat it or part several by commas",
    )
    add_output(parser)


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "vm", nargs="?", metavar="VM", help="name or resource id; not needed if there is one VM"
    )
    add_paths(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    add_judging(parser)
    add_output(parser)


SUBCOMMANDS: Final = {
    "assess": Subcommand(
        _assess_arguments,
        run_assess,
        """\
  rpmatrix assess vm.json
  az vm list --show-details | rpmatrix assess - disks.json
  rpmatrix assess exports/ --mode crash --csv --output verdicts.csv
  rpmatrix assess vm.json --assume os_architecture=64-bit --assume vm-1:nfs_mounts=no
  rpmatrix assess vm.json --json --fail-on not_supported,unknown""",
        """
Any mixture of outputs is read: Azure CLI, REST, Resource Graph, PowerShell,
templates; JSON, lines of JSON, CSV. Records of disks beside those of VMs
settle more.""",
    ),
    "explain": Subcommand(
        _explain_arguments,
        run_explain,
        """\
  rpmatrix explain vm-1 exports/
  rpmatrix explain vm.json                   (the only VM in that file)
  rpmatrix explain vm-1 vm.json --mode crash --output case.txt""",
        """
Prints reasons with their citations and the values behind them, what is
assumed, both readings where the article contradicts itself, and the command
for each thing that is missing.""",
    ),
}
