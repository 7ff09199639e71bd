"""The configurator that `opentelemetry-instrument` needs before it does anything with `OTEL_TRACES_EXPORTER`.

Chosen by name (`OTEL_PYTHON_CONFIGURATOR=spanhouse`, or our provider by `OTEL_PYTHON_TRACER_PROVIDER`) it
makes the light provider the program's own. Found merely because it is installed, it does what the SDK's own
would: another package's choice must not depend on which of us happens to be found first.
"""

import inspect
import os
from typing import Any

from opentelemetry.sdk import _configuration
from opentelemetry.sdk._configuration import _OTelSDKConfigurator

from spanhouse.runtime import configure


class Configurator(_OTelSDKConfigurator):
    """Sets up the program that `opentelemetry-instrument` is about to run."""

    def _configure(self, **kwargs: Any) -> None:
        names = (os.environ.get("OTEL_PYTHON_CONFIGURATOR"), os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"))
        if "spanhouse" in names:
            configure(set_global=True)
            return
        takes = inspect.signature(_configuration._initialize_components).parameters  # noqa: SLF001 - as its own subclasses
        if not os.environ.get("OTEL_CONFIG_FILE") and "export_span_processor" in takes:
            from spanhouse_exporter.span_processor import processor_for  # noqa: PLC0415 - where it is needed

            kwargs.setdefault("export_span_processor", processor_for)
        super()._configure(**kwargs)  # type: ignore[no-untyped-call]
