"""Commands for Az PowerShell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rpmatrix.planning.commands.operations import (
    COLLECTION,
    DISK,
    VM,
    CopyRestorePoint,
    CreateCollection,
    CreateDisk,
    CreateRestorePoint,
    DeleteCollection,
    DeleteRestorePoint,
    FollowProgress,
    GrantAccess,
    ListCollections,
    ListDiskRestorePoints,
    ListDisks,
    ListRestorePoints,
    Operation,
    ResourceId,
    RevokeAccess,
    ShowDisk,
    ShowVm,
    UpdateCollection,
    WaitForRestorePoint,
)
from rpmatrix.planning.commands.quoting import json_text, powershell_string
from rpmatrix.planning.commands.requests import (
    NEVER_ASKS,
    Request,
    Written,
    common_notes,
    rest_notes,
)

_PowerShellValue = str | int | bool | Sequence[str] | Mapping[str, str]


@dataclass
class _Cmdlet:
    """A cmdlet with its parameters, and how its answer is used."""

    name: str
    subscription_id: str
    parameters: list[tuple[str, _PowerShellValue]] = field(default_factory=list)
    frame: str = "{call}"
    notes: list[str] = field(default_factory=list)

    def add(self, parameter: str, value: _PowerShellValue) -> _Cmdlet:
        self.parameters.append((parameter, value))
        return self

    @property
    def text(self) -> str:
        # Splatting: one parameter a line, and no line continuation that a blank could break.
        return "\n".join(
            [
                f"$null = Set-AzContext -Subscription {powershell_string(self.subscription_id)}",
                *_powershell_table("parameters", self.parameters),
                self.frame.format(call=f"{self.name} @parameters"),
            ]
        )


def _powershell_table(
    variable: str, parameters: Sequence[tuple[str, _PowerShellValue]]
) -> list[str]:
    width = max(len(name) for name, _ in parameters)
    lines = [f"${variable} = @{{"]
    for name, value in parameters:
        lines += [f"    {line}" for line in _powershell_entry(name.ljust(width), value)]
    return [*lines, "}"]


def _powershell_entry(name: str, value: _PowerShellValue) -> list[str]:
    match value:
        case bool():
            return [f"{name} = ${'true' if value else 'false'}"]
        case int():
            return [f"{name} = {value}"]
        case str():
            return [f"{name} = {powershell_string(value)}"]
        case Mapping():
            entries = [
                f"    {powershell_string(key)} = {powershell_string(text)}"
                for key, text in value.items()
            ]
            return [f"{name} = @{{", *entries, "}"] if entries else [f"{name} = @{{}}"]
        case _:
            return [f"{name} = @(", *(f"    {powershell_string(item)}" for item in value), ")"]


_PS_NO_TAGS = "New-AzRestorePointCollection has no parameter for tags"
_PS_NO_ENCRYPTION = "New-AzRestorePoint has no parameter for the encryption of single disks"


def powershell(operation: Operation, request: Request) -> Written:
    """Write a cmdlet where it says the same as the request, else ``Invoke-AzRestMethod``."""
    native = _cmdlet(operation, request)
    if isinstance(native, Written):
        return native
    if isinstance(native, _Cmdlet):
        notes = [*native.notes, *common_notes(operation)]
        if getattr(operation, "no_wait", False):
            notes.append("The cmdlet waits for the end; it has no parameter that returns at once.")
        return Written(native.text, notes, chooses_version=True)
    parameters: list[tuple[str, _PowerShellValue]] = [
        ("Method", request.method),
        ("Path", request.url),
    ]
    lines: list[str] = []
    call = "Invoke-AzRestMethod @parameters"
    if request.body is not None:
        # A here-string ends at a line that begins with '@; no line of JSON does.
        lines += ["$payload = @'", json_text(request.body), "'@"]
        call += " -Payload $payload"
    lines += _powershell_table("parameters", parameters)
    lines.append(f"({call}).Content" if request.method in {"GET", "POST"} else call)
    notes = [f"{native}; Invoke-AzRestMethod sends the request itself."]
    notes.append("It reports a refusal in StatusCode and Content, not as an error.")
    notes += [*rest_notes(operation), *common_notes(operation)]
    return Written("\n".join(lines), notes, sends_request=True)


def _cmdlet(operation: Operation, request: Request) -> _Cmdlet | Written | str:
    """Build the call of an Az cmdlet, or say why there is none for this operation."""
    match operation:
        case ShowVm():
            return _get_resource(
                "Get-AzVM", ResourceId.parse(operation.vm_id, "vm_id", VM), operation.instance_view
            )
        case ShowDisk():
            return _get_resource(
                "Get-AzDisk", ResourceId.parse(operation.disk_id, "disk_id", DISK), False
            )
        case ListDisks():
            if operation.resource_group is not None and _wildcard(operation.resource_group):
                return _ps_wildcard(operation.resource_group)
            if operation.resource_group is None:
                return "Get-AzDisk without parameters cannot be splatted"
            call = _Cmdlet("Get-AzDisk", operation.subscription_id, frame=_AS_JSON)
            return call.add("ResourceGroupName", operation.resource_group)
        case ListCollections():
            if operation.resource_group is not None and _wildcard(operation.resource_group):
                return _ps_wildcard(operation.resource_group)
            call = _Cmdlet("Get-AzResource", operation.subscription_id, frame=_AS_JSON)
            call.add("ResourceType", f"Microsoft.Compute/{COLLECTION}")
            if operation.resource_group is not None:
                call.add("ResourceGroupName", operation.resource_group)
            call.notes.append(
                "Az.Compute has no cmdlet that lists collections; Get-AzResource finds them."
            )
            return call.add("ExpandProperties", True)
        case CreateCollection():
            if operation.tags:
                return _PS_NO_TAGS
            call = _on_collection("New-AzRestorePointCollection", operation)
            source = "RestorePointCollectionId" if operation.cross_region else "SourceId"
            call.add(source, operation.source_id).add("Location", operation.location)
            if not operation.cross_region:
                call.notes.append("Older releases of Az.Compute call SourceId VmId.")
            if operation.instant_access is not None:
                call.add("InstantAccess", operation.instant_access)
            return call
        case UpdateCollection():
            call = _on_collection("Update-AzRestorePointCollection", operation)
            if operation.tags is not None:
                call.add("Tag", operation.tags)
            if operation.instant_access is not None:
                call.add("InstantAccess", operation.instant_access)
            return call
        case DeleteCollection():
            call = _on_collection("Remove-AzRestorePointCollection", operation)
            call.notes.append(NEVER_ASKS)
            return call.add("Confirm", False)
        case ListRestorePoints():
            return (
                "Get-AzRestorePointCollection cannot expand the restore points and no cmdlet lists"
                " them"
            )
        case CreateRestorePoint():
            if operation.disk_encryption:
                return _PS_NO_ENCRYPTION
            call = _on_point("New-AzRestorePoint", operation)
            if operation.consistency_mode == "crash":
                call.add("ConsistencyMode", "CrashConsistent")
            if operation.exclude_disk_ids:
                call.add("DisksToExclude", operation.exclude_disk_ids)
            if operation.instant_access_minutes is not None:
                call.add("InstantAccessDurationInMinutes", operation.instant_access_minutes)
            return call
        case CopyRestorePoint():
            if operation.disk_encryption:
                return _PS_NO_ENCRYPTION
            call = _on_point("New-AzRestorePoint", operation)
            return call.add("RestorePointId", operation.source_restore_point_id)
        case FollowProgress():
            call = _on_point("Get-AzRestorePoint", operation)
            call.frame = _AS_JSON
            return call.add("InstanceView", True)
        case WaitForRestorePoint():
            return _powershell_wait(operation, request)
        case DeleteRestorePoint():
            call = _on_point("Remove-AzRestorePoint", operation)
            call.notes.append(NEVER_ASKS)
            return call.add("Confirm", False)
        case ListDiskRestorePoints() | GrantAccess() | RevokeAccess():
            return "Az.Compute has no cmdlet for disk restore points and their signatures"
        case CreateDisk():
            return _powershell_disk(operation)


_AS_JSON = "{call} | ConvertTo-Json -Depth 20"


def _wildcard(name: str) -> bool:
    return any(character in name for character in "*?[]")


def _ps_wildcard(name: str) -> str:
    return f"The Get cmdlets would take {name!r} for a pattern"


def _get_resource(cmdlet: str, resource: ResourceId, status: bool) -> _Cmdlet | str:
    for name in (resource.resource_group, resource.name):
        if _wildcard(name):
            return _ps_wildcard(name)
    call = _Cmdlet(cmdlet, resource.subscription_id, frame=_AS_JSON)
    call.add("ResourceGroupName", resource.resource_group)
    call.add("Name" if cmdlet == "Get-AzVM" else "DiskName", resource.name)
    if status:
        call.add("Status", True)
        call.notes.append("With Status the cmdlet returns the instance view without the VM model.")
    return call


def _on_collection(
    cmdlet: str, operation: CreateCollection | UpdateCollection | DeleteCollection
) -> _Cmdlet:
    call = _Cmdlet(cmdlet, operation.subscription_id)
    return call.add("ResourceGroupName", operation.resource_group).add("Name", operation.collection)


def _on_point(
    cmdlet: str,
    operation: (
        CreateRestorePoint
        | CopyRestorePoint
        | FollowProgress
        | WaitForRestorePoint
        | DeleteRestorePoint
    ),
) -> _Cmdlet:
    call = _Cmdlet(cmdlet, operation.subscription_id)
    call.add("ResourceGroupName", operation.resource_group)
    call.add("RestorePointCollectionName", operation.collection)
    return call.add("Name", operation.restore_point)


def _powershell_wait(operation: WaitForRestorePoint, request: Request) -> _Cmdlet | Written:
    if operation.until == "created":
        call = _on_point("Get-AzRestorePoint", operation)
        call.frame = "\n".join(
            [
                "do {{",
                "    Start-Sleep -Seconds 30",
                "    $point = {call}",
                "}} while ($point.ProvisioningState -eq 'Creating')",
                "$point.ProvisioningState",
            ]
        )
        call.notes.append("Az.Compute has no cmdlet that waits; a loop reads the point.")
        return call
    lines = [
        *_powershell_table("parameters", [("Method", "GET"), ("Path", request.url)]),
        "do {",
        "    Start-Sleep -Seconds 30",
        "    $answer = Invoke-AzRestMethod @parameters",
        "} while ($answer.StatusCode -eq 200)",
        "$answer.StatusCode",
    ]
    return Written(
        "\n".join(lines),
        ["Az.Compute has no cmdlet that waits; a loop ends with 404 when the point is gone."],
        sends_request=True,
    )


def _powershell_disk(operation: CreateDisk) -> _Cmdlet | Written:
    configuration: list[tuple[str, _PowerShellValue]] = [
        ("Location", operation.location),
        ("CreateOption", "Restore"),
        ("SourceResourceId", operation.disk_restore_point_id),
        ("SkuName", operation.sku),
    ]
    if operation.zone is not None:
        configuration.append(("Zone", operation.zone))
    if operation.size_gb is not None:
        configuration.append(("DiskSizeGB", operation.size_gb))
    if operation.encryption_type is not None:
        configuration.append(("EncryptionType", operation.encryption_type))
    if operation.disk_encryption_set_id is not None:
        configuration.append(("DiskEncryptionSetId", operation.disk_encryption_set_id))
    disk: list[tuple[str, _PowerShellValue]] = [
        ("ResourceGroupName", operation.resource_group),
        ("DiskName", operation.disk),
    ]
    lines = [
        f"$null = Set-AzContext -Subscription {powershell_string(operation.subscription_id)}",
        *_powershell_table("configuration", configuration),
        *_powershell_table("parameters", disk),
        "New-AzDisk @parameters -Disk (New-AzDiskConfig @configuration)",
    ]
    notes = []
    if operation.no_wait:
        lines[-1] += " -AsJob"
        notes.append("AsJob returns a job; Receive-Job shows its result.")
    return Written("\n".join(lines), notes, chooses_version=True)
