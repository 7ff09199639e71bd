"""Names that mean harm, or just trouble: markup, ten thousand characters, right-to-left, quotes, control characters."""

import time

import pytest
from browsing import fill
from harness import ServerProcess
from otlp_requests import SECOND, request
from playwright.sync_api import expect

from spanhouse_backend.boards.board_file import parse_boards

MARKUP = '<img src=x onerror="globalThis.hacked = true"><script>globalThis.hacked = true</script>'
NAMES = [
    MARKUP,
    "</td></tr></table><h1>gone</h1>",
    "javascript:globalThis.hacked=true",
    "a" * 10_000,
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "שלום עולם",
    "quote\"d 'both' ways\\ and \\\" escaped",
    "line\nbreak\ttab",
    "=cmd|'/c calc'!A0",
    "{{constructor.constructor('return 1')()}}",
    "emoji 👩‍👩‍👧 and ́combining",
    ", (name) in OR NOT and",
    "__proto__",
    " ",
    "",
]
SERVICE = "<b>service</b>"
BOARDS = """
boards:
  - name: hostile
    panels:
      - {title: Trends, question: trends, show: lines, limit: 20}
      - {title: Bars, question: percentiles, show: bars, group: name, levels: p50}
      - {title: Steps, question: aggregate, show: bars, group: name, select: count, step: 1m}
      - {title: Table, question: functions, show: table}
      - {title: Number, question: functions, show: number, value: max, sort: max}
"""
VISIBLE = "tbody tr[aria-rowindex]"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A function of each name, called in two minutes."""
    now = time.time_ns()
    requests = [
        request(SERVICE, [1000 * (index + 1)], name=name, start_ns=now - minute * 60 * SECOND, seed=minute)
        for index, name in enumerate(NAMES)
        for minute in (1, 2)
    ]
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "boards.yaml").write_text(BOARDS)
    with ServerProcess(folder / "data", "--boards", str(folder / "boards.yaml")) as server:
        fill(server, *requests)
        yield server


@pytest.fixture
def hostile(page):
    page.goto("/?sort=total_ns")
    expect(page.locator(VISIBLE)).to_have_count(len(NAMES))
    return page


def test_every_name_is_text(hostile):
    """What is shown is the name, all of it on hover; nothing of it became an element or ran."""
    cells = hostile.locator(f"{VISIBLE} .name a")
    titles = [cells.nth(index).get_attribute("title") for index in range(cells.count())]
    assert titles == NAMES
    for index, name in enumerate(NAMES):
        shown = cells.nth(index).evaluate("(cell) => cell.textContent")
        assert shown == (name[:300] + "…" if len(name) > 300 else name or "(no name)")
    assert hostile.locator("main img, main script, main h1, main b").count() == 0
    assert hostile.evaluate("globalThis.hacked") is None


def test_each_has_its_trend(hostile):
    """Names are quoted into the filter that asks for them; only those that no filter can hold have none."""
    asked = [name for name in NAMES if len(name) < 1000]
    expect(hostile.locator(f"{VISIBLE} .spark")).to_have_count(len(asked))


@pytest.mark.parametrize("index", [0, 4, 6, 11], ids=["markup", "override", "quotes", "grammar"])
def test_a_name_can_be_filtered_by_what_is_offered(hostile, index):
    """The filter box writes it as the grammar wants it."""
    hostile.keyboard.press("/")
    hostile.keyboard.type('name="')
    offers = hostile.locator("#offers").get_by_role("option")
    expect(offers.first).to_be_visible()
    hostile.keyboard.insert_text(NAMES[index][:3])
    expect(offers).to_have_count(1)
    hostile.keyboard.press("ArrowDown")
    hostile.keyboard.press("Enter")
    hostile.keyboard.press("Enter")
    expect(hostile.locator(f"{VISIBLE} .name a")).to_have_count(1)
    assert hostile.locator(f"{VISIBLE} .name a").get_attribute("title") == NAMES[index]


def test_a_service_of_markup_can_be_chosen(hostile):
    services = hostile.get_by_label("Service", exact=True)
    services.focus()
    expect(services.locator("option")).to_have_count(2)
    services.select_option(SERVICE)
    expect(hostile.locator(VISIBLE)).to_have_count(len(NAMES))
    assert hostile.locator("#bar b").count() == 0


def test_a_url_of_markup_is_text_too(page, watch):
    """Whatever somebody puts into a link that they send."""
    watch.allow("status of 400")
    page.goto(f"/?filter={MARKUP}&q={MARKUP}&zone=%3Cb%3E&refresh={MARKUP}&view={MARKUP}&sort={MARKUP}&hide={MARKUP}")
    expect(page.locator("#filter-problem")).to_be_visible()
    page.goto("/?since=<b>1h</b>&zone=UTC")
    expect(page.locator(".panel .error")).to_contain_text("is not a time")
    assert page.locator("main img, main script, header script, #time b").count() == 0
    assert page.evaluate("globalThis.hacked") is None


def test_panels_of_a_board_show_them_as_text(page, watch):
    """In lines, bars, tables and single figures alike: nothing of a name becomes an element, and each is there."""
    page.set_viewport_size({"width": 1280, "height": 2000})
    page.goto("/?view=boards")
    expect(page.locator(".board-panel.waiting, .board-panel[aria-busy]")).to_have_count(0)
    expect(page.locator(VISIBLE)).to_have_count(len(NAMES))
    expect(page.locator(".board-panel .error")).to_have_count(0)
    bars = page.locator(".board-panel").filter(has=page.get_by_role("heading", name="Bars"))
    bars.get_by_text("As a table").click()
    lines = bars.locator("tbody tr td:first-child")
    expect(lines).to_have_count(len(NAMES))
    shown = lines.all_text_contents()
    assert sorted(shown) == sorted(name[:300] + "…" if len(name) > 300 else name or "\N{EN DASH}" for name in NAMES)
    steps = page.locator(".board-panel").filter(has=page.get_by_role("heading", name="Steps"))
    expect(steps.locator(".hint")).to_have_text(f"{len(NAMES) - 12} more are not drawn")
    assert page.locator("main img, main script, main b").count() == 0
    assert page.evaluate("globalThis.hacked") is None


def test_as_panels_of_a_board_they_are_the_same_names(hostile):
    """In YAML, whatever characters they have."""
    fields = [{"title": f"{name} over time", "question": "series", "show": "lines", "name": name} for name in NAMES]
    short = [one for one in fields if len(one["name"]) < 1000] + [{**fields[0], "name": "\x7f\x85\u2028\ufeffnull"}]
    written = hostile.evaluate(
        """async (all) => {
            const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
            const { panelText } = await import(`${build}/js/views/parts/as-panel.js`);
            return all.map(panelText).join("");
        }""",
        short,
    )
    (board,) = parse_boards(f"boards:\n  - name: a\n    panels:\n{written}").boards
    assert [panel.shown().parameters.get("name", "") for panel in board.panels] == [one["name"] for one in short]
