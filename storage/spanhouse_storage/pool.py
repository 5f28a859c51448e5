"""Queries from the event loop: pooled clients in worker threads, bounded, and stopped when nobody waits any more."""

from __future__ import annotations

import threading
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
from anyio import to_thread
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_storage.config import QueryLimits
from spanhouse_storage.errors import StoreError, StoreUnavailable, query_error
from spanhouse_storage.sql import settings_clause

T = TypeVar("T")

_KILL = "KILL QUERY WHERE Settings['log_comment'] = {query:String} ASYNC"
_KILL_PREFIX = "KILL QUERY WHERE startsWith(Settings['log_comment'], {prefix:String}) SYNC"


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a query: rows by column name, and what it cost (rows read, milliseconds in the engine)."""

    rows: list[dict[str, Any]]
    rows_read: int
    elapsed_ms: float


class _Work:
    """What a worker thread does with a client, at most once, and not at all once it is given up."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._running = threading.Lock()
        self._given_up = False

    def __call__(self) -> None:
        with self._running:
            if not self._given_up:
                self._run()

    def give_up(self) -> None:
        """Return once no thread works on it, nor will."""
        self._given_up = True
        with self._running:
            return


class QueryPool:
    """A fixed number of clients, each opened when first needed; a query waits for a free one.

    A query is known to the engine by `log_comment`, the one mark that both engines carry, so that it can be stopped
    from another connection. Cancelling the awaiting task, by anyio or by asyncio, stops the query and waits until its
    thread has ended, so that no client is ever used by two. size: how many clients.
    """

    def __init__(self, open_client: Callable[[], Client], size: int, limits: QueryLimits) -> None:
        self._open_client = open_client
        self._limits = limits
        self.size = size
        self._slots = anyio.Semaphore(size)
        self._threads = anyio.CapacityLimiter(size)
        self._idle: list[Client] = []
        self._all: list[Client] = []
        self._killer: Client | None = None
        self._killing = threading.Lock()
        self._prefix = uuid.uuid4().hex
        self._closed = False

    @property
    def busy(self) -> int:
        """Clients that run a query."""
        return self.size - self._slots.value

    @property
    def waiting(self) -> int:
        """Queries that wait for a client."""
        return self._slots.statistics().tasks_waiting

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, limits: QueryLimits | None = None
    ) -> Rows:
        """Run a SELECT with bound `{name:Type}` parameters. Raises StoreError's subclasses."""

        def run(client: Client, settings: dict[str, Any]) -> Rows:
            result = client.query(sql, parameters=dict(parameters or {}), settings=settings)
            summary = result.summary
            elapsed_ms = int(summary.get("elapsed_ns", 0)) / 1e6
            return Rows(list(result.named_results()), int(summary.get("read_rows", 0)), elapsed_ms)

        return await self._run(run, limits)

    async def raw(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        output: str,
        settings: Mapping[str, str | int | float] | None = None,
        limits: QueryLimits | None = None,
    ) -> bytes:
        """Run a SELECT and give its answer as the engine writes it in the format `output`."""

        def run(client: Client, bounds: dict[str, Any]) -> bytes:
            clause = settings_clause({**bounds, **(settings or {})})
            return client.raw_query(f"{sql}\n{clause}", parameters=dict(parameters or {}), fmt=output)

        return await self._run(run, limits)

    async def execute(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, limits: QueryLimits | None = None
    ) -> None:
        """Run a statement that writes, such as INSERT ... SELECT, within the same bounds as a query."""

        def run(client: Client, settings: dict[str, Any]) -> None:
            client.command(sql, parameters=dict(parameters or {}), settings=settings)

        await self._run(run, limits)

    def close(self) -> None:
        """Stop every running query and close the clients. Called once the event loop has no more queries to send."""
        self._closed = True
        if len(self._idle) < len(self._all):
            self._kill(_KILL_PREFIX, {"prefix": self._prefix})
        for client in (*self._all, *([self._killer] if self._killer else [])):
            with suppress(ClickHouseError):
                client.close()

    async def _run(self, run: Callable[[Client, dict[str, Any]], T], limits: QueryLimits | None) -> T:
        query = f"{self._prefix}-{uuid.uuid4().hex}"
        settings = {**(limits or self._limits).settings(), "log_comment": query}
        outcome: list[T] = []
        failure: Exception | None = None
        async with self._client() as client, anyio.create_task_group() as tasks:
            work = _Work(lambda: outcome.append(run(client, settings)))
            ended = anyio.Event()
            tasks.start_soon(self._stop_when_cancelled, query, work, ended)
            try:
                await to_thread.run_sync(work, limiter=self._threads)
            except Exception as error:
                failure = error  # raised below: here it would leave the task group as a group
            ended.set()
        await anyio.lowlevel.checkpoint_if_cancelled()
        if isinstance(failure, ClickHouseError):
            raise query_error(failure) from failure
        if failure is not None:
            raise failure
        return outcome[0]

    async def _stop_when_cancelled(self, query: str, work: _Work, ended: anyio.Event) -> None:
        """Stop the query if this task is cancelled while the query's thread, which cannot be, still works.

        asyncio's own cancellation, unlike anyio's, does not wait for the thread either.
        """
        try:
            await ended.wait()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._kill, _KILL, {"query": query})
                await to_thread.run_sync(work.give_up)
            raise

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        if self._closed:
            raise StoreUnavailable("the store is closing")
        async with self._slots:
            client = self._idle.pop() if self._idle else await to_thread.run_sync(self._open)
            try:
                yield client
            finally:
                self._idle.append(client)

    def _open(self) -> Client:
        client = self._open_client()
        self._all.append(client)
        return client

    def _kill(self, sql: str, parameters: dict[str, str]) -> None:
        """Best effort: a query that cannot be stopped ends at its time limit."""
        with self._killing, suppress(ClickHouseError, StoreError):
            if self._killer is None:
                self._killer = self._open_client()
            self._killer.command(sql, parameters=parameters)
