"""A real browser before a real server. A page fails its test by any error on its console and any request elsewhere."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
from shop_spans import shop_requests

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# No sandbox, because tests run as root in containers; and nothing that would ask the network on its own account.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

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


def fill(server: ServerProcess, *requests) -> None:
    """Stores the requests."""
    assert set(server.export(*(request.SerializeToString() for request in requests))) == {grpc.StatusCode.OK}


@dataclass
class Watch:
    """What a page did that it should not; `allow` names errors that a test is about, by a pattern."""

    origin: str
    allowed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        self.allowed.append(pattern)

    def of(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.on("request", self._asked)

    def check(self) -> None:
        unexpected = [error for error in self.errors if not any(re.search(one, error) for one in self.allowed)]
        assert (unexpected, self.elsewhere) == ([], [])

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", f"blob:{self.origin}")):
            self.elsewhere.append(request.url)


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
