"""Log records: timeline and table say what the API says, whatever narrows them, and a record is shown whole as text."""

import csv
import json
import re
import time
from datetime import UTC, datetime

import grpc
import pytest
from axe_findings import findings
from browsing import NARROW, WIDE
from harness import EXPORT_LOGS, ServerProcess
from log_records import Made, records
from playwright.sync_api import expect

SECOND = 1_000_000_000
ROWS = "tbody tr[aria-rowindex]"
MARKUP = '<img src=x onerror="globalThis.hacked = true"><script>globalThis.hacked = true</script>'
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"
LEVELS = ((9, "INFO"), (9, "INFO"), (5, "DEBUG"), (13, "WARN"), (17, "ERROR"), (0, ""))
TRACE, SPAN = "ab" * 16, "cd" * 8
ORDERS = 300
BIG = "12345678901234567890"
END = int(time.time()) // 60 * 60
"""The end of the window that all records lie in, a whole minute."""


def order(index):
    """One in four seconds; of six, one is a warning, one an error with its stack trace, and one has no level."""
    level, word = LEVELS[index % len(LEVELS)]
    attributes = {"user.id": f"u{index % 7}", "code.file.path": "/app/orders.py", "code.line.number": str(index)}
    if word == "ERROR":
        attributes["exception.stacktrace"] = (
            'Traceback (most recent call last):\n  File "orders.py", line 7\nKeyError: 7'
        )
    return Made((END - 4 * (index + 1)) * SECOND, f"order {index} of tea", level, attributes=attributes, severity=word)


def hostile():
    """Bodies, names and values that would do harm as markup, and that no column should break by."""
    texts = [MARKUP, RIGHT_TO_LEFT, "a" * 20_000, "line\nbreak", "{not json", "__proto__", 'quote"d \\ ,comma']
    return [
        Made((END - 3000 - index) * SECOND, text, event=text[:200], attributes={text[:200]: text}, severity=text[:50])
        for index, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Three loggers of two services: orders in twenty minutes, one JSON body of a span, hostile texts before."""
    body = f'{{"order": {{"id": {BIG}, "items": [{{"price": 1.0}}]}}, "who": "ann"}}'
    made = Made(
        (END - 2000) * SECOND, body, 9, "shop.ordered", {"a key, odd": "x y"}, bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    )
    with ServerProcess(tmp_path_factory.mktemp("logs") / "data") as server:
        for message in (
            records("shop", map(order, range(ORDERS)), scope="app.orders", resource={"host.name": "h1"}),
            records("billing", [made], scope="app.bills"),
            records("<b>hostile</b>", hostile(), scope=MARKUP),
        ):
            assert server.export(message.SerializeToString(), method=EXPORT_LOGS) == [grpc.StatusCode.OK]
        yield server


def moment(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


WINDOW = {"since": moment(END - 3600), "until": moment(END)}


@pytest.fixture
def logs(page):
    """Opens the view on the window with these further parts of the URL, and waits until all of it is drawn."""

    def open_view(**more):
        query = "&".join(f"{name}={value}" for name, value in {"view": "logs", **WINDOW, **more}.items())
        page.goto(f"/?{query}")
        drawn(page)
        return page

    return open_view


def drawn(page):
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")


def status(page):
    return page.locator(".logs .shown")


def messages(page):
    """Those in sight, and some more."""
    return page.locator(f"{ROWS} td:last-child").all_inner_texts()


def test_timeline_and_table_are_the_apis(logs, served):
    """As many records as the API counts, of each level; rows of the newest page, with level in words."""
    page = logs()
    counted = served.get("/api/v1/timeline", **WINDOW).json()
    expect(status(page)).to_have_text(f"200 of {counted['records']} records")
    words = page.locator(".timeline figcaption").text_content()
    for level in ("error", "warn", "info", "debug", "unspecified"):
        assert f"{sum(row[level] for row in counted['rows'])} {level}" in words
    expect(page.locator(".timeline .legendtext")).to_have_text(["error", "warn", "info", "debug", "unspecified"])
    rows = served.get("/api/v1/logs", **WINDOW, limit="6").json()["rows"]
    shown = [line.locator("td").all_inner_texts() for line in page.locator(ROWS).all()[:6]]
    assert [cells[1:] for cells in shown] == [
        [row["severity"] or "\N{EN DASH}", row["service"], row["scope"], row["body"]] for row in rows
    ]
    # The browser's zone is five and a half hours ahead.
    india = [
        datetime.fromtimestamp(row["time_unix_ns"] // SECOND + 19_800, UTC).strftime("%m-%d %H:%M:%S.000")
        for row in rows
    ]
    assert [cells[0] for cells in shown] == india


def test_pages_are_in_the_url(logs, served):
    """Each page goes on where the one before ended, either way; Back returns, another question begins anew."""
    page = logs()
    page.get_by_role("link", name="Older").click()
    expect(status(page)).to_have_text("108 of 308 records")
    expect(page.locator(ROWS).first).to_contain_text("order 200 of tea")
    page.reload()
    expect(page.locator(ROWS).first).to_contain_text("order 200 of tea")
    expect(page.get_by_role("link", name="Older")).to_be_hidden()
    page.get_by_label("Level").select_option("warn")
    expect(status(page)).to_have_text(f"{ORDERS // 3} records")
    assert "page=" not in page.url
    expect(page.locator(ROWS).first).to_contain_text("order 3 of tea")
    page.go_back()
    page.go_back()
    expect(page.locator(ROWS).first).to_contain_text("order 0 of tea")
    page.get_by_label("Order").select_option("oldest")
    expect(page.locator(ROWS).first).to_contain_text("quote")
    expect(page.get_by_role("link", name="Newer")).to_be_visible()


def test_records_are_narrowed_by_level_text_logger_and_filter(logs, watch):
    """All at once, and a filter that makes no sense is marked where it was written, whatever else narrows."""
    watch.allow("status of 400")
    page = logs()
    page.get_by_label("Text of the message").fill("ORDER 29")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("11 records")
    page.get_by_label("Logger begins with").fill("app.o")
    page.get_by_label("Level").select_option("error")
    expect(status(page)).to_have_text("2 records")
    assert messages(page) == ["order 292 of tea", "order 298 of tea"]
    page.locator("#filter").fill("attr.user.id=u1 levl=warn")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-problem")).to_contain_text("column 17")
    assert page.locator("#filter-problem pre").inner_text().splitlines()[1] == " " * 16 + "^"
    page.locator("#filter").fill("attr.user.id=nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No log records here")).to_be_visible()
    page.get_by_role("link", name="Without filter").click()
    expect(status(page)).to_have_text("200 of 308 records")
    expect(page.get_by_label("Text of the message")).to_have_value("")


def test_the_filter_offers_what_records_have(logs):
    """Fields of records, levels, loggers and attributes; a filter over records is not taken to views of spans."""
    page = logs()
    page.keyboard.press("/")
    page.keyboard.type("logger=")
    offers = page.locator("#offers").get_by_role("option")
    expect(offers).to_have_text(["app.orders "])
    page.locator("#filter").fill("")
    page.keyboard.type("attr.user.id=u3")
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text(f"{len(range(3, ORDERS, 7))} records")
    page.get_by_role("link", name="Functions", exact=True).click()
    expect(page.get_by_role("heading", name="Waiting for a first span")).to_be_visible()
    assert "filter=" not in page.url
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(status(page)).to_contain_text("308 records")


def test_what_is_dragged_on_the_timeline_becomes_the_window(logs, served):
    """The table has the records of it; Escape takes it back, and so does Back."""
    page = logs()
    box = page.locator(".timeline .nsewdrag").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, middle, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile("whole="))
    expect(status(page)).not_to_have_text("200 of 308 records")
    drawn(page)
    window = {end: re.search(f"{end}=([^&]+)", page.url)[1].replace("%3A", ":") for end in WINDOW}
    assert WINDOW["since"] < window["since"] < window["until"] < WINDOW["until"]
    shown = served.get("/api/v1/timeline", **window).json()["records"]
    assert 0 < shown < 200
    expect(status(page)).to_have_text(f"{shown} records")
    page.locator(ROWS).first.locator("a").focus()
    page.keyboard.press("Escape")
    expect(status(page)).to_have_text("200 of 308 records")
    assert "whole" not in page.url
    page.go_back()
    expect(status(page)).to_have_text(f"{shown} records")
    page.get_by_role("link", name=re.compile("^Back to:")).click()
    expect(status(page)).to_have_text("200 of 308 records")


def test_a_record_is_shown_whole_and_leads_on(logs):
    """JSON is spread out with every digit, values filter, fields become columns, and the URL has all of it."""
    page = logs(filter=f"trace_id={TRACE}")
    page.locator(ROWS).first.locator("a").focus()
    page.keyboard.press("Enter")
    record = page.get_by_role("complementary", name="The record")
    expect(record.get_by_label("Body", exact=True)).to_contain_text(f'"id": {BIG}')
    assert '      "price": 1.0' in record.get_by_label("Body", exact=True).inner_text().replace(
        "\N{NO-BREAK SPACE}", " "
    )
    expect(record).to_contain_text("shop.ordered")
    assert f"&trace={TRACE}&span={SPAN}" in record.get_by_role("link", name=TRACE).get_attribute("href")
    record.get_by_role("link", name="Show body.order.id as a column").click()
    record.get_by_role("link", name="Show attr.a key, odd as a column").click()
    expect(page.get_by_role("columnheader")).to_have_text(
        ["Time", "Level", "Service", "Logger", "order.id", "a key, odd", "Message"]
    )
    page.reload()
    expect(page.locator(ROWS).first.locator("td").nth(4)).to_have_text(BIG)
    expect(page.locator(ROWS).first.locator("td").nth(5)).to_have_text("x y")
    expect(record).to_contain_text("shop.ordered")
    record.get_by_role("link", name="x y").click()
    expect(page.locator("#filter")).to_have_value(f'(trace_id={TRACE}) attr."a key, odd"="x y"')
    expect(status(page)).to_have_text("1 record")
    page.keyboard.press("Escape")
    expect(record).to_be_hidden()
    page.go_back()
    expect(record).to_be_visible()
    page.get_by_role("link", name="Remove the column body.order.id").first.click()
    expect(page.get_by_role("columnheader")).to_have_count(6)


def test_an_exception_can_be_read_and_a_record_that_is_gone_is_said(logs, watch):
    """The stack trace line by line, and where it was logged; a record that is not stored leaves the rest alone."""
    watch.allow("status of 404")
    page = logs(level="error")
    page.locator(ROWS).first.locator("a").click()
    record = page.get_by_role("complementary", name="The record")
    expect(record.get_by_label("Stack trace")).to_contain_text('  File "orders.py", line 7\nKeyError: 7')
    expect(record).to_contain_text("/app/orders.py:4")
    expect(record.get_by_role("link", name="h1", exact=True)).to_have_attribute(
        "href", re.compile("filter=resource.host.name%3Dh1")
    )
    page = logs(record="f" * 32)
    expect(record.get_by_role("alert")).to_contain_text("is stored")
    expect(status(page)).to_have_text("200 of 308 records")


def test_what_is_shown_can_be_saved(logs, served):
    """As JSON and CSV, with the API's values."""
    page = logs(text="order 29")
    rows = served.get("/api/v1/logs", **WINDOW, text="order 29").json()["rows"]
    for name, read in (("JSON", json.loads), ("CSV", lambda text: list(csv.DictReader(text.splitlines())))):
        with page.expect_download() as saved:
            page.get_by_role("button", name=name).click()
        found = read(saved.value.path().read_text())
        assert [(str(one["time_unix_ns"]), one["id"], one["body"]) for one in found] == [
            (str(row["time_unix_ns"]), row["id"], row["body"]) for row in rows
        ]


def test_hostile_texts_are_text(logs, served):
    """In bodies, names of events and attributes, levels, loggers and columns: nothing becomes an element or runs."""
    page = logs(
        service="<b>hostile</b>",
        columns="attr.__proto__,attr.%253Cimg%2520src%253Dx%253E,body.__proto__,%25E0%25A4%25A",
    )
    stored = served.get("/api/v1/logs", **WINDOW, service="<b>hostile</b>").json()["rows"]
    cells = page.locator(f"{ROWS} td:last-child")
    expect(cells).to_have_count(len(stored))
    texts = cells.evaluate_all("cells => cells.map((cell) => cell.textContent)")
    assert texts == [row["body"][:300] + "…" if len(row["body"]) > 300 else row["body"] for row in stored]
    record = page.get_by_role("complementary", name="The record")
    for index, row in enumerate(stored):
        page.locator(ROWS).nth(index).locator("a").click()
        expect(record.get_by_label("Body", exact=True)).to_have_text(row["body"], use_inner_text=False)
        for link in record.get_by_role("link", name=re.compile("^Show ")).all():
            assert link.get_attribute("href").startswith("?view=logs")
    assert page.locator("main img, main script, main b").count() == 0
    assert page.evaluate("globalThis.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_and_it_fits(logs, page):
    """In both themes and on both widths, with a record open."""
    newest = page.request.get("/api/v1/logs", params={**WINDOW, "level": "error", "limit": "1"}).json()["rows"][0]["id"]
    logs(columns="attr.user.id", record=newest)
    expect(page.get_by_label("Stack trace")).to_be_visible()
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert findings(page) == [], (size, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
