"""The commands do what their operation says, and the judges are tools from outside.

The Azure CLI's own parser and serialiser, bash, grammars of PowerShell, Bicep and HCL, Azure's
own Bicep types and, where it is installed, Terraform read what the project writes. How to get
them stands in `tools/setup_outside.py`.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside import Driver, bicep_types, missing
from overlays import write_overlay

from rpmatrix.matrix.matrix import load_matrix
from rpmatrix.matrix.schema import read_schema
from rpmatrix.planning.commands import operations
from rpmatrix.planning.commands.operations import (
    ApiVersionError,
    CopyRestorePoint,
    CreateCollection,
    CreateDisk,
    CreateRestorePoint,
    DeleteCollection,
    DeleteRestorePoint,
    DiskEncryption,
    FollowProgress,
    GrantAccess,
    ListCollections,
    ListDiskRestorePoints,
    ListDisks,
    ListRestorePoints,
    Operation,
    RevokeAccess,
    ShowDisk,
    ShowVm,
    UpdateCollection,
    WaitForRestorePoint,
    api_versions,
    choose_api_version,
)
from rpmatrix.planning.commands.write import CLIENTS, Command, write

API = api_versions()

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/web-1"
OS_DISK = f"{COMPUTE}/disks/web-1-os"
DATA_DISKS = (f"{COMPUTE}/disks/web-1-data-0", f"{COMPUTE}/disks/web-1-data-1")
SETS = (f"{COMPUTE}/diskEncryptionSets/blue", f"{COMPUTE}/diskEncryptionSets/green")
COLLECTION = f"{COMPUTE}/restorePointCollections/web-1"
POINT = f"{COLLECTION}/restorePoints/monday"
OS_POINT = f"{POINT}/diskRestorePoints/web-1-os_1"
DATA_POINTS = (f"{POINT}/diskRestorePoints/web-1-data-0_1", f"{POINT}/diskRestorePoints/d_2")
PLATFORM = "EncryptionAtRestWithPlatformKey"
CUSTOMER = "EncryptionAtRestWithCustomerKey"
BOTH = "EncryptionAtRestWithPlatformAndCustomerKeys"

in_collection = {"subscription_id": SUBSCRIPTION, "resource_group": "web", "collection": "web-1"}
in_target = {**in_collection, "collection": "web-1-westeurope"}
on_point = {**in_collection, "restore_point": "monday"}
on_disk_point = {**on_point, "disk_restore_point": "web-1-os_1"}
new_disk = {
    "subscription_id": SUBSCRIPTION,
    "resource_group": "web",
    "disk": "web-1-restored",
    "location": "northeurope",
    "disk_restore_point_id": OS_POINT,
    "sku": "Premium_LRS",
}


# --- the catalogue: every operation with its options --------------------------------------------


def encryptions(os_source: str, data_sources: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
    def os(**how: Any) -> DiskEncryption:
        return DiskEncryption(source_id=os_source, role="os", **how)

    def data(number: int, **how: Any) -> DiskEncryption:
        return DiskEncryption(source_id=data_sources[number], role="data", **how)

    blue, green = ({"disk_encryption_set_id": id_} for id_ in SETS)
    return {
        "": (),
        "os-platform": (os(type=PLATFORM),),
        "os-set": (os(**blue),),
        "os-and-data": (
            os(type=CUSTOMER, **blue),
            data(0, type=CUSTOMER, **blue),
            data(1, type=BOTH, **green),
        ),
        "data-sets": (data(0, **blue), data(1, **green)),
        "data-platform": (data(0, type=PLATFORM), data(1, type=PLATFORM)),
        "data-mixed": (data(0, type=CUSTOMER, **blue), data(1, type=PLATFORM)),
    }


def catalogue() -> Iterator[tuple[str, Operation]]:
    yield "show-vm", ShowVm(vm_id=VM)
    yield "show-vm-instance-view", ShowVm(vm_id=VM, instance_view=True)
    yield "show-disk", ShowDisk(disk_id=OS_DISK)
    for group in (None, "web"):
        scope = {"subscription_id": SUBSCRIPTION, "resource_group": group}
        yield f"list-disks-{group}", ListDisks(**scope)
        yield f"list-collections-{group}", ListCollections(**scope)
    for tags, instant in itertools.product(
        ({}, {"owner": "web team", "stage": "a=b"}), (None, True)
    ):
        options = {"tags": tags, "instant_access": instant}
        name = f"{'-tags' if tags else ''}{'-instant' if instant else ''}"
        yield (
            f"create-collection{name}",
            CreateCollection(**in_collection, location="northeurope", source_id=VM, **options),
        )
        yield (
            f"create-target-collection{name}",
            CreateCollection(**in_target, location="westeurope", source_id=COLLECTION, **options),
        )
    yield (
        "no-instant",
        CreateCollection(
            **in_collection, location="northeurope", source_id=VM, instant_access=False
        ),
    )
    for tags, instant in (({"a": "b"}, None), ({}, None), (None, False), ({"a": "b c"}, True)):
        yield (
            f"update-collection-{tags}-{instant}",
            UpdateCollection(**in_collection, tags=tags, instant_access=instant),
        )
    for mode, excluded, (encryption, disks), minutes in itertools.product(
        ("application", "crash"), (0, 1, 2), encryptions(OS_DISK, DATA_DISKS).items(), (None, 120)
    ):
        others = [id_ for id_ in DATA_DISKS if all(id_ != disk.source_id for disk in disks)]
        if excluded > len(others):
            continue
        yield (
            f"create-{mode}-exclude{excluded}-{encryption}-{minutes}",
            CreateRestorePoint(
                **on_point,
                consistency_mode=mode,
                exclude_disk_ids=tuple(others[:excluded]),
                disk_encryption=disks,
                instant_access_minutes=minutes,
                no_wait=minutes is not None,
            ),
        )
    for encryption, disks in encryptions(OS_POINT, DATA_POINTS).items():
        yield (
            f"copy-{encryption}",
            CopyRestorePoint(
                **in_target,
                restore_point="monday",
                source_restore_point_id=POINT,
                disk_encryption=disks,
                no_wait=not disks,
            ),
        )
    yield "follow", FollowProgress(**on_point)
    yield "list-points", ListRestorePoints(**in_collection)
    yield "wait-created", WaitForRestorePoint(**on_point)
    yield "wait-deleted", WaitForRestorePoint(**on_point, until="deleted")
    for no_wait in (False, True):
        yield f"delete-point-{no_wait}", DeleteRestorePoint(**on_point, no_wait=no_wait)
        yield f"delete-collection-{no_wait}", DeleteCollection(**in_collection, no_wait=no_wait)
    yield "list-disk-points", ListDiskRestorePoints(**on_point)
    yield "show-disk-point", ListDiskRestorePoints(**on_disk_point)
    for state, format_ in itertools.product((False, True), (None, "VHD")):
        yield (
            f"grant-{state}-{format_}",
            GrantAccess(
                **on_disk_point,
                duration_seconds=1800,
                secure_vm_guest_state=state,
                file_format=format_,
            ),
        )
    yield "revoke", RevokeAccess(**on_disk_point)
    for zone, size, (type_, set_), sku in itertools.product(
        (None, "2"),
        (None, 256),
        ((None, None), (PLATFORM, None), (CUSTOMER, SETS[0]), (None, SETS[1])),
        ("Premium_LRS", "PremiumV2_LRS"),
    ):
        yield (
            f"disk-{zone}-{size}-{type_}-{set_ and set_[-5:]}-{sku}",
            CreateDisk(
                **{**new_disk, "sku": sku},
                zone=zone,
                size_gb=size,
                encryption_type=type_,
                disk_encryption_set_id=set_,
                no_wait=zone is None,
            ),
        )


CATALOGUE = dict(catalogue())
every_operation = pytest.mark.parametrize("operation", CATALOGUE.values(), ids=CATALOGUE.keys())


# --- values that would like to be code ------------------------------------------------------------

HOSTILE = (
    "it's",
    'say "hello"',
    "'",
    '"',
    "'''",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned;",
    "&& touch pwned",
    "| touch pwned",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "$'\\n'",
    "a\ntouch pwned\nb",
    "a\r\ntouch pwned",
    "a\n'@\ntouch pwned",
    'a\n"@\ntouch pwned',
    "tab\there",
    "\x1b[2J\x07\x7f",
    "trailing\\",
    "back\\'slash\\\\",
    "\\u0041\\x41",
    "${HOME}",
    "${path.root}",
    "%{ if true }x%{ endif }",
    "$${x} %%{y} $$${z}",
    "\\${x}",
    "$env:PATH $(1+1) @{a=1}",
    "‘;touch pwned;‘’‚‛ “x” „",
    "!! !$ !1",
    "~",
    "*",
    "?[a-z]{a,b}",
    "#comment",
    "//comment",
    "/* comment */",
    "-rf",
    "--yes",
    "@secret",
    "a=@secret",
    "=@secret",
    "null",
    "??",
    "'null'",
    "true",
    "%2F..%2f",
    "?api-version=1&x=#y",
    "{subscriptionId}",
    "{{access_token}}",
    "<b>&amp;",
    "%USERPROFILE% ^& !x!",
    "disks",
    "snapshots",
    "x" * 90,
    "naïve 名前 🙂 é",
    "rtl \u202e gpj.exe",
    "zero\u200bwidth\u00a0blank\u2028line\ufeff",
    "\U000e0041tag",
    " leading and trailing ",
    "restore\u0301",
)

characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0/")
snippets = st.sampled_from([value.replace("/", "") for value in HOSTILE if value.replace("/", "")])
names = (
    st.one_of(
        snippets,
        st.text(characters, min_size=1, max_size=40),
        st.lists(st.one_of(snippets, st.text(characters, max_size=3)), min_size=1, max_size=4).map(
            "".join
        ),
    )
    .map(lambda text: text[:90])
    .filter(lambda text: text and text not in {".", ".."})
)
tags = st.dictionaries(names, st.one_of(names, st.just("")), max_size=3).filter(
    lambda tags: len({name.casefold() for name in tags}) == len(tags)
)


def hostile_operations(name: Callable[[], str], some_tags: Mapping[str, str]) -> list[Operation]:
    """Each kind of operation with a hostile value in every place that takes one."""
    group = f"/subscriptions/{name()}/resourceGroups/{name()}/providers/Microsoft.Compute"
    collection = {"subscription_id": name(), "resource_group": name(), "collection": name()}
    point = {**collection, "restore_point": name()}
    disk_point = f"{group}/restorePointCollections/{name()}/restorePoints/{name()}"
    set_ = f"{group}/diskEncryptionSets/{name()}"
    excluded = (f"{group}/disks/1{name()}", f"{group}/disks/2{name()}")
    encrypted = DiskEncryption(
        source_id=f"{group}/disks/3{name()}", role="data", disk_encryption_set_id=set_
    )
    return [
        ShowVm(vm_id=f"{group}/virtualMachines/{name()}"),
        ShowDisk(disk_id=f"{group}/disks/{name()}"),
        CreateCollection(
            **collection,
            location="northeurope",
            source_id=f"{group}/virtualMachines/{name()}",
            tags=some_tags,
        ),
        UpdateCollection(**collection, tags=some_tags),
        CreateRestorePoint(
            **point,
            consistency_mode="crash",
            exclude_disk_ids=excluded,
            disk_encryption=(encrypted,),
        ),
        CopyRestorePoint(**point, source_restore_point_id=disk_point),
        FollowProgress(**point),
        DeleteRestorePoint(**point),
        ListRestorePoints(**collection),
        ListCollections(subscription_id=name(), resource_group=name()),
        ListDiskRestorePoints(**point, disk_restore_point=name()),
        GrantAccess(**point, disk_restore_point=name()),
        CreateDisk(
            subscription_id=name(),
            resource_group=name(),
            disk=name(),
            location="northeurope",
            disk_restore_point_id=f"{disk_point}/diskRestorePoints/{name()}",
            sku="Premium_LRS",
            disk_encryption_set_id=set_,
        ),
    ]


HOSTILE_OPERATIONS = [
    operation
    for value in HOSTILE
    for operation in hostile_operations(
        lambda value=value: value.replace("/", ""), {f"{value}{value}": value, "ok": value}
    )
]
no_deadline = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40
)


# --- the judges -----------------------------------------------------------------------------------


def outside(environment: str, script: str) -> Iterator[Driver]:
    reason = missing(environment)
    if reason:
        pytest.skip(reason)
    driver = Driver(environment, script)
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def azure_cli() -> Iterator[Driver]:
    yield from outside("azure-cli", "azure_cli_driver.py")


@pytest.fixture(scope="session")
def parsers() -> Iterator[Driver]:
    yield from outside("parsers", "parsers_driver.py")


@pytest.fixture(scope="session")
def terraform() -> str:
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed; python-hcl2 still reads the files")
    return found


class Bash:
    """Runs a text in bash with `az` replaced by a script that notes its arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        (self.folder / "secret").write_text("the content of a file", encoding="utf-8")
        self.noted = folder / "noted"
        programs = folder / "programs"
        programs.mkdir()
        az = programs / "az"
        # The count of arguments comes first, so that two calls can be told from one.
        az.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >> '{self.noted}'\n")
        az.chmod(0o755)
        self.environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C"}

    def run(self, text: str) -> list[list[str]]:
        """Return the arguments of each call of az; any other effect is an error."""
        self.noted.unlink(missing_ok=True)
        result = subprocess.run(
            ["bash", "--noprofile", "--norc"],
            input=text.encode(),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, b"", b""), text
        assert [path.name for path in self.folder.iterdir()] == ["secret"], text
        words = self.noted.read_bytes().decode().split("\0")[:-1]
        calls = []
        while words:
            count = int(words.pop(0))
            calls.append(words[:count])
            del words[:count]
        return calls


@pytest.fixture(scope="session")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Bash:
    if os.name != "posix" or shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    return Bash(tmp_path_factory.mktemp("bash"))


def meaning(command: Command) -> tuple[str, str, dict[str, str], Any]:
    """What a REST command asks for: method, decoded path, query without version, body."""
    assert command.method is not None
    assert command.path is not None
    query = {name: value for name, value in command.query.items() if name != "api-version"}
    return command.method, unquote(command.path).lower(), query, command.body


def sent(request: Mapping[str, Any]) -> tuple[str, str, dict[str, str], Any]:
    """Read a request of the Azure CLI in the same way."""
    url = urlsplit(request["url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert query.pop("api-version")
    body = json.loads(request["body"]) if request["body"] else None
    return request["method"], unquote(url.path).lower(), query, body


def through_azure_cli(operation: Operation, bash: Bash, azure_cli: Driver) -> dict[str, Any]:
    """Carry an operation out: bash, then the Azure CLI up to its HTTP client."""
    (argv,) = bash.run(write(operation, "azure_cli").text)
    gone = isinstance(operation, WaitForRestorePoint) and operation.until == "deleted"
    answer = {"error": {"code": "NotFound", "message": "gone"}}
    question = {"status": 404, "answer": answer} if gone else {}
    result = azure_cli.ask(argv=argv, **question)
    assert result["exit_code"] == 0, (argv, result)
    return result


def assert_azure_cli_means(operation: Operation, bash: Bash, azure_cli: Driver) -> None:
    result = through_azure_cli(operation, bash, azure_cli)
    (request,) = result["requests"]
    method, path, query, body = sent(request)
    if isinstance(operation, CreateDisk) and body is not None and not body.get("tags"):
        body.pop("tags", None)  # az disk create adds an empty set of tags
    assert (method, path, query, body) == meaning(write(operation, "rest"))


def parsed(parsers: Driver, language: str, text: str) -> Any:
    answer = parsers.ask(language=language, text=text)
    assert answer["errors"] == [], text
    return answer["value"]


# --- Azure CLI ------------------------------------------------------------------------------------


@every_operation
def test_azure_cli_sends_the_request(operation: Operation, bash: Bash, azure_cli: Driver) -> None:
    assert_azure_cli_means(operation, bash, azure_cli)


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_azure_cli_takes_hostile_values_literally(
    value: str, bash: Bash, azure_cli: Driver
) -> None:
    value = value.replace("/", "")
    for operation in hostile_operations(lambda: value, {f"{value}{value}": value, "ok": value}):
        assert_azure_cli_means(operation, bash, azure_cli)


@no_deadline
@given(data=st.data())
def test_azure_cli_takes_any_value_literally(
    data: st.DataObject, bash: Bash, azure_cli: Driver
) -> None:
    for operation in hostile_operations(lambda: data.draw(names), data.draw(tags)):
        assert_azure_cli_means(operation, bash, azure_cli)


@no_deadline
@given(data=st.data())
def test_bash_passes_every_value_on_unchanged(data: st.DataObject, bash: Bash) -> None:
    name, collection = data.draw(names), data.draw(names)
    operation = DeleteRestorePoint(
        subscription_id=SUBSCRIPTION,
        resource_group="web",
        collection=collection,
        restore_point=name,
    )
    command = write(operation, "azure_cli")
    if command.method is None:
        where = ["--collection-name", collection, "--name", name, "--yes"]
        arguments = ["--subscription", SUBSCRIPTION, "--resource-group", "web", *where]
        expected = ["restore-point", "delete", *arguments]
    else:
        expected = ["rest", "--method", "delete", "--url", f"{command.path}?api-version=2025-04-01"]
    assert bash.run(command.text) == [expected]


def test_azure_cli_text_shows_no_unseen_character() -> None:
    for operation in HOSTILE_OPERATIONS:
        for client in CLIENTS:
            text = write(operation, client).text
            assert not re.search(
                r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e]", text
            )


def test_azure_cli_leaves_out_what_the_notes_say(bash: Bash, azure_cli: Driver) -> None:
    point = {
        "id": POINT,
        "name": "monday",
        "properties": {
            "sourceMetadata": {"storageProfile": {"dataDisks": [{"lun": 3, "name": "data"}]}}
        },
    }
    answers = {
        FollowProgress(**on_point): point,
        ListRestorePoints(**in_collection): {
            "id": COLLECTION,
            "name": "web-1",
            "location": "northeurope",
            "properties": {"restorePoints": [point]},
        },
    }
    for operation, answer in answers.items():
        command = write(operation, "azure_cli")
        (argv,) = bash.run(command.text)
        output = azure_cli.ask(argv=argv, answer=answer)["output"]
        assert '"name": "data"' in output
        assert ("lun" not in output) == any("lun" in note for note in command.notes)


def test_azure_cli_has_no_list_of_all_disks(azure_cli: Driver) -> None:
    assert azure_cli.ask(argv=["disk", "list"])["exit_code"] != 0
    assert "az disk list" in write(ListDisks(subscription_id="s"), "azure_cli").notes[0]


def test_azure_cli_sends_the_generally_known_versions(bash: Bash, azure_cli: Driver) -> None:
    create = CreateRestorePoint(**on_point, consistency_mode="crash")
    for operation, line in ((create, "compute"), (CreateDisk(**new_disk), "disk")):
        (request,) = through_azure_cli(operation, bash, azure_cli)["requests"]
        sent = parse_qs(urlsplit(request["url"]).query)["api-version"]
        assert sent == [API.generally_known[line]]


# --- PowerShell -----------------------------------------------------------------------------------

# Parameters of each cmdlet, from its help page; Invoke-AzRestMethod is judged by its request.
CMDLETS = {
    "ConvertTo-Json": {"Depth"},
    "Get-AzDisk": {"ResourceGroupName", "DiskName"},
    "Get-AzResource": {"ResourceType", "ResourceGroupName", "ExpandProperties"},
    "Get-AzRestorePoint": {
        "ResourceGroupName",
        "RestorePointCollectionName",
        "Name",
        "InstanceView",
    },
    "Get-AzVM": {"ResourceGroupName", "Name", "Status"},
    "New-AzDisk": {"ResourceGroupName", "DiskName", "Disk", "AsJob"},
    "New-AzDiskConfig": {
        "Location",
        "CreateOption",
        "SourceResourceId",
        "SkuName",
        "Zone",
        "DiskSizeGB",
        "EncryptionType",
        "DiskEncryptionSetId",
    },
    "New-AzRestorePoint": {
        "ResourceGroupName",
        "RestorePointCollectionName",
        "Name",
        "RestorePointId",
        "DisksToExclude",
        "ConsistencyMode",
        "InstantAccessDurationInMinutes",
    },
    "New-AzRestorePointCollection": {
        "ResourceGroupName",
        "Name",
        "SourceId",
        "RestorePointCollectionId",
        "Location",
        "InstantAccess",
    },
    "Remove-AzRestorePoint": {
        "ResourceGroupName",
        "RestorePointCollectionName",
        "Name",
        "Confirm",
    },
    "Remove-AzRestorePointCollection": {"ResourceGroupName", "Name", "Confirm"},
    "Set-AzContext": {"Subscription"},
    "Start-Sleep": {"Seconds"},
    "Update-AzRestorePointCollection": {"ResourceGroupName", "Name", "Tag", "InstantAccess"},
    "Invoke-AzRestMethod": {"Method", "Path", "Payload"},
}


def read_powershell(operation: Operation, parsers: Driver) -> dict[str, dict[str, Any]]:
    """Return the parameters each Az cmdlet of a text is called with."""
    value = parsed(parsers, "powershell", write(operation, "powershell").text)
    variables = value["variables"]
    calls: dict[str, dict[str, Any]] = {}
    for name, *arguments in value["commands"]:
        if not re.fullmatch(r"[A-Z]\w+-\w+", name):
            assert name.startswith(("$point.", "$answer.")), name
            continue
        parameters: dict[str, Any] = {}
        for argument in arguments:
            word = argument["word"] if isinstance(argument, dict) else ""
            if word.startswith("@"):
                parameters |= variables["$" + word[1:]]
            elif word.startswith("-"):
                parameters[word[1:]] = True
            else:
                parameters[list(parameters)[-1]] = variables.get(word, argument)
        assert set(parameters) <= CMDLETS[name], name
        calls[name] = parameters
    return calls


def expected_powershell(operation: Operation) -> dict[str, Any]:
    """The parameters the main cmdlet must get, said a second time from the operation."""
    match operation:
        case CreateCollection():
            source = "RestorePointCollectionId" if operation.cross_region else "SourceId"
            expected: dict[str, Any] = {
                "ResourceGroupName": operation.resource_group,
                "Name": operation.collection,
                source: operation.source_id,
                "Location": operation.location,
            }
            if operation.instant_access is not None:
                expected["InstantAccess"] = operation.instant_access
            return expected
        case UpdateCollection():
            where = {"ResourceGroupName": operation.resource_group, "Name": operation.collection}
            settings = {"Tag": operation.tags, "InstantAccess": operation.instant_access}
            return {**where, **{name: one for name, one in settings.items() if one is not None}}
        case DeleteCollection():
            where = {"ResourceGroupName": operation.resource_group, "Name": operation.collection}
            return {**where, "Confirm": False}
        case ShowVm() | ShowDisk():
            vm = isinstance(operation, ShowVm)
            id_ = operation.vm_id if isinstance(operation, ShowVm) else operation.disk_id
            _, _, _, _, group, *_, name = id_.split("/")
            expected = {"ResourceGroupName": group, "Name" if vm else "DiskName": name}
            return expected | ({"Status": True} if getattr(operation, "instance_view", 0) else {})
        case ListDisks():
            return {"ResourceGroupName": operation.resource_group}
        case ListCollections():
            type_ = {"ResourceType": "Microsoft.Compute/restorePointCollections"}
            group = operation.resource_group
            where = {} if group is None else {"ResourceGroupName": group}
            return {**type_, **where, "ExpandProperties": True}
        case CreateDisk():
            return {"ResourceGroupName": operation.resource_group, "DiskName": operation.disk}
    assert isinstance(
        operation,
        CreateRestorePoint
        | CopyRestorePoint
        | FollowProgress
        | DeleteRestorePoint
        | WaitForRestorePoint,
    )
    expected = {
        "ResourceGroupName": operation.resource_group,
        "RestorePointCollectionName": operation.collection,
        "Name": operation.restore_point,
    }
    if isinstance(operation, CreateRestorePoint):
        if operation.consistency_mode == "crash":
            expected["ConsistencyMode"] = "CrashConsistent"
        if operation.exclude_disk_ids:
            expected["DisksToExclude"] = list(operation.exclude_disk_ids)
        if operation.instant_access_minutes is not None:
            expected["InstantAccessDurationInMinutes"] = operation.instant_access_minutes
    if isinstance(operation, CopyRestorePoint):
        expected["RestorePointId"] = operation.source_restore_point_id
    if isinstance(operation, FollowProgress):
        expected["InstanceView"] = True
    if isinstance(operation, DeleteRestorePoint):
        expected["Confirm"] = False
    return expected


def assert_powershell_means(operation: Operation, parsers: Driver) -> None:
    calls = read_powershell(operation, parsers)
    for helper in ("Set-AzContext", "ConvertTo-Json", "Start-Sleep", "New-AzDiskConfig"):
        helped = calls.pop(helper, None)
        if helper == "Set-AzContext" and helped is not None:
            subscription = getattr(operation, "subscription_id", None)
            if subscription is None:
                assert isinstance(operation, ShowVm | ShowDisk)
                id_ = operation.vm_id if isinstance(operation, ShowVm) else operation.disk_id
                subscription = id_.split("/")[2]
            assert helped == {"Subscription": subscription}
        if helper == "New-AzDiskConfig" and helped is not None:
            assert isinstance(operation, CreateDisk)
            assert helped["SourceResourceId"] == operation.disk_restore_point_id
            assert helped.get("DiskEncryptionSetId") == operation.disk_encryption_set_id
            assert (helped["SkuName"], helped.get("Zone")) == (operation.sku, operation.zone)
    ((name, parameters),) = calls.items()
    if name == "Invoke-AzRestMethod":
        request = {
            "method": parameters["Method"],
            "url": parameters["Path"],
            "body": parameters.get("Payload"),
        }
        assert sent(request) == meaning(write(operation, "rest"))
    else:
        parameters.pop("AsJob", None)
        parameters.pop("Disk", None)
        assert parameters == expected_powershell(operation)


@every_operation
def test_powershell_parses_and_keeps_its_arguments(operation: Operation, parsers: Driver) -> None:
    assert_powershell_means(operation, parsers)


def test_powershell_takes_hostile_values_literally(parsers: Driver) -> None:
    for operation in HOSTILE_OPERATIONS:
        assert_powershell_means(operation, parsers)


@no_deadline
@given(data=st.data())
def test_powershell_takes_any_value_literally(data: st.DataObject, parsers: Driver) -> None:
    for operation in hostile_operations(lambda: data.draw(names), data.draw(tags)):
        assert_powershell_means(operation, parsers)


# --- REST -----------------------------------------------------------------------------------------


class Reader(BaseHTTPRequestHandler):
    """The standard library's HTTP server, up to the point where a request is parsed."""

    def __init__(self, text: str) -> None:
        self.rfile = io.BytesIO(text.replace("\n", "\r\n").encode())
        self.wfile = io.BytesIO()
        self.client_address = ("", 0)
        self.raw_requestline = self.rfile.readline()
        assert self.parse_request(), self.wfile.getvalue()


def assert_rest_means(operation: Operation) -> None:
    command = write(operation, "rest")
    # An empty line ends the headers; a text without a body has none of its own.
    request = Reader(command.text if command.body is not None else command.text + "\n\n")
    assert request.command == command.method
    assert request.path.startswith("https://management.azure.com/subscriptions/")
    url = urlsplit(request.path)
    assert (url.path, url.fragment) == (command.path, "")
    assert {name: value[0] for name, value in parse_qs(url.query).items()} == command.query
    assert list(request.headers) == [
        "Authorization",
        *["Content-Type"] * (command.body is not None),
    ]
    rest = request.rfile.read()
    assert (json.loads(rest) if rest.strip() else None) == command.body
    assert text_without_variables(command.text)


def text_without_variables(text: str) -> bool:
    return re.findall(r"\{\{.*?\}\}", text) == ["{{access_token}}"]


@every_operation
def test_rest_is_an_http_request(operation: Operation) -> None:
    assert_rest_means(operation)


def test_rest_takes_hostile_values_literally() -> None:
    for operation in HOSTILE_OPERATIONS:
        assert_rest_means(operation)


@no_deadline
@given(data=st.data())
def test_rest_takes_any_value_literally(data: st.DataObject) -> None:
    for operation in hostile_operations(lambda: data.draw(names), data.draw(tags)):
        assert_rest_means(operation)


BODIES: list[tuple[Operation, str, str, Any]] = [
    (
        CreateCollection(**in_collection, location="northeurope", source_id=VM, tags={"a": "b"}),
        "PUT",
        COLLECTION,
        {
            "location": "northeurope",
            "tags": {"a": "b"},
            "properties": {"source": {"id": VM}},
        },
    ),
    (
        CreateCollection(
            **in_target, location="westeurope", source_id=COLLECTION, instant_access=True
        ),
        "PUT",
        f"{COLLECTION}-westeurope",
        {
            "location": "westeurope",
            "properties": {"source": {"id": COLLECTION}, "instantAccess": True},
        },
    ),
    (CreateRestorePoint(**on_point, consistency_mode="application"), "PUT", POINT, {}),
    (
        CreateRestorePoint(
            **on_point,
            consistency_mode="crash",
            exclude_disk_ids=DATA_DISKS,
            instant_access_minutes=60,
        ),
        "PUT",
        POINT,
        {
            "properties": {
                "consistencyMode": "CrashConsistent",
                "excludeDisks": [{"id": DATA_DISKS[0]}, {"id": DATA_DISKS[1]}],
                "instantAccessDurationMinutes": 60,
            }
        },
    ),
    (
        CreateRestorePoint(
            **on_point,
            consistency_mode="application",
            disk_encryption=encryptions(OS_DISK, DATA_DISKS)["os-and-data"][:2],
        ),
        "PUT",
        POINT,
        {
            "properties": {
                "sourceMetadata": {
                    "storageProfile": {
                        "osDisk": {
                            "managedDisk": {"id": OS_DISK},
                            "diskRestorePoint": {
                                "encryption": {
                                    "type": CUSTOMER,
                                    "diskEncryptionSet": {"id": SETS[0]},
                                }
                            },
                        },
                        "dataDisks": [
                            {
                                "managedDisk": {"id": DATA_DISKS[0]},
                                "diskRestorePoint": {
                                    "encryption": {
                                        "type": CUSTOMER,
                                        "diskEncryptionSet": {"id": SETS[0]},
                                    }
                                },
                            }
                        ],
                    }
                }
            }
        },
    ),
    (
        CopyRestorePoint(
            **in_target,
            restore_point="monday",
            source_restore_point_id=POINT,
            disk_encryption=encryptions(OS_POINT, DATA_POINTS)["os-set"],
        ),
        "PUT",
        f"{COLLECTION}-westeurope/restorePoints/monday",
        {
            "properties": {
                "sourceRestorePoint": {"id": POINT},
                "sourceMetadata": {
                    "storageProfile": {
                        "osDisk": {
                            "diskRestorePoint": {
                                "sourceDiskRestorePoint": {"id": OS_POINT},
                                "encryption": {"diskEncryptionSet": {"id": SETS[0]}},
                            }
                        }
                    }
                },
            }
        },
    ),
    (
        UpdateCollection(**in_collection, tags={}, instant_access=False),
        "PATCH",
        COLLECTION,
        {"tags": {}, "properties": {"instantAccess": False}},
    ),
    (
        GrantAccess(**on_disk_point, secure_vm_guest_state=True, file_format="VHDX"),
        "POST",
        f"{OS_POINT}/beginGetAccess",
        {
            "access": "Read",
            "durationInSeconds": 3600,
            "getSecureVMGuestStateSAS": True,
            "fileFormat": "VHDX",
        },
    ),
    (RevokeAccess(**on_disk_point), "POST", f"{OS_POINT}/endGetAccess", None),
    (
        CreateDisk(
            **new_disk, zone="3", size_gb=64, encryption_type=BOTH, disk_encryption_set_id=SETS[0]
        ),
        "PUT",
        f"{COMPUTE}/disks/web-1-restored",
        {
            "location": "northeurope",
            "sku": {"name": "Premium_LRS"},
            "zones": ["3"],
            "properties": {
                "creationData": {"createOption": "Restore", "sourceResourceId": OS_POINT},
                "diskSizeGB": 64,
                "encryption": {"type": BOTH, "diskEncryptionSetId": SETS[0]},
            },
        },
    ),
    (DeleteRestorePoint(**on_point), "DELETE", POINT, None),
    (DeleteCollection(**in_collection), "DELETE", COLLECTION, None),
    (ListDiskRestorePoints(**on_point), "GET", f"{POINT}/diskRestorePoints", None),
    (ListDiskRestorePoints(**on_disk_point), "GET", OS_POINT, None),
    (
        ListCollections(subscription_id=SUBSCRIPTION),
        "GET",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/restorePointCollections",
        None,
    ),
]


@pytest.mark.parametrize(("operation", "method", "path", "body"), BODIES)
def test_rest_request(operation: Operation, method: str, path: str, body: Any) -> None:
    command = write(operation, "rest")
    assert (command.method, command.path, command.body) == (method, path, body)


@pytest.mark.parametrize(
    ("operation", "expand"),
    [
        (FollowProgress(**on_point), "instanceView"),
        (ListRestorePoints(**in_collection), "restorePoints"),
        (ShowVm(vm_id=VM, instance_view=True), "instanceView"),
        (ShowVm(vm_id=VM), None),
        (WaitForRestorePoint(**on_point), None),
    ],
)
def test_rest_expands(operation: Operation, expand: str | None) -> None:
    assert write(operation, "rest").query.get("$expand") == expand


# --- Bicep ----------------------------------------------------------------------------------------


class Types:
    """Checks a body against the types Azure's own server tells for Bicep."""

    def __init__(self, resource_type: str) -> None:
        self.resource_type = resource_type
        found = bicep_types(resource_type)
        self.objects = {type_["name"]: type_ for type_ in found if type_["$type"] == "Object"}
        self.body = next(type_["bodyType"] for type_ in found if type_["$type"] == "Resource")

    def problems(self, body: Mapping[str, Any]) -> list[str]:
        return list(self._object(self.body, body, self.resource_type))

    def _object(self, type_: dict[str, Any], value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{path} is no object"
            return
        known = {item["name"]: item for item in type_.get("properties", [])}
        for name, item in value.items():
            here = f"{path}.{name}"
            if name in known:
                if "ReadOnly" in known[name].get("flags", ""):
                    yield f"{here} is read-only"
                yield from self._value(known[name]["type"], item, here)
            elif "additionalProperties" in type_ or "additionalPropertiesType" in type_:
                yield from self._value("string", item, here)
            else:
                yield f"{here} is unknown"
        for name, item in known.items():
            if "Required" in item.get("flags", "") and name not in value:
                yield f"{path}.{name} is required"

    def _value(self, type_: str, value: Any, path: str) -> Iterator[str]:
        if type_.endswith("[]"):
            if not isinstance(value, list):
                yield f"{path} is no array"
                return
            for index, item in enumerate(value):
                yield from self._value(type_[:-2], item, f"{path}[{index}]")
        elif type_ in self.objects:
            yield from self._object(self.objects[type_], value, path)
        elif type_ in {"string", "int", "bool"}:
            if type(value) is not {"string": str, "int": int, "bool": bool}[type_]:
                yield f"{path} is no {type_}: {value!r}"
        elif " | " in type_:
            if value not in type_.split(" | "):
                yield f"{path} is none of {type_}: {value!r}"
        else:
            yield f"{path} has the unknown type {type_}"


@pytest.fixture(scope="session")
def types() -> Callable[[str], Types]:
    reason = missing("bicep-types")
    if reason:
        pytest.skip(reason)
    made: dict[str, Types] = {}
    return lambda name: made.setdefault(name, Types(name))


def assert_bicep_means(operation: Operation, parsers: Driver) -> list[dict[str, Any]]:
    """Return the resources a Bicep text declares, after comparing them with the operation."""
    command = write(operation, "bicep")
    if not command.text:
        assert command.notes
        return []
    value = parsed(parsers, "bicep", command.text)
    *parents, resource = value["resources"]
    assert all(parent["existing"] for parent in parents)
    rest = write(operation, "rest")
    assert rest.path is not None
    reads = rest.method == "GET"
    assert resource["existing"] == reads
    assert bool(value["outputs"]) == reads
    names = [found["body"]["name"] for found in value["resources"]]
    type_, version = resource["type"].split("@")
    assert version == command.api_version == rest.api_version
    # The names, one for each part of the type, are those of the path.
    assert names == [unquote(part) for part in rest.path.split("/")[8::2]][-len(names) :]
    assert type_ == "/".join(["Microsoft.Compute", *rest.path.split("/")[7::2]])
    assert resource["parent"] == (parents[-1]["symbol"] if parents else None)
    if not reads:
        assert resource["body"] == {"name": names[-1], **(rest.body or {})}
    return [found for found in value["resources"] if not found["existing"]]


@every_operation
def test_bicep_parses_and_declares_the_body(operation: Operation, parsers: Driver) -> None:
    assert_bicep_means(operation, parsers)


@every_operation
def test_bicep_body_fits_the_resource_types(
    operation: Operation, parsers: Driver, types: Callable[[str], Types]
) -> None:
    for resource in assert_bicep_means(operation, parsers):
        problems = types(resource["type"].split("@")[0]).problems(resource["body"])
        # The types known there are older than instant access; the Azure CLI judges it.
        assert [problem for problem in problems if "instantAccess" not in problem] == []


def test_bicep_types_can_refuse(types: Callable[[str], Types]) -> None:
    point = types("Microsoft.Compute/restorePointCollections/restorePoints")
    assert point.problems({"name": "x", "properties": {"consistencyMode": "Crash"}})
    assert point.problems({"name": "x", "properties": {"excludedDisks": []}})
    assert point.problems({"name": "x", "properties": {"provisioningState": "Succeeded"}})
    assert types("Microsoft.Compute/disks").problems({"name": "x"})


def test_bicep_takes_hostile_values_literally(parsers: Driver) -> None:
    for operation in HOSTILE_OPERATIONS:
        # The grammar takes // and /* for comments even where a string begins with them, which
        # Bicep does not; those two values are left to the other languages.
        if not re.search(r"'/[/*]", write(operation, "bicep").text):
            assert_bicep_means(operation, parsers)


@no_deadline
@given(data=st.data())
def test_bicep_takes_any_value_literally(data: st.DataObject, parsers: Driver) -> None:
    for operation in hostile_operations(lambda: data.draw(names), data.draw(tags)):
        assert_bicep_means(operation, parsers)


# --- Terraform ------------------------------------------------------------------------------------


def assert_terraform_means(operation: Operation, block: Mapping[str, Any], kind: str) -> None:
    """Compare a block of azapi, however it was read, with the request of the operation."""
    rest = write(operation, "rest")
    assert rest.path is not None
    path = unquote(rest.path)
    type_, version = block["type"].split("@")
    assert version == rest.api_version
    provider, _, steps = path.partition("/providers/")[2].partition("/")
    action = block.get("action")
    assert type_ == "/".join([provider, *steps.removesuffix(f"/{action}").split("/")[::2]])
    if "name" in block:
        between = type_.removeprefix("Microsoft.Compute/").rpartition("/")[2]
        middle = "" if "/providers/" in block["parent_id"] else "/providers/Microsoft.Compute"
        assert f"{block['parent_id']}{middle}/{between}/{block['name']}" == path
    elif "resource_id" in block:
        assert block["resource_id"] + (f"/{action}" if action else "") == path
    else:
        assert path.startswith(block["parent_id"] + "/")
    expand = rest.query.get("$expand")
    assert block.get("query_parameters", {}) == ({"$expand": [expand]} if expand else {})
    if kind == "azapi_resource" and "name" in block:
        assert rest.method == "PUT"
        own = {name: block[name] for name in ("location", "tags") if name in block}
        assert {**own, **block.get("body", {})} == rest.body
    elif kind == "azapi_resource_action":
        assert block["method"] == rest.method
        assert block.get("body") == rest.body
    else:
        assert rest.method == "GET"


def read_terraform(operation: Operation, parsers: Driver) -> None:
    command = write(operation, "terraform")
    if not command.text:
        assert command.notes
        return
    value = parsed(parsers, "hcl", command.text)
    (labels,) = [*value.get("resource", []), *value.get("data", [])]
    ((kind, blocks),) = labels.items()
    ((_, block),) = blocks.items()
    assert_terraform_means(operation, block, kind)


@every_operation
def test_terraform_parses_and_declares_the_body(operation: Operation, parsers: Driver) -> None:
    read_terraform(operation, parsers)


def test_terraform_takes_hostile_values_literally(parsers: Driver) -> None:
    for operation in HOSTILE_OPERATIONS:
        read_terraform(operation, parsers)


@no_deadline
@given(data=st.data())
def test_terraform_takes_any_value_literally(data: st.DataObject, parsers: Driver) -> None:
    for operation in hostile_operations(lambda: data.draw(names), data.draw(tags)):
        read_terraform(operation, parsers)


def run_terraform(terraform: str, folder: Path, *words: str, text: str = "") -> str:
    result = subprocess.run(
        [terraform, *words],
        input=text,
        cwd=folder,
        env={**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_terraform_itself_evaluates_to_the_body(terraform: str, tmp_path: Path) -> None:
    # What stands between the braces of a block of attributes also stands between those of an
    # object, so Terraform can evaluate it without the provider.
    operations_ = [*CATALOGUE.values(), *HOSTILE_OPERATIONS]
    kinds: dict[str, tuple[Operation, str]] = {}
    with (tmp_path / "main.tf").open("w", encoding="utf-8") as file:
        file.write("locals {\n")
        for number, operation in enumerate(operations_):
            text = write(operation, "terraform").text
            if not text:
                continue
            block = text.split("\n\noutput ")[0]
            head, _, rest = block.partition("\n")
            kind = re.fullmatch(r'(?:data|resource) "(\w+)" "\w+" \{', head)
            assert kind is not None
            kinds[f"case_{number}"] = (operation, kind[1])
            file.write(f"case_{number} = {{\n{rest}\n")
        file.write("all = {\n")
        file.writelines(f"{name} = local.{name}\n" for name in kinds)
        file.write("}\n}\n")
    # Base64, because the console would escape the text once more.
    shown = run_terraform(
        terraform, tmp_path, "console", text="base64encode(jsonencode(local.all))\n"
    )
    values = json.loads(base64.b64decode(shown.strip().strip('"')))
    assert set(values) == set(kinds)
    for name, (operation, kind_) in kinds.items():
        assert_terraform_means(operation, values[name], kind_)


def test_terraform_text_is_formatted(terraform: str, tmp_path: Path) -> None:
    for number, operation in enumerate([*CATALOGUE.values(), *HOSTILE_OPERATIONS[:13]]):
        text = write(operation, "terraform").text
        if text:
            (tmp_path / f"{number}.tf").write_text(text + "\n", encoding="utf-8")
    assert run_terraform(terraform, tmp_path, "fmt", "-check", "-diff") == ""


# --- what clients cannot do -----------------------------------------------------------------------

IMPOSSIBLE = {
    "bicep": (
        UpdateCollection,
        DeleteCollection,
        DeleteRestorePoint,
        WaitForRestorePoint,
        GrantAccess,
        RevokeAccess,
        ListDisks,
        ListCollections,
        ListRestorePoints,
    ),
    "terraform": (WaitForRestorePoint,),
}


@every_operation
@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_cannot_do_is_said(operation: Operation, client: str) -> None:
    command = write(operation, client)
    impossible = isinstance(operation, IMPOSSIBLE.get(client, ())) or (
        client == "bicep"
        and isinstance(operation, ListDiskRestorePoints)
        and operation.disk_restore_point is None
    )
    assert command.possible == bool(command.text) == (not impossible)
    if impossible:
        assert command.notes
        assert command.method is command.path is command.body is command.api_version is None


@pytest.mark.parametrize(
    ("operation", "client", "words"),
    [
        (FollowProgress(**on_point), "azure_cli", "lun"),
        (GrantAccess(**on_disk_point), "azure_cli", "no command for disk restore points"),
        (GrantAccess(**on_disk_point), "terraform", "kept in the Terraform state"),
        (GrantAccess(**on_disk_point), "rest", "202"),
        (ListDiskRestorePoints(**on_point), "powershell", "no cmdlet for disk restore points"),
        (ListCollections(subscription_id="s"), "powershell", "no cmdlet that lists"),
        (ListCollections(subscription_id="s"), "rest", "nextLink"),
        (CATALOGUE["create-target-collection"], "azure_cli", "portal"),
        (CATALOGUE["copy-"], "rest", "portal"),
        (CATALOGUE["copy-"], "azure_cli", "as soon as the copy has started"),
        (CATALOGUE["create-collection-tags"], "powershell", "no parameter for tags"),
        (CATALOGUE["copy-data-mixed"], "azure_cli", "a disk encryption set for each data disk"),
        (DeleteCollection(**in_collection), "rest", "All restore points"),
        (UpdateCollection(**in_collection, tags={"a": "b"}), "azure_cli", "replace all tags"),
        (FollowProgress(**on_point), "bicep", "instance view"),
    ],
)
def test_notes(operation: Operation, client: str, words: str) -> None:
    assert any(words in note for note in write(operation, client).notes)


def test_azure_cli_cannot_take_a_body_for_a_file(bash: Bash) -> None:
    # It reads what follows the first = from a file if that begins with @.
    operation = UpdateCollection(**in_collection, tags={"a b": "=@secret", "c": "@secret"})
    ((*_, option, body),) = bash.run(write(operation, "azure_cli").text)
    assert option == "--body"
    assert not body.partition("=")[2].startswith("@")
    assert json.loads(body) == {"tags": operation.tags}


@pytest.mark.parametrize("segment", ["disks", "snapshots", "Snapshots"])
def test_azure_cli_is_not_misled_by_a_name(segment: str, bash: Bash, azure_cli: Driver) -> None:
    source = OS_POINT.replace("/resourceGroups/web/", f"/resourceGroups/{segment}/")
    operation = CreateDisk(**{**new_disk, "disk_restore_point_id": source})
    assert_azure_cli_means(operation, bash, azure_cli)


def test_unknown_client() -> None:
    with pytest.raises(ValueError, match="unknown client 'portal': choose one of azure_cli"):
        write(ShowVm(vm_id=VM), "portal")


# --- API versions ---------------------------------------------------------------------------------


@every_operation
def test_api_version_has_what_the_operation_uses(operation: Operation) -> None:
    version = write(operation, "rest").api_version
    assert version is not None
    assert version in API.published[operations.line_of(operation)]
    assert all(item.minimum <= version for item in operations.capabilities_of(operation))


def test_what_requests_use_and_what_the_table_may_speak_of_are_the_same() -> None:
    used = {feature for one in CATALOGUE.values() for feature, _ in operations._used(one)}
    column = read_schema()["api_capabilities"].column("feature")
    told = {item.feature for item in API.capabilities}
    assert used == set(column.enum) == told


def test_the_table_says_which_value_of_a_feature_needs_a_version(tmp_path: Path) -> None:
    row = {"like": "api-premium-ssd-v2", "id": "api-own", "source": "test"}
    rows = [{**row, "value": "ultrassd_lrs", "minimum": "api-2023-04-02", "meaning": "Ultra"}]
    layered = load_matrix(write_overlay(tmp_path / "own", {"api_capabilities": rows}))
    disk = next(one for one in CATALOGUE.values() if isinstance(one, CreateDisk))
    asked = [replace(disk, sku=sku) for sku in ("UltraSSD_LRS", "PremiumV2_LRS", "Premium_LRS")]
    minimums = [
        [item.minimum for item in operations.capabilities_of(one, layered)] for one in asked
    ]
    assert minimums == [["2020-09-30", "2023-04-02"], ["2020-09-30", "2022-03-02"], ["2020-09-30"]]


def test_capabilities_agree_with_the_published_models(parsers: Driver) -> None:
    models = parsers.ask(language="api")["value"]
    told = 0
    for item in API.capabilities:
        # Some versions hold other parts of Compute only; they say nothing of this line.
        root = "restore-point" if item.line == "compute" else "disk-restore-point"
        known = {version: found for version, found in models.items() if root in found}
        if item.id == "instant-access":
            assert not any(item.id in found for found in known.values())
            continue
        # Two disk versions carry a copy of the compute models; the lines are kept apart.
        having = [
            version
            for version, found in known.items()
            if item.id in found and version in API.published[item.line]
        ]
        lacking = [
            version
            for version, found in known.items()
            if item.id not in found and version in API.published[item.line]
        ]
        assert having[0] == item.minimum
        assert all(version < item.minimum for version in lacking)
        told += 1
    assert told == len(API.capabilities) - 1


def test_published_versions_are_in_order_and_apart() -> None:
    for line, versions in API.published.items():
        assert list(versions) == sorted(set(versions))
        assert API.generally_known[line] in versions
        assert all(item.minimum in versions for item in API.capabilities if item.line == line)
    assert set(API.published["compute"]) & set(API.published["disk"]) == {"2021-04-01"}


@pytest.mark.parametrize(
    ("operation", "version"),
    [
        (CreateRestorePoint(**on_point, consistency_mode="application"), "2021-03-01"),
        (CreateRestorePoint(**on_point, consistency_mode="crash"), "2022-03-01"),
        (CATALOGUE["copy-"], "2021-11-01"),
        (CATALOGUE["copy-os-set"], "2023-03-01"),
        (CATALOGUE["create-collection-instant"], "2025-04-01"),
        (CATALOGUE["create-target-collection"], "2021-11-01"),
        (FollowProgress(**on_point), "2021-11-01"),
        (GrantAccess(**on_disk_point), "2020-12-01"),
        (CreateDisk(**{**new_disk, "sku": "PremiumV2_LRS"}), "2022-03-02"),
        (FollowProgress(**on_point), "2099-01-01"),
        (FollowProgress(**on_point), "2099-01-01-preview"),
    ],
)
def test_api_version_that_can(operation: Operation, version: str) -> None:
    assert choose_api_version(operation, version) == version
    assert write(operation, "rest", api_version=version).query["api-version"] == version


@pytest.mark.parametrize(
    ("operation", "version", "words"),
    [
        (
            CreateRestorePoint(**on_point, consistency_mode="crash"),
            "2021-07-01",
            "asking for crash consistency .* needs 2022-03-01 or later",
        ),
        (CATALOGUE["copy-os-set"], "2021-07-01", "copying .* needs 2021-11-01 .*; own encryption"),
        (CATALOGUE["create-collection-instant"], "2024-11-01", "instant access .* 2025-04-01"),
        (GrantAccess(**on_disk_point), "2025-04-01", "belongs to the compute line .* 2025-01-02"),
        (FollowProgress(**on_point), "2025-01-02", "belongs to the disk line .* 2025-04-01"),
        (GrantAccess(**on_disk_point, file_format="VHD"), "2022-03-02", "format .* 2023-01-02"),
        (FollowProgress(**on_point), "latest", "malformed"),
        (FollowProgress(**on_point), "api-2025-04-01", "malformed"),
    ],
)
def test_api_version_that_cannot(operation: Operation, version: str, words: str) -> None:
    for client in CLIENTS:
        with pytest.raises(ApiVersionError, match=words):
            write(operation, client, api_version=version)


def test_api_version_asked_for_is_in_every_text_that_carries_one() -> None:
    operation = CreateRestorePoint(**on_point, consistency_mode="crash")
    for client in CLIENTS:
        command = write(operation, client, api_version="2024-03-01")
        if command.api_version is None:
            assert any("2024-03-01 was checked but is not sent" in note for note in command.notes)
        else:
            assert command.api_version == "2024-03-01"
            assert "2024-03-01" in command.text


# --- operations refuse what makes no sense --------------------------------------------------------


def encrypted(**how: Any) -> tuple[DiskEncryption, ...]:
    return (DiskEncryption(**{"source_id": OS_DISK, "role": "os", "type": PLATFORM, **how}),)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FollowProgress(**{**on_point, "restore_point": ""}), "restore_point is missing"),
        (lambda: FollowProgress(**{**on_point, "restore_point": "a/b"}), "holds a '/'"),
        (lambda: FollowProgress(**{**on_point, "collection": ".."}), "a path step, not a name"),
        (lambda: FollowProgress(**{**on_point, "collection": "a\0"}), "a NUL character"),
        (lambda: FollowProgress(**{**on_point, "collection": "\ud800"}), "half a surrogate pair"),
        (lambda: ShowVm(vm_id="web-1"), "vm_id 'web-1' is not a resource id"),
        (lambda: ShowVm(vm_id=OS_DISK), "is the id of Microsoft.Compute/disks; it should be"),
        (lambda: ShowVm(vm_id=f"{VM}/extensions"), "is not a resource id"),
        (lambda: ShowVm(vm_id=VM.replace("web/", "../")), "is not a resource id"),
        (
            lambda: CreateCollection(**in_collection, location="x", source_id=OS_DISK),
            "virtualMachines or Microsoft.Compute/restorePointCollections",
        ),
        (
            lambda: CreateCollection(
                **in_collection, location="x", source_id=VM, tags={"A": "1", "a": "2"}
            ),
            "differ only in letter case",
        ),
        (lambda: UpdateCollection(**in_collection), "nothing to change"),
        (
            lambda: CreateRestorePoint(**on_point, consistency_mode="ApplicationConsistent"),
            "choose one of application, crash",
        ),
        (
            lambda: CreateRestorePoint(
                **on_point, consistency_mode="crash", exclude_disk_ids=("web-1-data-0",)
            ),
            "exclude_disk_ids 'web-1-data-0' is not a resource id",
        ),
        (
            lambda: CreateRestorePoint(
                **on_point,
                consistency_mode="crash",
                exclude_disk_ids=(OS_DISK.upper(),),
                disk_encryption=encrypted(),
            ),
            "is excluded and given an encryption",
        ),
        (
            lambda: CreateRestorePoint(
                **on_point, consistency_mode="crash", disk_encryption=encrypted(source_id=OS_POINT)
            ),
            "a new restore point names managed disks",
        ),
        (
            lambda: CreateRestorePoint(
                **on_point, consistency_mode="crash", disk_encryption=encrypted() * 2
            ),
            "a VM has one OS disk",
        ),
        (
            lambda: CopyRestorePoint(
                **on_point, source_restore_point_id=POINT, disk_encryption=encrypted()
            ),
            "a copy names disk restore points",
        ),
        (lambda: encrypted(type=None), "nothing is said about the encryption"),
        (lambda: encrypted(disk_encryption_set_id=SETS[0]), "takes no disk encryption set"),
        (lambda: encrypted(type=CUSTOMER), "needs disk_encryption_set_id"),
        (lambda: encrypted(type="none"), "encryption type is 'none': choose one of"),
        (lambda: GrantAccess(**on_disk_point, duration_seconds=0), "number of seconds above zero"),
        (lambda: GrantAccess(**on_disk_point, file_format="VMDK"), "choose one of VHD, VHDX"),
        (lambda: CreateDisk(**{**new_disk, "sku": ""}), "sku is missing"),
        (lambda: CreateDisk(**new_disk, size_gb=True), "number of GiB above zero"),
        (lambda: WaitForRestorePoint(**on_point, until="copied"), "choose one of created"),
    ],
)
def test_operations_refuse(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_operations_keep_what_they_are_given() -> None:
    given_tags = {"a": "b"}
    disks = [DATA_DISKS[0]]
    collection = CreateCollection(
        **in_collection, location="northeurope", source_id=VM, tags=given_tags
    )
    point = CreateRestorePoint(**on_point, consistency_mode="crash", exclude_disk_ids=disks)
    given_tags["c"] = "d"
    disks.append(DATA_DISKS[1])
    assert collection.tags == {"a": "b"}
    assert point.exclude_disk_ids == (DATA_DISKS[0],)
    assert {hash(collection), hash(point)}
