"""Text for a client: what to paste to carry out an operation on restore points.

`write` turns one operation of `rpmatrix.operations` into a `Command` for one of `CLIENTS`.
All five clients are written from one REST request, so they cannot drift apart: the Azure CLI
and Az PowerShell use their own commands where those say the same, and send the request itself
(``az rest``, ``Invoke-AzRestMethod``) where they do not.

Every value is quoted for the language it is put into. No name, id or tag, whatever it holds,
can end a string, start an expansion or add a line; characters that cannot be seen (control and
format characters, exotic blanks) are written as escapes, so that what is pasted is what is read.

Sources of the clients' abilities: azure-cli 2.91.0 (its own parser and serialiser), the help
pages of Az.Compute, Az.Resources and Az.Accounts, the Bicep resource types, the documentation
of the azapi provider.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from rpmatrix.matrix import Matrix, load_matrix
from rpmatrix.operations import (
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
    api_versions,
    choose_api_version,
)

__all__ = ["CLIENTS", "Command", "write"]

#: The clients `write` knows, in the order in which to offer them.
CLIENTS: tuple[str, ...] = ("azure_cli", "powershell", "rest", "bicep", "terraform")

_LANGUAGES = {
    "azure_cli": "bash",
    "powershell": "powershell",
    "rest": "http",
    "bicep": "bicep",
    "terraform": "hcl",
}

_ENDPOINT = "https://management.azure.com"


@dataclass(frozen=True)
class Command:
    """What to paste into one client for one operation.

    Attributes
    ----------
    client
        One of `CLIENTS`.
    language
        Language of the text: ``bash``, ``powershell``, ``http``, ``bicep`` or ``hcl``.
    operation
        The operation it carries out.
    text
        The text, without a final newline. Empty when the client cannot do it at all; the
        notes then say so. A Bicep or Terraform text is a file of its own.
    notes
        What this client cannot do or loses here, and what to know before running the text.
        Plain sentences; they may quote names, so escape them like any other value.
    method, path, query, body, api_version
        The REST request, when the text is one (always for ``rest``; for the Azure CLI and
        PowerShell when they have no command of their own). The path is percent-encoded and
        has no query. For Bicep and Terraform only ``api_version`` is set. All are `None` (the
        query empty) when the client chooses the request, and its API version, by itself.
    """

    client: str
    language: str
    operation: Operation
    text: str
    notes: tuple[str, ...] = ()
    method: str | None = None
    path: str | None = None
    query: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    body: Mapping[str, Any] | None = field(default=None, hash=False)
    api_version: str | None = None

    @property
    def possible(self) -> bool:
        """Whether the client can carry out the operation."""
        return bool(self.text)


def write(
    operation: Operation,
    client: str,
    *,
    api_version: str | None = None,
    matrix: Matrix | None = None,
) -> Command:
    r"""Write an operation down for a client.

    Parameters
    ----------
    operation
        What is to be done, from `rpmatrix.operations`.
    client
        One of `CLIENTS`.
    api_version
        API version to use instead of the one chosen from what the operation uses. It is
        checked in any case; clients that choose by themselves ignore it and say so.
    matrix
        What knows the API versions; the seed edition if it is left out.

    Raises
    ------
    ValueError
        If the client is unknown, or (`rpmatrix.operations.ApiVersionError`) the API version
        cannot carry the operation.

    Examples
    --------
    >>> from rpmatrix.operations import DeleteRestorePoint
    >>> gone = DeleteRestorePoint(
    ...     subscription_id="sub", resource_group="rg", collection="rpc", restore_point="monday"
    ... )
    >>> print(write(gone, "azure_cli").text)
    az restore-point delete \
      --subscription sub \
      --resource-group rg \
      --collection-name rpc \
      --name monday \
      --yes
    """
    if client not in CLIENTS:
        raise ValueError(f"unknown client {client!r}: choose one of {', '.join(CLIENTS)}")
    matrix = matrix or load_matrix()
    request = replace(
        _request(operation, choose_api_version(operation, api_version, matrix)),
        parents_version=api_versions(matrix).generally_known["compute"],
    )
    written = _WRITERS[client](operation, request)
    notes = [*written.notes]
    if api_version is not None and written.text and written.chooses_version:
        notes.append(
            f"This client chooses the API version by itself; {api_version} was checked but is"
            " not sent."
        )
    if _crosses_regions(operation):
        notes.append("The Azure portal cannot do this step: it has no cross-region copy.")
    sent = bool(written.text) and written.sends_request
    return Command(
        client=client,
        language=_LANGUAGES[client],
        operation=operation,
        text=written.text,
        notes=tuple(notes),
        method=request.method if sent else None,
        path=request.path if sent else None,
        query=MappingProxyType(request.query if sent else {}),
        body=request.body if sent else None,
        api_version=(request.api_version if written.text and not written.chooses_version else None),
    )


@dataclass(frozen=True)
class _Written:
    """A writer's answer: the text, its notes, and whose request it is."""

    text: str
    notes: Sequence[str] = ()
    sends_request: bool = False
    chooses_version: bool = False


def _crosses_regions(operation: Operation) -> bool:
    return isinstance(operation, CopyRestorePoint) or (
        isinstance(operation, CreateCollection) and operation.cross_region
    )


# --- the request ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    """The REST request of an operation: the one thing all writers start from."""

    method: str
    resource_id: str
    api_version: str
    action: str | None = None
    expand: str | None = None
    body: dict[str, Any] | None = None
    # Of what a text only refers to, such as the collection of a restore point.
    parents_version: str = ""

    @property
    def path(self) -> str:
        whole = self.resource_id if self.action is None else f"{self.resource_id}/{self.action}"
        return "/".join(quote(segment, safe="") for segment in whole.split("/"))

    @property
    def query(self) -> dict[str, str]:
        query = {"api-version": self.api_version}
        if self.expand is not None:
            query["$expand"] = self.expand
        return query

    @property
    def url(self) -> str:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{self.path}?{query}"


def _scope(operation: ListDisks | ListCollections) -> str:
    scope = f"/subscriptions/{operation.subscription_id}"
    if operation.resource_group is not None:
        scope += f"/resourceGroups/{operation.resource_group}"
    return scope


def _request(operation: Operation, version: str) -> _Request:
    match operation:
        case ShowVm():
            expand = "instanceView" if operation.instance_view else None
            return _Request("GET", operation.vm_id, version, expand=expand)
        case ShowDisk():
            return _Request("GET", operation.disk_id, version)
        case ListDisks() | ListCollections():
            type_ = DISK if isinstance(operation, ListDisks) else COLLECTION
            listed = f"{_scope(operation)}/providers/Microsoft.Compute/{type_}"
            return _Request("GET", listed, version)
        case CreateCollection():
            return _Request(
                "PUT", operation.collection_id, version, body=_collection_body(operation)
            )
        case UpdateCollection():
            body: dict[str, Any] = {}
            if operation.tags is not None:
                body["tags"] = dict(operation.tags)
            if operation.instant_access is not None:
                body["properties"] = {"instantAccess": operation.instant_access}
            return _Request("PATCH", operation.collection_id, version, body=body)
        case DeleteCollection():
            return _Request("DELETE", operation.collection_id, version)
        case ListRestorePoints():
            return _Request("GET", operation.collection_id, version, expand="restorePoints")
        case CreateRestorePoint():
            return _Request("PUT", operation.restore_point_id, version, body=_point_body(operation))
        case CopyRestorePoint():
            return _Request("PUT", operation.restore_point_id, version, body=_copy_body(operation))
        case FollowProgress():
            return _Request("GET", operation.restore_point_id, version, expand="instanceView")
        case WaitForRestorePoint():
            return _Request("GET", operation.restore_point_id, version)
        case DeleteRestorePoint():
            return _Request("DELETE", operation.restore_point_id, version)
        case ListDiskRestorePoints():
            listed = f"{operation.restore_point_id}/diskRestorePoints"
            if operation.disk_restore_point is not None:
                listed += f"/{operation.disk_restore_point}"
            return _Request("GET", listed, version)
        case GrantAccess():
            body = {"access": "Read", "durationInSeconds": operation.duration_seconds}
            if operation.secure_vm_guest_state:
                body["getSecureVMGuestStateSAS"] = True
            if operation.file_format is not None:
                body["fileFormat"] = operation.file_format
            return _Request(
                "POST", operation.disk_restore_point_id, version, "beginGetAccess", body=body
            )
        case RevokeAccess():
            return _Request("POST", operation.disk_restore_point_id, version, "endGetAccess")
        case CreateDisk():
            return _Request("PUT", operation.disk_id, version, body=_disk_body(operation))


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


# --- quoting ----------------------------------------------------------------------------------


def _unseen(character: str) -> bool:
    """Whether a character cannot be told from nothing, or from a plain blank, by eye.

    Such characters are escaped: raw control characters act on a terminal, and direction marks
    make a text read differently from what it does.
    """
    return character != " " and unicodedata.category(character) in {
        "Cc",
        "Cf",
        "Cn",
        "Co",
        "Zl",
        "Zp",
        "Zs",
    }


_BASH_BARE = re.compile(r"[A-Za-z0-9_./:][A-Za-z0-9_./:@%+,=-]*")


def _bash(value: str) -> str:
    """Quote a value as one bash word."""
    if _BASH_BARE.fullmatch(value):
        return value
    if not any(_unseen(character) for character in value):
        return "'" + value.replace("'", r"'\''") + "'"
    # ANSI-C quoting. Octal bytes, because \u depends on the locale of the shell that reads it;
    # quotes and ! as well, because interactive history expansion looks into this form.
    return (
        "$'"
        + "".join(
            "".join(f"\\{byte:03o}" for byte in character.encode())
            if _unseen(character) or character in "'\"\\!`$"
            else character
            for character in value
        )
        + "'"
    )


_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"  # PowerShell reads all of these as one


def _powershell(value: str) -> str:
    """Write a value as a PowerShell expression that is one string."""
    pieces: list[str] = []
    seen = ""
    for character in value:
        if not _unseen(character):
            seen += character * (2 if character in _POWERSHELL_QUOTES else 1)
            continue
        if seen or not pieces:
            pieces.append(f"'{seen}'")
            seen = ""
        code = ord(character)
        pieces.append(
            f"[char]0x{code:04X}" if code < 0x10000 else f"[char]::ConvertFromUtf32(0x{code:X})"
        )
    if seen or not pieces:
        pieces.append(f"'{seen}'")
    return pieces[0] if len(pieces) == 1 else f"({' + '.join(pieces)})"


def _bicep(value: str) -> str:
    """Write a value as a Bicep string."""
    escapes = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
    text = "".join(
        escapes.get(character)
        or (f"\\u{{{ord(character):x}}}" if _unseen(character) else character)
        for character in value
    )
    return "'" + text.replace("${", r"\${") + "'"


def _hcl(value: str) -> str:
    """Write a value as an HCL string."""
    escapes = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
    text = ""
    for index, character in enumerate(value):
        code = ord(character)
        if character in "$%" and value[index + 1 : index + 2] == "{":
            # The doubled sign ($${) is ambiguous after another one; an escape never is.
            text += f"\\u{code:04x}"
        elif character in escapes:
            text += escapes[character]
        elif _unseen(character):
            text += f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        else:
            text += character
    return f'"{text}"'


def _json(body: Mapping[str, Any]) -> str:
    """Write a body as JSON in ASCII: nothing unseen, and nothing its surroundings would read.

    A shell would end its string at ``'``, the Azure CLI read a file at ``=@``, and an editor
    that runs HTTP files put a variable in place of ``{{name}}``.
    """
    text = json.dumps(body, indent=2)
    for special, escaped in (("'", r"\u0027"), ("=@", r"=\u0040"), ("{{", r"\u007b{")):
        text = text.replace(special, escaped)
    return text


# --- Azure CLI --------------------------------------------------------------------------------


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
            quoted = [_bash(value) for value in values]
            if len(quoted) > 1:
                lines += [f"  {option}", *(f"    {value}" for value in quoted)]
            else:
                lines.append("  " + " ".join([option, *quoted]))
        if self.body is not None:
            # JSON from _json holds no ' that could end the quotes, and keeps its line breaks.
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
_NO_PAGES = "The answer comes in pages: as long as it has a nextLink, request that as well."
_NO_WAIT = (
    "The answer comes before the work is done: read the restore point until its"
    " provisioningState is no longer Creating."
)
_DELETES_ALL = "All restore points of the collection are deleted with it."
_NEVER_ASKS = "It deletes without asking."
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


def _rest_notes(operation: Operation) -> list[str]:
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


def _common_notes(operation: Operation) -> list[str]:
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


def _azure_cli(operation: Operation, request: _Request) -> _Written:
    native = _az_command(operation)
    if isinstance(native, _Az):
        values = [value for _, values in native.options for value in values]
        odd = [value for value in values if not _AZ_TAKES_LITERALLY.fullmatch(value)]
        if not odd:
            return _Written(
                native.text, [*native.notes, *_common_notes(operation)], chooses_version=True
            )
        native = f"The Azure CLI would not read {odd[0]!r} literally; az rest sends it as it is."
    rest = _Az("rest").add("--method", request.method.lower()).add("--url", request.url)
    if request.method == "GET" or isinstance(operation, GrantAccess):
        rest.add("--output", "json")
    if request.body is not None:
        rest.body = _json(request.body)
    notes = [native, *_rest_notes(operation), *_common_notes(operation)]
    return _Written(rest.text, notes, sends_request=True)


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
            az.notes.append(_NEVER_ASKS)
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
            az.notes.append(_NEVER_ASKS)
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
            if not plain or any(_unseen(character) for character in value):
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


# --- PowerShell -------------------------------------------------------------------------------


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
                f"$null = Set-AzContext -Subscription {_powershell(self.subscription_id)}",
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
            return [f"{name} = {_powershell(value)}"]
        case Mapping():
            entries = [
                f"    {_powershell(key)} = {_powershell(text)}" for key, text in value.items()
            ]
            return [f"{name} = @{{", *entries, "}"] if entries else [f"{name} = @{{}}"]
        case _:
            return [f"{name} = @(", *(f"    {_powershell(item)}" for item in value), ")"]


_PS_NO_TAGS = "New-AzRestorePointCollection has no parameter for tags"
_PS_NO_ENCRYPTION = "New-AzRestorePoint has no parameter for the encryption of single disks"


def _powershell_text(operation: Operation, request: _Request) -> _Written:
    native = _cmdlet(operation, request)
    if isinstance(native, _Written):
        return native
    if isinstance(native, _Cmdlet):
        notes = [*native.notes, *_common_notes(operation)]
        if getattr(operation, "no_wait", False):
            notes.append("The cmdlet waits for the end; it has no parameter that returns at once.")
        return _Written(native.text, notes, chooses_version=True)
    parameters: list[tuple[str, _PowerShellValue]] = [
        ("Method", request.method),
        ("Path", request.url),
    ]
    lines: list[str] = []
    call = "Invoke-AzRestMethod @parameters"
    if request.body is not None:
        # A here-string ends at a line that begins with '@; no line of JSON does.
        lines += ["$payload = @'", _json(request.body), "'@"]
        call += " -Payload $payload"
    lines += _powershell_table("parameters", parameters)
    lines.append(f"({call}).Content" if request.method in {"GET", "POST"} else call)
    notes = [f"{native}; Invoke-AzRestMethod sends the request itself."]
    notes.append("It reports a refusal in StatusCode and Content, not as an error.")
    notes += [*_rest_notes(operation), *_common_notes(operation)]
    return _Written("\n".join(lines), notes, sends_request=True)


def _cmdlet(operation: Operation, request: _Request) -> _Cmdlet | _Written | str:
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
            if operation.instant_access is not None or operation.tags is None:
                return "Update-AzRestorePointCollection changes tags only"
            call = _on_collection("Update-AzRestorePointCollection", operation)
            return call.add("Tag", operation.tags)
        case DeleteCollection():
            call = _on_collection("Remove-AzRestorePointCollection", operation)
            call.notes.append(_NEVER_ASKS)
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
            call.notes.append(_NEVER_ASKS)
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


def _powershell_wait(operation: WaitForRestorePoint, request: _Request) -> _Cmdlet | _Written:
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
    return _Written(
        "\n".join(lines),
        ["Az.Compute has no cmdlet that waits; a loop ends with 404 when the point is gone."],
        sends_request=True,
    )


def _powershell_disk(operation: CreateDisk) -> _Cmdlet | _Written:
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
        f"$null = Set-AzContext -Subscription {_powershell(operation.subscription_id)}",
        *_powershell_table("configuration", configuration),
        *_powershell_table("parameters", disk),
        "New-AzDisk @parameters -Disk (New-AzDiskConfig @configuration)",
    ]
    notes = []
    if operation.no_wait:
        lines[-1] += " -AsJob"
        notes.append("AsJob returns a job; Receive-Job shows its result.")
    return _Written("\n".join(lines), notes, chooses_version=True)


# --- REST -------------------------------------------------------------------------------------


def _rest(operation: Operation, request: _Request) -> _Written:
    lines = [
        f"{request.method} {_ENDPOINT}{request.url} HTTP/1.1",
        "Authorization: Bearer {{access_token}}",
    ]
    if request.body is not None:
        lines += ["Content-Type: application/json", "", _json(request.body)]
    return _Written(
        "\n".join(lines),
        [*_rest_notes(operation), *_common_notes(operation)],
        sends_request=True,
    )


# --- Bicep ------------------------------------------------------------------------------------


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
            return _bicep(value)
        case Mapping():
            if not value:
                return "{}"
            entries = [
                f"{inner}{_bicep(name) if quote_keys else name}:"
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


def _bicep_text(operation: Operation, request: _Request) -> _Written:
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
            return _Written("", [_bicep_refusal(operation)])
    group = _group_of(operation)
    notes.insert(0, f"Deploy the file to the resource group {group!r}.")
    if getattr(operation, "no_wait", False):
        notes.append("A deployment waits for the end unless it is started with its own no-wait.")
    return _Written("\n\n".join(blocks), [*notes, *_common_notes(operation)])


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


# --- Terraform --------------------------------------------------------------------------------


def _hcl_value(value: object, indent: str, *, quote_keys: bool = False) -> str:
    inner = indent + "  "
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _hcl(value)
        case Mapping():
            if not value:
                return "{}"
            entries = [
                (
                    _hcl(name) if quote_keys else name,
                    _hcl_value(item, inner, quote_keys=name in _FREE_KEYS),
                )
                for name, item in value.items()
            ]
            return "\n".join(["{", *_hcl_lines(entries, inner), indent + "}"])
        case Sequence():
            if all(isinstance(item, str) for item in value) and len(value) == 1:
                return f"[{_hcl(value[0])}]"
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


def _terraform(operation: Operation, request: _Request) -> _Written:
    changed = _not_composed(request.resource_id) or _not_composed(request.body)
    if changed is not None:
        return _Written(
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
            return _Written("", ["Terraform has no wait: the apply that creates the point waits."])
        case _:
            text = _azapi_data(operation, request)
    return _Written(text, [*notes, *_common_notes(operation)])


def _azapi_resource(
    operation: CreateCollection | CreateRestorePoint | CopyRestorePoint | CreateDisk,
    request: _Request,
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


def _azapi_data(operation: Operation, request: _Request) -> str:
    version = request.api_version
    listed: str | None = None
    match operation:
        case ShowVm():
            type_, label = VM, "vm"
        case ShowDisk():
            type_, label = DISK, "disk"
        case ListDisks():
            type_, label, listed = DISK, "disks", _scope(operation)
        case ListCollections():
            type_, label, listed = COLLECTION, "collections", _scope(operation)
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


_WRITERS: Mapping[str, Callable[[Operation, _Request], _Written]] = {
    "azure_cli": _azure_cli,
    "powershell": _powershell_text,
    "rest": _rest,
    "bicep": _bicep_text,
    "terraform": _terraform,
}
