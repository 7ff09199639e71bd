"""`spanhouse rules`: how the rules stand that a server keeps."""

from rich.console import Console
from rich.text import Text

from spanhouse_backend.cli.asking import Answered, columns_of, question_command
from spanhouse_backend.cli.output import printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.rules import Rules
from spanhouse_backend.query.times import SECOND_NS, iso_time

_EXAMPLES = """\b
Examples:
  spanhouse rules
  spanhouse rules --format json
  spanhouse check rules.yaml       the same rules, judged now, by whoever asks
"""
_STYLES = {"firing": "bold red", "pending": "red", "resolved": "green", "ok": "green", "unknown": "yellow"}


@question_command(Rules, examples=_EXAMPLES, noun="rules")
def rules(answer: Answered, out: Console) -> None:
    """Show how the rules stand that the server was started with (serve --rules), and what they found."""
    rows = answer.rows
    found = [row["problem"] or row["summary"] or row["means"] for row in rows]
    print_table(
        out,
        [
            Column("state", [Text(row["state"], _STYLES.get(row["state"], "")) for row in rows], words=True),
            Column("rule", list(map(printable, columns_of(rows, "rule"))), style="cyan", words=True, least=20),
            Column("since", [_time(row["since_unix_ns"]) for row in rows], 2, words=True),
            Column("judged", [_time(row["evaluated_unix_ns"]) for row in rows], 3, words=True),
            Column("told", [_time(row["told_unix_ns"]) for row in rows], 4, words=True),
            Column("found", list(map(printable, found)), words=True, least=24),
        ],
    )


def _time(unix_ns: int) -> str:
    """To the second; nothing for never."""
    return iso_time(unix_ns // SECOND_NS * SECOND_NS) if unix_ns else ""
