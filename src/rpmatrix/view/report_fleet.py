"""HTML of a fleet: what many VMs add up to, section by section or as one document.

Everything here is made of counts, so a page of a million VMs is as long as one of a thousand: a
list that would be longer is cut, says how many more there are, and where all of them are. A chart
is a table whose cells hold bars: the numbers stand under each bar, so that nobody depends on its
length or its colour. Each section answers one question and stands alone if it is asked for alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from rpmatrix.common.words import Badge, badge_of, plural
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.titles import MODE_TITLES, limit, row_title
from rpmatrix.view.markup import (
    Child,
    Html,
    badge,
    bullets,
    code,
    codes,
    fragment,
    heading,
    html_document,
    joined,
    page,
    paragraph,
    soft,
    spaced,
    table,
    tag,
    title,
    wide,
)
from rpmatrix.view.report_matrix import layer_names, with_sources

if TYPE_CHECKING:
    from rpmatrix.fleet.rollups import FleetResult

SHOWN_PLACES: Final = 20
"""Regions and subscriptions that a chart shows one by one; the others are shown as one sum."""

SHOWN_ROWS: Final = 15
"""Rows of the matrix, facts, sets and records that a section shows before it counts the others."""

Modes = Sequence[str]

_NAMED: Final = 3  # members of a set that are named in a chart

# What a part of a bar is called beside the verdicts: symbol, word and colour.
_SETTLED: Final = {
    "alone": Badge("●", "by this alone", "open"),
    "touched": Badge("○", "with other things", "none"),
}
_PROTECTED: Final = {
    "all": Badge("✓", "all members", "yes"),
    "some": Badge("◐", "some members", "part"),
    "none": Badge("✕", "no member", "no"),
    "unknown": Badge("?", "not known", "open"),
}
_SETS: Final = {"availability_set": "Availability sets", "scale_set": "Flexible scale sets"}

_Looks = Mapping[str, Badge]
_OF_VERDICTS: Final[_Looks] = {name: badge_of(name) for name in VERDICTS}


# --------------------------------------------------------------------------- charts

# Below such shares of the bar there is no room for a number, and for a symbol.
_ROOM_FOR_NUMBER: Final = 0.16
_ROOM_FOR_SYMBOL: Final = 0.07
_SIGN: Final = 3  # characters that the symbol before a number takes, with its distance


@dataclass(frozen=True)
class _Row:
    """One line of a chart: what it is about, and the parts of its bar in each mode."""

    about: Child
    counts: Mapping[str, Mapping[str, int]]
    more: Mapping[str, str] = field(default_factory=dict)


def _share(count: int, whole: int) -> str:
    """Tell a share so that a few never look like none, and nearly all never like all."""
    if not whole:
        return ""
    share = 100 * count / whole
    if 0 < share < 1:
        return "< 1 %"
    return f"{min(round(share), 99 if count < whole else 100)} %"


def _bar(counts: Mapping[str, int], looks: _Looks, whole: int | None = None) -> Html:
    """Draw a bar of parts; `whole` is what its full width stands for, if not for all of them.

    Shares are written into bars of all: in others they would be shares of another bar.
    """
    parts = []
    total = sum(counts.get(name, 0) for name in looks)
    full = whole or total
    for name, (symbol, _, colour) in looks.items():
        count = counts.get(name, 0)
        if not count:
            continue
        share = count / full
        numbered = share >= _ROOM_FOR_NUMBER and whole is None
        told = f"{symbol} {_share(count, total)}" if numbered else symbol
        parts.append(
            tag(
                "span",
                told if share >= _ROOM_FOR_SYMBOL else None,
                class_=f"rpm-{colour}",
                style=f"flex-grow: {count}",
            )
        )
    if full > total:
        parts.append(tag("span", class_="rpm-rest", style=f"flex-grow: {full - total}"))
    return tag("div", parts, class_="rpm-stack", aria_hidden="true")


def _numbers(counts: Mapping[str, int], looks: _Looks) -> Html:
    """Give the numbers of a bar, each with its symbol and its word."""
    return tag(
        "ul",
        [
            tag(
                "li",
                f"{symbol} {counts.get(name, 0):,}",
                tag("span", f" {spoken}", class_="rpm-said"),
                class_=f"rpm-of-{colour}" if counts.get(name) else "rpm-of-none",
            )
            for name, (symbol, spoken, colour) in looks.items()
        ],
        class_="rpm-counts",
    )


def _chart(
    label: str,
    about: str,
    rows: Sequence[_Row],
    modes: Modes,
    *,
    looks: _Looks = _OF_VERDICTS,
    whole: int | None = None,
) -> Html:
    """Make a table of bars, one row for each thing and one column for each mode.

    Without `whole` every bar has the full width, and shows shares; with it, widths compare.
    """
    head = tag(
        "tr",
        tag("th", about, scope="col"),
        [tag("th", MODE_TITLES[one], scope="col") for one in modes],
    )
    body = []
    for row in rows:
        cells = []
        for mode in modes:
            counts = row.counts.get(mode, {})
            total = sum(counts.values())
            cells.append(
                tag(
                    "td",
                    tag("div", MODE_TITLES[mode], class_="rpm-mode", aria_hidden="true"),
                    [_bar(counts, looks, whole), _numbers(counts, looks)]
                    if total
                    else soft("none"),
                    soft(row.more[mode]) if row.more.get(mode) else None,
                    class_=None if total else "rpm-nothing",
                )
            )
        body.append(tag("tr", tag("th", row.about, scope="row"), cells))
    widest = max(
        len(f"{count:,}") for row in rows for told in row.counts.values() for count in told.values()
    )
    bars = tag(
        "table",
        tag("thead", head),
        tag("tbody", body),
        style=f"--rpm-number: {widest + _SIGN}ch",
    )
    legend = spaced([_key(looks[name]) for name in looks], " ")
    return tag(
        "div",
        tag("p", legend, class_="rpm-legend"),
        tag("div", bars, class_="rpm-scroll rpm-whole", role="region", aria_label=label),
        class_="rpm-chart-table",
    )


def _key(look: Badge) -> Html:
    symbol, spoken, colour = look
    sign = tag("span", symbol, aria_hidden="true")
    return tag("span", sign, " ", spoken, class_=f"rpm-badge rpm-{colour}")


def _longest(rows: Iterable[_Row]) -> int:
    """Give how many the longest bar of a chart stands for."""
    return max((sum(counts.values()) for row in rows for counts in row.counts.values()), default=0)


def _named(title: str, row_id: str) -> Html:
    return fragment([title, " ", code(row_id)])


def _others(count: int, what: str, call: str) -> Html | None:
    """Say how many more there are than are shown, and where all of them are."""
    if count <= 0:
        return None
    return soft(f"… and {count:,} more {what}; all of them: ", code(call), ".")


# --------------------------------------------------------------------------- the sections


def summary(result: FleetResult, modes: Modes = MODES) -> str:
    """Show how many VMs have which verdict in each mode."""
    return page(title(_size(result)), _summary(result, modes))


def _size(result: FleetResult) -> str:
    counted = result.summary
    return f"{plural(counted.vms, 'VM')}, {plural(counted.disks, 'disk')}"


def _summary(result: FleetResult, modes: Modes) -> Html:
    if not result.summary.vms:
        return paragraph("No VM, and so no verdict.")
    cards = [_mode_card(result, mode) for mode in modes]
    lost = len(result.problems)
    return fragment(
        [
            tag("div", cards, class_="rpm-cards"),
            paragraph(
                tag("strong", f"{plural(lost, 'record')} not understood"),
                ", and so perhaps VMs that are not counted here: see the problems.",
            )
            if lost
            else None,
        ]
    )


def _mode_card(result: FleetResult, mode: str) -> Html:
    counts: Counter[str] = Counter()
    safe = 0
    for (of_mode, verdict, floor, *_), count in result.summary.outcomes.items():
        if of_mode == mode:
            counts[verdict] += count
            safe += count * (verdict == "unknown" and floor in ("supported", "exclude_disks"))
    total = counts.total()
    rows = [
        tag(
            "tr",
            tag("th", badge(verdict), scope="row"),
            tag("td", f"{counts[verdict]:,}"),
            tag("td", _share(counts[verdict], total)),
        )
        for verdict in VERDICTS
    ]
    return tag(
        "div",
        paragraph(tag("strong", MODE_TITLES[mode])),
        tag("div", _bar(counts, _OF_VERDICTS), class_="rpm-tall"),
        tag(
            "table", tag("tbody", rows), class_="rpm-tally", aria_label=f"VMs, {MODE_TITLES[mode]}"
        ),
        soft(
            f"Of the unknown, {safe:,} can have a restore point in any case, "
            "at worst without some disks."
        )
        if safe
        else None,
        class_="rpm-card",
    )


def what_first(result: FleetResult, modes: Modes = MODES) -> str:
    """Show which fact settles, and which exclusion frees, the most VMs."""
    return _shown("What to do first", _what_first(result, modes))


def _what_first(result: FleetResult, modes: Modes) -> Html | None:
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in result.rows("what_first"):
        if row["mode"] in modes:
            found.setdefault((row["kind"], row["id"]), {})[row["mode"]] = row
    if not found:
        return None

    def first(item: tuple[Any, Mapping[str, Mapping[str, Any]]]) -> tuple[int, ...]:
        rows = item[1].values()
        return tuple(-sum(row[name] for row in rows) for name in ("alone", "touched"))

    ordered = sorted(found.items(), key=first)
    rows = []
    for (kind, _), of_modes in ordered[:SHOWN_ROWS]:
        any_row = next(iter(of_modes.values()))
        counts = {
            mode: {"alone": row["alone"], "touched": row["touched"] - row["alone"]}
            for mode, row in of_modes.items()
        }
        disks = {
            mode: f"{plural(row['disks'], 'disk')} to leave out"
            for mode, row in of_modes.items()
            if row["disks"]
        }
        about = [_what(result.matrix, kind, any_row), _how(result.matrix, kind, any_row)]
        rows.append(_Row(about, counts, disks))
    return fragment(
        [
            soft(
                "Sorted by how many VMs one thing alone settles or makes eligible. A VM that waits "
                "for several things is counted with each of them."
            ),
            _chart(
                "What to do first",
                "What to do",
                rows,
                [mode for mode in modes if any(row.counts.get(mode) for row in rows)],
                looks=_SETTLED,
                whole=_longest(rows),
            ),
            _others(len(ordered) - SHOWN_ROWS, "things", "result.what_first()"),
        ]
    )


def _what(matrix: Matrix, kind: str, row: Mapping[str, Any]) -> Html:
    told = "Find out: " if kind == "fact" else "Leave out: "
    return fragment([told, _named(row["title"], row["id"])])


def _how(matrix: Matrix, kind: str, row: Mapping[str, Any]) -> Html:
    """Say how, as a command where there is one."""
    command = kind == "fact" and matrix.facts[row["id"]].fetch
    return tag("div", code(row["how"]) if command else row["how"], class_="rpm-how")


def reasons(result: FleetResult, modes: Modes = MODES) -> str:
    """Show which rows rule restore points out, or leave them open, for how many VMs."""
    return _shown("What rules restore points out", _reasons(result, modes))


def _reasons(result: FleetResult, modes: Modes) -> Html | None:
    counts: dict[str, dict[str, dict[str, int]]] = {}
    titles: dict[str, str] = {}
    for row in result.rows("reasons"):
        if row["verdict"] != "supported" and row["mode"] in modes:
            of_modes = counts.setdefault(row["row_id"], {})
            of_modes.setdefault(row["mode"], {})[row["verdict"]] = row["vms"]
            titles[row["row_id"]] = row["title"]
    if not counts:
        return None
    rows = [_Row(_named(titles[one], one), of_modes) for one, of_modes in counts.items()]
    rows.sort(key=lambda row: -sum(sum(told.values()) for told in row.counts.values()))
    looks = {name: look for name, look in _OF_VERDICTS.items() if name != "supported"}
    return fragment(
        [
            soft("A VM is counted with each row that is a reason for its verdict."),
            _chart(
                "VMs by reason",
                "Row of the matrix",
                rows[:SHOWN_ROWS],
                modes,
                looks=looks,
                whole=_longest(rows),
            ),
            _others(len(rows) - SHOWN_ROWS, "rows", "result.reasons()"),
        ]
    )


def by_region(result: FleetResult, modes: Modes = MODES) -> str:
    """Show the verdicts in each region, the largest first."""
    return _shown("By region", _by_region(result, modes))


def _by_region(result: FleetResult, modes: Modes) -> Html | None:
    return _places(result, modes, "region", "Region")


def by_subscription(result: FleetResult, modes: Modes = MODES) -> str:
    """Show the verdicts in each subscription, the largest first."""
    return _shown("By subscription", _by_subscription(result, modes))


def _by_subscription(result: FleetResult, modes: Modes) -> Html | None:
    return _places(result, modes, "subscription", "Subscription")


def _places(result: FleetResult, modes: Modes, what: str, title: str) -> Html | None:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (subscription, region, mode, verdict), count in result.summary.places.items():
        place = region if what == "region" else subscription
        counts = found.setdefault(place, {}).setdefault(mode, dict.fromkeys(VERDICTS, 0))
        counts[verdict] += count
    if not found:
        return None
    sizes = {
        place: max(sum(one.values()) for one in told.values()) for place, told in found.items()
    }
    ordered = sorted(found, key=lambda place: (-sizes[place], place))
    rest = ordered[SHOWN_PLACES:]
    if len(rest) == 1:
        rest = []
    rows = [
        _Row(_place(place, sizes[place]), found[place])
        for place in ordered[: len(ordered) - len(rest)]
    ]
    if rest:
        summed = {
            mode: {
                name: sum(found[place].get(mode, {}).get(name, 0) for place in rest)
                for name in VERDICTS
            }
            for mode in modes
        }
        told = [f"{len(rest):,} other {what}s", _vms(sum(sizes[place] for place in rest))]
        rows.append(_Row(told, summed))
    return fragment(
        [
            _chart(f"VMs by {what}", title, rows, modes),
            soft("Each of them: ", code(f'result.by("{what}")'), ".") if rest else None,
        ]
    )


def _place(place: str, vms: int) -> list[Html]:
    return [code(place) if "-" in place else fragment([place or "not known"]), _vms(vms)]


def _vms(count: int) -> Html:
    return tag("div", plural(count, "VM"), class_="rpm-how")


def sets(result: FleetResult, modes: Modes = MODES) -> str:
    """Show which availability sets and scale sets can be protected with all of their VMs."""
    return _shown("Sets of VMs: all members or none", _sets(result, modes))


def _sets(result: FleetResult, modes: Modes) -> Html | None:
    found = [row for row in result.rows("groups") if row["mode"] in modes]
    if not found:
        return None
    counts: dict[str, dict[str, Counter[str]]] = {}
    partly: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in found:
        of_kind = counts.setdefault(row["kind"], {})
        of_kind.setdefault(row["mode"], Counter())[row["protected"]] += 1
        partly.setdefault((row["kind"], row["group_id"]), {})[row["mode"]] = row
    overview = [_Row(_SETS.get(kind, kind), told) for kind, told in counts.items()]
    torn = [
        (group, of_modes)
        for (_, group), of_modes in partly.items()
        if any(row["protected"] in ("some", "unknown") for row in of_modes.values())
    ]
    torn.sort(key=_most_in_part)
    members = _in_the_way(result)
    rows = [
        _Row(
            _set(group, next(iter(of_modes.values()))),
            {mode: _of_verdicts(row) for mode, row in of_modes.items()},
            {mode: members[group, mode] for mode in of_modes if (group, mode) in members},
        )
        for group, of_modes in torn[:SHOWN_ROWS]
    ]
    return fragment(
        [
            soft(
                "A set is protected as a whole only if all of its members can have restore points."
            ),
            _chart("Sets by kind", "Kind of set", overview, modes, looks=_PROTECTED),
            paragraph(
                tag("strong", "Sets that are protected in part, or of which that is not known")
            )
            if rows
            else None,
            _chart("Sets in part", "Set", rows, modes) if rows else None,
            _others(len(torn) - SHOWN_ROWS, "such sets", "result.groups()"),
        ]
    )


def _most_in_part(item: tuple[str, Mapping[str, Mapping[str, Any]]]) -> tuple[Any, ...]:
    """Sort sets: those protected in part first, then by their size."""
    group, of_modes = item
    in_part = any(row["protected"] == "some" for row in of_modes.values())
    return not in_part, -max(row["vms"] for row in of_modes.values()), group


def _in_the_way(result: FleetResult) -> dict[tuple[str, str], str]:
    """Tell for each set and mode which members are in the way, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in result.rows("members_in_the_way"):
        name = row["vm_id"].rpartition("/")[2]
        why = row["titles"].replace(" | ", ", ") or badge_of(row["verdict"]).word
        found.setdefault((row["group_id"], row["mode"]), []).append(f"{name} ({why})")
    return {
        key: f"In the way: {'; '.join(told[:_NAMED])}{' …' if len(told) > _NAMED else ''}"
        for key, told in found.items()
    }


def _of_verdicts(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in VERDICTS}


def _set(group: str, row: Mapping[str, Any]) -> Html:
    """Name a set by its last part, with the group it is in: ids are too long for a chart."""
    parts = group.split("/")
    told = [code(parts[-1] or group)]
    if len(parts) > 4:
        told.append(tag("div", parts[4], " in ", parts[2], class_="rpm-how"))
    if row["missing"]:
        absent = f"{row['missing']:,} of {plural(row['listed'], 'member')} not in the input"
        told.append(tag("div", absent, class_="rpm-how"))
    return fragment(told)


def limits(result: FleetResult, modes: Modes = MODES) -> str:
    """Hold what the fleet needs in each subscription and region against the limits."""
    return _shown("Limits of a subscription and region", _limits(result, modes))


def _limits(result: FleetResult, modes: Modes) -> Html | None:
    found = result.rows("limits")
    if not found:
        return None
    over = sum(row["state"] == "exceeded" for row in found)
    found.sort(key=lambda row: (row["state"] != "exceeded", -row["needed"]))
    rows = [
        [
            code(row["subscription"] or "not known"),
            row["region"] or "not known",
            f"{row['needed']:,}",
            badge(row["state"]),
        ]
        for row in found[:SHOWN_ROWS]
    ]
    bounds = dict.fromkeys(row["row_id"] for row in found)
    return fragment(
        [
            soft("What is needed if every VM that can have a restore point gets one."),
            [
                paragraph(
                    _named(row_title(result.matrix, one), one),
                    f": {limit(result.matrix.row(one))}.",
                )
                for one in bounds
            ],
            paragraph(
                badge("exceeded" if over else "within"),
                f" {over if over else 'all'} of {plural(len(found), 'subscription and region')}"
                if len(found) == 1
                else f" {over if over else 'all'} of {len(found):,} subscriptions and regions",
            ),
            table("Limits", ["Subscription", "Region", "Needed", "State"], rows),
            _others(len(found) - SHOWN_ROWS, "subscriptions and regions", "result.limits()"),
        ]
    )


def assumptions(result: FleetResult, modes: Modes = MODES) -> str:
    """Show what was assumed, to be confirmed, and of how many VMs it matters."""
    return _shown("Assumptions (please confirm)", _assumptions(result, modes))


def _assumptions(result: FleetResult, modes: Modes) -> Html | None:
    found = _by_mode(result.rows("assumptions"), "fact_id", modes)
    if not found:
        return None
    rows = []
    for one, counts in found.items():
        fact = result.matrix.facts[one]
        about = [fragment([fact.question or fact.title, " "]), code(f"{one}={fact.assumption}")]
        rows.append([wide(about), *(f"{counts.get(mode, 0):,}" for mode in modes)])
    return fragment(
        [
            soft("No record tells this. VMs whose verdict rests on it:"),
            table("Assumptions", ["Assumed", *(MODE_TITLES[mode] for mode in modes)], rows),
        ]
    )


def caveats(result: FleetResult, modes: Modes = MODES) -> str:
    """Show what stands beside verdicts without changing them."""
    return _shown("Caveats", _caveats(result, modes))


def _caveats(result: FleetResult, modes: Modes) -> Html | None:
    found = _by_mode(result.rows("caveats"), "row_id", modes)
    if not found:
        return None
    rows = []
    for one, counts in list(found.items())[:SHOWN_ROWS]:
        row = result.matrix.row(one)
        about = [_named(row_title(result.matrix, one), one)]
        about.append(tag("div", row.get("caveat", ""), class_="rpm-how"))
        rows.append([wide(about), *(f"{counts.get(mode, 0):,}" for mode in modes)])
    return fragment(
        [
            soft("They stand beside a verdict and never change it."),
            table("Caveats", ["Row of the matrix", *(MODE_TITLES[mode] for mode in modes)], rows),
            _others(len(found) - SHOWN_ROWS, "rows", "result.caveats()"),
        ]
    )


def _by_mode(
    rows: Iterable[Mapping[str, Any]], name: str, modes: Modes
) -> dict[str, dict[str, int]]:
    """Give counts by row or fact and mode, in the order of the rows."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["mode"] in modes:
            found.setdefault(row[name], {})[row["mode"]] = row["vms"]
    return found


def duplicates(result: FleetResult, modes: Modes = MODES) -> str:
    """Show the VMs that tables of facts tell of more than once."""
    return _shown("VMs that appear more than once", _duplicates(result, modes))


def _duplicates(result: FleetResult, modes: Modes) -> Html | None:
    if not result.held and result.out is None:
        # Only tables of facts can tell of a VM twice; a result without any has no ids to read.
        return None
    found = [row for row in result.rows("duplicates") if row["mode"] in modes]
    if not found:
        return None
    by_vm: dict[str, dict[str, Html]] = {}
    for row in found:
        each = spaced([badge(one) for one in row["verdicts"].split(" | ")], " ")
        told = fragment([each, tag("div", "go by ", badge(row["safest"]), class_="rpm-how")])
        by_vm.setdefault(row["vm_id"], {})[row["mode"]] = told
    rows = [
        [wide(code(vm_id)), *(of_modes.get(mode) for mode in modes)]
        for vm_id, of_modes in list(by_vm.items())[:SHOWN_ROWS]
    ]
    return fragment(
        [
            soft(
                "Each row is judged by itself and counted. Go by the least favourable verdict "
                "until the export is mended."
            ),
            table("Duplicates", ["VM", *(MODE_TITLES[mode] for mode in modes)], rows),
            _others(len(by_vm) - SHOWN_ROWS, "VMs", "result.duplicates()"),
        ]
    )


def notes(result: FleetResult, modes: Modes = MODES) -> str:
    """Show what a reader should know of the input though no record was lost."""
    return _shown("Remarks on the input", _notes(result, modes))


def _notes(result: FleetResult, modes: Modes) -> Html | None:
    if not result.notes:
        return None
    listed = bullets(result.notes[:SHOWN_ROWS])
    return fragment([listed, _others(len(result.notes) - SHOWN_ROWS, "remarks", "result.notes")])


def problems(result: FleetResult, modes: Modes = MODES) -> str:
    """Show the records that were not understood."""
    return _shown("Not understood", _problems(result, modes))


def _problems(result: FleetResult, modes: Modes) -> Html | None:
    if not result.problems:
        return None
    kinds = Counter(one.message for one in result.problems)
    places = {one.message: one for one in reversed(result.problems)}
    rows = []
    for message, count in kinds.most_common(SHOWN_ROWS):
        first = places[message]
        where = [code(first.file), " ", code(first.record or "/"), " ", first.path]
        rows.append([wide(message), f"{count:,}", wide(where)])
    return fragment(
        [
            paragraph(
                tag("strong", plural(len(result.problems), "record")),
                " of ",
                f"{result.records:,}: they are in no verdict, and in no other number here.",
            ),
            table("Problems", ["What is wrong", "Records", "The first of them"], rows),
            _others(len(kinds) - SHOWN_ROWS, "kinds of problems", "result.problems"),
        ]
    )


def _shown(name: str, content: Html | None) -> str:
    return page(heading(name), content) if content else ""


# --------------------------------------------------------------------------- all of them

_Section = Callable[["FleetResult", Modes], "Html | None"]

_SECTIONS: Final[Mapping[str, _Section]] = {
    "What to do first": _what_first,
    "What rules restore points out": _reasons,
    "By region": _by_region,
    "By subscription": _by_subscription,
    "Sets of VMs: all members or none": _sets,
    "Limits of a subscription and region": _limits,
    "Assumptions (please confirm)": _assumptions,
    "Caveats": _caveats,
    "VMs that appear more than once": _duplicates,
    "Remarks on the input": _notes,
    "Not understood": _problems,
}


def fleet(result: FleetResult, modes: Modes = MODES) -> str:
    """Show a fleet: the summary first, then what to do, why, where, and what is open.

    Parameters
    ----------
    result : FleetResult
        The verdicts of a fleet.
    modes : sequence of str
        The consistency modes to show.
    """
    return joined(
        summary(result, modes),
        *(_shown(name, section(result, modes)) for name, section in _SECTIONS.items()),
        page(soft("Decided by the matrix, layers ", codes(result.matrix.layers), ".")),
    )


def fleet_document(
    result: FleetResult,
    modes: Modes = MODES,
    *,
    inputs: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> str:
    """Make one HTML file of a fleet: no scripts, and nothing that is fetched.

    Parameters
    ----------
    result : FleetResult
        The verdicts of a fleet.
    modes : sequence of str
        The consistency modes to show.
    inputs : mapping of str to str, optional
        What was read: the name of each file, and what identifies it.
    options : mapping of str to str, optional
        What else bears on the verdicts, such as answers that were given.

    Returns
    -------
    str
        A page that can be read offline, filed and printed.
    """
    name = f"Restore points: a fleet of {plural(result.summary.vms, 'VM')}"
    parts = [page(tag("h1", name), *_about(result), _summary(result, modes))]
    for question, section in _SECTIONS.items():
        content = section(result, modes)
        if content:
            parts.append(page(tag("h2", question), content))
    told = _provenance(result, inputs or {}, options or {})
    parts.append(
        page(
            tag("h2", "What this rests on"),
            None if result.problems else soft("Every record was understood."),
            table("Provenance", ["What", "Value"], told, whole=True),
        )
    )
    return html_document(name, *with_sources(result.matrix, *parts))


def _about(result: FleetResult) -> Iterator[Html]:
    yield soft(
        f"{_size(result)}, from {plural(result.records, 'record')}; judged for "
        f"{result.matrix.as_of.isoformat()} by ",
        layer_names(result.matrix),
        ".",
    )


def _provenance(
    result: FleetResult, inputs: Mapping[str, str], options: Mapping[str, str]
) -> Iterator[list[Child]]:
    matrix = result.matrix
    yield ["Package", f"rpmatrix {_package()}"]
    yield ["Matrix", wide(code(matrix.digest))]
    yield ["Layers", " + ".join(matrix.layers)]
    yield ["Answers for the day", matrix.as_of.isoformat()]
    yield ["Records", f"{result.records:,}"]
    yield ["Not understood", f"{len(result.problems):,}"]
    for warning in matrix.warnings:
        yield ["Warning", warning]
    for name, value in options.items():
        yield [name, value]
    shown = list(inputs.items())[:SHOWN_PLACES]
    for name, value in shown:
        yield ["Input", wide([code(name), f" {value}"])]
    if len(inputs) > len(shown):
        yield ["Input", f"… and {len(inputs) - len(shown):,} more files"]
    if result.out is not None:
        yield ["Verdicts of each VM", wide(code(result.out.name))]


def _package() -> str:
    try:
        return version("rpmatrix")
    except PackageNotFoundError:
        return "(not installed)"
