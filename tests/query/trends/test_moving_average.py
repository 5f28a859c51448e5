"""Moving averages against the plain definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.trends import moving_average

NAN = math.nan


@given(values=st.lists(st.none() | st.integers(-(10**6), 10**6), min_size=1, max_size=40), steps=st.integers(1, 50))
def test_is_the_mean_of_the_values_in_the_window(values: list[int | None], steps: int) -> None:
    found = moving_average(np.array([NAN if value is None else value for value in values], np.float64), steps)
    for index, average in enumerate(found):
        window = [value for value in values[max(0, index - steps + 1) : index + 1] if value is not None]
        if window:
            assert average == pytest.approx(sum(window) / len(window))
        else:
            assert math.isnan(average)


def test_a_huge_value_leaves_no_trace_behind_the_window() -> None:
    assert list(moving_average(np.array([1e300, 1.0, 2.0, 3.0]), 2))[2:] == [1.5, 2.5]


def test_each_series_has_its_own() -> None:
    assert moving_average(np.array([[1.0, 3.0], [NAN, 8.0]]), 2)[:, 1].tolist() == [2.0, 8.0]
