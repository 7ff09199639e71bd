"""Tokens at both doors of a real server: each role against each kind of question, and what the others are told."""

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import grpc
import httpx
import pytest
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess
from otlp_over_http import JSON, PATH, PROTOBUF, answer_on, body_of, connect, head, headers_of, status_of
from otlp_requests import request
from token_files import ROLES, bearer, secret_of, tokens_of_each_role, wrong

from spanhouse_backend.access.attempts import LONGEST_DELAY_SECONDS
from spanhouse_backend.access.token_file import add_token, remove_token
from spanhouse_backend.roles import Role

FUNCTIONS = "/spanhouse.v1.Query/Functions"
# Of each kind of question, by the role that it needs.
HTTP_QUESTIONS = {
    "write": [("POST", PATH), ("POST", "/v1/logs"), ("GET", PATH)],
    "read": [("GET", "/api/v1/functions"), ("GET", f"/api/v1/trace/{'e' * 32}"), ("GET", "/docs"), ("GET", "/metrics")],
    "sql": [("GET", "/api/v1/sql"), ("POST", "/api/v1/sql")],
    "admin": [("DELETE", "/api/v1/functions"), ("POST", "/api/v1/admin/retention"), ("GET", "/nobody/knows")],
}
GRPC_QUESTIONS = {
    "write": [EXPORT, "/opentelemetry.proto.collector.logs.v1.LogsService/Export"],
    "read": [FUNCTIONS, "/spanhouse.v1.Query/Trace"],
    "sql": ["/spanhouse.v1.Sql/Run"],
    "admin": ["/spanhouse.v1.Query/Delete", "/spanhouse.v1.Query/DeleteLogs", "/nobody.Knows/It"],
}
REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


class Guarded(NamedTuple):
    server: ServerProcess
    tokens: dict[str, str]

    def ask(self, method: str, path: str, headers: dict[str, str], content: bytes = b"") -> httpx.Response:
        url = f"http://{self.server.http}{path}"
        return httpx.request(method, url, headers=headers, content=content, timeout=PATIENCE_SECONDS)

    def call(self, method: str, *credentials: str, content: bytes = b"") -> tuple[grpc.StatusCode, str]:
        """The status of a unary call, with each of `credentials` as its authorization."""
        metadata = [("authorization", credential) for credential in credentials]
        with grpc.insecure_channel(self.server.grpc) as channel:
            call = channel.unary_unary(method).future(content, timeout=PATIENCE_SECONDS, metadata=metadata)
            return call.code(), call.details()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    tokens = tokens_of_each_role(directory / "tokens")
    with ServerProcess(directory / "data", "--tokens", str(directory / "tokens")) as server:
        yield Guarded(server, tokens)


@pytest.mark.parametrize("needed", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_for_its_questions_only_and_admin_for_all(guarded, role, needed):
    """Over HTTP and over gRPC; what is not listed anywhere is for admin."""
    allowed = role in (needed, "admin")
    for method, path in HTTP_QUESTIONS[needed]:
        answer = guarded.ask(method, path, bearer(guarded.tokens[role]))
        assert (answer.status_code not in (401, 403)) == allowed, (method, path, answer.status_code)
        if not allowed:
            assert answer.status_code == 403
            assert f"the token {role} has not the role {needed}" in answer.text
    for method in GRPC_QUESTIONS[needed]:
        code, details = guarded.call(method, f"Bearer {guarded.tokens[role]}")
        assert (code not in REFUSED) == allowed, (method, code)
        if not allowed:
            assert code is grpc.StatusCode.PERMISSION_DENIED
            assert f"the token {role} has not the role {needed}" in details


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_otlp_over_http_is_refused_in_otlps_words(guarded, media_type):
    """A google.rpc.Status in the request's encoding, with the challenge that RFC 6750 asks for."""
    body = body_of(request("refused", [1000]), media_type)
    without = guarded.ask("POST", PATH, headers_of(media_type), body)
    assert (without.status_code, without.headers["www-authenticate"]) == (401, 'Bearer realm="spanhouse"')
    assert without.headers["content-type"] == media_type
    status = status_of(without.content, media_type)
    assert status.code == code_pb2.UNAUTHENTICATED
    assert "authorization: Bearer TOKEN" in status.message

    reader = guarded.ask("POST", PATH, headers_of(media_type) | bearer(guarded.tokens["read"]), body)
    assert (reader.status_code, status_of(reader.content, media_type).code) == (403, code_pb2.PERMISSION_DENIED)

    writer = guarded.ask("POST", PATH, headers_of(media_type) | bearer(guarded.tokens["write"]), body)
    assert writer.status_code == 200


def test_the_rest_api_is_refused_in_its_own_words(guarded):
    answer = guarded.ask("GET", "/api/v1/functions", {})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="spanhouse"')
    # Only to a browser that shows what it gets: the dashboard's scripts should not make it ask for a password.
    page = guarded.ask("GET", "/docs", {"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["www-authenticate"].startswith('Bearer realm="spanhouse", Basic realm="spanhouse"')
    assert answer.json()["error"]["parameter"] is None
    assert "the role read is needed" in answer.json()["error"]["message"]


def test_grpc_says_what_is_missing(guarded):
    code, details = guarded.call(FUNCTIONS)
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert "the role read is needed: send `authorization: Bearer TOKEN`" in details


@pytest.mark.parametrize(
    "kind", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"], ids=lambda kind: kind.replace("_", " to ")
)
def test_every_kind_of_grpc_call_is_refused(guarded, kind):
    """Also calls of a method in another kind than its own, and those that would never end their request."""
    with grpc.insecure_channel(guarded.server.grpc) as channel:
        sent = iter([b"x"] * 3) if kind.startswith("stream") else b"x"
        call = getattr(channel, kind)(EXPORT)
        with pytest.raises(grpc.RpcError) as raised:
            list(call(sent, timeout=PATIENCE_SECONDS)) if kind.endswith("stream") else call(
                sent, timeout=PATIENCE_SECONDS
            )
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def credentials_that_are_none(token: str) -> dict[str, str]:
    return {
        "another secret": f"Bearer {wrong(token)}",
        "another name": f"Bearer sh_nobody_{secret_of(token)}",
        "the secret alone": f"Bearer {secret_of(token)}",
        "cut short": f"Bearer {token[:-1]}",
        "with more behind it": f"Bearer {token}x",
        "no scheme": token,
        "another scheme": f"Digest {token}",
        "nothing behind the scheme": "Bearer",
        "not base64": f"Basic {token}",
        "as the user of Basic": f"Basic {base64.b64encode(f'{token}:'.encode()).decode()}",
        "very long": "Bearer " + "sh_read_" + "A" * 6000,
    }


def test_what_is_no_token_lets_nobody_in(guarded):
    """All wrong tokens are told the same, so that the answer says nothing about which part is right."""
    known = "the token that was sent is not known here: send `authorization: Bearer TOKEN`"

    def answers(credential):
        rest = guarded.ask("GET", "/api/v1/functions", {"Authorization": credential})
        return rest.status_code, rest.json()["error"]["message"], *guarded.call(FUNCTIONS, credential)

    credentials = credentials_that_are_none(guarded.tokens["read"])
    with ThreadPoolExecutor(len(credentials)) as threads:  # each waits its turn for a second or two
        told = dict(zip(credentials, threads.map(answers, credentials.values()), strict=True))
    assert told == dict.fromkeys(credentials, (401, known, grpc.StatusCode.UNAUTHENTICATED, known))


def test_the_scheme_may_be_written_in_any_case(guarded):
    token = guarded.tokens["read"]
    assert guarded.ask("GET", "/api/v1/functions", {"Authorization": f"bearer  {token}"}).status_code == 200
    assert guarded.call(FUNCTIONS, f"BEARER {token}")[0] is grpc.StatusCode.OK


def test_a_browser_logs_in_with_the_token_as_password(guarded):
    """Whatever its user types as name."""
    for user in ("", "grafana", "a b"):
        auth = httpx.BasicAuth(user, guarded.tokens["read"])
        answer = httpx.get(f"http://{guarded.server.http}/api/v1/functions", auth=auth, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 404), ("", 404)])
def test_no_other_page_changes_anything_with_a_browsers_password(guarded, site, status):
    """A browser sends the password along with any page's requests; a token in a header it never sends by itself."""
    basic = base64.b64encode(f":{guarded.tokens['admin']}".encode()).decode()
    origin = {"Sec-Fetch-Site": site} if site else {}
    path = "/nobody/knows"
    assert guarded.ask("POST", path, {"Authorization": f"Basic {basic}", **origin}).status_code == status
    assert guarded.ask("POST", path, bearer(guarded.tokens["admin"]) | origin).status_code == 404


def test_probes_and_health_are_open(guarded):
    assert guarded.ask("GET", "/healthz", {}).status_code == 200
    assert guarded.ask("GET", "/readyz", {}).status_code == 200
    with grpc.insecure_channel(guarded.server.grpc) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_body_is_not_read_before_its_sender_is_known(guarded):
    """The refusal comes while the body is still outstanding, so it cannot have been waited for."""
    with connect(guarded.server.http) as connection:
        connection.sendall(head({"Content-Type": PROTOBUF, "Content-Length": "1000000"}))
        response, _ = answer_on(connection)
    assert response.status == 401


def test_a_large_request_without_a_token_gets_to_read_why(guarded):
    """Its sender is not cut off in the middle, which would look like a broken connection and be tried again."""
    body = b"\0" * 20_000_000
    assert guarded.ask("POST", PATH, headers_of(PROTOBUF), body).status_code == 401


def test_no_secret_is_logged_and_every_refusal_is(tmp_path):
    """The log names the address, the question and the reason; it holds no part of any token."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        guarded = Guarded(server, tokens)
        assert guarded.ask("GET", "/api/v1/functions", {}).status_code == 401
        assert guarded.ask("GET", "/api/v1/functions", bearer(wrong(tokens["read"]))).status_code == 401
        assert guarded.call(EXPORT, f"Bearer {tokens['read']}")[0] is grpc.StatusCode.PERMISSION_DENIED
        assert guarded.call(EXPORT, f"Bearer {tokens['write']}")[0] is grpc.StatusCode.OK
        assert guarded.ask("GET", "/api/v1/x%0Ay%1B%1B", bearer(tokens["sql"])).status_code == 403
        assert server.stop() == 0
    log = server.log.read_text()
    assert "refused 127.0.0.1: GET /api/v1/functions: no token was sent" in log
    assert "refused 127.0.0.1: GET /api/v1/functions: the wrong secret for read (refused 2 times of late)" in log
    assert "the token sql has not the role read" in log
    assert "\x1b" not in log
    assert not [name for name, token in tokens.items() if secret_of(token)[:20] in log]


def test_refusals_are_counted_by_door_and_reason(tmp_path):
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        guarded = Guarded(server, tokens)
        for credential in ("", f"Bearer {wrong(tokens['write'])}", f"Bearer {tokens['write']}"):
            guarded.ask("GET", "/api/v1/functions", {"Authorization": credential} if credential else {})
            guarded.call(FUNCTIONS, *([credential] if credential else []))
        counted = guarded.ask("GET", "/metrics", bearer(tokens["read"])).text
    for door in ("grpc", "http"):
        for reason in ("no_token", "wrong_token", "not_allowed"):
            assert f'spanhouse_refusals_total{{door="{door}",reason="{reason}"}} 1.0' in counted


def test_a_token_is_let_in_and_turned_away_as_the_file_says(tmp_path):
    """One that is added works, one that is removed does not, without a restart; a broken file changes nothing."""
    path = tmp_path / "tokens"
    tokens = tokens_of_each_role(path)
    with ServerProcess(tmp_path / "data", "--tokens", str(path)) as server:
        guarded = Guarded(server, tokens)

        def status(token):
            return guarded.ask("GET", "/api/v1/functions", bearer(token)).status_code

        added = add_token(path, "--file", "added", [Role.READ])
        wait_until(lambda: status(added) == 200)
        remove_token(path, "--file", "read")
        wait_until(lambda: status(tokens["read"]) == 401)
        assert guarded.call(FUNCTIONS, f"Bearer {tokens['read']}")[0] is grpc.StatusCode.UNAUTHENTICATED
        assert status(added) == 200

        good = path.read_text()
        # At once: between being emptied and being written again the file would be one that lets nobody in.
        edited = path.with_name("edited")
        edited.touch(mode=0o600)
        edited.write_text(f"{good}\nand now something else {secret_of(added)}\n")
        edited.replace(path)
        wait_until(lambda: "line 6: not NAME ROLE" in server.log.read_text())
        assert status(added) == 200
        path.chmod(0o644)
        wait_until(lambda: "chmod 600" in server.log.read_text())
        path.unlink()
        wait_until(lambda: "there is no" in server.log.read_text())
        assert status(added) == 200

        path.touch(mode=0o600)
        path.write_text(good.replace("added read", "added write"))
        wait_until(lambda: status(added) == 403)
    assert secret_of(added) not in server.log.read_text()


def test_guessing_is_slowed_and_holds_nobody_else_up(tmp_path):
    """While one address sends wrong tokens without end, its right ones are answered; and the log stays short."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    guessed, enough = threading.Semaphore(0), threading.Event()
    answers: list[grpc.StatusCode] = []

    def guess(address):
        metadata = [("authorization", f"Bearer {wrong(tokens['write'])}")]
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(EXPORT)
            while not enough.is_set():
                futures = [call.future(b"", timeout=PATIENCE_SECONDS, metadata=metadata) for _ in range(100)]
                answers.extend(future.code() for future in futures)
                guessed.release()

    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        guarded = Guarded(server, tokens)
        with ThreadPoolExecutor(4) as threads:
            floods = [threads.submit(guess, server.grpc) for _ in range(4)]
            try:
                for index in range(5):
                    assert guessed.acquire(timeout=PATIENCE_SECONDS)
                    body = request("good", [1000], seed=index).SerializeToString()
                    assert guarded.call(EXPORT, f"Bearer {tokens['write']}", content=body)[0] is grpc.StatusCode.OK
            finally:
                enough.set()
            for flood in floods:
                flood.result()
        assert set(answers) == {grpc.StatusCode.UNAUTHENTICATED}
        began = time.monotonic()
        assert guarded.ask("GET", "/docs", bearer(wrong(tokens["read"]))).status_code == 401
        assert time.monotonic() - began >= LONGEST_DELAY_SECONDS
        assert guarded.ask("GET", "/docs", bearer(tokens["read"])).status_code == 200
    # At the first, the second, the fourth and so on.
    assert server.log.read_text().count("refused 127.0.0.1") <= (len(answers) + 1).bit_length()


def test_without_tokens_nothing_is_asked(shared_server):
    headers = {"Authorization": "Bearer whatever"}
    answer = httpx.get(f"http://{shared_server.http}/api/v1/functions", headers=headers, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200
    assert shared_server.export(request("free", [1]).SerializeToString()) == [grpc.StatusCode.OK]


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
