"""The data directory and the spool: whose they are, what fits into them, and what waits."""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from rich.filesize import decimal

from spanhouse_backend.cli.doctor.finding import Finding, State
from spanhouse_backend.cli.output import count, duration
from spanhouse_backend.ingest.spool import CORRUPT_FOLDER, SUFFIX, WATCH_SECONDS
from spanhouse_backend.query.times import SECOND_NS

# A disk that has so many times the floor left is worth a word.
_COMFORT = 8
# A server looks every few seconds: what waits longer, waits for something else.
_STALE_SECONDS = 30 * WATCH_SECONDS
# What a mode allows to others than the owner.
_READABLE, _WRITABLE = 0o055, 0o022


def look_at_data(directory: Path, min_free_bytes: int) -> Iterator[Finding]:
    """The directory's permissions, and the room on its disk."""
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if there != directory:
        if os.access(there, os.W_OK | os.X_OK):
            yield Finding("ok", "data", f"{directory} is not there yet, and can be made")
        else:
            yield Finding("wrong", "data", f"{directory} cannot be made: {there} is not yours to write in", _CHOOSE)
    elif not directory.is_dir():
        yield Finding("wrong", "data", f"{directory} is not a directory", _CHOOSE)
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("wrong", "data", f"{directory} is not yours to read and write", _CHOOSE)
    elif open_to := stat.S_IMODE(directory.stat().st_mode) & (_READABLE | _WRITABLE):
        # Who may write there can make the server lose or tell everything; who may read can read spans.
        state: State = "wrong" if open_to & _WRITABLE else "note"
        may = "write" if open_to & _WRITABLE else "read"
        yield Finding(state, "data", f"others may {may} in {directory}", f"keep them out: chmod 700 {directory}")
    else:
        yield Finding("ok", "data", f"{directory} is yours alone")
    yield _disk(there, min_free_bytes)


_CHOOSE = "choose another with --data or SPANHOUSE_DATA, or mend its owner and permissions"


def _disk(there: Path, min_free_bytes: int) -> Finding:
    free = shutil.disk_usage(there).free
    seen = f"{decimal(free)} are free on the disk of {there}"
    if free < min_free_bytes:
        return Finding(
            "wrong",
            "disk",
            f"{seen}: below {decimal(min_free_bytes)} nothing is stored",
            "make room, or keep less: spanhouse retention --set spans=7d",
        )
    if free < _COMFORT * min_free_bytes:
        return Finding("note", "disk", seen, f"nothing is stored below {decimal(min_free_bytes)}: make room soon")
    return Finding("ok", "disk", seen)


def look_at_spool(spool: Path | None, *, server_answers: bool) -> Iterator[Finding]:
    """What clients left there, and whether anybody takes it in."""
    if spool is None:
        yield Finding(
            "note", "spool", "SPANHOUSE_SPOOL=off: what cannot be delivered is dropped", "unset it to keep it"
        )
        return
    try:
        waiting = [path.stat() for path in spool.iterdir() if path.name.endswith(SUFFIX)]
        corrupt = list((spool / CORRUPT_FOLDER).iterdir()) if (spool / CORRUPT_FOLDER).is_dir() else []
    except FileNotFoundError:
        yield Finding("ok", "spool", f"{spool} is not there: nothing waits")
        return
    except OSError as error:
        yield Finding("wrong", "spool", f"cannot read {spool}: {error.strerror}", "mend its owner and permissions")
        return
    if corrupt:
        yield Finding(
            "wrong",
            "spool",
            f"{count(len(corrupt), 'request')} in {spool / CORRUPT_FOLDER} can never be stored",
            "look at what wrote them, then delete them",
        )
    if not waiting:
        yield Finding("ok", "spool", f"nothing waits in {spool}")
        return
    oldest_seconds = max(0.0, time.time() - min(file.st_mtime for file in waiting))
    size = decimal(sum(file.st_size for file in waiting))
    age = duration(oldest_seconds * SECOND_NS)
    seen = f"{count(len(waiting), 'request waits', 'requests wait')} in {spool}: {size}, the oldest for {age}"
    if server_answers and oldest_seconds > _STALE_SECONDS:
        yield Finding("wrong", "spool", seen, "the server takes in another directory: give it this one with --spool")
    else:
        yield Finding("note", "spool", seen, "`spanhouse top` or `spanhouse serve` takes them in")
