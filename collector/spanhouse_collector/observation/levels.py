"""The levels of the collector's queues and of its disk, read whenever the metrics are."""

from __future__ import annotations

import math

from spanhouse_collector.admission.budget import Budget
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.segments import Room


def show_levels(metrics: Metrics, room: Room, budget: Budget, config: CollectorConfig) -> None:
    """Let the gauges of `metrics` tell how `room` and `budget` are, and what `config` allows."""
    metrics.running.set_function(lambda: budget.requests)
    metrics.running_limit.set(config.max_requests)
    metrics.pending_bytes.set_function(lambda: budget.used)
    metrics.pending_limit.set(config.pending_bytes)
    metrics.log_bytes.set_function(lambda: room.bytes_on_disk)
    metrics.log_quota.set(config.log_quota)
    metrics.disk_free.set_function(lambda: _bytes_free(room))
    metrics.disk_reserve.set(config.disk_reserve)


def _bytes_free(room: Room) -> float:
    try:
        return room.bytes_free
    except OSError:
        return math.nan
