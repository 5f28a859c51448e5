"""Which journeys a run makes: the same seed gives the same visits in the same order, on every machine."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from spanhouse_demo.topology import JOURNEYS

# How the shopper is told what to do.
RATE_VARIABLE, SEED_VARIABLE, JOURNEYS_VARIABLE = "SHOP_RATE", "SHOP_SEED", "SHOP_JOURNEYS"


@dataclass(frozen=True)
class Visit:
    """One journey to make: its number from 0, its kind (a key of `JOURNEYS`) and the product it is about, 1 to 24."""

    number: int
    kind: str
    product: int


def visits(seed: int) -> Iterator[Visit]:
    """The visits of a run without end; the first are one of each kind, so that even a short run shows every edge."""
    source = random.Random(seed)  # not a secret: it must be repeatable
    kinds = list(JOURNEYS)
    opening = source.sample(kinds, len(kinds))
    weights = [JOURNEYS[kind].weight for kind in kinds]
    number = 0
    while True:
        kind = opening[number] if number < len(opening) else source.choices(kinds, weights)[0]
        yield Visit(number, kind, source.randint(1, 24))
        number += 1


def kinds_of(seed: int, journeys: int) -> list[str]:
    """The kinds of the first `journeys` visits, for `expected_calls`."""
    return [visit.kind for visit in islice(visits(seed), journeys)]
