"""The log of accepted requests: segment files that are appended to, sealed, loaded and removed."""

from spanhouse_collector.segments.log import SegmentLog
from spanhouse_collector.segments.quarantine import Kind, Quarantine
from spanhouse_collector.segments.room import Room
from spanhouse_collector.segments.segment import Segment

__all__ = ["Kind", "Quarantine", "Room", "Segment", "SegmentLog"]
