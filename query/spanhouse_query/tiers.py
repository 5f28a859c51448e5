"""Which rollup answers for which part of a range: the coarsest that is exact there (docs/adr/0008)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from spanhouse_storage import Retention

from spanhouse_query.config import DAY, HOUR, MINUTE, SECOND
from spanhouse_query.time_range import TimeRange

TierName = Literal["raw", "minute", "five_minutes", "hour", "day"]


@dataclass(frozen=True, slots=True)
class Tier:
    """A rollup whose rows stand for `unit` nanoseconds each; days are those of UTC."""

    name: TierName
    unit: int


MINUTES, HOURS, DAYS = Tier("minute", MINUTE), Tier("hour", HOUR), Tier("day", DAY)
TIERS = (MINUTES, HOURS, DAYS)


@dataclass(frozen=True, slots=True)
class Part:
    """What one tier answers for: whole units of it."""

    tier: Tier
    range: TimeRange


Usable = Callable[[Tier, int], bool]


def kept_from(tier: Tier, retention: Retention, now: int) -> int:
    """The first instant from which on a tier is kept whole: the start of a day."""
    kept = {"minute": retention.minutes, "hour": retention.hours, "day": retention.days}[tier.name]
    return 0 if kept is None else max(0, -(-(now - kept * SECOND) // DAY) * DAY)


def spans_kept_from(retention: Retention, now: int) -> int:
    """The instant before which spans may be gone."""
    return max(0, now - retention.spans * SECOND)


def finest(start: int, retention: Retention, now: int) -> Tier:
    """The finest tier that is still kept at `start`; days where nothing is."""
    return next((tier for tier in TIERS if kept_from(tier, retention, now) <= start), DAYS)


def whole_units(wanted: TimeRange, retention: Retention, now: int) -> TimeRange:
    """The range widened at each end to whole units of the finest tier that is still kept there."""
    start = finest(wanted.start, retention, now).unit
    end = finest(wanted.end - 1, retention, now).unit
    return TimeRange(wanted.start // start * start, -(-wanted.end // end) * end)


def parts(
    whole: TimeRange, retention: Retention, now: int, *, step: int | None = None, usable: Usable = lambda *_: True
) -> list[Part]:
    """A range cut up by tiers, in order, without gaps.

    whole: whole units of the finest tiers that are kept at its ends. step: only units that it is a multiple of. usable:
    whether a tier is up to date in the unit that starts at an instant; where finer ones are gone it is taken anyway.
    """
    return list(_joined(_cut(whole, retention, now, step, usable)))


def _cut(whole: TimeRange, retention: Retention, now: int, step: int | None, usable: Usable) -> Iterator[Part]:
    gone = {coarse: kept_from(fine, retention, now) for fine, coarse in ((MINUTES, HOURS), (HOURS, DAYS))}
    fitting = [tier for tier in (DAYS, HOURS) if step is None or step % tier.unit == 0]
    at = whole.start
    while at < whole.end:
        tier = next(
            (
                tier
                for tier in fitting
                if at % tier.unit == 0 and at + tier.unit <= whole.end and (at < gone[tier] or usable(tier, at))
            ),
            MINUTES,
        )
        end = at + tier.unit if tier is not MINUTES else min(whole.end, at // HOUR * HOUR + HOUR)
        yield Part(tier, TimeRange(at, end))
        at = end


def _joined(cut: Iterator[Part]) -> Iterator[Part]:
    last: Part | None = None
    for part in cut:
        if last is not None and last.tier is part.tier:
            last = Part(part.tier, TimeRange(last.range.start, part.range.end))
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def tier_names(used: Sequence[Part]) -> list[TierName]:
    """The tiers among some parts, the finest first."""
    return [tier.name for tier in TIERS if any(part.tier is tier for part in used)]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Some ranges as a condition on a column of unix seconds, and the values of its {parameters}."""

    sql: str
    parameters: dict[str, int]


# Tables are ordered by these before the time itself; the engine finds the rows of a time by them only if told so.
_ORDERED_BY = {MINUTES: "toStartOfHour", HOURS: "toStartOfDay", DAYS: "toStartOfMonth"}


def bounds_by_tier(used: Sequence[Part]) -> dict[Tier, Bounds]:
    """For each tier among the parts, that its column of that name, a DateTime, lies in one of their ranges."""
    ranges = {tier: [part.range for part in used if part.tier is tier] for tier in TIERS}
    return {tier: _bounds(tier, found) for tier, found in ranges.items() if found}


def _bounds(tier: Tier, ranges: Sequence[TimeRange]) -> Bounds:
    column, coarse = tier.name, _ORDERED_BY[tier]
    conditions, parameters = [], {}
    for number, one in enumerate(ranges):
        since, until = f"{tier.name}_{number}_since", f"{tier.name}_{number}_until"
        first, end = f"toDateTime({{{since}:Int64}}, 'UTC')", f"toDateTime({{{until}:Int64}}, 'UTC')"
        conditions.append(
            f"({column} >= {first} AND {column} < {end}"
            f" AND {coarse}({column}) >= {coarse}({first}) AND {coarse}({column}) <= {coarse}({end}))"
        )
        parameters.update({since: one.start // SECOND, until: one.end // SECOND})
    return Bounds(f"({' OR '.join(conditions)})", parameters)
