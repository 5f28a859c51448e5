"""The rule of increments in the engine, for buckets, is the one for numbers."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Histogram, HistogramDataPoint, Metric
from spanhouse_query.metric_queries.distributions import explicit_sql

from tests.query.metric_queries.feeding import MINUTE, START, feed, values
from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.metrics import CUMULATIVE, DELTA, NOT_RECORDED

LOOKBACK = 5 * MINUTE
MOMENTS = [START + offset * MINUTE // 4 for offset in range(-26, 24)]

points = st.lists(
    st.tuples(
        st.sampled_from(MOMENTS),
        st.none() | st.sampled_from([START - 60 * MINUTE, *MOMENTS]),
        st.lists(st.integers(0, 3), min_size=3, max_size=3),
        st.booleans(),
    ),
    max_size=14,
    unique_by=lambda point: point[0],
)


@settings(max_examples=examples(60))
@given(sent=points, delta=st.booleans())
def test_what_is_in_the_buckets_is_what_was_counted(
    service: Service, sent: list[tuple[int, int | None, list[int], bool]], delta: bool
) -> None:
    """Points in any order, with starts in any order, some of them not recorded; counts that rise and fall."""
    tenant = fresh_tenant()
    stored = [
        HistogramDataPoint(
            time_unix_nano=at,
            start_time_unix_nano=min(at, started or 0),
            count=sum(counts),
            bucket_counts=counts,
            explicit_bounds=[1.0, 2.0],
            flags=0 if recorded else NOT_RECORDED,
        )
        for at, started, counts, recorded in sent
    ]
    if not stored:
        return
    histogram = Histogram(data_points=stored, aggregation_temporality=DELTA if delta else CUMULATIVE)
    feed(service, tenant, {"web": [Metric(name="h", unit="s", histogram=histogram)]})
    asked = {"metric": "h", "aggregation": "count", "from": START, "to": START + 6 * MINUTE, "step": "1m"}
    counted = values(service.get("/api/v1/metrics/query_range", asked, tenant=tenant)).get((), [None] * 6)

    found: dict[int, int] = {}
    for row in in_buckets(service, tenant, delta=delta):
        for number, _, counts, *_ in row["parts"]:
            found[number] = found.get(number, 0) + sum(counts)

    assert [found.get(number) for number in range(6)] == counted


def in_buckets(service: Service, tenant: str, *, delta: bool) -> list[dict[str, Any]]:
    known = service.store.rows("SELECT series FROM metric_series WHERE tenant = {t:String}", {"t": tenant})
    return service.store.rows(
        explicit_sql(),
        {
            "tenant": tenant,
            "metric": "h",
            "ids": [row["series"] for row in known],
            "groups": [0] * len(known),
            "cumulative": [0 if delta else 1] * len(known),
            "from": START // 1_000_000,
            "to": (START + 6 * MINUTE) // 1_000_000,
            "step": MINUTE // 1_000_000,
            "read_from": (START - LOOKBACK) // 1_000_000,
        },
    )
