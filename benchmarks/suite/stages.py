"""Where the CPU of storing goes, step by step; in a process of its own, which opens a store."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.progress import say
from benchmarks.suite.scale import Scale

MERGING = "merging into one part"


def stages(scale: Scale) -> dict[str, float]:
    """Microseconds a span by step, see benchmarks.stages."""
    command = [sys.executable, "-m", "benchmarks.stages", str(scale.stage_spans), str(scale.stage_inserts)]
    steps: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    say(f"storing takes {sum(steps.values()):.1f} microseconds of CPU a span")
    return steps
