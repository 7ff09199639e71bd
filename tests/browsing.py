"""A real browser for tests: how it is started, and what a page must not do while a test looks at it."""

import re
import shutil
from dataclasses import dataclass, field

import grpc
from harness import ServerProcess
from playwright.sync_api import ConsoleMessage, Page, Request

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
