"""`serve --roles`: a server that does a part of the work only, whoever asks."""

import grpc
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, read_back
from otlp_requests import request
from token_files import bearer, tokens_of_each_role

from spanhouse_proto.admin_pb2 import BackupRequest
from spanhouse_proto.admin_pb2_grpc import AdminStub
from spanhouse_proto.query_pb2 import FunctionsRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

BODY = request("roles", [1000]).SerializeToString()
PORT = ("--clickhouse-http", "127.0.0.1:0")


def asked(server: ServerProcess) -> dict[str, int]:
    """What is answered to a sender, a reader, a writer of SQL and an administrator, over HTTP."""
    url = f"http://{server.http}"
    with httpx.Client(timeout=PATIENCE_SECONDS) as client:
        answers = {
            "write": client.post(f"{url}/v1/traces", content=BODY, headers={"Content-Type": "application/x-protobuf"}),
            "record": client.post(f"{url}/api/v1/record", json={"msg": "hello"}),
            "read": client.get(f"{url}/api/v1/functions"),
            "sql": client.get(f"{url}/api/v1/sql", params={"query": "SELECT 1"}),
            "port": client.post(f"http://{server.clickhouse_http}/", content="SELECT 1"),
            "admin": client.get(f"{url}/api/v1/admin/backup"),
            "metrics": client.get(f"{url}/metrics"),
            "page": client.get(url),
            "ready": client.get(f"{url}/readyz"),
        }
    return {who: answer.status_code for who, answer in answers.items()}


def over_grpc(server: ServerProcess) -> tuple[grpc.StatusCode, grpc.StatusCode, grpc.StatusCode]:
    """The same of a sender, a reader and an administrator."""
    with grpc.insecure_channel(server.grpc) as channel:
        read = QueryStub(channel).Functions.future(FunctionsRequest(), timeout=PATIENCE_SECONDS).code()
        backup = AdminStub(channel).Backup(BackupRequest(), timeout=PATIENCE_SECONDS).code()
    return server.export(BODY)[0], read, backup


OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED


def statuses(write: int, record: int, read: int, sql: int, port: int, admin: int) -> dict[str, int]:
    """With those of what every server answers."""
    part = {"write": write, "record": record, "read": read, "sql": sql, "port": port, "admin": admin}
    return part | {"metrics": 200, "page": 200, "ready": 200}


def test_one_that_takes_answers_nothing_and_says_why(tmp_path):
    """What was sent is stored; questions, SQL and administration are refused at every door."""
    with ServerProcess(tmp_path / "data", "--roles", "write", *PORT) as server:
        assert asked(server) == statuses(200, 201, 403, 403, 403, 403)
        assert over_grpc(server) == (OK, DENIED, DENIED)
        refused = httpx.get(f"http://{server.http}/api/v1/functions", timeout=PATIENCE_SECONDS)
        message = "this needs the role read, which this server does not serve: its --roles are write"
        assert refused.json()["error"]["message"] == message
        server.stop()
    assert read_back(tmp_path / "data", "SELECT count() FROM otel_traces") == [[[1]]]


def test_one_that_answers_takes_nothing(tmp_path):
    """Over either protocol, and an administrator's work is another's, too."""
    with ServerProcess(tmp_path / "data", "--roles", "read, sql", *PORT) as server:
        assert asked(server) == statuses(403, 403, 200, 200, 200, 403)
        assert over_grpc(server) == (DENIED, OK, DENIED)
        server.stop()
    assert read_back(tmp_path / "data", "SELECT count() FROM otel_traces") == [[[0]]]


def test_an_administrators_token_opens_no_more(tmp_path):
    """The server's roles come before the token's; who has none at all is told of the server's, too."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--roles", "read", "--tokens", str(tmp_path / "tokens")) as server:

        def status(path: str, role: str) -> int:
            headers = bearer(tokens[role]) if role else {}
            return httpx.get(f"http://{server.http}{path}", headers=headers, timeout=PATIENCE_SECONDS).status_code

        assert status("/api/v1/functions", "admin") == 200
        assert status("/api/v1/functions", "") == 401
        assert status("/api/v1/admin/backup", "admin") == 403
        assert status("/api/v1/sql?query=SELECT+1", "admin") == 403


@pytest.mark.parametrize("roles", ["reader", "read,,write", "read write"])
def test_what_is_no_role_is_refused_by_name(tmp_path, roles):
    """Before any data is touched."""
    with pytest.raises(AssertionError, match=r"--roles: .* is not a role; there are write, read, sql, admin"):
        ServerProcess(tmp_path / "data", "--roles", roles).start()
    assert not (tmp_path / "data").exists()
