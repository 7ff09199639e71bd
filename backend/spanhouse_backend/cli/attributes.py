"""`spanhouse attributes` and `spanhouse impact`: what calls say of themselves, and which of it goes with being slow."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, dim, question_command, title
from spanhouse_backend.cli.output import count, duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.attributes import AttributeImpact, Attributes
from spanhouse_backend.query.times import iso_time

_EXAMPLES = """\b
Examples:
  spanhouse attributes --service checkout
  spanhouse attributes checkout.pay --since 1h --format json
"""
_IMPACT_EXAMPLES = """\b
Examples:
  spanhouse impact checkout.pay
  spanhouse impact checkout.pay --slower-than 250ms --since 1d
  spanhouse impact checkout.pay --during 2h..1h --since 1d          what was different an hour ago
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


@question_command(AttributeImpact, examples=_IMPACT_EXAMPLES, positional="name", noun="attribute values that stand out")
def impact(answer: Answered, out: Console) -> None:
    """Show which attribute values are over-represented among slow calls, or in any box of durations and times.

    Best asked of one function at a time.
    """
    head, rows = answer.head, answer.rows
    title(answer, out)
    dim(out, f"Inside are {head['inside_calls']:,} of {count(head['calls'], 'call')}: {_box(answer)}")
    print_table(
        out,
        [
            Column("attribute", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=20),
            Column("value", list(map(printable, columns_of(rows, "value"))), words=True, least=16),
            Column("inside", [f"{share:.1%}" for share in columns_of(rows, "inside_share")]),
            Column("outside", [f"{share:.1%}" for share in columns_of(rows, "outside_share")]),
            Column("score", [f"{score:.2f}" for score in columns_of(rows, "score")]),
            Column("lift", [f"{lift:.3g}" for lift in columns_of(rows, "lift")], 3),
            Column("calls inside", [f"{number:,}" for number in columns_of(rows, "inside_calls")], 1),
            Column("calls outside", [f"{number:,}" for number in columns_of(rows, "outside_calls")], 2),
        ],
    )


def _box(answer: Answered) -> str:
    """What is inside, in words."""
    head = answer.head
    words = [f"longer than {duration(head['over_ns'])}"] if head["over_ns"] else []
    if head["up_to_ns"] is not None:
        words.append(f"no longer than {duration(head['up_to_ns'])}")
    begun = head["inside_from_unix_ns"], head["inside_to_unix_ns"]
    if begun != (answer.from_ns, answer.to_ns):
        words.append(f"begun from {iso_time(begun[0])} until {iso_time(begun[1])}")
    return ", ".join(words) or "all of them"
