"""What clients and inventory tools call the parts of Azure's records.

Azure nests what it says of a VM or a disk; many tools flatten it into columns with names of their
own. Here each of these names leads to the place where Azure keeps the same thing. Names are
compared without letter case, blanks, underscores and hyphens: ``Max Shares`` is ``max_shares``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import Final

Path = tuple[str, ...]

_SEPARATORS: Final = re.compile(r"[\s_-]+")


def plain_name(key: str) -> str:
    """Return a key as it is compared: lower case, without blanks, underscores and hyphens.

    Examples
    --------
    >>> plain_name("Max Shares"), plain_name("storage_profile"), plain_name("$schema")
    ('maxshares', 'storageprofile', '$schema')
    """
    return _SEPARATORS.sub("", key).lower()


# --- where Azure keeps what facts are read from ------------------------------------------------

_VM_PATHS: Final = (
    "availabilitySet.id",
    "extended.instanceView.hyperVGeneration",
    "extended.instanceView.osName",
    "extended.instanceView.osVersion",
    "hardwareProfile.vmSize",
    "host.id",
    "hostGroup.id",
    "instanceView.assignedHost",
    "instanceView.hyperVGeneration",
    "instanceView.osName",
    "instanceView.osVersion",
    "licenseType",
    "osProfile.computerName",
    "priority",
    "proximityPlacementGroup.id",
    "resiliencyProfile.periodicRestorePoints.isEnabled",
    "securityProfile.encryptionAtHost",
    "securityProfile.securityType",
    "storageProfile.imageReference.communityGalleryImageId",
    "storageProfile.imageReference.exactVersion",
    "storageProfile.imageReference.id",
    "storageProfile.imageReference.offer",
    "storageProfile.imageReference.publisher",
    "storageProfile.imageReference.sharedGalleryImageId",
    "storageProfile.imageReference.sku",
    "storageProfile.imageReference.version",
    "storageProfile.osDisk.caching",
    "storageProfile.osDisk.createOption",
    "storageProfile.osDisk.diffDiskSettings.option",
    "storageProfile.osDisk.diffDiskSettings.placement",
    "storageProfile.osDisk.encryptionSettings.enabled",
    "storageProfile.osDisk.managedDisk.diskEncryptionSet.id",
    "storageProfile.osDisk.managedDisk.id",
    "storageProfile.osDisk.managedDisk.securityProfile.diskEncryptionSet.id",
    "storageProfile.osDisk.managedDisk.securityProfile.securityEncryptionType",
    "storageProfile.osDisk.managedDisk.storageAccountType",
    "storageProfile.osDisk.name",
    "storageProfile.osDisk.osType",
    "storageProfile.osDisk.vhd.uri",
    "storageProfile.osDisk.writeAcceleratorEnabled",
    "virtualMachineScaleSet.id",
)
_DISK_PATHS: Final = (
    "creationData.createOption",
    "creationData.imageReference.id",
    "diskAccessId",
    "encryption.diskEncryptionSetId",
    "encryption.type",
    "encryptionSettingsCollection.enabled",
    "hyperVGeneration",
    "managedBy",
    "maxShares",
    "networkAccessPolicy",
    "osType",
    "securityProfile.securityType",
    "sku.name",
)
_ATTACHMENT_PATHS: Final = (
    "caching",
    "createOption",
    "diffDiskSettings.option",
    "diskEncryptionSet.id",
    "managedDisk.diskEncryptionSet.id",
    "managedDisk.id",
    "managedDisk.securityProfile.securityEncryptionType",
    "managedDisk.storageAccountType",
    "vhd.uri",
    "writeAcceleratorEnabled",
)

# --- what others call the same ------------------------------------------------------------------

_VM_NAMES: Final = {
    "agent os name": "instanceView.osName",
    "agent os version": "instanceView.osVersion",
    "availability set": "availabilitySet.id",
    "dedicated host id": "host.id",
    "dedicated host group id": "hostGroup.id",
    "encryption at host enabled": "securityProfile.encryptionAtHost",
    "flavor": "hardwareProfile.vmSize",
    "hardware profile size": "hardwareProfile.vmSize",
    "image": "storageProfile.imageReference",
    "image id": "storageProfile.imageReference.id",
    "image offer": "storageProfile.imageReference.offer",
    "image publisher": "storageProfile.imageReference.publisher",
    "image reference": "storageProfile.imageReference",
    "image sku": "storageProfile.imageReference.sku",
    "image version": "storageProfile.imageReference.version",
    "data disks": "storageProfile.dataDisks",
    "offer": "storageProfile.imageReference.offer",
    "os disk": "storageProfile.osDisk",
    "os disk caching": "storageProfile.osDisk.caching",
    "os disk create option": "storageProfile.osDisk.createOption",
    "os disk encryption set id": "storageProfile.osDisk.managedDisk.diskEncryptionSet.id",
    "os disk ephemeral option": "storageProfile.osDisk.diffDiskSettings.option",
    "os disk id": "storageProfile.osDisk.managedDisk.id",
    "os disk managed disk id": "storageProfile.osDisk.managedDisk.id",
    "os disk name": "storageProfile.osDisk.name",
    "os disk sku": "storageProfile.osDisk.managedDisk.storageAccountType",
    "os disk storage account type": "storageProfile.osDisk.managedDisk.storageAccountType",
    "os disk type": "storageProfile.osDisk.managedDisk.storageAccountType",
    "os disk vhd uri": "storageProfile.osDisk.vhd.uri",
    "os family": "storageProfile.osDisk.osType",
    "os name": "instanceView.osName",
    "os type": "storageProfile.osDisk.osType",
    "os version": "instanceView.osVersion",
    "proximity placement group": "proximityPlacementGroup.id",
    "publisher": "storageProfile.imageReference.publisher",
    "security encryption type": (
        "storageProfile.osDisk.managedDisk.securityProfile.securityEncryptionType"
    ),
    "security type": "securityProfile.securityType",
    "size": "hardwareProfile.vmSize",
    "source image id": "storageProfile.imageReference.id",
    "virtual machine size": "hardwareProfile.vmSize",
    "vm size": "hardwareProfile.vmSize",
    "vm sku": "hardwareProfile.vmSize",
}
_DISK_NAMES: Final = {
    "account type": "sku.name",
    "create option": "creationData.createOption",
    "creation data option": "creationData.createOption",
    "disk access": "diskAccessId",
    "disk encryption set id": "encryption.diskEncryptionSetId",
    "disk sku": "sku.name",
    "disk type": "sku.name",
    "encryption": "encryption.type",
    "encryption type": "encryption.type",
    "max share": "maxShares",
    "maximum shares": "maxShares",
    "network access": "networkAccessPolicy",
    "owner vm": "managedBy",
    "owner vm id": "managedBy",
    "security type": "securityProfile.securityType",
    "shares": "maxShares",
    "sku": "sku.name",
    "sku name": "sku.name",
    "storage account type": "sku.name",
    "storage sku": "sku.name",
    "storage type": "sku.name",
}
_ATTACHMENT_NAMES: Final = {
    "disk encryption set": "managedDisk.diskEncryptionSet",
    "disk encryption set id": "managedDisk.diskEncryptionSet.id",
    "disk id": "managedDisk.id",
    "managed disk id": "managedDisk.id",
    "managed disk type": "managedDisk.storageAccountType",
    "sku": "managedDisk.storageAccountType",
    "sku name": "managedDisk.storageAccountType",
    "storage account type": "managedDisk.storageAccountType",
    "vhd uri": "vhd.uri",
    "virtual hard disk uri": "vhd.uri",
    "write accelerator enabled": "writeAcceleratorEnabled",
}

# Other names of what every record has.
COMMON_NAMES: Final = {
    "resourceid": "id",
    "azureresourceid": "id",
    "armid": "id",
    "resourcetype": "type",
    "resourcename": "name",
    "vmname": "name",
    "virtualmachinename": "name",
    "diskname": "name",
    "resourcegroupname": "resourcegroup",
    "rg": "resourcegroup",
    "region": "location",
    "azureregion": "location",
    "virtualmachineextensiontype": "typepropertiestype",
    "extensiontype": "typepropertiestype",
    "availabilitysetreference": "availabilityset",
    "extensions": "resources",
}


def _places(paths: Iterable[str], names: Mapping[str, str]) -> Mapping[str, Path]:
    """Return where each name leads: the names of tools, and paths without their dots."""
    found: dict[str, Path] = {}
    for path in paths:
        steps = tuple(path.lower().split("."))
        if len(steps) > 1:
            found["".join(steps)] = steps
            found[f"properties{''.join(steps)}"] = steps
        else:
            found[f"properties{path.lower()}"] = steps
    for name, path in names.items():
        found[plain_name(name)] = tuple(path.lower().split("."))
    return MappingProxyType(found)


FLAT_NAMES: Final[Mapping[str, Mapping[str, Path]]] = {
    "vm": _places(_VM_PATHS, _VM_NAMES),
    "disk": _places(_DISK_PATHS, _DISK_NAMES),
    "attachment": _places(_ATTACHMENT_PATHS, _ATTACHMENT_NAMES),
}
"""By kind of record: from a plain name to the path of plain names at which Azure keeps the same."""

# --- names that look like a fact, and that no reader knows ---------------------------------------

# What a name is about, by its words. Whoever writes one of these says something of the fact.
_ABOUT: Final = {
    "azure_disk_encryption": ("ade", "azurediskencryption", "diskencryption", "isencryptedade"),
    "caching": ("caching", "hostcaching", "diskcaching"),
    "customer_key": ("cmk", "customermanagedkey", "diskencryptionset", "customerkey"),
    "disk_sku": (
        *("storageaccounttype", "isultradisk", "ultra", "isultra", "ultrassd", "premiumssdv2"),
        *("ispremiumv2", "accounttype", "disksku", "storagesku", "disktype"),
    ),
    "encryption_at_host": ("encryptionathost", "hostencryption", "hostbasedencryption"),
    "encryption_type": ("encryptiontype", "sseencryptiontype"),
    "ephemeral": (
        *("diffdisksettings", "ephemeral", "isephemeral", "ephemeralosdisk", "ephemeraldisk"),
        "isephemeralosdisk",
    ),
    "from_trusted_launch_os_disk": ("fromtrustedlaunch",),
    "max_shares": (
        *("maxshares", "shared", "isshared", "shareddisk", "isshareddisk", "multiattach"),
        *("sharecount", "numberofshares", "diskshared", "shareable"),
    ),
    "nfs_mounts": ("nfs", "nfsmounts", "hasnfs"),
    "os_architecture": ("architecture", "osarchitecture", "bitness", "osbits"),
    "private_link": (
        *("networkaccesspolicy", "diskaccess", "diskaccessid", "privatelink", "privateendpoint"),
        "publicnetworkaccess",
    ),
    "proxy_without_python": ("proxy", "pythonversion"),
    "scale_set_orchestration": (
        *("virtualmachinescaleset", "orchestrationmode", "vmss", "scaleset", "isuniform"),
        *("vmscaleset", "scalesetname", "vmssname", "vmscalesetname"),
    ),
    "security_type": (
        *("securitytype", "securityencryptiontype", "confidential", "isconfidential"),
        *("confidentialvm", "trustedlaunch", "istrustedlaunch"),
    ),
    "storage": (
        *("vhduri", "unmanaged", "isunmanaged", "ismanaged", "manageddisk"),
        *("storageprofile", "datadisks", "osdisk"),
    ),
}
_FACT_OF: Final = {name: fact_id for fact_id, names in _ABOUT.items() for name in names}
# So like a name must be that is taken for a misspelling of it.
_ALIKE: Final = 0.88
_LONG_ENOUGH: Final = 8


@lru_cache(maxsize=4096)
def fact_like(name: str) -> str:
    """Return the fact that a plain name seems to be about, or an empty text.

    Examples
    --------
    >>> fact_like("isshareddisk"), fact_like("maxshared"), fact_like("provisioningstate")
    ('max_shares', 'max_shares', '')
    """
    name = name.removeprefix("properties")
    if name in _FACT_OF:
        return _FACT_OF[name]
    if len(name) < _LONG_ENOUGH:
        return ""
    near = get_close_matches(name, _FACT_OF, n=1, cutoff=_ALIKE)
    return _FACT_OF[near[0]] if near and len(near[0]) >= _LONG_ENOUGH else ""


def strange_names() -> Iterator[str]:
    """Return the names of tools, with their words apart, and those that seem to be about a fact."""
    for names in (_VM_NAMES, _DISK_NAMES, _ATTACHMENT_NAMES, _FACT_OF):
        yield from names


# Columns of exports that bear on no verdict: what it is called, where, whose, and since when.
_OF_WHAT: Final = re.compile(r"^(?:disk|vm|os|host|properties)+")
_WITHOUT_BEARING: Final = re.compile(
    r"(?:tags?|etag|kind|tenant|subscription|resourcegroup|managedgroup|cost|time|created|changed"
    r"|modified|provisioning|unique|zone|plan|identity|extendedlocation|displaystatus|powerstate"
    r"|status|state$|diskstate|sizegb|sizebytes|iops|mbps|throughput|bandwidth|tier|burst|network"
    r"|nic|ip|publicip|privateip|fqdn|dns|admin|user|password|ssh|agent|patch|boot|diagnostic"
    r"|computername|vmid|name|description|environment|owner|department|project|application|comment"
    r"|note|price|currency|cpu|core|memory|ram|lun|version|count|url|link|guest|provision|require"
    r"|allow|disable|enable|delete|eviction|additional|ultrassdenabled|storageuri|number|order"
    r"|azenvironment|size|bytes|customdata|offer|platform|placement|sku|publisher|userdata|isho|evict|tagslist"
    r"|secureboot|virtualtpm|vtpm|uefi|interface|title|akas|source|cloud|account|row|index)"
)


def has_bearing(name: str) -> bool:
    """Return whether a column that was not read may say something that bears on a verdict.

    Examples
    --------
    >>> has_bearing("subscriptionname"), has_bearing("storagekind"), has_bearing("sharedby")
    (False, True, True)
    """
    return bool(fact_like(name)) or not _WITHOUT_BEARING.match(_OF_WHAT.sub("", name))
