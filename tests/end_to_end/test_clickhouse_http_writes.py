"""Statements that write, through the port for ClickHouse's clients: for administrators, where the server lets them."""

import clickhouse_connect
import httpx
import pyarrow as pa
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from otlp_requests import request
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
    ask(writable, b'6,a;b\n7,"; DROP TABLE otel_mine"\n', query="INSERT INTO otel_mine FORMAT CSV").raise_for_status()
    ask(writable, b"INSERT INTO otel_mine VALUES (8, 'x;y')").raise_for_status()
    answer = ask(writable, "SELECT a, hex(b) FROM otel_mine ORDER BY a FORMAT TSV")
    expected = [(1, b"one"), (2, b"two"), (3, b"\xff\0"), (4, b"it's"), (5, b"five")]
    expected += [(6, b"a;b"), (7, b"; DROP TABLE otel_mine"), (8, b"x;y")]
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


def test_a_session_keeps_its_temporary_tables(writable):
    """Over requests that name it, for its time; others, and those without a session, know nothing of them."""
    mine = {"session_id": "mine", "session_timeout": "60"}
    ask(writable, "CREATE TEMPORARY TABLE answer (a UInt8)", **mine).raise_for_status()
    ask(writable, b"\x07", query="INSERT INTO answer FORMAT RowBinary", **mine).raise_for_status()
    assert ask(writable, "SELECT * FROM answer", **mine, default_format="CSV").text == "7\n"
    for other in ({}, {"session_id": "other"}):
        assert ask(writable, "SELECT * FROM answer", **other).headers["X-ClickHouse-Exception-Code"] == "60"
    ask(writable, "DROP TABLE answer", **mine).raise_for_status()
    assert ask(writable, "SELECT 1", session_id="x", session_timeout="forever").status_code == 500


def test_statements_that_are_asked_of_a_server_by_another_spanhouse(writable):
    """KILL QUERY and CHECK GRANT have answers; errors in rows have the engine's numbers and store nothing."""
    assert ask(writable, "KILL QUERY WHERE Settings['log_comment'] = {mark:String} ASYNC", param_mark="x").text == ""
    assert ask(writable, "CHECK GRANT SELECT ON otel_mine").text == "1\n"
    before = ask(writable, "SELECT count() FROM otel_mine").text
    many = b"".join(b"%d,x\n" % number for number in range(100_000)) + b"x,\n"
    refused = ask(writable, many, query="INSERT INTO otel_mine FORMAT CSV")
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (400, "27")
    assert ask(writable, "SELECT count() FROM otel_mine").text == before


def test_another_spanhouse_keeps_its_spans_here(writable, tmp_path):
    """Its schema, its inserts, its questions in every format and its raw SQL go through the port."""
    url = f"http://{writable.clickhouse_http}/elsewhere"
    with ServerProcess(tmp_path / "other", "--clickhouse", url) as other:
        body = request("far", [1000] * 10).SerializeToString()
        assert [code.name for code in other.export(body, body)] == ["OK", "OK"]
        (row,) = other.get("/api/v1/functions", since="1h").json()["rows"]
        assert row["calls"] == 10
        arrow = other.get("/api/v1/functions", since="1h", format="arrow")
        assert pa.ipc.open_stream(arrow.content).read_all()["calls"].to_pylist() == [10]
        raw = other.get("/api/v1/sql", query="SELECT count() AS n FROM otel_traces", format="csv")
        assert raw.text == '"n"\n10\n'
    assert ask(writable, "SELECT count() FROM elsewhere.otel_traces").text == "10\n"


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
    "SELECT file -- x\n ('/etc/passwd')",
    "SELECT 1 # '\n , file('/etc/passwd')",
    "SELECT arrayMap(x -> FILE(x), ['/etc/passwd'])",
    "INSERT INTO otel_mine VALUES (1, file('/etc/passwd'))",
    "INSERT INTO otel_mine FORMAT Values (1, file('/etc/passwd'))",
    "INSERT INTO otel_mine FORMAT Values\n(1, file('/etc/passwd'))",
    "INSERT INTO otel_mine SETTINGS max_threads = 1 FORMAT CSV\n1,x",
    "CREATE TABLE otel_t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '/tmp/')",
    "ALTER TABLE otel_mine MODIFY SETTING storage_policy = 'x'",
    "ALTER TABLE otel_mine FREEZE",
    "ALTER TABLE otel_mine FETCH PARTITION 1 FROM '/x'",
    "ALTER TABLE otel_mine MOVE PARTITION 1 TO DISK 'default'",
    "CREATE DATABASE d ENGINE = Filesystem('/')",
    "CREATE FUNCTION f AS (x) -> x",
    "SELECT 1 PARALLEL WITH SYSTEM SHUTDOWN",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/passwd'",
    "SELECT 1 SETTINGS dialect = 'prql'",
    "CREATE NAMED COLLECTION c AS a = 'b'",
    "DROP USER default",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM system.one WHERE hostName() = 'x'",
    "SELECT 1; SELECT file('/etc/passwd')",
    "CREATE MATERIALIZED VIEW v ENGINE = Memory AS SELECT * FROM url('http://127.0.0.1:1/')",
    "EXPLAIN SELECT file('/etc/passwd')",
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
    # A second statement behind a first is no syntax; expressions in rows are switched off.
    assert answer.headers["X-ClickHouse-Exception-Code"] in {"497", "62", "344"}
    assert "root:" not in answer.text
    assert ask(writable, "SELECT countIf(b LIKE '%root:%') FROM otel_mine").text == "0\n"


@pytest.mark.parametrize(
    "setting",
    [{"dialect": "kusto"}, {"format_template_row": "/etc/passwd"}, {"format_schema": "x:X"}, {"query_cache_tag": "x"}],
    ids=lambda setting: next(iter(setting)),
)
def test_settings_that_lead_to_files_or_change_how_sql_is_read_are_refused(writable, setting):
    """Whatever else is set is the administrator's own affair."""
    assert ask(writable, "SELECT 1", **setting).headers["X-ClickHouse-Exception-Code"] == "452"
    assert ask(writable, "SELECT 1", max_threads="1", allow_experimental_analyzer="1").text == "1\n"


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
            timeout=PATIENCE_SECONDS,
        )
        assert by_get.status_code == 403
    with ServerProcess(tmp_path / "closed", "--clickhouse-http", "127.0.0.1:0") as server:
        refused = ask(server, CREATE)
        assert (refused.status_code, "only SELECT, SHOW, DESCRIBE and EXPLAIN" in refused.text) == (403, True)
