"""Every query of the Grafana dashboards, run on a real server, and held against the answers of the REST API."""

import math
import random
import re
import time
from datetime import UTC, datetime
from urllib.parse import quote

import grafana_panels
import grpc
import httpx
import pytest
from grafana_panels import ALL, DASHBOARDS, Query, Range, expand, query
from harness import EXPORT_LOGS, PATIENCE_SECONDS, ServerProcess
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import SECOND, log_request, request

MINUTE, HOUR = 60, 3600
# The last hour that was over a day ago: spans around it are in whole hours, in edges of them, and in a window before.
ANCHOR = int(time.time()) // HOUR * HOUR - 26 * HOUR
QUARTERS = Range(ANCHOR - 5 * HOUR - 1234, ANCHOR + 77 * MINUTE, 15 * MINUTE)
RANGES = {
    "within one hour": Range(ANCHOR + 5 * MINUTE + 7, ANCHOR + 41 * MINUTE + 13, MINUTE),
    "hours and edges": QUARTERS,
    "steps of an hour": Range(ANCHOR - 6 * HOUR - 30, ANCHOR + 3 * HOUR, HOUR),
}
SERVICE, FUNCTION = "shop's", "checkout.pay"
# A window's length before each of RANGES there are calls too.
SPREAD = range(ANCHOR - 16 * HOUR, ANCHOR + 2 * HOUR, 4 * MINUTE + 11)


def calls(service: str, name: str, durations: list[int], start: int, seed: int):
    """A request whose every seventh call failed and whose calls after the first are children of it."""
    message = request(service, durations, name=name, start_ns=start * SECOND, seed=seed)
    spans = message.resource_spans[0].scope_spans[0].spans
    for number, span in enumerate(spans):
        span.status.code = Status.STATUS_CODE_ERROR if number % 7 == 3 else Status.STATUS_CODE_UNSET
        if number:
            span.trace_id, span.parent_span_id = spans[0].trace_id, spans[0].span_id
    return message


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with calls of three functions of two services, a log record a payment, and one refused span."""
    directory = tmp_path_factory.mktemp("grafana") / "data"
    with ServerProcess(directory, "--clickhouse-http", "127.0.0.1:0") as process:
        chance = random.Random(7)
        messages, records = [], []
        for seed, start in enumerate(SPREAD):
            pay = [int(chance.lognormvariate(16, 1.5)) for _ in range(20)]
            paid = calls(SERVICE, FUNCTION, pay, start, seed)
            messages.append(paid)
            record = log_request(SERVICE, [f"paid {seed}"], time_ns=start * SECOND, seed=seed)
            root = paid.resource_spans[0].scope_spans[0].spans[0]
            record.resource_logs[0].scope_logs[0].log_records[0].trace_id = root.trace_id
            records.append(record)
            messages.append(calls(SERVICE, "cart.add", [chance.randrange(1000, 9000) for _ in range(9)], start, seed))
            messages.append(calls("mail", "send", [0, 0, 5, 10**10], start, seed))
        refused = request("mail", [1000], name="lost", start_ns=time.time_ns())
        refused.resource_spans[0].scope_spans[0].spans[0].trace_id = b""
        statuses = process.export(*(message.SerializeToString() for message in [*messages, refused]))
        statuses += process.export(*(record.SerializeToString() for record in records), method=EXPORT_LOGS)
        assert set(statuses) == {grpc.StatusCode.OK}
        yield process


@pytest.fixture(scope="module")
def ask(server):
    """The rows that the port for ClickHouse's clients answers, as Grafana asks it: `ask(sql)`."""
    url = f"http://{server.clickhouse_http}/?database=default&default_format=JSON"

    def rows(sql: str) -> list[dict]:
        answer = httpx.post(url, content=sql, auth=("grafana", "none"), timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, f"{answer.text}\n{sql}"
        return [{key: _number(value) for key, value in row.items()} for row in answer.json()["data"]]

    return rows


@pytest.fixture(scope="module")
def show(ask):
    """The rows of a panel: `show(dashboard, title, over, variable=value)`."""

    def rows(dashboard: str, title: str, over: Range, **values: str | list[str]) -> list[dict]:
        return ask(expand(query(dashboard, title), over, {**VALUES[dashboard], **values}))

    return rows


def _number(value):
    """JSON of ClickHouse writes 64-bit numbers as texts."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value) else value


def window(over: Range) -> dict[str, str]:
    """The same window for REST."""
    return {"since": str(over.start), "until": str(over.end)}


def seconds(text: str) -> int:
    """A ClickHouse DateTime, of a server in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


VALUES = {
    "spanhouse-overview": {"service": ALL, "function": "", "percentile": "0.99", "min_calls": "1"},
    "spanhouse-function": {"service": SERVICE, "function": FUNCTION, "percentile": "0.99", "trace": ""},
    "spanhouse-health": {},
}
# Recorded as they come in, whenever the spans began.
_BY_ARRIVAL = {"Requests stored", "Refused, by reason", "Latest refused"}


@pytest.mark.parametrize("over", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("asked", list(grafana_panels.queries()), ids=lambda asked: f"{asked.dashboard}: {asked.title}")
def test_every_query_has_an_answer(server, ask, asked: Query, over):
    """Each panel and each variable finds something over each window; series come in order of time and have a number."""
    values = dict(VALUES[asked.dashboard])
    if "trace" in values:
        values["trace"] = server.get("/api/v1/slowest", service=SERVICE, since="0").json()["rows"][0]["trace_id"]
    if asked.title in _BY_ARRIVAL:
        over = Range(int(time.time()) - HOUR, int(time.time()) + 5, over.step)
    rows = ask(expand(asked.sql, over, values))
    assert rows
    if asked.kind == "timeseries":
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        assert any(isinstance(value, int | float) for value in rows[0].values())


def same(one: float, other: float) -> bool:
    """Means and rates are quotients, written with as many digits as their writer likes."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


COLUMNS = {"Calls": "calls", "Errors": "errors", "Mean": "mean_ns", "p50": "p50_ns", "p90": "p90_ns", "p95": "p95_ns"}
COLUMNS |= {"p99": "p99_ns", "p99.9": "p999_ns", "Max": "max_ns", "Tail ratio": "tail_ratio", "Total time": "total_ns"}
COLUMNS |= {"traceID": "slowest_trace_id"}


@pytest.mark.parametrize("over", RANGES.values(), ids=RANGES)
def test_the_table_of_functions_is_that_of_the_api(server, show, over):
    """Every function, in the same order, with the same numbers in every column."""
    expected = server.get("/api/v1/functions", **window(over)).json()["rows"]
    rows = show("spanhouse-overview", "Functions", over)
    assert [(row["Service"], row["Function"]) for row in rows] == [(row["service"], row["name"]) for row in expected]
    assert len(rows) == 3
    for row, other in zip(rows, expected, strict=True):
        assert same(row["Error rate"], other["errors"] / other["calls"])
        for column, field in COLUMNS.items():
            equal = row[column] == other[field] if column == "traceID" else same(row[column], other[field])
            assert equal, (column, row, other)


def test_the_table_keeps_to_what_is_chosen(show):
    """Services by name, functions by a part of theirs in any case, and those with enough calls only."""
    over = QUARTERS
    of = lambda **values: {row["Function"] for row in show("spanhouse-overview", "Functions", over, **values)}  # noqa: E731
    assert of() == {FUNCTION, "cart.add", "send"}
    assert of(service=[SERVICE, "mail"], function="A") == {FUNCTION, "cart.add"}
    assert of(service=["mail"]) == {"send"}
    calls = {row["Function"]: row["Calls"] for row in show("spanhouse-overview", "Functions", over)}
    assert of(min_calls=str(calls["cart.add"])) == {FUNCTION, "cart.add"}
    assert of(min_calls="") == {FUNCTION, "cart.add", "send"}


@pytest.mark.parametrize("over", RANGES.values(), ids=RANGES)
def test_the_totals_are_those_of_all_calls(server, show, over):
    """The row of figures at the top, against `percentiles` of everything together."""
    (row,) = show("spanhouse-overview", "The window", over)
    asked = {"group": "none", "levels": "p50,p99", **window(over)}
    (expected,) = server.get("/api/v1/percentiles", **asked).json()["rows"]
    assert (row["Calls"], row["Total time"], row["Functions"]) == (expected["calls"], expected["total_ns"], 3)
    assert same(row["Errors"], expected["errors"] / expected["calls"])
    assert row["p50"] == expected["percentiles_ns"]["p50"]


STEPPED = {name: over for name, over in RANGES.items() if name != "within one hour"}


@pytest.mark.parametrize("over", STEPPED.values(), ids=STEPPED)
def test_series_are_those_of_the_api(server, show, over):
    """Throughput, error rate and a percentile, step by step, over whole steps and rollups of either size."""
    over = Range(over.start // over.step * over.step, over.end // over.step * over.step, over.step)
    asked = {"service": SERVICE, "name": FUNCTION, "step": f"{over.step}s", "levels": "p50,p90,p95,p99,p99.9"}
    answer = server.get("/api/v1/series", **asked, **window(over)).json()
    assert answer["source"] == ("rollup_1h" if over.step == HOUR else "rollup_1m")
    expected = {row["start_unix_ns"] // SECOND: row for row in answer["rows"] if row["calls"]}
    assert len(expected) > 5
    chosen = {"service": [SERVICE], "function": FUNCTION}
    throughput = show("spanhouse-overview", "Throughput", over, **chosen)
    assert {seconds(row["time"]): round(row["Value"] * over.step) for row in throughput} == {
        start: row["calls"] for start, row in expected.items()
    }
    for row in show("spanhouse-overview", "Error rate", over, **chosen):
        other = expected[seconds(row["time"])]
        assert same(row["Value"], other["errors"] / other["calls"])
    shown = show("spanhouse-function", "Percentiles", over)
    assert [seconds(row["time"]) for row in shown] == sorted(expected)
    for row in shown:
        # The API never goes outside the exact extremes; a series of Grafana's is read off the buckets alone.
        percentiles = expected[seconds(row["time"])]["percentiles_ns"]
        for level in ("p50", "p90", "p95", "p99", "p99.9"):
            assert math.isclose(row[level], percentiles[level], rel_tol=0.0055), (level, row, percentiles)
        assert row["p50"] == percentiles["p50"]
    both = show("spanhouse-function", "Calls and errors", over)
    assert {seconds(row["time"]): round(row["errors"] * over.step) for row in both} == {
        start: row["errors"] for start, row in expected.items()
    }


@pytest.mark.parametrize("over", STEPPED.values(), ids=STEPPED)
def test_the_heatmap_is_that_of_the_api(server, show, over):
    """The same calls in the same bands of the same steps, and no band missing in between."""
    over = Range(over.start // over.step * over.step, over.end // over.step * over.step, over.step)
    for service, function in ((SERVICE, FUNCTION), ("mail", "send")):
        asked = {"service": service, "name": function, "step": f"{over.step}s"}
        expected = {
            (row["start_unix_ns"] // SECOND, row["to_ns"]): row["calls"]
            for row in server.get("/api/v1/heatmap", **asked, **window(over)).json()["rows"]
        }
        rows = show("spanhouse-function", "Durations", over, service=service, function=function)
        cells = {(seconds(row["time"]), row["le"]): row["Value"] for row in rows}
        assert len(cells) == len(rows)
        assert {cell: calls for cell, calls in cells.items() if calls} == expected
        bounds = sorted({le for _, le in cells if le})
        assert len(bounds) == round(math.log2(bounds[-1] / bounds[0]) * 2) + 1


@pytest.mark.parametrize("over", RANGES.values(), ids=RANGES)
def test_the_comparison_has_this_window_and_the_one_before(server, show, over):
    """Each row is what `functions` says of its window, of which the earlier ends where the later begins."""
    rows = show("spanhouse-function", "This window and the one before", over)
    assert [row["Window"] for row in rows] == ["now", "previous"]
    before = Range(2 * over.start - over.end, over.start, over.step)
    for row, part in zip(rows, (over, before), strict=True):
        (expected,) = server.get("/api/v1/functions", service=SERVICE, name=FUNCTION, **window(part)).json()["rows"]
        for column in set(COLUMNS) - {"Errors", "traceID"}:
            assert same(row[column], expected[COLUMNS[column]]), (column, row, expected)


def test_the_window_before_is_moved_under_this_one(show):
    """The second series of that panel has the first one's times, and the numbers of a window's length earlier."""
    over = Range(ANCHOR - 4 * HOUR, ANCHOR, 10 * MINUTE)
    before = Range(ANCHOR - 8 * HOUR, ANCHOR - 4 * HOUR, 10 * MINUTE)
    title = "${percentile:text}, and that of the window before"
    moved = {seconds(row["time"]): row["previous"] for row in show("spanhouse-function", f"{title} B", over)}
    there = {seconds(row["time"]) + 4 * HOUR: row["now"] for row in show("spanhouse-function", title, before)}
    assert moved == there
    assert len(moved) == 24


def test_the_slowest_calls_and_a_trace_are_those_of_the_api(server, show):
    """The first is the slowest span there is; the trace panel has every span of its trace, as it was."""
    over = QUARTERS
    rows = show("spanhouse-function", "Slowest calls", over)
    asked = {"service": SERVICE, "name": FUNCTION, "limit": "50", **window(over)}
    expected = server.get("/api/v1/slowest", **asked).json()["rows"]
    assert [row["Duration"] for row in rows] == [row["duration_ns"] for row in expected]
    trace = show("spanhouse-function", "Trace $trace", over, trace=rows[0]["traceID"])
    spans = server.get(f"/api/v1/trace/{rows[0]['traceID']}").json()["rows"]
    assert {row["spanID"]: row["parentSpanID"] for row in trace} == {
        span["span_id"]: span["parent_span_id"] for span in spans
    }
    for row in trace:
        (span,) = (span for span in spans if span["span_id"] == row["spanID"])
        assert same(row["duration"], span["duration_ns"] / 1e6)
        assert math.isclose(row["startTime"], span["start_unix_ns"] / 1e6, abs_tol=0.001)
        assert row["statusCode"] == (2 if span["status"] == "Error" else 0)


def test_the_variables_offer_what_is_stored(show):
    """Services and their functions, those that took most first."""
    over = QUARTERS
    assert [row["ServiceName"] for row in show("spanhouse-overview", "variable service", over)] == [SERVICE, "mail"]
    functions = show("spanhouse-function", "variable function", over)
    assert [row["SpanName"] for row in functions] == [FUNCTION, "cart.add"]


def test_backend_health_says_what_is_stored(server, show):
    """Rows of tables, requests and spans a second, services and refusals, against what was sent."""
    lately = Range(int(time.time()) - HOUR, int(time.time()) + 5, MINUTE)
    tables = {row["Table"]: row for row in show("spanhouse-health", "Tables", lately)}
    assert {"otel_traces", "span_durations_1m", "span_stats_1h", "spanhouse_rejected"} <= tables.keys()
    stored = len(SPREAD) * (20 + 9 + 4)
    assert tables["otel_traces"]["Rows"] == stored
    assert all(tables["otel_traces"][column] > 0 for column in ("On disk", "Bytes a row", "Parts"))
    (state,) = show("spanhouse-health", "State", lately)
    assert state["Spans stored"] == stored
    assert 0 <= state["Last request stored"] < HOUR
    # The newest minute is that of the last call, the oldest span the first one.
    assert abs(time.time() - SPREAD[-1] - state["Newest calls"]) < 2 * MINUTE
    assert abs(time.time() - SPREAD[0] - state["Oldest span"]) < 2 * MINUTE
    requests = show("spanhouse-health", "Requests stored", lately)
    assert round(sum(row["requests"] for row in requests) * MINUTE) == len(SPREAD) * 4 + 1
    assert round(sum(row["refused"] for row in requests) * MINUTE) == 1
    (refused,) = show("spanhouse-health", "Refused, by reason", lately)
    assert (refused["reason"], refused["Value"]) == ("traces: invalid trace_id", 1)
    (refused,) = show("spanhouse-health", "Latest refused", lately)
    assert (refused["Service"], refused["Name"]) == ("mail", "lost")
    whole = Range(SPREAD[0], int(time.time()), HOUR)
    spans = show("spanhouse-health", "Spans stored, by their start", whole)
    assert round(sum(row["spans"] for row in spans) * HOUR) == stored
    services = {row["Service"]: row for row in show("spanhouse-health", "Services", whole)}
    expected = {row["service"]: row["calls"] for row in server.get("/api/v1/services", since="0").json()["rows"]}
    assert {name: row["Spans"] for name, row in services.items()} == expected
    assert services[SERVICE]["Functions"] == 2


# What the plugin's query builder makes of its defaults in OTel mode (otelVersion "latest"), version 4.20.
TRACE_SEARCH = """
SELECT "TraceId" as traceID, "ServiceName" as serviceName, "SpanName" as operationName, "Timestamp" as startTime,
 multiply("Duration", 0.000001) as duration FROM "default"."otel_traces"
WHERE ( Timestamp >= $__fromTime AND Timestamp <= $__toTime ) AND ( ParentSpanId = '' ) AND ( Duration > 0 )
ORDER BY Timestamp DESC LIMIT 1000
"""
TRACE_VIEW = """
WITH '$trace' as __gf_trace_id,
 (SELECT min(Start) FROM "default"."otel_traces_trace_id_ts" WHERE TraceId = __gf_trace_id) as __gf_trace_start,
 (SELECT max(End) + 1 FROM "default"."otel_traces_trace_id_ts" WHERE TraceId = __gf_trace_id) as __gf_trace_end
SELECT "TraceId" as traceID, "SpanId" as spanID, "ParentSpanId" as parentSpanID, "ServiceName" as serviceName,
 "SpanName" as operationName, multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001) as startTime,
 multiply("Duration", 0.000001) as duration,
 arrayMap(key -> map('key', key, 'value',"SpanAttributes"[key]), mapKeys("SpanAttributes")) as tags,
 arrayMap(key -> map('key', key, 'value',"ResourceAttributes"[key]), mapKeys("ResourceAttributes")) as serviceTags,
 if("StatusCode" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) as statusCode,
 arrayMap((name, timestamp, attributes) -> tuple(name, toString(toUnixTimestamp64Milli(timestamp)),
 arrayMap( key -> map('key', key, 'value', attributes[key]),
 mapKeys(attributes)))::Tuple(name String, timestamp String, fields Array(Map(String, String))),
 "Events".Name, "Events".Timestamp, "Events".Attributes) AS logs,
 arrayMap((traceID, spanID, attributes) -> tuple(traceID, spanID, arrayMap(key -> map('key', key, 'value',
 attributes[key]), mapKeys(attributes)))::Tuple(traceID String, spanID String, tags Array(Map(String, String))),
 "Links".TraceId, "Links".SpanId, "Links".Attributes) AS references,
 "SpanKind" as kind, "StatusMessage" as statusMessage, "TraceState" as traceState
FROM "default"."otel_traces"
WHERE traceID = __gf_trace_id AND "Timestamp" >= __gf_trace_start AND "Timestamp" <= __gf_trace_end
"""


def test_what_the_query_builder_asks_by_default_has_an_answer(server, ask):
    """Trace search finds the roots that took time, and the trace view all spans of the trace that it is given."""
    over = QUARTERS
    found = ask(expand(TRACE_SEARCH, over, {}))
    roots = {"filter": "NOT parent_id duration>0", "limit": "1000", **window(over)}
    spans = server.get("/api/v1/spans", **roots).json()["rows"]
    assert {row["traceID"] for row in found} == {span["trace_id"] for span in spans}
    assert len(found) > 100
    trace_id = found[0]["traceID"]
    shown = ask(expand(TRACE_VIEW, over, {"trace": trace_id}))
    spans = server.get(f"/api/v1/trace/{trace_id}").json()["rows"]
    assert {row["spanID"] for row in shown} == {span["span_id"] for span in spans}
    assert all({"key": "service.name", "value": row["serviceName"]} in row["serviceTags"] for row in shown)


LOGS = """
SELECT Timestamp as "timestamp", Body as "body", SeverityText as "level", TraceId as "traceID", ResourceAttributes,
 ScopeAttributes, LogAttributes FROM "default"."otel_logs"
WHERE ( TimestampTime >= $__fromTime AND TimestampTime <= $__toTime ) AND ( timestamp >= $__fromTime )
ORDER BY timestamp DESC LIMIT 1000
"""


def test_logs_are_found_by_default_and_beside_their_trace(server, ask, show):
    """The query builder's logs of a window, and the panel below the trace that one of them belongs to."""
    found = ask(expand(LOGS, QUARTERS, {}))
    expected = [start for start in SPREAD if QUARTERS.start <= start <= QUARTERS.end]
    assert [seconds(row["timestamp"][:19]) for row in found] == expected[::-1]
    assert {row["level"] for row in found} == {"INFO"}
    (shown,) = show("spanhouse-function", "Logs of the trace", QUARTERS, trace=found[0]["traceID"])
    assert (shown["body"], shown["service"]) == (found[0]["body"], SERVICE)
    assert show("spanhouse-function", "Logs of the trace", QUARTERS, trace="") == []


def test_a_name_is_a_value_whatever_is_in_it(show):
    """Quotes in a chosen service or function do not end the text that they are part of."""
    hostile = "') OR 1=1 --"
    assert show("spanhouse-function", "Slowest calls", QUARTERS, function=hostile) == []
    assert show("spanhouse-overview", "Functions", QUARTERS, service=[hostile]) == []


def test_dashboards_are_sound():
    """Ids are unique, data sources are chosen by the variable, nothing links out, and panels lie side by side."""
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS) == 3
    for name, board in DASHBOARDS.items():
        assert board["uid"] == name
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids), name
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            grid = panel["gridPos"]
            cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
            assert cells
            assert grid["x"] + grid["w"] <= 24
            assert not cells & taken, (name, panel["title"])
            taken |= cells
        # No gap below which a panel would hang: Grafana would move it up, and save another file than this.
        assert len(taken) == 24 * max(y + 1 for _, y in taken), name


def test_everything_asks_the_chosen_data_source():
    """Not one query names a data source of its own."""
    chosen = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
    for name, board in DASHBOARDS.items():
        variables = {variable["name"]: variable for variable in board["templating"]["list"]}
        assert variables["datasource"]["query"] == chosen["type"], name
        asking = [variable for variable in variables.values() if variable["type"] == "query"]
        asking += [panel for panel in board["panels"] if panel["type"] != "text"]
        asking += [target for panel in board["panels"] for target in panel.get("targets", [])]
        assert all(one["datasource"] == chosen for one in asking), name


def test_links_lead_to_these_dashboards_with_variables_that_they_have():
    """A link is relative, and every var- in it, or variable handed on, is one of the dashboard that it leads to."""
    found = 0
    for name, panel in grafana_panels.panels():
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            for prop in override["properties"]:
                for link in prop["value"] if prop["id"] == "links" else []:
                    path, _, asked = link["url"].partition("?")
                    board = DASHBOARDS[path.removeprefix("/d/")]
                    given = set(re.findall(r"\$\{(\w+):queryparam\}", asked))
                    own = {variable["name"] for variable in DASHBOARDS[name]["templating"]["list"]}
                    assert given <= own
                    names = {variable["name"] for variable in board["templating"]["list"]}
                    assert given | set(re.findall(r"var-(\w+)=", asked)) <= names
                    found += 1
    assert found == 3
    assert not any("://" in quote(str(board), safe=":/") for board in DASHBOARDS.values())


def test_comments_in_queries_have_nothing_that_a_macro_or_quote_begins_with():
    """The plugin reads SQL for macros, brackets and quotes; comments are for people."""
    for asked in grafana_panels.queries():
        lines = [line for line in asked.sql.splitlines() if line.lstrip().startswith("--")]
        assert lines, asked
        assert not [line for line in lines if re.search(r"['\"`$\[]", line)], asked
