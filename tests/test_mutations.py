"""Records with spoiled values, types and keys: no exception, one answer, and never a better one.

Each case is a VM with what belongs to it, as some client writes it, spoiled in one or two places.
The number of cases is that of ``RPMATRIX_MUTATIONS``, or 2,000; case N is the same in every run.

What a spoiled record may say depends on how it was spoiled (:class:`Effect`). Worst comes first:
not supported, disks to exclude, unknown, supported. *Better* means further right, or fewer disks
excluded. A value of the right type that Azure documents is no damage: the record says something
else, and nothing is compared but the two readers.
"""

from __future__ import annotations

import enum
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import Body, data_disk, disk, vm
from cases import MATRIX
from estates import CLIENTS, differences
from test_unusual_shapes import SPELLINGS, flattened

import rpmatrix as rp
from rpmatrix.fleet.result import assess_files
from rpmatrix.inventory.inventory import Inventory
from rpmatrix.inventory.names import plain_name
from rpmatrix.inventory.samples import sample_names, sample_vm

COUNT = int(os.environ.get("RPMATRIX_MUTATIONS", "2000"))
BATCH = 50


class Effect(enum.Enum):
    """What a change of a record may do to its verdicts."""

    SAME = "the same verdicts"
    NOT_BETTER = "no better verdict"
    NOTED = "no better verdict, unless a note names the key"
    ABSENT = "no better verdict, unless all that was full still is: then absence means the default"
    ANY = "any verdict: the changed value says something of its own, or of another resource"


# --------------------------------------------------------------------------- what is spoiled


def _family(*records: Body) -> Callable[[], list[Any]]:
    return lambda: json.loads(json.dumps(records))


SHARED = [
    vm(data=[data_disk(0), data_disk(1, managedDisk={"storageAccountType": "UltraSSD_LRS"})]),
    disk(maxShares=2),
    disk("disk-data-1", sku="UltraSSD_LRS"),
    disk("vm-harbour-os", osType="Linux", hyperVGeneration="V2"),
]
CONFIDENTIAL = vm(
    securityProfile={"securityType": "ConfidentialVM", "encryptionAtHost": False},
    system=azure.os_disk(
        managedDisk={"securityProfile": {"securityEncryptionType": "DiskWithVMGuestState"}}
    ),
)
BASES: dict[str, Callable[[], list[Any]]] = {
    **{f"sample {name}": lambda name=name: sample_vm(name) for name in sample_names()},
    "shared and ultra disks": _family(*SHARED),
    "confidential": _family(CONFIDENTIAL),
    "ephemeral": _family(
        vm(system=azure.os_disk(diffDiskSettings={"option": "Local", "placement": "CacheDisk"}))
    ),
    "unmanaged": _family(
        vm(
            system=azure.os_disk(
                managedDisk=None, vhd={"uri": "https://harbour.blob.core.windows.net/vhds/a.vhd"}
            )
        )
    ),
    "instance of a uniform set": _family(azure.uniform_instance()),
    "VM of a flexible set": _family(
        vm(virtualMachineScaleSet={"id": azure.scale_set_id()}), azure.scale_set()
    ),
    "old Windows by its agent": _family(
        vm(
            image=None,
            os="Windows",
            instanceView=azure.instance_view("vm-harbour", "Windows Server 2008 R2", "6.1"),
        )
    ),
    "all that belongs to a VM": _family(
        *SHARED,
        azure.network_interface(),
        azure.extension(),
        azure.encryption_set(),
        azure.collection(points=[azure.restore_point()]),
    ),
    "metadata": lambda: [azure.metadata()],
    "metadata of a shared disk": lambda: [
        azure.metadata(
            storageProfile={
                "dataDisks": [
                    {"lun": "0", "name": "d", "isSharedDisk": "true", "managedDisk": {"id": "d"}}
                ]
            }
        )
    ],
    "a plain VM and its size": _family(vm(size="Basic_A1"), disk()),
}
_DOCUMENTS = ("metadata", "metadata of a shared disk")
SHAPES: dict[str, Callable[[Body], Body]] = {
    **CLIENTS,
    "dotted": lambda record: flattened(azure.to_resource_graph(record), "."),
    "underscored": lambda record: flattened(azure.to_resource_graph(record), "_"),
    "projection": lambda record: {
        key: value
        for key, value in azure.to_cli(record).items()
        if key not in ("hardwareProfile", "creationData", "osProfile")
    },
}


# --------------------------------------------------------------------------- how it is spoiled

# JSON that Python cannot write: put between marks, and unwrapped in the text.
_RAW = re.compile(r'"@@(.*?)@@"')


def dumps(value: Any, **options: Any) -> str:
    return _RAW.sub(r"\1", json.dumps(value, **options))


def raw(text: str) -> str:
    return f"@@{text}@@"


ODD: tuple[Any, ...] = (
    *("--5", "\u00b2", "1e400", "9" * 400, "2.5.1", "0x2", "+-1", "\u0662x", "1,5x", -7, 2.75),
    *(raw("NaN"), raw("Infinity"), raw("-Infinity"), raw("1e400"), raw("9" * 400)),
    *(raw("7" * 5000), raw("-1e-400"), 10**30),
    *("perhaps", "[parameters('x')]", "System.Object[]", "${var.x}", "\ud83d\ude00", "\x00", "(?)"),
    *("a" * 3000, "@{x=1}", "Microsoft.Azure.Something", {"x": 1}, [1, "x"], [[]], ["perhaps"]),
    *({"value": "x"}, [{"x": 1}], [None], {"": ""}),
)
SAYING: tuple[Any, ...] = (
    *(True, False, 0, 1, 2, 2.0, "2", "yes", "no", "True", "FALSE", "Standard", "None", "Local"),
    *("ConfidentialVM", "Premium_LRS", "UltraSSD_LRS", "Windows", "Linux", "Spot", "V1"),
)
NOTHING: tuple[Any, ...] = (None, "", " ", {}, [], "null", "n/a")

# What ties records together, or tells what they are: another value is another resource.
TIES = {
    *("id", "name", "type", "managedby", "managedbyextended", "resourceid", "lun", "vmid"),
    *("virtualmachine", "instanceid", "resourcegroup", "resourcegroupname", "subscriptionid"),
    *(
        "resourcename",
        "location",
        "computername",
        "kind",
        "typepropertiestype",
        "diskencryptionset",
    ),
    *("networkinterfaces", "networkprofile", "source", "vmscalesetname", "resources", "extensions"),
    *("diskencryptionsetid", "tenantid", "properties", "uri", "managedbyextended"),
}
# Texts of any wording, which say something whatever they are.
FREE = {
    *("publisher", "offer", "sku", "osname", "osversion", "version", "exactversion", "plan"),
    *("imagereference", "licensetype", "sharedgalleryimageid", "communitygalleryimageid"),
    *("product", "tags", "instanceview", "extended", "caching", "createoption", "image"),
}

Place = tuple[tuple[str, ...], Any, Any]


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Yield every place inside a record: its path, the object or list, and the key or number."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in list(items):
        yield (*path, str(key)), value, key
        if isinstance(child, (dict, list)):
            yield from places(child, (*path, str(key)))


def words(path: tuple[str, ...]) -> set[str]:
    """Return the plain names on a path, also those that a column joins with dots."""
    last = [step for step in path if not step.isdigit()][-1:]
    return {plain_name(part) for step in last for part in (step, re.split(r"[._]", step)[-1])}


def of_its_own(path: tuple[str, ...], effect: Effect, value: Any = None) -> Effect:
    """Return the effect of a change at a path: any, where whatever is there says something."""
    inside = {plain_name(part) for step in path for part in re.split(r"[._]", step)}
    inner = {plain_name(str(key)) for key in value} if isinstance(value, dict) else set()
    if words(path) & TIES or inside & FREE or inner & (FREE | TIES) & {"id", "publisher"}:
        return Effect.ANY
    return effect


Mutation = Callable[[random.Random, Body], tuple[Effect, str]]


def pick(chance: random.Random, record: Body, kind: type | tuple[type, ...] = object) -> Place:
    return chance.choice([place for place in places(record) if isinstance(place[1], kind)])


def replaced_by(values: tuple[Any, ...], effect: Effect) -> Mutation:
    def change(chance: random.Random, record: Body) -> tuple[Effect, str]:
        path, holder, key = pick(chance, record)
        value = json.loads(json.dumps(chance.choice(values)))
        effective = of_its_own(path, effect, holder[key])
        if holder[key] == value or holder[key] in (None, "", [], {}):
            effective = Effect.ANY
        holder[key] = value
        return effective, f"{'.'.join(path)} = {value!r:.60}"

    return change


def wrapped(chance: random.Random, record: Body) -> tuple[Effect, str]:
    path, holder, key = pick(chance, record)
    value = holder[key]
    made: list[Any] = [[value], {"x": value}, [value, value], {"value": value}, json.dumps(value)]
    if isinstance(value, (list, tuple)):
        made += [{str(n): one for n, one in enumerate(value)}, *value[:1]]
    holder[key] = chance.choice(made)
    return of_its_own(path, Effect.NOT_BETTER, value), f"{'.'.join(path)} = {holder[key]!r:.60}"


def removed(chance: random.Random, record: Body) -> tuple[Effect, str]:
    path, holder, key = pick(chance, record)
    value = holder.pop(key)
    return of_its_own(path, Effect.ABSENT, value), f"without {'.'.join(path)}"


def renamed(holder: Body, key: str, name: str) -> None:
    items = [(name if other == key else other, value) for other, value in holder.items()]
    holder.clear()
    holder.update(items)


def spelled(chance: random.Random, record: Body) -> tuple[Effect, str]:
    """Spell one key, or all, in another way."""
    spell = chance.choice([*SPELLINGS.values(), str.swapcase])
    path, holder, key = pick(chance, record, dict)
    if chance.random() < 0.3:
        spell = chance.choice((lambda key: f" {key}", lambda key: f"{key} ", lambda key: f"{key}_"))
    made = spell(key)
    if "tags" in path or (made != key and made in holder):
        return Effect.ANY, "nothing"
    renamed(holder, key, made)
    return Effect.SAME, f"{'.'.join(path)} spelled {made!r}"


def misspelled(chance: random.Random, record: Body) -> tuple[Effect, str]:
    path, holder, key = pick(chance, record, dict)
    at = chance.randrange(len(key))
    made = chance.choice((key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:], f"{key}x"))
    if made in holder or not made:
        return Effect.ANY, "nothing"
    renamed(holder, key, made)
    return of_its_own(path, Effect.NOTED, holder[made]), f"{'.'.join(path)} misspelled {made!r}"


def said_twice(chance: random.Random, record: Body) -> tuple[Effect, str]:
    """Give a key a second time, in another spelling and with another value."""
    path, holder, key = pick(chance, record, dict)
    made = chance.choice([str.upper, str.title, *SPELLINGS.values()])(key)
    if made in holder:
        return Effect.ANY, "nothing"
    value = json.loads(json.dumps(chance.choice([*ODD, *SAYING, *NOTHING])))
    items = list(holder.items())
    items.insert(chance.choice((0, len(items))), (made, value))
    holder.clear()
    holder.update(items)
    effect = of_its_own(path, Effect.NOT_BETTER, holder[key])
    if holder[key] in (None, "", [], {}):
        effect = Effect.ANY
    return effect, f"{'.'.join(path)} again as {made!r}: {value!r:.60}"


def moved(chance: random.Random, record: Body) -> tuple[Effect, str]:
    path, holder, key = pick(chance, record, dict)
    value = holder.pop(key)
    if chance.random() < 0.5 and key not in record:
        record[key] = value
    else:
        holder.setdefault("properties", {})
        if isinstance(holder["properties"], dict):
            holder["properties"].setdefault(key, value)
    return of_its_own(path, Effect.NOTED, value), f"{'.'.join(path)} moved"


def edged(chance: random.Random, record: Body) -> tuple[Effect, str]:
    """Leave something around the id of a resource."""
    ids = [
        (path, holder, key)
        for path, holder, key in places(record)
        if isinstance(holder[key], str) and holder[key].lower().startswith("/subscriptions/")
    ]
    if not ids:
        return Effect.ANY, "nothing"
    path, holder, key = chance.choice(ids)
    holder[key] = chance.choice(("{}/", "{} ", "{}\n", " {}", "\t{}", "{}/ ", "{}\r\n")).format(
        holder[key]
    )
    return Effect.SAME, f"{'.'.join(path)} = {holder[key]!r}"


MUTATIONS: dict[str, Mutation] = {
    "an odd value": replaced_by(ODD, Effect.NOT_BETTER),
    "another value": replaced_by(SAYING, Effect.ANY),
    "nothing": replaced_by(NOTHING, Effect.ABSENT),
    "wrapped": wrapped,
    "removed": removed,
    "spelled": spelled,
    "misspelled": misspelled,
    "said twice": said_twice,
    "moved": moved,
    "edged": edged,
}


# --------------------------------------------------------------------------- cases


@dataclass(frozen=True)
class Case:
    """Records as they were and as they were spoiled, and what that may lead to."""

    number: int
    base: str
    shape: str
    whole: list[Any]
    spoiled: list[Any]
    effects: frozenset[Effect]
    story: str
    document: bool

    def __str__(self) -> str:
        return f"case {self.number} ({self.base}, {self.shape}: {self.story})"


def _resident(records: list[Any], number: int) -> list[Any]:
    """Put records into a subscription of their own, so that cases do not meet."""
    text = json.dumps(records)
    for found in set(re.findall(r"/subscriptions/([^/\"]+)/", text)):
        text = text.replace(found, f"{number:08x}-0000-4000-8000-0000000000a1")
    return list(json.loads(text))


def case(number: int) -> Case:
    chance = random.Random(number)
    base = chance.choice(list(BASES))
    records = _resident(BASES[base](), number)
    shape, document = "as it is", base in _DOCUMENTS
    if not document:
        shape = chance.choice([*SHAPES, "template"])
        records = [r for r in records if isinstance(r, dict) and "properties" in r] or records
        try:
            if shape == "template":
                records, document = [azure.to_template(records)], True
            else:
                records = [SHAPES[shape](record) for record in records]
        except (KeyError, TypeError):
            shape = "as it is"
    whole = json.loads(json.dumps(records))
    spoiled = json.loads(json.dumps(records))
    effects, story = set(), []
    for _ in range(chance.choice((1, 1, 1, 2))):
        at = chance.randrange(len(spoiled))
        if chance.random() < 0.06 and not document and "template" not in base:
            # A second record of the resource, that contradicts the first or adds nothing.
            spoiled.append(json.loads(json.dumps(spoiled[at])))
            name = chance.choice(("an odd value", "another value", "nothing", "removed"))
            at, doubled = len(spoiled) - 1, True
        else:
            name, doubled = chance.choice(list(MUTATIONS)), False
        effect, what = MUTATIONS[name](chance, spoiled[at])
        if doubled and effect is not Effect.ANY:
            effect = Effect.NOT_BETTER
        effects.add(effect)
        story.append(f"record {at}{' again' if doubled else ''}, {name}: {what}")
    return Case(number, base, shape, whole, spoiled, frozenset(effects), "; ".join(story), document)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _RAW.sub(r"\1", json.dumps(value)) if value.startswith("@@") else value
    return dumps(value)


def _csv(values: list[Any]) -> bytes:
    return azure.to_csv([{k: _cell(v) for k, v in row.items()} for row in values]).encode(
        errors="replace"
    )


def _text(write: Callable[[list[Any]], str]) -> Callable[[list[Any]], bytes]:
    return lambda values: write(values).encode(errors="surrogatepass")


FORMS: Mapping[str, Callable[[list[Any]], bytes]] = {
    "list.json": _text(dumps),
    "indented.json": _text(lambda values: dumps(values, indent=2)),
    "lines.ndjson": _text(lambda values: "".join(dumps(one) + "\n" for one in values)),
    "answer.json": _text(lambda values: dumps({"value": values, "nextLink": ""})),
    "table.csv": _csv,
}


# --------------------------------------------------------------------------- what is right


def _read(values: list[Any], path: Path) -> tuple[Inventory, dict[tuple[str, str], Any]]:
    path.write_bytes(FORMS["list.json"](values))
    inventory = rp.read_inventory(path)
    return inventory, _verdicts(inventory)


def _verdicts(inventory: Inventory) -> dict[tuple[str, str], Any]:
    result = rp.assess(inventory, MATRIX)
    # A template is deployed to a subscription that is named after its text.
    return {
        (_DEPLOYED_TO.sub("{subscription}", one.vm_id.strip().rstrip("/").lower()), one.mode): one
        for one in result.verdicts
    }


_DEPLOYED_TO = re.compile(r"\{subscription-[0-9a-f]+\}")


RANK = {"not_supported": 0, "exclude_disks": 1, "unknown": 2, "supported": 3}


def _excluded(verdict: Any) -> set[str]:
    return {
        str(one.lun if one.lun is not None else (one.id or one.name or "")).strip().rstrip("/")
        for one in verdict.exclude_disks
    }


def better(before: Any, after: Any) -> bool:
    if before.verdict == "unknown" and after.verdict == "exclude_disks":
        return False
    if RANK[after.verdict] > RANK[before.verdict]:
        # Unknown is never better than what was sure: it asks.
        return after.verdict != "unknown"
    return before.verdict == after.verdict == "exclude_disks" and not _excluded(
        before
    ) <= _excluded(after)


def fullness(inventory: Inventory) -> int:
    return sum(record.full for record in inventory.records)


def improvements(spoiled: Case, folder: Path) -> Iterator[str]:
    """Yield what a spoiled case says that it may not."""
    path = folder / "case.json"
    after, verdicts = _read(spoiled.spoiled, path)
    if Effect.ANY in spoiled.effects:
        return
    before, expected = _read(spoiled.whole, path)
    notes = " ".join(after.notes)
    for key, verdict in expected.items():
        found = verdicts.get(key)
        if found is None or not better(verdict, found):
            same = found is not None and found.verdict == verdict.verdict
            if spoiled.effects == {Effect.SAME} and not same:
                told = "no verdict" if found is None else found.verdict
                yield f"{spoiled}: {key[1]} was {verdict.verdict}, is {told}"
            continue
        if Effect.ABSENT in spoiled.effects and fullness(after) >= fullness(before):
            continue
        if Effect.NOTED in spoiled.effects and "not read" in notes:
            continue
        yield f"{spoiled}: {key[1]} was {verdict.verdict}, is {found.verdict}"


BATCHES = [range(at, min(at + BATCH, COUNT)) for at in range(0, COUNT, BATCH)]


@pytest.mark.parametrize("numbers", BATCHES, ids=lambda numbers: f"from {numbers.start}")
def test_spoiled_records(numbers: range, tmp_path: Path) -> None:
    cases = [case(number) for number in numbers]
    found = [line for one in cases for line in improvements(one, tmp_path)]
    (tmp_path / "case.json").unlink()
    found += disagreements(cases, tmp_path)
    assert found == []


def disagreements(cases: list[Case], folder: Path) -> list[str]:
    """Return in what a fleet differs from its VMs read one by one, case by case if they differ."""
    paths = written(cases, folder)
    try:
        whole = differences(assess_files(paths, MATRIX), *paths)
    except Exception as error:
        whole = [f"{type(error).__name__}: {error}"]
    for path in paths:
        path.unlink()
    if not whole or len(cases) == 1:
        return [f"{one}: {line}" for one in cases for line in whole]
    half = len(cases) // 2
    halves = [disagreements(part, folder) for part in (cases[:half], cases[half:])]
    return [*halves[0], *halves[1]] or [f"cases {cases[0].number} to {cases[-1].number}: {whole}"]


def written(cases: list[Case], folder: Path) -> list[Path]:
    """Write cases to files of all forms: each case goes to one form, by its number."""
    shares: dict[str, list[Any]] = {}
    for one in cases:
        forms = [name for name in FORMS if not (one.document and name.startswith("table"))]
        shares.setdefault(forms[one.number % len(forms)], []).extend(one.spoiled)
    paths = []
    for name, values in shares.items():
        path = folder / name
        path.write_bytes(FORMS[name](values))
        paths.append(path)
    return paths
