"""Instants and durations in URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.time_range import TimeRange, parse_duration, parse_instant

NOW = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-15m", NOW - 900 * 10**9),
        ("now+1s", NOW + 10**9),
        ("1700000000", 1_700_000_000 * 10**9),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("1700000000123", 1_700_000_000_123_000_000),
        ("1700000000123456", 1_700_000_000_123_456_000),
        ("1700000000123456789", NOW),
        ("2023-11-14T22:13:20Z", 1_700_000_000 * 10**9),
        ("2023-11-14t22:13:20.123456789z", NOW),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000 * 10**9),
        ("2023-11-15T00:13:20 02:00", 1_700_000_000 * 10**9),
        ("1970-01-01T00:00:00Z", 0),
        ("0", 0),
    ],
)
def test_reads_instants(text: str, expected: int) -> None:
    assert parse_instant(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "now-",
        "now-5",
        "nowish",
        "-1",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-13-14T22:13:20Z",
        "2023-02-30T00:00:00Z",
        "9223372036854775808",
        "now-9999w",
        "2263-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1e9",
        "\u0663",
        "202\u0666-01-01T00:00:00Z",
        "now-\u0663m",
    ],
)
def test_says_which_instants_it_reads(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|unit of ns"):
        parse_instant(text, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500us", 500000),
        ("500µs", 500000),
        ("12ms", 12000000),
        ("1.5s", 1500000000),
        ("2m", 120 * 10**9),
        ("1h30m", 5400 * 10**9),
        ("7ns", 7),
        ("1d", 86400 * 10**9),
        ("0s", 0),
    ],
)
def test_reads_durations(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5sec", "1e3s", "5s5", "999999999w", "\u0663s"])
def test_says_which_durations_it_reads(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit of ns|292 years"):
        parse_duration(text)


@given(st.integers(0, 2**62), st.integers(1, 2**61), st.integers(1, 2**60))
def test_aligned_is_the_smallest_range_of_whole_steps_around(start: int, length: int, step: int) -> None:
    aligned = TimeRange(start, start + length).aligned(step)

    assert aligned.start % step == aligned.end % step == 0
    assert 0 <= start - aligned.start < step
    assert 0 <= aligned.end - (start + length) < step


@pytest.mark.parametrize(("now", "seconds"), [(130, 30), (160, 60), (200, 60), (100, 60), (50, 60)])
def test_what_has_passed_of_a_range_ends_now(now: int, seconds: int) -> None:
    assert TimeRange(100 * 10**9, 160 * 10**9).seconds_until(now * 10**9) == seconds
