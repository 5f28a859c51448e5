"""Where and with what a measurement was made, as every result says it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GIB = 1 << 30


def environment(packages: Iterable[str]) -> dict[str, Any]:
    """Date, machine with its kernel, Python and the versions of `packages`."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} x {_cpu_model()}, {memory:.0f} GiB, {_kernel()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def _kernel() -> str:
    """Its version, without what a distribution adds to it."""
    return f"{platform.system()} {platform.release().partition('-')[0]}"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo").read_text("utf-8")
    return next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "CPU")
