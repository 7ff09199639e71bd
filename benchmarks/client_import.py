"""What `import spanhouse` adds to a program that imports opentelemetry-sdk: fresh processes, in turn, medians.

Modules are imported from bytecode, as they are where pip has installed them: one run that is not counted writes it to
a temporary folder, whatever this checkout and the environment say about bytecode.
"""

import os
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.report import Row, against

BUDGET_MS = 60
_SDK = "import time; a = time.perf_counter(); import opentelemetry.sdk.trace; b = time.perf_counter()"
_OURS = f"{_SDK}; import spanhouse; print((b - a) * 1000, (time.perf_counter() - b) * 1000)"


def run(*, quick: bool) -> list[Row]:
    """One row."""
    sdk, ours = [], []
    with TemporaryDirectory() as bytecode:
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(1 + (5 if quick else 21)):
            done = subprocess.run(
                [sys.executable, "-c", _OURS], env=environ, capture_output=True, text=True, check=True
            )
            first, second = map(float, done.stdout.split())
            sdk.append(first)
            ours.append(second)
    del sdk[0], ours[0]
    added = median(ours)
    return [
        Row(
            f"import spanhouse beyond opentelemetry-sdk: <= {BUDGET_MS} ms",
            f"{added:.0f} ms",
            f"{median(sdk):.0f} ms (importing opentelemetry.sdk.trace)",
            against(added, median(sdk)),
            "met" if added <= BUDGET_MS else "missed",
        )
    ]
