"""Whatever is asked of whatever is stored: valid JSON that the schema allows, or a problem that says why."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    SummaryDataPoint,
)

from tests.query.metric_queries.feeding import MINUTE, START, feed
from tests.query.service import Service
from tests.support.effort import examples
from tests.support.metrics import DELTA, counter, exponential_histogram, gauge, histogram, number, summary

TENANT = "any-query"
METRICS = ["gauge", "counter", "delta", "level", "explicit", "exponential", "summary", "nothing"]
EXTREMES = [0.0, -0.0, 1e308, -1e308, math.nan, math.inf, -math.inf, 5e-324, 1.0]
Buckets = ExponentialHistogramDataPoint.Buckets


@pytest.fixture(scope="module")
def schemas(service: Service) -> dict[str, Draft202012Validator]:
    """Of the answers; the store has metrics of every type, with values as odd as there are."""
    at = [START + step * MINUTE // 2 for step in range(len(EXTREMES))]
    sent = list(zip(at, EXTREMES, strict=True))
    feed(
        service,
        TENANT,
        {
            "web": [
                gauge("gauge", *(number(value, {"host": str(n % 2)}, at=when) for n, (when, value) in enumerate(sent))),
                counter("counter", *(number(value, at=when, started=START) for when, value in sent)),
                counter("delta", *(number(value, at=when) for when, value in sent), temporality=DELTA),
                counter("level", *(number(value, at=when) for when, value in sent), monotonic=False),
                histogram(
                    "explicit",
                    *(
                        HistogramDataPoint(
                            time_unix_nano=when,
                            count=2 * n,
                            sum=n,
                            bucket_counts=[n, n],
                            explicit_bounds=[math.inf if n == 3 else float(n)],
                        )
                        for n, when in enumerate(at)
                    ),
                ),
                exponential_histogram(
                    "exponential",
                    *(
                        ExponentialHistogramDataPoint(
                            time_unix_nano=when,
                            count=2,
                            scale=20 - 5 * n,
                            positive=Buckets(offset=2**31 - 2 if n == 1 else n, bucket_counts=[1]),
                            negative=Buckets(offset=-(2**31) + 2 if n == 2 else n, bucket_counts=[1]),
                        )
                        for n, when in enumerate(at)
                    ),
                ),
                summary("summary", *(SummaryDataPoint(time_unix_nano=when, count=n) for n, when in enumerate(at))),
            ]
        },
    )
    document = service.get("/openapi.json")
    return {
        path: Draft202012Validator(
            {
                **item["get"]["responses"]["200"]["content"]["application/json"]["schema"],
                "components": document["components"],
            }
        )
        for path, item in document["paths"].items()
        if path.startswith("/api/v1/metrics/") and "{" not in path
    }


asked = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(METRICS),
        "from": st.sampled_from([START, START - MINUTE, START + 1, 0, "now-1h"]),
    },
    optional={
        "to": st.sampled_from([START + 6 * MINUTE, START + 2, "now", "now+1h", 4 * 10**18]),
        "aggregation": st.sampled_from(
            ["sum", "avg", "min", "max", "count", "last", "increase", "rate", "p0", "p99.9"]
        ),
        "over_time": st.sampled_from(["last", "avg", "min", "max", "sum", "count", "increase", "rate"]),
        "group_by": st.sampled_from(["", "service", "host", "resource.x,point.host", "a,b,c"]),
        "q": st.sampled_from(["", 'host = "1"', "host > 0 or not x exists", "("]),
        "staleness": st.sampled_from(["0s", "1ns", "1m", "1w"]),
        "limit": st.sampled_from([1, 1000]),
    },
)
over_time = st.fixed_dictionaries(
    {},
    optional={
        "step": st.sampled_from(["1ms", "1s", "7s", "1m", "1d", "0s"]),
        "max_points": st.sampled_from([2, 3, 120, 11_000]),
        "moving_average": st.sampled_from(["0s", "90s", "1h"]),
    },
)
compared = st.fixed_dictionaries({}, optional={"compare": st.sampled_from(["1ms", "1m", "50y", "1h"])})
trends = st.fixed_dictionaries(
    {},
    optional={
        "confidence": st.sampled_from([0.5, 0.999]),
        "horizon": st.sampled_from(["0s", "1h"]),
        "threshold": st.sampled_from([0, 1]),
        "seasonal": st.sampled_from(["true", "false"]),
    },
)
requests = st.one_of(
    st.tuples(st.just("/api/v1/metrics/query"), asked, compared),
    st.tuples(st.just("/api/v1/metrics/query_range"), asked, over_time, compared),
    st.tuples(st.just("/api/v1/metrics/trend"), asked, over_time, trends),
)


@settings(max_examples=examples(400))
@given(request=requests)
def test_is_answered_or_refused_with_a_reason(
    service: Service, schemas: dict[str, Draft202012Validator], request: Any
) -> None:
    path, *parameters = request
    merged = {name: value for part in parameters for name, value in part.items()}

    response = service.response(path, merged, tenant=TENANT)

    assert response.status_code in (200, 400, 404, 422), response.text
    content = json.loads(response.text, parse_constant=pytest.fail)
    if response.status_code == 200:
        schemas[path].validate(content)
    else:
        assert content["detail"]
