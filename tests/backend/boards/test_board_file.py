"""A file of boards is taken whole, or refused with every mistake by line, field, board and panel."""

import json

import jsonschema
import pytest

from spanhouse_backend.boards.board_file import MAX_BOARDS, MAX_PANELS, parse_boards, read_boards, schema_text
from spanhouse_backend.boards.shapes import SHAPES
from spanhouse_backend.errors import SettingsError

HEAD = "boards:\n  - name: shop\n    panels:\n"
PANEL = HEAD + "      - title: Paying\n"
SERIES = PANEL + "        question: series\n        show: lines\n"
NUMBER = PANEL + "        question: percentiles\n        show: number\n"
STEPPED = PANEL + "        question: aggregate\n        show: lines\n        step: 1m\n"


def shown(text):
    """The one panel of a file."""
    file = parse_boards(text)
    assert not isinstance(file, list), file
    ((panel,),) = [board.panels for board in file.boards]
    return panel.shown()


def names(columns):
    return [column.name for column in columns]


def test_a_good_file_is_read():
    """Boards keep their order; what is not said has a default."""
    file = parse_boards(
        SERIES + "  - name: other\n    title: Other\n    since: 3h\n    panels:\n" + SERIES[len(HEAD) :]
    )
    shop, other = file.boards
    assert (shop.name, shop.title, shop.since, len(shop.panels)) == ("shop", None, "", 1)
    assert (other.title, other.since) == ("Other", "3h")


def test_a_file_without_boards_has_none():
    assert parse_boards("").boards == parse_boards("boards: []").boards == ()


def test_a_panel_asks_with_its_own_parameters_and_takes_the_rest_of_the_page():
    """What it fixes itself is its own, but the filter, which the page's is added to; a window is taken whole or not."""
    panel = shown(SERIES + "        service: checkout\n        filter: status=error\n        levels: p50,p99.9\n")
    assert panel.parameters == {"service": "checkout", "filter": "status=error", "levels": "p50,p99.9"}
    assert panel.page == ("since", "until", "filter", "timezone")
    fixed = shown(SERIES + "        since: 7d\n        timezone: UTC\n")
    assert fixed.page == ("service", "filter")


@pytest.mark.parametrize(
    ("of", "takes"), [("spans", True), ("logs", False), ("events", False)], ids=["spans", "logs", "events"]
)
def test_the_filter_of_the_page_is_for_panels_of_spans(of, takes):
    """Filters over log records are written in other words."""
    panel = shown(STEPPED + f"        of: {of}\n        select: count\n")
    assert ("filter" in panel.page) is takes
    assert "service" in panel.page


def test_columns_are_called_what_the_answer_calls_them():
    """With _ns or without, what stands in maps by its key, attributes by theirs; a share of errors is made."""
    chosen = "        columns: [name, p99_ns, max, error_rate]\n"
    panel = shown(PANEL + "        question: functions\n        show: table\n" + chosen)
    assert [(column.name, column.kind, column.path, column.per) for column in panel.columns] == [
        ("name", "text", ("name",), None),
        ("p99", "duration", ("p99_ns",), None),
        ("max", "duration", ("max_ns",), None),
        ("error_rate", "share", ("errors",), ("calls",)),
    ]
    logs = shown(PANEL + "        question: logs\n        show: table\n        columns: [time, attr.user.id]\n")
    assert [(column.kind, column.path) for column in logs.columns] == [
        ("time", ("time_unix_ns",)),
        ("text", ("attributes", "user.id")),
    ]


def test_figures_and_groups_are_columns():
    """Those of the parameters, so that other parameters have other columns."""
    panel = shown(STEPPED + "        select: p99(duration),max(duration)\n        group: attr.tier\n")
    assert (names(panel.columns), names(panel.labels)) == (["p99(duration)", "max(duration)"], ["attr.tier"])
    assert (panel.time.path, panel.parameters["limit"]) == (("start_unix_ns",), "10000")


@pytest.mark.parametrize("question", SHAPES)
def test_every_question_is_shown_in_every_way_that_it_has(question):
    """Each has columns of one kind to draw, and a table has all that it names."""
    shape = SHAPES[question]
    needed = {"callers": "name: x", "callees": "name: x", "metric_percentiles": "name: x"}.get(question, "")
    for show in shape.shows:
        more = "        step: 1m\n" if show == "lines" and question in ("aggregate", "metric_percentiles") else ""
        more += "        select: count\n" if question == "aggregate" else ""
        more += "        value: calls\n" if show == "number" and "value" not in more and not needed else ""
        more = more.replace("calls", "duration") if question == "slowest" else more
        more = more.replace("value: calls", "value: count") if question == "aggregate" else more
        more += "        value: p50\n" if show == "number" and question == "metric_percentiles" else ""
        text = PANEL + f"        question: {question}\n        show: {show}\n" + more
        panel = shown(text + (f"        {needed}\n" if needed else ""))
        assert panel.columns
        kinds = {column.kind for column in panel.columns}
        assert show == "table" or len(kinds) == 1
        assert (panel.time is not None) or show != "lines"


@pytest.mark.parametrize(
    ("text", "value", "above", "below"),
    [
        ("value: p99\n        above: 250ms\n        below: 1ms", "p99", 250_000_000, 1_000_000),
        ("value: error_rate\n        above: 5%", "error_rate", 0.05, None),
        ("value: calls\n        below: 10", "calls", None, 10),
        ("levels: p90", "p90", None, None),
    ],
    ids=["duration", "share", "count", "the only level"],
)
def test_a_number_has_limits_in_its_own_unit(text, value, above, below):
    """It is of all calls together, unless the panel groups them."""
    panel = shown(NUMBER + f"        {text}\n")
    assert (names(panel.columns), panel.above, panel.below) == ([value], above, below)
    assert (panel.parameters["group"], panel.parameters["limit"]) == ("none", "1")


@pytest.mark.parametrize(
    ("text", "line", "field", "problem"),
    [
        ("board: a\n", 1, "board", "there is no such field"),
        ("boards: 5\n", 1, "boards", "is to be a list"),
        ("boards:\n  - name: a\n", 2, "boards[0].panels", "is missing (board 'a')"),
        ("boards:\n  - name: a\n    panels: []\n", 3, "boards[0].panels", "at least 1 item"),
        ("boards:\n  - name: a b\n    panels: []\n", 2, "boards[0].name", "should match pattern"),
        (SERIES.replace("name: shop", "title: x"), 2, "boards[0].name", "is missing"),
        (SERIES.replace("name: shop", "name: shop\n    since: soon"), 3, "boards[0].since", "'soon' is not a time"),
        (SERIES + SERIES.removeprefix("boards:\n"), 2, "boards[0].name", "'shop' is the name of 2"),
        (PANEL, 4, "boards[0].panels[0].question", "is missing: one of series"),
        (PANEL + "        question: sql\n", 5, "boards[0].panels[0].question", "is not one of series"),
        (SERIES.replace("lines", "pie"), 6, "boards[0].panels[0].show", "'lines', 'bars', 'table' or 'number'"),
        (SERIES.replace("lines", "number"), 6, "boards[0].panels[0].show", "lines, bars, table, not as number"),
        (SERIES.replace("title: Paying", "show: table"), 6, "", "'show' is given twice"),
        (SERIES + "        levls: p50\n", 7, "boards[0].panels[0].levls", "there is no such field"),
        (SERIES + "        cursor: x\n", 7, "boards[0].panels[0].cursor", "there is no such field"),
        (SERIES + "        levels: p5x\n", 7, "boards[0].panels[0].levels", "(board 'shop', panel 'Paying')"),
        (SERIES + "        step: soon\n", 7, "boards[0].panels[0].step", "'soon'"),
        (SERIES + "        since: soon\n", 7, "boards[0].panels[0].since", "'soon' is not a time"),
        (SERIES + "        filter: stat us=5\n", 7, "boards[0].panels[0].filter", "column 1: there is no field 'stat'"),
        (
            SERIES + "        columns: [p98]\n",
            7,
            "boards[0].panels[0].columns",
            "'p98' is not in the answer: there are",
        ),
        (SERIES + "        columns: [start]\n", 7, "boards[0].panels[0].columns", "start is no figure"),
        (SERIES + "        columns: [calls, p50]\n", 7, "boards[0].panels[0].columns", "have no axis in common"),
        (SERIES + "        columns: []\n", 7, "boards[0].panels[0].columns", "at least 1 item"),
        (SERIES + "        value: p50\n", 7, "boards[0].panels[0].value", "chosen with columns"),
        (SERIES + "        above: 1s\n", 7, "boards[0].panels[0].above", "only a number has a limit"),
        (NUMBER, 4, "boards[0].panels[0].value", "is missing: one of calls, errors"),
        (NUMBER + "        columns: [p50]\n", 7, "boards[0].panels[0].columns", "chosen with value"),
        (NUMBER + "        value: p50\n        above: 5\n", 8, "boards[0].panels[0].above", "is not a length of time"),
        (NUMBER + "        value: error_rate\n        above: 7\n", 8, "boards[0].panels[0].above", "write 5% or 0.05"),
        (NUMBER + "        value: calls\n        below: nan\n", 8, "boards[0].panels[0].below", "is not a number"),
        (NUMBER + "        value: calls\n        below: few\n", 8, "boards[0].panels[0].below", "is not a number"),
        (STEPPED, 4, "boards[0].panels[0].columns", "have no axis in common"),
        (STEPPED.replace("step: 1m", "select: count"), 4, "boards[0].panels[0].step", "is missing: lines are drawn"),
        (STEPPED.replace("lines", "number"), 7, "boards[0].panels[0].step", "of the whole window"),
        (SERIES.replace("series", "metric_percentiles"), 4, "boards[0].panels[0].name", "is missing"),
    ],
    ids=range(35),
)
def test_a_mistake_is_named_by_line_and_field(text, line, field, problem):
    (found,) = [one for one in parse_boards(text) if one.field == field][:1] or [parse_boards(text)[0]]
    assert (found.line, found.field) == (line, field)
    assert problem in found.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("boards:\n" + SERIES.removeprefix("boards:\n") * (MAX_BOARDS + 1), "at most 100"),
        (HEAD + SERIES[len(HEAD) :] * (MAX_PANELS + 1), "at most 40"),
        (SERIES + f"        filter: {'x' * 2001}\n", "at most 2000"),
    ],
    ids=["boards", "panels", "text"],
)
def test_there_is_a_bound_on_everything(text, problem):
    assert any(problem in one.problem for one in parse_boards(text))


def test_all_mistakes_are_told_at_once_with_their_place(tmp_path):
    """As whoever edits the file wants them: file, line, field, and what board and panel are called."""
    file = tmp_path / "boards.yaml"
    file.write_text(SERIES + "        step: soon\n" + NUMBER[len(HEAD) :].replace("Paying", "Share"))
    with pytest.raises(SettingsError) as refused:
        read_boards(file, "--boards")
    step, value = str(refused.value).splitlines()
    assert step.startswith(f"--boards: {file}:7: boards[0].panels[0].step: 'soon'")
    assert step.endswith("(board 'shop', panel 'Paying')")
    assert value.startswith(f"--boards: {file}:8: boards[0].panels[1].value: is missing: one of calls")
    assert value.endswith("(board 'shop', panel 'Share')")


def test_the_schema_is_one_and_agrees_with_the_reader():
    """What editors complete is what is read: the questions, and each one's own parameters."""
    schema = json.loads(schema_text())
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    check = validator(schema)
    panel = {"title": "a", "question": "functions", "show": "table", "limit": 5, "exact": True, "columns": ["name"]}
    assert list(check.iter_errors({"boards": [{"name": "a", "panels": [panel]}]})) == []
    for wrong in ({"question": "sql"}, {"show": "pie"}, {"levels": "p50"}, {"columns": []}, {"sort": "nothing"}):
        assert list(check.iter_errors({"boards": [{"name": "a", "panels": [panel | wrong]}]})), wrong
    panels = schema["$defs"]["Board"]["properties"]["panels"]["items"]
    assert set(panels["discriminator"]["mapping"]) == set(SHAPES)
