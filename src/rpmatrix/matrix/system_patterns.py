"""Names of images and guests, matched with the patterns of the table ``operating_systems``.

An image is publisher, offer and SKU; a guest is the name of its system and the version. The tables
are checked with the same matcher that reads records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import combinations, zip_longest
from typing import Final, NamedTuple

from rpmatrix.matrix.schema import Row

IMAGE_PARTS: Final = 3
NAMED, NOT_NAMED = "named", "not_named"
_ANY: Final = "*"
# Columns of patterns that tell one row from another.
_TELLING: Final = ("image_patterns", "derived_image_patterns", "os_name_patterns")

Parts = tuple[str, ...]
"""The parts of a name, in lower case; empty where a part is not known."""


class _Pattern(NamedTuple):
    precedence: int
    row_id: str
    parts: Parts


class Clash(NamedTuple):
    """Two rows of one family and precedence, and patterns of which one fits all the other does."""

    column: str
    row: Row
    pattern: str
    other: Row
    other_pattern: str


def parts_of(name: str) -> Parts:
    """Give the parts of a pattern or an example, in lower case."""
    return tuple(name.lower().split(":"))


def fits(pattern: Parts, name: Parts) -> bool:
    """Tell whether a pattern fits a name; a part that is not known fits a star only."""
    return all(
        part == _ANY or (text and fnmatchcase(text, part))
        for part, text in zip(pattern, name, strict=False)
    )


def _may_fit(pattern: Parts, name: Parts) -> bool:
    """Tell whether a pattern fits a name, whatever the parts are that are not known."""
    return all(
        not text or fnmatchcase(text, part) for part, text in zip(pattern, name, strict=False)
    )


class SystemPatterns:
    """The patterns of some rows of ``operating_systems``.

    Parameters
    ----------
    rows : iterable of Row
        The rows.

    Attributes
    ----------
    family : mapping of str to str
        The family of each row.
    otherwise : mapping of str to str
        For each family the row of guests that no pattern fits: the one with the name pattern ``*``.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = list(rows)
        self.family: Mapping[str, str] = {row.id: row["family"] for row in self._rows}
        self.otherwise: Mapping[str, str] = {
            row["family"]: row.id for row in self._rows if _ANY in row.members("os_name_patterns")
        }
        self._patterns = {column: list(self._of(column)) for column in _TELLING}
        self._seen: dict[tuple[str, Parts], Parts] = {}

    def _of(self, column: str) -> Iterator[_Pattern]:
        for row in self._rows:
            for pattern in row.members(column):
                if pattern != _ANY:
                    yield _Pattern(int(row["precedence"]), row.id, parts_of(pattern))

    def of_image(self, image: Parts) -> tuple[str, ...]:
        """Give the rows that an image is of: those of the highest precedence."""
        return self._best("image_patterns", image)

    def under_image(self, image: Parts) -> tuple[str, ...]:
        """Give the rows of systems that an image of another publisher is built on."""
        return self._best("derived_image_patterns", image)

    def of_guest(self, guest: Parts) -> tuple[str, ...]:
        """Give the rows that a guest is of: those of the highest precedence."""
        return self._best("os_name_patterns", guest)

    def _best(self, column: str, name: Parts) -> tuple[str, ...]:
        mark = (column, name)
        if mark not in self._seen:
            fitting = [one for one in self._patterns[column] if fits(one.parts, name)]
            best = max((one.precedence for one in fitting), default=0)
            rows = (one.row_id for one in fitting if one.precedence == best)
            self._seen[mark] = tuple(dict.fromkeys(rows))
        return self._seen[mark]

    def families_of(self, image: Parts) -> set[str]:
        """Give the families of all rows that an image may be of, whatever is not known of it."""
        patterns = self._patterns["image_patterns"]
        return {self.family[one.row_id] for one in patterns if _may_fit(one.parts, image)}

    def release(self, row_id: str, name: Parts) -> str:
        """Tell whether the source of a row names the release, or publisher, of an image or guest.

        Returns
        -------
        str
            ``named`` or ``not_named``; empty if the name does not tell.
        """
        for column, told in (("listed_releases", NAMED), ("unlisted_releases", NOT_NAMED)):
            for pattern in self._releases[row_id, column]:
                of_image = len(pattern) == IMAGE_PARTS
                if of_image == (len(name) == IMAGE_PARTS) and fits(pattern, name):
                    return told
        return ""

    @cached_property
    def _releases(self) -> Mapping[tuple[str, str], list[Parts]]:
        return {
            (row.id, column): [parts_of(pattern) for pattern in row.members(column)]
            for row in self._rows
            for column in ("listed_releases", "unlisted_releases")
        }

    def recognised(self, name: str, family: str) -> tuple[str, ...]:
        """Give the rows of an example: an image with two colons, else a guest of this family."""
        parts = parts_of(name)
        if len(parts) == IMAGE_PARTS:
            return self.of_image(parts) or self.under_image(parts)
        otherwise = self.otherwise.get(family)
        return self.of_guest((*parts, "")[:2]) or ((otherwise,) if otherwise else ())

    def clashes(self) -> Iterator[Clash]:
        """Give rows of one family and precedence where one takes all that a pattern is for."""
        rows = defaultdict(list)
        for row in self._rows:
            rows[row["family"], row["precedence"]].append(row)
        for column in _TELLING:
            for alike in rows.values():
                for row, other in combinations(alike, 2):
                    yield from self._clash(column, row, other)

    @staticmethod
    def _clash(column: str, row: Row, other: Row) -> Iterator[Clash]:
        for pattern in row.members(column):
            for other_pattern in other.members(column):
                one, two = parts_of(pattern), parts_of(other_pattern)
                if _covers(one, two) or _covers(two, one):
                    yield Clash(column, row, pattern, other, other_pattern)
                    return


def _covers(wide: Parts, narrow: Parts) -> bool:
    """Tell whether one pattern fits all that the other one fits."""
    pairs = zip_longest(narrow, wide, fillvalue=_ANY)
    return all(fnmatchcase(text, part) for text, part in pairs)
