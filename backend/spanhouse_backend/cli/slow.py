"""`spanhouse slow`: the slowest calls, with the traces they are in."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, question_command, title
from spanhouse_backend.cli.spans import span_columns
from spanhouse_backend.cli.tables import print_table
from spanhouse_backend.query.questions.spans import Slowest

_EXAMPLES = """\b
Examples:
  spanhouse slow --since 1h
  spanhouse slow checkout.pay --filter 'status=ok attr.user.tier=gold' --limit 10
"""


@question_command(Slowest, examples=_EXAMPLES, positional="name", noun="spans")
def slow(answer: Answered, out: Console) -> None:
    """Show which calls took longest; `spanhouse trace` shows what they waited for."""
    title(answer, out)
    print_table(out, span_columns(answer.rows))
