"""Templates for Bicep, and for Terraform with its azapi provider."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rpmatrix.planning.commands.operations import (
    COLLECTION,
    DISK,
    DISK_RESTORE_POINT,
    RESTORE_POINT,
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
from rpmatrix.planning.commands.quoting import bicep_string, hcl_string
from rpmatrix.planning.commands.requests import Request, Written, common_notes, scope_of

# Their keys are not the schema's: quoted even where they are identifiers, for one may be a keyword.
_FREE_KEYS = {"tags", "query_parameters"}


def _bicep_value(value: object, indent: str = "", *, quote_keys: bool = False) -> str:
    inner = indent + "  "
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return bicep_string(value)
        case Mapping():
            if not value:
                return "{}"
            entries = [
                f"{inner}{bicep_string(name) if quote_keys else name}:"
                f" {_bicep_value(item, inner, quote_keys=name in _FREE_KEYS)}"
                for name, item in value.items()
            ]
            return "\n".join(["{", *entries, indent + "}"])
        case Sequence():
            return "\n".join(
                ["[", *(inner + _bicep_value(item, inner) for item in value), indent + "]"]
            )
        case _:
            raise TypeError(f"no Bicep notation for {value!r}")


def _bicep_resource(
    symbol: str,
    type_: str,
    version: str,
    body: Mapping[str, Any],
    *,
    parent: str | None = None,
    existing: bool = False,
) -> str:
    lines = _bicep_value(body).split("\n")
    if parent is not None:
        lines.insert(1, f"  parent: {parent}")
    head = f"resource {symbol} 'Microsoft.Compute/{type_}@{version}'"
    return f"{head}{' existing' if existing else ''} = " + "\n".join(lines)


def bicep(operation: Operation, request: Request) -> Written:
    """Write a Bicep file, for what a deployment can do."""
    version = request.api_version
    parents = request.parents_version
    group: str
    match operation:
        case CreateCollection():
            blocks = [
                _bicep_resource(
                    "collection",
                    COLLECTION,
                    version,
                    {"name": operation.collection, **(request.body or {})},
                )
            ]
            notes = []
        case CreateRestorePoint() | CopyRestorePoint():
            blocks = [
                _bicep_existing_collection(operation.collection, version),
                _bicep_resource(
                    "restorePoint",
                    RESTORE_POINT,
                    version,
                    {"name": operation.restore_point, **(request.body or {})},
                    parent="collection",
                ),
            ]
            notes = [
                "A restore point cannot be changed: deploying the file again with other"
                " properties fails."
            ]
        case CreateDisk():
            blocks = [
                _bicep_resource(
                    "disk", DISK, version, {"name": operation.disk, **(request.body or {})}
                )
            ]
            notes = []
        case ShowVm() | ShowDisk():
            id_ = operation.vm_id if isinstance(operation, ShowVm) else operation.disk_id
            resource = ResourceId.parse(id_, "id", VM, DISK)
            symbol = "vm" if isinstance(operation, ShowVm) else "disk"
            blocks = [
                _bicep_resource(
                    symbol, resource.type, version, {"name": resource.name}, existing=True
                ),
                _bicep_output(symbol),
            ]
            notes = [_BICEP_READS]
            if isinstance(operation, ShowVm) and operation.instance_view:
                notes.append("Bicep cannot ask for the instance view.")
        case FollowProgress():
            blocks = [
                _bicep_existing_collection(operation.collection, version),
                _bicep_resource(
                    "restorePoint",
                    RESTORE_POINT,
                    version,
                    {"name": operation.restore_point},
                    parent="collection",
                    existing=True,
                ),
                _bicep_output("restorePoint"),
            ]
            notes = [
                _BICEP_READS,
                "Bicep cannot ask for the instance view, so completionPercent does not show.",
            ]
        case ListDiskRestorePoints() if operation.disk_restore_point is not None:
            blocks = [
                _bicep_existing_collection(operation.collection, parents),
                _bicep_resource(
                    "restorePoint",
                    RESTORE_POINT,
                    parents,
                    {"name": operation.restore_point},
                    parent="collection",
                    existing=True,
                ),
                _bicep_resource(
                    "diskRestorePoint",
                    DISK_RESTORE_POINT,
                    version,
                    {"name": operation.disk_restore_point},
                    parent="restorePoint",
                    existing=True,
                ),
                _bicep_output("diskRestorePoint"),
            ]
            notes = [_BICEP_READS]
        case _:
            return Written("", [_bicep_refusal(operation)])
    group = _group_of(operation)
    notes.insert(0, f"Deploy the file to the resource group {group!r}.")
    if getattr(operation, "no_wait", False):
        notes.append("A deployment waits for the end unless it is started with its own no-wait.")
    return Written("\n\n".join(blocks), [*notes, *common_notes(operation)])


_BICEP_READS = "Bicep reads only while a deployment runs; the output shows in its result."


def _group_of(operation: Operation) -> str:
    match operation:
        case ShowVm():
            return ResourceId.parse(operation.vm_id, "vm_id", VM).resource_group
        case ShowDisk():
            return ResourceId.parse(operation.disk_id, "disk_id", DISK).resource_group
        case _:
            return str(operation.resource_group)


def _bicep_existing_collection(name: str, version: str) -> str:
    return _bicep_resource("collection", COLLECTION, version, {"name": name}, existing=True)


def _bicep_output(symbol: str) -> str:
    return f"output {symbol}Properties object = {symbol}.properties"


def _bicep_refusal(operation: Operation) -> str:
    match operation:
        case UpdateCollection():
            return (
                "Bicep declares whole resources and cannot change single properties: deploy the"
                " collection again with all of its properties and the new tags, or use another"
                " client."
            )
        case DeleteCollection() | DeleteRestorePoint():
            return "Bicep does not delete single resources: use another client."
        case WaitForRestorePoint():
            return "Bicep has no wait: the deployment that creates the point waits for it."
        case GrantAccess() | RevokeAccess():
            return "Bicep cannot call actions such as beginGetAccess: use another client."
        case _:
            return "Bicep cannot list resources: use another client."


def _hcl_value(value: object, indent: str, *, quote_keys: bool = False) -> str:
    inner = indent + "  "
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return hcl_string(value)
        case Mapping():
            if not value:
                return "{}"
            entries = [
                (
                    hcl_string(name) if quote_keys else name,
                    _hcl_value(item, inner, quote_keys=name in _FREE_KEYS),
                )
                for name, item in value.items()
            ]
            return "\n".join(["{", *_hcl_lines(entries, inner), indent + "}"])
        case Sequence():
            if all(isinstance(item, str) for item in value) and len(value) == 1:
                return f"[{hcl_string(value[0])}]"
            items = [f"{inner}{_hcl_value(item, inner)}," for item in value]
            return "\n".join(["[", *items, indent + "]"])
        case _:
            raise TypeError(f"no HCL notation for {value!r}")


def _hcl_lines(entries: Sequence[tuple[str, str]], indent: str) -> list[str]:
    """Lay out assignments as ``terraform fmt`` does: runs of one-line ones are aligned."""
    lines: list[str] = []
    run: list[tuple[str, str]] = []

    def flush() -> None:
        width = max((len(name) for name, _ in run), default=0)
        lines.extend(f"{indent}{name.ljust(width)} = {text}" for name, text in run)
        run.clear()

    for name, text in entries:
        if "\n" in text:
            flush()
            lines.append(f"{indent}{name} = {text}")
        else:
            run.append((name, text))
    flush()
    return lines


def _hcl_block(kind: str, type_: str, label: str, attributes: Mapping[str, object]) -> str:
    entries = [
        (name, _hcl_value(value, "  ", quote_keys=name in _FREE_KEYS))
        for name, value in attributes.items()
    ]
    return "\n".join([f'{kind} "{type_}" "{label}" {{', *_hcl_lines(entries, "  "), "}"])


def _hcl_output(label: str, value: str, *, sensitive: bool = False) -> str:
    entries = [("value", value)] + ([("sensitive", "true")] if sensitive else [])
    return "\n".join([f'output "{label}" {{', *_hcl_lines(entries, "  "), "}"])


_AZAPI = "Needs the azapi provider (source Azure/azapi, release 2 or later)."
_APPLIES_ONCE = "An action runs once, when it is applied; removing it from the file undoes nothing."


def _not_composed(value: object) -> str | None:
    """Find a text that is not in Unicode form NFC, the only one Terraform can hold."""
    match value:
        case str():
            return None if unicodedata.is_normalized("NFC", value) else value
        case Mapping():
            return next(filter(None, map(_not_composed, [*value.keys(), *value.values()])), None)
        case list():
            return next(filter(None, map(_not_composed, value)), None)
        case _:
            return None


def terraform(operation: Operation, request: Request) -> Written:
    """Write Terraform for the azapi provider, with the body of the request."""
    changed = _not_composed(request.resource_id) or _not_composed(request.body)
    if changed is not None:
        return Written(
            "",
            [
                f"Terraform turns every text into Unicode form NFC and would make {changed!r}"
                " another one: use another client."
            ],
        )
    notes = [_AZAPI]
    version = request.api_version
    match operation:
        case CreateCollection() | CreateRestorePoint() | CopyRestorePoint() | CreateDisk():
            text = _azapi_resource(operation, request)
            notes.append("Destroying the Terraform resource deletes it in Azure.")
            if isinstance(operation, (CreateRestorePoint, CopyRestorePoint)):
                notes.append("A restore point cannot be changed: a changed body fails to apply.")
            if getattr(operation, "no_wait", False):
                notes.append("Terraform waits for the end.")
        case UpdateCollection() | DeleteCollection() | DeleteRestorePoint():
            label = "restore_point" if isinstance(operation, DeleteRestorePoint) else "collection"
            type_ = RESTORE_POINT if label == "restore_point" else COLLECTION
            attributes: dict[str, object] = {
                "type": f"Microsoft.Compute/{type_}@{version}",
                "resource_id": request.resource_id,
                "method": request.method,
            }
            if request.body is not None:
                attributes["body"] = request.body
            text = _hcl_block("resource", "azapi_resource_action", label, attributes)
            notes.append(_APPLIES_ONCE)
            if request.method == "DELETE":
                notes.append(
                    "For what Terraform itself has created, remove its resource from the file"
                    " instead."
                )
        case GrantAccess() | RevokeAccess():
            attributes = {
                "type": f"Microsoft.Compute/{DISK_RESTORE_POINT}@{version}",
                "resource_id": request.resource_id,
                "action": request.action or "",
                "method": request.method,
            }
            if request.body is not None:
                attributes["body"] = request.body
            if isinstance(operation, GrantAccess):
                attributes["sensitive_response_export_values"] = ["*"]
            text = _hcl_block("resource", "azapi_resource_action", "access", attributes)
            notes.append(_APPLIES_ONCE)
            if isinstance(operation, GrantAccess):
                output = "azapi_resource_action.access.sensitive_output"
                text += "\n\n" + _hcl_output("access", output, sensitive=True)
                notes.append("The signature is kept in the Terraform state.")
        case WaitForRestorePoint():
            return Written("", ["Terraform has no wait: the apply that creates the point waits."])
        case _:
            text = _azapi_data(operation, request)
    return Written(text, [*notes, *common_notes(operation)])


def _azapi_resource(
    operation: CreateCollection | CreateRestorePoint | CopyRestorePoint | CreateDisk,
    request: Request,
) -> str:
    body = dict(request.body or {})
    if isinstance(operation, CreateCollection | CreateDisk):
        parent = (
            f"/subscriptions/{operation.subscription_id}/resourceGroups/{operation.resource_group}"
        )
        collection = isinstance(operation, CreateCollection)
        type_, label = (COLLECTION, "collection") if collection else (DISK, "disk")
        name = operation.collection if isinstance(operation, CreateCollection) else operation.disk
    else:
        parent, type_, label = operation.collection_id, RESTORE_POINT, "restore_point"
        name = operation.restore_point
    attributes: dict[str, object] = {
        "type": f"Microsoft.Compute/{type_}@{request.api_version}",
        "parent_id": parent,
        "name": name,
    }
    # azapi has arguments of its own for these two and refuses them inside the body.
    for own in ("location", "tags"):
        if own in body:
            attributes[own] = body.pop(own)
    if body:
        attributes["body"] = body
    return _hcl_block("resource", "azapi_resource", label, attributes)


def _azapi_data(operation: Operation, request: Request) -> str:
    version = request.api_version
    listed: str | None = None
    match operation:
        case ShowVm():
            type_, label = VM, "vm"
        case ShowDisk():
            type_, label = DISK, "disk"
        case ListDisks():
            type_, label, listed = DISK, "disks", scope_of(operation)
        case ListCollections():
            type_, label, listed = COLLECTION, "collections", scope_of(operation)
        case ListRestorePoints():
            type_, label = COLLECTION, "collection"
        case ListDiskRestorePoints():
            type_, label = DISK_RESTORE_POINT, "disk_restore_point"
            if operation.disk_restore_point is None:
                label, listed = "disk_restore_points", operation.restore_point_id
        case _:
            type_, label = RESTORE_POINT, "restore_point"
    source = "azapi_resource" if listed is None else "azapi_resource_list"
    attributes: dict[str, object] = {"type": f"Microsoft.Compute/{type_}@{version}"}
    if listed is None:
        attributes["resource_id"] = request.resource_id
    else:
        attributes["parent_id"] = listed
    if request.expand is not None:
        attributes["query_parameters"] = {"$expand": [request.expand]}
    attributes["response_export_values"] = ["*"]
    return "\n\n".join(
        [
            _hcl_block("data", source, label, attributes),
            _hcl_output(label, f"data.{source}.{label}.output"),
        ]
    )
