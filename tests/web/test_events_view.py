"""Events: streams, one stream's events as they were put, and what they look like, as the API says it."""

import json

import httpx
import pytest
from axe_findings import findings
from browsing import NARROW
from harness import PATIENCE_SECONDS, ServerProcess
from playwright.sync_api import expect

ROWS = "tbody tr[aria-rowindex]"
MARKUP = '<img src=x onerror="globalThis.hacked = true"><b>bold</b>'
BIG = "12345678901234567890"
CLICKS = 230


def put(server, text):
    """Puts events of this JSON text, which may have numbers that no float holds."""
    stored = httpx.post(
        f"http://{server.http}/api/v1/events?service=shop",
        content=text,
        headers={"Content-Type": "application/json"},
        timeout=PATIENCE_SECONDS,
    )
    assert stored.status_code == 201, stored.text


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Clicks on two pages, one event with nested parts and a number of twenty digits, and a stream of markup."""
    clicks = [{"user": index, "page": {"name": f"p{index % 3}"}} for index in range(CLICKS)]
    with ServerProcess(tmp_path_factory.mktemp("events") / "data") as server:
        put(server, json.dumps({"shop.clicks": clicks}))
        put(server, f'{{"shop.sales": [{{"total": {BIG}, "price": 1.0, "items": [{{"sku": "t"}}], "paid": true}}]}}')
        put(server, json.dumps({MARKUP: [{MARKUP: MARKUP, "__proto__": "p", "long": "x" * 20_000}]}))
        yield server


def test_streams_lead_to_their_events_page_by_page(page, served):
    """Counts and names are the API's; the newest events come first, the rest is one page on; Back returns."""
    page.goto("/?view=events")
    expect(page.get_by_role("status")).to_have_text("3 streams")
    streams = {row["name"]: row for row in served.get("/api/v1/streams").json()["rows"]}
    table = page.get_by_role("table", name="Streams")
    for name, row in streams.items():
        line = table.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(line.locator("td").nth(1)).to_have_text(str(row["count"]))
    page.get_by_role("link", name="shop.clicks").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shop.clicks")
    expect(page.get_by_role("status")).to_have_text("200 events, and more")
    expect(page.locator(ROWS).first.locator("td").last).to_have_text(
        f'{{"user":{CLICKS - 1},"page":{{"name":"p{(CLICKS - 1) % 3}"}}}}'
    )
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("status")).to_have_text(f"{CLICKS - 200} events")
    page.get_by_label("Order").select_option("oldest")
    expect(page.locator(ROWS).first).to_contain_text('"user":0,')
    assert "page=" not in page.url
    page.get_by_label("Add a column").select_option("attr.user")
    expect(page.get_by_role("columnheader")).to_have_text(["Time", "Service", "user", "Event"])
    expect(page.locator(ROWS).first.locator("td").nth(2)).to_have_text("0")
    page.get_by_role("link", name="All streams").click()
    expect(page.get_by_role("status")).to_have_text("3 streams")
    page.go_back()
    expect(page.get_by_role("columnheader")).to_have_count(4)


def test_an_event_and_its_schema_are_shown_whole(page, served):
    """Every digit, and fields of any depth as columns; the schema is the API's, and the mode is in the URL."""
    page.goto("/?view=events&stream=shop.sales")
    expect(page.locator(ROWS).first).to_contain_text(f'{{"total":{BIG},"price":1.0,')
    page.locator(ROWS).first.locator("a").click()
    record = page.get_by_role("complementary", name="The record")
    expect(record.get_by_label("Body", exact=True)).to_contain_text(f'"total": {BIG}')
    record.get_by_role("link", name="Show body.items.0.sku as a column").click()
    expect(page.locator(ROWS).first.locator("td").nth(2)).to_have_text("t")
    with page.expect_download() as saved:
        page.get_by_role("button", name="JSON", exact=True).click()
    (event,) = json.loads(saved.value.path().read_text())
    assert (event["total"], event["paid"], "@time" in event) == (int(BIG), True, True)
    page.keyboard.press("Escape")
    expect(record).to_be_hidden()
    page.get_by_role("link", name="Schema").click()
    schema = served.get("/api/v1/event_schema", stream="shop.sales").json()
    parts = page.get_by_role("table", name="Parts of the events")
    expect(parts.locator("tbody tr")).to_have_count(len(schema["rows"]))
    assert json.loads(page.get_by_label("JSON Schema").text_content()) == schema["json_schema"]
    page.reload()
    expect(parts).to_be_visible()
    page.go_back()
    expect(page.locator(ROWS).first).to_contain_text(BIG)


def test_hostile_streams_are_text_and_axe_finds_nothing(page):
    page.goto("/?view=events")
    page.get_by_role("link", name=MARKUP).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    page.get_by_label("Add a column").select_option("attr.__proto__")
    expect(page.locator(ROWS).first.locator("td").nth(2)).to_have_text("p")
    page.locator(ROWS).first.locator("a").click()
    expect(page.get_by_role("complementary", name="The record")).to_contain_text(MARKUP)
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main img, main b").count() == 0
    assert page.evaluate("globalThis.hacked") is None
