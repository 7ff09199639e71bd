"""The commands about events: streams, events, event-schema, and aggregate of events and log records."""

import csv
import io
import json

import pytest
from log_records import Made, records
from query_house import MINUTE, MONDAY_10H

WINDOW = ("--since", "2026-01-05T10:00Z", "--until", "2026-01-05T11:00Z", "--service", "event commands")
STREAM = "commands.sold"


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Three events; one says something that would steer a terminal."""
    payloads = [{"user": 40, "at": {"x": 1}}, {"user": 42}, {"user": 43, "said": "\x1b[2Jgone"}]
    made = [
        Made(MONDAY_10H + number * MINUTE, json.dumps(payload), 17, STREAM, {"user": str(payload["user"])})
        for number, payload in enumerate(payloads)
    ]
    house.insert_logs(records("event commands", made))


def test_streams_are_a_table(ask):
    _, header, row = ask("streams", *WINDOW).splitlines()
    assert header.split() == ["stream", "events", "first", "last", "services"]
    assert row.split()[:4] == [STREAM, "3", "2026-01-05T10:00:00Z", "2026-01-05T10:02:00Z"]


def test_events_are_a_line_each_without_what_steers_a_terminal(ask):
    """JSON has them as they are."""
    shown = ask("events", STREAM, *WINDOW)
    assert "\x1b" not in shown
    _, header, *rows = shown.splitlines()
    assert header.split() == ["time", "service", "event", "id"]
    assert '{"user": 40, "at": {"x": 1}}' in rows[0]
    document = json.loads(ask("events", STREAM, *WINDOW, "--order", "newest", "--limit", "1", "--format", "json"))
    assert document["rows"][0]["event"]["said"] == "\x1b[2Jgone"
    assert document["next"]
    lines = list(csv.DictReader(io.StringIO(ask("events", STREAM, *WINDOW, "--format", "csv"))))
    assert [json.loads(line["event"])["user"] for line in lines] == [40, 42, 43]


def test_a_schema_is_a_table_of_parts(ask):
    _, inferred, header, *rows = ask("event-schema", STREAM, *WINDOW).splitlines()
    assert inferred == "Inferred from 3 events."
    assert header.split() == ["part", "types", "values", "required"]
    assert [row.split() for row in rows] == [
        ["user", "integer", "3", "yes"],
        ["at", "object", "1"],
        ["at.x", "integer", "1", "yes"],
        ["said", "string", "1"],
    ]
    schema = json.loads(ask("event-schema", STREAM, *WINDOW, "--format", "json"))["json_schema"]
    assert schema["required"] == ["user"]


def test_figures_of_events_and_of_log_records_are_tables(ask):
    of_stream = ("--of", "events", "--stream", STREAM, "--select", "count,max(attr.user)")
    _, header, row = ask("aggregate", *of_stream, *WINDOW).splitlines()
    assert (header.split(), row.split()) == (["event", "count", "max(attr.user)"], [STREAM, "3", "43"])
    _, header, row = ask("aggregate", "--of", "logs", "--group", "level", *WINDOW).splitlines()
    assert (header.split(), row.split()) == (["level", "count", "errors"], ["error", "3", "3"])


def test_what_is_not_there_is_said_in_words(ask):
    nothing = ask("events", "no.such", "--service", "event commands").splitlines()[0]
    assert nothing.startswith("No events of service event commands of stream no.such are stored. Without --service, ")


def test_figures_of_records_have_no_function(house, spanhouse):
    refused = spanhouse("aggregate", "checkout.pay", "--of", "logs", "--server", house.grpc)
    assert refused.exit_code == 2
    assert "only spans have a name" in refused.stderr
