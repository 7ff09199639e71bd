"""Surveys the standard library of the Python that runs it: how long do its own modules take to tokenize, parse,
compile and compress?

Every step is a captured call, three deep: survey_module > compile_module > compile_statement. Evaluating a
module's assignments as literals fails for most of them, so many calls end in an exception, as real ones do.

    spanhouse serve &
    python examples/stdlib_survey.py
    spanhouse top --service stdlib-survey
"""

import argparse
import ast
import io
import json
import sys
import sysconfig
import time
import tokenize
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import spanhouse

BLOCK_BYTES = 16 * 1024
STDLIB = Path(sysconfig.get_path("stdlib"))


@spanhouse.capture
def read_source(path: Path) -> str:
    """The module's text, in the encoding it declares. Raises SyntaxError or UnicodeDecodeError when it has none."""
    with tokenize.open(path) as file:
        return file.read()


@spanhouse.capture
def tokenize_source(source: str) -> int:
    """The number of tokens. Raises tokenize.TokenError."""
    return sum(1 for _ in tokenize.generate_tokens(io.StringIO(source).readline))


@spanhouse.capture
def parse_source(source: str) -> ast.Module:
    """The module's syntax tree. Raises SyntaxError."""
    return ast.parse(source)


@spanhouse.capture
def compile_statement(statement: ast.stmt) -> CodeType:
    """The code object of one top-level statement."""
    return compile(ast.Module([statement], []), "<survey>", "exec", dont_inherit=True)


@spanhouse.capture
def compile_module(tree: ast.Module) -> int:
    """Compiles a module statement by statement; the number of statements."""
    for statement in tree.body:
        compile_statement(statement)
    return len(tree.body)


@spanhouse.capture
def literal_value(assignment: ast.Assign) -> object:
    """What a top-level name is bound to, when that is a literal. Raises ValueError when it is not."""
    return ast.literal_eval(assignment.value)


@spanhouse.capture
def literal_values(tree: ast.Module) -> int:
    """Evaluates every top-level assignment that is a literal; the number of assignments."""
    assignments = [statement for statement in tree.body if isinstance(statement, ast.Assign)]
    for assignment in assignments:
        try:
            literal_value(assignment)
        except (ValueError, TypeError):
            continue
    return len(assignments)


@spanhouse.capture
def compress_block(block: bytes) -> int:
    """The compressed size of one block."""
    return len(zlib.compress(block, 6))


@spanhouse.capture
def compress_source(source: bytes) -> int:
    """Compresses a module block by block; the number of blocks."""
    blocks = [source[start : start + BLOCK_BYTES] for start in range(0, len(source), BLOCK_BYTES)]
    for block in blocks:
        compress_block(block)
    return len(blocks)


@spanhouse.capture
def survey_module(path: Path) -> int:
    """Does everything to one module; the number of captured calls that took, this one included."""
    calls = 2  # this one and read_source
    try:
        source = read_source(path)
        calls += 1
        tokenize_source(source)
        calls += 1
        tree = parse_source(source)
    except (SyntaxError, UnicodeDecodeError, tokenize.TokenError):
        return calls
    calls += 1 + compile_module(tree)
    calls += 1 + literal_values(tree)
    calls += 1 + compress_source(source.encode())
    return calls


def modules() -> Iterator[Path]:
    """Every source file of the standard library's importable modules."""
    for name in sorted(sys.stdlib_module_names):
        single = STDLIB / f"{name}.py"
        if single.is_file():
            yield single
        yield from sorted((STDLIB / name).glob("**/*.py"))


def main() -> int:
    """Surveys, says how far it is, and reports the number of calls it knows it made."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--limit", type=int, metavar="N", help="survey only the first N modules")
    arguments.add_argument("--report", type=Path, metavar="PATH", help="write the counts here as JSON")
    options = arguments.parse_args()

    warnings.simplefilter("ignore", SyntaxWarning)  # the library's own test data is full of them
    spanhouse.configure(service_name="stdlib-survey")
    paths = list(modules())[: options.limit]
    begun = time.perf_counter()
    calls = 0
    for number, path in enumerate(paths, 1):
        calls += survey_module(path)
        if sys.stderr.isatty() and (number % 20 == 0 or number == len(paths)):
            print(f"\r  {number} of {len(paths)} modules, {calls:,} calls", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    seconds = time.perf_counter() - begun
    delivered = spanhouse.flush(30)
    status = spanhouse.exporter_status()
    print(f"{len(paths):,} modules, {calls:,} captured calls in {seconds:.1f} s; {status.exported:,} spans delivered")
    if options.report:
        counts = {"modules": len(paths), "calls": calls, "exported": status.exported, "dropped": status.failed}
        options.report.write_text(json.dumps(counts), encoding="utf-8")
    return 0 if delivered and status.exported == calls else 1


if __name__ == "__main__":
    raise SystemExit(main())
