"""What each result looks like, once: a result becomes a page, and writers bring it to people.

The modules beside this one make the pages, each of one topic; those in ``writers`` write them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_PAGES: Final = {
    "Assessment": ("report", "assessment"),
    "Exercise": ("report_exercises", "card"),
    "Explanation": ("report", "explanation"),
    "FleetResult": ("report_fleet", "fleet"),
    "Marked": ("report_exercises", "marked"),
    "Plan": ("report", "plan"),
    "VerdictTable": ("report", "verdict_table"),
}


def html(result: Any) -> str:
    """Return a result as HTML that can stand alone.

    Parameters
    ----------
    result : object
        An assessment, an explanation, a plan, a fleet or a card of the workshop.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    for kind in type(result).__mro__:
        if kind.__name__ in _PAGES:
            module, function = _PAGES[kind.__name__]
            written: str = getattr(import_module(f"rpmatrix.view.{module}"), function)(result)
            return written
    raise TypeError(f"{type(result).__name__} is no result that has a page")
