"""Log records: fields kept apart from words, hostile text harmless, repetition bounded."""

import json
import logging
import subprocess
import sys

import pytest
from harness import PATIENCE_SECONDS, clean_environment

from spanhouse_backend.logs import REPEAT_SECONDS, REPEATS, Repeats

HOSTILE = "\x1b]0;owned\x07\r\nforged"
# Records of ours, of another library with arguments, and of an exception whose frame holds something private.
PROGRAM = f"""
import logging, warnings
from spanhouse_backend.logs import configure_logs
import sys
configure_logs(sys.argv[1], "info")
hostile = {HOSTILE!r}
logging.getLogger("spanhouse_backend.doors").warning("request refused", extra={{"status": "400", "problem": hostile}})
logging.getLogger("uvicorn.error").error("port %s is %s", 80, "taken")
logging.getLogger("quiet").debug("not written")
def login(password):
    raise ValueError("wrong")
try:
    login("hunter" + "2")
except ValueError:
    logging.getLogger("a").exception("a bug")
warnings.warn("deprecated")
"""


def logged(form: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, form],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=clean_environment(),
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("form", ["auto", "json"])
def test_what_is_no_terminal_gets_one_json_object_a_line(form):
    """Fields are fields; other libraries' records, tracebacks and warnings are objects too, without local variables."""
    text = logged(form)
    ours, theirs, exception, warning = map(json.loads, text.splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "request refused",
        "level": "warning",
        "logger": "spanhouse_backend.doors",
        "status": "400",
        "problem": HOSTILE,
    }
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("port 80 is taken", "error", "uvicorn.error")
    assert exception["event"] == "a bug"
    assert exception["exception"].endswith("ValueError: wrong")
    assert "deprecated" in warning["event"]
    assert "hunter2" not in text


def test_text_shows_the_fields_and_lets_nobody_steer_the_terminal():
    """No escape sequences from clients, none of ours where there is no terminal, no forged lines, no locals."""
    text = logged("text")
    first = text.splitlines()[0]
    assert "request refused" in first
    assert "status='400'" in first
    assert "forged" in first
    assert "\x1b" not in text
    assert "ValueError: wrong" in text
    assert "hunter2" not in text


def record(name: str, message: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, __file__, 1, message, (), None)


def test_a_repeated_event_is_written_some_times_a_minute_and_then_says_how_often_it_was_not():
    """Others are not held back by it."""
    repeats = Repeats()
    admitted = [repeats.admits(record("a", "refused"), float(second)) for second in range(30)]
    assert admitted == [True] * REPEATS + [False] * (30 - REPEATS)
    assert repeats.admits(record("a", "another"), 30.0)
    assert repeats.admits(record("b", "refused"), 30.0)
    later = record("a", "refused")
    assert repeats.admits(later, REPEAT_SECONDS)
    assert later.suppressed == 30 - REPEATS
    again = record("a", "refused")
    assert repeats.admits(again, 2 * REPEAT_SECONDS)
    assert not hasattr(again, "suppressed")


def test_events_without_end_take_no_memory_without_end():
    repeats = Repeats()
    for number in range(5000):
        assert repeats.admits(record("a", f"unique {number}"), 0.0)
    assert len(repeats._events) <= 1000
