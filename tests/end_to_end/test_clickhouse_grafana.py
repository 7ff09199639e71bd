"""What Grafana's ClickHouse data source asks of the port, as its sources have it, is answered with what it expects."""

import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from otlp_requests import request

HELLO = "SELECT displayName(), version(), revision(), timezone()"
# How the driver sends everything: conn_http.go of clickhouse-go.
DRIVER = {"default_format": "Native", "client_protocol_version": "54460", "database": "default"}
SEARCH = """
SELECT "TraceId" as traceID, "ServiceName" as serviceName, "SpanName" as operationName, "Timestamp" as startTime,
  multiply("Duration", 0.000001) as duration
FROM "default"."otel_traces"
WHERE ( Timestamp >= fromUnixTimestamp64Milli({from}) AND Timestamp <= fromUnixTimestamp64Milli({to}) )
  AND ( ParentSpanId = '' ) AND ( Duration > 0 ) AND ( ServiceName = 'shop' )
ORDER BY Timestamp DESC, Duration DESC LIMIT 1000
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server with ten spans of `shop` and five of `bank`."""
    with ServerProcess(tmp_path_factory.mktemp("grafana") / "data", "--clickhouse-http", "127.0.0.1:0") as process:
        for service, calls in (("shop", 10), ("bank", 5)):
            assert process.export(request(service, [5_000_000] * calls).SerializeToString())[0].name == "OK"
        yield process


def ask(server, statement, **parameters):
    url = f"http://{server.clickhouse_http}/"
    response = httpx.post(url, content=statement, params=parameters, timeout=PATIENCE_SECONDS)
    assert response.status_code == 200, response.text
    return response


def rows(server, statement):
    return ask(server, statement, default_format="JSONCompact").json()["data"]


def test_the_drivers_hello_is_answered_in_its_own_protocol(port):
    """A block of 54460, with BlockInfo and a byte behind each type, says revision 0; later blocks are plain."""
    ((version, timezone),) = rows(port, "SELECT version(), timezone()")

    def text(value):
        return bytes([len(value)]) + value.encode()

    expected = b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
    expected += text("displayName()") + text("String") + b"\0" + text("spanhouse")
    expected += text("version()") + text("String") + b"\0" + text(version)
    expected += text("revision()") + text("UInt32") + b"\0" + b"\0\0\0\0"
    expected += text("timezone()") + text("String") + b"\0" + text(timezone)
    assert ask(port, HELLO, **DRIVER).content == expected
    assert ask(port, f"  {HELLO.lower().replace('displayname', 'displayName')} ;", **DRIVER).content == expected
    assert ask(port, "SELECT 1", **DRIVER).content == b"\x01\x01\x011\x05UInt8\x01"


def test_what_older_plugins_ask_first_is_answered_plainly(port):
    """clickhouse-go up to 2.36 asks two questions and decodes at revision 0."""
    for question in ("SELECT timezone()", "SELECT version()"):
        answer = ask(port, question, default_format="Native").content
        assert answer.startswith(b"\x01\x01" + bytes([len(question) - 7]) + question[7:].encode() + b"\x06String")


INTROSPECTION = [
    ("SHOW DATABASES", "default"),
    ("SHOW TABLES FROM `default`", "otel_traces"),
    ("DESC TABLE `default`.`otel_traces`", "ServiceName"),
    ('DESC TABLE "default"."otel_traces"', "ServiceName"),
    ("SELECT name FROM system.functions", "quantile"),
    ("SELECT name FROM system.databases", "default"),
    ("SELECT name FROM system.tables WHERE database = 'default'", "otel_traces"),
    ("SELECT name FROM system.columns WHERE database = 'default' AND table = 'otel_traces'", "Duration"),
    ("SELECT DISTINCT arrayJoin(mapKeys(ResourceAttributes)) AS keys FROM otel_traces LIMIT 1000", "service.name"),
]


@pytest.mark.parametrize(("statement", "found"), INTROSPECTION, ids=[statement for statement, _ in INTROSPECTION])
def test_what_its_editor_looks_up_is_there(port, statement, found):
    """Databases, tables, columns, functions and the keys of maps."""
    assert found in [row[0] for row in rows(port, statement)]


def test_its_trace_search_finds_the_traces(port):
    """The table of the Explore view."""
    window = "toUnixTimestamp64Milli(now64() - INTERVAL 1 HOUR)", "toUnixTimestamp64Milli(now64())"
    found = rows(port, SEARCH.replace("{from}", window[0]).replace("{to}", window[1]))
    assert len(found) == 10
    assert {(service, duration) for _, service, _, _, duration in found} == {("shop", 5)}


@pytest.mark.parametrize("table", ["otel_traces", "default.otel_traces"])
def test_its_ad_hoc_filters_filter_every_table_of_a_dashboard(port, table):
    """They come as a setting that holds SQL, with quotes in quotes."""
    condition = " ServiceName = \\'shop\\' AND ResourceAttributes[\\'service.name\\'] != \\'it\\\\\\'s\\' "
    filters = f"settings additional_table_filters={{'{table}' : '{condition}'}}"
    assert [int(row[0]) for row in rows(port, f"SELECT count() FROM otel_traces {filters}")] == [10]
    nested = f"SELECT count() FROM (SELECT * FROM otel_traces WHERE Duration > 0) {filters}"
    assert [int(row[0]) for row in rows(port, nested)] == [10]


HOSTILE_FILTERS = [
    "file(\\'/etc/passwd\\') != \\'\\'",
    "1) OR (1",
    "1 FROM system.users",
    "1, 2",
    "1; SELECT 2",
    "1 UNION ALL SELECT 1",
    "TraceId IN (SELECT name FROM system.users)",
    "TraceId IN system.users",
    "1 SETTINGS readonly = 0",
    "1 INTO OUTFILE \\'/tmp/x\\'",
    "{x:UInt8}",
    "",
]


@pytest.mark.parametrize("condition", HOSTILE_FILTERS)
def test_filters_are_conditions_and_reach_no_further_than_statements(port, condition):
    """What is more than one expression, or calls what SQL may not call, is refused before it is run."""
    statement = f"SELECT count() FROM otel_traces SETTINGS additional_table_filters = {{'otel_traces': '{condition}'}}"
    refused = httpx.post(f"http://{port.clickhouse_http}/", content=statement, timeout=PATIENCE_SECONDS)
    assert refused.headers["X-ClickHouse-Exception-Code"] in {"497", "62"}
    hidden = "SELECT 1 SETTINGS additional_table_filters = {'system.users': '1'}"
    url = f"http://{port.clickhouse_http}/"
    assert httpx.post(url, content=hidden, timeout=PATIENCE_SECONDS).status_code == 403
