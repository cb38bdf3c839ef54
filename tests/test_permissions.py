"""Permissions: what operations need, the roles made of it, and roles that are checked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside import Driver, missing

import rpmatrix as rp
from rpmatrix.cli.main import main
from rpmatrix.matrix.schema import read_schema
from rpmatrix.planning.permissions import OPERATIONS, RoleError, permissions_of_steps, role_guid
from rpmatrix.planning.role_files import ROLE_WRITERS

MATRIX = rp.load_matrix()
COMPUTE = "Microsoft.Compute"
POINTS = f"{COMPUTE}/restorePointCollections/restorePoints"
SCOPES = ("/subscriptions/1f0d7c52-9b1c-4a57-8a44-3f2f8f1f7a10/resourceGroups/rg-points",)


def outside(environment: str, script: str) -> Iterator[Driver]:
    reason = missing(environment)
    if reason:
        pytest.skip(reason)
    driver = Driver(environment, script)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def parsers() -> Iterator[Driver]:
    yield from outside("parsers", "parsers_driver.py")


@pytest.fixture(scope="module")
def azure_cli() -> Iterator[Driver]:
    yield from outside("azure-cli", "azure_cli_driver.py")


# --- the table ---------------------------------------------------------------------------------


def test_the_operations_are_those_of_the_tables() -> None:
    schema = read_schema()
    assert schema["permissions"].column("operation").enum == OPERATIONS
    steps = {*schema["steps"].column("operation").enum}
    rows = MATRIX.table("permissions")
    assert {step for row in rows for step in row.members("steps")} == steps
    assert {row["operation"] for row in rows} == {*OPERATIONS}
    assert {stop for row in MATRIX.table("locks") for stop in row.members("stops")} <= {*OPERATIONS}


def test_a_condition_stands_where_it_is_needed_sometimes() -> None:
    for row in MATRIX.table("permissions"):
        assert bool(row["condition"]) == (row["needed"] == "sometimes"), row.id


@pytest.mark.parametrize(
    ("operation", "actions"),
    [
        ("list", {f"{POINTS}/read", f"{POINTS}/diskRestorePoints/read"}),
        ("create", {f"{POINTS}/write", f"{COMPUTE}/virtualMachines/read"}),
        ("copy", {f"{POINTS}/read", f"{POINTS}/write", f"{POINTS}/diskRestorePoints/read"}),
        ("restore", {f"{COMPUTE}/disks/write", f"{POINTS}/diskRestorePoints/read"}),
        (
            "grant_access",
            {
                f"{POINTS}/diskRestorePoints/beginGetAccess/action",
                f"{POINTS}/diskRestorePoints/endGetAccess/action",
            },
        ),
        ("delete", {f"{POINTS}/delete", f"{COMPUTE}/restorePointCollections/delete"}),
    ],
)
def test_what_an_operation_needs(operation: str, actions: set[str]) -> None:
    found = rp.permissions(operation)
    assert found.operations == (operation,)
    assert actions <= {*found.required} <= {*found.actions}
    assert all(one.source and one.reviewed_on for one in found.permissions)
    # Nothing that deletes, and nothing that reads data, comes along unasked.
    if operation not in ("delete",):
        assert not [action for action in found.actions if action.endswith("/delete")]


def test_several_operations_in_their_order_and_all_without_a_choice() -> None:
    assert rp.permissions("Delete", "grant-access", "create").operations == (
        *("create", "grant_access", "delete"),
    )
    assert rp.permissions().operations == OPERATIONS
    assert rp.permissions() == rp.permissions(*OPERATIONS, matrix=MATRIX)


def test_an_operation_that_is_none() -> None:
    with pytest.raises(ValueError, match="no operation 'make'; choose from list, create"):
        rp.permissions("make")


def test_locks_say_what_they_stop() -> None:
    stopped = {lock.row: lock for lock in rp.permissions("delete").locks if lock.stops}
    assert {"lock-group-delete", "lock-collection-delete"} <= {*stopped}
    assert all("delete" in lock.stops for lock in stopped.values())


# --- roles -------------------------------------------------------------------------------------


def as_shown(role: dict[str, Any]) -> list[dict[str, Any]]:
    """As ``az role definition list`` shows it."""
    entry = {"actions": role["Actions"], "notActions": role["NotActions"], "dataActions": []}
    return [{"roleName": role["Name"], "permissions": [entry], "roleType": "CustomRole"}]


def as_resource(role: dict[str, Any]) -> dict[str, Any]:
    entry = {"actions": role["Actions"], "notActions": role["NotActions"]}
    resource = {"type": "Microsoft.Authorization/roleDefinitions", "properties": {}}
    resource["properties"] = {"permissions": [entry]}
    return {"resources": [resource]}


def as_text(role: dict[str, Any]) -> str:
    return "\ufeff".join(["", json.dumps(role)])[1:]


@pytest.mark.parametrize("shape", [lambda role: role, as_shown, as_resource, as_text])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_role_has_all_that_it_was_made_for(operation: str, shape: Callable[..., Any]) -> None:
    found = rp.permissions(operation)
    assert found.lacking(shape(found.role(every=True))) == ()
    lacking = found.lacking(shape(found.role()))
    assert all(not permission.always for permission in lacking)
    assert {one.action for one in lacking} == {*found.actions} - {*found.required}


@pytest.mark.parametrize(
    ("actions", "not_actions", "lacks"),
    [
        (["*"], [], set()),
        ("*", [], set()),
        (["MICROSOFT.COMPUTE/restorepointcollections/*"], [], set()),
        (["Microsoft.Compute/*/delete", "*/read"], [], set()),
        (["Microsoft.Compute/*"], ["*/delete"], {"/delete"}),
        (
            ["Microsoft.Compute/*"],
            ["Microsoft.Compute/restorePointCollections/delete"],
            {"/delete"},
        ),
        (["*/read"], [], {"/delete"}),
        ([], [], {"/delete", "/read"}),
        (["Microsoft.Compute/restorePointCollections"], [], {"/delete", "/read"}),
    ],
)
def test_wildcards_and_exclusions_are_honoured(
    actions: Any, not_actions: list[str], lacks: set[str]
) -> None:
    found = rp.permissions("delete")
    role = {"Name": "x", "Actions": actions, "NotActions": not_actions}
    required = [one for one in found.lacking(role) if one.always]
    assert {one.action[one.action.rindex("/") :] for one in required} == lacks


def test_what_one_role_excludes_another_may_give() -> None:
    found = rp.permissions("delete")
    without = {"Actions": ["*"], "NotActions": ["*/delete"]}
    assert found.lacking(without)
    assert found.lacking([without, {"Actions": ["*/delete"], "NotActions": []}]) == ()


@pytest.mark.parametrize(
    ("role", "says"),
    [
        ("not json", "no JSON"),
        ("{}", "no role definition with actions"),
        ("[]", "no role definition with actions"),
        ('{"Actions": [1]}', "a list of texts"),
        ("[" * 9999, "no JSON"),
    ],
)
def test_what_is_no_role(role: str, says: str) -> None:
    with pytest.raises(RoleError, match=says):
        rp.permissions("list").lacking(role)


@given(st.lists(st.text(alphabet="*/aA.", max_size=6), max_size=4), st.data())
def test_more_actions_never_lack_more(actions: list[str], data: st.DataObject) -> None:
    found = rp.permissions()
    some = data.draw(st.lists(st.sampled_from(found.actions)))
    fewer = found.lacking({"Actions": some})
    assert {*found.lacking({"Actions": [*some, *actions]})} <= {*fewer}
    assert {one.action for one in fewer} == {*found.actions} - {*some}


@pytest.mark.parametrize("scope", ["", "subscriptions/1", "/", "/subscriptions/a b", "/tenants/1"])
def test_a_scope_that_is_none(scope: str) -> None:
    with pytest.raises(RoleError, match="is no scope for a role"):
        rp.permissions("list").role(scopes=[scope])


NAMES = ["Restore points", "it's ${mine} @'file' \"q\" \\ `x` $(y)", "ä\u200b\n"]


@pytest.mark.parametrize("name", NAMES)
def test_json_and_az_hold_the_same_role(name: str) -> None:
    role = rp.permissions("create", "copy").role(name, scopes=SCOPES)
    assert json.loads(ROLE_WRITERS["json"](role)) == role
    text = ROLE_WRITERS["az"](role)
    if "$'" not in text:
        create, assign = map(shlex.split, text.split("\n"))
        assert json.loads(create[create.index("--role-definition") + 1]) == role
        assert assign[assign.index("--role") + 1] == role["Name"]
        assert assign[assign.index("--scope") + 1] == SCOPES[0]


def test_bicep_names_the_same_role_alike() -> None:
    role = rp.permissions("create").role(scopes=SCOPES)
    assert role_guid(role) == role_guid(json.loads(json.dumps(role)))
    assert role_guid(role) != role_guid(rp.permissions("create").role("Another", scopes=SCOPES))


# --- plans and the command ---------------------------------------------------------------------


def test_a_plan_names_what_its_steps_need() -> None:
    assessment = rp.assess(rp.read_inventory(rp.sample_vm("plain-linux")))
    plan = rp.plan(assessment)
    needed = plan.permissions
    assert {"create", "restore", "delete"} <= {*needed.operations}
    assert "copy" not in needed.operations
    assert f"{POINTS}/write" in needed.required
    assert "lock-group-delete" in {lock.row for lock in needed.locks}
    assert f"{POINTS}/write" in plan._repr_html_()
    copied = rp.plan(assessment, target_region="westus")
    assert "copy" in copied.permissions.operations


def test_a_vm_that_gets_no_plan_needs_nothing() -> None:
    assert permissions_of_steps([], MATRIX).permissions == ()


@pytest.fixture
def vm(tmp_path: Path) -> str:
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(rp.sample_vm("plain-linux")), encoding="utf-8")
    return str(path)


def test_the_command_lists_writes_and_checks(
    tmp_path: Path, vm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["permissions", "--for", "create,copy"]) == 0
    shown = capsys.readouterr().out
    assert "To create" in shown
    assert f"{POINTS}/write" in shown
    assert "inferred from" in shown
    assert "To delete" not in shown

    assert main(["permissions", "--for", "delete", "--role", "json"]) == 0
    role = json.loads(capsys.readouterr().out)
    path = tmp_path / "role.json"
    path.write_text(json.dumps(role), encoding="utf-16")
    assert main(["permissions", "--for", "delete", "--check", str(path)]) == 0
    assert "what is always needed" in capsys.readouterr().out
    assert main(["permissions", "--for", "create", "--check", str(path), "--json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert f"{POINTS}/write" in {one["action"] for one in whole["lacking"]}
    assert whole["role"]["Actions"] == whole["required"]

    assert main(["plan", vm, "--json"]) == 0
    assert f"{POINTS}/write" in json.loads(capsys.readouterr().out)["permissions"]["required"]
    assert main(["plan", vm]) == 0
    assert "Permissions that the steps need" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--for", "make"], "no operation 'make'"),
        (["--check", "no-such-file.json"], "cannot read no-such-file.json"),
        (["--scope", "here", "--role", "az"], "is no scope for a role"),
        (["--role", "az", "--json"], "without --json and --check"),
    ],
)
def test_a_wrong_request_is_explained(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["permissions", *arguments]) == 2
    assert says in capsys.readouterr().err


# --- outside parsers ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_bicep_parses_and_declares_the_role(name: str, parsers: Driver) -> None:
    role = rp.permissions().role(name, scopes=SCOPES)
    answer = parsers.ask(language="bicep", text=ROLE_WRITERS["bicep"](role))
    assert answer["errors"] == []
    (resource,) = answer["value"]["resources"]
    assert answer["value"]["scope"] == "subscription"
    properties = resource["body"]["properties"]
    assert properties["roleName"] == role["Name"]
    assert properties["permissions"] == [{"actions": role["Actions"], "notActions": []}]
    assert properties["assignableScopes"] == role["AssignableScopes"]


@pytest.mark.parametrize("name", NAMES[:2])
@pytest.mark.parametrize("language", ["az", "json"])
def test_the_azure_cli_takes_the_role(
    tmp_path: Path, name: str, language: str, azure_cli: Driver
) -> None:
    role = rp.permissions().role(name, scopes=SCOPES)
    text = ROLE_WRITERS[language](role)
    if language == "json":
        path = tmp_path / "role.json"
        path.write_text(text, encoding="utf-8")
        argv = ["role", "definition", "create", "--role-definition", f"@{path}"]
    else:
        argv = shlex.split(text.split("\n")[0])[1:]
    (request, *_) = azure_cli.ask(argv=argv)["requests"]
    assert request["method"] == "PUT"
    assert request["url"].startswith(f"https://management.azure.com{SCOPES[0]}/providers/")
    properties = json.loads(request["body"])["properties"]
    assert properties["roleName"] == role["Name"]
    assert properties["permissions"][0]["actions"] == role["Actions"]
    assert properties["assignableScopes"] == role["AssignableScopes"]
