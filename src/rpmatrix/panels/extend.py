"""The panel in which an overlay is edited: its rows in a grid, one of them in a form, and a save.

What an edit means stands in :mod:`rpmatrix.authoring.draft`; here are only the controls, and the
view of the rows, of what is wrong with them and of whose verdict they change. The form asks for the
columns that the descriptor names, in its order and with its words: a new column is a new field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import ipywidgets as widgets

from rpmatrix.authoring.draft import WITHDRAWN, Cells, Edits, OverlayEditor, OverlayError
from rpmatrix.authoring.impact import Impact, VmChange, sample_inventory
from rpmatrix.common.words import plural
from rpmatrix.eligibility.assessment import Verdict
from rpmatrix.inventory.inventory import Inventory, read_inventory
from rpmatrix.matrix.folder import FixReport
from rpmatrix.matrix.matrix import ABOUT, ABOUT_KEYS, overlay_names
from rpmatrix.matrix.problems import Problem, TablesError
from rpmatrix.matrix.schema import Column, Schema, TableSchema, column_letter, read_schema
from rpmatrix.panels.controls import WIDE, layout, show
from rpmatrix.panels.panels import Panel
from rpmatrix.view import report
from rpmatrix.view.markup import (
    Child,
    Html,
    badge,
    bullets,
    code,
    codes,
    details,
    fragment,
    heading,
    joined,
    page,
    paragraph,
    soft,
    table,
    tag,
    title,
    wide,
)

MANY_VMS: Final = 500
"""The impact on more VMs than this is worked out when it is asked for, not with each letter."""
LONGEST_LINE: Final = 80
"""A column in which a text below is longer than this has a field of several lines."""
_NO_ROW: Final = -1

_BUTTONS: Final = {
    "add": ("Add a row", "Begin a row of the chosen table with an id of its own"),
    "replace": ("Replace the row below", "Begin with the cells of the chosen row below"),
    "withdraw": ("Withdraw the row below", "Say that the chosen row below no longer holds"),
    "remove": ("Take the row out", "Take the row in the form out of the overlay"),
    "undo": ("Undo", "Take back the last edit"),
    "redo": ("Redo", "Make the edit again that was undone"),
    "preview": ("Preview the impact", "Work out whose verdict changes"),
    "save": ("Save", "Write the overlay, and keep its files as they were"),
    "reload": ("Read the files again", "See what is in the files now; undo brings your rows back"),
    "restore": ("Restore", "Put back the files as they were before the last save"),
}
_ABOVE: Final = ("add", "replace", "withdraw")
_BELOW: Final = ("remove", "undo", "redo", "preview", "save", "reload", "restore")


class OverlayPanel(Panel):
    """Edit an overlay: its rows in a form, checked as you type, and whose verdict they change.

    Nothing is written before *Save*.

    Parameters
    ----------
    folder : str or Path
        The folder of the overlay; one that is not there yet is made by the first save.
    below : sequence of str
        The overlays it lies on; the base alone if it is left out.
    table : str
        The table to edit.
    row : str
        Id of the overlay's row to edit; none if it is left out.
    about : mapping of str to str, optional
        What the overlay is to say of itself otherwise than in its file.
    edits : mapping, optional
        Rows that are not saved yet, as for :class:`rpmatrix.authoring.draft.OverlayEditor`.
    inventory : str or Path
        The file or folder with the VMs on which to try the overlay; the samples if it is left out.

    Raises
    ------
    LookupError
        If there is no such table.
    """

    writes_files = True
    """A page of the app must not write; see :func:`rpmatrix.serve.app.app_pages`."""

    def __init__(
        self,
        folder: str | Path = "",
        *,
        below: Sequence[str] = (),
        table: str = "scenarios",
        row: str = "",
        about: Mapping[str, str] | None = None,
        edits: Edits | None = None,
        inventory: str | Path = "",
    ) -> None:
        self._editor: OverlayEditor | None = None
        self._fields: dict[str, dict[str, _Field]] = {}
        self._about_fields: dict[str, _Field] = {}
        self._message = ""
        self._vms: tuple[str, Inventory] | None = None
        self._tried: tuple[object, Impact] | None = None
        lies_on = tuple([below] if isinstance(below, str) else below)
        super().__init__(_controls(str(folder), lies_on, str(inventory)))
        said = _plain_page(heading("What the overlay says of itself"))
        self._about_title = widgets.HTML(said, layout=layout())
        self._about_box = widgets.Box([], layout=_grid())
        self._rows_title = widgets.HTML(_plain_page(heading("Its rows")), layout=layout())
        self._form_title = widgets.HTML(layout=layout())
        self._form = widgets.Box([], layout=_grid())
        self._help = widgets.HTML(layout=layout())
        made = self._controls
        self.children = [
            *self._copier,
            *(made[name] for name in ("folder", "below", "inventory")),
            self._about_title,
            self._about_box,
            self._rows_title,
            *(made[name] for name in ("table", "row", "base_row")),
            _row_of(made[name] for name in _ABOVE),
            self._form_title,
            self._form,
            self._help,
            _row_of(made[name] for name in _BELOW),
            self._view,
        ]
        for name in ("folder", "below"):
            self._watch(made[name], lambda: self._open(None, None))
        self._watch(made["inventory"], self._refresh)
        self._watch(made["table"], lambda: self._turn(_NO_ROW))
        self._watch(made["row"], self._show_row)
        for name in _BUTTONS:
            made[name].on_click(lambda _, name=name: self._guarded(self._clicked(name))())
        self._guarded(lambda: self._begin(table, row, about, edits))()

    # --- state

    @property
    def editor(self) -> OverlayEditor | None:
        """What edits the overlay; None while no folder is named, or it cannot be opened."""
        return self._editor

    @property
    def controls(self) -> Mapping[str, widgets.Widget]:
        """The controls by name; a cell is ``table.column``, and the rest ``about.key``."""
        cells = self._fields.get(self._table, {}) if self._place != _NO_ROW else {}
        return MappingProxyType(
            {
                **self._controls,
                **{f"about.{key}": field.control for key, field in self._about_fields.items()},
                **{f"{self._table}.{name}": field.control for name, field in cells.items()},
            }
        )

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        editor = self._editor
        state = {
            "folder": self._folder,
            "below": self._controls["below"].value,
            "table": "" if self._table == "scenarios" else self._table,
            "row": self._row["id"] if self._row else "",
            "about": editor.about_edits if editor else {},
            "edits": editor.edits if editor else {},
            "inventory": self._controls["inventory"].value.strip(),
        }
        return {name: value for name, value in state.items() if value}

    @property
    def _folder(self) -> str:
        # Windows copies a path with quotation marks around it.
        folder: str = self._controls["folder"].value
        return folder.strip().strip('"')

    @property
    def _table(self) -> str:
        chosen: str = self._controls["table"].value
        return chosen

    @property
    def _place(self) -> int:
        place: int = self._controls["row"].value
        return place

    @property
    def _row(self) -> Cells | None:
        if self._editor is None or self._place == _NO_ROW:
            return None
        return self._editor.rows(self._table)[self._place]

    # --- what happens when a control changes

    def _guarded(self, handler: Callable[[], None]) -> Callable[[], None]:
        """Tell what the files or the user are at fault for above the view, and keep the view."""

        def told() -> None:
            self._message = ""
            try:
                handler()
            except (OverlayError, TablesError, OSError) as fault:
                self._message = report.error(str(fault))
                self._refresh()
                self.fault = fault

        return super()._guarded(told)

    def _begin(
        self, table: str, row: str, about: Mapping[str, str] | None, edits: Edits | None
    ) -> None:
        listed = self._controls["table"]
        if table not in (known := [value for _, value in listed.options]):
            raise LookupError(f"no table {table!r}; there are {', '.join(known)}")
        self._quiet = True
        listed.value = table
        self._quiet = False
        self._open(about, edits, row)

    def _open(self, about: Mapping[str, str] | None, edits: Edits | None, row: str = "") -> None:
        self._editor = None
        try:
            if self._folder:
                below = self._controls["below"].value
                self._editor = OverlayEditor(self._folder, below, about=about, edits=edits)
        finally:
            self._shape(row)
        self._refresh()

    def _shape(self, row: str = "") -> None:
        """Show the controls that are of use now, and the row with an id."""
        editor = self._editor
        always = ("folder", "below", "inventory")
        useful = [control for name, control in self._controls.items() if name not in always]
        for widget in (*useful, self._about_title, self._rows_title):
            show(widget, shown=editor is not None)
        keys = dict.fromkeys((*ABOUT_KEYS, *editor.draft.about)) if editor else {}
        if [*keys] != [*self._about_fields]:
            self._about_fields = {key: self._about_field(key) for key in keys}
        self._about_box.children = [field.box for field in self._about_fields.values()]
        place = editor.draft.place(self._table, row) if editor and row else None
        self._turn(_NO_ROW if place is None else place)

    def _turn(self, place: int) -> None:
        """Show another table, and one of its rows in the form."""
        editor = self._editor
        below = editor.matrix.table(self._table) if editor else ()
        listed = [(_in_list(row), row.id) for row in below]
        self._quiet = True
        chosen = self._controls["base_row"]
        if [*chosen.options] != listed:
            chosen.options = listed
        for name in ("base_row", "replace", "withdraw"):
            show(self._controls[name], shown=bool(listed))
        self._list_rows(place)
        self._quiet = False
        self._show_row()

    def _list_rows(self, place: int) -> None:
        rows = self._editor.rows(self._table) if self._editor else ()
        listed = [("none", _NO_ROW), *((_in_list(row), at) for at, row in enumerate(rows))]
        control = self._controls["row"]
        if [*control.options] != listed:
            control.options = listed
        control.value = place if place < len(rows) else _NO_ROW

    def _show_row(self) -> None:
        """Let the form hold the chosen row."""
        editor, row = self._editor, self._row
        fields: dict[str, _Field] = {}
        if editor is not None and row is not None:
            fields = self._fields_of(self._table)
            self._help.value = _plain_page(_columns_help(editor.schema, self._table))
        self._form.children = [field.box for field in fields.values()]
        for widget in (self._form_title, self._help, self._controls["remove"]):
            show(widget, shown=bool(fields))
        self._refresh()

    def _fields_of(self, name: str) -> dict[str, _Field]:
        """Give the fields for the columns of a table, made once."""
        editor = self._editor
        if name not in self._fields and editor is not None:
            rows = editor.matrix.table(name)
            made = self._fields[name] = {}
            for column in editor.schema[name].columns:
                longest = max((len(row[column.name]) for row in rows), default=0)
                made[column.name] = field = _Field(_cell_control(column, longest), _hint(column))
                self._watch(field.control, self._cell_changed(name, column.name, field))
        return self._fields.get(name, {})

    def _about_field(self, key: str) -> _Field:
        meaning = ABOUT_KEYS.get(key, "")
        control = widgets.Text(
            description=key.replace("_", " ").capitalize(),
            tooltip=meaning,
            **_wide(),
        )
        field = _Field(control, f"{meaning[:1].upper()}{meaning[1:]}.")
        self._watch(control, lambda: self._about_changed(key, field))
        return field

    def _about_changed(self, key: str, field: _Field) -> None:
        if self._editor is not None:
            self._editor.set_about(key, field.text)
        self._refresh()

    def _cell_changed(self, name: str, column: str, field: _Field) -> Callable[[], None]:
        def changed() -> None:
            if self._editor is not None and self._place != _NO_ROW:
                self._editor.set_cell(name, self._place, column, field.text)
                self._quiet = True
                self._list_rows(self._place)
                self._quiet = False
            self._refresh()

        return changed

    # --- buttons

    def _clicked(self, name: str) -> Callable[[], None]:
        done: dict[str, Callable[[OverlayEditor], None]] = {
            "add": lambda editor: self._turn(editor.add_row(self._table)),
            "replace": lambda editor: self._turn(editor.replace_row(self._table, self._base_row)),
            "withdraw": self._withdraw,
            "remove": self._remove,
            "undo": lambda editor: self._step(editor.can_undo, editor.undo, "undo"),
            "redo": lambda editor: self._step(editor.can_redo, editor.redo, "make again"),
            "preview": lambda editor: self._preview(),
            "save": self._save,
            "reload": lambda editor: self._again(editor.reload, "The files were read again."),
            "restore": self._restore,
        }

        def clicked() -> None:
            if self._editor is not None:
                done[name](self._editor)

        return clicked

    @property
    def _base_row(self) -> str:
        chosen: str = self._controls["base_row"].value or ""
        return chosen

    def _withdraw(self, editor: OverlayEditor) -> None:
        place = editor.withdraw_row(self._table, self._base_row)
        self._quiet = True
        self._controls["table"].value = WITHDRAWN
        self._turn(place)

    def _remove(self, editor: OverlayEditor) -> None:
        if self._place != _NO_ROW:
            editor.remove_row(self._table, self._place)
        self._turn(_NO_ROW)

    def _step(self, possible: bool, step: Callable[[], None], what: str) -> None:
        if possible:
            self._again(step)
        else:
            self._message = report.note(f"There is nothing to {what}.")
            self._refresh()

    def _again(self, change: Callable[[], None], message: str = "") -> None:
        """Change the draft as a whole, and stay at the row with this id if it is still there."""
        row = self._row["id"] if self._row else ""
        change()
        self._message = report.note(message) if message else ""
        self._shape(row)

    def _save(self, editor: OverlayEditor) -> None:
        if editor.problems and not all(one.fixable for one in editor.problems):
            raise OverlayError("Nothing was saved: mend what is listed below first.")
        done: list[FixReport] = []
        self._again(lambda: done.append(editor.save()))
        self._message = page(*_saved(done[0], self._folder))
        self._refresh()

    def _restore(self, editor: OverlayEditor) -> None:
        changed: list[str] = []
        self._again(lambda: changed.extend(editor.restore()))
        kept = "Press Restore again to have back what was there until now."
        self._message = report.note(f"Restored: {', '.join(changed) or 'nothing differed'}. {kept}")
        self._refresh()

    def _preview(self) -> None:
        self._impact(asked=True)
        self._refresh()

    # --- what is shown

    def _refresh(self) -> None:
        self._fill()
        super()._refresh()

    def _fill(self) -> None:
        """Let every field hold what the draft holds, with what is wrong with it below."""
        editor, row = self._editor, self._row
        if editor is None:
            return
        self._quiet = True
        whole = [one for one in editor.problems if one.file.endswith(f"/{ABOUT}")]
        for key, field in self._about_fields.items():
            wrong = [one for one in whole if one.message.startswith(f'"{key}"')]
            field.fill(editor.draft.about.get(key, ""), (), wrong)
        if row is not None:
            name = f"{editor.schema[self._table].title}: {row['id'] or 'a new row'}"
            self._form_title.value = _plain_page(heading(name))
            found = editor.problems_at(self._table, self._place)
            for name, field in self._fields_of(self._table).items():
                choices = editor.choices(self._table, name, self._place)
                field.fill(row[name], choices, found.get(name, ()))
        self._quiet = False

    def render(self) -> str:
        """Give the HTML of the overlay: what is wrong, its rows, and whose verdict they change."""
        editor = self._editor
        if editor is None:
            empty = report.note("Name a folder for the overlay, and press Enter.")
            return joined(self._message or empty)
        parts: list[Child] = [_standing(editor, self._folder), _problems(editor.problems)]
        parts += [_rows(editor, name) for name in editor.schema if editor.rows(name)]
        return joined(self._message, page(*parts), self._tried_on())

    def _tried_on(self) -> str:
        """Give the HTML of the impact, or of what keeps it from being known."""
        editor = self._editor
        if editor is None or editor.problems:
            wanted = "That is told once nothing is wrong."
            return page(heading("Whose verdict changes"), soft(wanted))
        inventory = self._inventory()
        notes = report.problems(inventory.problems, inventory.notes) if self._path else ""
        many = len(inventory.vms) > MANY_VMS
        show(self._controls["preview"], shown=many)
        found = self._impact()
        if found is None:
            wanted = f"{plural(len(inventory.vms), 'VM')}: press Preview the impact."
            return joined(notes, page(heading("Whose verdict changes"), soft(wanted)))
        return joined(notes, page(_impact(found, "VM" if self._path else "sample")))

    @property
    def _path(self) -> str:
        path: str = self._controls["inventory"].value
        return path.strip().strip('"')

    def _inventory(self) -> Inventory:
        if self._vms is None or self._vms[0] != self._path:
            path = self._path
            read = read_inventory(str(Path(path).expanduser())) if path else sample_inventory()
            self._vms = path, read
        return self._vms[1]

    def _impact(self, *, asked: bool = False) -> Impact | None:
        """Give the impact of the draft; None if that would take long and nobody has asked."""
        editor, inventory = self._editor, self._inventory()
        if editor is None or editor.problems:
            return None
        if self._tried is None or self._tried[0] != (id(inventory), editor.draft):
            if len(inventory.vms) > MANY_VMS and not asked:
                return None
            self._tried = (id(inventory), editor.draft), editor.impact(inventory)
        return self._tried[1]


class _Field:
    """A control, and below it what belongs there and what is wrong with what stands there."""

    def __init__(self, control: widgets.Widget, hint: str) -> None:
        self.control = control
        self._hint = hint
        self._below = widgets.HTML(layout=layout())
        self.box = widgets.VBox([control, self._below], layout=layout())

    @property
    def text(self) -> str:
        """What stands in the control."""
        return self.control.value or ""

    def fill(self, text: str, choices: Sequence[str], wrong: Iterable[Problem]) -> None:
        """Let the control hold a text, offer choices, and tell what is wrong."""
        if isinstance(self.control, widgets.Dropdown):
            # A word that is none stays what it is until somebody chooses another.
            options = [
                ("empty", ""),
                *((one, one) for one in dict.fromkeys((*choices, text)) if one),
            ]
            if [*self.control.options] != options:
                self.control.options = options
        elif isinstance(self.control, widgets.Combobox) and self.control.options != choices:
            self.control.options = choices
        if self.control.value != text:
            self.control.value = text
        found = [tag("p", tag("strong", "✕ "), _told(one), class_="rpm-error") for one in wrong]
        below = _plain_page(soft(self._hint) if self._hint else None, found)
        if self._below.value != below:
            self._below.value = below


# --------------------------------------------------------------------------- controls


def _controls(folder: str, below: tuple[str, ...], inventory: str) -> dict[str, widgets.Widget]:
    stacks = dict.fromkeys([(), *((name,) for name in overlay_names()), below])
    schema = read_schema()
    controls: dict[str, widgets.Widget] = {
        "folder": widgets.Combobox(
            value=folder,
            options=_overlays_here(),
            ensure_option=False,
            description="Folder of the overlay",
            placeholder="contoso",
            continuous_update=False,
            **_wide(),
        ),
        "below": widgets.Dropdown(
            options=[(" + ".join(("base", *stack)), stack) for stack in stacks],
            value=below,
            description="It lies on",
            **_wide(),
        ),
        "inventory": widgets.Text(
            value=inventory,
            description="Try it on",
            placeholder="the samples, or a file or folder with your VMs",
            continuous_update=False,
            **_wide(),
        ),
        "table": widgets.Dropdown(
            options=[(_table_title(one), name) for name, one in schema.items()],
            description="Table",
            **_wide(),
        ),
        "row": widgets.Dropdown(
            options=[("none", _NO_ROW)], description="Row of the overlay", **_wide()
        ),
        "base_row": widgets.Dropdown(options=[], description="Row below", **_wide()),
    }
    for name, (label, tip) in _BUTTONS.items():
        controls[name] = widgets.Button(description=label, tooltip=tip, layout=layout())
    controls["save"].button_style = "primary"
    return controls


def _overlays_here() -> tuple[str, ...]:
    """Name the overlays in the folder in which paths start."""
    return tuple(sorted(path.parent.name for path in Path.cwd().glob(f"*/{ABOUT}")))


def _wide() -> dict[str, Any]:
    """Give what all controls have in common; each has a layout of its own, to be hidden alone."""
    return {"style": WIDE, "layout": layout()}


def _table_title(schema: TableSchema) -> str:
    spoken = schema.name.replace("_", " ")
    return spoken if schema.title.lower() == spoken else f"{spoken}: {schema.title}"


def _grid() -> widgets.Layout:
    return layout(
        display="grid",
        grid_template_columns="repeat(auto-fit, minmax(min(100%, 28rem), 1fr))",
        grid_gap="0 1.5rem",
        align_items="flex-start",
        overflow="visible",
    )


def _row_of(buttons: Iterable[widgets.Widget]) -> widgets.HBox:
    return widgets.HBox([*buttons], layout=layout(flex_flow="row wrap"))


def _cell_control(column: Column, longest: int) -> widgets.Widget:
    """Make the control for a column: a list of its words, of the ids it may name, or a text."""
    common: dict[str, Any] = {
        "description": column.name.replace("_", " ").capitalize(),
        "tooltip": column.description,
        **_wide(),
    }
    if column.enum:
        return widgets.Dropdown(options=[("", "")], **common)
    if column.key_of or column.references or column.typed_by or column.name == "row_id":
        return widgets.Combobox(ensure_option=False, **common)
    if longest > LONGEST_LINE:
        return widgets.Textarea(rows=3, **common)
    return widgets.Text(**common)


def _hint(column: Column) -> str:
    first = column.description.partition(". ")[0].rstrip(".")
    return f"{first}. Required." if column.required else f"{first}."


def _in_list(row: Mapping[str, str]) -> str:
    said = row.get("title") or row.get("meaning") or row.get("topic") or row.get("reason") or ""
    return f"{row['id'] or 'no id yet'} · {said}" if said else row["id"] or "no id yet"


# --------------------------------------------------------------------------- the view


def _plain_page(*content: Child) -> str:
    """Give markup for beside the view, which brings the style sheet for both."""
    return tag("div", *content, class_="rpm")


def _told(problem: Problem) -> Html:
    return fragment(
        [
            code(f"{problem.file}:{problem.cell}" if problem.cell else problem.file),
            f" {problem.message}; {problem.advice}",
        ]
    )


def _columns_help(schema: Schema, name: str) -> Html:
    rows = [[code(column.name), wide(column.description)] for column in schema[name].columns]
    said = schema[name].description
    return details(
        f"What belongs into {schema[name].file}",
        soft(said),
        table(f"Columns of {name}", ["Column", "What belongs there"], rows),
    )


def _standing(editor: OverlayEditor, folder: str) -> Html:
    """Say which overlay it is, what it lies on, and how it stands with its files."""
    said = ["There are edits that are not saved." if editor.unsaved else "All is saved."]
    if not editor.draft.rows:
        said = ["Say above what it is, then add, replace or withdraw a row."]
    elif not editor.folder.exists():
        said = ["The folder is not there yet; Save makes it."]
    if editor.unfinished:
        said.append(
            "A save was cut off, so the files may be some old and some new: Restore puts back "
            "those from before it, Save writes all anew."
        )
    if editor.changed_on_disk:
        said.append(
            f"Since they were read, somebody else has changed {', '.join(editor.changed_on_disk)}: "
            "read the files again before you save."
        )
    lies_on = " + ".join(("base", *editor.below))
    return fragment([title(f"{folder}, on {lies_on}"), soft(" ".join(said))])


def _problems(found: Sequence[Problem]) -> Html:
    if not found:
        return paragraph("✓ Nothing is wrong: ", code("rpmatrix check"), " would find no problem.")
    return fragment(
        [heading(f"To mend: {plural(len(found), 'problem')}"), bullets(map(_told, found))]
    )


def _rows(editor: OverlayEditor, name: str) -> Html:
    """Show the overlay's rows of a table as a sheet, with the lines and letters of its file."""
    schema = editor.schema[name]
    below = {row.id: row for row in editor.matrix.table(name)}
    letters = [column_letter(place) for place in range(len(schema.columns))]
    lines = sorted(
        (editor.draft.line(name, place), place, row) for place, row in enumerate(editor.rows(name))
    )
    shown = [
        _cells(row, line, below.get(row["id"]), editor.problems_at(name, place))
        for line, place, row in lines
    ]
    columns = [f"{letter} {one}" for letter, one in zip(letters, schema.names, strict=True)]
    count = plural(len(shown), "row")
    return fragment([heading(f"{schema.file}: {count}"), table(schema.file, columns, shown)])


def _cells(row: Cells, line: int, below: Cells | None, wrong: Mapping[str, object]) -> list[Child]:
    shown: list[Child] = []
    for column, text in row.items():
        parts: list[Child] = [tag("strong", "✕ ") if column in wrong else None, text]
        if column == "id":
            parts.append(soft(f"line {line}, {'replaces the row below' if below else 'new'}"))
        elif below is not None and below[column] != text:
            parts.append(soft(f"below: {below[column] or 'empty'}"))
        shown.append(wide(fragment(parts)) if len(text) > LONGEST_LINE else fragment(parts))
    return shown


def _saved(done: FixReport, folder: str) -> Iterator[Html]:
    if not done.written:
        yield paragraph("✓ Nothing to save: the files hold this already.")
        return
    yield paragraph("✓ Saved in ", code(folder), ": ", codes(done.written), ".")
    if done.repaired:
        yield fragment([paragraph("Repaired on the way:"), bullets(map(_told, done.repaired))])


def _impact(found: Impact, what: str) -> Html:
    concerned = len({change.vm_id for change in found.changes})
    count = f"{concerned} of {plural(len(found.inventory.vms), what)}"
    if not found.changes:
        return fragment([heading("Whose verdict changes"), soft(f"Nobody's: {count}.")])
    rows = [
        [change.vm_name or change.vm_id, change.mode, _change(change), codes(change.rows)]
        for change in found.changes
    ]
    columns = ["VM", "Mode", "Before and after", "By row"]
    return fragment([heading(f"Whose verdict changes: {count}"), table("Impact", columns, rows)])


def _change(change: VmChange) -> Html:
    if change.kind == "verdict":
        return fragment([badge(change.before.verdict), " becomes ", badge(change.after.verdict)])
    if change.kind == "disks":
        named = ", ".join(_disks(change.after)) or "none"
        return fragment([badge(change.after.verdict), f" other disks to leave out: {named}"])
    return fragment([badge(change.after.verdict), " other caveats"])


def _disks(verdict: Verdict) -> Iterator[str]:
    return (disk.label for disk in verdict.exclude_disks)
