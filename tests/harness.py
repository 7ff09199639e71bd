"""A real `spanhouse serve` for tests: its own process, its own directory, free ports, ended by its own pid."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

if TYPE_CHECKING:
    import httpx

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
EXPORT_LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
EXPORT_METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
# Generous on purpose: a loaded machine is slow, and a wait ends as soon as its condition holds.
PATIENCE_SECONDS = 60.0


class ServerProcess:
    """`with ServerProcess(directory) as server:` serves until the block ends."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.ready_file = directory.with_name(directory.name + ".ready.json")
        self.log = directory.with_name(directory.name + ".log")
        self._arguments = arguments
        self.grpc = ""
        self.http = ""
        self.clickhouse_http = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self.ready_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                serve_command(self.directory, "--ready-file", str(self.ready_file), *self._arguments),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        ready = json.loads(self.ready_file.read_text())
        assert ready["pid"] == self.process.pid
        self.grpc, self.http = ready["grpc"], ready["http"]
        self.clickhouse_http = ready.get("clickhouse_http", "")
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals the server and waits for it; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, path: str, **parameters: str) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - not for the client's tests, which run without it

        return httpx.get(f"http://{self.http}{path}", params=parameters, timeout=PATIENCE_SECONDS)

    def export(
        self, *requests: bytes, method: str = EXPORT, metadata: tuple[tuple[str, str], ...] = ()
    ) -> list[grpc.StatusCode]:
        """Sends raw requests all at once over one connection; the status of each, in order."""
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(self.grpc, options=options) as channel:
            call = channel.unary_unary(method)
            futures = [call.future(request, timeout=PATIENCE_SECONDS, metadata=metadata) for request in requests]
            return [future.code() for future in futures]


def resident_peak_bytes(server: ServerProcess) -> int:
    """The most memory that the server has held so far (VmHWM)."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def serve_command(directory: Path, *arguments: str) -> list[str]:
    """The command line of a server on free ports over `directory`, with a spool of its own beside it."""
    command = [sys.executable, "-m", "spanhouse_backend", "serve", "--data", str(directory)]
    command += ["--spool", str(spool_of(directory))]
    doors = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--clickhouse-http", "off"]
    return [*command, *doors, *arguments]


def spool_of(directory: Path) -> Path:
    """Where a test's server looks for what clients left behind."""
    return directory.with_name(directory.name + ".spool")


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without the variables that steer OpenTelemetry or spanhouse; no spool unless given.

    A process that ends takes its time: what tests ask is what it delivers, on machines that are busy with others.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANHOUSE_"))}
    return {**kept, "SPANHOUSE_SPOOL": "off", "SPANHOUSE_EXIT_TIMEOUT": "20000", **extra}


def stored_spans(directory: Path, columns: str = "*", where: str = "1") -> list[dict[str, object]]:
    """Rows of otel_traces, read by a process of its own after the server has let the directory go."""
    code = (
        "import sys, json, clickhouse_connect\n"
        "client = clickhouse_connect.get_client(dsn='chdb://' + sys.argv[1])\n"
        "result = client.query(f'SELECT {sys.argv[2]} FROM otel_traces WHERE {sys.argv[3]} ORDER BY Timestamp')\n"
        "print(json.dumps([dict(zip(result.column_names, row)) for row in result.result_rows], default=str))\n"
    )
    command = [sys.executable, "-c", code, str(directory / "engine"), columns, where]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    return json.loads(done.stdout.splitlines()[-1])


def read_back(directory, *statements: str) -> list[list[list[object]]]:
    """The rows of each statement, read by a process of its own after the server has let the directory go."""
    code = (
        "import sys, json, clickhouse_connect\n"
        "client = clickhouse_connect.get_client(dsn='chdb://' + sys.argv[1])\n"
        "print(json.dumps([client.query(sql).result_rows for sql in sys.argv[2:]], default=str))\n"
    )
    command = [sys.executable, "-c", code, str(directory / "engine"), *statements]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    return json.loads(done.stdout.splitlines()[-1])
