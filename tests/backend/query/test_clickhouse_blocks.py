"""ClickHouse's compressed blocks: what is written reads back, and nothing broken is taken for whole."""

import lz4.block
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.query.clickhouse_http.blocks import compressed, decompressed
from spanhouse_backend.query.clickhouse_http.errors import Refused

# As clickhouse-go reads and writes it: its checksum is not the one that the bytes of Python's number would be.
SPANHOUSE = bytes.fromhex("bfd7ed4d6c1f6626c28b70407787d253821300000009000000907370616e686f757365")


def test_a_block_is_what_clickhouse_makes_of_the_same_bytes():
    """Checksum, method, sizes, data."""
    assert compressed(b"spanhouse") == SPANHOUSE
    assert lz4.block.decompress(SPANHOUSE[25:], uncompressed_size=9) == b"spanhouse"


@given(st.binary(max_size=200).map(lambda data: data * 20_000))
def test_what_is_compressed_reads_back(data):
    """Of any size: blocks hold at most a megabyte."""
    assert decompressed(compressed(data), len(data)) == data


@given(st.integers(0, len(SPANHOUSE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(index, change):
    """In the checksum, the sizes or the data."""
    broken = bytearray(SPANHOUSE)
    broken[index] ^= change
    with pytest.raises(Refused):
        decompressed(bytes(broken), 1 << 20)


@given(st.binary(max_size=100))
def test_anything_else_is_refused(data):
    """Rubbish, and blocks that are cut off."""
    if data:
        with pytest.raises(Refused):
            decompressed(data, 1 << 20)
    with pytest.raises(Refused):
        decompressed(SPANHOUSE + SPANHOUSE[: len(data) % 34 + 1], 1 << 20)


def test_a_bomb_is_put_down_before_it_is_made():
    """What the blocks say they hold counts, before they are decompressed."""
    with pytest.raises(Refused, match="more than 1000 bytes"):
        decompressed(compressed(b"\0" * 2_000_000), 1000)
