"""Which role each path and each gRPC method needs, in one place.

The first rule that fits decides. What no rule names needs the role admin, so that something new is closed until it is
listed here.
"""

from collections.abc import Iterable
from typing import NamedTuple

from spanhouse_backend.roles import Role


class Rule(NamedTuple):
    """What is at `prefix` or below it needs a role, or (None) nothing at all; with any of `methods`, or any method."""

    prefix: str
    needs: Role | None
    methods: frozenset[str] | None = None
    always: bool = False
    """Also by a server that does not serve this role otherwise: it is about the server itself."""

    def fits(self, path: str, method: str) -> bool:
        """Whether this rule speaks of `path`: whole segments count, so /v1 is not the beginning of /v1x."""
        below = path == self.prefix or path.startswith(f"{self.prefix}/")
        return below and (self.methods is None or method in self.methods)


_READING = frozenset({"GET", "HEAD"})

OTLP_PREFIXES = ("/v1", "/v1development")

HTTP_RULES = (
    Rule("/healthz", None),
    Rule("/readyz", None),
    *(Rule(prefix, Role.WRITE) for prefix in OTLP_PREFIXES),
    # Where a token is shown: it looks at what is sent by itself.
    Rule("/api/v1/session", None),
    Rule("/api/v1/sql", Role.SQL),
    Rule("/api/v1/admin", Role.ADMIN),
    # Where log records and events are posted that are not OTLP; below them they are read.
    Rule("/api/v1/record", Role.WRITE, frozenset({"POST"})),
    Rule("/api/v1/events", Role.WRITE, frozenset({"POST"})),
    # Any other method may change something.
    Rule("/api/v1", Role.READ, _READING),
    Rule("/metrics", Role.READ, _READING, always=True),
    # The dashboard's files hold no data, and have to be read before anybody can sign in.
    Rule("/", None, _READING),
    Rule("/static", None, _READING),
    # The description of the API.
    Rule("/docs", Role.READ, _READING, always=True),
    Rule("/openapi.json", Role.READ, _READING, always=True),
)

GRPC_RULES = (
    Rule("/grpc.health.v1.Health", None),
    Rule("/opentelemetry.proto.collector.trace.v1.TraceService", Role.WRITE),
    Rule("/opentelemetry.proto.collector.logs.v1.LogsService", Role.WRITE),
    Rule("/opentelemetry.proto.collector.metrics.v1.MetricsService", Role.WRITE),
    Rule("/opentelemetry.proto.collector.profiles.v1development.ProfilesService", Role.WRITE),
    Rule("/spanhouse.v1.Sql", Role.SQL),
    Rule("/spanhouse.v1.Query/Delete", Role.ADMIN),
    Rule("/spanhouse.v1.Query/DeleteLogs", Role.ADMIN),
    Rule("/spanhouse.v1.Query", Role.READ),
)


def rule_for(rules: Iterable[Rule], path: str, method: str = "") -> Rule:
    """The rule that decides about `path`."""
    return next((rule for rule in rules if rule.fits(path, method)), Rule(path, Role.ADMIN))
