"""What a log holds when it is opened: segments that were not loaded, the last of them perhaps cut off by a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spanhouse_collector.frame import Frame, TornFrame, frames_in
from spanhouse_collector.segments.segment import SUFFIX, Segment


@dataclass(frozen=True, slots=True)
class Recovered:
    """A segment found at start: its whole frames, and how many bytes after them were cut off and why."""

    segment: Segment
    frames: list[Frame]
    cut: int = 0
    reason: str = ""


def recover(folder: Path, quarantine: Path) -> Iterator[Recovered]:
    """Read every segment in `folder`, oldest first, and cut each to its whole, undamaged frames.

    A frame that was not written to its end was never acknowledged. What follows the last whole frame is kept in
    `quarantine` all the same, because damage in the middle of a file looks alike. Empty files are removed.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        found = _read(path)
        if found.cut:
            _cut(path, found.segment.size, quarantine)
        if found.frames:
            yield found
        else:
            path.unlink()
            if found.cut:
                yield found


def read_frames(path: Path) -> list[Frame]:
    """The frames of a segment. Raises TornFrame where it is damaged."""
    return list(frames_in(memoryview(path.read_bytes())))


def _read(path: Path) -> Recovered:
    data = path.read_bytes()
    frames, reason = _whole_frames(memoryview(data))
    whole = frames[-1].end if frames else 0
    segment = Segment(path, whole, sum(frame.spans for frame in frames))
    return Recovered(segment, frames, len(data) - whole, reason)


def _whole_frames(data: memoryview) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    try:
        for frame in frames_in(data):
            frames.append(frame)  # noqa: PERF402 - what was read before an error counts
    except TornFrame as torn:
        return frames, str(torn)
    return frames, ""


def _cut(path: Path, size: int, quarantine: Path) -> None:
    quarantine.mkdir(parents=True, exist_ok=True)
    with path.open("r+b") as file:
        file.seek(size)
        (quarantine / f"{path.stem}.torn").write_bytes(file.read())
        file.truncate(size)
        os.fsync(file.fileno())
