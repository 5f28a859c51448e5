"""Half of what is kept up, for a long time: whether memory, files, threads, parts and segments level off.

First finds out what is kept up, then sends half of it and samples. By the line that fits its second half best, each
measure may rise by a tenth, or by what is allowed for its kind. Writes one JSON document, a plot, and the table in
docs/performance.md; exit status 1 where something does not level off or is lost.

    python -m benchmarks.soak                                    # thirty minutes
    python -m benchmarks.soak --minutes 1 --save soak.json       # to try it: the document alone
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document_block import replace_block, table
from benchmarks.environment import environment
from benchmarks.load import ACCEPTED
from benchmarks.plot import Line, Panel, panels
from benchmarks.progress import say
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.stored import stored_in
from benchmarks.suite.flood import send
from benchmarks.suite.material import Combination, templates
from benchmarks.suite.maximum import maximum, requests_per_second
from benchmarks.supply import supply

_ROOT = Path(__file__).resolve().parents[1]
_RESULTS = _ROOT / "benchmarks/results"
_DOCUMENT = _ROOT / "docs/performance.md"
_PLOT = _ROOT / "docs/images/performance-soak.svg"
_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "grpcio", "protobuf", "uvicorn")
_COMBINATION = Combination("mesh", "SDK")
_CYCLE = 100_000
_SHARE = 0.5
_SAMPLES = 360
_RISE = 0.1


@dataclass(frozen=True)
class Measure:
    """What is watched. allowed: a rise that is no leak, however little there is."""

    name: str
    unit: str
    allowed: float


MEASURES = (
    Measure("memory", "MB", 40),
    Measure("descriptors", "", 24),
    Measure("threads", "", 8),
    Measure("parts", "", 40),
    Measure("segments", "", 2),
)


def main() -> None:
    """Run with the options of the command line."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with spanhouse(folder=folder) as target:
            result = _soak(target, options.minutes * 60, options.spans)
        stored = stored_in(folder).spans
    result["spans_missing"] = result["spans"] - stored.spans
    result = {**environment(_PACKAGES), **result}
    saved: Path = options.save or _RESULTS / f"soak-{datetime.now(UTC):%Y-%m-%d}.json"
    saved.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if not options.save:
        _PLOT.write_text(plot(result), "utf-8")
        replace_block(_DOCUMENT, "soak", report(result, saved.relative_to(_ROOT)))
    print(_table(result))
    sys.exit(bool(result["spans_missing"]) or not all(one["level"] for one in result["trends"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--spans", type=int, default=1_000_000, help="sent to find out what is kept up")
    parser.add_argument("--save", type=Path, help="write the document there, and neither plot nor table")
    return parser.parse_args()


def _soak(target: Spanhouse, seconds: float, spans: int) -> dict[str, Any]:
    before = maximum(target, _COMBINATION, cycle=_CYCLE, spans=spans, seconds=min(30.0, seconds / 4))
    rate = _SHARE * before.spans_per_second
    say(f"sending {rate:,.0f} spans per second for {seconds:g} s")
    over = threading.Event()
    samples: list[dict[str, float]] = []
    watch = threading.Thread(target=lambda: samples.extend(_sampled(target, seconds / _SAMPLES, over)))
    watch.start()
    made = templates(_COMBINATION.workload, _COMBINATION.packaging, _CYCLE)
    per_second = requests_per_second(rate, _COMBINATION, _CYCLE)
    outcome = send(target, supply(made, seed=9), _COMBINATION.transport, per_second=per_second, seconds=seconds)
    over.set()
    watch.join()
    target.wait_until_stored()
    return {
        "minutes": round(seconds / 60, 1),
        "maximum_spans_per_second": round(before.spans_per_second),
        "spans_per_second": round(outcome.acknowledged.spans / outcome.seconds),
        "spans": before.acknowledged.spans + outcome.acknowledged.spans,
        "requests_refused": outcome.answers.total() - outcome.answers[ACCEPTED],
        "p50_ms": round(outcome.percentile(50), 2),
        "p99_ms": round(outcome.percentile(99), 2),
        "trends": trends(samples),
        "samples": samples,
    }


def _sampled(target: Spanhouse, every: float, over: threading.Event) -> Iterator[dict[str, float]]:
    started = time.perf_counter()
    while not over.wait(every):
        status = target.get("status")
        yield {
            "seconds": round(time.perf_counter() - started, 1),
            "memory": target.tree.memory >> 20,
            "descriptors": target.tree.descriptors,
            "threads": target.tree.threads,
            "parts": _parts(target.folder / "engine"),
            "segments": status["ingest"]["log"]["segments"],
        }


def _parts(engine: Path) -> int:
    """Folders of parts: those in use, and those merged into others and not removed yet."""
    tables = [
        table.path for group in os.scandir(engine / "store") if group.is_dir() for table in os.scandir(group.path)
    ]
    return sum(entry.is_dir() and entry.name[-1].isdigit() for table in tables for entry in _entries(table))


def _entries(folder: str) -> Sequence[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def trends(samples: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Of each measure: its mean and its rise over the second half, and whether that is level."""
    half = samples[len(samples) // 2 :]
    at = np.array([sample["seconds"] for sample in half])
    found = []
    for measure in MEASURES:
        values = np.array([sample[measure.name] for sample in half], float)
        slope = float(np.polynomial.Polynomial.fit(at, values, 1).convert().coef[-1]) if np.ptp(values) else 0.0
        rise, mean = slope * float(np.ptp(at)), float(values.mean())
        level = rise <= max(_RISE * mean, measure.allowed)
        found.append(
            {
                "measure": measure.name,
                "mean": round(mean, 1),
                "most": max(s[measure.name] for s in samples),
                "rise": round(rise, 1),
                "level": level,
            }
        )
    return found


def report(result: Mapping[str, Any], saved: Path) -> str:
    """For docs/performance.md."""
    sent = f"{result['spans_per_second']:,} spans a second for {result['minutes']:g} minutes, of which "
    sent += f"{result['maximum_spans_per_second']:,} are kept up; acknowledged within {result['p50_ms']:g} ms (p99 "
    sent += (
        f"{result['p99_ms']:g} ms), {result['requests_refused']:,} requests refused, {result['spans_missing']:,} of "
    )
    sent += f"{result['spans']:,} spans missing. {result['machine']}; {result['date'][:10]}; `{saved}`."
    return f"{sent}\n\n{_table(result)}\n![Over time](images/performance-soak.svg)"


def _table(result: Mapping[str, Any]) -> str:
    rows = [
        (one["measure"], one["mean"], one["most"], one["rise"], "yes" if one["level"] else "no")
        for one in result["trends"]
    ]
    return table(("", "mean of the second half", "most", "rise over the second half", "levels off"), rows)


def plot(result: Mapping[str, Any]) -> str:
    """A panel for each measure."""
    samples = result["samples"]
    return panels(
        [
            Panel(one.name, [Line("", [(sample["seconds"] / 60, sample[one.name]) for sample in samples])], one.unit)
            for one in MEASURES
        ],
        "min",
    )


if __name__ == "__main__":
    main()
