"""Which namespace a request is of: its token's, or on a server without tokens the one that it names.

A token is for one namespace, whatever it may do there, and whoever names another with it is refused, rather than
answered about his own.
"""

from collections.abc import Collection

from spanhouse_backend.access.gate import Refusal
from spanhouse_backend.access.tokens import Holder
from spanhouse_backend.namespace import HEADER, shown


class Namespaces:
    """Those that are served here, '' for the one that every server has."""

    def __init__(self, served: Collection[str]) -> None:
        self._served = frozenset({"", *served})

    def of(self, holder: Holder | None, asked: str) -> str | Refusal:
        """The namespace of a request of `holder`, None for everybody, that names `asked`, '' when it names none."""
        if holder is None:
            return asked if asked in self._served else self._unknown(asked)
        if asked and asked != holder.namespace:
            message = f"the token {holder.name} is for {shown(holder.namespace)}, and {HEADER} names another"
            return Refusal(message, message, known=True)
        if holder.namespace not in self._served:
            message = f"{shown(holder.namespace)}, which the token {holder.name} is for, is not served here"
            return Refusal(message, message, known=True)
        return holder.namespace

    def _unknown(self, asked: str) -> Refusal:
        there = ", ".join(sorted(self._served - {""}))
        known = f"there are {there}" if there else "`spanhouse serve --namespaces` makes some"
        message = f"{HEADER}: there is no namespace {asked[:40]!r} here; {known}"
        return Refusal(message, message, known=True)
