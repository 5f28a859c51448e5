"""Exponential histograms are native ones, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogram, ExponentialHistogramDataPoint, Metric

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import API, at, by_labels, instant, ranged, value
from tests.query.service import Service
from tests.support.metrics import CUMULATIVE, DELTA, NOT_RECORDED
from tests.support.spans import SECOND, key_values

Buckets = ExponentialHistogramDataPoint.Buckets


def point(
    seconds: float,
    positive: Sequence[int] = (),
    *,
    scale: int = 0,
    offset: int = 0,
    negative: Sequence[int] = (),
    zero: int = 0,
    threshold: float = 0.0,
    total: float = 0.0,
    who: str = "",
    started: float | None = None,
) -> ExponentialHistogramDataPoint:
    return ExponentialHistogramDataPoint(
        time_unix_nano=at(seconds),
        start_time_unix_nano=0 if started is None else at(started),
        attributes=key_values({"who": who} if who else {}),
        count=sum(positive) + sum(negative) + zero,
        sum=total,
        scale=scale,
        zero_count=zero,
        zero_threshold=threshold,
        positive=Buckets(offset=offset, bucket_counts=positive),
        negative=Buckets(bucket_counts=negative),
    )


def latency(*points: ExponentialHistogramDataPoint, deltas: bool = False) -> Metric:
    data = ExponentialHistogram(data_points=points, aggregation_temporality=DELTA if deltas else CUMULATIVE)
    return Metric(name="latency", unit="s", exponential_histogram=data)


def test_an_instant_shows_buckets_as_prometheus_does(service: Service, tenant: str) -> None:
    one = point(0, [1, 0, 2], negative=[3], zero=4, threshold=0.5, total=2.5)
    feed(service, tenant, {"web": [latency(one)]})

    (found,) = instant(service, tenant, "latency_seconds", 60)

    assert found["metric"] == {"__name__": "latency_seconds", "job": "web"}
    assert found["histogram"][1] == {
        "count": "10",
        "sum": "2.5",
        "buckets": [[1, "-2", "-1", "3"], [3, "-0.5", "0.5", "4"], [0, "1", "2", "1"], [0, "4", "8", "2"]],
    }


def test_counts_and_sums_are_numbers(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [latency(point(0, [1, 3], total=6.0))]})

    assert value(service, tenant, "histogram_count(latency_seconds)", 60) == 4
    assert value(service, tenant, "histogram_sum(latency_seconds)", 60) == 6
    assert value(service, tenant, "histogram_avg(latency_seconds)", 60) == 1.5
    assert value(service, tenant, "latency_seconds_count", 60) == 4
    assert value(service, tenant, "latency_seconds_sum", 60) == 6


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [
        (0.0, 1.0),
        (0.125, math.sqrt(2)),  # halfway through the first of (1, 2]
        (0.25, 2.0),
        (0.625, 2 * math.sqrt(2)),  # halfway through the two of (2, 4]
        (1.0, 4.0),
        (-1.0, -math.inf),
        (1.5, math.inf),
    ],
)
def test_a_quantile_lies_exponentially_within_its_bucket(service: Service, quantile: float, expected: float) -> None:
    tenant = "native-quantiles"
    if not instant(service, tenant, "latency_seconds", 60):
        feed(service, tenant, {"web": [latency(point(0, [1, 3]))]})

    found = value(service, tenant, f"histogram_quantile({quantile}, latency_seconds)", 60)

    assert found == pytest.approx(expected) if math.isfinite(expected) else found == expected


def test_histograms_of_two_scales_are_added_at_the_coarser(service: Service, tenant: str) -> None:
    # At scale 1 the buckets from 2 on end at 2·√2 and 4; both lie in (2, 4] of scale 0.
    fine = point(0, [5, 7], scale=1, offset=2, who="fine")
    coarse = point(0, [1, 2], scale=0, offset=0, who="coarse")
    feed(service, tenant, {"web": [latency(fine, coarse)]})

    (found,) = instant(service, tenant, "sum(latency_seconds)", 60)

    assert found["histogram"][1]["buckets"] == [[0, "1", "2", "1"], [0, "2", "4", "14"]]


def test_a_zero_bucket_takes_in_what_a_wider_one_covers(service: Service, tenant: str) -> None:
    narrow = point(0, [1, 2, 4], zero=1, threshold=0.5, who="narrow")
    wide = point(0, [], zero=8, threshold=2.0, who="wide")
    feed(service, tenant, {"web": [latency(narrow, wide)]})

    (found,) = instant(service, tenant, "sum(latency_seconds)", 60)

    assert found["histogram"][1]["buckets"] == [[3, "-2", "2", "10"], [0, "2", "4", "2"], [0, "4", "8", "4"]]


def test_growth_is_that_of_each_bucket_over_restarts(service: Service, tenant: str) -> None:
    points = [
        point(0, [10, 10], total=10.0),
        point(60, [20, 30], total=30.0),
        point(120, [1, 2], total=1.0),
        point(180, [3, 4], total=3.0),
    ]
    feed(service, tenant, {"web": [latency(*points)]})

    # All four lie in (-60, 180], a minute apart: 20 + 1 … 3 of the first bucket, stretched from 180 s to 240 s.
    (found,) = instant(service, tenant, "increase(latency_seconds[240s])", 180)

    # Backwards it cannot go beyond zero: the count was 20 of the 37 that it grew by, 97 s before the first point.
    stretched = (180 + 60 / 2 * 2) / 180
    first, second = 13 * stretched, 24 * stretched
    buckets = found["histogram"][1]["buckets"]
    assert [float(bucket[3]) for bucket in buckets] == pytest.approx([first, second])
    assert float(found["histogram"][1]["count"]) == pytest.approx(first + second)
    assert float(found["histogram"][1]["sum"]) == pytest.approx(23 * stretched)


def test_growth_of_deltas_is_their_sum(service: Service, tenant: str) -> None:
    points = [point(0, [1, 2]), point(60, [3, 4]), point(120, [5, 6])]
    feed(service, tenant, {"web": [latency(*points, deltas=True)]})

    assert value(service, tenant, "histogram_count(increase(latency_seconds[2m]))", 120) == 18
    assert value(service, tenant, "histogram_count(rate(latency_seconds[2m]))", 120) == pytest.approx(18 / 120)
    assert value(service, tenant, "increase(latency_seconds_count[2m])", 120) == 18


def test_histograms_can_be_scaled_and_subtracted(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [latency(point(0, [4, 6], who="a"), point(0, [1, 2], who="b"))]})

    (half,) = instant(service, tenant, 'latency_seconds{who="a"} / 2', 60)
    (less,) = instant(service, tenant, 'latency_seconds{who="a"} - on (job) latency_seconds{who="b"}', 60)
    (mean,) = instant(service, tenant, "avg(latency_seconds)", 60)

    assert [bucket[3] for bucket in half["histogram"][1]["buckets"]] == ["2", "3"]
    assert [bucket[3] for bucket in less["histogram"][1]["buckets"]] == ["3", "4"]
    assert [bucket[3] for bucket in mean["histogram"][1]["buckets"]] == ["2.5", "4"]


def test_functions_of_numbers_leave_histograms_out(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [latency(point(0, [4, 6]), point(30, [5, 6]))]})

    assert instant(service, tenant, "abs(latency_seconds)", 60) == []
    assert instant(service, tenant, "max_over_time(latency_seconds[1m])", 45) == []
    assert value(service, tenant, "count_over_time(latency_seconds[1m])", 45) == 2
    assert value(service, tenant, "count(latency_seconds)", 60) == 1


def test_a_histogram_that_was_not_recorded_ends_the_series(service: Service, tenant: str) -> None:
    ended = point(60)
    ended.flags = NOT_RECORDED
    feed(service, tenant, {"web": [latency(point(0, [1]), ended)]})

    (found,) = ranged(service, tenant, "latency_seconds", 0, 90, 30)

    assert [(stamp - at(0) // SECOND) for stamp, _ in found["histograms"]] == [0, 30]


def test_the_share_below_a_bound(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [latency(point(0, [2, 2]))]})

    assert value(service, tenant, "histogram_fraction(0, 2, latency_seconds)", 60) == 0.5
    assert value(service, tenant, "histogram_fraction(2, 4, latency_seconds)", 60) == 0.5
    assert value(service, tenant, f"histogram_fraction(1, {math.sqrt(2)}, latency_seconds)", 60) == pytest.approx(0.25)


def test_samples_of_a_range_are_shown_as_they_are(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [latency(point(0, [1]), point(30, [2], total=1.5))]})

    (found,) = instant(service, tenant, "latency_seconds[1m]", 45)

    assert [one["count"] for _, one in found["histograms"]] == ["1", "2"]
    assert service.get(f"{API}/labels", tenant=tenant)["status"] == "success"
    assert by_labels(instant(service, tenant, "sum by (who) (latency_seconds_count)", 45)) == {(): 2}
