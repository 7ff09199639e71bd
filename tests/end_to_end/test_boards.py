"""`serve --boards`: the boards of a file over REST, read again when it changes, refused when nobody could show them."""

import subprocess
import time

import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, serve_command
from otlp_requests import request
from token_files import bearer, tokens_of_each_role

BOARDS = """\
boards:
  - name: pay
    title: Paying
    description: What customers wait for
    since: 3h
    panels:
      - title: How long
        question: percentiles
        show: number
        service: shop
        value: p99
        above: 250ms
"""


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def served_names(server):
    return [board["name"] for board in server.get("/api/v1/boards").json()["rows"]]


def replace(file, text):
    """At once, as deploying does: a file that is half written is another one, too."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "boards.yaml"
    file.write_text(BOARDS)
    return file


def test_boards_are_documents_that_say_what_to_ask(tmp_path, file):
    """Whoever asks what a panel says gets the columns that it names; kept as all answers are, and described."""
    with ServerProcess(tmp_path / "data", "--boards", str(file)) as server:
        server.export(request("shop", [300_000_000] * 3, start_ns=time.time_ns() - 60_000_000_000).SerializeToString())
        answer = server.get("/api/v1/boards")
        (board,) = answer.json()["rows"]
        (panel,) = board["panels"]
        assert {name: board[name] for name in ("name", "title", "description", "since")} == {
            "name": "pay",
            "title": "Paying",
            "description": "What customers wait for",
            "since": "3h",
        }
        assert (panel["show"], panel["above"], panel["page"]) == ("number", 250_000_000, ["since", "until", "filter"])
        (column,) = panel["columns"]
        (row,) = server.get(f"/api/v1/{panel['question']}", **panel["parameters"], since="1h").json()["rows"]
        of, key = column["path"]
        assert (column["kind"], row["calls"]) == ("duration", 3)
        assert row[of][key] > panel["above"]
        url = f"http://{server.http}/api/v1/boards"
        kept = httpx.get(url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=PATIENCE_SECONDS)
        assert (kept.status_code, answer.headers["X-Record-Count"]) == (304, "1")
        assert httpx.head(url, timeout=PATIENCE_SECONDS).headers["ETag"] == answer.headers["ETag"]
        refused = server.get("/api/v1/boards", service="shop")
        assert (refused.status_code, refused.json()["error"]["parameter"]) == (400, "service")
        described = server.get("/openapi.json").json()
        schema = described["paths"]["/api/v1/boards"]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        assert schema == {"$ref": "#/components/schemas/BoardsDocument"}
        assert set(described["components"]["schemas"]["ShownPanel"]["properties"]) == set(panel)


def test_without_a_file_there_are_none(shared_server):
    assert shared_server.get("/api/v1/boards").json() == {"rows": []}


def test_a_file_that_changes_is_read_again_and_one_that_cannot_be_used_is_not(tmp_path, file):
    """No restart; a mistake is logged once, with its place, and what was there stays."""
    with ServerProcess(tmp_path / "data", "--boards", str(file)) as server:
        assert served_names(server) == ["pay"]
        replace(file, BOARDS.replace("name: pay", "name: checkout"))
        wait_until(lambda: served_names(server) == ["checkout"])
        replace(file, BOARDS.replace("value: p99", "value: p98"))
        wait_until(lambda: "what it said before is still in force" in server.log.read_text())
        assert "boards[0].panels[0].value" in server.log.read_text()
        assert served_names(server) == ["checkout"]
        replace(file, BOARDS.replace("name: pay", "name: again"))
        wait_until(lambda: served_names(server) == ["again"])
        assert server.log.read_text().count("still in force") == 1


def test_a_server_does_not_start_with_boards_that_it_could_not_show(tmp_path, file):
    """Exit code 2, and the file, the line, the field, the board and the panel."""
    file.write_text(BOARDS.replace("250ms", "5"))
    done = subprocess.run(
        serve_command(tmp_path / "data", "--boards", str(file)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 2
    assert f"--boards: {file}:12: boards[0].panels[0].above: '5' is not a length of time" in done.stderr
    assert "(board 'pay', panel 'How long')" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_may_read_may_see_the_boards_and_nobody_writes_them(tmp_path, file):
    """In every namespace the same ones: each asks what it has itself."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    secured = ("--tokens", str(tmp_path / "tokens"), "--namespaces", "apart")
    with ServerProcess(tmp_path / "data", "--boards", str(file), *secured) as server:
        url = f"http://{server.http}/api/v1/boards"

        def status(method, **headers):
            return httpx.request(method, url, headers=headers, timeout=PATIENCE_SECONDS).status_code

        assert status("GET") == 401
        assert {role: status("GET", **bearer(token)) for role, token in tokens.items()} == {
            "write": 403,
            "read": 200,
            "sql": 403,
            "admin": 200,
        }
        assert {status(method, **bearer(tokens["admin"])) for method in ("POST", "PUT", "DELETE", "PATCH")} == {405}


def test_every_namespace_has_the_same(tmp_path, file):
    with ServerProcess(tmp_path / "data", "--boards", str(file), "--namespaces", "apart") as server:
        url, apart = f"http://{server.http}/api/v1/boards", {"x-spanhouse-namespace": "apart"}
        assert httpx.get(url, headers=apart, timeout=PATIENCE_SECONDS).json() == server.get("/api/v1/boards").json()
