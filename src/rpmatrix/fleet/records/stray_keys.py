"""Keys of large inputs that stand where no column is read, and may say something of a fact.

The columns of :mod:`rpmatrix.fleet.records.blocks` hold what stands where Azure writes it. A disk
that its VM lists with ``maxShares``, a security type beside the security profile, or a misspelled
key are read by the ordinary reader alone. Here every key of a block is looked at, object by object:
each name is judged once, when it is first met, and remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from rpmatrix.fleet.records.shapes import UNUSUAL, Shape
from rpmatrix.inventory.names import COMMON_NAMES, FLAT_NAMES, fact_like, has_bearing, plain_name
from rpmatrix.inventory.records import NAMES_READ
from rpmatrix.inventory.texts import parse_json

Json = Any

# Which names are read in the objects of a record, by the path of the object.
_READ_AS: Final[Mapping[str, Mapping[str, str]]] = {
    "vm": {
        "": "vm",
        "securityprofile": "securityprofile",
        "storageprofile": "storageprofile",
        "storageprofile.osdisk": "attachment",
        "storageprofile.osdisk.manageddisk": "manageddisk",
        "storageprofile.datadisks": "attachment",
        "storageprofile.datadisks.manageddisk": "manageddisk",
    },
    "disk": {"": "disk", "securityprofile": "securityprofile"},
}
_NOTHING: Final = frozenset((b"", b"null", b'""', b"{}", b"[]"))
_BEGINS_A_SCALAR: Final = frozenset(b'"-0123456789tf')


@dataclass
class _Object:
    """An object of a record: what may be in it, and which names were met so far."""

    read_as: str
    shape: Shape
    children: dict[str, _Object]
    is_list: bool = False
    names: dict[str, str] = field(default_factory=dict)  # what each key is, by its spelling

    def role(self, key: str, *, at_top: bool) -> str:
        """Return what a key is: an object to look into, strange, unread, or nothing of interest."""
        name = plain_name(key)
        if name in self.shape.children and name != key.lower():
            return _STRANGE
        if name in self.children:
            return name
        if name == _PROPERTIES:
            if at_top:
                return _PROPERTIES if key == name else _STRANGE
            return "" if self.is_list and "id" in self.shape.children else _STRANGE
        if not self.read_as or name in self.shape.children or key.lower() in UNUSUAL:
            return ""
        if at_top and COMMON_NAMES.get(name, "resourcegroup") in self.shape.children:
            return _STRANGE
        if FLAT_NAMES.get(self.read_as, {}).get(name, (name,)) != (name,):
            return _STRANGE
        if name in NAMES_READ[self.read_as] or name in COMMON_NAMES:
            return ""
        if fact_like(name):
            return _STRANGE
        return _UNREAD if at_top and has_bearing(name) else ""


_PROPERTIES: Final = "properties"
_STRANGE: Final = "?"
_UNREAD: Final = "!"


class StrayKeys:
    """Looks through records of one kind for keys that their columns would miss.

    Parameters
    ----------
    kind : str
        Of the records: ``vm`` or ``disk``; of others every key is passed over.
    shape : Shape
        What is read of them in columns.
    """

    def __init__(self, kind: str, shape: Shape) -> None:
        self._lock = threading.Lock()
        self._top = _object(_READ_AS[kind], "", shape)
        self._inner = _object(_READ_AS[kind], "", shape)
        self._plan: _Plan | None = None

    @staticmethod
    def watches(kind: str) -> bool:
        """Return whether keys of records of a kind may say something of a fact."""
        return kind in _READ_AS

    def look(self, values: memoryview | Sequence[bytes]) -> tuple[list[int], set[str]]:
        """Look through records.

        Parameters
        ----------
        values : memoryview, or sequence of bytes
            A list in JSON, or its members.

        Returns
        -------
        tuple
            Which records must be read in the ordinary way, and which keys of rows nobody reads
            though they may bear on a verdict.
        """
        listed = values if isinstance(values, memoryview) else b"[%b]" % b",".join(values)
        at = 0
        while True:
            plan = self._plan
            if plan is not None:
                try:
                    return plan.judge(plan.decoder.decode(listed))
                except msgspec.ValidationError as error:
                    if not str(error).startswith(_UNKNOWN):
                        return list(range(len(_MEMBERS.decode(listed)))), set()
                    at = int(str(error).rpartition("$[")[2].partition("]")[0])
            members = _MEMBERS.decode(listed)
            if not members:
                return [], set()
            record = parse_json(bytes(members[at]).decode(errors="replace"))
            try:
                with self._lock:
                    self._plan = self._learn(record)
            except ValueError:  # a key that no field may be called
                return list(range(len(members))), set()

    def _learn(self, record: Json) -> _Plan:
        self._meet(self._top, record, at_top=True)
        return _plan(self._top, self._inner)

    def _meet(self, node: _Object, value: Json, *, at_top: bool) -> None:
        for one in value if isinstance(value, list) else [value]:
            for key in one if isinstance(one, dict) else ():
                role = node.names.setdefault(key, node.role(key, at_top=at_top))
                if role == _PROPERTIES:
                    self._meet(self._inner, one[key], at_top=False)
                elif role in node.children:
                    self._meet(node.children[role], one[key], at_top=False)


_MEMBERS: Final = msgspec.json.Decoder(list[Raw])
_UNKNOWN: Final = "Object contains unknown field"


@dataclass
class _Plan:
    """How to decode an object with the names that were met, and what to look at in it."""

    type: Any
    strange: tuple[str, ...] = ()
    inner: tuple[tuple[str, bool, _Plan], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    properties: tuple[str, ...] = ()
    decoder: Any = None

    @property
    def is_idle(self) -> bool:
        return not (self.strange or self.inner or self.unread)

    def judge(self, records: Sequence[Any]) -> tuple[list[int], set[str]]:
        if self.is_idle:
            return [], set()
        unread = {
            key
            for record in (records if self.unread else ())
            if all(getattr(record, name) is UNSET for name in self.properties)
            for name, key in self.unread
            if _is_scalar(getattr(record, name))
        }
        return [at for at, record in enumerate(records) if self.is_strange(record)], unread

    def is_strange(self, value: Any) -> bool:
        if any(bytes(getattr(value, name)) not in _NOTHING for name in self.strange):
            return True
        for name, is_list, plan in self.inner:
            inside = getattr(value, name)
            if inside is None or inside is UNSET:
                continue
            for one in inside if is_list else (inside,):
                if one is not None and plan.is_strange(one):
                    return True
        return False


def _is_scalar(raw: Raw) -> bool:
    text = bytes(raw)
    return text not in _NOTHING and text[0] in _BEGINS_A_SCALAR


def _plan(node: _Object, properties: _Object | None = None) -> _Plan:
    """Make the plan for an object, and for those in it."""
    fields: list[tuple[str, Any, Any]] = []
    plans = {name: _plan(child) for name, child in node.children.items()}
    found = _Plan(None)
    inside = _plan(properties) if properties else None
    for number, role in enumerate(node.names.values()):
        name = f"f{number}"
        plan = inside if role == _PROPERTIES else plans.get(role)
        if plan is None:
            fields.append((name, Raw, Raw(b"")))
            found.strange += (name,) if role == _STRANGE else ()
            continue
        is_list = role in node.children and node.children[role].is_list
        of_one = plan.type | None
        listed = list[of_one] | None if is_list else of_one  # type: ignore[valid-type]
        fields.append((name, listed | UnsetType, UNSET))
        found.properties += (name,) if role == _PROPERTIES else ()
        found.inner += () if plan.is_idle else ((name, is_list, plan),)
    found.unread = tuple(
        (f"f{number}", key)
        for number, (key, role) in enumerate(node.names.items())
        if role == _UNREAD
    )
    found.type = msgspec.defstruct(
        "Looked",
        fields,
        rename={f"f{number}": key for number, key in enumerate(node.names)},
        forbid_unknown_fields=True,
        gc=False,
    )
    if properties:
        found.decoder = msgspec.json.Decoder(list[found.type])  # type: ignore[name-defined]
    return found


def _object(read_as: Mapping[str, str], path: str, shape: Shape) -> _Object:
    children = {}
    for name, child in shape.children.items():
        inside = f"{path}.{name}".lstrip(".")
        if child.children:
            children[name] = _object(read_as, inside, child)
            children[name].is_list = child.kind == "list"
    return _Object(read_as.get(path, ""), shape, children)
