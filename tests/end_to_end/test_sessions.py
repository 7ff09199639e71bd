"""Signing in: /api/v1/session of a real server, and what its cookie is good for."""

import time
from http.cookies import SimpleCookie
from typing import NamedTuple

import httpx
import pytest
from certificates import Authority
from harness import PATIENCE_SECONDS, ServerProcess
from token_files import ROLES, bearer, secret_of, tokens_of_each_role, wrong

from spanhouse_backend.access.token_file import remove_token

PATH = "/api/v1/session"
OWN = {"Sec-Fetch-Site": "same-origin"}


class Guarded(NamedTuple):
    server: ServerProcess
    tokens: dict[str, str]

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=f"http://{self.server.http}", timeout=PATIENCE_SECONDS, headers=headers)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sessions")
    tokens = tokens_of_each_role(directory / "tokens")
    with ServerProcess(directory / "data", "--tokens", str(directory / "tokens")) as server:
        yield Guarded(server, tokens)


def sign_in(client, token):
    answer = client.post(PATH, json={"token": token}, headers=OWN)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_session_may_what_its_token_may(guarded):
    """The answer and GET say what that is; signing out ends it, also for who kept the cookie."""
    with guarded.client(**OWN) as client:
        assert client.get(PATH).json() == {"needed": True, "name": "", "roles": [], "namespace": ""}
        assert client.get("/api/v1/services").status_code == 401
        said = sign_in(client, guarded.tokens["read"])
        reader = {"needed": True, "name": "read", "roles": ["read"], "namespace": ""}
        assert said.json() == client.get(PATH).json() == reader
        assert said.headers["cache-control"] == "no-store"
        assert client.get("/api/v1/services").status_code == 200
        assert client.get("/api/v1/sql", params={"query": "SELECT 1"}).status_code == 403
        kept = dict(client.cookies)
        gone = client.delete(PATH)
        assert gone.json() == {"needed": True, "name": "", "roles": [], "namespace": ""}
        assert not client.cookies
        client.cookies.update(kept)
        refused = client.get("/api/v1/services")
        assert (refused.status_code, refused.json()["error"]["message"]) == (401, "the session is over: sign in again")
        client.cookies.clear()
        sign_in(client, guarded.tokens["sql"])
        assert client.get("/api/v1/sql", params={"query": "SELECT 1"}).status_code == 200


def cookie_of(answer):
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


def test_the_cookie_is_for_this_server_and_no_script(guarded):
    """And has nothing of the token in it; over plain HTTP it could not be Secure."""
    with guarded.client() as client:
        cookie = cookie_of(sign_in(client, guarded.tokens["read"]))
    assert cookie.key == f"spanhouse-{guarded.server.http.rpartition(':')[2]}"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Strict", "/", "")
    assert (cookie["max-age"], cookie["expires"], cookie["secure"]) == ("", "", "")
    assert len(cookie.value) == 43
    assert secret_of(guarded.tokens["read"]) not in cookie.value


def test_over_tls_the_cookie_is_secure(tmp_path):
    """And bound to the host by its name."""
    authority = Authority(tmp_path)
    pair, context = authority.issue("server"), authority.client_context()
    tokens = tokens_of_each_role(tmp_path / "tokens")
    options = ("--tokens", str(tmp_path / "tokens"), "--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
    with (
        ServerProcess(tmp_path / "data", *options) as server,
        httpx.Client(base_url=f"https://{server.http}", verify=context, timeout=PATIENCE_SECONDS) as client,
    ):
        cookie = cookie_of(sign_in(client, tokens["read"]))
        assert cookie.key.startswith("__Host-spanhouse-")
        assert (cookie["secure"], cookie["httponly"], cookie["path"]) == (True, True, "/")
        assert client.get("/api/v1/services").status_code == 200


@pytest.mark.parametrize(
    ("said", "reads", "changes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True, True),
        ({"Sec-Fetch-Site": "none"}, True, False),
        ({"Sec-Fetch-Site": "same-site"}, False, False),
        ({"Sec-Fetch-Site": "cross-site"}, False, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"}, False, False),
        ({"Origin": "http://{host}"}, True, True),
        ({"Origin": "http://127.0.0.1:1"}, False, False),
        ({"Origin": "null"}, False, False),
        ({}, True, False),
    ],
)
def test_a_cookie_counts_for_our_own_pages_only(guarded, said, reads, changes):
    """What changes something has to be said to come from one; what reads must not be said to come from elsewhere."""
    headers = {name: value.format(host=guarded.server.http) for name, value in said.items()}
    with guarded.client() as client:
        sign_in(client, guarded.tokens["admin"])
        read = client.get("/api/v1/services", headers=headers)
        assert read.status_code == (200 if reads else 403)
        changed = client.delete("/api/v1/admin/spans", params={"since": "1h", "service": "nobody"}, headers=headers)
        assert changed.status_code == (200 if changes else 403)
        assert client.get("/api/v1/services", headers=headers | bearer(guarded.tokens["read"])).status_code == 200
        # Nor can another page sign anybody out, or in as somebody else.
        assert client.post(PATH, json={"token": guarded.tokens["read"]}, headers=headers).status_code == (
            200 if changes else 403
        )
        assert client.delete(PATH, headers=headers).status_code == (200 if changes else 403)


def test_a_cookie_does_not_send_spans_of_other_pages(guarded):
    """OTLP's own list of origins is for those who send tokens."""
    with guarded.client() as client:
        sign_in(client, guarded.tokens["write"])
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}
        assert client.post("/v1/traces", content=b"{}", headers=headers).status_code == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 5}', b'{"token": ""}', b'{"token": "' + b"A" * 5000])
def test_what_is_no_request_is_refused_without_repeating_it(guarded, body):
    with guarded.client() as client:
        answer = client.post(PATH, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"] == {
            "parameter": "token",
            "message": 'what is sent must be {"token": ".."}, in JSON',
        }


def test_who_guesses_waits_longer_and_longer_and_is_logged(tmp_path):
    """As with tokens in headers; nothing of what was sent is in the log."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with (
        ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server,
        httpx.Client(base_url=f"http://{server.http}", timeout=PATIENCE_SECONDS) as client,
    ):
        begun = time.monotonic()
        for _ in range(4):
            answer = client.post(PATH, json={"token": wrong(tokens["read"])})
            assert (answer.status_code, answer.json()["error"]["message"]) == (401, "this token is not known here")
            assert "set-cookie" not in answer.headers
        assert time.monotonic() - begun >= 0.1 + 0.2 + 0.4 + 0.8
        sign_in(client, tokens["read"])
        log = server.log.read_text()
        assert "POST /api/v1/session: the wrong secret for read" in log
        assert secret_of(wrong(tokens["read"])) not in log
        assert secret_of(tokens["read"]) not in log
        metrics = client.get("/metrics", headers=OWN).text
        assert 'spanhouse_refusals_total{door="http",reason="wrong_token"} 4.0' in metrics


def test_a_session_ends_when_its_token_is_taken_away(tmp_path):
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with (
        ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server,
        httpx.Client(base_url=f"http://{server.http}", timeout=PATIENCE_SECONDS, headers=OWN) as client,
    ):
        sign_in(client, tokens["read"])
        remove_token(tmp_path / "tokens", "--file", "read")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while client.get("/api/v1/services").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get("/api/v1/services").status_code == 401
        assert client.get(PATH).json() == {"needed": True, "name": "", "roles": [], "namespace": ""}


def test_a_server_without_tokens_says_that_none_is_needed(shared_server):
    everybody = {"needed": False, "name": "", "roles": list(ROLES), "namespace": ""}
    with httpx.Client(base_url=f"http://{shared_server.http}", timeout=PATIENCE_SECONDS) as client:
        for answer in (client.get(PATH), client.post(PATH, json={"token": "any"}), client.delete(PATH)):
            assert (answer.status_code, answer.json()) == (200, everybody)
            assert "set-cookie" not in answer.headers
