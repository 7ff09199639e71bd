"""The `spanhouse` command: one group, one module for each command."""

import click

from spanhouse_backend.cli.serve import serve
from spanhouse_backend.cli.top import top
from spanhouse_backend.cli.trace import trace

_EXAMPLES = """\b
Examples:
  spanhouse serve                     keep what OpenTelemetry clients send, and answer
  spanhouse top --since 1h --sort p99 the functions with the worst tail of the last hour
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736
"""


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spanhouse", prog_name="spanhouse")
def cli() -> None:
    """Which of my functions are slow, how often, and since when?"""


for command in (serve, top, trace):
    cli.add_command(command)
