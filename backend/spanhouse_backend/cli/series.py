"""`spanhouse series`: how calls went over time, a line of sparks for each number."""

from collections.abc import Callable, Sequence

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.drawing import combined, sparkline
from spanhouse_backend.cli.output import ascii_only, count, drawing_width, duration, step_length
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.series import Series

_EXAMPLES = """\b
Examples:
  spanhouse series checkout.pay --since 1d
  spanhouse series --service checkout --step 1h --timezone Europe/Berlin --since 7d
  spanhouse series checkout.pay --levels p50,p99 --format csv
"""
# What the numbers beside a line of sparks take, and the shortest line that still says something.
_NUMBERS_WIDTH = 44
_LEAST_WIDTH = 10


@question_command(Series, examples=_EXAMPLES, positional="name")
def series(answer: Answered, out: Console) -> None:
    """Show how often functions were called, failed and how long they took, step by step, as sparklines."""
    rows = answer.rows
    lines: list[tuple[str, Sequence[float | None], Callable[[float], str]]] = [
        (name, columns_of(rows, name), _whole) for name in ("calls", "errors")
    ]
    lines.append(("mean", columns_of(rows, "mean_ns"), duration))
    lines += [(level, [row["percentiles_ns"][level] for row in rows], duration) for level in rows[0]["percentiles_ns"]]
    width = max(_LEAST_WIDTH, drawing_width(out) - _NUMBERS_WIDTH)
    title(
        answer, out, f"{count(len(rows), 'step')} of {step_length(rows[0]['end_unix_ns'] - rows[0]['start_unix_ns'])}"
    )
    print_table(
        out,
        [
            Column("", [name for name, _, _ in lines], words=True),
            Column(
                "over time",
                [sparkline(combined(values, width), in_ascii=ascii_only(out)) for _, values, _ in lines],
                style="cyan",
                words=True,
                one_line=True,
            ),
            *(
                Column(header, [_said(pick, values, words) for _, values, words in lines], dispensable)
                for header, pick, dispensable in (("least", min, 2), ("most", max, 0), ("last", _last, 1))
            ),
        ],
    )


def _said(
    pick: Callable[[Sequence[float]], float], values: Sequence[float | None], words: Callable[[float], str]
) -> str:
    known = [value for value in values if value is not None]
    return words(pick(known)) if known else ""


def _last(values: Sequence[float]) -> float:
    return values[-1]


def _whole(number: float) -> str:
    return f"{number:,.0f}"
