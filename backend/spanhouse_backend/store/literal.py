"""SQL with its placeholders written out, for the two cases in which the engine cannot bind them.

One is text that a person will run elsewhere (`spanhouse schema`); the other is a table's COMMENT, which the engine's
grammar takes as a literal only. Nothing a sender or an asker wrote ever comes here, and what does is held to the few
characters that need no quoting, so that there is nothing to escape.
"""

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{(?P<name>\w+):(?P<type>Identifier|String|UInt32)\}")
_SAFE = {
    "Identifier": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "String": re.compile(r"[A-Za-z0-9_ .:+-]*"),
    "UInt32": re.compile(r"[0-9]{1,10}"),
}


def written_out(sql: str, parameters: Mapping[str, str | int]) -> str:
    """`sql` with every `{name:Type}` replaced. Raises ValueError for a value that would need quoting."""

    def literal(match: re.Match[str]) -> str:
        text, kind = str(parameters[match["name"]]), match["type"]
        if not _SAFE[kind].fullmatch(text):
            raise ValueError(f"{match['name']}: {text!r} cannot be written out as {kind}")
        return f"'{text}'" if kind == "String" else text

    return _PLACEHOLDER.sub(literal, sql)
