"""The estimate of what JSON takes is never too little, and lets ordinary requests pass at the largest size."""

import gc
import tracemalloc

import pytest
from json_bombs import JSON_BOMBS, ordinary

from spanhouse_backend.errors import TooLarge
from spanhouse_backend.ingest.json_weight import MEMORY_FACTOR, check_reading, reading_bytes
from spanhouse_backend.ingest.otlp_json import traces_to_protobuf
from spanhouse_backend.settings import read_settings

SIZE = 1 << 18
LARGEST = read_settings({}).max_json_bytes


@pytest.mark.parametrize("kind", JSON_BOMBS)
def test_no_document_takes_more_than_was_estimated(kind):
    document = JSON_BOMBS[kind](SIZE)
    gc.collect()
    tracemalloc.start()
    try:
        traces_to_protobuf(document)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken <= reading_bytes(document)


def test_a_document_that_would_take_too_much_is_refused_unread():
    with pytest.raises(TooLarge, match="send its spans in several requests, or in protobuf"):
        check_reading(JSON_BOMBS["empty spans"](LARGEST // 2), MEMORY_FACTOR * LARGEST)


def test_an_ordinary_document_of_the_largest_size_is_read():
    check_reading(ordinary(LARGEST), MEMORY_FACTOR * LARGEST)
