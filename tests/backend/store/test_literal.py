"""SQL written out: only what needs no quoting."""

import pytest

from spanhouse_backend.store.literal import written_out


def test_each_type_is_written_as_the_engine_reads_it():
    sql = "ALTER TABLE {table:Identifier} MODIFY COMMENT {mark:String} -- {seconds:UInt32} {table:Identifier}"
    values = {"table": "otel_traces", "mark": "spanhouse 0123abcd", "seconds": 7}
    assert written_out(sql, values) == "ALTER TABLE otel_traces MODIFY COMMENT 'spanhouse 0123abcd' -- 7 otel_traces"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's"),
        ("String", "a\\"),
        ("String", "a\n"),
        ("Identifier", "a b"),
        ("Identifier", "1a"),
        ("Identifier", "t;"),
        ("Identifier", ""),
        ("UInt32", "-1"),
        ("UInt32", "1 OR 1"),
        ("UInt32", 2**40),
    ],
)
def test_what_would_need_quoting_is_refused(kind, value):
    with pytest.raises(ValueError, match=r"^x: .* cannot be written out"):
        written_out(f"SELECT {{x:{kind}}}", {"x": value})
