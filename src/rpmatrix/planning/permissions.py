"""Permissions: which actions the caller of an operation needs, and what locks stop.

The tables ``permissions`` and ``locks`` decide. A custom role is made of single actions, so that it
allows no more than was asked for; a role that is there already is compared with what is needed, as
Azure does it: an action counts unless one of the exclusions of the same entry takes it back.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.matrix.schema import Row

OPERATIONS: Final = ("list", "create", "copy", "restore", "grant_access", "delete")
"""What a caller may do, as ``permissions`` names it."""

SCOPE: Final = "/subscriptions/SUBSCRIPTION_ID"
"""Stands for the scope in which a role may be assigned."""

ROLE_NAME: Final = "rpmatrix restore points"

_SCOPE: Final = re.compile(
    r"/subscriptions/[^/\s]+(/resourceGroups/[^/\s]+)?"
    r"|/providers/Microsoft\.Management/managementGroups/[^/\s]+",
    re.IGNORECASE,
)


class RoleError(ValueError):
    """A scope or a role definition that is none."""


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Permission:
    """One action that an operation needs: a row of ``permissions``.

    Attributes
    ----------
    row : str
        The row.
    operation, action, scope, needed, condition, certainty, source, reviewed_on : str
        Its cells.
    steps : tuple of str
        The operations of ``steps`` that need it.
    """

    row: str
    operation: str
    action: str
    scope: str
    needed: str
    condition: str
    steps: tuple[str, ...]
    certainty: str
    source: str
    reviewed_on: str

    @property
    def always(self) -> bool:
        """Whether the operation fails without it, in whatever case."""
        return self.needed == "always"


@dataclass(frozen=True, slots=True)
class Lock:
    """What one kind of lock in one place does: a row of ``locks``.

    Attributes
    ----------
    row : str
        The row.
    level, locked, effect, remedy, certainty, source, reviewed_on : str
        Its cells.
    stops : tuple of str
        The operations that it stops.
    """

    row: str
    level: str
    locked: str
    stops: tuple[str, ...]
    effect: str
    remedy: str
    certainty: str
    source: str
    reviewed_on: str


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a caller needs for some operations, and what locks may stop.

    Attributes
    ----------
    operations : tuple of str
        The operations, in the order of ``OPERATIONS``.
    permissions : tuple of Permission
        What they need.
    locks : tuple of Lock
        Locks that stop one of them, or of which it is worth knowing that they do not.
    """

    operations: tuple[str, ...]
    permissions: tuple[Permission, ...]
    locks: tuple[Lock, ...]

    @property
    def actions(self) -> tuple[str, ...]:
        """All actions, each once."""
        return _once(self.permissions)

    @property
    def required(self) -> tuple[str, ...]:
        """The actions without which one of the operations fails in any case."""
        return _once(one for one in self.permissions if one.always)

    def role(
        self, name: str = ROLE_NAME, *, scopes: Iterable[str] = (SCOPE,), every: bool = False
    ) -> dict[str, Any]:
        """Make a custom role, as ``az role definition create`` takes it.

        Parameters
        ----------
        name : str
            Its name, which no other role of the tenant has.
        scopes : iterable of str
            Subscriptions, resource groups or management groups in which it may be assigned.
        every : bool
            Add what is needed in some cases only.

        Raises
        ------
        RoleError
            If the name is empty, or a scope is none.
        """
        assignable = list(dict.fromkeys(scope.rstrip("/") for scope in scopes))
        for scope in assignable or [""]:
            if not _SCOPE.fullmatch(scope):
                raise RoleError(
                    f"{scope!r} is no scope for a role; write /subscriptions/ID, a resource group "
                    "in it, or /providers/Microsoft.Management/managementGroups/NAME"
                )
        if not name.strip():
            raise RoleError("a role needs a name")
        doing = ", ".join(operation.replace("_", " ") for operation in self.operations)
        return {
            "Name": name.strip(),
            "IsCustom": True,
            "Description": f"Restore points of VMs: {doing}.",
            "Actions": list(self.actions if every else self.required),
            "NotActions": [],
            "DataActions": [],
            "NotDataActions": [],
            "AssignableScopes": assignable,
        }

    def lacking(self, role: Any) -> tuple[Permission, ...]:
        """Give what role definitions do not allow.

        Parameters
        ----------
        role : str, bytes, dict or list
            One or several role definitions, as Azure shows them: of ``az role definition list``,
            of ``Get-AzRoleDefinition``, of the REST API, or the file that creates one.

        Raises
        ------
        RoleError
            If it is no role definition.
        """
        entries = _entries(role)
        return tuple(
            permission
            for permission in self.permissions
            if not any(_allows(entry, permission.action) for entry in entries)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the documented JSON object."""
        return {
            "operations": list(self.operations),
            "actions": list(self.actions),
            "required": list(self.required),
            "permissions": [permission_dict(one) for one in self.permissions],
            "locks": [
                {
                    "row": lock.row,
                    "level": lock.level,
                    "locked": lock.locked,
                    "stops": list(lock.stops),
                    "effect": lock.effect,
                    "remedy": lock.remedy,
                    "certainty": lock.certainty,
                    "source": lock.source,
                }
                for lock in self.locks
            ],
        }


def permission_dict(permission: Permission) -> dict[str, Any]:
    """Give the documented JSON object of one permission."""
    return {
        "row": permission.row,
        "operation": permission.operation,
        "action": permission.action,
        "scope": permission.scope,
        "needed": permission.needed,
        "condition": permission.condition,
        "certainty": permission.certainty,
        "source": permission.source,
    }


def _once(permissions: Iterable[Permission]) -> tuple[str, ...]:
    return tuple(sorted({permission.action for permission in permissions}))


# --------------------------------------------------------------------------- looking up


def permissions(*operations: str, matrix: Matrix | None = None) -> Permissions:
    """List what a caller needs for operations on restore points.

    Parameters
    ----------
    *operations : str
        Some of ``OPERATIONS``; all of them if none is given.
    matrix : Matrix, optional
        Its tables ``permissions`` and ``locks`` decide; the seed edition's if left out.

    Returns
    -------
    Permissions

    Raises
    ------
    ValueError
        If there is no such operation.
    """
    matrix = matrix or load_matrix()
    wanted = {operation.strip().casefold().replace("-", "_") for operation in operations}
    unknown = sorted(wanted - {*OPERATIONS})
    if unknown:
        raise ValueError(f"no operation {unknown[0]!r}; choose from {', '.join(OPERATIONS)}")
    chosen = tuple(name for name in OPERATIONS if name in (wanted or OPERATIONS))
    return Permissions(
        chosen,
        _ordered(one for one in _all(matrix) if one.operation in chosen),
        tuple(lock for lock in _locks(matrix) if not lock.stops or {*lock.stops} & {*chosen}),
    )


def permissions_of_steps(steps: Iterable[str], matrix: Matrix) -> Permissions:
    """List what a caller needs for steps of a plan.

    Parameters
    ----------
    steps : iterable of str
        Values of the column ``operation`` of ``steps``.
    matrix : Matrix
        Its tables decide.
    """
    ran = {*steps}
    needed = _ordered(one for one in _all(matrix) if ran & {*one.steps})
    chosen = tuple(name for name in OPERATIONS if any(one.operation == name for one in needed))
    locks = tuple(lock for lock in _locks(matrix) if {*lock.stops} & {*chosen})
    return Permissions(chosen, needed, locks)


def _ordered(needed: Iterable[Permission]) -> tuple[Permission, ...]:
    return tuple(
        sorted(needed, key=lambda one: (OPERATIONS.index(one.operation), one.action, one.row))
    )


def _all(matrix: Matrix) -> tuple[Permission, ...]:
    return matrix.prepared("permissions", _prepared)


def _prepared(matrix: Matrix) -> tuple[Permission, ...]:
    return tuple(_permission(row) for row in matrix.table("permissions"))


def _permission(row: Row) -> Permission:
    return Permission(
        row=row.id,
        operation=row["operation"],
        action=row["action"],
        scope=row["scope"],
        needed=row["needed"],
        condition=row["condition"],
        steps=tuple(row.members("steps")),
        certainty=row["certainty"],
        source=row["source"],
        reviewed_on=row["reviewed_on"],
    )


def _locks(matrix: Matrix) -> tuple[Lock, ...]:
    return tuple(
        Lock(
            row=row.id,
            level=row["level"],
            locked=row["locked"],
            stops=tuple(row.members("stops")),
            effect=row["effect"],
            remedy=row["remedy"],
            certainty=row["certainty"],
            source=row["source"],
            reviewed_on=row["reviewed_on"],
        )
        for row in matrix.table("locks")
    )


# --------------------------------------------------------------------------- roles


@dataclass(frozen=True, slots=True)
class _Entry:
    """Actions that a role allows, without those that it takes back."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]


def _entries(role: Any) -> tuple[_Entry, ...]:
    if isinstance(role, (str, bytes)):
        try:
            role = json.loads(role)
        except (ValueError, RecursionError):
            raise RoleError(
                "the role is no JSON; give what az role definition list --name NAME prints"
            ) from None
    entries = tuple(_entries_in(role, 0))
    if not entries:
        raise RoleError(
            "no role definition with actions; give what az role definition list --name NAME prints"
        )
    return entries


def _entries_in(value: Any, depth: int) -> Iterable[_Entry]:
    if depth > 9:
        return
    if isinstance(value, Mapping):
        keys = {str(key).casefold(): child for key, child in value.items()}
        if "actions" in keys:
            yield _Entry(_texts(keys["actions"]), _texts(keys.get("notactions")))
        else:
            for name in ("permissions", "properties", "value", "resources"):
                yield from _entries_in(keys.get(name), depth + 1)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _entries_in(child, depth + 1)


def _texts(value: Any) -> tuple[str, ...]:
    """Give a list of actions; PowerShell writes a list of one as a text."""
    if value is None:
        return ()
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(isinstance(one, str) for one in listed):
        raise RoleError("the actions of a role are a list of texts")
    return tuple(listed)


def _allows(entry: _Entry, action: str) -> bool:
    return any(_fits(one, action) for one in entry.actions) and not any(
        _fits(one, action) for one in entry.not_actions
    )


def _fits(pattern: str, action: str) -> bool:
    """Whether an action is one that a role names; an asterisk stands for anything."""
    pieces = [re.escape(piece) for piece in re.split(r"\*+", pattern.strip())]
    return re.fullmatch(".*".join(pieces), action, re.IGNORECASE) is not None


def role_guid(role: Mapping[str, Any]) -> str:
    """Give the name that a role has as a resource: the same for the same role and scopes."""
    text = "|".join([role["Name"], *role["AssignableScopes"]]).casefold()
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"rpmatrix:role:{text}"))
