"""What becomes of a segment of metrics, on both engines."""

from __future__ import annotations

import math
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    SummaryDataPoint,
)
from spanhouse_storage import METRICS, Store

from tests.support.metrics import (
    DELTA,
    counter,
    exponential_histogram,
    gauge,
    histogram,
    metrics_request,
    metrics_segment,
    number,
    summary,
)
from tests.support.spans import MILLISECOND, SECOND, key_values

Quantile = SummaryDataPoint.ValueAtQuantile
Buckets = ExponentialHistogramDataPoint.Buckets


def insert(store: Store, folder: Path, *requests: ExportMetricsServiceRequest, token: str = "segment") -> None:
    path = folder / f"{token}.frames"
    path.write_bytes(metrics_segment(requests))
    store.insert_segment(path, token, METRICS)


def points(store: Store, table: str, order: str = "metric, ts, series") -> list[dict[str, Any]]:
    return store.rows(f"SELECT *, toUnixTimestamp64Milli(ts) AS at FROM {table} ORDER BY {order}")


def test_numbers_are_exact_and_absent_is_not_zero(store: Store, tmp_path: Path) -> None:
    at = time.time_ns() // SECOND * SECOND
    values = [0, 0.0, -7, 2**53 + 1, -(2**63), 0.1, math.inf, -math.inf, None]
    sent = [number(value, at=at + index * SECOND) for index, value in enumerate(values)]
    insert(store, tmp_path, metrics_request({"web": [gauge("queue.size", *sent)]}))

    found = points(store, "metric_numbers")

    assert [row["at"] for row in found] == [at // MILLISECOND + 1000 * index for index in range(len(values))]
    assert [row["integer"] for row in found] == [value if isinstance(value, int) else None for value in values]
    assert [row["value"] for row in found[:-1]] == [float(value) for value in values if value is not None]
    assert struct.pack(">d", found[-1]["value"]).hex() == "7ff0000000000002"  # Prometheus' stale marker
    assert [row["flags"] for row in found] == [0] * (len(values) - 1) + [1]


def test_a_sum_carries_its_start_its_temporality_and_its_exemplars(store: Store, tmp_path: Path) -> None:
    at = time.time_ns() // SECOND * SECOND
    seen = Exemplar(
        time_unix_nano=at - SECOND,
        as_int=3,
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        filtered_attributes=key_values({"user": "a", "n": 1}),
    )
    totals = [number(5, {"path": "/"}, at=at, started=at - 60 * SECOND, exemplars=[seen])]
    lengths = [number(-1.5, at=at)]
    insert(
        store,
        tmp_path,
        metrics_request(
            {"web": [counter("hits", *totals), counter("length", *lengths, monotonic=False, temporality=DELTA)]}
        ),
    )

    hits, length = points(store, "metric_numbers")
    series = {row["metric"]: row for row in store.rows("SELECT * FROM metric_series FINAL")}

    assert hits["started"].timestamp() == (at - 60 * SECOND) / SECOND
    ((stamp, value, trace_id, span_id, attributes),) = [tuple(one.values()) for one in hits["exemplars"]]
    assert (stamp.timestamp(), value, trace_id, span_id) == ((at - SECOND) / SECOND, 3.0, "t" * 16, "s" * 8)
    assert attributes == {"user": "a", "n": "1"}
    assert (length["value"], length["exemplars"]) == (-1.5, [])
    assert (series["hits"]["temporality"], series["hits"]["monotonic"]) == ("cumulative", True)
    assert (series["length"]["temporality"], series["length"]["monotonic"]) == ("delta", False)
    assert {row["series"] for row in series.values()} == {hits["series"], length["series"]}


def test_histograms_summaries_and_exponential_histograms_are_kept_as_sent(store: Store, tmp_path: Path) -> None:
    at = time.time_ns()
    bounded = HistogramDataPoint(
        time_unix_nano=at, count=6, sum=1.5, min=0.1, max=0.5, bucket_counts=[1, 2, 3], explicit_bounds=[0.2, 0.4]
    )
    empty = HistogramDataPoint(time_unix_nano=at + SECOND, count=0)
    exponential = ExponentialHistogramDataPoint(
        time_unix_nano=at,
        count=9,
        sum=-2.0,
        scale=-3,
        zero_count=4,
        zero_threshold=1e-9,
        positive=Buckets(offset=-5, bucket_counts=[1, 0, 2]),
        negative=Buckets(offset=7, bucket_counts=[2]),
    )
    quantiles = SummaryDataPoint(
        time_unix_nano=at,
        count=3,
        sum=6.0,
        quantile_values=[Quantile(quantile=0.5, value=2.0), Quantile(quantile=1.0, value=3.0)],
    )
    metrics = [
        histogram("bounded", bounded, empty),
        exponential_histogram("exponential", exponential),
        summary("quantiles", quantiles),
    ]
    insert(store, tmp_path, metrics_request({"web": metrics}))

    full, nothing = points(store, "metric_histograms")
    (spread,) = points(store, "metric_exponential_histograms")
    (summed,) = points(store, "metric_summaries")

    assert [full[name] for name in ("count", "sum", "min", "max")] == [6, 1.5, 0.1, 0.5]
    assert (full["bounds"], full["counts"]) == ([0.2, 0.4], [1, 2, 3])
    assert [nothing[name] for name in ("count", "sum", "min", "max")] == [0, None, None, None]
    assert [spread[name] for name in ("count", "sum", "min", "scale", "zero_count")] == [9, -2.0, None, -3, 4]
    assert (spread["zero_threshold"], spread["positive_offset"], spread["positive_counts"]) == (1e-9, -5, [1, 0, 2])
    assert (spread["negative_offset"], spread["negative_counts"]) == (7, [2])
    assert (summed["count"], summed["sum"]) == (3, 6.0)
    assert [tuple(one.values()) for one in summed["quantiles"]] == [(0.5, 2.0), (1.0, 3.0)]
    types = {row["metric"]: row["type"] for row in store.rows("SELECT * FROM metric_series FINAL")}
    assert types == {"bounded": "histogram", "exponential": "exponential_histogram", "quantiles": "summary"}


def test_the_order_of_attributes_makes_no_series_and_their_values_types_and_units_do(
    store: Store, tmp_path: Path
) -> None:
    same = [gauge("g", number(1, {"a": "x", "b": "y"}), number(2, {"b": "y", "a": "x"}))]
    others = [
        gauge("g", number(1, {"a": "y", "b": "x"})),
        gauge("g", number(1, {"a": "x", "b": "y"}), unit="By"),
        counter("g", number(1, {"a": "x", "b": "y"})),
        counter("g", number(1, {"a": "x", "b": "y"}), temporality=DELTA),
        gauge("h", number(1, {"a": "x", "b": "y"})),
        gauge("g", number(1, {"a": "x", "b": 1})),
        gauge("g", number(1, {"a": "x", "b": "1"})),
        gauge("g", number(1)),
    ]
    insert(
        store,
        tmp_path,
        metrics_request({"web": same + others}),
        metrics_request({"cart": [gauge("g", number(1, {"a": "x", "b": "y"}))]}),
        metrics_request({"web": [gauge("g", number(1, {"a": "x", "b": "y"}))]}, scope="another"),
    )

    counts = store.rows("SELECT series, count() AS n FROM metric_numbers GROUP BY series ORDER BY n DESC")

    assert [row["n"] for row in counts] == [2] + [1] * (len(others) + 2)
    series = store.rows("SELECT series, service, attributes, attribute_types FROM metric_series FINAL")
    assert {row["series"] for row in series} == {row["series"] for row in counts}
    assert {row["attribute_types"] for row in series} == {"", "si", "ss"}


def test_the_same_token_counts_once_in_every_table(store: Store, tmp_path: Path) -> None:
    sent = metrics_request(
        {"web": [gauge("g", number(1)), histogram("h", HistogramDataPoint(time_unix_nano=time.time_ns()))]}
    )
    for _ in range(3):
        insert(store, tmp_path, sent, token="same")
    assert len(points(store, "metric_numbers")) == len(points(store, "metric_histograms")) == 1
    assert store.rows("SELECT count() AS n FROM metric_series") == [{"n": 2}]


def test_who_sends_metrics_is_known_with_its_resource(store: Store, tmp_path: Path) -> None:
    insert(store, tmp_path, metrics_request({"web": [gauge("g", number(1))]}, resource={"host.name": "one"}))
    (resource,) = store.rows("SELECT * FROM resources")
    (series,) = store.rows("SELECT * FROM metric_series")
    assert (resource["service"], resource["attributes"]) == ("web", {"service.name": "web", "host.name": "one"})
    assert (series["resource_id"], series["service"]) == (resource["id"], "web")


@pytest.mark.parametrize("off", [-31 * 86_400 * SECOND, 2 * 3600 * SECOND], ids=["long ago", "in the future"])
def test_points_of_a_clock_that_is_not_believed_are_left_out(store: Store, tmp_path: Path, off: int) -> None:
    kept, wrong = number(1), number(2, at=time.time_ns() + off)
    insert(store, tmp_path, metrics_request({"web": [gauge("g", kept, wrong)]}))
    assert [row["integer"] for row in points(store, "metric_numbers")] == [1]
