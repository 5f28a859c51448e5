"""Exponential histograms of any scales are added up to what counting the observations at the lowest scale gives."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.metric_queries.distribution import Bucket
from spanhouse_query.metric_queries.exponential_histogram import ExponentialCounts, add_up

magnitudes = st.integers(1, 10**6).map(lambda number: number / 997)
observed = st.lists(st.tuples(st.sampled_from([1, -1]), magnitudes), max_size=25)
parts = st.lists(st.tuples(st.integers(-3, 5), observed, st.integers(0, 4)), max_size=5)


def index_of(magnitude: float, scale: int) -> int:
    """The bucket by whole powers alone: the largest i with 2^(i 2^-scale) < magnitude."""
    if scale <= 0:
        exponent = math.frexp(magnitude)[1] - 1 - (math.frexp(magnitude)[0] == 0.5)
        return int(exponent >> -scale)
    powered = Fraction(magnitude) ** (2**scale)
    exponent = powered.numerator.bit_length() - powered.denominator.bit_length()
    while Fraction(2) ** exponent >= powered:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) < powered:
        exponent += 1
    return int(exponent)


def counts_of(scale: int, observations: list[tuple[int, float]], zeros: int) -> ExponentialCounts:
    sides = {
        sign: Counter(index_of(magnitude, scale) for own, magnitude in observations if own == sign) for sign in (1, -1)
    }
    return ExponentialCounts(scale, 0.0, zeros, sides[1], sides[-1])


@given(sent=parts)
def test_a_sum_is_what_counting_all_observations_at_the_lowest_scale_gives(
    sent: list[tuple[int, list[tuple[int, float]], int]],
) -> None:
    found = add_up(counts_of(*one) for one in sent)
    filled = [one for one in sent if one[1] or one[2]]
    if not filled:
        assert found == []
        return
    scale = min(scale for scale, *_ in filled)
    everything = [value for _, observations, _ in sent for value in observations]
    expected = Counter((sign, index_of(magnitude, scale)) for sign, magnitude in everything)
    seen: Counter[tuple[int, int]] = Counter()
    for bucket in found:
        if bucket.high == bucket.low == 0:
            assert bucket.count == sum(zeros for *_, zeros in sent)
            continue
        sign = 1 if bucket.high > 0 else -1
        top = max(abs(bucket.low), abs(bucket.high))
        seen[sign, round(math.log2(top) * 2.0**scale) - 1] += bucket.count
    assert seen == expected
    assert [bucket.low for bucket in found] == sorted(bucket.low for bucket in found)


def test_the_worked_example_of_the_data_model() -> None:
    """At scale 3 bucket 4 begins at 1.41421: bucket 2 at scale 2, bucket 1 at scale 1, part of bucket 0 at scale 0."""
    four = ExponentialCounts(3, 0.0, 0, {4: 1}, {})
    for scale, low in ((2, 2 ** (2 / 4)), (1, 2 ** (1 / 2)), (0, 1.0)):
        lower = ExponentialCounts(scale, 0.0, 0, {40: 1}, {})
        first, _ = add_up([four, lower])
        assert first.low == pytest.approx(low)
        assert first.count == 1


@given(earlier=observed, later=observed, scales=st.tuples(st.integers(-2, 4), st.integers(-2, 4)))
def test_what_was_counted_before_can_be_taken_away(
    earlier: list[tuple[int, float]], later: list[tuple[int, float]], scales: tuple[int, int]
) -> None:
    """A cumulative histogram that lost resolution, or won some, between two points."""
    after = counts_of(scales[0], earlier + later, 3)
    counted = counts_of(scales[1], earlier, 1)
    before = ExponentialCounts(
        counted.scale,
        0.0,
        -1,
        {index: -count for index, count in counted.positive.items()},
        {index: -count for index, count in counted.negative.items()},
    )
    found = add_up([after, before])
    assert sum(bucket.count for bucket in found) == len(later) + 2
    for bucket in found:
        inside = sum(
            bucket.low * (1 - 1e-12) < sign * magnitude <= bucket.high * (1 + 1e-12) for sign, magnitude in later
        )
        if bucket.low > 0 and bucket.count:
            assert bucket.count == inside


def test_a_wider_zero_takes_in_what_lies_within_it() -> None:
    """Thresholds 0 and 3: the buckets (0.5, 1] and (1, 2] are in it, (2, 4] is cut by it and so belongs to it too."""
    fine = ExponentialCounts(0, 0.0, 1, {-1: 2, 0: 3, 1: 4, 2: 5}, {1: 6, 3: 7})
    coarse = ExponentialCounts(0, 3.0, 10, {}, {})
    assert add_up([fine, coarse]) == [
        Bucket(-16.0, -8.0, 7),
        Bucket(-4.0, 4.0, 1 + 10 + 2 + 3 + 4 + 6),
        Bucket(4.0, 8.0, 5),
    ]


def test_buckets_beyond_the_doubles_end_with_the_greatest_of_them() -> None:
    (bucket,) = add_up([ExponentialCounts(0, 0.0, 0, {1023: 1}, {})])
    assert (bucket.low, bucket.high) == (2.0**1023, 1.7976931348623157e308)
