"""An embedded store that keeps account of every statement of its query pool."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from spanhouse_storage import EmbeddedConfig, QueryLimits, QueryPool, Rows, Store, StoreConfig
from spanhouse_storage.embedded import EmbeddedEngine
from spanhouse_storage.engine import Settings

_TABLE = re.compile(r"\b(?:FROM|INTO) ([a-z]\w+_\w+|spans|resources)\b")


class _Engine(EmbeddedEngine):
    """Without the query condition cache, which would answer a repeated question from memory."""

    def client(self, settings: Settings | None = None) -> Client:
        return super().client({"use_query_condition_cache": 0, **(settings or {})})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: wall and CPU milliseconds, the latter of the whole process."""

    sql: str
    wall_ms: float
    cpu_ms: float

    @property
    def writes(self) -> str:
        """The table that it inserts into, or nothing."""
        found = re.match(r"\s*INSERT INTO (\w+)", self.sql)
        return found[1] if found else ""

    @property
    def tables(self) -> str:
        """The tables that it names."""
        return " ".join(sorted(set(_TABLE.findall(self.sql))))


class TimedPool(QueryPool):
    """A query pool that says of its statements, run one after another, how long they took."""

    def __init__(self, engine: EmbeddedEngine, config: StoreConfig) -> None:
        super().__init__(engine.client, config.query_clients, config.limits)
        self.statements: list[Statement] = []

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, limits: QueryLimits | None = None
    ) -> Rows:
        """See QueryPool."""
        with self._timed(sql):
            return await super().rows(sql, parameters, limits=limits)

    async def raw(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        output: str,
        settings: Mapping[str, str | int | float] | None = None,
        limits: QueryLimits | None = None,
    ) -> bytes:
        """See QueryPool."""
        with self._timed(sql):
            return await super().raw(sql, parameters, output=output, settings=settings, limits=limits)

    async def execute(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, limits: QueryLimits | None = None
    ) -> None:
        """See QueryPool."""
        with self._timed(sql):
            await super().execute(sql, parameters, limits=limits)

    @contextmanager
    def _timed(self, sql: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.statements.append(Statement(sql, wall * 1000, cpu * 1000))


def open_timed_store(folder: Path) -> tuple[Store, TimedPool]:
    """The store in a folder as the product opens it, but for the query condition cache; and its pool."""
    config = StoreConfig(engine=EmbeddedConfig(path=folder))
    assert isinstance(config.engine, EmbeddedConfig)
    engine = _Engine(config.engine)
    store = Store(engine, config)
    pool = store.queries = TimedPool(engine, config)
    return store, pool


def forget_what_was_read(store: Store) -> None:
    """Empty the engine's caches; the system's page cache stays."""
    for cache in ("MARK", "INDEX MARK", "PRIMARY INDEX"):
        store.command(f"SYSTEM DROP {cache} CACHE")


def wait_for_merges(store: Store, seconds: float = 1200) -> None:
    """Return once no part has been merging for a few seconds."""
    deadline, quiet = time.monotonic() + seconds, 0
    while quiet < 5:
        if time.monotonic() > deadline:
            raise SystemExit(f"parts are still being merged after {seconds:g} s")
        time.sleep(1)
        quiet = 0 if store.rows("SELECT count() AS n FROM system.merges")[0]["n"] else quiet + 1
