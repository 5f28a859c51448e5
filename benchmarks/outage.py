"""ClickHouse goes away under load and comes back: what the log takes, how long the drain lasts, what is late or lost.

A server in front of the embedded engine is stopped, for --minutes, while spans keep coming at --rate, and started
again; they go on coming until the backlog is gone. Writes one JSON document, a plot, and a block of docs/operations.md;
exit status 1 where a request is refused, or a span is lost or doubled.

    python -m benchmarks.outage                                       # three minutes at 20,000 spans/s
    python -m benchmarks.outage --minutes 60 --log-quota 30GiB        # the hour itself: 24 GB of log
    python -m benchmarks.outage --minutes 0.2 --save outage.json      # to try it: the document alone
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from spanhouse_storage import ServerConfig, StoreConfig, open_store

from benchmarks.document_block import replace_block
from benchmarks.environment import environment
from benchmarks.free_port import free_port
from benchmarks.load import ACCEPTED, Outcome
from benchmarks.packaging import Fingerprint
from benchmarks.plot import Line, Panel, panels
from benchmarks.progress import say
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.stored import fingerprint
from benchmarks.suite.flood import send
from benchmarks.suite.material import Combination, templates
from benchmarks.suite.maximum import requests_per_second
from benchmarks.supply import supply
from benchmarks.waiting import wait_for
from tests.clickhouse_front.process import running_front

_ROOT = Path(__file__).resolve().parents[1]
_RESULTS = _ROOT / "benchmarks/results"
_DOCUMENT = _ROOT / "docs/operations.md"
_PLOT = _ROOT / "docs/images/outage.svg"
_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "grpcio", "protobuf", "uvicorn")
_COMBINATION = Combination("mesh", "SDK")
_CYCLE = 100_000
_SECONDS_BEFORE = 15.0
_EVERY = 1.0
_LONGEST_DRAIN = 3600.0
# What waits while all is well: a segment that is written to and one that is stored.
_SECONDS_OF_LOG = 4.0


def main() -> None:
    """Run with the options of the command line."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        result = {**environment(_PACKAGES), **_measured(Path(name), options)}
    saved: Path = options.save or _RESULTS / f"outage-{datetime.now(UTC):%Y-%m-%d}.json"
    saved.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    text = report(result)
    if not options.save:
        _PLOT.write_text(plot(result), "utf-8")
        replace_block(_DOCUMENT, "outage", f"{text} `{saved.relative_to(_ROOT)}`\n\n![Over time](images/outage.svg)")
    print(text)
    sys.exit(bool(result["requests_refused"]) or not result["same_spans"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long ClickHouse is away")
    parser.add_argument("--rate", type=float, default=20_000, help="spans per second")
    parser.add_argument("--log-quota", default="4GiB")
    parser.add_argument("--save", type=Path, help="write the document there, and neither plot nor block")
    return parser.parse_args()


def _measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    port = free_port()
    with ExitStack() as outage, ExitStack() as rest:
        url = outage.enter_context(running_front(folder / "engine", port=port))
        target = rest.enter_context(spanhouse(f"--store={url}", f"--log-quota={options.log_quota}"))
        load = Load(target, options.rate)
        samples = Samples(target)
        time.sleep(_SECONDS_BEFORE)
        usual = target.backlog
        say("ClickHouse goes away")
        outage.close()
        samples.is_up.clear()
        began = samples.seconds
        time.sleep(options.minutes * 60)
        most = target.backlog
        rest.enter_context(running_front(folder / "engine", port=port))
        returned = samples.seconds
        say(f"ClickHouse is back, {most / 1e6:,.0f} MB wait")
        samples.is_up.set()
        enough = max(usual, _SECONDS_OF_LOG * load.bytes_per_second)
        wait_for(lambda: target.backlog <= enough, "the backlog drained", pause=0.2, seconds=_LONGEST_DRAIN)
        drained = samples.seconds
        time.sleep(_SECONDS_BEFORE)
        outcome = load.stop()
        samples.stop()
        target.wait_until_stored()
        peak, stored = target.peak_memory, _stored(url)
    lags = [lag for seconds, _, lag in samples.taken if lag is not None and returned <= seconds <= drained]
    return {
        "options": {name: value for name, value in vars(options).items() if name != "save"},
        "spans": outcome.acknowledged.spans,
        "spans_missing": outcome.acknowledged.spans - stored.spans,
        "same_spans": outcome.acknowledged == stored,
        "outage_seconds": round(returned - began, 1),
        "log_mb": round(most / 1e6),
        "drain_seconds": round(drained - returned, 1),
        "drained_spans_per_second": round((options.rate * (drained - began)) / (drained - returned)),
        "lag_while_draining": {"median": median(lags), "most": max(lags)} if lags else None,
        "requests_refused": outcome.answers.total() - outcome.answers[ACCEPTED],
        "p50_ms": round(outcome.percentile(50), 2),
        "p99_ms": round(outcome.percentile(99), 2),
        "peak_memory_mb": peak >> 20,
        "samples": [dict(zip(("seconds", "log_mb", "lag"), sample, strict=True)) for sample in samples.taken],
    }


def _stored(url: str) -> Fingerprint:
    store = open_store(StoreConfig(engine=ServerConfig(url=url)))
    try:
        return fingerprint(store)
    finally:
        store.close()


class Load(threading.Thread):
    """Spans at one rate, until told to stop."""

    def __init__(self, target: Spanhouse, rate: float) -> None:
        super().__init__(name="load")
        self._target = target
        self._over = threading.Event()
        self._outcome: Outcome | None = None
        self._made = templates(_COMBINATION.workload, _COMBINATION.packaging, _CYCLE)
        self._per_second = requests_per_second(rate, _COMBINATION, _CYCLE)
        self.bytes_per_second = self._per_second * sum(one.body.size for one in self._made) / len(self._made)
        self.start()

    def run(self) -> None:
        """Send."""
        requests = itertools.takewhile(lambda _: not self._over.is_set(), supply(self._made, seed=5))
        self._outcome = send(self._target, requests, _COMBINATION.transport, per_second=self._per_second)

    def stop(self) -> Outcome:
        """What became of it."""
        self._over.set()
        self.join()
        assert self._outcome is not None
        return self._outcome


class Samples(threading.Thread):
    """The backlog over time, and while ClickHouse is there (`is_up`) how far what can be queried lags behind."""

    def __init__(self, target: Spanhouse) -> None:
        super().__init__(name="samples")
        self.taken: list[tuple[float, float, float | None]] = []
        self.is_up = threading.Event()
        self.is_up.set()
        self._target = target
        self._over = threading.Event()
        self._began = time.perf_counter()
        self.start()

    @property
    def seconds(self) -> float:
        """Since the first sample."""
        return round(time.perf_counter() - self._began, 1)

    def run(self) -> None:
        """Sample."""
        while not self._over.wait(_EVERY):
            seconds, backlog = self.seconds, round(self._target.backlog / 1e6, 1)
            lag = self._lag() if self.is_up.is_set() else None
            self.taken.append((seconds, backlog, lag))

    def stop(self) -> None:
        """No more samples."""
        self._over.set()
        self.join()

    def _lag(self) -> float | None:
        """Seconds since the newest of what can be queried had arrived."""
        try:
            newest = self._target.get("services", from_="now-1m")["meta"]["freshness"]
        except (SystemExit, OSError):  # it is just going away
            return None
        return round(time.time() - int(newest) / 1e9, 1) if newest else None


def report(result: dict[str, Any]) -> str:
    """For docs/operations.md."""
    lag, rate = result["lag_while_draining"], result["options"]["rate"]
    late = f"; they could be queried after {lag['median']:g} s ({lag['most']:g} s at most)" if lag else ""
    return (
        f"`make bench-outage` takes ClickHouse away for {result['outage_seconds']:,.0f} s under {rate:,.0f} spans a "
        f"second: {result['log_mb']:,} MB gathered in the log and were gone {result['drain_seconds']:,.0f} s after it "
        f"was back, at {result['drained_spans_per_second']:,} spans a second, those that came meanwhile included{late}."
        f" Acknowledged within {result['p50_ms']:g} ms (p99 {result['p99_ms']:g} ms) throughout, "
        f"{result['requests_refused']} requests refused, {result['spans_missing']} of {result['spans']:,} spans "
        f"missing; {result['peak_memory_mb']:,} MB of memory. {result['machine']}; {result['date'][:10]};"
    )


def plot(result: dict[str, Any]) -> str:
    """The backlog, and the lag below it."""
    samples = result["samples"]
    lag = [(one["seconds"], one["lag"]) for one in samples if one["lag"] is not None]
    return panels(
        [
            Panel("waiting in the log", [Line("", [(one["seconds"], one["log_mb"]) for one in samples])], "MB"),
            Panel("how far queries lag behind, while ClickHouse is there", [Line("", lag)], "s"),
        ],
        "s",
    )


if __name__ == "__main__":
    main()
