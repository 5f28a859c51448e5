"""Questions to the HTTP API, and how long their answers take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
from httpx2 import ASGITransport, AsyncClient, Response
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app
from spanhouse_storage import Store

from benchmarks.timed_store import Statement, TimedPool, forget_what_was_read

Parameters = Mapping[str, str | int]
Judged = Literal["median", "p99"]
# Says what is wrong with an answer, or nothing.
Check = Callable[[Any], str]


def no_check(_: Any) -> str:
    """Any answer will do."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of whom, and how fast the answer should be.

    paths: asked in turn. goal: milliseconds of the figure that `judged` names. anew: each time of a service that has
    kept nothing of earlier answers.
    """

    name: str
    tenant: str
    paths: Sequence[str]
    parameters: Parameters = field(default_factory=dict)
    goal: float | None = None
    judged: Judged = "median"
    check: Check = no_check
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How long the answers took, milliseconds, and what they cost.

    first: after the engine's caches were emptied. cpu_ms: of the whole process, the median. rss_mb: the most memory
    that the process had meanwhile. wrong: what is wrong with the first answer, or nothing.
    """

    name: str
    first_ms: float
    median_ms: float
    p99_ms: float
    cpu_ms: float
    rows_read: int
    rss_mb: int
    goal_ms: float | None
    judged: Judged
    wrong: str
    statements: list[dict[str, Any]]

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None without one."""
        figure = self.p99_ms if self.judged == "p99" else self.median_ms
        return None if self.goal_ms is None else figure <= self.goal_ms


class Asker:
    """Asks the query service in this process, one question at a time."""

    def __init__(self, store: Store, pool: TimedPool) -> None:
        self._store = store
        self._pool = pool
        self._client = self._another()

    async def ask(self, question: Question, rounds: int) -> Figures:
        """Once with empty caches, then `rounds` times and at least once for each path."""
        forget_what_was_read(self._store)
        _forget_peak()
        first_ms, _, response = await self._one(question, question.tenant, 0)
        wall, cpu = [], []
        self._pool.statements.clear()
        for number in range(max(rounds, len(question.paths))):
            wall_ms, cpu_ms, _ = await self._one(question, question.tenant, number)
            wall.append(wall_ms)
            cpu.append(cpu_ms)
        asked = list(self._pool.statements)
        answer = response.json()
        wrong = question.check(answer) if response.status_code == 200 else f"status {response.status_code}"
        return Figures(
            name=question.name,
            first_ms=round(first_ms, 1),
            median_ms=round(median(wall), 1),
            p99_ms=round(float(np.percentile(wall, 99)), 1),
            cpu_ms=round(median(cpu), 1),
            rows_read=answer.get("meta", {}).get("rows_read", 0),
            rss_mb=_peak_mb(),
            goal_ms=question.goal,
            judged=question.judged,
            wrong=wrong,
            statements=_by_statement(asked, await self._planning(question), len(wall)),
        )

    async def close(self) -> None:
        """Nothing more will be asked."""
        await self._client.aclose()

    def _another(self) -> AsyncClient:
        app = create_app(self._store, registry=CollectorRegistry())
        return AsyncClient(transport=ASGITransport(app=app), base_url="http://spanhouse", timeout=60)

    async def _one(self, question: Question, tenant: str, number: int) -> tuple[float, float, Response]:
        path = question.paths[number % len(question.paths)]
        client = self._another() if question.anew else self._client
        wall, cpu = time.perf_counter(), time.process_time()
        response = await client.get(path, params=question.parameters, headers={"X-Scope-OrgID": tenant})
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return wall * 1000, cpu * 1000, response

    async def _planning(self, question: Question, rounds: int = 5) -> dict[str, float]:
        """Milliseconds by statement where there is nothing to read: asked for a tenant that has no data."""
        self._pool.statements.clear()
        for _ in range(rounds):
            await self._one(question, "nobody", 0)
        return {sql: median(times) for sql, times in _wall_by_sql(self._pool.statements).items()}


def _wall_by_sql(statements: Sequence[Statement]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in statements:
        found.setdefault(one.sql, []).append(one.wall_ms)
    return found


def _by_statement(asked: Sequence[Statement], planning: Mapping[str, float], rounds: int) -> list[dict[str, Any]]:
    """In the order in which they are first asked; times: how often for one answer."""
    tables = {one.sql: one.tables for one in asked}
    return [
        {
            "tables": tables[sql],
            "times": round(len(wall) / rounds, 1),
            "median_ms": round(median(wall), 1),
            "planning_ms": round(planning[sql], 1) if sql in planning else None,
        }
        for sql, wall in _wall_by_sql(asked).items()
    ]


def _forget_peak() -> None:
    """Let the system count the most memory of this process anew, where it can."""
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5", "ascii")


def _peak_mb() -> int:
    status = Path("/proc/self/status").read_text("utf-8")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))
