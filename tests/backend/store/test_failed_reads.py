"""A read that fails does no harm to the reads after it."""

import pytest

from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.store.store import READERS

# Fails after it has put out thousands of rows.
HALF_WAY = (
    "SELECT number, throwIf(number = 500000) FROM numbers(600000) SETTINGS max_block_size = 1000, max_threads = 1"
)


def test_what_a_failed_read_had_put_out_is_in_no_other_answer(house):
    """The engine keeps such rows on the handle, and would begin its next answer with them."""
    for _ in range(3):
        for _ in range(READERS):
            with pytest.raises(StoreUnavailable, match="throwIf"):
                house.run(house.store.fetch(HALF_WAY, {}))
        for text in ("one", "two", "three"):
            assert house.run(house.store.fetch("SELECT {text:String} AS text", {"text": text})).rows == [(text,)]
