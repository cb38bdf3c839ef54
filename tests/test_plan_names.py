"""Where plans create and under which names, and what they do where that is not known."""

from __future__ import annotations

import shlex
from dataclasses import fields

import pytest
from azure import (
    REGION,
    SUBSCRIPTION,
    Body,
    collection,
    data_disk,
    disk,
    merge,
    os_disk,
    restore_point,
    template_vm,
    vm,
    vm_id,
)
from plans import TARGET, make, of_kind, only, operations, step

from rpmatrix.planning.commands.operations import (
    CopyRestorePoint,
    CreateCollection,
    CreateDisk,
    CreateRestorePoint,
    ListCollections,
    ListRestorePoints,
    ShowDisk,
    ShowVm,
)
from rpmatrix.planning.commands.write import CLIENTS
from rpmatrix.planning.names import NAME_LENGTH, Names, PlanError
from rpmatrix.planning.plan import PHASES


def test_the_collection_that_is_there_is_used() -> None:
    there = collection(points=[restore_point(number=1)])
    found = only(make(vm(), there))
    assert of_kind(found, CreateCollection) == []
    assert "rpc-vm-harbour in rg-harbour" in step(found, "step-collection").blocked
    (listed,) = of_kind(found, ListRestorePoints)
    (created,) = of_kind(found, CreateRestorePoint)
    assert listed.collection == created.collection == "rpc-vm-harbour"
    # Where none is shown there may be one all the same: it is looked for before one is created.
    found = only(make(vm()))
    assert operations(found)[0] == ListCollections(subscription_id=SUBSCRIPTION)
    (made,) = of_kind(found, CreateCollection)
    assert (made.collection, made.location) == ("vm-harbour-restore-points", REGION)
    assert made.source_id == vm_id()


def test_a_restore_point_takes_the_next_number() -> None:
    def named(*names: str) -> str:
        points = [merge(restore_point(), {"name": name, "id": None}) for name in names]
        (created,) = of_kind(only(make(vm(), collection(points=points))), CreateRestorePoint)
        return str(created.restore_point)

    assert named() == "vm-harbour-application-1"
    assert named("vm-harbour-crash-4") == "vm-harbour-application-1"
    assert named("VM-harbour-APPLICATION-1", "vm-harbour-application-9") == (
        "vm-harbour-application-10"
    )
    assert named("vm-harbour-application-x", "other") == "vm-harbour-application-1"


def test_points_that_are_records_of_their_own_count_too() -> None:
    point = merge(restore_point(), {"name": "vm-harbour-application-3"})
    point["id"] = str(point["id"]).replace("rp-1", "vm-harbour-application-3")
    (created,) = of_kind(only(make(vm(), collection(points=None), point)), CreateRestorePoint)
    assert created.restore_point == "vm-harbour-application-4"


def test_no_name_is_made_up_where_the_taken_ones_are_not_known() -> None:
    found = only(make(vm(), collection(points=None), target_region=TARGET))
    creating = step(found, "step-create-application")
    assert "does not list the restore points of rpc-vm-harbour" in creating.blocked
    shown = [each for each in operations(found) if not isinstance(each, CreateCollection)]
    assert {type(each) for each in shown} == {ListRestorePoints, ShowVm, ShowDisk}
    named = only(make(vm(), collection(points=None), names=Names(restore_point="before-patch")))
    (created,) = of_kind(named, CreateRestorePoint)
    assert created.restore_point == "before-patch"


def test_collections_of_azure_backup_are_left_alone() -> None:
    backup = merge(collection(points=[]), {"name": "AzureBackup_vm-harbour_42"})
    backup["id"] = str(backup["id"]).replace("rpc-vm-harbour", "AzureBackup_vm-harbour_42")
    (made,) = of_kind(only(make(vm(), backup)), CreateCollection)
    assert made.collection == "vm-harbour-restore-points"
    own = collection(points=[])
    assert of_kind(only(make(vm(), backup, own)), CreateCollection) == []


def test_a_collection_without_an_id_is_not_taken_for_one_that_is_there() -> None:
    template = collection()
    del template["id"]
    assert of_kind(only(make(vm(), template)), CreateCollection)


def test_names_are_taken_as_they_are_given() -> None:
    names = Names("my-rpc", "my-point", "my-copies", "rg-backup", "rg-far")
    inside = disk("vm-harbour-os")
    found = only(make(vm(), inside, names=names, target_region=TARGET))
    local, target = of_kind(found, CreateCollection)
    assert (local.resource_group, local.collection) == ("rg-backup", "my-rpc")
    assert (target.resource_group, target.collection) == ("rg-far", "my-copies")
    assert target.source_id == local.collection_id
    (created,) = of_kind(found, CreateRestorePoint)
    (copied,) = of_kind(found, CopyRestorePoint)
    assert created.restore_point_id == f"{local.collection_id}/restorePoints/my-point"
    assert copied.restore_point_id == f"{target.collection_id}/restorePoints/my-point"
    # Another collection than the one that is there, or that one by its name.
    other = only(make(vm(), collection(), names=Names(collection="my-rpc")))
    assert [each.collection for each in of_kind(other, CreateCollection)] == ["my-rpc"]
    same = only(make(vm(), collection(), names=Names(collection="RPC-vm-harbour")))
    assert of_kind(same, CreateCollection) == []
    # A resource group is where to create; with a name it says which one is meant.
    group = Names(resource_group="rg-backup")
    assert of_kind(only(make(vm(), collection(), names=group)), CreateCollection) == []
    both = Names(collection="rpc-vm-harbour", resource_group="rg-backup")
    (made,) = of_kind(only(make(vm(), collection(), names=both)), CreateCollection)
    assert made.resource_group == "rg-backup"


def test_copies_go_on_in_the_collection_that_takes_them() -> None:
    source = collection(points=[])
    copies = merge(
        collection("copies", points=[merge(restore_point(), {"name": "vm-harbour-application-4"})]),
        {"location": "North Europe", "properties": {"source": {"id": source["id"]}}},
    )
    elsewhere = merge(
        collection("elsewhere"),
        {"location": "uksouth", "properties": {"source": {"id": source["id"]}}},
    )
    inside = disk("vm-harbour-os")
    found = only(make(vm(), inside, source, elsewhere, copies, target_region=TARGET))
    assert of_kind(found, CreateCollection) == []
    assert "rpc-copies in rg-harbour" in step(found, "step-copy-collection").blocked
    (copied,) = of_kind(found, CopyRestorePoint)
    assert (copied.collection, copied.restore_point) == ("rpc-copies", "vm-harbour-application-5")


def test_vms_of_one_name_do_not_share_a_collection() -> None:
    def twin(group: str) -> Body:
        return {**vm(system=os_disk(f"os-{group}")), "id": vm_id(group=group)}

    twins = [twin("rg-a"), twin("rg-b")]
    made = make(*twins, names=Names(resource_group="rg-backup")).vms
    names = [each.collection for one in made for each in of_kind(one, CreateCollection)]
    assert names == ["vm-harbour-restore-points", "vm-harbour-restore-points-2"]
    # In resource groups of their own the names do not meet.
    found = make(*twins, names=Names(collection="rpc")).vms
    assert (
        len({each.collection_id for one in found for each in of_kind(one, CreateCollection)}) == 2
    )
    with pytest.raises(PlanError, match=r"rpc in rg-backup cannot serve vm-harbour"):
        make(*twins, names=Names(collection="rpc", resource_group="rg-backup"))
    records = [*twins, disk("os-rg-a"), disk("os-rg-b")]
    far = Names(target_collection="copies", target_resource_group="rg-far")
    with pytest.raises(PlanError, match=r"copies in rg-far cannot serve"):
        make(*records, names=far, target_region=TARGET)


def test_the_collection_of_another_vm_is_not_taken() -> None:
    other = merge(collection("gone"), {"name": "vm-harbour-restore-points"})
    other["id"] = str(other["id"]).replace("rpc-gone", "vm-harbour-restore-points")
    (made,) = of_kind(only(make(vm(), other)), CreateCollection)
    assert made.collection == "vm-harbour-restore-points-2"
    with pytest.raises(PlanError, match="another one, or none"):
        make(vm(), other, names=Names(collection="vm-harbour-RESTORE-points"))


def test_a_restore_point_that_is_there_is_not_asked_for_again() -> None:
    with pytest.raises(PlanError, match="has a restore point RP-1 already"):
        make(vm(), collection(points=[restore_point()]), names=Names(restore_point="RP-1"))


@pytest.mark.parametrize("field", [each.name for each in fields(Names)])
@pytest.mark.parametrize("bad", ["a/b", "..", "a\0b", "\ud800"])
def test_a_name_that_is_none_is_refused_at_once(field: str, bad: str) -> None:
    with pytest.raises(PlanError, match=f"the name of the {field.replace('_', ' ')}"):
        make(vm(), names=Names(**{field: bad}))


@pytest.mark.parametrize("length", [1, 15, 64])
def test_names_made_of_long_names_keep_the_length(length: int) -> None:
    name = "n" * length
    system, data = os_disk("o" * 80), [data_disk(0, "o" * 79 + "p"), data_disk(1, "p")]
    records = [vm(name, system=system, data=data), *(disk(each) for each in ("o" * 80, "p"))]
    records.append(disk("o" * 79 + "p"))
    found = only(make(*records, target_region="germanywestcentral"))
    for each in operations(found):
        for what in ("collection", "restore_point", "disk"):
            assert len(getattr(each, what, "")) <= NAME_LENGTH
    local, target = of_kind(found, CreateCollection)
    assert local.collection_id != target.collection_id
    names = [each.disk for each in of_kind(found, CreateDisk)]
    assert names == ["o" * 71 + "-restored", "o" * 69 + "-restored-2", "p-restored"]


HOSTILE = ["it's", "$(reboot)", "`id`", 'a"b', "a;b|c&d", "-rf", "*", "\N{SNOWMAN}", "line\nbreak"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(name: str) -> None:
    found = make(vm(name, data=[data_disk(0, f"d-{name}")]), disk(f"d-{name}"), vms=vm_id(name))
    (created,) = of_kind(only(found), CreateCollection)
    assert created.collection == f"{name}-restore-points"
    assert created.source_id == vm_id(name)
    for client in CLIENTS:
        assert all(each.text or each.notes for each in found.commands(client, phases=PHASES))
    if "\n" not in name:
        texts = [each.text for each in found.commands() if each.operation == created]
        assert any(f"{name}-restore-points" in token for token in shlex.split(texts[0]))


@pytest.mark.parametrize(
    "record",
    [
        template_vm(),
        template_vm(name="[parameters('name')]"),
        {**vm(), "id": "[resourceId('Microsoft.Compute/virtualMachines', 'one')]"},
        {**vm(), "id": vm_id("{vm-name}")},
    ],
)
def test_a_vm_without_an_id_gets_advice_and_no_commands(record: Body) -> None:
    found = make(record, target_region=TARGET)
    assert only(found).steps
    assert found.commands(phases=PHASES) == ()
    waiting = [each.blocked for each in only(found).steps if each.id.startswith("step-create")]
    assert waiting == ["the input does not show the resource id of the VM"]


def test_a_vm_without_a_region_gets_no_collection() -> None:
    found = only(make({**vm(), "location": None}))
    assert "region of the VM" in step(found, "step-collection").blocked
    assert {type(each) for each in operations(found)} == {ListCollections, ShowVm}
