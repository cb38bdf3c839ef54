"""What holds of every verdict: knowing more, adding trouble, writing the same otherwise."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import azure
from azure import (
    UBUNTU,
    WINDOWS,
    Body,
    data_disk,
    disk,
    disk_id,
    extension,
    instance_view,
    merge,
    network_interface,
    scale_set_id,
    sku,
    uniform_instance,
    vm,
)
from cases import EXAMPLES, MATRIX, cases, values_of, vm_facts
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle import Case, Known

import rpmatrix as rp
from rpmatrix.eligibility.assessment import Evaluator, Verdict

PROPERTY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
WRITTEN = settings(PROPERTY, max_examples=EXAMPLES // 3)  # these read each VM many times
RANK = {"not_supported": 0, "exclude_disks": 1, "supported": 2}
STRICT = Evaluator(MATRIX, strict=True)
ASSUMING = Evaluator(MATRIX)


# --------------------------------------------------------------------------- knowing more


def unknown_facts(case: Case) -> list[tuple[int | None, str]]:
    places = [(None, case.facts), *((at, one.facts) for at, one in enumerate(case.disks))]
    return [(at, name) for at, facts in places for name, one in facts.items() if one.value is None]


def learn(case: Case, at: int | None, name: str, value: str | int) -> Case:
    if at is None:
        return replace(case, facts={**case.facts, name: Known(value)})
    known = replace(case.disks[at], facts={**case.disks[at].facts, name: Known(value)})
    return replace(case, disks=(*case.disks[:at], known, *case.disks[at + 1 :]))


@st.composite
def lessons(draw: Callable[[Any], Any], assumed: bool) -> tuple[Case, Case]:
    """Draw a case, and the same case with one more fact known.

    What a fact is assumed to be is not known: without `assumed`, no such fact is learned.
    """
    case = draw(cases())
    taken = {fact.id for fact in MATRIX.facts.values() if fact.assumption and not assumed}
    open_facts = [
        (at, name)
        for at, name in unknown_facts(case)
        if name not in taken or (case.facts if at is None else case.disks[at].facts)[name].shown
    ]
    assume(open_facts)
    at, name = draw(st.sampled_from(open_facts))
    before = (case.facts if at is None else case.disks[at].facts)[name]
    value = draw(st.sampled_from(before.options or values_of(name)))
    return case, learn(case, at, name, value)


def fits(before: Verdict, after: Verdict) -> None:
    if before.verdict != "unknown":
        assert after.verdict == before.verdict
    if before.verdict == "exclude_disks":
        luns = [one.lun for one in before.exclude_disks]
        assert [one.lun for one in after.exclude_disks] == luns
    lowest, highest = RANK[before.floor], RANK[before.ceiling]
    assert lowest <= RANK[after.floor] <= RANK[after.ceiling] <= highest


@PROPERTY
@given(lessons(assumed=True))
def test_learning_never_flips_a_sure_verdict_and_stays_within_floor_and_ceiling(
    lesson: tuple[Case, Case],
) -> None:
    before, after = (STRICT.verdicts(vm_facts(case)) for case in lesson)
    for one, other in zip(before, after, strict=True):
        fits(one, other)


@PROPERTY
@given(lessons(assumed=False))
def test_the_same_holds_of_what_was_not_assumed(lesson: tuple[Case, Case]) -> None:
    before, after = (ASSUMING.verdicts(vm_facts(case)) for case in lesson)
    for one, other in zip(before, after, strict=True):
        fits(one, other)


@PROPERTY
@given(cases())
def test_an_assumption_only_ever_narrows(case: Case) -> None:
    facts = vm_facts(case)
    for strict, assuming in zip(STRICT.verdicts(facts), ASSUMING.verdicts(facts), strict=True):
        lowest, highest = RANK[strict.floor], RANK[strict.ceiling]
        assert lowest <= RANK[assuming.floor] <= RANK[assuming.ceiling] <= highest
        if strict.verdict == "not_supported":
            assert assuming.verdict == "not_supported"


@PROPERTY
@given(cases())
def test_a_sure_verdict_is_its_own_floor_and_ceiling(case: Case) -> None:
    for verdict in ASSUMING.verdicts(vm_facts(case)):
        sure = verdict.verdict != "unknown"
        assert sure == (verdict.floor == verdict.verdict == verdict.ceiling)
        assert bool(verdict.exclude_disks) or verdict.verdict != "exclude_disks"
        assert verdict.reasons or verdict.verdict == "supported"
        assert not verdict.missing or not sure


@PROPERTY
@given(cases(), st.data())
def test_the_answers_to_all_questions_settle_the_verdict(case: Case, data: st.DataObject) -> None:
    """No question is superfluous at the end: when all are answered, nothing is open but by rule."""
    for mode in range(2):
        known = case
        for _ in range(100):
            verdict = STRICT.verdicts(vm_facts(known))[mode]
            if verdict.verdict != "unknown" or not verdict.missing:
                break
            question = verdict.missing[0]
            places = [(at, name) for at, name in unknown_facts(known) if name == question.fact_id]
            assert places
            at, name = places[0]
            value = data.draw(st.sampled_from(values_of(name)))
            known = learn(known, at, name, value)
        else:
            raise AssertionError("the questions never end")
        if verdict.verdict == "unknown":
            outcomes = {MATRIX.row(row)[verdict.mode] for row in verdict.reasons}
            assert outcomes == {"not_stated"}


# --------------------------------------------------------------------------- VMs as JSON

BLOB = {"vhd": {"uri": "https://harbour.blob.core.windows.net/one.vhd"}, "managedDisk": None}
NO_SKU = {"managedDisk": {"storageAccountType": None}, "diskSizeGB": None}
LOCAL = {"diffDiskSettings": {"option": "Local"}}
SKUS = ["Premium_LRS", "Standard_LRS", "StandardSSD_ZRS", "UltraSSD_LRS", "PremiumV2_LRS"]
IMAGES: list[dict[str, str] | None] = [
    UBUNTU,
    WINDOWS,
    {"publisher": "CoreOS", "offer": "CoreOS", "sku": "Stable"},
    {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2012-R2-Datacenter"},
    {"publisher": "someone", "offer": "something", "sku": "one"},
    None,
]

usually = st.integers(0, 3).map(bool)


@st.composite
def inventories(draw: Callable[[Any], Any]) -> list[Body]:
    """Draw the records of one VM: itself first, then disks and what belongs to it."""
    system = (
        {} if draw(usually) else draw(st.sampled_from([LOCAL, BLOB, NO_SKU, sku("Premium_ZRS")]))
    )
    data = []
    for lun in range(draw(st.integers(0, 3))):
        change = draw(st.sampled_from([*map(sku, SKUS), sku("Premium_LRS"), NO_SKU, BLOB]))
        data.append(data_disk(lun, **change))
    changes: Body = {}
    if not draw(usually):
        kind = draw(st.sampled_from(["TrustedLaunch", "ConfidentialVM", "Standard", "NewKind"]))
        changes["securityProfile"] = {"securityType": kind}
    if not draw(usually):
        changes["virtualMachineScaleSet"] = {"id": scale_set_id()}
    if draw(st.booleans()):
        changes["priority"] = draw(st.sampled_from(["Spot", "Regular", "Low"]))
    if draw(st.booleans()):
        changes["availabilitySet"] = {"id": "/subscriptions/x/availabilitySets/one"}
    image = draw(st.sampled_from(IMAGES))
    os = "Windows" if image and image["publisher"].startswith("MicrosoftW") else "Linux"
    make = vm if draw(usually) else uniform_instance
    record = make(image=image, os=os, data=data, **changes)
    record = merge(record, {"properties": {"storageProfile": {"osDisk": system}}})
    if not draw(usually):
        record["properties"]["hardwareProfile"] = {}
    if draw(st.booleans()):
        record["properties"]["instanceView"] = instance_view("x", "debian", "12")
    records = [record]
    if draw(st.booleans()):
        record["resources"] = [extension()]
    for one in data:
        if draw(st.booleans()) and "managedDisk" in one:
            told: Body = draw(
                st.sampled_from(
                    [
                        {},
                        {"maxShares": 2},
                        {"maxShares": 1},
                        {"securityProfile": {"securityType": "TrustedLaunch"}},
                        {"encryption": {"type": "EncryptionAtRestWithCustomerKey"}},
                    ]
                )
            )
            records.append(disk(one["name"], sku=draw(st.sampled_from(SKUS)), **told))
    if draw(st.booleans()):
        records.append(network_interface())
    return records


def outcome(*sources: Any) -> list[tuple[Any, ...]]:
    """Give all of the verdicts of the only VM that does not depend on how it was written."""
    return [
        (
            one.mode,
            one.verdict,
            one.floor,
            one.ceiling,
            [(gone.role, gone.lun, gone.rows) for gone in one.exclude_disks],
            sorted({question.fact_id for question in one.missing}),
            sorted(one.assumptions),
        )
        for one in rp.assess(rp.read_inventory(*sources), MATRIX).verdicts
    ]


def rows(*sources: Any) -> list[tuple[list[str], list[str]]]:
    verdicts = rp.assess(rp.read_inventory(*sources), MATRIX).verdicts
    return [(sorted(one.reasons), sorted(one.caveats)) for one in verdicts]


# ----- the same, written otherwise


@WRITTEN
@given(inventories())
def test_the_shape_changes_no_verdict(records: list[Body]) -> None:
    expected, told = outcome(records), rows(records)
    assert len(expected) == 2
    for shape in (azure.to_cli, azure.to_old_cli, azure.to_powershell, azure.to_python):
        shaped = [shape(one) for one in records]
        assert outcome(shaped) == expected
        assert rows(shaped) == told
    # Resource Graph keeps extensions in records of their own, so its rows may tell less.
    graph = [azure.to_resource_graph(one) for one in records]
    for shaped in (graph, azure.to_resource_graph_table(graph), azure.to_csv(graph)):
        assert outcome(shaped) == expected


@WRITTEN
@given(inventories())
def test_a_template_tells_the_same_of_what_it_tells(records: list[Body]) -> None:
    record = records[0]
    record["properties"].pop("instanceView", None)
    assert outcome(azure.to_template([record])) == outcome(record)


def shuffled(value: Any, chance: random.Random) -> Any:
    """Shuffle keys, at every depth."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(one, chance) for one in value] if isinstance(value, list) else value


@WRITTEN
@given(inventories(), st.randoms(use_true_random=False))
def test_the_order_of_keys_disks_and_records_changes_no_verdict(
    records: list[Body], chance: random.Random
) -> None:
    expected, told = outcome(records), rows(records)
    mixed = [shuffled(one, chance) for one in records]
    for one in mixed:
        chance.shuffle(one["properties"].get("storageProfile", {}).get("dataDisks", []))
    chance.shuffle(mixed)
    assert outcome(mixed) == expected
    assert rows(mixed) == told


@WRITTEN
@given(inventories(), st.data())
def test_the_splitting_into_files_changes_no_verdict(
    records: list[Body], data: st.DataObject
) -> None:
    at = data.draw(st.lists(st.integers(0, 2), min_size=len(records), max_size=len(records)))
    files: list[list[Body]] = [[], [], []]
    for record, number in zip(records, at, strict=True):
        files[number].append(record)
    assert outcome(*(azure.to_ndjson(one) for one in files if one)) == outcome(records)
    assert rows(*(json.dumps({"value": one}) for one in files)) == rows(records)


@WRITTEN
@given(inventories(), st.sampled_from([str.upper, str.lower, str.swapcase]), st.data())
def test_the_case_of_ids_changes_no_verdict(
    records: list[Body], case: Callable[[str], str], data: st.DataObject
) -> None:
    def recased(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: recased(one) for key, one in value.items()}
        if isinstance(value, list):
            return [recased(one) for one in value]
        if isinstance(value, str) and value.startswith("/subscriptions"):
            return case(value) if data.draw(st.booleans()) else value
        return value

    assert outcome(recased(records)) == outcome(records)


@WRITTEN
@given(inventories(), st.sampled_from(sorted(azure.ENCODINGS)), st.integers(0, 2))
def test_the_encoding_changes_no_verdict(records: list[Body], encoding: str, indent: int) -> None:
    text = json.dumps(records, indent=indent or None, ensure_ascii=indent == 1)
    assert outcome(azure.ENCODINGS[encoding](text)) == outcome(records)


@WRITTEN
@given(inventories())
def test_a_record_given_twice_changes_no_verdict(records: list[Body]) -> None:
    cli = [azure.to_cli(one) for one in records]
    assert outcome([*records, *records]) == outcome([*cli, *records]) == outcome(records)


# ----- trouble


def _confidential(records: list[Body]) -> list[Body]:
    change = {"properties": {"securityProfile": {"securityType": "ConfidentialVM"}}}
    return [merge(records[0], change), *records[1:]]


def _uniform(records: list[Body]) -> list[Body]:
    told = {name: uniform_instance()[name] for name in ("id", "type")}
    return [{**records[0], **told}, *records[1:]]


def _unmanaged_disk(records: list[Body]) -> list[Body]:
    blob = data_disk(63, **BLOB)
    record = merge(records[0], {})
    record["properties"]["storageProfile"]["dataDisks"].append(blob)
    return [record, *records[1:]]


def _ephemeral(records: list[Body]) -> list[Body]:
    change = {"properties": {"storageProfile": {"osDisk": LOCAL}}}
    return [merge(records[0], change), *records[1:]]


def _each_data_disk(change: Body) -> Callable[[list[Body]], list[Body]]:
    def trouble(records: list[Body]) -> list[Body]:
        record = merge(records[0], {})
        disks = record["properties"]["storageProfile"]["dataDisks"]
        disks[:] = [merge(one, change) if "managedDisk" in one else one for one in disks]
        return [record]

    return trouble


def _shared(records: list[Body]) -> list[Body]:
    disks = records[0]["properties"]["storageProfile"]["dataDisks"]
    known = {one["id"].lower() for one in records[1:]}
    more = [one["name"] for one in disks if disk_id(one["name"]).lower() not in known]
    told = [merge(one, {"properties": {"maxShares": 5}}) for one in records[1:]]
    return [records[0], *told, *(disk(name, maxShares=5) for name in more)]


def _unsupported_system(records: list[Body]) -> list[Body]:
    record = merge(records[0], {"properties": {"instanceView": None}})
    image = {"publisher": "CoreOS", "offer": "CoreOS", "sku": "Stable"}
    record["properties"]["storageProfile"]["imageReference"] = image
    record["properties"]["storageProfile"]["osDisk"]["osType"] = "Linux"
    return [record, *records[1:]]


TROUBLES: list[Callable[[list[Body]], list[Body]]] = [
    _confidential,
    _uniform,
    _unmanaged_disk,
    _ephemeral,
    _each_data_disk(sku("UltraSSD_LRS")),
    _each_data_disk(sku("PremiumV2_LRS")),
    _shared,
    _unsupported_system,
]


@WRITTEN
@given(inventories(), st.lists(st.sampled_from(TROUBLES), min_size=1, max_size=3))
def test_an_unsupported_feature_never_improves_a_verdict(
    records: list[Body], troubles: list[Callable[[list[Body]], list[Body]]]
) -> None:
    # An Ultra disk that a record of its own calls so is no better known without that record.
    before = outcome([records[0]] if any(one in TROUBLES[4:6] for one in troubles) else records)
    for trouble in troubles:
        records = trouble(records)
    after = outcome(records)
    for (mode, _, floor, ceiling, *_), (other, _, lower, upper, *_) in zip(
        before, after, strict=True
    ):
        assert mode == other
        assert RANK[lower] <= RANK[floor]
        assert RANK[upper] <= RANK[ceiling]


# ----- a system that is not known


@WRITTEN
@given(inventories())
def test_the_operating_system_never_changes_a_crash_verdict(records: list[Body]) -> None:
    """Crash consistency accepts every operating system."""

    def crash(image: Body | None, family: str | None) -> Any:
        record = merge(records[0], {"properties": {"instanceView": None}})
        storage = record["properties"]["storageProfile"]
        storage["osDisk"]["osType"] = family
        storage["imageReference"] = image
        return outcome([record, *records[1:]])[1][1:5]

    assert crash(UBUNTU, "Linux") == crash(WINDOWS, "Windows") == crash(None, None)
