"""HTML of what changed: in a copy of the article, in the tables, and in verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rpmatrix.article.drift import KINDS, DriftReport, StatementChange
from rpmatrix.authoring.impact import Impact, RowChange, VmChange, excluded_disks, label_of, only_in
from rpmatrix.common.words import badge_of, plural, word
from rpmatrix.eligibility.assessment import VERDICTS, Verdict
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.problems import Problem
from rpmatrix.matrix.titles import MODE_TITLES
from rpmatrix.view.markup import (
    SHOWN_VMS,
    Html,
    badge,
    bullets,
    code,
    codes,
    copyable,
    details,
    fragment,
    heading,
    page,
    paragraph,
    section,
    soft,
    table,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import row_name, spoken

SHOWN_NAMES: Final = 12
"""How many names a list of VMs shows before it says how many more there are."""

# --------------------------------------------------------------------------- the article

# What became of a statement: symbol, words, colour.
_KINDS_TOLD: Final[Mapping[str, tuple[str, str, str]]] = {
    "outcome": ("!", "answers something else", "no"),
    "split": ("\u2442", "split in several", "part"),
    "merged": ("\u2443", "merged into one", "part"),
    "added": ("+", "new", "part"),
    "removed": ("\u2212", "gone", "no"),
    "wording": ("\u2248", "other words", "open"),
    "unchanged": ("=", "unchanged", "yes"),
    "unseen": ("?", "not seen", "open"),
}


def article(found: DriftReport) -> str:
    """Show what a copy of the article says otherwise, statement by statement.

    Parameters
    ----------
    found : DriftReport
        As `rpmatrix.article.drift.drift` gives it.
    """
    counts = {kind: found.counts.get(kind, 0) for kind in KINDS}
    counts["unseen"] = len(found.unseen)
    changed = [one for one in found.changes if one.kind != "unchanged"]
    changed.sort(key=lambda one: KINDS.index(one.kind))
    return page(
        title(_article_title(found)),
        soft(f"A copy of the article, against the edition {found.edition} in the tables."),
        bullets(tag("strong", one) for one in found.warnings) if found.warnings else None,
        _kinds_chart(counts),
        section(
            "What changed, statement by statement",
            table(
                "Changed statements",
                ["Now", "What it is about", "What is different", "Rows to review"],
                [_statement_cells(found.matrix, one) for one in changed],
                whole=len(changed) <= SHOWN_VMS,
            ),
        )
        if changed
        else None,
        _unseen(found),
    )


def _article_title(found: DriftReport) -> str:
    if found.is_another_article:
        return "This is hardly a copy of the article"
    if not found.drifted:
        return "The article has not changed"
    moved = sum(count for kind, count in found.counts.items() if kind != "unchanged")
    grave = moved - found.counts.get("wording", 0)
    if not moved:
        return "Nothing changed in what was seen of the article"
    if not grave:
        return f"Other words only: {plural(moved, 'statement')}"
    return f"{plural(grave, 'statement')} of the article to look at"


def _kind_badge(kind: str) -> Html:
    symbol, words, colour = _KINDS_TOLD[kind]
    return tag(
        "span",
        tag("span", symbol, aria_hidden="true"),
        " ",
        words,
        class_=f"rpm-badge rpm-{colour}",
    )


def _statement_cells(matrix: Matrix, change: StatementChange) -> list[Html | str | None]:
    lines = ", ".join(f"line {one.line}" for one in change.new)
    subjects = [matrix.row(name, "statements")["subject"] for name in change.old]
    about = [change.subject] if change.new else subjects
    return [
        _kind_badge(change.kind),
        wide([*about, soft(lines) if lines else None]),
        # Short words: what is to be done about it stands behind, and is to be seen at once.
        change.told or ("the words only" if change.kind == "wording" else ""),
        wide(_rows_to_review(matrix, change)),
    ]


def _rows_to_review(matrix: Matrix, change: StatementChange) -> Html:
    named = [
        fragment([_row_title(matrix, table_name, row_id), " ", code(row_id)])
        for table_name, row_id in change.rows
    ]
    if named:
        return bullets(named)
    return fragment(["none yet: somebody has to write one" if change.kind == "added" else "none"])


def _row_title(matrix: Matrix, table_name: str, row_id: str) -> str:
    row = matrix.row(row_id, table_name)
    return row.get("title") or row.get("meaning") or row.get("topic") or spoken(table_name)


def _unseen(found: DriftReport) -> Html | None:
    if not found.unseen:
        return None
    subjects = [found.matrix.row(name, "statements")["subject"] for name in found.unseen]
    return details(
        f"Not seen: {plural(len(subjects), 'statement')}, because the copy is not whole",
        bullets(subjects),
    )


def _kinds_chart(counts: Mapping[str, int]) -> Html:
    """Draw how many statements are as they were, and how many are not."""
    drawn = {kind: count for kind, count in counts.items() if count}
    whole = sum(drawn.values())
    marks: list[Html] = []
    across = 0.0
    for kind, count in reversed(drawn.items()):
        _, _, colour = _KINDS_TOLD[kind]
        width = count / whole * _WIDE
        marks.append(_rectangle(across, 0, max(width - 1, 1.5), 22, colour))
        across += width
    said = ", ".join(f"{count} {_KINDS_TOLD[kind][1]}" for kind, count in drawn.items())
    drawing = tag(
        "svg",
        marks,
        viewBox=f"0 0 {_WIDE} 22",
        preserveAspectRatio="none",
        class_="rpm-chart-wide",
        role="img",
        aria_label=f"{plural(whole, 'statement')}: {said}",
    )
    legend = [
        tag("span", _kind_badge(kind), f" {count:,}", class_="rpm-key")
        for kind, count in reversed(drawn.items())
    ]
    return fragment([drawing, tag("p", legend, class_="rpm-keys")])


# --------------------------------------------------------------------------- verdicts


def impact(
    found: Impact, *, foreseen: bool = False, unwritten: Sequence[tuple[str, str]] = ()
) -> str:
    """Show whose verdict changes, from what to what and by which row, with a chart of each mode.

    Parameters
    ----------
    found : Impact
        As `rpmatrix.authoring.impact.impact` gives it.
    foreseen : bool
        Whether the tables after are a look ahead; see `rpmatrix.authoring.edition.foresee`.
    unwritten : sequence of (str, str)
        Table and id of rows that are called for and that nobody has written yet; see
        `rpmatrix.authoring.edition.Foreseen`.
    """
    return page(
        heading("What it means for VMs") if foreseen else None,
        title(_impact_title(found)),
        _compared(found, foreseen=foreseen),
        tag("div", [_flow_card(found, mode) for mode in _modes(found)], class_="rpm-cards"),
        section("What changes most verdicts", _common_causes(found)),
        section("Whose verdict changes", _verdict_changes(found)),
        section("Other disks to exclude", _disk_changes(found)),
        section("Other caveats, the same verdict", _caveat_changes(found)),
        _unwritten(unwritten),
        _row_changes(found),
    )


def _modes(found: Impact) -> list[str]:
    judged = {one.mode for one, _ in found.verdicts}
    return [mode for mode in MODES if mode in judged]


def _impact_title(found: Impact) -> str:
    vms = plural(len(found.inventory.vms), "VM")
    for kind, told in (("verdict", "verdict"), ("disks", "disks to exclude"), ("caveats", "")):
        concerned = len({one.vm_id for one in found.of_kind(kind)})
        if concerned and told:
            return (
                f"Another {told} for {concerned:,} of {vms}"
                if kind == "verdict"
                else (f"No verdict changes; other {told} for {concerned:,} of {vms}")
            )
        if concerned:
            return f"No verdict changes; other caveats for {concerned:,} of {vms}"
    return f"Nothing changes for {vms}"


def _compared(found: Impact, *, foreseen: bool) -> Html:
    vms = f"for {plural(len(found.inventory.vms), 'VM')}."
    if foreseen:
        return soft(
            "If the copy is taken at its word, instead of ", _matrix_name(found.before), ", ", vms,
            " What a program reads from words is a sign: a person reads the article and decides.",
        )  # fmt: skip
    return soft("From ", _matrix_name(found.before), " to ", _matrix_name(found.after), ", ", vms)


def _matrix_name(matrix: Matrix) -> Html:
    return fragment([codes(matrix.layers), f" as of {matrix.as_of}"])


def _verdict_changes(found: Impact) -> Html:
    changes = found.of_kind("verdict")
    if not changes:
        return Html("")
    rows = [
        [
            tag("strong", label_of(one)),
            one.mode,
            _step(one),
            wide(_rows_behind(found, one)),
        ]
        for one in changes[:SHOWN_VMS]
    ]
    more = len(changes) - SHOWN_VMS
    return fragment(
        [
            table("Verdicts that change", ["VM", "Mode", "Verdict", "By which row"], rows),
            _and_more(more, "change"),
        ]
    )


def _common_causes(found: Impact) -> Html:
    """Show once what changes in the same way for many VMs; nothing where there are only a few."""
    alike: dict[tuple[str, str, str, tuple[str, ...]], list[VmChange]] = {}
    for one in found.of_kind("verdict"):
        key = (one.mode, one.before.verdict, one.after.verdict, one.rows)
        alike.setdefault(key, []).append(one)
    several = [changes for changes in alike.values() if len(changes) > 1]
    if len(found.of_kind("verdict")) <= SHOWN_NAMES or not several:
        return Html("")
    most = sorted(several, key=lambda changes: -len(changes))[:SHOWN_NAMES]
    rows = [
        [
            plural(len(changes), "VM"),
            changes[0].mode,
            _step(changes[0], ranges=False),
            wide(_rows_behind(found, changes[0])),
        ]
        for changes in most
    ]
    return table("What changes most", ["VMs", "Mode", "Verdict", "By which row"], rows, whole=True)


def _step(change: VmChange, *, ranges: bool = True) -> Html:
    """Show a verdict before and after, and of an open one what it may be."""
    step = [badge(change.before.verdict), " \u2192 ", badge(change.after.verdict)]
    told = [
        f"{when} at best {badge_of(one.ceiling).word}, at worst {badge_of(one.floor).word}"
        for when, one in (("before", change.before), ("after", change.after))
        if ranges and one.verdict == "unknown"
    ]
    return fragment([tag("span", step, class_="rpm-step"), [soft(one) for one in told]])


def _rows_behind(found: Impact, change: VmChange) -> Html:
    return bullets(_named(found, row_id) for row_id in change.rows)


def _named(found: Impact, row_id: str) -> Html:
    """Name a row; one that was withdrawn stands in the tables before only."""
    matrix = found.after if found.after.has_row(row_id) else found.before
    gone = None if matrix is found.after else ", withdrawn"
    return fragment([row_name(matrix, row_id), gone])


def _disk_changes(found: Impact) -> Html:
    changes = found.of_kind("disks")
    if not changes:
        return Html("")
    rows = [
        [
            tag("strong", label_of(one)),
            one.mode,
            wide(_disks(one.before)),
            wide(_disks(one.after)),
            wide(_rows_behind(found, one)),
        ]
        for one in changes[:SHOWN_VMS]
    ]
    more = len(changes) - SHOWN_VMS
    return fragment(
        [
            table("Disks that change", ["VM", "Mode", "Before", "After", "By which row"], rows),
            _and_more(more, "change"),
        ]
    )


def _and_more(count: int, noun: str) -> Html | None:
    """Say how many more there are than a list shows."""
    return soft(f"\u2026 and {plural(count, f'more {noun}')}.") if count > 0 else None


def _disks(verdict: Verdict) -> str:
    return excluded_disks(verdict).replace(" | ", ", ") or "none"


def _caveat_changes(found: Impact) -> Html:
    """Show caveats that come and go, each once with all the VMs."""
    concerned: dict[tuple[str, str, str], list[str]] = {}
    for one in found.of_kind("caveats"):
        for row_id in only_in(one.after.caveats, one.before.caveats):
            concerned.setdefault((one.mode, "new", row_id), []).append(one.vm_name or one.vm_id)
        for row_id in only_in(one.before.caveats, one.after.caveats):
            concerned.setdefault((one.mode, "gone", row_id), []).append(one.vm_name or one.vm_id)
    if not concerned:
        return Html("")
    rows = [
        [
            wide(_named(found, row_id)),
            fragment([told]),
            mode,
            wide(_several(names)),
        ]
        for (mode, told, row_id), names in sorted(concerned.items())
    ]
    return table("Caveats that change", ["Caveat", "It is", "Mode", "VMs"], rows, whole=True)


def _several(names: Sequence[str]) -> Html:
    shown = ", ".join(names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return fragment(
        [
            tag("strong", plural(len(names), "VM")),
            f": {shown}",
            f" and {more:,} more" if more > 0 else None,
        ]
    )


def _unwritten(rows: Sequence[tuple[str, str]]) -> Html:
    if not rows:
        return Html("")
    return section(
        "Not in this: rows that a person has to write",
        paragraph(
            "The copy calls for rows of which no program can say when they apply, or what they "
            "mean. What they would change is not foreseen here."
        ),
        bullets(fragment([code(row_id), f" of {spoken(name)}"]) for name, row_id in rows),
    )


def _row_changes(found: Impact) -> Html | None:
    changes = [one for one in found.row_changes if one.table != "statements"]
    if not changes:
        return None
    rows = [
        [
            wide(code(one.row_id)),
            spoken(one.table),
            one.kind,
            code(one.layer),
            wide(_cells_changed(one)),
        ]
        for one in changes[:SHOWN_VMS]
    ]
    more = len(changes) - SHOWN_VMS
    return details(
        f"What is not the same in the tables: {plural(len(changes), 'row')}",
        table("Rows that changed", ["Row", "Table", "It is", "Layer", "Cells"], rows),
        _and_more(more, "row"),
    )


def _cells_changed(change: RowChange) -> Html | None:
    if not change.columns:
        return None
    return bullets(
        fragment([spoken(column), ": ", code(old or "nothing"), " \u2192 ", code(new or "nothing")])
        for column, old, new in change.columns
    )


def not_foreseen(problems: Sequence[Problem]) -> str:
    """Say why nobody can look ahead at the verdicts that a copy of the article would bring."""
    return page(
        section(
            "Whose verdict changes cannot be foreseen",
            paragraph("What the copy says does not fit the tables as it stands:"),
            bullets(str(one) for one in problems[:SHOWN_NAMES]),
        )
    )


def overlay_begun(folder: Path, files: Sequence[Path]) -> str:
    """Say what was written to begin an overlay, and what to do with it."""
    return page(
        tag(
            "div",
            paragraph(tag("strong", "Begun: "), code(str(folder))),
            paragraph("Written: ", codes(path.name for path in files), "."),
            paragraph(
                "It is not complete: what only a person can say is left empty. This names each "
                "cell that is still to be filled:"
            ),
            copyable(f'rpmatrix check "{folder}"', "The command that checks the overlay"),
            class_="rpm-card",
            role="status",
        )
    )


# --------------------------------------------------------------------------- the chart of verdicts

# The charts are drawn in units that a narrow page shrinks; the labels decide how wide one is.
_WIDE: Final = 400
_BAR, _BETWEEN, _LETTER = 9, 100, 6.4
_HIGH, _GAP, _TOP = 120, 17, 24


@dataclass(frozen=True)
class _Segment:
    """The part of a bar that stands for a verdict."""

    top: float
    height: float
    count: int


def _flow_card(found: Impact, mode: str) -> Html:
    steps = {(old, new): n for (one, old, new), n in found.counts.items() if one == mode}
    moved = sum(count for (old, new), count in steps.items() if old != new)
    whole = sum(steps.values())
    told = (
        f"{moved:,} of {plural(whole, 'VM')} change"
        if moved != 1
        else (f"1 of {plural(whole, 'VM')} changes")
    )
    return tag(
        "div",
        paragraph(tag("strong", MODE_TITLES[mode]), f": {told if moved else 'no verdict changes'}"),
        _flow_chart(mode, steps),
        _in_numbers(mode, steps),
        class_="rpm-card",
    )


def _flow_chart(mode: str, steps: Mapping[tuple[str, str], int]) -> Html:
    """Draw the VMs as bars of verdicts, before and after, and bands from one to the other."""
    whole = sum(steps.values()) or 1
    before = _bar((old, count) for (old, _), count in steps.items())
    after = _bar((new, count) for (_, new), count in steps.items())
    labels = _labels(before, after)
    longest = [max((len(one) for one in side.values()), default=0) for side in labels]
    left = longest[0] * _LETTER + 8
    right = left + _BAR + _BETWEEN
    wide_as = right + _BAR + 8 + longest[1] * _LETTER
    ends = {
        side: {verdict: one.top for verdict, one in bar.items()}
        for side, bar in (("old", before), ("new", after))
    }
    bands: list[tuple[bool, Html]] = []
    for old in VERDICTS:
        for new in VERDICTS:
            count = steps.get((old, new), 0)
            if count:
                height = count / whole * _HIGH
                tops = ends["old"][old], ends["new"][new]
                bands.append((old != new, _band(left + _BAR, *tops, height, new, moved=old != new)))
                ends["old"][old] += height
                ends["new"][new] += height
    # What moves is drawn on top of what stays.
    marks = [band for _, band in sorted(bands, key=lambda one: one[0])]
    for place, bar in ((left, before), (right, after)):
        for verdict, one in bar.items():
            colour = badge_of(verdict).colour
            marks.append(_rectangle(place, one.top, _BAR, max(one.height, 1.5), colour))
    marks += [
        _text("before", left + _BAR, 8, "end", soft=True),
        _text("after", right, 8, "start", soft=True),
    ]
    for verdict, one in before.items():
        marks.append(_text(labels[0][verdict], left - 6, one.top + one.height / 2, "end"))
    for verdict, one in after.items():
        marks.append(_text(labels[1][verdict], right + _BAR + 6, one.top + one.height / 2, "start"))
    bottom = max(one.top + one.height for one in (*before.values(), *after.values()))
    return tag(
        "svg",
        marks,
        viewBox=f"0 0 {wide_as:.0f} {bottom + 10:.0f}",
        class_="rpm-chart rpm-chart-flow",
        role="img",
        aria_label=_in_words(mode, steps),
    )


def _bar(counted: Iterable[tuple[str, int]]) -> dict[str, _Segment]:
    counts: Counter[str] = Counter()
    for verdict, count in counted:
        counts[verdict] += count
    whole = sum(counts.values()) or 1
    bar: dict[str, _Segment] = {}
    top = float(_TOP)
    for verdict in VERDICTS:
        if counts[verdict]:
            height = counts[verdict] / whole * _HIGH
            bar[verdict] = _Segment(top, height, counts[verdict])
            top += height + _GAP
    return bar


def _labels(
    before: Mapping[str, _Segment], after: Mapping[str, _Segment]
) -> tuple[dict[str, str], dict[str, str]]:
    """Say what each segment stands for, and behind the bar also how many more or less there are."""
    old = {verdict: f"{word(verdict)} {one.count:,}" for verdict, one in before.items()}
    new = {}
    for verdict, one in after.items():
        more = one.count - (before[verdict].count if verdict in before else 0)
        new[verdict] = f"{one.count:,} {word(verdict)}" + (f" ({more:+,})" if more else "")
    return old, new


def _band(left: float, old: float, new: float, height: float, verdict: str, *, moved: bool) -> Html:
    """Draw what goes from one bar to the other, from the edge of the first one on."""
    right = left + _BETWEEN
    middle = (left + right) / 2
    high = max(height, 2.0) if moved else height
    path = (
        f"M{left} {old:.1f}C{middle} {old:.1f} {middle} {new:.1f} {right} {new:.1f}"
        f"V{new + high:.1f}C{middle} {new + high:.1f} {middle} {old + high:.1f} "
        f"{left} {old + high:.1f}Z"
    )
    colour = badge_of(verdict).colour if moved else "none"
    return tag(
        "path",
        d=path,
        class_=f"rpm-of-{colour}",
        fill="currentColor",
        fill_opacity="0.75" if moved else "0.16",
    )


def _rectangle(across: float, down: float, width: float, height: float, colour: str) -> Html:
    return tag(
        "rect",
        x=f"{across:.1f}",
        y=f"{down:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
        class_=f"rpm-of-{colour}",
        fill="currentColor",
    )


def _text(words: str, across: float, down: float, anchor: str, *, soft: bool = False) -> Html:
    return tag(
        "text",
        words,
        x=f"{across:.1f}",
        y=f"{down:.1f}",
        text_anchor=anchor,
        fill="currentColor",
        class_="rpm-of-none" if soft else None,
    )


def _in_words(mode: str, steps: Mapping[tuple[str, str], int]) -> str:
    moved = [
        f"{plural(count, 'VM')} from {badge_of(old).word} to {badge_of(new).word}"
        for (old, new), count in steps.items()
        if old != new
    ]
    stay = sum(count for (old, new), count in steps.items() if old == new)
    told = "; ".join([*moved, f"{plural(stay, 'VM')} as before"])
    return f"{MODE_TITLES[mode]}: {told}."


def _in_numbers(mode: str, steps: Mapping[tuple[str, str], int]) -> Html:
    rows = [[badge(old), badge(new), f"{count:,}"] for (old, new), count in steps.items()]
    return details("The same in numbers", table(mode, ["Before", "After", "VMs"], rows))
