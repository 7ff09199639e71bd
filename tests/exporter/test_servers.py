"""Real application servers and workers whose processes come and go: spans stored = spans made.

Every call that the application makes leaves a byte in a file, so what was made is known whatever died when.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import receiving, spans_in
from spool_files import spooled_requests

from spanhouse_exporter import request_bytes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

APP = """
import os
import spanhouse
from spanhouse_exporter import delivery

delivery._LAST_ATTEMPT_SECONDS = 20.0  # what an end delivers is asked here, also where an answer takes its time

def mark(name):
    descriptor = os.open(os.path.join(os.environ["MARKS"], name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b".")
    os.close(descriptor)

@spanhouse.capture
def at_import():
    mark("at_import")

@spanhouse.capture
def handled():
    mark("handled")

at_import()  # with a preloading server: in the parent, whose exporting thread is then running when it forks
"""
WSGI = """
from marked import handled

def app(environ, start_response):
    handled()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
ASGI = """
import spanhouse
from marked import handled

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            if event == "lifespan.shutdown":
                spanhouse.flush()  # uvicorn ends its workers by the signal itself: nothing else runs
            await send({"type": event + ".complete"})
            if event == "lifespan.shutdown":
                return
    handled()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
TASKS = """
from celery import Celery
from marked import handled

app = Celery(broker="filesystem://", broker_transport_options={
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"})
app.conf.task_ignore_result = True

@app.task
def task():
    handled()
"""


@pytest.fixture
def folder(tmp_path):
    for name, text in (("marked", APP), ("web", WSGI), ("aweb", ASGI), ("jobs", TASKS)):
        (tmp_path / f"{name}.py").write_text(text)
    for name in ("marks", "queue", "control"):
        (tmp_path / name).mkdir()
    return tmp_path


def start(folder: Path, endpoint: str, *arguments: str) -> subprocess.Popen[bytes]:
    environ = {
        "MARKS": str(folder / "marks"),
        "SPANHOUSE_SPOOL": str(folder / "spool"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "PYTHONPATH": str(folder),
        "HOME": str(folder),  # gunicorn makes a folder there
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=clean_environment(**environ),
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()


def made(folder: Path, name: str) -> int:
    path = folder / "marks" / name
    return path.stat().st_size if path.exists() else 0


def wait_until(condition, folder: Path) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, (folder / "log").read_text()
        time.sleep(0.05)


def answered(path: Path) -> bool:
    """One request over a server's socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
        except OSError:  # not up yet, or a worker that is just being replaced
            return False


def ask(folder: Path, requests: int) -> int:
    """So many requests, eight at a time, once the server is up; how many were answered."""
    path = folder / "socket"
    wait_until(lambda: path.exists() and answered(path), folder)
    with ThreadPoolExecutor(8) as threads:
        return sum(threads.map(lambda _number: answered(path), range(requests - 1))) + 1


def settled(folder: Path, receiver) -> None:
    """Everything made has been delivered, once, or is safe in the spool."""
    total = made(folder, "handled") + made(folder, "at_import")
    spooled = spooled_requests(folder / "spool")
    # A request whose answer a fork or the end has cut off is sent again, the same bytes: receivers store those once.
    found = spans_in({*receiver.raw, *spooled})
    assert len(found) == total, (folder / "log").read_text()
    assert len({span.span_id for span in found}) == total
    assert sum(map(request_bytes.count_items, spooled)) <= total // 10
    assert "Traceback" not in (folder / "log").read_text()


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_gunicorn(folder, kind, preload):
    """Workers that are replaced after a number of requests, and a stop in the end."""
    arguments = ["gunicorn", "web:app", "--bind", "unix:socket", "--workers", "2", "--worker-class", kind]
    arguments += ["--threads", "2"] if kind == "gthread" else []
    arguments += ["--max-requests", "40", *preload]
    with receiving() as receiver:
        process = start(folder, receiver.endpoint, *arguments)
        try:
            assert ask(folder, 200) > 150
        finally:
            stop(process)
        assert made(folder, "handled") > 150
        settled(folder, receiver)


def test_uvicorn_workers(folder):
    """Workers end by the signal that stopped them, so an application flushes in its lifespan."""
    with receiving() as receiver:
        process = start(folder, receiver.endpoint, "uvicorn", "aweb:app", "--uds", "socket", "--workers", "2")
        try:
            assert ask(folder, 200) == 200
        finally:
            stop(process)
        assert made(folder, "handled") == 200
        settled(folder, receiver)


def test_celery_prefork(folder):
    """Prefork workers that are replaced after some tasks, and a warm shutdown in the end."""
    arguments = ["celery", "-A", "jobs", "worker", "--pool", "prefork", "--concurrency", "2"]
    arguments += ["--max-tasks-per-child", "15", "--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
    with receiving() as receiver:
        send = "import jobs\nfor _ in range(60):\n    jobs.task.delay()\n"
        subprocess.run(
            [sys.executable, "-c", send],
            cwd=folder,
            env=clean_environment(MARKS=str(folder / "marks"), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint),
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        process = start(folder, receiver.endpoint, *arguments)
        try:
            wait_until(lambda: made(folder, "handled") == 60, folder)
        finally:
            stop(process)
        settled(folder, receiver)
