"""Honest raw SQL is answered as the engine would answer it itself, within its limits, and stops when nobody waits."""

import asyncio
import io
import json
import time
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from otlp_requests import request
from query_house import MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion, Overloaded, StatementFailed
from spanhouse_backend.query.sql_reader import SqlReader
from spanhouse_backend.store.sandbox import MAX_WAITING

# What people and their dashboards ask. Everything is ordered or one row, so that answers can be compared.
HONEST = Path(__file__).with_name("honest_statements.txt").read_text(encoding="utf-8").splitlines()
# What Grafana's data source asks for the view of one trace (FORMAT and macros are expanded before they are sent).
GRAFANA_TRACE = """
WITH '%s' AS __gf_trace_id,
     (SELECT min(Start) FROM "default"."otel_traces_trace_id_ts" WHERE TraceId = __gf_trace_id) AS __gf_trace_start,
     (SELECT max(End) + 1 FROM "default"."otel_traces_trace_id_ts" WHERE TraceId = __gf_trace_id) AS __gf_trace_end
SELECT "TraceId" AS traceID, "SpanId" AS spanID, "ServiceName" AS serviceName, "SpanName" AS operationName,
  multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001) AS startTime, multiply("Duration", 0.000001) AS duration,
  arrayMap(key -> map('key', key, 'value', "SpanAttributes"[key]), mapKeys("SpanAttributes")) AS tags,
  if("StatusCode" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) AS statusCode,
  arrayMap((name, timestamp, attributes) -> tuple(name, toString(multiply(toUnixTimestamp64Nano(timestamp), 0.000001)),
    arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes)))
    ::Tuple(name String, timestamp String, fields Array(Map(String, String))),
    "Events.Name", "Events.Timestamp", "Events.Attributes") AS logs, "SpanKind" AS kind
FROM "default"."otel_traces"
WHERE traceID = __gf_trace_id AND "Timestamp" >= __gf_trace_start AND "Timestamp" <= __gf_trace_end LIMIT 1000
"""


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Three functions of the service `sql`; gives one of their traces."""
    messages = [request("sql", range(1000, 1000 + 100 * n, 7), name=f"f{n}", start_ns=MONDAY_10H) for n in (1, 2, 3)]
    house.insert(*messages)
    return messages[0].resource_spans[0].scope_spans[0].spans[0].trace_id.hex()


@pytest.mark.parametrize("statement", HONEST)
def test_useful_statements_are_answered_as_the_engine_answers_them_itself(house, ask_sql, statement):
    """What is run is a rewritten text; its answer is that of the text as it was written."""
    itself = house.run(house.store.fetch(statement.partition(" -- ")[0].partition(" # ")[0].rstrip("; "), {}))
    answer = json.loads(ask_sql(statement, "JSONCompact"))
    assert [column["name"] for column in answer["meta"]] == list(itself.columns)
    assert len(answer["data"]) == len(itself.rows) > 0
    for row, own in zip(answer["data"], itself.rows, strict=True):
        pairs = [(mine, its) for mine, its in zip(row, own, strict=True) if isinstance(its, int | float | str)]
        assert [float(mine) if isinstance(its, float) else mine for mine, its in pairs] == [its for _, its in pairs]


def test_grafanas_view_of_a_trace_is_answered(ask_sql, stored):
    """Its query, as it is sent, finds the span with its kind, name and duration in milliseconds."""
    (row,) = json.loads(ask_sql(GRAFANA_TRACE % stored, "JSON"))["data"]
    assert (row["traceID"], row["serviceName"], row["operationName"]) == (stored, "sql", "f1")
    assert row["duration"] == pytest.approx(0.001, rel=0.1)


def test_values_of_placeholders_stay_values(ask_sql):
    """Quotes, backslashes, line ends and SQL in them mean nothing to the engine."""
    for text in ("it's", "a\\b\\'", "x\ny\tz", "'; DROP TABLE otel_traces --", "{y:String}", "%(y)s %s", "π", ""):
        answer = json.loads(ask_sql("SELECT {x:String} AS x, {y:UInt8} + 1 AS y", "JSON", x=text, y="7"))
        assert answer["data"] == [{"x": text, "y": 8}]
    assert ask_sql("SELECT {a:Array(UInt8)}[2], {d:DateTime}", a="[1, 5]", d="2020-01-01 00:00:00") == (
        b"5\t2020-01-01 00:00:00\n"
    )
    with pytest.raises(InvalidQuestion, match=r"param_x: the statement has this placeholder, and no value is given"):
        ask_sql("SELECT {x:String}")
    with pytest.raises(InvalidQuestion, match=r"param_z: the statement has no placeholder of this name"):
        ask_sql("SELECT 1", z="1")
    with pytest.raises(StatementFailed, match="UInt8"):
        ask_sql("SELECT {x:UInt8}", x="1000 or so")


def test_formats_are_the_engines_own(ask_sql):
    """A FORMAT clause chooses; Arrow, Parquet and Native are whole and readable."""
    assert ask_sql("SELECT 1 AS a, 'x,y' AS b", "CSVWithNames") == b'"a","b"\n1,"x,y"\n'
    assert ask_sql("SELECT 1 AS a FORMAT CSVWithNames", "JSON") == b'"a"\n1\n'
    assert ask_sql("DESCRIBE otel_traces FORMAT csv", "JSON").startswith(b'"Timestamp","DateTime64(9)"')
    statement = "SELECT number, toString(number) AS text FROM numbers(1000)"
    expected = {"number": list(range(1000)), "text": [str(number) for number in range(1000)]}
    assert pa.ipc.open_stream(ask_sql(statement, "ArrowStream")).read_all().to_pydict() == expected
    assert pq.read_table(io.BytesIO(ask_sql(statement, "Parquet"))).to_pydict() == expected
    assert ask_sql("SELECT 1 AS a", "Native") == b"\x01\x01\x01a\x05UInt8\x01"
    with pytest.raises(InvalidQuestion, match="'Protobuf' is not a format"):
        ask_sql("SELECT 1 FORMAT Protobuf")


TOO_MUCH = [
    ("SELECT sum(number) FROM numbers(1e15)", "Timeout exceeded"),
    ("SELECT count() FROM numbers(1e6) a, numbers(1e6) b WHERE a.number % 7 = b.number % 11", "Timeout exceeded"),
    ("SELECT number FROM system.numbers WHERE sipHash64(number) = 7", "Timeout exceeded"),
    ("SELECT sum(sipHash64(number)) FROM numbers_mt(1e15)", "Timeout exceeded"),
    ("WITH RECURSIVE t AS (SELECT 1 n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t", "recursive|Timeout"),
    ("SELECT range(1000000000)", "array elements"),
    ("SELECT length(range(400000000))", "memory limit exceeded"),
    ("SELECT length(repeat('a', 1000000000))", "memory limit|Too many times"),
    ("SELECT arrayWithConstant(1000000000, 'x')", "memory limit|too large|large array"),
    ("SELECT groupArray(number) FROM numbers(1e10)", "memory limit exceeded|Timeout"),
    ("SELECT uniqExact(number) FROM numbers(1e10)", "memory limit exceeded|Timeout"),
    ("SELECT number, count() FROM numbers(1e12) GROUP BY number", "memory limit exceeded|Timeout"),
    ("SELECT arrayMap(x -> arrayMap(y -> x * y, range(10000)), range(10000))", "memory limit exceeded"),
    ("SELECT arrayStringConcat(arrayMap(x -> toString(x), range(30000000)))", "memory limit exceeded"),
    ("SELECT a.number FROM numbers(1e8) a JOIN numbers(1e8) b ON a.number = b.number", "memory limit|Timeout"),
    ("SELECT number FROM numbers(1000000)", "max rows"),
    ("SELECT * FROM system.numbers", "max rows"),
    ("SELECT repeat('a', 100000) FROM numbers(1000)", "Limit for result exceeded|memory limit"),
    (f"SELECT number AS {'a' * 50_000} FROM numbers(99999)", "memory limit exceeded"),
]


@pytest.mark.parametrize(("statement", "reason"), TOO_MUCH, ids=[statement[:60] for statement, _ in TOO_MUCH])
def test_what_takes_too_much_ends_with_the_limit_it_met(ask_sql, statement, reason):
    """Time, rows, bytes and memory each stop a statement, in words that say which; and the next one is answered."""
    begun = time.monotonic()
    with pytest.raises(StatementFailed, match=f"(?i){reason}"):
        ask_sql(statement, "JSON")
    assert time.monotonic() - begun < 30  # the limit is 3 s; the rest is for a busy machine
    assert ask_sql("SELECT 'next'") == b"next\n"


def test_what_a_failed_statement_had_put_out_is_in_no_other_answer(ask_sql):
    """The engine keeps such rows on the handle, and would begin its next answer with them."""
    for _ in range(3):
        with pytest.raises(StatementFailed, match="max rows"):
            ask_sql("SELECT number FROM numbers(1000000)")
        assert ask_sql("SELECT 'mine'") == b"mine\n"


_ENDLESS = count(10**15)
"""Numbers that tell an endless statement from an earlier one, which the engine may be ending still."""


def _while_busy(house, sandbox, then):
    """Runs `then` while an endless statement runs in the sandbox, and cancels that statement at the end."""
    reader = SqlReader(sandbox, house.store.database)

    async def work():
        statement = f"SELECT sum(number) FROM numbers({next(_ENDLESS)})"
        endless = asyncio.ensure_future(reader.run(statement, {}, "TSV"))
        # Begins with it: while it is only parsed, the parser's statement has it in a literal.
        running = f"SELECT count() FROM system.processes WHERE query LIKE '{statement}%'"
        while not (await house.store.fetch(running, {})).rows[0][0]:
            await asyncio.sleep(0.01)
        try:
            return await then(reader)
        finally:
            endless.cancel()
            await asyncio.wait({endless})
            assert endless.cancelled()

    return house.run(work())


def test_a_statement_ends_when_nobody_waits_for_it(house, patient_sandbox):
    """Cancelling kills it in the engine, long before its own limit, and the next one is answered."""

    async def nothing(_reader):
        pass

    begun = time.monotonic()
    _while_busy(house, patient_sandbox, nothing)
    assert house.run(SqlReader(patient_sandbox, house.store.database).run("SELECT 2", {}, "TSV")).body == b"2\n"
    assert time.monotonic() - begun < 200  # the endless one would have kept the thread for 300 s


def test_refusals_and_the_other_questions_do_not_wait_for_a_busy_sandbox(house, patient_sandbox):
    """While one statement takes all the time it can, another is refused, spans are stored and questions answered."""

    async def others(reader):
        with pytest.raises(InvalidQuestion, match="not open"):
            await reader.run("SELECT file('x')", {}, "TSV")
        assert (await house.store.fetch("SELECT 1", {})).rows == [(1,)]
        return True

    assert _while_busy(house, patient_sandbox, others)


def test_more_than_may_wait_are_refused_and_find_a_place_later(house, patient_sandbox):
    """Statements queue up to a number; one more is told to come again, and cancelled ones give their places back."""

    async def crowd(reader):
        waiting = [asyncio.ensure_future(patient_sandbox.run("SELECT 1", {}, "TSV")) for _ in range(MAX_WAITING - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="try again later"):
            await reader.run("SELECT 1", {}, "TSV")
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
        return True

    assert _while_busy(house, patient_sandbox, crowd)
    assert house.run(SqlReader(patient_sandbox, house.store.database).run("SELECT 3", {}, "TSV")).body == b"3\n"
