"""The panels as pages in a browser, for people who want no notebook.

Voila serves one document that holds every page, so one kernel answers them all, and going from
page to page loads nothing. The document is made from the panels that the package exports: a new
panel is a new page. What Voila is told, and the template around the pages, is this module and
``_voila/``, a Jupyter data folder, beside it.

Nothing that a user enters is written to a disk: it lives in the kernel, which ends with its page.
What the server itself needs stands in a temporary folder, which ends with the server.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import quote

from rpmatrix.serve.lab import LauncherError
from rpmatrix.view import report

__all__ = ["FIRST_PAGE", "AppPage", "app_pages", "content", "open_app"]

FIRST_PAGE: Final = "check-a-vm"
LONGEST_START: Final = 120
"""Seconds after which a server that has not become usable is given up."""
LARGEST_MESSAGE: Final = 256 * 2**20
"""Bytes that may come from the browser at once; more than this would be lost without a word."""

_HERE: Final = Path(__file__).resolve().parents[1]
_TITLES: Final = {
    "EligibilityPanel": "Check a VM",
    "FleetPanel": "Check a fleet",
    "MatrixPanel": "Read the matrix",
    "PlanPanel": "Plan",
    "CrossRegionPanel": "Other region",
    "EncryptionPanel": "Encryption",
    "SchedulePanel": "Schedule",
    "ErrorPanel": "Errors",
    "WhatChangedPanel": "What changed",
}
"""What a panel is called in the navigation, in the order of the navigation."""
_EXTENSIONS: Final = (
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
)
"""Extensions of JupyterLab that a page loads; others only slow it down, or fail outside of it."""


@dataclass(frozen=True)
class AppPage:
    """One page of the app.

    Attributes
    ----------
    slug : str
        Names the page in an address: ``check-a-vm``.
    title : str
        What the navigation calls it.
    lead : str
        One sentence on what it is for.
    panel : str
        Name of the panel it shows, as `rpmatrix` exports it.
    """

    slug: str
    title: str
    lead: str
    panel: str


def app_pages() -> tuple[AppPage, ...]:
    """Give a page for each panel that the package exports, the most wanted one first.

    A panel that writes files, and says so in `writes_files`, is left out: whoever opens the app,
    such as a guest of a workshop, would write to the disk of the machine it runs on.
    """
    panels = [name for name in _face().__all__ if name.endswith("Panel") and _only_reads(name)]
    order = [*_TITLES, *panels]
    return tuple(_page(name) for name in sorted(panels, key=order.index))


def _face() -> ModuleType:
    """Give the package as its users see it, which no module may import when it starts."""
    return import_module("rpmatrix")


def _only_reads(panel: str) -> bool:
    return not getattr(getattr(_face(), panel), "writes_files", False)


def _page(panel: str) -> AppPage:
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", panel.removesuffix("Panel")).capitalize()
    title = _TITLES.get(panel, plain)
    lead = (getattr(_face(), panel).__doc__ or "").strip().partition("\n")[0]
    return AppPage(title.lower().replace(" ", "-"), title, lead, panel)


class _Told:
    """A text of the report that a notebook displays."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html


def content(panel: str) -> object:
    """Give what the page of a panel shows: the panel, or what keeps it from being made.

    A page is made while nobody looks, so it must not raise: that would take the pages after it
    along.
    """
    try:
        made: object = getattr(_face(), panel)()
        repr(made)  # so is it when it is displayed, where nothing could be told any more
        return made
    except Exception as fault:
        return _Told(report.error(f"This page cannot be shown: {type(fault).__name__}: {fault}"))


# --------------------------------------------------------------------------- what Voila gets


def _document(pages: Sequence[AppPage], folder: Path, ready: Path) -> dict[str, Any]:
    """Make the notebook that Voila shows.

    Parameters
    ----------
    pages
        The pages, each a cell.
    folder
        Where relative paths that a user types start.
    ready
        The file that tells, by being there, that all pages are made.
    """
    setup = f"import os\nfrom rpmatrix.serve.app import content\nos.chdir({str(folder)!r})"
    sources: list[tuple[str, dict[str, str]]] = [(setup, {})]
    for page in pages:
        about = {"slug": page.slug, "title": page.title, "lead": page.lead}
        sources.append((f"content({page.panel!r})", about))
    sources.append((f"open({str(ready)!r}, 'w').close()", {}))
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{place}",
            # A cell that fails for all that must not keep the next ones from being run.
            "metadata": {"rpmatrix": about, "tags": ["raises-exception"]},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for place, (source, about) in enumerate(sources)
    ]
    kernel = {"display_name": "rpmatrix", "language": "python", "name": "rpmatrix"}
    metadata = {"kernelspec": kernel, "title": "Restore points"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def _settings(pages: Sequence[AppPage], port: int, token: str) -> dict[str, Any]:
    """Make the settings of Voila."""
    sheet = (files("rpmatrix") / "_static" / "report.css").read_text(encoding="utf-8")
    shown = [{"slug": page.slug, "title": page.title} for page in pages]
    return {
        "Voila": {
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,
            "token": token,
            "identity_provider_class": "rpmatrix.serve.login.TokenProvider",
            "open_browser": False,
            "log_level": "ERROR",
            "tornado_settings": {
                "websocket_max_message_size": LARGEST_MESSAGE,
                # Milliseconds; Voila's own timeout is longer than its interval, which is warned of.
                "ws_ping_interval": 30_000,
                "ws_ping_timeout": 30_000,
            },
        },
        "VoilaConfiguration": {
            "template": "rpmatrix",
            "preheat_kernel": True,
            "default_pool_size": 1,
            "extension_allowlist": list(_EXTENSIONS),
            "file_allowlist": ["(?!)"],  # nothing: the folder holds what is nobody's business
            "resources": {"rpmatrix": {"sheet": sheet, "pages": shown, "first": FIRST_PAGE}},
        },
    }


_KERNEL: Final = {
    "argv": [
        sys.executable,
        *("-m", "ipykernel_launcher", "-f", "{connection_file}"),
        *("--HistoryManager.enabled=False", "--log-level=CRITICAL"),
    ],
    "display_name": "rpmatrix",
    "language": "python",
}
"""The kernel is this Python, whatever kernels the user has; and it keeps no history."""


def _environment(folder: Path) -> dict[str, str]:
    """Give the environment of the server: everything it reads and writes is in one folder."""
    environment = dict(os.environ)
    environment["JUPYTER_PATH"] = os.pathsep.join([str(folder), str(_HERE / "_voila")])
    environment["JUPYTER_NO_CONFIG"] = "1"
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[name] = str(folder / name.lower())
    scratch = folder / "scratch"
    scratch.mkdir()
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    # The checkout or folder that this process imports from is where the kernel finds the same.
    paths = [str(_HERE.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


# --------------------------------------------------------------------------- running it


def open_app(
    page: str = FIRST_PAGE,
    *,
    port: int = 0,
    open_browser: bool = True,
    options: Sequence[str] = (),
    tell: Callable[[str], object] | None = None,
) -> int:
    """Serve the panels as pages on this machine, and wait until the server is stopped.

    The server answers this machine alone, and only with the token in the address that is told.

    Parameters
    ----------
    page
        Slug of the page to start with; see `app_pages`.
    port
        The port to listen on; 0 for any free one.
    open_browser
        Whether to open the page once it is usable.
    options
        Options for Voila itself, such as ``--debug``.
    tell
        Gets each line that is for the user; written to the standard output if it is left out.

    Returns
    -------
    int
        0 after Ctrl-C, or the exit code of Voila if that stopped by itself.

    Raises
    ------
    LauncherError
        If Voila is not installed, there is no such page, the port is taken, or the app does not
        become usable.
    """
    if importlib.util.find_spec("voila") is None:
        raise LauncherError("Voila is not installed; run: pip install 'rpmatrix[app]'")
    pages = app_pages()
    slugs = [one.slug for one in pages]
    if page not in slugs:
        raise LauncherError(f"no page {page!r}; there: {', '.join(slugs)}")
    say = tell or _say
    port = _free_port(port)
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="rpmatrix-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        ready = folder / "ready"
        document = _write(folder, "app.ipynb", _document(pages, Path.cwd(), ready))
        _write(folder, "voila.json", _settings(pages, port, token))
        _write(folder, "kernels/rpmatrix/kernel.json", _KERNEL)
        # Voila reads voila.json in the folder it starts in.
        command = [sys.executable, "-m", "voila", document.name, *options]
        say("Starting the app ...")
        with _ended_with_us(command, folder) as server:
            _wait_until_usable(server, ready)
            address = f"http://127.0.0.1:{port}/?token={quote(token)}#{page}"
            say(f"The app is ready: {address}\nOnly this whole address opens it. Ctrl-C stops it.")
            if open_browser:
                # A browser of the text kind would keep this thread until it is closed.
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            return server.wait()
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _free_port(wanted: int) -> int:
    """Give the port that is wanted if it is free, or any free one."""
    with socket.socket() as found:
        if os.name == "posix":
            # As the server does it, which may take a port whose last connections are ending.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("127.0.0.1", wanted))
        except (OSError, OverflowError) as error:
            raise LauncherError(
                f"port {wanted} cannot be used ({error}); name another one, or none for a free one"
            ) from error
        port: int = found.getsockname()[1]
        return port


@contextmanager
def _ended_with_us(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that ends when this process is asked to; Ctrl-C is the way to ask."""

    def asked(*_: object) -> None:
        raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, asked) if in_main else None
    server = subprocess.Popen(command, cwd=folder, env=_environment(folder))
    try:
        yield server
    except KeyboardInterrupt:
        pass
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)
        _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(15)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        server.kill()
        server.wait()


def _wait_until_usable(server: subprocess.Popen[bytes], ready: Path) -> None:
    end = time.monotonic() + LONGEST_START
    while not ready.exists():
        if server.poll() is not None:
            raise LauncherError(
                f"Voila stopped with exit code {server.returncode}; what it said stands above"
            )
        if time.monotonic() > end:
            raise LauncherError(f"the app did not become usable within {LONGEST_START} seconds")
        time.sleep(0.02)
