"""Asking a data directory that other commands have: how long that is waited for."""

import click
import pytest

import spanhouse_backend.logs
import spanhouse_backend.server
from spanhouse_backend.cli import client
from spanhouse_backend.cli.channel import Identity
from spanhouse_backend.errors import StoreHeld

WHERE = client.Where(None, "data", Identity(), makes=True, said=True)


class Clock:
    """Time that passes while somebody sleeps, and no faster on a busy machine."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)
    monkeypatch.setattr(spanhouse_backend.logs, "configure_logs", lambda *_: None)
    return clock


def held(monkeypatch, clock: Clock, holders: int, seconds: float) -> None:
    """Processes 1, 2, .. have the directory, one after the other, each for so long."""

    async def ask_once(*_):
        pid = int(clock.now // seconds) + 1
        if pid <= holders:
            raise StoreHeld(f"in use by process {pid}", pid=pid)
        return "an answer"

    monkeypatch.setattr(spanhouse_backend.server, "ask_once", ask_once)


def test_of_many_commands_each_has_its_turn(monkeypatch, clock):
    """Together they may take longer than anybody would wait for one."""
    held(monkeypatch, clock, 5, 0.6 * client.HELD_PATIENCE_SECONDS)
    assert client._ask_directory(WHERE, lambda _: "") == "an answer"


def test_one_that_keeps_the_directory_is_named_in_the_end(monkeypatch, clock):
    held(monkeypatch, clock, 1, 100 * client.HELD_PATIENCE_SECONDS)
    with pytest.raises(click.ClickException, match="in use by process 1"):
        client._ask_directory(WHERE, lambda _: "")
    assert clock.now < 1.1 * client.HELD_PATIENCE_SECONDS
