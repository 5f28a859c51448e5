"""Twice what is kept up, for longer than the log can hold: what becomes of throughput, memory and the refused."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.load import ACCEPTED, LATER
from benchmarks.progress import say
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.stored import stored_in
from benchmarks.suite.material import Combination
from benchmarks.suite.maximum import maximum, storm
from benchmarks.suite.scale import Scale

_COMBINATION = Combination("mesh", "SDK")
_SAMPLED_EVERY = 1.0


def overload(scale: Scale) -> dict[str, Any]:
    """With a small quota for the log, so that the storm is felt within seconds."""
    cycle, seconds = scale.cycle, scale.overload_seconds
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        quota = f"--log-quota={scale.overload_quota}"
        with spanhouse(quota, folder=folder, quiet_seconds=scale.quiet_seconds) as target:
            before = maximum(target, _COMBINATION, cycle=cycle, spans=scale.maximum_spans, seconds=seconds)
            samples = Samples(target)
            found = storm(target, _COMBINATION, 2 * before.spans_per_second, cycle=cycle, seconds=seconds, seed=3)
            samples.stop()
            memory = target.peak_memory
        stored = stored_in(folder).spans
    acknowledged = before.acknowledged + found.acknowledged
    accepted, refused = (found.answers.get(kind, 0) for kind in (ACCEPTED, LATER))
    share = found.spans_per_second / before.spans_per_second
    say(f"twice the maximum: {share:.0%} of it kept up, {refused} requests refused")
    return {
        "maximum_spans_per_second": round(before.spans_per_second),
        "offered_spans_per_second": round(2 * before.spans_per_second),
        "spans_per_second": round(found.spans_per_second),
        "share_of_maximum": round(share, 2),
        "log_quota": scale.overload_quota,
        "accepted": accepted,
        "refused_retryable": refused,
        "refused_otherwise": sum(found.answers.values()) - accepted - refused,
        "answers": found.answers,
        "p99_ms": found.p99_ms,
        "peak_memory_mb": memory >> 20,
        "spans_missing": acknowledged.spans - stored.spans,
        "same_spans": acknowledged == stored,
        "samples": samples.taken,
    }


class Samples(threading.Thread):
    """Memory, backlog and stored spans over time, until told to stop."""

    def __init__(self, target: Spanhouse) -> None:
        super().__init__()
        self.taken: list[dict[str, float]] = []
        self._target = target
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Sample."""
        started = time.perf_counter()
        while not self._over.wait(_SAMPLED_EVERY):
            ingest = self._target.get("status")["ingest"]
            self.taken.append(
                {
                    "seconds": round(time.perf_counter() - started, 2),
                    "stored": ingest["spans"]["stored"],
                    "log_mb": round(ingest["log"]["bytes"] / 1e6, 1),
                    "memory_mb": self._target.tree.memory >> 20,
                }
            )

    def stop(self) -> None:
        """No more samples."""
        self._over.set()
        self.join()
