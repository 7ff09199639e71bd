"""Words for durations, and names that must not steer a terminal."""

import pytest

from spanhouse_backend.cli.output import duration, printable


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0ns"),
        (5, "5ns"),
        (95.31, "95.3ns"),
        (999, "999ns"),
        (999.5, "1us"),
        (1_254, "1.25us"),
        (999_499, "999us"),
        (999_500, "1ms"),
        (12_540_000, "12.5ms"),
        (1_000_000_000, "1s"),
        (999_400_000_000, "999s"),
        (20_640_000_000_000, "20,640s"),
    ],
)
def test_durations_have_three_significant_digits_and_a_unit(nanoseconds, text):
    assert duration(nanoseconds) == text


def test_control_characters_of_a_name_are_shown_and_not_sent():
    assert printable("a\x1b[2J\nb\u202e é") == "a\\x1b[2J\\nb\\u202e é"
