"""One daemon thread that does a round of work when told to or when a delay has passed.

It is started when first needed, and sleeps without a timeout once there has been nothing to do for a while:
an idle program is left alone.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic

from spanhouse_exporter.importing import importing

_logger = logging.getLogger(__name__)

_IDLE_ROUNDS_BEFORE_PARKING = 5


class Worker:
    """Runs `warm_up` once, then `work` again and again.

    Concurrency: `_wakes` and `_due` are cleared before the round that they cause, so a call during a round causes
    another one and none is missed. A signal handler may interrupt the `put` of a SimpleQueue and put as well. Who
    starts the thread claims that first, under `_lock` and without a call, and gives the claim back when interrupted:
    the thread, should it run all the same, finds that it is not the one.
    """

    def __init__(
        self,
        name: str,
        warm_up: Callable[[], None],
        work: Callable[[], bool],
        park: Callable[[], bool],
        delay_seconds: float,
    ) -> None:
        self._name = name
        self._warm_up = warm_up
        self._work = work
        self._park = park
        self._delay_seconds = delay_seconds
        self.after_fork()

    def after_fork(self) -> None:
        """Forgets the thread, which does not exist in this process."""
        self._thread: threading.Thread | None = None
        self._starter: int | None = None  # the thread that is starting it, while that lasts
        self._lock = threading.Lock()
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._due = self._stopping = False
        self.ident: int | None = None
        """The thread's, once it runs."""

    @property
    def running(self) -> bool:
        """Whether there is a thread that will do a round, or another one is starting it.

        Who is interrupted while it starts one, by a signal's handler that asks, is told no: it cannot go on.
        """
        starter = self._starter
        if starter is not None and starter != threading.get_ident():
            return True
        return self._thread is not None and self._thread.is_alive()

    def unpark(self) -> None:
        """Makes sure that a round comes within the delay: starts the thread, or ends its long sleep."""
        if self._thread is None:
            self._start()
        self._wakes.put(None)

    def hurry(self) -> None:
        """Makes sure that a round comes now."""
        # What is due has not begun: its round finds what was put before this call, and somebody sees to it.
        if self._due and self._thread is not None:
            return
        self._due = True
        self.unpark()

    def stop(self, timeout_seconds: float) -> None:
        """Asks the thread to end and waits that long for it."""
        self._stopping = self._due = True
        self._wakes.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_seconds)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        me = threading.get_ident()
        try:
            with self._lock:
                if self._thread is not None or self._stopping:
                    return
                self._starter = me
                self._thread = thread
            thread.start()
        except RuntimeError:
            # The interpreter is ending or allows no daemon threads, or the machine is out of threads: items wait,
            # and are counted.
            self._thread = None
        except BaseException:
            self._thread = None
            raise
        finally:
            if self._starter == me:
                self._starter = None

    def _run(self) -> None:
        idle_rounds = 0
        if self._thread is threading.current_thread():
            self.ident = threading.get_ident()
        try:
            with importing:
                self._warm_up()
        except Exception:
            _logger.exception("spanhouse: the %s thread could not prepare", self._name)
        while not self._stopping and self._thread is threading.current_thread():
            if idle_rounds >= _IDLE_ROUNDS_BEFORE_PARKING and self._park():
                self._wakes.get()
            until = monotonic() + self._delay_seconds
            while not self._due and (remaining := until - monotonic()) > 0:
                with suppress(Empty):
                    self._wakes.get(timeout=remaining)
            with suppress(Empty):
                while True:
                    self._wakes.get_nowait()
            self._due = False
            try:
                idle_rounds = 0 if self._work() else idle_rounds + 1
            except Exception:
                _logger.exception("spanhouse: a round of the %s thread failed", self._name)
                idle_rounds = 0
