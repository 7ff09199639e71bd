"""Writes the protobuf code of proto/spanhouse_proto; with --check, says whether what is committed is current.

landing.proto is not among them: it is read by ClickHouse, not by Python.
"""

import os
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent.parent / "proto"
PACKAGE = ROOT / "spanhouse_proto"
SOURCES = ("admin.proto", "query.proto", "sql.proto")


def generate(target: Path) -> list[Path]:
    """Compiles SOURCES below `target`; returns what was written. Raises SystemExit when protoc refuses."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # protoc-gen-mypy
    arguments = ["protoc", f"-I{ROOT}", f"--python_out={target}", f"--grpc_python_out={target}"]
    arguments += [f"--mypy_out={target}", f"--mypy_grpc_out={target}"]
    if protoc.main([*arguments, *(f"spanhouse_proto/{name}" for name in SOURCES)]) != 0:
        raise SystemExit(1)
    return sorted((target / "spanhouse_proto").glob("*_pb2*"))


def main() -> int:
    """Exit code 1 when --check finds a difference."""
    if "--check" not in sys.argv[1:]:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = {path.name: path.read_bytes() for path in generate(Path(folder))}
    committed = {path.name: path.read_bytes() for path in PACKAGE.glob("*_pb2*")}
    stale = sorted(name for name in fresh | committed if fresh.get(name) != committed.get(name))
    if stale:
        print(f"generated code is stale: {', '.join(stale)}; run make proto", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    raise SystemExit(main())
