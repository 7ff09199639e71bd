"""The dashboard's files as HTTP sends them: bytes, type and validator, made once a process.

Every file lies under a path that changes when any of them does, so that browsers may keep what they have for ever and a
new release is never mixed with an old one: /static/<hash of all our files>/..., /static/plotly-<version>/.... Only the
page itself is asked for each time.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.metadata import distribution, version
from importlib.resources import files
from importlib.resources.abc import Traversable

from spanhouse_backend.query.content_coding import ContentCoding

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PAGE = "index.html"
# Views are loaded when somebody goes there, but for the one that is there first; all other modules are needed at once.
_VIEWS, _FIRST_VIEW = "js/views/", "js/views/functions.js"


@dataclass(frozen=True)
class Asset:
    """A file; `tag` is its hash, without the quotes of an ETag."""

    content_type: str
    body: bytes
    tag: str
    _packed: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, body: bytes) -> "Asset":
        """The file of this name, whose ending says its type."""
        return cls(_TYPES[name.rpartition(".")[2]], body, _hash(body))

    def packed(self, coding: ContentCoding) -> bytes:
        """The file in that coding, made when it is first wanted: of plotly.js that takes a tenth of a second."""
        if coding.name not in self._packed:
            self._packed[coding.name] = coding.small(self.body)
        return self._packed[coding.name]


@dataclass(frozen=True)
class Site:
    """All there is: the page at /, and the files by the path that follows /static/."""

    page: Asset
    files: dict[str, Asset]


@cache
def plotly() -> Asset:
    """plotly.js as its wheel brings it."""
    path = distribution("plotly").locate_file("plotly/package_data/plotly.min.js")
    return Asset.of("plotly.min.js", path.read_bytes())  # type: ignore[attr-defined]  # it is a Path


def plotly_path() -> str:
    """Where plotly.js is, below /static/; the wheel's version stands for its content."""
    return f"plotly-{version('plotly')}/plotly.min.js"


@cache
def site(grpc_port: int) -> Site:
    """Our own files, read from the package; the page says where spans are to be sent."""
    found = dict(_walk(files("spanhouse_backend.web") / "static"))
    template = found.pop(_PAGE).decode()
    build = _hash(b"".join(name.encode() + found[name] for name in sorted(found)))
    modules = [name for name in sorted(found) if name.endswith(".js") and _at_once(name)]
    page = template.format(
        build=build,
        plotly=plotly_path(),
        grpc_port=grpc_port,
        version=escape(version("spanhouse")),
        # Else the browser would find out about each module only when it has read the one that imports it.
        preloads="\n    ".join(f'<link rel="modulepreload" href="/static/{build}/{name}">' for name in modules),
    )
    return Site(Asset.of(_PAGE, page.encode()), {f"{build}/{name}": Asset.of(name, found[name]) for name in found})


def _at_once(module: str) -> bool:
    return module == _FIRST_VIEW or not module.startswith(_VIEWS)


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()
