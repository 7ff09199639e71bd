"""The filter language: what every term means, as a tree, as SQL, and on real spans; what is said of anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_requests import request
from query_house import HOUR, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.conditions import condition, needs_spans
from spanhouse_backend.query.filters import (
    EVERYTHING,
    All,
    AnyOf,
    Comparison,
    Exists,
    Not,
    both,
    equals,
    field,
    parse_filter,
)
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.vocabulary import RECORDS, SPANS, Field

pytestmark = pytest.mark.over_both_stores

NAME, TIER = Field("text", "SpanName"), Field("attribute", "SpanAttributes", "tier")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", EVERYTHING),
        (" \n", EVERYTHING),
        ("name=a", Comparison(NAME, "=", ("a",), 6)),
        ("name = a", Comparison(NAME, "=", ("a",), 8)),
        ('name="a b"', Comparison(NAME, "=", ("a b",), 6)),
        ("name='a \"b\"'", Comparison(NAME, "=", ('a "b"',), 6)),
        (r'name="\"\\\d\n"', Comparison(NAME, "=", (r"\"\\\d\n".replace(r"\"", '"').replace("\\\\", "\\"),), 6)),
        ("name=http://x/?a=b&c>d", Comparison(NAME, "=", ("http://x/?a=b&c>d",), 6)),
        ("name=and", Comparison(NAME, "=", ("and",), 6)),
        ("name^=app.", Comparison(NAME, "^=", ("app.",), 7)),
        ("name!=a", Not(Comparison(NAME, "=", ("a",), 7))),
        ("name!~a", Not(Comparison(NAME, "~", ("a",), 7))),
        ("NOT NOT name=a", Comparison(NAME, "=", ("a",), 14)),
        ("not name!=a", Comparison(NAME, "=", ("a",), 11)),
        ("name in (a, 'b,c')", Comparison(NAME, "in", ("a", "b,c"), 10)),
        ("attr.tier", Exists(TIER)),
        ('attr."tier"', Exists(TIER)),
        ('attr."a b=\\""', Exists(Field("attribute", "SpanAttributes", 'a b="'))),
        ("attr.in in (in)", Comparison(Field("attribute", "SpanAttributes", "in"), "in", ("in",), 13)),
        ("resource.host.name=h", Comparison(Field("attribute", "ResourceAttributes", "host.name"), "=", ("h",), 20)),
        ("attr.tier>=-1.5e3", Comparison(TIER, ">=", (-1500.0,), 12)),
        ("duration>50ms", Comparison(Field("duration", "Duration"), ">", (50_000_000,), 10)),
        ("duration<1h30m", Comparison(Field("duration", "Duration"), "<", (5400 * 10**9,), 10)),
        ("duration=7", Comparison(Field("duration", "Duration"), "=", (7,), 10)),
        ("status=ERROR", Comparison(Field("choice", "StatusCode"), "in", ("Error", "STATUS_CODE_ERROR"), 8)),
        ("trace_id=" + "AB" * 16, Comparison(Field("id", "TraceId"), "=", ("ab" * 16,), 10)),
        ("attr.tier name=a", All((Exists(TIER), Comparison(NAME, "=", ("a",), 16)))),
        ("attr.tier and name=a", All((Exists(TIER), Comparison(NAME, "=", ("a",), 20)))),
        (
            "event or attr.tier name=a OR (error.type)",
            AnyOf(
                (
                    Exists(Field("event", "Events.Name")),
                    All((Exists(TIER), Comparison(NAME, "=", ("a",), 25))),
                    Exists(Field("error_type", "ErrorType")),
                )
            ),
        ),
        ("(((attr.tier)))", Exists(TIER)),
    ],
)
def test_a_filter_means(text, meaning):
    assert parse_filter(text) == meaning


BAD_FILTERS = [
    ("foo=1", 1, "there is no field 'foo'"),
    ("name=a foo=1", 8, "there is no field 'foo'"),
    ("attr.=1", 1, "there is no field 'attr.'"),
    ("service:shop", 8, "found ':shop' where a field or an operator"),
    ("duration>>5", 10, "found '>' where a value"),
    ("duration>", 10, "found the end where a value"),
    ("name='a", 6, 'found "\'" where a value'),
    ("name=a,b", 7, "found ',' where"),
    ("(name=a", 8, "found the end where a closing parenthesis"),
    ("name=a)", 7, "found ')' where"),
    ("name in ()", 10, "found ')' where a value"),
    ("and", 1, "there is no field 'and'"),
    ("or name=a", 1, "there is no field 'or'"),
    ("name=a\n foo", 9, "there is no field 'foo'"),
    ("status", 1, "every span has a status: compare it with something, as in status=error"),
    ("duration", 1, "as in duration=50ms"),
    ("status=bad", 8, "'bad' is not one of unset, ok, error"),
    ("kind in (server, bad)", 18, "'bad' is not one of unspecified"),
    ("status>ok", 7, "> does not go with status: use one of =, !=, in"),
    ("name>a", 5, "> does not go with name: use one of =, !=, ^=, ~, !~, in"),
    ("duration~5", 9, "~ does not go with duration: use one of =, !=, >, >=, <, <=, in"),
    ("duration>5y", 10, "is not a length of time"),
    ("duration>" + "9" * 20, 10, "is longer than any duration"),
    ("attr.n>many", 8, "'many' is not a number, which > compares attributes with"),
    ("attr.n>nan", 8, "is not a number"),
    ("trace_id=abc", 10, "'abc' is not 32 hexadecimal digits"),
    ("span_id=" + "0" * 32, 9, "is not 16 hexadecimal digits"),
    ("name~" + "a" * 257, 6, "a pattern is not longer than 256 characters"),
    ("event " * 65, 385, "a filter has at most 64 terms"),
    ("(" * 4000, 4001, "found the end where a field"),
    ("not " * 1000, 4001, "found the end where a field"),
    ("name=" + "a" * 4092, None, "a filter is not longer than 4096 characters"),
    ("name=\udcff", 6, "this is not UTF-8"),
]


LEVEL = RECORDS.fields["level"]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("level=warn", Comparison(LEVEL, "in", (13, 14, 15, 16), 7)),
        ("level=Warning", Comparison(LEVEL, "in", (13, 14, 15, 16), 7)),
        ("level='critical'", Comparison(LEVEL, "in", (21, 22, 23, 24), 7)),
        ("level=14", Comparison(LEVEL, "in", (14,), 7)),
        ("level!=info", Not(Comparison(LEVEL, "in", (9, 10, 11, 12), 8))),
        ("level in (trace, 5)", Comparison(LEVEL, "in", (1, 2, 3, 4, 5), 11)),
        ("level>=warn", Comparison(LEVEL, ">=", (13,), 8)),
        ("level>warn", Comparison(LEVEL, ">", (16,), 7)),
        ("level<warn", Comparison(LEVEL, "<", (13,), 7)),
        ("level<=warn", Comparison(LEVEL, "<=", (16,), 8)),
        ("level>14", Comparison(LEVEL, ">", (14,), 7)),
        ("level", Exists(LEVEL)),
        ("logger^=app.", Comparison(Field("text", "ScopeName"), "^=", ("app.",), 9)),
        ("event=user.login", Comparison(Field("text", "EventName"), "=", ("user.login",), 7)),
        ("attr.tier", Exists(Field("attribute", "LogAttributes", "tier"))),
    ],
)
def test_a_filter_over_records_means(text, meaning):
    assert parse_filter(text, RECORDS) == meaning


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("name=a", 1, "there is no field 'name': there are service, scope, logger, body, event, level, severity, "),
        ("duration>1s", 1, "there is no field 'duration'"),
        ("level=loud", 7, "'loud' is none of trace, debug, info, warn, error, fatal, nor a number from 1 to 24"),
        ("level=0", 7, "'0' is none of"),
        ("level>25", 7, "'25' is none of"),
        ("body=a level=\u0663", 14, "'\u0663' is none of"),
        ("level~warn", 6, "~ does not go with level: use one of =, !=, >, >=, <, <=, in"),
        ("level^=w", 6, "^= does not go with level"),
        ("body>1", 5, "> does not go with body"),
    ],
)
def test_a_bad_filter_over_records_is_refused_where_it_is_bad(text, column, problem):
    with pytest.raises(InvalidQuestion) as refused:
        parse_filter(text, RECORDS)
    assert (refused.value.parameter, refused.value.column) == ("filter", column)
    assert problem in refused.value.problem


@pytest.mark.parametrize(("text", "column", "problem"), BAD_FILTERS)
def test_a_bad_filter_is_refused_where_it_is_bad(text, column, problem):
    with pytest.raises(InvalidQuestion) as refused:
        parse_filter(text)
    assert (refused.value.parameter, refused.value.column) == ("filter", column)
    assert problem in refused.value.problem
    assert len(refused.value.problem) < 400


def test_a_caret_points_at_the_trouble():
    with pytest.raises(InvalidQuestion) as refused:
        parse_filter("name=a\tfoo=1")
    _, line, caret = refused.value.pointed.splitlines()
    assert (line, caret) == ("  name=a foo=1", "         ^")


@pytest.mark.parametrize("vocabulary", [SPANS, RECORDS], ids=lambda vocabulary: vocabulary.one)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("nameattr.= <>!~^()\"'\\, or"), max_size=60)
)
def test_any_text_is_a_filter_or_a_refusal(vocabulary, text):
    """Nothing that can be written makes the parser fail in any other way, or paste a value into SQL."""
    try:
        meaning = parse_filter(text, vocabulary)
    except InvalidQuestion:
        return
    made = condition(meaning)
    assert made.sql.count("{filter_") >= len(made.parameters)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_value_can_be_written_in_quotes(value):
    for quote in "\"'":
        written = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
        assert parse_filter(f"name={quote}{written}{quote}").values == (value,)


@pytest.mark.parametrize(
    ("text", "sql", "parameters"),
    [
        ("", "1", {}),
        ("name=a", "(SpanName = {filter_0:String})", {"filter_0": "a"}),
        ("scope^=a", "(startsWith(ScopeName, {filter_0:String}))", {"filter_0": "a"}),
        ("message!~a", "NOT (match(StatusMessage, {filter_0:String}))", {"filter_0": "a"}),
        ("name in (a, b)", "(SpanName IN {filter_0:Array(String)})", {"filter_0": ["a", "b"]}),
        ("status!=ok", "NOT (StatusCode IN {filter_0:Array(String)})", {"filter_0": ["Ok", "STATUS_CODE_OK"]}),
        ("duration>=5ms", "(Duration >= {filter_0:UInt64})", {"filter_0": 5_000_000}),
        ("duration in (1, 2us)", "(Duration IN {filter_0:Array(UInt64)})", {"filter_0": [1, 2000]}),
        ("parent_id", "(ParentSpanId != '')", {}),
        ("attr.t", "(mapContains(SpanAttributes, {filter_0:String}))", {"filter_0": "t"}),
        (
            "resource.t=''",
            (
                "(mapContains(ResourceAttributes, {filter_0:String}) AND "
                "ResourceAttributes[{filter_0:String}] = {filter_1:String})"
            ),
            {"filter_0": "t", "filter_1": ""},
        ),
        (
            "attr.n<5",
            (
                "(mapContains(SpanAttributes, {filter_0:String}) AND "
                "ifNull(toFloat64OrNull(SpanAttributes[{filter_0:String}]) < {filter_1:Float64}, 0))"
            ),
            {"filter_0": "n", "filter_1": 5.0},
        ),
        ("event=e", "(arrayExists(event -> event = {filter_0:String}, Events.Name))", {"filter_0": "e"}),
        (
            "error.type",
            (
                "(if(SpanAttributes['error.type'] != '', SpanAttributes['error.type'], arrayFirst(type -> type != '', "
                "arrayMap(event -> event['exception.type'], Events.Attributes))) != '')"
            ),
            {},
        ),
        (
            "name=a or not (name=b event) ",
            (
                "((SpanName = {filter_0:String}) OR NOT ((SpanName = {filter_1:String}) AND "
                "(arrayExists(event -> event != '', Events.Name))))"
            ),
            {"filter_0": "a", "filter_1": "b"},
        ),
    ],
)
def test_a_filter_as_sql(text, sql, parameters):
    assert condition(parse_filter(text)) == (sql, parameters)


@pytest.mark.parametrize(
    ("text", "sql", "parameters"),
    [
        ("level>=warn", "(SeverityNumber > 0 AND SeverityNumber >= {filter_0:UInt8})", {"filter_0": 13}),
        ("level<debug", "(SeverityNumber > 0 AND SeverityNumber < {filter_0:UInt8})", {"filter_0": 5}),
        (
            "level!=8",
            "NOT (SeverityNumber > 0 AND SeverityNumber IN {filter_0:Array(UInt8)})",
            {"filter_0": [8]},
        ),
        ("level", "(SeverityNumber > 0)", {}),
        ("event", "(EventName != '')", {}),
        ("body~a", "(match(Body, {filter_0:String}))", {"filter_0": "a"}),
    ],
)
def test_a_filter_over_records_as_sql(text, sql, parameters):
    assert condition(parse_filter(text, RECORDS)) == (sql, parameters)


def test_only_what_the_rollups_hold_can_be_answered_by_them():
    assert not needs_spans(EVERYTHING)
    assert not needs_spans(parse_filter("service=a name~b (kind=server or not status=error)"))
    for text in ("duration>1s", "scope=a", "attr.a", "service=a event", "not trace_id=" + "a" * 32):
        assert needs_spans(parse_filter(text)), text


def test_filters_add_up():
    one, other = equals("service", "a"), parse_filter("name=b event")
    assert both(one, other).operands == (one, *other.operands)
    assert both(EVERYTHING, one).operands == (one,)


def test_a_field_is_named_as_in_a_filter():
    assert field("group", "attr.tier") == TIER
    assert field("group", 'attr."a b"').key == "a b"
    with pytest.raises(InvalidQuestion, match="group: there is no field 'tier'"):
        field("group", "tier")


@pytest.fixture(scope="module")
def stored(house):
    """Six spans of the service `filters`, one unlike the other, each with a name of its own."""
    plain = request("filters", [1_000], name="app.plain", start_ns=MONDAY_10H)
    rich = request(
        "filters",
        [60_000_000],
        name="app.rich",
        start_ns=MONDAY_10H,
        attributes={
            "tier": AnyValue(string_value="gold"),
            "n": AnyValue(int_value=12),
            "odd key": AnyValue(string_value='it\'s \\ "quoted"'),
            "empty": AnyValue(string_value=""),
        },
    )
    failed = request("filters", [2_000_000], name="app.failed", start_ns=MONDAY_10H, seed=1)
    raised = request("filters", [3_000_000], name="lib.raised", start_ns=MONDAY_10H, seed=2)
    child = request("filters", [500], name="lib.child", start_ns=MONDAY_10H, attributes={"n": AnyValue(int_value=5)})
    nan = request("filters", [400], name="lib.nan", start_ns=MONDAY_10H, attributes={"n": AnyValue(string_value="?")})
    spans = {
        message: part.resource_spans[0].scope_spans[0].spans[0]
        for message, part in (
            ("failed", failed),
            ("raised", raised),
            ("child", child),
            ("rich", rich),
        )
    }
    spans["failed"].status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="no funds"))
    spans["failed"].attributes.append(KeyValue(key="error.type", value=AnyValue(string_value="FundsError")))
    spans["raised"].status.code = Status.STATUS_CODE_ERROR
    spans["raised"].events.append(Span.Event(name="retry"))
    spans["raised"].events.append(
        Span.Event(
            name="exception",
            attributes=[KeyValue(key="exception.type", value=AnyValue(string_value="ValueError"))],
        )
    )
    spans["child"].parent_span_id = spans["raised"].span_id
    spans["child"].trace_id = b"F" * 16
    spans["child"].kind = Span.SPAN_KIND_SERVER
    child.resource_spans[0].scope_spans[0].scope.name = "other"
    rich.resource_spans[0].resource.attributes.append(KeyValue(key="host.name", value=AnyValue(string_value="h1")))
    house.insert(plain, rich, failed, raised, child, nan)
    return {"plain", "rich", "failed", "raised", "child", "nan"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "plain rich failed raised child nan"),
        ("name=app.rich", "rich"),
        ("name^=app.", "plain rich failed"),
        ("name~'ai.?ed$'", "failed raised"),
        ("name!~'^app'", "raised child nan"),
        ("name in (app.rich, 'lib.nan', nothing)", "rich nan"),
        ("status=error", "failed raised"),
        ("status!=error kind!=server", "plain rich nan"),
        ("kind in (server, client)", "child"),
        ("scope=other", "child"),
        ("scope", "plain rich failed raised child nan"),
        ("message~fund", "failed"),
        ("message", "failed"),
        ("duration>2ms", "rich raised"),
        ("duration>=2ms duration<60ms", "failed raised"),
        ("duration=1us", "plain"),
        ("duration<=400 or duration in (500ns)", "child nan"),
        ("attr.tier", "rich"),
        ("attr.tier=gold", "rich"),
        ("attr.tier!=gold", "plain failed raised child nan"),
        ("attr.tier!=silver attr.tier", "rich"),
        ("attr.empty=''", "rich"),
        ("attr.missing=''", ""),
        ("attr.n>5", "rich"),
        ("attr.n>=5", "rich child"),
        ("attr.n<1e9", "rich child"),
        ("not attr.n>5", "plain failed raised child nan"),
        ("attr.n=12", "rich"),
        ("attr.n ^= 1", "rich"),
        ("attr.n in (5, '?')", "child nan"),
        (r'''attr."odd key"="it's \\ \"quoted\""''', "rich"),
        ("resource.host.name=h1", "rich"),
        ("event", "raised"),
        ("event=exception", "raised"),
        ("event~'^re'", "raised"),
        ("event!=retry", "plain rich failed child nan"),
        ("error.type", "failed raised"),
        ("error.type=ValueError", "raised"),
        ("error.type~Funds", "failed"),
        ("parent_id", "child"),
        ("not parent_id", "plain rich failed raised nan"),
        ("trace_id=" + b"F".hex() * 16, "child"),
        ("status=error or attr.n", "rich failed raised child nan"),
        ("(status=error or attr.n) name^=lib.", "raised child nan"),
        ("not (status=error or attr.n)", "plain"),
        ('name="app.rich\' OR 1=1 --"', ""),
        ("name='{filter_0:String}'", ""),
    ],
)
def test_a_filter_finds_the_spans_it_describes(house, stored, text, names):
    """The same ones whether the rollups answer or the spans."""
    for exact in ("false", "true"):
        answer = house.ask(Functions, service="filters", filter=text, exact=exact)
        found = {row.name.partition(".")[2] for row in answer.rows}
        assert found == set(names.split())
        if exact == "true" or needs_spans(parse_filter(text)):
            assert (answer.source, answer.accuracy) == ("raw", "exact")
        else:
            assert answer.accuracy == "bucketed"


@pytest.mark.parametrize("pattern", ["a(b", "(?<=a)b", "((a{1000}){1000}){1000}", r"a\1"])
def test_a_pattern_that_the_engine_cannot_read_is_refused_where_it_stands(house, stored, pattern):
    with pytest.raises(InvalidQuestion, match="is no RE2 pattern") as refused:
        house.ask(Functions, filter=f'service=filters name~"{pattern}"')
    assert (refused.value.parameter, refused.value.column) == ("filter", 22)
    response = house.get("/api/v1/functions?filter=name~'a(b'")
    assert response.status_code == 400
    assert response.json()["error"] == {
        "parameter": "filter",
        "message": "filter: column 6: 'a(b' is no RE2 pattern: missing ): a(b",
        "column": 6,
    }


def test_exact_percentiles_are_those_of_the_spans_over_the_very_window(house):
    """No bucket is involved, and the window is not grown to whole minutes."""
    house.insert(request("exactly", [1_234_567, 2_345_678, 9_876_543], start_ns=MONDAY_10H))
    window = {"since": "1767607200.000001", "until": "1767607200.000003"}
    answer = house.ask(Functions, service="exactly", exact="yes", **window)
    (row,) = answer.rows
    assert (answer.from_ns, answer.to_ns) == (MONDAY_10H + 1000, MONDAY_10H + 3000)
    assert (row.calls, row.min_ns, row.p50_ns, row.max_ns) == (2, 2_345_678, 2_345_678, 9_876_543)
    whole = house.ask(Functions, service="exactly", exact="1", since="1767607200", now_ns=MONDAY_10H + HOUR).rows[0]
    assert (whole.calls, whole.p50_ns, whole.p99_ns) == (3, 2_345_678, 9_876_543)
