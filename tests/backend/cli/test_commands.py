"""`spanhouse top` and `spanhouse trace` against a real server, and what they say when there is none."""

import csv
import io
import json
import socket
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from harness import clean_environment
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import request
from query_house import MONDAY_10H
from terminal import COMMAND, on_a_terminal

from spanhouse_backend.__main__ import BACKEND_PACKAGES
from spanhouse_backend.cli import cli

HOSTILE = "[red]x[/red]\x1b[2J"
WINDOW = ("--since", "2026-01-05T10:00Z", "--until", "2026-01-05T11:00Z")


def run(*arguments, **environment):
    return CliRunner().invoke(cli, arguments, env={"SPANHOUSE_SERVER": None, **environment}, prog_name="spanhouse")


@pytest.fixture(scope="module")
def stored(house):
    """A service of two functions, one with a name that would clear the screen; gives the trace of both."""
    slow = request("shell", [2_500_000] * 3, name="checkout", start_ns=MONDAY_10H)
    odd = request("shell", [1_500], name=HOSTILE, start_ns=MONDAY_10H + 1_000_000)
    parent = slow.resource_spans[0].scope_spans[0].spans[0]
    child = odd.resource_spans[0].scope_spans[0].spans[0]
    child.trace_id, child.parent_span_id = parent.trace_id, parent.span_id
    child.status.code, child.status.message = Status.STATUS_CODE_ERROR, "no\nluck"
    house.insert(slow, odd)
    return parent.trace_id.hex()


def test_top_prints_a_table_with_durations_for_people(house, stored):
    shown = run("top", "--server", house.grpc, "--service", "shell", *WINDOW)
    assert shown.exit_code == 0, shown.output
    title, header, first, second = shown.stdout.splitlines()
    assert title == "From 2026-01-05T10:00:00Z until 2026-01-05T11:00:00Z, by total_ns, percentiles within 0.55%"
    assert (
        " ".join(header.split()) == "service function calls errors mean stderr p50 p90 p95 p99 p99.9 max total p99/p50"
    )
    assert first.split() == ["shell", "checkout", "3", "2.5ms", "0ns", *["2.5ms"] * 6, "7.5ms", "1.0"]
    assert second.split() == ["shell", "[red]x[/red]\\x1b[2J", "1", "1", "1.5us", "0ns", *["1.5us"] * 7, "1.0"]


def test_top_says_when_there_may_be_more_rows(house, stored):
    shown = run("top", "--server", house.grpc, "--service", "shell", "--limit", "1", *WINDOW)
    assert shown.stdout.splitlines()[-1] == "Only the first 1: see more with --limit."


def test_top_gives_programs_the_answer_of_the_rest_api(house, stored):
    shown = run("top", "--server", house.grpc, "--service", "shell", "--sort", "name", "--format", "json", *WINDOW)
    rest = house.get("/api/v1/functions?since=2026-01-05T10:00Z&until=2026-01-05T11:00Z&service=shell&sort=name").json()
    assert json.loads(shown.stdout) == rest
    assert [row["name"] for row in rest["rows"]] == [HOSTILE, "checkout"]

    shown = run("top", "--server", house.grpc, "--service", "shell", "--sort", "name", "--format", "csv", *WINDOW)
    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    assert rows == [{name: str(value) for name, value in row.items()} for row in rest["rows"]]


def test_top_asks_the_server_that_the_environment_names(house, stored):
    shown = run("top", "--service", "shell", "--format", "json", SPANHOUSE_SERVER=house.grpc)
    assert len(json.loads(shown.stdout)["rows"]) == 2


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--service", "nobody"), "No calls of service nobody are stored. Without --service, top shows every service."),
        (
            ("--since", "1970-01-01T01:00Z", "--until", "1970-01-01T02:00Z"),
            "No calls between 1970-01-01T01:00:00Z and 1970-01-01T02:00:00Z. Without --since, top shows everything.",
        ),
        (
            ("--until", "1970-01-01T02:00Z"),
            "No calls before 1970-01-01T02:00:00Z. Without --until, top shows everything until now.",
        ),
    ],
)
def test_an_empty_answer_is_a_hint_and_no_error(house, stored, arguments, hint):
    shown = run("top", "--server", house.grpc, *arguments)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, f"{hint}\n", "")


def test_a_server_without_spans_says_how_to_send_some(server):
    shown = run("top", "--server", server.grpc)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.startswith("No calls are stored yet. Decorate a function with @spanhouse.capture")


def test_an_empty_answer_is_still_an_answer_for_programs(house):
    shown = run("top", "--server", house.grpc, "--service", "nobody", "--format", "json")
    assert json.loads(shown.stdout)["rows"] == []
    shown = run("top", "--server", house.grpc, "--service", "nobody", "--format", "csv")
    assert shown.stdout.startswith("service,name,calls,errors,mean_ns,")
    assert shown.stdout.count("\n") == 1


def test_trace_draws_the_tree(house, stored):
    shown = run("trace", stored, "--server", house.grpc)
    assert shown.exit_code == 0, shown.output
    title, header, parent, child = shown.stdout.splitlines()
    assert title == "2 spans in 2.5ms from 2026-01-05T10:00:00Z (shell)"
    assert header.split() == ["span", "start", "duration", "self", "critical", "status"]
    assert parent.split() == ["checkout", "█" * 20, "+0ns", "2.5ms", "2.5ms", "2.5ms"]
    assert child.startswith("└─ [red]x[/red]\\x1b[2J")
    assert child.split()[-6:] == ["+1ms", "1.5us", "1.5us", "1.5us", "Error:", "no\\nluck"]


def test_trace_shows_the_longest_spans_and_counts_the_others(house, stored):
    shown = run("trace", stored, "--server", house.grpc, "--limit", "1")
    assert shown.stdout.splitlines()[-1] == "1 shorter span is not shown: see more with --limit."
    assert HOSTILE[:5] not in shown.stdout


def test_trace_gives_programs_every_span(house, stored):
    rest = house.get(f"/api/v1/trace/{stored}").json()
    shown = run("trace", stored, "--server", house.grpc, "--format", "json", "--limit", "1")
    assert json.loads(shown.stdout) == rest
    shown = run("trace", stored, "--server", house.grpc, "--format", "csv", "--limit", "1")
    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    assert [row["name"] for row in rows] == ["checkout", HOSTILE]
    assert json.loads(rows[0]["attributes"]) == rest["rows"][0]["attributes"]


def test_an_unknown_trace_is_an_error(house):
    shown = run("trace", "e" * 32, "--server", house.grpc)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == f"Error: no span of trace {'e' * 32} is stored\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("top", "--since", "yesterday"), "--since: 'yesterday' is not a time"),
        (("top", "--limit", "0x10"), "--limit: '0x10' is not a whole number"),
        (("top", "--sort", "p98"), "--sort: 'p98' is not a column"),
        (("top", "--format", "xml"), "--format"),
        (("top", "--server", "localhost"), "--server: 'localhost' is not HOST:PORT"),
        (("trace", "xyz"), "TRACE_ID: 'xyz' is not 32 hexadecimal digits"),
        (("trace", "e" * 32, "--limit", "0"), "--limit"),
        (("bottom",), "No such command 'bottom'"),
    ],
)
def test_a_mistake_is_named_and_exits_2_without_asking_a_server(arguments, complaint):
    shown = run(*arguments)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert complaint in shown.stderr


@pytest.fixture
def dead_port():
    """An address that refuses connections for as long as the test runs: bound, but never listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("command", [("top",), ("trace", "e" * 32)])
def test_no_server_is_one_line_that_says_what_to_do(dead_port, command):
    done = subprocess.run(
        [*COMMAND, *command, "--server", dead_port],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: no server answers at {dead_port}: start one with `spanhouse serve`, or name another with --server\n"
    )


def test_a_server_that_is_not_spanhouse_is_told_apart():
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    shown = run("top", "--server", f"127.0.0.1:{port}")
    server.stop(None).wait()
    assert shown.exit_code == 1
    assert f"what answers at 127.0.0.1:{port} is not spanhouse" in shown.stderr


def test_colours_are_for_terminals_only(house, stored):
    arguments = ("top", "--server", house.grpc, "--service", "shell", *WINDOW)
    assert "\x1b[" in on_a_terminal(arguments, 200)
    assert "\x1b" not in run(*arguments).stdout


def test_a_narrow_terminal_shows_fewer_columns_and_none_cut(house, stored):
    shown = on_a_terminal(("top", "--server", house.grpc, "--service", "shell", "--sort", "name", *WINDOW), 80)
    assert "checkout" in shown
    assert "…" not in shown
    assert "p95" not in shown
    assert all(header in shown for header in ("function", "calls", "errors", "p50", "p99", "total"))


def test_the_version_is_that_of_the_distribution():
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert run("--version").stdout == f"spanhouse, version {project['version']}\n"


# Python as it is where one package, the first argument, is not installed.
WITHOUT = """
import sys

class Missing:
    name = sys.argv.pop(1)

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == cls.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing)
from spanhouse_backend.__main__ import main
main()
"""


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_command_says_what_to_install(missing):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, missing, "top"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"spanhouse: {missing} is not installed, which the command line and the server need; "
        "install it with: pip install 'spanhouse[backend]'\n"
    )


def test_any_other_missing_module_is_not_explained_away():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "google.protobuf", "top"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "spanhouse[backend]" not in done.stderr


def test_every_package_of_the_extra_is_known_to_be_in_it():
    imported_as = {
        "googleapis-common-protos": "google.rpc",
        "grpcio-health-checking": "grpc_health",
        "opentelemetry-proto": "opentelemetry.proto",
        "pyyaml": "yaml",
    }
    extra = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["backend"]
    names = (requirement.split(">")[0].split("[")[0] for requirement in extra)
    assert {imported_as.get(name, name.replace("-", "_")) for name in names} == BACKEND_PACKAGES
