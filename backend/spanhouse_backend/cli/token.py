"""`spanhouse token`: makes, lists and removes the tokens that `spanhouse serve --tokens` lets in.

It works on the file alone: a server that runs reads it again within a second or two.
"""

from pathlib import Path

import click
from rich.table import Table

from spanhouse_backend.access.token_file import add_token, read_tokens, remove_token
from spanhouse_backend.cli.output import console, format_option, write_csv, write_json
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.namespace import parse_namespace
from spanhouse_backend.roles import Role, role_names

_EXAMPLES = """\b
Examples:
  spanhouse token add checkout --role write --file tokens
  spanhouse token add grafana --role read --role sql --file tokens
  spanhouse token add lab-reader --role read --namespace lab --file tokens
  spanhouse token list --file tokens
  spanhouse token remove checkout --file tokens
"""
_OPTION = "--file"
_COLUMNS = ["name", "roles", "namespace"]

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
@click.option(
    "--namespace",
    metavar="NAME",
    default="",
    help="Which of the server's --namespaces it is for, and no other.  [default: the one without a name]",
)
@_file_option
def add(name: str, roles: tuple[str, ...], namespace: str, path: Path) -> None:
    """Make a token, and print it. It is shown this once: the file keeps only its SHA-256."""
    try:
        namespace = parse_namespace(namespace, "--namespace") if namespace else ""
        made = add_token(path, _OPTION, name, map(Role, roles), namespace)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    # Alone on standard output, so that it can go straight to where it is kept.
    click.echo(made)
    click.echo(f"Keep it: {path} has only what it is recognised by.", err=True)


@token.command("list", epilog=_EXAMPLES)
@_file_option
@format_option
def list_(path: Path, form: str) -> None:
    """Show whose tokens are let in, their roles, and the namespaces that they are for."""
    try:
        holders = read_tokens(path, _OPTION).holders.values()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    rows = [(holder.name, role_names(holder.roles), holder.namespace) for holder in holders]
    if form == "json":
        write_json({"tokens": [dict(zip(_COLUMNS, row, strict=True)) for row in rows]})
    elif form == "csv":
        write_csv(_COLUMNS, [(name, ",".join(roles), namespace) for name, roles, namespace in rows])
    elif not rows:
        click.echo(f"{path} has no tokens: make one with `spanhouse token add NAME --role read --file {path}`.")
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("name", style="cyan")
        table.add_column("roles")
        table.add_column("namespace")
        for name, roles, namespace in rows:
            table.add_row(name, ", ".join(roles), namespace)
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
