"""Statements that do not need one another, run at the same time, so that each has a core of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import anyio

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """What both give. Where one raises the other is cancelled, and that error raised."""
    seconds: list[B] = []

    async def run() -> None:
        seconds.append(await second)

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            one = await first
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return one, seconds[0]


async def every(several: Sequence[Awaitable[A]]) -> list[A]:
    """What all give, in their order; see `both`."""
    found: dict[int, A] = {}

    async def run(number: int, one: Awaitable[A]) -> None:
        found[number] = await one

    try:
        async with anyio.create_task_group() as tasks:
            for number, one in enumerate(several):
                tasks.start_soon(run, number, one)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return [found[number] for number in range(len(several))]
