"""Every file on docs/alerts.md is one that is taken, and the errors shown there are those that are told."""

import re
from pathlib import Path

import pytest

from spanhouse_backend.alerts.rule_file import RuleFile, parse_rules
from spanhouse_backend.alerts.rules import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_shows_every_kind():
    """A page whose examples are not found would pass silently."""
    read = [parse_rules(text) for text in FILES]
    assert {rule.kind for file in read for rule in file.rules} == set(KINDS)


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_an_example_is_taken(text):
    assert isinstance(parse_rules(text), RuleFile)
