"""The commands of those who keep the tables: drift, impact, workbook and freeze."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from rpmatrix.article.drift import DriftReport, StatementChange, drift
from rpmatrix.authoring.edition import write_skeleton
from rpmatrix.authoring.impact import VmChange, impact, matrix_of, sample_inventory
from rpmatrix.authoring.workbook import read_workbook, write_workbook
from rpmatrix.cli.shell import (
    FINE,
    FOUND,
    Page,
    Subcommand,
    UsageError,
    add_assumptions,
    add_json,
    add_output,
    add_overlay,
    add_paths,
    check_answered,
    complain,
    complain_of_problems,
    count,
    matrix_name,
    no_vm,
    output,
    print_json,
    printable,
    read_answers,
    read_input,
    read_matrix,
    titled,
    word,
)
from rpmatrix.eligibility.assessment import AnswerError
from rpmatrix.inventory.texts import decode
from rpmatrix.matrix.folder import changed_since_freeze, freeze, read_tables
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.problems import TablesError
from rpmatrix.matrix.schema import DESCRIPTOR, data_folder

KINDS_TOLD: Final = {
    "outcome": "answers something else",
    "split": "one statement became several",
    "merged": "several statements became one",
    "added": "new",
    "removed": "gone",
    "wording": "other words for the same",
}


# --- drift ------------------------------------------------------------------------------------


def _drift_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("article", metavar="ARTICLE", help="a copy of it, as Markdown or HTML")
    parser.add_argument("--edition", help="the edition to compare with; the topmost if left out")
    parser.add_argument("--write", metavar="FOLDER", help="begin an overlay for it in this folder")
    add_overlay(parser)
    add_json(parser)
    add_output(parser)


def run_drift(arguments: argparse.Namespace) -> int:
    """Compare a copy of the article with the tables."""
    matrix = read_matrix(arguments.overlay)
    try:
        text = decode(Path(arguments.article).read_bytes())
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot read {arguments.article!r}: {reason}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{arguments.article!r} is no text") from None
    try:
        report = drift(text, matrix, edition=arguments.edition)
        wanted = arguments.write and report.drifted
        written = write_skeleton(report, Path(arguments.write)) if wanted else ()
    except (ValueError, LookupError, OSError) as error:
        raise UsageError(str(error)) from None
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(report.to_dict(), stream)
        else:
            page = Page(stream)
            _print_drift(page, report)
            _print_begun(page, arguments, written)
    return FOUND if report.drifted else FINE


def _print_drift(page: Page, report: DriftReport) -> None:
    for warning in report.warnings:
        page.prose(f"Mind: {warning}")
    for kind, told in KINDS_TOLD.items():
        changes = report.of_kind(kind)
        if not changes:
            continue
        page.heading(f"{told[0].upper()}{told[1:]}: {count(len(changes), 'statement')}")
        if kind == "removed" and report.is_another_article:
            page.prose("not listed, since this is hardly a copy of the article", indent=2)
            continue
        for change in changes:
            _print_change(page, report.matrix, change)
    if report.unseen:
        page.heading(f"Not seen: {count(len(report.unseen), 'statement')}")
        for name in report.unseen:
            page.prose(f"{name}: {report.matrix.row(name, 'statements')['subject']}", indent=2)
    page.blank()
    counted = [f"{number} {kind}" for kind, number in report.counts.items()]
    counted += [f"{len(report.unseen)} not seen"] if report.unseen else []
    counts = ", ".join(counted) or "nothing to compare"
    page.prose(f"compared with edition {report.edition}: {counts}")
    if not report.drifted:
        page.prose("no drift")


def _print_begun(page: Page, arguments: argparse.Namespace, written: tuple[Path, ...]) -> None:
    """Say what of an overlay was begun, and how to go on."""
    for path in written:
        page.prose(f"begun: {path}")
    if written:
        folder, below = arguments.write, arguments.overlay
        on, before = ("".join(f" {word} {one}" for one in below) for word in ("--on", "--from"))
        after = "".join(f" --to {one}" for one in (*below, folder))
        page.prose("what only a person can say is left empty; to see what is to be written:")
        page.line(f"rpmatrix check {folder}{on}", indent=2)
        page.prose("and when nothing is wrong any more, to see whose verdict changes:")
        page.line(f"rpmatrix impact{before}{after}", indent=2)
    elif arguments.write:
        page.prose("nothing was written, since there is nothing to change")


def _print_change(page: Page, matrix: Matrix, change: StatementChange) -> None:
    where = ", ".join(f"line {one.line}" for one in change.new) or "no longer there"
    gone = (f"{matrix.row(name, 'statements')['subject']} [{name}]" for name in change.old)
    what = "; ".join(one.cells[0] if one.cells else one.text for one in change.new)
    page.prose(f"{where}: {what or '; '.join(gone)}", indent=2)
    if change.told:
        page.prose(change.told, indent=4)
    if change.rows and change.kind != "wording":
        rows = ", ".join(f"{row} ({table})" for table, row in change.rows)
        page.prose(f"review: {rows}", indent=4)


# --- impact -----------------------------------------------------------------------------------


def _impact_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="before",
        action="append",
        default=[],
        metavar="LAYER",
        help="the tables before: base, an overlay, a folder of tables or a day; may be repeated",
    )
    parser.add_argument(
        "--to",
        dest="after",
        action="append",
        required=True,
        metavar="LAYER",
        help="the tables after, in the same way",
    )
    add_paths(parser, needed=False)
    add_assumptions(parser)
    add_json(parser)
    add_output(parser)


def run_impact(arguments: argparse.Namespace) -> int:
    """Say whose verdict changes from one state of the tables to another."""
    before, after = _layers(arguments.before), _layers(arguments.after)
    inventory = read_input(arguments.paths) if arguments.paths else sample_inventory()
    if not inventory.vms:
        complain_of_problems(inventory)
        raise UsageError(no_vm(inventory))
    answers = _answers(before, after, arguments.assume)
    answers = check_answered(inventory, after, answers)
    modes = (arguments.mode,) if arguments.mode else MODES
    try:
        found = impact(
            before, after, inventory, modes=modes, strict=arguments.strict, answers=answers
        )
    except AnswerError as error:  # one of the two does not allow the value
        raise UsageError(f"--assume: {error}") from error
    if arguments.paths:
        complain_of_problems(inventory)
    with output(arguments.output) as stream:
        if arguments.json:
            print_json(found.to_dict(), stream)
            return FINE
        page = Page(stream)
        if not arguments.paths:
            page.prose("No input was given: these are the synthetic VMs that come along.")
        for change in found.changes:
            _print_vm_change(page, before, after, change)
        page.blank()
        concerned = len({one.vm_id for one in found.changes})
        page.prose(f"{concerned} of {count(len(found.inventory.vms), 'VM')} concerned")
        page.prose(f"from {matrix_name(before)} to {matrix_name(after)}")
    return FINE


def _layers(named: list[str]) -> Matrix:
    try:
        matrix = matrix_of(named)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None
    for warning in matrix.warnings:
        complain(warning)
    return matrix


def _answers(before: Matrix, after: Matrix, given: list[str]) -> dict[str, str]:
    """Read what ``--assume`` says of facts that either matrix knows."""
    answers: dict[str, str] = {}
    for text in given:
        fact_id = text.partition("=")[0].rpartition(":")[2].strip()
        of_old_alone = fact_id in before.facts and fact_id not in after.facts
        answers |= read_answers(before if of_old_alone else after, [text])
    return answers


def _print_vm_change(page: Page, before: Matrix, after: Matrix, change: VmChange) -> None:
    if change.kind == "verdict":
        told = f"{word(change.before.verdict)} becomes {word(change.after.verdict)}"
    elif change.kind == "disks":
        told = "other disks are to be excluded"
    else:
        told = "other caveats"
    page.prose(f"{change.vm_name or change.vm_id}, {change.mode}: {told}")
    for row in change.rows:
        if after.has_row(row):
            page.prose(titled(after, row), indent=4)
        else:
            page.prose(f"without {titled(before, row)}", indent=4)


# --- workbook and freeze ----------------------------------------------------------------------


def _workbook_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("workbook", metavar="FILE.xlsx", help="the workbook")
    parser.add_argument("--folder", help="the folder of the tables; the base if left out")
    parser.add_argument(
        "--import", dest="back", action="store_true", help="read it back into the tables"
    )
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="FOLDER",
        help="with --import: the overlay lies on this one, by name or folder; may be repeated",
    )


def run_workbook(arguments: argparse.Namespace) -> int:
    """Write the tables as a workbook, or read one back."""
    folder = Path(arguments.folder) if arguments.folder else data_folder()
    path = Path(arguments.workbook)
    overlay = not (folder / DESCRIPTOR).is_file()
    if arguments.on and not (arguments.back and overlay):
        raise UsageError("--on: it says what lies below an overlay that is read with --import")
    try:
        if not arguments.back:
            _refuse_to_overwrite(path)
            write_workbook(folder, path)
            print(printable(f"written: {path}"))
            return FINE
        report = read_workbook(path, folder, *arguments.on)
    except TablesError as error:
        if all(problem.file == path.name for problem in error.problems):
            raise  # nothing was read that could be judged
        for problem in error.problems:
            print(printable(str(problem)))
        where = path if arguments.back else folder
        complain(f"{count(len(error.problems), 'problem')} in {where}; nothing was written")
        return FOUND
    except ModuleNotFoundError:
        raise UsageError("openpyxl is not installed; run: pip install 'rpmatrix[excel]'") from None
    except FileNotFoundError as error:
        raise UsageError(_no_such(error)) from None
    except OSError as error:
        where = folder if arguments.back else path
        advice = "close it in other programs, and see that you may write it"
        raise UsageError(f"cannot write {where}: {error.strerror or error}; {advice}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    print(printable(str(report), lines=True))
    if report.written and not overlay:
        for problem in changed_since_freeze(read_tables(folder)):
            complain(str(problem))
    return FINE


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise UsageError(
            f"{path} is there already, perhaps with edits of yours; "
            "read it back with --import, or delete it"
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {str(path.parent)!r}")


def _no_such(error: FileNotFoundError) -> str:
    return f"--on: {error}" if error.errno is None else f"cannot find {error.filename}"


def _freeze_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", help="the folder of the tables; the base if left out")


def run_freeze(arguments: argparse.Namespace) -> int:
    """Write down the digests of the tables."""
    folder = Path(arguments.folder) if arguments.folder else data_folder()
    if not (folder / DESCRIPTOR).is_file():
        raise UsageError(f"only base tables are frozen, and {folder} holds no {DESCRIPTOR}")
    try:
        path = freeze(folder)
    except OSError as error:
        raise UsageError(str(error)) from None
    print(printable(f"written: {path}"))
    return FINE


SUBCOMMANDS: Final = {
    "drift": Subcommand(
        _drift_arguments,
        run_drift,
        """\
  rpmatrix drift article.md
  rpmatrix drift saved-page.html --json
  rpmatrix drift article.md --write my-overlay/""",
        """
Statement by statement: unchanged, other wording, other outcome, split,
merged, added, removed, and which rows to review. Exit code 1 says drift.""",
    ),
    "impact": Subcommand(
        _impact_arguments,
        run_impact,
        """\
  rpmatrix impact --to newer-edition
  rpmatrix impact --from base --to my-overlay/ vms.json disks.json
  rpmatrix impact --from newer-edition --to newer-edition --to my-overlay/ exports/
  rpmatrix impact --from public-sources --to public-sources --to 2027-01-31
  rpmatrix impact --to newer-edition vms.json --strict --mode crash""",
        """
Without input, the synthetic VMs that come along are judged.""",
    ),
    "workbook": Subcommand(
        _workbook_arguments,
        run_workbook,
        """\
  rpmatrix workbook matrix.xlsx
  rpmatrix workbook matrix.xlsx --import
  rpmatrix workbook mine.xlsx --folder my-overlay/
  rpmatrix workbook mine.xlsx --folder my-overlay/ --import --on newer-edition""",
        """
Every table is a sheet of text cells, with drop-downs and help on each column.
Reading back writes nothing unless everything is right.""",
    ),
    "freeze": Subcommand(
        _freeze_arguments,
        run_freeze,
        """\
  rpmatrix freeze""",
        """
After a change that is meant, so that check notices one that is not.""",
    ),
}
