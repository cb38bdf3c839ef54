"""Documents that stand alone: an assessment or a plan, to be read, printed, filed and sent.

An HTML document is one file without scripts and without a reference to anything outside it. The
same content goes into PDF, Markdown, a workbook and CSV; the tables behind the last three are made
once, in :func:`sheets`. A document hangs on what was read and on the matrix, and on nothing else:
the same input gives the same HTML. To replace names, read the records with
:func:`rpmatrix.cases.masked_inventory` first.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from rpmatrix.common.words import badge_of, plural, printable, word
from rpmatrix.eligibility.assessment import VERDICTS, Assessment, Question, Verdict
from rpmatrix.inventory.inventory import Vm
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.matrix.titles import row_title
from rpmatrix.planning.commands.write import CLIENTS, write
from rpmatrix.planning.plan import SAFE_PHASES, Plan, VmPlan
from rpmatrix.view import report, report_matrix
from rpmatrix.view.markup import (
    Html,
    heading,
    html_document,
    lowered,
    page,
    paragraph,
    soft,
    table,
    tag,
    wide,
)

FORMATS: Final = ("html", "pdf", "md", "xlsx", "csv")
"""The forms of a document, by the ending of its file."""

DETAILED_VMS: Final = 25
"""How many VMs a document explains one by one; the tables hold all of them."""

FEW_VMS: Final = 3
"""Up to so many VMs, everything that is folded on the screen is printed."""

CHROMIUM: Final = "RPMATRIX_CHROMIUM"
"""The environment variable that names the browser for PDF, if it stands in no usual place."""

_BROWSERS: Final = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("msedge", "microsoft-edge", "microsoft-edge-stable"),
)
_PDF_SECONDS: Final = 180

Result = Assessment | Plan


class DocumentError(Exception):
    """A document that cannot be made; the message says why and what to do."""


# --------------------------------------------------------------------------- what a document holds


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a document.

    Attributes
    ----------
    name : str
        One or two words: the name of a sheet in a workbook.
    title : str
        What it shows.
    columns : tuple of str
        The names of the columns.
    rows : tuple of tuple of str
        The cells.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(result: Result) -> tuple[Sheet, ...]:
    """Give the tables of a document.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about. Of a plan the verdicts are those of the planned VMs.
    """
    found = _assessment(result)
    vms = _vms(result)
    verdicts = _verdicts(result)
    made = [
        _sheet("Summary", "VMs by mode and verdict", _SUMMARY, _summary_rows(verdicts)),
        _sheet("Verdicts", "The verdict on each VM in each mode", _VERDICT, _verdict_rows(result)),
        _sheet("Disks", "Disks to leave out", _DISK, _disk_rows(found.matrix, verdicts)),
        _sheet("Reasons", "Source", _REASON, _reason_rows(found.matrix, verdicts)),
        _sheet("Open", "What settles what is open", _OPEN, _open_rows(verdicts, vms)),
    ]
    if isinstance(result, Plan):
        made += [
            _sheet("Steps", "What to do, in order", _STEP, _step_rows(result)),
            _sheet("Not saved", "What is not in the restore points", _LOST, _lost_rows(result)),
            _sheet("Changes", "What would make VMs eligible", _CHANGE, _change_rows(result)),
            _sheet("Permissions", "What the caller must be allowed", _PERMISSION, _allowed(result)),
        ]
    told = [(one.file, one.record, one.path, one.message) for one in found.problems]
    told += [("", "", "", note) for note in found.inventory.notes]
    made += [
        _sheet("Problems", "What was not understood", ("Input", "Record", "Path", "What"), told),
        _sheet("Provenance", "What this rests on", ("What", "Value"), _provenance_rows(result)),
    ]
    return tuple(made)


_SUMMARY: Final = ("Mode", "Verdict", "VMs")
_VERDICT: Final = (
    *("VM", "Resource id", "Region", "Mode", "Verdict", "At best", "At worst"),
    *("Disks to leave out", "Decided by", "Reasons", "Caveats", "Assumed"),
)
_DISK: Final = ("VM", "Mode", "Disk", "Place", "Resource id", "Decided by", "Reasons")
_REASON: Final = ("Row", "Title", "Verdicts", "Source", "What to do")
_OPEN: Final = ("VM", "Fact", "Disk", "Command", "Question", "Rows that wait")
_STEP: Final = ("VM", "Mode", "Step", "Part", "What", "Applies", "Advice", "Rows", "Command")
_LOST: Final = ("VM", "What", "Why", "Certain", "Rows")
_PERMISSION: Final = ("To", "Action", "Scope", "Needed", "Certainty", "Source", "Row")
_CHANGE: Final = ("VM", "Mode", "Verdict after it", "Change", "How", "What it costs", "Rows")


def _sheet(name: str, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Sheet:
    return Sheet(name, title, tuple(columns), tuple(tuple(row) for row in rows))


def _assessment(result: Result) -> Assessment:
    return result.assessment if isinstance(result, Plan) else result


def _vms(result: Result) -> tuple[Vm, ...]:
    return (
        tuple(one.vm for one in result.vms) if isinstance(result, Plan) else (result.inventory.vms)
    )


def _verdicts(result: Result) -> tuple[Verdict, ...]:
    if isinstance(result, Assessment):
        return tuple(result.verdicts)
    wanted = {vm.id for vm in _vms(result)}
    return tuple(one for one in result.assessment.verdicts if one.vm_id in wanted)


def _spoken(name: str) -> str:
    return badge_of(name).word


def _titles(matrix: Matrix, rows: Iterable[str]) -> str:
    return "; ".join(row_title(matrix, row) for row in rows)


def _summary_rows(verdicts: Sequence[Verdict]) -> Iterator[Sequence[str]]:
    for mode in MODES:
        counts = Counter(one.verdict for one in verdicts if one.mode == mode)
        for verdict in VERDICTS:
            if counts:
                yield mode, _spoken(verdict), str(counts[verdict])


def _verdict_rows(result: Result) -> Iterator[Sequence[str]]:
    matrix = _assessment(result).matrix
    regions = {vm.id: vm.location for vm in _vms(result)}
    for one in _verdicts(result):
        yield (
            one.vm_name,
            one.vm_id,
            regions.get(one.vm_id, ""),
            one.mode,
            _spoken(one.verdict),
            _spoken(one.ceiling),
            _spoken(one.floor),
            ", ".join(disk.label for disk in one.exclude_disks),
            ", ".join(one.reasons),
            _titles(matrix, one.reasons),
            _titles(matrix, one.caveats),
            "; ".join(matrix.facts[fact].title for fact in one.assumptions),
        )


def _disk_rows(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterator[Sequence[str]]:
    for one in verdicts:
        for disk in one.exclude_disks:
            place = "OS disk" if disk.role == "os" else f"data disk, lun {disk.lun}"
            rows = ", ".join(disk.rows)
            titles = _titles(matrix, disk.rows)
            yield one.vm_name, one.mode, disk.label, place, disk.id or "", rows, titles


def _counted(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Count on how many verdicts each row bears, the most first."""
    found = Counter(row for one in verdicts for row in dict.fromkeys((*one.reasons, *one.caveats)))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _reason_rows(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterator[Sequence[str]]:
    for row_id, count in _counted(verdicts).items():
        row = matrix.row(row_id)
        says = "; ".join(str(one) for one in matrix.citations(row_id))
        advice = row.get("remedy", "") or row.get("caveat", "")
        yield row_id, row_title(matrix, row_id), str(count), says, advice


def _open_rows(verdicts: Sequence[Verdict], vms: Sequence[Vm]) -> Iterator[Sequence[str]]:
    names = {vm.id: vm.name or vm.id for vm in vms}
    seen: dict[tuple[str, Question], None] = {}
    for one in verdicts:
        for question in one.missing:
            seen[names.get(one.vm_id, one.vm_id), question] = None
    for vm, asked in seen:
        yield vm, asked.title, asked.disk, asked.command, asked.ask, ", ".join(asked.rows)


def _step_rows(plan: Plan) -> Iterator[Sequence[str]]:
    for vm in plan.vms:
        for step in vm.steps:
            texts = [
                write(operation, plan.client, matrix=plan.assessment.matrix).text
                for operation in step.operations
                if step.phase in SAFE_PHASES and plan.client in CLIENTS
            ]
            yield (
                _name(vm),
                vm.mode,
                str(step.number),
                report.phase_title(step.phase),
                step.title,
                step.applies,
                f"{step.advice} {step.blocked}".strip(),
                ", ".join(step.rows),
                "\n\n".join(texts),
            )


def _name(plan: VmPlan) -> str:
    return plan.vm.name or plan.vm.id


def _lost_rows(plan: Plan) -> Iterator[Sequence[str]]:
    for vm in plan.vms:
        for lost in vm.not_saved:
            sure = "yes" if lost.certain else "not known"
            yield _name(vm), lost.what, lost.why, sure, ", ".join(lost.rows)


def _change_rows(plan: Plan) -> Iterator[Sequence[str]]:
    for vm in plan.vms:
        for way in vm.what_if:
            for change in way.changes:
                yield (
                    _name(vm),
                    way.mode,
                    _spoken(way.verdict),
                    change.title + (f" ({', '.join(change.disks)})" if change.disks else ""),
                    change.how,
                    change.side_effect,
                    ", ".join(change.rows),
                )


def _allowed(plan: Plan) -> Iterator[Sequence[str]]:
    for one in plan.permissions.permissions:
        yield (
            *(one.operation.replace("_", " "), one.action, one.scope.replace("_", " ")),
            *(one.condition or "always", one.certainty, one.source, one.row),
        )


def _provenance_rows(result: Result) -> Iterator[Sequence[str]]:
    found = _assessment(result)
    told = found.provenance
    yield "Package", f"rpmatrix {told['package']}"
    yield "Matrix", str(told["matrix_digest"])
    yield "Layers", " + ".join(told["layers"])
    for row in found.matrix.article:
        yield "Article", f"{row['title']}, {row['dated']} ({row['licence']}): {row['address']}"
    yield "Answers for the day", found.matrix.as_of.isoformat()
    yield "Assumptions", "none are made" if found.evaluator.strict else "made, and listed"
    counts = found.inventory.counts
    yield (
        "Records",
        f"{plural(counts['records'], 'record')}: {counts['vms']:,} of VMs, {counts['disks']:,} of"
        f" disks, {counts['other']:,} of others, {counts['problems']:,} not understood",
    )
    for warning in found.matrix.warnings:
        yield "Warning", warning
    for name, digest in told["inputs"].items():
        # The folders of an input are nobody's business.
        yield f"Input {PurePath(name).name}", digest


# --------------------------------------------------------------------------- HTML

_WIDTH: Final = 640
_LABEL: Final = 170
_BAR: Final = 26
_GAP: Final = 10
_CHARACTER: Final = 7  # of the text in a chart, at most
_MOST_BARS: Final = 10


def to_html(result: Result) -> str:
    """Make one HTML file: no scripts, and nothing that is fetched.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.
    """
    kind = "Plan for restore points" if isinstance(result, Plan) else "Restore points: verdicts"
    vms = _vms(result)
    title = f"{kind} of {vms[0].name or vms[0].id}" if len(vms) == 1 else kind
    parts = (
        page(tag("h1", title), *_summary(result)),
        *_details_of(result),
        page(*_end(result)),
    )
    parts = report_matrix.with_sources(_assessment(result).matrix, *parts)
    return html_document(title, *parts, printed_open=len(vms) <= FEW_VMS)


def _summary(result: Result) -> Iterator[Html | str | None]:
    found = _assessment(result)
    verdicts = _verdicts(result)
    vms = _vms(result)
    records = plural(found.inventory.counts["records"], "record")
    yield soft(
        f"{plural(len(vms), 'VM')} from {records}, judged for {found.matrix.as_of.isoformat()} by ",
        report_matrix.layer_names(found.matrix),
        ".",
    )
    if not verdicts:
        yield paragraph("No VM, and so no verdict.")
        return
    yield tag("h2", "Summary")
    yield _verdict_chart(verdicts)
    yield from _reason_chart(found.matrix, verdicts)
    yield from _by_region(result)
    yield tag("h2", "Verdict on each VM")
    yield _verdict_table(result)


def _bar(x: float, y: float, width: float, colour: str) -> Html:
    return tag(
        "rect",
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{_BAR}",
        class_=f"rpm-bar rpm-bar-{colour}",
    )


def _label(words: str, x: float, y: float, *, class_: str | None = None) -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y + _BAR / 2:.1f}", class_=class_)


def _drawing(marks: Iterable[Html], height: int, words: str) -> Html:
    return tag(
        "svg",
        marks,
        viewBox=f"0 0 {_WIDTH} {height}",
        class_="rpm-bars",
        role="img",
        aria_label=words,
    )


def _verdict_chart(verdicts: Sequence[Verdict]) -> Html:
    """Draw how many VMs have which verdict in each mode; every number stands there in words too."""
    marks: list[Html] = []
    told = []
    down = 0
    for mode in MODES:
        counts = Counter(one.verdict for one in verdicts if one.mode == mode)
        total = counts.total()
        if not total:
            continue
        marks.append(_label(f"{mode} consistency", 0, down))
        across = float(_LABEL)
        words = []
        for verdict in VERDICTS:
            count = counts[verdict]
            if not count:
                continue
            symbol, spoken, colour = badge_of(verdict)
            width = (_WIDTH - _LABEL) * count / total
            marks.append(_bar(across, down, width, colour))
            if width > _CHARACTER * (len(str(count)) + 3):
                marks.append(_label(f"{symbol} {count}", across + 6, down, class_="rpm-on-bar"))
            words.append(f"{symbol} {count} {spoken}")
            across += width
        down += _BAR
        marks.append(_label(", ".join(words), _LABEL, down))
        down += _BAR + _GAP
        told.append(f"{mode} consistency: {', '.join(words)}")
    return _drawing(marks, down, "; ".join(told))


def _reason_chart(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterator[Html]:
    """Draw which rows rule restore points out for how many VMs."""
    against = [one for one in verdicts if one.verdict != "supported"]
    rows = Counter((row, one.verdict) for one in against for row in one.reasons)
    most: Counter[str] = Counter()
    for (row, _), count in rows.items():
        most[row] += count
    shown = sorted(most, key=lambda row: (-most[row], row))[:_MOST_BARS]
    if not shown:
        return
    longest = max(most.values())
    marks: list[Html] = []
    down = 0
    for row in shown:
        marks.append(_label(f"{row_title(matrix, row)} ({row}): {most[row]}", 0, down))
        down += _BAR - 4
        across = 0.0
        for verdict in VERDICTS:
            count = rows[row, verdict]
            if count:
                width = (_WIDTH - 8) * count / longest
                marks.append(_bar(across, down, width, badge_of(verdict).colour))
                symbol = badge_of(verdict).symbol
                if width > 4 * _CHARACTER:
                    marks.append(_label(f"{symbol} {count}", across + 6, down, class_="rpm-on-bar"))
                across += width
        down += _BAR + _GAP
    yield heading("What rules restore points out, and in how many verdicts")
    words = "; ".join(f"{row_title(matrix, row)}: {most[row]} verdicts" for row in shown)
    yield _drawing(marks, down, words)
    if len(most) > len(shown):
        yield soft(f"… and {plural(len(most) - len(shown), 'more row')}; see who says so.")


def _by_region(result: Result) -> Iterator[Html]:
    regions = {vm.id: vm.location or "not known" for vm in _vms(result)}
    names = sorted(set(regions.values()))
    if len(names) < 2:
        return
    counts = Counter((regions[one.vm_id], one.mode, one.verdict) for one in _verdicts(result))
    modes = [mode for mode in MODES if any(key[1] == mode for key in counts)]
    rows = [
        [name, mode, *(str(counts[name, mode, one]) for one in VERDICTS)]
        for name in names
        for mode in modes
    ]
    columns = ["Region", "Mode", *(word(one) for one in VERDICTS)]
    yield heading("By region")
    yield table("Verdicts by region", columns, rows)


def _verdict_table(result: Result) -> Html:
    by_vm: dict[str, dict[str, Verdict]] = {}
    for one in _verdicts(result):
        by_vm.setdefault(one.vm_id, {})[one.mode] = one
    modes = [mode for mode in MODES if any(mode in found for found in by_vm.values())]
    rows = [
        [
            vm.name or vm.id,
            vm.location,
            *(report.verdict_cell(by_vm.get(vm.id, {}).get(mode)) for mode in modes),
        ]
        for vm in _vms(result)
    ]
    return table("Verdicts", ["VM", "Region", *(f"In {mode} consistency" for mode in modes)], rows)


def _details_of(result: Result) -> Iterator[str]:
    """Explain VMs one by one, with the functions that do it in a notebook."""
    vms = _vms(result)[:DETAILED_VMS]
    if vms:
        yield page(tag("h2", "VM by VM"))
    for vm in vms:
        yield lowered(report.explanation(_assessment(result).explain(vm.id)))
    left = len(_vms(result)) - len(vms)
    if left > 0:
        yield page(
            paragraph(f"… and {plural(left, 'more VM')}: the workbook and CSV hold all of them.")
        )
    if isinstance(result, Plan):
        yield page(tag("h2", "What to do"))
        yield lowered(report.plan(result))


def _end(result: Result) -> Iterator[Html | str | None]:
    found = _assessment(result)
    by_name = {one.name: one for one in sheets(result)}
    for name in ("Reasons", "Problems", "Provenance"):
        sheet = by_name[name]
        if sheet.rows:
            yield tag("h2", sheet.title)
            yield table(sheet.title, sheet.columns, [[*map(_roomy, row)] for row in sheet.rows])
    if not found.problems:
        yield soft("Every record was understood.")


def _roomy(cell: str) -> str:
    """Keep sentences from being set a word a line beside columns of single words."""
    return wide(cell) if len(cell) > _LONGEST_WORDS else cell


_LONGEST_WORDS: Final = 40

# --------------------------------------------------------------------------- Markdown and CSV

# What makes marks of a text inside a cell. An underscore does so only at the edge of a word.
_MARKS: Final = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")


def to_markdown(result: Result) -> str:
    """Make Markdown with tables, for a wiki or a ticket; what stands in records is escaped.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.
    """
    kind = "Plan for restore points" if isinstance(result, Plan) else "Restore points: verdicts"
    parts = [f"# {kind}"]
    for sheet in sheets(result):
        if not sheet.rows:
            continue
        parts.append(f"## {sheet.title}")
        lines = [_line(sheet.columns), _line(["---"] * len(sheet.columns), raw=True)]
        lines += [_line(row) for row in sheet.rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(cells: Iterable[str], *, raw: bool = False) -> str:
    shown = cells if raw else [_marked_down(one) for one in cells]
    return f"| {' | '.join(shown)} |"


def _marked_down(text: str) -> str:
    """Escape a text for a cell; its lines stay apart."""
    plain = printable(text)
    plain = _MARKS.sub(r"\\\g<0>", plain)
    # An at-sign would call somebody in a ticket.
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;")):
        plain = plain.replace(sign, entity)
    return "<br>".join(" ".join(line.split()) for line in plain.splitlines())


_FORMULA: Final = re.compile(r"[=+\-@\t\r\n|%]")


def guarded(text: str) -> str:
    """Give a text that no spreadsheet takes for a formula: with an apostrophe before it.

    Examples
    --------
    >>> guarded("=HYPERLINK(1)"), guarded("sql-01")
    ("'=HYPERLINK(1)", 'sql-01')
    """
    plain = printable(text)
    return f"'{plain}" if _FORMULA.match(plain.lstrip(" ") or " ") else plain


def to_csv(result: Result) -> str:
    """Make CSV: of an assessment the verdicts, of a plan the steps, each row with its provenance.

    A cell that a spreadsheet would take for a formula begins with an apostrophe, so this is for
    reading and not for reading back.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.
    """
    wanted = "Steps" if isinstance(result, Plan) else "Verdicts"
    sheet = next(one for one in sheets(result) if one.name == wanted)
    assessment = _assessment(result)
    told = assessment.provenance
    rests = (
        f"rpmatrix {told['package']}",
        str(told["matrix_digest"]),
        " + ".join(told["layers"]),
        "; ".join(
            f"{row['title']}, {row['dated']}: {row['address']}" for row in assessment.matrix.article
        ),
    )
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*sheet.columns, "Package", "Matrix", "Layers", "Article"])
    for row in sheet.rows:
        out.writerow([guarded(cell) for cell in (*row, *rests)])
    return text.getvalue()


# --------------------------------------------------------------------------- workbook


def to_xlsx(result: Result) -> bytes:
    """Make a workbook with one sheet for each table; every cell is a text, never a formula.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.

    Raises
    ------
    DocumentError
        If openpyxl is not installed.
    """
    return workbook_of(sheets(result))


def workbook_of(tables: Iterable[Sheet]) -> bytes:
    """Make a workbook of any tables; every cell is a text, never a formula.

    Parameters
    ----------
    tables : iterable of Sheet
        One for each sheet.

    Raises
    ------
    DocumentError
        If openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Alignment, Font
    except ImportError:
        raise DocumentError(
            "a workbook needs the package openpyxl; install rpmatrix[excel], or choose csv"
        ) from None
    book = Workbook()
    book.remove(book.active)
    for sheet in tables:
        page = book.create_sheet(sheet.name)
        page.freeze_panes = "A2"
        for number, cells in enumerate((sheet.columns, *sheet.rows), start=1):
            for place, text in enumerate(cells, start=1):
                cell = page.cell(number, place)
                cell.value = _cell(text)
                cell.data_type = "s"  # or a text that begins with = would be a formula
                cell.number_format = "@"
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                cell.font = Font(bold=number == 1)
        for place, column in enumerate(sheet.columns, start=1):
            longest = max([len(column), *(len(row[place - 1]) for row in sheet.rows)])
            page.column_dimensions[page.cell(1, place).column_letter].width = min(60, longest + 2)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


_MOST_IN_A_CELL: Final = 32_000


def _cell(text: str) -> str:
    plain = printable(text)
    return plain if len(plain) <= _MOST_IN_A_CELL else f"{plain[:_MOST_IN_A_CELL]}…"


# --------------------------------------------------------------------------- PDF


def find_browser() -> str | None:
    """Give the path of a Chromium, Chrome or Edge on this machine; None if there is none."""
    named = os.environ.get(CHROMIUM)
    if named:
        return shutil.which(named)
    return next((path for path in map(shutil.which, _BROWSERS) if path), None)


def to_pdf(result: Result) -> bytes:
    """Make a PDF of the HTML document, with a Chromium that is on this machine.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.

    Raises
    ------
    DocumentError
        If there is no such browser, or it fails.
    """
    browser = find_browser()
    if browser is None:
        raise DocumentError(
            "PDF needs a Chromium, Chrome or Edge, and none is found here; install one, name it in"
            f" {CHROMIUM}, or choose html and print it from any browser"
        )
    with tempfile.TemporaryDirectory(prefix="rpmatrix-") as folder:
        page, made = Path(folder, "document.html"), Path(folder, "document.pdf")
        page.write_text(to_html(result), encoding="utf-8")
        command = [
            browser,
            *("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"),
            *("--disable-extensions", "--disable-background-networking"),
            f"--user-data-dir={Path(folder, 'profile')}",
            f"--print-to-pdf={made}",
            page.as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium has no sandbox for the root user
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=_PDF_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DocumentError(f"{browser} did not make a PDF: {error}; choose html") from None
        if not made.exists():
            said = ended.stderr.strip().splitlines()[-1:] or ["it says nothing"]
            raise DocumentError(f"{browser} did not make a PDF ({said[0]}); choose html")
        return made.read_bytes()


# --------------------------------------------------------------------------- any of them


def write_document(result: Result, path: str | Path, *, to: str = "") -> Path:
    """Write a document to a file.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.
    path : str or Path
        The file.
    to : str
        One of ``FORMATS``; told by the ending of the file if it is left out.

    Raises
    ------
    DocumentError
        If the form is none, or cannot be made here.
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    form = (to or target.suffix.lstrip(".")).lower()
    form = {"markdown": "md", "htm": "html", "excel": "xlsx"}.get(form, form)
    target.write_bytes(document(result, form))
    return target


def document(result: Result, form: str) -> bytes:
    """Give the bytes of a document.

    Parameters
    ----------
    result : Assessment or Plan
        What it is about.
    form : str
        One of ``FORMATS``.

    Raises
    ------
    DocumentError
        As :func:`write_document`.
    """
    if form == "pdf":
        return to_pdf(result)
    if form == "xlsx":
        return to_xlsx(result)
    if form == "html":
        return to_html(result).encode("utf-8", "replace")
    if form == "md":
        return to_markdown(result).encode("utf-8", "replace")
    if form == "csv":
        # A byte-order mark lets a spreadsheet know that the file is UTF-8.
        return to_csv(result).encode("utf-8-sig", "replace")
    raise DocumentError(f"a document may be {', '.join(FORMATS)}, not {form or 'without a form'}")
