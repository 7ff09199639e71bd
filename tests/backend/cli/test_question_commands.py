"""The commands that ask a question and show its answer, on known data."""

import csv
import io
import json
import re
import subprocess

import pytest
from harness import clean_environment
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H
from terminal import COMMAND, OnTerminal, on_a_terminal, plain

SERVICE = "commands"
WINDOW = ("--service", SERVICE, "--since", "2026-01-05T10:00Z", "--until", "2026-01-05T11:00Z")
REST = f"service={SERVICE}&since=2026-01-05T10:00Z&until=2026-01-05T11:00Z"


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """In ten-minute steps 1, 2, 4, 8 and 16 calls of 1 ms, and 1 of 1 s in the last; half of them of tier gold."""
    messages = [
        request(
            SERVICE,
            [1_000_000] * (2**step),
            name="work",
            start_ns=MONDAY_10H + step * 10 * MINUTE,
            attributes={"tier": AnyValue(string_value="gold" if step % 2 else "free")},
            seed=step,
        )
        for step in range(5)
    ]
    slow = request(SERVICE, [1_000_000_000], name="slow", start_ns=MONDAY_10H + 40 * MINUTE)
    house.insert(*messages, slow)


def cells(shown):
    """The table below the title: its header and rows, split at spaces."""
    return [line.split() for line in shown.splitlines()[1:]]


def test_services_are_counted(ask):
    title, *_ = (shown := ask("services", *WINDOW)).splitlines()
    assert title == "From 2026-01-05T10:00:00Z until 2026-01-05T11:00:00Z, exact"
    assert cells(shown) == [
        ["service", "functions", "calls", "errors", "mean", "total"],
        [SERVICE, "2", "32", "32.2ms", "1.03s"],
    ]


def test_percentiles_are_grouped_by_anything(ask):
    shown = ask("percentiles", "work", "--group", "attr.tier", "--levels", "p50,p99", *WINDOW)
    assert cells(shown) == [
        ["attr.tier", "calls", "errors", "mean", "p50", "p99", "total"],
        ["free", "21", "1ms", "1ms", "1ms", "21ms"],
        ["gold", "10", "1ms", "1ms", "1ms", "10ms"],
    ]


def test_a_series_is_a_line_of_sparks_for_each_number(ask):
    """Steps are scaled to the highest; one without calls has no percentile, so a gap."""
    shown = ask("series", "work", "--step", "10m", "--levels", "p50", *WINDOW)
    title, header, calls, errors, mean, p50 = shown.splitlines()
    assert title.endswith(", 6 steps of 10m, percentiles within 0.55%")
    assert header.split() == ["over", "time", "least", "most", "last"]
    assert calls.split() == ["calls", "▂▂▃▅█▁", "0", "16", "0"]
    assert errors.split() == ["errors", "▁▁▁▁▁▁", "0", "0", "0"]
    assert mean.split() == ["mean", "█████", "1ms", "1ms", "1ms"]
    assert p50.split()[:2] == ["p50", "█████"]


def test_trends_are_a_line_of_sparks_for_each_function(ask):
    """The function that took the most time first; a step without calls is a gap, and not one of the numbers."""
    shown = ask("trends", "--step", "10m", "--level", "p50", *WINDOW)
    title, header, slow, work = shown.splitlines()
    assert title.endswith(", p50 in 6 steps, percentiles within 0.55%")
    assert header.split() == ["service", "function", "calls", "p50", "over", "time", "least", "most", "last"]
    assert slow.split() == [SERVICE, "slow", "1", "█", "1s", "1s", "1s"]
    assert work.split() == [SERVICE, "work", "31", "█████", "1ms", "1ms", "1ms"]


def test_a_heatmap_has_a_column_a_step_and_a_line_a_band(ask):
    """The slow call is at the top of its step, the others at the bottom, darker as they become more."""
    shown = ask("heatmap", "--step", "10m", "--scale", "0", *WINDOW)
    title, *lines, legend = shown.splitlines()
    assert title.endswith(", 10m a column, exact")
    assert lines[0] == "   1.07s     ."
    assert lines[-1] == "  1.05ms .-+#@"
    assert len(lines) == 11  # a doubling each, from 1 ms to 1 s
    assert [line.split()[1:] for line in lines[1:-1]] == [[]] * 9
    assert legend.strip() == "a cell has from 1 to 16 calls"


def test_a_heatmap_has_colours_on_a_terminal_unless_they_are_not_wanted(house):
    arguments = ("heatmap", "--step", "10m", "--scale", "0", "--server", house.grpc, *WINDOW)
    coloured = on_a_terminal(arguments)
    assert "\x1b[48;5;" in coloured
    assert "@" not in plain(coloured)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = on_a_terminal(arguments, **environment)
        assert not re.search(r"\x1b\[[0-9;]*(3|4)[0-9]", shown)
        assert ".-+#@" in plain(shown)


def test_a_histogram_has_a_bar_a_band_and_its_share(ask):
    shown = ask("histogram", "--scale", "0", *WINDOW)
    header, work, slow = cells(shown)
    assert header == ["over", "up", "to", "calls", "errors", "share"]
    assert work == ["524us", "1.05ms", "31", "96.88%", "█" * 32]
    assert slow == ["537ms", "1.07s", "1", "100.00%", "█▏"]


def test_ascii_is_drawn_where_there_is_no_more(house):
    """Characters that the terminal's encoding lacks are not left to become question marks."""
    for command in (["series", "--step", "10m"], ["histogram"], ["heatmap", "--step", "10m"]):
        done = subprocess.run(
            [*COMMAND, *command, "--server", house.grpc, *WINDOW],
            env=clean_environment(PYTHONIOENCODING="ascii"),
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.isascii()
        assert b"?" not in done.stdout
        assert re.search(rb"[#@]", done.stdout)


QUESTIONS = {
    "services": ["services"],
    "functions": ["top"],
    "percentiles": ["percentiles", "--group", "name,attr.tier"],
    "series": ["series", "--step", "10m"],
    "trends": ["trends", "--step", "10m", "--level", "p90"],
    "heatmap": ["heatmap", "--step", "10m"],
    "histogram": ["histogram"],
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_json_is_the_answer_of_the_rest_api(ask, house, question):
    command, *options = QUESTIONS[question]
    parameters = "".join(f"&{options[i][2:]}={options[i + 1]}" for i in range(0, len(options), 2))
    document = house.get(f"/api/v1/{question}?{REST}{parameters}").json()
    assert document["rows"]
    assert json.loads(ask(command, *options, *WINDOW, "--format", "json")) == document


def test_csv_has_a_column_for_each_percentile_and_group(ask):
    shown = ask("percentiles", "--group", "name,attr.tier", "--levels", "p50,p99.9", *WINDOW, "--format", "csv")
    header, *rows = csv.reader(io.StringIO(shown))
    assert header == ["name", "attr.tier", "calls", "errors", "total_ns", "mean_ns", "p50_ns", "p99.9_ns"]
    assert [row[:3] for row in rows] == [["slow", "", "1"], ["work", "free", "21"], ["work", "gold", "10"]]


def test_aggregate_shows_durations_as_such_and_other_figures_as_numbers(ask):
    options = ("--select", "count,max(duration),avg(attr.none)", "--group", "name,attr.tier", *WINDOW)
    _, header, *rows = ask("aggregate", *options, "--order-by", "count asc").splitlines()
    assert re.split(r"  +", header.strip()) == ["name", "attr.tier", "count", "max(duration)", "avg(attr.none)"]
    assert [row.split()[-2] for row in rows] == ["1", "10", "21"]
    assert [row.split()[-1] for row in rows] == ["1s", "1ms", "1ms"]
    header, *lines = csv.reader(io.StringIO(ask("aggregate", *options, "--step", "1h", "--format", "csv")))
    assert header == ["start_unix_ns", "name", "attr.tier", "count", "max(duration)", "avg(attr.none)"]
    assert [line[3:] for line in lines if line[1] == "slow"] == [["1", "1000000000", ""]]


def test_an_answer_without_rows_is_still_an_answer_for_programs(ask):
    nobody = ("--service", "nobody")
    assert json.loads(ask("percentiles", *nobody, "--format", "json"))["rows"] == []
    assert ask("services", *nobody, "--format", "csv") == "service,functions,calls,errors,total_ns,mean_ns\n"


@pytest.mark.parametrize("command", ["services", "percentiles", "series", "trends", "heatmap", "histogram"])
def test_nothing_found_says_what_to_leave_out(ask, command):
    shown = ask(command, "--service", "nobody")
    assert shown == f"No calls of service nobody are stored. Without --service, {command} shows every service.\n"


def test_steps_without_calls_are_nothing_found(ask):
    shown = ask("series", "nobody", *WINDOW)
    assert shown.startswith(f"No calls of service {SERVICE} of function nobody between 2026-01-05T10:00:00Z and ")


@pytest.mark.parametrize(
    ("text", "pointed"),
    [
        ("duration>>5", "  duration>>5\n           ^\n"),  # read here
        ('status=ok name~"(("', '  status=ok name~"(("\n                 ^\n'),  # only the engine reads patterns
    ],
)
def test_a_bad_filter_is_shown_with_a_caret_below_the_column(spanhouse, house, text, pointed):
    shown = spanhouse("percentiles", "--filter", text, "--server", house.grpc)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "Invalid value for --filter: " in shown.stderr
    assert shown.stderr.endswith(pointed)


def test_a_name_is_given_once(spanhouse):
    shown = spanhouse("series", "work", "--name", "slow")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "--name 'work' is given already" in shown.stderr


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_pipe_that_is_closed_early_is_no_traceback(house, form):
    """`| head -1` gets its line, and standard error stays empty, however much there is to write."""
    many = f"{' '.join(COMMAND)} series --step 2s {' '.join(WINDOW)} --server {house.grpc} --format {form}"
    done = subprocess.run(
        ["sh", "-c", f"{many} | head -1"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_top_refreshes_in_place_and_leaves_the_last_table(house):
    """What arrives while it runs is there at the next refresh; an interrupt ends it well, table and all."""
    arguments = ("top", "--live", "--every", "0.1", "--service", "lively", "--server", house.grpc)
    with OnTerminal(arguments, 100) as terminal:
        terminal.wait_for(lambda text: "No calls of service lively are stored" in plain(text))
        house.insert(request("lively", [1000] * 1234, start_ns=MONDAY_10H + HOUR))
        terminal.wait_for(lambda text: "1,234" in text)
        terminal.interrupt()
        written = terminal.end()
    assert terminal.process.returncode == 0
    assert "\x1b[1A" in written  # back up over the table before
    assert "Traceback" not in written
    last = plain(written.rsplit("\x1b[2K", 1)[-1])
    assert "1,234" in last
    # Of the lines of one table, each is there once: none of the refreshes before is drawn into it.
    assert [line.split()[0] for line in last.splitlines()] == ["Everything", "service", "lively"]
    assert "\x1b[2;36m" not in written  # nor do its styles run over into the next line


def test_live_is_for_terminals(spanhouse, house):
    shown = spanhouse("top", "--live", "--server", house.grpc)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "--live refreshes a table on a terminal" in shown.stderr
