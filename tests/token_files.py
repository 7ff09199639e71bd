"""Files of tokens for tests, made the way users make them."""

from pathlib import Path

from spanhouse_backend.access.token_file import add_token
from spanhouse_backend.roles import Role

ROLES = tuple(role.value for role in Role)


def tokens_of_each_role(path: Path) -> dict[str, str]:
    """Writes a token for each role, named as the role; gives the tokens by that name."""
    return {role.value: add_token(path, "--file", role.value, [role]) for role in Role}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def secret_of(token: str) -> str:
    """The part of a token that nobody else may see."""
    return token.split("_", 2)[2]


def wrong(token: str) -> str:
    """A token of the same name with another secret."""
    return token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
