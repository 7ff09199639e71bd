"""`spanhouse token`: makes, lists and removes the tokens that `spanhouse serve --tokens` lets in.

It works on the file alone: a server that runs reads it again within a second or two.
"""

from pathlib import Path

import click
from rich.table import Table

from spanhouse_backend.access.rules import Role, role_names
from spanhouse_backend.access.token_file import add_token, read_tokens, remove_token
from spanhouse_backend.cli.output import console, format_option, write_csv, write_json
from spanhouse_backend.errors import SettingsError

_EXAMPLES = """\b
Examples:
  spanhouse token add checkout --role write --file tokens
  spanhouse token add grafana --role read --role sql --file tokens
  spanhouse token list --file tokens
  spanhouse token remove checkout --file tokens
"""
_OPTION = "--file"

_file_option = click.option(
    _OPTION,
    "path",
    metavar="FILE",
    required=True,
    envvar="SPANHOUSE_TOKENS",
    show_envvar=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of tokens: what `spanhouse serve --tokens` is given.",
)


@click.group(epilog=_EXAMPLES)
def token() -> None:
    """Say who may use a server, and for what."""


@token.command(epilog=_EXAMPLES)
@click.argument("name")
@click.option(
    "--role",
    "roles",
    metavar="ROLE",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="What it is for: write (send OTLP), read (ask questions), sql (raw SQL), admin (everything). May be repeated.",
)
@_file_option
def add(name: str, roles: tuple[str, ...], path: Path) -> None:
    """Make a token, and print it. It is shown this once: the file keeps only its SHA-256."""
    try:
        made = add_token(path, _OPTION, name, map(Role, roles))
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    # Alone on standard output, so that it can go straight to where it is kept.
    click.echo(made)
    click.echo(f"Keep it: {path} has only what it is recognised by.", err=True)


@token.command("list", epilog=_EXAMPLES)
@_file_option
@format_option
def list_(path: Path, form: str) -> None:
    """Show whose tokens are let in, and their roles."""
    try:
        holders = read_tokens(path, _OPTION).holders.values()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    rows = [(holder.name, role_names(holder.roles)) for holder in holders]
    if form == "json":
        write_json({"tokens": [{"name": name, "roles": roles} for name, roles in rows]})
    elif form == "csv":
        write_csv(["name", "roles"], [(name, ",".join(roles)) for name, roles in rows])
    elif not rows:
        click.echo(f"{path} has no tokens: make one with `spanhouse token add NAME --role read --file {path}`.")
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("name", style="cyan")
        table.add_column("roles")
        for name, roles in rows:
            table.add_row(name, ", ".join(roles))
        console().print(table)


@token.command(epilog=_EXAMPLES)
@click.argument("name")
@_file_option
def remove(name: str, path: Path) -> None:
    """Let the token named NAME in no more."""
    try:
        remove_token(path, _OPTION, name)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Removed {name}. A server that runs turns it away within a second or two.", err=True)
