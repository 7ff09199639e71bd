"""Python's levels and OpenTelemetry's severities, held against OpenTelemetry's own handler."""

import pytest
from opentelemetry.instrumentation.log_utils import std_to_otel

from spanhouse_backend.ingest.python_levels import (
    level_of_severity,
    name_of_severity,
    severity_of_level,
    severity_of_word,
    text_of_level,
)


def test_levels_are_the_severities_that_opentelemetrys_handler_makes_of_them():
    """But for those below DEBUG, which have none there."""
    for level in [*range(10, 80), 10**6]:
        assert severity_of_level(level) == std_to_otel(level).value, level
    assert {severity_of_level(level) for level in range(1, 10)} == {1}
    assert (severity_of_level(0), severity_of_level(-5)) == (0, 0)


def test_a_severity_comes_back_as_the_level_that_it_was_of():
    for level in [0, 10, 20, 21, 22, 23, 30, 33, 40, 50, 53]:
        assert level_of_severity(severity_of_level(level)) == level
    for number in range(1, 25):
        assert severity_of_level(level_of_severity(number)) == (number if number > 4 else 1)
    assert level_of_severity(255) == level_of_severity(24)


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("trace", 1),
        ("DEBUG", 5),
        (" Info ", 9),
        ("notice", 10),
        ("WARNING", 13),
        ("warn", 13),
        ("err", 17),
        ("LOUD", 0),
    ],
)
def test_words_are_known_in_any_spelling(word, number):
    assert severity_of_word(word) == number


def test_a_severity_has_the_name_of_its_four_numbers():
    assert [name_of_severity(number) for number in (0, 1, 5, 12, 13, 20, 24, 25)] == [
        "", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", ""
    ]  # fmt: skip
    assert [text_of_level(name) for name in ("WARNING", "CRITICAL", "NOTICE")] == ["WARN", "FATAL", "NOTICE"]
