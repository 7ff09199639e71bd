"""What one look at one thing came to."""

from typing import Literal, NamedTuple

# "wrong" keeps something from working, "note" is good to know.
State = Literal["ok", "note", "wrong"]


class Finding(NamedTuple):
    """What was looked at, how it is, what was seen, and what to do about it ('' for nothing)."""

    state: State
    what: str
    seen: str
    advice: str = ""
