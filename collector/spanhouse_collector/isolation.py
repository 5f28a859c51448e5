"""One bad request never takes others with it: a refused segment is halved until only the offenders are left out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from spanhouse_storage import DataRefused, Store

from spanhouse_collector.frame import Frame
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.segments import Segment
from spanhouse_collector.segments.recovery import read_frames

logger = logging.getLogger(__name__)


class Isolation:
    """Loads what can be loaded of a segment that the engine refused as a whole; the rest goes to the quarantine folder.

    Parts get tokens made of the segment's and their place in it, so a replay after a crash halves alike and nothing is
    stored twice. A frame in quarantine stands as `<segment>-<start>-<end>.frame`, with the reason beside it in `.json`.
    """

    def __init__(self, store: Store, quarantine: Path, metrics: Metrics) -> None:
        self._store = store
        self._quarantine = quarantine
        self._metrics = metrics

    def load(self, segment: Segment, refusal: DataRefused) -> None:
        """Load the good frames of `segment`. Raises StoreUnavailable where the engine cannot take them now."""
        self._quarantine.mkdir(parents=True, exist_ok=True)
        self._load(segment, read_frames(segment.path), refusal)

    def _load(self, segment: Segment, frames: Sequence[Frame], refusal: DataRefused) -> None:
        if len(frames) == 1:
            self._set_aside(segment, frames[0], refusal)
            return
        middle = len(frames) // 2
        for half in (frames[:middle], frames[middle:]):
            try:
                self._insert(segment, half)
            except DataRefused as error:
                self._load(segment, half, error)

    def _insert(self, segment: Segment, frames: Sequence[Frame]) -> None:
        start, end = frames[0].start, frames[-1].end
        part = self._quarantine / f"{segment.token}-{start}-{end}.part"
        part.write_bytes(_slice(segment.path, start, end))
        try:
            self._store.insert_segment(part, part.stem)
        finally:
            part.unlink()

    def _set_aside(self, segment: Segment, frame: Frame, refusal: DataRefused) -> None:
        path = self._quarantine / f"{segment.token}-{frame.start}-{frame.end}.frame"
        with path.open("wb") as file:
            file.write(_slice(segment.path, frame.start, frame.end))
            file.flush()
            os.fsync(file.fileno())
        reason = {"tenant": frame.tenant, "spans": frame.spans, "reason": str(refusal)}
        path.with_suffix(".json").write_text(json.dumps(reason, indent=2) + "\n", "utf-8")
        self._metrics.quarantined.inc()
        logger.warning("the engine refused a request of tenant %s, kept in %s: %s", frame.tenant, path, refusal)


def _slice(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)
