"""docs/coming-from.md: the new half of every pair is run, and prints what the page shows."""

import ast
import shutil

import pytest
from doc_pages import DOCS, blocks, check, run, sections
from harness import ServerProcess

PAGE = (DOCS / "coming-from.md").read_text(encoding="utf-8")
SECTIONS = sections(PAGE)
# What the section says its server is started with.
OPTIONS = {"Kronos": ("--namespaces", "kronos")}
BEFORE = [block for block in blocks(PAGE) if block.note == "before"]


def test_every_system_has_its_section():
    """A page whose examples are not found would pass silently."""
    assert list(SECTIONS) == ["Kronicler", "metric_function", "Chronologer", "Kronos", "MetricsCollector"]
    for system, found in SECTIONS.items():
        assert {"python", "sh"} == {block.language for block in found}
        assert any(block.shown for block in found)
        # Where the page is read as it is drawn, only the first line tells the two halves from each other.
        before = [block.text.startswith(f"# {system}\n") for block in found if block.note == "before"]
        assert before
        assert all(before)


@pytest.mark.parametrize("block", [block for block in BEFORE if block.language == "python"], ids=lambda b: str(b.line))
def test_what_was_before_is_python(block):
    """Nobody can run it here; at least it can be read."""
    assert ast.parse(block.text).body


@pytest.mark.skipif(not shutil.which("curl"), reason="some of the page's commands are curl's")
@pytest.mark.parametrize("system", SECTIONS)
def test_what_is_now_runs(tmp_path, system):
    """From top to bottom, in one directory, against one server; each block ends well and prints what is shown."""
    folder = tmp_path / "reader"
    folder.mkdir()
    with ServerProcess(tmp_path / "data", *OPTIONS.get(system, ())) as server:
        for block in SECTIONS[system]:
            if block.note != "before":
                check(block, run(block, folder, server))
