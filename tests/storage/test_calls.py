"""The calls that the engine finds are those that plain Python finds, for any graph, order and batching."""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, calls_sql, migrate, open_store

from tests.support.call_graphs import call_graph, segments
from tests.support.effort import examples
from tests.support.reference_calls import Ends, reference
from tests.support.spans import segment


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path_factory.mktemp("calls"))))
    migrate(store)
    yield store
    store.close()


@settings(max_examples=examples(30), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32), st.sampled_from([15, 2]))
def test_calls_equal_the_reference(
    embedded: Store, tmp_path_factory: pytest.TempPathFactory, seed: int, lookback: int
) -> None:
    tenant = secrets.token_hex(6)
    folder = tmp_path_factory.mktemp("segments")
    rnd = random.Random(seed)
    spans = call_graph(rnd)
    for index, bodies in enumerate(segments(rnd, spans)):
        _insert(embedded, folder / f"{tenant}-{index}.frames", segment(bodies, tenant=tenant))
    now = int(time.time()) // 60 * 60
    bounds = {"tenant": tenant, "since": now - 3 * 3600, "until": now + 3600, "lookback": lookback}
    expected = reference(spans, lookback)
    calls: Counter[Ends] = Counter()
    errors: Counter[Ends] = Counter()
    samples: dict[str, Counter[tuple[Ends, int]]] = {name: Counter() for name in ("client_ns", "server_ns", "gap_ns")}
    named = found = 0
    for row in embedded.rows(calls_sql(), bounds):
        named, found = named + row["named"], found + row["found"]
        if not row["client"]:
            continue
        ends = Ends(row["client"], row["client_type"], row["server"], row["server_type"], row["connection"])
        calls[ends] += row["calls"]
        errors[ends] += row["calls"] * row["error"]
        for name, counter in samples.items():
            counter[ends, row[name]] += row[name] >= 0
    assert +calls == +expected.calls
    assert +errors == +expected.errors
    assert (named, found) == (expected.named, expected.found)
    for name, counter in samples.items():
        wanted = Counter((ends, value) for ends, values in getattr(expected, name).items() for value in values)
        assert +counter == wanted, name


def _insert(store: Store, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    store.insert_segment(path, path.stem)
