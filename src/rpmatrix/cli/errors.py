"""The command that says what an error means, and what to do about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rpmatrix.cli.shell import (
    FINE,
    Page,
    Subcommand,
    UsageError,
    add_json,
    add_output,
    add_overlay,
    cited,
    complain,
    output,
    print_foot,
    print_json,
    read_matrix,
    word,
)
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.errors import ORIGINS, ErrorAnswer, ErrorMatch, look_up

_ERROR_FILES: Final = (".json", ".txt", ".log")
"""What ends like this is meant for a file, whether there is one or not."""


_NEAR: Final = {
    "code": "Rows with the same code, whose messages are others",
    "words": "Rows with some of the words, which is no answer",
    "spelling": "Rows whose code is spelled alike, which is no answer",
}
_MOST_CODES: Final = 12


def run_error(arguments: argparse.Namespace) -> int:
    """Look an error up."""
    matrix = read_matrix(arguments.overlay)
    pasted = _pasted(arguments.text)
    try:
        answer = look_up(pasted, matrix)
    except UnicodeDecodeError:
        raise UsageError("neither UTF-8 nor UTF-16 text; is it an error message?") from None
    if not (answer.codes or answer.messages or answer.status):
        raise UsageError("nothing to look up: give the code, the message or the whole answer")
    with output(arguments.output) as stream:
        if arguments.json:
            print_json({"matrix": matrix.to_dict(), **answer.to_dict()}, stream)
        else:
            _print_error(Page(stream), matrix, answer)
    return FINE


def _pasted(words: Sequence[str]) -> str | bytes:
    """Give the error: words, what a file holds, or what comes on standard input."""
    if words and list(words) != ["-"]:
        text = " ".join(words)
        return _file_content(text) if len(words) == 1 else text
    if sys.stdin is None:
        raise UsageError("there is no standard input here; give the error as words")
    if sys.stdin.isatty():
        complain("paste the error, then end with Ctrl-D (Windows: Ctrl-Z and Enter) ...")
    return sys.stdin.buffer.read()


def _file_content(text: str) -> str | bytes:
    """Give what a file of this name holds, or the text itself if it can be no such name."""
    path = Path(text)
    try:
        if path.is_file():
            return path.read_bytes()
    except (OSError, ValueError):
        # Too long for a name, or with signs that none has; or a file that may not be read.
        if path.suffix.lower() in _ERROR_FILES:
            raise UsageError(f"cannot read {text!r}") from None
    if path.suffix.lower() in _ERROR_FILES:
        raise UsageError(f"there is no file {text!r}")
    return text


def _print_error(page: Page, matrix: Matrix, answer: ErrorAnswer) -> None:
    found = [
        *(("code", code) for code in answer.codes),
        *([("status", str(answer.status))] if answer.status else []),
    ]
    if answer.state == "known":
        whose = ORIGINS.get(answer.matches[0].origin)
        told = "known" + (f": {word(answer.kind)}" if answer.kind else "")
        told += f", not of restore points themselves ({whose})" if whose else ""
        page.verdict_line("This error is ", "supported", told)
    elif answer.state == "possible":
        several = len(answer.matches) > 1
        told = "one of several: the message decides" if several else "known, if its message fits"
        page.verdict_line("This error is ", "exclude_disks", told)
    else:
        page.verdict_line("This error is ", "unknown", "not known")
    page.entries(found)
    if answer.state != "known":
        page.prose("If this is a part of it, paste the whole: code and message.", indent=2)
    if answer.state == "possible":
        page.heading("Candidates, of which the message decides")
    for match in answer.matches:
        page.blank()
        _print_match(page, matrix, match)
    for why, heading in _NEAR.items():
        near = [candidate for candidate in answer.nearest if candidate.why == why]
        if near:
            page.heading(heading)
        for candidate in near:
            page.prose(cited(candidate.meaning, [candidate.row]), indent=2)
            about = " and ".join(filter(None, (candidate.code, candidate.fragment)))
            page.prose(f"known for: {about}", indent=4, style="dim")
    if answer.state == "unknown":
        page.heading("Codes that are known")
        page.prose(few_codes(answer), indent=2)
    if answer.where_next:
        page.heading("Where to look next")
    for place in answer.where_next:
        page.prose(cited(f"{place.title}: {place.advice}", [place.row]), indent=2)
        if place.command:
            page.line(place.command, indent=4)
    page.blank()
    print_foot(page, matrix)


def few_codes(answer: ErrorAnswer) -> str:
    """List the first of the codes that are known, and count the others."""
    shown = answer.known_codes[:_MOST_CODES]
    more = len(answer.known_codes) - len(shown)
    return ", ".join(shown) + (f" and {more} more (--json lists them)" if more else "")


def _print_match(page: Page, matrix: Matrix, match: ErrorMatch) -> None:
    perhaps = "" if match.certain else "Candidate: "
    whose = f"{ORIGINS[match.origin]}, " if match.origin in ORIGINS else ""
    modes = "both modes" if match.mode == "both" else f"{match.mode} consistency"
    page.line(cited(f"{perhaps}{whose}{word(match.kind)}, {modes}", match.rows), style="bold")
    page.prose(cited(match.meaning, match.rows[:1]), indent=2)
    if match.action:
        page.prose(cited(f"To do: {match.action}", match.rows[:1]), indent=2)
    if not match.certain:
        fragments = " or ".join(map(repr, matrix.row(match.row).members("message_fragment")))
        page.prose(f"It is this one if the message says {fragments}.", indent=2)
    met = [f"the code {match.code}"] if match.code else []
    met += [f"the words {match.fragment!r}"] if match.fragment else []
    page.prose(f"recognised by {' and '.join(met)}", indent=2, style="dim")
    for citation in match.citations:
        page.prose(f"{citation}, reviewed {citation.reviewed_on}", indent=2, style="dim")


# --- what it takes --------------------------------------------------------------------------------


def _error_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help="the error: its code or words, a file with it, or - for standard input (default)",
    )
    add_overlay(parser)
    add_json(parser)
    add_output(parser)


SUBCOMMANDS: Final = {
    "error": Subcommand(
        _error_arguments,
        run_error,
        """\
  rpmatrix error OperationNotAllowed
  rpmatrix error "VMRestorePointClientError: VSS Writers in bad state"
  rpmatrix error answer.json
  az restore-point create ... 2>&1 | rpmatrix error -""",
        """
Takes a code, a message, the output of a client or a whole JSON answer.""",
    ),
}
