"""Which statement of one edition of the article stands for which of another.

First those that are the same, then those with the same label, then those that share enough words,
the less the better their neighbours are known. What is left over may be part of a statement that
was split, or one of several that were merged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rpmatrix.article.statements import Statement
from rpmatrix.article.traits import Traits
from rpmatrix.matrix.schema import Row


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A statement of either edition, reduced to what pairing needs.

    Attributes
    ----------
    place : int
        Its place in the edition, counted from 0.
    section : str
        The section it stands in.
    form : str
        ``row`` of a table, ``sentence``, or ``name``, as in a list of names.
    traits : Traits
        What is kept of it.
    row : Row or None
        The row of ``statements`` it comes from, in the edition that the tables hold.
    statement : Statement or None
        The statement it comes from, in the edition that was read.
    """

    place: int
    section: str
    form: str
    traits: Traits
    row: Row | None = None
    statement: Statement | None = None

    @classmethod
    def of_row(cls, place: int, row: Row) -> Entry:
        """Take a statement that the tables hold."""
        traits = Traits.of_row(row)
        return cls(place, row["section"], _form(row["kind"], traits), traits, row=row)

    @classmethod
    def of(cls, place: int, statement: Statement) -> Entry:
        """Take a statement of an article."""
        traits = Traits.of(statement)
        form = _form(statement.kind, traits)
        return cls(place, statement.section, form, traits, statement=statement)


def _form(kind: str, traits: Traits) -> str:
    if kind == "table_row":
        return "row"
    return "sentence" if traits.text else "name"


class Pairing:
    """Finds for each statement of one edition what stands for it in the other.

    Attributes
    ----------
    old, new : sequence of Entry
        The statements of both editions, each in its place.
    pairs : dict of int to int
        From places in the old edition to places in the new one.
    same : set of int
        Places in the old edition whose statement has not changed.
    groups : list of (list of int, list of int)
        Old and new places that belong together, several on one of the sides.
    begin, end : int
        The places in the old edition between which the copy was seen: the whole, unless its
        beginning or its end is missing.
    torn : int
        The place in the new edition of a statement within which the copy is cut off, or -1.
    """

    # What share of the words must be the same: anywhere, beside a neighbour that is known, and
    # between two of them.
    FAR, NEAR, BETWEEN = 0.5, 0.25, 0.12
    # How much the place and an equal answer count, where several statements are alike.
    BONUS = 0.1
    # What share of one statement must be found in another of which it is a part.
    PART = 0.6
    # A copy is cut off if this share of the edition is missing at one of its ends, and next to
    # nothing new stands there.
    CUT, REST = 0.25, 2

    def __init__(self, old: Sequence[Entry], new: Sequence[Entry]) -> None:
        self.old, self.new = old, new
        self.pairs: dict[int, int] = {}
        self.same: set[int] = set()
        self.groups: list[tuple[list[int], list[int]]] = []
        seen = Counter(word for one in (*old, *new) for word in one.traits.label | one.traits.text)
        self._weight = {
            word: math.log(1 + (len(old) + len(new)) / count) for word, count in seen.items()
        }
        self._pair_same(with_section=True)
        self._pair_same(with_section=False)
        self._pair_same_labels()
        self._old_sides = _sides(self.pairs, len(old))
        self._new_sides = _sides(self.pairs.values(), len(new))
        self._anchors = {-1: -1, len(old): len(new), **self.pairs}
        self._pair_similar()
        self._gather()
        self.begin, self.end, self.torn = 0, len(old), -1
        self._find_ends()

    # ----- one to one

    def _free(self) -> tuple[list[Entry], list[Entry]]:
        taken = set(self.pairs.values())
        return (
            [one for one in self.old if one.place not in self.pairs],
            [one for one in self.new if one.place not in taken],
        )

    def _pair_same(self, *, with_section: bool) -> None:
        old, new = self._free()
        waiting: dict[tuple[str, str], list[Entry]] = {}
        for one in new:
            section = one.section if with_section else ""
            waiting.setdefault((one.traits.fingerprint, section), []).append(one)
        for one in old:
            section = one.section if with_section else ""
            found = waiting.get((one.traits.fingerprint, section))
            if found:
                self.pairs[one.place] = found.pop(0).place
                self.same.add(one.place)

    def _pair_same_labels(self) -> None:
        old, new = self._free()
        waiting: dict[tuple[str, frozenset[str]], list[Entry]] = {}
        for one in new:
            if one.traits.label:
                waiting.setdefault((one.form, one.traits.label), []).append(one)
        for one in old:
            found = waiting.get((one.form, one.traits.label))
            if found:
                self.pairs[one.place] = found.pop(0).place

    def _pair_similar(self) -> None:
        old, new = self._free()
        scored = []
        for one in old:
            for other in new:
                share = self._alike(one, other)
                known = self._known_neighbours(one.place, other.place)
                if share < (self.FAR, self.NEAR, self.BETWEEN)[known]:
                    continue
                same_answer = bool(one.traits.answer) and one.traits.answer == other.traits.answer
                score = share + self.BONUS * (known + same_answer)
                scored.append((-score, abs(one.place - other.place), one.place, other.place))
        taken: set[int] = set()
        for _, _, place, other_place in sorted(scored):
            if place not in self.pairs and other_place not in taken:
                self.pairs[place] = other_place
                taken.add(other_place)

    def _alike(self, one: Entry, other: Entry) -> float:
        """Give the share of the words that two statements have in common."""
        mine, theirs = self._words(one, other), self._words(other, one)
        if one.form == other.form == "name":
            figures = (one.traits.figures, other.traits.figures)
            if not (figures[0] <= figures[1] or figures[1] <= figures[0]):
                return 0.0  # a release of another number is another release
        both = self._mass(mine | theirs)
        share = self._mass(mine & theirs) / both if both else 0.0
        return share if one.form == other.form else share - self.NEAR

    @staticmethod
    def _words(one: Entry, other: Entry) -> frozenset[str]:
        if one.form == "row" and other.form == "row":
            return one.traits.label
        return one.traits.label | one.traits.text

    def _mass(self, words: Iterable[str]) -> float:
        return sum(self._weight[word] for word in words)

    def _known_neighbours(self, place: int, other_place: int) -> int:
        """Count on how many sides the nearest known neighbours of two statements are a pair."""
        mine, theirs = self._old_sides[place], self._new_sides[other_place]
        return sum(self._anchors[one] == other for one, other in zip(mine, theirs, strict=True))

    # ----- what was seen

    def _known(self, but: int = -1) -> list[tuple[int, int]]:
        """Give the old and new places that belong together, without those of one new statement."""
        grouped = ((one, new) for old, new in self.groups for one in old if but not in new)
        known = [*self.pairs.items(), *((one, place) for one, new in grouped for place in new)]
        return [(one, other) for one, other in known if other != but]

    def _find_ends(self) -> None:
        """Find where a copy begins and ends that is not whole."""
        last = len(self.new) - 1
        whole = any(other == last and one in self.same for one, other in self.pairs.items())
        known = self._known(-1 if whole else last)
        if not known:
            return
        first_seen, last_seen = min(known)[0], max(known)[0]
        first_known, last_known = (pick(other for _, other in known) for pick in (min, max))
        much = self.CUT * len(self.old)
        if first_known <= self.REST and first_seen > much:
            self.begin = first_seen
        behind = [one for one in self.old if one.place > last_seen]
        piece = not whole and any(self._is_piece(self.new[last], one) for one in behind)
        paired = not whole and len(self._known()) > len(known)
        rest = last - last_known - (piece or paired)
        if (len(behind) > much and rest <= self.REST) or (piece and len(behind) > 1 and not rest):
            self.end = last_seen + 1
            if piece or paired:
                self._tear(last)

    @staticmethod
    def _is_piece(one: Entry, whole: Entry) -> bool:
        """Tell whether one may be the beginning of the other, its last word cut in two."""
        mine, all_of_it = (each.traits.label | each.traits.text for each in (one, whole))
        return len(mine) < len(all_of_it) and len(mine - all_of_it) <= 1

    def _tear(self, place: int) -> None:
        self.torn = place
        self.pairs = {one: other for one, other in self.pairs.items() if other != place}
        self.groups = [(old, new) for old, new in self.groups if place not in new]

    # ----- one to many

    def _gather(self) -> None:
        """Find what was merged and what was split, among what has no partner yet."""
        old, new = self._free()
        merged: dict[int, list[int]] = {}
        split: dict[int, list[int]] = {}
        back = {other: place for place, other in self.pairs.items()}
        for one in old:
            whole = self._whole_of(one, self.new, back, self.old)
            if whole is not None:
                merged.setdefault(whole, []).append(one.place)
        for other in new:
            whole = self._whole_of(other, self.old, self.pairs, self.new)
            if whole is not None and other.place not in merged:
                split.setdefault(whole, []).append(other.place)
        for place, parts in merged.items():
            parts = sorted({*parts, *([back[place]] if place in back else [])})
            if len(parts) > 1:
                self._group(parts, [place])
        for place, parts in split.items():
            parts = sorted({*parts, *([self.pairs[place]] if place in self.pairs else [])})
            if len(parts) > 1 and place not in {p for old, _ in self.groups for p in old}:
                self._group([place], parts)

    def _group(self, old: list[int], new: list[int]) -> None:
        for place in old:
            self.pairs.pop(place, None)
        self.groups.append((old, new))

    def _whole_of(
        self,
        part: Entry,
        others: Sequence[Entry],
        partner: Mapping[int, int],
        own: Sequence[Entry],
    ) -> int | None:
        """Find the statement of the other edition that a lonely one is part of, or was one of."""
        best: tuple[float, int] | None = None
        for other in others:
            if other.form != part.form:
                continue
            kin = partner.get(other.place)
            if kin is not None and self._unchanged_subject(own[kin], other):
                continue
            if kin is not None and abs(kin - part.place) > 1:
                continue
            if kin is None and not self._lonely_neighbours(part, other, own):
                continue
            mine, theirs = self._words(part, other), self._words(other, part)
            common = self._mass(mine & theirs)
            share = common / (min(self._mass(mine), self._mass(theirs)) or 1)
            if share >= self.PART and (best is None or share > best[0]):
                best = (share, other.place)
        return best[1] if best else None

    def _lonely_neighbours(self, part: Entry, other: Entry, own: Sequence[Entry]) -> bool:
        places = (part.place, other.place) if own is self.old else (other.place, part.place)
        return self._known_neighbours(*places) > 0

    def _unchanged_subject(self, one: Entry, other: Entry) -> bool:
        if one.traits.fingerprint == other.traits.fingerprint:
            return True
        mine, theirs = self._words(one, other), self._words(other, one)
        return mine == theirs


def _sides(known: Iterable[int], count: int) -> list[tuple[int, int]]:
    """Give for each place the nearest known places before and behind it."""
    marks = set(known)
    before, behind, nearest = [], [], -1
    for place in range(count):
        before.append(nearest)
        nearest = place if place in marks else nearest
    nearest = count
    for place in reversed(range(count)):
        behind.append(nearest)
        nearest = place if place in marks else nearest
    return [*zip(before, reversed(behind), strict=True)]
