"""Files that commands read and write; what they write is whole under its name, or not there."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click


def refuse_to_overwrite(file: str, *, force: bool) -> None:
    """Raises click.UsageError when `file` is there and was not meant to be written over."""
    if file != "-" and Path(file).exists() and not force:
        raise click.UsageError(f"{file} is there already: name another, or write over it with --force")


@contextlib.contextmanager
def target(file: str) -> Iterator[BinaryIO]:
    """Where to write: a file that has its name once it is whole, or (-) standard output."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = Path(f"{file}.{os.getpid()}.tmp")
    try:
        with unfinished.open("xb") as opened:
            yield opened
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """A file, or standard input for `-`."""
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as source:
        yield source
