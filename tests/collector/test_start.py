"""A start that fails leaves nothing running, and can be made again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_storage import DataDirectory, Store

pytestmark = pytest.mark.anyio


def held_below(folder: Path) -> list[Path]:
    """What this process holds open in a folder."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.append(descriptor.readlink())
        except FileNotFoundError:  # another thread's
            continue
    return [path for path in found if path.is_relative_to(folder)]


@pytest.mark.parametrize("in_the_way", ["metrics", "metrics.state"])
async def test_where_the_log_of_one_signal_cannot_be_opened_that_of_the_other_is_closed(
    data: DataDirectory, store: Store, in_the_way: str
) -> None:
    obstacle = data.log / in_the_way
    data.log.mkdir(parents=True)
    obstacle.touch()
    config = CollectorConfig(otlp_grpc="127.0.0.1:0")
    failed = Collector(config, store, data, CollectorRegistry())

    with pytest.raises(FileExistsError):
        await failed.start()
    await failed.stop(5)

    assert held_below(data.log) == []
    assert "segment-writer" not in {thread.name for thread in threading.enumerate()}
    obstacle.unlink()
    again = Collector(config, store, data, CollectorRegistry())
    await again.start()
    assert again.status()["state"] == "ready"
    await again.stop(5)
