"""Sizes and durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_cli.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10MiB", 10 << 20),
        ("1GB", 10**9),
        ("1gb", 10**9),
        ("1.5KiB", 1536),
        ("64 KiB", 64 << 10),
        ("1048576", 1 << 20),
        ("7B", 7),
        ("0", 0),
    ],
)
def test_a_size_is_a_number_with_a_binary_or_decimal_unit_or_of_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1MiB", "1 potato", "1.5B", "1e3", "0x10", "1MiB1", "1ib", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("1.5s", 1.5), ("1m30s", 90.0), ("2h", 7200.0), ("250us", 0.00025), ("1d", 86400.0), ("0s", 0.0)],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 s", "1s 2", "1 minute", "inf", "s1", "1.s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("size", "text"), [(10 << 20, "10MiB"), (10**9, "1GB"), (1536, "1536B"), (0, "0B"), (1 << 40, "1TiB")]
)
def test_a_size_is_shown_in_the_unit_that_fits(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(10, "10s"), (0.5, "500ms"), (90, "90s"), (3600, "1h"), (0, "0s")])
def test_a_duration_is_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 1 << 50))
def test_a_size_that_was_shown_reads_back_as_itself(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 10**15))
def test_a_duration_that_was_shown_reads_back_as_itself(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds / 1e9)) == pytest.approx(nanoseconds / 1e9)
