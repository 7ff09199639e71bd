"""Names of functions of the module that Python runs, in real processes: script, package, folder, child, no file."""

import os
import subprocess
import sys

import pytest

WORK = """
import pickle
import spanhouse

@spanhouse.capture
def work():
    return "x"

class Thing:
    @spanhouse.capture
    def method(self): ...

def names():
    work()
    Thing().method()
    print([row.name for row in sorted(spanhouse.all_stats(), key=lambda row: row.name)], flush=True)
    assert pickle.loads(pickle.dumps(work)) is work
    assert work.__module__ == __name__

if __name__ == "__main__":
    names()
"""

SPAWNING = (
    WORK
    + """
    import multiprocessing
    child = multiprocessing.get_context("spawn").Process(target=names)
    child.start()
    child.join()
    raise SystemExit(child.exitcode)
"""
)


def run(arguments, folder, stdin=""):
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "OTEL_TRACES_SAMPLER": "always_off", "SPANHOUSE_SPOOL": "off"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def expected(name):
    return str([f"{name}.Thing.method", f"{name}.work"])


@pytest.mark.parametrize(
    ("file", "arguments", "name"),
    [
        ("report.py", ["report.py"], "report"),
        ("report.py", ["-m", "report"], "report"),
        ("shop/report.py", ["-m", "shop.report"], "shop.report"),
        ("shop/__main__.py", ["-m", "shop"], "shop"),
        ("shop/__main__.py", ["shop"], "shop"),
    ],
)
def test_a_script_goes_by_its_own_name(tmp_path, file, arguments, name):
    """Semantic conventions, code.function.name, "fully qualified": by its file or by the name given to -m."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(WORK)
    assert run(arguments, tmp_path) == [expected(name)]


def test_spawned_children_use_the_same_names(tmp_path):
    """multiprocessing, "Contexts and start methods": the child knows its main module as `__mp_main__`."""
    (tmp_path / "report.py").write_text(SPAWNING)
    assert run(["report.py"], tmp_path) == [expected("report")] * 2


def test_without_a_file_it_stays_main(tmp_path):
    """From standard input or a command line there is no better name."""
    assert run(["-"], tmp_path, WORK) == [expected("__main__")]
    assert run(["-c", WORK], tmp_path) == [expected("__main__")]
