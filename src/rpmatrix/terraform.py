"""Plans and states of Terraform and OpenTofu, translated into Azure's records.

A plan or state is one document, because only together its resources tell which disk belongs to
which VM. What a plan does not know yet stays unknown: such a value is written as an expression
is in a template. A resource whose id is not known yet gets one with a placeholder in braces, by
which the records of one document are joined.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from rpmatrix.terraform_attributes import (
    ATTACHMENTS,
    DISK,
    KINDS,
    NO_FACTS,
    VM,
    ResourceKind,
)

Json = Any
Body = dict[str, Any]

NOT_KNOWN: Final = "[known after apply]"
_MASKED: Final = "[sensitive value]"
_MASKS: Final = re.compile(
    r"[(<]?(?:sensitive(?: value)?|known after apply|redacted|masked)[)>]?|\*+", re.IGNORECASE
)
_EMPTY: Final[tuple[Json, ...]] = (None, "", [], {})


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
            return f"{self._prefix}.{spelled}"
        while path:
            inside = [at for at in self._origins if at.startswith(f"{path}.")]
            if inside:
                whole = self._origins[min(inside)]
                return whole.rpartition(".")[0] or whole
            path = path.rpartition(".")[0]
        return spelled


class Found(NamedTuple):
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


@dataclass
class Translation:
    """What a document holds.

    Attributes
    ----------
    found : list of Found
        Its resources.
    faults : list of tuple of str
        Address and message of what cannot be judged.
    notes : list of str
        What a reader should know though no resource was lost.
    """

    found: list[Found] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


# --------------------------------------------------------------------------- recognition

_DOCUMENT_KEYS: Final = frozenset(
    {
        *("planned_values", "resource_changes", "prior_state", "root_module", "values"),
        *("terraform_version", "format_version", "modules", "encrypted_data", "resource"),
        *("instances", "change", "@level"),
    }
)
_PROVIDERS: Final = ("azurerm_", "azapi_")


def is_document(value: Json) -> bool:
    """Recognise a plan, a state, or resources that were cut out of one."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict) and _is_resource(value[0])
    if not isinstance(value, dict) or _DOCUMENT_KEYS.isdisjoint(value):
        return False
    if _is_resource(value) or _is_configuration(value) or _is_log(value):
        return True
    if "encrypted_data" in value:
        return "encryption_version" in value
    if "terraform_version" in value or "format_version" in value:
        return True
    if isinstance(value.get("modules"), list):
        return any(isinstance(one, dict) and "resources" in one for one in value["modules"])
    listed = [value.get("resource_changes"), value.get("resources")]
    if any(isinstance(one, list) and any(map(_is_resource, one)) for one in listed):
        return True
    states = [value.get(name) for name in ("planned_values", "values", "prior_state")]
    return any(isinstance(one, dict) and "root_module" in one for one in (value, *states))


def _is_resource(value: Json) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return False
    held = {"values", "change", "instances", "primary"} & value.keys()
    return bool(held) and ("address" in value or "mode" in value or _is_ours(value["type"]))


def _is_ours(name: Json) -> bool:
    return isinstance(name, str) and name.startswith(_PROVIDERS)


def _is_configuration(value: Body) -> bool:
    resources = value.get("resource")
    return isinstance(resources, dict) and any(map(_is_ours, resources))


def _is_log(value: Body) -> bool:
    return "@level" in value and "@message" in value


# --------------------------------------------------------------------------- resources

_SHOW: Final = "give the output of terraform show -json"


@dataclass(eq=False)
class _Resource:
    """One resource as the document has it."""

    address: str
    type: str
    mode: str
    values: Body
    unknown: Json = None
    sensitive: Json = None
    complete: bool = True
    planned: bool = False
    id: str = ""

    def __post_init__(self) -> None:
        self.steps = _steps(self.address)
        names = [name for name, _ in self.steps]
        count = 0
        while names[2 * count : 2 * count + 1] == ["module"]:
            count += 1
        self.modules = tuple(names[1 : 2 * count : 2])
        self.keys = tuple(key for _, key in self.steps if key)
        self.name = ".".join(names[2 * count :])

    @property
    def kind(self) -> ResourceKind | None:
        return KINDS.get(self.type)

    @property
    def azure_type(self) -> str:
        """The type in Azure, without its version; empty where none is known."""
        if self.type.startswith("azapi_"):
            return str(self.values.get("type") or "").partition("@")[0]
        return self.kind.azure_type if self.kind else ""

    def knows(self, name: str) -> bool:
        return not (isinstance(self.unknown, dict) and self.unknown.get(name))

    def text(self, name: str) -> str:
        """Give an attribute that is a text and known, else an empty one."""
        value = self.values.get(name)
        return value.strip() if isinstance(value, str) and not _MASKS.fullmatch(value) else ""


_STEP: Final = re.compile(r'([\w-]+)((?:\[(?:"(?:[^"\\]|\\.)*"|[^\]]*)\])?)\.?')


def _steps(address: str) -> list[tuple[str, str]]:
    """Take an address apart: names, each with its index if there is one."""
    return [(name, index[1:-1].strip('"')) for name, index in _STEP.findall(address)]


def _resources(document: Json, into: Translation) -> list[_Resource]:
    """Gather the resources that exist, or will once the plan is carried out."""
    if isinstance(document, list):
        return [one for member in document for one in _resources(member, into)]
    if not isinstance(document, dict):
        return []
    if "encrypted_data" in document and "encryption_version" in document:
        into.faults.append(("", f"an encrypted state of OpenTofu; {_SHOW}"))
        return []
    if _is_log(document):
        into.faults.append(
            ("", "the log of a run of Terraform; give what terraform show -json PLAN prints")
        )
        return []
    if _is_configuration(document):
        into.faults.append(("", f"a configuration of Terraform, not its plan or state; {_SHOW}"))
        return []
    if _is_resource(document):
        return list(_one_entry(document, into))
    found: dict[str, _Resource] = {}

    def add(resources: Iterable[_Resource]) -> None:
        for one in resources:
            found.setdefault(one.address, one)

    changes = [
        *_dicts(document.get("resource_changes")),
        *(one.get("resource_change") for one in _dicts(document.get("deferred_changes"))),
    ]
    gone: list[str] = []
    for change in _dicts(changes):
        add(_changed(change, gone))
    if gone:
        into.notes.append(f"the plan deletes {_some(gone)}: not judged")
    planned = document.get("planned_values")
    if isinstance(planned, dict):
        known = {*found, *gone}
        add(
            one for one in _of_module(planned.get("root_module"), False) if one.address not in known
        )
    prior = document.get("prior_state")
    if isinstance(prior, dict) and isinstance(prior.get("values"), dict):
        shown = _of_module(prior["values"].get("root_module"), True)
        only = "planned_values" not in document and "resource_changes" not in document
        add(one for one in shown if only or one.mode == "data")
    if isinstance(document.get("values"), dict):
        add(_of_module(document["values"].get("root_module"), True))
    add(_of_module(document.get("root_module"), True))
    for module in _dicts(document.get("modules")):
        add(_of_old_module(module))
    for entry in _dicts(document.get("resources")):
        add(_one_entry(entry, into))
    if document.get("errored") or document.get("complete") is False:
        into.notes.append("the plan is not complete: resources may be missing")
    return list(found.values())


def _dicts(value: Json) -> list[Body]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def _one_entry(entry: Body, into: Translation) -> Iterator[_Resource]:
    """Read a resource of a list: of a plan, of an output for people, or of a raw state."""
    if "change" in entry:
        gone: list[str] = []
        yield from _changed(entry, gone)
        if gone:
            into.notes.append(f"the plan deletes {_some(gone)}: not judged")
    elif "instances" in entry:
        yield from _of_raw_state(entry)
    elif isinstance(entry.get("values"), dict) and not entry.get("deposed_key"):
        yield _shown(entry, True)


def _address(entry: Body) -> str:
    if isinstance(entry.get("address"), str):
        return str(entry["address"])
    data = "data." if entry.get("mode") == "data" else ""
    module = f"{entry['module']}." if entry.get("module") else ""
    return f"{module}{data}{entry.get('type')}.{entry.get('name')}"


def _shown(entry: Body, complete: bool) -> _Resource:
    return _Resource(
        _address(entry),
        str(entry.get("type")),
        str(entry.get("mode") or "managed"),
        entry["values"],
        None,
        entry.get("sensitive_values"),
        complete,
        planned=not complete,
    )


def _of_module(module: Json, complete: bool) -> Iterator[_Resource]:
    if not isinstance(module, dict):
        return
    for entry in _dicts(module.get("resources")):
        if isinstance(entry.get("values"), dict) and not entry.get("deposed_key"):
            yield _shown(entry, complete)
    for child in _dicts(module.get("child_modules")):
        yield from _of_module(child, complete)


def _changed(entry: Body, gone: list[str]) -> Iterator[_Resource]:
    change = entry.get("change")
    address = _address(entry)
    if not isinstance(change, dict):
        return
    actions = change.get("actions")
    actions = [str(one) for one in actions] if isinstance(actions, list) else []
    before, after = change.get("before"), change.get("after")
    forgotten = actions == ["forget"]
    if actions == ["delete"] or entry.get("deposed"):
        gone.append(address)
        return
    values = before if forgotten else after
    found = _Resource(
        address,
        str(entry.get("type")),
        str(entry.get("mode") or "managed"),
        values if isinstance(values, dict) else {},
        None if forgotten else change.get("after_unknown", {}),
        change.get("before_sensitive" if forgotten else "after_sensitive"),
        complete=forgotten or "after_unknown" in change,
        planned="create" in actions,
    )
    if isinstance(before, dict) and not found.text("id"):
        # A resource that is replaced under its name keeps its id.
        same = all(before.get(name) == found.values.get(name) for name in ("name", _GROUP))
        found.id = str(before.get("id") or "") if same and before.get("name") else ""
    yield found


_GROUP: Final = "resource_group_name"


def _of_raw_state(entry: Body) -> Iterator[_Resource]:
    for instance in _dicts(entry.get("instances")):
        if instance.get("deposed"):
            continue
        values = instance.get("attributes")
        if not isinstance(values, dict):
            values = _expanded(instance.get("attributes_flat"))
        key = instance.get("index_key")
        index = f"[{json.dumps(key)}]" if isinstance(key, (int, str)) else ""
        address = f"{_address(entry)}{index}"
        yield _Resource(
            address, str(entry.get("type")), str(entry.get("mode") or "managed"), values
        )


def _of_old_module(module: Body) -> Iterator[_Resource]:
    """Read a module of a state of version 3, whose attributes are flat."""
    path = module.get("path")
    path = path[1:] if isinstance(path, list) else []
    prefix = "".join(f"module.{name}." for name in path)
    resources = module.get("resources")
    for name, entry in resources.items() if isinstance(resources, dict) else ():
        primary = entry.get("primary") if isinstance(entry, dict) else None
        if not isinstance(primary, dict):
            continue
        mode = "data" if name.startswith("data.") else "managed"
        plain = re.sub(r"\.(\d+)$", r"[\1]", name)
        values = _expanded(primary.get("attributes"))
        values.setdefault("id", primary.get("id"))
        yield _Resource(f"{prefix}{plain}", str(entry.get("type")), mode, values)


def _expanded(flat: Json) -> Body:
    """Build objects and lists out of flat names, such as ``os_disk.0.name``."""
    tree: Body = {}
    for name, value in flat.items() if isinstance(flat, dict) else ():
        *above, last = name.split(".")
        node = tree
        for step in above:
            inner = node.setdefault(step, {})
            node = inner if isinstance(inner, dict) else {}
        node[last] = {"true": True, "false": False}.get(value, value)

    def built(node: Json) -> Json:
        if not isinstance(node, dict):
            return node
        if "#" in node:
            members = [key for key in node if key != "#"]
            return [built(node[key]) for key in sorted(members, key=lambda key: (len(key), key))]
        return {key: built(value) for key, value in node.items() if key != "%"}

    found: Body = built(tree)
    return found


# --------------------------------------------------------------------------- references


class _Candidates(NamedTuple):
    """The resources that an expression may mean, and whether it means exactly one."""

    resources: list[_Resource]
    sure: bool


class _Configuration:
    """The expressions of a plan, which tell what a value is made of before it is known."""

    def __init__(self, document: Json, resources: Iterable[_Resource]) -> None:
        configuration = document.get("configuration") if isinstance(document, dict) else None
        root = configuration.get("root_module") if isinstance(configuration, dict) else None
        self._root: Body = root if isinstance(root, dict) else {}
        self._instances: dict[tuple[tuple[str, ...], str], list[_Resource]] = {}
        for one in resources:
            self._instances.setdefault((one.modules, one.name), []).append(one)

    def _module(self, path: Sequence[str]) -> Body:
        module = self._root
        for name in path:
            call = module.get("module_calls", {}).get(name)
            module = call.get("module", {}) if isinstance(call, dict) else {}
        return module

    def _entry(self, resource: _Resource) -> Body:
        for entry in _dicts(self._module(resource.modules).get("resources")):
            if entry.get("address") == resource.name:
                return entry
        return {}

    def leaves_out(self, resource: _Resource, attribute: str) -> bool:
        """Tell an attribute of a resource that its configuration does not set."""
        entry = self._entry(resource)
        expressions = entry.get("expressions")
        return isinstance(expressions, dict) and attribute not in expressions

    def meant(
        self, resource: _Resource, path: Sequence[str | int], wanted: Callable[[_Resource], bool]
    ) -> _Candidates:
        """Find the resources of which an attribute takes a value.

        Parameters
        ----------
        resource : _Resource
            The resource with the attribute.
        path : sequence of str or int
            The attribute, through blocks.
        wanted : callable
            Tells a resource that may be meant.
        """
        entry = self._entry(resource)
        node: Json = entry.get("expressions")
        for step in path:
            if isinstance(node, dict) and isinstance(step, str):
                node = node.get(step)
            elif isinstance(node, list) and isinstance(step, int) and step < len(node):
                node = node[step]
        named: list[tuple[tuple[str, ...], str, str]] = []
        others: set[str] = set()
        self._gather(resource.modules, node, entry, named, others, 0)
        groups: dict[tuple[tuple[str, ...], str], set[str]] = {}
        for modules, name, index in named:
            groups.setdefault((modules, name), set()).add(index)
        found: list[_Resource] = []
        sure = True
        for (modules, name), indexes in groups.items():
            instances = [one for one in self._instances.get((modules, name), ()) if wanted(one)]
            mine = _narrowed(resource, instances, indexes - {""}, others, self._count(resource))
            sure = sure and len(mine) <= 1
            found += mine
        return _Candidates(found, sure and len(found) == 1)

    def _count(self, resource: _Resource) -> int:
        return len(self._instances.get((resource.modules, resource.name), ()))

    def _gather(
        self,
        modules: tuple[str, ...],
        expression: Json,
        entry: Body,
        named: list[tuple[tuple[str, ...], str, str]],
        others: set[str],
        depth: int,
    ) -> None:
        references = expression.get("references") if isinstance(expression, dict) else None
        if not isinstance(references, list) or depth > 20:
            return
        for reference in map(str, references):
            steps = _steps(reference)
            head = steps[0][0] if steps else ""
            if head == "var" and modules and len(steps) > 1:
                calls = self._module(modules[:-1]).get("module_calls", {})
                call = calls.get(modules[-1], {})
                passed = call.get("expressions", {}).get(steps[1][0])
                self._gather(modules[:-1], passed, call, named, others, depth + 1)
            elif head == "module" and len(steps) > 2:
                inner = (*modules, steps[1][0])
                output = self._module(inner).get("outputs", {}).get(steps[2][0], {})
                others.update({f"[{steps[1][1]}]"} if steps[1][1] else ())
                self._gather(inner, output.get("expression"), {}, named, others, depth + 1)
            elif head in ("each", "count"):
                others.add(reference)
                if reference.startswith("each.value"):
                    loop = entry.get("for_each_expression")
                    self._gather(modules, loop, {}, named, others, depth + 1)
            elif head in ("local", "var", "module", "self"):
                others.add(head)
            elif head not in ("path", "terraform") and len(steps) > 1:
                length = 3 if head == "data" else 2
                name = ".".join(step for step, _ in steps[:length])
                named.append((modules, name, steps[min(length, len(steps)) - 1][1]))


def _narrowed(
    resource: _Resource,
    instances: list[_Resource],
    indexes: set[str],
    others: set[str],
    count: int,
) -> list[_Resource]:
    """Narrow the instances of a resource down to those that another resource may mean."""
    if indexes:
        instances = [one for one in instances if one.keys[-1:] and one.keys[-1] in indexes]
    if len(instances) < 2:
        return instances
    if instances[0].modules == resource.modules and resource.modules:
        shared = sum(bool(key) for _, key in resource.steps[: 2 * len(resource.modules)])
        within = [one for one in instances if one.keys[:shared] == resource.keys[:shared]]
        instances = within or instances
    # The index may be worked out of the key; it is the key if nothing else is named, and of
    # numbers only where there are as many of both.
    by_key = others <= {"each.key"} or others <= {"each.value", "each.value.id"}
    by_number = others == {"count.index"} and len(instances) == count
    if len(instances) > 1 and resource.keys and (by_key or by_number):
        same = [one for one in instances if one.keys[-1:] == resource.keys[-1:]]
        instances = same or instances
    return instances


# --------------------------------------------------------------------------- ids

_Identity = tuple[str, str, str]


class _Ids:
    """Gives each resource an id: its own, or one with a placeholder for what is not known yet."""

    def __init__(
        self, resources: Sequence[_Resource], configuration: _Configuration, salt: str
    ) -> None:
        self._resources = resources
        self._configuration = configuration
        self._salt = salt
        for one in resources:
            one.id = one.text(_ID_OF.get(one.type, "id")) or one.text("id") or one.id
        without = [one for one in resources if not one.id]
        for one in without:
            one.id = self._made_up(one)
        self._adopt(without)

    def _adopt(self, without: Iterable[_Resource]) -> None:
        """Take an id that is written out elsewhere, where only the subscription was not known."""
        written: dict[_Identity, dict[str, str]] = {}
        for resource in self._resources:
            for text in _ids_in(resource.values):
                written.setdefault(_identity(text), {})[text.lower()] = text
        waiting: dict[_Identity, list[_Resource]] = {}
        for one in without:
            waiting.setdefault(_identity(one.id), []).append(one)
        for identity, members in waiting.items():
            same = list(written.get(identity, {}).values())
            if len(members) == 1 and len(same) == 1:
                members[0].id = same[0]

    def _made_up(self, resource: _Resource, depth: int = 0) -> str:
        address = f"{{{resource.address.replace('/', '|')}}}"
        name = resource.text("name") or address
        kind = resource.azure_type
        group = resource.text(_GROUP) or "{resource-group}"
        parent = self._parent(resource, depth) if depth < 4 else ""
        if parent and kind.count("/") > 1:
            return f"{parent}/{kind.rpartition('/')[2]}/{name}"
        if parent and "/resourcegroups/" in parent.lower():
            return f"{parent}/providers/{kind}/{name}"
        start = f"/subscriptions/{{subscription-{self._salt}}}/resourceGroups"
        if resource.type == "azurerm_resource_group" or _is_group(kind):
            return f"{start}/{name}"
        return f"{start}/{group}/providers/{kind}/{name if kind else address}"

    def _parent(self, resource: _Resource, depth: int) -> str:
        """Give the id of the resource, or resource group, that a resource belongs to."""
        kind = resource.kind
        attribute = kind.parent if kind else "parent_id"
        if not attribute:
            return ""
        if told := resource.text(attribute):
            return told
        named = resource.text("virtual_machine_name").lower()
        if kind and named:
            group = resource.text(_GROUP).lower()
            for one in self._resources:
                mine = (one.azure_type, one.text("name").lower(), one.text(_GROUP).lower())
                if mine == (VM, named, group):
                    return one.id or self._made_up(one, depth + 1)
        meant = self._configuration.meant(resource, (attribute,), lambda one: one is not resource)
        if not meant.sure:
            return ""
        return meant.resources[0].id or self._made_up(meant.resources[0], depth + 1)


# Where the id of what is changed stands in resources that change another one.
_ID_OF: Final = {"azapi_update_resource": "resource_id", "azapi_resource_action": "resource_id"}


def _is_group(azure_type: str) -> bool:
    return azure_type.lower() == "microsoft.resources/resourcegroups"


def _ids_in(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        if value.lower().startswith("/subscriptions/"):
            yield value
    elif isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _ids_in(child)


def _identity(resource_id: str) -> _Identity:
    """Give resource group, type and name of an id: what tells it apart in a subscription."""
    parts = resource_id.strip("/").lower().split("/")
    return "/".join(parts[2:4]), "/".join(parts[4:-1]), parts[-1]


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
        elif node.get(last) in (*_EMPTY, NOT_KNOWN, _MASKED):
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
    if unknown is True or (values in _EMPTY and sensitive is True):
        yield places, origin or name, path, _mark(unknown)
        return
    found = values.get(name) if isinstance(values, dict) else None
    missing = unknown.get(name) if isinstance(unknown, dict) else None
    secret = sensitive.get(name) if isinstance(sensitive, dict) else None
    origin = f"{origin}.{name}".lstrip(".")
    path = (*path, name)
    if missing is True or (found in _EMPTY and secret is True):
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
    if unknown is True or (value in _EMPTY and sensitive is True):
        yield places, origin, path, _mark(unknown)
    elif isinstance(value, str) and _MASKS.fullmatch(value.strip()):
        yield places, origin, path, _MASKED
    elif isinstance(value, (dict, list)):
        if value:
            yield places, origin, path, value
    elif value not in _EMPTY:
        yield places, origin, path, value


def _mark(unknown: Json) -> str:
    return NOT_KNOWN if unknown is True else _MASKED


def _is_mark(value: Json) -> bool:
    return value in (NOT_KNOWN, _MASKED)


class _Translator:
    """Translates the resources of one document."""

    def __init__(self, document: Json, salt: str, into: Translation) -> None:
        self._into = into
        self._resources = _resources(document, into)
        self._configuration = _Configuration(document, self._resources)
        _Ids(self._resources, self._configuration, salt)

    def run(self) -> None:
        """Translate all resources; attachments become disks of their VMs."""
        drafts: dict[str, _Draft] = {}
        attachments: list[_Resource] = []
        for resource in self._resources:
            if resource.type in ATTACHMENTS and resource.mode == "managed":
                attachments.append(resource)
            elif draft := self._draft(resource):
                drafts[resource.address] = draft
        kept = {one.address: self._attach(one, drafts) for one in attachments}
        for resource in self._resources:
            held = drafts.get(resource.address)
            if held is None and (held := kept.get(resource.address)) is None:
                body = {"id": resource.id, "type": resource.azure_type or resource.type}
                self._into.found.append(Found(resource.address, body, "other"))
                continue
            projected = not resource.complete or resource.mode == "data"
            projected = projected or resource.type in (*_ID_OF, *ATTACHMENTS)
            record = Translated(held.body, held.origins, held.prefix)
            self._into.found.append(Found(resource.address, record, "", projected))
            self._output(resource)
        if any(VM.lower() == one.azure_type.lower() for one in self._resources):
            self._into.notes.append(
                "Terraform shows only the disks and extensions that it manages; if others were "
                "added by hand or by another state, give the output of az vm list and az disk list"
            )

    def _draft(self, resource: _Resource) -> _Draft | None:
        if resource.type.startswith("azapi_"):
            return self._of_azapi(resource)
        kind = resource.kind
        if kind is None:
            return None
        draft = _Draft()
        for attribute, path in kind.attributes.items():
            for places, origin, at, value in self._values(resource, attribute):
                if isinstance(value, (dict, list)):
                    continue
                if value == NOT_KNOWN:
                    value = self._meant(resource, at, attribute)
                if value == NOT_KNOWN and attribute == "name":
                    continue
                if attribute == "max_shares" and str(value) == "0":
                    continue
                if value == NOT_KNOWN and "[]." in path and len(places) < path.count("[]"):
                    # Not even the number of blocks is known.
                    self._gap(draft, path.partition("[]")[0], origin)
                    continue
                draft.put(path, places, value, origin)
        for name, constant in kind.constants.items():
            if resource.mode == "managed" or constant == "Flexible":
                draft.put(name, (), constant, "type")
        for rule in kind.implied:
            if rule.unless and draft.at(rule.unless) not in _EMPTY:
                continue
            for _, origin, _, value in self._values(resource, rule.attribute):
                if rule.value is None or value == rule.value:
                    draft.put(rule.property, (), rule.meaning, origin)
                elif _is_mark(value):
                    draft.put(rule.property, (), value, origin)
        if kind.azure_type == VM and resource.mode == "managed":
            self._settle_disks(resource, draft)
        self._note_unread(resource)
        draft.body = {"id": resource.id, "type": kind.azure_type, **draft.body}
        draft.origins |= {"id": "id", "type": "type"}
        return draft

    def _values(self, resource: _Resource, attribute: str) -> Iterator[_Value]:
        """Read an attribute; one that is not known because it was not set is left out."""
        steps = attribute.split(".")
        top = steps[0].removesuffix("[]")
        for found in _read(resource.values, resource.unknown, resource.sensitive, steps):
            unset = found[-1] == NOT_KNOWN and len(steps) == 1
            if not (unset and self._configuration.leaves_out(resource, top)):
                yield found

    def _meant(self, resource: _Resource, path: Sequence[str | int], attribute: str) -> str:
        """Give the id that an attribute will have, if the plan tells of which resource it is."""
        if not attribute.removesuffix("[]").endswith(("_id", "_ids")):
            return NOT_KNOWN
        meant = self._configuration.meant(resource, path, lambda one: one is not resource)
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

    def _settle_disks(self, resource: _Resource, draft: _Draft) -> None:
        """Say what the attributes of disks mean together."""
        storage = draft.body.setdefault("storageProfile", {})
        system = storage.get("osDisk")
        if isinstance(system, dict):
            if resource.type != "azurerm_virtual_machine":
                system.setdefault("managedDisk", {})
                made = bool(storage.get("imageReference"))
            else:
                made = _is_made(system)
            if _settled(system, made) is None:
                system["managedDisk"] = NOT_KNOWN
        members = storage.setdefault("dataDisks", [])
        for disk in list(members):
            if isinstance(disk, dict) and _settled(disk, _is_made(disk)) is None:
                members.remove(disk)
                self._gap(draft, "storageProfile.dataDisks", "storage_data_disk")
        # Extensions are resources of their own, and others may have added some.
        draft.body["resources"] = NOT_KNOWN

    def _of_azapi(self, resource: _Resource) -> _Draft | None:
        found = next(
            iter(_read(resource.values, resource.unknown, resource.sensitive, ["body"])), None
        )
        body = found[-1] if found else None
        if isinstance(body, str) and body[:1] == "{":
            try:
                body = json.loads(body, strict=False)
            except ValueError:
                body = None
        elif isinstance(body, dict) and body.keys() == {"type", "value"}:
            body = body["value"]
        if not isinstance(body, dict) or not resource.azure_type:
            if found and _is_mark(found[-1]) and resource.azure_type:
                body = {"properties": NOT_KNOWN}
            else:
                return None
        if isinstance(resource.unknown, dict):
            body = _with_gaps(body, resource.unknown.get("body"))
        draft = _Draft()
        draft.body = {"id": resource.id, "type": resource.azure_type}
        for name in ("name", "location"):
            if resource.text(name):
                draft.body[name] = resource.text(name)
        draft.body |= body
        draft.prefix = "body"
        return draft

    def _output(self, resource: _Resource) -> None:
        """Take what Azure answered, of which azapi keeps the parts that were asked for."""
        output = resource.values.get("output") if resource.type.startswith("azapi_") else None
        if isinstance(output, dict) and output.keys() == {"type", "value"}:
            output = output["value"]
        if isinstance(output, str) and output[:1] == "{":
            try:
                output = json.loads(output, strict=False)
            except ValueError:
                return
        if isinstance(output, dict) and (output.get("properties") or output.get("value")):
            body = (
                output
                if "value" in output
                else {"id": resource.id, "type": resource.azure_type, **output}
            )
            self._into.found.append(Found(f"{resource.address}.output", body, "", True))

    def _attach(self, resource: _Resource, drafts: Mapping[str, _Draft]) -> _Draft | None:
        """Add a data disk to its VM; give a record of its own if the VM is not in the document."""
        entry = _Draft()
        for attribute, path in ATTACHMENTS[resource.type].items():
            wanted = _is_disk if attribute == "managed_disk_id" else None
            for places, origin, at, value in self._values(resource, attribute):
                if value == NOT_KNOWN and wanted:
                    meant = self._configuration.meant(resource, at, wanted)
                    value = meant.resources[0].id if meant.sure else value
                entry.put(path, places, value, f"{resource.address}.{origin}")
        if "managedDisk" not in entry.body:
            entry.body["managedDisk"] = {}
        vms = {one.id.lower(): one for one in self._resources if _is_vm(one)}
        told = resource.text("virtual_machine_id")
        disk_unknown = _is_mark(entry.at("managedDisk.id"))
        if told and told.lower() not in vms:
            draft = _Draft()
            draft.body = {"id": told, "type": VM, "storageProfile": {}}
            self._add(draft, entry, disk_unknown, resource)
            return draft
        if told:
            owners, sure = [vms[told.lower()]], True
        else:
            meant = self._configuration.meant(resource, ("virtual_machine_id",), _is_vm)
            owners, sure = meant.resources or list(vms.values()), meant.sure
        for owner in owners:
            if owner.address in drafts:
                self._add(drafts[owner.address], entry, disk_unknown or not sure, resource)
        if disk_unknown or not sure:
            self._into.notes.append(
                f"{resource.address}: which disk it attaches to which VM is not known yet"
            )
        return None

    def _add(self, draft: _Draft, entry: _Draft, gap: bool, resource: _Resource) -> None:
        storage = draft.body
        path = "storageProfile"
        if isinstance(storage.get("properties"), dict):
            storage, path = storage["properties"], "properties.storageProfile"
        storage = storage.setdefault("storageProfile", {})
        if not isinstance(storage, dict):
            return
        if gap:
            self._gap(draft, f"{path}.dataDisks", resource.address)
            return
        members = storage.setdefault("dataDisks", [])
        if not isinstance(members, list):
            return
        lun = str(entry.body.get("lun"))
        if any(isinstance(one, dict) and str(one.get("lun")) == lun for one in members):
            return
        at = f"storageprofile.datadisks.[{len(members)}]"
        members.append(entry.body)
        draft.origins |= {f"{at}.{name}": origin for name, origin in entry.origins.items()}

    def _note_unread(self, resource: _Resource) -> None:
        """Note attributes of which this version knows nothing, once for each type."""
        kind = resource.kind
        if kind is None or kind.azure_type not in (VM, DISK) or resource.mode != "managed":
            return
        heads = {name.partition(".")[0].removesuffix("[]") for name in kind.attributes}
        heads |= {rule.attribute.partition(".")[0] for rule in kind.implied}
        unread = [
            name
            for name, value in resource.values.items()
            if value not in (*_EMPTY, False) and name not in heads and name not in NO_FACTS
        ]
        if unread:
            self._into.notes.append(f"not read: {', '.join(unread)} of {resource.type}")


def _is_made(disk: Body) -> bool:
    """Tell a disk that is made together with its VM, so that it has no id before."""
    option = disk.get("createOption")
    return isinstance(option, str) and option.lower() in ("fromimage", "empty")


def _settled(disk: Body, made: bool) -> Body | None:
    """Leave out what says nothing of a disk; None if it is not known which disk it is."""
    managed = disk.get("managedDisk")
    if isinstance(managed, dict):
        if "vhd" in disk and all(map(_is_mark, managed.values())):
            del disk["managedDisk"]
        elif _is_mark(managed.get("id")):
            if not made:
                return None
            del managed["id"]
    return disk


def _is_vm(resource: _Resource) -> bool:
    return resource.azure_type.lower() == VM.lower()


def _is_disk(resource: _Resource) -> bool:
    return resource.azure_type.lower() == DISK.lower()


def _with_gaps(value: Json, unknown: Json) -> Json:
    """Put a mark wherever a value is not known."""
    if unknown is True:
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
    into = Translation()
    text = json.dumps(document, sort_keys=True, default=str).encode()
    _Translator(document, hashlib.sha256(text).hexdigest()[:8], into).run()
    if not into.found and not into.faults:
        into.faults.append(("", f"Terraform shows no resource here; {_SHOW}"))
    return into
