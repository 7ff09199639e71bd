"""What is wrong with a ClickHouse server is said at the start, with what to do about it, and without the password."""

import socket
import ssl
import threading
import time
from dataclasses import replace

import pytest
from certificates import Authority
from clickhouse_servers import PASSWORD, USER, ClickHouse, Fault, Proxy

from spanhouse_backend.clickhouse_address import ClickHouseAddress, parse_url
from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.store.server import Server

ACCESS_DENIED = 497


def address(server: ClickHouse | Proxy, database: str = "checked", **changes) -> ClickHouseAddress:
    url = f"http://{USER}@127.0.0.1:{server.port}/{database}"
    return replace(parse_url(url), **{"password": PASSWORD, "wait_seconds": 0, **changes})


def refused(where: ClickHouseAddress) -> str:
    """Why it cannot be taken."""
    server = Server(where)
    with pytest.raises(StoreUnusable) as raised:
        server.take()
    server.release()
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def take(where: ClickHouseAddress) -> None:
    server = Server(where)
    server.take()
    server.release()


def test_a_server_that_will_do_is_taken_and_its_database_made(clickhouse):
    take(address(clickhouse, "made"))
    assert clickhouse.rows("system", "SELECT name FROM databases WHERE name = 'made'") == [("made",)]


def test_a_wrong_password_is_not_waited_for(clickhouse):
    """However long the server is waited for that cannot be reached."""
    problem = refused(address(clickhouse, password="wrong", wait_seconds=3600))
    assert "does not let the user 'otel' in" in problem
    assert "SPANHOUSE_CLICKHOUSE_PASSWORD or --clickhouse-password-file" in problem


def test_nobody_there_is_said_after_the_wait():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        where = replace(parse_url(f"http://127.0.0.1:{taken.getsockname()[1]}"), wait_seconds=0)
        problem = refused(where)
    assert problem.endswith("cannot be reached: Connection refused; is it running, and is this its HTTP port?")


def test_a_server_that_comes_up_later_is_waited_for(tmp_path):
    with ClickHouse(tmp_path / "engine") as clickhouse:
        clickhouse.kill()
        where = address(clickhouse, wait_seconds=60)
        starting = threading.Timer(1.5, clickhouse.start)
        begun = time.monotonic()
        starting.start()
        take(where)
        assert time.monotonic() - begun > 1
        starting.join()


def test_what_is_not_clickhouse_is_told_apart(clickhouse):
    with Proxy(clickhouse.port) as proxy, proxy.having(Fault(b"", "answer", 99, answer=b"<html>hello</html>")):
        assert "is not ClickHouse's HTTP interface" in refused(address(proxy))


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_tls_with_an_authority_of_our_own(clickhouse, tmp_path):
    """Trusted when the authority is named; not trusted otherwise, unless it is not to be verified."""
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("clickhouse"))
    with Proxy(clickhouse.port, context) as proxy:
        where = address(proxy, scheme="https")
        take(replace(where, ca=authority.ca))
        take(replace(where, verify=False))
        for untrusted in (where, replace(where, ca=other.ca, wait_seconds=3600)):
            problem = refused(untrusted)
            assert "no TLS connection" in problem
            assert "CERTIFICATE_VERIFY_FAILED" in problem
            assert "--clickhouse-ca" in problem


def test_an_older_server_is_refused_by_what_it_lacks(clickhouse):
    """A stand-in for its answer: here there is only one version of the engine."""
    with Proxy(clickhouse.port) as proxy:
        lacking = Fault(b"FROM system.functions", "answer", answer=b"\x01\x01\x04name\x06String\x10parseQueryToJSON")
        with proxy.having(lacking):
            problem = refused(address(proxy))
    assert "and has no parseQueryToJSON: upgrade it to 26.8 or later" in problem


def test_missing_rights_come_with_the_grant_to_run(clickhouse):
    with Proxy(clickhouse.port) as proxy:
        denied = [Fault(f"CHECK GRANT {what}".encode(), "answer", answer=b"0\n") for what in ("INSERT", "DROP VIEW")]
        with proxy.having(*denied, Fault(b"CHECK GRANT SELECT ON system.parts", "answer", answer=b"0\n")):
            problem = refused(address(proxy))
    grants = "GRANT INSERT, DROP VIEW ON `checked`.* TO `otel`; GRANT SELECT ON system.parts TO `otel`"
    assert problem.endswith(f"let somebody who may run: {grants}")


def test_a_database_that_is_missing_and_may_not_be_made_comes_with_all_that_is_to_be_run(clickhouse):
    denied = Fault(b"CREATE DATABASE", "refuse", answer=b"Code: 497", code=ACCESS_DENIED)
    with Proxy(clickhouse.port) as proxy, proxy.having(denied):
        problem = refused(address(proxy, "nowhere"))
    assert "there is no database 'nowhere'" in problem
    assert "CREATE DATABASE IF NOT EXISTS `nowhere`; GRANT SELECT, INSERT, ALTER, CREATE TABLE" in problem


def test_tables_that_spanhouse_did_not_make_are_left_alone(clickhouse):
    """Such as those that the Collector's exporter makes under the same names."""
    system = clickhouse.client("system")
    system.command("CREATE DATABASE collector")
    system.command("CREATE TABLE collector.otel_traces (TraceId String) ENGINE = MergeTree ORDER BY TraceId")
    system.close()
    problem = refused(address(clickhouse, "collector"))
    assert "has a table otel_traces that spanhouse did not make: name another database in --clickhouse" in problem


def test_a_cluster_that_the_server_does_not_know_is_refused(clickhouse):
    problem = refused(address(clickhouse, cluster="production"))
    assert "knows no cluster 'production'; it knows none: name one of them in --cluster, or add it to" in problem
