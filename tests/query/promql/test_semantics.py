"""Deltas, restarts, gaps, classic histograms and summaries, by cases from OpenTelemetry's data model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Histogram, HistogramDataPoint, Metric, SummaryDataPoint

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import API, at, by_labels, instant, ranged, value
from tests.query.service import Service
from tests.support.metrics import CUMULATIVE, DELTA, NOT_RECORDED, counter, gauge, number, summary
from tests.support.spans import SECOND

Quantile = SummaryDataPoint.ValueAtQuantile


def test_the_growth_of_deltas_is_their_sum_over_the_window(service: Service, tenant: str) -> None:
    points = [number(added, at=at(30 * place), started=at(30 * place - 30)) for place, added in enumerate([5, 7, 0, 3])]
    feed(service, tenant, {"web": [counter("hits", *points, temporality=DELTA)]})

    assert value(service, tenant, "increase(hits_total[90s])", 90) == 10
    assert value(service, tenant, "rate(hits_total[90s])", 90) == pytest.approx(10 / 90)
    assert value(service, tenant, "irate(hits_total[90s])", 90) == pytest.approx(3 / 30)
    assert value(service, tenant, "sum(increase(hits_total[90s]))", 90) == 10
    assert instant(service, tenant, "increase(hits_total[30s])", 200) == []


def test_deltas_are_themselves_to_all_other_functions(service: Service, tenant: str) -> None:
    points = [number(added, at=at(30 * place)) for place, added in enumerate([5, 7, 0, 3])]
    feed(service, tenant, {"web": [counter("hits", *points, temporality=DELTA)]})

    assert value(service, tenant, "hits_total", 40) == 7
    assert value(service, tenant, "max_over_time(hits_total[2m])", 90) == 7


def test_a_counter_that_falls_began_anew(service: Service, tenant: str) -> None:
    points = [number(count, at=at(30 * place)) for place, count in enumerate([100, 130, 10, 40])]
    feed(service, tenant, {"web": [counter("hits", *points)]})

    # 30 + 10 + 30 within 90 s, all of the window of two minutes but for what is before the first point.
    assert value(service, tenant, "increase(hits_total[2m])", 90) == pytest.approx(70 * (90 + 30 / 2 * 2) / 90)
    assert value(service, tenant, "resets(hits_total[2m])", 90) == 1


def test_a_counter_that_says_so_began_anew_though_it_did_not_fall(service: Service, tenant: str) -> None:
    points = [
        number(100, at=at(0), started=at(-600)),
        number(130, at=at(30), started=at(-600)),
        number(200, at=at(60), started=at(45)),
        number(230, at=at(90), started=at(45)),
    ]
    feed(service, tenant, {"web": [counter("hits", *points)]})

    assert value(service, tenant, "resets(hits_total[2m])", 90) == 1
    assert value(service, tenant, "irate(hits_total[2m])", 70) == pytest.approx(200 / 30)
    assert value(service, tenant, "increase(hits_total[2m])", 90) == pytest.approx(260 * (90 + 15 + 15) / 90)


def test_a_series_ends_where_nothing_was_recorded(service: Service, tenant: str) -> None:
    points = [number(1, at=at(0)), number(2, at=at(30)), number(None, at=at(60)), number(4, at=at(120))]
    feed(service, tenant, {"web": [gauge("g", *points, unit="")]})

    (found,) = ranged(service, tenant, "g", 0, 150, 30)
    shown = {stamp - at(0) // SECOND: text for stamp, text in found["values"]}

    assert shown == {0: "1", 30: "2", 120: "4", 150: "4"}
    assert value(service, tenant, "count_over_time(g[2m])", 119) == 2
    assert value(service, tenant, "sum_over_time(g[3m])", 150) == 7


def test_a_sample_stands_for_five_minutes_or_as_long_as_it_is_asked_to(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, at=at(0)), unit="")]})

    assert instant(service, tenant, "g", 299) != []
    assert instant(service, tenant, "g", 300) == []
    longer = {"query": "g", "time": at(300) / SECOND, "lookback_delta": "10m"}
    assert service.get(f"{API}/query", longer, tenant=tenant)["data"]["result"] != []


def histograms(*points: HistogramDataPoint, temporality: int = CUMULATIVE) -> Metric:
    data = Histogram(data_points=points, aggregation_temporality=temporality)  # type: ignore[arg-type]
    return Metric(name="latency", unit="s", histogram=data)


def bounded(seconds: float, counts: Sequence[int], bounds: Sequence[float], total: float = 0.0) -> HistogramDataPoint:
    return HistogramDataPoint(
        time_unix_nano=at(seconds), count=sum(counts), sum=total, bucket_counts=counts, explicit_bounds=bounds
    )


def test_a_histogram_is_series_of_cumulative_buckets(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [histograms(bounded(0, [1, 2, 3], [0.005, 5], 7.5))]})

    found = by_labels(instant(service, tenant, "latency_seconds_bucket", 60))
    above = by_labels(instant(service, tenant, 'latency_seconds_bucket{le=~".*5"}', 60))

    assert found == {
        (("job", "web"), ("le", "+Inf")): 6,
        (("job", "web"), ("le", "0.005")): 1,
        (("job", "web"), ("le", "5")): 3,
    }
    assert set(above) == {(("job", "web"), ("le", "0.005")), (("job", "web"), ("le", "5"))}
    assert value(service, tenant, "latency_seconds_count", 60) == 6
    assert value(service, tenant, "latency_seconds_sum", 60) == 7.5
    assert instant(service, tenant, "latency_seconds", 60) == []


def test_bounds_may_change_and_quantiles_take_those_there_are(service: Service, tenant: str) -> None:
    points = [bounded(0, [2, 2, 0], [1.0, 2.0]), bounded(600, [0, 4, 0], [10.0, 20.0])]
    feed(service, tenant, {"web": [histograms(*points)]})

    assert value(service, tenant, "histogram_quantile(0.75, latency_seconds_bucket)", 60) == 1.5
    assert value(service, tenant, "histogram_quantile(0.5, latency_seconds_bucket)", 660) == 15


def test_deltas_of_histograms_add_up_bucket_by_bucket(service: Service, tenant: str) -> None:
    points = [bounded(0, [9, 9], [1.0]), bounded(60, [1, 2], [1.0], 3.0), bounded(120, [3, 4], [1.0], 5.0)]
    feed(service, tenant, {"web": [histograms(*points, temporality=DELTA)]})

    found = by_labels(instant(service, tenant, "increase(latency_seconds_bucket[2m])", 120))

    assert found == {(("job", "web"), ("le", "+Inf")): 10, (("job", "web"), ("le", "1")): 4}
    assert value(service, tenant, "increase(latency_seconds_sum[2m])", 120) == 8


def test_a_histogram_that_was_not_recorded_ends_all_its_buckets(service: Service, tenant: str) -> None:
    ended = HistogramDataPoint(time_unix_nano=at(60), flags=NOT_RECORDED)
    feed(service, tenant, {"web": [histograms(bounded(0, [1, 2], [1.0]), ended)]})

    assert len(instant(service, tenant, "latency_seconds_bucket", 30)) == 2
    assert instant(service, tenant, "latency_seconds_bucket", 61) == []
    assert instant(service, tenant, "latency_seconds_count", 61) == []


def test_a_histogram_without_buckets_has_one(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [histograms(HistogramDataPoint(time_unix_nano=at(0), count=3, sum=1.5))]})

    assert by_labels(instant(service, tenant, "latency_seconds_bucket", 60)) == {(("job", "web"), ("le", "+Inf")): 3}


def test_a_histogram_without_a_sum_has_no_series_of_sums(service: Service, tenant: str) -> None:
    one = HistogramDataPoint(time_unix_nano=at(0), count=1, bucket_counts=[1, 0], explicit_bounds=[1.0])
    feed(service, tenant, {"web": [histograms(one)]})

    assert instant(service, tenant, "latency_seconds_sum", 60) == []


def test_a_summary_is_series_of_quantiles(service: Service, tenant: str) -> None:
    quantiles = [Quantile(quantile=0.5, value=2.0), Quantile(quantile=0.99, value=3.0)]
    point = SummaryDataPoint(time_unix_nano=at(0), count=4, sum=9.0, quantile_values=quantiles)
    feed(service, tenant, {"web": [summary("size", point, unit="By")]})

    assert by_labels(instant(service, tenant, "size_bytes", 60)) == {
        (("job", "web"), ("quantile", "0.5")): 2,
        (("job", "web"), ("quantile", "0.99")): 3,
    }
    assert value(service, tenant, 'size_bytes{quantile="0.99"}', 60) == 3
    assert value(service, tenant, "size_bytes_count", 60) == 4
    assert value(service, tenant, "size_bytes_sum", 60) == 9
