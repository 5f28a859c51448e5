"""ClickHouse inside this process (chDB)."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_storage.config import EmbeddedConfig
from spanhouse_storage.engine import CLIENT_SETTINGS, OTLP_PROTO, Settings, Signal
from spanhouse_storage.errors import StoreError
from spanhouse_storage.sql import literal

# The engine reads `FROM INFILE` as a pattern, in which nothing can be escaped, and chDB takes what follows a question
# mark for options.
_NOT_IN_PATHS = "{}*?"

# By default a query has no second thread unless 2 GiB of the engine's memory are free, which is more than it has here.
_SETTINGS: Settings = {**CLIENT_SETTINGS, "max_threads_min_free_memory_per_thread": 0}


class EmbeddedEngine:
    """chDB on a data folder that this process alone may open.

    The engine's own defaults take 90 % of the machine's memory and caches of 5 GB: both are set here. Raises StoreError
    for a path that the engine would not take literally.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        _require_literal(config.path)
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
                settings={**_SETTINGS, **(settings or {})},
            )
        except (ClickHouseError, RuntimeError) as error:
            raise StoreError(f"cannot open the embedded engine in {self._path}: {error}") from error

        count_rows(client)
        return client

    def protobuf(self, message: str) -> Settings:
        """Name the schema's own file: given as text, the engine would leave a copy in the working folder."""
        return {"format_schema_source": "file", "format_schema": f"{OTLP_PROTO}:{message}"}

    def insert(self, client: Client, signal: Signal, segment: Path, token: str) -> None:
        """Let the engine read the segment where it lies; see `Engine.insert`.

        Raises StoreError where it wrote nothing: a pattern that matches no file would be no error to the engine.
        """
        _require_literal(segment)
        # The comment at the end keeps the driver from expecting a result in that format instead of a summary.
        done = client.command(
            f"INSERT INTO {signal.table} FROM INFILE {literal(str(segment))} COMPRESSION 'none' "
            f"SETTINGS insert_deduplication_token = {literal(token)} FORMAT Protobuf -- frames"
        )
        if not int(getattr(done, "summary", {}).get("written_rows", 0)):
            raise StoreError(f"the embedded engine stored nothing of {segment}")

    def close(self) -> None:
        """Nothing to do: the engine ends with its last client."""


def _require_literal(path: Path) -> None:
    if found := sorted(set(_NOT_IN_PATHS) & set(str(path))):
        raise StoreError(
            f"the embedded engine cannot use {path}: the path has {' and '.join(found)} in it, which mean something to "
            "the engine; choose another folder with --data-dir"
        )


def count_rows(client: Client) -> None:
    """Let summaries say how many rows a query read and an insert wrote, repeats and views included.

    clickhouse-connect 1.12 takes chDB's `rows_read`, which counts the rows of the answer; what a server calls
    `read_rows` is `storage_rows_read`. Raises StoreError where the driver has nothing to put this in place of.
    """

    def summary(result: Any) -> dict[str, str]:
        return {
            "read_rows": str(result.storage_rows_read()),
            "written_rows": str(result.rows_written()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }

    backend: Any = getattr(client, "_backend", None)
    if not hasattr(backend, "_summary"):
        driver = version("clickhouse-connect")
        raise StoreError(f"clickhouse-connect {driver} counts rows in another way than Spanhouse knows; install 1.12")
    backend._summary = summary
