"""The dashboard over HTTP: one page at /, the API's at /docs, and the files they are made of under /static.

Files hold nobody's data, so they are open to whoever can connect; what they show comes from the API, which is not.
The page may run our own scripts and ask our own server, and nothing else: no inline script, no eval, no other host, no
frame around it. All that the page is to show is in its URL's query, so there is one path.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from spanhouse_backend.query.content_coding import content_coding
from spanhouse_backend.query.representation import known_tag
from spanhouse_backend.web.assets import Asset, file_of_theirs, site

_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    # Style sheets are ours, or empty: plotly.js makes an empty one and adds its rules by script.
    "style-src": f"'self' {_EMPTY}",
    # Attributes may have styles: plotly.js gives its SVG some. Under this policy they neither load nor run anything.
    "style-src-attr": "'unsafe-inline'",
    # plotly.js draws heatmaps as data.
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASK_EACH_TIME = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"


def web_routes(grpc_port: int) -> list[BaseRoute]:
    """The routes, for GET and HEAD; `grpc_port` is where spans are sent to, which the page tells who has none yet."""

    async def page(request: Request) -> Response:
        return await _sent(request, (await asyncio.to_thread(site, grpc_port)).page, _ASK_EACH_TIME)

    async def api(request: Request) -> Response:
        return await _sent(request, (await asyncio.to_thread(site, grpc_port)).api_page, _ASK_EACH_TIME)

    async def file(request: Request) -> Response:
        path = request.path_params["path"]
        theirs = await asyncio.to_thread(file_of_theirs, path)
        asset = theirs or (await asyncio.to_thread(site, grpc_port)).files.get(path)
        if asset is None:
            # Of a page of another release that is still open.
            message = "there is no such file: load the page again\n"
            return PlainTextResponse(message, 404, SECURITY_HEADERS | {"Cache-Control": "no-store"})
        return await _sent(request, asset, _FOR_EVER)

    return [Route("/", page), Route("/docs", api), Route("/static/{path:path}", file)]


async def _sent(request: Request, asset: Asset, caching: str) -> Response:
    coding = content_coding(request.headers.get("accept-encoding", ""))
    tag = f'"{asset.tag}-{coding.name}"' if coding else f'"{asset.tag}"'
    headers = SECURITY_HEADERS | {"Cache-Control": caching, "Vary": "Accept-Encoding", "ETag": tag}
    if known_tag(request, tag):
        return Response(status_code=304, headers=headers)
    body = asset.body
    if coding:
        headers["Content-Encoding"] = coding.name
        body = await asyncio.to_thread(asset.packed, coding)
    return Response(body, headers=headers, media_type=asset.content_type)
