"""OTLP receiver: checks, logs and loads spans without touching one in Python."""

from spanhouse_collector.collector import Collector
from spanhouse_collector.config import CollectorConfig, Rate, RollupConfig

__all__ = ["Collector", "CollectorConfig", "Rate", "RollupConfig"]
