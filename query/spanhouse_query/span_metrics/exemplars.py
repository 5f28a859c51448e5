"""Traces to look at: those that the edges of a minute name, and the slowest spans of a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spanhouse_query.config import MINUTE, SECOND
from spanhouse_query.endpoint import Call
from spanhouse_query.series.labels import Labels
from spanhouse_query.series.source import Exemplar
from spanhouse_query.service_map.edge_source import mapped_range, read_edges
from spanhouse_query.span_metrics.conditions import condition
from spanhouse_query.span_metrics.names import EDGES, SpanMetric
from spanhouse_query.span_metrics.reading import Wanted
from spanhouse_query.spans_where import IN_RANGE, LONGEST, range_bounds
from spanhouse_query.time_range import TimeRange

Found = list[tuple[Labels, Sequence[Exemplar]]]

_STRETCHES = 60
"""Into how many stretches a range is cut, each of which has exemplars of its own."""
_MOST = 10_000

# The labels of spans themselves, in the order of those of their rollups.
_OF_SPANS = {
    "service": "service::String",
    "span_name": "name::String",
    "span_kind": "concat('SPAN_KIND_', upper(kind::String))",
    "status_code": "if(status = 'error', 'STATUS_CODE_ERROR', 'STATUS_CODE_UNSET')",
}


def edges_sql(edges: str) -> str:
    """One row a series and stretch of {stretch} seconds: (duration, unix seconds, trace id) of three traces."""
    labels = [f"{expression} AS label_{number}" for number, expression in enumerate(EDGES.labels.values())]
    traces = [
        f"max((e.{name}.1, toUnixTimestamp(e.minute), lower(hex(e.{name}.2)))) AS {name}_trace"
        for name in ("slowest", "failed", "typical")
    ]
    return f"""
SELECT
    {", ".join(labels)},
    intDiv(toUnixTimestamp(e.minute), {{stretch:Int64}}) AS stretch,
    {", ".join(traces)}
FROM ({edges}
) AS e
WHERE e.stored > 0
GROUP BY label_0, label_1, label_2, stretch
ORDER BY label_0, label_1, label_2, stretch
LIMIT {{most:UInt32}}
"""


def spans_sql(labels: Sequence[str], where: str) -> str:
    """One row a series and stretch: the slowest span, with its start in unix milliseconds."""
    names = [f"label_{number}" for number in range(len(labels))]
    chosen = [f"{_OF_SPANS[label]} AS {name}" for label, name in zip(labels, names, strict=True)]
    return f"""
SELECT
    {", ".join(chosen)},
    intDiv(toUnixTimestamp(ts), {{stretch:Int64}}) AS stretch,
    argMax((toUnixTimestamp64Milli(ts), lower(hex(trace_id)), lower(hex(span_id))), duration) AS slowest,
    least(max(duration), {LONGEST}) AS took
FROM spans
WHERE {IN_RANGE} AND {where}
GROUP BY {", ".join(names)}, stretch
ORDER BY {", ".join(names)}, stretch
LIMIT {{most:UInt32}}
"""


async def exemplars(call: Call, wanted: Wanted, after: int, until: int) -> Found:
    """Exemplars in (after, until], unix milliseconds, by series; those of edges are dated by the start of a minute."""
    asked = TimeRange((after + 1) * 1_000_000, (until + 1) * 1_000_000)
    stretch = max(60, -(-(asked.end - asked.start) // MINUTE // _STRETCHES) * 60)
    if asked.end <= asked.start:
        return []
    if wanted.metric.rows is not EDGES:
        return await _of_spans(call, wanted, asked, stretch)
    held = condition(EDGES.labels, wanted.alternatives)
    bound: dict[str, Any] = {**held.parameters, "stretch": stretch, "most": _MOST}
    read = await read_edges(
        call,
        mapped_range(asked, call.reader.now, call.settings.retention),
        edges_sql,
        usable=lambda *_: False,
        where=f"client != '' AND {held.sql}",
        **bound,
    )
    found: dict[tuple[str, ...], dict[tuple[int, str], Exemplar]] = {}
    for row in read.rows:
        of_series = found.setdefault(_key(row, len(EDGES.labels)), {})
        for exemplar in _of_row(row, wanted.metric):
            if after < exemplar.ts <= until:
                of_series[exemplar.ts, exemplar.labels["trace_id"]] = exemplar
    return _by_series(found, list(EDGES.labels))


async def _of_spans(call: Call, wanted: Wanted, asked: TimeRange, stretch: int) -> Found:
    labels = list(wanted.metric.rows.labels)
    held = condition({label: _OF_SPANS[label] for label in labels}, wanted.alternatives)
    bound = {**range_bounds(asked), **held.parameters, "stretch": stretch, "most": _MOST}
    found: dict[tuple[str, ...], dict[tuple[int, str], Exemplar]] = {}
    for row in await call.reader.rows(spans_sql(labels, held.sql), bound):
        ts, trace_id, span_id = row["slowest"]
        value = row["took"] / SECOND if wanted.metric.part != "value" else 1.0
        one = Exemplar({"trace_id": trace_id, "span_id": span_id}, ts, value)
        found.setdefault(_key(row, len(labels)), {})[ts, trace_id] = one
    return _by_series(found, labels)


def _of_row(row: Mapping[str, Any], metric: SpanMetric) -> list[Exemplar]:
    names = ("failed",) if metric.family.endswith("_failed_total") else ("slowest", "typical", "failed")
    found = []
    for name in names:
        duration, second, trace_id = row[f"{name}_trace"]
        if trace_id.strip("0"):
            value = 1.0 if metric.part == "value" else duration / SECOND
            found.append(Exemplar({"trace_id": trace_id}, second * 1000, value))
    return found


def _key(row: Mapping[str, Any], labels: int) -> tuple[str, ...]:
    return tuple(row[f"label_{number}"] for number in range(labels))


def _by_series(found: Mapping[tuple[str, ...], Mapping[tuple[int, str], Exemplar]], labels: Sequence[str]) -> Found:
    return [
        (
            {label: value for label, value in zip(labels, key, strict=True) if value},
            [one for _, one in sorted(of_series.items())],
        )
        for key, of_series in found.items()
        if of_series
    ]
