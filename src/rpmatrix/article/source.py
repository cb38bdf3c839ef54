"""Turn a copy of an article, in whatever form somebody has it, into Markdown.

People have the Markdown itself, a page saved from a browser as HTML or as a web archive, or what
they copied from the screen. All of them say the same, so all of them become the same Markdown; each
line of it knows the line of the copy that it comes from.
"""

from __future__ import annotations

import email
import email.policy
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Final

NOTES: Final = ("note", "tip", "important", "warning", "caution", "alert")
"""What the title of a box says that sets a statement apart."""

LINE_BREAK: Final = "\ue000"
"""Marks where a cell or a paragraph breaks the line (``<br>``, an item of a list in a cell)."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of Markdown, and the line of the copy that it comes from, counted from 1."""

    text: str
    place: int


def markdown_lines(copy: str, headings: Collection[str] = ()) -> list[Line]:
    """Write a copy of an article as Markdown.

    Parameters
    ----------
    copy : str
        Markdown, HTML, a web archive (MHTML), or text copied from a page, in which the cells of a
        table are parted by tabs.
    headings : collection of str
        Anchors of headings. Copied text does not show what a heading is: a line that makes one of
        these anchors is one.

    Returns
    -------
    list of Line
        Empty if the copy says nothing.
    """
    text = re.sub(r"\r\n?", "\n", copy.removeprefix("\ufeff"))
    text = _archived(text)
    if _is_html(text):
        return _of_page(text)
    if _is_copied(text):
        return _of_copied(text, headings)
    return _even(_without_html_tables(text))


def anchor(heading: str) -> str:
    """Make the anchor that a web page gives a heading, as long as no other one has it."""
    words = re.sub(r"[^\w\s-]", "", unicodedata.normalize("NFKC", heading).casefold())
    return re.sub(r"\s+", "-", words.strip()) or "section"


# --- which form a copy has ------------------------------------------------------------------------

_BEGINNING: Final = r"\s*(?:(?:<\?xml[^>]*>|<!--.*?-->)\s*)*"
_WHOLE_PAGE: Final = re.compile(
    _BEGINNING + r"<(?:!doctype\s+html|html|head|body|main)\b", re.I | re.S
)
_PART_OF_PAGE: Final = re.compile(
    _BEGINNING + r"<(?:article|section|div|h[1-6]|p|table|ul|ol)\b", re.I | re.S
)
_MARKDOWN: Final = re.compile(r"^(?:#{1,6} |[-*+] |[ |:-]*-[ |:-]*\|)", re.M)


def _is_html(text: str) -> bool:
    if _WHOLE_PAGE.match(text):
        return True
    return bool(_PART_OF_PAGE.match(text)) and not _MARKDOWN.search(text)


def _archived(text: str) -> str:
    """Give the page within a web archive; any other text as it is."""
    head = text[:4000].casefold()
    if "mime-version:" not in head or "multipart/related" not in head:
        return text
    archive = email.message_from_string(text, policy=email.policy.default)
    for part in archive.walk():
        if part.get_content_type() == "text/html":
            return re.sub(r"\r\n?", "\n", str(part.get_content()))
    return text


_TABBED: Final = re.compile(r"^[^\t\n]*\S[^\t\n]*\t+[ \t]*\S.*$", re.M)
_RULE: Final = re.compile(r"^[ >]*\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?\s*)?$")


def _is_copied(text: str) -> bool:
    """Tell text that was copied from the screen: its tables have tabs, and it has no markup."""
    if any(_RULE.match(line) for line in text.split("\n")):
        return False
    return len(_TABBED.findall(text)) > 1 and not re.search(r"^#{1,6} ", text, re.M)


# --- Markdown -------------------------------------------------------------------------------------

_HTML_TABLE: Final = re.compile(r"^[ \t]*<table\b.*?</table>[ \t]*$", re.I | re.S | re.M)


def _without_html_tables(text: str) -> list[Line]:
    """Write tables in HTML as tables in Markdown."""
    lines: list[Line] = []
    end, place = 0, 1
    for found in _HTML_TABLE.finditer(text):
        before = text[end : found.start()]
        lines += _numbered(before.removesuffix("\n").split("\n"), place)
        place += before.count("\n")
        table = _of_page(found[0])
        lines += [Line("", place), *(Line(one.text, place + one.place - 1) for one in table)]
        lines.append(Line("", place))
        place += found[0].count("\n")
        end = found.end()
    return [*lines, *_numbered(text[end:].split("\n"), place)]


def _numbered(texts: Sequence[str], first: int) -> list[Line]:
    return [Line(text, place) for place, text in enumerate(texts, first)]


def _even(lines: list[Line]) -> list[Line]:
    """Widen tables whose rows have more cells than their head: a reader would lose those."""
    even = list(lines)
    for place, line in enumerate(lines):
        if not place or not _RULE.match(line.text) or "|" not in lines[place - 1].text:
            continue
        head = lines[place - 1]
        rows = [head.text]
        for row in lines[place + 1 :]:
            if "|" not in row.text:
                break
            rows.append(row.text)
        width, ruled = max(map(_width, rows)), _width(line.text)
        if ruled == width == _width(head.text):
            continue
        mark = re.match(r"^[ >]*", head.text)
        quote = mark[0] if mark else ""
        cells = [cell.strip() for cell in _cells(head.text)]
        cells += [""] * (width - len(cells))
        even[place - 1] = Line(f"{quote}| {' | '.join(cells)} |", head.place)
        even[place] = Line(f"{quote}|{'---|' * width}", line.place)
    return even


def _cells(row: str) -> list[str]:
    inner = re.sub(r"^[ \t>]*\|?|\|[ \t]*$", "", row)
    return re.split(r"(?<!\\)\|", inner)


def _width(row: str) -> int:
    return len(_cells(row))


# --- text copied from the screen ------------------------------------------------------------------

_ANSWERS: Final = re.compile(r"^(?:yes|no)\b|\d", re.I)


def _of_copied(text: str, headings: Collection[str]) -> list[Line]:
    """Write copied text: each line is a block, and lines with tabs are the rows of a table.

    What stands before the first heading that is known is of the page, not of the article; so is a
    list of headings.
    """
    told = [line for line in _numbered(text.split("\n"), 1) if line.text.strip()]
    known = [anchor(line.text.strip()) in headings for line in told]
    begin = known.index(True) if any(known) else 0
    writer = _Writer()
    rows: list[tuple[list[str], int]] = []
    for place, line in enumerate(told[begin:], begin):
        if _TABBED.match(line.text):
            rows.append(([cell.strip() for cell in line.text.strip().split("\t")], line.place))
            continue
        if rows and not known[place] and _breaks_a_cell(told, place):
            rows[-1][0][-1] += f"{LINE_BREAK}{line.text.strip()}"
            continue
        _write_copied_table(writer, rows)
        rows = []
        shown = line.text.strip().lstrip("\u2022\u00b7 ")
        if known[place]:
            if not any(known[place + 1 : place + 2]):
                writer.block(f"## {_escaped(shown)}", line.place)
        elif shown.casefold() not in NOTES:
            writer.block(_escaped(shown), line.place)
    _write_copied_table(writer, rows)
    return writer.lines


def _breaks_a_cell(lines: Sequence[Line], place: int) -> bool:
    """Whether a line without tabs is the rest of a cell: no empty line parts it from the rows."""
    if lines[place].place != lines[place - 1].place + 1:
        return False
    for before, line in pairwise(lines[place:]):
        if line.place != before.place + 1:
            return False
        if _TABBED.match(line.text):
            return True
    return False


def _write_copied_table(writer: _Writer, rows: Sequence[tuple[list[str], int]]) -> None:
    if rows:
        answered = any(_ANSWERS.search(cell) for cell in rows[0][0][1:])
        writer.table(rows, has_head=not answered)


@dataclass
class _Writer:
    """Writes blocks of Markdown, with an empty line behind each."""

    lines: list[Line] = field(default_factory=list)

    def block(self, text: str, place: int) -> None:
        """Write a heading, a paragraph or an item of a list."""
        self.lines += [Line(text, place), Line("", place)]

    def table(self, rows: Sequence[tuple[list[str], int]], *, has_head: bool) -> None:
        """Write a table; without a head of its own it gets an empty one."""
        width = max(len(cells) for cells, _ in rows)
        head = rows[0] if has_head else ([""] * width, rows[0][1])
        body = rows[1:] if has_head else rows
        self._row(head, width)
        self.lines.append(Line(f"|{'---|' * width}", head[1]))
        for row in body:
            self._row(row, width)
        self.lines.append(Line("", rows[-1][1]))

    def _row(self, row: tuple[list[str], int], width: int) -> None:
        cells, place = row
        written = [_escaped(cell).replace("|", "\\|") for cell in cells]
        written += [""] * (width - len(cells))
        self.lines.append(Line(f"| {' | '.join(written)} |", place))


def _escaped(text: str) -> str:
    """Keep Markdown from reading signs into a text that has none."""
    text = re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text)
    return re.sub(r"^(\d+)([.)])(?=\s)|^([-+=])(?=\s|$|[-=])", r"\1\\\2\3", text)


# --- a page saved from a browser ------------------------------------------------------------------


def _of_page(page: str) -> list[Line]:
    """Write the article of a web page: headings, paragraphs, lists, tables, notes."""
    for wanted in ("main", "article", "body", ""):
        reader = _PageReader(wanted)
        reader.feed(page)
        reader.close()
        if lines := reader.read():
            return lines
    return []


class _PageReader(HTMLParser):
    """Turns the elements of an article into Markdown, and leaves out the page around it.

    Parameters
    ----------
    within : str
        The element that holds the article; everything if empty.
    """

    SKIPPED = frozenset(
        ("script", "style", "nav", "aside", "footer", "button", "form", "template", "title", "svg")
    )
    VOID = frozenset(("br", "img", "hr", "meta", "link", "input", "source", "wbr", "col"))
    BLOCKS = frozenset(("p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre"))
    PARTS = frozenset(("ul", "ol", "table", "div", "blockquote", "section", "article", "main"))
    CELLS = frozenset(("td", "th"))

    def __init__(self, within: str) -> None:
        super().__init__(convert_charrefs=True)
        self._within = within
        self._writer = _Writer()
        self._open: list[tuple[str, str]] = []
        self._text: list[str] = []
        self._place = 0
        self._rows: list[tuple[list[str], int]] = []
        self._heads: list[bool] = []

    def read(self) -> list[Line]:
        """Give what was read."""
        self._flush()
        self._end_table()
        return self._writer.lines

    # ----- elements

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in self.VOID:
            self._text.append(LINE_BREAK if tag == "br" else " ")
            return
        said = " ".join((value or "").lower() for name, value in attrs if name in _TELLING)
        if tag == "table":
            self._flush()
        elif self._tables() == 1 and (tag == "tr" or tag in self.CELLS):
            self._begin_in_table(tag)
        elif tag in self.BLOCKS or tag in self.PARTS:
            self._part(tag, said)
        self._open.append((tag, said))

    def handle_endtag(self, tag: str) -> None:
        """End an element, and those within it that were left open."""
        if all(name != tag for name, _ in self._open):
            return
        if tag == "table" and self._tables() == 1:
            self._end_cell()
            self._end_table()
        elif tag in self.CELLS and self._tables() == 1:
            self._end_cell()
            return
        elif tag in ("tr", "thead", "tbody") and self._tables() == 1:
            self._end_cell()
        elif tag in self.BLOCKS or tag in self.PARTS:
            self._part(tag, dict(reversed(self._open))[tag])
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Read text."""
        if not self._is_read():
            return
        if data.strip() and not "".join(self._text).strip(f"{LINE_BREAK} \n\t"):
            self._place = (
                self.getpos()[0] + len(data[: len(data) - len(data.lstrip())].split("\n")) - 1
            )
        self._text.append(data)

    def _is_read(self) -> bool:
        inside = not self._within or any(tag == self._within for tag, _ in self._open)
        return inside and not any(
            tag in self.SKIPPED
            or "feedback" in said
            or "metadata" in said
            or "navigation" in said.split()
            for tag, said in self._open
        )

    # ----- text

    def _part(self, tag: str, said: str) -> None:
        """Part one block from the next; what an item or a cell holds is one text."""
        names = [name for name, _ in self._open]
        noted = tag == "blockquote" or bool({*NOTES} & {*said.split()})
        in_item = "li" in names and tag in ("p", "div") and not noted
        if in_item or self._tables():
            self._text.append(LINE_BREAK if self._tables() and tag in ("p", "li") else " ")
        else:
            self._flush()

    def _flush(self) -> None:
        text = self._taken()
        names = [tag for tag, _ in self._open]
        block = next((tag for tag in reversed(names) if tag in self.BLOCKS), "")
        if not text or block == "pre":
            return
        noted = any(tag == "blockquote" or {*NOTES} & {*said.split()} for tag, said in self._open)
        if noted and text.lower() in NOTES:
            return  # the title of the box
        prefix = "> " if noted else ""
        if block.startswith("h"):
            prefix += f"{'#' * int(block[1])} "
        elif "li" in names:
            prefix += "- "
        self._writer.block(prefix + _escaped(text), self._place)

    def _taken(self) -> str:
        """Return the text read so far, on one line, and begin the next."""
        text = " ".join("".join(self._text).split())
        self._text = []
        return text.strip(f"{LINE_BREAK} ")

    # ----- tables

    def _tables(self) -> int:
        """Count the tables that are open; those within another one are only text of its cell."""
        return sum(tag == "table" for tag, _ in self._open)

    def _begin_in_table(self, tag: str) -> None:
        self._end_cell()
        if tag == "tr" or not self._rows:
            self._rows.append(([], self.getpos()[0]))
            self._heads.append(True)

    def _end_cell(self) -> None:
        """Read the cell that is open, if any, be it empty."""
        cell = next((tag for tag, _ in reversed(self._open) if tag in (*self.CELLS, "table")), "")
        text = self._taken()
        if cell in self.CELLS and self._rows:
            cells, place = self._rows[-1]
            self._rows[-1] = ([*cells, text], place if any(cells) or not text else self._place)
            self._heads[-1] = self._heads[-1] and cell == "th"
            while self._open and self._open.pop()[0] != cell:
                pass

    def _end_table(self) -> None:
        kept = [
            (row, head) for row, head in zip(self._rows, self._heads, strict=True) if any(row[0])
        ]
        if kept and self._is_read():
            self._writer.table([row for row, _ in kept], has_head=kept[0][1])
        self._rows, self._heads = [], []


_TELLING: Final = ("class", "id", "role")
