"""The commands that read the tables of the matrix: check, fix, show and facts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from rpmatrix.cli.shell import (
    FINE,
    FOUND,
    Page,
    Subcommand,
    UsageError,
    add_output,
    add_overlay,
    complain,
    count,
    fields_of,
    output,
    print_json,
    print_readings,
    print_ruling,
    printable,
    read_matrix,
    values_of,
    word,
)
from rpmatrix.matrix.folder import check, fix, read_tables
from rpmatrix.matrix.matrix import CITABLE_TABLES, Matrix, check_overlay, fix_overlay, load_matrix
from rpmatrix.matrix.schema import DESCRIPTOR, Row, data_folder

# --- check and fix --------------------------------------------------------------------------------


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


# --- show -----------------------------------------------------------------------------------------


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
    page.heading("Source")
    for citation in matrix.citations(row.id):
        page.prose(f"{citation}, reviewed {citation.reviewed_on}", indent=2)
    rulings = matrix.rulings(row.id)
    if rulings:
        page.heading("Where the sources differ")
        for ruling in rulings:
            print_ruling(page, matrix.row(ruling, "rulings"))


# --- facts ----------------------------------------------------------------------------------------


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


# --- what they take -------------------------------------------------------------------------------


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


SUBCOMMANDS: Final = {
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
}
