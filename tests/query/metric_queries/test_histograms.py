"""Histograms in the store: counts, sums and percentiles of what was observed in each step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    SummaryDataPoint,
)

from tests.query.metric_queries.feeding import MINUTE, START, feed, numbers, values
from tests.query.metric_queries.test_explicit_histogram import counted
from tests.query.metric_queries.test_exponential_histogram import index_of
from tests.query.service import Service
from tests.support.metrics import CUMULATIVE, DELTA, NOT_RECORDED, summary
from tests.support.spans import key_values

RANGE = {"from": START, "to": START + 3 * MINUTE}
RANDOM = np.random.default_rng(11)
OBSERVED = [RANDOM.lognormal(0, 1, size).tolist() for size in (40, 60, 80)]
"""What was observed in each of three minutes."""


def bounded(
    minute: float,
    bounds: list[float],
    observations: list[float],
    *,
    started: float | None,
    extremes: bool = True,
    host: str = "",
) -> HistogramDataPoint:
    point = HistogramDataPoint(
        time_unix_nano=round(START + minute * MINUTE),
        start_time_unix_nano=0 if started is None else round(START + started * MINUTE),
        count=len(observations),
        sum=sum(observations),
        bucket_counts=counted(bounds, observations),
        explicit_bounds=bounds,
        attributes=key_values({"host": host} if host else {}),
    )
    if extremes and observations:
        point.min, point.max = min(observations), max(observations)
    return point


def explicit(*points: HistogramDataPoint, temporality: AggregationTemporality.ValueType) -> Metric:
    return Metric(name="h", unit="s", histogram=Histogram(data_points=points, aggregation_temporality=temporality))


def spread(minute: float, scale: int, observations: list[float], *, started: float) -> ExponentialHistogramDataPoint:
    indexes = [index_of(value, scale) for value in observations]
    offset = min(indexes, default=0)
    counts = np.bincount(np.array(indexes, np.int64) - offset).tolist() if indexes else []
    return ExponentialHistogramDataPoint(
        time_unix_nano=round(START + minute * MINUTE),
        start_time_unix_nano=round(START + started * MINUTE),
        count=len(observations),
        sum=sum(observations),
        scale=scale,
        positive=ExponentialHistogramDataPoint.Buckets(offset=offset, bucket_counts=counts),
    )


def exponential(*points: ExponentialHistogramDataPoint, temporality: AggregationTemporality.ValueType) -> Metric:
    data = ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
    return Metric(name="h", unit="s", exponential_histogram=data)


def over_time(service: Service, tenant: str, aggregation: str, **asked: Any) -> list[Any]:
    found = service.get(
        "/api/v1/metrics/query_range",
        {**RANGE, "metric": "h", "step": "1m", "aggregation": aggregation, **asked},
        tenant=tenant,
    )
    return values(found).get((), [None] * 3)


BOUNDS = [0.25, 0.5, 1.0, 2.0, 4.0]
EVERYTHING = [value for minute in OBSERVED for value in minute]
DELTAS = [bounded(n + 0.5, BOUNDS, seen, started=n - 0.5) for n, seen in enumerate(OBSERVED)]
TOTALS = [
    bounded(n + 0.5, BOUNDS, [value for minute in OBSERVED[: n + 1] for value in minute], started=-0.5)
    for n in range(3)
]
OTHER_BOUNDS = [
    bounded(0.5, BOUNDS, OBSERVED[0], started=-0.5),
    bounded(1.5, [0.1, 0.5, 2.0, 3.0], OBSERVED[0] + OBSERVED[1], started=-0.5),
    bounded(2.5, [0.1, 0.5, 2.0, 3.0], EVERYTHING, started=-0.5),
]
RESTARTED = [
    bounded(0.5, BOUNDS, OBSERVED[0], started=-0.5),
    bounded(1.5, BOUNDS, OBSERVED[1], started=0.7),
    bounded(2.5, BOUNDS, OBSERVED[1] + OBSERVED[2], started=0.7),
]
FALLEN = [
    bounded(-0.5, BOUNDS, [], started=None),
    bounded(0.5, BOUNDS, OBSERVED[0], started=None),
    bounded(1.5, BOUNDS, OBSERVED[0] + OBSERVED[1], started=None),
    bounded(2.5, BOUNDS, OBSERVED[2], started=None),
]
EXPLICIT = {
    "delta": explicit(*DELTAS, temporality=DELTA),
    "cumulative": explicit(*TOTALS, temporality=CUMULATIVE),
    "cumulative, sent twice": explicit(*TOTALS, *TOTALS, temporality=CUMULATIVE),
    "cumulative, of other bounds from the second point on": explicit(*OTHER_BOUNDS, temporality=CUMULATIVE),
    "cumulative, restarted": explicit(*RESTARTED, temporality=CUMULATIVE),
    "cumulative, fallen without a start": explicit(*FALLEN, temporality=CUMULATIVE),
}


@pytest.mark.parametrize("kind", EXPLICIT)
def test_steps_count_what_was_observed_in_them(service: Service, tenant: str, kind: str) -> None:
    feed(service, tenant, {"web": [EXPLICIT[kind]]})
    sizes = [len(minute) for minute in OBSERVED]
    sums = [sum(minute) for minute in OBSERVED]

    assert over_time(service, tenant, "count") == over_time(service, tenant, "increase") == sizes
    assert over_time(service, tenant, "rate") == pytest.approx([size / 60 for size in sizes])
    assert over_time(service, tenant, "sum") == pytest.approx(sums)
    assert over_time(service, tenant, "avg") == pytest.approx([sums[n] / sizes[n] for n in range(3)])


@pytest.mark.parametrize("kind", EXPLICIT)
@pytest.mark.parametrize("percentile", [10, 50, 95, 99])
def test_percentiles_lie_in_the_bucket_of_the_observation(
    service: Service, tenant: str, kind: str, percentile: int
) -> None:
    feed(service, tenant, {"web": [EXPLICIT[kind]]})
    asked = {**RANGE, "metric": "h", "step": "1m", "aggregation": f"p{percentile}"}
    (series,) = service.get("/api/v1/metrics/query_range", asked, tenant=tenant)["series"]
    for point, seen in zip(series["points"], OBSERVED, strict=True):
        actual = sorted(seen)[math.ceil(percentile / 100 * len(seen)) - 1]
        low = -math.inf if point["low"] is None else point["low"]
        assert low <= actual <= (math.inf if point["high"] is None else point["high"])


def test_percentiles_are_interpolated_between_common_bounds(service: Service, tenant: str) -> None:
    """Ten observations in (0, 2] and ten in (2, 6]; the bounds of both hosts have 2 in common, and 6 is the maximum."""
    one = bounded(0.5, [1.0, 2.0], [0.5] * 4 + [1.5] * 4 + [6.0] * 2, started=0, host="a")
    other = bounded(0.6, [2.0, 4.0], [1.0] * 2 + [3.0] * 8, started=0, host="b")
    feed(service, tenant, {"web": [explicit(one, other, temporality=DELTA)]})
    expected = {"p25": 0.5 + 1.5 / 2, "p50": 2, "p75": 4, "p100": 6, "min": 0.5, "max": 6}
    found = {name: over_time(service, tenant, name)[0] for name in expected}
    assert found == pytest.approx(expected)


def test_extremes_are_exact_where_they_were_sent_for_the_step(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [EXPLICIT["delta"]]})
    assert over_time(service, tenant, "min") == [min(minute) for minute in OBSERVED]
    assert over_time(service, tenant, "max") == [max(minute) for minute in OBSERVED]


def test_extremes_of_a_cumulative_histogram_come_from_its_buckets(service: Service, tenant: str) -> None:
    """Its own minimum and maximum are of all time, which says nothing of the step, but for the first."""
    feed(service, tenant, {"web": [EXPLICIT["cumulative"]]})
    first, *later = over_time(service, tenant, "max")
    assert first == max(OBSERVED[0])
    for found, seen in zip(later, OBSERVED[1:], strict=True):
        assert found in (4.0, next(bound for bound in [*BOUNDS, math.inf] if bound >= max(seen)))


EXPONENTIAL = {
    "delta": exponential(
        *(spread(n + 0.5, 4 - n, seen, started=n - 0.5) for n, seen in enumerate(OBSERVED)), temporality=DELTA
    ),
    "cumulative, losing resolution": exponential(
        *(
            spread(n + 0.5, 4 - n, [value for minute in OBSERVED[: n + 1] for value in minute], started=-0.5)
            for n in range(3)
        ),
        temporality=CUMULATIVE,
    ),
}


@pytest.mark.parametrize("kind", EXPONENTIAL)
@pytest.mark.parametrize("percentile", [1, 50, 95])
def test_percentiles_of_exponential_histograms_are_as_exact_as_their_scale(
    service: Service, tenant: str, kind: str, percentile: int
) -> None:
    """At scale 2 a bucket grows by 2^(1/4), and that is the most that an estimate is off."""
    feed(service, tenant, {"web": [EXPONENTIAL[kind]]})
    assert over_time(service, tenant, "count") == [len(minute) for minute in OBSERVED]
    whole = over_time(service, tenant, f"p{percentile}", step="3m")[0]
    for found, seen in zip(
        [*over_time(service, tenant, f"p{percentile}"), whole], [*OBSERVED, EVERYTHING], strict=True
    ):
        actual = sorted(seen)[math.ceil(percentile / 100 * len(seen)) - 1]
        assert actual / 2**0.25 <= found <= actual * 2**0.25


def test_points_without_buckets_still_count(service: Service, tenant: str) -> None:
    at = START + 30 * 10**9
    plain = HistogramDataPoint(time_unix_nano=at, count=3, sum=6.0, min=1.0, max=3.0)
    nothing = HistogramDataPoint(time_unix_nano=at + 2_000_000, flags=NOT_RECORDED)
    feed(service, tenant, {"web": [explicit(plain, nothing, temporality=DELTA)]})
    assert over_time(service, tenant, "count") == [3, None, None]
    assert over_time(service, tenant, "p50") == [2, None, None]
    assert over_time(service, tenant, "avg") == [2, None, None]


def test_a_histogram_without_sums_has_counts_and_no_averages(service: Service, tenant: str) -> None:
    point = HistogramDataPoint(time_unix_nano=START + MINUTE // 2, count=2, bucket_counts=[2, 0], explicit_bounds=[1.0])
    feed(service, tenant, {"web": [explicit(point, temporality=DELTA)]})
    assert over_time(service, tenant, "count") == [2, None, None]
    assert over_time(service, tenant, "avg") == over_time(service, tenant, "sum") == [None] * 3


def test_a_step_of_no_observations_counts_zero_and_has_no_percentile(service: Service, tenant: str) -> None:
    points = [bounded(0.5, [1.0], [0.5], started=-0.5), bounded(1.5, [1.0], [0.5], started=-0.5)]
    feed(service, tenant, {"web": [explicit(*points, temporality=CUMULATIVE)]})
    assert over_time(service, tenant, "count") == [1, 0, None]
    assert over_time(service, tenant, "p50") == [0.5, None, None]
    assert over_time(service, tenant, "avg") == [0.5, None, None]


def test_summaries_have_counts_and_sums_and_refuse_percentiles(service: Service, tenant: str) -> None:
    points = [
        SummaryDataPoint(
            time_unix_nano=START + n * MINUTE, start_time_unix_nano=START - MINUTE, count=2 * n, sum=3.0 * n
        )
        for n in (0, 1, 2)
    ]
    feed(service, tenant, {"web": [summary("h", *points)]})
    assert over_time(service, tenant, "count") == [2, 2, None]
    assert over_time(service, tenant, "avg") == [1.5, 1.5, None]
    refused = service.response("/api/v1/metrics/query", {"metric": "h", "aggregation": "p95"}, tenant=tenant)
    assert (refused.status_code, refused.json()["allowed"]) == (400, ["sum", "avg", "count", "increase", "rate"])


def test_groups_of_histograms_are_those_with_the_most_observations(service: Service, tenant: str) -> None:
    points = [
        bounded(0.5, BOUNDS, OBSERVED[0][:size], started=0, host=host) for host, size in (("a", 2), ("b", 9), ("c", 5))
    ]
    feed(service, tenant, {"web": [explicit(*points, temporality=DELTA)]})
    for aggregation in ("count", "p95"):
        asked = {**RANGE, "metric": "h", "aggregation": aggregation, "group_by": "host", "limit": 2}
        found = service.get("/api/v1/metrics/query", asked, tenant=tenant)
        assert list(numbers(found)) == [("b",), ("c",)]
        assert found["meta"]["truncated"] is True
