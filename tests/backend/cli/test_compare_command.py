"""`spanhouse compare` shows what changed, and fails a build that made something slower."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from compared_windows import CALLS, spread_calls
from query_house import HOUR, MONDAY_10H

from spanhouse_backend.cli import cli

SERVICE = "comparing-shell"
BEFORE, AFTER = "2026-01-05T10:00Z..2026-01-05T11:00Z", "2026-01-05T11:00Z..2026-01-05T12:00Z"


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """One function that became slower, under a name that would clear the screen, and one that did not."""
    slower, same = "\x1b[2Jslower", "same"
    for name, factor in ((slower, 1.5), (same, 1)):
        house.insert(
            spread_calls(SERVICE, name, MONDAY_10H), spread_calls(SERVICE, name, MONDAY_10H + HOUR, factor=factor)
        )


@pytest.fixture
def compare(house):
    def run(*arguments, baseline=BEFORE, candidate=AFTER):
        given = ["compare", "--server", house.grpc, "--service", SERVICE, "--baseline", baseline]
        return CliRunner().invoke(cli, [*given, "--candidate", candidate, *arguments], prog_name="spanhouse")

    return run


def test_the_table_says_what_changed_and_by_how_much(compare):
    """Slower first, percentiles of both windows with the interval of their ratio; names cannot steer the terminal."""
    shown = compare()
    assert shown.exit_code == 0, shown.output
    header, first, second = shown.stdout.splitlines()
    assert header.split() == ["verdict", "service", "function", "calls", "shift", "p50", "p99", "errors"]
    assert first.startswith("slower (typical")
    assert "\\x1b[2Jslower" in first
    assert f"{CALLS:,} > {CALLS:,}" in first
    assert second.startswith("same")


def test_a_regression_fails_the_build_when_asked_to(compare):
    """Exit code 1 and the functions' names; 0 the other way round, and without the option."""
    failed = compare("--fail-on-regression")
    assert (failed.exit_code, compare().exit_code) == (1, 0)
    assert "1 of 2 functions got worse: \\x1b[2Jslower" in failed.stderr
    better = compare("--fail-on-regression", baseline=AFTER, candidate=BEFORE)
    assert (better.exit_code, better.stdout.startswith("verdict")) == (0, True)
    assert "faster" in better.stdout
    assert compare("--fail-on-regression", "--min-effect", "0.9").exit_code == 0


def test_programs_get_everything(compare):
    """JSON is the document of REST; CSV has each percentile's values in columns of their own."""
    document = json.loads(compare("--format", "json").stdout)
    assert [row["verdict"] for row in document["rows"]] == ["slower", "same"]
    rows = list(csv.DictReader(io.StringIO(compare("--format", "csv").stdout)))
    assert [(row["service"], row["verdict"]) for row in rows] == [(SERVICE, "slower"), (SERVICE, "same")]
    assert float(rows[0]["p99_ratio"]) == pytest.approx(document["rows"][0]["percentiles"][3]["ratio"])
    assert list(rows[0])[:2] == ["service", "name"]


def test_mistakes_are_told_from_regressions(compare):
    """Exit code 2 and the option's name."""
    wrong = compare("--fail-on-regression", candidate="2026-01-05T10:30Z..2026-01-05T11:30Z")
    assert wrong.exit_code == 2
    assert "--candidate" in wrong.stderr
    assert "overlaps" in wrong.stderr


def test_nothing_in_common_is_said(compare):
    shown = compare("--filter", "name=nothing")
    assert (shown.exit_code, shown.stdout) == (0, "No function was called in both windows.\n")
