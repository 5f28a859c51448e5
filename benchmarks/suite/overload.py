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
from benchmarks.suite.flood import flood, send
from benchmarks.suite.material import Combination, requests, templates
from benchmarks.suite.scale import Scale
from benchmarks.supply import supply

_COMBINATION = Combination("mesh", "SDK")
_CONNECTIONS = 32
_SAMPLED_EVERY = 1.0


def overload(scale: Scale) -> dict[str, Any]:
    """With a small quota for the log, so that the storm is felt within seconds."""
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        quota = f"--log-quota={scale.overload_quota}"
        with spanhouse(quota, folder=folder, quiet_seconds=scale.quiet_seconds) as target:
            target.wait_until_quiet()
            # below the quota, so that nothing is refused while the maximum is found
            before = flood(target, requests(_COMBINATION, cycle=scale.cycle, spans=scale.maximum_spans))
            made = templates(_COMBINATION.workload, _COMBINATION.packaging, scale.cycle)
            per_second = 2 * before.spans_per_second * len(made) / sum(template.spans for template in made)
            samples = Samples(target)
            started = time.perf_counter()
            outcome = send(
                target,
                supply(made, seed=2),
                _COMBINATION.transport,
                connections=_CONNECTIONS,
                per_second=per_second,
                seconds=scale.overload_seconds,
            )
            target.wait_until_stored()
            seconds = time.perf_counter() - started
            samples.stop()
            memory = target.peak_memory
        stored = stored_in(folder).spans
    throughput = outcome.acknowledged.spans / seconds
    refused = outcome.answers[LATER]
    say(f"twice the maximum: {throughput / before.spans_per_second:.0%} of it kept up, {refused} requests refused")
    return {
        "maximum_spans_per_second": round(before.spans_per_second),
        "offered_spans_per_second": round(2 * before.spans_per_second),
        "spans_per_second": round(throughput),
        "share_of_maximum": round(throughput / before.spans_per_second, 2),
        "log_quota": scale.overload_quota,
        "accepted": outcome.answers[ACCEPTED],
        "refused_retryable": refused,
        "refused_otherwise": outcome.answers.total() - outcome.answers[ACCEPTED] - refused,
        "answers": dict(outcome.answers),
        "p99_ms": round(outcome.percentile(99), 2),
        "peak_memory_mb": memory >> 20,
        "spans_missing": (before.outcome.acknowledged + outcome.acknowledged).spans - stored.spans,
        "same_spans": before.outcome.acknowledged + outcome.acknowledged == stored,
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
