"""What is being inserted right now, on disk, so that a group is stored exactly once whenever the process dies.

The engine commits each table of an insert on its own, so a process that is killed may leave a group in some tables
and not in others. The group's bytes are therefore written here first, under a token that the engine remembers
(`insert_deduplication_token`): inserting it again after a restart adds only what is missing. A file is deleted when
its group is in every table.

A process that is killed leaves the engine's memory of tokens whole; a machine that loses power may not. With fsync a
group of an earlier boot is therefore inserted under another token, whole: twice in some table is better than missing.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path

from spanhouse_backend.store.durability import boot_id
from spanhouse_backend.store.landing import LANDINGS, TRACES, Landing
from spanhouse_backend.store.place import Group

IDENTITY_BYTES = 16
"""Length of a request's identity, a hash of its bytes."""
_BODY, _IDENTITIES, _UNFINISHED = ".body", ".identities", ".tmp"


class Journal:
    """A folder of groups whose fate is not settled: as many as inserts run, while all is well. A `GroupJournal`.

    A token is the boot, a number that nothing else has, and the landing table, with dashes between.

    Concurrency: every group has files of its own, named by its token, which only the thread that inserts it touches;
    `leftovers` runs before the first of them. The identities are in place before the body is renamed, so a body that
    is found always has them; a body that was never renamed belongs to a group that was never begun.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._folder = folder
        self._fsync = fsync
        self._boot = boot_id()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, landing: Landing, body: bytes, identities: Sequence[bytes]) -> Group:
        """Puts a group on disk under a new token. Raises OSError when the disk will not have it."""
        token = f"{self._boot}-{uuid.uuid4().hex}-{landing.table}"
        unfinished = self._folder / (token + _UNFINISHED)
        try:
            (self._folder / (token + _IDENTITIES)).write_bytes(b"".join(identities))
            unfinished.write_bytes(body)
            unfinished.rename(self._folder / (token + _BODY))
        except OSError:
            self.remove(token)
            raise
        return Group(token, body, tuple(identities), landing, token)

    def try_writing(self, size: int) -> None:
        """Writes `size` bytes and takes them away again. Raises OSError when the disk will not have them."""
        unfinished = self._folder / (uuid.uuid4().hex + _UNFINISHED)
        try:
            unfinished.write_bytes(bytes(size))
        finally:
            unfinished.unlink(missing_ok=True)

    def remove(self, token: str) -> None:
        """Forgets a group that is settled. The body goes first: what is left without one means nothing."""
        for suffix in (_BODY, _UNFINISHED, _IDENTITIES):
            (self._folder / (token + suffix)).unlink(missing_ok=True)

    def leftovers(self) -> list[str]:
        """Tokens of groups that a process before this one began and did not settle, oldest first.

        Clears away what was never begun, so it is not for while groups are written.
        """
        bodies = sorted(self._folder.glob("*" + _BODY), key=lambda path: path.stat().st_mtime_ns)
        tokens = [path.stem for path in bodies]
        for path in self._folder.iterdir():
            if path.stem not in tokens:
                path.unlink(missing_ok=True)
        return tokens

    def close(self) -> None:
        """Nothing is held open."""

    def look_around(self) -> list[str]:
        """Nothing: no other process has the folder."""
        return []

    def read(self, token: str) -> Group | None:
        """A group that was begun; None when it is settled. Raises OSError when the disk will not give it back."""
        try:
            joined = (self._folder / (token + _IDENTITIES)).read_bytes()
            body = (self._folder / (token + _BODY)).read_bytes()
        except FileNotFoundError:  # the body goes only when the group is stored, before the rest of the files
            return None
        identities = tuple(joined[at : at + IDENTITY_BYTES] for at in range(0, len(joined), IDENTITY_BYTES))
        # Tokens of earlier versions name no table: there was only one.
        landing = LANDINGS.get(token.rpartition("-")[2], TRACES)
        return Group(token, body, identities, landing, self._trusted(token))

    def _trusted(self, token: str) -> str:
        """The same whenever it is asked for during one boot, so that recovery may be cut off, too."""
        return f"{self._boot}-{token.partition('-')[2]}" if self._fsync else token
