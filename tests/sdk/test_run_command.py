import os
import subprocess
import sys
import textwrap

import pytest
from otlp_receiver import receiving

RUN = "import sys; from spanhouse.run import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def project(tmp_path):
    """A script and a package that have never heard of spanhouse."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("from shop.prices import total\n")
    (tmp_path / "shop" / "prices.py").write_text(
        textwrap.dedent(
            '''\
            """Prices."""
            from __future__ import annotations
            import functools

            def total(count: int) -> int:
                return sum(Item(n).price for n in range(count))

            class Item:
                def __init__(self, n):
                    self.n = n

                @property
                def price(self):
                    return _tax(self.n)

            @functools.lru_cache(maxsize=2)
            def _tax(n):
                return n + 1
            '''
        )
    )
    (tmp_path / "script.py").write_text(
        textwrap.dedent(
            """\
            import sys
            import shop

            def main(argv):
                print(__name__, argv, shop.total(3))
                return int(argv[0])

            if __name__ == "__main__":
                sys.exit(main(sys.argv[1:]))
            """
        )
    )
    return tmp_path


def run(project, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, *arguments],
        cwd=project.parent,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_scripts_own_functions_are_captured(project):
    """Arguments, exit code and output are the script's; the table follows on standard error."""
    done = run(project, str(project / "script.py"), "7", "--flag")
    assert done.returncode == 7
    assert done.stdout == "__main__ ['7', '--flag'] 6\n"
    heading, line = [text for text in done.stderr.splitlines() if not text.startswith("spanhouse:")]
    assert heading.split()[:4] == ["function", "calls", "errors", "total"]
    assert line.split()[:3] == ["script.main", "1", "0"]


def test_named_packages_are_captured_through_the_import(project):
    """Functions, methods and properties, under decorators too; spans nest and arrive; nothing is left on disk."""
    with receiving() as receiver:
        done = run(
            project,
            *("--capture", "shop", "--no-table", str(project / "script.py"), "0"),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        )
        assert (done.returncode, done.stderr) == (0, "")
        names = sorted(span.name for span in receiver.spans)
        assert names == ["shop.prices.Item.price"] * 3 + ["shop.prices._tax"] * 3 + ["shop.prices.total"]
        assert len({span.trace_id for span in receiver.spans}) == 1
    assert not (project / "shop" / "__pycache__").exists()


def test_a_missing_script_is_a_clear_error(project):
    """No traceback."""
    done = run(project, "nowhere.py")
    assert done.returncode == 2
    assert "cannot read nowhere.py: No such file or directory" in done.stderr


def test_an_exception_of_the_script_shows_as_its_own(project):
    """The traceback has the script's lines, and the table is printed all the same."""
    (project / "fails.py").write_text("def boom():\n    raise ValueError('no')\n\nboom()\n")
    done = run(project, str(project / "fails.py"))
    assert done.returncode == 1
    assert 'fails.py", line 4' in done.stderr
    assert "ValueError: no" in done.stderr
    assert "fails.boom" in done.stderr


def test_summary_at_exit():
    """SPANHOUSE_SUMMARY=1 prints the table of an ordinary program."""
    script = "import spanhouse\n@spanhouse.capture\ndef work(): ...\nfor _ in range(3): work()\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "SPANHOUSE_SUMMARY": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("__main__.work")]
    assert line.split()[1:3] == ["3", "0"]
