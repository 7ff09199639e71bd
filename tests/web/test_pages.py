"""The dashboard's files over HTTP: kept by browsers for ever, under paths that change, and what the page may do."""

import gzip
import re

import brotli
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from token_files import bearer, tokens_of_each_role

from spanhouse_backend.query.zstd import zstd


@pytest.fixture(scope="module")
def site(shared_server) -> httpx.Client:
    with httpx.Client(base_url=f"http://{shared_server.http}", timeout=PATIENCE_SECONDS) as client:
        yield client


def paths_in(page: str) -> set[str]:
    """Everything below /static that the page names."""
    return set(re.findall(r'"(/static/[^"]+)"', page))


def test_the_page_and_all_it_names_are_there(site):
    """Scripts, styles, the icon and plotly.js, each of its type."""
    page = site.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    # Playwright's way to switch scripts off leaves this out, so it is looked for here.
    assert re.search("<noscript>.*?/docs.*?</noscript>", page.text, re.DOTALL)
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    paths = paths_in(page.text)
    assert {path.rpartition(".")[2] for path in paths} == types.keys()
    assert sum("plotly" in path for path in paths) == 1
    for path in paths:
        answer = site.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, types[path.rpartition(".")[2]])
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_modules_that_import_each_other_are_all_loaded_at_once(site):
    """The page preloads what its scripts import, so that one is not found out about after the other."""
    paths = paths_in(site.get("/").text)
    for path in paths:
        if path.endswith(".js") and "plotly" not in path:
            for imported in re.findall(
                r'^import .*? from "(.*?)";$|^\} from "(.*?)";$', site.get(path).text, re.MULTILINE
            ):
                assert str(httpx.URL(path).join("".join(imported))) in paths


def test_every_rule_of_the_style_sheet_is_closed(site):
    """One brace that is missing makes all that follows a part of the rule before, and no browser complains."""
    (path,) = (one for one in paths_in(site.get("/").text) if one.endswith("style.css"))
    depth = 0
    for number, line in enumerate(site.get(path).text.splitlines(), 1):
        assert line != "}" or depth, f"line {number} closes nothing"
        # Rules begin at the left edge: what is open there was not closed.
        assert not (depth and re.match(r"[.#:@a-z*/]", line)), f"line {number} is within the rule before"
        depth += line.count("{") - line.count("}")
    assert depth == 0


@pytest.mark.parametrize("path", ["/", "style.css", "/static/no/such/file.js"])
def test_every_answer_says_what_a_page_may_do(site, path):
    """Our own scripts and requests, and nothing else; never in a frame."""
    if path == "style.css":
        (path,) = (one for one in paths_in(site.get("/").text) if one.endswith(path))
    headers = site.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert {policy[name] for name in ("frame-ancestors", "base-uri", "form-action")} == {"'none'"}
    assert "unsafe-inline" not in policy["script-src"] + policy["style-src"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("coding", "unpack"), [("gzip", gzip.decompress), ("br", brotli.decompress), ("zstd", zstd.decompress)]
)
@pytest.mark.parametrize("kind", ["/", "plotly.min.js", "app.js"])
def test_nothing_is_sent_twice_and_little_once(site, kind, coding, unpack):
    """Compressed for those who take it, 304 for those who have it; HEAD has the GET's headers."""
    (path,) = ["/"] if kind == "/" else [one for one in paths_in(site.get("/").text) if one.endswith(f"/{kind}")]
    plain = site.get(path, headers={"Accept-Encoding": "identity"})
    with site.stream("GET", path, headers={"Accept-Encoding": coding}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == coding
    assert unpack(raw) == plain.content
    assert len(raw) < len(plain.content) / 1.5
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    again = site.get(path, headers={"Accept-Encoding": coding, "If-None-Match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = site.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == plain.headers["content-length"] == str(len(plain.content))


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd", "/static/x/index.html"],
)
def test_nothing_else_is_served(site, path):
    answer = site.get(path)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert site.post("/").status_code == 405


def test_files_are_open_and_data_is_not(tmp_path):
    """Somebody has to read the page before they can sign in."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        page = server.get("/")
        assert page.status_code == 200
        assert {server.get(path).status_code for path in paths_in(page.text)} == {200}
        assert server.get("/api/v1/functions").status_code == 401
        url = f"http://{server.http}/api/v1/functions"
        assert httpx.get(url, headers=bearer(tokens["read"]), timeout=PATIENCE_SECONDS).status_code == 200
