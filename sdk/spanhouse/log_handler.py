"""`spanhouse.LogHandler`: records of Python's `logging`, as OTLP log records, by the pipeline that spans take.

A record is encoded in the thread that logs, in some microseconds, and waits as bytes: bounded exactly, and of no
interest to the garbage collector. Batching, sending, the spool, forks and the end of the process are the pipeline's.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanhouse import forks, limits, outlets, settings
from spanhouse.errors import ConfigurationError
from spanhouse.log_record import RecordEncoder
from spanhouse.runtime import sending_resource
from spanhouse_exporter import (
    ExporterStatus,
    GrpcSender,
    Intake,
    Pipeline,
    from_environment,
    scope_fields,
)
from spanhouse_exporter.last_resort import LastResort, show_on
from spanhouse_exporter.settings import target_of
from spanhouse_exporter.signals import LOGS

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_INTAKES = 1024
"""Loggers whose records are gathered; a program that makes up names as it goes has the rest handed over one by one."""
_OWN_LOGGER = LOGS.logger.name
_FLUSH_SECONDS = 10.0
_NEVER = math.inf
_get_ident = threading.get_ident


class LogHandler(logging.Handler):
    """Sends what a program logs to `otel_logs`, with the ids of the span in which it was logged.

        logging.getLogger().addHandler(spanhouse.LogHandler(logging.INFO))

    or `{"class": "spanhouse.LogHandler"}` under `handlers` of `logging.config.dictConfig`, with these options beside
    it. A record of `flush_level` or above makes everything that waits leave at once, without anybody waiting for that
    (None: no level does). Records wait as bytes, `capacity_bytes` of them at most (64 MiB); beyond that new ones are
    dropped and counted. `endpoint` (OTLP/gRPC) wins over `OTEL_EXPORTER_OTLP_[LOGS_]ENDPOINT`, `service` over the
    service that the program's spans have. `prefix` and `suffix` are put around the logger's name, which is the record's
    scope, and `attributes` on every record. What is said is the message, or what the handler's formatter makes of it.

    Logging never waits and never raises. A record that cannot be formatted or encoded is counted, and reported by
    `Handler.handleError`, as `logging.raiseExceptions` has it. With `SPANHOUSE_ENABLED=0` or `OTEL_SDK_DISABLED=true`
    nothing is done at all. Raises ConfigurationError when an option makes no sense.

    Concurrency: the handler's own lock is not taken to log. Encoder and intakes are made for any number of threads, so
    nobody waits for anybody, and a handler of a signal, or a formatter that logs itself, cannot wait for what it has
    interrupted. Two threads that meet a logger for the first time may both make an intake: both are emptied, as are
    those that the pipeline's worker, which keeps this handler alive, finds in its next round.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        flush_level: int | str | None = logging.ERROR,
        capacity_bytes: int | None = None,
        endpoint: str | None = None,
        service: str | None = None,
        prefix: str = "",
        suffix: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(level)
        _check(endpoint, service, prefix, suffix)
        self._hurry_from = _level(flush_level)
        self._service, self._prefix, self._suffix = service, prefix, suffix
        chosen = from_environment(os.environ, endpoint, LOGS, batched_here=True)
        if capacity_bytes is not None:
            chosen = replace(chosen, max_queue_bytes=_capacity(capacity_bytes))
        self._encoder = RecordEncoder(attributes or {}, limits.of_records(os.environ))
        self._pipeline = Pipeline(chosen, self._resource, GrpcSender(chosen))
        self._is_worker = self._pipeline.is_worker
        self._intakes: dict[str, Intake] = {}
        self._enabled = settings.from_environment(os.environ).enabled
        self._closed = False
        self._last_resort = LastResort()
        show_on(LOGS.logger)
        outlets.outlets.add(self)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - the name is the base class's
        """Sets what makes text of a record; None is the message alone.

        `logging.basicConfig` gives its own format to handlers that have none. All that this puts around a message is in
        the record's columns already, so it counts as none.
        """
        default = type(fmt) is logging.Formatter and getattr(fmt, "_fmt", None) == logging.BASIC_FORMAT
        super().setFormatter(None if default else fmt)

    def handle(self, record: logging.LogRecord) -> bool:
        """Takes a record that the handler's filters let through; without the lock, which would make threads wait."""
        if not self.filters:
            self.emit(record)
            return True
        found: Any
        try:
            found = self.filter(record)
        except Exception:  # noqa: BLE001 - a filter of the program's: its mistake must not become an error of the caller
            self._broken(record)
            return False
        if found:
            self.emit(found if isinstance(found, logging.LogRecord) else record)
        return bool(found)

    def emit(self, record: logging.LogRecord) -> None:
        """Encodes a record and leaves it to the pipeline."""
        if not self._enabled:
            return
        name = record.name
        # What is said about the export of logs, in whatever words, would be the cause of the next export.
        if name == _OWN_LOGGER or self._is_worker(_get_ident()):
            self._leave_to_others(record)
            return
        try:
            # Some servers fork in C, where Python's hooks are not run: the child must not send what is the parent's.
            # Logging has asked already whose record it is; but some come from other processes, by a queue or a socket.
            if record.process != forks.process and os.getpid() != forks.process:
                forks.noticed_late()
            message = record.getMessage() if self.formatter is None else self.format(record)
            intake = self._intakes.get(name) or self._intake(name)
            intake.put(self._encoder.encode(record, message))
            if record.levelno >= self._hurry_from:
                self._hurry(intake)
        except Exception:  # noqa: BLE001 - whatever is wrong with a record, its program goes on
            self._broken(record)

    def flush(self, timeout: float = _FLUSH_SECONDS) -> bool:  # type: ignore[override]  # the base class says nothing
        """Waits until what was logged before is delivered, in the spool or given up; False when `timeout` seconds
        passed first. When the process ends this does not wait: `close` follows, which delivers.
        """
        if not threading.main_thread().is_alive():
            return False
        return self._pipeline.flush(timeout)

    def close(self) -> None:
        """Delivers what waits, within `SPANHOUSE_EXIT_TIMEOUT`, or leaves it in the spool; `logging.shutdown` does this
        at the end of a process. What is logged afterwards is dropped and counted.
        """
        if not self._closed:
            self._closed = True
            self._hurry_from = -_NEVER
            self._pipeline.shutdown(self._pipeline.exit_seconds)
        super().close()

    def status(self) -> ExporterStatus:
        """What became of the records, as of now; the reasons are those of docs/exporter.md."""
        return self._pipeline.status()

    def _intake(self, name: str) -> Intake:
        scope = scope_fields(f"{self._prefix}{name}{self._suffix}")
        if len(self._intakes) >= _MOST_INTAKES:
            return Intake(self._pipeline, scope)
        intake = self._intakes[name] = self._pipeline.intake(scope)
        return intake

    def _hurry(self, intake: Intake) -> None:
        if self._closed:
            intake.carry()  # where it is counted as too late
        else:
            self._pipeline.hurry()

    def _broken(self, record: logging.LogRecord) -> None:
        self._pipeline.count_broken()
        with suppress(Exception):
            self.handleError(record)

    def _leave_to_others(self, record: logging.LogRecord) -> None:
        if record.name != _OWN_LOGGER:  # whose own last resort has it already
            self._last_resort.handle(record)

    def _resource(self) -> bytes:
        return sending_resource({"service.name": self._service} if self._service else {})


def _level(level: int | str | None) -> float:
    if level is None:
        return _NEVER
    given: Any = level
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ConfigurationError(f"LogHandler(flush_level=...) takes a level of logging, or None, not {level!r}")
    if isinstance(level, int):
        return level
    found = logging.getLevelNamesMapping().get(level)
    if found is None:
        raise ConfigurationError(f"LogHandler(flush_level={level!r}): logging knows no level of that name")
    return found


def _capacity(size: int) -> int:
    given: Any = size
    if isinstance(given, bool) or not isinstance(given, int) or size < 1:
        raise ConfigurationError(f"LogHandler(capacity_bytes=...) takes a number of bytes, not {size!r}")
    return size


def _check(endpoint: str | None, service: str | None, prefix: str, suffix: str) -> None:
    given: tuple[tuple[str, Any], ...] = (("service", service), ("prefix", prefix), ("suffix", suffix))
    for name, text in given:
        if not isinstance(text, str) and (name, text) != ("service", None):
            raise ConfigurationError(f"LogHandler({name}=...) takes a string, not {text!r}")
    if endpoint is None:
        return
    try:
        target_of(endpoint, insecure=True)
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"LogHandler(endpoint={endpoint!r}) cannot be used: {error}") from error
