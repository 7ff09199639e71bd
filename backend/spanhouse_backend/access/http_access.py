"""The gate in front of HTTP: 401 or 403 before a body is read, in the words of what was asked.

OTLP's clients are told in a google.rpc.Status, all others in the REST API's {"error": ..}. A browser's question
whether a page may send (a preflight) carries no credentials and is answered without.
"""

from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_backend.access.cookies import of_our_own, session_of
from spanhouse_backend.access.gate import Gate, Refusal, Report
from spanhouse_backend.access.namespaces import Namespaces
from spanhouse_backend.access.rules import HTTP_RULES, OTLP_PREFIXES, Rule, rule_for
from spanhouse_backend.access.serving import Serving
from spanhouse_backend.access.tokens import Holder
from spanhouse_backend.ingest.cors import allow_browsers
from spanhouse_backend.ingest.otlp_status import Encoding, Refused
from spanhouse_backend.namespace import HEADER
from spanhouse_backend.query.failures import Failure, Problem
from spanhouse_backend.roles import Role

UNAUTHENTICATED, FORBIDDEN = 401, 403
_BEARER = 'Bearer realm="spanhouse"'
# For pages that are opened by themselves, such as /docs: a browser knows no other way to ask its user for a token.
_BEARER_OR_BASIC = f'{_BEARER}, Basic realm="spanhouse", charset="UTF-8"'


class HttpAccess:
    """`app` for those whom `gate` lets in, everybody without one; says in a request's state which namespace it is of.

    Pages of `cors_origins` may read why they were refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate | None,
        serving: Serving,
        namespaces: Namespaces,
        report: Report,
        cors_origins: Sequence[str] = (),
    ) -> None:
        self._app = app
        self._gate = gate
        self._serving = serving
        self._namespaces = namespaces
        self._report = report
        self._cors_origins = cors_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it. There are no websockets here: one would be closed."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        headers = Headers(scope=scope)
        refusal = self._namespace(scope, headers)
        if not isinstance(refusal, Refusal):
            scope.setdefault("state", {})["namespace"] = refusal
            await self._app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else "unknown"
        self._report("http", refusal.kind)
        if self._gate:
            await self._gate.note(peer, f"{scope['method']} {_printable(scope['path'])}", refusal)
        response: ASGIApp
        if _is_otlp(scope["path"]):
            response = allow_browsers(_otlp_refusal(refusal, headers), self._cors_origins)
        else:
            response = _rest_refusal(refusal, headers)
        # The body is not asked for. uvicorn takes what is under way and drops it, so that the sender gets to read this.
        await response(scope, receive, send)

    def _namespace(self, scope: Scope, headers: Headers) -> str | Refusal:
        """What is open to everybody, and a preflight, is the same in all."""
        rule = rule_for(HTTP_RULES, scope["path"], scope["method"])
        if rule.needs is None or _is_preflight(scope["method"], headers):
            return ""
        if elsewhere := self._serving.refusal(rule):
            return elsewhere
        holder = _holder(self._gate, scope, headers, rule.needs) if self._gate else None
        return holder if isinstance(holder, Refusal) else self._namespaces.of(holder, headers.get(HEADER, ""))


class ByNamespace:
    """The application of the namespace that `HttpAccess` found a request to be of."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        await self._apps[scope.get("state", {}).get("namespace", "")](scope, receive, send)


def _holder(gate: Gate, scope: Scope, headers: Headers, needed: Role) -> Holder | Refusal:
    authorization = headers.get("authorization", "")
    if not authorization and (session := session_of(scope)):
        holder, wrong = gate.let_in("", needed, session), _strange(scope)
    else:
        holder = gate.let_in(authorization, needed)
        wrong = _forged(scope["method"], headers, authorization, needed)
    return holder if isinstance(holder, Refusal) else wrong or holder


def _strange(scope: Scope) -> Refusal | None:
    """A browser sends a session's cookie with whatever a page on another port of this host makes it send."""
    if of_our_own(scope):
        return None
    message = "a session of the dashboard is for its own pages only: send `authorization: Bearer TOKEN` from elsewhere"
    return Refusal(message, "a session's cookie, from a page of another origin", known=True)


def _forged(method: str, headers: Headers, authorization: str, needed: Role) -> Refusal | None:
    """A browser sends the password that its user typed with whatever any page makes it send.

    So what may change something has to come from our own pages. OTLP has its own list of origins (CORS).
    """
    if not authorization.lower().startswith("basic") or method in ("GET", "HEAD") or needed is Role.WRITE:
        return None
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return None
    message = f"a page of another origin may not do this with a browser's password (Sec-Fetch-Site: {site[:20]!r})"
    return Refusal(message, message, known=True)


def _is_preflight(method: str, headers: Headers) -> bool:
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _is_otlp(path: str) -> bool:
    return any(Rule(prefix, None).fits(path, "") for prefix in OTLP_PREFIXES)


def _otlp_refusal(refusal: Refusal, headers: Headers) -> Response:
    encoding = Encoding.of(headers.get("content-type", "")) or Encoding.JSON
    if refusal.known:
        return Refused(FORBIDDEN, refusal.message).response(encoding)
    challenge = {"WWW-Authenticate": _BEARER}
    return Refused(UNAUTHENTICATED, refusal.message, headers=challenge).response(encoding)


def _rest_refusal(refusal: Refusal, headers: Headers) -> Response:
    body = Failure(error=Problem(parameter=None, message=refusal.message)).model_dump()
    if refusal.known:
        return JSONResponse(body, FORBIDDEN)
    # Only to who asks for something to look at: for what scripts of the dashboard ask, it has a form of its own.
    challenge = _BEARER_OR_BASIC if "text/html" in headers.get("accept", "") else _BEARER
    return JSONResponse(body, UNAUTHENTICATED, {"WWW-Authenticate": challenge})


def _printable(path: str) -> str:
    """As a line of the log may hold it: a path is whatever somebody sent."""
    return path[:200].encode("unicode_escape").decode()
