"""How spans are put into requests: as an SDK sends them, and as a gateway that collects from many SDKs does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.wire import WireSpan, resource_part, scope_part, varint
from benchmarks.workloads.story import SentSpan, Story

SDK_SPANS = 512
GATEWAY_SPANS = 8192
# Collectors stay below the 4 MiB that gRPC takes if it is not told otherwise.
GATEWAY_BYTES = 4_000_000
_SCOPE = scope_part("bench", "1.0")

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]


class Fingerprint(NamedTuple):
    """A set of spans: how many, and the XOR and the sum (of 64 bits) of their ids as little-endian numbers."""

    spans: int = 0
    xor: int = 0
    sum: int = 0

    def __add__(self, other: object) -> Fingerprint:
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return Fingerprint(self.spans + other.spans, self.xor ^ other.xor, (self.sum + other.sum) % (1 << 64))


class Key(NamedTuple):
    """What the ids of one cycle are XORed with, so that parents still name their children."""

    trace: Bytes
    span: Bytes

    @classmethod
    def of(cls, rng: np.random.Generator) -> Key:
        """Another one each time."""
        return cls(rng.integers(0, 256, 16, dtype=np.uint8), rng.integers(0, 256, 8, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class Template:
    """One encoded request, where its ids and times are, and the ids of its own spans."""

    body: Bytes
    trace_ids: Places
    span_ids: Places
    times: Places
    own: NDArray[np.uint64]

    @property
    def spans(self) -> int:
        """How many there are."""
        return len(self.own)

    def fresh(self, key: Key, at: int) -> bytes:
        """The request with other ids, for a cycle that begins at a time (unix nanoseconds)."""
        body = self.body.copy()
        body[self.trace_ids] ^= key.trace
        body[self.span_ids] ^= key.span
        body[self.times] = (body[self.times].view("<u8") + np.uint64(at)).view(np.uint8)
        return body.tobytes()

    def fingerprint(self, key: Key) -> Fingerprint:
        """Of the spans that `fresh` makes."""
        own = self.own ^ key.span.view("<u8")[0]
        return Fingerprint(len(own), int(np.bitwise_xor.reduce(own)), int(own.sum(dtype=np.uint64)))


Packaging = Callable[[Story], list[Template]]


def sdk(story: Story) -> list[Template]:
    """512 spans of one resource a request, as they end; so parent and child of a call are in different ones."""
    by_resource: dict[int, list[SentSpan]] = defaultdict(list)
    for span in sorted(story.spans, key=lambda span: span.ended):
        by_resource[span.resource].append(span)
    requests = [spans[at : at + SDK_SPANS] for spans in by_resource.values() for at in range(0, len(spans), SDK_SPANS)]
    return [_template(story, spans) for spans in sorted(requests, key=lambda spans: spans[-1].ended)]


def gateway(story: Story) -> list[Template]:
    """8,192 spans of all resources a request, as they end; fewer where that would be more than 4 MB."""
    return [_template(story, spans) for spans in _chunks(sorted(story.spans, key=lambda span: span.ended))]


PACKAGINGS: dict[str, Packaging] = {"SDK": sdk, "gateway": gateway}


def _chunks(spans: Iterable[SentSpan]) -> Iterator[list[SentSpan]]:
    chunk: list[SentSpan] = []
    size = 0
    for span in spans:
        if len(chunk) == GATEWAY_SPANS or size + len(span.wire.body) > GATEWAY_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(span)
        size += len(span.wire.body)
    if chunk:
        yield chunk


def _template(story: Story, spans: Sequence[SentSpan]) -> Template:
    by_resource: dict[int, list[WireSpan]] = defaultdict(list)
    for span in spans:
        by_resource[span.resource].append(span.wire)
    body = bytearray()
    trace_ids, span_ids, times, own = (list[int]() for _ in range(4))
    for resource, wires in by_resource.items():
        head = resource_part(story.resources[resource])
        scope_size = len(_SCOPE) + sum(len(wire.body) for wire in wires)
        scope_head = b"\x12" + varint(scope_size)
        body += b"\x0a" + varint(len(head) + len(scope_head) + scope_size) + head + scope_head + _SCOPE
        for wire in wires:
            at = len(body)
            trace_ids += (at + place for place in wire.trace_ids)
            span_ids += (at + place for place in wire.span_ids)
            times += (at + place for place in wire.times)
            own.append(int.from_bytes(wire.body[wire.span_ids[0] : wire.span_ids[0] + 8], "little"))
            body += wire.body
    return Template(
        np.frombuffer(bytes(body), np.uint8),
        _places(trace_ids, 16),
        _places(span_ids, 8),
        _places(times, 8),
        np.array(own, np.uint64),
    )


def _places(starts: Sequence[int], size: int) -> Places:
    """Rows of the indices of the bytes of each value."""
    return np.array(starts, np.intp)[:, None] + np.arange(size)
