"""Histograms of any bounds are added up to what counting the observations between their common bounds gives."""

from __future__ import annotations

import bisect
from math import inf

from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.metric_queries.distribution import Bucket
from spanhouse_query.metric_queries.explicit_histogram import BoundedCounts, add_up

edges = st.lists(st.integers(-5, 20).map(float), unique=True, max_size=6).map(sorted)
observed = st.lists(st.integers(-8, 25).map(lambda number: number / 2), max_size=30)
histograms = st.lists(st.tuples(edges, observed), max_size=5)


def counted(bounds: list[float], observations: list[float]) -> list[int]:
    """Up to and including each bound, as OpenTelemetry has it."""
    counts = [0] * (len(bounds) + 1)
    for value in observations:
        counts[bisect.bisect_left(bounds, value)] += 1
    return counts


@given(sent=histograms)
def test_a_sum_is_what_counting_all_observations_gives(sent: list[tuple[list[float], list[float]]]) -> None:
    parts = [BoundedCounts(bounds, counted(bounds, observations)) for bounds, observations in sent]
    everything = [value for _, observations in sent for value in observations]
    of_any = [set(bounds) for bounds, observations in sent if observations]
    common = sorted(set.intersection(*of_any)) if of_any else []
    expected = [
        Bucket(low, high, count)
        for low, high, count in zip([-inf, *common], [*common, inf], counted(common, everything), strict=True)
        if count
    ]
    assert add_up(parts) == expected


@given(bounds=edges, earlier=observed, later=observed, others=edges)
def test_what_was_counted_before_can_be_taken_away(
    bounds: list[float], earlier: list[float], later: list[float], others: list[float]
) -> None:
    """A cumulative histogram whose bounds change between two points: both count everything since the start."""
    after = BoundedCounts(others, counted(others, earlier + later))
    before = BoundedCounts(bounds, [-count for count in counted(bounds, earlier)])
    found = {(bucket.low, bucket.high): bucket.count for bucket in add_up([after, before])}
    assert sum(found.values()) == len(later)
    for (low, high), count in found.items():
        assert count == sum(low < value <= high for value in later)


def test_bounds_that_have_nothing_in_common_leave_one_bucket() -> None:
    assert add_up([BoundedCounts([1.0], [1, 2]), BoundedCounts([2.0], [3, 4])]) == [Bucket(-inf, inf, 10)]


def test_a_histogram_without_observations_takes_no_bounds_away() -> None:
    assert add_up([BoundedCounts([1.0], [1, 0]), BoundedCounts([2.0], [0, 0])]) == [Bucket(-inf, 1.0, 1)]
