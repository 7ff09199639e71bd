"""Runs benchmarks and prints one table: `python -m benchmarks [--quick] [name...]`.

Every module beside this one that has a `run` is a benchmark; names select those that start so.
"""

import argparse
import importlib
import shlex
import sys
import time
import traceback
from pathlib import Path

from benchmarks.report import Row, machine, table


def _names(selected: list[str]) -> list[str]:
    own = {"__main__", "report"}
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in own)
    return [name for name in found if not selected or any(name.startswith(start) for start in selected)]


def main() -> int:
    """Exit code 1 when a benchmark fails to run; a missed budget is reported, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, with wider error")
    parser.add_argument("names", nargs="*", help="only benchmarks whose module name starts so")
    options = parser.parse_args()
    rows: list[Row] = []
    failed = False
    for name in _names(options.names):
        module = importlib.import_module(f"benchmarks.{name}")
        if not hasattr(module, "run"):
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            rows += module.run(quick=options.quick)
        except Exception:  # noqa: BLE001 - the other benchmarks go on
            traceback.print_exc()
            failed = True
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(f"machine: {machine()}")
    print(f"command: python -m benchmarks {shlex.join(sys.argv[1:])}".rstrip())
    print()
    print(table(rows))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
