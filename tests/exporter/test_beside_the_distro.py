"""`opentelemetry-instrument` where opentelemetry-distro is installed too, in an environment of its own.

Whoever installs that package gets a second configurator, and the one that is found first is used: both orders are
tried. It is not installed beside the other tests, because its defaults would change what they see.
"""

import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import attributes, receiving

APP = """
from opentelemetry import trace
for number in range(300):
    with trace.get_tracer("app").start_as_current_span("work", attributes={"number": number}):
        pass
provider = trace.get_tracer_provider()
processors = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
print(type(provider).__module__, *(type(processor).__name__ for processor in processors))
"""
SDK, LIGHT = "opentelemetry.sdk.trace", "spanhouse.provider"


@pytest.fixture(scope="module")
def distro(tmp_path_factory) -> Path:
    """The distro alone, in a folder, at the version that belongs to the instrumentation that is installed."""
    folder = tmp_path_factory.mktemp("distro")
    wanted = f"opentelemetry-distro=={version('opentelemetry-instrumentation')}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", str(folder), wanted], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=["ours first", "theirs first"])
def environment(request, distro, tmp_path_factory) -> tuple[Path, bool]:
    """(an environment with everything that this one has, and the distro; whether that is found first)"""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    theirs_first = request.param == "theirs first"
    shared = [sysconfig.get_path("purelib"), str(distro)]
    lines = [f"import site; site.addsitedir({path!r})" for path in (reversed(shared) if theirs_first else shared)]
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "shared.pth").write_text("\n".join(lines) + "\n")
    command = folder / "bin" / "opentelemetry-instrument"
    start = "from opentelemetry.instrumentation.auto_instrumentation import run"
    command.write_text(f"#!{folder}/bin/python\n{start}\nrun()\n")
    command.chmod(0o755)
    return folder, theirs_first


@pytest.mark.parametrize(
    ("chosen", "ours_first", "theirs_first"),
    [
        ({}, f"{SDK} SpanhouseSpanProcessor", f"{SDK} BatchSpanProcessor"),
        ({"OTEL_PYTHON_CONFIGURATOR": "spanhouse"}, LIGHT, LIGHT),
        ({"OTEL_PYTHON_TRACER_PROVIDER": "spanhouse"}, LIGHT, LIGHT),
        ({"OTEL_PYTHON_CONFIGURATOR": "configurator"}, f"{SDK} BatchSpanProcessor", f"{SDK} BatchSpanProcessor"),
    ],
    ids=["", "our configurator", "our provider", "their configurator"],
)
def test_spans_arrive_beside_the_distro(environment, tmp_path, chosen, ours_first, theirs_first):
    """OTEL_TRACES_EXPORTER=spanhouse: every span, once, whichever configurator sets the program up."""
    folder, found_first = environment
    (tmp_path / "app.py").write_text(APP)
    with receiving() as receiver:
        environ = {
            "OTEL_TRACES_EXPORTER": "spanhouse",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
            "PATH": f"{folder}/bin",
            **chosen,
        }
        done = subprocess.run(
            [str(folder / "bin" / "opentelemetry-instrument"), "python", str(tmp_path / "app.py")],
            env=clean_environment(**environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == f"{theirs_first if found_first else ours_first}\n"
        assert sorted(attributes(span)["number"] for span in receiver.spans) == list(range(300))
