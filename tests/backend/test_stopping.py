"""How a server stops what it does beside answering."""

import asyncio

from harness import PATIENCE_SECONDS

from spanhouse_backend.server import _cancel


def test_what_is_stopped_is_stopped_together():
    """Each may end what it has begun, as the readers of the spool do: that takes as long as the slowest of them."""

    async def stop():
        stopping = asyncio.Barrier(3)

        async def watch():
            try:
                await asyncio.Event().wait()
            finally:
                await stopping.wait()  # until all have been told

        watches = [asyncio.create_task(watch()) for _ in range(3)]
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _cancel(*watches)
        assert all(one.cancelled() for one in watches)

    asyncio.run(stop())
