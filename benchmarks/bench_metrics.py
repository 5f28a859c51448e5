"""Metrics: what a point costs on its way in and on the disk, and how long queries over a day of them take.

In: the requests of many services, each with twenty metrics of ten series, a fifth of them histograms, checked as the
receiver checks them and inserted as the loader inserts them, in segments of 16 MiB and one by one; without transport
and log, which are those of spans. Out: ten thousand series of a counter over a day, one point in 15 seconds, asked for
by PromQL and in native terms. Where `promtool` is installed, the bytes of a sample in Prometheus's blocks too.

    python -m benchmarks.bench_metrics --data-dir FOLDER   # made once (two minutes), used again by later runs
    python -m benchmarks.bench_metrics --series 1000       # a small one, in a temporary folder
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import anyio
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric
from spanhouse_collector.admission.check import check
from spanhouse_collector.signals import METRICS
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, migrate, open_store

from benchmarks.document_block import replace_block, table
from benchmarks.environment import environment
from benchmarks.metric_data import EXPOSED, METRIC, TENANT, Day, stored_day, write_openmetrics
from benchmarks.questions import Asker, Figures, Question
from benchmarks.timed_store import TimedPool, open_timed_store
from tests.support.metrics import counter, histogram, metrics_request, metrics_segment, number
from tests.support.spans import Value, key_values

_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "numpy", "promql-parser")
_PROMQL = "/prometheus/api/v1"
_POINTS_A_REQUEST = 200
_REQUESTS = 500
_INSERTS = 5
_PROMETHEUS_SERIES = 200


def main() -> None:
    """Run once with the options of the command line."""
    options = _options()
    with _folder(options.data_dir) as folder:
        result = {**environment(_PACKAGES), "ingest": _ingested(), **anyio.run(_asked, options, folder)}
    print(_document(result))
    if options.save:
        Path(options.save).write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    if options.document:
        replace_block(options.document, "metrics", _document(result))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000, help="of the day that is asked for")
    parser.add_argument("--rounds", type=int, default=15, help="for each question")
    parser.add_argument("--data-dir", type=Path, help="where to keep the store; a temporary folder otherwise")
    parser.add_argument("--save", help="write the figures to this file, as JSON")
    parser.add_argument("--document", type=Path, help="write the tables into this document's block `metrics`")
    return parser.parse_args()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def _ingested() -> dict[str, float]:
    """Microseconds of CPU a point, and milliseconds of an insert of one request."""
    sent = [_request(index) for index in range(_REQUESTS)]
    bodies = [request.SerializeToString() for request in sent]
    points = _REQUESTS * _POINTS_A_REQUEST
    checked = min(_cpu(lambda: [check(METRICS, body, 10**6, time.time_ns()) for body in bodies]) for _ in range(3))
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "all").write_bytes(metrics_segment(sent))
        (folder / "one").write_bytes(metrics_segment(sent[:1]))
        store = open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine")))
        try:
            migrate(store)
            inserted = [_cpu(_insert(store, folder / "all", index)) for index in range(_INSERTS)]
            one = [_cpu(_insert(store, folder / "one", index)) for index in range(_INSERTS)]
        finally:
            store.close()
    return {
        "check_us": round(checked / points * 1e6, 2),
        "insert_us": round(median(inserted) / points * 1e6, 2),
        "points_per_cpu_second": round(points / (checked + median(inserted))),
        "insert_of_one_request_ms": round(median(one) * 1000, 1),
        "bytes_sent_a_point": round(sum(map(len, bodies)) / points, 1),
    }


def _insert(store: Store, segment: Path, index: int) -> Any:
    return lambda: store.insert_segment(segment, f"{segment.name}{index}", METRICS.stored_as)


def _cpu(do: Any) -> float:
    """Seconds of the whole process, the engine's threads included."""
    before = time.process_time()
    do()
    return time.process_time() - before


def _request(index: int) -> ExportMetricsServiceRequest:
    now = time.time_ns()
    attributes: list[dict[str, Value]] = [
        {"http.route": f"/route/{s}", "http.request.method": "GET", "server.port": 80} for s in range(10)
    ]
    counted = [number(float(index + s), some, at=now) for s, some in enumerate(attributes)]
    counters = [counter(f"shop.counter.{m}", *counted) for m in range(16)]
    return metrics_request({f"service-{index % 50}": [*counters, *(_histogram(m, now, attributes) for m in range(4))]})


def _histogram(index: int, now: int, attributes: list[dict[str, Value]]) -> Metric:
    bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
    points = (
        HistogramDataPoint(
            time_unix_nano=now,
            count=100,
            sum=5.5,
            bucket_counts=[5] * 10 + [50],
            explicit_bounds=bounds,
            attributes=key_values(some),
        )
        for some in attributes
    )
    return histogram(f"shop.duration.{index}", *points)


async def _asked(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    store, pool = open_timed_store(folder / "engine")
    try:
        migrate(store)
        day = stored_day(store, options.series)
        figures = await _figures(store, pool, day, options.rounds)
        sizes = _bytes_a_point(store, day)
    finally:
        store.close()
    return {
        "series": day.series,
        "bytes_a_point": sizes,
        "queries": [{**asdict(one), "met": one.met} for one in figures],
    }


async def _figures(store: Store, pool: TimedPool, day: Day, rounds: int) -> list[Figures]:
    asker = Asker(store, pool)
    found = [await asker.ask(question, rounds) for question in _questions(day)]
    await asker.close()
    return found


def _questions(day: Day) -> list[Question]:
    def ask(name: str, path: str, goal: float | None = None, **parameters: str | int) -> Question:
        return Question(name=name, tenant=TENANT, paths=[path], parameters=parameters, goal=goal)

    rate = f"sum by (job) (rate({EXPOSED}[5m]))"
    whole: dict[str, Any] = {"start": day.begin + 300, "end": day.end, "step": 60}
    between: dict[str, Any] = {"from": f"{day.begin}000000000", "to": f"{day.end}000000000"}
    return [
        ask(f"{rate}, a day by the minute", f"{_PROMQL}/query_range", 500, query=rate, **whole),
        ask(f"{rate}, at an instant", f"{_PROMQL}/query", 50, query=rate, time=day.end),
        ask("one series, at an instant", f"{_PROMQL}/query", 50, query=f'{EXPOSED}{{instance="7"}}', time=day.end),
        ask("catalogue", "/api/v1/metrics", 50, **between),
        ask(
            "native: rate by service, a day in 300 points",
            "/api/v1/metrics/query_range",
            aggregation="rate",
            group_by="service",
            metric=METRIC,
            max_points=300,
            **between,
        ),
    ]


def _bytes_a_point(store: Store, day: Day) -> dict[str, float]:
    (size,) = store.rows(
        "SELECT sum(bytes_on_disk) / sum(rows) AS bytes FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table = 'metric_numbers'"
    )
    found = {"spanhouse": round(size["bytes"], 2)}
    if shutil.which("promtool"):
        found["prometheus"] = _prometheus_bytes(store, day)
    return found


def _prometheus_bytes(store: Store, day: Day) -> float:
    """Bytes of a sample in the blocks that promtool makes of the same series, their index included."""
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-") as name:
        folder = Path(name)
        samples = write_openmetrics(store, day, _PROMETHEUS_SERIES, folder / "day.txt")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
        subprocess.run([*command, folder / "day.txt", folder / "blocks"], check=True, capture_output=True)
        size = sum(path.stat().st_size for path in (folder / "blocks").rglob("*") if path.is_file())
    return round(size / samples, 2)


def _document(result: dict[str, Any]) -> str:
    ingest, sizes = result["ingest"], result["bytes_a_point"]
    goals = [
        ("points per CPU-second, check and insert", "≥ 300,000", ingest["points_per_cpu_second"]),
        ("microseconds of CPU a point: check", "", ingest["check_us"]),
        ("microseconds of CPU a point: insert", "", ingest["insert_us"]),
        ("milliseconds of CPU: insert of 200 points", "", ingest["insert_of_one_request_ms"]),
        *((f"bytes a point of the day, {name}", "", size) for name, size in sizes.items()),
    ]
    asked = [
        (one["name"], one["first_ms"], one["median_ms"], one["cpu_ms"], one["rss_mb"], one["goal_ms"], _met(one))
        for one in result["queries"]
    ]
    head = ("question", "first ms", "median ms", "CPU ms", "peak MB", "goal ms", "met")
    about = f"{result['machine']}; chDB {result['versions']['chdb']}; {result['series']:,} series; {result['date']}"
    return f"{about}\n\n{table(('', 'goal', 'measured'), goals)}\n{table(head, asked)}"


def _met(one: dict[str, Any]) -> str:
    return str(one["wrong"]) or {True: "yes", False: "**no**", None: ""}[one["met"]]


if __name__ == "__main__":
    main()
