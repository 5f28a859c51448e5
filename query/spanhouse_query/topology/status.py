"""When a node is healthy: thresholds, and the words for those that it passes (docs/topology.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spanhouse_query.config import MINUTE
from spanhouse_query.durations import shown_duration
from spanhouse_query.percentiles import Latency
from spanhouse_query.topology.answer import Status

FAILING, FAILING_BADLY = 0.05, 0.25
# Nobody is missed sooner.
_PATIENCE = 5 * MINUTE
_QUIET_SHARE = 0.25
_ORDER: tuple[Status, ...] = ("healthy", "degraded", "unhealthy")
Finding = tuple[Status, str]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a request sets. slow: nanoseconds. window: nanoseconds of the range that have passed."""

    slow: int
    min_calls: int
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What is known of a node.

    spans: how many are stored of its requests, by which chance is judged. silence: nanoseconds since its latest span,
    None where it sends none.
    """

    spans: int
    requests: int
    errors: int
    latency_ns: Latency
    silence: int | None
    neighbours: int
    reachable: int


def judged(vitals: Vitals, thresholds: Thresholds) -> tuple[Status, list[str]]:
    """The worst of what is found, and why it is not healthy."""
    findings = list(_findings(vitals, thresholds))
    worst: Status = max((status for status, _ in findings), key=_ORDER.index, default="healthy")
    return worst, [reason for _, reason in findings]


def _findings(vitals: Vitals, thresholds: Thresholds) -> Iterator[Finding]:
    if vitals.silence is not None:
        yield from _silence(vitals.silence, thresholds.window)
    if vitals.spans >= thresholds.min_calls:
        yield from _failures(vitals)
        yield from _slowness(vitals.latency_ns, thresholds.slow)
    if vitals.neighbours and not vitals.reachable:
        yield "degraded", f"no call between it and any of its neighbours ({vitals.neighbours}) succeeds"


def _silence(silence: int, window: int) -> Iterator[Finding]:
    if silence > max(_PATIENCE, _QUIET_SHARE * window):
        status: Status = "unhealthy" if silence > max(_PATIENCE, window) else "degraded"
        yield status, f"no span for {silence // MINUTE} min"


def _failures(vitals: Vitals) -> Iterator[Finding]:
    ratio = vitals.errors / vitals.requests if vitals.requests else 0.0
    if ratio >= FAILING:
        status: Status = "unhealthy" if ratio >= FAILING_BADLY else "degraded"
        yield status, f"{ratio:.1%} of {vitals.requests} requests failed"


def _slowness(latency: Latency, slow: int) -> Iterator[Finding]:
    if latency.p95 is not None and latency.p95 >= slow:
        yield "degraded", f"p95 is {shown_duration(latency.p95)}, {shown_duration(slow)} or more"
