"""What a server does for whomever: one that only takes what is sent, or only answers, beside others over one store."""

from collections.abc import Collection

from spanhouse_backend.access.gate import Refusal
from spanhouse_backend.access.rules import Rule
from spanhouse_backend.roles import Role, role_names


class Serving:
    """The roles whose work is done here; what needs another is refused, whatever the token."""

    def __init__(self, roles: Collection[Role]) -> None:
        self._roles = frozenset(roles)

    def refusal(self, rule: Rule) -> Refusal | None:
        """Why what this rule is about is not done here; None when it is."""
        if rule.needs is None or rule.always or rule.needs in self._roles:
            return None
        there = ", ".join(role_names(self._roles))
        message = f"this needs the role {rule.needs.value}, which this server does not serve: its --roles are {there}"
        return Refusal(message, message, known=True)
