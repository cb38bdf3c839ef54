"""Records read in bulk say what they say one by one, whatever they are and however spoiled."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import azure
import pandas as pd
import pyarrow as pa
import pytest
from azure import Body
from cases import MATRIX
from estates import (
    CLIENTS,
    SPOILS,
    differences,
    estate,
    rows_of_fleet,
    rows_of_vms,
    written,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_corpus import files_of, payloads, table

import rpmatrix as rp
from rpmatrix.eligibility.rules import compile_rules
from rpmatrix.fleet import sources
from rpmatrix.fleet.parts import FleetError
from rpmatrix.fleet.records import bulk
from rpmatrix.fleet.records import judging as record_judging
from rpmatrix.fleet.records.bulk import BulkReader
from rpmatrix.fleet.result import assess_files, assess_frames
from rpmatrix.fleet.samples import CLIENTS as FLEET_CLIENTS
from rpmatrix.fleet.samples import LAYOUTS, write_fleet
from rpmatrix.inventory.samples import sample_names, sample_vm


def as_file(records: Any, folder: Path, name: str = "records.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(records, indent=2))
    return path


# --------------------------------------------------------------------------- whole fleets


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("client", FLEET_CLIENTS)
def test_a_fleet_is_what_its_vms_are_one_by_one(client: str, layout: str, tmp_path: Path) -> None:
    files = write_fleet(tmp_path, 150, client=client, layout=layout)
    assert differences(assess_files(tmp_path), *sorted(files)) == []


@pytest.mark.parametrize("facts", [None, compile_rules(MATRIX).facts], ids=["all", "ruled"])
@pytest.mark.parametrize("client", FLEET_CLIENTS)
def test_no_vm_of_a_usual_fleet_needs_to_be_read_by_itself(
    client: str, facts: list[str] | None, tmp_path: Path
) -> None:
    """Bulk reading that left all to the ordinary reader would be right, and as slow."""
    reader = BulkReader(MATRIX, facts)
    with ThreadPoolExecutor(1) as pool:
        for path in write_fleet(tmp_path, 600, client=client):
            assert list(reader.add_file(path, pool))[-1] == pytest.approx(1, abs=0.01)
    assert sum(part.vms.num_rows for part in reader.tables(50)) == 600
    assert reader.read_one_by_one == 0


def test_every_sample_is_what_it_is_alone(tmp_path: Path) -> None:
    records = [record for name in sample_names() for record in sample_vm(name)]
    assert differences(assess_files(path := as_file(records, tmp_path)), path) == []


@pytest.mark.parametrize("shape", [azure.to_resource_graph, azure.to_cli, lambda record: record])
def test_vms_of_kinds_that_are_not_covered_are_problems(
    shape: Callable[[Body], Body], tmp_path: Path
) -> None:
    kinds = ("Microsoft.HybridCompute/machines", "Microsoft.ClassicCompute/virtualMachines")
    others = [
        {"id": azure.resource_id(kind, "other"), "name": "other", "type": kind, "properties": {}}
        for kind in kinds
    ]
    path = as_file([shape(record) for record in (azure.vm(), *others, azure.disk())], tmp_path)
    result = assess_files(path)
    assert differences(result, path) == []
    assert len(result.problems) == len(kinds)
    assert all("this kind of VM is not covered" in one.message for one in result.problems)


@pytest.mark.parametrize(
    "options",
    [
        {"strict": True},
        {"answers": {"disk_sku": "Premium_LRS", "vm-1:nfs_mounts": "yes"}},
        {"answers": {"nfs_mounts": "no", f"{azure.vm_id('vm-2')}:os_family": "Windows"}},
        {"answers": {"disk_sku": "UltraSSD_LRS"}, "strict": True},
    ],
    ids=str,
)
def test_options_count_as_one_by_one(options: dict[str, Any], tmp_path: Path) -> None:
    path = as_file(estate(random.Random(5), 12), tmp_path)
    assert differences(assess_files(path, **options), path, **options) == []


# --------------------------------------------------------------------------- spoiled records


@settings(max_examples=40, deadline=None)
@given(chance=st.randoms(use_true_random=False))
def test_estates_of_any_clients_and_forms_are_read_as_one_by_one(
    chance: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("estate")
    paths = written(chance, estate(chance, chance.choice((1, 2, 5, 12))), folder)
    assert differences(assess_files(paths), *paths) == []


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("client", CLIENTS)
def test_each_way_to_spoil_a_record_is_read_as_one_by_one(
    client: str, spoil: str, tmp_path: Path
) -> None:
    chance = random.Random(f"{client} {spoil}")
    spoiled = []
    for record in estate(chance, 8):
        made = json.loads(json.dumps(CLIENTS[client](record)))
        SPOILS[spoil](chance, made)
        spoiled.append(made)
    path = as_file(spoiled, tmp_path)
    assert differences(assess_files(path), path) == []


def vm_with(**changes: Any) -> Callable[[], list[Body]]:
    return lambda: [azure.vm("vm-odd", **changes), azure.vm("vm-plain")]


def among(change: Callable[[Body], Any]) -> Callable[[], list[Body]]:
    def make() -> list[Body]:
        odd = azure.vm("vm-odd", data=[azure.data_disk(0)])
        change(odd)
        return [azure.vm("vm-one"), odd, azure.disk(), azure.vm("vm-two")]

    return make


def attach(**changes: Any) -> Callable[[], list[Body]]:
    return among(lambda vm: vm["properties"]["storageProfile"]["dataDisks"][0].update(changes))


ODD: dict[str, Callable[[], list[Any]]] = {
    "a number that is a boolean": attach(lun=True),
    "a number that is no number": attach(lun=10**30),
    "a number as text": attach(lun="3"),
    "two disks of one number": lambda: [
        azure.vm("vm-odd", data=[azure.data_disk(1, "one"), azure.data_disk(1, "two")])
    ],
    "a key with a sign for kelvin": attach(disKSizeGB=3),
    "a key that is an escape": attach(**{"c\\aching": "x"}),
    "no id": among(lambda vm: vm.pop("id")),
    "an id twice": lambda: [azure.vm("vm-a"), azure.vm("vm-a", size="Standard_M64s_v2")],
    "an id in other letters": lambda: [
        azure.vm("vm-a", data=[azure.data_disk(0)]),
        {**azure.disk(), "id": azure.disk_id("disk-data-0").upper()},
    ],
    "a disk twice": lambda: [
        azure.vm("vm-a", data=[azure.data_disk(0)]),
        azure.disk(sku="UltraSSD_LRS"),
        azure.disk(sku="Premium_LRS"),
    ],
    "a view of the one VM": lambda: [azure.vm("vm-a"), azure.instance_view("vm-a")],
    "a view of one VM of two": lambda: [
        *(azure.vm("vm-a"), azure.vm("vm-b")),
        azure.instance_view("vm-b", "Windows Server 2012 R2", "6.3"),
    ],
    "a view of nobody": lambda: [azure.vm("vm-a"), azure.instance_view("vm-z")],
    "a uniform instance": lambda: [azure.uniform_instance(), azure.vm("vm-a")],
    "an interface that the VM names": lambda: [
        azure.vm("vm-a"),
        azure.merge(azure.network_interface("vm-a"), {"properties": {"virtualMachine": None}}),
    ],
    "an extension apart": lambda: [azure.vm("vm-a"), azure.extension("vm-a")],
    "an extension of nobody": lambda: [azure.vm("vm-a"), azure.extension("vm-z")],
    "restore points": lambda: [azure.vm("vm-a"), azure.collection("vm-a", [azure.restore_point()])],
    "a list inside": lambda: [[azure.vm("vm-a"), azure.vm("vm-b")], azure.vm("vm-c")],
    "an answer inside": lambda: [{"value": [azure.vm("vm-a")], "nextLink": "x"}, azure.vm("vm-c")],
    "a template inside": lambda: [azure.to_template([azure.vm("vm-a")]), azure.vm("vm-c")],
    "no record": lambda: [azure.vm("vm-a"), 3, None, "text", {}, {"name": "nobody"}],
    "an error answer": lambda: [{"error": {"code": "NotFound"}}, azure.vm("vm-a")],
    "answers of a person": lambda: [{**azure.vm("vm-a"), "nfs_mounts": "yes"}, azure.vm("vm-b")],
    "paths as names": lambda: [
        {"id": azure.vm_id("vm-a"), "properties_hardwareProfile": {"vmSize": "Standard_D2s_v5"}}
    ],
    "ids that end with a slash": attach(managedDisk={"id": azure.disk_id("disk-data-0") + "/"}),
    "another alphabet": attach(name="\u0434\u0438\u0441\u043a"),
    "an empty object for nothing": vm_with(securityProfile={}),
    "linux by its configuration": among(
        lambda vm: (
            vm["properties"]["storageProfile"]["osDisk"].pop("osType"),
            vm["properties"]["osProfile"].update(linuxConfiguration={"ssh": None}),
        )
    ),
}


@pytest.mark.parametrize("form", ["indented", "lines", "ascii"])
@pytest.mark.parametrize("case", ODD)
def test_odd_records_are_read_as_one_by_one(case: str, form: str, tmp_path: Path) -> None:
    records = ODD[case]()
    path = tmp_path / "records.json"
    if form == "lines":
        path.write_text("".join(json.dumps(one) + "\n" for one in records))
    else:
        path.write_text(json.dumps(records, indent=2, ensure_ascii=form == "ascii"))
    assert differences(assess_files(path), path) == []


def test_one_odd_record_leaves_the_others_in_bulk(tmp_path: Path) -> None:
    reader = BulkReader(MATRIX)
    with ThreadPoolExecutor(1) as pool:
        list(reader.add_file(as_file(ODD["a number as text"](), tmp_path), pool))
    list(reader.tables(10))
    assert reader.read_one_by_one == 1


@pytest.mark.parametrize("block", [500, 5000])
def test_where_blocks_end_does_not_matter(
    block: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sources, "_BLOCK", block)
    monkeypatch.setattr(sources, "_LONGEST", 20_000)
    chance = random.Random(block)
    for _ in range(4):
        paths = written(chance, estate(chance, 12), tmp_path)
        assert differences(assess_files(paths), *paths) == []


def test_a_key_that_comes_late_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the first records of a file do not have is not parsed, until it is there."""
    monkeypatch.setattr(sources, "_BLOCK", 3000)
    vms = [azure.to_cli(azure.vm(f"vm-{number}")) for number in range(40)]
    late = azure.to_cli(azure.vm("vm-late", securityProfile={"securityType": "ConfidentialVM"}))
    path = as_file([*vms, late], tmp_path)
    assert differences(result := assess_files(path), path) == []
    assert rows_of_fleet(result)[0][3] != rows_of_fleet(result)[-1][3]


@pytest.mark.parametrize("change", [str, str.upper], ids=["as they are", "in capitals"])
def test_records_whose_client_writes_vm_id_are_no_facts(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    """Azure's SDK for Python calls the number of a VM so."""
    confidential = azure.vm(
        vmId="9f5b4d1e-0000-4000-8000-000000000001",
        securityProfile={"securityType": "ConfidentialVM"},
    )
    record = {change(name): value for name, value in azure.to_python(confidential).items()}
    path = tmp_path / "vms.csv"
    path.write_text(azure.to_csv([record]), encoding="utf-8")
    assert differences(result := assess_files(path), path) == []
    assert {row[0] for row in rows_of_fleet(result)} == {azure.vm_id()}
    assert {row[3] for row in rows_of_fleet(result)} == {"not_supported"}
    assert rows_of_fleet(assess_frames(pd.DataFrame([record]))) == rows_of_fleet(result)


# --------------------------------------------------------------------------- a run over records


def test_records_and_facts_are_judged_together(tmp_path: Path) -> None:
    records = as_file([azure.vm("vm-a")], tmp_path)
    facts = tmp_path / "facts.csv"
    facts.write_text(f"vm_id,os_family\n{azure.vm_id('vm-b')},Linux\n")
    result = assess_files(tmp_path)
    assert {row[0] for row in rows_of_fleet(result)} == {azure.vm_id("vm-a"), azure.vm_id("vm-b")}
    assert result.records == 2
    assert result.counts == {"vms": 1, "disks": 0, "other": 0, "problems": 0}
    assert assess_files([records]).summary.vms == assess_files([facts]).summary.vms == 1


@pytest.mark.parametrize("out", ["judged", "verdicts.parquet", "verdicts.csv"])
def test_verdicts_on_records_are_written_in_parts(
    out: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(record_judging, "PART", 7)
    path = as_file(estate(random.Random(4), 20), tmp_path)
    kept, told = assess_files(path), assess_files(path, out=tmp_path / out)
    assert rows_of_fleet(told) == rows_of_fleet(kept)
    assert (told.summary, told.problems, told.notes, told.counts) == (
        *(kept.summary, kept.problems, kept.notes, kept.counts),
    )


class _StopError(Exception):
    """Somebody stopped the run."""


@pytest.mark.parametrize("parts", [1, 2])
def test_an_interrupted_run_over_records_goes_on(
    parts: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(record_judging, "PART", 7)
    path = as_file([*estate(random.Random(4), 20), 3], tmp_path)
    out = tmp_path / "judged"

    def stop(progress: rp.fleet.Progress) -> None:
        if progress.vms >= 7 * parts:
            raise _StopError

    with pytest.raises(_StopError):
        assess_files(path, out=out, progress=stop)
    result, kept = assess_files(path, out=out), assess_files(path)
    assert rows_of_fleet(result) == rows_of_fleet(kept)
    assert (result.problems, result.counts) == (kept.problems, kept.counts)
    again = assess_files(path, out=out)
    assert (again.summary, again.problems) == (kept.summary, kept.problems)


def test_progress_over_records_rises_to_the_whole(tmp_path: Path) -> None:
    write_fleet(tmp_path, 80)
    told: list[float] = []
    assess_files(tmp_path, progress=lambda one: told.append(one.share))
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] == pytest.approx(1)


# --------------------------------------------------------------------------- one VM of a fleet


@pytest.mark.parametrize("seed", range(6))
def test_the_records_of_one_vm_tell_of_it_what_the_fleet_tells(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    result = assess_files(written(chance, estate(chance, 6), tmp_path))
    rows = rows_of_fleet(result)
    for first in range(0, len(rows), 2):
        inventory = result.inventory_of(rows[first][0])
        assert rows_of_vms(rp.assess(inventory)) == rows[first : first + 2]


def test_of_one_vm_only_its_own_records_are_given(tmp_path: Path) -> None:
    path = as_file(
        [
            azure.vm("vm-a", data=[azure.data_disk(0)]),
            azure.vm("vm-b"),
            azure.disk(),
            azure.disk("disk-of-nobody"),
            azure.network_interface("vm-a"),
        ],
        tmp_path,
    )
    inventory = assess_files(path).inventory_of(azure.vm_id("VM-A"))
    assert [vm.name for vm in inventory.vms] == ["vm-a"]
    assert [record.kind for record in inventory.records] == ["vm", "disk", "network_interface"]


def test_a_vm_that_is_gone_is_told(tmp_path: Path) -> None:
    path = as_file([azure.vm("vm-a")], tmp_path)
    result = assess_files(path)
    with pytest.raises(LookupError, match="vm-z"):
        result.inventory_of(azure.vm_id("vm-z"))
    path.write_text("[]")
    with pytest.raises(LookupError, match="vm-a"):
        result.inventory_of(azure.vm_id("vm-a"))


def test_tables_of_facts_hold_no_records_to_show(tmp_path: Path) -> None:
    path = tmp_path / "vms.csv"
    path.write_text(f"vm_id,os_family\n{azure.vm_id()},Linux\n")
    with pytest.raises(FleetError, match="tables of facts"):
        assess_files(path).inventory_of(azure.vm_id())


# --------------------------------------------------------------------------- real payloads


SUBSCRIPTION = re.compile(r"(?<=/subscriptions/)[^/\"]+", re.IGNORECASE)


def renamed(text: str, chance: random.Random) -> Any:
    """Give a payload the ids of another subscription: a resource of its own."""
    known: dict[str, str] = {}

    def fresh(found: re.Match[str]) -> str:
        return known.setdefault(
            found[0].lower(), azure.SUBSCRIPTION[:24] + chance.randbytes(6).hex()
        )

    return json.loads(SUBSCRIPTION.sub(fresh, text))


def test_every_real_payload_is_read_as_one_by_one(corpus: Path) -> None:
    for path in payloads(corpus):
        assert differences(assess_files(path), path) == [], path


@pytest.mark.parametrize("lines", [False, True])
def test_real_payloads_in_thousands_are_read_as_one_by_one(
    lines: bool, corpus: Path, tmp_path: Path
) -> None:
    chance = random.Random(1)
    manifest = {row["file"]: row for row in table(corpus / "manifest.csv")}
    judged = [files_of(manifest[row["file"]]) for row in table(corpus / "expected.csv")]
    alone = [[str(path.relative_to(corpus))] for path in payloads(corpus)]
    values = []
    for names in [*judged, *alone]:
        try:
            texts = [(corpus / name).read_text(encoding="utf-8-sig") for name in names]
            one = json.dumps([json.loads(text) for text in texts])
        except ValueError:  # lines, tables, other encodings: read alone in the test before
            continue
        for _ in range(5):
            made = renamed(one, chance)
            values += made if not lines else [each for each in made if isinstance(each, dict)]
    assert len(values) > 3000
    chance.shuffle(values)
    path = tmp_path / "payloads.json"
    path.write_text(
        "".join(json.dumps(one) + "\n" for one in values) if lines else json.dumps(values, indent=2)
    )
    assert differences(assess_files(path), path) == []


# --------------------------------------------------------------------------- joining ids

IDS = st.text("aAbB-/9", max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    ids=st.lists(st.none() | IDS, max_size=40),
    keys=st.lists(IDS.map(str.lower), max_size=40, unique=True),
    skipped=st.integers(0, 3),
)
def test_ids_are_found_among_keys_in_any_letters_and_shares(
    ids: list[str | None], keys: list[str], skipped: int
) -> None:
    given_ids = pa.array([*[None] * skipped, *ids], pa.string()).slice(skipped)
    expected = [keys.index(one.lower()) if one and one.lower() in keys else -1 for one in ids]
    expected = [
        keys.index("") if one == "" and "" in keys else at
        for one, at in zip(ids, expected, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "_TOGETHER", 3)
        assert bulk._places_in(given_ids, pa.array(keys, pa.string())).tolist() == expected
        among = bulk._are_in(given_ids, pa.array(keys, pa.string())).tolist()
    assert among == [at >= 0 for at in expected]


@pytest.mark.parametrize("client", FLEET_CLIENTS)
def test_a_fleet_joined_share_by_share_is_the_same(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_TOGETHER", 16)
    files = write_fleet(tmp_path, 80, client=client)
    assert differences(assess_files(tmp_path), *sorted(files)) == []


# --------------------------------------------------------------------------- broken inputs


def test_half_a_letter_in_a_name_stops_nothing(tmp_path: Path) -> None:
    paths = write_fleet(tmp_path, 4)
    records = json.loads(paths[0].read_text())
    records[0]["name"] = "half \ud800 letter"
    paths[0].write_text(json.dumps(records))
    result = assess_files(paths)
    assert result.summary.vms == 4
    assert "half ? letter" in set(result.verdicts()["vm_name"])


@pytest.mark.parametrize("content", [b"", b"PAR1 and no end", b"no table"])
def test_a_broken_table_is_a_problem_and_stops_nothing(content: bytes, tmp_path: Path) -> None:
    write_fleet(tmp_path, 4)
    (tmp_path / "broken.parquet").write_bytes(content)
    result = assess_files(tmp_path)
    assert result.summary.vms == 4
    assert [Path(problem.file).name for problem in result.problems] == ["broken.parquet"]
