"""Without a server: what clients left in the spool is taken in by whoever asks, or by the next server."""

import json
import subprocess
import sys
import time

import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, spool_of
from otlp_requests import request


def start_top(directory, spool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "spanhouse_backend", "top", "--data", str(directory), "--format", "json"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(SPANHOUSE_SPOOL=str(spool)),
    )


def top(directory, spool) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of `spanhouse top` on a directory."""
    process = start_top(directory, spool)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, out, err


def calls(out: str) -> dict[str, int]:
    return {row["service"]: row["calls"] for row in json.loads(out)["rows"]}


def leave(spool, service, count, number) -> None:
    """What a client leaves behind, renamed into place when whole."""
    spool.mkdir(exist_ok=True)
    unfinished = spool / f".{number:020}-1-0.otlp.tmp"
    unfinished.write_bytes(request(service, [1000] * count).SerializeToString())
    unfinished.rename(spool / f"{number:020}-1-0.otlp")


def test_top_takes_the_spool_in_and_answers(tmp_path):
    spool, directory = tmp_path / "spool", tmp_path / "data"
    leave(spool, "first", 3, 1)
    leave(spool, "second", 4, 2)
    code, out, err = top(directory, spool)
    assert code == 0, err
    assert calls(out) == {"first": 3, "second": 4}
    assert f"reading {directory}" in err
    assert list(spool.iterdir()) == []
    assert calls(top(directory, spool)[1]) == {"first": 3, "second": 4}  # kept, and not counted again


def test_with_nothing_anywhere_top_says_what_to_do(tmp_path):
    code, out, err = top(tmp_path / "data", tmp_path / "spool")
    assert (code, out) == (1, "")
    assert "spanhouse serve" in err
    assert list(tmp_path.iterdir()) == []  # asking has made nothing


def test_several_at_once_wait_for_each_other(tmp_path):
    leave(tmp_path / "spool", "shared", 5, 1)
    processes = [start_top(tmp_path / "data", tmp_path / "spool") for _ in range(3)]
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, err
        assert calls(out) == {"shared": 5}


def test_a_directory_in_use_is_asked_through_its_server(server):
    server.export(request("running", [1, 2]).SerializeToString())
    code, out, err = top(server.directory, "off")
    assert code == 0, err
    assert calls(out) == {"running": 2}


def test_a_server_takes_the_spool_in_at_its_start_and_while_it_runs(tmp_path):
    directory = tmp_path / "data"
    leave(spool_of(directory), "before", 2, 1)
    with ServerProcess(directory) as server:
        wanted = {"before": 2}
        for number, name in enumerate(("during", "later"), 2):
            leave(spool_of(directory), name, 3, number)
            wanted[name] = 3
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (found := calls(server.get("/api/v1/functions").text)) != wanted:
                assert time.monotonic() < deadline, found
                time.sleep(0.05)
        assert server.stop() == 0
    assert list(spool_of(directory).iterdir()) == []


def test_a_broken_file_does_not_keep_the_others_out(tmp_path):
    spool = tmp_path / "spool"
    leave(spool, "good", 2, 2)
    (spool / f"{1:020}-1-0.otlp").write_bytes(b"\x0a\x7fbroken")
    code, out, err = top(tmp_path / "data", spool)
    assert code == 0, err
    assert calls(out) == {"good": 2}
    assert [path.name for path in (spool / "corrupt").iterdir()] == [f"{1:020}-1-0.otlp"]


@pytest.mark.parametrize("arguments", [["--server", "nonsense"], ["--server", "127.0.0.1:1", "--data", "x"]])
def test_contradictions_are_usage_errors(arguments):
    command = [sys.executable, "-m", "spanhouse_backend", "top", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 2
    assert "--server" in done.stderr
