"""What was refused of a request is found by the request's identity, whichever bytes that is made of."""

import asyncio
import os

from otlp_requests import request

from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.rejection import Rejection
from spanhouse_backend.store.store import Store

IDENTITIES = (bytes(16), b"\1" * 15 + b"\0", b"\0" + b"\1" * 15, b"'" * 16, b"\\" * 16, b" " * 16, os.urandom(16))


def test_every_identity_finds_what_was_refused(tmp_path):
    """Those that end with zero bytes too, as one hash in 256 does."""

    async def scenario() -> dict[bytes, Rejection]:
        message = request("refused", [1, 2, 3])
        message.resource_spans[0].scope_spans[0].spans[1].trace_id = b""
        framed = frame(message.SerializeToString())
        store = await asyncio.to_thread(Store.open, tmp_path / "data")
        try:
            requests = [framed._replace(identity=identity) for identity in IDENTITIES]
            return await store.insert_traces(join(requests), IDENTITIES)
        finally:
            await store.close()

    assert asyncio.run(scenario()) == dict.fromkeys(IDENTITIES, Rejection(1, "invalid trace_id"))
