"""The capacity model, held against what was measured and against its own arithmetic."""

import math
import re
from pathlib import Path

import pytest

from spanhouse_backend.capacity import BUCKET_ROW_BYTES, FAILED, Load, Machine, buckets, plan
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.retention import parse_retention

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
DAY = 86_400
ROOMY = Machine(cores=64, disk_bytes=1e15, replicas=2)
# Rows of span_durations_* for one function and minute (or hour) with so many calls, lognormal with a standard deviation
# of 1.5, one in a hundred failed: measured in the engine (docs/operations.md).
MEASURED_ROWS = {1: 1.0, 10: 9.91, 60: 56.6, 100: 90.81, 600: 360.9, 1000: 466.1, 6000: 768.4, 60_000: 1289.2}


def load(spans_per_second: float, *, functions: int = 1000, retention: str = "spans=30d") -> Load:
    return Load(spans_per_second, functions, parse_retention(retention))


@pytest.mark.parametrize(("calls", "rows"), MEASURED_ROWS.items())
def test_rows_of_the_rollups_are_as_many_as_were_measured(calls, rows):
    """Within 2% from a single call to sixty thousand; the documentation shows the same table."""
    computed = buckets(calls * (1 - FAILED)) + buckets(calls * FAILED)
    assert math.isclose(computed, rows, rel_tol=0.02)
    assert f"| {calls:,} | {rows:,.1f} | {computed:,.1f} |" in OPERATIONS


def test_spans_cost_what_they_weigh():
    """A thousand a second for thirty days, at 54 bytes."""
    assert plan(load(1000), ROOMY).disk.spans == 1000 * 30 * DAY * 54


def test_rollups_weigh_less_than_a_row_a_span_and_no_more_when_calls_do():
    """Seldom called functions have a row a call; busy ones as many as there are buckets, whatever comes in."""
    seldom = plan(load(1, functions=10_000, retention="minute=1d"), ROOMY).disk.minute
    assert seldom < DAY * (BUCKET_ROW_BYTES + 40.1)
    busy, busier = (plan(load(rate, retention="minute=1d"), ROOMY).disk.minute for rate in (1e6, 2e6))
    assert busy < busier < 1.2 * busy


def test_one_server_is_enough_until_something_is_not():
    """Each of the three reasons by itself, and none of them before."""
    small = Machine(cores=4, disk_bytes=1e12, replicas=1)
    assert plan(load(5_000, retention="spans=7d"), small).one_server
    too_fast = plan(load(100_000, retention="spans=1d,minute=1d,hour=1d"), ROOMY)
    assert not too_fast.one_server
    assert "90,000 spans/s" in str(too_fast.why_not)
    too_few_cores = plan(load(50_000, retention="spans=1h,minute=1h,hour=1d"), Machine(1, 1e15, 1))
    assert too_few_cores.why_not == ("1.1 cores would be busy, of 1",)
    assert plan(load(5_000, retention="spans=1y"), small).why_not == ("its disk is too small",)


@pytest.mark.parametrize("rate", [1_000, 100_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_a_cluster_is_as_small_as_its_bounds_allow(rate, replicas):
    """No machine is busier or fuller than planned for, and with a shard less one would be."""
    machine = Machine(cores=16, disk_bytes=4e12, replicas=replicas)
    cluster = plan(load(rate, functions=20_000, retention="spans=3d,minute=30d,hour=1y"), machine).cluster
    assert cluster.machines == cluster.shards * replicas
    assert cluster.busy <= 0.6
    assert cluster.full <= 0.7
    if cluster.shards > 1:
        fewer = cluster.shards / (cluster.shards - 1)
        assert cluster.busy * fewer > 0.6 or cluster.full * fewer > 0.7
    # The rest take what comes in when one of them is gone.
    assert rate <= (cluster.servers - 1) * 90_000 < rate + 90_000


@pytest.mark.parametrize(
    ("broken", "parameter"),
    [
        ({"spans_per_second": 0.0}, "spans-per-second"),
        ({"spans_per_second": math.nan}, "spans-per-second"),
        ({"functions": -1}, "functions"),
        ({"span_bytes": math.inf}, "bytes-per-span"),
        ({"retention": {"hour": 0}}, "retention"),
    ],
)
def test_what_has_no_answer_is_refused_by_name(broken, parameter):
    """Numbers that are none, and for ever."""
    given = {"spans_per_second": 1.0, "functions": 1, "retention": {}, **broken}
    with pytest.raises(InvalidQuestion) as refused:
        plan(Load(**given), ROOMY)
    assert refused.value.parameter == parameter


def test_the_worked_example_of_the_documentation_is_what_the_model_says():
    """The command of the page prints what the page shows, whatever the width it is printed to."""
    example = re.search(
        r"```console\n\$ spanhouse (plan --spans-per-second 1e6[^\n]*)\n(.*?)```", OPERATIONS, re.DOTALL
    )
    from click.testing import CliRunner  # noqa: PLC0415 - the command line is this test's alone

    from spanhouse_backend.cli import cli  # noqa: PLC0415

    said = CliRunner().invoke(cli, example[1].split())
    assert said.exit_code == 0
    words = [line.split() for line in said.output.splitlines()]
    assert [word for line in example[2].splitlines() for word in line.split()] == [w for line in words for w in line]
