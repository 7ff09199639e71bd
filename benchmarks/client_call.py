"""What one captured call costs: its thread, its wall time, and the whole process until the span is delivered.

A function that does nothing is called in a tight loop under each library, each in a process of its own, exporting
to a receiver in another; medians of five rounds, and of several interleaved runs.
"""

from statistics import median

from benchmarks.client_peers import PEERS, measure
from benchmarks.client_receiver import receiving
from benchmarks.report import Row, against

THREAD_BUDGET, WALL_BUDGET, PROCESS_BUDGET = 10, 12, 15
CALLS = {"bare": 200_000, "wrapper": 200_000, "spanhouse": 100_000, "spanhouse5": 100_000, "prometheus": 50_000}
_OTHER_CALLS = 10_000
_BUDGETED = ("spanhouse", "sdk", "spanhouse5", "sdk5")


def run(*, quick: bool) -> list[Row]:
    """Rows of the budgets, then one for each peer."""
    runs = 1 if quick else 5
    figures: dict[str, list[dict[str, float]]] = {}
    missing: dict[str, str] = {}
    with receiving() as endpoint:
        for _ in range(runs):
            for peer in PEERS:
                name = peer.__name__
                if name in missing:
                    continue
                try:
                    figures.setdefault(name, []).append(measure(name, endpoint, CALLS.get(name, _OTHER_CALLS)))
                except RuntimeError as error:
                    missing[name] = str(error)
    best = {
        name: {key: median(run[key] for run in found) for key in found[0]} for name, found in figures.items() if found
    }
    rows = []
    for label, ours, theirs in (("", "spanhouse", "sdk"), (", 5 attributes", "spanhouse5", "sdk5")):
        for key, what, budget in (
            ("thread", "captured call, thread CPU", THREAD_BUDGET),
            ("wall", "captured call, wall", WALL_BUDGET),
            ("process", "whole client CPU per exported span", PROCESS_BUDGET),
        ):
            mine, other = best[ours][key], best[theirs][key]
            rows.append(
                Row(
                    f"{what}{label}: <= 1/{budget} of the SDK",
                    f"{mine:.2f} us",
                    f"{other:.1f} us (SDK + batch + OTLP gRPC)",
                    against(mine, other),
                    "met" if other / mine >= budget else "missed",
                )
            )
    ours = best["spanhouse"]["wall"]
    for name, found in best.items():
        if name not in _BUDGETED:
            wall = found["wall"]
            rows.append(Row(f"  {name}, wall", f"{ours:.2f} us", f"{wall:.2f} us", against(ours, wall), "context"))
    rows += [Row(f"  {name}", "", "", "", f"not measured: {why}") for name, why in missing.items()]
    return rows
