"""Inferred schemas: every value that they were inferred from is valid by them, and they say no less than they could."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from spanhouse_backend.query.json_schema import Shape

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=4),
    max_leaves=10,
)


def shape_of(*values):
    shape = Shape()
    for value in values:
        shape.add(value)
    return shape


@given(values=st.lists(VALUES, max_size=6))
def test_what_a_schema_was_inferred_from_is_valid_by_it(values):
    schema = shape_of(*values).schema()
    Draft202012Validator.check_schema(schema)
    for value in values:
        Draft202012Validator(schema).validate(value)


def test_a_schema_says_what_was_seen():
    """Types and their unions, whole numbers and others, nesting, and what all have."""
    shape = shape_of(
        {"user": 40, "at": {"x": 1, "y": 1.5}, "tags": ["a", 1], "note": None},
        {"user": 42, "at": {"x": 2}, "tags": [], "note": "late"},
    )
    assert shape.schema() == {
        "type": "object",
        "properties": {
            "user": {"type": "integer"},
            "at": {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "number"}},
                "required": ["x"],
            },
            "tags": {"type": "array", "items": {"type": ["integer", "string"]}},
            "note": {"type": ["null", "string"]},
        },
        "required": ["user", "at", "tags", "note"],
    }
    assert [tuple(part) for part in shape.parts()] == [
        ("user", ("integer",), 2, True),
        ("at", ("object",), 2, True),
        ("at.x", ("integer",), 2, True),
        ("at.y", ("number",), 1, False),
        ("tags", ("array",), 2, True),
        ("tags[]", ("integer", "string"), 2, False),
        ("note", ("null", "string"), 2, True),
    ]


@pytest.mark.parametrize(
    "other", [{"user": "40", "at": {"x": 1}}, {"user": 1.5, "at": {"x": 1}}, {"user": 1}, {"user": 1, "at": {}}]
)
def test_a_schema_refuses_what_is_unlike_all_that_was_seen(other):
    validator = Draft202012Validator(shape_of({"user": 40, "at": {"x": 1}}, {"user": 2, "at": {"x": 0}}).schema())
    with pytest.raises(ValidationError):
        validator.validate(other)


def test_whole_numbers_and_others_are_numbers_and_booleans_are_not():
    assert shape_of(1, 1.5).schema() == {"type": "number"}
    assert shape_of(1, True).schema() == {"type": ["boolean", "integer"]}
    assert shape_of().schema() == {}


def test_keys_with_dots_are_told_from_nesting():
    parts = shape_of({"a.b": 1, "a": {"b": 2}}).parts()
    assert [part.path for part in parts] == ['"a.b"', "a", "a.b"]
