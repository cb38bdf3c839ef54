"""Masked records are judged as the original ones, and hold none of their names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix import cases as module
from rpmatrix.cases import Case, CaseError, Masker, mask, open_case, save_case
from rpmatrix.fleet.samples import sample_fleet
from rpmatrix.inventory.facts import ADE_TYPES

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SECRET = "a secret of the test"


def judged(records: list[Any], masker: Masker | None = None) -> list[Any]:
    """Verdicts without what is named; names as pseudonyms if a masker is given."""
    found = []
    for verdict in rp.assess(rp.read_inventory(records)).verdicts:
        told = verdict.to_dict()
        disks = [
            (
                masker.text(disk.id) if masker and disk.id else disk.id,
                disk.lun,
                disk.role,
                disk.rows,
            )
            for disk in verdict.exclude_disks
        ]
        names = {"vm_id", "vm_name", "exclude_disks", "missing"}
        rest = {key: value for key, value in told.items() if key not in names}
        found.append((rest, disks, [one.fact_id for one in verdict.missing]))
    return found


def named(records: Any) -> set[str]:
    """Names, ids, addresses and GUIDs of records, by where they stand."""
    found: set[str] = set()

    def walk(value: Any, key: str = "", parent: str = "") -> None:
        if isinstance(value, dict):
            for name, child in value.items():
                if key == "tags":
                    found.add(name)
                walk(child, name, key)
        elif isinstance(value, list):
            for child in value:
                walk(child, key, parent)
        elif isinstance(value, str):
            if key in ("name", "computerName", "adminUsername") and parent not in ("sku", "plan"):
                found.add(value)
            if parent == "tags" or key in ("keyUrl", "uri", "privateIPAddress"):
                found.add(value)
            found.update(GUID.findall(value.lower()))
            ids = re.match(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/", value)
            if ids:
                found.update((*ids.groups(), value.rpartition("/")[2]))

    walk(records)
    return {one for one in found if len(one) > 2}


def fleet(count: int, seed: int, client: str) -> list[Any]:
    made = sample_fleet(count, seed=seed, client=client)
    return [record for vm, disks in made for record in (vm, *disks)]


# --- the same verdict ------------------------------------------------------------------------


@pytest.mark.parametrize("name", rp.sample_names())
def test_masked_samples_are_judged_the_same(name: str) -> None:
    records = rp.sample_vm(name)
    assert judged(mask(records, secret=SECRET)) == judged(records, Masker(SECRET))


@pytest.mark.parametrize("client", ["az", "rest", "graph"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12))
def test_masked_fleets_are_judged_the_same(client: str, seed: int, count: int) -> None:
    records = fleet(count, seed, client)
    assert judged(mask(records, secret=SECRET)) == judged(records, Masker(SECRET))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(rp.sample_names()),
    cases=st.lists(st.sampled_from([str.upper, str.lower, str.title, str]), min_size=4, max_size=4),
)
def test_letter_case_stays_as_different_as_it_was(name: str, cases: list[Any]) -> None:
    """Clients spell one id in several ways; the reader must cope with that in a case too."""
    records = rp.sample_vm(name)
    for number, record in enumerate(records):
        for key in ("id", "managedBy"):
            if isinstance(record.get(key), str):
                record[key] = cases[number % 4](record[key])
    masked = mask(records, secret=SECRET)
    assert judged(masked) == judged(records, Masker(SECRET))
    for before, after in zip(records, masked, strict=True):
        if "id" in before and not before["id"].startswith("["):
            for test in (str.isupper, str.islower):
                assert test(after["id"]) == test(before["id"])


# --- nothing is left -------------------------------------------------------------------------


@pytest.mark.parametrize("name", rp.sample_names())
def test_nothing_of_a_sample_is_left(name: str) -> None:
    records = rp.sample_vm(name)
    words = set(re.findall(r"[^\s\"/]+", json.dumps(mask(records)).lower()))
    assert named(records)
    # The type of an extension, and the version of an image.
    assert {one.lower() for one in named(records)} & words <= {"azurediskencryption", "1.4.2"}


@pytest.mark.parametrize("client", ["az", "rest", "graph"])
def test_nothing_of_a_fleet_is_left(client: str) -> None:
    records = fleet(40, 5, client)
    words = set(re.findall(r"[\w.-]+", json.dumps(mask(records)).lower()))
    assert len(named(records)) > 100
    types = {*("azuremonitorwindowsagent", "azuremonitorlinuxagent"), *ADE_TYPES}  # of extensions
    assert {one.lower() for one in named(records)} & words <= types


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("tags", "anything"),
        ("location", "jane.doe@contoso.com"),
        ("version", "https://contoso.blob.core.windows.net/vhds/a.vhd?sig=abc"),
        ("type", "11111111-2222-4333-8444-555555555555"),
        ("customData", "cGFzc3dvcmQ="),
        ("message", "The VM sql-prod-01 of Contoso failed."),
        ("privateIPAddress", "10.20.0.4"),
        ("keyData", "ssh-rsa AAAAB3 jane@contoso"),
        ("note", '{"owner": "Jane", "name": "sql-prod-01"}'),
        ("id", "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/contoso"),
        (
            "nextLink",
            "https://management.azure.com/subscriptions/11111111-2222-4333-8444-555555555555?$skiptoken=contoso",
        ),
        ("name", "[parameters('contosoVm')]"),
        ("phone", "0301234567"),
    ],
)
def test_what_names_somebody_is_replaced_wherever_it_stands(key: str, text: str) -> None:
    (masked,) = mask([{key: text}])
    told = json.dumps(masked)
    for part in re.findall(
        r"[A-Za-z0-9.@=-]*(?:contoso|[Jj]ane|11111111|10\.20|0301|cGFz|any)\S*", text
    ):
        assert part not in told
    assert text not in told


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("type", "Microsoft.Compute/virtualMachines"),
        ("location", "westeurope"),
        ("vmSize", "Standard_D4s_v5"),
        ("storageAccountType", "UltraSSD_LRS"),
        ("publisher", "Canonical"),
        ("code", "ProvisioningState/succeeded"),
        ("timeCreated", "2026-11-22T08:00:00Z"),
        ("osName", "Windows Server 2022 Datacenter"),
        ("enabled", "true"),
        ("lun", "3"),
    ],
)
def test_what_is_azures_own_word_is_kept(key: str, text: str) -> None:
    assert mask([{key: text}]) == [{key: text}]


def test_tags_are_masked_with_their_names() -> None:
    (masked,) = mask([{"tags": {"owner": "Jane", "cost": 4711, "nested": {"a": "b"}}}])
    assert not set(re.findall(r"\w+", json.dumps(masked))) & {"owner", "Jane", "cost", "4711"}
    (flat,) = mask([{"name": "x-1", "tags.owner": "Jane", "tags_cost": "x-1"}])
    assert next(iter(flat)) == "name"
    assert not {"owner", "cost"} & set(re.findall(r"[a-z]+", " ".join(flat)))
    assert flat["name"] in flat.values()


def test_the_parts_of_a_public_image_are_kept_and_those_of_ones_own_are_not() -> None:
    public = (
        "/Subscriptions/11111111-2222-4333-8444-555555555555/Providers/Microsoft.Compute/Locations"
        "/westeurope/Publishers/Canonical/ArtifactTypes/VMImage/Offers/ubuntu/Skus/server/Versions"
        "/24.04.1"
    )
    told = Masker(SECRET).id(public)
    assert told.partition("/Providers")[2] == public.partition("/Providers")[2]
    assert "11111111" not in told
    gallery = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Compute/galleries/g"
    own = f"{gallery}/images/acme/versions/1.0"
    assert "acme" not in Masker(SECRET).id(own)
    assert Masker(SECRET).id(own).endswith("/versions/1.0")


# --- pseudonyms ------------------------------------------------------------------------------


def test_the_same_name_has_the_same_pseudonym_everywhere() -> None:
    records = rp.sample_vm("sql-with-ultra-data-disk")
    masked = mask(records)
    assert masked == mask(records)
    vm, *disks = masked
    assert vm["id"].endswith(f"/{vm['name']}")
    assert vm["properties"]["osProfile"]["computerName"] == vm["name"]
    assert all(disk["managedBy"] == vm["id"] for disk in disks)
    attached = {one["managedDisk"]["id"] for one in vm["properties"]["storageProfile"]["dataDisks"]}
    assert attached < {disk["id"] for disk in disks}


def test_pseudonyms_hang_on_the_secret_or_else_on_the_records() -> None:
    records = rp.sample_vm("plain-linux")
    one, other = mask(records, secret="one"), mask(records, secret="other")
    assert one != other
    assert mask([*records, {"name": "more"}])[0]["name"] != mask(records)[0]["name"]
    assert mask([*records, {"name": "more"}], secret="one")[0] == one[0]


def test_letter_case_of_names() -> None:
    masker = Masker(SECRET)
    lower, upper, mixed = (masker.name(one) for one in ("as-queue", "AS-QUEUE", "As-Queue"))
    assert lower.upper() == upper
    assert {lower, mixed.lower(), upper.lower()} == {lower}
    assert mixed not in (lower, upper)


@settings(deadline=None)
@given(
    st.lists(
        st.text(min_size=1, max_size=20), min_size=2, unique_by=lambda one: one.strip().lower()
    )
)
def test_different_names_have_different_pseudonyms(names: list[str]) -> None:
    masker = Masker(SECRET)
    assert len({masker.name(one) for one in names}) == len(names)


def test_collections_of_azure_backup_stay_what_they_are() -> None:
    assert Masker(SECRET).name("AzureBackup_sql-01_123").lower().startswith("azurebackup_n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(JSON, max_size=3))
def test_anything_can_be_masked(values: list[Any]) -> None:
    assert len(mask(values)) == len(values)


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("name", rp.sample_names())
def test_a_saved_case_is_judged_the_same(name: str, masked: bool, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    save_case(path, rp.sample_vm(name), mask=masked)
    case = open_case(path)
    assert case.masked == masked
    assert case.differences == ()
    before = rp.assess(rp.read_inventory(rp.sample_vm(name))).verdicts
    assert [one.verdict for one in case.assess().verdicts] == [one.verdict for one in before]
    if not masked:
        assert [one.vm_name for one in case.assess().verdicts] == [one.vm_name for one in before]


def test_a_case_of_files_carries_options_and_answers(tmp_path: Path) -> None:
    vm, disks = tmp_path / "sql-01.json", tmp_path / "more.ndjson"
    records = rp.sample_vm("deallocated-no-sku")
    vm.write_text(json.dumps(records[0]), encoding="utf-8")
    disks.write_text("\n".join(json.dumps(one) for one in rp.sample_vm("customer-key")))
    path, names = tmp_path / "case.json", tmp_path / "names.json"
    options: dict[str, Any] = {
        "modes": ["crash"],
        "strict": True,
        "answers": {"report-01:disk_sku": "UltraSSD_LRS", "max_shares": "1"},
    }
    save_case(path, vm, disks, mask=True, names=names, **options)
    case = open_case(path)
    assert (case.modes, case.strict) == (("crash",), True)
    assert "report-01" not in path.read_text(encoding="utf-8")
    assert "sql-01.json" not in path.read_text(encoding="utf-8")
    before = rp.assess(rp.read_inventory(vm, disks), **options).verdicts
    assert [one.verdict for one in case.assess().verdicts] == [one.verdict for one in before]
    told = json.loads(names.read_text(encoding="utf-8"))
    assert told[case.inventory.vms[0].name] == "report-01"


def test_text_with_parts_left_out_keeps_its_meaning(tmp_path: Path) -> None:
    record = rp.sample_vm("plain-linux")[0]
    text = json.dumps(record, indent=1).replace('"provisioningState"', '...\n"provisioningState"')
    save_case(tmp_path / "case.json", text, mask=True)
    case = open_case(tmp_path / "case.json")
    before = rp.assess(rp.read_inventory(text)).verdicts
    assert [one.verdict for one in case.assess().verdicts] == [one.verdict for one in before]


def test_another_matrix_shows_what_it_changes(tmp_path: Path) -> None:
    save_case(tmp_path / "case.json", rp.sample_vm("plain-linux"))
    case = json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))
    case["verdicts"][0]["verdict"] = "unknown"
    (tmp_path / "case.json").write_text(json.dumps(case), encoding="utf-8")
    (told,) = open_case(tmp_path / "case.json").differences
    assert told == "web-01, application: verdict was unknown, is supported"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no JSON", "is no file of a case"),
        ("[]", "is no file of a case; make one with"),
        ('{"rpmatrix_case": 99}', "version 99, and this package reads 1"),
        ('{"rpmatrix_case": 1}', "is not whole"),
        ('{"rpmatrix_case": 1, "layers": ["seed", "acme"], "as_of": "2026-11-22"}', "acme"),
    ],
)
def test_a_file_that_is_no_case(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CaseError, match=told):
        open_case(path)
    with pytest.raises(CaseError, match="cannot be read"):
        open_case(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("spoiled", "told"), [("id", "not judged as the original"), ("name", "would still stand")]
)
def test_a_mask_that_fails_writes_nothing(
    spoiled: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spoiled == "id":
        monkeypatch.setattr(Masker, "id", lambda self, text: text[::-1])
    else:
        kept = Masker.text

        def leaky(self: Masker, text: str, key: str = "", parent: str = "") -> str:
            made = kept(self, text, key, parent)
            return text if key == "adminUsername" else made

        monkeypatch.setattr(Masker, "text", leaky)
    with pytest.raises(CaseError, match=told):
        save_case(tmp_path / "case.json", rp.sample_vm("sql-with-ultra-data-disk"), mask=True)
    assert list(tmp_path.iterdir()) == []


def test_a_case_says_what_it_is(tmp_path: Path) -> None:
    case = save_case(tmp_path / "case.json", rp.sample_vm("plain-linux"), mask=True)
    assert isinstance(case, Case)
    assert repr(case) == "Case(1 VMs, masked, 0 differences)"
    assert set(case.provenance) == {"package", "matrix_digest"}
    assert module.VERSION == 1
