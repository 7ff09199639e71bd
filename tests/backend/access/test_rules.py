"""Which role what needs: the rules as a table, and that nothing is open which nobody opened."""

import pytest

from spanhouse_backend.access.rules import GRPC_RULES, HTTP_RULES, rule_for
from spanhouse_backend.roles import Role


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("POST", "/v1/traces", Role.WRITE),
        ("POST", "/v1development/profiles", Role.WRITE),
        ("OPTIONS", "/v1/traces", Role.WRITE),
        ("GET", "/v1x", Role.ADMIN),
        ("GET", "/v1/../api/v1/sql", Role.WRITE),  # as its prefix says: no route has such a path
        ("GET", "/api/v1/functions", Role.READ),
        ("HEAD", "/api/v1/anything/new", Role.READ),
        ("POST", "/api/v1/anything/new", Role.ADMIN),
        ("DELETE", "/api/v1/spans", Role.ADMIN),
        ("POST", "/api/v1/record", Role.WRITE),
        ("POST", "/api/v1/events", Role.WRITE),
        ("HEAD", "/api/v1/record", Role.READ),
        ("GET", "/api/v1/record/7", Role.READ),
        ("DELETE", "/api/v1/record", Role.ADMIN),
        ("GET", "/api/v1/sql", Role.SQL),
        ("POST", "/api/v1/sql", Role.SQL),
        ("GET", "/api/v1/sql/", Role.SQL),
        ("GET", "/api/v1/sqlite", Role.READ),
        ("GET", "/api/v1/admin/retention", Role.ADMIN),
        ("GET", "/metrics", Role.READ),
        ("GET", "/", None),
        ("HEAD", "/static/app.js", None),
        ("POST", "/", Role.ADMIN),
        ("POST", "/static/app.js", Role.ADMIN),
        ("GET", "/statics", Role.ADMIN),
        ("GET", "/docs", Role.READ),
        ("GET", "/openapi.json", Role.READ),
        ("GET", "//api/v1/functions", None),  # no route has such a path
        ("GET", "/API/v1/functions", Role.ADMIN),
        ("GET", "", Role.ADMIN),
        ("BREW", "/coffee", Role.ADMIN),
    ],
)
def test_paths(method, path, needed):
    assert rule_for(HTTP_RULES, path, method).needs is needed


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        ("/grpc.health.v1.Health/Check", None),
        ("/grpc.health.v1.Health/Watch", None),
        ("/grpc.health.v1.Healthy/Check", Role.ADMIN),
        ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Role.WRITE),
        ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Role.WRITE),
        ("/spanhouse.v1.Query/Functions", Role.READ),
        ("/spanhouse.v1.Sql/Run", Role.SQL),
        ("/spanhouse.v1.Query/Delete", Role.ADMIN),
        ("/spanhouse.v1.Query/DeleteLogs", Role.ADMIN),
        ("/spanhouse.v1.Admin/Retention", Role.ADMIN),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Role.ADMIN),
        ("", Role.ADMIN),
    ],
)
def test_grpc_methods(method, needed):
    assert rule_for(GRPC_RULES, method).needs is needed


def test_only_probes_health_and_pages_without_data_are_open():
    """Opening something more is a decision that this test asks about."""
    open_ones = [rule.prefix for rule in (*HTTP_RULES, *GRPC_RULES) if rule.needs is None]
    assert open_ones == ["/healthz", "/readyz", "/api/v1/session", "/", "/static", "/grpc.health.v1.Health"]
