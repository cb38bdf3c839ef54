"""Panels for notebooks: controls, and below them one view of the answer.

What a panel shows is a function of its state, and its state are its keyword arguments; so a panel
can be opened anywhere in any state, and ``panel.call`` is the line of Python that gives what is
on screen. Whatever goes wrong is shown in the view, where the user looks: an exception in a
callback would otherwise vanish. Only the modules of panels and ``controls`` import ipywidgets.
"""

from __future__ import annotations

import reprlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypedDict, Unpack

import ipywidgets as widgets

from rpmatrix.common.words import word
from rpmatrix.eligibility.assessment import AnswerError, Assessment, Explanation, assess
from rpmatrix.fleet.summary import FleetError
from rpmatrix.inventory.inventory import Inventory, Vm, read_inventory
from rpmatrix.inventory.not_json import stand_in
from rpmatrix.inventory.samples import sample_names, sample_title, sample_vm
from rpmatrix.inventory.texts import storable, text_of
from rpmatrix.matrix.matrix import CITABLE_TABLES, Fact, Matrix, load_matrix
from rpmatrix.matrix.problems import TablesError
from rpmatrix.matrix.schema import Row
from rpmatrix.matrix.titles import row_title, value_title
from rpmatrix.panels.controls import choice, field, layout, show, strict_box, text_area, upload
from rpmatrix.planning.durations import DurationError
from rpmatrix.planning.names import PlanError
from rpmatrix.planning.schedule import ScheduleError
from rpmatrix.view import report
from rpmatrix.view.documents import DocumentError
from rpmatrix.view.markup import joined, page, paragraph

LONGEST_TEXT_IN_REPR: Final = 200
LONGEST_TEXT_IN_CALL: Final = 2000
"""A pasted text of more characters is cut in the repr, and named in ``call``, not repeated."""


def _copier() -> tuple[widgets.Widget, ...]:
    """Make what puts a button to copy on each command of a panel.

    It shows nothing itself. Where it cannot be had, as in some kernels in a browser, there are no
    buttons, and one click still selects a whole command.
    """
    if find_spec("anywidget") is None:
        return ()
    from anywidget import AnyWidget

    script = files("rpmatrix") / "_static" / "copy.js"
    made = AnyWidget(_esm=script.read_text(encoding="utf-8"))
    made.add_class("rpm-copier")
    return (made,)


class Panel(widgets.VBox):
    """Controls, and a view whose HTML is a function of what they say.

    A subclass names its controls, says what it shows in :meth:`render`, and gives its keyword
    arguments in :attr:`state`.

    Attributes
    ----------
    controls : mapping of str to Widget
        The controls by the name of what they set.
    fault : Exception or None
        What went wrong in the last update; the view tells it to the user.
    matrix : Matrix
        What decides; the seed edition if none was given.
    """

    def __init__(
        self, controls: Mapping[str, widgets.Widget], matrix: Matrix | None = None
    ) -> None:
        self._controls = dict(controls)
        self.matrix = matrix or load_matrix()
        self._given_matrix = matrix is not None
        self._view = widgets.HTML(layout=layout())
        self._quiet = False
        self.fault: Exception | None = None
        self._copier = _copier()
        super().__init__(children=[*self._copier, *self._controls.values(), self._view])
        self.add_class("rpm-panel")

    @property
    def controls(self) -> Mapping[str, widgets.Widget]:
        """The controls by name."""
        return MappingProxyType(self._controls)

    @property
    def html(self) -> str:
        """What the view shows."""
        shown: str = self._view.value
        return shown

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is; those at their default left out."""
        raise NotImplementedError

    @property
    def call(self) -> str:
        """The line of Python that gives what the view shows, where ``rp`` is the package."""
        arguments = [f"{name}={_in_call(name, value)}" for name, value in self.state.items()]
        if self._given_matrix:
            arguments.append(f"matrix={_loading(self.matrix)}")
        return f"rp.{type(self).__name__}({', '.join(arguments)})"

    def render(self) -> str:
        """Give the HTML for the state the panel is in."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Bring the view up to date."""
        self._guarded(self._refresh)()

    def _refresh(self) -> None:
        shown = self.render()
        self._view.value = joined(shown, report.foot(self.call) if self.call else "")

    def _watch(
        self, control: widgets.Widget, handler: Callable[[], None], name: str = "value"
    ) -> None:
        """Call a handler on each change that does not come from the panel itself."""

        def changed(_: object) -> None:
            if not self._quiet:
                self._guarded(handler)()

        control.observe(changed, names=name)

    def _guarded(self, handler: Callable[[], None]) -> Callable[[], None]:
        """Wrap a handler so that whatever it raises is shown in the view."""

        def guarded() -> None:
            self.fault = None
            try:
                handler()
            except Exception as fault:
                self.fault = fault
                self._view.value = report.error(_told(fault))
            finally:
                self._quiet = False

        return guarded

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={_short(value)}" for name, value in self.state.items())
        return f"{type(self).__name__}({arguments})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the view shows, for readers who have no kernel, and to be compared."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": repr(self), "text/html": self.html}


def _short(value: object) -> str:
    """Give the repr of a value, cut in the middle if it is a pasted text."""
    shorter = reprlib.Repr()
    shorter.maxstring = LONGEST_TEXT_IN_REPR
    return shorter.repr(value) if isinstance(value, str) else repr(value)


_FAULTS_OF_INPUT: Final = (
    *(AnswerError, DocumentError, DurationError, FleetError, PlanError, ScheduleError),
    *(TablesError, OSError),
)


def _in_call(name: str, value: object) -> str:
    """Give an argument in Python; a long text is named where it stands, not repeated."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT_IN_CALL:
        return f"panel.{name}"
    return repr(value)


def _told(fault: Exception) -> str:
    """Tell an exception to a user: their input's fault in its own words, ours as such."""
    if isinstance(fault, _FAULTS_OF_INPUT) or type(fault) is LookupError:
        return str(fault)
    kind = type(fault).__name__
    return f"This is a fault of rpmatrix, not of your input: {kind}: {fault}. Please report it."


def _titled(rows: Iterable[str]) -> list[tuple[str, str]]:
    return [(row.replace("_", " "), row) for row in rows]


# --------------------------------------------------------------------------- the matrix

_FILTERS: Final = ("area", "application", "crash")


class MatrixPanel(Panel):
    """Browse the rows of the matrix: filter them, and open one to see who says so.

    Parameters
    ----------
    table : str
        The table to browse: ``scenarios``, ``limits``, ``encryption``, ``cross_region`` or
        ``errors``.
    area, application, crash : str
        Only scenarios of this area, or with this outcome in a mode; empty for all.
    text : str
        Only rows that hold each of these words.
    row : str
        Id of the row to open; empty for none.
    matrix : Matrix, optional
        The matrix to browse; the seed edition if it is left out.
    """

    def __init__(
        self,
        table: str = "scenarios",
        *,
        area: str = "",
        application: str = "",
        crash: str = "",
        text: str = "",
        row: str = "",
        matrix: Matrix | None = None,
    ) -> None:
        browsed = matrix or load_matrix()
        if row and not browsed.has_row(row):
            raise LookupError(f"no row {row!r} in the matrix")
        if row:
            table = browsed.table_of(row)
        chosen = {"area": area, "application": application, "crash": crash}
        controls: dict[str, widgets.Widget] = {
            "table": choice("Table", _titled(CITABLE_TABLES), value=table)
        }
        for name in _FILTERS:
            known = dict.fromkeys(one[name] for one in browsed.table("scenarios"))
            options = [("any", ""), *((word(one), one) for one in known)]
            if name == "area":
                options = [("any", ""), *_titled(sorted(known))]
            title = {"area": "Area"}.get(name, f"In {name} mode")
            controls[name] = choice(title, options, value=chosen[name])
        controls["text"] = field(
            "Words to find",
            "ultra, windows 2012, encryption …",
            value=text,
            continuous_update=True,
        )
        # A list that opens, though one that stands open shows more: in JupyterLab the arrow keys
        # of the latter move to another cell.
        controls["row"] = choice("Open a row", [("none", "")])
        super().__init__(controls, matrix)
        for name in ("table", *_FILTERS, "text"):
            self._watch(controls[name], self._filter)
        self._watch(controls["row"], self._refresh)
        self._guarded(lambda: self._filter(row))()

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        names = ["table", *(_FILTERS if self._table == "scenarios" else ()), "text", "row"]
        values = {name: self._controls[name].value for name in names}
        if values["table"] == "scenarios" or values["row"]:
            del values["table"]  # the default, or told by the row
        return {name: value for name, value in values.items() if value}

    @property
    def _table(self) -> str:
        table: str = self._controls["table"].value
        return table

    @property
    def rows(self) -> tuple[str, ...]:
        """The ids of the rows that fit the filter."""
        return tuple(row.id for row in self.matrix.table(self._table) if self._fits(row))

    def _fits(self, row: Row) -> bool:
        if self._table == "scenarios":
            for name in _FILTERS:
                wanted = self._controls[name].value
                if wanted and row[name] != wanted:
                    return False
        return self._has_words(row)

    def _has_words(self, row: Row) -> bool:
        words = self._controls["text"].value.lower().replace(",", " ").split()
        held = self._held[row.id]
        return all(one in held for one in words)

    @cached_property
    def _held(self) -> Mapping[str, str]:
        """What each row holds; a scenario also what it applies to, such as the SKU of a disk."""
        held: dict[str, list[str]] = {
            row.id: [*row.values()] for table in CITABLE_TABLES for row in self.matrix.table(table)
        }
        for one in self.matrix.table("conditions"):
            held[one["scenario_id"]] += [self.matrix.facts[one["fact_id"]].title, one["value"]]
        return {row: " ".join(texts).lower() for row, texts in held.items()}

    def _elsewhere(self) -> str:
        """Say which other tables hold the words, where this one does not."""
        found = {
            table: sum(map(self._has_words, self.matrix.table(table))) for table in CITABLE_TABLES
        }
        named = [f"{table.replace('_', ' ')} ({count})" for table, count in found.items() if count]
        return page(paragraph(f"These words are in: {', '.join(named)}.")) if named else ""

    def _filter(self, row: str | None = None) -> None:
        wanted = self._controls["row"].value if row is None else row
        rows = self.rows
        self._quiet = True
        for name in _FILTERS:
            show(self._controls[name], shown=self._table == "scenarios")
        listed = self._controls["row"]
        listed.options = [("none", ""), *((self._line(one), one) for one in rows)]
        listed.value = wanted if wanted in rows else ""
        self._quiet = False
        self._refresh()

    def _line(self, row_id: str) -> str:
        title = row_title(self.matrix, row_id)
        if self._table != "scenarios":
            return title
        row = self.matrix.row(row_id)
        return f"{title} · application {word(row['application'])} · crash {word(row['crash'])}"

    def render(self) -> str:
        """Give the HTML of the opened row and of all rows that fit."""
        row = self._controls["row"].value
        card = report.row_card(self.matrix, row) if row else ""
        rows = self.rows
        table = report.matrix_table(self.matrix, self._table, rows, selected=row)
        return joined(card, table, "" if rows else self._elsewhere())


def _loading(matrix: Matrix) -> str:
    return f"rp.load_matrix({', '.join(repr(layer) for layer in matrix.layers[1:])})"


# --------------------------------------------------------------------------- one VM

_INPUTS: Final = (
    ("A sample", "sample"),
    ("A file or a folder", "path"),
    ("Pasted or uploaded text", "text"),
)


class VmInput(TypedDict, total=False):
    """The keyword arguments that panels about one VM have in common; see :class:`VmPanel`."""

    path: str | Path | None
    text: str | None
    vm: str | None
    strict: bool
    answers: Mapping[str, str] | None
    matrix: Matrix | None


class VmPanel(Panel):
    """A panel about one VM: where its records come from, and what a person answers.

    A subclass brings controls of its own, each a keyword argument of the same name, and says in
    :meth:`show` what it shows of the VM.

    Parameters
    ----------
    own : mapping of str to Widget
        The controls of the subclass. What each holds at first is left out of the state.
    sample : str, optional
        Name of a sample; the first one if no input is named.
    path : str or Path, optional
        A file or folder to read instead.
    text : str, optional
        JSON text to read instead.
    vm : str, optional
        Name or id of the VM; the first one if it is left out.
    strict : bool
        Make no assumption.
    answers : mapping of str to str, optional
        Values for facts that the input leaves unknown; ``vm:fact`` answers for one VM.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.
    start : mapping of str to object
        What the controls of the subclass are to hold.

    Raises
    ------
    ValueError
        If more than one input is named.
    LookupError
        If there is no such sample, or a control does not offer what it is to hold.
    """

    def __init__(
        self,
        own: Mapping[str, widgets.Widget],
        start: Mapping[str, Any],
        sample: str | None = None,
        *,
        path: str | Path | None = None,
        text: str | None = None,
        vm: str | None = None,
        strict: bool = False,
        answers: Mapping[str, str] | None = None,
        matrix: Matrix | None = None,
        without_vm: bool = False,
    ) -> None:
        named = [
            name
            for name, value in (("sample", sample), ("path", path), ("text", text))
            if value is not None
        ]
        if len(named) > 1:
            raise ValueError(f"give one input, not {' and '.join(named)}")
        if sample is not None:
            sample_title(sample)
        self._answers = dict(answers or {})
        self._read: _Read | None = None
        self._assessed: tuple[Inventory, object, Assessment] | None = None
        self._answer_controls: dict[str, widgets.Widget] = {}
        self._asked: list[str] = []
        self._own_defaults = {name: control.value for name, control in own.items()}
        kind = named[0] if named else "none" if without_vm else "sample"
        controls = _input_controls(kind, sample, path, text, without_vm=without_vm)
        controls["vm"] = choice("VM")
        controls.update(own)
        controls["strict"] = strict_box(value=strict)
        for name, value in start.items():
            _hold(name, own[name], value)
        super().__init__(controls, matrix)
        self._answer_box = widgets.VBox([], layout=layout())
        self.children = [*self._copier, *controls.values(), self._answer_box, self._view]
        for name in ("source", "sample", "path", "text"):
            self._watch(controls[name], self._input_changed)
        self._watch(controls["upload"], self._uploaded)
        for name in ("vm", "strict", *own):
            self._watch(controls[name], self._update)
        controls["again"].on_click(lambda _: self._guarded(self._read_again)())
        self._guarded(lambda: self._load(vm))()

    # --- state

    @property
    def controls(self) -> Mapping[str, widgets.Widget]:
        """The controls by name; those that answer a fact by the id of the fact."""
        shown = set(self._answer_box.children)
        asked = {name: one for name, one in self._answer_controls.items() if one in shown}
        return MappingProxyType({**self._controls, **asked})

    @property
    def text(self) -> str:
        """The pasted or uploaded text."""
        return storable(self._controls["text"].value)

    @property
    def _source(self) -> tuple[str, str]:
        """Which kind of input, and which one."""
        kind: str = self._controls["source"].value
        if kind == "none":
            return kind, ""
        if kind == "text":
            return kind, self.text
        value: str = self._controls[kind].value or ""
        # Windows copies a path with quotation marks around it.
        return kind, value if kind == "sample" else value.strip().strip('"')

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        kind, value = self._source
        state: dict[str, Any] = {} if kind == "none" else {kind: value}
        for name, default in self._own_defaults.items():
            held = self._controls[name].value
            if held != default:
                state[name] = held
        vms = self.inventory.vms
        if len(vms) > 1 and self._vm is not vms[0]:
            state["vm"] = self._name(self._vm)
        if self._controls["strict"].value:
            state["strict"] = True
        if self._answers:
            state["answers"] = dict(self._answers)
        return state

    @property
    def inventory(self) -> Inventory:
        """What was read."""
        return self._input().inventory

    def _input(self) -> _Read:
        source = self._source
        if self._read is None or self._read.source != source:
            self._read = _Read(source, _inventory(*source))
        return self._read

    @property
    def assessment(self) -> Assessment:
        """The verdicts on all that was read."""
        inventory, strict = self.inventory, self._controls["strict"].value
        mark = (strict, tuple(sorted(self._answers.items())))
        held = self._assessed
        if held is None or held[0] is not inventory or held[1] != mark:
            found = assess(inventory, self.matrix, strict=strict, answers=self._answers)
            held = self._assessed = inventory, mark, found
        return held[2]

    @property
    def _vm(self) -> Vm | None:
        wanted = self._controls["vm"].value
        return next((vm for vm in self.inventory.vms if vm.id == wanted), None)

    def _name(self, vm: Vm | None) -> str:
        return self._input().name(vm) if vm else ""

    @property
    def _assessing(self) -> str:
        """The assessment in Python."""
        arguments = [f"rp.read_inventory({_reading(*self._source)})"]
        if self._given_matrix:
            arguments.append(_loading(self.matrix))
        state = self.state
        arguments += [f"{name}={state[name]!r}" for name in ("strict", "answers") if name in state]
        return f"rp.assess({', '.join(arguments)})"

    @property
    def _empty(self) -> bool:
        """Whether no input is named yet."""
        kind, value = self._source
        return kind != "none" and not value.strip()

    # --- what happens when a control changes

    def _input_changed(self) -> None:
        self._answers.clear()  # they were about another VM
        self._load(None)

    def _read_again(self) -> None:
        shown = self._vm
        self._read = None
        still = [vm.id for vm in self.inventory.vms if shown and vm.key == shown.key]
        self._load(still[0] if still else None)

    def _uploaded(self) -> None:
        """Take uploaded files as if they had been pasted one after the other."""
        files = self._controls["upload"].value
        contents = [_text_of(one["name"], bytes(one["content"])) for one in files]
        if not contents:
            return
        self._quiet = True
        self._controls["text"].value = "\n".join(contents)
        self._controls["source"].value = "text"
        self._controls["upload"].value = ()
        self._input_changed()

    def _load(self, vm: str | None) -> None:
        """Show the controls of the input and the VMs in it."""
        kind, _ = self._source
        shown = {"sample": ("sample",), "path": ("path", "again"), "text": ("text", "upload")}
        for names in shown.values():
            for name in names:
                self._show_control(name, name in shown.get(kind, ()))
        self._show_control("strict", kind != "none")
        vms = self.inventory.vms
        self._quiet = True
        choice = self._controls["vm"]
        choice.options = [(self._name(one), one.id) for one in vms]
        self._show_control("vm", len(vms) > 1)
        if vms:
            choice.value = self.inventory.vm(vm).id if vm else vms[0].id
        self._quiet = False
        self._update()

    def _show_control(self, name: str, shown: bool) -> None:
        show(self._controls[name], shown=shown)

    def _update(self) -> None:
        self._ask()
        self._refresh()

    def _matter(self) -> Iterable[str]:
        """Give the facts that matter here and are assumed or not known."""
        vm = self._vm
        for verdict in self.assessment.of(vm.id) if vm else ():
            yield from (question.fact_id for question in verdict.missing)
            yield from verdict.assumptions

    def _ask(self) -> None:
        """Offer a control for each fact that matters here and that a person may answer."""
        matter = {*self._matter(), *self._answered_here()}
        # A control that was there stays where it was: one that moved would lose the focus.
        kept = [fact_id for fact_id in self._asked if fact_id in matter]
        self._asked = [*kept, *(one for one in self.matrix.facts if one in matter - {*kept})]
        asked = [self._answer_control(self.matrix.facts[fact_id]) for fact_id in self._asked]
        if list(self._answer_box.children) != asked:
            self._answer_box.children = asked

    def _answered_here(self) -> Iterable[str]:
        mine = self._name(self._vm).lower()
        for named in self._answers:
            vm, _, fact_id = named.rpartition(":")
            if not vm or vm.lower() == mine:
                yield fact_id

    def _answer_control(self, fact: Fact) -> widgets.Widget:
        """Give the control that answers a fact, showing what holds now."""
        untold = "not known"
        if fact.assumption and not self._controls["strict"].value:
            untold = f"assumed: {value_title(self.matrix, fact.id, fact.assumption)}"
        control = self._answer_controls.get(fact.id)
        if control is None:
            control = self._answer_controls[fact.id] = _answer_widget(fact)
            self._watch(control, lambda: self._answer(fact.id))
        held = self._answers.get(self._answer_key(fact.id), self._answers.get(fact.id, ""))
        self._quiet = True
        if fact.allowed_values:
            titles = [(value_title(self.matrix, fact.id, one), one) for one in fact.allowed_values]
            options = ((untold, ""), *titles)
            if control.options != options:
                control.options = options
        else:
            control.placeholder = untold
        control.value = held
        self._quiet = False
        return control

    def _answer_key(self, fact_id: str) -> str:
        """Name the fact, and the VM as well where there are several."""
        several = len(self.inventory.vms) > 1
        return f"{self._name(self._vm)}:{fact_id}" if several else fact_id

    def _answer(self, fact_id: str) -> None:
        value = self._answer_controls[fact_id].value.strip()
        key = self._answer_key(fact_id)
        if value:
            self._answers[key] = value
        else:
            self._answers.pop(key, None)
            self._answers.pop(fact_id, None)
        self._update()

    # --- what is shown

    def render(self) -> str:
        """Give the HTML for the input, the VM and the answers that are chosen."""
        kind, value = self._source
        if self._empty:
            return report.note(_EMPTY[kind])
        found, vm = self.assessment, self._vm
        if vm is None and kind != "none":
            return joined(report.assessment(found), report.note(_no_vm(kind, value)))
        return joined(report.problems(found.problems, found.inventory.notes), self.show(vm))

    def show(self, vm: Vm | None) -> str:
        """Give the HTML of the answer; there is no VM if the panel works without one."""
        raise NotImplementedError


class EligibilityPanel(VmPanel):
    """Check a VM: both modes side by side, why, and what would settle what is open.

    Parameters
    ----------
    sample : str, optional
        Name of a sample to check; the first one if no input is named.
    **vm_input
        Another input, the VM, answers and the matrix; see :class:`VmPanel`.
    """

    def __init__(self, sample: str | None = None, **vm_input: Unpack[VmInput]) -> None:
        super().__init__({}, {}, sample, **vm_input)

    @property
    def explanation(self) -> Explanation | None:
        """Why the chosen VM got its verdicts; None if the input holds no VM."""
        vm = self._vm
        return self.assessment.explain(vm.id) if vm else None

    @property
    def call(self) -> str:
        """The line of Python that gives the explanation in the view."""
        if self._empty:
            return ""
        explained = f".explain({self._name(self._vm)!r})" if self._vm else ""
        return f"{self._assessing}{explained}"

    def show(self, vm: Vm | None) -> str:
        """Give the verdicts of all VMs, and why the chosen one got its own."""
        several = len(self.inventory.vms) > 1
        return joined(
            report.verdict_table(self.assessment.verdicts) if several else "",
            report.explanation(self.assessment.explain(vm.id)) if vm else "",
        )


_EMPTY: Final = {
    "sample": "Choose a sample.",
    "path": "Name a file, or a folder with several files, and press Enter.",
    "text": "Paste what az vm show printed, and leave the field with the Tab key; or upload a file."
    " Records of disks may follow it.",
}


def _no_vm(kind: str, value: str) -> str:
    advice = "A verdict needs the record of a VM: what az vm show or az vm list prints."
    if kind == "path" and not Path(value).expanduser().exists():
        advice += f" A path that is not a full one starts at {Path.cwd()}."
    return advice


def _input_controls(
    kind: str,
    sample: str | None,
    path: str | Path | None,
    text: str | None,
    *,
    without_vm: bool,
) -> dict[str, widgets.Widget]:
    names = sample_names()
    inputs = [("No VM, numbers only", "none")] if without_vm else []
    samples = [(f"{sample_title(name)} ({name})", name) for name in names]
    return {
        "source": choice("Input", [*inputs, *_INPUTS], value=kind),
        "sample": choice("Sample", samples, value=sample or names[0]),
        "path": field("File or folder", "vm.json", value=str(path or "")),
        "again": widgets.Button(description="Read again", tooltip="Read the file or folder anew"),
        "text": text_area(
            "JSON", '{"id": "/subscriptions/…", "storageProfile": …}', value=text or ""
        ),
        "upload": upload(
            "Upload small files", "Up to some megabytes; name the path of a larger file instead"
        ),
    }


@dataclass(frozen=True, eq=False)
class _Read:
    """An input, and what was read from it."""

    source: tuple[str, str]
    inventory: Inventory

    @cached_property
    def _taken(self) -> Counter[str]:
        return Counter(vm.name.lower() for vm in self.inventory.vms)

    def name(self, vm: Vm) -> str:
        """Give the name of a VM, or its id where another VM has that name or it has none."""
        return vm.name if vm.name and self._taken[vm.name.lower()] == 1 else vm.id


def _hold(name: str, control: widgets.Widget, value: object) -> None:
    """Let a control hold what an argument says."""
    if isinstance(control, widgets.Dropdown):
        offered = [one for _, one in control.options]
        if value not in offered:
            raise LookupError(f"{name} may be {', '.join(map(repr, offered))}, not {value!r}")
    control.value = value


def _text_of(name: str, content: bytes) -> str:
    """Give the text of a file, or a line that says why it has none."""
    text, reason = text_of(content)
    return stand_in(name, reason) if reason else text


def _inventory(kind: str, value: str) -> Inventory:
    if not value.strip():
        return read_inventory()
    if kind == "sample":
        return read_inventory(sample_vm(value))
    return read_inventory(value.encode() if kind == "text" else str(Path(value).expanduser()))


def _reading(kind: str, value: str) -> str:
    """Give what to pass to ``read_inventory``, in Python."""
    if kind == "sample":
        return f"rp.sample_vm({value!r})"
    if kind == "path":
        return repr(str(Path(value).expanduser()))
    if len(value) > LONGEST_TEXT_IN_CALL:
        return "panel.text.encode()"
    return repr(value.encode()) if value.isascii() else f"{value!r}.encode()"


def _answer_widget(fact: Fact) -> widgets.Widget:
    description = fact.title
    if fact.grain == "disk":
        description += " (disks that do not tell)"
    meaning = fact.question or fact.meaning
    if fact.allowed_values:
        return choice(description, [("", "")], tooltip=meaning)
    return field(description, tooltip=meaning)


# --------------------------------------------------------------------------- the environment


@dataclass(frozen=True)
class Environment:
    """What the notebooks need, and whether it is there.

    Attributes
    ----------
    results : tuple of (str, bool, str)
        What was looked at, whether it is fine, and what to do if not.
    """

    results: tuple[tuple[str, bool, str], ...]

    @property
    def ok(self) -> bool:
        """Whether everything is fine."""
        return all(fine for _, fine, _ in self.results)

    def __repr__(self) -> str:
        failed = [f"{what}: {advice}" for what, fine, advice in self.results if not fine]
        return f"Environment({'; '.join(failed) or f'{len(self.results)} checks passed'})"

    def _repr_html_(self) -> str:
        return report.checks(self.results)


def check_environment() -> Environment:
    """Look whether the notebooks will work here."""
    install = "Run: pip install {}, and restart the kernel."
    looked: list[tuple[str, bool, str]] = []

    def look(what: str, fine: bool, advice: str) -> None:
        looked.append((what, fine, "" if fine else advice))

    look("Python 3.11 or newer", sys.version_info >= (3, 11), "Start a kernel with a newer Python.")
    look(
        "ipywidgets 8 or newer",
        int(widgets.__version__.partition(".")[0]) >= 8,
        install.format("'ipywidgets>=8.1'"),
    )
    if sys.platform == "emscripten":
        # Python inside a browser: what does not come along there cannot be installed either.
        look("No tables as frames: pandas is not to be had in a browser", True, "")
    else:
        found = find_spec("pandas") is not None
        look("pandas, for tables as frames", found, install.format("pandas"))
    try:
        load_matrix()
        wrong = ""
    except (TablesError, OSError) as fault:
        wrong = str(fault)
    look("The tables of the matrix can be read", not wrong, wrong)
    return Environment(tuple(looked))


__all__: Sequence[str] = [
    "EligibilityPanel",
    "Environment",
    "MatrixPanel",
    "Panel",
    "check_environment",
]
