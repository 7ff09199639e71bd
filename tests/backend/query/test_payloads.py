"""Payloads of events come back as they were put; what is no payload is never what JSON cannot write."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.query.payloads import MAX_CHARACTERS, MAX_DEPTH, payload

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.@é", max_size=3), inner, max_size=3),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.text("abc.@é", max_size=4), JSON_VALUES, max_size=4)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@given(put=PAYLOADS)
def test_a_payload_comes_back_with_its_types_and_its_nesting(put):
    """Whatever its attributes were made of: 1 is no 1.0 and no "1", and what was null is null."""
    attributes = {key: value if isinstance(value, str) else compact(value) for key, value in put.items()}
    assert compact(payload(compact(put), attributes)) == compact(put)


@given(value=JSON_VALUES.filter(lambda value: value is not None and not isinstance(value, str)))
def test_without_a_body_types_are_read_off_the_attributes(value):
    assert compact(payload("", {"key": compact(value)})["key"]) == compact(value)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_known_in_the_engines_spelling_too(value):
    """1e300 and 1e-7, where Python writes 1e+300 and 1e-07; and in lists."""
    text = compact(value).replace("e+", "e").replace("e-0", "e-")
    assert payload("", {"one": text, "list": f"[{text}]"}) == {"one": value, "list": [value]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("40", 40),
        ("-0.5", -0.5),
        ("1e300", 1e300),
        ("1e-7", 1e-7),
        ("true", True),
        ('["a/b",1,null]', ["a/b", 1, None]),
        ('{"a":1}', {"a": 1}),
        ("007", "007"),
        ("1.50", "1.50"),
        ("+1", "+1"),
        ("1_000", "1_000"),
        ("null", "null"),
        ('"quoted"', '"quoted"'),
        ("nan", "nan"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("1e999", "1e999"),
        ("[1, 2]", "[1, 2]"),
        ('{"a":1,"a":1}', '{"a":1,"a":1}'),
        ("True", "True"),
        ("", ""),
    ],
)
def test_an_attribute_is_what_its_text_is_in_canonical_json_or_the_text(text, value):
    found = payload("", {"key": text})["key"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "body",
    [
        "user logged in",
        "[1,2]",
        "40",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": ',
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a":[' + "[]," * (MAX_CHARACTERS // 3) + "[]]}",
    ],
    ids=lambda body: body[:20],
)
def test_a_body_that_is_no_object_is_kept_as_a_text_beside_the_attributes(body):
    """Also one that JSON could not write again, or that is nested deeper than anybody can read."""
    found = payload(body, {"user": "40"})
    assert found == {"user": 40, "@body": body}
    json.dumps(found, allow_nan=False).encode()


def test_of_a_payload_id_and_time_are_those_of_the_event():
    """They are given to what is read; others that begin with @ are keys like any."""
    assert payload('{"@id":"x","@time":1,"@library":"y","a":1}', {}) == {"@library": "y", "a": 1}
