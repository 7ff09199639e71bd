"""What is installed: the packages that spans go through, and whether the engine loads on this machine."""

import platform
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from spanhouse_backend.cli.doctor.finding import Finding

_PACKAGES = ("opentelemetry-api", "opentelemetry-sdk", "grpcio", "protobuf", "chdb", "clickhouse-connect")


def look_at_versions() -> Iterator[Finding]:
    """The versions in one line; what is missing, and an engine that does not load, in lines of their own."""
    found, missing = [f"spanhouse {version('spanhouse')}", f"Python {platform.python_version()}"], []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    yield Finding("ok", "versions", ", ".join(found))
    if missing:
        yield Finding(
            "wrong",
            "versions",
            f"not installed: {', '.join(missing)}",
            "install them: pip install 'spanhouse[backend]'",
        )
    try:
        import_module("chdb")
    except (ImportError, OSError) as error:  # OSError: its library does not fit this machine
        yield Finding(
            "wrong",
            "engine",
            f"it does not load: {error}",
            "the wheel wants Linux with glibc on x86-64 or ARM64: install chdb again, or use such a machine",
        )
