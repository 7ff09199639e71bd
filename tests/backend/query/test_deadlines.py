"""Questions end in time: at their deadline, with who asked them, at their limit of memory; the engine stops, too."""

import asyncio
from dataclasses import dataclass

import grpc
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from google.rpc import error_details_pb2, status_pb2
from otlp_requests import request
from query_house import MONDAY_10H, PATIENCE_SECONDS, get

from spanhouse_backend.errors import Overloaded, QuestionTooLarge, QuestionTooSlow
from spanhouse_backend.query import query_grpc, query_http
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.query_grpc import add_query_service
from spanhouse_backend.query.query_http import query_router
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.reader import MAX_WAITING, Reader
from spanhouse_backend.query.statements import Fragment
from spanhouse_backend.store.queries import STATEMENTS_AT_ONCE, Queries, QueryLimits
from spanhouse_proto.query_pb2 import AskRequest, FunctionsRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

# Hashes a quadrillion numbers: days of work, which the engine does as it would a question's.
ENDLESS = "SELECT sum(sipHash64(number)) AS total FROM numbers(toUInt64(1e15))"
HUGE = "SELECT length(groupArray(number)) AS total FROM numbers(toUInt64(1e9))"
RUNNING = "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE 'spanhouse-question-%'"


@dataclass(frozen=True)
class Row:
    total: int


@dataclass(frozen=True, kw_only=True)
class Hard(Question[Answer[Row]], name="hard", row=Row):
    """A question that takes what its statement takes."""

    sql: str

    async def answer(self, engine):
        rows = await engine.ask(Row, Fragment(self.sql))
        return Answer(source="raw", accuracy="exact", from_ns=0, to_ns=1, rows=rows)


@pytest.fixture
def queries(house):
    """Handles of the test's own, with little memory."""
    opened = house.run(Queries.open(house.store.connect, QueryLimits(seconds=30, memory_bytes=64 << 20, threads=1)))
    yield opened
    house.run(opened.close())


async def until(house, number):
    """Waits until the engine runs so many questions."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await house.store.fetch(RUNNING, {})).rows[0][0] != number:
            await asyncio.sleep(0.02)


async def begins(house, call):
    """Waits until the engine runs one question; whether it does before the call is over."""
    while not call.done():
        if (await house.store.fetch(RUNNING, {})).rows[0][0] == 1:
            return True
        await asyncio.sleep(0.02)
    return False


def test_a_question_is_stopped_at_its_deadline(house, queries):
    """In the engine too: nothing of it runs afterwards, and the next question is answered."""

    async def ask():
        reader = Reader(queries, seconds=0.5)
        with pytest.raises(QuestionTooSlow, match=r"not answered within 0\.5 s"):
            await reader.ask(Hard(sql=ENDLESS))
        await until(house, 0)
        # With the usual time: half a second may be too short for any answer.
        assert (await Reader(queries).ask(Hard(sql="SELECT 7 AS total"))).rows == (Row(7),)

    house.run(ask())


def test_who_asks_may_shorten_the_deadline_but_not_lengthen_it(house, queries):
    async def ask():
        with pytest.raises(QuestionTooSlow, match=r"within 0\.2 s"):
            await Reader(queries, seconds=1000).ask(Hard(sql=ENDLESS), 0.2)
        with pytest.raises(QuestionTooSlow, match=r"within 0\.3 s"):
            await Reader(queries, seconds=0.3).ask(Hard(sql=ENDLESS), 1000)

    house.run(ask())


def test_a_question_ends_with_who_asked_it(house, queries):
    """Those that run and those that wait for them."""

    async def ask():
        reader = Reader(queries)
        asked = [asyncio.ensure_future(reader.ask(Hard(sql=ENDLESS))) for _ in range(STATEMENTS_AT_ONCE + 2)]
        await until(house, STATEMENTS_AT_ONCE)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await until(house, 0)
        assert (await reader.ask(Hard(sql="SELECT 7 AS total"))).rows == (Row(7),)

    house.run(ask())


def test_a_statement_that_slips_away_is_stopped_by_the_engine(house):
    """Whoever waits for it without a deadline of his own: the handle has one, a second later."""

    async def ask():
        queries = await Queries.open(house.store.connect, QueryLimits(seconds=1, memory_bytes=64 << 20, threads=1))
        with pytest.raises(QuestionTooSlow):
            await queries.fetch(ENDLESS, {})
        await queries.close()

    house.run(ask())


def test_memory_is_bounded(house, queries):
    """And the error says what to do; the handle that failed gives the next answer no part of the last."""

    async def ask():
        reader = Reader(queries)
        with pytest.raises(QuestionTooLarge, match="more than the 67108864 bytes of memory"):
            await reader.ask(Hard(sql=HUGE))
        for _ in range(STATEMENTS_AT_ONCE + 1):
            assert (await reader.ask(Hard(sql="SELECT 7 AS total"))).rows == (Row(7),)

    house.run(ask())


def test_more_than_may_wait_are_refused_and_find_a_place_later(house, queries):
    async def ask():
        reader = Reader(queries)
        waiting = [asyncio.ensure_future(reader.ask(Hard(sql=ENDLESS))) for _ in range(MAX_WAITING)]
        await until(house, STATEMENTS_AT_ONCE)
        with pytest.raises(Overloaded, match=f"{MAX_WAITING} questions run or wait already"):
            await reader.ask(Hard(sql="SELECT 7 AS total"))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await reader.ask(Hard(sql="SELECT 7 AS total"))).rows == (Row(7),)

    house.run(ask())


def test_what_the_server_asks_for_itself_does_not_wait_for_questions(house, queries):
    """Whether it is ready is answered while as many questions run as may."""

    async def ask():
        reader = Reader(queries)
        asked = [asyncio.ensure_future(reader.ask(Hard(sql=ENDLESS))) for _ in range(STATEMENTS_AT_ONCE)]
        await until(house, STATEMENTS_AT_ONCE)
        await house.store.check()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    house.run(ask())


def test_closing_stops_what_runs(house):
    """Without waiting for its end."""

    async def ask():
        queries = await Queries.open(house.store.connect, QueryLimits(seconds=1000, memory_bytes=64 << 20, threads=1))
        asked = asyncio.ensure_future(queries.fetch(ENDLESS, {}))
        await until(house, 1)
        await queries.close()
        with pytest.raises(Exception, match=r"cancelled|stopped"):
            await asked
        await until(house, 0)

    house.run(ask())


class Crowded:
    """A reader whose every place is taken: what the real one says is tested above."""

    async def ask(self, question, seconds=None):
        raise Overloaded("32 questions run or wait already: try again later")


class Slow:
    async def ask(self, question, seconds=None):
        raise QuestionTooSlow(seconds or 30)


class Large:
    async def ask(self, question, seconds=None):
        raise QuestionTooLarge(1 << 30)


@pytest.mark.parametrize(
    ("reader", "status", "code", "words"),
    [
        (Crowded(), 429, grpc.StatusCode.RESOURCE_EXHAUSTED, "try again later"),
        (Slow(), 504, grpc.StatusCode.DEADLINE_EXCEEDED, "ask for a shorter window"),
        (Large(), 400, grpc.StatusCode.FAILED_PRECONDITION, "--query-max-memory-bytes"),
    ],
    ids=["crowded", "slow", "large"],
)
def test_both_faces_say_what_stopped_a_question(reader, status, code, words):
    """With google.rpc's own translation between HTTP's statuses and gRPC's; who may try again is told when."""

    async def ask():
        app = FastAPI()
        app.include_router(query_router(reader, None))
        response = await get(app, "/api/v1/services")
        assert response.status_code == status
        assert words in response.json()["error"]["message"]
        assert response.headers.get("retry-after") == ("1" if status == 429 else None)
        server = grpc.aio.server()
        add_query_service(server, reader)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = QueryStub(channel).Functions(FunctionsRequest(), timeout=PATIENCE_SECONDS)
            assert await call.code() is code
            assert words in await call.details()
            trailer = dict(await call.trailing_metadata())
        await server.stop(None)
        if status == 429:
            (detail,) = status_pb2.Status.FromString(trailer["grpc-status-details-bin"]).details
            retry = error_details_pb2.RetryInfo()
            assert detail.Unpack(retry)
            assert retry.retry_delay.seconds == 1

    asyncio.run(ask())


@dataclass(frozen=True, kw_only=True)
class Endless(Question[Answer[Row]], name="endless", row=Row):
    """Takes for ever."""

    async def answer(self, engine):
        return await Hard(sql=ENDLESS).answer(engine)


def test_a_rest_client_that_goes_away_stops_its_question(house, queries, monkeypatch):
    """Over a real connection, which the client closes."""
    monkeypatch.setattr(query_http, "QUESTIONS", (Endless,))

    async def ask():
        app = FastAPI()
        app.include_router(query_router(Reader(queries), queries))
        server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error"))
        serving = asyncio.ensure_future(server.serve())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not server.started:
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            asked = asyncio.ensure_future(client.get(f"http://127.0.0.1:{port}/api/v1/endless"))
            await until(house, 1)
            asked.cancel()
            await until(house, 0)
        server.should_exit = True
        await serving

    house.run(ask())


@pytest.mark.parametrize(
    ("leave", "timeouts"),
    [("cancel", [PATIENCE_SECONDS]), ("deadline", [1, 10, 30])],
    ids=["cancel", "deadline"],
)
def test_a_grpc_client_that_goes_away_stops_its_question(house, queries, monkeypatch, leave, timeouts):
    """By cancelling the call, or because the deadline that it gave has passed."""
    monkeypatch.setitem(query_grpc._QUESTIONS, "endless", Endless)

    async def ask():
        server = grpc.aio.server()
        add_query_service(server, Reader(queries))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            # A deadline that passes before the engine has begun shows nothing: then the next one is longer.
            for timeout in timeouts:
                call = QueryStub(channel).Ask(AskRequest(question="endless"), timeout=timeout)
                if began := await begins(house, call):
                    break
                await until(house, 0)
            assert began
            if leave == "cancel":
                call.cancel()
            await until(house, 0)
            assert await call.code() is getattr(
                grpc.StatusCode, {"cancel": "CANCELLED", "deadline": "DEADLINE_EXCEEDED"}[leave]
            )
        await server.stop(None)

    house.run(ask())


def test_a_timeout_is_read_from_the_address(house):
    """One that is too short gives up, naming it; one that is long enough changes nothing."""
    house.insert(request("deadlines", [5], name="f", start_ns=MONDAY_10H))
    response = house.get("/api/v1/services?timeout=1ns")
    assert response.status_code == 504
    assert "not answered within 1e-09 s" in response.json()["error"]["message"]
    assert house.get("/api/v1/services?filter=service=deadlines&timeout=20s").json()["rows"][0]["calls"] == 1
