"""Who is sending: the resource, from code, environment and detectors.

OpenTelemetry specification, "Resource SDK" and "General SDK Configuration": code wins over `OTEL_SERVICE_NAME`,
which wins over `OTEL_RESOURCE_ATTRIBUTES`, which wins over detectors. The SDK's own `Resource.create` starts a
thread pool, which a process that is ending can no longer do, so it is only asked when detectors are configured.
"""

import logging
import os
import sys
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

_logger = logging.getLogger(__name__)


def detect(given: Mapping[str, Any], version: str, environ: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """(attributes, schema URL) of this process; `given` comes from code, `version` is ours. Never raises."""
    detected: dict[str, Any] = {"telemetry.sdk.language": "python", "service.instance.id": str(uuid.uuid4())}
    schema_url = ""
    if environ.get("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "").strip():
        try:
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only when it is needed

            resource = Resource.create()
            detected.update(resource.attributes or {})
            schema_url = resource.schema_url
        except Exception:
            _logger.exception("spanhouse: resource detectors failed; going on without them")
    detected.update(_from_environment(environ))
    # A replacement of the SDK must not call itself "opentelemetry" (semantic conventions, telemetry.sdk.name).
    detected.update({"telemetry.sdk.name": "spanhouse", "telemetry.sdk.version": version})
    detected.update(given)
    if not detected.get("service.name"):
        executable = os.path.basename(sys.executable) if sys.executable else ""  # noqa: PTH119 - text only
        detected["service.name"] = f"unknown_service:{executable}" if executable else "unknown_service"
    return detected, schema_url


def after_fork(attributes: dict[str, Any], given: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Gives a forked child its own identity, unless the user has named one."""
    if "service.instance.id" not in given and "service.instance.id" not in _from_environment(environ):
        attributes["service.instance.id"] = str(uuid.uuid4())
    if "process.pid" in attributes and "process.pid" not in given:
        attributes["process.pid"] = os.getpid()


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`OTEL_RESOURCE_ATTRIBUTES` (percent-encoded `k=v,k2=v2`) and `OTEL_SERVICE_NAME`."""
    found = {}
    for item in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, text = item.partition("=")
        if equals and key.strip():
            found[unquote(key.strip())] = unquote(text.strip())
        elif item.strip():
            _logger.warning("OTEL_RESOURCE_ATTRIBUTES: %r is not key=value and is ignored", item)
    name = environ.get("OTEL_SERVICE_NAME", "")
    if name:
        found["service.name"] = name
    return found
