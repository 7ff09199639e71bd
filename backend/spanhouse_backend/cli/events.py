"""`spanhouse streams`, `events` and `event-schema`: what happened, stream by stream."""

import json

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, dim, question_command, title
from spanhouse_backend.cli.output import count, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.payloads import ID, TIME
from spanhouse_backend.query.questions.events import Events, EventSchema, Streams
from spanhouse_backend.query.times import iso_time

_STREAMS_EXAMPLES = """\b
Examples:
  spanhouse streams
  spanhouse streams --since 1d --filter 'event^=shop.'
"""
_EVENTS_EXAMPLES = """\b
Examples:
  spanhouse events shop.clicks --since 1h
  spanhouse events shop.clicks --order newest --limit 1
  spanhouse events shop.clicks --filter 'attr.user=40 attr.num_clicks>5' --format json
"""
_SCHEMA_EXAMPLES = """\b
Examples:
  spanhouse event-schema shop.clicks
  spanhouse event-schema shop.clicks --events 10000 --format json
"""


@question_command(Streams, examples=_STREAMS_EXAMPLES, noun="events")
def streams(answer: Answered, out: Console) -> None:
    """Show which streams of events there are, with how many events and of which services."""
    title(answer, out)
    rows = answer.rows
    print_table(
        out,
        [
            Column("stream", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=24),
            Column("events", [f"{number:,}" for number in columns_of(rows, "count")]),
            Column("first", list(map(iso_time, columns_of(rows, "first_unix_ns"))), 2, words=True),
            Column("last", list(map(iso_time, columns_of(rows, "last_unix_ns"))), 1, words=True),
            Column("services", [printable(", ".join(names)) for names in columns_of(rows, "services")], 3, words=True),
        ],
    )


@question_command(Events, examples=_EVENTS_EXAMPLES, positional="stream", noun="events")
def events(answer: Answered, out: Console) -> None:
    """Show the events of a stream, as they were put, in order of time."""
    title(answer, out)
    rows = answer.rows
    print_table(
        out,
        [
            Column("time", [row["event"][TIME] for row in rows], words=True),
            Column("service", list(map(printable, columns_of(rows, "service"))), 1, "cyan", words=True),
            Column("event", [_shown(row["event"]) for row in rows], words=True, least=24),
            Column("id", columns_of(rows, "id"), 2, words=True),
        ],
    )


@question_command(EventSchema, examples=_SCHEMA_EXAMPLES, positional="stream", noun="events")
def event_schema(answer: Answered, out: Console) -> None:
    """Show what the events of a stream look like; --format json has it as a JSON Schema."""
    title(answer, out)
    rows = answer.rows
    dim(out, f"Inferred from {count(answer.head['events'], 'event')}.")
    print_table(
        out,
        [
            Column("part", list(map(printable, columns_of(rows, "path"))), 0, "cyan", words=True, least=24),
            Column("types", [", ".join(types) for types in columns_of(rows, "types")], words=True),
            Column("values", [f"{number:,}" for number in columns_of(rows, "values")], 1),
            Column("required", ["yes" if required else "" for required in columns_of(rows, "required")], words=True),
        ],
    )


def _shown(event: dict[str, object]) -> str:
    """The payload on one line."""
    return printable(
        json.dumps({key: value for key, value in event.items() if key not in {ID, TIME}}, ensure_ascii=False)
    )
