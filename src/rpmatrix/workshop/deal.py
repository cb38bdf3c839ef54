"""Exercises for a workshop: cards with a VM and a question, made from the matrix and the samples.

A card is made from a seed and its number, so everybody in a room who takes the same seed gets the
same cards. Over a set every answer comes to be right, and no sample comes twice where that can be
had; what is right is computed, see :mod:`rpmatrix.workshop.answers`.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rpmatrix.common.words import duration, word
from rpmatrix.eligibility.assessment import VERDICTS
from rpmatrix.inventory.inventory import read_inventory
from rpmatrix.inventory.records import is_expression
from rpmatrix.inventory.samples import Record, sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES, Matrix, load_matrix
from rpmatrix.matrix.schema import Row
from rpmatrix.planning.commands.write import CLIENTS, client_title
from rpmatrix.planning.copies import ANSWERS, CLIENT
from rpmatrix.planning.durations import parse_duration
from rpmatrix.planning.encryption import encryption_of
from rpmatrix.planning.errors import ORIGINS, look_up
from rpmatrix.planning.what_if import ELIGIBLE
from rpmatrix.workshop.answers import solve, the_schedule, the_verdict
from rpmatrix.workshop.cards import KEYS, KINDS, Choice, Exercise, ExerciseError, disk_key

CARDS: Final = 12
"""How many cards a set has if nobody says otherwise: each kind twice."""

# --------------------------------------------------------------------------- public functions


def exercise(
    seed: int, number: int, *, kinds: Sequence[str] = KINDS, matrix: Matrix | None = None
) -> Exercise:
    """Make one card.

    Parameters
    ----------
    seed : int
        The same seed gives the same cards, on every machine, with the same matrix.
    number : int
        Which card of the set, from 1 on. The kinds take turns.
    kinds : sequence of str
        Which kinds there are in the set, in their order.
    matrix : Matrix, optional
        What decides; the seed edition if it is left out.

    Raises
    ------
    ExerciseError
        If there is no such kind or number.
    """
    wanted = [kinds] if isinstance(kinds, str) else list(kinds)
    strange = [kind for kind in wanted if kind not in KINDS]
    if strange or not wanted:
        raise ExerciseError(f"there is no kind {strange[:1]}; the kinds are {', '.join(KINDS)}")
    if number < 1:
        raise ExerciseError(f"cards are counted from 1; there is no card {number}")
    kind = wanted[(number - 1) % len(wanted)]
    turn = (number - 1) // len(wanted)
    return _MAKERS[kind](_Deal(seed, number, kind, turn, matrix or load_matrix()))


def exercises(
    seed: int, count: int, *, kinds: Sequence[str] = KINDS, matrix: Matrix | None = None
) -> tuple[Exercise, ...]:
    """Make the first cards of a set; see :func:`exercise`.

    Raises
    ------
    ExerciseError
        If there is no such kind, or the count is below 1.
    """
    if count < 1:
        raise ExerciseError(f"a set has at least one card, not {count}")
    decides = matrix or load_matrix()
    return tuple(exercise(seed, one + 1, kinds=kinds, matrix=decides) for one in range(count))


# --------------------------------------------------------------------------- making cards

# Only the guest can tell, so a card about it would have no answer in its records.
_NO_CARD: Final = ("behind-a-proxy",)

_LOCATIONS: Final = ("westeurope", "northeurope", "uksouth", "eastus2", "southeastasia")

_KEY_TEXTS: Final = {
    "platform": "a platform-managed key",
    "source": "the customer-managed key of the source disk",
    "named": "the key of the disk encryption set that the request names",
    "none": "none: the copy does not hold this disk, or there is no copy",
}


class _Deal:
    """What a card is made from: chance, which the seed decides, and the samples."""

    def __init__(self, seed: int, number: int, kind: str, turn: int, matrix: Matrix) -> None:
        self.seed, self.number, self.kind = seed, number, kind
        self.turn = turn
        self.matrix = matrix
        self.chance = random.Random(f"card {number} of {seed}")
        # What all cards of one kind have in common, so that they differ from each other.
        self._set = random.Random(f"{kind} of {seed}")
        self._before = 0  # cards of the set that had the wanted answer before this one

    def wanted(self, answers: Sequence[str]) -> str:
        """Give the answer that the card should have: over a set, all of them come."""
        order = list(answers)
        self._set.shuffle(order)
        answer = order[self.turn % len(order)]
        self._before = sum(order[turn % len(order)] == answer for turn in range(self.turn))
        return answer

    def first(
        self,
        cards: Iterable[Exercise],
        fits: Callable[[Exercise], bool],
        skip: int | None = None,
    ) -> Exercise:
        """Give a card that fits, and not of the samples that earlier cards of the set took.

        `skip` is how many these are; those with the same answer if it is left out. If none
        fits, which a layer can bring about, it is the last one made that has an answer.
        """
        others = []
        best = None
        samples = set()
        for made in cards:
            if not fits(made):
                others.append(made)
                continue
            best = made
            samples.add(re.sub(r"\d+", "", made.vm))
            if len(samples) > (self._before if skip is None else skip):
                break
        found = best or next((one for one in reversed(others) if _has_an_answer(one)), None)
        if found is None:
            raise ExerciseError("no sample makes such a card; choose other kinds")
        return found

    def vms(self) -> Iterator[list[Record]]:
        """Give varied samples, in the order of the set."""
        names = [name for name in sample_names() if name not in _NO_CARD]
        self._set.shuffle(names)
        for name in names * 2:
            records = sample_vm(name)
            inventory = read_inventory(records)
            if not inventory.problems and not is_expression(inventory.vms[0].name):
                skus = self.matrix.facts["disk_sku"].allowed_values
                yield _varied(records, self.chance, skus)

    def card(
        self,
        question: str,
        choices: Iterable[Choice] = (),
        *,
        form: str = "one",
        records: Sequence[Record] = (),
        **more: Any,
    ) -> Exercise:
        return Exercise(
            self.seed,
            self.number,
            self.kind,
            question,
            form,
            tuple(choices),
            records=tuple(records),
            matrix=self.matrix,
            **more,
        )


def _varied(records: list[Record], chance: random.Random, skus: Sequence[str]) -> list[Record]:
    """Give a sample another name, another region, and by chance other data disks."""
    name = str(records[0]["name"])
    numbered = re.fullmatch(r"(.*-)\d\d", name)
    text = json.dumps(records)
    if numbered:
        text = text.replace(name, f"{numbered[1]}{chance.randrange(11, 99)}")
    text = text.replace('"westeurope"', json.dumps(chance.choice(_LOCATIONS)))
    made: list[Record] = json.loads(text)
    own = {one["name"]: one for one in made if one["type"] == "Microsoft.Compute/disks"}
    for attached in made[0]["properties"]["storageProfile"]["dataDisks"]:
        managed = attached.get("managedDisk", {})
        if managed.get("storageAccountType") and chance.random() < 0.35:
            sku = managed["storageAccountType"] = chance.choice(skus)
            attached["caching"] = "None"  # which a disk of any SKU takes
            if attached["name"] in own:
                own[attached["name"]]["sku"] = {"name": sku}
        if attached["name"] in own and chance.random() < 0.1:
            own[attached["name"]]["properties"]["maxShares"] = 2
    return made


def _answered(card: Exercise, *wanted: str) -> bool:
    return solve(card).right in [(one,) for one in wanted]


def _has_an_answer(card: Exercise) -> bool:
    """Tell whether one of the choices is right: what is not known is none of them everywhere."""
    return "" not in solve(card).right


def _make_verdict(deal: _Deal) -> Exercise:
    wanted = deal.wanted(VERDICTS)
    choices = [Choice(one, word(one)) for one in VERDICTS]

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            for mode in deal.chance.sample(MODES, len(MODES)):
                question = f"What is the verdict for {_name(records)} in {mode} consistency?"
                yield deal.card(question, choices, records=records, mode=mode)

    return deal.first(made(), lambda card: _answered(card, wanted))


def _name(records: Sequence[Record]) -> str:
    return str(records[0]["name"])


def _make_exclude(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("exclude_disks", "exclude_disks", "supported"))

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            disks = read_inventory(records).vms[0].disks
            for mode in deal.chance.sample(MODES, len(MODES)):
                yield deal.card(
                    f"Which disks of {_name(records)} must be left out of a restore point in"
                    f" {mode} consistency? Choose none of them if all can stay.",
                    [Choice(disk_key(one.id, one.label), one.label) for one in disks],
                    form="several",
                    records=records,
                    mode=mode,
                )

    def fits(card: Exercise) -> bool:
        return len(card.choices) > 1 and the_verdict(card).verdict == wanted

    return deal.first(made(), fits)


def _make_copy(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("supported_with_caveat", "not_supported", "unknown"))
    choices = [Choice(one, word(one)) for one in ANSWERS]

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            target = deal.chance.choice(_LOCATIONS)
            client = deal.chance.choice(deal.matrix.facts[CLIENT].allowed_values)
            tool = _client(client)
            yield deal.card(
                f"{_name(records)} runs in {records[0]['location']}. May its crash-consistent"
                f" restore points be copied to {target}, with {tool}?",
                choices,
                records=records,
                mode="crash",
                given={"target_region": target, "client": client},
            )

    return deal.first(made(), lambda card: _answered(card, wanted))


def _client(client: str) -> str:
    return "the Azure portal" if client == "portal" else client_title(client)


def _make_key(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("platform", "none", "named", "platform of a customer"))
    choices = [Choice(one, _KEY_TEXTS[one]) for one in KEYS]
    client = CLIENTS[0]

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            own = str(records[0]["location"])
            target = deal.chance.choice([one for one in _LOCATIONS if one != own])
            disks = read_inventory(records).vms[0].disks
            mode = deal.chance.choice(MODES)
            asked = [(disk, named) for disk in disks for named in ("yes", "no")]
            for disk, named in deal.chance.sample(asked, len(asked)):
                says = (
                    "names a disk encryption set of the target region for each disk"
                    if named == "yes"
                    else "says nothing of encryption"
                )
                yield deal.card(
                    f"A restore point of {_name(records)} in {mode} consistency is to be copied"
                    f" to {target} with {_client(client)}. The request {says}. Which key encrypts"
                    f" the copy of the disk {disk.label}?",
                    choices,
                    records=records,
                    mode=mode,
                    given={
                        "target_region": target,
                        "client": client,
                        "disk": disk_key(disk.id, disk.label),
                        "named": named,
                    },
                )

    def fits(card: Exercise) -> bool:
        answer, _, of_customer = wanted.partition(" of a ")
        vm = card.assessment.inventory.vms[0]
        keys = {one.customer_key for one in encryption_of(card.assessment, vm)}
        return _answered(card, answer) and (not of_customer or keys == {"yes"})

    return deal.first(made(), fits)


def _make_schedule(deal: _Deal) -> Exercise:
    wanted = deal.wanted(("broken", "days", "broken", "kept"))

    def made() -> Iterator[Exercise]:
        for records in deal.vms():
            for _ in range(4):
                yield _schedule_card(deal, records, number=wanted == "days")

    def fits(card: Exercise) -> bool:
        right = solve(card).right
        if wanted == "days":
            return int(right[0]) > 0 and _the_verdict_is_sure(card)
        return bool(right) == (wanted == "broken") and _the_verdict_is_sure(card)

    return deal.first(made(), fits, deal.turn)


def _the_verdict_is_sure(card: Exercise) -> bool:
    """Tell whether both modes are possible for the VM, so that it can have a schedule at all."""
    return all(one.verdict in ELIGIBLE for one in card.assessment.verdicts)


def _schedule_card(deal: _Deal, records: Sequence[Record], *, number: bool) -> Exercise:
    chance = deal.chance
    asked = {
        "application_every": chance.choice(("2h", "3h", "4h", "6h", "12h", "24h")),
        "crash_every": chance.choice(("30m", "1h", "2h", "4h", "8h")),
        "crash_after": chance.choice(("", "15m", "30m")),
        "retention": chance.choice(("7d", "10d", "14d", "30d", "60d")),
        "existing": str(chance.randrange(0, 12) * 10),
    }
    if number:
        asked["retention"] = "forever"
    first = (
        f"the first of these {_spoken(asked['crash_after'])} after the other"
        if asked["crash_after"]
        else "the first of both at the same time"
    )
    start = (
        f"{_name(records)} is to have a restore point in application consistency every"
        f" {_spoken(asked['application_every'])} and one in crash consistency every"
        f" {_spoken(asked['crash_every'])}, {first}. It has {asked['existing']} restore points"
        " already, which stay."
    )
    if number:
        return deal.card(
            f"{start} For how many whole days, at most, can the new ones be kept so that their"
            " number never breaks the limit?",
            form="number",
            unit="days",
            records=records,
            mode="application",
            given=asked,
        )
    blank = deal.card("", form="several", records=records, given=asked)
    choices = [
        Choice(line.row, line.title) for line in the_schedule(blank).limits if not line.question
    ]
    return deal.card(
        f"{start} Each new one is kept for {_spoken(asked['retention'])}. Which limits does"
        " this break? Choose none of them if it fits.",
        choices,
        form="several",
        records=records,
        mode="application",
        given=asked,
    )


def _spoken(length: str) -> str:
    return duration(parse_duration(length))


def _make_error(deal: _Deal) -> Exercise:
    matrix = deal.matrix
    rows = [row for row in matrix.table("errors") if row["origin"] not in ORIGINS]
    order = [row for row in rows if _is_told_by_its_text(matrix, row)]
    if not order:
        raise ExerciseError("no row of errors is known by its text alone; choose other kinds")
    right = matrix.row(deal.wanted([row.id for row in order]))
    # A row about the same rows means the same thing, and would be right too.
    others = []
    taken = {right["row_ids"]} - {""}
    deal.chance.shuffle(rows)
    for row in rows:
        if row.id != right.id and row["row_ids"] not in taken:
            others.append(row)
            taken |= {row["row_ids"]} - {""}
    codes = set(right.members("code"))
    others.sort(key=lambda row: not codes & set(row.members("code")))
    chosen = [right, *others[:2], *others[2:][-1:]]
    deal.chance.shuffle(chosen)
    return deal.card(
        "A client prints this. What does it mean?",
        [Choice(row.id, row["meaning"]) for row in chosen],
        given={"pasted": _printed(right)},
    )


def _printed(row: Row) -> str:
    """Write an error down as a client does."""
    code = next(iter(row.members("code")), "")
    words = next(iter((*row.members("message_fragment"), *row.members("message_alone"))), "")
    return f"ERROR: ({code}) … {words} …" if code and words else f"ERROR: {code or words}"


def _is_told_by_its_text(matrix: Matrix, row: Row) -> bool:
    found = look_up(_printed(row), matrix).certain
    return [one.row for one in found] == [row.id]


_MAKERS: Final[Mapping[str, Callable[[_Deal], Exercise]]] = {
    "verdict": _make_verdict,
    "exclude": _make_exclude,
    "copy": _make_copy,
    "key": _make_key,
    "schedule": _make_schedule,
    "error": _make_error,
}
