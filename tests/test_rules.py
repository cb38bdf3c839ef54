"""Every row of the tables has a VM to which it applies, and one to which it does not.

The tests walk the tables: a row that is added without an example fails, and so does an example
whose row is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from azure import (
    Body,
    collection,
    data_disk,
    disk,
    extension,
    instance_view,
    network_interface,
    os_disk,
    restore_point,
    scale_set_id,
    sku,
    uniform_instance,
    vm,
)

import rpmatrix as rp
from rpmatrix.eligibility.rules import compile_rules, holds
from rpmatrix.inventory.facts import FactReader
from rpmatrix.matrix.matrix import MODES

MATRIX = rp.load_matrix()
READER = MATRIX.prepared("reader", FactReader)


@dataclass(frozen=True)
class Example:
    """Records of one VM, and what a person answered about it."""

    records: tuple[Body, ...]
    answers: Mapping[str, str] = field(default_factory=dict)

    def assess(self) -> rp.Assessment:
        return rp.assess(rp.read_inventory(list(self.records)), MATRIX, answers=self.answers)

    def rows(self) -> set[str]:
        """Give the rows that surely apply, in any mode."""
        assessment = self.assess()
        told = {one.row_id for one in assessment.findings if one.applies == "yes"}
        for verdict in assessment.verdicts:
            if verdict.verdict != "unknown":
                told |= {*verdict.reasons, *verdict.caveats}
        return told


def of(*records: Body, **answers: str) -> Example:
    return Example(records, answers)


def windows(sku: str, offer: str = "WindowsServer") -> Body:
    image = {"publisher": "MicrosoftWindowsServer", "offer": offer, "sku": sku}
    return vm(image=image, os="Windows")


def linux(publisher: str, offer: str, sku: str = "one") -> Body:
    return vm(image={"publisher": publisher, "offer": offer, "sku": sku})


def with_disk(**changes: Any) -> Example:
    return of(vm(data=[data_disk(0)]), disk("disk-data-0", **changes))


PLAIN = of(vm())
EPHEMERAL = os_disk(diffDiskSettings={"option": "Local"})
BLOB = {"vhd": {"uri": "https://harbour.blob.core.windows.net/one.vhd"}, "managedDisk": None}
CUSTOMER_KEY = {"type": "EncryptionAtRestWithCustomerKey"}
DOUBLE = {"type": "EncryptionAtRestWithPlatformAndCustomerKeys"}
COPIED = {"createOption": "Copy", "sourceResourceId": "/x"}

# Row id: an example to which the row applies, and one, as near as can be, to which it does not.
SCENARIOS: dict[str, tuple[Example, Example]] = {
    "accelerated-networking": (
        of(vm(), network_interface()),
        of(vm(), network_interface(accelerated=False)),
    ),
    "ade": (
        of(vm(), extension(kind="AzureDiskEncryption")),
        of(vm(), extension(kind="CustomScript")),
    ),
    "availability-set": (of(vm(availabilitySet={"id": "/x/one"})), PLAIN),
    "azure-boost": (of(vm(), azure_boost="yes"), of(vm(), azure_boost="no")),
    "azure-migrate": (of(vm(), azure_migrate="yes"), of(vm(), azure_migrate="no")),
    "confidential-vm": (
        of(vm(securityProfile={"securityType": "ConfidentialVM"})),
        of(vm(securityProfile={"securityType": "TrustedLaunch"})),
    ),
    "custom-image": (of(vm(image={"id": "/x/images/one"})), PLAIN),
    "data-disk-from-trusted-launch-os": (
        with_disk(securityProfile={"securityType": "TrustedLaunch"}),
        of(vm(), disk("vm-harbour-os", securityProfile={"securityType": "TrustedLaunch"})),
    ),
    "dedicated-host": (of(vm(hostGroup={"id": "/x/one"})), PLAIN),
    "double-encryption": (with_disk(encryption=DOUBLE), with_disk(encryption=CUSTOMER_KEY)),
    "ephemeral-os-disk": (of(vm(system=EPHEMERAL, data=[data_disk(0)])), PLAIN),
    "gen2-vm": (
        of(vm(instanceView=instance_view())),
        of(vm(instanceView=instance_view(hyperVGeneration="V1"))),
    ),
    "host-caching": (
        of(vm(system=os_disk(caching="ReadOnly"))),
        of(vm(system=os_disk(caching="None"))),
    ),
    "host-encryption": (
        of(vm(securityProfile={"encryptionAtHost": True})),
        of(vm(securityProfile={"encryptionAtHost": False})),
    ),
    "hub-license": (of(vm(licenseType="SLES_BYOS")), of(vm(licenseType="None"))),
    "lim-move": (of(vm(), move_planned="yes"), of(vm(), move_planned="no")),
    "managed-disks": (PLAIN, of(vm(system=os_disk(**BLOB)))),
    "marketplace-image": (PLAIN, of(vm(image={"id": "/x/images/one"}))),
    "no-disk-left": (of(vm(system=EPHEMERAL)), of(vm(system=EPHEMERAL, data=[data_disk(0)]))),
    "nvme-lsv2": (of(vm(size="Standard_L8s_v2")), of(vm(size="Standard_L8s_v3"))),
    "os-crash-all": (PLAIN, of(vm(system=os_disk(osType=None), image=None))),
    "os-disk-excluded": (of(vm(system=EPHEMERAL, data=[data_disk(0)])), PLAIN),
    "os-esu": (
        of(windows("2012-R2-Datacenter"), extended_security_updates="reached"),
        of(windows("2012-R2-Datacenter"), extended_security_updates="not_reached"),
    ),
    "os-linux-32bit": (of(vm(), os_architecture="32-bit"), of(vm(), os_architecture="64-bit")),
    "os-linux-byo": (of(linux("kali-linux", "kali")), PLAIN),
    "os-linux-coreos": (of(linux("CoreOS", "CoreOS", "Stable")), of(linux("kinvolk", "flatcar-x"))),
    "os-linux-endorsed": (PLAIN, of(linux("CoreOS", "CoreOS", "Stable"))),
    "os-linux-flatcar": (of(linux("kinvolk", "flatcar-container-linux")), PLAIN),
    "os-linux-proxy-python": (
        of(vm(), proxy_without_python="yes"),
        of(windows("2022-datacenter"), proxy_without_python="yes"),
    ),
    "os-nfs": (of(vm(), nfs_mounts="yes"), of(vm(), nfs_mounts="no")),
    "os-release-not-on-list": (
        of(linux("Canonical", "UbuntuServer", "18.04-LTS")),
        of(linux("Canonical", "ubuntu-24_04-lts", "server")),
    ),
    "os-win-32bit": (
        of(windows("2022-datacenter"), os_architecture="32-bit"),
        of(vm(), os_architecture="32-bit"),
    ),
    "os-windows-10": (
        of(
            vm(
                image={"publisher": "MicrosoftWindowsDesktop", "offer": "Windows-10", "sku": "a"},
                os="Windows",
            )
        ),
        of(
            vm(
                image={"publisher": "MicrosoftWindowsDesktop", "offer": "windows-11", "sku": "a"},
                os="Windows",
            )
        ),
    ),
    "os-windows-not-listed": (of(windows("2025-datacenter")), of(windows("2022-datacenter"))),
    "os-ws2012": (of(windows("2012-Datacenter")), of(windows("2012-R2-Datacenter"))),
    "os-ws2012r2": (of(windows("2012-R2-Datacenter")), of(windows("2012-Datacenter"))),
    "os-ws2016": (of(windows("2016-Datacenter")), of(windows("2016-Nano-Server"))),
    "os-ws2019": (of(windows("2019-datacenter-core-g2")), of(windows("2016-datacenter"))),
    "os-ws2022": (of(windows("2022-datacenter")), of(windows("2022-datacenter-azure-edition"))),
    "ppg": (of(vm(proximityPlacementGroup={"id": "/x/one"})), PLAIN),
    "premium-ssd": (PLAIN, of(vm(system=os_disk(**sku("Standard_LRS"))))),
    "premium-ssd-v2-disk": (
        of(vm(data=[data_disk(0, **sku("PremiumV2_LRS"))])),
        of(vm(data=[data_disk(0)])),
    ),
    "rbac": (of(vm(), rbac_policies="yes"), of(vm(), rbac_policies="no")),
    "shared-disk": (with_disk(maxShares=2), with_disk(maxShares=1)),
    "spot-vm": (of(vm(priority="Spot")), of(vm(priority="Regular"))),
    "sse-cmk": (with_disk(encryption=CUSTOMER_KEY), with_disk()),
    "sse-pmk": (with_disk(), of(vm(data=[data_disk(0)]))),
    "standard-hdd": (of(vm(system=os_disk(**sku("Standard_LRS")))), PLAIN),
    "standard-ssd": (of(vm(system=os_disk(**sku("StandardSSD_ZRS")))), PLAIN),
    "temp-disk": (of(vm(size="Standard_D4ds_v5")), of(vm(size="Standard_D4s_v5"))),
    "trusted-launch-os-disk": (of(vm(securityProfile={"securityType": "TrustedLaunch"})), PLAIN),
    "ultra-disk": (
        of(vm(data=[data_disk(0, **sku("UltraSSD_LRS"))])),
        of(vm(data=[data_disk(0)], additionalCapabilities={"ultraSSDEnabled": True})),
    ),
    "unmanaged-disks": (of(vm(data=[data_disk(0, **BLOB)])), of(vm(data=[data_disk(0)]))),
    "vm-extensions": (of(vm(top={"resources": [extension()]})), PLAIN),
    "vmss-flex": (of(vm(virtualMachineScaleSet={"id": scale_set_id()})), PLAIN),
    "vmss-uniform": (of(uniform_instance()), of(vm(virtualMachineScaleSet={"id": scale_set_id()}))),
    "zrs-disk": (of(vm(system=os_disk(**sku("Premium_ZRS")))), PLAIN),
}

DECIDING = [row for row in MATRIX.table("scenarios") if not row["repeats"]]


def test_every_scenario_has_its_examples() -> None:
    assert {row.id for row in DECIDING} == set(SCENARIOS)


@pytest.mark.parametrize("row_id", SCENARIOS)
def test_a_scenario_applies_where_it_should_and_not_where_it_should_not(row_id: str) -> None:
    applies, does_not = SCENARIOS[row_id]
    assert row_id in applies.rows()
    assert row_id not in does_not.rows()


@pytest.mark.parametrize("row", DECIDING, ids=lambda row: row.id)
def test_the_outcome_of_a_scenario_is_the_verdict(row: Mapping[str, str]) -> None:
    """Nothing else stands in the way in these examples, so the row is heard in the verdict."""
    row_id = row["id"]
    by_mode = {one.mode: one for one in SCENARIOS[row_id][0].assess().verdicts}
    for mode in MODES:
        verdict, outcome = by_mode[mode], row[mode]
        if outcome == "not_supported":
            assert verdict.verdict == "not_supported"
            assert row_id in verdict.reasons
        elif outcome == "exclude_disk":
            assert verdict.verdict == "exclude_disks"
            assert [one.rows for one in verdict.exclude_disks] == [(row_id,)]
        elif outcome == "not_stated":
            assert verdict.verdict == "unknown"
            assert row_id in verdict.reasons
        elif outcome == "supported_with_caveat":
            assert row_id in verdict.caveats
        else:
            assert row_id not in verdict.caveats
            assert row_id not in [row for one in verdict.exclude_disks for row in one.rows]


def test_a_row_that_says_a_fact_again_is_cited_with_it() -> None:
    for row in MATRIX.table("scenarios"):
        for original in row.members("repeats"):
            assert original in SCENARIOS
            assert row.id in [one.row_id for one in MATRIX.citations(original)]
            assert row.id not in compile_rules(MATRIX).rows


# --------------------------------------------------------------------------- limits

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def points(count: int, **changes: Any) -> Example:
    made = [
        restore_point(number=number, created="2026-01-01T00:00:00Z", **changes)
        for number in range(count)
    ]
    return of(vm(), collection(points=made))


def last_point(mode: str, moment: str) -> Example:
    return of(vm(), collection(points=[restore_point(mode=mode, created=moment)]))


def collections(count: int) -> Example:
    made = [collection(f"vm-{number}", points=None) for number in range(count)]
    return of(vm(), *made)


# Row id: an example within the limit, and one just beyond it.
LIMITS: dict[str, tuple[Example, Example]] = {
    "api-app": (of(vm(), api_version="api-2021-03-01"), of(vm(), api_version="api-2020-12-01")),
    "api-crash": (of(vm(), api_version="api-2021-07-01"), of(vm(), api_version="api-2021-03-01")),
    "lim-api-app": (of(vm(), api_version="api-2021-03-01"), of(vm(), api_version="api-2020-12-01")),
    "lim-api-crash": (
        of(vm(), api_version="api-2021-03-01"),
        of(vm(), api_version="api-2020-12-01"),
    ),
    "lim-concurrent": (points(1), points(1, state="Creating")),
    "lim-rp-per-vm": (points(499), points(500)),
    "lim-rpc-per-region": (collections(9_999), collections(10_000)),
    "min-interval-app": (
        last_point("ApplicationConsistent", "2026-06-01T09:00:00Z"),
        last_point("ApplicationConsistent", "2026-06-01T09:00:01Z"),
    ),
    "min-interval-crash": (
        last_point("CrashConsistent", "2026-06-01T11:00:00Z"),
        last_point("CrashConsistent", "2026-06-01T11:00:01Z"),
    ),
}


def test_every_limit_has_its_examples() -> None:
    assert {row.id for row in MATRIX.table("limits") if row["fact_id"]} == set(LIMITS)


@pytest.mark.parametrize("row_id", LIMITS)
def test_a_limit_holds_up_to_its_number_and_not_beyond(row_id: str) -> None:
    row = MATRIX.row(row_id, "limits")
    modes = MODES if row["mode"] == "both" else (row["mode"],)
    for example, state in zip(LIMITS[row_id], ("within", "exceeded"), strict=True):
        assessment = example.assess()
        found = [
            one
            for one in assessment.limits_of(assessment.inventory.vms[0], as_of=NOW)
            if one.row_id == row_id
        ]
        assert [(one.mode, one.state) for one in found] == [(mode, state) for mode in modes]


@pytest.mark.parametrize("row_id", LIMITS)
def test_a_limit_of_which_nothing_is_known_is_unknown(row_id: str) -> None:
    assessment = PLAIN.assess()
    states = {
        one.state
        for one in assessment.limits_of(assessment.inventory.vms[0], as_of=NOW)
        if one.row_id == row_id
    }
    assert states == {"unknown"}


# --------------------------------------------------------------------------- operators


@pytest.mark.parametrize(
    ("operator", "known", "value", "expected"),
    [
        ("is", "Spot", "spot", True),
        ("is", "Spot", "Low", False),
        ("in", "low", "Low|Spot", True),
        ("in", "Regular", "Low|Spot", False),
        ("is_not", "a", "b", True),
        ("is_not", "a", "A", False),
        ("not_in", "a", "b|c", True),
        ("not_in", "C", "b|c", False),
        ("at_least", 3, "3", True),
        ("at_least", 2, "3", False),
        ("at_most", 3, "3", True),
        ("at_most", 4, "3", False),
        ("more_than", 2, "1", True),
        ("more_than", 1, "1", False),
        ("less_than", 0, "1", True),
        ("less_than", 1, "1", False),
        ("at_least", "api-2021-11-01", "api-2021-03-01", True),
        ("at_least", "api-2020-12-01", "api-2021-03-01", False),
        ("at_least", 10, "9", True),
        ("starts_with", "Premium_ZRS", "premium", True),
        ("starts_with", "Standard_LRS", "premium|ultra", False),
        ("present", "anything", "", True),
        ("absent", "anything", "", False),
    ],
)
def test_an_operator_compares_as_its_word_says(
    operator: str, known: str | int, value: str, expected: bool
) -> None:
    assert holds(operator, known, value) is expected


def test_an_operator_that_no_one_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown operator 'like'"):
        holds("like", "a", "b")


def test_a_preview_version_is_not_older_than_its_release() -> None:
    assert holds("at_least", "api-2021-07-01-preview", "api-2021-07-01")
