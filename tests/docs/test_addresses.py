"""Examples are pointed at a test's server, whatever ports it was given."""

from types import SimpleNamespace

from doc_pages import at


def test_a_port_that_begins_with_the_other_default_stays_whole():
    server = SimpleNamespace(grpc="127.0.0.1:43181", http="127.0.0.1:43170")
    text = "curl http://127.0.0.1:4318/healthz; serve --grpc 127.0.0.1:4317; of another: 127.0.0.1:43175"
    moved = "curl http://127.0.0.1:43170/healthz; serve --grpc 127.0.0.1:43181; of another: 127.0.0.1:43175"
    assert at(text, server) == moved
