"""What rules find in spans that are really stored, against figures known beforehand."""

import pytest
from compared_windows import spread_calls
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.alerts.rule_file import RuleFile, parse_rules
from spanhouse_backend.alerts.rules import KINDS
from spanhouse_backend.query.wire import document

MS = 1_000_000


# Not the clock's time: what is drawn by chance, and where windows cut it, is the same on every run.
NOW = MONDAY_10H + 3 * HOUR


@pytest.fixture
def judge(house):
    """Judges one rule against the house: `judge("percentile", service=.., above="250ms")`."""

    def run(kind, **fields):
        text = "\n    ".join(f"{name.rstrip('_')}: {value}" for name, value in ({"kind": kind} | fields).items())
        rules = parse_rules(f"rules:\n  - rule: a\n    {text}")
        assert isinstance(rules, RuleFile), rules
        (rule,) = rules.rules
        asked = rule.asks()
        return rule.judge(document(house.ask(asked.question, now_ns=NOW, **asked.texts)))

    return run


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """A fast function and a slow one; one that fails in one of ten calls; one with five calls only."""
    ago = NOW - 5 * MINUTE
    failing = request("alerts", [MS] * 100, name="failing", start_ns=ago)
    for span in failing.resource_spans[0].scope_spans[0].spans[:10]:
        span.status.code = 2
    house.insert(
        request("alerts", [10 * MS] * 100, name="fast", start_ns=ago),
        request("alerts", [10 * MS] * 95 + [400 * MS] * 5, name="slow", start_ns=ago),
        request("alerts", [900 * MS] * 5, name="rare", start_ns=ago),
        failing,
    )


def test_a_percentile_above_the_bound_is_a_breach_and_names_the_function(judge):
    found = judge("percentile", service="alerts", measure="p99", above="250ms")
    assert found.outcome == "breach"
    assert (found.breaching, found.well, found.unknown) == (1, 2, 1)
    assert found.value == pytest.approx(400 * MS, rel=0.0056)
    assert (found.threshold, found.unit, found.calls) == (250 * MS, "ns", 305)
    first = found.measured[0]
    assert (first.group, first.calls) == ({"service": "alerts", "name": "slow"}, 100)
    assert found.summary == "alerts slow: p99 399ms, above 250ms, of 100 calls"


@pytest.mark.parametrize(
    ("measure", "above", "outcome"),
    [
        ("p90", "20ms", "well"),
        ("p95", "20ms", "well"),
        ("p99", "20ms", "breach"),
        ("mean", "29ms", "breach"),
        ("mean", "30ms", "well"),
        ("max", "399999us", "breach"),
        ("max", "400ms", "well"),
    ],
)
def test_each_measure_is_of_the_durations(judge, measure, above, outcome):
    """95 calls of 10 ms and 5 of 400: mean 29.5 ms, everything from p96 on 400 ms; mean and max are exact."""
    assert judge("percentile", service="alerts", name="slow", measure=measure, above=above).outcome == outcome


def test_few_calls_are_neither_well_nor_a_breach(judge):
    """Five calls of 900 ms, and nobody is alarmed; nor told that all is well."""
    found = judge("percentile", service="alerts", name="rare", above="250ms")
    assert (found.outcome, found.value) == ("unknown", None)
    assert found.summary == "nothing known of alerts rare: 5 calls, fewer than 20"
    assert judge("percentile", service="alerts", name="rare", above="250ms", min_calls=5).outcome == "breach"


def test_no_calls_are_neither(judge):
    found = judge("error_rate", service="alerts", name="never", above="1%")
    assert (found.outcome, found.calls) == ("unknown", 0)
    assert found.summary == "nothing known of never of alerts: no calls in 15m"


def test_a_window_ends_now(judge):
    """What was slow five minutes ago is none of the last two minutes."""
    assert judge("percentile", service="alerts", name="slow", above="250ms", window="2m").outcome == "unknown"


@pytest.mark.parametrize(("above", "outcome"), [("9%", "breach"), ("10%", "well"), ("0.0999", "breach")])
def test_the_share_of_errors_is_held_against_the_bound(judge, above, outcome):
    found = judge("error_rate", service="alerts", name="failing", above=above)
    assert (found.outcome, found.value, found.unit) == (outcome, 0.1, "share")


def test_errors_say_how_many_of_how_many(judge):
    found = judge("error_rate", service="alerts", above="2.5%")
    assert found.summary == "alerts failing: 10% failed, above 2.5%: 10 of 100 calls"


def test_groups_are_those_of_the_query_api(judge):
    """All functions of the service together: 10 errors of 305 calls."""
    found = judge("error_rate", service="alerts", group="none", above="3%")
    assert found.value == pytest.approx(10 / 305)
    assert found.summary.startswith("calls of alerts: 3.28% failed, above 3%")


def test_a_filter_is_that_of_the_query_api(judge):
    found = judge("percentile", service="alerts", filter="duration<100ms", above="50ms", measure="max")
    assert found.outcome == "well"


@pytest.mark.parametrize(("at_least", "outcome"), [(100, "well"), (101, "breach")])
def test_absence_counts_calls(judge, at_least, outcome):
    found = judge("absence", service="alerts", name="fast", at_least=at_least)
    assert (found.outcome, found.value, found.threshold) == (outcome, 100, at_least)


def test_what_was_never_there_is_absent(judge):
    found = judge("absence", service="alerts", name="heartbeat")
    assert (found.outcome, found.value) == ("breach", 0)
    assert found.summary == "heartbeat of alerts: 0 calls, fewer than 1"


@pytest.fixture(scope="module")
def regressed(house):
    """Two hours of three functions: one 30% slower in the second, one failing, one the same; and a fourth, rare.

    Gives the number of calls that failed.
    """
    before, after = NOW - 130 * MINUTE, NOW - 60 * MINUTE
    failed = 0
    for name, factor, errors in (("slower", 1.3, 0), ("failing", 1, 0.1), ("same", 1, 0)):
        worse = spread_calls("regressed", name, after, factor=factor, error_share=errors)
        house.insert(spread_calls("regressed", name, before), worse)
        failed += sum(span.status.code == 2 for span in worse.resource_spans[0].scope_spans[0].spans)
    for start in (before, after):
        house.insert(spread_calls("regressed", "rare", start, calls=10))
    return failed


WINDOWS = {"baseline": "130m..70m", "window": "60m", "service": "regressed"}


def test_a_regression_is_the_verdict_of_compare(judge, regressed):
    found = judge("regression", **WINDOWS)
    assert found.outcome == "breach"
    assert (found.breaching, found.well, found.unknown) == (2, 1, 1)
    slower, failing = (one for one in found.measured if one.outcome == "breach")
    assert slower.group == {"service": "regressed", "name": "slower"}
    assert slower.value == pytest.approx(0.3, abs=0.03)
    assert slower.says.startswith("slower (typical")
    assert slower.says.endswith(f" > {slower.calls:,} calls")
    assert failing.group["name"] == "failing"
    assert failing.says.startswith(f"more errors: 0 > {regressed} (p ")
    assert failing.says.endswith("), of 1,800 > 1,800 calls")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"name": "same"}, "well"),
        ({"name": "rare"}, "unknown"),
        ({"name": "failing", "worse": "[slower]"}, "well"),
        ({"name": "failing", "worse": "[errors]"}, "breach"),
        ({"name": "slower", "worse": "[errors]"}, "well"),
        ({"name": "slower", "min_effect": "0.5"}, "well"),
        ({"name": "slower", "baseline": "60m..30m", "window": "29m"}, "well"),
    ],
)
def test_only_what_was_asked_for_counts_as_worse(judge, regressed, fields, outcome):
    assert judge("regression", **(WINDOWS | fields)).outcome == outcome


LENGTHS = st.sampled_from(["1m", "90s", "15m", "1h30m", "2d", "400d"])
SELECTIONS = st.fixed_dictionaries(
    {"service": st.just("nobody")},
    optional={"name": st.sampled_from(["f", "'a b'"]), "filter": st.sampled_from(["status=error", "attr.x>5"])},
)
GROUPS = st.sampled_from(["none", "service", "service,name", "attr.tenant", "kind,status,error.type"])
BOUNDED = {"group": GROUPS, "window": LENGTHS, "min_calls": st.integers(1, 10**9)}
FIELDS = {
    "percentile": st.fixed_dictionaries(
        {"above": st.sampled_from(["1ns", "250ms", "10d"])},
        optional=BOUNDED | {"measure": st.sampled_from(["p50", "p75", "p90", "p95", "p99", "p99.9", "max", "mean"])},
    ),
    "error_rate": st.fixed_dictionaries({"above": st.sampled_from(["0%", "5%", "0.999"])}, optional=BOUNDED),
    "regression": st.fixed_dictionaries(
        {},
        optional={
            "window": st.sampled_from(["1m", "1h"]),
            "baseline": st.sampled_from(["1d..1h", "400d..200d", "2h..61m"]),
            "worse": st.sampled_from(["[slower]", "[errors]", "[errors, slower]"]),
            "alpha": st.sampled_from(["0.5", "0.000001"]),
        },
    ),
    "absence": st.fixed_dictionaries({}, optional={"window": LENGTHS, "at_least": st.integers(1, 10**12)}),
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_any_rule_can_be_judged_where_there_is_nothing(judge, kind, data):
    """Nothing is known of what was never called; only absence is, and is a breach."""
    fields = data.draw(SELECTIONS) | data.draw(FIELDS[kind])
    assert judge(kind, **fields).outcome == ("breach" if kind == "absence" else "unknown")
