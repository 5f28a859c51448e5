"""A segment in the form of others: its halves, or one repaired, which are segments of their own from then on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spanhouse_collector.frame import Frame
from spanhouse_collector.segments.durable import sync_folder, write_file
from spanhouse_collector.segments.segment import Segment

_NAMES = ("a", "b")
_REPAIRED = "r"


def split(segment: Segment, data: memoryview, frames: Sequence[Frame]) -> list[Segment]:
    """Put the halves of `frames`, which lie in `data`, in the place of `segment`. A single frame is one half.

    The segment goes last. As long as it is there its halves do not count (`parent_of`), so a crash at any moment leaves
    one form or the other, and the same names come out of a repetition. Raises OSError.
    """
    middle = len(frames) // 2
    halves = [
        _write(segment, name, data, part)
        for name, part in zip(_NAMES, (frames[:middle], frames[middle:]), strict=True)
        if part
    ]
    _give_up(segment)
    return halves


def repair(segment: Segment, frames: Sequence[bytes | memoryview]) -> Segment:
    """Put a segment of `frames`, which hold the same requests, in the place of `segment`; see `split`."""
    path = _named(segment, _REPAIRED)
    write_file(path, frames)
    _give_up(segment)
    size = sum(map(len, frames))
    return Segment(path, size, segment.items, is_repaired=True, is_adopted=segment.is_adopted)


def parent_of(path: Path) -> Path:
    """The segment that a half, or a repaired one, was made of; for any other, a path that does not exist."""
    return path.with_stem(path.stem.rpartition("-")[0] or "-")


def _named(segment: Segment, name: str) -> Path:
    return segment.path.with_stem(f"{segment.path.stem}-{name}")


def _give_up(segment: Segment) -> None:
    segment.path.unlink()
    sync_folder(segment.path.parent)


def _write(segment: Segment, name: str, data: memoryview, frames: Sequence[Frame]) -> Segment:
    path = _named(segment, name)
    write_file(path, (data[frame.start : frame.end] for frame in frames))
    size = sum(frame.end - frame.start for frame in frames)
    return Segment(path, size, sum(frame.items for frame in frames), is_adopted=segment.is_adopted)
