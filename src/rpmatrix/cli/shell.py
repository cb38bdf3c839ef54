"""What the commands of the shell have in common: their arguments, their input, their pages.

A command prints in two kinds: JSON and CSV for machines, and pages for people. On a page ids and
commands are never broken into lines, so that they can be copied. Whatever an input holds, it
cannot steer the terminal: signs that a terminal would obey are shown, not sent.

rich, which draws the pages, is imported when the first page is begun; pandas never is.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from rpmatrix.common.garbage import uncollected_garbage
from rpmatrix.common.words import amount
from rpmatrix.eligibility.assessment import (
    AnswerError,
    Assessment,
    ExcludedDisk,
    Question,
    Verdict,
    assess,
    check_answer,
    marks_of,
)
from rpmatrix.inventory.inventory import (
    Disk,
    Inventory,
    Vm,
    read_inventory,
    with_sources_of_collections,
)
from rpmatrix.matrix.matrix import MODES, Fact, Matrix, load_matrix
from rpmatrix.matrix.schema import Row

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text as Text

_Read = TypeVar("_Read")

FINE: Final = 0
FOUND: Final = 1
WRONG: Final = 2
FAILED_ON: Final = 3
STOPPED: Final = 130
CUT_OFF: Final = 141

EXIT_CODES: Final = """\
exit codes:
  0    done
  1    check, fix, workbook: the tables hold problems; drift: there is drift
  2    wrong usage, or nothing that could be judged or written
  3    assess: a verdict named with --fail-on was given
  130  stopped by Ctrl-C
  141  the reader of the output went away"""

LISTED: Final = 20
"""Entries that a block of a page lists in full; it says how many more there are."""

TABLED: Final = 200
"""VMs that a table of a page lists; it says how many more there are."""

LONGEST_NAME: Final = 64
"""Letters of the longest name a VM may have; only what is longer is folded."""

# The sign for people, the sign where the terminal's encoding lacks it, the colour.
LOOKS: Final = {
    "supported": ("✓", "+", "green"),
    "exclude_disks": ("◐", "!", "yellow"),
    "not_supported": ("✕", "x", "red"),
    "unknown": ("?", "?", "magenta"),
}


class UsageError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def complain(message: str) -> None:
    """Tell a person what went wrong, on standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"rpmatrix: {printable(message, lines=True)}\n")


SECONDS_OF_SILENCE: Final = 1.0
"""What takes longer tells on a terminal how far it has come."""


@contextmanager
def working(what: str, total: int = 0) -> Iterator[Callable[[int], None]]:
    """Make much, without looking for garbage meanwhile; if it takes long, show how far it is.

    Nearly all that is made stays, so that Python's search for cycles would find nothing, and take
    longer than the work itself. What is shown is shown on a terminal only.

    Parameters
    ----------
    what : str
        What is done, such as ``judging``.
    total : int
        How many steps it has; 0 if that is not known.

    Yields
    ------
    callable
        To be called with the number of steps that are done.
    """
    with uncollected_garbage():
        try:
            with _shown(what, total) as step:
                yield step
        finally:
            gc.freeze()  # nor need it be searched later: a command ends soon


@contextmanager
def _shown(what: str, total: int) -> Iterator[Callable[[int], None]]:
    stream = sys.stderr
    if stream is None or not stream.isatty():
        yield lambda done: None
        return
    done = 0
    over = threading.Event()

    def step(number: int) -> None:
        nonlocal done
        done = number

    def show() -> None:
        pause, width = SECONDS_OF_SILENCE, 0
        while not over.wait(pause):
            told = f"{what}: {done:,} of {total:,}" if total and done else f"{what} ..."
            stream.write(f"\r{told:<{width}}")
            stream.flush()
            pause, width = 0.2, max(width, len(told))
        if width:
            stream.write(f"\r{'':<{width}}\r")
            stream.flush()

    shown = threading.Thread(target=show, daemon=True)
    shown.start()
    try:
        yield step
    finally:
        over.set()
        shown.join()


# --- arguments ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subcommand:
    """One command of the shell; ``rpmatrix.cli.main`` names the module that holds it.

    Attributes
    ----------
    arguments : callable
        Adds its arguments to its parser.
    run : callable
        Carries it out and gives the exit code.
    examples : str
        Command lines to show in its help, each indented by two blanks.
    more : str
        What its help says beside the first sentence.
    takes_rest : bool
        Whether arguments that the parser does not know are left to `run`, in ``rest``.
    """

    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    examples: str
    more: str = ""
    takes_rest: bool = False


def add_paths(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """Add the input."""
    parser.add_argument(
        "paths",
        nargs="+" if needed else "*",
        metavar="PATH",
        help="a file, a folder, or - for standard input",
    )


def add_judging(
    parser: argparse.ArgumentParser, *, mode: str = "judge one consistency mode (default: both)"
) -> None:
    """Add what bears on verdicts; `mode` is the help of ``--mode``."""
    add_assumptions(parser, mode=mode)
    add_overlay(parser)


def add_assumptions(
    parser: argparse.ArgumentParser,
    *,
    mode: str = "judge one consistency mode (default: both)",
    of_one_disk: bool = True,
) -> None:
    """Add what bears on verdicts beside the matrix.

    `mode` is the help of ``--mode``; `of_one_disk` tells whether one disk may be answered for.
    """
    parser.add_argument("--mode", choices=MODES, help=mode)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="assume nothing: what no input tells stays unknown",
    )
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar=f"[VM:]{'[DISK:]' * of_one_disk}FACT=VALUE",
        help="answer what the input leaves unknown, for one VM or all, "
        + ("for one disk of it (its name, lun:0 or os) or all" if of_one_disk else "with its disks")
        + "; see: rpmatrix facts",
    )


def add_overlay(parser: argparse.ArgumentParser) -> None:
    """Add the layers above the matrix."""
    parser.add_argument(
        "--overlay",
        action="append",
        default=[],
        metavar="FOLDER",
        help="put the tables of this folder on top of the matrix; may be repeated",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the file to write to."""
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file instead")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the form for machines."""
    parser.add_argument("--json", action="store_true", help="print the documented JSON object")


def read_by(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
    """Let a parser tell what a reader says of a text that it cannot read."""

    def told(text: str) -> _Read:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return told


# --- input ----------------------------------------------------------------------------------------


def read_matrix(overlays: Iterable[str]) -> Matrix:
    """Read the matrix with its overlays, and say what is to be known of them."""
    try:
        matrix = load_matrix(*overlays)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from error
    for warning in matrix.warnings:
        complain(warning)
    return matrix


def read_answers(matrix: Matrix, given: Iterable[str]) -> dict[str, str]:
    """Read what ``--assume`` says."""
    answers = {}
    for text in given:
        named, sign, value = text.partition("=")
        if not sign or not value:
            raise UsageError(
                f"--assume {text}: write FACT=VALUE, VM:FACT=VALUE or, of one disk, "
                "VM:DISK:FACT=VALUE; see: rpmatrix facts"
            )
        try:
            check_answer(matrix, named.rpartition(":")[2].strip(), value.strip())
        except AnswerError as error:
            raise UsageError(f"--assume {text}: {error}") from error
        answers[named.strip()] = value.strip()
    return answers


def read_input(paths: Iterable[str]) -> Inventory:
    """Read the input; a path that is not there is an error, one that holds nothing a problem."""
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
            complain("reading JSON from the keyboard ...")
            return read_inventory(*sources)
    with working("reading"):
        return read_inventory(*sources)


def judge(
    inventory: Inventory,
    matrix: Matrix,
    answers: Mapping[str, str],
    *,
    mode: str | None,
    strict: bool,
) -> Assessment:
    """Judge the VMs, in one mode or in both."""
    answers = check_answered(inventory, matrix, answers)
    modes = (mode,) if mode else MODES
    with working("judging", len(inventory.vms)) as told:
        return assess(inventory, matrix, modes=modes, strict=strict, answers=answers, progress=told)


def check_answered(
    inventory: Inventory, matrix: Matrix, answers: Mapping[str, str]
) -> dict[str, str]:
    """Give the answers with a VM before each disk that is named without one.

    Raises
    ------
    UsageError
        If an answer is for a VM or a disk that is not in the input, or that could be any of
        several.
    """
    return {_whole_scope(inventory, matrix, named): value for named, value in answers.items()}


def _whole_scope(inventory: Inventory, matrix: Matrix, named: str) -> str:
    scope, _, fact_id = named.rpartition(":")
    fact = matrix.facts.get(fact_id)
    if not scope or vms_named(inventory, scope):
        return named
    disks = [
        (vm, disk)
        for vm in inventory.vms
        for disk in (vm.disks if fact and fact.grain == "disk" else ())
        if disk.listed and scope.lower() in _scopes_of(vm, disk)
    ]
    places = {marks_of(disk)[0] for _, disk in disks}
    owners = dict.fromkeys(vm for vm, _ in disks)
    if scope.lower() in places or (len(owners) == 1 and ":" in scope):
        return named
    if len(disks) == 1:
        vm, disk = disks[0]
        return f"{vm.key}:{marks_of(disk)[0]}:{fact_id}"
    if disks:
        whose = few([vm.name or vm.id for vm in owners])
        raise UsageError(
            f"--assume {named}=...: {count(len(disks), 'disk')} may be meant, of {whose}; write "
            "VM:DISK:FACT=VALUE, with lun:0 or os for DISK where names are the same"
        )
    try:
        inventory.vm(scope)
    except LookupError as error:
        besides = ", nor a disk of that name" if fact and fact.grain == "disk" else ""
        raise UsageError(f"--assume {named}=...: {error}{besides}") from error
    return named


def _scopes_of(vm: Vm, disk: Disk) -> set[str]:
    """Give the ways to name a disk, with its VM and without."""
    marks = marks_of(disk)
    return {*marks, *(f"{name}:{mark}" for name in (vm.key, vm.name.lower()) for mark in marks)}


def judged(
    arguments: argparse.Namespace, *, mode: str | None = None, collections: bool = False
) -> Assessment:
    """Read and judge the input of a command that needs a VM, and say what was not needed.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_paths` and `add_judging` add.
    mode : str, optional
        The mode to judge; both if it is left out.
    collections : bool, default False
        Whether restore point collections alone will do, for the VMs that they name.
    """
    matrix = read_matrix(arguments.overlay)
    answers = read_answers(matrix, arguments.assume)
    inventory = read_input(arguments.paths)
    if collections and not inventory.vms:
        inventory = with_sources_of_collections(inventory)
    if not inventory.vms:
        complain_of_problems(inventory)
        raise UsageError(no_vm(inventory))
    result = judge(inventory, matrix, answers, mode=mode, strict=arguments.strict)
    for note in unused_answers(result, answers):
        complain(note)
    return result


def add_vms(parser: argparse.ArgumentParser) -> None:
    """Add the choice of VMs."""
    parser.add_argument(
        "--vm",
        action="append",
        default=[],
        metavar="VM",
        help="only this one, by name or resource id; may be repeated",
    )


def chosen_vms(inventory: Inventory, wanted: Iterable[str]) -> tuple[Vm, ...]:
    """Give the VMs that ``--vm`` names, or all."""
    try:
        found = [inventory.vm(name) for name in wanted]
    except LookupError as error:
        raise UsageError(f"--vm: {error}") from error
    return tuple(dict.fromkeys(found)) or inventory.vms


def vms_named(inventory: Inventory, name: str) -> list[Vm]:
    """Give the VMs that a name or an id stands for."""
    wanted = name.lower()
    return [vm for vm in inventory.vms if wanted in (vm.key, vm.name.lower())]


def unused_answers(result: Assessment, answers: Mapping[str, str]) -> Iterator[str]:
    """Tell of answers that settled nothing, so that nobody believes they did."""
    for named, value in answers.items():
        scope, _, fact_id = named.rpartition(":")
        if result.matrix.facts[fact_id].grain not in ("vm", "disk"):
            continue
        vms = result.inventory.vms
        if scope:
            of_disk = [
                vm for vm in vms if any(scope.lower() in _scopes_of(vm, d) for d in vm.disks)
            ]
            vms = tuple(vms_named(result.inventory, scope) or of_disk)
        for vm in vms:
            facts = result.evaluator.read(vm)
            readings = [facts.readings, *(disk.readings for disk in facts.disks)]
            if any(one[fact_id].how == "answered" for one in readings if fact_id in one):
                break
        else:
            if vms:
                yield f"--assume {named}={value} had no effect: the input already has {fact_id}"


def no_vm(inventory: Inventory) -> str:
    """Say what was read where no VM was."""
    kinds = Counter(record.kind.replace("_", " ") for record in inventory.records)
    found = ", ".join(count(kinds[kind], kind) for kind in kinds)
    return (
        f"no VM to judge in the input ({found or 'no record'} read, "
        f"{count(len(inventory.problems), 'problem')}); "
        "give it the output of: az vm show, az vm list, or another record of a VM"
    )


# --- pages ----------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Turn a result into objects, lists and plain values, as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def print_json(value: Any, stream: IO[str]) -> None:
    """Print JSON in ASCII, which no console and no redirection can spoil."""
    stream.write(json.dumps(value, indent=2))
    stream.write("\n")


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
def output(path: str | None) -> Iterator[IO[str]]:
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
            "".join(look[0] for look in LOOKS.values()).encode(encoding)
            self._look = 0
        except (UnicodeEncodeError, LookupError):
            self._look = 1

    def text(self, *lines: str, style: str = "") -> Text:
        """Make a piece of text safe to print."""
        from rich.text import Text

        return Text("\n".join(printable(line) for line in lines), style=style)

    def verdict(self, name: str, told: str = "") -> Text:
        """Make a verdict: sign, word and colour; `told` is said in place of the word."""
        look = LOOKS[name]
        return self.text(f"{look[self._look]} {told or word(name)}", style=look[2])

    def line(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Print a line that is not broken, such as an id or a command."""
        self._print(self.text(" " * indent + text, style=style), whole=True)

    def prose(self, text: str, *, indent: int = 0, hang: int = -1, style: str = "") -> None:
        """Print sentences, broken between words; a long word, such as an id, stays whole.

        Further lines begin at `hang`, else under the first; those of what is dim stand back, since
        such entries follow each other closely.
        """
        from textwrap import wrap

        further = hang if hang >= 0 else indent + 2 if style == "dim" else indent
        for line in wrap(
            printable(text),
            max(self._console.width, further + 20),
            initial_indent=" " * indent,
            subsequent_indent=" " * further,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            self.line(line, style=style)

    def finding(self, verdict: str, told: str, text: str, *, indent: int = 0) -> None:
        """Print a sentence after the sign of a verdict and what it comes to."""
        sign, colour = LOOKS[verdict][self._look], LOOKS[verdict][2]
        self.prose(f"{sign} {told}: {text}", indent=indent, hang=indent + 2, style=colour)

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

    def verdict_heading(self, text: str, verdict: str, told: str = "") -> None:
        """Print the heading of a block about one verdict."""
        self.blank()
        self.verdict_line(f"{text}: ", verdict, told)

    def verdict_line(self, text: str, verdict: str, told: str = "", *, indent: int = 0) -> None:
        """Print a text with a verdict after it, in one line."""
        from rich.text import Text

        begun = self.text(" " * indent + text, style="bold")
        self._print(Text.assemble(begun, self.verdict(verdict, told)), whole=True)

    def rule(self) -> None:
        """Print a line across the page, between one thing and the next of its kind."""
        from rich.rule import Rule

        self.blank()
        self._print(Rule(style="dim"))

    def block(self, text: str, *, indent: int = 0) -> None:
        """Print lines as they are, such as a command that goes over several."""
        for line in text.split("\n"):
            self.line(line, indent=indent)

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


# --- words ----------------------------------------------------------------------------------------


def word(name: str) -> str:
    """Give a word of an enumeration for people."""
    return name.replace("_", " ")


def count(number: int, noun: str) -> str:
    """Count things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def bound_in_words(comparator: str, bound: str, unit: str) -> str:
    """Say what a limit allows, such as ``at least 1 hour since the last one``."""
    return f"{word(comparator)} {amount(bound, unit)}"


def few(names: Sequence[str]) -> str:
    """List names, and count those that would make the line long."""
    more = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(names[:4] if more else names) + more


def tell_untabled(page: Page, vms: int, *, instead: str) -> None:
    """Say how many of so many VMs a table has left out, and what shows them."""
    if vms > TABLED:
        page.line(f"... and {count(vms - TABLED, 'more VM')}; {instead}")


def listed(page: Page, entries: Iterable[Any]) -> Iterator[Any]:
    """Go through the first entries of a block, and tell how many more there are."""
    every = list(entries)
    yield from every[:LISTED]
    if len(every) > LISTED:
        page.line(f"... and {len(every) - LISTED} more; --json gives all", indent=2)


def fields_of(record: Any) -> dict[str, Any]:
    """Give the fields of a frozen result."""
    return {name: getattr(record, name) for name in type(record).__slots__}


def labels_of(result: Assessment) -> dict[str, str]:
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


def titled(matrix: Matrix, row_id: str) -> str:
    """Name a row by its title and its id."""
    return f"{matrix.citation(row_id).title} [{row_id}]"


def place_of(disk: ExcludedDisk) -> str:
    """Name a disk by where it hangs, which stays the same when a name is given twice."""
    return "OS disk" if disk.role == "os" else f"lun {disk.lun}"


def cited(text: str, rows: Iterable[str]) -> str:
    """Say a sentence with the ids of the rows that say it."""
    return f"{text} [{', '.join(rows)}]"


def no_id(disk: ExcludedDisk) -> str:
    """Say why a disk to exclude stands without an id."""
    name = f"; its name is {disk.name}, which is not safe to exclude by" if disk.name else ""
    return f"(the input shows no id{name})"


def values_of(fact: Fact) -> str:
    """Say what may be answered for a fact."""
    free = {"integer": "a whole number", "api_version": "such as 2022-03-01"}
    return " or ".join(fact.allowed_values) or free.get(fact.type, f"any {word(fact.type)}")


def advice_of(row: Row) -> str:
    """Give what a row says beside its outcome."""
    texts = [row[name] for name in ("caveat", "remedy", "action") if row.get(name)]
    return " ".join(texts) or row.get("title", "") or row.get("meaning", "")


def summary_of(verdict: Verdict, matrix: Matrix) -> Iterator[str]:
    """Tell a verdict in a few short lines."""
    if verdict.verdict == "supported":
        yield "no restriction applies"
    elif verdict.verdict == "not_supported":
        for row_id in verdict.reasons:
            yield titled(matrix, row_id)
    elif verdict.verdict == "exclude_disks":
        for row_id in verdict.reasons:
            disks = [place_of(disk) for disk in verdict.exclude_disks if row_id in disk.rows]
            yield f"exclude {', '.join(disks)}: {titled(matrix, row_id)}"
    else:
        yield f"at best {word(verdict.ceiling)}, at worst {word(verdict.floor)}"
        asked = {row_id for question in verdict.missing for row_id in question.rows}
        for row_id in verdict.reasons:
            if row_id not in asked:
                yield f"not stated by the article: {titled(matrix, row_id)}"
        yield from open_of(verdict.missing)
    if verdict.caveats:
        yield f"caveats: {', '.join(verdict.caveats)}"


def open_of(questions: Iterable[Question]) -> Iterator[str]:
    """Tell what is not known, once for all disks that it concerns."""
    grouped: dict[str, list[Question]] = {}
    for question in questions:
        grouped.setdefault(question.fact_id, []).append(question)
    for alike in grouped.values():
        rows = dict.fromkeys(row_id for one in alike for row_id in one.rows)
        disks = list(dict.fromkeys(one.disk for one in alike if one.disk))
        of = f" of {few(disks)}" if disks else ""
        yield f"not known: {alike[0].title}{of} [{', '.join(rows)}]"
        for why in dict.fromkeys(one.why for one in alike if one.why):
            yield f"  {why}"


UNDEPLOYED: Final = (
    "A VM that only a template describes does not exist yet: the command for it works after "
    "deployment."
)


def print_questions(
    page: Page,
    matrix: Matrix,
    asked: Iterable[tuple[str, Question]],
    *,
    of: Iterable[Vm] = (),
) -> None:
    """List once what settles the unknown: the commands, and what only people know.

    Parameters
    ----------
    page, matrix
        Where to, and where the facts stand.
    asked : iterable of (str, Question)
        The questions, each with the name of its VM; an empty name is not shown.
    of : iterable of Vm
        The VMs that they are about.
    """
    commands: dict[str, None] = {}
    people: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for vm, question in asked:
        if question.command:
            commands[question.command] = None
        else:
            vms, rows = people.setdefault(question.fact_id, ({}, {}))
            vms |= dict.fromkeys([vm] if vm else [])
            rows |= dict.fromkeys(question.rows)
    if commands:
        page.heading("To settle what is unknown, add the output of these to the input")
        for command in listed(page, commands):
            page.line(command, indent=2)
        if any(vm.declared for vm in of):
            page.prose(UNDEPLOYED, indent=2)
    if people:
        page.heading("No command tells; answer with --assume FACT=VALUE")
        entries = []
        for fact_id, (vms, rows) in people.items():
            fact = matrix.facts[fact_id]
            about = "; ".join(filter(None, (values_of(fact), few(list(vms)))))
            told = f"{fact.question or fact.title} ({about}) [{', '.join(rows)}]"
            entries.append((fact_id, told))
        page.entries(entries)


def print_problems(page: Page, inventory: Inventory) -> None:
    """List the records that were not understood, and the notes on the input."""
    if inventory.problems:
        page.heading(f"Not understood: {count(len(inventory.problems), 'record')}")
        for problem in listed(page, inventory.problems):
            page.line(str(problem), indent=2)
    if inventory.notes:
        page.heading("Notes")
        for note in listed(page, inventory.notes):
            page.line(note, indent=2)


def complain_of_problems(inventory: Inventory) -> None:
    """List the same on standard error, where the output has no place for it."""
    if inventory.problems or inventory.notes:
        print_problems(Page(sys.stderr), inventory)


def print_ruling(page: Page, row: Row) -> None:
    """Print where sources differ: the topic and both readings."""
    page.line(f"{row.id}: {row['topic']}", indent=2, style="bold")
    print_readings(page, row, indent=4)


def print_rulings(page: Page, matrix: Matrix, rulings: Iterable[str]) -> None:
    """Name the places where sources differ."""
    found = sorted(set(rulings))
    if found:
        page.heading("The sources differ; both readings: rpmatrix show ID")
        page.entries((one, matrix.row(one, "rulings")["topic"]) for one in found)


def print_readings(page: Page, row: Row, *, indent: int) -> None:
    """Print both readings of a ruling, and the one that is taken."""
    sources = {name: ", ".join(row.members(f"row_{name}")) for name in ("a", "b")}
    sources["b"] = sources["b"] or row["source_b"]
    for name in ("a", "b"):
        taken = " (taken)" if row["adopted"] == name else ""
        page.prose(f"{name}{taken}: {row[f'reading_{name}']} [{sources[name]}]", indent=indent)
    chosen = "neither is taken" if row["adopted"] == "neither" else "why"
    page.prose(f"{chosen} ({row['policy']}): {row['reason']}", indent=indent)


def matrix_name(matrix: Matrix) -> str:
    """Name the tables that decided."""
    return f"{' + '.join(matrix.layers)}, digest {matrix.digest[:12]}"


def article_in_words(matrix: Matrix) -> Iterator[str]:
    """Return title, date and address of each edition of the article that decided."""
    for row in matrix.article:
        yield f"{row['title']}, {row['dated']} ({row['licence']}): {row['address']}"


def print_foot(page: Page, matrix: Matrix, read: str = "") -> None:
    """Print what decided, and where to read it."""
    page.prose(f"{read}matrix {matrix_name(matrix)}")
    for line in article_in_words(matrix):
        page.line(f"source: {line}")
