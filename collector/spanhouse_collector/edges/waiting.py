"""Minutes of the service map with callees whose parents were missing when they were computed."""

from __future__ import annotations

from spanhouse_collector.edges.windows import Unit


class WaitingMinutes:
    """A parent may be a span that is no half of a call, whose arrival touches no minute.

    So such a minute is computed twice more: `soon` after it was, and when the lookback has passed (milliseconds both).
    """

    def __init__(self, soon: int, lookback: int) -> None:
        self._ages = (soon, lookback)
        self._minutes: dict[Unit, tuple[int, int]] = {}

    def due(self, now: int) -> set[Unit]:
        """Those to compute again at `now`, unix milliseconds."""
        return {unit for unit, (times, noted) in self._minutes.items() if now - noted >= self._ages[times]}

    def computed(self, unit: Unit, now: int, *, missing: bool, arrived: bool) -> None:
        """Take note of a minute; arrived: whether halves had, so that it waits anew where parents are missing."""
        times, noted = self._minutes.pop(unit, (-1, now))
        if not missing:
            return
        if arrived or times < 0:
            self._minutes[unit] = (0, now)
        elif times + 1 < len(self._ages):
            self._minutes[unit] = (times + 1, noted)
