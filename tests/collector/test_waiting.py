"""A segment that the engine has no memory for waits behind the others, and they do not wait for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from spanhouse_collector.loading import loader
from spanhouse_storage import DataDirectory, Store, StoreUnavailable
from spanhouse_storage.engine import Signal

from tests.collector.conftest import Start
from tests.support.spans import request, segment, span

pytestmark = pytest.mark.anyio

BOMB = "00000000000000000001-aaaaaaaa"
MEMORY_LIMIT_EXCEEDED = 241


class NoMemory(StoreUnavailable):
    code = MEMORY_LIMIT_EXCEEDED


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is loaded, in order; for the bomb there is never enough memory."""
    names: list[str] = []
    insert = Store.insert_segment

    def inserting(store: Store, path: Path, token: str, *signal: Signal) -> None:
        names.append(token)
        if token.startswith(BOMB):
            raise NoMemory("too little")
        insert(store, path, token, *signal)

    monkeypatch.setattr(Store, "insert_segment", inserting)
    return names


def body() -> bytes:
    return request({"web": [span()]}).SerializeToString()


def left_behind(data: DataDirectory, *names: str) -> None:
    folder = data.log / "traces"
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.frames").write_bytes(segment([body()]))


async def test_all_others_are_tried_before_it_is_tried_again(
    start: Start, data: DataDirectory, tried: list[str]
) -> None:
    others = [f"0000000000000000000{number}-bbbbbbbb" for number in range(2, 8)]
    left_behind(data, BOMB, *others)
    async with start() as running:
        await running.stored(len(others))
        assert tried[: len(others) + 1] == [BOMB, *others]
        await running.loaded(60)
        assert running.collector.status()["quarantined"] == 1


async def test_what_comes_ends_the_pause(
    start: Start, data: DataDirectory, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_FIRST_DELAY", 120.0)
    left_behind(data, BOMB)
    async with start(segment_age=0.1) as running:
        assert (await running.post(body())).status_code == 200
        await running.stored(1)
    assert tried[0] == BOMB
