"""Boards: the panels of a file, each asking for itself over the page's window; one that fails leaves others alone."""

import re
import time

import grpc
import pytest
from axe_findings import findings
from browsing import NARROW, fill
from data_points import Stream, body, explicit
from harness import EXPORT_LOGS, EXPORT_METRICS, PATIENCE_SECONDS, ServerProcess
from log_records import Made, records
from playwright.sync_api import expect
from shop_spans import FAILING, FUNCTIONS, shop_requests

from spanhouse_backend.boards.board_file import parse_boards

MARKUP = "<img src=x onerror='globalThis.hacked = true'>"
BOARDS = f"""
boards:
  - name: shop
    title: The shop
    description: "{MARKUP} explained"
    since: 3h
    panels:
      - {{title: Longest of paying, question: percentiles, show: number, name: {FAILING}, levels: p100, above: 1us}}
      - {{title: Failing, question: percentiles, show: number, name: {FAILING}, value: error_rate, above: 90%}}
      - {{title: "{MARKUP}", question: series, show: lines, name: {FAILING}, levels: "p50,p99"}}
      - {{title: By the hour, question: series, show: bars, step: 1h, since: 1d, columns: [calls, errors]}}
      - {{title: All of them, question: functions, show: table, columns: [name, service, calls, error_rate, p99]}}
      - {{title: Where time goes, question: functions, show: bars, limit: 4}}
      - {{title: By service, question: aggregate, show: lines, select: p99(duration), group: service, step: 10m}}
      - {{title: Too fine, question: series, show: lines, since: 30d, step: 1s}}
      - {{title: Logged, question: timeline, show: bars}}
      - {{title: Warnings, question: logs, show: table, level: warn}}
      - {{title: Each alone, question: trends, show: lines, service: search}}
      - {{title: Slowest of all, question: slowest, show: table, limit: 3}}
      - {{title: Measured, question: metric_percentiles, show: lines, name: took, levels: "p50,p99", step: 5m}}
      - {{title: Size, question: metric_percentiles, show: number, name: size, value: mean, below: 1000}}
  - name: other
    panels:
      - {{title: Who, question: services, show: table, service: search}}
"""
PANELS = BOARDS.partition("  - name: other")[0].count("{title")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The shop's spans, some log records, and two boards."""
    folder = tmp_path_factory.mktemp("boards")
    (folder / "boards.yaml").write_text(BOARDS)
    with ServerProcess(folder / "data", "--boards", str(folder / "boards.yaml")) as server:
        fill(server, *shop_requests())
        ago = time.time_ns() - 20 * 60 * 10**9
        logged = records("search", [Made(ago, "fine"), Made(ago, "disk nearly full", 13, attributes={"disk": "sda"})])
        assert server.export(logged.SerializeToString(), method=EXPORT_LOGS) == [grpc.StatusCode.OK]
        took = Stream("took", explicit=[explicit([0.02, 0.03, 0.2], ago, ago - 60 * 10**9)])
        size = Stream("size", unit="By", explicit=[explicit([1, 3], ago, ago - 60 * 10**9)])
        assert server.export(body(took, size), method=EXPORT_METRICS) == [grpc.StatusCode.OK]
        yield server


def panel(page, title):
    return page.locator(".board-panel").filter(has=page.get_by_role("heading", name=title, exact=True))


def settled(page):
    """Until everything in sight is drawn."""
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".board-panel.waiting, .board-panel.stale, .board-panel[aria-busy]")).to_have_count(0)


@pytest.fixture
def board(page, watch):
    """The board of the shop, all of it in sight. One of its panels fails."""
    watch.allow("status of 400")
    page.set_viewport_size({"width": 1280, "height": 2800})
    page.goto("/?view=boards&board=shop")
    settled(page)
    return page


def test_a_board_opens_with_its_own_window_and_shows_every_panel(board, served):
    """Figures are the API's; what a board or a panel is called stays text; a panel's own window is said."""
    assert re.search(r"[?&]since=3h(&|$)", board.url)
    expect(board).to_have_title("The shop · spanhouse")
    expect(board.get_by_role("heading", name="The shop")).to_be_visible()
    expect(board.locator(".board-head")).to_contain_text(f"{MARKUP} explained")
    expect(board.locator(".board-panel")).to_have_count(PANELS)
    asked = {"since": "3h", "name": FAILING, "group": "none"}
    (row,) = served.get("/api/v1/percentiles", **asked).json()["rows"]
    failing = panel(board, "Failing")
    share = float(failing.locator(".value").inner_text().removesuffix("%"))
    assert share == pytest.approx(100 * row["errors"] / row["calls"], abs=0.06)
    expect(failing).to_contain_text("error rate, not above 90.0%")
    expect(failing.locator(".value.bad")).to_have_count(0)
    expect(panel(board, "Longest of paying").locator(".value.bad")).to_be_visible()
    expect(panel(board, "Longest of paying")).to_contain_text("p100, above 1.00\xa0µs")
    expect(panel(board, "By the hour")).to_contain_text("Last 1d")
    expect(panel(board, MARKUP).locator("figcaption")).to_contain_text("p99 lies between")
    rows = panel(board, "All of them").locator("tbody tr[aria-rowindex]")
    expect(rows).to_have_count(len(FUNCTIONS))
    expect(panel(board, "Where time goes").locator("figcaption")).to_contain_text("SELECT orders: total")
    expect(panel(board, "By service").locator("figcaption")).to_contain_text("billing lies between")
    expect(panel(board, "Each alone").locator("figcaption")).to_contain_text("shop.search.rank lies between")
    expect(panel(board, "Logged").locator("figcaption")).to_contain_text("warn lies between")
    expect(panel(board, "Warnings")).to_contain_text("disk nearly full")
    expect(panel(board, "Slowest of all").locator("tbody tr[aria-rowindex]")).to_have_count(3)
    expect(panel(board, "Measured").locator("figcaption")).to_contain_text(re.compile(r"shop p99 lies between .*ms"))
    expect(panel(board, "Size").locator(".value.bad")).to_have_text("2\xa0By")
    expect(panel(board, "Size").get_by_role("link", name="More of")).to_have_count(0)
    assert board.locator("main img").count() == 0


def test_one_that_fails_says_why_in_its_place(board):
    """And can be tried again; the page itself is well."""
    failing = panel(board, "Too fine")
    expect(failing.locator(".error")).to_contain_text("more than 2000 such steps")
    with board.expect_response("**/api/v1/series**step=1s**"):
        failing.get_by_role("button", name="Try again").click()
    expect(failing.locator(".error")).to_be_visible()
    expect(board.locator("#problem")).to_be_empty()


def test_the_window_of_the_page_is_every_panels_that_has_none(board):
    """Chosen in the bar, it is in the URL also when it is the default; a reload keeps it, another board has its own."""

    def since(question):
        return board.evaluate(
            """(path) => performance.getEntriesByType("resource").map(({ name }) => new URL(name))
                .filter(({ pathname }) => pathname === path).at(-1).searchParams.get("since")""",
            f"/api/v1/{question}",
        )

    assert since("percentiles") == "3h"
    board.keyboard.press("t")
    board.get_by_role("link", name="Last hour").click()
    expect(board.locator(".picker")).to_have_text("Last hour")
    settled(board)
    assert "since=1h" in board.url
    assert since("percentiles") == "1h"
    expect(panel(board, "By the hour")).to_contain_text("Last 1d")
    board.reload()
    settled(board)
    expect(board.locator(".picker")).to_have_text("Last hour")
    board.get_by_role("navigation", name="Boards").get_by_role("link", name="other").click()
    expect(panel(board, "Who")).to_contain_text("search")
    expect(board.locator(".picker")).to_have_text("Last hour")
    board.get_by_role("navigation", name="Boards").get_by_role("link", name="The shop").click()
    expect(board.locator(".picker")).to_have_text("Last 3 hours")
    board.go_back()
    expect(panel(board, "Who")).to_be_visible()


def test_service_and_filter_of_the_page_narrow_what_can_be_narrowed(board):
    """A panel that names a service keeps it; a filter over spans is none over records, and the panel says so."""
    board.goto("/?view=boards&board=shop&service=checkout&filter=status%3Derror")
    settled(board)
    rows = panel(board, "All of them").locator("tbody tr[aria-rowindex]")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(FAILING)
    expect(panel(board, "Failing").locator(".value")).to_have_text("100%")
    expect(panel(board, "Each alone")).to_contain_text("Nothing in this window.")
    expect(panel(board, "Logged")).to_contain_text("without the page's filter")
    expect(panel(board, "All of them")).not_to_contain_text("without the page's filter")


def test_a_filter_that_is_wrong_is_marked_where_it_was_written(board):
    """It is the page's, and no panel's fault."""
    board.locator("#filter").fill("stat us=5")
    board.keyboard.press("Enter")
    expect(board.locator(".filter .problem")).to_contain_text("there is no field 'stat'")


def test_panels_lead_to_the_fuller_view_of_the_same(board):
    """With their own window, where they have one, and the page's otherwise; so do the rows of tables."""
    panel(board, MARKUP).get_by_role("link", name="More of").click()
    expect(board.get_by_role("heading", name=FAILING)).to_be_visible()
    assert re.search(r"[?&]since=3h(&|$)", board.url)
    board.go_back()
    settled(board)
    panel(board, "By the hour").get_by_role("link", name="More of").click()
    expect(board.locator(".picker")).to_have_text("Last 1d")
    expect(board.get_by_role("region", name="Functions")).to_be_visible()
    board.go_back()
    settled(board)
    panel(board, "Warnings").get_by_role("link", name="More of").click()
    expect(board.get_by_label("Level", exact=True)).to_have_value("warn")
    expect(board.get_by_text("disk nearly full")).to_be_visible()
    board.go_back()
    settled(board)
    panel(board, "All of them").get_by_role("link", name="shop.search.rank").click()
    expect(board.get_by_role("heading", name="shop.search.rank")).to_be_visible()
    assert "service=search" in board.url


def test_a_refresh_asks_again_and_draws_nothing_twice(board):
    """A window of the past that has not changed: the charts are the same elements."""
    began = time.time() // 60 * 60
    since, until = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began - minutes * 60)) for minutes in (100, 40))
    board.goto(f"/?view=boards&board=shop&since={since}&until={until}")
    settled(board)
    board.evaluate("globalThis.drawn = [...document.querySelectorAll('.board .scatterlayer')]")
    with board.expect_response("**/api/v1/trends**"):
        board.keyboard.press("r")
    settled(board)
    same = "drawn.length > 2 && drawn.every((one) => one.isConnected)"
    assert board.evaluate(same)


def test_few_questions_are_asked_at_once(board):
    """However many panels there are: the server has others to answer."""
    board.evaluate(
        """() => {
            const { fetch } = globalThis;
            globalThis.most = 0;
            let waiting = 0;
            globalThis.fetch = async (...what) => {
                globalThis.most = Math.max(globalThis.most, ++waiting);
                return fetch(...what).finally(() => waiting--);
            };
        }"""
    )
    with board.expect_response("**/api/v1/trends**"):
        board.keyboard.press("r")
    settled(board)
    assert 1 <= board.evaluate("most") <= 3


def test_it_can_be_used_by_everybody(board):
    """Light and dark, wide and narrow, and by keyboard."""
    for scheme in ("light", "dark"):
        board.emulate_media(color_scheme=scheme)
        assert findings(board) == []
    board.set_viewport_size(NARROW)
    settled(board)
    assert findings(board) == []
    assert board.evaluate("document.documentElement.scrollWidth <= innerWidth")
    board.keyboard.press("g")
    board.keyboard.press("f")
    expect(board.get_by_role("link", name="Functions", exact=True)).to_have_attribute("aria-current", "page")
    board.keyboard.press("g")
    board.keyboard.press("b")
    expect(board.get_by_role("heading", name="Boards")).to_be_visible()
    entries = board.locator(".board-list li")
    expect(entries).to_have_text([re.compile(f"The shop {PANELS} panels"), "other 1 panel"])
    assert findings(board) == []
    entries.get_by_role("link", name="other").press("Enter")
    expect(panel(board, "Who")).to_contain_text("search")


def test_a_board_that_is_not_there_is_said(page):
    page.goto("/?view=boards&board=none")
    expect(page.locator(".board-list .error")).to_have_text("There is no board none.")
    expect(page.locator(".board-list li")).to_have_count(2)


def test_a_file_that_changes_changes_the_page(browser, tmp_path):
    """At the next refresh; the only board needs no name."""
    file = tmp_path / "boards.yaml"
    file.write_text("boards: [{name: a, panels: [{title: Before, question: services, show: table}]}]")
    with ServerProcess(tmp_path / "data", "--boards", str(file)) as server:
        page = browser.new_page(base_url=f"http://{server.http}")
        page.goto("/?view=boards&refresh=5s")
        expect(panel(page, "Before")).to_contain_text("Nothing in this window.")
        fresh = file.with_suffix(".new")
        fresh.write_text(file.read_text().replace("Before", "After"))
        fresh.replace(file)
        expect(panel(page, "After")).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
        expect(panel(page, "Before")).to_have_count(0)
        page.close()


def test_without_boards_it_says_how_to_make_some(browser, shared_server):
    page = browser.new_page(base_url=f"http://{shared_server.http}")
    page.goto("/?view=boards")
    expect(page.get_by_role("heading", name="No boards are kept here")).to_be_visible()
    expect(page.get_by_label("Shell")).to_have_text("spanhouse serve --boards boards.yaml")
    example = parse_boards(page.get_by_label("boards.yaml").inner_text())
    assert [panel.show for panel in example.boards[0].panels] == ["number", "lines"]
    assert findings(page) == []
    page.close()
