"""The store: what the collector writes to and the query service reads from, on either engine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_storage.config import EmbeddedConfig, StoreConfig
from spanhouse_storage.embedded import EmbeddedEngine
from spanhouse_storage.engine import LOAD_SETTINGS, TRACES, Engine, Settings, Signal
from spanhouse_storage.errors import insert_error, query_error
from spanhouse_storage.pool import QueryPool
from spanhouse_storage.server import ServerEngine, receive_timeout


class Store:
    """One open engine with a client for segments, a client for control and a pool for queries.

    Methods without `async` block and belong in a thread; `queries` is for the event loop. `close` ends the running
    queries first, because an embedded engine must not be left while one runs.
    """

    def __init__(self, engine: Engine, config: StoreConfig) -> None:
        self._engine = engine
        self._loaders: dict[Signal, Client] = {}
        self._control = engine.client()
        self.queries = QueryPool(engine.client, config.query_clients, config.limits)

    def insert_segment(self, segment: Path, token: str, signal: Signal = TRACES) -> None:
        """Store a file of a signal's frames, all or nothing, and once for each token.

        Raises DataRefused where the engine will never take the bytes, StoreUnavailable where it may later. One caller
        of a signal at a time.
        """
        try:
            if signal not in self._loaders:
                self._loaders[signal] = self._engine.client({**LOAD_SETTINGS, **self._engine.protobuf(signal.message)})
            self._engine.insert(self._loaders[signal], signal, segment, token)
        except ClickHouseError as error:
            raise insert_error(error) from error

    def protobuf(self, message: str) -> Settings:
        """Settings for `queries.raw` to write `message` of otlp.proto (output `Protobuf`)."""
        return self._engine.protobuf(message)

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that answers nothing (DDL, migrations)."""
        try:
            self._control.command(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            raise query_error(error) from error

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a small query, for start-up and the command line; users' queries go through `queries`."""
        try:
            result = self._control.query(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            raise query_error(error) from error
        return list(result.named_results())

    def close(self) -> None:
        """End all queries and close every client; the store cannot be used afterwards."""
        self.queries.close()
        for client in (*self._loaders.values(), self._control):
            with suppress(ClickHouseError):
                client.close()
        self._engine.close()


def open_store(config: StoreConfig, *, create_database: bool = False) -> Store:
    """Open the engine that `config` names. Raises StoreError or StoreUnavailable with what to do about it.

    create_database: on a server, make the database if there is none, which readers may have no right to; SchemaError
    otherwise.
    """
    if isinstance(config.engine, EmbeddedConfig):
        return Store(EmbeddedEngine(config.engine), config)
    engine = ServerEngine(config.engine, receive_timeout(config.limits))
    engine.require_database(create=create_database)
    return Store(engine, config)
