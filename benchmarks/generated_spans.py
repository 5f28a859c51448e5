"""Spans of a mesh of sixty services, made inside the engine: whole traces, so that it is known what the map must say.

A trace has eight spans, six of them at a boundary: a user's request to a gateway, which calls a backend, which queries
a database and sends to a queue, from which a worker receives; backend and worker each have a span of their own inside.
That makes five calls. Durations are log-normal, and one span in 97 failed.
"""

from __future__ import annotations

from spanhouse_storage import Store

from benchmarks.statements import statement

SPANS_PER_TRACE = 8
CALLS_PER_TRACE = 5
MINUTE = 60
_TRACES_AT_ONCE = 30_000


def add_resources(store: Store, tenant: str) -> None:
    """What sends the spans: three instances of each service."""
    store.command(statement("mesh_resources"), {"tenant": tenant})


def add_minute(store: Store, tenant: str, minute: int, *, before: int, traces: int) -> None:
    """Spans of `traces` traces that start in a minute (unix seconds); `before`: traces that were added earlier.

    They are inserted as a loader would: the views fire, and no trace is torn.
    """
    for first in range(before, before + traces, _TRACES_AT_ONCE):
        count = min(_TRACES_AT_ONCE, before + traces - first)
        numbers = {"minute": minute, "before": before, "in_minute": traces, "first": first, "count": count}
        store.command(statement("mesh_spans"), {"tenant": tenant, **numbers})


def some_trace_ids(store: Store, stored: int, wanted: int) -> list[str]:
    """Ids of `wanted` among the first `stored` traces, evenly spread."""
    rows = store.rows(statement("mesh_trace_ids"), {"stored": stored, "wanted": wanted})
    return [row["trace_id"] for row in rows]
