"""An answer as HTTP has it: compressed for those who take that, with a validator, so that nothing is sent twice.

The ETag is strong: a hash of the content, which is the same for the same data, and another one when compressed (RFC
9110, 8.8.3.3; that is why this is not a middleware that knows nothing of validators). Answers may be kept, but have to
be asked for again before each use: spans that come late change a past window, too.
"""

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

from spanhouse_backend.query.content_coding import content_coding

LEAST_COMPRESSED_BYTES = 1024
"""Smaller bodies fit into one packet as they are."""
_CACHING = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding"}
_TAG = re.compile(r'"[^"]*"')


def represented(request: Request, body: bytes, content_type: str, headers: dict[str, str]) -> Response:
    """200 with `body`, or 304 when the client has it already. Compressing takes a while: not for the event loop."""
    tag = hashlib.blake2b(body, digest_size=16).hexdigest()
    headers = headers | _CACHING
    coding = content_coding(request.headers.get("accept-encoding", ""))
    if coding and len(body) >= LEAST_COMPRESSED_BYTES:
        tag += f"-{coding.name}"
        body = coding.quick(body)
        headers["Content-Encoding"] = coding.name
    headers["ETag"] = f'"{tag}"'
    if known_tag(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=content_type)


def known_tag(request: Request, tag: str) -> bool:
    """Whether If-None-Match says that the client has what `tag`, with its quotes, stands for."""
    # A validator is compared weakly here, so W/ before it makes no difference (RFC 9110, 13.1.2).
    known = request.headers.get("if-none-match", "") if request.method in ("GET", "HEAD") else ""
    return known.strip() == "*" or tag in _TAG.findall(known)
