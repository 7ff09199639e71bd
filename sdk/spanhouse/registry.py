"""Where the application's global tracer provider is found, without the microsecond that the public way costs."""

from typing import Any

from opentelemetry import trace


class _PublicRegistry:
    """The same by public means, for versions of the API without the private name."""

    @property
    def _TRACER_PROVIDER(self) -> trace.TracerProvider | None:  # noqa: N802 - the private name
        found = trace.get_tracer_provider()
        return None if isinstance(found, trace.ProxyTracerProvider) else found


REGISTRY: Any = trace if hasattr(trace, "_TRACER_PROVIDER") else _PublicRegistry()
"""Its `_TRACER_PROVIDER` is the provider that the application has set; None while it has set none."""


def chosen_provider() -> trace.TracerProvider | None:
    """The provider that the application has set; None while it has set none."""
    found: trace.TracerProvider | None = REGISTRY._TRACER_PROVIDER  # noqa: SLF001
    return found
