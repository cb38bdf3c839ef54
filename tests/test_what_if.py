"""What would make a VM eligible: the smallest sets of changes, and that they suffice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pytest
from azure import (
    UBUNTU,
    WINDOWS,
    Body,
    data_disk,
    disk,
    disk_id,
    merge,
    os_disk,
    uniform_instance,
    vm,
    vm_id,
)
from cases import MATRIX
from plans import BLOB, CONFIDENTIAL, COREOS, FLATCAR, LOCAL, NANO, NO_SKU, OLD_WINDOWS, make, only

import rpmatrix as rp
from rpmatrix.eligibility.assessment import Verdict
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES
from rpmatrix.planning.what_if import ELIGIBLE, WhatIf

Edit = Callable[[Body], Body]


def storage(record: Body, **changes: Any) -> Body:
    return merge(record, {"properties": {"storageProfile": changes}})


def image(new: dict[str, str], system: str) -> Edit:
    def edit(record: Body) -> Body:
        changed = storage(record, imageReference=new, osDisk={"osType": system})
        return merge(changed, {"properties": {"instanceView": None}})

    return edit


def managed(record: Body) -> Body:
    """Convert all disks, and tell nothing of their SKU: the change says nothing of it either."""
    profile = record["properties"]["storageProfile"]
    new = {"vhd": None, "managedDisk": {"id": disk_id("converted")}}
    data = [
        merge(one, new, {"managedDisk": {"id": disk_id(f"converted-{one['lun']}")}})
        for one in profile["dataDisks"]
    ]
    return storage(record, osDisk=new, dataDisks=data)


def plain_vm(record: Body) -> Body:
    kind = "Microsoft.Compute/virtualMachines"
    name = str(record["name"]).replace("_", "-")
    return {**record, "id": vm_id(name), "name": name, "type": kind}


# What the change that a row of `changes` names does to a VM and to its disks.
EDITS: dict[str, Edit] = {
    "change-convert-to-managed": managed,
    "change-endorsed-linux": image(UBUNTU, "Linux"),
    "change-leave-confidential": lambda record: merge(
        storage(record, osDisk={"managedDisk": {"securityProfile": None}}),
        {"properties": {"securityProfile": {"securityType": "TrustedLaunch"}}},
    ),
    "change-leave-uniform": plain_vm,
    "change-move-to-managed-os-disk": lambda record: storage(
        record, osDisk={"diffDiskSettings": None}
    ),
    "change-upgrade-windows": image(WINDOWS, "Windows"),
}
DISK_EDITS: dict[str, Edit] = {
    "change-replace-copied-disk": lambda record: merge(
        record,
        {"properties": {"securityProfile": None, "osType": None}},
        {"properties": {"creationData": {"createOption": "Empty"}}},
    ),
    "change-stop-sharing": lambda record: merge(record, {"properties": {"maxShares": 1}}),
}
# No record tells these; a person who knows answers otherwise afterwards.
ANSWER_EDITS = {
    "change-install-python": ("proxy_without_python", "no"),
    "change-leave-32-bit": ("os_architecture", "64-bit"),
}

Told = tuple[list[Body], dict[str, str]]


def mended(told: Told, changes: Sequence[str]) -> Told:
    """Carry changes out on the records, and ask again what is to be asked."""
    records, answers = told
    for row in changes:
        if row in EDITS:
            records = [EDITS[row](one) if _is_vm(one) else one for one in records]
        elif row in DISK_EDITS:
            records = [DISK_EDITS[row](one) if _is_disk(one) else one for one in records]
        else:
            answers = {**answers, ANSWER_EDITS[row][0]: ANSWER_EDITS[row][1]}
    return records, answers


def _is_vm(record: Body) -> bool:
    return str(record.get("type", "")).lower().endswith("virtualmachines")


def _is_disk(record: Body) -> bool:
    return str(record.get("type", "")).lower().endswith("/disks")


def verdict_of(told: Told, mode: str) -> Verdict:
    records, answers = told
    (found,) = rp.assess(rp.read_inventory(records), MATRIX, modes=[mode], answers=answers).verdicts
    return found


def offers_hold(told: Told, offers: Sequence[WhatIf]) -> None:
    """Carry every offer out on the records, and each smaller part of it, and assess again."""
    for offer in offers:
        rows = [each.id for each in offer.changes]
        assert verdict_of(told, offer.mode).floor not in ELIGIBLE
        after = verdict_of(mended(told, rows), offer.mode)
        assert after.floor == offer.verdict
        for size in range(len(rows)):
            for part in combinations(rows, size):
                assert verdict_of(mended(told, part), offer.mode).floor not in ELIGIBLE


def old(record: Body) -> Body:
    return image(OLD_WINDOWS, "Windows")(record)


LEGACY = vm(system=os_disk(**BLOB), data=[data_disk(0, **BLOB)])
SHARED = [vm(system=os_disk(**LOCAL), data=[data_disk(0)]), disk(maxShares=3)]
COPIED = disk(
    osType="Linux",
    hyperVGeneration="V2",
    securityProfile={"securityType": "TrustedLaunch"},
    creationData={"createOption": "Copy"},
)
WHAT_IF: dict[str, tuple[Told, dict[str, list[set[str]]]]] = {
    "nothing in the way": (([vm()], {}), {}),
    "unmanaged": (
        ([LEGACY], {}),
        {
            "application": [{"change-convert-to-managed"}],
            "crash": [{"change-convert-to-managed"}],
        },
    ),
    "unmanaged, and an old Windows": (
        ([old(LEGACY)], {}),
        {
            "application": [{"change-convert-to-managed", "change-upgrade-windows"}],
            "crash": [{"change-convert-to-managed"}],
        },
    ),
    "a uniform instance that runs CoreOS without disks of its own": (
        ([uniform_instance(image=COREOS, system=os_disk(**BLOB))], {}),
        {
            "application": [
                {
                    "change-convert-to-managed",
                    "change-endorsed-linux",
                    "change-leave-uniform",
                }
            ],
            "crash": [{"change-convert-to-managed", "change-leave-uniform"}],
        },
    ),
    "confidential": (
        ([vm(**CONFIDENTIAL)], {}),
        {mode: [{"change-leave-confidential"}] for mode in MODES},
    ),
    "nothing but an ephemeral disk": (
        ([vm(system=os_disk(**LOCAL))], {}),
        {mode: [{"change-move-to-managed-os-disk"}] for mode in MODES},
    ),
    "an ephemeral disk and a shared one: either way leads out": (
        (SHARED, {}),
        {mode: [{"change-move-to-managed-os-disk"}, {"change-stop-sharing"}] for mode in MODES},
    ),
    "a copied disk": (
        ([vm(data=[data_disk(0)]), COPIED], {}),
        {mode: [{"change-replace-copied-disk"}] for mode in MODES},
    ),
    "an old Windows": (([old(vm())], {}), {"application": [{"change-upgrade-windows"}]}),
    "Nano Server": (
        ([image(NANO, "Windows")(vm())], {}),
        {"application": [{"change-upgrade-windows"}]},
    ),
    "CoreOS": (([vm(image=COREOS)], {}), {"application": [{"change-endorsed-linux"}]}),
    "Flatcar": (([vm(image=FLATCAR)], {}), {"application": [{"change-endorsed-linux"}]}),
    "a proxy": (
        ([vm()], {"proxy_without_python": "yes"}),
        {"application": [{"change-install-python"}]},
    ),
    "32 bits behind a proxy": (
        ([vm()], {"proxy_without_python": "yes", "os_architecture": "32-bit"}),
        {"application": [{"change-install-python", "change-leave-32-bit"}]},
    ),
    "an image that nobody knows: there is nothing to change, only to find out": (
        ([vm(image=None)], {}),
        {},
    ),
    "a disk of unknown kind: no change is needed, only a record": (
        ([vm(system=os_disk(**LOCAL), data=[data_disk(0, **NO_SKU), data_disk(1)])], {}),
        {},
    ),
}


@pytest.mark.parametrize("case", WHAT_IF)
def test_the_smallest_changes_lead_where_they_are_said_to(case: str) -> None:
    told, wanted = WHAT_IF[case]
    records, answers = told
    offers = only(make(*records, answers=answers)).what_if
    found: dict[str, list[set[str]]] = {}
    for offer in offers:
        found.setdefault(offer.mode, []).append({each.id for each in offer.changes})
    assert found == wanted
    offers_hold(told, offers)


@pytest.mark.parametrize("name", sample_names())
def test_what_is_offered_for_a_sample_is_true_of_its_records(name: str) -> None:
    found = make(*sample_vm(name))
    for one in found.vms:
        offers_hold((sample_vm(name), {}), one.what_if)


def test_every_change_is_carried_out_by_a_test() -> None:
    rows = {row.id for row in MATRIX.table("changes")}
    assert rows == {*EDITS, *DISK_EDITS, *ANSWER_EDITS}
    tried = {row for _, wanted in WHAT_IF.values() for sets in wanted.values() for row in sets[0]}
    assert rows - tried <= {"change-stop-sharing"}  # which stands second in its case


def test_a_change_names_the_disks_that_it_is_done_to() -> None:
    record = vm(system=os_disk(**LOCAL), data=[data_disk(0, "one"), data_disk(1, "two")])
    shared = [disk("one", maxShares=2), disk("two", maxShares=5)]
    (move, stop) = [offer.changes[0] for offer in only(make(record, *shared)).what_if][:2]
    assert (move.id, move.disks) == ("change-move-to-managed-os-disk", ("disk-os",))
    assert (stop.id, stop.disks) == ("change-stop-sharing", ("one", "two"))
