"""docs/metrics.md, made from the declarations: `python -m spanhouse_cli.metrics_table docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import spanhouse_collector.observation.declared
import spanhouse_query.metrics
from spanhouse_storage.declared_metric import DeclaredMetric

from spanhouse_cli import process_metrics

_INTRODUCTION = """\
<!-- Made by `python -m spanhouse_cli.metrics_table docs/metrics.md` from the declarations in the code. -->
# Metrics

`/metrics` on the address `http` shows what a process of Spanhouse counts and measures, for Prometheus. Once a minute
the same is stored as OTLP metrics of the tenant `_spanhouse`, or sent to where `self_metrics_endpoint` says
([configuration.md](configuration.md#spanhouses-own-metrics)), under the same names: counters as cumulative monotonic
sums, gauges, and histograms with the same bounds.
`deploy/prometheus/alerts.yaml` has rules that tell of trouble.

- **Labels have few values**: of tenants, the first hundred have a name and all others are `other`; routes are patterns,
  not paths.
- **Counters** begin at 0 with the process. Beside each series of a counter or histogram stands a gauge `_created`, the
  time at which it began; in OTLP it is the start time of the series.
- **Histograms** have `_bucket`, `_sum` and `_count`; times are in seconds.
- **Levels** such as `spanhouse_log_bytes` are those of the moment. Quarantine, engine and tables are polled every
  ten seconds.
- Every process also has the `process_...` metrics that Prometheus's clients have in common (CPU, resident memory, open
  files).

## How far behind are queries?

A span, or a metric point, can be queried once its segment is stored. `spanhouse_ingest_lag_seconds` has, for every
segment that was stored, the time since it was opened. Nothing in it was acknowledged before, so that for no span the
time from its acknowledgement to the first query that finds it was longer: with `segment_age` it is a second or a little
more, for points and `metrics_segment_age` five. While nothing can be stored it says nothing: then
`spanhouse_log_oldest_seconds` grows.

    histogram_quantile(0.99, sum by (signal, le) (rate(spanhouse_ingest_lag_seconds_bucket[5m])))
    max by (signal) (spanhouse_log_oldest_seconds)
"""


def document() -> str:
    """The whole of docs/metrics.md."""
    sections = [
        _section("Collector", "`spanhouse up` and `spanhouse collector` have these.", COLLECTOR),
        _section("Query service", "`spanhouse up` and `spanhouse query` have these.", QUERY),
        _section("Process", "Every process has these.", PROCESS),
    ]
    return "\n".join([_INTRODUCTION, *sections])


def _declared_in(module: ModuleType) -> list[DeclaredMetric]:
    return [value for value in vars(module).values() if isinstance(value, DeclaredMetric)]


COLLECTOR = _declared_in(spanhouse_collector.observation.declared)
QUERY = _declared_in(spanhouse_query.metrics)
PROCESS = _declared_in(process_metrics)


def _section(title: str, where: str, metrics: Iterable[DeclaredMetric]) -> str:
    rows = "\n".join(f"| {' | '.join(_cells(metric))} |" for metric in metrics)
    return f"## {title}\n\n{where}\n\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n{rows}\n"


def _cells(metric: DeclaredMetric) -> list[str]:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return [f"`{metric.name}`", metric.kind, metric.unit, labels, metric.meaning.replace("|", "\\|")]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), "utf-8")
