"""A file system of a few MiB for tests that fill it: a tmpfs where this user may mount one, else an ext4 in a file."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1024 * 1024


class CannotMount(Exception):
    """Why there is no small disk here: what each way of making one answered."""


@contextmanager
def small_disk(directory: Path, size_mib: int) -> Iterator[Path]:
    """Mounts one at `directory` until the block ends. Raises CannotMount."""
    directory.mkdir()
    image = directory.with_name(directory.name + ".image")
    ways = (
        [["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(directory)]],
        [
            ["truncate", "-s", f"{size_mib}M", str(image)],
            ["mkfs.ext4", "-q", str(image)],
            ["mount", "-o", "loop", str(image), str(directory)],
        ],
    )
    answers = []
    for commands in ways:
        answer = _run(commands)
        if not answer:
            break
        answers.append(answer)
    else:
        raise CannotMount("; ".join(answers))
    try:
        yield directory
    finally:
        # Lazily: whatever still holds a file there is somebody else's failure to report.
        subprocess.run(["umount", "-l", str(directory)], check=True)


def _run(commands: list[list[str]]) -> str:
    """What went wrong, '' when nothing did."""
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        if done.returncode:
            return done.stderr.strip()
    return ""


def fill(path: Path, leave_bytes: int) -> None:
    """Takes the space that is left, but for `leave_bytes`: 0 leaves not one block."""
    with path.open("ab", buffering=0) as file:
        for piece in (MIB, 4096, 1):
            try:
                while shutil.disk_usage(path.parent).free >= max(leave_bytes, 1):
                    file.write(bytes(piece))
            except OSError:
                continue
