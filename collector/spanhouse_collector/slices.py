"""Statements that need more memory than they may take are run in slices of their keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from spanhouse_storage import QueryTooLarge

T = TypeVar("T")

_MOST = 1024


class Slices:
    """How many slices one kind of statement needs; found by trying."""

    def __init__(self) -> None:
        self._number = 1

    async def run(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        """The outcome of `attempt` with as many slices as it fits into memory with. Raises QueryTooLarge past 1,024."""
        while True:
            try:
                return await attempt(self._number)
            except QueryTooLarge:
                if self._number >= _MOST:
                    raise
                self._number *= 2

    def relax(self) -> None:
        """Try with fewer again."""
        self._number = max(1, self._number // 2)
