"""The table of functions: its numbers are the API's, and it is sorted, searched, filtered and exported."""

import csv
import json
import re
import time
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from shop_spans import FAILING, FUNCTIONS, SLOWER


@pytest.fixture(scope="module")
def window():
    """Both hours in whole minutes, absolute: what is in it does not change while tests run."""
    now = time.time() // 60 * 60
    since, until = (datetime.fromtimestamp(now + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for seconds in (-7500, 0))
    return {"since": since, "until": until}


@pytest.fixture
def rows(served, window):
    """The API's rows by name."""
    answer = served.get("/api/v1/functions", **window, limit="10000").json()
    return {row["name"]: row for row in answer["rows"]}


@pytest.fixture
def functions(page, window):
    """Opens the view with these further parts of the URL, and waits for its table."""

    def open_view(**more):
        query = "&".join(f"{name}={value}" for name, value in {**window, **more}.items())
        page.goto(f"/?{query}")
        expect(page.locator("tbody tr[aria-rowindex]").first).to_be_visible()
        return page

    return open_view


def names(page):
    return page.locator("tbody tr[aria-rowindex] .name").all_inner_texts()


def shows(page, expected):
    """Waits until the table has these names, in this order."""
    expect(page.locator("tbody tr[aria-rowindex] .name")).to_have_text(expected)


def column(page, title):
    """The texts of a column, by its heading."""
    headings = [text.split()[0] if text else "" for text in page.locator("thead th").all_inner_texts()]
    return page.locator(f"tbody tr[aria-rowindex] td:nth-child({headings.index(title) + 1})").all_inner_texts()


FORMATTED = """async ([rows, seconds]) => {
    const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
    const { count, duration, percent, rate, times } = await import(`${build}/js/format.js`);
    return rows.map((row) => ({
        Calls: count(row.calls), Rate: rate(row.calls / seconds), Errors: percent(row.errors / row.calls),
        mean: duration(row.mean_ns),
        p50: duration(row.p50_ns), p90: duration(row.p90_ns), p95: duration(row.p95_ns), p99: duration(row.p99_ns),
        "p99.9": duration(row.p999_ns), max: duration(row.max_ns), total: duration(row.total_ns),
        tail: times(row.tail_ratio), Service: row.service,
    }));
}"""


def test_the_numbers_are_the_apis(functions, rows, window):
    """Every cell of every row, written by format.js, which has a test of its own."""
    page = functions()
    shown = names(page)
    assert sorted(shown) == sorted(FUNCTIONS)
    since, until = (datetime.fromisoformat(window[end]).timestamp() for end in ("since", "until"))
    expected = page.evaluate(FORMATTED, [[rows[name] for name in shown], until - since])
    for title in expected[0]:
        assert column(page, title) == [row[title] for row in expected], title


def test_a_mean_has_its_standard_error(functions, rows):
    """On hover, in the API's numbers."""
    page = functions()
    first = rows[names(page)[0]]
    mean, error = page.evaluate(
        """async (values) => {
            const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
            return values.map((await import(`${build}/js/format.js`)).duration);
        }""",
        [first["mean_ns"], first["stderr_ns"]],
    )
    title = f"{mean} \N{PLUS-MINUS SIGN} {error}, of {first['calls']:,} calls"
    expect(page.locator("tbody tr[aria-rowindex]").first.get_by_title(title)).to_have_text(mean)


def test_the_largest_total_comes_first_and_headings_sort(functions, rows):
    """A heading sorts by its column, numbers downwards; once more turns the order round. Back undoes it."""
    page = functions()
    by_total = sorted(rows, key=lambda name: -rows[name]["total_ns"])
    assert names(page) == by_total
    page.get_by_role("button", name="p50", exact=True).click()
    by_median = sorted(rows, key=lambda name: -rows[name]["p50_ns"])
    shows(page, by_median)
    heading = page.get_by_role("columnheader", name="p50")
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="p50", exact=True).click()
    shows(page, by_median[::-1])
    expect(heading).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Function").click()
    shows(page, sorted(rows))
    page.go_back()
    shows(page, by_median[::-1])
    page.reload()
    shows(page, by_median[::-1])


def test_names_are_searched_and_rare_functions_left_out(functions, rows):
    """As somebody types; the URL keeps both, without a step of history for each letter."""
    page = functions()
    before = page.evaluate("history.length")
    page.get_by_label("Name contains").press_sequentially("SEARCH")
    shows(page, sorted((name for name in rows if "search" in name), key=lambda name: -rows[name]["total_ns"]))
    expect(page.locator(".shown")).to_have_text("2 of 10 functions")
    page.get_by_label("Name contains").fill("")
    least = sorted(row["calls"] for row in rows.values())[5]
    page.get_by_label("At least").fill(str(least))
    often = [name for name in rows if rows[name]["calls"] >= least]
    shows(page, sorted(often, key=lambda name: -rows[name]["total_ns"]))
    assert f"min={least}" in page.url
    assert page.evaluate("history.length") == before


def test_a_function_can_be_hidden_and_shown_again(functions, rows):
    page = functions()
    first, *others = names(page)
    page.get_by_role("button", name=f"Hide {first}").click()
    shows(page, others)
    page.reload()
    shows(page, others)
    page.get_by_role("button", name="Show 1 hidden").click()
    shows(page, [first, *others])


def test_a_filter_is_the_apis(functions, served, window):
    page = functions()
    page.keyboard.press("/")
    page.keyboard.type("service=billing duration>1ms")
    page.keyboard.press("Enter")
    asked = {**window, "filter": "service=billing duration>1ms"}
    expected = served.get("/api/v1/functions", **asked).json()["rows"]
    assert 0 < len(expected) < len(FUNCTIONS)
    shows(page, [row["name"] for row in expected])
    assert column(page, "Calls") == [f"{row['calls']:,}" for row in expected]
    page.get_by_label("Clear the filter").click()
    expect(page.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))


def test_what_is_learnt_of_rows_that_are_gone_changes_no_others(page, functions, served, window):
    """Trends of the rows before a filter may come after its own: they do not bring the numbers of those rows back."""
    trends, answers = [], []

    def hold(route):
        answers.append(route)

    # Those of the rows before: as they are asked for, and once more while the others are on their way.
    page.route("**/api/v1/trends?*", lambda route: trends.append(route) if len(trends) < 2 else route.continue_())
    with page.expect_request("**/api/v1/trends?*"):
        functions()
    page.route("**/api/v1/functions?*filter=*", hold)
    page.get_by_label("Filter").first.fill("service=billing duration>1ms")
    with page.expect_request("**/api/v1/functions?*filter=*"):
        page.keyboard.press("Enter")
    with page.expect_request("**/api/v1/trends?*"):
        page.locator("div.table").dispatch_event("scroll")
    answers[-1].continue_()
    asked = {**window, "filter": "service=billing duration>1ms"}
    expected = served.get("/api/v1/functions", **asked).json()["rows"]
    shows(page, [row["name"] for row in expected])
    with page.expect_response("**/api/v1/trends?*"):
        trends[-1].continue_()
    expect(page.locator("tbody tr[aria-rowindex] svg")).to_have_count(len(expected))
    assert column(page, "Calls") == [f"{row['calls']:,}" for row in expected]


def test_a_wrong_filter_is_pointed_at(functions, served, window, watch):
    """What the API says, under the field, with a mark at its column; what was shown stays."""
    watch.allow("status of 400")
    page = functions()
    wrong = "service=billing duration>long"
    page.locator("#filter").fill(wrong)
    page.locator("#filter").press("Enter")
    problem = served.get("/api/v1/functions", **window, filter=wrong).json()["error"]
    said = page.locator("#filter-problem")
    expect(said).to_be_visible()
    line, mark = said.locator("pre").inner_text().split("\n")
    assert (line, said.locator("p").inner_text()) == (wrong, problem["message"])
    assert mark.index("^") + 1 == problem["column"]
    assert len(names(page)) == len(FUNCTIONS)
    page.locator("#filter").fill("service=billing")
    page.locator("#filter").press("Enter")
    expect(said).to_be_hidden()


def test_cards_say_what_the_api_says_of_all_calls(functions, rows, served, window):
    page = functions()
    cards = page.locator(".card")
    expect(cards).to_have_count(5)
    calls, errors = (sum(row[what] for row in rows.values()) for what in ("calls", "errors"))
    (together,) = served.get("/api/v1/percentiles", **window, group="none", levels="p99").json()["rows"]
    assert (together["calls"], together["errors"]) == (calls, errors)
    expect(cards.nth(0)).to_contain_text(f"{calls:,}")
    expect(cards.nth(1)).to_contain_text(f"{errors} of {calls:,}")
    expect(cards.nth(2)).to_contain_text(f"{together['percentiles_ns']['p99'] / 1e6:.3g}\N{NO-BREAK SPACE}ms")
    slowest = max(rows, key=lambda name: rows[name]["max_ns"])
    expect(cards.nth(3)).to_contain_text(slowest)
    trace = cards.nth(3).locator(".value a")
    expect(trace).to_have_attribute("href", re.compile(f"view=trace&.*trace={rows[slowest]['slowest_trace_id']}"))


def test_what_became_slower_is_named(page):
    """The hour that became slower, compared with the one before."""
    page.goto("/?since=1h")
    card = page.locator(".card", has_text="Worse than before")
    expect(card).to_contain_text(SLOWER)
    expect(card).to_contain_text("typical +")


def test_every_row_that_is_seen_has_its_trend(functions, served, window):
    """Drawn from one request for all of them."""
    page = functions()
    expect(page.locator("tbody .spark")).to_have_count(len(FUNCTIONS))
    trends = served.get("/api/v1/trends", **window, timezone="Asia/Kolkata").json()["rows"]
    (failing,) = (row for row in trends if row["name"] == FAILING)
    known = [value for value in failing["percentile_ns"] if value is not None]
    spark = page.locator("tbody tr", has_text=FAILING).locator(".spark")
    label = spark.get_attribute("aria-label")
    smallest, largest = page.evaluate(
        """async (values) => {
            const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
            const { duration } = await import(`${build}/js/format.js`);
            return values.map(duration);
        }""",
        [min(known), max(known)],
    )
    assert label == f"p99 between {smallest} and {largest}"
    asked = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert sum("/api/v1/trends" in url for url in asked) == 1


@pytest.mark.parametrize("form", ["JSON", "CSV"])
def test_what_is_shown_can_be_exported(functions, rows, tmp_path, form):
    """The rows of the table, in all of the API's fields."""
    page = functions(q="shop.")
    with page.expect_download() as download:
        page.get_by_role("button", name=form, exact=True).click()
    assert download.value.suggested_filename.endswith(f".{form.lower()}")
    path = tmp_path / "export"
    download.value.save_as(path)
    expected = [row for name, row in rows.items() if "shop." in name]
    if form == "JSON":
        assert json.loads(path.read_text()) == expected
    else:
        read = list(csv.DictReader(path.read_text().splitlines()))
        assert read == [{key: str(value) for key, value in row.items()} for row in expected]


def test_rows_are_walked_by_keys(functions, rows):
    """One stop of Tab; the arrow keys, Home and End lead on, and Enter opens the function."""
    page = functions()
    ordered = names(page)
    page.locator(".name a").first.focus()
    for key, index in (("ArrowDown", 1), ("End", len(ordered) - 1), ("ArrowUp", len(ordered) - 2), ("Home", 0)):
        page.keyboard.press(key)
        expect(page.locator(".name a:focus")).to_have_text(ordered[index])
    assert page.locator('.name a[tabindex="0"]').count() == 1
    href = page.locator(".name a:focus").get_attribute("href")
    assert "view=function&" in href
    assert f"service={FUNCTIONS[ordered[0]]}" in href
