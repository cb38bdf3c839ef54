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
    UBUNTU,
    Body,
    collection,
    data_disk,
    disk,
    disk_id,
    encryption_set,
    extension,
    instance_view,
    merge,
    metadata,
    network_interface,
    os_disk,
    resource_id,
    restore_point,
    scale_set,
    scale_set_id,
    sku,
    template_vm,
    uniform_instance,
    vm,
    vm_id,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix.inventory.facts import FactReader
from rpmatrix.inventory.inventory import Inventory, restore_points
from rpmatrix.inventory.names import plain_name
from rpmatrix.inventory.records import id_parts
from rpmatrix.inventory.texts import decode
from rpmatrix.matrix.matrix import MODES

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
        azure.to_python,
        lambda record: {key: one for key, one in record.items() if key != "type"},
        lambda record: {key: one for key, one in record.items() if key != "id"},
    ],
    ids=["rest", "cli", "old cli", "resource graph", "powershell", "python", "no type", "no id"],
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
        ("Microsoft.HybridCompute/licenses", {"osProfile": {}}),
        ("Microsoft.Compute/availabilitySets", {"virtualMachines": [{"id": vm_id()}]}),
    ],
)
def test_what_looks_like_a_vm_or_disk_and_is_none_is_other(kind: str, properties: Body) -> None:
    record = {"id": resource_id(kind, "one"), "name": "one", "type": kind, "properties": properties}
    assert kinds(read(record)) == ["other"]
    assert kinds(read(azure.to_cli(record))) == ["other"]


UNCOVERED = [
    (row["title"], kind, row["remedy"])
    for row in MATRIX.table("uncovered_vms")
    for kind in row.members("resource_types")
    if "/" in kind
]


@pytest.mark.parametrize(("title", "kind", "remedy"), UNCOVERED)
def test_a_vm_of_a_kind_that_is_not_covered_is_a_problem(
    title: str, kind: str, remedy: str
) -> None:
    names = [f"name{number}" for number in range(kind.count("/"))]
    properties = {"storageProfile": {"osDisk": {}}, "hardwareProfile": {"vmSize": "Custom"}}
    record = {"id": resource_id(kind, *names), "name": names[-1], "type": kind.lower()}
    for shape in (
        {**record, "properties": properties},
        {**record, **properties},
        {"id": record["id"], **properties},
        {"type": kind, "properties": properties},
    ):
        inventory = read([shape])
        assert not inventory.records
        message = only_problem(inventory)
        assert f"this kind of VM is not covered: {title}" in message
        assert remedy in message


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
    "end of an operation": lambda one: {
        "status": "Succeeded",
        "name": "5b1c2f00",
        "startTime": "2026-03-01T04:00:00Z",
        "properties": {"output": one},
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
    "colours": lambda records: re.sub(
        r'("[^"]*")', "\x1b[94m\\1\x1b[39;49;00m", json.dumps(records, indent=2)
    ),
    "pasted from a web page": lambda records: json.dumps(records, indent=2).replace(
        "  ", "\u00a0 "
    ),
    "pasted from a letter": lambda records: re.sub(
        '"([^"]*)"', "\u201c\\1\u201d", json.dumps(records, indent=2)
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
    assert "neither UTF-8 nor UTF-16" in only_problem(read(b"\x81\x8d\x8f\x90\x9d" * 9))


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


@pytest.mark.parametrize("gap", ["{...}", "[...]", "...", "{ … }"])
def test_an_object_that_is_left_out_is_unknown(gap: str) -> None:
    record = vm(securityProfile={"securityType": "gap"}, imageReference="x")
    record["properties"]["storageProfile"]["imageReference"] = "gap"
    record["properties"]["securityProfile"] = "gap"
    text = json.dumps(record).replace('"gap"', gap)
    assert text.count(gap) >= 2
    assert fact(text, "security_type") is None
    assert fact(text, "operating_system") is None
    assert verdicts(text) == {mode: ("unknown", []) for mode in MODES}


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


def test_a_standard_input_of_texts_or_none_at_all_is_survived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(vm())))
    assert len(read("-").vms) == 1
    monkeypatch.setattr(sys, "stdin", None)
    assert "no standard input" in only_problem(read("-"))


@pytest.mark.parametrize("path", ["no-such-file.json", "zero\x00byte", "x" * 5000])
def test_a_path_that_cannot_be_read_is_a_problem(path: str) -> None:
    assert "cannot be read" in only_problem(read(path))


def test_a_pattern_or_a_home_is_a_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("vm-b", "vm-a"):
        (tmp_path / f"{name}.json").write_text(json.dumps(vm(name)))
    assert [one.name for one in read("~/vm-a.json").vms] == ["vm-a"]
    assert [one.name for one in read(str(tmp_path / "vm-*.json")).vms] == ["vm-a", "vm-b"]
    for nothing in (tmp_path / "no-*.json", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert "no file there that ends in .json, .ndjson" in only_problem(read(nothing))


def test_files_that_were_joined_keep_their_marks() -> None:
    joined = b"".join(json.dumps(vm(name)).encode("utf-8-sig") for name in ("vm-a", "vm-b"))
    inventory = read(joined)
    assert [one.name for one in inventory.vms] == ["vm-a", "vm-b"]
    assert inventory.problems == inventory.notes == ()


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


# --------------------------------------------------------------------------- shapes met in reality


def without_sku(body: Body) -> Body:
    return merge(body, {"managedDisk": {"storageAccountType": None}, "diskSizeGB": None})


def test_a_deallocated_vm_does_not_show_the_sku_of_its_disks() -> None:
    record = vm(system=without_sku(os_disk()), data=[without_sku(data_disk(0))])
    assert crash(record) == ("unknown", [])
    assert crash(record, disk("disk-data-0")) == ("supported", [])
    assert crash(record, disk("disk-data-0", sku="UltraSSD_LRS")) == ("exclude_disks", [0])
    # An OS disk is never an Ultra or Premium SSD v2 disk, so without data disks all is said.
    assert crash(vm(system=without_sku(os_disk()))) == ("supported", [])


def test_a_null_stands_for_an_absent_key() -> None:
    old = azure.to_old_cli(vm(system=without_sku(os_disk()), data=[data_disk(0)]))
    shown = old["storageProfile"]["osDisk"]
    assert shown["vhd"] is shown["diffDiskSettings"] is shown["managedDisk"]["diskEncryptionSet"]
    assert verdicts(old) == {"application": ("supported", []), "crash": ("supported", [])}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [(3, "exclude_disks"), ("2", "exclude_disks"), (1, "supported"), (None, "supported")],
)
def test_only_the_disk_tells_that_it_is_shared(shares: Any, expected: str) -> None:
    record = vm(data=[data_disk(0)])
    assert crash(record)[0] == "supported"
    assert crash(record, disk("disk-data-0", maxShares=shares))[0] == expected


def test_permission_for_ultra_disks_is_not_an_ultra_disk() -> None:
    record = vm(data=[data_disk(0)], additionalCapabilities={"ultraSSDEnabled": True})
    assert crash(record) == ("supported", [])


@pytest.mark.parametrize("settings_of", [None, {"option": ""}, {}])
def test_settings_without_an_option_are_no_ephemeral_disk(settings_of: Any) -> None:
    record = vm()
    record["properties"]["storageProfile"]["osDisk"]["diffDiskSettings"] = settings_of
    assert crash(record) == ("supported", [])


def test_an_ephemeral_os_disk_shows_a_managed_disk_all_the_same() -> None:
    system = os_disk(diffDiskSettings={"option": "local", "placement": "CacheDisk"})
    assert crash(vm(system=system, data=[data_disk(0)])) == ("exclude_disks", [None])
    assert crash(vm(system=system)) == ("not_supported", [None])


@pytest.mark.parametrize("blob", [None, {}, {"uri": ""}, {"uri": None}])
def test_an_empty_blob_is_no_unmanaged_disk(blob: Any) -> None:
    record = vm()
    record["properties"]["storageProfile"]["osDisk"]["vhd"] = blob
    assert crash(record) == ("supported", [])


BLOB = {"vhd": {"uri": "https://harbour.blob.core.windows.net/vhds/one.vhd"}, "managedDisk": None}


def test_one_unmanaged_disk_among_managed_ones_is_enough() -> None:
    assert crash(vm(data=[data_disk(0), data_disk(1, **BLOB)])) == ("not_supported", [])
    assert crash(vm(system=os_disk(**BLOB))) == ("not_supported", [])


def test_a_disk_that_shows_both_kinds_or_neither_is_open() -> None:
    both = os_disk(vhd=BLOB["vhd"])
    neither = os_disk(managedDisk=None)
    for system in (both, neither):
        assert crash(vm(system=system)) == ("unknown", [])


def test_an_instance_of_a_uniform_set_may_be_told_by_its_id_alone() -> None:
    record = uniform_instance()
    assert verdicts({"id": record["id"], "properties": {"provisioningState": "Updating"}}) == {
        mode: ("not_supported", []) for mode in MODES
    }
    assert crash(merge(record, {"properties": {"hardwareProfile": None}}))[0] == "not_supported"
    assert crash(azure.to_resource_graph(record))[0] == "not_supported"


@pytest.mark.parametrize("orchestration", ["Flexible", None, "VirtualMachines"])
def test_a_plain_vm_in_a_scale_set_is_in_a_flexible_one(orchestration: str | None) -> None:
    member = vm(virtualMachineScaleSet={"id": scale_set_id().upper()})
    inventory = read([member, scale_set(orchestration=orchestration)])
    assert fact(inventory, "scale_set_orchestration") == "flexible"
    assert kinds(inventory) == ["vm", "scale_set"]
    assert inventory.vms[0].related["scale_set"][0].key == scale_set_id().lower()


def test_a_flexible_scale_set_has_no_profile_of_its_vms() -> None:
    bare = scale_set()
    assert "virtualMachineProfile" not in bare["properties"]
    del bare["id"], bare["type"]
    assert kinds(read(bare)) == ["scale_set"]


def test_the_key_of_a_confidential_disk_sits_elsewhere() -> None:
    named = {
        "securityEncryptionType": "DiskWithVMGuestState",
        "diskEncryptionSet": {"id": "/x/des"},
    }
    record = vm(system=os_disk(managedDisk={"securityProfile": named}))
    assert fact(record, "security_type") == "ConfidentialVM"
    assert disk_fact(record, "customer_key") == "yes"
    assert crash(record) == ("not_supported", [])


def test_the_os_disk_tells_of_a_confidential_vm_too() -> None:
    shown = {"securityType": "ConfidentialVM_DiskEncryptedWithCustomerKey"}
    assert crash(vm(), disk("vm-harbour-os", securityProfile=shown)) == ("not_supported", [])


ADE = "AzureDiskEncryptionForLinux"
ADE_VIEW = [{"name": "disk-os", "encryptionSettings": [{"enabled": True}]}]


@pytest.mark.parametrize(
    "records",
    [
        [vm(system=os_disk(encryptionSettings={"enabled": True}))],
        [vm(instanceView=instance_view(disks=ADE_VIEW))],
        [vm(top={"resources": [extension(kind=ADE)]})],
        [azure.to_cli(vm(top={"resources": [extension(kind=ADE)]}))],
        [azure.to_powershell(vm(top={"resources": [extension(kind=ADE)]}))],
        [vm(), extension(kind="AzureDiskEncryption", publisher="Microsoft.Azure.Security")],
        [vm(), disk("vm-harbour-os", encryptionSettingsCollection={"enabled": True})],
    ],
)
def test_disk_encryption_shows_in_four_places(records: list[Body]) -> None:
    assert fact(read(records), "azure_disk_encryption") == "yes"


def test_disk_encryption_that_cannot_be_told_stays_open() -> None:
    off = vm(
        system=os_disk(encryptionSettings={"enabled": False}),
        top={"resources": [extension(kind=ADE)]},
    )
    assert fact(off, "azure_disk_encryption") is None
    bare = {"id": extension(kind=ADE)["id"]}
    assert fact(vm(top={"resources": [bare]}), "azure_disk_encryption") is None
    # Resource Graph keeps extensions apart, so their absence from its row says nothing.
    assert fact(azure.to_resource_graph(vm()), "azure_disk_encryption") is None
    assert fact(vm(), "azure_disk_encryption") == "no"


def test_low_priority_is_the_old_name_of_spot() -> None:
    verdict = rp.assess(read(vm(priority="Low")), MATRIX).verdicts[0]
    assert "spot-vm" in verdict.reasons


def test_secure_boot_alone_is_not_trusted_launch() -> None:
    record = vm(securityProfile={"uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True}})
    assert fact(record, "security_type") == "Standard"


def test_a_licence_none_is_no_licence() -> None:
    for licence in ("None", "", None):
        verdict = rp.assess(read(vm(licenseType=licence)), MATRIX).verdicts[0]
        assert "hub-license" not in verdict.reasons


def test_a_disk_that_is_being_made_is_known_by_its_lun_alone() -> None:
    coming = {"lun": 3, "createOption": "Empty", "diskSizeGB": 8}
    inventory = read(vm(data=[coming], provisioningState="Creating"))
    made = inventory.vms[0].disks[1]
    assert (made.id, made.name, made.lun, made.label) == (None, None, 3, "data disk at lun 3")
    sure = {**coming, **sku("UltraSSD_LRS")}
    (gone,) = rp.assess(read(vm(data=[sure])), MATRIX, modes=["crash"]).verdicts[0].exclude_disks
    assert (gone.id, gone.lun, gone.label) == (None, 3, "data disk at lun 3")


def test_a_disk_is_excluded_by_its_id_whatever_it_is_called() -> None:
    renamed = merge(ULTRA, {"name": "another-name"})
    (gone,) = rp.assess(read(vm(data=[renamed])), MATRIX, modes=["crash"]).verdicts[0].exclude_disks
    assert (gone.id, gone.name) == (disk_id("disk-data-0"), "another-name")


@pytest.mark.parametrize(
    "record",
    [
        disk("disk-data-0", encryption={"type": "EncryptionAtRestWithPlatformAndCustomerKeys"}),
        encryption_set("one", "EncryptionAtRestWithPlatformAndCustomerKeys"),
    ],
)
def test_double_encryption_is_told_by_the_disk_or_by_its_encryption_set(record: Body) -> None:
    named = {"id": encryption_set("one")["id"].replace("resourceGroups", "RESOURCEGROUPS")}
    member = vm(data=[data_disk(0, managedDisk={"diskEncryptionSet": named})])
    assert disk_fact(member, "encryption_type", 1) is None
    assert disk_fact(member, "customer_key", 1) == "yes"
    inventory = read([member, record])
    assert disk_fact(inventory, "encryption_type", 1) == (
        "EncryptionAtRestWithPlatformAndCustomerKeys"
    )


def test_accelerated_networking_is_told_by_every_interface() -> None:
    fast, slow = network_interface(), network_interface(accelerated=False)
    assert fact(read([vm(), fast]), "accelerated_networking") == "yes"
    assert fact(read([vm(), slow]), "accelerated_networking") == "no"
    assert fact(vm(), "accelerated_networking") is None
    two = vm(
        networkProfile={"networkInterfaces": [{"id": slow["id"]}, {"id": slow["id"] + "-second"}]}
    )
    assert fact(read([two, slow]), "accelerated_networking") is None


@pytest.mark.parametrize("state", ["succeeded", "Updating", "Creating", 0, None])
def test_the_state_of_provisioning_decides_nothing(state: Any) -> None:
    record = vm()
    record["properties"]["provisioningState"] = state
    assert crash(record) == ("supported", [])


def test_the_spelling_of_keys_does_not_matter() -> None:
    record = vm(instanceView=instance_view())
    view = record["properties"]["instanceView"]
    view["hyperVgeneration"] = view.pop("hyperVGeneration")
    assert fact(record, "hyper_v_generation") == "V2"
    shouted = json.loads(json.dumps(vm()).upper().replace("TRUE", "true").replace("FALSE", "false"))
    assert fact(shouted, "scale_set_orchestration") == "none"


def test_ids_are_joined_whatever_their_case() -> None:
    upper = vm(data=[without_sku(data_disk(0, managedDisk={"id": disk_id("DISK-DATA-0").upper()}))])
    assert crash({**upper, "id": vm_id(group="RG-HARBOUR")}, disk("disk-data-0")) == (
        "supported",
        [],
    )


@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
def test_publishers_and_enumerations_are_read_in_any_case(case: Callable[[str], str]) -> None:
    image = {name: case(text) for name, text in UBUNTU.items()}
    record = vm(image=image, data=[data_disk(0, **sku(case("UltraSSD_LRS")))])
    assert fact(record, "operating_system") == "ubuntu"
    assert crash(record) == ("exclude_disks", [0])


def test_the_type_may_be_missing_or_in_lower_case() -> None:
    bare = vm()
    del bare["type"]
    for record in (bare, azure.to_resource_graph(vm()), azure.to_cli(bare)):
        assert kinds(read(record)) == ["vm"]


def test_disks_of_old_versions_name_their_sku_elsewhere() -> None:
    old = disk("disk-data-0", accountType="UltraSSD_LRS")
    del old["sku"]
    record = vm(data=[without_sku(data_disk(0))])
    assert crash(record, old) == ("exclude_disks", [0])
    assert not read(old).records[0].full
    bare = merge(old, {"properties": {"accountType": None}})
    assert crash(record, bare) == ("unknown", [])


def test_resource_graph_keeps_the_instance_view_elsewhere() -> None:
    row = azure.to_resource_graph(vm(image=None, instanceView=instance_view()))
    assert "instanceView" not in row["properties"]
    assert fact(row, "operating_system") == "ubuntu"
    assert fact(row, "hyper_v_generation") == "V2"


def test_an_interface_may_be_nested_in_its_vm() -> None:
    record = vm(top={"resources": [network_interface()]})
    assert fact(record, "accelerated_networking") == "yes"


# ----- templates

EXPRESSION = "[parameters('anything')]"


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"securityProfile": {"securityType": EXPRESSION}}, "security_type"),
        ({"securityProfile": EXPRESSION}, "security_type"),
        ({"virtualMachineScaleSet": {"id": EXPRESSION}}, "scale_set_orchestration"),
        ({"storageProfile": {"imageReference": EXPRESSION}}, "operating_system"),
        ({"priority": EXPRESSION}, "priority"),
        ({"availabilitySet": EXPRESSION}, "availability_set"),
    ],
)
def test_an_expression_is_unknown_and_never_a_literal(changes: Body, unknown: str) -> None:
    record = merge(template_vm(), {"properties": changes})
    assert fact(azure.to_template([record]), unknown) is None


@pytest.mark.parametrize(
    ("disk_changes", "unknown"),
    [
        ({"managedDisk": EXPRESSION}, "storage"),
        ({"vhd": EXPRESSION, "managedDisk": None}, "storage"),
        ({"diffDiskSettings": {"option": EXPRESSION}}, "ephemeral"),
        ({"diffDiskSettings": EXPRESSION}, "ephemeral"),
        (sku(EXPRESSION), "disk_sku"),
    ],
)
def test_an_expression_of_a_disk_is_unknown(disk_changes: Body, unknown: str) -> None:
    record = template_vm(system=os_disk(**disk_changes))
    assert disk_fact(record, unknown) is None


def test_two_brackets_are_a_literal() -> None:
    record = template_vm(data=[data_disk(0, name="[[not an expression]")])
    assert read(record).vms[0].disks[1].name == "[[not an expression]"
    assert fact(template_vm(licenseType="[[odd]"), "license_type") == "[[odd]"


@pytest.mark.parametrize(
    "storage",
    [
        {"dataDisks": EXPRESSION},
        {"dataDisks": None, "copy": [{"name": "dataDisks", "count": 3, "input": {}}]},
        {"dataDisks": [], "copy": [{"name": "dataDisks", "count": EXPRESSION, "input": {}}]},
    ],
)
def test_disks_that_a_template_does_not_list_are_open(storage: Body) -> None:
    assert crash(azure.to_template([merge(vm(), {"properties": {"storageProfile": storage}})]))[
        0
    ] == ("unknown")


@pytest.mark.parametrize("where", ["properties", "storageProfile", "osDisk"])
def test_an_expression_for_a_whole_object_leaves_it_open(where: str) -> None:
    record = template_vm()
    if where == "properties":
        record["properties"] = EXPRESSION
    elif where == "storageProfile":
        record["properties"]["storageProfile"] = EXPRESSION
    else:
        record["properties"]["storageProfile"]["osDisk"] = EXPRESSION
    assert verdicts(azure.to_template([record])) == {mode: ("unknown", []) for mode in MODES}


def test_a_loop_of_vms_of_unknown_length_is_one_record_and_a_remark() -> None:
    loop = {"name": "loop", "count": "[parameters('count')]"}
    inventory = read(azure.to_template([{**vm(), "copy": loop}]))
    assert len(inventory.vms) == 1
    assert any("is a loop: one record stands for several" in note for note in inventory.notes)


def test_a_template_tolerates_comments_commas_and_line_breaks() -> None:
    text = json.dumps(azure.to_template([vm(data=[ULTRA])]), indent=2)
    text = text.replace('"resources":', '/* what\n is made */ "resources":')
    text = text.replace('"contentVersion"', '// "https://x"\n "contentVersion"')
    text = text.replace('"harbourmaster"', '"harbour\nmaster"')
    text = text.replace('"lun": 0,', '"lun": 0, // first')
    text = re.sub(r"\n\s*]\n\s*}\s*$", ",\n]\n}", text)
    assert ",\n]\n}" in text
    assert crash(text) == ("exclude_disks", [0])


def test_templates_of_named_resources_and_of_many_levels() -> None:
    inner = azure.to_template([vm("vm-inner"), disk()])
    nested = {
        "type": "Microsoft.Resources/deployments",
        "name": "level",
        "properties": {
            "template": {**inner, "resources": {"a": inner["resources"][0], "b": "[x]"}}
        },
    }
    outer = {**azure.to_template([vm("vm-outer")])}
    outer["resources"].append(nested)
    inventory = read(outer)
    assert [one.name for one in inventory.vms] == ["vm-outer", "vm-inner"]
    assert "expand the template" in only_problem(inventory)


# ----- PowerShell


def test_powershell_gives_enumerations_as_numbers() -> None:
    record = azure.to_powershell(vm(image=None, osProfile=None))
    record["StorageProfile"]["OsDisk"]["OsType"] = 1
    assert fact(record, "os_family") == "Linux"
    record["StorageProfile"]["OsDisk"]["OsType"] = 0
    assert fact(record, "os_family") == "Windows"


def test_powershell_names_some_parts_otherwise() -> None:
    record = azure.to_powershell(vm(availabilitySet={"id": "/x/sets/one"}))
    assert "AvailabilitySetReference" in record
    assert fact(record, "availability_set") == "yes"


def test_what_powershell_cuts_off_is_unknown() -> None:
    whole = azure.to_powershell(
        vm(system=os_disk(diffDiskSettings={"option": "Local"}), data=[ULTRA])
    )
    shallow = azure.cut_off(whole, 1)
    assert shallow["StorageProfile"]["OsDisk"].startswith("Microsoft.Azure.")
    assert crash(shallow) == ("unknown", [])
    deeper = azure.cut_off(whole, 2)
    assert deeper["StorageProfile"]["OsDisk"]["ManagedDisk"].startswith("Microsoft.Azure.")
    assert disk_fact(deeper, "storage") == "managed"  # its object is there, though cut
    assert disk_fact(deeper, "ephemeral") is None
    assert crash(deeper) == ("unknown", [])
    assert crash(azure.cut_off(whole, 9)) == ("not_supported", [None, 0])


# ----- the instance metadata service


def test_the_metadata_service_tells_a_vm() -> None:
    inventory = read(metadata())
    assert kinds(inventory) == ["vm"]
    assert inventory.vms[0].id == vm_id()
    assert verdicts(metadata()) == {
        "application": ("supported", []),
        "crash": ("exclude_disks", [0]),
    }
    assert crash(metadata()["compute"]) == ("exclude_disks", [0])
    local = {"storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}}}
    assert crash(metadata(**local)) == ("not_supported", [None, 0])
    # Instances of both kinds of set show the name; only those of a flexible one show the id.
    assert fact(metadata(vmScaleSetName="fleet"), "scale_set_orchestration") is None
    of_set = {
        "vmScaleSetName": "fleet",
        "virtualMachineScaleSet": {"id": azure.scale_set_id("fleet")},
    }
    assert fact(metadata(**of_set), "scale_set_orchestration") == "flexible"
    # It says nothing of extensions, and older versions nothing of the security type.
    assert fact(metadata(), "extensions") is None
    old = metadata(securityProfile={"securityType": None})
    assert fact(old, "security_type") is None


# ----- instance views of their own


def test_an_instance_view_on_its_own_joins_its_vm() -> None:
    view = instance_view("vm-one", "debian", "12")
    inventory = read([vm("vm-one", image=None), vm("vm-two", image=None), view])
    assert kinds(inventory)[-1] == "instance_view"
    told = {one.name: READER.read(one).readings["operating_system"].value for one in inventory.vms}
    assert told == {"vm-one": "debian", "vm-two": None}
    # PowerShell gives the name of the VM too, which counts where two computers share a name.
    one, two = vm("vm-one", image=None), vm("vm-two", image=None)
    one["properties"]["osProfile"]["computerName"] = "vm-two"
    status = {"ResourceGroupName": azure.GROUP, "Name": "vm-one", **azure.to_powershell(view)}
    inventory = read([one, two, status])
    told = {one.name: READER.read(one).readings["operating_system"].value for one in inventory.vms}
    assert told == {"vm-one": "debian", "vm-two": None}
    nameless = {key: one for key, one in view.items() if key != "computerName"}
    assert fact(read([vm(image=None), nameless]), "operating_system") == "debian"


# ----- records that disagree


def test_records_that_disagree_leave_open_only_what_they_disagree_on() -> None:
    shown = vm(data=[data_disk(0)])
    premium, standard = disk("disk-data-0"), disk("disk-data-0", sku="Standard_LRS")
    ultra = disk("disk-data-0", sku="UltraSSD_LRS")
    assert crash(shown, premium, standard) == ("supported", [])
    (question,) = (
        rp.assess(read(shown, premium, ultra), MATRIX, modes=["crash"]).verdicts[0].missing
    )
    assert question.fact_id == "disk_sku"
    assert question.why == "records disagree: 'Premium_LRS' and 'UltraSSD_LRS'"


@pytest.mark.parametrize(
    ("one", "other", "unknown"),
    [
        (
            vm(securityProfile={"securityType": "TrustedLaunch"}),
            vm(securityProfile={"securityType": "ConfidentialVM"}),
            "security_type",
        ),
        (
            vm(instanceView=instance_view(os_name="debian")),
            vm(instanceView=instance_view(os_name="coreos")),
            "operating_system",
        ),
        (vm(), vm(image={"publisher": "CoreOS", "offer": "CoreOS"}), "operating_system"),
        (vm(priority="Spot"), vm(priority="Regular"), "priority"),
    ],
)
def test_what_records_disagree_on_does_not_hang_on_their_order(
    one: Body, other: Body, unknown: str
) -> None:
    assert fact(read([one, other]), unknown) is None
    assert verdicts([one, other]) == verdicts([other, one])


# ----- sizes


@pytest.mark.parametrize(
    ("size", "series", "temporary"),
    [
        ("Standard_D4s_v5", "Dsv5", None),
        ("standard_d4ds_v5", "Ddsv5", "yes"),
        ("STANDARD_D4DS_V5", "Ddsv5", "yes"),
        ("Standard_L8s_v2", "Lsv2", None),
        ("Standard_DS14-8_v2", "DSv2", None),
        ("Standard_E96-24ads_v5", "Eadsv5", "yes"),
        ("Standard_NC24ads_A100_v4", "NCadsv4", "yes"),
        ("Standard_ND96isr_H100_v5", "NDisrv5", None),
        ("Standard_D2_v2_Promo", "Dv2", None),
        ("Basic_A1", "A", None),
        ("Standard_M416-208s_v2", "Msv2", None),
        ("[parameters('size')]", None, None),
        ("huge", None, None),
    ],
)
def test_the_name_of_a_size_tells_its_series(
    size: str, series: str | None, temporary: str | None
) -> None:
    assert fact(vm(size=size), "vm_size_series") == series
    assert fact(vm(size=size), "temporary_disk") == temporary


# --------------------------------------------------------------------------- evidence


@pytest.mark.parametrize(
    "shape",
    [lambda one: one, azure.to_cli, azure.to_old_cli, azure.to_resource_graph, azure.to_powershell],
    ids=["rest", "cli", "old cli", "resource graph", "powershell"],
)
def test_evidence_points_to_what_it_shows(shape: Callable[[Body], Body]) -> None:
    record = vm(
        data=[ULTRA],
        securityProfile={"securityType": "TrustedLaunch", "encryptionAtHost": True},
        availabilitySet={"id": "/x/sets/one"},
        priority="Spot",
        licenseType="RHEL_BYOS",
        instanceView=instance_view(),
        top={"resources": [extension(kind=ADE)]},
    )
    disks = [disk("disk-data-0", sku="UltraSSD_LRS", maxShares=2), disk("vm-harbour-os")]
    records = [shape(one) for one in (record, *disks, network_interface())]
    shown = 0
    for finding in rp.assess(read(records), MATRIX).findings:
        for one in finding.evidence:
            if one.how != "read" or one.record == "":
                continue
            raw: Any = records
            for step in filter(None, one.record.split("/")):
                raw = raw[int(step)] if isinstance(raw, list) else raw[step]
            for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", one.path):
                raw = raw[int(index)] if index else raw[name]
            if isinstance(raw, (str, int)):
                assert one.shown == json.dumps(raw), (one.fact_id, one.path)
            shown += 1
    assert shown > 20


def test_evidence_reads_as_a_sentence() -> None:
    (finding,) = (
        one
        for one in rp.assess(read([vm(data=[ULTRA])]), MATRIX, modes=["crash"]).findings
        if one.row_id == "ultra-disk"
    )
    assert str(finding.evidence[0]) == (
        "disk_sku = UltraSSD_LRS: properties.storageProfile.dataDisks[0].managedDisk."
        'storageAccountType is "UltraSSD_LRS" (value 1 /0)'
    )


# --------------------------------------------------------------------------- answers in columns


def test_a_column_of_the_inventory_answers_what_no_payload_tells() -> None:
    row = {**azure.to_resource_graph(vm()), "os_architecture": "32-BIT"}
    assert fact(row, "os_architecture") == "32-bit"
    assert verdicts(row)["application"] == ("not_supported", [])
    assert fact({**row, "os_architecture": "sixteen"}, "os_architecture") is None


# --------------------------------------------------------------------------- restore points


@pytest.mark.parametrize(
    "shape",
    [lambda one: one, azure.to_cli, azure.to_powershell, azure.to_python],
    ids=["rest", "cli", "powershell", "python"],
)
def test_restore_points_are_read_in_every_shape(shape: Callable[[Body], Body]) -> None:
    made = collection(points=[restore_point(), restore_point(number=2, mode="CrashConsistent")])
    found = points_of([vm(), shape(made)])
    assert [(one.name, one.mode) for one in found] == [("rp-1", "application"), ("rp-2", "crash")]
    assert found[0].created is not None


def points_of(*sources: Any) -> Any:
    inventory = read(*sources)
    (found,) = inventory.vms
    return restore_points(found)


def test_restore_points_are_gathered_over_all_collections() -> None:
    first = collection(
        points=[restore_point(number=1), restore_point(number=2, mode="CrashConsistent")]
    )
    second = collection(points=[restore_point(number=3, mode="FileSystemConsistent")])
    second["id"] = second["id"] + "-second"
    found = points_of([vm(), first, second])
    assert {one.name: one.mode for one in found} == {
        "rp-1": "application",
        "rp-2": "crash",
        # Linux answers so where application consistency was asked for.
        "rp-3": "application",
    }
    assert found[0].created == datetime(2026, 3, 1, 4, 0, 0, 123456, UTC)


def test_restore_points_may_be_records_of_their_own() -> None:
    alone = collection(points=None)
    assert points_of([vm()]) is None
    assert points_of([vm(), alone]) is None
    assert len(points_of([vm(), alone, restore_point(), restore_point(number=2)])) == 2
    listed = collection(points=[restore_point()])
    assert len(points_of([vm(), listed, restore_point()])) == 1


def test_a_point_that_is_being_made_tells_no_mode_yet() -> None:
    (point,) = points_of([vm(), collection(points=[restore_point(mode=None, state="Creating")])])
    assert (point.mode, point.state, point.is_copy) == ("", "Creating", False)


def test_a_copy_is_told_by_its_source() -> None:
    copied = restore_point(sourceRestorePoint={"id": "/x/restorePoints/first"})
    assert points_of([vm(), collection(points=[copied])])[0].is_copy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T04:00:00Z", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T04:00:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T05:00:00.1234567+01:00", datetime(2026, 3, 1, 4, 0, 0, 123456, UTC)),
        ("/Date(1772337600000)/", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("last week", None),
    ],
)
def test_times_are_read_as_clients_write_them(text: str, expected: datetime | None) -> None:
    (point,) = points_of([vm(), collection(points=[restore_point(created=text)])])
    assert point.created == expected


@pytest.mark.parametrize("size", [1, 2_000], ids=["small", "large"])
def test_the_digest_of_a_value_is_of_what_was_read(size: int) -> None:
    record = vm(top={"tags": {f"tag-{number}": "x" * 40 for number in range(size)}})
    before = rp.read_inventory(json.loads(json.dumps(record))).digests["value 1"]
    inventory = rp.read_inventory(record)
    record["name"] = "another"
    assert inventory.digests["value 1"] == before
    assert rp.read_inventory(record).digests["value 1"] != before
    assert list(inventory.digests) == ["value 1"]


@pytest.mark.parametrize("odd", [1, True, None, ("a", "b")])
def test_keys_that_are_no_texts_are_read_as_what_they_are_called(odd: object) -> None:
    inventory = rp.read_inventory([{**vm(), odd: "x"}, {odd: "x"}])
    assert len(inventory.vms) == len(inventory.problems) == 1
    assert inventory.vms[0].records[0].body[plain_name(str(odd))] == "x"
