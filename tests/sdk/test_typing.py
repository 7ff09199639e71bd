import textwrap

import pytest

mypy = pytest.importorskip("mypy.api")

PROGRAM = """
import spanhouse
from collections.abc import AsyncIterator, Iterator

@spanhouse.capture
def plain(left: int, right: str = "") -> float:
    return 1.0

@spanhouse.capture(name="x")
async def later(left: int) -> bytes:
    return b""

@spanhouse.capture
def steps() -> Iterator[int]:
    yield 1

@spanhouse.capture
class Thing:
    @spanhouse.capture
    @classmethod
    def make(cls) -> "Thing":
        return cls()

reveal_type(plain)
reveal_type(later)
reveal_type(steps)
reveal_type(Thing.make())
plain("wrong")
with spanhouse.span("x") as current:
    reveal_type(current)
"""


def test_type_checkers_see_the_original(tmp_path):
    """What is captured keeps its type, and a wrong call is still a wrong call."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    printed, _errors, _code = mypy.run(["--strict", "--cache-dir", str(tmp_path / "cache"), str(program)])
    revealed = [
        line.partition('Revealed type is "')[2].rstrip('"') for line in printed.splitlines() if "Revealed" in line
    ]
    assert revealed[:4] == [
        "def (left: int, right: str =) -> float",
        "def (left: int) -> typing.Coroutine[Any, Any, bytes]",
        "def () -> typing.Iterator[int]",
        "program.Thing",
    ]
    assert revealed[4].endswith("Span")
    errors = [line for line in printed.splitlines() if ": error:" in line]
    assert len(errors) == 1
    assert 'Argument 1 to "plain" has incompatible type "str"' in errors[0]
