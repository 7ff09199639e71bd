"""ClickHouse's own block compression, which drivers ask for with compress=1 and send with decompress=1.

A stream of blocks, each a CityHash128 (of ClickHouse's version of it) over what follows, one byte for the method, the
size of the block from that byte on and of what it holds, both four bytes, little-endian, and the data. See
src/Compression/CompressedWriteBuffer.cpp and ICompressionCodec.cpp.
"""

import struct
from collections.abc import Iterator

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.query.zstd import zstd

_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_HASH_BYTES = 16
_HEAD = struct.Struct("<BII")
# As large as the engine makes them for the network.
_BLOCK_BYTES = 1 << 20
_MAX_BLOCK_BYTES = 1 << 30


def compressed(data: bytes) -> bytes:
    """`data` as blocks of LZ4, none for no data."""
    return b"".join(_block(data[start : start + _BLOCK_BYTES]) for start in range(0, len(data), _BLOCK_BYTES))


def decompressed(data: bytes, max_bytes: int) -> bytes:
    """What the blocks hold. Raises Refused when they are broken, or hold more than `max_bytes`."""
    parts = []
    total = 0
    for method, size, packed in _blocks(data):
        total += size
        if total > max_bytes:
            raise Refused(Code.QUERY_IS_TOO_LARGE, f"the body has more than {max_bytes} bytes, which is the limit")
        parts.append(_unpacked(method, size, packed))
    return b"".join(parts)


def _block(data: bytes) -> bytes:
    packed: bytes = lz4.block.compress(data, store_size=False)
    rest = _HEAD.pack(_LZ4, _HEAD.size + len(packed), len(data)) + packed
    return _hash(rest) + rest


def _hash(data: bytes) -> bytes:
    number: int = CityHash128(data)
    # Its upper half comes first, each half little-endian.
    return (number >> 64).to_bytes(8, "little") + (number & (1 << 64) - 1).to_bytes(8, "little")


def _blocks(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position < len(data):
        start = position + _HASH_BYTES
        if len(data) < start + _HEAD.size:
            raise Refused(Code.INCORRECT_DATA, "decompress=1: the body ends in the middle of a block")
        method, packed_size, size = _HEAD.unpack_from(data, start)
        position_after = start + packed_size
        if packed_size < _HEAD.size or position_after > len(data) or size > _MAX_BLOCK_BYTES:
            raise Refused(Code.INCORRECT_DATA, "decompress=1: a block says that it has another size than it has")
        if _hash(data[start:position_after]) != data[position:start]:
            raise Refused(Code.INCORRECT_DATA, "decompress=1: the checksum of a block does not fit")
        yield method, size, data[start + _HEAD.size : position_after]
        position = position_after


def _unpacked(method: int, size: int, packed: bytes) -> bytes:
    unpacked: bytes
    try:
        if method == _LZ4:
            unpacked = lz4.block.decompress(packed, uncompressed_size=size)
        elif method == _ZSTD:
            unpacked = zstd.ZstdDecompressor().decompress(packed, size)
        elif method == _NONE:
            unpacked = packed
        else:
            raise Refused(Code.INCORRECT_DATA, f"decompress=1: blocks of the method {method:#x} are not taken")
    except (lz4.block.LZ4BlockError, zstd.ZstdError) as error:
        raise Refused(Code.INCORRECT_DATA, f"decompress=1: a block cannot be decompressed: {error}") from error
    if len(unpacked) != size:
        raise Refused(Code.INCORRECT_DATA, "decompress=1: a block holds another number of bytes than it says")
    return unpacked
