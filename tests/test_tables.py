"""The tables: every check on one bad case, repair, the descriptor, and the tables as they are.

The small tables at the top are in order. Each case spoils one thing in them, and one problem must
be found: that one, in that cell, with that advice.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rpmatrix.matrix import schema as module
from rpmatrix.matrix.checks import CHECKS, check_together
from rpmatrix.matrix.files import write_table
from rpmatrix.matrix.folder import FROZEN, changed_since_freeze, check, fix, freeze, read_tables
from rpmatrix.matrix.problems import Problem, TablesError
from rpmatrix.matrix.schema import DESCRIPTOR, Table, Tables, data_folder, read_schema

SCHEMA = read_schema()
DAY = "2026-11-22"
WIDTH = len(SCHEMA["scenarios"].names)

ROWS: dict[str, list[dict[str, str]]] = {
    "statements": [
        {
            "id": "s-big",
            "edition": "seed",
            "section": "which-lamps-burn",
            "position": "1",
            "kind": "table_row",
            "fingerprint": "0a" * 32,
            "subject": "Big lamps",
            "data": "yes",
        },
        {
            "id": "s-intro",
            "edition": "seed",
            "section": "lamps",
            "position": "1",
            "kind": "paragraph",
            "fingerprint": "1b" * 32,
            "subject": "What the page is about",
            "data": "no",
            "no_data_reason": "It only leads in",
        },
    ],
    "scenarios": [
        {
            "id": "big-again",
            "statement_id": "s-big",
            "area": "disk",
            "title": "Big lamps, said twice",
            "grain": "disk",
            "application": "supported",
            "crash": "exclude_disk",
            "remedy": "Leave it out.",
            "repeats": "big-disk",
        },
        {
            "id": "big-disk",
            "statement_id": "s-big",
            "area": "disk",
            "title": 'The "big" lamp\'s disk',
            "grain": "data_disk",
            "application": "supported",
            "crash": "exclude_disk",
            "remedy": "Leave it out.",
        },
        {
            "id": "old-vm",
            "area": "vm",
            "title": "Old lamps",
            "grain": "vm",
            "application": "supported_with_caveat",
            "crash": "supported",
            "caveat": "Dust it first.",
            "source": "A keeper's log",
        },
        {
            "id": "os-windy",
            "statement_id": "s-big",
            "area": "os",
            "title": "Windy",
            "grain": "vm",
            "application": "not_stated",
            "crash": "not_applicable",
        },
    ],
    "conditions": [
        dict(zip(("id", "scenario_id", "clause", "fact_id", "operator", "value"), one, strict=True))
        for one in (
            ("big-disk-1", "big-disk", "1", "disk_sku", "in", "Big_LRS|Huge_LRS"),
            ("big-disk-2", "big-disk", "1", "age", "present", ""),
            ("big-disk-3", "big-disk", "2", "disk_size", "more_than", "1000"),
            ("old-vm-1", "old-vm", "1", "age", "starts_with", "old"),
            ("os-windy-1", "os-windy", "1", "guest", "listed_in", "operating_systems"),
        )
    ],
    "facts": [
        {
            "id": "age",
            "grain": "vm",
            "title": "Age",
            "type": "text",
            "reading": "value",
            "paths": "vm:tags.age",
            "fetch": "az vm show --ids {vm_id}",
        },
        {
            "id": "api_version",
            "grain": "request",
            "title": "API version",
            "type": "api_version",
            "reading": "asked",
            "question": "Which API version does your tool send?",
        },
        {
            "id": "disk_size",
            "grain": "disk",
            "title": "Size",
            "type": "integer",
            "reading": "value",
            "paths": "disk:diskSizeGB|attachment:diskSizeGB",
            "absence": "0",
        },
        {
            "id": "disk_sku",
            "grain": "disk",
            "title": "SKU",
            "type": "enum",
            "allowed_values": "Big_LRS|Huge_LRS|Small_LRS",
            "reading": "value",
            "paths": "disk:sku.name",
            "assumption": "Small_LRS",
        },
        {
            "id": "expiry",
            "grain": "vm",
            "title": "Expiry",
            "type": "date",
            "reading": "asked",
            "question": "When does it expire?",
        },
        {
            "id": "guest",
            "grain": "vm",
            "title": "Guest",
            "type": "enum",
            "allowed_values": "operating_systems.id",
            "reading": "derived",
        },
        {
            "id": "lit",
            "grain": "vm",
            "title": "Lit",
            "type": "flag",
            "allowed_values": "yes|no",
            "reading": "present",
            "paths": "vm:lamp",
        },
        {
            "id": "points",
            "grain": "vm",
            "title": "Points",
            "type": "integer",
            "reading": "derived",
        },
    ],
    "operating_systems": [
        {
            "id": "windy",
            "title": "Windy",
            "family": "Linux",
            "scenario_id": "os-windy",
            "image_patterns": "gale:wind*:*",
            "os_name_patterns": "windy*|gale:1*",
            "precedence": "1",
            "source": "The list of winds",
            "source_date": "2024-07-25",
        }
    ],
    "limits": [
        {
            "id": "lim-api",
            "statement_id": "s-big",
            "title": "API version",
            "fact_id": "api_version",
            "mode": "crash",
            "scope": "request",
            "comparator": "at_least",
            "value": "api-2021-07-01",
        },
        {
            "id": "lim-api-other",
            "statement_id": "s-big",
            "title": "API version, elsewhere",
            "fact_id": "api_version",
            "mode": "both",
            "scope": "request",
            "comparator": "at_least",
            "value": "api-2021-03-25",
        },
        {
            "id": "lim-points",
            "statement_id": "s-big",
            "title": "Points kept",
            "fact_id": "points",
            "mode": "both",
            "scope": "vm",
            "comparator": "at_most",
            "value": "10000",
            "unit": "points",
        },
        {
            "id": "lim-points-note",
            "statement_id": "s-big",
            "title": "Points kept, a note",
            "mode": "both",
            "scope": "vm",
            "repeats": "lim-points",
        },
    ],
    "encryption": [
        {
            "id": "enc-key",
            "statement_id": "s-big",
            "scenario_id": "big-disk",
            "title": "Under a key",
            "source_state": "Locked",
            "local_result": "Locked too",
            "ruling_id": "r-api",
        }
    ],
    "cross_region": [
        {
            "id": "xr-always",
            "statement_id": "s-big",
            "topic": "order",
            "title": "First come, first served",
            "effect": "The second waits.",
            "outcome": "supported",
        },
        {
            "id": "xr-late",
            "topic": "order",
            "title": "Late",
            "fact_id": "expiry",
            "operator": "at_most",
            "value": "2026-01-01",
            "effect": "It is refused.",
            "outcome": "not_supported",
            "source": "A keeper's log",
        },
    ],
    "steps": [
        {
            "id": "step-light",
            "statement_id": "s-big",
            "phase": "create",
            "position": "10",
            "title": "Light it",
            "advice": "Use a match.",
            "operation": "create_restore_point",
            "fact_id": "lit",
            "operator": "is",
            "value": "no",
            "row_ids": "big-disk|xr-late",
        }
    ],
    "changes": [
        {
            "id": "change-shrink",
            "fact_id": "disk_sku",
            "from_value": "Big_LRS|Huge_LRS",
            "to_value": "Small_LRS",
            "title": "Shrink it",
            "how": "With a saw.",
            "side_effect": "It is smaller.",
            "row_ids": "big-disk",
            "source": "A keeper's log",
        }
    ],
    "errors": [
        {
            "id": "err-big",
            "code": "TooBig|VeryBig",
            "message_fragment": "is too big",
            "origin": "restore_points",
            "kind": "matrix_refusal",
            "mode": "crash",
            "row_ids": "big-disk",
            "meaning": "The lamp is too big.",
            "action": "Leave it out.",
            "source": "A keeper's log",
        }
    ],
    "error_help": [
        {
            "id": "look-log",
            "position": "10",
            "title": "The log",
            "advice": "Read its last page.",
            "command": "",
            "source": "A keeper's log",
        }
    ],
    "permissions": [
        {
            "id": "perm-light",
            "operation": "create",
            "action": "Microsoft.Sea/lamps/write",
            "scope": "vm",
            "needed": "always",
            "steps": "create_restore_point|follow_progress",
            "certainty": "stated",
            "source": "A keeper's log",
        }
    ],
    "locks": [
        {
            "id": "lock-light",
            "level": "CanNotDelete",
            "locked": "vm",
            "stops": "delete|create",
            "effect": "The lamp stays.",
            "remedy": "Unlock it.",
            "certainty": "inferred",
            "source": "A keeper's log",
        }
    ],
    "misconceptions": [
        {
            "id": "misc-big",
            "kind": "exclude",
            "given": "missing|extra",
            "right": "",
            "title": "Big is not small",
            "hint": "Measure it.",
            "row_ids": "big-disk",
            "source": "A keeper's log",
        }
    ],
    "api_capabilities": [
        {
            "id": "api-light",
            "line": "disk",
            "feature": "disk_restore_point",
            "minimum": "api-2021-03-01",
            "meaning": "lighting it",
            "source": "A keeper's log",
        }
    ],
    "api_versions": [
        {
            "id": "disk-2021-03-01",
            "line": "disk",
            "version": "api-2021-03-01",
            "standing": "generally_known",
            "source": "A keeper's log",
        }
    ],
    "publications": [
        {
            "id": "pub-lamps",
            "title": "Support matrix of lamps",
            "edition": "seed",
            "dated": "text of the first edition",
            "licence": "CC BY 4.0",
            "address": "https://example.org/lamps",
        },
    ],
    "exports": [
        {
            "id": "export-log",
            "title": "A page of the log",
            "rows": "40",
            "remedy": "Turn the page.",
            "source": "A keeper's log",
        }
    ],
    "uncovered_vms": [
        {
            "id": "uncovered-buoy",
            "title": "Buoy",
            "resource_types": "Harbour.Sea/buoys|azurerm_buoy",
            "remedy": "Haul it in.",
            "source": "A keeper's log",
        }
    ],
    "rulings": [
        {
            "id": "r-api",
            "topic": "First API version",
            "mode": "crash",
            "row_a": "lim-api",
            "row_b": "lim-api-other",
            "reading_a": "July.",
            "reading_b": "March.",
            "adopted": "a",
            "policy": "stricter",
            "reason": "July breaks neither.",
        }
    ],
    "withdrawn": [],
}


def records_of(table: str) -> list[list[str]]:
    """The good rows of a table as a CSV reader gives them, the header first."""
    names = SCHEMA[table].names
    rows = [{"reviewed_on": DAY, **row} for row in ROWS[table]]
    return [list(names), *([row.get(name, "") for name in names] for row in rows)]


def csv_of(records: Sequence[Sequence[str]], **form: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\n", **form}).writerows(records)
    return text.getvalue()


CANONICAL = {SCHEMA[table].file: csv_of(records_of(table)).encode() for table in SCHEMA}
DESCRIBED = json.loads((data_folder() / DESCRIPTOR).read_text(encoding="utf-8"))


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    describe(folder, frozen=False)
    for file, data in CANONICAL.items():
        (folder / file).write_bytes(data)
    return folder


def describe(folder: Path, *, frozen: bool, **properties: object) -> None:
    """Write a descriptor with some properties more, of tables that come frozen or not."""
    described = DESCRIBED | {"rpmatrix:frozen": frozen} | properties
    (folder / DESCRIPTOR).write_text(json.dumps(described), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the small tables, all in order."""
    return fill(tmp_path / "tables")


def problems_of(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder)]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- ways to spoil a table ------------------------------------------------------------------------

Damage = Callable[[Path], None]


def put(table: str, row_id: str, **cells: str) -> Damage:
    """Write other texts into cells of one row."""

    def damage(folder: Path) -> None:
        records = records_of(table)
        row = next(row for row in records if row[0] == row_id)
        for name, text in cells.items():
            row[records[0].index(name)] = text
        (folder / SCHEMA[table].file).write_text(csv_of(records), encoding="utf-8")

    return damage


def edit(table: str, change: Callable[[list[list[str]]], object]) -> Damage:
    """Change the rows of a table, the header among them."""

    def damage(folder: Path) -> None:
        records = records_of(table)
        change(records)
        (folder / SCHEMA[table].file).write_text(csv_of(records), encoding="utf-8")

    return damage


def add(table: str, **cells: str) -> Damage:
    """Add a row that is like the last one but for some cells, where its id belongs."""

    def change(records: list[list[str]]) -> None:
        row = dict(zip(records[0], records[-1], strict=True)) | cells
        records.append([row[name] for name in records[0]])
        records[1:] = sorted(records[1:])

    return edit(table, change)


def remove(table: str, row_id: str) -> Damage:
    return edit(table, lambda records: records.remove(next(r for r in records if r[0] == row_id)))


def write(table: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of a file."""

    def damage(folder: Path) -> None:
        path = folder / SCHEMA[table].file
        path.write_bytes(change(path.read_bytes()))

    return damage


def both(*damages: Damage) -> Damage:
    def damage(folder: Path) -> None:
        for one in damages:
            one(folder)

    return damage


def encode(table: str, codec: str) -> Damage:
    return write(table, lambda data: data.decode().encode(codec))


def place(column: int, name: str = "", cells: str = "") -> Callable[[list[list[str]]], None]:
    """Put a new column into the rows."""

    def change(records: list[list[str]]) -> None:
        for number, row in enumerate(records):
            row.insert(column, cells if number else name)

    return change


def swap(one: int, other: int) -> Callable[[list[list[str]]], None]:
    def change(records: list[list[str]]) -> None:
        for row in records:
            row[one], row[other] = row[other], row[one]

    return change


def rename(column: str, name: str) -> Callable[[list[list[str]]], None]:
    def change(records: list[list[str]]) -> None:
        records[0][records[0].index(column)] = name

    return change


def drop(column: str) -> Callable[[list[list[str]]], None]:
    def change(records: list[list[str]]) -> None:
        at = records[0].index(column)
        for row in records:
            del row[at]

    return change


# --- the cases ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What is spoiled, which check finds it, and what it says.

    `mended` is what a repair makes of it: the good tables again (True), or nothing (False).
    """

    check: str
    damage: Damage
    where: str
    what: str
    mended: bool = False
    harmless: bool = False

    @property
    def says(self) -> str:
        return f"{self.where} {self.what}"

    def __str__(self) -> str:
        return f"{self.check}: {self.says[:60]}"


def at(table: str, column: str, line: int) -> str:
    """Name a cell as a spreadsheet does."""
    return f"{table}.csv:{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[SCHEMA[table].names.index(column)]}{line}"


def beyond(table: str, line: int) -> str:
    """Name the cell behind the last one of a row."""
    return f"{table}.csv:{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[len(SCHEMA[table].names)]}{line}"


def headed(table: str) -> str:
    return ",".join(SCHEMA[table].names)


def form(name: str, damage: Damage, where: str, what: str) -> Case:
    return Case(name, damage, where, what, mended=True, harmless=True)


def repair(name: str, damage: Damage, where: str, what: str) -> Case:
    return Case(name, damage, where, what, mended=True)


def unlink(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def overwrite(name: str, data: bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return damage


def make_folder(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return damage


FORM_CASES = [
    Case(
        "descriptor",
        unlink(DESCRIPTOR),
        "datapackage.json",
        "cannot be opened: No such file or directory; put it beside the tables",
    ),
    Case(
        "descriptor",
        overwrite(DESCRIPTOR, b"{"),
        "datapackage.json",
        "is not JSON: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1); mend it, or take it from the repository",
    ),
    Case(
        "descriptor",
        overwrite(DESCRIPTOR, b"{}"),
        "datapackage.json",
        "does not describe tables: KeyError 'title'; take it from the repository",
    ),
    Case(
        "missing-file",
        unlink("errors.csv"),
        "errors.csv",
        f"the table errors is missing; add the file, with the header {headed('errors')}",
    ),
    Case(
        "unknown-file",
        overwrite("notes.csv", b"id\n"),
        "notes.csv",
        "is no table of the matrix; move it elsewhere",
    ),
    Case(
        "unknown-file",
        overwrite("scenarios.xlsx", b"PK"),
        "scenarios.xlsx",
        "is not CSV, and nobody reads it; save it as scenarios.csv, or move it elsewhere",
    ),
    Case(
        "unreadable",
        make_folder("errors.csv"),
        "errors.csv",
        f"cannot be opened: {os.strerror(errno.EACCES if os.name == 'nt' else errno.EISDIR)}; "
        "close it in other programs, and see that you may read it",
    ),
    Case(
        "unreadable",
        overwrite("errors.csv", b"PK\x03\x04 and more"),
        "errors.csv",
        "the file is a workbook, not CSV; save it as CSV in UTF-8 without a byte order mark",
    ),
    Case(
        "empty-file",
        overwrite("errors.csv", b""),
        "errors.csv",
        f"the file is empty; write its header: {headed('errors')}",
    ),
    Case(
        "empty-file",
        overwrite("errors.csv", b"\r\n \r\n"),
        "errors.csv",
        f"the file is empty; write its header: {headed('errors')}",
    ),
    form(
        "encoding",
        write("scenarios", lambda data: b"\xef\xbb\xbf" + data),
        "scenarios.csv",
        "the file begins with a byte order mark; save it as CSV in UTF-8 without a byte order mark",
    ),
    *(
        form(
            "encoding",
            encode("scenarios", codec),
            "scenarios.csv",
            "the file is UTF-16; save it as CSV in UTF-8 without a byte order mark",
        )
        for codec in ("utf-16", "utf-16-le", "utf-16-be")
    ),
    Case(
        "encoding",
        write("scenarios", lambda data: data.replace(b"Dust", b"D\x81st")),
        "scenarios.csv:A4",
        "the text is neither UTF-8 nor Windows-1252; "
        "save it as CSV in UTF-8 without a byte order mark",
    ),
    form(
        "line-ends",
        write("scenarios", lambda data: data.replace(b"\n", b"\r\n")),
        "scenarios.csv",
        "lines end with a carriage return; end them with LF alone",
    ),
    form(
        "line-ends",
        write("scenarios", lambda data: data.replace(b"\n", b"\r")),
        "scenarios.csv",
        "lines end with a carriage return; end them with LF alone",
    ),
    form(
        "final-newline",
        write("scenarios", lambda data: data.rstrip()),
        "scenarios.csv",
        "the last line has no end; end it with LF",
    ),
    form(
        "delimiter",
        overwrite("scenarios.csv", csv_of(records_of("scenarios"), delimiter=";").encode()),
        "scenarios.csv",
        "cells are parted by semicolons; part them by commas",
    ),
    form(
        "delimiter",
        overwrite("scenarios.csv", csv_of(records_of("scenarios"), delimiter="\t").encode()),
        "scenarios.csv",
        "cells are parted by tabs; part them by commas",
    ),
    form(
        "quoting",
        write("scenarios", lambda data: data.replace(b"Windy", b'"Windy"')),
        "scenarios.csv",
        "some cells are quoted without need; leave those quotes out",
    ),
    Case(
        "quoting",
        write("scenarios", lambda data: data.replace(b"Old lamps", b'"Old lamps')),
        "scenarios.csv:A4",
        "the row cannot be parted into cells: a quote is not closed; "
        'put quotes around the whole cell, and write a quote inside it twice: ""',
    ),
    Case(
        "quoting",
        write("scenarios", lambda data: data.replace(b"Old lamps", b'"Old" lamps')),
        "scenarios.csv:A4",
        "the row cannot be parted into cells: ',' expected after '\"'; "
        'put quotes around the whole cell, and write a quote inside it twice: ""',
    ),
    Case(
        "header",
        edit("scenarios", lambda records: records.pop(0)),
        "scenarios.csv:A1",
        f"the first row names no column of this table; begin the file with {headed('scenarios')}",
    ),
    Case(
        "header",
        edit("scenarios", place(WIDTH, "crash")),
        beyond("scenarios", 1),
        'the column "crash" is there twice; keep one of them, and delete the other',
    ),
    Case(
        "header",
        edit("scenarios", place(WIDTH, cells="?")),
        beyond("scenarios", 1),
        "the column has cells but no name; "
        f"name it, or delete it; the columns are {', '.join(SCHEMA['scenarios'].names)}",
    ),
    Case(
        "missing-column",
        edit("scenarios", drop("caveat")),
        "scenarios.csv:A1",
        f'the column "caveat" is missing; add it; the header is {headed("scenarios")}',
    ),
    Case(
        "unknown-column",
        edit("scenarios", place(3, "colour")),
        at("scenarios", "title", 1),
        'unknown column "colour"; '
        f"delete it; the columns are {', '.join(SCHEMA['scenarios'].names)}",
    ),
    Case(
        "unknown-column",
        edit("scenarios", rename("caveat", "caveats")),
        at("scenarios", "caveat", 1),
        'unknown column "caveats"; did you mean caveat?',
    ),
    repair(
        "unknown-column",
        edit("scenarios", rename("caveat", "Caveat")),
        at("scenarios", "caveat", 1),
        'unknown column "Caveat"; write caveat',
    ),
    form(
        "column-order",
        edit("scenarios", swap(3, 7)),
        "scenarios.csv:A1",
        f"the columns stand in another order; the order is {headed('scenarios')}",
    ),
    form(
        "stray-blanks",
        edit("scenarios", lambda records: records.insert(2, [""] * WIDTH)),
        "scenarios.csv:A3",
        "the row is empty; delete empty rows",
    ),
    form(
        "stray-blanks",
        write("scenarios", lambda data: data + b"\n\n"),
        "scenarios.csv:A6",
        "2 rows are empty; delete empty rows",
    ),
    form(
        "stray-blanks",
        edit("scenarios", place(WIDTH)),
        beyond("scenarios", 1),
        "the column is empty; delete it",
    ),
    form(
        "stray-blanks",
        edit("scenarios", lambda records: records[3].extend(["", " "])),
        beyond("scenarios", 4),
        "there are empty cells behind the last column; delete them",
    ),
    form(
        "row-order",
        edit("scenarios", lambda records: records.append(records.pop(2))),
        "scenarios.csv:A5",
        'the rows are not sorted: "big-disk" stands below "os-windy"; '
        "sort whole rows by id, never one column alone",
    ),
    Case(
        "ragged-row",
        edit("scenarios", lambda records: records[3].pop()),
        at("scenarios", "source", 4),
        f"the row has {WIDTH - 1} cells, the header has {WIDTH}; "
        "add the missing cells where they belong; an empty cell needs its comma too",
    ),
    Case(
        "ragged-row",
        write("scenarios", lambda data: data.replace(b"Dust it", b"Dust, it")),
        beyond("scenarios", 4),
        f"the row has {WIDTH + 1} cells, the header has {WIDTH}; "
        "put quotes around a cell that holds a comma, or delete what is too much",
    ),
    Case(
        "duplicate-id",
        add("errors", meaning="Another one."),
        "errors.csv:A3",
        'the id "err-big" stands in row 2 already; '
        "give one of the two rows another id, or delete it",
    ),
    Case(
        "duplicate-citation",
        put("errors", "err-big", id="old-vm"),
        "errors.csv:A2",
        'the id "old-vm" stands in scenarios.csv:A4 too; '
        "give one of the two rows another id, since either can be cited",
    ),
    Case(
        "required",
        put("scenarios", "old-vm", title=""),
        at("scenarios", "title", 4),
        "the title is missing; write the title",
    ),
    repair(
        "edge-spaces",
        put("scenarios", "old-vm", title=" Old lamps  "),
        at("scenarios", "title", 4),
        "has blanks at its edges or a line break inside; delete them",
    ),
    repair(
        "edge-spaces",
        put("scenarios", "old-vm", title="Old \n lamps"),
        at("scenarios", "title", 4),
        "has blanks at its edges or a line break inside; delete them",
    ),
    repair(
        "edge-spaces",
        edit("scenarios", rename("caveat", " caveat")),
        at("scenarios", "caveat", 1),
        'the name of the column "caveat" has blanks at its edges; write caveat',
    ),
    repair(
        "ascii",
        put("scenarios", "big-disk", title="The \u201cbig\u201d lamp's disk"),
        at("scenarios", "title", 3),
        "holds left double quotation mark (U+201C), which is not ASCII; write it with plain signs",
    ),
    repair(
        "ascii",
        put("scenarios", "big-disk", title='The\u00a0"big" lamp\u2019s disk'),
        at("scenarios", "title", 3),
        "holds no-break space (U+00A0), which is not ASCII; write it with plain signs",
    ),
    Case(
        "ascii",
        put("scenarios", "old-vm", title="Lampes \u00e9teintes"),
        at("scenarios", "title", 4),
        "holds latin small letter e with acute (U+00E9), which is not ASCII; "
        "write it with plain letters, so that no code page can spoil it",
    ),
    Case(
        "ascii",
        put("scenarios", "old-vm", title="Old\x07 lamps"),
        at("scenarios", "title", 4),
        "holds the control character an unnamed sign (U+0007); write the cell anew",
    ),
    *(
        Case(
            "formula",
            put("scenarios", "old-vm", title=f"{sign}A1"),
            at("scenarios", "title", 4),
            f'begins with "{sign}", which a spreadsheet takes for a formula; write it in words',
        )
        for sign in "=+-@"
    ),
    repair(
        "formula",
        put("scenarios", "old-vm", title="\tOld lamps"),
        at("scenarios", "title", 4),
        "begins with a tab, behind which a spreadsheet may see a formula; delete the tab",
    ),
    Case(
        "formula",
        put("scenarios", "old-vm", title="#REF!"),
        at("scenarios", "title", 4),
        'holds "#REF!", the result of a formula that failed; write the value itself',
    ),
    Case(
        "boolean",
        put("facts", "disk_sku", title="TRUE"),
        at("facts", "title", 5),
        '"TRUE" is a boolean, which each spreadsheet writes in its own language; '
        "write yes, or more words",
    ),
    Case(
        "boolean",
        put("statements", "s-big", data="TRUE"),
        at("statements", "data", 2),
        '"TRUE" is a boolean, which each spreadsheet writes in its own language; '
        "write one of: yes, no",
    ),
    Case(
        "boolean",
        put("steps", "step-light", value="FALSE"),
        at("steps", "value", 2),
        '"FALSE" is a boolean, which each spreadsheet writes in its own language; '
        "write no, or more words",
    ),
    Case(
        "enumeration",
        put("scenarios", "old-vm", crash="suported"),
        at("scenarios", "crash", 4),
        'unknown outcome "suported"; did you mean supported? '
        "Write one of: supported, supported_with_caveat, exclude_disk, not_supported, "
        "not_stated, not_applicable",
    ),
    Case(
        "enumeration",
        put("scenarios", "old-vm", area="cellar"),
        at("scenarios", "area", 4),
        'unknown area "cellar"; write one of: disk, vm, scale_set, security, '
        "encryption, image, os, guest, operation, consequence",
    ),
    repair(
        "enumeration",
        put("scenarios", "old-vm", crash="Supported"),
        at("scenarios", "crash", 4),
        'outcome "Supported" is in another letter case; write supported',
    ),
    repair(
        "integer",
        put("limits", "lim-points", value="10,000"),
        at("limits", "value", 4),
        '"10,000" has separators between its digits; write 10000',
    ),
    repair(
        "integer",
        put("conditions", "big-disk-3", value="1 000"),
        at("conditions", "value", 4),
        '"1 000" has separators between its digits; write 1000',
    ),
    Case(
        "integer",
        put("statements", "s-big", position="first"),
        at("statements", "position", 2),
        '"first" is not a whole number; write digits alone, such as 12',
    ),
    Case(
        "integer",
        put("statements", "s-big", position="0"),
        at("statements", "position", 2),
        "0 is too small for the position; write 1 or more",
    ),
    Case(
        "date",
        put("scenarios", "old-vm", reviewed_on="05/07/2022"),
        at("scenarios", "reviewed_on", 4),
        'the date "05/07/2022" is not as it was written; a spreadsheet does that; '
        "write it as YYYY-MM-DD; it may mean 2022-07-05 or 2022-05-07",
    ),
    Case(
        "date",
        put("scenarios", "old-vm", reviewed_on="44747"),
        at("scenarios", "reviewed_on", 4),
        'the date "44747" is not as it was written; a spreadsheet does that; '
        "write it as YYYY-MM-DD; it may mean 2022-07-05 or 2026-07-06",
    ),
    *(
        Case(
            "date",
            put("scenarios", "old-vm", reviewed_on=text),
            at("scenarios", "reviewed_on", 4),
            f'the date "{text}" is not as it was written; '
            "a spreadsheet does that; write it as YYYY-MM-DD",
        )
        for text in ("Jul-22", "22-Nov", "22/11/26", "2026-02-30")
    ),
    *(
        repair(
            "date",
            put("scenarios", "old-vm", reviewed_on=text),
            at("scenarios", "reviewed_on", 4),
            f'the date "{text}" is not as it was written; a spreadsheet does that; write {DAY}',
        )
        for text in (
            "22/11/2026",
            "11/22/2026",
            "22.11.2026",
            "2026/11/22",
            "2026-11-22 00:00:00",
            "2026-11-22T00:00:00Z",
            "22-Nov-2026",
            "November 22, 2026",
        )
    ),
    Case(
        "date",
        put("scenarios", "old-vm", reviewed_on="soon"),
        at("scenarios", "reviewed_on", 4),
        '"soon" is not a date; write it as YYYY-MM-DD',
    ),
    repair(
        "date",
        put("operating_systems", "windy", source_date="7/25/2024"),
        at("operating_systems", "source_date", 2),
        'the date "7/25/2024" is not as it was written; a spreadsheet does that; write 2024-07-25',
    ),
    Case(
        "date",
        put("scenarios", "old-vm", title="Mar-01"),
        at("scenarios", "title", 4),
        '"Mar-01" looks like a date, which a spreadsheet rewrites; '
        "write it in words, and an API version as api-2021-07-01",
    ),
    Case(
        "date",
        put("conditions", "old-vm-1", value="2021-03-01"),
        at("conditions", "value", 5),
        '"2021-03-01" looks like a date, which a spreadsheet rewrites; '
        "write it in words, and an API version as api-2021-07-01",
    ),
    repair(
        "api-version",
        put("limits", "lim-api", value="2021-07-01"),
        at("limits", "value", 2),
        'the API version "2021-07-01" looks like a date, which a spreadsheet '
        "rewrites; write api-2021-07-01",
    ),
    repair(
        "api-version",
        put("limits", "lim-api-other", value="25.03.2021"),
        at("limits", "value", 3),
        'the API version "25.03.2021" looks like a date, which a spreadsheet '
        "rewrites; write api-2021-03-25",
    ),
    Case(
        "api-version",
        put("limits", "lim-api", value="01/07/2021"),
        at("limits", "value", 2),
        'the API version "01/07/2021" looks like a date, which a spreadsheet '
        "rewrites; write it like api-2021-07-01; it may mean api-2021-07-01 or api-2021-01-07",
    ),
    Case(
        "pattern",
        put("errors", "err-big", id="Err_big"),
        "errors.csv:A2",
        'id "Err_big" has not the right form; '
        "write lower-case letters, digits and hyphens, beginning with a letter",
    ),
    Case(
        "pattern",
        put("statements", "s-big", fingerprint="0a1b"),
        at("statements", "fingerprint", 2),
        'fingerprint "0a1b" has not the right form; '
        "write the 64 hexadecimal digits of a SHA-256, in lower case",
    ),
    Case(
        "pattern",
        put("operating_systems", "windy", image_patterns="gale:wind*:*|gale"),
        at("operating_systems", "image_patterns", 2),
        'image pattern "gale" has not the right form; '
        "write publisher:offer:sku, with a star for any text",
    ),
    repair(
        "list",
        put("operating_systems", "windy", os_name_patterns="windy* | |gale:1*|windy*"),
        at("operating_systems", "os_name_patterns", 2),
        'the list "windy* | |gale:1*|windy*" has an empty or repeated '
        "member, or stray blanks; write windy*|gale:1*",
    ),
    Case(
        "foreign-key",
        put("conditions", "old-vm-1", scenario_id="old-wm"),
        at("conditions", "scenario_id", 5),
        'unknown scenario "old-wm"; did you mean old-vm? Write an id of scenarios.csv',
    ),
    Case(
        "foreign-key",
        put("encryption", "enc-key", ruling_id="nobody"),
        at("encryption", "ruling_id", 2),
        'unknown ruling "nobody"; write an id of rulings.csv, or add the row there',
    ),
    Case(
        "reference",
        put("errors", "err-big", row_ids="big-disk|bigdisk"),
        at("errors", "row_ids", 2),
        'unknown row "bigdisk"; did you mean big-disk? '
        "Write ids of scenarios.csv, limits.csv, encryption.csv, cross_region.csv, errors.csv",
    ),
    Case(
        "reference",
        put("errors", "err-big", row_ids="big-disk,lim-api"),
        at("errors", "row_ids", 2),
        'unknown row "big-disk,lim-api"; part ids by a vertical bar: big-disk|lim-api',
    ),
]

MEANING_CASES = [
    Case(
        "caveat-is-given",
        put("scenarios", "old-vm", caveat=""),
        at("scenarios", "caveat", 4),
        "the outcome supported_with_caveat needs a caveat; "
        "say what a reader must know, or write supported",
    ),
    Case(
        "remedy-is-given",
        put("scenarios", "big-disk", remedy=""),
        at("scenarios", "remedy", 3),
        "the outcome exclude_disk needs a remedy; say how to leave the disk out",
    ),
    Case(
        "remedy-is-given",
        put("cross_region", "xr-late", outcome="exclude_disk"),
        at("cross_region", "remedy", 3),
        "the outcome exclude_disk needs a remedy; say how to leave the disk out",
    ),
    Case(
        "scenario-has-condition",
        put("scenarios", "big-again", repeats=""),
        "scenarios.csv:A2",
        "nothing says when this scenario applies; "
        "add a row to conditions.csv, or say what it repeats",
    ),
    Case(
        "repeat-has-no-condition",
        put("scenarios", "old-vm", repeats="big-disk"),
        at("conditions", "scenario_id", 5),
        'the scenario "old-vm" repeats big-disk, '
        "which decides; delete this condition, or empty repeats",
    ),
    Case(
        "repeat-names-original",
        put("limits", "lim-points-note", repeats="lim-points-note"),
        at("limits", "repeats", 5),
        "the row repeats itself; name the row it repeats",
    ),
    Case(
        "repeat-names-original",
        put("limits", "lim-points-note", repeats="big-again"),
        at("limits", "repeats", 5),
        '"big-again" itself repeats big-disk; name the row that says it first',
    ),
    Case(
        "clauses-count-from-1",
        put("conditions", "os-windy-1", clause="2"),
        at("conditions", "clause", 6),
        'the scenario "os-windy" has no clause 1; number its clauses from 1 without gaps',
    ),
    Case(
        "clauses-count-from-1",
        put("conditions", "big-disk-3", clause="3"),
        at("conditions", "clause", 4),
        'the scenario "big-disk" has no clause 2; number its clauses from 1 without gaps',
    ),
    Case(
        "condition-stands-once",
        add("conditions", id="os-windy-2"),
        "conditions.csv:A7",
        "says the same as conditions.csv:A6; delete one of the two rows, or mend its value",
    ),
    Case(
        "test-is-complete",
        put("cross_region", "xr-late", operator="", value=""),
        at("cross_region", "operator", 3),
        'nothing says how the fact "expiry" is compared; '
        "write an operator, or leave the fact empty",
    ),
    Case(
        "test-is-complete",
        put("cross_region", "xr-always", operator="present"),
        at("cross_region", "fact_id", 2),
        "nothing says which fact present compares; write a fact, or leave the operator empty",
    ),
    Case(
        "test-is-complete",
        put("cross_region", "xr-always", value="1"),
        at("cross_region", "value", 2),
        "there is a value but no fact; write a fact, or empty the value",
    ),
    Case(
        "limit-is-complete",
        put("limits", "lim-points", value=""),
        at("limits", "value", 4),
        "the limit has no value; write it, or say which row this one repeats",
    ),
    Case(
        "limit-is-complete",
        put("limits", "lim-points-note", value="3"),
        at("limits", "fact_id", 5),
        "the limit has no fact; write it, or say which row this one repeats",
    ),
    Case(
        "operator-fits-type",
        put("conditions", "big-disk-1", operator="at_least", value="Big_LRS"),
        at("conditions", "operator", 2),
        'at_least does not suit the fact "disk_sku" (enum); write one of: '
        "is, is_not, in, not_in, starts_with, present, absent, listed_in",
    ),
    Case(
        "operator-fits-type",
        put("steps", "step-light", operator="starts_with", value="n"),
        at("steps", "operator", 2),
        'starts_with does not suit the fact "lit" (flag); '
        "write one of: is, is_not, present, absent",
    ),
    Case(
        "value-is-given",
        put("conditions", "big-disk-3", value=""),
        at("conditions", "value", 4),
        "more_than needs a value; write what is compared with",
    ),
    Case(
        "value-is-given",
        put("conditions", "big-disk-2", value="yes"),
        at("conditions", "value", 3),
        "present takes no value; leave it empty",
    ),
    Case(
        "value-is-allowed",
        put("conditions", "big-disk-1", value="Big_LRS|Hugh_LRS"),
        at("conditions", "value", 2),
        'the fact "disk_sku" cannot be "Hugh_LRS"; did you mean Huge_LRS? '
        "Write one of: Big_LRS, Huge_LRS, Small_LRS",
    ),
    Case(
        "value-is-allowed",
        put("conditions", "big-disk-1", operator="is"),
        at("conditions", "value", 2),
        "is takes one value, not a list; write in or not_in",
    ),
    Case(
        "value-is-allowed",
        put("conditions", "big-disk-1", operator="starts_with", value="Med"),
        at("conditions", "value", 2),
        'the fact "disk_sku" cannot be "Med"; write one of: Big_LRS, Huge_LRS, Small_LRS',
    ),
    Case(
        "value-is-allowed",
        put("conditions", "big-disk-3", value="big"),
        at("conditions", "value", 4),
        'the fact "disk_size" cannot be "big"; write a whole number, digits alone',
    ),
    Case(
        "value-is-allowed",
        put("limits", "lim-api", value="soon"),
        at("limits", "value", 2),
        'the fact "api_version" cannot be "soon"; write an API version like api-2021-07-01',
    ),
    Case(
        "value-is-allowed",
        put("cross_region", "xr-late", value="late"),
        at("cross_region", "value", 3),
        'the fact "expiry" cannot be "late"; write a date as YYYY-MM-DD',
    ),
    Case(
        "value-is-allowed",
        put("steps", "step-light", value="never"),
        at("steps", "value", 2),
        'the fact "lit" cannot be "never"; write one of: yes, no',
    ),
    Case(
        "change-is-possible",
        put("changes", "change-shrink", to_value="Tiny_LRS"),
        at("changes", "to_value", 2),
        'the fact "disk_sku" cannot be "Tiny_LRS"; write one of: Big_LRS, Huge_LRS, Small_LRS',
    ),
    Case(
        "change-is-possible",
        put("changes", "change-shrink", to_value="Big_LRS"),
        at("changes", "to_value", 2),
        'the change leads from "Big_LRS" to itself; write the value after the change',
    ),
    Case(
        "list-fits-fact",
        put("conditions", "old-vm-1", operator="listed_in", value="rulings"),
        at("conditions", "value", 5),
        'the values of the fact "age" are not ids of rulings; '
        "test another fact, or let its allowed values be rulings.id",
    ),
    Case(
        "list-fits-fact",
        add("steps", id="step-b", fact_id="guest", operator="listed_in", value="operating_system"),
        at("steps", "value", 2),
        'unknown table "operating_system"; '
        f"did you mean operating_systems? Write one of: {', '.join(SCHEMA)}",
    ),
    Case(
        "list-names-scenario",
        add("operating_systems", id="stormy", scenario_id="old-vm", precedence="2"),
        at("operating_systems", "scenario_id", 2),
        'the scenario "old-vm" does not ask for this '
        "list; give it a condition with listed_in, in conditions.csv",
    ),
    Case(
        "list-names-scenario",
        put("operating_systems", "windy", scenario_id=""),
        at("conditions", "value", 6),
        "no row of operating_systems names the scenario "
        '"os-windy"; name it there in scenario_id, or test otherwise',
    ),
    Case(
        "systems-differ",
        add(
            "operating_systems",
            id="windy-east",
            image_patterns="gale:wind-east*:*",
            os_name_patterns="easterly*",
        ),
        at("operating_systems", "image_patterns", 3),
        '"gale:wind-east*:*" and "gale:wind*:*" of the row "windy" fit the same name; '
        "give the narrower one a row of higher precedence, or write it more narrowly",
    ),
    Case(
        "examples-tell-system",
        put("operating_systems", "windy", examples="gale:wind:1|storm:2"),
        at("operating_systems", "examples", 2),
        '"storm:2" leads to no row; change the patterns or the precedence, or the example',
    ),
    Case(
        "examples-tell-system",
        put("operating_systems", "windy", counterexamples="calm:1|windy:9"),
        at("operating_systems", "counterexamples", 2),
        '"windy:9" leads to windy; change the patterns or the precedence, or the example',
    ),
    Case(
        "pattern",
        put("operating_systems", "windy", listed_releases="gale:[wind:*"),
        at("operating_systems", "listed_releases", 2),
        'release pattern "gale:[wind:*" has not the right form; '
        "write publisher:offer:sku or osName:osVersion, with a star for any text",
    ),
    Case(
        "allowed-values-are-given",
        put("facts", "disk_sku", allowed_values=""),
        at("facts", "allowed_values", 5),
        "the fact is an enum without allowed values; list them, parted by vertical bars",
    ),
    Case(
        "allowed-values-are-given",
        put("facts", "lit", allowed_values="yes|no|perhaps"),
        at("facts", "allowed_values", 8),
        "a flag has no values but yes and no; write yes|no, or let the fact be an enum",
    ),
    Case(
        "allowed-values-are-given",
        put("facts", "age", allowed_values="winds.id"),
        at("facts", "allowed_values", 2),
        f'"winds.id" names no table; write one of: {", ".join(f"{name}.id" for name in SCHEMA)}',
    ),
    Case(
        "allowed-values-are-given",
        put("facts", "points", allowed_values="10000|many"),
        at("facts", "allowed_values", 9),
        '"many" is no integer; write a whole number, digits alone',
    ),
    Case(
        "default-is-allowed",
        put("facts", "disk_sku", assumption="Tiny_LRS"),
        at("facts", "assumption", 5),
        'the fact "disk_sku" cannot be "Tiny_LRS"; write one of: Big_LRS, Huge_LRS, Small_LRS',
    ),
    Case(
        "default-is-allowed",
        put("facts", "disk_size", absence="none"),
        at("facts", "absence", 4),
        'the fact "disk_size" cannot be "none"; write a whole number, digits alone',
    ),
    Case(
        "fact-can-be-known",
        put("facts", "age", paths=""),
        at("facts", "paths", 2),
        "the reading value needs a path; write record:path, or let the fact be derived or asked",
    ),
    Case(
        "fact-can-be-known",
        put("facts", "expiry", question=""),
        at("facts", "question", 6),
        "the fact is asked, but how?; write the question",
    ),
    Case(
        "placeholder-is-known",
        put("facts", "age", fetch="az vm show --ids {vm_ids}"),
        at("facts", "fetch", 2),
        "nobody fills the placeholder {vm_ids}; did you mean vm_id? Write one of: "
        "{vm_name}, {vm_id}, {vm_size}, {disk_id}, {resource_group}, {subscription_id}, {location}",
    ),
    Case(
        "fact-is-used",
        add("facts", id="wick", title="Wick"),
        "facts.csv:A10",
        'nothing uses the fact "wick"; test it somewhere, or delete it',
    ),
    Case(
        "grain-fits-facts",
        put("conditions", "old-vm-1", fact_id="disk_sku", value="Big"),
        at("conditions", "fact_id", 5),
        "a scenario of a vm cannot test a fact of a disk; "
        "test a fact of: vm, request; or change the grain",
    ),
    Case(
        "quantity-has-ruling",
        put("rulings", "r-api", row_b="lim-points"),
        at("limits", "value", 3),
        f"api-2021-03-25 contradicts api-2021-07-01 in {at('limits', 'value', 2)}; "
        'add a ruling between "lim-api" and "lim-api-other"',
    ),
    Case(
        "ruling-is-complete",
        put("rulings", "r-api", row_a="lim-api|lim-points", row_b="lim-points|lim-api-other"),
        at("rulings", "row_b", 2),
        '"lim-points" stands on both sides; name it on the side of its reading alone',
    ),
    Case(
        "ruling-is-complete",
        add("rulings", id="r-big", row_b=""),
        at("rulings", "source_b", 3),
        "nothing says where the second reading stands; name the source, or the rows in row_b",
    ),
    Case(
        "source-is-named",
        put("scenarios", "old-vm", source=""),
        at("scenarios", "statement_id", 4),
        "nothing says where this comes from; name a statement, or another source in source",
    ),
    Case(
        "statement-is-used",
        add("statements", id="s-small", position="2", data="yes", no_data_reason=""),
        "statements.csv:A4",
        'no row uses the statement "s-small"; put it into data, or write data no and the reason',
    ),
    Case(
        "statement-is-used",
        put("scenarios", "old-vm", statement_id="s-intro"),
        at("statements", "data", 3),
        "the statement is no data, but scenarios.csv:A4 uses it; "
        "write yes, or let that row name another statement",
    ),
    Case(
        "no-data-has-reason",
        put("statements", "s-intro", no_data_reason=""),
        at("statements", "no_data_reason", 3),
        "the statement is no data, but why?; write the reason",
    ),
    Case(
        "no-data-has-reason",
        put("statements", "s-big", no_data_reason="It is dull"),
        at("statements", "no_data_reason", 2),
        "the statement is data, so there is no reason why it is not; "
        "leave it empty, or write data no",
    ),
    Case(
        "supersedes-another-edition",
        put("statements", "s-intro", supersedes="s-big"),
        at("statements", "supersedes", 3),
        '"s-big" is of the same edition; name a statement of an earlier edition',
    ),
    Case(
        "withdrawn-in-overlay",
        edit("withdrawn", lambda rows: rows.append(["x", "limits", "lim-api", "Old.", "", DAY])),
        at("withdrawn", "id", 2),
        "the base tables withdraw nothing; write this row into an overlay",
    ),
    Case(
        "place-is-taken-once",
        put("statements", "s-intro", section="which-lamps-burn"),
        at("statements", "position", 3),
        f"{at('statements', 'position', 2)} has the same place; "
        "count the statements in the order of the article",
    ),
    Case(
        "encryption-has-result",
        put("encryption", "enc-key", local_result=""),
        at("encryption", "local_result", 2),
        "the row says nothing about the state; "
        "fill one of: local_result, cross_region_result, at_restore, prerequisites",
    ),
    Case(
        "error-is-recognisable",
        put("errors", "err-big", code="", message_fragment=""),
        at("errors", "code", 2),
        "nothing tells this error from others; "
        "write its code, or words of its message in message_alone",
    ),
    Case(
        "refusal-names-row",
        put("errors", "err-big", row_ids=""),
        at("errors", "row_ids", 2),
        "a matrix_refusal needs row_ids; name the rows, or choose another kind",
    ),
]
CASES = [*FORM_CASES, *MEANING_CASES]


def test_the_small_tables_are_in_order(folder: Path) -> None:
    assert problems_of(folder) == []
    assert len(read_tables(folder)["scenarios"].rows) == 4


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_check_finds_the_one_thing_that_is_wrong(case: Case, folder: Path) -> None:
    case.damage(folder)
    assert problems_of(folder) == [case.says]


def test_every_check_has_a_case() -> None:
    # One is about writing, one needs a past: these two have tests of their own.
    assert {case.check for case in CASES} == CHECKS.keys() - {"unwritable", "frozen"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tables_are_read_when_only_their_form_is_wrong(
    case: Case, folder: Path, digest: str
) -> None:
    case.damage(folder)
    if case.harmless:
        assert read_tables(folder).digest == digest
    else:
        with pytest.raises(TablesError) as caught:
            read_tables(folder)
        assert [problem.check for problem in caught.value.problems] == [case.check]
        assert case.says in str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_repair_restores_the_table_or_leaves_it_alone(case: Case, folder: Path) -> None:
    good = tree(folder)
    case.damage(folder)
    bad = tree(folder) if not (folder / "errors.csv").is_dir() else {}
    (problem,) = check(folder)
    report = fix(folder)
    assert problem.fixable == case.mended
    if case.mended:
        assert tree(folder) == good
        assert (report.repaired, report.refused) == ((problem,), ())
        assert report.written == (problem.file,)
    else:
        assert not bad or tree(folder) == bad
        assert (report.repaired, report.written) == ((), ())
        assert report.refused == (problem,)
        assert case.says in str(report)


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the small tables."""
    return read_tables(fill(tmp_path_factory.mktemp("good"))).digest


# --- several things at once -----------------------------------------------------------------------


def test_all_problems_come_at_once_and_in_order(folder: Path) -> None:
    both(
        put("scenarios", "old-vm", crash="suported", title="=A1"),
        put("errors", "err-big", kind="Service", mode=""),
        put("facts", "age", grain="wm"),
    )(folder)
    assert [(one.file, one.cell, one.check, one.row_id) for one in check(folder)] == [
        ("scenarios.csv", "D4", "formula", "old-vm"),
        ("scenarios.csv", "G4", "enumeration", "old-vm"),
        ("facts.csv", "B2", "enumeration", "age"),
        ("errors.csv", "F2", "enumeration", "err-big"),
        ("errors.csv", "G2", "required", "err-big"),
    ]


def test_one_wrong_cell_gives_one_problem_however_many_rows_depend_on_it(folder: Path) -> None:
    # Were the fact taken for another one, it would be unused, and its test would not fit.
    put("conditions", "big-disk-3", fact_id="disk-size")(folder)
    assert [one.check for one in check(folder)] == ["foreign-key"]


def test_a_file_that_cannot_be_read_is_not_held_against_the_others(folder: Path) -> None:
    overwrite("facts.csv", b"")(folder)
    assert [(one.file, one.check) for one in check(folder)] == [("facts.csv", "empty-file")]


def test_a_folder_that_is_not_there_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    assert [one.check for one in check(tmp_path / "nowhere")] == ["descriptor"]
    assert problems_of(tmp_path / "nowhere")[0].startswith("datapackage.json cannot be opened")


def test_an_error_shows_a_part_of_many_problems(folder: Path) -> None:
    edit("facts", lambda rows: [row.__setitem__(2, "") for row in rows[1:]] * 5)(folder)
    edit("scenarios", lambda rows: [row.__setitem__(3, "") for row in rows[1:]])(folder)
    edit("steps", lambda rows: rows.extend([["step-b", *[""] * (len(rows[0]) - 1)]] * 20))(folder)
    with pytest.raises(TablesError) as caught:
        read_tables(folder)
    lines = str(caught.value).splitlines()
    count = len(caught.value.problems)
    assert lines[0] == f"{count} problems in the tables of {folder}:"
    assert lines[31] == f"  and {count - 30} more; see all with: rpmatrix check"


def test_a_cell_is_named_as_it_stands_in_the_file(folder: Path) -> None:
    edit("scenarios", swap(3, 4))(folder)
    row = read_tables(folder)["scenarios"].by_id["old-vm"]
    assert (row.cell("title"), row.cell("grain")) == ("scenarios.csv:E4", "scenarios.csv:D4")
    assert row["title"] == "Old lamps"


def test_rows_are_sorted_mappings_from_column_to_text(folder: Path) -> None:
    edit("conditions", lambda records: records.insert(1, records.pop()))(folder)
    table = read_tables(folder)["conditions"]
    assert [row.id for row in table.rows] == sorted(table.by_id)
    assert [row.line for row in table.rows] == [3, 4, 5, 6, 2]
    row = table.by_id["big-disk-1"]
    assert dict(row) == {"reviewed_on": DAY} | ROWS["conditions"][0]
    assert list(row) == list(SCHEMA["conditions"].names)
    assert row.members("value") == ("Big_LRS", "Huge_LRS")
    assert row.get("nothing") is None


def test_equal_rows_are_equal_wherever_they_stand(folder: Path, tmp_path: Path) -> None:
    one = read_tables(folder)["facts"].rows
    edit("facts", lambda records: records.insert(1, [""] * len(records[0])))(folder)
    other = read_tables(folder)["facts"].rows
    assert one == other
    assert hash(one) == hash(other)
    assert len({*one, *other}) == len(one)


# --- overlays -------------------------------------------------------------------------------------


def overlay(folder: Path, table: str, *records: Sequence[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{table}.csv").write_text(csv_of([SCHEMA[table].names, *records]))
    return folder


def test_an_overlay_holds_any_subset_and_points_elsewhere(tmp_path: Path) -> None:
    row = next(row for row in records_of("conditions") if row[0] == "old-vm-1")
    tables = read_tables(overlay(tmp_path / "own", "conditions", row), partial=True)
    assert [*tables] == ["conditions"]
    assert tables.rows("facts") == ()


def test_an_overlay_is_judged_by_itself_where_that_is_possible(tmp_path: Path) -> None:
    row = next(row for row in records_of("scenarios") if row[0] == "old-vm")
    row[SCHEMA["scenarios"].names.index("caveat")] = ""
    folder = overlay(tmp_path / "own", "scenarios", row)
    assert [one.check for one in check(folder, partial=True)] == ["caveat-is-given"]


def test_an_overlay_speaks_of_the_facts_of_the_base(tmp_path: Path) -> None:
    facts = read_tables(data_folder())["facts"].rows
    cells = dict(zip(SCHEMA["limits"].names, records_of("limits")[3], strict=True))
    cells["fact_id"] = next(row.id for row in facts if row["type"] == "integer")
    cells["value"] = "10,000"
    folder = overlay(tmp_path / "own", "limits", list(cells.values()))
    assert [one.check for one in fix(folder, partial=True).repaired] == ["integer"]
    assert read_tables(folder, partial=True)["limits"].rows[0]["value"] == "10000"


def test_an_overlay_without_any_table_is_a_mistake(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, partial=True)
    assert str(problem).startswith(f"{tmp_path.name} holds none of the tables; begin one there")
    (problem,) = check(tmp_path / "nowhere", partial=True)
    assert "nowhere is not a folder" in str(problem)


def stacked(base: Tables, *overlays: Tables) -> Tables:
    merged = {}
    for name, table in base.items():
        rows = dict(table.by_id)
        for one in overlays:
            rows |= {row.id: row for row in one.rows(name)}
        ordered = tuple(rows[key] for key in sorted(rows))
        merged[name] = Table(name, table.path, table.columns, ordered)
    return Tables(base.folder, base.schema, merged)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"value": "older"}, []),
        (
            {"fact_id": "nobody"},
            [
                'conditions.csv:D2 unknown fact "nobody"; '
                "write an id of facts.csv, or add the row there"
            ],
        ),
        (
            {"operator": "more_than"},
            [
                'conditions.csv:E2 more_than does not suit the fact "age" (text); write one of: '
                "is, is_not, in, not_in, starts_with, present, absent, listed_in"
            ],
        ),
    ],
)
def test_tables_put_together_are_judged_together(
    folder: Path, tmp_path: Path, cells: Mapping[str, str], says: list[str]
) -> None:
    row = dict(zip(SCHEMA["conditions"].names, records_of("conditions")[4], strict=True))
    row.update(cells)
    own = overlay(tmp_path / "own", "conditions", list(row.values()))
    together = stacked(read_tables(folder), read_tables(own, partial=True))
    assert [str(problem) for problem in check_together(together)] == says


# --- digest ---------------------------------------------------------------------------------------


def test_the_digest_sees_every_cell(folder: Path, digest: str) -> None:
    seen = {digest}
    for cells in ({"caveat": "Dust it."}, {"title": "Old lamp"}, {"source": "A keeper's logs"}):
        put("scenarios", "old-vm", **cells)(folder)
        seen.add(read_tables(folder).digest)
    assert len(seen) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in seen)


def test_the_digest_knows_in_which_column_a_text_stands(folder: Path, digest: str) -> None:
    put("encryption", "enc-key", local_result="", cross_region_result="Locked too")(folder)
    assert read_tables(folder).digest != digest


# --- properties of reading and repair -------------------------------------------------------------

TABLE_NAMES = st.sampled_from(sorted(name for name in ROWS if ROWS[name]))
SLOW = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, bytes]:
    """Give a table in another form with the same content."""
    table = draw(TABLE_NAMES)
    records = records_of(table)
    shuffle = random.Random(draw(st.integers(0, 99)))
    header, rows = records[0], records[1:]
    if draw(st.booleans()):
        shuffle.shuffle(rows)
    order = list(range(len(header)))
    if draw(st.booleans()):
        shuffle.shuffle(order)
    spare = draw(st.integers(0, 2))
    records = [[row[at] for at in order] + [""] * spare for row in [header, *rows]]
    for _ in range(draw(st.integers(0, 2))):
        records.insert(shuffle.randint(1, len(records)), [""] * len(records[0]))
    text = csv_of(
        records,
        delimiter=draw(st.sampled_from(",;\t")),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    written = text if draw(st.booleans()) else text.rstrip("\r\n")
    codec = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]))
    return table, written.encode(codec)


@SLOW
@given(form=forms())
def test_no_form_changes_what_is_read_and_repair_restores_the_one(
    form: tuple[str, bytes], tmp_path_factory: pytest.TempPathFactory, digest: str
) -> None:
    table, data = form
    folder = fill(tmp_path_factory.mktemp("form"))
    file = SCHEMA[table].file
    (folder / file).write_bytes(data)
    assert read_tables(folder).digest == digest
    report = fix(folder)
    assert (folder / file).read_bytes() == CANONICAL[file]
    assert report.refused == ()
    assert report.written == (() if data == CANONICAL[file] else (file,))
    assert fix(folder).written == ()


def essence(text: str) -> str:
    """What a repair may not touch: letters and digits, in their order."""
    return "".join(sign for sign in text if sign.isalnum())


CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.text("ab1 ,;|\"'\t\n\r=+-@\u00a0\u201c\u2019\u2026", max_size=12),
    st.sampled_from(["TRUE", "Jul-22", "05/07/2022", "25/07/2022", "10,000", "#REF!", "Yes"]),
)


@SLOW
@given(texts=st.lists(CELLS, min_size=4, max_size=4), table=TABLE_NAMES, seed=st.integers(0, 9999))
@example(texts=["\u00a0|a | a", "\t=1", " \u201cx\u201d", "a\r\nb"], table="facts", seed=1)
@example(texts=["\t\u2018", "' =1", "'\t=1", "' 'x'"], table="api_capabilities", seed=0)
def test_repair_is_done_once_and_keeps_letters_and_digits(
    texts: list[str], table: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = fill(tmp_path_factory.mktemp("cells"))
    records = records_of(table)
    chance = random.Random(seed)
    names = [name for name in records[0] if name != "id"]
    for text in texts:
        row = chance.choice(records[1:])
        row[records[0].index(chance.choice(names))] = text
    path = folder / SCHEMA[table].file
    path.write_bytes(csv_of(records, quoting=csv.QUOTE_ALL).encode())
    report = fix(folder)
    after = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert [row[0] for row in after] == [row[0] for row in records]
    for old, new in zip(records, after, strict=True):
        for name, was, now in zip(records[0], old, new, strict=True):
            column = SCHEMA[table].column(name)
            if was == now or column.type == "date" or column.typed_by:
                continue
            if column.is_list:
                assert {essence(one) for one in was.split("|")} - {""} >= {
                    essence(one) for one in now.split("|")
                } - {""}
            elif column.enum:
                assert essence(was).casefold() == essence(now).casefold()
            else:
                assert essence(was) == essence(now)
    again = fix(folder)
    assert again.written == ()
    assert again.refused == report.refused
    assert not any(problem.fixable for problem in again.refused)


@SLOW
@given(data=st.binary(max_size=300), table=TABLE_NAMES, keep=st.booleans())
def test_no_bytes_make_it_raise(
    data: bytes, table: str, keep: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = fill(tmp_path_factory.mktemp("bytes"))
    path = folder / SCHEMA[table].file
    path.write_bytes(path.read_bytes() + data if keep else data)
    before = check(folder)
    assert all(problem.check in CHECKS for problem in before)
    fix(folder)
    assert fix(folder).written == ()


# --- what is written is written whole -------------------------------------------------------------


def test_windows_1252_is_read_as_such_and_repaired(folder: Path) -> None:
    path = folder / "scenarios.csv"
    good = path.read_bytes()
    title = "The \u201cbig\u201d lamp\u2019s disk"
    put("scenarios", "big-disk", title=title)(folder)
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    assert [one.check for one in check(folder)] == ["encoding", "ascii"]
    assert problems_of(folder)[0] == (
        "scenarios.csv:A3 the text is not UTF-8 from here on, but Windows-1252 by its looks; "
        "save it as CSV in UTF-8 without a byte order mark"
    )
    fix(folder)
    assert path.read_bytes() == good


def test_repair_leaves_a_file_alone_in_which_cells_may_have_moved(folder: Path) -> None:
    put("scenarios", "old-vm", caveat=" Dust it first.", crash="Supported")(folder)
    path = folder / "scenarios.csv"
    path.write_bytes(path.read_bytes().replace(b"Old lamps", b"Old, lamps"))
    before = path.read_bytes()
    report = fix(folder)
    assert path.read_bytes() == before
    assert [one.check for one in report.refused] == ["ragged-row"]


def test_repair_mends_what_it_can_beside_what_it_cannot(folder: Path) -> None:
    put("scenarios", "old-vm", caveat=" Dust it first.", crash="suported")(folder)
    report = fix(folder)
    assert [one.check for one in report.repaired] == ["edge-spaces"]
    assert [one.check for one in report.refused] == ["enumeration"]
    assert str(report).splitlines() == [
        "scenarios.csv: written anew",
        f"  {at('scenarios', 'caveat', 4)} has blanks at its edges or a line break inside; "
        "delete them",
        "For you to decide:",
        f'  {at("scenarios", "crash", 4)} unknown outcome "suported"; did you mean supported? '
        "Write one of: supported, supported_with_caveat, exclude_disk, not_supported, "
        "not_stated, not_applicable",
    ]


def test_repair_of_good_tables_touches_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert str(fix(folder)) == "Nothing to repair."
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_leaves_the_old_file_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    put("scenarios", "old-vm", title=" Old lamps")(folder)
    before = tree(folder)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr({"fsync": os, "replace": Path}[step], step, fail)
    if isinstance(error, OSError):
        report = fix(folder)
        assert str(report.refused[0]) == (
            "scenarios.csv cannot be written: No space left on device; "
            "close it in other programs, and see that you may write it"
        )
        assert (report.repaired, report.written) == ((), ())
    else:
        with pytest.raises(KeyboardInterrupt):
            fix(folder)
    assert tree(folder) == before


@pytest.mark.skipif(os.name == "nt", reason="modes and links as POSIX has them")
def test_a_file_keeps_its_mode_and_its_link(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.csv"
    put("scenarios", "old-vm", title=" Old lamps")(folder)
    (folder / "scenarios.csv").rename(real)
    real.chmod(0o640)
    (folder / "scenarios.csv").symlink_to(real)
    fix(folder)
    assert real.read_bytes() == CANONICAL["scenarios.csv"]
    assert (folder / "scenarios.csv").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_table_is_written_in_its_canonical_form(folder: Path) -> None:
    path = folder / "facts.csv"
    rows = [dict(row) for row in read_tables(folder)["facts"].rows]
    write_table(path, SCHEMA["facts"].names, reversed(rows))
    assert path.read_bytes() == CANONICAL["facts.csv"]


def test_no_line_break_in_a_cell_can_break_the_table(folder: Path) -> None:
    rows = [dict(row) for row in read_tables(folder)["facts"].rows]
    rows[0]["title"] = "Age\r\nin\ryears"
    write_table(folder / "facts.csv", SCHEMA["facts"].names, rows)
    assert [one.check for one in check(folder)] == ["edge-spaces"]
    fix(folder)
    assert read_tables(folder)["facts"].rows[0]["title"] == "Age in years"


# --- the frozen base ------------------------------------------------------------------------------

RENEW = "if the change is meant, renew the digest with: rpmatrix freeze"


def test_a_frozen_table_is_not_changed_unnoticed(folder: Path) -> None:
    freeze(folder)
    assert problems_of(folder) == []
    put("limits", "lim-points", value="9000")(folder)
    says = f"limits.csv is not as it was when the tables were frozen; {RENEW}"
    assert problems_of(folder) == [says]
    assert [str(problem) for problem in changed_since_freeze(read_tables(folder))] == [says]
    freeze(folder)
    assert problems_of(folder) == []


def test_the_form_of_a_frozen_table_may_change(folder: Path) -> None:
    freeze(folder)
    write("limits", lambda data: data.replace(b"\n", b"\r\n"))(folder)
    assert [problem.check for problem in check(folder)] == ["line-ends"]
    assert fix(folder).refused == ()


def test_a_frozen_descriptor_is_not_changed_unnoticed(folder: Path) -> None:
    freeze(folder)
    describe(folder, frozen=False, title="Support matrix for lamps")
    says = f"{DESCRIPTOR} is not as it was when the tables were frozen; {RENEW}"
    assert problems_of(folder) == [says]
    assert fix(folder).refused == check(folder)
    freeze(folder)
    assert problems_of(folder) == []


def test_an_edited_word_of_the_descriptor_is_noticed_beside_the_row_that_needs_it(
    folder: Path,
) -> None:
    freeze(folder)
    resources = json.loads(json.dumps(DESCRIBED["resources"]))
    fields = next(one for one in resources if one["name"] == "scenarios")["schema"]["fields"]
    crash = next(field for field in fields if field["name"] == "crash")
    crash["constraints"]["enum"].append("perhaps")
    describe(folder, frozen=False, resources=resources)
    put("scenarios", "os-windy", crash="perhaps")(folder)
    assert [problem.file for problem in check(folder)] == [DESCRIPTOR, "scenarios.csv"]


def test_the_form_of_a_frozen_descriptor_may_change(folder: Path) -> None:
    freeze(folder)
    path = folder / DESCRIPTOR
    turned = dict(reversed(json.loads(path.read_text(encoding="utf-8")).items()))
    path.write_bytes(json.dumps(turned, indent=4).replace("\n", "\r\n").encode())
    assert problems_of(folder) == []


GONE = (
    f"{FROZEN} is missing, though {DESCRIPTOR} says that these tables are frozen; "
    "put it back, or if you mean to edit them, write it anew with: rpmatrix freeze"
)


def test_tables_that_come_frozen_do_not_thaw_when_the_digest_is_deleted(folder: Path) -> None:
    describe(folder, frozen=True)
    freeze(folder)
    assert problems_of(folder) == []
    (folder / FROZEN).unlink()
    assert problems_of(folder) == [GONE]
    assert [str(one) for one in changed_since_freeze(read_tables(folder))] == [GONE]
    freeze(folder)
    assert problems_of(folder) == []


def test_they_do_not_thaw_either_when_the_descriptor_is_made_to_say_so(folder: Path) -> None:
    describe(folder, frozen=True)
    freeze(folder)
    describe(folder, frozen=False)
    assert [problem.file for problem in check(folder)] == [DESCRIPTOR]


def test_the_tables_come_frozen() -> None:
    assert SCHEMA.frozen
    assert {DESCRIPTOR, *(SCHEMA[table].file for table in SCHEMA)} == {
        *json.loads((data_folder() / FROZEN).read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("spoiled", ["{", "[]", "\xff"])
def test_a_spoiled_digest_is_a_problem(folder: Path, spoiled: str) -> None:
    (folder / FROZEN).write_text(spoiled, encoding="latin-1")
    assert problems_of(folder) == [f"{FROZEN} cannot be read; {RENEW}"]


def test_tables_with_faults_are_not_frozen(folder: Path) -> None:
    put("limits", "lim-points", value="many")(folder)
    with pytest.raises(TablesError):
        freeze(folder)
    assert not (folder / FROZEN).exists()


def test_a_statement_may_be_used_by_way_of_one_it_supersedes(folder: Path) -> None:
    of = dict(zip(SCHEMA["statements"].names, records_of("statements")[1], strict=True))
    newer = {**of, "id": "s-new", "edition": "newer", "supersedes": "s-mid"}
    middle = {**of, "id": "s-mid", "edition": "middle", "supersedes": "s-big"}
    add("statements", **newer)(folder)
    assert [problem.check for problem in check(folder)] == ["statement-is-used", "reference"]
    edit("statements", lambda rows: rows.extend([[*middle.values()], [*newer.values()]]))(folder)
    assert problems_of(folder) == []


# --- where the tables are -------------------------------------------------------------------------


def test_the_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPMATRIX_DATA", str(folder))
    assert data_folder() == folder
    monkeypatch.setenv("RPMATRIX_DATA", str(folder / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"RPMATRIX_DATA names .*nowhere, which holds no"):
        data_folder()


def test_an_installed_package_carries_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RPMATRIX_DATA", raising=False)
    checkout = fill(tmp_path / "matrix_data")
    monkeypatch.setattr(
        module, "__file__", str(tmp_path / "src" / "rpmatrix" / "matrix" / "schema.py")
    )
    assert data_folder() == checkout
    packaged = fill(tmp_path / "src" / "rpmatrix" / "_data" / "matrix_data")
    assert data_folder() == packaged
    shutil.rmtree(packaged)
    shutil.rmtree(checkout)
    with pytest.raises(
        FileNotFoundError, match=r"the tables are neither in .* install the package"
    ):
        data_folder()


# --- the descriptor -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def descriptor() -> dict[str, object]:
    """The descriptor as plain JSON."""
    text = (data_folder() / DESCRIPTOR).read_text(encoding="utf-8")
    assert text.isascii()
    loaded: dict[str, object] = json.loads(text)
    return loaded


def test_the_descriptor_is_a_data_package(descriptor: dict[str, object]) -> None:
    frictionless = pytest.importorskip("frictionless")
    errors = list(frictionless.Package.metadata_validate(descriptor))
    assert [str(error) for error in errors] == []
    assert descriptor["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert descriptor["title"] == "Support matrix for VM restore points"
    assert [one["name"] for one in descriptor["licenses"]] == ["CC-BY-4.0"]  # type: ignore[attr-defined]
    # Version 2.0 wants an array there and 2.1 a text; both take exact for granted.
    assert "fieldsMatch" not in json.dumps(descriptor)


def test_the_descriptor_uses_only_own_properties_that_are_read(
    descriptor: dict[str, object],
) -> None:
    used = set(re.findall(r'"(rpmatrix:\w+)"', json.dumps(descriptor)))
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert used == set(re.findall(r'"(rpmatrix:\w+)"', source))


COLUMNS = [(table, column) for table in SCHEMA for column in SCHEMA[table].names]


@pytest.mark.parametrize(("table", "name"), COLUMNS)
def test_a_column_is_described_with_every_word_it_may_hold(table: str, name: str) -> None:
    column = SCHEMA[table].column(name)
    assert column.description.endswith(".")
    assert len(column.description.split()) >= 4
    assert column.description[0].isupper() or column.description.startswith(column.enum)
    described = column.description
    if "the same words as in the conditions table" in described:
        described = SCHEMA["conditions"].column(name).description
    assert [word for word in column.enum if not re.search(rf"\b{word}\b", described)] == []
    assert bool(column.pattern) == bool(column.form)
    assert {*column.fits} <= {*column.enum}


@pytest.mark.parametrize("table", SCHEMA)
def test_a_table_is_described_and_points_to_tables_there_are(table: str) -> None:
    schema = SCHEMA[table]
    assert schema.file == f"{table}.csv"
    assert schema.description.startswith("One row is one ")
    assert (schema.names[0], schema.names[-1]) == ("id", "reviewed_on")
    for column in schema.columns:
        assert {column.key_of, *column.references} - {""} <= SCHEMA.keys()
        assert not column.typed_by or column.typed_by in schema.names


def test_the_columns_are_those_that_others_rely_on() -> None:
    assert SCHEMA["conditions"].names == (
        *("id", "scenario_id", "clause", "fact_id", "operator", "value", "reviewed_on"),
    )
    cited = [table for table in SCHEMA if SCHEMA[table].citation]
    assert {"scenarios", "limits", "encryption", "cross_region", "errors"} <= {*cited}
    keys = {
        (table, column.name): column.key_of
        for table in SCHEMA
        for column in SCHEMA[table].columns
        if column.key_of
    }
    assert keys["conditions", "scenario_id"] == "scenarios"
    assert keys["operating_systems", "scenario_id"] == "scenarios"
    assert keys["limits", "fact_id"] == keys["cross_region", "fact_id"] == "facts"
    assert keys["encryption", "ruling_id"] == "rulings"
    assert {table for table in SCHEMA if "statement_id" in SCHEMA[table].names} == {
        table for (table, name), target in keys.items() if target == "statements"
    }


def validate(folder: Path) -> Iterator[tuple[str, str]]:
    """Let frictionless judge a folder: the file and the type of each error."""
    frictionless = pytest.importorskip("frictionless")
    package = frictionless.Package(str(folder / DESCRIPTOR))
    # Its own guesses at encoding and delimiter would hide what the descriptor says.
    for task in package.validate(limit_errors=1000).tasks:
        for error in task.errors:
            yield Path(task.place).name, error.type


JUDGED = {
    "duplicate-id": "primary-key",
    "required": "constraint-error",
    "enumeration": "constraint-error",
    "integer": "type-error",
    "date": "type-error",
    "pattern": "constraint-error",
    "foreign-key": "foreign-key",
    "ragged-row": "missing-cell",
}


def test_frictionless_finds_nothing_in_the_small_tables(folder: Path) -> None:
    assert list(validate(folder)) == []


def judged_cases() -> list[Case]:
    """One case of each check that a Table Schema can express."""
    typed = ("limits", "conditions")
    first: dict[str, Case] = {}
    for case in FORM_CASES:
        if (
            case.check in JUDGED
            and not case.says.startswith(typed)
            and "too small" not in case.says
        ):
            first.setdefault(case.check, case)
    return list(first.values())


@pytest.mark.parametrize("case", judged_cases(), ids=str)
def test_frictionless_agrees_where_the_descriptor_can_tell(case: Case, folder: Path) -> None:
    case.damage(folder)
    (problem,) = check(folder)
    assert (problem.file, JUDGED[case.check]) in list(validate(folder))


# --- the tables as they are -----------------------------------------------------------------------


def test_the_tables_are_in_order() -> None:
    assert problems_of(data_folder()) == []


def test_frictionless_finds_nothing_in_the_tables() -> None:
    assert list(validate(data_folder())) == []


@pytest.mark.parametrize("table", SCHEMA)
def test_a_table_is_in_its_canonical_form(table: str) -> None:
    data = (data_folder() / SCHEMA[table].file).read_bytes()
    rows = read_tables(data_folder())[table].rows
    assert data.isascii()
    assert data == csv_of([list(SCHEMA[table].names), *(row.cells for row in rows)]).encode()


def test_a_problem_reads_as_one_line() -> None:
    problem = Problem("x", "scenarios.csv", "D4", "is wrong", "mend it")
    assert str(problem) == "scenarios.csv:D4 is wrong; mend it"
    assert str(Problem("x", "scenarios.csv", "", "is wrong", "mend it")) == (
        "scenarios.csv is wrong; mend it"
    )
