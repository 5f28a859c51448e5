"""What the engine may have forgotten is not stored twice, and a replay is always of the same segments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spanhouse_collector.loading.window import REMEMBERED, SAFE, Window
from spanhouse_collector.segments import Segment
from spanhouse_storage import DataDirectory, Store, StoreUnavailable
from spanhouse_storage.engine import Signal

from tests.collector.conftest import Start
from tests.support.spans import request, segment, span

pytestmark = pytest.mark.anyio

OLD = "00000000000000000001-aaaaaaaa"


def body() -> bytes:
    return request({"web": [span()]}).SerializeToString()


def left_behind(data: DataDirectory, name: str, *bodies: bytes) -> Segment:
    folder = data.log / "traces"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.frames"
    path.write_bytes(segment(bodies))
    return Segment(path, path.stat().st_size, len(bodies))


def earlier(data: DataDirectory, times: int, *, tried: str | None = None) -> None:
    """Let an earlier process have stored so many segments, after it had tried one."""
    state = data.log / "traces.state"
    state.mkdir(parents=True, exist_ok=True)
    names = [f"{number:020d}-bbbbbbbb" for number in range(10, 10 + times)]
    lines = [f"?{tried}", *names] if tried else names
    (state / "stored").write_text("\n".join([*lines, ""]))


def numbered(folder: Path, number: int) -> Segment:
    return Segment(folder / f"{number:020d}-cccccccc.frames", 0, 0)


def store_some(window: Window, folder: Path, *numbers: int) -> None:
    for number in numbers:
        segment = numbered(folder, number)
        segment.path.touch()
        window.begin_try(segment)
        window.remove(segment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "log" / "traces"
    made.mkdir(parents=True)
    return made


def test_what_was_stored_since_a_first_try_is_counted_and_outlives_the_process(folder: Path) -> None:
    window = Window(folder.parent)
    window.open()
    assert window.begin_try(numbered(folder, 5000)) == 0
    store_some(window, folder, *range(1, 991))
    assert window.begin_try(numbered(folder, 6000)) == 0
    store_some(window, folder, *range(991, 1001))
    window.close()
    for _ in range(2):
        restarted = Window(folder.parent)
        restarted.open()
        assert restarted.begin_try(numbered(folder, 6000)) == 10
        assert restarted.begin_try(numbered(folder, 5000)) == REMEMBERED
        assert restarted.begin_try(numbered(folder, 998)) == 2
        restarted.close()
    assert list(folder.iterdir()) == []
    assert len((folder.parent / "stored").read_text().splitlines()) == REMEMBERED + 2


def test_older_segments_that_are_stored_after_a_try_count(folder: Path) -> None:
    window = Window(folder.parent)
    window.open()
    newest = numbered(folder, 9999)
    window.begin_try(newest)
    store_some(window, folder, *range(1, SAFE + 1))
    assert window.begin_try(newest) == SAFE
    window.close()


def test_what_is_given_up_is_kept_no_longer(folder: Path) -> None:
    window = Window(folder.parent)
    window.open()
    window.begin_try(numbered(folder, 1))
    window.give_up(numbered(folder, 1))
    window.close()
    restarted = Window(folder.parent)
    restarted.open()
    restarted.close()
    assert (folder.parent / "stored").read_text() == ""


async def test_what_was_stored_longer_ago_than_the_engine_remembers_is_not_stored_again(
    start: Start, store: Store, data: DataDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    found = left_behind(data, OLD, body(), body())
    store.insert_segment(found.path, "a token that the engine has forgotten")
    earlier(data, SAFE, tried=OLD)
    async with start() as running:
        await running.loaded()
        assert (running.new_spans(), running.collector.status()["quarantined"]) == (0, 1 + 1)
    assert "more segments overtook it than the engine remembers" in caplog.text
    (kept,) = (data.quarantine / "traces").glob("*.frames")
    assert json.loads(kept.with_suffix(".json").read_text())["kind"] == "partial"


async def test_a_segment_that_went_ahead_is_not_stored_again_after_a_backlog_of_older_ones(
    start: Start, store: Store, data: DataDirectory
) -> None:
    newest = "00000000000000009999-aaaaaaaa"
    found = left_behind(data, newest, body(), body())
    store.insert_segment(found.path, "another token that the engine has forgotten")
    earlier(data, SAFE, tried=newest)
    async with start() as running:
        await running.loaded()
        assert (running.new_spans(), running.collector.status()["quarantined"]) == (0, 1 + 1)


async def test_what_was_overtaken_and_never_stored_is_stored(start: Start, data: DataDirectory) -> None:
    left_behind(data, OLD, body(), body())
    earlier(data, REMEMBERED, tried=OLD)
    async with start() as running:
        await running.stored(2)
        await running.loaded()
        assert running.collector.status()["quarantined"] == 0


async def test_what_was_never_tried_is_stored_though_another_has_brought_a_part_of_it(
    start: Start, store: Store, data: DataDirectory
) -> None:
    found = left_behind(data, "00000000000000000003-eeeeeeee", body(), body())
    store.insert_segment(found.path, "sent again by somebody")
    earlier(data, REMEMBERED)
    async with start() as running:
        await running.stored(2)
        await running.loaded()
        assert running.collector.status()["quarantined"] == 0


async def test_what_the_engine_remembers_is_left_to_it(start: Start, store: Store, data: DataDirectory) -> None:
    found = left_behind(data, "00000000000000000002-dddddddd", body())
    store.insert_segment(found.path, found.token)
    earlier(data, SAFE - 1, tried=found.token)
    async with start() as running:
        await running.loaded()
        assert (running.new_spans(), running.collector.status()["quarantined"]) == (0, 0)


async def test_a_replay_is_of_the_same_segments_whatever_is_configured(
    start: Start, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[dict[str, bytes]] = []

    def down(_: Store, path: Path, token: str, *signal: Signal) -> None:
        tried[-1][token] = path.read_bytes()
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "insert_segment", down)
        for size, age in ((1000, 0.05), (1, 60.0), (1 << 20, 0.01)):
            tried.append({})
            async with start(segment_bytes=size, segment_age=age) as running:
                await running.post(body())
                first = min(path.stem for path in (data.log / "traces").iterdir())
                while first not in tried[-1]:
                    await running.post(body())
            assert len(tried[-1]) == 1
    assert tried[0] == tried[1] == tried[2]
    before = {path.stem: path.read_bytes() for path in (data.log / "traces").iterdir()}
    loaded: dict[str, bytes] = {}
    insert = Store.insert_segment

    def noting(store: Store, path: Path, token: str, *signal: Signal) -> None:
        loaded[token] = path.read_bytes()
        insert(store, path, token, *signal)

    monkeypatch.setattr(Store, "insert_segment", noting)
    async with start(segment_bytes=1) as running:
        await running.loaded()
    assert loaded == before
