"""Percentiles of buckets: by hand, and never outside of what they say bounds them."""

from __future__ import annotations

import math
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.metric_queries.distribution import Bucket, Distribution, Estimate
from spanhouse_query.metric_queries.explicit_histogram import BoundedCounts, add_up

from tests.query.metric_queries.test_explicit_histogram import counted

THREE = [Bucket(-inf, 1.0, 2), Bucket(1.0, 3.0, 4), Bucket(3.0, inf, 4)]


@pytest.mark.parametrize(
    ("quantile", "estimate"),
    [
        (0.0, Estimate(0.0, None, 1.0)),
        (0.1, Estimate(0.5, None, 1.0)),
        (0.2, Estimate(1.0, None, 1.0)),
        (0.4, Estimate(2.0, 1.0, 3.0)),
        (0.6, Estimate(3.0, 1.0, 3.0)),
        (0.9, Estimate(3.0, 3.0, None)),
    ],
)
def test_observations_lie_evenly_in_their_bucket(quantile: float, estimate: Estimate) -> None:
    """Rank 4 of 10 is the second of four between 1 and 3, so half way; from 0 to 1, and nothing beyond 3."""
    found = Distribution(THREE).percentile(quantile)
    assert found is not None
    assert (found.low, found.high) == (estimate.low, estimate.high)
    assert found.value == pytest.approx(estimate.value)


def test_the_smallest_and_the_largest_end_the_outer_buckets() -> None:
    known = Distribution(THREE, smallest=-1.0, largest=7.0)
    assert known.percentile(0.1) == Estimate(0.0, -1.0, 1.0)
    assert known.percentile(0.8) == Estimate(5.0, 3.0, 7.0)
    assert (known.least, known.most) == (Estimate(-1.0, -1.0, -1.0), Estimate(7.0, 7.0, 7.0))


def test_a_first_bucket_up_to_nothing_positive_has_no_beginning() -> None:
    assert Distribution([Bucket(-inf, -2.0, 1)]).percentile(0.5) == Estimate(-2.0, None, -2.0)


def test_buckets_that_grow_by_a_factor_are_interpolated_by_their_logarithm() -> None:
    positive = Distribution([Bucket(1.0, 4.0, 2)], geometric=True).percentile(0.5)
    negative = Distribution([Bucket(-4.0, -1.0, 2)], geometric=True).percentile(0.5)
    zero = Distribution([Bucket(-0.5, 0.5, 2)], geometric=True).percentile(0.75)
    found = [one.value if one else None for one in (positive, negative, zero)]
    assert found == pytest.approx([2, -2, 0.25])


def test_one_bucket_without_bounds_says_nothing_but_that_there_is_something() -> None:
    found = Distribution([Bucket(-inf, inf, 5)]).percentile(0.5)
    assert found is not None
    assert math.isnan(found.value)
    assert (found.low, found.high) == (None, None)
    assert Distribution([]).percentile(0.5) is None


@given(
    bounds=st.lists(st.integers(-5, 20).map(float), unique=True, max_size=6).map(sorted),
    observations=st.lists(st.floats(-8, 25), min_size=1, max_size=40),
    quantile=st.floats(0, 1),
    extremes=st.booleans(),
)
def test_the_observation_of_the_rank_lies_between_the_bounds(
    bounds: list[float], observations: list[float], quantile: float, extremes: bool
) -> None:
    buckets = add_up([BoundedCounts(bounds, counted(bounds, observations))])
    smallest, largest = (min(observations), max(observations)) if extremes else (None, None)
    found = Distribution(buckets, smallest=smallest, largest=largest).percentile(quantile)
    assert found is not None
    rank = max(1, math.ceil(quantile * len(observations)))
    actual = sorted(observations)[rank - 1]
    assert (-inf if found.low is None else found.low) <= actual <= (inf if found.high is None else found.high)
    if found.low is not None and found.high is not None:
        assert found.low - 1e-9 <= found.value <= found.high + 1e-9
