"""Reading the page of a function: what its charts are drawn from, all rows of its tables, and dragging on a chart."""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from harness import PATIENCE_SECONDS, ServerProcess
from payment_spans import FUNCTION, MINUTE, SERVICE
from playwright.sync_api import FloatRect, Locator, Page, expect

T = TypeVar("T")
NOW = time.time_ns() // MINUTE * MINUTE


def iso(unix_ns: int) -> str:
    """A whole second as URLs have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_ns // 10**9))


# No panel that is near has yet to come, and to push others down.
_NOTHING_IS_AWAITED = """() => [...document.querySelectorAll(".part:is(.waiting, [aria-busy])")].every((part) => {
    const { top, bottom, height } = part.getBoundingClientRect();
    return height === 0 || bottom < -300 || top > innerHeight + 300;
})"""
# Resolves when the rows that are in sight then are drawn, which is in the next frame, whenever that comes.
_SCROLLED = """(box, by) => {
    box.scrollBy(0, by);
    return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
# The slow hour, in whole minutes: what is in it does not change while tests run.
HOUR = {"since": iso(NOW - 60 * MINUTE), "until": iso(NOW)}
ASKED = {**HOUR, "service": SERVICE, "name": FUNCTION}


class FunctionPage:
    """The page of the function, open in `page`, and the API's answers to the same questions."""

    def __init__(self, page: Page, server: ServerProcess) -> None:
        self.page = page
        self.server = server

    def open(self, **more: str) -> "FunctionPage":
        """Goes there, with these parts of the URL besides, and waits for the first chart."""
        query = "&".join(f"{name}={quote(value)}" for name, value in {**ASKED, **more}.items() if value)
        self.page.goto(f"/?view=function&{query}")
        expect(self.part("over-time").locator(".nsewdrag").first).to_be_attached()
        return self

    def part(self, name: str) -> Locator:
        """A panel, by its class."""
        return self.page.locator(f".part.{name}")

    def seen(self, name: str) -> Locator:
        """A panel, scrolled to and with its numbers."""
        part = self.part(name)
        part.scroll_into_view_if_needed()
        expect(part.locator(".said")).to_be_hidden()
        expect(part).not_to_have_attribute("aria-busy", "true")
        return part

    def ask(self, question: str, **parameters: str) -> dict[str, Any]:
        """The API's answer; `since=None` and the like leave out what is asked otherwise."""
        given = {name: value for name, value in {**ASKED, **parameters}.items() if value is not None}
        answer = self.server.get(f"/api/v1/{question}", **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def at_rest(self, element: Locator) -> FloatRect:
        """Where it is on the screen, once no panel that is near has yet to come and it stays there."""
        self.page.wait_for_function(_NOTHING_IS_AWAITED)
        return _at_rest(element)

    def traces(self, name: str) -> list[dict[str, Any]]:
        """What the chart of a panel is drawn from."""
        plot = self.part(name).locator(".plot")
        return plot.evaluate("({data}) => data.map(({name, x, y, z}) => ({name, x: [...x], y: [...y], z}))")

    def drag(self, name: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags over a panel's chart, from and to points given as shares of its width and height."""
        part = self.seen(name)
        area = part.locator(".nsewdrag").first
        expect(area).to_be_attached()
        expect(self.page.locator("main")).to_have_attribute("aria-busy", "false")
        # In the middle of the page, so that nothing lies over it; and where it stays.
        part.locator(".plot").evaluate("(plot) => plot.scrollIntoView({block: 'center', behavior: 'instant'})")
        self.page.wait_for_function(_NOTHING_IS_AWAITED)
        box = _at_rest(area)
        points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (begin, end)]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        self.page.mouse.move(*points[1], steps=8)
        self.page.mouse.up()

    def formatted(self, function: str, *values: Any) -> list[str]:
        """Numbers as format.js writes them, which has a test of its own."""
        return self.page.evaluate(
            """async ([name, values]) => {
                const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
                const format = await import(`${build}/js/format.js`);
                return values.map((value) => format[name](value));
            }""",
            [function, list(values)],
        )

    def questions(self) -> list[str]:
        """What the page has asked so far, each with its parameters."""
        asked = self.page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
        return [url.partition("/api/v1/")[2] for url in asked if "/api/v1/" in url]


def _at_rest(element: Locator) -> FloatRect:
    """Where it is, once it has not moved for a moment."""
    before = None
    while (box := element.bounding_box()) is None or box != before:
        before = box
        element.page.wait_for_timeout(300)
    return box


def rows_of(table: Locator) -> list[list[str]]:
    """The texts of all rows of a table that keeps only those in sight in the document."""
    found: dict[int, list[str]] = {}
    count = int(table.locator("table").get_attribute("aria-rowcount") or 0) - 1
    deadline = time.monotonic() + PATIENCE_SECONDS
    table.evaluate(_SCROLLED, -table.evaluate("(box) => box.scrollHeight"))
    while len(found) < count and time.monotonic() < deadline:
        seen = table.locator("tbody tr[aria-rowindex]").evaluate_all(
            "(rows) => rows.map((row) => [row.ariaRowIndex, [...row.cells].map((cell) => cell.textContent)])"
        )
        found |= {int(index): cells for index, cells in seen}
        table.evaluate(_SCROLLED, table.evaluate("(box) => box.clientHeight"))
    return [found[index] for index in sorted(found)]


def eventually(read: Callable[[], T], expected: T) -> None:
    """Waits until what is read is as expected, and otherwise shows how it differs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := read()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected
