"""Ingest of the all-in-one process: spans per second, CPU per span, latency of the acknowledgement, bytes per span.

Starts `spanhouse up` on an empty folder, sends a pre-encoded load from this process, waits until everything is stored,
and prints one JSON document. The load takes CPU of the same machine; `cpu_us_per_span` counts the server alone.

    python -m benchmarks.bench_ingest --rate 100000 --seconds 20
    python -m benchmarks.bench_ingest --rate 0 --transport grpc     # flat out
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.environment import environment
from benchmarks.load import Outcome, Send, grpc_sender, http_sender, run_load
from benchmarks.payload import templates

_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_WAIT = 600
_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "grpcio", "protobuf", "uvicorn")


def main() -> None:
    """Run once with the options of the command line."""
    options = _options()
    with _spanhouse() as (process, addresses):
        cpu = _cpu_seconds(process.pid)
        started = time.perf_counter()
        outcome = asyncio.run(_load(options, addresses))
        backlog = _status(addresses)["ingest"]["log"]["bytes"]
        _wait_until_stored(addresses)
        stored_after = time.perf_counter() - started
        result = {
            **environment(_PACKAGES),
            "options": vars(options),
            **_figures(options, outcome),
            "backlog_bytes_at_end": backlog,
            "seconds_until_stored": round(stored_after, 2),
            "spans_stored": _status(addresses)["ingest"]["spans"]["stored"],
            "cpu_us_per_span": round((_cpu_seconds(process.pid) - cpu) / max(1, _accepted(options, outcome)) * 1e6, 2),
            "peak_memory_mb": _peak_memory_mb(process.pid),
        }
    print(json.dumps(result, indent=2))
    if options.save:
        Path(options.save).write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100_000, help="spans per second, 0 for flat out")
    parser.add_argument("--seconds", type=float, default=20, help="how long, at the rate asked for (or 100k/s)")
    parser.add_argument("--batch", type=int, default=512, help="spans a request")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--transport", choices=("http", "grpc"), default="http")
    parser.add_argument("--save", help="write the document to this file too")
    return parser.parse_args()


def _requests(options: argparse.Namespace) -> int:
    return max(1, int((options.rate or 100_000) * options.seconds / options.batch))


def _spans(options: argparse.Namespace) -> int:
    return _requests(options) * int(options.batch)


def _accepted(options: argparse.Namespace, outcome: Outcome) -> int:
    return (outcome.answers["200"] + outcome.answers["OK"]) * int(options.batch)


async def _load(options: argparse.Namespace, addresses: dict[str, str]) -> Outcome:
    bodies = templates(64, options.batch)
    connect = http_sender if options.transport == "http" else grpc_sender
    address = addresses["otlp_http" if options.transport == "http" else "otlp_grpc"]
    senders: list[Send] = [await connect(address) for _ in range(options.connections)]
    per_second = options.rate / options.batch
    return await run_load(senders, bodies, requests=_requests(options), per_second=per_second)


def _figures(options: argparse.Namespace, outcome: Outcome) -> dict[str, Any]:
    return {
        "answers": dict(outcome.answers),
        "spans_sent": _spans(options),
        "spans_accepted": _accepted(options, outcome),
        "spans_per_second": round(_accepted(options, outcome) / outcome.seconds),
        "ack_ms": {f"p{q}": round(outcome.percentile(q), 2) for q in (50, 95, 99, 100)},
    }


@contextmanager
def _spanhouse() -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    folder = Path(tempfile.mkdtemp(prefix="spanhouse-bench-"))
    any_port = "127.0.0.1:0"
    command = [sys.executable, "-m", "spanhouse_cli", "up", "--data-dir", str(folder), "--otlp-grpc", any_port]
    command += ["--otlp-http", any_port, "--http", any_port]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process, _addresses(process, folder / "spanhouse.json")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _addresses(process: subprocess.Popen[bytes], runtime: Path) -> dict[str, str]:
    deadline = time.monotonic() + 30
    while not runtime.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("spanhouse did not start")
        time.sleep(0.05)
    addresses: dict[str, str] = json.loads(runtime.read_text("utf-8"))
    return addresses


def _status(addresses: dict[str, str]) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{addresses['http']}/api/v1/status") as answer:
        document: dict[str, Any] = json.load(answer)
        return document


def _wait_until_stored(addresses: dict[str, str]) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT
    while _status(addresses)["ingest"]["log"]["bytes"]:
        if time.monotonic() > deadline:
            raise SystemExit(f"not everything was stored after {_LONGEST_WAIT} seconds")
        time.sleep(0.1)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_memory_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
