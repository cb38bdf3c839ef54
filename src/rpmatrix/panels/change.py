"""The panel on change: what is not as it was in the article or in the tables, and for whom.

It is made like those of :mod:`rpmatrix.panels.panels`, and takes the same input of VMs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets

from rpmatrix.article.drift import DriftReport, NoStatementError, drift
from rpmatrix.authoring.edition import foresee, write_skeleton
from rpmatrix.authoring.impact import Impact, impact, matrix_of, sample_inventory
from rpmatrix.inventory.inventory import Inventory, Vm
from rpmatrix.inventory.texts import decode, storable
from rpmatrix.matrix.matrix import BASE, OVERLAYS, Matrix, overlay_names
from rpmatrix.matrix.problems import TablesError
from rpmatrix.panels.controls import choice, field, text_area, upload, wide
from rpmatrix.panels.panels import VmPanel
from rpmatrix.view import report, report_change
from rpmatrix.view.markup import joined

NEWER: Final = "newer-edition"
"""The tables that are compared with if nothing is named."""

TOLD_EVERY: Final = 250
"""VMs after which the view says how far it is."""

_COMPARED: Final = (
    ("two states of the tables", "tables"),
    ("a copy of the article, pasted or uploaded", "article"),
    ("a copy of the article, in a file", "article_path"),
)
_OTHER: Final = "other"
"""The choice of tables that have to be named."""

_SHOWN: Final = {
    "tables": ("after", "after_other", "after_day"),
    "article": ("article", "article_upload"),
    "article_path": ("article_path",),
}
"""The controls for what is compared; the others are hidden."""

_WRITING: Final = ("overlay_folder", "write")


class WhatChangedPanel(VmPanel):
    """See what changed in the article or in the tables, and whose verdict changes by it.

    Parameters
    ----------
    after : str
        The tables after: ``base``, names or folders of overlays, or a folder of base tables;
        several with `` + `` between them.
    before : str
        The tables before, in the same way; a copy of the article is compared with these.
    after_day, before_day : str or date, optional
        The day for which each of the two answers; today if it is left out.
    article : str, optional
        A copy of the article to compare instead: Markdown, HTML, or copied from the screen.
    article_path : str or Path, optional
        The file that holds one.
    sample : str, optional
        Name of a sample whose verdicts to compare; all of them if no input is named.
    may_write : bool
        Whether an overlay for the copy may be begun in a folder that somebody names. Not where the
        panel is shown to others, as in the app.
    path, text, strict, answers
        Another input, and what it does not tell; see :class:`rpmatrix.panels.panels.VmPanel`.

    Raises
    ------
    ValueError
        If more than one input, or more than one copy of the article, is named.
    """

    def __init__(
        self,
        after: str = NEWER,
        *,
        before: str = BASE,
        after_day: str | date | None = None,
        before_day: str | date | None = None,
        article: str | None = None,
        article_path: str | Path | None = None,
        may_write: bool = False,
        sample: str | None = None,
        path: str | Path | None = None,
        text: str | None = None,
        strict: bool = False,
        answers: Mapping[str, str] | None = None,
    ) -> None:
        if article is not None and article_path is not None:
            raise ValueError("give one copy of the article, not article and article_path")
        compared = "tables" if article is None else "article"
        self._done = ""
        self._may_write = may_write
        own = _controls()
        start = {
            "compared": "article_path" if article_path is not None else compared,
            **_chosen("before", before, own["before"]),
            "before_day": _day(before_day),
            **_chosen("after", after, own["after"]),
            "after_day": _day(after_day),
            "article": article or "",
            "article_path": str(article_path or ""),
        }
        super().__init__(
            own,
            start,
            sample,
            path=path,
            text=text,
            strict=strict,
            answers=answers,
            without_vm=True,
        )
        source = self._controls["source"]
        kind = source.value
        self._quiet = True
        source.options = [("all samples", "none"), *source.options[1:]]
        source.value = kind
        source.description = "VMs to judge"
        self._quiet = False
        if may_write:
            self._controls |= self._writing_controls()
        first = [*own, *_WRITING]
        last = [name for name in self._controls if name not in first]
        order = [self._controls[name] for name in (*first, *last) if name in self._controls]
        self.children = [*self._copier, *order, self._view]
        self._update_controls()

    def _writing_controls(self) -> dict[str, widgets.Widget]:
        folder, write = _WRITING
        button = widgets.Button(
            description="Begin an overlay",
            tooltip="Write the rows that the copy calls for into a new folder",
            layout=widgets.Layout(width="14em"),
        )
        button.on_click(lambda _: self._guarded(self._write)())
        return {folder: field("New overlay in", "a folder that does not exist yet"), write: button}

    # --- state

    @property
    def article(self) -> str:
        """The copy of the article that was pasted or uploaded."""
        return storable(self._controls["article"].value)

    @property
    def _compared(self) -> str:
        compared: str = self._controls["compared"].value
        return compared

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        state = super().state
        compared = state.pop("compared", "tables")
        for name in ("before", "after"):
            other = state.pop(f"{name}_other", "")
            if state.get(name) == _OTHER:
                state[name] = other
        for names in _SHOWN.values():
            for name in names:
                if name not in _SHOWN[compared] or name == "article_upload":
                    state.pop(name, None)
        if compared != "tables":
            state[compared] = self.article if compared == "article" else self._written(compared)
        for name in ("before_day", "after_day"):
            if name in state:
                state[name] = state[name].isoformat()
        state.pop("vm", None)  # there is none to choose
        return {**state, "may_write": True} if self._may_write else state

    @property
    def call(self) -> str:
        """The line of Python that opens the panel as it is."""
        empty = self._compared != "tables" and not self._copy_is_named
        return "" if empty or self._empty else super().call

    @property
    def inventory(self) -> Inventory:
        """The VMs that are judged."""
        kind, _ = self._source
        return self._samples if kind == "none" else super().inventory

    @cached_property
    def _samples(self) -> Inventory:
        return sample_inventory()

    def _written(self, name: str) -> str:
        written: str = self._controls[name].value
        return written.strip().strip('"')

    @property
    def _copy_is_named(self) -> bool:
        return bool(self._written(self._compared))

    # --- what is compared

    @property
    def before(self) -> Matrix:
        """The tables before."""
        return self._matrix("before")

    @property
    def after(self) -> Matrix:
        """The tables after, if two states of them are compared."""
        return self._matrix("after")

    def _matrix(self, name: str, *more: str) -> Matrix:
        day = self._controls[f"{name}_day"].value
        chosen = self._controls[name].value
        written = self._written(f"{name}_other") if chosen == _OTHER else chosen
        parts = [part.strip().strip('"') for part in re.split(r"\s\+\s", written)]
        names = [part for part in parts if part]
        if not names:
            raise LookupError(f"{self._controls[name].description}: {_LAYERS_WANTED}")
        try:
            return matrix_of([*names, *more, *([day.isoformat()] if day else [])])
        except ValueError as error:
            raise LookupError(f"{self._controls[name].description}: {error}") from error

    @property
    def drift(self) -> DriftReport | None:
        """What the copy of the article says otherwise; None if there is none to compare."""
        if self._compared == "tables" or not self._copy_is_named:
            return None
        text = self.article if self._compared == "article" else self._read_article()
        try:
            return drift(text, self.before)
        except NoStatementError as error:
            raise LookupError(str(error)) from error

    def _read_article(self) -> str:
        file = Path(self._written("article_path")).expanduser()
        return _text_of(file.read_bytes(), file.name)

    @property
    def impact(self) -> Impact:
        """Whose verdict changes from one state of the tables to the other."""
        return self._judged(self.before, self.after)

    def _judged(self, before: Matrix, after: Matrix) -> Impact:
        inventory = self.inventory
        count = len(inventory.vms)

        def tell(judged: int) -> None:
            if judged % TOLD_EVERY == 0 and judged < count:
                self._say(f"Judged {judged:,} of {count:,} VMs by both \u2026")

        return impact(
            before,
            after,
            inventory,
            strict=self._controls["strict"].value,
            answers=self._answers,
            tell=tell,
        )

    def _say(self, message: str) -> None:
        """Show how far it is."""
        self._view.value = report.note(message)

    # --- what happens when a control changes

    def _update(self) -> None:
        self._done = ""
        upload = self._controls["article_upload"]
        if upload.value:
            (uploaded,) = upload.value
            self._quiet = True
            upload.value = ()
            content = _text_of(bytes(uploaded["content"]), uploaded["name"])
            self._controls["article"].value = content
            self._quiet = False
        self._update_controls()
        self._refresh()

    def _update_controls(self) -> None:
        for names in _SHOWN.values():
            for name in names:
                self._show_control(name, name in _SHOWN[self._compared])
        for name in ("before", "after"):
            if self._controls[name].value != _OTHER:
                self._show_control(f"{name}_other", False)
            elif name == "before":
                self._show_control(f"{name}_other", True)
        for name in _WRITING:
            if name in self._controls:
                self._show_control(name, self._compared != "tables")
        self._show_control("vm", False)
        self._show_control("strict", True)

    def _load(self, vm: str | None) -> None:
        kind, value = self._source
        if kind in ("path", "text") and value:
            self._say("Reading the VMs \u2026")
        super()._load(vm)

    def _write(self) -> None:
        """Begin an overlay in a new folder, and say what is there now."""
        named = self._written("overlay_folder")
        found = self.drift
        if found is None:
            raise LookupError("There is no copy of the article yet to write an overlay for.")
        if not named:
            raise LookupError("Name a new folder for the overlay first.")
        folder = Path(named).expanduser().resolve()
        try:
            written = write_skeleton(found, folder)
        except ValueError as error:
            raise LookupError(str(error)) from error
        self._done = report_change.overlay_begun(folder, written)
        self._refresh()

    # --- what is shown

    def render(self) -> str:
        """Give the HTML of what changed, and of whose verdict changes by it."""
        if self._compared != "tables" and not self._copy_is_named:
            return report.note(_EMPTY[self._compared])
        if self._empty:
            return report.note("Name the VMs to judge, or choose all samples.")
        inventory = self.inventory
        problems = ""
        if self._source[0] != "none":
            problems = report.problems(inventory.problems, inventory.notes)
        return joined(self._done, self._warnings(), self.show(None), problems)

    def _warnings(self) -> str:
        matrices = [self.before, *([self.after] if self._compared == "tables" else [])]
        told = dict.fromkeys(one for matrix in matrices for one in matrix.warnings)
        return "".join(report.note(f"Mind: {one}.") for one in told)

    def show(self, vm: Vm | None) -> str:
        """Give the HTML of the change; it is about all VMs."""
        found = self.drift
        if found is None:
            return report_change.impact(self.impact)
        return joined(report_change.article(found), self._foreseen(found))

    def _foreseen(self, found: DriftReport) -> str:
        """Look ahead at the verdicts that a copy would bring."""
        if found.is_another_article or all(
            one.kind in ("unchanged", "wording") for one in found.changes
        ):
            return ""
        try:
            ahead = foresee(found, lambda folder: self._matrix("before", str(folder)))
        except TablesError as error:
            return report_change.not_foreseen(error.problems)
        return report_change.impact(
            self._judged(found.matrix, ahead.matrix), foreseen=True, unwritten=ahead.unwritten
        )

    def _matter(self) -> Iterable[str]:
        return ()


def _controls() -> dict[str, widgets.Widget]:
    """Make the controls for what is compared."""
    listed = os.environ.get(OVERLAYS, "").split(os.pathsep)
    set_here = " + ".join(name for name in listed if name)
    named = [BASE, *overlay_names()]
    offered = tuple(dict.fromkeys([*named, *([set_here] if set_here else [])]))
    return {
        "compared": choice("Compare", _COMPARED),
        "before": _layers("Tables before", BASE, offered),
        "before_other": field("Named", _LAYERS_NAMED),
        "before_day": _day_control("Tables before, as of"),
        "after": _layers("Tables after", NEWER, offered),
        "after_other": field("Named, after", _LAYERS_NAMED),
        "after_day": _day_control("Tables after, as of"),
        "article": text_area(
            "Article", "Paste the Markdown, the HTML, or all of the page as it is on the screen."
        ),
        "article_upload": upload(
            "Upload a copy",
            "Markdown, or a page saved from a browser",
            ".md,.markdown,.txt,.html,.htm,.mhtml,.mht",
            multiple=False,
        ),
        "article_path": field("File of the article", "article.md"),
    }


_LAYERS_WANTED: Final = (
    "name a folder with an overlay or with base tables; several with + between them"
)
_LAYERS_NAMED: Final = "a folder, or newer-edition + my-overlay"


def _layers(name: str, value: str, offered: Sequence[str]) -> widgets.Dropdown:
    titles = [(one if one != BASE else "base: the seed edition alone", one) for one in offered]
    return choice(name, [*titles, ("another folder, or several layers", _OTHER)], value=value)


def _chosen(name: str, layers: str, control: widgets.Dropdown) -> dict[str, str]:
    """Tell which choice stands for some layers, and what is to be named if none does."""
    offered = [value for _, value in control.options if value != _OTHER]
    if layers in offered:
        return {name: layers, f"{name}_other": ""}
    return {name: _OTHER, f"{name}_other": layers}


def _day_control(name: str) -> widgets.DatePicker:
    tooltip = "Facts that hang on the calendar, such as the end of security updates"
    return widgets.DatePicker(tooltip=tooltip, **wide(name))


def _day(day: str | date | None) -> date | None:
    return date.fromisoformat(day) if isinstance(day, str) else day


def _text_of(content: bytes, name: str) -> str:
    try:
        return decode(content)
    except UnicodeDecodeError:
        raise LookupError(
            f"{name} is no text; give the article as Markdown, or as a page saved as HTML"
        ) from None


_EMPTY: Final = {
    "article": "Paste a copy of the article, or upload one.",
    "article_path": "Name the file that holds the copy of the article, and press Enter.",
}

__all__: Sequence[str] = ["WhatChangedPanel"]
