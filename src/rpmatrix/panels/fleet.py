"""The panel for a fleet: what it adds up to, its VMs page by page, and one of them in full.

Files are judged in bulk where the packages for that are installed. What is small, pasted or
uploaded is judged VM by VM, as everything is where they are not, such as in a browser; the numbers
are the same.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from rpmatrix.common.words import plural, word
from rpmatrix.eligibility.assessment import VERDICTS, Assessment, Explanation, assess
from rpmatrix.fleet.samples import sample_fleet
from rpmatrix.fleet.summary import FleetError
from rpmatrix.inventory.inventory import Inventory, read_inventory
from rpmatrix.inventory.texts import storable
from rpmatrix.matrix.matrix import MODES, Fact, Matrix
from rpmatrix.matrix.titles import row_title, value_title
from rpmatrix.panels.controls import (
    RECORD_FILES,
    choice,
    field,
    layout,
    show,
    strict_box,
    text_area,
    upload,
)
from rpmatrix.panels.panels import Panel
from rpmatrix.view import report, report_fleet
from rpmatrix.view.fleet_views import (
    FORMS,
    SORTS,
    UNTOLD,
    Selection,
    VmFilter,
    VmTable,
    result_of,
    table_of_assessment,
    table_of_result,
    verdict_file,
    vm_card,
    vm_page,
)
from rpmatrix.view.markup import heading, joined, page, soft, tag

if TYPE_CHECKING:
    from rpmatrix.fleet.rollups import FleetResult

SAMPLE_SIZES: Final = (50, 200, 1000, 5000)
"""Synthetic fleets to choose from, by their number of VMs."""

FEW_BYTES: Final = 8 * 2**20
"""Files of records up to this size are judged VM by VM: what was read is kept for explanations."""

MOST_TO_DOWNLOAD: Final = 50_000
"""VMs whose verdicts go through a browser; more of them are written to a file by the package."""

_INPUTS: Final = (
    ("A synthetic fleet", "sample"),
    ("Files or a folder", "path"),
    ("Uploaded files", "uploads"),
    ("Pasted text", "text"),
)
_EMPTY: Final = {
    "path": "Name a folder, a file or a pattern such as exports/*.json, and press Enter.",
    "uploads": "Upload what az vm list and az disk list printed, or an export of Resource Graph.",
    "text": "Paste what az vm list printed. Records of disks may follow it.",
}
_SECTIONS: Final[Mapping[str, Callable[[FleetResult], str]]] = {
    "what_first": report_fleet.what_first,
    "reasons": report_fleet.reasons,
    "regions": report_fleet.by_region,
    "subscriptions": report_fleet.by_subscription,
    "sets": report_fleet.sets,
    "limits": report_fleet.limits,
    "assumptions": report_fleet.assumptions,
    "caveats": report_fleet.caveats,
    "problems": lambda result: joined(report_fleet.notes(result), report_fleet.problems(result)),
}
_SECTION_TITLES: Final = {
    "what_first": "What to do first",
    "reasons": "What rules restore points out",
    "regions": "By region",
    "subscriptions": "By subscription",
    "sets": "Availability sets and scale sets",
    "limits": "Limits",
    "assumptions": "What was assumed",
    "caveats": "Caveats",
    "problems": "Remarks, and what was not understood",
    "": "nothing more",
}
_FILTERS: Final = ("mode", "verdict", "because", "region", "subscription", "words")
_VIEW: Final = (*_FILTERS, "sort")
_DEFAULTS: Final = {**dict.fromkeys(_FILTERS, ""), "sort": "verdict", "section": "what_first"}


class Uploads(tuple[tuple[str, bytes], ...]):
    """Uploaded files, each a name and a content; a line of Python names them where they are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "panel.uploads"


@dataclass(frozen=True, eq=False)
class OpenFleet:
    """A fleet that was read and judged.

    Attributes
    ----------
    result : FleetResult
        What it adds up to.
    table : VmTable
        Its VMs.
    assessment : Assessment or None
        All verdicts with their evidence; None if they were given in bulk.
    """

    result: FleetResult
    table: VmTable
    assessment: Assessment | None = None


class FleetPanel(Panel):
    """Check a fleet: what it adds up to, what to do first, and every VM in a table to filter.

    Parameters
    ----------
    sample : int, optional
        How many VMs a synthetic fleet has; 200 if no input is named.
    path : str or Path, optional
        A folder, a file or a pattern to read instead.
    uploads : sequence of (str, bytes), optional
        Names and contents of files to read instead.
    text : str, optional
        JSON text to read instead.
    section : str
        What to show below the summary: ``what_first``, ``reasons``, ``regions``,
        ``subscriptions``, ``sets``, ``limits``, ``assumptions``, ``caveats`` or ``problems``;
        empty for nothing.
    mode, verdict, because, region, subscription, words : str
        Which VMs to list; see :class:`rpmatrix.view.fleet_views.VmFilter`. A region or subscription
        that is not known is ``-``.
    sort : str
        Their order, one of :data:`rpmatrix.view.fleet_views.SORTS`.
    page : int
        The page of the list.
    vm : str
        Id of the VM to open; empty for none.
    strict : bool
        Make no assumption.
    answers : mapping of str to str, optional
        Values for facts that the input leaves unknown, for every VM.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.

    Raises
    ------
    ValueError
        If more than one input is named.
    """

    def __init__(
        self,
        sample: int | None = None,
        *,
        path: str | Path | None = None,
        uploads: Sequence[tuple[str, bytes]] | None = None,
        text: str | None = None,
        section: str = "what_first",
        mode: str = "",
        verdict: str = "",
        because: str = "",
        region: str = "",
        subscription: str = "",
        words: str = "",
        sort: str = "verdict",
        page: int = 1,
        vm: str = "",
        strict: bool = False,
        answers: Mapping[str, str] | None = None,
        matrix: Matrix | None = None,
    ) -> None:
        given = {"sample": sample, "path": path, "uploads": uploads, "text": text}
        named = [name for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise ValueError(f"give one input, not {' and '.join(named)}")
        self._answers = dict(answers or {})
        self._uploads = Uploads((name, bytes(content)) for name, content in uploads or ())
        self._open: tuple[object, OpenFleet] | None = None
        self._read: tuple[object, Inventory] | None = None
        self._found: Selection | None = None
        self._explained: tuple[object, str, str] | None = None
        controls = _controls(named[0] if named else "sample", sample, path, text, strict=strict)
        super().__init__(controls, matrix)
        self._arrange()
        self._wire()
        start = {
            "mode": mode,
            "verdict": verdict,
            "because": because,
            "region": region,
            "subscription": subscription,
            "words": words,
            "sort": sort,
            "section": section,
        }
        self._guarded(partial(self._load, start, page, vm, asked=True))()

    def _arrange(self) -> None:
        """Put the controls where they are needed: the input, the summary, the list, the files."""
        self._bar = widgets.FloatProgress(min=0, max=1, layout=widgets.Layout(width="16em"))
        self._said = widgets.Label()
        self._waiting = widgets.HBox([self._bar, self._said], layout=layout(display="none"))
        self._summary = widgets.HTML(layout=layout())
        self._more = widgets.HTML(layout=layout())
        self._file = widgets.HTML(layout=layout())
        of = self._controls
        rows = widgets.Layout(flex_flow="row wrap", align_items="flex-end", width="auto")
        answers = [of["fact"], of["answer"], of["answer_text"]]
        self._answering = _folded(of["answers"], answers)
        self._listing = widgets.VBox(
            [
                widgets.HTML(page(heading("The VMs")), layout=layout()),
                widgets.Box([of[name] for name in _VIEW], layout=_side_by_side()),
                widgets.HBox([of["back"], of["page"], of["on"]], layout=rows),
                of["vm"],
                _folded(
                    of["save"], [widgets.HBox([of["form"], of["write"]], layout=rows), self._file]
                ),
            ],
            layout=layout(),
        )
        inputs = ("source", "sample", "path", "again", "text", "upload", "strict")
        self.children = [
            *self._copier,
            *(of[name] for name in inputs),
            self._answering,
            self._waiting,
            self._summary,
            of["section"],
            self._more,
            self._listing,
            self._view,
        ]

    def _wire(self) -> None:
        of = self._controls
        for name in ("source", "sample", "path", "text"):
            self._watch(of[name], self._input_changed)
        self._watch(of["upload"], self._uploaded)
        self._watch(of["strict"], self._judge_again)
        self._watch(of["section"], self._section_changed)
        for name in _VIEW:
            self._watch(of[name], self._list_again)
        for name in ("page", "vm"):
            self._watch(of[name], self._turn)
        self._watch(of["fact"], self._offer_answers)
        for name in ("answer", "answer_text"):
            self._watch(of[name], self._answer)
        for name, handler in (
            ("again", self._read_again),
            ("back", partial(self._leaf, -1)),
            ("on", partial(self._leaf, 1)),
            ("write", self._write),
        ):
            of[name].on_click(lambda _, handler=handler: self._guarded(handler)())

    # --- state

    @property
    def html(self) -> str:
        """What the panel shows: the summary, and below it the list."""
        return joined(self._summary.value, self._more.value, self._view.value)

    @property
    def uploads(self) -> Uploads:
        """The uploaded files: names and contents."""
        return self._uploads

    @property
    def text(self) -> str:
        """The pasted text."""
        return storable(self._controls["text"].value)

    @property
    def _source(self) -> tuple[str, Any]:
        """Which kind of input, and which one."""
        kind: str = self._controls["source"].value
        if kind == "uploads":
            return kind, self._uploads
        if kind == "text":
            return kind, self.text
        value = self._controls[kind].value
        return kind, value if kind == "sample" else value.strip().strip('"')

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        kind, value = self._source
        state: dict[str, Any] = {kind: value}
        for name, default in _DEFAULTS.items():
            held = self._controls[name].value
            if held != default:
                state[name] = held
        state |= {
            name: self._controls[name].value
            for name, default in (("page", 1), ("vm", ""))
            if self._controls[name].value != default
        }
        if self._controls["strict"].value:
            state["strict"] = True
        if self._answers:
            state["answers"] = dict(self._answers)
        return state

    @property
    def _empty(self) -> bool:
        kind, value = self._source
        return kind != "sample" and not value

    @property
    def fleet(self) -> OpenFleet:
        """What was read, judged."""
        strict = self._controls["strict"].value
        mark = (self._source, strict, tuple(sorted(self._answers.items())))
        if self._open is None or self._open[0] != mark:
            self._open = None  # the memory of one fleet at a time
            self._found = self._explained = None
            self._open = mark, self._judged()
        return self._open[1]

    @property
    def result(self) -> FleetResult:
        """What the fleet adds up to."""
        return self.fleet.result

    @property
    def selection(self) -> Selection:
        """The VMs that fit the filters."""
        table = self.fleet.table
        held = {name: self._controls[name].value for name in _VIEW}
        wanted = VmFilter(**{name: held[name] for name in _FILTERS})
        if (
            self._found is None
            or self._found.table is not table
            or (self._found.wanted, self._found.sort) != (wanted, held["sort"])
        ):
            self._found = table.select(wanted, held["sort"])
        return self._found

    # --- reading and judging

    def _judged(self) -> OpenFleet:
        kind, value = self._source
        options = {"strict": self._controls["strict"].value, "answers": self._answers}
        with _Waiting(self._waiting, self._bar, self._said) as waiting:
            if kind == "path" and _goes_in_bulk(value):
                from rpmatrix.fleet.result import assess_files

                waiting.tell(0, "Reading …")
                result = assess_files(
                    str(Path(value).expanduser()),
                    self.matrix,
                    progress=lambda one: waiting.tell(one.share, str(one)),
                    **options,
                )
                waiting.tell(1, "Preparing the list …")
                return OpenFleet(result, table_of_result(result))
            inventory = self._inventory(kind, value, waiting)
            count = len(inventory.vms)
            found = assess(
                inventory,
                self.matrix,
                progress=lambda done: waiting.tell(done / count, f"{done:,} of {count:,} VMs"),
                **options,
            )
            return OpenFleet(result_of(found), table_of_assessment(found), found)

    def _inventory(self, kind: str, value: Any, waiting: _Waiting) -> Inventory:
        """Read the input; once, however often it is judged."""
        if self._read is None or self._read[0] != (kind, value):
            self._read = None
            waiting.tell(0, "Reading …")
            found = read_inventory(*_contents(kind, value))
            self._read = (kind, value), _named(found, value) if kind == "uploads" else found
        return self._read[1]

    def explain(self, vm: str) -> Explanation | None:
        """Give the reasons, citations and evidence of one VM; None if no record shows it.

        Parameters
        ----------
        vm : str
            Its id.
        """
        found = self.fleet.assessment
        if found is not None:
            return found.explain(vm)
        try:
            inventory = self.result.inventory_of(vm)
        except FleetError:  # tables of facts, not records
            return None
        strict = self._controls["strict"].value
        found = assess(inventory, self.matrix, strict=strict, answers=self._answers)
        return found.explain(vm)

    # --- what happens when a control changes

    def _input_changed(self) -> None:
        self._answers.clear()  # they were about another fleet
        self._load(dict(_DEFAULTS, section=self._controls["section"].value))

    def _read_again(self) -> None:
        self._open = self._read = None
        self._load({name: self._controls[name].value for name in _DEFAULTS})

    def _section_changed(self) -> None:
        self._show_section()
        self._refresh()

    def _judge_again(self) -> None:
        shown = self._controls["vm"].value
        kept = {name: self._controls[name].value for name in _DEFAULTS}
        self._load(kept, self._controls["page"].value, shown)

    def _uploaded(self) -> None:
        files = self._controls["upload"].value
        if not files:
            return
        self._uploads = Uploads((one["name"], bytes(one["content"])) for one in files)
        self._quiet = True
        self._controls["source"].value = "uploads"
        self._controls["upload"].value = ()
        self._input_changed()

    def _load(
        self, start: Mapping[str, str], number: int = 1, vm: str = "", *, asked: bool = False
    ) -> None:
        """Read and judge the input, and offer what can be asked of it."""
        kind, _ = self._source
        shown = {
            "sample": ("sample",),
            "path": ("path", "again"),
            "text": ("text",),
            "uploads": ("upload",),
        }
        for of_kind, names in shown.items():
            for name in names:
                show(self._controls[name], shown=of_kind == kind)
        self._file.value = self._summary.value = self._more.value = ""
        try:
            there = not self._empty and self.fleet.table.vms > 0
        except Exception:
            self._show_fleet(there=False)
            raise
        self._show_fleet(there=there)
        self._quiet = True
        self._offer(start, asked=asked and there)
        if not _offers(self._controls["section"], start["section"]):
            raise LookupError(f"section may be {', '.join(_SECTIONS)}, not {start['section']!r}")
        self._controls["section"].value = start["section"]
        self._quiet = False
        self._show_summary()
        if there:
            self._offer_answers()
        self._list(number, vm)

    def _show_fleet(self, *, there: bool) -> None:
        """Show what a fleet can be asked, or put it away."""
        for part in (self._listing, self._controls["section"]):
            show(part, shown=there)
        # A wrong answer must be there to be mended.
        show(self._answering, shown=there or bool(self._answers))

    def _offer(self, start: Mapping[str, str], *, asked: bool) -> None:
        """Offer the regions, subscriptions and reasons that there are, and set the filters."""
        table = None if self._empty else self.fleet.table
        causes = table.causes if table else {}
        offered = {
            "because": [("any", ""), *((self._cause(one), one) for one in causes)],
            "region": _places(table.regions if table else {}),
            "subscription": _places(table.subscriptions if table else {}),
        }
        for name, options in offered.items():
            self._controls[name].options = options
        for name in _VIEW:
            control, value = self._controls[name], start[name]
            if not _offers(control, value):
                if asked:
                    raise LookupError(f"{name}: there is no {value!r} in this fleet")
                value = _DEFAULTS[name]  # there is no such place or reason any more
            control.value = value

    def _cause(self, one: str) -> str:
        if one in self.matrix.facts:
            return f"not known: {self.matrix.facts[one].title} ({one})"
        return f"{row_title(self.matrix, one)} ({one})"

    def _list_again(self) -> None:
        self._list(1, "")

    def _list(self, number: int, vm: str) -> None:
        """Show a page of the VMs that fit now."""
        if self._empty or not self.fleet.table.vms:
            self._refresh()
            return
        pages = self.selection.pages
        self._quiet = True
        control = self._controls["page"]
        control.max = pages
        control.value = min(max(number, 1), pages)
        control.description = f"Page (of {pages:,})"
        self._offer_vms(vm)
        self._quiet = False
        self._refresh()

    def _turn(self) -> None:
        self._quiet = True
        self._offer_vms(self._controls["vm"].value)
        self._quiet = False
        self._refresh()

    def _leaf(self, step: int) -> None:
        self._controls["page"].value += step

    def _offer_vms(self, vm: str) -> None:
        """Offer the VMs of this page, and the one that is open."""
        number = self._controls["page"].value
        rows = list(self.selection.page(number))
        opened = self.fleet.table.row_of(vm) if vm else None
        if vm and opened is None:
            raise LookupError(f"no VM {vm!r} in this fleet")
        if opened and opened.id not in {row.id for row in rows}:
            rows.insert(0, opened)
        control = self._controls["vm"]
        control.options = [("none", ""), *((row.name or row.id, row.id) for row in rows)]
        control.value = opened.id if opened else ""
        self._controls["back"].disabled = number <= 1
        self._controls["on"].disabled = number >= self.selection.pages

    # --- answers

    def _matter(self) -> dict[str, int]:
        """Count the verdicts that each fact is missing for, or assumed in; answered ones too."""
        found = dict.fromkeys(self._answers, 0)
        counted = self.result.summary
        for (_, _, _, _, _, missing, _), count in counted.outcomes.items():
            for one in missing:
                found[one] = found.get(one, 0) + count
        for (_, one), count in counted.assumptions.items():
            found[one] = found.get(one, 0) + count
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def _offer_answers(self) -> None:
        """Offer the facts that matter, and for the chosen one the values that it may have."""
        facts, control = self.matrix.facts, self._controls["fact"]
        chosen = control.value
        matter = [one for one in self._matter() if one in facts]
        self._quiet = True
        control.options = [("none", ""), *((self._fact_line(one), one) for one in matter)]
        control.value = chosen if chosen in matter else ""
        fact = facts.get(control.value)
        self._answer_controls_for(fact)
        self._quiet = False

    def _fact_line(self, one: str) -> str:
        if one in self._answers:
            told = value_title(self.matrix, one, self._answers[one])
            return f"{self.matrix.facts[one].title}: {told}, answered by you"
        return self.matrix.facts[one].title

    def _answer_controls_for(self, fact: Fact | None) -> None:
        choice, text = self._controls["answer"], self._controls["answer_text"]
        show(choice, shown=bool(fact and fact.allowed_values))
        show(text, shown=bool(fact and not fact.allowed_values))
        if fact is None:
            return
        untold = "as the input tells"
        if fact.assumption and not self._controls["strict"].value:
            assumed = value_title(self.matrix, fact.id, fact.assumption)
            untold = f"as the input tells, else assumed: {assumed}"
        held = self._answers.get(fact.id, "")
        if fact.allowed_values:
            titles = [(value_title(self.matrix, fact.id, one), one) for one in fact.allowed_values]
            choice.options = [(untold, ""), *titles]
            choice.value = held
        else:
            text.placeholder, text.value = untold, held

    def _answer(self) -> None:
        fact = self.matrix.facts[self._controls["fact"].value]
        name = "answer" if fact.allowed_values else "answer_text"
        value = self._controls[name].value.strip()
        if value:
            self._answers[fact.id] = value
        else:
            self._answers.pop(fact.id, None)
        self._judge_again()

    # --- what is shown

    def _show_summary(self) -> None:
        self._summary.value = "" if self._empty else report_fleet.summary(self.result)
        self._show_section()

    def _show_section(self) -> None:
        section = self._controls["section"].value
        shown = _SECTIONS[section](self.result) if section and not self._empty else ""
        if section and not shown and not self._empty:
            shown = page(soft(f"{_SECTION_TITLES[section]}: nothing to tell."))
        self._more.value = shown

    def render(self) -> str:
        """Give the HTML of the VM that is open, and of the page of the list."""
        kind, _ = self._source
        if self._empty:
            return report.note(_EMPTY[kind])
        if not self.fleet.table.vms:
            return joined(
                report.problems(self.result.problems, self.result.notes),
                report.note("No VM was found: what az vm list prints is needed."),
            )
        opened = self._controls["vm"].value
        listed = vm_page(self.selection, self._controls["page"].value, opened)
        if not opened:
            return listed
        return joined(self._in_full(opened), page(heading("The list")), listed)

    def _in_full(self, vm: str) -> str:
        """Give everything about one VM, made once."""
        if not vm:
            return ""
        fleet = self.fleet
        held = self._explained
        if held is None or held[0] is not fleet or held[1] != vm:
            found = self.explain(vm)
            if found is not None:
                shown = report.explanation(found)
            else:
                row = fleet.table.row_of(vm)
                shown = vm_card(row, self.matrix) if row else ""
            held = self._explained = fleet, vm, shown
        return held[2]

    # --- files to take along

    def _write(self) -> None:
        """Make a file, and a link that hands it over: nothing of it is on a disk of the server."""
        form = self._controls["form"].value
        if form == "html":
            content = report_fleet.fleet_document(self.result, options=self._told_options).encode()
        elif len(self.selection) > MOST_TO_DOWNLOAD:
            self._file.value = page(_too_many(len(self.selection), form))
            return
        else:
            content = verdict_file(self.selection, form)
        name = f"fleet.{form}" if form == "html" else f"verdicts.{form}"
        address = f"data:{_KINDS[form]};base64,{base64.b64encode(content).decode()}"
        link = tag("a", f"Save {name}", href=address, download=name)
        whole = "the whole fleet" if form == "html" else plural(len(self.selection), "VM")
        self._file.value = page(tag("p", link, f" ({_size(len(content))}, {whole})"))

    @property
    def _told_options(self) -> dict[str, str]:
        told = {f"Answer for {name}": value for name, value in self._answers.items()}
        assumed = "none are made" if self._controls["strict"].value else "made, and listed"
        return {"Assumptions": assumed, **told}


_KINDS: Final = {
    "csv": "text/csv",
    "html": "text/html",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _too_many(count: int, form: str) -> str:
    kind = form if form in ("csv", "parquet") else "parquet"
    line = f'rpmatrix.fleet.result.assess_files(paths, out="verdicts.{kind}")'
    return tag(
        "p",
        f"{plural(count, 'VM')} are too many for a browser to save. Filter them to at most "
        f"{MOST_TO_DOWNLOAD:,}, or write them in Python: ",
        tag("code", line),
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} kB"


# --------------------------------------------------------------------------- input


def _goes_in_bulk(path: str) -> bool:
    """Tell whether files are to be judged in bulk: many, or tables of facts."""
    if any(find_spec(name) is None for name in ("msgspec", "numpy", "pyarrow")):
        return False
    from rpmatrix.fleet.run import files_named
    from rpmatrix.fleet.tables.files import holds_facts

    files = files_named(path)
    large = sum(file.stat().st_size for file in files) > FEW_BYTES
    return large or any(not _is_plain(file) or holds_facts(file) for file in files)


def _is_plain(file: Path) -> bool:
    return file.suffix.lower() in RECORD_FILES.split(",")


def _contents(kind: str, value: Any) -> Sequence[Any]:
    """Give what to pass to ``read_inventory``."""
    if kind == "sample":
        return [[record for vm, disks in sample_fleet(value) for record in (vm, *disks)]]
    if kind == "uploads":
        return [content for _, content in value]
    if kind == "text":
        return [value.encode()]
    path = Path(value).expanduser()
    if any(mark in value for mark in "*?[") and not path.exists():
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
        return [str(file) for file in sorted(anchor.glob(pattern)) if file.is_file()]
    return [str(path)]


def _named(found: Inventory, uploads: Uploads) -> Inventory:
    """Name the files that problems are in as they were uploaded."""
    names = {f"pasted text {at}": name for at, (name, _) in enumerate(uploads, start=1)}
    problems = [replace(one, file=names.get(one.file, one.file)) for one in found.problems]
    return replace(found, problems=tuple(problems))


def _offers(control: widgets.Widget, value: str) -> bool:
    return not isinstance(control, widgets.Dropdown) or value in [one for _, one in control.options]


class _Waiting:
    """Shows how far something has come, if it takes longer than a moment."""

    _MOMENT: Final = 0.5
    _BETWEEN: Final = 0.1

    def __init__(self, shown: widgets.Widget, bar: widgets.Widget, said: widgets.Widget) -> None:
        self._shown, self._bar, self._said = shown, bar, said

    def __enter__(self) -> _Waiting:
        self._next = time.monotonic() + self._MOMENT
        return self

    def tell(self, share: float, text: str) -> None:
        """Say how far it is, now and then."""
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + self._BETWEEN
        self._bar.value, self._said.value = share, text
        show(self._shown, shown=True)

    def __exit__(self, *_: object) -> None:
        show(self._shown, shown=False)


# --------------------------------------------------------------------------- controls


def _places(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    named = [(f"{one or 'not known'} ({count:,})", one or UNTOLD) for one, count in counts.items()]
    return [("any", ""), *named]


def _side_by_side() -> widgets.Layout:
    columns = "repeat(auto-fit, minmax(min(100%, 21rem), 1fr))"
    return widgets.Layout(
        display="grid", grid_template_columns=columns, grid_gap="0 1.5rem", width="auto"
    )


def _folded(opener: widgets.ToggleButton, children: Sequence[widgets.Widget]) -> widgets.VBox:
    """Make a part that a button shows and puts away; unlike an accordion, with the keyboard too."""
    inside = widgets.VBox(children, layout=layout(display="none"))

    def toggle(change: Mapping[str, bool]) -> None:
        show(inside, shown=change["new"])

    opener.observe(toggle, names="value")
    return widgets.VBox([opener, inside], layout=layout())


_NARROW: Final = {"description_width": "8em"}


def _filters() -> dict[str, widgets.Widget]:
    modes = [("either", ""), *((f"{one} consistency", one) for one in MODES)]
    verdicts = [("any", ""), *((word(one), one) for one in VERDICTS)]
    sorts = [(told, one) for one, told in SORTS.items()]
    return {
        "mode": choice("Mode", modes, style=_NARROW),
        "verdict": choice("Verdict", verdicts, style=_NARROW),
        "because": choice("Because of", [("any", "")], style=_NARROW),
        "region": choice("Region", [("any", "")], style=_NARROW),
        "subscription": choice("Subscription", [("any", "")], style=_NARROW),
        "words": field("Words to find", "in the name or the id", style=_NARROW),
        "sort": choice("Sorted by", sorts, style=_NARROW),
    }


def _controls(
    kind: str, sample: int | None, path: str | Path | None, text: str | None, *, strict: bool
) -> dict[str, widgets.Widget]:
    def opener(name: str) -> widgets.ToggleButton:
        wide = widgets.Layout(width="fit-content", max_width="100%")
        return widgets.ToggleButton(description=name, tooltip="Show or put away", layout=wide)

    of_page = widgets.Layout(width="auto", flex="none")
    sizes = sorted({*SAMPLE_SIZES, *([sample] if sample else [])})
    titles = [(title, name) for name, title in _SECTION_TITLES.items()]
    forms = [*((title, name) for name, title in FORMS.items() if _can_write(name))]
    return {
        "source": choice("Input", _INPUTS, value=kind),
        "sample": choice("VMs", [(f"{size:,}", size) for size in sizes], value=sample or 200),
        "path": field("Files or a folder", "exports/", value=str(path or "")),
        "again": widgets.Button(description="Read again", tooltip="Read the files anew"),
        "text": text_area(
            "JSON", '[{"id": "/subscriptions/…", "storageProfile": …}, …]', value=text or ""
        ),
        "upload": upload(
            "Upload files",
            "VMs and disks, in one or several files; name the path of larger ones instead",
        ),
        "strict": strict_box(value=strict),
        "answers": opener("Answer for the whole fleet"),
        "save": opener("Save as a file"),
        "fact": choice("Fact", [("none", "")]),
        "answer": choice("Where not known", [("", "")]),
        "answer_text": field("Where not known"),
        "section": choice("Show", titles, value="what_first"),
        "form": choice("File", [*forms, ("Report of the fleet as a page", "html")], value="csv"),
        "write": widgets.Button(description="Make the file", tooltip="Then a link saves it"),
        **_filters(),
        "back": widgets.Button(
            description="Previous page", tooltip="Show the page before", layout=of_page
        ),
        "page": widgets.BoundedIntText(
            value=1,
            min=1,
            max=1,
            description="Page",
            style={"description_width": "auto"},
            layout=widgets.Layout(width="11em"),
        ),
        "on": widgets.Button(
            description="Next page", tooltip="Show the page after", layout=of_page
        ),
        "vm": choice("Open a VM", [("none", "")]),
    }


def _can_write(form: str) -> bool:
    needed = {"xlsx": "openpyxl", "parquet": "pyarrow"}
    return form not in needed or find_spec(needed[form]) is not None
