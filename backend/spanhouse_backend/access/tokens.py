"""Tokens: what they look like, what is kept of them, and whose one is.

A token is `sh_NAME_SECRET`, its secret 256 random bits. What is kept is the token's SHA-256: nobody can guess a secret
of that size, so a slow password hash would protect nothing more, and would hand whoever sends wrong tokens our CPU
and memory (docs/adr/002-how-tokens-are-hashed.md). A check costs a microsecond, right or wrong, and remembers nothing.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from spanhouse_backend.errors import SettingsError
from spanhouse_backend.namespace import PATTERN
from spanhouse_backend.roles import Role, role_names

_SECRET_BYTES = 32
# No underscore, which ends the name. 32 bytes are 43 characters of base64.
_NAME = r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}"
_TOKEN = re.compile(rf"sh_({_NAME})_[A-Za-z0-9_-]{{43}}")
_LINE = re.compile(rf"({_NAME})[ \t]+([a-z,]+)[ \t]+sha256:([0-9a-f]{{64}})(?:[ \t]+namespace:({PATTERN}))?")


class Holder(NamedTuple):
    """One line of the file: who has a token, for what, the token's SHA-256, and for which namespace it is."""

    name: str
    roles: frozenset[Role]
    digest: bytes
    namespace: str = ""

    def line(self) -> str:
        """As `parse_tokens` reads it."""
        line = f"{self.name} {','.join(role_names(self.roles))} sha256:{self.digest.hex()}"
        return f"{line} namespace:{self.namespace}" if self.namespace else line


class WrongToken(Exception):
    """Nobody's token. The text is for the log, and holds nothing of what was sent."""


_NOBODY = Holder("", frozenset(), bytes(32))


class Tokens(NamedTuple):
    """Everybody who has a token, by name."""

    holders: dict[str, Holder]

    def holder_of(self, token: str) -> Holder:
        """Whose token this is. Raises WrongToken."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise WrongToken("what was sent is not a token")
        holder = self.holders.get(match[1], _NOBODY)
        # The same work whether the name is known or not.
        if not hmac.compare_digest(_digest(token), holder.digest) or holder is _NOBODY:
            raise WrongToken(f"the wrong secret for {holder.name}" if holder.name else "no token has this name")
        return holder


def new_token(name: str, roles: Iterable[Role], namespace: str = "") -> tuple[str, Holder]:
    """A token that never was, and what to keep of it. Raises SettingsError when `name` cannot be one."""
    if not re.fullmatch(_NAME, name):
        raise SettingsError(
            f"NAME: {name[:100]!r} is not a name for a token: letters, digits, '.' and '-', at most 63, and a letter "
            "or digit first"
        )
    token = f"sh_{name}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return token, Holder(name, frozenset(roles), _digest(token), namespace)


def parse_tokens(text: str, source: str) -> Tokens:
    """Reads one holder a line: NAME ROLE[,ROLE] sha256:HEX, and namespace:NAME behind it for one of a namespace.

    Blank lines and those that begin with # say nothing.

    Raises SettingsError beginning with `source` and naming the line. What the line says is not repeated: it may be a
    token that somebody put there as it is.
    """
    holders: dict[str, Holder] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SettingsError(
                f"{source}, line {number}: not NAME ROLE[,ROLE] sha256:HEX; `spanhouse token add` writes such lines"
            )
        name = match[1]
        try:
            roles = frozenset(Role(role) for role in match[2].split(","))
        except ValueError as error:
            known = ", ".join(role.value for role in Role)
            raise SettingsError(
                f"{source}, line {number} ({name}): not all of these are roles; there are {known}"
            ) from error
        if name in holders:
            raise SettingsError(
                f"{source}, line {number}: a second token named {name}; `spanhouse token remove` it first"
            )
        holders[name] = Holder(name, roles, bytes.fromhex(match[3]), match[4] or "")
    return Tokens(holders)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
