"""ClickHouse's own clients read here as they read from ClickHouse: in Python, JavaScript and Go, and with curl."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from harness import PATIENCE_SECONDS, ServerProcess
from otlp_requests import request
from token_files import bearer, tokens_of_each_role

CLIENTS = Path(__file__).parents[1] / "clients"
# Installing a client and compiling a program take a while on a machine that has not done it before.
INSTALL_SECONDS = 600
ODD = "it's \\ a\nshop"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server that asks for tokens, the one of the role sql, and spans of two services."""
    folder = tmp_path_factory.mktemp("port")
    tokens = tokens_of_each_role(folder / "tokens")
    options = ("--clickhouse-http", "127.0.0.1:0", "--tokens", str(folder / "tokens"))
    with ServerProcess(folder / "data", *options) as process:
        for service, calls in (("shop", 10), (ODD, 20)):
            body = request(service, [1000] * calls).SerializeToString()
            headers = {**bearer(tokens["write"]), "Content-Type": "application/x-protobuf"}
            url = f"http://{process.http}/v1/traces"
            httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS).raise_for_status()
        yield process, tokens["sql"]


def run(command, directory, **environment):
    """What a program prints as JSON."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS * 3,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def installed(command, directory):
    """Runs what fetches a client; skips the test when it cannot be had, with what was said."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")


def test_curl(port):
    """As ClickHouse's documentation shows it, with the password in a header."""
    server, token = port
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    command = [curl, "-sS", "--fail-with-body", f"http://{server.clickhouse_http}/?default_format=JSON"]
    found = run([*command, "-H", f"X-ClickHouse-Key: {token}", "--data-binary", "SELECT 1 AS one"], server.directory)
    assert found["data"] == [{"one": 1}]


class TestClickHouseConnect:
    """Python's client over HTTP."""

    @pytest.fixture(params=[False, "lz4", "zstd", "gzip"])
    def client(self, port, request):
        server, token = port
        host, number = server.clickhouse_http.split(":")
        client = clickhouse_connect.get_client(host=host, port=int(number), password=token, compress=request.param)
        yield client
        client.close()

    def test_rows_parameters_and_types(self, client):
        """Values go there and back as they are, compressed or not."""
        asked = client.query(
            "SELECT ServiceName, count(), any(Timestamp), [1, NULL], map('k', 1.5), toDecimal64(1, 2) "
            "FROM otel_traces WHERE ServiceName = {service:String} GROUP BY 1",
            parameters={"service": ODD},
        )
        ((name, calls, _, *rest),) = asked.result_rows
        assert (name, calls) == (ODD, 20)
        assert [str(value) for value in rest] == ["[1, None]", "{'k': 1.5}", "1.00"]
        assert int(asked.summary["read_rows"]) > 0
        assert client.command("SELECT version()") == client.server_version

    def test_streams_of_blocks_and_raw_answers(self, client):
        """Large answers come in pieces; raw ones in the format asked for."""
        with client.query_row_block_stream("SELECT number FROM numbers(400000)") as stream:
            assert sum(number for block in stream for (number,) in block) == 400_000 * 399_999 // 2
        frame = client.query_df("SELECT number AS n, toString(number) AS text FROM numbers(1000)")
        assert frame["n"].sum() == 499_500
        assert client.query_arrow("SELECT 1 AS one").to_pydict() == {"one": [1]}
        assert client.raw_query("SELECT 1, 'x'", fmt="CSV") == b'1,"x"\n'

    def test_errors_are_its_own_with_their_numbers(self, client):
        """Before an answer begins, and in its middle."""
        with pytest.raises(DatabaseError, match="UNKNOWN_IDENTIFIER") as wrong:
            client.query("SELECT no_such_column FROM otel_traces")
        assert wrong.value.code == 47
        with pytest.raises(DatabaseError, match="not open to SQL"):
            client.query("SELECT * FROM file('/etc/passwd')")
        with (
            pytest.raises((StreamFailureError, DatabaseError, EOFError, OSError)),
            client.query_row_block_stream("SELECT number FROM numbers(2000000)") as stream,
        ):
            for _ in stream:
                pass


@pytest.mark.filterwarnings("ignore")  # the dialect's own, of SQLAlchemy's latest and its own past
def test_sqlalchemys_dialect_reflects_and_reads(port):
    """clickhouse-sqlalchemy over HTTP: tables, columns, values and errors."""
    server, token = port
    url = f"clickhouse+http://default:{token}@{server.clickhouse_http}/default"
    engine = sqlalchemy.create_engine(url)
    try:
        inspector = sqlalchemy.inspect(engine)
        assert "otel_traces" in inspector.get_table_names()
        columns = {column["name"] for column in inspector.get_columns("otel_traces")}
        assert {"Timestamp", "SpanName", "Duration"} <= columns
        with engine.connect() as connection:
            asked = sqlalchemy.text("SELECT ServiceName, count() FROM otel_traces GROUP BY 1 ORDER BY 2")
            assert connection.execute(asked).fetchall() == [("shop", 10), (ODD, 20)]
            with pytest.raises(Exception, match="UNKNOWN_IDENTIFIER"):
                connection.execute(sqlalchemy.text("SELECT no_such_column FROM otel_traces"))
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A folder with the program and the client that it needs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node, or no npm")
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(CLIENTS / "node", folder, dirs_exist_ok=True)
    installed(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"], folder)
    return folder


def test_javascripts_client_reads_streams_and_stops(port, node):
    """Promises, streams, compression, typed errors, broken answers noticed, and a statement that is aborted."""
    server, token = port
    found = run(["node", "ask.mjs", f"http://{server.clickhouse_http}", token], node)
    assert found == {
        "ping": True,
        "queryId": "from-node",
        "rows": [{"service": ODD, "calls": "20"}],
        "sum": 300_000 * 299_999 // 2,
        "compact": [
            ["a", "m", "nothing"],
            ["Array(UInt8)", "Map(String, UInt8)", "Nullable(Nothing)"],
            [[1, 2], {"k": 7}, None],
        ],
        "refused": {"code": "497", "type": "ACCESS_DENIED"},
        "late": "noticed",
        "aborted": True,
    }


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    """A program that asks as Grafana's data source does, compiled."""
    if shutil.which("go") is None:
        pytest.skip("there is no go")
    folder = tmp_path_factory.mktemp("go")
    shutil.copytree(CLIENTS / "go", folder, dirs_exist_ok=True)
    installed(["go", "mod", "tidy"], folder)
    installed(["go", "build", "-o", "ask", "."], folder)
    return folder / "ask"


def test_clickhouse_go_reads_natively_with_every_compression(port, go_program):
    """Its hello is answered, its blocks decode, its errors are readable: LZ4 and ZSTD blocks, gzip, none."""
    server, token = port
    found = run([str(go_program), server.clickhouse_http, token], go_program.parent)
    expected = {"calls": 10, "sum": 300_000 * 299_999 // 2, "service": "shop", "recent": True, "wrong": True}
    assert found == dict.fromkeys(("none", "lz4", "zstd", "gzip"), expected)
