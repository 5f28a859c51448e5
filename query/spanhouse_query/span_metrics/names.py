"""The metrics that are made from spans: what Grafana calls them, and what of the rollups they count.

Names and labels are those of Tempo's metrics generator (its processors service-graphs and span-metrics), which
Grafana's service graph asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from spanhouse_query.series.metric import Metric
from spanhouse_query.series.source import Part


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of a rollup to count. labels: by name the expressions of their columns. split: an ARRAY JOIN."""

    source: Literal["edges", "red"]
    labels: Mapping[str, str]
    split: str = ""


@dataclass(frozen=True, slots=True)
class SpanMetric:
    """What has one name in PromQL.

    family: the name without a suffix. part: what its samples are. rows: what it counts. stored: expression for how many
    stored calls or spans a row rests on; a series is only there where that is not 0. value: what a row adds. buckets:
    the map of a row's durations by bucket, empty where it is not asked for. help: what it is.
    """

    name: str
    family: str
    metric: Metric
    part: Part
    rows: Counted
    stored: str
    value: str
    buckets: str = ""
    help: str = ""

    @property
    def plain(self) -> SpanMetric:
        """What counts the rows alone, to see which series there are."""
        return replace(self, stored="e.stored" if self.rows.source == "edges" else "e.spans", value="0", buckets="")


@dataclass(frozen=True, slots=True)
class _Durations:
    """Expressions over a row: how many stored values, their weighted number, their sum in seconds, and buckets."""

    stored: str
    count: str
    total: str
    buckets: str


EDGES = Counted(
    "edges",
    {
        "client": "client::String",
        "server": "server::String",
        "connection_type": "multiIf(connection::String = 'messaging', 'messaging_system', connection::String = "
        "'database', 'database', connection::String = 'external' OR client_type::String = 'user', 'virtual_node', '')",
    },
)
_SPAN = {
    "service": "service::String",
    "span_name": "operation::String",
    "span_kind": "concat('SPAN_KIND_', upper(kind::String))",
}
SPANS = Counted("red", _SPAN)
SPANS_BY_STATUS = Counted(
    "red",
    {**_SPAN, "status_code": "status.1"},
    # Of spans that were sampled, the difference of two sums may be a little off zero.
    "ARRAY JOIN [('STATUS_CODE_UNSET', if(e.requests - e.errors > 1e-6, e.requests - e.errors, 0)),"
    " ('STATUS_CODE_ERROR', e.errors)] AS status",
)


def _of_view(view: str, instead: str = "") -> _Durations:
    """A sketch of edges. instead: the view that stands for it where the server sends no spans."""

    def member(name: str) -> str:
        own = f"e.{view}_ns.{name}"
        if not instead:
            return own
        return f"if(e.silent, e.{instead}_ns.{name}, {own})"

    middle = f"least(greatest(bucket_middle(k), toFloat64({member('min')})), toFloat64({member('max')}))"
    buckets = member("buckets")
    return _Durations(
        stored=member("n"),
        count=f"arraySum(mapValues({buckets}))",
        total=f"arraySum((k, n) -> n * {middle}, mapKeys({buckets}), mapValues({buckets})) / 1e9",
        buckets=buckets,
    )


def _counter(family: str, rows: Counted, stored: str, value: str, text: str) -> Iterator[SpanMetric]:
    metric = Metric(family, "sum", "", "cumulative", True)
    name = f"{family}_total"
    yield SpanMetric(name, name, metric, "value", rows, stored, value, "", text)


def _histogram(family: str, rows: Counted, durations: _Durations, text: str) -> Iterator[SpanMetric]:
    """As a classic histogram and, under the name without a suffix, as a native one."""
    metric = Metric(family, "histogram", "s", "cumulative")
    stored, count, total, buckets = durations.stored, durations.count, durations.total, durations.buckets
    yield SpanMetric(f"{family}_sum", family, metric, "sum", rows, stored, total, "", text)
    yield SpanMetric(f"{family}_count", family, metric, "count", rows, stored, count, "", text)
    yield SpanMetric(f"{family}_bucket", family, metric, "bucket", rows, stored, count, buckets, text)
    native = Metric(family, "exponential_histogram", "s", "cumulative")
    yield SpanMetric(family, family, native, "histogram", rows, stored, total, buckets, text)


_REQUEST = "traces_service_graph_request"
SPAN_METRICS: Mapping[str, SpanMetric] = {
    each.name: each
    for each in (
        *_counter(_REQUEST, EDGES, "e.stored", "e.calls", "Calls from a client to a server."),
        *_counter(f"{_REQUEST}_failed", EDGES, "e.stored", "e.errors", "Calls of which either side has status error."),
        *_histogram(
            f"{_REQUEST}_server_seconds",
            EDGES,
            _of_view("server", instead="client"),
            "How long calls took the server; where it sends no spans, as the client saw it.",
        ),
        *_histogram(
            f"{_REQUEST}_client_seconds", EDGES, _of_view("client"), "How long calls took as the client saw it."
        ),
        *_counter("traces_spanmetrics_calls", SPANS_BY_STATUS, "status.2 > 0", "status.2", "Spans."),
        *_histogram(
            "traces_spanmetrics_latency",
            SPANS,
            _Durations("e.spans", "e.requests", "e.duration_sum / 1e9", "e.buckets"),
            "How long spans took, of whatever status.",
        ),
    )
}
