"""Overlays for tests, written in short: a row is what it is like, and what is different."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.matrix.schema import read_schema

BASE = load_matrix("base")
SCHEMA = read_schema()
DAY = "2026-11-22"
ABOUT = {
    "owner": "Backup team",
    "purpose": "House rules",
    "source": "Runbook 7",
    "date": DAY,
    "valid_until": "2099-12-31",
}
Rows = Mapping[str, Sequence[Mapping[str, str]]]


def write_overlay(
    folder: Path,
    tables: Rows,
    about: Mapping[str, str] | None = None,
    like: Matrix = BASE,
) -> Path:
    """Write an overlay.

    A row with the key ``like`` begins as a copy of that row of the matrix; all other cells that
    are not given are empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        names = SCHEMA[table].names
        with (folder / SCHEMA[table].file).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names, lineterminator="\n")
            writer.writeheader()
            made = [_row(table, row, like) for row in rows]
            writer.writerows(sorted(made, key=lambda row: row["id"]))
    said = {**ABOUT, **(about or {})}
    (folder / "about.json").write_text(json.dumps(said))
    return folder


def _row(table: str, row: Mapping[str, str], like: Matrix) -> dict[str, str]:
    cells = dict.fromkeys(SCHEMA[table].names, "") | {"reviewed_on": DAY}
    if "like" in row:
        cells |= dict(like.row(row["like"], table))
    return cells | {name: text for name, text in row.items() if name != "like"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An overlay with a row in two tables."""
    return write_overlay(
        tmp_path / "own",
        {
            "scenarios": [{"like": "ultra-disk", "application": "exclude_disk"}],
            "limits": [{"like": "lim-rp-per-vm", "value": "300"}],
        },
    )
