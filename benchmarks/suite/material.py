"""What is sent: workloads as they were told, in each packaging, made when they are first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from benchmarks.packaging import PACKAGINGS, Template
from benchmarks.supply import Encode, Outgoing, gzip, identity, supply, take
from benchmarks.workloads import WORKLOADS, Story, Truth

SEED = 20
# Of the hostile requests, one in so many is sent again as a whole.
_AGAIN_EVERY = 25


@dataclass(frozen=True)
class Combination:
    """A workload in a packaging over a protocol. encoding: gzip or identity."""

    workload: str
    packaging: str
    transport: str = "gRPC"
    encoding: str = "identity"

    @property
    def gzip(self) -> bool:
        """Whether the sender says so of its requests."""
        return self.encoding == "gzip"

    @property
    def encode(self) -> Encode:
        """How requests are made ready; gRPC compresses them itself."""
        return gzip if self.gzip and self.transport == "HTTP" else identity

    @property
    def again_every(self) -> int:
        """See supply."""
        return _AGAIN_EVERY if self.workload == "hostile" else 0


@lru_cache(2)
def story(workload: str, spans: int) -> Story:
    """One cycle."""
    return WORKLOADS[workload](SEED, spans)


@lru_cache(None)
def truth(workload: str, spans: int) -> Truth:
    """What is known of a cycle, which is kept for longer than the cycle."""
    return story(workload, spans).truth


@lru_cache(4)
def templates(workload: str, packaging: str, spans: int) -> list[Template]:
    """One cycle as requests."""
    return PACKAGINGS[packaging](story(workload, spans))


def requests(combination: Combination, *, cycle: int, spans: int, seed: int = 1) -> list[Outgoing]:
    """At least so many spans, ready to be sent."""
    made = templates(combination.workload, combination.packaging, cycle)
    return take(supply(made, seed=seed, encode=combination.encode, again_every=combination.again_every), spans)
