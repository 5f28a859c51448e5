"""The line agrees with other implementations of least squares, and its intervals hold as often as they say."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.trends import fit_trend
from spanhouse_query.trends.fit import Fit

NAN = float("nan")
numbers = st.floats(-1e9, 1e9).map(lambda number: round(number, 3))
gappy = st.lists(st.none() | numbers, min_size=4, max_size=60)


def fitted(values: list[float] | np.ndarray, confidence: float = 0.95, *, seasonal: bool = True) -> Fit:
    found = fit_trend(np.asarray(values, np.float64), confidence=confidence, seasonal=seasonal)
    assert found is not None
    return found


@given(values=gappy)
def test_the_line_is_that_of_the_standard_library(values: list[float | None]) -> None:
    points = [(float(time), value) for time, value in enumerate(values) if value is not None]
    found = fit_trend(np.array([NAN if value is None else value for value in values]), seasonal=False)
    if len(points) < 4:
        assert found is None
        return
    assert found is not None
    slope, intercept = statistics.linear_regression(*zip(*points, strict=True))
    scale = max(abs(value) for _, value in points) or 1.0
    assert found.slope == pytest.approx(slope, abs=1e-9 * scale)
    first, last = points[0][0], points[-1][0]
    assert found.start == pytest.approx(intercept + slope * first, abs=1e-9 * scale)
    assert found.start + found.change == pytest.approx(intercept + slope * last, abs=1e-9 * scale)
    assert found.slope_low <= found.slope <= found.slope_high
    if len({value for _, value in points}) > 1:
        r = statistics.correlation(*zip(*points, strict=True))
        assert found.r2 == pytest.approx(r**2, abs=1e-6)


def test_a_textbook_case_by_hand() -> None:
    """y = 2 4 5 4 5: mean 4, x less its mean is -2 … 2, so b = (4 + 2) / 10 = 0.6, and the line begins at 2.8.

    Residuals -0.8 0.6 1.0 -0.6 -0.2, their squares add up to 2.4, s² = 2.4 / 3. Neighbours disagree on the whole, so
    nothing is widened: the standard error is √(0.8 / 10), and t for 3 degrees of freedom 3.182446.
    """
    found = fitted([2, 4, 5, 4, 5])
    assert [found.slope, found.start, found.r2, found.deviation] == pytest.approx([0.6, 2.8, 0.6, 0.8**0.5])
    assert (found.memory, found.degrees) == (0, 3)
    assert found.slope_high - found.slope == pytest.approx(3.182446 * 0.08**0.5, abs=1e-6)
    forecast = found.forecast(2)
    assert list(forecast.value) == [pytest.approx(5.8), pytest.approx(6.4)]
    reach = 3.182446 * 0.8**0.5 * (1 + 1 / 5 + 9 / 10) ** 0.5
    assert forecast.high[0] - 5.8 == pytest.approx(reach, abs=1e-5) == pytest.approx(5.8 - forecast.low[0], abs=1e-5)


@pytest.mark.parametrize("few", [[], [1.0, 2.0, 3.0], [NAN] * 10, [1.0, NAN, float("inf"), -float("inf"), 2.0, 3.0]])
def test_fewer_than_four_values_have_no_trend(few: list[float]) -> None:
    assert fit_trend(np.array(few)) is None


def test_a_constant_is_a_line_without_doubt() -> None:
    found = fitted([7.0] * 50)
    assert (found.slope, found.slope_low, found.slope_high, found.start, found.period) == (0, 0, 0, 7, None)
    assert (found.amplitude, found.strength, found.r2) == (0, 0, 1)


def test_a_series_that_began_late_changes_from_where_it_began() -> None:
    """Not from where the line would have been when the range began, which here is far below zero."""
    found = fitted([NAN] * 90 + [float(100 + time) for time in range(8)] + [NAN] * 2)

    assert found.start == pytest.approx(100)
    assert found.change == pytest.approx(7)
    assert found.forecast(1).value[0] == pytest.approx(110)


def test_large_and_small_values_are_no_trouble() -> None:
    for scale in (1e298, 1e-300):
        found = fitted(np.arange(10) * scale)
        assert found.slope == pytest.approx(scale)
        assert found.r2 == pytest.approx(1)
    assert fit_trend(np.arange(10.0) * 1e301) is None


def test_a_season_does_not_tilt_the_line() -> None:
    """Ten cycles from crest to trough fall by their season alone; with the season, the line is level."""
    times = np.arange(24 * 10)
    season = np.sin(2 * np.pi * times / 24)
    assert fitted(season, seasonal=False).slope < -1e-4
    assert fitted(season).slope == pytest.approx(0, abs=1e-12)
    tilted = fitted(3 + 0.01 * times + 5 * season)
    assert tilted.period == 24
    assert [tilted.slope, tilted.amplitude, tilted.strength] == pytest.approx([0.01, 5, 1], rel=1e-3)


def test_the_season_is_the_joint_least_squares_solution() -> None:
    """Against numpy's solver with a column for the time and an indicator for each phase, points missing."""
    random = np.random.default_rng(7)
    times = np.arange(120.0)
    values = 0.2 * times + 8 * (times % 6 == 2) + random.normal(size=120)
    values[random.choice(120, 20, replace=False)] = NAN
    found = fitted(values)
    assert found.period == 6

    there = np.flatnonzero(~np.isnan(values))
    design = np.column_stack([times, *[times % 6 == phase for phase in range(6)]])
    solution, squares, *_ = np.linalg.lstsq(design[there], values[there])
    assert found.slope == pytest.approx(solution[0])
    assert found.deviation**2 == pytest.approx(float(squares[0]) / (len(there) - 7))
    later = np.arange(120.0, 126.0)
    expected = np.column_stack([later, *[later % 6 == phase for phase in range(6)]]) @ solution
    assert found.forecast(6).value == pytest.approx(expected)
    row = np.array([[121.0, 0, 1, 0, 0, 0, 0]])
    leverage = float((row @ np.linalg.inv(design[there].T @ design[there]) @ row.T)[0, 0])
    if found.memory == 0:
        half = (found.forecast(2).high - found.forecast(2).low)[1] / 2
        quantile = half / found.deviation / (1 + leverage) ** 0.5
        assert quantile == pytest.approx(1.986, abs=2e-3)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("size", [30, 120])
def test_intervals_hold_as_often_as_they_say(memory: float, size: int) -> None:
    """19 times in 20; less often by no more than a tenth where few points remember one another."""
    random = np.random.default_rng(round(memory * 10) + size)
    held, foreseen, tries, ahead = 0, 0.0, 300, 5
    for _ in range(tries):
        noise = np.zeros(size + ahead)
        for step, shock in enumerate(random.normal(size=size + ahead)):
            noise[step] = memory * noise[step - 1] * (step > 0) + shock
        series = noise + 0.05 * np.arange(size + ahead)
        found = fitted(series[:size])
        held += found.slope_low <= 0.05 <= found.slope_high
        forecast = found.forecast(ahead)
        foreseen += float(((forecast.low <= series[size:]) & (series[size:] <= forecast.high)).mean())
    least = 0.86 if memory else 0.92
    assert least <= held / tries <= 0.99
    assert 0.9 <= foreseen / tries <= 0.99


def test_a_higher_confidence_takes_a_wider_interval() -> None:
    values = np.random.default_rng(1).normal(size=50)
    narrow, wide = fitted(values, confidence=0.5), fitted(values, confidence=0.99)
    assert wide.slope_low < narrow.slope_low < narrow.slope_high < wide.slope_high
    assert (wide.forecast(3).high > narrow.forecast(3).high).all()
