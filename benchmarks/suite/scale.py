"""How much of everything is measured: the whole suite, or a tiny one that shows that all of it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """cycle: spans of a workload before they come again with other ids. spans: of one run flat out; maximum_spans: of
    one that finds out what is kept up. warm_spans: sent before a round. services: of how many
    of each workload the operations are asked.

    quiet_seconds: for how long a process must have been quiet before it counts as done.
    """

    cycle: int
    spans: int
    maximum_spans: int
    whole_matrix: bool
    level_seconds: float
    probes: int
    overload_seconds: float
    overload_quota: str
    kills: int
    rounds: int
    contenders: int
    round_spans: int
    warm_spans: int
    rolled_up: bool
    services: int
    quiet_seconds: float
    stage_spans: int
    stage_inserts: int


WHOLE = Scale(
    cycle=100_000,
    spans=150_000,
    maximum_spans=1_000_000,
    whole_matrix=True,
    level_seconds=8,
    probes=8,
    overload_seconds=25,
    overload_quota="384MiB",
    kills=15,
    rounds=5,
    contenders=6,
    round_spans=500_000,
    warm_spans=50_000,
    rolled_up=True,
    services=1000,
    quiet_seconds=1.2,
    stage_spans=50_000,
    stage_inserts=4,
)
QUICK = Scale(
    cycle=2_000,
    spans=4_000,
    maximum_spans=8_000,
    whole_matrix=False,
    level_seconds=1,
    probes=1,
    overload_seconds=2,
    overload_quota="4MiB",
    kills=1,
    rounds=1,
    contenders=2,
    round_spans=8_000,
    warm_spans=2_000,
    rolled_up=False,
    services=6,
    quiet_seconds=0.3,
    stage_spans=2_000,
    stage_inserts=1,
)
