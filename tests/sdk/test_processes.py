import os
import re
import subprocess
import sys
import textwrap
import time

import pytest
from held_ports import held_port
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_receiver import attributes, receiving, spans_in
from spool_files import spooled_requests


def run(script: str, endpoint: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_script_without_configuration_delivers_at_exit(tmp_path):
    """Nothing but the decorator and variables: the spans are there when the process has ended.

    Where the machine was too busy to send them within the second that an exit may take, they are in the spool.
    """
    with receiving() as receiver:
        run(
            """
            import spanhouse

            @spanhouse.capture
            def work():
                pass

            for _ in range(1000):
                work()
            """,
            receiver.endpoint,
            OTEL_SERVICE_NAME="script",
            SPANHOUSE_SPOOL=str(tmp_path),
        )
        requests = {*receiver.raw, *spooled_requests(tmp_path)}
        assert len(spans_in(requests)) == 1000
        resources = [ExportTraceServiceRequest.FromString(request).resource_spans[0].resource for request in requests]
        assert {attributes(resource)["service.name"] for resource in resources} == {"script"}


def test_exit_is_bounded_when_nobody_answers():
    """With a dead endpoint a process ends with its own exit code, a second or so after its last line."""
    done = run(
        """
        import time
        import spanhouse

        @spanhouse.capture
        def work():
            pass

        for _ in range(3000):
            work()
        print(time.time())
        """,
        "http://127.0.0.1:9",
    )
    assert time.time() - float(done.stdout) < 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_sends_its_own_spans_once():
    """Parent and child each deliver what they captured: no span lost, none sent twice, no id repeated."""
    with receiving() as receiver:
        run(
            """
            import os, warnings
            import spanhouse
            warnings.simplefilter("ignore")

            @spanhouse.capture
            def before():
                pass

            @spanhouse.capture
            def after():
                pass

            for _ in range(700):
                before()
            child = os.fork()
            for _ in range(900):
                after()
            if child:
                os.waitpid(child, 0)
            else:
                spanhouse.flush(20)
                os._exit(0)
            """,
            receiver.endpoint,
        )
        assert len(receiver.named("before")) == 700
        assert len(receiver.named("after")) == 1800
        assert len({span.span_id for span in receiver.spans}) == 2500


def test_a_provider_set_by_the_application_is_respected():
    """Captured spans go through it, even when it is set after the first captured call."""
    with receiving() as receiver:
        done = run(
            """
            import spanhouse
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

            @spanhouse.capture
            def work():
                pass

            work()
            memory = InMemorySpanExporter()
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(memory))
            trace.set_tracer_provider(provider)
            with trace.get_tracer("theirs").start_as_current_span("theirs"):
                work()
            ours, theirs = memory.get_finished_spans()
            print(ours.name, ours.parent.span_id == theirs.context.span_id, ours.instrumentation_scope.name)
            print(ours.attributes["code.function.name"])
            """,
            receiver.endpoint,
        )
        assert done.stdout.split("\n")[:2] == ["__main__.work True spanhouse", "__main__.work"]
        assert len(receiver.spans) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("named", [False, True])
def test_a_forked_child_is_another_instance_of_the_same_service(named):
    """Resource semantic conventions, service.instance.id: one for each process, unless the user has named it."""
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=mine"} if named else {}
    with receiving() as receiver:
        run(
            """
            import os, warnings
            import spanhouse
            warnings.simplefilter("ignore")

            @spanhouse.capture
            def work():
                pass

            work()
            spanhouse.flush(20)
            child = os.fork()
            work()
            spanhouse.flush(20)
            if child:
                os.waitpid(child, 0)
            else:
                os._exit(0)
            """,
            receiver.endpoint,
            OTEL_SERVICE_NAME="forks",
            **environ,
        )
        resources = [attributes(request.resource_spans[0].resource) for request in receiver.requests]
        assert {resource["service.name"] for resource in resources} == {"forks"}
        instances = {resource["service.instance.id"] for resource in resources}
        assert instances == {"mine"} if named else len(instances) == 2


def test_threads_that_run_on_at_exit_do_no_harm():
    """Daemon threads still capturing while the process ends: exit code 0, nothing said but what was too late."""
    with receiving() as receiver:
        done = run(
            """
            import threading, time
            import spanhouse

            @spanhouse.capture
            def work():
                pass

            def forever():
                while True:
                    work()

            for _ in range(3):
                threading.Thread(target=forever, daemon=True).start()
            while not spanhouse.exporter_status().exported:
                time.sleep(0.1)
            """,
            receiver.endpoint,
        )
        assert done.returncode == 0
        assert re.fullmatch(r"(spanhouse: \d+ spans were not delivered in time and are dropped\n)?", done.stderr)
        assert len(receiver.spans) > 0


def test_a_receiver_that_starts_late_gets_everything():
    """OTLP, "Failures": UNAVAILABLE is retried; a program that starts before its collector loses nothing."""
    script = """
        import subprocess, sys, time
        import spanhouse

        @spanhouse.capture
        def work():
            pass

        for _ in range(100):
            work()
        print("captured", flush=True)
        assert spanhouse.flush(30)
        print(spanhouse.exporter_status().exported)
        """
    with (
        held_port() as port,
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"},
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "captured\n"
        with receiving(port=port) as receiver:
            assert process.stdout.readline() == "100\n"
            assert process.wait(30) == 0
            assert len(receiver.spans) == 100


WORK_AND_FLUSH = """
import spanhouse

@spanhouse.capture(name="work")
def work(): ...

for _ in range(TIMES): work()
print(spanhouse.stats(work).calls, flush=True)
assert spanhouse.flush(20)
"""

INTERPRETERS = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    other = interpreters.create("legacy")
else:
    import _xxsubinterpreters as interpreters
    other = interpreters.create(isolated=False)
inside = f"import sys\\nTIMES = 300\\nsys.path[:] = {sys.path!r}" + SCRIPT + "spanhouse.shutdown(5)"
failed = interpreters.run_string(other, inside)
assert failed is None, failed
TIMES = 200
exec(SCRIPT)
print(sum(spanhouse.exporter_status().dropped.values()))
interpreters.destroy(other)
"""


def test_a_subinterpreter_has_a_client_of_its_own():
    """Interpreters that share the lock count their own calls; gRPC delivers in the first that sends, and only there."""
    with receiving() as receiver:
        done = run(f"SCRIPT = {WORK_AND_FLUSH!r}\n{INTERPRETERS}", receiver.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="3000")
        assert done.stdout.split() == ["300", "200", "200"]
        assert len({span.span_id for span in receiver.spans}) == 300
