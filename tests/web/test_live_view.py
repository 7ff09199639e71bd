"""Spans as they arrive: what is shown is what the server tells, and what is not shown is counted."""

import grpc
import pytest
from axe_findings import findings
from otlp_requests import request
from playwright.sync_api import expect

from spanhouse_backend.query.arrivals import MAX_AT_ONCE

NARROW = {"width": 390, "height": 844}
ROWS = "tbody tr[aria-rowindex]"
MARKUP = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"


def fill(server, *requests):
    """Stores them one after the other."""
    for message in requests:
        assert server.export(message.SerializeToString()) == [grpc.StatusCode.OK]


@pytest.fixture
def live(page):
    """Opens the view with these further parts of the URL, and waits until it watches."""

    def open_view(**more):
        page.goto("/?" + "&".join(f"{name}={value}" for name, value in {"view": "live", **more}.items()))
        expect(page.get_by_role("status").filter(has_text="Watching")).to_be_visible()
        return page

    return open_view


def cells(page, row=0):
    return [
        text.replace("\N{NO-BREAK SPACE}", " ") for text in page.locator(ROWS).nth(row).locator("td").all_inner_texts()
    ]


def test_a_span_appears_when_it_is_stored(live, served):
    """With what the API says of it, above those before it; a click leads to its trace."""
    page = live()
    expect(page.get_by_text("Nothing has arrived yet")).to_be_visible()
    fill(served, request("arrivals", [2_500_000], name="shop.first"))
    expect(page.locator(ROWS)).to_have_count(1)
    fill(served, request("arrivals", [7], name="shop.second"))
    expect(page.locator(ROWS)).to_have_count(2)
    began, *others = cells(page, 1)
    assert others == ["arrivals", "shop.first", "Internal", "Unset", "2.50 ms"]
    assert cells(page, 0)[2] == "shop.second"
    (row,) = served.get("/api/v1/spans", service="arrivals", name="shop.first").json()["rows"]
    assert began.endswith(f".{row['start_unix_ns'] // 1_000_000 % 1000:03}")
    expect(page.get_by_text("Nothing has arrived yet")).to_be_hidden()
    expect(page.get_by_text("2 arrived")).to_be_visible()
    href = page.get_by_role("link", name="shop.first").get_attribute("href")
    assert f"view=trace&trace={row['trace_id']}&span={row['span_id']}" in href


def test_the_filter_and_the_service_of_the_bar_hold(live, served, watch):
    """Another filter is another stream; a wrong one is pointed at, as everywhere."""
    watch.allow("status of 400")
    page = live(service="watched", filter="duration>1ms")
    fill(
        served,
        request("watched", [5], name="quick"),
        request("other", [5_000_000], name="elsewhere"),
        request("watched", [5_000_000], name="slow"),
    )
    expect(page.locator(ROWS)).to_have_count(1)
    assert cells(page)[2] == "slow"
    page.locator("#filter").fill("duration>")
    page.locator("#filter").press("Enter")
    expect(page.locator("#filter-problem")).to_be_visible()
    page.locator("#filter").fill("status=error")
    page.locator("#filter").press("Enter")
    expect(page.get_by_text("0 arrived")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Watching")).to_be_visible()
    page.get_by_role("button", name="API", exact=True).click()
    expect(page.locator("dialog .url").last).to_contain_text("/api/v1/live?service=watched&filter=status%3Derror")


def test_paused_it_stands_still_and_counts(live, served):
    page = live(service="paused")
    fill(served, request("paused", [1], name="before"))
    expect(page.locator(ROWS)).to_have_count(1)
    page.keyboard.press("p")
    fill(served, request("paused", [2] * 30, name="meanwhile"))
    expect(page.get_by_text("30 since you paused")).to_be_visible()
    assert [cells(page)[2], page.locator(ROWS).count()] == ["before", 1]
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(ROWS)).not_to_have_count(1)
    assert cells(page)[2] == "meanwhile"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(ROWS)).to_have_count(0)
    expect(page.get_by_text("0 arrived")).to_be_visible()


def test_what_is_too_much_is_counted(live, served):
    """What the server does not tell, and what the page has let go of."""
    page = live(service="much")
    fill(served, request("much", range(1000)))
    expect(page.get_by_text(f"1,000 arrived · {1000 - MAX_AT_ONCE} not shown")).to_be_visible()
    assert page.locator("table").get_attribute("aria-rowcount") == str(MAX_AT_ONCE + 1)


def test_hostile_names_are_text(live, served):
    page = live(service="hostile")
    names = [MARKUP, "x" * 10_000, "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"]
    for name in names:
        fill(served, request("hostile", [1], name=name))
    expect(page.locator(ROWS)).to_have_count(3)
    shown = page.locator(f"{ROWS} .name a").evaluate_all("links => links.map((link) => link.textContent)")
    assert shown[2] == MARKUP
    assert shown[1] == "x" * 300 + "…"
    assert shown[0] == names[2]
    assert page.title() == "Live · spanhouse"
    assert page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_it_fits_a_narrow_page(live, served, scheme):
    page = live(service="narrow")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(NARROW)
    fill(served, request("narrow", [1], name="shop.narrow"))
    expect(page.locator(ROWS)).to_have_count(1)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_leaving_the_view_ends_its_stream(live, served):
    """Or the server would soon let nobody else watch."""
    page = live()
    page.get_by_role("link", name="Functions", exact=True).click()
    expect(page.get_by_label("Name contains")).to_be_visible()

    def streams():
        (line,) = [
            line for line in served.get("/metrics").text.splitlines() if line.startswith("spanhouse_live_streams")
        ]
        return float(line.split()[1])

    for _ in range(200):
        if streams() == 0:
            break
        page.wait_for_timeout(100)
    assert streams() == 0
    assert set(served.export(request("after", [1]).SerializeToString())) == {grpc.StatusCode.OK}
