"""`spanhouse plan`: how large the machines for a load have to be, from what was measured of spans."""

from dataclasses import asdict

import click
from rich.filesize import decimal
from rich.table import Table

from spanhouse_backend.capacity import BUSY, FULL, SPAN_BYTES, Load, Machine, Plan, plan
from spanhouse_backend.cli.client import usage_error
from spanhouse_backend.cli.output import console, count, write_json
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.retention import DEFAULT_RETENTION, parse_retention, retention_text

_EXAMPLES = """\b
Examples:
  spanhouse plan --spans-per-second 2000
  spanhouse plan --spans-per-second 50000 --retention spans=7d --functions 2000 --cores 8 --disk 2TB
  spanhouse plan --spans-per-second 1e6 --retention spans=3d,minute=30d,hour=1y --functions 20000 --cores 32 --disk 8TB
"""
_UNITS = {"GB": 1e9, "TB": 1e12, "PB": 1e15}


def _bytes(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    number, unit = text[:-2].strip(), text[-2:].upper()
    try:
        return float(number) * _UNITS[unit]
    except (KeyError, ValueError):
        raise click.BadParameter(f"{text[:100]!r} is not a size such as 500GB or 8TB") from None


@click.command(name="plan", epilog=_EXAMPLES)
@click.option("--spans-per-second", type=float, required=True, help="What comes in, on average over a busy hour.")
@click.option("--functions", type=int, default=1000, show_default=True, help="Span names, of all services together.")
@click.option(
    "--retention",
    metavar="KIND=AGE,...",
    default="",
    help=f"How long rows are kept, as `serve` takes it.  [default: {retention_text(DEFAULT_RETENTION)}]",
)
@click.option(
    "--bytes-per-span",
    type=float,
    default=SPAN_BYTES,
    show_default=True,
    help="What a span weighs on disk; the default is for five attributes. `spanhouse retention` shows yours.",
)
@click.option("--cores", type=int, default=8, show_default=True, help="Of one machine that stores.")
@click.option(
    "--disk", metavar="SIZE", default="1TB", show_default=True, callback=_bytes, help="Of one machine that stores."
)
@click.option("--replicas", type=int, default=2, show_default=True, help="Machines that keep each span, in a cluster.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people; JSON, with bytes and cores as numbers, for programs.",
)
def plan_command(
    spans_per_second: float,
    functions: int,
    retention: str,
    bytes_per_span: float,
    cores: int,
    disk: float,
    replicas: int,
    form: str,
) -> None:
    """Say how many machines a load takes, and how full they get: one server, or a ClickHouse cluster.

    Computed from what was measured on one machine; docs/operations.md has the figures and the formulas.
    """
    try:
        load = Load(spans_per_second, functions, parse_retention(retention) if retention else {}, bytes_per_span)
        machine = Machine(cores, disk, replicas)
        planned = plan(load, machine)
    except InvalidQuestion as error:
        raise usage_error(error) from error
    if form == "json":
        write_json(_document(load, machine, planned))
    else:
        _print_tables(machine, planned)


def _document(load: Load, machine: Machine, planned: Plan) -> dict[str, object]:
    return {
        "load": {**asdict(load), "retention": {**DEFAULT_RETENTION, **load.retention}},
        "machine": asdict(machine),
        "disk_bytes": {**planned.disk._asdict(), "total": planned.disk.total},
        "one_server": {"enough": planned.one_server, "cores": planned.cores, "why_not": planned.why_not},
        "cluster": planned.cluster._asdict(),
    }


def _print_tables(machine: Machine, planned: Plan) -> None:
    out = console()
    disk = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    disk.add_column("on disk", style="cyan", no_wrap=True)
    disk.add_column("one copy", justify="right", no_wrap=True)
    for kind, size in (*planned.disk._asdict().items(), ("all of it", planned.disk.total)):
        disk.add_row(kind, decimal(round(size)))
    out.print(disk)
    out.print()
    if planned.one_server:
        out.print(
            f"One server with its embedded engine is enough: {planned.cores:.2f} of {count(machine.cores, 'core')} "
            f"busy, its disk {planned.disk.total / machine.disk_bytes:.0%} full."
        )
        return
    cluster = planned.cluster
    out.print(f"One server is not enough: {', and '.join(planned.why_not)}.")
    out.print(
        f"A ClickHouse cluster of {count(cluster.shards, 'shard')} with {count(machine.replicas, 'replica')} each, "
        f"{count(cluster.machines, 'machine')} in all: their cores {cluster.busy:.0%} busy (planned for {BUSY:.0%} at "
        f"most), their disks {cluster.full:.0%} full ({FULL:.0%})."
    )
    out.print(
        f"In front of it {count(cluster.servers, 'server')} of spanhouse, one of them to spare, each of which keeps "
        f"{cluster.server_cores:.2f} cores busy."
    )
