"""Raw SQL over REST: statements in the address or the body, answers in the format asked for, errors as everywhere."""

import httpx
import pytest
from fastapi import FastAPI
from query_house import get

from spanhouse_backend.query.query_http import Failure
from spanhouse_backend.query.sql_checker import MAX_STATEMENT_BYTES
from spanhouse_backend.query.sql_http import sql_router
from spanhouse_backend.query.sql_reader import SqlReader


@pytest.fixture(scope="module")
def app(house, sandbox):
    app = FastAPI()
    app.include_router(sql_router(SqlReader(sandbox, house.store.database)))
    return app


@pytest.fixture(scope="module")
def call(house, app):
    """Sends one request to the application: GET with an address, POST with a body too."""

    async def post(path, body):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as client:
            return await client.post(path, content=body)

    return lambda path, body=None: house.run(get(app, path) if body is None else post(path, body))


def test_a_statement_may_be_in_the_address_or_in_the_body(call):
    """Its placeholders are filled from param_*, in both."""
    for answer in (
        call("/api/v1/sql?query=SELECT {x:UInt8} AS x&param_x=7"),
        call("/api/v1/sql?param_x=7", b"SELECT {x:UInt8} AS x"),
        call("/api/v1/sql?query=SELECT {x:UInt8} AS x&param_x=7", b""),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json()["data"] == [{"x": 7}]
        assert answer.json()["meta"] == [{"name": "x", "type": "UInt8"}]


@pytest.mark.parametrize(
    ("form", "media_type", "body"),
    [
        ("csv", "text/csv; charset=utf-8; header=present", b'"a"\n1\n'),
        ("ndjson", "application/x-ndjson", b'{"a":1}\n'),
        ("TSV", "text/tab-separated-values; charset=utf-8", b"a\n1\n"),
        ("native", "application/octet-stream", b"\x01\x01\x01a\x05UInt8\x01"),
        ("jsoncompacteachrow", "application/x-ndjson", b"[1]\n"),
    ],
)
def test_the_format_is_asked_for_by_name(call, form, media_type, body):
    answer = call(f"/api/v1/sql?query=SELECT 1 AS a&format={form}")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, media_type, body)


@pytest.mark.parametrize(
    ("path", "body", "parameter", "message"),
    [
        ("?query=SELECT file('x')", None, "query", "the function file is not open to SQL"),
        ("?query=SELECT nothing", None, None, "Unknown expression identifier"),
        ("?query=SELECT 1&format=xml", None, "format", "choose one of"),
        ("?query=SELECT 1&limit=3", None, "limit", "no such parameter"),
        ("?query=SELECT {x:UInt8}", None, "param_x", "no value is given"),
        ("?query=SELECT {x:UInt8}&param_x=1&param_x=2", None, "param_x", "given twice"),
        ("", None, "query", "there is no statement"),
        ("", b"", "query", "there is no statement"),
        ("", b"\xff", "body", "not UTF-8"),
        ("?query=SELECT 1", b"SELECT 2", "query", "give one"),
        ("", b"SELECT 1" + b" " * MAX_STATEMENT_BYTES, "body", "longer than"),
    ],
)
def test_a_refusal_names_the_parameter(call, path, body, parameter, message):
    answer = call(f"/api/v1/sql{path}", body)
    assert answer.status_code == 400
    failure = Failure.model_validate_json(answer.content, strict=True)
    assert failure.error.parameter == parameter
    assert message in failure.error.message
