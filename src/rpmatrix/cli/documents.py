"""The commands that hand something on: report and case."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from rpmatrix.cases import Case, CaseError, masked_inventory, open_case, save_case
from rpmatrix.cli.shell import (
    FINE,
    FOUND,
    Page,
    Subcommand,
    UsageError,
    add_judging,
    add_paths,
    judge,
    judged,
    labels_of,
    no_vm,
    print_problems,
    printable,
    read_answers,
    read_matrix,
    word,
)
from rpmatrix.planning.plan import plan
from rpmatrix.view.documents import FORMATS, DocumentError, write_document


def _add_mask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mask",
        action="store_true",
        help="replace names, ids, tags and keys by pseudonyms, so that it can be shown",
    )
    parser.add_argument(
        "--secret", default="", metavar="TEXT", help="make pseudonyms that only its owner can make"
    )


# --- report -----------------------------------------------------------------------------------


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--to", choices=FORMATS, default="", help="the form; told by the file's ending if left out"
    )
    parser.add_argument("--plan", action="store_true", help="with a plan for every VM")
    _add_mask(parser)
    add_judging(parser)


def run_report(arguments: argparse.Namespace) -> int:
    """Write an assessment or a plan as a document."""
    if arguments.mask:
        matrix = read_matrix(arguments.overlay)
        inventory = masked_inventory(*arguments.paths, secret=arguments.secret, matrix=matrix)
        answers = read_answers(matrix, arguments.assume)
        result = judge(inventory, matrix, answers, mode=arguments.mode, strict=arguments.strict)
    else:
        result = judged(arguments, mode=arguments.mode)
    try:
        made = plan(result, mode=arguments.mode) if arguments.plan else result
        path = write_document(made, arguments.output, to=arguments.to)
    except DocumentError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot write {arguments.output!r}: {error.strerror or error}") from None
    print(printable(f"written: {path}"))
    return FINE


# --- case -------------------------------------------------------------------------------------


def _case_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("do", choices=("save", "open"), help="write a case, or open one")
    parser.add_argument("file", metavar="FILE", help="the file of the case")
    add_paths(parser, needed=False)
    _add_mask(parser)
    parser.add_argument(
        "--names", metavar="FILE", help="keep what each pseudonym stands for in this file"
    )
    add_judging(parser)


def run_case(arguments: argparse.Namespace) -> int:
    """Save a case, or open one and judge it again."""
    try:
        case = _saved(arguments) if arguments.do == "save" else open_case(arguments.file)
    except CaseError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{arguments.file!r}: {error.strerror or error}") from None
    return _print_case(Page(sys.stdout), case)


def _saved(arguments: argparse.Namespace) -> Case:
    if not arguments.paths:
        raise UsageError("name the files that the case is made of")
    matrix = read_matrix(arguments.overlay)
    return save_case(
        arguments.file,
        *arguments.paths,
        mask=arguments.mask,
        secret=arguments.secret,
        matrix=matrix,
        strict=arguments.strict,
        answers=read_answers(matrix, arguments.assume),
        names=arguments.names,
    )


def _print_case(page: Page, case: Case) -> int:
    result = case.assess()
    labels = labels_of(result)
    rows = [
        (page.text(labels[one.vm_id]), page.text(one.mode), page.verdict(one.verdict))
        for one in result.verdicts
    ]
    if rows:
        page.table(("VM", "Mode", "Verdict"), rows, keep=1)
    else:
        page.prose(no_vm(case.inventory))
    print_problems(page, case.inventory)
    if not case.differences:
        if rows:
            page.prose("judged as it was when the case was saved")
        return FINE
    page.heading("Judged otherwise than when the case was saved")
    for difference in case.differences:
        page.prose(word(str(difference)), indent=2)
    return FOUND


SUBCOMMANDS: Final = {
    "report": Subcommand(
        _report_arguments,
        run_report,
        """\
  rpmatrix report vm.json disks.json -o case.html
  rpmatrix report exports/ --plan -o plans.pdf
  rpmatrix report exports/ --mask -o for-others.xlsx""",
        """
One file without scripts or outside references: summary, verdicts, disks,
reasons, citations, commands and where it all comes from.""",
    ),
    "case": Subcommand(
        _case_arguments,
        run_case,
        """\
  rpmatrix case save case.json vm.json disks.json
  rpmatrix case save case.json exports/ --mask --names names.json
  rpmatrix case open case.json""",
        """
A masked case is judged as the original is; if it were not, or still held a
name, nothing would be written. Exit code 1 says that an opened case is judged
otherwise today.""",
    ),
}
