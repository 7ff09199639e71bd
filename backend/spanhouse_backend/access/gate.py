"""The one decision that both doors ask for: may whoever sends this credential do what needs that role?"""

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

from spanhouse_backend.access.attempts import FailedAttempts
from spanhouse_backend.access.rules import Role, role_names
from spanhouse_backend.access.tokens import Tokens, WrongToken

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
    """Holds credentials against the tokens of the moment; `tokens` gives them."""

    def __init__(self, tokens: Callable[[], Tokens]) -> None:
        self._tokens = tokens
        self._attempts = FailedAttempts()

    def refusal(self, authorization: str, needed: Role) -> Refusal | None:
        """None when whoever sent this `Authorization` header, '' for none, has the role `needed`."""
        if not authorization:
            return Refusal(f"a token with the role {needed.value} is needed: {HOW_TO_SEND}", "no token was sent")
        try:
            holder = self._tokens().holder_of(token_of(authorization))
        except WrongToken as error:
            return Refusal(f"the token that was sent is not known here: {HOW_TO_SEND}", str(error), guess=True)
        if needed.allowed_by(holder.roles):
            return None
        roles = ", ".join(role_names(holder.roles))
        message = f"the token {holder.name} has not the role {needed.value}, which this needs; it has: {roles}"
        return Refusal(message, message, known=True)

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
