"""Which system a VM runs, by what its image, its disk and its guest are called.

`data/systems.csv` holds names of images and guests as Azure and its agents write them, with what
each of them must lead to. Rows of ``operating_systems`` bring examples of their own.
"""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import Body, disk, instance_view, vm
from estates import differences

import rpmatrix as rp
from rpmatrix.fleet.result import assess_files
from rpmatrix.inventory.facts import FactReader
from rpmatrix.inventory.readings import Reading
from rpmatrix.matrix.system_patterns import IMAGE_PARTS, SystemPatterns, fits, parts_of

MATRIX = rp.load_matrix()
READER = MATRIX.prepared("reader", FactReader)
ROWS = {row.id: row for row in MATRIX.table("operating_systems")}
PATTERNS = SystemPatterns(ROWS.values())
CAVEAT = "os-release-not-on-list"
NAMES = list(csv.DictReader((Path(__file__).parent / "data/systems.csv").open(encoding="utf-8")))


def image_of(name: str) -> Body:
    return dict(zip(("publisher", "offer", "sku"), name.split(":"), strict=True))


def named(name: str, family: str, vm_name: str = "vm-harbour", **changes: Any) -> Body:
    """Give a VM that says this: an image with two colons, else a guest."""
    if name.count(":") == IMAGE_PARTS - 1:
        return vm(vm_name, image=image_of(name), os=family, **changes)
    guest, _, version = name.partition(":")
    view = instance_view(vm_name, guest, version)
    return vm(vm_name, **{"image": None, "os": family, "instanceView": view, **changes})


def reading(fact_id: str, *records: Body) -> Reading:
    return READER.read(rp.read_inventory(list(records)).vms[0]).readings[fact_id]


def system_of(*records: Body) -> str:
    """Give the row, or the rows of which one must be the one."""
    found = reading("operating_system", *records)
    return str(found.value) if found.value is not None else "|".join(map(str, found.options))


def application(*records: Body, **options: Any) -> rp.Verdict:
    return rp.assess(rp.read_inventory(list(records)), MATRIX, **options).verdicts[0]


# --------------------------------------------------------------------------- names of the field


@pytest.mark.parametrize("expected", NAMES, ids=[one["name"] for one in NAMES])
def test_a_name_leads_to_its_system_and_its_verdict(expected: dict[str, str]) -> None:
    record = named(expected["name"], expected["family"])
    verdict = application(record)
    caveat = "yes" if CAVEAT in verdict.caveats else ""
    if CAVEAT in verdict.possible_caveats and "|" not in system_of(record) != "":
        caveat = "?"
    assert (system_of(record), verdict.verdict, caveat) == (
        expected["system"],
        expected["application"],
        expected["not_on_list"],
    )
    system = ROWS.get(expected["system"])
    if system is not None:
        own = {row["scenario_id"] for row in ROWS.values()} & {*verdict.reasons}
        ruled = {"os-esu"} if verdict.verdict == "unknown" and system["support_ends"] else set()
        assert own == (ruled or {system["scenario_id"]})


def test_a_fleet_gives_the_same_answers(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    records = [named(one["name"], one["family"], f"vm-{at}") for at, one in enumerate(NAMES)]
    path.write_text(json.dumps(records))
    assert differences(assess_files(path), path) == []


def test_a_guest_that_is_named_is_not_asked_for_again() -> None:
    for one in NAMES:
        verdict = application(named(one["name"], one["family"]))
        asked = {question.fact_id for question in verdict.missing}
        assert ("operating_system" in asked) == (
            one["name"].count(":") == 2
            and (one["system"] == "" or "|" in one["system"])
            and len({ROWS[row]["scenario_id"] for row in one["system"].split("|") if row}) != 1
        ), one["name"]


# --------------------------------------------------------------------------- rows of the table


@pytest.mark.parametrize("row_id", ROWS)
def test_a_row_has_examples_for_its_patterns(row_id: str) -> None:
    row = ROWS[row_id]
    assert row["counterexamples"]
    for column in ("image_patterns", "os_name_patterns", "derived_image_patterns"):
        width = 2 if column == "os_name_patterns" else IMAGE_PARTS
        mine = [parts_of(name) for name in row.members("examples")]
        mine = [(*parts, "")[:width] for parts in mine if (len(parts) < IMAGE_PARTS) == (width < 3)]
        patterns = row.members(column)
        hit = [any(fits(parts_of(pattern), parts) for parts in mine) for pattern in patterns]
        # One image of another publisher stands for all.
        assert any([*hit, not hit]) if column.startswith("derived") else all(hit), column


@pytest.mark.parametrize("row_id", ROWS)
def test_an_example_is_read_wherever_it_stands(row_id: str) -> None:
    row = ROWS[row_id]
    family = row["family"]
    for name in row.members("examples"):
        spelled = [name, name.upper(), name.lower()]
        for one in spelled:
            assert row_id in system_of(named(one, family)).split("|")
        if name.count(":") == IMAGE_PARTS - 1:
            image = image_of(name)
            plan = dict(zip(("publisher", "product", "name"), image.values(), strict=True))
            os = disk("vm-harbour-os", osType=family, purchasePlan=plan)
            assert row_id in system_of(vm(image=None, os=family), os).split("|")
        else:
            record = named(name, family)
            assert system_of(azure.to_resource_graph(record)) == row_id
            # The guest is believed before the image, since a system may be upgraded in place.
            image = image_of("Canonical:UbuntuServer:18.04-LTS")
            if family == "Windows":
                image = image_of("MicrosoftWindowsServer:WindowsServer:2019-Datacenter")
            assert system_of(named(name, family, image=image)) == row_id


@pytest.mark.parametrize("row_id", ROWS)
def test_a_system_decides_by_its_scenario(row_id: str) -> None:
    row = ROWS[row_id]
    name = next(one for one in row.members("examples") if one.count(":") < IMAGE_PARTS - 1)
    assessment = rp.assess(rp.read_inventory(named(name, row["family"])), MATRIX)
    applying = {one.row_id for one in assessment.findings if one.applies == "yes"}
    assert applying & {one["scenario_id"] for one in ROWS.values()} == {row["scenario_id"]}


# --------------------------------------------------------------------------- what is not told

UNKNOWN_SKU = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "[x]"}


@pytest.mark.parametrize(
    ("image", "system", "caveat"),
    [
        ({"publisher": "Canonical", "offer": "UbuntuServer", "sku": "[x]"}, "ubuntu", "yes"),
        ({"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "[x]"}, "ubuntu", ""),
        ({"publisher": "RedHat", "offer": "RHEL", "sku": "[x]"}, "rhel", "?"),
        ({"publisher": "SUSE", "offer": "sles-15-sp5", "sku": "[x]"}, "sles", ""),
        (UNKNOWN_SKU, "", ""),
    ],
)
def test_a_part_of_an_image_that_is_not_known_yet_may_not_matter(
    image: Body, system: str, caveat: str
) -> None:
    family = "Windows" if image is UNKNOWN_SKU else "Linux"
    verdict = application(record := vm(image=image, os=family))
    assert system_of(record) == system
    assert (CAVEAT in verdict.caveats) == (caveat == "yes")
    if system:
        assert (CAVEAT in verdict.possible_caveats) == (caveat == "?")


def test_an_image_that_no_row_names_asks_for_the_guest() -> None:
    verdict = application(named("someone:debian:12", "Linux"))
    assert (verdict.verdict, verdict.floor, verdict.ceiling) == (
        "unknown",
        "not_supported",
        "supported",
    )
    (question,) = (one for one in verdict.missing if one.fact_id == "operating_system")
    assert "is built on debian by another publisher" in question.why
    verdict = application(named("someone:appliance:12", "Linux"))
    (question,) = (one for one in verdict.missing if one.fact_id == "operating_system")
    assert "no row of operating_systems knows 'someone:appliance:12'" in question.why
    assert "get-instance-view" in question.command


def test_an_agent_that_finds_no_name_says_nothing() -> None:
    image = image_of("Debian:debian-12:12")
    for name in ("UNKNOWN", " ", ""):
        assert system_of(named(f"{name}:FFFF", "Linux", image=image)) == "debian"


def test_the_disk_tells_of_the_image_that_a_vm_does_not() -> None:
    image = (
        "/Subscriptions/x/Providers/Microsoft.Compute/Locations/westeurope/Publishers/Canonical/"
        "ArtifactTypes/VMImage/Offers/UbuntuServer/Skus/18.04-LTS/Versions/1"
    )
    made = {"createOption": "FromImage", "imageReference": {"id": image}}
    records = [vm(image=None), disk("vm-harbour-os", creationData=made)]
    assert system_of(*records) == "ubuntu"
    assert CAVEAT in application(*records).caveats


# --------------------------------------------------------------------------- what disagrees


def test_an_upgrade_in_place_shows_both_names() -> None:
    image = image_of("MicrosoftWindowsServer:WindowsServer:2016-Datacenter")
    record = named("Windows Server 2022 Datacenter:10.0.20348", "Windows", image=image)
    assert system_of(record) == "windows-server-2022"
    shown = reading("operating_system", record).evidence("operating_system").shown
    assert "Windows Server 2022 Datacenter" in shown
    assert "2016-datacenter" in shown


def test_the_guest_tells_the_release_before_the_image() -> None:
    record = named("ubuntu:22.04", "Linux", image=image_of("Canonical:UbuntuServer:18.04-LTS"))
    assert application(record).caveats == application(named("ubuntu:22.04", "Linux")).caveats
    shown = reading("endorsed_release", record).evidence("endorsed_release").shown
    assert "18.04-lts" in shown
    # A guest does not name the publisher of its image.
    record = named("rocky:9.3", "Linux", image=image_of("resf:rockylinux-x86_64:9-base"))
    assert CAVEAT in application(record).caveats


WINDOWS_PROFILE = {"computerName": "x", "windowsConfiguration": {"provisionVMAgent": True}}
LINUX_PROFILE = {"computerName": "x", "linuxConfiguration": {}}


@pytest.mark.parametrize(
    ("records", "values"),
    {
        "image": (
            [named("Canonical:UbuntuServer:18.04-LTS", "Windows")],
            ("ubuntuserver", "Windows"),
        ),
        "image of a publisher": (
            [vm(image={"publisher": "Canonical", "offer": "[x]", "sku": "[y]"}, os="Windows")],
            ("canonical", "Windows"),
        ),
        "image of another publisher": (
            [named("microsoft-dsvm:ubuntu-2004:2004", "Windows")],
            ("ubuntu-2004", "Windows"),
        ),
        "guest": ([named("ubuntu:22.04", "Windows")], ("ubuntu", "Windows")),
        "guest of Windows": (
            [named("Windows Server 2022 Datacenter:10.0", "Linux")],
            ("Windows Server 2022", "Linux"),
        ),
        "profile": (
            [vm(image=None, os="Linux", osProfile=WINDOWS_PROFILE)],
            ("Linux", "Windows"),
        ),
        "disk": (
            [vm(image=None, os="Linux"), disk("vm-harbour-os", osType="Windows")],
            ("Linux", "Windows"),
        ),
    }.values(),
    ids=lambda value: "",
)
def test_families_that_contradict_each_other_leave_it_open(
    records: list[Body], values: tuple[str, ...]
) -> None:
    verdict = application(*records)
    assert verdict.verdict == "unknown"
    family = reading("os_family", *records)
    assert family.value is None
    assert {*family.options} == {"Windows", "Linux"}
    assert all(value in family.why for value in values)
    assert any(one.fact_id == "os_family" for one in verdict.missing)


def test_a_family_that_a_guest_and_the_disk_agree_on_stands() -> None:
    image = image_of("Canonical:UbuntuServer:18.04-LTS")
    record = named("Windows Server 2022 Datacenter:10.0", "Windows", image=image)
    assert system_of(record) == "windows-server-2022"
    assert application(record).verdict == "supported"


def test_a_strange_guest_takes_its_family_from_the_disk() -> None:
    for family, system in (("Linux", "other-linux"), ("Windows", "other-windows")):
        assert system_of(named("zentyal:7", family)) == system
    bare = named("zentyal:7", "Linux")
    del bare["properties"]["storageProfile"]["osDisk"]["osType"]
    bare["properties"].pop("osProfile", None)
    assert system_of(bare) == "other-linux|other-windows"


def test_records_that_name_two_systems_leave_it_open() -> None:
    records = [named("ubuntu:22.04", "Linux"), named("debian:12", "Linux")]
    assert system_of(*records) == "ubuntu|debian"


# --------------------------------------------------------------------------- the calendar

CALENDAR = [
    ("Windows Server 2016 Datacenter:10.0", "2027-01-12", "supported"),
    ("Windows Server 2016 Datacenter:10.0", "2027-01-13", "unknown"),
    ("Windows Server 2019 Datacenter:10.0", "2029-01-09", "supported"),
    ("Windows Server 2019 Datacenter:10.0", "2029-01-10", "unknown"),
    ("Windows Server 2022 Standard:10.0", "2031-10-14", "supported"),
    ("Windows Server 2022 Standard:10.0", "2031-10-15", "unknown"),
    ("Windows 10 Enterprise LTSC 2019:10.0.17763", "2029-01-09", "supported"),
    ("Windows 10 Enterprise LTSC 2019:10.0.17763", "2029-01-10", "unknown"),
    ("Windows 10 Enterprise LTSC 2021:10.0.19044", "2027-01-12", "supported"),
    ("Windows 10 Enterprise LTSC 2021:10.0.19044", "2027-01-13", "unknown"),
    ("Windows 10 Pro:10.0.19045", "2025-10-14", "supported"),
    ("Windows 10 Pro:10.0.19045", "2025-10-15", "unknown"),
    ("Windows Server 2012 R2 Datacenter:6.3", "2023-10-10", "supported"),
    ("Windows Server 2012 R2 Datacenter:6.3", "2023-10-11", "unknown"),
]


@pytest.mark.parametrize(("name", "day", "verdict"), CALENDAR)
def test_support_lasts_until_its_last_day(name: str, day: str, verdict: str) -> None:
    matrix = rp.load_matrix(as_of=date.fromisoformat(day))
    inventory = rp.read_inventory(named(name, "Windows"))
    assert rp.assess(inventory, matrix).verdicts[0].verdict == verdict


def test_the_calendar_counts_for_a_system_that_was_answered() -> None:
    record = vm(image=None, os="Windows", osProfile=WINDOWS_PROFILE)
    answers = {"operating_system": "windows-server-2016"}
    for day, verdict in (("2027-01-12", "supported"), ("2027-01-13", "unknown")):
        matrix = rp.load_matrix(as_of=date.fromisoformat(day))
        found = rp.assess(rp.read_inventory(record), matrix, answers=answers).verdicts[0]
        assert found.verdict == verdict
        asked = {one.fact_id for one in found.missing}
        assert asked == ({"extended_security_updates"} if verdict == "unknown" else set())
