"""The command: every look in order, a table of what was seen, and exit code 1 when something is wrong."""

import os
from collections.abc import Iterator

import click
from rich.text import Text

from spanhouse_backend.cli.client import Where, where_options
from spanhouse_backend.cli.doctor.directory import look_at_data, look_at_spool
from spanhouse_backend.cli.doctor.exporter import look_at_exporter
from spanhouse_backend.cli.doctor.finding import Finding
from spanhouse_backend.cli.doctor.servers import look_at_ports, look_at_server
from spanhouse_backend.cli.doctor.versions import look_at_versions
from spanhouse_backend.cli.output import console, count, format_option, printable, write_csv, write_json
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.serve_settings import SERVE_SETTINGS
from spanhouse_backend.settings import Settings, read_settings

_EXAMPLES = """\b
Examples:
  spanhouse doctor
  spanhouse doctor --server https://spans.example.org:4317 --token-file token
  spanhouse doctor --format json
"""
_STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@click.command(epilog=_EXAMPLES)
@format_option
@where_options
def doctor(form: str, where: Where) -> None:
    """Look at everything between a captured call and its percentile, and say what to do.

    Versions, ports, a server and its clock, the data directory and its disk, the spool, and the variables of exporters.
    The exit code is 1 when something is wrong.
    """
    try:
        settings = _settings(where)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    findings = list(_looks(where, settings))
    if form == "json":
        write_json({"rows": [finding._asdict() for finding in findings]})
    elif form == "csv":
        write_csv(Finding._fields, findings)
    else:
        _print_table(findings)
    if wrong := sum(finding.state == "wrong" for finding in findings):
        click.echo(f"{count(wrong, 'thing is', 'things are')} wrong.", err=True)
        raise SystemExit(1)


def _settings(where: Where) -> Settings:
    """What `spanhouse serve` would run with, if it were started from here."""
    values = {setting.name: os.environ.get(setting.environment, "") for setting in SERVE_SETTINGS}
    return read_settings({**values, **({"data": where.data} if where.data else {})})


def _looks(where: Where, settings: Settings) -> Iterator[Finding]:
    yield from look_at_versions()
    answers = False
    if where.data is None:
        about_server = list(look_at_server(where))
        answers = about_server[0].state == "ok"
        yield from about_server
    if where.server is None:
        yield from look_at_ports(settings.grpc, settings.http)
        yield from look_at_data(settings.data, settings.min_free_bytes)
        yield from look_at_spool(settings.spool, server_answers=answers)
    yield from look_at_exporter(os.environ)


def _print_table(findings: list[Finding]) -> None:
    out = console()
    print_table(
        out,
        [
            Column("", [Text(finding.state, _STYLES[finding.state]) for finding in findings], words=True),
            Column("what", [finding.what for finding in findings], words=True),
            Column("seen", [printable(finding.seen) for finding in findings], words=True, least=24),
            Column("what to do", [printable(finding.advice) for finding in findings], words=True, least=24),
        ],
    )
