"""How long each table is kept: the engine deletes what is older, a part at a time (docs/adr/0008)."""

from __future__ import annotations

from collections.abc import Iterator

from spanhouse_storage.config import DAY, Retention
from spanhouse_storage.sql import identifier
from spanhouse_storage.store import Store

# Versions of rollups are kept a little longer than what they are of, so that none is ever taken for missing.
_MARGIN = 2 * DAY

_TABLES = """
SELECT name, extract(engine_full, ' TTL (.*?)( SETTINGS|$)') AS ttl
FROM system.tables WHERE database = currentDatabase()
"""


def apply_retention(store: Store, retention: Retention) -> list[str]:
    """Make the engine keep each table for as long as `retention` says; the tables whose rule changed.

    What is too old already is deleted in the background. A process that is cut off in between leaves some tables with
    the old rule, and the next start goes on.
    """
    present = {row["name"]: row["ttl"] for row in store.rows(_TABLES)}
    changed = []
    for table, age, seconds in _rules(retention):
        wanted = "" if seconds is None else f"{age} + toIntervalSecond({seconds})"
        if _plain(present[table]) == _plain(wanted):
            continue
        rule = f"MODIFY TTL {wanted}" if wanted else "REMOVE TTL"
        store.command(f"ALTER TABLE {identifier(table)} {rule}")
        changed.append(table)
    return changed


def _rules(retention: Retention) -> Iterator[tuple[str, str, int | None]]:
    """Table, what its age counts from, and seconds it is kept."""
    yield "spans", "toDateTime(ts)", retention.spans
    yield "trace_index", "toDateTime(last)", retention.spans
    yield "call_halves", "minute", retention.spans
    yield "red_1m", "minute", retention.minutes
    yield "service_edges_1m", "minute", retention.minutes
    yield "edge_minutes", "minute", retention.minutes + _MARGIN
    yield "resources", "toDateTime(last_seen)", retention.days
    for points in ("numbers", "histograms", "exponential_histograms", "summaries"):
        yield f"metric_{points}", "toDateTime(ts)", retention.minutes
    yield "metric_numbers_5m", "until", retention.minutes
    yield "metric_numbers_1h", "until", retention.hours
    yield "metric_numbers_1d", "until", retention.days
    yield "metric_arrivals", "until", retention.minutes
    yield "metric_rolled", "until", retention.days
    yield "metric_series", "toDateTime(last_seen)", retention.days
    yield "metric_refused", "hour", retention.hours
    yield "red_1h", "hour", retention.hours
    yield "service_edges_1h", "hour", retention.hours
    yield "edge_hours", "hour", retention.hours + _MARGIN
    yield "red_1d", "day", retention.days
    yield "service_edges_1d", "day", retention.days
    yield "edge_days", "day", None if retention.days is None else retention.days + _MARGIN


def _plain(expression: str) -> str:
    return "".join(expression.split())
