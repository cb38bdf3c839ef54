"""The REST request of an operation: what every client is written from, and what holds for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rpmatrix.planning.commands.operations import (
    COLLECTION,
    DISK,
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
)

ENDPOINT = "https://management.azure.com"
"""Where requests go that are sent as they are."""


@dataclass(frozen=True)
class Written:
    """What was written for a client.

    Attributes
    ----------
    text : str
        What to paste; empty if the client cannot do it.
    notes : sequence of str
        What whoever pastes it has to know.
    sends_request : bool
        Whether the text sends the REST request itself.
    chooses_version : bool
        Whether the client chooses the API version.
    """

    text: str
    notes: Sequence[str] = ()
    sends_request: bool = False
    chooses_version: bool = False


def crosses_regions(operation: Operation) -> bool:
    """Tell whether an operation is a step of a copy to another region."""
    return isinstance(operation, CopyRestorePoint) or (
        isinstance(operation, CreateCollection) and operation.cross_region
    )


@dataclass(frozen=True)
class Request:
    """The REST request of an operation: the one thing all writers start from.

    Attributes
    ----------
    method, resource_id, api_version : str
        The HTTP method, what it is about, and the version of the API.
    action : str or None
        What is done with the resource where the method alone does not say.
    expand : str or None
        What the answer gives besides.
    body : dict or None
        What is sent.
    parents_version : str
        The API version for what a text only refers to, such as the collection of a restore point.
    """

    method: str
    resource_id: str
    api_version: str
    action: str | None = None
    expand: str | None = None
    body: dict[str, Any] | None = None
    parents_version: str = ""

    @property
    def path(self) -> str:
        """The path of the request, each part of it encoded."""
        whole = self.resource_id if self.action is None else f"{self.resource_id}/{self.action}"
        return "/".join(quote(segment, safe="") for segment in whole.split("/"))

    @property
    def query(self) -> dict[str, str]:
        """What stands behind the question mark, by name."""
        query = {"api-version": self.api_version}
        if self.expand is not None:
            query["$expand"] = self.expand
        return query

    @property
    def url(self) -> str:
        """Path and query, without the endpoint."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{self.path}?{query}"


def scope_of(operation: ListDisks | ListCollections) -> str:
    """Give the resource group or the subscription whose resources are listed."""
    scope = f"/subscriptions/{operation.subscription_id}"
    if operation.resource_group is not None:
        scope += f"/resourceGroups/{operation.resource_group}"
    return scope


def request_of(operation: Operation, version: str) -> Request:
    """Give the request of an operation in a version of the API."""
    match operation:
        case ShowVm():
            expand = "instanceView" if operation.instance_view else None
            return Request("GET", operation.vm_id, version, expand=expand)
        case ShowDisk():
            return Request("GET", operation.disk_id, version)
        case ListDisks() | ListCollections():
            type_ = DISK if isinstance(operation, ListDisks) else COLLECTION
            listed = f"{scope_of(operation)}/providers/Microsoft.Compute/{type_}"
            return Request("GET", listed, version)
        case CreateCollection():
            return Request(
                "PUT", operation.collection_id, version, body=_collection_body(operation)
            )
        case UpdateCollection():
            body: dict[str, Any] = {}
            if operation.tags is not None:
                body["tags"] = dict(operation.tags)
            if operation.instant_access is not None:
                body["properties"] = {"instantAccess": operation.instant_access}
            return Request("PATCH", operation.collection_id, version, body=body)
        case DeleteCollection():
            return Request("DELETE", operation.collection_id, version)
        case ListRestorePoints():
            return Request("GET", operation.collection_id, version, expand="restorePoints")
        case CreateRestorePoint():
            return Request("PUT", operation.restore_point_id, version, body=_point_body(operation))
        case CopyRestorePoint():
            return Request("PUT", operation.restore_point_id, version, body=_copy_body(operation))
        case FollowProgress():
            return Request("GET", operation.restore_point_id, version, expand="instanceView")
        case WaitForRestorePoint():
            return Request("GET", operation.restore_point_id, version)
        case DeleteRestorePoint():
            return Request("DELETE", operation.restore_point_id, version)
        case ListDiskRestorePoints():
            listed = f"{operation.restore_point_id}/diskRestorePoints"
            if operation.disk_restore_point is not None:
                listed += f"/{operation.disk_restore_point}"
            return Request("GET", listed, version)
        case GrantAccess():
            body = {"access": "Read", "durationInSeconds": operation.duration_seconds}
            if operation.secure_vm_guest_state:
                body["getSecureVMGuestStateSAS"] = True
            if operation.file_format is not None:
                body["fileFormat"] = operation.file_format
            return Request(
                "POST", operation.disk_restore_point_id, version, "beginGetAccess", body=body
            )
        case RevokeAccess():
            return Request("POST", operation.disk_restore_point_id, version, "endGetAccess")
        case CreateDisk():
            return Request("PUT", operation.disk_id, version, body=_disk_body(operation))


def _collection_body(operation: CreateCollection) -> dict[str, Any]:
    properties: dict[str, Any] = {"source": {"id": operation.source_id}}
    if operation.instant_access is not None:
        properties["instantAccess"] = operation.instant_access
    body: dict[str, Any] = {"location": operation.location}
    if operation.tags:
        body["tags"] = dict(operation.tags)
    return {**body, "properties": properties}


def _encryption_body(disk: DiskEncryption) -> dict[str, Any]:
    encryption: dict[str, Any] = {}
    if disk.type is not None:
        encryption["type"] = disk.type
    if disk.disk_encryption_set_id is not None:
        encryption["diskEncryptionSet"] = {"id": disk.disk_encryption_set_id}
    return encryption


def _storage_profile(
    disks: Iterable[DiskEncryption], one: Callable[[DiskEncryption], dict[str, Any]]
) -> dict[str, Any]:
    profile: dict[str, Any] = {}
    data = []
    for disk in disks:
        if disk.role == "os":
            profile["osDisk"] = one(disk)
        else:
            data.append(one(disk))
    if data:
        profile["dataDisks"] = data
    return {"storageProfile": profile}


def _point_body(operation: CreateRestorePoint) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if operation.consistency_mode == "crash":
        # Application consistency is never sent: the service takes it from the absence.
        properties["consistencyMode"] = "CrashConsistent"
    if operation.exclude_disk_ids:
        properties["excludeDisks"] = [{"id": id_} for id_ in operation.exclude_disk_ids]
    if operation.instant_access_minutes is not None:
        properties["instantAccessDurationMinutes"] = operation.instant_access_minutes
    if operation.disk_encryption:
        properties["sourceMetadata"] = _storage_profile(
            operation.disk_encryption,
            lambda disk: {
                "managedDisk": {"id": disk.source_id},
                "diskRestorePoint": {"encryption": _encryption_body(disk)},
            },
        )
    return {"properties": properties} if properties else {}


def _copy_body(operation: CopyRestorePoint) -> dict[str, Any]:
    properties: dict[str, Any] = {"sourceRestorePoint": {"id": operation.source_restore_point_id}}
    if operation.disk_encryption:
        properties["sourceMetadata"] = _storage_profile(
            operation.disk_encryption,
            lambda disk: {
                "diskRestorePoint": {
                    "sourceDiskRestorePoint": {"id": disk.source_id},
                    "encryption": _encryption_body(disk),
                }
            },
        )
    return {"properties": properties}


def _disk_body(operation: CreateDisk) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "creationData": {
            "createOption": "Restore",
            "sourceResourceId": operation.disk_restore_point_id,
        }
    }
    if operation.size_gb is not None:
        properties["diskSizeGB"] = operation.size_gb
    encryption: dict[str, Any] = {}
    if operation.encryption_type is not None:
        encryption["type"] = operation.encryption_type
    if operation.disk_encryption_set_id is not None:
        encryption["diskEncryptionSetId"] = operation.disk_encryption_set_id
    if encryption:
        properties["encryption"] = encryption
    body: dict[str, Any] = {"location": operation.location, "sku": {"name": operation.sku}}
    if operation.zone is not None:
        body["zones"] = [operation.zone]
    return {**body, "properties": properties}


NEVER_ASKS = "It deletes without asking."
"""What to know of a command that has no question before it deletes."""

_NO_PAGES = "The answer comes in pages: as long as it has a nextLink, request that as well."
_NO_WAIT = (
    "The answer comes before the work is done: read the restore point until its"
    " provisioningState is no longer Creating."
)
_DELETES_ALL = "All restore points of the collection are deleted with it."
_SIGNATURE_IS_SECRET = "The signature in the answer opens the disk to anyone: keep it out of logs."
_SIGNATURE_COMES_LATE = (
    "The first answer may be empty (202): send the same request again a little later, it returns"
    " the same signature."
)
_TAGS_REPLACED = "The tags given replace all tags the collection has."
_COPY_STARTED = (
    "The point says Succeeded as soon as the copy has started; whether it has arrived is told by"
    " completionPercent in the instance view."
)


def rest_notes(operation: Operation) -> list[str]:
    """Say what whoever sends the bare request has to do alone."""
    match operation:
        case ListDisks() | ListCollections():
            return [_NO_PAGES]
        case ListDiskRestorePoints() if operation.disk_restore_point is None:
            return [_NO_PAGES]
        case CreateRestorePoint():
            return [_NO_WAIT]
        case CreateDisk():
            return ["The answer comes before the work is done: read the disk until it exists."]
        case WaitForRestorePoint(until="created"):
            return ["Repeat the request until provisioningState is no longer Creating."]
        case WaitForRestorePoint():
            return ["Repeat the request until it is answered with 404."]
        case DeleteRestorePoint() | DeleteCollection():
            return ["The answer comes before the work is done (202)."]
        case GrantAccess():
            return [_SIGNATURE_COMES_LATE]
        case _:
            return []


def common_notes(operation: Operation) -> list[str]:
    """Say what holds for the operation whichever client carries it out."""
    match operation:
        case CopyRestorePoint():
            return [_COPY_STARTED]
        case DeleteCollection():
            return [_DELETES_ALL]
        case UpdateCollection() if operation.tags is not None:
            return [_TAGS_REPLACED]
        case GrantAccess():
            return [_SIGNATURE_IS_SECRET]
        case _:
            return []
