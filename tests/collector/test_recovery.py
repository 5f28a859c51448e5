"""What an earlier process left is loaded; what is damaged is kept apart, and takes nothing with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from spanhouse_collector.frame import Frame, digest_of, frame_header
from spanhouse_collector.segments import Quarantine
from spanhouse_collector.segments.recovery import Recovered, recover

from tests.collector.conftest import Start
from tests.collector.failures import failing
from tests.support.spans import frame, request, span


def body(name: str = "operation") -> bytes:
    return request({"web": [span(name)]}).SerializeToString()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "log" / "traces"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def quarantine(tmp_path: Path) -> Path:
    return tmp_path / "data" / "quarantine"


def recovered(folder: Path, quarantine: Path) -> tuple[list[Recovered], list[Frame]]:
    kept = Quarantine(quarantine)
    kept.open()
    frames: list[Frame] = []
    return list(recover(folder, kept, frames.append)), frames


def test_only_the_damaged_frame_is_taken_out(folder: Path, quarantine: Path) -> None:
    frames = [frame(body(str(index))) for index in range(10)]
    damaged = bytearray(frames[3])
    damaged[-1] ^= 1
    path = folder / "00000000000000000001-aaaaaaaa.frames"
    path.write_bytes(b"".join([*frames[:3], damaged, *frames[4:]]))
    (found,), seen = recovered(folder, quarantine)
    whole = b"".join(frames[:3] + frames[4:])
    assert path.read_bytes() == whole
    assert (found.frames, found.segment.size, found.segment.items, len(seen)) == (9, len(whole), 9, 9)
    (torn,) = quarantine.glob("*.torn")
    assert torn.read_bytes() == damaged
    assert "checksum" in json.loads(torn.with_suffix(".json").read_text())["reason"]
    assert recovered(folder, quarantine)[0][0].damage == []


def test_a_tenant_that_is_no_text_is_damage(folder: Path, quarantine: Path) -> None:
    one = body()
    data = bytearray(frame(one, tenant="acme"))
    data[data.index(b"acme")] = 0xFF
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(bytes(data) + frame(body("whole")))
    (found,), _ = recovered(folder, quarantine)
    assert (found.frames, len(found.damage)) == (1, 1)


def test_another_tenant_is_damage(folder: Path, quarantine: Path) -> None:
    data = frame(body(), tenant="acme").replace(b"acme", b"bcme")
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(data)
    (found,), seen = recovered(folder, quarantine)
    assert (found.frames, seen) == (0, [])
    assert list(folder.iterdir()) == []
    assert [torn.read_bytes() for torn in quarantine.glob("*.torn")] == [data]


def test_a_tail_leaves_the_log_only_once_it_is_in_quarantine(
    folder: Path, quarantine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "00000000000000000001-aaaaaaaa.frames"
    data = frame(body("whole")) + frame(body("torn"))[:-1]
    path.write_bytes(data)
    with monkeypatch.context() as patch:
        failing(patch, os, "fsync")
        with pytest.raises(OSError, match="No space left"):
            recovered(folder, quarantine)
    assert path.read_bytes() == data
    assert recovered(folder, quarantine)[0][0].frames == 1


def test_halves_count_only_once_their_segment_is_gone(folder: Path, quarantine: Path) -> None:
    whole, first, second = (frame(body(name)) for name in ("whole", "first", "second"))
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(first + second)
    (folder / "00000000000000000001-aaaaaaaa-a.frames").write_bytes(first)
    (folder / "00000000000000000001-aaaaaaaa-b.frames.tmp").write_bytes(second[:10])
    (folder / "00000000000000000002-bbbbbbbb-a.frames").write_bytes(whole)
    found, _ = recovered(folder, quarantine)
    assert [(part.segment.token, part.frames) for part in found] == [
        ("00000000000000000001-aaaaaaaa", 2),
        ("00000000000000000002-bbbbbbbb-a", 1),
    ]
    assert len(list(folder.iterdir())) == 2


def test_what_is_kept_is_for_its_owner_alone(folder: Path, quarantine: Path) -> None:
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(frame(body())[:-1])
    recovered(folder, quarantine)
    assert quarantine.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in quarantine.iterdir()} == {0o600}


def test_every_frame_is_shown_and_counted(folder: Path, quarantine: Path) -> None:
    header = frame_header("t", 1, b"", digest=digest_of(b""), items=1)
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(header * 2000)
    kept = Quarantine(quarantine)
    kept.open()
    counted = 0

    def count(_: Frame) -> None:
        nonlocal counted
        counted += 1

    (found,) = recover(folder, kept, count)
    assert (counted, found.frames, found.segment.items) == (2000, 2000, 2000)


@pytest.mark.anyio
async def test_what_an_earlier_process_left_is_loaded_first_and_a_torn_tail_is_cut(
    start: Start, folder: Path, quarantine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tail = frame(body("torn"))[:-1]
    (folder / "00000000000000000001-11111111.frames").write_bytes(frame(body("a")) + frame(body("b")) + tail)
    (folder / "00000000000000000002-22222222.frames").write_bytes(b"")
    caplog.set_level("INFO")
    async with start() as running:
        await running.stored(2)
    assert list(folder.iterdir()) == []
    assert "kept 2 whole frames" in caplog.text
    assert [torn.read_bytes() for torn in quarantine.glob("traces/*.torn")] == [tail]
