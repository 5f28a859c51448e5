"""Numbers of groups over time, smoothed if asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from anyio import to_thread

from spanhouse_query.metric_queries.cells import Answered, Cells
from spanhouse_query.metric_queries.evaluation import SeriesQuery
from spanhouse_query.metric_queries.parameters import PointsParameters
from spanhouse_query.metric_queries.selected import too_large
from spanhouse_query.metric_queries.windows import Windows
from spanhouse_query.trends import moving_average

MOST_CELLS = 500_000


@dataclass(frozen=True, slots=True)
class Smoothing:
    """steps: how many a mean is over; 1 for none."""

    steps: int = 1

    @classmethod
    def over(cls, parameters: PointsParameters, step: int) -> Smoothing:
        """As many steps as the moving average has, of which the last may be a part."""
        return cls(max(1, math.ceil((parameters.moving_average or 0) / step)))

    def reads(self, windows: Windows) -> Windows:
        """What has to be read for the windows: the first of them look back too."""
        return windows.longer(self.steps - 1)

    async def answer(self, query: SeriesQuery, windows: Windows) -> Answered:
        """The query's answer for the windows. Raises Problem (422) for more points than an answer may have."""
        found = await query.answer(self.reads(windows))
        if len(found.groups) * windows.count > MOST_CELLS:
            raise too_large(f"more than {MOST_CELLS:,} points; ask for a lower limit or a longer step")
        if self.steps == 1:
            return found
        smooth = await to_thread.run_sync(self._smoothed, found.cells)
        return Answered(found.groups, smooth.last(windows.count), found.truncated)

    def _smoothed(self, cells: Cells) -> Cells:
        with np.errstate(over="ignore", invalid="ignore"):
            averages = moving_average(cells.known, self.steps)
        return Cells(averages, ~np.isnan(averages))
