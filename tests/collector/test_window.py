"""What the engine may have forgotten is not stored twice, and a replay is always of the same segments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spanhouse_collector.segments import Segment
from spanhouse_collector.window import REMEMBERED, SAFE, Window
from spanhouse_storage import DataDirectory, Store, StoreUnavailable

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


def overtaken(data: DataDirectory, times: int) -> None:
    """Let an earlier process have stored so many younger segments."""
    data.log.mkdir(parents=True, exist_ok=True)
    names = [f"{number:020d}-bbbbbbbb" for number in range(10, 10 + times)]
    (data.log / "stored").write_text("\n".join([*names, ""]))


def test_overtaking_is_counted_by_name_and_outlives_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "log" / "traces"
    folder.mkdir(parents=True)
    window = Window(tmp_path / "log")
    window.open()
    for number in range(1, 1001):
        path = folder / f"{number:020d}-cccccccc.frames"
        path.touch()
        window.remove(Segment(path, 0, 0))
    for seen in (window, Window(tmp_path / "log")):
        seen.open()
        assert seen.overtook(Segment(folder / "00000000000000000990-cccccccc.frames", 0, 0)) == 10
        assert seen.overtook(Segment(folder / f"{OLD}.frames", 0, 0)) == REMEMBERED
        assert seen.overtook(Segment(folder / "00000000000000002000-cccccccc.frames", 0, 0)) == 0
        seen.close()
    assert list(folder.iterdir()) == []
    assert len((tmp_path / "log" / "stored").read_text().splitlines()) == REMEMBERED


async def test_what_was_stored_longer_ago_than_the_engine_remembers_is_not_stored_again(
    start: Start, store: Store, data: DataDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    found = left_behind(data, OLD, body(), body())
    store.insert_segment(found.path, "a token that the engine has forgotten")
    overtaken(data, SAFE)
    async with start() as running:
        await running.loaded()
        assert (running.new_spans(), running.collector.status()["quarantined"]) == (0, 1 + 1)
    assert "more segments overtook it than the engine remembers" in caplog.text
    (kept,) = data.quarantine.glob("*.frames")
    assert json.loads(kept.with_suffix(".json").read_text())["kind"] == "partial"


async def test_what_was_overtaken_and_never_stored_is_stored(start: Start, data: DataDirectory) -> None:
    left_behind(data, OLD, body(), body())
    overtaken(data, REMEMBERED)
    async with start() as running:
        await running.stored(2)
        await running.loaded()
        assert running.collector.status()["quarantined"] == 0


async def test_what_the_engine_remembers_is_left_to_it(start: Start, store: Store, data: DataDirectory) -> None:
    found = left_behind(data, "00000000000000000002-dddddddd", body())
    store.insert_segment(found.path, found.token)
    overtaken(data, SAFE - 1)
    async with start() as running:
        await running.loaded()
        assert (running.new_spans(), running.collector.status()["quarantined"]) == (0, 0)


async def test_a_replay_is_of_the_same_segments_whatever_is_configured(
    start: Start, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[dict[str, bytes]] = []

    def down(_: Store, path: Path, token: str) -> None:
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

    def noting(store: Store, path: Path, token: str) -> None:
        loaded[token] = path.read_bytes()
        insert(store, path, token)

    monkeypatch.setattr(Store, "insert_segment", noting)
    async with start(segment_bytes=1) as running:
        await running.loaded()
    assert loaded == before
