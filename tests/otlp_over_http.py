"""OTLP over HTTP as clients write it: bodies, headers, and raw sockets for what a client library would not send."""

import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Iterable

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from harness import PATIENCE_SECONDS
from otlp_documents import otlp_json

PROTOBUF, JSON = "application/x-protobuf", "application/json"
PATH = "/v1/traces"


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


# What a Content-Encoding header says, and how that is made.
COMPRESSIONS = {
    "none": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "gzip in two members": ("gzip", lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without its header": ("deflate", raw_deflate),
}


def body_of(message: Message, media_type: str) -> bytes:
    return message.SerializeToString() if media_type == PROTOBUF else json.dumps(otlp_json(message)).encode()


def headers_of(media_type: str, encoding: str = "") -> dict[str, str]:
    return {"Content-Type": media_type, **({"Content-Encoding": encoding} if encoding else {})}


def status_of(content: bytes, media_type: str) -> status_pb2.Status:
    """The google.rpc.Status that an error's body is."""
    status = status_pb2.Status()
    if media_type == PROTOBUF:
        status.ParseFromString(content)
    else:
        json_format.Parse(content, status)
    return status


def bad_fields_of(status: status_pb2.Status) -> list[str]:
    """The fields that a 400 names."""
    bad_request = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(bad_request)
    return [violation.field for violation in bad_request.field_violations]


def chunked(body: bytes, size: int) -> bytes:
    """The body as Transfer-Encoding: chunked has it."""
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def head(headers: dict[str, str], method: str = "POST", path: str = PATH) -> bytes:
    """A request's first lines."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def connect(address: str) -> socket.socket:
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), PATIENCE_SECONDS)


def answer_on(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    """The next response on a connection, and its body."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response, response.read()


def send_raw(address: str, parts: Iterable[bytes]) -> tuple[http.client.HTTPResponse, bytes]:
    """Writes parts of a request in turn; the response to it."""
    with connect(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        return answer_on(connection)
