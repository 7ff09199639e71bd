"""Statements out of sql/*.sql, and the one way their parts are put together.

A statement's input is bound by the engine as typed parameters, `{name:Type}`. Where a part of the statement itself
depends on the question (which source, which filter, which grouping) its file says `{name:Fragment}`, and a Fragment
stands in: text that only this package's own files and constants make, with the parameters that belong to it. So
nothing that a caller wrote is ever pasted into SQL.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

_PLACEHOLDER = re.compile(r"\{(\w+):Fragment\}")


class Fragment(NamedTuple):
    """A piece of SQL, or the whole of it, and the values of the parameters it names."""

    sql: str
    parameters: Mapping[str, Any] = {}


def statement(file: str, parameters: Mapping[str, Any] | None = None, /, **fragments: Fragment) -> Fragment:
    """The statement of sql/`file` with its fragments in place; `parameters` are those that the file itself names.

    Raises ValueError when two parts give one parameter different values: a mistake of ours.
    """
    together: dict[str, Any] = dict(parameters or {})
    for fragment in fragments.values():
        for name, value in fragment.parameters.items():
            if together.setdefault(name, value) != value:
                raise ValueError(f"two values for the parameter {name} of {file}")
    return Fragment(_PLACEHOLDER.sub(lambda match: fragments[match[1]].sql, statement_text(file)), together)


@cache
def statement_text(file: str) -> str:
    """The statement of sql/`file` as it stands there."""
    return (files("spanhouse_backend.query") / "sql" / file).read_text(encoding="utf-8").strip()
