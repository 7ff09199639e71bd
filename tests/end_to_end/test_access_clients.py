"""Clients of a server with tokens and mutual TLS: the command line, our exporter, and OpenTelemetry's own two."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from certificates import CLIENT, Authority, Pair
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, serve_command
from otlp_requests import request
from token_files import bearer, secret_of, tokens_of_each_role, wrong

from spanhouse_backend.cli.channel import Server
from spanhouse_backend.errors import SettingsError

COMMAND = [sys.executable, "-m", "spanhouse_backend"]
# The exporter and its transport come from the environment alone, as they do for opentelemetry-instrument.
PROGRAM = """
import sys
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if sys.argv[1] == "spanhouse":
    from spanhouse_exporter.span_exporter import SpanhouseExporter as Exporter
elif sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Exporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Exporter
provider = TracerProvider(resource=Resource({"service.name": sys.argv[2]}))
provider.add_span_processor(BatchSpanProcessor(Exporter()))
for _ in range(20):
    provider.get_tracer("clients").start_span("work").end()
provider.shutdown()
"""


class Locked(NamedTuple):
    server: ServerProcess
    tokens: dict[str, str]
    authority: Authority
    pair: Pair

    def calls_of(self, service: str) -> int:
        with httpx.Client(verify=self.authority.client_context(self.pair), timeout=PATIENCE_SECONDS) as client:
            url = f"https://{self.server.http}/api/v1/functions"
            answer = client.get(url, params={"service": service}, headers=bearer(self.tokens["read"]))
        return sum(row["calls"] for row in answer.json()["rows"])

    def send(self, exporter: str, service: str, token: str) -> str:
        """Lets a program send twenty spans; what it wrote."""
        address = self.server.http if exporter == "http" else self.server.grpc
        environment = clean_environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"https://{address}",
            OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{token}",
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(self.authority.ca),
            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(self.pair.cert),
            OTEL_EXPORTER_OTLP_CLIENT_KEY=str(self.pair.key),
        )
        for ours in (
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
        ):  # of this machine: requests prefers them to what it is told
            environment.pop(ours, None)
        command = [sys.executable, "-c", PROGRAM, exporter, service]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
        )
        return done.stdout + done.stderr

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command against this server, which trusts it and shows its certificate."""
        identity = ["--ca", self.authority.ca, "--client-cert", self.pair.cert, "--client-key", self.pair.key]
        return run(*arguments, "--server", f"https://{self.server.grpc}", *map(str, identity), **environment)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def locked(tmp_path_factory) -> Iterator[Locked]:
    directory = tmp_path_factory.mktemp("locked")
    authority = Authority(directory)
    certificate, pair = authority.issue("server"), authority.issue("client", CLIENT)
    tokens = tokens_of_each_role(directory / "tokens")
    options = ["--tokens", directory / "tokens", "--tls-cert", certificate.cert, "--tls-key", certificate.key]
    with ServerProcess(directory / "data", *map(str, options), "--tls-client-ca", str(authority.ca)) as server:
        yield Locked(server, tokens, authority, pair)


@pytest.mark.parametrize("exporter", ["spanhouse", "grpc", "http"])
def test_an_exporter_delivers_with_what_its_variables_say(locked, exporter):
    """Token, authority and client certificate by OTEL_EXPORTER_OTLP_*; a wrong token delivers nothing, and says so."""
    assert locked.send(exporter, f"{exporter} good", locked.tokens["write"]) == ""
    assert locked.calls_of(f"{exporter} good") == 20
    complaint = locked.send(exporter, f"{exporter} wrong", wrong(locked.tokens["write"]))
    assert "UNAUTHENTICATED" in complaint or "Unauthorized" in complaint or "not known here" in complaint
    assert locked.calls_of(f"{exporter} wrong") == 0


def test_a_command_asks_with_a_token_from_a_file_or_the_environment(locked, tmp_path):
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(locked.tokens["read"] + "\n")
    by_file = locked.run("top", "--service", "nobody", "--token-file", str(token_file))
    by_variable = locked.run("top", "--service", "nobody", SPANHOUSE_TOKEN=locked.tokens["read"])
    for done in (by_file, by_variable):
        assert (done.returncode, done.stderr) == (0, "")
        assert "No calls of service nobody are stored" in done.stdout
    token_file.chmod(0o644)
    os.chown(token_file, 12345, -1) if os.geteuid() == 0 else None
    warned = locked.run("top", "--service", "nobody", "--token-file", str(token_file))
    assert (warned.returncode, warned.stderr) == (
        0,
        f"Warning: others can read {token_file}: chmod 600 {token_file}\n",
    )


def test_a_refusal_says_what_to_do_and_nothing_of_the_token(locked):
    read = locked.tokens["read"]
    for environment, complaint in (
        ({}, "lets in only those who have a token: name the file that holds yours with --token-file"),
        ({"SPANHOUSE_TOKEN": wrong(read)}, "the token that was sent is not known here"),
        ({"SPANHOUSE_TOKEN": locked.tokens["write"]}, "the token write has not the role read"),
    ):
        done = locked.run("trace", "e" * 32, **environment)
        assert (done.returncode, done.stdout) == (1, "")
        assert complaint in done.stderr
        assert secret_of(read)[:20] not in done.stderr


def test_trouble_with_tls_is_told_apart_from_nobody_being_there(locked, tmp_path):
    """Not trusted, no certificate of one's own, plain text: each names the option or the way to write it."""
    url = f"https://{locked.server.grpc}"
    for options in ([], ["--ca", str(locked.authority.ca)]):
        done = run("top", "--server", url, *options)
        assert done.returncode == 1
        assert f"no TLS connection with {url} comes about: --ca says whom to believe, --client-cert" in done.stderr
    done = run("top", "--server", locked.server.grpc)
    assert done.returncode == 1
    assert f"if it speaks TLS, write {url}" in done.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--server", "ftp://h:1"], "--server: 'ftp://h:1' is not HOST:PORT or https://HOST:PORT"),
        (["--server", "https://h"], "--server: 'h' is not HOST:PORT"),
        (["--client-cert", "x.pem"], "--client-cert and --client-key go together"),
        (["--token-file", "/nowhere/token"], "--token-file: cannot read /nowhere/token: No such file"),
        (["--server", "https://h:1", "--ca", "/nowhere/ca"], "--ca: cannot read /nowhere/ca: No such file"),
    ],
)
def test_a_mistake_in_the_options_is_named(options, complaint):
    done = run("top", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in " ".join(done.stderr.split())


def test_a_token_on_several_lines_is_none():
    done = run("top", SPANHOUSE_TOKEN="a\nb")
    assert done.returncode == 2
    assert "SPANHOUSE_TOKEN does not hold a token" in done.stderr


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("h:1", "h:1"),
        ("http://h:1", "h:1"),
        ("http://h:1/", "h:1"),
        ("https://h:1/", "https://h:1"),
        ("grpcs://[::1]:2", "https://[::1]:2"),
    ],
)
def test_ways_to_write_a_server(text, server):
    assert str(Server.parse(text, "--server")) == server


@pytest.mark.parametrize("text", ["", "h", "://h:1", "HTTPS://h:1", "https://h:1/x"])
def test_what_is_no_server(text):
    with pytest.raises(SettingsError, match=r"^--server: "):
        Server.parse(text, "--server")


def test_the_directory_of_a_locked_server_leads_to_it(locked):
    """Whoever names the data directory is sent to the server that holds it, in TLS, with his token."""
    identity = ["--ca", locked.authority.ca, "--client-cert", locked.pair.cert, "--client-key", locked.pair.key]
    done = run(
        "top",
        "--data",
        str(locked.server.directory),
        "--service",
        "nobody",
        *map(str, identity),
        SPANHOUSE_TOKEN=locked.tokens["read"],
    )
    assert done.returncode == 0, done.stderr
    assert "No calls of service nobody are stored" in done.stdout


def test_our_own_pages_and_probes_keep_working_in_plain_text(tmp_path):
    """Tokens alone, on loopback, need no TLS: a command and a sender with a token over plain text."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        body = request("plain", [1000]).SerializeToString()
        headers = {"Content-Type": "application/x-protobuf", **bearer(tokens["write"])}
        url = f"http://{server.http}/v1/traces"
        assert httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS).status_code == 200
        done = run("top", "--server", server.grpc, "--format", "csv", SPANHOUSE_TOKEN=tokens["read"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "plain,module.function,1" in done.stdout


def test_the_documentations_commands_do_what_it_says(tmp_path):
    """Tokens are made, listed and used as the page shows it; those of a namespace, too."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
    make, part, name, roles, ask = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[:5]
    # Those are run by test_serving_roles.py.
    assert roles.count("spanhouse serve --roles ") == 2
    make, serve = make.rstrip().rsplit("\n", 1)
    assert serve == "spanhouse serve --tokens tokens"
    part, serve = part.rstrip().rsplit("\n", 1)
    assert serve == "spanhouse serve --tokens tokens --namespaces shop,lab"
    export, top = name.rstrip().split("\n")
    assert export == 'export OTEL_EXPORTER_OTLP_HEADERS="x-spanhouse-namespace=shop"'

    def shell(script: str) -> str:
        script = script.replace("spanhouse ", f"{sys.executable} -m spanhouse_backend ").replace("curl ", "curl -sS ")
        command = ["sh", "-ec", script]
        done = subprocess.run(
            command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    assert shell(make) == shell(part) == ""
    parted = ("--namespaces", "shop,lab")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens"), *parted) as server:
        assert json.loads(shell(ask.replace("127.0.0.1:4318", server.http)))["rows"] == []
    with ServerProcess(tmp_path / "open", *parted) as server:
        assert "No calls" in shell(f"{top} --server {server.grpc}")


def test_a_token_file_that_cannot_be_used_ends_the_start(tmp_path):
    """Before anything is opened, saying how to make one."""
    command = serve_command(tmp_path / "data", "--tokens", str(tmp_path / "tokens"))
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 2
    assert "--tokens: there is no" in done.stderr
    assert f"`spanhouse token add NAME --role read --file {tmp_path / 'tokens'}` makes it" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_server_beyond_loopback_needs_tokens_or_client_certificates(tmp_path):
    """With tokens it starts, and warns that they travel in the clear unless there is TLS; with mutual TLS it starts."""
    tokens_of_each_role(tmp_path / "tokens")
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    tls = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]
    everywhere = ["--http", "0.0.0.0:0", "--grpc", "0.0.0.0:0"]
    warning = "tokens travel to 0.0.0.0:0 in the clear"
    given = {
        tmp_path / "tokens only": (["--tokens", str(tmp_path / "tokens")], 2),
        tmp_path / "tokens and tls": (["--tokens", str(tmp_path / "tokens"), *tls], 0),
        tmp_path / "mutual tls": ([*tls, "--tls-client-ca", str(authority.ca)], 0),
        tmp_path / "insecure": (["--insecure-listen"], 0),
    }
    for directory, (options, warnings) in given.items():
        with ServerProcess(directory, *everywhere, *options) as server:
            assert server.log.read_text().count(warning) == warnings
    refused = run("serve", "--data", str(tmp_path / "refused"), *everywhere, *tls)
    assert refused.returncode == 2
    assert "--grpc: 0.0.0.0:0 can be reached from other machines, and nothing keeps strangers out" in refused.stderr
