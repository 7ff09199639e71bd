"""The gate in front of the port for ClickHouse's clients: the password is the token, and refusals are ClickHouse's.

Those clients send HTTP's Basic, the headers X-ClickHouse-User and X-ClickHouse-Key, or a bearer token; whose name is
sent says nothing. A password in an address ends up in logs and histories, so it is refused wherever tokens are asked
for. /ping and its kind are open to everybody, as /healthz is.
"""

from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_backend.access.gate import Gate, Refusal, Report
from spanhouse_backend.access.namespaces import Namespaces
from spanhouse_backend.access.rules import Rule
from spanhouse_backend.access.serving import Serving
from spanhouse_backend.access.tokens import Holder
from spanhouse_backend.namespace import HEADER
from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.roles import Role

_OPEN_PATHS = frozenset({"/ping", "/replicas_status"})
_RULE = Rule("/", Role.SQL)
_HOW = "send the token as the password (HTTP Basic), as X-ClickHouse-Key, or as `Authorization: Bearer TOKEN`"


class ClickHouseAccess:
    """`app` for those whom `gate` lets in, all without one.

    Says in the request's state which namespace it is of, and whether it is an admin's.
    """

    def __init__(
        self, app: ASGIApp, gate: Gate | None, serving: Serving, namespaces: Namespaces, report: Report
    ) -> None:
        self._app = app
        self._gate = gate
        self._serving = serving
        self._namespaces = namespaces
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it before its body is read."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        if not _is_open(scope):
            headers = Headers(scope=scope)
            holder = self._serving.refusal(_RULE) or self._holder(scope, headers)
            namespace = holder if isinstance(holder, Refusal) else self._namespaces.of(holder, headers.get(HEADER, ""))
            if isinstance(namespace, Refusal):
                await self._refuse(namespace, scope, receive, send)
                return
            admin = not isinstance(holder, Holder) or Role.ADMIN in holder.roles
            scope.setdefault("state", {}).update(namespace=namespace, admin=admin)
        await self._app(scope, receive, send)

    def _holder(self, scope: Scope, headers: Headers) -> Holder | Refusal | None:
        if self._gate is None:
            return None
        return _in_address(scope) or self._gate.let_in(_authorization(headers), Role.SQL)

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope["client"][0] if scope.get("client") else "unknown"
        self._report("clickhouse", refusal.kind)
        if self._gate:
            await self._gate.note(peer, f"{scope['method']} over the ClickHouse port", refusal)
        if refusal.known:
            code, message = Code.ACCESS_DENIED, refusal.message
        elif refusal.guess:
            code, message = Code.AUTHENTICATION_FAILED, f"the token that was sent is not known here: {_HOW}"
        else:
            code, message = Code.REQUIRED_PASSWORD, f"a token with the role {Role.SQL.value} is needed: {_HOW}"
        await Refused(code, message).trouble.response()(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        return False
    return scope["path"] in _OPEN_PATHS or (scope["path"] == "/" and "query" not in _parameters(scope))


def _authorization(headers: Headers) -> str:
    key = headers.get("x-clickhouse-key", "")
    return f"Bearer {key}" if key else headers.get("authorization", "")


def _in_address(scope: Scope) -> Refusal | None:
    if not _parameters(scope).get("password"):
        return None
    message = f"a password in the address ends up in logs: {_HOW}"
    return Refusal(message, "a password was sent in the address", known=True)


def _parameters(scope: Scope) -> QueryParams:
    return QueryParams(scope["query_string"])
