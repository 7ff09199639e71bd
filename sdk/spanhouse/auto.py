"""The configurator that `opentelemetry-instrument` needs before it does anything with `OTEL_TRACES_EXPORTER`.

Chosen by name (`OTEL_PYTHON_CONFIGURATOR=spanhouse`, or our provider by `OTEL_PYTHON_TRACER_PROVIDER`) it
makes the light provider the program's own, and sets up metrics and logs as the SDK's would. Found merely because it
is installed, it does what the SDK's own would: another package's choice must not depend on which of us happens to be
found first.
"""

import inspect
import os
from typing import Any

from opentelemetry.sdk import _configuration
from opentelemetry.sdk._configuration import (
    _get_exporter_names,
    _import_exporters,
    _init_logging,
    _init_metrics,
    _OTelSDKConfigurator,
)

from spanhouse.provider import TracerProvider
from spanhouse.runtime import configure


class Configurator(_OTelSDKConfigurator):
    """Sets up the program that `opentelemetry-instrument` is about to run."""

    def _configure(self, **kwargs: Any) -> None:
        names = (os.environ.get("OTEL_PYTHON_CONFIGURATOR"), os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"))
        if "spanhouse" in names:
            _set_up_metrics_and_logs(configure(set_global=True))
            return
        takes = inspect.signature(_configuration._initialize_components).parameters  # noqa: SLF001 - as its own subclasses
        if not os.environ.get("OTEL_CONFIG_FILE") and "export_span_processor" in takes:
            from spanhouse_exporter.span_processor import processor_for  # noqa: PLC0415 - where it is needed

            kwargs.setdefault("export_span_processor", processor_for)
        super()._configure(**kwargs)  # type: ignore[no-untyped-call]


def _set_up_metrics_and_logs(provider: TracerProvider) -> None:
    """What `OTEL_METRICS_EXPORTER` and `OTEL_LOGS_EXPORTER` ask for, from the same resource as the spans."""
    names = _get_exporter_names("metrics"), _get_exporter_names("logs")
    _traces, metric_exporters, log_exporters = _import_exporters([], *names)
    if metric_exporters:
        _init_metrics(metric_exporters, provider.resource)
    if log_exporters:
        handler = os.environ.get("OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED", "").strip().lower() == "true"
        _init_logging(log_exporters, provider.resource, setup_logging_handler=handler)
