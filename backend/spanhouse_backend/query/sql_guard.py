"""Which raw SQL may be run: one SELECT (or SHOW, DESCRIBE, EXPLAIN) over our tables, and nothing that reaches further.

A second parser (sqlglot, a tokenizer of ours) would answer this for the statement as *it* reads it, and every
difference in how comments, quotes, heredocs or new syntax are read would be a way past it. So the engine itself is
asked: `parseQueryToJSON` turns a text, which it takes as a parameter and does not run, into the engine's own syntax
tree. That tree is written out as text again (`formatQueryFromJSON`), the tree of *that* text is what is checked here,
and that text is what is run: between what is checked and what is run there is no second reading.

The check is a closed world. Each kind of node, each field of it, each function, table function and table that is not
listed is refused, so what a new version of the engine brings is refused until somebody has looked at it; and a tree
that leaves something out would not write out as the same text twice, which is refused too. Names in the tree are
names as the engine sees them, without quotes and escapes; only the case of functions is ignored, as the engine does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from spanhouse_backend.query.sql_names import (
    HIGHER_ORDER,
    KEPT_TABLES,
    TABLE_FUNCTIONS,
    Refused,
    check_database,
    check_function,
    check_table,
    check_table_function,
)

Tree = dict[str, Any]
# Functions that take the name of a type or of a function as text, and where: an argument that is computed could say
# anything by the time it is read.
_TYPE_ARGUMENT = {
    "cast": 1,
    "accuratecast": 1,
    "accuratecastornull": 1,
    "accuratecastordefault": 1,
    "jsonextract": -1,
    "jsonextractcaseinsensitive": -1,
    "jsonextractkeysandvalues": -1,
    "jsonextractkeysandvaluescaseinsensitive": -1,
}
_FUNCTION_ARGUMENT = {"arrayreduce": 0}
_IN = frozenset({"in", "notin", "globalin", "globalnotin", "nullin", "notnullin", "globalnullin", "globalnotnullin"})
# The state of an aggregation can be written down as a text or number and cast; whoever writes it writes into the
# engine's memory what only the engine should.
_UNSAFE_TYPE = re.compile("AggregateFunction", re.IGNORECASE)
_EXPLAIN_KINDS = frozenset(
    {
        "EXPLAIN",
        "EXPLAIN AST",
        "EXPLAIN ESTIMATE",
        "EXPLAIN PIPELINE",
        "EXPLAIN QUERY TREE",
        "EXPLAIN SYNTAX",
    }
)
_EXPLAIN_SETTINGS = frozenset({"actions", "description", "header", "indexes", "json", "projections"})

# Every kind of node that may occur, with its fields: those that hold nodes, and those that hold nothing of meaning
# here (flags, aliases, numbers). "children" and the like are lists of nodes.
_NODES: dict[str, tuple[str, str]] = {
    "ArrayJoin": ("expression_list", "kind"),
    "Asterisk": ("transformers", ""),
    "ColumnsApplyTransformer": ("lambda parameters", "func_name lambda_arg"),
    "ColumnsExceptTransformer": ("children", "pattern is_strict"),
    "ColumnsListMatcher": ("column_list transformers", "alias"),
    "ColumnsRegexpMatcher": ("transformers", "pattern alias"),
    "ColumnsReplaceTransformer": ("children", "is_strict"),
    "ColumnsReplaceTransformerReplacement": ("children", "name"),
    "ColumnsTransformerList": ("children", ""),
    "ExplainQuery": ("query", "kind settings"),
    "ExpressionList": ("children", ""),
    "Function": (
        "arguments parameters window_definition",
        "name alias is_operator is_window_function is_lambda_function kind window_name nulls_action",
    ),
    "Identifier": ("", "name name_parts alias"),
    "InterpolateElement": ("expr", "column"),
    "Literal": ("", "value alias"),
    "OrderByElement": (
        "expression fill_from fill_to fill_step fill_staleness collation",
        "direction nulls_direction nulls_direction_was_explicitly_specified with_fill",
    ),
    "QualifiedAsterisk": ("qualifier transformers", ""),
    "QualifiedColumnsListMatcher": ("qualifier column_list transformers", "alias"),
    "QualifiedColumnsRegexpMatcher": ("qualifier transformers", "pattern alias"),
    "QueryParameter": ("", "name param_type alias"),
    "SampleRatio": ("", "numerator denominator"),
    "SelectQuery": (
        (
            "with select tables prewhere where group_by having window qualify order_by interpolate distinct_on "
            "limit_by limit_by_length limit_by_offset limit_length limit_offset"
        ),
        (
            "distinct group_by_all group_by_with_totals group_by_with_rollup group_by_with_cube "
            "group_by_with_grouping_sets order_by_all limit_by_all limit_with_ties recursive_with"
        ),
    ),
    "SelectWithUnionQuery": ("list_of_selects", "union_mode list_of_modes"),
    "ShowColumnsQuery": ("", "table database like not_like case_insensitive_like extended full"),
    "ShowTablesQuery": ("from limit_length", "databases like not_like case_insensitive_like full"),
    "Subquery": ("children", "alias"),
    "TableExpression": (
        "database_and_table_name table_function subquery sample_size sample_offset column_aliases",
        "final",
    ),
    "TableIdentifier": ("", "name name_parts alias"),
    "TableJoin": ("on_expression using_expression_list", "kind strictness locality"),
    "TablesInSelectQuery": ("children", ""),
    "TablesInSelectQueryElement": ("table_expression table_join array_join", ""),
    "WindowDefinition": (
        "partition_by order_by frame_begin_offset frame_end_offset",
        (
            "parent_window_name frame_is_default frame_type frame_begin_type frame_begin_preceding frame_end_type "
            "frame_end_preceding"
        ),
    ),
    "WindowListElement": ("definition", "name"),
    "WithElement": ("subquery", "name"),
}
_HOLDS_NODES = {kind: frozenset(fields[0].split()) for kind, fields in _NODES.items()}
_HOLDS_VALUES = {kind: frozenset(fields[1].split()) for kind, fields in _NODES.items()}
_STATEMENTS = frozenset({"SelectWithUnionQuery", "ExplainQuery", "ShowTablesQuery", "ShowColumnsQuery"})
# Present on every statement, and false on those that write nothing.
_WRITES = frozenset({"is_outfile_append", "is_outfile_truncate", "is_into_outfile_with_stdout"})
_INSTEAD = {
    "settings": "a SETTINGS clause is not taken: the server sets the limits",
    "settings_ast": "a SETTINGS clause is not taken: the server sets the limits",
    "out_file": "INTO OUTFILE is not taken: the answer comes back to you",
    "format_ast": "FORMAT stands at the end of the statement only",
}


class Statement(NamedTuple):
    """A statement that may be run."""

    text: str
    parameters: frozenset[str]
    """The names of its placeholders, each of which needs a value."""


def statement_tree(document: str) -> tuple[Tree, str]:
    """The engine's tree of a statement without its FORMAT clause, and what that named ('' without one).

    Raises Refused for what is no question at all, in the words of its writer: INSERT, DROP, SET.
    """
    tree = _loaded(document)
    if tree.get("type") not in _STATEMENTS:
        kind = str(tree.get("type")).removesuffix("Query")
        raise Refused(f"only SELECT, SHOW, DESCRIBE and EXPLAIN are answered here, and this is {kind.upper()}")
    output_format = tree.pop("format_ast", None)
    if output_format is None:
        return tree, ""
    if not isinstance(output_format, dict) or output_format.get("type") != "Identifier":
        raise Refused("FORMAT does not name a format")
    return tree, str(output_format.get("name"))


def check(document: str, text: str, again: str, database: str) -> Statement:
    """Checks `document`, the engine's tree of `text`, which is `again` when it is written out once more.

    `database` is where our tables are. Returns what to run. Raises Refused with the reason.
    """
    if text != again:
        raise Refused("this statement cannot be checked; write it in a simpler way")
    tree = _loaded(document)
    if tree.get("type") not in _STATEMENTS:
        raise Refused("only SELECT, SHOW, DESCRIBE and EXPLAIN are answered here")
    parameters: set[str] = set()
    try:
        _Check(parameters, database).node(tree, frozenset())
    except RecursionError:
        raise Refused("this statement is nested too deeply") from None
    return Statement(text, frozenset(parameters))


def _loaded(document: str) -> Tree:
    try:
        tree = json.loads(document)
    except RecursionError:
        raise Refused("this statement is nested too deeply") from None
    if not isinstance(tree, dict):
        raise Refused("this statement cannot be checked")
    return tree


class _Check:
    """Walks a tree once. `visible` are the names that WITH has given to subqueries, where a node stands."""

    def __init__(self, parameters: set[str], database: str) -> None:
        self._parameters = parameters
        self._database = database

    def node(self, node: Tree, visible: frozenset[str]) -> None:
        kind = node.get("type")
        if kind not in _NODES:
            raise Refused(f"{str(kind)[:100]} is not open to SQL")
        for field, value in node.items():
            if field == "type" or field in _HOLDS_NODES[kind] or field in _HOLDS_VALUES[kind]:
                continue
            if field in _WRITES and value is False:
                continue
            if field == "children" and kind.endswith("Identifier"):
                raise Refused("a parameter stands for a value here, not for a name: write the name out")
            raise Refused(
                _INSTEAD.get(field, f"{kind} with {field[:100]!r} is not something that SQL may contain here")
            )
        if special := _SPECIAL.get(kind):
            visible = special(self, node, visible) or visible
        for field in _HOLDS_NODES[kind] & node.keys():
            for child in _nodes(node[field]):
                self.node(child, visible)

    def union(self, node: Tree, visible: frozenset[str]) -> frozenset[str]:
        """The names of the first SELECT's WITH go for those after it too."""
        selects = list(_nodes(node.get("list_of_selects", {}))) or [{}]
        first = next(iter(_nodes(selects[0].get("children", []))), {})
        return visible | _with_names(first)

    def select(self, node: Tree, visible: frozenset[str]) -> frozenset[str]:
        return visible | _with_names(node)

    def table(self, node: Tree, visible: frozenset[str]) -> None:
        parts = node.get("name_parts") or [node.get("name")]
        if len(parts) == 1 and parts[0] in visible:
            return
        self._table_named(parts)

    def _table_named(self, parts: list[str]) -> None:
        database, table = ["", *parts][-2:]
        if len(parts) > 2:  # noqa: PLR2004  # database and table
            raise Refused(f"{'.'.join(map(str, parts))[:100]} is not the name of a table")
        check_table(str(database), str(table), self._database)

    def table_expression(self, node: Tree, _visible: frozenset[str]) -> None:
        function = node.get("table_function")
        if function is None:
            return
        check_table_function(str(function.get("name")))
        for argument in _arguments(function):
            _require_safe_type(argument)

    def function(self, node: Tree, visible: frozenset[str]) -> None:
        name = str(node.get("name"))
        arguments = _arguments(node)
        if name not in TABLE_FUNCTIONS:
            check_function(name)
        key = name.lower()
        if key in _TYPE_ARGUMENT:
            _require_safe_type(_literal(arguments, _TYPE_ARGUMENT[key], f"the type that {name} is given"), name)
        if key in _FUNCTION_ARGUMENT:
            literal = _literal(arguments, _FUNCTION_ARGUMENT[key], f"the function that {name} is given")
            check_function(_text(literal).partition("(")[0].strip())
        if key in HIGHER_ORDER and len(arguments) > 1 and arguments[0].get("type") == "Identifier":
            check_function(str(arguments[0].get("name")))
        if key in _IN and len(arguments) > 1 and arguments[1].get("type") == "Identifier":
            self._right_of_in(arguments[1], visible)

    def _right_of_in(self, node: Tree, visible: frozenset[str]) -> None:
        """A name there is a column, or a table whose rows are compared with; nobody but the engine can tell which.

        So it has to be a table that may be read, or a name that no table has which may not.
        """
        parts = node.get("name_parts") or [node.get("name")]
        if len(parts) > 1 or KEPT_TABLES.match(str(parts[0])):
            self.table(node, visible)

    def apply(self, node: Tree, _visible: frozenset[str]) -> None:
        if "func_name" in node:
            check_function(str(node["func_name"]))
        if "lambda" not in node and "func_name" not in node:
            raise Refused("APPLY without a function is not open to SQL")

    def parameter(self, node: Tree, _visible: frozenset[str]) -> None:
        type_name = str(node.get("param_type"))
        if "Identifier" in type_name or _UNSAFE_TYPE.search(type_name):
            raise Refused(f"a parameter of type {type_name[:100]} is not taken: parameters are values")
        self._parameters.add(str(node.get("name")))

    def explain(self, node: Tree, _visible: frozenset[str]) -> None:
        if node.get("kind") not in _EXPLAIN_KINDS:
            raise Refused(f"{str(node.get('kind'))[:100]} is not open to SQL")
        if node.get("query", {}).get("type") != "SelectWithUnionQuery":
            raise Refused("only a SELECT can be explained here")
        settings = node.get("settings", {"type": "SetQuery", "changes": []})
        if settings.keys() != {"type", "changes"}:
            raise Refused("EXPLAIN with these settings is not open to SQL")
        for change in settings["changes"]:
            if change.get("name") not in _EXPLAIN_SETTINGS:
                raise Refused(f"EXPLAIN {str(change.get('name'))[:100]} is not open to SQL")

    def show_tables(self, node: Tree, _visible: frozenset[str]) -> None:
        if "from" in node:
            check_database(str(node["from"].get("name")), self._database)

    def show_columns(self, node: Tree, _visible: frozenset[str]) -> None:
        check_table(str(node.get("database", "")), str(node.get("table")), self._database)


_SPECIAL = {
    "ColumnsApplyTransformer": _Check.apply,
    "ExplainQuery": _Check.explain,
    "Function": _Check.function,
    "QueryParameter": _Check.parameter,
    "SelectQuery": _Check.select,
    "SelectWithUnionQuery": _Check.union,
    "ShowColumnsQuery": _Check.show_columns,
    "ShowTablesQuery": _Check.show_tables,
    "TableExpression": _Check.table_expression,
    "TableIdentifier": _Check.table,
}


def _nodes(value: object) -> Iterator[Tree]:
    """The node, or the nodes of the list, that a field holds."""
    for child in value if isinstance(value, list) else [value]:
        if not isinstance(child, dict):
            raise Refused("this statement cannot be checked")
        yield child


def _with_names(select: Mapping[str, Any]) -> frozenset[str]:
    elements = select.get("with", {}).get("children", [])
    return frozenset(str(element["name"]) for element in elements if element.get("type") == "WithElement")


def _arguments(function: Tree) -> list[Tree]:
    return list(_nodes(function.get("arguments", {}).get("children", [])))


def _literal(arguments: list[Tree], index: int, what: str) -> Tree:
    if not arguments or not -len(arguments) <= index < len(arguments) or arguments[index].get("type") != "Literal":
        raise Refused(f"{what} has to be written out as a text")
    return arguments[index]


def _text(literal: Tree) -> str:
    return str(literal.get("value", {}).get("value"))


def _require_safe_type(node: Tree, function: str = "a table function") -> None:
    if node.get("type") == "Literal" and _UNSAFE_TYPE.search(_text(node)):
        raise Refused(f"{function} of an AggregateFunction is not open to SQL")
