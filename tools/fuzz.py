"""Feeds ingest's parsers what libFuzzer makes up, steered by the branches it has not seen: `make fuzz SECONDS=60`.

What is checked is in tests/otlp_agreement.py. Stops with the input that failed, which is left in fuzz-corpus/ together
with what was interesting: the next run goes on from there. Needs atheris (pip install 'spanhouse[fuzz]').
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGETS = ("framing", "json")
# Larger inputs are slower and find the same.
MAX_INPUT_BYTES = 400
# One input may take this long: what is quadratic shows. And this much memory.
INPUT_SECONDS, MEMORY_MIB = 5, 2048


def main(arguments: list[str]) -> int:
    """Fuzzes all targets, each for SECONDS and in a process of its own; or one, when that is what we are."""
    if len(arguments) > 1 and arguments[1] in TARGETS:
        _fuzz(arguments[1], arguments[2:])
    seconds = int(arguments[1]) if len(arguments) > 1 else 60
    for target in TARGETS:
        corpus = ROOT / "fuzz-corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        for name, seed in _seeds()[target].items():
            (corpus / name).write_bytes(seed)
        limits = [f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}", f"-timeout={INPUT_SECONDS}"]
        options = [*limits, f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={corpus}/", "-print_final_stats=1"]
        options += [f"-dict={_words(corpus.with_suffix('.words'))}"]
        print(f"== {target}, for {seconds} seconds", flush=True)
        command = [sys.executable, __file__, target, *options, str(corpus)]
        done = subprocess.run(command, check=False)  # noqa: S603 - this very program
        if done.returncode:
            return 1
    return 0


def _fuzz(target: str, options: list[str]) -> None:
    """Does not return."""
    try:
        import atheris  # noqa: PLC0415 - only for those who fuzz
    except ImportError:
        sys.exit("fuzzing needs atheris: pip install 'spanhouse[fuzz]'")
    sys.path.insert(0, str(ROOT / "tests"))
    with atheris.instrument_imports(include=["spanhouse_backend.ingest", "json.decoder"]):
        from otlp_agreement import check_framing, check_json  # noqa: PLC0415 - it imports what is instrumented
    check = {"framing": check_framing, "json": check_json}[target]
    atheris.Setup([sys.argv[0], *options], check)
    atheris.Fuzz()


def _words(file: Path) -> Path:
    """A dictionary for libFuzzer: what JSON's fields are called, which it would not guess."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415
    from otlp_documents import json_names  # noqa: PLC0415 - found by the path of the tests

    names = sorted(json_names(ExportTraceServiceRequest.DESCRIPTOR))
    file.write_text("".join(f'"\\"{name}\\":"\n' for name in names))
    return file


def _seeds() -> dict[str, dict[str, bytes]]:
    """Inputs to begin with: one good request of each kind."""
    sys.path.insert(0, str(ROOT / "tests"))
    from json_bombs import ordinary  # noqa: PLC0415 - found by the path above
    from otlp_requests import request  # noqa: PLC0415

    good = request("fuzz", [1, 2], start_ns=1_700_000_000_000_000_000).SerializeToString()
    return {"framing": {"good": good, "empty": b""}, "json": {"good": ordinary(400), "empty": b"{}"}}


if __name__ == "__main__":
    sys.exit(main(sys.argv))
