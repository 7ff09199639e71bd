"""`spanhouse serve --rules`: judged on a schedule, told to a real receiver, over restarts and changes of the file."""

import re
import signal
import subprocess
import time

import pytest
from clickhouse_servers import ClickHouse, spanhouse_on
from harness import PATIENCE_SECONDS, ServerProcess, serve_command
from otlp_requests import request
from webhook_receiver import HANG, receiving

DELIVERED = 'spanhouse_notifications_total{outcome="delivered",webhook="ops"}'
ABSENT = "  - {{rule: {name}, kind: absence, service: {service}, every: 10s}}\n"


@pytest.fixture
def receiver():
    with receiving() as opened:
        yield opened


@pytest.fixture
def rules(tmp_path, receiver):
    """Writes the file of rules: `rules(("name", "service"), ..)`; they are told to the receiver, at a secret path."""
    secret = tmp_path / "url"
    file = tmp_path / "rules.yaml"

    def write(*absent, url=""):
        replace(secret, url or f"{receiver.url}/s3cret")
        lines = "".join(ABSENT.format(name=name, service=service) for name, service in absent)
        replace(file, f"notify:\n  - {{name: ops, url_file: {secret}, timeout: 2s}}\nrules:\n{lines}")
        return str(file)

    return write


def replace(path, text):
    """Puts a file in place whole: a server that looks at this moment reads the old one or the new one."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


def standing(server):
    """How each rule stands, by name."""
    return {row["rule"]: row for row in server.get("/api/v1/rules").json()["rows"]}


def wait(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def states(receiver):
    return [(posted.body["rule"], posted.body["state"]) for posted in receiver.posted]


def metric(server, name):
    """The value of a metric, its labels included in the name; 0 when it is not there yet."""
    match = re.search(rf"^{re.escape(name)} (\S+)$", server.get("/metrics").text, re.MULTILINE)
    return float(match[1]) if match else 0.0


def judged_again(server, name):
    """Waits until the rule was judged once more from now on."""
    before = standing(server)[name]["evaluated_unix_ns"]
    wait(lambda: standing(server)[name]["evaluated_unix_ns"] > before)


def test_a_rule_fires_and_is_told_and_is_resolved_and_is_told(tmp_path, rules, receiver):
    with ServerProcess(tmp_path / "data", "--rules", rules(("alive", "shop"))) as server:
        receiver.wait(len)
        assert states(receiver) == [("alive", "firing")]
        row = wait(lambda: standing(server)["alive"]["told_unix_ns"] and standing(server)["alive"])
        assert (row["state"], row["value"], row["threshold"], row["unit"]) == ("firing", 0, 1, "calls")
        assert row["means"] == "calls of shop in 15m: at least 1"
        server.export(request("shop", [1_000_000] * 20).SerializeToString())
        receiver.wait(lambda posted: len(posted) == 2)
        assert states(receiver) == [("alive", "firing"), ("alive", "resolved")]
        wait(lambda: standing(server)["alive"]["state"] == "ok")
        assert metric(server, DELIVERED) == 2
        assert metric(server, 'spanhouse_rules_judged_total{outcome="well"}') >= 1
        assert states(receiver) == [("alive", "firing"), ("alive", "resolved")]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_forgets_nothing_and_tells_nothing_twice(tmp_path, rules, receiver, end):
    """Since when it fires stays as it was; when calls come, the server that is there then says that it is over."""
    file = rules(("alive", "shop"))
    with ServerProcess(tmp_path / "data", "--rules", file) as server:
        before = wait(lambda: (row := standing(server).get("alive")) and row["told_unix_ns"] and row)
        server.stop(end)
    with ServerProcess(tmp_path / "data", "--rules", file) as server:
        judged_again(server, "alive")
        after = standing(server)["alive"]
        assert (after["state"], after["since_unix_ns"]) == ("firing", before["since_unix_ns"])
        assert after["told_unix_ns"] == before["told_unix_ns"]
        assert states(receiver) == [("alive", "firing")]
        server.export(request("shop", [1_000_000] * 20).SerializeToString())
        receiver.wait(lambda posted: len(posted) == 2)
        assert states(receiver) == [("alive", "firing"), ("alive", "resolved")]


@pytest.mark.parametrize("answers", [[500, 503], [HANG]])
def test_a_receiver_in_trouble_is_told_in_the_end(tmp_path, rules, receiver, answers):
    """Once, as far as the server can know: a slot that ends in the middle of an attempt leaves it open."""
    receiver.answers = list(answers)
    with ServerProcess(tmp_path / "data", "--rules", rules(("alive", "shop"))) as server:
        wait(lambda: (row := standing(server).get("alive")) and row["told_unix_ns"])
        assert standing(server)["alive"]["problem"] == ""
        assert metric(server, DELIVERED) == 1
        assert len(receiver.posted) > len(answers)
        assert set(states(receiver)) == {("alive", "firing")}


def test_what_cannot_be_delivered_is_seen_and_due_again(tmp_path, rules, receiver):
    """In the metrics, in the log without the secret, at the rule; and it is told when the receiver is back."""
    file = rules(("alive", "shop"), url="http://127.0.0.1:1/s3cret")
    with ServerProcess(tmp_path / "data", "--rules", file, "--log-level", "debug") as server:
        # A slot that was nearly over when the server started may have had no time for an attempt.
        refused = "ops: no answer: Connection refused"
        wait(lambda: (row := standing(server).get("alive")) and row["problem"] == refused)
        assert metric(server, 'spanhouse_notifications_total{outcome="failed",webhook="ops"}') >= 1
        assert standing(server)["alive"]["told_unix_ns"] == 0
        replace(tmp_path / "url", f"{receiver.url}/s3cret")
        receiver.wait(len)
        wait(lambda: standing(server)["alive"]["told_unix_ns"])
        assert standing(server)["alive"]["problem"] == ""
    log = server.log.read_text()
    assert "a webhook was not told, and will be again" in log
    assert "s3cret" not in log


def test_a_file_that_changes_is_read_again_and_a_bad_one_is_not_used(tmp_path, rules, receiver):
    file = rules(("first", "shop"))
    with ServerProcess(tmp_path / "data", "--rules", file) as server:
        wait(lambda: "first" in standing(server))
        replace(tmp_path / "rules.yaml", "rules:\n  - {rule: second}\n")
        # The last sign of it: the metric is set before.
        wait(lambda: "what it said before is still in force" in server.log.read_text())
        assert "rules.yaml:2: rules[0].kind: is missing" in server.log.read_text()
        assert metric(server, "spanhouse_rules_file_usable") == 0
        assert list(standing(server)) == ["first"]
        rules(("second", "shop"))
        wait(lambda: list(standing(server)) == ["second"])
        assert metric(server, "spanhouse_rules_file_usable") == 1
        wait(lambda: standing(server)["second"]["state"] == "firing")


def test_of_two_servers_over_one_clickhouse_one_tells(tmp_path, rules, receiver):
    """Both know how it stands; and when the one that told is killed, the other says that it is over."""
    file = rules(("alive", "shop"))
    with ClickHouse(tmp_path / "clickhouse") as clickhouse:
        servers = [spanhouse_on(clickhouse.url("shared"), tmp_path, name, "--rules", file) for name in ("one", "two")]
        with servers[0] as one, servers[1] as two:
            wait(lambda: (row := standing(one).get("alive")) and row["told_unix_ns"])
            judged_again(one, "alive")
            judged_again(two, "alive")
            assert standing(one)["alive"]["state"] == standing(two)["alive"]["state"] == "firing"
            assert states(receiver) == [("alive", "firing")]
            one.stop(signal.SIGKILL)
            two.export(request("shop", [1_000_000] * 20).SerializeToString())
            receiver.wait(lambda posted: len(posted) == 2)
            assert states(receiver) == [("alive", "firing"), ("alive", "resolved")]


def test_a_bad_file_keeps_a_server_from_starting(tmp_path):
    """Exit code 2, and the mistake by line; the data is not touched."""
    (tmp_path / "rules.yaml").write_text("rules:\n  - {rule: a, kind: absense}\n")
    command = serve_command(tmp_path / "data", "--rules", str(tmp_path / "rules.yaml"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 2
    assert "--rules: " in done.stderr
    assert "rules.yaml:2: rules[0].kind: is not one of percentile" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_server_stops_while_a_receiver_hangs(tmp_path, rules, receiver):
    """Within the seconds that deliveries are given, and the exit code is that of any other stop."""
    receiver.answers = [HANG] * 100
    with ServerProcess(tmp_path / "data", "--rules", rules(("alive", "shop"))) as server:
        receiver.wait(len)
        assert server.stop() == 0
