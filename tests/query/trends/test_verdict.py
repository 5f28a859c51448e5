"""Verdicts: more than five in a hundred, and more than chance."""

from __future__ import annotations

import numpy as np
import pytest
from spanhouse_query.trends import fit_trend, relative_change, verdict_of_change, verdict_of_fit


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (100, 106, "up"),
        (100, 105, "stable"),
        (100, 95, "stable"),
        (100, 94, "down"),
        (-100, -94, "up"),
        (0, 0, "stable"),
        (0, 1, "up"),
        (0, -1, "down"),
    ],
)
def test_a_change_of_more_than_five_in_a_hundred_is_one(before: float, after: float, verdict: str) -> None:
    assert verdict_of_change(before, after) == verdict


def test_the_change_is_by_the_size_of_what_was_before() -> None:
    assert [relative_change(*pair) for pair in [(4, 5), (-4, -5), (0, 0), (0, 1)]] == [0.25, -0.25, 0, None]


def verdict(values: np.ndarray, threshold: float = 0.05) -> str:
    fit = fit_trend(values)
    assert fit is not None
    return verdict_of_fit(fit, threshold)


def test_a_line_is_judged_by_its_size_and_by_chance() -> None:
    noise = np.random.default_rng(5).normal(size=100)
    times = np.arange(100)
    assert verdict(100 + 0.2 * times + noise) == "up"
    assert verdict(100 - 0.2 * times + noise) == "down"
    assert verdict(100 + 0.02 * times + 0.1 * noise) == "stable"
    assert verdict(100 + 0.02 * times + 0.1 * noise, threshold=0.01) == "up"
    assert verdict(100 + 0.2 * times + 100 * noise) == "stable"
