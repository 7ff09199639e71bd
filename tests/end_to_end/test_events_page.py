"""docs/events.md: run from top to bottom against a real server, it prints what it shows."""

import shutil

import pytest
from doc_pages import DOCS, blocks, check, run
from harness import ServerProcess

BLOCKS = blocks((DOCS / "events.md").read_text(encoding="utf-8"))


def test_the_page_has_examples_of_everything():
    """A page whose examples are not found would pass silently."""
    assert {block.language for block in BLOCKS} == {"sh", "python"}
    assert all(block.shown for block in BLOCKS)
    text = "".join(block.text for block in BLOCKS)
    for shown in (
        "spanhouse events",
        "spanhouse streams",
        "event-schema",
        "delete-logs",
        "--of events",
        "/api/v1/events",
    ):
        assert shown in text


@pytest.mark.skipif(not shutil.which("curl"), reason="some of the page's commands are curl's")
def test_the_page_does_what_it_says(tmp_path):
    folder = tmp_path / "reader"
    folder.mkdir()
    with ServerProcess(tmp_path / "data") as server:
        for block in BLOCKS:
            check(block, run(block, folder, server))
