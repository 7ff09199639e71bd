"""`spanhouse delete`: deletes spans, when whoever asks has seen how many they are."""

import click

from spanhouse_backend.cli.asking import Texts, question_options, stream
from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, ask, where_options
from spanhouse_backend.cli.output import count, format_option, write_csv, write_json
from spanhouse_backend.query.parameters import MAX_LIMIT
from spanhouse_backend.query.questions.delete import Delete
from spanhouse_backend.query.questions.services import Services
from spanhouse_backend.query.times import iso_time
from spanhouse_proto.query_pb2 import DeleteRequest, DeleteResponse
from spanhouse_proto.query_pb2_grpc import QueryStub

_EXAMPLES = """\b
Examples:
  spanhouse delete --since 0 --until 30d --yes
  spanhouse delete --since 2026-01-31T09:00Z+1h --service checkout --filter 'attr.test=true' --yes
"""


@click.command(epilog=_EXAMPLES)
@question_options(Delete)
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@where_options
def delete(texts: Texts, form: str, where: Where, *, yes: bool) -> None:
    """Delete the spans of a window that match a filter; needs the role admin. Rollups keep what they counted."""
    if not yes:
        found = count(_spans(where, texts), "span")
        click.confirm(f"Delete {found}? There is no way back.", abort=True, err=True)
        where = where._replace(said=True)

    def call(query: QueryStub) -> DeleteResponse:
        return query.Delete(DeleteRequest(**texts), timeout=TIMEOUT_SECONDS)

    answer = ask(where, call)
    if form == "json":
        window = {"from": iso_time(answer.from_unix_ns), "to": iso_time(answer.to_unix_ns)}
        write_json({"deleted": answer.deleted, **window, "notes": list(answer.notes)})
    elif form == "csv":
        write_csv(["deleted"], [[answer.deleted]])
    else:
        click.echo(f"Deleted {count(answer.deleted, 'span')}.")
        for note in answer.notes:
            click.echo(f"Note: {note}")


def _spans(where: Where, texts: Texts) -> int:
    """How many spans these texts speak of, which is how many calls the services have."""
    asked = {**texts, "exact": "true", "limit": str(MAX_LIMIT)}
    return stream(where, Services, asked, lambda _head, rows: sum(int(row["calls"]) for row in rows))
