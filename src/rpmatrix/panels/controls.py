"""Controls of panels, all made alike: as wide as the panel lets them be, with room for a name.

Each control has a layout of its own, so that it can be put away alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import ipywidgets as widgets

WIDE: Final = {"description_width": "13em"}
"""The style of a control: room for its name."""

RECORD_FILES: Final = ".json,.ndjson,.jsonl,.csv,.txt,.tfstate"
"""The files with records of Azure that a browser offers to upload."""


def layout(**more: str) -> widgets.Layout:
    """Make the layout of a control: as wide as the panel lets it be."""
    return widgets.Layout(width="auto", **more)


def show(widget: widgets.Widget, *, shown: bool) -> None:
    """Show a widget or put it away."""
    # Not None, which a kernel in a browser does not pass on: what was put away would stay away.
    widget.layout.display = "" if shown else "none"


def wide(name: str) -> dict[str, Any]:
    """Give what all controls have in common, whatever kind of widget they are."""
    return {"description": name, "style": WIDE, "layout": layout()}


def choice(name: str, options: Sequence[Any] = (), **more: Any) -> widgets.Dropdown:
    """Make a list to choose from.

    Parameters
    ----------
    name : str
        What stands before it.
    options : sequence
        Values, or pairs of a title and a value; the first is chosen unless ``value`` is given.
    **more
        Other traits of the widget.
    """
    return widgets.Dropdown(options=options, **{**wide(name), **more})


def field(name: str, placeholder: str = "", **more: Any) -> widgets.Text:
    """Make a field for one line, which tells what was typed when it is left.

    Parameters
    ----------
    name : str
        What stands before it.
    placeholder : str
        What an empty field shows: an example.
    **more
        Other traits of the widget.
    """
    return widgets.Text(
        **{**wide(name), "placeholder": placeholder, "continuous_update": False, **more}
    )


def text_area(name: str, placeholder: str, *, rows: int = 6, **more: Any) -> widgets.Textarea:
    """Make a field for many lines, which tells what was pasted when it is left.

    Parameters
    ----------
    name : str
        What stands before it.
    placeholder : str
        What an empty field shows: an example.
    rows : int
        The lines that show at once.
    **more
        Other traits of the widget.
    """
    return widgets.Textarea(
        **{**wide(name), "placeholder": placeholder, "continuous_update": False, "rows": rows},
        **more,
    )


def check_box(name: str, *, value: bool = False) -> widgets.Checkbox:
    """Make a box to tick, with its name behind it."""
    return widgets.Checkbox(value=value, description=name, indent=False, layout=layout())


def strict_box(*, value: bool) -> widgets.Checkbox:
    """Make the box that says whether what nothing tells may be assumed."""
    return check_box("Strict: assume nothing that the input does not tell", value=value)


def upload(
    name: str, tooltip: str, accept: str = RECORD_FILES, *, multiple: bool = True
) -> widgets.FileUpload:
    """Make a button that takes files out of the browser.

    Parameters
    ----------
    name, tooltip : str
        What stands on the button, and what it says when it is pointed at.
    accept : str
        The endings that the browser offers, with commas between them.
    multiple : bool
        Whether several files may be taken at once.
    """
    return widgets.FileUpload(
        description=name,
        tooltip=tooltip,
        accept=accept,
        multiple=multiple,
        layout=widgets.Layout(width="14em"),
    )
