"""Commands for the Azure CLI."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rpmatrix.planning.commands.operations import (
    DISK,
    VM,
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
    ResourceId,
    RevokeAccess,
    ShowDisk,
    ShowVm,
    UpdateCollection,
    WaitForRestorePoint,
)
from rpmatrix.planning.commands.quoting import bash_word, is_unseen, json_text
from rpmatrix.planning.commands.requests import (
    NEVER_ASKS,
    Request,
    Written,
    common_notes,
    rest_notes,
)


@dataclass
class _Az:
    """An az command: its words and its options, each with its values."""

    words: str
    options: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    body: str | None = None

    def add(self, option: str, *values: str) -> _Az:
        self.options.append((option, values))
        return self

    @property
    def text(self) -> str:
        lines = [f"az {self.words}"]
        for option, values in self.options:
            quoted = [bash_word(value) for value in values]
            if len(quoted) > 1:
                lines += [f"  {option}", *(f"    {value}" for value in quoted)]
            else:
                lines.append("  " + " ".join([option, *quoted]))
        if self.body is not None:
            # JSON from json_text holds no ' that could end the quotes, and keeps its line breaks.
            lines.append(f"  --body '{self.body}'")
        return " \\\n".join(lines)


# Texts the az parser does not take as they are: it reads @name (also after the first =) from a
# file, a leading - as an option, a leading ' as its own quoting, null and ?? as themselves.
_AZ_TAKES_LITERALLY = re.compile(r"(?!@|-|')(?!(?:null|\?\?)\Z)(?![^=]*=@).*", re.DOTALL)
_AZ_TAG_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")

_AZ_NO_COMMAND = (
    "The Azure CLI has no command for disk restore points and their signatures; az rest sends"
    " the request itself."
)
_AZ_NO_LUN = (
    "This command leaves out the lun of data disks: match them by name or managed disk id, or"
    " read the point with az rest."
)


def azure_cli(operation: Operation, request: Request) -> Written:
    """Write a command of its own where it says the same as the request, else ``az rest``."""
    native = _az_command(operation)
    if isinstance(native, _Az):
        values = [value for _, values in native.options for value in values]
        odd = [value for value in values if not _AZ_TAKES_LITERALLY.fullmatch(value)]
        if not odd:
            return Written(
                native.text, [*native.notes, *common_notes(operation)], chooses_version=True
            )
        native = f"The Azure CLI would not read {odd[0]!r} literally; az rest sends it as it is."
    rest = _Az("rest").add("--method", request.method.lower()).add("--url", request.url)
    if request.method == "GET" or isinstance(operation, GrantAccess):
        rest.add("--output", "json")
    if request.body is not None:
        rest.body = json_text(request.body)
    notes = [native, *rest_notes(operation), *common_notes(operation)]
    return Written(rest.text, notes, sends_request=True)


def _az_command(operation: Operation) -> _Az | str:
    """Build the Azure CLI's own command, or say why there is none for this operation."""
    match operation:
        case ShowVm():
            vm = ResourceId.parse(operation.vm_id, "vm_id", VM)
            words = "vm get-instance-view" if operation.instance_view else "vm show"
            return _az_in_group(words, vm).add("--name", vm.name).add("--output", "json")
        case ShowDisk():
            disk = ResourceId.parse(operation.disk_id, "disk_id", DISK)
            return _az_in_group("disk show", disk).add("--name", disk.name).add("--output", "json")
        case ListDisks():
            if operation.resource_group is None:
                return "az disk list wants a resource group; az rest lists the whole subscription."
            az = _Az("disk list").add("--subscription", operation.subscription_id)
            return az.add("--resource-group", operation.resource_group).add("--output", "json")
        case ListCollections():
            whole = operation.resource_group is None
            az = _Az(f"restore-point collection {'list-all' if whole else 'list'}")
            az.add("--subscription", operation.subscription_id)
            if operation.resource_group is not None:
                az.add("--resource-group", operation.resource_group)
            return az.add("--output", "json")
        case CreateCollection():
            az = _az_on_collection("restore-point collection create", operation)
            az.add("--location", operation.location).add("--source-id", operation.source_id)
            return _az_collection_settings(az, operation.tags or None, operation.instant_access)
        case UpdateCollection():
            az = _az_on_collection("restore-point collection update", operation)
            return _az_collection_settings(az, operation.tags, operation.instant_access)
        case DeleteCollection():
            az = _az_on_collection("restore-point collection delete", operation).add("--yes")
            az.notes.append(NEVER_ASKS)
            return az.add("--no-wait") if operation.no_wait else az
        case ListRestorePoints():
            az = _az_on_collection("restore-point collection show", operation)
            az.notes.append(_AZ_NO_LUN)
            return az.add("--restore-points").add("--output", "json")
        case CreateRestorePoint():
            az = _az_on_point("restore-point create", operation)
            if operation.consistency_mode == "crash":
                az.add("--consistency-mode", "CrashConsistent")
            if operation.exclude_disk_ids:
                az.add("--exclude-disks", *operation.exclude_disk_ids)
            if operation.instant_access_minutes is not None:
                az.add("--instant-access-duration-minutes", str(operation.instant_access_minutes))
            return _az_encryption(az, operation.disk_encryption, operation.no_wait)
        case CopyRestorePoint():
            az = _az_on_point("restore-point create", operation)
            az.add("--source-restore-point", operation.source_restore_point_id)
            return _az_encryption(az, operation.disk_encryption, operation.no_wait)
        case FollowProgress():
            az = _az_on_point("restore-point show", operation)
            az.notes.append(_AZ_NO_LUN)
            return az.add("--instance-view").add("--output", "json")
        case WaitForRestorePoint():
            return _az_on_point("restore-point wait", operation).add(f"--{operation.until}")
        case DeleteRestorePoint():
            az = _az_on_point("restore-point delete", operation).add("--yes")
            az.notes.append(NEVER_ASKS)
            return az.add("--no-wait") if operation.no_wait else az
        case ListDiskRestorePoints() | GrantAccess() | RevokeAccess():
            return _AZ_NO_COMMAND
        case CreateDisk():
            return _az_disk(operation)


def _az_in_group(words: str, resource: ResourceId) -> _Az:
    az = _Az(words).add("--subscription", resource.subscription_id)
    return az.add("--resource-group", resource.resource_group)


def _az_on_collection(
    words: str,
    operation: CreateCollection | UpdateCollection | DeleteCollection | ListRestorePoints,
) -> _Az:
    az = _Az(words).add("--subscription", operation.subscription_id)
    az.add("--resource-group", operation.resource_group)
    return az.add("--collection-name", operation.collection)


def _az_on_point(
    words: str,
    operation: (
        CreateRestorePoint
        | CopyRestorePoint
        | FollowProgress
        | WaitForRestorePoint
        | DeleteRestorePoint
    ),
) -> _Az:
    az = _Az(words).add("--subscription", operation.subscription_id)
    az.add("--resource-group", operation.resource_group)
    az.add("--collection-name", operation.collection)
    return az.add("--name", operation.restore_point)


def _az_collection_settings(
    az: _Az, tags: Mapping[str, str] | None, instant_access: bool | None
) -> _Az | str:
    if tags is not None:
        if not tags:
            return "The Azure CLI has no option that removes all tags; az rest sends it."
        for name, value in tags.items():
            plain = _AZ_TAG_NAME.fullmatch(name) and value and _AZ_TAKES_LITERALLY.fullmatch(value)
            if not plain or any(is_unseen(character) for character in value):
                return (
                    f"The tag {name!r} cannot be said in the key=value notation of --tags;"
                    " az rest sends it as it is."
                )
        az.add("--tags", *(f"{name}={value}" for name, value in tags.items()))
    if instant_access is not None:
        az.add("--instant-access", "true" if instant_access else "false")
    return az


def _az_encryption(az: _Az, disks: Sequence[DiskEncryption], no_wait: bool) -> _Az | str:
    data = [disk for disk in disks if disk.role == "data"]
    types = [disk.type for disk in data if disk.type is not None]
    sets = [disk.disk_encryption_set_id for disk in data if disk.disk_encryption_set_id is not None]
    if len(types) not in {0, len(data)} or len(sets) not in {0, len(data)} or (data and not sets):
        return (
            "The Azure CLI wants a disk encryption set for each data disk it is told about, and"
            " types for all of them or none; az rest sends the request as it is."
        )
    for disk in disks:
        if disk.role == "os":
            az.add("--source-os-resource", disk.source_id)
            if disk.disk_encryption_set_id is not None:
                az.add("--os-restore-point-encryption-set", disk.disk_encryption_set_id)
            if disk.type is not None:
                az.add("--os-restore-point-encryption-type", disk.type)
    if data:
        az.add("--source-data-disk-resource", *(disk.source_id for disk in data))
        if sets:
            az.add("--data-disk-restore-point-encryption-set", *sets)
        if types:
            az.add("--data-disk-restore-point-encryption-type", *types)
    return az.add("--no-wait") if no_wait else az


def _az_disk(operation: CreateDisk) -> _Az | str:
    source = operation.disk_restore_point_id.lower()
    for misleading in ("/disks/", "/snapshots/"):
        # az tells the kind of a source from the text of its id, in this order.
        if misleading in source:
            return (
                f"The Azure CLI would take the source for another kind because its id holds"
                f" {misleading!r}; az rest sends the request."
            )
    az = _Az("disk create").add("--subscription", operation.subscription_id)
    az.add("--resource-group", operation.resource_group).add("--name", operation.disk)
    az.add("--location", operation.location).add("--source", operation.disk_restore_point_id)
    az.add("--sku", operation.sku)
    if operation.zone is not None:
        az.add("--zone", operation.zone)
    if operation.size_gb is not None:
        az.add("--size-gb", str(operation.size_gb))
    if operation.encryption_type is not None:
        az.add("--encryption-type", operation.encryption_type)
    if operation.disk_encryption_set_id is not None:
        az.add("--disk-encryption-set", operation.disk_encryption_set_id)
    return az.add("--no-wait") if operation.no_wait else az
