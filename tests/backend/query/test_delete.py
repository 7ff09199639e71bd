"""Deleting spans and log records: exactly those of the window and the filter, over REST and gRPC, with the count."""

import grpc
import pytest
from log_records import Made, records
from otlp_requests import request
from query_house import HOUR, MONDAY_10H, PATIENCE_SECONDS

from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.query.questions.spans import Spans
from spanhouse_proto.query_pb2 import DeleteLogsRequest, DeleteRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

pytestmark = pytest.mark.over_both_stores

DAY = {"since": "2026-01-05T00:00Z", "until": "2026-01-06T00:00Z"}


def left(house, service):
    """The names and starts of the service's spans that are still there."""
    return sorted((row.name, row.start_unix_ns - MONDAY_10H) for row in house.ask(Spans, service=service, **DAY).rows)


def test_what_the_window_and_the_filter_describe_is_deleted_and_counted(house):
    for name in ("a", "b"):
        for offset in (0, HOUR):
            house.insert(request("deleted", [1000], name=name, start_ns=MONDAY_10H + offset, seed=offset))
    house.insert(request("spared", [1000], name="a", start_ns=MONDAY_10H))

    path = "/api/v1/admin/spans?since=2026-01-05T10:00Z&until=2026-01-05T10:30Z&service=deleted&filter=name=a"
    response = house.delete(path)
    assert response.status_code == 200
    document = response.json()
    assert (document["deleted"], document["rows"]) == (1, [])
    assert (document["from"], document["to"]) == ("2026-01-05T10:00:00Z", "2026-01-05T10:30:00Z")
    assert "rollups keep what they counted" in document["notes"][0]
    assert left(house, "deleted") == [("a", HOUR), ("b", 0), ("b", HOUR)]
    assert house.delete(path).json()["deleted"] == 0

    with grpc.insecure_channel(house.grpc) as channel:
        answer = QueryStub(channel).Delete(DeleteRequest(since="0", service="deleted"), timeout=PATIENCE_SECONDS)
    assert answer.deleted == 3
    assert left(house, "deleted") == []
    assert left(house, "spared") == [("a", 0)]
    # What the rollups counted stays; whoever reads the spans sees that they are gone.
    assert {row.name: row.calls for row in house.ask(Functions, service="deleted", **DAY).rows} == {"a": 2, "b": 2}
    assert house.ask(Functions, service="deleted", exact="true", **DAY).rows == ()


def records_left(house, service):
    return sorted(row.body for row in house.ask(Logs, service=service, **DAY).rows)


def test_records_that_the_window_and_the_filter_describe_are_deleted_and_counted(house):
    """Events are records with a name: those of one stream go, and others stay."""
    made = [
        Made(MONDAY_10H, "info"),
        Made(MONDAY_10H, "warn", 13),
        Made(MONDAY_10H + HOUR, "late warn", 13),
        Made(MONDAY_10H, "login", event="user.login"),
        Made(MONDAY_10H, "logout", event="user.logout"),
    ]
    house.insert_logs(records("deleted-logs", made), records("spared-logs", made))

    path = "/api/v1/admin/logs?since=2026-01-05T10:00Z&until=2026-01-05T10:30Z&service=deleted-logs&level=warn"
    response = house.delete(path)
    assert response.status_code == 200
    document = response.json()
    assert (document["deleted"], document["rows"], document["notes"]) == (1, [], [])
    assert (document["from"], document["to"]) == ("2026-01-05T10:00:00Z", "2026-01-05T10:30:00Z")
    assert records_left(house, "deleted-logs") == ["info", "late warn", "login", "logout"]
    assert house.delete(path).json()["deleted"] == 0

    with grpc.insecure_channel(house.grpc) as channel:
        order = DeleteLogsRequest(since="0", service="deleted-logs", filter="event=user.login or event=''")
        answer = QueryStub(channel).DeleteLogs(order, timeout=PATIENCE_SECONDS)
    assert answer.deleted == 3
    assert records_left(house, "deleted-logs") == ["logout"]
    assert records_left(house, "spared-logs") == sorted(one.body for one in made)


@pytest.mark.parametrize("order", ["spans", "logs"])
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "since"),
        ("?since=1h&filter=colour=red", "filter"),
        ("?since=1h&limit=3", "limit"),
        ("?since=1h&format=csv", "format"),
    ],
)
def test_nothing_is_deleted_unless_all_of_it_makes_sense(house, order, query, parameter):
    response = house.delete(f"/api/v1/admin/{order}{query}")
    assert response.status_code == 400
    assert response.json()["error"]["parameter"] == parameter


def test_only_delete_deletes(house):
    assert house.get("/api/v1/admin/spans?since=0").status_code == 405
    assert house.delete("/api/v1/spans?since=0").status_code == 405
    assert house.get("/api/v1/admin/logs?since=0").status_code == 405
    assert house.delete("/api/v1/logs?since=0").status_code == 405
    with grpc.insecure_channel(house.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        QueryStub(channel).Delete(DeleteRequest(service="deleted"), timeout=PATIENCE_SECONDS)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details().startswith("since: is missing")
