"""The commands of the shell: ``rpmatrix assess vm.json``.

A command reads its arguments, asks the other modules, prints and gives an exit code. The commands
that judge and those about the tables are here; the table ``COMMANDS`` names the others, whose
modules are loaded when they are asked for.
"""

from __future__ import annotations

import argparse
import csv
import errno
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from rpmatrix.completion import SHELLS
from rpmatrix.eligibility import (
    VERDICTS,
    AnswerError,
    Assessment,
    ExcludedDisk,
    Explanation,
    Finding,
    LimitState,
    Verdict,
)
from rpmatrix.facts import Evidence
from rpmatrix.matrix import CITABLE_TABLES, MODES, Matrix, check_overlay, fix_overlay, load_matrix
from rpmatrix.shell import (
    CUT_OFF,
    EXIT_CODES,
    FAILED_ON,
    FINE,
    FOUND,
    STOPPED,
    TABLED,
    WRONG,
    Page,
    Subcommand,
    UsageError,
    add_judging,
    add_output,
    add_overlay,
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
    matrix_name,
    no_id,
    no_vm,
    output,
    place_of,
    print_json,
    print_problems,
    print_questions,
    print_readings,
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
from rpmatrix.table_folders import check, fix, read_tables
from rpmatrix.table_problems import TablesError
from rpmatrix.tables import DESCRIPTOR, Row, data_folder

if TYPE_CHECKING:
    from rpmatrix.shell import Text

__all__ = ["main"]

COMMANDS: Final = {
    "assess": ("Give the verdict of every VM in each mode.", "cli"),
    "explain": ("Say why one VM gets its verdicts.", "cli"),
    "fleet": ("Judge an inventory of any size, and tell what it adds up to.", "cli_fleet"),
    "plan": ("Say what to run for each VM, step by step.", "cli_plan"),
    "commands": ("Write the commands of a plan, to be pasted.", "cli_plan"),
    "schedule": ("Hold a schedule against the limits.", "cli_answers"),
    "copy": ("Say whether restore points can be copied to another region.", "cli_answers"),
    "encryption": ("Say what becomes of the encryption of each disk.", "cli_answers"),
    "error": ("Say what an error means, and what to do about it.", "cli_answers"),
    "report": ("Write an assessment or plans as one document.", "cli_documents"),
    "case": ("Save a case in one file, masked if wanted, or open one.", "cli_documents"),
    "exercise": ("Ask the cards of the workshop, and mark the answers.", "cli_exercise"),
    "check": ("Check the tables of the matrix, or of an overlay.", "cli"),
    "fix": ("Repair in the tables what a machine may repair.", "cli"),
    "show": ("Show a row of the tables.", "cli"),
    "facts": ("List what can be answered with --assume.", "cli"),
    "sample": ("Print the records of a synthetic VM, or make a fleet of them.", "cli"),
    "drift": ("Say what a copy of the article says otherwise.", "cli_tables"),
    "impact": ("Say whose verdict changes with other tables.", "cli_tables"),
    "workbook": ("Write the tables as a workbook, or read one back.", "cli_tables"),
    "freeze": ("Write down the digests of the base tables.", "cli_tables"),
    "lab": ("Open the notebooks in JupyterLab.", "cli"),
    "app": ("Open the panels as pages in a browser.", "cli_open"),
    "site": ("Build the notebooks as a static site.", "cli_open"),
    "completion": ("Print the script that completes commands with the Tab key.", "cli"),
}
"""Every command, in the order of the help: what it does, and the module of rpmatrix that holds it.

A module has its commands in ``SUBCOMMANDS``, by name, and is loaded when one of them is asked for.
To add a command, write a :class:`rpmatrix.shell.Subcommand` there and a line here.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the name of the program; those of the process if left out.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name may hold a letter that the console's encoding lacks.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _told(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except OSError as error:
        # Windows says EINVAL where others say EPIPE.
        if not isinstance(error, BrokenPipeError) and error.errno != errno.EINVAL:
            complain(f"cannot write: {error.strerror or error}")
            return WRONG
        _silence()
        return CUT_OFF
    return code


def _told(argv: list[str]) -> int:
    """Run one command; what a person did wrong becomes a message."""
    try:
        return _run(argv)
    except (UsageError, AnswerError, TablesError) as error:
        complain(str(error))
        return WRONG
    except KeyboardInterrupt:
        complain("stopped")
        return STOPPED


def _silence() -> None:
    """Send what is left in the buffers to nowhere: Python flushes them once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _run(argv: list[str]) -> int:
    parser = make_parser(argv[0] if argv else "")
    if not argv:
        parser.print_help(sys.stderr)
        return WRONG
    if argv[0] == "-" or (argv[0] not in COMMANDS and _is_file(argv[0])):
        parser.error(f"{argv[0]!r} is no command; did you mean: rpmatrix assess {argv[0]}")
    arguments, rest = parser.parse_known_args(argv)
    if rest and not arguments.takes_rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    code: int = arguments.run(arguments)
    return code


def _is_file(word: str) -> bool:
    """Tell whether a word is a file or a folder here, and no option."""
    return not word.startswith("-") and Path(word).exists()


# --- the parser ---------------------------------------------------------


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Make the parser of the command line.

    Parameters
    ----------
    command : str, optional
        The only command whose arguments are wanted, so that the modules of the others need not
        be loaded; all of them if left out.
    """
    parser = argparse.ArgumentParser(
        prog="rpmatrix",
        description="Says whether Azure VMs can have restore points, and who says so.",
        epilog=f"""\
examples:
  az vm show --resource-group demo --name vm-1 | rpmatrix assess -
  rpmatrix assess vm.json disks.json
  rpmatrix explain vm-1 vm.json disks.json
  rpmatrix plan vm.json disks.json --target-region northeurope
  rpmatrix error OperationNotAllowed
  rpmatrix sample sql-with-ultra-data-disk | rpmatrix assess -

{EXIT_CODES}""",
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=16),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version of program and tables"
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", dest="command")
    for name, (text, module) in COMMANDS.items():
        made = commands.add_parser(
            name,
            help=text[0].lower() + text[1:].rstrip("."),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if command not in (None, name):
            continue
        one: Subcommand = import_module(f"rpmatrix.{module}").SUBCOMMANDS[name]
        made.description = f"{text}\n{one.more}".strip()
        made.epilog = f"examples:\n{one.examples}\n\n{EXIT_CODES}"
        made.set_defaults(run=one.run, parser=made, takes_rest=one.takes_rest)
        one.arguments(made)
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            package = version("rpmatrix")
        except PackageNotFoundError:
            package = "(not installed)"
        print(f"rpmatrix {package}, matrix {matrix_name(read_matrix(()))}")
        raise SystemExit(FINE)


def _verdict_names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip().replace("-", "_") for part in text.split(",") if part.strip())
    wrong = [name for name in names if name not in VERDICTS[1:]]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"{(wrong or [text])[0]!r} is none of {', '.join(VERDICTS[1:])}"
        )
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


# --- assess -----------------------------------------------------------------------------------


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


# --- the page of assess -----------------------------------------------------------------------


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
    page.heading("Assumed, please confirm; answer otherwise with --assume FACT=VALUE")
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
    page.prose(
        f"{count(counts['records'], 'record')} read: {told}, "
        f"{count(counts['disks'], 'disk')}, {counts['other']} other, "
        f"{count(counts['problems'], 'problem')}; matrix {matrix_name(result.matrix)}"
    )


# --- explain ----------------------------------------------------------------------------------


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
    page.prose(f"matrix {matrix_name(result.matrix)}")


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
        page.label("caveats if they apply, which is not known")
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


# --- check, fix, show, facts, sample, lab, completion ----------------------------------------


def _folder(given: str | None) -> tuple[Path, bool]:
    """Give the folder of tables, and whether it is an overlay, which has no descriptor."""
    if given is None:
        try:
            return data_folder(), False
        except FileNotFoundError as error:
            raise UsageError(str(error)) from error
    folder = Path(given)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {given!r}")
    return folder, not (folder / DESCRIPTOR).is_file()


def _folder_to_judge(arguments: argparse.Namespace) -> tuple[Path, bool]:
    folder, overlay = _folder(arguments.folder)
    if arguments.on and not overlay:
        raise UsageError(f"--on says what lies below an overlay, and {folder} is none")
    return folder, overlay


def run_check(arguments: argparse.Namespace) -> int:
    """Check tables."""
    folder, overlay = _folder_to_judge(arguments)
    try:
        problems = check_overlay(folder, *arguments.on) if overlay else check(folder)
    except FileNotFoundError as error:
        raise UsageError(f"--on: {error}") from error
    for problem in problems:
        print(printable(str(problem)))
    if problems:
        fixable = sum(problem.fixable for problem in problems)
        repair = f"; {fixable} can be repaired by: {_fix_command(arguments)}" if fixable else ""
        complain(f"{count(len(problems), 'problem')} in {folder}{repair}")
        return FOUND
    tables = read_tables(folder, partial=overlay)
    rows = sum(len(table.rows) for table in tables.values())
    kind = " of an overlay" if overlay else ""
    print(f"{count(rows, 'row')} in {count(len(tables), 'table')}{kind}, no problems")
    if overlay:
        for warning in load_matrix(*arguments.on, folder).warnings:
            complain(warning)
    return FINE


def _fix_command(arguments: argparse.Namespace) -> str:
    below = (f"--on {one}" for one in arguments.on)
    return " ".join(["rpmatrix fix", *filter(None, [arguments.folder]), *below])


def run_fix(arguments: argparse.Namespace) -> int:
    """Repair tables."""
    folder, overlay = _folder_to_judge(arguments)
    try:
        report = fix_overlay(folder, *arguments.on) if overlay else fix(folder)
    except FileNotFoundError as error:
        raise UsageError(f"--on: {error}") from error
    print(printable(str(report), lines=True))
    if report.refused:
        remains = "remains" if len(report.refused) == 1 else "remain"
        complain(f"{count(len(report.refused), 'problem')} {remains} in {folder}")
        return FOUND
    return FINE


def run_show(arguments: argparse.Namespace) -> int:
    """Show the rows that have an id, all rows of a table, or what tables there are."""
    matrix = read_matrix(arguments.overlay)
    if not arguments.row_id:
        return _show_table(arguments, matrix)
    if arguments.table:
        raise UsageError("--table: it lists all rows; leave it out, or the ids")
    found = []
    for row_id in dict.fromkeys(arguments.row_id):
        rows = [
            (table, row)
            for table in _show_order(matrix)
            for row in matrix.table(table)
            if row.id == row_id.strip().lower()
        ]
        if not rows:
            raise UsageError(_no_row(matrix, row_id))
        found += rows
    with output(arguments.output) as stream:
        if arguments.json:
            print_json([_row_dict(matrix, table, row) for table, row in found], stream)
        else:
            page = Page(stream)
            for place, (table, row) in enumerate(found):
                if place:
                    page.blank()
                _print_row(page, matrix, table, row)
    return FINE


def _show_table(arguments: argparse.Namespace, matrix: Matrix) -> int:
    """List the ids of a table, or the tables."""
    table: str = arguments.table
    if table and table not in matrix:
        raise UsageError(f"there is no table {table!r}; there are {', '.join(_show_order(matrix))}")
    if arguments.json and not table:
        raise UsageError("--json: name a row, or a table with --table")
    with output(arguments.output) as stream:
        if arguments.json:
            rows = matrix.table(table)
            print_json([_row_dict(matrix, table, row) for row in rows], stream)
            return FINE
        page = Page(stream)
        if table:
            page.line(f"{table}: {count(len(matrix.table(table)), 'row')}", style="bold")
            page.entries((row.id, _name_of(row)) for row in matrix.table(table))
            page.prose("One of them in full: rpmatrix show ID")
        else:
            page.line("The tables of the matrix", style="bold")
            page.entries(
                (name, count(len(matrix.table(name)), "row")) for name in _show_order(matrix)
            )
            page.prose("The ids of one: rpmatrix show --table scenarios")
    return FINE


def _name_of(row: Row) -> str:
    """Give what a row is about, in the first of the columns that say so."""
    names = ("title", "topic", "meaning", "text", "effect", "advice", "fact_id")
    return next((row[name] for name in names if row.get(name)), "")


def _show_order(matrix: Matrix) -> list[str]:
    return [*CITABLE_TABLES, *(table for table in matrix if table not in CITABLE_TABLES)]


def _no_row(matrix: Matrix, wanted: str) -> str:
    from difflib import get_close_matches

    tables = (*CITABLE_TABLES, "rulings", "facts", "operating_systems")
    known = [row.id for table in tables for row in matrix.table(table)]
    close = list(dict.fromkeys(get_close_matches(wanted.lower(), known, n=3)))
    meant = f"did you mean {' or '.join(close)}?" if close else "rpmatrix assess prints ids in [ ]"
    return f"there is no row {wanted!r} in the tables; {meant}"


def _row_dict(matrix: Matrix, table: str, row: Row) -> dict[str, Any]:
    citable = table in CITABLE_TABLES
    return {
        "table": table,
        "layer": matrix.layer_of(row.id, table),
        "row": dict(row),
        "citations": [fields_of(one) for one in matrix.citations(row.id)] if citable else [],
        "conditions": [
            {name: one[name] for name in ("clause", "fact_id", "operator", "value")}
            for one in _conditions(matrix, table, row)
        ],
        "rulings": list(matrix.rulings(row.id)) if citable else [],
    }


def _conditions(matrix: Matrix, table: str, row: Row) -> list[Row]:
    if table != "scenarios":
        return []
    return [one for one in matrix.table("conditions") if one["scenario_id"] == row.id]


def _print_row(page: Page, matrix: Matrix, table: str, row: Row) -> None:
    page.line(f"{row.id}: {row.get('title') or row.get('topic') or table}", style="bold")
    page.line(f"a row of {table}, layer {matrix.layer_of(row.id, table)}")
    page.blank()
    if table == "rulings":
        print_readings(page, row, indent=2)
        return
    page.entries(
        (name, ", ".join(row.members(name)) if "|" in cell else cell)
        for name, cell in row.items()
        if cell and name not in ("id", "title", "statement_id", "reviewed_on")
    )
    conditions = _conditions(matrix, table, row)
    if conditions:
        page.heading("Applies when")
        clauses: dict[str, list[str]] = {}
        for one in conditions:
            value = " or ".join(one.members("value"))
            told = f"{one['fact_id']} {word(one['operator'])} {value}".strip()
            clauses.setdefault(one["clause"], []).append(told)
        for place, tests in enumerate(clauses.values()):
            page.line(("or " if place else "") + " and ".join(tests), indent=2)
    if table == "facts":
        users = [
            *matrix.table("conditions"),
            *matrix.table("limits"),
            *matrix.table("cross_region"),
        ]
        rows = [one.get("scenario_id") or one.id for one in users if one["fact_id"] == row.id]
        page.heading("Tested by")
        page.prose(", ".join(dict.fromkeys(rows)), indent=2)
    if table not in CITABLE_TABLES:
        return
    page.heading("Who says so")
    for citation in matrix.citations(row.id):
        page.prose(f"{citation}, reviewed {citation.reviewed_on}", indent=2)
    rulings = matrix.rulings(row.id)
    if rulings:
        page.heading("Where the sources differ")
        for ruling in rulings:
            print_ruling(page, matrix.row(ruling, "rulings"))


def run_facts(arguments: argparse.Namespace) -> int:
    """List the facts that can be answered."""
    matrix = read_matrix(arguments.overlay)
    tables = (matrix.table(name) for name in ("conditions", "limits", "cross_region", "steps"))
    used = {row["fact_id"] for rows in tables for row in rows}
    asked = {row["fact_id"] for row in matrix.table("limits")}
    facts = [
        fact
        for fact in matrix.facts.values()
        if fact.id in used and (fact.grain in ("vm", "disk") or fact.id in asked)
    ]
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(
                [
                    {
                        "id": fact.id,
                        "grain": fact.grain,
                        "type": fact.type,
                        "values": list(fact.allowed_values),
                        "assumption": fact.assumption or None,
                        "title": fact.title,
                        "question": fact.question,
                    }
                    for fact in facts
                ],
                stream,
            )
            return FINE
        page = Page(stream)
        rows = []
        for fact in facts:
            rows.append(
                (
                    page.text(fact.id, style="bold"),
                    page.text(values_of(fact)),
                    page.text(fact.assumption),
                    page.text(fact.question or fact.title),
                )
            )
        page.table(("Fact", "Values", "Assumed", "Meaning"), rows, keep=1)
        page.prose(
            "Answer with --assume FACT=VALUE, with VM:FACT=VALUE for one VM, or with "
            "VM:DISK:FACT=VALUE for one disk (its name, lun:0 or os)."
        )
    return FINE


def run_sample(arguments: argparse.Namespace) -> int:
    """Print a sample, or the list of them; or write a fleet of synthetic VMs."""
    from rpmatrix.samples import sample_names, sample_title, sample_vm

    if arguments.fleet is not None:
        return _write_sample_fleet(arguments)
    with output(arguments.output) as stream:
        if arguments.name is None:
            Page(stream).entries(((name, sample_title(name)) for name in sample_names()), indent=0)
            return FINE
        try:
            print_json(sample_vm(arguments.name), stream)
        except LookupError as error:
            raise UsageError(str(error.args[0])) from error
    return FINE


def _write_sample_fleet(arguments: argparse.Namespace) -> int:
    from rpmatrix.cli_fleet import write_sample_fleet

    if arguments.name is not None:
        raise UsageError(f"--fleet makes VMs of many kinds; leave {arguments.name!r} away")
    client, layout = arguments.client, arguments.layout
    write_sample_fleet(arguments.fleet, arguments.output, sys.stdout, client=client, layout=layout)
    return FINE


def run_lab(arguments: argparse.Namespace) -> int:
    """Open JupyterLab."""
    from rpmatrix.launcher import FIRST_NOTEBOOK, LauncherError, open_lab

    folder = {"folder": arguments.folder} if arguments.folder else {}
    try:
        return open_lab(arguments.notebook or FIRST_NOTEBOOK, options=arguments.rest, **folder)
    except LauncherError as error:
        raise UsageError(str(error)) from error


def run_completion(arguments: argparse.Namespace) -> int:
    """Print a completion script; what the tables name can be completed too."""
    from rpmatrix.cli_plan import PHASES_OFFERED
    from rpmatrix.completion import script
    from rpmatrix.samples import sample_names

    values = {"fail_on": VERDICTS[1:], "name": sample_names(), "phase": PHASES_OFFERED}
    # A shell must start though the tables are being edited.
    with suppress(TablesError, UsageError):
        matrix = read_matrix(())
        values["assume"] = tuple(f"{fact}=" for fact in sorted(matrix.facts))
        names = (*CITABLE_TABLES, "rulings")
        values["client"] = matrix.facts["client"].allowed_values
        values["row_id"] = tuple(row.id for name in names for row in matrix.table(name))
    print(script(arguments.shell, make_parser(), values), end="")
    return FINE


# --- what the commands here take --------------------------------------------------------------


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


def _folder_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", metavar="FOLDER", help="the folder (default: the matrix itself)"
    )
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="FOLDER",
        help="judge an overlay on top of this one, by name or folder; may be repeated",
    )


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "row_id", nargs="*", metavar="ROW_ID", help="a reason, a caveat, a ruling, a fact ..."
    )
    parser.add_argument(
        "--table",
        default="",
        metavar="TABLE",
        help="list all rows of this table; see: rpmatrix show",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    add_overlay(parser)
    add_output(parser)


def _facts_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    add_overlay(parser)
    add_output(parser)


def _sample_arguments(parser: argparse.ArgumentParser) -> None:
    from rpmatrix.sample_fleets import CLIENTS, LAYOUTS

    parser.add_argument("name", nargs="?", metavar="NAME", help="which one; a list if left out")
    parser.add_argument(
        "--fleet",
        type=_positive,
        metavar="VMS",
        help="make so many VMs with their disks; --output names a folder for their files, "
        "without it they are printed as lines of JSON",
    )
    parser.add_argument(
        "--client", choices=CLIENTS, default=CLIENTS[0], help="whose output a fleet looks like"
    )
    parser.add_argument(
        "--layout", choices=LAYOUTS, default=LAYOUTS[0], help="how the files of a fleet are written"
    )
    add_output(parser)


def _lab_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notebook", metavar="NAME", help="the notebook to open first")
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        help="where an installed package puts its notebooks (default: rpmatrix-notebooks)",
    )


def _completion_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="which shell the script is for")


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
    "check": Subcommand(
        _folder_arguments,
        run_check,
        """\
  rpmatrix check
  rpmatrix check my-overlay/
  rpmatrix check my-overlay/ --on newer-edition""",
        """
Each problem names its cell as a spreadsheet does: scenarios.csv:D4.""",
    ),
    "fix": Subcommand(
        _folder_arguments,
        run_fix,
        """\
  rpmatrix fix
  rpmatrix fix my-overlay/
  rpmatrix fix my-overlay/ --on newer-edition""",
        """
That is the written form (encoding, separators, order of rows) and cells that
a spreadsheet rewrote in a way that can mean one thing only. It tells what is
left for a person, as check does.""",
    ),
    "show": Subcommand(
        _show_arguments,
        run_show,
        """\
  rpmatrix show ultra-disk
  rpmatrix show c4 c5
  rpmatrix show                        (lists the tables)
  rpmatrix show --table scenarios      (lists the ids of one)""",
        """
With its citations, its conditions and the rulings that touch it.""",
    ),
    "facts": Subcommand(
        _facts_arguments,
        run_facts,
        """\
  rpmatrix facts
  rpmatrix assess vm.json --assume nfs_mounts=no""",
        """
An answer counts where the input leaves the fact unknown.""",
    ),
    "sample": Subcommand(
        _sample_arguments,
        run_sample,
        """\
  rpmatrix sample                                      (lists the names)
  rpmatrix sample sql-with-ultra-data-disk | rpmatrix assess -
  rpmatrix sample --fleet 2000 --output exports/""",
        """
For a first try without an Azure account, and for workshops.""",
    ),
    "lab": Subcommand(
        _lab_arguments,
        run_lab,
        """\
  rpmatrix lab
  rpmatrix lab --notebook 02-check-a-vm.ipynb --no-browser""",
        """
Options that are not listed here go to JupyterLab.""",
        takes_rest=True,
    ),
    "completion": Subcommand(
        _completion_arguments,
        run_completion,
        """\
  bash        eval "$(rpmatrix completion bash)"      in ~/.bashrc
  zsh         eval "$(rpmatrix completion zsh)"       in ~/.zshrc, after compinit
  fish        rpmatrix completion fish | source       in ~/.config/fish/config.fish
  PowerShell  rpmatrix completion powershell | Out-String | Invoke-Expression
                                                      in $PROFILE""",
    ),
}
