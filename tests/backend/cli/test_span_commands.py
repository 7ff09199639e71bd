"""The commands about single calls: slow, spans, errors, attributes, impact, delete."""

import csv
import io
import json

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H
from terminal import on_a_terminal, plain

SERVICE = "single"
SINCE = ("--since", "2026-01-05T10:00Z", "--until", "2026-01-05T11:00Z")
WINDOW = ("--service", SERVICE, *SINCE)


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Forty calls of 1 .. 40 ms; the last two are of tier gold, and the last one failed. Gives their trace ids."""
    messages = []
    for number in range(1, 41):
        message = request(
            SERVICE,
            [number * 1_000_000],
            name="work",
            start_ns=MONDAY_10H + number * MINUTE,
            attributes={"tier": AnyValue(string_value="gold" if number > 38 else "free")},
            seed=number,
        )
        messages.append(message)
    last = messages[-1].resource_spans[0].scope_spans[0].spans[0]
    last.status.code, last.status.message = Status.STATUS_CODE_ERROR, "no\nluck"
    house.insert(*messages)
    return [message.resource_spans[0].scope_spans[0].spans[0].trace_id.hex() for message in messages]


def test_slow_shows_the_longest_calls_with_their_traces(ask, stored):
    _, header, first, second, more = ask("slow", *WINDOW, "--limit", "2").splitlines()
    assert header.split() == ["start", "service", "function", "duration", "status", "trace", "attributes"]
    assert first.split() == ["2026-01-05T10:40:00Z", SERVICE, "work", "40ms", "Error", stored[39], "tier=gold"]
    assert second.split() == ["2026-01-05T10:39:00Z", SERVICE, "work", "39ms", stored[38], "tier=gold"]
    assert more == "Only the first 2: see more with --limit."


def test_a_narrow_terminal_keeps_the_whole_trace_id(house, stored):
    shown = plain(on_a_terminal(("slow", "--server", house.grpc, *WINDOW, "--limit", "1"), 80))
    assert stored[39] in shown
    assert "2026-01-05T10:40" not in shown.splitlines()[2]


def test_spans_go_on_where_they_ended(ask, stored):
    *_, cursor, _ = ask("spans", *WINDOW, "--order", "oldest", "--limit", "30").splitlines()
    assert cursor.startswith("To go on: --cursor ")
    shown = ask("spans", *WINDOW, "--order", "oldest", "--limit", "30", "--cursor", cursor.rpartition(" ")[2])
    assert [line.split()[4 if "Error" not in line else 5] for line in shown.splitlines()[2:]] == stored[30:]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_all_spans_are_written_answer_by_answer(ask, stored, form):
    """More than one answer's worth are one document all the same."""
    shown = ask("spans", *WINDOW, "--order", "oldest", "--limit", "7", "--all", "--format", form)
    rows = json.loads(shown)["rows"] if form == "json" else list(csv.DictReader(io.StringIO(shown)))
    assert [row["trace_id"] for row in rows] == stored


def test_all_is_for_programs(spanhouse):
    shown = spanhouse("spans", "--all")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "--all is for programs" in shown.stderr


def test_errors_are_counted_and_their_words_cannot_steer_a_terminal(ask, stored):
    _, header, row = ask("errors", *WINDOW).splitlines()
    assert header.split() == ["calls", "service", "function", "type", "first", "last", "message", "trace"]
    when = "2026-01-05T10:40:00Z"
    assert row.split() == ["1", SERVICE, "work", when, when, "no\\nluck", stored[39]]


def test_no_errors_are_no_reason_to_instrument(ask):
    shown = ask("errors", "--service", SERVICE, "--filter", "status=ok status=error")
    assert shown == (
        f"No errors of service {SERVICE} that match the filter are stored. "
        "Without --filter, errors shows all of them.\n"
    )


def test_attributes_are_listed_as_filters_name_them(ask):
    _, header, *rows = ask("attributes", "work", *WINDOW).splitlines()
    assert header.split() == ["attribute", "type", "spans", "values", "examples"]
    assert ["attr.tier", "string", "40", "2", "free,", "gold"] in [row.split() for row in rows]


def test_impact_finds_what_the_slow_calls_have_in_common(ask):
    _, slow, _, row = ask("impact", "work", *WINDOW, "--slower-than", "38ms").splitlines()
    assert slow == "Inside are 2 of 40 calls: longer than 38ms"
    assert row.split() == ["attr.tier", "gold", "100.0%", "0.0%", "1.00", "20", "2", "0"]


@pytest.fixture
def doomed(house, request_of):
    """Ten spans to delete, of a service of their own for each test."""
    return request_of("doomed", 10)


@pytest.fixture
def request_of(house, request):
    """Stores so many spans of a service named after the test; gives its name."""

    def store(prefix, count):
        service = f"{prefix}-{request.node.name}"
        house.insert(make(service, count))
        return service

    return store


def make(service, count):
    return request(service, [1000] * count, start_ns=MONDAY_10H + HOUR)


def left(house, service):
    return sum(row["calls"] for row in house.get(f"/api/v1/services?exact=true&service={service}").json()["rows"])


def test_delete_asks_and_takes_no_for_an_answer(spanhouse, house, doomed):
    shown = spanhouse("delete", "--since", "0", "--service", doomed, "--server", house.grpc, input="n\n")
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert "Delete 10 spans? There is no way back. [y/N]" in shown.stderr
    assert left(house, doomed) == 10


def test_delete_where_nobody_can_answer_deletes_nothing(spanhouse, house, doomed):
    shown = spanhouse("delete", "--since", "0", "--service", doomed, "--server", house.grpc, input="")
    assert shown.exit_code == 1
    assert left(house, doomed) == 10


@pytest.mark.parametrize(("flags", "answer"), [((), "y\n"), (("--yes",), None)], ids=["asked", "yes"])
def test_delete_says_how_many_are_gone(spanhouse, house, doomed, flags, answer):
    shown = spanhouse("delete", "--since", "0", "--service", doomed, "--server", house.grpc, *flags, input=answer)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("Deleted 10 spans.\nNote: rollups keep what they counted")
    assert left(house, doomed) == 0


def test_delete_tells_programs_the_number(ask, doomed):
    document = json.loads(ask("delete", "--since", "0", "--service", doomed, "--yes", "--format", "json"))
    assert document["deleted"] == 10
    assert ask("delete", "--since", "0", "--service", doomed, "--yes", "--format", "csv") == "deleted\n0\n"


def test_delete_wants_to_know_since_when(spanhouse):
    shown = spanhouse("delete", "--yes")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "Missing option '--since'" in shown.stderr
