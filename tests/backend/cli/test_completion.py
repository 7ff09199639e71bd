"""What a shell completes: commands and options always, names when a server answers at once."""

import os
import socket
import subprocess
import sys
import time

import click
import pytest
from click.shell_completion import ShellComplete
from data_points import Stream, body, explicit
from harness import clean_environment
from log_records import Made, records
from otlp_requests import request
from query_house import MONDAY_10H

from spanhouse_backend.cli import cli, completing
from spanhouse_backend.cli.top import top
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.landing import METRICS


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    house.insert(
        request("completed-a", [1000], name="completed.first", start_ns=MONDAY_10H),
        request("completed-b", [1000], name="completed.second", start_ns=MONDAY_10H),
        request("completed-b", [1000], name="completed.\x1b[2J", start_ns=MONDAY_10H),
    )
    house.insert_logs(records("completed-a", [Made(MONDAY_10H, event="completed.sold")]))
    took = Stream("completed.took", explicit=[explicit([0.2], MONDAY_10H, MONDAY_10H)])
    house.run(house.store.insert(METRICS, join([frame(body(took))]), []))


def completions(words, incomplete):
    """What bash would offer after these words."""
    line = " ".join(["spanhouse", *words, incomplete])
    done = subprocess.run(
        [sys.executable, "-m", "spanhouse_backend"],
        env=clean_environment(_SPANHOUSE_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) + 1)),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(spanhouse, shell):
    shown = spanhouse("completion", shell)
    assert shown.exit_code == 0
    assert f"_SPANHOUSE_COMPLETE={shell}_complete" in shown.stdout


def test_a_shell_we_do_not_know_is_a_mistake(spanhouse):
    assert spanhouse("completion", "tcsh").exit_code == 2


def test_commands_and_options_are_completed_without_a_server():
    assert completions([], "perc") == ["percentiles"]
    assert completions(["top"], "--sin") == ["--since"]
    assert completions(["top", "--format"], "j") == ["json"]


@pytest.fixture
def offered(house, monkeypatch):
    """What is offered after these words, by a server that may be slow: how patient we are is another matter."""
    monkeypatch.setattr(completing, "PATIENCE_SECONDS", 60)
    monkeypatch.setenv("SPANHOUSE_SERVER", house.grpc)

    def complete(words, incomplete):
        found = ShellComplete(cli, {}, "spanhouse", "_SPANHOUSE_COMPLETE").get_completions(words, incomplete)
        return [item.value for item in found]

    return complete


def test_names_come_from_the_server(offered):
    """Of services and functions, also where a function is written without its option, and of one service alone."""
    assert offered(["top", "--service"], "completed") == ["completed-a", "completed-b"]
    # What would steer the terminal is not offered.
    assert offered(["series"], "completed.") == ["completed.first", "completed.second"]
    assert offered(["heatmap", "--service", "completed-a", "--name"], "completed.") == ["completed.first"]
    assert offered(["metric"], "completed.") == offered(["metrics", "--name"], "completed.") == ["completed.took"]
    assert offered(["events"], "completed.") == offered(["aggregate", "--stream"], "completed.") == ["completed.sold"]


def test_whoever_presses_tab_does_not_wait_for_a_silent_server():
    """A server that takes connections and never answers costs the patience that is stated, and offers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = click.Context(top)
        context.params["server"] = f"127.0.0.1:{listener.getsockname()[1]}"
        (service,) = (option for option in top.params if option.name == "service")
        begun = time.monotonic()
        assert completing.complete(context, service, "") == []
        # Not a bound on how fast a machine is: the patience is 0.2 s, gRPC's own would be 20.
        assert time.monotonic() - begun < completing.PATIENCE_SECONDS + 10


def test_the_script_of_bash_works_in_bash(spanhouse, tmp_path):
    script = tmp_path / "spanhouse"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m spanhouse_backend "$@"\n')
    script.chmod(0o700)
    (tmp_path / "completion").write_text(spanhouse("completion", "bash").stdout)
    steps = [
        f"source {tmp_path}/completion",
        "COMP_WORDS=(spanhouse perc)",
        "COMP_CWORD=1",
        "_spanhouse_completion spanhouse",
        'echo "${COMPREPLY[@]}"',
    ]
    environment = clean_environment(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-c", "\n".join(steps)], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "percentiles\n"
