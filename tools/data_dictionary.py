"""Write matrix_data/README.md, the data dictionary, from matrix_data/datapackage.json.

The descriptor is the only home of what a column means; this makes a page of it for readers.

    python tools/data_dictionary.py            write the page
    python tools/data_dictionary.py --check    say whether it is in step, and change nothing
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from rpmatrix.matrix.folder import FROZEN
from rpmatrix.matrix.matrix import overlay_names
from rpmatrix.matrix.schema import Column, Schema, TableSchema, data_folder, read_schema

COMMAND = "python tools/data_dictionary.py"
_FORM = (
    "Cells are text in UTF-8, in plain ASCII, parted by commas; lines end with a line feed, and "
    "rows are sorted by id. An empty cell is a missing value. Members of a list are parted by a "
    f"vertical bar. `{FROZEN}` holds the digests of every table and of the descriptor, so that no "
    "edit goes unnoticed: renew it with `rpmatrix freeze` after a change that is meant."
)
_LAYERS = (
    "On top of the tables lie overlays, in `overlays`: {names}. An overlay is a folder with any of "
    "the tables and an `about.json`. A row with a known id replaces, a new id adds, and "
    "`withdrawn.csv` switches off. The base is never edited to hold what somebody else says."
)


def dictionary(schema: Schema) -> str:
    """Give the page."""
    return "\n".join(_page(schema)) + "\n"


def _page(schema: Schema) -> Iterator[str]:
    yield f"# {schema.title}: data dictionary"
    yield ""
    yield f"Made from `datapackage.json` by `{COMMAND}`; edit it there."
    yield ""
    yield "| table | one row is | rows can be cited |"
    yield "| --- | --- | --- |"
    for name, table in schema.items():
        first = table.description.partition(". ")[0].removeprefix("One row is ").rstrip(".")
        yield f"| [{name}](#{name}) | {first} | {'yes' if table.citation else 'no'} |"
    yield ""
    yield from textwrap.wrap(_FORM, 100)
    yield ""
    yield from textwrap.wrap(_LAYERS.format(names=_names(overlay_names())), 100)
    for name, table in schema.items():
        yield from _table(name, table)


def _table(name: str, table: TableSchema) -> Iterator[str]:
    yield ""
    yield f"## {name}"
    yield ""
    yield f"`{table.file}`. {table.description}"
    yield ""
    yield "| column | holds | meaning |"
    yield "| --- | --- | --- |"
    for column in table.columns:
        yield f"| `{column.name}` | {_cell(_holds(column))} | {_cell(column.description)} |"


def _holds(column: Column) -> str:
    """Say in a few words what a cell may hold."""
    if column.enum:
        what = f"one of {_names(column.enum)}"
    elif column.key_of:
        what = f"an id of [{column.key_of}](#{column.key_of})"
    elif column.references:
        links = " or ".join(f"[{one}](#{one})" for one in column.references)
        what = f"ids of {links}"
    elif column.typed_by:
        what = f"a value of the type that `{column.typed_by}` tells"
    elif column.form:
        what = column.form
    else:
        what = {"integer": "a whole number", "date": "a date"}.get(column.type, "text")
    if column.minimum is not None:
        what += f", {column.minimum} or more"
    if column.is_list:
        what = f"a list: {what}"
    return f"{what}; {'required' if column.required else 'may be empty'}"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    folder = data_folder()
    path = folder / "README.md"
    text = dictionary(read_schema(folder))
    if arguments == ["--check"]:
        same = path.exists() and path.read_text(encoding="utf-8") == text
        print(f"{path.name} is {'in step' if same else f'behind; run: {COMMAND}'}")
        return 0 if same else 1
    path.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
