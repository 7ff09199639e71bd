"""How soon the dashboard shows something, and how soon it answers to a hand.

Data: what `make demo` stores (examples/stdlib_survey.py), and 10,000 functions of one call each. Browser: Chromium with
nothing in its caches, on the machine of the server. First meaningful paint is when the rows of the table have been
painted, counted from the navigation's start by the page's own clock. Interactions are the browser's Event Timing: from
the press of a key or a button until what it changed has been painted; the slowest of sorting, searching and leaving out
rare functions, and of walking to the last row.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from benchmarks.report import Row
from benchmarks.served import EXPORT, Server, server

BUDGET_PAINT_MS, BUDGET_INTERACTION_MS = 1000, 100
MANY = 10_000
SURVEY = Path(__file__).parent.parent / "examples" / "stdlib_survey.py"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# Runs before the page's own scripts: notes when rows have been painted, and every event that took a while.
_WATCH = """
new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
        globalThis.slowest = Math.max(globalThis.slowest ?? 0, duration);
    }
}).observe({ type: "event", durationThreshold: 16 });
const watch = new MutationObserver(() => {
    if (document.querySelector("tbody tr[aria-rowindex]")) {
        watch.disconnect();
        // The frame after the next one begins when the next one has been painted.
        requestAnimationFrame(() => requestAnimationFrame(() => { globalThis.painted = performance.now(); }));
    }
});
watch.observe(document, { childList: true, subtree: true });
"""


def run(*, quick: bool) -> list[Row]:
    """Three rows."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the dev extra, which benchmarks go without
    except ImportError:
        return [_unmeasured("playwright is not installed")]
    if CHROMIUM is None:
        return [_unmeasured("there is no Chromium")]
    repeats = 3 if quick else 9
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with _demo() as served:
            paint, few = _looked_at(browser, served, repeats)
        with _many() as served:
            _, many = _looked_at(browser, served, repeats)
        browser.close()
    return [
        Row(
            f"dashboard, first meaningful paint on the demo's data: <= {BUDGET_PAINT_MS} ms",
            f"{paint:.0f} ms",
            "",
            "",
            _verdict(met=paint <= BUDGET_PAINT_MS),
        ),
        *(
            Row(
                f"dashboard, slowest interaction with {what}: < {BUDGET_INTERACTION_MS} ms",
                f"{slowest:.0f} ms",
                "",
                "",
                _verdict(met=slowest < BUDGET_INTERACTION_MS),
            )
            for what, slowest in (("the demo's functions", few), (f"{MANY:,} functions", many))
        ),
    ]


@contextmanager
def _demo() -> Iterator[Server]:
    """A server with what the demo stores."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "data") as served:
        environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{served.grpc}"}
        subprocess.run([sys.executable, str(SURVEY)], env=environment, check=True, stdout=subprocess.DEVNULL)
        yield served


@contextmanager
def _many() -> Iterator[Server]:
    """A server with MANY functions."""
    chance, message = random.Random(1), ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="many")))
    scope_spans = resource_spans.scope_spans.add()
    for number in range(MANY):
        span = scope_spans.spans.add()
        span.trace_id, span.span_id = chance.randbytes(16), chance.randbytes(8)
        span.name = f"module_{number % 100:02}.function_{number:05}"
        span.start_time_unix_nano = time.time_ns() - 120_000_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + round(chance.lognormvariate(13, 1.5))
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "data") as served:
        with grpc.insecure_channel(served.grpc) as channel:
            channel.unary_unary(EXPORT)(message.SerializeToString(), timeout=60)
        yield served


def _looked_at(browser: Any, served: Server, repeats: int) -> tuple[float, float]:
    """Medians: milliseconds to the first meaningful paint, and of the slowest interaction."""
    paints, slowest = [], []
    for _ in range(repeats):
        context = browser.new_context(base_url=f"http://{served.http}", viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto("/")
        page.locator('main[aria-busy="false"]').wait_for(timeout=60_000)
        paints.append(page.evaluate("globalThis.painted"))
        page.evaluate("globalThis.slowest = 0")
        _use(page)
        # Events are reported with the frame after them.
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
        slowest.append(page.evaluate("globalThis.slowest"))
        context.close()
    return statistics.median(paints), statistics.median(slowest)


def _use(page: Any) -> None:
    """As somebody would, by mouse and keys."""
    for title in ("p99", "Calls", "Function"):
        page.get_by_role("button", name=title, exact=True).click()
    page.get_by_label("Name contains").press_sequentially("e", delay=50)
    page.get_by_label("Name contains").press("Backspace")
    page.get_by_label("At least").press_sequentially("1", delay=50)
    page.locator(".name a").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Home")


def _unmeasured(why: str) -> Row:
    return Row("dashboard, first meaningful paint and interactions", "", "", "", why)


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"
