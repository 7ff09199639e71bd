"""Types of captured functions, and of the package itself, as the two common type checkers see them."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from opentelemetry.sdk import trace

import spanhouse
import spanhouse_exporter

PROGRAM = """
import spanhouse
from collections.abc import Iterator

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


def test_mypy_sees_the_original(tmp_path):
    """What is captured keeps its type, and a wrong call is still a wrong call."""
    mypy = pytest.importorskip("mypy.api")
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


def pyright(folder, *arguments):
    """What pyright (as basedpyright, which needs no download) says, in JSON, with the packages as pip installs them."""
    pytest.importorskip("basedpyright")
    packages = folder / "packages"
    packages.mkdir()
    for package in (spanhouse, spanhouse_exporter):
        (packages / package.__name__).symlink_to(Path(package.__file__).parent)
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(Path(trace.__file__).parents[3])])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return json.loads(done.stdout)


def test_pyright_sees_the_original(tmp_path):
    """The same in strict mode: nothing unknown about what is captured, one error for the one wrong call."""
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    (tmp_path / "program.py").write_text(PROGRAM)
    found = pyright(tmp_path, "program.py")["generalDiagnostics"]
    revealed = [item["message"].partition(" is ")[2].strip('"') for item in found if item["severity"] == "information"]
    assert revealed[:4] == [
        '(left: int, right: str = "") -> float',
        "(left: int) -> CoroutineType[Any, Any, bytes]",
        "() -> Iterator[int]",
        "Thing",
    ]
    assert revealed[4] == "Span"
    errors = [item for item in found if item["severity"] == "error"]
    assert [item["rule"] for item in errors] == ["reportArgumentType"]


@pytest.mark.parametrize("package", ["spanhouse", "spanhouse_exporter"])
def test_the_package_is_completely_typed(tmp_path, package):
    """`pyright --verifytypes`: no annotation is missing or ambiguous, in any module."""
    report = pyright(tmp_path, "--verifytypes", package, "--ignoreexternal")["typeCompleteness"]
    assert report["packageName"] == package
    assert report["exportedSymbolCounts"]["withKnownType"] > 250
    missing = [
        (Path(finding["file"]).name, finding["message"])
        for symbol in report["symbols"]
        for finding in symbol["diagnostics"]
    ]
    assert missing == []
    assert report["completenessScore"] == 1
