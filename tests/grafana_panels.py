"""The dashboards of deploy/grafana, as Grafana and its ClickHouse data source would ask them.

What turns a panel's SQL into the SQL that ClickHouse gets are three steps, in this order: `$__conditionalAll` (the
plugin, in the browser), variables (Grafana, in the browser), and the macros of time (the plugin, in Grafana's server).
Each follows the plugin's documentation of version 4.20, "Macros" and "Template variables", and Grafana's "Variable
syntax"; what is not written there is refused, so that a panel cannot use what nobody has checked.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
}
ALL = "$__all"
"""What a variable's value is while "All" is chosen."""

Values = Mapping[str, str | list[str]]


class Range(NamedTuple):
    """What a panel is asked over: Unix seconds, and the step that Grafana would take for its width."""

    start: int
    end: int
    step: int


class Query(NamedTuple):
    """One query of a panel, or of a variable."""

    dashboard: str
    title: str
    kind: str
    sql: str


def queries() -> Iterator[Query]:
    """Every query of every dashboard: panels, then variables."""
    for name, board in DASHBOARDS.items():
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                title = panel["title"] if target["refId"] == "A" else f"{panel['title']} {target['refId']}"
                yield Query(name, title, target["queryType"], target["rawSql"])
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield Query(name, f"variable {variable['name']}", "table", variable["query"]["rawSql"])


def query(dashboard: str, title: str) -> str:
    """The SQL of the one query of that title."""
    (found,) = (asked.sql for asked in queries() if (asked.dashboard, asked.title) == (dashboard, title))
    return found


def expand(sql: str, over: Range, values: Values) -> str:
    """What reaches ClickHouse. Raises ValueError for a macro, variable or format that is not known here."""
    return _macros(_variables(_conditions(sql, values), values), over)


_CONDITIONAL = "$__conditionalAll("


def _conditions(sql: str, values: Values) -> str:
    """`$__conditionalAll(condition, $variable)`: the condition, or `1=1` when the variable is empty or all."""
    while (begin := sql.rfind(_CONDITIONAL)) >= 0:
        (condition, variable), end = _arguments(sql, begin + len(_CONDITIONAL))
        value = values[variable.strip().removeprefix("$")]
        sql = sql[:begin] + ("1=1" if value in ("", ALL) else condition) + sql[end:]
    return sql


def _arguments(sql: str, begin: int) -> tuple[list[str], int]:
    """The texts between the commas, from behind a bracket to the one that closes it, and where that ends."""
    depth, parts = 1, [""]
    for index in range(begin, len(sql)):
        letter = sql[index]
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return parts, index + 1
        if letter == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += letter
    raise ValueError(f"a bracket is not closed: {sql[begin:]}")


_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<format>\w+))?\}|\$(?P<bare>(?!__)\w+)|\[\[.*?\]\]")


def _variables(sql: str, values: Values) -> str:
    def value(match: re.Match[str]) -> str:
        name, form = match["name"] or match["bare"], match["format"]
        if not name or values[name] == ALL:
            raise ValueError(f"{match[0]} has no value here")
        texts = values[name] if isinstance(values[name], list) else [values[name]]
        if form == "singlequote":
            return ",".join("'" + text.replace("'", "\\'") + "'" for text in texts)
        if form is not None or len(texts) != 1:
            raise ValueError(f"{match[0]}: is not a format for SQL")
        return texts[0]

    return _VARIABLE.sub(value, sql)


_MACRO = re.compile(r"\$__(?P<name>\w+)(?P<call>\()?")


def _macros(sql: str, over: Range) -> str:
    done = ""
    while match := _MACRO.search(sql):
        arguments, end = _arguments(sql, match.end()) if match["call"] else ([], match.end())
        done += sql[: match.start()] + _macro(match["name"], arguments, over)
        sql = sql[end:]
    return done + sql


def _macro(name: str, arguments: list[str], over: Range) -> str:
    if any("$__" in argument for argument in arguments):
        raise ValueError(f"$__{name} has a macro in its argument, which the plugin does not promise to expand")
    start, end = f"toDateTime({over.start})", f"toDateTime({over.end})"
    match name, arguments:
        case "fromTime", []:
            return start
        case "toTime", []:
            return end
        case "interval_s", []:
            return str(over.step)
        case "timeFilter", [column]:
            return f"{column} >= {start} AND {column} <= {end}"
        case "timeFilter_ms", [column]:
            milli = [f"fromUnixTimestamp64Milli({bound * 1000})" for bound in (over.start, over.end)]
            return f"{column} >= {milli[0]} AND {column} <= {milli[1]}"
        case "timeInterval", [column]:
            return f"toStartOfInterval(toDateTime({column}), INTERVAL {over.step} second)"
    raise ValueError(f"$__{name} with {len(arguments)} arguments is not a macro that is known here")


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """(dashboard, panel), all of them."""
    for name, board in DASHBOARDS.items():
        for panel in board["panels"]:
            yield name, panel
