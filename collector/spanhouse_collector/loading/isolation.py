"""One bad request never takes others with it: what is wrong with a segment is looked for in its halves."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

from spanhouse_storage import DataRefused, Store, StoreError
from spanhouse_storage.errors import code_of

from spanhouse_collector.frame import Damage, Frame, scan
from spanhouse_collector.loading.canonical import canonical_frame
from spanhouse_collector.loading.stored import holds_any
from spanhouse_collector.segments import Kind, Quarantine, Segment
from spanhouse_collector.segments.halves import repair, split
from spanhouse_collector.segments.recovery import keep_damage
from spanhouse_collector.signals import OtlpSignal

logger = logging.getLogger(__name__)

_MEMORY_LIMIT_EXCEEDED = 241
_TRIES_WITHOUT_MEMORY = 4
_TRIES_OF_A_HALF = 2
_REFUSALS_IN_A_ROW = 20


@dataclass(slots=True)
class _Suspicion:
    """tries: loads of a segment that failed for want of memory. stored: how much was stored before the first."""

    stored: int
    tries: int = 0


class Isolation:
    """Finds the requests that the engine cannot take, and puts them into quarantine.

    A segment that the engine refuses is written anew in canonical form, where its requests are not in that, and loaded
    next. One that is refused then, or has no memory for several times, is halved; its halves are segments of their
    own, to which the same happens, down to single requests. A single one is set aside: at once where the engine refused
    its bytes, and where memory was short once others were stored meanwhile.

    When many in a row are refused it is the engine that is wrong: nothing more is halved or set aside until something
    is stored again. Runs in the loader's thread.
    """

    def __init__(self, signal: OtlpSignal, store: Store, quarantine: Quarantine) -> None:
        self._signal = signal
        self._store = store
        self._quarantine = quarantine
        self._stored = 0
        self._refused = 0
        self._suspicions: dict[str, _Suspicion] = {}

    def cleared(self, segment: Segment) -> None:
        """Note a segment that is stored."""
        self._stored += 1
        self._refused = 0
        self._suspicions.pop(segment.token, None)

    def replace(self, segment: Segment, error: StoreError) -> list[Segment]:
        """What is to be loaded in the place of a segment whose load failed with `error`.

        It repaired, or its halves; nothing where it is in quarantine now; itself where others are to be tried first.
        Raises `error` where the data may not be to blame.
        """
        if isinstance(error, DataRefused):
            if repaired := self._repaired(segment):
                return [repaired]
            self._refused += 1
            if self._refused > _REFUSALS_IN_A_ROW:
                return [segment]
            return self._take_apart(segment, error, is_proven=True)
        if code_of(error.__cause__ or error) != _MEMORY_LIMIT_EXCEEDED:
            raise error
        suspicion = self._suspicions.setdefault(segment.token, _Suspicion(self._stored))
        suspicion.tries += 1
        if suspicion.tries < _TRIES_WITHOUT_MEMORY:
            return [segment]
        return self._take_apart(segment, error, is_proven=self._stored > suspicion.stored)

    def is_stored(self, segment: Segment) -> bool:
        """Whether a segment that the engine may have forgotten is in the store, in part at least.

        Then it is put into quarantine, because it would be stored again. Raises StoreError.
        """
        data = memoryview(segment.path.read_bytes())
        frames = [part for part in scan(data) if isinstance(part, Frame)]
        if not holds_any(self._signal, self._store, data, frames):
            return False
        reason = "a part of it was stored so long ago that the engine has forgotten which"
        logger.error("segment %s: %s; more segments overtook it than the engine remembers", segment.path.name, reason)
        self._set_aside(segment, Counter(frame.tenant for frame in frames), Kind.PARTIAL, reason)
        return True

    def _repaired(self, segment: Segment) -> Segment | None:
        """The segment with its requests in canonical form; None where they are, or where a part is stored."""
        data = memoryview(segment.path.read_bytes())
        parts = list(scan(data))
        frames = [part for part in parts if isinstance(part, Frame)]
        written = [canonical_frame(self._signal, data, frame) for frame in frames]
        if not any(written) or len(frames) < len(parts) or holds_any(self._signal, self._store, data, frames):
            return None
        logger.info("segment %s: written anew in canonical form, because the engine refused it", segment.path.name)
        pairs = zip(written, frames, strict=True)
        return repair(segment, [anew or data[frame.start : frame.end] for anew, frame in pairs])

    def _take_apart(self, segment: Segment, error: StoreError, *, is_proven: bool) -> list[Segment]:
        data = memoryview(segment.path.read_bytes())
        found = list(scan(data))
        frames = [part for part in found if isinstance(part, Frame)]
        damage = [part for part in found if isinstance(part, Damage)]
        is_partial = holds_any(self._signal, self._store, data, frames)
        if (len(frames) > 1 or damage) and not is_partial:
            keep_damage(segment.path, data, damage, self._quarantine)
            halves = split(segment, data, frames)
            self._inherit(segment, halves)
            return halves
        if not is_proven:
            return [segment]
        kind = Kind.PARTIAL if is_partial else Kind.REFUSED if isinstance(error, DataRefused) else Kind.MEMORY
        self._set_aside(segment, Counter(frame.tenant for frame in frames), kind, str(error))
        return []

    def _inherit(self, segment: Segment, halves: list[Segment]) -> None:
        if suspicion := self._suspicions.pop(segment.token, None):
            tries = _TRIES_WITHOUT_MEMORY - _TRIES_OF_A_HALF
            self._suspicions |= {half.token: _Suspicion(suspicion.stored, tries) for half in halves}

    def _set_aside(self, segment: Segment, requests: Counter[str], kind: Kind, reason: str) -> None:
        name = f"{segment.token}.{'frame' if requests.total() == 1 else 'frames'}"
        path = self._quarantine.keep(
            name, segment.path.read_bytes(), kind=kind, reason=reason, requests=requests, items=segment.items
        )
        segment.path.unlink(missing_ok=True)
        self._suspicions.pop(segment.token, None)
        tenants = ", ".join(sorted(requests))
        logger.warning("the engine cannot take a request of tenant %s, kept in %s: %s", tenants, path, reason)
