"""A period is found where one was put in, and hardly ever elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.trends import find_period, fit_trend

from tests.support.effort import examples

TIMES = np.arange(240.0)


@given(
    period=st.sampled_from([4, 5, 6, 7, 12, 24, 30, 48, 60]),
    noise=st.floats(0, 0.5),
    phase=st.floats(0, 6),
    slope=st.floats(-0.1, 0.1),
    seed=st.integers(0, 2**32 - 1),
)
def test_finds_a_sinusoid_in_noise_on_a_slope(period: int, noise: float, phase: float, slope: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.sin(2 * np.pi * TIMES / period + phase) + slope * TIMES + noise * random.normal(size=len(TIMES))
    assert find_period(values) == pytest.approx(period, rel=0.08)


@given(period=st.floats(3.5, 50), seed=st.integers(0, 2**32 - 1))
def test_finds_periods_between_whole_steps(period: float, seed: int) -> None:
    noise = 0.05 * np.random.default_rng(seed).normal(size=len(TIMES))
    found = find_period(np.sin(2 * np.pi * TIMES / period) + noise)
    assert found is not None
    times = round(found / period)
    assert 1 <= times <= 3
    assert found == pytest.approx(times * period, rel=0.03)


@pytest.mark.parametrize("period", [6, 12, 24])
def test_finds_a_peak_a_cycle_whose_power_is_in_its_overtones(period: int) -> None:
    noise = 0.05 * np.random.default_rng(3).normal(size=len(TIMES))
    assert find_period((TIMES % period == 0) + noise) == period


def test_tells_the_day_from_the_week_above_it() -> None:
    hours = np.arange(24 * 28)
    values = np.sin(2 * np.pi * hours / 24) + 0.5 * (hours // 24 % 7 >= 5)
    assert find_period(values + 0.3 * np.random.default_rng(4).normal(size=len(hours))) == 24


def test_finds_it_over_gaps() -> None:
    values = np.sin(2 * np.pi * TIMES / 24)
    values[50:70] = np.nan
    values[::5] = np.nan
    assert find_period(values) == pytest.approx(24, abs=0.2)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 1.0])
def test_noise_has_none_more_than_once_in_fifty(memory: float) -> None:
    random = np.random.default_rng(round(memory * 10))
    found, tries = 0, examples(400)
    for _ in range(tries):
        noise = random.normal(size=120)
        for step in range(1, len(noise)):
            noise[step] += memory * noise[step - 1]
        found += find_period(noise) is not None
    assert found <= max(2, tries // 50)


@pytest.mark.parametrize(
    "values",
    [
        np.array([]),
        np.ones(100),
        TIMES,
        np.sin(2 * np.pi * TIMES[:100] / 50),
        np.where(TIMES % 24 < 9, np.sin(TIMES / 4), np.nan),
        np.array([0.0, 1.0] * 3),
    ],
    ids=["nothing", "a constant", "a line", "two cycles", "more gaps than values", "too few"],
)
def test_finds_none_where_there_is_nothing_to_go_by(values: np.ndarray) -> None:
    assert find_period(values) is None


@given(
    period=st.sampled_from([6, 12, 24]),
    amplitude=st.floats(1, 1e6),
    noise=st.floats(0, 0.2),
    seed=st.integers(0, 2**32 - 1),
)
def test_amplitude_is_that_of_the_sinusoid(period: int, amplitude: float, noise: float, seed: int) -> None:
    """But for the noise, which the means of the phases keep their share of."""
    random = np.random.default_rng(seed)
    values = amplitude * (np.sin(2 * np.pi * TIMES / period + np.pi / 2) + noise * random.normal(size=len(TIMES)))
    fit = fit_trend(values)
    assert fit is not None
    assert fit.period == pytest.approx(period, rel=0.05)
    assert fit.amplitude == pytest.approx(amplitude, rel=0.02 + 2 * noise)
    assert fit.strength > 0.8
