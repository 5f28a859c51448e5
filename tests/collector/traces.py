"""What the collector does with requests of any signal, for traces that came at the epoch."""

from __future__ import annotations

from functools import partial

from spanhouse_collector.admission.check import check
from spanhouse_collector.admission.outline import require_at_most
from spanhouse_collector.loading.canonical import canonical, canonical_frame
from spanhouse_collector.signals import TRACES, Checked
from spanhouse_collector.transports.otlp_json import request_from_json, request_to_json

traces_from_json = partial(request_from_json, TRACES)
traces_to_json = partial(request_to_json, TRACES)
canonical_traces = partial(canonical, TRACES)
canonical_trace_frame = partial(canonical_frame, TRACES)
require_at_most_spans = partial(require_at_most, TRACES)


def check_traces(body: bytes, max_spans: int) -> Checked:
    return check(TRACES, body, max_spans, 0)
