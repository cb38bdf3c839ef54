"""What restore points in an inventory really show of the encryption of a disk.

Sources differ on what is carried over from the source disk; the record of a disk restore point does
not. It may stand in its restore point, in the collection, or alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rpmatrix.eligibility.applicability import ENCRYPTION_TYPE
from rpmatrix.inventory.inventory import Disk, Inventory
from rpmatrix.inventory.readings import Evidence, Reading
from rpmatrix.inventory.records import MISSING, UNREADABLE, Record, look
from rpmatrix.inventory.texts import Json
from rpmatrix.matrix.matrix import Matrix


@dataclass(frozen=True, slots=True)
class FoundEncryption:
    """The encryption that the record of a disk restore point really shows.

    Attributes
    ----------
    restore_point, disk_restore_point : str
        The name of the restore point, and the id of the disk in it; empty if not shown.
    is_copy : bool
        Whether it is a copy of a disk restore point.
    type : str or None
        The kind of encryption; None if the record shows none, or none that is known.
    encryption_set_id : str or None
        The disk encryption set it names.
    evidence : Evidence
        Where it stands.
    """

    restore_point: str
    disk_restore_point: str
    is_copy: bool
    type: str | None
    encryption_set_id: str | None
    evidence: Evidence


class ShownEncryption:
    """Finds what restore points in an inventory show of the encryption of a disk."""

    def __init__(self, inventory: Inventory, matrix: Matrix) -> None:
        self._known = {}
        if ENCRYPTION_TYPE in matrix.facts:
            allowed = matrix.facts[ENCRYPTION_TYPE].allowed_values
            self._known = {one.lower(): one for one in allowed}
        self._of_disk: dict[str, dict[str, FoundEncryption]] = {}
        for record in inventory.of_kind("restore_point"):
            self._take(record, record.body, "")
        for record in inventory.of_kind("restore_point_collection"):
            listed = record.body.get("restorepoints")
            for position, body in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(body, dict):
                    self._take(record, body, f"restorepoints[{position}].")
        for record in inventory.of_kind("disk_restore_point"):
            self._take_alone(record)

    def of(self, disk: Disk) -> tuple[FoundEncryption, ...]:
        """Give what is shown for one disk, joined by its resource id."""
        found = self._of_disk.get(_key(disk.id), {})
        return tuple(found.values())

    def _take(self, record: Record, point: dict[str, Json], prefix: str) -> None:
        storage = look(point, ("sourcemetadata", "storageprofile"))
        if not isinstance(storage, dict):
            return
        entries = [("osdisk", storage.get("osdisk"))]
        data_disks = storage.get("datadisks")
        for position, entry in enumerate(data_disks if isinstance(data_disks, list) else ()):
            entries.append((f"datadisks[{position}]", entry))
        copied = look(point, ("sourcerestorepoint", "id")) is not MISSING
        for place, entry in entries:
            made = look(entry, ("diskrestorepoint",))
            if not isinstance(made, dict):
                continue
            at = f"{prefix}sourcemetadata.storageprofile.{place}.diskrestorepoint"
            self._add(
                look(entry, ("manageddisk", "id")),
                record,
                made,
                at,
                str(point.get("name") or ""),
                copied or look(made, ("sourcediskrestorepoint", "id")) is not MISSING,
            )

    def _take_alone(self, record: Record) -> None:
        body = record.body
        name = re.search(r"/restorepoints/([^/]+)", record.key)
        source = look(body, ("sourceresourceid",))
        copied = look(body, ("sourceresourcelocation",)) is not MISSING
        known = {
            mark: disk_id for disk_id, found in self._of_disk.items() for mark in found if mark
        }
        disk_id = known.get(record.key) or known.get(_key(source)) or source
        self._add(disk_id, record, body, "", name[1] if name else "", copied)

    def _add(
        self, disk_id: Json, record: Record, body: dict[str, Json], at: str, name: str, copy: bool
    ) -> None:
        shown = look(body, ("encryption", "type"))
        kind = self._known.get(shown.lower()) if isinstance(shown, str) else None
        why = ""
        if shown is UNREADABLE or (isinstance(shown, str) and kind is None):
            why = "what stands there is not among the kinds that are known"
        sets = [
            look(body, ("encryption", "diskencryptionset", "id")),
            look(body, ("encryption", "diskencryptionsetid")),
        ]
        own = _key(body.get("id"))
        path = ".".join(part for part in (at, "encryption.type") if part)
        reading = Reading(
            kind,
            "read" if kind else "unknown",
            record,
            path if shown is not MISSING else at,
            shown if isinstance(shown, str) else None,
            why,
        )
        found = FoundEncryption(
            restore_point=name,
            disk_restore_point=str(body.get("id") or ""),
            is_copy=copy,
            type=kind,
            encryption_set_id=next((one for one in sets if isinstance(one, str)), None),
            evidence=reading.evidence(ENCRYPTION_TYPE),
        )
        places = self._of_disk.setdefault(_key(disk_id), {})
        mark = own or f"{record.key}#{at}"
        before = places.get(mark)
        # One disk restore point may be shown twice: by its restore point and by its own record.
        if before is None or (before.type is None and found.type is not None):
            places[mark] = found


def _key(resource_id: Json) -> str:
    return resource_id.strip().rstrip("/").lower() if isinstance(resource_id, str) else ""
