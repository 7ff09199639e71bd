"""Interoperation: OpenTelemetry's own HTTP exporter, curl and Node's fetch deliver over OTLP/HTTP unchanged."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otlp_over_http import COMPRESSIONS, JSON, PATH, PROTOBUF, body_of, headers_of
from otlp_requests import request

BOTH = pytest.mark.parametrize("media_type", [PROTOBUF, JSON])

# As the browser and Node exporters send: a stream, so there is no Content-Length.
NODE_PROGRAM = """
const fs = require("node:fs");
const [url, contentType, encoding, file] = process.argv.slice(1);
const headers = {"Content-Type": contentType};
if (encoding) headers["Content-Encoding"] = encoding;
const chunks = fs.createReadStream(file, {highWaterMark: 1000});
fetch(url, {method: "POST", headers, body: chunks, duplex: "half"})
  .then(async answer => console.log(answer.status, answer.headers.get("content-type"), await answer.text()));
"""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def output_of(*command: str) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=clean_environment()
    )
    return done.stdout


def calls_of(server, service: str) -> int:
    rows = server.get("/api/v1/functions", service=service, limit="1000").json()["rows"]
    return sum(row["calls"] for row in rows)


@pytest.mark.parametrize("compression", Compression)
def test_opentelemetrys_http_exporter_delivers_every_span(shared_server, compression):
    service = f"stock http {compression.value}"
    provider = TracerProvider(resource=Resource({"service.name": service}))
    url = f"http://{shared_server.http}{PATH}"
    exporter = OTLPSpanExporter(endpoint=url, compression=compression, timeout=PATIENCE_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("stock.scope")
    for index in range(1000):  # more than one batch
        with tracer.start_as_current_span(f"many-{index % 10}", attributes={"index": index, "text": "x"}):
            pass
    provider.shutdown()
    assert calls_of(shared_server, service) == 1000


@BOTH
@pytest.mark.parametrize("how", ["length", "chunked", "gzip", "expect"])
def test_curl_delivers(shared_server, tmp_path, media_type, how):
    curl = program("curl")
    service = f"curl {how} {media_type}"
    # Large enough for curl to ask with Expect: 100-continue of its own accord.
    durations = [1000] * (20_000 if how == "expect" else 3)
    body = tmp_path / "body"
    encoding, compress = COMPRESSIONS["gzip" if how == "gzip" else "none"]
    body.write_bytes(compress(body_of(request(service, durations), media_type)))
    headers = headers_of(media_type, encoding)
    if how == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    url = f"http://{shared_server.http}{PATH}"
    written = output_of(curl, "-sS", "-w", "%{http_code}", "--data-binary", f"@{body}", *options, url)
    assert written == ("200" if media_type == PROTOBUF else "{}200")
    assert calls_of(shared_server, service) == len(durations)


@BOTH
@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_nodes_fetch_delivers_in_chunks(shared_server, tmp_path, media_type, compression):
    node = program("node")
    service = f"node {compression} {media_type}"
    encoding, compress = COMPRESSIONS[compression]
    body = tmp_path / "body"
    body.write_bytes(compress(body_of(request(service, [1000] * 100), media_type)))
    written = output_of(node, "-e", NODE_PROGRAM, f"http://{shared_server.http}{PATH}", media_type, encoding, str(body))
    assert written.split(maxsplit=2) == ["200", media_type, *([] if media_type == PROTOBUF else ["{}\n"])]
    assert calls_of(shared_server, service) == 100


def test_the_documentations_example_is_stored(shared_server):
    program("curl")
    page = (Path(__file__).parents[2] / "docs" / "otlp.md").read_text()
    example = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert example is not None
    script = example[1].replace("127.0.0.1:4318", shared_server.http).replace("curl ", "curl -sS ")
    assert output_of("sh", "-c", script) == "{}"
    assert calls_of(shared_server, "by-hand") == 1
