"""The article reader on the traps of real articles, and the statements table against the rest."""

from __future__ import annotations

import hashlib
import string
import subprocess
import sys
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rpmatrix.article.statements import Statement, normalise, read_article
from rpmatrix.matrix.folder import read_tables
from rpmatrix.matrix.schema import Row, Tables, data_folder

SAMPLE = """\
---
title: Lamps that the harbour keeps
ms.date: 01/02/2024
# Customer intent: "As a keeper, I want light."
---

# Lamps of the harbour

[!INCLUDE [oil-is-retired](includes/oil-is-retired.md)]

Keepers read [this page](lamps.md) first.

## Which lamps burn

**Lamp** | **Does it burn**
--- | ---
**Lamps on\u00a0oil** | No
**Lamps on [gas](/gas/overview)** | Yes. *Vent* the room.
**Lamps on \u201cspirit\u201d**| Yes, if `wick >= 2`.<br>Trim it.

> [!Note]
> A lamp can be lit once an hour. Lit more often
> it breaks.

## Weather

### Wind

These winds are fine:

- North (weak/strong)
- Winds past their [season](/season) aren\u2019t fine

Lamps don't burn under water.

### Rain

1. Lamps don't burn under water.
2. Other rains may do:

   as long as there is a roof.
   - A roof of tin
   - A roof of straw\x20\x20

## Other limits
<!-- keepers: update twice a year -->
- At most 500 lamps.\x20

 > [!IMPORTANT]
 > Signals by lamp are new, with these limits:\x20
 > - No signal through fog.
 > - No signal by day

:::image type="content" source="lamp.svg" alt-text="A lamp":::

```text
light --lamp 1
```

## Weather

The end
"""

# Section, kind, cells and line of each statement of SAMPLE.
EXPECTED = [
    ("lamps-of-the-harbour", "paragraph", ["Keepers read this page first."], 11),
    ("which-lamps-burn", "table_row", ["Lamps on oil", "No"], 17),
    ("which-lamps-burn", "table_row", ["Lamps on gas", "Yes. Vent the room."], 18),
    (
        "which-lamps-burn",
        "table_row",
        ["Lamps on \u201cspirit\u201d", "Yes, if wick >= 2. Trim it."],
        19,
    ),
    (
        "which-lamps-burn",
        "note",
        ["A lamp can be lit once an hour. Lit more often it breaks."],
        21,
    ),
    ("wind", "paragraph", ["These winds are fine:"], 29),
    ("wind", "bullet", ["North (weak/strong)"], 31),
    ("wind", "bullet", ["Winds past their season aren\u2019t fine"], 32),
    ("wind", "paragraph", ["Lamps don't burn under water."], 34),
    ("rain", "bullet", ["Lamps don't burn under water."], 38),
    ("rain", "bullet", ["Other rains may do: as long as there is a roof."], 39),
    ("rain", "bullet", ["A roof of tin"], 42),
    ("rain", "bullet", ["A roof of straw"], 43),
    ("other-limits", "bullet", ["At most 500 lamps."], 47),
    ("other-limits", "note", ["Signals by lamp are new, with these limits:"], 49),
    ("other-limits", "bullet", ["No signal through fog."], 51),
    ("other-limits", "bullet", ["No signal by day"], 52),
    ("weather-1", "paragraph", ["The end"], 62),
]


def seen(statements: tuple[Statement, ...]) -> list[tuple[str, str, list[str], int]]:
    return [(one.section, one.kind, list(one.cells), one.line) for one in statements]


def only(markdown: str) -> Statement:
    (statement,) = read_article(markdown)
    return statement


# --- reading -----------------------------------------------------------------------------------


def test_sample_is_read_to_the_last_statement() -> None:
    statements = read_article(SAMPLE)
    assert seen(statements) == EXPECTED
    assert [one.position for one in statements] == list(range(1, len(EXPECTED) + 1))


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(SAMPLE.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param("\ufeff" + SAMPLE, id="byte order mark"),
        pytest.param(SAMPLE.rstrip("\n"), id="no last line end"),
        pytest.param(SAMPLE.replace("[!Note]", "[!NOTE]"), id="note in capitals"),
        pytest.param(SAMPLE.replace("--- | ---", "|:---|---:|"), id="aligned columns"),
    ],
)
def test_form_of_the_file_changes_nothing(same: str) -> None:
    assert same != SAMPLE
    assert read_article(same) == read_article(SAMPLE)


def test_cells_of_a_row_are_apart_and_the_header_is_none() -> None:
    row = read_article(SAMPLE)[3]
    assert row.label == 'lamps on "spirit"'
    assert row.outcome == "yes, if wick >= 2. trim it"
    assert row.text == f"{row.label} | {row.outcome}"
    assert not any("does it burn" in one.text for one in read_article(SAMPLE))


def test_label_and_outcome_are_of_rows_only() -> None:
    others = [one for one in read_article(SAMPLE) if one.kind != "table_row"]
    assert {(one.label, one.outcome) for one in others} == {("", "")}


def test_fingerprint_is_of_the_normalised_text() -> None:
    bullet = only("* Lamps\u00a0don\u2019t **burn** under [water](/sea).  ")
    expected = hashlib.sha256(b"lamps don't burn under water").hexdigest()
    assert bullet.fingerprint == expected


def test_same_words_in_two_sections_have_one_fingerprint() -> None:
    first, second = (one for one in read_article(SAMPLE) if "under water" in one.text)
    assert (first.section, second.section) == ("wind", "rain")
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("---\ntitle: x\n---\n", [], id="front matter alone"),
        pytest.param("---\n\nA rule, no front matter\n\n---\n\nEnd", 2, id="rule at the top"),
        pytest.param("---\ntitle: no end of it\n\nText", 2, id="front matter that never ends"),
        pytest.param("[!INCLUDE [a](b.md)]\n[!INCLUDE[c](d.md)]", [], id="include lines"),
        pytest.param("> [!TIP]\n", [], id="note without text"),
        pytest.param("![](picture.png)", [], id="picture without text"),
        pytest.param("| A | B |\n|---|---|\n", [], id="header without rows"),
        pytest.param("| A | B |\n|---|---|\n| | |\n", [], id="row without text"),
        pytest.param("<!-- a\n\nb -->", [], id="comment"),
        pytest.param("<!-- a > b -->", [], id="comment with an arrow"),
        pytest.param("<!-- a > b\n\nc", [], id="comment that never ends"),
        pytest.param(":::zone pivot='a'\n:::\n\n:::zone-end", [], id="build lines"),
        pytest.param("[a]: /b\n\n***\n", [], id="link definition and rule"),
        pytest.param("> plain\n>\n> quote", ["note", "note"], id="quote of two paragraphs"),
        pytest.param("- > aside", ["note"], id="quote in a list"),
        pytest.param("> | A | B |\n> |---|---|\n> | c | d |", ["table_row"], id="table in a quote"),
        pytest.param("<p>A lamp</p>", ["paragraph"], id="paragraph of HTML"),
        pytest.param("+ a\n\n+ b", ["bullet", "bullet"], id="loose list"),
    ],
)
def test_odd_articles(markdown: str, expected: int | list[str]) -> None:
    kinds = [one.kind for one in read_article(markdown)]
    assert (kinds if isinstance(expected, list) else len(kinds)) == expected


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Lamps of the harbour ", "lamps-of-the-harbour"),
        ("Lamps\u00a0(old) & [new](/new)", "lamps-old-new"),
        ("`wick` - *trimmed*", "wick---trimmed"),
        ("What's new?", "whats-new"),
        ("!!!", "section"),
    ],
)
def test_section_is_the_anchor_of_the_heading(heading: str, anchor: str) -> None:
    assert only(f"## {heading}\n\nText").section == anchor


def test_text_above_the_first_heading_has_no_section() -> None:
    assert [one.section for one in read_article("Text\n\n# Lamps\n\nText")] == ["", "lamps"]


def test_heading_that_comes_again_is_told_apart() -> None:
    article = "# Lamps\n\na\n\n# Lamps 1\n\nb\n\n# Lamps\n\nc\n\n# Lamps\n\nd"
    sections = [one.section for one in read_article(article)]
    assert sections == ["lamps", "lamps-1", "lamps-2", "lamps-3"]


def test_emphasis_that_a_blank_hides_is_dropped_all_the_same() -> None:
    assert only("**Lamps **burn").text == only("**Lamps** burn").text == "lamps burn"


def test_html_is_read_without_its_tags() -> None:
    assert only("<div class='a'>Lamps &amp; <b>oil</b><!-- not gas --></div>").cells == (
        "Lamps & oil",
    )


def test_the_markdown_parser_is_imported_late() -> None:
    code = "import sys, rpmatrix.article.statements; sys.exit('markdown_it' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- fingerprints ------------------------------------------------------------------------------

WORDS = st.lists(
    st.text(string.ascii_letters, min_size=1, max_size=8)
    | st.sampled_from(["isn't", "32-bit", "Premium", "2.7", "v2-series", "(old/new)"]),
    min_size=1,
    max_size=12,
).filter(lambda words: words[0].isalpha())

# What an editor may do to a word, and between two words, without saying anything else.
DRESS = st.sampled_from(
    [
        str,
        str.upper,
        str.lower,
        lambda word: f"**{word}**",
        lambda word: f"_{word}_",
        lambda word: f"***{word}***",
        lambda word: f"`{word}`",
        lambda word: f"[{word}](/learn/{len(word)})",
        lambda word: f"[**{word}**](../a.md 'title')",
        lambda word: word.replace("'", "\u2019"),
        lambda word: word.replace("-", "\u2011"),
        lambda word: word[:1] + "\u200b" + word[1:],
        lambda word: word + "<!-- why -->",
    ]
)
GAPS = st.sampled_from([" ", "  ", "\u00a0", "\u202f", " \u00a0", "&nbsp;"])
ENDS = st.sampled_from(["", ".", " ", ".  ", "\u00a0", " .", ";"])


@given(WORDS, st.data())
def test_dress_never_changes_a_fingerprint(words: list[str], data: st.DataObject) -> None:
    plain = " ".join(words)
    dressed = data.draw(DRESS, "first")(words[0])
    for word in words[1:]:
        dressed += data.draw(GAPS, "gap") + data.draw(DRESS, "dress")(word)
    dressed += data.draw(ENDS, "end")
    assert only(f"- {dressed}").fingerprint == only(f"- {plain}").fingerprint
    table = "A | B\n--- | ---\n{} | {}"
    assert (
        only(table.format(dressed, dressed)).fingerprint
        == only(table.format(plain, plain)).fingerprint
    )


@given(WORDS, WORDS)
def test_other_words_have_another_fingerprint(one: list[str], other: list[str]) -> None:
    same_words = " ".join(one).casefold() == " ".join(other).casefold()
    first, second = only(f"- {' '.join(one)}"), only(f"- {' '.join(other)}")
    assert (first.fingerprint == second.fingerprint) is same_words


@given(WORDS, st.data())
def test_where_a_cell_ends_is_part_of_the_statement(words: list[str], data: st.DataObject) -> None:
    words = [*words, "Yes", "No"]
    cuts = st.integers(1, len(words) - 1)
    one, other = data.draw(cuts), data.draw(cuts)
    rows = [
        only(f"A | B\n--- | ---\n{' '.join(words[:cut])} | {' '.join(words[cut:])}")
        for cut in (one, other)
    ]
    assert (rows[0].fingerprint == rows[1].fingerprint) is (one == other)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("VMs\u00a0with  32\tbits\n", "vms with 32 bits", id="blanks"),
        pytest.param("\uff36\uff2d\u2026", "vm", id="compatible forms"),
        pytest.param("Stra\u00dfe", "strasse", id="letter case"),
        pytest.param("a\ufe58b\u2013c", "a-b-c", id="dashes"),
        pytest.param("\u201ca\u201d \u2018b\u2019 5\u2033", '"a" \'b\' 5"', id="quotes"),
        pytest.param("soft\u00adware\u200b", "software", id="invisible"),
        pytest.param("and so on, etc. ;:", "and so on, etc", id="punctuation at the end"),
        pytest.param("api 2.7, or later?", "api 2.7, or later?", id="other punctuation"),
    ],
)
def test_normalise_folds(text: str, folded: str) -> None:
    assert normalise(text) == folded


@given(st.text())
@example("\ufe58")
@example("\u1fb3\u0345")
@example("e\u00ad\u0301")
@example("*\u200b*")
@example("\u2033")
@example("\u2026 .")
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()
    assert "\u00a0" not in once


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@example("- > 1. a\n\n| b | c |\n|---|")
@example("---\na:\n---")
def test_no_text_is_too_odd_to_read(text: str) -> None:
    for number, statement in enumerate(read_article(text), start=1):
        assert statement.position == number
        assert any(normalise(cell) for cell in statement.cells)
        assert 1 <= statement.line <= text.count("\n") + text.count("\r") + 1


# --- statements.csv ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> Tables:
    return read_tables(data_folder())


@pytest.fixture(scope="module")
def in_order(tables: Tables) -> list[Row]:
    """The statements in the order of the article."""
    return sorted(tables["statements"].rows, key=lambda row: int(row["position"]))


def test_statement_is_used_or_excused(tables: Tables, in_order: list[Row]) -> None:
    used = {row.get("statement_id", "") for table in tables.values() for row in table.rows} - {""}
    known = {row.id for row in in_order}
    data = {row.id for row in in_order if row["data"] == "yes"}
    assert used == data
    assert {row.id for row in in_order if row["no_data_reason"]} == known - data


def test_statements_are_counted_through_section_by_section(in_order: list[Row]) -> None:
    assert [int(row["position"]) for row in in_order] == list(range(1, len(in_order) + 1))
    sections = [section for section, _ in groupby(in_order, key=lambda row: row["section"])]
    assert len(sections) == len(set(sections)), "a section begins twice"


def test_section_and_fingerprint_tell_statements_apart(in_order: list[Row]) -> None:
    keys = [(row["edition"], row["section"], row["fingerprint"]) for row in in_order]
    assert len(keys) == len(set(keys))
