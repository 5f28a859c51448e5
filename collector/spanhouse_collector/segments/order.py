"""In which order segments are loaded. docs/operations.md has the rule in the operator's words."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import IntEnum

from spanhouse_collector.segments.segment import Segment

# As many may wait and still be queryable soon; where more do, they are a backlog.
_SOON = 8
# Of so many turns, one is the backlog's, however much comes.
_TURNS = 3


class Rank(IntEnum):
    """Which segments come first."""

    FIRST = 0
    WHOLE = 1
    SUSPECT = 2


class LoadingOrder:
    """Segments that wait to be loaded; belongs to one event loop.

    Within a rank they come as they were put. Once more than eight whole ones wait they are a backlog: those that are
    put later have two of three turns, so that what is sent now can be queried soon, until they are more than eight
    themselves and go to the end of the backlog. fresh: set while one waits that has not failed.
    """

    def __init__(self) -> None:
        self._lanes: dict[Rank, deque[Segment]] = {rank: deque() for rank in Rank}
        self._backlog: deque[Segment] = deque()
        self._turn = 0
        self._is_closed = False
        self._changed = asyncio.Event()
        self.fresh = asyncio.Event()

    def put(self, segment: Segment, rank: Rank) -> None:
        """Add one."""
        self._lanes[rank].append(segment)
        if len(self._lanes[Rank.WHOLE]) > _SOON:
            self._backlog += self._lanes[Rank.WHOLE]
            self._lanes[Rank.WHOLE].clear()
        self._note_change()

    def close(self) -> None:
        """Let `take` answer None once nothing is left."""
        self._is_closed = True
        self._note_change()

    async def take(self) -> tuple[Segment, bool] | None:
        """The next, and whether older ones that have not failed wait behind it. Waits for one; None at the end."""
        while not self._backlog and not any(self._lanes.values()):
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        taken = self._next()
        self._note_change()
        return taken

    def _next(self) -> tuple[Segment, bool]:
        first, whole = self._lanes[Rank.FIRST], self._lanes[Rank.WHOLE]
        if first:
            return first.popleft(), False
        if self._backlog and (self._turn == 0 or not whole):
            self._turn = 1
            return self._backlog.popleft(), False
        if whole:
            self._turn = (self._turn + 1) % _TURNS
            return whole.popleft(), bool(self._backlog)
        return self._lanes[Rank.SUSPECT].popleft(), False

    def _note_change(self) -> None:
        self._changed.set()
        if self._backlog or self._lanes[Rank.FIRST] or self._lanes[Rank.WHOLE]:
            self.fresh.set()
        else:
            self.fresh.clear()
