"""One life of a rollup: a process on an embedded store that does what its standard input says, line by line.

    python -m tests.system.rollup_life FOLDER

    store PATH     stores the segment PATH and writes `stored`
    step           takes a step of a rollup without memory; writes `begun` when it begins, `writes` before each of its
                   statements that write, and `ended` when it is done
    tell SINCE     writes one line of JSON, the rows of `TABLES` by name; SINCE is before all of them, unix seconds

The engine is opened at the first line, so a process can be started ahead of its life. It closes the store where its
input ends.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, migrate, open_store

from tests.support.rolled_edges import COARSE_TIERS, MATCHED, ROLLED

# What the rollup holds, and for each table what it must hold.
TABLES = {
    "minutes": ROLLED,
    "minutes matched": MATCHED,
    **{tier.name: tier.rolled for tier in COARSE_TIERS},
    **{f"{tier.name} added up": tier.added_up for tier in COARSE_TIERS},
}
TENANT = "default"


def main() -> None:
    orders = iter(sys.stdin.readline, "")
    first = next(orders, None)
    if first is None:
        return
    with closing(open_store(StoreConfig(engine=EmbeddedConfig(path=Path(sys.argv[1]))))) as store:
        migrate(store)
        announce_writes(store)
        anyio.run(_live, store, first, orders)


def announce_writes(store: Store) -> None:
    execute = store.queries.execute

    async def announced(sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> None:
        print("writes", flush=True)
        await execute(sql, parameters, **more)

    store.queries.execute = announced  # type: ignore[method-assign]


async def _live(store: Store, first: str, rest: Iterator[str]) -> None:
    line = first
    while line:
        order, _, argument = line.strip().partition(" ")
        if order == "store":
            store.insert_segment(Path(argument), Path(argument).stem)
            print("stored", flush=True)
        elif order == "step":
            print("begun", flush=True)
            await EdgeRollup(store, RollupConfig(), CapacityLimiter(1), Metrics(CollectorRegistry())).step()
            print("ended", flush=True)
        else:
            bounds = {"tenant": TENANT, "since": int(argument), "until": int(time.time()), "lookback": 15}
            print(json.dumps({name: store.rows(sql, bounds) for name, sql in TABLES.items()}), flush=True)
        line = next(rest, "")


if __name__ == "__main__":
    main()
