"""Whether a server answers, as whoever asks; whose the usual ports are; and whether two clocks agree."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException

import click

from spanhouse_backend.cli.asking import stream
from spanhouse_backend.cli.client import DEFAULT_SERVER, NoServerError, Where
from spanhouse_backend.cli.doctor.finding import Finding
from spanhouse_backend.cli.output import duration
from spanhouse_backend.query.questions.services import Services
from spanhouse_backend.query.times import SECOND_NS, parse_time
from spanhouse_backend.settings import Address

# Relative windows are off by this much, and nobody notices less.
_MAX_SKEW_NS = 5 * SECOND_NS
# Before this was written: 2026-01-01.
_WRITTEN_NS = 1_767_225_600 * SECOND_NS
_PATIENCE_SECONDS = 2.0
_ELSEWHERE = "stop it, or let `spanhouse serve --{} HOST:PORT` listen elsewhere"


def look_at_server(where: Where) -> Iterator[Finding]:
    """Asks a small question: that takes the address, TLS, the token, its role, and a store that answers."""
    begun = time.time_ns()
    server = where.server or DEFAULT_SERVER
    asked = {"since": "1s", "exact": "true", "limit": "1"}
    try:
        head = stream(where._replace(server=server), Services, asked, lambda head, _rows: head)
    except NoServerError as error:
        if where.server:
            yield Finding("wrong", "server", str(error), "see that it runs, and that its name and port are right")
        elif listens(Address.parse(server, "--server")):
            yield Finding("wrong", "server", str(error), _ELSEWHERE.format("grpc"))
        else:
            yield Finding(
                "note",
                "server",
                f"none answers at {server}",
                "commands read the data directory instead; `spanhouse serve` starts one",
            )
    except click.ClickException as error:
        yield Finding("wrong", "server", error.format_message())
    else:
        took = time.time_ns() - begun
        yield Finding("ok", "server", f"{server} answers in {duration(took)}")
        yield _clock(parse_time("to", head["to"], 0) - begun - took // 2, took)
        return
    if time.time_ns() < _WRITTEN_NS:
        yield Finding("wrong", "clock", "it shows a time before 2026", "set it: spans would be refused as too old")


def _clock(skew_ns: int, took_ns: int) -> Finding:
    if abs(skew_ns) <= _MAX_SKEW_NS + took_ns:
        return Finding("ok", "clock", "it agrees with the server's")
    side = "behind" if skew_ns > 0 else "ahead of"
    return Finding(
        "wrong",
        "clock",
        f"it is {duration(abs(skew_ns))} {side} the server's",
        "set both by NTP: relative times (--since 15m) miss spans, and spans from a day ahead are refused",
    )


def look_at_ports(grpc: Address, http: Address) -> Iterator[Finding]:
    """Whose the ports are that `spanhouse serve` listens on unless told otherwise."""
    for option, address in (("grpc", grpc), ("http", http)):
        what = f"port {address.port}"
        if not listens(address):
            yield Finding("ok", what, f"{address} is free")
        elif option == "http":
            yield _http(what, address)
        # What listens on the gRPC port was asked already.


def listens(address: Address) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((address.host, address.port), _PATIENCE_SECONDS):
            return True
    except OSError:
        return False


def _http(what: str, address: Address) -> Finding:
    other = Finding(
        "wrong",
        what,
        f"what listens at {address} is not spanhouse",
        _ELSEWHERE.format("http"),
    )
    try:
        # The address is ours or the user's own, and is asked over HTTP alone.
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=_PATIENCE_SECONDS) as answer:
            return Finding("ok", what, f"{address} is spanhouse, and ready") if answer.read(7) == b"ready\n" else other
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace").strip()
        if said.startswith("not ready: "):
            return Finding("wrong", what, f"{address} is {said}", "docs/operations.md says what each reason means")
        return other
    except (OSError, ValueError, HTTPException):
        seen = f"what listens at {address} does not speak plain HTTP"
        return Finding("note", what, seen, "a spanhouse with TLS does not; anything else keeps `spanhouse serve` away")
