"""`spanhouse delete` and `spanhouse delete-logs`: what is deleted, when whoever asks has seen how much that is."""

from collections.abc import Callable

import click

from spanhouse_backend.cli.asking import Texts, question_options, stream
from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, ask, where_options
from spanhouse_backend.cli.output import count, format_option, write_csv, write_json
from spanhouse_backend.query.parameters import MAX_LIMIT
from spanhouse_backend.query.questions.delete import Delete
from spanhouse_backend.query.questions.delete_logs import DeleteLogs
from spanhouse_backend.query.questions.services import Services
from spanhouse_backend.query.questions.timeline import Timeline
from spanhouse_backend.query.times import iso_time
from spanhouse_proto.query_pb2 import DeleteLogsRequest, DeleteRequest, DeleteResponse
from spanhouse_proto.query_pb2_grpc import QueryStub

_EXAMPLES = """\b
Examples:
  spanhouse delete --since 0 --until 30d --yes
  spanhouse delete --since 2026-01-31T09:00Z+1h --service checkout --filter 'attr.test=true' --yes
"""
_LOGS_EXAMPLES = """\b
Examples:
  spanhouse delete-logs --since 0 --until 7d --filter 'level<info' --yes
  spanhouse delete-logs --since 0 --filter 'event=user.login' --yes
"""
_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog=_EXAMPLES)
@question_options(Delete)
@_yes_option
@format_option
@where_options
def delete(texts: Texts, form: str, where: Where, *, yes: bool) -> None:
    """Delete the spans of a window that match a filter; needs the role admin. Rollups keep what they counted."""
    where = where if yes else _confirmed(where, _spans(where, texts), "span")
    _carried_out(where, form, "span", lambda query: query.Delete(DeleteRequest(**texts), timeout=TIMEOUT_SECONDS))


@click.command("delete-logs", epilog=_LOGS_EXAMPLES)
@question_options(DeleteLogs)
@_yes_option
@format_option
@where_options
def delete_logs(texts: Texts, form: str, where: Where, *, yes: bool) -> None:
    """Delete the log records and events of a window that match; needs the role admin."""
    where = where if yes else _confirmed(where, _records(where, texts), "log record")

    def call(query: QueryStub) -> DeleteResponse:
        return query.DeleteLogs(DeleteLogsRequest(**texts), timeout=TIMEOUT_SECONDS)

    _carried_out(where, form, "log record", call)


def _confirmed(where: Where, number: int, one: str) -> Where:
    """Where the order goes, once it is said that so many are meant. Raises click.Abort when they are not."""
    click.confirm(f"Delete {count(number, one)}? There is no way back.", abort=True, err=True)
    return where._replace(said=True)


def _carried_out(where: Where, form: str, one: str, call: Callable[[QueryStub], DeleteResponse]) -> None:
    answer = ask(where, call)
    if form == "json":
        window = {"from": iso_time(answer.from_unix_ns), "to": iso_time(answer.to_unix_ns)}
        write_json({"deleted": answer.deleted, **window, "notes": list(answer.notes)})
    elif form == "csv":
        write_csv(["deleted"], [[answer.deleted]])
    else:
        click.echo(f"Deleted {count(answer.deleted, one)}.")
        for note in answer.notes:
            click.echo(f"Note: {note}")


def _spans(where: Where, texts: Texts) -> int:
    """How many spans these texts speak of, which is how many calls the services have."""
    asked = {**texts, "exact": "true", "limit": str(MAX_LIMIT)}
    return stream(where, Services, asked, lambda _head, rows: sum(int(row["calls"]) for row in rows))


def _records(where: Where, texts: Texts) -> int:
    """How many records these texts speak of."""
    return stream(where, Timeline, texts, lambda head, _rows: int(head["records"]))
