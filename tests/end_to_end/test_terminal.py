"""`spanhouse serve` on a real terminal (a pty), and its log where there is none."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import grpc
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, serve_command
from otlp_requests import request

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class OnTerminal(ServerProcess):
    """A server whose standard output and error are a terminal that this process reads."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        super().__init__(directory, *arguments)
        self._environment = clean_environment(**{"TERM": "xterm-256color", "COLUMNS": "120"} | environment)
        self._shown = b""

    def start(self) -> "OnTerminal":
        self._master, slave = pty.openpty()
        command = serve_command(self.directory, "--ready-file", str(self.ready_file), *self._arguments)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=self._environment)
        os.close(slave)
        self.shown_after(self.ready_file.exists)
        ready = json.loads(self.ready_file.read_text())
        self.grpc, self.http = ready["grpc"], ready["http"]
        return self

    def shown_after(self, condition) -> str:
        """Everything written to the terminal until `condition` holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self._shown.decode()
            self._read(0.05)
        return self._shown.decode(errors="replace")

    def shown(self, text: str) -> str:
        return self.shown_after(lambda: text in self._shown.decode(errors="replace"))

    def ended(self) -> str:
        """Interrupts it; everything it has written."""
        self.process.send_signal(signal.SIGINT)
        self.shown_after(lambda: self.process.poll() is not None)
        while self._read(0.2):
            pass
        os.close(self._master)
        assert self.process.returncode == 0
        return self._shown.decode(errors="replace")

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: nobody holds the other end
            return False
        self._shown += data
        return bool(data)


def test_a_terminal_shows_what_comes_in_under_a_readable_log(tmp_path):
    """The line counts up in place; a log record stands whole on lines of its own; in the end the line is gone."""
    with OnTerminal(tmp_path / "data") as server:
        assert server.export(request("terminal", [1000] * 1234).SerializeToString()) == [grpc.StatusCode.OK]
        server.shown("1,234 stored")
        assert server.export(b"\xff\xff") == [grpc.StatusCode.INVALID_ARGUMENT]
        server.shown("request refused")
        shown = server.ended()
    assert "Ready. Interrupt to stop." in shown
    assert COLOUR.search(shown)
    assert "\x1b[2K" in shown  # the line is erased, not scrolled away
    plain = [COLOUR.sub("", line).strip("\r") for line in shown.split("\n")]
    (refused,) = (line for line in plain if "request refused" in line)
    assert "spans/s" not in refused.rsplit("\x1b[2K", 1)[-1].rsplit("\r", 1)[-1]
    assert "spans/s" not in plain[-1].rsplit("\x1b[2K", 1)[-1]


def test_no_color_is_respected(tmp_path):
    """The line and the log are there, in no colour."""
    with OnTerminal(tmp_path / "data", NO_COLOR="1") as server:
        server.shown("0 stored")
        shown = server.ended()
    assert "serving" in shown
    assert not [code for code in COLOUR.findall(shown) if re.search(r"\b(3[0-7]|9[0-7]|38|48)\b", code)]


@pytest.mark.parametrize(
    ("arguments", "environment"), [(("--log-format", "json"), {}), ((), {"TERM": "dumb"})], ids=["json", "dumb"]
)
def test_json_and_dumb_terminals_get_no_line(tmp_path, arguments, environment):
    """What a program is to read is not wrapped, and what cannot go back is not asked to."""
    with OnTerminal(tmp_path / "data", *arguments, **environment) as server:
        server.shown("serving")
        assert server.export(request("quiet", [1000]).SerializeToString()) == [grpc.StatusCode.OK]
        shown = server.ended()
    assert "spans/s" not in shown


def test_a_log_file_holds_json_lines_with_the_refused_and_the_started(server):
    """Standard output says where the server answers, standard error what happens; a client's words are in fields."""
    assert server.export(b"\xff\xff") == [grpc.StatusCode.INVALID_ARGUMENT]
    # Written when gRPC has sent the answer, and so not always before the client has it.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "request refused" not in server.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    server.get("/v1/traces")
    assert server.stop() == 0
    records = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    events = [entry["event"] for entry in records]
    assert events == ["serving", "request refused", "request refused", "stopping"]
    assert records[0]["grpc"] == server.grpc
    by_grpc, by_http = records[1:3]
    assert (by_grpc["door"], by_grpc["status"]) == ("grpc", "INVALID_ARGUMENT")
    assert "truncated" in by_grpc["problem"]
    assert (by_http["door"], by_http["status"], by_http["path"]) == ("http", "405", "/v1/traces")
    assert by_http["problem"].startswith("GET is not for")
    assert by_http["peer"].startswith("127.0.0.1:")
    assert "spans/s" not in server.log.read_text()
