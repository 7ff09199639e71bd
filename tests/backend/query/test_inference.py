"""The statistics behind `compare` agree with published examples and with brute force."""

import itertools
import math
import random
from collections import Counter

import pytest

from spanhouse_backend.query.inference import (
    ZERO_BUCKET,
    Blocks,
    Mean,
    adjusted,
    compared,
    error_rates,
    exceedance,
    midpoint_ns,
    quantile,
    quantile_interval,
    student_p_value,
    student_quantile,
    superiority,
)


def one_call_a_block(*values):
    """Every call a block of its own: independent calls, the case that textbooks treat."""
    return Blocks(tuple({value: 1} for value in values), (0,) * len(values))


def test_it_is_brunner_and_munzels_test_when_calls_are_independent():
    """Their own example (2000, pain scores after surgery, many ties): statistic 3.1375, p 0.005786, P 0.7890."""
    mild = one_call_a_block(1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1)
    severe = one_call_a_block(3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4)
    test = superiority(mild, severe)
    assert test.difference / test.error == pytest.approx(3.1374674823029505, rel=1e-9)
    assert test.p_value == pytest.approx(0.0057862086661515377, rel=1e-6)
    assert 0.5 + test.difference == pytest.approx(0.788961, abs=1e-6)
    low, high = test.interval(0.05)
    assert (0.5 + low, 0.5 + high) == pytest.approx((0.5952169, 0.9827052), abs=1e-6)


def test_its_probability_is_mann_and_whitneys_u_over_the_pairs():
    """The textbook's ages at diagnosis give U = 17 of 20 for men; with ties it is what counting pairs gives."""
    men, women = (19, 22, 16, 29, 24), (20, 11, 17, 12)
    assert 0.5 + superiority(one_call_a_block(*women), one_call_a_block(*men)).difference == pytest.approx(17 / 20)
    chance = random.Random(1)
    for _ in range(50):
        first, second = ([chance.randint(0, 9) for _ in range(chance.randint(2, 40))] for _ in range(2))
        wins = sum((b > a) + (b == a) / 2 for a, b in itertools.product(first, second))
        found = 0.5 + superiority(one_call_a_block(*first), one_call_a_block(*second)).difference
        assert found == pytest.approx(wins / len(first) / len(second))


def test_blocks_of_calls_that_resemble_each_other_count_as_the_few_that_they_are():
    """A hundred copies of each call change nothing but the number of pairs: neither the error nor the p-value."""
    chance = random.Random(2)
    values = [[chance.gauss(100 + 20 * shift, 30) // 1 for _ in range(12)] for shift in range(2)]
    single = superiority(*(one_call_a_block(*map(int, window)) for window in values))
    copied = superiority(*(Blocks(tuple({int(v): 100} for v in window), (0,) * 12) for window in values))
    assert (copied.difference, copied.error) == pytest.approx((single.difference, single.error))
    assert copied.p_value == pytest.approx(single.p_value)


@pytest.mark.parametrize(
    ("freedom", "level", "value"),
    [
        (1, 0.975, 12.7062),
        (2, 0.95, 2.91999),
        (5, 0.975, 2.57058),
        (10, 0.975, 2.22814),
        (10, 0.995, 3.16927),
        (30, 0.95, 1.69726),
        (120, 0.975, 1.97993),
        (1e6, 0.975, 1.95996),
    ],
)
def test_students_t_is_that_of_the_tables(freedom, level, value):
    assert student_quantile(level, freedom) == pytest.approx(value, rel=1e-5)
    assert student_p_value(value, freedom) == pytest.approx(2 * (1 - level), rel=1e-4)
    assert student_p_value(0, freedom) == pytest.approx(1)


def test_benjamini_and_hochberg_reject_what_they_did():
    """Their example of 1995: fifteen tests of a treatment of heart attacks, of which four are rejected at 0.05."""
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    published += [0.6528, 0.7590, 1.0000]
    shuffled = random.Random(3).sample(published, len(published))
    found = dict(zip(shuffled, adjusted(shuffled), strict=True))
    assert [p for p in published if found[p] <= 0.05] == [0.0001, 0.0004, 0.0019, 0.0095]
    assert found[0.0001] == pytest.approx(0.0015)
    assert found[1.0] == 1
    assert adjusted([]) == []


def test_quantiles_are_nearest_rank():
    """The smallest bucket with at least that share of the calls at or below it, for every level and any counts."""
    chance = random.Random(4)
    for _ in range(100):
        values = sorted(chance.randint(-5, 20) for _ in range(chance.randint(1, 60)))
        for level in (0, 0.1, 0.5, 0.9, 0.99, 1):
            expected = values[max(1, math.ceil(level * len(values) - 1e-9)) - 1]
            assert quantile(Counter(values), level) == expected


def test_intervals_of_quantiles_cover_the_truth_as_often_as_they_say():
    """95% of Woodruff's intervals contain the true quantile, within three standard errors of 400 trials, or more."""
    chance = random.Random(5)
    truths = {0.5: 0.0, 0.9: 1.2815515655, 0.99: 2.326347874}
    missed = Counter()
    for _ in range(400):
        blocks = tuple(Counter(round(100 * chance.gauss(0, 1)) for _ in range(100)) for _ in range(20))
        for level, truth in truths.items():
            low, high = quantile_interval(Blocks(blocks, (0,) * 20), level, 0.05)
            missed[level] += not low - 1 <= 100 * truth <= high + 1
    for level in truths:
        assert missed[level] / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400), level


def test_the_tail_test_sees_what_the_place_test_does_not():
    """The slowest 2% twice as slow: p99's share above the common bound changes, the place of a call hardly does."""
    chance = random.Random(6)

    def window(slowdown):
        blocks = []
        for _ in range(20):
            values = [chance.gauss(1000, 20) for _ in range(1000)]
            blocks.append(Counter(round(v + slowdown) if chance.random() < 0.02 else round(v) for v in values))
        return Blocks(tuple(blocks), (0,) * 20)

    before, after = window(0), window(64)
    assert exceedance(before, after, 0.99).p_value < 1e-6
    assert exceedance(before, after, 0.99).difference > 0.005
    assert abs(superiority(before, after).difference) < 0.02


def test_error_rates_are_compared_between_blocks():
    """Errors that come in one burst are no evidence of more; the same number in every block is."""
    calls = ({0: 100},) * 20
    none, burst, spread = (Blocks(calls, errors) for errors in ((1,) * 20, (1,) * 19 + (100,), (6,) * 20))
    assert error_rates(none, burst).p_value > 0.1
    assert error_rates(none, spread).p_value < 1e-3
    assert error_rates(none, spread).difference == pytest.approx(0.05)
    assert error_rates(none, none).p_value == pytest.approx(1)


def test_windows_without_any_spread_are_judged_by_how_their_blocks_could_be_dealt():
    """Five blocks of one duration, then five of another: 2 of the 252 ways to deal ten blocks are as extreme."""
    same, other = one_call_a_block(*[7] * 5), one_call_a_block(*[9] * 5)
    assert superiority(same, other).p_value == pytest.approx(2 / math.comb(10, 5))
    assert superiority(same, other).difference == pytest.approx(0.5)
    assert superiority(same, same).p_value == 1
    assert compared(Mean(1, 0, 1), Mean(1, 0, 1), (2, 2)).interval(0.05) == (0, 0)


def test_buckets_are_read_at_their_geometric_middle():
    """Within 0.55% of either end; the bucket of zero is zero."""
    assert midpoint_ns(ZERO_BUCKET) == 0
    for bucket in (0, 640, 1915):
        low, high = 2 ** (bucket / 64), 2 ** ((bucket + 1) / 64)
        assert max(midpoint_ns(bucket) / low, high / midpoint_ns(bucket)) < 1.0055
