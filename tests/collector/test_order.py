"""Segments are loaded oldest first, and what comes behind a backlog in between."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from spanhouse_collector.segments import Segment
from spanhouse_collector.segments.order import LoadingOrder, Rank
from spanhouse_storage import DataDirectory, Store, StoreUnavailable
from spanhouse_storage.engine import Signal

from tests.collector.conftest import Start
from tests.support.spans import request, segment, span

pytestmark = pytest.mark.anyio


def numbered(number: int) -> Segment:
    return Segment(Path(f"{number:020d}-aaaaaaaa.frames"), 1, 1)


def number_of(found: Segment) -> int:
    return int(found.token.partition("-")[0])


def ordered(count: int) -> LoadingOrder:
    order = LoadingOrder()
    for number in range(count):
        order.put(numbered(number), Rank.WHOLE)
    return order


async def taken(order: LoadingOrder, count: int) -> list[int]:
    return [number_of(found[0]) for _ in range(count) if (found := await order.take())]


async def test_a_few_are_taken_oldest_first() -> None:
    assert await taken(ordered(8), 8) == list(range(8))


async def test_what_comes_behind_a_backlog_has_two_of_three_turns() -> None:
    order = ordered(9)
    for number in (9, 10, 11):
        order.put(numbered(number), Rank.WHOLE)
    assert await taken(order, 12) == [0, 9, 10, 1, 11, 2, 3, 4, 5, 6, 7, 8]


async def test_what_comes_faster_than_it_can_be_taken_joins_the_backlog_which_still_has_its_turns() -> None:
    order = ordered(100)
    found = []
    for number in range(100, 400, 2):
        for each in (number, number + 1):
            order.put(numbered(each), Rank.WHOLE)
        found += await taken(order, 1)
    of_backlog = [number for number in found if number < 99]
    assert len(of_backlog) >= len(found) / 3
    assert of_backlog == list(range(len(of_backlog)))
    assert max(found[-9:]) >= 380


async def test_who_takes_is_told_what_overtakes_others() -> None:
    order = ordered(9)
    order.put(numbered(9), Rank.WHOLE)
    told = [await order.take() for _ in range(3)]
    assert [(number_of(found[0]), found[1]) for found in told if found] == [(0, False), (9, True), (1, False)]


async def test_ranks_go_before_age() -> None:
    order = ordered(1)
    order.put(numbered(7), Rank.SUSPECT)
    order.put(numbered(8), Rank.FIRST)
    assert await taken(order, 3) == [8, 0, 7]


async def test_nothing_is_left_at_the_end() -> None:
    order = ordered(1)
    waiting = asyncio.create_task(taken(order, 3))
    await asyncio.sleep(0)
    order.close()
    assert await waiting == [0]


def left_behind(data: DataDirectory, count: int) -> list[str]:
    """Segments of an earlier process, one span each; their tokens."""
    folder = data.log / "traces"
    folder.mkdir(parents=True)
    run = secrets.token_hex(4)  # the store of this module knows the names of other tests' segments
    tokens = [f"{number:020d}-{run}" for number in range(1, count + 1)]
    for token in tokens:
        (folder / f"{token}.frames").write_bytes(segment([request({"web": [span()]}).SerializeToString()]))
    return tokens


async def test_what_was_being_stored_out_of_turn_at_a_crash_comes_first_after_it(
    start: Start, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = left_behind(data, 12)
    insert, tried = Store.insert_segment, list[str]()

    def failing_ahead(store: Store, path: Path, token: str, *signal: Signal) -> None:
        tried.append(token)
        if token == tokens[9]:
            raise StoreUnavailable("down")
        insert(store, path, token, *signal)

    def noting(store: Store, path: Path, token: str, *signal: Signal) -> None:
        tried.append(token)
        insert(store, path, token, *signal)

    monkeypatch.setattr(Store, "insert_segment", failing_ahead)
    async with start() as running:
        async with asyncio.timeout(20):
            while tokens[9] not in tried:
                await asyncio.sleep(0.02)
        assert running.new_spans() == 1
        await running.collector.stop(0.4)
    assert set(tried) == {tokens[0], tokens[9]}

    tried.clear()
    monkeypatch.setattr(Store, "insert_segment", noting)
    async with start() as running:
        await running.loaded()
        assert running.new_spans() == 11
    assert tried[:2] == [tokens[9], tokens[1]]


async def test_where_it_cannot_be_noted_nothing_overtakes_and_all_is_stored(
    start: Start, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = left_behind(data, 12)
    (data.log / "traces.state" / "ahead").mkdir(parents=True)
    insert, loaded = Store.insert_segment, list[str]()

    def noting(store: Store, path: Path, token: str, *signal: Signal) -> None:
        loaded.append(token)
        insert(store, path, token, *signal)

    monkeypatch.setattr(Store, "insert_segment", noting)
    async with start() as running:
        await running.stored(12)
    assert loaded[:9] == tokens[:9]
    assert sorted(loaded) == tokens
