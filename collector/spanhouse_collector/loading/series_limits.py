"""Which metrics have as many series as may be, so that the engine refuses further ones (storage's 0003_metrics.sql)."""

from __future__ import annotations

import logging

import anyio
from spanhouse_storage import QueryLimits, Store, StoreError

logger = logging.getLogger(__name__)

_EVERY = 15.0
_LIMITS = QueryLimits(seconds=60, threads=1)

# A metric is full from as many series as were seen within a day; only what has changed is written. Of series that have
# ended no more is read than when they did.
_NOTE_CHANGES = """
INSERT INTO metric_limits (tenant, metric, is_full)
SELECT tenant, metric, max(over) AS is_full
FROM
(
    SELECT tenant, metric, true AS over, false AS was
    FROM (SELECT tenant, metric, series FROM metric_series WHERE last_seen >= now() - INTERVAL 1 DAY)
    GROUP BY tenant, metric
    HAVING uniqExact(series) >= {most:UInt64}
    UNION ALL
    SELECT tenant, metric, false AS over, true AS was FROM metric_limits FINAL WHERE is_full
)
GROUP BY tenant, metric
HAVING is_full != max(was)
"""


class SeriesLimits:
    """Counts the series of each metric every 15 seconds, and notes those that have reached `most` or fallen below.

    Series that are known go on; what is refused of others the engine counts (`metric_refused`). Until the next count a
    metric may get more series than `most`.
    """

    def __init__(self, store: Store, most: int) -> None:
        self._store = store
        self._most = most
        self._running = anyio.CancelScope()
        self._is_failing = False

    async def run(self) -> None:
        """Count until stopped."""
        with self._running:
            while True:
                await self.count()
                await anyio.sleep(_EVERY)

    def stop(self) -> None:
        """End `run`, and the count that is under way."""
        self._running.cancel()

    async def count(self) -> None:
        """Note what has changed. An engine that does not answer leaves all as it is."""
        try:
            await self._store.queries.execute(_NOTE_CHANGES, {"most": self._most}, limits=_LIMITS)
        except Exception as error:  # whatever it is: without counts series grow without end
            if not self._is_failing:
                cause = None if isinstance(error, StoreError) else error
                reason = "the series of metrics cannot be counted, full metrics stay what they were: %s"
                logger.warning(reason, error, exc_info=cause)
            self._is_failing = True
            return
        self._is_failing = False
