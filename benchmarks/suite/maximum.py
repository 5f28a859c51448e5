"""What is kept up: found by a flood, then measured with as much as that on offer for some time.

The flood alone says too much: it is over before the first minute is rolled up, and its requests are ready beforehand.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.packaging import Fingerprint
from benchmarks.progress import say
from benchmarks.spanhouse_process import Spanhouse
from benchmarks.suite.flood import flood, send
from benchmarks.suite.material import Combination, requests, templates
from benchmarks.supply import supply

CONNECTIONS = 32


@dataclass(frozen=True)
class Storm:
    """What became of an offer. spans_per_second: acknowledged, by the time until all of them were stored."""

    spans_per_second: float
    acknowledged: Fingerprint
    answers: dict[str, int]
    p99_ms: float


def maximum(target: Spanhouse, combination: Combination, *, cycle: int, spans: int, seconds: float) -> Storm:
    """What is kept up of a workload. spans: of the flood. seconds: how long as much as that is offered then."""
    target.wait_until_quiet()
    found = flood(target, requests(combination, cycle=cycle, spans=spans), combination.transport)
    held = storm(target, combination, found.spans_per_second, cycle=cycle, seconds=seconds, seed=2)
    target.wait_until_quiet()
    say(f"{held.spans_per_second:,.0f} spans per second are kept up")
    return Storm(held.spans_per_second, found.outcome.acknowledged + held.acknowledged, held.answers, held.p99_ms)


def storm(
    target: Spanhouse, combination: Combination, spans_per_second: float, *, cycle: int, seconds: float, seed: int
) -> Storm:
    """Offer so many spans a second, whatever becomes of them."""
    made = templates(combination.workload, combination.packaging, cycle)
    started = time.perf_counter()
    outcome = send(
        target,
        supply(made, seed=seed),
        combination.transport,
        connections=CONNECTIONS,
        per_second=requests_per_second(spans_per_second, combination, cycle),
        seconds=seconds,
    )
    target.wait_until_stored()
    kept = outcome.acknowledged.spans / (time.perf_counter() - started)
    return Storm(kept, outcome.acknowledged, dict(outcome.answers), round(outcome.percentile(99), 2))


def requests_per_second(spans_per_second: float, combination: Combination, cycle: int) -> float:
    """How often a request leaves; at least every second."""
    made = templates(combination.workload, combination.packaging, cycle)
    return max(1.0, spans_per_second * len(made) / sum(template.spans for template in made))
