"""What the matrix says, for people: its rows, who says so, who disagrees, what it has to ask.

Beside the pages about rows it has the parts that pages about a VM, a plan or a schedule are made
of: the name of a row, its sources, both readings of a contradiction, the cards of missing facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rpmatrix.common.words import plural
from rpmatrix.eligibility.applicability import ARTICLE
from rpmatrix.eligibility.assessment import Question
from rpmatrix.matrix.matrix import CITABLE_TABLES, MODES, Citation, Matrix
from rpmatrix.matrix.schema import Row
from rpmatrix.matrix.titles import MODE_TITLES, condition, conditions, limit, row_title
from rpmatrix.view.markup import (
    Child,
    Html,
    badge,
    bullets,
    code,
    codes,
    copyable,
    escape,
    fragment,
    link,
    page,
    paragraph,
    scrolling,
    section,
    soft,
    spaced,
    tag,
    title,
)

# --------------------------------------------------------------------------- rows of the matrix


_Cell = Callable[[Row], Child]


def _plain(column: str) -> _Cell:
    return lambda row: row[column].replace("_", " ").replace("|", ", ")


def _outcome(column: str) -> _Cell:
    return lambda row: badge(row[column]) if row[column] else None


# Which columns of a table are worth a place beside id and title; elsewhere all but the plumbing.
_SHOWN: Final[Mapping[str, tuple[tuple[str, _Cell], ...]]] = {
    "scenarios": (
        ("Area", _plain("area")),
        ("Application", _outcome("application")),
        ("Crash", _outcome("crash")),
    ),
    "limits": (("Mode", _plain("mode")), ("Limit", limit), ("Counted for", _plain("scope"))),
    "encryption": (
        ("In the same region", _plain("local_result")),
        ("In another region", _plain("cross_region_result")),
    ),
    "cross_region": (
        ("Topic", _plain("topic")),
        ("Outcome", _outcome("outcome")),
        ("Effect", _plain("effect")),
    ),
    "errors": (("Code", _plain("code")), ("Message", _plain("message_fragment"))),
}

_PLUMBING: Final = {"id", "statement_id", "title", "repeats", "source", "reviewed_on"}
_TOLD_IN_WORDS: Final = {
    *("fact_id", "operator", "value", "comparator", "unit"),
    *("caveat", "remedy", *MODES),
}


def _columns(matrix: Matrix, table: str) -> Sequence[tuple[str, _Cell]]:
    if table in _SHOWN:
        return _SHOWN[table]
    rows = matrix.table(table)
    names = [name for name in rows[0] if name not in _PLUMBING] if rows else []
    return [(spoken(name), _plain(name)) for name in names]


def spoken(column: str) -> str:
    """Give the name of a column as a heading."""
    return column.replace("_", " ").capitalize()


def matrix_table(
    matrix: Matrix,
    table: str = "scenarios",
    row_ids: Iterable[str] | None = None,
    *,
    selected: str = "",
) -> str:
    """Show rows of a table that can be cited.

    Parameters
    ----------
    matrix : Matrix
        Where the rows stand.
    table : str
        One of :data:`rpmatrix.matrix.matrix.CITABLE_TABLES`.
    row_ids : iterable of str, optional
        The rows to show, in this order; all if left out.
    selected : str
        The row to mark.

    Raises
    ------
    KeyError
        If there is no such table or row.
    """
    columns = _columns(matrix, table)
    ids = [row.id for row in matrix.table(table)] if row_ids is None else list(row_ids)
    if not ids:
        return page(paragraph("No row fits. Widen the filter."))
    names = ["Row", *(name for name, _ in columns), "Id", "Rulings", "Layer"]
    body = []
    for row_id in ids:
        row = matrix.row(row_id, table)
        mark = tag("strong", "▶ ") if row_id == selected else None
        cells = [
            *(cell(row) for _, cell in columns),
            code(row_id),
            codes(matrix.rulings(row_id)),
            matrix.layer_of(row_id, table),
        ]
        body.append(
            tag(
                "tr",
                tag("th", mark, row_title(matrix, row_id), scope="row"),
                [tag("td", cell) for cell in cells],
                aria_current="true" if row_id == selected else None,
            )
        )
    return page(scrolling(f"Rows of {table}", names, body), soft(plural(len(ids), "row"), "."))


def row_card(matrix: Matrix, row_id: str) -> str:
    """Show one row: what it says, when it applies, who says so, and what contradicts it.

    Raises
    ------
    KeyError
        If no row that can be cited has this id.
    """
    table = matrix.table_of(row_id)
    row = matrix.row(row_id, table)
    return page(
        tag(
            "div",
            title(row_title(matrix, row_id)),
            soft(code(row_id), f" of table {table}, layer {matrix.layer_of(row_id, table)}"),
            _says(row),
            _when(matrix, row),
            advice(row),
            source_line(matrix, row_id),
            section(
                "Where sources contradict each other",
                *(ruling_card(matrix, ruling) for ruling in matrix.rulings(row_id)),
            ),
            _see_also(matrix, row_id),
            class_="rpm-card",
        )
    )


def _says(row: Row) -> Html:
    outcomes = [
        fragment([f"{MODE_TITLES[mode]} ", badge(row[mode])]) for mode in MODES if mode in row
    ]
    told = _PLUMBING | _TOLD_IN_WORDS
    cells = [
        fragment([tag("strong", f"{spoken(name)}: "), _plain(name)(row)])
        for name in row
        if name not in told and row[name]
    ]
    number = limit(row) if "comparator" in row else ""
    return fragment(
        [
            paragraph(spaced(outcomes, " · ")) if outcomes else None,
            paragraph(tag("strong", "Limit: "), number) if number else None,
            bullets(cells),
        ]
    )


def _when(matrix: Matrix, row: Row) -> Html:
    clauses = conditions(matrix, row.id)
    if row.get("fact_id") and row.get("operator"):
        clauses = ((condition(matrix, row),),)
    if not clauses:
        fact = matrix.facts.get(row.get("fact_id", ""))
        return paragraph(tag("strong", "Is about: "), fact.title) if fact else Html("")
    lines = ["; and ".join(tests) for tests in clauses]
    if len(lines) == 1:
        return paragraph(tag("strong", "Applies when "), lines[0], ".")
    return fragment([paragraph(tag("strong", "Applies when one of these holds:")), bullets(lines)])


def _members(row: Row, *columns: str) -> tuple[str, ...]:
    """Give the members of list cells, of which a table may have some or none."""
    return tuple(one for column in columns if column in row for one in row.members(column))


def _see_also(matrix: Matrix, row_id: str) -> Html:
    """Give the rows of other tables that name this one."""
    lines = []
    for table in CITABLE_TABLES:
        for row in matrix.table(table):
            if row_id in _members(row, "row_ids", "scenario_id"):
                named = [" ", codes(_members(row, "code"))] if _members(row, "code") else None
                lines.append(fragment([spoken(table), named, ": ", row_name(matrix, row.id)]))
    return section("See also", bullets(lines)) if lines else Html("")


def row_name(matrix: Matrix, row_id: str) -> Html:
    """Name a row by its title and its id."""
    return fragment([matrix.citation(row_id).title, " ", code(row_id)])


def advice(row: Row) -> Html:
    """Show what to mind and what to do, as far as a row says it."""
    caveat, remedy = row.get("caveat", ""), row.get("remedy", "")
    return fragment(
        [
            paragraph(tag("strong", "Mind: "), caveat) if caveat else None,
            paragraph(tag("strong", "What to do: "), remedy) if remedy else None,
        ]
    )


def named_rows(rows: Sequence[str]) -> Html | None:
    """Name the rows behind something, if there are any."""
    return soft("Rows: ", codes(rows), ".") if rows else None


def layer_names(matrix: Matrix) -> Html:
    """Name the layers that decided, and the article that they state."""
    return fragment(["the matrix, layers ", codes(matrix.layers), article_links(matrix)])


def source_line(matrix: Matrix, row_id: str) -> Html:
    """Say who says what a row says, and who says it again."""
    first, *again = matrix.citations(row_id)
    repeated = [
        fragment(["; said again by ", code(one.row_id), ", ", _cited(one)]) for one in again
    ]
    return soft("Source: ", _cited(first), repeated, ".")


def _cited(citation: Citation) -> Html:
    dated = f", {citation.dated}" if citation.dated else ""
    rest = f"{dated}, layer {citation.layer}, reviewed on {citation.reviewed_on}"
    if not citation.address:
        return escape(f"{citation.place}{rest}")
    return fragment([link(citation.place, citation.address), rest])


def article_links(matrix: Matrix) -> Html:
    """Name each edition of the article that decided, with its date, licence and address."""
    lines = [
        fragment(["; ", link(row["title"], row["address"]), f", {row['dated']} ({row['licence']})"])
        for row in matrix.article
    ]
    return fragment(lines)


_ROW_ID: Final = re.compile(r"<code>([a-z][a-z0-9]*(?:-[a-z0-9]+)*)</code>")


def with_sources(matrix: Matrix, *pages: str) -> tuple[str, ...]:
    """Add an appendix with the source of each row that pages name, and link the names to it.

    Parameters
    ----------
    matrix : Matrix
        Where the rows are.
    *pages : str
        The pages of one document.
    """
    shown = dict.fromkeys(row_id for one in pages for row_id in _ROW_ID.findall(one))
    rulings = {row.id for row in matrix.table("rulings")}
    known = [row_id for row_id in shown if row_id in rulings or _is_citable(matrix, row_id)]
    if not known:
        return pages
    entries = [
        tag(
            "div",
            ruling_card(matrix, row_id)
            if row_id in rulings
            else fragment([paragraph(row_name(matrix, row_id)), source_line(matrix, row_id)]),
            id=f"row-{row_id}",
        )
        for row_id in known
    ]
    targets = set(known)

    def linked(found: re.Match[str]) -> str:
        if found[1] not in targets:
            return found[0]
        return f'<a href="#row-{found[1]}">{found[0]}</a>'

    appendix = page(tag("h2", "Sources"), soft("Each row, and where to read it."), entries)
    return (*(_ROW_ID.sub(linked, one) for one in pages), appendix)


def _is_citable(matrix: Matrix, row_id: str) -> bool:
    try:
        matrix.citation(row_id)
    except KeyError:
        return False
    return True


def rows_behind(rows: Sequence[str], source: str, rulings: Sequence[str]) -> Html:
    """Name the rows of a line, who says it, and the contradictions that touch it."""
    who = "the article" if source == ARTICLE else source
    return soft(
        codes(rows),
        f", says {who}",
        ["; contradicted, see ", codes(rulings)] if rulings else None,
    )


def ruling_card(matrix: Matrix, ruling_id: str) -> Html:
    """Show a ruling: both readings of a contradiction, and which one counts."""
    row = matrix.row(ruling_id, "rulings")
    return contradiction(
        ruling_id,
        row["topic"],
        {letter: row[f"reading_{letter}"] for letter in "ab"},
        {
            letter: (row.members(f"row_{letter}"), row.get(f"source_{letter}", ""))
            for letter in "ab"
        },
        row["adopted"],
        row["policy"],
        row["reason"],
    )


def contradiction(
    ruling_id: str,
    topic: str,
    readings: Mapping[str, str],
    by: Mapping[str, tuple[Sequence[str], str]],
    adopted: str,
    policy: str,
    reason: str,
) -> Html:
    """Show a contradiction with both readings, and which one counts."""

    def reading(letter: str) -> Html:
        rows, source = by[letter]
        mark = tag("strong", "✓ adopted: ") if adopted == letter else None
        return fragment([mark, readings[letter], " (", codes(rows) if rows else source, ")"])

    judged = f"{policy} reading" if adopted != "neither" else "neither reading is adopted"
    return tag(
        "div",
        paragraph(tag("strong", topic), " ", code(ruling_id)),
        bullets([reading("a"), reading("b")]),
        paragraph(tag("strong", f"Ruling, {judged}: "), reason),
        class_="rpm-card",
    )


# --------------------------------------------------------------------------- questions


def question_cards(questions: Iterable[tuple[Question, Sequence[str]]]) -> list[Html]:
    """Make a card for each fact that is missing; with it what waits for it."""
    return [
        tag(
            "div",
            paragraph(
                tag("strong", question.title),
                [" of ", code(question.disk)] if question.disk else None,
                " is not known (",
                code(question.fact_id),
                ")",
            ),
            paragraph(question.ask) if question.ask else None,
            copyable(question.command, f"Command for {question.title}")
            if question.command
            else None,
            soft(question.why[:1].upper() + question.why[1:], ".") if question.why else None,
            soft(
                f"Open for {' and '.join(open_for)}: rows " if open_for else "Rows ",
                codes(question.rows),
                ".",
            ),
            class_="rpm-card",
        )
        for question, open_for in questions
    ]


def questions_once(questions: Iterable[Question], title: str = "What settles it") -> Html:
    """Give questions that several places ask, each once."""
    merged: dict[tuple[str, str, str], tuple[Question, dict[str, None]]] = {}
    for one in questions:
        mark = (one.fact_id, one.disk, one.command)
        merged.setdefault(mark, (one, {}))[1].update(dict.fromkeys(one.rows))
    asked = [(replace(one, rows=tuple(rows)), ()) for one, rows in merged.values()]
    return section(title, *question_cards(asked))
