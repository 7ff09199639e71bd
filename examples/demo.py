"""`make demo`: the whole of spanhouse in half a minute, over a directory that is thrown away again.

Starts a real server on free ports, runs examples/stdlib_survey.py against it in a process of its own, asks the
server what it stored, and shows the slowest call's trace. Exits 0 only when every captured call was stored.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SURVEY = Path(__file__).with_name("stdlib_survey.py")
SPANHOUSE = [sys.executable, "-m", "spanhouse_backend"]
START_SECONDS = 60


def say(text: str) -> None:
    """One line of the story, in bold on a terminal."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """A server over `folder`, and the addresses it bound. Raises SystemExit when it does not come up."""
    ready_file = folder / "ready.json"
    addresses = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--clickhouse-http", "off"]
    command = [*SPANHOUSE, "serve", "--data", str(folder / "data"), "--spool", "off", *addresses]
    # Its log would stand between the lines of the story.
    command += ["--ready-file", str(ready_file), "--log-level", "warning"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while not ready_file.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise SystemExit("the server did not start")
        time.sleep(0.05)
    return server, json.loads(ready_file.read_text(encoding="utf-8"))


def top(address: str, *arguments: str) -> list[dict[str, object]]:
    """The rows of `spanhouse top`, as data."""
    command = [*SPANHOUSE, "top", "--server", address, "--format", "json", *arguments]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return list(answer["rows"])


def show(address: str, report: dict[str, int]) -> int:
    """Prints what the backend has; the exit code."""
    say("Which functions are slow, how often? (spanhouse top)")
    subprocess.run([*SPANHOUSE, "top", "--server", address], check=True)

    rows = top(address, "--limit", "10000")
    stored = sum(int(str(row["calls"])) for row in rows)
    errors = sum(int(str(row["errors"])) for row in rows)
    slowest = max(rows, key=lambda row: int(str(row["max_ns"])))
    say(f"The slowest call of all, {slowest['name']}, in its trace (spanhouse trace {slowest['slowest_trace_id']})")
    subprocess.run([*SPANHOUSE, "trace", str(slowest["slowest_trace_id"]), "--server", address], check=True)

    same = report["calls"] == stored
    say(f"captured {report['calls']:,} {'=' if same else '!='} stored {stored:,} ({errors:,} of them raised)")
    return 0 if same else 1


def main() -> int:
    """Runs the demo; 0 when all that was captured is stored."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="spanhouse-demo-") as name:
        folder = Path(name)
        say("Starting a server (spanhouse serve)")
        server, addresses = start_server(folder)
        try:
            print(f"  OTLP over gRPC on {addresses['grpc']}, REST on http://{addresses['http']}")
            say(f"Timing the standard library of Python {sys.version.split()[0]} ({SURVEY.name})")
            report = folder / "report.json"
            environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{addresses['grpc']}"}
            subprocess.run([sys.executable, str(SURVEY), "--report", str(report)], env=environment, check=True)
            code = show(addresses["grpc"], json.loads(report.read_text(encoding="utf-8")))
        finally:
            server.terminate()
            stopped = server.wait(START_SECONDS)
    print(f"Server stopped with exit code {stopped}; {time.perf_counter() - begun:.0f} s in all.")
    return code or stopped


if __name__ == "__main__":
    raise SystemExit(main())
