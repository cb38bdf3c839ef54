"""Markup that no text of a customer can break: elements, tables, badges, pages.

Names, tags and ids come from customers, so nothing enters a page unescaped: :func:`tag` escapes
whatever is not :class:`Html` already, and every other function is made of it. The same input gives
the same bytes, without scripts, ids or addresses, so that a stored notebook can be compared and
opened offline. How it looks stands in ``_static/report.css``; without that it still reads well, as
in viewers that drop styles.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final

from rpmatrix.common.words import badge_of, printable

SHOWN_VMS: Final = 100
"""How many VMs a table on a page shows before it says how many more there are."""

# --------------------------------------------------------------------------- elements


class Html(str):
    """Text that is markup already and must not be escaped again."""

    __slots__ = ()


Child = str | None | Iterable["str | None"]
"""What an element may hold: markup, text to be escaped, nothing, or several of them."""


def escape(text: str) -> Html:
    """Turn text into markup that shows it, and does nothing else."""
    return Html(html.escape(printable(text), quote=True))


def fragment(children: Iterable[Child]) -> Html:
    """Put markup and text after each other; text is escaped, None is left out."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(child))
        else:
            parts.append(fragment(child))
    return Html("".join(parts))


def tag(name: str, /, *children: Child, **attributes: str | None) -> Html:
    """Make an element; ``class_`` and ``aria_label`` become ``class`` and ``aria-label``."""
    opened = "".join(
        f' {attribute.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for attribute, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{opened}>{fragment(children)}</{name}>")


def paragraph(*children: Child, class_: str | None = None) -> Html:
    """Make a paragraph."""
    return tag("p", *children, class_=class_)


def soft(*children: Child) -> Html:
    """Make a paragraph that stays in the background."""
    return paragraph(*children, class_="rpm-soft")


def code(text: str) -> Html:
    """Show an id, a name or a path as it is written."""
    return tag("code", text)


def link(text: str, address: str) -> Html:
    """Show an address that a reader may open; nothing is fetched until then."""
    return tag("a", text, href=address, rel="noreferrer", target="_blank")


def codes(texts: Iterable[str]) -> Html:
    """Show several ids, parted by commas."""
    return spaced([code(text) for text in texts], ", ")


def spaced(parts: Sequence[str], between: str) -> Html:
    """Put something between parts, so that they stay apart where styles are dropped."""
    found: list[str] = []
    for part in parts:
        found += [between, part] if found else [part]
    return fragment(found)


def bullets(items: Iterable[Child]) -> Html:
    """Make a list without numbers."""
    return tag("ul", [tag("li", item) for item in items])


# --------------------------------------------------------------------------- blocks


def title(text: str) -> Html:
    """Make the line that says what a whole page is about: a heading of level 2."""
    return _heading(text, 2, "rpm-title")


def heading(text: str, *, level: int = 3) -> Html:
    """Make a heading that a notebook does not take into its table of contents.

    Parameters
    ----------
    text : str
        What stands below it.
    level : int
        One more than that of the heading around it. Whoever shows a page has the first level, a
        title the second; so a page without a title begins with 2.
    """
    return _heading(text, level, "rpm-head")


def _heading(text: str, level: int, class_: str) -> Html:
    return tag("p", tag("strong", text), class_=class_, role="heading", aria_level=f"{level}")


def section(name: str, *content: str, level: int = 3) -> Html:
    """Make a heading and what stands below it; nothing at all if that is empty."""
    return fragment([heading(name, level=level), *content]) if any(content) else Html("")


def details(summary: str, *content: Child) -> Html:
    """Fold something away below a line that opens it."""
    return tag("details", tag("summary", summary), *content)


def wide(content: Child) -> Html:
    """Give a cell room: on a narrow page the table scrolls rather than break every word."""
    return tag("div", content, class_="rpm-wide")


def copyable(text: str, label: str) -> Html:
    """Make a block that one click selects as a whole; a screen reader names it by its label."""
    return tag("pre", text, tabindex="0", aria_label=label)


def table(
    label: str, columns: Sequence[str], rows: Iterable[Sequence[Child]], *, whole: bool = False
) -> Html:
    """Make a table that scrolls by itself; the first cell of each row is its header.

    Where it is narrow, each row becomes a block whose cells say the header of their column.

    Parameters
    ----------
    label : str
        What a screen reader calls it.
    columns : sequence of str
        The headers of the columns.
    rows : iterable of sequence
        The cells, as many as there are columns.
    whole : bool
        Scroll to the side only: for few rows, none of which may be overlooked.
    """
    body = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
        for row in rows
    ]
    return scrolling(label, columns, body, whole=whole)


def scrolling(
    label: str, columns: Sequence[str], body: Sequence[Html], *, whole: bool = False
) -> Html:
    """Make a table of rows that are markup already; see :func:`table`."""
    head = tag("tr", [tag("th", column, scope="col") for column in columns])
    return tag(
        "div",
        tag("table", tag("thead", head), tag("tbody", body), style=_named_columns(columns)),
        class_="rpm-scroll rpm-whole" if whole else "rpm-scroll",
        role="region",
        aria_label=label,
        tabindex="0",
    )


def _named_columns(columns: Sequence[str]) -> str:
    """Tell the style sheet the headers, once for all cells; the first is the row's own."""
    return ";".join(
        f"--rpm-column-{number}:{_css_text(column)}"
        for number, column in enumerate(columns[1:], start=2)
    )


def _css_text(text: str) -> str:
    """Write a text as CSS does, where a backslash and a number stand for a character."""
    written = re.sub(r"[^\w ,.:()%-]", lambda found: f"\\{ord(found[0]):x} ", printable(text))
    return f'"{written}"'


# --------------------------------------------------------------------------- pages


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """Give the style sheet as one element, without comments and needless space."""
    sheet = (files("rpmatrix") / "_static" / "report.css").read_text(encoding="utf-8")
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"\s+", " ", sheet)
    sheet = re.sub(r" ?([{};,]) ?", r"\1", sheet).replace(": ", ":").replace(";}", "}")
    return f"<style>{sheet.strip()}</style>"


def page(*content: Child) -> str:
    """Give markup the class and the style sheet that it needs to stand alone."""
    return f'<div class="rpm">{style_sheet()}{fragment(content)}</div>'


def joined(*pages: str) -> str:
    """Put several pages into one, with one style sheet.

    Parameters
    ----------
    *pages : str
        What :func:`page` gave; an empty text is left out. Any other text would go in unescaped.
    """
    whole = "".join(pages)
    first, style, rest = whole.partition(style_sheet())
    return first + style + rest.replace(style_sheet(), "")


def html_document(name: str, *pages: str, printed_open: bool = False) -> str:
    """Make a file of its own out of pages: no scripts, and nothing that is fetched.

    Parameters
    ----------
    name : str
        Its title, which a browser shows on the tab.
    *pages : str
        What :func:`page` gave.
    printed_open : bool
        Whether what is folded is printed, too: for documents that are short all the same.
    """
    sheet = (files("rpmatrix") / "_static" / "document.css").read_text(encoding="utf-8")
    kind = ' class="few"' if printed_open else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{tag('title', name)}\n<style>\n{sheet}</style>\n</head>\n<body>\n<main{kind}>\n"
        f"{joined(*pages)}\n</main>\n</body>\n</html>\n"
    )


def lowered(shown: str) -> str:
    """Put the headings of a page one level deeper, below a heading of whoever shows it."""
    return re.sub(
        r' role="heading" aria-level="(\d)"',
        lambda found: f' role="heading" aria-level="{int(found[1]) + 1}"',
        shown,
    )


# --------------------------------------------------------------------------- words and symbols


def badge(name: str) -> Html:
    """Show a verdict, an outcome or the fate of a disk by symbol, word and colour."""
    symbol, spoken, colour = badge_of(name)
    return tag(
        "span",
        tag("span", symbol, aria_hidden="true"),
        " ",
        spoken,
        class_=f"rpm-badge rpm-{colour}",
    )
