"""ARM templates as one input: the resources they deploy, with what their literals say.

Parameters with a value or a default, variables, copy loops and conditions are worked out; nested
deployments are opened. Each resource gets the id that it will have, in which braces stand for what
is not known yet, so that a disk joins the VM that names it by ``resourceId``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rpmatrix.inventory.names import plain_name
from rpmatrix.inventory.template_expressions import MOST_ROUNDS, Open, Scope, is_expression

Json = Any
Body = dict[str, Any]

MOST_RESOURCES: Final = 20_000
"""Resources of one template, loops written out; what is beyond stands for itself."""


class Expanded(dict[str, Any]):
    """A resource with its expressions worked out; `given` is the resource as it is written."""

    def __init__(self, resource: Body, given: Body) -> None:
        super().__init__(resource)
        self.given = given

    def __reduce__(self) -> tuple[Any, ...]:
        return Expanded, (dict(self), self.given)


@dataclass
class Expansion:
    """What a template deploys.

    Attributes
    ----------
    resources : list of (str, Expanded)
        Each resource after its place in the document.
    faults : list of (str, str)
        What cannot be a resource: its place, and what to do.
    notes : list of str
        What a reader should know: loops of unknown length, conditions, linked templates.
    """

    resources: list[tuple[str, Expanded]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parameter_values(document: Json) -> dict[str, Json] | None:
    """Return the values of a parameters file, or None if the document is none.

    A value that is a reference, to a secret in a key vault, is not known.
    """
    if not isinstance(document, dict):
        return None
    names = {str(key).lower(): key for key in document}
    given = document[names["parameters"]] if "parameters" in names else None
    schema = str(document.get(names.get("$schema", ""), "")).lower()
    if "resources" in names or not isinstance(given, dict):
        return None
    if "deploymentparameters" not in schema and not (
        given and all(isinstance(one, dict) and "value" in one for one in given.values())
    ):
        return None
    return {
        str(name).lower(): one["value"]
        for name, one in given.items()
        if isinstance(one, dict) and "value" in one
    }


def expand(template: Body, at: str, given: Mapping[str, Json] | None = None) -> Expansion:
    """Work out what a template deploys.

    Parameters
    ----------
    template : dict
        The template, with its resources.
    at : str
        Its place in the document, as a JSON pointer.
    given : mapping of str to JSON, optional
        Values of parameters, by lower-case name.

    Returns
    -------
    Expansion
    """
    text = json.dumps(template, default=str, skipkeys=True)
    salt = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
    found = Expansion()
    _Expander(template, given or {}, salt, found).expand(at)
    return found


class _Expander:
    """Works out one template; a nested one has an expander of its own."""

    def __init__(
        self, template: Body, given: Mapping[str, Json], salt: str, found: Expansion
    ) -> None:
        self._names = {plain_name(str(key)): key for key in template}
        self._template = template
        self._salt = salt
        self._found = found
        self.scope = Scope(self._parameters(given), self._variables(), self._resource_id)

    def _part(self, name: str) -> Json:
        return self._template[self._names[name]] if name in self._names else None

    def _parameters(self, given: Mapping[str, Json]) -> dict[str, Json]:
        declared = self._part("parameters")
        found: dict[str, Json] = {}
        for name, one in declared.items() if isinstance(declared, dict) else ():
            lowered = str(name).lower()
            if lowered in given:
                found[lowered] = given[lowered]
            elif isinstance(one, dict) and "defaultValue" in one:
                found[lowered] = one["defaultValue"]
            elif isinstance(one, dict) and len(_allowed(one)) == 1:
                found[lowered] = _allowed(one)[0]
        return found

    def _variables(self) -> dict[str, Json]:
        declared = self._part("variables")
        found: dict[str, Json] = {}
        for name, value in declared.items() if isinstance(declared, dict) else ():
            if str(name).lower() != "copy":
                found[str(name).lower()] = value
        loops = declared.get("copy") if isinstance(declared, dict) else None
        for loop in loops if isinstance(loops, list) else ():
            if isinstance(loop, dict) and isinstance(loop.get("name"), str):
                name = loop["name"]
                # Read as an object with one loop, so that it is written out when it is asked for.
                found[name.lower()] = f"[variables('{_LOOP}{name}').{name}]"
                found[f"{_LOOP}{name}".lower()] = {"copy": [loop]}
        return found

    def _resource_id(self, parts: Sequence[str]) -> str:
        """Make an id as ``resourceId`` does: an optional subscription and group, type and names."""
        subscription = f"{{subscription-{self._salt}}}"
        group = "{resource-group}"
        rest = list(parts)
        kind = next((place for place, part in enumerate(rest) if "/" in part), -1)
        if kind < 0:
            raise ValueError("no type of resource")
        before = [part for part in rest[:kind] if not part.endswith(":")]
        if len(before) == 2:
            subscription, group = before
        elif len(before) == 1:
            group = before[0]
        namespace, *types = rest[kind].split("/")
        names = [step for part in rest[kind + 1 :] for step in part.split("/")]
        if len(types) != len(names):
            raise ValueError("as many names as types are needed")
        steps = "/".join(f"{one}/{name}" for one, name in zip(types, names, strict=True))
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{steps}"

    # ----- resources

    def expand(self, at: str) -> None:
        place = f"{at}/{self._names['resources']}" if "resources" in self._names else at
        for number, resource in _members(self._part("resources")):
            self._take(resource, f"{place}/{number}", self.scope, "")

    def _take(self, resource: Json, at: str, scope: Scope, parent: str) -> None:
        if not isinstance(resource, dict):
            advice = "an expression stands where a resource should; expand the template"
            self._found.faults.append((at, advice))
            return
        resource = _usually_spelled(resource)
        if resource.get("existing") is True:
            self._found.notes.append(f"{at} exists already: the template only refers to it")
            return
        loop = resource.get("copy")
        count = scope.count_of(loop.get("count")) if isinstance(loop, dict) else None
        known = len(self._found.resources)
        if not isinstance(loop, dict) or count is None or known + count > MOST_RESOURCES:
            if loop is not None:
                self._found.notes.append(f"{at} is a loop: one record stands for several resources")
            self._one(resource, at, scope, parent)
            return
        written = {key: value for key, value in resource.items() if key != "copy"}
        name = str(loop.get("name", ""))
        for number in range(min(count, MOST_ROUNDS)):
            self._one(
                written, f"{at}/{number}" if count > 1 else at, scope.in_loop(name, number), parent
            )

    def _one(self, resource: Body, at: str, scope: Scope, parent: str) -> None:
        condition = resource.get("condition")
        decided = scope.resolve(condition)
        if decided is False or str(decided).lower() == "false":
            self._found.notes.append(f"{at} is not deployed: its condition is false")
            return
        if is_expression(decided):
            self._found.notes.append(f"{at} is deployed only if {condition}")
        inner = resource.get("resources")
        own = {key: value for key, value in resource.items() if key not in ("resources", "copy")}
        if "copy" in resource:
            own["copy"] = resource["copy"]
        nested = _nested_template(resource)
        if nested is not None:
            self._nested(resource, nested, at, scope)
            own = {**own, "properties": {}}
        made = scope.resolve(own)
        kind, made_id = self._identify(made, resource, scope, parent)
        if kind:
            made["type"] = kind
        if made_id and "id" not in made:
            made["id"] = made_id
        self._found.resources.append((at, Expanded(made, resource)))
        if isinstance(inner, (list, dict)):
            for number, child in _members(inner):
                self._take(child, f"{at}/resources/{number}", scope, kind and f"{kind}|{made_id}")

    def _identify(self, made: Body, resource: Body, scope: Scope, parent: str) -> tuple[str, str]:
        """Return the whole type of a resource and its id, from its name and its parent's."""
        kind = made.get("type")
        if not isinstance(kind, str) or is_expression(kind):
            return "", ""
        name = made.get("name")
        if is_expression(resource.get("name")):
            found = scope.value_of(resource["name"])
            name = f"{{{found.text.replace('/', '|')}}}" if isinstance(found, Open) else found
        if not isinstance(name, str):
            return kind, ""
        if parent and "/" not in kind:
            above, _, parent_id = parent.partition("|")
            kind = f"{above}/{kind}"
            last = name.rpartition("/")[2]
            return kind, f"{parent_id}/{kind.rpartition('/')[2]}/{last}" if parent_id else ""
        try:
            return kind, self._resource_id([kind, name])
        except ValueError:
            return kind, ""

    # ----- nested deployments

    def _nested(self, resource: Body, nested: Body, at: str, scope: Scope) -> None:
        properties = resource["properties"]
        inner_scope = _inner_scope(properties)
        given: dict[str, Json] = {}
        passed = properties.get("parameters")
        for name, one in passed.items() if isinstance(passed, dict) else ():
            value = scope.resolve(one.get("value")) if isinstance(one, dict) else None
            if value is not None and not is_expression(value):
                given[str(name).lower()] = value
        salt = self._salt
        if isinstance(resource.get("resourceGroup"), str):
            group = scope.resolve(resource["resourceGroup"])
            salt = hashlib.sha256(f"{salt}{group}".encode()).hexdigest()[:8]
        expander = _Expander(nested, given, salt, self._found)
        if not inner_scope:
            # Expressions of the outer scope mean the outer template's parameters and variables.
            expander.scope = scope
        expander.expand(f"{at}/properties/template")


_LOOP: Final = "loop of "


def _inner_scope(properties: Body) -> bool:
    options = properties.get("expressionEvaluationOptions")
    scope = options.get("scope") if isinstance(options, dict) else None
    return str(scope).lower() == "inner"


_KEYS: Final = {
    key.lower(): key
    for key in (
        *("type", "name", "apiVersion", "location", "properties", "resources", "copy"),
        *("condition", "existing", "scope", "resourceGroup", "dependsOn", "sku"),
    )
}


def _usually_spelled(resource: Body) -> Body:
    """Return a resource whose own keys are in their usual letters, which a template may vary."""
    names = [plain_name(str(key)) for key in resource]
    if len(set(names)) < len(names):
        return resource
    return {
        _KEYS.get(name, key): value
        for name, (key, value) in zip(names, resource.items(), strict=True)
    }


def _nested_template(resource: Body) -> Body | None:
    properties = resource.get("properties")
    nested = properties.get("template") if isinstance(properties, dict) else None
    return nested if isinstance(nested, dict) else None


def _allowed(parameter: Body) -> list[Json]:
    allowed = parameter.get("allowedValues")
    return allowed if isinstance(allowed, list) else []


def _members(resources: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(resources, dict):
        yield from ((str(name), one) for name, one in resources.items())
    elif isinstance(resources, list):
        yield from ((str(number), one) for number, one in enumerate(resources))
    elif resources:
        yield "", resources


# --- what-if --------------------------------------------------------------------------------------


def what_if_changes(document: Json) -> tuple[list[Body], str] | None:
    """Return the changes of a what-if result and their place, or None if it is none."""
    for place in ("", "properties"):
        holder = document
        for step in filter(None, place.split("/")):
            holder = holder.get(step) if isinstance(holder, dict) else None
        if not isinstance(holder, dict):
            continue
        names = {str(key).lower(): key for key in holder}
        changes = holder[names["changes"]] if "changes" in names else None
        if isinstance(changes, list) and changes and all(map(_is_change, changes)):
            return changes, f"{place}/{names['changes']}".lstrip("/")
    return None


def _is_change(change: Json) -> bool:
    if not isinstance(change, dict):
        return False
    names = {str(key).lower() for key in change}
    return "changetype" in names and bool(names & {"resourceid", "fullyqualifiedresourceid"})


def state_after(change: Body) -> tuple[Body | None, str]:
    """Return a resource as it will be after a change, or why there is none.

    Returns
    -------
    tuple of (dict or None, str)
        None with an empty text for a resource that will be gone.
    """
    names = {str(key).lower(): key for key in change}

    def part(name: str) -> Json:
        return change[names[name]] if name in names else None

    kind = str(part("changetype")).lower()
    resource_id = part("resourceid") or part("fullyqualifiedresourceid")
    if kind == "delete" or kind == "1":
        return None, ""
    before, after = part("before"), part("after")
    if isinstance(before, dict) and not isinstance(after, dict):
        after = before
        for delta in part("delta") or ():
            after = _with_delta(after, delta, ())
    if not isinstance(after, dict):
        why = part("unsupportedreason") or "it shows no state of the resource"
        return None, f"what-if does not tell what becomes of {resource_id}: {why}"
    found = dict(after)
    if isinstance(resource_id, str):
        found.setdefault("id", resource_id)
    return found, ""


def _with_delta(body: Json, delta: Json, above: tuple[str, ...]) -> Json:
    """Return a value with one change of a property, and the changes inside it, made."""
    if not isinstance(delta, dict):
        return body
    names = {str(key).lower(): key for key in delta}
    path = delta[names["path"]] if "path" in names else ""
    steps = (*above, *str(path).split("."))
    kind = str(delta[names["propertychangetype"]]).lower() if "propertychangetype" in names else ""
    children = delta[names["children"]] if "children" in names else None
    if isinstance(children, list) and children:
        for child in children:
            body = _with_delta(body, child, steps)
        return body
    if kind == "noeffect":
        return body
    after = delta[names["after"]] if "after" in names else None
    return _put(body, steps, None if kind == "delete" else after)


def _put(body: Json, steps: Sequence[str], value: Json) -> Json:
    if not steps:
        return value
    first, *rest = steps
    if isinstance(body, list):
        number = int(first) if first.isdecimal() and len(first) < 6 else len(body)
        members = [*body, *([None] if number >= len(body) else [])]
        number = min(number, len(members) - 1)
        members[number] = _put(members[number], rest, value)
        return [member for member in members if member is not None]
    holder = dict(body) if isinstance(body, dict) else {}
    spelled = {str(key).lower(): key for key in holder}.get(first.lower(), first)
    holder[spelled] = _put(holder.get(spelled), rest, value)
    return holder
