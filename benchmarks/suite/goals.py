"""What ingest has to reach, and whether a run did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """One goal: in words, and what was measured."""

    what: str
    goal: str
    measured: str
    met: bool


def goals(result: Mapping[str, Any]) -> Iterator[Goal]:
    """Of the measures that the result has."""
    if "peers" in result:
        yield from _speed(result["peers"])
    if "latency" in result:
        yield from _latency(result["latency"])
    if "overload" in result:
        yield from _overload(result["overload"])
    if "kills" in result:
        lost, doubled = result["kills"]["lost"], result["kills"]["duplicated"]
        yield Goal(
            f"spans lost and doubled by {result['kills']['kills']} kill -9, with retries",
            "0, 0",
            f"{lost}, {doubled}",
            not lost and not doubled,
        )
    if "matrix" in result:
        missing = sum(abs(row["spans_missing"]) for row in result["matrix"])
        same = all(row["same_spans"] for row in result["matrix"])
        yield Goal("spans not stored exactly once, of all workloads", "0", f"{missing:,}", same)
    if "correctness" in result:
        yield from _correctness(result["correctness"])


def _speed(found: Mapping[str, Any]) -> Iterator[Goal]:
    own = {one["packaging"]: one for one in reversed(found["contenders"]) if one["name"] == "Spanhouse"}
    peer = {one["packaging"]: one for one in reversed(found["contenders"]) if one["name"].startswith("rotel")}
    for packaging, least in (("gateway", 200_000), ("SDK", 150_000)):
        if packaging in own:
            speed = own[packaging]["spans_per_cpu_second"]
            yield Goal(f"spans per CPU-second, {packaging} packaging", f"≥ {least:,}", f"{speed:,.0f}", speed >= least)
        if packaging in own and packaging in peer:
            ratio = own[packaging]["spans_per_cpu_second"] / peer[packaging]["spans_per_cpu_second"]
            yield Goal(f"ratio to rotel as it is installed, {packaging} packaging", "≥ 2", f"{ratio:.2f}", ratio >= 2)
    memory = max(one["peak_memory_mb"] for one in own.values())
    yield Goal("peak memory at full speed", "≤ 1,200 MB", f"{memory:,.0f} MB", memory <= 1200)
    size = own["gateway"]["bytes_per_span"]
    yield Goal("bytes per span after merges", "≤ 50", f"{size:g}", size <= 50)


def _latency(found: Mapping[str, Any]) -> Iterator[Goal]:
    for level in found["levels"]:
        if level["share"] == 0.5:
            p50, p99 = level["p50_ms"], level["p99_ms"]
            yield Goal(
                f"acknowledgement over {level['transport']} at half of the maximum, p50 and p99",
                "≤ 15 ms, ≤ 100 ms",
                f"{p50:g} ms, {p99:g} ms",
                p50 <= 15 and p99 <= 100,
            )
    longest = max(one["max_s"] for one in found["freshness"])
    yield Goal("acknowledged to queryable", "≤ 2 s", f"{longest:g} s", longest <= 2)


def _overload(found: Mapping[str, Any]) -> Iterator[Goal]:
    share = found["share_of_maximum"]
    yield Goal("throughput at twice the maximum, share of the maximum", "≥ 80%", f"{share:.0%}", share >= 0.8)
    memory = found["peak_memory_mb"]
    yield Goal("peak memory at twice the maximum", "≤ 1,200 MB", f"{memory:,} MB", memory <= 1200)
    other = found["refused_otherwise"]
    yield Goal("refusals at twice the maximum that cannot be retried", "0", f"{other:,}", not other)
    missing = found["spans_missing"]
    yield Goal("spans acknowledged at twice the maximum and not stored once", "0", f"{missing:,}", found["same_spans"])


def _correctness(rows: list[Mapping[str, Any]]) -> Iterator[Goal]:
    last = {row["workload"]: row.get("rolled_up", row["live"]) for row in rows}
    edges = min(one["edges_found"] for one in last.values())
    yield Goal("edges found, of the worst workload", "100%", f"{edges:.2%}", edges == 1)
    operations = min(one["operations_listed"] for one in last.values())
    yield Goal("operations listed, of the worst workload", "100%", f"{operations:.2%}", operations == 1)
    error = max(one["worst_quantile_error"] for one in last.values())
    yield Goal("worst error of a quantile", "≤ 1.1%", f"{error:.2%}", error <= 0.011)
