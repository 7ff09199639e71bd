import fcntl
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import receiving
from otlp_requests import request

from spanhouse_exporter.spool import Spool

sys.path.insert(0, str(Path(__file__).parent))
from pipelines import ids, pipeline_to, span

NOWHERE = "http://127.0.0.1:9"


def some(service: str, count: int = 1) -> bytes:
    return request(service, [1000] * count, start_ns=1_700_000_000_000_000_000).SerializeToString()


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_file())


def test_a_file_is_one_request_for_its_owner_alone(tmp_path):
    """The contract: the bytes and nothing else, named by age, writer and order, readable by nobody else."""
    directory = tmp_path / "a" / "spool"
    spool = Spool(directory, 1 << 20)
    for service in ("first", "second"):
        assert spool.keep(some(service)).ok
    first, second = files(directory)
    for name in (first, second):
        stamp, pid, _sequence = name.removesuffix(".otlp").split("-")
        assert (len(stamp), int(pid)) == (20, os.getpid())
        assert abs(int(stamp) / 1e9 - time.time()) < 60
    assert (directory / first).read_bytes() == some("first")
    made = (directory.parent, directory, directory / first)
    assert [oct(path.stat().st_mode & 0o777) for path in made] == ["0o700", "0o700", "0o600"]
    assert [entry.request for entry in spool.entries()] == [some("first"), some("second")]


def test_the_oldest_make_room_and_their_spans_are_counted(tmp_path):
    """Bounded by bytes: what is dropped is what has waited longest, but not what somebody is sending."""
    spool = Spool(tmp_path, 10 * 4096)
    for number in range(10):
        assert spool.keep(some(f"s{number}", 3)) == (True, 0)
    with (tmp_path / files(tmp_path)[0]).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert spool.keep(some("s10")).pushed_out == 3
        left = [entry.request for entry in spool.entries()]
    assert some("s1", 3) not in left
    assert spool.keep(b"x" * 50_000) == (False, 0)
    assert len(files(tmp_path)) == 10


def test_what_is_no_request_is_set_aside(tmp_path):
    """Half a file, or another kind of file, does not hold up the others, and is not destroyed."""
    (tmp_path / f"{1:020}-1-0.otlp").write_bytes(some("x")[:-3])
    (tmp_path / f"{2:020}-1-0.otlp").write_bytes(b"hello, world")
    (tmp_path / f"{3:020}-1-0.otlp").write_bytes(some("good"))
    (tmp_path / ".half.otlp.tmp").write_bytes(b"")
    (tmp_path / ".old.otlp.tmp").write_bytes(b"")
    os.utime(tmp_path / ".old.otlp.tmp", (1, 1))
    (entry,) = Spool(tmp_path, 1 << 20).entries()
    assert entry.request == some("good")
    entry.remove()
    assert files(tmp_path) == [".half.otlp.tmp"]
    assert len(files(tmp_path / "corrupt")) == 2


@pytest.mark.parametrize(("max_bytes", "left"), [(1 << 30, 100), (1 << 20, 64)])
def test_what_is_set_aside_is_bounded(tmp_path, caplog, max_bytes, left):
    """By files, and by a quarter of the spool's bytes: the oldest are dropped, and their spans counted."""
    spool = Spool(tmp_path, max_bytes)
    for number in range(105):
        assert spool.keep(some(f"s{number}", 3)).ok
    names = files(tmp_path)
    for entry in spool.entries():
        entry.set_aside()
    assert files(tmp_path / "corrupt") == names[-left:]
    assert spool.pushed_out_aside == 3 * (105 - left)
    assert len(caplog.records) == 1
    (tmp_path / "corrupt" / names[-1]).write_bytes(b"what is not a request counts as one span")
    assert Spool(tmp_path, 0).make_room_aside() is None
    assert files(tmp_path / "corrupt") == []


def test_what_is_pushed_out_of_what_is_set_aside_is_counted(tmp_path):
    """As spans that left the spool for newer ones, in the status of the exporter that did it."""
    spool = Spool(tmp_path, 1 << 20)
    for number in range(3):
        spool.keep(some(f"refused{number}", 2))

    def respond(raw, context):
        if b"refused" in raw:
            import grpc  # noqa: PLC0415

            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
        return b""

    room_for_one = {"spool_directory": tmp_path, "spool_max_bytes": 4 * 4096}
    with receiving(respond) as receiver, pipeline_to(receiver.endpoint, **room_for_one) as (pipeline, intake):
        intake.put(span(1))
        give_up = time.monotonic() + 20
        # What is pushed out is counted after the last one was set aside.
        while files(tmp_path) or pipeline.status().failed < 4:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        assert pipeline.flush(20)
    assert dict(pipeline.status().dropped) == {"spool_full": 4}
    assert len(files(tmp_path / "corrupt")) == 1


def drain(directory: str, out) -> None:
    """A process that takes whatever it can get."""
    spool = Spool(Path(directory), 1 << 30)
    while True:
        found = list(spool.entries())
        for entry in found:
            out.put(entry.request)
            entry.remove()
        if not found:
            break


def test_each_file_is_delivered_once_by_any_number_of_processes(tmp_path):
    """Four processes and four threads take 400 files: each comes out once."""
    spool = Spool(tmp_path, 1 << 30)
    for number in range(400):
        assert spool.keep(some(f"s{number}")).ok
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    processes = [context.Process(target=drain, args=(str(tmp_path), out)) for _ in range(4)]
    threads = [threading.Thread(target=drain, args=(str(tmp_path), out)) for _ in range(4)]
    for each in [*processes, *threads]:
        each.start()
    found = [out.get(timeout=60) for _ in range(400)]
    for each in [*processes, *threads]:
        each.join()
    assert sorted(found) == sorted(some(f"s{number}") for number in range(400))
    assert out.empty()
    assert files(tmp_path) == []


def test_a_crash_frees_what_was_held(tmp_path):
    """`kill -9` in the middle of a delivery, with a forked child that lives on: the next one takes the file."""
    spool = Spool(tmp_path, 1 << 20)
    spool.keep(some("s"))
    script = """
import os, pathlib, sys, time
from spanhouse_exporter.spool import Spool
spool = Spool(pathlib.Path(sys.argv[1]), 1 << 20)
entry = next(spool.entries())
if os.fork() == 0:
    spool.after_fork()
    print("held", flush=True)
    time.sleep(60)
time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert list(spool.entries()) == []
        holder.kill()
        holder.wait()
        assert [entry.request for entry in spool.entries()] == [some("s")]
        os.killpg(holder.pid, 9)


def test_requests_go_to_the_spool_when_nobody_answers_and_return(tmp_path, caplog, port, attempts):
    """Once away, nothing waits for the receiver; when it answers, everything arrives, each span once."""
    settings = {"spool_directory": tmp_path, "timeout_seconds": 3.0, "schedule_delay_seconds": 0.05}
    with pipeline_to(f"http://127.0.0.1:{port}", **settings) as (pipeline, intake):
        intake.put(span(1))
        assert pipeline.flush(PATIENCE_SECONDS)
        for number in range(2, 12):
            intake.put(span(number))
            assert pipeline.flush(PATIENCE_SECONDS)
        assert len({request for request, _deadline in attempts}) == 1  # the first, which is also the probe
        status = pipeline.status()
        assert (status.spooled, status.exported, status.failed) == (11, 0, 0)
        assert len(files(tmp_path)) == 11
        with receiving(port=port) as again:
            again.wait_for(11, PATIENCE_SECONDS)
            intake.put(span(12))
            assert pipeline.flush(PATIENCE_SECONDS)
            again.wait_for(12)
            assert ids(again) == list(range(1, 13))
        status = pipeline.status()
        assert (status.exported, status.replayed, status.queued) == (1, 11, 0)
    assert files(tmp_path) == []
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_what_others_left_is_delivered_behind_what_is_new(tmp_path):
    """The first answer is the sign to look; a file that the receiver refuses for good is set aside."""
    spool = Spool(tmp_path, 1 << 20)
    spool.keep(some("refused"))
    spool.keep(some("left"))

    def respond(raw, context):
        if b"refused" in raw:
            import grpc  # noqa: PLC0415

            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
        return b""

    with receiving(respond) as receiver, pipeline_to(receiver.endpoint, spool_directory=tmp_path) as (pipeline, intake):
        intake.put(span(1))
        receiver.wait_for(2)
        assert receiver.raw[1] == some("left")
        give_up = time.monotonic() + 10
        while pipeline.status().replayed != 1:
            assert time.monotonic() < give_up
            time.sleep(0.01)
    assert files(tmp_path) == []
    assert len(files(tmp_path / "corrupt")) == 1


def test_a_receiver_that_wants_credentials_leaves_the_spool_alone(tmp_path):
    """What is refused for a reason that may pass stays where it is."""
    import grpc  # noqa: PLC0415

    Spool(tmp_path, 1 << 20).keep(some("left"))

    def respond(raw, context):
        if b"left" in raw:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
        return b""

    with receiving(respond) as receiver, pipeline_to(receiver.endpoint, spool_directory=tmp_path) as (pipeline, intake):
        intake.put(span(1))
        assert pipeline.flush(20)
        time.sleep(0.2)
    assert len(files(tmp_path)) == 1


def test_an_unwritable_spool_costs_one_warning(tmp_path, caplog):
    """A file in the place of the directory: one warning, spans dropped and counted, the program runs on."""
    (tmp_path / "spool").write_text("")
    unwritable(tmp_path / "spool")
    assert len(caplog.records) == 1
    assert "spool" in caplog.text


def unwritable(directory: Path) -> None:
    settings = {"spool_directory": directory, "timeout_seconds": 0.1}
    with pipeline_to(NOWHERE, **settings) as (pipeline, intake):
        for number in range(3):
            intake.put(span(number + 1))
            assert pipeline.flush(20)
        assert dict(pipeline.status().dropped) == {"spool_failed": 3}


SCRIPT = """
import logging, sys, time
import spanhouse
logging.basicConfig(level=logging.WARNING)

@spanhouse.capture
def work():
    pass

for _ in range(2048):
    work()
time.sleep(float(sys.argv[1]))
print(time.time(), flush=True)
"""


@pytest.fixture(params=["refused", "unanswered"])
def dead_endpoint(request):
    """A port where nobody listens, or where somebody does and never says a word."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if request.param == "unanswered":
            silent.listen()
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@pytest.mark.parametrize("pause", ["0", "0.7"])
def test_a_script_without_a_server_leaves_its_spans_in_the_spool(tmp_path, dead_endpoint, pause):
    """Every span is kept, nothing is said, and the process ends in good time."""
    # Far longer than what is asserted: an end that waited for an answer would take as long as it may.
    waits = dict.fromkeys(("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT", "SPANHOUSE_EXIT_TIMEOUT"), "60000")
    environ = {"SPANHOUSE_SPOOL": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint, **waits}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, pause],
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        check=True,
        timeout=2 * PATIENCE_SECONDS,
    )
    assert time.time() - float(done.stdout) < 20  # generous: the budget is held by a benchmark
    assert done.stderr == ""
    assert sum(entry.item_count for entry in Spool(tmp_path, 1 << 30).entries()) == 2048
