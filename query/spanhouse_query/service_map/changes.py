"""Whether an edge changed between two windows: more than chance, and more than the sketch's error.

Chance of a percentile is what a sample of its size leaves open: the order statistics STRICTNESS standard deviations of
the rank below and above, each widened by the sketch's error bound. The percentile changed where the intervals of the
two windows do not meet; an end for which the sample is too small is open. Ratios of errors are compared by the usual
test of two proportions, rates by that of two counts; a rate has to have doubled or halved besides, because traffic is
never the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, sqrt
from typing import Any

from pydantic import BaseModel, Field

from spanhouse_query.percentiles import SKETCH_ERROR
from spanhouse_query.service_map.edge_sums import VIEWS

STRICTNESS = 3.0
COMPARED = {"p50": 0.5, "p95": 0.95}
_FACTOR = 2


class Change(BaseModel):
    """One measure of an edge that changed."""

    measure: str = Field(description="rate, error_ratio, or a percentile such as server_ns.p95.")
    before: float
    after: float


def interval_columns() -> str:
    """Columns `<view>_intervals` for a statement of `edge_sums`: lower and upper end by COMPARED percentile."""
    return ",\n    ".join(
        f"[{', '.join(f'[{_end(view, level, -1)}, {_end(view, level, 1)}]' for level in COMPARED.values())}]"
        f" AS {view}_intervals"
        for view in VIEWS
    )


def _end(view: str, level: float, sign: int) -> str:
    quantile = f"{level} + {sign * STRICTNESS * sqrt(level * (1 - level))!r} / sqrt(greatest({view}_n, 1))"
    rank = f"(greatest({view}_calls, 1) - 1) * least(greatest({quantile}, 0), 1)"
    return f"sketch_percentile({view}_buckets, {rank}, {view}_min, {view}_max)"


def changes(before: Mapping[str, Any], after: Mapping[str, Any], seconds: tuple[float, float]) -> Iterator[Change]:
    """What changed from one row of an edge to another; `seconds` are the lengths of the windows."""
    rates = before["calls"] / seconds[0], after["calls"] / seconds[1]
    noise = sqrt(sum(rate**2 / row["stored"] for rate, row in zip(rates, (before, after), strict=True)))
    if max(rates) >= _FACTOR * min(rates) and abs(rates[1] - rates[0]) > STRICTNESS * noise:
        yield Change(measure="rate", before=rates[0], after=rates[1])
    ratios = before["errors"] / before["calls"], after["errors"] / after["calls"]
    if _proportions_differ(before, after):
        yield Change(measure="error_ratio", before=ratios[0], after=ratios[1])
    for view in VIEWS:
        if before[f"{view}_n"] and after[f"{view}_n"]:
            yield from _percentile_changes(view, before, after)


def _proportions_differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    calls = before["calls"], after["calls"]
    pooled = (before["errors"] + after["errors"]) / sum(calls)
    noise = sqrt(pooled * (1 - pooled) * (1 / before["stored"] + 1 / after["stored"]))
    difference: float = after["errors"] / calls[1] - before["errors"] / calls[0]
    return abs(difference) > STRICTNESS * noise


def _percentile_changes(view: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for number, (name, level) in enumerate(COMPARED.items()):
        (low, high), (later_low, later_high) = (_interval(row, view, number, level) for row in (before, after))
        if high < later_low or later_high < low:
            values = (row[f"{view}_percentiles"][0 if name == "p50" else 2] for row in (before, after))
            yield Change(measure=f"{view}_ns.{name}", before=next(values), after=next(values))


def _interval(row: Mapping[str, Any], view: str, number: int, level: float) -> tuple[float, float]:
    low, high = row[f"{view}_intervals"][number]
    margin = STRICTNESS * sqrt(level * (1 - level) / row[f"{view}_n"])
    return (
        low * (1 - SKETCH_ERROR) if level - margin > 0 else 0.0,
        high * (1 + SKETCH_ERROR) if level + margin < 1 else inf,
    )
