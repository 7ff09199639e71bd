"""Who may use the port for ClickHouse's clients, and how they say who they are."""

import base64
import socket
import subprocess

import httpx
import pytest
from certificates import Authority
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, serve_command
from token_files import bearer, secret_of, tokens_of_each_role, wrong

PORT = ("--clickhouse-http", "127.0.0.1:0")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that asks for tokens, and one of each role."""
    folder = tmp_path_factory.mktemp("guarded")
    tokens = tokens_of_each_role(folder / "tokens")
    with ServerProcess(folder / "data", *PORT, "--tokens", str(folder / "tokens")) as process:
        yield process, tokens


def ask(server, headers=None, **parameters):
    url = f"http://{server.clickhouse_http}/"
    return httpx.post(url, content="SELECT 1", headers=headers, params=parameters, timeout=PATIENCE_SECONDS)


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def key(token, user="default"):
    return {"X-ClickHouse-User": user, "X-ClickHouse-Key": token}


WAYS = [lambda token: basic("default", token), lambda token: basic("", token), key, bearer]


@pytest.mark.parametrize("way", WAYS, ids=["basic", "basic without a name", "headers", "bearer"])
def test_a_token_is_taken_in_every_way_that_clients_send_one(guarded, way):
    """With the role sql or admin; others are told what is missing, wrong ones that they are wrong."""
    server, tokens = guarded
    for role in ("sql", "admin"):
        assert ask(server, way(tokens[role])).text == "1\n"
    for role in ("read", "write"):
        refused = ask(server, way(tokens[role]))
        assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (403, "497")
        assert f"the token {role} has not the role sql" in refused.text
    unknown = ask(server, way(wrong(tokens["sql"])))
    assert (unknown.status_code, unknown.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert unknown.text.startswith("Code: 516. DB::Exception: ")
    assert unknown.text.endswith("(AUTHENTICATION_FAILED)\n")


def test_whoever_sends_nothing_is_asked_for_a_password(guarded):
    """With a challenge that browsers and libraries know; probes are answered without."""
    server, _ = guarded
    for headers in (None, {"X-ClickHouse-User": "default"}):
        refused = ask(server, headers)
        assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (401, "194")
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    with httpx.Client(base_url=f"http://{server.clickhouse_http}", timeout=PATIENCE_SECONDS) as client:
        for path in ("/", "/ping", "/replicas_status"):
            assert client.get(path).text == "Ok.\n"
        assert client.get("/?query=SELECT+1").status_code == 401
        assert client.get("/anything").status_code == 401


def test_a_password_in_the_address_is_refused_even_if_it_is_right(guarded):
    """And the answer says how to send it; neither the log nor the answer repeats any part of it."""
    server, tokens = guarded
    for headers in (None, bearer(tokens["sql"])):
        refused = ask(server, headers, user="default", password=tokens["sql"])
        assert refused.status_code == 403
        assert "X-ClickHouse-Key" in refused.text
        assert secret_of(tokens["sql"]) not in refused.text
    assert secret_of(tokens["sql"]) not in server.log.read_text()


def test_without_tokens_any_credentials_pass(tmp_path):
    """As on the other ports of a server that only this machine can reach."""
    with ServerProcess(tmp_path / "data", *PORT) as server:
        for headers in (None, basic("default", ""), key("anything", "me"), bearer("x")):
            assert ask(server, headers).text == "1\n"
        assert ask(server, user="default", password="x").text == "1\n"


def test_refusals_are_counted_by_their_reason(guarded):
    """Under the door's name, with those of the other doors."""
    server, tokens = guarded
    for headers in (None, bearer(wrong(tokens["sql"])), bearer(tokens["read"])):
        ask(server, headers)
    url = f"http://{server.http}/metrics"
    text = httpx.get(url, headers=bearer(tokens["read"]), timeout=PATIENCE_SECONDS).text
    for reason in ("no_token", "wrong_token", "not_allowed"):
        assert f'spanhouse_refusals_total{{door="clickhouse",reason="{reason}"}}' in text


def _refused(directory, *options):
    command = serve_command(directory, *options)
    return subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def test_a_taken_port_ends_the_start_and_says_what_to_do(tmp_path):
    """A ClickHouse server on the same machine has 8123 already."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _refused(tmp_path / "data", "--clickhouse-http", address)
    assert done.returncode == 2
    assert f"--clickhouse-http: cannot listen on {address}" in done.stderr
    assert "port 0 takes a free one, and off does without" in " ".join(done.stderr.split())


def test_other_machines_are_let_in_with_tokens_only(tmp_path):
    """As on the other ports."""
    done = _refused(tmp_path / "data", "--clickhouse-http", "0.0.0.0:0")
    assert done.returncode == 2
    assert "--clickhouse-http: 0.0.0.0:0 can be reached from other machines" in done.stderr


def test_with_certificates_it_speaks_tls_and_nothing_else(tmp_path):
    """With those of the other ports."""
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    options = ("--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
    with ServerProcess(tmp_path / "data", *PORT, *options) as server:
        with httpx.Client(verify=authority.client_context()) as client:
            answer = client.post(f"https://{server.clickhouse_http}/", content="SELECT 1", timeout=PATIENCE_SECONDS)
        assert answer.text == "1\n"
        with pytest.raises(httpx.TransportError):
            ask(server)


def test_off_means_no_port(tmp_path):
    """And the ready file names none."""
    with ServerProcess(tmp_path / "data", "--clickhouse-http", "off") as server:
        assert server.clickhouse_http == ""
