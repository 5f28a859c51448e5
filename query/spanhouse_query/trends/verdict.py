"""Up, down or stable: what people want to know first."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from spanhouse_query.trends.fit import Fit

Verdict: TypeAlias = Literal["up", "down", "stable"]
THRESHOLD = 0.05


def relative_change(before: float, after: float) -> float | None:
    """The change by what was before, 0.05 for 5 % more; None from 0, and where it is beyond the doubles."""
    if after == before:
        return 0.0
    change = (after - before) / abs(before) if before else math.inf
    return change if math.isfinite(change) else None


def verdict_of_change(before: float, after: float, threshold: float = THRESHOLD) -> Verdict:
    """Stable up to `threshold` more or less; from 0 every change is one."""
    change = relative_change(before, after)
    if change is not None and abs(change) <= threshold:
        return "stable"
    return "up" if after > before else "down"


def verdict_of_fit(fit: Fit, threshold: float = THRESHOLD) -> Verdict:
    """Up or down where the line changes by more than `threshold` of its start and its slope by more than chance."""
    if fit.slope_low <= 0 <= fit.slope_high:
        return "stable"
    return verdict_of_change(fit.start, fit.start + fit.change, threshold)
