"""Windows are cut where clocks show round times, in every time zone, also when clocks jump."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions.series import Series
from spanhouse_backend.query.steps import DEFAULT_STEPS, MAX_STEPS, Stepping
from spanhouse_backend.query.times import SECOND_NS, Window

NOW = 1_767_607_200 * SECOND_NS  # 2026-01-05T10:00:00Z, a Monday


def cut(since, until, seconds, zone="UTC"):
    """Where the steps of a window given in the zone's own time begin, as its clock shows it."""
    here = ZoneInfo(zone)
    begin, end = (int(datetime.fromisoformat(text).replace(tzinfo=here).timestamp()) for text in (since, until))
    steps = Stepping(seconds, zone).cut(Window(begin * SECOND_NS, end * SECOND_NS))
    return [datetime.fromtimestamp(start, here).strftime("%m-%d %H:%M") for start in (*steps.starts, steps.end)]


def test_steps_begin_at_round_times_and_cover_the_window():
    assert cut("2026-01-05 10:07", "2026-01-05 10:31", 900) == [
        "01-05 10:00",
        "01-05 10:15",
        "01-05 10:30",
        "01-05 10:45",
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham"])
def test_hours_and_days_are_those_of_the_zone(zone):
    assert cut("2026-01-05 10:20", "2026-01-05 12:00", 3600, zone) == ["01-05 10:00", "01-05 11:00", "01-05 12:00"]
    assert cut("2026-01-05 10:20", "2026-01-06 12:00", 86_400, zone) == ["01-05 00:00", "01-06 00:00", "01-07 00:00"]


def test_weeks_begin_on_mondays():
    assert cut("2026-01-07 10:20", "2026-01-15 12:00", 7 * 86_400) == ["01-05 00:00", "01-12 00:00", "01-19 00:00"]


def test_days_are_23_or_25_hours_long_when_clocks_jump():
    spring = Stepping(86_400, "Europe/Berlin").cut(Window(1_774_738_800 * SECOND_NS, 1_774_990_000 * SECOND_NS))
    lengths = [
        (after - start) // 3600 for start, after in zip(spring.starts, (*spring.starts[1:], spring.end), strict=True)
    ]
    assert lengths == [23, 24, 24]
    # In Havana the clock jumps at midnight: the day begins at one.
    assert cut("2026-03-07 12:00", "2026-03-09 12:00", 86_400, "America/Havana") == [
        "03-07 00:00",
        "03-08 01:00",
        "03-09 00:00",
        "03-10 00:00",
    ]


@given(
    st.integers(10**9, 2 * 10**9),
    st.integers(1, 10**8),
    st.sampled_from([0, 60, 3600, 6 * 3600, 86_400, 3 * 86_400, 7 * 86_400]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_steps_are_in_order_and_cover_the_window_without_a_step_to_spare(begin, length, seconds, zone):
    window = Window(begin * SECOND_NS, (begin + length) * SECOND_NS)
    try:
        steps = Stepping(seconds, zone).cut(window)
    except InvalidQuestion:
        assert length // seconds >= MAX_STEPS
        return
    assert list(steps.starts) == sorted(set(steps.starts))
    assert steps.starts[0] <= begin
    assert len(steps.starts) == 1 or steps.starts[1] > begin
    assert steps.starts[-1] < begin + length <= steps.end
    assert seconds or len(steps.starts) <= DEFAULT_STEPS + 2


@pytest.mark.parametrize(
    ("texts", "parameter", "problem"),
    [
        ({"step": "soon"}, "step", "is not a length of time"),
        ({"step": "500ms"}, "step", "is not a whole number of seconds"),
        ({"step": "1.5s"}, "step", "is not a whole number of seconds"),
        ({"step": "0s"}, "step", "is not a whole number of seconds"),
        ({"step": "25h"}, "step", "longer than a day, and not of whole days"),
        ({"timezone": "Europe/Atlantis"}, "timezone", "is not a time zone's name"),
        ({"timezone": "../../etc/passwd"}, "timezone", "is not a time zone's name"),
    ],
)
def test_a_bad_step_is_refused_by_name(texts, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        Series.read(texts, NOW)
    assert refused.value.parameter == parameter


def test_too_many_steps_are_refused():
    with pytest.raises(InvalidQuestion, match="more than 2000 such steps"):
        Stepping(1, "UTC").cut(Window(NOW, NOW + 3000 * SECOND_NS))
