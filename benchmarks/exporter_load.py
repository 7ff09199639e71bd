"""A program that makes 100,000 spans a second for ten seconds, and what every span costs its process.

Pace: calls in slices of a millisecond, each library in a process of its own with its defaults, a receiver in another.
Cost: CPU time of the process from the first call to the last delivery, 5 attributes, medians of interleaved runs; the
SDK's queue is made long enough to lose nothing, because a dropped span costs nothing.
"""

from statistics import median

from benchmarks.client_receiver import receiving
from benchmarks.exporter_programs import measure
from benchmarks.report import Row

RATE, COST_BUDGET = 100_000, 15


def run(*, quick: bool) -> list[Row]:
    """The drops row, the whole-process row, and what our processor saves behind the SDK's own provider."""
    seconds = "3" if quick else "10"
    figures: dict[str, list[float]] = {"ours": [], "mixed": [], "sdk": []}
    with receiving() as endpoint:
        paced = {name: measure(endpoint, "pace", name, str(RATE), seconds) for name in ("ours", "sdk")}
        for _ in range(1 if quick else 5):
            for name, seen in figures.items():
                calls = "100000" if name == "ours" else "10000"
                found = measure(endpoint, "cost", name, calls, BENCH_QUEUE="1048576")
                if found["lost"]:
                    raise RuntimeError(f"{name} lost {found['lost']} spans while its cost was measured")
                seen.append(found["us"])
    mine, theirs = paced["ours"], paced["sdk"]
    lost = int(mine["made"] - mine["delivered"])
    cost = {name: median(seen) for name, seen in figures.items()}
    rows = [
        Row(
            f"drops at {RATE:,} calls/s for {seconds} s, defaults: 0, or counted exactly",
            f"{lost:,} of {int(mine['made']):,} (counted {int(mine['counted']):,}), {mine['per_second']:,.0f} calls/s",
            f"{int(theirs['made'] - theirs['delivered']):,} of {int(theirs['made']):,}, "
            f"{theirs['per_second']:,.0f} calls/s (SDK + batch + OTLP gRPC)",
            f"{mine['per_second'] / theirs['per_second']:.1f}x the calls",
            "met" if lost == mine["counted"] and (lost == 0 or mine["per_second"] < 0.95 * RATE) else "missed",
        )
    ]
    for name, what, budget in (
        ("ours", f"whole process CPU per captured span, 5 attributes: <= 1/{COST_BUDGET} of the SDK", COST_BUDGET),
        ("mixed", "  SDK's provider with our span processor", 1),
    ):
        ratio = cost["sdk"] / cost[name]
        rows.append(
            Row(
                what,
                f"{cost[name]:.2f} us",
                f"{cost['sdk']:.1f} us (SDK + batch + OTLP gRPC)",
                f"1/{ratio:.1f}",
                ("met" if ratio >= budget else "missed") if budget > 1 else "context",
            )
        )
    return rows
