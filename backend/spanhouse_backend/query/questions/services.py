"""`services`: who has sent spans."""

from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Exactly, Filtered, Limited, Windowed
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.statements import statement


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service, and how many functions of it were called."""

    service: str
    functions: int
    calls: int
    errors: int
    total_ns: int
    mean_ns: float


@dataclass(frozen=True, kw_only=True)
class Services(Question[Answer[ServiceRow]], name="services", row=ServiceRow):
    """Which services are there, how often are their functions called, how often do they fail?"""

    window: Windowed
    where: Filtered
    exact: Exactly
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[ServiceRow]:
        """One row a service, the one that took the most time first. All of it is exact, from every source."""
        chosen = choose(self.window, self.where, exact=self.exact)
        return Answer(
            source=chosen.source,
            accuracy="exact",
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            rows=await engine.ask(ServiceRow, statement("services.sql", {"limit": self.limit}, calls=chosen.calls)),
        )
