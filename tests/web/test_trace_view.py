"""One trace: the waterfall, the flame view and a span's details say what the API says, whatever a trace is like."""

import re
import time

import grpc
import httpx
import pytest
from axe_findings import findings
from harness import PATIENCE_SECONDS, ServerProcess
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from playwright.sync_api import expect

MS = 1_000_000
SHOP, HOSTILE, ODD, LARGE = "a1" * 16, "b2" * 16, "c3" * 16, "d4" * 16
MARKUP = "<img src=x onerror=\"alert('x')\"><b>bold</b>"
RIGHT_TO_LEFT = "\u202eevil\u0627\u0644\u0633\u0644\u0627\u0645"
MANY = 5000


def key_value(key, value):
    return KeyValue(key=key, value=AnyValue(string_value=value))


BEGUN = time.time_ns() // MS * MS - 60_000 * MS
"""When every trace here began."""


def span(number, name, start_ms, took_ms, parent=0, **more):
    return Span(
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=round(BEGUN + start_ms * MS),
        end_time_unix_nano=round(BEGUN + (start_ms + took_ms) * MS),
        **more,
    )


def request(trace, spans_by_service):
    message = ExportTraceServiceRequest()
    for service, spans in spans_by_service.items():
        resource_spans = message.resource_spans.add()
        resource_spans.resource.attributes.append(key_value("service.name", service))
        resource_spans.resource.attributes.append(key_value("host.name", f"host-of-{service}"))
        scope = resource_spans.scope_spans.add()
        for one in spans:
            one.trace_id = bytes.fromhex(trace)
            scope.spans.append(one)
    return message


def shop_trace():
    """A checkout of 100 ms: rates are asked for beside the payment, which fails in the database."""
    failure = Span.Event(
        name="exception",
        time_unix_nano=BEGUN + 85 * MS,
        attributes=[key_value("exception.type", "Declined"), key_value("exception.message", "no\nmoney")],
    )
    link = Span.Link(trace_id=bytes.fromhex(LARGE), span_id=(1).to_bytes(8, "big"))
    failed = {"status": Status(code=Status.STATUS_CODE_ERROR, message="declined"), "events": [failure], "links": [link]}
    gold = [key_value("user.tier", "gold"), key_value("note", MARKUP)]
    return request(
        SHOP,
        {
            "gateway": [span(1, "POST /checkout", 0, 100, attributes=gold)],
            "rates": [span(2, "rates.fetch", 5, 20, 1)],
            "payments": [
                span(3, "payments.charge", 10, 80, 1),
                span(4, "SELECT cards", 20, 65, 3, **failed),
            ],
        },
    )


def hostile_trace():
    names = [MARKUP, "n" * 10_000, RIGHT_TO_LEFT, "", "line\nbreak\x00\x1b[2J"]
    spans = [span(number, name, number, 10, number - 1) for number, name in enumerate(names, 1)]
    return request(HOSTILE, {MARKUP: spans})


def odd_trace():
    """A parent that is missing, two spans that are each other's parents, one its own, and two of one id."""
    spans = [
        span(1, "root", 0, 50),
        span(2, "orphan", 10, 5, 99),
        span(3, "chicken", 20, 5, 4),
        span(4, "egg", 21, 5, 3),
    ]
    return request(
        ODD, {"odd": [*spans, span(5, "ouroboros", 30, 5, 5), span(6, "twin", 35, 5, 1), span(6, "twin", 36, 5, 1)]}
    )


def large_trace():
    """A chain of a thousand and children by the thousands."""
    chain = [span(n, f"deep.{n}", n / 10, 1000 - n / 5, n - 1) for n in range(1, 1001)]
    wide = [span(n, f"wide.{n % 7}", n / 10, 1, 1) for n in range(1001, MANY + 1)]
    return request(LARGE, {"large": chain + wide})


def shop_logs():
    """Two records of the payment, the later one sent first, and one of no span that is stored."""
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.append(key_value("service.name", "payments"))
    scope = resource_logs.scope_logs.add()
    for at_ms, number, severity, body, span_id in (
        (84, 17, "ERROR", f"declined {MARKUP}", 4),
        (21, 9, "INFO", "asking for cards", 4),
        (50, 13, "WARN", "slow", 77),
    ):
        record = scope.log_records.add(
            time_unix_nano=BEGUN + at_ms * MS, severity_number=number, severity_text=severity
        )
        record.trace_id, record.span_id = bytes.fromhex(SHOP), span_id.to_bytes(8, "big")
        record.body.string_value = body
    return message


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("traces") / "data") as server:
        requests = (shop_trace(), hostile_trace(), odd_trace(), large_trace())
        assert set(server.export(*(one.SerializeToString() for one in requests))) == {grpc.StatusCode.OK}
        stored = httpx.post(
            f"http://{server.http}/v1/logs",
            content=shop_logs().SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
            timeout=PATIENCE_SECONDS,
        )
        assert stored.status_code == 200
        yield server


@pytest.fixture
def trace(page):
    """Opens a trace, and waits for its first row."""

    def open_trace(trace_id, **more):
        query = "".join(f"&{name}={value}" for name, value in more.items())
        page.goto(f"/?view=trace&trace={trace_id}{query}")
        expect(
            page.get_by_role("treeitem").first if more.get("mode") != "flame" else page.locator("canvas")
        ).to_be_visible()
        return page

    return open_trace


def row(page, name):
    return page.get_by_role("treeitem").filter(has=page.locator(".name", has_text=re.compile(f"^{re.escape(name)}$")))


def shown(page):
    return page.locator(".waterfall .name").all_inner_texts()


def test_rows_are_the_apis_spans_in_order_of_start_below_their_parents(served, trace):
    """Names, depths and both durations, as format.js writes them; bars begin and end where spans did."""
    page = trace(SHOP)
    api = {one["name"]: one for one in served.get(f"/api/v1/trace/{SHOP}").json()["rows"]}
    assert shown(page) == ["POST /checkout", "rates.fetch", "payments.charge", "SELECT cards"]
    assert [int(one.get_attribute("aria-level")) for one in page.get_by_role("treeitem").all()] == [1, 2, 2, 3]
    for name, one in api.items():
        numbers = [float(text.split()[0]) for text in row(page, name).locator(".number").all_inner_texts()]
        assert numbers == [one["duration_ns"] / MS, one["self_ns"] / MS], name
    track = row(page, "payments.charge").locator(".track").bounding_box()
    bar = row(page, "payments.charge").locator(".bar").bounding_box()
    assert (bar["x"] - track["x"]) / track["width"] == pytest.approx(0.1, abs=0.01)
    assert bar["width"] / track["width"] == pytest.approx(0.8, abs=0.01)
    # It ran alone before the database was asked and after it had answered.
    own = [box.bounding_box()["width"] / track["width"] for box in row(page, "payments.charge").locator(".own").all()]
    assert own == pytest.approx([0.1, 0.05], abs=0.01)


def test_the_heading_says_what_the_trace_was(trace):
    page = trace(SHOP)
    expect(page.get_by_role("heading", level=1)).to_have_text("POST /checkout")
    expect(page.locator(".trace-title .about")).to_contain_text("100\xa0ms · 4 spans · 1 failed")
    expect(page.get_by_role("list", name="Services").get_by_role("listitem")).to_have_text(
        ["gateway", "rates", "payments"]
    )


def test_the_critical_path_stands_out(served, trace):
    """What the end of the trace waited for, as the API has it; the rest is dimmed, and the URL says so."""
    page = trace(SHOP)
    page.get_by_role("checkbox", name="Critical path").check()
    expect(page).to_have_url(re.compile("only=critical"))
    critical = {one["name"] for one in served.get(f"/api/v1/trace/{SHOP}").json()["rows"] if one["critical_ns"]}
    assert critical == {"POST /checkout", "payments.charge", "SELECT cards"}
    # The trace is asked for once more before anything is dimmed.
    expect(page.get_by_role("status").filter(has_text="of 4 spans")).to_have_text(f"{len(critical)} of 4 spans")
    for name in shown(page):
        assert ("dim" in row(page, name).get_attribute("class")) == (name not in critical)


def test_a_spans_details_are_all_that_was_recorded(served, trace):
    """Attributes, resource, events and links, as text; the URL opens them again, Escape closes them."""
    page = trace(SHOP)
    row(page, "SELECT cards").click()
    details = page.get_by_role("complementary", name="Details of the span")
    expect(details.get_by_role("heading", name="SELECT cards")).to_be_visible()
    expect(details).to_contain_text("Error declined")
    expect(details.locator("summary")).to_contain_text("exception")
    expect(details).to_contain_text("no\nmoney")
    expect(details).to_contain_text("host-of-payments")
    expect(details).to_contain_text("65.0\xa0ms, 65.0% of the trace")
    page.reload()
    expect(details).to_contain_text("exception.type")
    details.get_by_role("link", name=LARGE).click()
    expect(page.locator(".trace-title .about")).to_contain_text("5,000 spans")
    page.go_back()
    expect(details).to_contain_text("exception.type")
    row(page, "POST /checkout").click()
    expect(details).to_contain_text("gold")
    expect(details).to_contain_text(MARKUP)
    expect(details.locator("img")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(page).not_to_have_url(re.compile("span="))


def test_keys_walk_fold_and_open(trace):
    """As in any tree: down and up, left folds or goes to the parent, right unfolds, Enter opens."""
    page = trace(SHOP)
    row(page, "POST /checkout").focus()
    for key in ("ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(row(page, "payments.charge")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(row(page, "payments.charge")).to_have_attribute("aria-expanded", "false")
    assert shown(page) == ["POST /checkout", "rates.fetch", "payments.charge"]
    expect(row(page, "payments.charge")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    expect(row(page, "SELECT cards")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(row(page, "payments.charge")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Details of the span")).to_contain_text("payments.charge")


def test_find_dims_the_rest_and_counts(trace):
    page = trace(SHOP)
    page.get_by_label("Name, service or status contains").fill("RATES")
    expect(page.get_by_role("status").filter(has_text="of 4 spans")).to_have_text("1 of 4 spans")
    expect(row(page, "payments.charge")).to_have_class(re.compile("dim"))
    expect(row(page, "rates.fetch")).not_to_have_class(re.compile("dim"))


def test_the_flame_view_opens_the_span_that_is_clicked(trace):
    """The canvas is found by what it shows: a click at half of the width on the second line is on the payment."""
    page = trace(SHOP, mode="flame")
    canvas = page.locator("canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile("4 spans of 3 services over 100"))
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] / 2, "y": 22 + 20 + 20 + 10})
    expect(page.locator(".flame .tip")).to_contain_text("payments.charge · payments · 80.0\xa0ms")
    canvas.click(position={"x": box["width"] / 2, "y": 22 + 20 + 20 + 10})
    expect(page.get_by_role("complementary", name="Details of the span")).to_contain_text("payments.charge")
    canvas.dblclick(position={"x": box["width"] / 4, "y": 22 + 20 + 20 + 10})
    expect(page.get_by_role("button", name="Whole trace")).to_be_visible()
    page.get_by_role("link", name="Waterfall").click()
    expect(page.get_by_role("treeitem").first).to_be_visible()


def test_what_was_logged_is_below_and_leads_to_its_span(served, trace):
    """In order of time, as the API has it, as text; a trace without records has no such part."""
    page = trace(SHOP)
    logs = page.get_by_role("region", name="Log records of the trace")
    stored = served.get("/api/v1/logs", trace_id=SHOP).json()["rows"]
    expect(logs.locator("tbody tr")).to_have_count(len(stored))
    assert logs.locator("tbody td:last-child").all_inner_texts() == [row["body"] for row in stored]
    assert [text.split()[0] for text in logs.locator(".number").all_inner_texts()] == ["21.0", "50.0", "84.0"]
    assert logs.locator("img").count() == 0
    logs.get_by_role("link", name="SELECT cards").first.click()
    expect(page.get_by_role("complementary", name="Details of the span")).to_contain_text("exception.type")
    expect(logs.locator(".chosen")).to_have_count(2)
    expect(logs.locator("tbody tr")).to_have_count(2)
    logs.get_by_role("link", name="Show the 1 other of the trace").click()
    expect(logs.locator("tbody tr")).to_have_count(3)
    expect(logs.locator(".chosen")).to_have_count(2)
    row(page, "rates.fetch").click()
    expect(logs.locator(".chosen")).to_have_count(0)
    logs.get_by_role("link", name="Only the span's").click()
    expect(logs.get_by_role("heading", name="Logs of the span (0)")).to_be_visible()
    page.keyboard.press("Escape")
    expect(logs.locator("tbody tr")).to_have_count(3)
    logs.get_by_role("link", name="84.0").click()
    record = page.get_by_role("complementary", name="The record")
    expect(record.get_by_label("Body", exact=True)).to_have_text(stored[2]["body"], use_inner_text=False)
    expect(page.locator(".logs .shown")).to_have_text("3 records")
    record.get_by_role("link", name=SHOP).click()
    expect(page.get_by_role("complementary", name="Details of the span")).to_be_visible()
    trace(HOSTILE)
    expect(logs).to_be_hidden()


def test_hostile_names_are_text(trace):
    page = trace(HOSTILE)
    names = shown(page)
    assert names[0] == MARKUP
    assert names[1] == "n" * 300
    assert page.locator("#view img, #view b").count() == 0
    row(page, "n" * 300).click()
    expect(page.get_by_role("complementary", name="Details of the span")).to_contain_text("n" * 1000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_trace_that_is_no_tree_has_every_span_once(served, trace):
    """Missing parents, circles and repeated ids: nothing hangs, and no span is lost."""
    page = trace(ODD)
    stored = served.get(f"/api/v1/trace/{ODD}").json()["rows"]
    assert sorted(shown(page)) == sorted(one["name"] for one in stored)
    expect(row(page, "orphan")).to_contain_text("parent missing")


def test_five_thousand_spans_are_as_quick_as_ten(page, trace):
    """Only rows in sight are in the document; the last is reached by a key, and a chain of a thousand folds at once."""
    trace(LARGE)
    assert page.get_by_role("treeitem").count() < 100
    page.get_by_role("treeitem").first.focus()
    page.keyboard.press("End")
    expect(row(page, f"wide.{MANY % 7}").last).to_be_focused()
    assert page.get_by_role("treeitem").count() < 100
    page.get_by_role("button", name="Fold all", exact=True).click()
    expect(page.get_by_role("treeitem").first).to_contain_text("deep.1")
    expect(row(page, "deep.2")).to_contain_text("+998")
    page.get_by_role("link", name="Flame").click()
    expect(page.locator("canvas")).to_be_visible()


def test_a_mistyped_id_is_said_and_asked_for_again(page, watch):
    watch.allow("status of 40[04]")
    page.goto("/?view=trace&trace=xyz")
    expect(page.get_by_role("alert").filter(has_text="32 hexadecimal digits")).to_be_visible()
    page.get_by_label("Trace id").fill("ff" * 16)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert").filter(has_text="is stored")).to_be_visible()
    page.get_by_label("Trace id").fill(SHOP)
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem")).to_have_count(4)


@pytest.mark.parametrize("mode", ["", "flame"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(trace, page, scheme, mode):
    page.emulate_media(color_scheme=scheme)
    trace(SHOP, mode=mode, span=f"{4:016x}")
    expect(page.get_by_role("complementary", name="Details of the span")).to_contain_text("exception.type")
    assert findings(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
