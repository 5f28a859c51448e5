"""Percentiles of many sketches at once are those of the engine's functions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spanhouse_query.percentiles import SKETCH_FUNCTIONS, STANDARD, ZEROS, sketch_percentiles
from spanhouse_query.sketches import joined, sketches_of

from tests.query.service import Service
from tests.support.effort import examples

Buckets = dict[int, float]
KEYS = st.sampled_from([ZEROS, -1]) | st.integers(0, 2015)
WHOLE = st.integers(1, 1000).map(float)
WEIGHTS = WHOLE | st.floats(1, 1e6, allow_nan=False)
PERCENTILES = f"""
WITH {SKETCH_FUNCTIONS}, mapSort(mapFromArrays({{keys:Array(Int16)}}, {{weights:Array(Float64)}})) AS buckets
SELECT {sketch_percentiles(STANDARD, buckets="buckets", n="arraySum(mapValues(buckets))", smallest="1", largest="9e18")}
    AS found
"""


def written(buckets: Mapping[int, float]) -> str:
    """As the engine's base64Encode(formatRow('RowBinary', …)) writes a map."""
    length = bytes([len(buckets)]) if len(buckets) < 128 else bytes([len(buckets) % 128 + 128, len(buckets) // 128])
    pairs = np.array(list(buckets.items()), [("key", "<i2"), ("weight", "<f8")])
    return b64encode(length + pairs.tobytes()).decode("ascii")


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.dictionaries(KEYS, WEIGHTS, min_size=1, max_size=300), min_size=1, max_size=4))
def test_percentiles_are_the_engines(service: Service, several: list[Buckets]) -> None:
    found = sketches_of((1, 1, 9 * 10**18, written(buckets)) for buckets in several)

    assert found.totals().tolist() == pytest.approx([sum(buckets.values()) for buckets in several])
    for buckets, percentiles in zip(several, found.percentiles().tolist(), strict=True):
        (row,) = service.store.rows(PERCENTILES, {"keys": list(buckets), "weights": list(buckets.values())})
        assert percentiles == pytest.approx(row["found"], rel=1e-9, abs=1)


@given(st.lists(st.dictionaries(KEYS, WHOLE, max_size=300), min_size=1, max_size=6), st.integers(0, 6))
def test_parts_add_up_to_the_whole(several: list[Buckets], cut: int) -> None:
    rows = [(len(one), min(one, default=0) + 40_000, max(one, default=0) + 40_000, written(one)) for one in several]
    parts = joined([sketches_of(rows[:cut]), sketches_of(rows[cut:])])
    added = parts.added(np.zeros(len(rows), np.int64), 1)

    assert added.n.tolist() == [sum(map(len, several))]
    assert added.largest.tolist() == [max(row[2] for row in rows)]
    assert added.totals().tolist() == pytest.approx([sum(sum(one.values()) for one in several)])
    if any(several):
        assert added.smallest.tolist() == [min(row[1] for row in rows if row[0])]
    whole: Buckets = {}
    for one in several:
        for key, weight in one.items():
            whole[key] = whole.get(key, 0.0) + weight
    smallest = min([row[1] for row in rows if row[0]], default=0)
    alone = sketches_of([(sum(map(len, several)), smallest, max(row[2] for row in rows), written(whole))])
    assert added.percentiles().tolist()[0] == pytest.approx(alone.percentiles().tolist()[0], rel=1e-9, abs=1)


def test_no_rows_have_no_percentiles() -> None:
    assert sketches_of([]).percentiles().shape == (0, len(STANDARD))
