"""Where rate, errors and duration come from: red_1m, and red_1h and red_1d for whole hours and days (docs/adr/0008)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanhouse_storage import Retention

from spanhouse_query.reader import Sampling, sampling
from spanhouse_query.tiers import (
    DAYS,
    HOURS,
    MINUTES,
    Tier,
    TierName,
    Usable,
    bounds_by_tier,
    finest,
    parts,
    tier_names,
    whole_units,
)
from spanhouse_query.time_range import TimeRange

_TABLES = {MINUTES: "red_1m", HOURS: "red_1h", DAYS: "red_1d"}
_COLUMNS = (
    "service, operation, kind, entry, spans, requests, errors, duration_sum, duration_min, duration_max, buckets, "
    "first_seen, last_seen"
)


@dataclass(frozen=True, slots=True)
class Red:
    """Rows of all tiers that make up a range.

    sql: a subquery's text, with columns `start` (DateTime) and those of red_1m. parameters: the values of its
    {parameters} but {tenant}. effective: the range in whole units. tiers: those read, the finest first.
    """

    sql: str
    parameters: dict[str, int]
    effective: TimeRange
    tiers: list[TierName]


def red_unit(start: int, retention: Retention, now: int) -> int:
    """The shortest step that can be answered from `start` on, in nanoseconds."""
    return finest(start, retention, now).unit


def red_rows(
    wanted: TimeRange,
    retention: Retention,
    now: int,
    *,
    step: int | None = None,
    usable: Usable = lambda *_: True,
) -> Red:
    """What stands for the range, widened to whole units of the finest tiers that are kept at its ends.

    step: rows must not reach over its multiples (nanoseconds). usable: whether a row of a tier may stand for the unit
    that starts at an instant.
    """
    effective = whole_units(wanted, retention, now)
    cut = parts(effective, retention, now, step=step, usable=usable)
    within = bounds_by_tier(cut)
    selects = [_select(tier, bounds.sql) for tier, bounds in within.items()]
    parameters = {name: value for bounds in within.values() for name, value in bounds.parameters.items()}
    return Red("\n    UNION ALL".join(selects), parameters, effective, tier_names(cut))


def _select(tier: Tier, within: str) -> str:
    return f"""
    SELECT {tier.name} AS start, {_COLUMNS} FROM {_TABLES[tier]}
    WHERE tenant = {{tenant:String}} AND {within}"""


def red_sampling(rows: Sequence[dict[str, float]]) -> Sampling | None:
    """What rows with `spans` and `requests` say of sampling, all together."""
    return sampling(round(sum(row["spans"] for row in rows)), sum(row["requests"] for row in rows))
