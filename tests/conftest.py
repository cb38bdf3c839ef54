"""Fixtures that several test files use: the checkout, payloads, a browser and what it opens."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does: no test judges by the clock.
settings.register_profile("rpmatrix", deadline=None)
settings.load_profile("rpmatrix")

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# --no-sandbox: a container gives Chromium no user namespace. The rest keeps it from calling home.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the browser to drive: the one named in RPMATRIX_CHROMIUM, or one on the path."""
    names = ["chromium", "chromium-browser", "google-chrome", "chrome", "msedge"]
    found = (shutil.which(name) for name in [os.environ.get("RPMATRIX_CHROMIUM", ""), *names])
    return next((path for path in found if path), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser tests last, and skip them where there is no browser.

    Playwright leaves an event loop running in the thread that started it, which the kernels of
    other tests would meet.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if find_chromium() is None:
        reason = "no Chromium found; install one or name it in RPMATRIX_CHROMIUM"
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout that the tests belong to."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A folder of real payloads with judged verdicts, which is not part of the project.

    RPMATRIX_CORPUS names it. It holds JSON files in any folders, `expected.csv` with the verdict
    that a person reached for some of the VMs, and `manifest.csv`, which tells for each file what
    it is and which disk records belong to it.
    """
    name = os.environ.get("RPMATRIX_CORPUS")
    if not name:
        pytest.skip("RPMATRIX_CORPUS names no folder of real payloads")
    folder = Path(name).resolve()
    if not (folder / "expected.csv").is_file():
        pytest.fail(f"RPMATRIX_CORPUS is {name}, and there is no expected.csv in it")
    return folder


# --- a real browser against a real JupyterLab, all on this machine ---------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture
def page(page: Any) -> Iterator[Any]:
    """A page whose test fails if it asks for anything outside this machine.

    A workshop room may have no internet, and a request to a stranger says who is reading.
    """
    outside: set[str] = set()

    def judge(route: Any) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("data", "blob", "about") or url.hostname in LOOPBACK:
            route.continue_()
        else:
            outside.add(route.request.url)
            route.abort()

    page.route("**/*", judge)
    yield page
    assert not outside, f"the page asked for {sorted(outside)}"


@pytest.fixture
def console_errors(page: Any) -> list[str]:
    """What goes wrong in the page without anybody seeing it."""
    errors: list[str] = []
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    return errors


@contextmanager
def serving_app(folder: Path, **more: str) -> Iterator[str]:
    """Run the app as `rpmatrix app` does it, and give its address with the token.

    Parameters
    ----------
    folder
        Where it is started, and where its temporary files go.
    **more
        Environment variables.
    """
    start = (
        "import sys; from rpmatrix.serve.app import open_app; "
        "sys.exit(open_app(open_browser=False))"
    )
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), **more}
    log = folder / "app.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", start],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 120
        while not (told := re.search(r"ready: (http\S+)#", log.read_text())):
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail("the app did not start:\n" + log.read_text())
            time.sleep(0.1)
        yield told[1]
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app, with its token; a slug after # opens a page."""
    with serving_app(tmp_path_factory.mktemp("app")) as address:
        yield address


@pytest.fixture
def serve_app(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Run an app of the test's own, with environment variables of its own."""
    with ExitStack() as running:
        yield lambda **more: running.enter_context(serving_app(tmp_path, **more))


@pytest.fixture(scope="session")
def outside() -> Any:
    """The module that installs tools from outside and knows where they are."""
    path = ROOT / "tools" / "setup_outside.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the static site, served as any web server would do it."""
    from rpmatrix.serve.site import build_site

    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, which brings Pyodide")
    folder = build_site(tmp_path_factory.mktemp("site") / "built")
    # Only so that RUN_ALL_CELLS can reach the app.
    settings = folder / "jupyter-lite.json"
    data = json.loads(settings.read_text())
    data["jupyter-config-data"]["exposeAppInBrowser"] = True
    settings.write_text(json.dumps(data))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def copyfile(self, source: Any, outputfile: Any) -> None:
            with suppress(ConnectionError):  # the browser left while it was fetching ahead
                super().copyfile(source, outputfile)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def serving_lab(base: Path) -> Iterator[str]:
    """Run JupyterLab on a copy of the notebooks, set up as `rpmatrix lab` does it."""
    # Not at the top: a package that cannot be imported would stop tests that do not need it.
    from rpmatrix.serve import lab as launcher

    shutil.copytree(ROOT / "notebooks", base / "notebooks")
    environment = launcher.lab_environment()
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        environment[f"JUPYTER_{name}"] = str(base / name.lower())
    for name in ("SETTINGS_DIR", "WORKSPACES_DIR"):
        environment[f"JUPYTERLAB_{name}"] = str(base / name.lower())
    environment["IPYTHONDIR"] = str(base / "ipython")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True"),
        f"--ServerApp.root_dir={base}",
    ]
    log = base / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=base, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_it_answers(server, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on a copy of the notebooks."""
    with serving_lab(tmp_path_factory.mktemp("lab")) as address:
        yield address


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("JupyterLab did not start:\n" + log.read_text())


# The menu entry "Run All Cells" loses a race with the start of the kernel now and then; the
# command behind it, given once the kernel has answered, does not. A dialog that asks for a kernel
# would be waited for without end, so there is one.
RUN_ALL_CELLS = """async () => {
  const app = window.jupyterapp, panel = app.shell.currentWidget;
  const run = async () => {
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    await app.commands.execute('notebook:run-all-cells');
  };
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error('the notebook did not run to its end in 120 s')), 120_000));
  await Promise.race([run(), late]);
  return [...panel.content.widgets].filter(cell => cell.model.type === 'code').map(cell => ({
    source: cell.model.sharedModel.getSource(),
    count: cell.model.executionCount,
    errors: cell.model.outputs.toJSON().filter(output => output.output_type === 'error')
      .map(output => output.ename + ': ' + output.evalue),
  }));
}"""


def run_all(page: Any, address: str) -> Any:
    """Open a notebook at its address, run all its cells without an error, return the page."""
    page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext")
    cells = page.evaluate(RUN_ALL_CELLS)
    assert [cell for cell in cells if cell["errors"]] == []
    assert [cell for cell in cells if not cell["count"] and cell["source"].strip()] == []
    return page


@pytest.fixture
def open_in_lab(page: Any, lab: str) -> Callable[[str], Any]:
    """Open a notebook in JupyterLab and run it."""
    return lambda name: run_all(page, f"{lab}/lab/tree/notebooks/{name}?reset")


@pytest.fixture
def open_in_site(page: Any, site: str) -> Callable[[str], Any]:
    """Open a notebook of the static site and run it, without any server behind it."""
    return lambda name: run_all(page, f"{site}/lab/index.html?path={name}")
