"""One run of ingest, for trying things out: spans per second, CPU per span, latency of the acknowledgement.

Starts `spanhouse up` on an empty folder, sends a workload from this process, waits until everything is stored and
merged, and prints one JSON document. `benchmarks.suite` measures all there is, with more care.

    python -m benchmarks.bench_ingest --rate 100000 --seconds 20
    python -m benchmarks.bench_ingest --rate 0 --packaging gateway --workload shop     # flat out
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.environment import environment
from benchmarks.load import SENDERS, Outcome
from benchmarks.packaging import PACKAGINGS
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.suite.flood import send
from benchmarks.suite.material import Combination, requests, templates
from benchmarks.supply import supply
from benchmarks.workloads import WORKLOADS

_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "grpcio", "protobuf", "uvicorn")
_FLAT_OUT = 100_000


def main() -> None:
    """Run once with the options of the command line."""
    options = _options()
    with spanhouse() as target:
        target.wait_until_quiet()
        asked = {name: value for name, value in vars(options).items() if name != "save"}
        result = {**environment(_PACKAGES), "options": asked, **_run(target, options)}
    print(json.dumps(result, indent=2))
    if options.save:
        Path(options.save).write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100_000, help="spans per second, 0 for flat out")
    parser.add_argument("--seconds", type=float, default=20, help="how long, at the rate asked for (or 100k/s)")
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="mesh")
    parser.add_argument("--packaging", choices=sorted(PACKAGINGS), default="SDK")
    parser.add_argument("--transport", choices=sorted(SENDERS), default="HTTP")
    parser.add_argument("--gzip", action="store_true", help="compress the requests")
    parser.add_argument("--cycle", type=int, default=100_000, help="spans until they come again with other ids")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--save", help="write the document to this file too")
    return parser.parse_args()


def _run(target: Spanhouse, options: argparse.Namespace) -> dict[str, Any]:
    cpu = target.cpu_seconds
    started, outcome = _load(target, options)
    backlog = target.backlog
    target.wait_until_stored()
    stored_after = time.perf_counter() - started
    target.wait_until_quiet()
    spans = outcome.acknowledged.spans
    return {
        "answers": dict(outcome.answers),
        "spans_accepted": spans,
        "spans_per_second": round(spans / outcome.seconds),
        "ack_ms": {f"p{q}": round(outcome.percentile(q), 2) for q in (50, 95, 99, 100)},
        "backlog_bytes_at_end": backlog,
        "seconds_until_stored": round(stored_after, 2),
        "cpu_us_per_span": round((target.cpu_seconds - cpu) / max(1, spans) * 1e6, 2),
        "peak_memory_mb": target.peak_memory >> 20,
    }


def _load(target: Spanhouse, options: argparse.Namespace) -> tuple[float, Outcome]:
    """When it began, and what became of it."""
    combination = Combination(
        options.workload, options.packaging, options.transport, "gzip" if options.gzip else "identity"
    )
    made = templates(combination.workload, combination.packaging, options.cycle)
    per_second = options.rate * len(made) / sum(template.spans for template in made)
    spans = int((options.rate or _FLAT_OUT) * options.seconds)
    paced = supply(made, encode=combination.encode, again_every=combination.again_every)
    ready = paced if options.rate else requests(combination, cycle=options.cycle, spans=spans)
    seconds = options.seconds if options.rate else 0
    started = time.perf_counter()
    return started, send(
        target,
        ready,
        combination.transport,
        gzip=combination.gzip,
        connections=options.connections,
        per_second=per_second,
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
