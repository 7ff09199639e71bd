"""The commands about log records: logs, log, timeline, delete-logs."""

import csv
import io
import json
import re

import pytest
from log_records import Made, records
from query_house import HOUR, MINUTE, MONDAY_10H
from terminal import on_a_terminal, plain

SERVICE = "log-commands"
WINDOW = ("--service", SERVICE, "--since", "2026-01-05T10:00Z", "--until", "2026-01-05T11:00Z")
TRACE = (b"C" * 16).hex()
RED, YELLOW, BOLD_RED = "\x1b[31m", "\x1b[33m", "\x1b[1;31m"


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Six records within an hour: one of each level from debug to fatal, and one that says nothing of itself."""
    made = [
        Made(MONDAY_10H, "starting \x1b[2J[red]up[/red]", 5, severity="DEBUG"),
        Made(MONDAY_10H + 10 * MINUTE, "ready", 9, attributes={"port": "80"}),
        Made(MONDAY_10H + 20 * MINUTE, "slow", 13, severity="WARNING"),
        Made(MONDAY_10H + 30 * MINUTE, "failed", 17, trace_id=b"C" * 16, span_id=b"S" * 8),
        Made(MONDAY_10H + 40 * MINUTE, "", 21, event="gone"),
        Made(MONDAY_10H + 50 * MINUTE, "no level", 0),
    ]
    house.insert_logs(records(SERVICE, made, scope="app.web", resource={"host.name": "h1"}))


def test_records_are_a_table_the_newest_first(ask):
    """The sender's word for a severity, or else ours; an event without a body says its name."""
    title, header, *lines = ask("logs", *WINDOW).splitlines()
    assert title == "From 2026-01-05T10:00:00Z until 2026-01-05T11:00:00Z, the newest first, exact"
    assert header.split() == ["time", "level", "service", "logger", "message", "trace", "span", "attributes"]
    assert [line.split()[:5] for line in lines] == [
        ["2026-01-05T10:50:00Z", SERVICE, "app.web", "no", "level"],
        ["2026-01-05T10:40:00Z", "fatal", SERVICE, "app.web", "gone"],
        ["2026-01-05T10:30:00Z", "error", SERVICE, "app.web", "failed"],
        ["2026-01-05T10:20:00Z", "WARNING", SERVICE, "app.web", "slow"],
        ["2026-01-05T10:10:00Z", "info", SERVICE, "app.web", "ready"],
        ["2026-01-05T10:00:00Z", "DEBUG", SERVICE, "app.web", "starting"],
    ]
    assert lines[2].split()[5:] == [TRACE, (b"S" * 8).hex()]
    assert lines[4].split()[-1] == "port=80"


def test_what_is_logged_steers_no_terminal(ask):
    shown = ask("logs", *WINDOW, "--text", "STARTING")
    assert r"starting \x1b[2J[red]up[/red]" in shown
    assert "\x1b" not in shown


def test_levels_have_colours_on_a_terminal_unless_they_are_not_wanted(house):
    arguments = ("logs", "--server", house.grpc, *WINDOW)
    shown = on_a_terminal(arguments)
    for colour, word in ((RED, "error"), (YELLOW, "WARNING"), (BOLD_RED, "fatal")):
        assert colour + word in shown
    without = on_a_terminal(arguments, NO_COLOR="1")
    assert RED not in without
    assert YELLOW not in without
    assert "fatal" in plain(without)


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (["--level", "error"], ["gone", "failed"]),
        (["--filter", "level<warn"], ["ready", "starting"]),
        (["--order", "oldest", "--offset", "2", "--limit", "2"], ["slow", "failed"]),
        (["--text", "LOW"], ["slow"]),
        (["--trace-id", TRACE], ["failed"]),
    ],
)
def test_options_narrow_what_is_shown(ask, options, messages):
    rows = json.loads(ask("logs", *WINDOW, *options, "--format", "json"))["rows"]
    assert [(row["body"] or row["event"]).split()[0] for row in rows] == messages


def test_a_trace_is_written_without_an_option(ask):
    rows = json.loads(ask("logs", TRACE, "--format", "json"))["rows"]
    assert [row["body"] for row in rows] == ["failed"]


def test_a_cursor_and_all_of_them_go_on_where_an_answer_ended(ask):
    shown = ask("logs", *WINDOW, "--limit", "4")
    cursor = re.search(r"^To go on: --cursor (\S+)$", shown, re.MULTILINE)[1]
    rest = csv.DictReader(io.StringIO(ask("logs", *WINDOW, "--limit", "4", "--cursor", cursor, "--format", "csv")))
    assert [row["body"].split()[0] for row in rest] == ["ready", "starting"]
    every = csv.DictReader(io.StringIO(ask("logs", *WINDOW, "--limit", "4", "--all", "--format", "csv")))
    assert len(list(every)) == 6


def test_all_is_for_programs(spanhouse, house):
    shown = spanhouse("logs", "--all", "--server", house.grpc)
    assert shown.exit_code == 2
    assert "--all is for programs" in shown.stderr


def test_a_record_is_shown_with_all_that_is_stored_of_it(ask):
    (row,) = json.loads(ask("logs", *WINDOW, "--text", "ready", "--format", "json"))["rows"]
    shown = [line.split() for line in ask("log", row["id"]).splitlines() if line.strip()]
    assert shown == [
        ["id", row["id"]],
        ["time", "2026-01-05T10:10:00Z"],
        ["level", "info"],
        ["service", SERVICE],
        ["scope", "app.web"],
        ["body", "ready"],
        ["attr.port", "80"],
        ["resource.service.name", SERVICE],
        ["resource.host.name", "h1"],
    ]


def test_a_record_that_is_not_stored_is_said_in_words(spanhouse, house):
    shown = spanhouse("log", "e" * 32, "--server", house.grpc)
    assert shown.exit_code == 1
    assert f"no log record {'e' * 32} is stored" in shown.stderr
    assert spanhouse("log", "xyz").exit_code == 2


def test_a_timeline_is_a_line_of_sparks_for_each_level_that_there_was(ask):
    title, header, *lines = ask("timeline", "--step", "10m", *WINDOW).splitlines()
    assert title.endswith(", 6 records in 6 steps of 10m, exact")
    assert header.split() == ["over", "time", "records", "most", "last"]
    assert [line.split() for line in lines] == [
        ["records", "██████", "6", "1", "1"],
        ["fatal", "▁▁▁▁█▁", "1", "1", "0"],
        ["error", "▁▁▁█▁▁", "1", "1", "0"],
        ["warn", "▁▁█▁▁▁", "1", "1", "0"],
        ["info", "▁█▁▁▁▁", "1", "1", "0"],
        ["debug", "█▁▁▁▁▁", "1", "1", "0"],
        ["unspecified", "▁▁▁▁▁█", "1", "1", "1"],
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--level", "fatal", "--text", "no {such} \x1b thing"],
            'of level fatal or above with the text "no {such} \\x1b thing" are stored. Without --text, logs shows all',
        ),
        (["--level", "fatal", "--service", "x"], "of service x of level fatal or above are stored. Without --level, "),
        (["e" * 32], f"of trace {'e' * 32} are stored. Without --trace-id, "),
        (["--span-id", "e" * 16], f"of span {'e' * 16} are stored. Without --span-id, "),
        (["--offset", "99999"], "after the first 99999 are stored. Without --offset, "),
    ],
)
def test_where_there_is_nothing_it_is_said_of_what_and_how_to_see_more(ask, options, said):
    assert ask("logs", *options).startswith(f"No log records {said}")


@pytest.fixture
def doomed(house, request):
    """Ten records to delete, half of them events, of a service of their own for each test."""
    service = f"doomed-{request.node.name}"
    made = [Made(MONDAY_10H + HOUR + number, str(number), event="login" * (number % 2)) for number in range(10)]
    house.insert_logs(records(service, made))
    return service


def left(house, service):
    return int(house.head(f"/api/v1/logs?service={service}").headers["x-record-count"])


def test_delete_logs_asks_and_takes_no_for_an_answer(spanhouse, house, doomed):
    shown = spanhouse("delete-logs", "--since", "0", "--service", doomed, "--server", house.grpc, input="n\n")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "Delete 10 log records? There is no way back. [y/N]" in shown.stderr
    assert left(house, doomed) == 10


def test_delete_logs_deletes_those_of_the_filter_and_says_how_many(spanhouse, house, doomed):
    arguments = ("--since", "2026-01-05T10:30Z+1h", "--service", doomed, "--filter", "event=login")
    shown = spanhouse("delete-logs", *arguments, "--server", house.grpc, input="y\n")
    assert shown.exit_code == 0, shown.output
    assert "Delete 5 log records?" in shown.stderr
    assert shown.stdout == "Deleted 5 log records.\n"
    assert left(house, doomed) == 5


def test_delete_logs_tells_programs_the_number(ask, doomed):
    arguments = ("delete-logs", "--since", "0", "--service", doomed, "--yes", "--format")
    assert json.loads(ask(*arguments, "json"))["deleted"] == 10
    assert ask(*arguments, "csv") == "deleted\n0\n"
