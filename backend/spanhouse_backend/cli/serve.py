"""`spanhouse serve`: the server in the foreground, its options made from the table in settings.py."""

import asyncio
import contextlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from spanhouse_backend.cli.setting_options import options_of, setting_texts
from spanhouse_backend.errors import SettingsError, SpanhouseError
from spanhouse_backend.listen import require_protected
from spanhouse_backend.logs import configure_logs, is_text
from spanhouse_backend.serve_settings import SERVE_SETTINGS
from spanhouse_backend.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanhouse_backend.metrics import Figures

_EXAMPLES = """\b
Examples:
  spanhouse serve
  spanhouse serve --data ./traces --grpc 127.0.0.1:0 --http 127.0.0.1:0 --ready-file ready.json
  spanhouse serve --clickhouse https://otel@clickhouse:8443/otel --clickhouse-password-file password
  spanhouse serve --grpc 0.0.0.0:4317 --http 0.0.0.0:4318 --tokens tokens --tls-cert cert.pem --tls-key key.pem
"""


@click.command(epilog=_EXAMPLES)
@options_of(SERVE_SETTINGS)
@click.option(
    "--insecure-listen",
    is_flag=True,
    help="Let in whoever connects, also from other machines: without this, an address that they can reach needs "
    "--tokens or --tls-client-ca.",
)
def serve(*, insecure_listen: bool, **values: str | None) -> None:
    """Take in OTLP, keep it, and answer queries, until interrupted."""
    try:
        settings = read_settings(setting_texts(values))
        configure_logs(settings.log_format, settings.log_level)
        if not insecure_listen:
            require_protected(settings)
        _run(settings)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except SpanhouseError as error:
        raise click.ClickException(str(error)) from error


def _run(settings: Settings) -> None:
    # Only now, so that --help and mistakes answer without loading the engine.
    from spanhouse_backend.cli.progress import Progress  # noqa: PLC0415
    from spanhouse_backend.server import serve as run  # noqa: PLC0415

    with contextlib.ExitStack() as stopping:

        def ready(addresses: dict[str, str], figures: "Callable[[], Figures]") -> None:
            _announce(settings, addresses)
            # Records that a program is to read must not be wrapped to a terminal's width.
            if is_text(settings.log_format, sys.stderr):
                progress = Progress(figures)
                progress.start()
                stopping.callback(progress.stop)

        asyncio.run(run(settings, ready))


def _announce(settings: Settings, addresses: dict[str, str]) -> None:
    click.echo(f"spanhouse {version('spanhouse')} keeps spans in {settings.where}")
    click.echo(f"  OTLP and queries over gRPC  {addresses['grpc']}")
    scheme = "https" if settings.tls else "http"
    click.echo(f"  OTLP over HTTP, and REST    {scheme}://{addresses['http']} (/docs describes it)")
    if "clickhouse_http" in addresses:
        click.echo(f"  ClickHouse's clients        {scheme}://{addresses['clickhouse_http']}")
    click.echo("Ready. Interrupt to stop.")
