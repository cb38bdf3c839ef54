"""Records as tools and people hand them over: other spellings, odd values, contradictions.

Each case says what is right in both consistency modes; fleets answer the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import Body, data_disk, disk, disk_id, vm, vm_id

import rpmatrix as rp
from rpmatrix.fleet.result import assess_files
from rpmatrix.inventory.facts import FactReader, flag_of, whole_number
from rpmatrix.inventory.names import fact_like, plain_name

MATRIX = rp.load_matrix()
READER = FactReader(MATRIX)
SHARED = disk_id("disk-data-0")
ULTRA: Body = {"managedDisk": {"storageAccountType": "UltraSSD_LRS"}}


def crash_and_application(*records: Any) -> dict[str, tuple[str, str]]:
    result = rp.assess(rp.read_inventory(*records), MATRIX)
    told: dict[str, dict[str, str]] = {}
    for verdict in result.verdicts:
        told.setdefault(verdict.vm_name, {})[verdict.mode] = verdict.verdict
    return {name: (modes["application"], modes["crash"]) for name, modes in told.items()}


def fact(record: Any, fact_id: str) -> Any:
    (found,) = rp.read_inventory(record).vms
    return READER.read(found).readings[fact_id].value


def disk_fact(*records: Any, fact_id: str) -> Any:
    found = rp.read_inventory(*records).vms[0]
    return READER.read(found).disks[-1].readings[fact_id]


def changed(record: Body, path: str, value: Any) -> Body:
    made = json.loads(json.dumps(record))
    *steps, last = path.split(".")
    inner = made
    for step in steps:
        inner = inner[int(step)] if isinstance(inner, list) else inner.setdefault(step, {})
    inner[last] = value
    return made


def with_disk(**changes: Any) -> list[Body]:
    return [vm("vm-quay", data=[data_disk(0)]), azure.merge(disk(), {"properties": changes})]


# --- values of the wrong type ----------------------------------------------------------------

OS_DISK = "properties.storageProfile.osDisk"


@pytest.mark.parametrize(
    ("path", "value", "fact_id"),
    [
        ("properties.availabilitySet", {"id": 5}, "availability_set"),
        ("properties.availabilitySet", 7, "availability_set"),
        ("properties.availabilitySet", {"id": "None"}, "availability_set"),
        ("properties.securityProfile", "TrustedLaunch", "security_type"),
        ("properties.securityProfile", [{"securityType": "ConfidentialVM"}], "security_type"),
        ("properties.securityProfile", {"securityType": 3}, "security_type"),
        ("properties.virtualMachineScaleSet", "set-quay", "scale_set_orchestration"),
        ("properties.priority", 4, "priority"),
        ("properties.licenseType", 4, "license_type"),
        ("properties.securityProfile", {"encryptionAtHost": "perhaps"}, "encryption_at_host"),
    ],
)
def test_a_value_of_another_type_is_not_known(path: str, value: Any, fact_id: str) -> None:
    assert fact(changed(vm(), path, value), fact_id) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("diffDiskSettings", "Local"),
        ("diffDiskSettings", [{"option": "Local"}]),
        ("diffDiskSettings", {"option": 1}),
        ("diffDiskSettings", {"option": "Somewhere"}),
        ("diffDiskSettings", {"placement": "CacheDisk"}),
        ("managedDisk", "text"),
        ("managedDisk", 9),
        ("managedDisk", ["disk"]),
    ],
)
def test_an_os_disk_of_another_shape_is_never_supported(path: str, value: Any) -> None:
    record = changed(vm(), f"{OS_DISK}.{path}", value)
    assert set(crash_and_application(record)["vm-harbour"]) == {"unknown"}


@pytest.mark.parametrize("disks", ["text", {"0": "disk"}, 3, True, [None], ["disk"], [[]]])
def test_data_disks_that_are_no_list_of_disks_are_not_known(disks: Any) -> None:
    record = changed(vm(), "properties.storageProfile.dataDisks", disks)
    assert set(crash_and_application(record)["vm-harbour"]) == {"unknown"}


def test_a_list_of_one_disk_may_be_written_as_the_disk() -> None:
    record = changed(vm(), "properties.storageProfile.dataDisks", data_disk(0, **ULTRA))
    assert crash_and_application(record)["vm-harbour"] == ("supported", "exclude_disks")


@pytest.mark.parametrize(
    "record",
    [
        {"name": "vm-quay", "sku": "gen2", "storageProfile": {"osDisk": {"osType": "Linux"}}},
        changed(vm("vm-quay"), "properties.hardwareProfile", {"vmSize": 4}),
        changed(vm("vm-quay"), "properties.hardwareProfile", "Standard_D2s_v5"),
        changed(vm("vm-quay"), OS_DISK, "disk"),
        changed(vm("vm-quay"), OS_DISK, []),
    ],
)
def test_only_values_of_the_right_type_make_a_record_full(record: Body) -> None:
    assert not rp.read_inventory(record).vms[0].records[0].full
    assert set(crash_and_application(record)["vm-quay"]) == {"unknown"}


@pytest.mark.parametrize("changes", [{"creationData": "Empty"}, {"creationData": [1]}])
def test_a_disk_is_full_by_the_same_measure(changes: Body) -> None:
    assert not rp.read_inventory(azure.merge(disk(), {"properties": changes})).records[0].full
    assert not rp.read_inventory({**disk(), "sku": "Premium_LRS"}).records[0].full


def test_the_address_of_a_blob_may_be_an_expression() -> None:
    blob = {"lun": 0, "vhd": {"uri": "[concat('https://', variables('account'), '/a.vhd')]"}}
    record = changed(vm(), "properties.storageProfile.dataDisks", [blob])
    assert crash_and_application(record)["vm-harbour"] == ("not_supported", "not_supported")


# --- odd numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *[(2, 2), (2.0, 2), ("2", 2), (" 2 ", 2), ("2.0", 2), ("+2", 2), ("02", 2), (-3, -3)],
        *[("--5", None), ("²", None), ("2,0", None), ("1e3", None), ("", None), ("2 VMs", None)],
        *[(True, None), (None, None), (2.5, None), (float("nan"), None), (float("inf"), None)],
        *[("9" * 400, None), ("9" * 5000, None), (10**400, None), ([2], None), ("٣", None)],
    ],
)
def test_numbers_are_read_where_they_mean_one_thing(value: Any, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "right"),
    [
        *[(2, "exclude_disks"), ("2", "exclude_disks"), (2.0, "exclude_disks")],
        *[(" 3 ", "exclude_disks"), (1, "supported"), ("1.0", "supported")],
        *[("--5", "unknown"), ("²", "unknown"), ("2,0", "unknown"), ("9" * 400, "unknown")],
        *[(10**400, "unknown"), (True, "unknown"), ([2], "unknown"), ({"value": 2}, "unknown")],
    ],
)
def test_shares_of_a_disk_in_any_writing(value: Any, right: str, tmp_path: Path) -> None:
    records = with_disk(maxShares=value)
    assert crash_and_application(records)["vm-quay"] == (right, right)
    path = tmp_path / "records.json"
    path.write_text(json.dumps(records))
    verdicts = assess_files(path).verdicts()
    assert set(verdicts["verdict"]) == {right}


@pytest.mark.parametrize("value", ["--5", "²", "9" * 400, "9" * 5000, "-1", "1e3", "nan"])
def test_an_answer_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="max_shares is a whole number"):
        rp.assess(rp.read_inventory(vm()), MATRIX, answers={"max_shares": value})


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, "yes"), ("True", "yes"), (1, "yes"), ("no", "no"), (0, "no"), (2, None), ([], None)],
)
def test_flags_are_read_where_they_are_sure(value: Any, flag: str | None) -> None:
    assert flag_of(value) == flag


def test_an_enumeration_may_be_a_number() -> None:
    record = changed(vm(), f"{OS_DISK}.caching", 2)
    assert disk_fact(record, fact_id="caching").value == "ReadWrite"
    assert disk_fact(changed(vm(), f"{OS_DISK}.caching", 9), fact_id="caching").value is None


# --- other spellings --------------------------------------------------------------------------


def respelled(record: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(record, dict):
        return {spell(key): respelled(value, spell) for key, value in record.items()}
    if isinstance(record, list):
        return [respelled(value, spell) for value in record]
    return record


def snake(key: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in key).lstrip("_")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "snake case": snake,
    "snake case in capitals": lambda key: snake(key).upper(),
    "with hyphens": lambda key: snake(key).replace("_", "-"),
    "with blanks": lambda key: snake(key).replace("_", " ").title(),
    "in capitals": str.upper,
    "PowerShell": lambda key: key[:1].upper() + key[1:],
}
HARD = [
    vm(
        "vm-quay",
        data=[data_disk(0), data_disk(1, **ULTRA)],
        securityProfile={"securityType": "TrustedLaunch"},
    ),
    azure.merge(disk(), {"properties": {"maxShares": 2}}),
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_keys_may_be_spelled_in_any_way(name: str, tmp_path: Path) -> None:
    records = respelled(HARD, SPELLINGS[name])
    assert crash_and_application(records) == crash_and_application(HARD)
    path = tmp_path / "records.json"
    path.write_text(json.dumps(records))
    result = rp.assess(rp.read_inventory(path), MATRIX)
    assert [one.exclude_disks for one in result.verdicts] != [(), ()]
    assert list(assess_files(path).verdicts()["verdict"]) == [v.verdict for v in result.verdicts]


def flattened(record: Any, between: str, before: str = "") -> Body:
    found: Body = {}
    for key, value in record.items():
        name = f"{before}{between}{key}" if before else key
        if isinstance(value, dict) and key != "tags":
            found |= flattened(value, between, name)
        else:
            found[name] = value
    return found


@pytest.mark.parametrize("between", ["_", "."])
def test_columns_may_name_paths(between: str) -> None:
    row = flattened(azure.to_resource_graph(HARD[0]), between)
    record = azure.to_resource_graph(changed(HARD[0], "properties.securityProfile", {}))
    assert f"properties{between}hardwareProfile{between}vmSize" in row
    assert fact(row, "security_type") == "TrustedLaunch"
    assert fact(record, "security_type") == "Standard"
    row[f"properties{between}securityProfile{between}securityType"] = "ConfidentialVM"
    assert crash_and_application(row)["vm-quay"] == ("not_supported", "not_supported")


@pytest.mark.parametrize(
    ("row", "fact_id", "value"),
    [
        ({"size": "Standard_E8ds_v5"}, "vm_size_series", "Edsv5"),
        ({"VM Size": "Standard_E8ds_v5"}, "vm_size_series", "Edsv5"),
        ({"os_type": "Windows"}, "os_family", "Windows"),
        ({"security_type": "ConfidentialVM"}, "security_type", "ConfidentialVM"),
        (
            {"security-profile": {"security-type": "ConfidentialVM"}},
            "security_type",
            "ConfidentialVM",
        ),
        ({"availability_set_id": "/subscriptions/s/x"}, "availability_set", "yes"),
        (
            {
                "image_publisher": "Canonical",
                "image_offer": "ubuntu-24_04-lts",
                "image_sku": "server",
            },
            "operating_system",
            "ubuntu",
        ),
        ({"image": "Canonical:ubuntu-24_04-lts:server:latest"}, "operating_system", "ubuntu"),
        (
            {"image": {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}},
            "operating_system",
            "ubuntu",
        ),
    ],
)
def test_flat_names_lead_to_facts(row: Body, fact_id: str, value: str) -> None:
    record = {"id": vm_id("vm-quay"), "name": "vm-quay", **row}
    assert fact(record, fact_id) == value
    assert not rp.read_inventory(record).vms[0].records[0].full


def test_disks_listed_flat_are_disks() -> None:
    entry = {"lun": 0, "managed_disk_id": SHARED, "managed_disk_type": "UltraSSD_LRS", "name": "d"}
    record = {
        "id": vm_id("vm-quay"),
        "name": "vm-quay",
        "os_disk_name": "os",
        "data_disks": [entry],
    }
    assert disk_fact(record, fact_id="disk_sku").value == "UltraSSD_LRS"
    found = rp.read_inventory(record, {"id": SHARED, "type": "disk", "max_shares": 3}).vms[0]
    assert READER.read(found).disks[-1].readings["max_shares"].value == 3


DISK_TABLES = {
    "headers for people": f"Resource ID,Disk Name,SKU,Max Shares\n{SHARED},d,Premium_LRS,2\n",
    "headers in capitals": f"RESOURCE ID,RESOURCE GROUP,MAX SHARES\n{SHARED},rg,2\n",
    "headers of a client": f"id,sku_name,max_shares\n{SHARED},Premium_LRS,2\n",
    "semicolons": f"ID;Disk-SKU;Shares\n{SHARED};Premium_LRS;2\n",
}


@pytest.mark.parametrize("name", DISK_TABLES)
def test_headers_of_tables_are_matched_by_their_letters(name: str, tmp_path: Path) -> None:
    table, record = tmp_path / "disks.csv", tmp_path / "vm.json"
    table.write_text(DISK_TABLES[name])
    record.write_text(json.dumps(vm("vm-quay", data=[data_disk(0)])))
    right = ("exclude_disks", "exclude_disks")
    assert crash_and_application(record, table)["vm-quay"] == right
    assert tuple(assess_files(tmp_path).verdicts()["verdict"]) == right


# --- what was not read -------------------------------------------------------------------------


def test_columns_that_nobody_reads_are_listed_once() -> None:
    rows = (
        f"id,name,Storage Kind,Subscription,Cost Center\n{SHARED},d,ultra,s,4\n{SHARED}x,e,u,s,4\n"
    )
    notes = rp.read_inventory(rows).notes
    assert [note.partition(": ")[2] for note in notes] == [
        "not read in records of a disk: Storage Kind"
    ]


@pytest.mark.parametrize("key", ["isShared", "Shared Disk", "maxShared", "multi_attach"])
def test_what_seems_to_be_said_is_not_assumed_otherwise(key: str) -> None:
    records = [vm("vm-quay", data=[data_disk(0)]), {**disk(), key: "yes"}]
    assert set(crash_and_application(records)["vm-quay"]) == {"unknown"}
    reading = disk_fact(records, fact_id="max_shares")
    assert key in reading.why
    assert any(key in note for note in rp.read_inventory(records).notes)


def test_records_of_azure_are_read_whole() -> None:
    everything = [vm("vm-quay", data=[data_disk(0)]), disk(), azure.network_interface("vm-quay")]
    assert rp.read_inventory(everything).notes == ()


@pytest.mark.parametrize("name", ["provisioningstate", "tags", "vmid", "disksizegb", "timecreated"])
def test_names_without_bearing_alarm_nobody(name: str) -> None:
    assert fact_like(name) == ""
    assert plain_name(name) == name


# --- contradictions ----------------------------------------------------------------------------


def os_disk_record(**properties: Any) -> Body:
    return azure.merge(disk("vm-quay-os"), {"properties": {"osType": "Linux", **properties}})


@pytest.mark.parametrize(
    ("shown", "of_disk"),
    [
        (
            {"securityType": "TrustedLaunch"},
            {"securityType": "ConfidentialVM_DiskEncryptedWithPlatformKey"},
        ),
        ({"securityType": "Standard"}, {"securityType": "ConfidentialVM_NonPersistedTPM"}),
    ],
)
def test_a_vm_and_its_disk_that_disagree_are_never_supported(shown: Body, of_disk: Body) -> None:
    record = vm("vm-quay", securityProfile=shown)
    records = [record, os_disk_record(securityProfile=of_disk)]
    assert set(crash_and_application(records)["vm-quay"]) == {"unknown"}
    why = rp.assess(rp.read_inventory(records), MATRIX).verdicts[0].missing[0].why
    assert shown["securityType"] in why
    assert of_disk["securityType"] in why


def test_an_encryption_of_guest_state_contradicts_trusted_launch() -> None:
    path = f"{OS_DISK}.managedDisk.securityProfile"
    record = changed(
        vm("vm-quay", securityProfile={"securityType": "TrustedLaunch"}),
        path,
        {"securityEncryptionType": "VMGuestStateOnly"},
    )
    assert set(crash_and_application(record)["vm-quay"]) == {"unknown"}


def test_one_disk_of_two_vms_is_shared_or_not_known() -> None:
    both = [vm(name, data=[data_disk(0)]) for name in ("vm-quay", "vm-pier")]
    found = crash_and_application(both)
    assert found == dict.fromkeys(("vm-quay", "vm-pier"), ("unknown", "unknown"))
    assert vm_id("vm-pier") in disk_fact(both, fact_id="max_shares").why
    for shares in ({}, {"maxShares": 1}):
        with_record = [*both, azure.merge(disk(), {"properties": shares})]
        assert set(crash_and_application(with_record).values()) == {("unknown", "unknown")}
    shared = [*both, azure.merge(disk(), {"properties": {"maxShares": 2}})]
    assert set(crash_and_application(shared).values()) == {("exclude_disks", "exclude_disks")}


@pytest.mark.parametrize(
    "owners",
    [
        {"managedByExtended": [vm_id("vm-quay"), vm_id("vm-pier")]},
        {"properties": {"shareInfo": [{"vmUri": vm_id("vm-quay")}, {"vmUri": vm_id("vm-pier")}]}},
    ],
)
def test_a_disk_of_two_owners_is_shared(owners: Body, tmp_path: Path) -> None:
    records = [vm("vm-quay", data=[data_disk(0)]), azure.merge(disk(), owners)]
    right = ("exclude_disks", "exclude_disks")
    assert crash_and_application(records)["vm-quay"] == right
    path = tmp_path / "records.json"
    path.write_text(json.dumps(records))
    assert tuple(assess_files(path).verdicts()["verdict"]) == right
    once = [records[0], azure.merge(records[1], {"properties": {"maxShares": 1}})]
    assert set(crash_and_application(once)["vm-quay"]) == {"unknown"}


def test_a_disk_that_names_a_vm_which_does_not_list_it() -> None:
    other = {**disk("disk-lost"), "managedBy": vm_id("vm-quay").upper()}
    records = [vm("vm-quay", data=[data_disk(0)]), disk(), other]
    assert set(crash_and_application(records)["vm-quay"]) == {"unknown"}
    of_another = {**disk("disk-lost"), "managedBy": vm_id("vm-elsewhere")}
    assert crash_and_application([*records[:2], of_another])["vm-quay"] == (
        "supported",
        "supported",
    )


ESTATES = {
    "one disk of two VMs": [vm(name, data=[data_disk(0)]) for name in ("vm-quay", "vm-pier")],
    "one disk of two VMs, with its record": [
        *(vm(name, data=[data_disk(0)]) for name in ("vm-quay", "vm-pier")),
        disk(),
    ],
    "one disk of two VMs, one of them odd": [
        vm("vm-quay", data=[data_disk(0)]),
        respelled(vm("vm-pier", data=[data_disk(0)]), str.upper),
    ],
    "a disk that is not listed": [
        vm("vm-quay", data=[data_disk(0)]),
        {**disk(), "managedBy": vm_id("vm-quay")},
        {**disk("disk-lost"), "managedBy": vm_id("VM-QUAY")},
    ],
    "an odd disk that is not listed": [
        vm("vm-quay"),
        respelled({**disk("disk-lost"), "managedBy": vm_id("vm-quay")}, snake),
    ],
    "an odd VM with a disk that is not listed": [
        respelled(vm("vm-quay"), str.upper),
        {**disk("disk-lost"), "managedBy": vm_id("vm-quay")},
    ],
    "a disk of the VM that is listed by its name": [
        changed(
            vm("vm-quay"), "properties.storageProfile.dataDisks", [{"lun": 0, "name": "disk-a"}]
        ),
        {**disk("disk-a", sku="UltraSSD_LRS"), "managedBy": vm_id("vm-quay")},
    ],
    "ids with what is left around them": [
        {**vm("vm-quay", data=[data_disk(0)]), "id": f" {vm_id('vm-quay')}/\n"},
        {**azure.merge(disk(), {"properties": {"maxShares": 2}}), "id": f"{SHARED}/ "},
    ],
    "values that contradict each other in one record": [
        vm("vm-quay", data=[data_disk(0)]),
        {**azure.merge(disk(), {"properties": {"maxShares": 2}}), "maxShares": 1},
    ],
    "one name in two spellings": [
        vm("vm-quay", data=[data_disk(0)]),
        azure.merge(disk(), {"properties": {"maxShares": 1, "max_shares": 2}}),
    ],
}


@pytest.mark.parametrize("name", ESTATES)
def test_a_fleet_sees_the_same_contradictions(name: str, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps(ESTATES[name]))
    told = rp.assess(rp.read_inventory(path), MATRIX).verdicts
    assert any(verdict.verdict in ("unknown", "exclude_disks") for verdict in told)
    assert list(assess_files(path).verdicts()["verdict"]) == [one.verdict for one in told]


# --- the instance metadata service ---------------------------------------------------------------


def metadata(**changes: Any) -> Body:
    compute = {
        "azEnvironment": "AzurePublicCloud",
        "name": "vm-quay",
        "resourceId": vm_id("vm-quay"),
        "vmSize": "Standard_D2s_v5",
        "vmScaleSetName": "",
        "osType": "Linux",
        "securityProfile": {"securityType": "", "encryptionAtHost": "false"},
        "storageProfile": {
            "imageReference": {
                "publisher": "Canonical",
                "offer": "ubuntu-24_04-lts",
                "sku": "server",
            },
            "osDisk": {
                "osType": "Linux",
                "diffDiskSettings": {"option": ""},
                "managedDisk": {"id": disk_id("os"), "storageAccountType": "Premium_LRS"},
                "vhd": {"uri": ""},
            },
            "dataDisks": [
                {
                    "lun": "0",
                    "isSharedDisk": "false",
                    "managedDisk": {"id": SHARED, "storageAccountType": "Premium_LRS"},
                    "vhd": {"uri": ""},
                }
            ],
        },
    }
    return {"compute": azure.merge(compute, changes)}


def test_what_the_metadata_service_writes_empty_is_not_there() -> None:
    assert crash_and_application(metadata())["vm-quay"] == ("supported", "supported")
    old = metadata(securityProfile=None)
    assert fact(old, "security_type") is None
    assert fact(old, "scale_set_orchestration") == "none"
    (found,) = rp.read_inventory(old).vms
    assert READER.read(found).disks[0].readings["ephemeral"].value == "no"


def test_the_metadata_service_tells_shared_disks() -> None:
    record = metadata()
    record["compute"]["storageProfile"]["dataDisks"][0]["isSharedDisk"] = "true"
    assert crash_and_application(record)["vm-quay"] == ("exclude_disks", "exclude_disks")


def test_the_name_of_a_scale_set_does_not_tell_its_kind() -> None:
    named = metadata(vmScaleSetName="set-quay", resourceId=None)
    assert fact(named, "scale_set_orchestration") is None
    assert set(crash_and_application(named)["vm-quay"]) == {"unknown"}


# --- scale sets, partial records, pieces -----------------------------------------------------


def test_instances_inside_the_record_of_their_set_are_read() -> None:
    record = azure.scale_set("set-quay", "Uniform")
    record["resources"] = [azure.uniform_instance("set-quay", "3")]
    assert set(crash_and_application(record).values()) == {("not_supported", "not_supported")}


@pytest.mark.parametrize(
    ("orchestration", "verdict"),
    [("Uniform", "not_supported"), ("Flexible", "unknown"), ("Other", "unknown"), ("", "unknown")],
)
def test_a_scale_set_alone_is_answered_for(
    orchestration: str, verdict: str, tmp_path: Path
) -> None:
    record = azure.scale_set("set-quay", orchestration)
    assert crash_and_application(record) == {"set-quay": (verdict, verdict)}
    inventory = rp.read_inventory(record)
    asks_for_vms = any("az vm list --resource-group" in note for note in inventory.notes)
    assert asks_for_vms == (verdict == "unknown")
    path = tmp_path / "sets.json"
    path.write_text(json.dumps([record]))
    fleet = assess_files(path)
    assert list(fleet.verdicts()["verdict"]) == [verdict, verdict]
    assert [note.rpartition("sets.json: ")[2] for note in fleet.notes] == list(inventory.notes)


def test_the_questions_about_a_scale_set_are_about_its_vms() -> None:
    result = rp.assess(rp.read_inventory(azure.scale_set("set-quay", "Flexible")), MATRIX)
    commands = {question.command for one in result.verdicts for question in one.missing}
    assert any("--name VM_NAME" in command for command in commands)
    assert not [command for command in commands if "set-quay" in command]


@pytest.mark.parametrize("inside", [True, False])
def test_a_scale_set_with_its_vms_is_no_further_vm(inside: bool, tmp_path: Path) -> None:
    uniform = azure.scale_set("set-quay", "Uniform")
    instance = azure.uniform_instance("set-quay", "3")
    flexible = azure.scale_set("set-pier", "Flexible")
    member = changed(vm("vm-pier"), "properties.virtualMachineScaleSet", {"id": flexible["id"]})
    records = [uniform, flexible, member]
    if inside:
        uniform["resources"] = [instance]
    else:
        records.append(instance)
    assert len(rp.read_inventory(records).vms) == 2
    path = tmp_path / "records.json"
    path.write_text(json.dumps(records))
    assert len(assess_files(path).verdicts()) == 4


def test_a_plain_id_is_no_instance_of_a_uniform_set() -> None:
    partial = {"id": vm_id("vm-quay"), "properties": {"storageProfile": {"osDisk": {}}}}
    rows = {
        row
        for one in rp.assess(rp.read_inventory(partial), MATRIX).verdicts
        for question in one.missing
        for row in question.rows
    }
    assert "vmss-uniform" not in rows


def test_a_piece_of_a_vm_is_not_a_second_vm() -> None:
    piece = {"storageProfile": {"osDisk": {"osType": "Linux"}}}
    inventory = rp.read_inventory(
        f"{json.dumps(vm())}\n\nand this part matters:\n{json.dumps(piece)}"
    )
    assert len(inventory.vms) == len(inventory.problems) == 1
    assert "a piece of a VM" in inventory.problems[0].message
    assert len(rp.read_inventory(json.dumps(piece)).vms) == 1


def test_what_a_client_prints_before_the_json_is_passed_over() -> None:
    text = f"{{- Finished ..\n{json.dumps(vm(), indent=2)}"
    inventory = rp.read_inventory(text)
    assert (len(inventory.vms), inventory.problems) == (1, ())
