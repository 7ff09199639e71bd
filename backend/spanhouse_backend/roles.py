"""Roles: what a token may be used for, and what work a server does."""

from collections.abc import Collection, Iterable
from enum import Enum

from spanhouse_backend.errors import SettingsError


class Role(Enum):
    """What a token may be used for; `admin` is for everything."""

    WRITE = "write"
    READ = "read"
    SQL = "sql"
    ADMIN = "admin"

    def allowed_by(self, granted: Iterable["Role"]) -> bool:
        """Whether who has the roles `granted` may do what needs this one."""
        return any(role in (self, Role.ADMIN) for role in granted)


def role_names(roles: Collection[Role]) -> list[str]:
    """As they are written, always in the same order."""
    return [role.value for role in Role if role in roles]


def parse_roles(text: str, option: str) -> frozenset[Role]:
    """Names with commas between them. Raises SettingsError beginning with `option` for one that is none."""
    names = [name.strip() for name in text.split(",")]
    known = role_names(tuple(Role))
    if wrong := [name for name in names if name not in known]:
        raise SettingsError(f"{option}: {wrong[0][:100]!r} is not a role; there are {', '.join(known)}")
    return frozenset(map(Role, names))
