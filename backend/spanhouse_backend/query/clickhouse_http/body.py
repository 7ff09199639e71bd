"""A request's body, read and decompressed within bounds.

A body never grows beyond what it may, nor all of them together beyond what the port may hold: a decompression bomb is
put down at its first pieces.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import lz4.frame
from starlette.requests import ClientDisconnect, Request

from spanhouse_backend.errors import ClientGone, Overloaded
from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.query.zstd import zstd

# A sender at 1.2 MB/s still finishes the largest body.
BODY_SECONDS = 60.0
_PIECE_BYTES = 1 << 18
# zlib's window bits for a gzip header and for a zlib header.
_GZIP, _ZLIB = 31, 15


class Bodies:
    """Reads bodies, and knows how much all that are being dealt with hold. For one event loop: it needs no lock."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self._held_bytes = 0

    @asynccontextmanager
    async def of(self, request: Request, max_bytes: int) -> AsyncIterator[bytes]:
        """The whole body, decompressed, whose room is taken until the block ends.

        Raises Refused when it is too large, is compressed in a way that we do not know or that is broken, or does not
        come to its end in time; Overloaded when there is no room for it; ClientGone.
        """
        held = bytearray()
        try:
            await self._read(request, max_bytes, held)
            yield bytes(held)
        finally:
            self._held_bytes -= len(held)

    async def _read(self, request: Request, max_bytes: int, held: bytearray) -> None:
        too_large = Refused(Code.QUERY_IS_TOO_LARGE, f"the body has more than {max_bytes} bytes, which is the limit")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > max_bytes:
            raise too_large
        inflater = _Inflater(request.headers.get("content-encoding", ""))
        received_bytes = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for received in request.stream():
                    received_bytes += len(received)
                    for piece in inflater.feed(received):
                        if max(received_bytes, len(held) + len(piece)) > max_bytes:
                            raise too_large
                        if self._held_bytes + len(piece) > self._room_bytes:
                            raise Overloaded("more bodies are being read than there is room for: try again later")
                        self._held_bytes += len(piece)
                        held += piece
                        # One small packet can be many pieces: let the others have their turn.
                        await asyncio.sleep(0)
        except TimeoutError as error:
            raise Refused(
                Code.SOCKET_TIMEOUT, f"the body did not come to its end within {BODY_SECONDS:.0f} s"
            ) from error
        except ClientDisconnect as error:
            raise ClientGone("the client went away") from error
        if not inflater.finished:
            raise Refused(Code.INCORRECT_DATA, f"the body is not {inflater.encoding}: it stops before its end")


class _Zlib:
    """zlib's decompressor with the methods that those of zstd and LZ4 have."""

    def __init__(self, window_bits: int) -> None:
        self._decompressor = zlib.decompressobj(window_bits)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._decompressor.decompress(self._decompressor.unconsumed_tail + data, max_length)
        self.needs_input = len(piece) < max_length and not self._decompressor.unconsumed_tail
        return piece

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data


class _Plain:
    """What is not compressed, likewise."""

    needs_input = eof = True
    unused_data = b""

    def decompress(self, data: bytes, _max_length: int) -> bytes:
        return data


_MEMBERS: dict[str, Callable[[], Any]] = {
    "identity": _Plain,
    "gzip": lambda: _Zlib(_GZIP),
    "deflate": lambda: _Zlib(_ZLIB),
    "zstd": zstd.ZstdDecompressor,
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


class _Inflater:
    """Decompresses a stream, piece by piece; several members one behind the other are one stream."""

    def __init__(self, content_encoding: str) -> None:
        self.encoding = content_encoding.strip().lower().removeprefix("x-") or "identity"
        if self.encoding not in _MEMBERS:
            raise Refused(
                Code.UNKNOWN_COMPRESSION_METHOD,
                f"Content-Encoding {self.encoding[:100]!r} is not known here; there are {', '.join(_MEMBERS)}",
            )
        self._member: Any = None

    @property
    def finished(self) -> bool:
        """Whether what was fed so far is whole."""
        return self._member is None or bool(self._member.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most _PIECE_BYTES, those of what is not compressed apart. Raises Refused."""
        try:
            while data or not (self._member is None or self._member.eof or self._member.needs_input):
                if self._member is None or self._member.eof:
                    self._member = _MEMBERS[self.encoding]()
                yield self._member.decompress(data, _PIECE_BYTES)
                data = self._member.unused_data or b"" if self._member.eof else b""
        except (zlib.error, zstd.ZstdError, RuntimeError) as error:
            raise Refused(Code.INCORRECT_DATA, f"the body is not {self.encoding}: {error}") from error
