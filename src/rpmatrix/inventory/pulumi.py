"""Stacks and previews of Pulumi, read as if Terraform had shown their resources.

The provider azure-native writes Azure's own records. The provider azure is made of that of
Terraform: its attributes are those of azurerm, in other letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from rpmatrix.inventory.terraform_attributes import ATTACHMENTS, KINDS

Json = Any
Body = dict[str, Any]


class PulumiResource(NamedTuple):
    """One resource of a stack.

    Attributes
    ----------
    address : str
        Its URN.
    type : str
        The type of resource that Terraform would show.
    values : dict
        Its attributes.
    complete : bool
        Whether it exists, so that all of its attributes are there.
    """

    address: str
    type: str
    values: Body
    complete: bool


_TYPE: Final = re.compile(r"(azure|azure-native):([\w-]+)(?:/\w+)*:(\w+)")
# What the provider azure calls otherwise.
_OTHER_NAMES: Final = {
    "data_disk_attachment": "azurerm_virtual_machine_data_disk_attachment",
    "extension": "azurerm_virtual_machine_extension",
    "scale_set": "azurerm_virtual_machine_scale_set",
    "implicit_data_disk_from_source": "azurerm_virtual_machine_implicit_data_disk_from_source",
    "restore_point_collection": "azurerm_virtual_machine_restore_point_collection",
}
_SECRET: Final = "4dabf18193072939515e22adb298388d"
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_MARK: Final = "(known after apply)"
NATIVE: Final = "azapi_resource"
"""The type of resource of which the body is Azure's own record."""


def is_pulumi(value: Json) -> bool:
    """Recognise the export of a stack, its deployment, or a preview."""
    if not isinstance(value, dict):
        return False
    deployment = value.get("deployment", value)
    listed = [deployment.get("resources")] if isinstance(deployment, dict) else []
    listed.append(value.get("steps"))
    return any(
        isinstance(one, list) and bool(one) and isinstance(one[0], dict) and "urn" in one[0]
        for one in listed
    )


def resources_of(value: Body) -> Iterator[PulumiResource]:
    """Give the resources of Azure in a stack or a preview, but not those that are deleted."""
    deployment = value.get("deployment", value)
    listed = deployment.get("resources") if isinstance(deployment, dict) else None
    states = [*listed] if isinstance(listed, list) else []
    steps = value.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict) and step.get("op") not in ("delete", "discard"):
            states.append(step.get("newState"))
    for state in states:
        if (
            isinstance(state, dict)
            and isinstance(state.get("urn"), str)
            and not state.get("delete")
        ):
            yield _resource(state)


def _resource(state: Body) -> PulumiResource:
    matched = _TYPE.fullmatch(str(state.get("type")))
    outputs, inputs = state.get("outputs"), state.get("inputs")
    exists = bool(state.get("id")) and isinstance(outputs, dict) and bool(outputs)
    given = outputs if exists else inputs
    values = _plain(given) if isinstance(given, dict) else {}
    record_id = state.get("id") or ""
    if matched is None:
        return PulumiResource(state["urn"], str(state.get("type")), {"id": record_id}, exists)
    provider, module, name = matched.groups()
    if provider == "azure-native":
        names = {"id": record_id, "name": values.get("name") or values.get(_named(name))}
        kind = values.get("type") or f"Microsoft.{module.capitalize()}/{name[0].lower()}{name[1:]}s"
        about = {"type": kind, "resource_group_name": values.get("resourceGroupName")}
        about["location"] = values.get("location")
        body = {key: child for key, child in values.items() if key not in ("id", "name", "type")}
        return PulumiResource(state["urn"], NATIVE, {**names, **about, "body": body}, exists)
    snake = _snake(name)
    kind = _OTHER_NAMES.get(snake, f"azurerm_{snake}")
    return PulumiResource(state["urn"], kind, {**_renamed(values, kind), "id": record_id}, exists)


def _named(name: str) -> str:
    """Give the input that holds the name of a native resource."""
    return {"VirtualMachine": "vmName"}.get(name, f"{name[0].lower()}{name[1:]}Name")


def _plain(value: Json) -> Json:
    """Put a mark in place of secrets and of what a preview does not know."""
    if isinstance(value, dict):
        if _SECRET in value or "ciphertext" in value:
            return _MARK
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return _MARK if value == _UNKNOWN else value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _renamed(values: Body, kind: str) -> Body:
    """Give attributes the names that Terraform has for them: lists are in the plural here."""
    known = {*KINDS[kind].attributes} if kind in KINDS else {*ATTACHMENTS.get(kind, ())}
    blocks = {path.partition("[]")[0] for path in known if "[]." in path}

    def renamed(value: Json, outer: bool) -> Json:
        if isinstance(value, list):
            return [renamed(child, False) for child in value]
        if not isinstance(value, dict):
            return value
        made = {}
        for key, child in value.items():
            name = _snake(key)
            single = name.removesuffix("s")
            made[single if outer and single in blocks else name] = renamed(child, False)
        return made

    found: Body = renamed(values, True)
    return found
