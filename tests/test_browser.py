"""What people open, in a real browser: notebooks, the app; nobody else is asked for anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from rpmatrix.inventory.samples import sample_title
from rpmatrix.serve.app import app_pages
from rpmatrix.serve.site import NOT_THERE
from rpmatrix.workshop.cards import KINDS, Exercise, lettered
from rpmatrix.workshop.deal import exercises

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
SLUGS = [page.slug for page in app_pages()]
SIZES = {"laptop": (1366, 768), "phone": (420, 800)}

pytestmark = pytest.mark.browser


# --- notebooks in JupyterLab -----------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_in_jupyterlab(path: Path, open_in_lab: Callable[[str], Any]) -> None:
    page = open_in_lab(path.name)
    if shows_panel(path):
        page.wait_for_selector(".jp-OutputArea .widget-box", timeout=20_000)
    assert page.get_by_text("Error displaying widget").count() == 0
    assert cut(page.locator(".jp-OutputArea"), "button") == []


def shows_panel(path: Path) -> bool:
    """Whether a cell of the notebook ends by showing a panel."""
    cells = nbformat.read(path, as_version=4).cells
    last_lines = [cell.source.splitlines()[-1:] for cell in cells if cell.cell_type == "code"]
    return any("Panel(" in line for lines in last_lines for line in lines)


def test_an_overlay_is_edited_with_keys_alone(open_in_lab: Callable[[str], Any]) -> None:
    page = open_in_lab("90-extend-the-matrix.ipynb")
    panel = page.locator(".jp-OutputArea .rpm-panel").nth(1)
    panel.get_by_label("Title", exact=True).focus()
    page.keyboard.press("Home")
    page.keyboard.type("=")
    wrong = panel.get_by_text("which a spreadsheet takes for a formula")
    wrong.first.wait_for()
    assert wrong.count() == 2, "below its field, and in the list"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.labels[0].innerText") == "Grain"
    panel.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    panel.get_by_text("Nothing is wrong").wait_for()
    title = panel.get_by_label("Title", exact=True).element_handle()
    page.wait_for_function("title => title.value.startsWith('Ultra')", arg=title, timeout=5000)


# --- the app ---------------------------------------------------------------------------------


def opened(page: Any, app: str, slug: str) -> Any:
    """Open a page of the app, and give the part of it that shows the panel."""
    page.goto(f"{app}#{slug}")
    shown = page.locator(f"#page-{slug}")
    shown.locator(".rpm-panel .rpm").first.wait_for(timeout=60_000)
    return shown


def choose_sample(shown: Any, name: str) -> None:
    """Choose a sample in the panel of a page."""
    sample = shown.get_by_label("Sample", exact=True)
    sample.select_option(label=f"{sample_title(name)} ({name})")


@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_of_the_app_answers(
    slug: str, page: Any, app: str, console_errors: list[str]
) -> None:
    shown = opened(page, app, slug)
    assert page.locator(".app-page:visible").count() == 1
    assert page.locator("nav [aria-current=page]").inner_text() == shown.locator("h1").inner_text()

    view = shown.locator(".widget-html").last
    before = view.inner_html()
    shown.locator("select").first.select_option(index=1)
    page.wait_for_function(
        "([view, before]) => view.innerHTML !== before", arg=[view.element_handle(), before]
    )
    assert "This is a fault of rpmatrix" not in view.inner_text()
    assert console_errors == []


def test_thirty_clicks_give_thirty_answers(page: Any, app: str, console_errors: list[str]) -> None:
    shown = opened(page, app, "check-a-vm")
    answers = {"plain-linux": "supported", "shared-disk-cluster-node": "exclude disks"}
    for place in range(30):
        name = list(answers)[(place + 1) % 2]
        choose_sample(shown, name)
        shown.locator(".rpm-card .rpm-badge").get_by_text(answers[name]).first.wait_for()
        shown.get_by_text(f"rp.sample_vm('{name}')").wait_for()
    assert console_errors == []


def test_the_navigation_leads_from_page_to_page_and_back_without_loading(
    page: Any, app: str
) -> None:
    opened(page, app, SLUGS[0])
    page.evaluate("window.stillHere = true")
    page.get_by_role("link", name="Skip to the page").press("Tab")
    for slug in SLUGS[1:]:
        page.locator(f"nav a[href='#{slug}']").click()
        page.locator(f"#page-{slug}").wait_for(state="visible")
        assert page.evaluate("document.activeElement.id") == f"title-{slug}"
    page.go_back()
    page.locator(f"#page-{SLUGS[-2]}").wait_for(state="visible")
    assert page.title().startswith(page.locator("h1:visible").inner_text())
    assert page.evaluate("window.stillHere") is True


def test_no_link_moves_when_a_page_is_chosen(page: Any, app: str) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    opened(page, app, "check-a-vm")
    places = "[...document.querySelectorAll('nav a')].map(one => one.getBoundingClientRect().x)"
    before = page.evaluate(places)
    for slug in SLUGS:
        page.evaluate(f"location.hash = '{slug}'")
        page.wait_for_selector(f"#page-{slug}", state="visible")
        assert page.evaluate(places) == before


def test_a_page_that_is_left_ends_its_kernel(page: Any, app: str) -> None:
    """What was entered is in the kernel, so it must not stay when nobody can see it any more."""
    opened(page, app, "check-a-vm")
    config = "JSON.parse(document.getElementById('jupyter-config-data').textContent)"
    left = page.evaluate(f"{config}.kernelId")
    status = "left => fetch('/api/kernels/' + left).then(told => told.status)"
    assert page.evaluate(status, left) == 200
    page.reload()
    page.wait_for_function(f"left => ({status})(left).then(told => told === 404)", arg=left)


def test_the_token_leaves_the_address_and_the_page_opens_again(page: Any, app: str) -> None:
    opened(page, app, SLUGS[1])
    assert "token" not in page.url
    page.reload()
    page.locator(f"#page-{SLUGS[1]} .rpm-panel").wait_for(timeout=60_000)


def read_fleet(page: Any, shown: Any) -> None:
    """Leaf through the list of a fleet, open a VM, and save a file: all as a reader does it."""
    shown.get_by_role("button", name="Next page").click()
    shown.get_by_text(", page 2 of 8").wait_for()
    shown.get_by_label("Verdict", exact=True).select_option(label="? unknown")
    told = shown.get_by_text("of 200 VMs, page 1 of 2").inner_text()
    shown.get_by_label("Open a VM", exact=True).select_option(index=3)
    shown.get_by_text("Evidence for").wait_for()
    shown.get_by_role("button", name="Save as a file").click()
    shown.get_by_role("button", name="Make the file").click()
    with page.expect_download() as saved:
        shown.get_by_role("link", name="Save verdicts.csv").click()
    lines = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert saved.value.suggested_filename == "verdicts.csv"
    assert lines[0].startswith("vm_id,vm_name,mode,verdict,")
    assert len(lines) == 1 + 2 * int(told.partition(" of ")[0])


def test_a_fleet_is_leafed_through_and_taken_along(
    page: Any, app: str, console_errors: list[str]
) -> None:
    read_fleet(page, opened(page, app, "check-a-fleet"))
    assert console_errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_page_is_wider_than_the_window_and_it_follows_the_system(
    size: str, scheme: str, page: Any, app: str
) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    opened(page, app, SLUGS[0])
    ink = "e => getComputedStyle(e).color.match(/[0-9.]+/g).slice(0, 3).map(Number)"
    for slug in SLUGS:
        page.locator(f"nav a[href='#{slug}']").click()
        shown = page.locator(f"#page-{slug}")
        shown.wait_for(state="visible")
        for part in (page.locator("#rendered_cells"), shown):
            assert part.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, slug
        for part in (
            shown.locator("h1"),
            shown.locator("label").first,
            shown.locator("select").first,
        ):
            bright = sum(part.evaluate(ink)) > 3 * 128
            assert bright is (scheme == "dark"), slug


def cut(part: Any, what: str) -> list[str]:
    """Name the elements that show less than they hold, from one side to the other."""
    found: list[str] = part.locator(what).evaluate_all(
        "found => found.filter(one => one.offsetParent && one.scrollWidth > one.clientWidth)"
        ".map(one => one.ariaLabel || one.innerText)"
    )
    return found


@pytest.mark.parametrize("width", [420, 980])
def test_tables_are_read_without_scrolling_sideways(width: int, page: Any, app: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, app, SLUGS[0])
    for slug in SLUGS:
        page.locator(f"nav a[href='#{slug}']").click()
        shown = page.locator(f"#page-{slug}")
        shown.wait_for(state="visible")
        assert (slug, cut(shown, ".rpm-scroll"), cut(shown, "button")) == (slug, [], [])
    page.locator("nav a[href='#schedule']").click()
    limits = page.locator("#page-schedule").get_by_role("region", name="Limits")
    state = limits.locator("td").first.evaluate("e => getComputedStyle(e, '::before').content")
    assert state == ('"State"' if width == 420 else "none")


def test_a_table_with_more_below_shows_a_shadow_there(page: Any, app: str) -> None:
    table = opened(page, app, "read-the-matrix").locator(".rpm-scroll")
    table.scroll_into_view_if_needed()
    page.add_style_tag(content=".rpm-scroll > table { visibility: hidden; }")
    box = table.bounding_box()
    strip = {"x": box["x"] + 40, "y": box["y"] + box["height"] - 5, "width": 10, "height": 4}
    with_more = page.screenshot(clip=strip)
    table.evaluate("e => e.scrollTo(0, e.scrollHeight)")
    page.wait_for_function("e => e.scrollTop > 0", arg=table.element_handle())
    assert page.screenshot(clip=strip) != with_more


def faults(page: Any) -> list[tuple[str, str, list[str]]]:
    """Let axe judge what is shown: rule, what it asks for, and the elements that break it."""
    # It does not judge the contrast of what stands on a gradient, be it as far away as an edge.
    page.add_style_tag(content=".rpm-scroll { background: none !important; }")
    judged = page.evaluate("async () => await axe.run(document)")
    assert {"color-contrast", "heading-order", "select-name"} <= {
        one["id"] for one in judged["passes"]
    }
    return [
        (one["id"], one["help"], [node["html"][:200] for node in one["nodes"]])
        for one in judged["violations"]
    ]


@pytest.fixture
def axe(outside: Any) -> Path:
    """The script that judges a page."""
    if not outside.is_ready("axe-core"):
        pytest.skip("axe-core is not here; run: python tools/setup_outside.py")
    return Path(outside.folder() / "axe-core" / "axe.min.js")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_app_has_a_fault_of_accessibility(
    scheme: str, page: Any, app: str, axe: Path
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, app, SLUGS[0])
    page.add_script_tag(path=axe)
    found = []
    for slug in SLUGS:
        page.locator(f"nav a[href='#{slug}']").click()
        page.locator(f"#page-{slug}").wait_for(state="visible")
        found += [(slug, *fault) for fault in faults(page)]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_card_of_the_workshop_has_a_fault_of_accessibility(
    scheme: str, page: Any, app: str, axe: Path
) -> None:
    page.emulate_media(color_scheme=scheme)
    shown = opened(page, app, "exercise")
    page.add_script_tag(path=axe)
    for card in exercises(1, len(KINDS)):
        shown.get_by_label("Card", exact=True).select_option(index=card.number - 1)
        answer(shown, card)
        for fold in shown.locator("details").all():
            fold.locator("summary").first.click()
        assert (card.kind, faults(page)) == (card.kind, [])


def answer(shown: Any, card: Exercise) -> None:
    """Give an answer to a card, once the panel shows that card."""
    shown.get_by_text(f"Card {card.number}:").wait_for()
    shown.get_by_role("status").wait_for(state="detached")
    if card.form == "number":
        shown.get_by_label(f"Your answer in {card.unit}").fill("9999")
        shown.get_by_label(f"Your answer in {card.unit}").press("Tab")
    else:
        letter, choice = lettered(card)[0]
        named = f"{letter} {choice.text[:40]}"
        if card.form == "several":
            shown.get_by_label(named).check()
        else:
            shown.locator("option", has_text=named).wait_for(state="attached")
            shown.get_by_label("Your answer", exact=True).select_option(index=1)
    shown.get_by_role("button", name="Check the answer").click()
    shown.get_by_role("status").wait_for()


def test_what_changed_answers_for_tables_for_a_day_and_for_a_pasted_copy(
    page: Any, app: str, console_errors: list[str]
) -> None:
    shown = opened(page, app, "what-changed")
    shown.get_by_label("Tables after", exact=True).select_option("public-sources")
    shown.get_by_text("Another verdict for").wait_for()
    assert shown.get_by_role("img").count() == 2
    shown.get_by_label("Tables before, as of").fill("2023-10-01")
    shown.get_by_text("as of 2023-10-01").wait_for()
    shown.get_by_label("Compare", exact=True).select_option(index=1)
    shown.get_by_text("Paste a copy of the article").wait_for()
    shown.get_by_label("Article", exact=True).fill("# Cooking\n\nBoil the water.")
    page.keyboard.press("Tab")
    shown.get_by_text("This is hardly a copy of the article").wait_for()
    assert console_errors == []


FAULT = """
import rpmatrix.panels.panels
def show(self, vm):
    if vm.name != "web-01":
        raise RuntimeError("made to fail")
    return "<div class='rpm'>fine</div>"
rpmatrix.panels.panels.EligibilityPanel.show = show
"""


def test_a_callback_that_raises_shows_its_error_in_the_panel(
    page: Any, serve_app: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    shown = opened(page, serve_app(PYTHONPATH=str(tmp_path)), "check-a-vm")
    shown.get_by_text("fine").wait_for()
    choose_sample(shown, "shared-disk-cluster-node")
    shown.get_by_text("RuntimeError: made to fail").wait_for()
    choose_sample(shown, "plain-linux")
    shown.get_by_text("fine").wait_for()


# --- the static site -------------------------------------------------------------------------


def test_the_first_page_of_the_site_lists_the_notebooks(
    page: Any, site: str, console_errors: list[str]
) -> None:
    page.goto(site)
    links = page.get_by_role("listitem").get_by_role("link")
    named = [link.get_attribute("href").partition("path=")[2] for link in links.all()]
    assert named == [path.name for path in NOTEBOOKS]
    for width, _ in SIZES.values():
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    links.first.click()
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    assert console_errors == []


# Each starts a kernel of its own. The panels of 02 and 03 are used in the tests below; the others
# need nothing of a browser that these do not.
ON_THE_SITE = [path for path in NOTEBOOKS if path.stem[:2] in ("00", "07", "90", "95")]


@pytest.mark.parametrize("path", ON_THE_SITE, ids=lambda path: path.stem)
def test_a_notebook_of_the_site_runs_or_says_what_is_not_there(
    path: Path, page: Any, site: str, open_in_site: Callable[[str], Any]
) -> None:
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    if NOT_THERE.search(code):
        page.goto(f"{site}/lab/index.html?path={path.name}")
        page.get_by_text("Not in this browser:").first.wait_for(timeout=60_000)
    else:
        open_in_site(path.name)
        if shows_panel(path):
            page.wait_for_selector(".jp-OutputArea .rpm-panel", timeout=20_000)


def test_a_panel_of_the_site_answers_without_a_server(open_in_site: Callable[[str], Any]) -> None:
    page = open_in_site("02-check-a-vm.ipynb")
    panel = page.locator(".jp-OutputArea .rpm-panel").first
    panel.scroll_into_view_if_needed()
    choose_sample(panel, "shared-disk-cluster-node")
    panel.get_by_text("rp.sample_vm('shared-disk-cluster-node')").wait_for()
    assert panel.locator(".rpm-card .rpm-badge").get_by_text("exclude disks").count()


def test_a_fleet_of_the_site_is_read_without_numpy(
    page: Any, open_in_site: Callable[[str], Any]
) -> None:
    opened_page = open_in_site("03-check-a-fleet.ipynb")
    panel = opened_page.locator(".jp-OutputArea .rpm-panel").first
    panel.scroll_into_view_if_needed()
    read_fleet(page, panel)
