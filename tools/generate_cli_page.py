"""Writes docs/cli.md from the commands' own --help; with --check, says whether the page is current."""

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from spanhouse_backend.cli import cli
from spanhouse_backend.cli.client import where_options
from spanhouse_backend.cli.output import format_option

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """\
# The command line

What follows the first sections is written by `tools/generate_cli_page.py` from what each command says with `--help`.

## Whom a command asks

A command that asks a question goes to the server of `--server`, or reads the directory of `--data`. With neither it
tries the server at `127.0.0.1:4317`, and when there is none, the directory that `spanhouse serve` would use; what
clients left in the spool is taken in first. A directory that a server holds is asked through that server.

`--format json` is the answer that REST gives, `--format csv` its rows, with a column for each percentile and each part
of a group. Both are written row by row. Tables leave columns out before they cut any on a narrow terminal, and are
whole in a pipe. Colours appear on terminals only, and not with `NO_COLOR`; where there is no Unicode, drawings are
ASCII.

The exit code is 0, 1 when something failed or was found wrong, 2 when the command was written wrongly. What is wrong
inside a filter is pointed at:

```
$ spanhouse percentiles --filter 'status=error duration>>50ms'
Error: Invalid value for --filter: found '>' where a value (put odd ones in quotes) should be
  status=error duration>>50ms
                        ^
```

How filters and times are written is in [queries.md](queries.md). Where a server wants tokens
([access.md](access.md)), `sql` needs the role sql, `import` write, `delete` and `retention` admin, and all others
that ask need read.

## Completion

```sh
spanhouse completion bash > ~/.local/share/bash-completion/completions/spanhouse
spanhouse completion zsh > ~/.zfunc/_spanhouse           # with ~/.zfunc in fpath
spanhouse completion fish > ~/.config/fish/completions/spanhouse.fish
```

Names of services, functions, metrics and streams are completed too, when a server answers within 200 ms.
"""
COMMON = """\
## Options of every command that asks

| option | |
| --- | --- |
"""


@click.command()
@format_option
@where_options
def _asks() -> None:
    """Has the options that are described once, and nothing else."""


def page() -> str:
    """The whole page."""
    common = {option.name: option for option in _asks.params}
    sections = [HEAD, COMMON + "".join(map(_row, common.values()))]
    for name, command in sorted(_commands(cli, "spanhouse")):
        own = [option for option in command.params if option.name not in common]
        sections.append("\n".join(_section(name, command, own, asks=_asks_too(command, common))))
    return "\n".join(sections)


def _asks_too(command: click.Command, common: dict[str | None, click.Parameter]) -> bool:
    return {option.name for option in command.params} >= set(common) - {"form"}


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _section(name: str, command: click.Command, own: list[click.Parameter], *, asks: bool) -> Iterator[str]:
    usage = " ".join([name, *(_argument(one) for one in own if isinstance(one, click.Argument))])
    yield f"## `{usage}`\n"
    yield cleandoc(command.help or command.short_help or "") + "\n"
    options = [one for one in own if isinstance(one, click.Option)]
    if options:
        yield "| option | |\n| --- | --- |"
        yield from (_row(option).rstrip("\n") for option in options)
        yield ""
    if asks:
        yield "And the [options of every command that asks](#options-of-every-command-that-asks).\n"
    if command.epilog:
        lines = command.epilog.removeprefix("\b").strip().splitlines()[1:]
        yield "```\n" + "\n".join(line.strip() for line in lines) + "\n```\n"


def _argument(argument: click.Argument) -> str:
    return argument.make_metavar(click.Context(_asks))


def _row(option: click.Parameter) -> str:
    if not isinstance(option, click.Option):
        return ""
    metavar = "" if option.is_flag else f" {option.make_metavar(click.Context(_asks))}"
    environment = f" (`{option.envvar}`)" if option.envvar else ""
    default = f"  [default: {option.default}]" if option.show_default else ""
    cells = (f"`{' '.join(option.opts)}{metavar}`{environment}", f"{option.help or ''}{default}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def main() -> int:
    """Exit code 1 when --check finds a difference."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") != page():
        print("docs/cli.md is stale; run: python tools/generate_cli_page.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
