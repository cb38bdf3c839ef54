"""HTML for people: verdicts, explanations, rows of the matrix, problems.

The only module that writes HTML. Names, tags and ids come from customers, so nothing enters a page
unescaped: markup is built with :func:`_tag`, which escapes whatever is not markup already. The same
input gives the same bytes, without scripts, ids or addresses, so that a stored notebook can be
compared and opened offline. How it looks stands in ``_static/report.css``; without that it still
reads well, as in viewers that drop styles.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final

from rpmatrix.commands import write
from rpmatrix.eligibility import (
    Assessment,
    ExcludedDisk,
    Explanation,
    Finding,
    Question,
    Verdict,
    fill_command,
)
from rpmatrix.inventory import Disk, Evidence, Problem, Vm
from rpmatrix.matrix import CITABLE_TABLES, MODES, Citation, Matrix
from rpmatrix.planning import (
    SAFE_PHASES,
    Change,
    Comparison,
    Group,
    ModeLine,
    NotSaved,
    Plan,
    Step,
    VmPlan,
)
from rpmatrix.tables import Row

SHOWN_VMS: Final = 100
"""How many VMs a table of verdicts shows before it says how many more there are."""

# --------------------------------------------------------------------------- markup


class _Html(str):
    """Text that is markup already and must not be escaped again."""

    __slots__ = ()


# Control characters, half surrogate pairs and marks that turn the direction of text around: a
# browser must not get them, and a name must not look like another one.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_Child = str | None | Iterable["str | None"]


def _escape(text: str) -> _Html:
    return _Html(html.escape(_UNFIT.sub("\ufffd", text), quote=True))


def _markup(children: Iterable[_Child]) -> _Html:
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, _Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(_escape(child))
        else:
            parts.append(_markup(child))
    return _Html("".join(parts))


def _tag(tag: str, /, *children: _Child, **attributes: str | None) -> _Html:
    """Make an element; ``class_`` and ``aria_label`` become ``class`` and ``aria-label``."""
    opened = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return _Html(f"<{tag}{opened}>{_markup(children)}</{tag}>")


def _p(*children: _Child, class_: str | None = None) -> _Html:
    return _tag("p", *children, class_=class_)


def _title(text: str) -> _Html:
    return _p(_tag("strong", text), class_="rpm-title")


def _soft(*children: _Child) -> _Html:
    return _p(*children, class_="rpm-soft")


def _code(text: str) -> _Html:
    return _tag("code", text)


def _codes(texts: Iterable[str]) -> _Html:
    return _spaced([_code(text) for text in texts], ", ")


def _spaced(parts: Sequence[str], between: str) -> _Html:
    """Put something between parts, so that they stay apart where styles are dropped."""
    found: list[str] = []
    for part in parts:
        found += [between, part] if found else [part]
    return _markup(found)


def _list(items: Iterable[_Child]) -> _Html:
    return _tag("ul", [_tag("li", item) for item in items])


def _heading(text: str) -> _Html:
    """Make a heading that a notebook does not take into its table of contents."""
    return _tag("p", _tag("strong", text), class_="rpm-head", role="heading", aria_level="4")


def _section(title: str, *content: str) -> _Html:
    return _markup([_heading(title), *content]) if any(content) else _Html("")


def _details(summary: str, *content: _Child) -> _Html:
    return _tag("details", _tag("summary", summary), *content)


def _wide(content: _Child) -> _Html:
    """Give a cell room: on a narrow page the table scrolls rather than break every word."""
    return _tag("div", content, class_="rpm-wide")


def _copyable(text: str, label: str) -> _Html:
    """Make a block that one click selects as a whole."""
    return _tag("pre", text, tabindex="0", aria_label=label)


def _table(label: str, columns: Sequence[str], rows: Iterable[Sequence[_Child]]) -> _Html:
    """Make a table that scrolls by itself; the first cell of each row is its header."""
    head = _tag("tr", [_tag("th", column, scope="col") for column in columns])
    body = [
        _tag("tr", _tag("th", row[0], scope="row"), [_tag("td", cell) for cell in row[1:]])
        for row in rows
    ]
    return _scrolling(label, head, body)


def _scrolling(label: str, head: _Html, body: Sequence[_Html]) -> _Html:
    table = _tag("table", _tag("thead", head), _tag("tbody", body))
    return _tag("div", table, class_="rpm-scroll", role="region", aria_label=label, tabindex="0")


@lru_cache(maxsize=1)
def _style() -> str:
    """Give the style sheet as one element, without comments and needless space."""
    sheet = (files("rpmatrix") / "_static" / "report.css").read_text(encoding="utf-8")
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"\s+", " ", sheet)
    sheet = re.sub(r" ?([{};,]) ?", r"\1", sheet).replace(": ", ":").replace(";}", "}")
    return f"<style>{sheet.strip()}</style>"


def _page(*content: _Child) -> str:
    """Give markup the class and the style sheet that it needs to stand alone."""
    return f'<div class="rpm">{_style()}{_markup(content)}</div>'


def joined(*pages: str) -> str:
    """Put what other functions of this module gave into one page, with one style sheet.

    Parameters
    ----------
    *pages : str
        HTML of this module; an empty text is left out. Any other text would go in unescaped.
    """
    whole = "".join(pages)
    first, style, rest = whole.partition(_style())
    return first + style + rest.replace(_style(), "")


# --------------------------------------------------------------------------- words and symbols

# What a verdict, an outcome or the fate of a disk is called, its symbol, and its colour.
_BADGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "supported": ("✓", "supported", "yes"),
    "supported_with_caveat": ("✓", "supported, with a caveat", "yes"),
    "exclude_disks": ("◐", "exclude disks", "part"),
    "exclude_disk": ("◐", "exclude the disk", "part"),
    "not_supported": ("✕", "not supported", "no"),
    "unknown": ("?", "unknown", "open"),
    "not_stated": ("?", "not stated", "open"),
    "not_applicable": ("–", "does not apply", "none"),
    "disk_included": ("✓", "include", "yes"),
    "disk_excluded": ("◐", "exclude", "part"),
    "disk_blocks": ("✕", "blocks", "no"),
    "disk_open": ("?", "not known", "open"),
    "disk_unsaved": ("–", "no restore point", "none"),
    "passed": ("✓", "passed", "yes"),
    "failed": ("✕", "failed", "no"),
}

_MODES: Final = {"application": "Application consistency", "crash": "Crash consistency"}

_OPERATORS: Final = {
    "is": "",
    "is_not": "not ",
    "in": "one of ",
    "not_in": "none of ",
    "at_least": "at least ",
    "at_most": "at most ",
    "more_than": "more than ",
    "less_than": "less than ",
    "starts_with": "starts with ",
    "present": "known",
    "absent": "not known",
}

_HOW: Final = {
    "absent": "left out of a full record, which means its default",
    "assumed": "assumed",
    "answered": "answered by you",
}


def _badge(name: str) -> _Html:
    symbol, word, colour = _BADGES.get(name, ("·", name.replace("_", " "), "none"))
    return _tag(
        "span",
        _tag("span", symbol, aria_hidden="true"),
        " ",
        word,
        class_=f"rpm-badge rpm-{colour}",
    )


def word(name: str) -> str:
    """Give the symbol and the word for a verdict or an outcome, where no markup is possible."""
    symbol, spoken, _ = _BADGES.get(name, ("·", name.replace("_", " "), ""))
    return f"{symbol} {spoken}"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _mode_order(modes: Iterable[str]) -> list[str]:
    known = set(modes)
    return [mode for mode in MODES if mode in known]


# --------------------------------------------------------------------------- verdicts


def verdict_table(verdicts: Iterable[Verdict]) -> str:
    """Show verdicts as a table, one row per VM and one column per mode.

    Parameters
    ----------
    verdicts : iterable of Verdict
        In the order to show them; beyond the first hundred VMs only their number is told.
    """
    return _page(_verdict_table(tuple(verdicts)))


def _verdict_table(verdicts: Sequence[Verdict]) -> _Html:
    by_vm: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        by_vm.setdefault(verdict.vm_id, {})[verdict.mode] = verdict
    if not by_vm:
        return _p("No VM, and so no verdict.")
    modes = _mode_order(verdict.mode for verdict in verdicts)
    rows = []
    for vm_id, found in list(by_vm.items())[:SHOWN_VMS]:
        name = next(iter(found.values())).vm_name
        rows.append([name or vm_id, *(_verdict_cell(found.get(mode)) for mode in modes)])
    table = _table("Verdicts", ["VM", *(_MODES[mode] for mode in modes)], rows)
    more = len(by_vm) - SHOWN_VMS
    return _markup([table, _soft(f"… and {_plural(more, 'more VM')}.") if more > 0 else None])


def _verdict_cell(verdict: Verdict | None) -> _Html:
    if verdict is None:
        return _Html("")
    lines: list[str] = [_badge(verdict.verdict)]
    if verdict.verdict == "unknown":
        lines.append(_escape(_range(verdict)))
    if verdict.exclude_disks:
        lines.append(_markup(["Exclude ", _codes(disk.label for disk in verdict.exclude_disks)]))
    if verdict.verdict != "supported":
        lines.append(
            _markup(["Decided by " if _sure(verdict) else "Open: ", _codes(verdict.reasons)])
        )
    others = [*(() if verdict.verdict != "supported" else verdict.reasons), *verdict.caveats]
    content = [_tag("div", line) for line in lines]
    if others:
        content.append(_details(_plural(len(others), "more row"), _p(_codes(others))))
    return _markup(content)


def _sure(verdict: Verdict) -> bool:
    return verdict.verdict != "unknown"


def _range(verdict: Verdict) -> str:
    best, worst = (_BADGES[name][1] for name in (verdict.ceiling, verdict.floor))
    return f"At best {best}, at worst {worst}."


def assessment(found: Assessment) -> str:
    """Show an assessment: its verdicts, and what the reader has to say of the input."""
    counts = found.inventory.counts
    vms = len(found.inventory.vms)
    title = f"{_plural(vms, 'VM')} in {_plural(counts['records'], 'record')}"
    return _page(
        _title(title),
        _verdict_table(found.verdicts),
        _problems(found.problems, found.inventory.notes),
        _soft("Decided by ", _layers(found.matrix), "."),
    )


def _layers(matrix: Matrix) -> _Html:
    return _markup(["the matrix, layers ", _codes(matrix.layers)])


def problems(found: Sequence[Problem], notes: Sequence[str] = ()) -> str:
    """Show the records that were not understood, and what else the reader noticed.

    Returns
    -------
    str
        Empty if there is neither.
    """
    content = _problems(found, notes)
    return _page(content) if content else ""


def _problems(found: Sequence[Problem], notes: Sequence[str]) -> _Html:
    rows = [
        [
            _wide(_code(one.file)),
            _markup([_code(one.record or "/"), " ", one.path]),
            _wide(one.message),
        ]
        for one in found[:SHOWN_VMS]
    ]
    more = len(found) - SHOWN_VMS
    return _markup(
        [
            _section(
                f"Not understood: {_plural(len(found), 'record')}",
                _table("Problems", ["Input", "Record", "What is wrong"], rows),
                _soft(f"… and {more:,} more.") if more > 0 else "",
            )
            if found
            else None,
            _section("Remarks on the input", _list(notes)) if notes else None,
        ]
    )


# --------------------------------------------------------------------------- explanation


def explanation(found: Explanation) -> str:
    """Show why one VM got its verdicts: everything that decided, and who says so."""
    matrix = found.assessment.matrix
    return _page(
        _title(found.vm.name or found.vm.id),
        _soft(_spaced([*_about(found)], " · ")),
        _tag("div", [_mode_card(one, found.vm) for one in found.verdicts], class_="rpm-cards"),
        _questions(found),
        _disks(found),
        _why(found),
        _rulings_of(found),
        _assumptions(found),
        _could_apply(found),
        _evidence(found),
        _soft("Decided by ", _layers(matrix), "."),
    )


def _about(found: Explanation) -> Iterable[_Html]:
    yield _code(found.vm.id)
    if found.vm.location:
        yield _escape(found.vm.location)
    if found.assessment.evaluator.strict:
        yield _escape("strict: nothing is assumed")
    facts = found.assessment.evaluator.read(found.vm)
    answered = {
        fact_id: str(reading.value)
        for readings in (facts.readings, *(disk.readings for disk in facts.disks))
        for fact_id, reading in readings.items()
        if reading.how == "answered"
    }
    for fact_id, value in answered.items():
        fact = found.assessment.matrix.facts[fact_id]
        shown = value_title(found.assessment.matrix, fact_id, value)
        yield _escape(f"answered: {fact.title} = {shown}")


def _mode_card(verdict: Verdict, vm: Vm) -> _Html:
    return _tag(
        "div",
        _p(_tag("strong", _MODES[verdict.mode]), " ", _badge(verdict.verdict)),
        _p(" ".join(_summary(verdict, vm))),
        class_="rpm-card",
    )


def _summary(verdict: Verdict, vm: Vm) -> Iterable[str]:
    count = len(verdict.exclude_disks)
    if verdict.verdict == "supported":
        yield "A restore point can be created, with all disks."
    elif verdict.verdict == "exclude_disks":
        yield f"A restore point can be created without {count} of {_plural(len(vm.disks), 'disk')}."
    elif verdict.verdict == "not_supported":
        yield "No restore point can be created."
    else:
        yield _range(verdict)
        waiting = len(verdict.missing)
        if waiting:
            yield f"{_plural(waiting, 'fact is', 'facts are')} missing; see what settles it below."
        else:
            yield "No fact of the VM is missing: the matrix itself leaves this open."
    if verdict.assumptions and verdict.verdict != "not_supported":
        count = len(verdict.assumptions)
        yield f"Rests on {_plural(count, 'assumption')}, to be confirmed below."
    if verdict.caveats:
        yield f"Mind {_plural(len(verdict.caveats), 'caveat')}."


def _questions(found: Explanation) -> _Html:
    waiting: dict[tuple[str, str], tuple[Question, list[str]]] = {}
    for verdict in found.verdicts:
        for question in verdict.missing:
            mark = (question.fact_id, question.disk)
            waiting.setdefault(mark, (question, []))[1].append(verdict.mode)
    cards = [
        _tag(
            "div",
            _p(
                _tag("strong", question.title),
                [" of ", _code(question.disk)] if question.disk else None,
                " is not known (",
                _code(question.fact_id),
                ")",
            ),
            _p(question.ask) if question.ask else None,
            _copyable(question.command, f"Command for {question.title}")
            if question.command
            else None,
            _soft(question.why[:1].upper() + question.why[1:], ".") if question.why else None,
            _soft(f"Open for {' and '.join(modes)}: rows ", _codes(question.rows), "."),
            class_="rpm-card",
        )
        for question, modes in waiting.values()
    ]
    return _section("What settles it", *cards)


def _disks(found: Explanation) -> _Html:
    if not found.vm.disks:
        return _Html("")
    facts = found.assessment.evaluator.read(found.vm)
    modes = [verdict.mode for verdict in found.verdicts]
    rows = []
    for one in facts.disks:
        disk = one.disk
        sku = one.readings["disk_sku"].value if "disk_sku" in one.readings else None
        place = "OS disk" if disk.role == "os" else "data disk"
        place += f", lun {disk.lun}" if disk.lun is not None else ""
        concerning = [finding for finding in found.findings if finding.disk == disk.label]
        fates = [
            _badge(_fate(disk.id, disk.label, verdict, concerning)) for verdict in found.verdicts
        ]
        rows.append(
            [
                disk.label,
                place + (f", {sku}" if sku else ", SKU not known"),
                *fates,
                _wide(_disk_reasons(found.assessment.matrix, concerning)),
            ]
        )
    columns = ["Disk", "What it is", *(_MODES[mode] for mode in modes), "Why"]
    return _section("Disks", _table("Disks", columns, rows), *(_ids_to_exclude(found.verdicts)))


def _fate(disk_id: str | None, label: str, verdict: Verdict, concerning: Sequence[Finding]) -> str:
    """Say what becomes of a disk in one mode: one of the badges that begin with ``disk_``."""
    here = [one for one in concerning if one.mode == verdict.mode]
    surely = {one.outcome for one in here if one.applies == "yes"}
    if "not_supported" in surely:
        return "disk_blocks"
    if any((one.id, one.label) == (disk_id, label) for one in verdict.exclude_disks):
        return "disk_excluded"
    if verdict.verdict == "not_supported":
        return "disk_unsaved"
    if "exclude_disk" in surely:
        return "disk_excluded"
    if any(one.applies == "unknown" and one.outcome in _DECISIVE for one in here):
        return "disk_open"
    return "disk_included"


_DECISIVE: Final = ("exclude_disk", "not_supported", "not_stated")


def _disk_reasons(matrix: Matrix, concerning: Sequence[Finding]) -> _Html:
    rows = dict.fromkeys(
        one.row_id
        for one in concerning
        if one.outcome in _DECISIVE and one.applies in ("yes", "unknown")
    )
    if not rows:
        return _escape("No row excludes it.")
    return _markup([_tag("div", _row_name(matrix, row)) for row in rows])


def _row_name(matrix: Matrix, row_id: str) -> _Html:
    return _markup([matrix.citation(row_id).title, " ", _code(row_id)])


def _ids_to_exclude(verdicts: Sequence[Verdict]) -> Iterable[_Html]:
    lists: dict[tuple[ExcludedDisk, ...], list[str]] = {}
    for verdict in verdicts:
        if verdict.verdict == "exclude_disks":
            lists.setdefault(verdict.exclude_disks, []).append(_MODES[verdict.mode])
    for disks, modes in lists.items():
        label = f"Ids to exclude for {' and '.join(mode.lower() for mode in modes)}"
        ids = [disk.id for disk in disks if disk.id]
        if ids:
            yield _p(_tag("strong", label), " (one click selects them all)")
            yield _copyable("\n".join(ids), label)
        nameless = [disk.label for disk in disks if not disk.id]
        if nameless:
            text = "No record shows the id of these disks, and a name alone is not safe: "
            yield _p(text, _codes(nameless), ".")


def _why(found: Explanation) -> _Html:
    matrix = found.assessment.matrix
    deciding: dict[str, None] = {}
    approving: dict[str, None] = {}
    caveats: dict[str, None] = {}
    for verdict in found.verdicts:
        (approving if verdict.verdict == "supported" else deciding).update(
            dict.fromkeys(verdict.reasons)
        )
        for disk in verdict.exclude_disks:
            deciding.update(dict.fromkeys(disk.rows))
        caveats.update(dict.fromkeys(verdict.caveats))
    besides = [row for row in caveats if row not in deciding]
    rest = [row for row in approving if row not in deciding and row not in caveats]
    about = {
        row: [one.disk for one in found.findings if one.row_id == row and one.disk]
        for row in (*deciding, *besides)
    }

    def cards(rows: Iterable[str]) -> list[_Html]:
        return [_reason_card(found, row, tuple(dict.fromkeys(about[row]))) for row in rows]

    lines = [_markup([_row_name(matrix, row), _sources(matrix, row)]) for row in rest]
    agreeing = _details(f"{_plural(len(rest), 'row')} that apply and say yes", _list(lines))
    return _markup(
        [
            _section("Why", *cards(deciding)),
            _section("Good to know besides", *cards(besides)),
            agreeing if rest else None,
        ]
    )


def _reason_card(found: Explanation, row_id: str, disks: Sequence[str]) -> _Html:
    matrix = found.assessment.matrix
    row = matrix.row(row_id)
    modes = [verdict.mode for verdict in found.verdicts]
    outcomes = [_markup([f"{mode} ", _badge(row[mode])]) for mode in modes if row.get(mode)]
    return _tag(
        "div",
        _p(_tag("strong", row["title"]), " ", _code(row_id)),
        _p(_spaced(outcomes, " · "), [" · about ", _codes(disks)] if disks else None),
        _advice(row),
        _sources(matrix, row_id),
        class_="rpm-card",
    )


def _advice(row: Row) -> _Html:
    caveat, remedy = row.get("caveat", ""), row.get("remedy", "")
    return _markup(
        [
            _p(_tag("strong", "Mind: "), caveat) if caveat else None,
            _p(_tag("strong", "What to do: "), remedy) if remedy else None,
        ]
    )


def _sources(matrix: Matrix, row_id: str) -> _Html:
    first, *again = matrix.citations(row_id)
    repeated = [
        _markup(["; said again by ", _code(one.row_id), ", ", _source(matrix, one)])
        for one in again
    ]
    return _soft("Who says so: ", _source(matrix, first), repeated, ".")


def _source(matrix: Matrix, citation: Citation) -> _Html:
    where = citation.source or "no source is named"
    if citation.edition:
        statement = matrix.row(citation.row_id)["statement_id"]
        subject = matrix.row(statement, "statements")["subject"]
        where = (
            f"article, edition {citation.edition}, section {citation.section}, "
            f"statement {citation.position} ({subject})"
        )
    return _escape(f"{where}, layer {citation.layer}, reviewed on {citation.reviewed_on}")


def _rulings_of(found: Explanation) -> _Html:
    ids = dict.fromkeys(ruling for verdict in found.verdicts for ruling in verdict.rulings)
    matrix = found.assessment.matrix
    return _section(
        "Where sources contradict each other", *(_ruling(matrix, ruling) for ruling in ids)
    )


def _ruling(matrix: Matrix, ruling_id: str) -> _Html:
    row = matrix.row(ruling_id, "rulings")
    adopted = row["adopted"]

    def reading(letter: str) -> _Html:
        rows = row.members(f"row_{letter}")
        by = [_codes(rows)] if rows else [_escape(row.get(f"source_{letter}", ""))]
        mark = _tag("strong", "✓ adopted: ") if adopted == letter else None
        return _markup([mark, row[f"reading_{letter}"], " (", by, ")"])

    judged = f"{row['policy']} reading" if adopted != "neither" else "neither reading is adopted"
    return _tag(
        "div",
        _p(_tag("strong", row["topic"]), " ", _code(ruling_id)),
        _list([reading("a"), reading("b")]),
        _p(_tag("strong", f"Ruling, {judged}: "), row["reason"]),
        class_="rpm-card",
    )


def _assumptions(found: Explanation) -> _Html:
    matrix, vm = found.assessment.matrix, found.vm
    cards = []
    for fact_id in dict.fromkeys(one for verdict in found.verdicts for one in verdict.assumptions):
        fact = matrix.facts[fact_id]
        disks: Sequence[Disk | None] = (
            _assumed_of(found, fact_id) if fact.grain == "disk" else [None]
        )
        commands = [fill_command(fact.fetch, vm, disk) for disk in disks if fact.fetch]
        modes = [verdict.mode for verdict in found.verdicts if fact_id in verdict.assumptions]
        cards.append(
            _tag(
                "div",
                _p(
                    _tag("strong", fact.title),
                    f": {value_title(matrix, fact_id, fact.assumption)} (",
                    _code(fact_id),
                    f", matters for {' and '.join(modes)})",
                ),
                _p(fact.question) if fact.question else None,
                _copyable("\n".join(commands), f"Commands for {fact.title}") if commands else None,
                class_="rpm-card",
            )
        )
    return _section("Assumed, please confirm", *cards)


def _assumed_of(found: Explanation, fact_id: str) -> list[Disk]:
    """Give the disks of which a fact is assumed."""
    labels = {
        finding.disk
        for finding in found.findings
        if finding.applies == "assumed no"
        and any((one.fact_id, one.how) == (fact_id, "assumed") for one in finding.evidence)
    }
    return [disk for disk in found.vm.disks if disk.label in labels]


def _could_apply(found: Explanation) -> _Html:
    """Tell the caveats that would come on top if something were true that was not seen."""
    matrix = found.assessment.matrix
    rows = dict.fromkeys(row for one in found.verdicts for row in one.possible_caveats)
    lines = [
        _markup([_row_name(matrix, row), ": ", matrix.row(row).get("caveat", "")]) for row in rows
    ]
    summary = f"{_plural(len(rows), 'caveat')} that may apply too: the input does not tell"
    return _details(summary, _list(lines)) if rows else _Html("")


_APPLIES: Final = {"yes": "yes", "unknown": "not known", "assumed no": "no, by an assumption"}


def _evidence(found: Explanation) -> _Html:
    """Tell what was seen for each row; rows that are open but never matter only by name."""
    cited = {row for one in found.verdicts for row in (*one.reasons, *one.caveats)}
    merged = dict.fromkeys(
        (one.row_id, one.disk, one.applies, one.evidence) for one in found.findings
    )
    matrix = found.assessment.matrix
    rows = [
        [
            _code(row_id),
            disk,
            _APPLIES[applies],
            _wide(_list(_seen(matrix, one) for one in evidence)),
        ]
        for row_id, disk, applies, evidence in merged
        if applies != "unknown" or row_id in cited
    ]
    unseen = dict.fromkeys(
        row_id for row_id, _, applies, _ in merged if applies == "unknown" and row_id not in cited
    )
    table = _table("Evidence", ["Row", "Disk", "Applies", "What was seen"], rows)
    names = _p("Not seen, and without effect on the verdict: ", _codes(unseen), ".")
    return _details(f"Evidence for {_plural(len(rows), 'row')}", table, names if unseen else None)


def _seen(matrix: Matrix, evidence: Evidence) -> _Html:
    fact = matrix.facts[evidence.fact_id]
    if evidence.value is None:
        why = f": {evidence.why}" if evidence.why else ""
        return _escape(f"{fact.title}: not known{why}")
    known = f"{fact.title}: {value_title(matrix, evidence.fact_id, evidence.value)}"
    where = _spaced([one for one in (evidence.file, evidence.record) if one], " ")
    if evidence.how == "read":
        return _markup([known, ", for ", _code(evidence.path), f" is {evidence.shown} in ", where])
    how = _HOW.get(evidence.how, evidence.how)
    return _markup([known, ", ", how, [" (", where, ")"] if where else None])


# --------------------------------------------------------------------------- plans


def plan(found: Plan) -> str:
    """Show a plan: mode, steps with their commands for Azure CLI, what is not saved, what if."""
    return _page(
        [_vm_plan(found.assessment.matrix, one) for one in found.vms[:SHOWN_VMS]],
        _soft(f"… and {_plural(len(found.vms) - SHOWN_VMS, 'more VM')}.")
        if len(found.vms) > SHOWN_VMS
        else None,
        _groups(found.groups),
        _soft("Decided by ", _layers(found.assessment.matrix), "."),
    )


def _vm_plan(matrix: Matrix, found: VmPlan) -> _Html:
    return _markup(
        [
            _title(found.vm.name or found.vm.id),
            _soft(_code(found.vm.id)),
            _tag(
                "div",
                [_mode_line(line, found.comparison) for line in found.comparison.lines],
                class_="rpm-cards",
            ),
            _reason(found.comparison),
            _section("Steps", *(_step(step) for step in found.steps)),
            _not_saved(found.not_saved),
            _what_if(matrix, found),
        ]
    )


def _mode_line(line: ModeLine, comparison: Comparison) -> _Html:
    taken = line.mode == comparison.recommended
    return _tag(
        "div",
        _p(
            _tag("strong", _MODES[line.mode]),
            " ",
            _badge(line.verdict),
            [" ", _tag("strong", "▶ recommended")] if taken else None,
        ),
        _p(line.meaning),
        _p(f"{_plural(line.excluded, 'disk')} to leave out.") if line.excluded else None,
        _named_rows(line.rows),
        class_="rpm-card",
    )


def _named_rows(rows: Sequence[str]) -> _Html | None:
    return _soft("Rows: ", _codes(rows), ".") if rows else None


def _reason(comparison: Comparison) -> _Html:
    if not comparison.recommended:
        return _p("Neither mode is sure to be possible.")
    why = _p(_tag("strong", "Why this mode: "), comparison.reason)
    return _markup([why, _named_rows(comparison.rows)])


def _step(step: Step) -> _Html:
    written = []
    # What restores, deletes or moves is for another day; a page must not invite to paste it.
    if step.phase in SAFE_PHASES:
        written = [write(operation, "azure_cli") for operation in step.operations]
    texts = "\n".join(command.text for command in written if command.text)
    notes = dict.fromkeys(note for command in written for note in command.notes)
    doubtful = "Needed if it applies, which is not known. " if step.applies == "unknown" else ""
    return _tag(
        "div",
        _p(
            _tag("strong", f"{step.number}. {step.title}"),
            f" ({step.phase.replace('_', ' ')}, ",
            _code(step.id),
            ")",
        ),
        _p(doubtful, step.advice),
        _copyable(texts, f"Commands of step {step.number}") if texts else None,
        _list(notes) if notes else None,
        _p(_tag("strong", "Nothing to run: "), step.blocked) if step.blocked else None,
        _named_rows([row for row in step.rows if row != step.id]),
        class_="rpm-card",
    )


def _not_saved(lost: Sequence[NotSaved]) -> _Html:
    rows = [
        [
            one.what,
            "yes" if one.certain else "perhaps: not known",
            _wide(one.why),
            _codes(one.rows),
        ]
        for one in lost
    ]
    columns = ["Not in the restore point", "Sure", "Why", "Rows"]
    return _section("What is not saved", _table("Not saved", columns, rows)) if rows else _Html("")


def _what_if(matrix: Matrix, found: VmPlan) -> _Html:
    cards = [
        _tag(
            "div",
            _p(_MODES[one.mode], " would be ", _badge(one.verdict), " after:"),
            _list(_change(matrix, change) for change in one.changes),
            class_="rpm-card",
        )
        for one in found.what_if
    ]
    return _section("What would change it", *cards)


def _change(matrix: Matrix, change: Change) -> _Html:
    return _markup(
        [
            _tag("strong", change.title),
            [" (", _codes(change.disks), ")"] if change.disks else None,
            f": {change.how} ",
            ["Mind: ", change.side_effect, " "] if change.side_effect else None,
            _codes([change.id, *(row for row in change.rows if row != change.id)]),
            f" [{matrix.layer_of(change.id)}]",
        ]
    )


def _groups(groups: Sequence[Group]) -> _Html:
    rows = [
        [
            _wide(_code(group.id)),
            group.kind.replace("_", " "),
            _badge("passed" if group.ready else "failed"),
            _wide(
                [
                    _p(f"{_plural(len(group.members), 'member')} in the plan."),
                    _p("Missing: ", _codes(group.missing)) if group.missing else None,
                    None if group.complete else _p("The input does not list all members."),
                ]
            ),
            _codes(group.rows),
        ]
        for group in groups
    ]
    columns = ["Group", "Kind", "All protected", "Members", "Rows"]
    return (
        _section("VMs that belong together", _table("Groups", columns, rows)) if rows else _Html("")
    )


# --------------------------------------------------------------------------- rows of the matrix


def value_title(matrix: Matrix, fact_id: str, value: str) -> str:
    """Give the title of a fact's value where that is the id of a row, else the value."""
    table, _, column = matrix.row(fact_id, "facts")["allowed_values"].partition(".")
    if column != "id":
        return value
    try:
        return matrix.row(value, table)["title"]
    except KeyError:
        return value


def row_title(matrix: Matrix, row_id: str) -> str:
    """Give the title of a row that can be cited, or its meaning where it has none."""
    return matrix.citation(row_id).title


def conditions(matrix: Matrix, row_id: str) -> tuple[tuple[str, ...], ...]:
    """Say in words when a scenario applies.

    Returns
    -------
    tuple of tuple of str
        Alternatives; within each all tests must hold. Empty for a row without conditions.
    """
    clauses: dict[str, list[str]] = {}
    for row in matrix.table("conditions"):
        if row["scenario_id"] == row_id:
            clauses.setdefault(row["clause"], []).append(_condition(matrix, row))
    return tuple(tuple(tests) for _, tests in sorted(clauses.items()))


def _condition(matrix: Matrix, row: Row) -> str:
    fact_id, operator = row["fact_id"], row["operator"]
    values = row.members("value")
    if operator == "listed_in":
        table = matrix.table(row["value"])
        values = tuple(one.id for one in table if one["scenario_id"] == row["scenario_id"])
        operator = "in"
    if operator == "in" and len(values) == 1:
        operator = "is"
    titles = [value_title(matrix, fact_id, value) for value in values]
    fact = matrix.facts[fact_id]
    verb = " is " if fact.type in ("enum", "text") else ": "
    return f"{fact.title}{verb}{_OPERATORS[operator]}{', '.join(titles)}"


def limit(row: Row) -> str:
    """Say the number of a limit in words: at least 3 hours since the last one."""
    if not row["value"]:
        return ""
    return f"{_OPERATORS[row['comparator']]}{row['value']} {row['unit']}".strip()


_Cell = Callable[[Row], _Child]


def _plain(column: str) -> _Cell:
    return lambda row: row[column].replace("_", " ").replace("|", ", ")


def _outcome(column: str) -> _Cell:
    return lambda row: _badge(row[column]) if row[column] else None


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
    return [(_spoken(name), _plain(name)) for name in names]


def _spoken(column: str) -> str:
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
        One of :data:`rpmatrix.matrix.CITABLE_TABLES`.
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
        return _page(_p("No row fits. Widen the filter."))
    names = ["Row", *(name for name, _ in columns), "Id", "Rulings", "Layer"]
    body = []
    for row_id in ids:
        row = matrix.row(row_id, table)
        mark = _tag("strong", "▶ ") if row_id == selected else None
        cells = [
            *(cell(row) for _, cell in columns),
            _code(row_id),
            _codes(matrix.rulings(row_id)),
            matrix.layer_of(row_id, table),
        ]
        body.append(
            _tag(
                "tr",
                _tag("th", mark, row_title(matrix, row_id), scope="row"),
                [_tag("td", cell) for cell in cells],
                aria_current="true" if row_id == selected else None,
            )
        )
    head = _tag("tr", [_tag("th", name, scope="col") for name in names])
    return _page(_scrolling(f"Rows of {table}", head, body), _soft(_plural(len(ids), "row"), "."))


def row_card(matrix: Matrix, row_id: str) -> str:
    """Show one row: what it says, when it applies, who says so, and what contradicts it.

    Raises
    ------
    KeyError
        If no row that can be cited has this id.
    """
    table = matrix.table_of(row_id)
    row = matrix.row(row_id, table)
    return _page(
        _tag(
            "div",
            _title(row_title(matrix, row_id)),
            _soft(_code(row_id), f" of table {table}, layer {matrix.layer_of(row_id, table)}"),
            _says(row),
            _when(matrix, row),
            _advice(row),
            _sources(matrix, row_id),
            _section(
                "Where sources contradict each other",
                *(_ruling(matrix, ruling) for ruling in matrix.rulings(row_id)),
            ),
            _see_also(matrix, row_id),
            class_="rpm-card",
        )
    )


def _says(row: Row) -> _Html:
    outcomes = [_markup([f"{_MODES[mode]} ", _badge(row[mode])]) for mode in MODES if mode in row]
    told = _PLUMBING | _TOLD_IN_WORDS
    cells = [
        _markup([_tag("strong", f"{_spoken(name)}: "), _plain(name)(row)])
        for name in row
        if name not in told and row[name]
    ]
    number = limit(row) if "comparator" in row else ""
    return _markup(
        [
            _p(_spaced(outcomes, " · ")) if outcomes else None,
            _p(_tag("strong", "Limit: "), number) if number else None,
            _list(cells),
        ]
    )


def _when(matrix: Matrix, row: Row) -> _Html:
    clauses = conditions(matrix, row.id)
    if row.get("fact_id") and row.get("operator"):
        clauses = ((_condition(matrix, row),),)
    if not clauses:
        fact = matrix.facts.get(row.get("fact_id", ""))
        return _p(_tag("strong", "Is about: "), fact.title) if fact else _Html("")
    lines = ["; and ".join(tests) for tests in clauses]
    if len(lines) == 1:
        return _p(_tag("strong", "Applies when "), lines[0], ".")
    return _markup([_p(_tag("strong", "Applies when one of these holds:")), _list(lines)])


def _members(row: Row, *columns: str) -> tuple[str, ...]:
    """Give the members of list cells, of which a table may have some or none."""
    return tuple(one for column in columns if column in row for one in row.members(column))


def _see_also(matrix: Matrix, row_id: str) -> _Html:
    """Give the rows of other tables that name this one."""
    lines = []
    for table in CITABLE_TABLES:
        for row in matrix.table(table):
            if row_id in _members(row, "row_ids", "scenario_id"):
                codes = [" ", _codes(_members(row, "code"))] if _members(row, "code") else None
                lines.append(_markup([_spoken(table), codes, ": ", _row_name(matrix, row.id)]))
    return _section("See also", _list(lines)) if lines else _Html("")


# --------------------------------------------------------------------------- panels


def error(message: str) -> str:
    """Show an error where the user looks: what is wrong and what to do."""
    return _page(_tag("div", _tag("strong", "✕ "), message, class_="rpm-error", role="alert"))


def note(message: str) -> str:
    """Show a sentence for the user."""
    return _page(_p(message))


def checks(results: Iterable[tuple[str, bool, str]]) -> str:
    """Show checks: what was looked at, whether it is fine, and what to do if not."""
    rows = [
        [what, _badge("passed" if fine else "failed"), advice] for what, fine, advice in results
    ]
    return _page(_table("Checks", ["Check", "Result", "What to do"], rows))


def foot(call: str) -> str:
    """Show the line of Python that gives what stands above it."""
    return _page(
        _tag(
            "div",
            _soft(
                "The same in Python (one click selects it; ", _code("import rpmatrix as rp"), "):"
            ),
            _copyable(call, "The same in Python"),
            class_="rpm-foot",
        )
    )
