"""The report in Chromium: nothing requested, nothing said on the console, nothing wider than the page, no barrier."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.report.page import render
from tests.conftest import ROOT, Softliq
from tests.report_fixture import every_shape

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
VIEWS = [(width, scheme) for width in (1440, 400) for scheme in ("light", "dark")]
WIDER = """[...document.body.querySelectorAll("*")].filter(e => !e.closest(".scroll")
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""
BOXES = "[...document.querySelectorAll('.scroll')].map(e => [e.ariaLabel, e.scrollWidth - e.clientWidth])"

if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    one = every_shape()
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(one.evaluation, one.loaded, "softliq report every.policy book -o report.html"), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Any]:
    """Opens the report in a fresh context; ``page.said`` gathers console messages, errors and foreign requests."""
    contexts = []

    def call(width: int = 1440, scheme: str = "light", **options: Any) -> tuple[Any, list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(f"request: {request.url}") if request.url != address else None)
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.goto(address)
        return page, said

    yield call
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_quiet_and_no_wider_than_the_page(open_page: Any, width: int, scheme: str) -> None:
    page, said = open_page(width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.evaluate(WIDER)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.evaluate(WIDER)
    assert said == []


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_no_barrier_that_axe_knows(open_page: Any, width: int, scheme: str) -> None:
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    page, _ = open_page(width, scheme, bypass_csp=True)  # the page's own policy would keep axe out
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.evaluate((Path(package.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]] == []


def test_readable_without_script(open_page: Any) -> None:
    page, said = open_page(java_script_enabled=False)
    for ident in ("verdict", "tiers", "checks", "unknown", "worst", "curves", "text", "identity", "signatures"):
        assert page.locator(f"#{ident} h2").is_visible()
    assert page.locator("#theme").is_hidden() and page.locator(".filter").first.is_hidden()
    assert page.locator("#spread-account-860-t").count() == 1
    assert said == []


def test_only_the_drawings_of_the_width_are_shown(open_page: Any) -> None:
    for width, shown in ((1440, ".for-wide"), (400, ".for-narrow")):
        page, _ = open_page(width)
        for kind in (".for-wide", ".for-narrow"):
            visible = page.locator(f"{kind} svg").evaluate_all("all => all.map(e => e.getClientRects().length > 0)")
            assert visible and all(v == (kind == shown) for v in visible)


def test_print_is_light_and_shows_everything(open_page: Any) -> None:
    page, said = open_page(1440, "dark")
    page.emulate_media(media="print")
    assert page.locator(".contents").is_hidden() and page.locator("#theme").is_hidden()
    assert page.locator("#signatures").is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(24, 33, 44)"
    closed = page.locator("details:not([open]) table").first
    assert closed.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert said == []


def test_sorting_filter_and_theme(open_page: Any) -> None:
    page, said = open_page()
    first = page.locator("#worst-1 tbody tr").first.locator("th")
    before = first.inner_text()
    page.get_by_role("button", name="health").click()
    assert first.inner_text() == before
    page.get_by_role("button", name="health").click()
    assert first.inner_text() != before
    assert page.locator("#worst-1 th[aria-sort]").get_attribute("aria-sort") == "descending"

    page.locator("#worst input").fill(f" {first.inner_text().upper()} ")
    assert page.locator("#worst-1 tbody tr:visible").count() == 1
    assert page.locator("#worst [role=status]").inner_text() == "1 of 20"

    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    assert page.locator("#theme").inner_text() == "Light"
    assert said == []


def test_the_tables_of_a_shipped_book_are_seen_whole_on_a_wide_page(
    browser: Any, softliq: Softliq, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    demo = [str(ROOT / "policies" / name) for name in ("perpetuals.policy", "snapshots/perpetuals")]
    assert softliq("report", *demo, "--allow-unknown", "2%", "-o", str(path)).code == 0
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(path.as_uri())
    boxes = page.evaluate(BOXES)
    page.close()
    assert len(boxes) > 5 and [label for label, hidden in boxes if hidden > 0] == []
