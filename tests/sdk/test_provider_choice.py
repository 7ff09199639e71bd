"""Which provider captured calls use, in real processes: unset, set in code, chosen by variables, made global."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from otlp_receiver import receiving

CAPTURED_AND_API = """
import spanhouse
from opentelemetry import trace

@spanhouse.capture
def work():
    with trace.get_tracer("api").start_as_current_span("inside") as span:
        return span.is_recording()

print(work(), type(trace.get_tracer_provider()).__module__)
"""


def run(command, endpoint, **environ):
    done = subprocess.run(
        command,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(script, endpoint, **environ):
    return run([sys.executable, "-W", "error", "-c", script], endpoint, **environ)


def names(receiver):
    return [span.name for span in receiver.spans]


def test_by_default_the_global_is_left_alone():
    """Captured calls are recorded; the API's provider stays the proxy, so other tracers do nothing."""
    with receiving() as receiver:
        assert python(CAPTURED_AND_API, receiver.endpoint) == "False opentelemetry.trace\n"
        assert names(receiver) == ["__main__.work"]


def test_set_global():
    """configure(set_global=True): other libraries' tracers record through the same provider, and nest."""
    with receiving() as receiver:
        script = CAPTURED_AND_API.replace(
            "import spanhouse\n", "import spanhouse\nspanhouse.configure(set_global=True)\n"
        )
        assert python(script, receiver.endpoint) == "True spanhouse.provider\n"
        inside, work = receiver.spans
        assert (inside.name, work.name) == ("inside", "__main__.work")
        assert inside.parent_span_id == work.span_id
        scopes = {scope.scope.name for scope in receiver.requests[0].resource_spans[0].scope_spans}
        assert scopes == {"api", "spanhouse"}


def test_the_environment_chooses_ours():
    """Entry point group opentelemetry_tracer_provider: OTEL_PYTHON_TRACER_PROVIDER=spanhouse."""
    with receiving() as receiver:
        printed = python(CAPTURED_AND_API, receiver.endpoint, OTEL_PYTHON_TRACER_PROVIDER="spanhouse")
        assert printed == "True spanhouse.provider\n"
        assert sorted(names(receiver)) == ["__main__.work", "inside"]


def test_the_environment_chooses_the_sdks():
    """A provider chosen by variable is the application's choice: captured calls go through it."""
    with receiving() as receiver:
        printed = python(CAPTURED_AND_API, receiver.endpoint, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider")
        assert printed == "True opentelemetry.sdk.trace\n"
        assert names(receiver) == []


def test_under_opentelemetry_instrument(tmp_path):
    """Auto-instrumentation with our provider chosen by variable: an unmodified program is recorded."""
    pytest.importorskip("opentelemetry.instrumentation")
    program = tmp_path / "program.py"
    program.write_text(CAPTURED_AND_API)
    with receiving() as receiver:
        command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, str(program)]
        printed = run(command, receiver.endpoint, OTEL_PYTHON_TRACER_PROVIDER="spanhouse", OTEL_SERVICE_NAME="auto")
        assert printed == "True spanhouse.provider\n"
        assert sorted(names(receiver)) == ["inside", "program.work"]
        assert receiver.resource()["service.name"] == "auto"


def test_switched_off():
    """OTEL_SDK_DISABLED=true: no span, no statistics, no thread; contexts still propagate."""
    with receiving() as receiver:
        script = CAPTURED_AND_API + "import threading; print(threading.active_count(), spanhouse.all_stats())"
        printed = python(script, receiver.endpoint, OTEL_SDK_DISABLED="true", OTEL_PYTHON_TRACER_PROVIDER="spanhouse")
        assert printed == "False spanhouse.provider\n1 []\n"
        assert names(receiver) == []


def test_a_fork_without_hooks_is_noticed():
    """A process forked in C runs no Python hook: the child still has ids of its own and sends only its own spans."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    script = """
import ctypes, os, time
import spanhouse

@spanhouse.capture
def parent_work(): ...

@spanhouse.capture
def child_work(): ...

for _ in range(300):
    parent_work()
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    for _ in range(200):
        child_work()
    spanhouse.flush(20)
    os._exit(0)
for _ in range(300):
    parent_work()
os.waitpid(pid, 0)
"""
    with receiving() as receiver:
        # Our threads are left to fall asleep first: under a busy one, such a fork breaks the interpreter itself.
        warm = script.replace("pid = ", "spanhouse.flush(20)\ntime.sleep(0.3)\npid = ")
        python(warm, receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="600000")  # nor woken by the delay as it forks
        assert names(receiver).count("__main__.parent_work") == 600
        assert names(receiver).count("__main__.child_work") == 200
        assert len({span.span_id for span in receiver.spans}) == 800


def instrumented(tmp_path, endpoint, **environ):
    """An unmodified program under opentelemetry-instrument."""
    pytest.importorskip("opentelemetry.instrumentation")
    program = tmp_path / "program.py"
    program.write_text(CAPTURED_AND_API)
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, str(program)]
    settings = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", **environ}
    return run(command, endpoint, **settings)


def test_the_configurator_chosen_by_name_installs_the_light_provider(tmp_path):
    """Entry point group opentelemetry_configurator: OTEL_PYTHON_CONFIGURATOR=spanhouse."""
    with receiving() as receiver:
        printed = instrumented(tmp_path, receiver.endpoint, OTEL_PYTHON_CONFIGURATOR="spanhouse")
        assert printed == "True spanhouse.provider\n"
        assert sorted(names(receiver)) == ["inside", "program.work"]


def test_the_exporter_chosen_by_name_works_under_the_sdks_provider(tmp_path):
    """Entry point group opentelemetry_traces_exporter: OTEL_TRACES_EXPORTER=spanhouse, without a distro."""
    with receiving() as receiver:
        printed = instrumented(tmp_path, receiver.endpoint, OTEL_TRACES_EXPORTER="spanhouse")
        assert printed == "True opentelemetry.sdk.trace\n"
        assert sorted(names(receiver)) == ["inside", "program.work"]
        assert receiver.resource()["telemetry.sdk.name"] == "opentelemetry"


def test_declarative_configuration(tmp_path):
    """Declarative configuration: batch exporter by plugin name, YAML keys as arguments, other variables ignored."""
    pytest.importorskip("opentelemetry.configuration")
    with receiving() as receiver:
        config = tmp_path / "otel.yaml"
        config.write_text(
            f"""
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          spanhouse:
            endpoint: {receiver.endpoint}
"""
        )
        printed = instrumented(tmp_path, "http://127.0.0.1:9", OTEL_CONFIG_FILE=str(config))
        assert printed == "True opentelemetry.sdk.trace\n"
        assert sorted(names(receiver)) == ["inside", "program.work"]


OTHER_CONFIGURATOR = """[opentelemetry_configurator]
aaa = opentelemetry.sdk._configuration:_OTelSDKConfigurator
"""


@pytest.mark.parametrize("chosen", ["", "spanhouse"])
def test_beside_a_configurator_that_is_found_first(tmp_path, chosen):
    """Entry point group opentelemetry_configurator: another's is used unless our provider was chosen by variable."""
    other = tmp_path / "others" / "aaa-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: aaa\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text(OTHER_CONFIGURATOR)
    variables = {"PYTHONPATH": str(other.parent)}
    if chosen:
        variables["OTEL_PYTHON_TRACER_PROVIDER"] = chosen
    with receiving() as receiver:
        printed = instrumented(tmp_path, receiver.endpoint, OTEL_TRACES_EXPORTER="spanhouse", **variables)
        assert printed == f"True {'spanhouse.provider' if chosen else 'opentelemetry.sdk.trace'}\n"
        assert len(names(receiver)) == 2
