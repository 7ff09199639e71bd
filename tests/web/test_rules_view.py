"""Rules: how they stand, as the API says it; what a rule or a service is called stays text."""

import pytest
from axe_findings import findings
from browsing import NARROW, fill
from harness import ServerProcess
from playwright.sync_api import expect
from shop_spans import FAILING, shop_requests

MARKUP = "<img src=x onerror='globalThis.hacked = true'>"
RULES = f"""
rules:
  - rule: paying is fast
    kind: percentile
    name: {FAILING}
    above: 1us
    window: 3h
    every: 10s
    notify: []
  - rule: "{MARKUP}"
    kind: absence
    name: {FAILING}
    description: "{MARKUP} explained"
    window: 3h
    every: 10s
    notify: []
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The shop's spans, with a rule in breach and one that is well."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yaml").write_text(RULES)
    with ServerProcess(folder / "data", "--rules", str(folder / "rules.yaml")) as server:
        fill(server, *shop_requests())
        yield server


def test_rules_stand_as_the_api_says(page, served, watch):
    """Those in trouble first: state, what was measured against what is allowed, since when; names are text."""
    page.goto("/?view=rules&refresh=5s")
    table = page.get_by_role("table", name="Rules")
    firing = table.get_by_role("row").filter(has_text="paying is fast")
    expect(firing).to_contain_text("firing")
    expect(page.get_by_role("status")).to_have_text("2 rules: 1 firing, 1 ok")
    (row, well) = served.get("/api/v1/rules").json()["rows"]
    assert (row["state"], well["rule"]) == ("firing", MARKUP)
    expect(table.locator("tbody tr").first).to_contain_text("paying is fast")
    expect(firing.locator("td").nth(3)).to_have_text("1.00\xa0µs")
    measured = firing.locator("td").nth(2).inner_text()
    assert measured.endswith("1 in breach")
    expect(firing.locator("td").nth(6)).to_have_text("never")
    firing.get_by_text("What it means").click()
    expect(firing).to_contain_text(row["means"])
    expect(firing.get_by_role("listitem")).to_contain_text(["breach"])
    last = table.locator("tbody tr").last
    expect(last.locator("strong")).to_have_text(MARKUP)
    expect(last).to_contain_text("explained")
    assert page.locator("main img").count() == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == []
    page.set_viewport_size(NARROW)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_rules_it_says_how_to_keep_some(browser, shared_server):
    page = browser.new_page(base_url=f"http://{shared_server.http}")
    page.goto("/?view=rules")
    expect(page.get_by_role("heading", name="No rules are kept here")).to_be_visible()
    expect(page.get_by_label("Shell")).to_have_text("spanhouse serve --rules rules.yaml")
    assert findings(page) == []
    page.close()
