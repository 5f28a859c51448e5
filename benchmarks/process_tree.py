"""What a process and all its descendants take, as /proc tells it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class ProcessTree:
    """A process and its descendants. A process that has ended counts with its parent, which has waited for it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def pids(self) -> list[int]:
        """The process first."""
        children: dict[int, list[int]] = {}
        for folder in _PROC.iterdir():
            if folder.name.isdigit() and (fields := _stat(folder)):
                children.setdefault(int(fields[1]), []).append(int(folder.name))
        found = [self._pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    @property
    def cpu_seconds(self) -> float:
        """User and system time, of all threads."""
        stats = [fields for pid in self.pids if (fields := _stat(_PROC / str(pid)))]
        return sum(int(ticks) for fields in stats for ticks in fields[11:15]) / _TICKS

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return sum(_status_kb(pid, "VmRSS") for pid in self.pids) * 1024

    @property
    def peak_memory(self) -> int:
        """The most resident bytes that each process had, added up."""
        return sum(_status_kb(pid, "VmHWM") for pid in self.pids) * 1024

    @property
    def descriptors(self) -> int:
        """Open files and sockets."""
        return sum(len(list((_PROC / str(pid) / "fd").iterdir())) for pid in self.pids)

    @property
    def threads(self) -> int:
        """How many there are."""
        return sum(_status_kb(pid, "Threads") for pid in self.pids)

    @property
    def cpu_by_thread(self) -> Counter[str]:
        """Ticks of the process by the name of the thread, "main" for the first; threads that have ended are "ended"."""
        whole = _stat(_PROC / str(self._pid))
        found = Counter(ended=int(whole[11]) + int(whole[12]))
        for task in (_PROC / str(self._pid) / "task").iterdir():
            if fields := _stat(task):
                ticks = int(fields[11]) + int(fields[12])
                found["main" if task.name == str(self._pid) else _name(task)] += ticks
                found["ended"] -= ticks
        return found


def _stat(folder: Path) -> list[str]:
    """The fields after the name; nothing where it has ended."""
    try:
        return (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _name(task: Path) -> str:
    try:
        return (task / "comm").read_text("utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return "ended"


def _status_kb(pid: int, name: str) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text("utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
