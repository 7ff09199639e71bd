"""/api/v1/session: a browser shows a token once, and has a session in a cookie from then on (sessions.py, cookies.py).

POST begins one, GET says who somebody is here and what he may do, DELETE ends it. The token is taken from a body of
JSON only, never from a URL, and who shows what is no token waits as everywhere (attempts.py). A server without tokens
answers that none is needed, so that a page can ask in any case.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import JSONResponse

from spanhouse_backend.access.cookies import of_our_own, session_of, set_cookie
from spanhouse_backend.access.gate import Gate, Refusal, Report
from spanhouse_backend.access.tokens import Holder
from spanhouse_backend.query.failures import Failure, failure
from spanhouse_backend.roles import Role, role_names

UNAUTHENTICATED, FORBIDDEN, BAD = 401, 403, 400
_MAX_BODY_BYTES = 4096
_PATH = "/session"
_NOT_FROM_ELSEWHERE = "a page of another origin may not sign anybody in or out here"


class SignIn(BaseModel):
    """What is sent to sign in."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        description="As `spanhouse token add` printed it."
    )


class Session(BaseModel):
    """Who somebody is here, "" for nobody, what he may do, and in which namespace.

    `needed` is whether the server has tokens at all.
    """

    needed: bool
    name: str
    roles: list[str]
    namespace: str = ""


_EVERYBODY = Session(needed=False, name="", roles=role_names(list(Role)))
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": Session, "description": "Who somebody is here, and what he may do."},
    "4XX": {"model": Failure, "description": "What was sent is no token, or comes from a page of another origin."},
}
_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": SignIn.model_json_schema()}}},
}


def session_router(gate: Gate | None, report: Report) -> APIRouter:
    """The routes, asking `gate`, None for a server without tokens; `report` is told of tokens that are none."""
    router = APIRouter(prefix="/api/v1", tags=["session"])
    desk = _Desk(gate, report)
    described: dict[str, Any] = {"responses": _ANSWERS, "response_class": Response}
    router.add_api_route(_PATH, desk.who, methods=["GET"], **described)
    router.add_api_route(_PATH, desk.begin, methods=["POST"], openapi_extra=_BODY, **described)
    router.add_api_route(_PATH, desk.end, methods=["DELETE"], **described)
    return router


class _Desk:
    """Where tokens are shown."""

    def __init__(self, gate: Gate | None, report: Report) -> None:
        self._gate = gate
        self._report = report

    async def who(self, request: Request) -> Response:
        """Who somebody is here, by his session or his token, and what he may do."""
        if self._gate is None:
            return _said(_EVERYBODY)
        session = session_of(request.scope) if of_our_own(request.scope) else ""
        return _said(_of(self._gate.holder(request.headers.get("authorization", ""), session)))

    async def begin(self, request: Request) -> Response:
        """Begins a session: the answer sets its cookie."""
        if _elsewhere(request):
            return failure(FORBIDDEN, _NOT_FROM_ELSEWHERE)
        try:
            asked = SignIn.model_validate_json(await _body(request), strict=True)
        except ValueError:  # pydantic's are, too; not what is wrong with it, because what was sent may be a token
            return failure(BAD, 'what is sent must be {"token": ".."}, in JSON', "token")
        if self._gate is None:
            return _said(_EVERYBODY)
        begun = self._gate.sign_in(asked.token.strip())
        if isinstance(begun, Refusal):
            self._report("http", begun.kind)
            peer = request.client.host if request.client else "unknown"
            await self._gate.note(peer, f"POST {request.url.path}", begun)
            return failure(UNAUTHENTICATED, "this token is not known here")
        identity, holder = begun
        # Whoever signs in anew has no use for the session before.
        self._gate.sign_out(session_of(request.scope))
        return _said(_of(holder), set_cookie(request.scope, identity))

    async def end(self, request: Request) -> Response:
        """Ends the session that the cookie stands for, if there is one."""
        if _elsewhere(request):
            return failure(FORBIDDEN, _NOT_FROM_ELSEWHERE)
        if self._gate is None:
            return _said(_EVERYBODY)
        self._gate.sign_out(session_of(request.scope))
        return _said(_of(None), set_cookie(request.scope, ""))


def _elsewhere(request: Request) -> bool:
    """Whether a page of another origin asks, which may sign nobody in or out.

    What is no browser says nothing of origins, and brings no cookie.
    """
    is_browser = any(name in request.headers for name in ("sec-fetch-site", "origin", "cookie"))
    return is_browser and not of_our_own(request.scope)


async def _body(request: Request) -> bytes:
    """Raises ValueError before more is read than a token takes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError
    return bytes(body)


def _of(holder: Holder | None) -> Session:
    if holder is None:
        return Session(needed=True, name="", roles=[])
    return Session(needed=True, name=holder.name, roles=role_names(holder.roles), namespace=holder.namespace)


def _said(session: Session, cookie: str = "") -> Response:
    headers = {"Cache-Control": "no-store"} | ({"Set-Cookie": cookie} if cookie else {})
    return JSONResponse(session.model_dump(), headers=headers)
