"""`spanhouse run`: an unmodified script with its functions, or those of named packages, captured.

The script runs as `__main__` with its own arguments and its folder first on the path, as `python script.py` would
run it; when it ends, the table of functions goes to standard error and the spans to where they are configured.
"""

from __future__ import annotations

import argparse
import io
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

from spanhouse import injection
from spanhouse.summary import print_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAIN = "__main__"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spanhouse run",
        description="Runs a script with functions captured, and prints how long they took.",
    )
    parser.add_argument(
        "--capture",
        action="append",
        metavar="PACKAGE",
        help="capture the functions of this package or module; may be repeated. Without it: the script's own. "
        "Name __main__ to capture those as well.",
    )
    parser.add_argument("--no-table", action="store_true", help="do not print the table at the end")
    parser.add_argument("script", help="the Python file to run")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the script")
    return parser


def main(argv: Sequence[str]) -> int:
    """Runs the script that `argv` names; returns its exit code. An exception of the script is the caller's."""
    options = _parser().parse_args(argv)
    names: list[str] = options.capture or [_MAIN]
    path = Path(options.script)
    try:
        source = path.read_bytes()
    except OSError as error:
        print(f"spanhouse run: cannot read {path}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 2
    injection.install([name for name in names if name != _MAIN])
    code = (
        injection.compile_captured(source, str(path))
        if _MAIN in names
        else compile(source, str(path), "exec", dont_inherit=True)
    )
    try:
        return _run_as_main(code, path, [str(path), *options.args])
    finally:
        if not options.no_table:
            print_summary()


def _run_as_main(code: types.CodeType, path: Path, argv: list[str]) -> int:
    module = types.ModuleType(_MAIN)
    module.__file__ = str(path)
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules[_MAIN] = module
    sys.argv = argv
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        exec(code, module.__dict__)  # noqa: S102 - running a script is what this command is for
    except SystemExit as leaving:
        return _exit_code(leaving.code)
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOBase):
                stream.flush()
    return 0


def _exit_code(code: object) -> int:
    """What `sys.exit(code)` means for the process (library reference, "SystemExit")."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    return 1
