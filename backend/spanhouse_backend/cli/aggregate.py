"""`spanhouse aggregate`: any figures of any groups of calls, log records or events, without SQL."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, question_command, title
from spanhouse_backend.cli.output import duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.aggregate import Aggregate
from spanhouse_backend.query.times import iso_time

_EXAMPLES = """\b
Examples:
  spanhouse aggregate checkout.pay --select 'count,p99(duration),sum(attr.bytes)' --group attr.user.tier
  spanhouse aggregate --select count,errors --group service --step 1h --since 1d
  spanhouse aggregate --select 'max(attr.bytes)' --order-by 'max(attr.bytes)' --limit 5 --filter status=error
  spanhouse aggregate --of logs --group service,level --since 1d
  spanhouse aggregate --of events --stream shop.clicks --select 'count,sum(attr.num_clicks)' --group attr.user
"""


@question_command(Aggregate, examples=_EXAMPLES, positional="name")
def aggregate(answer: Answered, out: Console) -> None:
    """Show what figures of calls, log records or events come to (counts, sums, percentiles), by group and step."""
    title(answer, out)
    rows = answer.rows
    steps = [iso_time(row["start_unix_ns"]) for row in rows if row["start_unix_ns"] is not None]
    groups = [
        Column(field, [printable(row["group"][field]) for row in rows], style="cyan", words=True, least=20)
        for field in rows[0]["group"]
    ]
    figures = [Column(name, [_shown(name, row["figures"][name]) for row in rows]) for name in rows[0]["figures"]]
    print_table(out, [*([Column("from", steps, words=True)] if steps else []), *groups, *figures])


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name.endswith("(duration)"):
        return duration(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
