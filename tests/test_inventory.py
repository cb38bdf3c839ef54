"""Every shape in which Azure's clients write a record is read, and nothing is lost on the way."""

from __future__ import annotations

import copy
import io
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import (
    Body,
    collection,
    data_disk,
    disk,
    disk_id,
    encryption_set,
    extension,
    instance_view,
    network_interface,
    os_disk,
    resource_id,
    restore_point,
    scale_set,
    sku,
    template_vm,
    uniform_instance,
    vm,
    vm_id,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix.inventory import FactReader, Inventory, decode, id_parts, restore_points
from rpmatrix.matrix import MODES

MATRIX = rp.load_matrix()
READER = MATRIX.prepared("reader", FactReader)

ULTRA = data_disk(0, **sku("UltraSSD_LRS"))


def read(*sources: Any) -> Inventory:
    return rp.read_inventory(*sources)


def fact(source: Any, fact_id: str) -> str | int | None:
    """Give what is read of one fact of the only VM."""
    inventory = source if isinstance(source, Inventory) else read(source)
    (found,) = inventory.vms
    return READER.read(found).readings[fact_id].value


def disk_fact(source: Any, fact_id: str, at: int = 0) -> str | int | None:
    """Give what is read of one fact of a disk of the only VM: 0 is its OS disk."""
    inventory = source if isinstance(source, Inventory) else read(source)
    (found,) = inventory.vms
    return READER.read(found).disks[at].readings[fact_id].value


def verdicts(*sources: Any) -> dict[str, tuple[str, list[int | None]]]:
    """Give verdict and luns to exclude (None is the OS disk) of the only VM in each mode."""
    found = rp.assess(read(*sources), MATRIX).verdicts
    assert len(found) == len(MODES)
    return {one.mode: (one.verdict, [gone.lun for gone in one.exclude_disks]) for one in found}


def crash(*sources: Any) -> tuple[str, list[int | None]]:
    return verdicts(*sources)["crash"]


def kinds(inventory: Inventory) -> list[str]:
    return [record.kind for record in inventory.records]


def only_problem(inventory: Inventory) -> str:
    (problem,) = inventory.problems
    return str(problem)


# --------------------------------------------------------------------------- what a record is

KINDS: dict[str, list[Body]] = {
    "vm": [vm(), uniform_instance(), template_vm()],
    "disk": [disk()],
    "scale_set": [scale_set(), scale_set(orchestration="Uniform"), scale_set(orchestration=None)],
    "network_interface": [network_interface()],
    "disk_encryption_set": [encryption_set()],
    "extension": [extension()],
    "restore_point_collection": [collection(), collection(points=None)],
    "restore_point": [restore_point()],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "shape",
    [
        lambda record: record,
        azure.to_cli,
        azure.to_old_cli,
        azure.to_resource_graph,
        azure.to_powershell,
        lambda record: {key: one for key, one in record.items() if key != "type"},
        lambda record: {key: one for key, one in record.items() if key != "id"},
    ],
    ids=["rest", "cli", "old cli", "resource graph", "powershell", "no type", "no id"],
)
def test_a_record_is_recognised_by_what_it_is(kind: str, shape: Callable[[Body], Body]) -> None:
    for record in KINDS[kind]:
        if "id" not in record and "id" not in shape({"id": "", **record}):
            continue
        assert kinds(read(shape(record))) == [kind]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("Microsoft.Compute/images", {"storageProfile": {"osDisk": {"osType": "Linux"}}}),
        ("Microsoft.Compute/snapshots", {"creationData": {}, "diskSizeGB": 4, "osType": "Linux"}),
        ("Microsoft.Network/bastionHosts", {"ipConfigurations": []}),
        ("Microsoft.ClassicCompute/virtualMachines", {"hardwareProfile": {"size": "A1"}}),
        ("Microsoft.AzureStackHCI/virtualMachineInstances", {"storageProfile": {}}),
        ("Microsoft.HybridCompute/machines", {"osName": "linux", "osProfile": {}}),
        ("Microsoft.Compute/availabilitySets", {"virtualMachines": [{"id": vm_id()}]}),
    ],
)
def test_what_looks_like_a_vm_or_disk_and_is_none_is_other(kind: str, properties: Body) -> None:
    record = {"id": resource_id(kind, "one"), "name": "one", "type": kind, "properties": properties}
    assert kinds(read(record)) == ["other"]
    assert kinds(read(azure.to_cli(record))) == ["other"]


def test_an_id_is_a_better_witness_than_a_type() -> None:
    record = {**uniform_instance(), "type": "Microsoft.Compute/virtualMachines"}
    assert fact(record, "scale_set_orchestration") == "uniform"


def test_the_parent_of_a_nested_resource_joins_it() -> None:
    parent = id_parts(extension()["id"])["parent"]
    assert parent == vm_id().lower()
    inventory = read([vm(), extension(kind="AzureDiskEncryption")])
    assert fact(inventory, "extensions") == "yes"
    assert fact(inventory, "azure_disk_encryption") == "yes"


def test_two_records_of_one_vm_are_one_vm() -> None:
    upper = {**vm(), "id": vm_id().upper()}
    inventory = read([vm(), upper, azure.to_cli(vm())])
    assert len(inventory.vms) == 1
    assert len(inventory.vms[0].disks) == 1
    assert inventory.counts == {"records": 3, "vms": 3, "disks": 0, "other": 0, "problems": 0}


def test_vms_of_one_name_in_two_groups_are_two_vms() -> None:
    other = {**vm(), "id": vm_id(group="rg-other")}
    inventory = read([vm(), other])
    assert len(inventory.vms) == 2
    with pytest.raises(LookupError, match="2 VMs are named"):
        inventory.vm("vm-harbour")
    assert inventory.vm(other["id"].upper()).id == other["id"]
    with pytest.raises(LookupError, match="no VM 'nobody'; there are vm-harbour, vm-harbour"):
        inventory.vm("nobody")


# --------------------------------------------------------------------------- containers

SAMPLE = vm(data=[ULTRA, data_disk(1)])
CONTAINERS: dict[str, Callable[[Body], Any]] = {
    "one object": lambda one: one,
    "list": lambda one: [one],
    "list in a list": lambda one: [[one]],
    "page": lambda one: {"value": [one], "nextLink": None},
    "old page": lambda one: {"odata.nextLink": None, "value": [one]},
    "PowerShell page": lambda one: {"value": [one], "Count": 1},
    "graph": lambda one: {
        "count": 1,
        "data": [azure.to_resource_graph(one)],
        "skip_token": None,
        "total_records": 1,
    },
    "graph table": lambda one: azure.to_resource_graph_table([azure.to_resource_graph(one)]),
    "bundle": lambda one: {"vms": [one], "disks": [disk("disk-data-1")]},
    "bundle with remarks": lambda one: {"taken": "2026-03-01", "vms": [one], "disks": []},
    "HAR": lambda one: {
        "log": {
            "version": "1.2",
            "entries": [
                {
                    "request": {"method": "GET", "url": "https://management.azure.com/"},
                    "response": {"status": 200, "content": {"text": json.dumps(one)}},
                }
            ],
        }
    },
    "cassette": lambda one: {
        "version": 1,
        "interactions": [{"request": {}, "response": {"body": {"string": json.dumps(one)}}}],
    },
    "cassette of Ruby": lambda one: {
        "http_interactions": [{"request": {}, "response": {"body": {"string": json.dumps(one)}}}]
    },
    "session record": lambda one: {
        "Entries": [{"RequestBody": None, "ResponseBody": json.dumps(one), "StatusCode": 200}],
        "Variables": {},
    },
    "test proxy": lambda one: {"Entries": [{"RequestBody": None, "ResponseBody": one}]},
    "exchange": lambda one: {"request_body": None, "response_body": one, "status": 200},
    "request without an answer": lambda one: {"request": {"body": one}, "response": {"body": ""}},
    "web request of PowerShell": lambda one: {"StatusCode": 200, "Content": json.dumps(one)},
    "example of a specification": lambda one: {
        "parameters": {"vmName": "x", "parameters": {}},
        "responses": {"200": {"body": one}, "201": {"body": one}},
    },
    "template": lambda one: azure.to_template([one]),
    "template by names": lambda one: {
        **azure.to_template([one]),
        "languageVersion": "2.0",
        "resources": {"first": azure.to_template([one])["resources"][0]},
    },
    "request of a deployment": lambda one: {
        "properties": {"mode": "Incremental", "template": azure.to_template([one])}
    },
    "export of a group": lambda one: {"template": azure.to_template([one])},
    "nested deployment": lambda one: {
        **azure.to_template([]),
        "resources": [
            {
                "type": "Microsoft.Resources/deployments",
                "name": "inner",
                "properties": {"template": azure.to_template([one])},
            }
        ],
    },
    "JSON in a text": lambda one: json.dumps(one),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_verdict(container: str, tmp_path: Path) -> None:
    wrapped = CONTAINERS[container](SAMPLE)
    path = tmp_path / "input.json"
    path.write_text(json.dumps(wrapped))
    for source in (path, wrapped):
        inventory = read(source)
        assert inventory.problems == ()
        assert len(inventory.vms) == 1
        assert verdicts(source) == {
            "application": ("supported", []),
            "crash": ("exclude_disks", [0]),
        }


def test_an_empty_list_is_an_empty_inventory() -> None:
    for empty in ([], {"value": []}, {"data": [], "count": 0}):
        inventory = read(empty)
        assert inventory.vms == inventory.problems == ()
        assert inventory.counts["records"] == 0


@pytest.mark.parametrize("more", ["nextLink", "@odata.nextLink", "$skipToken", "skip_token"])
def test_further_pages_are_noted(more: str) -> None:
    if more == "@odata.nextLink":
        more = "odata.nextLink"
    (note,) = read({"value": [vm()], more: "https://management.azure.com/next"}).notes
    assert "further pages" in note


def test_a_query_that_found_more_than_it_gave_is_noted() -> None:
    (note,) = read({"data": [azure.to_resource_graph(vm())], "total_records": 7}).notes
    assert "7 records" in note


def test_an_error_answer_is_a_problem_that_names_the_code() -> None:
    answer = {"error": {"code": "ResourceNotFound", "message": "The Resource was not found."}}
    assert "ResourceNotFound" in only_problem(read(answer))


def test_one_file_holds_resources_of_many_types() -> None:
    records = [one for found in KINDS.values() for one in found if "id" in one]
    inventory = read(records)
    assert inventory.problems == ()
    assert inventory.counts["records"] == len(records)
    assert set(kinds(inventory)) == set(KINDS)


def test_an_exchange_without_a_resource_is_one_problem() -> None:
    inventory = read([{"request": {"body": None}, "response": {"body": "gone"}}, vm()])
    assert "carries no resource" in only_problem(inventory)
    assert len(inventory.vms) == 1


# --------------------------------------------------------------------------- texts and encodings

TEXTS: dict[str, Callable[[list[Body]], str]] = {
    "indented": lambda records: json.dumps(records, indent=2),
    "one line": json.dumps,
    "one record a line": azure.to_ndjson,
    "records one after the other": lambda records: "\n".join(
        json.dumps(one, indent=2) for one in records
    ),
    "warning first": lambda records: "WARNING: preview\n" + json.dumps(records, indent=2),
    "prompt around it": lambda records: f"PS C:\\> az vm list\n{json.dumps(records)}\nPS C:\\> ",
    "web page": lambda records: (
        "<html><pre>" + json.dumps(records).replace('"', "&quot;") + "</pre></html>"
    ),
    "comments": lambda records: (
        "// of March\n" + json.dumps(records, indent=1).replace("\n", " /* a [b] */\n", 3)
    ),
    "comma too many": lambda records: re.sub(
        r"(?<=[\"\d])\n(\s*})", r",\n\1", json.dumps(records, indent=1)
    ),
    "table": lambda records: azure.to_csv([azure.to_resource_graph(one) for one in records]),
    "table with semicolons": lambda records: azure.to_csv(
        [azure.to_resource_graph(one) for one in records], ";"
    ),
    "table of Excel": lambda records: (
        "sep=;\r\n" + azure.to_csv([azure.to_resource_graph(one) for one in records], ";")
    ),
    "table of PowerShell": lambda records: (
        "#TYPE System.Management.Automation.PSCustomObject\r\n"
        + azure.to_csv([azure.to_resource_graph(one) for one in records])
    ),
}


@pytest.mark.parametrize("encoding", azure.ENCODINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_and_encoding_gives_the_same_verdict(text: str, encoding: str) -> None:
    data = azure.ENCODINGS[encoding](TEXTS[text]([SAMPLE, disk("disk-data-1")]))
    inventory = read(data)
    assert [str(problem) for problem in inventory.problems] == []
    assert kinds(inventory) == ["vm", "disk"]
    assert crash(data) == ("exclude_disks", [0])


def test_a_legacy_code_page_is_read_too() -> None:
    data = json.dumps(vm(top={"tags": {"note": "M\u00fchle"}}), ensure_ascii=False).encode("cp1252")
    (record,) = read(data).records
    assert record.raw["tags"]["note"] == "M\u00fchle"


def test_bytes_that_are_no_text_are_a_problem() -> None:
    assert "neither UTF-8 nor UTF-16" in only_problem(read(b"\x89PNG\x81\x8d\x8f\x90\x9d" * 9))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-8-sig"])
def test_a_character_cut_in_two_costs_itself_only(encoding: str) -> None:
    data = ('"M' + "\u00fc\u20ac").encode(encoding)
    assert decode(data[:-1]).startswith('"M\u00fc')


def test_an_empty_input_is_a_problem_that_says_what_to_do() -> None:
    for empty in (b"", b"  \n", "\ufeff".encode(), b"\xff\xfe"):
        assert "is empty; save the command's output again" in only_problem(read(empty))


def test_a_text_without_json_is_a_problem_that_says_what_to_do() -> None:
    assert "--output json" in only_problem(read("Name    Location\nvm-one  westeurope\n"))


def test_a_list_that_breaks_off_keeps_its_whole_records() -> None:
    text = json.dumps([vm("vm-one"), vm("vm-two"), vm("vm-three")], indent=2)
    cut = text[: text.rindex("computerName")]
    inventory = read(cut)
    assert [one.name for one in inventory.vms] == ["vm-one", "vm-two"]
    line = cut.count("\n") + 1
    assert re.search(rf"line {line}: the JSON breaks off", only_problem(inventory))
    page = json.dumps({"value": [vm("vm-one"), vm("vm-two")]})
    assert [one.name for one in read(page[: page.rindex("osProfile")]).vms] == ["vm-one"]


def test_a_broken_line_costs_itself_only() -> None:
    lines = [json.dumps(vm(f"vm-{number}")) for number in range(3)]
    lines[1] = lines[1][:200]
    inventory = read("\n".join(lines))
    assert [one.name for one in inventory.vms] == ["vm-0", "vm-2"]
    assert len(inventory.problems) == 1


def test_lines_are_counted_once_however_many_there_are() -> None:
    text = "warning\n" + azure.to_ndjson([vm()] * 300) + '{"broken'
    assert "line 302" in only_problem(read(text))
    assert "line 302" in only_problem(read(text.removesuffix('"broken')))
    assert len(read(text).records) == 300


def test_a_placeholder_leaves_the_rest_of_the_record_unknown() -> None:
    text = json.dumps(vm(), indent=2).replace(
        '"name": "vm-harbour",', '"name": "vm-harbour",\n  ...'
    )
    assert text.count("...") == 1
    inventory = read(text)
    assert kinds(inventory) == ["vm"]
    assert not inventory.records[0].full
    assert disk_fact(inventory, "storage") == "managed"
    assert fact(inventory, "security_type") is None


def test_rows_of_a_table_that_do_not_fit_are_problems() -> None:
    table = azure.to_csv([azure.to_resource_graph(vm())])
    inventory = read(table + "only,three,cells\r\n")
    assert len(inventory.vms) == 1
    assert "row 3: 3 cells where the header names" in only_problem(inventory)
    broken = table.replace('{""', "{")
    assert "not whole JSON" in only_problem(read(broken))


def test_a_table_of_paths_is_read_as_a_projection() -> None:
    header = "id,name,properties_storageProfile_osDisk,properties.hardwareProfile.vmSize"
    cell = json.dumps(os_disk()).replace('"', '""')
    inventory = read(f'{header}\n{vm_id()},vm-harbour,"{cell}",Standard_D2s_v5\n')
    (record,) = inventory.records
    assert record.body["hardwareprofile"] == {"vmsize": "Standard_D2s_v5"}
    assert not record.full


def test_a_key_of_odata_does_not_make_a_record_a_projection() -> None:
    record = {"@odata.type": "#vm", "odata.etag": "1", **vm()}
    assert read(record).records[0].full


def test_rows_of_resource_graph_without_properties_are_projections() -> None:
    row = {"id": vm_id(), "name": "vm-harbour", "vmSize": "x"}
    assert not read(azure.to_resource_graph_table([row])).records[0].full


# --------------------------------------------------------------------------- sources


def test_files_folders_texts_values_and_standard_input_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vms").mkdir()
    (tmp_path / "vms" / "one.json").write_text(json.dumps(vm("vm-one")))
    (tmp_path / "vms" / "two.ndjson").write_text(json.dumps(vm("vm-two")))
    (tmp_path / "vms" / "picture.png").write_bytes(b"\x89PNG")
    standard_input = io.TextIOWrapper(io.BytesIO(json.dumps(vm("vm-three")).encode()))
    monkeypatch.setattr(sys, "stdin", standard_input)
    inventory = read(tmp_path / "vms", "-", json.dumps(vm("vm-four")), [vm("vm-five")], b"{}")
    assert [one.name for one in inventory.vms] == [
        f"vm-{number}" for number in ("one", "two", "three", "four", "five")
    ]
    assert list(inventory.digests) == [
        str(tmp_path / "vms" / "one.json"),
        str(tmp_path / "vms" / "two.ndjson"),
        "standard input",
        "pasted text 1",
        "value 2",
        "pasted text 3",
    ]


@pytest.mark.parametrize("path", ["no-such-file.json", "zero\x00byte", "x" * 5000])
def test_a_path_that_cannot_be_read_is_a_problem(path: str) -> None:
    assert "cannot be read" in only_problem(read(path))


def test_a_problem_says_file_record_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps([vm(), {"colour": "blue"}, 7]))
    first, second = read(path).problems
    assert (first.file, first.record) == (str(path), "/1")
    assert str(first) == f"{path} /1: not a resource that is known here; it holds colour"
    assert str(second) == f"{path} /2: not a record but 7; leave it out"


def test_values_that_no_file_could_hold_are_read() -> None:
    cyclic: Body = {**vm(), "tags": {}}
    cyclic["tags"]["again"] = cyclic
    record = {**vm(), "tags": {1: "one", "two": {3}}, "timeCreated": datetime.now(UTC)}
    assert kinds(read(record)) == ["vm"]
    assert "nested too deeply" in only_problem(read(cyclic))


@pytest.mark.parametrize("depth", [300, 900, 30_000])
@pytest.mark.parametrize(("open_with", "close_with"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_a_problem_and_no_traceback(depth: int, open_with: str, close_with: str) -> None:
    deep = open_with * depth + "1" + close_with * depth
    assert read(deep).counts["records"] == 1
    beside = read(f"[{deep},{json.dumps(vm())}]")
    assert len(beside.problems) == 1
    if depth < 500:
        assert len(beside.vms) == 1


# --------------------------------------------------------------------------- counting


@pytest.mark.parametrize("sample", [*CONTAINERS])
def test_records_in_are_records_out_and_problems(sample: str) -> None:
    counts = read(CONTAINERS[sample](SAMPLE)).counts
    assert counts["records"] == sum(counts[name] for name in ("vms", "disks", "other", "problems"))


def test_every_element_of_a_list_is_counted() -> None:
    elements = [vm("vm-one"), disk(), network_interface(), 5, None, "text", {}, {"a": 1}, [vm()]]
    counts = read(elements).counts
    assert counts == {"records": 9, "vms": 2, "disks": 1, "other": 1, "problems": 5}


# --------------------------------------------------------------------------- garbage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=20,
)
WORDS = st.sampled_from(
    sorted(
        {
            "value", "data", "id", "type", "name", "properties", "storageProfile", "osDisk",
            "dataDisks", "managedDisk", "sku", "resources", "instanceView", "securityProfile",
            "columns", "rows", "response", "request", "log", "entries", "template", "compute",
            "hardwareProfile", "vmSize", "vhd", "uri", "lun", "imageReference", "encryption",
            "networkProfile", "networkInterfaces", "extended", "osName", "copy", "source",
            "restorePoints", "timeCreated", "creationData", "maxShares", "azEnvironment",
            "properties.storageProfile.osDisk", "contentVersion", "$schema", "content", "body",
        }
    )
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "[parameters('x')]", vm_id(), disk_id("d"), "Local", "UltraSSD_LRS"])
    | st.sampled_from(["Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks", "{", "[1"])
)
LIKELY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


def survive(source: Any) -> None:
    """Read and judge anything: no exception, and the counts add up."""
    inventory = read(source)
    counts = inventory.counts
    assert counts["records"] == sum(counts[name] for name in ("vms", "disks", "other", "problems"))
    assessment = rp.assess(inventory, MATRIX)
    json.dumps(assessment.to_dict())
    for finding in assessment.findings:
        assert all(str(one) for one in finding.evidence)
    for one in inventory.vms:
        restore_points(one)
        list(assessment.limits_of(one))


GARBAGE = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@GARBAGE
@given(JSON)
def test_any_json_is_survived(value: Any) -> None:
    survive(json.dumps(value).encode())


@GARBAGE
@given(LIKELY)
def test_any_json_of_azure_words_is_survived(value: Any) -> None:
    survive(value if isinstance(value, (list, dict)) else [value])


@st.composite
def mutilated(draw: Callable[[Any], Any]) -> Body:
    """Draw a VM in which something that no client writes stands somewhere."""
    record = copy.deepcopy(
        vm(data=[ULTRA], instanceView=instance_view(), top={"resources": [extension()]})
    )
    for _ in range(draw(st.integers(1, 3))):
        at: Any = record
        while isinstance(at, (dict, list)) and at:
            key = draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.just(0))
            if draw(st.integers(0, 2)) == 0 or not isinstance(at[key], (dict, list)):
                at[key] = draw(LIKELY)
                break
            at = at[key]
    return record


@GARBAGE
@given(mutilated())
def test_a_mutilated_vm_is_survived(record: Body) -> None:
    survive([record, disk("disk-data-0"), collection(points=[restore_point()])])


@GARBAGE
@given(st.text() | st.text('{}[]",:.\n/*id \ufeff\ud800', max_size=60))
def test_any_text_is_survived(text: str) -> None:
    survive(text + "\n")


@GARBAGE
@given(st.binary(max_size=80))
@example(b"\xff\xfe[")
@example(b"\xff\xfe\x00\x00[")
@example(b"\x00[")
def test_any_bytes_are_survived(data: bytes) -> None:
    survive(data)


@GARBAGE
@given(st.sampled_from(sorted(TEXTS)), st.sampled_from(sorted(azure.ENCODINGS)), st.data())
def test_a_file_cut_anywhere_is_survived(text: str, encoding: str, data: st.DataObject) -> None:
    whole = azure.ENCODINGS[encoding](TEXTS[text]([vm("vm-one"), vm("vm-two")]))
    survive(whole[: data.draw(st.integers(0, len(whole)))])


@GARBAGE
@given(st.data())
def test_a_cut_file_never_gives_a_better_verdict(data: st.DataObject) -> None:
    """What is cut away must not be taken for absent."""
    whole = json.dumps(vm(data=[ULTRA], securityProfile={"securityType": "ConfidentialVM"}))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for verdict in rp.assess(read(cut + "\n"), MATRIX).verdicts:
        assert verdict.verdict in ("unknown", "not_supported")
