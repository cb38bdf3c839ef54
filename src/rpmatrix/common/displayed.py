"""Results that a notebook displays without knowing what they look like."""

from __future__ import annotations

from importlib import import_module


class Displayed:
    """A result that a notebook displays; how it looks is the business of `rpmatrix.view`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        html: str = import_module("rpmatrix.view").html(self)
        return html
