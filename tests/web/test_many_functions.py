"""Ten thousand functions: all of them there, few of them in the document, and quick to find one among."""

import itertools
import re
import time

import pytest
from browsing import fill
from harness import ServerProcess
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import SECOND, request
from playwright.sync_api import expect

COUNT = 10_000
MOST_ROWS = 80
VISIBLE = "tbody tr[aria-rowindex]"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Each called once; the first takes the longest."""
    start = time.time_ns() - 60 * SECOND
    message = request("many", [(COUNT - index) * 1000 for index in range(COUNT)], start_ns=start)
    for index, span in enumerate(message.resource_spans[0].scope_spans[0].spans):
        span.name = f"module_{index % 100:02}.function_{index:05}"
    whole = message.SerializeToString()
    assert len(ExportTraceServiceRequest.FromString(whole).resource_spans[0].scope_spans[0].spans) == COUNT
    with ServerProcess(tmp_path_factory.mktemp("many") / "data") as server:
        fill(server, message)
        yield server


@pytest.fixture
def many(page):
    page.goto("/")
    expect(page.locator(".shown")).to_have_text("10,000 functions")
    return page


def test_all_can_be_scrolled_to_and_few_are_in_the_document(many):
    """Whatever is in sight is there, at its place, and the rest is not."""
    table = many.get_by_role("region", name="Functions")
    expect(table.get_by_role("table")).to_have_attribute("aria-rowcount", str(COUNT + 1))
    height = table.evaluate("(box) => box.scrollHeight")
    assert height > COUNT * 20
    for share in (0.1, 0.5, 0.25, 1.0, 0.0):
        table.evaluate("(box, share) => box.scrollTo(0, share * (box.scrollHeight - box.clientHeight))", share)
        index = round(share * (COUNT - table.evaluate("(box) => box.clientHeight") / 30))
        row = many.locator(f'tr[aria-rowindex="{min(COUNT, index + 5) + 1}"]')
        expect(row).to_be_in_viewport()
        expect(row.locator(".name")).to_have_text(
            f"module_{(min(COUNT, index + 5) - 1) % 100:02}.function_{min(COUNT, index + 5) - 1:05}"
        )
        assert many.locator(VISIBLE).count() <= MOST_ROWS
        assert table.evaluate("(box) => box.scrollHeight") == height


def test_trends_are_asked_for_where_one_stays(many):
    """Of all rows in sight together, of none twice, and not of those that were only passed by."""
    table = many.get_by_role("region", name="Functions")
    table.evaluate(
        """async (box) => {
            for (let step = 0; step < 40; step += 1) {
                box.scrollBy(0, 5000);
                await new Promise(requestAnimationFrame);
            }
        }"""
    )
    expect(many.locator(f"{VISIBLE} .spark")).to_have_count(many.locator(VISIBLE).count())
    asked = many.evaluate(
        """performance.getEntriesByType("resource").map(({ name }) => new URL(name))
            .filter(({ pathname }) => pathname === "/api/v1/trends")
            .map(({ searchParams }) => searchParams.get("filter"))"""
    )
    names = [re.findall(r"module_\w+\.function_\w+", text) for text in asked]
    assert max(map(len, names)) > 20
    assert len(set(itertools.chain.from_iterable(names))) == sum(map(len, names)) < COUNT / 2


def test_one_is_found_by_its_name(many):
    many.get_by_label("Name contains").fill("function_04321")
    expect(many.locator(VISIBLE)).to_have_count(1)
    expect(many.locator(".shown")).to_have_text("1 of 10,000 functions")
    many.get_by_label("Name contains").fill("")
    expect(many.locator(".shown")).to_have_text("10,000 functions")
    many.get_by_role("button", name="Function", exact=True).click()
    expect(many.locator(f"{VISIBLE} .name").first).to_have_text("module_00.function_00000")
    expect(many.locator(f"{VISIBLE} .name").nth(1)).to_have_text("module_00.function_00100")


def test_the_keyboard_reaches_the_last_one(many):
    """The row that has the focus is in sight, also when it was not in the document before."""
    many.locator(".name a").first.focus()
    many.keyboard.press("End")
    last = many.locator(".name a:focus")
    expect(last).to_have_text("module_99.function_09999")
    expect(last).to_be_in_viewport()
    many.keyboard.press("PageUp")
    expect(many.locator(".name a:focus")).to_be_in_viewport()
    many.keyboard.press("Home")
    expect(many.locator(".name a:focus")).to_have_text("module_00.function_00000")
