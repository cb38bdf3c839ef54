"""Files of records in any form hold the same records, and what is wrong with one is told."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure import ENCODINGS, Body
from estates import FORMS, differences, estate, rows_of_fleet

import rpmatrix as rp
from rpmatrix.fleet.parts import FleetError
from rpmatrix.fleet.result import assess_files
from rpmatrix.fleet.sources import open_file

RECORDS = [json.loads(json.dumps(one)) for one in estate(random.Random(11), 9)]
ROWS = [azure.to_resource_graph(one) for one in RECORDS]


def zst(data: bytes) -> bytes:
    compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return compressed


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zst,
}


def verdicts(*paths: Path) -> list[tuple[str, ...]]:
    return sorted(rows_of_fleet(assess_files(paths)))


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_as_by_the_ordinary_reader(form: str, tmp_path: Path) -> None:
    path = tmp_path / form
    path.write_text(FORMS[form](ROWS), newline="")
    assert differences(assess_files(path), path) == []


@pytest.mark.parametrize("form", ["indented.json", "lines.ndjson", "table.csv", "answer.json"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_encoding_is_read(encoding: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / form
    path.write_bytes(ENCODINGS[encoding](FORMS[form](ROWS)))
    assert differences(assess_files(path), path) == []


@pytest.mark.parametrize("at", ["begin", "end"])
def test_a_legacy_code_page_is_read(at: str, tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[0 if at == "begin" else -1]["tags"] = {"owner": "M\u00fcller"}
    path = tmp_path / "records.json"
    path.write_bytes(json.dumps(rows, indent=2, ensure_ascii=False).encode("cp1252"))
    assert differences(assess_files(path), path) == []


@pytest.mark.parametrize("form", ["indented.json", "lines.ndjson", "table.csv", "answer.json"])
@pytest.mark.parametrize("suffix", PACKED)
def test_packed_files_hold_what_they_hold(suffix: str, form: str, tmp_path: Path) -> None:
    plain, packed = tmp_path / form, tmp_path / "packed" / f"{form}{suffix}"
    packed.parent.mkdir()
    plain.write_text(FORMS[form](ROWS), newline="")
    packed.write_bytes(PACKED[suffix](plain.read_bytes()))
    assert verdicts(packed) == verdicts(plain)
    assert verdicts(packed.parent) == verdicts(plain)


def test_a_packed_file_that_breaks_off_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "records.json.gz"
    path.write_bytes(gzip.compress(json.dumps(ROWS).encode())[:-200])
    result = assess_files(path)
    assert [(one.file, result.summary.vms) for one in result.problems] == [(str(path), 0)]
    assert "cannot be read" in str(result.problems[0])


@pytest.mark.parametrize("texts", [False, True])
def test_rows_in_parquet_are_records(texts: bool, tmp_path: Path) -> None:
    path, plain = tmp_path / "rows.parquet", tmp_path / "rows.json"
    rows = [
        {
            key: json.dumps(one) if texts and isinstance(one, (dict, list)) else one
            for key, one in row.items()
        }
        for row in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    plain.write_text(json.dumps(ROWS))
    assert verdicts(path) == verdicts(plain)


def test_files_folders_and_patterns_may_be_mixed(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    thirds = [ROWS[part::3] for part in range(3)]
    for rows, path in zip(
        thirds, (tmp_path / "x.json", inner / "y.ndjson", inner / "z.csv"), strict=True
    ):
        form = {".json": "list.json", ".ndjson": "lines.ndjson", ".csv": "table.csv"}
        path.write_text(FORMS[form[path.suffix]](rows), newline="")
    whole = verdicts(tmp_path)
    assert whole == verdicts(tmp_path / "x.json", inner)
    assert whole == sorted(
        rows_of_fleet(assess_files([str(tmp_path / "*.json"), str(tmp_path / "a" / "**" / "*.*")]))
    )
    found = rp.assess(rp.read_inventory(tmp_path)).verdicts
    assert sorted((one.vm_id, one.mode, one.verdict) for one in found) == [
        (row[0], row[2], row[3]) for row in whole
    ]


BAD: list[tuple[str, Any, str]] = [
    ("a row too short", b"id,name,properties\n/a/b,c\n", "row 2"),
    ("a record that is none", [azure.vm(), {"name": "nobody"}], "/1"),
    ("a number", [azure.vm(), 3], "/1"),
    ("nothing", b"", ""),
    ("another text", b"Please run az login\n", ""),
    ("a list that breaks off", b'[{"id": "/a"},\n{"id', "line 2"),
    ("a line that breaks off", b'{"id": "/subscriptions/x"}\n{"id', "line 2"),
]


@pytest.mark.parametrize(
    ("content", "place"), [one[1:] for one in BAD], ids=[one[0] for one in BAD]
)
def test_what_cannot_be_read_is_a_problem_with_its_place(
    content: Any, place: str, tmp_path: Path
) -> None:
    path = tmp_path / ("x.csv" if place.startswith("row") else "x.json")
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    good = tmp_path / "good.json"
    good.write_text(json.dumps([azure.vm("vm-good")]))
    result = assess_files([path, good])
    assert differences(result, path, good) == []
    assert [one for one in result.problems if one.file == str(path) and one.record == place]
    assert "vm-good" in {row[1] for row in rows_of_fleet(result)}
    counts = result.counts
    assert result.records == sum(counts.values())


def test_pages_that_are_left_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"value": ROWS, "nextLink": "https://management.azure.com/next"}))
    assert any("further pages" in note for note in assess_files(path).notes)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no file or folder"):
        assess_files(tmp_path / "vms.json")


@pytest.mark.parametrize(
    ("content", "in_bulk"),
    [
        (json.dumps(RECORDS), True),
        (json.dumps({"value": RECORDS}), True),
        (json.dumps({"count": 3, "data": RECORDS, "skip_token": None}), True),
        (azure.to_ndjson(RECORDS), True),
        (azure.to_csv(ROWS), True),
        (json.dumps(RECORDS[0], indent=2), False),
        (json.dumps(azure.to_template(RECORDS[:2]), indent=2), False),
        (json.dumps({"vms": RECORDS}, indent=2), False),
    ],
)
def test_lists_are_read_in_bulk_and_the_rest_as_ever(
    content: str, in_bulk: bool, tmp_path: Path
) -> None:
    path = tmp_path / "records.txt"
    path.write_text(content, newline="")
    assert (open_file(path).source is not None) is in_bulk


def test_a_value_is_found_again_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps(RECORDS, indent=2))
    source = open_file(path).source
    assert source is not None
    found: list[Body] = [source.value(number) for number in range(len(RECORDS))]
    assert found == RECORDS
    assert [source.place(number) for number in (0, 7)] == ["/0", "/7"]
