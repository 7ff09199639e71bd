"""Every example of every --help is a command that works, and is laid out as it was written."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from harness import EXPORT_LOGS, PATIENCE_SECONDS, ServerProcess, clean_environment
from otlp_requests import log_request, request

from spanhouse_backend.cli import cli
from spanhouse_backend.query.questions import ADMIN_QUESTIONS, QUESTIONS

# These go on until they are interrupted, or need a ClickHouse server, and have tests of their own.
ENDLESS = re.compile(r"spanhouse (serve|copy)|--live")
# What an example says of another machine, and a tool that is not ours.
ELSEWHERE = re.compile(r" --server \S+| \| clickhouse-client.*")
SHELL = re.compile(r"[|>]")
# An engine of its own, which a process can have one of.
ENGINE = re.compile(r"restore")


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY = dict(commands(cli)) | {(): cli}
# `spanhouse run` belongs to the client side, which reads its own arguments and has its own tests.
OURS = {path: command for path, command in EVERY.items() if path != ("run",)}


def examples():
    for path, command in OURS.items():
        lines = (command.epilog or "").splitlines()
        for line in lines:
            text = line.strip()
            if "spanhouse " in text and not ENDLESS.search(text):
                # What follows two spaces is said of the command.
                yield pytest.param(re.split(r"  +", text)[0], id=f"{' '.join(path)}: {text}")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A server with spans of the functions and the trace that examples speak of, and a log record."""
    with ServerProcess(tmp_path_factory.mktemp("examples") / "data") as server:
        pay = request("checkout", [1_000_000] * 20, name="checkout.pay")
        pay.resource_spans[0].scope_spans[0].spans[0].trace_id = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
        server.export(pay.SerializeToString())
        server.export(log_request("checkout", ["paid"]).SerializeToString(), method=EXPORT_LOGS)
        yield server


@pytest.fixture
def elsewhere(full, tmp_path, monkeypatch):
    """A directory of the user's own, in which the files are that examples begin with."""
    monkeypatch.chdir(tmp_path)
    environment = clean_environment(
        SPANHOUSE_SERVER=full.grpc, XDG_DATA_HOME=str(tmp_path / "home"), HOME=str(tmp_path)
    )
    (tmp_path / "home" / "spanhouse").mkdir(mode=0o700, parents=True)
    for shell in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"):
        (tmp_path / shell).mkdir(parents=True)
    (tmp_path / "rules.yaml").write_text("rules: [{rule: alive, kind: absence, service: checkout}]")
    panel = "{title: all, question: series, show: lines}"
    (tmp_path / "boards.yaml").write_text(f"boards: [{{name: all, panels: [{panel}]}}]")
    (tmp_path / "token").write_text("t0ken")
    (tmp_path / "token").chmod(0o600)
    return environment


def begin_with_files(command, run):
    if command.startswith(("spanhouse token list", "spanhouse token remove")):
        run("token add checkout --role write --file tokens")
    if "restore" in command:
        run("backup monday.tar")
        subprocess.run(["gzip", "--keep", "monday.tar"], check=True)
    if "spanhouse import" in command:
        for name in ("spans.parquet", "errors.jsonl", "more.jsonl", "checkout.jsonl"):
            run(f"export {name}")
        subprocess.run(["gzip", "checkout.jsonl"], check=True)
    if "spanhouse import-logs" in command:
        for name in ("app.ndjson", "clicks.ndjson", "app.log"):
            Path(name).write_text('{"message": "out of tea"}\n')


@pytest.mark.parametrize("example", list(examples()))
def test_an_example_works(full, elsewhere, tmp_path, example):
    command = ELSEWHERE.sub("", example)
    if command.startswith("spanhouse log "):
        # Records have the ids that their times give them.
        command = f"spanhouse log {full.get('/api/v1/logs').json()['rows'][0]['id']}"

    def run(arguments):
        done = CliRunner().invoke(cli, shlex.split(arguments), env=elsewhere, prog_name="spanhouse")
        assert done.exit_code == 0, done.output

    begin_with_files(command, run)
    if not SHELL.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", command)) and not ENGINE.search(command):
        run(command.removeprefix("spanhouse "))
        return
    script = tmp_path / "spanhouse"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m spanhouse_backend "$@"\n')
    script.chmod(0o700)
    environment = elsewhere | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-ec", command], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", OURS, ids=" ".join)
def test_help_has_examples_laid_out_as_written(path):
    shown = CliRunner().invoke(cli, [*path, "--help"], prog_name="spanhouse")
    assert shown.exit_code == 0
    assert (
        re.search(r"\n  Examples:\n    \S.*spanhouse ", shown.stdout) or "\n  Examples:\n    spanhouse " in shown.stdout
    )


# What people call a question, where they have a better word.
NAMES = {
    "metric_percentiles": "metric",
    "functions": "top",
    "slowest": "slow",
    "attribute_impact": "impact",
    "delete_logs": "delete-logs",
    "event_schema": "event-schema",
}


@pytest.mark.parametrize("question", [*QUESTIONS, *ADMIN_QUESTIONS], ids=lambda question: question.name)
def test_every_question_has_a_command_with_all_its_parameters(question):
    """What REST and gRPC answer can be asked here, too."""
    command = OURS[(NAMES.get(question.name, question.name),)]
    written = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
    arguments = {(one.name or "").removeprefix("bare_") for one in command.params if isinstance(one, click.Argument)}
    for parameter in question.parameters():
        assert f"--{parameter.name.replace('_', '-')}" in written or parameter.name in arguments
