import os
import subprocess
import sys

import pytest
from doc_pages import programs
from otlp_receiver import receiving

EXAMPLES = {"sdk.md": programs("sdk.md"), "logging.md": programs("logging.md")}


@pytest.mark.parametrize(("page", "least"), [("sdk.md", 8), ("logging.md", 4)])
def test_the_page_has_examples(page, least):
    """A page whose examples are not found would pass silently."""
    assert len(EXAMPLES[page]) >= least


@pytest.mark.parametrize(
    "example", [*EXAMPLES["sdk.md"], *EXAMPLES["logging.md"]], ids=lambda text: str(text.count("\n"))
)
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
