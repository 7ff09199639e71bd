"""axe finds nothing serious, in both themes and on both widths; a narrow page does not scroll sideways."""

import json

import pytest
from axe_findings import findings
from browsing import NARROW, WIDE
from playwright.sync_api import expect
from shop_spans import FUNCTIONS

STATES = {
    "functions": lambda page: None,
    "time": lambda page: page.keyboard.press("t"),
    "help": lambda page: page.keyboard.press("?"),
    "calls": lambda page: page.get_by_role("button", name="API", exact=True).click(),
    "offers": lambda page: page.locator("#filter").press_sequentially("stat"),
    "nothing": lambda page: page.goto("/?filter=name%3Dnobody"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing_serious(page, scheme, size):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    for name, reach in STATES.items():
        page.goto("/")
        expect(page.locator("tbody .spark")).to_have_count(len(FUNCTIONS))
        reach(page)
        if name == "nothing":
            expect(page.get_by_role("heading", name="No calls here")).to_be_visible()
        assert findings(page) == [], name
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} is {json.dumps(width)} wide"


def test_everything_can_be_reached_by_tab(page):
    """From the bar through the table's one stop to the end, and each stop is seen."""
    page.goto("/")
    expect(page.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))
    reached, rows = [], set()
    for _ in range(60):
        page.keyboard.press("Tab")
        rows.add(page.evaluate("document.activeElement.closest('tbody a')?.closest('tr').ariaRowIndex"))
        reached.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
        if reached[-1] == "API" and len(reached) > 20:
            break
    assert reached[0] == "Skip to the content"
    for stop in ("Filter", "Service", "Refresh", "Name contains", "JSON", "Functions", "Function", "total"):
        assert stop in reached, reached
    # Of all rows, one; cards name functions, too.
    assert len(rows - {None}) == 1
