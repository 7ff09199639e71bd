"""Statements that write, through the port for ClickHouse's clients: for administrators, where the server lets them."""

import clickhouse_connect
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from token_files import bearer, tokens_of_each_role

WRITES = ("--clickhouse-http", "127.0.0.1:0", "--clickhouse-http-writes", "on")
CREATE = "CREATE TABLE otel_mine (a UInt64, b String) ENGINE = MergeTree ORDER BY a"


@pytest.fixture(scope="module")
def writable(tmp_path_factory):
    """A server without tokens that lets everybody write."""
    with ServerProcess(tmp_path_factory.mktemp("writable") / "data", *WRITES) as process:
        assert ask(process, CREATE).status_code == 200
        yield process


def ask(server, body, headers=None, **parameters):
    url = f"http://{server.clickhouse_http}/"
    return httpx.post(url, content=body, params=parameters, headers=headers, timeout=PATIENCE_SECONDS)


def test_rows_come_in_every_way_that_clients_send_them(writable):
    """As a body behind the statement in the address, in one body with it, inline, compressed, and from a SELECT."""
    ask(writable, b"1,one\n2,two\n", query="INSERT INTO otel_mine FORMAT CSV").raise_for_status()
    ask(writable, b"INSERT INTO otel_mine (a, b) FORMAT RowBinary\n\x03\0\0\0\0\0\0\0\x02\xff\0").raise_for_status()
    ask(writable, "INSERT INTO default.otel_mine VALUES (4, 'it''s')").raise_for_status()
    inserted = ask(writable, "INSERT INTO otel_mine SELECT 5, 'five'")
    assert '"written_rows":"1"' in inserted.headers["X-ClickHouse-Summary"]
    answer = ask(writable, "SELECT a, hex(b) FROM otel_mine ORDER BY a FORMAT TSV")
    expected = [(1, b"one"), (2, b"two"), (3, b"\xff\0"), (4, b"it's"), (5, b"five")]
    assert answer.text == "".join(f"{a}\t{b.hex().upper()}\n" for a, b in expected)


def test_clickhouse_connect_creates_inserts_alters_and_drops(writable):
    """The client that spanhouse itself uses finds here what it needs of a server, compressed inserts included."""
    host, port = writable.clickhouse_http.split(":")
    client = clickhouse_connect.get_client(host=host, port=int(port))
    try:
        client.command("CREATE TABLE otel_connected (a UInt64, b Array(String)) ENGINE = MergeTree ORDER BY a")
        for compression in (None, "lz4", "zstd", "gzip"):
            block = [[n, [str(n)] * 100] for n in range(1000)]
            client.compression = compression
            assert client.insert("otel_connected", block, column_names=["a", "b"]).written_rows == 1000
        client.command("ALTER TABLE otel_connected ADD COLUMN c UInt8 DEFAULT 7")
        rows = client.query("SELECT count(), sum(length(b)), any(c) FROM otel_connected").result_rows
        assert rows == [(4000, 400_000, 7)]
        client.command("DROP TABLE otel_connected")
        assert client.command("EXISTS TABLE otel_connected") == 0
    finally:
        client.close()


def test_an_insert_that_is_repeated_with_its_token_is_stored_once(writable):
    """Settings of an INSERT reach the engine: it knows the token again."""
    ask(writable, CREATE.replace("otel_mine", "otel_once") + " SETTINGS non_replicated_deduplication_window = 100")
    for _ in range(2):
        inserted = ask(writable, b"1,x\n", query="INSERT INTO otel_once FORMAT CSV", insert_deduplication_token="first")
        assert inserted.status_code == 200
    assert ask(writable, "SELECT count() FROM otel_once").text == "1\n"


REACHING = [
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a String') SELECT 'x'",
    "INSERT INTO otel_mine FROM INFILE '/etc/passwd' FORMAT CSV",
    "INSERT INTO otel_mine SELECT 1, file('/etc/passwd')",
    "INSERT INTO otel_mine (`a FORMAT CSV`) SELECT file('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1:1/')",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT `\\x66ile`('/etc/passwd')",
    "SELECT \"fi\\x6ce\"('/etc/passwd')",
    "SELECT file/* */('/etc/passwd')",
    "CREATE TABLE t (a String) ENGINE = File(CSV, '/etc/passwd')",
    "CREATE TABLE t (a String) ENGINE = URL('http://127.0.0.1:1/')",
    "CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT())",
    "ALTER TABLE otel_mine DELETE WHERE file('/etc/passwd') = ''",
    "BACKUP TABLE otel_mine TO File('/tmp/x')",
    "SYSTEM SHUTDOWN",
    "/* x */ SYSTEM SHUTDOWN",
    "SET max_threads = 1",
    "USE system",
    "ATTACH TABLE t FROM '/etc' (a String) ENGINE = File(CSV)",
    "GRANT ALL ON *.* TO default",
]


@pytest.mark.parametrize("statement", REACHING)
def test_nobody_reaches_beyond_the_data(writable, statement):
    """Files, other machines, programs and the server itself stay out of reach of those who may write."""
    answer = ask(writable, statement)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "497")
    assert ask(writable, "SELECT 1").text == "1\n"


def test_only_administrators_write_and_only_where_the_server_lets_them(tmp_path):
    """A token of the role sql reads; without the option nobody writes, not even on loopback without tokens."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "guarded", "--tokens", str(tmp_path / "tokens"), *WRITES) as server:
        assert ask(server, CREATE, bearer(tokens["admin"])).status_code == 200
        assert ask(server, "SELECT count() FROM otel_mine", bearer(tokens["sql"])).text == "0\n"
        assert ask(server, "DROP TABLE otel_mine", bearer(tokens["sql"])).status_code == 403
        by_get = httpx.get(
            f"http://{server.clickhouse_http}/",
            params={"query": "DROP TABLE otel_mine"},
            headers=bearer(tokens["admin"]),
        )
        assert by_get.status_code == 403
    with ServerProcess(tmp_path / "closed", "--clickhouse-http", "127.0.0.1:0") as server:
        refused = ask(server, CREATE)
        assert (refused.status_code, "only SELECT, SHOW, DESCRIBE and EXPLAIN" in refused.text) == (403, True)
