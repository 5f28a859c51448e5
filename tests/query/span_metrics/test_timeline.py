"""Nodes are ends of minutes, or of what is still kept, and coarser rows are read where they fit in between."""

from __future__ import annotations

from spanhouse_query.config import DAY, HOUR, MINUTE, SECOND
from spanhouse_query.series import Steps
from spanhouse_query.span_metrics.timeline import Clock, Timeline, of_minutes, of_windows
from spanhouse_query.tiers import DAYS, HOURS
from spanhouse_storage import Retention

NOW = 20_000 * DAY + 10 * HOUR + 90 * SECOND
MS = 1_000_000
CLOCK = Clock.of(Retention(), NOW)


def minutes(timeline: Timeline | None) -> list[float]:
    """Nodes as minutes before now's minute."""
    assert timeline is not None
    return [(node * SECOND - NOW // MINUTE * MINUTE) / MINUTE for node in timeline.nodes.tolist()]


def test_whole_minutes_need_no_nodes_between_the_ends_of_windows() -> None:
    end = (NOW - NOW % MINUTE) // MS

    assert minutes(of_windows(CLOCK, Steps.at(end), [3_600_000])) == [-60, 0]
    assert minutes(of_windows(CLOCK, Steps(end - 120_000, end, 60_000), [60_000])) == [-3, -2, -1, 0]


def test_other_windows_have_the_minutes_around_their_ends() -> None:
    end = (NOW - NOW % MINUTE) // MS - 15_000

    assert minutes(of_windows(CLOCK, Steps.at(end), [90_000])) == [-2, -1, 0]
    assert minutes(of_windows(CLOCK, Steps.at(end), [600_000])) == [-11, -10, -1, 0]


def test_the_minute_that_is_under_way_ends_with_the_query() -> None:
    under_way = NOW // MINUTE * MINUTE // MS

    for last, known in (
        (NOW // MS, NOW // MS),
        (under_way + 10_000, under_way + 10_000),
        (NOW // MS + 5_000, NOW // MS),
    ):
        timeline = of_windows(CLOCK, Steps.at(last), [60_000])
        assert timeline is not None
        assert timeline.instants.tolist() == [under_way - 60_000, under_way, known]
    timeline = of_windows(CLOCK, Steps.at(under_way), [60_000])
    assert timeline is not None
    assert timeline.instants.tolist() == [under_way - 60_000, under_way]


def test_coarser_rows_fit_between_nodes() -> None:
    midnight = 20_000 * DAY
    timeline = of_windows(CLOCK, Steps.at((midnight + 9 * HOUR + MINUTE) // MS), [86_400_000])
    assert timeline is not None

    assert timeline.usable(HOURS, midnight + 8 * HOUR)
    assert not timeline.usable(HOURS, midnight + 9 * HOUR)
    assert not timeline.usable(HOURS, midnight - 15 * HOUR)
    assert timeline.usable(HOURS, midnight - 14 * HOUR)
    assert not timeline.usable(DAYS, midnight)


def test_many_nodes_take_coarser_rows_only_where_they_all_are_ends_of_them() -> None:
    end = 20_000 * DAY // MS
    by_hour = of_windows(CLOCK, Steps(end - 700 * 3_600_000, end, 3_600_000), [3_600_000])
    by_half = of_windows(CLOCK, Steps(end - 700 * 3_600_000, end, 3_600_000), [1_800_000])
    assert by_hour is not None
    assert by_half is not None

    assert by_hour.usable(HOURS, 19_990 * DAY)
    assert not by_half.usable(HOURS, 19_990 * DAY)


def test_where_minutes_are_gone_nodes_are_ends_of_hours() -> None:
    end = (20_000 - 40) * DAY // MS + 90 * 60_000
    timeline = of_windows(CLOCK, Steps.at(end), [60_000])
    assert timeline is not None

    assert [node % 86_400 // 3600 for node in timeline.nodes.tolist()] == [1, 2]


def test_samples_need_every_minute_of_the_windows_and_the_beginning_of_the_day() -> None:
    end = NOW // MINUTE * MINUTE // MS

    found = of_minutes(CLOCK, Steps.at(end), 180_000)
    assert minutes(found) == [-601, -3, -2, -1, 0]
    assert found is not None
    assert found.days.tolist() == [0, 0, 0, 0]
    spread = of_minutes(CLOCK, Steps(end - 3_600_000, end, 1_800_000), 60_000)
    assert minutes(spread) == [-601, -61, -60, -31, -30, -1, 0]


def test_there_is_nothing_in_the_far_future_or_before_1971() -> None:
    assert of_windows(CLOCK, Steps.at(NOW // MS + 10 * 86_400_000), [60_000]) is None
    assert of_windows(CLOCK, Steps.at(1000), [500]) is None
