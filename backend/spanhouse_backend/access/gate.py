"""The one decision that both doors ask for: may whoever sends this credential do what needs that role?"""

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

from spanhouse_backend.access.attempts import FailedAttempts
from spanhouse_backend.access.sessions import Sessions
from spanhouse_backend.access.tokens import Holder, Tokens, WrongToken
from spanhouse_backend.roles import Role, role_names

HOW_TO_SEND = "send `authorization: Bearer TOKEN`"


class Refusal(NamedTuple):
    """Why not. `message` is for the one who asked and `reason` for the log; neither holds anything of a token."""

    message: str
    reason: str
    known: bool = False
    """Whether the token is right and only its role is not enough: 403 rather than 401."""
    guess: bool = False
    """Whether a token was sent that is none: the answer waits."""

    @property
    def kind(self) -> str:
        """One of three words, to count refusals by."""
        if self.known:
            return "not_allowed"
        return "wrong_token" if self.guess else "no_token"


Report = Callable[[str, str], None]
"""Told of each refusal: the door and the refusal's kind."""


class Gate:
    """Holds credentials against the tokens of the moment, which `tokens` gives, and the sessions begun with them."""

    def __init__(self, tokens: Callable[[], Tokens]) -> None:
        self._tokens = tokens
        self._attempts = FailedAttempts()
        self._sessions = Sessions()

    def refusal(self, authorization: str, needed: Role, session: str = "") -> Refusal | None:
        """None when whoever sent this `Authorization` header, or else this session's id, has the role `needed`."""
        found = self.let_in(authorization, needed, session)
        return found if isinstance(found, Refusal) else None

    def let_in(self, authorization: str, needed: Role, session: str = "") -> Holder | Refusal:
        """Whose this `Authorization` header is, or else this session's id, when he has the role `needed`.

        '' is for none. A session that is over is no guess: browsers go on sending its id.
        """
        if not authorization and not session:
            return Refusal(f"a token with the role {needed.value} is needed: {HOW_TO_SEND}", "no token was sent")
        holder = self._holder(authorization, session)
        if isinstance(holder, Refusal) or needed.allowed_by(holder.roles):
            return holder
        roles = ", ".join(role_names(holder.roles))
        message = f"the token {holder.name} has not the role {needed.value}, which this needs; it has: {roles}"
        return Refusal(message, message, known=True)

    def holder(self, authorization: str, session: str) -> Holder | None:
        """Whose credentials these are; None for nobody's."""
        holder = self._holder(authorization, session) if authorization or session else None
        return None if isinstance(holder, Refusal) else holder

    def sign_in(self, token: str) -> tuple[str, Holder] | Refusal:
        """The id of a new session, and whose it is."""
        holder = self._holder(f"bearer {token}", "")
        return holder if isinstance(holder, Refusal) else (self._sessions.begin(holder), holder)

    def sign_out(self, session: str) -> None:
        """The session is over."""
        self._sessions.end(session)

    def _holder(self, authorization: str, session: str) -> Holder | Refusal:
        tokens = self._tokens()
        if not authorization:
            holder = self._sessions.holder(session, tokens)
            return holder or Refusal("the session is over: sign in again", "a session that is over")
        try:
            return tokens.holder_of(token_of(authorization))
        except WrongToken as error:
            return Refusal(f"the token that was sent is not known here: {HOW_TO_SEND}", str(error), guess=True)

    async def note(self, peer: str, what: str, refusal: Refusal) -> None:
        """Logs that `peer`, an IP address, was refused `what`, and returns when it may be told so."""
        await self._attempts.note(peer, f"{what}: {refusal.reason}", guess=refusal.guess)


def token_of(authorization: str) -> str:
    """The token in an `Authorization` header's value, '' when there is none in it.

    RFC 6750's Bearer, or the password of RFC 7617's Basic: that is what a browser can ask its user for. The user name
    says nothing.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
