"""docs/boards.md: the file it shows is taken and served, every panel of it is answered, and its table is right."""

import re

import pytest
from doc_pages import DOCS, at, blocks
from harness import ServerProcess

from spanhouse_backend.boards.board_file import parse_boards
from spanhouse_backend.boards.shapes import SHAPES

PAGE = (DOCS / "boards.md").read_text(encoding="utf-8")
(EXAMPLE,) = (block.text for block in blocks(PAGE) if block.language == "yaml")
PAGE_OF = {"since": "1h", "timezone": "Europe/Berlin", "service": "checkout", "filter": "status=ok", "until": ""}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    (folder / "boards.yaml").write_text(EXAMPLE, encoding="utf-8")
    with ServerProcess(folder / "data", "--boards", str(folder / "boards.yaml")) as server:
        yield server


def test_every_panel_of_the_example_is_answered(served):
    """Asked as the document says, with what a page adds to it."""
    (board,) = served.get("/api/v1/boards").json()["rows"]
    assert f"{board['name']}: {board['title']} ({len(board['panels'])} panels)" in PAGE
    assert {panel["show"] for panel in board["panels"]} == {"lines", "bars", "table", "number"}
    for panel in board["panels"]:
        asked = {name: PAGE_OF[name] for name in panel["page"]} | panel["parameters"]
        answer = served.get(f"/api/v1/{panel['question']}", **asked)
        assert answer.status_code == 200, (panel["title"], answer.text)


def test_the_address_that_the_page_names_is_one(served):
    (command,) = re.findall(r"^\$ curl -s (http://\S+)$", PAGE, re.MULTILINE)
    assert at(command, served) == f"http://{served.http}/api/v1/boards"


def test_the_page_names_every_question_with_all_that_it_can_be_shown_as():
    table = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", PAGE, re.MULTILINE)
    named = {
        question: set(re.findall(r"`(lines|bars|table|number)`", shows))
        for questions, shows in table
        for question in re.findall(r"`(\w+)`", questions)
        if question in SHAPES
    }
    assert named == {name: set(shape.shows) for name, shape in SHAPES.items()}


def test_the_mistake_that_the_page_shows_is_told_so():
    """In the page's own example, at the page's own line."""
    (shown,) = re.findall(r"^--boards: boards.yaml:(\d+): (\S+): ('5' .*): \.\.\. (\(.*\))$", PAGE, re.MULTILINE)
    (problem,) = parse_boards(EXAMPLE.replace("above: 250ms", "above: 5"))
    line, field, begins, within = shown
    assert (problem.line, problem.field) == (int(line), field)
    assert problem.problem.startswith(begins)
    assert problem.problem.endswith(within)
