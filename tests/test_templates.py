"""ARM templates as one input: expressions, loops, conditions, parameters files, what-if."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import Body
from hypothesis import given, settings
from hypothesis import strategies as st

import rpmatrix as rp
from rpmatrix.inventory.template_expressions import Open, Scope
from rpmatrix.inventory.templates import expand, state_after

MATRIX = rp.load_matrix()


def scope(**parameters: Any) -> Scope:
    variables = {"prefix": "[concat(parameters('name'), '-')]", "again": "[variables('again')]"}
    given = {"name": "quay", "count": 2, "list": ["a", "b"], "sizes": {"Small": "Standard_D2s_v5"}}
    return Scope({**given, **parameters}, variables, lambda parts: "/".join(["", *parts]))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[parameters('name')]", "quay"),
        ("[Parameters('NAME')]", "quay"),
        ("[variables('prefix')]", "quay-"),
        ("[concat('vm-', parameters('name'), '-', 1)]", "vm-quay-1"),
        ("[concat(parameters('list'), createArray('c'))]", ["a", "b", "c"]),
        ("[format('{0}-{1:D3}', 'vm', 7)]", "vm-007"),
        ("[format('{{{0}}}', 'x')]", "{x}"),
        ("[parameters('sizes').small]", "Standard_D2s_v5"),
        ("[parameters('sizes')['Small']]", "Standard_D2s_v5"),
        ("[parameters('list')[1]]", "b"),
        ("[if(equals(parameters('count'), 2), 'two', 'other')]", "two"),
        ("[if(true(), 'yes', reference('x'))]", "yes"),
        ("[toLower('ABC')]", "abc"),
        ("[length(parameters('list'))]", 2),
        ("[length('word')]", 4),
        ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
        ("[substring('storage', 0, 4)]", "stor"),
        ("[replace('a-b', '-', '')]", "ab"),
        ("[split('a,b', ',')]", ["a", "b"]),
        ("[padLeft('7', 3, '0')]", "007"),
        ("[add(parameters('count'), mul(2, 3))]", 8),
        ("[mod(7, 3)]", 1),
        ("[div(-7, 2)]", -3),
        ("[and(true(), not(false()))]", True),
        ("[contains(parameters('list'), 'b')]", True),
        ("[empty('')]", True),
        ("[first(parameters('list'))]", "a"),
        ("[last('word')]", "d"),
        ("[take('word', 2)]", "wo"),
        ("[skip(createArray(1, 2, 3), 1)]", [2, 3]),
        ("[range(5, 3)]", [5, 6, 7]),
        ("[coalesce(null(), 'x')]", "x"),
        ("[json('{\"a\": [1]}').a[0]]", 1),
        ("[int('4')]", 4),
        ("[bool('True')]", True),
        ("[string(4)]", "4"),
        ("[join(createArray('a', 'b'), '/')]", "a/b"),
        ("[max(1, 5, 3)]", 5),
        ("[startsWith('Standard_D2s', 'standard')]", True),
        ("['it''s']", "it's"),
        ("[ concat( 'a' , 'b' ) ]", "ab"),
        ("[resourceId('Microsoft.Compute/disks', 'd0')]", "/Microsoft.Compute/disks/d0"),
    ],
)
def test_expressions_of_literals_have_a_value(expression: str, value: Any) -> None:
    assert scope().resolve(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        *["[parameters('absent')]", "[reference('x').y]", "[utcNow()]", "[newGuid()]"],
        *["[resourceGroup().location]", "[uniqueString('x')]", "[variables('again')]"],
        *["[concat('a', parameters('absent'))]", "[copyIndex()]", "[parameters('list')[9]]"],
        *["[", "[]", "[concat(]", "[concat('a'", "[unknown('a')]", "[1 +]", "[substring('a', 4)]"],
        *["[mod(1, 0)]", "[first('')]", "[json('{')]", "[range(0, 99999999)]", "[div(1, 0)]"],
        *["[if(parameters('absent'), 'a', 'b')]", "[format('{9}', 'a')]", "[concat(1, null())]"],
        "[" + "concat(" * 500 + "'a'" + ")" * 500 + "]",
    ],
)
def test_what_cannot_be_worked_out_stays_as_it_is_written(expression: str) -> None:
    assert scope().resolve(expression) == expression


def test_two_brackets_are_one_that_is_meant() -> None:
    assert scope().resolve("[[not an expression]") == "[[not an expression]"


def test_what_is_open_is_written_the_same_however_it_is_spelled() -> None:
    first = scope().value_of("[concat('d-', parameters('Absent'))]")
    second = scope().value_of("[ CONCAT('d-',parameters('absent')) ]")
    assert isinstance(first, Open)
    assert first == second


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="[]()'.,{}abc0123 -/parametersconcatformat", max_size=60))
def test_no_expression_is_too_odd(text: str) -> None:
    scope().resolve(f"[{text}]")


# --- templates ---------------------------------------------------------------------------------


def template(*resources: Body, **parts: Any) -> Body:
    return {**azure.to_template([]), **parts, "resources": list(resources)}


def plain(record: Body, **changes: Any) -> Body:
    (made,) = azure.to_template([record])["resources"]
    return azure.merge(made, changes)


def shared_disk(name: str, shares: Any = 2) -> Body:
    return plain(azure.merge(azure.disk("d"), {"properties": {"maxShares": shares}}), name=name)


def vm_with(disk_id: str, **changes: Any) -> Body:
    entry = {"lun": 0, "createOption": "Attach", "managedDisk": {"id": disk_id}}
    return plain(azure.vm("vm-quay", data=[entry]), **changes)


def outcome(*documents: Any) -> dict[str, tuple[str, ...]]:
    result = rp.assess(rp.read_inventory(*documents), MATRIX)
    found: dict[str, tuple[str, ...]] = {}
    for verdict in result.verdicts:
        found[verdict.vm_name] = (*found.get(verdict.vm_name, ()), verdict.verdict)
    return found


EXCLUDE = ("exclude_disks", "exclude_disks")
DEFAULTS = {"disk": {"type": "string", "defaultValue": "d0"}, "shares": {"defaultValue": 2}}
JOINED = {
    "by a literal": (vm_with("[resourceId('Microsoft.Compute/disks', 'd0')]"), shared_disk("d0")),
    "by another letter case": (
        vm_with("[ResourceID('microsoft.compute/Disks', 'D0')]"),
        shared_disk("d0"),
    ),
    "by a parameter": (
        vm_with("[resourceId('Microsoft.Compute/disks', parameters('disk'))]"),
        shared_disk("[parameters('disk')]"),
    ),
    "by a variable": (
        vm_with("[resourceId('Microsoft.Compute/disks', variables('name'))]"),
        shared_disk("d0"),
    ),
    "by a parameter without a value": (
        vm_with("[resourceId('Microsoft.Compute/disks', parameters('open'))]"),
        shared_disk("[parameters('open')]"),
    ),
    "by a function of what is open": (
        vm_with("[resourceId('Microsoft.Compute/disks', concat(parameters('open'), '-d'))]"),
        shared_disk("[concat(parameters('open'),'-d')]"),
    ),
    "by a variable that holds the id": (vm_with("[variables('id')]"), shared_disk("d0")),
    "with shares by a parameter": (
        vm_with("[resourceId('Microsoft.Compute/disks', 'd0')]"),
        shared_disk("d0", "[parameters('shares')]"),
    ),
}
VARIABLES = {
    "name": "[parameters('disk')]",
    "id": "[resourceId('Microsoft.Compute/disks', variables('name'))]",
}


@pytest.mark.parametrize("name", JOINED)
def test_a_disk_joins_the_vm_that_names_it(name: str) -> None:
    document = template(*JOINED[name], parameters=DEFAULTS, variables=VARIABLES)
    assert outcome(document) == {"vm-quay": EXCLUDE}


def test_a_literal_id_joins_what_is_given_beside() -> None:
    record = azure.merge(azure.disk("d0"), {"properties": {"maxShares": 2}})
    assert outcome(template(vm_with(azure.disk_id("d0"))), record) == {"vm-quay": EXCLUDE}


def test_disks_of_another_template_do_not_join() -> None:
    first = template(vm_with("[resourceId('Microsoft.Compute/disks', 'd0')]"))
    found = rp.read_inventory(first, template(shared_disk("d0"))).vms[0]
    assert found.disks[-1].records == ()


def test_extensions_beside_and_inside_are_those_of_the_vm() -> None:
    extension = {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "apiVersion": "2023-09-01",
        "name": "[concat(parameters('disk'), '/ade')]",
        "properties": {
            "publisher": "Microsoft.Azure.Security",
            "type": "AzureDiskEncryption",
            "typeHandlerVersion": "2.2",
        },
    }
    owner = plain(azure.vm("d0"), name="[parameters('disk')]")
    inside = {**owner, "resources": [{**extension, "type": "extensions", "name": "ade"}]}
    for document in (
        template(owner, extension, parameters=DEFAULTS),
        template(inside, parameters=DEFAULTS),
    ):
        verdict = rp.assess(rp.read_inventory(document), MATRIX).verdicts[0]
        assert "ade" in verdict.caveats


def test_a_loop_of_known_length_lists_its_disks() -> None:
    loop = {
        "name": "dataDisks",
        "count": "[parameters('count')]",
        "input": {
            "lun": "[copyIndex('dataDisks')]",
            "createOption": "Empty",
            "managedDisk": {"storageAccountType": "[variables('skus')[copyIndex('dataDisks')]]"},
        },
    }
    owner = plain(azure.vm("vm-quay"))
    storage = owner["properties"]["storageProfile"]
    del storage["dataDisks"]
    storage["copy"] = [loop]
    document = template(
        owner,
        parameters={"count": {"defaultValue": 2}},
        variables={"skus": ["Premium_LRS", "UltraSSD_LRS"]},
    )
    (found,) = rp.read_inventory(document).vms
    assert [disk.lun for disk in found.disks] == [None, 0, 1]
    assert outcome(document) == {"vm-quay": ("supported", "exclude_disks")}
    open_count = {**document, "parameters": {"count": {"type": "int"}}}
    assert set(outcome(open_count)["vm-quay"]) == {"unknown"}


def test_a_loop_of_resources_is_written_out() -> None:
    owner = plain(
        azure.vm("vm"),
        name="[concat('vm-', copyIndex(1))]",
        copy={"name": "vms", "count": "[length(parameters('names'))]"},
    )
    document = template(owner, parameters={"names": {"defaultValue": ["a", "b", "c"]}})
    assert sorted(outcome(document)) == ["vm-1", "vm-2", "vm-3"]


@pytest.mark.parametrize("count", [10**9, 10**400, -1, "many", None, [3], "[parameters('x')]"])
def test_a_loop_of_any_length_costs_little(count: Any) -> None:
    owner = plain(azure.vm("vm"), copy={"name": "vms", "count": count})
    inventory = rp.read_inventory(template(owner))
    assert len(inventory.vms) == 1
    assert any("is a loop" in note for note in inventory.notes)


def test_many_loops_in_each_other_are_bounded() -> None:
    inner = {"copy": [{"name": "a", "count": 800, "input": "[copyIndex('a')]"}]}
    for level in range(6):
        inner = {"copy": [{"name": f"l{level}", "count": 800, "input": inner}]}
    owner = plain(azure.vm("vm"))
    owner["properties"]["extra"] = inner
    assert len(rp.read_inventory(template(owner)).vms) == 1


def test_conditions_decide_what_is_deployed() -> None:
    owners = [
        plain(azure.vm(name), condition=said)
        for name, said in (
            ("vm-no", "[equals(parameters('kind'), 'none')]"),
            ("vm-yes", "[not(false())]"),
            ("vm-open", "[parameters('open')]"),
        )
    ]
    document = template(*owners, parameters={"kind": {"defaultValue": "all"}})
    assert sorted(outcome(document)) == ["vm-open", "vm-yes"]
    notes = " ".join(rp.read_inventory(document).notes)
    assert "its condition is false" in notes
    assert "only if [parameters('open')]" in notes


def parameters_file(**values: Any) -> Body:
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {name: {"value": value} for name, value in values.items()},
    }


SECURED = template(
    plain(
        azure.vm("vm-quay"), properties={"securityProfile": {"securityType": "[parameters('s')]"}}
    ),
    parameters={"s": {"type": "string", "defaultValue": "Standard"}},
)


def test_a_parameters_file_beside_its_template_is_used(tmp_path: Path) -> None:
    assert outcome(SECURED) == {"vm-quay": ("supported", "supported")}
    secret = parameters_file(s="ConfidentialVM")
    assert outcome(SECURED, secret) == {"vm-quay": ("not_supported", "not_supported")}
    assert outcome(secret, SECURED) == {"vm-quay": ("not_supported", "not_supported")}
    for name, content in (
        ("main.json", SECURED),
        ("main.parameters.json", secret),
        ("other.json", template(plain(azure.vm("vm-other")))),
        ("other.parameters.json", parameters_file(s="Standard")),
    ):
        (tmp_path / name).write_text(json.dumps(content))
    found = outcome(tmp_path)
    assert found["vm-quay"] == ("not_supported", "not_supported")
    assert found["vm-other"] == ("supported", "supported")


def test_a_value_from_a_vault_is_not_known() -> None:
    secret = parameters_file()
    secret["parameters"]["s"] = {"reference": {"keyVault": {"id": "/x"}, "secretName": "s"}}
    document = template(*SECURED["resources"], parameters={"s": {"type": "secureString"}})
    assert outcome(document, secret)["vm-quay"] == ("unknown", "unknown")


def test_resources_by_symbolic_names_and_those_that_exist() -> None:
    owner, disk = JOINED["by a literal"]
    document = {
        **template(),
        "languageVersion": "2.0",
        "metadata": {"_generator": {"name": "bicep", "version": "0.30.23"}},
        "resources": {"vm": owner, "disk": disk, "old": {**shared_disk("d1"), "existing": True}},
    }
    inventory = rp.read_inventory(document)
    assert outcome(document) == {"vm-quay": EXCLUDE}
    assert len(inventory.disks) == 1


@pytest.mark.parametrize(("scope_name", "right"), [("inner", "ConfidentialVM"), ("outer", None)])
def test_nested_deployments_have_parameters_of_their_own(scope_name: str, right: Any) -> None:
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": scope_name},
            "parameters": {"s": {"value": "[parameters('kind')]"}},
            "template": SECURED,
        },
    }
    document = template(nested, parameters={"kind": {"defaultValue": "ConfidentialVM"}})
    right_outcome = {"inner": "not_supported", "outer": "unknown"}[scope_name]
    assert outcome(document)["vm-quay"] == (right_outcome, right_outcome)


def test_evidence_shows_the_expression_and_its_value() -> None:
    document = template(*JOINED["with shares by a parameter"], parameters=DEFAULTS)
    explained = rp.assess(rp.read_inventory(document), MATRIX).explain("vm-quay")
    shown = [one for finding in explained.findings for one in finding.evidence]
    (shares,) = {(one.path, one.shown) for one in shown if one.fact_id == "max_shares"} - {("", "")}
    assert shares == ("properties.maxShares = [parameters('shares')]", "2")


def test_a_hostile_template_gives_an_expansion() -> None:
    names = {f"v{n}": f"[concat(variables('v{n + 1}'), variables('v{n + 1}'))]" for n in range(60)}
    document = template(
        plain(azure.vm("vm"), name="[variables('v0')]"), variables={**names, "v60": "x" * 1000}
    )
    assert len(expand(document, "").resources) == 1


# --- what-if -----------------------------------------------------------------------------------


def change(kind: str, **parts: Any) -> Body:
    return {"resourceId": azure.vm_id("vm-quay"), "changeType": kind, **parts}


def state(security: str) -> Body:
    record = azure.vm("vm-quay", securityProfile={"securityType": security})
    return {key: value for key, value in record.items() if key != "id"}


CONFIDENTIAL, TRUSTED = state("ConfidentialVM"), state("TrustedLaunch")
DELTA = [
    {
        "path": "properties",
        "propertyChangeType": "Modify",
        "children": [
            {
                "path": "securityProfile.securityType",
                "propertyChangeType": "Modify",
                "before": "TrustedLaunch",
                "after": "ConfidentialVM",
            }
        ],
    }
]
CHANGES = {
    "created": (change("Create", before=None, after=CONFIDENTIAL), "not_supported"),
    "modified": (change("Modify", before=TRUSTED, after=CONFIDENTIAL), "not_supported"),
    "modified by deltas": (change("Modify", before=TRUSTED, delta=DELTA), "not_supported"),
    "left alone": (change("NoChange", before=TRUSTED, after=None), "supported"),
    "ignored": (change("Ignore", before=TRUSTED), "supported"),
}


@pytest.mark.parametrize("form", ["client", "service", "PowerShell"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_if_is_read_as_the_state_after(name: str, form: str) -> None:
    made, right = CHANGES[name]
    document = {
        "client": {"changes": [made], "error": None, "status": "Succeeded"},
        "service": {"status": "Succeeded", "properties": {"changes": [made]}},
        "PowerShell": {
            "Status": "Succeeded",
            "Changes": [
                {
                    {"resourceId": "FullyQualifiedResourceId"}.get(
                        key, key[:1].upper() + key[1:]
                    ): value
                    for key, value in made.items()
                }
            ],
        },
    }[form]
    assert outcome(document) == {"vm-quay": (right, right)}


def test_what_is_deleted_is_left_out_and_what_is_not_told_is_a_problem() -> None:
    changes = [change("Delete", before=TRUSTED), change("Unsupported", unsupportedReason="nested")]
    inventory = rp.read_inventory({"changes": changes})
    assert inventory.vms == ()
    assert any("is deleted" in note for note in inventory.notes)
    assert "nested" in inventory.problems[0].message
    assert state_after(change("Deploy"))[0] is None
