"""Queries from the event loop: bound values, limits and cancellation, on both engines."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import anyio
import pytest
from clickhouse_connect.driver.client import Client
from spanhouse_storage import (
    EmbeddedConfig,
    QueryCancelled,
    QueryLimits,
    QueryPool,
    QueryTimeout,
    QueryTooLarge,
    Store,
    StoreConfig,
    StoreError,
    StoreUnavailable,
    open_store,
)
from spanhouse_storage.embedded import count_rows

ENDLESS = "SELECT sum(sipHash64(number)) AS s FROM numbers(1000000000000)"
RUNNING = "SELECT count() AS n FROM system.processes WHERE startsWith(query, 'SELECT sum(sipHash64')"


def test_values_are_bound_not_pasted(empty_store: Store) -> None:
    hostile = "'; DROP TABLE spans; -- \\' \n\t\0"
    found = anyio.run(empty_store.queries.rows, "SELECT {value:String} AS value", {"value": hostile})
    assert found.rows == [{"value": hostile}]


def test_an_answer_tells_what_was_read(empty_store: Store) -> None:
    found = anyio.run(empty_store.queries.rows, "SELECT sum(number) AS n FROM numbers(5000)")
    assert (found.rows, found.rows_read) == ([{"n": 12497500}], 5000)


def test_the_embedded_engine_gives_a_query_the_threads_that_it_may_have(tmp_path: Path) -> None:
    explained = "EXPLAIN PIPELINE SELECT sum(number) FROM numbers_mt(100000000)"
    with closing(open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path)))) as store:
        found = anyio.run(partial(store.queries.rows, limits=QueryLimits(threads=2)), explained)
    assert any(row["explain"].endswith(" 2") for row in found.rows)


def test_raw_output_is_the_engines_own(empty_store: Store) -> None:
    async def ask() -> bytes:
        return await empty_store.queries.raw(
            "SELECT number AS n FROM numbers(2)",
            output="JSONEachRow",
            settings={"output_format_json_quote_64bit_integers": 1},
        )

    assert anyio.run(ask) == b'{"n":"0"}\n{"n":"1"}\n'


@pytest.mark.parametrize(
    ("sql", "limits", "error"),
    [
        (ENDLESS, QueryLimits(seconds=0.3), QueryTimeout),
        ("SELECT groupArray(number) FROM numbers(100000000)", QueryLimits(memory=50_000_000), QueryTooLarge),
        ("SELECT sum(number) FROM numbers(1000000)", QueryLimits(rows=1000), QueryTooLarge),
        ("SELECT no_such_column", QueryLimits(), StoreError),
    ],
)
def test_a_query_past_its_limit_says_which(
    empty_store: Store, sql: str, limits: QueryLimits, error: type[StoreError]
) -> None:
    async def ask() -> None:
        await empty_store.queries.rows(sql, limits=limits)

    with pytest.raises(error):
        anyio.run(ask)


def test_a_cancelled_query_ends_in_the_engine(empty_store: Store) -> None:
    async def cancel() -> tuple[int, bool, int]:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(empty_store.queries.rows, ENDLESS)
                seen = 0
                with anyio.fail_after(10):
                    while not seen:
                        seen = (await empty_store.queries.rows(RUNNING)).rows[0]["n"]
                scope.cancel()
        return seen, scope.cancelled_caught, (await empty_store.queries.rows(RUNNING)).rows[0]["n"]

    assert anyio.run(cancel) == (1, True, 0)


def test_more_queries_than_clients_wait_for_their_turn(empty_store: Store) -> None:
    async def ask() -> list[int]:
        answers: list[int] = []

        async def one(value: int) -> None:
            found = await empty_store.queries.rows("SELECT {value:UInt32} AS value", {"value": value})
            answers.append(found.rows[0]["value"])

        async with anyio.create_task_group() as tasks:
            for value in range(20):
                tasks.start_soon(one, value)
        return sorted(answers)

    assert anyio.run(ask) == list(range(20))


def test_closing_ends_what_still_runs(empty_store: Store) -> None:
    async def close() -> list[StoreError]:
        ended: list[StoreError] = []

        async def endless() -> None:
            try:
                await empty_store.queries.rows(ENDLESS)
            except StoreError as error:
                ended.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(endless)
            with anyio.fail_after(10):
                while not (await empty_store.queries.rows(RUNNING)).rows[0]["n"]:
                    pass
            await anyio.to_thread.run_sync(empty_store.queries.close)
        return ended

    assert [type(error) for error in anyio.run(close)] == [QueryCancelled]


def test_asyncios_cancellation_waits_for_the_query_to_end_too(empty_store: Store) -> None:
    async def cancel() -> int:
        task = asyncio.create_task(empty_store.queries.rows(ENDLESS))
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(running, empty_store):
                assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(running, empty_store)

    assert asyncio.run(cancel()) == 0


class Unopened:
    """Opens the first clients with those of a store, and fails as a server that is gone does after them."""

    def __init__(self, store: Store, clients: int) -> None:
        self._open = store.queries._open_client
        self._left = clients

    def __call__(self) -> Client:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("cannot open the store")
        return self._open()


def test_a_query_that_cannot_be_stopped_in_the_engine_still_ends_as_cancelled(empty_store: Store) -> None:
    pool = QueryPool(Unopened(empty_store, clients=1), size=1, limits=QueryLimits(seconds=1))

    async def cancel() -> bool:
        with anyio.move_on_after(0.3) as scope:
            await pool.rows(ENDLESS)
        return scope.cancelled_caught

    with closing(pool):
        assert anyio.run(cancel)


@pytest.mark.parametrize("store_config", ["embedded"], indirect=True)
def test_closing_closes_every_client_even_if_the_engine_is_gone(empty_store: Store) -> None:
    pool = QueryPool(Unopened(empty_store, clients=1), size=1, limits=QueryLimits(seconds=1))

    async def close_while_it_runs() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ignoring_the_end, pool)
            with anyio.fail_after(10):
                while not await anyio.to_thread.run_sync(running, empty_store):
                    pass
            await anyio.to_thread.run_sync(pool.close)

    anyio.run(close_while_it_runs)
    (client,) = pool._all
    with pytest.raises(Exception, match="closed"):
        client.command("SELECT 1")


def test_it_tells_how_many_queries_run_and_wait(empty_store: Store) -> None:
    pool = QueryPool(empty_store.queries._open_client, size=1, limits=QueryLimits(seconds=60))
    before = pool.busy, pool.waiting

    async def crowd() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ignoring_the_end, pool)
            with anyio.fail_after(10):
                while (pool.busy, pool.waiting) != (1, 2):
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    with closing(pool):
        anyio.run(crowd)
        assert before == (pool.busy, pool.waiting) == (0, 0)


async def ignoring_the_end(pool: QueryPool) -> None:
    with suppress(StoreError):
        await pool.rows(ENDLESS)


def test_an_error_of_ours_is_raised_as_it_is_and_not_in_a_group(empty_store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="cannot open"):
        anyio.run(QueryPool(Unopened(empty_store, clients=0), size=1, limits=QueryLimits()).rows, "SELECT 1")
    with pytest.raises(ValueError, match="identifier"):
        anyio.run(raw_with_a_wrong_setting, empty_store)


async def raw_with_a_wrong_setting(store: Store) -> bytes:
    return await store.queries.raw("SELECT 1", output="CSV", settings={"": 1})


def running(store: Store) -> int:
    return int(store.rows(RUNNING)[0]["n"])


def test_a_driver_that_counts_rows_in_another_way_is_noticed() -> None:
    with pytest.raises(StoreError, match=r"clickhouse-connect .* counts rows in another way"):
        count_rows(cast(Client, SimpleNamespace(_backend=object())))
