"""Commands on a real terminal (a pty), as a person sees them."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import Self

from harness import PATIENCE_SECONDS, clean_environment

COMMAND = [sys.executable, "-m", "spanhouse_backend"]
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _can_be_interrupted() -> None:
    """What a shell runs in the background ignores interrupts, and so do its children: these tests may be among them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class OnTerminal:
    """`with OnTerminal(["top", "--live"]) as terminal:` runs the command until it ends or the block does."""

    def __init__(self, arguments, columns: int = 80, **environment: str) -> None:
        self._arguments = arguments
        self._environment = clean_environment(**{"COLUMNS": str(columns), "TERM": "xterm-256color"} | environment)
        self.written = b""

    def __enter__(self) -> Self:
        self._leader, follower = pty.openpty()
        command = [*COMMAND, *self._arguments]
        self.process = subprocess.Popen(
            command,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=self._environment,
            start_new_session=True,
            preexec_fn=_can_be_interrupted,  # noqa: PLW1509 - it takes no lock
        )
        os.close(follower)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._leader)

    def wait_for(self, condition) -> str:
        """What is written until `condition` holds of it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text
            self._read()
        return self.text

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def end(self) -> str:
        """Everything that is written until the command has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read():
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
        self.process.wait(PATIENCE_SECONDS)
        return self.text

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    def _read(self) -> bool:
        if not select.select([self._leader], [], [], 1.0)[0]:
            return self.process.poll() is None
        try:
            part = os.read(self._leader, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return False
        self.written += part
        return bool(part)


def on_a_terminal(arguments, columns: int = 80, **environment: str) -> str:
    """What a command that succeeds writes to a terminal of this width."""
    with OnTerminal(arguments, columns, **environment) as terminal:
        written = terminal.end()
    assert terminal.process.returncode == 0, written
    return written


def plain(text: str) -> str:
    """What is written without the colours."""
    return _ESCAPE.sub("", text).replace("\r\n", "\n")
