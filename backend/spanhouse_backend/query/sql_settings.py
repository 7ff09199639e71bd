"""The SETTINGS clause of a statement: taken out of its tree, so that it can be judged apart from it.

One of them holds SQL: `additional_table_filters`, by which Grafana's data source filters every table of a dashboard at
once, is a map of tables and conditions. Each condition is parsed by the engine as the only expression of a SELECT,
checked there as all raw SQL is, and handed on as the engine writes it out again; an expression that is written out has
its brackets and quotes, and reads the same wherever one may stand.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from spanhouse_backend.query.sql_guard import Statement, Tree
from spanhouse_backend.query.sql_names import SYSTEM_TABLES, Refused

FILTERS = "additional_table_filters"
_SCALARS = frozenset({"UInt64", "Int64", "Float64", "String"})


def take_settings(tree: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """The settings of a statement, by name, and its filters, by table; those of subqueries stay in its tree.

    Raises Refused for values of other kinds than ClickHouse's clients send.
    """
    settings: dict[str, str] = {}
    filters: dict[str, str] = {}
    for node in _clauses(tree):
        if node.keys() != {"type", "changes"}:
            raise Refused("SETTINGS takes values here, no parameters and no DEFAULT")
        for change in node["changes"]:
            name, value = str(change["name"]), change["value"]
            if name == FILTERS:
                filters |= _map(name, value)
            else:
                settings[name] = _scalar(name, value)
    return settings, filters


def _clauses(tree: Tree) -> Iterator[Tree]:
    """Behind the only SELECT, and behind FORMAT, which comes later and counts more."""
    selects = tree.get("list_of_selects", {}).get("children", [])
    if len(selects) == 1 and "settings" in selects[0]:
        yield selects[0].pop("settings")
    if "settings_ast" in tree:
        yield tree.pop("settings_ast")


def _scalar(name: str, field: Mapping[str, Any]) -> str:
    kind, value = field.get("field_type"), field.get("value")
    if kind in _SCALARS:
        return str(value)
    if kind == "Bool":
        return "1" if value else "0"
    raise Refused(f"the setting {name[:100]} has a value that is neither a number nor a text")


def _map(name: str, field: Mapping[str, Any]) -> dict[str, str]:
    pairs = field["value"] if field.get("field_type") == "Map" else [{"value": ()}]
    texts = [[part["value"] for part in pair["value"] if part.get("field_type") == "String"] for pair in pairs]
    if any(len(pair) != 2 for pair in texts):  # noqa: PLR2004  # a key and a value
        raise Refused(f"{name} is a map of tables and conditions, both texts")
    return dict(texts)


def condition_of(tree: Tree, checked: Statement) -> str:
    """The one expression that a SELECT which was checked consists of. Raises Refused when it is more than that."""
    selects = tree.get("list_of_selects", {}).get("children", [])
    columns = selects[0].get("select", {}).get("children", []) if len(selects) == 1 else []
    if len(columns) != 1 or selects[0].keys() != {"type", "select"} or checked.parameters:
        raise Refused(f"a condition of {FILTERS} is one expression, without parameters")
    return checked.text.removeprefix("SELECT ")


def own_only(database: str) -> dict[str, str]:
    """Conditions, by table, that leave of what the engine says of its databases only ours and its own."""
    shown = ", ".join(map(_quoted, (database, *SYSTEM_TABLES)))
    ours = f"database IN ({shown})"
    return {"system.tables": ours, "system.columns": ours, "system.databases": f"name IN ({shown})"}


def both_filters(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Conditions that hold where both do."""
    joined = {table: f"({one[table]}) AND ({other[table]})" for table in one.keys() & other.keys()}
    return {**one, **other, **joined}


def filters_literal(conditions: Mapping[str, str]) -> str:
    """As the engine takes them; '' for none."""
    if not conditions:
        return ""
    return "{" + ", ".join(f"{_quoted(table)}: {_quoted(condition)}" for table, condition in conditions.items()) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
