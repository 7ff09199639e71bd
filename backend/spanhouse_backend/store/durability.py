"""Making what was written outlast the machine's power, for --fsync.

One syncfs(2) takes the place of the engine's own fsyncs. Those are one for each file and folder of each part in eight
tables, some ninety an insert, and leave out the engine's memory of tokens; syncfs writes everything that the file
system holds back, which includes that memory, at a fifth of the cost.
"""

import ctypes
import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def sync_filesystem(folder: Path) -> None:
    """Returns when everything written to the file system of `folder` is on the disk. Raises OSError when it is not.

    Since Linux 5.8 an error while writing back is told to the next caller (syncfs(2)).
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def boot_id() -> str:
    """Names the time since the machine started: what was not synced before another boot may be lost.

    The same everywhere where the system does not say, as if it never went down.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip().replace("-", "")[:12]
    except OSError:
        return "unknown"
