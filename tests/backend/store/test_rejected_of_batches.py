"""What was refused of a request is found by the request's identity, whichever bytes that is made of."""

import os

from store_processes import run

IDENTITIES = (bytes(16), b"\1" * 15 + b"\0", b"\0" + b"\1" * 15, b"'" * 16, b"\\" * 16, b" " * 16, os.urandom(16))
INSERT = """
async def insert():
    message = request("refused", [1, 2, 3])
    message.resource_spans[0].scope_spans[0].spans[1].trace_id = b""
    identities = [bytes.fromhex(argument) for argument in arguments]
    one = frame(message.SerializeToString())
    store = await asyncio.to_thread(Store.open, directory)
    try:
        body = join([one._replace(identity=identity) for identity in identities])
        return await store.insert(TRACES, body, identities)
    finally:
        await store.close()

say(outcomes={identity.hex(): list(rejection) for identity, rejection in asyncio.run(insert()).items()})
"""


def test_every_identity_finds_what_was_refused(tmp_path):
    """Those that end with zero bytes too, as one hash in 256 does."""
    said = run(INSERT, tmp_path / "data", *(identity.hex() for identity in IDENTITIES))
    assert said["outcomes"] == {identity.hex(): [1, "invalid trace_id"] for identity in IDENTITIES}
