"""A custom role in the languages in which people create it: JSON, Bicep and the Azure CLI."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from rpmatrix.planning.commands.quoting import bash_word, bicep_string
from rpmatrix.planning.permissions import role_guid


def role_json(role: Mapping[str, Any]) -> str:
    """Write a role as the file that ``az role definition create`` takes."""
    return json.dumps(role, indent=2)


def role_bicep(role: Mapping[str, Any]) -> str:
    """Write a role as Bicep, to be deployed to its first scope."""
    of_group = "/managementgroups/" in role["AssignableScopes"][0].casefold()
    lines = [
        f"targetScope = '{'managementGroup' if of_group else 'subscription'}'",
        "",
        "resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {",
        f"  name: {bicep_string(role_guid(role))}",
        "  properties: {",
        f"    roleName: {bicep_string(role['Name'])}",
        f"    description: {bicep_string(role['Description'])}",
        "    type: 'CustomRole'",
        "    permissions: [",
        "      {",
        "        actions: [",
        *(f"          {bicep_string(action)}" for action in role["Actions"]),
        "        ]",
        "        notActions: []",
        "      }",
        "    ]",
        "    assignableScopes: [",
        *(f"      {bicep_string(scope)}" for scope in role["AssignableScopes"]),
        "    ]",
        "  }",
        "}",
    ]
    return "\n".join(lines)


def role_az(role: Mapping[str, Any]) -> str:
    """Write a role as commands of the Azure CLI that create and assign it."""
    compact = json.dumps(role, separators=(",", ":"))
    name, scope = bash_word(role["Name"]), bash_word(role["AssignableScopes"][0])
    return "\n".join(
        [
            f"az role definition create --role-definition {bash_word(compact)}",
            f"az role assignment create --assignee PRINCIPAL_ID --role {name} --scope {scope}",
        ]
    )


ROLE_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "json": role_json,
    "bicep": role_bicep,
    "az": role_az,
}
"""What writes a role, by the name of the language."""
