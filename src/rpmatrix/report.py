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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Final

from rpmatrix.commands import CLIENTS, Command, write
from rpmatrix.eligibility import (
    Assessment,
    ExcludedDisk,
    Explanation,
    Finding,
    Question,
    Verdict,
    fill_command,
)
from rpmatrix.encryption import (
    ARTICLE,
    CopyAnswer,
    CopyLine,
    Disagreement,
    EncryptionAnswer,
    EncryptionLine,
    FleetCopy,
)
from rpmatrix.errors import Candidate, ErrorAnswer, ErrorMatch
from rpmatrix.facts import Evidence
from rpmatrix.inventory import Disk, Vm
from rpmatrix.matrix import CITABLE_TABLES, MODES, Citation, Matrix
from rpmatrix.planning import (
    DISK_RESTORE_POINT_NAME,
    SAFE_PHASES,
    Change,
    Group,
    ModeLine,
    NotSaved,
    Plan,
    Step,
    VmPlan,
)
from rpmatrix.records import Problem
from rpmatrix.schedule import STATES, Retention, Schedule, SeriesPoint, decimal, in_days
from rpmatrix.tables import Row

SHOWN_VMS: Final = 100
"""How many VMs a table of verdicts shows before it says how many more there are."""

SHOWN_PLANS: Final = 20
"""How many plans are shown in full where several VMs are planned together."""

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


def _table(
    label: str, columns: Sequence[str], rows: Iterable[Sequence[_Child]], *, whole: bool = False
) -> _Html:
    """Make a table that scrolls by itself; the first cell of each row is its header.

    A `whole` one scrolls to the side only: for few rows, none of which may be overlooked.
    """
    head = _tag("tr", [_tag("th", column, scope="col") for column in columns])
    body = [
        _tag("tr", _tag("th", row[0], scope="row"), [_tag("td", cell) for cell in row[1:]])
        for row in rows
    ]
    return _scrolling(label, head, body, "rpm-scroll rpm-whole" if whole else "rpm-scroll")


def _scrolling(label: str, head: _Html, body: Sequence[_Html], class_: str = "rpm-scroll") -> _Html:
    table = _tag("table", _tag("thead", head), _tag("tbody", body))
    return _tag("div", table, class_=class_, role="region", aria_label=label, tabindex="0")


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
    "within": ("✓", "within the limit", "yes"),
    "exceeded": ("✕", "breaks a limit", "no"),
    "error_known": ("✓", "known", "yes"),
    "error_possible": ("?", "possible", "open"),
    "error_unknown": ("?", "not known", "open"),
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
    return _section("What settles it", *_question_cards(waiting.values()))


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
    return _readings(
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


def _readings(
    ruling_id: str,
    topic: str,
    readings: Mapping[str, str],
    by: Mapping[str, tuple[Sequence[str], str]],
    adopted: str,
    policy: str,
    reason: str,
) -> _Html:
    """Show a contradiction with both readings, and which one counts."""

    def reading(letter: str) -> _Html:
        rows, source = by[letter]
        mark = _tag("strong", "✓ adopted: ") if adopted == letter else None
        return _markup([mark, readings[letter], " (", _codes(rows) if rows else source, ")"])

    judged = f"{policy} reading" if adopted != "neither" else "neither reading is adopted"
    return _tag(
        "div",
        _p(_tag("strong", topic), " ", _code(ruling_id)),
        _list([reading("a"), reading("b")]),
        _p(_tag("strong", f"Ruling, {judged}: "), reason),
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


# --------------------------------------------------------------------------- questions


def _question_cards(questions: Iterable[tuple[Question, Sequence[str]]]) -> list[_Html]:
    """Make a card for each fact that is missing; with it what waits for it."""
    return [
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
            _soft(
                f"Open for {' and '.join(open_for)}: rows " if open_for else "Rows ",
                _codes(question.rows),
                ".",
            ),
            class_="rpm-card",
        )
        for question, open_for in questions
    ]


def _settling(questions: Iterable[Question], title: str = "What settles it") -> _Html:
    """Give questions that several places ask, each once."""
    merged: dict[tuple[str, str, str], tuple[Question, dict[str, None]]] = {}
    for one in questions:
        mark = (one.fact_id, one.disk, one.command)
        merged.setdefault(mark, (one, {}))[1].update(dict.fromkeys(one.rows))
    asked = [(replace(one, rows=tuple(rows)), ()) for one, rows in merged.values()]
    return _section(title, *_question_cards(asked))


# --------------------------------------------------------------------------- plans

_PHASES: Final = {
    "settle": "First settle what is not known",
    "prerequisite": "Before",
    "collection": "The collection",
    "create": "Create the restore point",
    "follow": "Follow it",
    "copy": "Copy it to the other region",
    "restore": "Restore from it, another day",
    "clean_up": "Clean up, another day",
}

_CLIENTS: Final = {
    "azure_cli": "Azure CLI",
    "powershell": "Az PowerShell",
    "rest": "REST",
    "bicep": "Bicep",
    "terraform": "Terraform (azapi)",
    "portal": "Azure portal",
}


def client_title(client: str) -> str:
    """Give the name of a client."""
    return _CLIENTS.get(client, client.replace("_", " "))


def phase_title(phase: str) -> str:
    """Give the heading of a part of a plan."""
    return _PHASES.get(phase, _spoken(phase))


def plan(found: Plan, client: str = "", *, phases: Iterable[str] = SAFE_PHASES) -> str:
    """Show a plan: both modes, steps with their commands, what is not saved, what if.

    Parameters
    ----------
    found : Plan
        What to show. Of several VMs each plan is folded, and only the first twenty are given.
    client : str
        Whose commands to show; that of the plan if it is left out.
    phases : iterable of str
        The parts whose commands are shown, all others with their advice alone. What restores,
        deletes or moves is for another day, and a page must not invite to paste it.
    """
    writer = _Writer(client or found.client, frozenset(phases))
    matrix = found.assessment.matrix
    shown = found.vms[:SHOWN_PLANS]
    plans: list[_Html] = [_vm_plan(matrix, one, writer) for one in shown]
    if len(found.vms) > 1:
        named = (f"{_plural(len(one.steps), 'step')} for {_vm_title(one)}" for one in shown)
        plans = [_details(name, one) for name, one in zip(named, plans, strict=True)]
    more = len(found.vms) - len(shown)
    return _page(
        _plan_overview(found) if len(found.vms) > 1 else None,
        plans,
        _soft(f"… and {_plural(more, 'more plan')}: ask for them by the names of the VMs.")
        if more
        else None,
        None if found.vms else _p("No VM, and so no plan."),
        _groups(found.groups),
        _soft("Decided by ", _layers(matrix), "."),
    )


def _vm_title(found: VmPlan) -> str:
    return found.vm.name or found.vm.id


def _plan_overview(found: Plan) -> _Html:
    """Tell of each of several VMs what is planned."""
    rows = [
        [
            _vm_title(one),
            _MODES[one.mode].lower() if one.mode else "none yet",
            _badge(one.verdict.verdict),
            _codes(disk.label for disk in one.verdict.exclude_disks),
            *([_badge(one.copy.answer) if one.copy else None] if found.target_region else []),
        ]
        for one in found.vms[:SHOWN_VMS]
    ]
    columns = ["VM", "Planned mode", "Verdict in it", "Disks to leave out"]
    columns += [f"Copy to {found.target_region}"] if found.target_region else []
    more = len(found.vms) - SHOWN_VMS
    return _markup(
        [
            _title(f"Plans for {_plural(len(found.vms), 'VM')}"),
            _table("Plans", columns, rows),
            _soft(f"… and {_plural(more, 'more VM')}.") if more > 0 else None,
        ]
    )


@dataclass(frozen=True)
class _Writer:
    """Which commands a page shows: those of one client, for some parts of a plan."""

    client: str
    phases: frozenset[str]

    def commands(self, step: Step) -> list[Command]:
        if step.phase not in self.phases or self.client not in CLIENTS:
            return []
        return [write(operation, self.client) for operation in step.operations]


def _vm_plan(matrix: Matrix, found: VmPlan, writer: _Writer) -> _Html:
    copied = [" · to be copied to ", found.copy.target_region] if found.copy else None
    return _markup(
        [
            _title(_vm_title(found)),
            _soft(
                _code(found.vm.id),
                [" · ", found.vm.location] if found.vm.location else None,
                copied,
                f" · commands for {client_title(writer.client)}",
            ),
            _tag(
                "div",
                [_mode_line(line, found) for line in found.comparison.lines],
                class_="rpm-cards",
            ),
            _reason(found),
            _settling(found.questions),
            _steps(found, writer),
            _not_saved(found.not_saved),
            _what_if(matrix, found),
            _more(matrix, found),
        ]
    )


def _mode_line(line: ModeLine, found: VmPlan) -> _Html:
    marks = [
        mark
        for mark, holds in (
            ("recommended", line.mode == found.comparison.recommended),
            ("planned here", line.mode == found.mode),
        )
        if holds
    ]
    return _tag(
        "div",
        _p(
            _tag("strong", _MODES[line.mode]),
            " ",
            _badge(line.verdict),
            [" ", _tag("strong", f"▶ {', '.join(marks)}")] if marks else None,
        ),
        _p(line.meaning),
        _p(f"{_plural(line.excluded, 'disk')} to leave out.") if line.excluded else None,
        _named_rows(line.rows),
        class_="rpm-card",
    )


def _named_rows(rows: Sequence[str]) -> _Html | None:
    return _soft("Rows: ", _codes(rows), ".") if rows else None


def _reason(found: VmPlan) -> _Html:
    comparison = found.comparison
    if not comparison.recommended:
        told = "possible" if comparison.refused else "sure to be possible"
        return _p(f"Neither mode is {told}.")
    mode = _MODES[comparison.recommended].lower()
    return _markup(
        [_p(_tag("strong", f"Why {mode}: "), comparison.reason), _named_rows(comparison.rows)]
    )


def _steps(found: VmPlan, writer: _Writer) -> _Html:
    if not found.steps:
        return _section("Steps", _p("None: no restore point can be created in this mode."))
    parts: dict[str, list[Step]] = {}
    for step in found.steps:
        parts.setdefault(step.phase, []).append(step)
    shown = []
    for phase, steps in parts.items():
        cards = [_step(step, writer) for step in steps]
        if phase in writer.phases:
            shown += [_section(phase_title(phase), *cards)]
        else:
            count = _plural(len(steps), "step")
            shown += [_details(f"{phase_title(phase)}: {count}, without commands", *cards)]
    return _markup(shown)


def _step(step: Step, writer: _Writer) -> _Html:
    commands = writer.commands(step)
    notes = dict.fromkeys(note for command in commands for note in command.notes)
    doubtful = "Needed if it applies, which is not known. " if step.applies == "unknown" else ""
    texts = [command.text for command in commands if command.text]
    if any(DISK_RESTORE_POINT_NAME in text for text in texts):
        listed = "the list of disk restore points shows"
        notes[f"Put the name that {listed} in place of {DISK_RESTORE_POINT_NAME}."] = None
    number = [f" {place}" for place in range(1, len(texts) + 1)] if len(texts) > 1 else [""]
    return _tag(
        "div",
        _p(_tag("strong", f"{step.number}. {step.title}"), " ", _code(step.id)),
        _p(doubtful, step.advice),
        [
            _copyable(text, f"Command{place} of step {step.number}")
            for text, place in zip(texts, number, strict=False)
        ],
        _list(notes) if notes else None,
        _p(_tag("strong", "Nothing to run: "), step.blocked) if step.blocked else None,
        _named_rows([row for row in step.rows if row != step.id]),
        class_="rpm-card",
    )


def _few_steps(steps: Sequence[Step], writer: _Writer) -> list[_Html]:
    """Give some steps of a plan, numbered by themselves."""
    numbered = (replace(step, number=place) for place, step in enumerate(steps, start=1))
    return [_step(step, writer) for step in numbered]


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


def _more(matrix: Matrix, found: VmPlan) -> _Html:
    """Give the answers that have pages of their own, folded; contradictions once, below all."""
    parts = []
    if found.encryption:
        parts.append(_details("What becomes of the encryption", _encryption(found.encryption)))
    if found.copy:
        parts.append(
            _details(
                f"What to know of the copy to {found.copy.target_region}",
                _copy_badge(found.copy),
                _losses(found.copy),
                _copy_lines(found.copy),
            )
        )
    told = [
        one
        for answer in (*found.encryption, *([found.copy] if found.copy else ()))
        for one in answer.disagreements
    ]
    if told:
        parts.append(_details("Where sources contradict each other", *_disagreements(told)))
    schedule_ = _schedule(matrix, found.schedule) if found.schedule else None
    return _markup([_section("More on it", *parts), schedule_])


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


# --------------------------------------------------------------------------- encryption

_STAGES: Final = {
    "source": "The disk now",
    "local": "Its restore point, same region",
    "copied": "The copy, another region",
    "restored": "A disk made from either",
}


def encryption(answers: Sequence[EncryptionAnswer], find_out: Sequence[Step] = ()) -> str:
    """Show what becomes of the encryption of the disks of a VM.

    Parameters
    ----------
    answers : sequence of EncryptionAnswer
        One for each disk, as :func:`rpmatrix.encryption.encryption_of` gives them.
    find_out : sequence of Step
        The steps of a plan that read the encryption that was reached.
    """
    if not answers:
        return _page(_p("No disk, and so nothing to say of its encryption."))
    writer = _Writer(CLIENTS[0], frozenset(step.phase for step in find_out))
    told = [one for answer in answers for one in answer.disagreements]
    where = answers[0].region or "its region, which is not known"
    return _page(
        _title(answers[0].vm_name or answers[0].vm_id),
        _soft(f"Encryption of {_plural(len(answers), 'disk')} of a VM in {where}"),
        _encryption(answers),
        _found_encryption(answers),
        _section("How to find out what was reached", *_few_steps(find_out, writer)),
        _settling([one for answer in answers for one in answer.questions]),
        _section("Where sources contradict each other", *_disagreements(told)),
    )


def _encryption(answers: Sequence[EncryptionAnswer]) -> _Html:
    """Make one block for all disks of which the same is said."""
    alike: dict[tuple[object, ...], list[EncryptionAnswer]] = {}
    for one in answers:
        mark = (*one.stages.values(), one.type, one.encryption_set_id, one.left_out_in)
        alike.setdefault(mark, []).append(one)
    return _markup([_alike(group) for group in alike.values()])


def _alike(group: Sequence[EncryptionAnswer]) -> _Html:
    first = group[0]
    named = bool(first.local_chosen or first.copied_chosen or first.restored_chosen)
    rows: list[list[_Child]] = []
    for stage, title in _STAGES.items():
        plain = first.stages[stage]
        chosen = first.stages.get(f"{stage}_chosen", ())
        if plain or chosen:
            rows.append([title, _said(plain), *([_said(chosen)] if named else [])])
    columns = ["Stage", "If the request names no encryption"]
    columns += ["If it names one for each disk"] if named else []
    disks = [f"{one.disk} ({_disk_place(one.role, one.lun)})" for one in group]
    out = [_MODES[mode].lower() for mode in first.left_out_in]
    return _markup(
        [
            _heading(", ".join(disks)),
            _p(
                first.type or "Kind of encryption at rest: not known",
                [" · disk encryption set ", _code(first.encryption_set_id)]
                if first.encryption_set_id
                else None,
            ),
            _p(f"In no restore point of {' and '.join(out)}: ", _said(first.left_out))
            if first.left_out
            else None,
            _p("No restore point can be created: ", _said(first.impossible))
            if first.impossible
            else None,
            _table(f"Encryption of {disks[0]}", columns, rows, whole=True) if rows else None,
            _section("What must be in place", _said(first.prerequisites))
            if first.prerequisites
            else None,
        ]
    )


def _disk_place(role: str, lun: int | None) -> str:
    place = "OS disk" if role == "os" else "data disk"
    return place + (f", lun {lun}" if lun is not None else "")


def _said(lines: Sequence[EncryptionLine]) -> _Html:
    """Make a list of what rows say, each with its rows and its source."""
    return _wide(
        _list(
            _markup(
                [
                    _tag("strong", "? if it applies, which is not known: ")
                    if line.applies == "unknown"
                    else None,
                    line.text,
                    [" ", _tag("strong", "What to do: "), line.remedy] if line.remedy else None,
                    _by(line.rows, line.source, line.rulings),
                ]
            )
            for line in lines
        )
        if lines
        else None
    )


def _by(rows: Sequence[str], source: str, rulings: Sequence[str]) -> _Html:
    """Name the rows of a line, who says it, and the contradictions that touch it."""
    who = "the article" if source == ARTICLE else source
    return _soft(
        _codes(rows),
        f", says {who}",
        ["; contradicted, see ", _codes(rulings)] if rulings else None,
    )


def _found_encryption(answers: Sequence[EncryptionAnswer]) -> _Html:
    rows = [
        [
            answer.disk,
            _wide([_code(one.restore_point), " (a copy)" if one.is_copy else None]),
            one.type or f"not shown{': ' + one.evidence.why if one.evidence.why else ''}",
            _wide(_code(one.encryption_set_id) if one.encryption_set_id else "none is named"),
            _wide([_code(one.evidence.path), f" in {one.evidence.file} {one.evidence.record}"]),
        ]
        for answer in answers
        for one in answer.found
    ]
    columns = ["Disk", "Restore point", "Encryption", "Disk encryption set", "Seen at"]
    title = "What the restore points in the input really show"
    return _section(title, _table("Found", columns, rows)) if rows else _Html("")


def _disagreements(told: Iterable[Disagreement]) -> list[_Html]:
    return [
        _readings(
            one.id,
            one.topic,
            {"a": one.reading_a, "b": one.reading_b},
            {"a": (one.rows_a, ""), "b": (one.rows_b, one.source_b)},
            one.adopted,
            one.policy,
            one.reason,
        )
        for one in dict.fromkeys(told)
    ]


# --------------------------------------------------------------------------- copies


def copy(found: CopyAnswer, steps: Sequence[Step] = ()) -> str:
    """Show whether and how the restore points of a VM can be copied to another region.

    Parameters
    ----------
    found : CopyAnswer
        As :func:`rpmatrix.encryption.copy_of` gives it.
    steps : sequence of Step
        The steps of a plan that carry it out, with their commands for the client of the answer.
    """
    writer = _Writer(found.client, frozenset(step.phase for step in steps))
    return _page(
        _title(found.vm_name or found.vm_id),
        _soft(
            f"Copy from {found.source_region or 'a region that is not known'} to "
            f"{found.target_region}, asked for with {client_title(found.client)}",
            f", {_MODES[found.mode].lower()}" if found.mode else None,
        ),
        _copy_badge(found),
        _losses(found),
        _settling(found.questions),
        _section("In which order", *_few_steps(steps, writer)),
        _section("Every rule that applies, or might", _copy_lines(found)),
        _section("Where sources contradict each other", *_disagreements(found.disagreements)),
    )


def _copy_badge(found: CopyAnswer) -> _Html:
    meaning = {
        "supported": "The restore points can be copied.",
        "supported_with_caveat": "The restore points can be copied. Mind what follows from it.",
        "not_supported": "The restore points cannot be copied.",
        "unknown": "Whether the restore points can be copied is open.",
    }[found.answer]
    decisive = found.answer in ("not_supported", "unknown")
    blocking = [line for line in found.lines if decisive and line.rows[0] in found.reasons]
    return _tag(
        "div",
        _p(_tag("strong", "Copy"), " ", _badge(found.answer), " ", meaning),
        _list(
            _markup(
                [
                    line.text,
                    [" ", _tag("strong", "What to do: "), line.remedy] if line.remedy else None,
                    [" (", _codes(line.disks), ")"] if line.disks else None,
                    _by(line.rows, line.source, line.rulings),
                ]
            )
            for line in blocking
        )
        if blocking
        else None,
        _p("In no restore point, and so in no copy: ", _codes(one.label for one in found.left_out))
        if found.left_out
        else None,
        _details("Rows that decide", _p(_codes(found.reasons))),
        class_="rpm-card",
    )


def _losses(found: CopyAnswer) -> _Html:
    if not found.losses or found.answer == "not_supported":
        return _Html("")
    return _section("What the copy loses", _list(_copy_line(line) for line in found.losses))


def _copy_line(line: CopyLine) -> _Html:
    return _markup(
        [
            _tag("strong", "? if it applies, which is not known: ")
            if line.applies == "unknown"
            else None,
            line.text,
            [" (", _codes(line.disks), ")"] if line.disks else None,
            [" ", _tag("strong", "What to do: "), line.remedy] if line.remedy else None,
            _by(line.rows, line.source, line.rulings),
        ]
    )


def _copy_lines(found: CopyAnswer) -> _Html:
    topics: dict[str, list[CopyLine]] = {}
    for line in found.lines:
        topics.setdefault(line.topic, []).append(line)
    rows = [
        [_spoken(topic.replace("-", " ")), _badge(line.outcome), _wide(_copy_line(line))]
        for topic, lines in topics.items()
        for line in lines
    ]
    return _table("Rules of copying", ["Topic", "Outcome", "What it means"], rows)


def copies(found: FleetCopy) -> str:
    """Show for each of several VMs whether its restore points can be copied."""
    rows = [
        [
            one.vm_name or one.vm_id,
            one.source_region or "not known",
            _badge(one.answer),
            _codes(one.reasons) if one.answer in ("not_supported", "unknown") else "",
        ]
        for one in found.answers[:SHOWN_VMS]
    ]
    counts = [f"{count:,} {_BADGES[name][1]}" for name, count in found.counts.items() if count]
    more = len(found.answers) - SHOWN_VMS
    return _page(
        _soft(
            f"Copies of {_plural(len(found.answers), 'VM')} to {found.target_region}: ",
            ", ".join(counts),
            ".",
        ),
        _table("Copies", ["VM", "Region", f"Copy to {found.target_region}", "Because of"], rows),
        _soft(f"… and {_plural(more, 'more VM')}.") if more > 0 else None,
    )


# --------------------------------------------------------------------------- schedules


def schedule(found: Schedule, matrix: Matrix) -> str:
    """Show how a schedule stands against the limits, with a chart of points over time.

    Parameters
    ----------
    found : Schedule
        As :func:`rpmatrix.schedule.plan_schedule` gives it.
    matrix : Matrix
        What decided; it has both readings of each contradiction.
    """
    return _page(_schedule(matrix, found))


def _schedule(matrix: Matrix, found: Schedule) -> _Html:
    asked = [
        f"{_MODES[mode].lower()} every {duration(every)}"
        for mode, every in zip(MODES, (found.application_every, found.crash_every), strict=True)
        if every
    ]
    rulings = dict.fromkeys(ruling for line in found.limits for ruling in line.rulings)
    return _markup(
        [
            _title("Schedule: " + " and ".join(asked)),
            _soft(
                f"From {_moment(found.start)} on, kept {_kept(found.retention)}",
                f", crash consistency starting {duration(found.crash_after)} later"
                if found.crash_after and found.crash_every
                else None,
                f", for {_plural(found.vms, 'VM')}" if found.vms > 1 else None,
            ),
            _schedule_card(found),
            _chart(found),
            _section("Each limit", _limits(found)),
            _collision(found),
            _settling(
                [one.question for one in found.limits if one.question],
                "What would make the count sure",
            ),
            _section(
                "Where sources contradict each other", *(_ruling(matrix, one) for one in rulings)
            ),
        ]
    )


def duration(length: timedelta) -> str:
    """Say a length of time in days, hours and minutes."""
    minutes, seconds = divmod(length // timedelta(seconds=1), 60)
    parts = [
        (minutes // 1440, "day"),
        (minutes // 60 % 24, "hour"),
        (minutes % 60, "minute"),
        (seconds, "second"),
    ]
    return " ".join(_plural(number, unit) for number, unit in parts if number) or "0 minutes"


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _kept(retention: Retention) -> str:
    if retention is None:
        return "for ever"
    if isinstance(retention, int):
        return f"until there are {retention:,} of a mode"
    return duration(retention)


def _schedule_card(found: Schedule) -> _Html:
    facts: list[_Child] = []
    for state, words in (("exceeded", "Broken: "), ("unknown", "Not known: ")):
        titles = [line.title for line in found.limits if line.state == state]
        if titles:
            facts.append(_markup([_tag("strong", words), "; ".join(titles), "."]))
    per_day = f"{decimal(found.per_day)} restore points a day for each VM"
    if found.application_per_day and found.crash_per_day:
        per_day += (
            f": {decimal(found.application_per_day)} application-consistent and "
            f"{decimal(found.crash_per_day)} crash-consistent"
        )
    facts.append(f"{per_day}.")
    if found.existing is None:
        facts.append(
            "How many the VM has now is not known: all counts are of the points to come alone."
        )
    elif found.existing:
        facts.append(f"The VM has {_plural(found.existing, 'restore point')} at the start.")
    if found.full_at and found.lasts is not None:
        facts.append(
            _markup(
                [
                    _tag("strong", f"{decimal(in_days(found.lasts))} days"),
                    " until a restore point no longer fits: the first that does not is that of ",
                    _tag("strong", _moment(found.full_at)),
                    ". ",
                    _codes(one.row for one in found.points if one.reached_at),
                ]
            )
        )
    largest = found.largest_retention
    if largest:
        each = f", or {_plural(largest.each, 'point')} of each mode" if largest.each else ""
        facts.append(
            _markup(
                [
                    "The largest retention that fits is ",
                    _tag("strong", f"{decimal(largest.days)} days"),
                    f" ({duration(largest.duration)}){each}, beside no other points. ",
                    _codes(largest.rows),
                ]
            )
        )
    elif found.points_bound is not None:
        facts.append("No retention keeps the number of points within the limit.")
    return _tag(
        "div",
        _p(_tag("strong", "Limits"), " ", _badge(found.state)),
        _list(facts),
        class_="rpm-card",
    )


def _limits(found: Schedule) -> _Html:
    rows = []
    for line in sorted(found.limits, key=lambda line: -STATES.index(line.state)):
        unit = line.unit
        planned = "not known" if line.planned is None else f"{decimal(line.planned)} {unit}"
        if line.planned is None and line.state == "exceeded":
            planned = "grows without end"
        bound = f"{_OPERATORS[line.comparator]}{decimal(Fraction(line.bound))} {unit}"
        reached = _moment(line.reached_at) if line.reached_at else "never"
        rows.append(
            [
                line.title,
                _badge(line.state),
                planned,
                bound,
                reached if line.state != "unknown" else "not known",
                _wide(
                    [
                        line.remedy if line.state != "within" else None,
                        _by(line.rows, line.source, line.rulings),
                    ]
                ),
            ]
        )
    columns = ["Limit", "State", "This schedule", "Limit is", "Broken first", "What to do"]
    return _table("Limits", columns, rows, whole=True)


def _collision(found: Schedule) -> _Html:
    meets = found.collision
    if meets is None:
        return _Html("")
    first = f", for the first time at {_moment(meets.first_at)}" if meets.first_at else ""
    apart = (
        f"Start the crash schedule {duration(meets.crash_after)} after the other, and they stay "
        "as far apart as they can."
        if meets.crash_after
        else "No whole minute keeps them apart with these intervals."
    )
    return _section(
        "Both modes in the same minute",
        _p(f"{decimal(meets.per_day)} times a day both modes ask for a point{first}. {apart}"),
        _named_rows(meets.rows) or "",
    )


# The chart is drawn in units that a narrow page shrinks and a wide one stretches a little.
_WIDTH, _HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 24, 52
_SERIES: Final = (
    ("all", "all", "rpm-line-all"),
    ("application", "application", "rpm-line-application"),
    ("crash", "crash", "rpm-line-crash"),
    ("existing", "before", "rpm-line-existing"),
)


def _chart(found: Schedule) -> _Html:
    """Draw the points over time against the limit; the same points stand in a table below."""
    points = found.series(length=(_WIDTH - _LEFT - _RIGHT) // 3)
    bound = found.points_bound
    highest = max([*(one.count for one in points), bound or 0, 1])
    step = _round_step(highest / 5)
    ceiling = -(-highest * 21 // 20 // step) * step
    first, last = points[0].moment, points[-1].moment

    def x(moment: datetime) -> str:
        share = (moment - first) / (last - first)
        return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f}"

    def y(count: float) -> str:
        return f"{_HEIGHT - _BOTTOM - count / ceiling * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    def line(class_: str, value: Callable[[SeriesPoint], int]) -> _Html:
        path = f"M{x(first)} {y(value(points[0]))}" + "".join(
            f"H{x(one.moment)}V{y(value(one))}" for one in points[1:]
        )
        return _tag("path", d=path, class_=f"rpm-line {class_}", fill="none", stroke="currentColor")

    def text(words: str, across: str, down: str, anchor: str, class_: str | None = None) -> _Html:
        return _tag(
            "text", words, x=across, y=down, text_anchor=anchor, fill="currentColor", class_=class_
        )

    def rule(down: str, class_: str, end: str = f"{_WIDTH - _RIGHT}") -> _Html:
        return _tag("path", d=f"M{_LEFT} {down}H{end}", class_=class_, stroke="currentColor")

    counts: Mapping[str, Callable[[SeriesPoint], int]] = {
        "all": lambda one: one.count,
        "application": lambda one: one.application,
        "crash": lambda one: one.crash,
        "existing": lambda one: one.existing,
    }
    kinds = [name for name in counts if name != "all" and any(map(counts[name], points))]
    drawn = [one for one in _SERIES if one[0] == "all" or (len(kinds) > 1 and one[0] in kinds)]
    marks: list[_Html] = []
    for count in range(0, ceiling + 1, step):
        marks += [rule(y(count), "rpm-grid"), text(f"{count:,}", f"{_LEFT - 6}", y(count), "end")]
    days = in_days(last - first)
    every = max(1, _round_step(float(days) / 3)) if days >= 3 else 0
    ticks = [first + timedelta(days=day) for day in range(0, int(days) + 1, every)] if every else []
    for moment in ticks or (first, last):
        shown = f"{moment:%Y-%m-%d}" if every else f"{moment:%m-%d %H:%M}"
        share = (moment - first) / (last - first)
        anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
        marks.append(text(shown, x(moment), f"{_HEIGHT - _BOTTOM + 16}", anchor))
    marks += [line(class_, counts[name]) for name, _, class_ in reversed(drawn)]
    if bound is not None:
        words = f"limit {bound:,}"
        above = f"{float(y(bound)) - 9:.1f}"
        marks += [rule(y(bound), "rpm-limit"), text(words, f"{_LEFT + 4}", above, "start")]
    if found.full_at and first <= found.full_at <= last:
        at = x(found.full_at)
        marks.append(
            _tag(
                "path",
                d=f"M{at} {_TOP}V{_HEIGHT - _BOTTOM}",
                class_="rpm-limit",
                stroke="currentColor",
            )
        )
        anchor = "end" if float(at) > _WIDTH / 2 else "start"
        marks.append(text(f"full {found.full_at:%Y-%m-%d}", at, f"{_TOP - 8}", anchor))
    place = _LEFT
    for _, words, class_ in drawn:
        down = f"{_HEIGHT - 12}"
        marks.append(
            _tag(
                "path",
                d=f"M{place} {_HEIGHT - 16}h22",
                class_=f"rpm-line {class_}",
                fill="none",
                stroke="currentColor",
            )
        )
        marks.append(text(words, f"{place + 27}", down, "start"))
        place += 27 + 7 * len(words) + 16
    drawing = _tag(
        "svg",
        marks,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="rpm-chart",
        role="img",
        aria_label=_chart_in_words(found, points),
    )
    return _section("Points over time", drawing, _chart_in_numbers(points))


def _round_step(wanted: float) -> int:
    """Give the next larger of 1, 2, 5, 10, 20, 50 and so on."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale >= wanted:
                return step * scale
        scale *= 10


def _chart_in_words(found: Schedule, points: Sequence[SeriesPoint]) -> str:
    first, last = points[0], points[-1]
    words = (
        f"Restore points of a VM over time: {first.count:,} on {first.moment:%Y-%m-%d}, "
        f"{last.count:,} on {last.moment:%Y-%m-%d}."
    )
    if found.points_bound is not None:
        words += f" The limit is {found.points_bound:,}"
        words += f"; it is reached on {found.full_at:%Y-%m-%d}." if found.full_at else "."
    return words


def _chart_in_numbers(points: Sequence[SeriesPoint]) -> _Html:
    some = points[:: max(1, len(points) // 8)]
    some = some if some[-1] is points[-1] else (*some, points[-1])
    rows = [
        [
            _moment(one.moment),
            *(f"{count:,}" for count in (one.count, one.application, one.crash, one.existing)),
        ]
        for one in some
    ]
    columns = ["Moment", "All", "Application", "Crash", "There before the start"]
    return _details("The same in numbers", _table("Points over time", columns, rows))


# --------------------------------------------------------------------------- errors

_ERROR_KINDS: Final = {
    "matrix_refusal": "a refusal that the support matrix explains",
    "guest_readiness": "the guest is not ready; the support matrix does not forbid it",
    "service": "a fault or a limit of the service",
    "operation": "the request itself cannot be carried out like this",
}


def error_answer(found: ErrorAnswer, matrix: Matrix) -> str:
    """Show what an error means and what to do about it.

    Parameters
    ----------
    found : ErrorAnswer
        As :func:`rpmatrix.errors.look_up` gives it.
    matrix : Matrix
        What was asked; it has the titles of the rows.
    """
    told = {
        "known": "This error is known.",
        "possible": "The code is known, the words of the message are not. It may be one of these.",
        "unknown": "No row of the matrix knows this error.",
    }[found.state]
    kind = _ERROR_KINDS.get(found.kind, found.kind.replace("_", " "))
    seen = [*found.codes, *([str(found.status)] if found.status else ())]
    return _page(
        _p(
            _badge(f"error_{found.state}"),
            " ",
            told,
            [" It is ", _tag("strong", kind), "."] if kind else None,
        ),
        _soft("Codes that were found: ", _codes(seen), ".") if seen else None,
        [_error_match(matrix, one) for one in found.matches],
        _section(
            "Nearest rows, which do not fit", *(_nearest(matrix, one) for one in found.nearest)
        ),
        _p(
            "Look for the code at the end of a message, or paste the whole JSON answer: what is "
            "nested in it is searched too."
        )
        if found.state == "unknown"
        else None,
    )


def _error_match(matrix: Matrix, found: ErrorMatch) -> _Html:
    modes = _MODES[found.mode].lower() if found.mode in _MODES else "both modes"
    return _tag(
        "div",
        _p(_tag("strong", found.meaning), " ", _code(found.row)),
        _p(_tag("strong", "What to do: "), found.action),
        _p(
            f"Recognised by its {found.level}",
            [": ", _codes(filter(None, (found.code, found.fragment)))],
            f" · {_ERROR_KINDS.get(found.kind, found.kind)} · {modes}",
        ),
        _sources(matrix, found.row),
        _section(
            "Rows behind it",
            _list(
                _markup([_row_name(matrix, row), _sources(matrix, row)]) for row in found.rows[1:]
            ),
        )
        if found.rows[1:]
        else None,
        class_="rpm-card",
    )


def _nearest(matrix: Matrix, found: Candidate) -> _Html:
    near = found.fragment or found.code
    return _p(found.meaning, " ", _code(found.row), f" ({found.nearness:.0%} of ", _code(near), ")")


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
