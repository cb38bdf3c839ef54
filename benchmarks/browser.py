"""How soon a panel answers in a browser: from the click to the changed verdict on the screen.

python benchmarks/browser.py

Thirty changes of the sample in the panel that checks a VM, between two samples whose verdicts
differ, in the app, in JupyterLab, and on the static site where no server answers. The clock runs
in the page: from the event that a click causes until the new verdict is in the document. For the
app also: from its word that it is ready until its first page shows a verdict, in a browser that
is open already. Needs the extras `test` and a Chromium.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

from playwright.sync_api import sync_playwright

from rpmatrix.inventory.samples import sample_title
from rpmatrix.serve.site import build_site

ROOT = Path(__file__).resolve().parents[1]
CLICKS = 30
SAMPLES = {"plain-linux": "supported", "shared-disk-cluster-node": "exclude disks"}
CHANGE = """async ([panel, label, name, verdict]) => {
  const labels = [...panel.querySelectorAll('label')];
  const named = labels.find(one => one.textContent.trim() === 'Sample');
  const select = document.getElementById(named.htmlFor);
  const shown = () => panel.textContent.includes("sample_vm('" + name + "')")
    && [...panel.querySelectorAll('.rpm-badge')].some(one => one.textContent.includes(verdict));
  return await new Promise((done, late) => {
    setTimeout(() => late(new Error('no answer in 10 s')), 10_000);
    const start = performance.now();
    const look = new MutationObserver(() => {
      if (shown()) { look.disconnect(); done(performance.now() - start); }
    });
    look.observe(panel, { subtree: true, childList: true, characterData: true });
    select.selectedIndex = [...select.options].findIndex(
      one => one.textContent.replaceAll('\\u00a0', ' ') === label);
    select.dispatchEvent(new Event('change', { bubbles: true }));
  });
}"""


def fixtures() -> ModuleType:
    """Give the module whose helpers the browser tests use."""
    path = ROOT / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("browser_fixtures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clicks(panel: Any) -> list[float]:
    """Give the milliseconds of each change; the first two, which warm up, are not counted."""
    times = []
    handle = panel.element_handle()
    for place in range(CLICKS + 2):
        name = list(SAMPLES)[(place + 1) % 2]
        label = f"{sample_title(name)} ({name})"
        times.append(panel.page.evaluate(CHANGE, [handle, label, name, SAMPLES[name]]))
    return times[2:]


@contextmanager
def serving_site(folder: Path) -> Iterator[str]:
    """Build the static site and serve it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def copyfile(self, source: Any, outputfile: Any) -> None:
            with suppress(ConnectionError):  # the browser left while it was fetching ahead
                super().copyfile(source, outputfile)

    built = build_site(folder / "built", tell=lambda line: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def run_in_lab(page: Any, address: str) -> Any:
    """Open a notebook at its address, run it, and give its first panel."""
    page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    # Before the kernel is there, its restart would not be asked for.
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_role("button", name="Restart the kernel and run all cells").click()
    restart = page.get_by_role("button", name="Confirm Kernel Restart")
    restart.click()
    panel = page.locator(".jp-OutputArea .rpm-panel").first
    panel.locator(".rpm-badge").first.wait_for(timeout=120_000)
    page.wait_for_timeout(5000)  # the cells after it
    return panel


def main() -> int:
    """Measure and print."""
    tests = fixtures()
    chromium = tests.find_chromium()
    if chromium is None:
        print("no Chromium found; install one or name it in RPMATRIX_CHROMIUM")
        return 1
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name:
        browser = playwright.chromium.launch(executable_path=chromium, args=tests.CHROMIUM_FLAGS)

        def told(where: str, times: list[float]) -> None:
            median, worst = statistics.median(times), max(times)
            print(f"  {where:<14} median {median:6.1f} ms   worst {worst:6.1f} ms", flush=True)

        def measured(where: str, opened: Callable[[Any], Any]) -> None:
            page = browser.new_page()
            told(where, clicks(opened(page)))
            page.close()

        print(f"click to changed verdict, {CLICKS} clicks:")
        folder = Path(name) / "app"
        folder.mkdir()
        first = []
        for _ in range(3):
            with tests.serving_app(folder) as address:
                start = time.perf_counter()
                page = browser.new_page()
                page.goto(f"{address}#check-a-vm")
                panel = page.locator("#page-check-a-vm .rpm-panel")
                panel.locator(".rpm-badge").first.wait_for()
                first.append(time.perf_counter() - start)
                if len(first) == 3:
                    told("app", clicks(panel))
                page.close()
        folder = Path(name) / "lab"
        folder.mkdir()
        with tests.serving_lab(folder) as address:
            where = f"{address}/lab/tree/notebooks/02-check-a-vm.ipynb?reset"
            measured("JupyterLab", lambda page: run_in_lab(page, where))
        with serving_site(Path(name)) as address:
            where = f"{address}/lab/index.html?path=02-check-a-vm.ipynb"
            measured("static site", lambda page: run_in_lab(page, where))
        median, worst = statistics.median(first), max(first)
        print(f"app ready to first verdict, {len(first)} starts:")
        print(f"  median {median:.1f} s   worst {worst:.1f} s")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
