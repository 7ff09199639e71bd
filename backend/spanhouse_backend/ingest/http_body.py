"""A request's body, read and decompressed within bounds.

A body never grows beyond the limit of one request, nor beyond what its sender may hold: each piece is claimed before
the next is made, so that a decompression bomb is put down after its first pieces. A sender that
does not finish is given up after a time.
"""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import aclosing

from starlette.requests import Request

from spanhouse_backend.ingest.admission import Claim
from spanhouse_backend.ingest.otlp_status import BAD_DATA, Refused

ENCODINGS = ("gzip", "deflate")
# A sender at 1.2 MB/s still finishes the largest request.
BODY_SECONDS = 60.0
# Decompressed in one go: small enough that the other requests hardly wait for it.
_PIECE_BYTES = 1 << 18
# zlib's window bits for a gzip header, a zlib header, and none.
_GZIP, _ZLIB, _RAW = 31, 15, -15


async def read_body(request: Request, claim: Claim, max_bytes: int) -> bytes:
    """The whole body, decompressed.

    Raises Refused when it is too large, compressed or not, is compressed in a way that we do not know or that is
    broken, or does not come to its end in time; Overloaded when there is no room for it; ClientDisconnect.
    """
    too_large = Refused(413, f"the request has more than {max_bytes} bytes, which is the limit")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    inflater = _inflater(request.headers.get("content-encoding", ""))
    pieces: list[bytes] = []
    received_bytes = total_bytes = 0
    try:
        async with asyncio.timeout(BODY_SECONDS), aclosing(request.stream()) as stream:
            async for received in stream:
                # What was received counts too: a sender can make any amount of gzip that comes to nothing.
                received_bytes += len(received)
                for piece in inflater.feed(received):
                    total_bytes += len(piece)
                    if max(received_bytes, total_bytes) > max_bytes:
                        raise too_large
                    claim.take(len(piece))
                    pieces.append(piece)
                    # One small packet can be many pieces: let the others have their turn.
                    await asyncio.sleep(0)
                if received_bytes > max_bytes:
                    raise too_large
    except TimeoutError as error:
        raise Refused(408, f"the request did not come to its end within {BODY_SECONDS:.0f} seconds") from error
    except zlib.error as error:
        raise Refused(BAD_DATA, f"the body is not {inflater.encoding}: {error}") from error
    if not inflater.finished:
        raise Refused(BAD_DATA, f"the body is not {inflater.encoding}: it stops before its end")
    return b"".join(pieces)


class _Plain:
    """What is not compressed."""

    encoding = "identity"
    finished = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


def _inflater(content_encoding: str) -> "_Plain | _Inflater":
    encoding = content_encoding.strip().lower().removeprefix("x-")
    if encoding in ("", "identity"):
        return _Plain()
    if encoding in ENCODINGS:
        return _Inflater(encoding)
    known = ", ".join(ENCODINGS)
    raise Refused(
        415,
        f"Content-Encoding {encoding[:100]!r} is not known here; there are {known}",
        headers={"Accept-Encoding": known},
    )


class _Inflater:
    """Decompresses a stream of gzip, in any number of members (RFC 1952, 2.2), or of deflate."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._member: zlib._Decompress | None = None

    @property
    def finished(self) -> bool:
        """Whether what was fed so far is whole."""
        return self._member is not None and self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most _PIECE_BYTES. Raises zlib.error."""
        while data:
            if self._member is None or (self._member.eof and self.encoding == "gzip"):
                self._member = zlib.decompressobj(self._window_bits(data[0]))
            elif self._member.eof:
                raise zlib.error("there is something after its end")
            piece = self._member.decompress(data, _PIECE_BYTES)
            while piece:
                yield piece
                # With no new input: what did not fit into the last piece.
                piece = self._member.decompress(self._member.unconsumed_tail, _PIECE_BYTES)
            data = self._member.unused_data

    def _window_bits(self, first: int) -> int:
        if self.encoding == "gzip":
            return _GZIP
        # "deflate" is a zlib stream (RFC 9110, 8.4.1.2), but some senders leave its header out. Its lower four bits are
        # 8, which at the start of bare deflate would be a stored block with rubbish in its padding.
        return _ZLIB if first & 0x0F == zlib.DEFLATED else _RAW
