"""The command that lists what a caller of restore point operations has to be allowed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from rpmatrix.cli.shell import (
    FINE,
    FOUND,
    Page,
    Subcommand,
    UsageError,
    add_json,
    add_output,
    add_overlay,
    cited,
    count,
    matrix_name,
    output,
    print_json,
    read_matrix,
    word,
)
from rpmatrix.inventory.texts import decode
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.permissions import (
    OPERATIONS,
    ROLE_NAME,
    SCOPE,
    Permission,
    Permissions,
    RoleError,
    permission_dict,
    permissions,
)
from rpmatrix.planning.role_files import ROLE_WRITERS


def run_permissions(arguments: argparse.Namespace) -> int:
    """List the permissions, write a role, or check one."""
    if arguments.role and (arguments.json or arguments.check):
        raise UsageError("--role: write a role by itself, without --json and --check")
    matrix = read_matrix(arguments.overlay)
    try:
        found = permissions(*_operations(arguments.operations), matrix=matrix)
        lacking = found.lacking(_content(arguments.check)) if arguments.check else None
        role = found.role(arguments.name, scopes=arguments.scope or (SCOPE,), every=arguments.every)
    except ValueError as error:
        where = f"{arguments.check}: " if isinstance(error, RoleError) and arguments.check else ""
        raise UsageError(f"{where}{error}") from error
    with output(arguments.output) as stream:
        if arguments.json:
            whole = {"matrix": matrix.to_dict(), **found.to_dict(), "role": role}
            if lacking is not None:
                whole["lacking"] = [permission_dict(one) for one in lacking]
            print_json(whole, stream)
        elif arguments.role:
            stream.write(ROLE_WRITERS[arguments.role](role) + "\n")
        elif lacking is not None:
            _print_lacking(Page(stream), matrix, found, lacking)
        else:
            _print_permissions(Page(stream), matrix, found)
    return FOUND if lacking and any(one.always for one in lacking) else FINE


def _operations(texts: list[str]) -> list[str]:
    return [name for text in texts for name in text.split(",") if name.strip()]


def _content(path: str) -> str:
    try:
        return decode(Path(path).read_bytes())
    except UnicodeDecodeError:
        raise UsageError(f"{path}: neither UTF-8 nor UTF-16 text; is it a role as JSON?") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def _print_permissions(page: Page, matrix: Matrix, found: Permissions) -> None:
    for operation in found.operations:
        page.heading(f"To {word(operation)}")
        for permission in found.permissions:
            if permission.operation == operation:
                _print_permission(page, permission)
    page.heading("Locks")
    for lock in found.locks:
        verb = "may stop" if lock.certainty == "inferred" else "stops"
        stops = (
            f"{verb} {', '.join(map(word, lock.stops))}" if lock.stops else "stops none of these"
        )
        page.line(f"{lock.level} on the {word(lock.locked)}: {stops}", indent=2)
        page.prose(cited(f"{lock.effect} {lock.remedy}", [lock.row]), indent=4)
        _print_source(page, lock.certainty, lock.source, lock.reviewed_on)
    page.blank()
    page.prose(
        "--role json, bicep or az writes a custom role of the actions that are always needed, with "
        "--all of every one; --check FILE says what a role lacks. Assign it no higher than the "
        "scopes above ask for."
    )
    page.prose(f"matrix {matrix_name(matrix)}")


def _print_permission(page: Page, permission: Permission) -> None:
    page.line(permission.action, indent=2)
    only = f", {permission.condition}" if permission.condition else ""
    page.prose(cited(f"on the {word(permission.scope)}{only}", [permission.row]), indent=4)
    _print_source(page, permission.certainty, permission.source, permission.reviewed_on)


def _print_source(page: Page, certainty: str, source: str, reviewed_on: str) -> None:
    how = "inferred from" if certainty == "inferred" else "source:"
    page.prose(f"{how} {source}, reviewed {reviewed_on}", indent=4, style="dim")


def _print_lacking(
    page: Page, matrix: Matrix, found: Permissions, lacking: tuple[Permission, ...]
) -> None:
    doing = ", ".join(map(word, found.operations))
    required = [one for one in lacking if one.always]
    if not lacking:
        page.verdict_line(f"For {doing} the role has ", "supported", "every action")
    elif not required:
        page.verdict_line(f"For {doing} the role has ", "supported", "what is always needed")
    else:
        actions = len({one.action for one in required})
        page.verdict_line(f"For {doing} the role lacks ", "not_supported", count(actions, "action"))
    for heading, shown in (
        ("Lacks", required),
        ("Lacks, which is needed in some cases", [one for one in lacking if not one.always]),
    ):
        if shown:
            page.heading(heading)
        for permission in shown:
            _print_permission(page, permission)
    page.blank()
    page.prose(f"matrix {matrix_name(matrix)}")


# --- what it takes --------------------------------------------------------------------------------


def _permission_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="operations",
        action="append",
        default=[],
        metavar="OPERATION[,…]",
        help=f"the operations: {', '.join(OPERATIONS)} (default: all)",
    )
    parser.add_argument(
        "--role", choices=tuple(ROLE_WRITERS), help="write a custom role of the actions instead"
    )
    parser.add_argument(
        "--check", metavar="FILE", help="say what the role definitions in this JSON file lack"
    )
    parser.add_argument(
        "--all",
        dest="every",
        action="store_true",
        help="put what is needed in some cases only into the role too",
    )
    parser.add_argument("--name", default=ROLE_NAME, help="the name of the role")
    parser.add_argument(
        "--scope",
        action="append",
        metavar="ID",
        help="where the role may be assigned: a subscription, resource group or management group; "
        "may be repeated",
    )
    add_overlay(parser)
    add_json(parser)
    add_output(parser)


SUBCOMMANDS: Final = {
    "permissions": Subcommand(
        _permission_arguments,
        run_permissions,
        """\
  rpmatrix permissions --for create,copy
  rpmatrix permissions --for create --role az --scope /subscriptions/ID
  rpmatrix permissions --for restore --check role.json""",
        """
Lists the actions that a caller needs, with their sources, and what locks stop. With --check the
exit code is 1 if a role lacks an action that is always needed.""",
    ),
}
