"""YAML is read as texts, lists and mappings with their lines; what could hide something is refused."""

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.declared.plain_yaml import NotPlainError, read_plain_yaml


def test_everything_is_the_text_that_was_written():
    """No sexagesimal numbers, no falsehoods, no dates: 08:30 is what the schema makes of it."""
    text = "at: 10:30\nno: off\nday: 2026-01-31\nnumber: 0x10\nempty:\nquoted: ''\nlist: [1, ~, 'a b']\n"
    assert read_plain_yaml(text).value == {
        "at": "10:30",
        "no": "off",
        "day": "2026-01-31",
        "number": "0x10",
        "empty": None,
        "quoted": "",
        "list": ["1", None, "a b"],
    }


def test_each_value_has_the_line_of_its_key_or_its_own():
    lines = read_plain_yaml("# a comment\nrules:\n  - rule: a\n    filter: >\n      b\n  -\n    rule: c\n").lines
    assert lines[("rules",)] == 2
    assert lines[("rules", 0)] == lines[("rules", 0, "rule")] == 3
    assert lines[("rules", 0, "filter")] == 4
    assert lines[("rules", 1, "rule")] == 7


def test_nothing_at_all_is_nothing():
    assert read_plain_yaml("").value is None
    assert read_plain_yaml("# only words\n").value is None


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("a: 1\nb: !!python/object:os.system {}\n", 2, "tags"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice"),
        ("a: 1\n---\nb: 2\n", 3, "second document"),
        ("a:\n\t- 1\n", 2, "cannot start any token"),
        ("? [a]\n: 1\n", 1, "a key is to be a plain word"),
        ("a: 'open\n", 2, "unexpected end"),
        ("a: 1\nb: \x00\n", 2, "not allowed"),
        (f"a: {'[' * 40}{']' * 40}\n", 1, "nested deeper"),
        ("x" * 300_000, 1, "more than"),
    ],
    ids=["alias", "tag", "twice", "documents", "tab", "key", "quote", "control", "deep", "long"],
)
def test_what_is_not_plain_is_refused_where_it_stands(text, line, problem):
    with pytest.raises(NotPlainError, match=problem) as refused:
        read_plain_yaml(text)
    assert refused.value.line == line


VALUES = st.recursive(
    st.text(alphabet=st.characters(categories=("L", "N", "P", "Zs")), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet=st.characters(categories=("L", "N")), min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_a_yaml_library_writes_is_read_back(value):
    """Held against PyYAML's own writer, texts in quotes so that none is a null."""
    written = yaml.safe_dump(value, default_style="'", allow_unicode=True)
    if "!!" not in written:
        assert read_plain_yaml(written).value == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    """Nothing but NotPlainError comes out, whatever goes in."""
    with contextlib.suppress(NotPlainError):
        read_plain_yaml(text)
