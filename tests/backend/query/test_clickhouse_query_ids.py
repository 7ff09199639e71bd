"""The ids of statements on the port for ClickHouse's clients, asked as an ASGI server asks."""

import asyncio
from urllib.parse import urlencode

from spanhouse_backend.query.clickhouse_http.app import ClickHouseHttp, Engine, Port

HELLO = "SELECT displayName(), version(), revision(), timezone()"
ASKED = urlencode({"query": HELLO, "default_format": "Native", "query_id": "one"}).encode()


def test_a_query_id_is_free_again_when_the_end_of_the_answer_is_sent():
    """Whoever has read an answer may give its id again at once; while it is on its way nobody may."""
    # The question is answered without an engine.
    app = ClickHouseHttp(Port(None, "default", None, None, Engine("1", "UTC"), None, 1000, 1000))
    statuses = {}

    def asked(name, meanwhile=None):
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                statuses[name] = message["status"]
            if meanwhile:
                await meanwhile(message["type"])

        scope = {"type": "http", "method": "GET", "path": "/", "query_string": ASKED, "headers": [], "state": {}}
        return app(scope, receive, send)

    async def ask_again(sent):
        await asked(sent)

    asyncio.run(asked("first", meanwhile=ask_again))
    assert statuses == {"first": 200, "http.response.start": 500, "http.response.body": 200}
