"""`spanhouse check`: the rules of a file, judged once, for people, for cron and for continuous integration.

A file of boards is checked before it is deployed: nobody is asked, and what is wrong with it is said by line.
"""

from pathlib import Path

import click

from spanhouse_backend.cli.client import Where, where_options

_EXAMPLES = """\b
Examples:
  spanhouse check rules.yaml                       exits 1 when a rule is in breach
  spanhouse check rules.yaml --format json
  spanhouse check rules.yaml --list                what the rules say, without asking anybody
  spanhouse check --schema > rules.schema.json     for editors that complete YAML
  spanhouse check --boards boards.yaml             exits 2 when no server would take it
"""


@click.command(epilog=_EXAMPLES)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--list", "listed", is_flag=True, help="Show what the rules say, and ask nobody.")
@click.option("--boards", "of_boards", is_flag=True, help="FILE is one of boards: say what they are, and ask nobody.")
@click.option("--schema", "schema_only", is_flag=True, help="Print the JSON Schema of such files, for editors.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or JSON, with durations in nanoseconds, for programs.",
)
@where_options
def check(file: Path | None, form: str, where: Where, *, listed: bool, of_boards: bool, schema_only: bool) -> None:
    """Judge the rules of FILE once: say what is in breach, and by how much.

    The exit code is 1 when a rule is in breach, 2 when the file or an answer cannot be had, 0 otherwise: also when too
    few calls were made to tell, which is said.
    """
    # Only now, so that other commands need not wait for the model of a file that they do not read.
    from spanhouse_backend.alerts.rule_file import schema_text  # noqa: PLC0415
    from spanhouse_backend.boards.board_file import schema_text as schema_of_boards  # noqa: PLC0415
    from spanhouse_backend.cli.checking import check_rules, list_boards, list_rules  # noqa: PLC0415

    if schema_only:
        click.echo(schema_of_boards() if of_boards else schema_text())
    elif file is None:
        raise click.UsageError("Missing argument 'FILE': the rules to judge, or --schema for what can stand there")
    elif of_boards:
        list_boards(file, form)
    elif listed:
        list_rules(file, form)
    else:
        raise SystemExit(check_rules(file, form, where))
