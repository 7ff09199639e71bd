"""Raw SQL in the browser: rows are the engine's to the last digit, errors are pointed at, nothing is markup."""

import grpc
import pytest
from axe_findings import findings
from otlp_requests import request
from playwright.sync_api import expect

NARROW = {"width": 390, "height": 844}
ROWS = ".result tbody tr[aria-rowindex]"
QUOTE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
MARKUP = "<img src=x onerror=\"document.title='hit'\"><b>bold</b>"


def fill(server, *requests):
    """Stores them one after the other."""
    for message in requests:
        assert server.export(message.SerializeToString()) == [grpc.StatusCode.OK]


@pytest.fixture
def query(page):
    """Opens the view, and runs a statement if there is one."""

    def open_view(sql=""):
        page.goto("/?view=query")
        if sql:
            run(page, sql)
        return page

    return open_view


def run(page, sql):
    page.locator("#sql").fill(sql)
    page.locator("#sql").press("Control+Enter")


def table(page):
    """The names, and the texts of every row that is shown."""
    expect(page.locator(ROWS).first).to_be_visible()
    rows = page.locator(ROWS)
    return page.locator(".result thead th").all_inner_texts(), [
        rows.nth(index).locator("td").all_inner_texts() for index in range(rows.count())
    ]


def test_the_rows_are_the_engines(query, served):
    """The same numbers that the API gives, and every digit of those that JavaScript's own would round."""
    sql = "SELECT SpanName AS name, count() AS calls FROM otel_traces GROUP BY name ORDER BY name"
    names, rows = table(query(sql))
    expected = served.get("/api/v1/sql", query=sql, format="JSONCompact").json()["data"]
    assert (names, rows) == (["name", "calls"], [[name, str(calls)] for name, calls in expected])
    page = query(
        "SELECT toUInt64(18446744073709551615) AS a, NULL AS b, 'tab\\tline\\nback\\\\' AS c, '' AS d, [1, 2] AS e"
    )
    assert table(page) == (list("abcde"), [["18446744073709551615", "NULL", "tab line back\\", "", "[1,2]"]])
    assert page.locator(f"{ROWS} td").nth(2).evaluate("cell => cell.textContent") == "tab\tline\nback\\"


def test_the_url_holds_the_statement(query, page):
    """Reload and a link that is sent to somebody show it again, with its rows; back shows the one before."""
    query("SELECT 1 AS first")
    assert table(page) == (["first"], [["1"]])
    run(page, "SELECT 2 AS second")
    expect(page.locator(".result th")).to_have_text("second")
    page.reload()
    assert table(page) == (["second"], [["2"]])
    expect(page.locator("#sql")).to_have_value("SELECT 2 AS second")
    page.go_back()
    expect(page.locator(".result th")).to_have_text("first")
    expect(page.locator("#sql")).to_have_value("SELECT 1 AS first")


def test_what_was_run_before_is_kept_for_this_page_only(query, page):
    query("SELECT 1")
    table(page)
    run(page, "SELECT 2")
    expect(page.locator(".result th")).to_have_text("2")
    page.locator("#sql").press("Alt+ArrowUp")
    page.locator("#sql").press("Alt+ArrowUp")
    expect(page.locator("#sql")).to_have_value("SELECT 1")
    page.get_by_label("Earlier statements").select_option(label="SELECT 2")
    expect(page.locator("#sql")).to_have_value("SELECT 2")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    page.reload()
    table(page)
    expect(page.get_by_label("Earlier statements")).to_be_hidden()


@pytest.mark.parametrize(
    ("sql", "said", "selected"),
    [
        ("SELECT count()\nFROM otel_traces\nWHERE Duration >> 5", "line 3, col 17", ">"),
        ("SELECT nothing_of_this_name FROM otel_traces", "nothing_of_this_name", None),
        ("DELETE FROM otel_traces WHERE 1", "only SELECT, SHOW, DESCRIBE and EXPLAIN", None),
    ],
)
def test_what_is_wrong_is_said_where_it_is(query, page, watch, sql, said, selected):
    """In the engine's words; and where they name a place, it is selected."""
    watch.allow("status of 400")
    query("SELECT 1")
    table(page)
    run(page, sql)
    problem = page.locator("#sql-problem")
    expect(problem).to_contain_text(said)
    expect(page.locator(ROWS)).to_have_count(0)
    if selected:
        line, mark, *_ = problem.inner_text().split("\n")
        assert line == sql.splitlines()[2]
        assert line[mark.index("^")] == selected
        chosen = page.locator("#sql").evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
        assert chosen == selected
    run(page, "SELECT 3 AS good")
    assert table(page) == (["good"], [["3"]])
    expect(problem).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "ending", "begins"),
    [("CSV", "csv", b'"number"'), ("JSON lines", "ndjson", b"{"), ("Parquet", "parquet", b"PAR1")],
)
def test_the_rows_can_be_saved(query, page, tmp_path, name, ending, begins):
    query("SELECT number FROM numbers(3)")
    table(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    assert download.value.suggested_filename == f"result.{ending}"
    download.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes().startswith(begins)


def test_rows_are_drawn_as_a_chart(query, page):
    """Numbers over the first column that is none; what is drawn is the rows', and other choices do not ask again."""
    query(
        "SELECT toDateTime(1767607200 + 60 * number) AS minute, number AS calls, number * 2 AS errors FROM numbers(5)"
    )
    table(page)
    page.get_by_role("link", name="Chart").click()
    plot = page.locator(".plot.js-plotly-plot")
    expect(plot).to_be_visible()
    drawn = plot.evaluate("plot => plot.data.map(({ name, x, y, type }) => ({ name, x: [...x], y: [...y], type }))")
    minutes = [f"2026-01-05 10:0{minute}:00" for minute in range(5)]
    assert drawn == [
        {"name": "calls", "x": minutes, "y": [0, 1, 2, 3, 4], "type": "scatter"},
        {"name": "errors", "x": minutes, "y": [0, 2, 4, 6, 8], "type": "scatter"},
    ]
    asked = page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/v1/sql')).length"
    )
    page.get_by_role("combobox", name="Draw").select_option("errors")
    page.get_by_role("combobox", name="As").select_option("bars")
    expect(page.get_by_role("combobox", name="As")).to_have_value("bars")
    plot = page.locator(".plot.js-plotly-plot")
    expect(plot).to_be_visible()
    assert plot.evaluate("plot => plot.data.map(({ name, type }) => [name, type])") == [["errors", "bar"]]
    assert asked == page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/v1/sql')).length"
    )


def test_a_chart_is_drawn_over_what_tells_the_rows_apart(query, page):
    query("SELECT 'all' AS same, concat('f', toString(number)) AS name, number AS calls FROM numbers(3)")
    table(page)
    page.get_by_role("link", name="Chart").click()
    plot = page.locator(".plot.js-plotly-plot")
    expect(plot).to_be_visible()
    assert plot.evaluate("plot => plot.data.map(({ x, y }) => [[...x], [...y]])") == [[["f0", "f1", "f2"], [0, 1, 2]]]


def test_whatever_rows_carry_is_text(query, page, served):
    """Also the names of columns, in the table and in the chart."""
    fill(served, request("hostile", [5], name=MARKUP))
    sql = f"SELECT SpanName AS `{MARKUP}`, Duration AS `<b>ns</b>` FROM otel_traces WHERE ServiceName = 'hostile'"
    names, rows = table(query(sql))
    assert (names, rows) == ([MARKUP, "<b>ns</b>"], [[MARKUP, "5"]])
    page.get_by_role("link", name="Chart").click()
    expect(page.locator(".plot.js-plotly-plot")).to_be_visible()
    expect(page.locator(".plot .xtitle")).to_be_visible()
    assert page.locator("main img, main b").count() == 0
    # Plotly's own markup, too: nothing is bold, or gone.
    assert page.locator(".plot .xtitle").text_content() == MARKUP.replace("<", QUOTE)
    assert page.locator(".plot .ytitle").text_content() == f"{QUOTE}b>ns{QUOTE}/b>"
    assert page.title() == "Query · spanhouse"


def test_the_call_behind_it_is_one_click_away(query, page, served):
    query("SELECT 1 AS one")
    table(page)
    page.get_by_role("button", name="API", exact=True).click()
    url = page.locator("dialog .url").last.inner_text()
    assert url.startswith(f"http://{served.http}/api/v1/sql?query=SELECT+1+AS+one&format=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_it_fits_a_narrow_page(query, page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(NARROW)
    query("SELECT * FROM otel_traces LIMIT 20")
    expect(page.locator(ROWS).first).to_be_visible()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
