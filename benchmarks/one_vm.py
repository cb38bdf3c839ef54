"""How long one verdict takes, as ratios measured side by side in one run.

python benchmarks/one_vm.py

Cold: a new process of `rpmatrix assess vm.json` against a new process that only imports pandas,
turn by turn, so that what else the machine does falls on both. Warm: both verdicts with their
reasons in a process that has loaded the matrix, for VMs that differ in names and ids alone, from
the text, from the object that a parser made of it, and from what is read of it already.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rpmatrix as rp
from rpmatrix.eligibility.assessment import Evaluator

ROUNDS = 5
COMPUTE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000"
    "/resourceGroups/rg-benchmark/providers/Microsoft.Compute"
)


SKUS = ("UltraSSD_LRS", "Premium_LRS")
VMS = 200


def vm(data_disks: int = 2, name: str = "vm-1") -> dict[str, Any]:
    """Make a VM as the Azure CLI shows it: Ubuntu, Premium SSD, data disks of two kinds."""
    absent = (
        *("additionalCapabilities", "applicationProfile", "availabilitySet", "billingProfile"),
        *("capacityReservation", "evictionPolicy", "extendedLocation", "extensionsTimeBudget"),
        *("host", "hostGroup", "instanceView", "licenseType", "managedBy", "placement", "plan"),
        *("platformFaultDomain", "priority", "proximityPlacementGroup", "userData"),
        *("scheduledEventsPolicy", "scheduledEventsProfile", "virtualMachineScaleSet"),
    )
    extension = f"{COMPUTE}/virtualMachines/{name}/extensions/AzureMonitorLinuxAgent"
    interface = f"{COMPUTE.replace('Compute', 'Network')}/networkInterfaces/{name}-nic"
    return {
        **dict.fromkeys(absent),
        "id": f"{COMPUTE}/virtualMachines/{name}",
        "name": name,
        "vmId": "00000000-0000-0000-0000-000000000001",
        "timeCreated": "2024-01-01T00:00:00.000000+00:00",
        "zones": ["1"],
        "tags": {"environment": "production", "owner": "shop"},
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True, "storageUri": None}},
        "identity": {
            "principalId": "00000000-0000-0000-0000-000000000002",
            "tenantId": "00000000-0000-0000-0000-000000000003",
            "type": "SystemAssigned",
            "userAssignedIdentities": None,
        },
        "networkProfile": {
            "networkApiVersion": None,
            "networkInterfaceConfigurations": None,
            "networkInterfaces": [
                {
                    "deleteOption": "Detach",
                    "id": interface,
                    "primary": None,
                    "resourceGroup": "rg-benchmark",
                }
            ],
        },
        "osProfile": {
            "adminPassword": None,
            "adminUsername": "azureuser",
            "allowExtensionOperations": True,
            "computerName": name,
            "customData": None,
            "linuxConfiguration": {
                "disablePasswordAuthentication": True,
                "enableVmAgentPlatformUpdates": False,
                "patchSettings": {
                    "assessmentMode": "ImageDefault",
                    "automaticByPlatformSettings": None,
                    "patchMode": "ImageDefault",
                },
                "provisionVmAgent": True,
                "ssh": {
                    "publicKeys": [
                        {
                            "keyData": f"ssh-rsa {'A' * 372}",
                            "path": "/home/azureuser/.ssh/authorized_keys",
                        }
                    ]
                },
            },
            "requireGuestProvisionSignal": True,
            "secrets": [],
            "windowsConfiguration": None,
        },
        "resources": [
            {
                "autoUpgradeMinorVersion": True,
                "enableAutomaticUpgrade": False,
                "forceUpdateTag": None,
                "id": extension,
                "instanceView": None,
                "location": "westeurope",
                "name": "AzureMonitorLinuxAgent",
                "protectedSettings": None,
                "protectedSettingsFromKeyVault": None,
                "provisionAfterExtensions": None,
                "provisioningState": "Succeeded",
                "publisher": "Microsoft.Azure.Monitor",
                "resourceGroup": "rg-benchmark",
                "settings": None,
                "suppressFailures": None,
                "tags": None,
                "type": "Microsoft.Compute/virtualMachines/extensions",
                "typeHandlerVersion": "1.0",
                "typePropertiesType": "AzureMonitorLinuxAgent",
            }
        ],
        "securityProfile": {
            "encryptionAtHost": None,
            "encryptionIdentity": None,
            "proxyAgentSettings": None,
            "securityType": "TrustedLaunch",
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        },
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "resourceGroup": "rg-benchmark",
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "provisioningState": "Succeeded",
        "storageProfile": {
            "imageReference": {
                "publisher": "Canonical",
                "offer": "0001-com-ubuntu-server-jammy",
                "sku": "22_04-lts-gen2",
                "version": "latest",
            },
            "osDisk": {
                **attached(f"{name}-os", "Premium_LRS", "ReadWrite", "FromImage"),
                "diffDiskSettings": None,
                "encryptionSettings": None,
                "osType": "Linux",
            },
            "dataDisks": [
                {
                    **attached(f"{name}-data-{lun}", SKUS[lun % len(SKUS)], "None", "Attach"),
                    "diskIopsReadWrite": None,
                    "lun": lun,
                    "toBeDetached": False,
                }
                for lun in range(data_disks)
            ],
        },
    }


def attached(name: str, sku: str, caching: str, option: str) -> dict[str, Any]:
    """Make what a VM shows of any of its disks."""
    return {
        "caching": caching,
        "createOption": option,
        "deleteOption": "Detach",
        "diskSizeGb": 64,
        "image": None,
        "managedDisk": {
            "diskEncryptionSet": None,
            "id": f"{COMPUTE}/disks/{name}",
            "resourceGroup": "rg-benchmark",
            "securityProfile": None,
            "storageAccountType": sku,
        },
        "name": name,
        "vhd": None,
        "writeAcceleratorEnabled": False,
    }


def disk(name: str, sku: str, owner: str) -> dict[str, Any]:
    """Make the record of a disk as the Azure CLI shows it."""
    absent = (
        *("availabilityPolicy", "burstingEnabled", "burstingEnabledTime", "completionPercent"),
        *("dataAccessAuthMode", "diskAccessId", "diskIopsReadOnly", "diskMBpsReadOnly", "osType"),
        *("encryptionSettingsCollection", "extendedLocation", "hyperVGeneration", "maxShares"),
        *("lastOwnershipUpdateTime", "managedByExtended", "optimizedForFrequentAttach", "tier"),
        *("propertyUpdatesInProgress", "purchasePlan", "securityProfile", "shareInfo"),
        *("supportedCapabilities", "supportsHibernation"),
    )
    sources = (
        *("elasticSanResourceId", "galleryImageReference", "imageReference", "logicalSectorSize"),
        *("performancePlus", "provisionedBandwidthCopySpeed", "securityDataUri", "sourceUri"),
        *("sourceResourceId", "sourceUniqueId", "storageAccountId", "uploadSizeBytes"),
    )
    return {
        **dict.fromkeys(absent),
        "creationData": {"createOption": "Empty", **dict.fromkeys(sources)},
        "diskIopsReadWrite": 500,
        "diskMBpsReadWrite": 60,
        "diskSizeBytes": 68719476736,
        "diskSizeGb": 64,
        "diskState": "Attached",
        "encryption": {"diskEncryptionSetId": None, "type": "EncryptionAtRestWithPlatformKey"},
        "id": f"{COMPUTE}/disks/{name}",
        "location": "westeurope",
        "managedBy": f"{COMPUTE}/virtualMachines/{owner}",
        "name": name,
        "networkAccessPolicy": "AllowAll",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        "resourceGroup": "rg-benchmark",
        "sku": {"name": sku, "tier": sku.partition("_")[0]},
        "tags": {},
        "timeCreated": "2024-01-01T00:00:00.000000+00:00",
        "type": "Microsoft.Compute/disks",
        "uniqueId": "00000000-0000-0000-0000-000000000004",
        "zones": ["1"],
    }


def disks(owner: str) -> list[dict[str, Any]]:
    """Make the records of all disks of a VM."""
    data = [disk(f"{owner}-data-{lun}", SKUS[lun], owner) for lun in range(2)]
    return [disk(f"{owner}-os", "Premium_LRS", owner), *data]


def cold(commands: Sequence[Sequence[str]]) -> list[list[float]]:
    """Run the commands by turns, each in a new process; give the seconds of each."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    taken: list[list[float]] = [[] for _ in commands]
    # Round 0 writes the bytecode and fills the file cache, as a first use does; it is not counted.
    for round_ in range(ROUNDS + 1):
        for place, command in enumerate(commands):
            start = time.perf_counter()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            if round_:
                taken[place].append(time.perf_counter() - start)
    return taken


def warm(call: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    """Give the median of the milliseconds of a call for each of these, over several rounds."""
    for argument in arguments:
        call(argument)
    found = []
    for _ in range(3 * ROUNDS):
        start = time.perf_counter()
        for argument in arguments:
            call(argument)
        found.append((time.perf_counter() - start) / len(arguments) * 1000)
    return statistics.median(found)


def main() -> None:
    """Measure, and print the lines of the README beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vm.json"
        path.write_text(json.dumps(vm()), encoding="utf-8")
        assess = [sys.executable, "-m", "rpmatrix", "assess", str(path)]
        taken = cold(
            [
                [sys.executable, "-c", "import pandas"],
                assess,
                [*assess, "--json"],
                [sys.executable, "-c", "pass"],
            ]
        )
    pandas, table, as_json, bare = (statistics.median(one) for one in taken)
    matrix = rp.load_matrix()
    evaluator = Evaluator(matrix)
    names = [f"vm-{number}" for number in range(VMS)]
    alone = [vm(name=name) for name in names]
    with_disks = [[vm(name=name), *disks(name)] for name in names]
    texts = [json.dumps(one, indent=2).encode() for one in alone]
    inventories = [rp.read_inventory(one) for one in alone]
    facts = [evaluator.read(one.vms[0]) for one in inventories]

    def judged(given: Any) -> object:
        return rp.assess(rp.read_inventory(given), matrix)

    warmed = {
        "text to verdicts": warm(judged, texts),
        "JSON object to verdicts": warm(judged, alone),
        "the same with records of disks": warm(judged, with_disks),
        "inventory to verdicts": warm(lambda one: rp.assess(one, matrix), inventories),
        "facts to verdicts": warm(evaluator.verdicts, facts),
    }
    size = statistics.median(len(text) for text in texts) / 1000

    def cold_line(command: str, seconds: float) -> str:
        return f"  {command:<32} {seconds * 1000:6.0f} ms   {seconds / pandas:.2f}"

    lines = [
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"cold, median of {ROUNDS}, and the ratio to the first line:",
        cold_line('python -c "import pandas"', pandas),
        cold_line("rpmatrix assess vm.json", table),
        cold_line("rpmatrix assess vm.json --json", as_json),
        cold_line("python -c pass", bare),
        f"warm, median of {3 * ROUNDS}, both verdicts of one VM with 3 disks ({size:.1f} kB):",
        *(f"  {what:<32} {taken:6.3f} ms" for what, taken in warmed.items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
