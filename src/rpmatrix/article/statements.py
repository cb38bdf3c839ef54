"""Read a copy of a support article into its single statements.

An article is prose with a table in it. Here it becomes *statements*: a row of the table, a bullet,
a note, a paragraph. Each one has a fingerprint of its normalised text, so that editions can be
compared and the tables can point into the article, without its text standing in the project.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from rpmatrix.article.source import LINE_BREAK, anchor, markdown_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from markdown_it.tree import SyntaxTreeNode

__all__ = ["Statement", "StatementKind", "normalise", "read_article"]

StatementKind = Literal["table_row", "bullet", "note", "paragraph"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an article.

    Attributes
    ----------
    section
        Anchor of the heading above it: lower case, hyphens for blanks, ``-1``, ``-2`` and so on
        for a heading that comes again. Empty above the first heading.
    position
        Place in the article, counted from 1 over all statements.
    kind
        ``table_row``, ``bullet`` (an item of any list, also of one within a note), ``note`` (a
        paragraph of a block quote) or ``paragraph``.
    cells
        What a reader sees, without markup: the cells of a table row, else the one text.
    line
        Line of the file on which it begins, counted from 1.
    columns
        Of a row of a table what the head of the table calls its cells; empty for the other kinds.
    """

    section: str
    position: int
    kind: StatementKind
    cells: tuple[str, ...]
    line: int
    columns: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a table row is about: its first cell, normalised. Empty for the other kinds."""
        return normalise(self.cells[0]) if self.kind == "table_row" else ""

    @property
    def outcome(self) -> str:
        """What a table row says of its label: its other cells, normalised. Else empty."""
        return _joined(self.cells[1:]) if self.kind == "table_row" else ""

    @property
    def text(self) -> str:
        """The whole statement, normalised; the cells of a table row keep a bar between them."""
        return _joined(self.cells)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of `text`, 64 hexadecimal digits.

        An article may say the same words in two places: only together with the section does the
        fingerprint tell a statement from all others.
        """
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_article(text: str, headings: Collection[str] = ()) -> tuple[Statement, ...]:
    """Read an article into its statements.

    Understands CommonMark with tables and what a documentation build adds to it: front matter,
    ``[!NOTE]`` and its kin, ``[!INCLUDE ...]`` and ``:::`` lines; and a page saved from a browser,
    or copied from the screen, as `rpmatrix.article.source` turns it into the same. Headings are the
    sections of the statements. No statements are: the header row of a table, which only names the
    columns; included files, which are not at hand; code blocks and comments.

    Parameters
    ----------
    text
        The article, with any kind of line end.
    headings
        Anchors by which headings are recognised in a text that was copied from the screen.

    Returns
    -------
    tuple of Statement
        In the order of the article; empty if the text says nothing.
    """
    # Late: Markdown is read to compare editions, never on the way to a verdict.
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    lines = markdown_lines(text, headings)
    markdown = _without_front_matter("\n".join(line.text for line in lines))
    parser = MarkdownIt("commonmark").enable("table")
    section, anchors = "", set[str]()
    statements: list[Statement] = []
    for block in SyntaxTreeNode(parser.parse(markdown)).children:
        if block.type == "heading":
            section = _anchor(_plain(block), anchors)
            continue
        for kind, cells, line, columns in _blocks([block], "paragraph"):
            if any(normalise(cell) for cell in cells):
                place = lines[line - 1].place if 0 < line <= len(lines) else line
                position = len(statements) + 1
                statements.append(Statement(section, position, kind, cells, place, columns))
    return tuple(statements)


def normalise(text: str) -> str:
    """Fold what does not change the meaning of a text that has no markup left.

    Folded are letter case, the kind of blank (also the no-break space), of quotation mark and of
    dash, invisible characters, runs of white space, and punctuation at the end. A stray ``**``
    goes too: CommonMark leaves it in the text where a blank beside it hides the emphasis.

    Parameters
    ----------
    text
        Text as a reader sees it.

    Returns
    -------
    str
        The folded text. Folding it again changes nothing.
    """
    folded = text
    # One round may uncover work for the next: the small dash becomes a dash, then a hyphen.
    while (again := _fold(folded)) != folded:
        folded = again
    return folded


# Punctuation that writers and editors exchange for one another.
_ALIKE = {
    ord(char): plain
    for plain, chars in {
        "'": "\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc",
        '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
        "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
    }.items()
    for char in chars
}


def _fold(text: str) -> str:
    """Fold a text once; see `normalise`."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    plain = unicodedata.normalize("NFKC", visible.translate(_ALIKE)).casefold()
    return " ".join(plain.replace("**", "").split()).rstrip(" .,;:")


def _joined(cells: Iterable[str]) -> str:
    """Normalise cells one by one, and join them as Markdown would show them."""
    return " | ".join(map(normalise, cells))


# A rule may open an article too: only a line like "title: x" or "# x" after it makes front matter.
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n\s*(?=[\w.-]+[ \t]*:|#).*?^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE
)


def _without_front_matter(text: str) -> str:
    """Blank out the front matter; every other line keeps its number."""
    return _FRONT_MATTER.sub(lambda match: "\n" * match[0].count("\n"), text)


def _anchor(heading: str, taken: set[str]) -> str:
    """Make the anchor that a web page gives a heading, and add it to those taken."""
    free = stem = anchor(heading)
    number = 0
    while free in taken:
        number += 1
        free = f"{stem}-{number}"
    taken.add(free)
    return free


_Block = tuple[StatementKind, tuple[str, ...], int, tuple[str, ...]]


def _blocks(nodes: Iterable[SyntaxTreeNode], kind: StatementKind) -> Iterator[_Block]:
    """Give kind, cells, line and columns of each statement in some blocks.

    `kind` is that of a bare text.
    """
    for node in nodes:
        line = node.map[0] + 1 if node.map else 0
        match node.type:
            case "paragraph" | "heading":
                yield kind, (_plain(node),), line, ()
            case "html_block":
                yield kind, (_without_tags(node.content),), line, ()
            case "bullet_list" | "ordered_list":
                yield from _blocks(node.children, kind)
            case "list_item":
                # What an item says in several paragraphs is one statement; lists in it are not.
                own = [_plain(child) for child in node.children if child.type == "paragraph"]
                yield "bullet", (" ".join(own),), line, ()
                rest = [child for child in node.children if child.type != "paragraph"]
                yield from _blocks(rest, "bullet")
            case "blockquote":
                yield from _blocks(node.children, "note")
            case "table":
                (head,) = node.children[0].children
                columns = tuple(_plain(cell) for cell in head.children)
                for body in node.children[1:]:
                    for row in body.children:
                        line = row.map[0] + 1 if row.map else line
                        cells = tuple(_plain(cell) for cell in row.children)
                        yield "table_row", cells, line, columns


_BREAKING_TAG = re.compile(r"</?\s*(?:br|p|li|div)\b", re.IGNORECASE)
_BUILD_LINE = re.compile(r"^[ \t]*:::.*$", re.MULTILINE)
_BUILD_MARK = re.compile(r"\[![a-z][^\[\]]*\]", re.IGNORECASE)


def _plain(node: SyntaxTreeNode) -> str:
    """Return the text of a block as a reader sees it, on one line.

    Where the line breaks between two sentences, the first one ends with a full stop.
    """
    text = _BUILD_MARK.sub(" ", _BUILD_LINE.sub(" ", _inline(node)))
    lines = [" ".join(line.split()) for line in text.split(LINE_BREAK)]
    return " ".join(_ended(line, rest) for line, rest in pairwise([*filter(None, lines), ""]))


_SENTENCE: Final = re.compile(
    r"\b(?:yes|no|not|is|are|isn't|aren't|can|can't|will|won't|support(?:s|ed)?|unsupported)\b"
)


def _ended(line: str, rest: str) -> str:
    """Return a line with a full stop behind it, if it is a sentence and another one follows."""
    ends = rest and line[-1] not in ".!?;:," and _SENTENCE.search(normalise(line))
    return f"{line}." if ends and _SENTENCE.search(normalise(rest)) else line


def _inline(node: SyntaxTreeNode) -> str:
    """Give the text of a node and all within it: emphasis and the targets of links are left out."""
    match node.type:
        case "text" | "code_inline":
            return node.content
        case "softbreak" | "hardbreak":
            return "\n"
        case "html_inline":
            return LINE_BREAK if _BREAKING_TAG.match(node.content) else ""
        case _:
            return "".join(map(_inline, node.children))


def _without_tags(source: str) -> str:
    """Give the text of a block of HTML; comments are not text."""
    source = re.sub(r"<!--.*?(?:-->|\Z)", " ", source, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", source)).split())
