"""A day of a counter of many series at one point in 15 seconds, in a store, and the same as OpenMetrics."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanhouse_storage import Store

from benchmarks.timed_store import wait_for_merges

TENANT = "default"
METRIC = "shop.requests"
EXPOSED = "shop_requests_total"
EVERY = 15
POINTS = 86_400 // EVERY
SERVICES = 50
_BATCH = 1000

# The value of point `k` of series `s`: it rises by 2 or 4, and begins anew twice a day.
_VALUE = "3 * (k % 2880) + cityHash64({s}, k) % 2"

_SERIES = """
INSERT INTO metric_series
SELECT {tenant:String}, {metric:String}, cityHash64(number), 'sum', '', 'Requests.', 'cumulative', true,
    'service-' || toString(number % {services:UInt32}), cityHash64('resource', number % {services:UInt32}), 'bench',
    map('instance', toString(number), 'http.route', '/route/' || toString(number % 20)), 'ss',
    toDateTime64({begin:Int64}, 3, 'UTC'), toDateTime64({begin:Int64} + 86400, 3, 'UTC')
FROM numbers({series:UInt64})
"""
_RESOURCES = """
INSERT INTO resources (tenant, id, service, attributes, attribute_types, first_seen, last_seen)
SELECT {tenant:String}, cityHash64('resource', number), 'service-' || toString(number),
    map('service.name', 'service-' || toString(number)), 's',
    toDateTime64({begin:Int64}, 3, 'UTC'), toDateTime64({begin:Int64} + 86400, 3, 'UTC')
FROM numbers({services:UInt32})
"""
_POINTS = f"""
INSERT INTO metric_numbers (tenant, metric, series, ts, started, value, integer, flags)
SELECT {{tenant:String}}, {{metric:String}}, cityHash64(s), fromUnixTimestamp64Milli(at, 'UTC'),
    toDateTime64({{begin:Int64}} - 3600, 3, 'UTC'), v, v, 0
FROM (
    SELECT s, k, ({{begin:Int64}} + k * {EVERY}) * 1000 + s % {EVERY * 1000} AS at, {_VALUE.format(s="s")} AS v
    FROM (
        SELECT {{first:UInt64}} + intDiv(number, {POINTS}) AS s, number % {POINTS} AS k
        FROM numbers({{series:UInt64}} * {POINTS})))
"""
_SAMPLES = f"""
SELECT cityHash64(s, k) % 2 AS odd FROM (SELECT intDiv(number, {POINTS}) AS s, number % {POINTS} AS k
FROM numbers({{series:UInt64}} * {POINTS}))
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What is in the store. begin: unix seconds, the start of a day that is over."""

    series: int
    begin: int

    @property
    def end(self) -> int:
        """The end of that day."""
        return self.begin + 86_400


def stored_day(store: Store, series: int) -> Day:
    """The day, made unless it is there. `series` is rounded up to a thousand."""
    day = Day(-(-series // _BATCH) * _BATCH, int(time.time()) // 86_400 * 86_400 - 86_400)
    bound = {"tenant": TENANT, "metric": METRIC, "begin": day.begin, "services": SERVICES}
    (found,) = store.rows(
        "SELECT count() AS points, toUnixTimestamp(min(ts)) AS first FROM metric_numbers",
    )
    if found["points"]:
        if found["points"] != day.series * POINTS:
            raise SystemExit(f"the store has {found['points']} points of something else; choose another folder")
        return Day(day.series, found["first"] // 86_400 * 86_400)
    store.command(_SERIES, {**bound, "series": day.series})
    store.command(_RESOURCES, bound)
    for first in range(0, day.series, _BATCH):
        store.command(_POINTS, {**bound, "first": first, "series": _BATCH})
    store.command("OPTIMIZE TABLE metric_numbers FINAL")
    wait_for_merges(store)
    return day


def write_openmetrics(store: Store, day: Day, series: int, path: Path) -> int:
    """The first `series` of the day for promtool; how many samples."""
    odd: list[dict[str, Any]] = store.rows(_SAMPLES, {"series": series})
    with path.open("w", encoding="utf-8") as file:
        file.write(f"# TYPE {EXPOSED.removesuffix('_total')} counter\n")
        for s in range(series):
            labels = f'{{instance="{s}",http_route="/route/{s % 20}",job="service-{s % SERVICES}"}}'
            for k in range(POINTS):
                at = day.begin + k * EVERY + s % (EVERY * 1000) / 1000
                file.write(f"{EXPOSED}{labels} {3 * (k % 2880) + odd[s * POINTS + k]['odd']} {at:.3f}\n")
        file.write("# EOF\n")
    return series * POINTS
