"""Plans and states of Terraform and OpenTofu: which resources they hold, and what refers to what.

Read are plans and states as ``terraform show -json`` prints them, raw states of any version, and
resources that were cut out of one of these. What the attributes of a resource mean is not known
here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from rpmatrix.inventory.pulumi import is_pulumi, resources_of
from rpmatrix.inventory.terraform_attributes import KINDS, VM, ResourceKind

Json = Any
Body = dict[str, Any]

MASKS: Final = re.compile(
    r"[(<\[]?(?:sensitive(?: value)?|known after apply|redacted|masked)[)>\]]?|\*+", re.IGNORECASE
)
"""What is written in place of a value that is secret or not known."""
EMPTY: Final[tuple[Json, ...]] = (None, "", [], {})


# --------------------------------------------------------------------------- recognition

_DOCUMENT_KEYS: Final = frozenset(
    {
        *("planned_values", "resource_changes", "prior_state", "root_module", "values"),
        *("terraform_version", "format_version", "modules", "encrypted_data", "resource"),
        *("instances", "change", "resources", "child_modules", "@level"),
        *("deployment", "steps"),
    }
)
_PROVIDERS: Final = ("azurerm_", "azapi_")


def is_document(value: Json) -> bool:
    """Recognise a plan, a state, or resources that were cut out of one."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict) and is_resource(value[0])
    if not isinstance(value, dict) or _DOCUMENT_KEYS.isdisjoint(value):
        return False
    if is_pulumi(value):
        return True
    if is_resource(value) or _is_configuration(value) or _is_log(value):
        return True
    if "encrypted_data" in value:
        return "encryption_version" in value
    if "terraform_version" in value or "format_version" in value:
        return True
    if isinstance(value.get("modules"), list):
        return any(isinstance(one, dict) and "resources" in one for one in value["modules"])
    listed = [value.get("resource_changes"), value.get("resources")]
    if any(isinstance(one, list) and any(map(is_resource, one)) for one in listed):
        return True
    states = [value.get(name) for name in ("planned_values", "values", "prior_state")]
    inside = any(isinstance(one, dict) and "root_module" in one for one in (value, *states))
    return inside or any(map(is_document, _dicts(value.get("child_modules"))))


def is_resource(value: Json) -> bool:
    """Recognise one resource, as a plan or a state lists it."""
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

SHOW: Final = "give the output of terraform show -json"


@dataclass(eq=False)
class Resource:
    """One resource as the document has it."""

    address: str
    type: str
    mode: str
    values: Body
    unknown: Json = None
    sensitive: Json = None
    complete: bool = True
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
        """How its type is translated; None if it is not."""
        return KINDS.get(self.type)

    @property
    def azure_type(self) -> str:
        """The type in Azure, without its version; empty where none is known."""
        if self.type.startswith("azapi_"):
            return str(self.values.get("type") or "").partition("@")[0]
        return self.kind.azure_type if self.kind else ""

    def text(self, name: str) -> str:
        """Give an attribute that is a text and known, else an empty one."""
        value = self.values.get(name)
        return value.strip() if isinstance(value, str) and not MASKS.fullmatch(value) else ""


_STEP: Final = re.compile(r'([\w-]+)((?:\[(?:"(?:[^"\\]|\\.)*"|[^\]]*)\])?)\.?')


def _steps(address: str) -> list[tuple[str, str]]:
    """Take an address apart: names, each with its index if there is one."""
    return [(name, index[1:-1].strip('"')) for name, index in _STEP.findall(address)]


@dataclass
class Document:
    """A plan or a state.

    Attributes
    ----------
    resources : list of Resource
        What exists, or will once the plan is carried out.
    configuration : Configuration
        What a plan tells of the expressions behind its values.
    faults : list of tuple of str
        Address and message of what cannot be judged.
    notes : list of str
        What a reader should know though no resource was lost.
    gone : set of str
        The ids, in lower case, of what a plan deletes.
    """

    resources: list[Resource] = field(default_factory=list)
    configuration: Configuration = field(default_factory=lambda: Configuration(None, ()))
    faults: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def fail(self, address: str, entry: Json) -> None:
        """Note an entry that stands where a resource should and is none."""
        shown = json.dumps(entry, default=str)[:40]
        self.faults.append((address, f"no resource of Terraform stands here but {shown}; {SHOW}"))


def _resources(document: Json, into: Document) -> list[Resource]:
    if isinstance(document, list):
        return [one for member in document for one in _resources(member, into)]
    if not isinstance(document, dict):
        return []
    if "encrypted_data" in document and "encryption_version" in document:
        into.faults.append(("", f"an encrypted state of OpenTofu; {SHOW}"))
        return []
    if _is_log(document):
        into.faults.append(
            ("", "the log of a run of Terraform; give what terraform show -json PLAN prints")
        )
        return []
    if _is_configuration(document):
        into.faults.append(("", f"a configuration of Terraform, not its plan or state; {SHOW}"))
        return []
    if is_resource(document):
        return list(_one_entry(document, into))
    if is_pulumi(document):
        return [
            Resource(one.address, one.type, "managed", one.values, None, None, one.complete)
            for one in resources_of(document)
        ]
    found: list[Resource] = []
    gone: list[str] = []
    deferred = [one.get("resource_change") for one in _dicts(document.get("deferred_changes"))]
    for change in _dicts([*_list(document.get("resource_changes")), *deferred]):
        found += _changed(change, gone, into)
    if gone:
        into.notes.append(f"the plan deletes {_some(gone)}: not judged")
    planned = _values_of(document.get("planned_values"), False, into)
    prior = document.get("prior_state")
    before = {
        one.address: one
        for one in _values_of(prior.get("values") if isinstance(prior, dict) else None, True, into)
    }
    known = {*gone, *(one.address for one in found)}
    # What a plan shows among its values alone, it leaves as it was.
    found += [before.get(one.address, one) for one in planned if one.address not in known]
    known = {*gone, *(one.address for one in found)}
    whole = "planned_values" not in document and "resource_changes" not in document
    found += [
        one for one in before.values() if (whole or one.mode == "data") and one.address not in known
    ]
    found += _values_of(document.get("values"), True, into)
    found += _values_of(document, True, into)
    for child in _dicts(document.get("child_modules")):
        found += _of_module(child, True, into)
    for module in _dicts(document.get("modules")):
        found += _of_old_module(module, into)
    for entry in _list(document.get("resources")):
        found += _one_entry(entry, into)
    if document.get("errored") or document.get("complete") is False:
        into.notes.append("the plan is not complete: resources may be missing")
    return found


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _dicts(value: Json) -> list[Body]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def _one_entry(entry: Json, into: Document) -> Iterator[Resource]:
    """Read a resource of a list: of a plan, of an output for people, or of a raw state."""
    if not isinstance(entry, dict):
        into.fail("resources", entry)
    elif "change" in entry:
        gone: list[str] = []
        yield from _changed(entry, gone, into)
        if gone:
            into.notes.append(f"the plan deletes {_some(gone)}: not judged")
    elif "instances" in entry:
        yield from _of_raw_state(entry, into)
    else:
        yield from _shown(entry, True, into)


def _address(entry: Body) -> str:
    if isinstance(entry.get("address"), str):
        return str(entry["address"])
    data = "data." if entry.get("mode") == "data" else ""
    module = f"{entry['module']}." if entry.get("module") else ""
    return f"{module}{data}{entry.get('type')}.{entry.get('name')}"


def _shown(entry: Json, complete: bool, into: Document) -> Iterator[Resource]:
    """Read a resource as it is shown for programs, with its values."""
    values = entry.get("values") if isinstance(entry, dict) else None
    if not isinstance(values, dict) or not isinstance(entry.get("type"), str):
        into.fail(_address(entry) if isinstance(entry, dict) else "resources", entry)
    elif not entry.get("deposed_key"):
        yield Resource(
            _address(entry),
            entry["type"],
            str(entry.get("mode") or "managed"),
            values,
            None,
            entry.get("sensitive_values"),
            # What exists has an id; what is planned may leave out what is not known.
            complete and bool(values.get("id")),
        )


def _values_of(state: Json, complete: bool, into: Document) -> list[Resource]:
    """Read the resources of all modules of a state, or of the values that a plan leads to."""
    root = state.get("root_module") if isinstance(state, dict) else None
    return list(_of_module(root, complete, into))


def _of_module(module: Json, complete: bool, into: Document) -> Iterator[Resource]:
    if not isinstance(module, dict):
        return
    for entry in _list(module.get("resources")):
        yield from _shown(entry, complete, into)
    for child in _dicts(module.get("child_modules")):
        yield from _of_module(child, complete, into)


def _changed(entry: Body, gone: list[str], into: Document) -> Iterator[Resource]:
    change = entry.get("change")
    address = _address(entry)
    if not isinstance(change, dict) or not isinstance(entry.get("type"), str):
        into.fail(address, entry)
        return
    actions = change.get("actions")
    actions = [str(one) for one in actions] if isinstance(actions, list) else []
    before, after = change.get("before"), change.get("after")
    forgotten = actions == ["forget"]
    if actions == ["delete"] or entry.get("deposed"):
        gone.append(address)
        if isinstance(before, dict) and isinstance(before.get("id"), str):
            into.gone.add(before["id"].lower())
        return
    values = before if forgotten else after
    found = Resource(
        address,
        entry["type"],
        str(entry.get("mode") or "managed"),
        values if isinstance(values, dict) else {},
        None if forgotten else change.get("after_unknown", {}),
        change.get("before_sensitive" if forgotten else "after_sensitive"),
        complete=forgotten or "after_unknown" in change,
    )
    if isinstance(before, dict) and not found.text("id"):
        # A resource that is replaced under its name keeps its id.
        same = all(before.get(name) == found.values.get(name) for name in ("name", _GROUP))
        found.id = str(before.get("id") or "") if same and before.get("name") else ""
    yield found


_GROUP: Final = "resource_group_name"


def _of_raw_state(entry: Body, into: Document) -> Iterator[Resource]:
    for instance in _list(entry.get("instances")):
        if not isinstance(instance, dict) or not isinstance(entry.get("type"), str):
            into.fail(_address(entry), instance)
            continue
        if instance.get("deposed"):
            continue
        values = instance.get("attributes")
        if not isinstance(values, dict):
            values = _expanded(instance.get("attributes_flat"))
        key = instance.get("index_key")
        index = f"[{json.dumps(key)}]" if isinstance(key, (int, str)) else ""
        mode = str(entry.get("mode") or "managed")
        yield Resource(f"{_address(entry)}{index}", entry["type"], mode, values)


def _of_old_module(module: Body, into: Document) -> Iterator[Resource]:
    """Read a module of a state of version 3, whose attributes are flat."""
    path = module.get("path")
    prefix = "".join(f"module.{name}." for name in _list(path)[1:])
    resources = module.get("resources")
    for name, entry in resources.items() if isinstance(resources, dict) else ():
        primary = entry.get("primary") if isinstance(entry, dict) else None
        if not isinstance(primary, dict) or not isinstance(entry.get("type"), str):
            into.fail(f"{prefix}{name}", entry)
            continue
        mode = "data" if name.startswith("data.") else "managed"
        plain = re.sub(r"\.(\d+)$", r"[\1]", name)
        values = _expanded(primary.get("attributes"))
        values.setdefault("id", primary.get("id"))
        yield Resource(f"{prefix}{plain}", entry["type"], mode, values)


def _expanded(flat: Json) -> Body:
    """Build objects and lists out of flat names, such as ``os_disk.0.name``."""
    tree: Body = {}
    for name, value in flat.items() if isinstance(flat, dict) else ():
        *above, last = name.split(".")
        node = tree
        for step in above:
            inner = node.setdefault(step, {})
            node = inner if isinstance(inner, dict) else {}
        node[last] = value == "true" if value in ("true", "false") else value

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


class Candidates(NamedTuple):
    """The resources that an expression may mean, and whether it means exactly one."""

    resources: list[Resource]
    sure: bool


_Group = tuple[tuple[str, ...], str]
"""All instances of one resource: the modules it is in, and its type and name."""


def _under(value: Json, *names: str) -> Body:
    """Follow keys through objects; an empty object where one leads nowhere."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


class Configuration:
    """The expressions of a plan, which tell what a value is made of before it is known."""

    def __init__(self, document: Json, resources: Iterable[Resource]) -> None:
        self._root = _under(document, "configuration", "root_module")
        self._instances: dict[_Group, list[Resource]] = {}
        self._by_key: dict[tuple[_Group, str], list[Resource]] = {}
        for one in resources:
            group = (one.modules, one.name)
            self._instances.setdefault(group, []).append(one)
            for key in one.keys[-1:]:
                self._by_key.setdefault((group, key), []).append(one)
        self._entries: dict[_Group, Body] = {}

    def _module(self, path: Sequence[str]) -> Body:
        module = self._root
        for name in path:
            module = _under(module, "module_calls", name, "module")
        return module

    def _entry(self, resource: Resource) -> Body:
        group = (resource.modules, resource.name)
        if group not in self._entries:
            listed = _dicts(self._module(resource.modules).get("resources"))
            found = (one for one in listed if one.get("address") == resource.name)
            self._entries[group] = next(found, {})
        return self._entries[group]

    def leaves_out(self, resource: Resource, attribute: str) -> bool:
        """Tell an attribute of a resource that its configuration does not set."""
        expressions = self._entry(resource).get("expressions")
        return isinstance(expressions, dict) and attribute not in expressions

    def meant(
        self, resource: Resource, path: Sequence[str | int], wanted: Callable[[Resource], bool]
    ) -> Candidates:
        """Find the resources of which an attribute takes a value.

        Parameters
        ----------
        resource : Resource
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
        groups: dict[_Group, set[str]] = {}
        for modules, name, index in named:
            groups.setdefault((modules, name), set()).add(index)
        found: list[Resource] = []
        sure = True
        for group, indexes in groups.items():
            mine = self._narrowed(resource, group, indexes - {""}, others, wanted)
            sure = sure and len(mine) <= 1
            found += mine
        return Candidates(found, sure and len(found) == 1)

    def _narrowed(
        self,
        resource: Resource,
        group: _Group,
        indexes: set[str],
        others: set[str],
        wanted: Callable[[Resource], bool],
    ) -> list[Resource]:
        """Give the instances of a resource that another one may mean."""
        instances = self._instances.get(group, [])
        # All instances are of one type.
        if not instances or not wanted(instances[0]):
            return []
        if indexes:
            instances = [
                one for key in sorted(indexes) for one in self._by_key.get((group, key), ())
            ]
        if len(instances) < 2:
            return instances
        # The index may be worked out of the key: it is the key if nothing else is named, and of
        # numbers only where there are as many of both.
        own = (resource.modules, resource.name)
        by_key = others == {"each.key"} or {*others} in (
            {"each.value"},
            {"each.value", "each.value.id"},
        )
        by_number = others == {"count.index"}
        by_number = by_number and len(instances) == len(self._instances.get(own, ()))
        if resource.keys and not indexes and (by_key or by_number):
            instances = self._by_key.get((group, resource.keys[-1])) or instances
        if len(instances) > 1 and resource.modules == group[0] and resource.modules:
            shared = sum(bool(key) for _, key in resource.steps[: 2 * len(resource.modules)])
            within = [one for one in instances if one.keys[:shared] == resource.keys[:shared]]
            instances = within or instances
        return instances

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
                call = _under(self._module(modules[:-1]), "module_calls", modules[-1])
                passed = _under(call, "expressions", steps[1][0])
                self._gather(modules[:-1], passed, call, named, others, depth + 1)
            elif head == "module" and len(steps) > 2:
                inner = (*modules, steps[1][0])
                output = _under(self._module(inner), "outputs", steps[2][0], "expression")
                others.update({f"[{steps[1][1]}]"} if steps[1][1] else ())
                self._gather(inner, output, {}, named, others, depth + 1)
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


# --------------------------------------------------------------------------- ids

_Identity = tuple[str, str, str]


class _Ids:
    """Gives each resource an id: its own, or one with a placeholder for what is not known yet."""

    def __init__(self, document: Document, given: Json) -> None:
        self._resources = document.resources
        self._configuration = document.configuration
        self._given = given
        for one in self._resources:
            told = (one.text(ID_OF.get(one.type, "id")), one.text("id"), one.id)
            # What is no id of Azure joins nothing: it is as if there were none.
            one.id = next((text for text in told if text[:1] == "/" or not one.azure_type), "")
        without = [one for one in self._resources if not one.id]
        for one in without:
            one.id = self._made_up(one)
        self._adopt(without)

    @cached_property
    def _salt(self) -> str:
        """What tells the made-up ids of one document from those of another."""
        text = json.dumps(self._given, default=str, skipkeys=True)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]

    def _adopt(self, without: Iterable[Resource]) -> None:
        """Take an id that is written out elsewhere, where only the subscription was not known."""
        written: dict[_Identity, dict[str, str]] = {}
        for resource in self._resources:
            for text in _ids_in(resource.values):
                written.setdefault(_identity(text), {})[text.lower()] = text
        waiting: dict[_Identity, list[Resource]] = {}
        for one in without:
            waiting.setdefault(_identity(one.id), []).append(one)
        for identity, members in waiting.items():
            same = list(written.get(identity, {}).values())
            if len(members) == 1 and len(same) == 1:
                members[0].id = same[0]

    def _made_up(self, resource: Resource, depth: int = 0) -> str:
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

    def _parent(self, resource: Resource, depth: int) -> str:
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
ID_OF: Final = {"azapi_update_resource": "resource_id", "azapi_resource_action": "resource_id"}


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


def open_document(given: Json) -> Document:
    """Open a plan, a state, or resources of one, and give each resource an id.

    Parameters
    ----------
    given : dict or list
        What :func:`is_document` recognises.
    """
    document = Document()
    document.resources = _resources(given, document)
    seen: Counter[str] = Counter()
    for one in document.resources:
        seen[one.address] += 1
        if seen[one.address] > 1:
            one.address = f"{one.address} ({seen[one.address]})"
    document.configuration = Configuration(given, document.resources)
    _Ids(document, given)
    return document
