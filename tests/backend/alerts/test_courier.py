"""Delivery to a real receiver: what is tried again, what is not, and that no secret is spoken of."""

import asyncio
import logging
import time

import pytest
from held_ports import held_port
from webhook_receiver import HANG, receiving

from spanhouse_backend.alerts.courier import MAX_SECRET_BYTES, Courier
from spanhouse_backend.alerts.webhook import Webhook


def deliver(seconds=30.0, body=None, **fields):
    """Delivers once, and returns what went wrong."""

    async def run():
        courier = Courier()
        try:
            return await courier.deliver(Webhook.model_validate({"name": "ops", **fields}), body or {"a": 1}, seconds)
        finally:
            await courier.close()

    return asyncio.run(run())


@pytest.fixture
def receiver():
    with receiving() as opened:
        yield opened


def test_json_is_posted(receiver):
    assert deliver(url=f"{receiver.url}/a?b=c", body={"text": "ä"}) == ""
    (posted,) = receiver.posted
    assert (posted.path, posted.body) == ("/a?b=c", {"text": "ä"})
    assert posted.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_what_may_pass_is_tried_again(receiver, status):
    receiver.answers = [status, status]
    assert deliver(url=receiver.url) == ""
    assert len(receiver.posted) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_will_not_pass_is_not(receiver, status):
    receiver.answers = [status]
    assert deliver(url=receiver.url) == f"it answered {status}"
    assert len(receiver.posted) == 1


def test_a_receiver_that_hangs_is_asked_again(receiver):
    """As often as it takes: on a machine that is slow, an answer may come too late as well."""
    receiver.answers = [HANG]
    assert deliver(url=receiver.url, timeout="1s") == ""
    assert len(receiver.posted) >= 2


def test_the_deadline_ends_it(receiver):
    """Whatever the receiver does; the problem is what was met last."""
    receiver.answers = [HANG] * 50
    begun = time.monotonic()
    assert deliver(url=receiver.url, timeout="1s", seconds=2.5) == "no answer within 1 s"
    assert time.monotonic() - begun < 20
    receiver.answers = [503] * 50
    assert deliver(url=receiver.url, seconds=1.5) == "it answered 503"


def test_retry_after_is_heeded(receiver):
    receiver.answers, receiver.answer_headers = [429], {"Retry-After": "3"}
    begun = time.monotonic()
    assert deliver(url=receiver.url) == ""
    assert time.monotonic() - begun >= 3


def test_a_redirect_is_not_followed(receiver):
    """What was meant for one host is not for another to learn."""
    with receiving() as elsewhere:
        receiver.answers, receiver.answer_headers = [307], {"Location": elsewhere.url}
        assert deliver(url=receiver.url).startswith("it answered 307: redirects are not followed")
        assert elsewhere.posted == []


def test_nobody_there_is_told_in_the_systems_words():
    with held_port() as port:
        assert deliver(url=f"http://127.0.0.1:{port}/s3cret", seconds=1) == "no answer: Connection refused"


def test_secrets_are_read_each_time_and_sent(receiver, tmp_path):
    (tmp_path / "url").write_text(f"{receiver.url}/s3cret\n")
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "headers").write_text("X-Team: a\nX-Other:  b c \n")
    files = {f"{name}_file": str(tmp_path / name) for name in ("url", "token", "headers")}
    assert deliver(**files) == ""
    (tmp_path / "token").write_text("changed")
    assert deliver(**files) == ""
    first, second = receiver.posted
    assert first.path == "/s3cret"
    assert (first.headers["Authorization"], second.headers["Authorization"]) == ("Bearer t0ken", "Bearer changed")
    assert (first.headers["X-Team"], first.headers["X-Other"]) == ("a", "b c")


@pytest.mark.parametrize(
    ("field", "content", "problem"),
    [
        ("url_file", b"ftp://h/s3cret", "holds is not a URL"),
        ("url_file", b"http://u:s3cret@h/", "has a password in it"),
        ("url_file", None, "cannot read"),
        ("headers_file", b"s3cret", "is not `Name: value`"),
        ("headers_file", b"A: s3\x00cret", "is not `Name: value`"),
        ("token_file", b"s3cret s3cret", "does not hold a token"),
        ("token_file", b"", "does not hold a token"),
        ("token_file", b"\xffs3cret", "is not text"),
        ("token_file", b"s3cret" * MAX_SECRET_BYTES, "more than"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_without_what_is_in_it(receiver, tmp_path, field, content, problem):
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    given = {field: str(tmp_path / "file")} | ({} if field == "url_file" else {"url": receiver.url})
    said = deliver(**given)
    assert said.startswith(f"{field}: ")
    assert problem in said
    assert "s3cret" not in said
    assert receiver.posted == []


def test_nothing_is_logged_of_where_it_goes(receiver, tmp_path, caplog):
    """Not even by the HTTP library, at the level of debugging."""
    (tmp_path / "url").write_text(f"{receiver.url}/s3cret")
    receiver.answers = [500]
    with caplog.at_level(logging.DEBUG):
        assert deliver(url_file=str(tmp_path / "url")) == ""
    assert "s3cret" not in caplog.text
