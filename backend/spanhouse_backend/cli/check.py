"""`spanhouse check`: the rules of a file, judged once, for people, for cron and for continuous integration."""

from pathlib import Path

import click

from spanhouse_backend.cli.client import Where, where_options

_EXAMPLES = """\b
Examples:
  spanhouse check rules.yaml                       exits 1 when a rule is in breach
  spanhouse check rules.yaml --format json
  spanhouse check rules.yaml --list                what the rules say, without asking anybody
  spanhouse check --schema > rules.schema.json     for editors that complete YAML
"""


@click.command(epilog=_EXAMPLES)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--list", "listed", is_flag=True, help="Show what the rules say, and ask nobody.")
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
def check(file: Path | None, form: str, where: Where, *, listed: bool, schema_only: bool) -> None:
    """Judge the rules of FILE once: say what is in breach, and by how much.

    The exit code is 1 when a rule is in breach, 2 when the file or an answer cannot be had, 0 otherwise: also when too
    few calls were made to tell, which is said.
    """
    # Only now, so that other commands need not wait for the model of a file that they do not read.
    from spanhouse_backend.alerts.rule_file import schema_text  # noqa: PLC0415
    from spanhouse_backend.cli.checking import check_rules, list_rules  # noqa: PLC0415

    if schema_only:
        click.echo(schema_text())
    elif file is None:
        raise click.UsageError("Missing argument 'FILE': the rules to judge, or --schema for what can stand there")
    elif listed:
        list_rules(file, form)
    else:
        raise SystemExit(check_rules(file, form, where))
