"""The `spanhouse` command: one group, one module for each command."""

from importlib.metadata import EntryPoint, entry_points

import click

from spanhouse_backend import COMMANDS_GROUP
from spanhouse_backend.cli.aggregate import aggregate
from spanhouse_backend.cli.attributes import attributes, impact
from spanhouse_backend.cli.backup import backup, restore
from spanhouse_backend.cli.check import check
from spanhouse_backend.cli.compare import compare
from spanhouse_backend.cli.completion import completion
from spanhouse_backend.cli.copy import copy
from spanhouse_backend.cli.delete import delete, delete_logs
from spanhouse_backend.cli.doctor.command import doctor
from spanhouse_backend.cli.errors import errors
from spanhouse_backend.cli.events import event_schema, events, streams
from spanhouse_backend.cli.exchange.export import export
from spanhouse_backend.cli.exchange.import_logs import import_logs
from spanhouse_backend.cli.exchange.import_spans import import_spans
from spanhouse_backend.cli.heatmap import heatmap
from spanhouse_backend.cli.histogram import histogram
from spanhouse_backend.cli.logs import log, logs
from spanhouse_backend.cli.metrics import metric, metrics
from spanhouse_backend.cli.neighbours import callees, callers
from spanhouse_backend.cli.percentiles import percentiles
from spanhouse_backend.cli.plan import plan_command
from spanhouse_backend.cli.retention import retention
from spanhouse_backend.cli.rules import rules
from spanhouse_backend.cli.schema import schema
from spanhouse_backend.cli.series import series
from spanhouse_backend.cli.serve import serve
from spanhouse_backend.cli.services import services
from spanhouse_backend.cli.slow import slow
from spanhouse_backend.cli.spans import spans
from spanhouse_backend.cli.sql import sql
from spanhouse_backend.cli.timeline import timeline
from spanhouse_backend.cli.token import token
from spanhouse_backend.cli.top import top
from spanhouse_backend.cli.trace import trace
from spanhouse_backend.cli.trends import trends

_EXAMPLES = """\b
Examples:
  spanhouse serve                      keep what OpenTelemetry clients send, and answer
  spanhouse top --since 1h --sort p99  the functions with the worst tail of the last hour
  spanhouse series checkout.pay        how one of them went
  spanhouse slow checkout.pay          its slowest calls, and their traces
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736
  spanhouse compare --baseline 1d..1h --candidate 1h
  spanhouse check rules.yaml           whether all is as it should be
  spanhouse doctor                     what is wrong when there is nothing to see
"""
# Listing the commands should not import the client side, so what each says of itself is said here.
_SHORT_HELP = {"run": "Run a script with its functions captured, and print how long they took."}


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spanhouse", prog_name="spanhouse")
def cli() -> None:
    """Which of my functions are slow, how often, and since when?"""


def _from_elsewhere(entry_point: EntryPoint) -> click.Command:
    """A command of the client side, as the help lists it; it reads its own arguments, `--help` included."""

    def run(arguments: tuple[str, ...]) -> None:
        raise SystemExit(entry_point.load()(list(arguments)))

    return click.Command(
        entry_point.name,
        callback=run,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        add_help_option=False,
        short_help=_SHORT_HELP.get(entry_point.name, ""),
    )


_COMMANDS = (
    serve,
    token,
    services,
    top,
    percentiles,
    aggregate,
    series,
    trends,
    heatmap,
    histogram,
    compare,
    check,
    rules,
    slow,
    errors,
    callers,
    callees,
    attributes,
    impact,
    spans,
    trace,
    logs,
    streams,
    events,
    event_schema,
    metrics,
    metric,
    log,
    timeline,
    sql,
    export,
    import_spans,
    import_logs,
    delete,
    delete_logs,
    retention,
    backup,
    restore,
    copy,
    schema,
    plan_command,
    doctor,
    completion,
)

for command in (*_COMMANDS, *map(_from_elsewhere, entry_points(group=COMMANDS_GROUP))):
    cli.add_command(command)
