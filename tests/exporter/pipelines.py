"""Pipelines, spans and certificates for the exporter's tests."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

from spanhouse_exporter import ExporterSettings, GrpcSender, Pipeline, resource_fields, scope_fields, span_bytes

RESOURCE = resource_fields({"service.name": "s"})


def span(number: int, padding: int = 0) -> bytes:
    """An encoded span whose id is `number`, at least `padding` bytes long."""
    constant = span_bytes.constant_fields("n" * (padding or 1), 1, b"")
    _, stamp_child = span_bytes.make_stamps(constant)
    return stamp_child(bytes(15) + b"\x01", number.to_bytes(8, "big"), b"parent!!", 1, 2, 0x101)


@contextmanager
def pipeline_to(endpoint: str, **settings):
    """A pipeline and an intake of it."""
    chosen = ExporterSettings(endpoint=endpoint, **settings)
    pipeline = Pipeline(chosen, lambda: RESOURCE, GrpcSender(chosen))
    try:
        yield pipeline, pipeline.intake(scope_fields("x"))
    finally:
        pipeline.shutdown(2)


def ids(receiver) -> list[int]:
    """The numbers of the spans that arrived, sorted."""
    return sorted(int.from_bytes(found.span_id, "big") for found in receiver.spans)


def certificates(folder: Path) -> dict[str, bytes]:
    """An authority `ca`, and `key` and `certificate` signed by it for localhost, made by openssl."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj"]
    openssl(*new, "/CN=authority", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca")
    openssl(*new, "/CN=localhost", "-keyout", "key", "-out", "request")
    sign = ["x509", "-req", "-in", "request", "-CA", "ca", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    openssl(*sign, "-extfile", "san", "-out", "certificate")
    return {name: (folder / name).read_bytes() for name in ("ca", "key", "certificate")}
