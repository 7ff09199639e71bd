"""A server with tokens: the page asks for one, keeps it nowhere, and shows what it is good for."""

import grpc
import pytest
from axe_findings import findings
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess
from otlp_requests import request
from playwright.sync_api import expect
from token_files import secret_of, tokens_of_each_role, wrong

from spanhouse_backend.access.token_file import add_token
from spanhouse_backend.roles import Role


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    made = tokens_of_each_role(path)
    return {"path": str(path), "analyst": add_token(path, "--file", "analyst", [Role.READ, Role.SQL]), **made}


@pytest.fixture(scope="module")
def served(tmp_path_factory, tokens):
    """With one span."""
    with ServerProcess(tmp_path_factory.mktemp("web") / "data", "--tokens", tokens["path"]) as server:
        store(server, tokens, request("shop", [5_000_000], name="shop.pay"))
        yield server


def store(server, tokens, message):
    with grpc.insecure_channel(server.grpc) as channel:
        metadata = [("authorization", f"Bearer {tokens['write']}")]
        channel.unary_unary(EXPORT)(message.SerializeToString(), metadata=metadata, timeout=PATIENCE_SECONDS)


@pytest.fixture
def signed_in(page, watch):
    watch.allow("status of 401")

    def sign_in(token, path="/"):
        page.goto(path)
        page.get_by_label("Token").fill(token)
        page.get_by_label("Token").press("Enter")
        return page

    return sign_in


def sign_out(page):
    """Until the page is loaded anew: what it shows before is gone with it."""
    with page.expect_event("load"):
        page.get_by_role("button", name="Sign out").click()


def test_a_token_opens_the_view_that_was_asked_for(signed_in, tokens, served):
    """And is in no URL, no storage and no cookie that a script could read."""
    page = signed_in(tokens["read"], "/?since=24h&service=shop")
    expect(page.locator("tbody tr[aria-rowindex] .name")).to_have_text(["shop.pay"])
    assert page.url.endswith("/?since=24h&service=shop")
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
    assert secret_of(tokens["read"]) not in cookie["value"]
    asked = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert not [url for url in asked if secret_of(tokens["read"]) in url]
    page.reload()
    expect(page.locator("tbody tr[aria-rowindex] .name")).to_have_text(["shop.pay"])


def test_a_wrong_token_is_told_and_the_next_one_taken(signed_in, page, tokens):
    signed_in(wrong(tokens["read"]))
    expect(page.locator("#sign-in-problem")).to_have_text("This token is not known here.")
    expect(page.get_by_label("Token")).to_be_focused()
    expect(page.get_by_label("Token")).to_have_value("")
    page.get_by_label("Token").fill(tokens["write"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#sign-in-problem")).to_contain_text("The token write is for write")
    page.get_by_label("Token").fill(tokens["read"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_signing_out_ends_it(signed_in, page, tokens, served):
    signed_in(tokens["read"])
    expect(page.get_by_role("button", name="Sign out")).to_have_attribute("title", "Signed in with the token read")
    cookies = page.context.cookies()
    sign_out(page)
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.context.cookies() == []
    page.context.add_cookies(cookies)
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_session_watches_and_asks_sql_if_its_token_may(signed_in, page, tokens, served):
    signed_in(tokens["read"], "/?view=query")
    expect(page.get_by_role("heading", name="Raw SQL needs the role sql")).to_be_visible()
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Watching")).to_be_visible()
    store(served, tokens, request("watched", [7], name="shop.live"))
    expect(page.locator("tbody tr[aria-rowindex] .name")).to_have_text(["shop.live"])
    sign_out(page)
    page.get_by_label("Token").fill(tokens["analyst"])
    page.get_by_label("Token").press("Enter")
    page.get_by_role("link", name="Query", exact=True).click()
    page.locator("#sql").fill("SELECT 7 AS seven")
    page.locator("#sql").press("Control+Enter")
    expect(page.locator(".result tbody tr[aria-rowindex] td")).to_have_text("7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, watch, scheme):
    watch.allow("status of 401")
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    expect(page.get_by_label("Token")).to_be_visible()
    assert findings(page) == []
