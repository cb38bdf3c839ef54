"""Write the machine-made columns of statements.csv anew, from a copy of the article.

The fingerprint, the sketches, the answer and the figures of a statement are made of its text by
`rpmatrix.article.statements` and `rpmatrix.article.drift`. When one of these reads a text otherwise
than before, they have to be made anew, from the copy that the edition was taken from:

    python tools/refresh_statements.py ARTICLE.md seed
    python tools/refresh_statements.py ARTICLE.md newer matrix_data/overlays/newer-edition

A statement is found by its section and position, so the copy has to be of that very edition. What
people wrote into the other columns stays.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rpmatrix.article.statements import read_article
from rpmatrix.article.traits import Traits
from rpmatrix.matrix.files import write_table
from rpmatrix.matrix.folder import read_tables
from rpmatrix.matrix.schema import DESCRIPTOR, data_folder


def refresh(article: Path, edition: str, folder: Path) -> int:
    """Write the columns anew; give the number of rows that have changed."""
    partial = not (folder / DESCRIPTOR).is_file()
    table = read_tables(folder, partial=partial)["statements"]
    known = {
        (one.section or "top", str(one.position)): Traits.of(one).cells()
        for one in read_article(article.read_text(encoding="utf-8"))
    }
    rows, changed = [], 0
    for row in table.rows:
        cells = dict(row)
        if row["edition"] == edition:
            place = (row["section"], row["position"])
            if place not in known:
                raise SystemExit(f"{row.cell('position')} is not in {article}: another edition?")
            cells |= known[place]
            changed += cells != dict(row)
        rows.append(cells)
    write_table(table.path, table.columns, rows)
    return changed


def main(arguments: list[str]) -> int:
    """Read the arguments and write the columns."""
    if len(arguments) not in (2, 3):
        print(__doc__)
        return 2
    article, edition, *folder = arguments
    changed = refresh(Path(article), edition, Path(folder[0]) if folder else data_folder())
    print(f"{changed} rows of the edition {edition} have changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
