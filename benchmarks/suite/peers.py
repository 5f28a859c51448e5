"""Spanhouse beside rotel, which exports with the OpenTelemetry exporter's schema into the same engine.

The same bytes over gRPC, one core for the system under test and the other for the load, in rounds: each has its turn in
each round, so that what else the machine does meets all alike.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from benchmarks.peer import rotel as peer
from benchmarks.progress import say
from benchmarks.spanhouse_process import spanhouse
from benchmarks.stored import stored_in
from benchmarks.suite.flood import Flood, flood
from benchmarks.suite.material import Combination, requests
from benchmarks.suite.scale import Scale
from benchmarks.supply import Outgoing

T = TypeVar("T")

_PEERS_BATCH = 8192
_LARGE_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class Contender:
    """A system and how it is set up."""

    name: str
    packaging: str
    batch: int | None = None
    is_peer: bool = False


CONTENDERS = (
    Contender("Spanhouse", "gateway"),
    Contender("rotel, 8,192 spans an insert", "gateway", None, is_peer=True),
    Contender("Spanhouse", "SDK"),
    Contender("Spanhouse, 8,192 spans an insert", "gateway", _PEERS_BATCH),
    Contender("rotel, 8,192 spans an insert", "SDK", None, is_peer=True),
    Contender("rotel, 65,536 spans an insert", "gateway", _LARGE_BATCH, is_peer=True),
)


def peers(scale: Scale) -> dict[str, Any]:
    """Medians and ratios of all rounds; without the peer where it cannot be installed, and why."""
    try:
        program, why = peer.install(), None
    except peer.NotInstalled as error:
        program, why = None, str(error)
        say(f"without rotel: {why}")
    contenders = [one for one in CONTENDERS[: scale.contenders] if program is not None or not one.is_peer]
    found: dict[Contender, list[dict[str, float]]] = {one: [] for one in contenders}
    for number in range(1, scale.rounds + 1):
        for one in contenders:
            found[one].append(_run(one, program, scale, number))
            say(f"round {number}, {one.name}, {one.packaging}: {found[one][-1]['spans_per_cpu_second']:,.0f}")
    return {
        "rotel": peer.VERSION,
        "without_rotel_because": why,
        "rounds": scale.rounds,
        "spans": scale.round_spans,
        "contenders": [_summary(one, rounds) for one, rounds in found.items()],
    }


def _run(one: Contender, program: Path | None, scale: Scale, seed: int) -> dict[str, float]:
    spans = (scale.warm_spans, scale.round_spans)
    warm, sent = (
        requests(Combination("mesh", one.packaging), cycle=scale.cycle, spans=count, seed=10 * seed + number)
        for number, count in enumerate(spans)
    )
    run = partial(_peer_run, program) if one.is_peer and program is not None else _own_run
    found, bytes_per_span = run(one, scale, warm, sent)
    return {
        "spans_per_cpu_second": round(found.spans_per_cpu_second),
        "spans_per_second": round(found.spans_per_second),
        "bytes_per_span": round(bytes_per_span, 1),
        "peak_memory_mb": found.peak_memory >> 20,
    }


def _own_run(one: Contender, scale: Scale, warm: list[Outgoing], sent: list[Outgoing]) -> tuple[Flood, float]:
    # a segment of so many spans, as large as they are in these requests
    per_span = sum(len(request.body) for request in sent) / sum(request.promised.spans for request in sent)
    batching = [f"--segment-bytes={int(one.batch * per_span * 0.99)}"] if one.batch else []
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        with _apart(spanhouse(*batching, folder=Path(name), quiet_seconds=scale.quiet_seconds)) as target:
            flood(target, warm)
            found = flood(target, sent)
        return found, stored_in(Path(name), merged=True).bytes_per_span


def _peer_run(
    program: Path, one: Contender, scale: Scale, warm: list[Outgoing], sent: list[Outgoing]
) -> tuple[Flood, float]:
    batching = [f"--batch-max-size={one.batch}", "--batch-timeout=1s"] if one.batch else []
    with _apart(peer.rotel(program, *batching, quiet_seconds=scale.quiet_seconds)) as target:
        flood(target, warm)
        found = flood(target, sent)
        return found, target.bytes_after_merges / target.stored


@contextmanager
def _apart(start: AbstractContextManager[T]) -> Iterator[T]:
    """Start a system on the first core, and go on on the others where there are any."""
    cores = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, cores[:1])
        with start as target:
            os.sched_setaffinity(0, cores[1:] or cores)
            yield target
    finally:
        os.sched_setaffinity(0, cores)


def _summary(one: Contender, rounds: list[dict[str, float]]) -> dict[str, Any]:
    medians = {name: round(median(each[name] for each in rounds), 1) for name in rounds[0]}
    return {"name": one.name, "packaging": one.packaging, **medians, "rounds": rounds}
