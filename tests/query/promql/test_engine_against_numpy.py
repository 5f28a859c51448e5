"""What the engine computes of windows is what is computed here of the same samples."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from spanhouse_query.series import Steps
from spanhouse_query.series.range_functions import apply
from spanhouse_query.series.samples import STALE, Samples

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import at, instant, ranged
from tests.query.service import Service
from tests.support.metrics import gauge, number
from tests.support.spans import MILLISECOND

FUNCTIONS = [
    "rate",
    "increase",
    "irate",
    "delta",
    "idelta",
    "changes",
    "resets",
    "sum_over_time",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "last_over_time",
]
SERIES = 8
TENANT = "engine-against-numpy"


def points(row: int) -> dict[int, float | None]:
    """Milliseconds after the hour to values, None where nothing was recorded: the same for the same row."""
    chance = random.Random(row)
    found: dict[int, float | None] = {}
    value = 0.0
    for place in range(60):
        value = chance.choice([value + chance.randrange(9), value + chance.random(), value, chance.random() * 3])
        stamp = place * 10_000 + chance.choice([0, 0, 0, 1, -1, 4_000, 5_500])
        found[stamp] = chance.choice([None, math.nan, math.inf] + [value] * (20 + 200 * (row % 2)))
    return found


@pytest.fixture(scope="module")
def samples(service: Service) -> Samples:
    """Stored, and as they are."""
    for row in range(SERIES):
        sent = [
            number(value, {"row": row}, at=at(0) + stamp * MILLISECOND)
            for stamp, value in points(row).items()
            for _ in range(1 + stamp % 2)  # some are sent twice
        ]
        feed(service, TENANT, {"web": [gauge("x", *sent, unit="")]})
    stale = float(np.array([STALE]).view(np.float64)[0])
    cells = [(row, stamp, value) for row in range(SERIES) for stamp, value in sorted(points(row).items())]
    return Samples(
        SERIES,
        np.array([row for row, _, _ in cells]),
        np.array([at(0) // MILLISECOND + stamp for _, stamp, _ in cells]),
        np.array([stale if value is None else value for _, _, value in cells]),
    )


@pytest.mark.parametrize("function", [*FUNCTIONS, "instant"])
@pytest.mark.parametrize(("window", "step"), [(60.0, 10.0), (30.0, 30.0), (95.5, 7.25), (5.0, 60.0)])
def test_each_step_is_the_same(service: Service, samples: Samples, function: str, window: float, step: float) -> None:
    steps = Steps(at(0) // MILLISECOND, at(650) // MILLISECOND, round(step * 1000))
    query = "x" if function == "instant" else f"{function}(x[{round(window * 1000)}ms])"
    milliseconds = 300_000 if function == "instant" else round(window * 1000)

    found = {int(one["metric"]["row"]): one["values"] for one in ranged(service, TENANT, query, 0, 650, step)}
    values, present = apply(function, samples, steps, milliseconds)

    for row in range(SERIES):
        there = np.flatnonzero(present[row])
        shown = found.get(row, [])
        assert [round(stamp * 1000) for stamp, _ in shown] == steps.instants[there].tolist()
        got = np.array([float(text) for _, text in shown])
        np.testing.assert_allclose(got, values[row][there], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_instant_is_the_same(service: Service, samples: Samples, function: str) -> None:
    found = {int(one["metric"]["row"]): one["value"][1] for one in instant(service, TENANT, f"{function}(x[1m])", 300)}
    values, present = apply(function, samples, Steps.at(at(300) // MILLISECOND), 60_000)

    assert set(found) == set(np.flatnonzero(present[:, 0]).tolist())
    for row, text in found.items():
        np.testing.assert_allclose(float(text), values[row, 0], rtol=1e-12)
