"""The dashboard's files as HTTP sends them: bytes, type and validator, made once a process.

Every file lies under a path that changes when any of them does, so that browsers may keep what they have for ever and a
new release is never mixed with an old one: /static/<hash of all our files>/.., /static/plotly-<version>/... Only the
pages themselves are asked for each time.
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
_PAGE, _API_PAGE = "index.html", "api.html"
# Views are loaded when somebody goes there, but for the one that is there first; all other modules are needed at once.
_MODULES, _VIEWS, _FIRST_VIEW = "js/", "js/views/", "js/views/functions.js"


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
    """What is ours: the dashboard's page, the API's, and the files by the path that follows /static/."""

    page: Asset
    api_page: Asset
    files: dict[str, Asset]


def _plotly() -> str:
    return f"plotly-{version('plotly')}"


def _swagger() -> str:
    return f"swagger-{version('fastapi-offline')}"


@cache
def _theirs() -> dict[str, tuple[str, str]]:
    """Files of other packages, by their paths below /static/, in which the wheel's version stands for the content."""
    swagger = ("swagger-ui-bundle.js", "swagger-ui.css")
    return {
        f"{_plotly()}/plotly.min.js": ("plotly", "plotly/package_data/plotly.min.js"),
        **{f"{_swagger()}/{name}": ("fastapi-offline", f"fastapi_offline/static/{name}") for name in swagger},
    }


def file_of_theirs(path: str) -> Asset | None:
    """plotly.js and Swagger UI, as their wheels bring them; None for what is at no such path."""
    # Of whatever somebody asks for, only what is there is kept.
    return _file_of(*_theirs()[path]) if path in _theirs() else None


@cache
def _file_of(package: str, file: str) -> Asset:
    return Asset.of(file, distribution(package).locate_file(file).read_bytes())  # type: ignore[attr-defined]  # a Path


@cache
def site(grpc_port: int) -> Site:
    """Our own files, read from the package; the page says where spans are to be sent."""
    found = dict(_walk(files("spanhouse_backend.web") / "static"))
    template, api_template = (found.pop(page).decode() for page in (_PAGE, _API_PAGE))
    build = _hash(b"".join(name.encode() + found[name] for name in sorted(found)))
    modules = [name for name in sorted(found) if name.endswith(".js") and _at_once(name)]
    page = template.format(
        build=build,
        plotly=f"{_plotly()}/plotly.min.js",
        grpc_port=grpc_port,
        version=escape(version("spanhouse")),
        # Else the browser would find out about each module only when it has read the one that imports it.
        preloads="\n    ".join(f'<link rel="modulepreload" href="/static/{build}/{name}">' for name in modules),
    )
    api_page = api_template.format(build=build, swagger=_swagger())
    return Site(
        Asset.of(_PAGE, page.encode()),
        Asset.of(_API_PAGE, api_page.encode()),
        {f"{build}/{name}": Asset.of(name, found[name]) for name in found},
    )


def _at_once(module: str) -> bool:
    return module.startswith(_MODULES) and (module == _FIRST_VIEW or not module.startswith(_VIEWS))


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()
