"""Ingest of every workload in every packaging, over both protocols, compressed and not: one run each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.packaging import PACKAGINGS
from benchmarks.progress import say
from benchmarks.spanhouse_process import spanhouse
from benchmarks.stored import stored_in
from benchmarks.suite.flood import flood
from benchmarks.suite.material import Combination, requests
from benchmarks.suite.scale import Scale
from benchmarks.workloads import WORKLOADS

_TRANSPORTS = ("gRPC", "HTTP")
_ENCODINGS = ("identity", "gzip")
_ONE = Combination("hostile", "gateway", "HTTP", "gzip")


def matrix(scale: Scale) -> list[dict[str, Any]]:
    """A row for each combination."""
    return [_row(combination, scale) for combination in (_all() if scale.whole_matrix else [_ONE])]


def _all() -> Iterator[Combination]:
    for workload, packaging, transport, encoding in product(WORKLOADS, PACKAGINGS, _TRANSPORTS, _ENCODINGS):
        yield Combination(workload, packaging, transport, encoding)


def _row(combination: Combination, scale: Scale) -> dict[str, Any]:
    sent = requests(combination, cycle=scale.cycle, spans=scale.spans)
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with spanhouse(folder=folder, quiet_seconds=scale.quiet_seconds) as target:
            target.wait_until_quiet()
            before = target.tree.cpu_by_thread
            found = flood(target, sent, combination.transport, gzip=combination.gzip)
            threads = target.tree.cpu_by_thread - before
        stored = stored_in(
            folder, merged=combination in (Combination(combination.workload, combination.packaging), _ONE)
        )
    acknowledged = found.outcome.acknowledged
    row = {
        "workload": combination.workload,
        "packaging": combination.packaging,
        "transport": combination.transport,
        "encoding": combination.encoding,
        "spans": found.spans,
        "spans_per_request": round(found.spans / len(sent)),
        "wire_bytes_per_span": round(found.bytes / found.spans),
        "spans_per_cpu_second": round(found.spans_per_cpu_second),
        "spans_per_second": round(found.spans_per_second),
        "bytes_per_span": round(stored.bytes_per_span, 1),
        "bytes_by_table": {name: round(size / found.spans, 1) for name, size in stored.tables.items()},
        "cpu_by_thread": {name: round(ticks / threads.total(), 3) for name, ticks in threads.most_common(6)},
        "peak_memory_mb": found.peak_memory >> 20,
        "spans_missing": acknowledged.spans - stored.spans.spans,
        "same_spans": acknowledged == stored.spans,
    }
    say(f"{' '.join(map(str, list(row.values())[:4]))}: {row['spans_per_cpu_second']:,} spans per CPU-second")
    return row
