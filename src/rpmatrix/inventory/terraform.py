"""Plans and states of Terraform and OpenTofu, translated into Azure's records.

A plan or state is one document, because only together its resources tell which disk belongs to
which VM. What a plan does not know yet stays unknown: such a value is written as an expression
is in a template. A resource whose id is not known yet gets one with a placeholder in braces, by
which the records of one document are joined.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rpmatrix.inventory.terraform_attributes import ATTACHMENTS, DISK, NO_FACTS, VM
from rpmatrix.inventory.terraform_documents import (
    EMPTY,
    ID_OF,
    MASKS,
    SHOW,
    Document,
    Resource,
    is_document,
    is_resource,
    open_document,
)
from rpmatrix.inventory.texts import parse_json

__all__ = ["Entry", "Translated", "Translation", "is_document", "is_resource", "translate"]

Json = Any
Body = dict[str, Any]

NOT_KNOWN: Final = "[known after apply]"
_MASKED: Final = "[sensitive value]"
_UNREADABLE: Final = "[not readable]"


class Translated(dict[str, Json]):
    """A record in Azure's words, which knows where each property stood in the original.

    Parameters
    ----------
    body : dict
        The record.
    origins : mapping of str to str
        The original path by the lower-case path of the property.
    prefix : str
        What stands before a path of the record where no original path is named.
    """

    def __init__(self, body: Mapping[str, Json], origins: Mapping[str, str], prefix: str) -> None:
        super().__init__(body)
        self._origins = origins
        self._prefix = prefix

    def origin(self, steps: Sequence[str], spelled: str) -> str:
        """Find the original path of a property, or of the block that holds it.

        Parameters
        ----------
        steps : sequence of str
            The path in the record, in lower case.
        spelled : str
            The same path as the record spells it.
        """
        path = ".".join(steps)
        if path in self._origins:
            return self._origins[path]
        if self._prefix:
            for count in range(1, len(steps)):
                if origin := self._origins.get(".".join(steps[:-count])):
                    return ".".join((origin, *spelled.split(".")[-count:]))
            return f"{self._prefix}.{spelled}"
        while path:
            inside = [at for at in self._origins if at.startswith(f"{path}.")]
            if inside:
                whole = self._origins[min(inside)]
                return whole.rpartition(".")[0] or whole
            path = path.rpartition(".")[0]
        return spelled


class Entry(NamedTuple):
    """One resource of a document, as a record.

    Attributes
    ----------
    address : str
        The address of the resource.
    body : dict
        The record in Azure's words.
    kind : str
        ``other`` for a resource that is no record of its own, else empty.
    projected : bool
        Whether attributes may be missing, so that absence means nothing.
    """

    address: str
    body: Body
    kind: str = ""
    projected: bool = False


class Translation(NamedTuple):
    """What a document holds.

    Attributes
    ----------
    entries : list of Entry
        Its resources.
    faults : list of tuple of str
        Address and message of what cannot be judged.
    notes : list of str
        What a reader should know though no resource was lost.
    """

    entries: list[Entry]
    faults: list[tuple[str, str]]
    notes: list[str]


# --------------------------------------------------------------------------- translation


class _Draft:
    """A record while it is put together, with the original path of each property."""

    def __init__(self) -> None:
        self.body: Body = {}
        self.origins: dict[str, str] = {}
        self.prefix = ""

    def put(self, path: str, places: Sequence[int], value: Json, origin: str) -> None:
        """Set a property, unless something is known there already."""
        node: Json = self.body
        spelled: list[str] = []
        rest = list(places)
        steps = path.split(".")
        for step in steps[:-1]:
            name = step.removesuffix("[]")
            spelled.append(name.lower())
            if step.endswith("[]"):
                place = rest.pop(0) if rest else 0
                members = node.setdefault(name, [])
                while len(members) <= place:
                    members.append({})
                node = members[place]
                spelled.append(f"[{place}]")
            else:
                node = node.setdefault(name, {})
            if not isinstance(node, dict):
                return
        last = steps[-1].removesuffix("[]")
        spelled.append(last.lower())
        if steps[-1].endswith("[]"):
            node.setdefault(last, []).append(value)
        elif node.get(last) in EMPTY or _is_mark(node[last]):
            node[last] = value
        else:
            return
        self.origins[".".join(spelled)] = origin

    def at(self, path: str) -> Json:
        node: Json = self.body
        for step in path.split("."):
            node = node.get(step) if isinstance(node, dict) else None
        return node


_Value = tuple[tuple[int, ...], str, tuple[str | int, ...], Json]


def _read(
    values: Json,
    unknown: Json,
    sensitive: Json,
    steps: Sequence[str],
    places: tuple[int, ...] = (),
    origin: str = "",
    path: tuple[str | int, ...] = (),
) -> Iterator[_Value]:
    """Give what stands at an attribute: places in repeated blocks, path, and the value.

    A value that is not known is a text in brackets, as an expression of a template is.
    """
    if not steps:
        yield from _value(values, unknown, sensitive, places, origin, path)
        return
    step, *rest = steps
    name = step.removesuffix("[]")
    if _is_gap(unknown) or (values in EMPTY and sensitive is True):
        yield places, origin or name, path, _mark(unknown)
        return
    if not isinstance(values, dict) and values not in EMPTY:
        yield places, origin or name, path, _UNREADABLE
        return
    found = values.get(name) if isinstance(values, dict) else None
    missing = unknown.get(name) if isinstance(unknown, dict) else None
    secret = sensitive.get(name) if isinstance(sensitive, dict) else None
    origin = f"{origin}.{name}".lstrip(".")
    path = (*path, name)
    if _is_gap(missing) or (found in EMPTY and secret is True):
        yield places, origin, path, _mark(missing)
        return
    repeated = step.endswith("[]")
    if not isinstance(found, list) or not (rest or repeated):
        if isinstance(missing, list):
            missing = missing[0] if missing else None
        yield from _read(found, missing, secret, rest, places, origin, path)
        return
    known_members = len(missing) if isinstance(missing, list) else 0
    for place in range(max(len(found), known_members) if repeated else min(len(found), 1)):
        member, gap, hidden = (
            one[place] if isinstance(one, list) and place < len(one) else None
            for one in (found, missing, secret)
        )
        at = (*places, place) if repeated else places
        yield from _read(member, gap, hidden, rest, at, f"{origin}[{place}]", (*path, place))


def _value(
    value: Json,
    unknown: Json,
    sensitive: Json,
    places: tuple[int, ...],
    origin: str,
    path: tuple[str | int, ...],
) -> Iterator[_Value]:
    if _is_gap(unknown) or (value in EMPTY and sensitive is True):
        yield places, origin, path, _mark(unknown)
    elif isinstance(value, str) and MASKS.fullmatch(value.strip()):
        yield places, origin, path, _MASKED
    elif isinstance(value, (dict, list)):
        if value:
            yield places, origin, path, value
    elif value not in EMPTY:
        yield places, origin, path, value


def _is_gap(unknown: Json) -> bool:
    """Tell that a plan does not know a value, nor anything below it."""
    return bool(unknown) and not isinstance(unknown, (dict, list))


def _mark(unknown: Json) -> str:
    return NOT_KNOWN if _is_gap(unknown) else _MASKED


def _is_mark(value: Json) -> bool:
    return value in (NOT_KNOWN, _MASKED, _UNREADABLE)


class _Translator:
    """Translates the resources of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._disks = {one.id.lower() for one in document.resources if _is_disk(one)}
        self._disks_without_id = {_last(one) for one in self._disks if "{" in one}
        self._vms = {one.id.lower(): one for one in document.resources if _is_vm(one)}

    def entries(self) -> Iterator[Entry]:
        """Translate all resources; attachments become disks of their VMs."""
        document = self._document
        drafts: dict[str, _Draft] = {}
        attachments: list[Resource] = []
        for resource in document.resources:
            if resource.type in ATTACHMENTS and resource.mode == "managed":
                attachments.append(resource)
            elif draft := self._draft(resource):
                drafts[resource.address] = draft
        for resource in attachments:
            if draft := self._attach(resource, drafts):
                drafts[resource.address] = draft
        for resource in document.resources:
            address = resource.address
            if template := _template_in(resource):
                yield Entry(address, template)
            elif address not in drafts:
                kind = resource.azure_type or resource.type
                body = {"id": resource.id, "type": kind, "name": resource.text("name")}
                yield Entry(address, body, "other")
            else:
                draft = drafts[address]
                partial = resource.mode == "data" or resource.type in (*ID_OF, *ATTACHMENTS)
                record = Translated(draft.body, draft.origins, draft.prefix)
                yield Entry(address, record, "", partial or not resource.complete)
        if any(map(_is_vm, document.resources)):
            document.notes.append(
                "a plan or a state shows only the disks and extensions that it manages; if others "
                "were added, give the output of az vm list and az disk list too"
            )

    def _draft(self, resource: Resource) -> _Draft | None:
        if resource.type.startswith("azapi_"):
            return self._of_azapi(resource)
        kind = resource.kind
        if kind is None:
            return None
        draft = _Draft()
        for attribute, path in kind.attributes.items():
            for places, origin, at, value in self._values(resource, attribute):
                if isinstance(value, (dict, list)):
                    value = _UNREADABLE
                if value == NOT_KNOWN:
                    value = self._meant(resource, at, attribute)
                if _is_mark(value) and attribute == "name":
                    continue
                if attribute in kind.unset_by_zero and str(value) == "0":
                    continue
                if _is_mark(value) and "[]." in path and len(places) < path.count("[]"):
                    # Not even the number of blocks is known.
                    self._gap(draft, path.partition("[]")[0], origin)
                    continue
                draft.put(path, places, value, origin)
        for name, constant in kind.constants.items():
            if resource.mode == "managed" or constant == "Flexible":
                draft.put(name, (), constant, "type")
        for rule in kind.implied:
            if rule.unless and draft.at(rule.unless) not in EMPTY:
                continue
            for _, origin, _, value in self._values(resource, rule.attribute):
                flag = {"true": True, "false": False}.get(str(value).lower())
                if _is_mark(value) or (rule.value is not None and flag is None):
                    draft.put(rule.property, (), _UNREADABLE if flag is None else value, origin)
                elif rule.value in (None, flag):
                    draft.put(rule.property, (), rule.meaning, origin)
        if _is_vm(resource) and resource.mode == "managed":
            self._settle_disks(resource, draft)
            # Extensions are resources of their own, and others may have added some.
            draft.body["resources"] = NOT_KNOWN
        self._note_unread(resource)
        draft.body = {"id": resource.id, "type": kind.azure_type, **draft.body}
        draft.origins |= {"id": "id", "type": "type"}
        return draft

    def _values(self, resource: Resource, attribute: str) -> Iterator[_Value]:
        """Read an attribute; one that is not known because it was not set is left out."""
        steps = attribute.split(".")
        top = steps[0].removesuffix("[]")
        for found in _read(resource.values, resource.unknown, resource.sensitive, steps):
            unset = found[-1] == NOT_KNOWN and len(steps) == 1
            if not (unset and self._document.configuration.leaves_out(resource, top)):
                yield found

    def _meant(self, resource: Resource, path: Sequence[str | int], attribute: str) -> str:
        """Give the id that an attribute will have, if the plan tells of which resource it is."""
        if not attribute.removesuffix("[]").endswith(("_id", "_ids")):
            return NOT_KNOWN
        meant = self._document.configuration.meant(resource, path, lambda one: one is not resource)
        return meant.resources[0].id if meant.sure else NOT_KNOWN

    def _gap(self, draft: _Draft, path: str, origin: str) -> None:
        """Note that a list has members that are not known: an expression stands for them."""
        *above, last = path.split(".")
        node = draft.body
        for step in above:
            node = node.setdefault(step, {})
        members = node.setdefault(last, [])
        if NOT_KNOWN not in members:
            members.append(NOT_KNOWN)
        draft.origins.setdefault(path.lower(), origin)

    def _settle_disks(self, resource: Resource, draft: _Draft) -> None:
        """Say what the attributes of disks mean together, and which disks are not known."""
        path, storage = _storage_of(draft)
        system = storage.get("osDisk")
        if isinstance(system, dict):
            made = _is_made(system)
            # A block in which nothing stands was cut out of its resource.
            resource.complete = resource.complete and system.keys() > {"osType"}
            if resource.type not in ("azurerm_virtual_machine", "azapi_resource"):
                system.setdefault("managedDisk", {})
                made = bool(storage.get("imageReference"))
            if not _settle(system, made):
                system["managedDisk"] = NOT_KNOWN
                system.pop("vhd", None)
        members = storage.get("dataDisks") or []
        if not isinstance(members, list):
            return
        storage["dataDisks"] = members
        for disk in [one for one in members if isinstance(one, dict)]:
            if not _settle(disk, _is_made(disk)) or self._may_be_another(disk):
                members.remove(disk)
                self._gap(draft, f"{path}.dataDisks", path)

    def _may_be_another(self, disk: Body) -> bool:
        """Tell a disk of which the record may be here, under an id that is not known yet."""
        managed = disk.get("managedDisk")
        told = managed.get("id") if isinstance(managed, dict) else None
        if not isinstance(told, str) or told.lower() in self._disks:
            return False
        return _last(told.lower()) in self._disks_without_id

    def _of_azapi(self, resource: Resource) -> _Draft | None:
        """Take the record that stands in ``body``, and what Azure answered beside it."""
        values = _read(resource.values, resource.unknown, resource.sensitive, ["body"])
        body = next((value for _, _, _, value in values), None)
        gaps = resource.unknown.get("body") if isinstance(resource.unknown, dict) else None
        body = {"properties": body} if _is_mark(body) else _with_gaps(_object(body), gaps)
        output = _object(resource.values.get("output")) or {}
        if not resource.azure_type or not (isinstance(body, dict) or output):
            return None
        draft = _Draft()
        draft.prefix = "body" if body else "output"
        draft.body = {"id": resource.id, "type": resource.azure_type}
        for name in ("name", "location"):
            if resource.text(name):
                draft.body[name] = resource.text(name)
        draft.body |= copy.deepcopy(body or output)
        if body:
            _complete(draft.body, output, (), draft.origins)
        if _is_vm(resource) and resource.type == "azapi_resource" and resource.mode == "managed":
            self._settle_disks(resource, draft)
            inside = draft.body.get("properties")
            if not isinstance(inside, dict) or "resources" not in inside:
                draft.body.setdefault("resources", NOT_KNOWN)
        return draft

    def _attach(self, resource: Resource, drafts: Mapping[str, _Draft]) -> _Draft | None:
        """Add a data disk to its VM; give a record of its own if the VM is not in the document."""
        entry = _Draft()
        for attribute, path in ATTACHMENTS[resource.type].items():
            wanted = _is_disk if attribute == "managed_disk_id" else None
            for places, origin, at, value in self._values(resource, attribute):
                if value == NOT_KNOWN and wanted:
                    meant = self._document.configuration.meant(resource, at, wanted)
                    value = meant.resources[0].id if meant.sure else value
                entry.put(path, places, value, f"{resource.address}.{origin}")
        managed = entry.body.setdefault("managedDisk", {})
        known = isinstance(managed.get("id"), str) and managed["id"].startswith("/")
        known = known or "managed_disk_id" not in ATTACHMENTS[resource.type]
        vms = self._vms
        told = resource.text("virtual_machine_id").lower()
        if told[:1] == "/" and told not in vms:
            if told in self._document.gone:
                return None
            for owner in vms.values():
                same = "{" in owner.id and _last(owner.id.lower()) == _last(told)
                if same and owner.address in drafts:
                    self._add(drafts[owner.address], entry, True, resource)
            draft = _Draft()
            draft.body = {"id": resource.text("virtual_machine_id"), "type": VM}
            self._add(draft, entry, not known, resource)
            return draft
        if told in vms:
            owners = [vms[told]]
        else:
            meant = self._document.configuration.meant(resource, ("virtual_machine_id",), _is_vm)
            owners, known = meant.resources or list(vms.values()), known and meant.sure
        for owner in owners:
            if owner.address in drafts:
                self._add(drafts[owner.address], entry, not known, resource)
        if not known:
            self._document.notes.append(
                f"{resource.address}: which disk it attaches to which VM is not known yet"
            )
        return None

    def _add(self, draft: _Draft, entry: _Draft, gap: bool, resource: Resource) -> None:
        path, storage = _storage_of(draft)
        members = storage.setdefault("dataDisks", [])
        if not isinstance(members, list):
            return
        if gap or self._may_be_another(entry.body):
            self._gap(draft, f"{path}.dataDisks", resource.address)
            return
        lun = str(entry.body.get("lun"))
        if any(isinstance(one, dict) and str(one.get("lun")) == lun for one in members):
            return
        at = f"storageprofile.datadisks.[{len(members)}]"
        members.append(entry.body)
        draft.origins |= {f"{at}.{name}": origin for name, origin in entry.origins.items()}

    def _note_unread(self, resource: Resource) -> None:
        """Note attributes of which this version knows nothing, once for each type."""
        kind = resource.kind
        if kind is None or kind.azure_type not in (VM, DISK) or resource.mode != "managed":
            return
        heads = {name.partition(".")[0].removesuffix("[]") for name in kind.attributes}
        heads |= {rule.attribute.partition(".")[0] for rule in kind.implied}
        unread = [
            name
            for name, value in resource.values.items()
            if value not in (*EMPTY, False) and name not in heads and name not in NO_FACTS
        ]
        if unread:
            self._document.notes.append(f"not read: {', '.join(unread)} of {resource.type}")


def _last(resource_id: str) -> str:
    return resource_id.rpartition("/")[2]


def _is_made(disk: Body) -> bool:
    """Tell a disk that is made together with its VM, so that it has no id before."""
    option = disk.get("createOption")
    return isinstance(option, str) and option.lower() in ("fromimage", "empty")


def _settle(disk: Body, made: bool) -> bool:
    """Leave out what says nothing of a disk; false if it is not known which disk it is."""
    managed = disk.get("managedDisk")
    if not isinstance(managed, dict):
        return not _is_mark(managed)
    if "vhd" in disk and all(map(_is_mark, managed.values())):
        if _is_mark(disk.get("createOption")):  # nothing at all is known of the disk
            return False
        del disk["managedDisk"]
    elif _is_mark(managed.get("id")):
        if not made:
            return False
        del managed["id"]
    return True


def _storage_of(draft: _Draft) -> tuple[str, Body]:
    """Give the storage profile of a VM, and the path to it."""
    home, path = draft.body, "storageProfile"
    if isinstance(home.get("properties"), dict):
        home, path = home["properties"], f"properties.{path}"
    storage = home.setdefault("storageProfile", {})
    return path, storage if isinstance(storage, dict) else {}


def _complete(body: Body, output: Body, path: tuple[str, ...], origins: dict[str, str]) -> None:
    """Add to a record what only the answer of Azure tells."""
    for name, value in output.items():
        here = (*path, name)
        if name not in body:
            body[name] = copy.deepcopy(value)
            steps = here[1:] if here[0] == "properties" and len(here) > 1 else here
            origins[".".join(steps).lower()] = ".".join(("output", *here))
        elif isinstance(value, dict) and isinstance(body[name], dict):
            _complete(body[name], value, here, origins)


# The template, and the parameters, of a deployment.
_TEMPLATES: Final = (
    ("template_content", "parameters_content"),
    ("template_body", "parameters_body"),
)


def _template_in(resource: Resource) -> Body | None:
    """Give the template that a resource deploys, as the request of a deployment."""
    for template, parameters in _TEMPLATES:
        if held := _object(resource.values.get(template)):
            given = _object(resource.values.get(parameters)) or {}
            return {"properties": {"template": held, "parameters": given}}
    return None


def _object(value: Json) -> Body | None:
    """Give an object that stands there, as a text of JSON, or as a raw state writes it."""
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            value = parse_json(value)
        except ValueError:
            return None
    if isinstance(value, dict) and value.keys() == {"type", "value"}:
        value = value["value"]
    return value if isinstance(value, dict) else None


def _is_vm(resource: Resource) -> bool:
    return resource.azure_type.lower() == VM.lower()


def _is_disk(resource: Resource) -> bool:
    return resource.azure_type.lower() == DISK.lower()


def _with_gaps(value: Json, unknown: Json) -> Json:
    """Put a mark wherever a value is not known."""
    if _is_gap(unknown):
        return NOT_KNOWN
    if isinstance(unknown, dict) and isinstance(value, (dict, type(None))):
        given = value or {}
        return {
            **given,
            **{key: _with_gaps(given.get(key), gap) for key, gap in unknown.items() if gap},
        }
    if isinstance(unknown, list) and isinstance(value, list):
        given_list = value + [None] * (len(unknown) - len(value))
        gaps = unknown + [None] * (len(given_list) - len(unknown))
        return [_with_gaps(one, gap) for one, gap in zip(given_list, gaps, strict=True)]
    return value


def translate(document: Json) -> Translation:
    """Translate a plan, a state, or resources of one, into records of Azure.

    Parameters
    ----------
    document : dict or list
        What :func:`is_document` recognises.

    Returns
    -------
    Translation
        The records of all resources; a data disk is attached to its VM where the document tells
        which one it is, through references too.
    """
    opened = open_document(document)
    entries = list(_Translator(opened).entries())
    if not entries and not opened.faults:
        opened.faults.append(("", f"Terraform shows no resource here; {SHOW}"))
    return Translation(entries, opened.faults, opened.notes)
