"""`spanhouse heatmap`: durations over time in the terminal, a column a step and a line a band of durations.

Bands and colours are both log-scaled: a few slow calls among many fast ones are what one looks for. Without colours, or
with NO_COLOR, characters are darker for more.
"""

from bisect import bisect_right
from collections import Counter
from math import ceil, floor, log2

from rich.console import Console
from rich.text import Text

from spanhouse_backend.cli.asking import Answered, dim, question_command, title
from spanhouse_backend.cli.drawing import colour, shade
from spanhouse_backend.cli.output import count, drawing_width, duration, step_length
from spanhouse_backend.query.questions.heatmap import Heatmap
from spanhouse_backend.query.times import SECOND_NS, Window

_EXAMPLES = """\b
Examples:
  spanhouse heatmap checkout.pay --since 1d
  spanhouse heatmap --service checkout --step 15m --scale 2 --since 6h
"""
_LABEL_WIDTH = 8
# The band of durations of zero, below all others.
_ZERO = -1


@question_command(Heatmap, examples=_EXAMPLES, positional="name")
def heatmap(answer: Answered, out: Console) -> None:
    """Show how durations were distributed over time: longer ones further up, more calls in brighter colours."""
    asked: Heatmap = answer.question
    steps = asked.step.cut(Window(answer.from_ns, answer.to_ns))
    together = ceil(len(steps.starts) / max(1, drawing_width(out) - _LABEL_WIDTH - 1))
    starts = [start * SECOND_NS for start in steps.starts[::together]]
    cells: Counter[tuple[int, int]] = Counter()
    for row in answer.rows:
        cells[_band(row["to_ns"], asked.scale), bisect_right(starts, row["start_unix_ns"]) - 1] += row["calls"]
    title(answer, out, f"{step_length((starts[1] if len(starts) > 1 else answer.to_ns) - starts[0])} a column")
    _draw(out, cells, len(starts), asked.scale)


def _draw(out: Console, cells: Counter[tuple[int, int]], columns: int, scale: int) -> None:
    bands = sorted({band for band, _ in cells})
    least, most = min(cells.values()), max(cells.values())
    coloured = out.is_terminal and not out.no_color and out.color_system is not None
    # Bands without calls in between are drawn too, so that the scale stays one.
    drawn = range(bands[-1], max(bands[0], 0) - 1, -1)
    for band in (*drawn, *((_ZERO,) if bands[0] == _ZERO else ())):
        label = duration(2 ** ((band + 1) / 2**scale)) if band != _ZERO else "0ns"
        line = Text().append(f"{label:>{_LABEL_WIDTH}} ", "dim")
        for column in range(columns):
            calls = cells[band, column]
            if coloured:
                line.append(" ", colour(calls, least, most))
            else:
                line.append(shade(calls, least, most))
        if not coloured:
            line.rstrip()
        out.print(line, no_wrap=True, crop=False)
    dim(out, f"{'':{_LABEL_WIDTH}} a cell has from {least:,} to {count(most, 'call')}")


def _band(to_ns: int, scale: int) -> int:
    """Which band ends here; up to some microseconds whole nanoseconds do not tell fine bands apart."""
    return max(0, floor(log2(to_ns) * 2**scale + 1e-6) - 1) if to_ns else _ZERO
