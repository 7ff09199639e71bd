"""How numbers and times are written: tables of the browser's modules themselves."""

# ruff: noqa: RUF001  the signs that people read: multiplication, minus

import pytest

NO_BREAK = "\N{NO-BREAK SPACE}"
MODULE = """async ([file, name, values]) => {
    const build = document.querySelector("link[rel=stylesheet]").href.replace("/style.css", "");
    const module = await import(`${build}/js/${file}`);
    return values.map((value) => module[name](...[value].flat()));
}"""
TABLES = {
    "duration": {
        0: "0 ns",
        1: "1 ns",
        999: "999 ns",
        12.34: "12.3 ns",
        1000: "1.00 µs",
        1005: "1.00 µs",
        1234: "1.23 µs",
        9994: "9.99 µs",
        9996: "10.0 µs",
        99_949: "99.9 µs",
        99_951: "100 µs",
        999_499: "999 µs",
        999_500: "1.00 ms",
        14_200_000: "14.2 ms",
        1_500_000_000: "1.50 s",
        59_949_000_000: "59.9 s",
        59_950_000_000: "1m 00s",
        125_000_000_000: "2m 05s",
        3_599_400_000_000: "59m 59s",
        3_599_500_000_000: "1h 00m",
        12_000_000_000_000: "3h 20m",
        86_399_000_000_000: "1d 00h",
        8_640_000_000_000_000: "100d 00h",
        -1500: "−1.50 µs",
    },
    "count": {0: "0", 999: "999", 30_112: "30,112", 1_234_567: "1,234,567"},
    "short": {
        0: "0",
        9999: "9,999",
        10_000: "10.0k",
        99_950: "100k",
        999_499: "999k",
        999_500: "1.00M",
        2_000_000_000: "2.00G",
        3e13: "30.0T",
    },
    "rate": {
        0: "0/s",
        0.0001: "0.36/h",
        0.5: "30.0/min",
        0.999: "59.9/min",
        1: "1.00/s",
        12.345: "12.3/s",
        9_999: "9999/s",
        20_000: "20.0k/s",
    },
    "percent": {
        0: "0%",
        0.00001: "<0.01%",
        0.0052: "0.52%",
        0.0123: "1.23%",
        0.125: "12.5%",
        0.9996: ">99.9%",
        1: "100%",
    },
    "times": {1: "1.00×", 1.046: "1.05×", 29.3: "29.3×", 132.2: "132×", 123_456: "123k×"},
    "changeBy": {1: "±0%", 1.0004: "±0%", 1.125: "+12.5%", 0.97: "−3.0%", 2.9: "+190.0%", 3: "×3.00", 42: "×42.0"},
}
ZONES = {
    ("2026-01-31 09:30", "Asia/Kolkata"): "2026-01-31T09:30+05:30",
    ("2026-01-31T09:30:15", "UTC"): "2026-01-31T09:30:15+00:00",
    ("2026-01-31", "America/New_York"): "2026-01-31T00:00-05:00",
    ("2026-07-31 09:30", "America/New_York"): "2026-07-31T09:30-04:00",
    # The hour before clocks go forward, and the one after.
    ("2026-03-29 01:59", "Europe/Berlin"): "2026-03-29T01:59+01:00",
    ("2026-03-29 03:00", "Europe/Berlin"): "2026-03-29T03:00+02:00",
    ("2026-01-31 09:30±5m", "Asia/Kolkata"): "2026-01-31T09:30+05:30±5m",
    ("2026-01-31 09:30+1h", "Asia/Kolkata"): "2026-01-31T09:30+05:30+1h",
    ("2026-01-31 09:30-1.5h", "Asia/Kolkata"): "2026-01-31T09:30+05:30-1.5h",
    ("2026-01-31 09:30+-90s", "UTC"): "2026-01-31T09:30+00:00+-90s",
    # What says its zone, or is no such time, is left as it is.
    ("2026-01-31T09:30Z", "Asia/Kolkata"): "2026-01-31T09:30Z",
    ("2026-01-31T09:30+02:00", "Asia/Kolkata"): "2026-01-31T09:30+02:00",
    ("1h30m", "Asia/Kolkata"): "1h30m",
    ("1769851800", "Asia/Kolkata"): "1769851800",
    ("2026-99-31", "Asia/Kolkata"): "2026-99-31",
    ("  now ", "UTC"): "now",
    ("", "UTC"): "",
}
CLOCKS = {
    ("2026-01-31T09:30:00Z", "UTC"): "2026-01-31 09:30:00",
    ("2026-01-31T23:30:00Z", "Asia/Kolkata"): "2026-02-01 05:00:00",
    ("2026-01-31T00:00:00.000000001Z", "UTC"): "2026-01-31 00:00:00",
    (1_769_851_800_000_000_000, "Europe/Berlin"): "2026-01-31 10:30:00",
}


@pytest.mark.parametrize("name", TABLES)
def test_numbers_are_written_as_the_table_says(page, name):
    page.goto("/")
    table = TABLES[name]
    written = page.evaluate(MODULE, ["format.js", name, list(table)])
    assert dict(zip(table, written, strict=True)) == {
        value: text.replace(" ", NO_BREAK) for value, text in table.items()
    }


def test_a_duration_always_has_three_digits_that_matter(page):
    """Or all of a whole number of nanoseconds, or two units: from a nanosecond to weeks, in steps of a thousandth."""
    page.goto("/")
    values = [round(1.001**power, 3) for power in range(1, 36_000)]
    for text in page.evaluate(MODULE, ["format.js", "duration", values]):
        number, unit = text.split(NO_BREAK)
        if unit in {"ns", "µs", "ms", "s"}:
            assert len(number.replace(".", "")) == 3 or (unit == "ns" and "." not in number), text
            assert float(number) < 1000, text


def test_there_is_a_dash_where_there_is_no_duration(page):
    page.goto("/")
    assert page.evaluate(MODULE, ["format.js", "duration", [None]]) == ["\N{EN DASH}"]


def test_times_get_the_zone_that_they_lack(page):
    page.goto("/")
    written = page.evaluate(MODULE, ["time.js", "inZone", list(map(list, ZONES))])
    assert dict(zip(ZONES, written, strict=True)) == ZONES


def test_moments_are_shown_by_the_clocks_of_a_zone(page):
    page.goto("/")
    # As texts where JavaScript's numbers would not hold them.
    values = [[str(moment) if isinstance(moment, str) else moment, zone] for moment, zone in CLOCKS]
    assert page.evaluate(MODULE, ["time.js", "clock", values]) == list(CLOCKS.values())
