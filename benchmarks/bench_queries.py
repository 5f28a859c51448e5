"""Queries of the HTTP API and the service map's rollup, over stores of a known content.

Makes two tenants in an embedded store: one with an hour of spans (ten million, sixty services, a database and a queue;
six of eight spans are at a boundary), rolled up by the collector's own steps, and one with thirty days of rollups of
five hundred edges. Then asks the query service in this process, each question once with the engine's caches emptied
and then some rounds warm; lets a minute of 150 thousand spans arrive and asks for the map with that live end; and
rolls up that minute and more like it. The query condition cache is off. Prints a table; --save writes a document.

    python -m benchmarks.bench_queries --data-dir FOLDER            # made once (ten minutes), used again by later runs
    python -m benchmarks.bench_queries --spans 1000000 --days 3     # a small one, in a temporary folder
    python -m benchmarks.bench_queries --data-dir FOLDER --profile  # and where the time goes, statement by statement

`planning` in the profile is the time of the same statement for a tenant that has nothing: reading its text, planning
and finding nothing. Exit status 1 means that a map did not have exactly the calls that were generated; figures never
are a reason to fail.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import anyio
from spanhouse_storage import Store

from benchmarks.environment import environment
from benchmarks.generated_spans import CALLS_PER_TRACE, MINUTE, SPANS_PER_TRACE, add_minute, some_trace_ids
from benchmarks.query_data import HISTORY, HOUR_MINUTES, MESH, Data, rollup, say, stored_data
from benchmarks.questions import Asker, Check, Figures, Parameters, Question
from benchmarks.timed_store import TimedPool, open_timed_store, wait_for_merges

_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "starlette", "pydantic")
_MAP = "/api/v1/service-map"
_TAIL_SPANS = 150_000
_TAIL_TRACES = _TAIL_SPANS // SPANS_PER_TRACE
_ROLLUPS = 5
_ROLLUP_GOAL_MS = 150


def main() -> None:
    """Run once with the options of the command line."""
    options = _options()
    with _folder(options.data_dir) as folder:
        result = anyio.run(_measured, options, folder)
    print(table(result))
    if options.save:
        Path(options.save).write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    if any(one["wrong"] for one in result["queries"]):
        raise SystemExit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=10_000_000, help="spans in the hour; 1000000 to 100000000")
    parser.add_argument("--days", type=int, default=30, help="of the history")
    parser.add_argument("--edges", type=int, default=500, help="of the history; 3000 at most")
    parser.add_argument("--rounds", type=int, default=30, help="warm rounds for each question")
    parser.add_argument("--data-dir", type=Path, help="where to keep the store, 6 GB; a temporary folder otherwise")
    parser.add_argument("--profile", action="store_true", help="show the statements of each answer too")
    parser.add_argument("--save", help="write the document to this file")
    return parser.parse_args()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)


async def _measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    store, pool = open_timed_store(folder / "engine")
    try:
        data = await stored_data(store, pool, folder, spans=options.spans, days=options.days, edges=options.edges)
        load = os.getloadavg()[0]
        asker = Asker(store, pool)
        figures = [await _asked(asker, question, options.rounds) for question in _questions(store, data)]
        add_minute(store, MESH, data.end, before=sum(data.traces), traces=_TAIL_TRACES)
        wait_for_merges(store)
        figures.insert(1, await _asked(asker, _live_map(data), options.rounds))
        rolled = await _rolled_up(store, pool, data, folder)
        await asker.close()
    finally:
        store.close()
    return {
        **environment(_PACKAGES),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
        "options": {name: getattr(options, name) for name in ("spans", "days", "edges", "rounds")},
        "queries": [{**asdict(one), "met": one.met} for one in figures],
        "rollup": rolled,
        "tiers": data.tiers,
        "profile": options.profile,
    }


async def _asked(asker: Asker, question: Question, rounds: int) -> Figures:
    say(question.name)
    return await asker.ask(question, rounds)


def _questions(store: Store, data: Data) -> list[Question]:
    """All but the map with a live end."""
    hour = _between(data.end - HOUR_MINUTES * MINUTE, data.end)
    month = _between(data.until - data.days * 86_400, data.until)
    last_hour = _between(data.until - HOUR_MINUTES * MINUTE, data.until)
    ids = some_trace_ids(store, sum(data.traces), 200)
    month_name = f"{data.days} days"
    edge = ["/api/v1/edges/service-07/service-08"]
    search = {"service": "backend-07", "q": "duration > 40ms and http.response.status_code >= 500"}
    in_mesh, in_history = partial(Question, tenant=MESH), partial(Question, tenant=HISTORY)
    return [
        in_mesh(name="map, 1 hour", paths=[_MAP], parameters=hour, goal=100, check=_calls(data.calls(HOUR_MINUTES))),
        in_mesh(
            name="map, 1 hour, nothing kept",
            paths=[_MAP],
            parameters=hour,
            goal=100,
            check=_calls(data.calls(HOUR_MINUTES)),
            anew=True,
        ),
        in_history(
            name=f"map, 1 hour, {data.edges} edges",
            paths=[_MAP],
            parameters=last_hour,
            goal=100,
            check=_calls(data.calls_of_history_hour),
        ),
        in_history(
            name=f"map, {month_name}, {data.edges} edges",
            paths=[_MAP],
            parameters=month,
            goal=300,
            check=_calls(data.calls_of_history),
        ),
        in_history(
            name=f"map, {month_name}, {data.edges} edges, nothing kept",
            paths=[_MAP],
            parameters=month,
            goal=300,
            check=_calls(data.calls_of_history),
            anew=True,
        ),
        in_mesh(
            name="map by namespace, 5 minutes",
            paths=[_MAP],
            parameters={**_between(data.end - 5 * MINUTE, data.end), "group_by": "service.namespace"},
            check=_calls(data.calls(5)),
        ),
        in_history(name="edge, 1 hour", paths=edge, parameters=last_hour, goal=50),
        in_history(name=f"edge, {month_name}", paths=edge, parameters=month, goal=50),
        in_mesh(name="services, 1 hour", paths=["/api/v1/services"], parameters=hour),
        in_history(name=f"services, {month_name}", paths=["/api/v1/services"], parameters=month),
        in_mesh(
            name="latency, 1 hour",
            paths=["/api/v1/latency"],
            parameters={**hour, "service": "backend-07"},
            goal=50,
        ),
        in_history(
            name=f"latency, {month_name}",
            paths=["/api/v1/latency"],
            parameters={**month, "service": "service-07"},
            goal=50,
        ),
        in_mesh(name="trace by id", paths=[f"/api/v1/traces/{one}" for one in ids], goal=20, judged="p99"),
        in_mesh(name="search, 1 hour", paths=["/api/v1/traces"], parameters={**hour, **search}, goal=150),
    ]


def _live_map(data: Data) -> Question:
    """The hour ends with the minute that is not settled."""
    hour = _between(data.end - (HOUR_MINUTES - 1) * MINUTE, data.end + MINUTE)
    calls = data.calls(HOUR_MINUTES - 1) + _TAIL_TRACES * CALLS_PER_TRACE
    name = "map, 1 hour, with a live minute"
    return Question(name=name, tenant=MESH, paths=[_MAP], parameters=hour, goal=100, check=_calls(calls))


def _between(start: int, end: int) -> Parameters:
    return {"from": start, "to": end}


def _calls(expected: int) -> Check:
    def check(answer: Any) -> str:
        found = sum(edge["calls"] for edge in answer["edges"])
        return "" if found == expected else f"{found} calls instead of {expected}"

    return check


async def _rolled_up(store: Store, pool: TimedPool, data: Data, folder: Path) -> dict[str, Any]:
    """Settle the live minute, then some more of the same kind; of each, what computing its edges took."""
    say("rolling up minutes")
    steps = rollup(store, data.end + _ROLLUPS * MINUTE)
    inserts, whole_steps = [], []
    for number in range(_ROLLUPS):
        if number:
            add_minute(store, MESH, data.end, before=sum(data.traces), traces=_TAIL_TRACES)
            wait_for_merges(store)
        pool.statements.clear()
        await steps.step()
        data.traces.append(_TAIL_TRACES)
        data.save(folder)
        inserts += [one for one in pool.statements if one.writes == "service_edges_1m"]
        whole_steps.append(sum(one.wall_ms for one in pool.statements))
    return {
        "spans": _TAIL_SPANS,
        "minutes": len(inserts),
        "cpu_ms": round(median(one.cpu_ms for one in inserts), 1),
        "wall_ms": round(median(one.wall_ms for one in inserts), 1),
        "step_wall_ms": round(median(whole_steps), 1),
        "goal_cpu_ms": _ROLLUP_GOAL_MS,
    }


def table(result: dict[str, Any]) -> str:
    """The document for people, in Markdown."""
    lines = [
        f"{result['machine']}; chDB {result['versions']['chdb']}; load {result['load_average']}; {result['date']}",
        "",
        "| question | first ms | median ms | p99 ms | CPU ms | rows read | peak MB | goal ms | met |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_row(one) for one in result["queries"]),
        "",
        *_rollup_lines(result),
    ]
    if result["profile"]:
        lines += [line for one in result["queries"] for line in _profile(one)]
    return "\n".join(lines)


def _row(one: dict[str, Any]) -> str:
    goal = "" if one["goal_ms"] is None else f"{one['goal_ms']:g}{' (p99)' if one['judged'] == 'p99' else ''}"
    met = one["wrong"] or {True: "yes", False: "no", None: ""}[one["met"]]
    figures = (f"{one[name]:.1f}" for name in ("first_ms", "median_ms", "p99_ms", "cpu_ms"))
    cells = (one["name"], *figures, f"{one['rows_read']:,}", str(one["rss_mb"]), goal, met)
    return f"| {' | '.join(cells)} |"


def _rollup_lines(result: dict[str, Any]) -> list[str]:
    rolled, tiers = result["rollup"], result["tiers"]
    return [
        f"rollup of a minute of {rolled['spans']:,} spans: {rolled['cpu_ms']} ms of CPU, goal {rolled['goal_cpu_ms']}; "
        f"{rolled['wall_ms']} ms wall, the whole step {rolled['step_wall_ms']}",
        f"rollup of an hour of the history: {tiers['cpu_ms_of_hour']} ms of CPU; of a day of hours: "
        f"{tiers['cpu_ms_of_day']}; of all {result['options']['days']} days: {tiers['cpu_s']} s",
    ]


def _profile(one: dict[str, Any]) -> list[str]:
    lines = ["", f"{one['name']} ({one['median_ms']} ms)"]
    for statement in one["statements"]:
        planning = "" if statement["planning_ms"] is None else f", planning {statement['planning_ms']}"
        lines.append(f"  {statement['times']:g} x {statement['median_ms']} ms{planning}: {statement['tables']}")
    return lines


if __name__ == "__main__":
    main()
