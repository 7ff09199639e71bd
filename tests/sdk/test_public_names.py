import inspect
import subprocess
import sys
from importlib import metadata

import pytest

import spanhouse
import spanhouse.testing
import spanhouse_exporter


def test_exported_names_of_the_sdk():
    """What users may rely on; a name goes in or out on purpose."""
    assert sorted(spanhouse.__all__) == [
        "AsyncClient",
        "CaptureError",
        "Client",
        "ConfigurationError",
        "EventsClient",
        "ExporterStatus",
        "FunctionStats",
        "LogHandler",
        "SpanhouseError",
        "StatsReporter",
        "TracerProvider",
        "__version__",
        "all_stats",
        "capture",
        "configure",
        "exporter_status",
        "flush",
        "record",
        "report_stats",
        "reset_stats",
        "shutdown",
        "span",
        "stats",
    ]


def test_exported_names_of_the_exporter():
    """The same for the package underneath."""
    assert sorted(spanhouse_exporter.__all__) == [
        "ExporterSettings",
        "ExporterStatus",
        "GrpcSender",
        "Intake",
        "Outcome",
        "Pipeline",
        "Sender",
        "after_fork_in_child",
        "from_environment",
        "resource_fields",
        "scope_fields",
    ]


def test_the_version_is_the_distributions():
    """Written in two places, so that importing need not look it up."""
    assert spanhouse.__version__ == metadata.version("spanhouse")


@pytest.mark.parametrize("name", [name for name in spanhouse.__all__ if name != "__version__"])
def test_every_public_name_is_documented(name):
    """A docstring each."""
    assert inspect.getdoc(getattr(spanhouse, name))


def test_importing_is_light():
    """Neither gRPC nor the SDK's tracing nor the backend is imported before it is needed."""
    script = """
import sys, spanhouse
heavy = ("grpc", "google", "spanhouse_backend", "spanhouse_proto", "chdb", "http")
print([name for name in sys.modules if name.partition(".")[0] in heavy or name == "opentelemetry.sdk.trace"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("options", [{"service_name": ""}, {"service_name": 3}, {"endpoint": 4}, {"colour": "red"}])
def test_configure_refuses_nonsense(options):
    """ConfigurationError, which is a ValueError, and nothing changes."""
    with pytest.raises(spanhouse.ConfigurationError, match="configure") as caught:
        spanhouse.configure(**options)
    assert isinstance(caught.value, ValueError)
