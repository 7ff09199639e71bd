"""`spanhouse backup` and `restore` with a real server: whole, at one moment, under load; and archives that are not."""

import hashlib
import io
import json
import random
import re
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import grpc
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, read_back
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_requests import request
from token_files import bearer, tokens_of_each_role

from spanhouse_proto.admin_pb2 import BackupRequest
from spanhouse_proto.admin_pb2_grpc import AdminStub

SPANS = 100
COUNTS = (
    "SELECT count() FROM otel_traces",
    "SELECT sum(Calls) FROM span_durations_1m",
    "SELECT sum(Calls) FROM span_durations_1h",
    f"SELECT count() * {SPANS} FROM spanhouse_batches",
)

TABLES = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree')"


def spanhouse(*arguments, stdin=None):
    command = [sys.executable, "-m", "spanhouse_backend", *map(str, arguments)]
    return subprocess.run(
        command, stdin=stdin, capture_output=True, env=clean_environment(), timeout=2 * PATIENCE_SECONDS, check=False
    )


def ran(*arguments, stdin=None):
    done = spanhouse(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done


def refused(*arguments, stdin=None) -> str:
    done = spanhouse(*arguments, stdin=stdin)
    assert done.returncode == 1, done.stderr.decode()
    return done.stderr.decode()


def bodies(service: str, count: int) -> list[bytes]:
    return [request(service, [1000] * SPANS, seed=number).SerializeToString() for number in range(count)]


def large_bodies() -> list[bytes]:
    """A backup of them is more than all buffers between the server and a client that does not read."""
    chance = random.Random(1)
    noise = [AnyValue(string_value=chance.randbytes(1_000_000).hex()) for _ in range(12)]
    messages = [request("large", [1000], seed=n, attributes={"noise": value}) for n, value in enumerate(noise)]
    return [message.SerializeToString() for message in messages]


@pytest.fixture(scope="module")
def archived(tmp_path_factory) -> Path:
    """An archive of three requests' spans."""
    folder = tmp_path_factory.mktemp("archived")
    with ServerProcess(folder / "data") as server:
        assert set(server.export(*bodies("kept", 3))) == {grpc.StatusCode.OK}
        ran("backup", folder / "three.tar", "--server", server.grpc)
        server.stop()
    return folder / "three.tar"


def members(archive: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(archive) as opened:
        return [(member.name, opened.extractfile(member).read()) for member in opened]


def packed(path: Path, files: list[tuple[str, bytes]], *, sums: bool = True) -> Path:
    """An archive of these files, its checksums right whatever they are."""
    if sums:
        files = [(name, content) for name, content in files if name != "SHA256SUMS"]
        listed = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files)
        files.append(("SHA256SUMS", listed.encode()))
    with tarfile.open(path, "w") as made:
        for name, content in files:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            made.addfile(header, io.BytesIO(content))
    return path


def test_a_backup_under_load_is_whole_and_of_one_moment(tmp_path):
    """Each request is in all tables of it or in none, and what was acknowledged before it began is there."""
    before, during = bodies("before", 5), bodies("during", 200)
    with ServerProcess(tmp_path / "data") as server:
        assert set(server.export(*before)) == {grpc.StatusCode.OK}
        stop = threading.Event()

        def load():
            for body in during:
                if stop.is_set():
                    return
                assert server.export(body) == [grpc.StatusCode.OK]

        sender = threading.Thread(target=load)
        sender.start()
        try:
            done = ran("backup", tmp_path / "b.tar", "--server", server.grpc)
        finally:
            stop.set()
            sender.join()
        assert b"Wrote" in done.stderr
        assert not (tmp_path / "data" / "engine" / "shadow" / "spanhouse").exists()
        server.stop()

    ran("restore", tmp_path / "b.tar", "--data", tmp_path / "again")
    counts = [rows[0][0] for rows in read_back(tmp_path / "again", *COUNTS)]
    assert len(set(counts)) == 1, counts
    assert counts[0] >= len(before) * SPANS
    with ServerProcess(tmp_path / "again") as server:
        # A request that is in it is known, and stored no second time; new ones are stored.
        assert set(server.export(*before, *bodies("after", 1))) == {grpc.StatusCode.OK}
        calls = {row["service"]: row["calls"] for row in server.get("/api/v1/functions").json()["rows"]}
        assert calls["before"] == len(before) * SPANS
        assert calls["after"] == SPANS
        server.stop()


def test_a_directory_without_a_server_is_backed_up_through_pipes(archived, tmp_path):
    """`backup - --data` and `restore -` need neither a server nor a file that can be sought in."""
    with archived.open("rb") as first:
        done = ran("restore", "-", "--data", tmp_path / "one", stdin=first)
    restored = re.fullmatch(r"Restored 300 spans and (\d+) other tables to (.+)\.\n", done.stderr.decode())
    assert restored
    assert restored[2] == str(tmp_path / "one")
    ((tables,),) = read_back(tmp_path / "one", TABLES)[0]
    assert int(restored[1]) == tables - 1
    copy = tmp_path / "copy.tar"
    copy.write_bytes(ran("backup", "-", "--data", tmp_path / "one").stdout)
    ran("restore", copy, "--data", tmp_path / "two")
    assert read_back(tmp_path / "two", *COUNTS) == [[[300]]] * 4


def test_rest_gives_the_same_archive_to_an_administrator_only(tmp_path):
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        url = f"http://{server.http}/api/v1/admin/backup"
        assert httpx.get(url, headers=bearer(tokens["read"]), timeout=PATIENCE_SECONDS).status_code == 403
        answer = httpx.get(url, headers=bearer(tokens["admin"]), timeout=PATIENCE_SECONDS)
        assert answer.headers["content-type"] == "application/x-tar"
        assert answer.headers["content-disposition"].startswith('attachment; filename="spanhouse-')
        (tmp_path / "b.tar").write_bytes(answer.content)
        server.stop()
    names = [name for name, _ in members(tmp_path / "b.tar")]
    assert (names[0], names[-1]) == ("spanhouse-backup.json", "SHA256SUMS")
    ran("restore", tmp_path / "b.tar", "--data", tmp_path / "again")


def test_one_backup_at_a_time_and_one_that_is_given_up_leaves_nothing(tmp_path):
    """The second is refused while the first is read; when the first goes away its links go, and the next is made."""
    shadow = tmp_path / "data" / "engine" / "shadow" / "spanhouse"
    with ServerProcess(tmp_path / "data") as server, grpc.insecure_channel(server.grpc) as channel:
        assert set(server.export(*large_bodies())) == {grpc.StatusCode.OK}
        admin = AdminStub(channel)
        first = admin.Backup(BackupRequest(), timeout=PATIENCE_SECONDS)
        next(first)
        assert shadow.exists()
        second = admin.Backup(BackupRequest(), timeout=PATIENCE_SECONDS)
        with pytest.raises(grpc.RpcError) as error:
            next(second)
        assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert httpx.get(f"http://{server.http}/api/v1/admin/backup", timeout=PATIENCE_SECONDS).status_code == 409
        assert "another backup is being made" in refused("backup", tmp_path / "no.tar", "--server", server.grpc)
        assert not list(tmp_path.glob("no.tar*"))
        first.cancel()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while shadow.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        ran("backup", tmp_path / "yes.tar", "--server", server.grpc)
        server.stop()


def test_a_process_that_was_killed_while_it_made_one_leaves_no_links_for_long(tmp_path):
    """What it had linked would keep the space of spans that retention has removed: the next start takes it away."""
    shadow = tmp_path / "data" / "engine" / "shadow" / "spanhouse"
    with ServerProcess(tmp_path / "data") as server, grpc.insecure_channel(server.grpc) as channel:
        assert set(server.export(*large_bodies())) == {grpc.StatusCode.OK}
        call = AdminStub(channel).Backup(BackupRequest(), timeout=PATIENCE_SECONDS)
        next(call)
        assert shadow.exists()
        server.process.kill()
        server.process.wait()
    assert shadow.exists()
    with ServerProcess(tmp_path / "data") as server:
        assert not shadow.exists()
        server.stop()


def test_files_and_directories_that_are_there_are_left_alone(archived, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    assert "is there already" in refused("restore", archived, "--data", taken)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    done = spanhouse("backup", taken / "mine", "--data", tmp_path / "none")
    assert done.returncode == 2
    assert b"is there already" in done.stderr
    assert (taken / "mine").read_text() == "mine"


def flipped(files):
    """One bit of a file of a part, its checksum as it was."""
    index = next(n for n, (name, _) in enumerate(files) if name.endswith("data.bin") and "otel_traces/" in name)
    name, content = files[index]
    files[index] = (name, bytes([content[0] ^ 1]) + content[1:])
    return files


def without_a_part(files):
    return [(name, content) for name, content in files if "span_stats_1h/" not in name]


def with_manifest(change):
    def changed(files):
        manifest = json.loads(files[0][1])
        change(manifest)
        return [(files[0][0], json.dumps(manifest).encode()), *files[1:]]

    return changed


def with_statement(sql):
    def change(manifest):
        manifest["tables"] = [{"name": "evil", "create": sql, "rows": 0, "parts": 0}]

    return with_manifest(change)


@pytest.mark.parametrize(
    ("change", "sums", "problem"),
    [
        (flipped, False, "the archive is damaged: tables/otel_traces/"),
        (without_a_part, False, "the archive is damaged: tables/span_stats_1h/"),
        (without_a_part, True, "span_stats_1h has 0 rows after the restore"),
        (lambda files: files[:-1], False, "the archive ends too early"),
        (
            lambda files: [*files[:3], ("tables/otel_traces/../../escaped", b"x"), *files[3:]],
            True,
            "which no backup has",
        ),
        (lambda files: [*files[:3], ("/tmp/escaped", b"x"), *files[3:]], True, "which no backup has"),
        (lambda files: files[1:], True, "this is no archive of `spanhouse backup`"),
        (with_manifest(lambda manifest: manifest.update(format=2)), True, "which is newer"),
        (with_manifest(lambda manifest: manifest.update(schema_version=99)), True, "which is newer"),
        (with_statement("DROP TABLE default.evil"), True, "by a statement that no backup has"),
        (
            with_statement("CREATE TABLE default.evil (`a` UInt8) ENGINE = URL('http://127.0.0.1:1/', CSV)"),
            True,
            "by a",
        ),
        (
            with_statement("CREATE TABLE default.evil (`a` UInt8 COMMENT ') ENGINE = MergeTree x') ENGINE = Memory"),
            True,
            "a table of another kind",
        ),
        (
            with_statement("CREATE TABLE default.evil (`a` UInt8) ENGINE = MergeTree ORDER BY a AS SELECT 1 AS a"),
            True,
            "by a query",
        ),
    ],
    ids=range(13),
)
def test_an_archive_that_is_not_whole_and_ours_restores_nothing(archived, tmp_path, change, sums, problem):
    """The error says what is wrong with it, and no directory is there that somebody might start a server on."""
    hostile = packed(tmp_path / "hostile.tar", change(members(archived)), sums=sums)
    assert problem in refused("restore", hostile, "--data", tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.tar"]


@pytest.mark.parametrize("keep", [0, 100, 20_000, 0.5, 0.99])
def test_an_archive_that_was_cut_off_restores_nothing(archived, tmp_path, keep):
    whole = archived.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole[: int(len(whole) * keep) if isinstance(keep, float) else keep])
    message = refused("restore", cut, "--data", tmp_path / "again")
    assert "not a whole archive" in message or "ends too early" in message
    assert [path.name for path in tmp_path.iterdir()] == ["cut.tar"]
