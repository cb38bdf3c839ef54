"""The commands of the shell: ``rpmatrix assess vm.json``.

A command reads its arguments, asks the other modules, prints and gives an exit code. The table
``COMMANDS`` names them all, and the modules that hold them, which are loaded when they are asked
for; here is what carries any of them out, and the one that completes their words.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from rpmatrix.cli.completion import SHELLS
from rpmatrix.cli.shell import (
    CUT_OFF,
    EXIT_CODES,
    FINE,
    STOPPED,
    WRONG,
    Subcommand,
    UsageError,
    complain,
    matrix_name,
    read_matrix,
)
from rpmatrix.eligibility.assessment import VERDICTS, AnswerError
from rpmatrix.matrix.matrix import CITABLE_TABLES
from rpmatrix.matrix.problems import TablesError

__all__ = ["main"]

COMMANDS: Final = {
    "assess": ("Give the verdict of every VM in each mode.", "assess"),
    "explain": ("Say why one VM gets its verdicts.", "assess"),
    "fleet": ("Assess an inventory of any size and summarise it.", "fleet"),
    "plan": ("Say what to run for each VM, step by step.", "plan"),
    "commands": ("Write the commands of a plan, to be pasted.", "plan"),
    "schedule": ("Check a schedule against the limits.", "schedule"),
    "copy": ("Say whether restore points can be copied to another region.", "copies"),
    "encryption": ("Say what becomes of the encryption of each disk.", "encryption"),
    "error": ("Say what an error means, and what to do about it.", "errors"),
    "permissions": (
        "List the actions that restore points need, or check a role.",
        "permissions",
    ),
    "report": ("Write an assessment or plans as one document.", "documents"),
    "case": ("Save a case in one file, masked if wanted, or open one.", "documents"),
    "exercise": ("Ask the cards of the workshop, and mark the answers.", "exercise"),
    "check": ("Check the tables of the matrix, or of an overlay.", "matrix"),
    "fix": ("Repair in the tables what a machine may repair.", "matrix"),
    "show": ("Show a row of the tables.", "matrix"),
    "facts": ("List what can be answered with --assume.", "matrix"),
    "sample": ("Print the records of a synthetic VM, or make a fleet of them.", "samples"),
    "drift": ("Compare a copy of the article with the tables.", "tables"),
    "impact": ("Say whose verdict changes with other tables.", "tables"),
    "workbook": ("Write the tables as a workbook, or read one back.", "tables"),
    "freeze": ("Write down the digests of the base tables.", "tables"),
    "lab": ("Open the notebooks in JupyterLab.", "open"),
    "app": ("Open the panels as pages in a browser.", "open"),
    "site": ("Build the notebooks as a static site.", "open"),
    "completion": ("Print the script that completes commands with the Tab key.", "main"),
}
"""Every command, in the order of the help: what it does, and the module of rpmatrix that holds it.

A module has its commands in ``SUBCOMMANDS``, by name, and is loaded when one of them is asked for.
To add a command, write a :class:`rpmatrix.cli.shell.Subcommand` there and a line here.
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
        description=(
            "Checks Azure VMs against the support matrix for restore points and cites the source "
            "of every answer."
        ),
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
        one: Subcommand = import_module(f"rpmatrix.cli.{module}").SUBCOMMANDS[name]
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


def run_completion(arguments: argparse.Namespace) -> int:
    """Print a completion script; what the tables name can be completed too."""
    from rpmatrix.cli.completion import script
    from rpmatrix.cli.plan import PHASES_OFFERED
    from rpmatrix.inventory.samples import sample_names

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


def _completion_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="which shell the script is for")


SUBCOMMANDS: Final = {
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
