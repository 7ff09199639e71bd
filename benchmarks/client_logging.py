"""What one logged record costs: its thread, its wall time, and the whole process until the record is delivered.

`logger.info` is called in a tight loop with one handler at a time, each in a process of its own, exporting to a
receiver in another; medians of five rounds, and of several interleaved runs. Logging's own share is in every figure.
"""

from statistics import median

from benchmarks.client_receiver import receiving
from benchmarks.http_sink import sinking
from benchmarks.logging_peers import OVER_GRPC, OVER_HTTP, measure
from benchmarks.report import Row, against

WALL_BUDGET_US = 15.0
_CALLS = {"http": 300}
_OTHER_CALLS = 20_000
_OF_EARLIER = "4-5 ms its stdlib handler, 46-61 us its batching client (Chronologer, measured apart)"


def run(*, quick: bool) -> list[Row]:
    """The row of the budget, then one for each peer."""
    figures: dict[str, list[dict[str, float]]] = {}
    missing: dict[str, str] = {}
    with receiving() as endpoint, sinking() as sink:
        targets = [(peer.__name__, endpoint) for peer in OVER_GRPC] + [(peer.__name__, sink) for peer in OVER_HTTP]
        for _ in range(1 if quick else 5):
            for name, target in targets:
                if name in missing:
                    continue
                try:
                    figures.setdefault(name, []).append(measure(name, target, _CALLS.get(name, _OTHER_CALLS)))
                except RuntimeError as error:
                    missing[name] = str(error)
    best = {
        name: {key: median(run[key] for run in found) for key in found[0]} for name, found in figures.items() if found
    }
    ours = best["spanhouse"]
    verdict = "met" if ours["wall"] <= WALL_BUDGET_US else "missed"
    rows = [
        Row(
            f"logged record through logging, wall: <= {WALL_BUDGET_US:g} us",
            f"{ours['wall']:.2f} us",
            _OF_EARLIER,
            "",
            verdict,
        )
    ]
    for name, found in best.items():
        if name == "spanhouse":
            continue
        for key, what in (("wall", "wall"), ("thread", "thread CPU"), ("process", "whole client CPU per record")):
            mine, other = ours[key], found[key]
            rows.append(Row(f"  {name}, {what}", f"{mine:.2f} us", f"{other:.2f} us", against(mine, other), "context"))
    rows += [Row(f"  {name}", "", "", "", f"not measured: {why}") for name, why in missing.items()]
    return rows
