"""The file of tokens: read by the server, written by `spanhouse token`.

Whoever can write it lets himself in, so nobody but its owner may. It is replaced as a whole, so that a server
that reads it meanwhile finds the old tokens or the new ones; comments and the order of lines stay.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from spanhouse_backend.access.tokens import Tokens, new_token, parse_tokens
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.roles import Role

# Ten thousand tokens: what is larger is not a file of tokens.
MAX_FILE_BYTES = 2 * 1024 * 1024


def read_tokens(path: Path, option: str) -> Tokens:
    """The tokens in `path`. Raises SettingsError, beginning with `option` and saying what to do, when it has none."""
    return parse_tokens(_read(path, option), f"{option}: {path}")


def add_token(path: Path, option: str, name: str, roles: Iterable[Role], namespace: str = "") -> str:
    """Writes a new token's holder to the end of `path`, made if it is not there; returns the token.

    Raises SettingsError when the name is taken or cannot be one, or the file cannot be used.
    """
    token, holder = new_token(name, roles, namespace)
    with _edited(path, option) as lines:
        lines.append(f"{holder.line()}\n")
    return token


def remove_token(path: Path, option: str, name: str) -> None:
    """Takes the token named `name` out of `path`. Raises SettingsError when it is not there or cannot be."""
    if name not in read_tokens(path, option).holders:
        raise SettingsError(f"{option}: {path} has no token named {name[:100]!r}; `spanhouse token list` shows them")
    with _edited(path, option) as lines:
        lines[:] = [line for line in lines if line.split(maxsplit=1)[:1] != [name]]


def open_to_others(status: os.stat_result) -> bool:
    """Whether others than the owner can read or change a file; root's may be read by a group, as mounted secrets are.

    PostgreSQL's rule for its private key.
    """
    allowed = 0o640 if status.st_uid == 0 else 0o600
    return bool(stat.S_IMODE(status.st_mode) & 0o777 & ~allowed)


def _read(path: Path, option: str) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if open_to_others(status):
                mode = stat.S_IMODE(status.st_mode)
                raise SettingsError(f"{option}: others can read or change {path} (mode {mode:04o}): chmod 600 {path}")
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise SettingsError(
            f"{option}: there is no {path}; `spanhouse token add NAME --role read --file {path}` makes it"
        ) from error
    except OSError as error:
        raise SettingsError(f"{option}: cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"{option}: {path} has more than {MAX_FILE_BYTES} bytes: it is no file of tokens")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{option}: {path} is not UTF-8 text: {error.reason} at byte {error.start}") from error


@contextlib.contextmanager
def _edited(path: Path, option: str) -> Iterator[list[str]]:
    """The file's lines, to be changed in place and written when the block ends.

    An flock on the directory keeps two commands from losing each other's line. Nothing else takes it and nothing
    is awaited under it, so it cannot deadlock, and the kernel drops it with the process.
    """
    path = path.expanduser().resolve()
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SettingsError(f"{option}: cannot use {path.parent}: {error.strerror or error}") from error
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        text = _read(path, option) if path.exists() else ""
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        yield lines
        text = "".join(lines)
        # Also that what is written can be read: a name that is there already is found here.
        parse_tokens(text, f"{option}: {path}")
        _replace(path, text)
        os.fsync(directory)
    except OSError as error:
        raise SettingsError(f"{option}: cannot write {path}: {error.strerror or error}") from error
    finally:
        os.close(directory)


def _replace(path: Path, text: str) -> None:
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            with contextlib.suppress(FileNotFoundError):
                before = path.stat()
                # root may edit the file of the server's user, who must be able to read it still.
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
