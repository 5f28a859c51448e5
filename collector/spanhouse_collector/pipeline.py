"""One signal's way from an accepted request to the store: its log, what is loaded from it, and what is set aside."""

from __future__ import annotations

import asyncio

from anyio import CapacityLimiter
from spanhouse_storage import DataDirectory, Store

from spanhouse_collector.admission.recent import RecentRequests, key_of
from spanhouse_collector.admission.recent_file import RecentFile
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.errors import Cause, Overloaded
from spanhouse_collector.frame import digest_of, frame_header
from spanhouse_collector.loading.loader import Loader
from spanhouse_collector.loading.retries import Retries
from spanhouse_collector.loading.window import Window
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.segments import Quarantine, Room, SegmentLog
from spanhouse_collector.signals import METRICS, Checked, OtlpSignal


class Pipeline:
    """The log of a signal in `log/SIGNAL`, what is known of it in `log/SIGNAL.state`, and its loader.

    room: what all logs share. inserting: what is held while something is inserted.
    """

    def __init__(
        self,
        signal: OtlpSignal,
        store: Store,
        data: DataDirectory,
        config: CollectorConfig,
        *,
        room: Room,
        metrics: Metrics,
        inserting: CapacityLimiter,
    ) -> None:
        self.signal = signal
        self.metrics = metrics.of(signal)
        self._room = room
        folder, state = data.log / signal.name, data.log / f"{signal.name}.state"
        quarantine = Quarantine(data.quarantine / signal.name, metrics.count_quarantined)
        age = config.metrics_segment_age if signal is METRICS else config.segment_age
        self._recent = RecentRequests()
        self._recent_file = RecentFile(state)
        self.log = SegmentLog(
            folder, quarantine, config, self._recent_file.append, room=room, segment_age=age, metrics=self.metrics
        )
        self._window = Window(state)
        self._loader = Loader(
            signal, self.log, store, quarantine, self.metrics, inserting=inserting, window=self._window
        )
        self._retries = Retries(quarantine, self.log)
        self.metrics.log_segments.set_function(lambda: self.log.segments_waiting)
        self.metrics.log_oldest.set_function(lambda: self.log.oldest_seconds)
        self.metrics.load_failing.set_function(lambda: self._loader.trouble is not None)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written, or why the last load failed; None while all is well."""
        return self.log.trouble or self._loader.trouble

    async def open(self) -> None:
        """Recover the log and begin to write. Raises OSError."""
        for key in self._recent_file.open():
            self._recent.remember(key)
        self._window.open()
        await self.log.open(
            lambda frame: self._recent.remember(key_of(frame.tenant, frame.digest)), ahead=self._window.ahead
        )

    def run(self) -> list[asyncio.Task[None]]:
        """Begin to load. The tasks end once the log is closed and empty, or with `stop_loading`."""
        name = self.signal.name
        return [
            asyncio.create_task(self._loader.run(), name=f"loader of {name}"),
            asyncio.create_task(self._retries.run(), name=f"retries of {name}"),
        ]

    async def keep(self, tenant: str, body: bytes, received_at: int, checked: Checked) -> bool:
        """Make a request durable; whether it is a repetition of one that is. Raises Overloaded where it cannot now."""
        digest = digest_of(body)
        key = key_of(tenant, digest)
        is_repeated = key in self._recent
        written = self._recent.pending(key)
        if not is_repeated:
            header = frame_header(
                tenant, received_at, body, digest=digest, items=checked.items, rejected=checked.rejected
            )
            written = self.log.append(header, body, checked.items - checked.rejected, key)
            self._recent.begin(key, written)
        if written is not None:
            try:
                await asyncio.shield(written)
            except OSError as error:
                reason = f"the request could not be written: {error.strerror}"
                raise Overloaded(reason, self._room.until_written(), Cause.WRITE) from error
        return is_repeated

    async def close_log(self) -> None:
        """Write and seal what is there; nothing more is taken."""
        self._retries.stop()
        await self.log.close()
        self._recent_file.close()

    def stop_loading(self) -> None:
        """Let the loader end after the insert that is running."""
        self._loader.stop()

    def close(self) -> None:
        """Release what is left, once the tasks have ended."""
        self._window.close()
