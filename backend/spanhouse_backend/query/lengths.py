"""Lengths of time as people read them: in tables, in what a rule found, in what somebody is told."""

# Below this a value keeps a unit: 999.5 would round to 1000.
_NEXT_UNIT = 999.5


def duration(nanoseconds: float) -> str:
    """Three significant digits and a unit: 950ns, 1.25us, 12.5ms, 125s."""
    for unit, size in (("ns", 1), ("us", 1_000), ("ms", 1_000_000)):
        if nanoseconds / size < _NEXT_UNIT:
            return f"{nanoseconds / size:.3g}{unit}"
    seconds = nanoseconds / 1_000_000_000
    return f"{seconds:.3g}s" if seconds < _NEXT_UNIT else f"{seconds:,.0f}s"


def step_length(nanoseconds: int) -> str:
    """A round length of time in its own unit: 10s, 5m, 1h, 7d."""
    seconds = nanoseconds // 1_000_000_000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
