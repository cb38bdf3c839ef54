"""Where a plan creates what it creates, and under which names.

A collection that the input shows for a VM is used, and a name that the input shows as taken is
not given to something else. What cannot be known from the input, such as which names are free in
a collection whose restore points nobody lists, is said instead of guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, TypedDict

from rpmatrix.inventory.inventory import Inventory, Vm
from rpmatrix.inventory.records import Record, id_parts, last_part, look, region
from rpmatrix.planning.commands.operations import ListRestorePoints

# Azure takes names of disks up to this length, and no source names another one for collections.
NAME_LENGTH: Final = 80
# Azure Backup makes collections of its own, which are not for others to write into.
_BACKUP_COLLECTIONS: Final = "azurebackup_"


class PlanError(ValueError):
    """A plan was asked for that cannot be made; the message says why and what to do."""


class NotKnownError(Exception):
    """Something that an operation needs is not in the input."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of what a plan creates; the defaults are made of the VM's name.

    A collection that the input shows for the VM is used and none created, unless `collection`
    names another one. A default name is not one that the input shows as taken.

    Attributes
    ----------
    collection, restore_point, target_collection : str
        Names to take instead of the defaults.
    resource_group, target_resource_group : str
        Resource groups to create in; that of the VM, and that of the source collection, if they
        are empty.
    """

    collection: str = ""
    restore_point: str = ""
    target_collection: str = ""
    resource_group: str = ""
    target_resource_group: str = ""


class InCollection(TypedDict):
    """What names a restore point collection, as operations take it."""

    subscription_id: str
    resource_group: str
    collection: str


class InPoint(InCollection):
    """What names a restore point, as operations take it."""

    restore_point: str


@dataclass(frozen=True, slots=True)
class Place:
    """A restore point collection, there already or to be created.

    Attributes
    ----------
    within : InCollection
        Its subscription, resource group and name.
    records : tuple of Record
        The records that show it; empty if it is to be created.
    """

    within: InCollection
    records: tuple[Record, ...] = ()

    @property
    def id(self) -> str:
        """The resource id."""
        return ListRestorePoints(**self.within).collection_id

    @property
    def title(self) -> str:
        """The name and the resource group, for messages."""
        return f"{self.within['collection']} in {self.within['resource_group']}"


class Places:
    """Finds the collections that are there, and names for what is not there yet.

    One for a whole plan: a name that it has given to one VM is no longer free for another.

    Parameters
    ----------
    inventory : Inventory
        What is there: collections, restore points and disks.
    names : Names
        The names that are asked for.
    """

    def __init__(self, inventory: Inventory, names: Names) -> None:
        self.names = names
        self._inventory = inventory
        self._there: dict[str, list[Record]] = {}
        self._of_source: dict[str, list[str]] = {}
        for record in inventory.of_kind("restore_point_collection"):
            if id_parts(record.key).get("type", "").endswith("/restorepointcollections"):
                self._there.setdefault(record.key, []).append(record)
                mine = self._of_source.setdefault(_source(record), [])
                mine += [record.key] if record.key not in mine else []
        self._points: dict[str, list[Record]] = {}
        for record in inventory.of_kind("restore_point"):
            parent = id_parts(record.key).get("parent", "")
            self._points.setdefault(parent, []).append(record)
        self._disks = {record.key for record in inventory.disks}
        self._taken: dict[str, str] = {}

    def of_vm(self, vm: Vm) -> Place:
        """Give the collection of a VM: the one that is there, or one to be created.

        Raises
        ------
        PlanError
            If the collection that is asked for by name belongs to another VM.
        """
        there = [key for key in self._of_source.get(vm.key, ()) if _own(key)]
        asked, group = self.names.collection, self.names.resource_group
        if found := self._named(there, asked, group):
            return found
        stem = last_part(vm.id)
        return self._new(vm, group or vm.resource_group, asked, stem, "-restore-points")

    def in_region(self, vm: Vm, source: Place, target: str) -> Place:
        """Give the collection that takes the copies out of another one.

        Raises
        ------
        PlanError
            If the collection that is asked for by name has another source.
        """
        there = [
            key
            for key in self._of_source.get(source.id.lower(), ())
            if any(region(_text(one, "location")) == target for one in self._there[key])
        ]
        asked, group = self.names.target_collection, self.names.target_resource_group
        if found := self._named(there, asked, group):
            return found
        stem = source.within["collection"]
        group = group or source.within["resource_group"]
        return self._new(vm, group, asked, stem, f"-{target}", source.id)

    def _named(self, keys: Iterable[str], asked: str, group: str) -> Place | None:
        """Give the first collection, or the one that is asked for by name; None if it is none.

        A resource group alone says where to create, not what to leave unused.
        """
        for place in map(self._place, keys):
            name, there = place.within["collection"], place.within["resource_group"]
            meant = name.lower() == asked.lower() and group.lower() in ("", there.lower())
            if meant or not asked:
                return place
        return None

    def _place(self, key: str) -> Place:
        records = self._there[key]
        shown = _text(records[0], "id")
        parts = id_parts(shown)
        within: InCollection = {
            "subscription_id": parts["subscription_id"],
            "resource_group": parts["resource_group"],
            "collection": last_part(shown),
        }
        return Place(within, tuple(records))

    def _new(
        self, vm: Vm, group: str, asked: str, stem: str, suffix: str, source: str = ""
    ) -> Place:
        user = (source or vm.id).lower()
        for name in (asked,) if asked else _candidates(stem, suffix):
            within: InCollection = {
                "subscription_id": vm.subscription_id,
                "resource_group": group,
                "collection": name,
            }
            found = Place(within)
            key = found.id.lower()
            holder = self._taken.get(key) or next(map(_source, self._there.get(key, ())), "")
            if holder in ("", user):
                self._taken[key] = user
                return found
        raise PlanError(
            f"the restore point collection {found.title} cannot serve {vm.name}: a collection "
            f"has one source, and that of this one is {holder}; name another one, or none"
        )

    def point(self, vm: Vm, mode: str, places: Iterable[Place]) -> str:
        """Give a name for a restore point: a restore point that is there cannot be changed.

        Raises
        ------
        PlanError
            If the name that is asked for is taken.
        NotKnownError
            If it is not known which names are taken.
        """
        asked = self.names.restore_point
        taken: set[str] = set()
        for place in places:
            shown = self._names_of_points(place)
            if shown is None and not asked:
                raise NotKnownError(
                    f"the input does not list the restore points of {place.title}, so it is not "
                    "known which names are free; list them and plan again, or give a name"
                )
            taken |= shown or set()
        if asked and asked.lower() in taken:
            raise PlanError(
                f"{vm.name} has a restore point {asked} already, and a restore point cannot be "
                "changed; choose another name"
            )
        stem = f"{last_part(vm.id)}-{mode}-"
        numbers = [
            int(name[len(stem) :])
            for name in taken
            if name.startswith(stem.lower()) and name[len(stem) :].isdecimal()
        ]
        return asked or f"{stem}{max(numbers, default=0) + 1}"

    def _names_of_points(self, place: Place) -> set[str] | None:
        """Give the names of the points of a collection; None if nothing lists them."""
        alone = self._points.get(place.id.lower(), [])
        lists = [record.body.get("restorepoints") for record in place.records]
        listed = [one for one in lists if isinstance(one, list)]
        if place.records and not listed and not alone:
            return None
        bodies = [body for one in listed for body in one if isinstance(body, dict)]
        names = {str(body.get("name") or last_part(str(body.get("id") or ""))) for body in bodies}
        return {name.lower() for name in (*names, *(last_part(one.key) for one in alone))}

    def disk(self, vm: Vm, name: str) -> str:
        """Give a name for a disk that is restored."""
        group = f"/subscriptions/{vm.subscription_id}/resourcegroups/{vm.resource_group}"
        keys = (
            (found, f"{group}/providers/microsoft.compute/disks/{found}".lower())
            for found in _candidates(name, "-restored")
        )
        found, key = next((found, key) for found, key in keys if key not in self._disks)
        self._disks.add(key)
        return found

    def left_behind(self, vm: Vm) -> Place:
        """Give the collection that a VM has left behind where it was before a move.

        Raises
        ------
        NotKnownError
            If none is shown, or several, so that one of them may be another VM's.
        """
        described = {one.key for one in self._inventory.vms}
        found = [
            key
            for source, keys in self._of_source.items()
            if source not in described and last_part(source) == last_part(vm.key)
            if id_parts(source).get("type", "").endswith("/virtualmachines")
            for key in keys
            if _own(key)
        ]
        if len(found) != 1:
            raise NotKnownError(
                f"the input shows {len(found) or 'no'} restore point collections of a VM of this "
                "name with another resource id, so the one to delete is not known"
            )
        return self._place(found[0])


def _source(record: Record) -> str:
    return _text(record, "source", "id").rstrip("/").lower()


def _text(record: Record, *path: str) -> str:
    value = look(record.body, path)
    return value if isinstance(value, str) else ""


def _own(collection_key: str) -> bool:
    return not last_part(collection_key).startswith(_BACKUP_COLLECTIONS)


def _candidates(stem: str, suffix: str) -> Iterator[str]:
    """Give names that fit, first without a number."""
    for number in count(1):
        ending = suffix if number == 1 else f"{suffix}-{number}"
        yield f"{stem[: NAME_LENGTH - len(ending)]}{ending}"
