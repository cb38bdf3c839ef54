"""Where facts can show in Azure's records, and which records are written in no usual way.

The table of facts names places; with what records are joined and recognised by they make the
*shape* of a kind of record. A record is *odd* if reading it along its shape would miss something:
keys in other letters, other clients' names, columns that a person added.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from rpmatrix.inventory.names import FLAT_NAMES, fact_like, plain_name, strange_names
from rpmatrix.inventory.records import READ_NAMES
from rpmatrix.matrix.matrix import Fact

Json = Any


@dataclass
class Shape:
    """A key of a record, in the letters that are usual, and what may stand under it."""

    spellings: tuple[str, ...]
    kind: str = "text"  # text, flag, integer, object, or list of objects
    children: dict[str, Shape] = field(default_factory=dict)

    def field(self) -> list[pa.Field]:
        """Give the Arrow fields to parse it with."""
        return [pa.field(spelling, self.type) for spelling in self.spellings]

    @property
    def type(self) -> pa.DataType:
        """The Arrow type to parse it with."""
        if self.kind in _TYPES:
            return _TYPES[self.kind]
        if self.kind == "list":
            # Members that are resources of their own may keep their properties apart.
            return pa.list_(pa.struct(self.fields(nested="id" in self.children)))
        return pa.struct(self.fields(nested=False))

    def fields(self, *, nested: bool) -> list[pa.Field]:
        """Give the Arrow fields of the object, and of what ``properties`` holds if `nested`.

        Otherwise only the presence of ``properties`` is seen, for there should be none.
        """
        found = [one for child in self.children.values() for one in child.field()]
        trap = pa.field("properties", pa.struct([]))
        inner = pa.field("properties", pa.struct([*found, trap]))
        return [*found, inner if nested else trap]


_TYPES: Final = {"text": pa.string(), "flag": pa.bool_(), "integer": pa.int64()}
_OF_OBJECTS: Final = ("object", "list")


# What the reader joins, names and recognises records by, and parts of objects of which it only
# looks whether they are there. All that facts show at stands in the table of facts.
STRUCTURE: Final = {
    "vm": (
        *("id", "name", "type", "location", "tenantId", "sku.name", "osProfile.computerName"),
        *("plan.publisher", "plan.product", "plan.name", "hardwareProfile.vmSize"),
        "osProfile.windowsConfiguration.provisionVMAgent",
        "osProfile.windowsConfiguration.enableAutomaticUpdates",
        "osProfile.linuxConfiguration.provisionVMAgent",
        "osProfile.linuxConfiguration.disablePasswordAuthentication",
        *("storageProfile.osDisk.name", "storageProfile.osDisk.managedDisk.id"),
        "storageProfile.osDisk.managedDisk.securityProfile.securityEncryptionType",
        "storageProfile.osDisk.managedDisk.securityProfile.diskEncryptionSet.id",
        *("storageProfile.dataDisks[].name", "storageProfile.dataDisks[].managedDisk.id"),
        "storageProfile.dataDisks[].managedDisk.securityProfile.diskEncryptionSet.id",
        "storageProfile.dataDisks[].lun",
        "networkProfile.networkInterfaces[].id",
        *("resources[].id", "resources[].name", "resources[].type", "resources[].publisher"),
        "resources[].typePropertiesType",
        *("availabilitySet.id", "virtualMachineScaleSet.id"),
    ),
    "disk": (
        *("id", "type", "sku.name", "creationData.createOption", "creationData.imageReference.id"),
        *("purchasePlan.publisher", "purchasePlan.product", "purchasePlan.name"),
        *("encryption.diskEncryptionSetId", "managedBy"),
    ),
    "network_interface": ("id", "type", "virtualMachine.id"),
    "extension": ("id", "type", "publisher", "typePropertiesType"),
}
# The kinds of record under which the table of facts names places, and where these are.
PLACES: Final = {
    "vm": (("vm", ""),),
    "attachment": (("vm", "storageProfile.osDisk."), ("vm", "storageProfile.dataDisks[].")),
    "disk": (("disk", ""),),
    "os_disk": (("disk", ""),),
    "network_interface": (("network_interface", ""),),
    "extension": (("extension", ""),),
}
_KIND_OF: Final = {
    "lun": "integer",
    "enabled": "flag",
    "provisionvmagent": "flag",
    "enableautomaticupdates": "flag",
    "disablepasswordauthentication": "flag",
    "enableacceleratednetworking": "flag",
}
# Azure CLI wrote some names otherwise in its older versions.
_OTHER_SPELLINGS: Final = {
    "hypervgeneration": ("hyperVGeneration", "hyperVgeneration"),
    "provisionvmagent": ("provisionVMAgent", "provisionVmAgent"),
}


def shapes_of(facts: Iterable[Fact]) -> dict[str, Shape]:
    """Give what to look for in the records of each kind, to read these facts."""
    shapes = {kind: Shape((kind,), "object") for kind in STRUCTURE}
    for kind, paths in STRUCTURE.items():
        for path in paths:
            _add(shapes[kind], path, "text")
    for fact in facts:
        kind = {"integer": "integer"}.get(fact.type, "text")
        if fact.reading == "true":
            kind = "flag"
        for record, path in fact.paths:
            for home, prefix in PLACES.get(record, ()):
                _add(shapes[home], prefix + path, kind)
    return shapes


def _add(shape: Shape, path: str, kind: str) -> None:
    node = shape
    for step in path.split("."):
        plain = step.removesuffix("[]")
        lowered = plain.lower()
        if node.kind not in _OF_OBJECTS:
            node.kind = "object"
        spellings = _OTHER_SPELLINGS.get(lowered, (plain,))
        node = node.children.setdefault(lowered, Shape(spellings, _KIND_OF.get(lowered, kind)))
        if step.endswith("[]"):
            node.kind = "list"


# Keys that make the ordinary reader see something else in a record, in any letters: other clients'
# names of what records are told apart by, wrappings of records, and what else it looks for.
_UNUSUAL: Final = (
    *("azEnvironment", "resourceId", "resourceType", "resourceName", "resourceGroupName"),
    *("resource_group", "virtualMachineExtensionType", "extensionType"),
    *("availabilitySetReference", "contentVersion", "$schema", "copy", "log", "responses"),
    *("response", "response_body", "responseBody", "columns", "rows", "extensions"),
    *("virtual_machine_profile", "ip_configurations", "active_key", "source_metadata"),
    *("restore_points", "vm_agent", "type_handler_version", "incremental"),
)
# What is odd if anything is given there: a disk that several VMs have attached.
_ODD_IF_GIVEN: Final = ("managedbyextended", "shareinfo")
# Keys that mean something by their mere presence.
_TELLING: Final = ("tenantId", "extended", "typePropertiesType")
# What is only seen to be there, whatever it is: most ids differ from VM to VM.
_SEEN_ONLY: Final = re.compile(r"(?:^|\.)(?:id|uri|assignedhost|diskencryptionsetid|diskaccessid)$")
# An id of which the image that it names is read, and neither the subscription nor the region.
IMAGE_ID: Final = "creationdata.imagereference.id"
GIVEN: Final = "/given"


def oddity_pattern(shape: Shape, answers: Iterable[str]) -> str:
    """Give a pattern that finds keys which the usual way to read a record would miss.

    It finds the names of the shape in other letters, unusual keys, columns in which a person wrote
    answers, and names of paths such as ``properties_storageProfile`` or ``hardwareProfile.vmSize``.
    """
    names: dict[str, set[str]] = {"properties": {"properties"}}

    def gather(node: Shape) -> None:
        for lowered, child in node.children.items():
            names.setdefault(lowered, set()).update(child.spellings)
            gather(child)

    gather(shape)
    variants = [one for spellings in names.values() for one in _variants(sorted(spellings))]
    unusual = "|".join(re.escape(name) for name in (*_UNUSUAL, *answers))
    starts = "|".join(re.escape(name) for name in names)
    parted = "|".join(sorted(set(filter(None, map(_parted_pattern, _every_spelling(names))))))
    strange = "|".join(sorted(_strange_patterns(names)))
    shared = "|".join(_ODD_IF_GIVEN)
    keys = (
        f'(?:{"|".join(variants)}|(?i:{unusual})|(?i:properties_|(?:{starts})\\.)[^"]*'
        f"|(?i:{parted})|(?i:{strange})|(?i:{shared}))"
    )
    # Each alternative begins with the same letter, for which a text can be gone through at once.
    return f'"{keys}"\\s*:|"(?:{"|".join(_TELLING)})"\\s*:\\s*null'


def _every_spelling(names: Mapping[str, set[str]]) -> Iterator[str]:
    for spellings in names.values():
        yield from spellings


_WORD: Final = re.compile(r"[A-Z]*[a-z0-9]+|[A-Z]+")
_BETWEEN: Final = r"[\s_-]+"
_PERHAPS_BETWEEN: Final = r"[\s_-]*"


def _parted_pattern(name: str) -> str:
    """Give a pattern for a name whose words are kept apart, or nothing for a single word."""
    words = _WORD.findall(name)
    return _BETWEEN.join(map(re.escape, words)) if len(words) > 1 else ""


def _strange_patterns(names: Mapping[str, set[str]]) -> Iterator[str]:
    """Give patterns for names of other tools, and for those that only seem to be about a fact."""
    for name in strange_names():
        plain = plain_name(name)
        if plain not in names and plain not in READ_NAMES:
            yield _PERHAPS_BETWEEN.join(map(re.escape, _WORD.findall(name)))


def _variants(spellings: Sequence[str], at: int = 0, begun: str = "") -> Iterator[str]:
    """Give patterns for a name in any letters but those of its spellings."""
    if at == len(spellings[0]):
        return
    letters = {spelling[at] for spelling in spellings}
    for letter in sorted({spellings[0][at].lower(), spellings[0][at].upper()}):
        if letter in letters:
            same = [one for one in spellings if one[at] == letter]
            yield from _variants(same, at + 1, begun + letter)
        else:
            rest = "".join(_any_case(one) for one in spellings[0][at + 1 :])
            yield re.escape(begun + letter) + rest


def _any_case(letter: str) -> str:
    if letter.isalpha():
        return f"[{letter.lower()}{letter.upper()}]"
    return re.escape(letter)


def fits(value: Json, node: Shape, answers: frozenset[str], outermost: bool = True) -> bool:
    """Tell whether reading a record in the usual way misses nothing; slow and exact."""
    if isinstance(value, list):
        return all(fits(one, node, answers, outermost) for one in value)
    if not isinstance(value, dict):
        return True
    lowered = [str(key).lower() for key in value]
    if outermost and not all(_usual(key, answers) for key in lowered):
        return False
    if any(_is_strange(key, value[key], node) for key in value):
        return False
    if len(set(lowered)) < len(lowered) or ("copy" in lowered and not outermost):
        return False
    for key, name in zip(value, lowered, strict=True):
        child = node.children.get(name)
        if name == "properties":
            if key != name or not fits(value[key], node, answers, outermost):
                return False
        elif child is not None:
            telling = name in {one.lower() for one in _TELLING}
            if key not in child.spellings or (telling and value[key] is None):
                return False
            if not fits(value[key], child, answers, False):
                return False
    return True


def _usual(key: str, answers: frozenset[str]) -> bool:
    if key in UNUSUAL or key in answers:
        return False
    names_path = "." in key and not key.startswith(("@", "odata"))
    return not names_path and not key.startswith("properties_")


def _is_strange(key: str, value: Json, node: Shape) -> bool:
    """Return whether a key is a name of another tool, or seems to be about a fact."""
    name = plain_name(str(key))
    if value in (None, "", [], {}):
        return False
    if name in _ODD_IF_GIVEN:
        return True
    if name in node.children:
        return name != str(key).lower()
    if name in READ_NAMES:
        return False
    flat = any(name in known for known in FLAT_NAMES.values()) and name != "properties"
    return flat or bool(fact_like(name))


UNUSUAL: Final = frozenset(name.lower() for name in _UNUSUAL)


def is_seen_only(path: str) -> bool:
    """Tell a place of which facts only show whether anything stands there."""
    return _SEEN_ONLY.search(path) is not None and path != IMAGE_ID


class Elsewhere(Exception):  # noqa: N818 - it is a turning, not an error
    """The reader looks at a place that is not among the columns."""


class PartOfObject(dict[str, Json]):
    """An object of which only some keys are known; any other may be there or not."""

    def get(self, key: str, default: Json = None) -> Json:
        """Give what stands under a key that is known."""
        if key not in self:
            raise Elsewhere(key)
        return super().get(key)
