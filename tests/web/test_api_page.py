"""/docs: the API as it describes itself, with nothing from elsewhere."""

import json

import httpx
from harness import PATIENCE_SECONDS
from playwright.sync_api import expect


def test_every_path_is_described_and_can_be_tried(page, served):
    """The page asks this server only, under the dashboard's own policy, and an answer is shown in it."""
    page.goto(f"http://{served.http}/docs")
    expect(page.get_by_role("heading", name="spanhouse")).to_be_visible()
    document = httpx.get(f"http://{served.http}/openapi.json", timeout=PATIENCE_SECONDS).json()
    operations = sum(len(methods) for methods in document["paths"].values())
    expect(page.locator(".opblock")).to_have_count(operations)
    services = page.locator(".opblock-get").filter(has=page.locator('[data-path="/api/v1/services"]'))
    services.locator(".opblock-summary-control").click()
    services.get_by_role("button", name="Try it out").click()
    services.get_by_role("button", name="Execute").click()
    shown = services.locator(".live-responses-table .response-col_description code").first
    expect(shown).to_contain_text("billing")
    rows = json.loads(shown.inner_text())["rows"]
    answer = httpx.get(f"http://{served.http}/api/v1/services", timeout=PATIENCE_SECONDS).json()
    assert [row["service"] for row in rows] == [row["service"] for row in answer["rows"]]


def test_without_scripts_it_says_where_the_description_is(served):
    """And what it names is there."""
    answer = httpx.get(f"http://{served.http}/docs", timeout=PATIENCE_SECONDS)
    assert '<a href="/openapi.json">' in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert httpx.get(f"http://{served.http}/redoc", timeout=PATIENCE_SECONDS).status_code == 404
