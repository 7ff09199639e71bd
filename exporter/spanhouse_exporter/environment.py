"""Environment variables -> values, by the rules of the OpenTelemetry specification.

Common rules ("Environment Variable Specification"): an empty value is an unset one, a value that cannot be used
costs one warning that names the variable and what is used instead, and never an exception. For OTLP ("OpenTelemetry
Protocol Exporter") the variable of the signal wins over the generic one, whole: headers are not merged.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from spanhouse_exporter.signals import TRACES, Signal

_logger = logging.getLogger(__name__)


class Environment:
    """One reading of a process's variables."""

    def __init__(self, environ: Mapping[str, str], signal: Signal = TRACES) -> None:
        self._environ = environ
        self._signal = signal.name.upper()

    def text(self, name: str) -> str:
        """The value without the white space around it; "" when unset."""
        return self._environ.get(name, "").strip()

    def named(self, name: str) -> tuple[str, str]:
        """(variable, value)."""
        return name, self.text(name)

    def otlp(self, suffix: str) -> tuple[str, str]:
        """(variable, value) of `OTEL_EXPORTER_OTLP_<SIGNAL>_<suffix>`, else of `OTEL_EXPORTER_OTLP_<suffix>`."""
        for name in (f"OTEL_EXPORTER_OTLP_{self._signal}_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}"):
            if value := self.text(name):
                return name, value
        return f"OTEL_EXPORTER_OTLP_{suffix}", ""

    def integer(self, name: str, default: int, low: int) -> int:
        """A whole number of at least `low`."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            value = low - 1
        if value < low:
            _logger.warning("%s=%r is not a whole number of at least %d: using %d", name, raw, low, default)
            return default
        return value

    def flag(self, variable: tuple[str, str]) -> bool:
        """True for "true" in any case; everything else is False ("Boolean value")."""
        name, raw = variable
        if raw.lower() not in ("", "true", "false"):
            _logger.warning("%s=%r is neither true nor false: using false", name, raw)
        return raw.lower() == "true"

    def choice(self, variable: tuple[str, str], known: tuple[str, ...]) -> str:
        """One of `known`; the first is the default."""
        name, raw = variable
        if raw and raw.lower() not in known:
            _logger.warning("%s=%r is not one of %s: using %s", name, raw, ", ".join(known), known[0])
            return known[0]
        return raw.lower() or known[0]

    def file(self, variable: tuple[str, str], instead: str) -> bytes | None:
        """What the named file holds; None, with a warning that says what is used `instead`, when unreadable."""
        name, raw = variable
        if not raw:
            return None
        try:
            return Path(raw).read_bytes()
        except OSError as error:
            _logger.warning("%s=%r cannot be read (%s): using %s", name, raw, error.strerror or error, instead)
            return None

    def pairs(self, variable: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """`k=v,k2=v2`, both percent-encoded, keys in lower case; what is none is skipped without naming it.

        gRPC ("Custom-Metadata") takes only lower-case letters, digits and `_-.` in keys and visible ASCII in values.
        """
        name, raw = variable
        found = []
        for item in filter(None, map(str.strip, raw.split(","))):
            key, equals, value = (unquote(part.strip()) for part in item.partition("="))
            key = key.lower()
            if not equals or not _is_metadata(key, value):
                _logger.warning("%s: an entry is not a key=value that gRPC can send: ignoring it", name)
                continue
            found.append((key, value))
        return tuple(found)


def _is_metadata(key: str, value: str) -> bool:
    letters = key.replace("_", "").replace("-", "").replace(".", "")
    good_key = letters.isascii() and letters.isalnum() and not key.startswith("grpc-") and not key.endswith("-bin")
    return good_key and all(" " <= letter <= "~" for letter in value)
