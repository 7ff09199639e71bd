"""The cookie that a browser's session is in, and when it counts: for our own pages only.

Browsers send cookies with whatever they are told to send, also by pages of others. SameSite=Strict keeps those of other
sites away, but another port of this machine is the same site; so a request with a cookie also has to come from our own
origin, by what the browser says of it: Sec-Fetch-Site, or Origin alone over plain HTTP to another host.
"""

from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

_SAFE = frozenset({"GET", "HEAD"})
_HTTPS = "https"


def cookie_name(scope: Scope) -> str:
    """One for each server: cookies know no ports, and two servers of one machine would sign each other out.

    Over TLS its prefix keeps everybody but this host from setting it (RFC 6265bis, 4.1.3.2).
    """
    server = scope.get("server")
    name = f"spanhouse-{server[1]}" if server else "spanhouse"
    return f"__Host-{name}" if scope["scheme"] == _HTTPS else name


def session_of(scope: Scope) -> str:
    """The session's id that a request brings; '' when it brings none."""
    return HTTPConnection(scope).cookies.get(cookie_name(scope), "")


def set_cookie(scope: Scope, identity: str) -> str:
    """The Set-Cookie that keeps a session until the browser is closed; with '' as its id, that takes it away."""
    cookie: SimpleCookie = SimpleCookie({cookie_name(scope): identity})
    (morsel,) = cookie.values()
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    morsel["secure"] = scope["scheme"] == _HTTPS
    if not identity:
        morsel["max-age"] = "0"
    return morsel.OutputString()


def of_our_own(scope: Scope) -> bool:
    """Whether a request comes from a page of this server's, as far as its browser says.

    What may change something has to be said to come from there; what only reads must not be said to come from
    elsewhere, and may have been typed into the address bar.
    """
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    safe = scope["method"] in _SAFE
    if site is not None:
        return site == "same-origin" or (safe and site == "none")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    return safe
