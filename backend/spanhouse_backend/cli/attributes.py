"""`spanhouse attributes` and `spanhouse impact`: what calls say of themselves, and which of it goes with being slow."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, dim, question_command, title
from spanhouse_backend.cli.output import count, duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.attributes import AttributeImpact, Attributes

_EXAMPLES = """\b
Examples:
  spanhouse attributes --service checkout
  spanhouse attributes checkout.pay --since 1h --format json
"""
_IMPACT_EXAMPLES = """\b
Examples:
  spanhouse impact checkout.pay
  spanhouse impact checkout.pay --slower-than 250ms --since 1d
"""


@question_command(Attributes, examples=_EXAMPLES, positional="name", noun="attributes")
def attributes(answer: Answered, out: Console) -> None:
    """Show which attributes calls have, of what type and with how many values: what --filter and --group can name."""
    title(answer, out)
    rows = answer.rows
    print_table(
        out,
        [
            Column("attribute", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=24),
            Column("type", columns_of(rows, "type"), 2, words=True),
            Column("spans", [f"{number:,}" for number in columns_of(rows, "spans")], 1),
            Column("values", [f"{number:,}" for number in columns_of(rows, "values")]),
            Column(
                "examples",
                [printable(", ".join(examples)) for examples in columns_of(rows, "examples")],
                words=True,
                one_line=True,
                least=16,
            ),
        ],
    )


@question_command(AttributeImpact, examples=_IMPACT_EXAMPLES, positional="name", noun="attributes of slow calls")
def impact(answer: Answered, out: Console) -> None:
    """Show which attribute values are over-represented among the slow calls. Best asked of one function at a time."""
    head, rows = answer.head, answer.rows
    title(answer, out)
    dim(
        out,
        f"Slow are {head['slow_calls']:,} of {count(head['calls'], 'call')}: longer than {duration(head['over_ns'])}",
    )
    print_table(
        out,
        [
            Column("attribute", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=20),
            Column("value", list(map(printable, columns_of(rows, "value"))), words=True, least=16),
            Column("of slow", [f"{share:.1%}" for share in columns_of(rows, "slow_share")]),
            Column("of others", [f"{share:.1%}" for share in columns_of(rows, "other_share")]),
            Column("score", [f"{score:.2f}" for score in columns_of(rows, "score")]),
            Column("slow calls", [f"{number:,}" for number in columns_of(rows, "slow_calls")], 1),
            Column("other calls", [f"{number:,}" for number in columns_of(rows, "other_calls")], 2),
        ],
    )
