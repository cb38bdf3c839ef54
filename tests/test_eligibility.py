"""The evaluator says what the tables say, and the verdict says what was decided."""

from __future__ import annotations

import pytest
from azure import WINDOWS, Body, data_disk, disk, disk_id, merge, os_disk, sku, vm, vm_id
from cases import EXAMPLES, MATRIX, cases, vm_facts
from hypothesis import HealthCheck, given, settings
from oracle import Answer, Case, Oracle

import rpmatrix as rp
from rpmatrix.eligibility.assessment import AnswerError, Evaluator, Verdict
from rpmatrix.matrix.matrix import MODES


def answer_of(verdict: Verdict) -> Answer:
    return Answer(
        verdict.verdict,
        verdict.floor,
        verdict.ceiling,
        frozenset(one.lun for one in verdict.exclude_disks if one.lun is not None),
        frozenset(verdict.reasons),
        frozenset(verdict.caveats),
        frozenset(one.fact_id for one in verdict.missing),
        frozenset(verdict.assumptions),
    )


@pytest.fixture(scope="module", params=[False, True], ids=["with assumptions", "strict"])
def judges(request: pytest.FixtureRequest) -> tuple[Evaluator, Oracle]:
    return Evaluator(MATRIX, strict=request.param), Oracle(MATRIX, strict=request.param)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_the_compiled_rules_agree_with_the_tables_read_row_by_row(
    judges: tuple[Evaluator, Oracle], case: Case
) -> None:
    evaluator, oracle = judges
    verdicts = evaluator.verdicts(vm_facts(case))
    assert [one.mode for one in verdicts] == list(MODES)
    for verdict in verdicts:
        assert answer_of(verdict) == oracle.judge(case, verdict.mode)


@pytest.mark.parametrize(
    "records",
    [
        [vm()],
        [vm(data=[data_disk(0, **sku("UltraSSD_LRS"))], image=WINDOWS, os="Windows")],
        [vm(data=[data_disk(0)]), disk("disk-data-0", maxShares=2), disk("vm-harbour-os")],
        [vm(image=None, hardwareProfile=None)],
    ],
)
def test_a_verdict_needs_only_the_facts_that_the_rules_test(records: list[Body]) -> None:
    (found,) = rp.read_inventory(records).vms
    for strict in (False, True):
        evaluator = Evaluator(MATRIX, strict=strict, answers={"nfs_mounts": "yes"})
        assert evaluator.judge(found) == evaluator.verdicts(evaluator.read(found))


# --------------------------------------------------------------------------- answers


def verdicts_with(record: Body, **answers: str) -> dict[str, str]:
    inventory = rp.read_inventory([record, vm("vm-other")])
    assessment = rp.assess(inventory, MATRIX, answers=answers)
    return {f"{one.vm_name} {one.mode}": one.verdict for one in assessment.verdicts}


def test_an_answer_fills_in_what_no_record_tells() -> None:
    assert verdicts_with(vm(), os_architecture="32-BIT") == {
        "vm-harbour application": "not_supported",
        "vm-harbour crash": "supported",
        "vm-other application": "not_supported",
        "vm-other crash": "supported",
    }


@pytest.mark.parametrize("name", ["vm-harbour", "VM-Harbour", vm_id()])
def test_an_answer_may_be_about_one_vm(name: str) -> None:
    inventory = rp.read_inventory([vm(), vm("vm-other")])
    answers = {f"{name}:os_architecture": "32-bit"}
    found = rp.assess(inventory, MATRIX, modes=["application"], answers=answers).verdicts
    assert [one.verdict for one in found] == ["not_supported", "supported"]


def without_sku(lun: int, name: str) -> Body:
    disk_of = data_disk(lun, name)
    del disk_of["managedDisk"]["storageAccountType"]
    return disk_of


def ultra_of(answers: dict[str, str]) -> list[tuple[str, str]]:
    """Give VM and name of each disk that an answer made an Ultra Disk."""
    machines = [
        vm(name, data=[without_sku(0, "disk-a"), without_sku(1, "disk-b")])
        for name in ("vm-harbour", "vm-other")
    ]
    found = rp.assess(rp.read_inventory(machines), MATRIX, answers=answers)
    return [
        (machine.name, one.disk.name or "")
        for machine in found.inventory.vms
        for one in found.evaluator.read(machine).disks
        if one.readings["disk_sku"].value == "UltraSSD_LRS"
    ]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("", [(name, one) for name in ("vm-harbour", "vm-other") for one in ("disk-a", "disk-b")]),
        ("vm-other:", [("vm-other", "disk-a"), ("vm-other", "disk-b")]),
        ("lun:1:", [("vm-harbour", "disk-b"), ("vm-other", "disk-b")]),
        ("vm-harbour:lun:1:", [("vm-harbour", "disk-b")]),
        ("VM-Harbour:Disk-A:", [("vm-harbour", "disk-a")]),
        (f"{vm_id('vm-other')}:disk-a:", [("vm-other", "disk-a")]),
        ("os:", []),
        ("vm-harbour:disk-c:", []),
        ("disk-a:", []),  # a name alone is that of a VM
    ],
)
def test_an_answer_may_be_about_one_disk(scope: str, expected: list[tuple[str, str]]) -> None:
    assert ultra_of({f"{scope}disk_sku": "UltraSSD_LRS"}) == expected


def test_the_narrower_answer_counts_more() -> None:
    answers = {
        "disk_sku": "UltraSSD_LRS",
        "vm-other:disk_sku": "Premium_LRS",
        "vm-other:lun:0:disk_sku": "UltraSSD_LRS",
    }
    expected = [("vm-harbour", "disk-a"), ("vm-harbour", "disk-b"), ("vm-other", "disk-a")]
    assert ultra_of(answers) == expected
    assert ultra_of(dict(reversed(answers.items()))) == expected


def test_answers_about_disks_are_told_apart_from_those_about_vms() -> None:
    evaluator = Evaluator(MATRIX, answers={"vm-a:os:caching": "None", "vm-b:nfs_mounts": "no"})
    assert (evaluator.answered_disks, evaluator.answered_vms) == (("vm-a:os",), ("vm-b",))


def test_an_answer_does_not_overrule_a_record() -> None:
    record = vm(securityProfile={"securityType": "TrustedLaunch"})
    assert verdicts_with(record, security_type="ConfidentialVM")["vm-harbour crash"] == "supported"


def test_an_answered_assumption_is_not_assumed_any_more() -> None:
    record = vm()
    inventory = rp.read_inventory(record)
    taken = rp.assess(inventory, MATRIX).verdicts[0].assumptions
    assert "os_architecture" in taken
    answered = rp.assess(inventory, MATRIX, answers={"os_architecture": "64-bit"}).verdicts[0]
    assert answered.assumptions == tuple(one for one in taken if one != "os_architecture")


def test_strict_asks_what_would_be_assumed() -> None:
    verdict = rp.assess(rp.read_inventory(vm()), MATRIX, strict=True).verdicts[0]
    loose = rp.assess(rp.read_inventory(vm()), MATRIX).verdicts[0]
    assert (loose.verdict, verdict.verdict) == ("supported", "unknown")
    assert set(loose.assumptions) <= {one.fact_id for one in verdict.missing}
    assert verdict.assumptions == ()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"os_architektur": "64-bit"}, "there is no fact 'os_architektur'; did you mean os_archit"),
        ({"zzz": "1"}, "there is no fact 'zzz'; see the table facts"),
        ({"os_architecture": "16-bit"}, "os_architecture may be 64-bit, 32-bit, not '16-bit'"),
        ({"max_shares": "many"}, "max_shares is a whole number, not 'many'"),
        ({"vm-x:max_shares": "-1"}, "max_shares is a whole number, not '-1'"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(answers: dict[str, str], message: str) -> None:
    with pytest.raises(AnswerError) as refused:
        rp.assess(rp.read_inventory(vm()), MATRIX, answers=answers)
    assert message in str(refused.value)


# --------------------------------------------------------------------------- what a verdict says


def test_a_verdict_tells_what_is_missing_and_how_to_get_it() -> None:
    bare = data_disk(0, managedDisk={"storageAccountType": None})
    verdict = rp.assess(rp.read_inventory(vm(data=[bare])), MATRIX, modes=["crash"]).verdicts[0]
    (question,) = verdict.missing
    assert (verdict.verdict, verdict.floor, verdict.ceiling) == (
        "unknown",
        "exclude_disks",
        "supported",
    )
    assert question.fact_id == "disk_sku"
    assert question.disk == "disk-data-0"
    assert question.command == f"az disk show --ids {disk_id('disk-data-0')}"
    assert set(question.rows) == {"ultra-disk", "premium-ssd-v2-disk"}


def test_a_disk_that_goes_anyway_is_not_asked_about() -> None:
    open_sku = {"managedDisk": {"storageAccountType": None}}
    record = vm(data=[data_disk(0, **open_sku), data_disk(1, **open_sku)])
    shared = merge(disk("disk-data-0", maxShares=2), {"sku": None})
    verdict = rp.assess(rp.read_inventory([record, shared]), MATRIX, modes=["crash"]).verdicts[0]
    assert verdict.verdict == "unknown"
    assert [one.disk for one in verdict.missing] == ["disk-data-1"]


def test_what_records_disagree_on_is_not_asked_where_it_makes_no_difference() -> None:
    images = [
        {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": sku_of}
        for sku_of in ("2025-datacenter", "2022-datacenter-azure-edition")
    ]
    records = [vm(image=image, system=os_disk(osType=None)) for image in images]
    verdict = rp.assess(rp.read_inventory(records), MATRIX).verdicts[0]
    assert verdict.reasons[:1] == ("os-windows-not-listed",)
    assert not {"os_family", "operating_system"} & {one.fact_id for one in verdict.missing}


def test_the_publisher_tells_the_family_where_the_release_is_a_parameter() -> None:
    image = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer"}
    image["sku"] = "[parameters('sku')]"
    known = vm(image=image, system=os_disk(osType=None))
    verdict = rp.assess(rp.read_inventory(known), MATRIX, modes=["application"]).verdicts[0]
    assert verdict.verdict == "unknown"
    assert {one.fact_id for one in verdict.missing} >= {"operating_system"}
    assert not any("linux" in row for row in verdict.reasons)
    other = vm(image={**image, "publisher": "Canonical"}, system=os_disk(osType=None))
    verdict = rp.assess(rp.read_inventory([known, other]), MATRIX).verdicts[0]
    assert "os_family" in {one.fact_id for one in verdict.missing}


def test_the_worst_of_an_open_os_disk_alone_is_that_nothing_is_left() -> None:
    record = vm(system=os_disk(diffDiskSettings="[parameters('x')]"))
    verdict = rp.assess(rp.read_inventory(record), MATRIX, modes=["crash"]).verdicts[0]
    assert (verdict.floor, verdict.ceiling) == ("not_supported", "supported")
    beside = vm(system=os_disk(diffDiskSettings="[parameters('x')]"), data=[data_disk(0)])
    verdict = rp.assess(rp.read_inventory(beside), MATRIX, modes=["crash"]).verdicts[0]
    assert (verdict.floor, verdict.ceiling) == ("exclude_disks", "supported")


def test_both_readings_of_a_contradiction_are_named() -> None:
    image = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2012-R2-X"}
    verdict = rp.assess(rp.read_inventory(vm(image=image, os="Windows")), MATRIX).verdicts[0]
    assert verdict.verdict == "unknown"
    assert {"os-esu", "os-ws2012r2"} & set(verdict.reasons)
    assert verdict.rulings


def test_modes_that_are_not_asked_for_are_left_out() -> None:
    assessment = rp.assess(rp.read_inventory(vm()), MATRIX, modes=["crash"])
    assert [one.mode for one in assessment.verdicts] == ["crash"]
    assert {one.mode for one in assessment.findings} == {"crash"}


def test_progress_is_told_after_each_vm() -> None:
    told: list[int] = []
    rp.assess(rp.read_inventory([vm("vm-a"), vm("vm-b")]), MATRIX, progress=told.append)
    assert told == [1, 2]


def test_the_json_object_is_the_contract() -> None:
    record = vm(data=[data_disk(0, **sku("UltraSSD_LRS"))])
    told = rp.assess(rp.read_inventory([record, 7]), MATRIX).to_dict()
    assert list(told) == ["matrix", "verdicts", "problems", "counts"]
    article = told["matrix"].pop("article")
    assert [row["edition"] for row in article] == ["seed"]
    assert told["matrix"] == {"digest": MATRIX.digest, "layers": list(MATRIX.layers)}
    application, crash = told["verdicts"]
    assert application["mode"] == "application"
    assert list(crash) == [
        *("vm_id", "vm_name", "mode", "verdict", "floor", "ceiling", "exclude_disks", "reasons"),
        *("caveats", "assumptions", "missing", "rulings"),
    ]
    assert crash["exclude_disks"] == [
        {
            "id": disk_id("disk-data-0"),
            "name": "disk-data-0",
            "lun": 0,
            "role": "data",
            "rows": ["ultra-disk"],
        }
    ]
    assert told["problems"] == [
        {
            "file": "value 1",
            "record": "/1",
            "path": "",
            "message": "not a record but 7; leave it out",
        }
    ]
    assert told["counts"] == {"records": 2, "vms": 1, "disks": 0, "other": 0, "problems": 1}


def test_findings_name_row_place_layer_and_evidence() -> None:
    record = vm(data=[data_disk(0, **sku("UltraSSD_LRS"))])
    assessment = rp.assess(rp.read_inventory(record), MATRIX)
    (ultra,) = (
        one for one in assessment.findings if one.row_id == "ultra-disk" and one.mode == "crash"
    )
    assert (ultra.disk, ultra.outcome, ultra.applies) == ("disk-data-0", "exclude_disk", "yes")
    assert ultra.layer == MATRIX.layers[0]
    assert [one.fact_id for one in ultra.evidence] == ["disk_sku"]
    taken = [one for one in assessment.findings if one.applies == "assumed no"]
    assert {one.row_id for one in taken} >= {"shared-disk", "os-linux-32bit"}
    assert all(one.evidence[-1].how in ("assumed", "read") for one in taken)


def test_a_fact_missing_of_several_disks_is_named_once_in_the_frame() -> None:
    disks = [data_disk(0), data_disk(1)]
    for one in disks:
        del one["managedDisk"]["storageAccountType"]
    table = rp.assess(rp.read_inventory([vm(data=disks)]), MATRIX).verdicts
    assert sum(one.fact_id == "disk_sku" for one in table[1].missing) == 2
    assert table.frame()["missing"][1].split(" | ").count("disk_sku") == 1
