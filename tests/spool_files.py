"""What is in a spool, read without taking any of it: a look may be repeated, and keeps nobody from delivering."""

from pathlib import Path


def spooled_requests(directory: Path) -> list[bytes]:
    """The requests in a spool's directory (docs/spool.md), oldest first; none where there is none."""
    return [path.read_bytes() for path in sorted(directory.glob("[0-9]*.otlp"))]
