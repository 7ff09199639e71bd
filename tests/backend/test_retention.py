"""How long rows are kept, as people write it."""

import pytest

from spanhouse_backend.errors import InvalidQuestion, SettingsError
from spanhouse_backend.retention import DEFAULT_RETENTION, FOREVER, parse_retention, retention_text
from spanhouse_backend.settings import read_settings

DAY = 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("spans=7d", {"spans": 7 * DAY}),
        (" spans = 12h , hour=2y,", {"spans": DAY // 2, "hour": 730 * DAY}),
        ("minute=8w,rejected=0", {"minute": 56 * DAY, "rejected": FOREVER}),
        ("hour=forever,spans=90s", {"hour": FOREVER, "spans": 90}),
        ("hour=50y,hour=15m", {"hour": 900}),
    ],
)
def test_what_is_written_is_read_and_what_is_read_is_written(text, seconds):
    """The text that is shown for a retention is one that may be given."""
    assert parse_retention(text) == seconds
    assert parse_retention(retention_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' says nothing"),
        ("7d", "'7d' is not NAME=AGE"),
        ("days=7d", "there is no 'days'; there are spans, minute, hour, logs, metrics, rejected"),
        ("spans=7", "spans: '7' is not an age such as 12h"),
        ("spans=-7d", "spans: '-7d' is not"),
        ("spans=0d", "spans: '0d' is not"),
        ("spans=51y", "at most 50y"),
        ("spans=\N{ARABIC-INDIC DIGIT SEVEN}d", "is not an age"),
        ("spans=7d'); DROP TABLE otel_traces", "is not an age"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_part(text, problem):
    with pytest.raises(InvalidQuestion) as refused:
        parse_retention(text)
    assert problem in refused.value.problem


def test_as_a_setting_it_changes_only_what_it_names_and_is_refused_by_the_options_name():
    assert read_settings({}).retention == {}
    assert read_settings({"retention": "spans=1d"}).retention == {"spans": DAY}
    with pytest.raises(SettingsError, match=r"^--retention: there is no 'events'"):
        read_settings({"retention": "events=1d"})
    assert set(DEFAULT_RETENTION) == {"spans", "minute", "hour", "logs", "metrics", "rejected"}


def test_fsync_is_off_unless_it_is_on():
    assert not read_settings({}).fsync
    assert read_settings({"fsync": "on"}).fsync
    with pytest.raises(SettingsError, match=r"^--fsync: 'yes' is none of on, off"):
        read_settings({"fsync": "yes"})
