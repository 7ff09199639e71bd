"""Options made of rows of the table of settings, so that each is named, described and read in one way."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from spanhouse_backend.serve_settings import Setting

F = TypeVar("F", bound=Callable[..., Any])


def options_of(settings: Iterable[Setting]) -> Callable[[F], F]:
    """Adds an option for each of `settings`, in their order; `setting_texts` reads what the command is given."""
    rows = tuple(settings)

    def add(command: F) -> F:
        for setting in reversed(rows):
            command = click.option(
                f"--{setting.name}",
                metavar=setting.metavar,
                envvar=setting.environment,
                show_envvar=True,
                help=setting.help + (f"  [default: {setting.default}]" if setting.default else ""),
            )(command)
        return command

    return add


def setting_texts(values: Mapping[str, str | None]) -> dict[str, str]:
    """What `read_settings` takes, of a command's arguments."""
    return {name.replace("_", "-"): value or "" for name, value in values.items()}
