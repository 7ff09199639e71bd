"""`compare` raises few false alarms, also when calls resemble their neighbours, and notices changes that matter.

Every trial is seeded, so the measured rates are the same on every run.
"""

import math
import random
import time
from collections import Counter

import pytest

from spanhouse_backend.query.comparison import ALPHA, compare, geometric_shift
from spanhouse_backend.query.inference import ZERO_BUCKET, Blocks

BLOCKS = 20
TRIALS = 200
# What a true rate of ALPHA may look like over so many trials: three standard errors more.
MARGIN = 3 * math.sqrt(ALPHA * (1 - ALPHA) / TRIALS)


def bucket(duration_ns):
    return ZERO_BUCKET if duration_ns < 1 else math.ceil(math.log2(duration_ns) * 64) - 1


def lognormal(chance, _state):
    return math.exp(chance.gauss(13, 0.5))


def bimodal(chance, _state):
    """A cache: hits and, once in four calls, misses that take twenty times as long."""
    return math.exp(chance.gauss(10, 0.2)) * (20 if chance.random() < 0.25 else 1)


def heavy_tail(chance, _state):
    return 1e5 * chance.paretovariate(1.2)


def correlated(chance, state):
    """An AR(1) load that slows the calls of one minute together, and the next minute's by 60% of that."""
    return math.exp(chance.gauss(13, 0.3) + state)


def window(chance, draw, *, calls=1000, slower=1.0, tail=1.0):
    """One window: three minutes a block. `tail` multiplies the slowest 2%."""
    blocks, load = [], chance.gauss(0, 0.2)
    for _ in range(BLOCKS):
        block = Counter()
        for _ in range(3):
            load = 0.6 * load + chance.gauss(0, 0.16)
            for _ in range(calls // BLOCKS // 3):
                value = draw(chance, load) * slower
                block[bucket(value * tail if chance.random() < 0.02 else value)] += 1
        blocks.append(block)
    return Blocks(tuple(blocks), tuple(sum(chance.random() < 0.01 for _ in range(calls // BLOCKS)) for _ in blocks))


def rate(pairs, told):
    """Among single comparisons, the share of which `told` is true."""
    return sum(told(compare([pair])[0]) for pair in pairs) / len(pairs)


@pytest.mark.parametrize("draw", [lognormal, bimodal, heavy_tail, correlated])
def test_no_change_is_called_one_no_more_often_than_alpha(draw):
    """5% of comparisons at most, plus three standard errors, over four shapes; of latency and of errors both."""
    chance = random.Random(draw.__name__)
    pairs = [(window(chance, draw), window(chance, draw)) for _ in range(TRIALS)]
    assert rate(pairs, lambda found: found.verdict != "same" or found.errors != "same") <= ALPHA + MARGIN


def test_a_test_of_independent_calls_would_raise_many_false_alarms_where_ours_does_not():
    """The reason for blocks: the same correlated calls, each taken for itself, are called different often."""
    chance = random.Random("naive")
    pairs = [(window(chance, correlated), window(chance, correlated)) for _ in range(40)]
    ours = rate(pairs, lambda found: found.verdict != "same")
    naive = rate([tuple(map(_as_independent, pair)) for pair in pairs], lambda found: found.verdict != "same")
    assert ours <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / 40)
    assert naive > 0.3


def _as_independent(blocks):
    """The same calls, dealt out into blocks at random."""
    calls = list(blocks.total.elements())
    random.Random(len(calls)).shuffle(calls)
    return Blocks(tuple(Counter(calls[start::BLOCKS]) for start in range(BLOCKS)), blocks.errors)


def test_among_many_functions_that_did_not_change_hardly_any_is_called_changed():
    """Sixty functions compared at once: one round in twenty may have a false alarm at all, not each of them three."""
    chance = random.Random("many")
    rounds = [
        [(window(chance, lognormal, calls=300), window(chance, lognormal, calls=300)) for _ in range(60)]
        for _ in range(5)
    ]
    alarms = [sum(found.verdict != "same" for found in compare(pairs)) for pairs in rounds]
    assert sum(alarm > 0 for alarm in alarms) <= 1


@pytest.mark.parametrize(
    ("draw", "calls", "change", "what"),
    [
        (lognormal, 3000, {"slower": 1.1}, "typical"),
        (lognormal, 1000, {"slower": 1.2}, "typical"),
        (bimodal, 3000, {"slower": 1.1}, "typical"),
        (correlated, 3000, {"slower": 1.5}, "typical"),
        (lognormal, 20_000, {"tail": 4.0}, "p99"),
    ],
)
def test_changes_that_matter_are_noticed(draw, calls, change, what):
    """10% and 20% slower, and a much slower tail, in at least 8 of 10 comparisons, with what of it changed."""
    chance = random.Random(f"{draw.__name__}{calls}")
    trials = 10
    pairs = [(window(chance, draw, calls=calls), window(chance, draw, calls=calls, **change)) for _ in range(trials)]
    found = [compare([pair])[0] for pair in pairs]
    assert sum(one.verdict == "slower" and what in one.changed for one in found) >= 8
    backwards = [compare([(after, before)])[0] for before, after in pairs]
    assert sum(one.verdict == "faster" and what in one.changed for one in backwards) >= 8


def test_a_p99_twice_as_slow_is_noticed_though_the_median_is_not_slower():
    """Only one percentile moves, and its interval says by how much."""
    chance = random.Random("p99")

    def draw(chance, _state):
        return math.exp(chance.gauss(13, 0.05))

    before = window(chance, draw, calls=20_000)
    found = compare([(before, window(chance, draw, calls=20_000, tail=2.0))])[0]
    assert (found.verdict, found.changed) == ("slower", ("p99",))
    shifts = {shift.level: shift for shift in found.percentiles}
    assert shifts[0.5].ratio == pytest.approx(1, abs=0.02)
    assert 1.5 < shifts[0.99].ratio_low <= shifts[0.99].ratio <= shifts[0.99].ratio_high
    assert shifts[0.99].ratio == pytest.approx(2 / math.exp(0.05 * 2.33), rel=0.1)
    assert found.superiority == pytest.approx(0.5, abs=0.02)


def test_real_code_timed_twice_is_the_same_and_more_work_is_slower():
    """Alternate calls of one function are the same; thrice the work, timed in the same way, is slower."""

    def work(size):
        begun = time.perf_counter_ns()
        sorted(range(size, 0, -1), key=lambda value: value ^ 5)
        return time.perf_counter_ns() - begun

    timed = {"even": [], "odd": [], "more": []}
    for _ in range(BLOCKS):
        # Side by side in time, so that what else the machine does slows all of them alike.
        block = [(work(300), work(300), work(900)) for _ in range(60)]
        for name, values in zip(timed, zip(*block, strict=True), strict=True):
            timed[name].append(Counter(map(bucket, values)))
    even, odd, more = (Blocks(tuple(blocks), (0,) * BLOCKS) for blocks in timed.values())
    halves = compare([(even, odd)])[0]
    # One draw of a real machine: the verdict may be wrong in one of twenty runs, an effect as large as this never is.
    assert 0.8 < halves.shift < 1.25
    found = compare([(even, more)])[0]
    assert (found.verdict, "typical" in found.changed) == ("slower", True)
    assert found.shift > 2
    assert found.superiority > 0.9


def test_a_change_too_small_to_matter_is_none_however_sure_it_is():
    """2% slower over a great many calls is significant, and still the same; a smaller limit makes a verdict of it."""
    chance = random.Random("small")

    def draw(chance, _state):
        return math.exp(chance.gauss(13, 0.02))

    pair = (window(chance, draw, calls=6000), window(chance, draw, calls=6000, slower=1.02))
    found = compare([pair])[0]
    assert (found.verdict, found.p_value < 1e-6) == ("same", True)
    assert compare([pair], effect=0.01)[0].verdict == "slower"


def test_too_few_calls_or_blocks_are_no_basis_for_a_verdict():
    """49 calls, or four blocks of many, say too little even when every one is ten times slower."""
    quick, slow = {640: 1000}, {860: 1000}
    few_blocks = compare([(Blocks((quick,) * 4, (0,) * 4), Blocks((slow,) * 20, (0,) * 20))])[0]
    few_calls = compare([(Blocks(({640: 7},) * 7, (0,) * 7), Blocks((slow,) * 20, (0,) * 20))])[0]
    enough = compare([(Blocks((quick,) * 20, (0,) * 20), Blocks((slow,) * 20, (5,) * 20))])[0]
    assert (few_blocks.verdict, few_blocks.errors) == ("too_little_data",) * 2
    assert few_calls.verdict == "too_little_data"
    assert (enough.verdict, enough.errors, enough.superiority) == ("slower", "more", 1)
    assert (enough.baseline_calls, enough.candidate_errors) == (20_000, 100)
    assert compare([]) == []


def test_the_shift_is_the_ratio_of_geometric_means():
    assert geometric_shift({640: 3}, {704: 5}) == pytest.approx(2)
    assert geometric_shift({640: 1, 704: 1}, {672: 7}) == pytest.approx(1)
    assert geometric_shift({ZERO_BUCKET: 1}, {ZERO_BUCKET: 9}) == 1
