"""What reads bytes that a client or a broken disk chose: whatever they are, each says so in its own words.

`python -m tests.collector.fuzz.parsers -max_total_time=300` lets atheris look for bytes that break this, by the
branches they take; it needs `pip install atheris`, which has wheels for Linux on x86-64 alone. Without it the same is
tried by hypothesis (`test_parsers.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from spanhouse_collector.admission.check import check
from spanhouse_collector.admission.outline import require_at_most
from spanhouse_collector.errors import Refused
from spanhouse_collector.frame import Damage, digest_of, frame_header, scan
from spanhouse_collector.loading.canonical import canonical
from spanhouse_collector.signals import METRICS
from spanhouse_collector.transports.decompression import decompress
from spanhouse_collector.transports.otlp_json import request_from_json

from tests.collector.traces import canonical_traces, check_traces, require_at_most_spans, traces_from_json

_MODULES = (
    "admission.check",
    "admission.outline",
    "frame",
    "loading.canonical",
    "signals.points",
    "signals.spans",
    "transports.decompression",
    "transports.otlp_json",
)
MAX_SPANS = 1000
NOW = 1_700_000_000_000_000_000
MAX_BODY = 1 << 20


def read_protobuf(data: bytes) -> None:
    checked = check_traces(data, MAX_SPANS)
    assert 0 <= checked.rejected <= checked.items <= MAX_SPANS
    anew = canonical_traces(data)
    assert check_traces(anew, MAX_SPANS) == checked
    assert canonical_traces(anew) == anew


def read_metrics(data: bytes) -> None:
    checked = check(METRICS, data, MAX_SPANS, NOW)
    assert 0 <= checked.rejected <= checked.items <= MAX_SPANS
    anew = canonical(METRICS, data)
    assert check(METRICS, anew, MAX_SPANS, NOW) == checked
    assert canonical(METRICS, anew) == anew


def read_metrics_outline(data: bytes) -> None:
    require_at_most(METRICS, 2, data)


def read_metrics_json(data: bytes) -> None:
    body = request_from_json(METRICS, data, MAX_SPANS)
    assert canonical(METRICS, body) == body
    check(METRICS, body, MAX_SPANS, NOW)


def read_outline(data: bytes) -> None:
    require_at_most_spans(2, data)


def read_json(data: bytes) -> None:
    body = traces_from_json(data, MAX_SPANS)
    assert canonical_traces(body) == body
    check_traces(body, MAX_SPANS)


def read_gzip(data: bytes) -> None:
    assert len(decompress(data, "gzip", MAX_BODY)) <= MAX_BODY


def read_zstd(data: bytes) -> None:
    assert len(decompress(data, "zstd", MAX_BODY)) <= MAX_BODY


def read_segment(data: bytes) -> None:
    """Every byte is in one frame or in one damage, in order; a whole frame in front is found whatever follows."""
    whole = frame_header("acme", 1, b"body", digest=digest_of(b"body"), items=1) + b"body"
    first, *rest = scan(memoryview(whole + data))
    assert not isinstance(first, Damage)
    assert (first.start, first.end, first.tenant) == (0, len(whole), "acme")
    at = first.end
    for part in rest:
        assert part.start == at < part.end
        at = part.end
    assert at == len(whole) + len(data)


READERS: tuple[Callable[[bytes], None], ...] = (
    read_protobuf,
    read_outline,
    read_json,
    read_gzip,
    read_zstd,
    read_segment,
    read_metrics,
    read_metrics_outline,
    read_metrics_json,
)


def read(data: bytes) -> None:
    """Read all but the first byte, which chooses the reader. Refusing is an answer; all else is an error."""
    reader = READERS[data[0] % len(READERS)] if data else READERS[0]
    try:
        reader(data[1:])
    except Refused:
        return


def main() -> None:
    """Fuzz until told to stop; see libFuzzer's options."""
    atheris: Any = import_module("atheris")
    for name in _MODULES:
        module = sys.modules[f"spanhouse_collector.{name}"]
        for value in list(vars(module).values()):
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and hasattr(value, "__code__"):
                value.__code__ = atheris.patch_code(value.__code__, trace_dataflow=True)
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
