"""A real browser before a real server. A page fails its test by any error on its console and any request elsewhere."""

from collections.abc import Iterator

import pytest
from browsing import ARGUMENTS, CHROMIUM, WIDE, Watch, fill
from harness import PATIENCE_SECONDS, ServerProcess
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from shop_spans import shop_requests

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for each module: while it runs, so does Playwright's event loop, beside which no other may run."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[ServerProcess]:
    """The server that `page` is of: one for each module, with the shop's spans. Modules may have another."""
    with ServerProcess(tmp_path_factory.mktemp("web") / "data") as server:
        fill(server, *shop_requests())
        yield server


@pytest.fixture
def watch(served) -> Watch:
    return Watch(f"http://{served.http}")


@pytest.fixture
def context(browser, served, watch) -> Iterator[BrowserContext]:
    """A browser profile of its own, wide and light, in a zone that is not UTC."""
    made = browser.new_context(
        base_url=f"http://{served.http}",
        viewport=WIDE,
        color_scheme="light",
        timezone_id="Asia/Kolkata",
        accept_downloads=True,
    )
    made.set_default_timeout(PATIENCE_SECONDS * 1000)
    made.on("page", watch.of)
    yield made
    made.close()
    watch.check()


@pytest.fixture
def page(context) -> Page:
    """An empty page: `page.goto("/?view=..")`."""
    return context.new_page()
