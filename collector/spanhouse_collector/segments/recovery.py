"""What a log holds when it is opened: segments that were not loaded, the last of them perhaps cut off by a crash."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spanhouse_collector.frame import Damage, Frame, scan
from spanhouse_collector.segments.durable import TEMPORARY, sync_folder, write_file
from spanhouse_collector.segments.halves import parent_of
from spanhouse_collector.segments.quarantine import Kind, Quarantine
from spanhouse_collector.segments.segment import SUFFIX, Segment, unreadable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A segment found at start: how many whole frames it has, and the damage that was taken out of it."""

    segment: Segment
    frames: int
    damage: Sequence[Damage]


def recover(folder: Path, quarantine: Quarantine, seen: Callable[[Frame], None]) -> Iterator[Recovered]:
    """Read every segment in `folder`, oldest first, reduce each to its whole frames, and show these to `seen`.

    A frame that was not written to its end was never acknowledged. Damage is kept in `quarantine` all the same, because
    the two look alike. Files without a whole frame are removed; one that cannot be read stays where it is, for another
    start. Raises OSError.
    """
    for unfinished in folder.glob(f"*{TEMPORARY}"):
        unfinished.unlink()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if parent_of(path).exists():
            path.unlink()  # the crash came before its parent was given up for it
            continue
        if error := unreadable(path):
            logger.error("segment %s: cannot be read and stays where it is: %s", path.name, error)
            continue
        found = _read(path, quarantine, seen)
        if not found.frames:
            path.unlink()
        if found.frames or found.damage:
            yield found
    sync_folder(folder)


def _read(path: Path, quarantine: Quarantine, seen: Callable[[Frame], None]) -> Recovered:
    data = memoryview(path.read_bytes())
    frames = items = size = 0
    damage: list[Damage] = []
    for found in scan(data):
        if isinstance(found, Damage):
            damage.append(found)
            continue
        seen(found)
        frames += 1
        items += found.items
        size += found.end - found.start
    if damage:
        keep_damage(path, data, damage, quarantine)
        write_file(path, _without(data, damage))
    return Recovered(Segment(path, size, items), frames, damage)


def keep_damage(path: Path, data: memoryview, damage: Sequence[Damage], quarantine: Quarantine) -> None:
    """Put the damaged parts of a segment into quarantine. Raises OSError."""
    for part in damage:
        name = f"{path.stem}-{part.start}.torn"
        quarantine.keep(name, data[part.start : part.end], kind=Kind.DAMAGED, reason=part.reason)


def _without(data: memoryview, damage: Sequence[Damage]) -> Iterator[memoryview]:
    start = 0
    for part in damage:
        yield data[start : part.start]
        start = part.end
    yield data[start:]
