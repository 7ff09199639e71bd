"""Web pages as senders: the fetch standard's CORS protocol, for the origins of --cors-origins and no others."""

from collections.abc import Iterator

import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from otlp_over_http import JSON, PATH

ORIGINS = "https://shop.example.org, http://localhost:*,https://*.pages.example.org"
ALLOWED = ["https://shop.example.org", "http://localhost:3000", "https://a.b.pages.example.org"]
OTHERS = [
    "http://shop.example.org",
    "https://shop.example.org.evil.example",
    "https://shopxexample.org",
    "http://localhost.evil.example",
    "https://pages.example.org",
    "null",
]
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-tenant"}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("open") / "data", "--cors-origins", ORIGINS) as server:
        yield server


def preflight(server: ServerProcess, origin: str, **headers: str) -> httpx.Response:
    asked = {"Origin": origin, **PREFLIGHT, **headers}
    return httpx.options(f"http://{server.http}{PATH}", headers=asked, timeout=PATIENCE_SECONDS)


def post(server: ServerProcess, origin: str, content: bytes = b"{}") -> httpx.Response:
    headers = {"Origin": origin, "Content-Type": JSON}
    return httpx.post(f"http://{server.http}{PATH}", content=content, headers=headers, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("origin", ALLOWED)
def test_a_page_of_an_origin_that_is_allowed_may_send(open_server, origin):
    answer = preflight(open_server, origin)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert answer.headers["access-control-max-age"] == "7200"
    assert "Origin" in answer.headers["vary"]
    answer = post(open_server, origin)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", OTHERS)
def test_a_page_of_any_other_origin_may_not(open_server, origin):
    for answer in (preflight(open_server, origin), post(open_server, origin)):
        assert "access-control-allow-origin" not in answer.headers


def test_an_error_can_be_read_by_the_page_too(open_server):
    answer = post(open_server, ALLOWED[0], b"{")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, ALLOWED[0])


def test_a_page_from_the_internet_may_send_to_a_server_on_this_machine(open_server):
    """Private Network Access asks for one more yes."""
    answer = preflight(open_server, ALLOWED[0], **{"Access-Control-Request-Private-Network": "true"})
    assert answer.headers["access-control-allow-private-network"] == "true"


def test_any_origin_is_named_rather_than_starred(tmp_path):
    """A browser takes no "*" for an answer when it sends with credentials, as navigator.sendBeacon does."""
    with ServerProcess(tmp_path / "data", "--cors-origins", "*") as server:
        for answer in (preflight(server, "https://any.example"), post(server, "https://any.example")):
            assert answer.headers["access-control-allow-origin"] == "https://any.example"
            assert answer.headers["access-control-allow-credentials"] == "true"


def test_the_queries_are_for_no_other_origin(open_server):
    url = f"http://{open_server.http}/api/v1/functions"
    answer = httpx.get(url, headers={"Origin": ALLOWED[0]}, timeout=PATIENCE_SECONDS)
    assert "access-control-allow-origin" not in answer.headers


def test_without_the_setting_no_page_may_send(shared_server):
    answer = preflight(shared_server, ALLOWED[0])
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in post(shared_server, ALLOWED[0]).headers
