"""What a raw SQL statement may name: functions, table functions and tables, each by allow-list.

The functions are those of sql/allowed_functions.txt, which says by what rule they were chosen. Every check raises
`Refused`, whose text is for the person who wrote the statement.
"""

import functools
import re
from importlib.resources import files


class Refused(ValueError):
    """A statement that may not be run; the text says what in it is the reason and what to do instead."""


# Our tables that are meant to be read. What they are filled from and remembered in (otlp_*, other spanhouse_*) is not.
_OUR_TABLES = re.compile(r"otel_[a-z0-9_]+|span_(durations|stats)_[a-z0-9]+|spanhouse_(batches|rejected)")
KEPT_TABLES = re.compile("otlp_|spanhouse_")
"""How the names of our tables begin that are not, spanhouse_batches and spanhouse_rejected apart."""
# What clients look up before they offer tables, columns and functions for choice.
SYSTEM_TABLES = {
    "system": frozenset(
        {
            "columns",
            "data_type_families",
            "databases",
            "formats",
            "functions",
            "numbers",
            "one",
            "settings",
            "table_engines",
            "table_functions",
            "tables",
            "time_zones",
        }
    ),
    "information_schema": frozenset({"columns", "schemata", "tables"}),
    "INFORMATION_SCHEMA": frozenset({"columns", "schemata", "tables", "COLUMNS", "SCHEMATA", "TABLES"}),
}
# These make rows of their arguments alone. Names of table functions have their case.
TABLE_FUNCTIONS = frozenset(
    {
        "SQLStandardValues",
        "VALUES",
        "generateSeries",
        "generate_series",
        "numbers",
        "numbers_mt",
        "values",
        "zeros",
        "zeros_mt",
    }
)
# Functions whose first argument is a function: a lambda, or the bare name of one, which looks like a column's name.
# In lower case.
HIGHER_ORDER = frozenset(
    {
        "arrayall",
        "arrayavg",
        "arraybottomk",
        "arraycompact",
        "arraycount",
        "arraycumsum",
        "arraycumsumnonnegative",
        "arraydifference",
        "arrayexists",
        "arrayfill",
        "arrayfilter",
        "arrayfirst",
        "arrayfirstindex",
        "arrayfirstornull",
        "arrayfold",
        "arraylast",
        "arraylastindex",
        "arraylastornull",
        "arraymap",
        "arraymax",
        "arraymin",
        "arraypartialreversesort",
        "arraypartialsort",
        "arrayproduct",
        "arrayreversefill",
        "arrayreversesort",
        "arrayreversesplit",
        "arraysort",
        "arraysplit",
        "arraysum",
        "arraytopk",
        "mapall",
        "mapapply",
        "mapexists",
        "mapfilter",
        "mappartialreversesort",
        "mappartialsort",
        "mapreversesort",
        "mapsort",
    }
)
# Suffixes that change what an aggregate function takes or returns. Not State, Merge and their kin: they handle the
# state of an aggregation as bytes.
_COMBINATORS = (
    "if",
    "array",
    "distinct",
    "ornull",
    "ordefault",
    "foreach",
    "map",
    "resample",
    "argmin",
    "argmax",
)


def check_function(name: str) -> None:
    """Raises Refused when no function of this name, in any case and with any harmless combinator, may be called."""
    base = name.lower()
    while base not in _functions():
        suffix = next((suffix for suffix in _COMBINATORS if base.endswith(suffix) and base != suffix), None)
        if suffix is None:
            raise Refused(f"the function {name[:100]} is not open to SQL")
        base = base.removesuffix(suffix)


def check_table_function(name: str) -> None:
    """Raises Refused for what makes rows of anything but its arguments."""
    if name not in TABLE_FUNCTIONS:
        raise Refused(f"the table function {name[:100]} is not open to SQL; tables, numbers() and values() are")


def check_table(database: str, table: str, own: str) -> None:
    """Raises Refused when the table is not one to be read; `own` is the database of ours, which '' stands for too."""
    if database in {"", own}:
        if not _OUR_TABLES.fullmatch(table):
            raise Refused(f"there is no table {table[:100]!r} to be read: SHOW TABLES lists those that there are")
    elif table not in SYSTEM_TABLES.get(database, frozenset()):
        raise Refused(f"the table {database[:100]}.{table[:100]} is not open to SQL")


def check_database(name: str, own: str) -> None:
    """Raises Refused when the tables of this database, unless it is `own`, may not be listed."""
    if name not in {own, *SYSTEM_TABLES}:
        raise Refused(f"the database {name[:100]!r} is not open to SQL")


@functools.cache
def _functions() -> frozenset[str]:
    text = (files("spanhouse_backend.query") / "sql" / "allowed_functions.txt").read_text(encoding="utf-8")
    return frozenset(word.lower() for line in text.splitlines() if not line.startswith("#") for word in line.split())
