"""What the rollups say between the nodes of a timeline: one statement for all series of a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.endpoint import Call
from spanhouse_query.percentiles import SKETCH_FUNCTIONS
from spanhouse_query.red import red_rows
from spanhouse_query.series.labels import Identity, LabelKey, Labels, identity
from spanhouse_query.service_map.edge_source import read_edges
from spanhouse_query.service_map.known_names import KNOWN_SERVICE
from spanhouse_query.sketches import WRITTEN, sketches_of
from spanhouse_query.span_metrics.conditions import Alternatives, condition
from spanhouse_query.span_metrics.names import Counted, SpanMetric
from spanhouse_query.span_metrics.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Wanted:
    """Series of a metric: those that satisfy all matchers of one of the alternatives."""

    metric: SpanMetric
    alternatives: Alternatives


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, by series and cell of a timeline.

    labels: of each series. series, cell, value: an entry for each pair that anything happened in. entry, key, count: of
    its durations those of one bucket of the sketch, where these were asked for.
    """

    labels: Sequence[Labels]
    series: NDArray[np.int64]
    cell: NDArray[np.int64]
    value: NDArray[np.float64]
    entry: NDArray[np.int64]
    key: NDArray[np.int64]
    count: NDArray[np.float64]

    def summed(self, key: LabelKey) -> Counts:
        """With other labels; series whose labels become the same are one, and have several entries for a cell."""
        numbers: dict[Identity, int] = {}
        labels = [key(own) for own in self.labels]
        group = np.array([numbers.setdefault(identity(own), len(numbers)) for own in labels], np.int64)
        firsts = np.unique(group, return_index=True)[1]
        series = group[self.series] if group.size else self.series
        return replace(self, labels=[labels[first] for first in firsts], series=series)


def counts_sql(metric: SpanMetric, rows: str, where: str = "true") -> str:
    """One row a series, with arrays of what was counted from one of the {nodes} to the next."""
    counted = metric.rows
    start = "minute" if counted.source == "edges" else "start"
    labels = [f"{expression} AS label_{number}" for number, expression in enumerate(counted.labels.values())]
    names = [f"label_{number}" for number in range(len(labels))]
    buckets = WRITTEN.format(f"sumMap({metric.buckets})") if metric.buckets else "''"
    if "e.silent" in metric.stored:
        rows = _with_silent(rows)
    functions = f"WITH {SKETCH_FUNCTIONS}" if "bucket_middle" in metric.value else ""
    return f"""
{functions}
SELECT
    {", ".join(names)},
    groupArray(node) AS nodes,
    groupArray(value) AS values,
    groupArray(buckets) AS buckets
FROM
(
    SELECT
        {", ".join(labels)},
        roundDown(toUnixTimestamp(e.{start}), {{nodes:Array(UInt32)}}) AS node,
        sum({metric.stored}) AS stored_values,
        sum({metric.value})::Float64 AS value,
        {buckets} AS buckets
    FROM ({rows}
    ) AS e
    {counted.split}
    WHERE {where}
    GROUP BY {", ".join(names)}, node
    HAVING stored_values > 0
)
GROUP BY {", ".join(names)}
ORDER BY {", ".join(names)}
"""


def _with_silent(edges: str) -> str:
    """Edges with a column that says whether their server sends no spans."""
    return f"""
    SELECT *, s.server_type::String != 'service' OR s.server NOT IN ({KNOWN_SERVICE}) AS silent FROM ({edges}
    ) AS s"""


async def read(call: Call, wanted: Wanted, timeline: Timeline) -> Counts:
    """The counts of a metric from the coarsest rollups that have them."""
    counted = wanted.metric.rows
    held = condition(counted.labels, wanted.alternatives)
    bound: dict[str, Any] = {**held.parameters, "nodes": timeline.nodes[:-1].tolist()}
    if counted.source == "edges":
        found = await read_edges(
            call,
            timeline.range,
            lambda edges: counts_sql(wanted.metric, edges),
            usable=timeline.usable,
            where=f"client != '' AND {held.sql}",
            **bound,
        )
        rows = found.rows
    else:
        red = red_rows(timeline.range, call.settings.retention, call.reader.now, usable=timeline.usable)
        rows = await call.reader.rows(counts_sql(wanted.metric, red.sql, held.sql), {**red.parameters, **bound})
    return _counts(rows, counted, timeline, buckets=bool(wanted.metric.buckets))


def _counts(rows: Sequence[Mapping[str, Any]], counted: Counted, timeline: Timeline, *, buckets: bool) -> Counts:
    sizes = [len(row["nodes"]) for row in rows]
    nodes = np.fromiter(chain.from_iterable(row["nodes"] for row in rows), np.int64, sum(sizes))
    texts = chain.from_iterable(row["buckets"] for row in rows) if buckets else ()
    sketches = sketches_of((0, 0, 0, text) for text in texts)
    return Counts(
        labels=[_labels(row, counted) for row in rows],
        series=np.repeat(np.arange(len(rows)), sizes),
        cell=np.searchsorted(timeline.nodes, nodes).astype(np.int64),
        value=np.fromiter(chain.from_iterable(row["values"] for row in rows), np.float64, sum(sizes)),
        entry=sketches.rows,
        key=sketches.keys.astype(np.int64),
        count=sketches.weights,
    )


def _labels(row: Mapping[str, Any], counted: Counted) -> dict[str, str]:
    found = {label: row[f"label_{number}"] for number, label in enumerate(counted.labels)}
    return {label: value for label, value in found.items() if value}
