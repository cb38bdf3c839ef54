"""The columns of tables of facts: which one a name means, and which name was perhaps mistyped.

A column that no fact has the name of is not read, as tables hold much that no verdict depends on.
That must not happen in silence to a column that was meant to be one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

# Between names of two real facts, or of a fact and what exports call their columns, less is alike.
_ALIKE: Final = 0.85
_TABLES: Final = {"vm": "VMs", "disk": "disks"}


def usual_names(names: Sequence[str]) -> list[str]:
    """Give names of columns in small letters and without blanks around them.

    Databases and spreadsheets change the case of names. A name stays as it is where another column
    would have the same one.
    """
    usual = [name.strip().lower() for name in names]
    counts = Counter(usual)
    return [small if counts[small] == 1 else name for small, name in zip(usual, names, strict=True)]


def are_of_facts(names: Sequence[str]) -> bool:
    """Tell the columns of a table of facts from those of others.

    Azure's own records have a ``vm_id``, too, where a client writes names like that: it is the
    number that Azure gave a VM. They have an id and a type besides, which no table of facts has.
    """
    usual = {*map(str.lower, usual_names(names))}
    return "vm_id" in usual and not {"id", "type"} <= usual


def columns_not_read(
    names: Sequence[str], beside: Sequence[str], grains: Mapping[str, str], grain: str
) -> Iterator[tuple[str, str]]:
    """Find columns that are not read and look as if they should be.

    Parameters
    ----------
    names : sequence of str
        The names of the columns of a table.
    beside : sequence of str
        The names that columns of such a table have besides those of facts.
    grains : mapping of str to str
        Each fact, and what it is a fact of: ``vm``, ``disk`` or something else.
    grain : str
        What the table has a row for: ``vm`` or ``disk``.

    Yields
    ------
    tuple of str
        The name of a column, and what is wrong with it.
    """
    mine = [name for name, of in grains.items() if of == grain]
    missing = sorted({*beside, *mine}.difference(names))
    for name in names:
        of = grains.get(name)
        if name in beside or of == grain:
            continue
        if of in _TABLES:
            yield (
                name,
                f"this is a fact of {_TABLES[of]}, and not read from a table of "
                f"{_TABLES[grain]}; put the column into the other table",
            )
            continue
        plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower())
        near = get_close_matches(plain, missing, n=1, cutoff=_ALIKE)
        if near:
            yield name, f"no column has this name, so it is not read; did you mean {near[0]!r}?"
