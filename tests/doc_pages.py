"""The examples of a page of docs/: its fenced blocks, in order, and how to run one against a real server.

A block is the page's own text, run as its reader would run it: the only thing changed is the address of a server on its
default ports. A `text` block right after another is what that one prints; `...` in it stands for anything.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from harness import PATIENCE_SECONDS, ServerProcess, clean_environment

DOCS = Path(__file__).parents[1] / "docs"
_FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"# (\w+\.py)\n")
_AS_SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """One fenced block."""

    language: str
    note: str
    """The word after the language: `before` for the code of an earlier system."""
    text: str
    line: int
    """Where it begins in its page."""
    shown: str | None = None
    """What the page says it prints."""


def blocks(page: str) -> list[Block]:
    """All of a text, in order, what they print with those that print it."""
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(page):
        language, note, text = fence.groups()
        if language == "text" and found and not page[end : fence.start()].strip():
            found[-1] = found[-1]._replace(shown=text)
        else:
            found.append(Block(language, note or "", text, page.count("\n", 0, fence.start()) + 1))
        end = fence.end()
    return found


def programs(name: str) -> list[str]:
    """The Python blocks of docs/`name`."""
    return [block.text for block in blocks((DOCS / name).read_text(encoding="utf-8")) if block.language == "python"]


def sections(page: str) -> dict[str, list[Block]]:
    """The blocks below each heading of the second level, with their lines in the page."""
    found: dict[str, list[Block]] = {}
    line = 0
    for piece in re.split(r"^(?=## )", page, flags=re.MULTILINE):
        heading = piece.partition("\n")[0].removeprefix("## ")
        inside = [block._replace(line=line + block.line) for block in blocks(piece)]
        if inside:
            found[heading] = inside
        line += piece.count("\n")
    return found


def run(block: Block, folder: Path, server: ServerProcess) -> str:
    """Runs a block in `folder`, as a program of its own; what it printed. Fails when it fails, or when Python warns.

    A Python block whose first line is a comment with a file's name is kept under that name, for blocks after it.
    """
    text = at(block.text, server)
    if block.language == "python":
        named = _FILE_NAME.match(text)
        file = folder / (named[1] if named else "example.py")
        file.write_text(text, encoding="utf-8")
        # The standard library's HTTPHandler leaves its socket to the garbage collector.
        command = [sys.executable, "-W", "error", "-W", "ignore:unclosed:ResourceWarning", file.name]
    else:
        command = ["sh", "-euc", text]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder, server),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    well = done.returncode == 0 and not (done.stderr and block.language == "python")
    assert well, f"line {block.line} exited with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def check(block: Block, printed: str) -> None:
    """What a block printed is what the page shows, where it shows anything."""
    if block.shown is not None:
        same = doctest.OutputChecker().check_output(block.shown, printed, _AS_SHOWN)
        assert same, f"line {block.line} printed\n{printed}\nand the page shows\n{block.shown}"


def at(text: str, server: ServerProcess) -> str:
    """`text` with the addresses of `server` for those of one on its default ports."""
    # In one go: the port of one, such as 43179, may begin with the default of the other.
    addresses = {"127.0.0.1:4317": server.grpc, "127.0.0.1:4318": server.http}
    return re.sub(r"127\.0\.0\.1:431[78]\b", lambda default: addresses[default[0]], text)


def environment(folder: Path, server: ServerProcess) -> dict[str, str]:
    """A reader's variables: the commands of this environment, spans to `server`, and questions too."""
    return clean_environment(
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        HOME=str(folder),
        COLUMNS="200",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.grpc}",
        SPANHOUSE_SERVER=server.grpc,
    )
