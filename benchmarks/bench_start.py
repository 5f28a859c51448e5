"""Start and stop of the all-in-one process: seconds from the command to ready on an empty folder, and from SIGTERM to
the end. Prints one JSON document with the median of some runs, and every run.

    python -m benchmarks.bench_start --runs 5
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

_FLAGS = ("--otlp-grpc=127.0.0.1:0", "--otlp-http=127.0.0.1:0", "--http=127.0.0.1:0", "--log-level=warning")
_LONGEST = 60.0


def main() -> None:
    """Run as often as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = [_run() for _ in range(parser.parse_args().runs)]
    starts, stops = zip(*runs, strict=True)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": {name: importlib.metadata.version(name) for name in ("spanhouse", "chdb")},
        "seconds_to_ready": round(statistics.median(starts), 2),
        "seconds_to_stop": round(statistics.median(stops), 2),
        "runs": [{"start": round(start, 2), "stop": round(stop, 2)} for start, stop in runs],
    }
    print(json.dumps(result, indent=2))


def _run() -> tuple[float, float]:
    """Seconds to ready and seconds to stop of one process."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "spanhouse_cli", "up", f"--data-dir={data}", *_FLAGS])
        try:
            _wait_until_ready(process, data / "spanhouse.json")
            ready = time.perf_counter()
            process.send_signal(signal.SIGTERM)
            status = process.wait(_LONGEST)
            stopped = time.perf_counter()
        finally:
            process.kill()
            process.wait()
    if status != 0:
        raise SystemExit(f"spanhouse up ended with {status}")
    return ready - started, stopped - ready


def _wait_until_ready(process: subprocess.Popen[bytes], report: Path) -> None:
    deadline = time.perf_counter() + _LONGEST
    while not report.exists():
        if process.poll() is not None or time.perf_counter() > deadline:
            raise SystemExit(f"spanhouse up is not ready after {_LONGEST:g} s")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
