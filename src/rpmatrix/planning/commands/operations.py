"""Neutral operations on Azure restore points, and the API version each one needs.

An operation says *what* is to be done with which resources; it knows no client and no
spelling. `rpmatrix.planning.plan` makes operations, `rpmatrix.planning.commands.write` writes them
down for a client. Resources that exist already are named by their resource id; what is created,
changed or read inside a restore point collection is named by its parts, because its id may not
exist yet.

Every operation checks its own values and raises `ValueError` with a sentence that says which
field is wrong and what it should be. Names are checked only for what no client can express
(empty, ``/``, ``.``, ``..``, a NUL, half a surrogate pair): whether Azure likes a name is
Azure's answer to give, and `rpmatrix.planning.commands.write` quotes whatever gets this far.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rpmatrix.matrix.matrix import Matrix, load_matrix

__all__ = [
    "ApiCapability",
    "ApiVersionError",
    "ApiVersions",
    "CopyRestorePoint",
    "CreateCollection",
    "CreateDisk",
    "CreateRestorePoint",
    "DeleteCollection",
    "DeleteRestorePoint",
    "DiskEncryption",
    "FollowProgress",
    "GrantAccess",
    "ListCollections",
    "ListDiskRestorePoints",
    "ListDisks",
    "ListRestorePoints",
    "Operation",
    "ResourceId",
    "RevokeAccess",
    "ShowDisk",
    "ShowVm",
    "UpdateCollection",
    "WaitForRestorePoint",
    "api_versions",
    "capabilities_of",
    "choose_api_version",
]

Line = Literal["compute", "disk"]
ConsistencyMode = Literal["application", "crash"]
EncryptionType = Literal[
    "EncryptionAtRestWithPlatformKey",
    "EncryptionAtRestWithCustomerKey",
    "EncryptionAtRestWithPlatformAndCustomerKeys",
]

VM = "virtualMachines"
DISK = "disks"
DISK_ENCRYPTION_SET = "diskEncryptionSets"
COLLECTION = "restorePointCollections"
RESTORE_POINT = f"{COLLECTION}/restorePoints"
DISK_RESTORE_POINT = f"{RESTORE_POINT}/diskRestorePoints"

_PLATFORM_KEY: EncryptionType = "EncryptionAtRestWithPlatformKey"
_ENCRYPTION_TYPES: tuple[EncryptionType, ...] = (
    "EncryptionAtRestWithPlatformKey",
    "EncryptionAtRestWithCustomerKey",
    "EncryptionAtRestWithPlatformAndCustomerKeys",
)


# --- values -----------------------------------------------------------------------------------


def _check_text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} is missing: give a text, not {value!r}")
    if "\0" in value:
        raise ValueError(f"{what} holds a NUL character, which no client can pass on: {value!r}")
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError(f"{what} holds half a surrogate pair and is no valid text: {value!r}")
    return value


def _check_name(value: object, what: str) -> str:
    name = _check_text(value, what)
    # These three would make the resource id mean another resource, however it is encoded.
    if "/" in name:
        raise ValueError(f"{what} {name!r} holds a '/': give the name alone, not a resource id")
    if name in {".", ".."}:
        raise ValueError(f"{what} {name!r} is a path step, not a name")
    return name


def _check_positive(value: object, what: str, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{what} is {value!r}: give a whole number of {unit} above zero")


def _check_choice(value: object, what: str, choices: Iterable[str]) -> None:
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{what} is {value!r}: choose one of {', '.join(choices)}")


def _check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    seen: dict[str, str] = {}
    for name, value in tags.items():
        _check_text(name, "tag name")
        if not isinstance(value, str):
            raise ValueError(f"tag {name!r} has the value {value!r}: tag values are texts")
        if value:
            _check_text(value, f"tag {name!r}")
        if name.casefold() in seen:
            raise ValueError(
                f"tags {seen[name.casefold()]!r} and {name!r} differ only in letter case;"
                " Azure takes them for one tag"
            )
        seen[name.casefold()] = name
    return dict(tags)


@dataclass(frozen=True)
class ResourceId:
    """The parts of a Microsoft.Compute resource id.

    Attributes
    ----------
    subscription_id, resource_group : str
        Where the resource lives.
    type : str
        Type below ``Microsoft.Compute``, spelled as the REST API does, such as
        ``restorePointCollections/restorePoints``.
    names : tuple of str
        One name for each part of the type.
    """

    subscription_id: str
    resource_group: str
    type: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last name: that of the resource itself."""
        return self.names[-1]

    @classmethod
    def parse(cls, text: str, what: str, *types: str) -> ResourceId:
        """Read a resource id of one of ``types``, letter case of the fixed parts ignored.

        Raises
        ------
        ValueError
            If the text is no resource id, or the id of something else; ``what`` names the
            field in the sentence.
        """
        value = _check_text(text, what)
        wanted = " or ".join(f"Microsoft.Compute/{type_}" for type_ in types)
        parts = value.split("/")
        fixed = ("", "subscriptions", None, "resourcegroups", None, "providers")
        well_formed = (
            len(parts) >= 9
            and len(parts) % 2 == 1
            and all(
                expected is None or part.lower() == expected
                for part, expected in zip(parts, fixed, strict=False)
            )
            and parts[6].lower() == "microsoft.compute"
            and all(part and part not in {".", ".."} for part in parts[1:])
        )
        if not well_formed:
            raise ValueError(
                f"{what} {value!r} is not a resource id: it should be like /subscriptions/<id>"
                f"/resourceGroups/<group>/providers/Microsoft.Compute/..., of {wanted}"
            )
        found = "/".join(parts[7::2])
        for type_ in types:
            if type_.lower() == found.lower():
                return cls(parts[2], parts[4], type_, tuple(parts[8::2]))
        raise ValueError(
            f"{what} {value!r} is the id of Microsoft.Compute/{found}; it should be the id of a"
            f" {wanted}"
        )


@dataclass(frozen=True, kw_only=True)
class DiskEncryption:
    """The encryption one disk is to have inside a restore point.

    Attributes
    ----------
    source_id : str
        For a new restore point the id of the managed disk; for a copy the id of the *disk
        restore point* that is copied.
    role : str
        ``os`` or ``data``: the request names the OS disk and the data disks apart.
    type : str or None
        What encrypts the disk restore point; None where a set is named and its kind decides.
    disk_encryption_set_id : str or None
        The set that holds the customer key; for a copy it must be in the target region. None for
        the platform's key.

    Raises
    ------
    ValueError
        If neither type nor set is given, or the two contradict each other.
    """

    source_id: str
    role: Literal["os", "data"]
    type: EncryptionType | None = None
    disk_encryption_set_id: str | None = None

    def __post_init__(self) -> None:
        ResourceId.parse(self.source_id, "source_id", DISK, DISK_RESTORE_POINT)
        _check_choice(self.role, "role", ("os", "data"))
        _check_encryption(self.type, self.disk_encryption_set_id)
        if self.type is None and self.disk_encryption_set_id is None:
            raise ValueError(
                f"nothing is said about the encryption of {self.source_id}: give a type,"
                " a disk encryption set, or both"
            )


def _check_encryption(type_: str | None, disk_encryption_set_id: str | None) -> None:
    if disk_encryption_set_id is not None:
        ResourceId.parse(disk_encryption_set_id, "disk_encryption_set_id", DISK_ENCRYPTION_SET)
    if type_ is None:
        return
    _check_choice(type_, "encryption type", _ENCRYPTION_TYPES)
    if type_ == _PLATFORM_KEY and disk_encryption_set_id is not None:
        raise ValueError(f"{type_} takes no disk encryption set: leave the set out")
    if type_ != _PLATFORM_KEY and disk_encryption_set_id is None:
        raise ValueError(f"{type_} needs disk_encryption_set_id: the set that holds the key")


def _check_disk_encryption(disks: tuple[DiskEncryption, ...], type_: str, why: str) -> None:
    for disk in disks:
        ResourceId.parse(disk.source_id, f"source_id ({why})", type_)
    if sum(disk.role == "os" for disk in disks) > 1:
        raise ValueError("two entries of disk_encryption have the role os; a VM has one OS disk")
    ids = [disk.source_id.lower() for disk in disks]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise ValueError(f"disk_encryption names {id_} twice")


# --- operations -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ShowVm:
    """Read a VM, to settle what an export leaves unknown.

    Attributes
    ----------
    vm_id : str
        Resource id of the VM.
    instance_view : bool
        Ask for the running state as well (agent, OS name and version, generation); it is the
        only place where the generation of a VM shows.
    """

    vm_id: str
    instance_view: bool = False

    def __post_init__(self) -> None:
        ResourceId.parse(self.vm_id, "vm_id", VM)


@dataclass(frozen=True, kw_only=True)
class ShowDisk:
    """Read a managed disk: sharing, SKU, encryption and network access show only there.

    Attributes
    ----------
    disk_id : str
        Resource id of the disk.
    """

    disk_id: str

    def __post_init__(self) -> None:
        ResourceId.parse(self.disk_id, "disk_id", DISK)


@dataclass(frozen=True, kw_only=True)
class _InSubscription:
    subscription_id: str
    resource_group: str | None = None

    def __post_init__(self) -> None:
        _check_name(self.subscription_id, "subscription_id")
        if self.resource_group is not None:
            _check_name(self.resource_group, "resource_group")


@dataclass(frozen=True, kw_only=True)
class ListDisks(_InSubscription):
    """Read all managed disks of a subscription, or of one resource group.

    Attributes
    ----------
    subscription_id : str
        The subscription.
    resource_group : str or None
        One resource group of it; all if it is None.
    """


@dataclass(frozen=True, kw_only=True)
class ListCollections(_InSubscription):
    """Read all restore point collections of a subscription, or of one resource group.

    The list holds no restore points: read those per collection with `ListRestorePoints`.

    Attributes
    ----------
    subscription_id : str
        The subscription.
    resource_group : str or None
        One resource group of it; all if it is None.
    """


@dataclass(frozen=True, kw_only=True)
class _OnCollection:
    subscription_id: str
    resource_group: str
    collection: str

    def __post_init__(self) -> None:
        _check_name(self.subscription_id, "subscription_id")
        _check_name(self.resource_group, "resource_group")
        _check_name(self.collection, "collection")

    @property
    def collection_id(self) -> str:
        """Resource id of the restore point collection."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Compute/{COLLECTION}/{self.collection}"
        )


@dataclass(frozen=True, kw_only=True)
class CreateCollection(_OnCollection):
    """Create a restore point collection.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    location : str
        Region of the collection: the VM's own region, or the target region of a copy.
    source_id : str
        Id of the VM; for a cross-region copy the id of the source *collection*.
    tags : mapping of str to str
        Tags of the collection.
    instant_access : bool or None
        Whether points of Premium SSD v2 and Ultra disks are usable at once; None leaves it to
        the service.
    """

    location: str
    source_id: str
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    instant_access: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name(self.location, "location")
        ResourceId.parse(self.source_id, "source_id", VM, COLLECTION)
        object.__setattr__(self, "tags", _check_tags(self.tags))

    @property
    def cross_region(self) -> bool:
        """Whether the collection receives copies of another collection's points."""
        return ResourceId.parse(self.source_id, "source_id", VM, COLLECTION).type == COLLECTION


@dataclass(frozen=True, kw_only=True)
class UpdateCollection(_OnCollection):
    """Change a restore point collection: its tags, its instant access, nothing else.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    tags : mapping of str to str, or None
        The whole new set of tags (an empty mapping removes all); None leaves them alone.
    instant_access : bool or None
        The new setting; None leaves it alone.
    """

    tags: Mapping[str, str] | None = field(default=None, hash=False)
    instant_access: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tags is None and self.instant_access is None:
            raise ValueError("nothing to change: give tags, instant_access, or both")
        if self.tags is not None:
            object.__setattr__(self, "tags", _check_tags(self.tags))


@dataclass(frozen=True, kw_only=True)
class DeleteCollection(_OnCollection):
    """Delete a restore point collection **with all its restore points**.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    no_wait : bool
        Return before the service has finished, where the client knows how.
    """

    no_wait: bool = False


@dataclass(frozen=True, kw_only=True)
class ListRestorePoints(_OnCollection):
    """Read a restore point collection together with its restore points.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    """


@dataclass(frozen=True, kw_only=True)
class _OnRestorePoint(_OnCollection):
    restore_point: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name(self.restore_point, "restore_point")

    @property
    def restore_point_id(self) -> str:
        """Resource id of the restore point."""
        return f"{self.collection_id}/restorePoints/{self.restore_point}"


@dataclass(frozen=True, kw_only=True)
class CreateRestorePoint(_OnRestorePoint):
    """Create a restore point of the VM its collection belongs to.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    consistency_mode : str
        ``application`` (the service's default: the property is left out of the request) or
        ``crash``.
    exclude_disk_ids : tuple of str
        Ids of the managed disks to leave out.
    disk_encryption : tuple of DiskEncryption
        Own encryption for single disks; the others get the service's default.
    instant_access_minutes : int or None
        How many minutes the point of Premium SSD v2 and Ultra disks stays instantly usable; None
        leaves it to the service.
    no_wait : bool
        Return before the service has finished, where the client knows how.
    """

    consistency_mode: ConsistencyMode
    exclude_disk_ids: tuple[str, ...] = ()
    disk_encryption: tuple[DiskEncryption, ...] = ()
    instant_access_minutes: int | None = None
    no_wait: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice(self.consistency_mode, "consistency_mode", ("application", "crash"))
        object.__setattr__(self, "exclude_disk_ids", tuple(self.exclude_disk_ids))
        object.__setattr__(self, "disk_encryption", tuple(self.disk_encryption))
        for id_ in self.exclude_disk_ids:
            ResourceId.parse(id_, "exclude_disk_ids", DISK)
        _check_disk_encryption(
            self.disk_encryption, DISK, "a new restore point names managed disks"
        )
        excluded = {id_.lower() for id_ in self.exclude_disk_ids}
        for disk in self.disk_encryption:
            if disk.source_id.lower() in excluded:
                raise ValueError(f"{disk.source_id} is excluded and given an encryption")
        if self.instant_access_minutes is not None:
            _check_positive(self.instant_access_minutes, "instant_access_minutes", "minutes")


@dataclass(frozen=True, kw_only=True)
class CopyRestorePoint(_OnRestorePoint):
    """Copy a restore point into the collection of another region.

    ``collection`` is the *target* collection and must exist (`CreateCollection` with the
    source collection as its source). Disks cannot be left out of a copy.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    source_restore_point_id : str
        Id of the point that is copied.
    disk_encryption : tuple of DiskEncryption
        Own encryption for single disks; each names the *disk restore point* it copies.
    no_wait : bool
        Return before the service has finished, where the client knows how.
    """

    source_restore_point_id: str
    disk_encryption: tuple[DiskEncryption, ...] = ()
    no_wait: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        ResourceId.parse(self.source_restore_point_id, "source_restore_point_id", RESTORE_POINT)
        object.__setattr__(self, "disk_encryption", tuple(self.disk_encryption))
        _check_disk_encryption(
            self.disk_encryption, DISK_RESTORE_POINT, "a copy names disk restore points"
        )


@dataclass(frozen=True, kw_only=True)
class FollowProgress(_OnRestorePoint):
    """Read a restore point with its instance view: state, and how far a copy has come.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    """


@dataclass(frozen=True, kw_only=True)
class WaitForRestorePoint(_OnRestorePoint):
    """Wait until a restore point is created or deleted.

    For a copy, *created* means only that the copy has started: use `FollowProgress` to learn
    when its disks have arrived.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    until : str
        ``created`` or ``deleted``.
    """

    until: Literal["created", "deleted"] = "created"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice(self.until, "until", ("created", "deleted"))


@dataclass(frozen=True, kw_only=True)
class DeleteRestorePoint(_OnRestorePoint):
    """Delete one restore point.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    no_wait : bool
        Return before the service has finished, where the client knows how.
    """

    no_wait: bool = False


@dataclass(frozen=True, kw_only=True)
class ListDiskRestorePoints(_OnRestorePoint):
    """Read the disk restore points of a restore point, or the one that is named.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    disk_restore_point : str or None
        Name of one of them; all if it is None.
    """

    disk_restore_point: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.disk_restore_point is not None:
            _check_name(self.disk_restore_point, "disk_restore_point")


@dataclass(frozen=True, kw_only=True)
class _OnDiskRestorePoint(_OnRestorePoint):
    disk_restore_point: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name(self.disk_restore_point, "disk_restore_point")

    @property
    def disk_restore_point_id(self) -> str:
        """Resource id of the disk restore point."""
        return f"{self.restore_point_id}/diskRestorePoints/{self.disk_restore_point}"


@dataclass(frozen=True, kw_only=True)
class GrantAccess(_OnDiskRestorePoint):
    """Open a disk restore point for reading through a shared access signature (SAS).

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    disk_restore_point : str
        Name of the disk restore point.
    duration_seconds : int
        For how many seconds the signature is valid. A second request extends the running one.
    secure_vm_guest_state : bool
        Ask for the guest state of a trusted launch or confidential VM as well.
    file_format : str or None
        Format of the download, ``VHD`` or ``VHDX``; None leaves it to the service.
    """

    duration_seconds: int = 3600
    secure_vm_guest_state: bool = False
    file_format: Literal["VHD", "VHDX"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive(self.duration_seconds, "duration_seconds", "seconds")
        if self.file_format is not None:
            _check_choice(self.file_format, "file_format", ("VHD", "VHDX"))


@dataclass(frozen=True, kw_only=True)
class RevokeAccess(_OnDiskRestorePoint):
    """End the shared access signature of a disk restore point.

    A point with an open signature cannot be deleted.

    Attributes
    ----------
    subscription_id, resource_group, collection : str
        Where the restore point collection is, and its name.
    restore_point : str
        Name of the restore point.
    disk_restore_point : str
        Name of the disk restore point.
    """


@dataclass(frozen=True, kw_only=True)
class CreateDisk:
    """Create a managed disk from a disk restore point.

    Attributes
    ----------
    subscription_id, resource_group, disk : str
        Where the new disk is to be, and its name.
    location : str
        Its region.
    disk_restore_point_id : str
        What the disk is made from; it must be in ``location``.
    sku : str
        SKU of the new disk. Required, because the clients' own defaults differ from the
        source disk's SKU without a word.
    zone : str or None
        Availability zone; may be another one than the source disk's. None for no zone.
    size_gb : int or None
        Size in GiB, if it is to be larger than the source.
    encryption_type, disk_encryption_set_id : str or None
        Encryption of the new disk; None leaves it to the service.
    no_wait : bool
        Return before the service has finished, where the client knows how.
    """

    subscription_id: str
    resource_group: str
    disk: str
    location: str
    disk_restore_point_id: str
    sku: str
    zone: str | None = None
    size_gb: int | None = None
    encryption_type: EncryptionType | None = None
    disk_encryption_set_id: str | None = None
    no_wait: bool = False

    def __post_init__(self) -> None:
        _check_name(self.subscription_id, "subscription_id")
        _check_name(self.resource_group, "resource_group")
        _check_name(self.disk, "disk")
        _check_name(self.location, "location")
        _check_name(self.sku, "sku")
        ResourceId.parse(self.disk_restore_point_id, "disk_restore_point_id", DISK_RESTORE_POINT)
        if self.zone is not None:
            _check_name(self.zone, "zone")
        if self.size_gb is not None:
            _check_positive(self.size_gb, "size_gb", "GiB")
        _check_encryption(self.encryption_type, self.disk_encryption_set_id)

    @property
    def disk_id(self) -> str:
        """Resource id the new disk will have."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Compute/{DISK}/{self.disk}"
        )


Operation = (
    ShowVm
    | ShowDisk
    | ListDisks
    | ListCollections
    | CreateCollection
    | UpdateCollection
    | DeleteCollection
    | ListRestorePoints
    | CreateRestorePoint
    | CopyRestorePoint
    | FollowProgress
    | WaitForRestorePoint
    | DeleteRestorePoint
    | ListDiskRestorePoints
    | GrantAccess
    | RevokeAccess
    | CreateDisk
)


# --- API versions -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ApiCapability:
    """One thing a request may use, and the first API version that has it.

    Attributes
    ----------
    id : str
        Short name.
    line : str
        Which of Microsoft.Compute's two version lines the request belongs to: ``compute``
        (VMs, collections, restore points) or ``disk`` (disks, disk restore points).
    feature, value : str
        What the request uses, and which value of it; an empty value stands for any.
    minimum : str
        First version whose schema has it.
    meaning : str
        What it is, in words that complete "... needs api-version ...".
    source : str
        Where the version was read.
    """

    id: str
    line: Line
    feature: str
    value: str
    minimum: str
    meaning: str
    source: str


class ApiVersionError(ValueError):
    """The API version asked for cannot carry the operation."""


@dataclass(frozen=True)
class ApiVersions:
    """What the tables ``api_capabilities`` and ``api_versions`` say.

    Attributes
    ----------
    capabilities : tuple of ApiCapability
        What needs which version. This is the whole rule: no other code compares versions.
    published : mapping of str to tuple of str
        The published versions of each line, oldest first.
    generally_known : mapping of str to str
        Newest version of each line that all five clients know. A newer one is taken only when a
        capability asks for it, because type checks of Bicep and azapi refuse or warn about
        versions their release does not know.
    """

    capabilities: tuple[ApiCapability, ...]
    published: Mapping[Line, tuple[str, ...]]
    generally_known: Mapping[Line, str]


def api_versions(matrix: Matrix | None = None) -> ApiVersions:
    """Give the API versions that a matrix knows; the seed edition's if it is left out."""
    return (matrix or load_matrix()).prepared("api_versions", _api_versions)


def _api_versions(matrix: Matrix) -> ApiVersions:
    def plain(version: str) -> str:
        return version.removeprefix("api-")

    capabilities = tuple(
        ApiCapability(
            row.id.removeprefix("api-"),
            _line(row["line"]),
            row["feature"],
            row["value"],
            plain(row["minimum"]),
            row["meaning"],
            row["source"],
        )
        for row in matrix.table("api_capabilities")
    )
    rows = matrix.table("api_versions")
    published: dict[Line, tuple[str, ...]] = {}
    known: dict[Line, str] = {}
    for row in sorted(rows, key=lambda row: row["version"]):
        line = _line(row["line"])
        published[line] = (*published.get(line, ()), plain(row["version"]))
        if row["standing"] == "generally_known":
            known[line] = plain(row["version"])
    return ApiVersions(capabilities, published, known)


def _line(text: str) -> Line:
    return "disk" if text == "disk" else "compute"


_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


def line_of(operation: Operation) -> Line:
    """Tell the version line of Microsoft.Compute that an operation's request belongs to."""
    match operation:
        case (
            ShowDisk()
            | ListDisks()
            | ListDiskRestorePoints()
            | GrantAccess()
            | RevokeAccess()
            | CreateDisk()
        ):
            return "disk"
        case _:
            return "compute"


def capabilities_of(
    operation: Operation, matrix: Matrix | None = None
) -> tuple[ApiCapability, ...]:
    """List what the request of an operation uses, for the choice of an API version."""
    used = {feature: value.lower() for feature, value in _used(operation)}
    return tuple(
        item
        for item in api_versions(matrix).capabilities
        if item.feature in used and item.value.lower() in ("", used[item.feature])
    )


def _used(operation: Operation) -> Iterator[tuple[str, str]]:
    """Give the features that a request uses, as ``api_capabilities`` calls them, and their values.

    The value is empty where the table tells none apart.
    """
    match operation:
        case ShowVm() | ShowDisk() | ListDisks():
            return
        case CreateCollection() | UpdateCollection():
            yield "restore_point", ""
            if operation.instant_access is not None:
                yield "instant_access", ""
            if isinstance(operation, CreateCollection) and operation.cross_region:
                yield "copy", ""
        case CreateRestorePoint():
            yield "restore_point", ""
            yield "consistency_mode", operation.consistency_mode
            if operation.disk_encryption:
                yield "disk_encryption", ""
            if operation.instant_access_minutes is not None:
                yield "instant_access", ""
        case CopyRestorePoint():
            yield "restore_point", ""
            yield "copy", ""
            if operation.disk_encryption:
                yield "disk_encryption", ""
        case FollowProgress():
            yield "restore_point", ""
            yield "instance_view", ""
        case ListDiskRestorePoints():
            yield "disk_restore_point", ""
        case GrantAccess():
            yield "disk_restore_point", ""
            yield "shared_access", ""
            if operation.secure_vm_guest_state:
                yield "secure_vm_guest_state", ""
            if operation.file_format is not None:
                yield "file_format", operation.file_format
        case RevokeAccess():
            yield "disk_restore_point", ""
            yield "shared_access", ""
        case CreateDisk():
            yield "disk_restore_point", ""
            yield "disk_sku", operation.sku
        case _:
            yield "restore_point", ""


def choose_api_version(
    operation: Operation, requested: str | None = None, matrix: Matrix | None = None
) -> str:
    """Choose the API version for an operation, or check the one asked for.

    Without a request, it is the newest version all clients know, or, if
    that lacks something the operation uses, the oldest published one that has all of it.

    Parameters
    ----------
    operation
        What is to be done.
    requested
        A version to use instead, such as ``2024-11-01``. Versions newer than the
        published ones are let through: they may exist by now.
    matrix
        What knows the versions; the seed edition if it is left out.

    Raises
    ------
    ApiVersionError
        If the version is malformed, belongs to the other line of Microsoft.Compute, or lacks
        something the operation uses; the message says what needs which version.
    """
    known = api_versions(matrix)
    line = line_of(operation)
    needed = capabilities_of(operation, matrix)
    if requested is None:
        version = known.generally_known[line]
        if all(item.minimum <= version for item in needed):
            return version
        least = max(item.minimum for item in needed)
        return next(version for version in known.published[line] if version >= least)
    if not _VERSION.fullmatch(requested):
        raise ApiVersionError(
            f"api-version {requested!r} is malformed: it should be a date such as"
            f" {known.generally_known[line]}"
        )
    other: Line = "disk" if line == "compute" else "compute"
    if requested in known.published[other] and requested not in known.published[line]:
        raise ApiVersionError(
            f"api-version {requested} belongs to the {other} line of Microsoft.Compute; this"
            f" request uses the {line} line, for example {known.generally_known[line]}"
        )
    lacking = [item for item in needed if item.minimum > requested[:10]]
    if lacking:
        reasons = "; ".join(f"{item.meaning} needs {item.minimum} or later" for item in lacking)
        raise ApiVersionError(f"api-version {requested} is too old for this request: {reasons}")
    return requested
