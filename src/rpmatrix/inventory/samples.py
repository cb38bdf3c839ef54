"""Synthetic VMs in Azure's own JSON, for learning, for demonstrations and for tests.

Each sample shows one case of the support matrix and nothing else of interest. Records are in the
shape of the REST API, as ``az rest`` prints them. Ids are made from the sample's name, so they are
the same on every machine and in every run.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

Record = dict[str, Any]

PLATFORM_KEY: Final = "EncryptionAtRestWithPlatformKey"
CUSTOMER_KEY: Final = "EncryptionAtRestWithCustomerKey"
BOTH_KEYS: Final = "EncryptionAtRestWithPlatformAndCustomerKeys"

# publisher, offer, sku: the images that the samples run.
UBUNTU: Final = ("Canonical", "ubuntu-24_04-lts", "server")
RED_HAT: Final = ("RedHat", "RHEL", "9-lvm-gen2")
FLATCAR: Final = ("kinvolk", "flatcar-container-linux-free", "stable-gen2")
WINDOWS_2022: Final = ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-g2")
WINDOWS_2012_R2: Final = ("MicrosoftWindowsServer", "WindowsServer", "2012-R2-Datacenter")
WINDOWS_11: Final = ("MicrosoftWindowsDesktop", "windows-11", "win11-24h2-pro")
SQL_2019: Final = ("MicrosoftSQLServer", "sql2019-ws2019", "enterprise")


def _guid(seed: str) -> str:
    """Make a GUID from a text; without zeros, which would make it look like a placeholder."""
    digits = random.Random(seed).choices("123456789abcdef", k=32)
    digits[12], digits[16] = "4", "a"
    text = "".join(digits)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


@dataclass(frozen=True)
class _Estate:
    """Where resources live, and how their ids are built."""

    name: str
    location: str = "westeurope"

    def id(self, kind: str, name: str, provider: str = "Microsoft.Compute") -> str:
        subscription = _guid(f"subscription of {self.name}")
        group = f"/subscriptions/{subscription}/resourceGroups/rg-{self.name}"
        return f"{group}/providers/{provider}/{kind}/{name}"

    def resource(
        self, kind: str, name: str, provider: str = "Microsoft.Compute", **more: Any
    ) -> Record:
        return {
            "name": name,
            "id": self.id(kind, name, provider),
            "type": f"{provider}/{kind}",
            "location": self.location,
            **more,
        }


@dataclass
class _Machine:
    """Builds the records of one VM; each method adds a feature and gives the machine back."""

    name: str
    estate: _Estate
    image: tuple[str, str, str] = UBUNTU
    size: str = "Standard_D4s_v5"
    os_sku: str = "Premium_LRS"
    records: list[Record] = field(default_factory=list)
    properties: Record = field(default_factory=dict)
    os_disk: Record = field(default_factory=dict)
    data_disks: list[Record] = field(default_factory=list)
    more: Record = field(default_factory=dict)

    def __post_init__(self) -> None:
        publisher, offer, sku = self.image
        windows = publisher.startswith("Microsoft")
        configuration = "windowsConfiguration" if windows else "linuxConfiguration"
        disk = f"{self.name}-os"
        self.os_disk.update(
            osType="Windows" if windows else "Linux",
            name=disk,
            createOption="FromImage",
            caching="ReadWrite",
            managedDisk={
                "storageAccountType": self.os_sku,
                "id": self.estate.id("disks", disk),
            },
            deleteOption="Detach",
            diskSizeGB=128,
        )
        self.properties.update(
            vmId=_guid(f"vm {self.estate.name} {self.name}"),
            hardwareProfile={"vmSize": self.size},
            provisioningState="Succeeded",
            storageProfile={
                "imageReference": {
                    "publisher": publisher,
                    "offer": offer,
                    "sku": sku,
                    "version": "latest",
                },
                "osDisk": self.os_disk,
                "dataDisks": self.data_disks,
            },
            osProfile={
                "computerName": self.name,
                "adminUsername": "azureuser",
                configuration: {"provisionVMAgent": True},
            },
            networkProfile={
                "networkInterfaces": [
                    {"id": self.estate.id("networkInterfaces", f"{self.name}-nic", _NETWORK)}
                ]
            },
        )

    @property
    def storage(self) -> Record:
        profile: Record = self.properties["storageProfile"]
        return profile

    @property
    def id(self) -> str:
        return self.estate.id("virtualMachines", self.name)

    def data_disk(self, name: str, sku: str = "Premium_LRS", **attachment: Any) -> _Machine:
        disk = f"{self.name}-{name}"
        self.data_disks.append(
            {
                "lun": len(self.data_disks),
                "name": disk,
                "createOption": "Attach",
                "caching": "None" if sku in ("UltraSSD_LRS", "PremiumV2_LRS") else "ReadOnly",
                "managedDisk": {
                    "storageAccountType": sku,
                    "id": self.estate.id("disks", disk),
                },
                "diskSizeGB": 512,
                **attachment,
            }
        )
        return self

    def disk_records(self, **properties: Any) -> _Machine:
        """Add the record of every disk; `properties` go to all of them."""
        for attached in (self.os_disk, *self.data_disks):
            system = attached is self.os_disk
            self.records.append(
                self.estate.resource(
                    "disks",
                    attached["name"],
                    managedBy=self.id,
                    sku={"name": attached["managedDisk"]["storageAccountType"]},
                    properties={
                        **({"osType": attached["osType"]} if system else {}),
                        "uniqueId": _guid(f"disk {self.estate.name} {attached['name']}"),
                        "diskSizeGB": attached["diskSizeGB"],
                        "diskState": "Attached",
                        "creationData": {"createOption": "FromImage" if system else "Empty"},
                        "encryption": {"type": PLATFORM_KEY},
                        "networkAccessPolicy": "AllowAll",
                        "publicNetworkAccess": "Enabled",
                        "provisioningState": "Succeeded",
                        **properties,
                    },
                )
            )
        return self

    def encrypted(self, kind: str) -> _Machine:
        """Put all disks under a disk encryption set of one kind."""
        set_name = f"des-{self.name}"
        set_id = self.estate.id("diskEncryptionSets", set_name)
        for attached in (self.os_disk, *self.data_disks):
            attached["managedDisk"]["diskEncryptionSet"] = {"id": set_id}
        self.disk_records(encryption={"type": kind, "diskEncryptionSetId": set_id})
        vault = self.estate.id("vaults", f"kv-{self.name}", "Microsoft.KeyVault")
        key = (
            f"https://kv-{self.name}.vault.azure.net/keys/disks/{_guid(set_name).replace('-', '')}"
        )
        self.records.append(
            self.estate.resource(
                "diskEncryptionSets",
                set_name,
                identity={"type": "SystemAssigned"},
                properties={
                    "activeKey": {"sourceVault": {"id": vault}, "keyUrl": key},
                    "encryptionType": kind,
                    "rotationToLatestKeyVersionEnabled": False,
                    "provisioningState": "Succeeded",
                },
            )
        )
        return self

    def disk_record(self, name: str) -> Record:
        """Give the properties of the record of one disk, to change them."""
        disk = f"{self.name}-{name}"
        found: Record = next(one for one in self.records if one["name"] == disk)["properties"]
        return found

    def interface(self, *, accelerated: bool) -> _Machine:
        self.records.append(
            self.estate.resource(
                "networkInterfaces",
                f"{self.name}-nic",
                _NETWORK,
                properties={
                    "enableAcceleratedNetworking": accelerated,
                    "ipConfigurations": [
                        {"name": "primary", "properties": {"privateIPAddress": "10.20.0.4"}}
                    ],
                    "virtualMachine": {"id": self.id},
                    "provisioningState": "Succeeded",
                },
            )
        )
        return self

    def extension(self, publisher: str, kind: str, version: str) -> _Machine:
        self.records.append(
            {
                "name": kind,
                "id": f"{self.id}/extensions/{kind}",
                "type": "Microsoft.Compute/virtualMachines/extensions",
                "location": self.estate.location,
                "properties": {
                    "publisher": publisher,
                    "type": kind,
                    "typeHandlerVersion": version,
                    "autoUpgradeMinorVersion": True,
                    "provisioningState": "Succeeded",
                },
            }
        )
        return self

    def guest_says(self, name: str, version: str, generation: str = "V2") -> _Machine:
        self.properties["instanceView"] = {
            "computerName": self.name,
            "osName": name,
            "osVersion": version,
            "hyperVGeneration": generation,
            "vmAgent": {
                "vmAgentVersion": "2.11.1.12",
                "statuses": [{"code": "ProvisioningState/succeeded", "displayStatus": "Ready"}],
            },
            "statuses": [{"code": "PowerState/running", "displayStatus": "VM running"}],
        }
        return self

    def set(self, **properties: Any) -> _Machine:
        self.properties.update(properties)
        return self

    def trusted_launch(self) -> _Machine:
        return self.set(
            securityProfile={
                "securityType": "TrustedLaunch",
                "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
            }
        )

    def ephemeral(self) -> _Machine:
        self.os_disk["diffDiskSettings"] = {"option": "Local", "placement": "CacheDisk"}
        self.os_disk["caching"] = "ReadOnly"
        self.os_disk["managedDisk"]["storageAccountType"] = "Standard_LRS"
        return self

    def record(self) -> Record:
        return self.estate.resource(
            "virtualMachines", self.name, **self.more, properties=self.properties
        )

    def made(self) -> list[Record]:
        return [self.record(), *self.records]


_NETWORK: Final = "Microsoft.Network"


# --------------------------------------------------------------------------- the catalogue


@dataclass(frozen=True)
class _Sample:
    title: str
    build: Callable[[_Estate], list[Record]]


_CATALOGUE: Final[dict[str, _Sample]] = {}

_Builder = Callable[[_Estate], "_Machine | list[Record]"]


def _sample(name: str, title: str) -> Callable[[_Builder], _Builder]:
    def register(builder: _Builder) -> _Builder:
        def build(estate: _Estate) -> list[Record]:
            made = builder(estate)
            return made.made() if isinstance(made, _Machine) else made

        _CATALOGUE[name] = _Sample(title, build)
        return builder

    return register


@_sample("plain-linux", "Ubuntu with a Premium SSD data disk: nothing rules it out")
def _(estate: _Estate) -> _Machine:
    return _Machine("web-01", estate).data_disk("data").disk_records()


@_sample("plain-windows", "Windows Server 2022 with trusted launch: nothing rules it out")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("app-01", estate, WINDOWS_2022).trusted_launch().data_disk("data")
    machine.set(licenseType="Windows_Server")
    return machine.disk_records().guest_says("Windows Server 2022 Datacenter", "10.0.20348.2700")


@_sample("vm-record-only", "The VM alone, without its disk records: what is assumed then")
def _(estate: _Estate) -> _Machine:
    return _Machine("web-02", estate).data_disk("data")


@_sample("sql-with-ultra-data-disk", "SQL Server with an Ultra Disk: the two modes differ")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("sql-01", estate, SQL_2019, "Standard_E8ds_v5")
    machine.set(additionalCapabilities={"ultraSSDEnabled": True})
    return machine.data_disk("log", "UltraSSD_LRS").data_disk("backup").disk_records()


@_sample("premium-ssd-v2", "All data on Premium SSD v2: what crash consistency leaves out")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("db-01", estate, RED_HAT)
    machine.data_disk("data", "PremiumV2_LRS").data_disk("log", "PremiumV2_LRS")
    return machine.disk_records()


@_sample("write-accelerated-log", "A log disk with write accelerator, which the article leaves out")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("sap-01", estate, RED_HAT, "Standard_M64s_v2")
    return machine.data_disk("log", writeAcceleratorEnabled=True, caching="None").disk_records()


@_sample("newest-sizes-two-data-disks", "A size of version 6 with two data disks: editions differ")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("calc-01", estate, UBUNTU, "Standard_D8s_v6")
    return machine.data_disk("data").data_disk("log").disk_records()


@_sample("shared-disk-cluster-node", "Node of a failover cluster: a disk that two VMs share")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("node-01", estate, WINDOWS_2022).data_disk("quorum").data_disk("local")
    machine.disk_records()
    other = estate.id("virtualMachines", "node-02")
    machine.disk_record("quorum").update(
        maxShares=2, shareInfo=[{"vmUri": machine.id}, {"vmUri": other}]
    )
    return machine


@_sample("ephemeral-only", "Ephemeral OS disk and no other: nothing is left to save")
def _(estate: _Estate) -> _Machine:
    return _Machine("agent-01", estate).ephemeral()


@_sample("ephemeral-with-data-disks", "Ephemeral OS disk with data disks: only the data is saved")
def _(estate: _Estate) -> _Machine:
    return _Machine("cache-01", estate).ephemeral().data_disk("a").data_disk("b").disk_records()


@_sample("confidential", "Confidential VM: no restore point in any mode")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("vault-01", estate, size="Standard_DC4as_v5").data_disk("data")
    machine.os_disk["managedDisk"]["securityProfile"] = {
        "securityEncryptionType": "DiskWithVMGuestState"
    }
    return machine.set(
        securityProfile={
            "securityType": "ConfidentialVM",
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        }
    )


@_sample("unmanaged", "Disks as page blobs in a storage account: no restore point in any mode")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("legacy-01", estate, WINDOWS_2022, "Standard_D2_v2").data_disk("data")
    for attached in (machine.os_disk, *machine.data_disks):
        del attached["managedDisk"]
        address = f"https://legacydisks.blob.core.windows.net/vhds/{attached['name']}.vhd"
        attached["vhd"] = {"uri": address}
    return machine


@_sample("uniform-scale-set-instance", "Instance of a uniform scale set: no restore point")
def _(estate: _Estate) -> list[Record]:
    record = _Machine("pool_3", estate).data_disk("data").record()
    scale_set = estate.id("virtualMachineScaleSets", "pool")
    record["id"] = f"{scale_set}/virtualMachines/3"
    record["type"] = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
    record["instanceId"] = "3"
    return [record]


@_sample("flexible-scale-set-member", "Member of a flexible scale set: each VM for itself")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("shop-a1b2c3", estate).data_disk("data").disk_records()
    machine.set(virtualMachineScaleSet={"id": estate.id("virtualMachineScaleSets", "shop")})
    machine.records.append(
        estate.resource(
            "virtualMachineScaleSets",
            "shop",
            sku={"name": machine.size, "tier": "Standard", "capacity": 3},
            properties={"orchestrationMode": "Flexible", "platformFaultDomainCount": 1},
        )
    )
    return machine


@_sample("windows-server-2012-r2", "Windows Server 2012 R2: listed and ruled out in one list")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("file-01", estate, WINDOWS_2012_R2, "Standard_D2s_v3").data_disk("shares")
    return machine.disk_records().guest_says(
        "Windows Server 2012 R2 Datacenter", "6.3.9600.21013", "V1"
    )


@_sample("windows-11", "Windows 11: neither listed nor ruled out")
def _(estate: _Estate) -> _Machine:
    return _Machine("desk-01", estate, WINDOWS_11, "Standard_D2s_v5").trusted_launch()


@_sample("flatcar", "Flatcar Container Linux: endorsed, and a child of CoreOS")
def _(estate: _Estate) -> _Machine:
    return _Machine("edge-01", estate, FLATCAR).data_disk("data").disk_records()


@_sample("unknown-image", "Image of your own, VM switched off: which system runs in it?")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("batch-01", estate).data_disk("data").disk_records()
    gallery = estate.id("galleries", "house_images")
    machine.storage["imageReference"] = {"id": f"{gallery}/images/batch/versions/1.4.2"}
    return machine


@_sample("deallocated-no-sku", "Switched off and without disk records: disk types do not show")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("report-01", estate).data_disk("data").data_disk("archive")
    for attached in (machine.os_disk, *machine.data_disks):
        attached["managedDisk"]["storageAccountType"] = None
        attached["diskSizeGB"] = None
    return machine


@_sample("customer-key", "Disks under your own key: what becomes of the key")
def _(estate: _Estate) -> _Machine:
    return _Machine("hr-01", estate, RED_HAT).data_disk("data").encrypted(CUSTOMER_KEY)


@_sample("double-encryption", "Disks under your own key and the platform's")
def _(estate: _Estate) -> _Machine:
    return _Machine("ledger-01", estate, RED_HAT).data_disk("data").encrypted(BOTH_KEYS)


@_sample("azure-disk-encryption", "Azure Disk Encryption inside the guest")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("claims-01", estate, WINDOWS_2022).data_disk("data").disk_records()
    return machine.extension("Microsoft.Azure.Security", "AzureDiskEncryption", "2.2")


@_sample("availability-set", "Availability set and encryption at host: two things to know besides")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("queue-01", estate, size="Standard_D4ds_v5").data_disk("data")
    machine.set(
        availabilitySet={"id": estate.id("availabilitySets", "AS-QUEUE")},
        securityProfile={"encryptionAtHost": True},
    )
    return machine.disk_records()


@_sample("many-harmless-features", "Spot, placement group, fast network: features that never block")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("render-01", estate, size="Standard_L8s_v2").data_disk("scratch")
    machine.set(
        priority="Spot",
        evictionPolicy="Deallocate",
        billingProfile={"maxPrice": -1},
        proximityPlacementGroup={"id": estate.id("proximityPlacementGroups", "near")},
    )
    return machine.disk_records().interface(accelerated=True)


@_sample("private-link-disk", "Disks reachable by private link only: matters for a copy")
def _(estate: _Estate) -> _Machine:
    access = estate.id("diskAccesses", "disk-access")
    return (
        _Machine("bank-01", estate, RED_HAT)
        .data_disk("data")
        .disk_records(
            networkAccessPolicy="AllowPrivate",
            diskAccessId=access,
            publicNetworkAccess="Disabled",
        )
    )


@_sample("trusted-launch-disk-as-data", "OS disk of a trusted launch VM attached as a data disk")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("rescue-01", estate, WINDOWS_2022).trusted_launch().data_disk("broken-os")
    machine.disk_records()
    machine.disk_record("broken-os").update(
        osType="Windows",
        hyperVGeneration="V2",
        securityProfile={"securityType": "TrustedLaunch"},
        creationData={
            "createOption": "Copy",
            "sourceResourceId": estate.id("snapshots", "app-07-os-before-repair"),
        },
    )
    return machine


@_sample("behind-a-proxy", "Linux behind a proxy: a question that only the guest can answer")
def _(estate: _Estate) -> _Machine:
    machine = _Machine("inner-01", estate, RED_HAT).data_disk("data").disk_records()
    machine.more["tags"] = {"network": "proxy only"}
    return machine


@_sample("template-with-expressions", "An ARM template before deployment: values still to come")
def _(estate: _Estate) -> list[Record]:
    resource = _Machine("[parameters('vmName')]", estate).data_disk("data").record()
    del resource["id"]
    resource["apiVersion"] = "2024-07-01"
    resource["location"] = "[resourceGroup().location]"
    storage = resource["properties"]["storageProfile"]
    storage["imageReference"]["sku"] = "[parameters('imageSku')]"
    storage["osDisk"] = {
        "osType": "Linux",
        "createOption": "FromImage",
        "managedDisk": {"storageAccountType": "Premium_LRS"},
    }
    storage["dataDisks"][0]["name"] = "[concat(parameters('vmName'), '-data')]"
    storage["dataDisks"][0]["managedDisk"] = {
        "storageAccountType": "[parameters('dataDiskSku')]",
    }
    del resource["properties"]["vmId"]
    del resource["properties"]["provisioningState"]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return [
        {
            "$schema": schema,
            "contentVersion": "1.0.0.0",
            "parameters": {
                "vmName": {"type": "string"},
                "imageSku": {"type": "string", "defaultValue": "server"},
                "dataDiskSku": {"type": "string", "allowedValues": ["Premium_LRS", "UltraSSD_LRS"]},
            },
            "resources": [resource],
        }
    ]


@_sample("with-an-error-answer", "A good record beside an error answer: what the reader reports")
def _(estate: _Estate) -> list[Record]:
    refused = {
        "error": {
            "code": "AuthorizationFailed",
            "message": "The client may not read disks in this scope.",
        }
    }
    return [*_Machine("mixed-01", estate).data_disk("data").made(), refused]


# --------------------------------------------------------------------------- public names


def sample_names() -> tuple[str, ...]:
    """Give the names of the samples, from plain to awkward.

    Examples
    --------
    >>> sample_names()[:3]
    ('plain-linux', 'plain-windows', 'vm-record-only')
    """
    return tuple(_CATALOGUE)


def sample_title(name: str) -> str:
    """Say in one line what a sample shows.

    Raises
    ------
    LookupError
        If there is no such sample.
    """
    return _find(name).title


def sample_vm(name: str) -> list[Record]:
    """Make the records of one sample: a VM, and with it disks or what else the case needs.

    Parameters
    ----------
    name : str
        One of :func:`sample_names`.

    Returns
    -------
    list of dict
        Records in the shape of the REST API, fit for :func:`rpmatrix.read_inventory`. They are
        made anew each time and may be changed.

    Raises
    ------
    LookupError
        If there is no such sample; the message names the nearest.

    Examples
    --------
    >>> [record["type"] for record in sample_vm("plain-linux")]
    ['Microsoft.Compute/virtualMachines', 'Microsoft.Compute/disks', 'Microsoft.Compute/disks']
    """
    return _find(name).build(_Estate(name))


def _find(name: str) -> _Sample:
    try:
        return _CATALOGUE[name]
    except KeyError:
        from difflib import get_close_matches

        close = get_close_matches(str(name), list(_CATALOGUE), n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(_CATALOGUE)}"
        raise LookupError(f"no sample {name!r}; {meant}") from None
