"""`python -m benchmarks.stages SPANS INSERTS`: what each step of storing a segment costs, as JSON.

Inserts the same segment under ever new names, at first with no view attached, so that the engine only reads it, then
with one view more each time; merges are held back and done at the end. What `benchmarks.suite` finds beyond the sum
of these is the receiver's: transport, check, log.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import spanhouse_storage
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, migrate, open_store

from benchmarks.suite.material import Combination, requests
from benchmarks.suite.stages import MERGING
from tests.support.spans import frame

# Of traces; a segment of spans does not come to the other views.
_SCHEMA = ("0001_traces.sql", "0002_service_edges.sql")
_VIEW = re.compile(r"^CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+)", re.MULTILINE)
_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"


def main() -> None:
    """Measure, on an empty folder."""
    spans, inserts = map(int, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        store = open_store(StoreConfig(engine=EmbeddedConfig(path=Path(name) / "engine")), create_database=True)
        try:
            migrate(store)
            steps = _steps(store, Path(name) / "segment", spans, inserts)
        finally:
            store.close()
    print(json.dumps(steps))


def _steps(store: Store, segment: Path, spans: int, inserts: int) -> dict[str, float]:
    """Microseconds of CPU a span by step: reading, each view beyond those before it, and merging."""
    sent = requests(Combination("mesh", "SDK"), cycle=spans, spans=spans)
    spans = sum(request.promised.spans for request in sent)
    segment.write_bytes(b"".join(frame(request.body) for request in sent))
    views = _views()
    store.command("SYSTEM STOP MERGES")
    for view in views:
        store.command(f"DETACH TABLE {view}")
    steps, before = {}, 0.0
    for view in ("", *views):
        if view:
            store.command(f"ATTACH TABLE {view}")
        taken = min(_cpu_us(partial(store.insert_segment, segment, f"{view}{number}")) for number in range(inserts + 1))
        steps[view or "reading protobuf"] = round((taken - before) / spans, 3)
        before = taken
    store.command("SYSTEM START MERGES")
    stored = int(store.rows("SELECT count() AS n FROM spans")[0]["n"])
    steps[MERGING] = round(_cpu_us(lambda: _merge(store)) / stored, 3)
    return steps


def _views() -> list[str]:
    """In the order of the schema, in which each stands after what it reads."""
    schema = files(spanhouse_storage) / "schema"
    return [view for name in _SCHEMA for view in _VIEW.findall((schema / name).read_text("utf-8"))]


def _merge(store: Store) -> None:
    for row in store.rows(_TABLES):
        store.command(f"OPTIMIZE TABLE `{row['name']}` FINAL")


def _cpu_us(do: Callable[[], None]) -> float:
    """Of the whole process, the engine's threads included."""
    before = time.process_time()
    do()
    return (time.process_time() - before) * 1e6


if __name__ == "__main__":
    main()
