"""Runs the client's tests under every supported Python that this machine has; skips those it has not, saying so.

Each version gets a virtual environment under .venv/pythons/ with the packages that these tests need. An interpreter
counts when it runs and says the right version: a shim that only explains what is missing does not.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
PACKAGES = (
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "httpx",
    "uvicorn",
    "opentelemetry-exporter-otlp-proto-grpc",
)


def _candidates(version: str) -> list[str]:
    """Places where `version` may be: on PATH, and where version managers keep theirs."""
    homes = [
        os.environ.get("PYENV_ROOT", "~/.pyenv") + "/versions",
        "~/.local/share/uv/python",
        "~/.asdf/installs/python",
    ]
    found = [path for home in homes for path in sorted(Path(home).expanduser().glob(f"*{version}*/bin/python3"))]
    return [f"python{version}", "python3", *map(str, reversed(found))]


def _interpreter(version: str) -> str | None:
    """An interpreter that runs and is of this version."""
    for candidate in _candidates(version):
        path = shutil.which(candidate)
        if path is None:
            continue
        question = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", question], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode == 0 and done.stdout.strip() == version:
            return path
    return None


def _run(version: str, interpreter: str) -> int:
    """The worst exit code of the tests under `interpreter`."""
    environment = ROOT / ".venv" / "pythons" / version
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter, "-m", "venv", environment], check=True)  # noqa: S603 - found by ourselves
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    install += ["-e", f"{ROOT}[test]", *PACKAGES]
    subprocess.run(install, check=True)  # noqa: S603 - as above
    worst = 0
    for part in ("sdk", "exporter"):
        # The conftest above these folders is for tests of the server, which needs more than is installed here.
        tests = [python, "-m", "pytest", "-q", "-n", "2", f"--confcutdir=tests/{part}", f"tests/{part}"]
        environ = {**os.environ, "SPANHOUSE_SPOOL": "off"}  # as that conftest says
        worst = max(worst, subprocess.run(tests, cwd=ROOT, env=environ, check=False).returncode)  # noqa: S603 - as above
    return worst


def main() -> int:
    """Exit code 1 when the tests fail under any version."""
    failed = []
    for version in sys.argv[1:] or VERSIONS:
        interpreter = _interpreter(version)
        if interpreter is None:
            print(f"== Python {version}: not on this machine, skipped")
            continue
        print(f"== Python {version}: {interpreter}", flush=True)
        if _run(version, interpreter):
            failed.append(version)
    if failed:
        print(f"failed under Python {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
