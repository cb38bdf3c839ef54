"""Synthetic fleets: as many VMs and disks as wanted, in a mixture like that of a real estate.

Each VM is made from the seed and its number alone, so any part of a fleet can be made without the
rest and is the same wherever it is made. Ids are as long and as varied as real ones: that, more
than the rules, decides how fast an inventory can be read.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from rpmatrix.fleet.records.bulk import FactTables

Record = dict[str, Any]

CLIENTS: Final = ("az", "rest", "graph")
LAYOUTS: Final = ("json", "ndjson", "csv")

_REGIONS: Final = (
    *("westeurope", "westeurope", "westeurope", "northeurope", "northeurope", "uksouth"),
    *("eastus", "eastus", "eastus2", "westus2", "centralus", "southeastasia", "japaneast"),
    *("germanywestcentral", "switzerlandnorth", "australiaeast", "brazilsouth", "centralindia"),
)
_TEAMS: Final = (
    *("billing", "claims", "catalog", "checkout", "datahub", "devtools", "erp", "fulfilment"),
    *("gateway", "hr", "identity", "ledger", "logistics", "mail", "mobile", "payments", "pim"),
    *("reporting", "search", "sensors", "shared", "telemetry", "treasury", "warehouse", "web"),
)
_ROLES: Final = (
    "app",
    "app",
    "web",
    "web",
    "sql",
    "db",
    "api",
    "batch",
    "dc",
    "file",
    "job",
    "k8s",
)
_STAGES: Final = ("prd", "prd", "prd", "acc", "tst", "dev", "dev")
# publisher, offer, sku, what the guest agent says, weight
_WINDOWS: Final = (
    ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-azure-edition", "2022", 20),
    ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-g2", "2022", 10),
    ("MicrosoftWindowsServer", "WindowsServer", "2019-datacenter-gensecond", "2019", 14),
    ("MicrosoftWindowsServer", "WindowsServer", "2019-Datacenter", "2019", 12),
    ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter", "2016", 14),
    ("MicrosoftSQLServer", "sql2019-ws2022", "standard-gen2", "2022", 8),
    ("MicrosoftSQLServer", "sql2022-ws2022", "enterprise-gen2", "2022", 4),
    ("MicrosoftWindowsServer", "WindowsServer", "2012-R2-Datacenter", "2012 R2", 5),
    ("MicrosoftWindowsServer", "WindowsServer", "2012-Datacenter", "2012", 1),
    ("MicrosoftWindowsDesktop", "windows-11", "win11-23h2-ent", "", 4),
    ("MicrosoftWindowsDesktop", "Windows-10", "win10-22h2-pro-g2", "", 4),
    ("MicrosoftWindowsServer", "WindowsServer", "2025-datacenter-g2", "2025", 4),
)
_LINUX: Final = (
    ("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "ubuntu 22.04", 22),
    ("Canonical", "ubuntu-24_04-lts", "server", "ubuntu 24.04", 14),
    ("canonical", "0001-com-ubuntu-server-focal", "20_04-lts", "ubuntu 20.04", 8),
    ("RedHat", "RHEL", "8-lvm-gen2", "redhat 8.9", 12),
    ("RedHat", "RHEL", "9-lvm-gen2", "redhat 9.4", 10),
    ("suse", "sles-15-sp5", "gen2", "sles 15.5", 8),
    ("SUSE", "sles-sap-15-sp4", "gen2", "sles 15.4", 4),
    ("Debian", "debian-12", "12-gen2", "debian 12", 7),
    ("Oracle", "Oracle-Linux", "ol88-lvm-gen2", "oracle 8.8", 4),
    ("almalinux", "almalinux-x86_64", "9-gen2", "almalinux 9", 4),
    ("resf", "rockylinux-x86_64", "9-base", "rocky 9", 3),
    ("kinvolk", "flatcar-container-linux-free", "stable-gen2", "flatcar 3815", 2),
    ("acme-appliances", "edge-firewall", "byol", "", 2),
)
_SKUS: Final = (
    *("Premium_LRS",) * 11,
    *("StandardSSD_LRS",) * 5,
    *("Standard_LRS",) * 2,
    *("Premium_ZRS", "StandardSSD_ZRS"),
)
_SIZES: Final = tuple(
    f"Standard_{family}{cores}{features}_v{version}"
    for version in (5, 4, 3, 6)
    for family in ("D", "E", "B", "F", "L", "M")
    for features in ("s", "ds", "as", "ads")
    for cores in (2, 4, 8, 16, 32)
)
_KEYS: Final = (
    "EncryptionAtRestWithPlatformKey",
    "EncryptionAtRestWithCustomerKey",
    "EncryptionAtRestWithPlatformAndCustomerKeys",
)
_VMS_PER_SUBSCRIPTION: Final = 2500
# VMs with neighbouring numbers belong together: those of a workload share a resource group, and
# those of a tier do the same work, so they are what an availability set or a scale set holds.
_VMS_PER_WORKLOAD: Final = 10
_VMS_PER_TIER: Final = 5


def _guid(chance: random.Random) -> str:
    text = f"{chance.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], f"4{text[13:16]}", f"a{text[17:20]}", text[20:]))


@lru_cache(maxsize=4096)
def _subscription(seed: int, number: int) -> str:
    return _guid(random.Random(f"subscription {seed} {number}"))


class _Workload(NamedTuple):
    team: str
    stage: str
    region: str
    group: str


class _Tier(NamedTuple):
    role: str
    held_by: str  # the property that names the set which holds the VMs; empty if none does


@lru_cache(maxsize=4096)
def _workload(seed: int, number: int) -> _Workload:
    chance = random.Random(f"workload {seed} {number}")
    team, stage, region = (chance.choice(one) for one in (_TEAMS, _STAGES, _REGIONS))
    return _Workload(team, stage, region, f"rg-{team}-{stage}-{region}-{number:05}")


@lru_cache(maxsize=4096)
def _tier(seed: int, number: int) -> _Tier:
    chance = random.Random(f"tier {seed} {number}")
    sets = ("availabilitySet", "virtualMachineScaleSet", "")
    return _Tier(chance.choice(_ROLES), chance.choices(sets, (5, 8, 87))[0])


def _pick(chance: random.Random, images: Sequence[tuple[str, str, str, str, int]]) -> Any:
    return chance.choices(images, [one[-1] for one in images])[0]


class _Maker:
    """Makes the records of one VM; what is likely and what is rare stands here."""

    def __init__(self, seed: int, number: int) -> None:
        chance = self.chance = random.Random(f"{seed} {number}")
        self.number = number
        workload = _workload(seed, number // _VMS_PER_WORKLOAD)
        team, stage, self.region, self.group = workload
        self.tier = _tier(seed, number // _VMS_PER_TIER)
        subscription = _subscription(seed, number // _VMS_PER_SUBSCRIPTION)
        self.subscription = subscription
        self.name = f"vm-{team}-{self.tier.role}-{stage}-{number:07}"
        # Lists of VMs show some groups in capitals that lists of disks do not.
        shown = self.group.upper() if self.often(20) else self.group
        self.id = self.resource("virtualMachines", self.name, group=shown)
        self.windows = self.often(45)
        self.image = _pick(chance, _WINDOWS if self.windows else _LINUX)
        self.off = self.often(8)
        self.confidential = self.often(3)
        self.trusted = not self.confidential and self.often(30)
        self.unmanaged = not self.confidential and self.often(0.6)
        self.ephemeral = not self.unmanaged and self.often(3)
        self.key = _KEYS[chance.choices((0, 1, 2), (57, 38, 5))[0]]
        self.set_id = self.resource("diskEncryptionSets", f"des-{team}-{stage}")
        self.cluster = self.often(2)
        self.fast = chance.choices(("", "UltraSSD_LRS", "PremiumV2_LRS"), (90, 5, 5))[0]
        more = 0
        while more < 15 and self.often(58 if more < 6 else 30):
            more += 1
        self.data = [] if self.ephemeral and self.often(60) else list(range(more))

    def often(self, percent: float) -> bool:
        """Decide by chance."""
        return self.chance.random() * 100 < percent

    def resource(self, kind: str, name: str, provider: str = "Compute", group: str = "") -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{group or self.group}"
            f"/providers/Microsoft.{provider}/{kind}/{name}"
        )

    # ----- the VM

    def vm(self) -> tuple[Record, Record]:
        """Give what stands at the top of the record, and its properties."""
        chance, often = self.chance, self.often
        top: Record = {
            "id": self.id,
            "name": self.name,
            "type": "Microsoft.Compute/virtualMachines",
            "location": self.region,
            "tags": {
                "environment": self.name.split("-")[3],
                "owner": f"team-{self.name.split('-')[1]}@example.com",
                "cost-center": str(chance.randint(1000, 9999)),
                **({"kubernetes.io/cluster": "aks-main"} if often(2) else {}),
            },
            "zones": [str(chance.randint(1, 3))] if often(60) else None,
            "etag": f'"{chance.randint(1, 99)}"',
        }
        if often(70):
            top["identity"] = {
                "type": "SystemAssigned",
                "principalId": _guid(chance),
                "tenantId": _subscription(0, 0),
            }
        properties: Record = {
            "vmId": _guid(chance),
            "hardwareProfile": {"vmSize": _SIZES[min(int(chance.expovariate(0.02)), 479)]},
            "provisioningState": "Succeeded",
            "timeCreated": f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T08:30:00Z",
            "osProfile": self._guest(),
            "networkProfile": {
                "networkInterfaces": [
                    {
                        "id": self.resource("networkInterfaces", f"{self.name}-nic", "Network"),
                        "deleteOption": "Detach",
                        "primary": True,
                    }
                ]
            },
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        }
        publisher, offer, sku, _, _ = self.image
        image: Record = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
        if often(4):
            image = {"id": self.resource("images", f"golden-{chance.randint(1, 9)}")}
        properties["storageProfile"] = {
            "imageReference": image,
            "osDisk": self._attachment(None),
            "dataDisks": [self._attachment(lun) for lun in self.data],
            "diskControllerType": "SCSI",
        }
        if self.trusted or self.confidential:
            properties["securityProfile"] = {
                "securityType": "TrustedLaunch" if self.trusted else "ConfidentialVM",
                "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
            }
        if often(15):
            properties.setdefault("securityProfile", {})["encryptionAtHost"] = True
        if self.fast == "UltraSSD_LRS":
            properties["additionalCapabilities"] = {"ultraSSDEnabled": True}
        if held_by := self.tier.held_by:
            # Azure spells the name of a set in capitals to some of its members.
            name = f"{self.tier.role}-{self.number // _VMS_PER_TIER:06}"
            set_id = self.resource(f"{held_by}s", name.upper() if often(20) else name)
            properties[held_by] = {"id": set_id}
        if often(4):
            properties |= {"priority": "Spot", "evictionPolicy": "Deallocate"}
        if often(3):
            group_id = self.resource("proximityPlacementGroups", "near")
            properties["proximityPlacementGroup"] = {"id": group_id}
        if self.windows and often(70):
            properties["licenseType"] = "Windows_Server"
        return top, properties

    def _guest(self) -> Record:
        patches = {"assessmentMode": "ImageDefault", "patchMode": "ImageDefault"}
        profile: Record = {
            "computerName": self.name[:15],
            "adminUsername": "azureuser",
            "allowExtensionOperations": True,
            "requireGuestProvisionSignal": True,
            "secrets": [],
        }
        if self.windows:
            profile["windowsConfiguration"] = {
                "enableAutomaticUpdates": True,
                "provisionVMAgent": True,
                "patchSettings": patches,
            }
        else:
            key = f"ssh-rsa AAAAB3NzaC1yc2E{self.chance.getrandbits(1536):x} generated"
            path = "/home/azureuser/.ssh/authorized_keys"
            profile["linuxConfiguration"] = {
                "disablePasswordAuthentication": True,
                "provisionVMAgent": True,
                "patchSettings": patches,
                "ssh": {"publicKeys": [{"keyData": key, "path": path}]},
            }
        return profile

    def extensions(self) -> list[Record]:
        """Give the extensions that the record of the VM lists."""
        kinds = []
        if self.often(55):
            agent = f"AzureMonitor{'Windows' if self.windows else 'Linux'}Agent"
            kinds.append(("Microsoft.Azure.Monitor", agent))
        if self.often(4):
            ade = "AzureDiskEncryption" if self.windows else "AzureDiskEncryptionForLinux"
            kinds.append(("Microsoft.Azure.Security", ade))
        return [
            {
                "id": f"{self.id}/extensions/{kind}",
                "name": kind,
                "type": "Microsoft.Compute/virtualMachines/extensions",
                "location": self.region,
                "properties": {
                    "autoUpgradeMinorVersion": True,
                    "publisher": publisher,
                    "type": kind,
                    "typeHandlerVersion": "1.9",
                    "provisioningState": "Succeeded",
                },
            }
            for publisher, kind in kinds
        ]

    # ----- its disks

    def _disk_name(self, lun: int | None) -> str:
        if lun is not None:
            return f"{self.name}-data-{lun:02}"
        return f"{self.name}_OsDisk_1_{random.Random(self.name).getrandbits(128):032x}"

    def _sku(self, lun: int | None) -> str:
        if lun is None and self.ephemeral:
            return "Standard_LRS"
        # The same disk gets the same SKU in the record of the VM and in its own.
        chance = random.Random(f"{self.name} {lun}")
        if lun is not None and self.fast and chance.random() < 0.6:
            return self.fast
        return chance.choice(_SKUS)

    def _attachment(self, lun: int | None) -> Record:
        system = lun is None
        sku = self._sku(lun)
        cached = "ReadWrite" if system else "None" if sku == self.fast else "ReadOnly"
        name = self._disk_name(lun)
        attached: Record = {
            "name": name,
            "createOption": "FromImage" if system else "Attach",
            "caching": cached,
            "deleteOption": "Detach",
        }
        if not self.off:
            attached["diskSizeGB"] = 128 if system else 512
        if self.unmanaged:
            attached["vhd"] = {"uri": f"https://blobs.example.com/vhds/{name}.vhd"}
        else:
            managed: Record = {"id": self.resource("disks", name)}
            if not self.off:
                managed["storageAccountType"] = sku
            if self.key != _KEYS[0] and not self.ephemeral:
                managed["diskEncryptionSet"] = {"id": self.set_id}
            attached["managedDisk"] = managed
        if system:
            attached["osType"] = "Windows" if self.windows else "Linux"
            if self.ephemeral:
                attached["diffDiskSettings"] = {"option": "Local", "placement": "CacheDisk"}
        else:
            attached |= {"lun": lun, "toBeDetached": False, "writeAcceleratorEnabled": False}
        return attached

    def disks(self) -> Iterator[tuple[Record, Record]]:
        """Give top and properties of the record of every managed disk."""
        if self.unmanaged:
            return
        for lun in ([] if self.ephemeral else [None]) + self.data:
            name, sku = self._disk_name(lun), self._sku(lun)
            system = lun is None
            chance = random.Random(f"record {name}")
            if chance.random() < 0.002:
                continue  # the list of disks is a little older than the list of VMs
            top: Record = {
                "id": self.resource("disks", name),
                "name": name,
                "type": "Microsoft.Compute/disks",
                "location": self.region,
                "managedBy": self.id,
                "sku": {"name": sku, "tier": sku.partition("_")[0]},
                "tags": {"environment": self.name.split("-")[3]},
                "zones": ["1"],
            }
            made: Record = {"createOption": "FromImage" if system else "Empty"}
            if system:
                publisher, offer, image, _, _ = self.image
                made["imageReference"] = {
                    "id": f"/Subscriptions/{self.subscription}/Providers/Microsoft.Compute"
                    f"/Locations/{self.region}/Publishers/{publisher}/ArtifactTypes/VMImage"
                    f"/Offers/{offer}/Skus/{image}/Versions/latest"
                }
            encryption = {"type": self.key}
            if self.key != _KEYS[0]:
                encryption["diskEncryptionSetId"] = self.set_id
            properties: Record = {
                "creationData": made,
                "diskSizeGB": 128 if system else 512,
                "diskSizeBytes": 137438953472,
                "diskIOPSReadWrite": 500,
                "diskMBpsReadWrite": 100,
                "diskState": "Reserved" if self.off else "Attached",
                "encryption": encryption,
                "networkAccessPolicy": "AllowPrivate" if chance.random() < 0.1 else "AllowAll",
                "publicNetworkAccess": "Enabled",
                "provisioningState": "Succeeded",
                "timeCreated": "2024-03-05T11:22:33.1234567+00:00",
                "uniqueId": _guid(chance),
            }
            if system:
                properties["osType"] = "Windows" if self.windows else "Linux"
                second = self.trusted or "g2" in self.image[2] or "gen" in self.image[2]
                properties["hyperVGeneration"] = "V2" if second else "V1"
                if self.trusted:
                    properties["securityProfile"] = {"securityType": "TrustedLaunch"}
            elif self.cluster and chance.random() < 0.6:
                properties["maxShares"] = 2
            yield top, properties


# --------------------------------------------------------------------------- clients


def _shaped(top: Record, properties: Record, maker: _Maker, client: str) -> Record:
    if client == "rest":
        return {**top, "properties": properties}
    if client == "az":
        return {**top, **properties, "resourceGroup": maker.group}
    row = {**top, "type": top["type"].lower(), "properties": properties}
    row |= {"resourceGroup": maker.group.lower(), "subscriptionId": maker.subscription}
    row |= {"tenantId": _subscription(0, 0), "kind": "", "plan": None}
    return {"sku": None, "managedBy": "", **row}


def _flat_extension(record: Record) -> Record:
    inner = dict(record["properties"])
    kind = inner.pop("type")
    outer = {key: value for key, value in record.items() if key != "properties"}
    return {**outer, **inner, "typePropertiesType": kind}


def sample_fleet(
    vms: int, *, seed: int = 7, client: str = "az", first: int = 0
) -> Iterator[tuple[Record, list[Record]]]:
    """Make a fleet, VM by VM.

    Parameters
    ----------
    vms : int
        How many VMs.
    seed : int
        Fleets of one seed are the same; fleets of two seeds share nothing.
    client : str
        In whose shape: ``az`` (Azure CLI), ``rest`` (REST API) or ``graph`` (Resource Graph).
    first : int
        The number of the first VM, to make a fleet in parts.

    Yields
    ------
    tuple
        The record of a VM, and the records of its managed disks.

    Raises
    ------
    ValueError
        If there is no such client.

    Examples
    --------
    >>> [vm["id"][:15] for vm, disks in sample_fleet(2)]
    ['/subscriptions/', '/subscriptions/']
    """
    if client not in CLIENTS:
        raise ValueError(f"no client {client!r}; there are {', '.join(CLIENTS)}")
    for number in range(first, first + vms):
        maker = _Maker(seed, number)
        top, properties = maker.vm()
        extensions = maker.extensions()
        if extensions and client != "graph":
            flat = map(_flat_extension, extensions) if client == "az" else extensions
            top["resources"] = list(flat)
        disks = [_shaped(*disk, maker, client) for disk in maker.disks()]
        yield _shaped(top, properties, maker, client), disks


def write_fleet(
    folder: str | Path,
    vms: int,
    *,
    seed: int = 7,
    client: str = "az",
    layout: str = "json",
    first: int = 0,
    dumps: Callable[[Record], str | bytes] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Path, Path]:
    """Write a fleet as two files, one of VMs and one of disks.

    Parameters
    ----------
    folder : str or Path
        Where to write; made if need be.
    vms, seed, client, first
        As for :func:`sample_fleet`.
    layout : str
        ``json`` (one list, indented as Azure CLI prints it), ``ndjson`` (a record a line) or
        ``csv`` (a column for each key, JSON in the cells).
    dumps : callable, optional
        Turns a record into JSON, for large fleets faster than the standard library does.
    progress : callable, optional
        Is told after each VM how many are written.

    Returns
    -------
    tuple of Path
        The files of VMs and of disks.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    paths = home / f"vms.{layout}", home / f"disks.{layout}"
    writer = {"json": _as_list, "ndjson": _as_lines, "csv": _as_table}[layout]
    with paths[0].open("w", newline="") as of_vms, paths[1].open("w", newline="") as of_disks:
        targets = writer(of_vms, dumps), writer(of_disks, dumps)
        made = sample_fleet(vms, seed=seed, client=client, first=first)
        for number, (vm, disks) in enumerate(made, start=1):
            targets[0](vm)
            for disk in disks:
                targets[1](disk)
            if progress is not None:
                progress(number)
        for target in targets:
            target(None)
    return paths


_Dumps = Callable[[Record], str | bytes] | None
_Put = Callable[[Record | None], None]


def _text(dumped: str | bytes) -> str:
    return dumped if isinstance(dumped, str) else dumped.decode()


def _as_list(file: io.TextIOBase, dumps: _Dumps) -> _Put:
    started = False

    def put(record: Record | None) -> None:
        nonlocal started
        if record is None:
            file.write("\n]\n" if started else "[]\n")
            return
        text = _text(dumps(record)) if dumps else json.dumps(record, indent=2)
        file.write((",\n  " if started else "[\n  ") + text.replace("\n", "\n  "))
        started = True

    return put


def _as_lines(file: io.TextIOBase, dumps: _Dumps) -> _Put:
    def put(record: Record | None) -> None:
        if record is not None:
            file.write(_text(dumps(record)) if dumps else json.dumps(record))
            file.write("\n")

    return put


def _as_table(file: io.TextIOBase, dumps: _Dumps) -> _Put:
    table = csv.writer(file, lineterminator="\r\n")
    names: list[str] = []

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return value
        return "" if value is None else _text(dumps(value) if dumps else json.dumps(value))

    def put(record: Record | None) -> None:
        if record is None:
            return
        if not names:
            names.extend(_columns(record))
            table.writerow(names)
        table.writerow([cell(record.get(name)) for name in names])

    return put


def _columns(record: Record) -> Iterable[str]:
    """Give the columns of Resource Graph, or those of the first record and what others may have."""
    fixed = ("id", "name", "type", "tenantId", "kind", "location", "resourceGroup")
    more = ("subscriptionId", "managedBy", "sku", "plan", "properties", "tags", "identity", "zones")
    usual = (*fixed, *more, "extendedLocation", "resources", "etag")
    return dict.fromkeys((*usual, *record))


# --------------------------------------------------------------------------- tables of facts


def write_fact_tables(
    folder: str | Path, vms: int, *, seed: int = 7, partitions: int = 1, distinct: int = 50_000
) -> list[tuple[Path, Path]]:
    """Write a fleet as tables of facts, in partitions that can be judged apart from each other.

    Parameters
    ----------
    folder : str or Path
        Where to write; made if need be.
    vms : int
        How many VMs.
    seed : int
        As for :func:`sample_fleet`.
    partitions : int
        How many pairs of files.
    distinct : int
        How many VMs are made one by one. Further ones are like these, in other subscriptions: a
        million takes a minute.

    Returns
    -------
    list of tuple of Path
        The files of VMs and of disks of each partition: ``vms/part-000.parquet`` and
        ``disks/part-000.parquet``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = _fact_tables(min(vms, distinct), seed)
    homes = [Path(folder) / name for name in ("vms", "disks")]
    for home in homes:
        home.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(partitions):
        start, stop = (vms * at // partitions for at in (number, number + 1))
        pieces = list(_pieces(made, start, stop, seed))
        paths = homes[0] / f"part-{number:03}.parquet", homes[1] / f"part-{number:03}.parquet"
        for path, tables in zip(paths, zip(*pieces, strict=True), strict=True):
            pq.write_table(pa.concat_tables(tables), path, row_group_size=131_072)
        written.append(paths)
    return written


def _fact_tables(vms: int, seed: int) -> FactTables:
    """Read the facts of a fleet from its records, as those of any other fleet."""
    from concurrent.futures import ThreadPoolExecutor

    import msgspec

    from rpmatrix.fleet.records.bulk import BulkReader
    from rpmatrix.matrix.matrix import load_matrix

    reader = BulkReader(load_matrix())
    with TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        paths = write_fleet(scratch, vms, seed=seed, layout="ndjson", dumps=msgspec.json.encode)
        for path in paths:
            for _ in reader.add_file(path, pool):
                pass
        (tables,) = reader.tables(vms)
    return tables


def _pieces(
    made: FactTables, start: int, stop: int, seed: int
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Give some VMs and their disks: those that were made, and after them others like them."""
    import numpy as np
    import pyarrow as pa

    count = made.vms.num_rows
    while start < stop:
        copy, first = divmod(start, count)
        last = min(count, first + stop - start)
        edges = np.searchsorted(made.owners, [first, last])
        disks = made.disks.slice(edges[0], edges[1] - edges[0])
        owners = made.vms["vm_id"].take(pa.array(made.owners[edges[0] : edges[1]]))
        pair = made.vms.slice(first, last - first), disks.add_column(0, "vm_id", owners)
        yield _elsewhere(pair[0], seed, copy), _elsewhere(pair[1], seed, copy)
        start += last - first


def _elsewhere(table: pa.Table, seed: int, copy: int) -> pa.Table:
    """Give rows with plain texts, and from the first copy on in subscriptions of their own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        cells = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
        if copy and name.endswith("_id") and pa.types.is_string(cells.type):
            known = pc.unique(pc.utf8_slice_codeunits(cells, 15, 51)).to_pylist()
            for one in filter(None, known):
                other = _guid(random.Random(f"copy {seed} {copy} {one}"))
                cells = pc.replace_substring(cells, one, other)
        columns.append(cells)
    return pa.table(columns, names=table.column_names)
