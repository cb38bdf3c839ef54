"""Which attribute of a Terraform resource is which property of Azure's record.

The only place that knows the attributes of the provider azurerm, versions 1 to 4. A path on the
left leads through blocks, of which one that may be repeated ends in ``[]``; a path on the right is
the one that Azure CLI prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple


class Implied(NamedTuple):
    """A property that follows from an attribute and has no attribute of its own.

    Attributes
    ----------
    attribute, value
        The attribute and the value it must have; None for any value.
    property, meaning
        The property and the value that it then has.
    unless : str
        A property that, where it is set, says more: nothing follows then.
    """

    attribute: str
    value: Any
    property: str
    meaning: Any
    unless: str = ""


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """How one type of Terraform resource becomes a record of Azure.

    Attributes
    ----------
    azure_type : str
        The type of the resource in Azure.
    attributes : mapping of str to str
        The property that each attribute is.
    constants : mapping of str to str
        Properties that the type of the resource settles by itself.
    implied : tuple of Implied
        Properties that follow from attributes.
    parent : str
        The attribute that holds the id of the resource which this one belongs to.
    unset_by_zero : tuple of str
        Attributes for which a state holds 0 where they were not set.
    """

    azure_type: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    implied: tuple[Implied, ...] = ()
    parent: str = ""
    unset_by_zero: tuple[str, ...] = ()


def _below(block: str, path: str, attributes: Mapping[str, str]) -> dict[str, str]:
    return {f"{block}.{name}": f"{path}.{there}" for name, there in attributes.items()}


VM: Final = "Microsoft.Compute/virtualMachines"
DISK: Final = "Microsoft.Compute/disks"
_SCALE_SET: Final = "Microsoft.Compute/virtualMachineScaleSets"
_COLLECTION: Final = "Microsoft.Compute/restorePointCollections"

_TOP: Final = {"name": "name", "location": "location", "zone": "zones[]", "zones[]": "zones[]"}
_DISK_OF_VM: Final = {
    "name": "name",
    "caching": "caching",
    "create_option": "createOption",
    "disk_size_gb": "diskSizeGB",
    "write_accelerator_enabled": "writeAcceleratorEnabled",
}
_OF_SET: Final = {
    "storage_account_type": "managedDisk.storageAccountType",
    "disk_encryption_set_id": "managedDisk.diskEncryptionSet.id",
}
_OS_DISK: Final = {
    **_DISK_OF_VM,
    **_OF_SET,
    "id": "managedDisk.id",
    "security_encryption_type": "managedDisk.securityProfile.securityEncryptionType",
    "secure_vm_disk_encryption_set_id": "managedDisk.securityProfile.diskEncryptionSet.id",
    "diff_disk_settings.option": "diffDiskSettings.option",
    "diff_disk_settings.placement": "diffDiskSettings.placement",
}
_DATA_DISK: Final = {**_DISK_OF_VM, **_OF_SET, "lun": "lun"}
_LEGACY_DISK: Final = {
    **_DISK_OF_VM,
    "managed_disk_id": "managedDisk.id",
    "managed_disk_type": "managedDisk.storageAccountType",
    "vhd_uri": "vhd.uri",
}
_IMAGE: Final = {part: part for part in ("publisher", "offer", "sku", "version")}
_PLAN: Final = _below("plan", "plan", {part: part for part in ("name", "product", "publisher")})

# What a VM and the profile of a scale set have in common.
_PROFILE: Final = {
    **_below("os_disk", "storageProfile.osDisk", _OS_DISK),
    **_below("data_disk[]", "storageProfile.dataDisks[]", _DATA_DISK),
    **_below("source_image_reference", "storageProfile.imageReference", _IMAGE),
    "source_image_id": "storageProfile.imageReference.id",
    "encryption_at_host_enabled": "securityProfile.encryptionAtHost",
    "secure_boot_enabled": "securityProfile.uefiSettings.secureBootEnabled",
    "vtpm_enabled": "securityProfile.uefiSettings.vTpmEnabled",
    "priority": "priority",
    "eviction_policy": "evictionPolicy",
    "license_type": "licenseType",
}


def _trusted_launch(prefix: str = "") -> tuple[Implied, ...]:
    """Trusted launch, which the provider asks for where either flag is set."""
    confidential = f"{prefix}storageProfile.osDisk.{_OS_DISK['security_encryption_type']}"
    security_type = f"{prefix}securityProfile.securityType"
    return tuple(
        Implied(flag, True, security_type, "TrustedLaunch", confidential)
        for flag in ("vtpm_enabled", "secure_boot_enabled")
    )


_VM_AND_SET: Final = {
    **_TOP,
    **_PLAN,
    "proximity_placement_group_id": "proximityPlacementGroup.id",
    "additional_capabilities.ultra_ssd_enabled": "additionalCapabilities.ultraSSDEnabled",
}
_VM: Final = {
    **_VM_AND_SET,
    "availability_set_id": "availabilitySet.id",
    "network_interface_ids[]": "networkProfile.networkInterfaces[].id",
}


def _vm(system: str, more: Mapping[str, str]) -> ResourceKind:
    configuration = f"osProfile.{system.lower()}Configuration"
    return ResourceKind(
        VM,
        {
            **_VM,
            **_PROFILE,
            "size": "hardwareProfile.vmSize",
            "os_managed_disk_id": "storageProfile.osDisk.managedDisk.id",
            "disk_controller_type": "storageProfile.diskControllerType",
            "virtual_machine_scale_set_id": "virtualMachineScaleSet.id",
            "dedicated_host_id": "host.id",
            "dedicated_host_group_id": "hostGroup.id",
            "computer_name": "osProfile.computerName",
            "provision_vm_agent": f"{configuration}.provisionVMAgent",
            **{name: f"{configuration}.{there}" for name, there in more.items()},
        },
        {"storageProfile.osDisk.osType": system},
        _trusted_launch(),
    )


_LEGACY_VM: Final = ResourceKind(
    VM,
    {
        **_VM,
        "vm_size": "hardwareProfile.vmSize",
        "license_type": "licenseType",
        **_below("storage_os_disk", "storageProfile.osDisk", _LEGACY_DISK),
        "storage_os_disk.os_type": "storageProfile.osDisk.osType",
        "storage_os_disk.image_uri": "storageProfile.osDisk.image.uri",
        **_below("storage_data_disk[]", "storageProfile.dataDisks[]", _LEGACY_DISK),
        "storage_data_disk[].lun": "storageProfile.dataDisks[].lun",
        **_below("storage_image_reference", "storageProfile.imageReference", _IMAGE),
        "storage_image_reference.id": "storageProfile.imageReference.id",
        "os_profile.computer_name": "osProfile.computerName",
        **_below(
            "os_profile_windows_config",
            "osProfile.windowsConfiguration",
            {
                "provision_vm_agent": "provisionVMAgent",
                "enable_automatic_upgrades": "enableAutomaticUpdates",
            },
        ),
        "os_profile_linux_config.disable_password_authentication": (
            "osProfile.linuxConfiguration.disablePasswordAuthentication"
        ),
    },
)


def _scale_set(orchestration: str, profile: Mapping[str, str], system: str = "") -> ResourceKind:
    prefix = "virtualMachineProfile."
    constants = {"orchestrationMode": orchestration}
    if system:
        constants[f"{prefix}storageProfile.osDisk.osType"] = system
    return ResourceKind(
        _SCALE_SET,
        {
            **_VM_AND_SET,
            **({} if "sku.name" in profile else {"sku": "sku.name"}),
            "sku_name": "sku.name",
            "instances": "sku.capacity",
            "upgrade_mode": "upgradePolicy.mode",
            "upgrade_policy_mode": "upgradePolicy.mode",
            "single_placement_group": "singlePlacementGroup",
            "platform_fault_domain_count": "platformFaultDomainCount",
            "host_group_id": "hostGroup.id",
            **{name: f"{prefix}{there}" for name, there in profile.items()},
        },
        constants,
        _trusted_launch(prefix) if "vtpm_enabled" in profile else (),
    )


_LEGACY_SCALE_SET: Final = {
    "sku.name": "hardwareProfile.vmSize",
    "priority": "priority",
    "eviction_policy": "evictionPolicy",
    "license_type": "licenseType",
    **_below("storage_profile_os_disk", "storageProfile.osDisk", _LEGACY_DISK),
    "storage_profile_os_disk.os_type": "storageProfile.osDisk.osType",
    "storage_profile_os_disk.vhd_containers[]": "storageProfile.osDisk.vhdContainers[]",
    **_below("storage_profile_data_disk[]", "storageProfile.dataDisks[]", _LEGACY_DISK),
    "storage_profile_data_disk[].lun": "storageProfile.dataDisks[].lun",
    **_below("storage_profile_image_reference", "storageProfile.imageReference", _IMAGE),
    "storage_profile_image_reference.id": "storageProfile.imageReference.id",
}

_MANAGED_DISK: Final = ResourceKind(
    DISK,
    {
        **_TOP,
        "storage_account_type": "sku.name",
        "create_option": "creationData.createOption",
        "source_resource_id": "creationData.sourceResourceId",
        "source_uri": "creationData.sourceUri",
        "image_reference_id": "creationData.imageReference.id",
        "gallery_image_reference_id": "creationData.galleryImageReference.id",
        "os_type": "osType",
        "disk_size_gb": "diskSizeGB",
        "max_shares": "maxShares",
        "hyper_v_generation": "hyperVGeneration",
        "disk_encryption_set_id": "encryption.diskEncryptionSetId",
        "encryption_settings.enabled": "encryptionSettingsCollection.enabled",
        "network_access_policy": "networkAccessPolicy",
        "disk_access_id": "diskAccessId",
        "security_type": "securityProfile.securityType",
        "secure_vm_disk_encryption_set_id": "securityProfile.secureVMDiskEncryptionSetId",
    },
    implied=(
        Implied("trusted_launch_enabled", True, "securityProfile.securityType", "TrustedLaunch"),
        Implied(
            *("encryption_settings.disk_encryption_key", None),
            *("encryptionSettingsCollection.enabled", True),
        ),
        Implied("public_network_access_enabled", False, "publicNetworkAccess", "Disabled"),
    ),
    unset_by_zero=("max_shares",),
)

_LINUX: Final = {"disable_password_authentication": "disablePasswordAuthentication"}
_UPDATES: Final = "enableAutomaticUpdates"
_WINDOWS: Final = {"enable_automatic_updates": _UPDATES, "automatic_updates_enabled": _UPDATES}

KINDS: Final[Mapping[str, ResourceKind]] = {
    "azurerm_linux_virtual_machine": _vm("Linux", _LINUX),
    "azurerm_windows_virtual_machine": _vm("Windows", _WINDOWS),
    "azurerm_virtual_machine": _LEGACY_VM,
    "azurerm_managed_disk": _MANAGED_DISK,
    "azurerm_linux_virtual_machine_scale_set": _scale_set("Uniform", _PROFILE, "Linux"),
    "azurerm_windows_virtual_machine_scale_set": _scale_set("Uniform", _PROFILE, "Windows"),
    "azurerm_virtual_machine_scale_set": _scale_set("Uniform", _LEGACY_SCALE_SET),
    "azurerm_orchestrated_virtual_machine_scale_set": _scale_set("Flexible", _PROFILE),
    "azurerm_disk_encryption_set": ResourceKind(
        "Microsoft.Compute/diskEncryptionSets",
        {
            **_TOP,
            "encryption_type": "encryptionType",
            "key_vault_key_id": "activeKey.keyUrl",
            "managed_hsm_key_id": "activeKey.keyUrl",
        },
    ),
    "azurerm_virtual_machine_extension": ResourceKind(
        f"{VM}/extensions",
        {
            "name": "name",
            "publisher": "publisher",
            "type": "typePropertiesType",
            "type_handler_version": "typeHandlerVersion",
        },
        parent="virtual_machine_id",
    ),
    "azurerm_network_interface": ResourceKind(
        "Microsoft.Network/networkInterfaces",
        {
            **_TOP,
            "accelerated_networking_enabled": "enableAcceleratedNetworking",
            "enable_accelerated_networking": "enableAcceleratedNetworking",
            "virtual_machine_id": "virtualMachine.id",
        },
    ),
    "azurerm_virtual_machine_restore_point_collection": ResourceKind(
        _COLLECTION, {**_TOP, "source_virtual_machine_id": "source.id"}
    ),
    "azurerm_virtual_machine_restore_point": ResourceKind(
        f"{_COLLECTION}/restorePoints",
        {"name": "name", "excluded_disks[]": "excludeDisks[].id"},
        implied=tuple(
            Implied("crash_consistency_mode_enabled", flag, "consistencyMode", mode)
            for flag, mode in ((True, "CrashConsistent"), (False, "ApplicationConsistent"))
        ),
        parent="virtual_machine_restore_point_collection_id",
    ),
    "azurerm_availability_set": ResourceKind("Microsoft.Compute/availabilitySets", _TOP),
    "azurerm_proximity_placement_group": ResourceKind(
        "Microsoft.Compute/proximityPlacementGroups", _TOP
    ),
    "azurerm_dedicated_host_group": ResourceKind("Microsoft.Compute/hostGroups", _TOP),
    "azurerm_disk_access": ResourceKind("Microsoft.Compute/diskAccesses", _TOP),
    "azurerm_image": ResourceKind("Microsoft.Compute/images", _TOP),
    "azurerm_snapshot": ResourceKind("Microsoft.Compute/snapshots", _TOP),
}

ATTACHMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "azurerm_virtual_machine_data_disk_attachment": {
        "lun": "lun",
        "caching": "caching",
        "create_option": "createOption",
        "write_accelerator_enabled": "writeAcceleratorEnabled",
        "managed_disk_id": "managedDisk.id",
    },
    "azurerm_virtual_machine_implicit_data_disk_from_source": {
        **_DISK_OF_VM,
        "lun": "lun",
        "source_resource_id": "sourceResource.id",
    },
}
"""Resources that are a data disk of the VM which ``virtual_machine_id`` names."""

_NO_FACTS: Final = """
    additional_capabilities additional_unattend_content admin_password admin_password_wo
    admin_password_wo_version admin_ssh_key admin_username allow_extension_operations
    automatic_instance_repair automatic_os_upgrade_policy boot_diagnostics
    bypass_platform_safety_checks_on_user_schedule_enabled capacity_reservation_group_id
    computer_name computer_name_prefix custom_data delete_data_disks_on_termination
    delete_os_disk_on_termination disk_iops_read_only disk_iops_read_write disk_mbps_read_only
    disk_mbps_read_write do_not_run_extensions_on_overprovisioned_machines edge_zone
    encryption_settings extension extension_operations_enabled extensions_time_budget
    gallery_application health_probe_id hotpatching_enabled id identity location
    logical_sector_size max_bid_price name network_api_version network_interface
    on_demand_bursting_enabled optimized_frequent_attach_enabled os_image_notification
    os_profile os_profile_linux_config os_profile_secrets os_profile_windows_config
    overprovision patch_assessment_mode patch_mode performance_plus_enabled plan
    platform_fault_domain power_state primary_network_interface_id priority_mix
    private_ip_address private_ip_addresses provision_vm_agent public_ip_address
    public_ip_addresses reboot_setting resilient_vm_creation_enabled
    resilient_vm_deletion_enabled resource_group_name rolling_upgrade_policy scale_in
    scale_in_policy secret sku_profile spot_restore storage_account_id tags
    terminate_notification termination_notification tier timeouts timezone unique_id
    upload_size_bytes user_data user_data_base64 virtual_machine_id
    vm_agent_platform_updates_enabled winrm_listener zone zone_balance zones
"""
NO_FACTS: Final = frozenset(_NO_FACTS.split())
"""Attributes of VMs, disks and scale sets from which no fact is read."""
