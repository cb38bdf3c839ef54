"""Drift: what became of each statement, told without the old text.

The article here is one on lamps, with the forms of the real one. `RPMATRIX_ARTICLES` may name a
folder with copies of the real one, which is not part of the project: `seed-edition.md` is the
edition of the base tables, `newer-edition.md` that of the overlay.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from email.charset import QP, Charset
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from overlays import BASE, write_overlay

from rpmatrix.article.drift import KINDS, DriftReport, NoStatementError, drift, editions
from rpmatrix.article.statements import read_article
from rpmatrix.article.traits import Traits, sure_answers
from rpmatrix.authoring.edition import Foreseen, foresee, write_skeleton
from rpmatrix.matrix.folder import read_tables
from rpmatrix.matrix.matrix import Matrix, check_overlay, load_matrix

ROWS = (
    ("**Lamps on\u00a0oil**", "Yes"),
    ("**Lamps on wood gas**", "No. Exclude these lamps and light the others."),
    (
        "**Lamps on spirit**",
        "Yes. Supported for application consistency. Not supported for crash consistency. "
        "Exclude these lamps when using crash consistency.",
    ),
    ("**Lamps in a [harbour](/harbour/overview) group**", "Yes. Light every lamp of the group."),
    ("**Lamps with green glass**", "Yes. The colour of the lamp will not be kept."),
    ("**Lamps with red glass**", "Yes. The colour of the lamp will not be kept."),
    ("**Lamps with keeper enabled house**", "Yes"),
    ("**Oil poured from a keeper enabled house**", "No"),
    ("**Lamps on a mast**", "Yes"),
    ("**Minimum wait after which an app consistent signal can be given**", "3 hours"),
    ("**Minimum wait after which a crash consistent signal can be given**", "1 hour"),
    ("**Charter for signals**", "2021-07-01 or later"),
)
NAMES = (
    "Brass 2022 (Tall/Short)",
    "Brass 2019 (Tall/Short)",
    "Copper 10 (64 bit only)",
    "Lamps past their [season](/season) will not be supported.",
)
LIMITS = (
    "Lamps are lit only by keepers.\u0020",
    "Oil lamps, and Shared lamps aren't supported in both modes.",
    "A charter of version 2021-03-01 or later is required for application consistency.",
    "A charter of version 2021-03-01 or later is required for crash consistency.",
    "A maximum of 10,000 lamps can be kept for each harbour.",
    "Moving a lamp between two harbours is supported while it has signals. New signals will fail "
    "on the old place. You need to clean up the old place.",
)
NOTE = "Copies of signals are in public preview, with these limits:"
NOTED = ("No signal through fog when copies are made.", "Copies have the colour of the harbour.")


def article(
    rows: Sequence[tuple[str, str]] = ROWS,
    names: Sequence[str] = NAMES,
    limits: Sequence[str] = LIMITS,
    heading: str = "Other limitations",
) -> str:
    lines = ["# Lamps of the harbour", "", "This page sums up which lamps burn.", ""]
    lines += ["## Which lamps burn", "", "**Lamps** | **Burn they**", "--- | ---"]
    lines += [" | ".join(row) for row in rows]
    lines += ["", "## Makes", "", "These makes are supported:", "", *(f"- {one}" for one in names)]
    lines += ["", f"## {heading}", "", *(f"- {one}" for one in limits), ""]
    lines += [" > [!Note]", f" > {NOTE}", *(f" > - {one}" for one in NOTED)]
    return "\n".join(lines) + "\n"


def statements_of(text: str, edition: str) -> list[dict[str, str]]:
    """The statements of a text as rows."""
    return [
        {
            "id": f"{edition}-{number}",
            "edition": edition,
            "section": one.section,
            "position": str(number),
            "kind": one.kind,
            **Traits.of(one).cells(),
            "subject": f"Statement {number}",
            "data": "yes",
        }
        for number, one in enumerate(read_article(text), start=1)
    ]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The base, and on top of it the edition of lamps.

    One scenario, one limit and one system rest on statements of theirs; on every other statement
    rests a step, so that it counts as data.
    """
    statements = statements_of(article(), "lamps")
    rows = {
        "statements": statements,
        "scenarios": [
            {"like": "shared-disk", "id": "lamps-on-gas", "statement_id": "lamps-3"},
            {"like": "ppg", "id": "brass-2022", "statement_id": "lamps-15"},
        ],
        "conditions": [
            {"like": "shared-disk-1", "id": "lamps-on-gas-1", "scenario_id": "lamps-on-gas"},
            {"like": "ppg-1", "id": "brass-2022-1", "scenario_id": "brass-2022"},
        ],
        "limits": [
            {
                "like": "min-interval-app",
                "id": "wait-of-lamps",
                "statement_id": "lamps-11",
                "comparator": "more_than",
            }
        ],
        "steps": [
            {"like": "step-running", "id": f"step-{row['id']}", "statement_id": row["id"]}
            for row in statements
            if row["id"] not in ("lamps-3", "lamps-11", "lamps-15")
        ],
    }
    folder = write_overlay(tmp_path_factory.mktemp("lamps") / "lamps-edition", rows)
    return load_matrix(folder)


def with_row(number: int, *rows: tuple[str, str]) -> str:
    return article(rows=(*ROWS[:number], *rows, *ROWS[number + 1 :]))


def with_name(number: int, *names: str) -> str:
    return article(names=(*NAMES[:number], *names, *NAMES[number + 1 :]))


def with_limit(number: int, *limits: str) -> str:
    return article(limits=(*LIMITS[:number], *limits, *LIMITS[number + 1 :]))


def found(report: DriftReport) -> list[tuple[str, int, int]]:
    """Each change with the number of old and new statements, the unchanged ones left out."""
    return [
        (one.kind, len(one.old), len(one.new)) for one in report.changes if one.kind != "unchanged"
    ]


OUTCOME, WORDING = ("outcome", 1, 1), ("wording", 1, 1)
ADDED, REMOVED = ("added", 0, 1), ("removed", 1, 0)
MERGED, SPLIT = ("merged", 2, 1), ("split", 1, 2)

NO_DRIFT = {
    "the same": article(),
    "carriage returns": article().replace("\n", "\r\n"),
    "no-break spaces": article().replace("Lamps on", "Lamps\u00a0on"),
    "letter case": article().replace("green glass", "Green Glass"),
    "typographic quotes": article().replace("aren't", "aren\u2019t"),
    "no emphasis": article().replace("**", ""),
    "target of a link": article().replace("/harbour/overview", "https://example.org/x"),
    "no link": article().replace("[season](/season)", "season"),
    "end of a sentence": with_row(0, ("**Lamps on oil**", "Yes.")),
    "another heading": article(heading="Limitations"),
    "another order": article(rows=(ROWS[8], *ROWS[:8], *ROWS[9:])),
    "aligned columns": article().replace("--- | ---", "|:---|---:|"),
    "a note in capitals": article().replace("[!Note]", "[!NOTE]"),
    "an included file": f"[!INCLUDE [a](b.md)]\n\n{article()}",
    "front matter": f"---\ntitle: Lamps\nms.date: 07/05/2022\n---\n{article()}",
}

CHANGES = {
    # --- the wording alone
    "a contraction": (
        with_row(4, (ROWS[4][0], ROWS[4][1].replace("will not", "won't"))),
        [WORDING],
    ),
    "two contractions": (article().replace("will not be kept", "won't be kept"), [WORDING] * 2),
    "a plural": (with_row(3, (ROWS[3][0], "Yes. Light all lamps of the group.")), None),
    "an article more": (
        with_row(3, (ROWS[3][0], "Yes. Light every lamp of that group.")),
        [WORDING],
    ),
    "a label in other words": (with_row(8, ("**Lamps upon masts**", "Yes")), [WORDING]),
    "a row renamed": (with_row(4, ("**Lamps with tinted green glass**", ROWS[4][1])), [WORDING]),
    "a word of a label swapped": (
        with_row(6, ("**Lamps with warden enabled house**", ROWS[6][1])),
        [WORDING],
    ),
    "a line break for a full stop": (
        with_row(2, (ROWS[2][0], ROWS[2][1].replace(". ", "<br>"))),
        None,
    ),
    "a hyphen": (with_name(2, "Copper 10 (64-bit only)"), None),
    "active for passive": (with_limit(0, "Keepers only are lighting lamps."), None),
    "moved words": (
        with_limit(4, "For each harbour, a maximum of 10,000 lamps can be kept."),
        [WORDING],
    ),
    "no separator": (with_limit(4, LIMITS[4].replace("10,000", "10000")), [WORDING]),
    "a number as a word": (with_row(9, (ROWS[9][0], "Three hours")), [WORDING]),
    # --- the answer
    "yes to no": (with_row(0, (ROWS[0][0], "No")), [OUTCOME]),
    "no to yes": (with_row(7, (ROWS[7][0], "Yes")), [OUTCOME]),
    "no to yes before an exclusion": (
        with_row(1, (ROWS[1][0], ROWS[1][1].replace("No.", "Yes."))),
        [OUTCOME],
    ),
    "yes to no before sentences for each mode": (
        with_row(2, (ROWS[2][0], ROWS[2][1].replace("Yes.", "No."))),
        [OUTCOME],
    ),
    "a condition more": (
        with_row(0, (ROWS[0][0], "Yes, only for lamps of two wicks.")),
        [OUTCOME],
    ),
    "exclusion to no": (with_row(1, (ROWS[1][0], "No")), [OUTCOME]),
    "one mode less": (
        with_row(0, (ROWS[0][0], "Yes for application consistency only.")),
        [OUTCOME],
    ),
    "modes the other way round": (
        with_row(
            2,
            (
                ROWS[2][0],
                "Yes. Supported for crash consistency. Not supported for application consistency. "
                "Exclude these lamps when using application consistency.",
            ),
        ),
        [OUTCOME],
    ),
    "both modes in one sentence": (
        with_row(
            0, (ROWS[0][0], "Supported for application consistency but not for crash consistency.")
        ),
        [OUTCOME],
    ),
    "a caveat more": (
        with_row(0, (ROWS[0][0], "Yes. The flame might not be the same in all lamps.")),
        [OUTCOME],
    ),
    "a caveat for one mode": (
        with_row(
            0,
            (
                ROWS[0][0],
                "Yes for **Application consistent**. **Crash-consistent** signals of large lamps "
                "etc. might not be consistent.",
            ),
        ),
        [OUTCOME],
    ),
    "a caveat less": (with_row(4, (ROWS[4][0], "Yes")), [OUTCOME]),
    "another caveat": (with_row(4, (ROWS[4][0], "Yes. Clean the chimney before dawn.")), [OUTCOME]),
    "a preview begins": (with_row(8, ("**Lamps on a mast (preview)**", "Yes")), [OUTCOME]),
    "a sentence turns": (
        with_limit(5, "Moving a lamp between harbours isn't supported while it has signals."),
        [OUTCOME],
    ),
    "a sentence begins otherwise": (
        with_limit(1, "Windows lamps, Oil lamps, and Shared lamps aren't supported in both modes."),
        [OUTCOME],
    ),
    # --- the figures
    "another interval": (with_row(9, (ROWS[9][0], "4 hours")), [OUTCOME]),
    "another version": (with_row(11, (ROWS[11][0], "2022-03-01 or later")), [OUTCOME]),
    "another maximum": (with_limit(4, LIMITS[4].replace("10,000", "500")), [OUTCOME]),
    # --- what comes and goes
    "a row more": (article(rows=(("**Sizes of wick**", "Yes"), *ROWS)), [ADDED]),
    "a row more within": (with_row(4, ROWS[4], ("**Lamps under water**", "No")), [ADDED]),
    "a row less": (with_row(8), [REMOVED]),
    "the last row less": (article(rows=ROWS[:-1]), [REMOVED]),
    "a make more": (with_name(0, "Brass 2025 (Tall/Short)", NAMES[0]), [ADDED]),
    "a make less": (with_name(1), [REMOVED]),
    "one make for another": (with_name(0, "Brass 2025 (Tall/Short)"), [REMOVED, ADDED]),
    "a limit more": (with_limit(5, LIMITS[5], "Only one lamp is lit at a time."), [ADDED]),
    "a limit less": (with_limit(4), [REMOVED]),
    "a note less": (article().replace(f" > - {NOTED[0]}\n", ""), [REMOVED]),
    # --- one to many
    "two rows merged": (
        article(rows=(*ROWS[:6], ("**Lamps with keeper house**", "Yes"), *ROWS[8:])),
        [MERGED],
    ),
    "two intervals merged": (
        article(
            rows=(
                *ROWS[:9],
                ("**Wait supported**", "3 hours for app consistent signals. 1 hour for crash."),
                ROWS[11],
            )
        ),
        [MERGED],
    ),
    "two sentences merged": (
        article(
            limits=(
                *LIMITS[:2],
                "A charter of version 2021-03-01 or later is required.",
                *LIMITS[4:],
            )
        ),
        [MERGED],
    ),
    "a row split": (
        with_row(
            3,
            ("**Lamps in a harbour group at sea**", "Yes. Light every lamp of the group."),
            ("**Lamps in a harbour group on land**", "No"),
        ),
        [SPLIT],
    ),
    "a sentence split": (
        with_limit(
            4,
            "A maximum of 10,000 lamps on oil can be kept for each harbour.",
            "A maximum of 300 lamps on gas can be kept for each harbour.",
        ),
        [SPLIT],
    ),
    # --- several at once
    "many things": (
        article(
            rows=(
                ("**Sizes of wick**", "Yes"),
                (ROWS[0][0], "No"),
                *ROWS[1:4],
                (ROWS[4][0], ROWS[4][1].replace("will not", "won't")),
                *ROWS[5:8],
                *ROWS[9:],
            )
        ),
        [ADDED, OUTCOME, WORDING, REMOVED],
    ),
}


@pytest.mark.parametrize("name", NO_DRIFT)
def test_what_is_no_drift(name: str, matrix: Matrix) -> None:
    report = drift(NO_DRIFT[name], matrix)
    assert found(report) == []
    assert not report.drifted
    assert report.warnings == () or name == "another heading"


@pytest.mark.parametrize("name", CHANGES)
def test_what_became_of_a_statement(name: str, matrix: Matrix) -> None:
    text, expected = CHANGES[name]
    report = drift(text, matrix)
    if expected is None:
        # Whether this is one or the other is a matter of taste; it must be seen, and be the one.
        assert [(old, new) for _, old, new in found(report)] in ([(1, 1)], [])
    else:
        assert found(report) == expected
        assert report.drifted
        assert report.warnings == ()


def test_a_change_names_the_rows_to_review(matrix: Matrix) -> None:
    report = drift(CHANGES["exclusion to no"][0], matrix)
    (change,) = report.of_kind("outcome")
    assert (change.old, change.rows) == (("lamps-3",), (("scenarios", "lamps-on-gas"),))
    assert change.note == "answer: application-exclude, crash-exclude -> application-no, crash-no"
    assert change.subject == "Lamps on wood gas"
    assert str(report).splitlines() == [
        "outcome: Lamps on wood gas (line 10)",
        f"  {change.note}",
        "  review lamps-on-gas",
        "Compared with the edition lamps: 1 outcome, 26 unchanged.",
    ]
    (change,) = drift(CHANGES["a sentence begins otherwise"][0], matrix).of_kind("outcome")
    assert change.note == "now speaks of windows"


def test_a_report_is_a_frame_and_a_json_object(matrix: Matrix) -> None:
    report = drift(CHANGES["many things"][0], matrix)
    frame = report.frame()
    assert list(frame["kind"].cat.categories) == list(KINDS)
    assert len(frame) == len(report.changes)
    assert Counter(frame["kind"]) == {**report.counts, **dict.fromkeys([], 0)}
    told = json.loads(json.dumps(report.to_dict()))
    assert [one["kind"] for one in told["changes"]] == [kind for kind, _, _ in found(report)]
    assert told["drifted"] is True


def test_the_edition_is_that_of_the_topmost_layer_or_as_asked(matrix: Matrix) -> None:
    assert editions(matrix) == ("seed", "lamps")
    assert editions(load_matrix("newer-edition")) == ("seed", "newer")
    assert drift(article(), matrix).edition == "lamps"
    other = drift(article(), matrix, edition="seed")
    assert any("this may be another article" in warning for warning in other.warnings)
    with pytest.raises(LookupError, match="no edition 'older'; the tables have seed, lamps"):
        drift(article(), matrix, edition="older")


@pytest.mark.parametrize("text", ["", "# A heading alone", "---\ntitle: x\n---\n", "<html></html>"])
def test_a_text_without_statements_is_refused(text: str, matrix: Matrix) -> None:
    with pytest.raises(ValueError, match="there is no statement in this text"):
        drift(text, matrix)


def test_of_what_a_copy_does_not_show_nothing_is_said(matrix: Matrix, tmp_path: Path) -> None:
    text = article()
    report = drift(text[: text.index("**Lamps with keeper")], matrix)
    assert report.counts == {"unchanged": 7}
    assert (report.unseen[0], len(report.unseen)) == ("lamps-8", 20)
    assert report.drifted
    assert report.warnings == (
        "The copy is cut off: the last 20 statements were not seen. Take a whole copy.",
    )
    with pytest.raises(ValueError, match="the copy of the article is cut off"):
        write_skeleton(report, tmp_path / "later")


def test_an_end_that_was_rewritten_is_not_cut_off(matrix: Matrix) -> None:
    text = article(limits=["Wicks differ.", "Glass breaks.", "Masts bend.", "Fog comes at night."])
    report = drift(text, matrix)
    assert report.unseen == ()
    assert report.counts["removed"] == len(LIMITS)


# --- properties -----------------------------------------------------------------------------------


class Shown:
    """Holds the matrix, and shows little of it when an example fails."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix


@pytest.fixture(scope="module")
def shown(matrix: Matrix) -> Shown:
    return Shown(matrix)


PIECES = st.sampled_from([*(one for pair in ROWS for one in pair), *NAMES, *LIMITS, NOTE, "Wicks"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(PIECES, PIECES), max_size=15),
    names=st.lists(PIECES, max_size=6),
    limits=st.lists(PIECES, max_size=8),
)
@example(rows=list(ROWS), names=list(NAMES), limits=list(LIMITS))
def test_every_statement_has_one_fate(
    rows: list[tuple[str, str]], names: list[str], limits: list[str], shown: Shown
) -> None:
    matrix = shown.matrix
    text = article(rows, names, limits)
    report = drift(text, matrix)
    old = Counter([*(name for one in report.changes for name in one.old), *report.unseen])
    new = Counter(statement.position for one in report.changes for statement in one.new)
    known = [row.id for row in matrix.table("statements") if row["edition"] == "lamps"]
    assert old == Counter(known)
    assert new == Counter(one.position for one in read_article(text))
    for one in report.changes:
        shape = (min(len(one.old), 2), min(len(one.new), 2))
        assert shape in {
            "added": [(0, 1)],
            "removed": [(1, 0)],
            "merged": [(2, 1)],
            "split": [(1, 2)],
        }.get(one.kind, [(1, 1)])
    positions = [one.new[0].position for one in report.changes if one.new]
    assert positions == sorted(positions)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_dress_is_no_drift_wherever_it_is_put(data: st.DataObject, shown: Shown) -> None:
    dress = st.sampled_from(
        [
            lambda word: word,
            str.upper,
            lambda word: f"*{word}*",
            lambda word: f"[{word}](/a/{len(word)})",
            lambda word: f"{word}\u00a0",
            lambda word: word[:1] + "\u200b" + word[1:],
        ]
    )

    def dressed(match: re.Match[str]) -> str:
        return str(data.draw(dress)(match[0]))

    rows = [(re.sub(r"\b[a-z]{4,}\b(?![\])/])", dressed, label), text) for label, text in ROWS]
    plain = [(label.replace("**", ""), text) for label, text in rows]
    assert not drift(article(rows=plain), shown.matrix).drifted


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@example(text="<html><body><table><tr><td>a")
@example(text="<html><table><tr></tr></table><li>a<ul><li>b</main>")
@example(text="<!doctype html></p></p><tr><td>a</td></tr><tr><td>b</td></tr>")
def test_no_text_is_too_odd(text: str, shown: Shown) -> None:
    for page in (text, f"<html><body>{text}</body></html>"):
        with suppress(NoStatementError):
            assert str(drift(page, shown.matrix))


def test_traits_hold_no_word_of_the_text() -> None:
    (statement,) = read_article("- Restore points of the harbour aren't supported before 2021.")
    cells = Traits.of(statement).cells()
    assert cells["answer"] == "application-no|crash-no"
    assert cells["figures"] == "n2021"
    words = cells["text_sketch"].split("|")
    assert words == sorted(words)
    assert all(re.fullmatch("[bcdfghjklmnpqrst]{4}", word) for word in words)
    assert cells["fingerprint"] == statement.fingerprint


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", "application-yes|crash-yes|lead-yes"),
        ("No", "application-no|crash-no|lead-no"),
        ("Not supported.", "application-no|crash-no"),
        ("No. Exclude these.", "application-exclude|crash-exclude|lead-no"),
        ("Yes for application consistency.", "application-yes|lead-yes"),
        ("Yes for application consistency only.", "application-yes|crash-no|lead-yes"),
        ("Supported only for crash consistency.", "application-no|crash-yes"),
        ("Crash consistency isn't supported.", "crash-no"),
        ("Supported for app, but not supported for crash.", "application-yes|crash-no"),
        ("Supported for app, not for crash.", "application-yes|crash-no"),
        ("Application: yes. Crash: no.", "application-yes|crash-no"),
        ("Application: yes / Crash: no", "application-yes|crash-no"),
        ("Application yes, crash no", "application-yes|crash-no"),
        ("Yes for application and crash consistency.", "application-yes|crash-yes|lead-yes"),
        ("Yes. Lamps need to be lit first.", "application-caveat|crash-caveat|lead-yes"),
        ("Yes. The flame might differ.", "application-caveat|crash-caveat|lead-yes"),
        ("Supported only at sea.", "application-condition|crash-condition"),
        ("Supported for lamps that burn oil.", "application-condition|crash-condition"),
        ("Yes, except at sea.", "application-condition|crash-condition|lead-yes"),
        ("Yes (preview).", "application-yes|crash-yes|lead-yes|preview"),
        ("Supported at sea. Not supported on land.", "application-condition|crash-condition"),
        (
            "Supported for app consistency only with wick v6 in Hull (preview)<br>Wick v5 isn't "
            "supported.<br>Not supported for crash consistency.",
            "application-condition|crash-no|preview",
        ),
        ("Yes<br>Crash consistency isn't supported", "application-yes|crash-no|lead-yes"),
        ("Supported by X e.g. by Y.", "application-yes|crash-yes"),
        ("3 hours", ""),
        ("2021-03-01 or later", ""),
    ],
)
def test_what_a_text_answers(text: str, answer: str) -> None:
    (statement,) = read_article(f"A | B\n--- | ---\nLamps | {text}")
    assert Traits.of(statement).cells()["answer"] == answer


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("Yes", {"application": "yes", "crash": "yes"}),
        ("No. Exclude these lamps.", {"application": "exclude", "crash": "exclude"}),
        ("Yes. The glass will be cold.", {"application": "caveat", "crash": "caveat"}),
        ("Supported for app, not for crash.", {"application": "yes", "crash": "no"}),
        ("Supported for app only with wick v6. Not supported for crash.", {"crash": "no"}),
        ("Wick v5 isn't supported.", {}),
        ("Supported for lamps that burn oil.", {}),
        ("Yes. Not supported on land.", {}),
        ("Exclude these lamps.", {}),
        ("Yes for application consistency.", {"application": "yes"}),
    ],
)
def test_only_what_the_words_leave_no_doubt_of_is_sure(text: str, sure: dict[str, str]) -> None:
    (statement,) = read_article(f"A | B\n--- | ---\nLamps | {text}")
    assert sure_answers(statement) == sure


BROKEN_CELL = ("Yes for app consistency", "Crash consistency isn't supported")


@pytest.mark.parametrize(
    "copy",
    [
        "A | B\n--- | ---\nLamps<br>at sea | {0}<br>{1}\nOil | Yes",
        "A | B\n--- | ---\nLamps at sea | {0}<br />{1}.\nOil | Yes",
        "A | B\n--- | ---\nLamps at sea | <p>{0}</p><p>{1}</p>\nOil | Yes",
        "A | B\n--- | ---\nLamps at sea | <ul><li>{0}</li><li>{1}</li></ul>\nOil | Yes",
        "<table><tr><th>A</th><th>B</th></tr><tr><td>Lamps<br>at sea</td><td>{0}<br>{1}</td></tr>"
        "<tr><td>Oil</td><td>Yes</td></tr></table>",
        "<table><tr><th>A</th><th>B</th></tr><tr><td>Lamps at sea</td><td><ul><li>{0}</li>"
        "<li>{1}</li></ul></td></tr><tr><td>Oil</td><td>Yes</td></tr></table>",
        "A\tB\nLamps at sea\t{0}\n{1}\nOil\tYes\n",
    ],
)
def test_a_line_break_in_a_cell_ends_a_sentence(copy: str) -> None:
    lamps, oil = read_article(copy.format(*BROKEN_CELL))
    assert lamps.text == (
        "lamps at sea | yes for app consistency. crash consistency isn't supported"
    )
    assert Traits.of(lamps).cells()["answer"] == "application-yes|crash-no|lead-yes"
    assert oil.text == "oil | yes"


# --- a page saved from a browser ------------------------------------------------------------------

PAGE = """<!DOCTYPE html>
<html><head><title>Lamps</title><script>var a = "<p>no</p>";</script></head>
<body><header><p>Skip to main content</p></header>
<nav><ul><li>Documentation</li></ul></nav>
<main id="main"><div class="content">
<ul class="metadata page-metadata"><li>Article</li><li>07/05/2022</li></ul>
%s
<section id="site-user-feedback"><h2>Feedback</h2><p>Was this page helpful?</p></section>
<form><p>Send</p></form></div></main><footer><p>Privacy</p></footer></body></html>
"""


def page_of(markdown: str) -> str:
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").enable("table").render(markdown)
    note = re.compile(r"<blockquote>\s*<p>\[!Note\]\s*", re.IGNORECASE)
    html = note.sub('<div class="NOTE">\n<p>Note</p>\n<p>', html)
    return PAGE % html.replace("</blockquote>", "</div>")


@pytest.mark.parametrize("name", ["the same", "target of a link", "typographic quotes"])
def test_a_saved_page_is_read_as_its_markdown(name: str, matrix: Matrix) -> None:
    report = drift(page_of(NO_DRIFT[name]), matrix)
    assert (found(report), report.warnings) == ([], ())


@pytest.mark.parametrize("name", [name for name in CHANGES if CHANGES[name][1]])
def test_a_saved_page_drifts_as_its_markdown(name: str, matrix: Matrix) -> None:
    text, expected = CHANGES[name]
    assert found(drift(page_of(text), matrix)) == expected


def archived(page: str) -> str:
    """Save a page as a browser does when it is to be one file."""
    whole = MIMEMultipart("related")
    charset = Charset("utf-8")
    charset.body_encoding = QP
    part = MIMEText("", "html")
    del part["Content-Transfer-Encoding"]
    part.set_payload(page, charset)
    whole.attach(part)
    return f"From: <Saved by a browser>\n{whole.as_string()}"


def on_screen(markdown: str) -> str:
    """What is copied where everything is chosen: no markup, tabs between the cells."""
    text = re.sub(r"^---.*\n", "", markdown, flags=re.MULTILINE)
    text = re.sub(r"^(?:#+|-| > -| >)\s+|\*\*", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[!(\w+)\]", r"\1", re.sub(r"\[([^\]!]*)\]\([^)]*\)", r"\1", text))
    lines = [line for line in text.replace(" | ", "\t").splitlines() if line.strip()]
    around = ["Article", "07/05/2022", "In this article", "Makes", "Other limitations"]
    return "\n".join([*around, *lines])


def table_with(head: str, rule: str, row: Callable[[int, str, str], str]) -> str:
    """The article with a table of another layout."""
    rows = [row(number, label, said) for number, (label, said) in enumerate(ROWS, 1)]
    written = [head, rule, *rows]
    before, _, behind = article().partition("**Lamps** | **Burn they**")
    return before + "\n".join(written) + "\n\n" + behind[behind.index("## Makes") :]


def plain_cell(cell: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell.replace("**", ""))


HTML = page_of(article())
FORMS = {
    "a page within a comment": f"<!-- saved from url=(0014)about:internet -->\n{HTML}",
    "a page in capitals": re.sub(r"</?[a-z]+", lambda found: found[0].upper(), HTML),
    "a page without ends": re.sub(r"</(?:p|li|td|th|tr)>", "", HTML),
    "paragraphs in cells": re.sub(r"<td>(.*?)</td>", r"<td><p>\1</p></td>", HTML),
    "paragraphs in items": re.sub(r"<li>([^<]*)</li>", r"<li><p>\1</p></li>", HTML),
    "a page in one file": archived(HTML),
    "a part of a page": HTML[HTML.index("<h1>") : HTML.index("<section id=")],
    "copied from the screen": on_screen(article()),
    "bars around the table": table_with(
        "| Lamps | Burn they |", "|---|---|", lambda _, label, said: f"| {label} | {said} |"
    ),
    "a table in HTML": table_with(
        "<table>",
        "<thead><tr><th>Lamps</th><th>Burn they</th></tr></thead>",
        lambda number, label, said: (
            f"<tr><td>{plain_cell(label)}</td><td>{plain_cell(said)}</td></tr>"
            + ("</table>" if number == len(ROWS) else "")
        ),
    ),
    "a column too many in the rows": table_with(
        "Lamps | Burn they", "--- | ---", lambda _, label, said: f"{label} | {said} | "
    ),
    "an empty column": table_with(
        "| Lamps | Burn they | Notes |",
        "|---|---|---|",
        lambda _, label, said: f"| {label} | {said} | |",
    ),
    "numbered rows": table_with(
        "# | Lamps | Burn they",
        "--- | --- | ---",
        lambda number, label, said: f"{number} | {label} | {said}",
    ),
    "the answer first": table_with(
        "Burn they | Lamps", "--- | ---", lambda _, label, said: f"{said} | {label}"
    ),
    "a column for each mode": table_with(
        "Lamps | Application consistency | Crash consistency",
        "--- | --- | ---",
        lambda _, label, said: f"{label} | {said} | {said}",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_a_copy_is_no_drift(name: str, matrix: Matrix) -> None:
    report = drift(FORMS[name], matrix)
    kinds = [one for one in found(report) if one[0] != "added"]
    assert kinds == []
    assert report.counts["unchanged"] == 27
    # The head of a page that was copied along, and headings that the tables do not know.
    assert report.counts.get("added", 0) <= (2 if name == "copied from the screen" else 0)


def test_a_statement_is_found_in_the_line_of_the_copy(matrix: Matrix) -> None:
    for name in ("a page within a comment", "a table in HTML", "copied from the screen"):
        lines = FORMS[name].splitlines()
        told = [one for change in drift(FORMS[name], matrix).changes for one in change.new]
        rows = [one for one in told if one.kind == "table_row"]
        assert len(rows) == len(ROWS)
        for one in rows:
            assert one.cells[0].split()[-1] in lines[one.line - 1], name


def test_what_the_modes_answer_apart_is_read_apart(matrix: Matrix) -> None:
    text = table_with(
        "Lamps | Crash consistency | Application consistency",
        "--- | --- | ---",
        lambda number, label, said: f"{label} | {'No' if number == 1 else said} | {said}",
    )
    (change,) = drift(text, matrix).of_kind("outcome")
    assert change.note == "answer: application-yes, crash-yes -> application-yes, crash-no"


def test_a_row_may_become_a_line(matrix: Matrix) -> None:
    lines = [f"- {label}: {said}" for label, said in ROWS]
    before, _, behind = article().partition("**Lamps** | **Burn they**")
    text = before + "\n".join(lines) + "\n\n" + behind[behind.index("## Makes") :]
    report = drift(text, matrix)
    assert report.counts["wording"] + report.counts["unchanged"] == 27
    lines[0] = f"- {ROWS[0][0]}: No"
    text = before + "\n".join(lines) + "\n\n" + behind[behind.index("## Makes") :]
    (change,) = drift(text, matrix).of_kind("outcome")
    assert change.note == "answer: application-yes, crash-yes -> application-no, crash-no"


@pytest.mark.parametrize("length", range(120, len(article()), 13))
def test_a_copy_that_ends_anywhere_is_never_believed(length: int, matrix: Matrix) -> None:
    """What is not there is not seen, or said to be gone with a warning; nothing is invented."""
    report = drift(article()[:length], matrix)
    told = {kind for kind, _, _ in found(report)}
    missing = len(report.unseen) + report.counts.get("removed", 0)
    assert missing == 0 or report.warnings
    assert "added" not in told or report.warnings
    assert not told & {"split", "merged"}
    whole = sum(len(one.old) for one in report.changes) + len(report.unseen)
    assert whole == 27


def test_a_copy_without_its_beginning_is_not_whole(matrix: Matrix, tmp_path: Path) -> None:
    text = article()
    report = drift(text[text.index("## Makes") :], matrix)
    assert report.unseen[0] == "lamps-1"
    assert report.counts == {"unchanged": 27 - len(report.unseen)}
    assert report.warnings[0].startswith("The beginning is missing: the first 13 statements")
    with pytest.raises(ValueError, match="cut off"):
        write_skeleton(report, tmp_path / "later")


def test_an_article_that_stands_there_twice_is_noticed(matrix: Matrix) -> None:
    report = drift(article() + "\n" + article(), matrix)
    assert report.counts == {"added": 27, "unchanged": 27}
    assert "27 statements stand here again: the copy may hold the article twice." in report.warnings


def test_another_article_is_no_edition(matrix: Matrix, tmp_path: Path) -> None:
    report = drift("# Cooking\n\nBoil the water.\n\n- Salt\n- Pasta\n", matrix)
    assert report.is_another_article
    assert report.recognised < 3
    with pytest.raises(ValueError, match="hardly a copy of the article"):
        write_skeleton(report, tmp_path / "later")
    with pytest.raises(ValueError, match="hardly a copy of the article"):
        foresee(report, lambda folder: load_matrix(folder))
    assert not drift(article(), matrix).is_another_article


# --- a look ahead ---------------------------------------------------------------------------------


def ahead(text: str, matrix: Matrix) -> Foreseen:
    below = matrix.overlays[0].folder
    return foresee(drift(text, matrix), lambda folder: load_matrix(below, folder))


def test_a_look_ahead_takes_the_copy_at_its_word(matrix: Matrix) -> None:
    foreseen = ahead(CHANGES["exclusion to no"][0], matrix)
    row = foreseen.matrix.row("lamps-on-gas")
    assert (row["application"], row["crash"]) == ("not_supported", "not_supported")
    assert foreseen.unwritten == ()
    assert not foreseen.matrix.overlays[-1].folder.exists()


def test_what_only_a_person_can_write_is_named(matrix: Matrix) -> None:
    foreseen = ahead(CHANGES["a row more"][0], matrix)
    assert foreseen.unwritten == (("scenarios", "sizes-of-wick"),)
    assert not foreseen.matrix.has_row("sizes-of-wick")


@pytest.mark.parametrize("name", CHANGES)
def test_a_look_ahead_is_possible_for_every_change(name: str, matrix: Matrix) -> None:
    foreseen = ahead(CHANGES[name][0], matrix)
    assert foreseen.matrix.layers[:2] == matrix.layers
    assert len(foreseen.matrix.layers) == 3


# --- an overlay to begin with ---------------------------------------------------------------------


def test_a_skeleton_brings_the_tables_to_the_edition(matrix: Matrix, tmp_path: Path) -> None:
    text = article(
        rows=(
            ("**Sizes of wick**", "Yes. Trim them daily."),
            ROWS[0],
            (ROWS[1][0], "No"),
            *ROWS[2:9],
            (ROWS[9][0], "4 hours"),
            *ROWS[10:],
        ),
        names=NAMES[1:],
    )
    report = drift(text, matrix)
    folder = tmp_path / "later"
    written = write_skeleton(report, folder, today=date(2026, 11, 22))
    assert {path.name for path in written} == {
        *("about.json", "statements.csv", "scenarios.csv", "limits.csv", "withdrawn.csv")
    }
    below = matrix.overlays[0].folder
    says = [str(problem) for problem in check_overlay(folder, below)]
    assert says == [
        "later/scenarios.csv:I3 the outcome supported_with_caveat needs a caveat; "
        "say what a reader must know, or write supported",
        'later/about.json "owner" is missing or empty; write the role or team that answers for it',
    ]
    tables = read_tables_of(folder)
    row = tables["scenarios"]["lamps-on-gas"]
    assert (row["application"], row["crash"]) == ("not_supported", "not_supported")
    assert row["statement_id"] == "later-3"
    assert tables["limits"]["wait-of-lamps"]["value"] == "4"
    assert tables["scenarios"]["sizes-of-wick"]["title"] == "Sizes of wick"
    assert tables["withdrawn"]["without-brass-2022"]["row_id"] == "brass-2022"
    # What only a person can say: who answers for it, the caveat, when the new row applies.
    said = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**said, "owner": "Keepers"}))
    path = folder / "scenarios.csv"
    path.write_text(path.read_text().replace("supported_with_caveat", "supported"))
    assert [problem.check for problem in check_overlay(folder, below)] == ["scenario-has-condition"]
    (folder / "conditions.csv").write_text(
        "id,scenario_id,clause,fact_id,operator,value,reviewed_on\n"
        "sizes-of-wick-1,sizes-of-wick,1,vm_size_series,starts_with,D,2026-11-22\n"
    )
    assert check_overlay(folder, below) == ()
    later = load_matrix(below, folder)
    assert editions(later) == ("seed", "lamps", "later")
    assert not drift(text, later).drifted
    assert drift(article(), later).counts["outcome"] == 2
    # A row that rests on a statement of before is found by way of the one that took its place.
    again = drift(article(rows=(*ROWS[:1], (ROWS[1][0], "Yes"), *ROWS[2:])), later)
    (change,) = [one for one in again.of_kind("outcome") if "later-3" in one.old]
    assert ("scenarios", "lamps-on-gas") in change.rows


def read_tables_of(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    import csv

    return {
        path.stem: {row["id"]: row for row in csv.DictReader(path.open(newline=""))}
        for path in folder.glob("*.csv")
    }


def test_silence_of_a_copy_permits_nothing(matrix: Matrix, tmp_path: Path) -> None:
    text = article(rows=(ROWS[0], *ROWS[2:9], *ROWS[10:]))
    folder = tmp_path / "later"
    write_skeleton(drift(text, matrix), folder)
    tables = read_tables_of(folder)
    row = tables["scenarios"]["lamps-on-gas"]
    assert (row["application"], row["crash"]) == ("not_stated", "not_stated")
    assert (row["statement_id"], "says nothing of it" in row["source"]) == ("", True)
    assert tables["withdrawn"]["without-wait-of-lamps"]["table"] == "limits"
    said = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**said, "owner": "Keepers"}))
    assert check_overlay(folder, matrix.overlays[0].folder) == ()


@pytest.mark.parametrize("name", ["merged", "split"])
def test_a_skeleton_of_what_was_merged_or_split(name: str, matrix: Matrix, tmp_path: Path) -> None:
    text = CHANGES["two rows merged" if name == "merged" else "a row split"][0]
    folder = tmp_path / "later"
    write_skeleton(drift(text, matrix), folder)
    statements = read_tables_of(folder)["statements"].values()
    assert len(statements) == len(read_article(text))
    superseded = Counter(
        name for row in statements for name in row["supersedes"].split("|") if name
    )
    known = [row.id for row in matrix.table("statements") if row["edition"] == "lamps"]
    assert superseded.keys() == {*known}
    assert max(superseded.values()) == (1 if name == "merged" else 2)


def test_of_the_edition_that_is_known_nothing_is_begun(matrix: Matrix, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is the edition lamps: there is nothing to begin"):
        write_skeleton(drift(article(), matrix), tmp_path / "later")
    assert not (tmp_path / "later").exists()


def test_a_skeleton_writes_over_nothing(matrix: Matrix, tmp_path: Path) -> None:
    report = drift(article().replace("10,000", "20,000"), matrix)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="choose a new folder"):
        write_skeleton(report, tmp_path, edition="later")
    for name in ("lamps", "seed", "Later", "2026"):
        with pytest.raises(ValueError, match="cannot name this edition"):
            write_skeleton(report, tmp_path / "new", edition=name)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# --- the real article -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def articles() -> Path:
    name = os.environ.get("RPMATRIX_ARTICLES")
    if not name:
        pytest.skip("RPMATRIX_ARTICLES names no folder of copies of the article")
    return Path(name)


def test_the_seed_edition_has_not_drifted(articles: Path) -> None:
    text = (articles / "seed-edition.md").read_text(encoding="utf-8")
    report = drift(text, BASE)
    assert (report.counts, report.warnings) == ({"unchanged": 72}, ())


def test_the_newer_edition_has_one_row_more_and_two_other_outcomes(articles: Path) -> None:
    text = (articles / "newer-edition.md").read_text(encoding="utf-8")
    report = drift(text, BASE)
    assert report.counts == {"outcome": 2, "added": 1, "wording": 5, "unchanged": 65}
    assert [one.subject for one in report.of_kind("added")] == ["VM sizes"]
    assert {one.old[0] for one in report.of_kind("outcome")} == {"s-azure-boost", "s-nvme-lsv2"}
    assert {one.old[0] for one in report.of_kind("wording")} == {
        *("s-sse-pmk", "s-sse-cmk", "s-double-encryption", "s-host-encryption", "s-ade")
    }
    assert report.warnings == ()
    assert not drift(text, load_matrix("newer-edition")).drifted


def test_the_traits_in_the_tables_are_those_of_the_articles(articles: Path) -> None:
    newer = load_matrix("newer-edition")
    for edition, file in (("seed", "seed-edition.md"), ("newer", "newer-edition.md")):
        statements = read_article((articles / file).read_text(encoding="utf-8"))
        rows = [row for row in newer.table("statements") if row["edition"] == edition]
        rows.sort(key=lambda row: int(row["position"]))
        assert [Traits.of_row(row) for row in rows] == [Traits.of(one) for one in statements]


def test_the_base_has_traits_for_every_statement() -> None:
    for row in read_tables(BASE_FOLDER)["statements"].rows:
        assert row["label_sketch"] or row["text_sketch"], row
        assert bool(row["label_sketch"]) or row["kind"] != "table_row", row


BASE_FOLDER = next(iter(load_matrix("newer-edition").overlays)).folder.parents[1]


def test_the_markdown_parser_is_imported_late() -> None:
    code = "import sys, rpmatrix.article.drift; sys.exit('markdown_it' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_traits_are_made_anew_from_a_copy(matrix: Matrix, tmp_path: Path) -> None:
    folder = tmp_path / "lamps-edition"
    shutil.copytree(matrix.overlays[0].folder, folder)
    table = folder / "statements.csv"
    good = table.read_bytes()
    (tmp_path / "article.md").write_text(article(), encoding="utf-8")
    # As if the words had been hashed otherwise before.
    table.write_text(re.sub(r",[b-t]{4}\|", ",bbbb|", table.read_text()))
    assert table.read_bytes() != good
    tool = Path(__file__).resolve().parents[1] / "tools" / "refresh_statements.py"
    command = [sys.executable, str(tool), str(tmp_path / "article.md"), "lamps", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "rows of the edition lamps have changed" in answer.stdout
    assert table.read_bytes() == good
    (tmp_path / "article.md").write_text("# Other\n\nText\n", encoding="utf-8")
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "another edition?" in answer.stderr
    assert table.read_bytes() == good
