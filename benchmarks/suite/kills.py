"""kill -9 under load, again and again, with a store that fails at random: what is lost, and what is doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.progress import say
from benchmarks.suite.scale import Scale


def kills(scale: Scale) -> dict[str, Any]:
    """The figures of `make soak-kill`, for fewer kills; in a process of its own, which opens the store in the end."""
    command = [sys.executable, "-m", "tests.system.soak_kill", f"--rounds={scale.kills}", "--longest=1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    figures: dict[str, Any] = json.loads(done.stdout)
    say(f"{figures['kills']} kills: {figures['lost']} lost, {figures['duplicated']} doubled")
    return figures
