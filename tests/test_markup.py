"""Markup: nothing but markup itself goes in unescaped, and the parts of pages are well formed."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpmatrix.common import words
from rpmatrix.matrix.matrix import CITABLE_TABLES, load_matrix
from rpmatrix.view import markup
from rpmatrix.view.markup import Html, fragment, heading, joined, lowered, page, section, tag, title
from rpmatrix.view.report_matrix import matrix_table

HOSTILE = st.one_of(
    st.text(), st.sampled_from(["<b>", "&amp;", "'\"", "\x00", "a\u202eb", "\ud800"])
)


class Reader(HTMLParser):
    """The tags, attributes and words of markup."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


@given(child=HOSTILE, value=HOSTILE)
def test_text_stays_text_in_content_and_attributes(child: str, value: str) -> None:
    reader = Reader(tag("p", child, [child, None], aria_label=value))
    assert reader.tags == ["p"]
    assert [name for name, _ in reader.attributes] == ["aria-label"]
    assert reader.words == Reader(html.escape(words.printable(child) * 2)).words
    assert tag("p", child).encode("utf-8")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (tag("td", class_="a", id=None), '<td class="a"></td>'),
        (tag("p", Html("<b>x</b>"), " & ", None), "<p><b>x</b> &amp; </p>"),
        (fragment(["a", ["<", None, [Html("<i></i>")]]]), "a&lt;<i></i>"),
        (section("Name"), ""),
        (section("Name", "", Html("")), ""),
        (markup.codes(["a", "b"]), "<code>a</code>, <code>b</code>"),
        (markup.spaced(["a", "b", "c"], " · "), "a · b · c"),
        (markup.details("More", "x"), "<details><summary>More</summary>x</details>"),
    ],
)
def test_markup_is_made_of_elements(made: Html, text: str) -> None:
    assert made == text
    assert isinstance(made, Html)


def test_a_table_has_headers_for_both_ways_and_a_name() -> None:
    reader = Reader(markup.table("Disks", ["Disk", "Place"], [["a", "OS"], ["b", "lun 0"]]))
    assert reader.tags.count("th") == 4
    assert [value for name, value in reader.attributes if name == "scope"] == [
        *("col", "col"),
        *("row", "row"),
    ]
    assert ("aria-label", "Disks") in reader.attributes
    assert ("tabindex", "0") in reader.attributes


def test_a_table_tells_the_style_sheet_its_columns_for_where_it_is_narrow() -> None:
    made = markup.table("Disks", ["Disk", "Place", 'Why "so"; \\ or <not>'], [["a", "OS", "b"]])
    assert dict(Reader(made).attributes)["style"] == (
        '--rpm-column-2:"Place";--rpm-column-3:"Why \\22 so\\22 \\3b  \\5c  or \\3c not\\3e "'
    )


@pytest.mark.parametrize("table", CITABLE_TABLES)
def test_the_style_sheet_names_as_many_columns_as_the_widest_table_has(table: str) -> None:
    columns = matrix_table(load_matrix(), table).count('<th scope="col">')
    named = re.findall(r"td:nth-child\((\d+)\)::before", markup.style_sheet())
    assert [int(number) for number in named] == list(range(2, len(named) + 2))
    assert columns <= len(named) + 1


def test_only_headings_are_lowered() -> None:
    told = ' role="heading" aria-level="2"'
    made = fragment([title("VM"), heading("Disks"), heading("Why", level=4), tag("p", told)])
    levels = [value for name, value in Reader(lowered(made)).attributes if name == "aria-level"]
    assert levels == ["3", "4", "5"]
    assert told in Reader(lowered(made)).words


def test_pages_are_joined_under_one_style_sheet() -> None:
    whole = joined(page("one"), "", page("two"))
    assert whole.count("<style>") == 1
    assert whole.index("<style>") < whole.index("one") < whole.index("two")
    assert joined() == ""


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("supported", "✓ supported"),
        ("exclude_disks", "◐ exclude disks"),
        ("not_there", "· not there"),
    ],
)
def test_a_badge_says_the_same_with_and_without_markup(name: str, word: str) -> None:
    assert words.word(name) == word
    assert Reader(markup.badge(name)).words == word


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 disks"), (1, "1 disk"), (2, "2 disks"), (12345, "12,345 disks")]
)
def test_things_are_counted_in_words(count: int, told: str) -> None:
    assert words.plural(count, "disk") == told
    assert words.plural(2, "fact is", "facts are") == "2 facts are"
