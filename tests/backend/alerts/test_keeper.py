"""Rules kept over a real store and told to a real receiver, in this process: reports, and several servers at once."""

import time
from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace

import pyarrow as pa
import pytest
from otlp_requests import request
from query_house import MINUTE, PATIENCE_SECONDS
from webhook_receiver import receiving

from spanhouse_backend.alerts.courier import Courier
from spanhouse_backend.alerts.keeper import Keeper
from spanhouse_backend.alerts.rule_file import parse_rules
from spanhouse_backend.query.questions.rules import Rules
from spanhouse_backend.store.rule_notes import RuleNote, RuleNotes


@pytest.fixture
def receiver():
    with receiving() as opened:
        yield opened


async def start(house, rules, count):
    """So many servers over the house's tables, each with what a server has of its own."""
    file = SimpleNamespace(current=rules)
    stack = AsyncExitStack()
    for _ in range(count):
        notes, courier = await RuleNotes.open(house.store.connect), Courier()
        keeper = Keeper(file, house.reader, notes, courier)
        for part in (notes, courier, keeper):
            stack.push_async_callback(part.close)
        keeper.start()
    return stack


def keep(house, rules, until, count=1):
    """Keeps the rules until a condition holds."""
    stack = house.run(start(house, rules, count))
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        house.run(stack.aclose())


def note(house, name):
    async def read():
        notes = await RuleNotes.open(house.store.connect)
        try:
            return (await notes.read(name)).get(name)
        finally:
            await notes.close()

    return house.run(read())


def save(house, *saved):
    async def write():
        notes = await RuleNotes.open(house.store.connect)
        try:
            await notes.save(*saved)
        finally:
            await notes.close()

    house.run(write())


def standing(house):
    """What the query API says of each rule, by name."""
    return {row.rule: row for row in house.ask(Rules, limit="1000").rows}


def test_a_note_is_read_back_as_it_was_saved(house):
    saved = RuleNote(
        rule="ä 'quoted' \\",
        kind="percentile",
        means="means",
        description="",
        state="firing",
        since_unix_ns=2**63,
        evaluated_unix_ns=1_767_607_200_123_456_789,
        finding={"value": 1.5, "measured": [{"group": {"a": "b"}}]},
        told={"ops": {"at": 5}},
    )
    save(house, saved)
    assert note(house, saved.rule) == saved
    save(house, replace(saved, state="ok"))
    assert note(house, saved.rule).state == "ok"
    save(house, replace(saved, gone=True))
    assert saved.rule not in standing(house)


def test_rules_are_answered_in_every_format(house):
    """With the groups of calls that were found, also as Arrow."""
    found = {"value": 4e8, "threshold": 25e7, "unit": "ns", "calls": 50, "breaching": 1}
    group = {"group": {"name": "f"}, "outcome": "breach", "calls": 50, "value": 4e8, "says": "p99 400ms"}
    shown = RuleNote(rule="shown", kind="percentile", means="", description="", state="firing")
    save(house, replace(shown, finding=found | {"measured": [group]}))
    (row,) = (one for one in house.get("/api/v1/rules").json()["rows"] if one["rule"] == "shown")
    assert (row["value"], row["unit"], row["groups"]) == (4e8, "ns", [group])
    table = pa.ipc.open_stream(house.get("/api/v1/rules?format=arrow").content).read_all().to_pylist()
    (as_arrow,) = (one for one in table if one["rule"] == "shown")
    assert as_arrow["groups"][0]["says"] == "p99 400ms"
    assert "shown,percentile," in house.get("/api/v1/rules?format=csv").text


def test_of_several_claims_one_is_given_and_for_good(house):
    """Whoever asks first; and he is told the same when he asks again."""

    async def claim():
        notes = [await RuleNotes.open(house.store.connect) for _ in range(3)]
        try:
            given = [await one.claim("claimed", 60, f"holder {index}") for index, one in enumerate(notes)]
            again = [await one.claim("claimed", 60, f"holder {index}") for index, one in enumerate(notes)]
            other = await notes[1].claim("claimed", 120, "holder 1")
            return given, again, other
        finally:
            for one in notes:
                await one.close()

    assert house.run(claim()) == ([True, False, False], [True, False, False], True)


def test_of_several_servers_one_judges_and_tells(house, receiver):
    """Four of them, over two slots of ten seconds."""
    rules = parse_rules(
        f"notify: [{{name: ops, url: '{receiver.url}'}}]\n"
        "rules: [{rule: shared, kind: absence, service: never-there, every: 10s}]"
    )
    slots = set()

    def judged_in_two():
        row = standing(house).get("shared")
        if row and row.evaluated_unix_ns:
            slots.add(row.evaluated_unix_ns)
        return len(slots) >= 2

    keep(house, rules, judged_in_two, count=4)
    assert [posted.body["rule"] for posted in receiver.posted] == ["shared"]


def test_what_cannot_be_judged_says_why_and_the_others_are(house, receiver):
    """A pattern that only the engine can refuse."""
    rules = parse_rules(
        "rules:\n"
        "  - {rule: unreadable, kind: absence, filter: 'name~\"(a\"'}\n"
        "  - {rule: readable, kind: absence, service: never-there}\n"
    )
    keep(house, rules, lambda: standing(house).keys() >= {"unreadable", "readable"} and _both(house))
    rows = standing(house)
    assert (rows["unreadable"].state, rows["readable"].state) == ("unknown", "firing")
    assert "is no RE2 pattern" in rows["unreadable"].problem


def _both(house):
    rows = standing(house)
    return rows["unreadable"].problem and rows["readable"].evaluated_unix_ns


REPORTS = """\
notify:
  - {{name: ops, url: "{url}/generic"}}
  - {{name: chat, url: "{url}/slack", template: slack}}
  - {{name: manager, url: "{url}/alerts", template: alertmanager}}
reports:
  - {{report: "{name}", every: 1w, service: reported, sort: calls}}
"""


@pytest.fixture(scope="module")
def reported(house):
    """Calls of the week that has ended, and of this one; gives when it ended."""
    monday = parse_rules("reports: [{report: r, every: 1w}]").reports[0].period(time.time_ns()).to_ns
    house.insert(
        request("reported", [1_000_000] * 30, name="f", start_ns=monday - 30 * MINUTE),
        request("reported", [2_000_000] * 20, name="g", start_ns=monday - 30 * MINUTE),
        request("reported", [3_000_000] * 90, name="later", start_ns=monday),
    )
    return monday


def test_a_report_begins_with_the_next_period(house, receiver, reported):
    """A server that is started at three does not tell of the day that ended at midnight."""
    keep(house, parse_rules(REPORTS.format(url=receiver.url, name="first")), lambda: note(house, "first"))
    assert receiver.posted == []
    assert note(house, "first").told["ops"] == {"until": reported}


def test_a_report_that_is_due_is_told_once_to_each(house, receiver, reported):
    """After a restart as well; and alerts are what Alertmanager takes, so it is not told."""
    rules = parse_rules(REPORTS.format(url=receiver.url, name="due"))
    before = {name: {"until": reported - 60 * MINUTE} for name in ("ops", "chat")}
    save(house, RuleNote(rule="due", kind="report", means="", description="", state="ok", told=before))
    keep(house, rules, lambda: note(house, "due").told["chat"]["until"] == reported)
    posted = {one.path: one.body for one in receiver.posted}
    assert sorted(one.path for one in receiver.posted) == ["/generic", "/slack"]
    assert [(row["name"], row["calls"]) for row in posted["/generic"]["rows"]] == [("f", 30), ("g", 20)]
    assert "reported f" in posted["/slack"]["text"]
    assert standing(house)["due"].told_unix_ns > 0
    keep(house, rules, lambda: note(house, "due"))
    assert len(receiver.posted) == 2


def test_a_report_that_could_not_be_delivered_is_due_again_for_who_missed_it(house, receiver, reported):
    rules = parse_rules(REPORTS.format(url=receiver.url, name="missed"))
    before = {name: {"until": reported - 60 * MINUTE} for name in ("ops", "chat")}
    save(house, RuleNote(rule="missed", kind="report", means="", description="", state="ok", told=before))
    receiver.answers = [404]
    keep(house, rules, lambda: note(house, "missed").problem)
    missed = note(house, "missed")
    assert sorted(entry["until"] for entry in missed.told.values()) == [reported - 60 * MINUTE, reported]
    assert "it answered 404" in missed.problem


def test_rules_that_are_no_longer_in_the_file_are_no_longer_shown(house, receiver):
    keep(house, parse_rules("rules: [{rule: leaving, kind: absence}]"), lambda: "leaving" in standing(house))
    keep(house, parse_rules("rules: [{rule: staying, kind: absence}]"), lambda: "staying" in standing(house))
    assert "leaving" not in standing(house)
