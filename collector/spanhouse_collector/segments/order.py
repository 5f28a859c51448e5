"""In which order segments are loaded. docs/operations.md has the rule in the operator's words."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import IntEnum

from spanhouse_collector.segments.segment import Segment

# With more than these, queries would lag behind by as long as it takes to load them all.
_BACKLOG = 8


class Rank(IntEnum):
    """Which segments come first."""

    FIRST = 0
    WHOLE = 1
    SUSPECT = 2


class LoadingOrder:
    """Segments that wait to be loaded; belongs to one event loop.

    Within a rank they come as they were put. Of a backlog of whole ones, in turn the oldest and the newest, if that was
    put after the last that was taken as the newest: so what is sent now can be queried soon while the backlog shrinks.
    fresh: set while one waits that has not failed.
    """

    def __init__(self) -> None:
        self._lanes: dict[Rank, deque[Segment]] = {rank: deque() for rank in Rank}
        self._newer = 0
        self._newest_next = False
        self._is_closed = False
        self._changed = asyncio.Event()
        self.fresh = asyncio.Event()

    def put(self, segment: Segment, rank: Rank) -> None:
        """Add one."""
        self._lanes[rank].append(segment)
        if rank is Rank.WHOLE:
            self._newer += 1
        self._note_change()

    def close(self) -> None:
        """Let `take` answer None once nothing is left."""
        self._is_closed = True
        self._note_change()

    async def take(self) -> tuple[Segment, bool] | None:
        """The next, and whether older ones that have not failed wait behind it. Waits for one; None at the end."""
        while not any(self._lanes.values()):
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        rank = next(rank for rank, lane in self._lanes.items() if lane)
        taken = self._from_whole() if rank is Rank.WHOLE else (self._lanes[rank].popleft(), False)
        self._note_change()
        return taken

    def _from_whole(self) -> tuple[Segment, bool]:
        lane = self._lanes[Rank.WHOLE]
        takes_newest = self._newest_next and self._newer > 0 and len(lane) > _BACKLOG
        self._newest_next = not takes_newest
        segment = lane.pop() if takes_newest else lane.popleft()
        self._newer = 0 if takes_newest else min(self._newer, len(lane))
        return segment, takes_newest

    def _note_change(self) -> None:
        self._changed.set()
        if self._lanes[Rank.FIRST] or self._lanes[Rank.WHOLE]:
            self.fresh.set()
        else:
            self.fresh.clear()
