"""What every door does with a request that it has received."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from spanhouse_backend.ingest.admission import Admission, Claim
from spanhouse_backend.ingest.framing import ANY_TIME, Framed, Window, frame
from spanhouse_backend.ingest.heavy_work import HeavyWork
from spanhouse_backend.ingest.signals import Signal
from spanhouse_backend.store.rejection import Rejection

Commit = Callable[[Framed, Claim], Awaitable[Rejection]]
"""Returns when a request is stored, with what was refused of it; raises MalformedData, Overloaded or StoreError."""

UNAVAILABLE_RETRY_SECONDS = 5
"""A full disk or an engine that is away takes somebody, or some time."""
# Framing this much takes a millisecond; more is done on a thread, so that the event loop goes on.
_INLINE_BYTES = 1 << 20


@dataclass(frozen=True)
class Intake:
    """What the doors share: where requests go, who may hold how much, and how large one may be."""

    commit: Commit
    admission: Admission
    max_request_bytes: int
    """Of one request, uncompressed."""
    max_insert_memory: int
    """What the engine may take for one request, as framing estimates it."""
    max_json_bytes: int
    """Of one request in JSON, which takes many times its size while it is read."""
    window: Callable[[], Window] = lambda: ANY_TIME
    """When records may be made, as things stand: those of another time are refused."""
    heavy_work: HeavyWork = field(default_factory=HeavyWork)

    async def take(self, signal: Signal, request: bytes, claim: Claim) -> Rejection:
        """Stores the bytes of a request of `signal`; returns and raises what `commit` does, and TooLarge."""
        if len(request) <= _INLINE_BYTES:
            framed = frame(request, self.max_insert_memory, signal)
        else:
            framing = functools.partial(frame, request, self.max_insert_memory, signal)
            framed = await self.heavy_work.run(claim, len(request), framing)
        return await self.commit(framed, claim)
