"""The engine keeps each table for as long as it is told, and changes its mind when it is told otherwise."""

from __future__ import annotations

import time
from pathlib import Path

from spanhouse_storage import Retention, Store, apply_retention, migrate

from tests.support.polling import eventually
from tests.support.spans import SECOND, SERVER, request, segment, span

DAY = 86_400
SHORT = Retention(spans=DAY, minutes=2 * DAY, hours=3 * DAY, days=5 * DAY)


def sent_days_ago(store: Store, folder: Path, days: float) -> None:
    start = time.time_ns() - int(days * DAY * SECOND)
    path = folder / f"{days}.frames"
    path.write_bytes(segment([request({"web": [span(kind=SERVER, start=start)]}).SerializeToString()]))
    store.insert_segment(path, path.name)


def counts(store: Store) -> dict[str, int]:
    """Of the tables with a partition a day: the engine deletes whole parts, and merges those of a month."""
    tables = ("spans", "trace_index", "call_halves")
    return {table: store.rows(f"SELECT count() AS n FROM {table}")[0]["n"] for table in tables}


def test_what_is_too_old_is_deleted(store: Store, tmp_path: Path) -> None:
    migrate(store)
    apply_retention(store, Retention(spans=30 * DAY))
    sent_days_ago(store, tmp_path, 0.1)
    sent_days_ago(store, tmp_path, 20)
    assert counts(store) == dict.fromkeys(counts(store), 2)

    assert "spans" in apply_retention(store, SHORT)

    eventually(lambda: counts(store) == dict.fromkeys(counts(store), 1), seconds=60)


def test_is_set_once(store: Store) -> None:
    migrate(store)

    first = apply_retention(store, SHORT)

    assert {"spans", "call_halves", "red_1m", "service_edges_1h", "red_1d"} <= set(first)
    assert apply_retention(store, SHORT) == []
    assert apply_retention(store, Retention(spans=DAY, minutes=2 * DAY, hours=3 * DAY)) == [
        "resources",
        "metric_numbers_1d",
        "metric_rolled",
        "metric_series",
        "red_1d",
        "service_edges_1d",
        "edge_days",
    ]
