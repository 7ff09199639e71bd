"""`spanhouse histogram`: how durations are distributed, a bar a band."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.drawing import bar
from spanhouse_backend.cli.output import ascii_only, drawing_width, duration
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.histogram import Histogram

_EXAMPLES = """\b
Examples:
  spanhouse histogram checkout.pay
  spanhouse histogram checkout.pay --scale 3 --filter attr.user.tier=gold --since 1d
"""
# What the numbers beside a bar take.
_NUMBERS_WIDTH = 48
_LEAST_WIDTH = 10


@question_command(Histogram, examples=_EXAMPLES, positional="name")
def histogram(answer: Answered, out: Console) -> None:
    """Show how durations are distributed: how many calls took how long, and which share no longer than that."""
    rows = answer.rows
    most = max(columns_of(rows, "calls"))
    width = max(_LEAST_WIDTH, drawing_width(out) - _NUMBERS_WIDTH)
    title(answer, out)
    print_table(
        out,
        [
            Column("over", list(map(duration, columns_of(rows, "over_ns")))),
            Column("up to", list(map(duration, columns_of(rows, "to_ns")))),
            Column("calls", [f"{number:,}" for number in columns_of(rows, "calls")]),
            Column("errors", [f"{number:,}" if number else "" for number in columns_of(rows, "errors")], 2, "red"),
            Column("share", [f"{share:.2%}" for share in columns_of(rows, "share")], 1),
            Column(
                "",
                [bar(row["calls"] / most, width, in_ascii=ascii_only(out)) for row in rows],
                style="cyan",
                words=True,
                one_line=True,
            ),
        ],
    )
