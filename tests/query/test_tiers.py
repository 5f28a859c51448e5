"""A range is cut up by tiers without gaps, into whole units that are kept and fit the step."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.config import DAY, HOUR, MINUTE, SECOND
from spanhouse_query.tiers import DAYS, HOURS, MINUTES, TIERS, Tier, finest, kept_from, parts, tier_names, whole_units
from spanhouse_query.time_range import TimeRange
from spanhouse_storage import Retention

NOW = 20_000 * DAY + 13 * HOUR + 7 * MINUTE + 5 * SECOND
KEEP = Retention(spans=DAY // SECOND, minutes=3 * DAY // SECOND, hours=10 * DAY // SECOND, days=20 * DAY // SECOND)


@given(
    st.integers(NOW - 30 * DAY, NOW),
    st.integers(MINUTE, 31 * DAY),
    st.sampled_from([None, MINUTE, 7 * MINUTE, HOUR, 3 * HOUR, DAY]),
    st.sets(st.integers(0, 31 * 24)),
)
def test_cuts_without_gaps_into_whole_units_that_are_kept(
    start: int, length: int, step: int | None, outdated: set[int]
) -> None:
    def usable(tier: Tier, at: int) -> bool:
        hours = range((NOW - at) // HOUR - tier.unit // HOUR, (NOW - at) // HOUR + 1)
        return not any(hour in outdated for hour in hours)

    wanted = whole_units(TimeRange(start, min(start + length, NOW)), KEEP, NOW)

    cut = parts(wanted, KEEP, NOW, step=step, usable=usable)

    assert [part.range.start for part in cut] == [wanted.start, *(part.range.end for part in cut[:-1])]
    assert cut[-1].range.end == wanted.end
    assert all(one.tier is not other.tier for one, other in pairwise(cut))
    for part in cut:
        assert part.range.start % part.tier.unit == part.range.end % part.tier.unit == 0
        assert step is None or part.tier is MINUTES or step % part.tier.unit == 0
        for at in range(part.range.start, part.range.end, part.tier.unit):
            finer_gone = part.tier is not MINUTES and at < kept_from(TIERS[TIERS.index(part.tier) - 1], KEEP, NOW)
            assert part.tier is MINUTES or usable(part.tier, at) or finer_gone


def test_takes_the_coarsest_that_fits() -> None:
    cut = parts(TimeRange(2 * DAY - 90 * MINUTE, 4 * DAY + HOUR + MINUTE), KEEP, 5 * DAY)

    assert [(part.tier.name, part.range.seconds // 60) for part in cut] == [
        ("minute", 30),
        ("hour", 60),
        ("day", 2 * 1440),
        ("hour", 60),
        ("minute", 1),
    ]
    assert tier_names(cut) == ["minute", "hour", "day"]


def test_the_finest_is_the_one_that_is_still_kept() -> None:
    today = NOW // DAY * DAY

    assert finest(NOW, KEEP, NOW) is MINUTES
    assert finest(today - 2 * DAY, KEEP, NOW) is MINUTES
    assert finest(today - 2 * DAY - MINUTE, KEEP, NOW) is HOURS
    assert finest(today - 9 * DAY - HOUR, KEEP, NOW) is DAYS
    assert finest(0, KEEP, NOW) is DAYS
    assert kept_from(DAYS, Retention(), NOW) == 0
