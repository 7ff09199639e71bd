"""Takes the pictures of the dashboard that the README and docs show: `make screenshots` writes docs/images/*.png.

A real server with the spans that the dashboard's tests use, seen by Chromium at 1280 pixels, light and dark. Pictures
stay small, because every clone of the repository has all of them ever made: take new ones when a view has changed.
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browsing import ARGUMENTS, CHROMIUM, fill  # noqa: E402 - the tests' own helpers, found by the line above
from doc_pages import DOCS, blocks  # noqa: E402
from harness import EXPORT_LOGS, ServerProcess  # noqa: E402
from log_records import Made, records  # noqa: E402
from shop_spans import SLOWER, TRACE, checkout_trace, shop_requests  # noqa: E402

IMAGES = ROOT / "docs" / "images"
BOARDS = (DOCS / "boards.md").read_text(encoding="utf-8")
SIZE = {"width": 1280, "height": 720}
MOST_BYTES = 150_000
# What a picture is of: its name, the URL's query, and what is to be seen before it is taken.
SQL = """SELECT toStartOfFiveMinutes(Timestamp) AS time, count() AS calls, countIf(StatusCode = 'Error') AS errors
FROM otel_traces
WHERE ServiceName = 'checkout' AND Timestamp > now() - INTERVAL 2 HOUR
GROUP BY time
ORDER BY time"""
PICTURES = (
    ("functions", "", f".card:has-text('{SLOWER}') >> nth=0"),
    ("function", f"view=function&since=2h&service=search&name={SLOWER}", ".plot .main-svg >> nth=0"),
    ("trace", f"view=trace&trace={TRACE}", "text=send_receipt_email >> nth=0"),
    ("boards", "view=boards&board=checkout&since=1h", ".board .main-svg >> nth=0"),
    ("logs", "view=logs&since=2h&level=debug&columns=attr.user.tier", ".timeline .main-svg >> nth=0"),
    ("query", f"view=query&show=chart&{urlencode({'sql': SQL})}", ".plot .main-svg >> nth=0"),
)


LEVELS = ((9, "INFO"), (9, "INFO"), (5, "DEBUG"), (9, "INFO"), (13, "WARN"), (9, "INFO"), (5, "DEBUG"), (17, "ERROR"))
LOGGED = 400


def shop_logs(now_ns: int) -> ExportLogsServiceRequest:
    """What the shop's checkout logged in the last two hours: more of it, and worse, in the last half hour."""
    made = []
    for index in range(LOGGED):
        level, severity = LEVELS[index * index % len(LEVELS) if index > LOGGED // 3 else index % len(LEVELS)]
        outcome = "card declined" if severity == "ERROR" else "took its stock"
        body = f"order {7000 - index} of {index % 4 + 1} items: {outcome}"
        age = 7_000_000_000_000 * index * index // LOGGED**2
        tier = {"user.tier": ("gold", "free")[index % 2]}
        made.append(Made(now_ns - age - 1_000_000_000, body, level, severity=severity, attributes=tier))
    return records("checkout", made, scope="shop.checkout.orders")


def take(browser: Browser, address: str, scheme: str) -> None:
    """All pictures in one colour scheme."""
    context = browser.new_context(
        base_url=f"http://{address}",
        viewport=SIZE,
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    page = context.new_page()
    for name, query, awaited in PICTURES:
        page.goto(f"/?{query}")
        expect(page.locator(awaited)).to_be_visible()
        expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        # Functions ask for their lines when they have been in sight for a moment.
        expect(page.locator(".functions tbody tr[aria-rowindex]:not(:has(.spark))")).to_have_count(0)
        path = IMAGES / f"{name}-{scheme}.png"
        page.screenshot(path=path)
        size = _shrink(path)
        print(f"{path.relative_to(ROOT)}: {size:,} bytes")
        if size > MOST_BYTES:
            raise SystemExit(f"{path.name} has more than {MOST_BYTES:,} bytes: show less")
    context.close()


def _shrink(path: Path) -> int:
    """Leaves the picture the 256 colours that it needs most; its bytes."""
    with Image.open(path) as image:
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return path.stat().st_size


def main() -> None:
    """Takes them all."""
    if CHROMIUM is None:
        raise SystemExit("needs Chromium: apt-get install chromium")
    expect.set_options(timeout=60_000)
    IMAGES.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        boards = folder / "boards.yaml"
        boards.write_text(next(block.text for block in blocks(BOARDS) if block.language == "yaml"))
        server = stack.enter_context(ServerProcess(folder / "data", "--boards", str(boards)))
        fill(server, *shop_requests(), checkout_trace(time.time_ns()))
        server.export(shop_logs(time.time_ns()).SerializeToString(), method=EXPORT_LOGS)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for scheme in ("light", "dark"):
                take(browser, server.http, scheme)
            browser.close()


if __name__ == "__main__":
    main()
