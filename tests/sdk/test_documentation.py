import os
import subprocess
import sys

import pytest
from doc_pages import programs
from otlp_receiver import receiving

EXAMPLES = programs("sdk.md")


def test_the_page_has_examples():
    """A page whose examples are not found would pass silently."""
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: str(text.count("\n")))
def test_example_runs(example, tmp_path):
    """Each by itself, in a fresh process and an empty directory, warnings being errors."""
    with receiving() as receiver:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            cwd=tmp_path,
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
