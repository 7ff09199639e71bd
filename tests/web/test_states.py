"""What is shown when there is nothing to show: no spans yet, no server any more, and how it goes on."""

import shlex
import subprocess
import sys

import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment
from held_ports import held_port
from playwright.sync_api import expect
from shop_spans import FUNCTIONS, shop_requests


@pytest.fixture
def served(tmp_path):
    """A server of each test's own: here they start empty, and go away."""
    with held_port() as port, ServerProcess(tmp_path / "data", "--http", f"127.0.0.1:{port}") as server:
        yield server


def test_the_first_span_is_waited_for_and_the_way_to_send_it_works(page, served):
    """The program that the page shows, run as it is: the page notices, without being asked."""
    page.goto("/")
    expect(page.get_by_role("heading", name="Waiting for a first span")).to_be_visible()
    program = page.get_by_label("Python").inner_text()
    assert f'endpoint="http://{served.grpc}"' in program
    assert served.grpc in page.get_by_label("Environment").inner_text()
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=clean_environment(), timeout=PATIENCE_SECONDS, cwd="/"
    )
    expect(page.locator("tbody .name")).to_have_text(["__main__.work"])


def test_the_first_record_and_the_first_event_are_waited_for(page, context, served):
    """The program and the command that the views show, run as they are: each page notices, without being asked."""
    page.goto("/?view=logs")
    events = context.new_page()
    events.goto("/?view=events")
    expect(page.get_by_role("heading", name="Waiting for a first log record")).to_be_visible()
    program = page.get_by_label("Python").inner_text()
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=clean_environment(), timeout=PATIENCE_SECONDS, cwd="/"
    )
    expect(page.locator("tbody tr[aria-rowindex] td:last-child")).to_have_text(["hello"])
    expect(events.get_by_role("heading", name="Waiting for a first event")).to_be_visible()
    put = shlex.split(events.get_by_label("Shell").inner_text())
    assert (put[0], put[2], put[4]) == ("curl", "-H", "-d")
    httpx.post(put[1], headers=[put[3].split(": ")], content=put[5], timeout=PATIENCE_SECONDS).raise_for_status()
    expect(events.get_by_role("link", name="shop.clicks")).to_be_visible()


def at_rest(page):
    """Until nothing more is asked for, which a server that ends would break off or refuse."""
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    expect(page.locator("tbody .spark")).to_have_count(len(FUNCTIONS))


def test_a_server_that_is_gone_is_said_and_found_again(page, served, watch):
    """What was shown stays, with a line that says so; it goes on by itself when the server is back."""
    served.export(*(request.SerializeToString() for request in shop_requests()))
    watch.allow("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")
    page.goto("/")
    rows = page.locator("tbody tr[aria-rowindex]")
    expect(rows).to_have_count(len(FUNCTIONS))
    at_rest(page)
    served.stop()
    page.keyboard.press("r")
    alert = page.get_by_role("alert").filter(has_text="does not answer")
    expect(alert).to_be_visible()
    expect(rows).to_have_count(len(FUNCTIONS))
    with ServerProcess(served.directory, "--http", served.http):
        expect(alert).to_have_count(0)
        expect(rows).to_have_count(len(FUNCTIONS))
        at_rest(page)


def test_a_window_without_calls_says_what_to_do(page, served):
    """Longer windows are one click away."""
    served.export(*(request.SerializeToString() for request in shop_requests()))
    page.goto("/?since=2020-01-01&until=2020-01-02")
    expect(page.get_by_role("heading", name="No calls here")).to_be_visible()
    page.get_by_role("link", name="Everything stored").click()
    expect(page.locator("tbody tr[aria-rowindex]")).to_have_count(len(FUNCTIONS))
