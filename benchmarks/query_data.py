"""What the query benchmark asks about: ten million spans of an hour, and a month of rollups."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.edges.tiers import DAY, EdgeTiers
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import QueryLimits, Store, migrate

from benchmarks.generated_history import CALLS_PER_ROW, add_history
from benchmarks.generated_spans import CALLS_PER_TRACE, MINUTE, SPANS_PER_TRACE, add_minute, add_resources
from benchmarks.timed_store import TimedPool, wait_for_merges

MESH, HISTORY = "mesh", "history"
HOUR_MINUTES = 60
_DAY_MINUTES = 24 * 60
_ROLLED_UP_EVERY = 10


@dataclass
class Data:
    """What is stored. All instants are unix seconds, whole minutes.

    start: of the first minute of spans. traces: how many start in each minute from there on, all of them rolled up.
    until: end of the history. tiers: what making its hours and days took.
    """

    start: int
    until: int
    days: int
    edges: int
    traces: list[int] = field(default_factory=list)
    tiers: dict[str, float] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """End of the minutes with spans."""
        return self.start + len(self.traces) * MINUTE

    def calls(self, minutes: int) -> int:
        """Calls of the last so many minutes."""
        return sum(self.traces[-minutes:]) * CALLS_PER_TRACE

    @property
    def calls_of_history(self) -> int:
        """Calls of all days."""
        return self.days * _DAY_MINUTES * self.edges * CALLS_PER_ROW

    @property
    def calls_of_history_hour(self) -> int:
        """Calls of one hour."""
        return HOUR_MINUTES * self.edges * CALLS_PER_ROW

    def save(self, folder: Path) -> None:
        """Remember beside the store what is in it."""
        _file(folder).write_text(json.dumps(asdict(self)), "utf-8")


def _file(folder: Path) -> Path:
    return folder / "bench-queries.json"


async def stored_data(store: Store, pool: TimedPool, folder: Path, *, spans: int, days: int, edges: int) -> Data:
    """What a former run left in the folder, or made now. SystemExit where that is not what is asked for."""
    migrate(store)
    if not _file(folder).exists():
        return await _made(store, pool, folder, spans=spans, days=days, edges=edges)
    data = Data(**json.loads(_file(folder).read_text("utf-8")))
    found = sum(data.traces[:HOUR_MINUTES]) * SPANS_PER_TRACE, data.days, data.edges
    if found != (_traces_per_minute(spans) * HOUR_MINUTES * SPANS_PER_TRACE, days, edges):
        raise SystemExit(
            f"{folder} holds {found[0]} spans, {found[1]} days, {found[2]} edges: ask for these or another"
        )
    return data


def _traces_per_minute(spans: int) -> int:
    return max(1, round(spans / SPANS_PER_TRACE / HOUR_MINUTES))


async def _made(store: Store, pool: TimedPool, folder: Path, *, spans: int, days: int, edges: int) -> Data:
    now = int(time.time()) // MINUTE * MINUTE
    data = Data(start=now - HOUR_MINUTES * MINUTE, until=now, days=days, edges=edges)
    await _add_spans(store, data, _traces_per_minute(spans))
    _add_history(store, data)
    say("waiting for merges")
    wait_for_merges(store)
    await _add_tiers(store, pool, data)
    wait_for_merges(store)
    data.save(folder)
    return data


async def _add_spans(store: Store, data: Data, per_minute: int) -> None:
    add_resources(store, MESH)
    for number in range(1, HOUR_MINUTES + 1):
        add_minute(store, MESH, data.end, before=sum(data.traces), traces=per_minute)
        data.traces.append(per_minute)
        if number % _ROLLED_UP_EVERY == 0:
            await rollup(store, data.end).step()
            say(f"{sum(data.traces) * SPANS_PER_TRACE:,} spans")


def rollup(store: Store, settled: int) -> EdgeRollup:
    """The collector's rollup, for which minutes before `settled` (unix seconds) are past."""
    config = RollupConfig(settle=time.time() - settled - 5)
    return EdgeRollup(store, config, CapacityLimiter(1), Metrics(CollectorRegistry()))


def _add_history(store: Store, data: Data) -> None:
    minutes = data.days * _DAY_MINUTES
    said = time.monotonic()
    for done in add_history(store, HISTORY, data.until - minutes * MINUTE, minutes, data.edges):
        if time.monotonic() - said > 10 or done == minutes:
            say(f"{done / _DAY_MINUTES:.1f} of {data.days} days of {data.edges} edges")
            said = time.monotonic()


async def _add_tiers(store: Store, pool: TimedPool, data: Data) -> None:
    """Hours and days of the history, by the collector's own steps."""
    say("making hours and days")
    pool.statements.clear()
    since = (data.until - data.days * DAY) // DAY * DAY
    tiers = EdgeTiers(store, QueryLimits(seconds=300, threads=1))
    await tiers.step(time.time_ns() // 1000, settled=data.until, since=since)
    for unit, suffix, a_day in (("hour", "1h", 24), ("day", "1d", 1)):
        inserts = [one for one in pool.statements if one.writes == f"service_edges_{suffix}"]
        data.tiers[f"cpu_ms_of_{unit}"] = round(sum(one.cpu_ms for one in inserts) / (a_day * data.days), 1)
    data.tiers["cpu_s"] = round(sum(one.cpu_ms for one in pool.statements) / 1000, 1)
    data.tiers["wall_s"] = round(sum(one.wall_ms for one in pool.statements) / 1000, 1)


def say(text: str) -> None:
    """Tell how far it is, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
