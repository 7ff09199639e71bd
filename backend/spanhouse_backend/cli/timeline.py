"""`spanhouse timeline`: how much was logged over time, a line of sparks for each level."""

from rich.console import Console
from rich.text import Text

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.drawing import combined, sparkline
from spanhouse_backend.cli.logs import LEVEL_STYLES
from spanhouse_backend.cli.output import ascii_only, count, drawing_width, step_length
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.timeline import Timeline

_EXAMPLES = """\b
Examples:
  spanhouse timeline --since 1d
  spanhouse timeline --level error --step 1h --timezone Europe/Berlin --since 7d
  spanhouse timeline --filter 'event=user.login' --since 30d --step 1d --format csv
"""
_LINES = ("records", "fatal", "error", "warn", "info", "debug", "trace", "unspecified")
# What the numbers beside a line of sparks take, and the shortest line that still says something.
_NUMBERS_WIDTH = 40
_LEAST_WIDTH = 10


@question_command(Timeline, examples=_EXAMPLES, noun="log records")
def timeline(answer: Answered, out: Console) -> None:
    """Show how much was logged, step by step, as sparklines: all of it, and each level that there was."""
    rows = answer.rows
    width = max(_LEAST_WIDTH, drawing_width(out) - _NUMBERS_WIDTH)
    step = step_length(rows[0]["end_unix_ns"] - rows[0]["start_unix_ns"])
    title(answer, out, f"{count(answer.head['records'], 'record')} in {count(len(rows), 'step')} of {step}")
    lines = {name: columns_of(rows, name) for name in _LINES}
    lines = {name: counts for name, counts in lines.items() if name == "records" or any(counts)}
    print_table(
        out,
        [
            Column("", [Text(name, style=LEVEL_STYLES.get(name, "")) for name in lines], words=True),
            Column(
                "over time",
                [sparkline(combined(counts, width), in_ascii=ascii_only(out)) for counts in lines.values()],
                style="cyan",
                words=True,
                one_line=True,
            ),
            Column("records", [f"{sum(counts):,}" for counts in lines.values()]),
            Column("most", [f"{max(counts):,}" for counts in lines.values()], 2),
            Column("last", [f"{counts[-1]:,}" for counts in lines.values()], 1),
        ],
    )
