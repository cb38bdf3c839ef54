"""Citations that can be followed: every output names the article, its edition and its address."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

import rpmatrix as rp
from rpmatrix.cli import main as cli
from rpmatrix.inventory.samples import sample_vm
from rpmatrix.view import documents

MATRIX = rp.load_matrix()
ADDRESS = "https://learn.microsoft.com/azure/virtual-machines/concepts-restore-points"
(ARTICLE,) = MATRIX.article
# The anchors of the sections that the article's own headings give.
SECTIONS = {row["section"] for row in MATRIX.table("statements")}


@pytest.fixture(scope="module")
def result() -> rp.Assessment:
    names = ("sql-with-ultra-data-disk", "confidential", "windows-server-2012-r2")
    records = [record for name in names for record in sample_vm(name)]
    return rp.assess(rp.read_inventory(records), MATRIX)


def test_a_citation_of_the_article_leads_to_its_section() -> None:
    citation = MATRIX.citation("ultra-disk")
    assert citation.address == f"{ADDRESS}#{citation.section}"
    assert citation.publication == ARTICLE["title"]
    assert citation.subject in str(citation)
    assert MATRIX.row("s-ultra-disk", "statements")["fingerprint"] not in str(citation)


@pytest.mark.parametrize("layers", [(), ("newer-edition",), ("public-sources",)])
def test_every_row_of_the_article_has_an_address(layers: tuple[str, ...]) -> None:
    matrix = rp.load_matrix(*layers)
    for table in ("scenarios", "limits", "cross_region", "encryption"):
        for row in matrix.table(table):
            citation = matrix.citation(row.id)
            assert citation.edition or citation.source
            if citation.edition:
                assert citation.address == f"{ADDRESS}#{citation.section}"
    assert len(matrix.article) == 1 + ("newer-edition" in layers)


def test_the_longest_title_that_fits_names_the_publication() -> None:
    titles = {row["title"]: row["address"] for row in MATRIX.table("publications")}
    cited = [MATRIX.citation(row.id) for row in MATRIX.table("errors") if row["source"]]
    assert any(citation.address for citation in cited)
    for citation in cited:
        if citation.address:
            assert citation.source.startswith(citation.publication)
            assert titles[citation.publication] == citation.address


COMMANDS = {
    "assess": ["assess", "PATH"],
    "fleet": ["fleet", "PATH"],
    "explain": ["explain", "sql-01", "PATH"],
    "plan": ["plan", "PATH"],
    "copy": ["copy", "PATH", "--target-region", "northeurope"],
    "encryption": ["encryption", "PATH"],
    "schedule": ["schedule", "--crash-every", "2h"],
    "error": ["error", "VMRestorePointClientError"],
    "show": ["show", "ultra-disk"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_names_the_article(
    name: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps(sample_vm("sql-with-ultra-data-disk")))
    arguments = [str(path) if word == "PATH" else word for word in COMMANDS[name]]
    cli.main(arguments)
    assert ADDRESS in capsys.readouterr().out
    cli.main([*arguments, "--json"])
    told = json.loads(capsys.readouterr().out)
    if name == "show":
        assert told[0]["citations"][0]["address"].startswith(ADDRESS)
    else:
        assert told["matrix"]["article"][0]["address"] == ADDRESS
        assert told["matrix"]["article"][0]["dated"] == ARTICLE["dated"]


def test_a_reader_of_the_page_can_click_from_a_verdict_to_its_section(
    result: rp.Assessment,
) -> None:
    page = documents.to_html(result)
    anchors = set(re.findall(r'id="(row-[a-z0-9-]+)"', page))
    links = set(re.findall(r'href="#(row-[a-z0-9-]+)"', page))
    deciding = {row for verdict in result.verdicts for row in verdict.reasons}
    assert links <= anchors
    assert {f"row-{row}" for row in deciding} <= anchors
    for row in deciding:
        entry = page.split(f'id="row-{row}"', 1)[1][:1500]
        address = MATRIX.citation(row).address
        assert f'href="{html.escape(address)}"' in entry
        assert address.partition("#")[2] in SECTIONS


@pytest.mark.parametrize("form", ["to_html", "to_markdown", "to_csv"])
def test_every_document_names_the_article(result: rp.Assessment, form: str) -> None:
    text = str(getattr(documents, form)(result))
    assert ADDRESS in text
    fingerprints = {row["fingerprint"] for row in MATRIX.table("statements")}
    assert not [one for one in fingerprints if one in text]


def test_what_a_notebook_shows_has_the_links(result: rp.Assessment) -> None:
    shown = result.explain("sql-01")._repr_html_()
    assert f'href="{MATRIX.citation("ultra-disk").address}"' in shown
    assert ARTICLE["dated"] in shown
