"""Namespaces of a real server: each has what was sent with its tokens, and nobody sees anything of another."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

import grpc
import httpx
import pytest
from harness import EXPORT, EXPORT_LOGS, PATIENCE_SECONDS, ServerProcess, clean_environment, read_back
from otlp_requests import log_request, request
from token_files import bearer

from spanhouse_backend.access.token_file import add_token
from spanhouse_backend.roles import Role

NAMES = ("", "shop", "lab")
HEADER = "x-spanhouse-namespace"
WITH_NAMESPACES = ("--namespaces", "shop,lab", "--clickhouse-http", "127.0.0.1:0")


class Guarded(NamedTuple):
    server: ServerProcess
    tokens: dict[str, str]

    def ask(self, namespace: str, path: str, method: str = "GET", **given) -> httpx.Response:
        headers = bearer(self.tokens[namespace]) | given.pop("headers", {})
        return httpx.request(
            method, f"http://{self.server.http}{path}", headers=headers, timeout=PATIENCE_SECONDS, **given
        )

    def sql(self, namespace: str, statement: str) -> httpx.Response:
        return self.ask(namespace, "/api/v1/sql", params={"query": f"{statement} FORMAT TabSeparated"})

    def clickhouse(self, namespace: str, statement: str, **parameters: str) -> httpx.Response:
        return httpx.post(
            f"http://{self.server.clickhouse_http}/",
            content=statement,
            params=parameters,
            headers={"X-ClickHouse-Key": self.tokens[namespace]},
            timeout=PATIENCE_SECONDS,
        )


def service_of(namespace: str) -> str:
    return f"service-of-{namespace or 'nobody'}"


def send(server: ServerProcess, body: bytes, *metadata: tuple[str, str], method: str = EXPORT) -> grpc.StatusCode:
    with grpc.insecure_channel(server.grpc) as channel:
        return channel.unary_unary(method).future(body, timeout=PATIENCE_SECONDS, metadata=metadata).code()


def services(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {row["service"] for row in answer.json()["rows"]}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Guarded]:
    """A server with three namespaces, each with spans and logs of one service, half of them after a restart."""
    directory = tmp_path_factory.mktemp("namespaces")
    file = directory / "tokens"
    tokens = {name: add_token(file, "--file", f"all-{name or 'main'}", [Role.ADMIN], name) for name in NAMES}
    with ServerProcess(directory / "data", *WITH_NAMESPACES, "--tokens", str(file)) as server:
        guarded = Guarded(server, tokens)
        for restarted in (False, True):
            if restarted:
                server.stop()
                server.start()
            for name in NAMES:
                credential = ("authorization", f"Bearer {tokens[name]}")
                spans = request(service_of(name), [1000] * 4, seed=int(restarted)).SerializeToString()
                logs = log_request(service_of(name), "abcd", seed=int(restarted)).SerializeToString()
                assert send(server, spans, credential) is grpc.StatusCode.OK
                assert send(server, logs, credential, method=EXPORT_LOGS) is grpc.StatusCode.OK
                # Over HTTP, and the same request again: stored once in each namespace.
                answer = guarded.ask(
                    name, "/v1/traces", "POST", content=spans, headers={"Content-Type": "application/x-protobuf"}
                )
                assert answer.status_code == 200
        yield guarded


@pytest.mark.parametrize("name", NAMES)
def test_each_token_is_answered_from_its_own_namespace(guarded, name):
    """Over REST, raw SQL and the port for ClickHouse's clients: its own service, once, and no other."""
    assert services(guarded.ask(name, "/api/v1/functions?since=0")) == {service_of(name)}
    counted = "SELECT ServiceName, count() FROM {} GROUP BY ALL"
    for table in ("otel_traces", "otel_logs"):
        expected = f"{service_of(name)}\t8\n"
        assert guarded.sql(name, counted.format(table)).text == expected
        assert guarded.clickhouse(name, counted.format(table)).text == expected


def test_over_grpc_too(guarded):
    """The query service, the admin service and the tool that uses them."""
    for name in NAMES:
        command = [sys.executable, "-m", "spanhouse_backend", "top", "--server", guarded.server.grpc, "--since", "0"]
        environment = clean_environment(SPANHOUSE_TOKEN=guarded.tokens[name])
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=PATIENCE_SECONDS, check=True
        )
        assert service_of(name) in done.stdout
        assert not any(service_of(other) in done.stdout for other in NAMES if other != name)


@pytest.mark.parametrize(("name", "other"), [("shop", "default"), ("shop", "spanhouse_lab"), ("", "spanhouse_shop")])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count() FROM {}.otel_traces",
        "DESCRIBE TABLE {}.otel_traces",
        "SHOW TABLES FROM {}",
        "SHOW CREATE TABLE {}.otel_traces",
        "SELECT 'x' IN (SELECT ServiceName FROM {}.otel_logs)",
    ],
)
def test_sql_does_not_reach_another_namespace(guarded, name, other, statement):
    """Naming another's database is refused at both doors for SQL."""
    assert guarded.sql(name, statement.format(other)).status_code == 400
    assert "not open to SQL" in guarded.clickhouse(name, statement.format(other)).text


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_tells_nothing_of_other_databases(guarded, name):
    """Nor do the engine's own tables say that there are others, or how much is in them."""
    own = f"spanhouse_{name}" if name else "default"
    for statement in (
        "SELECT DISTINCT database FROM system.tables WHERE name = 'otel_traces'",
        "SELECT DISTINCT database FROM system.columns WHERE table = 'otel_traces'",
        "SELECT name FROM system.databases WHERE name = 'default' OR name LIKE 'spanhouse%'",
        "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name = 'otel_traces'",
    ):
        for asked in (guarded.sql, guarded.clickhouse):
            assert asked(name, statement).text == f"{own}\n", statement
    # A filter of one's own narrows that further, and does not replace it.
    counted = "SELECT count() FROM system.databases"
    filtered = f"{counted} SETTINGS additional_table_filters = {{'system.databases': '1'}}"
    assert guarded.clickhouse(name, filtered).text == guarded.clickhouse(name, counted).text


@pytest.mark.parametrize(("name", "named"), [("shop", "lab"), ("", "lab"), ("shop", "elsewhere")])
def test_a_token_is_for_one_namespace(guarded, name, named):
    """Whoever names another with it is refused at every door, and told so."""
    answer = guarded.ask(name, "/api/v1/functions", headers={HEADER: named})
    assert answer.status_code == 403
    assert f"the token all-{name or 'main'} is for" in answer.json()["error"]["message"]
    body = request("stranger", [1]).SerializeToString()
    metadata = (("authorization", f"Bearer {guarded.tokens[name]}"), (HEADER, named))
    assert send(guarded.server, body, *metadata) is grpc.StatusCode.PERMISSION_DENIED
    stated = httpx.get(
        f"http://{guarded.server.clickhouse_http}/",
        params={"query": "SELECT 1"},
        headers={"X-ClickHouse-Key": guarded.tokens[name], HEADER: named},
        timeout=PATIENCE_SECONDS,
    )
    assert stated.status_code == 403
    assert guarded.ask(name, "/api/v1/functions", headers={HEADER: name}).status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_that_signed_in_sees_its_own_namespace(guarded, name):
    """The session of a token is for the namespace of the token."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    address = f"http://{guarded.server.http}"
    with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_SECONDS) as browser:
        said = browser.post("/api/v1/session", json={"token": guarded.tokens[name]}).json()
        assert (said["name"], said["namespace"]) == (f"all-{name or 'main'}", name)
        assert services(browser.get("/api/v1/functions?since=0")) == {service_of(name)}


def test_what_is_deleted_is_of_one_namespace(tmp_path):
    """Deleting everything there leaves the others as they are."""
    file = tmp_path / "tokens"
    tokens = {name: add_token(file, "--file", f"all-{name or 'main'}", [Role.ADMIN], name) for name in ("", "shop")}
    with ServerProcess(tmp_path / "data", "--namespaces", "shop", "--tokens", str(file)) as server:
        guarded = Guarded(server, tokens)
        for name, token in tokens.items():
            body = request(service_of(name), [1000] * 4).SerializeToString()
            assert send(server, body, ("authorization", f"Bearer {token}")) is grpc.StatusCode.OK
        gone = guarded.ask("shop", "/api/v1/admin/spans", "DELETE", params={"since": "0"})
        assert gone.json()["deleted"] == 4
        assert guarded.sql("shop", "SELECT count() FROM otel_traces").text == "0\n"
        assert guarded.sql("", "SELECT count() FROM otel_traces").text == "4\n"


def test_without_tokens_a_header_says_which(tmp_path):
    """Over both doors; a name that is not served is refused rather than taken for another."""
    with ServerProcess(tmp_path / "data", "--namespaces", "shop") as server:
        assert send(server, request("in-shop", [1]).SerializeToString(), (HEADER, "shop")) is grpc.StatusCode.OK
        assert send(server, request("outside", [1]).SerializeToString()) is grpc.StatusCode.OK
        lost = send(server, request("lost", [1]).SerializeToString(), (HEADER, "shpo"))
        assert lost is grpc.StatusCode.PERMISSION_DENIED
        url = f"http://{server.http}/api/v1/functions?since=0"
        assert services(httpx.get(url, headers={HEADER: "shop"}, timeout=PATIENCE_SECONDS)) == {"in-shop"}
        assert services(httpx.get(url, timeout=PATIENCE_SECONDS)) == {"outside"}
        refused = httpx.get(url, headers={HEADER: "shpo"}, timeout=PATIENCE_SECONDS)
        assert (refused.status_code, "there are shop" in refused.text) == (403, True)
        # /metrics is of the whole server.
        metrics = f"http://{server.http}/metrics"
        assert httpx.get(metrics, headers={HEADER: "shop"}, timeout=PATIENCE_SECONDS).status_code == 404
        assert httpx.get(metrics, timeout=PATIENCE_SECONDS).status_code == 200


def test_commands_ask_about_a_namespace(tmp_path):
    """--namespace with a server and with its directory; one that is not there is not made by asking."""
    environment = clean_environment()

    def top(*arguments):
        command = [sys.executable, "-m", "spanhouse_backend", "top", "--since", "0", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=2 * PATIENCE_SECONDS, check=False
        )

    data = tmp_path / "data"
    with ServerProcess(data, "--namespaces", "shop") as server:
        assert send(server, request("in-shop", [1]).SerializeToString(), (HEADER, "shop")) is grpc.StatusCode.OK
        assert "in-shop" in top("--server", server.grpc, "--namespace", "shop").stdout
        assert "in-shop" not in top("--server", server.grpc).stdout
        server.stop()
    assert "in-shop" in top("--data", data, "--namespace", "shop").stdout
    assert "in-shop" not in top("--data", data).stdout
    asked = top("--data", data, "--namespace", "lab")
    assert (asked.returncode, "no namespace lab" in asked.stderr) == (1, True)
    assert not (data / "namespaces" / "lab").exists()
    assert "is not a namespace" in top("--namespace", "La b").stderr


def test_a_namespace_is_backed_up_by_itself(guarded, tmp_path):
    """Its archive has its tables only, and is restored as a directory of its own."""
    archive = guarded.ask("shop", "/api/v1/admin/backup").content
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert "otel_traces" in str(opened.getnames())
    (tmp_path / "shop.tar").write_bytes(archive)
    command = [sys.executable, "-m", "spanhouse_backend", "restore", str(tmp_path / "shop.tar")]
    command += ["--data", str(tmp_path / "restored")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    ((found,),) = read_back(tmp_path / "restored", "SELECT ServiceName, count() FROM otel_traces GROUP BY ALL")
    assert found == [service_of("shop"), 8]


def test_requests_of_a_namespace_survive_a_killed_server(tmp_path):
    """What was acknowledged is there after kill -9, once, in its own namespace, though it is sent again."""
    bodies = [request("in-shop", [1000] * 10, seed=seed).SerializeToString() for seed in range(8)]
    with ServerProcess(tmp_path / "data", "--namespaces", "shop") as server:
        assert {send(server, body, (HEADER, "shop")) for body in bodies} == {grpc.StatusCode.OK}
        server.process.kill()
        server.process.wait()
        server.start()
        assert {send(server, body, (HEADER, "shop")) for body in bodies} == {grpc.StatusCode.OK}
        url = f"http://{server.http}/api/v1/sql"
        counted = {"query": "SELECT count() FROM otel_traces FORMAT TabSeparated"}
        answer = httpx.get(url, params=counted, headers={HEADER: "shop"}, timeout=PATIENCE_SECONDS)
        assert answer.text == "80\n"
        assert httpx.get(url, params=counted, timeout=PATIENCE_SECONDS).text == "0\n"
