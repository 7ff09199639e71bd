"""The page of a function: every panel's numbers are the API's, and what is dragged or chosen asks for just that."""

import math
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_findings import findings
from browsing import NARROW, WIDE, fill
from function_page import ASKED, HOUR, NOW, FunctionPage, eventually, iso, rows_of
from harness import ServerProcess
from payment_spans import FUNCTION, MARKUP, MINUTE, SERVICE, SLOW_CARD, payment_requests
from playwright.sync_api import expect

from spanhouse_backend.boards.board_file import parse_boards

DASH = "\N{EN DASH}"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with the payments."""
    with ServerProcess(tmp_path_factory.mktemp("function") / "data") as server:
        fill(server, *payment_requests(NOW))
        yield server


@pytest.fixture
def view(page, served):
    return FunctionPage(page, served)


def url_of(view):
    """The parts of the page's URL, asked of the page: `page.url` is what was last heard of it."""
    query = urlsplit(view.page.evaluate("location.href")).query
    return {name: value for name, (value,) in parse_qs(query).items()}


def seconds(row):
    return row["start_unix_ns"] // 10**9


def near(found, expected):
    """Logarithms, to within what a double of one bears."""
    assert found == [value if value is None else pytest.approx(value, abs=1e-9) for value in expected]


# --- the top ---


def test_the_top_says_what_it_is_and_its_numbers(view):
    view.open()
    (row,) = view.ask("percentiles", group="none", levels="p50,p99,p100")["rows"]
    expect(view.page).to_have_title(f"{FUNCTION} · spanhouse")
    expect(view.page.get_by_role("heading", level=1)).to_have_text(FUNCTION)
    expect(view.page.locator(".function-head .about").first).to_have_text(f"service {SERVICE} · internal")
    values = view.page.locator(".function-head .card .value")
    levels = view.formatted("duration", *(row["percentiles_ns"][level] for level in ("p50", "p99", "p100")))
    expect(values).to_have_text(
        [f"{row['calls']:,}", *view.formatted("percent", row["errors"] / row["calls"]), *levels]
    )


def test_the_top_says_since_when_in_words(view):
    """The slow hour against the one before, as `compare` has it."""
    view.open()
    before = f"{iso(NOW - 120 * MINUTE)}..{HOUR['since']}"
    windows = {"baseline": before, "candidate": f"{HOUR['since']}..{HOUR['until']}", "since": None, "until": None}
    (row,) = view.ask("compare", **windows)["rows"]
    assert (row["verdict"], row["errors"]) == ("slower", "more")
    said = view.page.locator(".function-head .since")
    expect(said).to_contain_text("Slower, and fails more often compared with the hour before")
    shares = view.formatted("percent", *(row[f"{w}_errors"] / row[f"{w}_calls"] for w in ("candidate", "baseline")))
    expect(said).to_contain_text(f"{shares[0]} of calls failed instead of {shares[1]}")
    median = view.formatted("duration", *(row["percentiles"][0][f"{w}_ns"] for w in ("candidate", "baseline")))
    expect(said).to_contain_text(f"half of the calls took {median[0]} instead of {median[1]}")
    expect(said.locator("strong")).to_have_class("worse")


# --- over time ---


def test_lines_and_bars_over_time_are_the_apis(view):
    """Percentiles by minute, with a gap where nothing was called; calls and errors below."""
    view.open()
    rows = view.ask("series", levels="p50,p90,p99", timezone="Asia/Kolkata")["rows"]
    traces = {trace["name"]: trace for trace in view.traces("over-time")}
    assert list(traces) == ["p50", "p90", "p99", "calls", "errors"]
    middles = [(row["start_unix_ns"] + row["end_unix_ns"]) / 2 / 1e6 for row in rows]
    silent = [row["calls"] == 0 for row in rows]
    assert sum(silent) > 5
    for level in ("p50", "p90", "p99"):
        assert traces[level]["x"] == middles
        near(traces[level]["y"], [math.log2(row["percentiles_ns"][level]) if row["calls"] else None for row in rows])
    assert traces["calls"]["y"] == [row["calls"] for row in rows]
    assert traces["errors"]["y"] == [row["errors"] for row in rows]
    words = view.part("over-time").locator("figcaption")
    expect(words).to_contain_text(f"in {len(rows)} steps, of which {sum(silent)} are without calls")


def test_levels_steps_and_the_axis_are_chosen_and_kept_in_the_url(view):
    view.open()
    part = view.part("over-time")
    for level in ("p90", "max"):
        part.get_by_label(level, exact=True).click()
    eventually(lambda: [trace["name"] for trace in view.traces("over-time")][:-2], ["p50", "p99", "max"])
    part.get_by_label("Step", exact=True).select_option("hour")
    part.get_by_label("Axis", exact=True).select_option("linear")
    hours = view.ask("series", levels="p100", step="1h", timezone="Asia/Kolkata")["rows"]
    assert len(hours) < 4
    longest = [row["percentiles_ns"]["p100"] for row in hours]
    eventually(lambda: view.traces("over-time")[2]["y"], longest)
    assert {name: url_of(view)[name] for name in ("levels", "step", "axis")} == {
        "levels": "p50,p99,max",
        "step": "1h",
        "axis": "linear",
    }
    view.page.reload()
    expect(part.locator(".nsewdrag").first).to_be_attached()
    assert view.traces("over-time")[2]["y"] == longest
    expect(part.get_by_label("max", exact=True)).to_be_checked()
    view.page.go_back()
    # An hour of India's that has just begun has no calls, and no longest one.
    logarithms = [value and round(math.log2(value), 6) for value in longest]
    eventually(lambda: [value and round(value, 6) for value in view.traces("over-time")[2]["y"]], logarithms)


def test_dragging_along_time_zooms_and_back_undoes_it(view):
    """What is dragged becomes the window of the whole page, in whole minutes."""
    view.open()
    whole = view.traces("over-time")[0]["x"]
    view.drag("over-time", (0.5, 0.5), (0.75, 0.55))
    eventually(lambda: url_of(view)["since"] != HOUR["since"], True)
    window = {name: url_of(view)[name] for name in ("since", "until")}
    assert HOUR["since"] < window["since"] < window["until"] < HOUR["until"]
    rows = view.ask("series", **window, levels="p50", timezone="Asia/Kolkata")["rows"]
    assert 14 <= len(rows) <= 17
    eventually(lambda: [trace["y"] for trace in view.traces("over-time")][-2], [row["calls"] for row in rows])
    calls = sum(row["calls"] for row in rows)
    expect(view.page.locator(".function-head .card .value").first).to_have_text(str(calls))
    view.page.go_back()
    eventually(lambda: view.traces("over-time")[0]["x"], whole)
    assert url_of(view)["since"] == HOUR["since"]
    view.page.go_forward()
    eventually(lambda: len(view.traces("over-time")[0]["x"]), len(rows))
    view.page.get_by_role("link", name="Zoom out").click()
    eventually(lambda: len(view.traces("over-time")[0]["x"]) >= 2 * len(rows), True)


def test_the_numbers_of_a_chart_can_be_read_as_a_table(view):
    view.open()
    part = view.part("over-time")
    rows = view.ask("series", levels="p50,p90,p99", timezone="Asia/Kolkata")["rows"]
    part.get_by_text("As a table").click()
    lines = part.locator(".as-table tbody tr")
    expect(lines).to_have_count(len(rows))
    last = next(index for index in reversed(range(len(rows))) if rows[index]["calls"])
    durations = view.formatted("duration", *rows[last]["percentiles_ns"].values())
    cells = lines.nth(last).locator("td").all_inner_texts()
    assert cells[2:] == [str(rows[last]["calls"]), str(rows[last]["errors"]), *durations]


# --- the heatmap and its box ---


def cells_of(view):
    """What the heatmap shows: calls by (second, upper end of the band on its axis)."""
    (trace,) = view.traces("heatmap")
    return {
        (trace["x"][column] / 1000, round(trace["y"][row + 1] * 4)): round(10**value)
        for row, line in enumerate(trace["z"])
        for column, value in enumerate(line)
        if value is not None
    }


def test_cells_of_the_heatmap_are_the_apis(view):
    view.open()
    view.seen("heatmap")
    rows = view.ask("heatmap", scale="2", timezone="Asia/Kolkata")["rows"]
    assert len(rows) > 200
    expected = {(seconds(row), round(math.log2(row["to_ns"]) * 4)): row["calls"] for row in rows}
    assert cells_of(view) == expected


def box_of(view):
    """The box in the URL, as parameters of `spans`."""
    times, durations = url_of(view)["box"].split(",")
    (since, until), (over, up_to) = times.split(".."), durations.split("..")
    return {"since": since, "until": until, "filter": f"duration>{over} duration<={up_to}"}


def shown_traces(view):
    return [row[2] for row in rows_of(view.seen("box-calls").get_by_role("region", name="Calls in the box"))]


def test_a_dragged_box_shows_exactly_its_calls_and_what_they_have_in_common(view):
    """The island of slow calls: their spans as REST gives them, and the card that all of them were paid with."""
    view.open()
    view.drag("heatmap", (0.7, 0.01), (0.985, 0.12))
    eventually(lambda: "box" in url_of(view), True)
    inside = view.ask("spans", **box_of(view), limit="1000")["rows"]
    slow = view.ask("spans", filter="duration>800ms", limit="1000")["rows"]
    assert {span["span_id"] for span in inside} == {span["span_id"] for span in slow}
    assert len(inside) > 20
    eventually(lambda: shown_traces(view), [span["trace_id"][:8] for span in inside])
    panel = view.part("box-calls")
    calls = view.ask("percentiles", group="none", levels="p50")["rows"][0]["calls"]
    expect(panel).to_contain_text(f"{len(inside)} of {calls:,} calls")
    over, up_to = url_of(view)["box"].split(",")[1].split("..")
    during = url_of(view)["box"].split(",")[0]
    impact = view.ask("attribute_impact", slower_than=over, up_to=up_to, during=during, limit="30")
    assert impact["inside_calls"] == len(inside)
    values = rows_of(panel.get_by_role("region", name="Attributes of these calls"))
    assert [row[0] for row in values] == [f"{row['name']} = {row['value']}" for row in impact["rows"]]
    assert values[0][:3] == [f"attr.card.network = {SLOW_CARD}", "100%", "0%"]
    assert values[0][3] == view.formatted("times", impact["rows"][0]["lift"])[0]


def test_a_box_is_in_the_url_and_cleared_again(view):
    view.open()
    view.drag("heatmap", (0.7, 0.01), (0.985, 0.12))
    expect(view.part("box-calls")).to_be_visible()
    box = url_of(view)["box"]
    view.page.reload()
    view.seen("box-calls")
    assert url_of(view)["box"] == box
    view.page.get_by_role("button", name="Clear the box").click()
    expect(view.part("box-calls")).to_be_hidden()
    assert "box" not in url_of(view)
    view.page.go_back()
    view.seen("box-calls")
    value = view.part("box-calls").get_by_role("link", name=f"attr.card.network = {SLOW_CARD}")
    value.click()
    eventually(lambda: url_of(view).get("filter"), f"attr.card.network={SLOW_CARD}")
    calls = view.ask("percentiles", group="none", levels="p50", filter=f"attr.card.network={SLOW_CARD}")["rows"][0]
    expect(view.page.locator(".function-head .card .value").first).to_have_text(str(calls["calls"]))


def test_a_click_takes_one_cell(view):
    """Its calls are as many as the cell says."""
    view.open()
    view.seen("heatmap")
    cells = cells_of(view)
    (trace,) = view.traces("heatmap")
    lowest = round(trace["y"][0] * 4)
    (second, end), calls = max(cells.items(), key=lambda cell: cell[1])
    across = (second * 1000 - trace["x"][0] + 30_000) / (trace["x"][-1] - trace["x"][0])
    down = 1 - (end - 0.5 - lowest) / len(trace["z"])
    area = view.part("heatmap").locator(".nsewdrag")
    size = area.bounding_box()
    area.click(position={"x": size["width"] * across, "y": size["height"] * down})
    eventually(lambda: "box" in url_of(view), True)
    assert box_of(view)["since"] == iso(round(second) * 10**9)
    inside = view.ask("spans", **box_of(view), limit="1000")["rows"]
    assert len(inside) == calls
    eventually(lambda: shown_traces(view), [span["trace_id"][:8] for span in inside])


def test_a_box_can_be_written_by_keyboard(view):
    """Times by the page's clock (here India's), lengths of time as the API takes them; what is wrong is said there."""
    view.open()
    part = view.seen("heatmap")
    form = part.get_by_role("form", name="Box")
    form.get_by_label("longer than").fill("long")
    form.get_by_label("longer than").press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("long is not a length of time")
    begin, end = NOW - 30 * MINUTE, NOW - 20 * MINUTE
    for label, text in {
        "From": india(begin),
        "to": india(end),
        "longer than": "30 ms",
        "up to": "60ms",
    }.items():
        form.get_by_label(label, exact=True).fill(text)
    form.get_by_label("up to").press("Enter")
    expect(view.part("box-calls")).to_be_visible()
    expected = {"since": iso(begin), "until": iso(end), "filter": "duration>30ms duration<=60ms"}
    inside = view.ask("spans", **expected, limit="1000")["rows"]
    assert len(inside) > 30
    eventually(lambda: len(shown_traces(view)), min(100, len(inside)))
    assert shown_traces(view) == [span["trace_id"][:8] for span in inside][:100]
    expect(form.get_by_label("From")).to_have_value(f"{india(begin)}:00")


def india(unix_ns):
    return iso(unix_ns + 330 * MINUTE)[:16].replace("T", " ")


def test_a_large_box_goes_on_page_by_page(view):
    view.open(box=f"{HOUR['since']}..{HOUR['until']},")
    inside = view.ask("spans", limit="1000")["rows"]
    panel = view.seen("box-calls")
    expect(panel.locator(".shown")).to_contain_text("100 of")
    panel.get_by_role("button", name="More").click()
    expect(panel.locator(".shown")).to_contain_text("200 of")
    assert shown_traces(view) == [span["trace_id"][:8] for span in inside][:200]


@pytest.mark.parametrize("box", [",a..b", "x..y,1ms..2ms", ",2ms..1ms", "nonsense", ",,,,"])
def test_a_box_of_nonsense_hurts_nothing_else(view, watch, box):
    """It is said where its calls would be, or is no box at all."""
    watch.allow("status of 400")
    view.open(box=box)
    panel = view.part("box-calls")
    if ".." in box:
        panel.scroll_into_view_if_needed()
        expect(panel.locator(".said")).to_contain_text("not")
    else:
        expect(panel).to_be_hidden()
    view.seen("distribution")


# --- distribution ---


def test_the_distribution_and_its_marks_are_the_apis(view):
    view.open()
    part = view.seen("distribution")
    rows = view.ask("histogram", scale="3")["rows"]
    calls, failed = view.traces("distribution")
    assert calls["y"] == [row["calls"] for row in rows]
    assert failed["y"] == [row["errors"] for row in rows]
    assert calls["x"] == [pytest.approx(math.log2(row["to_ns"]) - 1 / 16, abs=1e-6) for row in rows]
    (together,) = view.ask("percentiles", group="none", levels="p50,p90,p95,p99,p99.9,p100")["rows"]
    marks = part.locator(".plot").evaluate("({layout}) => layout.shapes.map(({x0}) => x0)")
    near(marks, [math.log2(value) for value in together["percentiles_ns"].values()])
    expect(part.locator("figcaption")).to_contain_text(
        f"p99 {view.formatted('duration', together['percentiles_ns']['p99'])[0]}"
    )
    part.get_by_label("Calls", exact=True).select_option("log")
    eventually(lambda: part.locator(".plot").evaluate("({layout}) => layout.yaxis.type"), "log")


def test_dragging_over_the_distribution_shows_the_calls_of_these_durations(view):
    view.open()
    view.drag("distribution", (0.8, 0.3), (0.995, 0.4))
    eventually(lambda: "box" in url_of(view), True)
    times, durations = url_of(view)["box"].split(",")
    assert times == ""
    over, up_to = durations.split("..")
    inside = view.ask("spans", filter=f"duration>{over} duration<={up_to}", limit="1000")["rows"]
    assert {span["span_id"] for span in inside} == {
        span["span_id"] for span in view.ask("spans", filter="duration>800ms", limit="1000")["rows"]
    }
    eventually(lambda: shown_traces(view), [span["trace_id"][:8] for span in inside])


# --- compare ---


def test_the_comparison_is_the_apis(view):
    """Verdict, percentiles with their intervals, and both distributions as shares."""
    view.open()
    part = view.seen("compare")
    before = {"since": iso(NOW - 120 * MINUTE), "until": HOUR["since"]}
    baseline = f"{before['since']}..{before['until']}"
    windows = {"baseline": baseline, "candidate": f"{HOUR['since']}..{HOUR['until']}", "since": None, "until": None}
    (row,) = view.ask("compare", **windows)["rows"]
    expect(part.locator(".headline strong")).to_have_text("Slower, and fails more often")
    p99 = row["percentiles"][-1]
    then, now = view.formatted("duration", p99["baseline_ns"], p99["candidate_ns"])
    ratio, low, high = view.formatted("changeBy", p99["ratio"], p99["ratio_low"], p99["ratio_high"])
    cells = part.get_by_role("row").filter(has_text="p99").locator("td")
    expect(cells).to_have_text([then, now, f"{ratio} ({low} to {high})"])
    (likely,) = view.formatted("percent", row["superiority"])
    expect(part).to_contain_text(f"{likely} of the time, a call now takes longer than one then")
    for trace, window in zip(view.traces("compare"), (before, {}), strict=True):
        rows = view.ask("histogram", **window, scale="2")["rows"]
        calls = sum(band["calls"] for band in rows)
        shares = [share for share in trace["y"] if share]
        assert shares == [pytest.approx(band["calls"] / calls * 100) for band in rows]


def test_another_window_to_compare_with_is_chosen(view):
    """A day before there was nothing; a window of one's own is written as the API takes it."""
    view.open()
    part = view.seen("compare")
    choice = part.get_by_label("Compared with", exact=True)
    choice.select_option("a day before")
    expect(part.locator(".said")).to_contain_text("There are no calls to compare with in")
    assert url_of(view)["against"] == "day"
    choice.select_option("another window")
    begin, end = NOW - 100 * MINUTE, NOW - 70 * MINUTE
    part.get_by_label("Window to compare with").fill(f"{india(begin)}..{india(end)}")
    part.get_by_role("button", name="Compare").click()
    (first_day, _), (last_day, last_time) = india(begin).split(), india(end).split()
    last = last_time if first_day == last_day else india(end)
    expect(part.locator(".headline")).to_contain_text(f"{india(begin)} {DASH} {last}")
    windows = {"baseline": f"{iso(begin)}..{iso(end)}", "candidate": f"{HOUR['since']}..{HOUR['until']}"}
    (row,) = view.ask("compare", **windows, since=None, until=None)["rows"]
    then, now = view.formatted("duration", *(row["percentiles"][0][f"{w}_ns"] for w in ("baseline", "candidate")))
    expect(part.get_by_role("row").filter(has_text="p50").locator("td").nth(0)).to_have_text(then)
    expect(part.get_by_role("row").filter(has_text="p50").locator("td").nth(1)).to_have_text(now)
    view.page.reload()
    expect(view.seen("compare").locator(".headline")).to_contain_text(india(begin))


# --- lists ---


def test_the_slowest_calls_lead_to_their_traces(view):
    view.open()
    part = view.seen("slowest")
    spans = view.ask("slowest", limit="20")["rows"]
    rows = rows_of(part.locator(".table"))
    assert [row[0] for row in rows] == view.formatted("duration", *(span["duration_ns"] for span in spans))
    assert [row[2] for row in rows] == [span["trace_id"][:8] for span in spans]
    assert [row[3] for row in rows] == [span["status"].lower() for span in spans]
    part.locator(".table").evaluate("(box) => box.scrollTo(0, 0)")
    part.get_by_role("link", name=spans[0]["trace_id"][:8]).first.click()
    eventually(lambda: url_of(view).get("view"), "trace")
    assert (url_of(view)["trace"], url_of(view)["span"]) == (spans[0]["trace_id"], spans[0]["span_id"])


def test_errors_are_counted_by_type_with_a_recent_example(view):
    view.open()
    part = view.seen("errors")
    errors = view.ask("errors")["rows"]
    assert len(errors) == 2
    rows = rows_of(part.locator(".table"))
    assert [(row[0], row[3], row[4]) for row in rows] == [
        (error["type"], error["trace_id"][:8], error["message"]) for error in errors
    ]
    assert [row[1].split(" · ")[0] for row in rows] == [str(error["calls"]) for error in errors]
    part.get_by_role("link", name=errors[0]["type"]).click()
    eventually(lambda: url_of(view).get("filter"), f"error.type={errors[0]['type']}")
    expect(view.page.locator(".function-head .card .value").first).to_have_text(str(errors[0]["calls"]))


@pytest.mark.parametrize("question", ["callers", "callees"])
def test_neighbours_are_the_apis_and_lead_to_their_own_pages(view, question):
    view.open()
    part = view.seen(question)
    answer = view.ask(question)
    rows = rows_of(part.locator(".table"))
    assert [row[:2] for row in rows] == [[row["name"], row["service"]] for row in answer["rows"]]
    assert [row[2] for row in rows] == view.formatted("percent", *(row["share"] for row in answer["rows"]))
    assert [row[3] for row in rows] == [f"{row['calls']:,}" for row in answer["rows"]]
    assert [row[6] for row in rows] == view.formatted("duration", *(row["p99_ns"] for row in answer["rows"]))
    if question == "callers":
        expect(part).to_contain_text(f"{answer['roots']} of {answer['calls']:,} calls were made by nobody")
    first = answer["rows"][0]
    part.get_by_role("link", name=first["name"], exact=True).click()
    expect(view.page.get_by_role("heading", level=1)).to_have_text(first["name"])
    assert (url_of(view)["service"], url_of(view)["since"]) == (first["service"], HOUR["since"])
    (row,) = view.ask("percentiles", service=first["service"], name=first["name"], group="none", levels="p50")["rows"]
    expect(view.page.locator(".function-head .card .value").first).to_have_text(f"{row['calls']:,}")
    view.page.go_back()
    expect(view.page.get_by_role("heading", level=1)).to_have_text(FUNCTION)


def test_callers_and_callees_are_beside_each_other_where_there_is_room(view):
    """And below each other on a narrow page; the list of calls keeps to its own height."""
    view.open(box=f"{HOUR['since']}..{HOUR['until']},")
    boxes = [view.seen(name).bounding_box() for name in ("callers", "callees")]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    assert view.seen("box-calls").bounding_box()["height"] < WIDE["height"]
    view.page.set_viewport_size(NARROW)
    boxes = [view.seen(name).bounding_box() for name in ("callers", "callees")]
    assert boxes[0]["x"] == boxes[1]["x"]


# --- how panels ask ---


def test_what_nobody_sees_is_not_asked_for(view):
    """Panels far below are asked for when somebody scrolls to them."""
    view.open()
    below = {"slowest", "errors", "callers", "callees"}

    def asked():
        return {question.partition("?")[0] for question in view.questions()} & below

    assert not asked()
    # A question is among those that were asked once it is answered.
    for name in ("callers", "callees"):
        view.seen(name)
    assert asked() >= {"callers", "callees"}


@pytest.mark.parametrize(
    ("late", "early"),
    [
        (r"/api/v1/heatmap\?", r"/api/v1/series\?.*levels=p50(&|$)"),
        (r"/api/v1/series\?.*levels=p50(&|$)", r"/api/v1/heatmap\?"),
    ],
    ids=["the first is answered last", "the last is answered last"],
)
def test_the_rest_calls_behind_a_panel_are_one_click_away_as_they_were_asked(view, late, early):
    """In the order in which the panel asks, whichever answer comes first."""
    held = []

    def hold(route):
        held.append(route)

    view.page.route(re.compile(late), hold)
    with view.page.expect_response(re.compile(early)), view.page.expect_request(re.compile(late)):
        view.open()
        view.part("heatmap").scroll_into_view_if_needed()
    (route,) = held
    route.continue_()
    view.seen("heatmap").get_by_role("button", name="REST").click()
    dialog = view.page.get_by_role("dialog")
    expect(dialog.locator(".url")).to_have_count(2)
    urls = dialog.locator(".url").all_inner_texts()
    assert [urlsplit(url).path for url in urls] == ["/api/v1/heatmap", "/api/v1/series"]
    asked = {name: value for name, (value,) in parse_qs(urlsplit(urls[0]).query).items()}
    assert asked.items() >= ASKED.items()
    answer = view.server.get("/api/v1/heatmap", **asked).json()
    view.page.keyboard.press("Escape")
    assert sum(cells_of(view).values()) == sum(row["calls"] for row in answer["rows"])


def test_a_filter_is_that_of_all_panels(view):
    """Also of one that rollups cannot answer, and together with a box."""
    view.open(filter="attr.user.tier=gold OR status=error", box=",100ms..")
    filtered = "attr.user.tier=gold OR status=error"
    (row,) = view.ask("percentiles", group="none", levels="p50", filter=filtered)["rows"]
    expect(view.page.locator(".function-head .card .value").first).to_have_text(str(row["calls"]))
    inside = view.ask("spans", filter=f"({filtered}) duration>100ms", limit="1000")["rows"]
    eventually(lambda: shown_traces(view), [span["trace_id"][:8] for span in inside][:100])
    assert sum(view.traces("over-time")[-2]["y"]) == row["calls"]


def test_a_panel_that_is_refused_says_why_and_leaves_the_others_alone(view, watch):
    """Steps of a second are too many for an hour; choosing others mends it."""
    watch.allow("status of 400")
    view.page.goto(f"/?view=function&step=1s&{'&'.join(f'{name}={value}' for name, value in ASKED.items())}")
    part = view.part("over-time")
    expect(part.locator(".said")).to_contain_text("the window has more than 2000 such steps")
    expect(part.get_by_role("button", name="Try again")).to_be_visible()
    view.seen("distribution")
    part.get_by_label("Step", exact=True).select_option("auto")
    expect(part.locator(".nsewdrag").first).to_be_visible()


def test_a_refresh_keeps_what_somebody_looks_at(view):
    """Its place on the screen, what is open, and the row that the keyboard is on; the numbers are asked for again."""
    view.open()
    part = view.seen("slowest")
    link = part.get_by_role("link").nth(2)
    link.focus()
    trace = link.inner_text()
    before = view.at_rest(link)
    assert view.page.evaluate("scrollY") > 0
    asked = len([question for question in view.questions() if question.startswith("slowest")])
    with view.page.expect_response(lambda answer: "/api/v1/slowest" in answer.url):
        view.page.keyboard.press("r")
    eventually(lambda: len([one for one in view.questions() if one.startswith("slowest")]), asked + 1)
    expect(view.page.locator("main")).to_have_attribute("aria-busy", "false")
    assert view.at_rest(link) == before
    expect(view.page.locator("a:focus")).to_have_text(trace)


# --- nothing to show ---


def test_a_window_without_calls_says_what_to_do(view):
    view.page.goto(f"/?view=function&service={SERVICE}&name=nobody&since={HOUR['since']}&until={HOUR['until']}")
    expect(view.page.get_by_role("heading", name="No calls here")).to_be_visible()
    view.page.goto("/?view=function")
    expect(view.page.get_by_role("heading", name="Which function?")).to_be_visible()
    view.page.get_by_role("link", name="Choose one").click()
    expect(view.page.get_by_role("link", name=FUNCTION)).to_be_visible()


# --- hostile, and for everybody ---


def test_whatever_spans_carry_is_text(view):
    """Names, services, attributes, types of error and messages of markup make no element and run nothing."""
    view.open(service=MARKUP, name=MARKUP, box=",1ns..")
    expect(view.page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    for name in ("heatmap", "box-calls", "distribution", "slowest", "errors", "callers", "callees"):
        view.seen(name)
    assert view.page.locator("main img, main script").count() == 0
    assert "pwned" not in view.page.evaluate("document.title").partition(" · ")[0].replace(MARKUP, "")
    assert rows_of(view.part("errors").locator(".table"))[0][0] == MARKUP
    assert rows_of(view.part("box-calls").get_by_role("region", name="Attributes"))[0][0].endswith(f"= {MARKUP}")
    view.part("callers").get_by_role("link").click()
    expect(view.page.get_by_role("heading", level=1)).to_have_text(f"caller {MARKUP}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing_serious(view, scheme, size):
    """With every panel loaded; and the page does not scroll sideways."""
    page = view.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    view.open(box=",500ms..")
    for name in ("heatmap", "box-calls", "distribution", "compare", "slowest", "errors", "callers", "callees"):
        view.seen(name)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_every_control_can_be_reached_by_tab(view):
    view.open()
    for name in ("heatmap", "distribution", "compare"):
        view.seen(name)
    view.page.evaluate("scrollTo(0, 0)")
    view.page.locator("main").focus()
    reached = []
    for _ in range(120):
        view.page.keyboard.press("Tab")
        reached.append(
            view.page.evaluate(
                "(document.activeElement.closest('label') ?? document.activeElement).textContent.trim().slice(0, 40)"
            )
        )
    for stop in ("p99.9", "Zoom out", "Show these calls", "REST", "As a table"):
        assert any(text.startswith(stop) for text in reached), (stop, reached)


def test_what_is_over_time_can_be_a_panel_of_a_board(view):
    """The YAML that is shown, and copied, is a panel that asks the same."""
    view.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view.open(levels="p50,max", step="5m", filter="duration>1ms")
    view.page.get_by_role("button", name="As a panel").click()
    dialog = view.page.get_by_role("dialog", name="As a panel of a board")
    text = dialog.get_by_label("Text").text_content()
    ((panel,),) = [board.panels for board in parse_boards(f"boards:\n  - name: a\n    panels:\n{text}").boards]
    shown = panel.shown()
    assert (panel.title, shown.question, shown.show) == (f"{FUNCTION} over time", "series", "lines")
    asked = {"service": SERVICE, "name": FUNCTION, "filter": "duration>1ms", "levels": "p50,p100", "step": "5m"}
    assert shown.parameters == asked
    assert findings(view.page) == []
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert view.page.evaluate("navigator.clipboard.readText()") == text
