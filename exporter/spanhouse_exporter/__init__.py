"""Finished spans to OTLP bytes to gRPC, bounded and off the caller's path."""

from spanhouse_exporter.delivery import Outcome
from spanhouse_exporter.envelope import resource_fields, scope_fields
from spanhouse_exporter.intake import Intake
from spanhouse_exporter.pipeline import Pipeline, after_fork_in_child
from spanhouse_exporter.sender import GrpcSender, Sender
from spanhouse_exporter.settings import ExporterSettings, from_environment
from spanhouse_exporter.status import ExporterStatus

__all__ = [
    "ExporterSettings",
    "ExporterStatus",
    "GrpcSender",
    "Intake",
    "Outcome",
    "Pipeline",
    "Sender",
    "after_fork_in_child",
    "from_environment",
    "resource_fields",
    "scope_fields",
]
