"""The commands of the shell: ``rpmatrix assess vm.json``.

A command reads its arguments, asks the other modules, prints and gives an exit code. What it
prints comes in two kinds: JSON and CSV for machines, and pages for people. On a page ids and
commands are never broken into lines, so that they can be copied. Whatever an input holds, it
cannot steer the terminal: signs that a terminal would obey are shown, not sent.

rich, which draws the pages, is imported when the first page is begun; pandas never is.
"""

from __future__ import annotations

import argparse
import csv
import errno
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from rpmatrix.eligibility import (
    VERDICTS,
    AnswerError,
    Assessment,
    Evaluator,
    ExcludedDisk,
    Explanation,
    Finding,
    LimitState,
    Question,
    Verdict,
    assess,
    check_answer,
)
from rpmatrix.inventory import Evidence, Inventory, Vm, read_inventory
from rpmatrix.matrix import CITABLE_TABLES, MODES, Fact, Matrix, load_matrix
from rpmatrix.tables import DESCRIPTOR, Row, TablesError, check, data_folder, fix, read_tables

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

__all__ = ["main"]

FINE: Final = 0
FOUND: Final = 1
WRONG: Final = 2
FAILED_ON: Final = 3
STOPPED: Final = 130
CUT_OFF: Final = 141

EXIT_CODES: Final = """\
exit codes:
  0    done
  1    check or fix: the tables hold problems
  2    wrong usage, or nothing that could be judged in the input
  3    assess: a verdict named with --fail-on was given
  130  stopped by Ctrl-C
  141  the reader of the output went away"""

SHELLS: Final = ("bash", "zsh", "fish", "powershell")
LISTED: Final = 20
"""Entries that a block of a page lists in full; it says how many more there are."""

LONGEST_NAME: Final = 64
"""Letters of the longest name a VM may have; only what is longer is folded."""

# The sign for people, the sign where the terminal's encoding lacks it, the colour.
_LOOKS: Final = {
    "supported": ("✓", "+", "green"),
    "exclude_disks": ("◐", "!", "yellow"),
    "not_supported": ("✕", "x", "red"),
    "unknown": ("?", "?", "magenta"),
}
_LOOK_OF_OUTCOME: Final = {
    "supported": "supported",
    "supported_with_caveat": "supported",
    "exclude_disk": "exclude_disks",
    "not_supported": "not_supported",
    "not_stated": "unknown",
}


class UsageError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


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
    parser = make_parser()
    if not argv:
        parser.print_help(sys.stderr)
        return WRONG
    if argv[0] == "-" or (not argv[0].startswith("-") and Path(argv[0]).exists()):
        parser.error(f"{argv[0]!r} is no command; did you mean: rpmatrix assess {argv[0]}")
    arguments, rest = parser.parse_known_args(argv)
    if rest and not arguments.takes_rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    code: int = arguments.run(arguments)
    return code


def complain(message: str) -> None:
    """Tell a person what went wrong, on standard error."""
    print(f"rpmatrix: {printable(message, lines=True)}", file=sys.stderr)


# --- the commands and their arguments ---------------------------------------------------------


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="rpmatrix",
        description="Says whether Azure VMs can have restore points, and who says so.",
        epilog=f"""\
examples:
  az vm show --resource-group demo --name vm-1 | rpmatrix assess -
  rpmatrix assess vm.json disks.json
  rpmatrix explain vm-1 vm.json disks.json
  rpmatrix sample sql-with-ultra-data-disk | rpmatrix assess -

{EXIT_CODES}""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version of program and tables"
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", dest="command")

    def command(
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        examples: str,
        more: str = "",
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=text[0].lower() + text[1:].partition(".")[0],
            description=f"{text}\n{more}".strip(),
            epilog=f"examples:\n{examples}\n\n{EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.set_defaults(run=run, parser=made, takes_rest=False)
        return made

    assess_ = command(
        "assess",
        run_assess,
        "Give the verdict of every VM in each mode.",
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
    )
    _add_paths(assess_)
    form = assess_.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the documented JSON object")
    form.add_argument(
        "--csv",
        action="store_true",
        help="print CSV; a cell that a spreadsheet would take for a formula gets a ' before it",
    )
    _add_judging(assess_)
    assess_.add_argument(
        "--fail-on",
        action="append",
        default=[],
        type=_verdict_names,
        metavar="VERDICT",
        help=f"exit with {FAILED_ON} if a VM gets this verdict: "
        f"{', '.join(VERDICTS[1:])}; repeat it or part several by commas",
    )
    _add_output(assess_)

    explain = command(
        "explain",
        run_explain,
        "Say why one VM gets its verdicts.",
        """\
  rpmatrix explain vm-1 exports/
  rpmatrix explain vm.json                   (the only VM in that file)
  rpmatrix explain vm-1 vm.json --mode crash --output case.txt""",
        """
Prints reasons with their citations and the values behind them, what is
assumed, both readings where the article contradicts itself, and the command
for each thing that is missing.""",
    )
    explain.add_argument(
        "vm", nargs="?", metavar="VM", help="name or resource id; not needed if there is one VM"
    )
    _add_paths(explain)
    explain.add_argument("--json", action="store_true", help="print a JSON object")
    _add_judging(explain)
    _add_output(explain)

    check_ = command(
        "check",
        run_check,
        "Check the tables of the matrix, or of an overlay.",
        """\
  rpmatrix check
  rpmatrix check my-overlay/""",
        """
Each problem names its cell as a spreadsheet does: scenarios.csv:D4.""",
    )
    _add_folder(check_)
    fix_ = command(
        "fix",
        run_fix,
        "Repair in the tables what a machine may repair.",
        """\
  rpmatrix fix
  rpmatrix fix my-overlay/""",
        """
That is the written form (encoding, separators, order of rows) and cells that
a spreadsheet rewrote in a way that can mean one thing only.""",
    )
    _add_folder(fix_)

    show = command(
        "show",
        run_show,
        "Show a row of the tables.",
        """\
  rpmatrix show ultra-disk
  rpmatrix show c7""",
        """
With its citations, its conditions and the rulings that touch it.""",
    )
    show.add_argument("row_id", metavar="ROW_ID", help="a reason, a caveat, a ruling, a fact ...")
    show.add_argument("--json", action="store_true", help="print a JSON object")
    _add_overlay(show)
    _add_output(show)

    facts = command(
        "facts",
        run_facts,
        "List what can be answered with --assume.",
        """\
  rpmatrix facts
  rpmatrix assess vm.json --assume nfs_mounts=no""",
        """
An answer counts where the input leaves the fact unknown.""",
    )
    facts.add_argument("--json", action="store_true", help="print a JSON array")
    _add_overlay(facts)
    _add_output(facts)

    sample = command(
        "sample",
        run_sample,
        "Print the records of a synthetic VM.",
        """\
  rpmatrix sample                                      (lists the names)
  rpmatrix sample sql-with-ultra-data-disk | rpmatrix assess -""",
        """
For a first try without an Azure account, and for workshops.""",
    )
    sample.add_argument("name", nargs="?", metavar="NAME", help="which one; a list if left out")
    _add_output(sample)

    lab = command(
        "lab",
        run_lab,
        "Open the notebooks in JupyterLab.",
        """\
  rpmatrix lab
  rpmatrix lab --notebook 02-check-a-vm.ipynb --no-browser""",
        """
Options that are not listed here go to JupyterLab.""",
    )
    lab.add_argument("--notebook", metavar="NAME", help="the notebook to open first")
    lab.add_argument(
        "--folder",
        metavar="FOLDER",
        help="where an installed package puts its notebooks (default: rpmatrix-notebooks)",
    )
    lab.set_defaults(takes_rest=True)

    completion = command(
        "completion",
        run_completion,
        "Print the script that completes commands with the Tab key.",
        """\
  bash        eval "$(rpmatrix completion bash)"      in ~/.bashrc
  zsh         eval "$(rpmatrix completion zsh)"       in ~/.zshrc, after compinit
  fish        rpmatrix completion fish | source       in ~/.config/fish/config.fish
  PowerShell  rpmatrix completion powershell | Out-String | Invoke-Expression
                                                      in $PROFILE""",
    )
    completion.add_argument("shell", choices=SHELLS, help="which shell the script is for")
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            package = version("rpmatrix")
        except PackageNotFoundError:
            package = "(not installed)"
        print(f"rpmatrix {package}, matrix {_matrix_name(_matrix(()))}")
        raise SystemExit(FINE)


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a file, a folder, or - for standard input"
    )


def _add_judging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mode", choices=MODES, help="judge one consistency mode (default: both)")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="assume nothing: what no input tells stays unknown",
    )
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="[VM:]FACT=VALUE",
        help="answer what the input leaves unknown, for one VM or all; see: rpmatrix facts",
    )
    _add_overlay(parser)


def _add_overlay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overlay",
        action="append",
        default=[],
        metavar="FOLDER",
        help="put the tables of this folder on top of the matrix; may be repeated",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file instead")


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", metavar="FOLDER", help="the folder (default: the matrix itself)"
    )


def _verdict_names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip().replace("-", "_") for part in text.split(",") if part.strip())
    wrong = [name for name in names if name not in VERDICTS[1:]]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"{(wrong or [text])[0]!r} is none of {', '.join(VERDICTS[1:])}"
        )
    return names


# --- assess -----------------------------------------------------------------------------------


def run_assess(arguments: argparse.Namespace) -> int:
    """Judge all VMs of the input."""
    matrix = _matrix(arguments.overlay)
    answers = _answers(matrix, arguments.assume)
    inventory = _inventory(arguments.paths)
    result = _assess(inventory, matrix, arguments, answers)
    with _output(arguments.output) as stream:
        if arguments.json:
            _print_json(result.to_dict(), stream)
        elif arguments.csv:
            guarded = _write_verdicts_csv(result, stream)
            if guarded:
                complain(
                    f"{_count(guarded, 'cell')} began like a formula and got a ' in front, "
                    "so that a spreadsheet takes it for text"
                )
        elif inventory.vms:
            _print_assessment(Page(stream), result)
    if not arguments.json and (arguments.csv or not inventory.vms):
        _complain_of_problems(inventory)
    for note in _unused_answers(result, answers):
        complain(note)
    if not inventory.vms:
        raise UsageError(_no_vm(inventory))
    wanted = {name for names in arguments.fail_on for name in names}
    failed = Counter(one.verdict for one in result.verdicts if one.verdict in wanted)
    if failed:
        shown = ", ".join(f"{failed[name]} {name}" for name in VERDICTS if failed[name])
        complain(f"--fail-on: {shown}, of {_count(len(result.verdicts), 'verdict')}")
        return FAILED_ON
    return FINE


def _matrix(overlays: Iterable[str]) -> Matrix:
    try:
        return load_matrix(*overlays)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from error


def _answers(matrix: Matrix, given: Iterable[str]) -> dict[str, str]:
    answers = {}
    for text in given:
        named, sign, value = text.partition("=")
        if not sign or not value:
            raise UsageError(
                f"--assume {text}: write FACT=VALUE or VM:FACT=VALUE; see: rpmatrix facts"
            )
        try:
            check_answer(matrix, named.rpartition(":")[2].strip(), value.strip())
        except AnswerError as error:
            raise UsageError(f"--assume {text}: {error}") from error
        answers[named.strip()] = value.strip()
    return answers


def _inventory(paths: Iterable[str]) -> Inventory:
    """Read the input; a path that is not there is an error, one that holds nothing a note."""
    sources: list[str | Path] = []
    for path in dict.fromkeys(paths):
        if path == "-":
            sources.append(path)
            continue
        if not Path(path).exists():
            raise UsageError(f"there is no file or folder {path!r}")
        sources.append(Path(path))
    if "-" in sources:
        if sys.stdin is None:
            raise UsageError("there is no standard input here; name a file")
        if sys.stdin.isatty():
            print("rpmatrix: reading JSON from the keyboard ...", file=sys.stderr)
    inventory = read_inventory(*sources)
    read = [*inventory.digests, *(problem.file for problem in inventory.problems)]
    for source in sources:
        if not isinstance(source, Path) or not source.is_dir():
            continue
        if not any(Path(name).is_relative_to(source) for name in read):
            complain(f"the folder {str(source)!r} holds no file that could be read as JSON")
    return inventory


def _assess(
    inventory: Inventory,
    matrix: Matrix,
    arguments: argparse.Namespace,
    answers: Mapping[str, str],
) -> Assessment:
    for named in answers:
        vm = named.rpartition(":")[0]
        if vm and not _vms_named(inventory, vm):
            try:
                inventory.vm(vm)
            except LookupError as error:
                raise UsageError(f"--assume {named}=...: {error}") from error
    modes = (arguments.mode,) if arguments.mode else MODES
    return assess(inventory, matrix, modes=modes, strict=arguments.strict, answers=answers)


def _vms_named(inventory: Inventory, name: str) -> list[Vm]:
    wanted = name.lower()
    return [vm for vm in inventory.vms if wanted in (vm.key, vm.name.lower())]


def _unused_answers(result: Assessment, answers: Mapping[str, str]) -> Iterator[str]:
    """Tell of answers that settled nothing, so that nobody believes they did."""
    for named, value in answers.items():
        name, _, fact_id = named.rpartition(":")
        if result.matrix.facts[fact_id].grain not in ("vm", "disk"):
            continue
        vms = _vms_named(result.inventory, name) if name else list(result.inventory.vms)
        for vm in vms:
            facts = result.evaluator.read(vm)
            readings = [facts.readings, *(disk.readings for disk in facts.disks)]
            if any(one[fact_id].how == "answered" for one in readings if fact_id in one):
                break
        else:
            if vms:
                yield f"--assume {named}={value} was not needed: the input tells {fact_id}"


def _no_vm(inventory: Inventory) -> str:
    kinds = Counter(record.kind.replace("_", " ") for record in inventory.records)
    found = ", ".join(_count(kinds[kind], kind) for kind in kinds)
    return (
        f"no VM to judge in the input ({found or 'no record'} read, "
        f"{_count(len(inventory.problems), 'problem')}); "
        "give it the output of: az vm show, az vm list, or another record of a VM"
    )


def _print_json(value: Any, stream: IO[str]) -> None:
    """Print JSON in ASCII, which no console and no redirection can spoil."""
    stream.write(json.dumps(value, indent=2))
    stream.write("\n")


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
    labels = _labels(result)
    rows: list[tuple[Text, ...]] = []
    for vm in result.inventory.vms:
        told: dict[tuple[str, ...], list[str]] = {}
        looks: dict[tuple[str, ...], str] = {}
        for one in (one for one in result.verdicts if one.vm_id == vm.id):
            lines = (one.verdict, *_summary(one, result.matrix))
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
    _print_exclusions(page, result, labels)
    _print_questions(page, result, labels)
    _print_caveats(page, result)
    _print_assumptions(page, result, labels)
    _print_rulings(page, result)
    _print_problems(page, result.inventory)
    _print_counts(page, result)


def _labels(result: Assessment) -> dict[str, str]:
    """Name the VMs; two of one name are told apart by their resource group, else by id."""
    vms = result.inventory.vms
    chosen: dict[str, str] = {}
    for wording in (_short_label, _grouped_label):
        told = {vm.id: wording(vm) for vm in vms if vm.id not in chosen}
        often = Counter(label.lower() for label in told.values())
        chosen |= {key: label for key, label in told.items() if often[label.lower()] == 1}
    return {vm.id: chosen.get(vm.id, vm.id) for vm in vms}


def _short_label(vm: Vm) -> str:
    if vm.name:
        return vm.name
    record = vm.records[0]
    return f"{Path(record.file).name} {record.pointer}".rstrip(" /")


def _grouped_label(vm: Vm) -> str:
    return f"{_short_label(vm)} ({vm.resource_group or Path(vm.records[0].file).name})"


def _summary(verdict: Verdict, matrix: Matrix) -> Iterator[str]:
    """Tell a verdict in a few short lines."""
    if verdict.verdict == "supported":
        yield "nothing stands against it"
    elif verdict.verdict == "not_supported":
        for row_id in verdict.reasons:
            yield _titled(matrix, row_id)
    elif verdict.verdict == "exclude_disks":
        for row_id in verdict.reasons:
            disks = [_place(disk) for disk in verdict.exclude_disks if row_id in disk.rows]
            yield f"exclude {', '.join(disks)}: {_titled(matrix, row_id)}"
    else:
        yield f"at best {_word(verdict.ceiling)}, at worst {_word(verdict.floor)}"
        asked = {row_id for question in verdict.missing for row_id in question.rows}
        for row_id in verdict.reasons:
            if row_id not in asked:
                yield f"not stated by the article: {_titled(matrix, row_id)}"
        for questions in _by_fact(verdict.missing):
            rows = dict.fromkeys(row_id for one in questions for row_id in one.rows)
            disks = [one.disk for one in questions if one.disk]
            of = f" of {_few(disks)}" if disks else ""
            yield f"not known: {questions[0].title}{of} [{', '.join(rows)}]"
            for why in dict.fromkeys(one.why for one in questions if one.why):
                yield f"  {why}"
    if verdict.caveats:
        yield f"caveats: {', '.join(verdict.caveats)}"


def _by_fact(questions: Iterable[Question]) -> list[list[Question]]:
    grouped: dict[str, list[Question]] = {}
    for question in questions:
        grouped.setdefault(question.fact_id, []).append(question)
    return list(grouped.values())


def _few(names: Sequence[str]) -> str:
    """List names, and count those that would make the line long."""
    more = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(names[:4] if more else names) + more


def _titled(matrix: Matrix, row_id: str) -> str:
    return f"{matrix.citation(row_id).title} [{row_id}]"


def _place(disk: ExcludedDisk) -> str:
    """Name a disk by where it hangs, which stays the same when a name is given twice."""
    return "OS disk" if disk.role == "os" else f"lun {disk.lun}"


def _word(name: str) -> str:
    return name.replace("_", " ")


def _print_exclusions(page: Page, result: Assessment, labels: Mapping[str, str]) -> None:
    """List the disks to exclude by id: a name alone is not safe."""
    found: dict[tuple[str, tuple[ExcludedDisk, ...]], list[str]] = {}
    for one in result.verdicts:
        if one.verdict == "exclude_disks":
            found.setdefault((labels[one.vm_id], one.exclude_disks), []).append(one.mode)
    if not found:
        return
    page.heading("Disks to exclude, by id")
    for (vm, disks), modes in _listed(page, found.items()):
        page.line(f"{vm}, {' and '.join(modes)}:", indent=2)
        for disk in disks:
            page.line(f"{_place(disk):<7}  {disk.id or _no_id(disk)}", indent=4)


def _no_id(disk: ExcludedDisk) -> str:
    name = f"; its name is {disk.name}, which is not safe to exclude by" if disk.name else ""
    return f"(the input shows no id{name})"


def _print_questions(page: Page, result: Assessment, labels: Mapping[str, str]) -> None:
    """List once what settles the unknown verdicts: the commands, and what only people know."""
    commands: dict[str, None] = {}
    asked: dict[str, dict[str, None]] = {}
    for one in result.verdicts:
        for question in one.missing:
            if question.command:
                commands[question.command] = None
            else:
                asked.setdefault(question.fact_id, {})[labels[one.vm_id]] = None
    if commands:
        page.heading("To settle what is unknown, add the output of these to the input")
        for command in _listed(page, commands):
            page.line(command, indent=2)
    if asked:
        page.heading("No command tells; answer with --assume FACT=VALUE")
        entries = []
        for fact_id, vms in asked.items():
            fact = result.matrix.facts[fact_id]
            about = f"{_values(fact)}; {_few(list(vms))}"
            entries.append((fact_id, f"{fact.question or fact.title} ({about})"))
        page.entries(entries)


def _values(fact: Fact) -> str:
    free = {"integer": "a whole number", "api_version": "such as 2022-03-01"}
    return " or ".join(fact.allowed_values) or free.get(fact.type, f"any {_word(fact.type)}")


def _print_caveats(page: Page, result: Assessment) -> None:
    found = dict.fromkeys(row_id for one in result.verdicts for row_id in one.caveats)
    if not found:
        return
    page.heading("Caveats")
    page.entries((row_id, _advice(result.matrix.row(row_id))) for row_id in found)


def _advice(row: Row) -> str:
    """Give what a row says beside its outcome."""
    texts = [row[name] for name in ("caveat", "remedy", "action") if row.get(name)]
    return " ".join(texts) or row.get("title", "") or row.get("meaning", "")


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
        of = f" ({_few(list(vms))})" if len(result.inventory.vms) > 1 else ""
        entries.append((f"{fact_id}={fact.assumption}", f"{fact.question or fact.title}{of}"))
    page.entries(entries)


def _print_rulings(page: Page, result: Assessment) -> None:
    found = sorted({ruling for one in result.verdicts for ruling in one.rulings})
    if found:
        page.heading("The sources differ; both readings: rpmatrix show ID")
        topics = (result.matrix.row(ruling, "rulings")["topic"] for ruling in found)
        page.entries(zip(found, topics, strict=True))


def _print_problems(page: Page, inventory: Inventory) -> None:
    if inventory.problems:
        page.heading(f"Not understood: {_count(len(inventory.problems), 'record')}")
        for problem in _listed(page, inventory.problems):
            page.line(str(problem), indent=2)
    if inventory.notes:
        page.heading("Notes")
        for note in _listed(page, inventory.notes):
            page.line(note, indent=2)


def _complain_of_problems(inventory: Inventory) -> None:
    if inventory.problems or inventory.notes:
        _print_problems(Page(sys.stderr), inventory)


def _print_counts(page: Page, result: Assessment) -> None:
    counts = result.inventory.counts
    page.blank()
    for mode in MODES:
        verdicts = Counter(one.verdict for one in result.verdicts if one.mode == mode)
        if verdicts:
            told = ", ".join(
                f"{verdicts[name]} {_word(name)}" for name in VERDICTS if verdicts[name]
            )
            page.prose(f"{mode + ':':<13}{told}")
    page.prose(
        f"{_count(counts['records'], 'record')} read: {_count(counts['vms'], 'VM')}, "
        f"{_count(counts['disks'], 'disk')}, {counts['other']} other, "
        f"{_count(counts['problems'], 'problem')}; matrix {_matrix_name(result.matrix)}"
    )


def _matrix_name(matrix: Matrix) -> str:
    return f"{' + '.join(matrix.layers)}, digest {matrix.digest[:12]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(page: Page, entries: Iterable[Any]) -> Iterator[Any]:
    """Go through the first entries of a block, and tell how many more there are."""
    every = list(entries)
    yield from every[:LISTED]
    if len(every) > LISTED:
        page.line(f"... and {len(every) - LISTED} more; --json and --csv give all", indent=2)


# --- explain ----------------------------------------------------------------------------------


def run_explain(arguments: argparse.Namespace) -> int:
    """Explain the verdicts of one VM."""
    matrix = _matrix(arguments.overlay)
    answers = _answers(matrix, arguments.assume)
    paths: list[str] = arguments.paths
    wanted: str | None = arguments.vm
    inventory = _inventory(paths)
    if wanted and not _vms_named(inventory, wanted) and Path(wanted).exists():
        # Two paths and no VM: the first one was meant as a path too.
        inventory, wanted = _inventory([wanted, *paths]), None
    if not inventory.vms:
        _complain_of_problems(inventory)
        raise UsageError(_no_vm(inventory))
    if wanted is None and len(inventory.vms) > 1:
        names = [vm.name or vm.id for vm in inventory.vms]
        raise UsageError(f"{len(names)} VMs are in the input; name one: {_few(names)}")
    result = _assess(inventory, matrix, arguments, answers)
    try:
        explanation = result.explain(wanted or inventory.vms[0].id)
    except LookupError as error:
        raise UsageError(str(error)) from error
    with _output(arguments.output) as stream:
        if arguments.json:
            _print_json(_explanation_dict(explanation), stream)
        else:
            _print_explanation(Page(stream), explanation)
    for note in _unused_answers(result, answers):
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
                "evidence": [_fields(evidence) for evidence in one.evidence],
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
                "evidence": _fields(one.evidence),
            }
            for one in result.limits_of(vm)
        ],
        "citations": {one.row_id: _fields(one) for one in cited},
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


def _fields(record: Any) -> dict[str, Any]:
    """Give the fields of a frozen result."""
    return {name: getattr(record, name) for name in type(record).__slots__}


def _print_explanation(page: Page, explanation: Explanation) -> None:
    result, vm = explanation.assessment, explanation.vm
    page.line(vm.name or vm.id, style="bold")
    if vm.name:
        page.line(vm.id)
    disks = sum(disk.listed for disk in vm.disks)
    files = dict.fromkeys(record.file for record in vm.records)
    places = (("resource group", vm.resource_group), ("location", vm.location))
    known = [f"{name} {place}" for name, place in places if place]
    page.prose(f"{', '.join([*known, _count(disks, 'disk')])}; from {_few(list(files))}")
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
            _print_ruling(page, result.matrix.row(ruling, "rulings"))
    _print_problems(page, result.inventory)
    page.blank()
    page.prose(f"matrix {_matrix_name(result.matrix)}")


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
        page.prose(f"at best {_word(verdict.ceiling)}, at worst {_word(verdict.floor)}", indent=2)
    if verdict.exclude_disks:
        page.label("exclude, by id")
        for disk in verdict.exclude_disks:
            page.line(f"{_place(disk):<7}  {disk.id or _no_id(disk)}", indent=4)
    of_row: dict[str, list[Finding]] = {}
    for finding in explanation.findings:
        if finding.applies != "assumed no":
            of_row.setdefault(finding.row_id, []).append(finding)
    why = "depends on" if verdict.verdict == "unknown" else "because"
    for label, rows in ((why, verdict.reasons), ("caveats", verdict.caveats)):
        if rows:
            page.label(label)
        for row_id in rows:
            page.line(_titled(matrix, row_id), indent=4, style="bold")
            row = matrix.row(row_id)
            if any(row.get(mode) != "supported" for mode in modes):
                page.prose(_advice(row), indent=6)
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
                values = _values(matrix.facts[question.fact_id])
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
        mark = "exceeded" if one.state == "exceeded" else "kept"
        bound = f"{_word(row['comparator'])} {one.bound} {one.unit}".strip()
        page.line(f"{mark}, {one.mode}: {row['title']} [{one.row_id}]", indent=2)
        page.line(f"{bound}; known: {one.known}", indent=4)
        if one.state == "exceeded":
            page.prose(row["remedy"], indent=4)


def _print_ruling(page: Page, row: Row) -> None:
    page.line(f"{row.id}: {row['topic']}", indent=2, style="bold")
    _print_readings(page, row, indent=4)


def _print_readings(page: Page, row: Row, *, indent: int) -> None:
    sources = {name: ", ".join(row.members(f"row_{name}")) for name in ("a", "b")}
    sources["b"] = sources["b"] or row["source_b"]
    for name in ("a", "b"):
        taken = " (taken)" if row["adopted"] == name else ""
        page.prose(f"{name}{taken}: {row[f'reading_{name}']} [{sources[name]}]", indent=indent)
    chosen = "neither is taken" if row["adopted"] == "neither" else "why"
    page.prose(f"{chosen} ({row['policy']}): {row['reason']}", indent=indent)


# --- check, fix, show, facts, sample, lab -----------------------------------------------------


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


def run_check(arguments: argparse.Namespace) -> int:
    """Check tables."""
    folder, overlay = _folder(arguments.folder)
    problems = check(folder, partial=overlay)
    for problem in problems:
        print(printable(str(problem)))
    if problems:
        fixable = sum(problem.fixable for problem in problems)
        repair = f"; {fixable} can be repaired by: {_fix_command(arguments)}" if fixable else ""
        complain(f"{_count(len(problems), 'problem')} in {folder}{repair}")
        return FOUND
    tables = read_tables(folder, partial=overlay)
    rows = sum(len(table.rows) for table in tables.values())
    kind = " of an overlay" if overlay else ""
    print(f"{_count(rows, 'row')} in {_count(len(tables), 'table')}{kind}, no problems")
    return FINE


def _fix_command(arguments: argparse.Namespace) -> str:
    return f"rpmatrix fix {arguments.folder}" if arguments.folder else "rpmatrix fix"


def run_fix(arguments: argparse.Namespace) -> int:
    """Repair tables."""
    folder, overlay = _folder(arguments.folder)
    report = fix(folder, partial=overlay)
    print(printable(str(report), lines=True))
    return FOUND if report.refused else FINE


def run_show(arguments: argparse.Namespace) -> int:
    """Show the rows that have an id."""
    matrix = _matrix(arguments.overlay)
    wanted = arguments.row_id.strip().lower()
    found = [
        (table, row)
        for table in _show_order(matrix)
        for row in matrix.table(table)
        if row.id == wanted
    ]
    if not found:
        raise UsageError(_no_row(matrix, arguments.row_id))
    with _output(arguments.output) as stream:
        if arguments.json:
            _print_json([_row_dict(matrix, table, row) for table, row in found], stream)
        else:
            page = Page(stream)
            for place, (table, row) in enumerate(found):
                if place:
                    page.blank()
                _print_row(page, matrix, table, row)
    return FINE


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
        "citations": [_fields(one) for one in matrix.citations(row.id)] if citable else [],
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
        _print_readings(page, row, indent=2)
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
            told = f"{one['fact_id']} {_word(one['operator'])} {value}".strip()
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
            _print_ruling(page, matrix.row(ruling, "rulings"))


def run_facts(arguments: argparse.Namespace) -> int:
    """List the facts that can be answered."""
    matrix = _matrix(arguments.overlay)
    used = {*Evaluator(matrix).rules.facts, *(row["fact_id"] for row in matrix.table("limits"))}
    facts = [
        fact
        for fact in matrix.facts.values()
        if fact.id in used and fact.grain in ("vm", "disk", "request")
    ]
    with _output(arguments.output) as stream:
        if arguments.json:
            _print_json(
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
                    page.text(_values(fact)),
                    page.text(fact.assumption),
                    page.text(fact.question or fact.title),
                )
            )
        page.table(("Fact", "Values", "Assumed", "Meaning"), rows, keep=1)
        page.prose("Answer with --assume FACT=VALUE, or --assume VM:FACT=VALUE for one VM.")
    return FINE


def run_sample(arguments: argparse.Namespace) -> int:
    """Print a sample, or the list of them."""
    from rpmatrix.samples import sample_names, sample_title, sample_vm

    with _output(arguments.output) as stream:
        if arguments.name is None:
            Page(stream).entries(((name, sample_title(name)) for name in sample_names()), indent=0)
            return FINE
        try:
            _print_json(sample_vm(arguments.name), stream)
        except LookupError as error:
            raise UsageError(str(error.args[0])) from error
    return FINE


def run_lab(arguments: argparse.Namespace) -> int:
    """Open JupyterLab."""
    from rpmatrix.launcher import FIRST_NOTEBOOK, LauncherError, open_lab

    folder = {"folder": arguments.folder} if arguments.folder else {}
    try:
        return open_lab(arguments.notebook or FIRST_NOTEBOOK, options=arguments.rest, **folder)
    except LauncherError as error:
        raise UsageError(str(error)) from error


# --- what goes to people ----------------------------------------------------------------------


def printable(text: str, *, lines: bool = False) -> str:
    """Show the signs that a terminal would obey, such as escape sequences, instead of sending them.

    Parameters
    ----------
    text : str
        What an input holds, or a text with parts of it.
    lines : bool
        Let line ends be.
    """
    if text.isprintable():
        return text
    return "".join(
        sign
        if sign.isprintable() or (lines and sign == "\n")
        else sign.encode("unicode_escape", "backslashreplace").decode("ascii")
        for sign in text
    )


@contextmanager
def _output(path: str | None) -> Iterator[IO[str]]:
    """Open the file that was asked for, or give standard output.

    The file is written when all is well, so that an error leaves no half of one.
    """
    if path is None:
        yield sys.stdout
        return
    text = io.StringIO()
    yield text
    try:
        content = text.getvalue().encode("utf-8", "backslashreplace")
        Path(path).write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {path!r}: {error.strerror or error}") from error


class Page:
    """Text for people, on a terminal, in a pipe or in a file.

    Away from a terminal there are no colours, and a table is as wide as its longest word needs.
    """

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._stream = stream
        self._piped = not stream.isatty()
        width = None
        if self._piped and not os.environ.get("COLUMNS", "").isdigit():
            width = 120
        self._console = Console(
            file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False
        )
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            "".join(look[0] for look in _LOOKS.values()).encode(encoding)
            self._look = 0
        except (UnicodeEncodeError, LookupError):
            self._look = 1

    def text(self, *lines: str, style: str = "") -> Text:
        """Make a piece of text safe to print."""
        from rich.text import Text

        return Text("\n".join(printable(line) for line in lines), style=style)

    def verdict(self, name: str) -> Text:
        """Make a verdict: sign, word and colour."""
        look = _LOOKS[name]
        return self.text(f"{look[self._look]} {_word(name)}", style=look[2])

    def line(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Print a line that is not broken, such as an id or a command."""
        self._print(self.text(" " * indent + text, style=style), whole=True)

    def prose(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Print sentences, broken between words; a long word, such as an id, stays whole."""
        from textwrap import wrap

        # Further lines of what is dim stand back, since such entries follow each other closely.
        further = indent + 2 if style else indent
        for line in wrap(
            printable(text),
            max(self._console.width, further + 20),
            initial_indent=" " * indent,
            subsequent_indent=" " * further,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            self.line(line, style=style)

    def entries(self, entries: Iterable[tuple[str, str]], *, indent: int = 2) -> None:
        """Print names and beside them what they stand for."""
        from rich.padding import Padding
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True, overflow="fold")
        grid.add_column(overflow="fold")
        for name, text in entries:
            grid.add_row(self.text(name, style="bold"), self.text(text))
        self._print(Padding(grid, (0, 0, 0, indent)))

    def heading(self, text: str) -> None:
        """Print the heading of a block."""
        self.blank()
        self.line(text, style="bold")

    def label(self, text: str) -> None:
        """Print the heading of a part of a block."""
        self.line(text, indent=2, style="cyan")

    def verdict_heading(self, text: str, verdict: str) -> None:
        """Print the heading of a block about one verdict."""
        from rich.text import Text

        self.blank()
        both = Text.assemble(self.text(f"{text}: ", style="bold"), self.verdict(verdict))
        self._print(both, whole=True)

    def blank(self) -> None:
        """Print an empty line."""
        self._print("")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Text]], *, keep: int) -> None:
        """Print a table, whose first columns are not broken away from a terminal."""
        from rich import box
        from rich.measure import Measurement
        from rich.table import Table

        table = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
            header_style="bold",
        )
        made = list(rows)
        for place, name in enumerate(header):
            longest = max((row[place].cell_len for row in made), default=0)
            whole = self._piped and place < keep and longest <= LONGEST_NAME
            limit = None if whole or place >= keep else LONGEST_NAME
            table.add_column(name, no_wrap=whole, max_width=limit, overflow="fold")
        for row in made:
            table.add_row(*row)
        width = self._console.width
        if self._piped:
            options = self._console.options.update(max_width=1_000_000)
            needed = Measurement.get(self._console, options, table)
            self._console.width = max(width, needed.minimum)
        self._print(table)
        self._console.width = width

    def _print(self, what: RenderableType, *, whole: bool = False) -> None:
        if not self._piped:
            self._console.print(what, soft_wrap=whole)
            return
        with self._console.capture() as made:
            self._console.print(what, soft_wrap=whole)
        # rich fills lines up with blanks.
        for line in made.get().splitlines():
            self._stream.write(f"{line.rstrip()}\n")


# --- completion -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Word:
    """An option or the arguments of a command, as the completion scripts need them."""

    flag: str
    help: str
    values: tuple[str, ...] = ()
    kind: str = "switch"
    """``switch`` takes no value; ``value`` takes one; ``file`` and ``folder`` take a path."""


def run_completion(arguments: argparse.Namespace) -> int:
    """Print a completion script."""
    write = {
        "bash": _bash,
        "zsh": _zsh,
        "fish": _fish,
        "powershell": _powershell,
    }[arguments.shell]
    parser = make_parser()
    print(write(_commands(parser), _words(parser, {})), end="")
    return FINE


def _commands(parser: argparse.ArgumentParser) -> dict[str, tuple[str, list[_Word]]]:
    """Give help and words of each command; what the tables name can be completed too."""
    values: dict[str, tuple[str, ...]] = {}
    try:
        matrix = _matrix(())
        values["assume"] = tuple(f"{fact}=" for fact in sorted(matrix.facts))
        names = (*CITABLE_TABLES, "rulings")
        values["row_id"] = tuple(row.id for name in names for row in matrix.table(name))
    except (TablesError, UsageError):
        pass  # a shell must start though the tables are being edited
    from rpmatrix.samples import sample_names

    values["fail_on"] = VERDICTS[1:]
    values["name"] = sample_names()
    commands: dict[str, tuple[str, list[_Word]]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, made in action.choices.items():
                commands[name] = (helps[name], _words(made, values))
    return commands


_PATHS: Final = {"FILE": "file", "PATH": "file", "FOLDER": "folder"}


def _words(parser: argparse.ArgumentParser, values: Mapping[str, tuple[str, ...]]) -> list[_Word]:
    words = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        kind = _PATHS.get(str(action.metavar), "value")
        if action.option_strings and action.nargs == 0:
            kind = "switch"
        known = values.get(action.dest, tuple(action.choices or ()))
        flag = action.option_strings[-1] if action.option_strings else ""
        words.append(_Word(flag, (action.help or "").replace("%%", "%"), known, kind))
    return words


def _bash(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    cases, follow = [], []
    for name, (_, words) in commands.items():
        flags = [word.flag for word in words if word.flag]
        free = [value for word in words if not word.flag for value in word.values]
        cases.append(f"    {name}) flags='{' '.join(flags)}' words='{' '.join(free)}' ;;")
        for word in words:
            if word.flag and word.kind != "switch":
                follow.append(
                    f"    '{name} {word.flag}') flags= words='{' '.join(word.values)}' ;;"
                )
    names = " ".join([*commands, *(word.flag for word in top)])
    return f"""\
_rpmatrix() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" flags= words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=( $(compgen -W '{names}' -- "$current") )
    return
  fi
  case "$command" in
{chr(10).join(cases)}
  esac
  case "$command ${{COMP_WORDS[COMP_CWORD-1]}}" in
{chr(10).join(follow)}
  esac
  case "$current" in
    -*) words="$flags" ;;
  esac
  # Where nothing is said here, the shell completes the names of files.
  COMPREPLY=( $(compgen -W "$words" -- "$current") )
  case "${{COMPREPLY[0]}}" in
    *=) compopt -o nospace 2>/dev/null ;;
  esac
}}
complete -o default -F _rpmatrix rpmatrix
"""


def _zsh(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    def escaped(text: str) -> str:
        for sign in "\\[]:":
            text = text.replace(sign, f"\\{sign}")
        return text.replace("'", "'\\''")

    def taken(word: _Word) -> str:
        if word.kind == "file":
            return "_files"
        if word.kind == "folder":
            return "_files -/"
        if any(value.endswith("=") for value in word.values):
            return f'compadd -S "" -- {" ".join(word.values)}'
        return f"({' '.join(word.values)})"

    def spec(word: _Word) -> str:
        if not word.flag:
            return f"'*:argument:{taken(word)}'"
        if word.kind == "switch":
            return f"'{word.flag}[{escaped(word.help)}]'"
        return f"'*{word.flag}[{escaped(word.help)}]:value:{taken(word)}'"

    cases = []
    for name, (_, words) in commands.items():
        flagged = [spec(word) for word in words if word.flag]
        # A command's last argument says what may follow; zsh takes one such rule.
        free = [spec(word) for word in words if not word.flag][-1:]
        joined = " \\\n        ".join([*flagged, *free])
        cases.append(f"    {name})\n      _arguments \\\n        {joined} ;;")
    names = "\n".join(f"    '{name}:{escaped(text)}'" for name, (text, _) in commands.items())
    options = " ".join(spec(word) for word in top)
    return f"""\
#compdef rpmatrix
_rpmatrix() {{
  local -a names
  names=(
{names}
  )
  if (( CURRENT == 2 )); then
    if [[ "$words[2]" == -* ]]; then
      _arguments {options}
    else
      _describe command names
    fi
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
{chr(10).join(cases)}
  esac
}}
compdef _rpmatrix rpmatrix
"""


def _fish(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    def rule(when: str, word: _Word) -> str:
        parts = ["complete -c rpmatrix -n", quoted(when)]
        if word.flag.startswith("--"):
            parts.append(f"-l {word.flag.removeprefix('--')}")
        if word.flag and word.kind != "switch":
            parts.append("-r")
        if word.values:
            parts += ["-f -a" if not word.flag else "-x -a", quoted(" ".join(word.values))]
        if word.flag:
            parts += ["-d", quoted(word.help)]
        return " ".join(parts)

    lines = [rule("__fish_use_subcommand", word) for word in top]
    for name, (text, words) in commands.items():
        lines.append(
            f"complete -c rpmatrix -f -n __fish_use_subcommand -a {name} -d {quoted(text)}"
        )
        when = f"__fish_seen_subcommand_from {name}"
        lines += [rule(when, word) for word in words if word.flag or word.values]
    return "\n".join(lines) + "\n"


def _powershell(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    def listed(values: Iterable[str]) -> str:
        return "@(" + ", ".join(f"'{value}'" for value in values) + ")"

    lines = []
    for name, (_, words) in commands.items():
        flags = [word.flag for word in words if word.flag]
        free = [value for word in words if not word.flag for value in word.values]
        lines.append(f"    '{name}' = {listed([*flags, *free])}")
        lines += [
            f"    '{name} {word.flag}' = {listed(word.values)}"
            for word in words
            if word.flag and word.kind != "switch"
        ]
    names = listed([*commands, *(word.flag for word in top)])
    return f"""\
Register-ArgumentCompleter -Native -CommandName rpmatrix -ScriptBlock {{
  param($current, $line, $position)
  $known = @{{
{chr(10).join(lines)}
  }}
  $typed = @($line.CommandElements | ForEach-Object {{ "$_" }})
  if ($current) {{ $typed = @($typed | Select-Object -SkipLast 1) }}
  if ($typed.Count -lt 2) {{
    $words = {names}
  }} else {{
    $words = $known[$typed[1]]
    $after = "$($typed[1]) $($typed[-1])"
    if ($typed.Count -gt 2 -and $known.ContainsKey($after)) {{ $words = $known[$after] }}
  }}
  # Where nothing is said here, the shell completes the names of files.
  $words | Where-Object {{ $_ -like "$current*" }} | ForEach-Object {{
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }}
}}
"""
