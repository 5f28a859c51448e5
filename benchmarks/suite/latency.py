"""Open-loop acknowledgement latency at shares of what is kept up, and the time until spans can be queried."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
import urllib.request
from statistics import median
from typing import Any

from benchmarks.progress import say
from benchmarks.spanhouse_process import Spanhouse, spanhouse
from benchmarks.suite.flood import send
from benchmarks.suite.material import Combination, templates
from benchmarks.suite.maximum import maximum, requests_per_second
from benchmarks.suite.scale import Scale
from benchmarks.supply import supply
from benchmarks.wire import SERVER, Ids, encode_span, resource_part, scope_part, varint

LEVELS = (0.1, 0.5, 0.8)
_COMBINATIONS = (Combination("mesh", "SDK", "gRPC"), Combination("mesh", "SDK", "HTTP"))
# A question costs the engine as much as thousands of spans, so it is not asked all the time.
_ASKED_EVERY = 0.1
_FIRST_ASKED = 0.3


def latency(scale: Scale) -> dict[str, Any]:
    """Of SDK packaging, without compression, over both protocols; and how fresh the answers are."""
    first = _COMBINATIONS[0]
    with spanhouse(quiet_seconds=scale.quiet_seconds) as target:
        most = maximum(
            target, first, cycle=scale.cycle, spans=scale.maximum_spans, seconds=scale.overload_seconds
        ).spans_per_second
        levels = [_level(target, one, share, most, scale) for one in _COMBINATIONS for share in LEVELS]
        freshness = [_freshness(target, share, most, scale) for share in (0, 0.5)]
    return {"maximum_spans_per_second": round(most), "levels": levels, "freshness": freshness}


def _level(target: Spanhouse, combination: Combination, share: float, most: float, scale: Scale) -> dict[str, Any]:
    made = templates(combination.workload, combination.packaging, scale.cycle)
    outcome = send(
        target,
        supply(made),
        combination.transport,
        per_second=requests_per_second(share * most, combination, scale.cycle),
        seconds=scale.level_seconds,
    )
    target.wait_until_quiet()
    level = {
        "transport": combination.transport,
        "share": share,
        "spans_per_second": round(outcome.acknowledged.spans / outcome.seconds),
        "requests": len(outcome.latencies),
        "answers": dict(outcome.answers),
        "p50_ms": round(outcome.percentile(50), 2),
        "p99_ms": round(outcome.percentile(99), 2),
    }
    say(f"{combination.transport} at {share:.0%}: acknowledged in {level['p50_ms']} ms, p99 {level['p99_ms']} ms")
    return level


def _freshness(target: Spanhouse, share: float, most: float, scale: Scale) -> dict[str, Any]:
    stop = threading.Event()
    load = threading.Thread(target=_background, args=(target, share * most, scale, stop))
    if share:
        load.start()
    seconds = [_probe(target) for _ in range(scale.probes)]
    stop.set()
    if share:
        load.join()
    target.wait_until_quiet()
    say(f"queryable after {median(seconds):.2f} s at {share:.0%}, {max(seconds):.2f} s at most")
    return {
        "share": share,
        "probes": len(seconds),
        "median_s": round(median(seconds), 2),
        "max_s": round(max(seconds), 2),
    }


def _background(target: Spanhouse, spans_per_second: float, scale: Scale, stop: threading.Event) -> None:
    first = _COMBINATIONS[0]
    source = supply(templates(first.workload, first.packaging, scale.cycle), seed=7)
    until_stopped = itertools.takewhile(lambda _: not stop.is_set(), source)
    per_second = requests_per_second(spans_per_second, first, scale.cycle)
    send(target, until_stopped, first.transport, per_second=per_second)


def _probe(target: Spanhouse) -> float:
    """Seconds from the acknowledgement of a span until its trace is answered."""
    ids = Ids(secrets.token_bytes(16), secrets.token_bytes(8))
    url = f"http://{target.addresses['otlp_http']}/v1/traces"
    headers = {"content-type": "application/x-protobuf"}
    urllib.request.urlopen(urllib.request.Request(url, _probe_body(ids), headers)).close()
    acknowledged = time.perf_counter()
    time.sleep(_FIRST_ASKED)
    while target.get(f"traces/{ids.trace_id.hex()}") is None:
        time.sleep(_ASKED_EVERY)
    return time.perf_counter() - acknowledged


def _probe_body(ids: Ids) -> bytes:
    wire = encode_span(ids, b"", "probe", SERVER, start=time.time_ns(), duration=1000, attributes={})
    spans = scope_part("bench", "1.0") + wire.body
    resource = resource_part({"service.name": "probe"}) + b"\x12" + varint(len(spans)) + spans
    return b"\x0a" + varint(len(resource)) + resource
