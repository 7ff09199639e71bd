"""Browsers as senders: which web pages may send spans, and the answers to a browser's question beforehand.

A browser asks (OPTIONS, "preflight") before it sends JSON to another origin, and lets no page send without a yes. The
rules are those of the fetch standard, kept by Starlette; as in the Collector, an origin may have wildcards.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

# As long as any browser remembers the answer (Chromium's limit): one question for two hours of batches.
MAX_AGE_SECONDS = 7200


def stranger(headers: Headers, origins: Sequence[str]) -> str:
    """The origin of a page of neither ours nor `origins` that made its browser send this; '' for all others.

    A form, and whatever else a browser sends without asking, can be sent by every page that its user looks at, also to
    this machine. Browsers say where from: in Sec-Fetch-Site or, over plain HTTP to another host, in Origin alone.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    ours = site in ("same-origin", "none") if site else urlsplit(origin or "").netloc == headers.get("host", "")
    if ours or (site is None and origin is None) or (origin and re.fullmatch(_pattern(origins), origin)):
        return ""
    return (origin or "unknown")[:100]


def allow_browsers(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """`app` for pages of `origins`, such as https://shop.example.org, http://localhost:* or *; for none, `app` itself.

    Preflights are answered before `app` sees them, so it may ask for credentials that a preflight never carries.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        # Always by pattern, so that the origin is named in the answer: a browser refuses "*" for pages that send with
        # credentials, as navigator.sendBeacon does.
        allow_origin_regex=_pattern(origins),
        allow_credentials=True,
        allow_methods=["POST"],
        # Those that are asked for: OTEL_EXPORTER_OTLP_HEADERS names what it likes, and the origin is what is trusted.
        allow_headers=["*"],
        allow_private_network=True,
        expose_headers=["Retry-After"],
        max_age=MAX_AGE_SECONDS,
    )


def _pattern(origins: Sequence[str]) -> str:
    return "|".join("".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", o)) for o in origins)
