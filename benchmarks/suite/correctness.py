"""What the HTTP API says of each workload, held against what is known of it: at once, and when all is rolled up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from benchmarks.load import ACCEPTED
from benchmarks.progress import say
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.suite.flood import send
from benchmarks.suite.material import Combination, templates, truth
from benchmarks.suite.scale import Scale
from benchmarks.supply import supply, take
from benchmarks.waiting import wait_for
from benchmarks.workloads import WORKLOADS, Edge, Operation, Truth

_QUANTILES = (50, 90, 95, 99)
_ROLLED_UP_WITHIN = 300.0
_AHEAD = 10 * 60 * 10**9
_LONG_AGO = 70 * 60 * 10**9


def correctness(scale: Scale) -> list[dict[str, Any]]:
    """One cycle of each workload in SDK packaging, each a tenant of one Spanhouse.

    Judged twice: once late spans have been rolled up, which takes seconds, and once all minutes are.
    """
    with spanhouse(quiet_seconds=scale.quiet_seconds) as target:
        for workload in WORKLOADS:
            _send(target, workload, scale)
        target.wait_until_stored()
        stored = time.time_ns()
        wait_for(lambda: _taken_in(target) > stored, "late spans rolled up", pause=0.5, seconds=_ROLLED_UP_WITHIN)
        rows: list[dict[str, Any]] = [{"workload": name, "live": _judged(target, name, scale)} for name in WORKLOADS]
        if scale.rolled_up:
            wait_for(lambda: _settled(target) > stored, "rolled up", pause=2, seconds=_ROLLED_UP_WITHIN)
            for row in rows:
                row["rolled_up"] = _judged(target, row["workload"], scale)
    for row in rows:
        say(f"{row['workload']}: {row.get('rolled_up', row['live'])}")
    return rows


def _send(target: Spanhouse, workload: str, scale: Scale) -> None:
    combination = Combination(workload, "SDK")
    made = templates(workload, "SDK", scale.cycle)
    truth(workload, scale.cycle)  # known while the story is
    endless = supply(made, again_every=combination.again_every)
    once = take(endless, sum(template.spans for template in made))
    outcome = send(target, once, "gRPC", tenant=_tenant(workload), insistent=True)
    if outcome.answers[ACCEPTED] != len(once):
        raise SystemExit(f"not everything was accepted: {dict(outcome.answers)}")


def _tenant(workload: str) -> str:
    return workload.replace(" ", "-")


def _taken_in(target: Spanhouse) -> int:
    """Spans that arrived before are in the rollup, where their minutes are settled; unix nanoseconds."""
    return int(target.get("service-map", _tenant("mesh"))["meta"]["rolled_up"] or 0)


def _settled(target: Spanhouse) -> int:
    """Until when all minutes are rolled up, unix nanoseconds."""
    live = target.get("service-map", _tenant("mesh"))["meta"]["live"]
    return int(live["from"]) if live else 0


def _judged(target: Spanhouse, workload: str, scale: Scale) -> dict[str, Any]:
    known = truth(workload, scale.cycle)
    window = {"from_": time.time_ns() - _LONG_AGO, "to": time.time_ns() + _AHEAD}
    tenant = _tenant(workload)
    answer = target.get("service-map", tenant, **window)
    services = sorted({operation.service for operation in known.durations})[: scale.services]
    listed = {service: target.get(f"services/{service}/operations", tenant, **window) for service in services}
    return {**judge_map(known, answer), **judge_operations(known, listed)}


def judge_map(truth: Truth, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Share of the edges that are there, and by how much the calls of the known edges are off, as a share of all."""
    found: Counter[Edge] = Counter()
    for edge in answer["edges"]:
        found[Edge(edge["client"], edge["server"], edge["connection"])] += edge["calls"]
    off = sum(abs(found[edge] - calls) for edge, calls in truth.calls.items())
    return {
        "edges": len(truth.calls),
        "edges_found": round(len(truth.calls.keys() & found.keys()) / len(truth.calls), 4),
        "edges_invented": len(found.keys() - truth.calls.keys()),
        "calls_off": round(off / truth.calls.total(), 4),
        "completeness": answer["meta"]["completeness"],
    }


def judge_operations(truth: Truth, listed: Mapping[str, Any]) -> dict[str, Any]:
    """Share of the operations that are listed, by how much their spans are off, and the quantile that is worst.

    listed: what is answered for the services that were asked of. Quantiles are compared where all spans of the
    operation were counted once.
    """
    asked = {operation: durations for operation, durations in truth.durations.items() if operation.service in listed}
    rows = {
        Operation(service, row["operation"], row["kind"]): row
        for service, answer in listed.items()
        if answer
        for row in answer["operations"]
    }
    worst, off = 0.0, 0
    for operation, durations in asked.items():
        row = rows.get(operation)
        off += abs((row["requests"] if row else 0) - len(durations))
        if row and row["requests"] == len(durations):
            worst = max(worst, *_errors(durations, row["latency_ns"]))
    return {
        "operations": len(asked),
        "operations_listed": round(len(asked.keys() & rows.keys()) / len(asked), 4),
        "spans_off": round(off / sum(map(len, asked.values())), 4),
        "worst_quantile_error": round(worst, 4),
    }


def _errors(durations: list[int], latency: Mapping[str, Any]) -> Iterable[float]:
    for quantile, known in zip(_QUANTILES, np.percentile(durations, _QUANTILES), strict=True):
        yield float(abs(latency[f"p{quantile}"] - known) / known)
