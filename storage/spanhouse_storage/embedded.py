"""ClickHouse inside this process (chDB)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_storage.config import EmbeddedConfig
from spanhouse_storage.engine import OTLP_PROTO, TRACES_TABLE, Settings
from spanhouse_storage.errors import StoreError
from spanhouse_storage.sql import literal


class EmbeddedEngine:
    """chDB on a data folder that this process alone may open.

    The engine's own defaults take 90 % of the machine's memory and caches of 5 GB: both are set here.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        self._path = config.path
        self._options = {
            "max_server_memory_usage": str(config.memory),
            "mark_cache_size": str(config.memory // 16),
            "index_mark_cache_size": str(config.memory // 32),
            "primary_index_cache_size": str(config.memory // 16),
            "uncompressed_cache_size": "0",
            "mmap_cache_size": "0",
        }

    def client(self, settings: Settings | None = None) -> Client:
        """Open a client; see `Engine.client`."""
        self._path.mkdir(parents=True, exist_ok=True)
        try:
            client = clickhouse_connect.get_client(
                interface="chdb",
                path=str(self._path),
                chdb_options=self._options,
                settings=dict(settings or {}),
            )
        except (ClickHouseError, RuntimeError) as error:
            raise StoreError(f"cannot open the embedded engine in {self._path}: {error}") from error

        _count_rows_read(client)
        return client

    def protobuf(self, message: str) -> Settings:
        """Name the schema's own file: given as text, the engine would leave a copy in the working folder."""
        return {"format_schema_source": "file", "format_schema": f"{OTLP_PROTO}:{message}"}

    def insert(self, client: Client, segment: Path, token: str) -> None:
        """Let the engine read the segment where it lies; see `Engine.insert`."""
        client.command(
            f"INSERT INTO {TRACES_TABLE} FROM INFILE {literal(str(segment))} "
            f"SETTINGS insert_deduplication_token = {literal(token)} FORMAT Protobuf"
        )

    def close(self) -> None:
        """Nothing to do: the engine ends with its last client."""


def _count_rows_read(client: Client) -> None:
    """Let the summary of a query say how many rows it read.

    clickhouse-connect 1.12 takes chDB's `rows_read`, which counts the rows of the answer; what a server calls
    `read_rows` is `storage_rows_read`.
    """

    def summary(result: Any) -> dict[str, str]:
        return {"read_rows": str(result.storage_rows_read()), "elapsed_ns": str(int(result.elapsed() * 1e9))}

    client._backend._summary = summary  # type: ignore[attr-defined]
