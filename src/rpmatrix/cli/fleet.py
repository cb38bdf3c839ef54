"""The command for large inventories: fleet.

Files of any size are judged in parts. What is printed is made of counts; the verdict of each VM
goes into files, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from rpmatrix.cli.shell import (
    FINE,
    STOPPED,
    Page,
    Subcommand,
    UsageError,
    add_assumptions,
    add_overlay,
    complain,
    few,
    fields_of,
    print_foot,
    print_json,
    read_answers,
    read_matrix,
    titled,
    word,
)
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.fleet.summary import FleetError
from rpmatrix.matrix.matrix import MODES, Matrix

if TYPE_CHECKING:
    from rpmatrix.cli.shell import Text
    from rpmatrix.fleet.rollups import FleetResult

SHOWN: Final = 10
"""Lines of a table of the summary; it says how many more there are."""

_FORMS: Final = ("parquet", "csv")
# Nobody who writes these means a folder.
_OTHER_FORMS: Final = (
    *("json", "ndjson", "jsonl", "xlsx", "xls", "tsv", "txt", "html", "pdf", "md"),
    *("gz", "bz2", "zst", "zip"),
)
_SECONDS_BETWEEN_LINES: Final = 10


def run_fleet(arguments: argparse.Namespace) -> int:
    """Judge an inventory of any size, write verdicts and print what they add up to."""
    with _reachable():
        _check_targets(arguments)
    matrix = read_matrix(arguments.overlay)
    answers = read_answers(matrix, arguments.assume)
    try:
        result = _judged(arguments, matrix, answers)
        inputs = _digests(arguments.paths) if arguments.report else {}
    except KeyboardInterrupt:
        complain(_how_to_go_on(arguments))
        return STOPPED
    modes = (arguments.mode,) if arguments.mode else MODES
    if arguments.report:
        _write_report(arguments, result, modes, inputs)
    if arguments.json:
        print_json(to_dict(result, modes), sys.stdout)
    elif result.summary.vms:
        _print_fleet(Page(sys.stdout), result, modes)
        _print_written(Page(sys.stdout), arguments, result)
    if not result.summary.vms:
        if not arguments.json:
            page = Page(sys.stderr)
            _print_notes(page, result)
            _print_problems(page, result)
        raise UsageError(
            f"no VM to judge in the input ({_read(result)}); give it the output of: az vm list "
            "and az disk list, or tables of facts, which have a column vm_id"
        )
    return FINE


# --- before and while it runs -----------------------------------------------------------------


def _check_targets(arguments: argparse.Namespace) -> None:
    """Refuse before the work what could not be written after it, or would be read as input."""
    if "-" in arguments.paths:
        raise UsageError(
            "fleet reads files, so that it can go on where it stopped, and no standard input; "
            "name a file, or use: rpmatrix assess -"
        )
    if arguments.report:
        report = Path(arguments.report)
        if report.is_dir() or not report.absolute().parent.is_dir():
            raise UsageError(f"--report {arguments.report}: name a file in a folder that is there")
    if arguments.out is None:
        if arguments.form:
            raise UsageError("--form says how --out is written; name --out too")
        return
    out = Path(arguments.out)
    suffix = out.suffix.lower()[1:]
    if suffix in _FORMS and arguments.form not in (None, suffix):
        raise UsageError(f"--out {arguments.out} is written as {suffix}; leave --form away")
    if suffix not in _FORMS and (out.is_file() or (suffix in _OTHER_FORMS and not out.exists())):
        raise UsageError(
            f"--out {arguments.out} is a file; name a folder, or a file that ends with .parquet or "
            ".csv"
        )


@contextmanager
def _reachable() -> Iterator[None]:
    """Say which file or folder could not be read or written, and why."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename!r}" if error.filename else ""
        raise UsageError(f"cannot read or write{where}: {error.strerror or error}") from error


def _judged(
    arguments: argparse.Namespace, matrix: Matrix, answers: Mapping[str, str]
) -> FleetResult:
    """Judge the files; whatever a person can mend becomes a message."""
    with _needed():
        from pyarrow import ArrowException

        from rpmatrix.fleet.result import assess_files
    try:
        with _reachable(), progress_shown("reading") as told:
            return assess_files(
                arguments.paths,
                matrix,
                out=arguments.out,
                form=arguments.form or _FORMS[0],
                strict=arguments.strict,
                answers=answers,
                progress=told,
                resume=not arguments.no_resume,
            )
    except FleetError as error:
        raise UsageError(str(error)) from error
    except ArrowException as error:
        raise UsageError(
            f"one of the files cannot be read as a table; write it again, or leave it out: {error}"
        ) from error


@contextmanager
def _needed() -> Iterator[None]:
    """Say what to install where a package is missing that only fleets need."""
    try:
        yield
    except ImportError as error:
        package = (error.name or "pyarrow").partition(".")[0]
        raise UsageError(
            f"large inventories need the package {package}; install rpmatrix[fleet], "
            "or use: rpmatrix assess"
        ) from error


class Advance(Protocol):
    """How far something has come, and what to say of it."""

    @property
    def share(self) -> float:
        """From 0 to 1."""

    @property
    def seconds(self) -> float:
        """How long it took so far."""


@contextmanager
def progress_shown(what: str) -> Iterator[Callable[[Advance], None]]:
    """Give what shows how far a run has come: a bar on a terminal, else a line now and then."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=1)

        def show(progress: Advance) -> None:
            bars.update(task, completed=progress.share, description=str(progress))

        yield show


class _Lines:
    """Tells how far a run has come where nothing can be drawn over, and not too often."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def __call__(self, progress: Advance) -> None:
        if progress.seconds - self._told_at >= _SECONDS_BETWEEN_LINES:
            self._told_at = progress.seconds
            complain(str(progress))


def _how_to_go_on(arguments: argparse.Namespace) -> str:
    if arguments.out is None:
        return "stopped; with --out FOLDER a run goes on where it was stopped"
    if arguments.no_resume:
        return "stopped; the same command without --no-resume goes on from here"
    return "stopped; the same command goes on from here"


# --- the report -------------------------------------------------------------------------------


def _digests(paths: Iterable[str]) -> dict[str, str]:
    """Give what identifies each file that was read."""
    from rpmatrix.fleet.run import files_named

    found = {}
    for path in files_named(paths):
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[str(path)] = f"{file.tell():,} bytes, SHA-256 {digest}"
        except OSError as error:
            found[str(path)] = f"cannot be read ({error.strerror or error})"
    return found


def _write_report(
    arguments: argparse.Namespace,
    result: FleetResult,
    modes: Sequence[str],
    inputs: Mapping[str, str],
) -> None:
    from rpmatrix.view.report_fleet import fleet_document

    options = {"Assumptions": "none are made" if arguments.strict else "made, and listed"}
    options |= {f"Answer {number}": one for number, one in enumerate(arguments.assume, start=1)}
    if arguments.mode:
        options["Shown"] = f"{arguments.mode} consistency only"
    # The folders of an input are nobody's business.
    named = {Path(path).name: told for path, told in inputs.items()}
    shown = named if len(named) == len(inputs) else inputs
    text = fleet_document(result, modes, inputs=shown, options=options)
    try:
        Path(arguments.report).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        told = error.strerror or error
        raise UsageError(f"cannot write {arguments.report!r}: {told}") from error


# --- what it adds up to, for machines ---------------------------------------------------------


def to_dict(result: FleetResult, modes: Sequence[str] = MODES) -> dict[str, Any]:
    """Give what a fleet adds up to, as the JSON contract has it.

    Parameters
    ----------
    result : FleetResult
        The verdicts of a fleet.
    modes : sequence of str
        The consistency modes to tell of.
    """

    def rows(what: str) -> list[dict[str, Any]]:
        return [row for row in result.rows(what) if row.get("mode", modes[0]) in modes]

    def places(what: str) -> list[dict[str, Any]]:
        found = json.loads(result.by(what).reset_index().to_json(orient="records"))
        return [row for row in found if row["mode"] in modes]

    verdicts = result.by("mode")
    return {
        "matrix": result.matrix.to_dict(),
        "vms": result.summary.vms,
        "disks": result.summary.disks,
        "verdicts": {
            mode: {name: int(verdicts.loc[mode, name]) for name in VERDICTS}
            for mode in modes
            if mode in verdicts.index
        },
        "what_first": rows("what_first"),
        "reasons": rows("reasons"),
        "caveats": rows("caveats"),
        "assumptions": rows("assumptions"),
        "regions": places("region"),
        "subscriptions": places("subscription"),
        "sets": rows("groups"),
        "members_in_the_way": rows("members_in_the_way"),
        "missing_members": rows("missing_members"),
        "duplicates": rows("duplicates"),
        "limits": rows("limits"),
        "notes": list(result.notes),
        "problems": [fields_of(one) for one in result.problems],
        "counts": {"records": result.records, **result.counts},
        "out": None if result.out is None else str(result.out),
    }


# --- what it adds up to, for people -----------------------------------------------------------


def _print_fleet(page: Page, result: FleetResult, modes: Sequence[str]) -> None:
    told = to_dict(result, modes)
    page.line(f"{_counted(told['vms'], 'VM')}, {_counted(told['disks'], 'disk')}", style="bold")
    page.blank()
    _print_verdicts(page, told["verdicts"])
    _print_what_first(page, told["what_first"])
    _print_reasons(page, result.matrix, told["reasons"], modes)
    _print_regions(page, told["regions"])
    _print_sets(page, told["sets"], told["members_in_the_way"])
    _print_limits(page, result.matrix, told["limits"])
    _print_assumptions(page, result.matrix, told["assumptions"])
    _print_duplicates(page, told["duplicates"])
    _print_notes(page, result)
    _print_problems(page, result)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _right(numbers: Iterable[int]) -> list[str]:
    """Write numbers so that their digits stand below each other."""
    texts = [f"{number:,}" for number in numbers]
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]


def _share(number: int, whole: int) -> str:
    """Tell a share so that a few never look like none, and nearly all never like all."""
    told = f"{100 * number / whole if whole else 0:.1f} %"
    if number and told == "0.0 %":
        return "< 0.1 %"
    return "> 99.9 %" if number < whole and told == "100.0 %" else told


def _more(page: Page, count_of_all: int, what: str) -> None:
    if count_of_all > SHOWN:
        page.line(f"... and {count_of_all - SHOWN:,} more {what}; --json gives all", indent=2)


def _columns(page: Page, rows: Sequence[Mapping[str, int]]) -> list[list[Text]]:
    """Give numbers of VMs by verdict, column by column in one width."""
    by_verdict = [_right(row[name] for row in rows) for name in VERDICTS]
    return [[page.text(texts[place]) for texts in by_verdict] for place in range(len(rows))]


def _print_verdicts(page: Page, verdicts: Mapping[str, Mapping[str, int]]) -> None:
    rows = []
    for mode, counts in verdicts.items():
        total = sum(counts.values())
        for place, name in enumerate(VERDICTS):
            rows.append(
                (
                    page.text(mode if place == 0 else "", style="bold"),
                    page.verdict(name),
                    counts[name],
                    _share(counts[name], total),
                )
            )
    numbers = _right(row[2] for row in rows)
    widest = max(len(row[3]) for row in rows)
    page.table(
        ("Mode", "Verdict", "VMs", "Share"),
        [
            (mode, verdict, page.text(number), page.text(share.rjust(widest)))
            for (mode, verdict, _, share), number in zip(rows, numbers, strict=True)
        ],
        keep=4,
    )


def _print_what_first(page: Page, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    page.heading("What to do first (VMs resolved by this alone / VMs affected)")
    by_thing: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in found:
        by_thing.setdefault((row["kind"], row["id"]), []).append(row)
    numbers = {
        name: iter(_right(row[name] for of_modes in by_thing.values() for row in of_modes))
        for name in ("alone", "touched")
    }
    rows = []
    for (kind, one), of_modes in list(by_thing.items())[:SHOWN]:
        alone, touched = ([next(numbers[name]) for _ in of_modes] for name in numbers)
        told = "find out" if kind == "fact" else "leave out"
        disks = max(row["disks"] for row in of_modes)
        of = f" ({_counted(disks, 'disk')})" if disks else ""
        rows.append(
            (
                page.text(*alone, style="bold"),
                page.text(*touched),
                page.text(*(row["mode"] for row in of_modes)),
                page.text(f"{told}{of}: {of_modes[0]['title']} [{one}]", of_modes[0]["how"]),
            )
        )
    page.table(("Alone", "In all", "Mode", "What to do"), rows, keep=3)
    _more(page, len(by_thing), "things")


def _print_reasons(
    page: Page, matrix: Matrix, found: Sequence[Mapping[str, Any]], modes: Sequence[str]
) -> None:
    by_row: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in found:
        if row["verdict"] != "supported":
            by_row.setdefault(row["row_id"], {}).setdefault(row["mode"], []).append(row)
    if not by_row:
        return
    page.heading("What rules restore points out, or leaves them open")
    rows = []
    for row_id, of_modes in list(by_row.items())[:SHOWN]:
        cells = []
        for mode in modes:
            cell = page.text("")
            for one in sorted(
                of_modes.get(mode, []), key=lambda one: VERDICTS.index(one["verdict"])
            ):
                if cell:
                    cell.append("  ")
                cell.append_text(page.verdict(one["verdict"], f"{one['vms']:,}"))
            cells.append(cell)
        rows.append((*cells, page.text(titled(matrix, row_id))))
    page.table((*(f"VMs, {mode}" for mode in modes), "Row of the matrix"), rows, keep=len(modes))
    _more(page, len(by_row), "rows")


def _print_regions(page: Page, found: Sequence[Mapping[str, Any]]) -> None:
    sizes: dict[str, int] = {}
    for row in found:
        vms = sum(row[name] for name in VERDICTS)
        sizes[row["region"]] = max(vms, sizes.get(row["region"], 0))
    if not sizes:
        return
    page.heading("By region")
    ordered = sorted(sizes, key=lambda region: (-sizes[region], region))
    shown = [row for region in ordered[:SHOWN] for row in found if row["region"] == region]
    numbers = _columns(page, shown)
    rows = []
    for place, (row, cells) in enumerate(zip(shown, numbers, strict=True)):
        again = place and shown[place - 1]["region"] == row["region"]
        name = "" if again else row["region"] or "not known"
        rows.append((page.text(name, style="bold"), page.text(row["mode"]), *cells))
    page.table(("Region", "Mode", *map(word, VERDICTS)), rows, keep=2 + len(VERDICTS))
    _more(page, len(ordered), "regions")


_KINDS: Final = {"availability_set": "availability set", "scale_set": "scale set"}
_PROTECTED: Final = ("all", "some", "none", "unknown")


def _print_sets(
    page: Page, found: Sequence[Mapping[str, Any]], members: Sequence[Mapping[str, Any]]
) -> None:
    if not found:
        return
    page.heading("Sets: how many of their VMs can have restore points")
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for row in found:
        of_one = counts.setdefault((row["kind"], row["mode"]), dict.fromkeys(_PROTECTED, 0))
        of_one[row["protected"]] += 1
    rows = []
    before = ""
    for (kind, mode), of_one in counts.items():
        name = "" if kind == before else f"{_KINDS.get(kind, kind)}s"
        before = kind
        texts = [page.text(f"{of_one[one]:,}") for one in _PROTECTED]
        rows.append((page.text(name, style="bold"), page.text(mode), *texts))
    page.table(("Sets", "Mode", *_PROTECTED), rows, keep=2 + len(_PROTECTED))
    torn = [row for row in found if row["protected"] == "some"]
    for row in torn[:SHOWN]:
        good = row["supported"] + row["exclude_disks"]
        page.line(f"{good} of {row['vms']}, {row['mode']}: {row['group_id']}", indent=2)
        mine = [one for one in members if _of_set(one) == _of_set(row)]
        named = [f"{one['vm_id'].rpartition('/')[2]} ({_why(one)})" for one in mine]
        page.prose(f"in the way: {few(named)}", indent=4, style="dim")
    _more(page, len(torn), "sets in part")
    absent = [row for row in found if row["missing"] and row["mode"] == found[0]["mode"]]
    if absent:
        members_lost = _counted(sum(row["missing"] for row in absent), "member")
        page.line(f"{members_lost} of {_counted(len(absent), 'set')} not in the input", indent=2)


def _why(member: Mapping[str, Any]) -> str:
    """Tell why a member of a set is in the way, or at least its verdict."""
    return str(member["titles"]).replace(" | ", ", ") or word(member["verdict"])


def _of_set(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["group_id"], row["mode"]


def _print_duplicates(page: Page, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    page.heading("VMs that appear more than once (each row judged separately)")
    by_vm: dict[str, list[Mapping[str, Any]]] = {}
    for row in found:
        by_vm.setdefault(row["vm_id"], []).append(row)
    for vm_id, of_modes in list(by_vm.items())[:SHOWN]:
        page.line(vm_id, indent=2)
        for row in of_modes:
            told = f"{row['mode']}: {word(row['verdicts'])}; go by "
            page.verdict_line(told, row["safest"], indent=4)
    _more(page, len(by_vm), "VMs")


def _print_limits(page: Page, matrix: Matrix, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    page.heading("Limits of a subscription and region, with a restore point for each VM")
    by_row: dict[str, list[Mapping[str, Any]]] = {}
    for row in found:
        by_row.setdefault(row["row_id"], []).append(row)
    for row_id, rows in by_row.items():
        rows.sort(key=lambda row: -row["needed"])
        over = [row for row in rows if row["state"] == "exceeded"]
        most = rows[0]
        verdict = "not_supported" if over else "supported"
        state = f"exceeded in {len(over):,} of {len(rows):,}" if over else "within"
        page.finding(verdict, state, titled(matrix, row_id), indent=2)
        for row in over[:SHOWN] or [most]:
            place = ", ".join((row["region"] or "region not known", row["subscription"] or ""))
            least = "" if over else "most: "
            page.line(f"{least}{row['needed']:,} of {int(row['bound']):,} in {place}", indent=4)
        _more(page, len(over), "of them")


def _print_assumptions(page: Page, matrix: Matrix, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    page.heading("Assumptions (please confirm); change one with --assume FACT=VALUE")
    most: dict[str, int] = {}
    for row in found:
        most[row["fact_id"]] = max(row["vms"], most.get(row["fact_id"], 0))
    entries = []
    for fact_id, vms in most.items():
        fact = matrix.facts[fact_id]
        told = f"{fact.question or fact.title} ({_counted(vms, 'VM')})"
        entries.append((f"{fact_id}={fact.assumption}", told))
    page.entries(entries)


def _print_notes(page: Page, result: FleetResult) -> None:
    if result.notes:
        page.heading("Notes")
        for note in result.notes[:SHOWN]:
            page.prose(note, indent=2)
        _more(page, len(result.notes), "notes")


def _print_problems(page: Page, result: FleetResult) -> None:
    if result.problems:
        page.heading(f"Not understood: {_counted(len(result.problems), 'record')}")
        for problem in result.problems[:SHOWN]:
            page.line(str(problem), indent=2)
        _more(page, len(result.problems), "records")


def _print_written(page: Page, arguments: argparse.Namespace, result: FleetResult) -> None:
    page.blank()
    if result.out is not None:
        page.line(f"written: {_written(result.out)}")
    if arguments.report:
        page.line(f"written: {arguments.report}")
    print_foot(page, result.matrix, f"{_read(result)}; ")


def _read(result: FleetResult) -> str:
    """Tell what was read, kind by kind, so that it adds up."""
    counts = dict(result.counts)
    rows = result.records - sum(counts.values())
    kinds = (
        (rows, "row of facts", "rows of facts"),
        (counts.get("vms", 0), "VM record", "VM records"),
        (counts.get("disks", 0), "disk record", "disk records"),
        (counts.get("other", 0), "other", "other"),
    )
    told = [f"{n:,} {one if n == 1 else several}" for n, one, several in kinds if n]
    # A row may have a problem and be judged all the same; a record is one or the other.
    if rows and counts.get("problems"):
        told.append(f"{counts['problems']:,} not understood")
    problems = _counted(len(result.problems), "problem")
    read = f"{_counted(result.records, 'record')} read"
    if rows:
        return f"{read}: {', '.join(told)}; {problems}"
    return f"{read}: {', '.join([*told, problems])}"


def _written(out: Path) -> str:
    if out.is_file():
        return f"{out} (verdicts)"
    from rpmatrix.fleet.run import RESULTS

    parts = sorted(path.name for path in out.iterdir() if path.name in RESULTS)
    return f"{out} ({', '.join(parts)})"


# --- what the command takes -------------------------------------------------------------------


def _fleet_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="files, folders and patterns such as 'exports/*.json.gz': JSON, lines of JSON, CSV, "
        "Parquet, also packed",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="write verdicts, findings and problems into this folder, or the verdicts alone into "
        "a file that ends with .parquet or .csv",
    )
    parser.add_argument(
        "--form", choices=_FORMS, help=f"how to write into a folder (default: {_FORMS[0]})"
    )
    parser.add_argument(
        "--report", metavar="FILE", help="write the summary as one HTML page, to read or print"
    )
    parser.add_argument(
        "--no-resume",
        action="store_true",
        help="begin again, also where an interrupted run had got somewhere",
    )
    parser.add_argument("--json", action="store_true", help="print the documented JSON object")
    # Nothing is answered here for one disk, as where VMs are judged one by one.
    mode = "tell of one consistency mode (default: both); files hold both"
    add_assumptions(parser, mode=mode, of_one_disk=False)
    add_overlay(parser)


SUBCOMMANDS: Final = {
    "fleet": Subcommand(
        _fleet_arguments,
        run_fleet,
        """\
  rpmatrix sample --fleet 2000 --output exports/
  rpmatrix fleet exports/ --out verdicts/ --report fleet.html
  rpmatrix fleet 'exports/*.json.gz' --out verdicts.parquet
  rpmatrix fleet vms.parquet disks.parquet --mode crash --json""",
        """
Reads what assess reads, and tables of facts, in memory that does not grow with
the input. An interrupted run with --out goes on where it stopped when the same
command is given again.""",
    ),
}
