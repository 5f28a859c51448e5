"""Queries from the event loop: bound values, limits and cancellation, on both engines."""

from __future__ import annotations

import anyio
import pytest
from spanhouse_storage import QueryCancelled, QueryLimits, QueryTimeout, QueryTooLarge, Store, StoreError

ENDLESS = "SELECT sum(sipHash64(number)) AS s FROM numbers(1000000000000)"
RUNNING = "SELECT count() AS n FROM system.processes WHERE startsWith(query, 'SELECT sum(sipHash64')"


def test_values_are_bound_not_pasted(empty_store: Store) -> None:
    hostile = "'; DROP TABLE spans; -- \\' \n\t\0"
    found = anyio.run(empty_store.queries.rows, "SELECT {value:String} AS value", {"value": hostile})
    assert found.rows == [{"value": hostile}]


def test_an_answer_tells_what_was_read(empty_store: Store) -> None:
    found = anyio.run(empty_store.queries.rows, "SELECT sum(number) AS n FROM numbers(5000)")
    assert (found.rows, found.rows_read) == ([{"n": 12497500}], 5000)


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
