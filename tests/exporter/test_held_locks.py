"""What may not be done while a lock is held in the host's threads."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = [*(ROOT / "sdk").rglob("*.py"), *(ROOT / "exporter").rglob("*.py")]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)


def held_blocks(tree: ast.AST) -> Iterator[ast.With]:
    """`with lock:` in all its spellings; a call, such as `with open(...)`, makes something of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            isinstance(item.context_expr, ast.Name | ast.Attribute) for item in node.items
        ):
            yield node


def inlined_comprehensions(source: str) -> list[int]:
    return [
        inner.lineno
        for block in held_blocks(ast.parse(source))
        for statement in block.body
        for inner in ast.walk(statement)
        if isinstance(inner, COMPREHENSIONS)
    ]


def test_the_check_sees_comprehensions_in_a_held_block():
    """The rule below is looked for where it can be broken: the check finds such a line, and only such lines."""
    assert inlined_comprehensions("with self._lock:\n    a = [b for b in c]\nd = [e for e in f]\n") == [2]
    assert inlined_comprehensions("with open(a) as b:\n    c = [d for d in b]\n") == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_comprehension_runs_while_a_lock_is_held(path):
    """From Python 3.12 on, a comprehension runs in its block's frame, and the block's clean-up leaves it out.

    A signal handler that raises at that moment would leave the lock held for good, and threads hanging on it.
    """
    assert inlined_comprehensions(path.read_text(encoding="utf-8")) == []
