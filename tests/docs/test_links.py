"""What the pages point at is there: other pages, headings in them, files of the project."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_NAMED_FILE = re.compile(r"`([\w./-]+(?:\.(?:py|proto|sql)|/))`")


def anchors(page: Path) -> set[str]:
    """How a page's headings are linked to: in lower case, without punctuation, dashes for spaces."""
    text = _FENCED.sub("", page.read_text())
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file that is there, and a heading that is in it."""
    broken = []
    for path, anchor in _LINK.findall(_FENCED.sub("", page.read_text())):
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert not broken


def test_the_life_of_a_span_names_files_that_are_there():
    """Names without a folder are in the folder of the last one that has one."""
    named = []
    for line in (ROOT / "docs" / "life-of-a-span.md").read_text().splitlines():
        folder = ROOT
        for name in _NAMED_FILE.findall(line):
            file = ROOT / name if name.count("/") > 1 else folder / name
            folder = file.parent
            named.append(file)
    assert len(named) > 20
    assert [str(file) for file in named if not file.exists()] == []
