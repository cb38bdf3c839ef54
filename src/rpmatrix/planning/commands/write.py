"""Text for a client: what to paste to carry out an operation on restore points.

`write` turns one operation of `rpmatrix.planning.commands.operations` into a `Command` for one of
`CLIENTS`. All five clients are written from one REST request, so they cannot drift apart: the Azure
CLI and Az PowerShell use their own commands where those say the same, and send the request itself
(``az rest``, ``Invoke-AzRestMethod``) where they do not.

Every value is quoted for the language it is put into. No name, id or tag, whatever it holds,
can end a string, start an expansion or add a line; characters that cannot be seen (control and
format characters, exotic blanks) are written as escapes, so that what is pasted is what is read.

Sources of the clients' abilities: azure-cli 2.91.0 (its own parser and serialiser), the help
pages of Az.Compute, Az.Resources and Az.Accounts, the Bicep resource types, the documentation
of the azapi provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.planning.commands.azure_cli import azure_cli
from rpmatrix.planning.commands.operations import Operation, api_versions, choose_api_version
from rpmatrix.planning.commands.powershell import powershell
from rpmatrix.planning.commands.quoting import json_text
from rpmatrix.planning.commands.requests import (
    ENDPOINT,
    Request,
    Written,
    common_notes,
    crosses_regions,
    request_of,
    rest_notes,
)
from rpmatrix.planning.commands.templates import bicep, terraform

__all__ = ["CLIENTS", "Command", "write"]

#: The clients `write` knows, in the order in which to offer them.
CLIENTS: tuple[str, ...] = ("azure_cli", "powershell", "rest", "bicep", "terraform")

_LANGUAGES = {
    "azure_cli": "bash",
    "powershell": "powershell",
    "rest": "http",
    "bicep": "bicep",
    "terraform": "hcl",
}


@dataclass(frozen=True)
class Command:
    """What to paste into one client for one operation.

    Attributes
    ----------
    client
        One of `CLIENTS`.
    language
        Language of the text: ``bash``, ``powershell``, ``http``, ``bicep`` or ``hcl``.
    operation
        The operation it carries out.
    text
        The text, without a final newline. Empty when the client cannot do it at all; the
        notes then say so. A Bicep or Terraform text is a file of its own.
    notes
        What this client cannot do or loses here, and what to know before running the text.
        Plain sentences; they may quote names, so escape them like any other value.
    method, path, query, body, api_version
        The REST request, when the text is one (always for ``rest``; for the Azure CLI and
        PowerShell when they have no command of their own). The path is percent-encoded and
        has no query. For Bicep and Terraform only ``api_version`` is set. All are `None` (the
        query empty) when the client chooses the request, and its API version, by itself.
    """

    client: str
    language: str
    operation: Operation
    text: str
    notes: tuple[str, ...] = ()
    method: str | None = None
    path: str | None = None
    query: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    body: Mapping[str, Any] | None = field(default=None, hash=False)
    api_version: str | None = None

    @property
    def possible(self) -> bool:
        """Whether the client can carry out the operation."""
        return bool(self.text)


def write(
    operation: Operation,
    client: str,
    *,
    api_version: str | None = None,
    matrix: Matrix | None = None,
) -> Command:
    r"""Write an operation down for a client.

    Parameters
    ----------
    operation
        What is to be done, from `rpmatrix.planning.commands.operations`.
    client
        One of `CLIENTS`.
    api_version
        API version to use instead of the one chosen from what the operation uses. It is
        checked in any case; clients that choose by themselves ignore it and say so.
    matrix
        What knows the API versions; the seed edition if it is left out.

    Raises
    ------
    ValueError
        If the client is unknown, or (`rpmatrix.planning.commands.operations.ApiVersionError`) the
        API version cannot carry the operation.

    Examples
    --------
    >>> from rpmatrix.planning.commands.operations import DeleteRestorePoint
    >>> gone = DeleteRestorePoint(
    ...     subscription_id="sub", resource_group="rg", collection="rpc", restore_point="monday"
    ... )
    >>> print(write(gone, "azure_cli").text)
    az restore-point delete \
      --subscription sub \
      --resource-group rg \
      --collection-name rpc \
      --name monday \
      --yes
    """
    if client not in CLIENTS:
        raise ValueError(f"unknown client {client!r}: choose one of {', '.join(CLIENTS)}")
    matrix = matrix or load_matrix()
    request = replace(
        request_of(operation, choose_api_version(operation, api_version, matrix)),
        parents_version=api_versions(matrix).generally_known["compute"],
    )
    written = _WRITERS[client](operation, request)
    notes = [*written.notes]
    if api_version is not None and written.text and written.chooses_version:
        notes.append(
            f"This client chooses the API version by itself; {api_version} was checked but is"
            " not sent."
        )
    if crosses_regions(operation):
        notes.append("The Azure portal cannot do this step: it has no cross-region copy.")
    sent = bool(written.text) and written.sends_request
    return Command(
        client=client,
        language=_LANGUAGES[client],
        operation=operation,
        text=written.text,
        notes=tuple(notes),
        method=request.method if sent else None,
        path=request.path if sent else None,
        query=MappingProxyType(request.query if sent else {}),
        body=request.body if sent else None,
        api_version=(request.api_version if written.text and not written.chooses_version else None),
    )


def _rest(operation: Operation, request: Request) -> Written:
    lines = [
        f"{request.method} {ENDPOINT}{request.url} HTTP/1.1",
        "Authorization: Bearer {{access_token}}",
    ]
    if request.body is not None:
        lines += ["Content-Type: application/json", "", json_text(request.body)]
    return Written(
        "\n".join(lines),
        [*rest_notes(operation), *common_notes(operation)],
        sends_request=True,
    )


_WRITERS: Mapping[str, Callable[[Operation, Request], Written]] = {
    "azure_cli": azure_cli,
    "powershell": powershell,
    "rest": _rest,
    "bicep": bicep,
    "terraform": terraform,
}


_CLIENT_TITLES: Final = {
    "azure_cli": "Azure CLI",
    "powershell": "Az PowerShell",
    "rest": "REST",
    "bicep": "Bicep",
    "terraform": "Terraform (azapi)",
    "portal": "Azure portal",
}


def client_title(client: str) -> str:
    """Give the name of a client."""
    return _CLIENT_TITLES.get(client, client.replace("_", " "))
