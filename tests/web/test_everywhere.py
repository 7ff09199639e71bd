"""What all views share: the URL, the window of time and its zone, refreshing, theme, keys, what the filter offers."""

import json
import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from playwright.sync_api import expect
from shop_spans import FUNCTIONS

# What the filter asks for the names that it offers.
NAMES_OFFERED = re.compile(r"/api/v1/functions\?.*limit=1000(&|$)")
INDIA = timezone(timedelta(hours=5, minutes=30))  # the zone of the browser's profile


@pytest.fixture
def home(page):
    """The page with its default view."""
    page.goto("/")
    expect(page.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))
    return page


def minutes_ago(minutes):
    """The last whole minute but so many."""
    return datetime.fromtimestamp(time.time() // 60 * 60, UTC) - timedelta(minutes=minutes)


def asked_windows(page):
    """[since, until] of each question for the table so far."""
    return page.evaluate(
        """performance.getEntriesByType("resource").map(({ name }) => new URL(name))
            .filter(({ pathname }) => pathname === "/api/v1/functions")
            .map(({ searchParams }) => [searchParams.get("since"), searchParams.get("until")])"""
    )


def test_recent_windows_are_one_click_away_and_in_the_history(home):
    """Each is a step back; a reload and a link show the same."""
    home.keyboard.press("t")
    home.get_by_role("link", name="Last 3 hours").click()
    expect(home.locator(".picker")).to_have_text("Last 3 hours")
    assert "since=3h" in home.url
    home.locator(".picker").click()
    home.get_by_role("link", name="Everything stored").click()
    expect(home.locator(".picker")).to_have_text("Everything stored")
    home.reload()
    expect(home.locator(".picker")).to_have_text("Everything stored")
    home.go_back()
    expect(home.locator(".picker")).to_have_text("Last 3 hours")
    home.go_back()
    expect(home.locator(".picker")).to_have_text("Last hour")
    home.go_forward()
    expect(home.locator(".picker")).to_have_text("Last 3 hours")
    expect(home.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))


@pytest.mark.parametrize(
    ("zone", "clocks"), [("", INDIA), ("UTC", UTC), ("America/New_York", None)], ids=["browser", "utc", "elsewhere"]
)
def test_times_without_a_zone_are_of_the_zone_that_was_chosen(home, served, zone, clocks):
    """What is written by a zone's clocks is asked with their offset, and shown by them again."""
    if clocks is None:
        offset = home.evaluate(
            """async () => {
                const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
                return (await import(`${build}/js/time.js`)).offset(Date.now(), "America/New_York");
            }"""
        )
        clocks = datetime.strptime(offset, "%z").tzinfo
    since, until = (minutes_ago(minutes).astimezone(clocks) for minutes in (90, 30))
    home.keyboard.press("t")
    home.get_by_label("From").fill(since.strftime("%Y-%m-%d %H:%M"))
    home.get_by_label("To", exact=True).fill(until.strftime("%Y-%m-%dT%H:%M:%S"))
    if zone:
        home.get_by_label("Time zone").fill(zone)
    home.get_by_role("button", name="Apply").click()
    shown = f"{since:%Y-%m-%d %H:%M:%S} \N{EN DASH} {until:%Y-%m-%d %H:%M:%S}"
    expect(home.locator(".picker")).to_have_text(shown)
    window = {"since": since.isoformat(), "until": until.isoformat()}
    calls = sum(row["calls"] for row in served.get("/api/v1/functions", **window).json()["rows"])
    expect(home.locator(".card").first).to_contain_text(f"{calls:,}")
    assert [datetime.fromisoformat(text) for text in asked_windows(home)[-1]] == [since, until]
    home.keyboard.press("t")
    expect(home.locator(".panel")).to_contain_text(f"Shown: {shown}")


def test_a_whole_window_may_be_written_into_one_field(home, served):
    middle = minutes_ago(60).astimezone(INDIA)
    home.keyboard.press("t")
    home.get_by_label("From").fill(f"{middle:%Y-%m-%d %H:%M}±20m")
    home.keyboard.press("Enter")
    window = {"since": f"{middle.isoformat()}±20m"}
    calls = sum(row["calls"] for row in served.get("/api/v1/functions", **window).json()["rows"])
    expect(home.locator(".card").first).to_contain_text(f"{calls:,}")


def test_a_time_that_is_none_is_refused_where_it_was_written(home, watch):
    """In the API's words; the field has the focus, and what was shown stays."""
    watch.allow("status of 400")
    home.keyboard.press("t")
    home.get_by_label("From").fill("yesterday")
    home.keyboard.press("Enter")
    expect(home.locator(".panel .error")).to_contain_text("since: 'yesterday' is not a time")
    expect(home.get_by_label("From")).to_be_focused()
    home.get_by_label("From").fill("2h")
    home.get_by_label("Time zone").fill("Mars/Olympus")
    home.keyboard.press("Enter")
    expect(home.locator(".panel .error")).to_have_text(re.compile("Mars/Olympus is not a time zone's name"))
    expect(home.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))


def test_a_service_is_chosen_from_those_there_are(home):
    services = home.get_by_label("Service", exact=True)
    services.focus()
    expect(services.locator("option")).to_have_text(["All services", *sorted(set(FUNCTIONS.values()))])
    services.select_option("billing")
    expect(home.locator("tbody tr[aria-rowindex]")).to_have_count(list(FUNCTIONS.values()).count("billing"))
    assert "service=billing" in home.url
    home.reload()
    expect(services).to_have_value("billing")


def test_it_asks_again_every_so_often_and_not_while_nobody_looks(home):
    """The interval is in the URL; a hidden tab waits, and asks at once when it is seen again."""
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    asked = []
    home.on("request", lambda request: "/api/v1/functions?" in request.url and asked.append(request.url))
    home.clock.install()
    home.get_by_label("Refresh", exact=True).select_option("5 s")
    assert "refresh=5s" in home.url
    expect(home.locator("main")).to_have_attribute("aria-busy", "false")
    for _ in range(2):
        with home.expect_response("**/api/v1/functions**"):
            home.clock.run_for(5500)
        expect(home.locator("main")).to_have_attribute("aria-busy", "false")
    home.evaluate(hide, True)
    # What was begun before that, which the clock that goes on may have done, is ended.
    expect(home.locator("main")).to_have_attribute("aria-busy", "false")
    before = len(asked)
    home.clock.run_for(60_000)
    assert len(asked) == before >= 2
    with home.expect_response("**/api/v1/functions**"):
        home.evaluate(hide, False)
        home.clock.run_for(10)


def test_what_has_not_changed_is_not_drawn_again(page):
    """A window of the past, asked again: 304, and the rows are the same elements."""
    since, until = (minutes_ago(minutes).strftime("%Y-%m-%dT%H:%M:%SZ") for minutes in (100, 40))
    page.goto(f"/?since={since}&until={until}")
    expect(page.locator("tbody .spark")).to_have_count(len(FUNCTIONS))
    page.evaluate("globalThis.row = document.querySelector('tbody tr[aria-rowindex]')")
    with page.expect_response("**/api/v1/functions**") as answered:
        page.keyboard.press("r")
    # Playwright shows what the page gets, a 200 out of the browser's cache; what was transferred tells.
    assert answered.value.request.sizes()["responseBodySize"] == 0 or answered.value.status == 304
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    assert page.evaluate("globalThis.row === document.querySelector('tbody tr[aria-rowindex]')")


def test_the_theme_is_the_systems_until_another_is_chosen(home):
    """The choice is remembered by the browser, not in the URL."""
    background = "getComputedStyle(document.body).backgroundColor"
    light = home.evaluate(background)
    home.emulate_media(color_scheme="dark")
    dark = home.evaluate(background)
    assert light != dark
    home.get_by_role("button", name="Theme: system").click()
    assert home.evaluate(background) == light
    url = home.url
    home.reload()
    assert (home.evaluate(background), home.url) == (light, url)
    home.get_by_role("button", name="Theme: light").click()
    home.emulate_media(color_scheme="light")
    assert home.evaluate(background) == dark
    home.get_by_role("button", name="Theme: dark").click()
    assert home.evaluate(background) == light


def test_keys_lead_everywhere_and_are_listed(home):
    """But not while somebody types."""
    home.keyboard.press("?")
    dialog = home.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Filter")
    expect(dialog).to_contain_text("Window of time")
    home.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    home.keyboard.press("/")
    expect(home.locator("#filter")).to_be_focused()
    home.keyboard.type("t?r/")
    expect(home.locator("#filter")).to_have_value("t?r/")
    expect(home.get_by_role("dialog")).to_have_count(0)
    home.keyboard.press("Escape")
    home.keyboard.press("Escape")
    home.goto("/?view=functions&q=search")
    expect(home.locator(".shown")).to_have_text("2 of 10 functions")
    home.keyboard.press("f")
    expect(home.get_by_label("Name contains")).to_be_focused()


def test_a_view_has_keys_of_its_own(home):
    """Those of the view that is left are gone."""

    def listed():
        home.get_by_role("button", name="Keys").click()
        text = home.get_by_role("dialog", name="Keys").inner_text()
        home.keyboard.press("Escape")
        return text

    assert "Find a function" in listed()
    home.keyboard.press("g")
    home.keyboard.press("t")
    expect(home.get_by_role("link", name="Trace", exact=True)).to_have_attribute("aria-current", "page")
    expect(home.get_by_role("heading", name="A trace by its id")).to_be_visible()
    assert "Find a function" not in listed()
    # The button that opened the help has the focus again, and not the field for a trace's id.
    home.keyboard.press("g")
    home.keyboard.press("f")
    expect(home.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))
    assert "Find a span" not in listed()


def test_the_calls_behind_a_view_can_be_asked_by_others(home, served):
    """Each URL that is listed gives what is shown."""
    home.get_by_role("button", name="API", exact=True).click()
    urls = home.locator("dialog .url").all_inner_texts()
    table = f"http://{served.http}/api/v1/functions?since=1h&limit=10000"
    assert table in urls
    answers = {url: home.request.get(url) for url in urls}
    assert {answer.status for answer in answers.values()} == {200}
    assert len(json.loads(answers[table].text())["rows"]) == len(FUNCTIONS)
    home.context.grant_permissions(["clipboard-read", "clipboard-write"])
    line = home.locator("dialog li", has_text="/api/v1/functions?")
    line.get_by_role("button", name="Copy curl").click()
    expect(line.get_by_role("button", name="Copied")).to_be_visible()
    assert home.evaluate("navigator.clipboard.readText()") == f"curl -s --compressed '{table}'"


def test_the_filter_offers_what_there_is(home):
    """Fields, attributes and values, chosen by keys; Enter asks when nothing is chosen."""
    home.keyboard.press("/")
    home.keyboard.type("attr.user")
    offers = home.locator("#offers").get_by_role("option")
    expect(offers).to_have_text(["attr.user.tier"])
    home.keyboard.press("ArrowDown")
    expect(offers.first).to_have_attribute("aria-selected", "true")
    home.keyboard.press("Enter")
    home.keyboard.type("=")
    expect(offers).to_have_text(["free", "gold"])
    home.keyboard.press("ArrowUp")
    home.keyboard.press("Enter")
    expect(home.locator("#filter")).to_have_value("attr.user.tier=gold ")
    home.keyboard.type("name=GET")
    expect(offers).to_have_text(['"GET /api/orders/{id}"'])
    home.keyboard.press("Enter")
    assert home.locator("#filter").input_value().endswith("name=GET")
    # Of no function: what is offered is not taken unless it is chosen.
    expect(home.get_by_role("heading", name="No calls here")).to_be_visible()
    home.get_by_role("link", name="Without filter").click()
    expect(home.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))
    expect(home.locator("#filter")).to_have_value("")


@pytest.fixture
def names(home):
    """Requests for the names that the filter offers, each of which waits for a test to pass it on."""
    held = []

    def hold(route):
        held.append(route)

    home.route(NAMES_OFFERED, hold)
    return held


def test_nothing_is_offered_that_is_not_for_what_is_written(home, names):
    """While what is offered next is on its way: taken now, it would take the place of something else."""
    home.keyboard.press("/")
    home.keyboard.type("name")
    offers = home.locator("#offers").get_by_role("option")
    expect(offers).to_have_text(["resource.service.name"])
    with home.expect_request(NAMES_OFFERED):
        home.keyboard.type("=")
    home.keyboard.type("GET")
    expect(offers).to_have_count(0)
    # Of names, one request is enough while somebody writes.
    (route,) = names
    route.continue_()
    expect(offers).to_have_text(['"GET /api/orders/{id}"'])


def test_what_is_offered_too_late_does_not_open(home, names):
    """Whoever has asked reads the answer."""
    home.keyboard.press("/")
    with home.expect_request(NAMES_OFFERED):
        home.keyboard.type("name=GET")
    home.keyboard.press("Enter")
    expect(home.get_by_role("heading", name="No calls here")).to_be_visible()
    with home.expect_event("requestfinished", lambda request: NAMES_OFFERED.search(request.url)):
        for route in names:
            route.continue_()
    # Nothing comes that could be waited for: if it did, it would within this time.
    home.wait_for_timeout(500)
    expect(home.locator("#filter")).to_be_focused()
    expect(home.locator("#offers")).to_be_hidden()
