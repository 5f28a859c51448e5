"""Requests that are ready to be sent: the templates of a workload, cycle after cycle, each time with other ids."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from isal import igzip

from benchmarks.packaging import Fingerprint, Key, Template
from benchmarks.workloads.story import WINDOW

Encode = Callable[[bytes], bytes]
_AGAIN_AFTER = 10


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request and what its acknowledgement promises: nothing more where it is the same one sent again."""

    body: bytes
    promised: Fingerprint


def identity(body: bytes) -> bytes:
    """As it is."""
    return body


def gzip(body: bytes) -> bytes:
    """As an exporter with `compression: gzip` sends it."""
    return igzip.compress(body, 1)


def supply(
    templates: Sequence[Template], *, seed: int = 1, encode: Encode = identity, again_every: int = 0
) -> Iterator[Outgoing]:
    """Endless requests, whose spans end now. again_every: one request in so many is sent again, ten requests later."""
    rng = np.random.default_rng(seed)
    waiting: deque[tuple[int, bytes]] = deque()
    number = 0
    while True:
        key, began = Key.of(rng), time.time_ns() - WINDOW
        for template in templates:
            number += 1
            body = encode(template.fresh(key, began))
            if again_every and not number % again_every:
                waiting.append((number + _AGAIN_AFTER, body))
            yield Outgoing(body, template.fingerprint(key))
            while waiting and waiting[0][0] <= number:
                yield Outgoing(waiting.popleft()[1], Fingerprint())


def take(requests: Iterator[Outgoing], spans: int) -> list[Outgoing]:
    """Requests with at least so many spans, encoded now."""
    taken: list[Outgoing] = []
    while spans > 0:
        taken.append(next(requests))
        spans -= taken[-1].promised.spans
    return taken
