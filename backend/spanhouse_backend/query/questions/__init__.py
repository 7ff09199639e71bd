"""The questions, one module each, in the order in which they are listed to people.

The Python client's methods are generated from them: `make client` after a change.
"""

from typing import Any

from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.aggregate import Aggregate
from spanhouse_backend.query.questions.attributes import AttributeImpact, Attributes
from spanhouse_backend.query.questions.compare import Compare
from spanhouse_backend.query.questions.delete import Delete
from spanhouse_backend.query.questions.delete_logs import DeleteLogs
from spanhouse_backend.query.questions.errors import Errors
from spanhouse_backend.query.questions.events import Events, EventSchema, Streams
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.heatmap import Heatmap
from spanhouse_backend.query.questions.histogram import Histogram
from spanhouse_backend.query.questions.logs import Log, Logs
from spanhouse_backend.query.questions.metric_percentiles import MetricPercentiles
from spanhouse_backend.query.questions.metrics import Metrics
from spanhouse_backend.query.questions.neighbours import Callees, Callers
from spanhouse_backend.query.questions.percentiles import Percentiles
from spanhouse_backend.query.questions.rules import Rules
from spanhouse_backend.query.questions.series import Series
from spanhouse_backend.query.questions.services import Services
from spanhouse_backend.query.questions.spans import Slowest, Spans
from spanhouse_backend.query.questions.timeline import Timeline
from spanhouse_backend.query.questions.trace import Trace
from spanhouse_backend.query.questions.trends import Trends

# What only administrators may ask; the path to it says so, and so does its gRPC method.
ADMIN_QUESTIONS: tuple[type[Question[Any]], ...] = (Delete, DeleteLogs)
QUESTIONS: tuple[type[Question[Any]], ...] = (
    Services,
    Functions,
    Percentiles,
    Aggregate,
    Series,
    Trends,
    Heatmap,
    Histogram,
    Slowest,
    Errors,
    Callers,
    Callees,
    Attributes,
    AttributeImpact,
    Spans,
    Compare,
    Trace,
    Logs,
    Log,
    Timeline,
    Streams,
    Events,
    EventSchema,
    Metrics,
    MetricPercentiles,
    Rules,
)
