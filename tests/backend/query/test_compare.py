"""`compare` over the real store: windows are cut into blocks, their histograms fetched, and verdicts given."""

import math

import pytest
from compared_windows import CALLS, spread_calls
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions.compare import BLOCKS, Compare, cut
from spanhouse_backend.query.times import Window

pytestmark = pytest.mark.over_both_stores

SERVICE = "comparing"
# An hour of each; "now" is at the end of the second.
BASELINE, CANDIDATE, NOW = MONDAY_10H, MONDAY_10H + HOUR, MONDAY_10H + 2 * HOUR


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Four functions in both hours, one in the first only; and one in two minutes of half a call a second."""
    for name, factor, errors in (("slower", 1.3, 0), ("faster", 0.7, 0), ("same", 1, 0), ("failing", 1, 0.2)):
        house.insert(
            spread_calls(SERVICE, name, BASELINE, error_share=0.01 if errors else 0),
            spread_calls(SERVICE, name, CANDIDATE, factor=factor, error_share=errors),
        )
    house.insert(spread_calls(SERVICE, "gone", BASELINE))
    tests = MONDAY_10H + 3 * HOUR
    house.insert(
        *(spread_calls(SERVICE, "job", tests + n * MINUTE, factor=1 + n, calls=200, over_ns=MINUTE) for n in range(2))
    )


@pytest.fixture
def compare(house):
    def ask(baseline="2h..1h", candidate="1h", now_ns=NOW, **texts):
        return house.ask(Compare, now_ns=now_ns, service=SERVICE, baseline=baseline, candidate=candidate, **texts)

    return ask


def test_functions_that_changed_are_told_from_those_that_did_not(compare):
    """Slower first, with the factor and the percentiles; what is in one window only is said, not judged."""
    answer = compare()
    verdicts = {row.name: (row.verdict, row.errors) for row in answer.rows}
    assert verdicts == {
        "slower": ("slower", "same"),
        "failing": ("same", "more"),
        "faster": ("faster", "same"),
        "same": ("same", "same"),
    }
    slower = answer.rows[0]
    assert slower.name == "slower"
    assert slower.shift == pytest.approx(1.3, rel=0.05)
    assert slower.superiority_low > 0.5
    median = slower.percentiles[0]
    assert median.ratio_low < 1.3 < median.ratio_high * 1.05
    assert median.baseline_ns == pytest.approx(math.exp(15), rel=0.05)
    assert (slower.baseline_calls, slower.candidate_calls) == (CALLS, CALLS)
    assert slower.candidate_calls_per_second == pytest.approx(0.5)
    assert answer.notes == ("1 functions were called in the baseline only, and are not compared",)


def test_the_answer_says_where_it_comes_from_and_over_what(compare, house):
    """Hours are read from rollups, the windows do not touch; the document over REST is the same."""
    answer = compare()
    assert (answer.source, answer.accuracy) == ("rollup_1m", "bucketed")
    assert (answer.baseline_from_unix_ns, answer.baseline_to_unix_ns) == (BASELINE, CANDIDATE)
    assert (answer.from_ns, answer.to_ns) == (CANDIDATE, NOW)
    path = "/api/v1/compare?service=comparing&baseline=2026-01-05T10:00Z..2026-01-05T11:00Z"
    response = house.get(f"{path}&candidate=2026-01-05T11:00Z..2026-01-05T12:00Z")
    assert response.status_code == 200
    document = response.json()
    assert [(row["name"], row["verdict"]) for row in document["rows"]] == [(r.name, r.verdict) for r in answer.rows]
    assert len(document["rows"][0]["percentiles"]) == 4


def test_windows_of_minutes_are_compared_by_their_spans(compare):
    """A test run of a minute before and after a change is enough, cut into blocks of seconds."""
    start = MONDAY_10H + 3 * HOUR
    answer = compare("2m..1m", "1m", now_ns=start + 2 * MINUTE)
    (row,) = answer.rows
    assert (answer.source, row.name, row.verdict) == ("raw", "job", "slower")
    assert row.shift == pytest.approx(2, rel=0.2)
    assert row.baseline_calls == row.candidate_calls == 200


def test_everything_before_may_be_the_baseline(house, compare):
    """A baseline from long before there were calls is cut to when they begin, so that its blocks have some.

    Whatever else is stored: somebody else's spans from years before do not make this service's baseline longer.
    """
    house.insert(request("before-comparing", [1000], start_ns=BASELINE - 400 * 24 * HOUR))
    rows = compare("2000d..1h", "1h").rows
    assert [row.verdict for row in rows if row.name == "slower"] == ["slower"]


@pytest.mark.parametrize("seconds", [1, 7, 60, 1199, 1200, 3600, 86_400, 200_000, 10_000_000])
def test_blocks_are_some_twenty_and_stay_within_their_window(seconds):
    """Of whole minutes or hours where the window is long enough, so that rollups answer; never beyond its end."""
    window = Window(MONDAY_10H + 1, MONDAY_10H + 1 + seconds * 10**9)
    steps = cut(window)
    assert 1 <= len(steps.starts) <= BLOCKS
    assert len(steps.starts) >= min(BLOCKS // 2 - 1, seconds - 1)
    assert window.from_ns <= steps.window.from_ns < steps.window.to_ns <= window.to_ns + 10**9
    assert steps.whole(60) == (seconds >= 1200)
    assert steps.whole(3600) == (seconds >= 48 * 3600)


def test_filters_and_limits_apply(compare):
    """Only calls that the filter takes are compared, and the limit cuts the rows, not the tests."""
    assert [row.name for row in compare(filter="name=faster").rows] == ["faster"]
    assert [row.name for row in compare(limit="1").rows] == ["slower"]
    assert {row.verdict for row in compare(min_effect="0.5").rows} == {"same"}


@pytest.mark.parametrize(
    ("texts", "parameter", "problem"),
    [
        ({"baseline": "yesterday..1h"}, "baseline", "not a time"),
        ({"candidate": "1h..2h"}, "candidate", "not later than since"),
        ({"baseline": "2h", "candidate": "1h"}, "candidate", "overlaps with the baseline"),
        ({"alpha": "0"}, "alpha", "not a number from"),
        ({"min_effect": "-1"}, "min_effect", "not a number from"),
        ({"min_effect": "much"}, "min_effect", "not a number from"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(compare, texts, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        compare(**texts)
    assert refused.value.parameter == parameter
