"""The inputs of a fleet, read once more for one VM.

What is kept of a fleet is what its VMs add up to. To show one of them, its records are looked for
in the inputs by its id, and by the ids that they name, and read by the ordinary reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rpmatrix.fleet.records.blocks import holds
from rpmatrix.fleet.sources import BrokenError, Opened, Source
from rpmatrix.fleet.summary import FleetError
from rpmatrix.inventory.inventory import Inventory, Vm, join
from rpmatrix.inventory.records import Record, collect, key_of
from rpmatrix.inventory.texts import parse_json

Json = Any
Opener = Callable[[], Opened]
# Where a record stands: the number of the input, of the value in it, and of the record in that.
_Stand = tuple[int, int, int]


class FleetInputs:
    """The inputs of a fleet.

    Parameters
    ----------
    inputs : iterable of callable
        Each opens an input of Azure's own records.
    """

    def __init__(self, inputs: Iterable[Opener]) -> None:
        self._inputs = tuple(inputs)

    def inventory_of(self, vm_id: str) -> Inventory:
        """Read the records of one VM, and of what belongs to it.

        Parameters
        ----------
        vm_id : str
            As the verdicts name it: its resource id, in any letter case, or file and place of a
            record without one.

        Raises
        ------
        FleetError
            If no input holds records, as tables of facts do not.
        LookupError
            If no record of that VM is there, or not any more.
        """
        if not self._inputs:
            raise FleetError("the fleet came from tables of facts; there are no records to show")
        key = key_of(vm_id) if vm_id.startswith("/") else vm_id
        found = dict(self._standing_at(vm_id))
        searched: set[str] = set()
        wanted = {key} if vm_id.startswith("/") else _named_by(found.values(), key)
        while wanted - searched:
            found |= self._that_name(wanted - searched)
            searched |= wanted
            wanted = _named_by(found.values(), key)
        records = [found[stand] for stand in sorted(found)]
        vm = next((one for one in join(records) if one.key == key), None)
        if vm is None:
            raise LookupError(f"no record of a VM {vm_id!r} in the inputs of the fleet")
        mine = {id(record) for record in _records_of(vm)}
        return Inventory((vm,), tuple(one for one in records if id(one) in mine), ())

    def _standing_at(self, vm_id: str) -> Iterator[tuple[_Stand, Record]]:
        """Give the records of a VM that has no id, by file and place."""
        file, _, pointer = vm_id.rpartition("#")
        for number, opener in enumerate(self._inputs):
            opened = opener()
            if opened.name == file:
                yield from self._read(number, opened, "", pointer).items()

    def _that_name(self, names: Iterable[str]) -> dict[_Stand, Record]:
        """Give the records that hold one of these texts anywhere, whatever they are."""
        pattern = "|".join(_pattern(name) for name in sorted(names))
        found: dict[_Stand, Record] = {}
        for number, opener in enumerate(self._inputs):
            # A letter may be written as an escape: then it is seen only when the record is read.
            found |= self._read(number, opener(), f"(?i)(?:{pattern})|\\\\u")
        return found

    def _read(
        self, number: int, opened: Opened, pattern: str, pointer: str | None = None
    ) -> dict[_Stand, Record]:
        """Read the values of an input that a pattern fits, or that stand at a place."""
        given: list[tuple[int, tuple[str, str, Json, bool]]] = []
        source = opened.source
        if source is not None:
            try:
                for ordinal, value in _values_with(source, pattern):
                    place = source.place(ordinal)
                    if pointer is None or f"{pointer}/".startswith(f"{place or '/'}/"):
                        parsed = parse_json(value.decode(errors="replace"))
                        given.append((ordinal, (source.name, place, parsed, source.projected)))
            except BrokenError:
                assert opened.ordinarily is not None
                given, opened = [], opened.ordinarily()
        found = {(number, -1, place): record for place, record in enumerate(opened.records)}
        for ordinal, one in given:
            records = collect([one]).records
            found |= {(number, ordinal, place): one for place, one in enumerate(records)}
        return found


def _pattern(text: str) -> str:
    """Give a pattern of a text as JSON has it: a slash may be written with a backslash."""
    return re.escape(json.dumps(text, ensure_ascii=False)[1:-1]).replace("/", r"(?:\\)?/")


def _values_with(source: Source, pattern: str) -> Iterator[tuple[int, bytes]]:
    """Give the values that a pattern fits, each with its number."""
    first = 0
    for chunk in source.chunks():
        chunk.look_over()
        values = chunk.values()
        if holds(chunk.text, pattern):
            fitting = pc.match_substring_regex(pa.array(values, pa.large_binary()), pattern)
            for at in pc.indices_nonzero(fitting).to_pylist():
                yield first + at, values[at]
        first += len(values)


def _records_of(vm: Vm) -> Iterator[Record]:
    yield from vm.records
    for disk in vm.disks:
        yield from (*disk.records, *disk.encryption_sets)
    for records in vm.related.values():
        yield from records


def _named_by(records: Iterable[Record], key: str) -> set[str]:
    """Give the ids that the records of a VM and of its disks name, and the names of the VM.

    A bare instance view names its VM by the name; it is that of no VM if two are called so.
    """
    found = {key} if key.startswith("/") else set()
    held = list(records)
    mine = [record for record in held if record.kind == "vm" and record.key == key]
    for record in mine:
        found |= _ids_in(record.body)
        profile = record.body.get("osprofile")
        computer = profile.get("computername") if isinstance(profile, dict) else None
        names = (record.body.get("name"), computer)
        found |= {one.lower() for one in names if isinstance(one, str) and one}
    for record in held:
        if record.kind == "disk" and record.key in found:
            found |= _ids_in(record.body)
    return found


def _ids_in(value: Json) -> set[str]:
    if isinstance(value, str):
        return {key_of(value)} if value.lstrip()[:15].lower() == "/subscriptions/" else set()
    inner: Iterable[Json] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    return {one for child in inner for one in _ids_in(child)}
