"""The one place where the two engines differ: how a client is opened and how a segment is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clickhouse_connect.driver.client import Client

Settings = Mapping[str, str | int | float]

OTLP_PROTO = Path(__file__).parent / "schema" / "otlp.proto"


@dataclass(frozen=True, slots=True)
class Signal:
    """What OTLP carries: the message of otlp.proto that a segment is made of, and the table that takes it."""

    name: str
    message: str
    table: str


TRACES = Signal("traces", "Frame", "otlp_traces_in")
METRICS = Signal("metrics", "MetricsFrame", "otlp_metrics_in")

# For every client. A common table expression that is used twice is computed once (matching/calls.sql).
CLIENT_SETTINGS: Settings = {"enable_materialized_cte": 1}

# For the client that loads segments. They never change, so that a replay makes the same blocks: deduplication compares
# what an insert wrote block by block (docs/adr/0001), and one segment must always be one block.
LOAD_SETTINGS: Settings = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_protobuf_oneof_presence": 1,
    # Keeps what is computed once for a resource from being computed again for each of its spans: 2.9 instead of
    # 7.6 microseconds of CPU a span.
    "query_plan_merge_expressions": 0,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1 << 30,
    "max_insert_threads": 1,
    "max_threads": 1,
}


class Engine(Protocol):
    """A ClickHouse engine that clickhouse-connect can reach."""

    def client(self, settings: Settings | None = None) -> Client:
        """Open a client of its own; `settings` hold for everything it runs. One client runs one call at a time."""

    def protobuf(self, message: str) -> Settings:
        """The settings with which `FORMAT Protobuf` reads and writes `message` of otlp.proto."""

    def insert(self, client: Client, signal: Signal, segment: Path, token: str) -> None:
        """Insert a file of a signal's frames in one statement; a token that was inserted before adds nothing."""

    def close(self) -> None:
        """Release what the engine itself holds, once every client is closed."""
