"""The app: which pages it has, what it tells its server, when it refuses, how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest

import rpmatrix as rp
from rpmatrix.serve import app
from rpmatrix.serve.lab import LauncherError

WRITING = {"OverlayPanel"}
"""Panels that write files, which somebody who visits the app must not."""


def test_every_exported_panel_is_a_page_and_checking_a_vm_is_the_first() -> None:
    pages = app.app_pages()
    panels = {name for name in rp.__all__ if "Panel" in name}
    assert {page.panel for page in pages} == panels - WRITING
    assert panels > WRITING
    assert pages[0].slug == app.FIRST_PAGE
    assert len({page.slug for page in pages}) == len(pages)
    for page in pages:
        assert page.title
        assert page.lead.endswith("."), page
        assert page.slug.replace("-", "").isalpha()


def test_a_panel_that_nobody_named_yet_is_a_page_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class RegionMapPanel:
        """See where everything is."""

    monkeypatch.setattr(rp, "RegionMapPanel", RegionMapPanel, raising=False)
    monkeypatch.setattr(rp, "__all__", [*rp.__all__, "RegionMapPanel"])
    last = app.app_pages()[-1]
    assert (last.slug, last.title) == ("region-map", "Region map")
    assert last.lead == "See where everything is."


def test_a_panel_that_cannot_be_made_does_not_take_the_others_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise RuntimeError("<no> luck")

    monkeypatch.setattr(rp, "EligibilityPanel", broken)
    told = app.content("EligibilityPanel")._repr_html_()  # type: ignore[attr-defined]
    assert "RuntimeError: &lt;no&gt; luck" in told


def test_a_panel_that_cannot_be_displayed_does_not_either(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    monkeypatch.setattr(rp, "EligibilityPanel", Broken)
    told = app.content("EligibilityPanel")._repr_html_()  # type: ignore[attr-defined]
    assert "RuntimeError: no words" in told


def test_the_document_is_a_notebook_with_a_cell_for_each_page(tmp_path: Path) -> None:
    pages = app.app_pages()
    document = app._document(pages, tmp_path, tmp_path / "ready")
    nbformat.validate(document)
    slugs = [cell["metadata"]["rpmatrix"].get("slug") for cell in document["cells"]]
    assert slugs == [None, *(page.slug for page in pages), None]


def test_the_server_answers_this_machine_alone_with_a_token_and_takes_large_files() -> None:
    settings = app._settings(app.app_pages(), 1234, "secret")
    assert settings["Voila"]["ip"] == "127.0.0.1"
    assert settings["Voila"]["token"] == "secret"
    assert settings["Voila"]["tornado_settings"]["websocket_max_message_size"] >= 100 * 2**20
    assert settings["VoilaConfiguration"]["preheat_kernel"] is True


def test_an_unknown_page_is_told_with_those_that_are_there() -> None:
    with pytest.raises(LauncherError, match=r"no page 'nowhere'; there: check-a-vm, "):
        app.open_app("nowhere")


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LauncherError, match=f"port {port} cannot be used"):
            app.open_app(port=port)


def test_an_option_that_voila_does_not_take_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LauncherError, match="Voila stopped with exit code"):
        app.open_app(open_browser=False, options=["--Voila.port=no-number"])
    assert "no-number" in "".join(capfd.readouterr())


def test_without_voila_the_command_that_brings_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LauncherError, match=r"pip install 'rpmatrix\[app\]'"):
        app.open_app()


def _kill(server: subprocess.Popen[str]) -> None:
    """End a server that a failed test left, for which it would be waited otherwise."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_it_serves_with_the_token_alone_and_leaves_nothing_when_it_ends(
    number: signal.Signals, tmp_path: Path
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    start = (
        "import json, signal; from rpmatrix.serve.app import open_app;"
        # A run in the background ignores Ctrl-C, and whatever it starts does too.
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "print('code', open_app(open_browser=False,"
        " tell=lambda line: print(json.dumps(line), flush=True)))"
    )
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}
    with (
        subprocess.Popen(
            [sys.executable, "-c", start],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as server,
        ExitStack() as at_last,
    ):
        at_last.callback(_kill, server)
        assert server.stdout is not None
        assert json.loads(server.stdout.readline()) == "Starting the app ..."
        address = json.loads(server.stdout.readline()).split()[4]
        with_token, _, page = address.partition("#")
        assert page == app.FIRST_PAGE

        with urllib.request.urlopen(with_token, timeout=20) as answer:
            document = answer.read().decode()
        for one in app.app_pages():
            assert f'href="#{one.slug}"' in document
        assert not re.search(r"(src|href|action)=\W?(https?:)?//", document)
        without = with_token.partition("?")[0]
        with urllib.request.urlopen(without, timeout=20) as answer:
            assert "/login" in answer.url
            told = answer.read().decode()
        assert "Open the whole address" in told
        assert "password" not in told
        assert with_token.partition("?token=")[2] not in told
        with pytest.raises(urllib.error.HTTPError, match=r"403|404"):
            urllib.request.urlopen(
                f"{without}voila/files/voila.json?{with_token.partition('?')[2]}"
            )

        # As a terminal does it: Ctrl-C goes to the whole group, a manager ends the process alone.
        if number is signal.SIGINT:
            os.killpg(server.pid, number)
        else:
            server.send_signal(number)
        rest = server.stdout.read()
        assert server.wait(30) == 0
    assert rest.strip().endswith("code 0"), rest
    end = time.monotonic() + 10
    while list(temporary.iterdir()) and time.monotonic() < end:
        time.sleep(0.1)
    assert list(temporary.iterdir()) == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
