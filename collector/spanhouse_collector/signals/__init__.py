"""What OTLP carries: traces and metrics, and all in which they differ on their way in."""

from spanhouse_collector.signals.points import METRICS
from spanhouse_collector.signals.signal import Checked, OtlpSignal
from spanhouse_collector.signals.spans import TRACES

SIGNALS: dict[str, OtlpSignal] = {signal.name: signal for signal in (TRACES, METRICS)}

__all__ = ["METRICS", "SIGNALS", "TRACES", "Checked", "OtlpSignal"]
